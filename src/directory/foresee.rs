//! What a change to a connection would do to everybody whom it pushes or signed in, without doing it.
//!
//! The same pure function that derives people judges them twice: as they are, and with the change made in memory. Read in
//! batches, each in a snapshot of its own; nothing is written.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::jit::rules::{Hold, Rules};
use crate::reconcile::{Derived, Source, World, derive};
use crate::scim::resource_type::Registry;
use crate::scim::{self};
use crate::store::people::{self, Account};
use crate::store::{Tx, holds, identity, resources};

use super::hold::{HOUR, beyond, count};
use super::remap::at_once;
use super::settle::changed_words;
use super::words::user_name_of;
use super::{Configuration, Directory, Result, Work, world};
use crate::event::Cause;

const BATCH: i64 = 200;

/// Counts over the whole population, and a page of the people for whom something changes.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Forecast {
    /// Whom the connection pushes or signed in.
    pub people: usize,
    /// Of these, those for whom anything effective changes.
    pub changed: usize,
    /// Nobody else speaks of them: they go.
    pub gone: usize,
    pub activated: usize,
    pub deactivated: usize,
    /// Memberships of groups and organizations.
    pub joined: usize,
    pub left: usize,
    /// Of what ends, what goes beyond the connection's budget and stands for now.
    pub held: Held,
    pub differences: Vec<Change>,
    /// Ask again with this; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Held {
    pub memberships: i64,
    pub deactivations: i64,
}

/// What changes for one person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    pub person: Named,
    pub gone: bool,
    /// What it becomes, if it changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
    pub joined: Vec<Named>,
    pub left: Vec<Named>,
    /// Names of effective attributes.
    pub attributes: Vec<String>,
    #[serde(skip)]
    loss: Loss,
}

/// What a change costs of a budget.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Loss {
    memberships: i64,
    deactivations: i64,
    /// How many more rows of the connection stand afterwards.
    rows: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Named {
    pub id: String,
    pub name: String,
}

/// The change, made in memory.
pub(super) struct Supposed<'c> {
    pub configuration: &'c Configuration,
    /// Groups that go.
    pub groups_gone: &'c BTreeSet<String>,
    /// Changes the person's registers; `false` if the account goes.
    pub person: &'c (dyn Fn(&mut Account) -> bool + Sync),
}

