use proptest::prelude::*;

use super::*;

fn statement(claims: Value) -> Statement {
    let Value::Object(claims) = claims else { panic!("claims are an object") };
    Statement { subject: "00u1".to_owned(), stamp: 1_700_000_000_000, claims, evidence: "ab".repeat(32) }
}

fn rules(patch: Value) -> Rules {
    Rules::default_for("acme")
        .patched(&json!({"issuer": "https://acme.okta.com", "clientIds": ["app"], "domains": ["acme.com"]}))
        .and_then(|rules| rules.patched(&patch))
        .unwrap()
}

fn read_with(patch: Value, claims: Value) -> Claims {
    read(&rules(patch), &statement(claims))
}

fn known<const N: usize>(values: [&str; N]) -> GroupsClaim {
    GroupsClaim::Known(values.map(str::to_owned).into())
}

/// One rule and one claim `x`: its word, or what was counted.
fn ruled(rule: Value, said: Value) -> Result<Option<AttributeClaim>, BTreeMap<&'static str, usize>> {
    let to = rule["to"].as_str().unwrap().to_owned();
    let mut claims = read_with(json!({"attributes": [rule]}), said);
    if claims.skipped.is_empty() { Ok(claims.attributes.remove(&to)) } else { Err(claims.skipped) }
}

#[test]
fn a_rule_takes_its_steps_with_the_first_claim_that_has_a_value() {
    let text = |text: &str| Ok(Some(AttributeClaim::Value(json!(text))));
    let title = |more: Value| {
        let mut rule = json!({"to": "title", "from": ["/job/title", "job.name", "x"]});
        rule.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        rule
    };
    let table = [
        (title(json!({})), json!({"x": "Engineer"}), text("Engineer")),
        (title(json!({})), json!({"job": {"title": "Chief", "name": "Boss"}, "x": "Engineer"}), text("Chief")),
        (title(json!({})), json!({"job": {"title": "", "name": "Boss"}, "x": "Engineer"}), text("Boss")),
        (title(json!({})), json!({"x": 42}), text("42")),
        // Absent is silent, empty is what the rule says it is.
        (title(json!({})), json!({}), Ok(None)),
        (title(json!({})), json!({"x": " "}), Ok(None)),
        (title(json!({"onEmpty": "ignore"})), json!({"x": null}), Ok(None)),
        (title(json!({"onEmpty": "clear"})), json!({}), Ok(None)),
        (title(json!({"onEmpty": "clear"})), json!({"x": ""}), Ok(Some(AttributeClaim::Empty))),
        (title(json!({"onEmpty": "clear"})), json!({"x": []}), Ok(Some(AttributeClaim::Empty))),
        (title(json!({"onEmpty": "clear"})), json!({"job": {"title": null}, "x": "Engineer"}), text("Engineer")),
        (
            title(json!({"transform": ["trim", "lower", {"before": " "}]})),
            json!({"x": "Chief Engineer"}),
            text("chief"),
        ),
        // A step that has nothing to give is a line in the trace; the next claim may have something.
        (
            title(json!({"transform": [{"after": ":"}]})),
            json!({"job": {"title": "x"}, "x": "a:b"}),
            Err([("attribute_not_transformed", 1)].into()),
        ),
        (title(json!({"transform": [{"table": {"1": "One"}}]})), json!({"x": 1}), text("One")),
        (
            title(json!({"transform": [{"capture": "^T-(.+)$"}]})),
            json!({"x": "X-1"}),
            Err([("attribute_not_transformed", 1)].into()),
        ),
        // A rule that fails never clears.
        (
            title(json!({"onEmpty": "clear", "transform": [{"table": {}}]})),
            json!({"x": "x"}),
            Err([("attribute_not_transformed", 1)].into()),
        ),
        (title(json!({})), json!({"x": {"a": 1}}), Err([("attribute_unusable", 1)].into())),
        (title(json!({})), json!({"x": ["a", "b"]}), Err([("attribute_unusable", 1)].into())),
    ];
    for (rule, said, expected) in table {
        assert_eq!(ruled(rule.clone(), said.clone()), expected, "{rule} {said}");
    }
}

