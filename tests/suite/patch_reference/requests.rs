//! Random operations: what the client means, and the text and JSON that say it.

use rollkeeper::scim::message::{Op, Operation};
use rollkeeper::scim::resource_type::ResourceType;
use rollkeeper::scim::schema::{Attribute, Schema};
use serde_json::{Map, Value, json};

use super::dice::Dice;
use super::kinds::{self, sound};

/// An operation as the client means it.
#[derive(Clone, Debug)]
pub struct Wish {
    pub op: Op,
    pub what: What,
    pub value: Option<Value>,
}

#[derive(Clone, Debug)]
pub enum What {
    At(Path),
    /// No path: the members of the value, each with the path that its name is. Not an object: none.
    Pathless(Vec<(Path, Value)>),
}

#[derive(Clone, Debug)]
pub struct Path {
    pub urn: Option<String>,
    /// None: the schema itself.
    pub name: Option<String>,
    pub filter: Option<Condition>,
    pub sub: Option<String>,
}

#[derive(Clone, Debug)]
pub enum Condition {
    Equal(String, Value),
    Differs(String, Value),
    Contains(String, Value),
    Present(String),
    And(Box<Condition>, Box<Condition>),
    Or(Box<Condition>, Box<Condition>),
    Not(Box<Condition>),
}

impl Wish {
    pub fn operation(&self) -> Operation {
        match &self.what {
            What::At(path) => Operation { op: self.op, path: Some(path.text()), value: self.value.clone() },
            What::Pathless(_) => Operation { op: self.op, path: None, value: self.value.clone() },
        }
    }
}

impl Path {
    pub fn text(&self) -> String {
        let mut text = self.urn.clone().unwrap_or_default();
        if let Some(name) = &self.name {
            if !text.is_empty() {
                text.push(':');
            }
            text.push_str(name);
        }
        if let Some(filter) = &self.filter {
            text.push_str(&format!("[{}]", filter.text()));
        }
        if let Some(sub) = &self.sub {
            text.push_str(&format!(".{sub}"));
        }
        text
    }
}

impl Condition {
    fn text(&self) -> String {
        match self {
            Condition::Equal(part, value) => format!("{part} eq {value}"),
            Condition::Differs(part, value) => format!("{part} ne {value}"),
            Condition::Contains(part, value) => format!("{part} co {value}"),
            Condition::Present(part) => format!("{part} pr"),
            Condition::And(a, b) => format!("({}) and ({})", a.text(), b.text()),
            Condition::Or(a, b) => format!("({}) or ({})", a.text(), b.text()),
            Condition::Not(a) => format!("not ({})", a.text()),
        }
    }
}

pub fn wishes(kind: &ResourceType, dice: &Dice<'_>) -> Vec<Wish> {
    (0..=dice.roll(4)).map(|_| wish(kind, dice)).collect()
}

fn wish(kind: &ResourceType, dice: &Dice<'_>) -> Wish {
    let op = *dice.pick(&[Op::Add, Op::Replace, Op::Remove]);
    match dice.roll(8) {
        0..=5 => {
            let (path, target) = path(kind, dice);
            let value = match dice.roll(12) {
                11 => None,
                _ if op == Op::Remove && dice.chance(1, 2) => None,
                _ => Some(value(&path, target, dice)),
            };
            Wish { op, what: What::At(path), value }
        }
        6 => {
            let members: Vec<(Path, Value)> = (0..=dice.roll(2)).map(|_| member(kind, dice)).collect();
            let mut object = Map::new();
            let mut kept = Vec::new();
            for (path, value) in members {
                // An object has a name once.
                if object.insert(path.text(), value.clone()).is_none() {
                    kept.push((path, value));
                }
            }
            let object = Value::Object(kept.iter().map(|(path, value)| (path.text(), value.clone())).collect());
            Wish { op, what: What::Pathless(kept), value: Some(object) }
        }
        _ => {
            let value = dice.pick(&[None, Some(json!({})), Some(json!("a")), Some(json!([]))]).clone();
            Wish { op, what: What::Pathless(Vec::new()), value }
        }
    }
}

/// A member of a value without a path.
fn member(kind: &ResourceType, dice: &Dice<'_>) -> (Path, Value) {
    let (path, target) = path(kind, dice);
    let value = value(&path, target, dice);
    (path, value)
}

