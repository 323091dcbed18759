//! PUT, PATCH and DELETE over HTTP (RFC 7644 §3.5.1, §3.5.2, §3.6), as an IdP or an administrator lives them, on both engines.

use axum::http::header;
use rollkeeper::auth::token::Scope;
use serde_json::{Value, json};

use crate::support::contract::leniently;
use crate::support::{Client, World, both_engines};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const TEAM: &str = "urn:rollkeeper:params:scim:schemas:extension:2.0:Team";

fn ada() -> Value {
    json!({
        "schemas": [USER, ENTERPRISE], "userName": "ada", "externalId": "e1", "title": "Countess", "active": true,
        "name": { "givenName": "Ada", "familyName": "Lovelace" },
        "emails": [{ "value": "ada@acme.example", "type": "work", "primary": true }],
        "roles": [{ "value": "author" }],
        ENTERPRISE: { "department": "Engines" }
    })
}

/// The body without what only the server says.
fn without(body: &Value, names: &[&str]) -> Value {
    let mut body = body.clone();
    body.as_object_mut().expect("a resource").retain(|name, _| !names.contains(&name.as_str()));
    body
}

async fn set_profile(admin: &Client, push: Value) {
    let listed = admin.admin("/connections").list("").await.status(200);
    let id = listed["connections"][0]["id"].as_str().expect("one connection").to_owned();
    admin
        .admin("/connections")
        .call(axum::http::Method::PATCH, &format!("/{id}"))
        .text("application/json", json!({ "rules": { "push": push } }).to_string())
        .await
        .status(200);
}