#[test]
fn lists_are_bounded_and_their_first_element_is_primary() {
    let rule = json!({"to": "emails", "from": "x", "transform": ["lower"]});
    let email = |text: &str, primary: bool| json!({"value": text, "type": "work", "primary": primary});
    let read = ruled(rule.clone(), json!({"x": ["A@x.y", "", "b@x.y", "a@x.y"]}));
    assert_eq!(read, Ok(Some(AttributeClaim::Value(json!([email("a@x.y", true), email("b@x.y", false)])))));
    let many: Vec<String> = (0..21).map(|n| format!("a{n}@x.y")).collect();
    assert_eq!(ruled(rule.clone(), json!({"x": many})), Err([("attribute_too_many", 1)].into()));
    assert_eq!(ruled(rule, json!({"x": [7, {}, "a@x.y"]})).unwrap_err().get("attribute_unusable"), Some(&1));
}

#[test]
fn an_ordinary_token() {
    let claims = read_with(
        json!({}),
        json!({"sub": "00u1", "email": "BJensen@Acme.com", "email_verified": true, "given_name": "Barbara",
               "family_name": "Jensen", "name": "Barbara Jensen", "preferred_username": "bjensen@acme.com", "groups": ["b", "a", "b"]}),
    );
    assert_eq!((claims.subject.as_str(), claims.anchor.as_deref()), ("00u1", Some("00u1")));
    assert_eq!((claims.stamp, claims.evidence.len()), (1_700_000_000_000, 64));
    let email = claims.email.unwrap();
    assert_eq!((email.address.folded.as_str(), email.verified, email.vouched), ("bjensen@acme.com", Some(true), true));
    assert_eq!(claims.join_values, ["BJensen@Acme.com"]);
    assert_eq!(claims.user_name.as_deref(), Some("bjensen@acme.com"));
    assert_eq!(claims.groups, known(["a", "b"]));
    assert!(claims.skipped.is_empty());
    let attributes: Vec<_> = claims.attributes.iter().map(|(to, value)| (to.as_str(), value.clone())).collect();
    assert_eq!(
        attributes,
        [
            ("displayName", AttributeClaim::Value(json!("Barbara Jensen"))),
            ("emails", AttributeClaim::Value(json!([{"value": "BJensen@Acme.com", "type": "work", "primary": true}]))),
            ("name.familyName", AttributeClaim::Value(json!("Jensen"))),
            ("name.givenName", AttributeClaim::Value(json!("Barbara"))),
        ]
    );
}

#[test]
fn a_token_that_says_nothing() {
    let claims = read_with(json!({"anchor": {"claim": "oid"}}), json!({}));
    assert_eq!((claims.anchor, claims.email, claims.user_name), (None, None, None));
    assert_eq!((claims.groups, claims.join_values.len(), claims.attributes.len()), (GroupsClaim::Absent, 0, 0));
    assert!(claims.skipped.is_empty());
}

