//! A POST or PUT body, judged attribute by attribute (RFC 7644 §3.3, §3.5.1; RFC 7643 §2, §3).
//!
//! - `readOnly` attributes, `id` and `meta` are ignored, whatever they hold.
//! - Unknown attributes, URNs and containers are ignored and noted.
//! - `schemas` may be missing or incomplete; what it must not do is name another type.
//! - Enterprise attributes at the top level, as legacy Entra mappings send them, are understood.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde_json::{Map, Value};

use super::judge::{At, printable, type_name};
use super::{Document, Judge, Note, Read};
use crate::scim::Error;
use crate::scim::resource_type::{Found, ResourceType, urn};
use crate::scim::schema::Schema;

pub(super) fn read(kind: &ResourceType, body: &Value) -> Result<Read, Error> {
    let Value::Object(body) = body else {
        return Err(Error::invalid_syntax(format!("a resource is a JSON object, this is {}", type_name(body))));
    };
    let mut reader = Reader {
        kind,
        judge: Judge::default(),
        seen: HashSet::new(),
        schemas: None,
        values: BTreeMap::new(),
        asserted: BTreeSet::new(),
    };
    // What is certain goes first: an attribute in its own place wins over one that had to be guessed.
    let mut guesses = Vec::new();
    for (key, value) in body {
        if !reader.certain(key, value)? {
            guesses.push((key, value));
        }
    }
    for (key, value) in guesses {
        reader.guess(key, value)?;
    }
    reader.check_schemas()?;
    Ok(reader.finish())
}

struct Reader<'a> {
    kind: &'a ResourceType,
    judge: Judge,
    /// What has been read so far, in lower case: names, URNs, `urn:name` for extension attributes.
    seen: HashSet<String>,
    schemas: Option<&'a Value>,
    values: BTreeMap<Slot, Value>,
    asserted: BTreeSet<String>,
}

/// Where a value belongs in a document: the schema (0 is the base), then the attribute. Documents are in this order.
type Slot = (usize, usize);

