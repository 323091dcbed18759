//! The characteristics of attributes (RFC 7643 §2.2, §7), each in every place an attribute can be: at the top, in an
//! extension, as a part of one value and as a part of many. The resource type is made here, so that no combination is
//! missing; the stories at the end show the same over HTTP with the types that the server has.

mod stories;

use std::collections::BTreeSet;
use std::sync::LazyLock;

use rollkeeper::scim::document::{self, Document};
use rollkeeper::scim::filter::{Facts, Filter, bind, sort_place};
use rollkeeper::scim::message::{Op, Operation};
use rollkeeper::scim::projection::Selection;
use rollkeeper::scim::resource_type::{Extension, ResourceType};
use rollkeeper::scim::schema::Schema;
use rollkeeper::scim::{Error, ScimType, key, patch};
use serde_json::{Map, Value, json};

const BASE: &str = "urn:example:Widget";
const MORE: &str = "urn:example:extension:2.0:More";

/// Every mutability with every `returned` that it can have.
const COMBINATIONS: [(&str, &str); 12] = [
    ("readOnly", "always"),
    ("readOnly", "default"),
    ("readOnly", "request"),
    ("readWrite", "always"),
    ("readWrite", "default"),
    ("readWrite", "request"),
    ("readWrite", "never"),
    ("immutable", "always"),
    ("immutable", "default"),
    ("immutable", "request"),
    ("immutable", "never"),
    ("writeOnly", "never"),
];

fn name(mutability: &str, returned: &str) -> String {
    format!("{mutability}-{returned}")
}

/// `one` and `many` have a part of every combination; so has the top level, and so has the extension.
static WIDGET: LazyLock<ResourceType> = LazyLock::new(|| {
    let leaves = || {
        COMBINATIONS.map(|(mutability, returned)| {
            json!({"name": name(mutability, returned), "mutability": mutability, "returned": returned})
        })
    };
    let mut attributes: Vec<Value> = leaves().into();
    let mut parts: Vec<Value> = leaves().into();
    parts.push(json!({"name": "value"}));
    attributes.push(json!({"name": "one", "type": "complex", "subAttributes": leaves()}));
    attributes.push(json!({"name": "many", "type": "complex", "multiValued": true, "subAttributes": parts}));
    let schema = |id: &str, attributes: &[Value]| {
        let text = json!({"id": id, "name": "Widget", "attributes": attributes}).to_string();
        Schema::parse(&text).expect("a good schema").into()
    };
    ResourceType::new("/Widgets", schema(BASE, &attributes), vec![Extension::optional(schema(MORE, &attributes))])
});

/// Every attribute in every place, each with this value.
fn filled(value: &str) -> Value {
    let leaves: Map<String, Value> = COMBINATIONS.iter().map(|(m, r)| (name(m, r), json!(value))).collect();
    let mut element = leaves.clone();
    element.insert("value".into(), json!("v"));
    let mut all = leaves.clone();
    all.insert("one".into(), leaves.into());
    all.insert("many".into(), json!([element]));
    let mut body = all.clone();
    body.insert(MORE.into(), all.into());
    body.into()
}

/// Where an attribute of that name is, from the resource down.
fn places(leaf: &str) -> Vec<(String, String)> {
    let within = |prefix: &str, pointer: &str| {
        vec![
            (format!("{prefix}{leaf}"), format!("{pointer}/{leaf}")),
            (format!("{prefix}one.{leaf}"), format!("{pointer}/one/{leaf}")),
            (format!("{prefix}many.{leaf}"), format!("{pointer}/many/0/{leaf}")),
        ]
    };
    [within("", ""), within(&format!("{MORE}:"), &format!("/{MORE}"))].concat()
}

fn read(body: &Value) -> Document {
    Document::read(&WIDGET, body).expect("the body is sound").document
}

fn at<'a>(document: &'a Document, pointer: &str) -> Option<&'a Value> {
    let mut steps = pointer.trim_start_matches('/').split('/');
    let first = document.0.get(steps.next()?)?;
    steps.try_fold(first, |value, step| match step.parse::<usize>() {
        Ok(index) => value.get(index),
        Err(_) => value.get(step),
    })
}

fn patched(before: &Document, op: Op, path: &str, value: Option<Value>) -> Result<Document, Error> {
    let operation = Operation { op, path: Some(path.into()), value };
    patch::apply(&WIDGET, before, &patch::Terms::default(), &[operation]).map(|patched| patched.document)
}

