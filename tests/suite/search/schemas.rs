//! Random schemas, and random documents and filters by them: what a tenant may define, told to SQL and to the evaluator.

use proptest::prelude::*;
use rollkeeper::scim::schema::{Attribute, Schema, Type};
use serde_json::{Map, Value, json};

use super::populace::WORDS;

/// A schema of this URN whose attributes' names begin with `prefix`, so that several can extend one type.
pub fn schema(urn: &'static str, prefix: &'static str) -> BoxedStrategy<Value> {
    prop::collection::vec(definition(true), 3..9)
        .prop_map(move |definitions| {
            let attributes: Vec<Value> = definitions
                .into_iter()
                .enumerate()
                .map(|(n, mut attribute)| {
                    attribute["name"] = format!("{prefix}{n}").into();
                    attribute
                })
                .collect();
            json!({ "id": urn, "name": "Random", "attributes": attributes })
        })
        .boxed()
}

/// One attribute without its name.
fn definition(may_be_complex: bool) -> BoxedStrategy<Value> {
    let simple = (
        prop::sample::select(vec![
            "string",
            "string",
            "boolean",
            "decimal",
            "integer",
            "dateTime",
            "binary",
            "reference",
        ]),
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(|(kind, multi_valued, case_exact)| {
            let mut attribute = json!({ "type": kind, "multiValued": multi_valued });
            if kind == "string" {
                attribute["caseExact"] = case_exact.into();
            }
            if kind == "reference" {
                attribute["referenceTypes"] = json!(["external"]);
            }
            attribute
        });
    if !may_be_complex {
        return simple.boxed();
    }
    let complex = (prop::collection::vec(definition(false), 1..4), any::<bool>()).prop_map(|(parts, multi_valued)| {
        let parts: Vec<Value> = parts
            .into_iter()
            .zip(["value", "sort", "other"])
            .map(|(mut part, name)| {
                part["name"] = name.into();
                part
            })
            .collect();
        json!({ "type": "complex", "multiValued": multi_valued, "subAttributes": parts })
    });
    prop_oneof![3 => simple, 2 => complex].boxed()
}

/// Values of the schema's attributes, each there or not.
pub fn document(schema: &Schema) -> BoxedStrategy<Map<String, Value>> {
    let attributes: Vec<_> =
        schema.attributes.iter().map(|attribute| (Just(attribute.name.clone()), whole(attribute))).collect();
    attributes.prop_map(|values| values.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()).boxed()
}

fn whole(attribute: &Attribute) -> BoxedStrategy<Option<Value>> {
    let one = one(attribute);
    let value = match attribute.multi_valued {
        true => prop::collection::vec(one, 0..4).prop_map(Value::from).boxed(),
        false => one,
    };
    prop::option::weighted(0.7, value).boxed()
}

fn one(attribute: &Attribute) -> BoxedStrategy<Value> {
    if attribute.kind != Type::Complex {
        return prop::sample::select(values(attribute.kind)).boxed();
    }
    let parts: Vec<_> = attribute.sub_attributes.iter().map(|sub| (Just(sub.name.clone()), whole(sub))).collect();
    parts
        .prop_map(|values| Value::Object(values.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()))
        .boxed()
}

/// Few, so that documents and literals meet; with others that are the same value.
fn values(kind: Type) -> Vec<Value> {
    match kind {
        Type::String => WORDS.iter().map(|word| json!(word)).collect(),
        Type::Boolean => vec![json!(true), json!(false)],
        Type::Integer => vec![json!(0), json!(-3), json!(7), json!(12), json!(i64::MAX), json!(i64::MIN)],
        Type::Decimal => vec![json!(0.0), json!(-3.5), json!(7), json!(7.25), json!(1e30), json!(1e-7)],
        Type::DateTime => {
            ["2011-05-13T04:42:34Z", "2011-05-13T06:42:34+02:00", "2011-05-13T04:42:34.5Z", "1969-01-01T00:00:00Z"]
                .map(Value::from)
                .to_vec()
        }
        Type::Binary => ["TWE=", "TWFu", "AA=="].map(Value::from).to_vec(),
        Type::Reference => ["https://a.example/B", "https://a.example/b", "urn:x:y"].map(Value::from).to_vec(),
        Type::Complex => Vec::new(),
    }
}

/// Filters by the schema; `prefix` stands before every path: nothing, or an extension's URN and a colon.
pub fn filters(schema: &Schema, prefix: &str) -> BoxedStrategy<String> {
    let leaf = prop::strategy::Union::new(schema.attributes.iter().map(|attribute| about(attribute, prefix)));
    leaf.boxed()
        .prop_recursive(3, 8, 3, |inner| {
            prop_oneof![
                inner.clone().prop_map(|part| format!("not ({part})")),
                prop::collection::vec(inner.clone(), 2..4).prop_map(|parts| format!("({})", parts.join(" and "))),
                prop::collection::vec(inner, 2..4).prop_map(|parts| format!("({})", parts.join(" or "))),
            ]
        })
        .boxed()
}

fn about(attribute: &Attribute, prefix: &str) -> BoxedStrategy<String> {
    let path = format!("{prefix}{}", attribute.name);
    if attribute.kind != Type::Complex {
        return test(path, attribute.kind);
    }
    let parts = prop::strategy::Union::new(
        attribute.sub_attributes.iter().map(|sub| test(format!("{path}.{}", sub.name), sub.kind)),
    );
    let inner = prop::strategy::Union::new(attribute.sub_attributes.iter().map(|sub| test(sub.name.clone(), sub.kind)));
    let joined = prop::collection::vec(inner, 1..3).prop_map(|parts| parts.join(" and "));
    let (present, element) = (path.clone(), path);
    prop_oneof![
        3 => parts,
        2 => joined.prop_map(move |inner| format!("{element}[{inner}]")),
        1 => Just(format!("{present} pr")),
    ]
    .boxed()
}

fn test(path: String, kind: Type) -> BoxedStrategy<String> {
    let operators: &[&str] = match kind {
        Type::String | Type::Reference => &["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"],
        Type::Boolean | Type::Binary => &["eq", "ne"],
        _ => &["eq", "ne", "gt", "ge", "lt", "le"],
    };
    let (present, absent) = (path.clone(), path.clone());
    prop_oneof![
        8 => (prop::sample::select(operators.to_vec()), prop::sample::select(values(kind)))
            .prop_map(move |(operator, literal)| format!("{path} {operator} {literal}")),
        1 => Just(format!("{present} pr")),
        1 => Just(format!("{absent} eq null")),
    ]
    .boxed()
}
