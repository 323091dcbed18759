//! Writing what was decided, through the same doors as SCIM.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::directory::{Connected, Result, Work, groups::Stated, world};
use crate::event::Kind;
use crate::jit::claims::{AttributeClaim, Claims, GroupsClaim};
use crate::jit::decide::{Allowed, Who};
use crate::jit::rules::{Create, RoleMode};
use crate::reconcile::{Source, Word, cells};
use crate::scim::document::Document;
use crate::scim::key::Key;
use crate::scim::resource_type::urn;
use crate::store::agree::{self, About};
use crate::store::people::ROLES;
use crate::store::{self, connections, identity, invitations, values, vouches};

use super::{account, gather};

/// What became of the person.
#[derive(Clone, Debug, Default)]
pub(super) struct Applied {
    pub person: String,
    pub created: bool,
    pub linked: bool,
    /// Found as somebody who was there before and joined now.
    pub adopted: bool,
    pub protected: bool,
}

/// The connection, then groups, then people in the order of their ids.
pub(super) async fn lock(
    work: &mut Work<'_>,
    connected: &Connected,
    claims: &Claims,
    invitation: Option<&[u8; 32]>,
) -> Result<()> {
    // A claim may name a group that is being created right now, and a person who is created here is in no population yet.
    agree::share(&mut work.tx, &connected.id, &[About::Settings, About::GroupNames]).await?;
    let groups = gather::groups(work, connected, claims).await?;
    work.share(&groups).await?;
    let found = gather::find(work, connected, claims, invitation).await?;
    work.hold(&found.ids()).await
}

pub(super) async fn allow(
    work: &mut Work<'_>,
    connected: &Connected,
    claims: &Claims,
    allowed: &Allowed,
) -> Result<Applied> {
    let mut applied = Applied::default();
    applied.person = match &allowed.who {
        Who::New => {
            applied.created = true;
            work.insert_person(&initial(claims)).await?
        }
        who => who.id().unwrap_or_default().to_owned(),
    };
    let person = applied.person.clone();
    applied.protected = work.account(&person).await?.is_some_and(|account| account.protected);
    let mut known = identity::link(&mut work.tx, &connected.id, &claims.subject).await?;
    let cut_off = matches!(claims.groups, GroupsClaim::CutOff);
    if matches!(allowed.who, Who::Ruled(_))
        && let Some(elsewhere) = known.take_if(|known| known.resource != person)
    {
        // Links never move by themselves; an administrator has moved this one.
        work.end_link(connected, &elsewhere).await?;
    }
    let link = identity::Link {
        id: work.directory.ids().new(),
        connection: connected.id.clone(),
        subject: claims.subject.clone(),
        resource: person.clone(),
        created: work.now,
        last_login: claims.stamp,
        cut_off,
    };
    if known.as_ref().is_some_and(|known| known.resource != person) {
        // Linked to somebody since the snapshot was taken: a lost race, and starting again shows to whom.
        return Err(store::Error::Conflict.into());
    }
    if known.is_none() {
        let others = identity::links_of(&mut work.tx, &person).await?;
        if matches!(allowed.who, Who::Anchored(_)) && others.iter().any(|link| link.connection == connected.id) {
            // The application was registered anew, or its subjects are pairwise.
            let event = work.event(Kind::SubjectChanged).of(&person).and(&connected.id).naming([&link.id]);
            work.publish(event);
        }
        applied.linked = true;
        identity::add_link(&mut work.tx, &link).await?;
        connections::mark_used(&mut work.tx, &connected.id).await?;
        work.touch(&person).await?;
        work.end_predecessor(connected, &person).await?;
        let event = work.event(Kind::LinkCreated).of(&person).and(&connected.id).naming([&link.id]);
        work.publish(event);
        applied.adopted = matches!(allowed.who, Who::Joined(_) | Who::Invited(_) | Who::Ruled(_));
        if matches!(allowed.who, Who::Joined(_) | Who::Invited(_)) {
            let event = work.event(Kind::LinkedByEmail).of(&person).and(&connected.id);
            work.publish(event);
        }
    } else if identity::touch_link(&mut work.tx, &connected.id, &claims.subject, claims.stamp, cut_off).await? {
        work.touch(&person).await?;
    }
    if let Some(anchor) = &claims.anchor
        && !(allowed.ignore_anchor && anchor_is_others(work, connected, anchor, &person).await?)
    {
        work.name_by_anchor(&connected.namespace(), anchor, &person).await?;
        identity::mark_matched(&mut work.tx, &connected.id, &connected.namespace(), anchor).await?;
    }
    say(work, connected, claims, allowed, &link, (applied.created, applied.linked)).await?;
    accept(work, claims, allowed, &person).await?;
    account::give_default(work, connected, claims, &link).await?;
    Ok(applied)
}

async fn anchor_is_others(work: &mut Work<'_>, connected: &Connected, anchor: &str, person: &str) -> Result<bool> {
    let named = identity::anchor(&mut work.tx, &connected.namespace(), anchor).await?;
    Ok(named.is_some_and(|(holder, _)| holder != person))
}

