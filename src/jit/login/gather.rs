//! The snapshot that a login is decided on, read behind the locks.

use std::collections::{BTreeMap, BTreeSet};

use crate::directory::{Connected, Result, Work, people, rulings, world};
use crate::jit::claims::{AttributeClaim, Claims, GroupsClaim};
use crate::jit::decide::{Candidate, Decision, Invited, Ruling, Snapshot, Who};
use crate::jit::rules::{Accounts, Mode};
use crate::reconcile::{Source, Stamp, cells};
use crate::scim::key::{self, Key};
use crate::store::people::Account;
use crate::store::{identity, invitations, resources, values};

/// The accounts that this login may be about, by how they were found.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    linked: Option<String>,
    anchored: Option<String>,
    /// By a pushed userName of this connection.
    pushed: BTreeSet<String>,
    /// By a vouched address.
    addressed: BTreeSet<String>,
    /// By any address or user name.
    named: BTreeSet<String>,
    /// By an administrator's ruling about the subject.
    ruled: Option<String>,
    /// The accounts that an administrator made the invitations for which were shown or wait for the address.
    invited: BTreeSet<String>,
    /// Who was found by the name of which claim.
    by: BTreeSet<(String, &'static str)>,
}

impl Found {
    pub(super) fn ids(&self) -> BTreeSet<String> {
        let mut ids: BTreeSet<String> = self.pushed.union(&self.addressed).chain(&self.named).cloned().collect();
        ids.extend(self.linked.clone());
        ids.extend(self.anchored.clone());
        ids.extend(self.ruled.clone());
        ids.extend(self.invited.clone());
        ids
    }

    fn note<'a>(&mut self, ids: impl IntoIterator<Item = &'a String>, claim: &'static str) {
        self.by.extend(ids.into_iter().map(|id| (id.clone(), claim)));
    }
}

/// Leaves out the claims of values that the tenant's definitions say are unique and that somebody else has: they refuse nobody,
/// and the trace counts them.
pub(super) async fn leave_taken(work: &mut Work<'_>, claims: &mut Claims, decision: &Decision) -> Result<()> {
    let who = match &decision.outcome {
        Ok(allowed) => Some(&allowed.who),
        Err(denied) => denied.account.as_ref(),
    };
    let person = who.and_then(Who::id).unwrap_or_default();
    let kind = work.kind("User")?;
    let mut taken = Vec::new();
    for (cell, claim) in &claims.attributes {
        let AttributeClaim::Value(value) = claim else { continue };
        let document = cells::document(&[(cell.clone(), value.clone())].into());
        if work.holder_of_unique(&kind, person, &key::entries(&kind, &document)).await?.is_some() {
            taken.push(cell.clone());
        }
    }
    for cell in &taken {
        claims.attributes.remove(cell);
        *claims.skipped.entry("attribute_taken").or_default() += 1;
    }
    Ok(())
}

/// Finds ids only: what is decided is read again behind the locks.
pub(super) async fn find(
    work: &mut Work<'_>,
    connected: &Connected,
    claims: &Claims,
    token: Option<&[u8; 32]>,
) -> Result<Found> {
    let mut found = known(work, connected, claims).await?;
    found.invited =
        shown(work, claims, token).await?.into_iter().filter_map(|(invitation, _)| invitation.person).collect();
    if found.linked.is_some() || found.anchored.is_some() || found.ruled.is_some() {
        return Ok(found);
    }
    let tx = &mut work.tx;
    for value in &claims.join_values {
        let record = resources::record_by_name(tx, &connected.id, "User", &Key::user_name(value).0).await?;
        let record = record.map(|record| record.resource);
        found.note(&record, "userName");
        found.pushed.extend(record);
        if value.contains('@') {
            let ids = values::having(tx, "User", "emails.value", &Key::text(false, value).0, 3).await?;
            found.note(&ids, "email");
            found.pushed.extend(ids);
        }
    }
    if let Some(email) = &claims.email {
        let mut ids = BTreeSet::new();
        for text in [&email.address.said, &email.address.folded] {
            ids.extend(values::having(tx, "User", "emails.value", &Key::text(false, text).0, 3).await?);
            ids.extend(values::having(tx, "User", "username", &Key::user_name(text).0, 3).await?);
        }
        found.note(&ids, "email");
        if email.vouched {
            found.addressed.clone_from(&ids);
        }
        found.named.extend(ids);
    }
    if let Some(name) = &claims.user_name {
        let ids = values::having(tx, "User", "username", &Key::user_name(name).0, 3).await?;
        found.note(&ids, "userName");
        found.named.extend(ids);
    }
    // Each statement sees what was committed until then: the person's own first login, if it was committed in between, would
    // be taken for somebody else of that name.
    let meanwhile = Found { invited: found.invited.clone(), ..known(work, connected, claims).await? };
    Ok(if meanwhile.linked.is_some() || meanwhile.anchored.is_some() { meanwhile } else { found })
}

