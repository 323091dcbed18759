//! What the identity provider said of one person, read by the connection's rules.
//!
//! Pure. The three states of a claim stay apart all the way: *absent* and *cut off* say nothing, *known* says exactly
//! this list, and only a known empty list takes anything away. A value that cannot be used is skipped and counted by
//! its reason, the rest stands; nothing a token may hold is an error here. The counts name reasons, never values.

mod groups;
mod path;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::address::Address;
use super::rules::{AttributeRule, OnEmpty, Rules, transformed};

pub use path::look_up;
pub(super) use path::root;

/// An external text that is compared with others: subjects, anchors, names, group values.
const LONGEST_NAME: usize = 256;
/// More values of a roles claim are no person's.
const MOST_ROLES: usize = 200;
/// A text that becomes an attribute.
const LONGEST_VALUE: usize = 1_024;
/// Elements of a list that a claim fills; more are no list of one person's addresses.
const MOST_VALUES: usize = 20;

/// Evidence that verified: what `auth` hands over.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    pub subject: String,
    /// The token's `iat`, in milliseconds.
    pub stamp: i64,
    pub claims: Map<String, Value>,
    /// SHA-256 of the evidence, in hex.
    pub evidence: String,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Claims {
    pub subject: String,
    /// The subject if no anchor claim is configured; `None` if one is and the token lacks it.
    pub anchor: Option<String>,
    pub stamp: i64,
    pub email: Option<Email>,
    /// What may equal a pushed `userName` (or, for an address, a pushed email), best first. Addresses that do not
    /// count as that person's own, and guests' names, are not among them.
    pub join_values: Vec<String>,
    pub user_name: Option<String>,
    pub groups: GroupsClaim,
    /// The raw role values, if the token states any.
    pub roles: Option<BTreeSet<String>>,
    /// What was left out, counted by reason.
    pub skipped: BTreeMap<&'static str, usize>,
    /// By cell, as SCIM spells it.
    pub attributes: BTreeMap<String, AttributeClaim>,
    pub given_name: Option<String>,
    pub family_name: Option<String>,
    pub name: Option<String>,
    /// SHA-256 of the evidence, in hex.
    pub evidence: String,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Email {
    pub address: Address,
    /// What the provider says of it, if anything.
    pub verified: Option<bool>,
    /// The address lies in a domain verified for this connection and is not said to be unverified
    /// ([`Rules::vouches_for`]): the only kind that may join an unclaimed person or accept an invitation.
    pub vouched: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupsClaim {
    Absent,
    /// The provider left the list out because it is too long for a token.
    CutOff,
    Known(BTreeSet<String>),
}

#[derive(Clone, Debug, PartialEq)]
pub enum AttributeClaim {
    Value(Value),
    /// There and empty, under a rule that says `onEmpty: clear`.
    Empty,
}

/// Reads a verified statement by the connection's rules.
pub fn read(rules: &Rules, said: &Statement) -> Claims {
    let mut reader = Reader { claims: &said.claims, skipped: BTreeMap::new() };
    let email = reader.email(rules);
    let anchor = match &rules.anchor.claim {
        None => Some(said.subject.clone()),
        Some(claim) => reader.name(claim, "anchor_unusable"),
    };
    let join_values = reader.join_values(rules, email.as_ref());
    // The same rule that a push's userName is under: else nobody could write the account over SCIM.
    let user_name = rules
        .user_name
        .iter()
        .filter_map(|claim| reader.name(claim, "user_name_unusable"))
        .find(|name| crate::scim::document::is_user_name(name));
    let groups = groups::read(rules, &said.claims, &mut reader.skipped);
    let roles = reader.roles(rules);
    let attributes = reader.attributes(rules);
    let [given_name, family_name, name] =
        ["given_name", "family_name", "name"].map(|claim| reader.name(claim, "name_unusable"));
    Claims {
        subject: said.subject.clone(),
        anchor,
        stamp: said.stamp,
        email,
        join_values,
        user_name,
        groups,
        roles,
        skipped: reader.skipped,
        attributes,
        given_name,
        family_name,
        name,
        evidence: said.evidence.clone(),
    }
}

struct Reader<'a> {
    claims: &'a Map<String, Value>,
    skipped: BTreeMap<&'static str, usize>,
}

impl Reader<'_> {
    fn skip<T>(&mut self, reason: &'static str) -> Option<T> {
        *self.skipped.entry(reason).or_default() += 1;
        None
    }

    /// A short text that is compared as it is. Absent and empty are one here: neither names anybody.
    fn name(&mut self, claim: &str, reason: &'static str) -> Option<String> {
        match look_up(self.claims, claim) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) if text.is_empty() => None,
            Some(Value::String(text)) if is_name(text) => Some(text.clone()),
            Some(_) => self.skip(reason),
        }
    }

    fn email(&mut self, rules: &Rules) -> Option<Email> {
        let said = self.name("email", "email_unusable")?;
        let Ok(address) = said.parse::<Address>() else { return self.skip("email_unusable") };
        let verified = truth(self.claims.get("email_verified")).or_else(|| truth(self.claims.get("xms_edov")));
        let vouched = rules.vouches_for(&address, verified);
        Some(Email { address, verified, vouched })
    }

    /// A list, or one text; a list that is there and empty says that there is none.
    fn roles(&mut self, rules: &Rules) -> Option<BTreeSet<String>> {
        let values = match look_up(self.claims, rules.roles.from.as_deref()?)? {
            Value::Array(values) if values.len() <= MOST_ROLES => values.as_slice(),
            one @ Value::String(_) => std::slice::from_ref(one),
            _ => return self.skip("roles_not_a_list"),
        };
        let mut known = BTreeSet::new();
        for value in values {
            match value.as_str().filter(|text| is_name(text)) {
                Some(text) => {
                    known.insert(text.to_owned());
                }
                None => *self.skipped.entry("role_unusable").or_default() += 1,
            }
        }
        // As with groups: a list of which nothing could be read is a broken mapping.
        if known.is_empty() && !values.is_empty() { None } else { Some(known) }
    }

    fn join_values(&mut self, rules: &Rules, email: Option<&Email>) -> Vec<String> {
        // Entra's `acct`: 1 is a guest, whose names another directory gave.
        let guest = self.claims.get("acct").is_some_and(|acct| !matches!(acct.as_i64(), Some(0)) && acct != "0");
        if !rules.join.enabled || guest {
            return Vec::new();
        }
        let mut values = Vec::new();
        for claim in &rules.join.claims {
            let value = if claim == "email" {
                email
                    .filter(|email| email.vouched || email.verified == Some(true))
                    .map(|email| email.address.said.clone())
            } else {
                self.name(claim, "join_unusable")
            };
            values.extend(value.filter(|value| !values.contains(value)));
        }
        values
    }

    fn attributes(&mut self, rules: &Rules) -> BTreeMap<String, AttributeClaim> {
        let mut read = BTreeMap::new();
        for rule in &rules.attributes {
            let mut empty = false;
            let value = rule.from.iter().find_map(|claim| match look_up(self.claims, claim) {
                None => None,
                Some(value) if is_empty(value) => {
                    empty = true;
                    None
                }
                Some(value) => self.value(rule, value),
            });
            match value {
                Some(value) => read.insert(rule.to.clone(), AttributeClaim::Value(value)),
                None if empty && rule.on_empty == OnEmpty::Clear => read.insert(rule.to.clone(), AttributeClaim::Empty),
                None => None,
            };
        }
        read
    }

    /// A value as the attribute wants it: a text, or for the three lists that a claim may fill its elements, the first of
    /// them primary (RFC 7643 §2.4).
    fn value(&mut self, rule: &AttributeRule, said: &Value) -> Option<Value> {
        let kind = match rule.to.to_ascii_lowercase().as_str() {
            "emails" | "phonenumbers" => "work",
            "photos" => "photo",
            _ => return self.text(rule, said).map(Value::String),
        };
        let said = match said {
            Value::Array(values) => values.as_slice(),
            one => std::slice::from_ref(one),
        };
        let mut texts: Vec<String> = Vec::new();
        for value in said.iter().filter(|value| !is_empty(value)) {
            if texts.len() == MOST_VALUES {
                return self.skip("attribute_too_many");
            }
            texts.extend(self.text(rule, value).filter(|text| !texts.contains(text)));
        }
        let element = |(at, text)| json!({"value": text, "type": kind, "primary": at == 0});
        (!texts.is_empty()).then(|| texts.into_iter().enumerate().map(element).collect())
    }

    fn text(&mut self, rule: &AttributeRule, said: &Value) -> Option<String> {
        let Some(text) = text_of(said) else { return self.skip("attribute_unusable") };
        match transformed(&rule.transform, &text) {
            Some(text) if text.len() <= LONGEST_VALUE => Some(text),
            _ => self.skip("attribute_not_transformed"),
        }
    }
}

