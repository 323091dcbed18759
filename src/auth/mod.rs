//! Who is calling, and what an identity provider proved.
//!
//! Owns API tokens, ID tokens, the envelopes of brokers and the keys they are verified with, and the one client that speaks to the outside.
//! Knows no SQL and no routes: what it needs from the store it is given, and it hands over values that have verified.
//! Specified by RFC 6750, RFC 7515 to 7519, RFC 8725 and OpenID Connect Core.

pub mod address;
pub mod broker;
pub mod egress;
pub mod jwks;
pub mod jws;
pub mod key;
pub mod oidc;
pub mod signing;
pub mod token;