/// Absent, cut off and known are three words (R11).
#[test]
fn groups() {
    let keep = json!({});
    let nested = json!({"groups": {"claim": "realm_access.roles"}});
    let empty = json!({"groups": {"onAbsent": "empty"}});
    let either = json!({"groups": {"claim": ["https://acme.com/teams", "realm_access.roles", "groups"]}});
    let either_or_empty = json!({"groups": {"claim": ["teams", "groups"], "onAbsent": "empty"}});
    let elsewhere = json!({"groups": "src1"});
    let sources = json!({"src1": {"endpoint": "https://graph.windows.net/…/getMemberObjects"}});
    let long = "x".repeat(257);
    let many: Vec<String> = (0..2_000).map(|n| format!("g{n}")).collect();
    let too_many: Vec<String> = (0..2_001).map(|n| format!("g{n}")).collect();
    let table = [
        (&keep, json!({}), GroupsClaim::Absent, &[][..]),
        (&keep, json!({"groups": null}), GroupsClaim::Absent, &[]),
        (&keep, json!({"groups": []}), known([]), &[]),
        (&keep, json!({"groups": ["a"]}), known(["a"]), &[]),
        (&keep, json!({"groups": "a"}), known(["a"]), &[]),
        (
            &keep,
            json!({"groups": ["a", "", "b\u{0}", 7, null, {"id": "c"}, long, " "]}),
            known(["a"]),
            &[("group_malformed", 3), ("group_not_text", 3), ("group_too_long", 1)],
        ),
        (&keep, json!({"groups": ["x".repeat(256)]}), GroupsClaim::Known([("x".repeat(256))].into()), &[]),
        (&keep, json!({"groups": [{"id": "a"}, {"id": "b"}]}), GroupsClaim::Absent, &[("group_not_text", 2)]),
        (&keep, json!({"groups": ""}), GroupsClaim::Absent, &[("group_malformed", 1)]),
        (&keep, json!({"groups": {"a": true}}), GroupsClaim::Absent, &[("groups_not_a_list", 1)]),
        (&keep, json!({"groups": 7}), GroupsClaim::Absent, &[("groups_not_a_list", 1)]),
        (&keep, json!({"groups": many}), GroupsClaim::Known(many.iter().cloned().collect()), &[]),
        (&keep, json!({"groups": too_many}), GroupsClaim::CutOff, &[("groups_too_many", 1)]),
        (&keep, json!({"_claim_names": elsewhere, "_claim_sources": sources}), GroupsClaim::CutOff, &[]),
        (&keep, json!({"_claim_names": elsewhere, "groups": ["a"]}), GroupsClaim::CutOff, &[]),
        (&keep, json!({"_claim_names": {"address": "src1"}}), GroupsClaim::Absent, &[]),
        (&keep, json!({"_claim_names": "groups"}), GroupsClaim::Absent, &[]),
        (&keep, json!({"hasgroups": true}), GroupsClaim::CutOff, &[]),
        (&keep, json!({"hasgroups": "true"}), GroupsClaim::CutOff, &[]),
        (&keep, json!({"hasgroups": false}), GroupsClaim::Absent, &[]),
        (&keep, json!({"groups.link": "https://graph.windows.net/…"}), GroupsClaim::CutOff, &[]),
        (&keep, json!({"roles": ["a"]}), GroupsClaim::Absent, &[]),
        (&nested, json!({"realm_access": {"roles": ["a"]}}), known(["a"]), &[]),
        (&nested, json!({"realm_access.roles": ["b"], "realm_access": {"roles": ["a"]}}), known(["b"]), &[]),
        (&nested, json!({"realm_access": ["roles"]}), GroupsClaim::Absent, &[]),
        (&empty, json!({}), known([]), &[]),
        (&empty, json!({"groups": null}), GroupsClaim::Absent, &[]),
        (&empty, json!({"groups": 7}), GroupsClaim::Absent, &[("groups_not_a_list", 1)]),
        (&empty, json!({"hasgroups": true}), GroupsClaim::CutOff, &[]),
        (&either, json!({"groups": ["a"]}), known(["a"]), &[]),
        (&either, json!({"https://acme.com/teams": ["b"], "groups": ["a"]}), known(["b"]), &[]),
        (&either, json!({"https://acme.com/teams": [], "groups": ["a"]}), known([]), &[]),
        (&either, json!({"https://acme.com/teams": null, "realm_access": {"roles": "c"}}), known(["c"]), &[]),
        (
            &either,
            json!({"https://acme.com/teams": 7, "realm_access": {"roles": [8]}, "groups": ["a"]}),
            known(["a"]),
            &[("group_not_text", 1), ("groups_not_a_list", 1)],
        ),
        (&either, json!({"_claim_names": elsewhere, "https://acme.com/teams": ["b"]}), known(["b"]), &[]),
        (&either, json!({"_claim_names": elsewhere, "realm_access": {}}), GroupsClaim::CutOff, &[]),
        (&either, json!({"hasgroups": true, "groups": ["a"]}), GroupsClaim::CutOff, &[]),
        (&either, json!({}), GroupsClaim::Absent, &[]),
        (&either_or_empty, json!({}), known([]), &[]),
        (&either_or_empty, json!({"groups": null}), GroupsClaim::Absent, &[]),
    ];
    for (patch, said, expected, skipped) in table {
        let shown = format!("{:.200}", said.to_string());
        let claims = read_with(patch.clone(), said);
        assert_eq!(claims.groups, expected, "{shown}");
        assert_eq!(claims.skipped.into_iter().collect::<Vec<_>>(), skipped, "{shown}");
    }
}

