//! The rows of the security checklist for ID tokens.

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{
    ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
    RsaEncoding,
};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use proptest::prelude::*;
use serde_json::json;

use super::super::jws::LATEST;
use super::*;
use crate::auth::signing::SigningKey;

const ISSUER: &str = "https://acme.okta.com";
/// Seconds.
const NOW: i64 = 1_700_000_000;

fn b64(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

fn rules() -> OidcRules {
    OidcRules {
        issuer: ISSUER.to_owned(),
        client_ids: vec!["app".to_owned(), "app-mobile".to_owned()],
        algs: vec![Algorithm::ES256],
        nonce_required: true,
        max_age: 600_000,
    }
}

fn claims() -> Value {
    json!({"iss": ISSUER, "aud": "app", "sub": "00u1", "iat": NOW, "exp": NOW + 300, "nonce": "n-1"})
}

/// The good claims with some replaced; `null` takes one away.
fn with(change: &Value) -> Value {
    let mut claims = claims();
    for (name, value) in change.as_object().unwrap() {
        if value.is_null() {
            claims.as_object_mut().unwrap().shift_remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
    claims
}

struct World {
    key: SigningKey,
    keys: KeySet,
}

impl World {
    fn new() -> Self {
        let key = SigningKey::generate().unwrap();
        let keys = KeySet::read(&key.jwks()).unwrap();
        Self { key, keys }
    }

    fn judge(&self, rules: &OidcRules, token: &str) -> Result<VerifiedToken, InvalidEvidence> {
        verify(rules, &self.keys, token, Some("n-1"), NOW * 1000)
    }

    /// The good header and claims with some replaced, signed: `"ok"` or the cause of the refusal.
    fn outcome(&self, change: &Value) -> &'static str {
        let token = self.key.sign(&with(change)).unwrap();
        outcome(self.judge(&rules(), &token))
    }

    fn outcome_of_header(&self, change: &Value) -> &'static str {
        let mut header = json!({"alg": "ES256", "typ": "JWT", "kid": self.key.kid()});
        for (name, value) in change.as_object().unwrap() {
            header[name] = value.clone();
        }
        outcome(self.judge(&rules(), &self.key.sign_with(&header, &claims()).unwrap()))
    }
}

fn outcome(result: Result<VerifiedToken, InvalidEvidence>) -> &'static str {
    result.map_or_else(|refusal| refusal.cause, |_| "ok")
}

#[test]
fn a_good_token() {
    let world = World::new();
    let token = world.key.sign(&claims()).unwrap();
    let verified = world.judge(&rules(), &token).unwrap();
    assert_eq!((verified.subject.as_str(), verified.issued_at), ("00u1", NOW * 1000));
    assert_eq!(Value::Object(verified.claims), claims());
    assert_eq!(verified.evidence.len(), 64);
    assert!(verified.evidence.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)));
    assert_eq!(key_id(&token), Ok(Some(world.key.kid().to_owned())));
}

