//! Brokers: applications that sign people in by themselves and hand over claims under their own key, and the ceiling
//! that says how far those claims reach.
//!
//! A broker speaks within a connection and below it: whatever the connection's rules would read of a claim, the ceiling
//! decides first whether this broker may say it. What it may not say is left out and counted, never an error; only an
//! address or a user name in a foreign domain refuses the sign-in. A broker has its own space of subjects, so it never
//! speaks as somebody who signed in through the identity provider unless its ceiling lets it name the anchor.

#[cfg(test)]
mod tests;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use super::address::{Address, Domain};
use super::claims::{self, AttributeClaim, Claims, GroupsClaim, Statement};
use super::rules::{ALGORITHMS, Rules};

/// What keys of one broker are for: the current one, the next one, and a few that are on their way out.
const MOST_KEYS: usize = 20;
const MOST: usize = 100;
/// Members of a JWK that only a private or a symmetric key has (RFC 7518 §6.2.2, §6.3.2, §6.4).
const SECRET: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];
/// The claim that is left out has this reason in the trace.
const ABOVE: &str = "above_ceiling";

/// Settings of one broker. Reading them judges them as a whole.
///
/// ```
/// use rollkeeper::jit::broker::Broker;
/// let key = serde_json::json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
/// let broker = Broker::read(&serde_json::json!({"jwks": {"keys": [key]}, "algs": ["EdDSA"]})).unwrap();
/// assert!(!broker.ceiling.groups && broker.ceiling.claims.contains(&"email".to_owned()));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self", rename_all = "camelCase", deny_unknown_fields)]
pub struct Broker {
    /// Its public keys, a JWK Set.
    pub jwks: Value,
    /// The signature algorithms it may use.
    #[serde(default = "es256")]
    pub algs: Vec<String>,
    #[serde(default)]
    pub ceiling: Ceiling,
}

/// What a broker may assert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Ceiling {
    /// The claims, by the name of the first level.
    pub claims: Vec<String>,
    /// The domains its addresses and user names may lie in; none: any. What is verified is the connection's own affair.
    pub domains: Vec<Domain>,
    /// Whether it may name the anchor, and so speak of the person that this connection pushes under it.
    pub anchor: bool,
    /// Whether a first sign-in may join a person who is already there by a name or a verified address.
    pub join: bool,
    pub groups: bool,
    pub roles: bool,
}

impl Default for Ceiling {
    fn default() -> Self {
        let claims = ["email", "email_verified", "name", "given_name", "family_name", "preferred_username"];
        Self {
            claims: claims.map(str::to_owned).into(),
            domains: Vec::new(),
            anchor: false,
            join: false,
            groups: false,
            roles: false,
        }
    }
}

impl Broker {
    /// Reads and judges; the error is one sentence for whoever wrote the settings.
    pub fn read(settings: &Value) -> Result<Self, String> {
        <Self as Deserialize>::deserialize(settings).map_err(|e| e.to_string())
    }

    /// The stored form.
    pub fn to_value(&self) -> Value {
        // Serialising plain structs with text keys into a tree cannot fail.
        serde_json::to_value(self).unwrap_or_default()
    }
}

impl<'de> Deserialize<'de> for Broker {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let broker = Broker::deserialize(deserializer)?;
        check(&broker).map_err(serde::de::Error::custom)?;
        Ok(broker)
    }
}

impl Serialize for Broker {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Broker::serialize(self, serializer)
    }
}

/// The `aud` of envelopes for one connection. It depends on nothing that a request says.
pub fn audience(tenant: &str, connection: &str) -> String {
    format!("urn:rollkeeper:{tenant}:{connection}")
}

/// A broker's subject among the subjects of its connection. No ID token may name one that begins so.
pub fn subject(broker: &str, subject: &str) -> String {
    format!("urn:rollkeeper:broker:{broker}:{subject}")
}

impl Ceiling {
    /// The connection's rules as they hold below this ceiling.
    pub fn narrow(&self, rules: &Rules) -> Rules {
        let mut rules = rules.clone();
        rules.join.enabled &= self.join;
        rules
    }

