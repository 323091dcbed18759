//! The login interface over HTTP: what it reads, what it answers, whom it tells.

use axum::http::Method;
use rollkeeper::auth::signing::SigningKey;
use rollkeeper::auth::token::Scope;
use serde_json::{Value, json};

use crate::support::{Client, Reply, World};

/// 2026-11-24T02:00:00Z, when the world's clock starts.
const NOW: i64 = 1_795_485_600;

/// A tenant whose connection `okta` believes one key.
struct Place {
    world: World,
    key: SigningKey,
    admin: Client,
    push: Client,
    app: Client,
}

impl Place {
    async fn new() -> Self {
        let world = World::sqlite().await;
        let acme = world.tenant("acme").await;
        let admin = world.client(&acme, Scope::Admin).await;
        let key = SigningKey::generate().expect("the machine makes keys");
        let rules = json!({
            "issuer": "https://acme.okta.test", "clientIds": ["app"], "algs": ["ES256"], "jwks": key.jwks(),
            "domains": ["acme.com"]
        });
        admin.admin("/connections").post(json!({ "name": "okta", "rules": rules })).await.status(201);
        let token = |scope: &str| {
            let body = json!({ "scope": scope, "connections": ["okta"] });
            let call = admin.admin("/tokens").post(body);
            async { call.await.status(201)["token"].as_str().expect("a secret").to_owned() }
        };
        let (push, app) = (acme.client(Some(&token("scim").await)), acme.client(Some(&token("jit.login").await)));
        Self { world, key, admin, push, app }
    }

    fn evidence(&self, subject: &str, email: &str) -> Value {
        let claims = json!({
            "iss": "https://acme.okta.test", "aud": "app", "sub": subject, "nonce": "n1",
            "iat": NOW, "exp": NOW + 300, "email": email, "email_verified": true,
            "given_name": "Barbara", "family_name": "Jensen"
        });
        let token = self.key.sign(&claims).expect("the machine signs");
        json!({ "type": "oidc_id_token", "id_token": token, "nonce": "n1" })
    }

    async fn login(&self, subject: &str, email: &str) -> Reply {
        self.app.logins().post(json!({ "connection": "okta", "evidence": self.evidence(subject, email) })).await
    }
}

#[tokio::test]
async fn who_was_pushed_signs_in_as_the_same_person() {
    let place = Place::new().await;
    let pushed = json!({ "userName": "bjensen@acme.com", "externalId": "00u1" });
    let id = place.push.users().post(pushed).await.status(201).id();

    let first = place.login("00u1", "bjensen@acme.com").await.status(200);
    assert_eq!((&first["decision"], &first["user"]["id"]), (&json!("allow"), &json!(id)));
    assert_eq!((&first["created"], &first["linked"]), (&json!(false), &json!(true)));
    let again = place.login("00u1", "bjensen@acme.com").await.status(200);
    assert_eq!((&again["changes"], &again["user"]["id"]), (&json!([]), &json!(id)));

    let decision = first["decisionId"].as_str().expect("a reference");
    let trace = place.app.logins().get(decision).await.status(200);
    assert_eq!((&trace["outcome"], &trace["connection"]["name"]), (&json!("allow"), &json!("okta")));
    assert!(!trace.body.to_string().contains("Barbara"), "a trace holds no values");
    assert_eq!(place.admin.admin("/logins").get(decision).await.status(200).body, trace.body);
    let told = place.admin.admin(&format!("/logins/{decision}/explain")).list("").await.status(200);
    assert!(told["sentence"].as_str().is_some_and(|sentence| sentence.starts_with("Allowed")));
}

#[tokio::test]
async fn a_rehearsal_writes_nothing() {
    let place = Place::new().await;
    let body = json!({ "connection": "okta", "evidence": place.evidence("00u2", "new@acme.com"), "dryRun": true });
    let rehearsed = place.app.logins().post(body).await.status(200);
    assert_eq!(rehearsed["created"], true);
    assert_eq!(place.admin.users().list("").await.status(200)["totalResults"], 0);
}

#[tokio::test]
async fn userinfo_adds_claims_of_the_same_subject() {
    let place = Place::new().await;
    let mut evidence = place.evidence("00u3", "cy@acme.com");
    evidence["userinfo"] =
        json!({ "sub": "00u3", "preferred_username": "cy@acme.com", "given_name": "Other", "name": "Cy" });
    let body = json!({ "connection": "okta", "evidence": evidence });
    let answer = place.app.logins().post(body).await.status(200);
    assert_eq!((&answer["user"]["userName"], &answer["user"]["displayName"]), (&json!("cy@acme.com"), &json!("Cy")));
    let user = place.admin.users().get(answer["user"]["id"].as_str().expect("an id")).await.status(200);
    assert_eq!(user["name"]["givenName"], "Barbara", "the signed claim holds");
    evidence["userinfo"]["sub"] = json!("00u4");
    let refused = place.app.logins().post(json!({ "connection": "okta", "evidence": evidence })).await;
    assert_eq!(refused.problem(400, "invalid_evidence")["cause"], "userinfo");
}

