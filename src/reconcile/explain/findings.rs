//! What each source has to say about one pair: yes, or no and why not.
//!
//! A finding is complete in itself: it names the registers that would say yes together with those that stand in
//! their way, so that a sum of findings judged alone still says no.

use std::collections::BTreeSet;

use super::super::reading::{GroupClaim, Reading};
use super::super::registers::{Connection, DefaultMode, Held, Link, Record, Source, Stamp, Vouch, Word};
use super::{Register, given, groups, hold, instant, login, on, own, record, vouch, whole_list};

pub(super) struct Finding {
    pub member: bool,
    /// Of several, the lowest is told.
    pub rank: u8,
    pub rule: &'static str,
    pub parent: String,
    pub why: String,
    pub registers: Vec<Register>,
}

impl Finding {
    pub fn no(rank: u8, rule: &'static str, parent: &str, why: String, registers: Vec<Register>) -> Self {
        Self { member: false, rank, rule, parent: parent.to_owned(), why, registers }
    }

    fn yes(rank: u8, rule: &'static str, parent: &str, why: String, registers: Vec<Register>) -> Self {
        Self { member: true, ..Self::no(rank, rule, parent, why, registers) }
    }
}

/// Everything that is said of an active person and one parent.
pub(super) fn findings(reading: &Reading<'_>, parent: &str) -> Vec<Finding> {
    if let Some(deny) = reading.denied(parent) {
        let why = format!("an administrator denies {}{}", deny.parent, on(Some(deny.stamp)));
        return vec![Finding::no(0, "R8", parent, why, vec![vouch(deny)])];
    }
    let mut all = direct(reading, parent);
    all.extend(reading.person.held.iter().filter_map(|held| by_hold(held, parent)));
    all.extend(reading.world.connections.values().filter_map(|connection| by_default(reading, connection, parent)));
    all
}

fn by_hold(held: &Held, parent: &str) -> Option<Finding> {
    (held.parent.as_deref() == Some(parent)).then(|| {
        let why = format!(
            "the connection {} ended it{}, and a hold keeps it until that is applied",
            held.connection,
            on(Some(held.stamp))
        );
        Finding::yes(6, "R2", parent, why, vec![hold(held)])
    })
}

/// Everything but defaults.
fn direct(reading: &Reading<'_>, parent: &str) -> Vec<Finding> {
    let vouches = reading.vouches(parent).iter();
    let mut all: Vec<Finding> = vouches.filter_map(|said| by_vouch(reading, parent, said)).collect();
    let linked: BTreeSet<&str> = reading.person.links.iter().map(|link| link.connection.as_str()).collect();
    all.extend(linked.into_iter().filter_map(|connection| by_claim(reading, connection, parent)));
    all
}

fn by_vouch(reading: &Reading<'_>, parent: &str, said: &Vouch) -> Option<Finding> {
    let when = on(Some(said.stamp));
    if let Some(until) = said.until.filter(|_| !reading.stands(said)) {
        let why = format!("the {} of{when} ended on {}", said.source, instant(until)).replace("of on", "of");
        return Some(Finding::no(6, "R8", parent, why, vec![vouch(said)]));
    }
    match &said.source {
        Source::Push(connection) => Some(by_push(reading, parent, connection, said)),
        Source::Grant => {
            let why = format!("an administrator granted it{when}");
            Some(Finding::yes(1, "R8", parent, why, vec![vouch(said)]))
        }
        Source::Invite | Source::Import => Some(by_weak_word(reading, parent, said)),
        Source::Deny | Source::Login(_) | Source::Default(_) | Source::Held(_) => None,
    }
}

fn by_push(reading: &Reading<'_>, parent: &str, connection: &str, said: &Vouch) -> Finding {
    let when = on(Some(said.stamp));
    let mut registers: Vec<Register> = reading.record(connection).map(record).unwrap_or_default();
    registers.push(vouch(said));
    if said.word == Word::Deny {
        let why = format!("push:{connection} took the person out{when}");
        return Finding::no(1, "R7", parent, why, registers);
    }
    match reading.record(connection).filter(|record| !record.active) {
        Some(record) => Finding::no(2, "R6", parent, silent(record), registers),
        None => Finding::yes(0, "R7", parent, format!("push:{connection} listed the person{when}"), registers),
    }
}

