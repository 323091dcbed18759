//! What is held, in the reference: what a directory's words end beyond its budget stands until it is applied, its time is
//! over or another word makes it moot.

use std::collections::{BTreeMap, BTreeSet};

use rollkeeper::reconcile::Stamp;

use super::super::{Directory, Event, HOUR, MINUTE, Outcome, RELEASE, Team};
use super::{Account, State, Variant};

/// That the account is active, the organization itself, or a team.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cell {
    Active,
    Organization,
    Team(Team),
}

/// A directory has ended this many memberships and deactivated this many people in that minute.
#[derive(Clone, Copy, Debug)]
pub struct Loss {
    directory: Directory,
    minute: Stamp,
    memberships: usize,
    deactivations: usize,
}

/// What is effective of whoever is active.
pub type Standing = BTreeMap<Account, BTreeSet<Cell>>;

impl Cell {
    pub fn id(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Organization => "org",
            Self::Team(team) => team.id(),
        }
    }
}

fn cell(team: Option<Team>) -> Cell {
    team.map_or(Cell::Organization, Cell::Team)
}

impl State {
    /// Whose hold keeps the person in the team, or in the organization itself.
    pub fn held_by(&self, account: Account, team: Option<Team>) -> Option<Directory> {
        self.held.get(&(account, cell(team))).copied()
    }

    /// It is held, and nothing that stands above every word is against it.
    pub fn held_stands(&self, account: Account, team: Option<Team>) -> bool {
        let denied = team.is_some_and(|team| self.denied(account, team)) || self.banned(account);
        self.held_by(account, team).is_some()
            && self.active(account)
            && (!denied || self.is(Variant::HoldOverrulesDeny))
    }

    pub fn standing(&self) -> Standing {
        let accounts: BTreeSet<Account> = self.ids.values().copied().collect();
        let of = |account: Account| {
            let teams = Team::ALL.into_iter().filter(|team| self.member(account, *team)).map(Cell::Team);
            let itself = self.belongs_itself(account).then_some(Cell::Organization);
            (account, teams.chain(itself).collect())
        };
        accounts.into_iter().filter(|account| self.active(*account)).map(of).collect()
    }

    /// Time is over for what a directory held.
    pub fn release(&mut self) {
        if self.is(Variant::HoldForEver) {
            return;
        }
        let due: Vec<Directory> =
            self.holds.iter().filter(|(_, release)| **release <= self.now).map(|(directory, _)| *directory).collect();
        due.into_iter().for_each(|directory| self.end_hold(directory));
        self.drop_moot();
    }

    pub fn apply_hold(&mut self, directory: Directory) -> Outcome {
        if !self.holds.contains_key(&directory) {
            return Outcome::Unknown;
        }
        self.end_hold(directory);
        Outcome::Ok
    }

    fn end_hold(&mut self, directory: Directory) {
        self.holds.remove(&directory);
        self.held.retain(|_, by| *by != directory);
    }

    /// After an event: what was held and stands by itself is not held any more; what its directory has ended beyond the
    /// budget is.
    pub fn hold_back(&mut self, event: &Event, before: &Standing) {
        let Some(budget) = self.universe.budget else { return };
        self.drop_moot();
        let payer = match event {
            Event::Put { client, .. }
            | Event::Delete { client, .. }
            | Event::Member { client, .. }
            | Event::Members { client, .. } => client.directory(),
            Event::Login(sign_in) => sign_in.login.directory(),
            _ => return,
        };
        let after = self.standing();
        let known: BTreeSet<Account> = self.ids.values().copied().collect();
        let (mut ended, mut switched_off) = (Vec::new(), Vec::new());
        for (account, cells) in before.iter().filter(|(account, _)| known.contains(account)) {
            match after.get(account) {
                Some(now) => ended.extend(cells.difference(now).map(|cell| (*account, *cell))),
                None => switched_off.push(*account),
            }
        }
        let spent = |of: fn(&Loss) -> usize| -> usize {
            let lately = |loss: &&Loss| loss.directory == payer && loss.minute > self.now - HOUR;
            self.losses.iter().filter(lately).map(of).sum()
        };
        let holds = |spent: usize, now: usize| now > 0 && spent + now > budget && !self.is(Variant::NothingHeld);
        let holds_memberships = holds(spent(|loss| loss.memberships), ended.len());
        let holds_people = holds(spent(|loss| loss.deactivations), switched_off.len());
        self.losses.push(Loss {
            directory: payer,
            minute: self.now - self.now.rem_euclid(MINUTE),
            memberships: if holds_memberships { 0 } else { ended.len() },
            deactivations: if holds_people { 0 } else { switched_off.len() },
        });
        let mut held: Vec<(Account, Cell)> = if holds_memberships { ended } else { Vec::new() };
        for account in switched_off.into_iter().filter(|_| holds_people) {
            held.push((account, Cell::Active));
            held.extend(before[&account].iter().map(|cell| (account, *cell)));
        }
        if !held.is_empty() {
            self.holds.entry(payer).or_insert(self.now + RELEASE);
        }
        for key in held {
            self.held.entry(key).or_insert(payer);
        }
    }

    fn drop_moot(&mut self) {
        let mut without = self.clone();
        let mut moot = Vec::new();
        for (account, cell) in self.held.keys() {
            without.held.retain(|(of, _), _| of != account);
            let stands = self.ids.values().any(|of| of == account)
                && match cell {
                    Cell::Active => self.active(*account) && !without.active(*account),
                    Cell::Organization => self.held_stands(*account, None) && self.appointed(*account).is_none(),
                    Cell::Team(team) => self.held_stands(*account, Some(*team)) && !self.says(*account, *team),
                };
            if !stands {
                moot.push((*account, *cell));
            }
            without.held.clone_from(&self.held);
        }
        let closing: BTreeSet<Directory> = moot.iter().filter_map(|key| self.held.remove(key)).collect();
        for directory in closing {
            if !self.held.values().any(|by| *by == directory) {
                self.holds.remove(&directory);
            }
        }
    }
}
