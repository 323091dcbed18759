//! End to end with software that nobody here wrote: `oidc-provider` signs people in, and our login endpoint accepts its ID
//! tokens with keys that it fetches over HTTP.

use axum::http::Method;
use rollkeeper::auth::token::Scope;
use serde_json::{Value, json};

use crate::support::both_engines;
use crate::support::openid_provider::OpenIdProvider;
use crate::support::world::World;

both_engines! {
    async fn a_foreign_token_is_accepted_and_reconciled_with_what_was_pushed(database: Database) {
        let world = World::on(database).await;
        let tenant = world.tenant("acme").await;
        let idp = world.client(&tenant, Scope::Scim).await;
        let application = world.client(&tenant, Scope::JitLogin).await;
        let administrator = world.client(&tenant, Scope::Admin).await;
        let mut provider = OpenIdProvider::start("RS256");
        // The provider's clock is the machine's; so is ours for this story.
        world.clock.set(now());

        administrator
            .admin("/connections")
            .call(Method::PATCH, "/default")
            .json(json!({"rules": {"issuer": provider.issuer, "clientIds": [provider.client_id],
                "jwksUri": provider.jwks_uri, "domains": ["acme.example"]}}))
            .await
            .status(200);
        let ana = idp
            .users()
            .post(json!({"userName": "ana@acme.example", "externalId": "00u1", "active": true}))
            .await
            .status(201)
            .id();
        let staff = idp.groups().post(json!({"displayName": "staff", "members": [{"value": ana}]})).await.status(201).id();
        idp.groups().post(json!({"displayName": "builders"})).await.status(201);

        let claims = json!({"email": "ana@acme.example", "email_verified": true, "name": "Ana", "groups": ["builders"]});
        let sign_in = provider.sign_in("00u1", claims.clone(), None);
        world.clock.set(now());
        let answer = login(&application, &sign_in.id_token, &sign_in.nonce).await.status(200);
        assert_eq!(answer["user"]["id"], Value::String(ana.clone()), "found by the anchor, not created twice");
        assert_eq!((&answer["created"], &answer["linked"]), (&json!(false), &json!(true)));
        let groups: Vec<(&str, &Value)> = answer["groups"]
            .as_array()
            .unwrap()
            .iter()
            .map(|group| (group["displayName"].as_str().unwrap(), &group["via"]))
            .collect();
        assert_eq!(groups, [("staff", &json!(["push"])), ("builders", &json!(["login"]))]);

        // The same evidence again: the same answer, and nothing changes.
        let again = login(&application, &sign_in.id_token, &sign_in.nonce).await.status(200);
        assert_eq!((&again["decisionId"], &again["changes"]), (&answer["decisionId"], &json!([])));

        // Out by push at once, and no newer token brings her back.
        idp.groups()
            .patch(&staff, json!([{"op": "remove", "path": format!("members[value eq \"{ana}\"]")}]))
            .await
            .status(204);
        let claims = json!({"email": "ana@acme.example", "email_verified": true, "groups": ["staff", "builders"]});
        let newer = provider.sign_in("00u1", claims, None);
        world.clock.set(now());
        let answer = login(&application, &newer.id_token, &newer.nonce).await.status(200);
        let groups = answer["groups"].as_array().unwrap();
        assert_eq!(groups.iter().map(|group| &group["displayName"]).collect::<Vec<_>>(), ["builders"]);

        // Another's nonce, and a token that is too old.
        login(&application, &newer.id_token, "another").await.problem(400, "invalid_evidence");
        world.clock.advance(3_600_000);
        login(&application, &newer.id_token, &newer.nonce).await.problem(400, "invalid_evidence");
        assert_eq!(world.directory.verify(None).await.unwrap(), vec![]);
    }
}

async fn login(
    application: &crate::support::client::Client,
    id_token: &str,
    nonce: &str,
) -> crate::support::client::Reply {
    let evidence = json!({"type": "oidc_id_token", "id_token": id_token, "nonce": nonce});
    application.logins().post(json!({"connection": "default", "evidence": evidence})).await
}

/// The machine's time, which the provider signs with.
fn now() -> i64 {
    rollkeeper::clock::Clock::system().now()
}
