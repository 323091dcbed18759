//! Between the cells of the tables: what a refusal and a note say, and cases in which only one detail decides.

use std::sync::{Arc, LazyLock};

use serde_json::{Value, json};

use super::super::{Patched, Terms, apply};
use crate::scim::document::{Document, MOST_VALUES};
use crate::scim::message::PatchOp;
use crate::scim::resource_type::{Extension, Registry, ResourceType};
use crate::scim::schema::Schema;
use crate::scim::{Error, ScimType};

const EXT: &str = "urn:example:ext:2.0:Boat";

static BOAT: LazyLock<ResourceType> = LazyLock::new(|| {
    let base = json!({"id": "urn:example:core:2.0:Boat", "name": "Boat", "attributes": [
        {"name": "title"},
        {"name": "serial", "mutability": "readOnly"},
        {"name": "ports", "type": "complex", "multiValued": true, "subAttributes": [
            {"name": "value"}, {"name": "type"}, {"name": "display"}, {"name": "depth", "type": "integer"},
            {"name": "primary", "type": "boolean"}, {"name": "flags", "multiValued": true},
            {"name": "chart", "mutability": "readOnly"}]},
        {"name": "owner", "type": "complex", "subAttributes": [
            {"name": "value"}, {"name": "$ref", "type": "reference", "referenceTypes": ["User"]}, {"name": "display"}]},
        {"name": "plate", "type": "complex", "subAttributes": [
            {"name": "number", "mutability": "immutable"}, {"name": "colour"}]},
    ]});
    let extension = json!({"id": EXT, "name": "More", "attributes": [
        {"name": "needed", "required": true}, {"name": "free"}, {"name": "meta"}]});
    let schema = |json: Value| Arc::new(Schema::parse(&json.to_string()).unwrap());
    ResourceType::new("/Boats", schema(base), vec![Extension::optional(schema(extension))])
});

fn document(value: Value) -> Document {
    Document(value.as_object().unwrap().clone())
}

fn run(kind: &ResourceType, before: Value, terms: &Terms, operations: Value) -> Result<Patched, Error> {
    let operations = PatchOp::read(&json!({"Operations": operations})).unwrap().operations;
    apply(kind, &document(before), terms, &operations)
}

/// What the operations make of a boat, or the scimType of the refusal.
fn boat(before: Value, operations: Value) -> Result<Value, &'static str> {
    match run(&BOAT, before, &Terms::default(), operations) {
        Ok(patched) => Ok(Value::Object(patched.document.0)),
        Err(error) => Err(error.scim_type.map_or("none", ScimType::as_str)),
    }
}

#[test]
fn a_refusal_says_which_operation_and_what_is_wrong_with_it() {
    let long = "x".repeat(81);
    for (operations, detail) in [
        (json!([{"op": "add", "path": "title"}]), "add needs a value".to_owned()),
        (
            json!([{"op": "remove", "path": "title"}, {"op": "replace", "path": "title"}]),
            "operation 2: replace needs a value".to_owned(),
        ),
        (
            json!([{"op": "replace", "value": "x"}, {"op": "remove", "path": "title"}]),
            "operation 1: the value of replace without a path is an object of attributes".to_owned(),
        ),
        (json!([{"op": "remove", "path": "wings"}]), "'wings' is no attribute of Boat".to_owned()),
        (json!([{"op": "remove", "path": long}]), format!("'{}…' is no attribute of Boat", "x".repeat(80))),
        (json!([{"op": "remove", "path": "serial"}]), "'serial' is readOnly: the server keeps it".to_owned()),
        (
            json!([{"op": "remove", "path": "ports[value eq \"a\"].wings"}]),
            "'wings' is no sub-attribute of ports".to_owned(),
        ),
    ] {
        let refused = run(&BOAT, json!({"title": "t"}), &Terms::default(), operations.clone()).unwrap_err();
        assert_eq!(refused.detail, detail, "{operations}");
    }
}

