//! A connection that an administrator paused neither reads nor writes, and nothing of it is lost.

use axum::http::Method;
use rollkeeper::auth::token::Scope;
use serde_json::json;

use crate::support::both_engines;
use crate::support::world::World;

both_engines! {
    async fn a_paused_connection_is_refused_until_it_is_on_again(database: Database) {
        let world = World::on(database).await;
        let tenant = world.tenant("acme").await;
        let idp = world.client(&tenant, Scope::Scim).await;
        let administrator = world.client(&tenant, Scope::Admin).await;
        let ada = idp.users().post(json!({"userName": "ada"})).await.status(201).id();
        let switch = async |state: &str| {
            administrator.admin("/connections").call(Method::PATCH, "/default").json(json!({"state": state})).await.status(200);
        };

        switch("paused").await;
        idp.users().get(&ada).await.status(403);
        idp.users().list("").await.status(403);
        idp.users().post(json!({"userName": "bob"})).await.status(403);
        idp.users().patch(&ada, json!([{"op": "replace", "path": "active", "value": false}])).await.status(403);
        idp.users().delete(&ada).await.status(403);
        administrator.users().get(&ada).await.status(200);

        switch("on").await;
        assert_eq!(idp.users().get(&ada).await.status(200)["active"], true);
    }
}