/// By link, by anchor, and by an administrator's ruling.
async fn known(work: &mut Work<'_>, connected: &Connected, claims: &Claims) -> Result<Found> {
    let mut found = Found::default();
    let link = identity::link(&mut work.tx, &connected.id, &claims.subject).await?;
    found.linked = link.map(|link| link.resource);
    if let Some(anchor) = &claims.anchor {
        let known = identity::anchor(&mut work.tx, &connected.namespace(), anchor).await?;
        found.anchored = known.filter(|(_, retired)| !retired).map(|(id, _)| id);
    }
    if let Some(id) = found.anchored.take() {
        // What its successor holds, a predecessor's sign-in does not find by the anchor that they share.
        if work.held_by_successor(connected, &id).await? {
            found.named.insert(id);
        } else {
            found.anchored = Some(id);
        }
    }
    let (linked, anchored) = (found.linked.clone(), found.anchored.clone());
    found.note(&linked, "subject");
    found.note(&anchored, "anchor");
    let hash = work.subject_identity(&connected.id, &claims.subject);
    if let rulings::Ruling::Account(id) = work.ruling(&connected.id, rulings::SUBJECT, &hash).await? {
        found.ruled = Some(id);
    }
    Ok(found)
}

/// The groups that this login's claim may write rows of: taken before the person, so that no whole list is stated past it.
pub(super) async fn groups(work: &mut Work<'_>, connected: &Connected, claims: &Claims) -> Result<BTreeSet<String>> {
    let mut groups: BTreeSet<String> = connected.rules.defaults.group.iter().cloned().collect();
    if let GroupsClaim::Known(values) = &claims.groups {
        let values: BTreeSet<&String> = values.iter().collect();
        groups.extend(world::meaning(&mut work.tx, connected, &values).await?.into_iter().map(|(_, group)| group));
    }
    Ok(groups)
}

