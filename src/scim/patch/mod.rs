//! PATCH (RFC 7644 §3.5.2): operations applied one by one, each to the result of the one before, all or none.
//!
//! Pure. Owns what an operation means, and the dialects of clients: pathless values with dotted or URN-qualified keys,
//! scalars for complex attributes, quoted booleans, filters that select nothing yet (they create what they describe).
//! Members of a group are not in the document; what would change them comes out as [`MemberEdit`]s.

mod element;
mod members;
mod part;
pub mod secret;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

use super::document::{Document, Judge, Member, Note, without_empty_text};
use super::error::Error;
use super::filter::{Bound, ValuePath};
use super::message::{Op, Operation};
use super::path::{AttributePath, Resolved, resolve};
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

/// What surrounds the operations.
#[derive(Clone, Debug, Default)]
pub struct Terms {
    /// An empty text is no value: Entra's way to clear a phone number.
    pub empty_is_unassigned: bool,
    /// The readOnly attributes as the client reads them: sent back in a value without a path, they are ignored.
    pub shown: Document,
}

/// Applies the operations to a resource as the client sees it, `externalId` and `active` included, members not.
pub fn apply(
    kind: &ResourceType,
    before: &Document,
    terms: &Terms,
    operations: &[Operation],
) -> Result<Patched, Error> {
    let mut patch = Patch {
        kind,
        terms,
        document: before.clone(),
        members: Vec::new(),
        // RFC 7644 §3.5.2: of several that would become primary in one operation none is the newest.
        judge: Judge { one_primary: true, ..Judge::default() },
        lost: Vec::new(),
        emptied: Vec::new(),
    };
    for (index, operation) in operations.iter().enumerate() {
        let emptied;
        let operation = match (&operation.value, terms.empty_is_unassigned) {
            (Some(value), true) => {
                emptied = Operation { value: Some(without_empty_text(value)), ..operation.clone() };
                &emptied
            }
            _ => operation,
        };
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
    terms: &'a Terms,
    document: Document,
    members: Vec<MemberEdit>,
    judge: Judge,
    /// Required sub-attributes that an operation unassigned; a later one may have put them back.
    lost: Vec<(Found<'a>, &'a Attribute)>,
    /// Extensions that an operation removed as a whole.
    emptied: Vec<&'a Schema>,
}

impl<'a> Patch<'a> {
    /// The result is judged once, at the end: an attribute may be removed and added again.
    fn finish(self, before: &Document) -> Result<Patched, Error> {
        if let Some(name) = self.lost_required(before) {
            // RFC 7644 §3.5.2.2: a required attribute that becomes unassigned is a matter of mutability.
            return Err(Error::mutability(format!("{name} is required and cannot be removed")));
        }
        self.document.require(self.kind)?;
        Ok(Patched { document: self.document, members: self.members, notes: self.judge.notes })
    }

    /// What is required, was there, and is not any more.
    fn lost_required(&self, before: &Document) -> Option<String> {
        let base = self.kind.schema.attributes.iter().map(|attribute| Found { extension: None, attribute });
        let extensions = self.kind.extensions.iter().map(|extension| extension.schema.as_ref());
        let extended = extensions.filter(|schema| !self.is_gone(schema)).flat_map(|schema| {
            schema.attributes.iter().map(move |attribute| Found { extension: Some(schema), attribute })
        });
        let is_lost = |found: &Found<'_>| {
            let required = found.attribute.required && !found.attribute.is_read_only();
            required && before.attribute(found).is_some() && self.document.attribute(found).is_none()
        };
        if let Some(lost) = base.chain(extended).find(is_lost) {
            return Some(lost.attribute.name.clone());
        }
        let mut parts = self.lost.iter().filter(|(found, part)| match self.document.attribute(found) {
            Some(Value::Array(elements)) => elements.iter().any(|element| element.get(&part.name).is_none()),
            Some(single) => single.get(&part.name).is_none(),
            None => false,
        });
        parts.next().map(|(found, part)| format!("{}.{}", found.attribute.name, part.name))
    }

    /// An extension that was removed by its URN requires nothing any more.
    fn is_gone(&self, schema: &Schema) -> bool {
        !self.document.0.contains_key(&schema.id) && self.emptied.iter().any(|gone| gone.id == schema.id)
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
            let path = match within {
                Some(schema) => format!("{}:{name}", schema.id),
                None => name.clone(),
            };
            if self.is_echo(&path, value) {
                self.judge.note_path(Note::READ_ONLY_ECHOED, &short(&path));
                continue;
            }
            // Entra's dotted and URN-qualified keys: names hold neither dots nor colons (RFC 7643 §2.1).
            if name.contains(['.', ':', '[']) && self.kind.extension(name).is_none() {
                self.judge.note_path(Note::PATH_AS_KEY, &short(name));
            }
            self.at_path(op, &path, Some(value))?;
        }
        Ok(())
    }

    /// Clients send back what they read: Okta puts the group's `id` beside its name. What is the server's is ignored as
    /// long as it is what the client was shown; of `meta` and `schemas`, which tell of the document, whatever it is.
    fn is_echo(&self, path: &str, value: &Value) -> bool {
        let Ok(path) = path.parse::<AttributePath>() else { return false };
        let Some(Resolved::Attribute(found)) = resolve(self.kind, &path) else { return false };
        match found.attribute.name.as_str() {
            "schemas" | "meta" if found.extension.is_none() => true,
            _ if !found.attribute.is_read_only() => false,
            _ => self.terms.shown.attribute(&found).is_some_and(|shown| same_shown(shown, value)),
        }
    }

    fn at_path(&mut self, op: Op, text: &str, value: Option<&Value>) -> Result<(), Error> {
        let kind = self.kind;
        // A key may be the URN of an extension, which is no attribute path of its own.
        if let Some(extension) = kind.extension(text.trim()) {
            return self.extension(op, &extension.schema, value);
        }
        let path = ValuePath::parse(text)?;
        path.notes.iter().for_each(|note| self.judge.note_path(note.code, &note.at));
        let unknown = || Error::invalid_path(format!("'{}' is no attribute of {}", short(text), kind.name));
        match resolve(kind, &path.path).ok_or_else(unknown)? {
            Resolved::Base if path.filter.is_none() && op != Op::Remove => self.pathless(op, value, None),
            Resolved::Base => Err(Error::no_target("the resource itself cannot be removed by PATCH: use DELETE")),
            Resolved::Extension(schema) => self.extension(op, schema, value),
            Resolved::Attribute(found) => self.attribute(op, text, found, &path, None, value),
            Resolved::Part(found, sub) => self.attribute(op, text, found, &path, Some(sub), value),
        }
    }

    fn extension(&mut self, op: Op, schema: &'a Schema, value: Option<&Value>) -> Result<(), Error> {
        match (op, value) {
            (Op::Remove, _) | (Op::Replace, Some(Value::Null)) => {
                for attribute in schema.attributes.iter().filter(|attribute| !attribute.is_read_only()) {
                    let found = Found { extension: Some(schema), attribute };
                    let before = self.value(found).cloned();
                    self.store(found, before.as_ref(), None)?;
                }
                self.emptied.push(schema);
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
        let is_simple = attribute.multi_valued && !attribute.is_complex();
        let part =
            match &path.sub {
                // RFC 7643 §2.4: so a simple value among several is called.
                Some(name) if is_simple && name.eq_ignore_ascii_case("value") => None,
                Some(name) => Some(attribute.sub(name).ok_or_else(|| {
                    Error::invalid_path(format!("'{name}' is no sub-attribute of {}", attribute.name))
                })?),
                None => sub,
            };
        if attribute.is_read_only() || part.is_some_and(Attribute::is_read_only) {
            return Err(Error::mutability(format!("'{at}' is readOnly: the server keeps it")));
        }
        if self.kind.schema.id == urn::GROUP && found.extension.is_none() && attribute.name == "members" {
            return self.member_operation(op, &at, found, path, part, value);
        }
        if let Some(filter) = &path.filter {
            return self.filtered(op, &at, found, filter, part, value);
        }
        let before = self.value(found).cloned();
        let after = match part {
            Some(part) if attribute.multi_valued => self.every_part(op, &at, found, part, before.clone(), value)?,
            Some(part) => {
                let new =
                    if op == Op::Remove { None } else { self.judge.attribute(part, &at, required(op, value)?)? };
                self.with_part(&at, found, part, before.clone(), new)?
            }
            None if attribute.multi_valued => self.list(op, &at, found, before.clone(), value)?,
            None => self.single(op, &at, found, before.clone(), value)?,
        };
        self.store(found, before.as_ref(), after)
    }

    // -------------------------------------------------------------------------------------------- values

    /// A singular attribute; `None` is unassigned.
    fn single(
        &mut self,
        op: Op,
        at: &str,
        found: Found<'a>,
        before: Option<Value>,
        value: Option<&Value>,
    ) -> Result<Option<Value>, Error> {
        if op == Op::Remove {
            return Ok(None);
        }
        let value = required(op, value)?;
        let attribute = found.attribute;
        if !attribute.is_complex() {
            return self.judge.attribute(attribute, at, value);
        }
        let value = match value {
            // One value in a list is that value, here as in a body that is read.
            Value::Array(values) if values.len() == 1 => {
                self.judge.note_path(Note::ARRAY_AS_SINGLE_VALUE, at);
                &values[0]
            }
            other => other,
        };
        match value {
            Value::Object(parts) => self.merged(at, found, before, parts),
            Value::Null if op == Op::Add => Ok(before),
            Value::Array(none) if op == Op::Add && none.is_empty() => Ok(before),
            _ => self.judge.attribute(attribute, at, value),
        }
    }

    /// A multi-valued attribute as a whole.
    fn list(
        &mut self,
        op: Op,
        at: &str,
        found: Found<'a>,
        before: Option<Value>,
        value: Option<&Value>,
    ) -> Result<Option<Value>, Error> {
        let attribute = found.attribute;
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
                self.add_each(at, attribute, &mut elements, added)?;
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
        // Values of a list come and go as wholes; a single one does not lose an immutable part.
        if let (false, Some(Value::Object(parts))) = (attribute.multi_valued, before) {
            let left = after.as_ref().and_then(Value::as_object).cloned().unwrap_or_default();
            self.check_parts(attribute, parts, &left, true)?;
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

/// Whether a readOnly value is what the client was shown: the same links, whatever else is said of them.
fn same_shown(shown: &Value, sent: &Value) -> bool {
    let ids = |value: &Value| -> Option<Vec<Value>> {
        let elements = value.as_array()?.iter();
        let mut ids: Vec<Value> = elements.map(|link| link.get("value").cloned()).collect::<Option<_>>()?;
        ids.sort_by_key(Value::to_string);
        Some(ids)
    };
    match (ids(shown), ids(sent)) {
        (Some(shown), Some(sent)) => shown == sent,
        _ => shown == sent,
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
