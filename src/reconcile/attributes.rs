//! Attributes: of all the sources that speak of a cell, the strongest one's word holds, whole; the others are drift.
//!
//! Lock, then push (the home first, then by connection), then the newest login, then inactive records, then what was
//! entered. A source that says `Cleared` speaks: there is no value then, and no weaker word comes through.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::reading::Reading;
use super::registers::{Person, Record, World};

/// Cells whose value is unique in a directory. They have one owner (push, else the administrator, else a login) that
/// does not change with anybody's activity, and cannot be locked: a withdrawn word must never bring back a name that
/// somebody else has taken meanwhile.
pub const UNIQUE: &[&str] = &["userName", "urn:rollkeeper:params:scim:schemas:extension:2.0:Person:handle"];

/// Whether the value of this cell is unique in a directory, and so has exactly one owner. `own`: by the tenant's own
/// definitions.
pub fn is_unique(cell: &str, own: &BTreeSet<String>) -> bool {
    UNIQUE.contains(&cell) || own.contains(cell)
}

/// (cell, source, what it says that does not hold).
pub(crate) type Drift = Vec<(String, String, Value)>;

/// (source, its word); `None` is `Cleared`.
type Said<'a> = (String, Option<&'a Value>);

/// The effective words by cell, and the words that say something else.
pub(crate) fn words(reading: &Reading<'_>) -> (BTreeMap<String, Value>, Drift) {
    let mut words = BTreeMap::new();
    let mut drift = Drift::new();
    for cell in cells(reading) {
        let said =
            if is_unique(cell, &reading.world.unique) { said_of_unique(reading, cell) } else { said(reading, cell) };
        let winner = said.first().and_then(|(_, value)| *value);
        if let Some(value) = winner {
            words.insert(cell.to_owned(), value.clone());
        }
        let losers = said.into_iter().skip(1).filter(|(_, value)| *value != winner);
        drift.extend(losers.filter_map(|(source, value)| Some((cell.to_owned(), source, value?.clone()))));
    }
    (words, drift)
}

/// Who speaks of a cell and what they say, strongest first; the first holds. No value is `Cleared`.
pub fn speakers(person: &Person, world: &World, cell: &str) -> Vec<(String, Option<Value>)> {
    let reading = Reading::new(person, world);
    let said = if is_unique(cell, &world.unique) { said_of_unique(&reading, cell) } else { said(&reading, cell) };
    said.into_iter().map(|(source, value)| (source, value.cloned())).collect()
}

fn cells<'a>(reading: &Reading<'a>) -> BTreeSet<&'a str> {
    let person = reading.person;
    let pushed = person.records.iter().flat_map(|record| record.words.keys());
    let claimed = person.links.iter().flat_map(|link| link.attributes.keys());
    person.locks.keys().chain(person.entered.keys()).chain(pushed).chain(claimed).map(String::as_str).collect()
}

/// What is said of a cell, strongest first.
fn said<'a>(reading: &Reading<'a>, cell: &str) -> Vec<Said<'a>> {
    let mut said = Vec::new();
    said.extend(reading.person.locks.get(cell).map(|word| ("lock".to_owned(), word.as_ref())));
    said.extend(pushed(reading, cell, |active| active));
    if reading.active {
        said.extend(claimed(reading, cell, true));
    }
    said.extend(pushed(reading, cell, |active| !active));
    said.extend(entered(reading, cell));
    said
}

fn said_of_unique<'a>(reading: &Reading<'a>, cell: &str) -> Vec<Said<'a>> {
    let mut said = pushed(reading, cell, |_| true);
    said.extend(entered(reading, cell));
    said.extend(claimed(reading, cell, false));
    said
}

fn pushed<'a>(reading: &Reading<'a>, cell: &str, speaks: impl Fn(bool) -> bool) -> Vec<Said<'a>> {
    let records = reading.records().into_iter().filter(|record| speaks(record.active));
    let word = |record: &'a Record| {
        let word = record.words.get(cell)?;
        Some((format!("push:{}", record.connection), word.as_ref()))
    };
    records.filter_map(word).collect()
}

