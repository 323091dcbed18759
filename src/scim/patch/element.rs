//! Single values of a multi-valued attribute: those that a filter selects, and those that are created from one.

use serde_json::{Map, Value};

use super::{Patch, elements_of, list_of, required};
use crate::scim::document::MOST_VALUES;
use crate::scim::error::Error;
use crate::scim::filter::{Filter, Literal, Op as Compare, bind_elements, matches_element};
use crate::scim::key::Key;
use crate::scim::message::Op;
use crate::scim::resource_type::Found;
use crate::scim::schema::{Attribute, Mutability};

impl<'a> Patch<'a> {
    /// `attr[filter]` and `attr[filter].sub`.
    pub(super) fn filtered(
        &mut self,
        op: Op,
        at: &str,
        found: Found<'a>,
        filter: &Filter,
        part: Option<&Attribute>,
        value: Option<&Value>,
    ) -> Result<(), Error> {
        let attribute = found.attribute;
        if !attribute.multi_valued {
            return Err(Error::invalid_path(format!(
                "'{}' has one value: a filter in its path selects nothing; name a sub-attribute",
                attribute.name
            )));
        }
        let bound = bind_elements(filter, self.kind, found)?;
        let before = self.value(found).cloned();
        let mut elements = elements_of(before.clone());
        let matching: Vec<usize> =
            (0..elements.len()).filter(|&index| matches_element(&bound, found, &elements[index])).collect();
        if op == Op::Remove {
            match part {
                None => remove_at(&mut elements, &matching),
                Some(part) => {
                    for &index in &matching {
                        set_part(&mut elements[index], part, None)?;
                    }
                    elements.retain(|element| element.as_object().is_none_or(|parts| !parts.is_empty()));
                }
            }
            return self.store(found, before.as_ref(), list_of(elements));
        }
        let value = required(op, value)?;
        let value = match value {
            Value::Array(values) if part.is_none() && values.len() == 1 => &values[0],
            other => other,
        };
        if matching.is_empty() {
            if value.is_null() {
                return Ok(());
            }
            let created = self.created(at, attribute, filter, part, value)?;
            if !matches_element(&bound, found, &created) {
                return Err(no_target(at));
            }
            elements.push(created);
            let last = elements.len() - 1;
            one_primary(&mut elements, &[last])?;
            bounded(at, &elements)?;
            return self.store(found, before.as_ref(), list_of(elements));
        }
        match part {
            Some(part) => {
                let new = self.judge.attribute(part, at, value)?;
                for &index in &matching {
                    set_part(&mut elements[index], part, new.clone())?;
                }
            }
            None if value.is_null() => remove_at(&mut elements, &matching),
            None => {
                let Value::Object(parts) = value else {
                    return Err(Error::invalid_value(format!("the value of '{at}' is an object of sub-attributes")));
                };
                for &index in &matching {
                    let before = elements[index].take();
                    let merged = self.merged(at, &singular(attribute), Some(before.clone()), parts)?;
                    same_immutables(attribute, Some(&before), merged.as_ref())?;
                    elements[index] = merged.unwrap_or(Value::Null);
                }
            }
        }
        if !value.is_null() {
            one_primary(&mut elements, &matching)?;
        }
        elements.retain(|element| !element.is_null() && element.as_object().is_none_or(|parts| !parts.is_empty()));
        let elements = self.judge.distinct(attribute, at, elements);
        self.store(found, before.as_ref(), list_of(elements))
    }

    /// `emails.value` without a filter: that part of every value; where there is none, one is made of it.
    pub(super) fn every_part(
        &mut self,
        op: Op,
        at: &str,
        found: Found<'a>,
        part: &Attribute,
        before: Option<Value>,
        value: Option<&Value>,
    ) -> Result<Option<Value>, Error> {
        let mut elements = elements_of(before);
        let new = match op {
            Op::Remove => None,
            _ => self.judge.attribute(part, at, required(op, value)?)?,
        };
        if elements.is_empty() && new.is_some() {
            elements.push(Value::Object(Map::new()));
        }
        for element in &mut elements {
            set_part(element, part, new.clone())?;
        }
        elements.retain(|element| element.as_object().is_none_or(|parts| !parts.is_empty()));
        Ok(list_of(self.judge.distinct(found.attribute, at, elements)))
    }

