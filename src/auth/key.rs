//! Public keys of an identity provider, as they come in a JWK Set (RFC 7517), and which of them may verify what.
//!
//! A set may hold keys that are of no use here: for encryption, of unknown kinds, too short, broken. Those are left
//! out, the rest stand. A key that is in the set has one kind, and the kind says which algorithms it fits, whatever a
//! token's header wishes (RFC 8725 §3.1).

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::Value;

/// More keys than this are an attack on whoever tries them all.
const MOST: usize = 100;
const RSA_BITS: std::ops::RangeInclusive<usize> = 2_048..=8_192;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    Rsa,
    P256,
    P384,
    Ed25519,
}

impl KeyKind {
    fn fits(self, alg: Algorithm) -> bool {
        match alg {
            Algorithm::RS256 | Algorithm::RS384 | Algorithm::RS512 => self == Self::Rsa,
            Algorithm::PS256 | Algorithm::PS384 | Algorithm::PS512 => self == Self::Rsa,
            Algorithm::ES256 => self == Self::P256,
            Algorithm::ES384 => self == Self::P384,
            Algorithm::EdDSA => self == Self::Ed25519,
            // HMAC and whatever comes later: nobody's public key.
            _ => false,
        }
    }
}

#[derive(Clone, Debug)]
pub struct PublicKey {
    pub kid: Option<String>,
    pub kind: KeyKind,
    /// The only algorithm that the provider means this key for, if it says so.
    pub alg: Option<Algorithm>,
    pub(super) decoding: DecodingKey,
}

impl PublicKey {
    pub fn fits(&self, alg: Algorithm) -> bool {
        self.kind.fits(alg) && self.alg.is_none_or(|own| own == alg)
    }
}

/// The usable signature keys of one provider.
#[derive(Clone, Debug, Default)]
pub struct KeySet {
    keys: Vec<PublicKey>,
}

impl KeySet {
    /// `None` if this is no JWK Set at all, or one of more than a hundred keys.
    pub fn read(set: &Value) -> Option<Self> {
        let keys = set.get("keys")?.as_array()?;
        (keys.len() <= MOST).then(|| Self { keys: keys.iter().filter_map(read).collect() })
    }

    pub fn len(&self) -> usize {
        self.keys.len()
    }

    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whether a key of exactly this id is here; a token that names none can be tried with what there is.
    pub fn knows(&self, kid: Option<&str>) -> bool {
        kid.is_none_or(|kid| self.keys.iter().any(|key| key.kid.as_deref() == Some(kid)))
    }

    /// The keys that a token with this id may have been signed with: those of that id, else those without an id.
    pub fn candidates(&self, kid: Option<&str>) -> impl Iterator<Item = &PublicKey> {
        let named = kid.is_some() && self.knows(kid);
        self.keys.iter().filter(move |key| match (kid, key.kid.as_deref()) {
            (None, _) => true,
            (Some(kid), Some(own)) => kid == own,
            (Some(_), None) => !named,
        })
    }
}

fn read(jwk: &Value) -> Option<PublicKey> {
    let text = |name: &str| jwk.get(name).and_then(Value::as_str);
    // RFC 7517 §4.2, §4.3: for signatures, where it says what it is for.
    let verifies = |ops: &Vec<Value>| ops.iter().any(|op| op == "verify");
    if jwk.get("use").is_some_and(|meant| meant != "sig")
        || jwk.get("key_ops").is_some_and(|ops| !ops.as_array().is_some_and(verifies))
    {
        return None;
    }
    let part = |name: &str, length: usize| {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text(name)?).ok()?;
        (bytes.len() == length).then_some(bytes)
    };
    let (kind, decoding) = match (text("kty")?, text("crv")) {
        ("RSA", None) => (KeyKind::Rsa, rsa(text("n")?, text("e")?)?),
        ("EC", Some("P-256")) => (KeyKind::P256, point(&part("x", 32)?, &part("y", 32)?)),
        ("EC", Some("P-384")) => (KeyKind::P384, point(&part("x", 48)?, &part("y", 48)?)),
        ("OKP", Some("Ed25519")) => (KeyKind::Ed25519, DecodingKey::from_ed_der(&part("x", 32)?)),
        _ => return None,
    };
    let alg = match jwk.get("alg") {
        None => None,
        Some(alg) => Some(alg.as_str()?.parse().ok().filter(|alg| kind.fits(*alg))?),
    };
    let kid = match jwk.get("kid") {
        None => None,
        Some(kid) => Some(kid.as_str()?.to_owned()),
    };
    Some(PublicKey { kid, kind, alg, decoding })
}

