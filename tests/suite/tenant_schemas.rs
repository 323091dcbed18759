//! A tenant's own schemas and resource types, as its administrator puts them and its clients use them, over HTTP and on both
//! engines: entitlements with their discovery, an extension of users, and what a change does to what is stored.

mod changes;

use axum::http::{Method, header};
use rollkeeper::auth::token::Scope;
use serde_json::{Value, json};

use crate::support::client::Client;
use crate::support::{World, both_engines};

const ENTITLEMENT: &str = "urn:okta:scim:schemas:core:1.0:Entitlement";
const BADGE: &str = "urn:acme:scim:schemas:1.0:Badge";
const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";

fn entitlement() -> Value {
    json!({
        "id": ENTITLEMENT,
        "name": "Entitlement",
        "description": "What a person may be entitled to",
        "attributes": [
            { "name": "code", "required": true, "uniqueness": "server" },
            { "name": "displayName" },
            { "name": "type", "caseExact": true },
            { "name": "seats", "type": "integer" },
            { "name": "price", "type": "decimal" },
            { "name": "grantable", "type": "boolean" },
            { "name": "until", "type": "dateTime" },
            { "name": "owner", "type": "reference", "referenceTypes": ["User"] },
            { "name": "origin", "mutability": "immutable" },
            { "name": "notes", "returned": "request" },
            { "name": "tags", "multiValued": true },
            {
                "name": "aliases", "type": "complex", "multiValued": true,
                "subAttributes": [
                    { "name": "value", "uniqueness": "server" },
                    { "name": "type" },
                    { "name": "primary", "type": "boolean" },
                ],
            },
        ],
    })
}

fn entitlements() -> Value {
    json!({
        "name": "Entitlement",
        "endpoint": "/Entitlements",
        "description": "What a person may be entitled to",
        "schema": ENTITLEMENT,
        "schemaExtensions": [],
        "pushed": true,
    })
}

fn badge() -> Value {
    json!({
        "id": BADGE,
        "name": "Badge",
        "attributes": [
            { "name": "number", "uniqueness": "server" },
            { "name": "colour", "caseExact": false },
            {
                "name": "doors", "type": "complex", "multiValued": true,
                "subAttributes": [{ "name": "value" }, { "name": "floor", "type": "integer" }],
            },
            {
                "name": "photo", "type": "complex",
                "subAttributes": [{ "name": "key", "uniqueness": "global" }, { "name": "size", "type": "integer" }],
            },
        ],
    })
}

fn extended(urns: &[&str]) -> Value {
    let extensions: Vec<Value> = urns.iter().map(|urn| json!({ "schema": urn, "required": false })).collect();
    json!({ "name": "User", "schemaExtensions": extensions })
}

async fn with_entitlements(admin: &Client) {
    admin.admin("/schemas").put(ENTITLEMENT, entitlement()).await.status(201);
    admin.admin("/resource-types").put("Entitlement", entitlements()).await.status(201);
}

async fn with_badges(admin: &Client) {
    admin.admin("/schemas").put(BADGE, badge()).await.status(201);
    admin.admin("/resource-types").put("User", extended(&[BADGE])).await.status(201);
}