#[test]
fn a_note_says_which_leniency_was_used_and_where() {
    let registry = Registry::builtin();
    let user = registry.type_named("User").unwrap();
    let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    let terms = Terms { shown: document(json!({"id": "7"})), ..Terms::default() };
    let qualified = format!("{enterprise}:department");
    for (operation, expected) in [
        (json!({"op": "replace", "value": {"title": "T", enterprise: {"department": "D"}}}), vec![]),
        (json!({"op": "replace", "value": {"name.givenName": "A"}}), vec![("path_as_key", "name.givenName")]),
        (json!({"op": "replace", "value": {&qualified: "D"}}), vec![("path_as_key", qualified.as_str())]),
        (json!({"op": "replace", "value": {"id": "7"}}), vec![("read_only_echoed", "id")]),
        (
            json!({"op": "remove", "path": "emails[type eq \"fax\"]"}),
            vec![("nothing_to_remove", "emails[type eq \"fax\"]")],
        ),
        (
            json!({"op": "add", "path": "emails[type eq \"fax\"].value", "value": "f"}),
            vec![("created_from_filter", "emails[type eq \"fax\"].value")],
        ),
        (json!({"op": "add", "path": "name", "value": [{"givenName": "A"}]}), vec![("array_as_single_value", "name")]),
    ] {
        let patched = run(user, json!({"userName": "a"}), &terms, json!([operation.clone()])).unwrap();
        let notes: Vec<(&str, &str)> = patched.notes.iter().map(|note| (note.code, note.at.as_str())).collect();
        assert_eq!(notes, expected, "{operation}");
    }
}

#[test]
fn an_empty_text_is_no_value_where_the_connection_says_so() {
    let before = || json!({"title": "t", "ports": [{"value": "a", "display": "A"}]});
    let operations = json!([{"op": "replace", "path": "title", "value": ""},
        {"op": "replace", "path": "ports[value eq \"a\"].display", "value": ""}]);
    let after = |empty_is_unassigned| {
        let terms = Terms { empty_is_unassigned, ..Terms::default() };
        Value::Object(run(&BOAT, before(), &terms, operations.clone()).unwrap().document.0)
    };
    assert_eq!(after(true), json!({"ports": [{"value": "a"}]}));
    assert_eq!(after(false), json!({"title": "", "ports": [{"value": "a", "display": ""}]}));
}

/// What is writable is written, whether or not it is what the client was shown.
#[test]
fn only_what_is_read_only_is_an_echo() {
    let terms = Terms { shown: document(json!({"title": "old", "serial": "s"})), ..Terms::default() };
    let operations = json!([{"op": "replace", "path": "title", "value": "new"},
        {"op": "replace", "value": {"title": "old", "serial": "s"}}]);
    let patched = run(&BOAT, json!({"title": "old"}), &terms, operations).unwrap();
    assert_eq!(Value::Object(patched.document.0), json!({"title": "old"}));
    let other = json!([{"op": "replace", "value": {"serial": "t"}}]);
    assert_eq!(run(&BOAT, json!({}), &terms, other).unwrap_err().scim_type, Some(ScimType::Mutability));
}

#[test]
fn an_attribute_of_an_extension_may_be_called_meta() {
    let set = json!([{"op": "replace", "value": {"meta": {}, "schemas": [EXT], format!("{EXT}:needed"): "n", format!("{EXT}:meta"): "m"}}]);
    assert_eq!(boat(json!({}), set), Ok(json!({EXT: {"needed": "n", "meta": "m"}})));
}

#[test]
fn an_extension_requires_nothing_only_when_it_was_removed_as_a_whole() {
    let only = || json!({EXT: {"needed": "n"}});
    let needed = format!("{EXT}:needed");
    let free = json!({"op": "add", "path": format!("{EXT}:free"), "value": "f"});
    assert_eq!(boat(only(), json!([{"op": "remove", "path": EXT}])), Ok(json!({})));
    assert_eq!(boat(only(), json!([{"op": "remove", "path": needed}])), Err("mutability"));
    assert_eq!(boat(only(), json!([{"op": "remove", "path": EXT}, free])), Err("mutability"));
}

#[test]
fn a_part_of_every_value_makes_no_value_of_its_own() {
    let before = json!({"ports": [{"value": "a"}, {"value": "b"}]});
    let deep = json!([{"op": "add", "path": "ports.depth", "value": 5}]);
    let all = json!({"ports": [{"value": "a", "depth": 5}, {"value": "b", "depth": 5}]});
    assert_eq!(boat(before, deep.clone()), Ok(all.clone()));
    assert_eq!(boat(json!({}), deep), Ok(json!({"ports": [{"depth": 5}]})));
    let none = json!([{"op": "remove", "path": "ports.depth"}]);
    assert_eq!(boat(all, none.clone()), Ok(json!({"ports": [{"value": "a"}, {"value": "b"}]})));
    assert_eq!(boat(json!({}), none), Ok(json!({})));
}

