//! PATCH (RFC 7644 §3.5.2): operations applied one by one, each to the result of the one before, all or none.
//!
//! Pure. Owns what an operation means, and the dialects of clients: pathless values with dotted or URN-qualified keys,
//! scalars for complex attributes, quoted booleans, filters that select nothing yet (they create what they describe).
//! Members of a group are not in the document; what would change them comes out as [`MemberEdit`]s.

mod element;
mod members;
pub mod secret;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

use super::document::{Document, Judge, Member, Note};
use super::error::{Error, ScimType};
use super::filter::{Bound, ValuePath};
use super::message::{Op, Operation};
use super::path::{Resolved, resolve};
use super::resource_type::{Found, ResourceType, urn};
use super::schema::{Attribute, Mutability, Schema};

/// The resource after the operations, and what they say about members.
#[derive(Clone, Debug, PartialEq)]
pub struct Patched {
    pub document: Document,
    /// In the order of the operations.
    pub members: Vec<MemberEdit>,
    pub notes: Vec<Note>,
}

/// One change of a group's members; nothing of it needs the members that are there.
#[derive(Clone, Debug, PartialEq)]
pub enum MemberEdit {
    Add(Vec<Member>),
    Remove(Vec<String>),
    /// Members that a filter selects, other than by their ids.
    RemoveWhere(Bound),
    RemoveAll,
    Replace(Vec<Member>),
}

/// Applies the operations to a resource as the client sees it, `externalId` and `active` included, members not.
pub fn apply(kind: &ResourceType, before: &Document, operations: &[Operation]) -> Result<Patched, Error> {
    let mut patch = Patch { kind, document: before.clone(), members: Vec::new(), judge: Judge::default() };
    for (index, operation) in operations.iter().enumerate() {
        patch.operation(operation).map_err(|error| at(index, operations.len(), error))?;
    }
    patch.finish(before)
}

/// Names the operation where there are several.
fn at(index: usize, of: usize, error: Error) -> Error {
    if of < 2 { error } else { Error { detail: format!("operation {}: {}", index + 1, error.detail), ..error } }
}

struct Patch<'a> {
    kind: &'a ResourceType,
    document: Document,
    members: Vec<MemberEdit>,
    judge: Judge,
}

impl<'a> Patch<'a> {
    /// The result is judged once, at the end: an attribute may be removed and added again.
    fn finish(self, before: &Document) -> Result<Patched, Error> {
        self.document.require(self.kind).map_err(|error| match error.scim_type {
            // RFC 7644 §3.5.2.2: a required attribute that becomes unassigned is a matter of mutability.
            Some(ScimType::InvalidValue) if before.require(self.kind).is_ok() && self.lost_required(before) => {
                Error { scim_type: Some(ScimType::Mutability), ..error }
            }
            _ => error,
        })?;
        Ok(Patched { document: self.document, members: self.members, notes: self.judge.notes })
    }

    fn lost_required(&self, before: &Document) -> bool {
        let required = self.kind.schema.attributes.iter().filter(|attribute| attribute.required);
        required.into_iter().any(|a| before.0.contains_key(&a.name) && !self.document.0.contains_key(&a.name))
    }

    fn operation(&mut self, operation: &Operation) -> Result<(), Error> {
        match &operation.path {
            Some(path) if !path.trim().is_empty() => self.at_path(operation.op, path, operation.value.as_ref()),
            _ if operation.op == Op::Remove => Err(Error::no_target("a remove operation needs a path")),
            _ => self.pathless(operation.op, operation.value.as_ref(), None),
        }
    }

    /// Every member of the value is an operation with that name as its path, in the extension if one is given.
    fn pathless(&mut self, op: Op, value: Option<&Value>, within: Option<&Schema>) -> Result<(), Error> {
        let Value::Object(values) = required(op, value)? else {
            return Err(Error::invalid_value(format!(
                "the value of {} without a path is an object of attributes",
                word(op)
            )));
        };
        for (name, value) in values {
            match within {
                Some(schema) => self.at_path(op, &format!("{}:{name}", schema.id), Some(value))?,
                None if self.is_echo(name) => {}
                None => self.at_path(op, name, Some(value))?,
            }
        }
        Ok(())
    }

