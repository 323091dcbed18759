//! The characteristics of attributes (RFC 7643 §2.2, §7), each in every place an attribute can be: at the top, in an
//! extension, as a part of one value and as a part of many. The resource type is made here, so that no combination is
//! missing; the stories at the end show the same over HTTP with the types that the server has.

mod support;

use std::collections::BTreeSet;
use std::sync::LazyLock;

use axum::http::Method;
use rollkeeper::auth::token::Scope;
use rollkeeper::scim::document::Document;
use rollkeeper::scim::filter::{Facts, Filter, bind, sort_place};
use rollkeeper::scim::message::{Op, Operation};
use rollkeeper::scim::projection::Selection;
use rollkeeper::scim::resource_type::{Extension, ResourceType};
use rollkeeper::scim::schema::Schema;
use rollkeeper::scim::{Error, ScimType, key, patch};
use serde_json::{Map, Value, json};
use support::{World, both_engines};

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
    let more = Extension { schema: schema(MORE, &attributes), required: false, own: true };
    ResourceType {
        name: "Widget".into(),
        endpoint: "/Widgets".into(),
        description: String::new(),
        schema: schema(BASE, &attributes),
        extensions: vec![more],
        own: true,
        pushed: true,
        next: None,
    }
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
    patch::apply(&WIDGET, before, &[operation]).map(|patched| patched.document)
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
        let mut read = Document::read(&WIDGET, &body).expect("the body is sound");
        read.keep(&WIDGET, &before).map(|()| read.document)
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
    let mut first = Document::read(&WIDGET, &filled("x")).expect("sound");
    assert_eq!(first.keep(&WIDGET, &Document::default()), Ok(()));
    assert_eq!(first.document, before);
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
    ResourceType {
        name: "Pet".into(),
        endpoint: "/Pets".into(),
        description: String::new(),
        schema: Schema::parse(&text).expect("a good schema").into(),
        extensions: vec![],
        own: true,
        pushed: true,
        next: None,
    }
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
    kind.extensions = vec![Extension { schema: Schema::parse(text).expect("good").into(), required: false, own: true }];
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

// ------------------------------------------------------------------------------------------------ over HTTP

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