#[test]
fn a_filter_describes_a_value_by_equalities_of_every_type() {
    let create = |filter: &str| {
        let path = format!("ports[{filter}].value");
        boat(json!({}), json!([{"op": "add", "path": path, "value": "a"}]))
    };
    let described = json!({"ports": [{"type": "t", "depth": 5, "primary": true, "value": "a"}]});
    assert_eq!(create("type eq \"t\" and depth eq 5 and primary eq true"), Ok(described));
    for filter in
        ["type eq \"t\" and depth gt 5", "type eq null", "not (type eq \"t\")", "value eq \"b\"", "chart eq \"c\""]
    {
        assert_eq!(create(filter), Err("noTarget"), "{filter}");
    }
}

#[test]
fn a_list_holds_so_many_values_and_no_more() {
    let ports = |range: std::ops::Range<usize>| range.map(|n| json!({"value": n.to_string()})).collect::<Value>();
    let before = || json!({"ports": ports(1..MOST_VALUES)});
    let add = |value: Value| boat(before(), json!([{"op": "add", "path": "ports", "value": value}]));
    assert_eq!(add(json!({"value": "one"})).unwrap()["ports"].as_array().unwrap().len(), MOST_VALUES);
    assert_eq!(add(json!([{"value": "one"}, {"value": "two"}])), Err("invalidValue"));
    assert_eq!(add(ports(1..MOST_VALUES)), Ok(before()));
}

/// By value and type, if the value is given; else by every part that is.
#[test]
fn what_a_removal_with_a_value_names() {
    let before = json!({"ports": [
        {"value": "a", "type": "sea", "display": "A"}, {"value": "a", "type": "river", "flags": ["x", "y"]}, {"value": "b"}]});
    for (listed, left) in [
        (json!([{"value": "A"}]), vec![2]),
        (json!([{"value": "a", "type": "RIVER"}]), vec![0, 2]),
        (json!([{"value": "a", "type": "sea", "display": "other"}]), vec![1, 2]),
        (json!([{"type": "sea", "display": "other"}]), vec![0, 1, 2]),
        (json!([{"type": "sea", "display": "a"}]), vec![1, 2]),
        (json!([{"flags": ["x", "y"]}]), vec![0, 2]),
        (json!([{"flags": ["x"]}]), vec![0, 1, 2]),
    ] {
        let removed = boat(before.clone(), json!([{"op": "remove", "path": "ports", "value": listed}]));
        let left: Value = left.into_iter().map(|index| before["ports"][index].clone()).collect();
        assert_eq!(removed, Ok(json!({"ports": left})), "{listed}");
    }
}

#[test]
fn a_link_goes_with_its_value_and_stays_without_its_other_parts() {
    let before = || json!({"owner": {"value": "u", "$ref": "https://h/Users/u", "display": "U"}});
    let remove = |part: &str| boat(before(), json!([{"op": "remove", "path": format!("owner.{part}")}]));
    assert_eq!(remove("display"), Ok(json!({"owner": {"value": "u", "$ref": "https://h/Users/u"}})));
    assert_eq!(remove("$ref"), Ok(json!({"owner": {"value": "u", "display": "U"}})));
    assert_eq!(remove("value"), Ok(json!({})));
    let set = |value: &str| boat(before(), json!([{"op": "replace", "path": "owner.value", "value": value}]));
    assert_eq!(set("u"), Ok(before()));
    assert_eq!(set("v"), Ok(json!({"owner": {"value": "v"}})));
    assert_eq!(set(""), Ok(json!({})));
}

#[test]
fn an_immutable_part_does_not_bind_its_neighbours() {
    let before = || json!({"plate": {"number": "1", "colour": "red"}});
    let blue = json!({"plate": {"number": "1", "colour": "blue"}});
    let replace = |path: &str, value: Value| boat(before(), json!([{"op": "replace", "path": path, "value": value}]));
    assert_eq!(replace("plate", json!({"colour": "blue"})), Ok(blue.clone()));
    assert_eq!(replace("plate", json!({"colour": "blue", "number": "1"})), Ok(blue.clone()));
    assert_eq!(replace("plate.colour", json!("blue")), Ok(blue));
    assert_eq!(replace("plate", json!({"number": "2"})), Err("mutability"));
    assert_eq!(replace("plate", json!(null)), Err("mutability"));
    assert_eq!(
        boat(json!({"plate": {"colour": "red"}}), json!([{"op": "add", "path": "plate.number", "value": "1"}])),
        Ok(json!({"plate": {"colour": "red", "number": "1"}}))
    );
}
