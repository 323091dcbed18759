//! What a client may send wrongly, and what it is told: never 500, never half a write, always a body in the form of its
//! place with a `detail` that says what is wrong with this input (RFC 7644 §3.12; §7.7 for the bounds).

use axum::http::{Method, header};
use rollkeeper::app::App;
use rollkeeper::auth::egress::{Egress, EgressPolicy};
use rollkeeper::auth::jwks::Jwks;
use rollkeeper::auth::token::Scope;
use rollkeeper::http::Settings;
use rollkeeper::http::routes::{self, Access};
use rollkeeper::jit::login::Logins;
use serde_json::{Value, json};

use crate::support::contract::leniently;
use crate::support::{Client, Reply, World, both_engines};

const SCIM: &str = "application/scim+json";

/// Bodies that are no JSON, or not one that can be kept as it was sent, and what is said of them.
fn not_json() -> Vec<(Vec<u8>, &'static str)> {
    let text = |text: &str| text.as_bytes().to_vec();
    vec![
        (text(""), "the body is empty"),
        (text(" \r\n\t"), "the body is empty"),
        (text("{"), "at line 1 column 1"),
        (text("{\n  \"userName\": \"a\",\n}"), "at line 3 column 1"),
        (text("{} {}"), "trailing characters at line 1 column 4"),
        (text("{\"a\": 1,\n \"a\": 2}"), "the key \"a\" appears twice at line 2 column 4"),
        (text("{\"name\": {\"x\": 1, \"x\": 1}}"), "appears twice"),
        (b"{\"userName\": \"\xff\xfe\"}".to_vec(), "invalid unicode code point at line 1"),
        (text(r#"{"userName": "\ud800"}"#), "hex escape at line 1"),
        (text(r#"{"userName": "\udc00"}"#), "surrogate in hex escape at line 1"),
        (text("{\"userName\": \"a\u{1}\"}"), "control character"),
        (text(r#"{"userName": 9223372036854775808}"#), "a number beyond 64 bits"),
        (text(r#"{"userName": -9223372036854775809}"#), "a number beyond 64 bits"),
        (text(r#"{"userName": 1e400}"#), "number out of range"),
        (text(r#"{"userName": NaN}"#), "expected value at line 1"),
        (text(r#"{'userName': 'a'}"#), "key must be a string at line 1"),
        (text(&format!("{}1{}", "[".repeat(33), "]".repeat(33))), "more than 32 levels of nesting"),
        (text(&"{\"a\":".repeat(100_000)), "more than 32 levels of nesting"),
    ]
}

/// Bodies that are JSON, and no object.
fn no_object() -> [&'static str; 5] {
    ["[]", "\"x\"", "5", "true", "null"]
}

fn says(reply: &Reply, part: &str) {
    let detail = reply["detail"].as_str().unwrap_or_default();
    assert!(detail.contains(part), "{}: {detail:?} does not say {part:?}", reply.request);
}

async fn people(client: &Client) -> Value {
    client.users().list("count=0").await.status(200)["totalResults"].clone()
}

both_engines! {
    async fn what_is_not_json_is_said_with_its_place(database: Database) {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let push = world.client(&acme, Scope::Scim).await;
        let id = push.users().post(json!({ "userName": "ana" })).await.status(201).id();
        let one = format!("/{id}");
        for (method, path) in [(Method::POST, ""), (Method::PUT, &one), (Method::PATCH, &one), (Method::POST, "/.search")] {
            for (body, part) in not_json() {
                let reply = push.users().call(method.clone(), path).text(SCIM, body).await;
                says(&reply.scim_error(400, "invalidSyntax"), part);
            }
            for body in no_object() {
                let reply = push.users().call(method.clone(), path).text(SCIM, body).await;
                says(&reply.scim_error(400, "invalidSyntax"), "JSON object");
            }
        }
        assert_eq!(people(&push).await, 1, "nothing was written");
        assert_eq!(push.users().get(&id).await.status(200)["userName"], "ana");
    }

    async fn a_value_that_cannot_be_is_named(database: Database) {
        let _lenient = leniently();
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let push = world.client(&acme, Scope::Scim).await;
        let with = |name: &str, value: Value| {
            let mut body = json!({ "userName": "ana" });
            body[name] = value;
            body
        };
        let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
        for (body, scim_type, part) in [
            (json!({}), "invalidValue", "userName is required"),
            (json!({ "userName": "" }), "invalidValue", "userName is required"),
            (json!({ "userName": "a\u{0}b" }), "invalidValue", "userName: the character U+0000"),
            (json!({ "userName": "a\u{200b}b" }), "invalidValue", "a user name cannot have"),
            (with("userName", json!(5)), "invalidValue", "userName: expected a string, this is a number"),
            (with("title", json!("\u{0}")), "invalidValue", "title: the character U+0000"),
            (with("externalId", json!("\u{0}")), "invalidValue", "externalId: the character U+0000"),
            (with("externalId", json!("x".repeat(257))), "invalidValue", "more than 256 bytes"),
            (with("emails", json!([{ "value": "\u{0}" }])), "invalidValue", "emails.value: the character U+0000"),
            (with("emails", json!([[1]])), "invalidValue", "emails: expected an object"),
            (with("emails", json!(vec![json!({ "value": "x" }); 2_001])), "invalidValue", "emails: 2001 values, at most 2000"),
            (with("title", json!("x".repeat(65_537))), "invalidValue", "title: a text of 65537 bytes, at most 65536"),
            (with("name", json!({ "givenName": "x".repeat(65_537) })), "invalidValue", "name.givenName: a text of"),
            (with("active", json!("maybe")), "invalidValue", "active: expected a boolean"),
            (with("profileUrl", json!("a\u{0}b")), "invalidValue", "profileUrl: "),
            (with("profileUrl", json!("two words")), "invalidValue", "profileUrl: expected a URI"),
            (with("x509Certificates", json!([{ "value": "**" }])), "invalidValue", "expected base64 text"),
            (with(enterprise, json!("x")), "invalidValue", "expected an object"),
            (with(enterprise, json!({ "employeeNumber": 7 })), "invalidValue", "employeeNumber: expected a string"),
            (with("schemas", json!("x")), "invalidSyntax", "schemas: expected an array"),
            (with("USERNAME", json!("b")), "invalidSyntax", "userName twice, in different case"),
        ] {
            says(&push.users().post(body).await.scim_error(400, scim_type), part);
        }
        // What no schema knows is nobody's business: ignored, and not shown.
        let odd = push.users().post(with("shoeSize", json!({ "eu": [44, null] }))).await.status(201);
        assert_eq!(odd["shoeSize"], Value::Null);
        assert_eq!(people(&push).await, 1);
        for (body, part) in [
            (json!({}), "displayName is required"),
            (json!({ "displayName": "g", "members": [{ "value": "\u{0}" }] }), "members.value: the character U+0000"),
            (json!({ "displayName": "g", "members": [{ "value": "nobody" }] }), "nobody"),
            (json!({ "displayName": "g", "members": [{ "type": "User" }] }), "members.value is required"),
            (json!({ "displayName": "g", "members": "" }), "members"),
        ] {
            says(&push.groups().post(body).await.scim_error(400, "invalidValue"), part);
        }
        assert_eq!(push.groups().list("").await.status(200)["totalResults"], 0, "nothing was written");
    }

    async fn a_query_that_cannot_be_asked_is_refused(database: Database) {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let push = world.client(&acme, Scope::Scim).await;
        push.users().post(json!({ "userName": "ana" })).await.status(201);
        let nested = |depth: usize| format!("{}title pr{}", "(".repeat(depth), ")".repeat(depth));
        let long = format!("title eq \"{}\"", "x".repeat(8 * 1024));
        push.users().filter(&nested(64)).await.status(200);
        for (filter, part) in [
            (nested(65), "nested more than 64 deep"),
            ("(".repeat(5_000), "nested more than 64 deep"),
            (long, "longer than 8192 bytes"),
            (String::new(), "column 1 of the filter"),
            ("userName eq".into(), "column 12 of the filter: expected a value"),
            ("userName eq \"a".into(), "no closing"),
            (r#"userName eq "\ud800""#.into(), "an escape that JSON does not allow"),
            ("userName eq \"a\\u0000\"".into(), "U+0000"),
            ("userName eq \"a\0\"".into(), "JSON does not allow"),
            ("shoeSize gt 44".into(), "'shoeSize' is no attribute of User"),
            ("active gt true".into(), "operator 'gt' cannot be used"),
            ("password eq \"x\"".into(), "takes pr alone"),
            ("'; drop table resource; --".into(), "column 1 of the filter"),
        ] {
            says(&push.users().filter(&filter).await.scim_error(400, "invalidFilter"), part);
            let by_post = push.users().search(json!({ "filter": filter })).await;
            says(&by_post.scim_error(400, "invalidFilter"), part);
        }
        let names = |count: usize| vec!["userName"; count].join(",");
        for (query, part) in [
            ("count=ten".to_owned(), "count is an integer"),
            ("startIndex=1.5".to_owned(), "startIndex is an integer"),
            ("count=1&count=2".to_owned(), "count is given twice"),
            ("sortBy=shoeSize".to_owned(), "is no attribute of User"),
            ("sortBy=%00".to_owned(), "sortBy"),
            ("sortBy=password".to_owned(), "cannot be sorted by"),
            ("sortOrder=up".to_owned(), "sortOrder is"),
            ("attributes=a&excludedAttributes=b".to_owned(), "cannot be given together"),
            (format!("attributes={}", names(201)), "201 attribute names, at most 200"),
            (format!("excludedAttributes={}", names(201)), "201 attribute names, at most 200"),
            (vec!["a=b"; 65].join("&"), "more than 64 query parameters"),
        ] {
            says(&push.users().list(&query).await.scim_error(400, "invalidValue"), part);
        }
        // Out of range is brought into it (RFC 7644 §3.4.2.4), and what cannot be decoded is no parameter of ours.
        for query in [
            "startIndex=99999999999999999999&count=99999999999999999999",
            "startIndex=9223372036854775807&sortBy=userName",
            "startIndex=-99999999999999999999&count=-1",
            "%FF%00=%ZZ&&&==",
            "attributes=%00,%FF",
        ] {
            push.users().list(query).await.status(200);
        }
        for body in [json!({ "count": "1" }), json!({ "filter": 1 }), json!({ "sortBy": [] }), json!({ "attributes": [1] })] {
            push.users().search(body).await.scim_error(400, "invalidSyntax");
        }
    }

    async fn an_operation_that_cannot_be_done_changes_nothing(database: Database) {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let push = world.client(&acme, Scope::Scim).await;
        let before = push.users().post(json!({ "userName": "ana", "emails": [{ "value": "a@b.c" }] })).await.status(201);
        let id = before.id();
        let add = |path: &str, value: Value| json!([{ "op": "add", "path": path, "value": value }]);
        let many: Vec<Value> = (0..2_001).map(|n| json!({ "value": format!("{n}@b.c") })).collect();
        let deep = format!("emails[{}type pr{}].value", "(".repeat(65), ")".repeat(65));
        for (operations, status, scim_type, part) in [
            (json!([{ "op": "move", "path": "title" }]), 400, "invalidSyntax", "operation 1: op must be"),
            (json!([1]), 400, "invalidSyntax", "operation 1"),
            (json!({ "op": "add" }), 400, "invalidSyntax", "expected an array"),
            (json!(vec![json!({ "op": "remove", "path": "title" }); 1_001]), 413, "", "1001 operations in one PATCH, at most 1000"),
            (add("shoeSize", json!(1)), 400, "invalidPath", "'shoeSize' is no attribute"),
            (add("title[", json!(1)), 400, "invalidPath", "not an index"),
            (add("emails[0].value", json!("x")), 400, "invalidPath", "not an index"),
            (add(&deep, json!("x")), 400, "invalidFilter", "nested more than 64 deep"),
            (add(&"x".repeat(8_193), json!("x")), 400, "invalidPath", "longer than 8192 bytes"),
            (add("a\u{0}", json!("x")), 400, "invalidPath", "path"),
            (add("title", json!("\u{0}")), 400, "invalidValue", "title: the character U+0000"),
            (add("title", json!({})), 400, "invalidValue", "title: expected a string"),
            (add("emails", json!(many)), 400, "invalidValue", "2001 values, at most 2000"),
            (add("emails", json!(many[1..])), 400, "invalidValue", "more than 2000 values"),
            (json!([{ "op": "add", "path": "title" }]), 400, "invalidValue", "add needs a value"),
            (json!([{ "op": "remove" }]), 400, "noTarget", "a remove operation needs a path"),
            (json!([{ "op": "replace", "path": "title", "value": "x" }, { "op": "remove", "path": "userName" }]), 400, "mutability", "userName"),
            (json!([{ "op": "replace", "value": 5 }]), 400, "invalidValue", "is an object of attributes"),
        ] {
            says(&push.users().patch(&id, operations).await.scim_error(status, scim_type), part);
        }
        assert_eq!(push.users().get(&id).await.status(200).body, before.body, "all or none");
    }

    async fn an_id_that_is_none_of_ours_is_not_found(database: Database) {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let push = world.client(&acme, Scope::Scim).await;
        let long = "x".repeat(10_000);
        for id in ["42", "%00", "%FF", "..%2F..", "'%20or%20'1'='1", "%F0%9F%98%80", "Users", long.as_str()] {
            push.users().get(id).await.scim_error(404, "");
            push.users().delete(id).await.scim_error(404, "");
            push.users().put(id, json!({ "userName": "x" })).await.scim_error(404, "");
            push.users().patch(id, json!([{ "op": "remove", "path": "title" }])).await.scim_error(404, "");
        }
        assert_eq!(people(&push).await, 0, "a PUT creates nothing");
    }

    async fn a_group_arrives_with_no_more_members_than_are_taken(database: Database) {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let push = world.client(&acme, Scope::Scim).await;
        let member = r#"{"value":"1"}"#;
        let body = format!(r#"{{"displayName":"all","members":[{}{member}]}}"#, format!("{member},").repeat(200_000));
        let refused = push.groups().call(Method::POST, "").text(SCIM, body).await.scim_error(413, "");
        says(&refused, "members: 200001 values, at most 200000");
    }
}

#[tokio::test]
async fn every_endpoint_that_reads_a_body_refuses_what_is_none() {
    let world = World::sqlite().await;
    let acme = world.tenant("acme").await;
    let described: Value = serde_yaml_ng::from_str(include_str!("../../openapi.yaml")).expect("openapi.yaml is YAML");
    let mut asked = 0;
    for route in routes::table() {
        let (Access::Scopes(scopes), true) =
            (route.access, [Method::POST, Method::PUT, Method::PATCH].contains(&route.method))
        else {
            continue;
        };
        let client = world.client(&acme, scopes[scopes.len() - 1]).await;
        let path =
            route.path.replace("{tenant}", "acme").replace("{parent}", "no-such-id").replace("{attribute}", "title");
        let path = path.replace("{id}", "no-such-id").replace("{broker}", "no-such-id").replace("{type}", "Nothings");
        let takes_none = described["paths"][&route.path][route.method.as_str().to_lowercase()]["requestBody"].is_null();
        // `/Me` creates nobody, and a type that nobody has defined is not there, whatever the body says; an import judges its
        // lines one by one (tests/suite/moving_in.rs).
        if takes_none && path.ends_with("/Me") || route.path.contains("{type}") || path.ends_with("/imports") {
            continue;
        }
        let mut bodies: Vec<Vec<u8>> = not_json().into_iter().map(|(body, _)| body).collect();
        bodies.extend(no_object().map(|body| body.as_bytes().to_vec()));
        for (index, body) in bodies.into_iter().enumerate() {
            asked += 1;
            // What nobody has may be said before what is wrong with the change to it.
            let is_json = index >= not_json().len();
            let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
            let reply = client.call(route.method.clone(), &path).text("application/json", body).await;
            let status = reply.status.as_u16();
            assert!(
                status == 400 || ((takes_none || is_json) && status == 404),
                "{} {shown}: {status} {}",
                reply.request,
                reply.body
            );
            assert!(reply["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{} {shown}", reply.request);
        }
        let reply = client.call(route.method.clone(), &path).text("text/plain", "{}").await;
        assert!(reply.status.as_u16() == 415 || takes_none, "{}", reply.request);
        let large = vec![b' '; (16 << 20) + 1];
        let reply = client.call(route.method.clone(), &path).text("application/json", large).await;
        assert!(reply.status.as_u16() == 413 || takes_none, "{}", reply.request);
        if !takes_none {
            let is_bulk = route.path.ends_with("/Bulk");
            says(
                &reply,
                if is_bulk { "maxPayloadSize (4194304)" } else { "bytes, which is the most this endpoint reads" },
            );
        }
    }
    assert!(asked > 300, "the table is nearly empty: {asked}");
}

#[tokio::test]
async fn what_the_router_refuses_is_a_scim_error_too() {
    let world = World::sqlite().await;
    let acme = world.tenant("acme").await;
    let push = world.client(&acme, Scope::Scim).await;
    push.scim("/Robots").call(Method::GET, "").await.scim_error(404, "");
    push.scim("/Users/1/2/3").call(Method::GET, "").await.scim_error(404, "");
    for (method, path, allowed) in [
        (Method::PUT, "/Users", "GET,HEAD,POST"),
        (Method::DELETE, "/Groups", "GET,HEAD,POST"),
        (Method::POST, "/Users/1", "DELETE,GET,HEAD,PATCH,PUT"),
        (Method::GET, "/Groups/.search", "POST"),
        (Method::DELETE, "/Schemas", "GET,HEAD"),
        (Method::POST, "/ServiceProviderConfig", "GET,HEAD"),
        (Method::TRACE, "/Users", "GET,HEAD,POST"),
        (Method::OPTIONS, "/Users", "GET,HEAD,POST"),
        (Method::from_bytes(b"BREW").expect("a token"), "/Users", "GET,HEAD,POST"),
    ] {
        let reply = push.scim(path).call(method.clone(), "").await;
        let reply = reply.scim_error(405, "");
        let mut names: Vec<&str> = reply.header(header::ALLOW).split(',').map(str::trim).collect();
        names.sort_unstable();
        assert_eq!(names.join(","), allowed, "{method} {path}");
    }
    // 406 is never needed: whatever the client takes, it gets SCIM's own form (RFC 9110 §12.5.1 allows it).
    let reply = push.users().get("1").header(header::ACCEPT, "image/png").await.scim_error(404, "");
    assert_eq!(reply.header(header::CONTENT_TYPE), SCIM);
    push.with_token(None).users().get("1").await.scim_error(401, "");
    push.with_token("rk_scim_".to_owned()).users().get("1").await.scim_error(401, "");
    let tags = push.users().post(json!({ "userName": "ana" })).await.status(201);
    push.users().delete(&tags.id()).if_match("nonsense\"").await.scim_error(412, "");
    push.users().get(&tags.id()).if_none_match("nonsense\"").await.status(200);
}

#[tokio::test]
async fn a_token_that_asks_too_often_waits() {
    let world = World::sqlite().await;
    let acme = world.tenant("acme").await;
    let (one, other) = (world.token(&acme, Scope::Scim).await, world.token(&acme, Scope::Admin).await);
    let keys = Jwks::new(Egress::new(EgressPolicy::default()), world.clock.clone());
    let logins = Logins { directory: world.directory.clone(), keys };
    let settings = Settings { requests_per_second: 2, ..Settings::default() };
    let app = App::new(world.directory.clone(), logins, settings);
    let push = Client::new(app.router(), "acme", Some(&one));
    for _ in 0..4 {
        push.users().list("").await.status(200);
    }
    let refused = push.users().post(json!({ "userName": "ana" })).await.scim_error(429, "");
    assert_eq!(refused.header(header::RETRY_AFTER), "1", "whole seconds: Okta reads nothing else");
    says(&refused, "wait 1 s");
    // Nobody else waits, and what needs no token is answered.
    let admin = push.with_token(other.clone());
    admin.users().list("").await.status(200);
    push.with_token(None).scim("/ServiceProviderConfig").list("").await.status(200);
    world.clock.advance(1_000);
    push.users().post(json!({ "userName": "ana" })).await.status(201);
    for _ in 0..4 {
        admin.admin("/tokens").list("").await.status(200);
    }
    admin.admin("/tokens").list("").await.problem(429, "too_often");
}
