//! The decision tables of PATCH, row by row, and the dialects of Okta and Entra.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{MemberEdit, apply};
use crate::scim::document::{Document, Member};
use crate::scim::message::PatchOp;
use crate::scim::resource_type::Registry;
use crate::scim::{Error, ScimType};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

fn document(value: Value) -> Document {
    Document(value.as_object().unwrap().clone())
}

fn ada() -> Value {
    json!({
        "userName": "ada@acme.example", "externalId": "e1", "active": true, "title": "Countess",
        "name": {"givenName": "Ada", "familyName": "Lovelace"},
        "emails": [{"value": "ada@acme.example", "type": "work", "primary": true}, {"value": "ada@home.example", "type": "home"}],
        ENTERPRISE: {"department": "Engines", "manager": {"value": "m1", "$ref": "https://h/Users/m1"}},
    })
}

fn run(kind: &str, before: Value, operations: Value) -> Result<super::Patched, Error> {
    let registry = Registry::builtin();
    let kind = registry.type_named(kind).unwrap();
    let operations = PatchOp::read(&json!({"Operations": operations})).unwrap().operations;
    apply(kind, &document(before), &operations)
}

/// What the operations make of Ada, or the scimType of the refusal.
fn user(operations: Value) -> Result<Value, &'static str> {
    match run("User", ada(), operations) {
        Ok(patched) => Ok(Value::Object(patched.document.0)),
        Err(error) => Err(error.scim_type.map_or("none", ScimType::as_str)),
    }
}

/// Ada with these top-level attributes replaced or, if null, gone.
fn with(changes: Value) -> Value {
    let mut value = ada();
    for (name, change) in changes.as_object().unwrap() {
        match change {
            Value::Null => value.as_object_mut().unwrap().shift_remove(name),
            change => value.as_object_mut().unwrap().insert(name.clone(), change.clone()),
        };
    }
    value
}