/// Opaque and short: bytewise compared, never parsed, safe in every database and log.
fn is_name(text: &str) -> bool {
    !text.trim().is_empty() && text.len() <= LONGEST_NAME && !text.chars().any(char::is_control)
}

/// A claim that is there and says that there is nothing.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(values) => values.iter().all(is_empty),
        _ => false,
    }
}

/// The text of one value: some providers send an employee number as a number, or one value in a list.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => {
            let text = text.trim();
            (text.len() <= LONGEST_VALUE && !text.chars().any(|c| c.is_control() && c != '\n')).then(|| text.to_owned())
        }
        Value::Number(number) if number.is_i64() || number.is_u64() => Some(number.to_string()),
        Value::Array(values) if values.len() == 1 => text_of(&values[0]),
        _ => None,
    }
}

/// A boolean, also as the texts and digits that some providers send.
fn truth(value: Option<&Value>) -> Option<bool> {
    match value? {
        Value::Bool(said) => Some(*said),
        Value::String(text) if text.eq_ignore_ascii_case("true") || text == "1" => Some(true),
        Value::Number(number) if number.as_u64() == Some(1) => Some(true),
        // Whatever else is there does not say yes, so it says no: an address must not gain from a strange value.
        Value::Null => None,
        _ => Some(false),
    }
}
