//! The decision of a login: who this is, what is to be written, or why not. Pure: rules, claims and a snapshot go in.
//!
//! The order of the steps is the specification (docs/reconciliation.md, "who is this"): tombstone, link, anchor, join once,
//! any other match is refused, JIT off, create. Every step that was tried leaves a line in the trace, with codes only.

use serde::Serialize;

use super::claims::{Claims, GroupsClaim};
use super::rules::{Invitations, Rules};

/// What of the store a decision looks at.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    pub paused: bool,
    /// The subject or the anchor belongs to somebody who was deleted.
    pub tombstoned: bool,
    /// The address or user name does: it joins nobody and creates nobody.
    pub name_tombstoned: bool,
    pub linked: Option<Candidate>,
    pub anchored: Option<Candidate>,
    /// People pushed by this same connection whose name equals a join claim, not yet linked on it.
    pub pushed: Vec<Candidate>,
    /// The connection's anchor has matched somebody: it works, so names are not needed any more.
    pub anchor_works: bool,
    /// Unclaimed people with the vouched address, not linked on this connection.
    pub unclaimed: Vec<Candidate>,
    /// Anybody else with that address or user name.
    pub others: Vec<String>,
    /// Pending, unexpired invitations of the person: by vouched address, or by the token that was shown.
    pub invitations: Vec<Invited>,
    /// The user name lies in a domain that is verified for another connection.
    pub user_name_reserved: bool,
    /// Who holds the user name.
    pub name_holder: Option<String>,
    /// What an administrator has ruled about this subject.
    pub ruling: Ruling,
    /// (account, the name of what matched) of everybody who was found, for the conflict queue.
    pub matches: Vec<(String, &'static str)>,
    pub serves_organizations: bool,
}

/// An administrator's word on who a subject is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Ruling {
    #[default]
    None,
    /// Nobody of those whom a name or an address fits.
    Apart,
    Account(Candidate),
}

/// An account that may be the person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Candidate {
    pub id: String,
    /// Active altogether and by this connection.
    pub active: bool,
    /// Protected, or with privileges that an administrator gave: never joined without approval.
    pub guarded: bool,
    /// In an organization of the connection, apart from what this login's own link would give.
    pub in_organization: bool,
    /// The pushed `externalId` has the anchor's shape and differs: a recycled name during push lag.
    pub other_anchor: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invited {
    pub id: String,
    /// The account that an invitation with a verified address was made for, if there is exactly one.
    pub account: Option<Candidate>,
}

/// Who, and by which step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    Linked(String),
    Anchored(String),
    Joined(String),
    Invited(String),
    /// By an administrator's ruling.
    Ruled(String),
    New,
}

impl Who {
    pub fn id(&self) -> Option<&str> {
        match self {
            Self::Linked(id) | Self::Anchored(id) | Self::Joined(id) | Self::Invited(id) | Self::Ruled(id) => Some(id),
            Self::New => None,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowed {
    pub who: Who,
    /// Ids of the invitations to accept.
    pub accept: Vec<String>,
    /// Whether the groups claim is kept (JIT on, and a list was stated).
    pub keep_groups: bool,
    /// An administrator has ruled who this is, whatever the anchor says.
    pub ignore_anchor: bool,
}

/// Why nobody may enter; the codes are the API's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    pub code: Code,
    /// The account it is about, if that is known.
    pub person: Option<String>,
    /// An administrator can mend it: a row in the conflict queue.
    pub conflict: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    ConnectionDisabled,
    NotInvited,
    DomainNotVerified,
    Inactive,
    Tombstoned,
    IdentityConflict,
    AccountExistsUnlinked,
    AmbiguousAccount,
    PolicyDenied,
    MissingRequiredClaim,
}

impl Code {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ConnectionDisabled => "connection_disabled",
            Self::NotInvited => "not_invited",
            Self::DomainNotVerified => "domain_not_verified",
            Self::Inactive => "inactive",
            Self::Tombstoned => "tombstoned",
            Self::IdentityConflict => "identity_conflict",
            Self::AccountExistsUnlinked => "account_exists_unlinked",
            Self::AmbiguousAccount => "ambiguous_account",
            Self::PolicyDenied => "policy_denied",
            Self::MissingRequiredClaim => "missing_required_claim",
        }
    }
}

/// One step that was tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    pub step: &'static str,
    pub outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    pub outcome: Result<Allowed, Denied>,
    pub trace: Vec<Step>,
}