both_engines! {
    async fn entitlements_end_to_end(database: Database) {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let admin = world.client(&acme, Scope::Admin).await;
        let push = world.client(&acme, Scope::Scim).await;
        let reader = world.client(&acme, Scope::ScimRead).await;
        reader.scim("/Entitlements").list("").await.scim_error(404, "");

        // Made while everything runs, and found by discovery as identity providers look for it.
        let made = admin.admin("/schemas").put(ENTITLEMENT, entitlement()).await.status(201);
        assert_eq!((&made["id"], &made["builtIn"]), (&json!(ENTITLEMENT), &json!(false)));
        assert_eq!(made["attributes"][0]["uniqueness"], "server");
        admin.admin("/schemas").put(ENTITLEMENT, entitlement()).await.status(200);
        admin.admin("/resource-types").put("Entitlement", entitlements()).await.status(201);
        let types = reader.scim("/ResourceTypes").list("").await.status(200);
        assert_eq!(types.each("name"), ["User", "Group", "Organization", "Entitlement"]);
        let kind = reader.scim("/ResourceTypes").get("Entitlement").await.status(200);
        assert_eq!((&kind["endpoint"], &kind["schema"]), (&json!("/Entitlements"), &json!(ENTITLEMENT)));
        let schema = reader.scim("/Schemas").get(&ENTITLEMENT.to_uppercase()).await.status(200);
        assert_eq!(schema["attributes"].as_array().map(Vec::len), Some(12));

        // A push creates, since the type says so.
        let body = json!({
            "schemas": [ENTITLEMENT], "externalId": "e-1", "code": "CRM", "displayName": "Customers", "seats": 20,
            "price": 9.5, "grantable": true, "until": "2027-01-01T00:00:00Z", "origin": "catalogue", "notes": "quiet",
            "tags": ["sales", "Sales"], "aliases": [{ "value": "crm-1", "type": "old", "primary": true }],
        });
        let crm = push.scim("/Entitlements").post(body).await.status(201);
        let id = crm.id();
        assert_eq!(crm["meta"]["resourceType"], "Entitlement");
        assert_eq!(crm["meta"]["location"], format!("http://roll.test/t/acme/scim/v2/Entitlements/{id}"));
        // Returned on request, and to whoever has just said it (RFC 7643 §7).
        assert_eq!((crm.header(header::ETAG), &crm["notes"]), ("W/\"1\"", &json!("quiet")));
        let mut read = crm.body.clone();
        read.as_object_mut().expect("a resource").shift_remove("notes");
        assert_eq!(reader.scim("/Entitlements").get(&id).await.status(200).body, read);
        let noted = reader.scim("/Entitlements").get(&format!("{id}?attributes=notes")).await.status(200);
        assert_eq!(noted["notes"], "quiet");
        reader.scim("/Entitlements").post(json!({ "code": "X" })).await.scim_error(403, "");
        push.scim("/Entitlements").post(json!({ "displayName": "nameless" })).await.scim_error(400, "invalidValue");
        push.scim("/Entitlements").post(json!({ "code": "X", "seats": "many" })).await.scim_error(400, "invalidValue");

        // What is unique: a simple value in any case, an element of a list.
        push.scim("/Entitlements").post(json!({ "code": "crm" })).await.scim_error(409, "uniqueness");
        let twice = json!({ "code": "OTHER", "aliases": [{ "value": "CRM-1" }] });
        push.scim("/Entitlements").post(twice).await.scim_error(409, "uniqueness");
        let erp = push.scim("/Entitlements").post(json!({ "code": "ERP", "seats": 3, "type": "b" })).await.status(201);
        let wiki = push.scim("/Entitlements").post(json!({ "code": "wiki", "type": "a" })).await.status(201);
        let taken = json!([{ "op": "replace", "path": "code", "value": "Erp" }]);
        push.scim("/Entitlements").patch(&id, taken).await.scim_error(409, "uniqueness");

        // Filter, sort, page, search.
        for (filter, found) in [
            ("code eq \"CRM\"", vec!["CRM"]),
            ("seats gt 2", vec!["CRM", "ERP"]),
            ("price le 9.50", vec!["CRM"]),
            ("grantable eq true and until lt \"2027-06-01T00:00:00Z\"", vec!["CRM"]),
            ("tags co \"SALE\"", vec!["CRM"]),
            ("aliases[value sw \"crm\" and type eq \"old\"]", vec!["CRM"]),
            ("not (seats pr)", vec!["wiki"]),
            ("type eq \"B\"", vec![]),
            ("externalId eq \"e-1\"", vec!["CRM"]),
            ("urn:okta:scim:schemas:core:1.0:Entitlement:code eq \"wiki\"", vec!["wiki"]),
        ] {
            let page = push.scim("/Entitlements").filter(filter).await.status(200);
            assert_eq!(page.each("code"), found, "{filter}");
        }
        push.scim("/Entitlements").filter("userName eq \"x\"").await.scim_error(400, "invalidFilter");
        let sorted = reader.scim("/Entitlements").list("sortBy=code&sortOrder=descending&startIndex=1&count=2").await;
        assert_eq!((sorted.each("code"), &sorted["totalResults"]), (vec!["wiki", "ERP"], &json!(3)));
        let search = json!({ "filter": "seats pr", "sortBy": "seats", "attributes": ["code"] });
        assert_eq!(reader.scim("/entitlements").search(search.clone()).await.status(200).each("code"), ["ERP", "CRM"]);
        assert_eq!(reader.scim(&format!("/Entitlements/{id}")).search(search).await.status(200).each("code"), ["CRM"]);

        // Change: versions, equal is no change, immutable stays, externalId is kept by a PUT that leaves it out.
        let op = json!([{ "op": "add", "path": "aliases", "value": [{ "value": "crm-2" }] }]);
        let patched = push.scim("/Entitlements").patch(&id, op).if_match("W/\"1\"").await.status(200);
        assert_eq!((patched.etag().as_str(), patched["aliases"].as_array().map(Vec::len)), ("W/\"2\"", Some(2)));
        push.scim("/Entitlements").put(&id, json!({ "code": "CRM" })).if_match("W/\"1\"").await.scim_error(412, "");
        let other = json!({ "code": "CRM", "origin": "elsewhere" });
        push.scim("/Entitlements").put(&id, other).await.scim_error(400, "mutability");
        let put = push.scim("/Entitlements").put(&id, json!({ "code": "CRM2" })).await.status(200);
        assert_eq!((&put["origin"], &put["externalId"]), (&json!("catalogue"), &json!("e-1")));
        assert_eq!((put.etag().as_str(), &put["seats"]), ("W/\"3\"", &Value::Null));
        let again = push.scim("/Entitlements").put(&id, json!({ "code": "CRM2" })).await.status(200);
        assert_eq!(again.etag(), "W/\"3\"");
        push.scim("/Entitlements").post(json!({ "code": "CRM" })).await.status(201);

        // Delete: gone, its values free again, and the feed has told all of it.
        push.scim("/Entitlements").delete(&erp.id()).await.status(204);
        push.scim("/Entitlements").get(&erp.id()).await.scim_error(404, "");
        push.scim("/Entitlements").delete(&erp.id()).await.scim_error(404, "");
        push.scim("/Entitlements").post(json!({ "code": "ERP" })).await.status(201);
        let events = world.events(&acme.info.id).await;
        let kinds: Vec<&str> = events.iter().filter_map(|event| event["kind"].as_str()).collect();
        let count = |kind: &str| kinds.iter().filter(|known| **known == kind).count();
        assert_eq!((count("resource.created"), count("resource.updated"), count("resource.deleted")), (5, 2, 1));
        assert_eq!(count("definition.updated"), 3);

        // Only an administrator once the type no longer says otherwise.
        let closed = json!({ "endpoint": "/Entitlements", "schema": ENTITLEMENT, "pushed": false });
        admin.admin("/resource-types").put("Entitlement", closed).await.status(200);
        push.scim("/Entitlements").delete(&wiki.id()).await.scim_error(403, "");
        admin.scim("/Entitlements").delete(&wiki.id()).await.status(204);
        assert!(world.directory.verify(None).await.expect("verify runs").is_empty());
    }
}

