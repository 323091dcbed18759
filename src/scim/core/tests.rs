//! Typed resources and documents say the same, both ways.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::json;

use super::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_user_survives_the_way_through_a_document(user in user()) {
        let document = Document::try_from(&user).expect("typed users are valid");
        let back = User::try_from(&document).expect("a document of a user is a user");
        prop_assert_eq!(&back, &user);
        prop_assert_eq!(EnterpriseUser::of(&document).transpose().unwrap(), user.enterprise);
        prop_assert_eq!(Document::try_from(&back).unwrap(), document.clone());
        prop_assert_eq!(Document::from_json(&document.to_json()).unwrap(), document);
    }

    #[test]
    fn what_the_server_says_is_no_part_of_a_document(user in user(), server in server()) {
        let (id, meta, link) = server;
        let shown = User {
            schemas: vec![urn::USER.into(), urn::PERSON.into()],
            id: Some(id),
            meta: Some(meta),
            groups: vec![link],
            person: Some(Person { handle: Some("ada".into()) }),
            ..user.clone()
        };
        prop_assert_eq!(Document::try_from(&shown).unwrap(), Document::try_from(&user).unwrap());
        let printed = serde_json::to_value(&shown).unwrap();
        prop_assert_eq!(serde_json::from_value::<User>(printed).unwrap(), shown);
    }

    #[test]
    fn a_group_survives_the_way_through_a_document(group in group()) {
        let document = Document::try_from(&group).expect("typed groups are valid");
        prop_assert_eq!(Group::try_from(&document).unwrap(), group.clone());
        let mut document = document;
        let members = document.take_members().unwrap_or_default();
        let expected: Vec<_> = group.members.iter().map(|member| (&member.value, &member.kind)).collect();
        prop_assert_eq!(members.iter().map(|member| (&member.value, &member.kind)).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn an_organization_survives_the_way_through_a_document(organization in organization()) {
        let document = Document::try_from(&organization).expect("typed organizations are valid");
        prop_assert_eq!(Organization::try_from(&document).unwrap(), organization);
    }
}

#[test]
fn extensions_are_named_by_their_urns() {
    let user = User {
        enterprise: Some(EnterpriseUser { department: Some("R&D".into()), ..EnterpriseUser::default() }),
        person: Some(Person::default()),
        ..User::default()
    };
    let printed = serde_json::to_value(user).unwrap();
    assert!(printed.get(urn::ENTERPRISE_USER).is_some() && printed.get(urn::PERSON).is_some());
    let group = serde_json::to_value(Group { team: Some(Team::default()), ..Group::default() }).unwrap();
    assert!(group.get(urn::TEAM).is_some());
}

#[test]
fn what_other_servers_and_clients_send_is_read() {
    let user: User = serde_json::from_value(json!({
        "schemas": urn::USER,
        "userName": "ada",
        "name": null,
        "active": "False",
        "emails": {"value": "ada@acme.example", "primary": "True"},
        "phoneNumbers": null,
        "roles": [],
        "unknown": [{}]
    }))
    .unwrap();
    let expected = User {
        schemas: vec![urn::USER.into()],
        user_name: "ada".into(),
        active: Some(false),
        emails: vec![Email::new("ada@acme.example").primary()],
        ..User::default()
    };
    assert_eq!(user, expected);
    assert!(serde_json::from_value::<User>(json!({"displayName": "Ada"})).is_err(), "userName is required");
    assert!(serde_json::from_value::<User>(json!({"userName": "a", "active": "maybe"})).is_err());
}

#[test]
fn a_typed_resource_is_judged_as_a_body_is() {
    let user =
        User { user_name: "a".into(), x509_certificates: vec![Certificate::new("no base64!")], ..User::default() };
    let error = Document::try_from(&user).unwrap_err();
    assert!(error.detail.contains("x509Certificates.value"), "{error}");
}

fn user() -> impl Strategy<Value = User> {
    let texts = vec(option::of(text()), 8);
    let lists = (multi_values(), multi_values(), multi_values(), multi_values(), addresses());
    let certificates = vec("[A-Za-z0-9+/]{4}", 0..2);
    (text(), name(), texts, option::of(any::<bool>()), lists, certificates, enterprise()).prop_map(
        |(
            user_name,
            name,
            mut texts,
            active,
            (emails, phone_numbers, ims, roles, addresses),
            certificates,
            enterprise,
        )| {
            let mut next = || texts.pop().flatten();
            let mut certificates: Vec<_> = certificates.into_iter().map(Certificate::new).collect();
            certificates.dedup_by_key(|certificate| certificate.value.clone());
            User {
                user_name,
                name,
                external_id: next(),
                display_name: next(),
                nick_name: next(),
                title: next(),
                user_type: next(),
                locale: next(),
                timezone: next(),
                password: next(),
                profile_url: Some("https://example.com/~ada".into()),
                active,
                emails,
                phone_numbers,
                ims,
                roles,
                addresses,
                x509_certificates: certificates,
                enterprise,
                ..User::default()
            }
        },
    )
}

fn text() -> impl Strategy<Value = String> {
    "[a-zA-Zäß字]{1,8}"
}

fn name() -> impl Strategy<Value = Option<Name>> {
    let part = || option::of(text());
    let whole = (text(), part(), part()).prop_map(|(formatted, family_name, given_name)| Name {
        formatted: Some(formatted),
        family_name,
        given_name,
        ..Name::default()
    });
    option::of(whole)
}

/// No two with the same value, and one primary at most: the normal form of RFC 7643 §2.4.
fn multi_values() -> impl Strategy<Value = Vec<MultiValue>> {
    (vec((text(), option::of(text()), option::of(text())), 0..4), any::<bool>()).prop_map(|(parts, first)| {
        let numbered = parts.into_iter().enumerate();
        let element = |(index, (value, display, kind)): (usize, (String, _, _))| MultiValue {
            value: Some(format!("{value}{index}")),
            display,
            kind,
            primary: Some(first && index == 0),
        };
        numbered.map(element).collect()
    })
}

fn addresses() -> impl Strategy<Value = Vec<Address>> {
    vec((text(), option::of(text())), 0..3).prop_map(|parts| {
        let numbered = parts.into_iter().enumerate();
        let element = |(index, (locality, kind)): (usize, (String, _))| Address {
            locality: Some(format!("{locality}{index}")),
            country: Some("GB".into()),
            kind,
            ..Address::default()
        };
        numbered.map(element).collect()
    })
}

fn enterprise() -> impl Strategy<Value = Option<EnterpriseUser>> {
    let part = || option::of(text());
    let whole =
        (text(), part(), option::of("[a-z0-9]{1,6}")).prop_map(|(department, division, manager)| EnterpriseUser {
            department: Some(department),
            division,
            manager: manager.map(|id| Manager {
                reference: Some(format!("https://example.com/v2/Users/{id}")),
                value: Some(id),
                display_name: None,
            }),
            ..EnterpriseUser::default()
        });
    option::of(whole)
}

fn group() -> impl Strategy<Value = Group> {
    let members = vec(option::of(prop_oneof![Just("User".to_owned()), Just("Group".to_owned())]), 0..4);
    (text(), option::of(text()), members).prop_map(|(display_name, external_id, kinds)| {
        let numbered = kinds.into_iter().enumerate();
        let member = |(index, kind)| GroupMember { value: format!("m{index}"), kind, ..GroupMember::default() };
        Group { display_name, external_id, members: numbered.map(member).collect(), ..Group::default() }
    })
}

fn organization() -> impl Strategy<Value = Organization> {
    (text(), option::of(text()), option::of(any::<i64>())).prop_map(|(slug, display_name, seats)| Organization {
        slug,
        display_name,
        seats,
        ..Organization::default()
    })
}

fn server() -> impl Strategy<Value = (String, Meta, Link)> {
    (text(), 0..4_000_000_000_000_i64, text()).prop_map(|(id, created, group)| {
        let meta = Meta { created: Some(created), resource_type: Some("User".into()), ..Meta::default() };
        (id, meta, Link { value: Some(group), ..Link::default() })
    })
}
