use proptest::prelude::*;
use serde_json::json;

use super::*;

fn okta() -> Value {
    json!({"name": "acme", "issuer": "https://acme.okta.com", "clientIds": ["0oa1"]})
}

fn okta_with(patch: &Value) -> Result<Rules, String> {
    Rules::read(&okta()).unwrap().patched(patch)
}

#[test]
fn a_new_connection_has_jit_on_and_the_ordinary_mapping() {
    let rules = Rules::default_for("acme");
    assert_eq!(rules.name, "acme");
    assert!(
        !rules.can_sign_in() && rules.jit.enabled && rules.jit.create && rules.join.enabled && rules.nonce.required
    );
    assert_eq!(
        (rules.max_age.to_string(), rules.groups.claim_max_age.to_string()),
        ("PT10M".to_owned(), "P30D".to_owned())
    );
    assert_eq!(
        (rules.groups.claim.join(" "), rules.groups.create, rules.groups.create_cap),
        ("groups".to_owned(), Create::Never, 20)
    );
    assert_eq!(rules.user_name, ["preferred_username", "upn", "email"]);
    assert_eq!(
        rules.attributes.iter().map(|r| r.to.as_str()).collect::<Vec<_>>(),
        ["name.givenName", "name.familyName", "displayName", "emails"]
    );
    assert_eq!(Rules::read(&rules.to_value()), Ok(rules));
}

/// The example of the design, every setting in the form an administrator writes it.
#[test]
fn the_settings_of_an_entra_connection() {
    let rules = Rules::read(&json!({
        "name": "moby-entra", "protocol": "oidc",
        "issuer": "https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0",
        "clientIds": ["5ad2b9c8-0000-4000-8000-000000000001"], "algs": ["RS256"], "nonce": {"required": true}, "maxAge": "PT10M",
        "anchor": {"claim": "oid", "namespace": "entra:9188040d-6c67-4c5b-b112-36a304b66dad"},
        "join": {"claims": ["upn", "preferred_username"]}, "domains": ["acme.com", "Bücher.example"], "subject": "stable",
        "jit": {"enabled": true, "create": true, "invitations": "accept"},
        "organizations": ["moby", "whale"], "default": {"organization": "moby", "group": "everyone", "mode": "fallback"},
        "groups": {"claim": "groups", "match": "externalId", "scope": {"pattern": "^moby:"}, "create": "never", "createCap": 20,
                   "onAbsent": "keep", "onOverage": "keep", "claimMaxAge": "P30D", "table": {"admins": "grp_1"}},
        "attributes": [{"to": "name.givenName", "from": "given_name", "onEmpty": "ignore"},
                       {"to": "displayName", "from": ["name", "preferred_username"]}],
        "userName": ["upn"], "push": {"profile": "strict", "emptyText": "clear"}
    }))
    .unwrap();
    assert_eq!(rules.namespace("con_1"), "entra:9188040d-6c67-4c5b-b112-36a304b66dad");
    assert_eq!(rules.domains[1].as_str(), "xn--bcher-kva.example");
    assert_eq!(rules.attributes[1].from, ["name", "preferred_username"]);
    assert!(rules.in_scope("moby:staff") && !rules.in_scope("whale:staff"));
    assert_eq!(Rules::read(&rules.to_value()), Ok(rules));
}

