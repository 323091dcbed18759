use serde_json::json;

use super::*;
use crate::jit::claims::{self, Statement};

fn rules(patch: serde_json::Value) -> Rules {
    let base = json!({"issuer": "https://idp.example", "clientIds": ["app"], "domains": ["acme.example"]});
    Rules::default_for("okta").patched(&base).and_then(|rules| rules.patched(&patch)).unwrap()
}

fn claims(rules: &Rules) -> Claims {
    said(rules, json!({"email": "ada@acme.example", "preferred_username": "ada@acme.example", "groups": ["staff"]}))
}

fn said(rules: &Rules, claims: serde_json::Value) -> Claims {
    let claims = claims.as_object().unwrap().clone();
    claims::read(rules, &Statement { subject: "s1".into(), stamp: 1, claims, evidence: "00".into() })
}

fn candidate(id: &str) -> Candidate {
    Candidate { id: id.into(), active: true, ..Candidate::default() }
}

fn outcome(patch: serde_json::Value, snapshot: Snapshot) -> Result<Who, Code> {
    let rules = rules(patch);
    decide(&rules, &claims(&rules), &snapshot).outcome.map(|allowed| allowed.who).map_err(|denied| denied.code)
}

#[test]
fn the_steps_in_order() {
    let invited = |account| vec![Invited { id: "i1".into(), account }];
    let off = json!({"jit": {"enabled": false}});
    let table: Vec<(&str, serde_json::Value, Snapshot, Result<Who, Code>)> = vec![
        ("nobody there", json!({}), Snapshot::default(), Ok(Who::New)),
        ("paused", json!({}), Snapshot { paused: true, ..Default::default() }, Err(Code::ConnectionDisabled)),
        (
            "above the ceiling beats a link",
            json!({}),
            Snapshot { above_ceiling: true, linked: Some(candidate("u")), ..Default::default() },
            Err(Code::BrokerNotAllowed),
        ),
        (
            "a tombstone beats a link",
            json!({}),
            Snapshot { tombstoned: true, linked: Some(candidate("u")), ..Default::default() },
            Err(Code::Tombstoned),
        ),
        (
            "link",
            json!({}),
            Snapshot { linked: Some(candidate("u")), ..Default::default() },
            Ok(Who::Linked("u".into())),
        ),
        (
            "links never move",
            json!({}),
            Snapshot { linked: Some(candidate("u")), anchored: Some(candidate("v")), ..Default::default() },
            Err(Code::IdentityConflict),
        ),
        (
            "anchor before join",
            json!({}),
            Snapshot { anchored: Some(candidate("u")), pushed: vec![candidate("v")], ..Default::default() },
            Ok(Who::Anchored("u".into())),
        ),
        (
            "pushed by the same connection",
            json!({}),
            Snapshot { pushed: vec![candidate("u")], ..Default::default() },
            Ok(Who::Joined("u".into())),
        ),
        (
            "an administrator bound the subject, whatever link and anchor say",
            json!({}),
            Snapshot {
                ruling: Ruling::Account(candidate("r")),
                linked: Some(candidate("u")),
                anchored: Some(candidate("v")),
                ..Default::default()
            },
            Ok(Who::Ruled("r".into())),
        ),
        (
            "whom an administrator bound may be inactive",
            json!({}),
            Snapshot { ruling: Ruling::Account(Candidate { active: false, ..candidate("r") }), ..Default::default() },
            Err(Code::Inactive),
        ),
        (
            "kept apart from everybody who fits",
            json!({}),
            Snapshot {
                ruling: Ruling::Apart,
                unclaimed: vec![candidate("u")],
                others: vec!["v".into()],
                user_name_reserved: true,
                ..Default::default()
            },
            Ok(Who::New),
        ),
        (
            "kept apart, but the name is held",
            json!({}),
            Snapshot { ruling: Ruling::Apart, name_holder: Some("v".into()), ..Default::default() },
            Err(Code::AccountExistsUnlinked),
        ),
        (
            "kept apart from the anchor's account",
            json!({}),
            Snapshot {
                ruling: Ruling::Apart,
                linked: Some(candidate("u")),
                anchored: Some(candidate("v")),
                ..Default::default()
            },
            Ok(Who::Linked("u".into())),
        ),
        (
            "a recycled name during push lag",
            json!({}),
            Snapshot {
                pushed: vec![Candidate { other_anchor: true, ..candidate("u") }],
                others: vec!["u".into()],
                ..Default::default()
            },
            Err(Code::AccountExistsUnlinked),
        ),
        (
            "names are not needed once the anchor works",
            json!({}),
            Snapshot {
                pushed: vec![candidate("u")],
                others: vec!["u".into()],
                anchor_works: true,
                ..Default::default()
            },
            Err(Code::AccountExistsUnlinked),
        ),
        (
            "unclaimed",
            json!({}),
            Snapshot { unclaimed: vec![candidate("u")], ..Default::default() },
            Ok(Who::Joined("u".into())),
        ),
        (
            "guarded",
            json!({}),
            Snapshot { unclaimed: vec![Candidate { guarded: true, ..candidate("u") }], ..Default::default() },
            Err(Code::PolicyDenied),
        ),
        (
            "two of them",
            json!({}),
            Snapshot { unclaimed: vec![candidate("u"), candidate("v")], ..Default::default() },
            Err(Code::AmbiguousAccount),
        ),
        (
            "join switched off",
            json!({"join": {"enabled": false}}),
            Snapshot { unclaimed: vec![candidate("u")], others: vec!["u".into()], ..Default::default() },
            Err(Code::AccountExistsUnlinked),
        ),
        (
            "another connection's person never links by an address",
            json!({}),
            Snapshot { others: vec!["u".into()], ..Default::default() },
            Err(Code::AccountExistsUnlinked),
        ),
        (
            "unless an invitation was made for them",
            json!({}),
            Snapshot { others: vec!["u".into()], invitations: invited(Some(candidate("u"))), ..Default::default() },
            Ok(Who::Invited("u".into())),
        ),
        (
            "inactive stays so",
            json!({}),
            Snapshot { linked: Some(Candidate { id: "u".into(), ..Candidate::default() }), ..Default::default() },
            Err(Code::Inactive),
        ),
        ("JIT off and a stranger", off.clone(), Snapshot::default(), Err(Code::NotInvited)),
        (
            "JIT off and invited",
            off.clone(),
            Snapshot { invitations: invited(None), serves_organizations: true, ..Default::default() },
            Ok(Who::New),
        ),
        (
            "JIT off, found, in no organization",
            off.clone(),
            Snapshot { linked: Some(candidate("u")), serves_organizations: true, ..Default::default() },
            Err(Code::NotInvited),
        ),
        (
            "JIT off, found, in an organization",
            off.clone(),
            Snapshot {
                linked: Some(Candidate { in_organization: true, ..candidate("u") }),
                serves_organizations: true,
                ..Default::default()
            },
            Ok(Who::Linked("u".into())),
        ),
        (
            "JIT off where the connection serves no organization",
            off,
            Snapshot { linked: Some(candidate("u")), ..Default::default() },
            Ok(Who::Linked("u".into())),
        ),
        (
            "outside the domains",
            json!({"restrictToDomains": true, "domains": ["other.example"]}),
            Snapshot::default(),
            Err(Code::DomainNotVerified),
        ),
        (
            "inside one of the domains",
            json!({"restrictToDomains": true, "domains": ["other.example", "acme.example"]}),
            Snapshot::default(),
            Ok(Who::New),
        ),
        ("no name to create by", json!({"userName": ["upn"]}), Snapshot::default(), Err(Code::MissingRequiredClaim)),
        (
            "no anchor to create by",
            json!({"anchor": {"claim": "oid"}}),
            Snapshot::default(),
            Err(Code::MissingRequiredClaim),
        ),
        (
            "JIT on, but it makes no accounts",
            json!({"jit": {"create": false}}),
            Snapshot::default(),
            Err(Code::NotInvited),
        ),
        (
            "a deleted person's name creates nobody",
            json!({}),
            Snapshot { name_tombstoned: true, unclaimed: vec![candidate("u")], ..Default::default() },
            Err(Code::Tombstoned),
        ),
    ];
    for (what, patch, snapshot, expected) in table {
        assert_eq!(outcome(patch, snapshot), expected, "{what}");
    }
}

