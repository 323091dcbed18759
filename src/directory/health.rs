//! How a connection is: when it last spoke, whether its anchors work, whether its group lists come, and what of it drifts.
//!
//! Read in batches, each in a snapshot of its own; nothing is written but what a resolution of drift says.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use crate::event::Cause;
use crate::reconcile::{Link, Source, Word, World, derive};
use crate::scim::{self};
use crate::store::people::{self, Account};
use crate::store::{Tx, holds, identity, resources, vouches, withdrawal};

use super::foresee::Named;
use super::words::user_name_of;
use super::{Configuration, Connected, Directory, Result, Work, transact, world};

const BATCH: i64 = 200;
/// More of a connection's sign-ins than this without a list that used to come is an alarm.
const ALARM_PERCENT: usize = 5;

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    pub state: String,
    pub pushed: i64,
    pub signed_in: i64,
    /// The newest stamp of what its push says of people, lists and members.
    pub last_push: Option<String>,
    pub last_login: Option<String>,
    pub anchors: Anchors,
    pub lists: Lists,
    /// People of whom something drifts.
    pub drifting: usize,
    /// Its open hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold: Option<String>,
}

/// The anchor doctor: does what is pushed as `externalId` equal the anchor claim?
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Anchors {
    /// The claim that should equal `externalId`.
    pub claim: String,
    /// People who are pushed and have signed in.
    pub people: usize,
    pub matching: usize,
    /// Other things that their `externalId` equals, the most frequent first.
    pub instead: Vec<Instead>,
    pub sentence: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Instead {
    pub name: &'static str,
    pub matching: usize,
}

/// Whether the newest sign-ins brought a usable group list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Lists {
    pub links: usize,
    /// The list was cut off (Entra's overage).
    pub cut_off: usize,
    /// A list used to come, and the newest sign-in brought none.
    pub missing: usize,
    pub alarm: bool,
}

/// One thing that was said and does not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Drift {
    pub person: Named,
    /// `attribute`; `removed`: its push took the person out and its claim still names the group; `unmapped`: its claim names
    /// nothing here.
    pub kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attribute: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<Named>,
    /// The value of the claim that names nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Who said it.
    pub source: String,
    /// What one call does about it.
    pub resolutions: &'static [&'static str],
}

#[derive(Clone, Debug, Serialize)]
pub struct DriftPage {
    /// People of whom something drifts.
    pub people: usize,
    pub drift: Vec<Drift>,
    /// Ask again with this; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// What an administrator makes of a drift.
#[derive(Clone, Debug)]
pub enum DriftResolution {
    /// The attribute has the value that this source says, from now on.
    Lock {
        attribute: String,
        source: String,
    },
    /// The push's removal is forgotten: claims decide the pair again.
    Claims {
        group: String,
    },
    Grant {
        group: String,
    },
    Deny {
        group: String,
    },
}

impl Directory {
    pub async fn health(&self, tenant: &str, name: &str) -> Result<Health> {
        let connected = self.connected_named(tenant, name).await?;
        let mut tx = self.engine.read(tenant).await?;
        let (pushed, signed_in, _) = withdrawal::count(&mut tx, &connected.id).await?;
        let (last_push, last_login) = withdrawal::last_words(&mut tx, &connected.id).await?;
        let hold = holds::open_of(&mut tx, &connected.id).await?.map(|hold| hold.id);
        drop(tx);
        let (mut doctor, mut lists, mut drifting) = (Doctor::default(), Lists::default(), 0);
        let mut after = String::new();
        while let Some(mut batch) = self.batch(tenant, &connected.id, &after).await? {
            let ids: BTreeSet<String> = batch.accounts.iter().map(|account| account.person.id.clone()).collect();
            let matched = withdrawal::matched(&mut batch.tx, &connected.id, &connected.namespace(), &ids).await?;
            for account in &batch.accounts {
                doctor.examine(account, &connected.id, matched.contains(&account.person.id));
                let links = account.person.links.iter().filter(|link| link.connection == connected.id);
                links.for_each(|link| lists.count(link));
                drifting += usize::from(!drift_of(account, &connected, &batch.world).is_empty());
            }
            after = batch.last;
        }
        lists.alarm = lists.missing * 100 > lists.links * ALARM_PERCENT;
        let anchors = doctor.says(connected.rules.anchor.claim.as_deref().unwrap_or("sub"));
        let instant = |stamp: Option<i64>| stamp.and_then(scim::core::instant);
        Ok(Health {
            state: connected.state.clone(),
            pushed,
            signed_in,
            last_push: instant(last_push),
            last_login: instant(last_login),
            anchors,
            lists,
            drifting,
            hold,
        })
    }