#[test]
fn refusals_name_the_setting() {
    let long = "x".repeat(600);
    let table = [
        (json!({"nam": "x"}), "nam"),
        (json!({"jit": {"enable": true}}), "enable"),
        (json!({"groups": {"onAbsent": "delete"}}), "delete"),
        (json!({"roles": {"map": {"A": "emperor"}}}), "emperor"),
        (json!({"protocol": "saml"}), "saml"),
        (json!({"name": ""}), "name"),
        (json!({"name": "a\nb"}), "name"),
        (json!({"issuer": null}), "issuer"),
        (json!({"issuer": "acme.okta.com"}), "issuer"),
        (json!({"issuer": "http://acme.okta.com"}), "issuer"),
        (json!({"issuer": "http://169.254.169.254"}), "issuer"),
        (json!({"issuer": "ftp://acme.okta.com"}), "issuer"),
        (json!({"issuer": "https://user:pass@acme.okta.com"}), "issuer"),
        (json!({"issuer": "https://acme.okta.com?x=1"}), "issuer"),
        (json!({"issuer": "https://acme.okta.com#x"}), "issuer"),
        (json!({"issuer": "https://login.microsoftonline.com/{tenantid}/v2.0"}), "template"),
        (json!({"issuer": " https://acme.okta.com"}), "issuer"),
        (json!({"clientIds": []}), "clientIds"),
        (json!({"clientIds": [""]}), "clientIds"),
        (json!({"clientIds": "0oa1"}), "0oa1"),
        (json!({"algs": []}), "algs"),
        (json!({"algs": ["none"]}), "none"),
        (json!({"algs": ["HS256"]}), "HS256"),
        (json!({"jwks": {"keys": []}}), "jwks"),
        (json!({"jwks": {"keys": "x"}}), "jwks"),
        (json!({"jwks": {"keys": [1]}}), "jwks"),
        (json!({"jwks": {"keys": [{}]}, "jwksUri": "https://acme.okta.com/keys"}), "one of them"),
        (json!({"jwksUri": "http://acme.okta.com/keys"}), "jwksUri"),
        (json!({"maxAge": "10 minutes"}), "length of time"),
        (json!({"maxAge": "P1M"}), "length of time"),
        (json!({"anchor": {"claim": ""}}), "anchor.claim"),
        (json!({"anchor": {"namespace": "connection:con_2"}}), "anchor.namespace"),
        (json!({"domains": ["acme"]}), "acme"),
        (json!({"domains": ["https://acme.com"]}), "domain"),
        (json!({"domains": ["*.acme.com"]}), "domain"),
        (json!({"restrictToDomains": true}), "restrictToDomains"),
        (json!({"default": {"group": "everyone"}}), "default.organization"),
        (json!({"groups": {"claim": ""}}), "groups.claim"),
        (json!({"groups": {"claim": []}}), "groups.claim"),
        (json!({"groups": {"claim": ["groups", ""]}}), "groups.claim"),
        (json!({"groups": {"scope": {"pattern": "("}}}), "regular expression"),
        (json!({"groups": {"scope": {"pattern": ""}}}), "pattern"),
        (json!({"groups": {"scope": {"pattern": long}}}), "pattern"),
        (json!({"groups": {"scope": {"pattern": "(?:x{200}){200}"}}}), "256 KiB"),
        (json!({"groups": {"scope": {"pattern": "(a)\\1"}}}), "backreferences"),
        (json!({"groups": {"create": "pattern"}}), "groups.create"),
        (json!({"groups": {"createCap": 1001}}), "createCap"),
        (json!({"groups": {"createCap": -1}}), "-1"),
        (json!({"groups": {"table": {"": "grp_1"}}}), "groups.table"),
        (json!({"attributes": [{"to": "active", "from": "enabled"}]}), "lifecycle"),
        (json!({"attributes": [{"to": "userName", "from": "upn"}]}), "userName"),
        (json!({"attributes": [{"to": "USERNAME", "from": "upn"}]}), "USERNAME"),
        (json!({"attributes": [{"to": "externalId", "from": "oid"}]}), "anchor"),
        (json!({"attributes": [{"to": "groups", "from": "groups"}]}), "groups"),
        (json!({"attributes": [{"to": "meta.created", "from": "x"}]}), "meta"),
        (json!({"attributes": [{"to": "password", "from": "x"}]}), "password"),
        (json!({"attributes": [{"to": "emails.value", "from": "email"}]}), "emails"),
        (json!({"attributes": [{"to": "roles", "from": "roles"}]}), "roles"),
        (json!({"attributes": [{"to": "title", "from": []}]}), "title"),
        (json!({"attributes": [{"to": "title", "from": "a"}, {"to": "Title", "from": "b"}]}), "twice"),
        (json!({"attributes": [{"to": "a.b.c", "from": "x"}]}), "a.b.c"),
        (json!({"attributes": [{"to": "emails[type eq \"work\"]", "from": "x"}]}), "attribute"),
        (json!({"attributes": [{"to": "urn:x:User:1st", "from": "x"}]}), "urn:x:User:1st"),
        (json!({"attributes": [{"to": "title"}]}), "from"),
        (json!({"userName": [" upn"]}), "userName"),
        (json!([]), "object"),
        (json!("x"), "object"),
    ];
    for (patch, mentions) in table {
        let refusal = okta_with(&patch).map(drop).unwrap_err();
        assert!(refusal.contains(mentions), "{patch}: {refusal}");
        assert!(!refusal.contains('\n'), "{refusal}");
    }
}