#[test]
fn read_only_attributes_are_ignored_in_a_body() {
    let document = read(&filled("x"));
    for (mutability, returned) in COMBINATIONS {
        for (path, pointer) in places(&name(mutability, returned)) {
            assert_eq!(at(&document, &pointer).is_some(), mutability != "readOnly", "{path}");
        }
    }
    // Whatever they hold.
    let odd = json!({"readOnly-default": [{"a": 1}], "one": {"readOnly-always": {}}, MORE: {"readOnly-request": 7}});
    assert_eq!(read(&odd), Document::default());
}

#[test]
fn a_put_keeps_what_is_immutable_and_what_cannot_be_read() {
    let before = read(&filled("x"));
    let put = |body: Value| {
        let read = Document::read(&WIDGET, &body).expect("the body is sound");
        document::put(&WIDGET, &before, &read)
    };
    // Left out: immutable and writeOnly stay, at every level but in a list, whose values come and go as wholes.
    let kept = put(json!({})).expect("nothing was changed");
    for (mutability, returned) in COMBINATIONS {
        for (path, pointer) in places(&name(mutability, returned)) {
            let stays = ["immutable", "writeOnly"].contains(&mutability) && !path.contains("many.");
            assert_eq!(at(&kept, &pointer).is_some(), stays, "{path}");
        }
    }
    // The same again is fine, and is the same.
    assert_eq!(put(filled("x")), Ok(before.clone()));
    // Another value: only of what is not immutable.
    for (mutability, returned) in COMBINATIONS {
        let leaf = name(mutability, returned);
        for (path, body) in [
            (leaf.clone(), json!({&leaf: "y"})),
            (format!("one.{leaf}"), json!({"one": {&leaf: "y"}})),
            (format!("{MORE}:{leaf}"), json!({MORE: {&leaf: "y"}})),
            (format!("{MORE}:one.{leaf}"), json!({MORE: {"one": {&leaf: "y"}}})),
        ] {
            let answer = put(body);
            match mutability {
                "immutable" => {
                    let error = answer.expect_err(&path);
                    assert_eq!((error.status, error.scim_type), (400, Some(ScimType::Mutability)), "{path}");
                    assert!(error.detail.starts_with(&path), "{path}: {error}");
                }
                _ => assert!(answer.is_ok(), "{path}: {answer:?}"),
            }
        }
    }
    // What has no value yet may get one (RFC 7644 §3.5.1).
    let first = Document::read(&WIDGET, &filled("x")).expect("sound");
    assert_eq!(document::put(&WIDGET, &Document::default(), &first).as_ref(), Ok(&before));
    // A secret goes when the client says so.
    let cleared = put(json!({"writeOnly-never": null})).expect("writeOnly may be cleared");
    assert_eq!(cleared.0.get("writeOnly-never"), None);
}

#[test]
fn a_patch_obeys_mutability() {
    let empty = read(&json!({"many": [{"value": "v"}], MORE: {"many": [{"value": "v"}]}}));
    let full = read(&filled("x"));
    for (mutability, returned) in COMBINATIONS {
        for (path, pointer) in places(&name(mutability, returned)) {
            let refused = |answer: Result<Document, Error>| {
                let error = answer.expect_err(&path);
                assert_eq!((error.status, error.scim_type), (400, Some(ScimType::Mutability)), "{path}: {error}");
            };
            let sets = |answer: Result<Document, Error>, value: Option<&str>| {
                let document = answer.unwrap_or_else(|error| panic!("{path}: {error}"));
                assert_eq!(at(&document, &pointer).and_then(Value::as_str), value, "{path}");
            };
            for op in [Op::Add, Op::Replace] {
                match mutability {
                    "readOnly" => refused(patched(&full, op, &path, Some(json!("y")))),
                    "immutable" => {
                        refused(patched(&full, op, &path, Some(json!("y"))));
                        sets(patched(&full, op, &path, Some(json!("x"))), Some("x"));
                        sets(patched(&empty, op, &path, Some(json!("y"))), Some("y"));
                    }
                    _ => {
                        sets(patched(&full, op, &path, Some(json!("y"))), Some("y"));
                        sets(patched(&empty, op, &path, Some(json!("y"))), Some("y"));
                    }
                }
            }
            match mutability {
                "readOnly" | "immutable" => refused(patched(&full, Op::Remove, &path, None)),
                _ => sets(patched(&full, Op::Remove, &path, None), None),
            }
        }
    }
}

