//! Bodies and what becomes of them.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::scim::ScimType;
use crate::scim::resource_type::{Registry, urn};

const ENTERPRISE: &str = urn::ENTERPRISE_USER;
const TYPO: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0User";

#[test]
fn what_becomes_of_a_user() {
    let cases = [
        // RFC 7643 §2.1: names in any case, printed in the schema's spelling and order.
        (
            json!({"NAME": {"FamilyName": "J"}, "USERNAME": "bj"}),
            json!({"userName": "bj", "name": {"familyName": "J"}}),
        ),
        // Ignored: readOnly in any shape, unknown names at any depth.
        (
            json!({"id": 7, "meta": "x", "groups": {"a": 1}, "shoeSize": 43, "title": "T", "name": {"soul": "x"}}),
            json!({"title": "T"}),
        ),
        // RFC 7643 §2.5: null, [] and nothing are one state; "" is a value.
        (
            json!({"title": null, "emails": [], "roles": [null, {}], "name": {"givenName": null}, "addresses": null,
                   "nickName": "", ENTERPRISE: {"department": null, "manager": {}}}),
            json!({"nickName": ""}),
        ),
        // Booleans in quotes, for booleans alone.
        (
            json!({"active": "False", "roles": [{"value": "a", "primary": "TRUE"}], "title": "True"}),
            json!({"active": false, "title": "True", "roles": [{"value": "a", "primary": true}]}),
        ),
        // One or many.
        (json!({"emails": {"value": "a@b.c"}}), json!({"emails": [{"value": "a@b.c"}]})),
        (json!({"emails": "a@b.c"}), json!({"emails": [{"value": "a@b.c"}]})),
        (json!({"emails": ["", {"value": ""}]}), json!({"emails": [{"value": ""}]})),
        (json!({"emails": ["a@b.c", "d@e.f"]}), json!({"emails": [{"value": "a@b.c"}, {"value": "d@e.f"}]})),
        (json!({"name": [{"givenName": "A"}]}), json!({"name": {"givenName": "A"}})),
        // The same type and value twice: the first stays, and is primary if one of them is.
        (
            json!({"emails": [{"value": "a@b.c", "type": "work", "display": "A"}, {"value": "A@B.C", "type": "Work",
                   "primary": true}, {"value": "a@b.c", "type": "home"}]}),
            json!({"emails": [{"value": "a@b.c", "display": "A", "type": "work", "primary": true},
                              {"value": "a@b.c", "type": "home"}]}),
        ),
        (
            json!({"addresses": [{"locality": "Ulm"}, {"locality": "ulm", "primary": true}, {"locality": "Bonn"}]}),
            json!({"addresses": [{"locality": "Ulm", "primary": true}, {"locality": "Bonn"}]}),
        ),
        // Two primaries: the first stays.
        (
            json!({"emails": [{"value": "a"}, {"value": "b", "primary": true}, {"value": "c", "primary": true}]}),
            json!({"emails": [{"value": "a"}, {"value": "b", "primary": true}, {"value": "c", "primary": false}]}),
        ),
        // Extensions: container in any case; attributes at the top; the legacy typing error.
        (json!({ENTERPRISE.to_uppercase(): {"DEPARTMENT": "R&D"}}), json!({ENTERPRISE: {"department": "R&D"}})),
        (json!({"department": "R&D", "manager": null}), json!({ENTERPRISE: {"department": "R&D"}})),
        (json!({TYPO: {"division": "X"}}), json!({ENTERPRISE: {"division": "X"}})),
        (
            json!({"department": "top", TYPO: {"department": "typo", "division": "typo"}, ENTERPRISE: {"department": "own"}}),
            json!({ENTERPRISE: {"division": "typo", "department": "own"}}),
        ),
        (json!({"urn:example:Acme:2.0:User": {"region": "EU"}, urn::PERSON: {"handle": "x"}}), json!({})),
        // A manager as a bare id, as a list, as nothing; what it shows is the server's.
        (json!({ENTERPRISE: {"manager": "m1"}}), json!({ENTERPRISE: {"manager": {"value": "m1"}}})),
        (json!({ENTERPRISE: {"manager": [{"value": "m1"}]}}), json!({ENTERPRISE: {"manager": {"value": "m1"}}})),
        (json!({ENTERPRISE: {"manager": ""}}), json!({})),
        (json!({ENTERPRISE: {"manager": {"value": "", "displayName": "Boss"}}}), json!({})),
        (
            json!({ENTERPRISE: {"manager": {"value": "m1", "$ref": "User", "displayName": "Boss"}}}),
            json!({ENTERPRISE: {"manager": {"value": "m1"}}}),
        ),
        (
            json!({ENTERPRISE: {"manager": {"$ref": "../Users/m1"}}}),
            json!({ENTERPRISE: {"manager": {"value": "m1", "$ref": "../Users/m1"}}}),
        ),
        // Forms.
        (json!({"externalId": 701984}), json!({"externalId": "701984"})),
        (json!({"externalId": ""}), json!({})),
        (json!({"addresses": [{"country": "us"}]}), json!({"addresses": [{"country": "US"}]})),
        (json!({"addresses": [{"country": "usa"}]}), json!({"addresses": [{"country": "usa"}]})),
        (json!({"x509Certificates": [{"value": "TW\r\nE"}]}), json!({"x509Certificates": [{"value": "TWE"}]})),
        (json!({"emails": [{"value": "a", "type": "school"}]}), json!({"emails": [{"value": "a", "type": "school"}]})),
    ];
    for (body, expected) in cases {
        let read = Document::read(&kind("User"), &body).unwrap_or_else(|error| panic!("{body}: {error}"));
        assert_eq!(Value::Object(read.document.0), expected, "{body}");
    }
}

