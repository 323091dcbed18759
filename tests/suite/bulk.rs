//! Bulk (RFC 7644 §3.7), as a client lives it over HTTP, on both engines.

use axum::http::Method;
use rollkeeper::auth::token::Scope;
use rollkeeper::http::Settings;
use serde_json::{Value, json};

use crate::support::client::Client;
use crate::support::contract::leniently;
use crate::support::{Reply, Tenant, World, both_engines};

const REQUEST: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
const RESPONSE: &str = "urn:ietf:params:scim:api:messages:2.0:BulkResponse";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const BASE: &str = "http://roll.test/t/acme/scim/v2";

fn post(path: &str, bulk_id: &str, data: Value) -> Value {
    json!({"method": "POST", "path": path, "bulkId": bulk_id, "data": data})
}

fn user(name: &str) -> Value {
    post("/Users", name, json!({"userName": name, "externalId": name}))
}

/// A group of these, each named by its `bulkId`.
fn group(name: &str, members: &[&str]) -> Value {
    let members: Vec<Value> = members.iter().map(|name| json!({ "value": format!("bulkId:{name}") })).collect();
    post("/Groups", name, json!({"displayName": name, "externalId": name, "members": members}))
}

async fn send(client: &Client, operations: Value) -> Reply {
    bulk(client, json!({"schemas": [REQUEST], "Operations": operations})).await.status(200)
}

async fn bulk(client: &Client, body: Value) -> Reply {
    client.scim("/Bulk").post(body).await
}

fn results(reply: &Reply) -> &[Value] {
    assert_eq!(reply["schemas"], json!([RESPONSE]));
    assert_eq!(
        reply.body.as_object().expect("an object").len(),
        2,
        "nothing but schemas and Operations: {}",
        reply.body
    );
    reply["Operations"].as_array().expect("a list")
}

#[track_caller]
fn statuses(reply: &Reply) -> Vec<&str> {
    results(reply).iter().map(|result| result["status"].as_str().expect("text")).collect()
}

/// The id at the end of a result's location.
#[track_caller]
fn id(result: &Value) -> String {
    let location = result["location"].as_str().unwrap_or_else(|| panic!("no location: {result}"));
    location.rsplit('/').next().expect("a segment").to_owned()
}

async fn members(client: &Client, group: &str) -> Vec<String> {
    let group = client.groups().get(group).await.status(200);
    let listed = group["members"].as_array().cloned().unwrap_or_default();
    listed.iter().map(|member| member["value"].as_str().expect("an id").to_owned()).collect()
}

/// The kinds of all events, once the last is this one: the feed of PostgreSQL waits for transactions of other tests.
async fn told(world: &World, tenant: &Tenant, last: &str) -> Vec<String> {
    loop {
        let page = world.directory.events(&tenant.info.id, None, 100).await.expect("the feed is readable");
        let kinds: Vec<String> =
            page.events.iter().map(|event| event["kind"].as_str().unwrap_or_default().to_owned()).collect();
        if kinds.last().is_some_and(|kind| kind == last) {
            return kinds;
        }
        tokio::task::yield_now().await;
    }
}

async fn verified(world: &World, tenant: &Tenant) {
    let differences = world.directory.verify(Some(&tenant.info.id)).await.expect("verify runs");
    assert!(differences.is_empty(), "{differences:#?}");
}

