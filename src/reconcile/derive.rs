//! The effective view of one person: everything that is not a register but follows from them.
//!
//! Owns `rows`, the memberships as the store keeps them: each register with whether it counts now, and the rows that
//! claims and defaults add. Membership of an organization through one of its teams is not a row: a reader unites
//! the rows of the organization and of its teams ([`Derived::member`]). Nested groups are the reader's too.

use std::collections::BTreeMap;

use serde_json::Value;

use super::attributes;
use super::reading::Reading;
use super::registers::{Connection, DefaultMode, DefaultTeam, Person, Source, Stamp, Vouch, Word, World};

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Derived {
    pub active: bool,
    /// Claims up to here no longer count, for no connection; a connection's own `off` comes on top.
    pub dead: Option<Stamp>,
    /// The connection whose record speaks for the account.
    pub home: Option<String>,
    /// By (parent, source): the registers of `person.vouches` and the derived `login:k` and `default:k`, with whether
    /// the row counts now.
    pub rows: BTreeMap<(String, Source), bool>,
    /// Effective words by cell; absent: no value.
    pub words: BTreeMap<String, Value>,
    /// Losing words: (cell, source such as `login:k`, what it says that does not hold).
    pub drift: Vec<(String, String, Value)>,
}

impl Derived {
    /// Whether the person is in the group or organization: a row of it counts, or one of a team of it.
    pub fn member(&self, world: &World, parent: &str) -> bool {
        let counts = |(row, live): (&(String, Source), &bool)| {
            let team_of = || world.groups.get(&row.0).and_then(|group| group.organization.as_deref());
            *live && (row.0 == parent || team_of() == Some(parent))
        };
        self.rows.iter().any(counts)
    }
}

/// A pure function: the registers, the configuration and the time in, everything that follows out.
pub fn derive(person: &Person, world: &World) -> Derived {
    let reading = Reading::new(person, world);
    let (words, drift) = attributes::words(&reading);
    Derived {
        active: reading.active,
        dead: reading.dead,
        home: reading.home.map(|record| record.connection.clone()),
        rows: rows(&reading),
        words,
        drift,
    }
}

fn rows(reading: &Reading<'_>) -> BTreeMap<(String, Source), bool> {
    let mut rows = BTreeMap::new();
    for parent in reading.parents() {
        let open = reading.open(parent);
        for vouch in reading.vouches(parent) {
            rows.insert((parent.to_owned(), vouch.source.clone()), open && reading.counts(vouch));
        }
    }
    for (connection, spoken) in reading.claims() {
        for parent in reading.named(connection, spoken.claim) {
            if reading.claim_stands(connection, parent, spoken.claim.stamp) {
                let live = reading.open(parent) && reading.active_here(connection);
                rows.insert((parent.to_owned(), Source::Login(connection.to_owned())), live);
            }
        }
    }

    let mut defaults = Vec::new();
    for connection in reading.world.connections.values() {
        if let Some(organization) = &connection.default_organization
            && reading.organization_by_default(connection, organization)
        {
            defaults.push((organization.clone(), Source::Default(connection.id.clone())));
        }
        if let Some(team) = &connection.default_team
            && reading.team_by_default(connection, team)
            && (team.mode == DefaultMode::Always || other_team(reading, &rows, &team.group).is_none())
        {
            defaults.push((team.group.clone(), Source::Default(connection.id.clone())));
        }
    }
    rows.extend(defaults.into_iter().map(|row| (row, true)));
    rows
}

/// A row that counts and puts the person into another team of the same organization; `rows` holds no defaults yet.
fn other_team<'r>(
    reading: &Reading<'_>,
    rows: &'r BTreeMap<(String, Source), bool>,
    team: &str,
) -> Option<&'r (String, Source)> {
    let organization = reading.organization(team);
    let is_other = |parent: &str| {
        parent != team && reading.world.groups.contains_key(parent) && reading.organization(parent) == organization
    };
    rows.iter().find(|((parent, _), live)| **live && is_other(parent)).map(|(row, _)| row)
}

