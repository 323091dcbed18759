//! The naive judge: one value against its definition, and when two values are the same (RFC 7643 §2.3 to §2.5).

use rollkeeper::scim::schema::{Attribute, Type};
use serde_json::{Map, Value};

pub type Refusal = &'static str;

pub const INVALID: Refusal = "invalidValue";
pub const NO_TARGET: Refusal = "noTarget";

/// A whole attribute; `None` is unassigned.
pub fn whole(attribute: &Attribute, value: &Value) -> Result<Option<Value>, Refusal> {
    if value.is_null() {
        return Ok(None);
    }
    if !attribute.multi_valued {
        return one(attribute, value);
    }
    let given = match value {
        Value::Array(elements) => elements.clone(),
        single => vec![single.clone()],
    };
    let mut elements = Vec::new();
    for element in &given {
        if let Some(element) = one(attribute, element)? {
            elements.push(element);
        }
    }
    let elements = distinct(attribute, elements);
    if elements.iter().filter(|element| is_primary(element)).count() > 1 {
        return Err(INVALID);
    }
    Ok((!elements.is_empty()).then(|| Value::Array(elements)))
}

/// One value.
pub fn one(attribute: &Attribute, value: &Value) -> Result<Option<Value>, Refusal> {
    if value.is_null() || *value == Value::Array(vec![]) {
        return Ok(None);
    }
    if attribute.kind != Type::Complex {
        return simple(attribute.kind, value).map(Some);
    }
    match value {
        Value::Object(given) => complex(attribute, given),
        Value::Array(elements) if !attribute.multi_valued && elements.len() == 1 => one(attribute, &elements[0]),
        // A bare id for a manager; "" is no manager.
        Value::String(text) if has(attribute, "value") => {
            if text.is_empty() && !(attribute.multi_valued && is_link(attribute)) {
                return Ok(None);
            }
            complex(attribute, &Map::from_iter([("value".to_owned(), value.clone())]))
        }
        _ => Err(INVALID),
    }
}

fn complex(attribute: &Attribute, given: &Map<String, Value>) -> Result<Option<Value>, Refusal> {
    let mut parts = Map::new();
    for part in &attribute.sub_attributes {
        let named: Vec<&Value> =
            given.iter().filter(|(name, _)| name.eq_ignore_ascii_case(&part.name)).map(|(_, value)| value).collect();
        match named[..] {
            [] => {}
            _ if part.is_read_only() => {}
            [value] => {
                if let Some(value) = whole(part, value)? {
                    parts.insert(part.name.clone(), value);
                }
            }
            _ => return Err("invalidSyntax"),
        }
    }
    if is_link(attribute) {
        mend(attribute, &mut parts);
    }
    Ok((!parts.is_empty()).then_some(Value::Object(parts)))
}

/// A link is what `value` names; a `$ref` alone names it, and one that names something else is not kept.
pub fn mend(attribute: &Attribute, parts: &mut Map<String, Value>) {
    if !attribute.multi_valued && parts.get("value") == Some(&Value::from("")) {
        parts.remove("value");
    }
    let Some(Value::String(reference)) = parts.get("$ref") else { return };
    // A name without a path says nothing about where.
    let target = reference.rsplit_once('/').map_or(String::new(), |(_, last)| last.to_owned());
    match parts.get("value") {
        None if target.is_empty() => drop(parts.remove("$ref")),
        None => drop(parts.insert("value".to_owned(), target.into())),
        Some(value) if *value == target => {}
        Some(_) => drop(parts.remove("$ref")),
    }
}

fn simple(kind: Type, value: &Value) -> Result<Value, Refusal> {
    let sound = match kind {
        Type::String => value.is_string(),
        Type::Boolean => match value.as_str() {
            Some(text) if text.eq_ignore_ascii_case("true") => return Ok(true.into()),
            Some(text) if text.eq_ignore_ascii_case("false") => return Ok(false.into()),
            _ => value.is_boolean(),
        },
        Type::Integer => value.is_i64(),
        Type::Decimal => value.is_number(),
        Type::DateTime => value.as_str().is_some_and(|text| moment(text).is_some()),
        Type::Binary => value.as_str().is_some_and(|text| bytes(text).is_some()),
        Type::Reference => value.as_str().is_some_and(|text| !text.contains(' ')),
        Type::Complex => false,
    };
    if sound { Ok(value.clone()) } else { Err(INVALID) }
}

/// Of the texts that these tests use.
fn moment(text: &str) -> Option<&str> {
    match text {
        "2020-01-01T01:00:00+01:00" => Some("2020-01-01T00:00:00Z"),
        text => (text.len() == 20 && text.ends_with('Z')).then_some(text),
    }
}

fn bytes(text: &str) -> Option<&str> {
    let text = text.trim_end_matches('=');
    (text.len() % 4 != 1
        && text.bytes().all(|b| b.is_ascii_alphanumeric())
        && ["", "TWE", "TWI", "True"].contains(&text))
    .then_some(text)
}

/// Without what is said twice: the first stays, with what the others say beside it.
pub fn distinct(attribute: &Attribute, elements: Vec<Value>) -> Vec<Value> {
    let mut kept: Vec<Value> = Vec::new();
    for element in elements {
        match kept.iter_mut().find(|known| same(attribute, known, &element)) {
            None => kept.push(element),
            Some(Value::Object(known)) => {
                let Value::Object(more) = element else { continue };
                let is_primary = more.get("primary") == Some(&Value::Bool(true));
                for (name, value) in more {
                    known.entry(name).or_insert(value);
                }
                if is_primary {
                    known.insert("primary".to_owned(), true.into());
                }
            }
            Some(_) => {}
        }
    }
    kept
}

/// Whether two elements are the same: of links `value`, of others `value` and `type`, without `value` all but `primary`.
pub fn same(attribute: &Attribute, a: &Value, b: &Value) -> bool {
    if attribute.kind != Type::Complex {
        return equal(attribute, a, b);
    }
    let has_value = |element: &Value| element.get("value").is_some();
    let part_same = |part: &Attribute| match (a.get(&part.name), b.get(&part.name)) {
        (Some(a), Some(b)) => equal(part, a, b),
        (a, b) => a.is_none() && b.is_none(),
    };
    let matter = |part: &&Attribute| match part.name.as_str() {
        "primary" => false,
        "value" => true,
        "type" => !(has_value(a) && is_link(attribute)),
        _ => !has_value(a),
    };
    has_value(a) == has_value(b) && attribute.sub_attributes.iter().filter(matter).all(part_same)
}

/// Two simple values, by `caseExact` and by what their type means.
pub fn equal(attribute: &Attribute, a: &Value, b: &Value) -> bool {
    match (attribute.kind, a, b) {
        (Type::String, Value::String(a), Value::String(b)) if !attribute.case_exact => {
            a.to_lowercase() == b.to_lowercase()
        }
        (Type::Integer | Type::Decimal, a, b) => a.as_f64() == b.as_f64(),
        (Type::DateTime, Value::String(a), Value::String(b)) => moment(a) == moment(b),
        (Type::Binary, Value::String(a), Value::String(b)) => bytes(a) == bytes(b),
        (_, a, b) => a == b,
    }
}

pub fn is_primary(element: &Value) -> bool {
    element.get("primary") == Some(&Value::Bool(true))
}

pub fn is_link(attribute: &Attribute) -> bool {
    has(attribute, "value") && has(attribute, "$ref")
}

fn has(attribute: &Attribute, part: &str) -> bool {
    attribute.sub_attributes.iter().any(|known| known.name == part)
}
