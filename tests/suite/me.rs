//! `/Me` (RFC 7644 §3.11): a token that is bound to a user reads and writes that user, and nothing else; on both engines.

use axum::http::{Method, header};
use rollkeeper::auth::token::Scope;
use serde_json::{Value, json};

use crate::support::{World, both_engines};

const PATCH_OP: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

fn ana() -> Value {
    json!({
        "userName": "ana@acme.example",
        "externalId": "00u-ana",
        "name": { "givenName": "Ana", "familyName": "Alvarez" },
        "emails": [{ "value": "ana@acme.example", "type": "work", "primary": true }],
        "title": "Engineer",
        ENTERPRISE: { "department": "Tour Operations" }
    })
}

both_engines! {
    async fn a_user_reads_themselves_at_their_own_address(database: Database) {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let admin = world.client(&acme, Scope::Admin).await;
        let id = admin.users().post(ana()).await.status(201).id();
        let staff = json!({ "displayName": "staff", "members": [{ "value": id }] });
        let staff = admin.groups().post(staff).await.status(201).id();
        let me = acme.client(Some(&world.own_token(&acme, &id).await)).scim("/Me");

        let found = me.list("").await.status(200);
        let location = format!("http://roll.test/t/acme/scim/v2/Users/{id}");
        assert_eq!(found.body, admin.users().get(&id).await.status(200).body);
        assert_eq!(found["meta"]["location"], location);
        assert_eq!((found.header(header::LOCATION), found.header(header::CONTENT_LOCATION)), (location.as_str(), location.as_str()));
        assert_eq!(found["groups"][0]["value"], staff);
        assert_eq!(found.etag(), found["meta"]["version"].as_str().expect("a version"));
        me.list("").if_none_match(&found.etag()).await.status(304);
        let names = me.list("attributes=userName").await.status(200);
        assert_eq!((&names["userName"], &names["title"]), (&json!("ana@acme.example"), &Value::Null));
        me.call(Method::HEAD, "").await.status(200);
    }

    async fn a_user_changes_what_is_theirs_to_change(database: Database) {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let admin = world.client(&acme, Scope::Admin).await;
        let id = world.user(&acme, ana()).await;
        let me = acme.client(Some(&world.own_token(&acme, &id).await)).scim("/Me");
        let location = format!("http://roll.test/t/acme/scim/v2/Users/{id}");

        let operations = json!({"schemas": [PATCH_OP], "Operations": [{"op": "add", "path": "nickName", "value": "An"}, {"op": "replace", "path": "name.givenName", "value": "Anna"}]});
        let before = me.list("").await.status(200).etag();
        me.call(Method::PATCH, "").json(operations.clone()).if_match("W/\"99\"").await.scim_error(412, "");
        let patched = me.call(Method::PATCH, "").json(operations).if_match(&before).await.status(200);
        assert_eq!((&patched["nickName"], &patched["name"]["givenName"]), (&json!("An"), &json!("Anna")));
        assert_eq!((&patched["meta"]["location"], patched.header(header::LOCATION)), (&json!(location), location.as_str()));
        assert_eq!(admin.users().get(&id).await["nickName"], "An");

        // What was read may be sent back; what is left out stays unless it is theirs.
        let put = me.call(Method::PUT, "").json(patched.body.clone()).await.status(200);
        assert_eq!((put.etag(), &put["title"]), (patched.etag(), &json!("Engineer")));
        let put = me.call(Method::PUT, "").json(json!({"userName": "ana@acme.example", "locale": "es-ES"})).await.status(200);
        assert_eq!((&put["locale"], &put["nickName"], &put["name"]), (&json!("es-ES"), &Value::Null, &Value::Null));
        for kept in ["externalId", "emails", "title", "active", ENTERPRISE] {
            assert_eq!(put[kept], patched[kept], "{kept}");
        }

        // What names, ranks or ends an account is not theirs.
        for (path, value) in [
            ("userName", json!("root")),
            ("externalId", json!("1")),
            ("emails", json!([{"value": "ceo@acme.example"}])),
            ("active", json!(false)),
            ("roles", json!([{"value": "admin"}])),
            ("title", json!("CEO")),
            (&format!("{ENTERPRISE}:department"), json!("Board")),
        ] {
            let operations = json!({"schemas": [PATCH_OP], "Operations": [{"op": "add", "path": "nickName", "value": "x"}, {"op": "replace", "path": path, "value": value}]});
            let refused = me.call(Method::PATCH, "").json(operations).await.scim_error(400, "mutability");
            assert!(refused["detail"].as_str().unwrap().contains("nickName"), "it says what is theirs: {}", refused["detail"]);
        }
        let operations = json!({"schemas": [PATCH_OP], "Operations": [{"op": "add", "path": "groups", "value": [{"value": "x"}]}]});
        me.call(Method::PATCH, "").json(operations).await.scim_error(400, "mutability");
        assert_eq!(me.list("").await.etag(), put.etag());
        let differences = world.directory.verify(Some(&acme.info.id)).await.expect("verify runs");
        assert!(differences.is_empty(), "{differences:#?}");
    }

    async fn what_a_push_says_stands_above_the_users_own_words(database: Database) {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let push = world.client(&acme, Scope::Scim).await;
        let id = push.users().post(ana()).await.status(201).id();
        let me = acme.client(Some(&world.own_token(&acme, &id).await)).scim("/Me");
        let patch = |path: &str| json!({"schemas": [PATCH_OP], "Operations": [{"op": "replace", "path": path, "value": "Anna"}]});
        let refused = me.call(Method::PATCH, "").json(patch("name.givenName")).await.scim_error(400, "mutability");
        assert!(refused["detail"].as_str().unwrap().contains("push of connection default"), "{}", refused["detail"]);
        let patched = me.call(Method::PATCH, "").json(patch("nickName")).await.status(200);
        assert_eq!((&patched["nickName"], &patched["name"]["givenName"]), (&json!("Anna"), &json!("Ana")));
        // The push reads its own words, as ever, and when it has one on it, that counts.
        assert_eq!(push.users().get(&id).await["nickName"], Value::Null);
        push.users().patch(&id, json!([{"op": "add", "path": "nickName", "value": "A."}])).await.status(200);
        assert_eq!(me.list("").await["nickName"], "A.");
    }

    async fn the_token_reaches_nothing_else(database: Database) {
        let world = World::on(database).await;
        let (acme, other) = (world.tenant("acme").await, world.tenant("other").await);
        let id = world.user(&acme, ana()).await;
        let token = world.own_token(&acme, &id).await;
        assert!(token.starts_with("rk_me_"));
        let client = acme.client(Some(&token));
        client.users().get(&id).await.scim_error(403, "");
        client.users().list("").await.scim_error(403, "");
        client.scim("/Bulk").post(json!({"Operations": []})).await.scim_error(403, "");
        client.scim("/Schemas").list("").await.scim_error(403, "");
        client.admin("/tokens").list("").await.problem(403, "insufficient_scope");
        other.client(Some(&token)).scim("/Me").list("").await.scim_error(401, "");
    }

    async fn creation_and_deletion_are_not_for_the_user(database: Database) {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let id = world.user(&acme, ana()).await;
        let me = acme.client(Some(&world.own_token(&acme, &id).await)).scim("/Me");
        me.post(json!({"userName": "second"})).await.scim_error(409, "uniqueness");
        me.call(Method::DELETE, "").await.scim_error(501, "");
        me.list("").await.status(200);
    }

    async fn a_token_that_is_bound_to_nobody(database: Database) {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        for scope in [Scope::Scim, Scope::ScimRead, Scope::Admin] {
            let me = world.client(&acme, scope).await.scim("/Me");
            me.list("").await.scim_error(404, "");
            me.call(Method::PUT, "").json(ana()).await.scim_error(404, "");
            me.call(Method::PATCH, "").json(json!({"Operations": []})).await.scim_error(404, "");
            me.call(Method::DELETE, "").await.scim_error(404, "");
            me.post(ana()).await.scim_error(501, "");
        }
        world.client(&acme, Scope::JitLogin).await.scim("/Me").list("").await.scim_error(403, "");
    }

    async fn a_token_ends_with_its_user_and_for_good(database: Database) {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let (push, admin) = (world.client(&acme, Scope::Scim).await, world.client(&acme, Scope::Admin).await);
        let active = |active: bool| json!([{"op": "replace", "path": "active", "value": active}]);
        let id = push.users().post(ana()).await.status(201).id();

        // Deactivated by the push, and back: the old token stays dead.
        let first = acme.client(Some(&world.own_token(&acme, &id).await)).scim("/Me");
        first.list("").await.status(200);
        push.users().patch(&id, active(false)).await.status(200);
        first.list("").await.scim_error(401, "");
        push.users().patch(&id, active(true)).await.status(200);
        first.list("").await.scim_error(401, "");

        // Suspended by an administrator.
        let second = acme.client(Some(&world.own_token(&acme, &id).await)).scim("/Me");
        second.list("").await.status(200);
        admin.admin(&format!("/people/{id}/suspension")).call(Method::POST, "").await.status(204);
        second.list("").await.scim_error(401, "");
        admin.admin(&format!("/people/{id}/suspension")).call(Method::DELETE, "").await.status(204);
        second.list("").await.scim_error(401, "");

        // Deleted, and revived by the same push.
        let third = acme.client(Some(&world.own_token(&acme, &id).await)).scim("/Me");
        third.list("").await.status(200);
        push.users().delete(&id).await.status(204);
        third.list("").await.scim_error(401, "");
        assert_eq!(push.users().post(ana()).await.status(201).id(), id);
        third.list("").await.scim_error(401, "");
        let listed = admin.admin("/tokens").list("").await.status(200);
        let own: Vec<&Value> = listed["tokens"].as_array().unwrap().iter().filter(|token| token["scope"] == "me").collect();
        assert_eq!(own.len(), 3);
        assert!(own.iter().all(|token| token["user"] == id && token["revoked"].is_string()), "{own:?}");
    }

    async fn an_administrator_issues_tokens_for_active_users_only(database: Database) {
        let world = World::on(database).await;
        let (acme, other) = (world.tenant("acme").await, world.tenant("other").await);
        let admin = world.client(&acme, Scope::Admin).await;
        let id = world.user(&acme, ana()).await;
        let stranger = world.user(&other, ana()).await;
        let gone = world.user(&acme, json!({"userName": "gone"})).await;
        admin.users().delete(&gone).await.status(204);
        let off = world.user(&acme, json!({"userName": "off", "active": false})).await;

        let issued = admin.admin("/tokens").post(json!({"scope": "me", "user": id, "label": "phone"})).await.status(201);
        assert_eq!((&issued["scope"], &issued["user"], &issued["connections"]), (&json!("me"), &json!(id), &json!([])));
        let me = acme.client(issued["token"].as_str()).scim("/Me");
        assert_eq!(me.list("").await.status(200)["id"], id);
        admin.admin("/tokens").delete(&issued.id()).await.status(204);
        me.list("").await.scim_error(401, "");

        for wrong in [
            json!({"scope": "me"}),
            json!({"scope": "me", "user": "nobody"}),
            json!({"scope": "me", "user": stranger}),
            json!({"scope": "me", "user": gone}),
            json!({"scope": "me", "user": off}),
            json!({"scope": "me", "user": id, "connections": ["default"]}),
            json!({"scope": "me", "user": id, "expires": "2020-01-01T00:00:00Z"}),
            json!({"scope": "scim", "user": id}),
            json!({"scope": "admin", "user": id}),
        ] {
            admin.admin("/tokens").post(wrong).await.problem(400, "invalid_value");
        }
    }
}
