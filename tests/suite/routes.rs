//! The route table against the router, the tokens and `openapi.yaml`: what a new line of the table must not forget.

use std::collections::BTreeSet;

use axum::http::{Method, header};
use rollkeeper::auth::token::Scope;
use rollkeeper::event::Kind;
use rollkeeper::http::routes::{self, Access, Route};
use serde_json::{Value, json};

use crate::support::World;

/// The path with every parameter filled in.
fn concrete(route: &Route, tenant: &str) -> String {
    let path = route
        .path
        .replace("{tenant}", tenant)
        .replace("{id}", "no-such-id")
        .replace("{parent}", "no-such-id")
        .replace("{attribute}", "title")
        .replace("{broker}", "no-such-id")
        .replace("{type}", "Nothings");
    assert!(!path.contains('{'), "{} has a parameter that this test does not know", route.path);
    path
}

fn is_scim(route: &Route) -> bool {
    route.path.contains("/scim/")
}

#[tokio::test]
async fn every_route_refuses_a_missing_a_wrong_and_another_tenants_token() {
    let world = World::sqlite().await;
    let acme = world.tenant("acme").await;
    let other = world.tenant("other").await;
    let mut guarded = 0;
    for route in routes::table() {
        let Access::Scopes(scopes) = route.access else { continue };
        guarded += 1;
        let path = concrete(&route, "acme");
        // The right scope, so that only the tenant is wrong.
        let foreign = world.token(&other, scopes[0]).await;
        let wrong = format!("{}x", &foreign[..foreign.len() - 1]);
        let mut bodies = BTreeSet::new();
        for token in [None, Some(wrong), Some("rk_scim_1".to_owned()), Some(foreign)] {
            let given = token.is_some();
            let call = acme.client(None).with_token(token).call(route.method.clone(), &path).json(json!({}));
            let reply = call.await.status(401);
            let challenge = reply.header(header::WWW_AUTHENTICATE);
            assert!(challenge.starts_with("Bearer realm=\"scim\""), "{}", reply.request);
            assert_eq!(challenge.contains("invalid_token"), given, "{}", reply.request);
            let expected = if is_scim(&route) { "application/scim+json" } else { "application/problem+json" };
            assert_eq!(reply.header(header::CONTENT_TYPE), expected, "{}", reply.request);
            bodies.insert(reply.body.to_string());
        }
        assert_eq!(bodies.len(), 1, "{} {path} tells these tokens apart: {bodies:?}", route.method);
    }
    assert!(guarded > 40, "the table is nearly empty");
}

#[tokio::test]
async fn every_route_refuses_a_scope_that_does_not_reach() {
    let world = World::sqlite().await;
    let acme = world.tenant("acme").await;
    for scope in Scope::ALL {
        let client = acme.client(Some(&world.token(&acme, scope).await));
        for route in routes::table() {
            let Access::Scopes(scopes) = route.access else { continue };
            let reply = client.call(route.method.clone(), &concrete(&route, "acme")).json(json!({})).await;
            if scopes.contains(&scope) {
                assert!(
                    ![401, 403, 405, 500].contains(&reply.status.as_u16()),
                    "{scope}: {} {}",
                    reply.request,
                    reply.body
                );
            } else {
                let reply = reply.status(403);
                assert!(reply.header(header::WWW_AUTHENTICATE).contains("insufficient_scope"), "{}", reply.request);
                assert!(reply.body.to_string().contains("scope"), "{}", reply.request);
            }
        }
    }
}