fn silent(record: &Record) -> String {
    format!("push:{} says that the person is inactive there{}", record.connection, on(record.off))
}

fn by_weak_word(reading: &Reading<'_>, parent: &str, said: &Vouch) -> Finding {
    let name = if said.source == Source::Invite { "an accepted invitation" } else { "an import" };
    let when = on(Some(said.stamp));
    let Some((since, denier)) = reading.denied_since(parent).filter(|(since, _)| said.stamp <= *since) else {
        let rank = if said.source == Source::Invite { 3 } else { 4 };
        return Finding::yes(rank, "R1", parent, format!("{name} says so{when}"), vec![vouch(said)]);
    };
    let why = format!("push:{} denied{}, after {name}", denier.connection, on(Some(since)));
    let mut registers = vec![vouch(said)];
    registers.extend(record(denier));
    match reading.pushed(parent, &denier.connection).filter(|pushed| pushed.stamp == since) {
        Some(pushed) => registers.push(vouch(pushed)),
        None => registers.push(whole_list(denier, parent, since)),
    }
    Finding::no(4, "R7", parent, why, registers)
}

/// What the logins of one connection say, where its push has not spoken.
fn by_claim(reading: &Reading<'_>, connection: &str, parent: &str) -> Option<Finding> {
    if reading.pushed(parent, connection).is_some() {
        return None;
    }
    let mut registers: Vec<Register> = reading.record(connection).map(record).unwrap_or_default();
    let names = |link: &Link| {
        let claim = link.groups.as_ref();
        claim.is_some_and(|claim| reading.named(connection, claim).any(|named| named == parent))
    };
    let Some(GroupClaim { link, claim }) = reading.claim(connection) else {
        let link = reading.links(connection).filter(|link| names(link)).max_by_key(|link| link.last_login)?;
        registers.push(groups(link));
        registers.extend(ending(reading, connection));
        return Some(ended(reading, connection, link, parent, registers));
    };
    let when = on(Some(claim.stamp));
    registers.push(groups(link));
    if !names(link) {
        let why = format!("the newest list of login:{connection}{when} does not name it");
        return Some(Finding::no(9, "R11", parent, why, registers));
    }
    if let Some(record) = reading.record(connection).filter(|record| !record.active) {
        return Some(Finding::no(2, "R6", parent, silent(record), registers));
    }
    if let Some(stated) = reading.overtaken(connection, parent, claim.stamp)
        && let Some(record) = reading.record(connection)
    {
        registers.push(whole_list(record, parent, stated));
        let why =
            format!("push:{connection} stated the whole list{}, after the login that names it{when}", on(Some(stated)));
        return Some(Finding::no(3, "R7", parent, why, registers));
    }
    let why = format!("login:{connection} names it{when}, and its push has not spoken of the pair");
    Some(Finding::yes(2, "R7", parent, why, registers))
}

/// A claim that would grant, and no longer counts.
fn ended(reading: &Reading<'_>, connection: &str, link: &Link, parent: &str, registers: Vec<Register>) -> Finding {
    let stamp = link.groups.as_ref().map_or(0, |claim| claim.stamp);
    let when = on(Some(stamp));
    if let Some(ended) = reading.lease_ended(connection, stamp).filter(|_| reading.is_alive(connection, stamp)) {
        let why = format!("login:{connection} named it{when}, and the lease of that ended{}", on(Some(ended)));
        return Finding::no(6, "R4", parent, why, registers);
    }
    if reading.is_alive(connection, stamp) {
        let why = format!(
            "login:{connection} named it{when}, too long before the newest login{}, which brought no usable list",
            on(Some(link.last_login))
        );
        return Finding::no(6, "R4", parent, why, registers);
    }
    let off = reading.dead.max(reading.record(connection).and_then(|record| record.off));
    let why = format!("login:{connection} named it{when}, before the person was switched off{}", on(off));
    Finding::no(5, "R6", parent, why, registers)
}

