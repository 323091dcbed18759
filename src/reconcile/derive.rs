//! The effective view of one person: everything that is not a register but follows from them.
//!
//! Owns `rows`, the memberships as the store keeps them: each register with whether it counts now, and the rows that
//! claims and defaults add. Membership of an organization through one of its teams is not a row: a reader unites
//! the rows of the organization and of its teams ([`Derived::member`]). Nested groups are the reader's too.

use std::collections::BTreeMap;

use serde_json::Value;

use super::attributes;
use super::reading::Reading;
use super::registers::{Connection, DefaultMode, DefaultTeam, Link, Person, Source, Stamp, Vouch, Word, World};
use super::roles;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Derived {
    pub active: bool,
    /// Claims up to here no longer count, for no connection; a connection's own `off` comes on top.
    pub dead: Option<Stamp>,
    /// The connection whose record speaks for the account.
    pub home: Option<String>,
    /// By (parent, source): the registers of `person.vouches` and the derived `login:k`, `default:k` and `held:k`, with whether
    /// the row counts now.
    pub rows: BTreeMap<(String, Source), bool>,
    /// The roles that rows have: a register's own, or what a connection says with the rows that it makes.
    pub roles: BTreeMap<(String, Source), String>,
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

    /// What the person is in each organization that they are in.
    pub fn organizations(&self, world: &World) -> BTreeMap<String, String> {
        let live = self.rows.iter().filter(|(_, live)| **live).map(|(row, _)| row);
        roles::effective(world, live, &self.roles)
    }
}

