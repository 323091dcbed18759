//! What the naive reference (`tests/suite/patch_reference`) found, each as the smallest request that showed it.

use std::sync::Arc;

use serde_json::{Value, json};

use super::super::{Terms, apply};
use crate::scim::ScimType;
use crate::scim::document::Document;
use crate::scim::message::PatchOp;
use crate::scim::resource_type::{Extension, ResourceType};
use crate::scim::schema::Schema;

const EXT: &str = "urn:example:ext:2.0:Thing";

fn thing() -> ResourceType {
    let schema = |json: Value| Arc::new(Schema::parse(&json.to_string()).unwrap());
    let parts = json!([
        {"name": "value"}, {"name": "type"}, {"name": "display"}, {"name": "primary", "type": "boolean"},
        {"name": "mark", "mutability": "immutable"}, {"name": "need", "required": true}
    ]);
    let link = json!([{"name": "value", "caseExact": true}, {"name": "$ref", "type": "reference", "referenceTypes": ["Thing"]}, {"name": "display"}]);
    let base = json!({"id": "urn:example:core:2.0:Thing", "name": "Thing", "attributes": [
        {"name": "tags", "multiValued": true},
        {"name": "one", "type": "complex", "subAttributes": parts},
        {"name": "many", "type": "complex", "multiValued": true, "subAttributes": parts},
        {"name": "mails", "type": "complex", "multiValued": true, "subAttributes": [
            {"name": "value"}, {"name": "type"}, {"name": "display"}, {"name": "primary", "type": "boolean"}]},
        {"name": "boss", "type": "complex", "subAttributes": link},
        {"name": "friends", "type": "complex", "multiValued": true, "subAttributes": link},
    ]});
    let extension = json!({"id": EXT, "name": "More", "attributes": [
        {"name": "serial", "mutability": "immutable"}, {"name": "needed", "required": true}, {"name": "free"}]});
    ResourceType {
        name: "Thing".into(),
        endpoint: "/Things".into(),
        description: String::new(),
        schema: schema(base),
        extensions: vec![Extension { schema: schema(extension), required: false, own: false }],
        own: false,
        pushed: false,
        next: None,
    }
}

fn patched(before: Value, operation: Value) -> Result<Value, &'static str> {
    let operations = PatchOp::read(&json!({"Operations": [operation]})).unwrap().operations;
    let before = Document(before.as_object().unwrap().clone());
    match apply(&thing(), &before, &Terms::default(), &operations) {
        Ok(patched) => Ok(Value::Object(patched.document.0)),
        Err(error) => Err(error.scim_type.map_or("none", ScimType::as_str)),
    }
}

#[test]
fn a_filter_on_simple_values_replaces_those_and_no_others() {
    let before = json!({"tags": ["a", "b", "c"]});
    let replace = |path: &str| patched(before.clone(), json!({"op": "replace", "path": path, "value": "x"}));
    assert_eq!(replace("tags[value eq \"B\"]"), Ok(json!({"tags": ["a", "x", "c"]})));
    assert_eq!(replace("tags[value eq \"b\"].value"), Ok(json!({"tags": ["a", "x", "c"]})));
}

#[test]
fn an_extension_with_an_immutable_value_is_not_removed() {
    assert_eq!(
        patched(json!({EXT: {"serial": "s", "needed": "n"}}), json!({"op": "remove", "path": EXT})),
        Err("mutability")
    );
    assert_eq!(patched(json!({EXT: {"needed": "n"}}), json!({"op": "remove", "path": EXT})), Ok(json!({})));
}

#[test]
fn a_required_attribute_of_an_extension_is_not_removed() {
    let before = json!({EXT: {"needed": "n", "free": "f"}});
    assert_eq!(patched(before, json!({"op": "remove", "path": format!("{EXT}:needed")})), Err("mutability"));
}

#[test]
fn a_required_part_is_not_removed() {
    let one = || json!({"one": {"value": "a", "need": "n"}});
    let many = || json!({"many": [{"value": "a", "need": "n"}]});
    assert_eq!(patched(one(), json!({"op": "remove", "path": "one.need"})), Err("mutability"));
    assert_eq!(patched(one(), json!({"op": "replace", "path": "one", "value": {"need": null}})), Err("mutability"));
    assert_eq!(patched(many(), json!({"op": "remove", "path": "many[value pr].need"})), Err("mutability"));
    // One that never had it is a bad value.
    assert_eq!(
        patched(json!({}), json!({"op": "add", "path": "many", "value": [{"value": "a"}]})),
        Err("invalidValue")
    );
}

