//! The small model of reconciliation: people, two pushing connections and four ways to sign in, and every event that
//! can happen to them.
//!
//! Whatever reconciles is a [`Subject`]: the reference in plain Rust ([`reference`]), the product's pure functions
//! over registers in memory ([`pure`]), or the whole of it over a store ([`stored`]), by its use cases or over HTTP. [`checks`] holds what must be true of any of them,
//! [`compare::agree`] holds one against the reference, event by event, [`strategy`] makes the histories and [`observe`]
//! says what a person's registers show. [`anyone`] makes people that no history need have made.
//!
//! A directory is one connection: its push client and its sign-ins are two views of one truth. Stamps: push and
//! administrators' events carry the commit time, sign-ins the token's `iat`; both are wall clocks.

pub mod anyone;
pub mod checks;
pub mod compare;
pub mod observe;
pub mod pure;
pub mod reference;
pub mod stored;
pub mod strategy;

use std::collections::{BTreeMap, BTreeSet};

use rollkeeper::reconcile::{DefaultMode, Stamp, Word};

/// The name by which an IdP's sources know a person: `externalId`, anchor and address in one.
pub type Who = &'static str;

/// Which of a person's names in namespace A: what is pushed as `externalId` and claimed as the anchor. The first is the
/// person's own, where they do not change everybody has that.
pub type Anchor = u8;

pub fn anchor_name(who: Who, anchor: Anchor) -> String {
    if anchor == 0 { who.to_owned() } else { format!("{who}.{anchor}") }
}

/// Who is declared the successor of whom.
pub const SUCCESSION: (Directory, Directory) = (Directory::D1, Directory::D2);

/// Anchor namespaces; those of two different ones never merge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Namespace {
    A,
    B,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Directory {
    D1,
    D2,
    D3,
}

/// A push client. The order is that of creation: the first that pushes somebody is home.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Client {
    C1,
    C2,
}

/// A way to sign in. `K1` and `K1b` are two subjects of each person on one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Login {
    K1,
    K1b,
    K2,
    K3,
}

/// The teams of one organization. `Gd` is where defaults put people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Team {
    G1,
    G2,
    Gd,
}

/// What somebody is in the organization of the teams; the highest that stands counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    Member,
    Editor,
    Owner,
}

impl Namespace {
    pub const ALL: [Self; 2] = [Self::A, Self::B];
}

impl Directory {
    pub const ALL: [Self; 3] = [Self::D1, Self::D2, Self::D3];

    pub fn client(self) -> Option<Client> {
        match self {
            Self::D1 => Some(Client::C1),
            Self::D2 => Some(Client::C2),
            Self::D3 => None,
        }
    }

    pub fn namespace(self) -> Namespace {
        if self == Self::D3 { Namespace::B } else { Namespace::A }
    }

    pub fn id(self) -> &'static str {
        ["d1", "d2", "d3"][self as usize]
    }
}

impl Client {
    pub const ALL: [Self; 2] = [Self::C1, Self::C2];

    pub fn directory(self) -> Directory {
        [Directory::D1, Directory::D2][self as usize]
    }
}

impl Login {
    pub const ALL: [Self; 4] = [Self::K1, Self::K1b, Self::K2, Self::K3];

    pub fn directory(self) -> Directory {
        [Directory::D1, Directory::D1, Directory::D2, Directory::D3][self as usize]
    }

    pub fn namespace(self) -> Namespace {
        self.directory().namespace()
    }

    /// The subject of a person; of two that spoke at once, the one whose subject is greater is newer.
    pub fn subject(self, who: Who) -> String {
        format!("{}:{who}", ["k1", "k1b", "k2", "k3"][self as usize])
    }
}

impl Team {
    pub const ALL: [Self; 3] = [Self::G1, Self::G2, Self::Gd];

    pub fn id(self) -> &'static str {
        ["g1", "g2", "gd"][self as usize]
    }
}

impl Role {
    pub const ALL: [Self; 3] = [Self::Member, Self::Editor, Self::Owner];

    pub fn name(self) -> &'static str {
        ["member", "editor", "owner"][self as usize]
    }
}

