//! Random resource types: a base schema and two extensions, with every type, mutability and shape, and documents of them.
//!
//! Names repeat on purpose: `alpha` is in the base and in the first extension, `golf` in both extensions.

use std::sync::Arc;

use rollkeeper::scim::document::Document;
use rollkeeper::scim::resource_type::{Extension, ResourceType};
use rollkeeper::scim::schema::{Attribute, Mutability, Schema, Type};
use serde_json::{Map, Value, json};

use super::dice::Dice;

pub const BASE: &str = "urn:example:core:2.0:Thing";
const EXTENSIONS: [&str; 2] = ["urn:example:ext:2.0:First", "urn:example:ext:2.0:Second"];

pub fn kind(dice: &Dice<'_>) -> ResourceType {
    let schema = |id: &str, names: &[&str]| {
        let attributes = names.iter().map(|name| attribute(dice, name)).collect();
        Arc::new(Schema { id: id.to_owned(), name: "Thing".into(), description: String::new(), attributes })
    };
    let extension = |id, names| Extension::optional(schema(id, names));
    let extensions =
        vec![extension(EXTENSIONS[0], &["alpha", "foxtrot", "golf"]), extension(EXTENSIONS[1], &["golf", "hotel"])];
    ResourceType::new("/Things", schema(BASE, &["alpha", "bravo", "carol", "delta"]), extensions)
}

fn attribute(dice: &Dice<'_>, name: &str) -> Attribute {
    let kind = *dice.pick(&[
        Type::String,
        Type::Complex,
        Type::Complex,
        Type::Complex,
        Type::Boolean,
        Type::Integer,
        Type::Decimal,
        Type::DateTime,
        Type::Binary,
        Type::Reference,
    ]);
    let mutability = *dice.pick(&[
        Mutability::ReadWrite,
        Mutability::ReadWrite,
        Mutability::ReadWrite,
        Mutability::ReadWrite,
        Mutability::Immutable,
        Mutability::ReadOnly,
        Mutability::WriteOnly,
    ]);
    Attribute {
        name: name.to_owned(),
        kind,
        multi_valued: dice.chance(1, 2),
        required: dice.chance(1, 6),
        case_exact: dice.chance(1, 2),
        mutability,
        sub_attributes: if kind == Type::Complex { parts(dice) } else { Vec::new() },
        ..Attribute::default()
    }
}

fn parts(dice: &Dice<'_>) -> Vec<Attribute> {
    let part = |name: &str, kind| Attribute {
        name: name.to_owned(),
        kind,
        case_exact: dice.chance(1, 2),
        required: dice.chance(1, 8),
        mutability: *dice.pick(&[
            Mutability::ReadWrite,
            Mutability::ReadWrite,
            Mutability::ReadWrite,
            Mutability::ReadWrite,
            Mutability::Immutable,
            Mutability::ReadOnly,
        ]),
        ..Attribute::default()
    };
    let kinds = [Type::String, Type::Integer, Type::Boolean, Type::DateTime, Type::Binary, Type::Reference];
    let any = || *dice.pick(&kinds);
    match dice.roll(3) {
        0 => vec![
            Attribute { mutability: Mutability::ReadWrite, ..part("value", any()) },
            part("type", Type::String),
            Attribute { mutability: Mutability::ReadWrite, required: false, ..part("primary", Type::Boolean) },
            part("display", Type::String),
        ],
        1 => vec![part("one", any()), part("two", any()), part("three", any())],
        // A link to another resource.
        _ => vec![
            Attribute { mutability: Mutability::ReadWrite, case_exact: true, ..part("value", Type::String) },
            Attribute { mutability: Mutability::ReadWrite, required: false, ..part("$ref", Type::Reference) },
            part("display", Type::String),
        ],
    }
}

/// Values of a type, sound ones first; several are the same in other words.
pub fn sound(kind: Type) -> Vec<Value> {
    let values = match kind {
        Type::String => json!(["a", "A", "b", "c d"]),
        Type::Boolean => json!([true, false]),
        Type::Integer => json!([1, 2, -3]),
        Type::Decimal => json!([1, 1.0, 2.5]),
        Type::DateTime => json!(["2020-01-01T00:00:00Z", "2020-01-01T01:00:00+01:00", "2021-06-01T12:00:00Z"]),
        Type::Binary => json!(["TWE=", "TWE", "TWI="]),
        Type::Reference => json!(["https://h/Things/a", "https://h/Things/A", "https://h/Things/b"]),
        Type::Complex => json!([]),
    };
    let Value::Array(values) = values else { unreachable!("a list") };
    values
}

/// A canonical document: whole, and as reading it would leave it.
pub fn document(kind: &ResourceType, dice: &Dice<'_>) -> Map<String, Value> {
    let mut body = values(&kind.schema, dice);
    for extension in &kind.extensions {
        if dice.chance(1, 2) {
            body.insert(extension.schema.id.clone(), Value::Object(values(&extension.schema, dice)));
        }
    }
    let read = Document::read(kind, &Value::Object(body)).expect("sound values");
    read.document.0
}

fn values(schema: &Schema, dice: &Dice<'_>) -> Map<String, Value> {
    let mut values = Map::new();
    for attribute in schema.attributes.iter().filter(|attribute| !attribute.is_read_only()) {
        if attribute.required || dice.chance(2, 3) {
            values.insert(attribute.name.clone(), whole(attribute, dice));
        }
    }
    values
}

fn whole(attribute: &Attribute, dice: &Dice<'_>) -> Value {
    if !attribute.multi_valued {
        return element(attribute, dice);
    }
    (0..=dice.roll(3)).map(|_| element(attribute, dice)).collect()
}

/// One sound value, with all that is required of it.
pub fn element(attribute: &Attribute, dice: &Dice<'_>) -> Value {
    if !attribute.is_complex() {
        return dice.pick(&sound(attribute.kind)).clone();
    }
    let mut parts = Map::new();
    for (index, part) in attribute.sub_attributes.iter().enumerate().filter(|(_, part)| !part.is_read_only()) {
        if part.required || index == 0 || dice.chance(1, 2) {
            parts.insert(part.name.clone(), dice.pick(&sound(part.kind)).clone());
        }
    }
    Value::Object(parts)
}