/// Whom a refusal is about, whether an administrator can mend it, and whose account is made all the same.
#[test]
fn what_a_refusal_says() {
    let docker = json!({"jit": {"enabled": false, "accountStep": "always"}});
    let inactive = Candidate { active: false, ..candidate("u") };
    let refusal = |code, person: Option<&str>, conflict| Denied {
        code,
        person: person.map(str::to_owned),
        conflict,
        account: None,
    };
    let table: Vec<(&str, serde_json::Value, Snapshot, Denied)> = vec![
        ("paused", json!({}), Snapshot { paused: true, ..Default::default() }, deny(Code::ConnectionDisabled)),
        (
            "the anchor's account",
            json!({}),
            Snapshot { linked: Some(candidate("u")), anchored: Some(candidate("v")), ..Default::default() },
            refusal(Code::IdentityConflict, Some("v"), true),
        ),
        (
            "the first of two",
            json!({}),
            Snapshot { unclaimed: vec![candidate("u"), candidate("v")], ..Default::default() },
            refusal(Code::AmbiguousAccount, Some("u"), true),
        ),
        (
            "who is guarded",
            json!({}),
            Snapshot { pushed: vec![Candidate { guarded: true, ..candidate("u") }], ..Default::default() },
            refusal(Code::PolicyDenied, Some("u"), true),
        ),
        (
            "who has the address",
            json!({}),
            Snapshot { others: vec!["u".into()], ..Default::default() },
            refusal(Code::AccountExistsUnlinked, Some("u"), true),
        ),
        (
            "a name that nobody has yet",
            json!({}),
            Snapshot { user_name_reserved: true, ..Default::default() },
            refusal(Code::AccountExistsUnlinked, None, true),
        ),
        (
            "who is inactive, by whatever step they were found",
            json!({}),
            Snapshot { anchored: Some(inactive.clone()), ..Default::default() },
            refusal(Code::Inactive, Some("u"), false),
        ),
        (
            "the same, pushed",
            json!({}),
            Snapshot { pushed: vec![inactive.clone()], ..Default::default() },
            refusal(Code::Inactive, Some("u"), false),
        ),
        (
            "who is in no organization",
            json!({"jit": {"enabled": false}}),
            Snapshot { linked: Some(candidate("u")), serves_organizations: true, ..Default::default() },
            refusal(Code::NotInvited, Some("u"), false),
        ),
        (
            "who is in no organization, and has an account",
            docker.clone(),
            Snapshot { linked: Some(candidate("u")), serves_organizations: true, ..Default::default() },
            Denied { account: Some(Who::Linked("u".into())), ..refusal(Code::NotInvited, Some("u"), false) },
        ),
        (
            "a stranger, who gets an account",
            docker,
            Snapshot { serves_organizations: true, ..Default::default() },
            Denied { account: Some(Who::New), ..deny(Code::NotInvited) },
        ),
        (
            "a stranger, where nobody gets one",
            json!({"jit": {"enabled": false, "create": false, "accountStep": "always"}}),
            Snapshot { serves_organizations: true, ..Default::default() },
            deny(Code::NotInvited),
        ),
        (
            "a stranger from a domain that is not the connection's",
            json!({"jit": {"enabled": false, "accountStep": "always"}, "domains": ["other.example"]}),
            Snapshot { serves_organizations: true, ..Default::default() },
            deny(Code::NotInvited),
        ),
    ];
    for (what, patch, snapshot, expected) in table {
        let rules = rules(patch);
        assert_eq!(decide(&rules, &claims(&rules), &snapshot).outcome, Err(expected), "{what}");
    }
}