    /// Clients send back what they read: Okta puts the group's `id` beside its name. What is the server's is ignored.
    fn is_echo(&self, name: &str) -> bool {
        let is_common = ["schemas", "id", "meta"].iter().any(|common| common.eq_ignore_ascii_case(name));
        is_common || self.kind.schema.attribute(name).is_some_and(Attribute::is_read_only)
    }

    fn at_path(&mut self, op: Op, text: &str, value: Option<&Value>) -> Result<(), Error> {
        let kind = self.kind;
        // A key may be the URN of an extension, which is no attribute path of its own.
        if let Some(extension) = kind.extension(text.trim()) {
            return self.extension(op, &extension.schema, value);
        }
        let path = ValuePath::parse(text)?;
        let unknown = || Error::invalid_path(format!("'{}' is no attribute of {}", short(text), kind.name));
        match resolve(kind, &path.path).ok_or_else(unknown)? {
            Resolved::Base if path.filter.is_none() && op != Op::Remove => self.pathless(op, value, None),
            Resolved::Base => Err(Error::no_target("the resource itself cannot be removed by PATCH: use DELETE")),
            Resolved::Extension(schema) => self.extension(op, schema, value),
            Resolved::Attribute(found) => self.attribute(op, text, found, &path, None, value),
            Resolved::Part(found, sub) => self.attribute(op, text, found, &path, Some(sub), value),
        }
    }

    fn extension(&mut self, op: Op, schema: &Schema, value: Option<&Value>) -> Result<(), Error> {
        match (op, value) {
            (Op::Remove, _) | (Op::Replace, Some(Value::Null)) => {
                let writable = |name: &str| schema.attribute(name).is_none_or(|attribute| !attribute.is_read_only());
                if let Some(Value::Object(values)) = self.document.0.get_mut(&schema.id) {
                    values.retain(|name, _| !writable(name));
                }
                self.tidy(Some(schema));
                Ok(())
            }
            (Op::Add, Some(Value::Null)) => Ok(()),
            _ => self.pathless(op, value, Some(schema)),
        }
    }

    fn attribute(
        &mut self,
        op: Op,
        text: &str,
        found: Found<'a>,
        path: &ValuePath,
        sub: Option<&'a Attribute>,
        value: Option<&Value>,
    ) -> Result<(), Error> {
        let attribute = found.attribute;
        let at = short(text);
        if found.extension.is_none() && attribute.name == "schemas" {
            // Computed from the values (RFC 7643 §3): an operation on it changes nothing.
            return Ok(());
        }
        if attribute.is_read_only() || sub.is_some_and(Attribute::is_read_only) {
            return Err(Error::mutability(format!("'{at}' is readOnly: the server keeps it")));
        }
        if self.kind.schema.id == urn::GROUP && found.extension.is_none() && attribute.name == "members" {
            return self.member_operation(op, &at, found, path, sub, value);
        }
        let part =
            match &path.sub {
                Some(name) => Some(attribute.sub(name).ok_or_else(|| {
                    Error::invalid_path(format!("'{name}' is no sub-attribute of {}", attribute.name))
                })?),
                None => sub,
            };
        if part.is_some_and(Attribute::is_read_only) {
            return Err(Error::mutability(format!("'{at}' is readOnly: the server keeps it")));
        }
        if let Some(filter) = &path.filter {
            return self.filtered(op, &at, found, filter, part, value);
        }
        let before = self.value(found).cloned();
        let after = match part {
            Some(part) if attribute.multi_valued => self.every_part(op, &at, found, part, before.clone(), value)?,
            Some(part) => self.part(op, &at, attribute, part, before.clone(), value)?,
            None if attribute.multi_valued => self.list(op, &at, attribute, before.clone(), value)?,
            None => self.single(op, &at, attribute, before.clone(), value)?,
        };
        self.store(found, before.as_ref(), after)
    }