#[test]
fn what_is_allowed() {
    for patch in [
        json!({"issuer": "http://localhost:8081/realm", "jwksUri": "http://127.0.0.1:8081/jwks"}),
        json!({"issuer": "http://[::1]:8081"}),
        json!({"jwksUri": "https://acme.okta.com/oauth2/v1/keys?client_id=0oa1"}),
        json!({"attributes": []}),
        json!({"attributes": [{"to": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department", "from": "dep"},
                              {"to": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value", "from": "mgr"},
                              {"to": "phoneNumbers", "from": "phone_number"}]}),
        json!({"userName": []}),
        json!({"groups": {"create": "pattern", "scope": {"pattern": "^acme:"}}}),
        json!({"nonce": {"required": false}}),
    ] {
        assert!(okta_with(&patch).is_ok(), "{patch}: {:?}", okta_with(&patch));
    }
}

/// RFC 7396 appendix A, in the terms of this object.
#[test]
fn a_patch_changes_what_it_names_and_null_puts_it_back() {
    let rules = okta_with(&json!({"jit": {"enabled": false}, "domains": ["acme.com"], "maxAge": "PT5M"})).unwrap();
    assert!(!rules.jit.enabled && rules.jit.create);
    let rules = rules.patched(&json!({"jit": {"create": false}, "maxAge": null, "domains": ["acme.org"]})).unwrap();
    assert!(!rules.jit.enabled && !rules.jit.create);
    assert_eq!((rules.max_age, rules.domains.len(), rules.domains[0].as_str()), (Span::minutes(10), 1, "acme.org"));
    assert_eq!(rules.patched(&json!({})), Ok(rules));
}

#[test]
fn namespaces_are_a_connections_own_unless_named() {
    let rules = Rules::default_for("a");
    assert_eq!(rules.namespace("con_1"), "connection:con_1");
    let given_an_issuer = rules.patched(&okta()).unwrap();
    assert_eq!(given_an_issuer.namespace("con_1"), "connection:con_1");
}

#[test]
fn addresses_a_connection_vouches_for() {
    let rules = okta_with(&json!({"domains": ["acme.com"]})).unwrap();
    let table = [
        ("a@acme.com", None, true),
        ("a@ACME.com", Some(true), true),
        ("a@acme.com", Some(false), false),
        ("a@sub.acme.com", Some(true), false),
        ("a@notacme.com", Some(true), false),
        ("a@other.org", Some(true), false),
    ];
    for (address, verified, vouched) in table {
        assert_eq!(rules.vouches_for(&address.parse().unwrap(), verified), vouched, "{address} {verified:?}");
    }
}

#[test]
fn group_values_shaped_like_ids() {
    let rules = Rules::default();
    let table = [
        ("9188040d-6c67-4c5b-b112-36a304b66dad", true),
        ("9188040D-6C67-4C5B-B112-36A304B66DAD", true),
        ("00g1emaKYZTWRYYRRTSK", true),
        ("S-1-5-21-1004336348-1177238915-682003330-512", true),
        ("Engineering", false),
        ("moby:staff", false),
        ("9188040d6c674c5bb11236a304b66dad", false),
        ("00go", false),
        ("S-1-team", false),
        ("1", false),
        ("", false),
    ];
    for (value, is_id) in table {
        assert_eq!(rules.is_group_id(value), is_id, "{value}");
    }
    let by = |by| Rules { groups: Groups { by, ..Groups::default() }, ..Rules::default() };
    assert!(by(Match::ExternalId).is_group_id("Engineering"));
    assert!(!by(Match::DisplayName).is_group_id("9188040d-6c67-4c5b-b112-36a304b66dad"));
}

proptest! {
    #[test]
    fn any_pattern_is_judged_and_reads_back(text in "\\PC{0,60}", value in "\\PC{0,40}") {
        if let Ok(pattern) = text.parse::<Pattern>() {
            let _ = pattern.matches(&value);
            prop_assert_eq!(pattern.to_string(), text);
        }
    }

    #[test]
    fn any_setting_is_judged(name in "issuer|jwksUri|domains|algs|attributes|groups|userName|default|name", text in "\\PC{0,30}") {
        for value in [json!(text), json!([text]), json!({"claim": text}), json!([{"to": text, "from": text}])] {
            if let Ok(rules) = okta_with(&json!({&name: value})) {
                prop_assert_eq!(Rules::read(&rules.to_value()), Ok(rules));
            }
        }
    }
}
