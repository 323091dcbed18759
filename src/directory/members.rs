//! A group's members, edited without loading the group: only those named are read, and whoever changes is derived again.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::Kind;
use crate::reconcile::{Source, Word};
use crate::scim::document::{Document, Member};
use crate::scim::filter::{Bound, Facts, Linked, MemberPart, Place};
use crate::scim::patch::MemberEdit;
use crate::scim::{self};
use crate::store::search::View;
use crate::store::{memberships, people, resources, vouches};

use super::people::{refused_with, visible};
use super::sight::{Sight, sight};
use super::{Connected, Error, Result, Work};

/// How many members one request may name.
const LIMIT: usize = 200_000;

/// What a sequence of edits comes to.
#[derive(Default)]
struct Outcome {
    /// Named members: to be in (`true`) or out.
    wanted: BTreeMap<String, bool>,
    /// The whole list was stated.
    full: bool,
}

impl Work<'_> {
    /// Applies the edits in the mouth of a push; `true` if what the connection lists changed.
    pub(crate) async fn push_members(
        &mut self,
        connected: &Connected,
        group: &resources::Row,
        edits: Vec<MemberEdit>,
    ) -> Result<bool> {
        let source = Source::Push(connected.id.clone());
        let view = View::Push {
            connection: connected.id.clone(),
            sole: false,
            domains: vec![],
            organizations: vec![],
            succeeds: None,
        };
        let outcome = self.outcome(group, edits, &view).await?;
        let named: BTreeSet<String> = outcome.wanted.keys().cloned().collect();
        let mut lock = named.clone();
        if outcome.full {
            lock.extend(vouches::overtaken_by_list(&mut self.tx, &group.id, &connected.id).await?);
        }
        self.hold(&lock).await?;
        let words = vouches::words_on(&mut self.tx, &group.id, &source, &named).await?;
        let is_listed = |id: &String| words.get(id) == Some(&true);

        let coming: BTreeSet<String> =
            outcome.wanted.iter().filter(|(id, wanted)| **wanted && !is_listed(id)).map(|(id, _)| id.clone()).collect();
        let mut rows = self.admit(connected, group, &coming).await?;
        let leaving: BTreeSet<String> = outcome.wanted.iter().filter(|(_, w)| !**w).map(|(id, _)| id.clone()).collect();
        let own: BTreeSet<String> = resources::records_of(&mut self.tx, &connected.id, &leaving)
            .await?
            .into_iter()
            .map(|r| r.resource)
            .collect();
        let kinds: BTreeMap<String, String> =
            resources::existing(&mut self.tx, &leaving).await?.into_iter().map(|row| (row.id, row.kind)).collect();
        let mut changed = !rows.is_empty();
        for id in &leaving {
            changed |= is_listed(id);
            match kinds.get(id).map(String::as_str) {
                // An edge to a group is a word without a memory: it is there or not.
                Some("Group") => {
                    vouches::remove(&mut self.tx, id, &[(group.id.clone(), source.clone())]).await?;
                    if is_listed(id) {
                        let event = self.event(Kind::MembershipRemoved).of(id).and(&group.id);
                        self.publish(event);
                    }
                }
                Some("User") if own.contains(id) => {
                    rows.push(vouches::Row::person(&group.id, id, source.clone(), Word::Deny, Some(self.now)));
                }
                _ => {}
            }
        }
        // A group inside a group is a membership of its own in the feed; whoever is in it follows from that.
        for row in rows.iter().filter(|row| row.member_kind == "Group") {
            let event = self.event(Kind::MembershipAdded).of(&row.member).and(&group.id);
            self.publish(event);
        }
        vouches::put(&mut self.tx, &rows).await?;
        let mut touched: BTreeSet<String> =
            rows.iter().filter(|row| row.member_kind == "User").map(|row| row.member.clone()).collect();
        if outcome.full && vouches::state_full_list(&mut self.tx, &connected.id, &group.id, self.now).await? {
            touched.extend(lock.into_iter().filter(|id| !named.contains(id)));
            touched.extend(vouches::overtaken_by_list(&mut self.tx, &group.id, &connected.id).await?);
        }
        self.touch_all(&touched).await?;
        Ok(changed)
    }

    /// The rows of those who come in; whoever may not be added fails the whole request.
    async fn admit(
        &mut self,
        connected: &Connected,
        group: &resources::Row,
        coming: &BTreeSet<String>,
    ) -> Result<Vec<vouches::Row>> {
        let source = Source::Push(connected.id.clone());
        let found: BTreeMap<String, String> =
            resources::existing(&mut self.tx, coming).await?.into_iter().map(|row| (row.id, row.kind)).collect();
        let users: BTreeSet<String> =
            found.iter().filter(|(_, kind)| *kind == "User").map(|(id, _)| id.clone()).collect();
        let own: BTreeSet<String> =
            resources::records_of(&mut self.tx, &connected.id, coming).await?.into_iter().map(|r| r.resource).collect();
        let strangers: BTreeSet<String> = users.difference(&own).cloned().collect();
        for account in people::load(&mut self.tx, &strangers).await? {
            match sight(&self.configuration, connected, &account) {
                Sight::Own => {}
                // Adding somebody as a member is a push write too: it claims.
                Sight::Unclaimed => self.claim(connected, &account.person.id, &visible(&account)).await?,
                Sight::Guarded if self.is_bound(connected, &account.person.id).await? => {
                    self.claim(connected, &account.person.id, &visible(&account)).await?;
                }
                Sight::Guarded => {
                    let id = account.person.id;
                    let error = scim::Error::invalid_value(format!(
                        "members.value {id} is a protected account: an administrator has to bind it to the connection first"
                    ));
                    let hash = self.account_identity(&id);
                    return Err(refused_with(error, "guarded_account", vec![(id, "id")]).about(&hash));
                }
                Sight::Hidden => return Err(unknown(&account.person.id)),
            }
        }
        let mut rows = Vec::with_capacity(coming.len());
        for id in coming {
            match found.get(id).map(String::as_str) {
                Some("User") => rows.push(vouches::Row::person(&group.id, id, source.clone(), Word::Grant, None)),
                Some("Group") if own.contains(id) && *id != group.id => rows.push(vouches::Row {
                    member_kind: "Group",
                    live: true,
                    ..vouches::Row::person(&group.id, id, source.clone(), Word::Grant, None)
                }),
                _ => return Err(unknown(id)),
            }
        }
        Ok(rows)
    }

    /// Applies the edits in the mouth of an administrator: added is a grant, which replaces a deny; removed withdraws the
    /// grant, and denies if another source still vouches.
    pub(crate) async fn grant_members(&mut self, group: &resources::Row, edits: Vec<MemberEdit>) -> Result<bool> {
        let outcome = self.outcome(group, edits, &View::Effective).await?;
        let named: BTreeSet<String> = outcome.wanted.keys().cloned().collect();
        self.hold(&named).await?;
        let found: BTreeMap<String, String> =
            resources::existing(&mut self.tx, &named).await?.into_iter().map(|row| (row.id, row.kind)).collect();
        // Whoever is granted already keeps the grant as it is, with its role and its end.
        let granted = vouches::granted(&mut self.tx, &group.id, &named, self.now).await?;
        let mut changed = false;
        for (id, wanted) in outcome.wanted {
            match (found.get(&id).map(String::as_str), wanted) {
                (Some("User"), true) if granted.contains(&id) => {}
                (Some("User"), true) => {
                    self.grant_pair(&group.id, &id, None, None).await?;
                    changed = true;
                }
                (Some("User"), false) => changed |= self.withdraw_pair(&group.id, &id).await?,
                (Some("Group"), true) if id != group.id => {
                    let row = vouches::Row {
                        member_kind: "Group",
                        live: true,
                        ..vouches::Row::person(&group.id, &id, Source::Grant, Word::Grant, Some(self.now))
                    };
                    changed |= vouches::words_on(&mut self.tx, &group.id, &Source::Grant, &BTreeSet::from([id]))
                        .await?
                        .is_empty();
                    vouches::put(&mut self.tx, &[row]).await?;
                }
                (Some("Group"), false) => {
                    vouches::remove(&mut self.tx, &id, &[(group.id.clone(), Source::Grant)]).await?;
                    changed = true;
                }
                (_, true) => return Err(unknown(&id)),
                (_, false) => {}
            }
        }
        Ok(changed)
    }

    /// An administrator's grant of one pair; it replaces a deny, and a grant with another end or another role.
    pub(crate) async fn grant_pair(
        &mut self,
        parent: &str,
        person: &str,
        until: Option<i64>,
        role: Option<&str>,
    ) -> Result<()> {
        self.touch(person).await?;
        vouches::remove(&mut self.tx, person, &[(parent.to_owned(), Source::Deny)]).await?;
        let mut row = vouches::Row::person(parent, person, Source::Grant, Word::Grant, Some(self.now));
        row.until = until;
        row.role = role.map(str::to_owned);
        Ok(vouches::put(&mut self.tx, &[row]).await?)
    }

    async fn withdraw_pair(&mut self, parent: &str, person: &str) -> Result<bool> {
        self.touch(person).await?;
        let one = BTreeSet::from([person.to_owned()]);
        let granted = !vouches::words_on(&mut self.tx, parent, &Source::Grant, &one).await?.is_empty();
        let others = vouches::vouched_by_others(&mut self.tx, parent, person).await?;
        vouches::remove(&mut self.tx, person, &[(parent.to_owned(), Source::Grant)]).await?;
        if others {
            self.deny_pair(parent, person).await?;
        }
        Ok(granted || others)
    }

    /// An administrator's deny of one pair: it stands above every other word.
    pub(crate) async fn deny_pair(&mut self, parent: &str, person: &str) -> Result<()> {
        self.touch(person).await?;
        vouches::remove(&mut self.tx, person, &[(parent.to_owned(), Source::Grant)]).await?;
        let row = vouches::Row::person(parent, person, Source::Deny, Word::Deny, Some(self.now));
        Ok(vouches::put(&mut self.tx, &[row]).await?)
    }

    /// Edits in order, each on the result of the one before.
    async fn outcome(&mut self, group: &resources::Row, edits: Vec<MemberEdit>, view: &View) -> Result<Outcome> {
        let mut outcome = Outcome::default();
        let mut listed: Option<Vec<memberships::Edge>> = None;
        for edit in edits {
            if listed.is_none() && !matches!(edit, MemberEdit::Add(_) | MemberEdit::Remove(_)) {
                let one = BTreeSet::from([group.id.clone()]);
                listed = Some(memberships::members_of(&mut self.tx, &one, view).await?);
            }
            let current = |outcome: &Outcome, listed: &Option<Vec<memberships::Edge>>| -> BTreeSet<String> {
                let stored = listed.iter().flatten().map(|edge| edge.id.clone());
                let added = outcome.wanted.iter().filter(|(_, wanted)| **wanted).map(|(id, _)| id.clone());
                stored.filter(|id| outcome.wanted.get(id) != Some(&false)).chain(added).collect()
            };
            match edit {
                MemberEdit::Add(members) => {
                    outcome.wanted.extend(members.into_iter().map(|member| (member.value, true)));
                }
                MemberEdit::Remove(ids) => outcome.wanted.extend(ids.into_iter().map(|id| (id, false))),
                MemberEdit::RemoveWhere(filter) => {
                    let out = matching(&filter, listed.iter().flatten());
                    outcome.wanted.extend(out.into_iter().map(|id| (id, false)));
                }
                MemberEdit::RemoveAll => {
                    let out = current(&outcome, &listed);
                    outcome.wanted.extend(out.into_iter().map(|id| (id, false)));
                    outcome.full = true;
                }
                MemberEdit::Replace(members) => {
                    let stated: BTreeSet<String> = members.into_iter().map(|member: Member| member.value).collect();
                    let current = current(&outcome, &listed);
                    outcome.wanted.extend(current.difference(&stated).map(|id| (id.clone(), false)));
                    // An administrator who repeats who is in grants nothing to them.
                    let is_said = |id: &String| matches!(view, View::Effective) && current.contains(id);
                    outcome.wanted.extend(stated.into_iter().filter(|id| !is_said(id)).map(|id| (id, true)));
                    outcome.full = true;
                }
            }
            if outcome.wanted.len() > LIMIT {
                return Err(scim::Error::new(413, None, format!("a request may name at most {LIMIT} members")).into());
            }
        }
        Ok(outcome)
    }
}

