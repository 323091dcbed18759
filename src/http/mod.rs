//! The HTTP edge: SCIM (RFC 7644), the login of applications and the administrator's interface.
//!
//! Owns what is HTTP and nothing else: the [route table](routes), who calls, what a body and a query string mean,
//! how a resource and a refusal are written. A handler extracts, calls one use case of the directory and renders;
//! no rule lives here, and no SQL.
//!
//! The way of a request: `address` brings its path to one spelling → `layers` give it an id, a log line, a time
//! limit and the form of its answer (`form`) → `gate` asks for the token that its route wants → a handler.

mod address;
mod admin;
mod ask;
mod body;
mod bulk;
mod discovery;
mod form;
mod gate;
mod health;
mod instant;
mod layers;
mod logins;
mod me;
mod members;
#[doc(hidden)]
pub mod parameters;
mod rate;
mod refusal;
mod render;
mod resources;
mod root;
pub mod routes;
mod site;

use std::sync::Arc;

use axum::Router;
use axum::http::{StatusCode, Uri};
use axum::middleware::from_fn_with_state;
use tower::Layer;
use tower::util::MapRequestLayer;

pub use rate::Limiter;
use refusal::Refusal;
pub use site::{Settings, Site};

/// The whole edge as one service, for a listener or for a test in process.
pub fn router(site: Site) -> Router {
    let mut router = Router::new();
    for route in routes::table() {
        let gate = Arc::new(gate::Gate::of(&route));
        let guarded = route.serve.route_layer(from_fn_with_state((site.clone(), gate), gate::admit));
        router = router.route(&route.path, guarded);
    }
    let router = router.fallback(unrouted).method_not_allowed_fallback(method_not_allowed);
    let router = layers::around(router, site.settings.deadlines()).with_state(site);
    // Before routing, so outside of the router (a layer of its own would run after it).
    Router::new().fallback_service(MapRequestLayer::new(address::straighten).layer(router))
}

async fn unrouted(uri: Uri) -> Refusal {
    address::unrouted(uri.path())
}

/// The router adds `Allow` (RFC 9110 §15.5.6).
async fn method_not_allowed() -> Refusal {
    Refusal::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        "this path does not answer to this method; the Allow header lists those it does",
    )
}