#[tokio::test]
async fn public_routes_need_no_token_and_nothing_else_is_public() {
    let world = World::sqlite().await;
    let acme = world.tenant("acme").await;
    let public: Vec<String> = routes::table()
        .into_iter()
        .filter(|route| route.access == Access::Public)
        .map(|route| format!("{} {}", route.method, route.path))
        .collect();
    assert_eq!(
        public,
        ["GET /healthz", "GET /readyz", "GET /openapi.yaml", "GET /t/{tenant}/scim/v2/ServiceProviderConfig"]
    );
    let nobody = acme.client(None);
    for path in ["/healthz", "/readyz", "/openapi.yaml", "/t/acme/scim/v2/ServiceProviderConfig"] {
        nobody.call(Method::GET, path).await.status(200);
    }
    nobody.call(Method::GET, "/t/nowhere/scim/v2/ServiceProviderConfig").await.scim_error(404, "");
}

fn openapi() -> Value {
    serde_yaml_ng::from_str(include_str!("../../openapi.yaml")).expect("openapi.yaml is YAML")
}

const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

#[test]
fn openapi_has_every_route_and_the_reverse() {
    let document = openapi();
    let mut described = BTreeSet::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, _) in
            item.as_object().expect("a path item").iter().filter(|(name, _)| METHODS.contains(&name.as_str()))
        {
            described.insert(format!("{} {path}", method.to_uppercase()));
        }
    }
    let routed: BTreeSet<String> =
        routes::table().iter().map(|route| format!("{} {}", route.method, route.path)).collect();
    assert_eq!(described, routed);
}

#[test]
fn openapi_says_who_may_call_and_names_every_parameter_of_a_path() {
    let document = openapi();
    for route in routes::table() {
        let item = &document["paths"][&route.path];
        let operation = &item[route.method.as_str().to_lowercase()];
        let name = format!("{} {}", route.method, route.path);
        assert_eq!(operation["security"] == json!([]), route.access == Access::Public, "{name}: security");
        if let Access::Scopes(_) = route.access {
            for status in ["401", "403", "500"] {
                assert!(operation["responses"].get(status).is_some(), "{name}: no {status}");
            }
        }
        let declared: BTreeSet<&str> = [&item["parameters"], &operation["parameters"]]
            .into_iter()
            .filter_map(Value::as_array)
            .flatten()
            .map(|parameter| resolve(&document, parameter))
            .filter(|parameter| parameter["in"] == "path")
            .filter_map(|parameter| parameter["name"].as_str())
            .collect();
        let named: BTreeSet<&str> = route.path.split(['{', '}']).skip(1).step_by(2).collect();
        assert_eq!(declared, named, "{name}: parameters of the path");
    }
}

#[test]
fn openapi_names_every_kind_of_event() {
    let described = openapi()["components"]["schemas"]["EventKind"]["enum"].clone();
    let kinds: Vec<&str> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
    assert_eq!(described, json!(kinds));
}

