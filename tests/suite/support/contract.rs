//! Every request and answer of every test against `openapi.yaml`. Of an answer its status is described, its media type, and its
//! body to the last member; of a request that was granted its parameters, its media type and its body. The client calls this,
//! so no test can forget it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::LazyLock;

use axum::http::Method;
use regex::Regex;
use serde_json::{Map, Value};
use url::form_urlencoded;

/// Parameters that clients are known to send and that mean nothing here: switches of Entra ID's.
const IGNORED: [&str; 2] = ["aadOptscim062020", "AzureAdScimPatch2017"];

/// What of a request may be other than the document says.
#[derive(Clone, Copy, PartialEq)]
enum Leniency {
    None,
    Body,
    Request,
}

thread_local! {
    static LENIENCY: Cell<Leniency> = const { Cell::new(Leniency::None) };
}

/// While it lives, requests of this thread may be what the document leaves to leniency (docs/conformance.md): what identity
/// providers send and a client that goes by the document never would.
pub struct Lenient;

/// Of the body alone; parameters and media type are what the document says.
pub fn leniently() -> Lenient {
    LENIENCY.set(Leniency::Body);
    Lenient
}

/// Of parameters and media type, too.
pub fn with_any_request() -> Lenient {
    LENIENCY.set(Leniency::Request);
    Lenient
}

impl Drop for Lenient {
    fn drop(&mut self) {
        LENIENCY.set(Leniency::None);
    }
}

static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_yaml_ng::from_str(include_str!("../../../openapi.yaml")).expect("openapi.yaml is YAML"));

/// What is wrong with this answer, if its path is described at all; a path that is not leads nowhere.
pub fn breaches(method: &Method, path: &str, status: u16, media_type: &str, body: &[u8]) -> Vec<String> {
    let Some(item) = described(path.split('?').next().unwrap_or_default()) else { return Vec::new() };
    // HEAD is what GET says, without the body.
    let name = if method == Method::HEAD { "get".to_owned() } else { method.as_str().to_lowercase() };
    let Some(operation) = item.get(&name) else {
        return if status == 405 { Vec::new() } else { vec![format!("{status} of a method that is not described")] };
    };
    let Some(response) = operation["responses"].get(status.to_string()) else {
        return vec![format!("status {status} is not described")];
    };
    let content = &resolve(response)["content"];
    if body.is_empty() {
        let bodiless = method == Method::HEAD || content.is_null();
        return if bodiless { Vec::new() } else { vec![format!("{status} without the body that is described")] };
    }
    // SCIM is also answered as plain JSON, to those who take nothing else (RFC 7644 §3.8).
    let described = content.get(media_type).or_else(|| match media_type {
        "application/json" => content.get("application/scim+json"),
        _ => None,
    });
    let Some(described) = described else { return vec![format!("{status} as {media_type} is not described")] };
    if !media_type.ends_with("json") {
        return Vec::new();
    }
    let Ok(value) = serde_json::from_slice(body) else { return vec!["not JSON".to_owned()] };
    let mut wrong = Vec::new();
    check(&described["schema"], &value, "", &mut wrong);
    wrong
}

/// What is wrong with a request that was granted: a client that goes by the document could not have made it.
pub fn undescribed(method: &Method, path: &str, media_type: &str, body: &[u8]) -> Vec<String> {
    let leniency = LENIENCY.get();
    if leniency == Leniency::Request {
        return Vec::new();
    }
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let Some(item) = described(path) else { return Vec::new() };
    let Some(operation) = item.get(method.as_str().to_lowercase()) else { return Vec::new() };
    let mut wrong = Vec::new();
    // RFC 7644 §4: parameters of discovery are ignored.
    let is_discovery = ["/ResourceTypes", "/Schemas", "/ServiceProviderConfig"].iter().any(|name| path.contains(name));
    let parameters: Vec<&Value> = [item, operation]
        .iter()
        .flat_map(|holder| holder["parameters"].as_array().into_iter().flatten())
        .map(resolve)
        .filter(|parameter| parameter["in"] == "query")
        .collect();
    let is_name = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric());
    for (name, value) in form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| is_name(name)) {
        let fits = |parameter: &&&Value| parameter["name"].as_str().is_some_and(|it| it.eq_ignore_ascii_case(&name));
        match parameters.iter().find(fits).map(|parameter| &resolve(&parameter["schema"])["type"]) {
            None if IGNORED.contains(&&*name) || is_discovery => {}
            None => wrong.push(format!("the parameter {name} is not described")),
            Some(kind) if kind == "integer" && !value.trim_start_matches('-').bytes().all(|b| b.is_ascii_digit()) => {
                wrong.push(format!("the parameter {name} is no integer: {value}"));
            }
            Some(kind) if kind == "boolean" && value.parse::<bool>().is_err() => {
                wrong.push(format!("the parameter {name} is no boolean: {value}"));
            }
            Some(_) => {}
        }
    }
    if body.is_empty() || method == Method::GET {
        return wrong;
    }
    let content = &resolve(&operation["requestBody"])["content"];
    let Some(described) = content.get(media_type) else {
        wrong.push(format!("a body as {media_type:?} is not described"));
        return wrong;
    };
    if leniency == Leniency::None
        && described["schema"]["type"] != "string"
        && let Ok(value) = serde_json::from_slice(body)
    {
        let value = if path.contains("/scim/") { without_nulls(value) } else { value };
        check(&described["schema"], &value, "", &mut wrong);
    }
    wrong
}

