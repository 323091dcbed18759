//! One value against its definition: the rules of RFC 7643 §2.3 to §2.5, and the leniencies that clients need.
//!
//! PATCH uses the same judge for what its operations carry, so that a value means the same however it comes.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;

use serde_json::{Map, Value};

use super::{Note, format};
use crate::scim::Error;
use crate::scim::key::Key;
use crate::scim::schema::{Attribute, Type};

/// Judges values and notes the leniencies it grants.
#[derive(Clone, Debug, Default)]
pub struct Judge {
    pub notes: Vec<Note>,
    /// Several primaries in one list are refused, not noted.
    pub one_primary: bool,
}

/// More notes than this say nothing new, and a body must not be able to fill the log.
const MAX_NOTES: usize = 64;
/// More values of one attribute than this are a mistake or an attack (RFC 7644 §7.7).
pub(in crate::scim) const MOST_VALUES: usize = 2_000;
/// Members are the exception: a group arrives with all of them.
const MOST_MEMBERS: usize = 200_000;
/// Room for a photo as a `data:` URI, and for a page of text.
const LONGEST_TEXT: usize = 64 << 10;

impl Judge {
    /// A whole attribute, canonical: an array for a multi-valued one. `None`: `null`, `[]` or nothing but empty
    /// objects, that is, unassigned (RFC 7643 §2.5). `at` is the attribute's name in messages.
    pub fn attribute(&mut self, attribute: &Attribute, at: &str, value: &Value) -> Result<Option<Value>, Error> {
        self.whole(attribute, At(at, None), value)
    }

    /// One value: an element of a multi-valued attribute, or the value of a singular one.
    pub fn element(&mut self, attribute: &Attribute, at: &str, value: &Value) -> Result<Option<Value>, Error> {
        self.one(attribute, At(at, None), value)
    }

    /// The canonical elements of a multi-valued attribute without those that repeat another's (RFC 7643 §2.4). The first
    /// stays, with what the others say beside it; it is primary if one of them is.
    pub fn distinct(&mut self, attribute: &Attribute, at: &str, elements: Vec<Value>) -> Vec<Value> {
        let mut kept: Vec<Value> = Vec::with_capacity(elements.len());
        let mut places: HashMap<String, usize> = HashMap::with_capacity(elements.len());
        for element in elements {
            match places.entry(identity(attribute, &element)) {
                Entry::Occupied(place) => {
                    let primary = is_primary(&element);
                    if let (Value::Object(first), Value::Object(more)) = (&mut kept[*place.get()], element) {
                        for (name, value) in more {
                            first.entry(name).or_insert(value);
                        }
                        if primary {
                            first.insert("primary".to_owned(), true.into());
                        }
                    }
                    self.note(Note::DUPLICATE_VALUE, At(at, None));
                }
                Entry::Vacant(place) => {
                    place.insert(kept.len());
                    kept.push(element);
                }
            }
        }
        kept
    }

