//! Single values of a multi-valued attribute: those that a filter selects, and those that are created from one.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::part::singular;
use super::{Patch, elements_of, list_of, required};
use crate::scim::document::{MOST_VALUES, Note, identity, is_primary};
use crate::scim::error::Error;
use crate::scim::filter::{Filter, Literal, Op as Compare, bind_elements, matches_element};
use crate::scim::key::Key;
use crate::scim::message::Op;
use crate::scim::resource_type::Found;
use crate::scim::schema::Attribute;

impl<'a> Patch<'a> {
    /// `attr[filter]` and `attr[filter].sub`.
    pub(super) fn filtered(
        &mut self,
        op: Op,
        at: &str,
        found: Found<'a>,
        filter: &Filter,
        part: Option<&'a Attribute>,
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
            if matching.is_empty() {
                self.judge.note_path(Note::NOTHING_TO_REMOVE, at);
            }
            match part {
                None => remove_at(&mut elements, &matching),
                Some(part) => self.set_parts(at, found, part, &mut elements, &matching, None)?,
            }
            // Without what told them apart, two values may be the same.
            let elements = self.judge.distinct(attribute, at, elements);
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
            self.judge.note_path(Note::CREATED_FROM_FILTER, at);
            self.add_each(at, attribute, &mut elements, vec![created])?;
            return self.store(found, before.as_ref(), list_of(elements));
        }
        match (part, value) {
            (Some(part), value) => {
                let new = self.judge.attribute(part, at, value)?;
                self.set_parts(at, found, part, &mut elements, &matching, new)?;
            }
            (None, Value::Null) if op == Op::Add => return Ok(()),
            (None, Value::Null) => remove_at(&mut elements, &matching),
            (None, value) if !attribute.is_complex() => {
                let Some(new) = self.judge.element(attribute, at, value)? else {
                    return Err(Error::invalid_value(format!("'{at}' needs a value, this is an empty list")));
                };
                matching.iter().for_each(|&index| elements[index] = new.clone());
            }
            (None, Value::Object(parts)) => {
                for &index in &matching {
                    let merged = self.merged(at, found, Some(elements[index].take()), parts)?;
                    elements[index] = merged.unwrap_or(Value::Null);
                }
                if gives_primary(attribute, parts) {
                    one_primary(&mut elements, &matching)?;
                }
            }
            (None, _) => return Err(objects_only(at)),
        }
        elements.retain(|element| !element.is_null());
        let elements = self.judge.distinct(attribute, at, elements);
        self.store(found, before.as_ref(), list_of(elements))
    }

    /// `emails.value` without a filter: that part of every value; where there is none, one is made of it.
    pub(super) fn every_part(
        &mut self,
        op: Op,
        at: &str,
        found: Found<'a>,
        part: &'a Attribute,
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
        let all: Vec<usize> = (0..elements.len()).collect();
        self.set_parts(at, found, part, &mut elements, &all, new)?;
        Ok(list_of(self.judge.distinct(found.attribute, at, elements)))
    }

    /// That part of each of these elements; one that has no part left goes.
    fn set_parts(
        &mut self,
        at: &str,
        found: Found<'a>,
        part: &'a Attribute,
        elements: &mut Vec<Value>,
        indexes: &[usize],
        new: Option<Value>,
    ) -> Result<(), Error> {
        for &index in indexes {
            let changed = self.with_part(at, found, part, Some(elements[index].take()), new.clone())?;
            elements[index] = changed.unwrap_or(Value::Null);
        }
        if part.name == "primary" && new == Some(Value::Bool(true)) {
            one_primary(elements, indexes)?;
        }
        elements.retain(|element| !element.is_null());
        Ok(())
    }

    /// Each value goes into the place of the one that it is (RFC 7643 §2.4), else to the end.
    pub(super) fn add_each(
        &mut self,
        at: &str,
        attribute: &Attribute,
        elements: &mut Vec<Value>,
        added: Vec<Value>,
    ) -> Result<(), Error> {
        let mut places: HashMap<String, usize> = HashMap::with_capacity(elements.len());
        for (index, element) in elements.iter().enumerate() {
            places.entry(identity(attribute, element)).or_insert(index);
        }
        let mut primaries = Vec::new();
        for new in added {
            let place = *places.entry(identity(attribute, &new)).or_insert(elements.len());
            if is_primary(&new) {
                primaries.push(place);
            }
            match (elements.get_mut(place), new) {
                (Some(Value::Object(old)), Value::Object(new)) => {
                    self.check_parts(attribute, old, &new, false)?;
                    old.extend(new);
                }
                (Some(_), _) => {}
                (None, new) => elements.push(new),
            }
        }
        one_primary(elements, &primaries)?;
        bounded(at, elements)
    }

    /// The value that a filter describes, with the operation's value in it. Only equalities joined by `and` describe one
    /// (Entra fills attributes that are not there yet so). Whether the filter then selects it is the caller's question.
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
        if !attribute.is_complex() {
            return self.judge.element(attribute, at, value)?.ok_or_else(|| no_target(at));
        }
        if parts.keys().any(|name| attribute.sub(name).is_none_or(Attribute::is_read_only)) {
            return Err(no_target(at));
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
            (None, _) => return Err(objects_only(at)),
        }
        let judged = self.judge.element(attribute, at, &Value::Object(parts))?;
        judged.ok_or_else(|| no_target(at))
    }
}

fn no_target(at: &str) -> Error {
    Error::no_target(format!("'{at}' selects no value, and its filter does not describe one that could be created"))
}

/// The pairs of a filter made of equalities joined by `and`. It was bound: its paths are names of sub-attributes.
fn describe(filter: &Filter, parts: &mut Map<String, Value>) -> bool {
    match filter {
        Filter::And(all) => all.iter().all(|one| describe(one, parts)),
        Filter::Compare(path, Compare::Eq, literal) => {
            let value = match literal {
                Literal::String(text) | Literal::Bare(text) => Value::String(text.clone()),
                Literal::Number(number) => Value::Number(number.clone()),
                Literal::Boolean(value) => Value::Bool(*value),
                _ => return false,
            };
            let is_new = !parts.keys().any(|known| known.eq_ignore_ascii_case(&path.name));
            parts.insert(path.name.clone(), value);
            is_new
        }
        _ => false,
    }
}

fn objects_only(at: &str) -> Error {
    Error::invalid_value(format!("the value of '{at}' is an object of sub-attributes"))
}

fn gives_primary(attribute: &Attribute, parts: &Map<String, Value>) -> bool {
    let name = |name: &String| attribute.sub(name).is_some_and(|part| part.name == "primary");
    parts.keys().any(name)
}

fn remove_at(elements: &mut Vec<Value>, indexes: &[usize]) {
    let mut index = 0;
    elements.retain(|_| {
        index += 1;
        !indexes.contains(&(index - 1))
    });
}

fn bounded(at: &str, elements: &[Value]) -> Result<(), Error> {
    if elements.len() > MOST_VALUES {
        return Err(Error::invalid_value(format!("'{at}' would have more than {MOST_VALUES} values")));
    }
    Ok(())
}

/// RFC 7644 §3.5.2: whoever becomes primary ends the others' being so.
fn one_primary(elements: &mut [Value], changed: &[usize]) -> Result<(), Error> {
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
