//! A connection's settings as flags. All of them together are one merge patch (RFC 7396) on what the connection has, so
//! that they are judged as a whole, like the ones that come over HTTP.

use std::fs;
use std::io::Read;

use serde_json::{Map, Value, json};

use super::Failure;
use crate::jit::rules::Rules;

#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "Settings of the connection")]
pub struct Settings {
    /// What people call it
    #[arg(long, value_name = "LABEL")]
    name: Option<String>,
    /// The identity provider, exactly as its tokens say in `iss`
    #[arg(long, value_name = "URL")]
    issuer: Option<String>,
    /// An audience that means your applications; adds to those there are. Repeatable
    #[arg(long = "client-id", value_name = "ID")]
    client_ids: Vec<String>,
    /// The signature algorithms to accept, instead of those there are [a new connection has RS256]. Repeatable
    #[arg(long = "alg", value_name = "ALG")]
    algs: Vec<String>,
    /// Where its keys are [default: where the issuer's discovery document says]
    #[arg(long, value_name = "URL", conflicts_with = "jwks")]
    jwks_uri: Option<String>,
    /// Its keys themselves, a JWK Set
    #[arg(long, value_name = "FILE")]
    jwks: Option<String>,
    /// The claim that equals what it pushes as externalId, for example oid [default: the subject]
    #[arg(long, value_name = "CLAIM")]
    anchor_claim: Option<String>,
    /// The directory that anchors are names in; connections that share it share people
    #[arg(long, value_name = "NAMESPACE")]
    namespace: Option<String>,
    /// The claims that may join a first sign-in to a person, instead of those there are [a new connection has email].
    /// Repeatable
    #[arg(long = "join-claim", value_name = "CLAIM")]
    join_claims: Vec<String>,
    /// A domain that you attest to be its own; adds to those there are. Repeatable
    #[arg(long = "domain", value_name = "DOMAIN")]
    domains: Vec<String>,
    /// An organization whose teams it may speak of; adds to those there are. Repeatable
    #[arg(long = "organization", value_name = "SLUG")]
    organizations: Vec<String>,
    /// Where whoever is pushed or signs in belongs at least
    #[arg(long, value_name = "SLUG")]
    default_organization: Option<String>,
    /// The team of that organization for whoever is in no other
    #[arg(long, value_name = "TEAM")]
    default_team: Option<String>,
    /// fallback (while the person is in no other team), always, or sticky (given once, at a sign-in)
    #[arg(long, value_name = "MODE")]
    default_mode: Option<String>,
    /// A claim with groups; of several the first that states a list counts [default: groups]. Repeatable
    #[arg(long = "group-claim", value_name = "CLAIM")]
    group_claims: Vec<String>,
    /// Only groups whose name matches this regular expression may be touched, by pushes and by claims
    #[arg(long, value_name = "PATTERN")]
    group_pattern: Option<String>,
    /// Whether signing in makes accounts and changes memberships [a new connection has on]
    #[arg(long, value_name = "on|off", value_parser = ["on", "off"], hide_possible_values = true)]
    jit: Option<String>,
    /// Any settings, as a JSON merge patch; `-` reads standard input. The other flags go over it
    #[arg(long, value_name = "FILE")]
    rules: Option<String>,
}

impl Settings {
    /// The settings after these flags.
    pub fn applied_to(&self, rules: &Rules) -> Result<Rules, Failure> {
        rules.patched(&self.patch(rules)?).map_err(Failure::Refused)
    }

    fn patch(&self, rules: &Rules) -> Result<Value, Failure> {
        let mut patch = match &self.rules {
            Some(file) => read_json("--rules", file)?,
            None => json!({}),
        };
        if !patch.is_object() {
            return Err(Failure::refused("--rules: settings are one JSON object"));
        }
        let mut set = |path: &[&str], value: Option<Value>| {
            if let Some(value) = value {
                put(&mut patch, path, value);
            }
        };
        let text = |flag: &Option<String>| flag.clone().map(Value::from);
        let list = |flags: &[String]| (!flags.is_empty()).then(|| Value::from(flags));
        set(&["name"], text(&self.name));
        set(&["issuer"], text(&self.issuer));
        set(&["algs"], list(&self.algs));
        set(&["anchor", "claim"], text(&self.anchor_claim));
        set(&["anchor", "namespace"], text(&self.namespace));
        set(&["join", "claims"], list(&self.join_claims));
        set(&["default", "organization"], text(&self.default_organization));
        set(&["default", "group"], text(&self.default_team));
        set(&["default", "mode"], text(&self.default_mode));
        set(&["groups", "claim"], list(&self.group_claims));
        set(&["groups", "scope", "pattern"], text(&self.group_pattern));
        set(&["jit", "enabled"], self.jit.as_ref().map(|jit| Value::from(jit == "on")));
        if let Some(uri) = &self.jwks_uri {
            set(&["jwks"], Some(Value::Null));
            set(&["jwksUri"], Some(uri.clone().into()));
        }
        if let Some(file) = &self.jwks {
            set(&["jwksUri"], Some(Value::Null));
            set(&["jwks"], Some(read_json("--jwks", file)?));
        }
        let domains: Vec<String> = rules.domains.iter().map(ToString::to_string).collect();
        for (name, known, added) in [
            ("clientIds", &rules.client_ids, &self.client_ids),
            ("domains", &domains, &self.domains),
            ("organizations", &rules.organizations, &self.organizations),
        ] {
            add(&mut patch, name, known, added);
        }
        Ok(patch)
    }
}