#[test]
fn what_is_refused() {
    use ScimType::{InvalidSyntax, InvalidValue};
    let cases = [
        (json!([]), InvalidSyntax, "a resource is a JSON object, this is an array"),
        (json!({"title": "a", "TITLE": "b"}), InvalidSyntax, "title twice"),
        (json!({"name": {"givenName": "a", "givenname": "b"}}), InvalidSyntax, "name has givenName twice"),
        (json!({ENTERPRISE: {}, ENTERPRISE.to_uppercase(): {}}), InvalidSyntax, "enterprise:2.0:User twice"),
        (json!({"department": "a", "DEPARTMENT": "b"}), InvalidSyntax, "department twice"),
        (json!({"title": 5}), InvalidValue, "title: expected a string, this is a number"),
        (json!({"title": ["a"]}), InvalidValue, "title: expected a string, this is an array"),
        (json!({"title": "a\u{0}b"}), InvalidValue, "title: the character U+0000"),
        (json!({"active": "maybe"}), InvalidValue, "active: expected a boolean, this is a string"),
        (json!({"active": 1}), InvalidValue, "active: expected a boolean, this is a number"),
        (json!({"name": "Ada"}), InvalidValue, "name: expected an object, this is a string"),
        (json!({"name": [{}, {}]}), InvalidValue, "name: expected an object, this is an array"),
        (json!({"emails": [["a"]]}), InvalidValue, "emails: expected an object, this is an array"),
        (json!({"emails": [{"value": 1}]}), InvalidValue, "emails.value: expected a string, this is a number"),
        (json!({"profileUrl": "two words"}), InvalidValue, "profileUrl: expected a URI"),
        (json!({"x509Certificates": [{"value": "?"}]}), InvalidValue, "x509Certificates.value: expected base64 text"),
        (json!({ENTERPRISE: "x"}), InvalidValue, "enterprise:2.0:User: expected an object, this is a string"),
        (json!({ENTERPRISE: {"employeeNumber": 7}}), InvalidValue, "2.0:User:employeeNumber: expected a string"),
        (json!({ENTERPRISE: {"manager": 7}}), InvalidValue, "2.0:User:manager: expected an object"),
        (json!({"schemas": urn::USER}), InvalidSyntax, "schemas: expected an array of URNs, this is a string"),
        (json!({"schemas": [1]}), InvalidSyntax, "schemas: expected URNs, one of them is a number"),
        (json!({"schemas": [urn::USER, urn::GROUP]}), InvalidValue, "but /Users takes urn:ietf"),
        (json!({"schemas": [urn::ORGANIZATION]}), InvalidValue, "schemas names urn:rollkeeper"),
        (json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"]}), InvalidValue, "schemas names"),
    ];
    for (body, scim_type, detail) in cases {
        let error = Document::read(&kind("User"), &body).expect_err(detail);
        assert_eq!((error.status, error.scim_type), (400, Some(scim_type)), "{body}: {error}");
        assert!(error.detail.to_lowercase().contains(&detail.to_lowercase()), "{body}: {error}");
    }
}

#[test]
fn numbers_and_dates() {
    let schema = r#"{"id": "urn:example:Pet", "name": "Pet", "attributes": [
        {"name": "legs", "type": "integer"}, {"name": "weight", "type": "decimal"}, {"name": "born", "type": "dateTime"},
        {"name": "names", "multiValued": true}]}"#;
    let pet = ResourceType::new("/Pets", Registry::load_schema(schema).unwrap().into(), vec![]);
    let cases = [
        (r#"{"legs": 4}"#, true),
        (r#"{"legs": -4}"#, true),
        (r#"{"legs": 4.0}"#, false),
        (r#"{"legs": 4e0}"#, false),
        (r#"{"legs": "4"}"#, false),
        (r#"{"weight": 1}"#, true),
        (r#"{"weight": 1.5}"#, true),
        (r#"{"weight": "1.5"}"#, false),
        (r#"{"born": "2008-01-23T04:56:22+01:00"}"#, true),
        (r#"{"born": "2011-05-13"}"#, false),
        (r#"{"names": ["a", "b"]}"#, true),
        (r#"{"names": [{"value": "a"}]}"#, false),
    ];
    for (body, accepted) in cases {
        let value = parse_json(body.as_bytes()).unwrap();
        match Document::read(&pet, &value) {
            Ok(read) => assert!(accepted && Value::Object(read.document.0) == value, "{body}"),
            Err(error) => assert!(!accepted && error.scim_type == Some(ScimType::InvalidValue), "{body}: {error}"),
        }
    }
}

#[test]
fn what_a_body_asserts() {
    let body = json!({"userName": "a", "Title": null, "emails": [], "groups": [], "id": "x", "meta": {}, "schemas": [],
        "password": "s", "externalId": "e", "unknown": 1, urn::PERSON: {"handle": "a"}, ENTERPRISE: {}});
    let read = Document::read(&kind("User"), &body).unwrap();
    let enterprise = ENTERPRISE.to_ascii_lowercase();
    let expected = ["emails", "externalid", "password", "title", &enterprise, "username"];
    assert_eq!(read.asserted.iter().map(String::as_str).collect::<Vec<_>>(), expected);

    let bare = Document::read(&kind("User"), &json!({"department": null})).unwrap();
    let department = format!("{enterprise}:department");
    assert_eq!(bare.asserted.into_iter().collect::<Vec<_>>(), [enterprise, department]);
}

#[test]
fn leniencies_are_noted() {
    let schemas = |rest: Value| {
        let mut body = json!({"schemas": [urn::USER]});
        body.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        body
    };
    let cases = [
        (schemas(json!({"userName": "a", "active": true, "id": "x", "title": null})), vec![]),
        (schemas(json!({"active": "true"})), vec![("boolean_as_string", "active")]),
        (schemas(json!({"roles": [{"primary": "True"}, {"value": "b", "primary": "no"}]})), vec![]),
        (schemas(json!({"externalId": 1})), vec![("number_as_text", "externalId")]),
        (schemas(json!({"emails": {"value": "a"}})), vec![("single_value_as_array", "emails")]),
        (schemas(json!({"emails": ["a", "b"]})), vec![("text_as_complex", "emails")]),
        (schemas(json!({"name": [{"givenName": "a"}]})), vec![("array_as_single_value", "name")]),
        (schemas(json!({"roles": [{"value": "a"}, {"value": "a"}]})), vec![("duplicate_value", "roles")]),
        (
            schemas(json!({"shoeSize": 4, "name": {"x": 1}})),
            vec![("unknown_attribute", "name.x"), ("unknown_attribute", "shoeSize")],
        ),
        (schemas(json!({"ada@acme.example is here": 4})), vec![("unknown_attribute", "(not a name)")]),
        (schemas(json!({"urn:x:y": {}})), vec![("unknown_schema", "urn:x:y")]),
        (schemas(json!({ENTERPRISE: {}})), vec![("schema_not_listed", ENTERPRISE)]),
        (schemas(json!({"division": "x"})), vec![("extension_attribute_at_top", "division")]),
        (schemas(json!({TYPO: {}})), vec![("schema_alias", ENTERPRISE)]),
        (json!({}), vec![("schema_inferred", "schemas")]),
        (json!({"schemas": ["urn:scim:schemas:core:1.0"]}), vec![("schema_alias", "schemas")]),
        (json!({"schemas": [urn::USER, "http://schemas.example/User"]}), vec![("unknown_schema", "schemas")]),
        (json!({"schemas": [urn::USER.to_uppercase(), TYPO]}), vec![("schema_alias", "schemas")]),
    ];
    for (body, expected) in cases {
        match Document::read(&kind("User"), &body) {
            Ok(read) => {
                let notes: Vec<_> = read.notes.iter().map(|note| (note.code, note.at.as_str())).collect();
                assert_eq!(notes, expected, "{body}");
            }
            Err(error) => assert!(error.detail.contains("roles.primary"), "{body}: {error}"),
        }
    }
    let many: Map<String, Value> = (0..1_000).map(|n| (format!("unknown{n}"), json!(n))).collect();
    let read = Document::read(&kind("User"), &Value::Object(many)).unwrap();
    assert!(read.notes.len() < 100, "a body must not fill the log");
}

#[test]
fn what_must_be_there() {
    let cases = [
        ("User", json!({"userName": "a"}), None),
        ("User", json!({"userName": "ada king"}), None),
        ("User", json!({}), Some("userName is required")),
        ("User", json!({"userName": null}), Some("userName is required")),
        ("User", json!({"userName": " "}), Some("userName is required and cannot be empty")),
        ("User", json!({"userName": "a\u{200b}b"}), Some("characters that a user name cannot have")),
        ("Group", json!({"displayName": "G"}), None),
        ("Group", json!({"members": []}), Some("displayName is required")),
        ("Group", json!({"displayName": "G", "members": [{"type": "User"}]}), Some("members.value is required")),
        ("Group", json!({"displayName": "G", "members": [{"value": ""}]}), Some("members.value is required")),
        ("Organization", json!({"slug": "acme"}), None),
        ("Organization", json!({"displayName": "Acme"}), Some("slug is required")),
    ];
    for (name, body, expected) in cases {
        let document = Document::read(&kind(name), &body).unwrap().document;
        match (document.require(&kind(name)), expected) {
            (Ok(()), None) => {}
            (Err(error), Some(detail)) => {
                assert!(error.detail.contains(detail) && error.scim_type == Some(ScimType::InvalidValue), "{error}");
            }
            (actual, expected) => panic!("{body}: {actual:?} is not {expected:?}"),
        }
    }

    // RFC 7643 §6: an extension that the type requires.
    let mut strict = (*kind("User")).clone();
    strict.extensions[0].required = true;
    let document = Document::read(&strict, &json!({"userName": "a"})).unwrap().document;
    assert_eq!(document.require(&strict).unwrap_err().detail, format!("{ENTERPRISE} is required"));
}

#[test]
fn callers_take_out_what_has_a_place_of_its_own() {
    let body = json!({"userName": "a", "active": "False", "externalId": "e", "password": "s"});
    let mut document = Document::read(&kind("User"), &body).unwrap().document;
    assert_eq!(document.take_active(), Some(false));
    assert_eq!(document.take_external_id().as_deref(), Some("e"));
    assert_eq!(document.take_password().as_deref(), Some("s"));
    assert_eq!(document.to_json(), r#"{"userName":"a"}"#);
    assert_eq!((document.take_active(), document.take_external_id()), (None, None));

    let body = json!({"displayName": "G", "members": [
        {"value": "u1", "display": "Ada", "$ref": "https://example.com/v2/Users/u1"}, "u2",
        {"value": "u1", "type": "User"}, {"$ref": "https://example.com/v2/Groups/g1"}, {"value": "U1"},
        {"$ref": "../Groups/g2"}, {"value": "u3", "$ref": "../Users/u4"}]});
    let mut document = Document::read(&kind("Group"), &body).unwrap().document;
    let members = document.take_members().unwrap();
    let members: Vec<_> = members.iter().map(|member| (member.value.as_str(), member.kind.as_deref())).collect();
    assert_eq!(members, [("u1", Some("User")), ("u2", None), ("g1", None), ("U1", None), ("g2", None), ("u3", None)]);
    assert_eq!(document.take_members(), None);
}

#[test]
fn documents_are_looked_into_by_definition() {
    let user = kind("User");
    let body = json!({"userName": "a", "externalId": "e", "department": "R&D"});
    let document = Document::read(&user, &body).unwrap().document;
    let value = |name| document.attribute(&user.find(None, name).unwrap());
    assert_eq!(value("USERNAME"), Some(&json!("a")));
    assert_eq!(value("externalId"), Some(&json!("e")));
    assert_eq!(value("department"), Some(&json!("R&D")));
    assert_eq!((value("title"), value("handle")), (None, None));
    assert_eq!(document.schemas(&user), [urn::USER, ENTERPRISE]);
    assert_eq!(Document::default().schemas(&user), [urn::USER]);
    assert_eq!(Document::from_json(&document.to_json()).unwrap(), document);
}

#[test]
fn the_bodies_of_the_identity_providers() {
    // ENT-21: a legacy Entra sample. The typing error in the URN, nulls, enterprise attributes at the top.
    let body = json!({"schemas": [urn::USER, TYPO], "externalId": "ada.l", "userName": "ada@acme.example", "active": true,
        "addresses": null, "displayName": "Ada Lovelace", "meta": {"resourceType": "User"},
        "emails": [{"type": "work", "value": "ada@acme.example", "primary": true}],
        "name": {"familyName": "Lovelace", "givenName": "Ada"}, "phoneNumbers": null, "department": null, "manager": null});
    let read = Document::read(&kind("User"), &body).unwrap();
    let kept: Vec<_> = read.document.0.keys().map(String::as_str).collect();
    assert_eq!(kept, ["externalId", "userName", "name", "displayName", "active", "emails"]);
    assert!(read.asserted.contains("phonenumbers") && read.asserted.contains(&ENTERPRISE.to_ascii_lowercase()));

    // GOOG-02 and an Entra group: URNs of other worlds beside ours.
    let urns = json!({"schemas": ["urn:scim:schemas:core:1.0", urn::USER], "userName": "ada"});
    assert!(Document::read(&kind("User"), &urns).is_ok());
    let ads = "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group";
    let group = json!({"schemas": [urn::GROUP, ads], "displayName": "Engineering", "meta": {"resourceType": "Group"}});
    assert!(Document::read(&kind("Group"), &group).is_ok());
}

proptest! {
    /// A document is canonical: read again, it is itself, and there is nothing left to forgive.
    #[test]
    fn a_document_read_again_is_itself(body in body()) {
        let Ok(read) = Document::read(&kind("User"), &body) else { return Ok(()) };
        let again = Document::read(&kind("User"), &Value::Object(read.document.0.clone())).expect("canonical");
        prop_assert_eq!(&again.document, &read.document);
        prop_assert_eq!(again.document.to_json(), read.document.to_json());
        let forgiven: Vec<_> = again.notes.iter().filter(|note| !note.code.starts_with("schema_")).collect();
        prop_assert!(forgiven.is_empty(), "{:?}", forgiven);
    }
}

/// Bodies of known names, in any case, with anything under them.
fn body() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        prop_oneof!["", "True", "a", "A", "work", "https://example.com/v2/Users/a"].prop_map(Value::from),
    ];
    let name = prop_oneof![
        Just("userName"),
        Just("TITLE"),
        Just("active"),
        Just("emails"),
        Just("name"),
        Just("givenName"),
        Just("value"),
        Just("type"),
        Just("primary"),
        Just("addresses"),
        Just("country"),
        Just("manager"),
        Just("$ref"),
        Just("department"),
        Just(ENTERPRISE),
        Just(TYPO),
        Just("externalId"),
        Just("id"),
        Just("other"),
    ];
    let object = move |inner| proptest::collection::vec((name.clone(), inner), 0..6).prop_map(object_of);
    let nested = leaf.prop_recursive(3, 24, 4, {
        let object = object.clone();
        move |inner| {
            prop_oneof![proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from), object(inner.boxed())]
        }
    });
    object(nested.boxed())
}

fn object_of(members: Vec<(&str, Value)>) -> Value {
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>().into()
}

fn kind(name: &str) -> std::sync::Arc<ResourceType> {
    Registry::builtin().type_named(name).expect("built in").clone()
}
