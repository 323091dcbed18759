//! The members of a message as a client sends them, taken one by one.

use serde_json::{Map, Value};

use crate::scim::Error;

pub(super) struct Members<'a> {
    /// What the message is, for sentences: `a PatchOp`.
    what: &'static str,
    object: &'a Map<String, Value>,
}

impl<'a> Members<'a> {
    pub(super) fn of(what: &'static str, body: &'a Value) -> Result<Members<'a>, Error> {
        match body {
            Value::Object(object) => Ok(Members { what, object }),
            other => Err(Error::invalid_syntax(format!("{what} is a JSON object, this is {}", type_name(other)))),
        }
    }

    /// RFC 7644 §3.1: a message says what it is. Missing `schemas` is accepted, since method and endpoint have said
    /// it already; another message is not.
    pub(super) fn check_schema(&self, urn: &str) -> Result<(), Error> {
        let Some(listed) = self.list("schemas")? else { return Ok(()) };
        let names_it = |entry: &Value| entry.as_str().is_some_and(|entry| entry.eq_ignore_ascii_case(urn));
        if listed.is_empty() || listed.iter().any(names_it) {
            return Ok(());
        }
        Err(Error::invalid_syntax(format!("schemas of {} must name {urn}", self.what)))
    }

    /// The member of that name, in any case; `null` is there (it means something in a PATCH).
    pub(super) fn value(&self, name: &str) -> Result<Option<&'a Value>, Error> {
        let mut found = self.object.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
        let first = found.next().map(|(_, value)| value);
        match found.next() {
            Some(_) => Err(Error::invalid_syntax(format!("{} has {name} twice, in different case", self.what))),
            None => Ok(first),
        }
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<String>, Error> {
        match self.present(name)? {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(other) => Err(self.wrong(name, "a string", other)),
        }
    }

    pub(super) fn integer(&self, name: &str) -> Result<Option<i64>, Error> {
        let Some(value) = self.present(name)? else { return Ok(None) };
        value.as_i64().map(Some).ok_or_else(|| self.wrong(name, "a whole number", value))
    }

    pub(super) fn list(&self, name: &str) -> Result<Option<&'a [Value]>, Error> {
        match self.present(name)? {
            None => Ok(None),
            Some(Value::Array(elements)) => Ok(Some(elements)),
            Some(other) => Err(self.wrong(name, "an array", other)),
        }
    }

    /// A list of names, as the RFC has it in messages, or the comma-separated text that it has in URLs.
    pub(super) fn names(&self, name: &str) -> Result<Option<Vec<String>>, Error> {
        let texts: Vec<&str> = match self.present(name)? {
            None => return Ok(None),
            Some(Value::String(text)) => vec![text.as_str()],
            Some(Value::Array(elements)) => {
                let text = |element: &'a Value| {
                    element.as_str().ok_or_else(|| self.wrong(name, "an array of strings", element))
                };
                elements.iter().map(text).collect::<Result<_, _>>()?
            }
            Some(other) => return Err(self.wrong(name, "an array of strings", other)),
        };
        let names = texts.iter().flat_map(|text| text.split(',')).map(str::trim).filter(|name| !name.is_empty());
        Ok(Some(names.map(str::to_owned).collect()))
    }

    pub(super) fn missing(&self, name: &str) -> Error {
        Error::invalid_syntax(format!("{} must have {name}", self.what))
    }

    fn present(&self, name: &str) -> Result<Option<&'a Value>, Error> {
        Ok(self.value(name)?.filter(|value| !value.is_null()))
    }

    fn wrong(&self, name: &str, expected: &str, value: &Value) -> Error {
        Error::invalid_syntax(format!("{name} of {}: expected {expected}, found {}", self.what, type_name(value)))
    }
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(number) if number.is_f64() => "a number with fraction or exponent",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}
