//! Request bodies: media type, size, JSON (RFC 7644 §3.8, checklist rows Q-79 to Q-83).

use std::sync::Arc;

use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Site;
use super::gate::Gate;
use super::refusal::Refusal;
use crate::scim::document::parse_json;

/// A JSON body.
pub struct Body(pub Value);

impl FromRequest<Site> for Body {
    type Rejection = Refusal;

    async fn from_request(request: Request, site: &Site) -> Result<Self, Refusal> {
        understood(request.headers())?;
        let limit = request.extensions().get::<Arc<Gate>>().map_or(0, |gate| gate.body_limit);
        let limit = limit.min(site.settings.max_body_bytes);
        Ok(Self(parse_json(&read(request, limit, || Refusal::too_large(limit)).await?)?))
    }
}

/// A JSON body read as one message type, for the interfaces that are not SCIM.
pub struct Message<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Site> for Message<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, site: &Site) -> Result<Self, Refusal> {
        let Body(value) = Body::from_request(request, site).await?;
        if holds_nul(&value) {
            return Err(Refusal::invalid("the character U+0000 is in no id and no name, and cannot be stored"));
        }
        serde_json::from_value(value).map(Self).map_err(|error| Refusal::invalid(error.to_string()))
    }
}

fn holds_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(elements) => elements.iter().any(holds_nul),
        Value::Object(members) => members.iter().any(|(name, value)| name.contains('\0') || holds_nul(value)),
        _ => false,
    }
}

/// JSON Lines: one object a line, judged line by line by whoever reads them.
pub struct Lines(pub String);

impl FromRequest<Site> for Lines {
    type Rejection = Refusal;

    async fn from_request(request: Request, site: &Site) -> Result<Self, Refusal> {
        if !is_lines(request.headers()) {
            understood(request.headers())?;
        }
        let limit = request.extensions().get::<Arc<Gate>>().map_or(0, |gate| gate.body_limit);
        let limit = limit.min(site.settings.max_body_bytes);
        let bytes = read(request, limit, || Refusal::too_large(limit)).await?;
        let wrong = |_| crate::scim::Error::invalid_syntax("the body is not UTF-8 (RFC 8259 §8.1)").into();
        String::from_utf8(bytes).map(Self).map_err(wrong)
    }
}

/// No registered name; these are the ones in use.
fn is_lines(headers: &HeaderMap) -> bool {
    let media_type = media_type(headers);
    ["application/jsonl", "application/x-ndjson", "application/json-lines", "text/plain"]
        .iter()
        .any(|known| known.eq_ignore_ascii_case(media_type))
}

fn media_type(headers: &HeaderMap) -> &str {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    value.unwrap_or_default().split(';').next().unwrap_or_default().trim()
}

/// The body of a bulk request, which has a limit of its own (RFC 7644 §3.7.4): refused before anything of it is parsed.
pub struct BulkBody(pub Value);

impl FromRequest<Site> for BulkBody {
    type Rejection = Refusal;

    async fn from_request(request: Request, site: &Site) -> Result<Self, Refusal> {
        understood(request.headers())?;
        let limit = site.settings.bulk_max_payload_bytes;
        let too_large = || {
            let detail = format!("the size of the bulk request exceeds the maxPayloadSize ({limit})");
            Refusal::from(crate::scim::Error::new(413, None, detail))
        };
        Ok(Self(parse_json(&read(request, limit, too_large).await?)?))
    }
}

/// SCIM's own media type, plain JSON, what Okta calls `text/json`, or none; with any parameters.
fn understood(headers: &HeaderMap) -> Result<(), Refusal> {
    let media_type = media_type(headers);
    if ["application/scim+json", "application/json", "text/json", ""]
        .iter()
        .any(|known| known.eq_ignore_ascii_case(media_type))
    {
        return Ok(());
    }
    Err(Refusal::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "unsupported_media_type",
        "send the body as application/scim+json or application/json",
    ))
}

/// Stops reading where the limit is passed, whatever `Content-Length` says.
async fn read(request: Request, limit: usize, too_large: impl Fn() -> Refusal) -> Result<Vec<u8>, Refusal> {
    let announced = request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: usize| length > limit) {
        return Err(too_large());
    }
    let mut bytes = Vec::with_capacity(announced.unwrap_or(0).min(64 << 10));
    let mut chunks = request.into_body().into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| Refusal::from(crate::scim::Error::invalid_syntax("the body ended too early")))?;
        if bytes.len() + chunk.len() > limit {
            return Err(too_large());
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn the_character_that_postgresql_cannot_store_is_found_anywhere() {
        for (text, found) in [("{}", false), (r#"{"a": [{"b": "x"}]}"#, false), (r#"{"a": [{"b": "\u0000"}]}"#, true)] {
            assert_eq!(holds_nul(&serde_json::from_str(text).unwrap()), found, "{text}");
        }
    }

    #[test]
    fn media_types() {
        for (media_type, good) in [
            ("application/scim+json", true),
            ("Application/SCIM+JSON; charset=utf-8", true),
            ("application/json;charset=utf-8", true),
            ("text/json", true),
            ("", true),
            ("text/plain", false),
            ("application/xml", false),
            ("application/x-www-form-urlencoded", false),
        ] {
            let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(media_type))]);
            assert_eq!(understood(&headers).is_ok(), good, "{media_type}");
        }
        assert!(understood(&HeaderMap::new()).is_ok());
    }
}