#[test]
fn the_decision_tables() {
    let work = json!({"value": "ada@acme.example", "type": "work", "primary": true});
    let home = json!({"value": "ada@home.example", "type": "home"});
    let manager = format!("{ENTERPRISE}:manager");
    let department = format!("{ENTERPRISE}:department");
    let table: Vec<(&str, Value, Result<Value, &str>)> = vec![
        // add
        ("add 1", json!([{"op": "add", "value": {"nickName": "A"}}]), Ok(with(json!({"nickName": "A"})))),
        ("add 1 not an object", json!([{"op": "add", "value": "A"}]), Err("invalidValue")),
        ("add 1 empty", json!([{"op": "add", "value": {}}]), Ok(ada())),
        ("add 1 no value", json!([{"op": "add"}]), Err("invalidValue")),
        ("add 2 replaced", json!([{"op": "add", "path": "title", "value": "Dr"}]), Ok(with(json!({"title": "Dr"})))),
        ("add 2 equal", json!([{"op": "add", "path": "title", "value": "Countess"}]), Ok(ada())),
        ("add 2 null", json!([{"op": "add", "path": "title", "value": null}]), Ok(with(json!({"title": null})))),
        ("add 2 wrong type", json!([{"op": "add", "path": "title", "value": 5}]), Err("invalidValue")),
        (
            "add 3 merges",
            json!([{"op": "add", "path": "name", "value": {"givenName": "A"}}]),
            Ok(with(json!({"name": {"givenName": "A", "familyName": "Lovelace"}}))),
        ),
        (
            "add 3 null part",
            json!([{"op": "add", "path": "name", "value": {"givenName": null}}]),
            Ok(with(json!({"name": {"familyName": "Lovelace"}}))),
        ),
        ("add 3 empty", json!([{"op": "add", "path": "name", "value": {}}]), Ok(ada())),
        ("add 3 scalar", json!([{"op": "add", "path": "name", "value": "A"}]), Err("invalidValue")),
        (
            "add 4 creates the parent",
            json!([{"op": "remove", "path": "name"}, {"op": "add", "path": "name.givenName", "value": "A"}]),
            Ok(with(json!({"name": {"givenName": "A"}}))),
        ),
        (
            "add 5 appends",
            json!([{"op": "add", "path": "emails", "value": [{"value": "b@x.example", "type": "other"}]}]),
            Ok(with(json!({"emails": [work, home, {"value": "b@x.example", "type": "other"}]}))),
        ),
        (
            "add 5 known",
            json!([{"op": "add", "path": "emails", "value": {"value": "ADA@home.example", "type": "home"}}]),
            Ok(with(json!({"emails": [work, {"value": "ADA@home.example", "type": "home"}]}))),
        ),
        ("add 5 null", json!([{"op": "add", "path": "emails", "value": null}]), Ok(ada())),
        (
            "add 5 moves the primary",
            json!([{"op": "add", "path": "emails", "value": [{"value": "b@x.example", "primary": true}]}]),
            Ok(with(json!({"emails": [
                {"value": "ada@acme.example", "type": "work", "primary": false}, home, {"value": "b@x.example", "primary": true}
            ]}))),
        ),
        (
            "add 6 merges into matches",
            json!([{"op": "add", "path": "emails[type eq \"home\"]", "value": {"display": "h"}}]),
            Ok(with(json!({"emails": [work, {"value": "ada@home.example", "type": "home", "display": "h"}]}))),
        ),
        (
            "add 6 created from the filter",
            json!([{"op": "add", "path": "phoneNumbers[type eq \"work\"]", "value": {"value": "+1"}}]),
            Ok(with(json!({"phoneNumbers": [{"type": "work", "value": "+1"}]}))),
        ),
        (
            "add 6 not described",
            json!([{"op": "add", "path": "phoneNumbers[type sw \"w\"].value", "value": "+1"}]),
            Err("noTarget"),
        ),
        (
            "add 7 sets in matches",
            json!([{"op": "add", "path": "emails[type eq \"home\"].display", "value": "h"}]),
            Ok(with(json!({"emails": [work, {"value": "ada@home.example", "type": "home", "display": "h"}]}))),
        ),
        (
            "add 8 extension attribute",
            json!([{"op": "add", "path": department, "value": "D"}]),
            Ok(with(
                json!({ENTERPRISE: {"department": "D", "manager": {"value": "m1", "$ref": "https://h/Users/m1"}}}),
            )),
        ),
        (
            "add 9 extension alone",
            json!([{"op": "add", "path": ENTERPRISE, "value": {"costCenter": "7"}}]),
            Ok(with(
                json!({ENTERPRISE: {"department": "Engines", "manager": {"value": "m1", "$ref": "https://h/Users/m1"}, "costCenter": "7"}}),
            )),
        ),
        ("add 10 readOnly", json!([{"op": "add", "path": "groups", "value": []}]), Err("mutability")),
        ("add 10 id", json!([{"op": "add", "path": "id", "value": "x"}]), Err("mutability")),
        ("add 12 null on required", json!([{"op": "add", "path": "userName", "value": null}]), Err("mutability")),
        ("add 13 unknown", json!([{"op": "add", "path": "shoeSize", "value": 5}]), Err("invalidPath")),
        ("add 13 unknown key", json!([{"op": "add", "value": {"shoeSize": 5}}]), Err("invalidPath")),
        // replace
        (
            "replace 2 null",
            json!([{"op": "replace", "path": "title", "value": null}]),
            Ok(with(json!({"title": null}))),
        ),
        (
            "replace 3 keeps the rest",
            json!([{"op": "replace", "path": "name", "value": {"givenName": "A"}}]),
            Ok(with(json!({"name": {"givenName": "A", "familyName": "Lovelace"}}))),
        ),
        ("replace 3 null", json!([{"op": "replace", "path": "name", "value": null}]), Ok(with(json!({"name": null})))),
        (
            "replace 5",
            json!([{"op": "replace", "path": "emails", "value": [home]}]),
            Ok(with(json!({"emails": [home]}))),
        ),
        ("replace 5 the same set", json!([{"op": "replace", "path": "emails", "value": [home, work]}]), Ok(ada())),
        (
            "replace 5 empty",
            json!([{"op": "replace", "path": "emails", "value": []}]),
            Ok(with(json!({"emails": null}))),
        ),
        (
            "replace 6 keeps parts not given",
            json!([{"op": "replace", "path": "emails[type eq \"home\"]", "value": {"value": "h@x.example"}}]),
            Ok(with(json!({"emails": [work, {"value": "h@x.example", "type": "home"}]}))),
        ),
        (
            "replace 6 null",
            json!([{"op": "replace", "path": "emails[type eq \"home\"]", "value": null}]),
            Ok(with(json!({"emails": [work]}))),
        ),
        (
            "replace 7 every match",
            json!([{"op": "replace", "path": "emails[value co \"ada\"].display", "value": "d"}]),
            Ok(with(json!({"emails": [
                {"value": "ada@acme.example", "type": "work", "primary": true, "display": "d"},
                {"value": "ada@home.example", "type": "home", "display": "d"}
            ]}))),
        ),
        (
            "replace 9 null removes the extension",
            json!([{"op": "replace", "path": ENTERPRISE, "value": null}]),
            Ok(with(json!({ENTERPRISE: null}))),
        ),
        ("replace 10", json!([{"op": "replace", "path": "meta.created", "value": "x"}]), Err("mutability")),
        ("replace without a value", json!([{"op": "replace", "path": "title"}]), Err("invalidValue")),
        // remove
        ("remove 1", json!([{"op": "remove"}]), Err("noTarget")),
        ("remove 1 with a value", json!([{"op": "remove", "value": {"title": "x"}}]), Err("noTarget")),
        ("remove 2", json!([{"op": "remove", "path": "title"}]), Ok(with(json!({"title": null})))),
        ("remove 2 none", json!([{"op": "remove", "path": "nickName"}]), Ok(ada())),
        ("remove 3", json!([{"op": "remove", "path": "name"}]), Ok(with(json!({"name": null})))),
        (
            "remove 4 the last part",
            json!([{"op": "remove", "path": "name.givenName"}, {"op": "remove", "path": "name.familyName"}]),
            Ok(with(json!({"name": null}))),
        ),
        ("remove 5", json!([{"op": "remove", "path": "emails"}]), Ok(with(json!({"emails": null})))),
        (
            "remove 5 listed only",
            json!([{"op": "remove", "path": "emails", "value": [{"value": "ada@home.example"}]}]),
            Ok(with(json!({"emails": [work]}))),
        ),
        ("remove 5 empty list", json!([{"op": "remove", "path": "emails", "value": []}]), Ok(ada())),
        (
            "remove 6",
            json!([{"op": "remove", "path": "emails[type eq \"home\"]"}]),
            Ok(with(json!({"emails": [work]}))),
        ),
        ("remove 6 none", json!([{"op": "remove", "path": "emails[type eq \"x\"]"}]), Ok(ada())),
        (
            "remove 7",
            json!([{"op": "remove", "path": "emails[type eq \"home\"].type"}]),
            Ok(with(json!({"emails": [work, {"value": "ada@home.example"}]}))),
        ),
        ("remove 9", json!([{"op": "remove", "path": ENTERPRISE}]), Ok(with(json!({ENTERPRISE: null})))),
        ("remove 12", json!([{"op": "remove", "path": "userName"}]), Err("mutability")),
        (
            "removed and added again is one intent",
            json!([{"op": "remove", "path": "userName"}, {"op": "add", "path": "userName", "value": "b"}]),
            Ok(with(json!({"userName": "b"}))),
        ),
        ("an index is no path", json!([{"op": "remove", "path": "emails[0].value"}]), Err("invalidPath")),
        ("a JSON Pointer is no path", json!([{"op": "remove", "path": "/emails/0"}]), Err("invalidPath")),
        ("a filter on one value", json!([{"op": "remove", "path": "name[givenName eq \"A\"]"}]), Err("invalidPath")),
        // dialects
        ("ENT-30", json!([{"op": "Replace", "path": "active", "value": "False"}]), Ok(with(json!({"active": false})))),
        (
            "ENT-33 dotted and URN keys",
            json!([{"op": "replace", "value": {"displayName": "K", "name.familyName": "King", department.as_str(): "D"}}]),
            Ok(with(json!({"displayName": "K", "name": {"givenName": "Ada", "familyName": "King"},
                ENTERPRISE: {"department": "D", "manager": {"value": "m1", "$ref": "https://h/Users/m1"}}}))),
        ),
        (
            "ENT-38 no work phone yet",
            json!([{"op": "Replace", "path": "phoneNumbers[type eq \"work\"].value", "value": "+44"}]),
            Ok(with(json!({"phoneNumbers": [{"type": "work", "value": "+44"}]}))),
        ),
        (
            "ENT-42 one role in two operations",
            json!([{"op": "Add", "path": "roles[primary eq \"True\"].type", "value": "T"},
                   {"op": "Add", "path": "roles[primary eq \"True\"].value", "value": "Admin"}]),
            Ok(with(json!({"roles": [{"primary": true, "type": "T", "value": "Admin"}]}))),
        ),
        (
            "ENT-43 a bare manager",
            json!([{"op": "Add", "path": manager, "value": "m2"}]),
            Ok(with(json!({ENTERPRISE: {"department": "Engines", "manager": {"value": "m2"}}}))),
        ),
        (
            "ENT-45 an empty manager",
            json!([{"op": "Replace", "path": manager, "value": {"value": ""}}]),
            Ok(with(json!({ENTERPRISE: {"department": "Engines"}}))),
        ),
        (
            "ENT-47 null part",
            json!([{"op": "Replace", "path": "name", "value": {"familyName": null, "givenName": "A"}}]),
            Ok(with(json!({"name": {"givenName": "A"}}))),
        ),
        ("ENT-49 no operations", json!([]), Ok(ada())),
        (
            "ENT-50 in order",
            json!([{"op": "Remove", "path": "displayName"}, {"op": "Add", "path": "displayName", "value": "I"},
                   {"op": "Replace", "path": "displayName", "value": "F"}]),
            Ok(with(json!({"displayName": "F"}))),
        ),
        ("OKTA-08", json!([{"op": "replace", "value": {"active": false}}]), Ok(with(json!({"active": false})))),
        (
            "OKTA-22 an echoed id",
            json!([{"op": "replace", "value": {"id": "whatever", "title": "T"}}]),
            Ok(with(json!({"title": "T"}))),
        ),
        (
            "ENTS-01 a core URN",
            json!([{"op": "replace", "path": "urn:ietf:params:scim:schemas:core:2.0:User:name", "value": {"givenName": "A"}}]),
            Ok(with(json!({"name": {"givenName": "A", "familyName": "Lovelace"}}))),
        ),
    ];
    for (row, operations, expected) in table {
        assert_eq!(user(operations), expected, "{row}");
    }
}