/// Decides a login.
pub fn decide(rules: &Rules, claims: &Claims, snapshot: &Snapshot) -> Decision {
    let mut trace = Vec::new();
    let outcome = find(rules, claims, snapshot, &mut trace)
        .and_then(|(who, candidate)| enter(rules, claims, snapshot, who, candidate.as_ref(), &mut trace));
    Decision { outcome, trace }
}

type Found = (Who, Option<Candidate>);

fn find(rules: &Rules, claims: &Claims, snapshot: &Snapshot, trace: &mut Vec<Step>) -> Result<Found, Denied> {
    let mut note = |step, outcome| trace.push(Step { step, outcome });
    if snapshot.paused {
        note("connection", "paused");
        return Err(deny(Code::ConnectionDisabled));
    }
    if snapshot.tombstoned {
        note("tombstone", "found");
        return Err(deny(Code::Tombstoned));
    }
    if let Ruling::Account(ruled) = &snapshot.ruling {
        note("ruling", "bound");
        return Ok((Who::Ruled(ruled.id.clone()), Some(ruled.clone())));
    }
    let apart = snapshot.ruling == Ruling::Apart;
    if let Some(linked) = snapshot.linked.as_ref().filter(|_| apart) {
        note("ruling", "kept_apart");
        return Ok((Who::Linked(linked.id.clone()), Some(linked.clone())));
    }
    if let Some(linked) = &snapshot.linked {
        // Links never move: an anchor that names another account is a conflict, not a rename.
        if let Some(anchored) = snapshot.anchored.as_ref().filter(|anchored| anchored.id != linked.id) {
            note("link", "anchor_names_another");
            return Err(conflict(Code::IdentityConflict, Some(anchored.id.clone())));
        }
        note("link", "found");
        return Ok((Who::Linked(linked.id.clone()), Some(linked.clone())));
    }
    note("link", "none");
    if let Some(anchored) = &snapshot.anchored {
        note("anchor", "found");
        return Ok((Who::Anchored(anchored.id.clone()), Some(anchored.clone())));
    }
    note("anchor", if claims.anchor.is_some() { "none" } else { "no_claim" });
    if apart {
        note("ruling", "kept_apart");
        if let Some(holder) = &snapshot.name_holder {
            note("user_name", "taken");
            return Err(conflict(Code::AccountExistsUnlinked, Some(holder.clone())));
        }
        return create(rules, claims, snapshot, &mut note);
    }
    if let Some(found) = join(rules, snapshot, &mut note)? {
        return Ok(found);
    }
    if let Some(invited) = snapshot.invitations.iter().find_map(|invited| invited.account.as_ref()) {
        note("invitation", "made_for_account");
        return Ok((Who::Invited(invited.id.clone()), Some(invited.clone())));
    }
    if let Some(other) = snapshot.others.first() {
        note("other_match", if snapshot.others.len() > 1 { "several" } else { "found" });
        return Err(conflict(Code::AccountExistsUnlinked, Some(other.clone())));
    }
    if snapshot.user_name_reserved {
        note("user_name", "reserved");
        return Err(conflict(Code::AccountExistsUnlinked, None));
    }
    create(rules, claims, snapshot, &mut note)
}

/// Nobody is there: a new account, if this connection may make one.
fn create(
    rules: &Rules,
    claims: &Claims,
    snapshot: &Snapshot,
    note: &mut impl FnMut(&'static str, &'static str),
) -> Result<Found, Denied> {
    if (!rules.jit.enabled || !rules.jit.create) && snapshot.invitations.is_empty() {
        note("jit", "off");
        return Err(deny(Code::NotInvited));
    }
    if snapshot.name_tombstoned {
        note("tombstone", "name");
        return Err(deny(Code::Tombstoned));
    }
    let in_domain = claims.email.as_ref().is_some_and(|email| rules.owns(&email.address.domain));
    if rules.restrict_to_domains && !in_domain {
        note("domain", "not_verified");
        return Err(deny(Code::DomainNotVerified));
    }
    if claims.user_name.is_none() || claims.anchor.is_none() {
        note("create", "missing_claim");
        return Err(deny(Code::MissingRequiredClaim));
    }
    note("create", "new");
    Ok((Who::New, None))
}