impl Reading<'_> {
    /// Nothing that stands above every word: the account is active and no administrator denies the parent.
    pub(crate) fn open(&self, parent: &str) -> bool {
        self.active && self.denied(parent).is_none()
    }

    /// Whether a register's word counts, where the parent is open to the person.
    pub(crate) fn counts(&self, vouch: &Vouch) -> bool {
        if vouch.word == Word::Deny || !self.stands(vouch) {
            return false;
        }
        match &vouch.source {
            Source::Push(connection) => self.active_here(connection),
            // Weak words end when a push denies the pair afterwards.
            Source::Invite | Source::Import => {
                self.denied_since(&vouch.parent).is_none_or(|(since, _)| vouch.stamp > since)
            }
            _ => true,
        }
    }

    /// Whether a connection's newest claim has a row where it names the parent: push has not spoken on the pair and
    /// has not stated the whole list since.
    pub(crate) fn claim_stands(&self, connection: &str, parent: &str, claim: Stamp) -> bool {
        self.pushed(parent, connection).is_none() && self.overtaken(connection, parent, claim).is_none()
    }

    /// Whoever is pushed by the connection (record active) or linked on it is in its default organization.
    pub(crate) fn organization_by_default(&self, connection: &Connection, organization: &str) -> bool {
        let known = self.record(&connection.id).is_some() || self.links(&connection.id).next().is_some();
        known && self.default_allowed(connection, organization)
    }

    /// Whoever is linked on the connection, unless the newest login's list was cut off: then nobody knows whether the
    /// person is in another team, and a fallback waits.
    pub(crate) fn team_by_default(&self, connection: &Connection, team: &DefaultTeam) -> bool {
        let linked = self.links(&connection.id).next().is_some();
        let withheld = team.mode == DefaultMode::Fallback && self.newest_login_cut_off(&connection.id);
        linked && !withheld && self.default_allowed(connection, &team.group)
    }

    /// A default is silent for a connection that is inactive here or whose push has spoken on the pair.
    pub(crate) fn default_allowed(&self, connection: &Connection, parent: &str) -> bool {
        let stated = self.record(&connection.id).and_then(|record| self.stated(record, parent));
        self.open(parent)
            && self.active_here(&connection.id)
            && self.pushed(parent, &connection.id).is_none()
            && stated.is_none()
    }

    /// Like every other evidence, a login from before a deactivation no longer counts.
    pub(crate) fn newest_login_cut_off(&self, connection: &str) -> bool {
        let alive = self.links(connection).filter(|link| self.is_alive(connection, link.last_login));
        alive.max_by_key(|link| (link.last_login, &link.subject)).is_some_and(|link| link.cut_off)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::registers::{Claim, Group, Link, Record};
    use super::*;

    /// One connection with a default organization and a fallback team; two teams of it, a plain group.
    fn world() -> World {
        let group = |id: &str, organization: Option<&str>| Group {
            id: id.to_owned(),
            organization: organization.map(str::to_owned),
            full: BTreeMap::new(),
        };
        let connection = Connection {
            id: "k".to_owned(),
            order: 1,
            default_organization: Some("org".to_owned()),
            default_team: Some(DefaultTeam { group: "all".to_owned(), mode: DefaultMode::Fallback }),
            claim_max_age: Some(10),
            groups_by_value: BTreeMap::from([
                ("T".to_owned(), BTreeSet::from(["team".to_owned()])),
                ("O".to_owned(), BTreeSet::from(["org".to_owned()])),
            ]),
        };
        let groups = [group("team", Some("org")), group("all", Some("org")), group("plain", None)];
        World {
            now: 100,
            connections: BTreeMap::from([("k".to_owned(), connection)]),
            groups: groups.map(|it| (it.id.clone(), it)).into(),
            ..World::default()
        }
    }

    fn signed_in(stamp: Stamp, values: &[&str]) -> Person {
        let link = Link {
            connection: "k".to_owned(),
            subject: "sub".to_owned(),
            groups: Some(Claim { stamp, value: values.iter().map(|value| (*value).to_owned()).collect() }),
            attributes: BTreeMap::new(),
            last_login: stamp,
            cut_off: false,
        };
        Person { links: vec![link], ..Person::default() }
    }

    fn record(active: bool) -> Record {
        Record {
            connection: "k".to_owned(),
            external_id: None,
            active,
            bound_at: 1,
            off: None,
            in_verified_domain: false,
            words: BTreeMap::new(),
        }
    }

    fn says(parent: &str, source: Source, word: Word) -> Vouch {
        Vouch { parent: parent.to_owned(), source, word, stamp: 5, until: None }
    }

    fn live(person: &Person) -> Vec<String> {
        let rows = derive(person, &world()).rows;
        rows.into_iter().filter(|(_, live)| *live).map(|((parent, source), _)| format!("{parent} {source}")).collect()
    }

    #[test]
    fn claims_and_defaults_make_rows() {
        assert_eq!(live(&signed_in(5, &["T"])), ["org default:k", "team login:k"]);
        assert_eq!(live(&signed_in(5, &["O"])), ["all default:k", "org login:k", "org default:k"]);
        assert_eq!(live(&signed_in(5, &["unknown"])), ["all default:k", "org default:k"]);
        assert_eq!(live(&Person { records: vec![record(true)], ..Person::default() }), ["org default:k"]);
        assert_eq!(live(&Person { records: vec![record(false)], ..Person::default() }), [""; 0]);
    }

    #[test]
    fn a_fallback_waits_for_a_whole_list() {
        let mut person = signed_in(5, &[]);
        person.links[0].cut_off = true;
        assert_eq!(live(&person), ["org default:k"]);
        person.off = Some(5);
        assert_eq!(live(&person), ["all default:k", "org default:k"], "a dead login withholds nothing");
    }

    #[test]
    fn of_two_logins_at_once_the_greater_subject_is_newer() {
        for (cut_off, team) in [("sub", true), ("tub", false)] {
            let mut person = signed_in(5, &[]);
            let second = Link { subject: "tub".to_owned(), ..person.links[0].clone() };
            person.links.push(second);
            for _ in 0..2 {
                person.links.rotate_left(1);
                person.links.iter_mut().for_each(|link| link.cut_off = link.subject == cut_off);
                assert_eq!(derive(&person, &world()).member(&world(), "all"), team, "{cut_off}");
            }
        }
    }

    #[test]
    fn a_plain_group_is_no_other_team() {
        let mut person = signed_in(5, &[]);
        person.vouches.push(says("plain", Source::Grant, Word::Grant));
        assert_eq!(live(&person), ["all default:k", "org default:k", "plain grant"]);
        person.vouches.push(says("team", Source::Import, Word::Grant));
        assert_eq!(live(&person), ["org default:k", "plain grant", "team import"]);
    }

    #[test]
    fn a_deny_of_the_organization_denies_its_teams() {
        let mut person = signed_in(5, &["T"]);
        person.vouches.push(says("org", Source::Deny, Word::Deny));
        person.vouches.push(says("plain", Source::Grant, Word::Grant));
        assert_eq!(live(&person), ["plain grant"]);
        assert!(!derive(&person, &world()).member(&world(), "org"));
        assert_eq!(
            derive(&person, &world()).rows.get(&("team".to_owned(), Source::Login("k".to_owned()))),
            Some(&false)
        );
    }

    #[test]
    fn a_claim_ages_at_a_login_and_not_by_itself() {
        let mut person = signed_in(5, &["T"]);
        for (last_login, counts) in [(5, true), (15, true), (16, false)] {
            person.links[0].last_login = last_login;
            assert_eq!(derive(&person, &world()).member(&world(), "team"), counts, "{last_login}");
        }
    }

    #[test]
    fn a_removal_by_push_has_a_row_that_never_counts() {
        let push = Source::Push("k".to_owned());
        let mut person = signed_in(50, &["T"]);
        person.records.push(record(true));
        person.vouches.push(says("team", push.clone(), Word::Deny));
        assert_eq!(derive(&person, &world()).rows.get(&("team".to_owned(), push)), Some(&false));
        assert!(!derive(&person, &world()).member(&world(), "team"));
        assert!(derive(&person, &world()).member(&world(), "all"), "and the fallback takes over");
    }

    #[test]
    fn the_organization_holds_whoever_is_in_a_team() {
        let person = Person { vouches: vec![says("team", Source::Grant, Word::Grant)], ..Person::default() };
        assert!(derive(&person, &world()).member(&world(), "org"));
        let ended = Vouch { until: Some(100), ..says("team", Source::Grant, Word::Grant) };
        let person = Person { vouches: vec![ended], ..Person::default() };
        assert!(!derive(&person, &world()).member(&world(), "org"));
    }
}
