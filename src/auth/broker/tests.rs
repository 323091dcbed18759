//! The rows of the security checklist for envelopes of brokers.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use proptest::prelude::*;
use serde_json::json;

use super::super::jws::LATEST;
use super::*;
use crate::auth::signing::SigningKey;

const AUDIENCE: &str = "urn:rollkeeper:tenant-1:connection-1";
/// Seconds.
const NOW: i64 = 1_700_000_000;

fn b64(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

fn said() -> Value {
    json!({"iss": "shop", "aud": AUDIENCE, "sub": "ada", "iat": NOW, "jti": "1", "claims": {"email": "ada@acme.example"}})
}

/// The good envelope with some members replaced; `null` takes one away.
fn with(change: &Value) -> Value {
    let mut said = said();
    for (name, value) in change.as_object().unwrap() {
        if value.is_null() {
            said.as_object_mut().unwrap().shift_remove(name);
        } else {
            said[name] = value.clone();
        }
    }
    said
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

    fn seal(&self, header: &Value, said: &Value) -> String {
        let mut whole = json!({"alg": "ES256", "typ": TYPE, "kid": self.key.kid()});
        for (name, value) in header.as_object().unwrap() {
            whole[name] = value.clone();
        }
        self.key.sign_with(&whole, said).unwrap()
    }

    fn judge(&self, envelope: &str) -> Result<Envelope, InvalidEvidence> {
        verify("shop", AUDIENCE, &["ES256".to_owned()], &self.keys, envelope, NOW * 1000)
    }

    fn outcome(&self, change: &Value) -> &'static str {
        outcome(self.judge(&self.seal(&json!({}), &with(change))))
    }
}

fn outcome(result: Result<Envelope, InvalidEvidence>) -> &'static str {
    result.map_or_else(|refusal| refusal.cause, |_| "ok")
}

#[test]
fn a_good_envelope() {
    let world = World::new();
    let sealed = world.seal(&json!({}), &said());
    assert_eq!(issuer(&sealed).as_deref(), Ok("shop"));
    let envelope = world.judge(&sealed).unwrap();
    assert_eq!((envelope.subject.as_str(), envelope.id.as_str(), envelope.issued_at), ("ada", "1", NOW * 1000));
    assert_eq!(Value::Object(envelope.claims), json!({"email": "ada@acme.example"}));
    assert_eq!(envelope.evidence.len(), 64);
}

#[test]
fn members_are_what_they_must_be() {
    let world = World::new();
    let table = [
        (json!({}), "ok"),
        (json!({"extra": 1}), "ok"),
        (json!({"iss": null}), "issuer"),
        (json!({"iss": "Shop"}), "issuer"),
        (json!({"iss": "shop "}), "issuer"),
        (json!({"iss": ["shop"]}), "issuer"),
        (json!({"iss": "other"}), "issuer"),
        (json!({"aud": [AUDIENCE]}), "ok"),
        (json!({"aud": null}), "audience"),
        (json!({"aud": []}), "audience"),
        (json!({"aud": ""}), "audience"),
        (json!({"aud": "urn:rollkeeper:tenant-1:connection-2"}), "audience"),
        (json!({"aud": "urn:rollkeeper:tenant-2:connection-1"}), "audience"),
        (json!({"aud": "URN:rollkeeper:tenant-1:connection-1"}), "audience"),
        (json!({"aud": [AUDIENCE, "https://elsewhere.example"]}), "audience"),
        (json!({"aud": [AUDIENCE, AUDIENCE]}), "audience"),
        (json!({"aud": [[AUDIENCE]]}), "audience"),
        (json!({"aud": {"value": AUDIENCE}}), "audience"),
        (json!({"sub": "1"}), "ok"),
        (json!({"sub": "../"}), "ok"),
        (json!({"sub": "x".repeat(256)}), "ok"),
        (json!({"sub": null}), "malformed"),
        (json!({"sub": ""}), "malformed"),
        (json!({"sub": "x".repeat(257)}), "malformed"),
        (json!({"sub": "a\u{0}b"}), "malformed"),
        (json!({"sub": 1}), "malformed"),
        (json!({"jti": null}), "malformed"),
        (json!({"jti": ""}), "malformed"),
        (json!({"jti": 1}), "malformed"),
        (json!({"jti": "x".repeat(257)}), "malformed"),
        (json!({"jti": "a\nb"}), "malformed"),
        (json!({"claims": null}), "malformed"),
        (json!({"claims": []}), "malformed"),
        (json!({"claims": "{}"}), "malformed"),
        (json!({"claims": {}}), "ok"),
    ];
    for (change, expected) in table {
        assert_eq!(world.outcome(&change), expected, "{change}");
    }
}