#[test]
fn claims_are_what_they_must_be() {
    let world = World::new();
    let table = [
        (json!({}), "ok"),
        // iss
        (json!({"iss": null}), "issuer"),
        (json!({"iss": [ISSUER]}), "issuer"),
        (json!({"iss": 7}), "issuer"),
        (json!({"iss": ""}), "issuer"),
        (json!({"iss": "https://acme.okta.com/"}), "issuer"),
        (json!({"iss": "https://ACME.okta.com"}), "issuer"),
        (json!({"iss": "https://acme.okta.com "}), "issuer"),
        (json!({"iss": "https://acme.okta.com:443"}), "issuer"),
        (json!({"iss": "http://acme.okta.com"}), "issuer"),
        (json!({"iss": "https://evil.okta.com"}), "issuer"),
        (json!({"iss": "https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0"}), "issuer"),
        // aud
        (json!({"aud": ["app"]}), "ok"),
        (json!({"aud": "app-mobile"}), "ok"),
        (json!({"aud": null}), "audience"),
        (json!({"aud": []}), "audience"),
        (json!({"aud": ""}), "audience"),
        (json!({"aud": "APP"}), "audience"),
        (json!({"aud": "sibling"}), "audience"),
        (json!({"aud": ["sibling", "other"], "azp": "app"}), "audience"),
        (json!({"aud": 5}), "audience"),
        (json!({"aud": {"app": true}}), "audience"),
        (json!({"aud": ["app", 5]}), "audience"),
        (json!({"aud": vec!["app"; 101], "azp": "app"}), "audience"),
        // azp
        (json!({"azp": "app"}), "ok"),
        (json!({"aud": ["app", "api"], "azp": "app"}), "ok"),
        (json!({"aud": ["app", "api"], "azp": "app-mobile"}), "ok"),
        (json!({"aud": ["app", "api"]}), "azp"),
        (json!({"aud": ["app", "app"]}), "azp"),
        (json!({"aud": ["app", "sibling"], "azp": "sibling"}), "azp"),
        (json!({"azp": "sibling"}), "azp"),
        (json!({"azp": ["app"]}), "azp"),
        (json!({"azp": 5}), "azp"),
        // sub
        (json!({"sub": "../"}), "ok"),
        (json!({"sub": "1"}), "ok"),
        (json!({"sub": "x".repeat(256)}), "ok"),
        (json!({"sub": null}), "malformed"),
        (json!({"sub": ""}), "malformed"),
        (json!({"sub": "x".repeat(257)}), "malformed"),
        (json!({"sub": "urn:rollkeeper:broker:1:ada"}), "malformed"),
        (json!({"sub": "é".repeat(129)}), "malformed"),
        (json!({"sub": "a\u{0}b"}), "malformed"),
        (json!({"sub": 1}), "malformed"),
        (json!({"sub": ["00u1"]}), "malformed"),
        // nonce
        (json!({"nonce": null}), "nonce"),
        (json!({"nonce": ""}), "nonce"),
        (json!({"nonce": "n-2"}), "nonce"),
        (json!({"nonce": "n-1 "}), "nonce"),
        (json!({"nonce": ["n-1"]}), "nonce"),
    ];
    for (change, expected) in table {
        assert_eq!(world.outcome(&change), expected, "{change}");
    }
}

#[test]
fn userinfo_adds_and_changes_nothing() {
    let world = World::new();
    let token = world.judge(&rules(), &world.key.sign(&with(&json!({"email": "a@acme.com"}))).unwrap()).unwrap();
    let said = |userinfo: Value| {
        let Value::Object(userinfo) = userinfo else { panic!("an object") };
        with_userinfo(token.clone(), userinfo)
    };
    let both =
        said(json!({"sub": "00u1", "email": "b@acme.com", "iss": "https://evil.example", "name": "Ana"})).unwrap();
    assert_eq!((&both.claims["email"], &both.claims["name"]), (&json!("a@acme.com"), &json!("Ana")));
    assert_eq!((&both.claims["iss"], both.issued_at), (&json!(ISSUER), token.issued_at));
    assert_ne!(both.evidence, token.evidence, "other evidence is another decision");
    for foreign in
        [json!({}), json!({"sub": "00u2"}), json!({"sub": ["00u1"]}), json!({"sub": "00U1"}), json!({"sub": null})]
    {
        assert_eq!(outcome(said(foreign.clone())), "userinfo", "{foreign}");
    }
}