/// Newest first: by stamp, then connection, then subject. `living`: only evidence that nobody has ended.
fn claimed<'a>(reading: &Reading<'a>, cell: &str, living: bool) -> Vec<Said<'a>> {
    let mut claims = Vec::new();
    for link in &reading.person.links {
        let Some(claim) = link.attributes.get(cell) else { continue };
        let connection = link.connection.as_str();
        if !living || reading.active_here(connection) && reading.is_alive(connection, claim.stamp) {
            claims.push((claim.stamp, connection, &link.subject, &claim.value));
        }
    }
    claims.sort_by_key(|&(stamp, connection, subject, _)| (stamp, connection, subject));
    let said = |(_, connection, _, value): (_, &str, _, &'a Value)| {
        (format!("login:{connection}"), Some(value).filter(|value| !value.is_null()))
    };
    claims.into_iter().rev().map(said).collect()
}

fn entered<'a>(reading: &Reading<'a>, cell: &str) -> Option<Said<'a>> {
    reading.person.entered.get(cell).map(|word| ("entered".to_owned(), word.as_ref()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::derive;
    use super::super::registers::{Claim, Connection, Link, Stamp};
    use super::*;

    fn world() -> World {
        let connection = |id: &str, order| Connection { id: id.to_owned(), order, ..Connection::default() };
        let connections = [connection("first", 1), connection("second", 2)];
        World { connections: connections.map(|it| (it.id.clone(), it)).into(), ..World::default() }
    }

    fn words(pairs: &[(&str, Option<&str>)]) -> BTreeMap<String, Option<Value>> {
        pairs.iter().map(|(cell, value)| ((*cell).to_owned(), value.map(Value::from))).collect()
    }

    fn record(connection: &str, active: bool, said: &[(&str, Option<&str>)]) -> Record {
        Record {
            connection: connection.to_owned(),
            external_id: None,
            active,
            bound_at: 1,
            off: None,
            in_verified_domain: false,
            words: words(said),
        }
    }

    fn link(connection: &str, subject: &str, claims: &[(&str, Stamp, Value)]) -> Link {
        let claim = |(cell, stamp, value): &(&str, Stamp, Value)| {
            ((*cell).to_owned(), Claim { stamp: *stamp, value: value.clone() })
        };
        Link {
            roles: None,
            connection: connection.to_owned(),
            subject: subject.to_owned(),
            groups: None,
            attributes: claims.iter().map(claim).collect(),
            given: None,
            last_login: 9,
            cut_off: false,
        }
    }

    /// Everybody speaks of the title; taking the strongest away lets the next one through.
    #[test]
    fn the_strongest_word_holds_and_the_others_drift() {
        let mut person = Person {
            records: vec![
                record("second", true, &[("title", Some("second"))]),
                record("first", true, &[("title", Some("first"))]),
            ],
            links: vec![
                link("first", "old", &[("title", 3, json!("older"))]),
                link("first", "new", &[("title", 4, json!("newer"))]),
            ],
            locks: words(&[("title", Some("lock"))]),
            entered: words(&[("title", Some("entered"))]),
            ..Person::default()
        };
        let title = |person: &Person| derive(person, &world()).words.get("title").cloned();
        assert_eq!(title(&person), Some(json!("lock")));
        let drift: Vec<(String, Value)> =
            derive(&person, &world()).drift.into_iter().map(|(_, source, value)| (source, value)).collect();
        let expected = [
            ("push:first", "first"),
            ("push:second", "second"),
            ("login:first", "newer"),
            ("login:first", "older"),
            ("entered", "entered"),
        ];
        assert_eq!(drift, expected.map(|(source, value)| (source.to_owned(), json!(value))));

        person.locks.clear();
        assert_eq!(title(&person), Some(json!("first")));
        person.records[0].in_verified_domain = true;
        assert_eq!(title(&person), Some(json!("second")), "the owner of the domain is home");
        person.records[1].active = false;
        person.records[0].words.clear();
        assert_eq!(
            title(&person),
            Some(json!("first")),
            "its logins are silent there, an inactive record still speaks"
        );
        person.records.clear();
        assert_eq!(title(&person), Some(json!("newer")));
        person.off = Some(4);
        assert_eq!(title(&person), Some(json!("entered")), "evidence from before a suspension never counts again");
    }

    #[test]
    fn cleared_is_a_word() {
        let person = Person {
            records: vec![record("first", true, &[("title", None)])],
            links: vec![link("first", "sub", &[("title", 1, json!("Tour Guide")), ("nickName", 1, Value::Null)])],
            entered: words(&[("title", Some("entered")), ("nickName", Some("Babs"))]),
            ..Person::default()
        };
        let derived = derive(&person, &world());
        assert_eq!(derived.words, BTreeMap::new());
        let lost: Vec<&str> = derived.drift.iter().map(|(_, source, _)| source.as_str()).collect();
        assert_eq!(lost, ["entered", "login:first", "entered"]);
    }

    #[test]
    fn who_says_the_same_does_not_drift() {
        let person = Person {
            records: vec![
                record("first", true, &[("title", Some("Tour Guide"))]),
                record("second", true, &[("title", None)]),
            ],
            links: vec![link("first", "sub", &[("title", 1, json!("Tour Guide"))])],
            entered: words(&[("title", Some("entered"))]),
            ..Person::default()
        };
        let drift = derive(&person, &world()).drift;
        assert_eq!(drift, [("title".to_owned(), "entered".to_owned(), json!("entered"))]);
    }

    #[test]
    fn everybody_who_speaks_is_named_in_their_order() {
        let person = Person {
            records: vec![
                record("first", false, &[("title", Some("first")), ("userName", Some("first"))]),
                record("second", true, &[("title", None)]),
            ],
            links: vec![link("first", "sub", &[("title", 1, json!("silent there")), ("userName", 1, json!("login"))])],
            entered: words(&[("title", Some("entered")), ("userName", Some("entered"))]),
            pinned: Some("second".to_owned()),
            ..Person::default()
        };
        let said = |cell| -> Vec<String> {
            let said = speakers(&person, &world(), cell);
            said.into_iter().map(|(source, value)| format!("{source} {}", value.unwrap_or_default())).collect()
        };
        assert_eq!(said("title"), ["push:second null", "push:first \"first\"", "entered \"entered\""]);
        assert_eq!(said("userName"), ["push:first \"first\"", "entered \"entered\"", "login:first \"login\""]);
        assert_eq!(said("nickName"), [""; 0]);
    }

    #[test]
    fn a_unique_name_has_one_owner_and_no_lock() {
        let mut person = Person {
            records: vec![
                record("first", false, &[("userName", Some("first"))]),
                record("second", true, &[("userName", Some("second"))]),
            ],
            links: vec![link("first", "sub", &[("userName", 1, json!("login"))])],
            locks: words(&[("userName", Some("lock"))]),
            entered: words(&[("userName", Some("entered"))]),
            suspended: true,
            off: Some(5),
            ..Person::default()
        };
        let name = |person: &Person| derive(person, &world()).words.get("userName").cloned();
        assert_eq!(name(&person), Some(json!("first")), "a deactivation gives nobody another name");
        let handle = UNIQUE[1];
        person.links[0].attributes.insert(handle.to_owned(), Claim { stamp: 1, value: json!("babs") });
        assert_eq!(derive(&person, &world()).words.get(handle), Some(&json!("babs")), "nor another handle");
        person.records.clear();
        assert_eq!(name(&person), Some(json!("entered")));
        person.entered.clear();
        assert_eq!(name(&person), Some(json!("login")), "a suspended person keeps the name");
    }
}
