//! Versions (RFC 7644 §3.14): the tag of every resource, in its header and in every list, and the conditions of every
//! method (RFC 9110 §13), on both engines.

use axum::http::Method;
use rollkeeper::auth::token::Scope;
use serde_json::{Value, json};

use crate::support::{Client, World, both_engines};

const STALE: &str = "W/\"999\"";

/// A resource of each type that this tenant's administrator makes: its collection, its id, and what may be written.
async fn one_of_each(admin: &Client) -> Vec<(&'static str, String, Value)> {
    let mut made = Vec::new();
    for (collection, body) in [
        ("/Users", json!({"userName": "anna", "displayName": "Anna"})),
        ("/Groups", json!({"displayName": "Crew"})),
        ("/Organizations", json!({"slug": "moby", "displayName": "Moby"})),
    ] {
        let id = admin.scim(collection).post(body.clone()).await.status(201).id();
        made.push((collection, id, body));
    }
    made
}

both_engines! {
    async fn every_resource_and_every_list_member_has_its_tag(database: Database) {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let admin = world.client(&acme, Scope::Admin).await;
        for (collection, id, body) in one_of_each(&admin).await {
            let found = admin.scim(collection).get(&id).await.status(200);
            assert_eq!(found["meta"]["version"], found.etag());
            assert!(found.etag().starts_with("W/\"") && found.etag().ends_with('"'), "{}", found.etag());
            let head = admin.scim(collection).head(&id).await.status(200);
            assert_eq!(head.etag(), found.etag());
            for list in [admin.scim(collection).list("").await, admin.scim("").filter(&format!("id eq \"{id}\"")).await] {
                let listed = list.status(200);
                assert_eq!(listed["Resources"][0]["meta"]["version"], found.etag(), "{}", listed.request);
            }
            let searched = admin.scim(collection).search(json!({"attributes": ["meta.version"]})).await.status(200);
            let version = searched["Resources"][0]["meta"]["version"].as_str().expect("a version").to_owned();
            // The stored version is the same for any selection; a digest stands only where memberships are shown.
            let stored = |tag: &str| tag.trim_matches(['W', '/', '"']).split('-').next().map(str::to_owned);
            assert_eq!(stored(&version), stored(&found.etag()));
            let named = admin.scim(collection).get(&id).query("attributes=displayName").await.status(200);
            assert_eq!(stored(&named.etag()), stored(&found.etag()));

            // What changes nothing keeps it; every change moves it.
            let same = admin.scim(collection).put(&id, body.clone()).await.status(200);
            assert_eq!((same.etag(), &same["meta"]["lastModified"]), (found.etag(), &found["meta"]["lastModified"]));
            world.clock.advance(1000);
            let mut other = body;
            other["displayName"] = "Other".into();
            let changed = admin.scim(collection).put(&id, other).await.status(200);
            assert_ne!(stored(&changed.etag()), stored(&found.etag()));
            assert_eq!(changed["meta"]["version"], changed.etag());
            let patched = admin.scim(collection)
                .patch(&id, json!([{"op": "replace", "path": "displayName", "value": "Third"}]))
                .query("attributes=displayName").await.status(200);
            assert_ne!(stored(&patched.etag()), stored(&changed.etag()));
        }
    }

    async fn conditions_hold_on_every_method(database: Database) {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let admin = world.client(&acme, Scope::Admin).await;
        for (collection, id, body) in one_of_each(&admin).await {
            let current = admin.scim(collection).get(&id).await.status(200).etag();
            let two = format!("{STALE}, {current}");
            let strong = current.trim_start_matches("W/").to_owned();
            let call = |method: Method| admin.scim(collection).call(method, &format!("/{id}"));

            // Reading: If-None-Match is answered with 304 and no body, If-Match that fails with 412.
            for method in [Method::GET, Method::HEAD] {
                for tags in [&current, &two, &strong, "*"] {
                    let same = call(method.clone()).if_none_match(tags).await.status(304);
                    assert_eq!((same.bytes.len(), same.etag()), (0, current.clone()), "{tags}");
                    call(method.clone()).if_match(tags).await.status(200);
                }
                for tags in [STALE, "\"x\"", "W/\"1\"x"] {
                    call(method.clone()).if_none_match(tags).await.status(200);
                    call(method.clone()).if_match(tags).await.status(412);
                }
                // RFC 9110 §13.2.2: If-Match is looked at first.
                call(method.clone()).if_match(STALE).if_none_match(&current).await.status(412);
            }
            // Writing: nothing is written where either fails.
            let changes = |method: &Method| {
                let call = call(method.clone());
                match *method {
                    Method::PUT => call.json(with(&body, "Changed")),
                    Method::PATCH => call.json(json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
                        "Operations": [{"op": "replace", "path": "displayName", "value": "Changed"}]})),
                    _ => call,
                }
            };
            for method in [Method::PUT, Method::PATCH, Method::DELETE] {
                changes(&method).if_match(STALE).await.scim_error(412, "");
                changes(&method).if_match("not a tag").await.scim_error(412, "");
                for tags in [&current, &two, "*"] {
                    changes(&method).if_none_match(tags).await.scim_error(412, "");
                }
                changes(&method).if_match(&current).if_none_match(&current).await.scim_error(412, "");
                assert_eq!(admin.scim(collection).get(&id).await.status(200).etag(), current, "nothing was written");
            }
            let moved = changes(&Method::PUT).if_match(&two).if_none_match(STALE).await.status(200).etag();
            changes(&Method::PUT).if_match(&current).await.scim_error(412, "");
            let again = call(Method::PATCH).query("attributes=id").if_match(&moved).json(json!({
                "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
                "Operations": [{"op": "replace", "path": "displayName", "value": "Again"}]
            })).await.status(200);
            assert_ne!(again.etag(), moved);
            call(Method::DELETE).if_match("*").await.status(204);
            for method in [Method::GET, Method::PUT, Method::PATCH, Method::DELETE] {
                changes(&method).if_match("*").await.scim_error(404, "");
            }
        }
    }

    async fn a_tag_tells_of_memberships_that_others_change(database: Database) {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let (push, reader) = (world.client(&acme, Scope::Scim).await, world.client(&acme, Scope::ScimRead).await);
        let anna = push.users().post(json!({"userName": "anna"})).await.status(201).id();
        let first = reader.users().get(&anna).await.status(200);
        let before = first.etag();
        let own = push.users().get(&anna).await.status(200).etag();
        world.clock.advance(1_000);
        let crew = push.groups().post(json!({"displayName": "Crew", "members": [{"value": anna}]})).await.status(201);

        // The answer holds another list now, so a client that has the old one is given the new one …
        let after = reader.users().get(&anna).if_none_match(&before).await.status(200);
        assert_ne!(after.etag(), before);
        assert_eq!(after["meta"]["lastModified"], first["meta"]["lastModified"], "nobody wrote to her");
        reader.users().get(&anna).if_none_match(&after.etag()).await.status(304);
        // … and without the list nothing has changed.
        let without = reader.users().get(&anna).query("excludedAttributes=groups").await.status(200).etag();
        assert!(!without.contains('-'), "{without}");
        // A write asks for the stored version, which a membership does not move.
        let title = json!([{"op": "add", "path": "title", "value": "Cook"}]);
        push.users().patch(&anna, title).if_match(&own).await.status(200);
        // The members that a push itself changes raise its group's version.
        let remove = json!([{"op": "remove", "path": "members"}]);
        let emptied = push.groups().patch(&crew.id(), remove.clone()).if_match(&crew.etag()).await.status(204);
        assert_ne!(emptied.etag(), crew.etag());
        push.groups().patch(&crew.id(), remove).if_match(&crew.etag()).await.scim_error(412, "");
    }

    async fn lists_have_no_tag_of_their_own(database: Database) {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let push = world.client(&acme, Scope::Scim).await;
        push.users().post(json!({"userName": "anna"})).if_none_match("*").await.status(201);
        for path in ["/Users", ""] {
            let list = push.scim(path).list("").if_none_match("*").if_match(STALE).await.status(200);
            assert!(list.headers.get("etag").is_none());
        }
    }
}

fn with(body: &Value, name: &str) -> Value {
    let mut body = body.clone();
    body["displayName"] = name.into();
    body
}