/// A path, and what it names if it names something.
fn path<'k>(kind: &'k ResourceType, dice: &Dice<'_>) -> (Path, Option<(&'k Schema, Option<&'k Attribute>)>) {
    let schemas: Vec<&Schema> =
        [kind.schema.as_ref()].into_iter().chain(kind.extensions.iter().map(|e| e.schema.as_ref())).collect();
    let schema = *dice.pick(&schemas);
    let named = |urn, name: Option<String>, filter, sub| Path { urn, name, filter, sub };
    if dice.chance(1, 24) {
        let unknown = dice.pick(&["yankee", "zulu"]);
        return (named(None, Some((*unknown).to_owned()), None, None), None);
    }
    if dice.chance(1, 12) {
        return (named(Some(cased(&schema.id, dice)), None, None, None), Some((schema, None)));
    }
    let attribute = dice.pick(&schema.attributes);
    let urn = dice.chance(1, 2).then(|| cased(&schema.id, dice));
    let part = |dice: &Dice<'_>| match dice.roll(16) {
        15 => "nothing".to_owned(),
        _ if attribute.sub_attributes.is_empty() => "value".to_owned(),
        _ => cased(&dice.pick(&attribute.sub_attributes).name, dice),
    };
    let is_complex = attribute.is_complex();
    let filter = dice.chance(if attribute.multi_valued { 2 } else { 1 }, if attribute.multi_valued { 4 } else { 24 });
    let filter = filter.then(|| condition(attribute, dice, 2));
    let sub = (is_complex && dice.chance(1, 3)).then(|| part(dice));
    (named(urn, Some(cased(&attribute.name, dice)), filter, sub), Some((schema, Some(attribute))))
}

fn condition(attribute: &Attribute, dice: &Dice<'_>, depth: usize) -> Condition {
    let inner = |dice: &Dice<'_>| Box::new(condition(attribute, dice, depth - 1));
    match dice.roll(if depth == 0 { 8 } else { 12 }) {
        8 | 9 => Condition::And(inner(dice), inner(dice)),
        10 => Condition::Or(inner(dice), inner(dice)),
        11 => Condition::Not(inner(dice)),
        choice => {
            let (name, kind) = match attribute.sub_attributes.as_slice() {
                [] => ("value".to_owned(), attribute.kind),
                parts => {
                    let part = dice.pick(parts);
                    (part.name.clone(), part.kind)
                }
            };
            let name = if dice.chance(1, 24) { "nothing".to_owned() } else { cased(&name, dice) };
            let literal = if dice.chance(1, 16) { json!("a") } else { dice.pick(&sound(kind)).clone() };
            match choice {
                0..=4 => Condition::Equal(name, literal),
                5 => Condition::Differs(name, literal),
                6 => Condition::Contains(name, literal),
                _ => Condition::Present(name),
            }
        }
    }
}

/// A value for what the path names, mostly a sound one.
fn value(path: &Path, target: Option<(&Schema, Option<&Attribute>)>, dice: &Dice<'_>) -> Value {
    let junk = [
        json!(null),
        json!([]),
        json!({}),
        json!(7),
        json!("zz"),
        json!([null]),
        json!(true),
        json!("True"),
        json!(""),
    ];
    if dice.chance(1, 5) {
        return dice.pick(&junk).clone();
    }
    let Some((schema, attribute)) = target else { return json!("a") };
    let Some(attribute) = attribute else {
        let attribute = dice.pick(&schema.attributes);
        return json!({ attribute.name.clone(): elements(attribute, dice) });
    };
    let part = path
        .sub
        .as_ref()
        .and_then(|sub| attribute.sub_attributes.iter().find(|part| part.name.eq_ignore_ascii_case(sub)));
    match part {
        Some(part) => dice.pick(&sound(part.kind)).clone(),
        None if path.filter.is_some() => partial(attribute, dice),
        None => elements(attribute, dice),
    }
}

fn elements(attribute: &Attribute, dice: &Dice<'_>) -> Value {
    match attribute.multi_valued && dice.chance(3, 4) {
        true => (0..=dice.roll(3)).map(|_| partial(attribute, dice)).collect(),
        false if dice.chance(1, 8) => json!([partial(attribute, dice)]),
        false => partial(attribute, dice),
    }
}

/// One value, perhaps with parts that are missing, null or unknown.
fn partial(attribute: &Attribute, dice: &Dice<'_>) -> Value {
    let mut value = kinds::element(attribute, dice);
    if let Value::Object(parts) = &mut value {
        let name = dice.pick(&attribute.sub_attributes).name.clone();
        match dice.roll(8) {
            4 => drop(parts.shift_remove(&name)),
            5 => drop(parts.insert(name, Value::Null)),
            6 => drop(parts.insert("unknown".into(), json!(1))),
            7 => *parts = Map::from_iter([(name, json!("a"))]),
            _ => {}
        }
    }
    value
}

fn cased(name: &str, dice: &Dice<'_>) -> String {
    if dice.chance(1, 6) { name.to_uppercase() } else { name.to_owned() }
}
