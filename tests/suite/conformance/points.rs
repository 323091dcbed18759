//! The tables of points that no rule decides: where the texts are open, and what identity providers send otherwise. Each row
//! says what is done and names a test that shows it.

use std::collections::BTreeSet;

use super::table::{self, Table, tables_of, tests_in};
use super::tests_of::Sources;

/// Where the texts are open.
pub const OPEN: [&str; 4] = ["point", "what we do", "section", "shown by"];
/// What identity providers send and the RFCs do not say.
pub const LENIENT: [&str; 4] = ["what is sent", "what we do", "`push.profile: strict`", "shown by"];

const SHOWN_BY: &str = "shown by";

/// What is wrong with the tables of points in this text. `counts`: how many tables of each header there must be, so that no
/// renamed header leaves its table unread; nor does any other table say what shows its rows.
pub fn judge(text: &str, counts: &[([&str; 4], usize)], sources: &Sources) -> Vec<String> {
    let mut broken = Vec::new();
    let (of_points, others): (Vec<Table>, Vec<Table>) =
        tables_of(text).into_iter().partition(|table| counts.iter().any(|(header, _)| table.header == *header));
    for (header, count) in counts {
        let found = of_points.iter().filter(|table| table.header == *header).count();
        if found != *count {
            broken.push(format!("{found} tables of '{}', not {count}", header.join(" | ")));
        }
    }
    let unread =
        others.iter().filter(|table| table.header != table::HEADER && table.header.iter().any(|cell| cell == SHOWN_BY));
    broken.extend(
        unread.map(|table| format!("line {}: nobody reads a table of '{}'", table.line, table.header.join(" | "))),
    );
    for table in of_points {
        let mut points = BTreeSet::new();
        if table.rows.is_empty() {
            broken.push(format!("line {}: a table without rows", table.line));
        }
        for (line, cells) in &table.rows {
            let mut found = judge_row(cells, sources);
            if !points.insert(cells[0].clone()) {
                found.push("has a row already".to_owned());
            }
            broken.extend(found.into_iter().map(|what| format!("line {line}: '{}' {what}", cells[0])));
        }
    }
    broken
}

fn judge_row(cells: &[String], sources: &Sources) -> Vec<String> {
    let [_, _, _, shown_by] = cells else { return vec![format!("has {} cells, not 4", cells.len())] };
    if cells.iter().any(String::is_empty) {
        return vec!["has an empty cell".to_owned()];
    }
    let tests = tests_in(shown_by);
    if tests.is_empty() {
        return vec!["names no test".to_owned()];
    }
    tests
        .into_iter()
        .filter(|test| !sources.have(test))
        .map(|test| format!("names `{test}`, which is no test"))
        .collect()
}
