//! One person's registers, read once: the answers that every rule below asks for again and again.
//!
//! Owns who is home, who is active, which evidence is dead and which claim is a connection's newest. Decides no
//! membership: that is `vote` and `derive`.

use std::collections::{BTreeMap, BTreeSet};

use super::registers::{Claim, Connection, Link, Person, Record, Source, Stamp, Vouch, Word, World};

pub(crate) struct Reading<'a> {
    pub person: &'a Person,
    pub world: &'a World,
    /// The record that speaks for the account.
    pub home: Option<&'a Record>,
    pub active: bool,
    /// Evidence up to here is dead for every connection; a connection's own `off` comes on top.
    pub dead: Option<Stamp>,
    claims: BTreeMap<&'a str, GroupClaim<'a>>,
    vouches: BTreeMap<&'a str, Vec<&'a Vouch>>,
}

/// A connection's newest group claim that still counts, and the link it came by.
#[derive(Clone, Copy)]
pub(crate) struct GroupClaim<'a> {
    pub link: &'a Link,
    pub claim: &'a Claim<BTreeSet<String>>,
}

impl<'a> Reading<'a> {
    pub fn new(person: &'a Person, world: &'a World) -> Self {
        let home = home(person, world);
        let held = person.held.iter().any(|held| held.parent.is_none());
        let active = !person.retired && !person.suspended && (held || home.is_none_or(|record| record.active));
        let dead = person.off.max(home.and_then(|record| record.off));

        let mut vouches: BTreeMap<&str, Vec<&Vouch>> = BTreeMap::new();
        for vouch in person.vouches.iter().filter(|vouch| !vouch.source.is_derived()) {
            vouches.entry(&vouch.parent).or_default().push(vouch);
        }

        let mut reading = Self { person, world, home, active, dead, claims: BTreeMap::new(), vouches };
        for link in &person.links {
            let Some(claim) = &link.groups else { continue };
            if !reading.is_alive(&link.connection, claim.stamp) || reading.is_aged(link, claim) {
                continue;
            }
            let newest = reading.claims.entry(&link.connection).or_insert(GroupClaim { link, claim });
            if (claim.stamp, &link.subject) > (newest.claim.stamp, &newest.link.subject) {
                *newest = GroupClaim { link, claim };
            }
        }
        reading
    }

    pub fn record(&self, connection: &str) -> Option<&'a Record> {
        self.person.records.iter().find(|record| record.connection == connection)
    }

    /// No record of the connection, or it is active: otherwise the connection is silent.
    pub fn active_here(&self, connection: &str) -> bool {
        self.record(connection).is_none_or(|record| record.active)
    }

    /// Evidence of this connection from this instant still counts: nobody has switched the person off since.
    pub fn is_alive(&self, connection: &str, stamp: Stamp) -> bool {
        Some(stamp) > self.dead.max(self.record(connection).and_then(|record| record.off))
    }

    /// A claim counts until a login arrives more than the maximum age later that brings no usable list. It ends at a
    /// login, not at midnight; a lease adds a clock for those who want one.
    pub fn is_aged<T>(&self, link: &Link, claim: &Claim<T>) -> bool {
        let max_age = self.connection(&link.connection).and_then(|connection| connection.claim_max_age);
        max_age.is_some_and(|max_age| link.last_login.saturating_sub(claim.stamp) > max_age)
            || self.lease_ended(&link.connection, claim.stamp).is_some()
    }

    /// When the lease of a claim of this stamp ended, if it has.
    pub fn lease_ended(&self, connection: &str, stamp: Stamp) -> Option<Stamp> {
        let ended = stamp.saturating_add(self.connection(connection)?.lease?);
        (ended <= self.world.now).then_some(ended)
    }

    pub fn connection(&self, id: &str) -> Option<&'a Connection> {
        self.world.connections.get(id)
    }

    /// The connection's newest group claim over the person's links on it that is neither dead nor aged.
    pub fn claim(&self, connection: &str) -> Option<GroupClaim<'a>> {
        self.claims.get(connection).copied()
    }

    pub fn claims(&self) -> impl Iterator<Item = (&'a str, GroupClaim<'a>)> {
        self.claims.iter().map(|(connection, claim)| (*connection, *claim))
    }

    /// The person's links on a connection.
    pub fn links(&self, connection: &str) -> impl Iterator<Item = &'a Link> {
        self.person.links.iter().filter(move |link| link.connection == connection)
    }

    /// What a claim's raw values mean, inside the scope of its connection.
    pub fn named<'c>(
        &self,
        connection: &str,
        claim: &'c Claim<BTreeSet<String>>,
    ) -> impl Iterator<Item = &'a str> + use<'a, 'c> {
        let by_value = self.connection(connection).map(|connection| &connection.groups_by_value);
        let meanings = claim.value.iter().filter_map(move |value| by_value.and_then(|by_value| by_value.get(value)));
        meanings.flatten().map(String::as_str)
    }

    pub fn vouches(&self, parent: &str) -> &[&'a Vouch] {
        self.vouches.get(parent).map_or(&[], Vec::as_slice)
    }

    /// Every parent that a register names.
    pub fn parents(&self) -> impl Iterator<Item = &'a str> {
        self.vouches.keys().copied()
    }

    /// What a connection's push says of the pair: listed or removed.
    pub fn pushed(&self, parent: &str, connection: &str) -> Option<&'a Vouch> {
        let by = |vouch: &&&Vouch| matches!(&vouch.source, Source::Push(id) if id == connection);
        self.vouches(parent).iter().find(by).copied()
    }

    pub fn organization(&self, parent: &str) -> Option<&'a str> {
        self.world.groups.get(parent)?.organization.as_deref()
    }

    /// When the record's connection last stated the whole list of the group, if it knew the person by then.
    pub fn stated(&self, record: &Record, parent: &str) -> Option<Stamp> {
        let full = *self.world.groups.get(parent)?.full.get(&record.connection)?;
        (full > record.bound_at).then_some(full)
    }

    /// The administrator's deny, of the parent itself or of the organization it is a team of.
    pub fn denied(&self, parent: &str) -> Option<&'a Vouch> {
        let deny = |parent: &str| {
            let of = |vouch: &&&Vouch| vouch.source == Source::Deny && self.stands(vouch);
            self.vouches(parent).iter().find(of).copied()
        };
        deny(parent).or_else(|| deny(self.organization(parent)?))
    }

    /// When a push last denied the pair, and which: took the person out, or stated the whole list without the person.
    pub fn denied_since(&self, parent: &str) -> Option<(Stamp, &'a Record)> {
        let since = |record: &'a Record| {
            let pushed = self.pushed(parent, &record.connection);
            if pushed.is_some_and(|vouch| vouch.word == Word::Grant) {
                return None;
            }
            let since = pushed.map(|vouch| vouch.stamp).max(self.stated(record, parent))?;
            Some((since, record))
        };
        self.person.records.iter().filter_map(since).max_by_key(|(since, _)| *since)
    }

    /// A grant may end by itself.
    pub fn stands(&self, vouch: &Vouch) -> bool {
        vouch.until.is_none_or(|until| self.world.now < until)
    }

    /// Records in the order in which they speak: the home first, then by connection.
    pub fn records(&self) -> Vec<&'a Record> {
        let mut records: Vec<&Record> = self.person.records.iter().collect();
        let is_home = |record: &Record| self.home.is_some_and(|home| home.connection == record.connection);
        records.sort_by_key(|record| (!is_home(record), rank(self.world, record)));
        records
    }
}