both_engines! {
    async fn a_put_replaces_and_keeps_what_it_must(database: Database) {
        let _lenient = leniently();
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let push = world.client(&acme, Scope::Scim).await;
        push.users().put("unknown", ada()).await.scim_error(404, "");

        let made = push.users().post(ada()).await.status(201);
        let id = made.id();
        let group = json!({ "displayName": "staff", "members": [{ "value": id }] });
        let staff = push.groups().post(group).await.status(201).id();

        // Absent is cleared; `externalId`, `active` and what only the server writes are not.
        let body = json!({ "userName": "ada", "id": "other", "groups": [], "meta": { "version": "x" }, "nickName": "A" });
        let put = push.users().put(&id, body).await.status(200);
        assert_eq!((put.id(), &put["nickName"], &put["title"], &put["emails"]), (id.clone(), &json!("A"), &Value::Null, &Value::Null));
        assert_eq!((&put["externalId"], &put["active"]), (&json!("e1"), &json!(true)));
        assert_eq!((&put["schemas"], &put[ENTERPRISE]), (&json!([USER]), &Value::Null), "an extension without a value");
        assert_eq!(put["groups"][0]["value"], staff);
        assert_eq!((put.header(header::LOCATION), put.etag().as_str()), (put["meta"]["location"].as_str().unwrap_or_default(), put["meta"]["version"].as_str().unwrap_or_default()));
        let some = push.users().put(&id, ada()).query("attributes=title").await.status(200);
        assert_eq!((&some["title"], &some["emails"]), (&json!("Countess"), &Value::Null));
        let most = push.users().put(&id, ada()).query("excludedAttributes=title").await.status(200);
        assert_eq!((&most["title"], &most["roles"][0]["value"]), (&Value::Null, &json!("author")));

        // Null and an empty list clear.
        let mut cleared = ada();
        cleared["title"] = Value::Null;
        cleared["roles"] = json!([]);
        let put = push.users().put(&id, cleared).await.status(200);
        assert_eq!((&put["title"], &put["roles"]), (&Value::Null, &Value::Null));

        push.users().put(&id, without(&ada(), &["userName"])).await.scim_error(400, "invalidValue");
        push.users().put(&id, json!({ "userName": null })).await.scim_error(400, "invalidValue");
        push.users().post(json!({ "userName": "bob" })).await.status(201);
        push.users().put(&id, json!({ "userName": "BOB" })).await.scim_error(409, "uniqueness");
        push.users().patch(&id, json!([{ "op": "replace", "path": "userName", "value": "Bob" }])).await.scim_error(409, "uniqueness");

        // A group's members stay if the body does not mention them.
        push.groups().put(&staff, json!({ "schemas": [GROUP], "displayName": "crew" })).await.status(200);
        let kept = push.groups().get(&staff).await.status(200);
        assert_eq!((&kept["displayName"], &kept["members"][0]["value"]), (&json!("crew"), &json!(id)));
        let emptied = push.groups().put(&staff, json!({ "displayName": "crew", "members": [] })).await.status(200);
        assert_eq!(emptied["members"], Value::Null);

        // A put never brings anybody back.
        push.users().patch(&id, json!([{ "op": "replace", "path": "active", "value": false }])).await.status(200);
        let put = push.users().put(&id, without(&ada(), &["active"])).await.status(200);
        assert_eq!(put["active"], false);
    }

    async fn a_patch_is_all_or_nothing(database: Database) {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let push = world.client(&acme, Scope::Scim).await;
        let made = push.users().post(ada()).await.status(201);
        let id = made.id();

        let mut operations: Vec<Value> =
            (0..5).map(|n| json!({ "op": "add", "path": "nickName", "value": format!("n{n}") })).collect();
        operations.push(json!({ "op": "add", "path": "shoeSize", "value": 5 }));
        let refused = push.users().patch(&id, json!(operations)).await.scim_error(400, "invalidPath");
        assert!(refused["detail"].as_str().is_some_and(|detail| detail.starts_with("operation 6: ")), "{}", refused["detail"]);
        let found = push.users().get(&id).await.status(200);
        assert_eq!((&found.body, found.etag()), (&made.body, made.etag()));

        // What changes nothing changes no version and no time.
        world.clock.advance(1_000);
        let again = json!([
            { "op": "add", "path": "emails", "value": [{ "value": "ada@acme.example", "type": "work" }] },
            { "op": "remove", "path": "emails[type eq \"fax\"]" },
            { "op": "replace", "path": "title", "value": "Countess" }
        ]);
        let same = push.users().patch(&id, again).await.status(200);
        assert_eq!((&same.body, same.etag()), (&made.body, made.etag()));
        push.users().patch(&id, json!([])).await.status(200);
        assert_eq!(push.users().get(&id).await.status(200).etag(), made.etag());

        let extended = push.users().patch(&id, json!([{ "op": "remove", "path": ENTERPRISE }])).await.status(200);
        assert_eq!(extended["schemas"], json!([USER]));
        let number = json!([{ "op": "add", "path": format!("{ENTERPRISE}:employeeNumber"), "value": "7" }]);
        let extended = push.users().patch(&id, number).query("attributes=userName").await.status(200);
        assert_eq!((&extended["schemas"], &extended["title"]), (&json!([USER, ENTERPRISE]), &Value::Null));

        let rename = json!([{ "op": "replace", "path": "title", "value": "x" }]);
        push.users().patch("unknown", rename.clone()).await.scim_error(404, "");
        push.users().patch(&id, rename).if_match("W/\"99\"").await.scim_error(412, "");
        push.users().put(&id, ada()).if_match("W/\"99\"").await.scim_error(412, "");
        push.users().delete(&id).if_match("W/\"99\"").await.scim_error(412, "");
        push.users().get(&id).await.status(200);
        push.users().patch(&id, json!([{ "op": "remove", "path": "userName" }])).await.scim_error(400, "mutability");
        push.users().patch(&id, json!([{ "op": "move", "path": "title" }])).await.scim_error(400, "invalidSyntax");
    }

    async fn a_large_group_is_edited_by_its_members(database: Database) {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let push = world.client(&acme, Scope::Scim).await;
        let staff = push.groups().post(json!({ "displayName": "staff" })).await.status(201).id();
        let mut people = Vec::new();
        for n in 0..60 {
            people.push(push.users().post(json!({ "userName": format!("u{n}") })).await.status(201).id());
        }
        let operation = |op: &str, id: &str| json!({ "op": op, "path": "members", "value": [{ "value": id }] });
        let all: Value = people.iter().map(|id| operation("add", id)).collect();
        let silent = push.groups().patch(&staff, all.clone()).await.status(204);
        assert!(!silent.etag().is_empty() && !silent.header(header::LOCATION).is_empty());
        let full = push.groups().get(&staff).await.status(200);
        assert_eq!(full["members"].as_array().map(Vec::len), Some(60));

        // Whoever is in already, or is not there any more, changes nothing.
        assert_eq!(push.groups().patch(&staff, all).await.status(204).etag(), silent.etag());
        let path = format!("members[value eq \"{}\"]", people[0]);
        let out = push.groups().patch(&staff, json!([{ "op": "remove", "path": path }])).await.status(204);
        assert_eq!(push.groups().patch(&staff, json!([{ "op": "remove", "path": path }])).await.status(204).etag(), out.etag());
        let in_and_out = json!([operation("add", &people[0]), { "op": "remove", "path": path }]);
        push.groups().patch(&staff, in_and_out).await.status(204);
        assert_eq!(push.users().get(&people[0]).await.status(200)["groups"], Value::Null);

        let unknown = push.groups().patch(&staff, json!([operation("add", "nobody")])).await.scim_error(400, "invalidValue");
        assert!(unknown["detail"].as_str().is_some_and(|detail| detail.contains("nobody")));
        let both = push.groups().patch(&staff, json!([])).query("excludedAttributes=members").await.status(200);
        assert_eq!((&both["displayName"], &both["members"]), (&json!("staff"), &Value::Null));
        let other = format!("members[value eq \"{}\"].value", people[1]);
        push.groups().patch(&staff, json!([{ "op": "replace", "path": other, "value": "x" }])).await.scim_error(400, "mutability");
    }

    async fn a_deleted_resource_is_gone_everywhere(database: Database) {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let push = world.client(&acme, Scope::Scim).await;
        let ada_id = push.users().post(ada()).await.status(201).id();
        let bob = push.users().post(json!({ "userName": "bob", ENTERPRISE: { "manager": { "value": ada_id } } })).await.status(201).id();
        let staff = push.groups().post(json!({ "displayName": "staff", "members": [{ "value": ada_id }, { "value": bob }] })).await.status(201).id();

        let gone = push.users().delete(&ada_id).await.status(204);
        assert_eq!(gone.bytes.len(), 0);
        push.users().get(&ada_id).await.scim_error(404, "");
        push.users().put(&ada_id, ada()).await.scim_error(404, "");
        push.users().patch(&ada_id, json!([])).await.scim_error(404, "");
        push.users().delete(&ada_id).await.scim_error(404, "");
        assert_eq!(push.users().filter("userName eq \"ada\"").await.status(200)["totalResults"], 0);
        assert_eq!(push.users().list("").await.status(200)["totalResults"], 1);
        let members = push.groups().get(&staff).await.status(200);
        assert_eq!(members["members"].as_array().map(Vec::len), Some(1));
        assert_eq!(push.groups().filter(&format!("members.value eq \"{ada_id}\"")).await.status(200)["totalResults"], 0);
        // Whose manager she was is what the push says of Bob: it stays as pushed, until the push says otherwise.
        assert_eq!(push.users().get(&bob).await.status(200)[ENTERPRISE]["manager"]["value"], ada_id);
        let eve = json!({ "userName": "eve", "externalId": "e2" });
        let eve_id = push.users().post(eve.clone()).await.status(201).id();
        let moved = json!([{ "op": "replace", "path": format!("{ENTERPRISE}:manager"), "value": { "value": eve_id } }]);
        push.users().patch(&bob, moved).await.status(200);
        push.users().delete(&eve_id).await.status(204);
        assert_eq!(push.users().post(eve).await.status(201).id(), eve_id, "brought back");
        assert_eq!(push.users().get(&bob).await.status(200)[ENTERPRISE]["manager"]["value"], eve_id);

        // The name is free again, and whoever takes it is somebody else.
        let next = push.users().post(json!({ "userName": "ada" })).await.status(201);
        assert_ne!(next.id(), ada_id);
        push.groups().delete(&staff).await.status(204);
        assert_eq!(push.users().get(&bob).await.status(200)["groups"], Value::Null);
    }

    async fn what_was_read_can_be_sent_back(database: Database) {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let push = world.client(&acme, Scope::Scim).await;
        let admin = world.client(&acme, Scope::Admin).await;
        admin.organizations().post(json!({ "slug": "moby", "displayName": "Moby" })).await.status(201);
        let id = push.users().post(ada()).await.status(201).id();
        let team = admin.groups().post(json!({ "displayName": "moby:staff", "members": [{ "value": id }] })).await.status(201).id();

        for caller in [&push, &admin] {
            let user = caller.users().get(&id).await.status(200);
            let echoed = caller.users().patch(&id, json!([{ "op": "replace", "value": user.body }])).await.status(200);
            assert_eq!((&echoed.body, echoed.etag()), (&user.body, user.etag()));
        }
        let read = admin.groups().get(&team).await.status(200);
        assert!(read[TEAM]["organization"]["value"].is_string());
        let echo = json!([{ "op": "replace", "value": read.body }]);
        admin.groups().patch(&team, echo).await.status(204);
        assert_eq!(admin.groups().get(&team).await.status(200).etag(), read.etag());

        // Something else than what was read is no echo.
        admin.users().patch(&id, json!([{ "op": "replace", "value": { "id": "other" } }])).await.scim_error(400, "mutability");
        admin.users().patch(&id, json!([{ "op": "replace", "value": { "groups": [] } }])).await.scim_error(400, "mutability");
        let moved = json!([{ "op": "replace", "value": { TEAM: { "organization": { "value": "other" } } } }]);
        admin.groups().patch(&team, moved).await.scim_error(400, "mutability");
    }

    async fn a_strict_connection_takes_what_the_rfcs_take(database: Database) {
        let _lenient = leniently();
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let push = world.client(&acme, Scope::Scim).await;
        let admin = world.client(&acme, Scope::Admin).await;
        let id = push.users().post(ada()).await.status(201).id();
        let patches = [
            (json!({ "op": "replace", "path": "phoneNumbers[type eq \"work\"].value", "value": "+1" }), "noTarget"),
            (json!({ "op": "add", "path": "phoneNumbers[type eq \"fax\"].value", "value": "+2" }), "noTarget"),
            (json!({ "op": "replace", "path": "active", "value": "True" }), "invalidValue"),
            (json!({ "op": "replace", "value": { "name.givenName": "A" } }), "invalidPath"),
            (json!({ "op": "add", "path": format!("{ENTERPRISE}:manager"), "value": id }), "invalidValue"),
            (json!({ "op": "add", "path": "emails[type eq work].display", "value": "W" }), "invalidFilter"),
        ];
        let bodies = [
            (json!({ "schemas": [USER], "userName": "x1", "active": "False" }), "invalidValue"),
            (json!({ "userName": "x2" }), "invalidSyntax"),
            (json!({ "schemas": [USER, "urn:example:none"], "userName": "x3" }), "invalidValue"),
            (json!({ "schemas": [USER], "userName": "x4", ENTERPRISE: { "department": "D" } }), "invalidValue"),
            (json!({ "schemas": [USER], "userName": "x5", "emails": [{ "value": "a", "primary": true }, { "value": "b", "primary": true }] }), "invalidValue"),
            (json!({ "schemas": [USER], "userName": "x6", "externalId": 7 }), "invalidValue"),
            (json!({ "schemas": [USER], "userName": "x7", "emails": { "value": "a" } }), "invalidValue"),
            (json!({ "schemas": [USER], "userName": "x8", "name": [{ "givenName": "A" }] }), "invalidValue"),
            (json!({ "schemas": [USER], "userName": "x9", "department": "D" }), "invalidValue"),
        ];
        let filters = ["emails[type eq \"work\"].value eq \"ada@acme.example\"", "externalId eq e1"];

        set_profile(&admin, json!({ "profile": "strict" })).await;
        for (operation, refused) in &patches {
            push.users().patch(&id, json!([operation])).await.scim_error(400, refused);
        }
        for (body, refused) in &bodies {
            push.users().post(body.clone()).await.scim_error(400, refused);
            push.users().put(&id, body.clone()).await.scim_error(400, refused);
        }
        for filter in filters {
            push.users().filter(filter).await.scim_error(400, "invalidFilter");
            let one = url::form_urlencoded::Serializer::new(String::new()).append_pair("filter", filter).finish();
            push.users().get(&id).query(&one).await.scim_error(400, "invalidFilter");
        }
        // What the RFCs take is taken.
        push.users().put(&id, ada()).await.status(200);
        push.users().patch(&id, json!([{ "op": "Remove", "path": "emails[type eq \"fax\"]" }])).await.status(200);

        set_profile(&admin, json!({ "profile": "lenient" })).await;
        for (operation, _) in &patches {
            push.users().patch(&id, json!([operation])).await.status(200);
        }
        for (body, _) in &bodies {
            push.users().post(body.clone()).await.status(201);
        }
        for filter in filters {
            assert_eq!(push.users().filter(filter).await.status(200)["totalResults"], 1);
        }
    }

    async fn an_empty_text_is_what_the_connection_says(database: Database) {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let push = world.client(&acme, Scope::Scim).await;
        let admin = world.client(&acme, Scope::Admin).await;
        let id = push.users().post(ada()).await.status(201).id();
        let clear = json!([
            { "op": "replace", "path": "title", "value": "" },
            { "op": "replace", "value": { "name.middleName": "" } }
        ]);
        let kept = push.users().patch(&id, clear.clone()).await.status(200);
        assert_eq!((&kept["title"], &kept["name"]["middleName"]), (&json!(""), &json!("")));

        set_profile(&admin, json!({ "emptyText": "clear" })).await;
        let cleared = push.users().patch(&id, clear).await.status(200);
        assert_eq!((&cleared["title"], &cleared["name"]["middleName"]), (&Value::Null, &Value::Null));
        let mut body = ada();
        body["title"] = json!("");
        assert_eq!(push.users().put(&id, body).await.status(200)["title"], Value::Null);
        push.users().patch(&id, json!([{ "op": "replace", "path": "userName", "value": "" }])).await.scim_error(400, "mutability");
    }

    async fn a_wish_for_an_asynchronous_answer_is_ignored(database: Database) {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let push = world.client(&acme, Scope::Scim).await;
        let wish = |call: crate::support::client::Call| call.header("prefer".parse().expect("a name"), "respond-async, wait=1");
        let made = wish(push.users().post(ada())).await.status(201);
        let patched = wish(push.users().patch(&made.id(), json!([]))).await.status(200);
        for reply in [&made, &patched] {
            assert_eq!(reply.header("set-txn".parse().expect("a name")), "");
            assert_eq!(reply.header("preference-applied".parse().expect("a name")), "");
        }
        wish(push.users().delete(&made.id())).await.status(204);
        let config = push.scim("/ServiceProviderConfig").list("").await.status(200);
        assert_eq!(config["securityEvents"], Value::Null);
    }

    async fn the_filters_of_the_ipsie_profile(database: Database) {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let push = world.client(&acme, Scope::Scim).await;
        push.users().post(ada()).await.status(201);
        push.users().post(json!({ "userName": "bob", "emails": [{ "value": "ada@acme.example", "type": "home" }] })).await.status(201);
        for (filter, found) in [
            ("userName eq \"ADA\"", 1),
            ("externalId eq \"e1\"", 1),
            ("externalId eq \"E1\"", 0),
            ("emails[value eq \"ada@acme.example\"]", 2),
            ("emails[type eq \"work\" and value eq \"ada@acme.example\"]", 1),
        ] {
            assert_eq!(push.users().filter(filter).await.status(200)["totalResults"], found, "{filter}");
        }
        let staff = push.groups().post(json!({ "displayName": "staff", "externalId": "g1" })).await.status(201);
        assert_eq!((&staff["members"], &staff["externalId"]), (&Value::Null, &json!("g1")));
        for filter in ["displayName eq \"Staff\"", "externalId eq \"g1\""] {
            let found = push.groups().filter(filter).query("attributes=displayName").await.status(200);
            assert_eq!((found.each("displayName"), &found["Resources"][0]["externalId"]), (vec!["staff"], &Value::Null));
        }
        push.groups().post(json!({ "displayName": "STAFF" })).await.scim_error(409, "uniqueness");
    }
}
