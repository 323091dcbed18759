//! Histories: sequences of events as `proptest` strategies, so that a failing one is shrunk to a readable story.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use rollkeeper::reconcile::{DefaultMode, Stamp, Word};

use super::checks::Case;
use super::{
    Anchor, Client, DAY, Directory, Event, Groups, HOUR, Login, MINUTE, Mode, Role, SignIn, Team, Universe, Who,
};

/// The same histories in every run.
pub fn runner(seed: u8, cases: u32) -> TestRunner {
    let config = Config { cases, failure_persistence: None, max_shrink_time: 60_000, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]))
}

/// How a history is made.
#[derive(Clone, Debug)]
pub struct World {
    pub universe: Universe,
    pub stamps: RangeInclusive<Stamp>,
    /// Everybody starts pushed, signed in and imported, so that sources meet more often.
    pub deep: bool,
}

impl World {
    pub fn plain() -> Self {
        Self { universe: Universe::PLAIN, stamps: 1..=1_000, deep: false }
    }

    /// Stamps tie.
    pub fn dense() -> Self {
        Self { stamps: 1..=9, ..Self::plain() }
    }

    /// One person, of whom everybody speaks at once.
    pub fn narrow() -> Self {
        Self { universe: Universe { people: &["p"], ..Universe::WIDE }, ..Self::dense() }
    }

    pub fn deep() -> Self {
        Self { universe: Universe::WIDE, stamps: 1..=9, deep: true }
    }

    pub fn ageing() -> Self {
        Self { universe: Universe::AGEING, ..Self::deep() }
    }

    /// Minutes and weeks pass between two events.
    pub fn timed() -> Self {
        Self { universe: Universe::TIMED, ..Self::deep() }
    }

    pub fn held() -> Self {
        Self { universe: Universe::HELD, ..Self::deep() }
    }

    pub fn moved() -> Self {
        Self { universe: Universe::MOVED, ..Self::deep() }
    }

    pub fn owned() -> Self {
        Self { universe: Universe::OWNED, ..Self::deep() }
    }
}

#[derive(Clone, Debug)]
pub struct History {
    pub mode: Mode,
    pub events: Vec<Event>,
}

/// Up to fourteen events of all kinds, after a beginning if the world is deep.
pub fn history(world: &World) -> impl Strategy<Value = History> + use<> {
    let step = (proptest::option::weighted(0.04, select(&Login::ALL)), event(world), select(&GAPS));
    let beginning = if world.deep { beginning(world).boxed() } else { Just(Vec::new()).boxed() };
    let universe = world.universe;
    (mode(), beginning, vec(step, 0..=14)).prop_map(move |(mode, beginning, steps)| {
        let mut events: Vec<(Event, Stamp)> = beginning.into_iter().map(|event| (event, MINUTE)).collect();
        for (withdrawn, event, gap) in steps {
            events.extend(withdrawn.map(|login| (Event::Withdraw { login }, 0)));
            events.push((event, gap));
        }
        events.retain(|(event, _)| happens(&universe, event));
        let mut now = 0;
        if universe.time.is_some() {
            for (event, gap) in &mut events {
                now += *gap;
                happen_at(event, now);
            }
        }
        History { mode, events: events.into_iter().map(|(event, _)| event).collect() }
    })
}

const GAPS: [Stamp; 5] = [MINUTE, 20 * MINUTE, HOUR, 2 * DAY, 31 * DAY];

/// An invitation ends by the clock, and the budget of one request that changes three connections is three: not here.
fn happens(universe: &Universe, event: &Event) -> bool {
    let configures = matches!(event, Event::Remap { .. } | Event::Withdraw { .. });
    match event {
        Event::Invite { .. } => universe.time.is_none(),
        Event::Wait { .. } => universe.time.is_some(),
        Event::Apply { .. } => universe.budget.is_some(),
        Event::Delete { .. } | Event::Withdraw { .. } if universe.moves => false,
        _ => !configures || universe.founded && universe.budget.is_none(),
    }
}

