//! An application that already does SSO hands over claims in a signed envelope: registration, ceiling, single use, refusals.

use std::path::Path;
use std::process::Command;

use axum::http::Method;
use rollkeeper::auth::signing::SigningKey;
use rollkeeper::auth::token::Scope;
use serde_json::{Value, json};

use crate::support::{Client, Reply, World, both_engines};

/// 2026-11-24T02:00:00Z, when the world's clock starts.
const NOW: i64 = 1_795_485_600;

/// A tenant whose first connection has the broker `shop`.
struct Place {
    world: World,
    key: SigningKey,
    admin: Client,
    push: Client,
    app: Client,
    audience: String,
    tenant: String,
}

impl Place {
    async fn new(database: crate::support::Database, ceiling: Value) -> Self {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let admin = world.client(&acme, Scope::Admin).await;
        let push = world.client(&acme, Scope::Scim).await;
        let app = world.client(&acme, Scope::JitLogin).await;
        let key = SigningKey::generate().expect("the machine makes keys");
        let rules = json!({"rules": {"domains": ["acme.example"]}});
        admin.admin("/connections").call(Method::PATCH, "/default").json(rules).await.status(200);
        let body = json!({"name": "shop", "jwks": key.jwks(), "ceiling": ceiling});
        let broker = admin.admin("/connections/default/brokers").post(body).await.status(201);
        let audience = broker["audience"].as_str().expect("an audience").to_owned();
        Self { tenant: acme.info.id, world, key, admin, push, app, audience }
    }

    /// An envelope about `sub` with these claims; `change` goes over its members.
    fn envelope(&self, jti: &str, sub: &str, claims: &Value, change: &Value) -> String {
        let now = self.world.clock.now() / 1000;
        let mut said =
            json!({"iss": "shop", "aud": self.audience, "sub": sub, "iat": now, "jti": jti, "claims": claims});
        for (name, value) in change.as_object().expect("an object") {
            said[name] = value.clone();
        }
        let header = json!({"alg": "ES256", "typ": "broker-claims+jwt", "kid": self.key.kid()});
        self.key.sign_with(&header, &said).expect("the machine signs")
    }

    async fn present(&self, envelope: &str) -> Reply {
        let evidence = json!({"type": "broker_claims", "envelope": envelope});
        self.app.logins().post(json!({"connection": "default", "evidence": evidence})).await
    }

    async fn login(&self, jti: &str, sub: &str, claims: Value) -> Reply {
        self.present(&self.envelope(jti, sub, &claims, &json!({}))).await
    }

    async fn verified(&self) {
        assert_eq!(self.world.directory.verify(Some(&self.tenant)).await.expect("verify runs"), vec![]);
    }
}

fn ana() -> Value {
    json!({"email": "ana@acme.example", "email_verified": true, "preferred_username": "ana@acme.example",
           "given_name": "Ana", "family_name": "Alvarez"})
}