    /// Remembers a leniency, once; each code at least once, however many there are.
    pub(super) fn note(&mut self, code: &'static str, at: At<'_>) {
        let note = Note { code, at: at.to_string() };
        let is_full = self.notes.len() >= MAX_NOTES && self.notes.iter().any(|known| known.code == code);
        if !is_full && !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// The same, of a PATCH path.
    pub(in crate::scim) fn note_path(&mut self, code: &'static str, path: &str) {
        self.note(code, At(path, None));
    }

    fn whole(&mut self, attribute: &Attribute, at: At<'_>, value: &Value) -> Result<Option<Value>, Error> {
        let elements = match value {
            Value::Null => return Ok(None),
            value if !attribute.multi_valued => return self.one(attribute, at, value),
            Value::Array(elements) => elements.as_slice(),
            single => {
                self.note(Note::SINGLE_VALUE_AS_ARRAY, at);
                std::slice::from_ref(single)
            }
        };
        bounded(attribute, at, elements.len())?;
        let mut kept = Vec::with_capacity(elements.len());
        for element in elements {
            kept.extend(self.one(attribute, at, element)?);
        }
        kept = self.distinct(attribute, at.0, kept);
        if attribute.is_complex() {
            self.keep_first_primary(at, &mut kept)?;
        }
        Ok((!kept.is_empty()).then_some(Value::Array(kept)))
    }

    fn one(&mut self, attribute: &Attribute, at: At<'_>, value: &Value) -> Result<Option<Value>, Error> {
        match value {
            Value::Null => Ok(None),
            Value::Array(elements) if elements.is_empty() => Ok(None),
            value if attribute.is_complex() => self.complex(attribute, at, value),
            value => self.simple(attribute, at, value).map(Some),
        }
    }

    fn complex(&mut self, attribute: &Attribute, at: At<'_>, value: &Value) -> Result<Option<Value>, Error> {
        // A member without a name is a mistake that must not vanish.
        let names_many = attribute.multi_valued && attribute.is_link();
        match value {
            Value::Object(members) => self.members(attribute, at, members),
            Value::Array(elements) if elements.len() == 1 && !attribute.multi_valued => {
                self.note(Note::ARRAY_AS_SINGLE_VALUE, at);
                self.one(attribute, at, &elements[0])
            }
            // Some Entra mappings send a manager as a bare id, and clear it with "".
            Value::String(text) if attribute.sub("value").is_some() => {
                if text.is_empty() && !names_many {
                    self.note(Note::EMPTY_TEXT_AS_UNASSIGNED, at);
                    return Ok(None);
                }
                self.note(Note::TEXT_AS_COMPLEX, at);
                let members = Map::from_iter([("value".to_owned(), value.clone())]);
                self.members(attribute, at, &members)
            }
            other => Err(wrong_type(at, "an object", other)),
        }
    }

    fn members(
        &mut self,
        attribute: &Attribute,
        at: At<'_>,
        members: &Map<String, Value>,
    ) -> Result<Option<Value>, Error> {
        let subs = &attribute.sub_attributes;
        let mut seen = vec![false; subs.len()];
        let mut values = vec![None; subs.len()];
        for (key, value) in members {
            let Some(index) = subs.iter().position(|sub| sub.name.eq_ignore_ascii_case(key)) else {
                self.note(Note::UNKNOWN_ATTRIBUTE, At(at.0, Some(printable(key))));
                continue;
            };
            let sub = &subs[index];
            // RFC 7643 §2.1: names that differ in case alone are one name.
            if std::mem::replace(&mut seen[index], true) {
                return Err(Error::invalid_syntax(format!("{at} has {} twice, in different case", sub.name)));
            }
            if !sub.is_read_only() {
                values[index] = self.whole(sub, At(at.0, Some(&sub.name)), value)?;
            }
        }
        let named = subs.iter().zip(values).filter_map(|(sub, value)| Some((sub.name.clone(), value?)));
        let mut canonical = Map::from_iter(named);
        if attribute.is_link() {
            self.mend_link(attribute, at, &mut canonical);
        }
        Ok((!canonical.is_empty()).then_some(Value::Object(canonical)))
    }

    /// What a link means is the resource that `value` names; `$ref` is only a way to say it. A `$ref` without a
    /// `value` gives it one (its last segment), and one that says otherwise is ignored.
    fn mend_link(&mut self, attribute: &Attribute, at: At<'_>, link: &mut Map<String, Value>) {
        if !attribute.multi_valued && link.get("value").and_then(Value::as_str) == Some("") {
            link.shift_remove("value");
            self.note(Note::EMPTY_TEXT_AS_UNASSIGNED, At(at.0, Some("value")));
        }
        let Some(Value::String(reference)) = link.get("$ref") else { return };
        let path = reference.trim_end_matches('/');
        let target = path.rsplit_once('/').map(|(_, last)| last).filter(|last| !last.is_empty());
        match (link.get("value").and_then(Value::as_str), target) {
            (Some(value), Some(target)) if value == target => {}
            (None, Some(target)) => {
                let target = Value::from(target);
                link.shift_insert(0, "value".to_owned(), target);
                self.note(Note::VALUE_FROM_REFERENCE, At(at.0, Some("$ref")));
            }
            (_, _) => {
                link.shift_remove("$ref");
                self.note(Note::REFERENCE_IGNORED, At(at.0, Some("$ref")));
            }
        }
    }

    fn simple(&mut self, attribute: &Attribute, at: At<'_>, value: &Value) -> Result<Value, Error> {
        if let Value::String(text) = value {
            storable(at, text)?;
        }
        match (attribute.kind, value) {
            (Type::String, Value::String(text)) => Ok(Value::String(as_stored(attribute, text))),
            // Okta's samples show a numeric externalId.
            (Type::String, Value::Number(number)) if attribute.name == "externalId" => {
                self.note(Note::NUMBER_AS_TEXT, at);
                Ok(Value::String(number.to_string()))
            }
            (Type::String, other) => Err(wrong_type(at, "a string", other)),

            (Type::Boolean, Value::Bool(_)) => Ok(value.clone()),
            // Entra sends `"active": "False"` and `"primary": "True"`.
            (Type::Boolean, Value::String(text)) => {
                let boolean = boolean(text).ok_or_else(|| wrong_type(at, "a boolean", value))?;
                self.note(Note::BOOLEAN_AS_STRING, at);
                Ok(boolean.into())
            }
            (Type::Boolean, other) => Err(wrong_type(at, "a boolean", other)),

            (Type::Decimal, Value::Number(_)) => Ok(value.clone()),
            (Type::Decimal, other) => Err(wrong_type(at, "a number", other)),

            // RFC 7643 §2.3.4: no fraction and no exponent, not even `1.0`.
            (Type::Integer, Value::Number(number)) if number.is_i64() => Ok(value.clone()),
            (Type::Integer, Value::Number(_)) => {
                Err(wrong_form(at, "an integer of 64 bits, without fraction or exponent"))
            }
            (Type::Integer, other) => Err(wrong_type(at, "an integer", other)),

            (Type::DateTime, Value::String(text)) if format::is_date_time(text) => Ok(value.clone()),
            (Type::DateTime, Value::String(_)) => Err(wrong_form(at, "a date and time such as 2008-01-23T04:56:22Z")),
            (Type::DateTime, other) => Err(wrong_type(at, "a string with a date and time", other)),

            (Type::Binary, Value::String(text)) => {
                format::base64(text).map(Value::String).ok_or_else(|| wrong_form(at, "base64 text"))
            }
            (Type::Binary, other) => Err(wrong_type(at, "a string in base64", other)),

            (Type::Reference, Value::String(text)) if format::is_reference(text) => Ok(value.clone()),
            (Type::Reference, Value::String(_)) => Err(wrong_form(at, "a URI")),
            (Type::Reference, other) => Err(wrong_type(at, "a string with a URI", other)),

            (Type::Complex, other) => Err(wrong_type(at, "an object", other)),
        }
    }

    fn keep_first_primary(&mut self, at: At<'_>, elements: &mut [Value]) -> Result<(), Error> {
        let mut primaries = elements.iter_mut().filter(|element| is_primary(element)).skip(1).peekable();
        if primaries.peek().is_none() {
            return Ok(());
        }
        if self.one_primary {
            return Err(Error::invalid_value(format!("{at}: several values are primary, at most one can be")));
        }
        // Ping sends two; RFC 7643 §2.4 allows one.
        primaries.for_each(|element| element["primary"] = false.into());
        self.note(Note::TWO_PRIMARIES, at);
        Ok(())
    }
}

/// Where a value stands, for messages: an attribute and perhaps its sub-attribute.
#[derive(Clone, Copy)]
pub(super) struct At<'a>(pub &'a str, pub Option<&'a str>);

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            At(name, Some(sub)) => write!(f, "{name}.{sub}"),
            At(name, None) => f.write_str(name),
        }
    }
}

