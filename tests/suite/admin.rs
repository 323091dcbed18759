//! The administrator's interface: tokens, connections, invitations, words on a person, the feed.

use axum::http::{Method, header};
use rollkeeper::auth::token::Scope;
use serde_json::{Value, json};

use crate::support::World;

#[tokio::test]
async fn tokens_are_shown_once_and_end_when_revoked() {
    let world = World::sqlite().await;
    let acme = world.tenant("acme").await;
    let admin = world.client(&acme, Scope::Admin).await;

    let issued = admin
        .admin("/tokens")
        .post(json!({ "scope": "scim", "label": "okta", "expires": "2027-01-01T00:00:00+01:00" }))
        .await
        .status(201);
    let secret = issued["token"].as_str().expect("the secret").to_owned();
    assert!(secret.starts_with("rk_scim_"));
    assert_eq!((&issued["label"], &issued["expires"]), (&json!("okta"), &json!("2026-12-31T23:00:00.000Z")));
    let push = acme.client(Some(&secret));
    push.users().list("").await.status(200);

    let listed = admin.admin("/tokens").list("").await.status(200);
    assert!(!listed.body.to_string().contains(&secret));
    admin.admin("/tokens").delete(&issued.id()).await.status(204);
    push.users().list("").await.scim_error(401, "");
    let listed = admin.admin("/tokens").list("").await.status(200);
    let revoked = listed["tokens"].as_array().expect("tokens").iter().find(|token| token["id"] == issued["id"]);
    assert!(revoked.is_some_and(|token| token["revoked"].is_string()));

    admin.admin("/tokens").delete("no-such-id").await.problem(404, "not_found");
    admin.admin("/tokens").post(json!({ "scope": "root" })).await.problem(400, "invalid_value");
    admin
        .admin("/tokens")
        .post(json!({ "scope": "scim", "connections": ["none"] }))
        .await
        .problem(400, "invalid_value");
    admin.admin("/tokens").post(json!({ "scope": "admin", "expires": "tomorrow" })).await.problem(400, "invalid_value");
    admin.admin("/tokens").post(json!({ "scope": "admin", "colour": "red" })).await.problem(400, "invalid_value");
}

#[tokio::test]
async fn an_expired_token_is_refused() {
    let world = World::sqlite().await;
    let acme = world.tenant("acme").await;
    let admin = world.client(&acme, Scope::Admin).await;
    let issued = admin.admin("/tokens").post(json!({ "scope": "admin", "expires": "2026-11-24T03:00:00Z" })).await;
    let short = acme.client(issued.status(201)["token"].as_str());
    short.admin("/tokens").list("").await.status(200);
    world.clock.advance(3_600_000);
    short.admin("/tokens").list("").await.problem(401, "unauthorized");
}

#[tokio::test]
async fn a_token_without_an_end_lasts_a_year() {
    let world = World::sqlite().await;
    let acme = world.tenant("acme").await;
    let admin = world.client(&acme, Scope::Admin).await;
    let issued = admin.admin("/tokens").post(json!({ "scope": "scim" })).await.status(201);
    assert_eq!(issued["expires"], "2027-11-24T02:00:00.000Z");
    let push = acme.client(issued["token"].as_str());
    world.clock.advance(365 * 24 * 60 * 60 * 1_000 - 1);
    push.users().list("").await.status(200);
    world.clock.advance(1);
    let ended = push.users().list("").await.scim_error(401, "");
    assert!(ended.header(header::WWW_AUTHENTICATE).contains("invalid_token"));
}

#[tokio::test]
async fn connections_are_created_and_changed_by_merging() {
    let world = World::sqlite().await;
    let acme = world.tenant("acme").await;
    let admin = world.client(&acme, Scope::Admin).await;
    let connections = admin.admin("/connections");

    let created = connections
        .post(json!({ "name": "okta", "domains": ["acme.com"], "rules": { "issuer": "https://acme.okta.com", "clientIds": ["0oa1"] } }))
        .await
        .status(201);
    assert_eq!((&created["state"], &created["domains"]), (&json!("on"), &json!(["acme.com"])));
    assert_eq!(created["rules"]["issuer"], "https://acme.okta.com");
    assert_eq!(connections.get("okta").await.status(200).body, created.body, "found by name as by id");

    let patch = |body: Value| connections.call(Method::PATCH, &format!("/{}", created.id())).json(body);
    let changed = patch(json!({ "state": "paused", "rules": { "jit": { "enabled": false } } })).await.status(200);
    assert_eq!((&changed["state"], &changed["rules"]["jit"]["enabled"]), (&json!("paused"), &json!(false)));
    assert_eq!(changed["rules"]["clientIds"], json!(["0oa1"]), "what the patch does not name stays");
    let moved = patch(json!({ "domains": ["acme.org"] })).await.status(200);
    assert_eq!(moved["domains"], json!(["acme.org"]));

    patch(json!({ "state": "asleep" })).await.problem(400, "invalid_value");
    patch(json!({ "rules": { "isuer": "typo" } })).await.problem(400, "invalid_value");
    patch(json!({ "rules": "none" })).await.problem(400, "invalid_value");
    connections.get("no-such-id").await.problem(404, "not_found");
    connections.post(json!({ "name": "okta" })).await.problem(409, "uniqueness");
    let names: Vec<Value> = connections.list("").await.status(200)["connections"]
        .as_array()
        .expect("connections")
        .iter()
        .map(|connection| connection["name"].clone())
        .collect();
    assert_eq!(names, ["default", "okta"]);
}

