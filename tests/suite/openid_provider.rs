//! The referee itself: an ID token of `oidc-provider` verifies with the keys that it serves over HTTP. If this fails, a
//! failing end-to-end login says nothing about us.

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Value, json};

use crate::support::openid_provider::OpenIdProvider;

#[tokio::test]
async fn a_sign_in_brings_back_a_token_that_verifies_with_the_served_keys() {
    for (name, algorithm) in [
        ("RS256", Algorithm::RS256),
        ("ES256", Algorithm::ES256),
        ("PS256", Algorithm::PS256),
        ("EdDSA", Algorithm::EdDSA),
    ] {
        let mut provider = OpenIdProvider::start(name);
        let claims = json!({ "email": "ana@acme.example", "email_verified": true, "groups": ["acme:staff"] });
        let sign_in = provider.sign_in("00u1 é", claims, Some("n-0S6_WzA2Mj"));

        let keys: JwkSet = reqwest::get(&provider.jwks_uri).await.unwrap().json().await.unwrap();
        let header = decode_header(&sign_in.id_token).unwrap();
        assert_eq!(header.alg, algorithm);
        let key = DecodingKey::from_jwk(keys.find(&header.kid.unwrap()).unwrap()).unwrap();
        let mut validation = Validation::new(algorithm);
        validation.set_issuer(&[&provider.issuer]);
        validation.set_audience(&[&provider.client_id]);
        validation.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);

        let token = decode::<Value>(&sign_in.id_token, &key, &validation).unwrap();
        assert_eq!(token.claims["sub"], "00u1 é");
        assert_eq!(token.claims["nonce"], "n-0S6_WzA2Mj");
        assert_eq!(token.claims["groups"], json!(["acme:staff"]));
        assert_eq!(token.claims["email"], "ana@acme.example");
    }
}

#[tokio::test]
async fn one_provider_signs_many_people_in_with_their_newest_claims() {
    let mut provider = OpenIdProvider::start("RS256");
    let first = provider.sign_in("00u1", json!({ "groups": ["acme:staff"] }), None);
    let second = provider.sign_in("00u1", json!({ "groups": [] }), None);
    let other = provider.sign_in("00u2", json!({}), None);
    let claims = |token: &str| jsonwebtoken::dangerous::insecure_decode::<Value>(token).unwrap().claims;
    assert_eq!(claims(&first.id_token)["groups"], json!(["acme:staff"]));
    assert_eq!(claims(&second.id_token)["groups"], json!([]));
    assert_eq!(claims(&other.id_token).get("groups"), None);
    assert_ne!(first.nonce, second.nonce);
}