/// A key that a client made up, if it looks like a name: a note must not carry values.
pub(super) fn printable(key: &str) -> &str {
    let like_a_name = key.len() <= 128 && key.bytes().all(|b| b.is_ascii_alphanumeric() || b"$-_.:".contains(&b));
    if like_a_name { key } else { "(not a name)" }
}

pub(super) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

fn wrong_type(at: At<'_>, expected: &str, value: &Value) -> Error {
    Error::invalid_value(format!("{at}: expected {expected}, this is {}", type_name(value)))
}

/// The JSON type is right and what it holds is not.
fn wrong_form(at: At<'_>, expected: &str) -> Error {
    Error::invalid_value(format!("{at}: expected {expected}, this is none"))
}

/// Databases and C libraries end text at U+0000, and a text without an end is nobody's attribute.
fn storable(at: At<'_>, text: &str) -> Result<(), Error> {
    if text.len() > LONGEST_TEXT {
        let length = text.len();
        return Err(Error::invalid_value(format!("{at}: a text of {length} bytes, at most {LONGEST_TEXT} are taken")));
    }
    if text.contains('\0') {
        return Err(Error::invalid_value(format!("{at}: the character U+0000 cannot be stored")));
    }
    Ok(())
}

/// RFC 7644 §3.12: 413 where the request is too large, and 400 where the resource would be.
fn bounded(attribute: &Attribute, at: At<'_>, count: usize) -> Result<(), Error> {
    let too_many = |most: usize| format!("{at}: {count} values, at most {most} are taken");
    if attribute.is_link() && count > MOST_MEMBERS {
        return Err(Error::new(413, None, too_many(MOST_MEMBERS)));
    }
    if !attribute.is_link() && count > MOST_VALUES {
        return Err(Error::invalid_value(too_many(MOST_VALUES)));
    }
    Ok(())
}