#[test]
fn times_are_judged_to_the_second() {
    let world = World::new();
    let table = [
        // exp: refused from 60 s after it.
        (json!({"exp": NOW - 59}), "ok"),
        (json!({"exp": NOW - 60}), "expired"),
        (json!({"exp": NOW - 61}), "expired"),
        (json!({"exp": 0}), "expired"),
        // iat: up to 60 s ahead of us.
        (json!({"iat": NOW + 59}), "ok"),
        (json!({"iat": NOW + 60}), "ok"),
        (json!({"iat": NOW + 61}), "not_yet_valid"),
        // nbf: the same.
        (json!({"nbf": NOW + 59}), "ok"),
        (json!({"nbf": NOW + 60}), "ok"),
        (json!({"nbf": NOW + 61}), "not_yet_valid"),
        (json!({"nbf": NOW - 100_000}), "ok"),
        // Evidence is good for ten minutes.
        (json!({"iat": NOW - 599}), "ok"),
        (json!({"iat": NOW - 600}), "ok"),
        (json!({"iat": NOW - 601}), "expired"),
        (json!({"iat": 0}), "expired"),
        // Types that do not bend (CVE-2026-25537: a text counted as absent).
        (json!({"exp": null}), "malformed"),
        (json!({"iat": null}), "malformed"),
        (json!({"exp": "never"}), "malformed"),
        (json!({"exp": (NOW + 300).to_string()}), "malformed"),
        (json!({"iat": NOW.to_string()}), "malformed"),
        (json!({"nbf": NOW.to_string()}), "malformed"),
        (json!({"nbf": "tomorrow"}), "malformed"),
        (json!({"exp": 1_700_000_300.5}), "malformed"),
        (json!({"exp": 1_700_000_300.0}), "malformed"),
        (json!({"iat": 1.7e9}), "malformed"),
        (json!({"nbf": 1.7e9}), "malformed"),
        (json!({"exp": -1}), "malformed"),
        (json!({"iat": -NOW}), "malformed"),
        (json!({"nbf": i64::MIN}), "malformed"),
        (json!({"exp": LATEST - 1}), "ok"),
        (json!({"exp": LATEST}), "malformed"),
        (json!({"exp": 253_402_300_799_i64}), "malformed"),
        (json!({"exp": i64::MAX}), "malformed"),
        (json!({"exp": u64::MAX}), "malformed"),
        (json!({"exp": 1e300}), "malformed"),
        // Milliseconds for seconds.
        (json!({"exp": (NOW + 300) * 1000}), "malformed"),
        (json!({"exp": true}), "malformed"),
        (json!({"exp": [NOW + 300]}), "malformed"),
    ];
    for (change, expected) in table {
        assert_eq!(world.outcome(&change), expected, "{change}");
    }
}

#[test]
fn the_clock_is_the_callers() {
    let world = World::new();
    let token = world.key.sign(&claims()).unwrap();
    for (now, expected) in [
        ((NOW - 60) * 1000, "ok"),
        ((NOW - 60) * 1000 - 1, "not_yet_valid"),
        ((NOW + 360) * 1000 - 1, "ok"),
        ((NOW + 360) * 1000, "expired"),
        (i64::MAX, "expired"),
        (i64::MIN, "not_yet_valid"),
    ] {
        assert_eq!(outcome(verify(&rules(), &world.keys, &token, Some("n-1"), now)), expected, "{now}");
    }
}

#[test]
fn nonces_of_the_application() {
    let world = World::new();
    let optional = OidcRules { nonce_required: false, ..rules() };
    let (with_nonce, without) = (claims(), with(&json!({"nonce": null})));
    let table = [
        (rules(), &with_nonce, Some("n-1"), "ok"),
        (rules(), &with_nonce, None, "nonce"),
        (rules(), &with_nonce, Some(""), "nonce"),
        (rules(), &with_nonce, Some("N-1"), "nonce"),
        (rules(), &without, Some("n-1"), "nonce"),
        (rules(), &without, None, "nonce"),
        (optional.clone(), &without, None, "ok"),
        (optional.clone(), &with_nonce, None, "ok"),
        (optional.clone(), &with_nonce, Some("n-2"), "nonce"),
        (optional.clone(), &without, Some("n-1"), "nonce"),
        (optional, &with(&json!({"nonce": ""})), Some(""), "nonce"),
    ];
    for (rules, claims, nonce, expected) in table {
        let token = world.key.sign(claims).unwrap();
        assert_eq!(outcome(verify(&rules, &world.keys, &token, nonce, NOW * 1000)), expected, "{claims} {nonce:?}");
    }
}

