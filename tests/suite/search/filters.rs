//! Random filters over everything that a type can be asked about, whose literals are often what some resource holds.

use proptest::prelude::*;
use rollkeeper::directory::Resource;
use serde_json::Value;

use super::populace::{ENTERPRISE, WORDS};
use crate::support::roll::BASE;

/// What kind of literal an attribute is compared with.
#[derive(Clone, Copy, Debug)]
enum Sort {
    Text,
    /// An id, a reference to one, or an `externalId`.
    Name,
    Boolean,
    Moment,
    Number,
    Binary,
    Version,
}

const CORE_USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const CORE_GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";

fn paths(kind: &str) -> Vec<(String, Sort)> {
    use Sort::*;
    let mut paths: Vec<(String, Sort)> = [
        ("id", Name),
        ("externalId", Name),
        ("meta.created", Moment),
        ("meta.lastModified", Moment),
        ("meta.version", Version),
        ("meta.location", Name),
        ("meta.resourceType", Text),
        ("schemas", Text),
        ("displayName", Text),
    ]
    .map(|(path, sort)| (path.to_owned(), sort))
    .to_vec();
    let own: &[(&str, Sort)] = match kind {
        "User" => &[
            ("userName", Text),
            ("USERNAME", Text),
            ("nickName", Text),
            ("title", Text),
            ("userType", Text),
            ("name.givenName", Text),
            ("name.familyName", Text),
            ("profileUrl", Text),
            ("active", Boolean),
            ("emails", Text),
            ("emails.value", Text),
            ("emails.type", Text),
            ("emails.display", Text),
            ("emails.primary", Boolean),
            ("phoneNumbers.value", Text),
            ("addresses.country", Text),
            ("addresses.locality", Text),
            ("roles", Text),
            ("roles.primary", Boolean),
            ("x509Certificates.value", Binary),
            ("department", Text),
            ("employeeNumber", Text),
            ("groups", Name),
            ("groups.value", Name),
            ("groups.$ref", Name),
            ("groups.display", Text),
            ("groups.type", Text),
        ],
        "Group" => &[
            ("members", Name),
            ("members.value", Name),
            ("members.$ref", Name),
            ("members.display", Text),
            ("members.type", Text),
        ],
        _ => &[("slug", Text), ("seats", Number)],
    };
    paths.extend(own.iter().map(|(path, sort)| ((*path).to_owned(), *sort)));
    match kind {
        "User" => {
            for (path, sort) in [("department", Text), ("manager", Text), ("manager.value", Text)] {
                paths.push((format!("{ENTERPRISE}:{path}"), sort));
            }
            for (path, sort) in [("userName", Text), ("emails.type", Text), ("externalId", Name), ("active", Boolean)] {
                paths.push((format!("{CORE_USER}:{path}"), sort));
            }
        }
        "Group" => paths.push((format!("{CORE_GROUP}:displayName"), Text)),
        _ => {}
    }
    paths
}

/// Attributes that take brackets, with what may stand in them.
fn elements(kind: &str) -> Vec<(&'static str, Vec<(&'static str, Sort)>)> {
    use Sort::*;
    let plural = || vec![("value", Text), ("type", Text), ("display", Text), ("primary", Boolean)];
    let linked = || vec![("value", Name), ("$ref", Name), ("display", Text), ("type", Text)];
    match kind {
        "User" => vec![
            ("emails", plural()),
            ("phoneNumbers", plural()),
            ("roles", plural()),
            ("addresses", vec![("country", Text), ("locality", Text), ("type", Text), ("primary", Boolean)]),
            ("name", vec![("givenName", Text), ("familyName", Text), ("formatted", Text)]),
            ("groups", linked()),
            ("meta", vec![("created", Moment), ("lastModified", Moment)]),
        ],
        "Group" => vec![("members", linked()), ("meta", vec![("created", Moment)])],
        _ => vec![("meta", vec![("created", Moment)])],
    }
}

/// Filters as text, whose literals are often what some resource holds.
pub fn filters(kind: &str, seen: &[Resource]) -> BoxedStrategy<String> {
    let literals = Literals::of(seen);
    let tests: Vec<(String, Sort)> = paths(kind);
    let test = {
        let literals = literals.clone();
        prop::sample::select(tests).prop_flat_map(move |(path, sort)| literals.test(path, sort))
    };
    let element = prop::sample::select(elements(kind)).prop_flat_map(move |(attribute, parts)| {
        let literals = literals.clone();
        let inner =
            prop::sample::select(parts).prop_flat_map(move |(part, sort)| literals.test(part.to_owned(), sort)).boxed();
        combined(inner, 2).prop_map(move |inner| format!("{attribute}[{inner}]"))
    });
    combined(prop_oneof![3 => test, 1 => element].boxed(), 3)
}