    // -------------------------------------------------------------------------------------------- values

    /// A singular attribute; `None` is unassigned.
    fn single(
        &mut self,
        op: Op,
        at: &str,
        attribute: &Attribute,
        before: Option<Value>,
        value: Option<&Value>,
    ) -> Result<Option<Value>, Error> {
        if op == Op::Remove {
            return Ok(None);
        }
        let value = required(op, value)?;
        if !attribute.is_complex() {
            return self.judge.attribute(attribute, at, value);
        }
        match (value, op) {
            (Value::Null, Op::Add) => Ok(before),
            (Value::Null, _) => Ok(None),
            (Value::Object(parts), _) => self.merged(at, attribute, before, parts),
            _ => self.judge.attribute(attribute, at, value),
        }
    }

    /// The given parts are set or, if null, unassigned; the others stay. A link that names another resource is all new.
    fn merged(
        &mut self,
        at: &str,
        attribute: &Attribute,
        before: Option<Value>,
        parts: &Map<String, Value>,
    ) -> Result<Option<Value>, Error> {
        let given: Map<String, Value> = parts
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let judged =
            if given.is_empty() { None } else { self.judge.attribute(attribute, at, &Value::Object(given.clone()))? };
        let names = |name: &str| attribute.sub(name).map(|sub| sub.name.clone());
        let value_given = given.keys().any(|name| name.eq_ignore_ascii_case("value"));
        if attribute.is_link() && value_given {
            return Ok(judged);
        }
        let mut result = match before {
            Some(Value::Object(values)) => values,
            _ => Map::new(),
        };
        for name in parts.iter().filter(|(_, value)| value.is_null()).filter_map(|(name, _)| names(name)) {
            result.shift_remove(&name);
        }
        if let Some(Value::Object(judged)) = judged {
            result.extend(judged);
        }
        Ok(if result.is_empty() { None } else { Some(Value::Object(result)) })
    }

    /// One part of a singular complex attribute; its parent comes and goes with it.
    fn part(
        &mut self,
        op: Op,
        at: &str,
        attribute: &Attribute,
        part: &Attribute,
        before: Option<Value>,
        value: Option<&Value>,
    ) -> Result<Option<Value>, Error> {
        let new = if op == Op::Remove { None } else { self.judge.attribute(part, at, required(op, value)?)? };
        let mut values = match before {
            Some(Value::Object(values)) => values,
            _ => Map::new(),
        };
        // Another value of a link makes the rest of it stale; an empty one is no link at all.
        let is_link_value = attribute.is_link() && part.name == "value";
        let empty = new.as_ref().and_then(Value::as_str) == Some("");
        if is_link_value && (new.is_none() || empty) {
            return Ok(None);
        }
        if is_link_value && values.get("value") != new.as_ref() {
            values.clear();
        }
        match new {
            Some(new) => values.insert(part.name.clone(), new),
            None => values.shift_remove(&part.name),
        };
        Ok(if values.is_empty() { None } else { Some(Value::Object(values)) })
    }

    /// A multi-valued attribute as a whole.
    fn list(
        &mut self,
        op: Op,
        at: &str,
        attribute: &Attribute,
        before: Option<Value>,
        value: Option<&Value>,
    ) -> Result<Option<Value>, Error> {
        match op {
            Op::Remove => match value {
                None | Some(Value::Null) => Ok(None),
                Some(listed) => self.without(at, attribute, before, listed),
            },
            Op::Replace => {
                let value = required(op, value)?;
                let after = self.judge.attribute(attribute, at, value)?;
                // The same values in another order are the same list.
                Ok(if same_set(before.as_ref(), after.as_ref()) { before } else { after })
            }
            Op::Add => {
                let value = required(op, value)?;
                let Some(Value::Array(added)) = self.judge.attribute(attribute, at, value)? else { return Ok(before) };
                let mut elements = elements_of(before);
                let mut primaries = Vec::new();
                for new in added {
                    let place = element::place_of(attribute, &elements, &new);
                    element::put(attribute, &mut elements, place, new)?;
                    primaries.push(place);
                }
                element::one_primary(&mut elements, &primaries)?;
                element::bounded(at, &elements)?;
                Ok(list_of(elements))
            }
        }
    }

