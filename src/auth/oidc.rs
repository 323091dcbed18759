//! ID tokens (OpenID Connect Core §2, §3.1.3.7) judged as evidence of a sign-in.
//!
//! Pure but for the cryptography: settings, keys, token, nonce and time in, verified claims or a named refusal out. The
//! library checks the signature and nothing else; header and claims are read here, once, from exactly the bytes that
//! were signed, with types that do not bend: a number in quotes is no number, a name given twice is no name. The
//! algorithm comes from the connection's list and must fit the key; the header only chooses within that.

#[cfg(test)]
mod tests;

mod json;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::key::{KeySet, PublicKey};
use super::token::same;

const LONGEST_TOKEN: usize = 64 * 1024;
const LONGEST_HEADER: usize = 8 * 1024;
const LONGEST_SUBJECT: usize = 256;
const LONGEST_KID: usize = 512;
const MOST_AUDIENCES: usize = 100;
/// How far two honest clocks may be apart.
const SKEW: i64 = 60_000;
/// 2100-01-01: a later moment in a token is not a time.
const LATEST: i64 = 4_102_444_800;
/// Headers that bring or point to a key, or change what is signed (RFC 7515 §4.1, RFC 7797): no provider of ID tokens
/// needs them, and obeying one hands the choice of key to whoever made the token.
const REFUSED_HEADERS: [&str; 8] = ["jwk", "jku", "x5u", "crit", "b64", "enc", "zip", "cty"];

/// What of a connection's settings a token is judged by.
#[derive(Clone, Debug)]
pub struct OidcRules {
    pub issuer: String,
    pub client_ids: Vec<String>,
    pub algs: Vec<Algorithm>,
    pub nonce_required: bool,
    /// How old evidence may be by its `iat`, in milliseconds.
    pub max_age: i64,
}

impl OidcRules {
    /// Algorithms by their names; `None` if one is unknown or symmetric.
    pub fn algorithms(names: &[String]) -> Option<Vec<Algorithm>> {
        names.iter().map(|name| name.parse().ok().filter(|alg| is_asymmetric(*alg))).collect()
    }
}

/// A token that verified.
#[derive(Clone, Debug, PartialEq)]
pub struct VerifiedToken {
    pub subject: String,
    /// `iat` in milliseconds.
    pub issued_at: i64,
    pub claims: Map<String, Value>,
    /// SHA-256 of the token, in hex.
    pub evidence: String,
}

/// A refusal: `cause` is the API's word for it, `detail` is for whoever runs the application. Neither repeats what the
/// token says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{cause}: {detail}")]
pub struct InvalidEvidence {
    pub cause: &'static str,
    pub detail: &'static str,
}

fn invalid<T>(cause: &'static str, detail: &'static str) -> Result<T, InvalidEvidence> {
    Err(InvalidEvidence { cause, detail })
}

/// The `kid` of a token's header, for fetching the key it needs. Nothing about it is verified yet.
pub fn key_id(id_token: &str) -> Result<Option<String>, InvalidEvidence> {
    Ok(Parts::split(id_token)?.header()?.kid)
}

/// Judges an ID token at the time `now` (milliseconds).
pub fn verify(
    rules: &OidcRules,
    keys: &KeySet,
    id_token: &str,
    nonce: Option<&str>,
    now: i64,
) -> Result<VerifiedToken, InvalidEvidence> {
    let parts = Parts::split(id_token)?;
    let header = parts.header()?;
    let alg = header.algorithm(&rules.algs)?;
    parts.verify_signature(keys, header.kid.as_deref(), alg)?;

    let claims = json::object(parts.payload).ok_or(InvalidEvidence {
        cause: "malformed",
        detail: "the claims are not one JSON object with each name once",
    })?;
    check_issuer(rules, &claims)?;
    check_audience(rules, &claims)?;
    let issued_at = check_times(rules, &claims, now)?;
    check_nonce(rules, &claims, nonce)?;
    let subject = subject(&claims)?;
    let evidence = Sha256::digest(id_token).iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(VerifiedToken { subject, issued_at, claims, evidence })
}

/// The three parts of a compact JWS (RFC 7515 §7.1), still encoded.
struct Parts<'a> {
    header: &'a str,
    payload: &'a str,
    signature: &'a str,
    /// What is signed: header, dot, payload.
    signed: &'a str,
}

struct Header {
    alg: String,
    kid: Option<String>,
}

