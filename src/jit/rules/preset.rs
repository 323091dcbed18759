//! Presets: a few settings under one name, for the start. A preset is written out into the connection's rules when the
//! connection is created and is nothing afterwards: what holds is what the rules say (docs/presets.md).

use std::fmt;
use std::str::FromStr;

use serde_json::{Value, json};
use serde_with::{DeserializeFromStr, SerializeDisplay};

use super::Rules;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, DeserializeFromStr, SerializeDisplay)]
pub enum Preset {
    /// The provider pushes; sign-ins fill the gaps.
    #[default]
    ScimFirst,
    /// Nobody pushes: what sign-ins say is all there is.
    JitOnly,
    /// As Docker's page on just-in-time provisioning says.
    Docker,
}

impl Preset {
    pub const ALL: [Self; 3] = [Self::ScimFirst, Self::JitOnly, Self::Docker];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::ScimFirst => "scim-first",
            Self::JitOnly => "jit-only",
            Self::Docker => "docker",
        }
    }

    /// The rules of a new connection.
    pub fn rules(self, name: &str) -> Rules {
        let rules = Rules::default_for(name);
        // The texts below are this program's own, and a test reads them all.
        rules.patched(&self.settings()).unwrap_or(rules)
    }

    /// Over what a new connection has anyway.
    pub fn settings(self) -> Value {
        // A team is `organization:team`; the organization must be one that the connection serves.
        let teams = json!({"pattern": "^[^:]+:[^:]+$"});
        match self {
            Self::ScimFirst => json!({}),
            Self::JitOnly => json!({"groups": {"create": "pattern", "scope": teams}}),
            Self::Docker => json!({
                "userName": ["email"],
                "handle": "digits",
                "join": {"claims": ["email"], "accounts": "any"},
                "jit": {"accountStep": "always"},
                "default": {"mode": "sticky"},
                "groups": {"match": "displayName", "create": "pattern", "scope": teams},
            }),
        }
    }
}

impl FromStr for Preset {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|preset| preset.as_str() == text);
        known.ok_or_else(|| format!("{text:?} is no preset: scim-first, jit-only or docker"))
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_is_written_out_into_rules() {
        for preset in Preset::ALL {
            let rules = Rules::default_for("k").patched(&preset.settings()).unwrap();
            assert_eq!(preset.rules("k"), rules);
            assert_eq!(Rules::read(&rules.to_value()), Ok(rules.clone()), "{preset}");
            assert_eq!(preset.as_str().parse(), Ok(preset));
            let fully = rules.patched(&json!({"issuer": "https://idp.example", "clientIds": ["app"]}));
            assert!(fully.is_ok_and(|rules| rules.can_sign_in() && rules.jit.enabled));
        }
        assert_eq!(Preset::default().rules("k"), Rules::default_for("k"));
        assert!("Docker".parse::<Preset>().is_err());
    }
}