/// Who there is, and how far the connections reach.
#[derive(Clone, Copy, Debug)]
pub struct Universe {
    pub people: &'static [Who],
    /// The scope and the default team of the second connection; the first has `G1`, `G2` and `Gd`, the third `G2` and `Gd`.
    pub second: (&'static [Team], Team),
    pub claim_max_age: Option<Stamp>,
    /// Whose sign-ins vouch for the addresses that invitations go to: they accept them.
    pub invited: &'static [Directory],
    /// Time passes from event to event, and what is due happens; without it every event has its instant and that is all.
    pub time: Option<Time>,
    /// Of every connection: how many memberships, and how many deactivations, take effect within an hour.
    pub budget: Option<usize>,
    /// Somebody who is none of these people owns the organization: nobody is its last owner.
    pub founded: bool,
    /// Over HTTP. The teams are the first client's own, so nobody else lists anybody; and memberships are imported from files,
    /// which leave what is imported or granted already as it is.
    pub wired: bool,
    /// Anchors change, and one directory succeeds another. Nobody is deleted or withdrawn there.
    pub moves: bool,
}

#[derive(Clone, Copy, Debug)]
pub struct Time {
    /// How long a claim counts by the clock.
    pub lease: Option<Stamp>,
}

pub const MINUTE: Stamp = 60_000;
pub const HOUR: Stamp = 60 * MINUTE;
pub const DAY: Stamp = 24 * HOUR;
/// How long what is retired is kept, and its tombstones with it.
pub const RETENTION: Stamp = 30 * DAY;
/// When what is held takes effect by itself.
pub const RELEASE: Stamp = 2 * HOUR;

impl Universe {
    /// Two people. What the checks are written for.
    pub const PLAIN: Self = Self {
        people: &["p", "q"],
        second: (&[Team::G1], Team::Gd),
        claim_max_age: None,
        invited: &[Directory::D1, Directory::D2],
        time: None,
        budget: None,
        founded: true,
        wired: false,
        moves: false,
    };
    /// Three people, another scope and another default team.
    pub const WIDE: Self =
        Self { people: &["p", "q", "r"], second: (&[Team::G1, Team::G2, Team::Gd], Team::G2), ..Self::PLAIN };
    /// Claims age quickly.
    pub const AGEING: Self = Self { claim_max_age: Some(3), ..Self::WIDE };

    /// Claims age, and have a lease; grants end; who was deleted long ago is forgotten.
    pub const TIMED: Self =
        Self { claim_max_age: Some(30 * DAY), time: Some(Time { lease: Some(3 * DAY) }), ..Self::WIDE };
    /// Hardly anything takes effect at once.
    pub const HELD: Self =
        Self { budget: Some(1), claim_max_age: Some(30 * DAY), time: Some(Time { lease: None }), ..Self::WIDE };
    /// Somebody is the last owner.
    pub const OWNED: Self = Self { founded: false, ..Self::WIDE };

    pub const MOVED: Self = Self { moves: true, ..Self::WIDE };

    /// Invitations go to an address in a domain, and a domain is verified for one connection.
    pub const fn stored(self) -> Self {
        Self { invited: &[Directory::D1], ..self }
    }

    pub const fn wired(self) -> Self {
        Self { wired: true, ..self.stored() }
    }

    pub fn scope(&self, directory: Directory) -> &'static [Team] {
        match directory {
            Directory::D1 => &[Team::G1, Team::G2],
            Directory::D2 => self.second.0,
            Directory::D3 => &[Team::G2],
        }
    }

    pub fn default_team(&self, directory: Directory) -> Team {
        if directory == Directory::D2 { self.second.1 } else { Team::Gd }
    }
}

/// What raw claim values mean before anybody changes the mapping.
pub const MAPPING: [(&str, Team); 2] = [("G1", Team::G1), ("G2", Team::G2)];

/// What raw role values mean.
pub const ROLES: [(&str, Role); 2] = [("E", Role::Editor), ("O", Role::Owner)];

/// What being in a team means, by the word of any connection.
pub const ROLE_OF_TEAM: (Team, Role) = (Team::G2, Role::Editor);

/// `None`: no default team.
pub type Mode = Option<DefaultMode>;

/// One request, one transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Push states a person: creates, adopts, claims, replaces, (de)activates. No name: silent, or cleared if it once
    /// said one.
    Put {
        client: Client,
        who: Who,
        active: bool,
        name: Option<&'static str>,
        stamp: Stamp,
    },
    /// Push deletes its record; the person goes with the last one.
    Delete {
        client: Client,
        who: Who,
    },
    /// Push gives the person another `externalId`.
    Rename {
        client: Client,
        who: Who,
        anchor: Anchor,
        stamp: Stamp,
    },
    /// Push adds or removes one member; an addition claims the person.
    Member {
        client: Client,
        team: Team,
        who: Who,
        present: bool,
        stamp: Stamp,
    },
    /// Push states the whole list.
    Members {
        client: Client,
        team: Team,
        list: BTreeSet<Who>,
        stamp: Stamp,
    },
    Login(SignIn),
    /// An administrator enters a person by hand (or an import does): an upsert of the weakest words.
    Enter {
        who: Who,
        name: &'static str,
    },
    /// An import says that the person is in the team: a weak word.
    Import {
        who: Who,
        team: Team,
        stamp: Stamp,
    },
    /// An administrator grants or denies; one replaces the other, and a grant may end by itself.
    Grant {
        who: Who,
        team: Team,
        word: Word,
        until: Option<Stamp>,
    },
    Ungrant {
        who: Who,
        team: Team,
    },
    /// An administrator grants or denies the organization itself, with a role; the grant may end by itself.
    Appoint {
        who: Who,
        word: Word,
        role: Option<Role>,
        until: Option<Stamp>,
    },
    Dismiss {
        who: Who,
    },
    Suspend {
        who: Who,
        stamp: Stamp,
    },
    Unsuspend {
        who: Who,
    },
    Lock {
        who: Who,
        name: &'static str,
    },
    /// Pending until that person signs in.
    Invite {
        who: Who,
        team: Team,
    },
    /// From now on a raw claim value means this team.
    Remap {
        value: &'static str,
        team: Team,
    },
    /// Everything that one way to sign in ever said goes, links included.
    Withdraw {
        login: Login,
    },
    /// The second directory is declared the first one's successor, with all its domains.
    Succeed,
    /// An administrator lets what is held of a connection's words take effect.
    Apply {
        directory: Directory,
    },
    /// Nothing but time.
    Wait {
        stamp: Stamp,
    },
}

