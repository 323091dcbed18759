//! The route table: every method and path that this server answers, who may call it, and what serves it.
//!
//! The router is built from it, and so are the tests that say "every route refuses a missing, a wrong and another
//! tenant's token" and "every route is in openapi.yaml, and the reverse". A new endpoint is a new line here.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::handler::Handler;
use axum::http::Method;
use axum::response::Response;
use axum::routing::{self, MethodFilter, MethodRouter};
use futures_util::future::BoxFuture;

use super::admin::definitions::{resource_types, schemas};
use super::{Site, admin, bulk, discovery, health, logins, me, members, resources, root};
use crate::auth::token::Scope;

/// Who may call a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Public,
    /// A token of the tenant in the path, with one of these scopes.
    Scopes(&'static [Scope]),
}

const READ: Access = Access::Scopes(&[Scope::Scim, Scope::ScimRead, Scope::Admin]);
const WRITE: Access = Access::Scopes(&[Scope::Scim, Scope::Admin]);
/// A token of another scope is bound to nobody, and is told so.
const ME: Access = Access::Scopes(&[Scope::Me, Scope::Scim, Scope::ScimRead, Scope::Admin]);
const ADMIN: Access = Access::Scopes(&[Scope::Admin]);
const EVENTS: Access = Access::Scopes(&[Scope::Admin, Scope::EventsRead]);
const LOGIN: Access = Access::Scopes(&[Scope::JitLogin]);

/// What a route reads of a body at most. Groups arrive with all their members: as much as the server is set to read.
pub(super) const SMALL: usize = 1 << 20;
const LARGE: usize = usize::MAX;

/// One line of the table.
pub struct Route {
    pub method: Method,
    pub path: String,
    pub access: Access,
    /// The resource type that a SCIM route is about; of `{type}` the tenant's own of that endpoint.
    pub kind: Option<&'static str>,
    pub body_limit: usize,
    pub(super) serve: MethodRouter<Site>,
}

/// All of them.
pub fn table() -> Vec<Route> {
    let mut routes = vec![
        get("/healthz", Access::Public, health::alive),
        get("/readyz", Access::Public, health::ready),
        get("/openapi.yaml", Access::Public, health::openapi),
    ];
    routes.extend(scim("User", "Users", WRITE, SMALL));
    routes.extend(scim("Group", "Groups", WRITE, LARGE));
    // Organizations are the administrator's: a push lists them, it does not make them.
    routes.extend(scim("Organization", "Organizations", ADMIN, SMALL));
    routes.push(Route { kind: Some("Group"), ..get("/t/{tenant}/scim/v2/Groups/{id}/members", READ, members::list) });
    routes.extend([
        post("/t/{tenant}/scim/v2/Bulk", WRITE, bulk::bulk),
        of("User", get("/t/{tenant}/scim/v2/Me", ME, me::find)),
        of("User", post("/t/{tenant}/scim/v2/Me", ME, me::create)),
        of("User", put("/t/{tenant}/scim/v2/Me", ME, me::replace)),
        of("User", patch("/t/{tenant}/scim/v2/Me", ME, me::patch)),
        of("User", delete("/t/{tenant}/scim/v2/Me", ME, me::delete)),
        get("/t/{tenant}/scim/v2", READ, root::list),
        post("/t/{tenant}/scim/v2/.search", READ, root::search),
        // RFC 7643 §5: readable without authentication, so that a client learns how to authenticate.
        get("/t/{tenant}/scim/v2/ServiceProviderConfig", Access::Public, discovery::service_provider_config),
        get("/t/{tenant}/scim/v2/ResourceTypes", READ, discovery::resource_types),
        get("/t/{tenant}/scim/v2/ResourceTypes/{id}", READ, discovery::resource_type),
        get("/t/{tenant}/scim/v2/Schemas", READ, discovery::schemas),
        get("/t/{tenant}/scim/v2/Schemas/{id}", READ, discovery::schema),
        post("/t/{tenant}/jit/v1/logins", LOGIN, logins::login),
        get("/t/{tenant}/jit/v1/logins/{id}", LOGIN, logins::decision),
    ]);
    routes.extend(own());
    routes.extend(administration());
    routes
}

/// Resources of the tenants' own types. A line with a name in it goes first; which types there are is the tenant's to say,
/// and so is whether a push writes them.
fn own() -> impl Iterator<Item = Route> {
    scim("", "{type}", WRITE, SMALL).map(|route| Route { kind: None, ..route })
}

