//! PUT (RFC 7644 §3.5.1): what the body states replaces what is there, but for attributes that only a word can change.
//!
//! - `immutable` with a value: absent is kept, equal is fine, anything else is `mutability`; so are the parts of a single
//!   value. Of a multi-valued attribute the values come and go as wholes.
//! - `writeOnly`: absent is kept, because nobody can read it and send it back; `null` clears.
//! - everything else that is absent is cleared.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{Document, Read};
use crate::scim::Error;
use crate::scim::resource_type::ResourceType;
use crate::scim::schema::{Attribute, Mutability};

/// The resource after a PUT of what was read.
pub fn put(kind: &ResourceType, before: &Document, read: &Read) -> Result<Document, Error> {
    let mut after = read.document.clone();
    for attribute in &kind.schema.attributes {
        keep(attribute, &attribute.name, &read.asserted, &before.0, &mut after.0)?;
    }
    for extension in &kind.extensions {
        let urn = &extension.schema.id;
        let Some(Value::Object(stored)) = before.0.get(urn) else { continue };
        let mut values = parts_of(&mut after.0, urn);
        for attribute in &extension.schema.attributes {
            keep(attribute, &format!("{urn}:{}", attribute.name), &read.asserted, stored, &mut values)?;
        }
        if !values.is_empty() {
            after.0.insert(urn.clone(), Value::Object(values));
        }
    }
    Ok(after)
}

fn keep(
    attribute: &Attribute,
    at: &str,
    asserted: &BTreeSet<String>,
    before: &Map<String, Value>,
    after: &mut Map<String, Value>,
) -> Result<(), Error> {
    let name = &attribute.name;
    let Some(stored) = before.get(name) else { return Ok(()) };
    let is_said = after.contains_key(name) || asserted.contains(&at.to_ascii_lowercase());
    match attribute.mutability {
        Mutability::Immutable if is_said && after.get(name) != Some(stored) => {
            return Err(Error::mutability(format!("{at} is immutable: send the value it has, or leave it out")));
        }
        Mutability::Immutable | Mutability::WriteOnly if !is_said => {
            after.insert(name.clone(), stored.clone());
        }
        Mutability::ReadWrite if !attribute.multi_valued => {
            let Value::Object(stored) = stored else { return Ok(()) };
            let mut parts = parts_of(after, name);
            for sub in &attribute.sub_attributes {
                keep(sub, &format!("{at}.{}", sub.name), asserted, stored, &mut parts)?;
            }
            if !parts.is_empty() {
                after.insert(name.clone(), Value::Object(parts));
            }
        }
        _ => {}
    }
    Ok(())
}

fn parts_of(values: &mut Map<String, Value>, name: &str) -> Map<String, Value> {
    match values.get_mut(name) {
        Some(Value::Object(parts)) => std::mem::take(parts),
        _ => Map::new(),
    }
}

/// The same value with `null` for every empty text: what some clients mean by it (RFC 7643 §2.5 has it a value).
pub fn without_empty_text(value: &Value) -> Value {
    match value {
        Value::String(text) if text.is_empty() => Value::Null,
        Value::Array(elements) => elements.iter().map(without_empty_text).collect(),
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.clone(), without_empty_text(value))).collect()
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::scim::resource_type::Extension;
    use crate::scim::schema::Schema;

    const EXT: &str = "urn:example:ext:1.0";

    fn kind() -> ResourceType {
        let schema = |id: &str| {
            let attributes = json!([
                {"name": "title"}, {"name": "serial", "mutability": "immutable"},
                {"name": "secret", "mutability": "writeOnly", "returned": "never"}
            ]);
            Arc::new(Schema::parse(&json!({"id": id, "name": "Thing", "attributes": attributes}).to_string()).unwrap())
        };
        ResourceType::new("/Things", schema("urn:example:core:1.0"), vec![Extension::optional(schema(EXT))])
    }

    #[test]
    fn what_a_put_replaces_and_what_it_keeps() {
        let full =
            json!({"title": "t", "serial": "s", "secret": "x", EXT: {"title": "t", "serial": "s", "secret": "x"}});
        let kept = json!({"serial": "s", "secret": "x"});
        let cases = [
            (json!({}), full.clone(), Ok(json!({"serial": "s", "secret": "x", EXT: kept}))),
            (
                json!({"title": "u", "serial": "s"}),
                full.clone(),
                Ok(json!({"title": "u", "serial": "s", "secret": "x", EXT: kept})),
            ),
            (
                json!({"secret": null, EXT: {"secret": null}}),
                full.clone(),
                Ok(json!({"serial": "s", EXT: {"serial": "s"}})),
            ),
            (json!({"serial": "other"}), full.clone(), Err("serial is immutable")),
            (json!({"serial": null}), full.clone(), Err("serial is immutable")),
            (json!({EXT: {"Serial": "other"}}), full, Err("urn:example:ext:1.0:serial is immutable")),
            (
                json!({"serial": "new", EXT: {"serial": "new"}}),
                json!({"title": "t"}),
                Ok(json!({"serial": "new", EXT: {"serial": "new"}})),
            ),
        ];
        for (body, before, expected) in cases {
            let kind = kind();
            let read = Document::read(&kind, &body).unwrap();
            let before = Document(before.as_object().unwrap().clone());
            match (put(&kind, &before, &read), expected) {
                (Ok(after), Ok(expected)) => assert_eq!(Value::Object(after.0), expected, "{body}"),
                (Err(error), Err(expected)) => {
                    assert_eq!(error.scim_type, Some(crate::scim::ScimType::Mutability));
                    assert!(error.detail.starts_with(expected), "{error}");
                }
                (found, expected) => panic!("{body}: {found:?}, not {expected:?}"),
            }
        }
    }

    #[test]
    fn empty_texts_become_null() {
        let sent = json!({"a": "", "b": [{"c": "", "d": "x"}], "e": [""]});
        assert_eq!(without_empty_text(&sent), json!({"a": null, "b": [{"c": null, "d": "x"}], "e": [null]}));
    }
}