#[tokio::test]
async fn an_administrator_rehearses_a_supposed_sign_in() {
    let place = Place::new().await;
    let claims = json!({ "email": "new@acme.com", "preferred_username": "new@acme.com", "groups": ["staff"] });
    let mut body = json!({ "connection": "okta", "dryRun": true,
        "evidence": { "type": "simulated", "subject": "00u9", "claims": claims } });
    let answer = place.admin.admin("/logins").post(body.clone()).await.status(200);
    assert_eq!((&answer["created"], &answer["drift"][0]["group"]), (&json!(true), &json!("staff")));
    assert_eq!(place.admin.users().list("").await.status(200)["totalResults"], 0);
    body["dryRun"] = json!(false);
    place.admin.admin("/logins").post(body.clone()).await.problem(400, "invalid_request");
    body["evidence"]["type"] = json!("oidc_id_token");
    place.admin.admin("/logins").post(body.clone()).await.problem(400, "invalid_value");
    body["evidence"]["type"] = json!("simulated");
    body["dryRun"] = json!(true);
    place.app.admin("/logins").post(body.clone()).await.problem(403, "insufficient_scope");
    place.app.logins().post(body).await.problem(400, "invalid_value");
}

#[tokio::test]
async fn refusals_are_problems_with_a_code_for_the_program_and_a_sentence_for_the_person() {
    let place = Place::new().await;
    let pushed = json!({ "userName": "bjensen@acme.com", "externalId": "00u1", "active": false });
    place.push.users().post(pushed).await.status(201);
    let refused = place.login("00u1", "bjensen@acme.com").await.problem(403, "inactive");
    let decision = refused["decisionId"].as_str().expect("a reference");
    assert!(refused["detail"].as_str().is_some_and(|detail| detail.contains(decision)), "{}", refused["detail"]);
    assert_eq!(place.app.logins().get(decision).await.status(200)["code"], "inactive");

    let mut forged = place.evidence("00u1", "bjensen@acme.com");
    forged["id_token"] =
        json!(SigningKey::generate().expect("a key").sign(&json!({ "sub": "00u1" })).expect("a token"));
    let forged = place.app.logins().post(json!({ "connection": "okta", "evidence": forged })).await;
    assert!(forged.problem(400, "invalid_evidence")["cause"].is_string());
    // The token speaks for one connection; of any other it learns nothing, not even that it is there.
    let evidence = place.evidence("00u1", "bjensen@acme.com");
    for other in ["default", "nowhere"] {
        let body = json!({ "connection": other, "evidence": evidence });
        place.app.logins().post(body).await.problem(404, "unknown_connection");
    }
}

#[tokio::test]
async fn a_request_that_cannot_be_meant_is_refused_before_anything_happens() {
    let place = Place::new().await;
    let evidence = place.evidence("00u1", "bjensen@acme.com");
    for body in [
        json!({}),
        json!({ "connection": "okta" }),
        json!({ "connection": "okta", "evidence": { "type": "simulated" } }),
        json!({ "connection": "okta", "evidence": evidence, "dryrun": true }),
        json!([]),
    ] {
        place.app.logins().post(body).await.problem(400, "invalid_value");
    }
    assert_eq!(place.admin.users().list("").await.status(200)["totalResults"], 0);
}

#[tokio::test]
async fn a_trace_is_told_only_to_who_may_ask_for_that_connection() {
    let place = Place::new().await;
    let login = place.login("00u1", "bjensen@acme.com").await.status(200);
    let decision = login["decisionId"].as_str().expect("a reference");
    let body = json!({ "scope": "jit.login", "connections": ["default"] });
    let other = place.admin.admin("/tokens").post(body).await.status(201)["token"].as_str().map(str::to_owned);
    let other = place.app.with_token(other);
    other.logins().get(decision).await.problem(404, "not_found");
    other.logins().get("dec_none").await.problem(404, "not_found");
    place.admin.admin("/logins/dec_none/explain").call(Method::GET, "").await.problem(404, "not_found");
    // The clock is the world's: an hour later the same evidence has expired.
    place.world.clock.advance(3_600_000);
    place.login("00u1", "bjensen@acme.com").await.problem(400, "invalid_evidence");
}

/// Two tokens that claim one value of an attribute that the tenant made unique.
#[tokio::test]
async fn a_claim_that_repeats_a_unique_value_refuses_nobody() {
    let place = Place::new().await;
    let badge = "urn:acme:scim:schemas:1.0:Badge";
    let schema = json!({ "id": badge, "name": "Badge", "attributes": [{ "name": "number", "uniqueness": "server" }] });
    place.admin.admin("/schemas").put(badge, schema).await.status(201);
    let extended = json!({ "schemaExtensions": [{ "schema": badge, "required": false }] });
    place.admin.admin("/resource-types").put("User", extended).await.status(201);
    let rules = json!({ "rules": { "attributes": [{ "to": format!("{badge}:number"), "from": "given_name" }] } });
    place.admin.admin("/connections").call(Method::PATCH, "/okta").json(rules).await.status(200);

    let ada = place.login("00u1", "ada@acme.com").await.status(200);
    let bob = place.login("00u2", "bob@acme.com").await.status(200);
    let number = async |reply: &Reply| {
        let id = reply["user"]["id"].as_str().expect("an id").to_owned();
        place.admin.users().get(&id).await.status(200)[badge]["number"].clone()
    };
    assert_eq!((number(&ada).await, number(&bob).await), (json!("Barbara"), Value::Null));
}