/// Of the connections with a record, the one that an administrator pinned; else of those whose verified domain the record's userName is in, else of all, the one created
/// first.
fn home<'a>(person: &'a Person, world: &World) -> Option<&'a Record> {
    let is_pinned = |record: &Record| person.pinned.as_ref() == Some(&record.connection);
    person.records.iter().min_by_key(|record| (!is_pinned(record), !record.in_verified_domain, rank(world, record)))
}

fn rank<'a>(world: &World, record: &'a Record) -> (i64, &'a str) {
    let order = world.connections.get(&record.connection).map_or(i64::MAX, |connection| connection.order);
    (order, &record.connection)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(connection: &str, in_verified_domain: bool) -> Record {
        Record {
            connection: connection.to_owned(),
            external_id: None,
            active: true,
            bound_at: 1,
            off: None,
            in_verified_domain,
            words: BTreeMap::new(),
        }
    }

    #[test]
    fn the_home_is_pinned_else_of_the_domain_else_the_oldest() {
        let connection =
            |id: &str, order| (id.to_owned(), Connection { id: id.to_owned(), order, ..Connection::default() });
        let connections = BTreeMap::from([connection("young", 3), connection("old", 1), connection("middle", 2)]);
        let world = World { connections, ..World::default() };
        let mut person = Person {
            records: ["young", "old", "middle"].map(|connection| record(connection, false)).into(),
            ..Person::default()
        };
        let order = |person: &Person| -> Vec<String> {
            let reading = Reading::new(person, &world);
            let records = reading.records();
            assert_eq!(reading.home.map(|home| &home.connection), records.first().map(|first| &first.connection));
            records.into_iter().map(|record| record.connection.clone()).collect()
        };
        assert_eq!(order(&person), ["old", "middle", "young"]);
        person.records[2].in_verified_domain = true;
        assert_eq!(order(&person), ["middle", "old", "young"]);
        person.pinned = Some("young".to_owned());
        assert_eq!(order(&person), ["young", "old", "middle"]);
        person.pinned = Some("gone".to_owned());
        assert_eq!(order(&person), ["middle", "old", "young"], "a pin counts while there is a record");
    }

    #[test]
    fn nobody_says_what_is_derived() {
        let vouch =
            |source| Vouch { parent: "staff".to_owned(), source, word: Word::Grant, stamp: 1, until: None, role: None };
        let derived = [Source::Login, Source::Default, Source::Held].map(|source| vouch(source("k".to_owned())));
        let person = Person { vouches: derived.into(), ..Person::default() };
        assert_eq!(Reading::new(&person, &World::default()).vouches("staff"), [] as [&Vouch; 0]);
    }
}
