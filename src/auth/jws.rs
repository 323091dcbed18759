//! A compact JWS (RFC 7515) read as evidence: form, header, signature, and times that do not bend.
//!
//! Pure but for the cryptography. What the claims must say is the business of whoever reads them: ID tokens in
//! [`oidc`](super::oidc), envelopes of a broker in [`broker`](super::broker). The library checks the signature and nothing
//! else; header and claims are read here, once, from exactly the bytes that were signed. The algorithm comes from the
//! settings' list and must fit the key; the header only chooses within that (RFC 8725 §3.1).

mod json;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use serde_json::{Map, Value};

use super::key::{KeySet, PublicKey};

const LONGEST_TOKEN: usize = 64 * 1024;
const LONGEST_HEADER: usize = 8 * 1024;
const LONGEST_NAME: usize = 256;
const LONGEST_KID: usize = 512;
/// How far two honest clocks may be apart.
pub(super) const SKEW: i64 = 60_000;
/// 2100-01-01: a later moment in a token is not a time.
pub(super) const LATEST: i64 = 4_102_444_800;
/// Headers that bring or point to a key, or change what is signed (RFC 7515 §4.1, RFC 7797): nobody who signs evidence
/// needs them, and obeying one hands the choice of key to whoever made the token.
const REFUSED_HEADERS: [&str; 8] = ["jwk", "jku", "x5u", "crit", "b64", "enc", "zip", "cty"];

/// A refusal: `cause` is the API's word for it, `detail` is for whoever runs the application. Neither repeats what the
/// token says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{cause}: {detail}")]
pub struct InvalidEvidence {
    pub cause: &'static str,
    pub detail: &'static str,
}

pub(super) fn invalid<T>(cause: &'static str, detail: &'static str) -> Result<T, InvalidEvidence> {
    Err(InvalidEvidence { cause, detail })
}

/// The three parts of a compact JWS (RFC 7515 §7.1), still encoded.
pub(super) struct Compact<'a> {
    header: &'a str,
    payload: &'a str,
    signature: &'a str,
    /// What is signed: header, dot, payload.
    signed: &'a str,
}

pub(super) struct Header {
    alg: String,
    pub kid: Option<String>,
    typ: Option<Value>,
}

impl<'a> Compact<'a> {
    pub fn split(token: &'a str) -> Result<Self, InvalidEvidence> {
        if token.len() > LONGEST_TOKEN {
            return invalid("too_large", "the token is longer than 64 KiB");
        }
        let split = || {
            let (signed, signature) = token.rsplit_once('.')?;
            let (header, payload) = signed.split_once('.')?;
            (!payload.contains('.')).then_some(Self { header, payload, signature, signed })
        };
        split().map_or_else(|| invalid("malformed", "the token is not three parts with dots between them"), Ok)
    }

    pub fn header(&self) -> Result<Header, InvalidEvidence> {
        if self.header.len() > LONGEST_HEADER {
            return invalid("too_large", "the token's header is longer than 8 KiB");
        }
        let Some(header) = json::object(self.header) else {
            return invalid("malformed", "the header is not one JSON object with each name once");
        };
        if REFUSED_HEADERS.iter().any(|name| header.contains_key(*name)) {
            return invalid("malformed", "the header holds one of jwk, jku, x5u, crit, b64, enc, zip, cty");
        }
        let Some(alg) = header.get("alg").and_then(Value::as_str) else {
            return invalid("alg", "the header names no algorithm");
        };
        let kid = match header.get("kid") {
            None => None,
            Some(Value::String(kid)) if kid.len() <= LONGEST_KID => Some(kid.clone()),
            Some(_) => return invalid("malformed", "the header's kid is not a text of at most 512 bytes"),
        };
        Ok(Header { alg: alg.to_owned(), kid, typ: header.get("typ").cloned() })
    }

    /// What the payload says. Nothing about it is verified before [`verify_signature`](Self::verify_signature).
    pub fn claims(&self) -> Result<Map<String, Value>, InvalidEvidence> {
        let claims = json::object(self.payload);
        claims.map_or_else(|| invalid("malformed", "the claims are not one JSON object with each name once"), Ok)
    }

    pub fn verify_signature(&self, keys: &KeySet, kid: Option<&str>, alg: Algorithm) -> Result<(), InvalidEvidence> {
        let verifies = |key: &&PublicKey| {
            jsonwebtoken::crypto::verify(self.signature, self.signed.as_bytes(), &key.decoding, alg) == Ok(true)
        };
        let (fitting, others): (Vec<_>, Vec<_>) = keys.candidates(kid).partition(|key| key.fits(alg));
        if fitting.iter().any(verifies) {
            return Ok(());
        }
        if fitting.is_empty() && !others.is_empty() {
            return invalid("alg", "the key of this token is not one for its algorithm");
        }
        invalid("signature", "no key that is registered for it verifies this token")
    }
}

impl Header {
    /// Whether the token says that it was made for this purpose (RFC 8725 §3.11); `None` if it does not say.
    pub fn is_typed(&self, typ: &str) -> Option<bool> {
        let said = self.typ.as_ref()?;
        Some(said.as_str().is_some_and(|said| said.eq_ignore_ascii_case(typ)))
    }

    pub fn algorithm(&self, allowed: &[Algorithm]) -> Result<Algorithm, InvalidEvidence> {
        let listed = |alg: &Algorithm| is_asymmetric(*alg) && allowed.contains(alg);
        let alg = self.alg.parse().ok().filter(listed);
        alg.map_or_else(|| invalid("alg", "the token's algorithm is not one that its settings allow"), Ok)
    }
}

pub(super) fn is_asymmetric(alg: Algorithm) -> bool {
    !matches!(alg, Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512)
}

/// Whole seconds from 1970 to 2100, in milliseconds. RFC 7519 allows fractions; no provider sends them in an ID token.
pub(super) fn moment(claims: &Map<String, Value>, name: &str) -> Result<Option<i64>, InvalidEvidence> {
    match claims.get(name) {
        None => Ok(None),
        Some(value) => match value.as_i64() {
            Some(seconds) if (0..LATEST).contains(&seconds) => Ok(Some(seconds * 1000)),
            _ => invalid("malformed", "exp, iat and nbf are whole seconds between 1970 and 2100"),
        },
    }
}

/// An external text that names somebody or something: 1 to 256 bytes, no control characters.
pub(super) fn name(claims: &Map<String, Value>, name: &str) -> Option<String> {
    let text = claims.get(name)?.as_str()?;
    let usable = !text.is_empty() && text.len() <= LONGEST_NAME && !text.chars().any(char::is_control);
    usable.then(|| text.to_owned())
}

fn decode(part: &str) -> Option<Vec<u8>> {
    BASE64_URL_SAFE_NO_PAD.decode(part).ok()
}
