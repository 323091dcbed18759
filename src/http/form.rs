//! The form of an answer: writes the body of a [`Refusal`] and settles the media type (RFC 7644 §3.8, §3.12).
//!
//! One layer around everything, so that a handler, a time-out, a panic and an unknown path all refuse alike.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::refusal::Refusal;
use crate::scim;
use crate::scim::message::ErrorMessage;

pub const SCIM_JSON: HeaderValue = HeaderValue::from_static("application/scim+json");
pub const JSON: HeaderValue = HeaderValue::from_static("application/json");
const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// Whose rules an answer follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Scim,
    Problem,
}

impl Form {
    /// By the path: `/t/{tenant}/scim…` speaks SCIM, everything else problem details.
    fn of(path: &str) -> Form {
        let mut segments = path.trim_start_matches('/').split('/');
        match (segments.next(), segments.nth(1)) {
            (Some("t"), Some("scim")) => Form::Scim,
            _ => Form::Problem,
        }
    }
}

/// The outermost layer. What the router itself or a library refuses without a body is a refusal as well.
pub async fn settle(request: Request, next: Next) -> Response {
    let form = Form::of(request.uri().path());
    let plain_json = form == Form::Scim && wants_plain_json(request.headers());
    let mut response = next.run(request).await;
    if let Some(refusal) = response.extensions_mut().remove::<Refusal>() {
        response = write(&refusal, form, response);
    }
    if plain_json && response.headers().get(header::CONTENT_TYPE) == Some(&SCIM_JSON) {
        response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    }
    response
}

fn write(refusal: &Refusal, form: Form, bare: Response) -> Response {
    let (media_type, body) = match form {
        Form::Scim => (SCIM_JSON, scim_error(refusal)),
        Form::Problem => (PROBLEM_JSON, problem(refusal)),
    };
    let (mut parts, _) = bare.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.insert(header::CONTENT_TYPE, media_type);
    (parts, body.to_string()).into_response()
}

/// RFC 7644 §3.12: `status` is a JSON string and equals the HTTP status.
pub(super) fn scim_error(refusal: &Refusal) -> Value {
    let error = scim::Error::new(refusal.status.as_u16(), refusal.scim_type, refusal.detail.as_str());
    // Plain text members: printing them cannot fail.
    serde_json::to_value(ErrorMessage::from(&error)).unwrap_or_default()
}

/// RFC 9457 §3.1, with the members of our own it allows in §3.2.
fn problem(refusal: &Refusal) -> Value {
    let mut body = json!({
        "type": "about:blank",
        "title": title(refusal.status),
        "status": refusal.status.as_u16(),
        "code": refusal.code,
        "detail": refusal.detail,
    });
    for (name, value) in &refusal.members {
        body[*name] = value.clone();
    }
    body
}

pub fn title(status: StatusCode) -> &'static str {
    status.canonical_reason().unwrap_or("Refused")
}

/// RFC 7644 §3.8: SCIM's own media type unless the client takes `application/json` and not that. An `Accept` that
/// names neither gets it too, which RFC 9110 §12.5.1 allows and people with browsers are glad of.
fn wants_plain_json(headers: &HeaderMap) -> bool {
    let mut json = false;
    for value in headers.get_all(header::ACCEPT) {
        for range in value.to_str().unwrap_or_default().split(',') {
            let mut parts = range.split(';').map(str::trim);
            let name = parts.next().unwrap_or_default().to_ascii_lowercase();
            let refused = parts.any(is_zero_weight);
            match name.as_str() {
                _ if refused => {}
                "application/scim+json" | "*/*" | "application/*" => return false,
                "application/json" => json = true,
                _ => {}
            }
        }
    }
    json
}

fn is_zero_weight(parameter: &str) -> bool {
    let Some((name, weight)) = parameter.split_once('=') else { return false };
    name.trim().eq_ignore_ascii_case("q") && weight.trim().parse() == Ok(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accept() {
        for (accept, plain) in [
            ("", false),
            ("*/*", false),
            ("application/json", true),
            ("Application/JSON; charset=utf-8", true),
            ("application/scim+json", false),
            ("application/json, application/scim+json", false),
            ("application/json, application/scim+json;q=0", true),
            ("application/json, */*;q=0.1", false),
            ("text/html", false),
        ] {
            let headers = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))]);
            assert_eq!(wants_plain_json(&headers), plain, "{accept}");
        }
    }

    #[test]
    fn forms() {
        for (path, form) in [
            ("/t/acme/scim/v2/Users", Form::Scim),
            ("/t/acme/scim", Form::Scim),
            ("/t/acme/admin/v1/tokens", Form::Problem),
            ("/t/scim/jit/v1/logins", Form::Problem),
            ("/healthz", Form::Problem),
            ("/", Form::Problem),
        ] {
            assert_eq!(Form::of(path), form, "{path}");
        }
    }

    #[test]
    fn a_refusal_reads_in_both_forms() {
        let refusal = Refusal::from(crate::scim::Error::uniqueness("userName is taken"));
        assert_eq!(
            scim_error(&refusal).to_string(),
            r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"status":"409","scimType":"uniqueness","detail":"userName is taken"}"#
        );
        assert_eq!(
            problem(&refusal).to_string(),
            r#"{"type":"about:blank","title":"Conflict","status":409,"code":"uniqueness","detail":"userName is taken"}"#
        );
    }
}