fn scim(kind: &'static str, collection: &str, write: Access, body_limit: usize) -> impl Iterator<Item = Route> {
    let all = format!("/t/{{tenant}}/scim/v2/{collection}");
    let one = format!("{all}/{{id}}");
    [
        get(&all, READ, resources::list),
        post(&all, write, resources::create),
        post(&format!("{all}/.search"), READ, resources::search),
        get(&one, READ, resources::find),
        put(&one, write, resources::replace),
        patch(&one, write, resources::patch),
        delete(&one, write, resources::delete),
        post(&format!("{one}/.search"), READ, resources::search_one),
    ]
    .into_iter()
    .map(move |route| Route { kind: Some(kind), body_limit, ..route })
}

fn of(kind: &'static str, route: Route) -> Route {
    Route { kind: Some(kind), ..route }
}

fn administration() -> Vec<Route> {
    vec![
        get("/t/{tenant}/admin/v1/connections", ADMIN, admin::connections::list),
        post("/t/{tenant}/admin/v1/connections", ADMIN, admin::connections::create),
        get("/t/{tenant}/admin/v1/connections/{id}", ADMIN, admin::connections::find),
        patch("/t/{tenant}/admin/v1/connections/{id}", ADMIN, admin::connections::update),
        post("/t/{tenant}/admin/v1/connections/{id}/pause", ADMIN, admin::moves::pause),
        post("/t/{tenant}/admin/v1/connections/{id}/resume", ADMIN, admin::moves::resume),
        post("/t/{tenant}/admin/v1/connections/{id}/disconnect", ADMIN, admin::moves::disconnect),
        post("/t/{tenant}/admin/v1/connections/{id}/withdraw", ADMIN, admin::moves::withdraw),
        get("/t/{tenant}/admin/v1/connections/{id}/health", ADMIN, admin::health::health),
        get("/t/{tenant}/admin/v1/connections/{id}/drift", ADMIN, admin::health::drift),
        post("/t/{tenant}/admin/v1/connections/{id}/drift/resolve", ADMIN, admin::health::resolve),
        post("/t/{tenant}/admin/v1/connections/{id}/succeed", ADMIN, admin::moves::succeed),
        post("/t/{tenant}/admin/v1/connections/{id}/simulate", ADMIN, admin::moves::simulate),
        get("/t/{tenant}/admin/v1/holds", ADMIN, admin::holds::list),
        get("/t/{tenant}/admin/v1/holds/{id}", ADMIN, admin::holds::find),
        post("/t/{tenant}/admin/v1/holds/{id}/apply", ADMIN, admin::holds::apply),
        get("/t/{tenant}/admin/v1/connections/{id}/brokers", ADMIN, admin::brokers::list),
        post("/t/{tenant}/admin/v1/connections/{id}/brokers", ADMIN, admin::brokers::add),
        put("/t/{tenant}/admin/v1/connections/{id}/brokers/{broker}", ADMIN, admin::brokers::update),
        delete("/t/{tenant}/admin/v1/connections/{id}/brokers/{broker}", ADMIN, admin::brokers::remove),
        get("/t/{tenant}/admin/v1/tokens", ADMIN, admin::tokens::list),
        post("/t/{tenant}/admin/v1/tokens", ADMIN, admin::tokens::create),
        delete("/t/{tenant}/admin/v1/tokens/{id}", ADMIN, admin::tokens::revoke),
        Route { body_limit: LARGE, ..post("/t/{tenant}/admin/v1/imports", ADMIN, admin::imports::create) },
        get("/t/{tenant}/admin/v1/imports/unconfirmed", ADMIN, admin::imports::unconfirmed),
        post("/t/{tenant}/admin/v1/imports/unconfirmed/drop", ADMIN, admin::imports::drop),
        post("/t/{tenant}/admin/v1/imports/unconfirmed/pin", ADMIN, admin::imports::pin),
        get("/t/{tenant}/admin/v1/invitations", ADMIN, admin::invitations::list),
        post("/t/{tenant}/admin/v1/invitations", ADMIN, admin::invitations::create),
        delete("/t/{tenant}/admin/v1/invitations/{id}", ADMIN, admin::invitations::revoke),
        post("/t/{tenant}/admin/v1/invitations/{id}/resend", ADMIN, admin::invitations::resend),
        get("/t/{tenant}/admin/v1/organizations/{id}/members", ADMIN, admin::members::list),
        get("/t/{tenant}/admin/v1/conflicts", ADMIN, admin::conflicts::list),
        get("/t/{tenant}/admin/v1/conflicts/{id}", ADMIN, admin::conflicts::find),
        post("/t/{tenant}/admin/v1/conflicts/{id}/resolve", ADMIN, admin::conflicts::resolve),
        post("/t/{tenant}/admin/v1/links", ADMIN, admin::links::create),
        delete("/t/{tenant}/admin/v1/links/{id}", ADMIN, admin::links::remove),
        get("/t/{tenant}/admin/v1/people/{id}/links", ADMIN, admin::links::list),
        get("/t/{tenant}/admin/v1/people/{id}/explain", ADMIN, admin::people::explain),
        post("/t/{tenant}/admin/v1/people/{id}/grants", ADMIN, admin::people::grant),
        delete("/t/{tenant}/admin/v1/people/{id}/grants/{parent}", ADMIN, admin::people::withdraw),
        post("/t/{tenant}/admin/v1/people/{id}/denies", ADMIN, admin::people::deny),
        delete("/t/{tenant}/admin/v1/people/{id}/denies/{parent}", ADMIN, admin::people::withdraw),
        post("/t/{tenant}/admin/v1/people/{id}/suspension", ADMIN, admin::people::suspend),
        delete("/t/{tenant}/admin/v1/people/{id}/suspension", ADMIN, admin::people::unsuspend),
        put("/t/{tenant}/admin/v1/groups/{id}/privilege", ADMIN, admin::people::privilege),
        delete("/t/{tenant}/admin/v1/groups/{id}/privilege", ADMIN, admin::people::unprivilege),
        delete("/t/{tenant}/admin/v1/people/{id}", ADMIN, admin::people::erase),
        put("/t/{tenant}/admin/v1/people/{id}/home", ADMIN, admin::people::pin_home),
        delete("/t/{tenant}/admin/v1/people/{id}/home", ADMIN, admin::people::unpin_home),
        get("/t/{tenant}/admin/v1/people/{id}/locks", ADMIN, admin::locks::list),
        put("/t/{tenant}/admin/v1/people/{id}/locks/{attribute}", ADMIN, admin::locks::lock),
        delete("/t/{tenant}/admin/v1/people/{id}/locks/{attribute}", ADMIN, admin::locks::unlock),
        put("/t/{tenant}/admin/v1/people/{id}/protection", ADMIN, admin::people::protect),
        delete("/t/{tenant}/admin/v1/people/{id}/protection", ADMIN, admin::people::unprotect),
        post("/t/{tenant}/admin/v1/logins", ADMIN, admin::logins::rehearse),
        get("/t/{tenant}/admin/v1/logins/{id}", ADMIN, admin::logins::trace),
        get("/t/{tenant}/admin/v1/logins/{id}/explain", ADMIN, admin::logins::explain),
        get("/t/{tenant}/admin/v1/events", EVENTS, admin::events::list),
        get("/t/{tenant}/admin/v1/schemas", ADMIN, schemas::list),
        get("/t/{tenant}/admin/v1/schemas/{id}", ADMIN, schemas::find),
        put("/t/{tenant}/admin/v1/schemas/{id}", ADMIN, schemas::put),
        delete("/t/{tenant}/admin/v1/schemas/{id}", ADMIN, schemas::delete),
        get("/t/{tenant}/admin/v1/resource-types", ADMIN, resource_types::list),
        get("/t/{tenant}/admin/v1/resource-types/{id}", ADMIN, resource_types::find),
        put("/t/{tenant}/admin/v1/resource-types/{id}", ADMIN, resource_types::put),
        delete("/t/{tenant}/admin/v1/resource-types/{id}", ADMIN, resource_types::delete),
    ]
}

