//! What a change of a definition does to what is stored: the table of docs/schemas.md, on both engines.

use axum::http::Method;
use rollkeeper::auth::token::Scope;
use serde_json::{Value, json};

use super::{BADGE, ENTITLEMENT, badge, entitlement, entitlements, extended, with_badges, with_entitlements};
use crate::support::client::Client;
use crate::support::{Reply, World, both_engines};

/// The definition with one attribute changed by these members, or taken out by `null`.
fn with(mut schema: Value, name: &str, members: Value) -> Value {
    let attributes = schema["attributes"].as_array_mut().expect("a list");
    if members.is_null() {
        attributes.retain(|attribute| attribute["name"] != name);
        return schema;
    }
    match attributes.iter_mut().find(|attribute| attribute["name"] == name) {
        Some(attribute) => {
            let members = members.as_object().expect("members");
            attribute.as_object_mut().expect("an attribute").extend(members.clone());
        }
        None => {
            let mut attribute = json!({ "name": name });
            attribute.as_object_mut().expect("an object").extend(members.as_object().expect("members").clone());
            attributes.push(attribute);
        }
    }
    schema
}

async fn put(client: &Client, schema: Value) -> Reply {
    let urn = schema["id"].as_str().expect("a URN").to_owned();
    client.admin("/schemas").put(&urn, schema).await
}

async fn discard(client: &Client, schema: Value) -> Reply {
    let urn = schema["id"].as_str().expect("a URN").to_owned();
    client.admin("/schemas").put(&urn, schema).query("discard=true").await
}

#[track_caller]
fn says(reply: &Reply, words: &[&str]) {
    let detail = reply["detail"].as_str().unwrap_or_default();
    assert!(words.iter().all(|word| detail.contains(word)), "{detail:?} does not say {words:?}");
}

async fn verified(world: &World) {
    let differences = world.directory.verify(None).await.expect("verify runs");
    assert!(differences.is_empty(), "{differences:?}");
}

both_engines! {
    async fn what_widens_holds_at_once_and_what_narrows_asks_the_data(database: Database) {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let admin = world.client(&acme, Scope::Admin).await;
        with_entitlements(&admin).await;
        let one = admin.scim("/Entitlements").post(json!({ "code": "A", "type": "x", "seats": 1 })).await.status(201).id();
        let two = admin.scim("/Entitlements").post(json!({ "code": "B", "type": "X" })).await.status(201).id();

        // More, and what only describes.
        put(&admin, with(entitlement(), "risk", json!({ "type": "integer" }))).await.status(200);
        let described = json!({ "description": "how many", "returned": "always" });
        put(&admin, with(with(entitlement(), "risk", json!({ "type": "integer" })), "seats", described)).await.status(200);
        put(&admin, with(entitlement(), "risk", Value::Null)).await.status(200);
        put(&admin, with(entitlement(), "code", json!({ "required": false }))).await.status(200);
        put(&admin, entitlement()).await.status(200);

        // Required: only what everybody has.
        let refused = put(&admin, with(entitlement(), "seats", json!({ "required": true }))).await.problem(409, "conflict");
        says(&refused, &["seats", "1 resources", &two]);
        let refused = put(&admin, with(entitlement(), "new", json!({ "required": true }))).await.problem(409, "conflict");
        says(&refused, &["new", "2 resources", &one]);
        let op = json!([{ "op": "add", "path": "seats", "value": 2 }]);
        admin.scim("/Entitlements").patch(&two, op).await.status(200);
        put(&admin, with(entitlement(), "seats", json!({ "required": true }))).await.status(200);
        admin.scim("/Entitlements").post(json!({ "code": "C" })).await.scim_error(400, "invalidValue");
        put(&admin, entitlement()).await.status(200);

        // Another type, or many instead of one: never while there are values.
        for members in [json!({ "type": "decimal" }), json!({ "multiValued": true })] {
            let refused = put(&admin, with(entitlement(), "seats", members)).await.problem(409, "conflict");
            says(&refused, &["seats", "2 resources", &one]);
        }
        put(&admin, with(entitlement(), "price", json!({ "type": "integer" }))).await.status(200);

        // The type stays as long as it has resources, and keeps its schema; the schema stays as long as the type.
        let refused = admin.admin("/resource-types").delete("Entitlement").await.problem(409, "conflict");
        says(&refused, &["2 resources", &one]);
        let other = json!({ "id": "urn:acme:scim:Other", "name": "Other", "attributes": [{ "name": "code" }] });
        put(&admin, other).await.status(201);
        let moved = json!({ "endpoint": "/Entitlements", "schema": "urn:acme:scim:Other" });
        admin.admin("/resource-types").put("Entitlement", moved).await.problem(409, "conflict");
        let used = admin.admin("/schemas").delete(ENTITLEMENT).await.problem(409, "conflict");
        says(&used, &["resource type Entitlement"]);
        for id in [one, two] {
            admin.scim("/Entitlements").delete(&id).await.status(204);
        }
        admin.admin("/resource-types").delete("Entitlement").await.status(204);
        admin.admin("/schemas").delete(ENTITLEMENT).await.status(204);
        admin.admin("/schemas").delete(ENTITLEMENT).await.problem(404, "not_found");
        // And may come again as something else.
        let anew = json!({ "id": ENTITLEMENT, "name": "Entitlement", "attributes": [{ "name": "code", "type": "integer" }] });
        put(&admin, anew).await.status(201);
        admin.admin("/resource-types").put("Entitlement", entitlements()).await.status(201);
        admin.scim("/Entitlements").post(json!({ "code": 7 })).await.status(201);
        verified(&world).await;
    }
}

