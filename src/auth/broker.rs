//! The envelope in which a broker hands over claims: an application that signs people in by itself and says, under its
//! own key, what it learned.
//!
//! A compact JWS (RFC 7515) whose payload is a JWT (RFC 7519) with `iss` (the broker's name), `aud` (the connection, see
//! `jit::broker::audience`), `sub` (the person, in the broker's own words), `iat`, `jti` and `claims`. It is good for a
//! minute and for one use; that it was used is remembered by whoever calls. Its explicit type keeps every other
//! JWT that the same key may sign from being taken for one (RFC 8725 §3.11).

#[cfg(test)]
mod tests;

use jsonwebtoken::Algorithm;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::jws::{Compact, InvalidEvidence, SKEW, invalid, is_asymmetric, moment, name};
use super::key::KeySet;

/// The `typ` of the header.
pub const TYPE: &str = "broker-claims+jwt";
/// How old an envelope may be by its `iat`, in milliseconds.
pub const MAX_AGE: i64 = 60_000;
/// How long after its `iat` an envelope must be remembered, so that no server whose clock honestly differs takes it again.
pub const REMEMBERED: i64 = MAX_AGE + 2 * SKEW;

/// An envelope that verified.
#[derive(Clone, Debug, PartialEq)]
pub struct Envelope {
    pub subject: String,
    /// `iat` in milliseconds.
    pub issued_at: i64,
    /// `jti`.
    pub id: String,
    pub claims: Map<String, Value>,
    /// SHA-256 of the envelope, in hex.
    pub evidence: String,
}

/// Whose envelope this claims to be, so that its keys can be found. Nothing about it is verified yet.
pub fn issuer(envelope: &str) -> Result<String, InvalidEvidence> {
    let claims = Compact::split(envelope)?.claims()?;
    name(&claims, "iss").map_or_else(|| invalid("issuer", "iss is missing or not the name of a broker"), Ok)
}

/// Judges an envelope at the time `now` (milliseconds).
pub fn verify(
    broker: &str,
    audience: &str,
    algs: &[String],
    keys: &KeySet,
    envelope: &str,
    now: i64,
) -> Result<Envelope, InvalidEvidence> {
    let parts = Compact::split(envelope)?;
    let header = parts.header()?;
    if header.is_typed(TYPE) != Some(true) {
        return invalid("malformed", "the header's typ is not broker-claims+jwt");
    }
    let alg = header.algorithm(&algorithms(algs))?;
    parts.verify_signature(keys, header.kid.as_deref(), alg)?;

    let mut said = parts.claims()?;
    if said.get("iss").and_then(Value::as_str) != Some(broker) {
        return invalid("issuer", "iss is not the name of the broker");
    }
    check_audience(audience, &said)?;
    let issued_at = check_times(&said, now)?;
    let Some(id) = name(&said, "jti") else {
        return invalid("malformed", "jti is missing or not a text of 1 to 256 bytes");
    };
    let Some(subject) = name(&said, "sub") else {
        return invalid("malformed", "sub is missing or not a text of 1 to 256 bytes");
    };
    let Some(Value::Object(claims)) = said.remove("claims") else {
        return invalid("malformed", "claims is missing or not an object");
    };
    let evidence = Sha256::digest(envelope).iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Envelope { subject, issued_at, id, claims, evidence })
}

/// Judges the keys that a broker is registered with: public ones, each usable, and one for every algorithm.
pub fn check_keys(jwks: &Value, algs: &[String]) -> Result<(), String> {
    let said = jwks.get("keys").and_then(Value::as_array).map_or(0, Vec::len);
    let keys = KeySet::read(jwks).filter(|keys| keys.len() == said && !keys.is_empty());
    let Some(keys) = keys else {
        return Err("jwks: every key must be a public signature key: RSA of 2048 bits or more, EC P-256 or P-384, or \
                    Ed25519, each with its required members and an alg that fits, if any"
            .to_owned());
    };
    let idle = algorithms(algs).into_iter().find(|alg| !keys.candidates(None).any(|key| key.fits(*alg)));
    idle.map_or(Ok(()), |alg| Err(format!("algs: no key of jwks is one for {alg:?}")))
}

fn algorithms(names: &[String]) -> Vec<Algorithm> {
    names.iter().filter_map(|name| name.parse().ok()).filter(|alg| is_asymmetric(*alg)).collect()
}

/// For us and for nobody else: an envelope that several would take is refused, the others could replay it here.
fn check_audience(audience: &str, said: &Map<String, Value>) -> Result<(), InvalidEvidence> {
    let only = match said.get("aud") {
        Some(Value::Array(several)) if several.len() == 1 => several.first(),
        other => other,
    };
    if only.and_then(Value::as_str) != Some(audience) {
        return invalid("audience", "aud is not the audience of this connection and nothing else");
    }
    Ok(())
}

/// Gives `iat` in milliseconds: it becomes the stamp of what the claims say, so one from the future would win over
/// everything.
fn check_times(said: &Map<String, Value>, now: i64) -> Result<i64, InvalidEvidence> {
    let Some(issued_at) = moment(said, "iat")? else {
        return invalid("malformed", "iat is missing");
    };
    let ahead = now.saturating_add(SKEW);
    if issued_at > ahead || moment(said, "nbf")?.is_some_and(|not_before| not_before > ahead) {
        return invalid("not_yet_valid", "iat or nbf is in the future");
    }
    if now.saturating_sub(issued_at) > MAX_AGE {
        return invalid("expired", "the envelope is older than 60 seconds");
    }
    if moment(said, "exp")?.is_some_and(|expires| expires <= now) {
        return invalid("expired", "exp has passed");
    }
    Ok(issued_at)
}