#[test]
fn members_become_edits() {
    let member = |id: &str| Member { value: id.into(), kind: None };
    let edits =
        |operations: Value| run("Group", json!({"displayName": "g"}), operations).map(|patched| patched.members);
    let add = |ids: &[&str]| MemberEdit::Add(ids.iter().map(|id| member(id)).collect());
    let table: Vec<(Value, Vec<MemberEdit>)> = vec![
        (json!([{"op": "Add", "path": "members", "value": [{"$ref": null, "value": "u"}]}]), vec![add(&["u"])]),
        (
            json!([{"op": "Remove", "path": "members", "value": [{"$ref": null, "value": "u"}]}]),
            vec![MemberEdit::Remove(vec!["u".into()])],
        ),
        (json!([{"op": "remove", "path": "members[value eq \"u\"]"}]), vec![MemberEdit::Remove(vec!["u".into()])]),
        (
            json!([{"op": "remove", "path": "members[value eq \"u\" or value eq \"v\"]"}]),
            vec![MemberEdit::Remove(vec!["u".into(), "v".into()])],
        ),
        (json!([{"op": "remove", "path": "members"}]), vec![MemberEdit::RemoveAll]),
        (json!([{"op": "replace", "path": "members", "value": []}]), vec![MemberEdit::Replace(vec![])]),
        (
            json!([{"op": "replace", "value": {"members": [{"value": "u"}], "displayName": "g"}}]),
            vec![MemberEdit::Replace(vec![member("u")])],
        ),
        (json!([{"op": "add", "path": "members[value eq \"u\"]", "value": [{"value": "u"}]}]), vec![add(&["u"])]),
        (json!([{"op": "add", "path": "members", "value": []}]), vec![]),
        (json!([{"op": "replace", "path": "members[value eq \"u\"].display", "value": "x"}]), vec![]),
        (
            json!([{"op": "remove", "path": "members[value eq \"u\"]"}, {"op": "add", "path": "members", "value": [{"value": "v", "display": "V"}]}]),
            vec![MemberEdit::Remove(vec!["u".into()]), add(&["v"])],
        ),
    ];
    for (operations, expected) in table {
        assert_eq!(edits(operations.clone()).unwrap(), expected, "{operations}");
    }
    let by_type = edits(json!([{"op": "remove", "path": "members[type eq \"Group\"]"}])).unwrap();
    assert!(matches!(by_type.as_slice(), [MemberEdit::RemoveWhere(_)]));
    for (operations, expected) in [
        (json!([{"op": "replace", "path": "members[value eq \"u\"].value", "value": "v"}]), ScimType::Mutability),
        (json!([{"op": "add", "path": "members", "value": [{"display": "nobody"}]}]), ScimType::InvalidValue),
        (json!([{"op": "replace", "path": "displayName", "value": null}]), ScimType::Mutability),
    ] {
        assert_eq!(edits(operations.clone()).unwrap_err().scim_type, Some(expected), "{operations}");
    }
}