#[test]
fn addresses_and_what_may_join() {
    let upn = json!({"join": {"claims": ["upn", "email"]}});
    let table = [
        // (settings, claims, verified, vouched, join values)
        (json!({}), json!({"email": "a@acme.com"}), None, true, vec!["a@acme.com"]),
        (json!({}), json!({"email": "a@acme.com", "email_verified": true}), Some(true), true, vec!["a@acme.com"]),
        (json!({}), json!({"email": "a@acme.com", "email_verified": "true"}), Some(true), true, vec!["a@acme.com"]),
        (json!({}), json!({"email": "a@acme.com", "email_verified": false}), Some(false), false, vec![]),
        (json!({}), json!({"email": "a@acme.com", "email_verified": "false"}), Some(false), false, vec![]),
        (json!({}), json!({"email": "a@acme.com", "email_verified": "maybe"}), Some(false), false, vec![]),
        (json!({}), json!({"email": "a@acme.com", "email_verified": [true]}), Some(false), false, vec![]),
        (json!({}), json!({"email": "a@acme.com", "email_verified": null}), None, true, vec!["a@acme.com"]),
        (json!({}), json!({"email": "a@other.org"}), None, false, vec![]),
        (json!({}), json!({"email": "a@other.org", "email_verified": true}), Some(true), false, vec!["a@other.org"]),
        (json!({}), json!({"email": "a@acme.com.evil.org"}), None, false, vec![]),
        // nOAuth: Entra lets a directory's administrator write any address; `xms_edov` says whether the domain is theirs.
        (json!({}), json!({"email": "a@acme.com", "xms_edov": false}), Some(false), false, vec![]),
        (json!({}), json!({"email": "a@acme.com", "xms_edov": "1"}), Some(true), true, vec!["a@acme.com"]),
        (json!({}), json!({"email": "a@acme.com", "xms_edov": 1}), Some(true), true, vec!["a@acme.com"]),
        (
            json!({}),
            json!({"email": "a@acme.com", "email_verified": false, "xms_edov": true}),
            Some(false),
            false,
            vec![],
        ),
        (json!({}), json!({"preferred_username": "a@acme.com"}), None, false, vec![]),
        (
            upn.clone(),
            json!({"upn": "a@acme.com", "email": "b@acme.com"}),
            None,
            true,
            vec!["a@acme.com", "b@acme.com"],
        ),
        (upn.clone(), json!({"upn": "a@acme.com", "email": "a@acme.com"}), None, true, vec!["a@acme.com"]),
        (upn.clone(), json!({"upn": "a@acme.com", "acct": 0}), None, false, vec!["a@acme.com"]),
        (upn.clone(), json!({"upn": "a@acme.com", "acct": "0"}), None, false, vec!["a@acme.com"]),
        (upn.clone(), json!({"upn": "a@acme.com", "acct": 1}), None, false, vec![]),
        (upn.clone(), json!({"upn": "a@acme.com", "acct": "1"}), None, false, vec![]),
        (upn.clone(), json!({"upn": "a@acme.com", "acct": true}), None, false, vec![]),
        (json!({"join": {"enabled": false}}), json!({"email": "a@acme.com"}), None, true, vec![]),
    ];
    for (patch, said, verified, vouched, joins) in table {
        let claims = read_with(patch, said.clone());
        assert_eq!(claims.join_values, joins, "{said}");
        let email = claims.email.map(|email| (email.verified, email.vouched));
        assert_eq!(email.unwrap_or_default(), (verified, vouched), "{said}");
    }
}

#[test]
fn names_that_cannot_be_used_are_counted_and_the_next_is_tried() {
    let long = "x".repeat(257);
    let table = [
        (json!({"preferred_username": "a", "upn": "b"}), Some("a"), 0),
        (json!({"preferred_username": "", "upn": "b"}), Some("b"), 0),
        (json!({"preferred_username": null, "upn": "b"}), Some("b"), 0),
        (json!({"preferred_username": long, "upn": "b"}), Some("b"), 1),
        (json!({"preferred_username": ["a"], "upn": "b"}), Some("b"), 1),
        (json!({"preferred_username": "a\u{0}", "upn": 7, "email": "c@acme.com"}), Some("c@acme.com"), 2),
        (json!({"preferred_username": " "}), None, 1),
    ];
    for (said, user_name, skipped) in table {
        let claims = read_with(json!({}), said.clone());
        assert_eq!(claims.user_name.as_deref(), user_name, "{said}");
        assert_eq!(claims.skipped.get("user_name_unusable").copied().unwrap_or_default(), skipped, "{said}");
    }
}

#[test]
fn anchors_are_opaque() {
    let by_oid = json!({"anchor": {"claim": "oid"}});
    let table = [
        (json!({"oid": "1"}), Some("1"), 0),
        (json!({"oid": "../"}), Some("../"), 0),
        (json!({"oid": "Á"}), Some("Á"), 0),
        (json!({"oid": 1}), None, 1),
        (json!({"oid": ""}), None, 0),
        (json!({"oid": "x".repeat(257)}), None, 1),
        (json!({"oid": "a\u{0}"}), None, 1),
        (json!({"sub": "00u1"}), None, 0),
    ];
    for (said, anchor, skipped) in table {
        let claims = read_with(by_oid.clone(), said.clone());
        assert_eq!(claims.anchor.as_deref(), anchor, "{said}");
        assert_eq!(claims.skipped.get("anchor_unusable").copied().unwrap_or_default(), skipped, "{said}");
    }
}