/// Every path template of the document, in segments, with its item; those with the fewest parameters first.
static TEMPLATES: LazyLock<Vec<(Vec<&str>, &Value)>> = LazyLock::new(|| {
    let items = DOCUMENT["paths"].as_object().expect("openapi.yaml has paths");
    let mut all: Vec<_> =
        items.iter().map(|(template, item)| (template.split('/').collect::<Vec<_>>(), item)).collect();
    all.sort_by_key(|(parts, _)| parts.iter().filter(|part| part.starts_with('{')).count());
    all
});

/// The path item whose template fits; a literal segment fits better than a parameter.
fn described(path: &str) -> Option<&'static Value> {
    let segments: Vec<&str> = path.split('/').collect();
    let fits = |parts: &[&str]| {
        parts.len() == segments.len()
            && parts.iter().zip(&segments).all(|(part, segment)| part == segment || part.starts_with('{'))
    };
    TEMPLATES.iter().find(|(parts, _)| fits(parts)).map(|(_, item)| *item)
}

/// Whether the name fits a pattern of `patternProperties`.
fn is_like(pattern: &str, name: &str) -> bool {
    thread_local! {
        static KNOWN: RefCell<BTreeMap<String, Regex>> = RefCell::default();
    }
    KNOWN.with_borrow_mut(|known| {
        let regex = || Regex::new(pattern).expect("a pattern");
        known.entry(pattern.to_owned()).or_insert_with(regex).is_match(name)
    })
}

fn resolve(value: &Value) -> &Value {
    match value["$ref"].as_str().and_then(|reference| reference.strip_prefix('#')) {
        Some(pointer) => resolve(DOCUMENT.pointer(pointer).expect("a reference leads somewhere")),
        None => value,
    }
}

/// `null` is no value (RFC 7643 §2.5), wherever it stands.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let said = members.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(said.map(|(name, value)| (name, without_nulls(value))).collect())
        }
        Value::Array(elements) => Value::Array(elements.into_iter().map(without_nulls).collect()),
        value => value,
    }
}

/// The part of JSON Schema that `openapi.yaml` uses.
fn check(schema: &Value, value: &Value, at: &str, wrong: &mut Vec<String>) {
    let schema = resolve(schema);
    if let Some(choices) = schema["oneOf"].as_array() {
        let fits = |choice: &&Value| {
            let mut wrong = Vec::new();
            check(choice, value, at, &mut wrong);
            wrong.is_empty()
        };
        if choices.iter().filter(fits).count() != 1 {
            wrong.push(format!("{at} is not one of those described: {value}"));
        }
        return;
    }
    if schema.get("const").is_some_and(|only| only != value)
        || schema["enum"].as_array().is_some_and(|known| !known.contains(value))
        || !has_type(&schema["type"], value)
    {
        wrong.push(format!("{at} is not as described: {value}"));
        return;
    }
    match value {
        Value::Object(members) => check_members(schema, members, at, wrong),
        Value::Array(elements) if schema.get("items").is_some() => {
            for (index, element) in elements.iter().enumerate() {
                check(&schema["items"], element, &format!("{at}[{index}]"), wrong);
            }
        }
        _ => {}
    }
}

fn check_members(schema: &Value, members: &Map<String, Value>, at: &str, wrong: &mut Vec<String>) {
    let (mut properties, mut required) = (BTreeMap::new(), Vec::new());
    gather(schema, "properties", &mut properties, &mut required);
    let mut patterns = BTreeMap::new();
    gather(schema, "patternProperties", &mut patterns, &mut Vec::new());
    let others = &resolve(schema)["additionalProperties"];
    if properties.is_empty() && others.is_null() {
        return;
    }
    for name in required {
        if !members.contains_key(name) {
            wrong.push(format!("{at}.{name} is missing"));
        }
    }
    for (name, value) in members {
        let by_pattern =
            || patterns.iter().find(|(pattern, _)| is_like(pattern, name)).map(|(_, described)| *described);
        match properties.get(name.as_str()).copied().or_else(by_pattern) {
            Some(described) => check(described, value, &format!("{at}.{name}"), wrong),
            None if others.is_object() => check(others, value, &format!("{at}.{name}"), wrong),
            None if others == &Value::Bool(true) => {}
            None => wrong.push(format!("{at}.{name} is not described")),
        }
    }
}

/// The members of a schema and of those that it includes; `under` says which.
fn gather<'a>(
    schema: &'a Value,
    under: &str,
    properties: &mut BTreeMap<&'a str, &'a Value>,
    required: &mut Vec<&'a str>,
) {
    let schema = resolve(schema);
    properties.extend(schema[under].as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value)));
    required.extend(schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str));
    for included in schema["allOf"].as_array().into_iter().flatten() {
        gather(included, under, properties, required);
    }
}

fn has_type(described: &Value, value: &Value) -> bool {
    match described {
        Value::String(name) => match name.as_str() {
            "string" => value.is_string(),
            "boolean" => value.is_boolean(),
            "integer" => value.is_i64() || value.is_u64(),
            "number" => value.is_number(),
            "object" => value.is_object(),
            "array" => value.is_array(),
            "null" => value.is_null(),
            other => panic!("a type that JSON Schema does not have: {other}"),
        },
        Value::Array(names) => names.iter().any(|name| has_type(name, value)),
        _ => true,
    }
}