pub(super) async fn snapshot(
    work: &mut Work<'_>,
    connected: &Connected,
    claims: &Claims,
    invitation: Option<&[u8; 32]>,
) -> Result<Snapshot> {
    let found = find(work, connected, claims, invitation).await?;
    work.hold(&found.ids()).await?;
    let loaded = crate::store::people::load(&mut work.tx, &found.ids()).await?;
    let accounts: BTreeMap<String, Account> = loaded
        .into_iter()
        .filter(|account| !account.person.retired)
        .map(|account| (account.person.id.clone(), account))
        .collect();
    let mut candidates = BTreeMap::new();
    for (id, account) in &accounts {
        candidates.insert(id.clone(), candidate(work, connected, claims, account).await?);
    }
    let of = |id: &Option<String>| id.as_ref().and_then(|id| candidates.get(id)).cloned();
    let records_here = |account: &Account| account.person.records.iter().any(|r| r.connection == connected.id);
    let linked_here = |account: &Account| account.person.links.iter().any(|l| l.connection == connected.id);
    let pushed = found.pushed.iter().filter_map(|id| accounts.get(id)).filter(|a| records_here(a) && !linked_here(a));
    let anybody = connected.rules.join.accounts == Accounts::Any;
    let unclaimed = found.addressed.iter().filter_map(|id| accounts.get(id)).filter(|account| {
        let former = |connection: &String| connected.succeeds.as_ref() == Some(connection);
        let is_free = account.person.records.iter().all(|record| former(&record.connection))
            && account.person.links.iter().all(|link| former(&link.connection));
        (anybody || is_free) && people::is_addressed(connected, account)
    });
    let listed = |some: Vec<&Account>| some.iter().filter_map(|a| candidates.get(&a.person.id)).cloned().collect();
    let (pushed, unclaimed): (Vec<Candidate>, Vec<Candidate>) = (listed(pushed.collect()), listed(unclaimed.collect()));
    // On a platform somebody of another connection has another name, even if it reads alike.
    let is_concerned = |account: &Account| !work.is_platform() || records_here(account) || linked_here(account);
    let others: Vec<String> =
        found.named.iter().filter(|id| accounts.get(*id).is_some_and(is_concerned)).cloned().collect();
    // An address alone links nobody: the account must be one that no other connection pushes or signs in.
    let own = |account: &&Account| {
        let person = &account.person;
        person.records.iter().all(|record| record.connection == connected.id)
            && person.links.is_empty()
            && !account.guarded
            && people::is_addressed(connected, account)
    };
    let one_addressed: Vec<&Account> = found.addressed.iter().filter_map(|id| accounts.get(id)).filter(own).collect();
    let made_for = match one_addressed.as_slice() {
        [one] => candidates.get(&one.person.id).cloned(),
        _ => None,
    };
    let person = found.ruled.as_ref().or(found.linked.as_ref()).or(found.anchored.as_ref());
    let invitations = invited(work, claims, invitation, person, made_for, &candidates).await?;
    let user_name = claims.user_name.as_ref().map(|name| Key::user_name(name).0);
    let reserved = user_name
        .as_deref()
        .and_then(people::domain_of)
        .is_some_and(|domain| work.configuration.domain_owner(&domain).is_some_and(|owner| owner.id != connected.id));
    let name_holder = match &user_name {
        Some(key) => {
            let scope = work.name_scope(Some(&connected.id));
            values::holder(&mut work.tx, "User", "username", &scope, key).await?
        }
        None => None,
    };
    let hash = work.subject_identity(&connected.id, &claims.subject);
    let ruling = match work.ruling(&connected.id, rulings::SUBJECT, &hash).await? {
        rulings::Ruling::Apart => Ruling::Apart,
        rulings::Ruling::Account(id) => candidates.get(&id).cloned().map_or(Ruling::None, Ruling::Account),
        rulings::Ruling::None => Ruling::None,
    };
    Ok(Snapshot {
        name_holder,
        ruling,
        matches: found.by.iter().filter(|(id, _)| accounts.contains_key(id)).cloned().collect(),
        paused: connected.state != "on",
        tombstoned: is_tombstoned(work, connected, claims).await?,
        name_tombstoned: is_name_tombstoned(work, connected, claims, user_name.as_deref()).await?,
        linked: of(&found.linked),
        anchored: of(&found.anchored),
        pushed,
        anchor_works: identity::anchor_has_matched(&mut work.tx, &connected.id, &connected.namespace()).await?,
        unclaimed,
        others,
        invitations,
        user_name_reserved: reserved,
        serves_organizations: !connected.organizations().is_empty(),
        above_ceiling: false,
    })
}

async fn candidate(
    work: &mut Work<'_>,
    connected: &Connected,
    claims: &Claims,
    account: &Account,
) -> Result<Candidate> {
    let person = &account.person;
    let record = person.records.iter().find(|record| record.connection == connected.id);
    let other_anchor = match (record.and_then(|record| record.external_id.as_ref()), &claims.anchor) {
        (Some(pushed), Some(anchor)) => pushed != anchor && shape(pushed).is_some() && shape(pushed) == shape(anchor),
        _ => false,
    };
    let served = connected.organizations();
    let own_default = Source::Default(connected.id.clone());
    let defaults = &connected.rules.defaults;
    // A default that was given for good is a membership like any other.
    let given = defaults.group.as_ref().filter(|_| defaults.mode == Mode::Sticky);
    let parents: BTreeSet<String> = account
        .stored
        .iter()
        .filter(|((parent, source), live)| **live && (*source != own_default || given == Some(parent)))
        .map(|((parent, _), _)| parent.clone())
        .collect();
    let by_push = record.is_some_and(|record| record.active) && connected.rules.defaults.organization.is_some();
    let in_organization = by_push
        || resources::existing(&mut work.tx, &parents).await?.iter().any(|row| {
            served.contains(&row.id)
                || row.organization.as_ref().is_some_and(|organization| served.contains(organization))
        });
    Ok(Candidate {
        id: person.id.clone(),
        // A deactivation that is held has not taken effect yet.
        active: account.active
            && (record.is_none_or(|record| record.active) || person.held.iter().any(|held| held.parent.is_none())),
        guarded: account.guarded,
        in_organization,
        other_anchor,
    })
}