both_engines! {
    async fn what_is_the_servers_is_ignored_in_bodies_and_refused_in_paths(database: Database) {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let push = world.client(&acme, Scope::Scim).await;
        let mine = json!({
            "userName": "ana", "id": "mine", "groups": [{ "value": "all" }],
            "meta": { "resourceType": "Group", "version": 7, "created": "yesterday", "location": "elsewhere" }
        });
        let created = push.users().post(mine.clone()).await.status(201);
        let id = created.id();
        assert_ne!(id, "mine");
        assert_eq!((&created["meta"]["resourceType"], &created["groups"]), (&json!("User"), &Value::Null));
        assert_eq!(created["meta"]["created"], created["meta"]["lastModified"], "one reading of the clock");
        assert_eq!(created["externalId"], Value::Null, "the server makes none up");
        let replaced = push.users().put(&id, mine).await.status(200);
        assert_eq!(replaced.body, created.body, "the same body changes nothing");
        for path in ["id", "meta", "meta.created", "groups", "groups.value"] {
            let operations = json!([{ "op": "replace", "path": path, "value": "x" }]);
            push.users().patch(&id, operations).await.scim_error(400, "mutability");
        }
        push.users().post(json!({ "userName": "bob", "meta": "nonsense", "id": {} })).await.status(201);
    }

    async fn an_immutable_attribute_is_set_once(database: Database) {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let admin = world.client(&acme, Scope::Admin).await;
        let moby = admin.organizations().post(json!({ "slug": "moby" })).await.status(201).id();
        for (body, status) in [
            (json!({ "slug": "moby", "displayName": "Moby" }), 200),
            (json!({ "displayName": "Moby" }), 200),
            (json!({ "slug": null, "displayName": "Moby" }), 200),
        ] {
            let replaced = admin.organizations().put(&moby, body).await.status(status);
            assert_eq!((&replaced["slug"], &replaced["displayName"]), (&json!("moby"), &json!("Moby")));
        }
        let other = admin.organizations().put(&moby, json!({ "slug": "whale" })).await.scim_error(400, "mutability");
        assert!(other["detail"].as_str().is_some_and(|detail| detail.starts_with("slug is immutable")), "{}", other.body);
        let removal = json!([{ "op": "remove", "path": "slug" }]);
        admin.organizations().patch(&moby, removal).await.scim_error(400, "mutability");
        assert_eq!(admin.organizations().get(&moby).await.status(200)["displayName"], "Moby");
    }

    async fn at_most_one_value_is_primary(database: Database) {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let push = world.client(&acme, Scope::Scim).await;
        let two = json!({ "userName": "ana", "emails": [
            { "value": "a@acme.example", "primary": true }, { "value": "b@acme.example", "primary": "True" },
            { "value": "A@acme.example" }
        ] });
        let created = push.users().post(two).await.status(201);
        let primaries = |reply: &support::Reply| -> Vec<String> {
            let emails = reply["emails"].as_array().expect("emails");
            let primary = emails.iter().filter(|email| email["primary"] == true);
            primary.filter_map(|email| email["value"].as_str().map(str::to_owned)).collect()
        };
        assert_eq!(primaries(&created), ["a@acme.example"], "the first stays");
        assert_eq!(created["emails"].as_array().map(Vec::len), Some(2), "the same value twice is once");
        let id = created.id();
        let moved = json!([{ "op": "add", "path": "emails", "value": [{ "value": "c@acme.example", "primary": true }] }]);
        assert_eq!(primaries(&push.users().patch(&id, moved).await.status(200)), ["c@acme.example"]);
        let moved = json!([{ "op": "replace", "path": "emails[value eq \"b@acme.example\"].primary", "value": true }]);
        assert_eq!(primaries(&push.users().patch(&id, moved).await.status(200)), ["b@acme.example"]);
        assert_eq!(push.users().filter("emails[primary eq true and value sw \"b@\"]").await["totalResults"], 1);
        assert_eq!(push.users().filter("emails[primary eq false and value sw \"a@\"]").await["totalResults"], 1);
    }

    async fn names_and_urns_are_read_in_any_case_and_written_in_one(database: Database) {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let push = world.client(&acme, Scope::Scim).await;
        let created = push.users().post(json!({
            "SCHEMAS": [USER.to_uppercase(), ENTERPRISE.to_uppercase()],
            "USERNAME": "bj", "NAME": { "FamilyName": "Jensen" }, "EXTERNALID": "AbC",
            ENTERPRISE.to_uppercase(): { "DEPARTMENT": "Tours", "Manager": { "VALUE": "m" } }
        })).await.status(201);
        let id = created.id();
        assert_eq!(created["schemas"], json!([USER, ENTERPRISE]));
        assert_eq!((&created["userName"], &created["name"]), (&json!("bj"), &json!({ "familyName": "Jensen" })));
        assert_eq!(created[ENTERPRISE], json!({ "department": "Tours", "manager": { "value": "m" } }));
        for filter in [
            "USERNAME Eq \"BJ\" AND Name.FAMILYNAME SW \"jen\"".to_owned(),
            format!("{}:Department eq \"tours\"", ENTERPRISE.to_uppercase()),
            format!("{USER}:userName eq \"bj\" and {ENTERPRISE}:manager.value eq \"m\""),
            "department eq \"tours\" and externalId eq \"AbC\"".to_owned(),
        ] {
            assert_eq!(push.users().filter(&filter).await.status(200)["totalResults"], 1, "{filter}");
        }
        assert_eq!(push.users().filter("externalId eq \"abc\"").await.status(200)["totalResults"], 0, "caseExact");
        let path = format!("{}:DEPARTMENT", ENTERPRISE.to_uppercase());
        let operations = json!([{ "op": "REPLACE", "path": path, "value": "Sales" }]);
        assert_eq!(push.users().patch(&id, operations).await.status(200)[ENTERPRISE]["department"], "Sales");
        let listed = push.users().list(&format!("attributes=USERNAME,{ENTERPRISE}:DEPARTMENT")).await.status(200);
        assert_eq!(listed["Resources"][0][ENTERPRISE], json!({ "department": "Sales" }));
        // Two keys that differ in case alone are one attribute twice.
        push.users().put(&id, json!({ "userName": "bj", "USERNAME": "x" })).await.scim_error(400, "invalidSyntax");
    }

    async fn an_extension_comes_and_goes_with_its_values(database: Database) {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let push = world.client(&acme, Scope::Scim).await;
        let body = json!({ "schemas": [USER, ENTERPRISE], "userName": "ana", "urn:example:other": { "a": 1 } });
        let created = push.users().post(body).await.status(201);
        assert_eq!((&created["schemas"], &created["urn:example:other"]), (&json!([USER]), &Value::Null));
        let id = created.id();
        let carries = format!("schemas eq \"{ENTERPRISE}\"");
        assert_eq!(push.users().filter(&carries).await.status(200)["totalResults"], 0);
        let add = json!([{ "op": "add", "path": format!("{ENTERPRISE}:division"), "value": "X" }]);
        let with = push.users().patch(&id, add).await.status(200);
        assert_eq!((&with["schemas"], &with[ENTERPRISE]), (&json!([USER, ENTERPRISE]), &json!({ "division": "X" })));
        assert_eq!(push.users().filter(&carries).await.status(200)["totalResults"], 1);
        let remove = json!([{ "op": "remove", "path": format!("{ENTERPRISE}:division") }]);
        let without = push.users().patch(&id, remove).await.status(200);
        assert_eq!((&without["schemas"], &without[ENTERPRISE]), (&json!([USER]), &Value::Null));
        // Another type's base schema means another endpoint.
        let group = json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "userName": "bob" });
        push.users().post(group).await.scim_error(400, "invalidValue");
    }

    async fn a_put_states_the_whole(database: Database) {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let push = world.client(&acme, Scope::Scim).await;
        let id = push.users().post(json!({
            "userName": "ana", "externalId": "e1", "title": "T", "nickName": "", "emails": [{ "value": "a@acme.example" }],
            ENTERPRISE: { "department": "D" }
        })).await.status(201).id();
        let read = push.users().get(&id).await.status(200);
        assert_eq!(read["nickName"], "", "an empty text is a value");
        let again = push.users().put(&id, read.body.clone()).await.status(200);
        assert_eq!(again.body, read.body, "a PUT of what GET returned changes nothing");
        let bare = push.users().put(&id, json!({ "userName": "ana", "title": null, "emails": [] })).await.status(200);
        for gone in ["title", "nickName", "emails", ENTERPRISE] {
            assert_eq!(bare[gone], Value::Null, "{gone}");
        }
        assert_eq!((&bare["externalId"], &bare["active"]), (&json!("e1"), &json!(true)), "an omission leaves these");
        for filter in ["title pr", "emails pr", "nickName pr"] {
            assert_eq!(push.users().filter(filter).await.status(200)["totalResults"], 0, "{filter}");
        }
        push.users().put(&id, json!({ "title": "T" })).await.scim_error(400, "invalidValue");
        push.users().put(&id, json!({ "userName": null })).await.scim_error(400, "invalidValue");
        push.users().put("no-such-id", json!({ "userName": "new" })).await.scim_error(404, "");
        assert_eq!(push.users().list("").await.status(200)["totalResults"], 1, "a PUT creates nothing");
    }

    async fn every_answer_shows_what_was_asked_for(database: Database) {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let push = world.client(&acme, Scope::Scim).await;
        let ana = || json!({ "userName": "ana", "title": "T", "name": { "givenName": "Ana", "familyName": "Ruiz" } });
        let keys = |value: &Value| {
            let mut keys: Vec<_> = value.as_object().expect("an object").keys().cloned().collect();
            keys.sort();
            keys.join(" ")
        };
        let asked = "attributes=name.familyName,title";
        let created = push.users().call(Method::POST, &format!("?{asked}")).json(ana()).await.status(201);
        assert_eq!((keys(&created.body), &created["name"]), ("id name schemas title".into(), &json!({ "familyName": "Ruiz" })));
        let id = created.id();
        let operations = json!([{ "op": "replace", "path": "title", "value": "U" }]);
        for reply in [
            push.users().get(&id).query(asked).await.status(200),
            push.users().put(&id, ana()).query(asked).await.status(200),
            push.users().patch(&id, operations.clone()).query(asked).await.status(200),
        ] {
            assert_eq!(keys(&reply.body), "id name schemas title", "{}", reply.request);
        }
        let left_out = "excludedAttributes=id,meta,name.givenName,active,title";
        for reply in [
            push.users().get(&id).query(left_out).await.status(200),
            push.users().put(&id, ana()).query(left_out).await.status(200),
            push.users().patch(&id, operations).query(left_out).await.status(200),
        ] {
            assert_eq!(keys(&reply.body), "id name schemas userName", "{}", reply.request);
            assert_eq!(reply["name"], json!({ "familyName": "Ruiz" }), "{}", reply.request);
        }
        let listed = push.users().list("attributes=meta").await.status(200);
        assert_eq!(keys(&listed["Resources"][0]), "id meta schemas");
        let searched = push.users().search(json!({ "attributes": ["userName", "unknown"] })).await.status(200);
        assert_eq!(keys(&searched["Resources"][0]), "id schemas userName");
    }

    async fn every_reference_leads_somewhere(database: Database) {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let push = world.client(&acme, Scope::Scim).await;
        let ana = push.users().post(json!({ "userName": "ana" })).await.status(201).id();
        let inner = json!({ "displayName": "inner", "members": [{ "value": ana }] });
        let inner = push.groups().post(inner).await.status(201).id();
        let outer = json!({ "displayName": "outer", "members": [{ "value": inner, "type": "Group" }] });
        push.groups().post(outer).await.status(201);
        let mut seen = Vec::new();
        for collection in ["/Users", "/Groups", "/ResourceTypes", "/Schemas"] {
            let list = push.scim(collection).list("").await.status(200);
            for resource in list["Resources"].as_array().expect("a list") {
                references(resource, &mut seen);
            }
        }
        // A push reads its own lists; everybody else also what follows from nesting.
        let user = world.client(&acme, Scope::ScimRead).await.users().get(&ana).await.status(200);
        let kinds: BTreeSet<_> = user["groups"].as_array().expect("groups").iter().map(|group| group["type"].as_str()).collect();
        assert_eq!(kinds, BTreeSet::from([Some("direct"), Some("indirect")]));
        references(&user.body, &mut seen);
        assert!(seen.len() > 12, "{seen:?}");
        for reference in seen {
            let path = reference.strip_prefix("http://roll.test").unwrap_or_else(|| panic!("{reference} is not absolute"));
            push.call(Method::GET, path).await.status(200);
        }
    }
}

/// Every `$ref` and `location` in an answer.
fn references(value: &Value, seen: &mut Vec<String>) {
    match value {
        Value::Object(members) => members.iter().for_each(|(name, value)| match value.as_str() {
            Some(text) if name == "$ref" || name == "location" => seen.push(text.to_owned()),
            _ => references(value, seen),
        }),
        Value::Array(elements) => elements.iter().for_each(|element| references(element, seen)),
        _ => {}
    }
}