impl<'a> Reader<'a> {
    /// Takes what has one meaning: an attribute of the base schema, a common attribute, an extension's container.
    fn certain(&mut self, key: &str, value: &'a Value) -> Result<bool, Error> {
        if let Some(extension) = self.kind.extension(key) {
            self.once(&extension.schema.id)?;
            self.container(&extension.schema, value, false)?;
            return Ok(true);
        }
        match self.kind.find(None, key) {
            Some(found @ Found { extension: None, attribute }) => {
                self.once(&attribute.name)?;
                if attribute.name == "schemas" {
                    self.schemas = Some(value);
                }
                self.attribute(found, value)?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// Takes what probably means something: a URN that is known to be misspelt, an extension's attribute at the top.
    fn guess(&mut self, key: &str, value: &'a Value) -> Result<(), Error> {
        if let Some(extension) = urn::known_alias(key).and_then(|urn| self.kind.extension(urn)) {
            self.once(key)?;
            self.judge.note(Note::SCHEMA_ALIAS, At(&extension.schema.id, None));
            return self.container(&extension.schema, value, true);
        }
        match self.kind.find(None, key) {
            Some(Found { extension: Some(schema), attribute }) => {
                self.once(key)?;
                self.judge.note(Note::EXTENSION_ATTRIBUTE_AT_TOP, At(&attribute.name, None));
                self.extension_attribute(schema, key, value, true)
            }
            _ => {
                let code = if key.contains(':') { Note::UNKNOWN_SCHEMA } else { Note::UNKNOWN_ATTRIBUTE };
                self.judge.note(code, At(printable(key), None));
                Ok(())
            }
        }
    }

    fn container(&mut self, schema: &'a Schema, value: &Value, guessed: bool) -> Result<(), Error> {
        if schema.attributes.iter().any(|attribute| !attribute.is_read_only()) {
            self.asserted.insert(schema.id.to_ascii_lowercase());
        }
        let members = match value {
            Value::Null => return Ok(()),
            Value::Object(members) => members,
            other => {
                let given = type_name(other);
                return Err(Error::invalid_value(format!("{}: expected an object, this is {given}", schema.id)));
            }
        };
        for (key, value) in members {
            self.extension_attribute(schema, key, value, guessed)?;
        }
        Ok(())
    }

    fn extension_attribute(
        &mut self,
        schema: &'a Schema,
        key: &str,
        value: &Value,
        guessed: bool,
    ) -> Result<(), Error> {
        let Some(attribute) = schema.attribute(key) else {
            self.judge.note(Note::UNKNOWN_ATTRIBUTE, At(&format!("{}:{}", schema.id, printable(key)), None));
            return Ok(());
        };
        let name = format!("{}:{}", schema.id, attribute.name);
        if guessed && self.seen.contains(&name.to_ascii_lowercase()) {
            return Ok(());
        }
        self.once(&name)?;
        self.attribute(Found { extension: Some(schema), attribute }, value)
    }

    fn attribute(&mut self, found: Found<'a>, value: &Value) -> Result<(), Error> {
        let Found { extension, attribute } = found;
        // RFC 7644 §3.3, §3.5.1: readOnly values are ignored, also when they are in the wrong shape.
        if attribute.is_read_only() || attribute.name == "schemas" {
            return Ok(());
        }
        let name = match extension {
            Some(schema) => format!("{}:{}", schema.id, attribute.name),
            None => attribute.name.clone(),
        };
        let asserted = extension.map_or(attribute.name.as_str(), |schema| &schema.id);
        self.asserted.insert(asserted.to_ascii_lowercase());
        self.asserted.insert(name.to_ascii_lowercase());
        match self.judge.attribute(attribute, &name, value)? {
            // An externalId names something; an empty one names nothing.
            Some(Value::String(text)) if attribute.name == "externalId" && text.is_empty() => {
                self.judge.note(Note::EMPTY_TEXT_AS_UNASSIGNED, At(&name, None));
            }
            Some(value) => {
                self.values.insert(slot(self.kind, found), value);
            }
            None => {}
        }
        Ok(())
    }

    /// RFC 7643 §2.1: names that differ in case alone are one name, and an object has a name once.
    fn once(&mut self, name: &str) -> Result<(), Error> {
        if self.seen.insert(name.to_ascii_lowercase()) {
            return Ok(());
        }
        Err(Error::invalid_syntax(format!("the body has {name} twice, in different case")))
    }

    /// RFC 7643 §3, §3.3: the base schema and the type's extensions. What is missing is inferred from the endpoint;
    /// another type's URN means that the body was meant for another endpoint.
    fn check_schemas(&mut self) -> Result<(), Error> {
        const AT: At<'static> = At("schemas", None);
        let listed = match self.schemas {
            None | Some(Value::Null) => &[],
            Some(Value::Array(listed)) => listed.as_slice(),
            Some(other) => {
                let given = type_name(other);
                return Err(Error::invalid_syntax(format!("schemas: expected an array of URNs, this is {given}")));
            }
        };
        let mut named = HashSet::new();
        for entry in listed {
            let Value::String(entry) = entry else {
                let given = type_name(entry);
                return Err(Error::invalid_syntax(format!("schemas: expected URNs, one of them is {given}")));
            };
            if entry.eq_ignore_ascii_case(&self.kind.schema.id) {
                named.insert(self.kind.schema.id.as_str());
            } else if let Some(extension) = self.kind.extension(entry) {
                named.insert(extension.schema.id.as_str());
            } else if let Some(extension) = urn::known_alias(entry).and_then(|urn| self.kind.extension(urn)) {
                named.insert(extension.schema.id.as_str());
                self.judge.note(Note::SCHEMA_ALIAS, AT);
            } else if entry.eq_ignore_ascii_case(CORE_OF_SCIM_1) {
                named.insert(self.kind.schema.id.as_str());
                self.judge.note(Note::SCHEMA_ALIAS, AT);
            } else if means_another_type(entry) {
                let (endpoint, base) = (&self.kind.endpoint, &self.kind.schema.id);
                let detail = format!("schemas names {entry}, but {endpoint} takes {base}");
                return Err(Error::invalid_value(detail));
            } else {
                self.judge.note(Note::UNKNOWN_SCHEMA, AT);
            }
        }
        if !named.contains(self.kind.schema.id.as_str()) {
            self.judge.note(Note::SCHEMA_INFERRED, AT);
        }
        for extension in &self.kind.extensions {
            let urn = extension.schema.id.as_str();
            if self.seen.contains(&urn.to_ascii_lowercase()) && !named.contains(urn) {
                self.judge.note(Note::SCHEMA_NOT_LISTED, At(urn, None));
            }
        }
        Ok(())
    }

    fn finish(self) -> Read {
        let mut document = Map::new();
        for ((schema, attribute), value) in self.values {
            let (within, schema) = match schema {
                0 => (&mut document, &self.kind.schema),
                n => {
                    let schema = &self.kind.extensions[n - 1].schema;
                    let container = document.entry(schema.id.as_str()).or_insert_with(|| Map::new().into());
                    let Value::Object(container) = container else { continue };
                    (container, schema)
                }
            };
            let name = match attribute {
                0 => "externalId",
                n => schema.attributes[n - 1].name.as_str(),
            };
            within.insert(name.to_owned(), value);
        }
        Read { document: Document(document), asserted: self.asserted, notes: self.judge.notes }
    }
}

/// SCIM 1.1 had one schema for everything; OneLogin and Google still name it.
const CORE_OF_SCIM_1: &str = "urn:scim:schemas:core:1.0";

fn means_another_type(entry: &str) -> bool {
    const PREFIXES: [&str; 3] = [
        "urn:ietf:params:scim:schemas:core:2.0:",
        "urn:ietf:params:scim:api:messages:2.0:",
        "urn:rollkeeper:params:scim:schemas:core:2.0:",
    ];
    let starts_with = |prefix: &str| entry.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    PREFIXES.into_iter().any(starts_with)
}

fn slot(kind: &ResourceType, found: Found<'_>) -> Slot {
    let (index, schema) = match found.extension {
        None => (0, kind.schema.as_ref()),
        Some(schema) => {
            let place = kind.extensions.iter().position(|extension| extension.schema.id == schema.id);
            (place.map_or(0, |place| place + 1), schema)
        }
    };
    // Of the common attributes only externalId is a client's; it goes first.
    let attribute = schema.attributes.iter().position(|attribute| attribute.name == found.attribute.name);
    (index, attribute.map_or(0, |place| place + 1))
}