both_engines! {
    async fn uniqueness_and_case_are_indexed_anew(database: Database) {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let admin = world.client(&acme, Scope::Admin).await;
        with_entitlements(&admin).await;
        let post = |code: &str, kind: &str| admin.scim("/Entitlements").post(json!({ "code": code, "type": kind }));
        let one = post("A", "Red").await.status(201).id();
        let two = post("B", "red").await.status(201).id();
        let three = post("C", "red").await.status(201).id();
        let found = async |filter: &str| {
            let page = admin.scim("/Entitlements").filter(filter).await.status(200);
            page.each("code").into_iter().map(str::to_owned).collect::<Vec<_>>()
        };

        // `type` is case exact; two of its values are equal.
        let unique = json!({ "uniqueness": "server" });
        let refused = put(&admin, with(entitlement(), "type", unique.clone())).await.problem(409, "conflict");
        says(&refused, &["type", "1 values", &two]);
        assert_eq!(found("type eq \"red\"").await, ["B", "C"]);
        let green = json!([{ "op": "replace", "path": "type", "value": "green" }]);
        admin.scim("/Entitlements").patch(&three, green).await.status(200);
        put(&admin, with(entitlement(), "type", unique.clone())).await.status(200);
        post("D", "green").await.scim_error(409, "uniqueness");
        assert_eq!(found("type eq \"red\"").await, ["B"]);
        verified(&world).await;

        // Without regard to case `Red` and `red` are one: the change is called off, and all is as it was.
        let folded = json!({ "uniqueness": "server", "caseExact": false });
        let refused = put(&admin, with(entitlement(), "type", folded.clone())).await.problem(409, "uniqueness");
        says(&refused, &["type", &one, &two]);
        assert_eq!(found("type eq \"red\"").await, ["B"]);
        post("D", "GREEN").await.status(201);
        verified(&world).await;

        // Without uniqueness it holds, and there is one spelling.
        put(&admin, with(entitlement(), "type", json!({ "caseExact": false }))).await.status(200);
        assert_eq!(found("type eq \"RED\"").await, ["A", "B"]);
        let page = admin.scim("/Entitlements").list("sortBy=type&sortOrder=ascending").await.status(200);
        assert_eq!(page.each("type"), ["green", "GREEN", "Red", "red"]);
        post("E", "green").await.status(201);
        verified(&world).await;
    }
}

