//! Binding and evaluation together: filters against two people and a group.

use serde_json::{Value, json};

use super::*;
use crate::scim::error::{Error, ScimType};
use crate::scim::resource_type::{Registry, urn};

struct World {
    document: Document,
    members: Vec<Linked>,
    groups: Vec<Linked>,
    external_id: Option<&'static str>,
    active: Option<bool>,
}

fn link(value: &str, kind: &str, display: &str) -> Linked {
    let reference = format!("https://h/v2/{kind}s/{value}");
    Linked { value: value.into(), kind: kind.into(), display: Some(display.into()), reference }
}

fn document(value: Value) -> Document {
    let Value::Object(map) = value else { panic!("an object") };
    Document(map)
}

/// Ada, of whom much is known.
fn ada() -> World {
    World {
        document: document(json!({
            "userName": "Ada@Acme.example",
            "name": {"givenName": "Ada", "familyName": "O'Lovelace"},
            "title": "",
            "userType": "Employee",
            "locale": "x".repeat(1200),
            "profileUrl": "https://a/B",
            "emails": [
                {"value": "ada@home.example", "type": "home"},
                {"value": "ada@acme.example", "type": "work", "primary": true},
            ],
            "x509Certificates": [{"value": "TWE="}],
            (urn::ENTERPRISE_USER): {"department": "Straße", "employeeNumber": "701984", "manager": {"value": "M1"}},
        })),
        members: vec![],
        groups: vec![link("g1", "Group", "Engineering")],
        external_id: Some("Ext-1"),
        active: Some(true),
    }
}

/// Bob, of whom nothing is known.
fn bob() -> World {
    World {
        document: document(json!({"userName": "bob"})),
        members: vec![],
        groups: vec![],
        external_id: None,
        active: None,
    }
}

fn staff() -> World {
    World {
        document: document(json!({"displayName": "Staff"})),
        members: vec![link("u1", "User", "Ada"), link("g2", "Group", "Élite")],
        groups: vec![],
        external_id: None,
        active: None,
    }
}

fn matches(kind: &str, world: &World, filter: &str) -> Result<bool, Error> {
    let registry = Registry::builtin();
    let kind = registry.type_named(kind).unwrap();
    let bound = bind(&Filter::parse(filter)?, kind)?;
    Ok(bound.matches(&Facts {
        id: "id-1",
        kind,
        external_id: world.external_id,
        active: world.active,
        created: 1_305_261_754_123,
        modified: 1_305_261_755_000,
        version: 7,
        location: "https://h/v2/Users/id-1",
        document: &world.document,
        members: &world.members,
        groups: &world.groups,
    }))
}