/// A pure function: the registers, the configuration and the time in, everything that follows out.
pub fn derive(person: &Person, world: &World) -> Derived {
    let reading = Reading::new(person, world);
    let (words, drift) = attributes::words(&reading);
    let rows = rows(&reading);
    Derived {
        active: reading.active,
        dead: reading.dead,
        home: reading.home.map(|record| record.connection.clone()),
        roles: roles::roles(&reading, rows.keys()),
        rows,
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

    for held in &reading.person.held {
        let Some(parent) = held.parent.as_ref().filter(|parent| reading.open(parent)) else { continue };
        // Another word gives it: then nothing is held.
        if !rows.iter().any(|((other, _), live)| *live && other == parent) {
            rows.insert((parent.clone(), Source::Held(held.connection.clone())), true);
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
            && match team.mode {
                DefaultMode::Always => true,
                DefaultMode::Fallback => other_team(reading, &rows, &team.group).is_none(),
                DefaultMode::Sticky => reading.given(&connection.id, &team.group).is_some(),
            }
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

    /// A default that was given at a login, and by which link: evidence like every other, dead after a deactivation.
    pub(crate) fn given(&self, connection: &str, team: &str) -> Option<&Link> {
        let mut links = self.links(connection);
        links.find(|link| {
            let given = link.given.as_ref();
            given.is_some_and(|given| given.value.contains(team) && self.is_alive(connection, given.stamp))
        })
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

    use super::super::registers::{Claim, Group, Held, Link, Record};
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
            lease: None,
            groups_by_value: BTreeMap::from([
                ("T".to_owned(), BTreeSet::from(["team".to_owned()])),
                ("O".to_owned(), BTreeSet::from(["org".to_owned()])),
            ]),
            organizations: BTreeSet::from(["org".to_owned()]),
            roles_by_value: BTreeMap::from([
                ("Boss".to_owned(), "owner".to_owned()),
                ("Hand".to_owned(), "editor".to_owned()),
            ]),
            roles_by_group: BTreeMap::from([("team".to_owned(), "editor".to_owned())]),
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
            roles: None,
            attributes: BTreeMap::new(),
            given: None,
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
        Vouch { parent: parent.to_owned(), source, word, stamp: 5, until: None, role: None }
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

    /// Given at a login, it stays whatever teams come later; it is dead like every evidence from before a deactivation.
    #[test]
    fn a_sticky_default_is_given_once() {
        let mut world = world();
        if let Some(team) = world.connections.get_mut("k").and_then(|k| k.default_team.as_mut()) {
            team.mode = DefaultMode::Sticky;
        }
        let mut person = signed_in(5, &[]);
        assert!(!derive(&person, &world).member(&world, "all"), "nothing was given yet");
        person.links[0].given = Some(Claim { stamp: 5, value: BTreeSet::from(["all".to_owned()]) });
        assert!(derive(&person, &world).member(&world, "all"));
        person.vouches.push(says("team", Source::Grant, Word::Grant));
        assert!(derive(&person, &world).member(&world, "all"), "another team does not take it away");
        person.links[0].cut_off = true;
        assert!(derive(&person, &world).member(&world, "all"), "nor does a list that was cut off");
        person.off = Some(5);
        assert!(!derive(&person, &world).member(&world, "all"));
        person.off = None;
        person.records.push(record(true));
        person.vouches.push(says("all", Source::Push("k".to_owned()), Word::Deny));
        assert!(!derive(&person, &world).member(&world, "all"), "push has spoken");
    }

    #[test]
    fn what_is_held_stands_until_another_word_or_an_administrator_decides() {
        let held = |parent: Option<&str>| Held {
            hold: "h".to_owned(),
            connection: "k".to_owned(),
            parent: parent.map(str::to_owned),
            stamp: 9,
        };
        let push = |word| says("team", Source::Push("k".to_owned()), word);
        let mut person = Person {
            records: vec![record(false)],
            vouches: vec![push(Word::Grant)],
            held: vec![held(None), held(Some("team"))],
            ..Person::default()
        };
        assert!(derive(&person, &world()).active);
        assert_eq!(live(&person), ["team held:k"], "its push is silent, and no default joins the two");
        person.suspended = true;
        assert!(!derive(&person, &world()).active, "an administrator's word stands above a hold");
        person.suspended = false;
        person.records[0].active = true;
        assert_eq!(live(&person), ["org default:k", "team push:k"]);
        person.vouches[0].word = Word::Deny;
        assert_eq!(live(&person), ["org default:k", "team held:k"], "a removal is held");
        person.vouches.push(says("team", Source::Deny, Word::Deny));
        assert_eq!(live(&person), ["org default:k"]);
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
    fn a_lease_ends_by_the_clock() {
        let mut world = world();
        world.connections.get_mut("k").expect("it is there").lease = Some(20);
        let person = signed_in(80, &["T"]);
        for (now, counts) in [(80, true), (99, true), (100, false)] {
            world.now = now;
            assert_eq!(derive(&person, &world).member(&world, "team"), counts, "{now}");
        }
        let mut renewed = person.clone();
        renewed.links.push(Link { subject: "second".to_owned(), ..signed_in(90, &["T"]).links.remove(0) });
        assert!(derive(&renewed, &world).member(&world, "team"), "another link of the person renewed it");
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

    /// The highest role that stands is the person's, and each goes with the vouch that it came with.
    #[test]
    fn a_role_belongs_to_its_vouch() {
        let role = |person: &Person| derive(person, &world()).organizations(&world()).get("org").cloned();
        let role = |person: &Person| role(person).unwrap_or_else(|| "nobody".to_owned());
        let mut person = signed_in(5, &[]);
        assert_eq!(role(&person), "member");
        person.links[0].groups = Some(Claim { stamp: 6, value: BTreeSet::from(["T".to_owned()]) });
        assert_eq!(role(&person), "editor", "the table of groups");
        let claims =
            |values: &[&str]| Some(Claim { stamp: 6, value: values.iter().map(|it| (*it).to_owned()).collect() });
        person.links[0].roles = claims(&["Boss", "Hand", "unknown"]);
        assert_eq!(role(&person), "owner");
        person.links[0].roles = claims(&["unknown"]);
        assert_eq!(role(&person), "editor", "a claim that means nothing leaves the table");
        person.links[0].roles = claims(&["Boss"]);
        person.off = Some(6);
        assert_eq!(role(&person), "member", "dead evidence gives no role");
        person.off = None;
        person.records.push(record(false));
        assert_eq!(role(&person), "nobody");
        person.records.clear();
        person.links.clear();
        person.vouches.push(Vouch { role: Some("owner".to_owned()), ..says("org", Source::Invite, Word::Grant) });
        person.vouches.push(Vouch { role: Some("editor".to_owned()), ..says("org", Source::Grant, Word::Grant) });
        assert_eq!(role(&person), "owner");
        person.vouches[0].until = Some(50);
        assert_eq!(role(&person), "editor", "with its vouch the role has ended");
        person.vouches.push(says("org", Source::Deny, Word::Deny));
        assert_eq!(role(&person), "nobody");
    }

    #[test]
    fn a_connection_gives_roles_only_where_it_serves() {
        let mut world = world();
        world.connections.get_mut("k").unwrap().organizations.clear();
        let mut person = signed_in(5, &["T"]);
        person.links[0].roles = Some(Claim { stamp: 5, value: BTreeSet::from(["Boss".to_owned()]) });
        assert_eq!(derive(&person, &world).organizations(&world)["org"], "member");
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