fn combined(leaf: BoxedStrategy<String>, depth: u32) -> BoxedStrategy<String> {
    leaf.prop_recursive(depth, 8, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|part| format!("not ({part})")),
            prop::collection::vec(inner.clone(), 2..4).prop_map(|parts| format!("({})", parts.join(" and "))),
            prop::collection::vec(inner, 2..4).prop_map(|parts| format!("({})", parts.join(" or "))),
        ]
    })
    .boxed()
}

#[derive(Clone)]
struct Literals {
    texts: Vec<String>,
    names: Vec<String>,
    moments: Vec<String>,
}

impl Literals {
    fn of(seen: &[Resource]) -> Self {
        let mut texts: Vec<String> = WORDS.iter().map(|word| (*word).to_owned()).collect();
        let (mut names, mut moments) = (vec!["nobody".to_owned(), BASE.to_owned()], Vec::new());
        for resource in seen {
            leaves(&Value::Object(resource.document.0.clone()), &mut texts);
            names.push(resource.id.clone());
            names.extend(resource.external_id.clone());
            for link in resource.members.iter().chain(&resource.groups).flatten() {
                names.push(link.value.clone());
                names.push(format!("{BASE}{}", link.reference));
                texts.extend(link.display.clone());
            }
            names.push(format!("{BASE}{}/{}", resource.kind.endpoint.trim_start_matches('/'), resource.id));
            for moment in [resource.created, resource.modified] {
                let text = rollkeeper::scim::core::instant(moment).expect("a moment of our time");
                moments.push(text.replace('Z', "+00:00"));
                moments.push(text.replace('Z', "5Z"));
                moments.push(text);
            }
        }
        texts.extend(
            ["direct", "indirect", "User", "Group", "work", "Organization", ENTERPRISE, CORE_GROUP].map(str::to_owned),
        );
        moments.push("2011-05-13T04:42:34Z".to_owned());
        for list in [&mut texts, &mut names, &mut moments] {
            list.sort();
            list.dedup();
        }
        Self { texts, names, moments }
    }

    fn test(&self, path: String, sort: Sort) -> BoxedStrategy<String> {
        let quoted = |text: &str| Value::from(text).to_string();
        let (operators, literal): (&[&str], BoxedStrategy<String>) = match sort {
            Sort::Text => (&OPERATORS, pieces(&self.texts).prop_map(move |text| quoted(&text)).boxed()),
            Sort::Name => (&OPERATORS, pieces(&self.names).prop_map(move |text| quoted(&text)).boxed()),
            Sort::Boolean => {
                (&["eq", "ne"], prop::sample::select(vec!["true", "false", "\"True\""]).prop_map(str::to_owned).boxed())
            }
            Sort::Moment => (
                &["eq", "ne", "gt", "ge", "lt", "le"],
                prop::sample::select(self.moments.clone()).prop_map(move |text| quoted(&text)).boxed(),
            ),
            Sort::Number => (
                &["eq", "ne", "gt", "ge", "lt", "le"],
                prop::sample::select(vec!["0", "-3", "7", "7.0", "12", "2147483648", "1e3", "6.5"])
                    .prop_map(str::to_owned)
                    .boxed(),
            ),
            Sort::Binary => (
                &["eq", "ne"],
                prop::sample::select(vec!["\"TWE=\"", "\"TWFu\"", "\"\""]).prop_map(str::to_owned).boxed(),
            ),
            Sort::Version => (
                &OPERATORS,
                prop::sample::select(vec!["W/\"1\"", "W/\"2\"", "W/\"2-1f\"", "3", "x", "W/", "\"", "w/\"1\""])
                    .prop_map(quoted)
                    .boxed(),
            ),
        };
        let (compared, present) = (path.clone(), path.clone());
        prop_oneof![
            12 => (prop::sample::select(operators.to_vec()), literal)
                .prop_map(move |(operator, literal)| format!("{compared} {operator} {literal}")),
            2 => Just(format!("{present} pr")),
            1 => Just(format!("{path} eq null")),
            1 => Just(format!("{path} ne null")),
        ]
        .boxed()
    }
}

const OPERATORS: [&str; 9] = ["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"];

/// Whole texts, and parts of them in another case.
fn pieces(texts: &[String]) -> BoxedStrategy<String> {
    let whole = prop::sample::select(texts.to_vec());
    let part = (whole.clone(), any::<prop::sample::Index>(), 0_usize..8).prop_map(|(text, at, length)| {
        let chars: Vec<char> = text.chars().collect();
        let from = if chars.is_empty() { 0 } else { at.index(chars.len()) };
        chars.into_iter().skip(from).take(length).collect::<String>()
    });
    prop_oneof![
        4 => whole.clone(),
        1 => whole.clone().prop_map(|text| text.to_uppercase()),
        1 => whole.prop_map(|text| text.chars().take(3).collect()),
        3 => part,
    ]
    .boxed()
}

fn leaves(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::String(text) => texts.push(text.clone()),
        Value::Array(list) => list.iter().for_each(|value| leaves(value, texts)),
        Value::Object(map) => map.values().for_each(|value| leaves(value, texts)),
        _ => {}
    }
}