both_engines! {
    async fn an_extension_of_users(database: Database) {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let admin = world.client(&acme, Scope::Admin).await;
        let push = world.client(&acme, Scope::Scim).await;
        with_badges(&admin).await;
        let user = push.scim("/ResourceTypes").get("User").await.status(200);
        assert_eq!(user["schemaExtensions"][2], json!({ "schema": BADGE, "required": false }));

        let ada = push.users().post(json!({
            "schemas": [USER, BADGE], "userName": "ada",
            BADGE: { "number": "B-1", "colour": "Red", "photo": { "key": "k1", "size": 3 },
                     "doors": [{ "value": "lab", "floor": 2 }, { "value": "roof", "floor": 9 }] },
        })).await.status(201);
        assert_eq!(ada["schemas"], json!([USER, BADGE]));
        assert_eq!(ada[BADGE]["number"], "B-1");
        let bob = push.users().post(json!({ "userName": "bob", BADGE: { "number": "B-2" } })).await.status(201);

        for (filter, found) in [
            (format!("{BADGE}:number eq \"b-1\""), vec!["ada"]),
            ("number eq \"B-2\"".to_owned(), vec!["bob"]),
            (format!("{BADGE}:doors[value eq \"lab\" and floor lt 3]"), vec!["ada"]),
            (format!("{BADGE}:photo.size ge 3"), vec!["ada"]),
            (format!("{BADGE} pr and not ({BADGE}:colour pr)"), vec!["bob"]),
        ] {
            for client in [&push, &admin] {
                assert_eq!(client.users().filter(&filter).await.status(200).each("userName"), found, "{filter}");
            }
        }
        let sorted = admin.users().list(&format!("sortBy={BADGE}:number&sortOrder=descending")).await.status(200);
        assert_eq!(sorted.each("userName"), ["bob", "ada"]);

        // Unique in the tenant: by POST, by PATCH, and for a part of a complex attribute.
        let double = json!({ "userName": "cy", BADGE: { "number": "b-1" } });
        push.users().post(double).await.scim_error(409, "uniqueness");
        assert_eq!(push.users().list("").await["totalResults"], 2);
        let taken = json!([{ "op": "add", "path": format!("{BADGE}:number"), "value": "B-1" }]);
        push.users().patch(&bob.id(), taken).await.scim_error(409, "uniqueness");
        let key = json!([{ "op": "add", "path": format!("{BADGE}:photo.key"), "value": "K1" }]);
        push.users().patch(&bob.id(), key).await.scim_error(409, "uniqueness");

        // PATCH by URN path; what one lets go another may have.
        let moved = json!([
            { "op": "replace", "path": format!("{BADGE}:number"), "value": "B-9" },
            { "op": "remove", "path": format!("{BADGE}:doors[floor gt 5]") },
        ]);
        let ada = push.users().patch(&ada.id(), moved).await.status(200);
        assert_eq!(ada[BADGE]["number"], "B-9");
        assert_eq!(ada[BADGE]["doors"], json!([{ "value": "lab", "floor": 2 }]));
        let free = json!([{ "op": "replace", "path": format!("{BADGE}:number"), "value": "B-1" }]);
        push.users().patch(&bob.id(), free).await.status(200);
        let gone = push.users().patch(&bob.id(), json!([{ "op": "remove", "path": BADGE }])).await.status(200);
        assert_eq!((&gone["schemas"], &gone[BADGE]), (&json!([USER]), &Value::Null));

        // An administrator takes away what an administrator has entered, unique or not.
        let eve = admin.users().post(json!({ "userName": "eve", BADGE: { "number": "E-1", "colour": "red" } })).await.status(201).id();
        let number = json!([{ "op": "remove", "path": format!("{BADGE}:number") }]);
        let without = admin.users().patch(&eve, number).await.status(200);
        assert_eq!((&without[BADGE]["number"], &without[BADGE]["colour"]), (&Value::Null, &json!("red")));
        let without = admin.users().patch(&eve, json!([{ "op": "remove", "path": BADGE }])).await.status(200);
        assert_eq!(without[BADGE], Value::Null);
        assert!(world.directory.verify(None).await.expect("verify runs").is_empty());
    }
}