/// RFC 8725 §3.5 and RFC 7518 §3.3: 2048 bits at least.
fn rsa(n: &str, e: &str) -> Option<DecodingKey> {
    let n = BASE64_URL_SAFE_NO_PAD.decode(n).ok()?;
    let e = BASE64_URL_SAFE_NO_PAD.decode(e).ok()?;
    let (n, e) = (significant(&n), significant(&e));
    let bits = n.len() * 8 - n.first()?.leading_zeros() as usize;
    let odd = |number: &[u8]| number.last().is_some_and(|byte| byte & 1 == 1);
    if !RSA_BITS.contains(&bits) || !odd(n) || !odd(e) || e == [1] || e.len() > 4 {
        return None;
    }
    Some(DecodingKey::from_rsa_raw_components(n, e))
}

fn significant(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|&&byte| byte == 0).count();
    &number[zeros..]
}

/// An uncompressed point (SEC 1 §2.3.3).
fn point(x: &[u8], y: &[u8]) -> DecodingKey {
    DecodingKey::from_ec_der(&[&[4], x, y].concat())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn b64(bytes: &[u8]) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(bytes)
    }

    fn modulus(bits: usize) -> String {
        let mut n = vec![0xFF; bits.div_ceil(8)];
        n[0] >>= (8 - bits % 8) % 8;
        b64(&n)
    }

    #[test]
    fn keys() {
        let (x32, x48, rsa) = (b64(&[7; 32]), b64(&[7; 48]), modulus(2048));
        let table = [
            (json!({"kty": "RSA", "n": rsa, "e": "AQAB"}), Some(KeyKind::Rsa)),
            (
                json!({"kty": "RSA", "n": rsa, "e": "AQAB", "use": "sig", "alg": "RS256", "kid": "a", "x5c": ["…"]}),
                Some(KeyKind::Rsa),
            ),
            (json!({"kty": "RSA", "n": rsa, "e": "AQAB", "key_ops": ["verify"]}), Some(KeyKind::Rsa)),
            (json!({"kty": "RSA", "n": b64(&[&[0][..], &[0xFF; 256]].concat()), "e": "AQAB"}), Some(KeyKind::Rsa)),
            (json!({"kty": "EC", "crv": "P-256", "x": x32, "y": x32}), Some(KeyKind::P256)),
            (json!({"kty": "EC", "crv": "P-384", "x": x48, "y": x48}), Some(KeyKind::P384)),
            (json!({"kty": "OKP", "crv": "Ed25519", "x": x32}), Some(KeyKind::Ed25519)),
            (json!({"kty": "RSA", "n": rsa, "e": "AQAB", "use": "enc"}), None),
            (json!({"kty": "RSA", "n": rsa, "e": "AQAB", "use": 1}), None),
            (json!({"kty": "RSA", "n": rsa, "e": "AQAB", "key_ops": ["encrypt"]}), None),
            (json!({"kty": "RSA", "n": rsa, "e": "AQAB", "key_ops": "verify"}), None),
            (json!({"kty": "RSA", "n": rsa, "e": "AQAB", "alg": "RSA-OAEP"}), None),
            (json!({"kty": "RSA", "n": rsa, "e": "AQAB", "alg": "HS256"}), None),
            (json!({"kty": "RSA", "n": rsa, "e": "AQAB", "alg": "ES256"}), None),
            (json!({"kty": "RSA", "n": rsa, "e": "AQAB", "alg": 7}), None),
            (json!({"kty": "RSA", "n": rsa, "e": "AQAB", "kid": 7}), None),
            (json!({"kty": "RSA", "n": modulus(2047), "e": "AQAB"}), None),
            (json!({"kty": "RSA", "n": modulus(1024), "e": "AQAB"}), None),
            (json!({"kty": "RSA", "n": modulus(8200), "e": "AQAB"}), None),
            (json!({"kty": "RSA", "n": b64(&[0; 256]), "e": "AQAB"}), None),
            (json!({"kty": "RSA", "n": b64(&[0xFE; 256]), "e": "AQAB"}), None),
            (json!({"kty": "RSA", "n": rsa, "e": "AQ"}), None),
            (json!({"kty": "RSA", "n": rsa, "e": ""}), None),
            (json!({"kty": "RSA", "n": "", "e": "AQAB"}), None),
            (json!({"kty": "RSA", "n": "!", "e": "AQAB"}), None),
            (json!({"kty": "RSA"}), None),
            (json!({"kty": "EC", "crv": "P-256", "x": x48, "y": x48}), None),
            (json!({"kty": "EC", "crv": "P-521", "x": x32, "y": x32}), None),
            (json!({"kty": "EC", "crv": "secp256k1", "x": x32, "y": x32}), None),
            (json!({"kty": "EC", "crv": "Ed25519", "x": x32, "y": x32}), None),
            (json!({"kty": "OKP", "crv": "X25519", "x": x32}), None),
            (json!({"kty": "OKP", "crv": "Ed25519", "x": b64(&[7; 31])}), None),
            (json!({"kty": "oct", "k": x32}), None),
            (json!({"kty": "AKP"}), None),
            (json!({}), None),
            (json!("key"), None),
            (json!(null), None),
        ];
        for (jwk, kind) in &table {
            assert_eq!(read(jwk).map(|key| key.kind), *kind, "{jwk}");
        }
        let all: Vec<&Value> = table.iter().map(|(jwk, _)| jwk).collect();
        assert_eq!(KeySet::read(&json!({"keys": all})).map(|set| set.len()), Some(7));
    }

    #[test]
    fn sets() {
        assert!(KeySet::read(&json!({"keys": []})).is_some_and(|set| set.is_empty()));
        for none in [json!({}), json!([]), json!({"keys": {}}), json!(null), json!({"keys": vec![json!({}); 101]})] {
            assert!(KeySet::read(&none).is_none());
        }
    }

    #[test]
    fn candidates_by_id() {
        let key = |kid: Value| json!({"kty": "OKP", "crv": "Ed25519", "x": b64(&[7; 32]), "kid": kid});
        let mut nameless = key(json!("x"));
        nameless.as_object_mut().unwrap().remove("kid");
        let set =
            KeySet::read(&json!({"keys": [key(json!("a")), key(json!("b")), key(json!("a")), nameless]})).unwrap();
        for (kid, knows, candidates) in
            [(None, true, 4), (Some("a"), true, 2), (Some("b"), true, 1), (Some("c"), false, 1)]
        {
            assert_eq!((set.knows(kid), set.candidates(kid).count()), (knows, candidates), "{kid:?}");
        }
    }

    #[test]
    fn a_kind_fits_its_own_algorithms_only() {
        use Algorithm as A;
        let table = [
            (KeyKind::Rsa, &[A::RS256, A::RS384, A::RS512, A::PS256, A::PS384, A::PS512][..]),
            (KeyKind::P256, &[A::ES256]),
            (KeyKind::P384, &[A::ES384]),
            (KeyKind::Ed25519, &[A::EdDSA]),
        ];
        let all = [
            A::HS256,
            A::HS384,
            A::HS512,
            A::RS256,
            A::RS384,
            A::RS512,
            A::PS256,
            A::PS384,
            A::PS512,
            A::ES256,
            A::ES384,
            A::EdDSA,
        ];
        for (kind, own) in table {
            for alg in all {
                assert_eq!(kind.fits(alg), own.contains(&alg), "{kind:?} {alg:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn any_text_is_judged(n in "[A-Za-z0-9_-]{0,400}", e in "[A-Za-z0-9_-]{0,8}", crv in "P-256|Ed25519") {
            let _ = read(&json!({"kty": "RSA", "n": n, "e": e}));
            let _ = read(&json!({"kty": "EC", "crv": crv, "x": n, "y": e}));
            let _ = read(&json!({"kty": "OKP", "crv": crv, "x": n}));
        }
    }
}