/// What a generated client gets as a map of anything: only what is not ours to describe.
#[test]
fn openapi_leaves_no_object_undescribed() {
    const OPEN: [&str; 8] = [
        "BulkRequest.properties.Operations.items.properties.data", // the body of a request of its own
        "Group.patternProperties.^urn:",                           // extensions of the tenant's own
        "Organization.patternProperties.^urn:",
        "User.patternProperties.^urn:",
        "Rehearsal.properties.evidence.properties.claims", // an identity provider's
        "LoginRequest.properties.evidence.oneOf.0.properties.userinfo",
        "ResourceList.properties.Resources.items", // of any type
        "RulesPatch",
    ];
    fn visit(value: &Value, at: &str, found: &mut Vec<String>) {
        let says = ["properties", "additionalProperties", "allOf", "oneOf", "$ref"];
        let is_object =
            value["type"] == "object" || value["type"].as_array().is_some_and(|all| all.contains(&json!("object")));
        if is_object && says.iter().all(|name| value.get(name).is_none()) {
            found.push(at.to_owned());
        }
        let under = |name: &str| if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") };
        match value {
            Value::Object(members) => members.iter().for_each(|(name, value)| visit(value, &under(name), found)),
            Value::Array(all) => {
                all.iter().enumerate().for_each(|(n, value)| visit(value, &under(&n.to_string()), found))
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    visit(&openapi()["components"]["schemas"], "", &mut found);
    found.retain(|at| !at.contains(".allOf.") && !OPEN.contains(&at.as_str()));
    assert_eq!(found, [""; 0]);
}

#[test]
fn openapi_refers_to_nothing_that_is_missing() {
    fn visit<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(members) => members.iter().for_each(|(name, value)| match value {
                Value::String(target) if name == "$ref" => found.push(target),
                value => visit(value, found),
            }),
            Value::Array(elements) => elements.iter().for_each(|element| visit(element, found)),
            _ => {}
        }
    }
    let document = openapi();
    let mut references = Vec::new();
    visit(&document, &mut references);
    for reference in references {
        let pointer = reference.strip_prefix('#').expect("references stay inside the document");
        assert!(document.pointer(pointer).is_some(), "{reference} is missing");
    }
}

#[test]
fn openapi_has_every_attribute_of_the_schemas() {
    let document = openapi();
    for kind in &rollkeeper::scim::resource_type::Registry::builtin().types {
        let described = &document["components"]["schemas"][&kind.name]["properties"];
        for attribute in &kind.schema.attributes {
            assert!(described.get(&attribute.name).is_some(), "{}: {} is missing", kind.name, attribute.name);
        }
        for extension in &kind.extensions {
            let described = &described[&extension.schema.id]["properties"];
            for attribute in &extension.schema.attributes {
                assert!(described.get(&attribute.name).is_some(), "{}: {}", extension.schema.id, attribute.name);
            }
        }
    }
}

fn resolve<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"].as_str().and_then(|reference| reference.strip_prefix('#')) {
        Some(pointer) => document.pointer(pointer).expect("a reference leads somewhere"),
        None => value,
    }
}

#[tokio::test]
async fn unknown_paths_and_methods_are_refused_in_the_form_of_their_place() {
    let world = World::sqlite().await;
    let acme = world.tenant("acme").await;
    let client = acme.client(Some(&world.token(&acme, Scope::Admin).await));
    client.call(Method::GET, "/t/acme/scim/v2/Robots").await.scim_error(404, "");
    client.call(Method::GET, "/t/acme/scim/v2/Users.scim").await.scim_error(404, "");
    client.call(Method::GET, "/t/acme/scim/v2/Users/no-such-id.scim").await.scim_error(404, "");
    client.call(Method::GET, "/t/acme/scim/v9/Users").await.scim_error(400, "invalidVers");
    client.call(Method::GET, "/t/acme/scim/v2/Me/emails").await.scim_error(404, "");
    client.call(Method::PUT, "/t/acme/scim/v2").json(json!({})).await.scim_error(405, "");
    client.call(Method::GET, "/t/acme/admin/v1/robots").await.problem(404, "not_found");
    client.call(Method::GET, "/favicon.ico").await.problem(404, "not_found");

    let reply = client.call(Method::PUT, "/t/acme/scim/v2/Users").json(json!({})).await.scim_error(405, "");
    let allowed: BTreeSet<&str> = reply.header(header::ALLOW).split(',').map(str::trim).collect();
    assert_eq!(allowed, BTreeSet::from(["GET", "HEAD", "POST"]));
    client.call(Method::DELETE, "/t/acme/admin/v1/events").await.problem(405, "method_not_allowed");
}

#[tokio::test]
async fn base_urls_are_forgiving() {
    let world = World::sqlite().await;
    let acme = world.tenant("acme").await;
    let client = acme.client(Some(&world.token(&acme, Scope::Scim).await));
    for path in ["scim/v2/Users", "scim/v2/Users/", "scim/v2/users", "scim/Users", "scim/users/?aadOptscim062020"] {
        let reply = client.call(Method::GET, &format!("/t/acme/{path}")).await.status(200);
        assert_eq!(reply["totalResults"], 0, "{path}");
    }
}
