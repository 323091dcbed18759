//! What PATCH means on our own types, and the dialects of Okta and Entra. The decision tables are in `table.rs`.

mod bugs;
mod corners;
mod table;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{MemberEdit, Terms, apply};
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
    let terms = Terms { shown: document(json!({"id": "2819c223", "groups": [{"value": "g1"}]})), ..Terms::default() };
    apply(kind, &document(before), &terms, &operations)
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
fn what_operations_mean() {
    let work = json!({"value": "ada@acme.example", "type": "work", "primary": true});
    let home = json!({"value": "ada@home.example", "type": "home"});
    let manager = format!("{ENTERPRISE}:manager");
    let department = format!("{ENTERPRISE}:department");
    let table: Vec<(&str, Value, Result<Value, &str>)> = vec![
        (
            "add 5 moves the primary",
            json!([{"op": "add", "path": "emails", "value": [{"value": "b@x.example", "primary": true}]}]),
            Ok(with(json!({"emails": [
                {"value": "ada@acme.example", "type": "work", "primary": false}, home, {"value": "b@x.example", "primary": true}
            ]}))),
        ),
        (
            "a filter moves the primary",
            json!([{"op": "replace", "path": "emails[type eq \"home\"].primary", "value": true}]),
            Ok(with(json!({"emails": [
                {"value": "ada@acme.example", "type": "work", "primary": false},
                {"value": "ada@home.example", "type": "home", "primary": true}
            ]}))),
        ),
        (
            "the primary and another in one list",
            json!([{"op": "add", "path": "emails", "value": [
                {"value": "ada@acme.example", "type": "work"}, {"value": "ada@home.example", "type": "home", "primary": true}
            ]}]),
            Ok(with(json!({"emails": [
                {"value": "ada@acme.example", "type": "work", "primary": false},
                {"value": "ada@home.example", "type": "home", "primary": true}
            ]}))),
        ),
        (
            "two primaries in one list",
            json!([{"op": "replace", "path": "emails", "value": [{"value": "a", "primary": true}, {"value": "b", "primary": true}]}]),
            Err("invalidValue"),
        ),
        (
            "two primaries by one filter",
            json!([{"op": "replace", "path": "emails[value co \"ada\"]", "value": {"primary": true}}]),
            Err("invalidValue"),
        ),
        ("every value primary", json!([{"op": "add", "path": "emails.primary", "value": true}]), Err("invalidValue")),
        ("add 10 readOnly", json!([{"op": "add", "path": "groups", "value": []}]), Err("mutability")),
        ("add 10 id", json!([{"op": "add", "path": "id", "value": "x"}]), Err("mutability")),
        ("replace 10", json!([{"op": "replace", "path": "meta.created", "value": "x"}]), Err("mutability")),
        (
            "operations see what came before, filters too",
            json!([{"op": "add", "path": "emails", "value": [{"value": "c@x.example", "type": "other"}]},
                   {"op": "remove", "path": "emails[type eq \"other\"]"}]),
            Ok(ada()),
        ),
        (
            "names in any case, with and without the URN",
            json!([{"op": "add", "path": "URN:ietf:params:scim:schemas:core:2.0:user:NAME.givenname", "value": "A"},
                   {"op": "add", "path": "EMAILS[TYPE EQ \"HOME\"].Display", "value": "h"}]),
            Ok(with(json!({"name": {"givenName": "A", "familyName": "Lovelace"},
                "emails": [work, {"value": "ada@home.example", "type": "home", "display": "h"}]}))),
        ),
        (
            "and, or, not and parentheses in a filter",
            json!([{"op": "remove", "path": "emails[(type eq \"home\" or value sw \"x\") and not (primary eq true)]"}]),
            Ok(with(json!({"emails": [work]}))),
        ),
        (
            "a filter that does not parse",
            json!([{"op": "remove", "path": "emails[type like \"x\"]"}]),
            Err("invalidFilter"),
        ),
        ("a filter on no sub-attribute", json!([{"op": "remove", "path": "emails[size eq 1]"}]), Err("invalidFilter")),
        (
            "a filter of another type",
            json!([{"op": "remove", "path": "emails[primary gt true]"}]),
            Err("invalidFilter"),
        ),
        (
            "the resource itself",
            json!([{"op": "remove", "path": "urn:ietf:params:scim:schemas:core:2.0:User"}]),
            Err("noTarget"),
        ),
        (
            "schemas follow the values",
            json!([{"op": "remove", "path": ENTERPRISE}, {"op": "add", "path": "schemas", "value": [ENTERPRISE]},
                   {"op": "add", "path": "department", "value": "D"}]),
            Ok(with(json!({ENTERPRISE: {"department": "D"}}))),
        ),
        (
            "an emptied extension",
            json!([{"op": "remove", "path": department}, {"op": "remove", "path": manager}]),
            Ok(with(json!({ENTERPRISE: null}))),
        ),
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
            json!([{"op": "replace", "value": {"id": "2819c223", "title": "T"}}]),
            Ok(with(json!({"title": "T"}))),
        ),
        (
            "readOnly parts are ignored",
            json!([{"op": "replace", "path": manager, "value": {"value": "m2", "displayName": "Boss"}}]),
            Ok(with(json!({ENTERPRISE: {"department": "Engines", "manager": {"value": "m2"}}}))),
        ),
        ("another id", json!([{"op": "replace", "value": {"id": "other", "title": "T"}}]), Err("mutability")),
        (
            "groups as they were read",
            json!([{"op": "replace", "value": {"groups": [{"value": "g1", "display": "G"}], "meta": {}, "schemas": [ENTERPRISE]}}]),
            Ok(ada()),
        ),
        ("other groups", json!([{"op": "replace", "value": {"groups": []}}]), Err("mutability")),
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
