//! The tables of a Markdown text, and among them those by item: every table under the one header, wherever it stands.

pub const HEADER: [&str; 5] = ["item", "level", "section", "state", "shown by"];

pub struct Table {
    /// The line of its header.
    pub line: usize,
    pub header: Vec<String>,
    /// The cells of each row, and the line on which it stands.
    pub rows: Vec<(usize, Vec<String>)>,
}

/// One row by item, and the line on which it stands; `item` is its number alone.
pub struct Row {
    pub line: usize,
    pub item: String,
    pub level: String,
    pub section: String,
    pub state: String,
    pub shown_by: String,
}

pub enum State {
    Done,
    Declined,
    NotApplicable,
}

impl State {
    pub fn of(text: &str) -> Option<State> {
        match text {
            "done" => Some(State::Done),
            "declined" => Some(State::Declined),
            "n/a" => Some(State::NotApplicable),
            _ => None,
        }
    }
}

/// The tests that a cell names: what is quoted as code and holds `::`. Other code is an attribute or a value.
pub fn tests_in(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).filter(|code| code.contains("::")).collect()
}

/// The rows by item in the order of the text; a line that is no row says what is wrong with it.
pub fn rows_of(text: &str) -> Vec<Result<Row, String>> {
    let by_item = tables_of(text).into_iter().filter(|table| table.header == HEADER);
    by_item.flat_map(|table| table.rows).map(|(line, cells)| row_of(line, cells)).collect()
}

pub fn tables_of(text: &str) -> Vec<Table> {
    let mut tables: Vec<Table> = Vec::new();
    let mut within = false;
    for (index, line) in text.lines().enumerate() {
        let Some(cells) = cells_of(line) else {
            within = false;
            continue;
        };
        match tables.last_mut().filter(|_| within) {
            Some(_) if is_ruler(&cells) => {}
            Some(table) => table.rows.push((index + 1, cells)),
            None => tables.push(Table { line: index + 1, header: cells, rows: Vec::new() }),
        }
        within = true;
    }
    tables
}

fn row_of(line: usize, cells: Vec<String>) -> Result<Row, String> {
    let [item, level, section, state, shown_by] = <[String; 5]>::try_from(cells)
        .map_err(|cells| format!("line {line}: {} cells, not {}: {cells:?}", cells.len(), HEADER.len()))?;
    // A few words after the number say what it is about.
    let item = item.split(' ').next().unwrap_or_default().to_owned();
    Ok(Row { line, item, level, section, state, shown_by })
}

/// The cells of a line of a table. An escaped bar is part of its cell.
fn cells_of(line: &str) -> Option<Vec<String>> {
    let inner = line.trim().strip_prefix('|')?.strip_suffix('|')?.replace("\\|", "\u{1}");
    Some(inner.split('|').map(|cell| cell.trim().replace('\u{1}', "|")).collect())
}

fn is_ruler(cells: &[String]) -> bool {
    cells.iter().all(|cell| !cell.is_empty() && cell.chars().all(|c| matches!(c, '-' | ':')))
}
