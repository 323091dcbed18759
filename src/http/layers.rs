//! What surrounds every route: request ids, one log line per request, a time limit, and a net under panics.
//!
//! Nothing here logs a query string (filters hold names and addresses), a header or a body.

use std::any::Any;
use std::time::Duration;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, RequestId, SetRequestIdLayer};
use tower_http::trace::TraceLayer;
use tracing::Span;

use super::refusal::Refusal;
use super::{Site, form};

/// Outermost first.
pub fn around(router: Router<Site>, site: &Site) -> Router<Site> {
    let trace = TraceLayer::new_for_http().make_span_with(span).on_request(()).on_response(answered).on_failure(());
    router.layer(
        ServiceBuilder::new()
            .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
            .layer(trace)
            .layer(PropagateRequestIdLayer::x_request_id())
            .layer(from_fn(form::settle))
            .layer(CatchPanicLayer::custom(panicked))
            .layer(from_fn_with_state(site.settings.time_limit, in_time)),
    )
}

/// The route's pattern instead of the path: it says which endpoint, and no id of a person.
fn span<B>(request: &axum::http::Request<B>) -> Span {
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str);
    let id = request.extensions().get::<RequestId>().and_then(|id| id.header_value().to_str().ok()).unwrap_or_default();
    tracing::info_span!("request", http.method = %request.method(), http.route = route, request.id = id)
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

async fn in_time(State(limit): State<Duration>, request: Request, next: Next) -> Response {
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            tracing::warn!(limit_ms = limit.as_millis() as u64, "a request ran out of time");
            Refusal::busy().into_response()
        }
    }
}
