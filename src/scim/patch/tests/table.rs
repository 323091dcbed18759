//! The decision tables: what each operation does to each kind of target (row) in each situation (column). Every cell is
//! there; `every_cell_is_there` counts them.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use serde_json::{Map, Value, json};

use super::super::{Terms, apply};
use crate::scim::ScimType;
use crate::scim::document::Document;
use crate::scim::message::PatchOp;
use crate::scim::resource_type::{Extension, ResourceType};
use crate::scim::schema::Schema;

const EXT: &str = "urn:example:ext:2.0:Pet";
const EXT_DEPT: &str = "urn:example:ext:2.0:Pet:dept";
const EXT_BADGES: &str = "urn:example:ext:2.0:Pet:badges";

/// A type with an attribute of every row.
static PET: LazyLock<ResourceType> = LazyLock::new(|| {
    let email =
        json!([{"name": "value"}, {"name": "type"}, {"name": "display"}, {"name": "primary", "type": "boolean"}]);
    let base = json!({"id": "urn:example:core:2.0:Pet", "name": "Pet", "attributes": [
        {"name": "label", "required": true},
        {"name": "title"},
        {"name": "name", "type": "complex", "subAttributes": [{"name": "given"}, {"name": "family"}]},
        {"name": "emails", "type": "complex", "multiValued": true, "subAttributes": email},
        {"name": "keepers", "type": "complex", "multiValued": true, "required": true, "subAttributes": [{"name": "value"}]},
        {"name": "stamp", "mutability": "readOnly"},
        {"name": "serial", "mutability": "immutable"},
    ]});
    let extension = json!({"id": EXT, "name": "More", "attributes": [
        {"name": "dept"},
        {"name": "boss", "type": "complex", "subAttributes": [{"name": "value"}, {"name": "note"}]},
        {"name": "badges", "multiValued": true},
    ]});
    let schema = |json: Value| Arc::new(Schema::parse(&json.to_string()).unwrap());
    ResourceType::new("/Pets", schema(base), vec![Extension::optional(schema(extension))])
});

/// A pet of which all is known.
fn full() -> Value {
    json!({
        "label": "Rex", "title": "Dr", "name": {"given": "R", "family": "X"}, "serial": "s1",
        "emails": [{"value": "a@x", "type": "work", "primary": true}, {"value": "b@x", "type": "home"}],
        "keepers": [{"value": "k1"}, {"value": "k2"}],
        EXT: {"dept": "D", "boss": {"value": "b1"}, "badges": ["gold"]},
    })
}

/// One of which only the least is known.
fn bare() -> Value {
    json!({"label": "Rex", "keepers": [{"value": "k1"}]})
}

