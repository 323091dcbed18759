//! What a PUT does not change (RFC 7644 §3.5.1): immutable attributes keep the value they have, and a secret that the
//! client could not read is not lost because the client could not send it back.

use serde_json::{Map, Value};

use super::{Error, Read};
use crate::scim::document::Document;
use crate::scim::resource_type::ResourceType;
use crate::scim::schema::{Attribute, Mutability};

impl Read {
    /// Judges the body of a PUT against the resource that it replaces. Immutable, at any level: left out it is kept,
    /// equal is fine, different is 400 `mutability`; one that has no value yet may get one. writeOnly: left out it is
    /// kept, `null` clears it (RFC 7643 §4.1.1 has no way to read it).
    pub fn keep(&mut self, kind: &ResourceType, before: &Document) -> Result<(), Error> {
        for attribute in &kind.schema.attributes {
            let said = self.asserted.contains(&attribute.name.to_ascii_lowercase());
            keep_one(attribute, &attribute.name, said, &before.0, &mut self.document.0)?;
        }
        for extension in &kind.extensions {
            let urn = &extension.schema.id;
            let Some(Value::Object(stored)) = before.0.get(urn) else { continue };
            let mut values = match self.document.0.get_mut(urn) {
                Some(Value::Object(values)) => std::mem::take(values),
                _ => Map::new(),
            };
            for attribute in &extension.schema.attributes {
                keep_one(attribute, &format!("{urn}:{}", attribute.name), false, stored, &mut values)?;
            }
            if !values.is_empty() {
                self.document.0.insert(urn.clone(), Value::Object(values));
            }
        }
        Ok(())
    }
}

fn keep_one(
    attribute: &Attribute,
    at: &str,
    said: bool,
    before: &Map<String, Value>,
    after: &mut Map<String, Value>,
) -> Result<(), Error> {
    let name = &attribute.name;
    let Some(stored) = before.get(name) else { return Ok(()) };
    match (attribute.mutability, after.get(name)) {
        (Mutability::Immutable, Some(sent)) if sent != stored => return Err(changed(at)),
        (Mutability::Immutable, None) => {
            after.insert(name.clone(), stored.clone());
        }
        (Mutability::WriteOnly, None) if !said => {
            after.insert(name.clone(), stored.clone());
        }
        (Mutability::ReadWrite, _) => keep_parts(attribute, at, stored, after)?,
        _ => {}
    }
    Ok(())
}

/// The parts of a singular complex attribute. Of a multi-valued one the values come and go as wholes.
fn keep_parts(attribute: &Attribute, at: &str, stored: &Value, after: &mut Map<String, Value>) -> Result<(), Error> {
    let (false, Value::Object(stored)) = (attribute.multi_valued, stored) else { return Ok(()) };
    let mut parts = match after.get_mut(&attribute.name) {
        Some(Value::Object(parts)) => std::mem::take(parts),
        _ => Map::new(),
    };
    for sub in &attribute.sub_attributes {
        keep_one(sub, &format!("{at}.{}", sub.name), false, stored, &mut parts)?;
    }
    if !parts.is_empty() {
        after.insert(attribute.name.clone(), Value::Object(parts));
    }
    Ok(())
}

fn changed(at: &str) -> Error {
    Error::mutability(format!("{at} is immutable: send the value it has, or leave it out"))
}