    /// What was said and lost, of everybody whom the connection pushes or signed in; a page of so many people.
    pub async fn drift(&self, tenant: &str, name: &str, after: Option<&str>, limit: usize) -> Result<DriftPage> {
        let connected = self.connected_named(tenant, name).await?;
        let mut page = DriftPage { people: 0, drift: Vec::new(), next: None };
        let mut shown: BTreeSet<String> = BTreeSet::new();
        let mut last = String::new();
        while let Some(batch) = self.batch(tenant, &connected.id, &last).await? {
            for account in &batch.accounts {
                let found = drift_of(account, &connected, &batch.world);
                page.people += usize::from(!found.is_empty());
                let id = &account.person.id;
                if found.is_empty() || after.is_some_and(|after| id.as_str() <= after) {
                    continue;
                }
                if shown.len() < limit {
                    shown.insert(id.clone());
                    page.drift.extend(found);
                } else if page.next.is_none() {
                    page.next = shown.last().cloned();
                }
            }
            last = batch.last;
        }
        let mut tx = self.engine.read(tenant).await?;
        let groups = page.drift.iter().filter_map(|drift| Some(drift.group.as_ref()?.id.clone())).collect();
        let rows = resources::existing(&mut tx, &groups).await?;
        let names: BTreeMap<String, String> = rows.into_iter().filter_map(|row| Some((row.id, row.display?))).collect();
        for group in page.drift.iter_mut().filter_map(|drift| drift.group.as_mut()) {
            group.name = names.get(&group.id).cloned().unwrap_or_default();
        }
        Ok(page)
    }

    /// One call settles one drift.
    pub async fn resolve_drift(
        &self,
        tenant: &str,
        name: &str,
        person: &str,
        resolution: &DriftResolution,
    ) -> Result<()> {
        let connected = self.connected_named(tenant, name).await?;
        match resolution {
            DriftResolution::Lock { attribute, source } => {
                let value = self.drifting_value(tenant, person, attribute, source).await?;
                self.lock(tenant, person, attribute, Some(value)).await
            }
            DriftResolution::Grant { group } => self.grant(tenant, person, group, None).await,
            DriftResolution::Deny { group } => self.deny(tenant, person, group).await,
            DriftResolution::Claims { group } => {
                transact!(self, tenant, Cause::by("administrator"), work => {
                    work.forget_removal(&connected, person, group).await
                })
            }
        }
    }

    async fn drifting_value(&self, tenant: &str, person: &str, attribute: &str, source: &str) -> Result<Value> {
        let mut tx = self.engine.read(tenant).await?;
        let configuration = Configuration::load(&mut tx).await?;
        let mut accounts = people::load(&mut tx, &BTreeSet::from([person.to_owned()])).await?;
        let registry = self.registry_in(&mut tx).await?;
        let world = world::gather(&mut tx, &configuration, &registry, &mut accounts, self.clock.now()).await?;
        let account = accounts.pop().filter(|account| !account.person.retired).ok_or_else(super::people::gone)?;
        let mut drift = derive(&account.person, &world).drift.into_iter();
        let found = drift.find(|(cell, by, _)| cell == attribute && by == source);
        found.map(|(_, _, value)| value).ok_or_else(|| {
            scim::Error::not_found(format!("{source} says nothing of {attribute} that does not hold already")).into()
        })
    }

    async fn connected_named(&self, tenant: &str, name: &str) -> Result<Connected> {
        let mut tx = self.engine.read(tenant).await?;
        let configuration = Configuration::load(&mut tx).await?;
        let found = configuration.named(name).cloned();
        found.ok_or_else(|| scim::Error::not_found(format!("there is no connection {name:?}")).into())
    }

    /// The next of those whom the connection pushes or signed in, with the world around them.
    async fn batch(&self, tenant: &str, connection: &str, after: &str) -> Result<Option<Batch>> {
        let mut tx = self.engine.read(tenant).await?;
        let ids = identity::population(&mut tx, connection, after, BATCH).await?;
        let Some(last) = ids.last().cloned() else { return Ok(None) };
        let configuration = Configuration::load(&mut tx).await?;
        let mut accounts = people::load(&mut tx, &ids).await?;
        let registry = self.registry_in(&mut tx).await?;
        let world = world::gather(&mut tx, &configuration, &registry, &mut accounts, self.clock.now()).await?;
        Ok(Some(Batch { tx, accounts, world, last }))
    }
}

/// Some people as one snapshot shows them.
struct Batch {
    tx: Tx,
    accounts: Vec<Account>,
    world: World,
    last: String,
}

impl Work<'_> {
    /// The push's removal of the pair is forgotten, as if it had never spoken of it.
    async fn forget_removal(&mut self, connected: &Connected, person: &str, group: &str) -> Result<()> {
        self.share(&BTreeSet::from([group.to_owned()])).await?;
        let account = self.living(person).await?;
        let source = Source::Push(connected.id.clone());
        let removed = |vouch: &&crate::reconcile::Vouch| {
            vouch.parent == group && vouch.source == source && vouch.word == Word::Deny
        };
        if !account.person.vouches.iter().any(|vouch| removed(&vouch)) {
            return Err(
                scim::Error::not_found("the connection's push has not taken this person out of this group").into()
            );
        }
        Ok(vouches::remove(&mut self.tx, person, &[(group.to_owned(), source)]).await?)
    }
}