/// Sets what `path` leads to, making the objects on the way.
fn put(patch: &mut Value, path: &[&str], value: Value) {
    let Some((last, above)) = path.split_last() else { return };
    let mut place = patch;
    for name in above {
        if !place[*name].is_object() {
            place[*name] = Value::Object(Map::new());
        }
        place = &mut place[*name];
    }
    place[*last] = value;
}

/// The list that the patch names, else the one that is there, with what the flags add.
fn add(patch: &mut Value, name: &str, known: &[String], added: &[String]) {
    if added.is_empty() {
        return;
    }
    let mut list = match patch.get(name) {
        Some(Value::Array(list)) => list.clone(),
        Some(_) => Vec::new(),
        None => known.iter().cloned().map(Value::from).collect(),
    };
    for value in added {
        if !list.iter().any(|known| known == value) {
            list.push(value.clone().into());
        }
    }
    patch[name] = list.into();
}

pub(super) fn read_json(flag: &str, file: &str) -> Result<Value, Failure> {
    let text = if file == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        fs::read_to_string(file)
    };
    let text = text.map_err(|error| Failure::Refused(format!("{flag}: {file}: {error}")))?;
    serde_json::from_str(&text).map_err(|error| Failure::Refused(format!("{flag}: {file} is not JSON: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(values: &[&str]) -> Vec<String> {
        values.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn flags_become_settings() {
        let settings = Settings {
            issuer: Some("https://acme.okta.com".into()),
            client_ids: texts(&["0oa1", "0oa2"]),
            algs: texts(&["ES256"]),
            domains: texts(&["acme.com"]),
            default_organization: Some("acme".into()),
            default_team: Some("everyone".into()),
            group_pattern: Some("^acme:".into()),
            jit: Some("off".into()),
            ..Settings::default()
        };
        let rules = settings.applied_to(&Rules::default_for("okta")).unwrap();
        assert_eq!(rules.client_ids, ["0oa1", "0oa2"]);
        assert_eq!(rules.algs, ["ES256"]);
        assert_eq!(rules.defaults.group.as_deref(), Some("everyone"));
        assert!(!rules.jit.enabled && rules.jit.create && rules.in_scope("acme:staff") && !rules.in_scope("other"));
    }

    #[test]
    fn audiences_domains_and_organizations_are_added_and_algorithms_replaced() {
        let before = Rules::default_for("okta")
            .patched(&json!({"issuer": "https://a.example", "clientIds": ["one"], "domains": ["a.com"]}))
            .unwrap();
        let settings = Settings {
            client_ids: texts(&["one", "two"]),
            domains: texts(&["b.com"]),
            algs: texts(&["PS256"]),
            ..Settings::default()
        };
        let after = settings.applied_to(&before).unwrap();
        assert_eq!(after.client_ids, ["one", "two"]);
        assert_eq!(after.domains.iter().map(ToString::to_string).collect::<Vec<_>>(), ["a.com", "b.com"]);
        assert_eq!(after.algs, ["PS256"]);
        assert_eq!(Settings::default().applied_to(&before).unwrap(), before);
    }

    #[test]
    fn an_address_takes_the_place_of_inline_keys() {
        let keys = json!({"keys": [{"kty": "EC"}]});
        let inline = json!({"issuer": "https://a.example", "clientIds": ["one"], "jwks": keys});
        let before = Rules::default_for("okta").patched(&inline).unwrap();
        let settings = Settings { jwks_uri: Some("https://a.example/keys".into()), ..Settings::default() };
        let after = settings.applied_to(&before).unwrap();
        assert_eq!((after.jwks, after.jwks_uri.as_deref()), (None, Some("https://a.example/keys")));
    }

    #[test]
    fn what_cannot_be_right_is_refused_in_a_sentence() {
        let settings = Settings { default_team: Some("everyone".into()), ..Settings::default() };
        let refused = settings.applied_to(&Rules::default_for("okta")).unwrap_err();
        assert!(refused.to_string().contains("default.organization"), "{refused}");
    }
}