#[test]
fn headers() {
    let world = World::new();
    let own = world.key.jwk();
    let table = [
        (json!({}), "ok"),
        (json!({"typ": "jwt"}), "ok"),
        (json!({"x5t": "abc", "nonce": "x"}), "ok"),
        (json!({"typ": "at+jwt"}), "malformed"),
        (json!({"typ": "logout+jwt"}), "malformed"),
        (json!({"typ": "secevent+jwt"}), "malformed"),
        (json!({"typ": 7}), "malformed"),
        (json!({"typ": null}), "malformed"),
        (json!({"jwk": own}), "malformed"),
        (json!({"jku": "https://evil.example/jwks"}), "malformed"),
        (json!({"x5u": "https://evil.example/x5u"}), "malformed"),
        (json!({"crit": ["exp"]}), "malformed"),
        (json!({"crit": []}), "malformed"),
        (json!({"b64": false}), "malformed"),
        (json!({"zip": "DEF"}), "malformed"),
        (json!({"enc": "A256GCM"}), "malformed"),
        (json!({"cty": "JWT"}), "malformed"),
        (json!({"kid": 7}), "malformed"),
        (json!({"kid": "x".repeat(513)}), "malformed"),
        (json!({"kid": "another"}), "signature"),
        (json!({"alg": "none"}), "alg"),
        (json!({"alg": "None"}), "alg"),
        (json!({"alg": ""}), "alg"),
        (json!({"alg": null}), "alg"),
        (json!({"alg": "es256"}), "alg"),
        (json!({"alg": "ES384"}), "alg"),
        (json!({"alg": "RS256"}), "alg"),
        (json!({"alg": "HS256"}), "alg"),
        (json!({"alg": ["ES256"]}), "alg"),
        (json!({"alg": "ES256K"}), "alg"),
        (json!({"x": "x".repeat(9_000)}), "too_large"),
    ];
    for (change, expected) in table {
        assert_eq!(world.outcome_of_header(&change), expected, "{change}");
    }
}