/// The evidence of one login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignIn {
    pub login: Login,
    pub who: Who,
    pub iat: Stamp,
    pub groups: Groups,
    pub name: Option<&'static str>,
    /// Absent, or all of them.
    pub roles: Option<&'static [&'static str]>,
    pub anchor: Anchor,
}

/// The three states of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Groups {
    Absent,
    CutOff,
    Known(&'static [&'static str]),
}

/// Events of one source are ordered by it; those of two sources may come in any order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaker {
    Push(Client),
    Login(Login),
    Invitation,
    Administrator,
    Configuration,
}

impl Event {
    pub fn speaker(&self) -> Speaker {
        match self {
            Self::Put { client, .. }
            | Self::Delete { client, .. }
            | Self::Rename { client, .. }
            | Self::Member { client, .. }
            | Self::Members { client, .. } => Speaker::Push(*client),
            Self::Login(sign_in) => Speaker::Login(sign_in.login),
            Self::Invite { .. } => Speaker::Invitation,
            Self::Remap { .. } | Self::Withdraw { .. } | Self::Succeed | Self::Wait { .. } => Speaker::Configuration,
            _ => Speaker::Administrator,
        }
    }

    /// When it happens, if it says so itself.
    pub fn stamp(&self) -> Option<Stamp> {
        match self {
            Self::Put { stamp, .. }
            | Self::Rename { stamp, .. }
            | Self::Member { stamp, .. }
            | Self::Members { stamp, .. }
            | Self::Import { stamp, .. }
            | Self::Suspend { stamp, .. }
            | Self::Wait { stamp } => Some(*stamp),
            Self::Login(sign_in) => Some(sign_in.iat),
            _ => None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    Ok,
    Created,
    Updated,
    /// The account went with its last record.
    Gone,
    Allow,
    Deny(Refusal),
    /// 400: somebody who may not be named.
    Invalid,
    /// 404.
    Unknown,
    /// 409.
    Conflict,
    /// 503: the store failed underneath.
    Lost,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refusal {
    Tombstoned,
    IdentityConflict,
    Inactive,
    /// `account_exists_unlinked`.
    Unlinked,
}

impl Outcome {
    pub fn is_denied(self) -> bool {
        matches!(self, Self::Deny(_))
    }
}

/// What everybody but a push token reads: by namespace and name, nobody where nobody is found.
pub type Effective = BTreeMap<(Namespace, Who), Option<Seen>>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub active: bool,
    pub teams: BTreeSet<Team>,
    /// In the organization, as what.
    pub role: Option<Role>,
    pub name: Option<String>,
}

/// What a push token reads: its own words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PushView {
    pub listed: BTreeSet<(Team, Who)>,
    /// Active, and the name that it said.
    pub records: BTreeMap<Who, (bool, Option<String>)>,
}

/// Every register as text, keyed `owner: cell`, accounts named by their identities. The keys that the checks read:
///
/// - `identity: A p`, `identity: B p` and `identity: hand p` give the account's name;
/// - `link: k1 p` gives the account's name; `login: k1 p groups` (and `… name`, `… seen`) what that link claims;
/// - everything that an administrator owns of an account begins `administrator: ` and the account's name.
///
/// What is held is no source's register: it is compared, and belongs to no check.
pub type Registers = BTreeMap<String, String>;

/// Whatever reconciles. Starts with nobody in it, the connections of the universe, and one default mode for all.
pub trait Subject {
    fn apply(&mut self, event: &Event) -> Outcome;
    fn effective(&mut self) -> Effective;
    fn push_view(&mut self, client: Client) -> PushView;
    /// What one connection says of the person whom its namespace knows by this name.
    fn vote(&mut self, directory: Directory, who: Who, team: Team) -> Option<Word>;
    fn registers(&mut self) -> Registers;

    fn run(&mut self, events: &[Event]) -> Vec<Outcome> {
        events.iter().map(|event| self.apply(event)).collect()
    }

    fn seen(&mut self, namespace: Namespace, who: Who) -> Option<Seen> {
        self.effective().remove(&(namespace, who)).flatten()
    }

    fn is_in(&mut self, who: Who, team: Team) -> bool {
        self.seen(Namespace::A, who).is_some_and(|seen| seen.teams.contains(&team))
    }

    /// Everything there is to see.
    fn all(&mut self) -> (Registers, Effective, Vec<PushView>) {
        (self.registers(), self.effective(), Client::ALL.map(|client| self.push_view(client)).into())
    }
}