/// Absent, empty and a value are three words of an attribute too.
#[test]
fn attributes() {
    let ignore = json!({"attributes": [{"to": "title", "from": ["job", "jobs"]}]});
    let clear = json!({"attributes": [{"to": "title", "from": ["job", "jobs"], "onEmpty": "clear"}]});
    let value = |text: &str| Some(AttributeClaim::Value(json!(text)));
    let table = [
        (&ignore, json!({}), None, 0),
        (&clear, json!({}), None, 0),
        (&ignore, json!({"job": ""}), None, 0),
        (&clear, json!({"job": ""}), Some(AttributeClaim::Empty), 0),
        (&clear, json!({"job": null}), Some(AttributeClaim::Empty), 0),
        (&clear, json!({"job": []}), Some(AttributeClaim::Empty), 0),
        (&clear, json!({"job": [" "]}), Some(AttributeClaim::Empty), 0),
        (&clear, json!({"job": "", "jobs": "Boss"}), value("Boss"), 0),
        (&ignore, json!({"job": " Boss "}), value("Boss"), 0),
        (&ignore, json!({"job": ["Boss"]}), value("Boss"), 0),
        (&ignore, json!({"job": 701984}), value("701984"), 0),
        (&ignore, json!({"job": 1.5, "jobs": "Boss"}), value("Boss"), 1),
        (&ignore, json!({"job": ["a", "b"]}), None, 1),
        (&ignore, json!({"job": {"a": "b"}}), None, 1),
        (&ignore, json!({"job": true}), None, 1),
        (&ignore, json!({"job": "a\u{0}b"}), None, 1),
        (&ignore, json!({"job": "x".repeat(1_024)}), value(&"x".repeat(1_024)), 0),
        (&ignore, json!({"job": "x".repeat(1_025)}), None, 1),
        // What cannot be used is not empty: it clears nothing.
        (&clear, json!({"job": {"a": "b"}}), None, 1),
    ];
    for (patch, said, expected, skipped) in table {
        let claims = read_with(patch.clone(), said.clone());
        assert_eq!(claims.attributes.get("title").cloned(), expected, "{said}");
        assert_eq!(claims.skipped.get("attribute_unusable").copied().unwrap_or_default(), skipped, "{said}");
    }
}

#[test]
fn paths() {
    let claims = json!({"a.b": 1, "a": {"b": 2, "c": {"d": 3}, "x/y": 4, "": 5}, "/p": 6, "list": [7]});
    let claims = claims.as_object().unwrap();
    let table = [
        ("a.b", Some(1)),
        ("/a/b", Some(2)),
        ("a.c.d", Some(3)),
        ("/a/x~1y", Some(4)),
        ("/a/", Some(5)),
        ("/p", Some(6)),
        ("list.0", None),
        ("a.b.c", None),
        ("a..b", None),
        ("", None),
        (".", None),
        ("/", None),
        ("a.c.d.e.f.g.h.i.j", None),
    ];
    for (name, value) in table {
        assert_eq!(look_up(claims, name).and_then(Value::as_i64), value, "{name:?}");
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,20}@?\\PC{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec(("groups|roles|\\PC{0,4}", inner), 0..5)
                .prop_map(|e| Value::Object(e.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_claims_are_read(
        values in prop::collection::vec((
            "email|email_verified|groups|hasgroups|_claim_names|acct|xms_edov|oid|upn|preferred_username|given_name|realm_access",
            any_json(),
        ), 0..10),
    ) {
        let said = Value::Object(values.into_iter().collect());
        for patch in [json!({}), json!({"anchor": {"claim": "oid"}, "groups": {"claim": "realm_access.roles", "onAbsent": "empty"}})] {
            let claims = read_with(patch, said.clone());
            if let GroupsClaim::Known(values) = &claims.groups {
                prop_assert!(values.iter().all(|value| (1..=256).contains(&value.len()) && !value.contains('\0')));
            }
            prop_assert!(claims.join_values.len() <= 1);
        }
    }

    /// The order of a list and a value given twice mean nothing.
    #[test]
    fn groups_are_a_set(values in prop::collection::vec("[a-c]{1,2}", 0..6)) {
        let forth = read_with(json!({}), json!({"groups": values}));
        let back: Vec<_> = values.iter().rev().chain(&values).collect();
        prop_assert_eq!(forth.groups, read_with(json!({}), json!({"groups": back})).groups);
    }
}