both_engines! {
    async fn what_goes_takes_its_values_along_if_that_is_agreed(database: Database) {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let admin = world.client(&acme, Scope::Admin).await;
        let push = world.client(&acme, Scope::Scim).await;
        with_badges(&admin).await;
        let ada = push.users().post(json!({ "userName": "ada", BADGE: {
            "number": "B-1", "colour": "red", "doors": [{ "value": "lab", "floor": 2 }, { "floor": 3 }], "photo": { "size": 1 },
        } })).await.status(201).id();
        let bob = admin.users().post(json!({ "userName": "bob", BADGE: { "colour": "blue" } })).await.status(201).id();

        let less = with(badge(), "colour", Value::Null);
        let refused = put(&admin, less.clone()).await.problem(409, "conflict");
        says(&refused, &[&format!("{BADGE}:colour"), "2 resources", "discard=true"]);
        let before = push.users().get(&ada).await.status(200);
        discard(&admin, less.clone()).await.status(200);
        let after = push.users().get(&ada).await.status(200);
        assert_eq!((&after[BADGE]["colour"], &after[BADGE]["number"]), (&Value::Null, &json!("B-1")));
        assert_ne!(after.etag(), before.etag());
        assert_eq!(admin.users().get(&bob).await["schemas"], json!(["urn:ietf:params:scim:schemas:core:2.0:User"]));
        push.users().filter(&format!("{BADGE}:colour pr")).await.scim_error(400, "invalidFilter");
        verified(&world).await;

        // A part of the elements of a list; what is empty then goes with it.
        let mut parts = less.clone();
        parts["attributes"][1]["subAttributes"] = json!([{ "name": "value" }]);
        says(&put(&admin, parts.clone()).await.problem(409, "conflict"), &["doors.floor", "1 resources", &ada]);
        discard(&admin, parts.clone()).await.status(200);
        assert_eq!(push.users().get(&ada).await[BADGE]["doors"], json!([{ "value": "lab" }]));

        // It is not remembered: the same name may come back as something else.
        put(&admin, with(parts.clone(), "colour", json!({ "type": "integer" }))).await.status(200);
        assert_eq!(push.users().get(&ada).await[BADGE]["colour"], Value::Null);
        let again = json!([{ "op": "add", "path": format!("{BADGE}:colour"), "value": 4 }]);
        push.users().patch(&ada, again).await.status(200);

        // The whole extension, and then its schema.
        let refused = admin.admin("/resource-types").put("User", extended(&[])).await.problem(409, "conflict");
        says(&refused, &["1 resources", &ada]);
        admin.admin("/resource-types").put("User", extended(&[])).query("discard=true").await.status(200);
        let ada = push.users().get(&ada).await.status(200);
        assert_eq!(ada["schemas"], json!(["urn:ietf:params:scim:schemas:core:2.0:User"]));
        admin.admin("/schemas").delete(BADGE).await.status(204);
        push.users().post(json!({ "userName": "cy", BADGE: { "number": "B-1" } })).await.status(201);
        verified(&world).await;
    }
}

both_engines! {
    async fn a_long_change_goes_on_where_it_stopped_and_can_be_called_off(database: Database) {
        use rollkeeper::directory::Noun;

        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let admin = world.client(&acme, Scope::Admin).await;
        with_entitlements(&admin).await;
        for n in 0..230 {
            let body = json!({ "code": format!("c{n}"), "type": format!("T{n}") });
            admin.scim("/Entitlements").post(body).await.status(201);
        }
        let folded = with(entitlement(), "type", json!({ "caseExact": false }));
        let define = async |body: &Value| {
            world.directory.define(&acme.info.id, Noun::Schema, body, false, 1).await.expect("the change is good").change
        };
        let found = async |kind: &str| {
            admin.scim("/Entitlements").filter(&format!("type eq \"{kind}\"")).await.status(200)["totalResults"].clone()
        };

        // One batch at a time: readers see the old rules until the last one, whatever is written meanwhile.
        let first = define(&folded).await.expect("there is more to do");
        assert_eq!((first.done, first.total), (100, 230));
        assert_eq!(admin.admin("/schemas").get(ENTITLEMENT).await["change"], json!({ "done": 100, "total": 230 }));
        admin.scim("/Entitlements").post(json!({ "code": "new", "type": "T7" })).await.status(201);
        assert_eq!((found("T7").await, found("t7").await), (json!(2), json!(0)));
        let other = json!({ "id": "urn:acme:scim:Other", "name": "Other", "attributes": [{ "name": "code" }] });
        says(&put(&admin, other).await.problem(409, "conflict"), &[ENTITLEMENT, "under way"]);
        assert_eq!(define(&folded).await.map(|change| change.done), Some(200));

        // Called off: as if nothing had been.
        while define(&entitlement()).await.is_some() {}
        assert_eq!((found("T7").await, found("t7").await), (json!(2), json!(0)));
        verified(&world).await;

        // Begun again and carried through, a batch at a time, by whoever asks.
        let mut steps = 0;
        while define(&folded).await.is_some() {
            steps += 1;
            assert!(steps < 20, "the change comes to an end");
        }
        assert!(steps > 3);
        assert_eq!((found("T7").await, found("t7").await), (json!(2), json!(2)));
        verified(&world).await;
    }
}

