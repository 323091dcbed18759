//! The reference: the model's semantics in the plainest terms, and alternatives that are known to be wrong.
//!
//! Shares nothing with the product but the words `Grant` and `Deny`. Every fact is in a register owned by exactly one
//! source; the effective view is a function of them.

mod apply;
mod held;
mod moves;
mod organization;
mod registers;
mod view;

use std::collections::{BTreeMap, BTreeSet};

use rollkeeper::reconcile::{Stamp, Word};

use held::{Cell, Loss};
use moves::Named;
use organization::Appointment;

use super::strategy::World;
use super::{Anchor, Client, Directory, Login, MAPPING, Mode, Namespace, Team, Universe, Who};

/// Broken on purpose: what peers are documented to do, and drafts that were given up. Each must fail a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// Push and claims are united pair by pair.
    Union,
    /// Whoever is not listed is denied, although push never spoke on the pair.
    ClosedWorld,
    /// A newer token overrides a removal.
    FreshClaimWins,
    /// One stamp per login instead of one per field.
    SnapshotStamp,
    AbsentIsEmpty,
    /// The default team is given once, at a login.
    StickyDefault,
    /// Claims outlive a deactivation.
    KeepEvidence,
    LoginReenables,
    NoTombstone,
    /// A push does not adopt whom a login created.
    NoAdopt,
    /// A person entered by hand is never matched.
    NoJoin,
    /// Any connection matches people entered by hand.
    AnyoneJoins,
    /// Any connection's inactive record locks the account.
    OneInactiveForAll,
    /// Imports and invitations survive a removal in the IdP.
    WeakWordsStay,
    /// The default keeps in whom push removed.
    DefaultOverrides,
    /// A deny on the organization leaves its teams open.
    DenyStopsAtTheDoor,
    /// An administrator's role takes the place of a higher one.
    AppointmentDecides,
    /// Claimed roles outlive a deactivation.
    RolesOutlive,
    /// A grant goes on after its end.
    EndlessGrant,
    /// Claims have no lease.
    NoLease,
    /// Whoever was deleted long ago is remembered.
    Unforgotten,
    /// Any budget is enough.
    NothingHeld,
    /// What is held stands above an administrator's deny.
    HoldOverrulesDeny,
    HoldForEver,
    /// An administrator may leave the organization without an owner.
    Ownerless,
    /// An anchor that a push has given up still leads to the person.
    RetiredAnchorLeads,
    /// What the predecessor said of somebody stands beside what the successor says.
    PredecessorStays,
    /// The predecessor has back whom its successor took over.
    PredecessorReturns,
}

impl Variant {
    /// Each fails a check.
    pub const CHECKED: [Self; 18] = [
        Self::Union,
        Self::ClosedWorld,
        Self::FreshClaimWins,
        Self::SnapshotStamp,
        Self::AbsentIsEmpty,
        Self::StickyDefault,
        Self::KeepEvidence,
        Self::LoginReenables,
        Self::NoTombstone,
        Self::NoAdopt,
        Self::NoJoin,
        Self::AnyoneJoins,
        Self::OneInactiveForAll,
        Self::WeakWordsStay,
        Self::DefaultOverrides,
        Self::DenyStopsAtTheDoor,
        Self::AppointmentDecides,
        Self::RolesOutlive,
    ];

    /// Each shows in some history of its world, where the product agrees with what is not broken.
    pub const SEEN: [(Self, fn() -> World); 10] = [
        (Self::EndlessGrant, World::timed),
        (Self::NoLease, World::timed),
        (Self::Unforgotten, World::timed),
        (Self::NothingHeld, World::held),
        (Self::HoldOverrulesDeny, World::held),
        (Self::HoldForEver, World::held),
        (Self::Ownerless, World::owned),
        (Self::RetiredAnchorLeads, World::moved),
        (Self::PredecessorStays, World::moved),
        (Self::PredecessorReturns, World::moved),
    ];
}

pub type Account = u32;

/// Where a name is known: a namespace, or the hand of an administrator (an address in the domain of namespace A).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Space {
    A,
    B,
    Hand,
}

/// How far a tombstone reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grave {
    Everywhere(Namespace),
    At(Directory),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    Nothing,
    Cleared,
    Name(&'static str),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    pub active: bool,
    pub name: Said,
    pub bound: Stamp,
    /// When it last went inactive.
    pub off: Option<Stamp>,
}

