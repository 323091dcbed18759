//! The characteristics over HTTP, with the types that every server has, on both engines.

use std::collections::BTreeSet;

use axum::http::Method;
use rollkeeper::auth::token::Scope;
use serde_json::{Value, json};

use crate::support::contract::leniently;
use crate::support::{self, World, both_engines};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

both_engines! {
    async fn what_is_the_servers_is_ignored_in_bodies_and_refused_in_paths(database: Database) {
        let _lenient = leniently();
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let push = world.client(&acme, Scope::Scim).await;
        let mine = json!({
            "userName": "ana", "id": "mine", "groups": [{ "value": "all" }],
            "meta": { "resourceType": "Group", "version": 7, "created": "yesterday", "location": "elsewhere" }
        });
        let created = push.users().post(mine.clone()).await.status(201);
        let id = created.id();
        assert_ne!(id, "mine");
        assert_eq!((&created["meta"]["resourceType"], &created["groups"]), (&json!("User"), &Value::Null));
        assert_eq!(created["meta"]["created"], created["meta"]["lastModified"], "one reading of the clock");
        assert_eq!(created["externalId"], Value::Null, "the server makes none up");
        let replaced = push.users().put(&id, mine).await.status(200);
        assert_eq!(replaced.body, created.body, "the same body changes nothing");
        for path in ["id", "meta", "meta.created", "groups", "groups.value"] {
            let operations = json!([{ "op": "replace", "path": path, "value": "x" }]);
            push.users().patch(&id, operations).await.scim_error(400, "mutability");
        }
        push.users().post(json!({ "userName": "bob", "meta": "nonsense", "id": {} })).await.status(201);
    }

    async fn an_immutable_attribute_is_set_once(database: Database) {
        let _lenient = leniently();
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let admin = world.client(&acme, Scope::Admin).await;
        let moby = admin.organizations().post(json!({ "slug": "moby" })).await.status(201).id();
        for (body, status) in [
            (json!({ "slug": "moby", "displayName": "Moby" }), 200),
            (json!({ "displayName": "Moby" }), 200),
        ] {
            let replaced = admin.organizations().put(&moby, body).await.status(status);
            assert_eq!((&replaced["slug"], &replaced["displayName"]), (&json!("moby"), &json!("Moby")));
        }
        // `null` takes it away (RFC 7643 §2.5), which is a change like any other.
        let nulled = json!({ "slug": null, "displayName": "Moby" });
        admin.organizations().put(&moby, nulled).await.scim_error(400, "mutability");
        let other = admin.organizations().put(&moby, json!({ "slug": "whale" })).await.scim_error(400, "mutability");
        assert!(other["detail"].as_str().is_some_and(|detail| detail.starts_with("slug is immutable")), "{}", other.body);
        let removal = json!([{ "op": "remove", "path": "slug" }]);
        admin.organizations().patch(&moby, removal).await.scim_error(400, "mutability");
        assert_eq!(admin.organizations().get(&moby).await.status(200)["displayName"], "Moby");
    }

    async fn at_most_one_value_is_primary(database: Database) {
        let _lenient = leniently();
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let push = world.client(&acme, Scope::Scim).await;
        let two = json!({ "userName": "ana", "emails": [
            { "value": "a@acme.example", "primary": true }, { "value": "b@acme.example", "primary": "True" },
            { "value": "A@acme.example" }
        ] });
        let created = push.users().post(two).await.status(201);
        let primaries = |reply: &support::Reply| -> Vec<String> {
            let emails = reply["emails"].as_array().expect("emails");
            let primary = emails.iter().filter(|email| email["primary"] == true);
            primary.filter_map(|email| email["value"].as_str().map(str::to_owned)).collect()
        };
        assert_eq!(primaries(&created), ["a@acme.example"], "the first stays");
        assert_eq!(created["emails"].as_array().map(Vec::len), Some(2), "the same value twice is once");
        let id = created.id();
        let moved = json!([{ "op": "add", "path": "emails", "value": [{ "value": "c@acme.example", "primary": true }] }]);
        assert_eq!(primaries(&push.users().patch(&id, moved).await.status(200)), ["c@acme.example"]);
        let moved = json!([{ "op": "replace", "path": "emails[value eq \"b@acme.example\"].primary", "value": true }]);
        assert_eq!(primaries(&push.users().patch(&id, moved).await.status(200)), ["b@acme.example"]);
        assert_eq!(push.users().filter("emails[primary eq true and value sw \"b@\"]").await["totalResults"], 1);
        assert_eq!(push.users().filter("emails[primary eq false and value sw \"a@\"]").await["totalResults"], 1);
    }

    async fn names_and_urns_are_read_in_any_case_and_written_in_one(database: Database) {
        let _lenient = leniently();
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let push = world.client(&acme, Scope::Scim).await;
        let created = push.users().post(json!({
            "SCHEMAS": [USER.to_uppercase(), ENTERPRISE.to_uppercase()],
            "USERNAME": "bj", "NAME": { "FamilyName": "Jensen" }, "EXTERNALID": "AbC",
            ENTERPRISE.to_uppercase(): { "DEPARTMENT": "Tours", "Manager": { "VALUE": "m" } }
        })).await.status(201);
        let id = created.id();
        assert_eq!(created["schemas"], json!([USER, ENTERPRISE]));
        assert_eq!((&created["userName"], &created["name"]), (&json!("bj"), &json!({ "familyName": "Jensen" })));
        assert_eq!(created[ENTERPRISE], json!({ "department": "Tours", "manager": { "value": "m" } }));
        for filter in [
            "USERNAME Eq \"BJ\" AND Name.FAMILYNAME SW \"jen\"".to_owned(),
            format!("{}:Department eq \"tours\"", ENTERPRISE.to_uppercase()),
            format!("{USER}:userName eq \"bj\" and {ENTERPRISE}:manager.value eq \"m\""),
            "department eq \"tours\" and externalId eq \"AbC\"".to_owned(),
        ] {
            assert_eq!(push.users().filter(&filter).await.status(200)["totalResults"], 1, "{filter}");
        }
        assert_eq!(push.users().filter("externalId eq \"abc\"").await.status(200)["totalResults"], 0, "caseExact");
        let path = format!("{}:DEPARTMENT", ENTERPRISE.to_uppercase());
        let operations = json!([{ "op": "REPLACE", "path": path, "value": "Sales" }]);
        assert_eq!(push.users().patch(&id, operations).await.status(200)[ENTERPRISE]["department"], "Sales");
        let listed = push.users().list(&format!("attributes=USERNAME,{ENTERPRISE}:DEPARTMENT")).await.status(200);
        assert_eq!(listed["Resources"][0][ENTERPRISE], json!({ "department": "Sales" }));
        // Two keys that differ in case alone are one attribute twice.
        push.users().put(&id, json!({ "userName": "bj", "USERNAME": "x" })).await.scim_error(400, "invalidSyntax");
    }

    async fn an_extension_comes_and_goes_with_its_values(database: Database) {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let push = world.client(&acme, Scope::Scim).await;
        let body = json!({ "schemas": [USER, ENTERPRISE], "userName": "ana", "urn:example:other": { "a": 1 } });
        let created = push.users().post(body).await.status(201);
        assert_eq!((&created["schemas"], &created["urn:example:other"]), (&json!([USER]), &Value::Null));
        let id = created.id();
        let carries = format!("schemas eq \"{ENTERPRISE}\"");
        assert_eq!(push.users().filter(&carries).await.status(200)["totalResults"], 0);
        let add = json!([{ "op": "add", "path": format!("{ENTERPRISE}:division"), "value": "X" }]);
        let with = push.users().patch(&id, add).await.status(200);
        assert_eq!((&with["schemas"], &with[ENTERPRISE]), (&json!([USER, ENTERPRISE]), &json!({ "division": "X" })));
        assert_eq!(push.users().filter(&carries).await.status(200)["totalResults"], 1);
        let remove = json!([{ "op": "remove", "path": format!("{ENTERPRISE}:division") }]);
        let without = push.users().patch(&id, remove).await.status(200);
        assert_eq!((&without["schemas"], &without[ENTERPRISE]), (&json!([USER]), &Value::Null));
        // Another type's base schema means another endpoint.
        let group = json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "userName": "bob" });
        push.users().post(group).await.scim_error(400, "invalidValue");
    }

    async fn a_put_states_the_whole(database: Database) {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let push = world.client(&acme, Scope::Scim).await;
        let id = push.users().post(json!({
            "userName": "ana", "externalId": "e1", "title": "T", "nickName": "", "emails": [{ "value": "a@acme.example" }],
            ENTERPRISE: { "department": "D" }
        })).await.status(201).id();
        let read = push.users().get(&id).await.status(200);
        assert_eq!(read["nickName"], "", "an empty text is a value");
        let again = push.users().put(&id, read.body.clone()).await.status(200);
        assert_eq!(again.body, read.body, "a PUT of what GET returned changes nothing");
        let bare = push.users().put(&id, json!({ "userName": "ana", "title": null, "emails": [] })).await.status(200);
        for gone in ["title", "nickName", "emails", ENTERPRISE] {
            assert_eq!(bare[gone], Value::Null, "{gone}");
        }
        assert_eq!((&bare["externalId"], &bare["active"]), (&json!("e1"), &json!(true)), "an omission leaves these");
        for filter in ["title pr", "emails pr", "nickName pr"] {
            assert_eq!(push.users().filter(filter).await.status(200)["totalResults"], 0, "{filter}");
        }
        push.users().put(&id, json!({ "title": "T" })).await.scim_error(400, "invalidValue");
        push.users().put(&id, json!({ "userName": null })).await.scim_error(400, "invalidValue");
        push.users().put("no-such-id", json!({ "userName": "new" })).await.scim_error(404, "");
        assert_eq!(push.users().list("").await.status(200)["totalResults"], 1, "a PUT creates nothing");
    }

    async fn every_answer_shows_what_was_asked_for(database: Database) {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let push = world.client(&acme, Scope::Scim).await;
        let ana = || json!({ "userName": "ana", "title": "T", "name": { "givenName": "Ana", "familyName": "Ruiz" } });
        let keys = |value: &Value| {
            let mut keys: Vec<_> = value.as_object().expect("an object").keys().cloned().collect();
            keys.sort();
            keys.join(" ")
        };
        let asked = "attributes=name.familyName,title";
        let created = push.users().call(Method::POST, &format!("?{asked}")).json(ana()).await.status(201);
        assert_eq!((keys(&created.body), &created["name"]), ("id name schemas title".into(), &json!({ "familyName": "Ruiz" })));
        let id = created.id();
        let operations = json!([{ "op": "replace", "path": "title", "value": "U" }]);
        for reply in [
            push.users().get(&id).query(asked).await.status(200),
            push.users().put(&id, ana()).query(asked).await.status(200),
            push.users().patch(&id, operations.clone()).query(asked).await.status(200),
        ] {
            assert_eq!(keys(&reply.body), "id name schemas title", "{}", reply.request);
        }
        let left_out = "excludedAttributes=id,meta,name.givenName,active,title";
        for reply in [
            push.users().get(&id).query(left_out).await.status(200),
            push.users().put(&id, ana()).query(left_out).await.status(200),
            push.users().patch(&id, operations).query(left_out).await.status(200),
        ] {
            assert_eq!(keys(&reply.body), "id name schemas userName", "{}", reply.request);
            assert_eq!(reply["name"], json!({ "familyName": "Ruiz" }), "{}", reply.request);
        }
        let listed = push.users().list("attributes=meta").await.status(200);
        assert_eq!(keys(&listed["Resources"][0]), "id meta schemas");
        let searched = push.users().search(json!({ "attributes": ["userName", "unknown"] })).await.status(200);
        assert_eq!(keys(&searched["Resources"][0]), "id schemas userName");
    }

    async fn every_reference_leads_somewhere(database: Database) {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let push = world.client(&acme, Scope::Scim).await;
        let ana = push.users().post(json!({ "userName": "ana" })).await.status(201).id();
        let inner = json!({ "displayName": "inner", "members": [{ "value": ana }] });
        let inner = push.groups().post(inner).await.status(201).id();
        let outer = json!({ "displayName": "outer", "members": [{ "value": inner, "type": "Group" }] });
        push.groups().post(outer).await.status(201);
        let mut seen = Vec::new();
        for collection in ["/Users", "/Groups", "/ResourceTypes", "/Schemas"] {
            let list = push.scim(collection).list("").await.status(200);
            for resource in list["Resources"].as_array().expect("a list") {
                references(resource, &mut seen);
            }
        }
        // A push reads its own lists; everybody else also what follows from nesting.
        let user = world.client(&acme, Scope::ScimRead).await.users().get(&ana).await.status(200);
        let kinds: BTreeSet<_> = user["groups"].as_array().expect("groups").iter().map(|group| group["type"].as_str()).collect();
        assert_eq!(kinds, BTreeSet::from([Some("direct"), Some("indirect")]));
        references(&user.body, &mut seen);
        assert!(seen.len() > 12, "{seen:?}");
        for reference in seen {
            let path = reference.strip_prefix("http://roll.test").unwrap_or_else(|| panic!("{reference} is not absolute"));
            push.call(Method::GET, path).await.status(200);
        }
    }

    async fn a_name_is_one_in_any_width_case_and_composition(database: Database) {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let push = world.client(&acme, Scope::Scim).await;
        // Full-width letters and a composed accent, as an input method may send them (RFC 7644 §5, RFC 8265 §3.3).
        let sent = "ＲＥＮ\u{c9}@acme.example";
        let created = push.users().post(json!({ "userName": sent, "title": "Straße", "nickName": "Ωmega" })).await.status(201);
        assert_eq!(created["userName"], sent, "answered as sent");
        for name in ["rené@acme.example", "Rene\u{301}@ACME.example", "ｒｅｎｅ\u{301}@acme.example"] {
            let found = push.users().filter(&format!("userName eq \"{name}\"")).await.status(200);
            assert_eq!(found["totalResults"], 1, "{name}");
            push.users().post(json!({ "userName": name })).await.scim_error(409, "uniqueness");
        }
        for filter in ["title eq \"STRASSE\"", "nickName sw \"ωM\"", "userName co \"ené@\""] {
            assert_eq!(push.users().filter(filter).await.status(200)["totalResults"], 1, "{filter}");
        }
        // What cannot be a name is nobody's: refused in a body, and found by no filter.
        push.users().post(json!({ "userName": "in\u{ad}visible" })).await.scim_error(400, "invalidValue");
        let nobody = push.users().filter("userName eq \"in\u{ad}visible\"").await.status(200);
        assert_eq!(nobody["totalResults"], 0);
    }

    async fn texts_are_kept_as_sent(database: Database) {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let push = world.client(&acme, Scope::Scim).await;
        let body = json!({
            "userName": "ana", "displayName": "Ana 😀 \u{202e}", "preferredLanguage": "da, en-gb;q=0.8, en;q=0.7",
            "locale": "en_US", "timezone": "Mars/Olympus", "profileUrl": "HTTPS://Example.com/%7Eana",
            "emails": [{ "value": "Ana.Ruiz@ACME.example", "type": "Arbeit" }],
            "phoneNumbers": [{ "value": "555-555-5555" }], "ims": [{ "value": "Some One" }],
            "photos": [{ "value": "https://photos.example/ana.png", "type": "photo" }],
            "entitlements": [{ "value": "x", "type": "any" }], "roles": [{ "value": "r" }],
            "addresses": [{ "formatted": "1 Main St\nUlm", "country": "Deutschland" }]
        });
        let created = push.users().post(body.clone()).await.status(201);
        for (name, value) in body.as_object().expect("an object") {
            assert_eq!(&created[name], value, "{name}");
        }
    }

    async fn active_is_found_as_it_was_answered(database: Database) {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let push = world.client(&acme, Scope::Scim).await;
        assert_eq!(push.users().post(json!({ "userName": "ana" })).await.status(201)["active"], true);
        assert_eq!(push.users().post(json!({ "userName": "bob", "active": false })).await.status(201)["active"], false);
        assert_eq!(push.users().filter("active eq true").await.status(200).each("userName"), ["ana"]);
        assert_eq!(push.users().filter("active eq \"False\"").await.status(200).each("userName"), ["bob"]);
    }

    async fn lists_are_sorted_as_the_rfc_says(database: Database) {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let (push, admin) = (world.client(&acme, Scope::Scim).await, world.client(&acme, Scope::Admin).await);
        for (name, given, emails) in [
            ("a", json!("beta"), json!([{ "value": "z@x" }, { "value": "b@x", "primary": true }])),
            ("b", json!("Alpha"), json!([{ "value": "c@x" }, { "value": "a@x" }])),
            ("c", Value::Null, json!([])),
            ("d", json!("BETA"), json!([{ "value": "D@x" }])),
        ] {
            let body = json!({ "userName": name, "name": { "givenName": given }, "emails": emails });
            push.users().post(body).await.status(201);
        }
        for (query, expected) in [
            ("sortBy=name.givenName", "badc"),
            ("sortBy=NAME.givenname&sortOrder=descending", "cdab"),
            ("sortBy=emails", "abdc"),
            ("sortBy=emails.value&sortOrder=Descending", "cdba"),
            ("sortBy=meta.created", "abcd"),
            ("", "abcd"),
            ("sortBy=name.givenName&startIndex=2&count=2", "ad"),
            ("sortBy=name.givenName&startIndex=9", ""),
        ] {
            let list = push.users().list(query).await.status(200);
            assert_eq!(list.each("userName").concat(), expected, "{query}");
            assert_eq!((&list["totalResults"], list["itemsPerPage"].as_u64()), (&json!(4), Some(expected.len() as u64)));
        }
        for (slug, seats) in [("a", 10), ("b", 9), ("c", -1)] {
            admin.organizations().post(json!({ "slug": slug, "seats": seats })).await.status(201);
        }
        assert_eq!(admin.organizations().list("sortBy=seats").await.status(200).each("slug").concat(), "cba");
    }

    async fn tenants_share_no_names(database: Database) {
        let world = World::on(database).await;
        let (acme, other) = (world.tenant("acme").await, world.tenant("other").await);
        let (here, there) = (world.client(&acme, Scope::Scim).await, world.client(&other, Scope::Scim).await);
        let ana = json!({ "userName": "ana", "externalId": "e1" });
        let id = here.users().post(ana.clone()).await.status(201).id();
        assert_ne!(there.users().post(ana).await.status(201).id(), id);
        // An `externalId` is one of its kind: a group may have that of a user.
        let group = json!({ "displayName": "staff", "externalId": "e1", "members": [{ "value": id }] });
        here.groups().post(group.clone()).await.status(201);
        there.groups().post(group).await.scim_error(400, "invalidValue");
        assert_eq!(there.users().filter(&format!("id eq \"{id}\"")).await.status(200)["totalResults"], 0);
    }
}

/// Every `$ref` and `location` in an answer.
fn references(value: &Value, seen: &mut Vec<String>) {
    match value {
        Value::Object(members) => members.iter().for_each(|(name, value)| match value.as_str() {
            Some(text) if name == "$ref" || name == "location" => seen.push(text.to_owned()),
            _ => references(value, seen),
        }),
        Value::Array(elements) => elements.iter().for_each(|element| references(element, seen)),
        _ => {}
    }
}
