//! Documents: the attributes of one resource in canonical form, and how a body becomes one.
//!
//! Between a client's JSON and everything else stands [`Document::read`], which judges a body attribute by attribute
//! against the schemas (RFC 7643 §2, RFC 7644 §3.1: the receiver validates by its own schema). Behind it names are in
//! the schema's spelling, extensions sit under their registered URN, nothing is null or empty, and nothing is there
//! that a client may not set. Leniencies that real clients need are granted and noted.
//!
//! - `json.rs`: text to JSON, with bounds
//! - `read.rs`: a POST or PUT body to a document
//! - `judge.rs`: one value against its definition; PATCH uses it too
//! - `put.rs`: what a PUT leaves alone
//! - `note.rs`: the leniencies by name
//! - `format.rs`: the syntax of dateTime, binary and reference

mod format;
mod json;
mod judge;
mod note;
mod put;
mod read;

use std::collections::{BTreeSet, HashMap};

use serde_json::{Map, Value};

use super::Error;
use super::resource_type::{Found, ResourceType};
use super::schema::{Attribute, Schema};

pub use format::is_user_name;
pub use json::parse_json;
pub use judge::Judge;
pub(in crate::scim) use judge::{MOST_VALUES, identity, is_primary};
pub use note::Note;
pub use put::{put, without_empty_text};

/// The attributes of one resource, canonical: names in the schema's spelling, extensions under their registered URN,
/// no null, no empty array or object, no `schemas`, `id`, `meta`; readOnly values dropped. May hold `externalId`,
/// `active`, `password` and `members`, which callers take out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Document(pub Map<String, Value>);

/// What a body says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Read {
    pub document: Document,
    /// The writable attributes that the body mentions, `null` and `[]` included, in lower case: `title`, `externalid`, and
    /// for an extension its URN and `urn:…:user:department`.
    pub asserted: BTreeSet<String>,
    pub notes: Vec<Note>,
}

/// A member of a group as a client names it. `display` and `$ref` are the server's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    pub value: String,
    pub kind: Option<String>,
}

impl Document {
    /// Judges a POST or PUT body (see `read.rs` for the rules).
    pub fn read(kind: &ResourceType, body: &Value) -> Result<Read, Error> {
        read::read(kind, body)
    }

    /// Checks what must hold of the finished resource: required attributes have a value, and a user name is one that
    /// can be compared (RFC 7643 §7; RFC 7644 §3.5.1, §5). Attributes that only the server sets are not asked for.
    pub fn require(&self, kind: &ResourceType) -> Result<(), Error> {
        require_all(&kind.schema, &self.0, None)?;
        for extension in &kind.extensions {
            let urn = &extension.schema.id;
            match self.0.get(urn).and_then(Value::as_object) {
                Some(values) => require_all(&extension.schema, values, Some(urn))?,
                // RFC 7643 §6: an extension that the type requires must be there.
                None if extension.required => return Err(Error::invalid_value(format!("{urn} is required"))),
                None => {}
            }
        }
        Ok(())
    }

    pub fn attribute(&self, found: &Found<'_>) -> Option<&Value> {
        let values = match found.extension {
            Some(schema) => self.0.get(&schema.id)?.as_object()?,
            None => &self.0,
        };
        values.get(&found.attribute.name)
    }

    pub fn take_active(&mut self) -> Option<bool> {
        self.0.shift_remove("active")?.as_bool()
    }

    pub fn take_external_id(&mut self) -> Option<String> {
        self.take_text("externalId")
    }

    pub fn take_password(&mut self) -> Option<String> {
        self.take_text("password")
    }

    /// The members that the body lists, each once: RFC 7643 §2.4 lets a value stand once per type, but a member is a
    /// member once.
    pub fn take_members(&mut self) -> Option<Vec<Member>> {
        let Value::Array(elements) = self.0.shift_remove("members")? else { return None };
        let mut members: Vec<Member> = Vec::with_capacity(elements.len());
        let mut places: HashMap<String, usize> = HashMap::with_capacity(elements.len());
        for element in elements {
            let Some(member) = Member::of(element) else { continue };
            match places.get(&member.value) {
                Some(&place) => members[place].kind = members[place].kind.take().or(member.kind),
                None => {
                    places.insert(member.value.clone(), members.len());
                    members.push(member);
                }
            }
        }
        Some(members)
    }

    /// What `schemas` says of this resource: the base schema and each extension that has a value (RFC 7643 §3).
    pub fn schemas(&self, kind: &ResourceType) -> Vec<String> {
        let extensions = kind.extensions.iter().map(|extension| &extension.schema.id);
        let present = extensions.filter(|urn| self.0.contains_key(urn.as_str()));
        std::iter::once(&kind.schema.id).chain(present).cloned().collect()
    }

    /// The stored form.
    pub fn to_json(&self) -> String {
        Value::Object(self.0.clone()).to_string()
    }

    pub fn from_json(text: &str) -> Result<Document, serde_json::Error> {
        serde_json::from_str(text).map(Document)
    }

    fn take_text(&mut self, name: &str) -> Option<String> {
        match self.0.shift_remove(name)? {
            Value::String(text) => Some(text),
            _ => None,
        }
    }
}

impl Member {
    /// A canonical element of `members` (as [`Judge`] gives it).
    pub fn of(element: Value) -> Option<Member> {
        let Value::Object(mut values) = element else { return None };
        let mut text = |name: &str| match values.remove(name) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        };
        Some(Member { value: text("value")?, kind: text("type") })
    }
}

fn require_all(schema: &Schema, values: &Map<String, Value>, within: Option<&str>) -> Result<(), Error> {
    for attribute in schema.attributes.iter().filter(|attribute| !attribute.is_read_only()) {
        let value = values.get(&attribute.name);
        let at = within.map_or_else(|| attribute.name.clone(), |urn| format!("{urn}:{}", attribute.name));
        require_one(attribute, value, &at)?;

        let elements = match value {
            Some(Value::Array(elements)) => elements.as_slice(),
            Some(single) => std::slice::from_ref(single),
            None => &[],
        };
        let required = || attribute.sub_attributes.iter().filter(|sub| sub.required && !sub.is_read_only());
        for element in elements.iter().filter_map(Value::as_object) {
            for sub in required() {
                require_one(sub, element.get(&sub.name), &format!("{at}.{}", sub.name))?;
            }
        }
    }
    Ok(())
}

fn require_one(attribute: &Attribute, value: Option<&Value>, at: &str) -> Result<(), Error> {
    if !attribute.required {
        return Ok(());
    }
    match value {
        None => Err(Error::invalid_value(format!("{at} is required"))),
        Some(Value::String(text)) if text.trim().is_empty() => {
            Err(Error::invalid_value(format!("{at} is required and cannot be empty")))
        }
        Some(Value::String(text)) if attribute.name == "userName" && !format::is_user_name(text) => {
            Err(Error::invalid_value(format!("{at} holds characters that a user name cannot have (RFC 7644 §5)")))
        }
        Some(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests;
