//! One short story per resource type, as an IdP or an administrator lives it over HTTP, on both engines.

use axum::http::{Method, header};
use rollkeeper::auth::token::Scope;
use serde_json::{Value, json};

use crate::support::contract::with_any_request;
use crate::support::{World, both_engines};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";

fn bjensen() -> Value {
    json!({
        "schemas": [USER, ENTERPRISE],
        "externalId": "701984",
        "userName": "bjensen@example.com",
        "name": { "familyName": "Jensen", "givenName": "Barbara" },
        "emails": [{ "value": "bjensen@example.com", "type": "work", "primary": true }],
        "active": true,
        ENTERPRISE: { "department": "Tour Operations" }
    })
}

both_engines! {
    async fn a_user_is_created_found_changed_and_deleted(database: Database) {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let push = world.client(&acme, Scope::Scim).await;

        let created = push.users().post(bjensen()).await.status(201);
        let id = created.id();
        let location = format!("http://roll.test/t/acme/scim/v2/Users/{id}");
        assert_eq!(created.header(header::LOCATION), location);
        assert_eq!(created.header(header::CONTENT_TYPE), "application/scim+json");
        assert_eq!(created["meta"]["location"], location);
        assert_eq!(created["meta"]["resourceType"], "User");
        assert_eq!(created["meta"]["version"], created.etag());
        assert_eq!(created["meta"]["created"], "2026-11-24T02:00:00.000Z");
        assert_eq!(created["externalId"], "701984");
        assert_eq!(created["active"], true);
        assert_eq!(created[ENTERPRISE]["department"], "Tour Operations");

        // What a write answers is what a GET answers.
        let found = push.users().get(&id).await.status(200);
        assert_eq!(found.body, created.body);
        assert_eq!((found.etag(), found.header(header::LOCATION)), (created.etag(), location.as_str()));
        assert_eq!(found.header(header::CONTENT_LOCATION), location);
        assert_eq!(created.header(header::CONTENT_LOCATION), "", "`Location` says it");
        let head = push.users().head(&id).await.status(200);
        assert_eq!((head.etag(), head.bytes.len()), (created.etag(), 0));
        push.users().get(&id).if_none_match(&found.etag()).await.status(304);
        push.users().get(&id).if_none_match("W/\"999\"").await.status(200);

        // The second of the same name is refused, whatever its case.
        push.users().post(json!({ "userName": "BJENSEN@example.com" })).await.scim_error(409, "uniqueness");
        push.users().post(json!({ "displayName": "nobody" })).await.scim_error(400, "invalidValue");

        world.clock.advance(1_000);
        let operations = json!([{ "op": "Replace", "path": "title", "value": "Vice President" }]);
        push.users().patch(&id, operations.clone()).if_match("W/\"999\"").await.scim_error(412, "");
        let patched = push.users().patch(&id, operations.clone()).if_match(&found.etag()).await.status(200);
        assert_eq!(patched["title"], "Vice President");
        assert_eq!(patched["meta"]["lastModified"], "2026-11-24T02:00:01.000Z");
        assert_eq!(patched.header(header::CONTENT_LOCATION), location);
        assert_ne!(patched.etag(), found.etag());
        // A write that changes nothing keeps the version.
        assert_eq!(push.users().patch(&id, operations).await.status(200).etag(), patched.etag());

        let mut whole = bjensen();
        whole["nickName"] = json!("Babs");
        let replaced = push.users().put(&id, whole).await.status(200);
        assert_eq!((&replaced["nickName"], &replaced["title"]), (&json!("Babs"), &Value::Null));
        assert_eq!(replaced.header(header::CONTENT_LOCATION), location);

        push.users().delete(&id).await.status(204);
        push.users().get(&id).await.scim_error(404, "");
        push.users().delete(&id).await.scim_error(404, "");
        push.users().put(&id, bjensen()).await.scim_error(404, "");
    }

    async fn users_are_queried(database: Database) {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let push = world.client(&acme, Scope::Scim).await;
        for (name, title) in [("anna", "Engineer"), ("bela", "engineer"), ("carl", "Cook")] {
            push.users().post(json!({ "userName": name, "title": title })).await.status(201);
        }

        let all = push.users().list("sortBy=userName&sortOrder=descending").await.status(200);
        assert_eq!(all.each("userName"), ["carl", "bela", "anna"]);
        assert_eq!((&all["totalResults"], &all["startIndex"], &all["itemsPerPage"]), (&json!(3), &json!(1), &json!(3)));
        let page = push.users().list("startIndex=2&count=1&sortBy=userName").await.status(200);
        assert_eq!((page.each("userName"), &page["totalResults"]), (vec!["bela"], &json!(3)));
        let none = push.users().list("count=0").await.status(200);
        assert_eq!((&none["totalResults"], &none["Resources"]), (&json!(3), &json!([])));

        let engineers = push.users().filter("title eq \"ENGINEER\" and not (userName sw \"b\")").await.status(200);
        assert_eq!(engineers.each("userName"), ["anna"]);
        assert_eq!(push.users().filter("userName eq \"nobody\"").await.status(200)["totalResults"], 0);
        let plus = push.users().list("Filter=userName+eq+%22carl%22&attributes=userName").await.status(200);
        assert_eq!(plus.each("userName"), ["carl"]);
        assert_eq!(plus["Resources"][0].as_object().map(|user| user.len()), Some(3), "schemas, id, userName");

        let search = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],
            "filter": "title pr", "sortBy": "userName", "count": 2, "excludedAttributes": ["title"]
        });
        let found = push.users().search(search).await.status(200);
        assert_eq!((found.each("userName"), &found["totalResults"]), (vec!["anna", "bela"], &json!(3)));
        assert_eq!(found["Resources"][0]["title"], Value::Null);

        let carl = plus["Resources"][0]["id"].as_str().expect("an id");
        let one = push.users().get(carl).query("filter=title+eq+%22cook%22").await.status(200);
        assert_eq!(one["totalResults"], 1);
        let other = push.users().get(carl).query("filter=title+eq+%22x%22+or+userName+pr").await.status(200);
        assert_eq!(other.each("userName"), ["carl"]);
        let none = push.users().get(carl).query("filter=title+eq+%22x%22").await.status(200);
        assert_eq!((&none["totalResults"], &none["Resources"]), (&json!(0), &json!([])));
        push.users().get("%FF").await.scim_error(404, "");
        push.users().get("no-such-id").query("filter=title+pr").await.scim_error(404, "");
        // The same by POST.
        let within = push.scim(&format!("/Users/{carl}"));
        for (body, found) in [
            (json!({}), 1),
            (json!({ "filter": "title eq \"COOK\"", "attributes": ["title"] }), 1),
            (json!({ "filter": "title eq \"x\" or userName eq \"anna\"" }), 0),
        ] {
            let list = within.search(body).await.status(200);
            assert_eq!((&list["totalResults"], list.each("id")), (&json!(found), vec![carl; found]));
        }
        within.search(json!({ "filter": "title eq) or (id pr" })).await.scim_error(400, "invalidFilter");
        push.scim("/Users/no-such-id").search(json!({})).await.scim_error(404, "");

        push.users().filter("userName").await.scim_error(400, "invalidFilter");
        push.users().list("filter=").await.scim_error(400, "invalidFilter");
        push.users().list("count=many").await.scim_error(400, "invalidValue");
        push.users().list("sortBy=name").await.scim_error(400, "invalidValue");
        push.users().list("attributes=userName&excludedAttributes=title").await.scim_error(400, "invalidValue");
    }

    async fn a_group_gains_and_loses_members(database: Database) {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let push = world.client(&acme, Scope::Scim).await;
        let anna = push.users().post(json!({ "userName": "anna", "displayName": "Anna" })).await.status(201).id();
        let bela = push.users().post(json!({ "userName": "bela" })).await.status(201).id();

        let created = push
            .groups()
            .post(json!({ "schemas": [GROUP], "displayName": "staff", "members": [{ "value": anna, "display": "A label of old" }] }))
            .await
            .status(201);
        let staff = created.id();
        assert_eq!((&created["members"][0]["value"], &created["members"][0]["display"]), (&json!(anna), &json!("Anna")));
        assert_eq!(created["members"][0]["$ref"], format!("http://roll.test/t/acme/scim/v2/Users/{anna}"));

        // A group's PATCH answers 204, at any size, unless attributes are asked for.
        let add = json!([{ "op": "Add", "path": "members", "value": [{ "value": bela }] }]);
        let silent = push.groups().patch(&staff, add.clone()).await.status(204);
        assert_eq!(silent.bytes.len(), 0);
        let spoken = push.groups().patch(&staff, add).query("attributes=displayName").await.status(200);
        assert_eq!((&spoken["displayName"], &spoken["members"]), (&json!("staff"), &Value::Null));

        // The members are the push's and the user's groups tell of it.
        let whole = push.groups().get(&staff).await.status(200);
        assert_eq!(whole["members"].as_array().map(Vec::len), Some(2));
        let bela_now = push.users().get(&bela).await.status(200);
        assert_eq!(bela_now["groups"][0]["value"], staff);
        assert_eq!(bela_now["groups"][0]["display"], "staff");
        assert_eq!(bela_now["groups"][0]["$ref"], format!("http://roll.test/t/acme/scim/v2/Groups/{staff}"));
        let listed = push.groups().list("excludedAttributes=members").await.status(200);
        assert_eq!((&listed["totalResults"], &listed["Resources"][0]["members"]), (&json!(1), &Value::Null));
        assert_eq!(push.groups().filter(&format!("members.value eq \"{bela}\"")).await.status(200)["totalResults"], 1);

        let path = format!("members[value eq \"{bela}\"]");
        push.groups().patch(&staff, json!([{ "op": "remove", "path": path }])).await.status(204);
        assert_eq!(push.users().get(&bela).await.status(200)["groups"], Value::Null);

        push.groups().delete(&staff).await.status(204);
        assert_eq!(push.users().get(&anna).await.status(200)["groups"], Value::Null);
    }

    async fn organizations_are_the_administrators(database: Database) {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let push = world.client(&acme, Scope::Scim).await;
        let admin = world.client(&acme, Scope::Admin).await;
        let reader = world.client(&acme, Scope::ScimRead).await;

        push.organizations().post(json!({ "slug": "moby" })).await.scim_error(403, "");
        let moby = admin.organizations().post(json!({ "slug": "moby", "displayName": "Moby Inc." })).await.status(201);
        assert_eq!(moby["meta"]["resourceType"], "Organization");
        assert_eq!(reader.organizations().filter("slug eq \"moby\"").await.status(200)["totalResults"], 1);
        reader.organizations().delete(&moby.id()).await.scim_error(403, "");

        let rename = json!([{ "op": "replace", "path": "displayName", "value": "Moby" }]);
        let renamed = admin.organizations().patch(&moby.id(), rename).await.status(200);
        assert_eq!(renamed["displayName"], "Moby");
        let move_slug = json!([{ "op": "replace", "path": "slug", "value": "whale" }]);
        admin.organizations().patch(&moby.id(), move_slug).await.scim_error(400, "mutability");
        admin.organizations().post(json!({ "slug": "moby" })).await.scim_error(409, "uniqueness");
        admin.organizations().delete(&moby.id()).await.status(204);
        admin.organizations().get(&moby.id()).await.scim_error(404, "");
    }
}