#[test]
fn times_are_judged_to_the_second() {
    let world = World::new();
    let table = [
        (json!({"iat": NOW - 59}), "ok"),
        (json!({"iat": NOW - 60}), "ok"),
        (json!({"iat": NOW - 61}), "expired"),
        (json!({"iat": 0}), "expired"),
        (json!({"iat": NOW + 60}), "ok"),
        (json!({"iat": NOW + 61}), "not_yet_valid"),
        (json!({"nbf": NOW + 60}), "ok"),
        (json!({"nbf": NOW + 61}), "not_yet_valid"),
        // A broker may shorten the minute, never make it longer.
        (json!({"exp": NOW + 1}), "ok"),
        (json!({"exp": NOW}), "expired"),
        (json!({"iat": NOW - 61, "exp": NOW + 600}), "expired"),
        (json!({"iat": null}), "malformed"),
        (json!({"iat": NOW.to_string()}), "malformed"),
        (json!({"iat": 1.7e9}), "malformed"),
        (json!({"iat": -1}), "malformed"),
        (json!({"iat": LATEST}), "malformed"),
        (json!({"iat": NOW * 1000}), "malformed"),
        (json!({"iat": i64::MAX}), "malformed"),
        (json!({"iat": true}), "malformed"),
        (json!({"exp": "never"}), "malformed"),
        (json!({"nbf": "tomorrow"}), "malformed"),
    ];
    for (change, expected) in table {
        assert_eq!(world.outcome(&change), expected, "{change}");
    }
    let sealed = world.seal(&json!({}), &said());
    for (now, expected) in [
        ((NOW + 60) * 1000, "ok"),
        ((NOW + 60) * 1000 + 1, "expired"),
        ((NOW - 60) * 1000, "ok"),
        ((NOW - 60) * 1000 - 1, "not_yet_valid"),
        (i64::MAX, "expired"),
        (i64::MIN, "not_yet_valid"),
    ] {
        let judged = verify("shop", AUDIENCE, &["ES256".to_owned()], &world.keys, &sealed, now);
        assert_eq!(outcome(judged), expected, "{now}");
    }
}

#[test]
fn headers() {
    let world = World::new();
    let own = world.key.jwk();
    let table = [
        (json!({}), "ok"),
        (json!({"typ": "Broker-Claims+JWT"}), "ok"),
        // Any other JWT that the same key may sign, an ID token among them.
        (json!({"typ": "JWT"}), "malformed"),
        (json!({"typ": null}), "malformed"),
        (json!({"typ": "at+jwt"}), "malformed"),
        (json!({"typ": 7}), "malformed"),
        (json!({"jwk": own}), "malformed"),
        (json!({"jku": "https://evil.example/jwks"}), "malformed"),
        (json!({"x5u": "https://evil.example/x5u"}), "malformed"),
        (json!({"crit": ["exp"]}), "malformed"),
        (json!({"b64": false}), "malformed"),
        (json!({"zip": "DEF"}), "malformed"),
        (json!({"kid": 7}), "malformed"),
        (json!({"kid": "another"}), "signature"),
        (json!({"alg": "none"}), "alg"),
        (json!({"alg": "HS256"}), "alg"),
        (json!({"alg": "RS256"}), "alg"),
        (json!({"alg": "ES384"}), "alg"),
        (json!({"alg": "es256"}), "alg"),
        (json!({"alg": null}), "alg"),
        (json!({"x": "x".repeat(9_000)}), "too_large"),
    ];
    for (change, expected) in table {
        assert_eq!(outcome(world.judge(&world.seal(&change, &said()))), expected, "{change}");
    }
}