both_engines! {
    async fn a_broker_signs_somebody_in(database: Database) {
        let place = Place::new(database, json!({})).await;
        let first = place.login("1", "customer-17", ana()).await.status(200);
        assert_eq!((&first["created"], &first["user"]["userName"]), (&json!(true), &json!("ana@acme.example")));
        // The same person again: found by the broker's own subject, and nothing changes.
        place.world.clock.advance(1_000);
        let again = place.login("2", "customer-17", ana()).await.status(200);
        assert_eq!((&again["user"]["id"], &again["created"], &again["changes"]), (&first["user"]["id"], &json!(false), &json!([])));
        // A newer envelope changes the name; one that was signed before it and comes late does not.
        let older = place.envelope("3", "customer-17", &ana(), &json!({}));
        place.world.clock.advance(1_000);
        let mut renamed = ana();
        renamed["given_name"] = json!("Anita");
        place.login("4", "customer-17", renamed).await.status(200);
        place.present(&older).await.status(200);
        let id = first["user"]["id"].as_str().expect("an id");
        assert_eq!(place.admin.users().get(id).await.status(200)["name"]["givenName"], "Anita");
        // The trace names the broker and the claims, and no value of anybody.
        let decision = first["decisionId"].as_str().expect("a reference");
        let trace = place.admin.admin("/logins").get(decision).await.status(200);
        assert_eq!(trace["evidence"]["broker"], "shop");
        assert!(!trace.body.to_string().contains("Alvarez"));
        place.verified().await;
    }

    async fn an_envelope_is_good_once_and_for_a_minute(database: Database) {
        let place = Place::new(database, json!({})).await;
        let envelope = place.envelope("once", "customer-17", &ana(), &json!({}));
        // A rehearsal does not use it up.
        let evidence = json!({"type": "broker_claims", "envelope": envelope});
        let body = json!({"connection": "default", "evidence": evidence, "dryRun": true});
        for _ in 0..2 {
            assert_eq!(place.app.logins().post(body.clone()).await.status(200)["created"], true);
        }
        assert_eq!(place.admin.users().list("").await.status(200)["totalResults"], 0);
        place.present(&envelope).await.status(200);
        assert_eq!(place.present(&envelope).await.problem(409, "stale_evidence")["cause"], "replay");
        // Another envelope with the same id is the same use; another broker's id is its own.
        let same = place.envelope("once", "customer-18", &json!({"preferred_username": "bo"}), &json!({}));
        place.present(&same).await.problem(409, "stale_evidence");
        // A refusal uses it up as well.
        let refused = place.envelope("refused", "customer-19", &json!({}), &json!({}));
        place.present(&refused).await.problem(403, "missing_required_claim");
        place.present(&refused).await.problem(409, "stale_evidence");
        // Sixty seconds, by our clock; what was used is remembered at least as long.
        let late = place.envelope("late", "customer-17", &ana(), &json!({}));
        place.world.clock.advance(60_000);
        place.present(&envelope).await.problem(409, "stale_evidence");
        place.present(&late).await.status(200);
        place.world.clock.advance(1);
        assert_eq!(place.present(&envelope).await.problem(400, "invalid_evidence")["cause"], "expired");
        // Long afterwards nothing is remembered, and nothing needs to be.
        place.world.clock.advance(600_000);
        place.login("once", "customer-17", ana()).await.status(200);
        place.verified().await;
    }

    async fn many_servers_take_an_envelope_once(database: Database) {
        let url = database.url().to_owned();
        let place = Place::new(database, json!({})).await;
        // A second node: its own pool on the same database.
        let engine = rollkeeper::store::Engine::connect(&url, &rollkeeper::store::Options::default()).await.expect("it opens");
        let clock = place.world.clock.clone();
        let directory = rollkeeper::directory::Directory::new(engine, clock.clone(), rollkeeper::clock::Ids::seeded(9));
        let egress = rollkeeper::auth::egress::Egress::new(rollkeeper::auth::egress::EgressPolicy::default());
        let keys = rollkeeper::auth::jwks::Jwks::new(egress, clock);
        let logins = rollkeeper::jit::login::Logins { directory: directory.clone(), keys };
        let app = rollkeeper::app::App::new(directory, logins, rollkeeper::http::Settings::default());
        let token = place.world.directory.create_token(&place.tenant, Scope::JitLogin, &[], None, None).await.expect("a token").1;
        let other = Client::new(app.router(), "acme", Some(&token));
        for round in 0..5 {
            let envelope = place.envelope(&format!("r{round}"), "customer-17", &ana(), &json!({}));
            let body = json!({"connection": "default", "evidence": {"type": "broker_claims", "envelope": envelope}});
            let calls = (0..8).map(|n| {
                let node = if n % 2 == 0 { &place.app } else { &other };
                let call = node.logins().post(body.clone());
                tokio::spawn(async move { call.await.status.as_u16() })
            });
            let mut statuses = Vec::new();
            for call in calls.collect::<Vec<_>>() {
                statuses.push(call.await.expect("it ends"));
            }
            statuses.sort_unstable();
            assert_eq!(statuses, [[200].as_slice(), &[409; 7]].concat(), "round {round}");
        }
        place.verified().await;
    }

    async fn a_broker_speaks_no_further_than_its_ceiling(database: Database) {
        let place = Place::new(database, json!({"domains": ["acme.example"]})).await;
        let pushed = place.push.users().post(json!({"userName": "bo@acme.example", "externalId": "00u-bo"})).await.status(201).id();
        place.push.groups().post(json!({"displayName": "staff"})).await.status(201);
        // Neither the anchor of somebody who is pushed, nor their name, nor a verified address reaches them.
        let claims = json!({"email": "bo@acme.example", "email_verified": true, "preferred_username": "bo@acme.example"});
        place.login("1", "00u-bo", claims.clone()).await.problem(403, "account_exists_unlinked");
        // Groups are left out; that says nothing, so it withdraws nothing.
        let mut with_groups = ana();
        with_groups["groups"] = json!(["staff"]);
        let answer = place.login("2", "customer-17", with_groups.clone()).await.status(200);
        assert_eq!(answer["groups"], json!([]));
        let trace = place.admin.admin("/logins").get(answer["decisionId"].as_str().expect("a reference")).await.status(200);
        assert_eq!(trace["claims"]["skipped"]["above_ceiling"], 1);
        // Foreign domains are refused as a whole.
        let foreign = json!({"email": "eve@evil.example", "email_verified": true, "preferred_username": "eve"});
        let refused = place.login("3", "customer-18", foreign).await.problem(403, "broker_not_allowed");
        assert!(refused["decisionId"].is_string());

        // A higher ceiling: the administrator's word, in one call.
        let ceiling = json!({"jwks": place.key.jwks(), "ceiling": {"anchor": true, "join": true, "groups": true}});
        place.admin.admin("/connections/default/brokers").call(Method::PUT, "/shop").json(ceiling).await.status(200);
        let answer = place.login("4", "00u-bo", claims).await.status(200);
        assert_eq!((&answer["user"]["id"], &answer["linked"]), (&json!(pushed), &json!(true)));
        place.world.clock.advance(1_000);
        let answer = place.login("5", "customer-17", with_groups).await.status(200);
        assert_eq!(answer["groups"][0]["displayName"], "staff");
        place.verified().await;
    }

    async fn an_address_without_proof_opens_nothing(database: Database) {
        let place = Place::new(database, json!({"join": true})).await;
        place.admin.organizations().post(json!({"slug": "acme", "displayName": "Acme"})).await.status(201);
        let invited = json!({"address": "ivy@acme.example", "organization": "acme"});
        place.admin.admin("/invitations").post(invited).await.status(201);
        let claims = json!({"email": "ivy@acme.example", "preferred_username": "ivy"});
        let answer = place.login("0", "customer-19", claims.clone()).await.status(200);
        assert_eq!(answer["organizations"], json!([]), "the invitation waits for its owner");
        let mut proved = claims;
        proved["email_verified"] = json!(true);
        let answer = place.login("0b", "customer-19", proved).await.status(200);
        assert_eq!(answer["organizations"][0]["slug"], "acme");
        let entered = place.admin.users().post(json!({"userName": "ed", "emails": [{"value": "ed@acme.example"}]})).await.status(201).id();
        for (jti, verified) in [("1", json!(null)), ("2", json!(false)), ("3", json!("yes"))] {
            let claims = json!({"email": "ed@acme.example", "email_verified": verified, "preferred_username": "ed2"});
            place.login(jti, "customer-20", claims).await.problem(403, "account_exists_unlinked");
        }
        let proved = json!({"email": "ed@acme.example", "email_verified": true, "preferred_username": "ed2"});
        let answer = place.login("4", "customer-20", proved).await.status(200);
        assert_eq!((&answer["user"]["id"], &answer["adopted"]), (&json!(entered), &json!(true)));
        place.verified().await;
    }

    async fn brokers_are_registered_with_public_keys_only(database: Database) {
        let place = Place::new(database, json!({})).await;
        let brokers = || place.admin.admin("/connections/default/brokers");
        let (good, key) = (place.key.jwks(), place.key.jwk());
        let mut secret = key.clone();
        secret["d"] = json!("c2VjcmV0");
        let table = [
            (json!({"name": "b", "jwks": {"keys": [secret]}}), "private"),
            (json!({"name": "b", "jwks": {"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}}), "symmetric"),
            (json!({"name": "b", "jwks": {"keys": []}}), "JWK Set"),
            (json!({"name": "b", "jwks": good, "algs": ["HS256"]}), "algs"),
            (json!({"name": "b", "jwks": good, "algs": ["RS256"]}), "no key"),
            (json!({"name": "b", "jwks": {"keys": [{"kty": "EC", "crv": "P-256", "x": "x", "y": "y"}]}}), "signature key"),
            (json!({"name": "B!", "jwks": good}), "name"),
            (json!({"name": "b", "jwks": good, "ceiling": {"everything": true}}), "everything"),
            (json!({"name": "b", "jwks": good, "secret": "x"}), "secret"),
            (json!({"jwks": good}), "name"),
        ];
        for (body, word) in table {
            let refused = brokers().post(body.clone()).await.problem(400, "invalid_value");
            assert!(refused["detail"].as_str().is_some_and(|detail| detail.contains(word)), "{body}: {}", refused["detail"]);
        }
        brokers().post(json!({"name": "shop", "jwks": good})).await.problem(409, "uniqueness");
        let listed = brokers().list("").await.status(200);
        assert_eq!(listed["brokers"].as_array().map(Vec::len), Some(1));
        let id = listed["brokers"][0]["id"].as_str().expect("an id").to_owned();
        place.admin.admin("/connections/nowhere/brokers").list("").await.problem(404, "not_found");
        brokers().call(Method::PUT, "/nobody").json(json!({"jwks": good})).await.problem(404, "not_found");

        // A new key: envelopes of the old one are refused at once.
        let envelope = place.envelope("old", "customer-17", &ana(), &json!({}));
        let next = SigningKey::generate().expect("the machine makes keys");
        brokers().call(Method::PUT, &format!("/{id}")).json(json!({"jwks": next.jwks()})).await.status(200);
        assert_eq!(place.present(&envelope).await.problem(400, "invalid_evidence")["cause"], "signature");
        brokers().call(Method::DELETE, "/shop").await.status(204);
        place.present(&envelope).await.problem(403, "broker_not_allowed");
        brokers().call(Method::DELETE, "/shop").await.problem(404, "not_found");
        // Registered again under the same name it is another broker: its subjects are other people.
        brokers().post(json!({"name": "shop", "jwks": good})).await.status(201);
        let taken = place.login("new", "customer-17", json!({"preferred_username": "someone"})).await.status(200);
        assert_eq!(taken["created"], true);
        place.verified().await;
    }

    async fn evidence_is_for_one_connection_of_one_tenant(database: Database) {
        let place = Place::new(database, json!({})).await;
        place.admin.admin("/connections").post(json!({"name": "second"})).await.status(201);
        let brokers = place.admin.admin("/connections/second/brokers");
        let second = brokers.post(json!({"name": "shop", "jwks": place.key.jwks()})).await.status(201);
        let audience = second["audience"].as_str().expect("an audience");
        assert_ne!(audience, place.audience);
        // The same broker with the same key on both: an envelope for one is none for the other.
        let envelope = place.envelope("1", "customer-17", &ana(), &json!({"aud": audience}));
        assert_eq!(place.present(&envelope).await.problem(400, "invalid_evidence")["cause"], "audience");
        let unknown = place.envelope("2", "customer-17", &ana(), &json!({"iss": "stranger"}));
        place.present(&unknown).await.problem(403, "broker_not_allowed");
        // And no ID token may speak in a broker's space.
        let paused = json!({"state": "paused"});
        place.admin.admin("/connections").call(Method::PATCH, "/default").json(paused).await.status(200);
        place.login("3", "customer-17", ana()).await.problem(403, "connection_disabled");
        for envelope in ["", "a.b.c", "…"] {
            place.present(envelope).await.problem(400, "invalid_evidence");
        }
        place.verified().await;
    }
}

/// The shell script of docs/broker.md, run as it stands there.
#[tokio::test]
async fn the_worked_example_works() {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/broker.md")).expect("the page");
    let script = text.split("```sh\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a script on the page");
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    let run = |audience: &str| {
        let now = NOW.to_string();
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(script).current_dir(folder.path()).env("AUDIENCE", audience).env("NOW", now);
        let ran = shell.output().expect("a shell and openssl");
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        std::fs::read_to_string(folder.path().join("envelope.jws")).expect("an envelope")
    };
    // The first run makes the key; its envelope is for nobody yet.
    run("");
    let key = std::fs::read_to_string(folder.path().join("shop.jwk")).expect("a public key");
    let key: Value = serde_json::from_str(&key).expect("JSON");

    let world = World::sqlite().await;
    let acme = world.tenant("acme").await;
    let (admin, app) = (world.client(&acme, Scope::Admin).await, world.client(&acme, Scope::JitLogin).await);
    let body = json!({"name": "shop", "jwks": {"keys": [key]}, "algs": ["EdDSA"]});
    let broker = admin.admin("/connections/default/brokers").post(body).await.status(201);
    let envelope = run(broker["audience"].as_str().expect("an audience"));
    let evidence = json!({"type": "broker_claims", "envelope": envelope});
    let answer = app.logins().post(json!({"connection": "default", "evidence": evidence})).await.status(200);
    assert_eq!(answer["user"]["userName"], "ana@acme.example");
}