#[tokio::test]
async fn the_server_describes_itself() {
    let world = World::sqlite().await;
    let acme = world.tenant("acme").await;
    let reader = world.client(&acme, Scope::ScimRead).await;

    let config = reader.scim("/ServiceProviderConfig").list("filter=x").await.status(200);
    assert_eq!((&config["patch"]["supported"], &config["bulk"]["supported"]), (&json!(true), &json!(true)));
    assert_eq!(config["filter"], json!({ "supported": true, "maxResults": 1000 }));
    assert_eq!(config["authenticationSchemes"][0]["type"], "oauthbearertoken");

    for collection in ["/ResourceTypes", "/Schemas"] {
        let list = reader.scim(collection).list("count=1&startIndex=5&attributes=name").await.status(200);
        let resources = list["Resources"].as_array().expect("a list");
        assert_eq!(list["totalResults"], resources.len());
        assert!(resources.len() >= 3);
        for resource in resources {
            let location = resource["meta"]["location"].as_str().expect("a location");
            let path = location.strip_prefix("http://roll.test").expect("our own base");
            for query in ["", "?attributes=name", "?excludedAttributes=name"] {
                assert_eq!(&reader.call(Method::GET, &format!("{path}{query}")).await.status(200).body, resource);
            }
            let id = resource["id"].as_str().expect("an id");
            reader.scim(collection).get(&id.to_uppercase()).await.status(200);
        }
        reader.scim(collection).list("Filter=name+eq+%22User%22").await.scim_error(403, "");
        reader.scim(collection).get("urn:none").await.scim_error(404, "");
        reader.scim(collection).call(Method::DELETE, "").await.scim_error(405, "");
    }
    // Messages are no schemas (RFC 7644 §3.1).
    reader.scim("/Schemas").get("urn:ietf:params:scim:api:messages:2.0:Error").await.scim_error(404, "");
}

