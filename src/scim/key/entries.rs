//! The index rows of a document: what filters, sorting and uniqueness look at, in memory and in SQL.
//!
//! A leaf (a simple attribute or sub-attribute) gives one row per value. Every element of a complex attribute gives
//! one *marker* row more, under the attribute's own path with an empty key, and so does every extension that has a
//! value, under its URN. A leaf that holds `""` has a row with an empty key too: `eq ""` finds it, and `pr`, which
//! means non-empty (RFC 7644 §3.4.2.2), asks a leaf for a row with a key that is not empty.

use serde_json::Value;

use super::{Key, prepare};
use crate::scim::document::Document;
use crate::scim::resource_type::{ResourceType, urn};
use crate::scim::schema::{Attribute, Returned, Schema, Type, Uniqueness};

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The attribute's path, lower-case: `emails.value`, `urn:…:user:manager.value`.
    pub attr: String,
    /// Which element of a multi-valued attribute; 0 is the one that sorting uses, and every single value.
    pub slot: i32,
    pub key: Key,
    /// The whole prepared text, where the key had to be cut.
    pub long: Option<String>,
    /// Whether the value may occur only once (attribute uniqueness `server` or `global`).
    pub unique: bool,
}

/// All rows of a document; while a change of the definitions is under way also those that are to be. Of what is
/// `returned: never` only that it is there, and nothing of what lives in columns and tables of its own: see [`is_column`].
pub fn entries(kind: &ResourceType, document: &Document) -> Vec<Entry> {
    let mut rows = rows(kind, document);
    if let Some(next) = &kind.next {
        for row in self::rows(next, document) {
            if !rows.iter().any(|known| (&known.attr, known.slot, &known.key) == (&row.attr, row.slot, &row.key)) {
                rows.push(row);
            }
        }
    }
    rows
}

fn rows(kind: &ResourceType, document: &Document) -> Vec<Entry> {
    let mut rows = Vec::new();
    for attribute in kind.schema.attributes.iter().filter(|a| !is_column(kind, None, a)) {
        if let Some(value) = document.0.get(&attribute.name) {
            attribute_rows(None, attribute, value, &mut rows);
        }
    }
    for extension in &kind.extensions {
        let Some(Value::Object(values)) = document.0.get(&extension.schema.id) else { continue };
        let before = rows.len();
        for attribute in &extension.schema.attributes {
            if let Some(value) = values.get(&attribute.name) {
                attribute_rows(Some(&extension.schema), attribute, value, &mut rows);
            }
        }
        if rows.len() > before {
            rows.push(marker(extension.schema.id.to_ascii_lowercase(), 0));
        }
    }
    rows
}

/// Whether that attribute is not in the index because it has a column or a table of its own.
pub fn is_column(kind: &ResourceType, extension: Option<&Schema>, attribute: &Attribute) -> bool {
    let is = |name: &str| attribute.name.eq_ignore_ascii_case(name);
    if extension.is_some() {
        return false;
    }
    is("id")
        || is("externalId")
        || is("meta")
        || is("schemas")
        || (kind.schema.id == urn::USER && (is("active") || is("groups")))
        || (kind.schema.id == urn::GROUP && is("members"))
}

/// The lower-case path under which rows of that attribute stand.
pub fn path(extension: Option<&Schema>, attribute: &Attribute, sub: Option<&Attribute>) -> String {
    let mut path = String::new();
    if let Some(schema) = extension {
        path.push_str(&schema.id);
        path.push(':');
    }
    path.push_str(&attribute.name);
    if let Some(sub) = sub {
        path.push('.');
        path.push_str(&sub.name);
    }
    path.make_ascii_lowercase();
    match sub.unwrap_or(attribute).generation {
        0 => path,
        generation => format!("{path};{generation}"),
    }
}

pub fn marker(attr: String, slot: i32) -> Entry {
    Entry { attr, slot, key: Key(String::new()), long: None, unique: false }
}

/// That there is a value which nobody may read: `pr` finds it, and nothing else does.
pub fn presence(attr: String) -> Entry {
    Entry { key: Key("present".into()), ..marker(attr, 0) }
}

/// The rows of one element alone, in slot 0.
pub(crate) fn element_entries(extension: Option<&Schema>, attribute: &Attribute, element: &Value) -> Vec<Entry> {
    let mut rows = Vec::new();
    element_rows(extension, attribute, 0, element, &mut rows);
    rows
}

fn attribute_rows(extension: Option<&Schema>, attribute: &Attribute, value: &Value, rows: &mut Vec<Entry>) {
    if attribute.returned == Returned::Never {
        return rows.push(presence(path(extension, attribute, None)));
    }
    let Value::Array(elements) = value else {
        return element_rows(extension, attribute, 0, value, rows);
    };
    // RFC 7644 §3.4.2.3: sorting looks at the primary element, else at the first.
    let primary = elements.iter().position(is_primary);
    let others = elements.iter().enumerate().filter(|(at, _)| Some(*at) != primary).map(|(_, element)| element);
    for (slot, element) in (0..).zip(primary.map(|at| &elements[at]).into_iter().chain(others)) {
        element_rows(extension, attribute, slot, element, rows);
    }
}

fn is_primary(element: &Value) -> bool {
    element.get("primary") == Some(&Value::Bool(true))
}

fn element_rows(extension: Option<&Schema>, attribute: &Attribute, slot: i32, element: &Value, rows: &mut Vec<Entry>) {
    if attribute.kind != Type::Complex {
        return rows.extend(leaf(path(extension, attribute, None), attribute, slot, element));
    }
    let Value::Object(parts) = element else { return };
    let first = rows.len();
    for sub in &attribute.sub_attributes {
        if sub.returned == Returned::Never {
            if parts.contains_key(&sub.name) {
                rows.push(Entry { slot, ..presence(path(extension, attribute, Some(sub))) });
            }
            continue;
        }
        let values = match parts.get(&sub.name) {
            Some(Value::Array(values)) => values.as_slice(),
            Some(value) => std::slice::from_ref(value),
            None => &[],
        };
        for row in values.iter().filter_map(|value| leaf(path(extension, attribute, Some(sub)), sub, slot, value)) {
            if !rows[first..].contains(&row) {
                rows.push(row);
            }
        }
    }
    if rows.len() > first {
        rows.push(marker(path(extension, attribute, None), slot));
    }
}

fn leaf(attr: String, attribute: &Attribute, slot: i32, value: &Value) -> Option<Entry> {
    let (key, long) = prepare(attribute, value)?;
    let unique = attribute.uniqueness != Uniqueness::None && !key.0.is_empty();
    Some(Entry { attr, slot, key, long, unique })
}