fn get<T: 'static>(path: &str, access: Access, handler: impl Handler<T, Site>) -> Route {
    route(Method::GET, path, access, served(handler))
}
fn post<T: 'static>(path: &str, access: Access, handler: impl Handler<T, Site>) -> Route {
    route(Method::POST, path, access, served(handler))
}
fn put<T: 'static>(path: &str, access: Access, handler: impl Handler<T, Site>) -> Route {
    route(Method::PUT, path, access, served(handler))
}
fn patch<T: 'static>(path: &str, access: Access, handler: impl Handler<T, Site>) -> Route {
    route(Method::PATCH, path, access, served(handler))
}
fn delete<T: 'static>(path: &str, access: Access, handler: impl Handler<T, Site>) -> Route {
    route(Method::DELETE, path, access, served(handler))
}

/// A handler without its type. What axum puts around one has the handler's future in its type, and for each such layer
/// the compiler looks through all of that future: with the types this crate took twice as long to compile. What adds the
/// layers is [`route`], and so it is not generic.
type Serve = Arc<dyn Fn(Request, Site) -> BoxFuture<'static, Response> + Send + Sync>;

fn served<T>(handler: impl Handler<T, Site>) -> Serve {
    Arc::new(move |request, site| Box::pin(handler.clone().call(request, site)))
}

fn route(method: Method, path: &str, access: Access, serve: Serve) -> Route {
    let filter = MethodFilter::try_from(method.clone()).expect("a method that axum routes");
    let serve = routing::on(filter, move |State(site): State<Site>, request: Request| serve(request, site));
    Route { method, path: path.to_owned(), access, kind: None, body_limit: SMALL, serve }
}