#[test]
fn forms() {
    let world = World::new();
    let good = world.key.sign(&claims()).unwrap();
    let [header, payload, signature] = good.split('.').collect::<Vec<_>>().try_into().unwrap();
    let twice = b64(format!(r#"{{"sub":"evil",{}"#, &claims().to_string()[1..]));
    let long = world.key.sign(&with(&json!({"pad": "x".repeat(50_000)}))).unwrap();
    let table = [
        (good.clone(), "ok"),
        (String::new(), "malformed"),
        ("..".to_owned(), "malformed"),
        (format!("{header}.{payload}"), "malformed"),
        (format!("{good}.{signature}"), "malformed"),
        (format!("{header}.{payload}."), "signature"),
        (format!(".{payload}.{signature}"), "malformed"),
        (format!(" {good}"), "malformed"),
        (format!("{good}\n"), "signature"),
        (format!("{header}=.{payload}.{signature}"), "malformed"),
        (format!("{header}.{payload}.{signature}="), "signature"),
        (format!("{header}.{}.{signature}", b64(with(&json!({"sub": "evil"})).to_string())), "signature"),
        (format!("{}.{payload}.{signature}", b64(r#"{"alg":"none"}"#)), "alg"),
        (format!("{}.{payload}.", b64(r#"{"alg":"none","typ":"JWT"}"#)), "alg"),
        (format!("{}.{payload}.{signature}", b64(r#"{"alg":"ES256","alg":"none"}"#)), "malformed"),
        (format!("{}.{payload}.{signature}", b64("[]")), "malformed"),
        (format!("{}.{payload}.{signature}", b64("{} {}")), "malformed"),
        (format!("{}.{payload}.{signature}", b64([0xFF, 0xFE])), "malformed"),
        (format!("{}.{payload}.{signature}", "[".repeat(5_000)), "malformed"),
        (long, "too_large"),
    ];
    for (token, expected) in table {
        assert_eq!(outcome(world.judge(&rules(), &token)), expected, "{:.80}", token);
    }
    // Properly signed, and still two tokens in one.
    for payload in [twice, b64("[]"), b64("\"text\""), b64("{\"a\":1}x"), "!!".to_owned()] {
        let pair = EcdsaKeyPair::generate(&aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let point = pair.public_key().as_ref();
        let jwk = json!({"kty": "EC", "crv": "P-256", "x": b64(&point[1..33]), "y": b64(&point[33..])});
        let signed = format!("{}.{payload}", b64(r#"{"alg":"ES256"}"#));
        let token = format!("{signed}.{}", b64(pair.sign(&SystemRandom::new(), signed.as_bytes()).unwrap()));
        let keys = KeySet::read(&json!({"keys": [jwk]})).unwrap();
        assert_eq!(outcome(verify(&rules(), &keys, &token, Some("n-1"), NOW * 1000)), "malformed", "{payload}");
    }
}

#[test]
fn the_key_must_be_the_providers() {
    let (world, stranger) = (World::new(), SigningKey::generate().unwrap());
    let forged = stranger.sign_with(&json!({"alg": "ES256", "kid": world.key.kid()}), &claims()).unwrap();
    assert_eq!(outcome(world.judge(&rules(), &forged)), "signature");
    let unnamed = |key: &SigningKey| key.sign_with(&json!({"alg": "ES256"}), &claims()).unwrap();
    assert_eq!(outcome(world.judge(&rules(), &unnamed(&world.key))), "ok");
    assert_eq!(outcome(world.judge(&rules(), &unnamed(&stranger))), "signature");
    let none = KeySet::default();
    assert_eq!(outcome(verify(&rules(), &none, &unnamed(&world.key), Some("n-1"), NOW * 1000)), "signature");
}

/// Every kind of key signs what it can; nothing else verifies with it, whatever the header says and the settings allow.
#[test]
fn algorithms_and_keys() {
    let rsa = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).unwrap();
    let (p384, ed) =
        (EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap(), Ed25519KeyPair::generate().unwrap());
    let p256 = SigningKey::generate().unwrap();
    let rsa_jwk = {
        let public = rsa.public_key();
        json!({"kty": "RSA", "n": b64(public.modulus().big_endian_without_leading_zero()),
               "e": b64(public.exponent().big_endian_without_leading_zero())})
    };
    let point = p384.public_key().as_ref();
    let p384_jwk = json!({"kty": "EC", "crv": "P-384", "x": b64(&point[1..49]), "y": b64(&point[49..])});
    let ed_jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": b64(ed.public_key())});

    let rsa_sign = |padding: &'static dyn RsaEncoding, signed: &str| {
        let mut signature = vec![0; rsa.public_modulus_len()];
        rsa.sign(padding, &SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
        signature
    };
    let sign = |with: &str, signed: &str| match with {
        "RS256" => rsa_sign(&RSA_PKCS1_SHA256, signed),
        "PS256" => rsa_sign(&RSA_PSS_SHA256, signed),
        "ES384" => p384.sign(&SystemRandom::new(), signed.as_bytes()).unwrap().as_ref().to_vec(),
        "EdDSA" => ed.sign(signed.as_bytes()).as_ref().to_vec(),
        // HMAC keyed with the RSA public key, as its modulus and as DER: the classic.
        "HS256 n" => hmac(rsa.public_key().modulus().big_endian_without_leading_zero(), signed),
        "HS256 der" => hmac(rsa.public_key().as_der().unwrap().as_ref(), signed),
        other => panic!("{other}"),
    };
    let generous = OidcRules {
        algs: vec![
            Algorithm::RS256,
            Algorithm::PS256,
            Algorithm::ES256,
            Algorithm::ES384,
            Algorithm::EdDSA,
            Algorithm::HS256,
        ],
        ..rules()
    };
    let table = [
        (&rsa_jwk, "RS256", "RS256", "ok"),
        (&rsa_jwk, "PS256", "PS256", "ok"),
        (&p384_jwk, "ES384", "ES384", "ok"),
        (&ed_jwk, "EdDSA", "EdDSA", "ok"),
        (&rsa_jwk, "PS256", "RS256", "signature"),
        (&rsa_jwk, "RS256", "PS256", "signature"),
        (&rsa_jwk, "RS384", "RS256", "alg"),
        (&rsa_jwk, "HS256", "HS256 n", "alg"),
        (&rsa_jwk, "HS256", "HS256 der", "alg"),
        (&p384_jwk, "RS256", "RS256", "alg"),
        (&p384_jwk, "ES256", "ES384", "alg"),
        (&ed_jwk, "ES256", "EdDSA", "alg"),
        (&rsa_jwk, "EdDSA", "EdDSA", "alg"),
        (p256.jwk(), "RS256", "RS256", "alg"),
    ];
    for (jwk, alg, with, expected) in table {
        let signed = format!("{}.{}", b64(json!({"alg": alg}).to_string()), b64(claims().to_string()));
        let token = format!("{signed}.{}", b64(sign(with, &signed)));
        let keys = KeySet::read(&json!({"keys": [jwk]})).unwrap();
        assert_eq!(keys.len(), 1);
        let judged = verify(&generous, &keys, &token, Some("n-1"), NOW * 1000);
        assert_eq!(outcome(judged), expected, "{alg} signed as {with} under {jwk}");
    }
}

fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, key);
    aws_lc_rs::hmac::sign(&key, text.as_bytes()).as_ref().to_vec()
}

#[test]
fn settings_allow_asymmetric_algorithms_only() {
    let names = |names: &[&str]| OidcRules::algorithms(&names.iter().map(|&n| n.to_owned()).collect::<Vec<_>>());
    let all = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"];
    assert_eq!(names(&all).map(|algs| algs.len()), Some(all.len()));
    for refused in ["HS256", "HS384", "HS512", "none", "", "ES512", "rs256"] {
        assert_eq!(names(&["RS256", refused]), None, "{refused}");
    }
}

proptest! {
    #[test]
    fn any_text_is_judged(token in "\\PC{0,200}|[A-Za-z0-9_-]{0,80}(\\.[A-Za-z0-9_-]{0,80}){2}") {
        let _ = key_id(&token);
        prop_assert!(verify(&rules(), &KeySet::default(), &token, Some("n-1"), NOW * 1000).is_err());
    }

    #[test]
    fn any_header_and_claims_are_judged(alg in "ES256|RS256|none|HS256|\\PC{0,5}", claims in any_json(), now: i64) {
        let world = World::new();
        let token = world.key.sign_with(&json!({"alg": alg, "kid": world.key.kid()}), &claims).unwrap();
        prop_assert!(verify(&rules(), &world.keys, &token, Some("n-1"), now).is_err());
    }

    #[test]
    fn no_changed_letter_goes_unnoticed(at: prop::sample::Index, letter in "[A-Za-z0-9_-]") {
        let world = World::new();
        let good = world.key.sign(&claims()).unwrap();
        let at = at.index(good.len());
        let mut bad = good.clone();
        bad.replace_range(at..=at, &letter);
        if bad != good {
            prop_assert!(world.judge(&rules(), &bad).is_err());
        }
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        let name = prop_oneof![
            Just("iss".to_owned()),
            Just("aud".to_owned()),
            Just("sub".to_owned()),
            Just("iat".to_owned()),
            "\\PC{0,6}"
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((name, inner), 0..6).prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}
