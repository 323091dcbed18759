//! Which roles a connection gives in the organizations that it serves.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::reconcile::ROLES;

/// From a claim, from a table of groups, or both: a claim that means something goes before the table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Roles {
    /// The claim with the person's roles: one text, or a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// What a value of the claim means.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub map: BTreeMap<String, String>,
    /// What being in a team means, by this connection's word: the id of the team and the role.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub groups: BTreeMap<String, String>,
    /// Roles beside `member`, `editor` and `owner`.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub others: BTreeSet<String>,
    pub mode: RoleMode,
}

/// Whether each sign-in states the roles anew, or the first one once and for all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RoleMode {
    #[default]
    Continuous,
    First,
}

/// How many entries a table has.
const LONGEST: usize = 500;
const MOST_OTHERS: usize = 20;

impl Roles {
    pub fn knows(&self, role: &str) -> bool {
        ROLES.contains(&role) || self.others.contains(role)
    }

    pub(super) fn check(&self) -> Result<(), String> {
        if self.map.len() > LONGEST || self.groups.len() > LONGEST {
            return Err(format!("roles.map and roles.groups have at most {LONGEST} entries each"));
        }
        if self.others.len() > MOST_OTHERS {
            return Err(format!("roles.others has at most {MOST_OTHERS} entries"));
        }
        for role in &self.others {
            let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
            if role.is_empty() || role.len() > 32 || !role.bytes().all(good) {
                return Err(format!("roles.others: {role:?} is no role: 1 to 32 of a-z, 0-9, '-' and '_'"));
            }
        }
        for (table, value, role) in self
            .map
            .iter()
            .map(|(value, role)| ("map", value, role))
            .chain(self.groups.iter().map(|(value, role)| ("groups", value, role)))
        {
            if !self.knows(role) {
                return Err(format!(
                    "roles.{table}: {value:?} means {role:?}, which is no role: {}, or one of roles.others",
                    ROLES.join(", ")
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::jit::rules::Rules;

    #[test]
    fn what_a_role_may_be() {
        let read = |roles: serde_json::Value| Rules::default_for("okta").patched(&json!({"roles": roles}));
        assert!(read(json!({"from": "roles", "map": {"Docker.Owner": "owner"}})).is_ok());
        assert!(read(json!({"map": {"Docker.Money": "billing"}, "others": ["billing"]})).is_ok());
        for (roles, named) in [
            (json!({"map": {"Docker.Money": "billing"}}), "billing"),
            (json!({"groups": {"g": "root"}}), "root"),
            (json!({"others": ["Über"]}), "Über"),
            (json!({"mode": "sometimes"}), "sometimes"),
            (json!({"form": "roles"}), "form"),
        ] {
            let refused = read(roles).unwrap_err();
            assert!(refused.contains(named), "{refused}");
        }
    }
}