    /// The value that a filter describes, with the operation's value in it. Only equalities joined by `and` describe one
    /// (Entra fills attributes that are not there yet so).
    fn created(
        &mut self,
        at: &str,
        attribute: &Attribute,
        filter: &Filter,
        part: Option<&Attribute>,
        value: &Value,
    ) -> Result<Value, Error> {
        let mut parts = Map::new();
        if !describe(filter, &mut parts) {
            return Err(no_target(at));
        }
        for name in parts.keys() {
            match attribute.sub(name) {
                Some(sub) if !sub.is_read_only() => {}
                _ => return Err(no_target(at)),
            }
        }
        let insert = |parts: &mut Map<String, Value>, name: &str, value: &Value| {
            parts.retain(|known, _| !known.eq_ignore_ascii_case(name));
            parts.insert(name.to_owned(), value.clone());
        };
        match (part, value) {
            (Some(part), value) => insert(&mut parts, &part.name, value),
            (None, Value::Object(given)) => {
                for (name, value) in given {
                    insert(&mut parts, name, value);
                }
            }
            (None, _) => {
                return Err(Error::invalid_value(format!("the value of '{at}' is an object of sub-attributes")));
            }
        }
        let judged = self.judge.element(attribute, at, &Value::Object(parts))?;
        judged.ok_or_else(|| no_target(at))
    }
}

fn no_target(at: &str) -> Error {
    Error::no_target(format!("'{at}' selects no value, and its filter does not describe one that could be created"))
}

/// The pairs of a filter made of equalities joined by `and`.
fn describe(filter: &Filter, parts: &mut Map<String, Value>) -> bool {
    match filter {
        Filter::And(all) => all.iter().all(|one| describe(one, parts)),
        Filter::Compare(path, Compare::Eq, literal) if path.urn.is_none() && path.sub.is_none() => {
            let value = match literal {
                Literal::String(text) | Literal::Bare(text) => Value::String(text.clone()),
                Literal::Number(number) => Value::Number(number.clone()),
                Literal::Boolean(value) => Value::Bool(*value),
                _ => return false,
            };
            parts.insert(path.name.clone(), value).is_none()
        }
        _ => false,
    }
}

/// The attribute as one value of it, so that a single element is judged like a singular complex attribute.
fn singular(attribute: &Attribute) -> Attribute {
    Attribute { multi_valued: false, ..attribute.clone() }
}

fn set_part(element: &mut Value, part: &Attribute, new: Option<Value>) -> Result<(), Error> {
    let Value::Object(parts) = element else { return Ok(()) };
    let old = parts.get(&part.name);
    if part.mutability == Mutability::Immutable && old.is_some() && old != new.as_ref() {
        return Err(Error::mutability(format!(
            "{} of a value is immutable: remove the value and add another",
            part.name
        )));
    }
    match new {
        Some(new) => parts.insert(part.name.clone(), new),
        None => parts.shift_remove(&part.name),
    };
    Ok(())
}

fn remove_at(elements: &mut Vec<Value>, indexes: &[usize]) {
    let mut index = 0;
    elements.retain(|_| {
        index += 1;
        !indexes.contains(&(index - 1))
    });
}

pub(super) fn bounded(at: &str, elements: &[Value]) -> Result<(), Error> {
    if elements.len() > MOST_VALUES {
        return Err(Error::invalid_value(format!("'{at}' would have more than {MOST_VALUES} values")));
    }
    Ok(())
}