fn drift_of(account: &Account, connected: &Connected, world: &World) -> Vec<Drift> {
    let person = &account.person;
    if person.retired {
        return Vec::new();
    }
    let named =
        || Named { id: person.id.clone(), name: user_name_of(&account.document).unwrap_or_default().to_owned() };
    let blank = |kind, source: String| Drift {
        person: named(),
        kind,
        attribute: None,
        group: None,
        value: None,
        source,
        resolutions: &[],
    };
    let mut all: Vec<Drift> = derive(person, world)
        .drift
        .into_iter()
        .map(|(cell, source, _)| {
            let resolutions: &[&str] = if crate::reconcile::is_unique(&cell, &world.unique) { &[] } else { &["lock"] };
            Drift { attribute: Some(cell), resolutions, ..blank("attribute", source) }
        })
        .collect();
    let source = format!("login:{}", connected.id);
    let meant = world.connections.get(&connected.id).map(|connection| &connection.groups_by_value);
    let own = person.links.iter().filter(|link| link.connection == connected.id);
    let values: BTreeSet<&String> =
        own.filter_map(|link| link.groups.as_ref()).flat_map(|claim| &claim.value).collect();
    let by_push = Source::Push(connected.id.clone());
    for value in values {
        let Some(groups) = meant.and_then(|meant| meant.get(value)) else {
            all.push(Drift { value: Some(value.clone()), ..blank("unmapped", source.clone()) });
            continue;
        };
        let removed = |group: &&String| {
            let says = |vouch: &&crate::reconcile::Vouch| {
                vouch.parent == **group && vouch.source == by_push && vouch.word == Word::Deny
            };
            person.vouches.iter().any(|vouch| says(&vouch))
        };
        for group in groups.iter().filter(removed) {
            let group = Some(Named { id: group.clone(), name: String::new() });
            all.push(Drift { group, resolutions: &["claims", "grant", "deny"], ..blank("removed", source.clone()) });
        }
    }
    all
}

impl Lists {
    fn count(&mut self, link: &Link) {
        self.links += 1;
        self.cut_off += usize::from(link.cut_off);
        self.missing += usize::from(link.groups.as_ref().is_some_and(|claim| claim.stamp < link.last_login));
    }
}

#[derive(Default)]
struct Doctor {
    people: usize,
    matching: usize,
    instead: BTreeMap<&'static str, usize>,
}

impl Doctor {
    fn examine(&mut self, account: &Account, connection: &str, matches: bool) {
        let person = &account.person;
        let record = person.records.iter().find(|record| record.connection == connection);
        let Some(external_id) = record.and_then(|record| record.external_id.as_deref()) else { return };
        let links: Vec<&Link> = person.links.iter().filter(|link| link.connection == connection).collect();
        if links.is_empty() {
            return;
        }
        self.people += 1;
        if matches {
            self.matching += 1;
            return;
        }
        let is = |text: &str| text.eq_ignore_ascii_case(external_id);
        let local = |address: &str| address.split_once('@').is_some_and(|(local, _)| is(local));
        let name = user_name_of(&account.document).unwrap_or_default();
        let addresses: Vec<&str> = links
            .iter()
            .filter_map(|link| link.attributes.get("emails")?.value.as_array())
            .flatten()
            .filter_map(|email| email.get("value")?.as_str())
            .collect();
        for (what, found) in [
            ("sub", links.iter().any(|link| link.subject == external_id)),
            ("email", addresses.iter().any(|address| is(address))),
            ("userName", is(name)),
            ("mailNickname", local(name) || addresses.iter().any(|address| local(address))),
        ] {
            *self.instead.entry(what).or_default() += usize::from(found);
        }
    }

    fn says(self, claim: &str) -> Anchors {
        let Self { people, matching, instead } = self;
        let mut instead: Vec<Instead> = instead
            .into_iter()
            .filter(|(name, matching)| *matching > 0 && *name != claim)
            .map(|(name, matching)| Instead { name, matching })
            .collect();
        instead.sort_by_key(|other| std::cmp::Reverse(other.matching));
        let best = instead.first().map_or(String::new(), |it| format!("; {} match `{}`", it.matching, it.name));
        let sentence = match people {
            0 => "nobody is both pushed and signed in yet".to_owned(),
            _ => format!("{matching} of {people} people who are pushed and signed in match `{claim}`{best}"),
        };
        Anchors { claim: claim.to_owned(), people, matching, instead, sentence }
    }
}