#[tokio::test]
async fn what_a_definition_may_not_say() {
    let world = World::sqlite().await;
    let acme = world.tenant("acme").await;
    let admin = world.client(&acme, Scope::Admin).await;
    with_entitlements(&admin).await;
    let schema = |urn: &str, attribute: Value| json!({ "id": urn, "name": "X", "attributes": [attribute] });
    let plain = json!({ "name": "a" });
    for (body, words) in [
        (schema("acme", plain.clone()), "a URN such as"),
        (schema("urn:acme:a:", plain.clone()), "a URN such as"),
        (schema("urn:rollkeeper:a", plain.clone()), "the server's"),
        (schema("urn:scim:schemas:extension:enterprise:1.0", plain.clone()), "reads that URN"),
        (schema("urn:ietf:params:scim:schemas:core:2.0:user", plain.clone()), "a schema of this URN already"),
        (schema(&format!("{ENTITLEMENT}:code"), plain.clone()), "reads as its attribute"),
        (schema("urn:ab:c:d", json!({ "name": "externalId" })), "every resource has"),
        (schema("urn:ab:c:d", json!({ "name": "$ref" })), "begins with a letter"),
        (schema("urn:ab:c:d", json!({ "name": "a b" })), "a name is one letter"),
        (schema("urn:ab:c:d", json!({ "name": "a", "mutability": "readOnly" })), "readOnly"),
        (schema("urn:ab:c:d", json!({ "name": "a", "mutability": "writeOnly" })), "returned never"),
        (schema("urn:ab:c:d", json!({ "name": "a", "returned": "never" })), "secrets"),
        (schema("urn:ab:c:d", json!({ "name": "a", "type": "boolean", "uniqueness": "server" })), "no uniqueness"),
        (schema("urn:ab:c:d", json!({ "name": "a", "type": "integer", "canonicalValues": ["1"] })), "only a string"),
        (schema("urn:ab:c:d", json!({ "name": "a", "canonicalValues": ["x", "X"] })), "twice"),
        (schema("urn:ab:c:d", json!({ "name": "a", "type": "reference" })), "referenceTypes"),
        (
            schema("urn:ab:c:d", json!({ "name": "a", "type": "reference", "referenceTypes": ["Robot"] })),
            "no resource type",
        ),
        (schema("urn:ab:c:d", json!({ "name": "a", "type": "complex" })), "subAttributes"),
        (schema("urn:ab:c:d", json!({ "name": "a", "description": "x".repeat(1001) })), "at most 1000"),
        (json!({ "id": "urn:ab:c:d", "name": "X", "attributes": [] }), "at least one"),
        (json!({ "id": "urn:ab:c:d", "name": "", "attributes": [plain.clone()] }), "1 to 64"),
        (json!({ "id": "urn:ab:c:d", "attributes": [plain.clone()] }), "missing field"),
    ] {
        let urn = body["id"].as_str().expect("a URN").to_owned();
        says(&admin.admin("/schemas").put(&urn, body).await.problem(400, "invalid_value"), &[words]);
    }
    let many: Vec<Value> = (0..101).map(|n| json!({ "name": format!("a{n}") })).collect();
    let body = json!({ "id": "urn:ab:c:d", "name": "X", "attributes": many });
    says(&put(&admin, body).await.problem(400, "invalid_value"), &["101 are too many"]);

    let other = "urn:acme:scim:Other";
    let body =
        json!({ "id": other, "name": "Other", "attributes": [{ "name": "department" }, { "name": "DISPLAYNAME" }] });
    put(&admin, body).await.status(201);
    let kind = |endpoint: &str, schema: &str| json!({ "endpoint": endpoint, "schema": schema });
    for (name, body, words) in [
        ("1st", kind("/Firsts", other), "name: a letter"),
        ("user", kind("/Others", other), "User is taken"),
        ("entitlement", kind("/Others", other), "Entitlement is taken"),
        ("Schema", kind("/Others", other), "taken"),
        ("Other", kind("Others", other), "endpoint: a '/'"),
        ("Other", kind("/Oth/ers", other), "endpoint: '/'"),
        ("Other", kind("/users", other), "/Users is taken"),
        ("Other", kind("/bulk", other), "/Bulk is taken"),
        ("Other", kind("/ENTITLEMENTS", other), "/Entitlements is taken"),
        ("Other", kind("/v3", other), "a version"),
        ("Other", kind("/Others", ""), "schema: the URN"),
        ("Other", kind("/Others", "urn:nobody:knows"), "put it first"),
        ("Other", kind("/Others", "urn:ietf:params:scim:schemas:core:2.0:User"), "put it first"),
        ("Other", kind("/Others", ENTITLEMENT), "the schema of another type"),
        ("User", extended(&[ENTITLEMENT]), "cannot extend another"),
        ("User", extended(&[other]), "no longer be clear"),
        ("User", extended(&["urn:nobody:knows"]), "put it first"),
        ("User", json!({ "endpoint": "/People", "schemaExtensions": [] }), "only schemaExtensions"),
        ("Group", json!({ "schemaExtensions": [{ "schema": other, "required": true }] }), "cannot be required"),
        ("Other", json!({ "endpoint": "/Others", "schema": other, "colour": "red" }), "unknown field"),
    ] {
        says(&admin.admin("/resource-types").put(name, body).await.problem(400, "invalid_value"), &[words]);
    }
    let body = json!({ "name": "Another" });
    admin.admin("/resource-types").put("Other", body).await.problem(400, "invalid_value");
    let user = "urn:ietf:params:scim:schemas:core:2.0:User";
    admin.admin("/schemas").delete(user).await.problem(403, "forbidden");
    admin.admin("/resource-types").delete("Group").await.problem(404, "not_found");
    admin
        .call(Method::PUT, &format!("/t/acme/admin/v1/schemas/{other}?discard=perhaps"))
        .json(json!({}))
        .await
        .status(400);
}

