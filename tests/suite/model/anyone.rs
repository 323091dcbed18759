//! Any person in any world, not only those that a history can make: registers at random, organizations, grants that
//! end, claims that age. And the same person with nothing but the registers that an explanation names.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use rollkeeper::reconcile::{
    Claim, Connection, DefaultMode, DefaultTeam, Explanation, Group, Link, Person, Record, Source, Stamp, Vouch, Word,
    World,
};

const CONNECTIONS: [&str; 3] = ["a", "b", "c"];
/// Three teams of one organization, a plain group, the organization.
pub const PARENTS: [&str; 5] = ["g1", "g2", "g3", "plain", "org"];
const VALUES: [&str; 4] = ["one", "two", "three", "all"];

const STAMPS: std::ops::RangeInclusive<Stamp> = 1..=9;

pub fn world() -> impl Strategy<Value = World> {
    let team = (select(&["g1", "g3", "plain"]), select(&[DefaultMode::Fallback, DefaultMode::Always]));
    let connection = (option::of(team), option::of(Just("org")), option::of(Just(3)), subsequence(&VALUES, 1..=4));
    let full = vec(option::weighted(0.3, STAMPS), 12);
    (vec(connection, 3), full).prop_map(|(connections, full)| {
        let meaning = BTreeMap::from([
            ("one", vec!["g1"]),
            ("two", vec!["g2", "plain"]),
            ("three", vec!["org"]),
            ("all", vec!["g1", "g2", "g3"]),
        ]);
        let connections = CONNECTIONS.iter().zip(connections).enumerate().map(|(order, (id, settings))| {
            let (team, organization, claim_max_age, values) = settings;
            let groups = |value: &str| meaning[value].iter().map(|group| (*group).to_owned()).collect();
            let connection = Connection {
                id: (*id).to_owned(),
                order: order as i64,
                default_organization: organization.map(str::to_owned),
                default_team: team.map(|(group, mode)| DefaultTeam { group: group.to_owned(), mode }),
                claim_max_age,
                lease: None,
                groups_by_value: values.into_iter().map(|value| (value.to_owned(), groups(value))).collect(),
                ..Connection::default()
            };
            ((*id).to_owned(), connection)
        });
        let mut full = full.into_iter();
        let groups = PARENTS[..4].iter().map(|id| {
            let stated = CONNECTIONS.iter().zip(full.by_ref());
            let group = Group {
                id: (*id).to_owned(),
                organization: (*id != "plain").then(|| "org".to_owned()),
                full: stated.filter_map(|(connection, full)| Some(((*connection).to_owned(), full?))).collect(),
            };
            ((*id).to_owned(), group)
        });
        World { now: 5, connections: connections.collect(), groups: groups.collect(), ..World::default() }
    })
}

pub fn person() -> impl Strategy<Value = Person> {
    let records = CONNECTIONS.map(|connection| option::weighted(0.5, record(connection)));
    let links = vec(link(), 0..=3);
    let vouches = vec(vouch(), 0..=6);
    let account = (proptest::bool::weighted(0.1), proptest::bool::weighted(0.03), option::weighted(0.3, STAMPS));
    (account, records, links, vouches).prop_map(|((suspended, retired, off), records, links, vouches)| {
        let mut person = Person { suspended, retired, off, ..Person::default() };
        person.records.extend(records.into_iter().flatten());
        for link in links {
            if !person.links.iter().any(|it| it.connection == link.connection && it.subject == link.subject) {
                person.links.push(link);
            }
        }
        for vouch in vouches {
            if !person.vouches.iter().any(|it| it.parent == vouch.parent && it.source == vouch.source) {
                person.vouches.push(vouch);
            }
        }
        person
    })
}

fn record(connection: &'static str) -> impl Strategy<Value = Record> {
    let state = (proptest::bool::weighted(0.7), STAMPS, option::weighted(0.3, STAMPS), proptest::bool::weighted(0.3));
    state.prop_map(move |(active, bound_at, off, in_verified_domain)| Record {
        connection: connection.to_owned(),
        external_id: None,
        active,
        bound_at,
        off,
        in_verified_domain,
        words: BTreeMap::new(),
    })
}

fn link() -> impl Strategy<Value = Link> {
    let claim = option::weighted(0.8, (STAMPS, subsequence(&VALUES, 0..=2)));
    let seen = (0..=5_i64, proptest::bool::weighted(0.3));
    (select(&CONNECTIONS), select(&["s1", "s2"]), claim, seen).prop_map(|(connection, subject, claim, (later, cut))| {
        let groups = claim.map(|(stamp, values)| Claim {
            stamp,
            value: values.into_iter().map(str::to_owned).collect::<BTreeSet<_>>(),
        });
        Link {
            roles: None,
            connection: connection.to_owned(),
            subject: subject.to_owned(),
            last_login: groups.as_ref().map_or(0, |claim| claim.stamp) + later,
            groups,
            attributes: BTreeMap::new(),
            given: None,
            cut_off: cut,
        }
    })
}

fn vouch() -> impl Strategy<Value = Vouch> {
    let sources = (0..6_usize, select(&CONNECTIONS), proptest::bool::ANY);
    (select(&PARENTS), sources, STAMPS, option::weighted(0.3, STAMPS)).prop_map(
        |(parent, (kind, connection, listed), stamp, until)| {
            let (source, word) = match kind {
                0 | 1 => {
                    let word = if listed { Word::Grant } else { Word::Deny };
                    (Source::Push(connection.to_owned()), word)
                }
                2 => (Source::Grant, Word::Grant),
                3 => (Source::Deny, Word::Deny),
                4 => (Source::Invite, Word::Grant),
                _ => (Source::Import, Word::Grant),
            };
            let until = until.filter(|_| source == Source::Grant);
            Vouch { parent: parent.to_owned(), source, word, stamp, until, role: None }
        },
    )
}

/// The person and the world without every register that the explanation does not name.
pub fn only(person: &Person, world: &World, explanation: &Explanation) -> (Person, World) {
    let named = |source: &str, cell: &str| {
        explanation.registers.iter().any(|register| register.source == source && register.cell == cell)
    };
    let own = |cell: &str| named("administrator", cell);
    let mut left = Person {
        retired: person.retired && own("retired"),
        suspended: person.suspended && own("suspended"),
        off: person.off.filter(|_| own("off")),
        ..person.clone()
    };
    left.records.retain(|record| named(&format!("push:{}", record.connection), "active"));
    for record in &mut left.records {
        record.off = record.off.filter(|_| named(&format!("push:{}", record.connection), "off"));
    }
    left.vouches.retain(|vouch| named(&vouch.source.to_string(), &vouch.parent));
    for link in &mut left.links {
        if !named(&format!("login:{}", link.connection), &format!("groups/{}", link.subject)) {
            link.groups = None;
        }
    }
    let is_named =
        |link: &Link, cell: &str| named(&format!("login:{}", link.connection), &format!("{cell}/{}", link.subject));
    left.links.retain(|link| is_named(link, "groups") || is_named(link, "login"));

    let mut world = world.clone();
    for group in world.groups.values_mut() {
        let cell = format!("list/{}", group.id);
        group.full.retain(|connection, _| named(&format!("push:{connection}"), &cell));
    }
    (left, world)
}