fn any_operation() -> impl Strategy<Value = Value> {
    let path = prop::sample::select(vec![
        "title",
        "name",
        "name.givenName",
        "emails",
        "emails[type eq \"work\"]",
        "emails[type eq \"home\"].value",
        "emails.value",
        "nickName",
        "active",
        "userName",
        "externalId",
        "phoneNumbers[type eq \"fax\"].value",
        "roles",
    ]);
    let value = prop_oneof![
        Just(Value::Null),
        Just(json!("x")),
        Just(json!(true)),
        Just(json!({"givenName": "G"})),
        Just(json!([{"value": "v@x.example", "type": "work"}])),
        Just(json!({"value": "w@x.example", "primary": true})),
        Just(json!([])),
    ];
    (prop::sample::select(vec!["add", "replace", "remove"]), path, value)
        .prop_map(|(op, path, value)| json!({"op": op, "path": path, "value": value}))
}

proptest! {
    /// What comes out can be stored: it is canonical, whole, and at most one value of a list is primary.
    #[test]
    fn a_patched_document_is_canonical(operations in prop::collection::vec(any_operation(), 0..6)) {
        if let Ok(patched) = run("User", ada(), Value::Array(operations)) {
            let registry = Registry::builtin();
            let kind = registry.type_named("User").unwrap();
            patched.document.require(kind).unwrap();
            let mut body = patched.document.0.clone();
            body.insert("schemas".into(), json!(patched.document.schemas(kind)));
            let read = Document::read(kind, &Value::Object(body)).unwrap().document;
            prop_assert_eq!(&read, &patched.document);
            for name in ["emails", "phoneNumbers", "roles"] {
                let primaries = patched.document.0.get(name).and_then(Value::as_array).map_or(0, |values| {
                    values.iter().filter(|value| value.get("primary") == Some(&Value::Bool(true))).count()
                });
                prop_assert!(primaries <= 1, "{} of {}", primaries, name);
            }
        }
    }

    /// The same operations again change nothing more.
    #[test]
    fn one_replace_twice_is_once(operation in any_operation()) {
        if operation["op"] == "replace" && let Ok(once) = run("User", ada(), json!([operation.clone()])) {
            let again = run("User", Value::Object(once.document.0.clone()), json!([operation])).unwrap();
            prop_assert_eq!(again.document, once.document);
        }
    }
}