    /// `remove` with a list: exactly the listed elements go, by `value`, else by all given parts (Entra's default form).
    fn without(
        &mut self,
        at: &str,
        attribute: &Attribute,
        before: Option<Value>,
        listed: &Value,
    ) -> Result<Option<Value>, Error> {
        let Some(Value::Array(listed)) = self.judge.attribute(attribute, at, listed)? else { return Ok(before) };
        let mut elements = elements_of(before);
        elements.retain(|element| !listed.iter().any(|named| element::is_named_by(attribute, element, named)));
        Ok(list_of(elements))
    }

    // -------------------------------------------------------------------------------------------- the document

    fn value(&self, found: Found<'_>) -> Option<&Value> {
        self.document.attribute(&found)
    }

    /// Writes the attribute back, if its mutability lets it change.
    fn store(&mut self, found: Found<'_>, before: Option<&Value>, after: Option<Value>) -> Result<(), Error> {
        if before == after.as_ref() {
            return Ok(());
        }
        let attribute = found.attribute;
        if attribute.mutability == Mutability::Immutable && before.is_some() {
            return Err(Error::mutability(format!("{} is immutable: it keeps the value it has", attribute.name)));
        }
        if !attribute.multi_valued {
            element::same_immutables(attribute, before, after.as_ref())?;
        }
        let values = match found.extension {
            Some(schema) => {
                let container = self.document.0.entry(schema.id.clone()).or_insert_with(|| Value::Object(Map::new()));
                match container {
                    Value::Object(values) => values,
                    _ => return Err(Error::invalid_value(format!("{} is no object", schema.id))),
                }
            }
            None => &mut self.document.0,
        };
        match after {
            Some(after) => values.insert(attribute.name.clone(), after),
            None => values.shift_remove(&attribute.name),
        };
        self.tidy(found.extension);
        Ok(())
    }

    /// An extension without a value is not there, nor is its URN in `schemas`.
    fn tidy(&mut self, extension: Option<&Schema>) {
        if let Some(schema) = extension
            && self.document.0.get(&schema.id).and_then(Value::as_object).is_some_and(Map::is_empty)
        {
            self.document.0.shift_remove(&schema.id);
        }
    }
}

/// The value of an `add` or `replace`, which must have one.
fn required(op: Op, value: Option<&Value>) -> Result<&Value, Error> {
    value.ok_or_else(|| Error::invalid_value(format!("{} needs a value", word(op))))
}

fn word(op: Op) -> &'static str {
    match op {
        Op::Add => "add",
        Op::Remove => "remove",
        Op::Replace => "replace",
    }
}

fn short(text: &str) -> String {
    match text.char_indices().nth(80) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

fn elements_of(value: Option<Value>) -> Vec<Value> {
    match value {
        Some(Value::Array(elements)) => elements,
        Some(single) => vec![single],
        None => Vec::new(),
    }
}

fn list_of(elements: Vec<Value>) -> Option<Value> {
    if elements.is_empty() { None } else { Some(Value::Array(elements)) }
}

fn same_set(a: Option<&Value>, b: Option<&Value>) -> bool {
    match (a, b) {
        (Some(Value::Array(a)), Some(Value::Array(b))) => {
            a.len() == b.len()
                && a.iter().all(|element| b.contains(element))
                && b.iter().all(|element| a.contains(element))
        }
        _ => a == b,
    }
}