/// The claims as this login states them, field by field; an older token changes nothing.
async fn say(
    work: &mut Work<'_>,
    connected: &Connected,
    claims: &Claims,
    allowed: &Allowed,
    link: &identity::Link,
    (created, is_new): (bool, bool),
) -> Result<()> {
    attributes(work, claims, link).await?;
    let mut moved = false;
    if created {
        if let Some(name) = &claims.user_name {
            moved |= put(work, link, claims, "userName", &Value::String(name.clone())).await?;
        }
        let handle = account::free_handle(work, connected, claims).await?;
        moved |= put(work, link, claims, &format!("{}:handle", urn::PERSON), &Value::String(handle)).await?;
    }
    if let (Some(roles), true) = (&claims.roles, connected.rules.jit.enabled)
        && (connected.rules.roles.mode == RoleMode::Continuous || is_new)
    {
        let text = Value::from_iter(roles.iter().map(String::as_str)).to_string();
        moved |= identity::put_claim(&mut work.tx, &link.connection, &link.subject, ROLES, claims.stamp, &text).await?;
    }
    if let (GroupsClaim::Known(groups), true) = (&claims.groups, allowed.keep_groups) {
        let text = Value::from_iter(groups.iter().map(String::as_str)).to_string();
        let keys = world::claim_keys(&connected.rules, groups);
        // A replay and an older token say nothing, and so create nothing.
        if identity::put_groups(&mut work.tx, link, claims.stamp, &text, &keys).await? {
            moved = true;
            create_teams(work, connected, groups, &link.resource).await?;
        }
    }
    if moved {
        work.touch(&link.resource).await?;
    }
    Ok(())
}

/// The attributes as this login states them.
pub(super) async fn attributes(work: &mut Work<'_>, claims: &Claims, link: &identity::Link) -> Result<()> {
    let mut moved = false;
    for (cell, claim) in &claims.attributes {
        let value = match claim {
            AttributeClaim::Value(value) => value.clone(),
            AttributeClaim::Empty => Value::Null,
        };
        moved |= put(work, link, claims, cell, &value).await?;
    }
    if moved {
        work.touch(&link.resource).await?;
    }
    Ok(())
}

pub(super) async fn put(
    work: &mut Work<'_>,
    link: &identity::Link,
    claims: &Claims,
    cell: &str,
    value: &Value,
) -> Result<bool> {
    let text = value.to_string();
    Ok(identity::put_claim(&mut work.tx, &link.connection, &link.subject, cell, claims.stamp, &text).await?)
}

/// Every invitation that was decided to be accepted: the person is in its organization and its group by a weak word.
async fn accept(work: &mut Work<'_>, claims: &Claims, allowed: &Allowed, person: &str) -> Result<()> {
    for id in &allowed.accept {
        let Some(invitation) = invitations::by_id(&mut work.tx, id).await? else { continue };
        // The later of creation and the earliest token that accepted it.
        let stamp = claims.stamp.max(invitation.created);
        if !invitations::accept(&mut work.tx, id, person, stamp).await? {
            continue;
        }
        if invitation.state == "pending" {
            let event = work.event(Kind::InvitationAccepted).of(person).and(id);
            work.publish(event);
        }
        for parent in [&invitation.organization, &invitation.team].into_iter().flatten() {
            let stamp = invitations::accepted_stamp(&mut work.tx, person, parent).await?.unwrap_or(stamp);
            vouches::remove(&mut work.tx, person, &[(parent.clone(), Source::Invite)]).await?;
            let mut row = vouches::Row::person(parent, person, Source::Invite, Word::Grant, Some(stamp));
            row.role.clone_from(&invitation.role);
            vouches::put(&mut work.tx, &[row]).await?;
        }
        work.touch(person).await?;
    }
    Ok(())
}

/// Teams that the claim names and nobody has, where the connection may create them: allow-list, pattern and cap. What is left
/// over is for the person's next sign-in, and one event says so.
async fn create_teams(
    work: &mut Work<'_>,
    connected: &Connected,
    groups: &BTreeSet<String>,
    person: &str,
) -> Result<()> {
    if connected.rules.groups.create != Create::Pattern || connected.rules.groups.scope.pattern.is_none() {
        return Ok(());
    }
    let mut left = connected.rules.groups.create_cap;
    let all: BTreeSet<&String> = groups.iter().collect();
    let known: BTreeSet<String> =
        world::meaning(&mut work.tx, connected, &all).await?.into_iter().map(|(value, _)| value).collect();
    let new: BTreeSet<String> = groups
        .iter()
        .filter(|said| !known.contains(*said))
        .filter_map(|said| connected.rules.group_value(said))
        .filter(|name| connected.rules.in_scope(name) && !connected.rules.is_group_id(name))
        .collect();
    for name in &new {
        if work.organization_of(Some(connected), name).await?.is_none() {
            continue;
        }
        let key = Key::text(false, name).0;
        if !values::having(&mut work.tx, "Group", "displayname", &key, 1).await?.is_empty() {
            continue;
        }
        if left == 0 {
            let event = work.event(Kind::TeamsCapped).of(&connected.id).and(person);
            work.publish(event);
            break;
        }
        let document = cells::document(&[("displayName".to_owned(), Value::String(name.clone()))].into());
        work.make_group(Some(connected), Stated { document, external_id: None }).await?;
        left -= 1;
    }
    Ok(())
}

/// What a new account starts from; the same words stand as the link's claims.
pub(super) fn initial(claims: &Claims) -> Document {
    let mut words: std::collections::BTreeMap<String, Value> = claims
        .attributes
        .iter()
        .filter_map(|(cell, claim)| match claim {
            AttributeClaim::Value(value) => Some((cell.clone(), value.clone())),
            AttributeClaim::Empty => None,
        })
        .collect();
    words.extend(claims.user_name.clone().map(|name| ("userName".to_owned(), Value::String(name))));
    cells::document(&words)
}