both_engines! {
    async fn each_operation_is_answered_as_it_would_be_alone(database: Database) {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let push = world.client(&acme, Scope::Scim).await;
        let old = push.users().post(json!({"userName": "old"})).await.status(201);
        let stale = push.users().post(json!({"userName": "stale"})).await.status(201);
        let staff = push.groups().post(json!({"displayName": "staff"})).await.status(201).id();

        let reply = send(&push, json!([
            user("ana"),
            {"method": "PUT", "path": format!("/Users/{}", old.id()), "version": old.etag(),
             "data": {"userName": "old", "title": "Elder"}},
            {"method": "PATCH", "path": format!("/Users/{}", old.id()), "bulkId": "mine",
             "data": {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
                      "Operations": [{"op": "add", "path": "nickName", "value": "o"}]}},
            {"method": "PATCH", "path": format!("Groups/{staff}"),
             "data": {"Operations": [{"op": "add", "path": "members", "value": [{"value": "bulkId:ana"}]}]}},
            {"method": "PUT", "path": format!("/Users/{}", stale.id()), "version": "W/\"99\"", "data": {"userName": "stale", "title": "x"}},
            {"method": "DELETE", "path": format!("/Users/{}", stale.id()), "version": stale.etag()},
            {"method": "DELETE", "path": format!("/Users/{}", stale.id())},
        ])).await;
        assert_eq!(statuses(&reply), ["201", "200", "200", "204", "412", "204", "404"]);
        let done = results(&reply);

        // What was created is where the answer says, at that version.
        let ana = push.users().get(&id(&done[0])).await.status(200);
        assert_eq!(ana["userName"], "ana");
        assert_eq!(done[0]["location"], ana["meta"]["location"]);
        assert_eq!((&done[0]["method"], &done[0]["bulkId"]), (&json!("POST"), &json!("ana")));
        let changed = push.users().get(&old.id()).await.status(200);
        assert_eq!((&changed["title"], &changed["nickName"]), (&json!("Elder"), &json!("o")));
        assert_eq!(done[2]["version"], changed["meta"]["version"]);
        assert_eq!(done[2]["bulkId"], "mine");
        assert!(done[1].get("bulkId").is_none());
        assert_eq!(members(&push, &staff).await, [ana.id()]);

        // An error names the resource that it was about, and is the Error of the single request.
        assert_eq!(done[4]["location"], stale["meta"]["location"]);
        assert_eq!(done[4]["response"]["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:Error"]));
        assert_eq!(done[4]["response"]["status"], "412");
        assert!(done[5].get("version").is_none() && done[5].get("response").is_none(), "{}", done[5]);
        push.users().get(&stale.id()).await.scim_error(404, "");
        verified(&world, &acme).await;
    }

    async fn references_backward_and_forward_and_in_every_place(database: Database) {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let push = world.client(&acme, Scope::Scim).await;
        let reply = send(&push, json!([
            // Forward: the group comes before its member.
            group("staff", &["ana", "ben"]),
            user("ana"),
            post("/Users", "ben", json!({"userName": "ben", "nickName": "bulkId:ana", ENTERPRISE: {"manager": {"value": "bulkId:ana"}}})),
            {"method": "PATCH", "path": "/Groups/bulkId:staff", "data": {"Operations": [
                {"op": "add", "path": "members", "value": [{"value": "bulkId:cem"}]},
                {"op": "remove", "path": "members[value eq \"bulkId:ana\"]"}]}},
            user("cem"),
            {"method": "PUT", "path": "/Users/bulkId:cem", "data": {"userName": "cem", "title": "bulkId:ana"}},
        ])).await;
        assert_eq!(statuses(&reply), ["201", "201", "201", "204", "201", "200"]);
        let done = results(&reply);
        assert_eq!(done.iter().map(|r| r["method"].as_str().unwrap()).collect::<Vec<_>>(), ["POST", "POST", "POST", "PATCH", "POST", "PUT"]);
        let (staff, ana, ben, cem) = (id(&done[0]), id(&done[1]), id(&done[2]), id(&done[4]));
        let mut expected = vec![ben.clone(), cem.clone()];
        expected.sort();
        let mut found = members(&push, &staff).await;
        found.sort();
        assert_eq!(found, expected);
        let ben = push.users().get(&ben).await.status(200);
        assert_eq!(ben[ENTERPRISE]["manager"]["value"], ana);
        // An ordinary text is left alone.
        assert_eq!(ben["nickName"], "bulkId:ana");
        assert_eq!(push.users().get(&cem).await["title"], "bulkId:ana");
        // The results of what waited carry the place where they went.
        assert_eq!(done[3]["location"], format!("{BASE}/Groups/{staff}"));
        assert_eq!(done[5]["location"], format!("{BASE}/Users/{cem}"));
        assert!(!reply.body["Operations"].to_string().contains("bulkId:"));
        verified(&world, &acme).await;
    }

    async fn circular_references(database: Database) {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        for scope in [Scope::Scim, Scope::Admin] {
            let client = world.client(&acme, scope).await;
            let name = |text: &str| format!("{text} of {scope}");
            let (a, b, u, v) = (name("a"), name("b"), name("u"), name("v"));
            let person = |own: &str, manager: &str| {
                post("/Users", own, json!({"userName": own.replace(' ', "-"), ENTERPRISE: {"manager": {"value": format!("bulkId:{manager}")}}}))
            };
            let reply = send(&client, json!([
                // RFC 7644 §3.7.1: two groups that contain each other.
                group(&a, &[&b, &u]),
                group(&b, &[&a]),
                // Two people who manage each other, and one who manages himself.
                person(&u, &v),
                person(&v, &u),
            ])).await;
            assert_eq!(statuses(&reply), ["201"; 4], "{}", reply.body);
            let ids: Vec<String> = results(&reply).iter().map(id).collect();
            // The administrator reads the effective members: of a circle of groups, those who are in it.
            if scope == Scope::Scim {
                let mut inner = members(&client, &ids[0]).await;
                inner.sort();
                let mut expected = vec![ids[1].clone(), ids[2].clone()];
                expected.sort();
                assert_eq!(inner, expected);
                assert_eq!(members(&client, &ids[1]).await, [ids[0].clone()]);
            } else {
                assert!(members(&client, &ids[0]).await.contains(&ids[1]));
                assert!(members(&client, &ids[1]).await.contains(&ids[0]));
            }
            for (own, other) in [(2, 3), (3, 2)] {
                let person = client.users().get(&ids[own]).await.status(200);
                assert_eq!(person[ENTERPRISE]["manager"]["value"], ids[other]);
                // The first is in a group since the groups were made, which was later.
                let same = results(&reply)[own]["version"] == person["meta"]["version"];
                assert_eq!(same, own == 3, "{person:?}");
            }
            let own = name("self");
            let reply = send(&client, json!([person(&own, &own)])).await;
            assert_eq!(statuses(&reply), ["201"]);
            let alone = id(&results(&reply)[0]);
            assert_eq!(client.users().get(&alone).await[ENTERPRISE]["manager"]["value"], alone);
        }
        verified(&world, &acme).await;
    }

    async fn somebody_in_a_circle_who_was_known_already_keeps_their_id(database: Database) {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let (push, admin) = (world.client(&acme, Scope::Scim).await, world.client(&acme, Scope::Admin).await);
        // Entered by hand: a push that names her claims her.
        let ana = admin.users().post(json!({"userName": "ana"})).await.status(201).id();
        let person = |own: &str, manager: &str| {
            post("/Users", own, json!({"userName": own, ENTERPRISE: {"manager": {"value": format!("bulkId:{manager}")}}}))
        };
        let reply = send(&push, json!([person("ana", "ben"), person("ben", "ana")])).await;
        assert_eq!(statuses(&reply), ["201", "201"], "{}", reply.body);
        assert_eq!(id(&results(&reply)[0]), ana);
        let ben = id(&results(&reply)[1]);
        assert_eq!(push.users().get(&ana).await[ENTERPRISE]["manager"]["value"], ben);
        assert_eq!(push.users().get(&ben).await[ENTERPRISE]["manager"]["value"], ana);
        assert_eq!(push.users().list("").await["totalResults"], 2);
        verified(&world, &acme).await;
    }

    async fn a_failure_within_a_circle_leaves_nothing_of_it(database: Database) {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let push = world.client(&acme, Scope::Scim).await;
        push.groups().post(json!({"displayName": "taken", "externalId": "taken"})).await.status(201);
        let reply = send(&push, json!([
            group("a", &["b"]),
            user("bystander"),
            group("b", &["taken"]),
            group("taken", &["a"]),
            // What refers into the circle fails with it.
            group("outside", &["a"]),
        ])).await;
        assert_eq!(statuses(&reply), ["409", "201", "409", "409", "409"], "{}", reply.body);
        let done = results(&reply);
        assert_eq!(done[3]["response"]["scimType"], "uniqueness");
        for result in [&done[0], &done[2]] {
            assert!(result["response"]["detail"].as_str().unwrap().contains("operation 4"), "{result}");
            assert!(result.get("location").is_none() && result.get("version").is_none());
        }
        assert!(done[4]["response"]["detail"].as_str().unwrap().contains("operation 1"), "{}", done[4]);
        assert_eq!(push.groups().list("").await["totalResults"], 1);
        let told = told(&world, &acme, "user.created").await;
        assert_eq!(told, ["group.created", "user.created"], "of the circle nothing is told");

        // A member that is nobody is found when the members come in, after everything was made.
        let mut nobody = group("c", &["d"]);
        nobody["data"]["members"] = json!([{"value": "bulkId:d"}, {"value": "no-such-id"}]);
        let reply = send(&push, json!([nobody, group("d", &["c"])])).await;
        assert_eq!(statuses(&reply), ["400", "409"], "{}", reply.body);
        assert!(results(&reply)[0]["response"]["detail"].as_str().unwrap().contains("no-such-id"));
        assert_eq!(push.groups().list("").await["totalResults"], 1);
        verified(&world, &acme).await;
    }

    async fn fail_on_errors_stops_and_keeps_what_was_done(database: Database) {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let push = world.client(&acme, Scope::Scim).await;
        let gone = json!({"method": "DELETE", "path": "/Users/nobody"});
        let operations = json!([user("one"), gone, user("two"), gone, user("three")]);
        let run = async |limit: Value| {
            let reply = bulk(&push, json!({"schemas": [REQUEST], "failOnErrors": limit, "Operations": operations})).await;
            let reply = reply.status(200);
            assert!(reply.body.get("failOnErrors").is_none());
            let statuses: Vec<String> = statuses(&reply).into_iter().map(str::to_owned).collect();
            let names = push.users().list("").await;
            let mut names: Vec<String> = names.each("userName").into_iter().map(str::to_owned).collect();
            names.sort();
            for person in push.users().list("").await["Resources"].as_array().expect("people") {
                push.users().delete(person["id"].as_str().expect("an id")).await.status(204);
            }
            (statuses, names)
        };
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        assert_eq!(run(json!(1)).await, (texts(&["201", "404"]), texts(&["one"])));
        assert_eq!(run(json!(2)).await, (texts(&["201", "404", "201", "404"]), texts(&["one", "two"])));
        assert_eq!(run(Value::Null).await, (texts(&["201", "404", "201", "404", "201"]), texts(&["one", "three", "two"])));
        assert_eq!(run(json!(3)).await.0.len(), 5);
        for wrong in [json!(0), json!(-1)] {
            let body = json!({"failOnErrors": wrong, "Operations": [user("x")]});
            bulk(&push, body).await.scim_error(400, "invalidValue");
        }
        assert_eq!(push.users().list("").await["totalResults"], 0);
    }

    async fn what_is_wrong_with_one_operation_fails_that_one(database: Database) {
        let _lenient = leniently();
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let push = world.client(&acme, Scope::Scim).await;
        let reply = send(&push, json!([
            {"method": "GET", "path": "/Users/1"},
            {"method": "POST", "path": "/Users", "data": {"userName": "x"}},
            post("/Users/1", "b", json!({"userName": "x"})),
            {"method": "PUT", "path": "/Users", "data": {"userName": "x"}},
            {"method": "PUT", "path": "/Users/1"},
            {"method": "DELETE", "path": "/Robots/1"},
            post("/Bulk", "c", json!({"Operations": []})),
            post("/Users/.search", "d", json!({})),
            {"method": "DELETE"},
            post("/Users", "e", json!({"displayName": "nameless"})),
            group("f", &["e"]),
            group("g", &["nobody"]),
            {"method": "PATCH", "path": "/Users/bulkId:e", "data": {"Operations": [{"op": "move"}]}},
            {"method": "PATCH", "path": "https://elsewhere.test/Users/1", "data": {"Operations": []}},
            user("last"),
        ])).await;
        let expected = [
            ("400", "invalidSyntax", Some("/Users/1")),
            ("400", "invalidSyntax", None),
            ("405", "", None),
            ("405", "", Some("/Users")),
            ("400", "invalidSyntax", Some("/Users/1")),
            ("404", "", Some("/Robots/1")),
            ("400", "invalidSyntax", None),
            ("400", "invalidSyntax", None),
            ("400", "invalidSyntax", None),
            ("400", "invalidValue", None),
            ("409", "", None),
            ("400", "invalidValue", None),
            ("409", "", Some("/Users/bulkId:e")),
            ("400", "invalidValue", None),
        ];
        let done = results(&reply);
        for (number, (status, scim_type, location)) in expected.into_iter().enumerate() {
            let result = &done[number];
            assert_eq!(result["status"], status, "{number}: {result}");
            assert_eq!(result["response"]["status"], status, "{number}: {result}");
            assert_eq!(result["response"]["scimType"].as_str().unwrap_or_default(), scim_type, "{number}: {result}");
            assert!(!result["response"]["detail"].as_str().unwrap_or_default().is_empty(), "{number}: {result}");
            if let Some(location) = location {
                assert_eq!(result["location"], format!("{BASE}{location}"), "{number}");
            }
            assert!(result["method"] != "POST" || result.get("location").is_none(), "{number}: {result}");
        }
        assert_eq!(done[14]["status"], "201");
        // The bulkId of a failed creation comes back.
        assert_eq!(done[9]["bulkId"], "e");
        assert!(done[11]["response"]["detail"].as_str().unwrap().contains("nobody"));
        assert_eq!(push.users().list("").await["totalResults"], 1);
        assert_eq!(push.groups().list("").await["totalResults"], 0);
    }

    async fn what_is_wrong_with_the_whole_runs_nothing(database: Database) {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let push = world.client(&acme, Scope::Scim).await;
        let twice = json!({"Operations": [user("a"), user("b"), {"method": "POST", "path": "/Groups", "bulkId": "a", "data": {"displayName": "g"}}]});
        let reply = bulk(&push, twice).await.scim_error(400, "invalidValue");
        assert!(reply["detail"].as_str().unwrap().contains('a'), "{}", reply["detail"]);
        for (body, scim_type) in [
            (json!({}), "invalidSyntax"),
            (json!([]), "invalidSyntax"),
            (json!({"Operations": {}}), "invalidSyntax"),
            (json!({"Operations": [user("a"), 7]}), "invalidSyntax"),
            (json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [user("a")]}), "invalidSyntax"),
            (json!({"failOnErrors": "1", "Operations": [user("a")]}), "invalidSyntax"),
        ] {
            bulk(&push, body).await.scim_error(400, scim_type);
        }
        push.scim("/Bulk").call(Method::POST, "").text("application/scim+json", "{\"Operations\": [").await.scim_error(400, "invalidSyntax");
        push.scim("/Bulk").call(Method::POST, "").text("text/plain", "{}").await.scim_error(415, "");
        push.scim("/Bulk").call(Method::GET, "").await.scim_error(405, "");
        assert_eq!(push.users().list("").await["totalResults"], 0);
        // An empty list is nothing to do.
        assert!(results(&send(&push, json!([])).await).is_empty());
    }

    async fn each_operation_may_do_what_its_token_may_do_alone(database: Database) {
        let world = World::on(database).await;
        let (acme, other) = (world.tenant("acme").await, world.tenant("other").await);
        let push = world.client(&acme, Scope::Scim).await;
        let admin = world.client(&acme, Scope::Admin).await;
        let organization = post("/Organizations", "o", json!({"slug": "acme"}));
        let reply = send(&push, json!([organization, user("ana")])).await;
        assert_eq!(statuses(&reply), ["403", "201"]);
        let ana = id(&results(&reply)[1]);
        let reply = send(&admin, json!([organization])).await;
        assert_eq!(statuses(&reply), ["201"]);
        let slug = id(&results(&reply)[0]);
        let renamed = json!({"method": "PATCH", "path": format!("/Organizations/{slug}"), "data": {"Operations": [{"op": "add", "path": "displayName", "value": "Acme"}]}});
        assert_eq!(statuses(&send(&push, json!([renamed])).await), ["403"]);
        assert_eq!(statuses(&send(&admin, json!([renamed])).await), ["200"]);
        // What a push owns, an administrator's bulk does not rewrite either.
        let title = |value: &str| json!({"method": "PATCH", "path": format!("/Users/{ana}"), "data": {"Operations": [{"op": "replace", "path": "userName", "value": value}]}});
        let reply = send(&admin, json!([title("bob")])).await;
        assert_eq!((statuses(&reply), &results(&reply)[0]["response"]["scimType"]), (vec!["400"], &json!("mutability")));

        // Readers and other tenants' tokens do not get in; and another tenant's people are not there.
        let reader = world.client(&acme, Scope::ScimRead).await;
        bulk(&reader, json!({"Operations": [user("x")]})).await.scim_error(403, "");
        let stranger = world.client(&other, Scope::Scim).await;
        let theirs = world.token(&other, Scope::Scim).await;
        bulk(&push.with_token(theirs), json!({"Operations": [user("x")]})).await.scim_error(401, "");
        bulk(&acme.client(None), json!({"Operations": [user("x")]})).await.scim_error(401, "");
        let reply = send(&stranger, json!([{"method": "DELETE", "path": format!("/Users/{ana}")}])).await;
        assert_eq!(statuses(&reply), ["404"]);
        push.users().get(&ana).await.status(200);
    }

    async fn a_thousand_operations(database: Database) {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let push = world.client(&acme, Scope::Scim).await;
        let names: Vec<String> = (0..999).map(|n| format!("u{n:03}")).collect();
        let mut operations = vec![group("everybody", &names.iter().map(String::as_str).collect::<Vec<_>>())];
        operations.extend(names.iter().map(|name| user(name)));
        let reply = send(&push, json!(operations)).await;
        let done = results(&reply);
        assert_eq!(done.len(), 1_000);
        assert!(done.iter().all(|result| result["status"] == "201"));
        assert_eq!((&done[0]["bulkId"], &done[999]["bulkId"]), (&json!("everybody"), &json!("u998")));
        assert_eq!(members(&push, &id(&done[0])).await.len(), 999);

        // One more is too many, and then none is done.
        operations.push(user("one-more"));
        let reply = bulk(&push, json!({"Operations": operations})).await.scim_error(413, "");
        assert!(reply["detail"].as_str().unwrap().contains("maxOperations (1000)"), "{}", reply["detail"]);
        assert_eq!(push.users().list("count=0").await["totalResults"], 999);
        let config = push.scim("/ServiceProviderConfig").list("").await.status(200);
        assert_eq!(config["bulk"], json!({"supported": true, "maxOperations": 1000, "maxPayloadSize": 4 << 20}));
    }

    async fn limits_are_settings_and_hold_before_anything_is_parsed(database: Database) {
        let settings = Settings { bulk_max_operations: 2, bulk_max_payload_bytes: 2_000, ..Settings::default() };
        let world = World::with(database, settings).await;
        let acme = world.tenant("acme").await;
        let push = world.client(&acme, Scope::Scim).await;
        let config = push.scim("/ServiceProviderConfig").list("").await.status(200);
        assert_eq!(config["bulk"], json!({"supported": true, "maxOperations": 2, "maxPayloadSize": 2_000}));
        // Too large and no JSON either: the size is what is said. `Content-Length` announces it in the one case only.
        let large = "x".repeat(2_001);
        for announced in [true, false] {
            let mut call = push.scim("/Bulk").call(Method::POST, "").text("application/scim+json", large.clone());
            if announced {
                call = call.header(axum::http::header::CONTENT_LENGTH, "2001");
            }
            let reply = call.await.scim_error(413, "");
            assert!(reply["detail"].as_str().unwrap().contains("maxPayloadSize (2000)"), "{}", reply["detail"]);
        }
        let reply = bulk(&push, json!({"Operations": [user("a"), user("b"), user("c")]})).await.scim_error(413, "");
        assert!(reply["detail"].as_str().unwrap().contains("maxOperations (2)"), "{}", reply["detail"]);
        assert_eq!(push.users().list("").await["totalResults"], 0);
        assert_eq!(statuses(&send(&push, json!([user("a"), user("b")])).await), ["201", "201"]);
    }

    async fn a_circle_of_more_than_200_is_refused(database: Database) {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let push = world.client(&acme, Scope::Scim).await;
        let ring = |size: usize| -> Value {
            let name = |n: usize| format!("g{size}-{}", n % size);
            (0..size).map(|n| group(&name(n), &[&name(n + 1)])).collect()
        };
        let reply = send(&push, ring(201)).await;
        assert!(results(&reply).iter().all(|result| result["status"] == "413"), "{}", reply.body);
        assert_eq!(push.groups().list("count=0").await["totalResults"], 0);
        let reply = send(&push, ring(200)).await;
        assert!(results(&reply).iter().all(|result| result["status"] == "201"), "{}", reply.body);
        assert_eq!(push.groups().list("count=0").await["totalResults"], 200);
        verified(&world, &acme).await;
    }

    async fn when_the_time_is_over_the_rest_is_said_not_to_be_begun(database: Database) {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let caller = rollkeeper::directory::Caller::administrator(&acme.info.id);
        let request = json!({"Operations": [user("a"), user("b")]});
        let request = rollkeeper::scim::message::BulkRequest::read(&request, 10).expect("a bulk request");
        let job = rollkeeper::directory::BulkJob {
            plan: rollkeeper::scim::bulk::Plan::of(request.operations, &rollkeeper::scim::resource_type::Registry::builtin(), BASE),
            fail_on_errors: None,
            wants: |_, _| rollkeeper::directory::Wants::default(),
            limit: std::time::Duration::ZERO,
        };
        let processed = world.directory.bulk(&caller, job).await;
        assert_eq!(processed.len(), 2);
        for processed in processed {
            let error = processed.outcome.expect_err("not begun").to_string();
            assert!(error.starts_with("503: not begun"), "{error}");
        }
        let admin = world.client(&acme, Scope::Admin).await;
        assert_eq!(admin.users().list("").await["totalResults"], 0);
    }

    async fn what_is_too_large_alone_is_too_large_within(database: Database) {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let push = world.client(&acme, Scope::Scim).await;
        let large = post("/Users", "large", json!({"userName": "large", "title": "x".repeat(1 << 20)}));
        let reply = send(&push, json!([large, user("small")])).await;
        assert_eq!(statuses(&reply), ["413", "201"]);
    }

    async fn between_two_operations_another_tenant_writes(database: Database) {
        let world = World::on(database).await;
        let (acme, other) = (world.tenant("acme").await, world.tenant("other").await);
        let (push, neighbour) = (world.client(&acme, Scope::Scim).await, world.client(&other, Scope::Scim).await);
        let operations: Value = (0..120).map(|n| user(&format!("u{n}"))).collect();
        let long = tokio::spawn(async move { send(&push, operations).await });
        // While it runs the neighbour writes again and again; each write waits for one operation, not for the bulk.
        let mut written = 0;
        while !long.is_finished() {
            neighbour.users().post(json!({ "userName": format!("n{written}") })).await.status(201);
            written += 1;
        }
        assert!(results(&long.await.expect("it ends")).iter().all(|result| result["status"] == "201"));
        assert!(written > 12, "the neighbour wrote {written} times only");
    }
}