impl Directory {
    /// A change of settings, tried over the whole population. `after` and `limit` page through the people who change.
    pub async fn simulate(
        &self,
        tenant: &str,
        name: &str,
        rules: &Rules,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Forecast> {
        let mut work = Work::look(self, tenant, Cause::by("administrator")).await?;
        let found = work.configuration.named(name).map(|connected| connected.id.clone());
        let id = found.ok_or_else(|| scim::Error::not_found(format!("there is no connection {name:?}")))?;
        let rules = work.resolved(rules).await?;
        for domain in &rules.domains {
            let owner = work.configuration.domain_owner(domain.as_str()).filter(|owner| owner.id != id);
            if owner.is_some() {
                return Err(scim::Error::uniqueness(format!("{domain} is verified for another connection")).into());
            }
        }
        let mut supposed = work.configuration.clone();
        for connected in supposed.connections.iter_mut().filter(|connected| connected.id == id) {
            connected.rules = rules.clone();
        }
        drop(work);
        let supposed = Supposed { configuration: &supposed, groups_gone: &BTreeSet::new(), person: &|_| true };
        self.foresee(tenant, &id, &supposed, Some(&rules.hold), after, limit).await
    }

    /// `budget` is what is held by, where anything is.
    pub(super) async fn foresee(
        &self,
        tenant: &str,
        connection: &str,
        supposed: &Supposed<'_>,
        budget: Option<&Hold>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Forecast> {
        let mut losses = Vec::new();
        let mut forecast = Forecast::default();
        let mut last = String::new();
        loop {
            let mut tx = self.engine.read(tenant).await?;
            let ids = identity::population(&mut tx, connection, &last, BATCH).await?;
            let Some(end) = ids.last().cloned() else { break };
            last = end;
            let registry = self.registry_in(&mut tx).await?;
            let changes = judged(&mut tx, &registry, connection, &ids, supposed, self.clock.now()).await?;
            for change in changes {
                forecast.count(&change);
                let place = ids.range(..change.person.id.clone()).count();
                losses.push((forecast.people + place, change.loss));
                let is_behind = after.is_none_or(|after| change.person.id.as_str() > after);
                if is_behind && forecast.differences.len() <= limit {
                    forecast.differences.push(change);
                }
            }
            forecast.people += ids.len();
        }
        if forecast.differences.len() > limit {
            forecast.differences.truncate(limit);
            forecast.next = forecast.differences.last().map(|change| change.person.id.clone());
        }
        let mut tx = self.engine.read(tenant).await?;
        if let Some(budget) = budget {
            let spent = holds::ended_since(&mut tx, connection, self.clock.now() - HOUR).await?;
            let standing = holds::standing(&mut tx, connection).await?;
            forecast.held = held(budget, spent, standing, &losses, at_once(forecast.people));
        }
        name_groups(&mut tx, &mut forecast.differences).await?;
        Ok(forecast)
    }
}

/// What is held of these losses (with the place of each person in the population), judged as the change would be carried out:
/// so many people at once, one after another.
fn held(
    budget: &Hold,
    mut spent: (i64, i64),
    mut standing: (i64, i64),
    losses: &[(usize, Loss)],
    at_once: usize,
) -> Held {
    let mut all = Held::default();
    for batch in losses.chunk_by(|(one, _), (other, _)| one / at_once == other / at_once) {
        let more = batch.iter().fold((0, 0), |(m, d), (_, loss)| (m + loss.memberships, d + loss.deactivations));
        let held = beyond(budget, spent, more, standing);
        let split = |is_held: bool, lost: i64| if is_held { (lost, 0) } else { (0, lost) };
        let (memberships, deactivations) = (split(held.0, more.0), split(held.1, more.1));
        all.memberships += memberships.0;
        all.deactivations += deactivations.0;
        spent = (spent.0 + memberships.1, spent.1 + deactivations.1);
        standing.0 += batch.iter().map(|(_, loss)| loss.rows).sum::<i64>();
    }
    all
}

impl Forecast {
    fn count(&mut self, change: &Change) {
        self.changed += 1;
        self.gone += usize::from(change.gone);
        self.activated += usize::from(change.active == Some(true));
        self.deactivated += usize::from(change.active == Some(false));
        self.joined += change.joined.len();
        self.left += change.left.len();
    }
}

/// Those of these people for whom something changes.
async fn judged(
    tx: &mut Tx,
    registry: &Registry,
    connection: &str,
    ids: &BTreeSet<String>,
    supposed: &Supposed<'_>,
    now: i64,
) -> Result<Vec<Change>> {
    let configuration = Configuration::load(tx).await?;
    let mut before = people::load(tx, ids).await?;
    before.retain(|account| !account.person.retired);
    let mut after = before.clone();
    let stays: Vec<bool> = after.iter_mut().map(|account| (supposed.person)(account)).collect();
    let world_before = world::gather(tx, &configuration, registry, &mut before, now).await?;
    let mut world_after = world::gather(tx, supposed.configuration, registry, &mut after, now).await?;
    without(&mut world_after, &mut after, supposed.groups_gone);
    let mut changes = Vec::new();
    for ((before, after), stays) in before.iter().zip(&after).zip(stays) {
        let was = derive(&before.person, &world_before);
        let is = if stays { derive(&after.person, &world_after) } else { Derived::default() };
        let (old, new) = (parents(&was, &world_before), parents(&is, &world_after));
        let named = |id: &String| Named { id: id.clone(), name: String::new() };
        let change = Change {
            person: Named {
                id: before.person.id.clone(),
                name: user_name_of(&before.document).unwrap_or_default().to_owned(),
            },
            gone: !stays,
            active: (stays && was.active != is.active).then_some(is.active),
            joined: new.difference(&old).map(named).collect(),
            left: old.difference(&new).map(named).collect(),
            attributes: if stays { changed_words(&was.words, &is.words) } else { Vec::new() },
            loss: loss(connection, &was, &is),
        };
        let same = !change.gone && change.active.is_none() && change.attributes.is_empty();
        if !(same && change.joined.is_empty() && change.left.is_empty()) {
            changes.push(change);
        }
    }
    Ok(changes)
}

/// Counted as `hold.rs` counts: of whoever goes inactive that alone, of others every group or organization that is lost.
fn loss(connection: &str, was: &Derived, is: &Derived) -> Loss {
    let live = |derived: &Derived| -> BTreeSet<String> {
        derived.rows.iter().filter(|(_, live)| **live).map(|((parent, _), _)| parent.clone()).collect()
    };
    let own = |derived: &Derived| {
        let rows = derived.rows.iter().filter(|(_, live)| **live).map(|((_, source), _)| source);
        count(rows.filter(|source| matches!(source, Source::Push(id) | Source::Login(id) if id == connection)))
    };
    let rows = own(is) - own(was);
    match (was.active, is.active) {
        (false, _) => Loss { rows, ..Loss::default() },
        (true, false) => Loss { deactivations: 1, rows, ..Loss::default() },
        (true, true) => Loss { memberships: count(live(was).difference(&live(is))), rows, ..Loss::default() },
    }
}

/// Groups and the organizations behind them, as the feed tells them.
fn parents(derived: &Derived, world: &World) -> BTreeSet<String> {
    let live = derived.rows.iter().filter(|(_, live)| **live).map(|((parent, _), _)| parent);
    let both = live.flat_map(|parent| {
        let organization = world.groups.get(parent).and_then(|group| group.organization.clone());
        [Some(parent.clone()), organization]
    });
    both.flatten().collect()
}

/// The world without some groups.
fn without(world: &mut World, accounts: &mut [Account], gone: &BTreeSet<String>) {
    if gone.is_empty() {
        return;
    }
    world.groups.retain(|id, _| !gone.contains(id));
    for connection in world.connections.values_mut() {
        connection.groups_by_value.values_mut().for_each(|groups| groups.retain(|id| !gone.contains(id)));
        connection.default_team = connection.default_team.take().filter(|team| !gone.contains(&team.group));
    }
    for account in accounts {
        account.person.vouches.retain(|vouch| !gone.contains(&vouch.parent));
    }
}

async fn name_groups(tx: &mut Tx, changes: &mut [Change]) -> Result<()> {
    let mentioned = changes.iter().flat_map(|change| change.joined.iter().chain(&change.left));
    let ids: BTreeSet<String> = mentioned.map(|named| named.id.clone()).collect();
    let rows = resources::existing(tx, &ids).await?;
    let names: BTreeMap<String, String> = rows.into_iter().filter_map(|row| Some((row.id, row.display?))).collect();
    for change in changes {
        for named in change.joined.iter_mut().chain(&mut change.left) {
            named.name = names.get(&named.id).cloned().unwrap_or_default();
        }
    }
    Ok(())
}
