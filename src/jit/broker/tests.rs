use serde_json::json;

use super::*;

fn rules(patch: &Value) -> Rules {
    let base = json!({"domains": ["acme.example"], "anchor": {"claim": "oid"}});
    Rules::default_for("shop").patched(&base).and_then(|rules| rules.patched(patch)).unwrap()
}

fn ceiling(patch: &Value) -> Ceiling {
    let mut whole = serde_json::to_value(Ceiling::default()).unwrap();
    for (name, value) in patch.as_object().unwrap() {
        whole[name] = value.clone();
    }
    serde_json::from_value(whole).unwrap()
}

fn read(rules: &Rules, ceiling: &Ceiling, claims: &Value) -> Claims {
    let claims = claims.as_object().unwrap().clone();
    let said = Statement { subject: subject("b1", "ada"), stamp: 1, claims, evidence: "00".to_owned() };
    ceiling.read(rules, &said, "ada")
}

#[test]
fn what_is_above_the_ceiling_is_left_out_and_counted() {
    let said =
        json!({"email": "ada@acme.example", "oid": "00u1", "groups": ["staff"], "title": "Engineer", "name": "Ada"});
    let title = json!({"attributes": [{"to": "title", "from": "title"}, {"to": "displayName", "from": "name"}]});
    let claims = read(&rules(&title), &ceiling(&json!({})), &said);
    assert_eq!(claims.attributes.keys().collect::<Vec<_>>(), ["displayName"]);
    assert_eq!((claims.groups, claims.skipped[ABOVE]), (GroupsClaim::Absent, 3));
    assert_eq!(claims.anchor.as_deref(), Some("urn:rollkeeper:broker:b1:ada"));

    let wide = ceiling(&json!({"claims": ["title"], "anchor": true, "groups": true}));
    let claims = read(&rules(&title), &wide, &said);
    assert_eq!(claims.attributes.keys().collect::<Vec<_>>(), ["title"]);
    assert_eq!(claims.groups, GroupsClaim::Known(["staff".to_owned()].into()));
    assert_eq!((claims.anchor.as_deref(), claims.skipped[ABOVE]), (Some("00u1"), 2));
}

#[test]
fn roles_are_stated_only_below_the_ceiling() {
    let rules = rules(&json!({"roles": {"from": "roles", "map": {"boss": "owner"}}}));
    let said = json!({"roles": ["boss"]});
    assert_eq!(read(&rules, &ceiling(&json!({})), &said).roles, None);
    // Even where the claim may be said, it is no statement of roles.
    assert_eq!(read(&rules, &ceiling(&json!({"claims": ["roles"]})), &said).roles, None);
    assert_eq!(read(&rules, &ceiling(&json!({"roles": true})), &said).roles, Some(["boss".to_owned()].into()));
}

#[test]
fn an_anchor_below_the_ceiling() {
    let by_subject = Rules::default_for("shop");
    let table = [
        (&by_subject, false, json!({}), Some("urn:rollkeeper:broker:b1:ada")),
        (&by_subject, true, json!({}), Some("ada")),
        (&rules(&json!({})), false, json!({"oid": "x"}), Some("urn:rollkeeper:broker:b1:ada")),
        (&rules(&json!({})), true, json!({"oid": "x"}), Some("x")),
        (&rules(&json!({})), true, json!({}), None),
    ];
    for (rules, anchor, said, expected) in table {
        let claims = read(rules, &ceiling(&json!({"anchor": anchor})), &said);
        assert_eq!(claims.anchor.as_deref(), expected, "{anchor} {said}");
        assert_eq!(claims.subject, "urn:rollkeeper:broker:b1:ada");
    }
}

#[test]
fn an_address_counts_only_where_it_is_said_to_be_verified_and_the_domain_is_the_connections() {
    let table = [
        (json!({"email": "ada@acme.example", "email_verified": true}), true),
        (json!({"email": "ada@acme.example", "email_verified": false}), false),
        (json!({"email": "ada@acme.example"}), false),
        (json!({"email": "ada@acme.example", "email_verified": "yes"}), false),
        (json!({"email": "ada@other.example", "email_verified": true}), false),
        // Not among the claims that it may make.
        (json!({"email": "ada@acme.example", "xms_edov": true}), false),
    ];
    for (said, vouched) in table {
        let claims = read(&rules(&json!({})), &ceiling(&json!({"join": true})), &said);
        let email = claims.email.unwrap();
        assert_eq!((email.vouched, email.verified), (vouched, Some(vouched)), "{said}");
        assert_eq!(claims.join_values.is_empty(), !vouched, "{said}");
    }
}