/// Join once: exactly one person pushed by this same connection, else exactly one unclaimed person with the vouched address.
fn join(
    rules: &Rules,
    snapshot: &Snapshot,
    note: &mut impl FnMut(&'static str, &'static str),
) -> Result<Option<Found>, Denied> {
    if !rules.join.enabled {
        note("join", "off");
        return Ok(None);
    }
    if snapshot.anchor_works {
        note("join_pushed", "off_anchor_works");
    } else {
        let pushed: Vec<&Candidate> = snapshot.pushed.iter().filter(|candidate| !candidate.other_anchor).collect();
        match pushed.as_slice() {
            [] => note("join_pushed", "none"),
            [one] => {
                note("join_pushed", "found");
                return guarded(one).map(Some);
            }
            [first, ..] => {
                note("join_pushed", "several");
                return Err(conflict(Code::AmbiguousAccount, Some(first.id.clone())));
            }
        }
    }
    if snapshot.name_tombstoned {
        note("join_unclaimed", "tombstone");
        return Ok(None);
    }
    match snapshot.unclaimed.as_slice() {
        [] => note("join_unclaimed", "none"),
        [one] => {
            note("join_unclaimed", "found");
            return guarded(one).map(Some);
        }
        [first, ..] => {
            note("join_unclaimed", "several");
            return Err(conflict(Code::AmbiguousAccount, Some(first.id.clone())));
        }
    }
    Ok(None)
}

fn guarded(candidate: &Candidate) -> Result<Found, Denied> {
    if candidate.guarded {
        return Err(conflict(Code::PolicyDenied, Some(candidate.id.clone())));
    }
    Ok((Who::Joined(candidate.id.clone()), Some(candidate.clone())))
}

fn enter(
    rules: &Rules,
    claims: &Claims,
    snapshot: &Snapshot,
    who: Who,
    candidate: Option<&Candidate>,
    trace: &mut Vec<Step>,
) -> Result<Allowed, Denied> {
    let mut note = |step, outcome| trace.push(Step { step, outcome });
    // A login is no lifecycle authority: whoever is inactive stays so.
    if candidate.is_some_and(|candidate| !candidate.active) {
        note("active", "inactive");
        return Err(Denied { code: Code::Inactive, person: who.id().map(str::to_owned), conflict: false });
    }
    let accept: Vec<String> = match rules.jit.invitations {
        Invitations::Accept => snapshot.invitations.iter().map(|invited| invited.id.clone()).collect(),
        Invitations::Ignore => Vec::new(),
    };
    if !accept.is_empty() {
        note("invitation", "accepted");
    }
    if !rules.jit.enabled {
        let inside = candidate.is_some_and(|candidate| candidate.in_organization) || !snapshot.serves_organizations;
        if !inside && accept.is_empty() {
            note("jit", "off_and_in_no_organization");
            return Err(Denied { code: Code::NotInvited, person: who.id().map(str::to_owned), conflict: false });
        }
        note("jit", "off");
    }
    note(
        "groups",
        match (&claims.groups, rules.jit.enabled) {
            (_, false) => "jit_off",
            (GroupsClaim::Absent, true) => "absent",
            (GroupsClaim::CutOff, true) => "cut_off",
            (GroupsClaim::Known(_), true) => "known",
        },
    );
    let keep_groups = rules.jit.enabled && matches!(claims.groups, GroupsClaim::Known(_));
    Ok(Allowed { who, accept, keep_groups, ignore_anchor: snapshot.ruling != Ruling::None })
}

fn deny(code: Code) -> Denied {
    Denied { code, person: None, conflict: false }
}

fn conflict(code: Code, person: Option<String>) -> Denied {
    Denied { code, person, conflict: true }
}

#[cfg(test)]
mod tests {
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
                Snapshot {
                    ruling: Ruling::Account(Candidate { active: false, ..candidate("r") }),
                    ..Default::default()
                },
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
                "no name to create by",
                json!({"userName": ["upn"]}),
                Snapshot::default(),
                Err(Code::MissingRequiredClaim),
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

    #[test]
    fn every_decision_leaves_a_trace() {
        let rules = rules(json!({}));
        let decision = decide(&rules, &claims(&rules), &Snapshot::default());
        let steps: Vec<&str> = decision.trace.iter().map(|step| step.step).collect();
        assert_eq!(steps, ["link", "anchor", "join_pushed", "join_unclaimed", "create", "groups"]);
        assert!(decision.outcome.unwrap().keep_groups);
    }
}