/// What one link claims, field by field; merged by the maximum.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Claims {
    pub groups: Option<(Stamp, BTreeSet<&'static str>)>,
    pub name: Option<(Stamp, &'static str)>,
    pub roles: Option<(Stamp, BTreeSet<&'static str>)>,
    /// The newest login, and whether its list was cut off.
    pub seen: Option<(Stamp, bool)>,
}

/// What an administrator said of a retired account.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Kept {
    pub suspended: bool,
    pub off: Option<Stamp>,
    /// Ids of teams, and of the organization.
    pub denied: BTreeSet<&'static str>,
}

#[derive(Clone, Debug)]
pub struct State {
    pub universe: Universe,
    pub mode: Mode,
    pub variant: Option<Variant>,
    pub ids: BTreeMap<(Space, Who), Account>,
    pub links: BTreeMap<(Login, Who), Account>,
    /// With their ends.
    pub tombs: BTreeMap<(Grave, Who), Stamp>,
    pub records: BTreeMap<(Client, Who), Record>,
    /// The last suspension, or what a home that is gone ended.
    pub off: BTreeMap<Account, Stamp>,
    /// What outlives a retired account: its suspension with the stamp of it, and its denies.
    pub kept: BTreeMap<Who, Kept>,
    pub lists: BTreeMap<(Client, Team), BTreeSet<Who>>,
    pub full: BTreeMap<(Client, Team), Stamp>,
    pub removed: BTreeMap<(Client, Team, Who), Stamp>,
    pub claims: BTreeMap<(Login, Who), Claims>,
    pub manual: BTreeMap<(Account, Team), Word>,
    /// When a grant ends.
    ends: BTreeMap<(Account, Team), Stamp>,
    pub locks: BTreeMap<Account, &'static str>,
    pub suspended: BTreeSet<Account>,
    pub entered: BTreeMap<Account, &'static str>,
    pub imports: BTreeMap<(Account, Team), Stamp>,
    /// Pending, or accepted at the earliest login.
    pub invitations: BTreeMap<(Who, Team), Option<Stamp>>,
    pub mapping: BTreeMap<&'static str, Team>,
    pub appointments: BTreeMap<Account, Appointment>,
    /// Of namespace A, where they change.
    anchors: BTreeMap<(Who, Anchor), Named>,
    external_ids: BTreeMap<(Client, Who), Anchor>,
    /// Those that ever bound or linked somebody.
    used: BTreeSet<Directory>,
    succeeded: bool,
    /// Where time passes: the last instant.
    pub now: Stamp,
    /// By what is held: whose words ended it.
    held: BTreeMap<(Account, Cell), Directory>,
    /// Open holds, with the instant at which they are released.
    holds: BTreeMap<Directory, Stamp>,
    losses: Vec<Loss>,
    sticky: BTreeSet<(Account, Team)>,
}

impl State {
    pub fn new(universe: Universe, mode: Mode) -> Self {
        Self::broken(universe, mode, None)
    }

    pub fn broken(universe: Universe, mode: Mode, variant: Option<Variant>) -> Self {
        Self {
            universe,
            mode,
            variant,
            ids: BTreeMap::new(),
            links: BTreeMap::new(),
            tombs: BTreeMap::new(),
            records: BTreeMap::new(),
            off: BTreeMap::new(),
            kept: BTreeMap::new(),
            lists: BTreeMap::new(),
            full: BTreeMap::new(),
            removed: BTreeMap::new(),
            claims: BTreeMap::new(),
            manual: BTreeMap::new(),
            ends: BTreeMap::new(),
            locks: BTreeMap::new(),
            suspended: BTreeSet::new(),
            entered: BTreeMap::new(),
            imports: BTreeMap::new(),
            invitations: BTreeMap::new(),
            mapping: BTreeMap::from(MAPPING),
            appointments: BTreeMap::new(),
            anchors: BTreeMap::new(),
            external_ids: BTreeMap::new(),
            used: BTreeSet::new(),
            succeeded: false,
            now: 0,
            held: BTreeMap::new(),
            holds: BTreeMap::new(),
            losses: Vec::new(),
            sticky: BTreeSet::new(),
        }
    }

    fn is(&self, variant: Variant) -> bool {
        self.variant == Some(variant)
    }

    /// By anchor; else the unclaimed person of that address, whom only namespace A (the owner of the domain) may join.
    pub fn find(&self, namespace: Namespace, who: Who) -> Option<Account> {
        let joins = (namespace == Namespace::A || self.is(Variant::AnyoneJoins)) && !self.is(Variant::NoJoin);
        let by_hand = || if joins { self.ids.get(&(Space::Hand, who)) } else { None };
        self.ids.get(&(space(namespace), who)).or_else(by_hand).copied()
    }

    pub fn tombstoned(&self, directory: Directory, who: Who) -> bool {
        self.tombs.contains_key(&(Grave::Everywhere(directory.namespace()), who))
            || self.tombs.contains_key(&(Grave::At(directory), who))
    }

    /// The name by which a client pushes the account.
    pub fn external(&self, account: Account, client: Client) -> Option<Who> {
        let known = self.ids.iter().filter(|((space, _), id)| *space == Space::A && **id == account);
        known.map(|((_, who), _)| *who).find(|who| self.records.contains_key(&(client, *who)))
    }

    pub fn record(&self, account: Account, client: Client) -> Option<&Record> {
        self.records.get(&(client, self.external(account, client)?))
    }

    /// The account's records, home first.
    pub fn records_of(&self, account: Account) -> impl Iterator<Item = (Client, &Record)> {
        Client::ALL.into_iter().filter_map(move |client| Some((client, self.record(account, client)?)))
    }

    pub fn lists(&self, client: Client, team: Team, who: Who) -> bool {
        self.lists.get(&(client, team)).is_some_and(|list| list.contains(who))
    }

    /// When the client last stated the whole list of the team, if it knew the person by then.
    pub fn stated(&self, client: Client, who: Who, team: Team) -> Option<Stamp> {
        let full = *self.full.get(&(client, team))?;
        (full > self.records.get(&(client, who))?.bound).then_some(full)
    }
}

pub fn space(namespace: Namespace) -> Space {
    match namespace {
        Namespace::A => Space::A,
        Namespace::B => Space::B,
    }
}
