//! Sub-attributes of one value: one of them set or unassigned, or several merged in.
//!
//! The same for the value of a singular attribute and for one of many. A link whose `value` names another resource is all
//! new, and one without is none; an immutable part keeps what it has (RFC 7643 §7); a required part that is unassigned is
//! remembered, because the result is judged at the end.

use serde_json::{Map, Value};

use super::Patch;
use crate::scim::error::Error;
use crate::scim::resource_type::Found;
use crate::scim::schema::{Attribute, Mutability};

impl<'a> Patch<'a> {
    /// The given parts are set or, if null, unassigned; the others stay. A link that names another resource is all new.
    pub(super) fn merged(
        &mut self,
        at: &str,
        found: Found<'a>,
        before: Option<Value>,
        parts: &Map<String, Value>,
    ) -> Result<Option<Value>, Error> {
        let attribute = found.attribute;
        let given: Map<String, Value> = parts.iter().filter(|(_, value)| !value.is_null()).map(owned).collect();
        let judged = match given.is_empty() {
            true => None,
            false => self.judge.attribute(&singular(attribute), at, &Value::Object(given.clone()))?,
        };
        let judged = object(judged);
        let before = object(before);
        let names_one = judged.contains_key("value") || given.keys().any(|name| name.eq_ignore_ascii_case("value"));
        if attribute.is_link() && names_one {
            self.check_parts(attribute, &before, &judged, true)?;
            return Ok(some(judged));
        }
        self.check_parts(attribute, &before, &judged, false)?;
        let mut result = before;
        for name in parts.iter().filter(|(_, value)| value.is_null()).map(|(name, _)| name) {
            if let Some(part) = attribute.sub(name).filter(|part| !part.is_read_only()) {
                self.unassign(found, part, &mut result)?;
            }
        }
        result.extend(judged);
        self.mended(at, attribute, result)
    }

    /// One value with one part of it set or unassigned; its parent comes and goes with it.
    pub(super) fn with_part(
        &mut self,
        at: &str,
        found: Found<'a>,
        part: &'a Attribute,
        before: Option<Value>,
        new: Option<Value>,
    ) -> Result<Option<Value>, Error> {
        let attribute = found.attribute;
        let mut parts = object(before);
        let Some(new) = new else {
            self.unassign(found, part, &mut parts)?;
            // A link that names nothing is no link.
            return if attribute.is_link() && part.name == "value" {
                Ok(None)
            } else {
                self.mended(at, attribute, parts)
            };
        };
        let set = Map::from_iter([(part.name.clone(), new.clone())]);
        self.check_parts(attribute, &parts, &set, false)?;
        if attribute.is_link() && part.name == "value" {
            if new.as_str() == Some("") {
                return Ok(None);
            }
            // Another value of a link makes the rest of it stale.
            if parts.get("value") != Some(&new) {
                parts.clear();
            }
        }
        parts.extend(set);
        self.mended(at, attribute, parts)
    }

    /// RFC 7643 §7: an immutable part that has a value keeps it. `whole`: what is not given goes.
    pub(super) fn check_parts(
        &self,
        attribute: &Attribute,
        before: &Map<String, Value>,
        given: &Map<String, Value>,
        whole: bool,
    ) -> Result<(), Error> {
        let immutable = attribute.sub_attributes.iter().filter(|part| part.mutability == Mutability::Immutable);
        for part in immutable {
            let (Some(old), new) = (before.get(&part.name), given.get(&part.name)) else { continue };
            if new.is_some_and(|new| new != old) || whole && new.is_none() {
                return Err(immutable_part(attribute, part));
            }
        }
        Ok(())
    }

    fn unassign(&mut self, found: Found<'a>, part: &'a Attribute, parts: &mut Map<String, Value>) -> Result<(), Error> {
        if parts.shift_remove(&part.name).is_none() {
            return Ok(());
        }
        if part.mutability == Mutability::Immutable {
            return Err(immutable_part(found.attribute, part));
        }
        if part.required {
            self.lost.push((found, part));
        }
        Ok(())
    }

    /// What a link says must agree with itself after a part of it has changed.
    fn mended(&mut self, at: &str, attribute: &Attribute, parts: Map<String, Value>) -> Result<Option<Value>, Error> {
        match some(parts) {
            Some(link) if attribute.is_link() => self.judge.attribute(&singular(attribute), at, &link),
            parts => Ok(parts),
        }
    }
}

/// The attribute as one value of it, so that a single element is judged like a singular complex attribute.
pub(super) fn singular(attribute: &Attribute) -> Attribute {
    Attribute { multi_valued: false, ..attribute.clone() }
}

fn immutable_part(attribute: &Attribute, part: &Attribute) -> Error {
    let (name, part) = (&attribute.name, &part.name);
    Error::mutability(format!(
        "{name}.{part} is immutable: it keeps the value it has; remove the {name} and add another"
    ))
}

fn owned((name, value): (&String, &Value)) -> (String, Value) {
    (name.clone(), value.clone())
}

fn object(value: Option<Value>) -> Map<String, Value> {
    match value {
        Some(Value::Object(parts)) => parts,
        _ => Map::new(),
    }
}

fn some(parts: Map<String, Value>) -> Option<Value> {
    (!parts.is_empty()).then_some(Value::Object(parts))
}
