//! What a login answers, and the trace that is kept of it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Value, json};

use crate::directory::{Connected, Result, Voice, Wants, Work, find_in, world};
use crate::jit::claims::{Claims, GroupsClaim};
use crate::jit::decide::{Allowed, Decision, Who};
use crate::reconcile::{MEMBER, derive};
use crate::scim::key::Key;
use crate::scim::{self, core};
use crate::store::{people, resources, values};

use super::apply::Applied;

/// 200 of `POST …/logins`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// Always `allow`; a refusal is a problem document.
    pub decision: &'static str,
    pub user: User,
    pub created: bool,
    pub linked: bool,
    pub adopted: bool,
    pub organizations: Vec<Organization>,
    pub groups: Vec<Group>,
    /// What this login changed effectively.
    pub changes: Vec<Value>,
    /// What was said and lost: attribute names and sources, group values and why they count for nothing.
    pub drift: Vec<Value>,
    /// The steps that were tried.
    pub trace: Vec<Value>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub groups_unknown: bool,
    /// What this login ends goes beyond the connection's budget: it stands for now, `via` `held`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub held: bool,
    pub decision_id: String,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct User {
    pub id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handle: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    pub active: bool,
    pub meta: Value,
}

#[derive(Clone, Debug, Serialize)]
pub struct Organization {
    pub id: String,
    pub slug: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The highest that stands.
    pub role: String,
    pub via: Vec<&'static str>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Group {
    pub id: String,
    pub display_name: String,
    pub via: Vec<&'static str>,
}

/// Of how many values that mean nothing the answer says whether somebody else has a group of that name.
const MOST_LOOKED_UP: usize = 20;