#[test]
fn an_immutable_part_stays_whatever_the_patch_addresses() {
    let full = read(&filled("x"));
    let other = json!({"value": "v", "immutable-default": "y"});
    for (op, path, value) in [
        (Op::Replace, "one", json!({"immutable-default": "y"})),
        (Op::Add, "one", json!({"immutable-default": "y"})),
        (Op::Replace, "one", Value::Null),
        (Op::Remove, "one", Value::Null),
        (Op::Add, "many", json!([other])),
        (Op::Replace, "many[value eq \"v\"]", other.clone()),
        (Op::Replace, "many[value eq \"v\"].immutable-default", json!("y")),
        (Op::Add, "many[value eq \"v\"].immutable-default", json!("y")),
        (Op::Remove, "many[value eq \"v\"].immutable-default", Value::Null),
    ] {
        let error = patched(&full, op, path, Some(value).filter(|value| !value.is_null())).err();
        let error = error.unwrap_or_else(|| panic!("{op:?} {path} is taken"));
        let expected = if path == "one" && op == Op::Replace && error.scim_type == Some(ScimType::InvalidValue) {
            ScimType::InvalidValue
        } else {
            ScimType::Mutability
        };
        assert_eq!(error.scim_type, Some(expected), "{op:?} {path}: {error}");
    }
    // The value as a whole may go, and another may come.
    assert!(patched(&full, Op::Remove, "many[value eq \"v\"]", None).is_ok());
    assert!(patched(&full, Op::Replace, "many", Some(json!([{"value": "w", "immutable-default": "y"}]))).is_ok());
}

#[test]
fn returned_decides_what_is_shown() {
    let shown = |attributes: Option<&str>, excluded: Option<&str>, wrote: &[&str]| -> Document {
        let Value::Object(mut resource) = filled("x") else { unreachable!() };
        let written: BTreeSet<String> = wrote.iter().map(|name| name.to_string()).collect();
        let selection = Selection::parse(&WIDGET, attributes, excluded).expect("good lists").with_written(&written);
        selection.apply(&WIDGET, &mut resource);
        Document(resource)
    };
    for (mutability, returned) in COMBINATIONS {
        for (path, pointer) in places(&name(mutability, returned)) {
            let is = |document: &Document| at(document, &pointer).is_some();
            let top = match (path.strip_prefix(MORE), path.split_once('.')) {
                (Some(_), _) => MORE.to_ascii_lowercase(),
                (None, Some((attribute, _))) => attribute.to_ascii_lowercase(),
                (None, None) => path.to_ascii_lowercase(),
            };
            let by_default = is(&shown(None, None, &[]));
            let named = is(&shown(Some(&path), None, &[]));
            let unnamed = is(&shown(Some("one.readWrite-default,many.value"), None, &[]));
            let excluded = is(&shown(None, Some(&path), &[]));
            let written = is(&shown(None, None, &[&top]));
            let expected = match returned {
                "always" => (true, true, true, true),
                "default" => (true, true, false, true),
                "request" => (false, true, false, true),
                _ => (false, false, false, false),
            };
            // `always` is in every representation of what it is a part of.
            let in_a_part = path.contains("one.") || path.contains("many.");
            let unnamed_expected = match returned {
                "always" => !in_a_part || !path.starts_with(MORE),
                _ => path == "one.readWrite-default",
            };
            assert_eq!(
                (by_default, named, unnamed, written),
                (expected.0, expected.1, unnamed_expected, expected.3),
                "{path}"
            );
            assert_eq!(excluded, returned == "always", "{path} excluded");
        }
    }
}