both_engines! {
    async fn extensions_of_groups_and_organizations(database: Database) {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let admin = world.client(&acme, Scope::Admin).await;
        let push = world.client(&acme, Scope::Scim).await;
        admin.admin("/schemas").put(BADGE, badge()).await.status(201);
        for kind in ["Group", "Organization"] {
            let extended = json!({ "schemaExtensions": [{ "schema": BADGE, "required": false }] });
            admin.admin("/resource-types").put(kind, extended).await.status(201);
        }

        // What is unique is so in the whole tenant, whoever owns the group, but not between two types.
        let staff = json!({ "displayName": "Staff", BADGE: { "number": "N-1", "colour": "red" } });
        let staff = push.groups().post(staff).await.status(201).id();
        let double = json!({ "displayName": "Others", BADGE: { "number": "n-1" } });
        push.groups().post(double.clone()).await.scim_error(409, "uniqueness");
        admin.groups().post(double).await.scim_error(409, "uniqueness");
        let moby = json!({ "slug": "moby", BADGE: { "number": "N-1" } });
        let moby = admin.organizations().post(moby).await.status(201).id();
        let double = json!({ "slug": "dick", BADGE: { "number": "N-1" } });
        admin.organizations().post(double).await.scim_error(409, "uniqueness");

        let number = |value: &str| json!([{ "op": "replace", "path": format!("{BADGE}:number"), "value": value }]);
        let others = admin.groups().post(json!({ "displayName": "Others", BADGE: { "number": "N-2" } })).await.status(201).id();
        admin.groups().patch(&others, number("N-1")).await.scim_error(409, "uniqueness");
        let dick = admin.organizations().post(json!({ "slug": "dick" })).await.status(201).id();
        admin.organizations().patch(&dick, number("n-1")).await.scim_error(409, "uniqueness");
        let put = json!({ "slug": "dick", BADGE: { "number": "N-1" } });
        admin.organizations().put(&dick, put).await.scim_error(409, "uniqueness");

        // They filter and sort like any other, and what one lets go another may have.
        for groups in [push.groups(), admin.groups()] {
            let found = groups.filter(&format!("{BADGE}:colour eq \"RED\"")).await.status(200);
            assert_eq!(found.each("displayName"), ["Staff"]);
        }
        let sorted = admin.groups().list(&format!("sortBy={BADGE}:number&sortOrder=descending")).await.status(200);
        assert_eq!(sorted.each("displayName"), ["Others", "Staff"]);
        push.groups().patch(&staff, number("N-3")).await.status(204);
        admin.groups().patch(&others, number("N-1")).await.status(204);
        admin.organizations().delete(&moby).await.status(204);
        let free = admin.organizations().patch(&dick, number("N-1")).await.status(200);
        assert_eq!(free[BADGE]["number"], "N-1");
        push.groups().delete(&staff).await.status(204);
        admin.groups().post(json!({ "displayName": "Third", BADGE: { "number": "N-3" } })).await.status(201);
        assert!(world.directory.verify(None).await.expect("verify runs").is_empty());
    }
}

