//! ID tokens (OpenID Connect Core §2, §3.1.3.7) judged as evidence of a sign-in.
//!
//! Pure but for the cryptography: settings, keys, token, nonce and time in, verified claims or a named refusal out. Form,
//! header and signature are [`jws`](super::jws)'s; here is what the claims must say, with types that do not bend: a number
//! in quotes is no number, a name given twice is no name.

#[cfg(test)]
mod tests;

use jsonwebtoken::Algorithm;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::jws::{Compact, InvalidEvidence, SKEW, invalid, is_asymmetric, moment, name};
use super::key::KeySet;
use super::token::same;

/// Subjects of brokers begin so; nobody's ID token may name one.
const RESERVED: &str = "urn:rollkeeper:";
const MOST_AUDIENCES: usize = 100;

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

/// The `kid` of a token's header, for fetching the key it needs. Nothing about it is verified yet.
pub fn key_id(id_token: &str) -> Result<Option<String>, InvalidEvidence> {
    Ok(Compact::split(id_token)?.header()?.kid)
}

/// Judges an ID token at the time `now` (milliseconds).
pub fn verify(
    rules: &OidcRules,
    keys: &KeySet,
    id_token: &str,
    nonce: Option<&str>,
    now: i64,
) -> Result<VerifiedToken, InvalidEvidence> {
    let parts = Compact::split(id_token)?;
    let header = parts.header()?;
    // RFC 8725 §3.11: a token made for another purpose, an access or logout token, is no ID token.
    if header.is_typed("JWT") == Some(false) {
        return invalid("malformed", "the header's typ is not JWT");
    }
    let alg = header.algorithm(&rules.algs)?;
    parts.verify_signature(keys, header.kid.as_deref(), alg)?;
    let claims = parts.claims()?;
    check_issuer(rules, &claims)?;
    check_audience(rules, &claims)?;
    let issued_at = check_times(rules, &claims, now)?;
    check_nonce(rules, &claims, nonce)?;
    let subject = subject(&claims)?;
    let evidence = Sha256::digest(id_token).iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(VerifiedToken { subject, issued_at, claims, evidence })
}

/// What the provider's userinfo endpoint said beside a token (OpenID Connect Core §5.3.2): its `sub` must be the token's, byte
/// for byte. The application fetched it and nobody signed it, so it adds claims and changes none.
pub fn with_userinfo(token: VerifiedToken, userinfo: Map<String, Value>) -> Result<VerifiedToken, InvalidEvidence> {
    if userinfo.get("sub").and_then(Value::as_str) != Some(token.subject.as_str()) {
        return invalid("userinfo", "the sub of userinfo is not the sub of the token");
    }
    let mut digest = Sha256::new_with_prefix(&token.evidence);
    digest.update(Value::Object(userinfo.clone()).to_string());
    let evidence = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    let mut claims = token.claims;
    for (name, value) in userinfo {
        claims.entry(name).or_insert(value);
    }
    Ok(VerifiedToken { claims, evidence, ..token })
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
    match name(claims, "sub") {
        Some(subject) if !subject.starts_with(RESERVED) => Ok(subject),
        _ => invalid("malformed", "sub is missing, not a text of 1 to 256 bytes, or begins with urn:rollkeeper:"),
    }
}