/// The form of an identifier, where it has one that identity providers use.
fn shape(text: &str) -> Option<&'static str> {
    let is_alphanumeric = text.bytes().all(|b| b.is_ascii_alphanumeric());
    if text.len() == 36 && text.bytes().enumerate().all(|(at, b)| matches!(at, 8 | 13 | 18 | 23) == (b == b'-')) {
        Some("uuid")
    } else if text.len() == 20 && text.starts_with("00u") && is_alphanumeric {
        Some("okta")
    } else {
        None
    }
}

/// The invitations that this login may accept: those that wait for its address if that counts as the person's own, and the one
/// whose token was shown, if it was made to this address. `true`: by the address alone.
async fn shown(
    work: &mut Work<'_>,
    claims: &Claims,
    token: Option<&[u8; 32]>,
) -> Result<Vec<(invitations::Invitation, bool)>> {
    let Some(email) = &claims.email else { return Ok(Vec::new()) };
    let mut all = Vec::new();
    if email.vouched {
        for invitation in invitations::for_address(&mut work.tx, &email.address.folded).await? {
            all.push((invitation, true));
        }
    }
    if let Some(hash) = token
        && let Some(invitation) = invitations::by_token(&mut work.tx, hash).await?
        && invitation.address == email.address.folded
        && !all.iter().any(|(known, _)| known.id == invitation.id)
    {
        all.push((invitation, false));
    }
    Ok(all)
}

async fn invited(
    work: &mut Work<'_>,
    claims: &Claims,
    token: Option<&[u8; 32]>,
    person: Option<&String>,
    made_for: Option<Candidate>,
    candidates: &BTreeMap<String, Candidate>,
) -> Result<Vec<Invited>> {
    let now = work.now;
    let mut all = Vec::new();
    for (invitation, by_address) in shown(work, claims, token).await? {
        let waits = match invitation.state.as_str() {
            "pending" => invitation.expires > now,
            // An older token may show that it was accepted earlier.
            "accepted" => invitation.accepted_by.as_ref() == person,
            _ => false,
        };
        if !waits {
            continue;
        }
        // An administrator bound it to an account; else it is made for the only account with that address, if the address
        // counts as this person's own: a forwarded mail links nobody.
        let account = match &invitation.person {
            Some(id) => match candidates.get(id) {
                Some(candidate) => Some(candidate.clone()),
                None => continue,
            },
            None => made_for.clone().filter(|_| by_address),
        };
        // One that was made for an account is nobody else's.
        let is_anothers =
            |candidate: &Candidate| invitation.person.is_some() && person.is_some_and(|person| *person != candidate.id);
        if account.as_ref().is_some_and(is_anothers) {
            continue;
        }
        all.push(Invited { id: invitation.id, account });
    }
    Ok(all)
}

async fn is_tombstoned(work: &mut Work<'_>, connected: &Connected, claims: &Claims) -> Result<bool> {
    let mut marks = vec![("subject", work.mark("subject", &people::subject_of(&connected.id, &claims.subject)))];
    if let Some(anchor) = &claims.anchor {
        marks.push(("anchor", work.mark("anchor", anchor)));
    }
    any_tombstone(work, connected, &marks).await
}

async fn is_name_tombstoned(
    work: &mut Work<'_>,
    connected: &Connected,
    claims: &Claims,
    user_name: Option<&str>,
) -> Result<bool> {
    let mut marks = Vec::new();
    if let Some(name) = user_name {
        marks.push(("user_name", work.mark("user_name", name)));
    }
    if let Some(email) = &claims.email {
        marks.push(("address", work.mark("address", &Key::text(false, &email.address.said).0)));
    }
    any_tombstone(work, connected, &marks).await
}

async fn any_tombstone(work: &mut Work<'_>, connected: &Connected, marks: &[(&str, String)]) -> Result<bool> {
    let now: Stamp = work.now;
    for scope in people::tombstone_scopes(connected) {
        for (kind, mark) in marks {
            if identity::tombstone(&mut work.tx, &scope, kind, mark, now).await?.is_some() {
                return Ok(true);
            }
        }
    }
    Ok(false)
}
