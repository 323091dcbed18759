//! A signing key of our own: generated here, never stored, its public half given out as a JWK Set.
//!
//! For the demo's built-in identity provider and for tests; ES256, because every verifier has it.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The machine could not make a key or a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the cryptographic library failed")]
pub struct SigningFailed;

/// An ES256 key pair.
///
/// ```
/// use rollkeeper::auth::signing::SigningKey;
/// let key = SigningKey::generate().unwrap();
/// let token = key.sign(&serde_json::json!({"sub": "00u1"})).unwrap();
/// assert_eq!(token.split('.').count(), 3);
/// assert_eq!(key.jwks()["keys"][0]["crv"], "P-256");
/// ```
pub struct SigningKey {
    pair: EcdsaKeyPair,
    public: Value,
    kid: String,
}

impl SigningKey {
    pub fn generate() -> Result<Self, SigningFailed> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(|_| SigningFailed)?;
        // SEC 1 §2.3.3: 0x04, then 32 bytes of x and 32 of y.
        let [4, point @ ..] = pair.public_key().as_ref() else { return Err(SigningFailed) };
        let Some((x, y)) = point.split_at_checked(32) else { return Err(SigningFailed) };
        let (x, y) = (encode(x), encode(y));
        // RFC 7638 §3: the required members in order of their names, without blanks.
        let kid = encode(&Sha256::digest(format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#)));
        let public = json!({"kty": "EC", "crv": "P-256", "x": x, "y": y, "use": "sig", "alg": "ES256", "kid": kid});
        Ok(Self { pair, public, kid })
    }

    /// The key's RFC 7638 thumbprint.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The public half.
    pub fn jwk(&self) -> &Value {
        &self.public
    }

    pub fn jwks(&self) -> Value {
        json!({"keys": [self.public]})
    }

    /// A JWT of these claims.
    pub fn sign(&self, claims: &Value) -> Result<String, SigningFailed> {
        self.sign_with(&json!({"alg": "ES256", "typ": "JWT", "kid": self.kid}), claims)
    }

    /// A compact JWS with a header of the caller's choice.
    pub fn sign_with(&self, header: &Value, claims: &Value) -> Result<String, SigningFailed> {
        let signed = format!("{}.{}", encode(header.to_string().as_bytes()), encode(claims.to_string().as_bytes()));
        let signature = self.pair.sign(&SystemRandom::new(), signed.as_bytes()).map_err(|_| SigningFailed)?;
        Ok(format!("{signed}.{}", encode(signature.as_ref())))
    }
}

fn encode(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}