/// Where time passes, everything happens when it comes.
fn happen_at(event: &mut Event, now: Stamp) {
    match event {
        Event::Put { stamp, .. }
        | Event::Rename { stamp, .. }
        | Event::Member { stamp, .. }
        | Event::Members { stamp, .. }
        | Event::Import { stamp, .. }
        | Event::Suspend { stamp, .. }
        | Event::Wait { stamp } => *stamp = now,
        Event::Login(sign_in) => sign_in.iat = now,
        Event::Appoint { until, .. } | Event::Grant { until, .. } => *until = until.map(|after| now + after),
        _ => {}
    }
}

/// A prefix and what the checks may add to it.
pub fn case(world: &World) -> impl Strategy<Value = Case> + use<> {
    let one = || event(world);
    let logins = [sign_in(world), sign_in(world)];
    let who = select(world.universe.people);
    (mode(), vec(one(), 0..=14), [one(), one()], logins, who, select(&Team::ALL), vec(one(), 1..=10)).prop_map(
        |(mode, prefix, events, logins, who, team, later)| Case { mode, prefix, events, logins, who, team, later },
    )
}

fn mode() -> impl Strategy<Value = Mode> {
    select(&[Some(DefaultMode::Fallback), Some(DefaultMode::Always), None])
}

fn beginning(world: &World) -> impl Strategy<Value = Vec<Event>> + use<> {
    let one = |who: Who| {
        let logins = vec((proptest::bool::weighted(0.6), 1..=9_i64, select(&GROUPS[4..6])), 3);
        let known = (vec(proptest::bool::weighted(0.7), 2), proptest::bool::ANY, select(&TEAMS), 1..=9_i64, logins);
        known.prop_map(move |(pushed, imported, team, stamp, logins)| {
            let mut events = Vec::new();
            for (client, _) in Client::ALL.into_iter().zip(pushed).filter(|(_, pushed)| *pushed) {
                events.push(Event::Put { client, who, active: true, name: Some("N1"), stamp: 1 });
            }
            if imported {
                events.push(Event::Import { who, team, stamp });
            }
            for (login, (signs_in, iat, groups)) in Login::ALL.into_iter().zip(logins) {
                if signs_in {
                    events.push(Event::Login(SignIn {
                        login,
                        who,
                        iat,
                        groups,
                        name: Some("J1"),
                        roles: None,
                        anchor: 0,
                    }));
                }
            }
            events
        })
    };
    world.universe.people.iter().map(|who| one(who)).collect::<Vec<_>>().prop_map(|people| people.concat())
}

const TEAMS: [Team; 2] = [Team::G1, Team::G2];

/// How long after it a grant ends.
const ENDS: [Option<Stamp>; 3] = [None, Some(30 * MINUTE), Some(DAY)];

const GROUPS: [Groups; 7] = [
    Groups::Absent,
    Groups::CutOff,
    Groups::Known(&[]),
    Groups::Known(&["ZZ"]),
    Groups::Known(&["G1"]),
    Groups::Known(&["G2"]),
    Groups::Known(&["G1", "G2"]),
];

const ANCHORS: [Anchor; 3] = [0, 1, 2];
/// As often as it stands here.
const SHOWN: [Anchor; 6] = [0, 0, 0, 1, 1, 2];

const ROLES: [Option<&[&str]>; 6] = [None, None, Some(&[]), Some(&["ZZ"]), Some(&["E"]), Some(&["O", "E"])];

#[derive(Clone, Copy, Debug)]
enum Kind {
    Put,
    Delete,
    Member,
    Members,
    Login,
    Enter,
    Import,
    Grant,
    Ungrant,
    Suspend,
    Unsuspend,
    Lock,
    Invite,
    Remap,
    Appoint,
    Dismiss,
    Apply,
    Wait,
    Rename,
    Succeed,
}

