//! Holding the effect, not the request: what a connection's words would end beyond its budget is recorded and read back as
//! it was said, and stands for everybody else until an administrator applies it or its time is over.
//!
//! A hold is a register like any other: which person, which parent (or the activity itself), since when. The pure function
//! lets it count; it is moot, and goes, as soon as the membership stands by another word or an administrator closes it.

use std::collections::BTreeSet;

use crate::event::{Cause, Kind};
use crate::jit::rules::Hold;
use crate::reconcile::{Derived, Held, Source, World, derive};
use crate::scim::{self};
use crate::store::holds::{self, ACTIVE};
use crate::store::people::Account;
use crate::store::resources;

use super::{Connected, Directory, Result, Work, transact, world};

pub(super) const HOUR: i64 = 60 * 60 * 1000;
const MINUTE: i64 = 60 * 1000;
const BATCH: i64 = 50;

/// A hold as an administrator sees it.
#[derive(Clone, Debug)]
pub struct HoldInfo {
    pub id: String,
    pub connection: String,
    pub state: String,
    pub at: i64,
    pub release_at: i64,
    pub memberships: i64,
    pub deactivations: i64,
}

/// One thing that is held.
#[derive(Clone, Debug)]
pub struct HeldInfo {
    /// (id, name).
    pub person: (String, String),
    /// (id, name) of the group or organization; absent: the account's activity.
    pub parent: Option<(String, String)>,
    pub since: i64,
}