#[test]
fn joining_is_off_unless_the_ceiling_and_the_rules_allow_it() {
    for (allowed, enabled, joins) in
        [(false, true, false), (true, true, true), (true, false, false), (false, false, false)]
    {
        let rules = rules(&json!({"join": {"enabled": enabled, "claims": ["upn"]}}));
        let ceiling = ceiling(&json!({"join": allowed}));
        assert_eq!(ceiling.narrow(&rules).join.enabled, joins);
        assert_eq!(!read(&rules, &ceiling, &json!({"upn": "ada"})).join_values.is_empty(), joins);
    }
}

#[test]
fn foreign_domains_are_above_the_ceiling() {
    let own = ceiling(&json!({"domains": ["acme.example"], "claims": ["email", "preferred_username", "mail"]}));
    let mail = json!({"attributes": [{"to": "emails", "from": "mail"}]});
    let table = [
        (json!({}), false),
        (json!({"email": "ada@acme.example"}), false),
        (json!({"email": "ada@ACME.example", "preferred_username": "ada"}), false),
        (json!({"email": "ada@other.example"}), true),
        (json!({"email": "ada@acme.example", "preferred_username": "ada@other.example"}), true),
        (json!({"preferred_username": "ada@sub.acme.example"}), true),
        (json!({"mail": "ada@other.example"}), true),
        (json!({"mail": "ada@acme.example"}), false),
    ];
    for (said, above) in table {
        assert_eq!(own.is_above(&read(&rules(&mail), &own, &said)), above, "{said}");
        assert!(!Ceiling::default().is_above(&read(&rules(&mail), &Ceiling::default(), &said)), "{said}");
    }
}

#[test]
fn a_place_is_reached_through_the_name_that_stands_first() {
    let nested = rules(&json!({"groups": {"claim": "realm_access.roles"}}));
    let said = json!({"realm_access": {"roles": ["a"]}, "_claim_names": {}, "hasgroups": false});
    let claims = read(&nested, &ceiling(&json!({"groups": true})), &said);
    assert_eq!(claims.groups, GroupsClaim::Known(["a".to_owned()].into()));
    // Even where the claim may be said, its groups are not read.
    let claims = read(&nested, &ceiling(&json!({"claims": ["realm_access"]})), &said);
    assert_eq!(claims.groups, GroupsClaim::Absent);
}

#[test]
fn settings() {
    let key = json!({"kty": "EC", "crv": "P-256", "x": "x", "y": "y"});
    let secret = json!({"kty": "EC", "crv": "P-256", "x": "x", "y": "y", "d": "d"});
    let table = [
        (json!({"jwks": {"keys": [key]}}), None),
        (json!({"jwks": {"keys": [key]}, "algs": ["EdDSA", "RS256"]}), None),
        (json!({"jwks": {"keys": [key]}, "ceiling": {"groups": true, "domains": ["acme.example"]}}), None),
        (json!({}), Some("jwks")),
        (json!({"jwks": key}), Some("JWK Set")),
        (json!({"jwks": {"keys": []}}), Some("JWK Set")),
        (json!({"jwks": {"keys": vec![key.clone(); 21]}}), Some("JWK Set")),
        (json!({"jwks": {"keys": [secret]}}), Some("private")),
        (json!({"jwks": {"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}}), Some("symmetric")),
        (json!({"jwks": {"keys": [key]}, "algs": []}), Some("algs")),
        (json!({"jwks": {"keys": [key]}, "algs": ["HS256"]}), Some("algs")),
        (json!({"jwks": {"keys": [key]}, "algs": ["none"]}), Some("algs")),
        (json!({"jwks": {"keys": [key]}, "secret": "x"}), Some("secret")),
        (json!({"jwks": {"keys": [key]}, "ceiling": {"group": true}}), Some("group")),
        (json!({"jwks": {"keys": [key]}, "ceiling": {"domains": ["not a domain"]}}), Some("domain")),
        (json!({"jwks": {"keys": [key]}, "ceiling": {"claims": [""]}}), Some("ceiling.claims")),
        (json!({"jwks": {"keys": [key]}, "ceiling": {"claims": vec!["x"; 101]}}), Some("at most")),
    ];
    for (settings, refused) in table {
        match (Broker::read(&settings), refused) {
            (Ok(broker), None) => assert_eq!(Broker::read(&broker.to_value()), Ok(broker)),
            (Err(error), Some(word)) => assert!(error.contains(word), "{settings}: {error}"),
            (read, _) => panic!("{settings}: {read:?}"),
        }
    }
}