/// Text is stored as sent (clients compare what they read with what they hold), but a two-letter country is a code of
/// ISO 3166-1, which is upper case (RFC 7643 §4.1.2).
fn as_stored(attribute: &Attribute, text: &str) -> String {
    let is_country = attribute.name == "country" && text.len() == 2 && text.bytes().all(|b| b.is_ascii_alphabetic());
    if is_country { text.to_ascii_uppercase() } else { text.to_owned() }
}

fn boolean(text: &str) -> Option<bool> {
    match text {
        text if text.eq_ignore_ascii_case("true") => Some(true),
        text if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

pub(in crate::scim) fn is_primary(element: &Value) -> bool {
    element.get("primary") == Some(&Value::Bool(true))
}

/// What makes an element the same as another (RFC 7643 §2.4): of links `value`, of others `type` and `value`, or all but
/// `primary` where there is no `value` (addresses); of simple values the value. Compared as filters compare.
pub(in crate::scim) fn identity(attribute: &Attribute, element: &Value) -> String {
    let key = |attribute: &Attribute, value: &Value| match Key::of(attribute, value) {
        Some(key) => Value::from(key.0).to_string(),
        None => value.to_string(),
    };
    if !attribute.is_complex() {
        return key(attribute, element);
    }
    let has_value = element.get("value").is_some();
    let counts = |sub: &&Attribute| match sub.name.as_str() {
        "value" => true,
        "type" => !(has_value && attribute.is_link()),
        "primary" => false,
        _ => !has_value,
    };
    let part = |sub: &Attribute| element.get(&sub.name).map(|value| key(sub, value)).unwrap_or_default();
    // JSON texts hold no raw line break, so it separates.
    attribute.sub_attributes.iter().filter(counts).map(part).collect::<Vec<_>>().join("\n")
}
