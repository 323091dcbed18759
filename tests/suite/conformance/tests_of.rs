//! Which tests there are, read from the sources: a function with a test attribute, a story of `both_engines!`, or a
//! module of such. A test that is ignored shows nothing.

use std::fs;
use std::path::{Path, PathBuf};

/// Every Rust file under `src` and `tests`, by the modules of its path: `["tests", "search", "filters"]`.
pub struct Sources {
    files: Vec<(Vec<String>, String)>,
}

impl Sources {
    pub fn of(root: &Path) -> Sources {
        let mut paths = Vec::new();
        for folder in ["src", "tests"] {
            rust_files(&root.join(folder), &mut paths);
        }
        let read = |path: PathBuf| {
            let modules = modules_of(path.strip_prefix(root).expect("below the root"));
            (modules, fs::read_to_string(&path).expect("a readable source"))
        };
        Sources { files: paths.into_iter().map(read).collect() }
    }

    /// `name` as a row has it: `scim_basics::a_story`, `search::filters::a_rule`, `scim::patch::tests::a_table`.
    pub fn have(&self, name: &str) -> bool {
        let segments: Vec<&str> = name.split("::").collect();
        let Some((last, modules)) = segments.split_last() else { return false };
        self.files.iter().any(|(file, text)| match file.split_first() {
            // An integration test may stand in any file of its folder.
            Some((top, file)) if top == "tests" => {
                let file: Vec<&str> = file.iter().map(String::as_str).collect();
                let is_within = |part: &&str| file.contains(part) || has_module(text, part);
                file.first() == modules.first()
                    && modules.iter().all(is_within)
                    && (has_test(text, last) || has_module(text, last))
            }
            // A unit test stands in its module: that file, or a module within it.
            Some((_, file)) => {
                let file: Vec<&str> = file.iter().map(String::as_str).collect();
                let inner = modules.strip_prefix(file.as_slice()).filter(|_| !file.is_empty());
                inner.is_some_and(|inner| inner.iter().all(|part| has_module(text, part)) && has_test(text, last))
            }
            None => false,
        })
    }
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// `tests/suite/search/filters.rs` is `tests`, `search`, `filters`; `mod.rs` and `main.rs` are their folder.
fn modules_of(path: &Path) -> Vec<String> {
    let path = path.with_extension("");
    let mut modules: Vec<String> = path.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    modules.retain(|module| module != "suite");
    if modules.last().is_some_and(|last| last == "mod" || last == "main" || last == "lib") {
        modules.pop();
    }
    modules
}

/// A function of that name which the test harness runs.
fn has_test(text: &str, name: &str) -> bool {
    let lines: Vec<&str> = text.lines().collect();
    lines.iter().enumerate().any(|(at, line)| {
        let Some(rest) = line.trim_start().trim_start_matches("async ").strip_prefix("fn ") else { return false };
        let is_it = rest.strip_prefix(name).is_some_and(|rest| rest.starts_with('('));
        is_it && is_run(&lines, at)
    })
}

fn has_module(text: &str, name: &str) -> bool {
    let opened = format!("mod {name} {{");
    text.lines().any(|line| line.trim_start() == opened) && holds_tests(text)
}

fn holds_tests(text: &str) -> bool {
    text.contains("test]") || text.contains("#[tokio::test(") || text.contains("both_engines! {")
}

/// Whether the function on this line is a test: by its own attributes, or because it is a story of `both_engines!`.
fn is_run(lines: &[&str], at: usize) -> bool {
    let above = || lines[..at].iter().rev().map(|line| line.trim());
    let attributes = || above().take_while(|line| line.starts_with('#') || line.starts_with("//"));
    if attributes().any(|line| line.starts_with("#[ignore")) {
        return false;
    }
    let is_marked = attributes().any(|line| line == "#[test]" || line.starts_with("#[tokio::test"));
    // Formatted sources open and close what is not indented at the margin.
    let opening = lines[..at].iter().rev().find(|line| !line.starts_with(' ') && !line.is_empty());
    is_marked || opening.is_some_and(|line| line.starts_with("both_engines! {"))
}
