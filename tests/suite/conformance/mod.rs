//! The tables of `docs/conformance.md` cannot lie: what they call done is shown by a test that exists and runs, what they
//! decline has a reason, and no rule of the checklist is passed over in silence.
//!
//! `tests/suite/conformance/items.txt` lists the rules by number and level. A row reads
//! `| M-1 | MUST | RFC 7644 §3.5 | done | ` + the tests that show it: `scim_basics::a_story` for a function of
//! `tests/suite/scim_basics.rs` or of a file under `tests/suite/scim_basics/`, `scim::path::tests::a_rule` for one under `src`.

mod table;
mod tests_of;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::RangeInclusive;
use std::path::Path;

use table::{Row, State, rows_of};
use tests_of::Sources;

/// The rules that must each have a row, by letter and number.
const COMPLETE: &[(&str, RangeInclusive<u16>)] =
    &[("S", 1..=112), ("Q", 1..=120), ("M", 1..=92), ("C", 1..=32), ("E", 1..=17), ("D", 1..=9), ("I", 1..=11)];

const ITEMS: &str = include_str!("items.txt");

#[test]
fn every_row_is_true() {
    let broken = judge(&document(), ITEMS, COMPLETE, &Sources::of(root()));
    assert!(broken.is_empty(), "docs/conformance.md:\n{}", broken.join("\n"));
}

/// Every way in which a table can be wrong, and that it is found.
#[test]
fn a_false_row_is_found() {
    let items = "M-1 MUST\nM-2 MUST NOT\nM-3 MAY\n";
    let here = "`conformance::a_false_row_is_found`";
    let row = |cells: &str| {
        format!("| item | level | section | state | shown by |\n| --- | --- | --- | --- | --- |\n{cells}\n")
    };
    let good = [
        format!("| M-1 | MUST | RFC 7644 §3.5 | done | {here} |"),
        "| M-2 | MUST NOT | RFC 7644 §3.5 | n/a | there is no such thing here |".to_owned(),
        "| M-3 | MAY | RFC 7644 §3.5 | declined | nobody asked for it yet |".to_owned(),
    ]
    .join("\n");
    let cases: [(String, &str); 15] = [
        (good.clone(), ""),
        (good.replace("done", "planned"), "'planned' is no state"),
        (good.replace(here, "we are sure of it"), "M-1 is done, but names no test"),
        (good.replace("a_false_row", "a_truth"), "there is no test `conformance::a_truth_is_found`"),
        (good.replace("::a_false_row_is_found", "::judge"), "there is no test `conformance::judge`"),
        (good.replace("`conformance::a", "`nowhere::a"), "there is no test `nowhere::a_false_row_is_found`"),
        (good.replace(here, "`scim::patch::tests::no_such`"), "there is no test `scim::patch::tests::no_such`"),
        (good.replace("nobody asked for it yet", ""), "M-3 is declined without a reason"),
        (good.replace("there is no such thing here", "no"), "M-2 is n/a without a reason"),
        (good.replace("| MAY |", "| MUST |"), "M-3 is a MAY, not a MUST"),
        (good.replace("M-3", "M-4"), "M-4 is no item"),
        (good.replace("M-3", "M-1").replace("| MAY |", "| MUST |"), "M-1 has a row already"),
        (good.replace("RFC 7644 §3.5 | n/a", " | n/a"), "M-2 names no section"),
        (good.replace(" | nobody asked for it yet", ""), "4 cells, not 5"),
        (good.lines().take(2).collect::<Vec<_>>().join("\n"), "M-3 has no row"),
    ];
    let sources = Sources::of(root());
    for (text, expected) in cases {
        let broken = judge(&row(&text), items, &[("M", 1..=3)], &sources).join("\n");
        match expected {
            "" => assert_eq!(broken, "", "{text}"),
            _ => assert!(broken.contains(expected), "expected: {expected}\nfound: {broken}\n{text}"),
        }
    }
}

#[test]
fn the_checklist_is_whole() {
    let items = items_of(ITEMS);
    let mut last: BTreeMap<&str, u16> = BTreeMap::new();
    for (letter, number) in ITEMS.lines().filter_map(|line| parts_of(line.split(' ').next()?)) {
        let before = last.insert(letter, number).unwrap_or_default();
        assert_eq!(number, before + 1, "{letter}-{number} follows {letter}-{before}");
    }
    assert_eq!(last.values().map(|last| usize::from(*last)).sum::<usize>(), items.len());
    for (letter, numbers) in COMPLETE {
        assert!(last.get(letter).is_some_and(|last| numbers.end() <= last), "{letter}: {numbers:?} is not in the list");
    }
}

/// What is wrong with the tables of this text.
fn judge(text: &str, items: &str, complete: &[(&str, RangeInclusive<u16>)], sources: &Sources) -> Vec<String> {
    let items = items_of(items);
    let mut broken = Vec::new();
    let mut seen = BTreeSet::new();
    for row in rows_of(text) {
        match row {
            Ok(row) => {
                let mut found = judge_row(&row, &items, sources);
                if !seen.insert(row.item.clone()) {
                    found.push(format!("{} has a row already", row.item));
                }
                broken.extend(found.into_iter().map(|what| format!("line {}: {what}", row.line)));
            }
            Err(what) => broken.push(what),
        }
    }
    let must = |item: &str| {
        parts_of(item).is_some_and(|(letter, number)| {
            complete.iter().any(|(prefix, numbers)| *prefix == letter && numbers.contains(&number))
        })
    };
    let missing = items.keys().filter(|item| must(item) && !seen.contains(**item));
    broken.extend(missing.map(|item| format!("{item} has no row")));
    broken
}

fn judge_row(row: &Row, items: &BTreeMap<&str, &str>, sources: &Sources) -> Vec<String> {
    let mut broken = Vec::new();
    let item = &row.item;
    match items.get(item.as_str()) {
        None => broken.push(format!("{item} is no item of the checklist")),
        Some(level) if *level != row.level => broken.push(format!("{item} is a {level}, not a {}", row.level)),
        Some(_) => {}
    }
    if row.section.is_empty() {
        broken.push(format!("{item} names no section"));
    }
    let tests = row.tests();
    match State::of(&row.state) {
        None => broken.push(format!("{item}: '{}' is no state: done, declined or n/a", row.state)),
        Some(State::Done) if tests.is_empty() => broken.push(format!("{item} is done, but names no test")),
        Some(State::Done) => {}
        Some(_) if row.shown_by.split_whitespace().count() < 3 => {
            broken.push(format!("{item} is {} without a reason", row.state));
        }
        Some(_) => {}
    }
    let unknown = tests.into_iter().filter(|test| !sources.have(test));
    broken.extend(unknown.map(|test| format!("{item}: there is no test `{test}`")));
    broken
}

/// Item to level.
fn items_of(text: &str) -> BTreeMap<&str, &str> {
    text.lines().filter_map(|line| line.split_once(' ')).collect()
}

/// `M-12` is `M` and 12.
fn parts_of(item: &str) -> Option<(&str, u16)> {
    let (letter, number) = item.split_once('-')?;
    Some((letter, number.parse().ok()?))
}

fn document() -> String {
    fs::read_to_string(root().join("docs/conformance.md")).expect("docs/conformance.md")
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