enum Comes {
    /// Success without any change.
    Same,
    /// These top-level attributes differ; null is gone.
    To(Value),
    Refused(&'static str),
}
use Comes::{Refused, Same, To};

/// Operation, row, column, what is sent, what comes of it.
type Cell = (&'static str, u8, &'static str, Value, Comes);

const INVALID: Comes = Refused("invalidValue");
const MUTABILITY: Comes = Refused("mutability");

fn adds() -> Vec<Cell> {
    let work = || json!({"value": "a@x", "type": "work", "primary": true});
    let home = || json!({"value": "b@x", "type": "home"});
    let add = |row, column, rest: Value, comes| ("add", row, column, rest, comes);
    let ext = |change: Value| To(json!({EXT: change}));
    vec![
        add(
            1,
            "has",
            json!({"value": {"title": "Mr", "name": {"given": "S"}}}),
            To(json!({"title": "Mr", "name": {"given": "S", "family": "X"}})),
        ),
        add(
            1,
            "none",
            json!({"value": {"title": "Mr", "emails": [home()]}}),
            To(json!({"title": "Mr", "emails": [home()]})),
        ),
        add(1, "no value", json!({}), INVALID),
        add(1, "not an object", json!({"value": "Mr"}), INVALID),
        add(1, "{}", json!({"value": {}}), Same),
        add(2, "has", json!({"path": "title", "value": "Mr"}), To(json!({"title": "Mr"}))),
        add(2, "equal", json!({"path": "title", "value": "Dr"}), Same),
        add(2, "none", json!({"path": "title", "value": "Mr"}), To(json!({"title": "Mr"}))),
        add(2, "no value", json!({"path": "title"}), INVALID),
        add(2, "null", json!({"path": "title", "value": null}), To(json!({"title": null}))),
        add(2, "wrong type", json!({"path": "title", "value": 5}), INVALID),
        add(
            3,
            "has",
            json!({"path": "name", "value": {"given": "S"}}),
            To(json!({"name": {"given": "S", "family": "X"}})),
        ),
        add(3, "none", json!({"path": "name", "value": {"given": "S"}}), To(json!({"name": {"given": "S"}}))),
        add(3, "no value", json!({"path": "name"}), INVALID),
        add(3, "null", json!({"path": "name", "value": null}), Same),
        add(3, "[]", json!({"path": "name", "value": []}), Same),
        add(
            3,
            "list of one",
            json!({"path": "name", "value": [{"given": "S"}]}),
            To(json!({"name": {"given": "S", "family": "X"}})),
        ),
        add(3, "list of two", json!({"path": "name", "value": [{"given": "S"}, {"given": "T"}]}), INVALID),
        add(3, "null part", json!({"path": "name", "value": {"given": null}}), To(json!({"name": {"family": "X"}}))),
        add(3, "{}", json!({"path": "name", "value": {}}), Same),
        add(3, "scalar", json!({"path": "name", "value": "S"}), INVALID),
        add(
            3,
            "scalar for value",
            json!({"path": "boss", "value": "b2"}),
            ext(json!({"dept": "D", "boss": {"value": "b2"}, "badges": ["gold"]})),
        ),
        add(4, "has", json!({"path": "name.given", "value": "S"}), To(json!({"name": {"given": "S", "family": "X"}}))),
        add(4, "equal", json!({"path": "name.given", "value": "R"}), Same),
        add(4, "none", json!({"path": "name.given", "value": "S"}), To(json!({"name": {"given": "S"}}))),
        add(4, "no value", json!({"path": "name.given"}), INVALID),
        add(4, "null", json!({"path": "name.given", "value": null}), To(json!({"name": {"family": "X"}}))),
        add(4, "wrong type", json!({"path": "name.given", "value": ["S"]}), INVALID),
        add(
            5,
            "has",
            json!({"path": "emails", "value": [{"value": "c@x"}, {"value": "A@X", "type": "WORK"}]}),
            To(json!({"emails": [{"value": "A@X", "type": "WORK", "primary": true}, home(), {"value": "c@x"}]})),
        ),
        add(5, "equal", json!({"path": "emails", "value": [work()]}), Same),
        add(5, "none", json!({"path": "emails", "value": [home()]}), To(json!({"emails": [home()]}))),
        add(5, "no value", json!({"path": "emails"}), INVALID),
        add(
            5,
            "one object",
            json!({"path": "emails", "value": {"value": "c@x"}}),
            To(json!({"emails": [work(), home(), {"value": "c@x"}]})),
        ),
        add(5, "null", json!({"path": "emails", "value": null}), Same),
        add(5, "[]", json!({"path": "emails", "value": []}), Same),
        add(5, "bad element", json!({"path": "emails", "value": [{"value": "c@x"}, 5]}), INVALID),
        add(
            6,
            "has",
            json!({"path": "emails[type eq \"work\"]", "value": {"display": "W"}}),
            To(json!({"emails": [{"value": "a@x", "type": "work", "primary": true, "display": "W"}, home()]})),
        ),
        add(
            6,
            "none",
            json!({"path": "emails[type eq \"work\"]", "value": {"value": "c@x"}}),
            To(json!({"emails": [{"type": "work", "value": "c@x"}]})),
        ),
        add(
            6,
            "not described",
            json!({"path": "emails[type sw \"wo\"]", "value": {"value": "c@x"}}),
            Refused("noTarget"),
        ),
        add(6, "no value", json!({"path": "emails[type eq \"work\"]"}), INVALID),
        add(
            6,
            "list of one",
            json!({"path": "emails[type eq \"home\"]", "value": [{"display": "H"}]}),
            To(json!({"emails": [work(), {"value": "b@x", "type": "home", "display": "H"}]})),
        ),
        add(6, "scalar", json!({"path": "emails[type eq \"work\"]", "value": "c@x"}), INVALID),
        add(
            7,
            "has",
            json!({"path": "emails[value ew \"@x\"].display", "value": "E"}),
            To(
                json!({"emails": [{"value": "a@x", "type": "work", "primary": true, "display": "E"}, {"value": "b@x", "type": "home", "display": "E"}]}),
            ),
        ),
        add(
            7,
            "none",
            json!({"path": "emails[type eq \"work\"].value", "value": "c@x"}),
            To(json!({"emails": [{"type": "work", "value": "c@x"}]})),
        ),
        add(
            7,
            "not described",
            json!({"path": "emails[not (type eq \"home\")].value", "value": "c@x"}),
            Refused("noTarget"),
        ),
        add(7, "no value", json!({"path": "emails[type eq \"work\"].value"}), INVALID),
        add(
            7,
            "null",
            json!({"path": "emails[type eq \"home\"].type", "value": null}),
            To(json!({"emails": [work(), {"value": "b@x"}]})),
        ),
        add(7, "null, none", json!({"path": "emails[type eq \"fax\"].type", "value": null}), Same),
        add(
            8,
            "has",
            json!({"path": EXT_DEPT, "value": "E"}),
            ext(json!({"dept": "E", "boss": {"value": "b1"}, "badges": ["gold"]})),
        ),
        add(
            8,
            "appended",
            json!({"path": EXT_BADGES, "value": ["GOLD", "tin"]}),
            ext(json!({"dept": "D", "boss": {"value": "b1"}, "badges": ["gold", "tin"]})),
        ),
        add(8, "none", json!({"path": EXT_DEPT, "value": "E"}), ext(json!({"dept": "E"}))),
        add(8, "no value", json!({"path": EXT_DEPT}), INVALID),
        add(8, "wrong type", json!({"path": EXT_DEPT, "value": 5}), INVALID),
        add(
            9,
            "has",
            json!({"path": EXT, "value": {"boss": {"note": "n"}}}),
            ext(json!({"dept": "D", "boss": {"value": "b1", "note": "n"}, "badges": ["gold"]})),
        ),
        add(9, "none", json!({"path": EXT, "value": {"dept": "E"}}), ext(json!({"dept": "E"}))),
        add(9, "no value", json!({"path": EXT}), INVALID),
        add(9, "null", json!({"path": EXT, "value": null}), Same),
        add(9, "{}", json!({"path": EXT, "value": {}}), Same),
        add(10, "has", json!({"path": "stamp", "value": "x"}), MUTABILITY),
        add(10, "none", json!({"path": "stamp", "value": "x"}), MUTABILITY),
        add(10, "no value", json!({"path": "stamp"}), MUTABILITY),
        add(10, "inside a value", json!({"value": {"stamp": "x"}}), MUTABILITY),
        add(11, "equal", json!({"path": "serial", "value": "s1"}), Same),
        add(11, "has", json!({"path": "serial", "value": "s2"}), MUTABILITY),
        add(11, "none", json!({"path": "serial", "value": "s2"}), To(json!({"serial": "s2"}))),
        add(11, "no value", json!({"path": "serial"}), INVALID),
        add(11, "null", json!({"path": "serial", "value": null}), MUTABILITY),
        add(12, "has", json!({"path": "label", "value": "Max"}), To(json!({"label": "Max"}))),
        add(12, "no value", json!({"path": "label"}), INVALID),
        add(12, "null", json!({"path": "label", "value": null}), MUTABILITY),
        add(12, "[]", json!({"path": "label", "value": []}), MUTABILITY),
        add(12, "wrong type", json!({"path": "label", "value": {}}), INVALID),
        add(13, "none", json!({"path": "wings", "value": 2}), Refused("invalidPath")),
        add(13, "no value", json!({"path": "urn:none:1.0:X:wings"}), Refused("invalidPath")),
        add(13, "pathless", json!({"value": {"wings": null}}), Refused("invalidPath")),
        add(13, "sub-attribute", json!({"path": "name.middle", "value": "x"}), Refused("invalidPath")),
    ]
}

fn replaces() -> Vec<Cell> {
    let work = || json!({"value": "a@x", "type": "work", "primary": true});
    let home = || json!({"value": "b@x", "type": "home"});
    let replace = |row, column, rest: Value, comes| ("replace", row, column, rest, comes);
    let ext = |change: Value| To(json!({EXT: change}));
    vec![
        replace(
            1,
            "has",
            json!({"value": {"title": "Mr", "emails": [home()]}}),
            To(json!({"title": "Mr", "emails": [home()]})),
        ),
        replace(1, "none", json!({"value": {"title": "Mr"}}), To(json!({"title": "Mr"}))),
        replace(1, "no value", json!({}), INVALID),
        replace(1, "not an object", json!({"value": [{"title": "Mr"}]}), INVALID),
        replace(1, "{}", json!({"value": {}}), Same),
        replace(2, "has", json!({"path": "title", "value": "Mr"}), To(json!({"title": "Mr"}))),
        replace(2, "equal", json!({"path": "title", "value": "Dr"}), Same),
        replace(2, "none", json!({"path": "title", "value": "Mr"}), To(json!({"title": "Mr"}))),
        replace(2, "no value", json!({"path": "title"}), INVALID),
        replace(2, "null", json!({"path": "title", "value": null}), To(json!({"title": null}))),
        replace(2, "wrong type", json!({"path": "title", "value": {}}), INVALID),
        replace(
            3,
            "has",
            json!({"path": "name", "value": {"given": "S"}}),
            To(json!({"name": {"given": "S", "family": "X"}})),
        ),
        replace(3, "none", json!({"path": "name", "value": {"given": "S"}}), To(json!({"name": {"given": "S"}}))),
        replace(3, "no value", json!({"path": "name"}), INVALID),
        replace(3, "null", json!({"path": "name", "value": null}), To(json!({"name": null}))),
        replace(3, "[]", json!({"path": "name", "value": []}), To(json!({"name": null}))),
        replace(
            3,
            "list of one",
            json!({"path": "name", "value": [{"given": "S"}]}),
            To(json!({"name": {"given": "S", "family": "X"}})),
        ),
        replace(
            3,
            "null part",
            json!({"path": "name", "value": {"given": null}}),
            To(json!({"name": {"family": "X"}})),
        ),
        replace(3, "{}", json!({"path": "name", "value": {}}), Same),
        replace(3, "scalar", json!({"path": "name", "value": "S"}), INVALID),
        replace(
            4,
            "has",
            json!({"path": "name.given", "value": "S"}),
            To(json!({"name": {"given": "S", "family": "X"}})),
        ),
        replace(4, "none", json!({"path": "name.given", "value": "S"}), To(json!({"name": {"given": "S"}}))),
        replace(4, "no value", json!({"path": "name.given"}), INVALID),
        replace(4, "null", json!({"path": "name.given", "value": null}), To(json!({"name": {"family": "X"}}))),
        replace(4, "wrong type", json!({"path": "name.given", "value": true}), INVALID),
        replace(5, "has", json!({"path": "emails", "value": [home()]}), To(json!({"emails": [home()]}))),
        replace(5, "same set", json!({"path": "emails", "value": [home(), work()]}), Same),
        replace(5, "none", json!({"path": "emails", "value": [home()]}), To(json!({"emails": [home()]}))),
        replace(5, "no value", json!({"path": "emails"}), INVALID),
        replace(5, "null", json!({"path": "emails", "value": null}), To(json!({"emails": null}))),
        replace(5, "[]", json!({"path": "emails", "value": []}), To(json!({"emails": null}))),
        replace(5, "one object", json!({"path": "emails", "value": home()}), To(json!({"emails": [home()]}))),
        replace(5, "bad element", json!({"path": "emails", "value": [home(), true]}), INVALID),
        replace(
            6,
            "has",
            json!({"path": "emails[type eq \"home\"]", "value": {"value": "c@x"}}),
            To(json!({"emails": [work(), {"value": "c@x", "type": "home"}]})),
        ),
        replace(
            6,
            "none",
            json!({"path": "emails[type eq \"home\"]", "value": {"value": "c@x"}}),
            To(json!({"emails": [{"type": "home", "value": "c@x"}]})),
        ),
        replace(
            6,
            "not described",
            json!({"path": "emails[type ne \"home\"]", "value": {"value": "c@x"}}),
            Refused("noTarget"),
        ),
        replace(6, "no value", json!({"path": "emails[type eq \"home\"]"}), INVALID),
        replace(
            6,
            "null part",
            json!({"path": "emails[type eq \"home\"]", "value": {"type": null, "display": "H"}}),
            To(json!({"emails": [work(), {"value": "b@x", "display": "H"}]})),
        ),
        replace(6, "null", json!({"path": "emails[type eq \"home\"]", "value": null}), To(json!({"emails": [work()]}))),
        replace(
            7,
            "has",
            json!({"path": "emails[value co \"@\"].display", "value": "E"}),
            To(
                json!({"emails": [{"value": "a@x", "type": "work", "primary": true, "display": "E"}, {"value": "b@x", "type": "home", "display": "E"}]}),
            ),
        ),
        replace(
            7,
            "none",
            json!({"path": "emails[type eq \"home\"].value", "value": "c@x"}),
            To(json!({"emails": [{"type": "home", "value": "c@x"}]})),
        ),
        replace(
            7,
            "not described",
            json!({"path": "emails[type eq \"a\" or type eq \"b\"].value", "value": "c@x"}),
            Refused("noTarget"),
        ),
        replace(7, "no value", json!({"path": "emails[type eq \"home\"].value"}), INVALID),
        replace(
            7,
            "null",
            json!({"path": "emails[type eq \"home\"].type", "value": null}),
            To(json!({"emails": [work(), {"value": "b@x"}]})),
        ),
        replace(7, "null, none", json!({"path": "emails[type eq \"fax\"].type", "value": null}), Same),
        replace(
            8,
            "has",
            json!({"path": EXT_DEPT, "value": "E"}),
            ext(json!({"dept": "E", "boss": {"value": "b1"}, "badges": ["gold"]})),
        ),
        replace(8, "none", json!({"path": EXT_DEPT, "value": "E"}), ext(json!({"dept": "E"}))),
        replace(8, "no value", json!({"path": EXT_DEPT}), INVALID),
        replace(
            8,
            "null",
            json!({"path": EXT_BADGES, "value": null}),
            ext(json!({"dept": "D", "boss": {"value": "b1"}})),
        ),
        replace(
            9,
            "has",
            json!({"path": EXT, "value": {"dept": "E"}}),
            ext(json!({"dept": "E", "boss": {"value": "b1"}, "badges": ["gold"]})),
        ),
        replace(9, "none", json!({"path": EXT, "value": {"dept": "E"}}), ext(json!({"dept": "E"}))),
        replace(9, "no value", json!({"path": EXT}), INVALID),
        replace(9, "null", json!({"path": EXT, "value": null}), ext(Value::Null)),
        replace(10, "has", json!({"path": "stamp", "value": "x"}), MUTABILITY),
        replace(10, "none", json!({"path": "stamp", "value": "x"}), MUTABILITY),
        replace(10, "no value", json!({"path": "stamp"}), MUTABILITY),
        replace(10, "inside a value", json!({"value": {"stamp": "x"}}), MUTABILITY),
        replace(11, "equal", json!({"path": "serial", "value": "s1"}), Same),
        replace(11, "has", json!({"path": "serial", "value": "s2"}), MUTABILITY),
        replace(11, "none", json!({"path": "serial", "value": "s2"}), To(json!({"serial": "s2"}))),
        replace(11, "no value", json!({"path": "serial"}), INVALID),
        replace(11, "null", json!({"path": "serial", "value": null}), MUTABILITY),
        replace(12, "has", json!({"path": "label", "value": "Max"}), To(json!({"label": "Max"}))),
        replace(12, "no value", json!({"path": "label"}), INVALID),
        replace(12, "null", json!({"path": "label", "value": null}), MUTABILITY),
        replace(12, "[]", json!({"path": "keepers", "value": []}), MUTABILITY),
        replace(12, "wrong type", json!({"path": "label", "value": 1}), INVALID),
        replace(13, "none", json!({"path": "wings", "value": 2}), Refused("invalidPath")),
        replace(13, "no value", json!({"path": "wings"}), Refused("invalidPath")),
        replace(13, "pathless", json!({"value": {"wings": 2}}), Refused("invalidPath")),
    ]
}

fn removes() -> Vec<Cell> {
    let work = || json!({"value": "a@x", "type": "work", "primary": true});
    let home = || json!({"value": "b@x", "type": "home"});
    let remove = |row, column, rest: Value, comes| ("remove", row, column, rest, comes);
    let ext = |change: Value| To(json!({EXT: change}));
    vec![
        remove(1, "has", json!({}), Refused("noTarget")),
        remove(1, "none", json!({"path": ""}), Refused("noTarget")),
        remove(1, "value", json!({"value": {"title": "Dr"}}), Refused("noTarget")),
        remove(2, "has", json!({"path": "title"}), To(json!({"title": null}))),
        remove(2, "none", json!({"path": "title"}), Same),
        remove(2, "value", json!({"path": "title", "value": "other"}), To(json!({"title": null}))),
        remove(3, "has", json!({"path": "name"}), To(json!({"name": null}))),
        remove(3, "none", json!({"path": "name"}), Same),
        remove(3, "value", json!({"path": "name", "value": {"given": "R"}}), To(json!({"name": null}))),
        remove(4, "has", json!({"path": "name.given"}), To(json!({"name": {"family": "X"}}))),
        remove(4, "last part", json!({"path": "boss.value"}), ext(json!({"dept": "D", "badges": ["gold"]}))),
        remove(4, "none", json!({"path": "name.given"}), Same),
        remove(4, "value", json!({"path": "name.given", "value": 5}), To(json!({"name": {"family": "X"}}))),
        remove(5, "has", json!({"path": "emails"}), To(json!({"emails": null}))),
        remove(5, "none", json!({"path": "emails"}), Same),
        remove(5, "value", json!({"path": "emails", "value": [{"value": "B@X"}]}), To(json!({"emails": [work()]}))),
        remove(
            5,
            "value by parts",
            json!({"path": "emails", "value": {"type": "work"}}),
            To(json!({"emails": [home()]})),
        ),
        remove(5, "value []", json!({"path": "emails", "value": []}), Same),
        remove(5, "value null", json!({"path": "emails", "value": null}), To(json!({"emails": null}))),
        remove(6, "has", json!({"path": "emails[type eq \"home\"]"}), To(json!({"emails": [work()]}))),
        remove(6, "all", json!({"path": "emails[value pr]"}), To(json!({"emails": null}))),
        remove(6, "none", json!({"path": "emails[type eq \"home\"]"}), Same),
        remove(6, "value", json!({"path": "emails[type eq \"home\"]", "value": "x"}), To(json!({"emails": [work()]}))),
        remove(
            7,
            "has",
            json!({"path": "emails[value pr].type"}),
            To(json!({"emails": [{"value": "a@x", "primary": true}, {"value": "b@x"}]})),
        ),
        remove(
            7,
            "left empty",
            json!({"path": "keepers[value eq \"k2\"].value"}),
            To(json!({"keepers": [{"value": "k1"}]})),
        ),
        remove(7, "none", json!({"path": "emails[value pr].type"}), Same),
        remove(
            7,
            "value",
            json!({"path": "emails[type eq \"home\"].type", "value": "x"}),
            To(json!({"emails": [work(), {"value": "b@x"}]})),
        ),
        remove(8, "has", json!({"path": EXT_DEPT}), ext(json!({"boss": {"value": "b1"}, "badges": ["gold"]}))),
        remove(8, "none", json!({"path": EXT_DEPT}), Same),
        remove(8, "value", json!({"path": EXT_BADGES, "value": ["tin"]}), Same),
        remove(9, "has", json!({"path": EXT}), ext(Value::Null)),
        remove(9, "none", json!({"path": EXT}), Same),
        remove(9, "value", json!({"path": EXT, "value": {"dept": "D"}}), ext(Value::Null)),
        remove(10, "has", json!({"path": "stamp"}), MUTABILITY),
        remove(10, "none", json!({"path": "stamp"}), MUTABILITY),
        remove(10, "value", json!({"path": "stamp", "value": "x"}), MUTABILITY),
        remove(11, "has", json!({"path": "serial"}), MUTABILITY),
        remove(11, "none", json!({"path": "serial"}), Same),
        remove(11, "value", json!({"path": "serial", "value": "s1"}), MUTABILITY),
        remove(12, "has", json!({"path": "label"}), MUTABILITY),
        remove(12, "last value", json!({"path": "keepers[value pr]"}), MUTABILITY),
        remove(12, "last values", json!({"path": "keepers"}), MUTABILITY),
        remove(12, "last part", json!({"path": "keepers[value pr].value"}), MUTABILITY),
        remove(12, "value", json!({"path": "keepers", "value": [{"value": "k1"}, {"value": "k2"}]}), MUTABILITY),
        remove(13, "none", json!({"path": "wings"}), Refused("invalidPath")),
        remove(13, "value", json!({"path": "wings", "value": 1}), Refused("invalidPath")),
    ]
}

/// What the operation makes of a pet, or the scimType of the refusal.
fn patched(before: &Value, op: &str, rest: &Value) -> Result<Value, &'static str> {
    let mut operation = Map::from_iter([("op".to_owned(), json!(op))]);
    operation.extend(rest.as_object().unwrap().clone());
    let operations = PatchOp::read(&json!({"Operations": [operation]})).unwrap().operations;
    let before = Document(before.as_object().unwrap().clone());
    match apply(&PET, &before, &Terms::default(), &operations) {
        Ok(patched) => Ok(Value::Object(patched.document.0)),
        Err(error) => Err(error.scim_type.map_or("none", ScimType::as_str)),
    }
}

