//! What surrounds every route: request ids, one log line per request, a time limit, and a net under panics.
//!
//! Nothing here logs a query string (filters hold names and addresses), a header or a body.

use std::any::Any;
use std::time::Duration;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use tower::ServiceBuilder;
use tower::util::MapRequestLayer;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, RequestId, SetRequestIdLayer};
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::trace::TraceLayer;
use tracing::Span;

use super::form;
use super::refusal::Refusal;

/// How long an answer may take.
#[derive(Clone, Copy)]
pub struct Deadlines {
    pub request: Duration,
    /// A bulk stops by itself before, and answers what it has done.
    pub bulk: Duration,
}

/// Outermost first.
pub fn around<S: Clone + Send + Sync + 'static>(router: Router<S>, deadlines: Deadlines) -> Router<S> {
    let trace = TraceLayer::new_for_http().make_span_with(span).on_request(()).on_response(answered).on_failure(());
    router.layer(
        ServiceBuilder::new()
            .layer(MapRequestLayer::new(plain_request_id))
            .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
            .layer(trace)
            .layer(PropagateRequestIdLayer::x_request_id())
            // Answers hold people: nobody in between may keep them, and no browser may guess what they are.
            .layer(SetResponseHeaderLayer::if_not_present(header::CACHE_CONTROL, HeaderValue::from_static("no-store")))
            .layer(SetResponseHeaderLayer::overriding(
                header::X_CONTENT_TYPE_OPTIONS,
                HeaderValue::from_static("nosniff"),
            ))
            .layer(from_fn(form::settle))
            .layer(CatchPanicLayer::custom(panicked))
            .layer(from_fn_with_state(deadlines, in_time)),
    )
}

/// A caller's request id is taken over when it is short and plain, else it is as if there were none.
fn plain_request_id<B>(mut request: axum::http::Request<B>) -> axum::http::Request<B> {
    let mut given = request.headers().get_all("x-request-id").iter();
    let is_plain = match (given.next(), given.next()) {
        (Some(id), None) => id.to_str().is_ok_and(is_request_id),
        (None, _) => true,
        _ => false,
    };
    if !is_plain {
        request.headers_mut().remove("x-request-id");
    }
    request
}

/// 1 to 64 letters, digits, `-`, `_` or `.`: one id follows a request through proxies, and nothing else gets into logs.
fn is_request_id(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// The route's pattern instead of the path: it says which endpoint, and no id of a person.
fn span<B>(request: &axum::http::Request<B>) -> Span {
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str);
    let id = request.extensions().get::<RequestId>().and_then(|id| id.header_value().to_str().ok()).unwrap_or_default();
    tracing::info_span!(
        "request",
        http.method = %request.method(),
        http.route = route,
        request.id = id,
        tenant.id = tracing::field::Empty,
        token.id = tracing::field::Empty
    )
}

fn answered<B>(response: &axum::http::Response<B>, latency: Duration, span: &Span) {
    let (status, duration) = (response.status().as_u16(), latency.as_millis() as u64);
    tracing::info!(parent: span, http.status = status, duration_ms = duration, "answered");
}

fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let message = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    tracing::error!(panic = message.unwrap_or("without a message"), "a handler panicked");
    Refusal::internal().into_response()
}

async fn in_time(State(deadlines): State<Deadlines>, request: Request, next: Next) -> Response {
    let is_bulk = request.extensions().get::<MatchedPath>().is_some_and(|path| path.as_str().ends_with("/Bulk"));
    let limit = if is_bulk { deadlines.bulk } else { deadlines.request };
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            tracing::warn!(limit_ms = limit.as_millis() as u64, "a request ran out of time");
            Refusal::busy().into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::routing::get;
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    use super::*;

    #[test]
    fn a_request_id_is_taken_over_when_it_is_short_and_plain() {
        let long = "a".repeat(65);
        for (given, taken) in
            [("01HZX.7-a_b", true), ("", false), (&long, false), ("a\nb", false), ("ana@acme.example", false)]
        {
            assert_eq!(is_request_id(given), taken, "{given:?}");
        }
    }

    async fn call(path: &str, time_limit: Duration) -> (u16, Option<String>, String) {
        let router = Router::new()
            .route(
                "/t/acme/scim/v2/panic",
                get(|| async {
                    if true {
                        panic!("a secret")
                    }
                }),
            )
            .route("/t/acme/admin/v1/slow", get(std::future::pending::<()>));
        let request = Request::builder().uri(path).header("x-request-id", "r1").body(Body::empty()).unwrap();
        let response =
            around(router, Deadlines { request: time_limit, bulk: time_limit }).oneshot(request).await.unwrap();
        let id = response.headers().get("x-request-id").map(|id| id.to_str().unwrap().to_owned());
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, id, String::from_utf8_lossy(&body).into_owned())
    }

    #[tokio::test]
    async fn a_panic_is_a_500_in_the_form_of_its_place() {
        let (status, id, body) = call("/t/acme/scim/v2/panic", Duration::from_secs(5)).await;
        assert_eq!((status, id.as_deref()), (500, Some("r1")));
        assert!(body.contains("2.0:Error") && body.contains(r#""status":"500""#) && !body.contains("secret"), "{body}");
    }

    #[tokio::test]
    async fn a_request_that_takes_too_long_is_a_503() {
        let (status, id, body) = call("/t/acme/admin/v1/slow", Duration::ZERO).await;
        assert_eq!((status, id.as_deref()), (503, Some("r1")));
        assert!(body.contains(r#""code":"busy""#), "{body}");
    }
}
