//! What an administrator decides about an account: its home, its locked attributes, who says what of it. Over HTTP, on both
//! engines.

use axum::http::Method;
use rollkeeper::auth::token::Scope;
use serde_json::{Value, json};

use crate::support::{Client, World, both_engines};

/// Two connections that push the same people: one namespace.
struct Place {
    world: World,
    tenant: String,
    admin: Client,
    okta: Client,
    entra: Client,
}

impl Place {
    async fn on(database: crate::support::Database) -> Self {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let admin = world.client(&acme, Scope::Admin).await;
        for (name, domain) in [("okta", "acme.example"), ("entra", "whale.example")] {
            let rules = json!({"domains": [domain], "anchor": {"namespace": "hr"}});
            admin.admin("/connections").post(json!({"name": name, "rules": rules})).await.status(201);
        }
        let token = |connection: &'static str| {
            let call = admin.admin("/tokens").post(json!({"scope": "scim", "connections": [connection]}));
            async { call.await.status(201)["token"].as_str().expect("a secret").to_owned() }
        };
        let okta = acme.client(Some(&token("okta").await));
        let entra = acme.client(Some(&token("entra").await));
        Self { tenant: acme.info.id.clone(), world, admin, okta, entra }
    }

    /// Somebody whom both push.
    async fn ada(&self) -> String {
        let body = |name: &str, title: &str| json!({"userName": name, "externalId": "1", "title": title});
        let id = self.okta.users().post(body("ada@acme.example", "by okta")).await.status(201).id();
        assert_eq!(self.entra.users().post(body("ada@whale.example", "by entra")).await.status(201).id(), id);
        id
    }

    async fn title(&self, id: &str) -> Value {
        self.admin.users().get(id).await.status(200)["title"].clone()
    }

    async fn verified(&self) {
        let differences = self.world.directory.verify(Some(&self.tenant)).await.expect("verify runs");
        assert!(differences.is_empty(), "{differences:#?}");
    }
}

both_engines! {
    async fn an_administrator_pins_the_home(database: Database) {
        let place = Place::on(database).await;
        let ada = place.ada().await;
        let home = place.admin.admin(&format!("/people/{ada}/home"));
        let active = |client: &Client, active: bool| {
            let call = client.users().patch(&ada, json!([{"op": "replace", "path": "active", "value": active}]));
            async { call.await.status(200) }
        };
        assert_eq!(place.title(&ada).await, "by okta", "of two in their own domains the one created first");
        home.call(Method::PUT, "").json(json!({"connection": "entra"})).await.status(204);
        assert_eq!(place.title(&ada).await, "by entra");
        place.verified().await;
        // The home speaks for the account; the other's lifecycle is its own.
        active(&place.okta, false).await;
        assert_eq!(place.admin.users().get(&ada).await.status(200)["active"], true);
        active(&place.entra, false).await;
        assert_eq!(place.admin.users().get(&ada).await.status(200)["active"], false);
        active(&place.okta, true).await;
        assert_eq!(place.admin.users().get(&ada).await.status(200)["active"], false);
        active(&place.entra, true).await;
        home.call(Method::DELETE, "").await.status(204);
        assert_eq!(place.title(&ada).await, "by okta");
        // A pin ends with the record.
        home.call(Method::PUT, "").json(json!({"connection": "entra"})).await.status(204);
        place.entra.users().delete(&ada).await.status(204);
        assert_eq!(place.title(&ada).await, "by okta");
        home.call(Method::PUT, "").json(json!({"connection": "default"})).await.problem(409, "conflict");
        home.call(Method::PUT, "").json(json!({"connection": "none"})).await.problem(404, "not_found");
        place.verified().await;
    }

    async fn a_lock_stands_above_everybody_and_what_they_say_returns(database: Database) {
        let place = Place::on(database).await;
        let ada = place.ada().await;
        let locks = place.admin.admin(&format!("/people/{ada}/locks"));
        let lock = |attribute: &str, value: Value| {
            let call = locks.call(Method::PUT, &format!("/{attribute}")).json(json!({"value": value}));
            async { call.await }
        };
        let explain = |attribute: &str| {
            let call = place.admin.admin(&format!("/people/{ada}/explain")).list(&format!("attribute={attribute}"));
            async { call.await }
        };
        lock("TITLE", json!("Countess")).await.status(204);
        assert_eq!(place.title(&ada).await, "Countess");
        let told = explain("title").await.status(200);
        assert_eq!((&told["attribute"], &told["value"], &told["drift"]), (&json!("title"), &json!("Countess"), &json!(true)));
        let says: Vec<(&Value, &Value)> =
            told["says"].as_array().expect("says").iter().map(|it| (&it["source"], &it["value"])).collect();
        assert_eq!(says, [
            (&json!("lock"), &json!("Countess")),
            (&json!("push:okta"), &json!("by okta")),
            (&json!("push:entra"), &json!("by entra")),
        ]);
        assert!(told["sentence"].as_str().is_some_and(|it| it.starts_with("An administrator's lock says what holds")));
        // A push reads its own word all the while, and a newer one waits behind the lock.
        place.okta.users().patch(&ada, json!([{"op": "replace", "path": "title", "value": "newer"}])).await.status(200);
        assert_eq!(place.okta.users().get(&ada).await.status(200)["title"], "newer");
        assert_eq!(place.title(&ada).await, "Countess");
        lock("title", Value::Null).await.status(204);
        assert_eq!(place.title(&ada).await, Value::Null, "locked without a value");
        assert_eq!(locks.list("").await.status(200)["locks"], json!({"title": null}));
        locks.delete("title").await.status(204);
        assert_eq!(place.title(&ada).await, "newer");
        locks.delete("title").await.problem(404, "not_found");

        lock("name.givenName", json!("Ada")).await.status(204);
        lock("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department", json!("Mathematics")).await.status(204);
        lock("emails", json!([{"value": "ada@elsewhere.example"}])).await.status(204);
        let read = place.admin.users().get(&ada).await.status(200);
        assert_eq!(read["name"]["givenName"], "Ada");
        assert_eq!(read["emails"][0]["value"], "ada@elsewhere.example");
        for (attribute, value) in [
            ("userName", json!("other")),
            ("active", json!(true)),
            ("externalId", json!("2")),
            ("id", json!("2")),
            ("groups", json!([])),
            ("name", json!({"givenName": "Ada"})),
            ("emails.value", json!("x")),
            ("nothing", json!("x")),
            ("title", json!({"a": 1})),
        ] {
            lock(attribute, value).await.problem(400, "invalid_value");
        }
        assert_eq!(explain("nickName").await.status(200)["sentence"], "Nobody says anything of nickName.");
        explain("nothing").await.problem(400, "invalid_value");
        place.verified().await;
    }
}