    /// Reads what a broker said, by the connection's rules and no further than the ceiling. `own`: the subject in the
    /// broker's own words.
    pub fn read(&self, rules: &Rules, said: &Statement, own: &str) -> Claims {
        let (kept, above): (Map<_, _>, Map<_, _>) =
            said.claims.clone().into_iter().partition(|(name, _)| self.allows(rules, name));
        let mut claims = claims::read(&self.narrow(rules), &Statement { claims: kept, ..said.clone() });
        if !above.is_empty() {
            claims.skipped.insert(ABOVE, above.len());
        }
        claims.anchor = match (self.anchor, &rules.anchor.claim) {
            (false, _) => Some(said.subject.clone()),
            (true, None) => Some(own.to_owned()),
            (true, Some(_)) => claims.anchor,
        };
        if !self.groups {
            claims.groups = GroupsClaim::Absent;
        }
        if !self.roles {
            claims.roles = None;
        }
        if let Some(email) = &mut claims.email {
            // A provider has proved its domain as a whole; an application says of each address whether it was proved.
            email.verified = Some(email.verified == Some(true) && rules.owns(&email.address.domain));
            email.vouched = email.verified == Some(true);
            let said = email.address.said.clone();
            if !email.vouched {
                claims.join_values.retain(|value| *value != said);
            }
        }
        claims
    }

    /// Whether an address or a user name lies where this broker may not speak.
    pub fn is_above(&self, claims: &Claims) -> bool {
        let foreign = |text: &str| text.parse::<Address>().is_ok_and(|address| !self.domains.contains(&address.domain));
        let addresses = claims.attributes.iter().filter(|(to, _)| to.eq_ignore_ascii_case("emails"));
        let mapped = addresses.filter_map(|(_, claim)| match claim {
            AttributeClaim::Value(value) => value[0]["value"].as_str(),
            AttributeClaim::Empty => None,
        });
        let named = claims.email.as_ref().map(|email| email.address.said.as_str());
        !self.domains.is_empty() && named.into_iter().chain(claims.user_name.as_deref()).chain(mapped).any(foreign)
    }

    /// A claim of the first level. A place further down is reached through the name that stands first.
    fn allows(&self, rules: &Rules, name: &str) -> bool {
        let is = |place: &str| place == name || claims::root(place).as_deref() == Some(name);
        let groups = &rules.groups.claim;
        let is_link = |claim: &String| name == format!("{claim}.link");
        let cut_off = || matches!(name, "_claim_names" | "hasgroups") || groups.iter().any(is_link);
        self.claims.iter().any(|allowed| allowed == name)
            || (self.groups && (groups.iter().any(|claim| is(claim)) || cut_off()))
            || (self.roles && rules.roles.from.as_deref().is_some_and(is))
            || (self.anchor && rules.anchor.claim.as_deref().is_some_and(is))
            || (self.join && rules.join.claims.iter().any(|claim| is(claim)))
    }
}

fn check(broker: &Broker) -> Result<(), String> {
    let keys = broker.jwks.get("keys").and_then(Value::as_array);
    let Some(keys) = keys.filter(|keys| (1..=MOST_KEYS).contains(&keys.len()) && keys.iter().all(Value::is_object))
    else {
        return Err(format!("jwks: a JWK Set is {{\"keys\": […]}} with 1 to {MOST_KEYS} keys"));
    };
    if keys.iter().any(|key| SECRET.iter().any(|member| key.get(member).is_some())) {
        return Err(
            "jwks: holds a private or symmetric key; register the public half only, and make a new key, because \
                    this one is no secret any more"
                .to_owned(),
        );
    }
    if broker.algs.is_empty() || broker.algs.iter().any(|alg| !ALGORITHMS.contains(&alg.as_str())) {
        return Err(format!("algs: one or more of {}", ALGORITHMS.join(", ")));
    }
    let ceiling = &broker.ceiling;
    if ceiling.claims.len() > MOST || ceiling.domains.len() > MOST {
        return Err(format!("ceiling: at most {MOST} claims and {MOST} domains"));
    }
    if ceiling.claims.iter().any(|name| name.is_empty() || name.len() > 256 || name.chars().any(char::is_control)) {
        return Err("ceiling.claims: names of 1 to 256 bytes without control characters".to_owned());
    }
    Ok(())
}

fn es256() -> Vec<String> {
    vec!["ES256".to_owned()]
}