/// Members that a value filter selects.
fn matching<'a>(filter: &Bound, listed: impl Iterator<Item = &'a memberships::Edge>) -> Vec<String> {
    let registry = crate::scim::resource_type::Registry::builtin();
    let Some(kind) = registry.type_named("Group") else { return Vec::new() };
    let document = Document::default();
    let element = Bound::Element(Place::Member(MemberPart::Value), Box::new(filter.clone()));
    listed
        .filter(|edge| {
            let endpoint = if edge.kind == "User" { "Users" } else { "Groups" };
            let member = [Linked {
                value: edge.id.clone(),
                kind: edge.kind.clone(),
                display: edge.display.clone(),
                reference: format!("{endpoint}/{}", edge.id),
            }];
            element.matches(&Facts {
                id: "",
                kind,
                external_id: None,
                active: None,
                created: 0,
                modified: 0,
                version: 0,
                location: "",
                document: &document,
                members: &member,
                groups: &[],
            })
        })
        .map(|edge| edge.id.clone())
        .collect()
}

/// The same words for an id that is unknown, retired or another connection's.
fn unknown(id: &str) -> Error {
    let id: String = id.chars().take(100).collect();
    scim::Error::invalid_value(format!("members.value {id:?} names no user or group that this client may add")).into()
}
