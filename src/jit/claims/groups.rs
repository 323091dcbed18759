//! The groups claim and its three states. Of several claims the first that states a list counts, an empty one too.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::{GroupsClaim, is_name, look_up, truth};
use crate::jit::rules::{OnAbsent, Rules};

/// More values than this are not judged one by one: the list counts as cut off.
const MOST: usize = 2_000;

pub(super) fn read(
    rules: &Rules,
    claims: &Map<String, Value>,
    skipped: &mut BTreeMap<&'static str, usize>,
) -> GroupsClaim {
    for claim in &rules.groups.claim {
        // Where the provider says that the list is elsewhere, whatever is here is not the whole list.
        if is_elsewhere(claims, claim) {
            return GroupsClaim::CutOff;
        }
        match look_up(claims, claim).map(|value| list(value, skipped)) {
            None | Some(GroupsClaim::Absent) => {}
            Some(stated) => return stated,
        }
    }
    let is_there = rules.groups.claim.iter().any(|claim| look_up(claims, claim).is_some());
    if rules.groups.on_absent == OnAbsent::Empty && !is_there {
        return GroupsClaim::Known(BTreeSet::new());
    }
    GroupsClaim::Absent
}

/// What one claim that is there says.
fn list(value: &Value, skipped: &mut BTreeMap<&'static str, usize>) -> GroupsClaim {
    let values = match value {
        Value::Null => return GroupsClaim::Absent,
        Value::Array(values) => values.as_slice(),
        // One group is sent without brackets by some providers.
        one @ Value::String(_) => std::slice::from_ref(one),
        _ => {
            *skipped.entry("groups_not_a_list").or_default() += 1;
            return GroupsClaim::Absent;
        }
    };
    if values.len() > MOST {
        *skipped.entry("groups_too_many").or_default() += 1;
        return GroupsClaim::CutOff;
    }
    let mut known = BTreeSet::new();
    for value in values {
        match value {
            Value::String(text) if is_name(text) => {
                known.insert(text.clone());
            }
            Value::String(text) if text.len() > super::LONGEST_NAME => {
                *skipped.entry("group_too_long").or_default() += 1;
            }
            Value::String(_) => *skipped.entry("group_malformed").or_default() += 1,
            _ => *skipped.entry("group_not_text").or_default() += 1,
        }
    }
    // A list of which nothing could be read is a broken mapping, not a person without groups.
    if known.is_empty() && !values.is_empty() { GroupsClaim::Absent } else { GroupsClaim::Known(known) }
}

/// Entra's overage forms: a distributed claim (OpenID Connect Core §5.6.2) or, in the implicit flow, `hasgroups`; and
/// the attribute that stands for them in SAML. The endpoint named there is never spoken to.
fn is_elsewhere(claims: &Map<String, Value>, claim: &str) -> bool {
    let distributed =
        claims.get("_claim_names").and_then(Value::as_object).is_some_and(|names| names.contains_key(claim));
    distributed || truth(claims.get("hasgroups")) == Some(true) || claims.contains_key(&format!("{claim}.link"))
}
