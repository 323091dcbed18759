use serde_json::json;

use super::*;
use crate::jit::claims::{self, Statement};

fn rules(patch: serde_json::Value) -> Rules {
    let base = json!({"issuer": "https://idp.example", "clientIds": ["app"], "domains": ["acme.example"]});
    Rules::default_for("okta").patched(&base).and_then(|rules| rules.patched(&patch)).unwrap()
}

fn claims(rules: &Rules) -> Claims {
    let said = json!({"email": "ada@acme.example", "preferred_username": "ada@acme.example", "groups": ["staff"]});
    let claims = said.as_object().unwrap().clone();
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
        ("no name to create by", json!({"userName": ["upn"]}), Snapshot::default(), Err(Code::MissingRequiredClaim)),
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

#[test]
fn every_decision_leaves_a_trace() {
    let rules = rules(json!({}));
    let decision = decide(&rules, &claims(&rules), &Snapshot::default());
    let steps: Vec<&str> = decision.trace.iter().map(|step| step.step).collect();
    assert_eq!(steps, ["link", "anchor", "join_pushed", "join_unclaimed", "create", "groups"]);
    assert!(decision.outcome.unwrap().keep_groups);
}
