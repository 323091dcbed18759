//! What a command answers, for people and for machines.

use std::io::{self, Write};
use std::process::ExitCode;

use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;
use serde_json::Value;

/// The same answer twice: as text, and as the object of `--json`.
#[derive(Clone, Debug)]
pub struct Answer {
    pub text: String,
    pub json: Value,
    /// A hint for people, on standard error.
    pub note: Option<String>,
    /// The question was answered, and the answer is bad news: exit code 1.
    pub is_bad: bool,
}

impl Answer {
    pub fn new(text: impl Into<String>, object: impl Serialize) -> Self {
        // Plain structs with text keys: serialising them into a tree cannot fail.
        let json = serde_json::to_value(object).unwrap_or_default();
        Self { text: text.into(), json, note: None, is_bad: false }
    }

    pub fn with_note(self, note: impl Into<String>) -> Self {
        Self { note: Some(note.into()), ..self }
    }

    pub fn print(&self, as_json: bool) -> ExitCode {
        let text = if as_json { self.json.to_string() } else { plain(self.text.trim_end()) };
        // A closed pipe (`… | head -1`) is the reader's wish and no failure.
        let _ = writeln!(io::stdout().lock(), "{text}");
        if let Some(note) = &self.note {
            eprintln!("{note}");
        }
        if self.is_bad { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }
}

/// What comes from outside may hold control characters that drive a terminal: they are shown, not obeyed.
fn plain(text: &str) -> String {
    let shown = |c: char| match c {
        '\n' => "\n".to_owned(),
        c if c.is_control() => c.escape_default().to_string(),
        c => c.to_string(),
    };
    text.chars().map(shown).collect()
}

/// Columns without lines, so that they can be cut and pasted; `none` is what stands there when there are no rows.
pub(super) fn table<const N: usize>(
    none: &str,
    header: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(header.map(str::to_uppercase));
    table.add_rows(rows);
    if table.is_empty() {
        return none.to_owned();
    }
    // Without lines around them, cells begin with a blank.
    let text = table.trim_fmt();
    text.lines().map(|line| line.strip_prefix(' ').unwrap_or(line)).collect::<Vec<_>>().join("\n")
}

/// What stands in a cell without a value.
pub(super) fn or_dash(text: Option<&str>) -> String {
    text.filter(|text| !text.is_empty()).unwrap_or("-").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(plain("a\u{1b}[31mb\u{7}\nc"), "a\\u{1b}[31mb\\u{7}\nc");
    }

    #[test]
    fn tables_have_no_lines_and_say_when_they_are_empty() {
        let rows = [["ana".to_owned(), "yes".to_owned()], ["bartholomew".to_owned(), "no".to_owned()]];
        assert_eq!(table("nobody", ["name", "here"], rows), "NAME         HERE\nana          yes\nbartholomew  no");
        assert_eq!(table::<1>("nobody", ["name"], []), "nobody");
    }
}
