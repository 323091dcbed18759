//! PUT (RFC 7644 §3.5.1): what the body states replaces what is there, but for attributes that only a word can change.
//!
//! - `immutable` with a value: absent is kept, equal is fine, anything else is `mutability`.
//! - `writeOnly`: absent is kept, because nobody can read it and send it back; `null` clears.
//! - everything else that is absent is cleared.

use serde_json::{Map, Value};

use super::{Document, Read};
use crate::scim::Error;
use crate::scim::resource_type::{Found, ResourceType};
use crate::scim::schema::Mutability;

/// The resource after a PUT of what was read.
pub fn put(kind: &ResourceType, before: &Document, read: &Read) -> Result<Document, Error> {
    let mut after = read.document.clone();
    let base = kind.schema.attributes.iter().map(|attribute| Found { extension: None, attribute });
    let extended = kind.extensions.iter().flat_map(|extension| {
        let schema = extension.schema.as_ref();
        schema.attributes.iter().map(move |attribute| Found { extension: Some(schema), attribute })
    });
    for found in base.chain(extended) {
        let Some(stored) = before.attribute(&found) else { continue };
        let name = match found.extension {
            Some(schema) => format!("{}:{}", schema.id, found.attribute.name),
            None => found.attribute.name.clone(),
        };
        let is_said = read.asserted.contains(&name.to_ascii_lowercase());
        match found.attribute.mutability {
            Mutability::Immutable if is_said && after.attribute(&found) != Some(stored) => {
                return Err(Error::mutability(format!("{name} is immutable: send the value it has, or leave it out")));
            }
            Mutability::Immutable | Mutability::WriteOnly if !is_said => keep(&mut after, found, stored.clone()),
            _ => {}
        }
    }
    Ok(after)
}

fn keep(document: &mut Document, found: Found<'_>, stored: Value) {
    let within = match found.extension {
        Some(schema) => match document.0.entry(schema.id.as_str()).or_insert_with(|| Map::new().into()) {
            Value::Object(within) => within,
            _ => return,
        },
        None => &mut document.0,
    };
    within.insert(found.attribute.name.clone(), stored);
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
        ResourceType {
            name: "Thing".into(),
            endpoint: "/Things".into(),
            description: String::new(),
            schema: schema("urn:example:core:1.0"),
            extensions: vec![Extension { schema: schema(EXT), required: false, own: false }],
            own: false,
            pushed: false,
            next: None,
        }
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