#[test]
fn what_an_admission_carries() {
    let invitations = vec![Invited { id: "i1".into(), account: None }, Invited { id: "i2".into(), account: None }];
    let allowed = |accept: &[&str], keep_groups, ignore_anchor| Allowed {
        who: Who::Linked("u".into()),
        accept: accept.iter().map(|id| (*id).to_owned()).collect(),
        keep_groups,
        ignore_anchor,
    };
    let linked = || Snapshot { linked: Some(candidate("u")), invitations: invitations.clone(), ..Default::default() };
    let table: Vec<(&str, serde_json::Value, Snapshot, Allowed)> = vec![
        ("every invitation", json!({}), linked(), allowed(&["i1", "i2"], true, false)),
        ("none", json!({"jit": {"invitations": "ignore"}}), linked(), allowed(&[], true, false)),
        (
            "no groups while JIT is off",
            json!({"jit": {"enabled": false}}),
            linked(),
            allowed(&["i1", "i2"], false, false),
        ),
        (
            "nor where none are stated",
            json!({"groups": {"claim": "teams"}}),
            linked(),
            allowed(&["i1", "i2"], false, false),
        ),
        (
            "an administrator has ruled",
            json!({}),
            Snapshot { ruling: Ruling::Apart, ..linked() },
            allowed(&["i1", "i2"], true, true),
        ),
        (
            "and bound the subject",
            json!({}),
            Snapshot { ruling: Ruling::Account(candidate("r")), ..linked() },
            Allowed { who: Who::Ruled("r".into()), ..allowed(&["i1", "i2"], true, true) },
        ),
    ];
    for (what, patch, snapshot, expected) in table {
        let rules = rules(patch);
        assert_eq!(decide(&rules, &claims(&rules), &snapshot).outcome, Ok(expected), "{what}");
    }
}