impl Work<'_> {
    /// Whose budget pays for what this transaction ends: the connection that pushes or signs in, or whose settings changed.
    fn payer(&self) -> Option<String> {
        if let Some(connection) = &self.budget {
            return Some(connection.clone());
        }
        let (kind, connection) = self.cause.source.split_once(':')?;
        (kind == "push" || kind == "login").then(|| connection.to_owned())
    }

    /// Takes away what is moot, then holds what goes beyond the budget; people of whom something is held anew are judged
    /// again.
    pub(super) async fn hold_back(
        &mut self,
        accounts: &mut [Account],
        judged: &mut [Derived],
        world: &mut World,
    ) -> Result<()> {
        self.drop_moot(accounts, judged, world).await?;
        let Some(connection) = self.payer() else { return Ok(()) };
        let lost = self.lost(accounts, judged);
        if lost.is_empty() {
            return Ok(());
        }
        let Some(connected) = self.configuration.connection(&connection).cloned() else { return Ok(()) };
        let deactivations = count(lost.iter().filter(|loss| loss.deactivated));
        let memberships = count(lost.iter().filter(|loss| !loss.deactivated).flat_map(|loss| &loss.parents));
        let held = self.beyond(&connected, (memberships, deactivations), 0).await?;
        let pairs: Vec<(String, String)> = lost
            .iter()
            .filter(|loss| if loss.deactivated { held.1 } else { held.0 })
            .flat_map(|loss| {
                let active = loss.deactivated.then(|| ACTIVE.to_owned());
                let cells = active.into_iter().chain(loss.parents.iter().cloned());
                cells.map(|cell| (loss.person.clone(), cell))
            })
            .collect();
        if pairs.is_empty() {
            return Ok(());
        }
        let hold = self.open_hold(&connection, connected.rules.hold.release.ms()).await?;
        holds::put(&mut self.tx, &hold, self.now, &pairs).await?;
        self.holds_back = true;
        for account in accounts.iter_mut() {
            let own = pairs.iter().filter(|(person, _)| *person == account.person.id);
            account.person.held.extend(own.map(|(_, parent)| Held {
                hold: hold.clone(),
                connection: connection.clone(),
                parent: Some(parent.clone()).filter(|parent| parent != ACTIVE),
                stamp: self.now,
            }));
        }
        let configuration = self.configuration.clone();
        *world = world::gather(&mut self.tx, &configuration, &self.registry, accounts, self.now).await?;
        for (account, judged) in accounts.iter().zip(judged) {
            *judged = derive(&account.person, world);
        }
        Ok(())
    }

    /// Whether so many (memberships, deactivations) more are beyond what the connection may end within an hour; what is not is
    /// spent. `unwritten` of the deactivated still stand as active in their records.
    pub(super) async fn beyond(
        &mut self,
        connected: &Connected,
        (memberships, deactivations): (i64, i64),
        unwritten: i64,
    ) -> Result<(bool, bool)> {
        let budget = &connected.rules.hold;
        let mut held = (false, false);
        if budget.enabled {
            let (m, d) = holds::ended_since(&mut self.tx, &connected.id, self.now - HOUR).await?;
            let spent = (m + self.spent.0, d + self.spent.1);
            if spent.0 + memberships > budget.count || spent.1 + deactivations > budget.count {
                let (rows, active) = holds::standing(&mut self.tx, &connected.id).await?;
                held = beyond(budget, spent, (memberships, deactivations), (rows, active - unwritten));
            }
        }
        self.spent.0 += if held.0 { 0 } else { memberships };
        self.spent.1 += if held.1 { 0 } else { deactivations };
        Ok(held)
    }

    /// Writes what was spent, last of all: two that end something at once wait for each other here and nowhere else.
    pub(super) async fn pay(&mut self) -> Result<()> {
        let spent = std::mem::take(&mut self.spent);
        let Some(connection) = self.payer().filter(|_| spent != (0, 0)) else { return Ok(()) };
        let minute = self.now - self.now.rem_euclid(MINUTE);
        Ok(holds::add_ended(&mut self.tx, &connection, minute, spent, self.now - 2 * HOUR).await?)
    }

    /// Who loses something effective in this transaction, each person counted once.
    fn lost(&mut self, accounts: &[Account], judged: &[Derived]) -> Vec<Loss> {
        let mut lost = Vec::new();
        for (account, derived) in accounts.iter().zip(judged) {
            let id = &account.person.id;
            let Some(before) = self.before.get(id).filter(|before| before.exists && before.active) else { continue };
            if account.person.retired || self.counted.contains(id) {
                continue;
            }
            let live = derived.rows.iter().filter(|(_, live)| **live).map(|((parent, _), _)| parent.clone());
            let live: BTreeSet<String> = live.collect();
            let parents: Vec<String> = before.parents.difference(&live).cloned().collect();
            if !derived.active || !parents.is_empty() {
                lost.push(Loss { person: id.clone(), deactivated: !derived.active, parents });
            }
        }
        self.counted.extend(lost.iter().map(|loss| loss.person.clone()));
        lost
    }

    /// A held membership that another word gives, or that nothing could keep open, is not held any more.
    async fn drop_moot(&mut self, accounts: &mut [Account], judged: &[Derived], world: &World) -> Result<()> {
        let mut moot = Vec::new();
        let mut holds_touched = BTreeSet::new();
        for (account, derived) in accounts.iter_mut().zip(judged).filter(|(account, _)| !account.person.held.is_empty())
        {
            let mut bare = account.person.clone();
            bare.held.clear();
            let bare = derive(&bare, world);
            account.person.held.retain(|held| {
                let stands = match &held.parent {
                    // Whoever was deleted goes when the hold ends, suspended or not meanwhile.
                    None => derived.active && !bare.active || !account.deleted.is_empty(),
                    Some(parent) => {
                        let row = (parent.clone(), Source::Held(held.connection.clone()));
                        derived.rows.get(&row) == Some(&true)
                    }
                };
                if !stands {
                    let parent = held.parent.clone().unwrap_or_else(|| ACTIVE.to_owned());
                    moot.push((account.person.id.clone(), parent));
                    holds_touched.insert(held.hold.clone());
                }
                stands
            });
        }
        if moot.is_empty() {
            return Ok(());
        }
        holds::remove(&mut self.tx, &moot).await?;
        self.close_empty(holds_touched).await
    }

    /// Of a group or an organization that is gone nothing can stand.
    pub(super) async fn forget_held_in(&mut self, parent: &str) -> Result<()> {
        let touched = holds::remove_parent(&mut self.tx, parent).await?;
        self.close_empty(touched).await
    }

    /// Holds of which nothing is left.
    pub(super) async fn close_empty(&mut self, touched: BTreeSet<String>) -> Result<()> {
        for hold in touched {
            if holds::count(&mut self.tx, &hold).await? == (0, 0)
                && holds::close(&mut self.tx, &hold, "restored").await?
            {
                let event = self.event(Kind::HoldRestored).of(&hold);
                self.publish(event);
            }
        }
        Ok(())
    }

    /// The connection's open hold, or a new one with its alert.
    pub(super) async fn open_hold(&mut self, connection: &str, release: i64) -> Result<String> {
        if let Some(hold) = holds::open_of(&mut self.tx, connection).await? {
            return Ok(hold.id);
        }
        let hold = holds::Hold {
            id: self.directory.ids().new(),
            connection: connection.to_owned(),
            state: "open".to_owned(),
            at: self.now,
            release_at: self.now + release,
        };
        holds::insert(&mut self.tx, &hold).await?;
        tracing::warn!(connection.id = connection, hold.id = hold.id, "a connection ends more than its budget: held");
        let event = self.event(Kind::HoldOpened).of(&hold.id).and(connection);
        self.publish(event);
        Ok(hold.id)
    }
}

/// Whether more (memberships, deactivations) go beyond the budget of an hour in which so many are spent. `standing` are the
/// connection's rows that stand, those that end now too, and the people whom its push leaves active.
pub(super) fn beyond(budget: &Hold, spent: (i64, i64), more: (i64, i64), standing: (i64, i64)) -> (bool, bool) {
    let goes_over = |spent, more, standing| budget.enabled && more > 0 && spent + more > budget.of(standing);
    (goes_over(spent.0, more.0, standing.0.max(more.0)), goes_over(spent.1, more.1, standing.1 + more.1))
}

