//! A connection's settings: whom its identity provider is, what its claims mean, how far they reach.
//!
//! Stored and edited as one JSON object (the `default_for` a name is what a new connection has: sign-in rules absent,
//! JIT on). A [`Rules`] that exists has been judged as a whole: reading one, from the API or from the store, is the
//! only way to change one, and an unknown setting is refused by name rather than ignored.
//!
//! ```
//! use rollkeeper::jit::rules::Rules;
//! let rules = Rules::default_for("acme-okta")
//!     .patched(&serde_json::json!({"issuer": "https://acme.okta.com", "clientIds": ["0oa1"]}))
//!     .unwrap();
//! assert!(rules.can_sign_in() && rules.jit.enabled);
//! ```

mod check;
mod parts;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::address::{Address, Domain};
use super::span::Span;

pub use parts::{
    Anchor, AttributeRule, Create, Defaults, EmptyText, Groups, Invitations, Jit, Join, Match, Mode, Nonce, OnAbsent,
    OnEmpty, OnOverage, Pattern, Profile, Protocol, Push, Scope, Subject,
};

/// The signature algorithms a connection may allow: asymmetric ones only (RFC 8725 §3.1, §3.2).
pub const ALGORITHMS: [&str; 9] = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"];

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self", rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Rules {
    pub name: String,
    pub protocol: Protocol,
    /// Compared byte for byte with the token's `iss`. Without it nobody signs in here: a connection that only pushes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// The `aud` values that mean the applications of this connection.
    pub client_ids: Vec<String>,
    pub algs: Vec<String>,
    /// The keys themselves, or where they are; with neither, the issuer's discovery document says where.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks_uri: Option<String>,
    pub nonce: Nonce,
    /// How old evidence may be, by its `iat`.
    pub max_age: Span,
    pub subject: Subject,
    pub anchor: Anchor,
    pub join: Join,
    /// Verified for this connection, by DNS or by an administrator's attestation.
    pub domains: Vec<Domain>,
    /// Whoever has no address in `domains` is not created.
    pub restrict_to_domains: bool,
    pub jit: Jit,
    /// Ids or slugs of the organizations whose teams this connection may speak of.
    pub organizations: Vec<String>,
    #[serde(rename = "default")]
    pub defaults: Defaults,
    pub groups: Groups,
    pub push: Push,
    pub attributes: Vec<AttributeRule>,
    /// The claims that may become the `userName` of a person created here, the first that is there.
    pub user_name: Vec<String>,
}

impl Rules {
    /// What a new connection has: no issuer yet, JIT on, the ordinary OpenID Connect mapping.
    pub fn default_for(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// Reads and judges; the error is one sentence for whoever wrote the settings.
    pub fn read(settings: &Value) -> Result<Self, String> {
        <Self as Deserialize>::deserialize(settings).map_err(|e| e.to_string())
    }

    /// These settings with a JSON merge patch applied (RFC 7396: `null` puts a setting back to its default), judged
    /// again as a whole.
    pub fn patched(&self, patch: &Value) -> Result<Self, String> {
        if !patch.is_object() {
            return Err("settings are a JSON object".to_owned());
        }
        let mut settings = self.to_value();
        merge(&mut settings, patch);
        Self::read(&settings)
    }

    /// The stored form.
    pub fn to_value(&self) -> Value {
        // Serialising plain structs with text keys into a tree cannot fail.
        serde_json::to_value(self).unwrap_or_default()
    }

    pub fn can_sign_in(&self) -> bool {
        self.issuer.is_some()
    }

    /// In which directory an anchor of this connection is a name. Its own unless an administrator names one: two
    /// connections share people only by such an act, and giving a connection an issuer later moves nobody.
    pub fn namespace(&self, connection: &str) -> String {
        self.anchor.namespace.clone().unwrap_or_else(|| format!("connection:{connection}"))
    }

    pub fn owns(&self, domain: &Domain) -> bool {
        self.domains.contains(domain)
    }

    /// Whether an address counts as that person's own. One that lies in a domain verified for this connection does
    /// unless the identity provider says that it is not verified: a connection has exactly one issuer.
    pub fn vouches_for(&self, address: &Address, verified: Option<bool>) -> bool {
        self.owns(&address.domain) && verified != Some(false)
    }

    /// Whether a group of this name may be touched by this connection's claims.
    pub fn in_scope(&self, group_name: &str) -> bool {
        self.groups.scope.pattern.as_ref().is_none_or(|pattern| pattern.matches(group_name))
    }

    /// Whether a group value of a claim is to be looked up as an `externalId` (else as a name).
    pub fn is_group_id(&self, value: &str) -> bool {
        match self.groups.by {
            Match::ExternalId => true,
            Match::DisplayName => false,
            Match::Auto => id_shaped(value),
        }
    }
}

impl Default for Rules {
    fn default() -> Self {
        let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
        Self {
            name: "default".to_owned(),
            protocol: Protocol::Oidc,
            issuer: None,
            client_ids: Vec::new(),
            algs: texts(&["RS256"]),
            jwks: None,
            jwks_uri: None,
            nonce: Nonce::default(),
            max_age: Span::minutes(10),
            subject: Subject::Stable,
            anchor: Anchor::default(),
            join: Join::default(),
            domains: Vec::new(),
            restrict_to_domains: false,
            jit: Jit::default(),
            organizations: Vec::new(),
            defaults: Defaults::default(),
            groups: Groups::default(),
            push: Push::default(),
            attributes: AttributeRule::ordinary(),
            user_name: texts(&["preferred_username", "upn", "email"]),
        }
    }
}

// `remote = "Self"` derives the plain reading as an inherent function; what the world calls judges as well.
impl<'de> Deserialize<'de> for Rules {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let rules = Rules::deserialize(deserializer)?;
        check::whole(&rules).map_err(serde::de::Error::custom)?;
        Ok(rules)
    }
}

impl Serialize for Rules {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Rules::serialize(self, serializer)
    }
}

/// RFC 7396 §2.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    let Value::Object(target) = target else { return };
    for (name, value) in patch {
        if value.is_null() {
            target.shift_remove(name);
        } else {
            merge(target.entry(name.clone()).or_insert(Value::Null), value);
        }
    }
}

/// Forms that identity providers give to group ids and people do not give to group names: a UUID (Entra, Keycloak),
/// a Windows SID, an Okta id.
fn id_shaped(value: &str) -> bool {
    let okta = |v: &str| v.len() == 20 && v.starts_with("00g") && v.bytes().all(|b| b.is_ascii_alphanumeric());
    let sid = |v: &str| v.strip_prefix("S-1-").is_some_and(|r| r.bytes().all(|b| b.is_ascii_digit() || b == b'-'));
    (value.len() == 36 && uuid::Uuid::try_parse(value).is_ok()) || okta(value) || sid(value)
}

/// Claim value to group id, before any look-up by `externalId` or name.
pub type Table = BTreeMap<String, String>;