/// A group of that name is there that this connection may not speak of: it is another's, and never joined by its name.
async fn is_name_of_a_group(work: &mut Work<'_>, connected: &Connected, value: &str) -> Result<bool> {
    let key = Key::text(false, value).0;
    for id in values::having(&mut work.tx, "Group", "displayname", &key, 3).await? {
        let row = resources::find(&mut work.tx, "Group", &id).await?;
        if row.is_some_and(|row| row.owner.as_deref() != Some(connected.id.as_str())) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Settles what was written and reads it back, in the same transaction.
pub(super) async fn compose(
    work: &mut Work<'_>,
    connected: &Connected,
    claims: &Claims,
    decision: &Decision,
    allowed: &Allowed,
    applied: &Applied,
    id: String,
) -> Result<Answer> {
    work.settle().await?;
    let kind = work.kind("User")?;
    let wants = Wants { groups: true, members: false };
    let configuration = work.configuration.clone();
    let resource = find_in(&mut work.tx, &configuration, &Voice::Reader, &kind, &applied.person, wants).await?;
    let one = BTreeSet::from([applied.person.clone()]);
    let mut accounts = people::load(&mut work.tx, &one).await?;
    let gathered = world::gather(&mut work.tx, &configuration, &work.registry, &mut accounts, work.now).await?;
    let mut via: BTreeMap<String, BTreeSet<&'static str>> = BTreeMap::new();
    let mut drift = Vec::new();
    let mut roles = BTreeMap::new();
    for account in &accounts {
        for ((parent, source), live) in &account.stored {
            if *live {
                via.entry(parent.clone()).or_default().insert(source.via());
            }
        }
        let derived = derive(&account.person, &gathered);
        roles = derived.organizations(&gathered);
        for (cell, source, _) in derived.drift {
            drift.push(json!({"attribute": cell, "source": source}));
        }
    }
    if let (GroupsClaim::Known(values), true) = (&claims.groups, allowed.keep_groups) {
        let mut looked_up = 0;
        let meant = gathered.connections.get(&connected.id).map(|connection| &connection.groups_by_value);
        for value in values {
            match meant.and_then(|meant| meant.get(value)) {
                None => {
                    let is_owned = looked_up < MOST_LOOKED_UP && is_name_of_a_group(work, connected, value).await?;
                    looked_up += 1;
                    let reason = if is_owned { "group_name_owned" } else { "unmapped" };
                    drift.push(json!({"group": value, "reason": reason}));
                }
                Some(groups) => {
                    for group in groups.iter().filter(|group| !via.get(*group).is_some_and(|by| by.contains("login"))) {
                        if !via.get(group).is_some_and(|by| by.contains("push")) {
                            drift.push(json!({"group": value, "id": group, "reason": "overruled"}));
                        }
                    }
                }
            }
        }
    }
    let mut groups = Vec::new();
    for link in resource.groups.iter().flatten() {
        let words = match via.get(&link.value) {
            Some(words) => words.iter().copied().collect(),
            None => vec!["nested"],
        };
        let display_name = link.display.clone().unwrap_or_default();
        groups.push(Group { id: link.value.clone(), display_name, via: words });
    }
    let mut organizations = organizations(work, &via, &roles).await?;
    if work.is_platform() {
        let served = connected.organizations();
        organizations.retain(|organization| served.contains(&organization.id));
        let ids: BTreeSet<String> = groups.iter().map(|group| group.id.clone()).collect();
        let foreign = |row: &resources::Row| row.organization.as_ref().is_some_and(|own| !served.contains(own));
        let existing = resources::existing(&mut work.tx, &ids).await?;
        let foreign: BTreeSet<String> = existing.into_iter().filter(foreign).map(|row| row.id).collect();
        groups.retain(|group| !foreign.contains(&group.id));
    }
    let text = |name: &str| resource.document.0.get(name).and_then(Value::as_str).map(str::to_owned);
    let handle = resource
        .document
        .0
        .get(scim::resource_type::urn::PERSON)
        .and_then(|person| person.get("handle"))
        .and_then(Value::as_str)
        .map(str::to_owned);
    Ok(Answer {
        decision: "allow",
        user: User {
            user_name: text("userName"),
            display_name: text("displayName"),
            handle,
            external_id: resource.external_id.clone(),
            active: resource.active.unwrap_or(true),
            meta: json!({"resourceType": "User", "created": core::instant(resource.created),
                         "lastModified": core::instant(resource.modified), "version": resource.tag().to_string()}),
            id: resource.id,
        },
        created: applied.created,
        linked: applied.linked,
        adopted: applied.adopted,
        organizations,
        groups,
        changes: work
            .events
            .iter()
            .map(|event| json!({"kind": event.kind, "resource": event.resource, "other": event.other, "names": event.names}))
            .collect(),
        drift,
        trace: decision.trace.iter().map(|step| json!(step)).collect(),
        groups_unknown: matches!(claims.groups, GroupsClaim::CutOff),
        held: work.holds_back,
        decision_id: id,
    })
}

/// The organizations behind the rows: by a word on themselves, or through a team.
async fn organizations(
    work: &mut Work<'_>,
    via: &BTreeMap<String, BTreeSet<&'static str>>,
    roles: &BTreeMap<String, String>,
) -> Result<Vec<Organization>> {
    let parents: BTreeSet<String> = via.keys().cloned().collect();
    let mut words: BTreeMap<String, BTreeSet<&'static str>> = BTreeMap::new();
    for row in resources::existing(&mut work.tx, &parents).await? {
        let own = &via[&row.id];
        match (row.kind.as_str(), row.organization) {
            ("Organization", _) => words.entry(row.id.clone()).or_default().extend(own),
            (_, Some(organization)) => words.entry(organization).or_default().extend(own),
            _ => {}
        }
    }
    let ids: BTreeSet<String> = words.keys().cloned().collect();
    let rows = resources::existing(&mut work.tx, &ids).await?;
    Ok(rows
        .into_iter()
        .filter(|row| row.kind == "Organization")
        .map(|row| {
            let document: Value = serde_json::from_str(&row.document).unwrap_or_default();
            let slug = document.get("slug").and_then(Value::as_str).unwrap_or_default().to_owned();
            let name = document.get("displayName").and_then(Value::as_str).map(str::to_owned);
            let role = roles.get(&row.id).map_or(MEMBER, String::as_str).to_owned();
            Organization { slug, name, role, via: words[&row.id].iter().copied().collect(), id: row.id }
        })
        .collect())
}

/// What is kept: the evidence's hash, claim names, group values and steps. No attribute value of anybody.
pub(super) fn trace(
    connected: &Connected,
    claims: &Claims,
    broker: Option<&str>,
    decision: &Decision,
    id: &str,
    person: Option<&str>,
    now: i64,
) -> Value {
    let mut evidence = json!({"sha256": claims.evidence, "iat": core::instant(claims.stamp)});
    if let Some(broker) = broker {
        evidence["broker"] = json!(broker);
    }
    let (outcome, code, how) = match &decision.outcome {
        Ok(allowed) => ("allow", None, Some(allowed)),
        Err(denied) => ("deny", Some(denied.code.as_str()), None),
    };
    let sentence = match (&decision.outcome, how.map(|allowed| &allowed.who)) {
        (Ok(_), Some(Who::Linked(_))) => "Allowed: this subject has signed in before and is linked to the account.",
        (Ok(_), Some(Who::Anchored(_))) => "Allowed: the anchor names the account.",
        (Ok(_), Some(Who::Joined(_))) => {
            "Allowed: joined once to the only account that the name or verified address fits."
        }
        (Ok(_), Some(Who::Invited(_))) => "Allowed: an invitation was made for the account.",
        (Ok(_), Some(Who::Ruled(_))) => "Allowed: an administrator bound this subject to the account.",
        (Ok(_), _) => "Allowed: nobody was there, so the account was created.",
        (Err(denied), _) => refusal(denied.code.as_str()),
    };
    json!({
        "decisionId": id, "at": core::instant(now), "connection": {"id": connected.id, "name": connected.name},
        "outcome": outcome, "code": code, "rule": rule(code), "sentence": sentence, "person": person,
        "evidence": evidence,
        "claims": {
            "attributes": claims.attributes.keys().collect::<Vec<_>>(),
            "groups": match &claims.groups {
                GroupsClaim::Absent => json!("absent"),
                GroupsClaim::CutOff => json!("cut off"),
                GroupsClaim::Known(values) => json!(values),
            },
            "skipped": claims.skipped,
        },
        "steps": decision.trace,
    })
}

fn refusal(code: &str) -> &'static str {
    match code {
        "connection_disabled" => "Refused: the connection is paused.",
        "broker_not_allowed" => {
            "Refused: the broker named an address or user name in a domain that its ceiling leaves out."
        }
        "tombstoned" => "Refused: the person was deleted; only a SCIM create or an administrator brings them back.",
        "identity_conflict" => {
            "Refused: the anchor names another account than the link of this subject; links never move."
        }
        "inactive" => "Refused: the account is inactive, and a sign-in never brings anybody back.",
        "account_exists_unlinked" => {
            "Refused: an account with this name or address exists that this connection may not join; invite or bind it."
        }
        "ambiguous_account" => "Refused: several accounts fit; an administrator has to bind one.",
        "policy_denied" => "Refused: the account that fits is protected; an administrator has to bind it.",
        "not_invited" => "Refused: sign-in creates nobody here, and there is no membership or invitation to enter by.",
        "domain_not_verified" => "Refused: the address is not in a domain verified for the connection.",
        "no_seats" => "Refused: all seats of an organization are taken that this sign-in would bring the person into.",
        "missing_required_claim" => "Refused: the token lacks the claims that an account is created from.",
        _ => "Refused.",
    }
}

fn rule(code: Option<&str>) -> &'static str {
    match code {
        None => "R9",
        Some("inactive" | "tombstoned") => "R6",
        _ => "R10",
    }
}