#[test]
fn what_is_returned_never_is_found_by_presence_alone() {
    let facts = |document: &Document, filter: &str| {
        let bound = bind(&Filter::parse(filter).expect("a filter"), &WIDGET)?;
        Ok::<_, Error>(bound.matches(&Facts {
            id: "1",
            kind: &WIDGET,
            external_id: None,
            active: None,
            created: 0,
            modified: 0,
            version: 1,
            location: "",
            document,
            members: &[],
            groups: &[],
        }))
    };
    let (full, empty) = (read(&filled("secret")), Document::default());
    for (mutability, returned) in COMBINATIONS.into_iter().filter(|(mutability, _)| *mutability != "readOnly") {
        for (path, _) in places(&name(mutability, returned)) {
            assert_eq!(facts(&full, &format!("{path} pr")), Ok(true), "{path}");
            assert_eq!(facts(&empty, &format!("{path} pr")), Ok(false), "{path}");
            assert_eq!(facts(&empty, &format!("{path} eq null")), Ok(true), "{path}");
            for op in ["eq", "ne", "sw", "co", "ew", "gt", "le"] {
                let answer = facts(&full, &format!("{path} {op} \"secret\""));
                match returned {
                    "never" => {
                        assert_eq!(answer.map_err(|e| e.scim_type), Err(Some(ScimType::InvalidFilter)), "{path} {op}");
                    }
                    _ => assert!(answer.is_ok(), "{path} {op}"),
                }
            }
            if returned == "never" {
                assert_eq!(sort_place(&WIDGET, &path).map_err(|e| e.scim_type), Err(Some(ScimType::InvalidValue)));
            }
        }
    }
    assert!(facts(&full, r#"many[writeOnly-never pr and value eq "v"]"#).unwrap());
    assert!(facts(&full, r#"many[writeOnly-never eq "secret"]"#).is_err());
    // The index has none of it.
    let rows = key::entries(&WIDGET, &full);
    assert!(rows.iter().filter(|row| row.attr.contains("never")).all(|row| row.key.as_str() == "present"));
    assert!(rows.iter().any(|row| row.attr == "writeonly-never"));
}

fn pet(attributes: &str) -> ResourceType {
    let text = format!(r#"{{"id": "urn:example:Pet", "name": "Pet", "attributes": [{attributes}]}}"#);
    ResourceType::new("/Pets", Schema::parse(&text).expect("a good schema").into(), vec![])
}

#[test]
fn every_type_takes_its_own_values_and_no_others() {
    let good: [(&str, &[Value]); 7] = [
        ("string", &[json!(""), json!("a"), json!("😀\n")]),
        ("boolean", &[json!(true), json!(false)]),
        ("integer", &[json!(0), json!(-7), json!(i64::MAX), json!(i64::MIN)]),
        ("decimal", &[json!(1.5), json!(-0.25), json!(3)]),
        (
            "dateTime",
            &[json!("2008-01-23T04:56:22Z"), json!("2008-01-23T04:56:22.25-08:00"), json!("2008-01-23T04:56:22")],
        ),
        ("binary", &[json!("TQ=="), json!("TQ"), json!("")]),
        ("reference", &[json!("https://example.com/v2/Users/1"), json!("Users/1"), json!("urn:x:y")]),
    ];
    let bad: [(&str, &[Value]); 7] = [
        ("string", &[json!(1), json!(true), json!({}), json!("a\u{0}")]),
        ("boolean", &[json!(0), json!("yes"), json!("")]),
        ("integer", &[json!(1.0), json!("1"), json!(true), json!(u64::MAX)]),
        ("decimal", &[json!("1.5"), json!("NaN"), json!(false)]),
        ("dateTime", &[json!("2011-05-13"), json!("04:42:34Z"), json!("2011-02-30T00:00:00Z"), json!(5)]),
        ("binary", &[json!("*"), json!("T"), json!("-_-_"), json!(7)]),
        ("reference", &[json!("two words"), json!("<x>"), json!(7)]),
    ];
    for (kind, values) in good {
        for multi in [false, true] {
            let pet = pet(&format!(
                r#"{{"name": "x", "type": "{kind}", "multiValued": {multi}}}, {{"name": "c", "type": "complex",
                    "subAttributes": [{{"name": "x", "type": "{kind}", "multiValued": {multi}}}]}}"#
            ));
            for value in values {
                let whole = if multi { json!([value]) } else { value.clone() };
                let body = json!({"x": whole, "c": {"x": whole}});
                let read = Document::read(&pet, &body).unwrap_or_else(|error| panic!("{kind} {value}: {error}"));
                assert_eq!(Value::Object(read.document.0), body, "{kind}: kept as sent");
            }
        }
    }
    for (kind, values) in bad {
        let pet = pet(&format!(
            r#"{{"name": "x", "type": "{kind}"}}, {{"name": "c", "type": "complex",
                "subAttributes": [{{"name": "x", "type": "{kind}"}}]}}"#
        ));
        for value in values {
            for body in [json!({"x": value}), json!({"c": {"x": value}})] {
                let error = Document::read(&pet, &body).expect_err(&format!("{kind} {value}"));
                assert_eq!((error.status, error.scim_type), (400, Some(ScimType::InvalidValue)), "{body}: {error}");
                assert!(error.detail.starts_with(if body["x"].is_null() { "c.x: " } else { "x: " }), "{error}");
            }
        }
    }
}

#[test]
fn null_and_the_empty_list_are_no_value() {
    let pet = pet(r#"{"name": "one"}, {"name": "many", "multiValued": true}, {"name": "parts", "type": "complex",
        "multiValued": true, "subAttributes": [{"name": "value"}, {"name": "list", "multiValued": true}]}"#);
    for body in [
        json!({"one": null, "many": null, "parts": null}),
        json!({"many": [], "parts": []}),
        json!({"many": [null], "parts": [null, {}, {"value": null}, {"list": []}]}),
    ] {
        let read = Document::read(&pet, &body).expect("nothing is no error");
        assert_eq!(read.document, Document::default(), "{body}");
        assert!(read.asserted.contains("parts"), "and yet it was said");
    }
}

#[test]
fn case_exact_decides_what_is_equal() {
    let pet = pet(r#"{"name": "loose"}, {"name": "exact", "caseExact": true}, {"name": "link", "type": "reference"},
        {"name": "blob", "type": "binary"}, {"name": "alone", "uniqueness": "server"},
        {"name": "world", "uniqueness": "global", "caseExact": true}"#);
    for (attribute, equal) in
        [("loose", true), ("exact", false), ("link", false), ("blob", false), ("alone", true), ("world", false)]
    {
        let rows = |value: &str| {
            let document = Document::read(&pet, &json!({attribute: value})).expect("sound").document;
            assert_eq!(document.0[attribute], value, "the case is kept as sent");
            key::entries(&pet, &document)
        };
        assert_eq!(rows("QUJD") == rows("qujd"), equal, "{attribute}");
        // Uniqueness compares the same keys.
        let unique = rows("QUJD").iter().all(|row| row.unique);
        assert_eq!(unique, ["alone", "world"].contains(&attribute), "{attribute}");
    }
}

#[test]
fn what_is_required_must_have_a_value() {
    let mut kind =
        pet(r#"{"name": "label", "required": true}, {"name": "tags", "type": "complex", "multiValued": true,
        "subAttributes": [{"name": "value", "required": true}, {"name": "note"}]},
        {"name": "made", "required": true, "mutability": "readOnly"}"#);
    let text = r#"{"id": "urn:example:More", "name": "More", "attributes": [{"name": "code", "required": true}]}"#;
    kind.extensions = vec![Extension::optional(Schema::parse(text).expect("good").into())];
    for (body, missing) in [
        (json!({"label": "a"}), None),
        (json!({"label": "a", "tags": [{"value": "x"}], "urn:example:More": {"code": "c"}}), None),
        (json!({}), Some("label is required")),
        (json!({"label": null}), Some("label is required")),
        (json!({"label": ""}), Some("label is required and cannot be empty")),
        (json!({"label": "a", "tags": [{"note": "x"}]}), Some("tags.value is required")),
    ] {
        let document = Document::read(&kind, &body).expect("sound").document;
        let answer = document.require(&kind);
        match missing {
            None => assert_eq!(answer, Ok(()), "{body}"),
            Some(detail) => assert!(answer.as_ref().is_err_and(|e| e.detail == detail), "{body}: {answer:?}"),
        }
    }
    kind.extensions[0].required = true;
    let without = Document::read(&kind, &json!({"label": "a"})).expect("sound").document;
    assert!(without.require(&kind).is_err_and(|error| error.detail == "urn:example:More is required"));
}

#[test]
fn canonical_values_are_suggestions() {
    let pet = pet(r#"{"name": "size", "canonicalValues": ["small", "large"]}"#);
    for size in ["small", "LARGE", "enormous"] {
        assert_eq!(Document::read(&pet, &json!({"size": size})).expect("any text").document.0["size"], size);
    }
}
