//! The tables of `docs/conformance.md` cannot lie: what they call done is shown by a test that exists and runs, what they
//! decline has a reason, and no rule of the checklist is passed over in silence.
//!
//! `tests/suite/conformance/items.txt` lists the rules by number and level. A row reads
//! `| M-1 | MUST | RFC 7644 §3.5 | done | ` + the tests that show it: `scim_basics::a_story` for a function of
//! `tests/suite/scim_basics.rs` or of a file under `tests/suite/scim_basics/`, `scim::path::tests::a_rule` for one under `src`.
//! Points that no rule decides have tables of their own (`points.rs`), and each of them names its tests too.

mod points;
mod table;
mod tests_of;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::RangeInclusive;
use std::path::Path;

use points::{LENIENT, OPEN};
use table::{Row, State, rows_of, tests_in};
use tests_of::Sources;

/// The rules that must each have a row, by letter and number.
const COMPLETE: &[(&str, RangeInclusive<u16>)] =
    &[("S", 1..=112), ("Q", 1..=120), ("M", 1..=92), ("C", 1..=32), ("E", 1..=17), ("D", 1..=9), ("I", 1..=11)];

/// How many tables of points there are: RFC 7643, queries, modifying; and what identity providers send.
const POINTS: &[([&str; 4], usize)] = &[(OPEN, 3), (LENIENT, 1)];

const ITEMS: &str = include_str!("items.txt");

#[test]
fn every_row_is_true() {
    let broken = judge(&document(), ITEMS, COMPLETE, &Sources::of(root()));
    assert!(broken.is_empty(), "docs/conformance.md:\n{}", broken.join("\n"));
}

#[test]
fn every_point_is_shown() {
    let broken = points::judge(&document(), POINTS, &Sources::of(root()));
    assert!(broken.is_empty(), "docs/conformance.md:\n{}", broken.join("\n"));
}

/// Every way in which a table by item can be wrong, and that it is found.
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

/// The same of a table of points.
#[test]
fn a_point_that_nothing_shows_is_found() {
    let here = "`conformance::a_point_that_nothing_shows_is_found`";
    let good = format!(
        "| point | what we do | section | shown by |\n| --- | --- | --- | --- |\n\
         | a name twice | refused | §2.1 | {here} |\n| no name | `x` is taken | §2.2 | {here}, and `x` |\n"
    );
    let cases: [(String, &str); 11] = [
        (good.clone(), ""),
        (good.replace(&format!("{here} |"), "we are sure of it |"), "line 3: 'a name twice' names no test"),
        (good.replace(&format!("{here}, and"), "of course"), "line 4: 'no name' names no test"),
        (
            good.replace("a_point_that", "a_truth_that"),
            "`conformance::a_truth_that_nothing_shows_is_found`, which is no test",
        ),
        (good.replace("| refused |", "| |"), "line 3: 'a name twice' has an empty cell"),
        (good.replace("| §2.2 |", "|"), "line 4: 'no name' has 3 cells, not 4"),
        (good.replace("no name", "a name twice"), "line 4: 'a name twice' has a row already"),
        (good.replace("what we do", "what we did"), "0 tables of 'point | what we do | section | shown by', not 1"),
        (good.replace("what we do", "what we did"), "line 1: nobody reads a table of 'point | what we did"),
        (format!("{good}\n{good}"), "2 tables of 'point | what we do | section | shown by', not 1"),
        (good.lines().take(2).collect::<Vec<_>>().join("\n"), "line 1: a table without rows"),
    ];
    let sources = Sources::of(root());
    for (text, expected) in cases {
        let broken = points::judge(&text, &[(OPEN, 1)], &sources).join("\n");
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
    let tests = tests_in(&row.shown_by);
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