#[test]
fn the_decision_tables_hold_cell_by_cell() {
    for (op, row, column, rest, comes) in [adds(), replaces(), removes()].into_iter().flatten() {
        let before = if column.ends_with("none") || column == "not described" { bare() } else { full() };
        let expected = match comes {
            Same => Ok(before.clone()),
            Refused(kind) => Err(kind),
            To(changes) => {
                let mut after = before.clone();
                for (name, change) in changes.as_object().unwrap() {
                    after[name] = change.clone();
                }
                after.as_object_mut().unwrap().retain(|_, value| !value.is_null());
                Ok(after)
            }
        };
        assert_eq!(patched(&before, op, &rest), expected, "{op} {row}, {column}: {rest}");
    }
}

#[test]
fn every_cell_is_there() {
    let cells: BTreeSet<(&str, u8, &str)> =
        [adds(), replaces(), removes()].into_iter().flatten().map(|(op, row, column, ..)| (op, row, column)).collect();
    for row in 1..=13 {
        for op in ["add", "replace", "remove"] {
            let columns: &[&str] = match (op, row) {
                ("remove", 12) => &["has", "value"],
                ("remove", 13) => &["none", "value"],
                ("remove", _) => &["has", "none", "value"],
                // A required attribute always has a value, an unknown one never.
                (_, 12) => &["has", "no value", "null", "[]", "wrong type"],
                (_, 13) => &["none", "no value", "pathless"],
                (_, 10) => &["has", "none", "no value", "inside a value"],
                (_, 11) => &["has", "equal", "none", "no value", "null"],
                _ => &["has", "none", "no value"],
            };
            for column in columns {
                assert!(cells.contains(&(op, row, *column)), "{op} {row}: no cell '{column}'");
            }
        }
    }
}