struct Loss {
    person: String,
    deactivated: bool,
    parents: Vec<String>,
}

pub(super) fn count<T>(some: impl Iterator<Item = T>) -> i64 {
    i64::try_from(some.count()).unwrap_or(i64::MAX)
}

impl Directory {
    pub async fn holds(&self, tenant: &str) -> Result<Vec<HoldInfo>> {
        let mut tx = self.engine.read(tenant).await?;
        let mut all = Vec::new();
        for hold in holds::list(&mut tx).await? {
            let (memberships, deactivations) = holds::count(&mut tx, &hold.id).await?;
            all.push(info(hold, memberships, deactivations));
        }
        Ok(all)
    }

    /// A hold and a page of what it keeps, behind a cursor; the last answer is the next cursor.
    pub async fn hold(
        &self,
        tenant: &str,
        id: &str,
        after: Option<&str>,
        limit: i64,
    ) -> Result<(HoldInfo, Vec<HeldInfo>, Option<String>)> {
        let wrong =
            || scim::Error::invalid_value("after is no cursor of this list: leave it out to start at the beginning");
        let after = match after.filter(|after| !after.is_empty()) {
            Some(after) => after.split_once('.').ok_or_else(wrong)?,
            None => ("", ""),
        };
        let mut tx = self.engine.read(tenant).await?;
        let hold = holds::find(&mut tx, id).await?.ok_or_else(unknown)?;
        let (memberships, deactivations) = holds::count(&mut tx, id).await?;
        let cursor = (after.0.to_owned(), after.1.to_owned());
        let mut rows = holds::page(&mut tx, id, &cursor, limit + 1).await?;
        let more = i64::try_from(rows.len()).unwrap_or(i64::MAX) > limit;
        rows.truncate(usize::try_from(limit).unwrap_or(0));
        let next = rows.last().filter(|_| more).map(|(person, parent, _)| format!("{person}.{parent}"));
        let ids: BTreeSet<String> =
            rows.iter().flat_map(|(person, parent, _)| [person.clone(), parent.clone()]).collect();
        let names: std::collections::BTreeMap<String, String> = resources::existing(&mut tx, &ids)
            .await?
            .into_iter()
            .map(|row| (row.id, row.display.unwrap_or_default()))
            .collect();
        let named = |id: String| (id.clone(), names.get(&id).cloned().unwrap_or_default());
        let held = rows.into_iter().map(|(person, parent, since)| HeldInfo {
            person: named(person),
            parent: Some(parent).filter(|parent| parent != ACTIVE).map(named),
            since,
        });
        Ok((info(hold, memberships, deactivations), held.collect(), next))
    }

    /// Lets what was said take effect, in small transactions; how many people it was about.
    pub async fn apply_hold(&self, tenant: &str, id: &str) -> Result<usize> {
        // The words are the connection's: they are obeyed, whatever they leave behind.
        self.end_hold(tenant, id, "applied", &format!("hold:{id}")).await
    }

    /// Holds whose time is over, and those that a crash left half applied.
    pub(super) async fn release_holds(&self, tenant: &str) -> Result<usize> {
        let now = self.clock.now();
        let mut tx = self.engine.read(tenant).await?;
        let mut due = holds::due(&mut tx, now).await?;
        due.extend(holds::unfinished(&mut tx).await?);
        drop(tx);
        let mut people = 0;
        for id in due {
            people += self.end_hold(tenant, &id, "released", "time:hold").await?;
        }
        Ok(people)
    }

    async fn end_hold(&self, tenant: &str, id: &str, state: &str, cause: &str) -> Result<usize> {
        transact!(self, tenant, Cause::by(cause), work => {
            let hold = holds::find(&mut work.tx, id).await?.ok_or_else(unknown)?;
            if holds::close(&mut work.tx, id, state).await? {
                let kind = if state == "applied" { Kind::HoldApplied } else { Kind::HoldReleased };
                let event = work.event(kind).of(id).and(&hold.connection);
                work.publish(event);
            }
            Ok(())
        })?;
        let mut people = 0;
        loop {
            let taken = transact!(self, tenant, Cause::by(cause), work => {
                let ids = holds::people(&mut work.tx, id, "", BATCH).await?;
                work.touch_all(&ids).await?;
                for id in &ids {
                    work.let_go(id).await?;
                }
                holds::remove_of(&mut work.tx, Some(id), &ids).await?;
                Ok(ids.len())
            })?;
            if taken == 0 {
                return Ok(people);
            }
            people += taken;
        }
    }
}

fn unknown() -> scim::Error {
    scim::Error::not_found("no hold with this id")
}

fn info(hold: holds::Hold, memberships: i64, deactivations: i64) -> HoldInfo {
    let holds::Hold { id, connection, state, at, release_at } = hold;
    HoldInfo { id, connection, state, at, release_at, memberships, deactivations }
}