both_engines! {
    async fn every_server_knows_at_once_and_no_other_tenant(database: Database) {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let other = world.tenant("other").await;
        let admin = world.client(&acme, Scope::Admin).await;
        let stranger = world.client(&other, Scope::Admin).await;
        let token = world.token(&acme, Scope::Admin).await;
        let second = Client::new(world.second_server().await.router(), "acme", Some(&token));

        second.scim("/Entitlements").list("").await.scim_error(404, "");
        with_entitlements(&admin).await;
        let crm = second.scim("/Entitlements").post(json!({ "code": "CRM" })).await.status(201);
        admin.scim("/Entitlements").get(&crm.id()).await.status(200);
        let mut wider = entitlement();
        wider["attributes"].as_array_mut().expect("a list").push(json!({ "name": "risk", "type": "integer" }));
        second.admin("/schemas").put(ENTITLEMENT, wider).await.status(200);
        let op = json!([{ "op": "add", "path": "risk", "value": 4 }]);
        assert_eq!(admin.scim("/Entitlements").patch(&crm.id(), op).await.status(200)["risk"], 4);

        stranger.scim("/Entitlements").list("").await.scim_error(404, "");
        stranger.scim("/Schemas").get(ENTITLEMENT).await.scim_error(404, "");
        stranger.admin("/schemas").get(ENTITLEMENT).await.problem(404, "not_found");
        assert_eq!(stranger.scim("/ResourceTypes").list("").await["totalResults"], 3);

        second.scim("/Entitlements").delete(&crm.id()).await.status(204);
        second.admin("/resource-types").delete("Entitlement").await.status(204);
        admin.scim("/Entitlements").list("").await.scim_error(404, "");
        admin.call(Method::GET, "/t/acme/scim/v2/ResourceTypes/Entitlement").await.scim_error(404, "");
    }
}