/// As often as it stands here.
const KINDS: [Kind; 28] = {
    use Kind::*;
    [
        Put, Put, Put, Delete, Member, Member, Member, Members, Login, Login, Login, Login, Login, Login, Enter, Enter,
        Import, Grant, Grant, Ungrant, Suspend, Unsuspend, Lock, Invite, Remap, Appoint, Appoint, Dismiss,
    ]
};

/// Any event but a withdrawal.
pub fn event(world: &World) -> impl Strategy<Value = Event> + use<> {
    let people = world.universe.people;
    let place = (select(people), select(&[Client::C1, Client::C1, Client::C2]), select(&Team::ALL));
    let list = subsequence(people, 0..=people.len().min(2));
    let mut kinds = KINDS.to_vec();
    kinds.extend(world.universe.time.map(|_| Kind::Wait));
    kinds.extend(world.universe.budget.map(|_| Kind::Apply));
    if world.universe.moves {
        kinds.extend([Kind::Rename, Kind::Rename, Kind::Rename, Kind::Succeed]);
    }
    let (timed, wired) = (world.universe.time.is_some(), world.universe.wired);
    (select(kinds), place, sign_in(world), list, 0..12_usize, 0..10_usize).prop_map(
        move |(kind, (who, client, team), sign_in, list, pick, percent)| {
            let stamp = sign_in.iat;
            let name = |names: [&'static str; 2]| names[pick % 2];
            let imported = TEAMS[pick % 2];
            let lister = if wired { Client::C1 } else { client };
            match kind {
                Kind::Put => {
                    let name = [Some("N1"), Some("N2"), None][pick % 3];
                    Event::Put { client, who, active: pick / 3 != 0, name, stamp }
                }
                Kind::Delete => Event::Delete { client, who },
                Kind::Rename => Event::Rename { client, who, anchor: ANCHORS[pick % 3], stamp },
                Kind::Succeed => Event::Succeed,
                Kind::Member => Event::Member { client: lister, team, who, present: percent < 6, stamp },
                Kind::Members => Event::Members { client: lister, team, list: BTreeSet::from_iter(list), stamp },
                Kind::Login => Event::Login(sign_in),
                Kind::Enter => Event::Enter { who, name: name(["E1", "E2"]) },
                Kind::Import => Event::Import { who, team: imported, stamp },
                Kind::Grant => {
                    let word = if pick % 3 == 0 { Word::Deny } else { Word::Grant };
                    let until = ENDS[pick / 3 % 3].filter(|_| timed && word == Word::Grant);
                    Event::Grant { who, team, word, until }
                }
                Kind::Ungrant => Event::Ungrant { who, team },
                Kind::Suspend => Event::Suspend { who, stamp },
                Kind::Unsuspend => Event::Unsuspend { who },
                Kind::Lock => Event::Lock { who, name: name(["M1", "M2"]) },
                Kind::Invite => Event::Invite { who, team },
                Kind::Appoint => {
                    let word = if percent < 3 { Word::Deny } else { Word::Grant };
                    let role = [None, Some(Role::Editor)][pick % 2];
                    let until = ENDS[pick / 2 % 3].filter(|_| timed);
                    Event::Appoint { who, word, role, until }
                }
                Kind::Dismiss => Event::Dismiss { who },
                Kind::Apply => Event::Apply { directory: Directory::ALL[pick % 3] },
                Kind::Wait => Event::Wait { stamp },
                Kind::Remap => Event::Remap { value: "G1", team: imported },
            }
        },
    )
}

pub fn sign_in(world: &World) -> impl Strategy<Value = SignIn> + use<> {
    let names = select(&[Some("J1"), Some("J2"), None]);
    let anchors = if world.universe.moves { select(&SHOWN[..]) } else { select(&SHOWN[..1]) };
    let who = (select(&Login::ALL), select(world.universe.people), anchors);
    (who, world.stamps.clone(), select(&GROUPS), names, select(&ROLES)).prop_map(
        |((login, who, anchor), iat, groups, name, roles)| SignIn { login, who, iat, groups, name, roles, anchor },
    )
}