#[test]
fn people() {
    let (ada, bob) = (ada(), bob());
    let long = "X".repeat(1200);
    // filter, holds of Ada, holds of Bob
    for (filter, of_ada, of_bob) in [
        (r#"userName eq "ADA@acme.EXAMPLE""#, true, false),
        (r#"USERNAME sw "ADA@""#, true, false),
        (r#"userName co "ＡＣＭＥ""#, true, false),
        (r#"userName ne "bob""#, true, false),
        (r#"userName gt "b""#, false, true),
        (r#"name.familyName co "o'love""#, true, false),
        ("name pr", true, false),
        (r#"name[givenName eq "ada" and familyName ew "LACE"]"#, true, false),
        (r#"not (title eq "x")"#, true, true),
        (r#"title ne "x""#, true, true),
        // stored: an empty text is a value, but not present
        ("title pr", false, false),
        (r#"title eq """#, true, false),
        ("title eq null", true, true),
        ("nickName eq null", true, true),
        ("userType ne null", true, false),
        // long texts: by hash, by the whole text, by prefix
        (&format!("locale eq \"{long}\""), true, false),
        (&format!("locale eq \"{long}x\""), false, false),
        (&format!("locale ew \"{}\"", "X".repeat(1000)), true, false),
        (&format!("locale co \"{long}x\""), false, false),
        (r#"locale gt "w""#, true, false),
        // references and binaries by case
        (r#"profileUrl eq "https://a/B""#, true, false),
        (r#"profileUrl eq "https://a/b""#, false, false),
        (r#"x509Certificates.value eq "TW E=""#, true, false),
        (r#"x509Certificates eq "TWe=""#, false, false),
        // several values
        (r#"emails co "HOME.example""#, true, false),
        (r#"emails.value eq "ada@acme.example" and emails.type eq "home""#, true, false),
        (r#"emails[value eq "ada@acme.example" and type eq "home"]"#, false, false),
        (r#"emails[type eq "work"].value eq "ada@acme.example""#, true, false),
        (r#"emails[not (type eq "work")]"#, true, false),
        (r#"emails[type ne "home" and type ne "work"]"#, false, false),
        (r#"emails.type ne "home""#, true, true),
        (r#"emails[display ne "x" and type eq "home"]"#, true, false),
        ("emails pr", true, false),
        ("emails[display pr]", false, false),
        // an absent `primary` is false (RFC 7643 §2.4)
        ("emails[primary eq true]", true, false),
        (r#"emails[primary eq false and type eq "home"]"#, true, false),
        (r#"emails[primary eq "False" and type eq "work"]"#, false, false),
        (r#"emails[type eq "home" and primary ne true]"#, true, false),
        ("emails.primary eq false", true, false),
        ("emails.primary ne true", true, true),
        ("emails.primary ne false", true, true),
        ("emails.primary eq \"True\"", true, false),
        // columns
        (r#"id eq "id-1""#, true, true),
        (r#"id eq "ID-1""#, false, false),
        (r#"externalId eq "Ext-1""#, true, false),
        (r#"externalId eq "ext-1""#, false, false),
        ("externalId eq Ext-1", true, false),
        (r#"externalId ne "Ext-1""#, false, true),
        ("externalId pr", true, false),
        ("active eq true", true, false),
        (r#"active eq "True""#, true, false),
        ("active eq false", false, false),
        ("active ne false", true, true),
        ("active pr", true, false),
        (r#"urn:ietf:params:scim:schemas:core:2.0:User:id eq "id-1""#, true, true),
        // instants, finer than stamps are
        (r#"meta.created eq "2011-05-13T06:42:34.123+02:00""#, true, true),
        (r#"meta.created eq "2011-05-13T04:42:34.1239Z""#, false, false),
        (r#"meta.created ne "2011-05-13T04:42:34.1239Z""#, true, true),
        (r#"meta.created lt "2011-05-13T04:42:34.1239Z""#, true, true),
        (r#"meta.created ge "2011-05-13T04:42:34.1231Z""#, false, false),
        (r#"meta.created gt "2011-05-13T04:42:34.122Z""#, true, true),
        (r#"meta[created le "2011-05-13T04:42:34.123Z" and resourceType eq "User"]"#, true, true),
        (r#"meta.lastModified gt "2011-05-13T04:42:34.999""#, true, true),
        (r#"meta.resourceType eq "User""#, true, true),
        (r#"meta.resourceType eq user"#, false, false),
        (r#"meta.resourceType ne "Group""#, true, true),
        (r#"meta.version eq "W/\"7\"""#, true, true),
        (r#"meta.version eq "W/\"7-1f\"""#, true, true),
        (r#"meta.version eq "W/\"8\"""#, false, false),
        (r#"meta.location ew "/Users/id-1""#, true, true),
        ("meta pr and meta.created pr and id pr and schemas pr", true, true),
        // schemas and extensions
        (r#"schemas eq "URN:ietf:params:scim:schemas:core:2.0:User""#, true, true),
        (r#"schemas eq "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User""#, true, false),
        (r#"schemas[value sw "urn:ietf:params:scim:schemas:extension:"]"#, true, false),
        (r#"schemas[value co "extension" and not (value co "rollkeeper")]"#, true, false),
        (r#"schemas ne "urn:ietf:params:scim:schemas:core:2.0:User""#, true, false),
        (r#"schemas eq "urn:x""#, false, false),
        ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User pr", true, false),
        ("urn:ietf:params:scim:schemas:core:2.0:User pr", true, true),
        (r#"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq "STRASSE""#, true, false),
        (r#"employeeNumber eq "701984""#, true, false),
        (r#"manager eq "M1""#, true, false),
        (r#"manager.value eq "m1""#, false, false),
        (r#"urn:ietf:params:scim:schemas:extension:enterprise:2.0:user:MANAGER[value eq "M1"]"#, true, false),
        // groups
        (r#"groups eq "g1""#, true, false),
        (r#"groups.display eq "engineering""#, true, false),
        (r#"groups[value eq "g1" and type eq "group"]"#, true, false),
        (r#"groups.value ne "g1""#, false, true),
        ("groups pr", true, false),
        (r#"userName pr and (title pr or userType eq "employee") and not (active eq false)"#, true, false),
    ] {
        assert_eq!(matches("User", &ada, filter), Ok(of_ada), "Ada: {filter}");
        assert_eq!(matches("User", &bob, filter), Ok(of_bob), "Bob: {filter}");
    }
}

#[test]
fn groups() {
    let staff = staff();
    for (filter, expected) in [
        (r#"members eq "u1""#, true),
        (r#"members.value eq "U1""#, false),
        (r#"members[value eq "g2" and type eq "user"]"#, false),
        (r#"members[value eq "g2" and type eq "GROUP"]"#, true),
        (r#"members[display sw "É"]"#, true),
        (r#"members.display eq "élite""#, true),
        (r#"members.$ref ew "Users/u1""#, true),
        ("members pr", true),
        (r#"members.value ne "u1""#, true),
        (r#"members[not (value eq "u1")]"#, true),
        (r#"displayName eq "STAFF""#, true),
    ] {
        assert_eq!(matches("Group", &staff, filter), Ok(expected), "{filter}");
    }
    let empty = World { members: vec![], ..staff };
    for (filter, expected) in
        [("members pr", false), (r#"members ne "u1""#, true), (r#"members[value ne "u1"]"#, false)]
    {
        assert_eq!(matches("Group", &empty, filter), Ok(expected), "{filter}");
    }
}

#[test]
fn references_are_equal_in_every_version() {
    let of = |reference: &str| World {
        members: vec![Linked { reference: reference.into(), ..link("u1", "User", "U") }],
        ..staff()
    };
    let world = of("https://h/t/acme/scim/v2/Users/u1");
    for (filter, expected) in [
        (r#"members.$ref eq "https://h/t/acme/scim/v2/Users/u1""#, true),
        (r#"members.$ref eq "https://h/t/acme/scim/Users/u1""#, true),
        (r#"members[$ref eq "https://h/t/acme/scim/v1/Users/u1"]"#, true),
        (r#"members.$ref ne "https://h/t/acme/scim/Users/u1""#, false),
        (r#"members.$ref eq "https://h/t/acme/scim/Users/u2""#, false),
        (r#"members.$ref eq "https://h/t/acme/scim/v2/users/u1""#, false),
        (r#"members.$ref ew "/scim/v2/Users/u1""#, true),
    ] {
        assert_eq!(matches("Group", &world, filter), Ok(expected), "{filter}");
    }
}

#[test]
fn what_cannot_be_asked() {
    for (filter, expected) in [
        (r#"nickname eq "x" and foo eq 1"#, "'foo' is no attribute of User"),
        (r#"not (fooo eq "x")"#, "no attribute"),
        (r#"members eq "x""#, "no attribute"),
        (r#"urn:example:User:userName eq "x""#, "no attribute"),
        (r#"name eq "x""#, "several parts"),
        (r#"addresses eq "x""#, "several parts"),
        (r#"name.foo eq "x""#, "no attribute"),
        (r#"userName.value eq "x""#, "no attribute"),
        (r#"password sw "a""#, "takes pr alone"),
        (r#"password eq "a""#, "takes pr alone"),
        (r#"not (password ne "a")"#, "takes pr alone"),
        ("active gt true", "operator 'gt'"),
        (r#"active co "t""#, "operator 'co'"),
        ("active eq 1", "true or false"),
        ("active eq yes", "true or false"),
        ("userName eq 5", "a string in double quotes"),
        ("userName eq true", "a string in double quotes"),
        ("userName gt null", "eq and ne"),
        (r#"x509Certificates.value gt "TWE=""#, "operator 'gt'"),
        (r#"x509Certificates.value sw "TWE=""#, "operator 'sw'"),
        (r#"x509Certificates.value eq "*""#, "base64"),
        (r#"meta.created sw "2011""#, "operator 'sw'"),
        (r#"meta.created gt "2011-05-13""#, "a date and time"),
        ("meta.created gt 5", "a date and time"),
        (r#"meta eq "x""#, "several parts"),
        (r#"emails[emails.type eq "x"]"#, "name a sub-attribute"),
        (r#"emails[foo eq "x"]"#, "no sub-attribute 'foo'"),
        (r#"emails[primary gt true]"#, "operator 'gt'"),
        (r#"userName[value eq "x"]"#, "one value without parts"),
        (r#"emails.value[value eq "x"]"#, "brackets after"),
        (r#"urn:ietf:params:scim:schemas:core:2.0:User eq "x""#, "is a schema"),
    ] {
        let error = matches("User", &ada(), filter).expect_err(filter);
        assert_eq!(error.scim_type, Some(ScimType::InvalidFilter), "{filter}");
        assert!(error.detail.contains(expected), "{filter}: {error}");
    }
    assert!(matches("Organization", &bob(), "seats gt \"1\"").is_err());
    assert!(matches("Organization", &bob(), "seats co 1").is_err());
}

#[test]
fn numbers_compare_as_numbers() {
    let org = World { document: document(json!({"slug": "a", "seats": 10})), ..bob() };
    for (filter, expected) in [
        ("seats gt 9", true),
        ("seats eq 10.0", true),
        ("seats lt -1", false),
        ("seats le 1e1", true),
        ("seats pr", true),
    ] {
        assert_eq!(matches("Organization", &org, filter), Ok(expected), "{filter}");
    }
}

#[test]
fn several_types_at_once() {
    let registry = Registry::builtin();
    let kinds: Vec<&ResourceType> = registry.types.iter().map(|kind| kind.as_ref()).collect();
    let bound = |text: &str| bind_each(&Filter::parse(text).unwrap(), &kinds);
    for (filter, of_organizations) in [
        ("userName pr", Bound::None),
        (r#"userName eq "x""#, Bound::None),
        (r#"userName ne "x""#, Bound::All),
        ("userName eq null", Bound::All),
        ("userName ne null", Bound::None),
        (r#"not (userName eq "x")"#, Bound::All),
        (r#"emails[type eq "x"]"#, Bound::None),
        (r#"meta.resourceType eq "User""#, Bound::None),
        (r#"meta.resourceType eq "Organization""#, Bound::All),
    ] {
        assert_eq!(bound(filter).unwrap()[2], of_organizations, "{filter}");
    }
    assert!(bound("foo pr").is_err());
}

#[test]
fn what_can_be_sorted_by() {
    let registry = Registry::builtin();
    let user = registry.type_named("User").unwrap();
    let indexed = |attr: &str| match sort_place(user, attr) {
        Ok(Place::Indexed(place)) => place.attr.to_string(),
        other => panic!("{other:?}"),
    };
    assert_eq!(indexed("userName"), "username");
    assert_eq!(indexed("NAME.givenname"), "name.givenname");
    assert_eq!(indexed("emails"), "emails.value");
    assert_eq!(indexed("emails.type"), "emails.type");
    assert_eq!(indexed("department"), "urn:ietf:params:scim:schemas:extension:enterprise:2.0:user:department");
    assert_eq!(sort_place(user, "meta.lastModified"), Ok(Place::LastModified));
    assert_eq!(sort_place(user, "id"), Ok(Place::Id));
    assert_eq!(sort_place(user, "active"), Ok(Place::Active));
    for unknown in
        ["", "foo", "name", "addresses", "groups", "groups.value", "password", "schemas", "meta", "x509Certificates"]
    {
        assert_eq!(sort_place(user, unknown).expect_err(unknown).scim_type, Some(ScimType::InvalidValue), "{unknown}");
    }
}

#[test]
fn the_form_that_sql_is_made_from() {
    let registry = Registry::builtin();
    let bound = |text: &str| bind(&Filter::parse(text).unwrap(), registry.type_named("User").unwrap()).unwrap();
    let place = |attr: &str, kind: Type| Place::Indexed(Indexed { attr: attr.into(), kind, case_exact: false });
    let test = |attr: &str, test: Test| Bound::Test(place(attr, Type::String), test);
    let key = |text: &str| Key(text.into());
    assert_eq!(
        bound(r#"emails[type eq "Work" and value co "X"]"#),
        Bound::Element(
            place("emails", Type::Complex),
            Box::new(Bound::And(vec![
                test("emails.type", Test::Eq(key("work"))),
                test("emails.value", Test::Contains("x".into())),
            ])),
        ),
    );
    assert_eq!(
        bound(r#"groups[value eq "A"]"#),
        Bound::Element(
            Place::Group(MemberPart::Value),
            Box::new(Bound::Test(Place::Group(MemberPart::Value), Test::Eq(key("A")))),
        ),
    );
    assert_eq!(bound("title eq null"), Bound::Not(Box::new(test("title", Test::Present))));
    assert_eq!(
        bound("emails.primary eq false"),
        Bound::Element(
            place("emails", Type::Complex),
            Box::new(Bound::Not(Box::new(Bound::Test(place("emails.primary", Type::Boolean), Test::Eq(key("true")))))),
        ),
    );
}