#[test]
fn an_immutable_part_is_not_overwritten_by_its_neighbours() {
    let one = || json!({"one": {"mark": "m", "need": "n"}});
    let many = || json!({"many": [{"value": "a", "mark": "m", "need": "n"}]});
    assert_eq!(patched(one(), json!({"op": "add", "path": "one", "value": {"mark": "x"}})), Err("mutability"));
    assert_eq!(patched(one(), json!({"op": "remove", "path": "one.mark"})), Err("mutability"));
    let again = json!({"op": "add", "path": "many", "value": [{"value": "a", "mark": "x", "need": "n"}]});
    assert_eq!(patched(many(), again), Err("mutability"));
    let merged = json!({"op": "replace", "path": "many[value eq \"a\"]", "value": {"mark": "x"}});
    assert_eq!(patched(many(), merged), Err("mutability"));
}

#[test]
fn values_that_become_the_same_are_one() {
    let before = json!({"mails": [{"value": "a", "type": "work"}, {"value": "a", "type": "home", "display": "A"}]});
    let one = Ok(json!({"mails": [{"value": "a", "display": "A"}]}));
    assert_eq!(patched(before.clone(), json!({"op": "remove", "path": "mails[value eq \"a\"].type"})), one);
    assert_eq!(patched(before, json!({"op": "remove", "path": "mails.type"})), one);
}

#[test]
fn a_value_created_from_a_filter_is_not_there_twice() {
    let before = json!({"mails": [{"value": "a", "type": "work"}]});
    let create = json!({"op": "add", "path": "mails[display eq \"A\"]", "value": {"value": "a", "type": "work"}});
    assert_eq!(patched(before, create), Ok(json!({"mails": [{"value": "a", "type": "work", "display": "A"}]})));
}

#[test]
fn adding_null_to_what_a_filter_selects_removes_nothing() {
    let before = || json!({"mails": [{"value": "a", "type": "work"}]});
    assert_eq!(patched(before(), json!({"op": "add", "path": "mails[type eq \"work\"]", "value": null})), Ok(before()));
}

#[test]
fn values_of_which_nothing_tells_but_the_type_are_not_the_same() {
    let before = json!({"mails": [{"type": "work", "display": "A"}]});
    let added = patched(before, json!({"op": "add", "path": "mails", "value": [{"type": "work", "display": "B"}]}));
    assert_eq!(added, Ok(json!({"mails": [{"type": "work", "display": "A"}, {"type": "work", "display": "B"}]})));
}

#[test]
fn a_link_agrees_with_itself_after_a_part_has_changed() {
    let boss = || json!({"boss": {"value": "a", "$ref": "https://h/Things/a", "display": "A"}});
    let set = |path: &str, value: &str| patched(boss(), json!({"op": "replace", "path": path, "value": value}));
    assert_eq!(set("boss.value", "b"), Ok(json!({"boss": {"value": "b"}})));
    assert_eq!(set("boss.$ref", "https://h/Things/b"), Ok(json!({"boss": {"value": "a", "display": "A"}})));
    let friends = json!({"friends": [{"value": "a", "display": "A"}]});
    let renamed = json!({"op": "replace", "path": "friends[value eq \"a\"].value", "value": "b"});
    assert_eq!(patched(friends, renamed), Ok(json!({"friends": [{"value": "b"}]})));
}

#[test]
fn a_link_that_is_there_is_brought_up_to_date() {
    let before = json!({"friends": [{"value": "a", "display": "A"}, {"value": "A"}]});
    let again = json!({"op": "add", "path": "friends", "value": [{"value": "a", "display": "Ann"}]});
    assert_eq!(patched(before, again), Ok(json!({"friends": [{"value": "a", "display": "Ann"}, {"value": "A"}]})));
}

#[test]
fn a_part_named_twice_in_a_filter_describes_nothing() {
    let create = json!({"op": "add", "path": "mails[type eq \"a\" and TYPE eq \"a\"].value", "value": "x"});
    assert_eq!(patched(json!({}), create), Err("noTarget"));
}