both_engines! {
    async fn of_two_who_write_a_unique_value_at_once_one_is_refused(database: Database) {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let admin = world.client(&acme, Scope::Admin).await;
        with_entitlements(&admin).await;
        with_badges(&admin).await;
        let calls = (0..8).map(|n| {
            let admin = admin.clone();
            tokio::spawn(async move {
                let one = admin.scim("/Entitlements").post(json!({ "code": "same", "seats": n })).await;
                let body = json!({ "userName": format!("u{n}"), BADGE: { "number": "same" } });
                let other = admin.users().post(body).await;
                (one.status.as_u16(), other.status.as_u16())
            })
        });
        let (mut ones, mut others) = (Vec::new(), Vec::new());
        for call in calls.collect::<Vec<_>>() {
            let (one, other) = call.await.expect("no panic");
            ones.push(one);
            others.push(other);
        }
        for mut statuses in [ones, others] {
            statuses.sort_unstable();
            assert_eq!(statuses[0], 201, "{statuses:?}");
            // Who loses too many races is told to come again, never that all is well.
            assert!(statuses[1..].iter().all(|status| [409, 503].contains(status)), "{statuses:?}");
        }
        assert_eq!(admin.scim("/Entitlements").list("").await["totalResults"], 1);
        assert_eq!(admin.users().list("").await["totalResults"], 1);
        verified(&world).await;
    }
}

both_engines! {
    async fn a_unique_value_of_a_person_has_one_owner(database: Database) {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let admin = world.client(&acme, Scope::Admin).await;
        let push = world.client(&acme, Scope::Scim).await;
        with_badges(&admin).await;
        let number = format!("{BADGE}:number");
        let ada = push.users().post(json!({ "userName": "ada", BADGE: { "number": "B-1" } })).await.status(201).id();
        let bob = admin.users().post(json!({ "userName": "bob" })).await.status(201).id();

        // Whoever is deactivated keeps it, and nobody overrules the push that owns it.
        push.users().patch(&ada, json!([{ "op": "replace", "path": "active", "value": false }])).await.status(200);
        let taken = json!([{ "op": "add", "path": number, "value": "b-1" }]);
        admin.users().patch(&bob, taken).await.scim_error(409, "uniqueness");
        let other = json!([{ "op": "replace", "path": number, "value": "B-2" }]);
        admin.users().patch(&ada, other).await.scim_error(400, "mutability");
        let directory = &world.directory;
        let locked = directory.lock(&acme.info.id, &ada, &number, Some(json!("B-3"))).await;
        assert!(locked.is_err_and(|error| error.to_string().contains("cannot be locked")));
        let imported = directory.import_word(&acme.info.id, &bob, &number, Some(json!("B-4"))).await;
        assert!(imported.is_err_and(|error| error.to_string().contains("exactly one owner")));

        // Claims are texts: they are mapped to strings of the tenant's own, which then stay.
        let map = |to: String| {
            let rules = json!({ "rules": { "attributes": [{ "to": to, "from": "badge" }] } });
            admin.admin("/connections").call(Method::PATCH, "/default").json(rules)
        };
        for to in ["urn:nobody:knows:number".to_owned(), format!("{BADGE}:photo.size"), format!("{BADGE}:doors")] {
            says(&map(to.clone()).await.problem(400, "invalid_value"), &[&to, "no string attribute"]);
        }
        let mapped = map(format!("{BADGE}:COLOUR")).await.status(200);
        assert_eq!(mapped["rules"]["attributes"][0]["to"], format!("{BADGE}:colour"));
        let refused = put(&admin, with(badge(), "colour", Value::Null)).await.problem(409, "conflict");
        says(&refused, &["connection default maps a claim to", "colour"]);
        map("title".to_owned()).await.status(200);
        put(&admin, with(badge(), "colour", Value::Null)).await.status(200);
        verified(&world).await;
    }
}