#[tokio::test]
async fn bodies_and_media_types() {
    let _lenient = with_any_request();
    let world = World::sqlite().await;
    let acme = world.tenant("acme").await;
    let push = world.client(&acme, Scope::Scim).await;
    let post = |media_type: &str, body: &str| push.users().call(Method::POST, "").text(media_type, body.to_owned());

    post("application/json; charset=utf-8", r#"{"userName": "a"}"#).await.status(201);
    post("text/json", r#"{"userName": "b"}"#).await.status(201);
    post("text/plain", r#"{"userName": "c"}"#).await.scim_error(415, "");
    let broken = post("application/scim+json", "{\"userName\":\n \"d\"").await.scim_error(400, "invalidSyntax");
    assert!(broken["detail"].as_str().is_some_and(|detail| detail.contains("line 2")), "{}", broken["detail"]);
    post("application/scim+json", "[]").await.scim_error(400, "invalidSyntax");
    post("application/scim+json", "").await.scim_error(400, "invalidSyntax");
    let large = format!("{{\"userName\": \"{}\"}}", "x".repeat(1 << 20));
    post("application/scim+json", &large).await.scim_error(413, "");
    // A group arrives with all its members.
    let group = json!({ "displayName": "staff", "unknown": "x".repeat(2 << 20) });
    push.groups().post(group).await.status(201);

    let plain = push.users().list("").header(header::ACCEPT, "application/json").await.status(200);
    assert_eq!(plain.header(header::CONTENT_TYPE), "application/json");
    let refused = push.users().get("none").header(header::ACCEPT, "application/json").await.scim_error(404, "");
    assert_eq!(refused.header(header::CONTENT_TYPE), "application/json");
    let page = push.users().list("").header(header::ACCEPT, "text/html").await.status(200);
    assert_eq!(page.header(header::CONTENT_TYPE), "application/scim+json");
    assert!(!page.header("x-request-id".parse().expect("a name")).is_empty());
}

#[tokio::test]
async fn tenants_do_not_see_each_other() {
    let world = World::sqlite().await;
    let (acme, other) = (world.tenant("acme").await, world.tenant("other").await);
    let (here, there) = (world.client(&acme, Scope::Scim).await, world.client(&other, Scope::Scim).await);
    let id = here.users().post(bjensen()).await.status(201).id();
    there.users().get(&id).await.scim_error(404, "");
    assert_eq!(there.users().list("").await.status(200)["totalResults"], 0);
    there.users().post(bjensen()).await.status(201);
}