/// The registers that end older evidence of a connection, its own record left out.
fn ending(reading: &Reading<'_>, connection: &str) -> Vec<Register> {
    let home = reading.home.filter(|home| home.connection != connection).map(record).unwrap_or_default();
    let off = reading.person.off.map(|off| own("off", Some(off), "ended"));
    home.into_iter().chain(off).collect()
}

fn by_default(reading: &Reading<'_>, connection: &Connection, parent: &str) -> Option<Finding> {
    let team = connection.default_team.as_ref().filter(|team| team.group == parent);
    let is_organization = connection.default_organization.as_deref() == Some(parent);
    let own_record = reading.record(&connection.id);
    let link = newest_link(reading, &connection.id);
    let concerned = team.is_some() && link.is_some() || is_organization && (link.is_some() || own_record.is_some());
    if !concerned || reading.pushed(parent, &connection.id).is_some() {
        return None;
    }

    let mut registers: Vec<Register> = own_record.map(record).unwrap_or_default();
    registers.extend(link.map(login));
    if let Some(record) = own_record.filter(|record| !record.active) {
        return Some(Finding::no(2, "R6", parent, silent(record), registers));
    }
    if let Some(record) = own_record
        && let Some(stated) = reading.stated(record, parent)
    {
        registers.push(whole_list(record, parent, stated));
        let why = format!("push:{} stated the whole list{} without the person", connection.id, on(Some(stated)));
        return Some(Finding::no(3, "R7", parent, why, registers));
    }
    registers.extend(ending(reading, &connection.id));
    let default = format!("default of {}", connection.id);
    if is_organization || team.is_some_and(|team| team.mode == DefaultMode::Always) {
        return Some(Finding::yes(5, "R2", parent, format!("it is the {default}"), registers));
    }
    if team.is_some_and(|team| team.mode == DefaultMode::Sticky) {
        let Some(link) = reading.given(&connection.id, parent) else {
            let why = format!("it is the {default}, which no sign-in has given yet");
            return Some(Finding::no(8, "R2", parent, why, registers));
        };
        registers.push(given(link, parent));
        return Some(Finding::yes(5, "R2", parent, format!("it is the {default}, given once at a sign-in"), registers));
    }
    if reading.newest_login_cut_off(&connection.id) {
        let why = format!("it is the {default}, withheld because the newest login's list was cut off");
        return Some(Finding::no(7, "R11", parent, why, registers));
    }
    let Some(other) = other_team(reading, parent) else {
        let why = format!("it is the {default}, and the person is in no other team");
        return Some(Finding::yes(5, "R2", parent, why, registers));
    };
    registers.extend(reading.home.map(record).into_iter().flatten());
    registers.extend(other.registers);
    let why = format!("it is the {default}, for whoever is in no other team; {} of {}", other.why, other.parent);
    Some(Finding::no(8, "R2", parent, why, registers))
}

/// The newest login that still counts as evidence, else the newest of all.
fn newest_link<'a>(reading: &Reading<'a>, connection: &str) -> Option<&'a Link> {
    let age = |link: &&Link| -> (bool, Stamp, String) {
        (reading.is_alive(connection, link.last_login), link.last_login, link.subject.clone())
    };
    reading.links(connection).max_by_key(age)
}

/// Why the person is in another team of the same organization, other than by a default.
fn other_team(reading: &Reading<'_>, team: &str) -> Option<Finding> {
    let organization = reading.organization(team);
    let others = reading.world.groups.values().filter(|group| group.id != team);
    let others = others.filter(|group| group.organization.as_deref() == organization);
    let open = others.filter(|group| reading.denied(&group.id).is_none());
    open.flat_map(|group| direct(reading, &group.id)).find(|finding| finding.member)
}