impl<'a> Parts<'a> {
    fn split(token: &'a str) -> Result<Self, InvalidEvidence> {
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

    fn header(&self) -> Result<Header, InvalidEvidence> {
        if self.header.len() > LONGEST_HEADER {
            return invalid("too_large", "the token's header is longer than 8 KiB");
        }
        let Some(header) = json::object(self.header) else {
            return invalid("malformed", "the header is not one JSON object with each name once");
        };
        if REFUSED_HEADERS.iter().any(|name| header.contains_key(*name)) {
            return invalid("malformed", "the header holds one of jwk, jku, x5u, crit, b64, enc, zip, cty");
        }
        // RFC 8725 §3.11: a token made for another purpose, an access or logout token, is no ID token.
        let is_jwt = |typ: &Value| typ.as_str().is_some_and(|typ| typ.eq_ignore_ascii_case("JWT"));
        if !header.get("typ").is_none_or(is_jwt) {
            return invalid("malformed", "the header's typ is not JWT");
        }
        let Some(alg) = header.get("alg").and_then(Value::as_str) else {
            return invalid("alg", "the header names no algorithm");
        };
        let kid = match header.get("kid") {
            None => None,
            Some(Value::String(kid)) if kid.len() <= LONGEST_KID => Some(kid.clone()),
            Some(_) => return invalid("malformed", "the header's kid is not a text of at most 512 bytes"),
        };
        Ok(Header { alg: alg.to_owned(), kid })
    }

    fn verify_signature(&self, keys: &KeySet, kid: Option<&str>, alg: Algorithm) -> Result<(), InvalidEvidence> {
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
        invalid("signature", "no key of the connection verifies this token")
    }
}

impl Header {
    fn algorithm(&self, allowed: &[Algorithm]) -> Result<Algorithm, InvalidEvidence> {
        let listed = |alg: &Algorithm| is_asymmetric(*alg) && allowed.contains(alg);
        let alg = self.alg.parse().ok().filter(listed);
        alg.map_or_else(|| invalid("alg", "the token's algorithm is not one that the connection allows"), Ok)
    }
}

fn is_asymmetric(alg: Algorithm) -> bool {
    !matches!(alg, Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512)
}

/// OpenID Connect Core §3.1.3.7 step 2, byte for byte.
fn check_issuer(rules: &OidcRules, claims: &Map<String, Value>) -> Result<(), InvalidEvidence> {
    match claims.get("iss") {
        Some(Value::String(issuer)) if *issuer == rules.issuer => Ok(()),
        Some(Value::String(_)) => invalid("issuer", "the token is from another issuer than the connection's"),
        _ => invalid("issuer", "iss is missing or not a text"),
    }
}

/// Steps 3 to 5. An `azp` that is there must be ours even where there is one audience only: it says for whom the token
/// was made, and a sibling's token is not evidence for us.
fn check_audience(rules: &OidcRules, claims: &Map<String, Value>) -> Result<(), InvalidEvidence> {
    let ours = |id: &str| rules.client_ids.iter().any(|own| own == id);
    let audiences: Vec<&str> = match claims.get("aud") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(several)) if (1..=MOST_AUDIENCES).contains(&several.len()) => {
            match several.iter().map(Value::as_str).collect() {
                Some(texts) => texts,
                None => return invalid("audience", "aud holds something that is not a text"),
            }
        }
        _ => return invalid("audience", "aud is missing or neither a text nor a list of texts"),
    };
    if !audiences.iter().any(|audience| ours(audience)) {
        return invalid("audience", "the token is for none of the connection's client ids");
    }
    match claims.get("azp") {
        Some(Value::String(party)) if ours(party) => Ok(()),
        Some(_) => invalid("azp", "the token was made for another application"),
        None if audiences.len() > 1 => invalid("azp", "a token for several audiences must name its party in azp"),
        None => Ok(()),
    }
}

/// Steps 9 and 10, and RFC 7519 §4.1.4 to §4.1.6. Gives `iat` in milliseconds: it becomes the stamp of what the
/// claims say, so one from the future would win over everything.
fn check_times(rules: &OidcRules, claims: &Map<String, Value>, now: i64) -> Result<i64, InvalidEvidence> {
    let (Some(issued_at), Some(expires)) = (moment(claims, "iat")?, moment(claims, "exp")?) else {
        return invalid("malformed", "iat or exp is missing");
    };
    if issued_at > now.saturating_add(SKEW) {
        return invalid("not_yet_valid", "iat is in the future");
    }
    if moment(claims, "nbf")?.is_some_and(|not_before| not_before > now.saturating_add(SKEW)) {
        return invalid("not_yet_valid", "nbf is in the future");
    }
    if expires <= now.saturating_sub(SKEW) {
        return invalid("expired", "exp has passed");
    }
    if now.saturating_sub(issued_at) > rules.max_age {
        return invalid("expired", "the evidence is older than the connection allows");
    }
    Ok(issued_at)
}

/// Whole seconds from 1970 to 2100, in milliseconds. RFC 7519 allows fractions; no provider sends them in an ID token.
fn moment(claims: &Map<String, Value>, name: &str) -> Result<Option<i64>, InvalidEvidence> {
    match claims.get(name) {
        None => Ok(None),
        Some(value) => match value.as_i64() {
            Some(seconds) if (0..LATEST).contains(&seconds) => Ok(Some(seconds * 1000)),
            _ => invalid("malformed", "exp, iat and nbf are whole seconds between 1970 and 2100"),
        },
    }
}

/// Step 11. A nonce that was supplied is always compared, also where it is not required.
fn check_nonce(rules: &OidcRules, claims: &Map<String, Value>, supplied: Option<&str>) -> Result<(), InvalidEvidence> {
    let Some(supplied) = supplied else {
        if rules.nonce_required {
            return invalid("nonce", "the nonce that the application issued must be supplied");
        }
        return Ok(());
    };
    match claims.get("nonce") {
        Some(Value::String(said)) if !supplied.is_empty() && same(said, supplied) => Ok(()),
        _ => invalid("nonce", "the token's nonce is not the one that was supplied"),
    }
}

fn subject(claims: &Map<String, Value>) -> Result<String, InvalidEvidence> {
    match claims.get("sub") {
        Some(Value::String(subject))
            if !subject.is_empty() && subject.len() <= LONGEST_SUBJECT && !subject.chars().any(char::is_control) =>
        {
            Ok(subject.clone())
        }
        _ => invalid("malformed", "sub is missing or not a text of 1 to 256 bytes"),
    }
}

fn decode(part: &str) -> Option<Vec<u8>> {
    BASE64_URL_SAFE_NO_PAD.decode(part).ok()
}
