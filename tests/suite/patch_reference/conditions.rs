//! Value filters: what one is asked of, what it holds of, and what a value made from it is.

use rollkeeper::scim::schema::{Attribute, Type};
use serde_json::{Map, Value};

use super::requests::Condition;
use super::values::{INVALID, NO_TARGET, Refusal, equal, one};

/// "Created from the filter": one `eq` or several joined by `and`, on writable parts.
pub fn created(
    filter: &Condition,
    attribute: &Attribute,
    part: Option<&Attribute>,
    value: &Value,
) -> Result<Value, Refusal> {
    let mut pairs = Vec::new();
    if !equalities(filter, &mut pairs) {
        return Err(NO_TARGET);
    }
    if attribute.kind != Type::Complex {
        // Said twice is as good as not at all, as of the parts below.
        return if pairs.len() > 1 { Err(NO_TARGET) } else { one(attribute, value)?.ok_or(NO_TARGET) };
    }
    let mut parts = Map::new();
    for (name, value) in pairs {
        let part = attribute.sub_attributes.iter().find(|part| part.name.eq_ignore_ascii_case(&name));
        let part = part.filter(|part| !part.is_read_only()).ok_or(NO_TARGET)?;
        if parts.insert(part.name.clone(), value).is_some() {
            return Err(NO_TARGET);
        }
    }
    match (part, value) {
        (Some(part), value) => drop(parts.insert(part.name.clone(), value.clone())),
        (None, Value::Object(given)) => {
            for (name, value) in given {
                let part = attribute.sub_attributes.iter().find(|part| part.name.eq_ignore_ascii_case(name));
                parts.insert(part.map_or(name, |part| &part.name).clone(), value.clone());
            }
        }
        _ => return Err(INVALID),
    }
    one(attribute, &Value::Object(parts))?.ok_or(NO_TARGET)
}

fn equalities(filter: &Condition, pairs: &mut Vec<(String, Value)>) -> bool {
    match filter {
        Condition::Equal(name, value) => {
            pairs.push((name.clone(), value.clone()));
            true
        }
        Condition::And(a, b) => equalities(a, pairs) && equalities(b, pairs),
        _ => false,
    }
}

/// Whether a filter can be asked of that attribute.
pub fn check(filter: &Condition, attribute: &Attribute) -> Result<(), Refusal> {
    let refused = Err("invalidFilter");
    match filter {
        Condition::And(a, b) | Condition::Or(a, b) => check(a, attribute).and(check(b, attribute)),
        Condition::Not(a) => check(a, attribute),
        Condition::Present(name) => {
            if leaf(attribute, name).is_some() {
                Ok(())
            } else {
                refused
            }
        }
        Condition::Equal(name, value) | Condition::Differs(name, value) | Condition::Contains(name, value) => {
            let Some(leaf) = leaf(attribute, name) else { return refused };
            let is_text_op = matches!(filter, Condition::Contains(..));
            let fits = match leaf.kind {
                Type::String | Type::Reference => value.is_string(),
                _ if is_text_op => false,
                Type::Integer | Type::Decimal => value.is_number(),
                Type::Binary => value.as_str().is_some_and(may_be_base64),
                _ => one(&Attribute { multi_valued: false, ..leaf.clone() }, value).is_ok(),
            };
            if fits { Ok(()) } else { refused }
        }
    }
}

/// A filter looks over what a value may not have: bits beyond the last byte.
fn may_be_base64(text: &str) -> bool {
    let text: Vec<char> = text.trim_end_matches('=').chars().filter(|c| !c.is_ascii_whitespace()).collect();
    text.len() % 4 != 1 && text.iter().all(|c| c.is_ascii_alphanumeric() || "+/".contains(*c))
}

fn leaf<'a>(attribute: &'a Attribute, name: &str) -> Option<&'a Attribute> {
    if attribute.kind == Type::Complex {
        attribute.sub_attributes.iter().find(|part| part.name.eq_ignore_ascii_case(name))
    } else {
        name.eq_ignore_ascii_case("value").then_some(attribute)
    }
}

pub fn holds(filter: &Condition, attribute: &Attribute, element: &Value) -> bool {
    let of = |name: &str| -> (Option<&Attribute>, Option<&Value>) {
        match leaf(attribute, name) {
            Some(part) if attribute.kind == Type::Complex => (Some(part), element.get(&part.name)),
            part => (part, Some(element)),
        }
    };
    let is = |name: &str, wanted: &Value| match of(name) {
        // An absent `primary` is false (RFC 7643 §2.4).
        (Some(part), value) if part.name == "primary" => {
            let wanted =
                wanted == &Value::Bool(true) || wanted.as_str().is_some_and(|text| text.eq_ignore_ascii_case("true"));
            (value == Some(&Value::Bool(true))) == wanted
        }
        (Some(part), Some(value)) => equal(part, value, wanted),
        _ => false,
    };
    match filter {
        Condition::And(a, b) => holds(a, attribute, element) && holds(b, attribute, element),
        Condition::Or(a, b) => holds(a, attribute, element) || holds(b, attribute, element),
        Condition::Not(a) => !holds(a, attribute, element),
        Condition::Equal(name, wanted) => is(name, wanted),
        Condition::Differs(name, wanted) => !is(name, wanted),
        Condition::Present(name) => of(name).1.is_some_and(|value| value.as_str() != Some("")),
        Condition::Contains(name, wanted) => match (of(name), wanted) {
            ((Some(part), Some(Value::String(text))), Value::String(wanted)) => {
                let folded = |text: &str| {
                    if part.case_exact || part.kind == Type::Reference { text.to_owned() } else { text.to_lowercase() }
                };
                folded(text).contains(&folded(wanted))
            }
            _ => false,
        },
    }
}

/// `remove` with a value: by `value` (and `type`, if it is given), else by all parts that are given.
pub fn names(attribute: &Attribute, named: &Value, element: &Value) -> bool {
    let (Value::Object(wanted), Value::Object(parts)) = (named, element) else {
        return equal(attribute, named, element);
    };
    let by_value = wanted.contains_key("value");
    attribute.sub_attributes.iter().filter(|part| !by_value || part.name == "value" || part.name == "type").all(
        |part| match (wanted.get(&part.name), parts.get(&part.name)) {
            (None, _) => true,
            (Some(wanted), Some(value)) => equal(part, wanted, value),
            (Some(_), None) => false,
        },
    )
}