/// RFC 7644 §3.5.2: whoever becomes primary ends the others' being so.
pub(super) fn one_primary(elements: &mut [Value], changed: &[usize]) -> Result<(), Error> {
    let is_primary = |element: &Value| element.get("primary") == Some(&Value::Bool(true));
    let mut new: Vec<usize> =
        changed.iter().copied().filter(|&index| elements.get(index).is_some_and(is_primary)).collect();
    new.sort_unstable();
    new.dedup();
    if new.len() > 1 {
        return Err(Error::invalid_value("several values would be primary: at most one can be"));
    }
    let [primary] = new[..] else { return Ok(()) };
    for (index, element) in elements.iter_mut().enumerate() {
        if index != primary && is_primary(element) {
            element["primary"] = Value::Bool(false);
        }
    }
    Ok(())
}

/// Where an added value goes: in the place of the one with the same `value` and `type` (RFC 7643 §2.4), else at the end.
pub(super) fn place_of(attribute: &Attribute, elements: &[Value], new: &Value) -> usize {
    elements.iter().position(|old| is_same(attribute, old, new)).unwrap_or(elements.len())
}

pub(super) fn put(attribute: &Attribute, elements: &mut Vec<Value>, place: usize, new: Value) -> Result<(), Error> {
    match (elements.get_mut(place), new) {
        (Some(old), Value::Object(new)) => {
            let mut merged = old.clone();
            if let Value::Object(parts) = &mut merged {
                parts.extend(new);
            }
            same_immutables(attribute, Some(old), Some(&merged))?;
            *old = merged;
        }
        (Some(_), _) => {}
        (None, new) => elements.push(new),
    }
    Ok(())
}

/// RFC 7643 §7: the immutable parts of one value that have a value keep it.
pub(super) fn same_immutables(
    attribute: &Attribute,
    before: Option<&Value>,
    after: Option<&Value>,
) -> Result<(), Error> {
    let part = |value: Option<&'_ Value>, sub: &Attribute| value.and_then(|value| value.get(&sub.name)).cloned();
    for sub in attribute.sub_attributes.iter().filter(|sub| sub.mutability == Mutability::Immutable) {
        let stored = part(before, sub);
        if stored.is_some() && stored != part(after, sub) {
            return Err(Error::mutability(format!(
                "{}.{} is immutable: it keeps the value it has",
                attribute.name, sub.name
            )));
        }
    }
    Ok(())
}

fn is_same(attribute: &Attribute, a: &Value, b: &Value) -> bool {
    if !attribute.is_complex() {
        return Key::of(&singular(attribute), a) == Key::of(&singular(attribute), b);
    }
    if attribute.sub("value").is_none() {
        return a == b;
    }
    let part = |element: &Value, name: &str| {
        attribute.sub(name).and_then(|sub| element.get(&sub.name).map(|value| (Key::of(sub, value), value.clone())))
    };
    let equal = |name: &str| match (part(a, name), part(b, name)) {
        (Some((Some(a), _)), Some((Some(b), _))) => a == b,
        (a, b) => a == b,
    };
    equal("value") && (attribute.is_link() || equal("type"))
}

/// Whether an element is one that a `remove` with a value list names.
pub(super) fn is_named_by(attribute: &Attribute, element: &Value, named: &Value) -> bool {
    let (Value::Object(parts), Value::Object(wanted)) = (element, named) else {
        return Key::of(&singular(attribute), element) == Key::of(&singular(attribute), named);
    };
    let names: Vec<&String> = if wanted.contains_key("value") {
        wanted.keys().filter(|name| *name == "value" || *name == "type").collect()
    } else {
        wanted.keys().collect()
    };
    names.into_iter().all(|name| {
        let (Some(sub), Some(value)) = (attribute.sub(name), parts.get(name)) else { return false };
        match (Key::of(sub, value), Key::of(sub, &wanted[name])) {
            (Some(a), Some(b)) => a == b,
            _ => value == &wanted[name],
        }
    })
}