#[test]
fn forms() {
    let world = World::new();
    let good = world.seal(&json!({}), &said());
    let [header, payload, signature] = good.split('.').collect::<Vec<_>>().try_into().unwrap();
    let long = world.seal(&json!({}), &with(&json!({"pad": "x".repeat(50_000)})));
    let table = [
        (good.clone(), "ok"),
        (String::new(), "malformed"),
        ("..".to_owned(), "malformed"),
        (format!("{header}.{payload}"), "malformed"),
        (format!("{good}.{signature}"), "malformed"),
        (format!("{header}.{payload}."), "signature"),
        (format!("{header}.{}.{signature}", b64(with(&json!({"sub": "evil"})).to_string())), "signature"),
        (format!("{}.{payload}.", b64(json!({"alg": "none", "typ": TYPE}).to_string())), "alg"),
        (format!("{}.{payload}.{signature}", b64(r#"{"alg":"ES256","alg":"none"}"#)), "malformed"),
        (long, "too_large"),
    ];
    for (envelope, expected) in table {
        assert_eq!(outcome(world.judge(&envelope)), expected, "{envelope:.80}");
    }
    // JSON serialisation of a JWS is another form, and no other form is taken.
    let flattened = json!({"protected": header, "payload": payload, "signature": signature}).to_string();
    assert_eq!(outcome(world.judge(&flattened)), "malformed");
}

/// A stranger's key, the public key taken for an HMAC secret, a key under another kind's algorithm.
#[test]
fn keys_and_algorithms() {
    let world = World::new();
    let stranger = SigningKey::generate().unwrap();
    let forged = stranger.sign_with(&json!({"alg": "ES256", "typ": TYPE, "kid": world.key.kid()}), &said()).unwrap();
    assert_eq!(outcome(world.judge(&forged)), "signature");
    let unnamed = world.key.sign_with(&json!({"alg": "ES256", "typ": TYPE}), &said()).unwrap();
    assert_eq!(outcome(world.judge(&unnamed)), "ok");
    let none = verify("shop", AUDIENCE, &["ES256".to_owned()], &KeySet::default(), &unnamed, NOW * 1000);
    assert_eq!(outcome(none), "signature");

    let (rsa, ed) = (rsa::KeyPair::generate(rsa::KeySize::Rsa2048).unwrap(), Ed25519KeyPair::generate().unwrap());
    let public = rsa.public_key();
    let modulus = public.modulus().big_endian_without_leading_zero().to_vec();
    let rsa_jwk =
        json!({"kty": "RSA", "n": b64(&modulus), "e": b64(public.exponent().big_endian_without_leading_zero())});
    let ed_jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": b64(ed.public_key())});
    let sign = |with: &str, signed: &str| match with {
        "RS256" => {
            let mut signature = vec![0; rsa.public_modulus_len()];
            rsa.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
            signature
        }
        "EdDSA" => ed.sign(signed.as_bytes()).as_ref().to_vec(),
        _ => {
            let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &modulus);
            aws_lc_rs::hmac::sign(&key, signed.as_bytes()).as_ref().to_vec()
        }
    };
    let table = [
        (&rsa_jwk, &["RS256"][..], "RS256", "RS256", "ok"),
        (&ed_jwk, &["EdDSA"], "EdDSA", "EdDSA", "ok"),
        (&rsa_jwk, &["RS256", "HS256"], "HS256", "HS256", "alg"),
        (&rsa_jwk, &["RS256"], "HS256", "HS256", "alg"),
        (&rsa_jwk, &["PS256"], "RS256", "RS256", "alg"),
        (&rsa_jwk, &["RS256", "PS256"], "PS256", "RS256", "signature"),
        (&ed_jwk, &["EdDSA", "ES256"], "ES256", "EdDSA", "alg"),
        (&rsa_jwk, &[], "RS256", "RS256", "alg"),
    ];
    for (jwk, algs, alg, with, expected) in table {
        let signed = format!("{}.{}", b64(json!({"alg": alg, "typ": TYPE}).to_string()), b64(said().to_string()));
        let envelope = format!("{signed}.{}", b64(sign(with, &signed)));
        let keys = KeySet::read(&json!({"keys": [jwk]})).unwrap();
        let algs: Vec<String> = algs.iter().map(|&alg| alg.to_owned()).collect();
        let judged = verify("shop", AUDIENCE, &algs, &keys, &envelope, NOW * 1000);
        assert_eq!(outcome(judged), expected, "{alg} signed as {with}, allowed {algs:?}");
    }
}

#[test]
fn registered_keys_are_all_of_use() {
    let (key, ed) = (SigningKey::generate().unwrap(), Ed25519KeyPair::generate().unwrap());
    let ed_jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": b64(ed.public_key())});
    let table = [
        (json!({"keys": [key.jwk()]}), &["ES256"][..], true),
        (json!({"keys": [key.jwk(), ed_jwk]}), &["ES256", "EdDSA"], true),
        (json!({"keys": [key.jwk()]}), &["RS256"], false),
        (json!({"keys": [key.jwk()]}), &["ES256", "EdDSA"], false),
        (json!({"keys": []}), &["ES256"], false),
        (json!({"keys": [key.jwk(), {"kty": "RSA", "n": b64([0xFF; 128]), "e": "AQAB"}]}), &["ES256"], false),
        (json!({"keys": [{"kty": "EC", "crv": "P-256"}]}), &["ES256"], false),
        (json!({}), &["ES256"], false),
    ];
    for (jwks, algs, good) in table {
        let algs: Vec<String> = algs.iter().map(|&alg| alg.to_owned()).collect();
        assert_eq!(check_keys(&jwks, &algs).is_ok(), good, "{jwks} {algs:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_text_is_judged(text in "\\PC{0,200}|[A-Za-z0-9_-]{0,80}\\.[A-Za-z0-9_-]{0,80}\\.[A-Za-z0-9_-]{0,80}") {
        let world = World::new();
        let _ = issuer(&text);
        prop_assert!(world.judge(&text).is_err());
    }

    /// Whatever is changed of a good envelope, one character suffices.
    #[test]
    fn a_changed_envelope_is_no_envelope(at in 0_usize..1_000, to in "[A-Za-z0-9_.-]") {
        let world = World::new();
        let good = world.seal(&json!({}), &said());
        let at = at % good.len();
        let changed = format!("{}{to}{}", &good[..at], &good[at + 1..]);
        prop_assert!(changed == good || world.judge(&changed).is_err(), "{at} {to}");
    }
}
