//! Attributes: of all the sources that speak of a cell, the strongest one's word holds, whole; the others are drift.
//!
//! Lock, then push (the home first, then by connection), then the newest login, then inactive records, then what was
//! entered. A source that says `Cleared` speaks: there is no value then, and no weaker word comes through.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::reading::Reading;

/// Cells whose value is unique in a directory. They have one owner (push, else the administrator, else a login) that
/// does not change with anybody's activity, and cannot be locked: a withdrawn word must never bring back a name that
/// somebody else has taken meanwhile.
const UNIQUE: &[&str] = &["userName"];

type Said<'a> = (String, Option<&'a Value>);

/// The effective words by cell, and the words that say something else.
pub(crate) fn words(reading: &Reading<'_>) -> (BTreeMap<String, Value>, Vec<(String, String, Value)>) {
    let mut words = BTreeMap::new();
    let mut drift = Vec::new();
    for cell in cells(reading) {
        let said = if UNIQUE.contains(&cell) { said_of_unique(reading, cell) } else { said(reading, cell) };
        let winner = said.first().and_then(|(_, value)| *value);
        if let Some(value) = winner {
            words.insert(cell.to_owned(), value.clone());
        }
        let losers = said.into_iter().skip(1).filter(|(_, value)| value.is_some() && *value != winner);
        drift.extend(losers.filter_map(|(source, value)| Some((cell.to_owned(), source, value?.clone()))));
    }
    (words, drift)
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
    let word = |record: &'a super::registers::Record| {
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