/// `step: outcome` of every step that was tried.
fn traced(patch: serde_json::Value, said_by_token: Option<serde_json::Value>, snapshot: &Snapshot) -> String {
    let rules = rules(patch);
    let claims = said_by_token.map_or_else(|| claims(&rules), |token| said(&rules, token));
    let trace = decide(&rules, &claims, snapshot).trace;
    trace.iter().map(|step| format!("{}: {}", step.step, step.outcome)).collect::<Vec<_>>().join(", ")
}

#[test]
fn every_decision_leaves_a_trace() {
    let new = "link: none, anchor: none, join_pushed: none, join_unclaimed: none, create: new";
    let others =
        |ids: &[&str]| Snapshot { others: ids.iter().map(|id| (*id).to_owned()).collect(), ..Default::default() };
    assert_eq!(traced(json!({}), None, &Snapshot::default()), format!("{new}, groups: known"));
    let long = json!({"preferred_username": "ada", "hasgroups": true});
    assert_eq!(traced(json!({}), Some(long), &Snapshot::default()), format!("{new}, groups: cut_off"));
    let silent = json!({"preferred_username": "ada"});
    assert_eq!(traced(json!({}), Some(silent), &Snapshot::default()), format!("{new}, groups: absent"));
    let invited = Snapshot { invitations: vec![Invited { id: "i1".into(), account: None }], ..Default::default() };
    assert_eq!(
        traced(json!({"jit": {"enabled": false}}), None, &invited),
        format!("{new}, invitation: accepted, jit: off, groups: jit_off")
    );
    let unknown = "link: none, anchor: none, join_pushed: none, join_unclaimed: none";
    assert_eq!(traced(json!({}), None, &others(&["u"])), format!("{unknown}, other_match: found"));
    assert_eq!(traced(json!({}), None, &others(&["u", "v"])), format!("{unknown}, other_match: several"));
    assert_eq!(
        traced(json!({"anchor": {"claim": "oid"}}), None, &Snapshot::default()),
        "link: none, anchor: no_claim, join_pushed: none, join_unclaimed: none, create: missing_claim"
    );
}

#[test]
fn a_code_is_written_as_it_is_named() {
    use Code::*;
    for code in [
        ConnectionDisabled,
        BrokerNotAllowed,
        NotInvited,
        DomainNotVerified,
        Inactive,
        Tombstoned,
        IdentityConflict,
        AccountExistsUnlinked,
        AmbiguousAccount,
        PolicyDenied,
        MissingRequiredClaim,
        NoSeats,
    ] {
        assert_eq!(json!(code), json!(code.as_str()));
    }
}