#[tokio::test]
async fn an_administrators_words_and_why() {
    let world = World::sqlite().await;
    let acme = world.tenant("acme").await;
    let admin = world.client(&acme, Scope::Admin).await;
    let push = world.client(&acme, Scope::Scim).await;
    let anna = push.users().post(json!({ "userName": "anna" })).await.status(201).id();
    let staff = push.groups().post(json!({ "displayName": "staff" })).await.status(201).id();
    let person = |rest: &str| admin.admin(&format!("/people/{anna}/{rest}"));
    let explain = || async { person("explain").list(&format!("group={staff}")).await.status(200) };

    assert_eq!(explain().await["member"], false);
    person("grants").post(json!({ "group": staff })).await.status(204);
    let granted = explain().await;
    assert_eq!((&granted["member"], &granted["person"]["name"]), (&json!(true), &json!("anna")));
    assert_eq!(granted["parent"], json!({ "id": staff, "name": "staff" }));
    assert!(granted["sentence"].as_str().is_some_and(|sentence| sentence.contains("staff")), "{}", granted["sentence"]);
    assert!(granted["registers"].as_array().is_some_and(|registers| !registers.is_empty()));

    person("denies").post(json!({ "group": staff })).await.status(204);
    assert_eq!((&explain().await["member"], &explain().await["rule"]), (&json!(false), &json!("R8")));
    person("denies").delete(&staff).await.status(204);
    assert_eq!(explain().await["member"], false, "nobody says anything any more");

    person("suspension").call(Method::POST, "").await.status(204);
    assert_eq!(admin.users().get(&anna).await.status(200)["active"], false);
    person("suspension").call(Method::DELETE, "").await.status(204);
    assert_eq!(admin.users().get(&anna).await.status(200)["active"], true);

    person("explain").list("").await.problem(400, "invalid_value");
    person("explain").list("group=none").await.problem(404, "not_found");
    person("grants").post(json!({})).await.problem(400, "invalid_value");
    person("grants").post(json!({ "group": staff, "organization": staff })).await.problem(400, "invalid_value");
    person("denies")
        .post(json!({ "group": staff, "until": "2027-01-01T00:00:00Z" }))
        .await
        .problem(400, "invalid_value");
    admin.admin("/people/none/grants").post(json!({ "group": staff })).await.problem(404, "not_found");
}

#[tokio::test]
async fn invitations_are_made_and_revoked() {
    let world = World::sqlite().await;
    let acme = world.tenant("acme").await;
    let admin = world.client(&acme, Scope::Admin).await;
    let moby = admin.organizations().post(json!({ "slug": "moby" })).await.status(201).id();

    let issued = admin.admin("/invitations").post(json!({ "address": "eve@example.org", "organization": moby })).await;
    let issued = issued.status(201);
    assert!(issued["token"].as_str().is_some_and(|token| token.starts_with("rk_inv_")));
    assert_eq!(issued["state"], "pending");
    // An invitation is no key to the interface.
    acme.client(issued["token"].as_str()).admin("/invitations").list("").await.problem(401, "unauthorized");
    admin.admin("/invitations").delete(&issued.id()).await.status(204);
    let listed = admin.admin("/invitations").list("").await.status(200);
    assert_eq!(listed["invitations"][0]["state"], "revoked");
    admin.admin("/invitations").delete("no-such-id").await.problem(404, "not_found");
    admin.admin("/invitations").post(json!({ "address": "nowhere" })).await.problem(400, "invalid_value");
}

#[tokio::test]
async fn the_feed_tells_every_change_once_and_no_values() {
    let world = World::sqlite().await;
    let acme = world.tenant("acme").await;
    let reader = world.client(&acme, Scope::EventsRead).await;
    let push = world.client(&acme, Scope::Scim).await;
    let start = reader.admin("/events").list("").await.status(200)["next"].as_str().expect("a cursor").to_owned();

    let anna = push.users().post(json!({ "userName": "anna", "title": "Secret" })).await.status(201).id();
    push.groups().post(json!({ "displayName": "staff", "members": [{ "value": anna }] })).await.status(201);
    let first = reader.admin("/events").list(&format!("after={start}&limit=1")).await.status(200);
    assert_eq!((first["events"].as_array().map(Vec::len), &first["more"]), (Some(1), &json!(true)));
    let next = first["next"].as_str().expect("a cursor");
    let rest = reader.admin("/events").list(&format!("after={next}")).await.status(200);
    assert_eq!(rest["more"], false);
    assert!(!rest["events"].as_array().expect("events").contains(&first["events"][0]));
    let told = format!("{}{}", first.body, rest.body);
    assert!(told.contains(&anna) && !told.contains("Secret"), "{told}");

    reader.admin("/events").list("after=nonsense").await.problem(400, "invalid_value");
    reader.admin("/events").list("limit=many").await.problem(400, "invalid_value");
    push.admin("/events").list("").await.problem(403, "insufficient_scope");
}
