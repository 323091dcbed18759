//! The shape of the code: which room may import which, where SQL may be, how long a file may get, and that both engines
//! have the same tables. What the table of `docs/architecture.md` forbids fails here, with the file and the line.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row, SqliteConnection};

use crate::support::Database;

/// A room, and the rooms it may import. Itself is always allowed; `*` is everything.
const ROOMS: &[(&str, &[&str])] = &[
    ("scim", &[]),
    ("reconcile", &["scim"]),
    ("event", &["scim"]),
    ("jit", &["scim", "reconcile", "event"]),
    ("store", &["scim", "reconcile", "event"]),
    ("clock", &[]),
    // The rules of a connection and the form of a token are pure, and part of what the use cases store.
    ("directory", &["scim", "reconcile", "event", "store", "clock", "jit", "auth::token"]),
    ("jit::login", &["jit", "directory", "store", "scim", "reconcile", "event", "clock", "auth", "auth::token"]),
    ("auth::token", &["clock"]),
    ("auth", &["store", "clock", "auth::token"]),
    ("http", EDGE),
    ("console", EDGE),
    ("outbox", EDGE),
    ("app", &["*"]),
    ("cli", &["*"]),
    ("demo", &["*"]),
    ("config", &["*"]),
    ("telemetry", &["*"]),
    ("lib", &["*"]),
    ("main", &["*"]),
];
const EDGE: &[&str] =
    &["scim", "reconcile", "event", "jit", "jit::login", "store", "clock", "directory", "auth", "auth::token"];

/// Rooms that decide: no I/O, no clock, nothing asynchronous.
const PURE: &[&str] = &["scim", "reconcile", "event", "jit"];
const IMPURE_WORDS: &[&str] = &["async", "await", "tokio", "axum", "reqwest", "sqlx", "SystemTime"];
const IMPURE_PATHS: &[&str] = &["Instant::now", "std::fs", "std::net", "std::env", "std::process", "std::thread"];

const LONGEST_FILE: usize = 600;

#[test]
fn no_room_imports_what_it_may_not() {
    let mut broken = Vec::new();
    for source in sources() {
        let allowed = allowed(&source.room);
        for (line, path) in source.imports() {
            let room = room_of(&path);
            if room != source.room && !allowed.contains(&"*") && !allowed.contains(&room.as_str()) {
                broken.push(format!(
                    "{}:{line}: `{}` may not import `{room}` (crate::{})",
                    source.name,
                    source.room,
                    path.join("::")
                ));
            }
        }
    }
    assert!(broken.is_empty(), "forbidden imports:\n{}", broken.join("\n"));
}

#[test]
fn rooms_that_decide_do_nothing_else() {
    let mut broken = Vec::new();
    for source in sources().into_iter().filter(|source| PURE.contains(&source.room.as_str())) {
        for (index, line) in source.code.lines().enumerate() {
            let words = IMPURE_WORDS.iter().filter(|word| words(line).any(|found| found == **word));
            let paths = IMPURE_PATHS.iter().filter(|path| line.contains(**path));
            for found in words.chain(paths) {
                broken.push(format!("{}:{}: `{}` is pure, but says `{found}`", source.name, index + 1, source.room));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn sql_is_in_the_store_only() {
    let sources = sources();
    let elsewhere: Vec<&str> = sources
        .iter()
        .filter(|source| source.room != "store" && source.says("sqlx"))
        .map(|source| source.name.as_str())
        .collect();
    assert!(elsewhere.is_empty(), "sqlx outside the room `store`: {elsewhere:?}");

    let built: Vec<&str> =
        sources.iter().filter(|source| source.says("AssertSqlSafe")).map(|source| source.name.as_str()).collect();
    assert!(built.len() <= 2, "SQL text is put together in two files at most, so that review sees it: {built:?}");
}

#[test]
fn files_stay_short() {
    let long: Vec<String> = sources()
        .iter()
        .map(|source| (source.lines, &source.name))
        .filter(|(lines, _)| *lines > LONGEST_FILE)
        .map(|(lines, name)| format!("{name}: {lines} lines, look for the second noun"))
        .collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[test]
fn every_file_has_a_room() {
    for source in sources() {
        assert!(
            ROOMS.iter().any(|(room, _)| *room == source.room),
            "{}: the room `{}` is not in the table of tests/suite/architecture.rs",
            source.name,
            source.room
        );
    }
}

#[tokio::test]
async fn both_engines_have_the_same_migrations_and_tables() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    assert_eq!(
        names(&root.join("sqlite")),
        names(&root.join("postgres")),
        "the same numbers and names on both engines"
    );

    let mut sqlite = SqliteConnection::connect("sqlite::memory:").await.unwrap();
    Migrator::new(root.join("sqlite")).await.unwrap().run(&mut sqlite).await.unwrap();
    let database = Database::postgres().await;
    let mut postgres = PgConnection::connect(database.url()).await.unwrap();

    let mut differences = differences(sqlite_columns(&mut sqlite).await, postgres_columns(&mut postgres).await);
    differences.extend(self::differences(sqlite_indexes(&mut sqlite).await, postgres_indexes(&mut postgres).await));
    assert!(differences.is_empty(), "the engines differ:\n{}", differences.join("\n"));
}

#[tokio::test]
async fn text_is_ordered_by_bytes_on_postgresql() {
    let database = Database::postgres().await;
    let mut postgres = PgConnection::connect(database.url()).await.unwrap();
    let by_locale: Vec<String> = sqlx::query_scalar(
        "select table_name || '.' || column_name from information_schema.columns
         where table_schema = 'public' and table_name <> '_sqlx_migrations'
           and data_type = 'text' and collation_name is distinct from 'C' order by 1",
    )
    .fetch_all(&mut postgres)
    .await
    .unwrap();
    assert!(by_locale.is_empty(), "not `collate \"C\"`: {by_locale:?}");
}

// ---- sources ----

struct Source {
    name: String,
    room: String,
    /// Modules from the crate's root to this file: `["scim", "filter"]` for `scim/filter/mod.rs`.
    modules: usize,
    /// The text without comments and literals, line for line.
    code: String,
    lines: usize,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    walk(&root, &mut files);
    files.sort();
    assert!(!files.is_empty());
    files.iter().map(|file| Source::read(&root, file)).collect()
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

impl Source {
    fn read(root: &Path, file: &Path) -> Source {
        let name = file.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
        let mut modules: Vec<String> = name.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
        if modules.len() > 1 && modules.last().is_some_and(|last| last == "mod") {
            modules.pop();
        }
        let text = std::fs::read_to_string(file).unwrap();
        let in_root = matches!(name.as_str(), "lib.rs" | "main.rs");
        Source {
            room: room_of(&modules),
            modules: if in_root { 0 } else { modules.len() },
            code: without_comments_and_literals(&text),
            lines: text.lines().count(),
            name: format!("src/{name}"),
        }
    }

    fn says(&self, word: &str) -> bool {
        words(&self.code).any(|found| found == word)
    }

    /// Every path that starts at the crate's root, with its line: `crate::a::b`, the branches of `crate::{a::b, c}`, and
    /// as many `super::` as lead to a room.
    fn imports(&self) -> Vec<(usize, Vec<String>)> {
        let tokens = tokens(&self.code);
        let mut found = Vec::new();
        let mut at = 0;
        while at < tokens.len() {
            let (line, token) = &tokens[at];
            let follows_path = at > 0 && tokens[at - 1].1 == "::";
            if token == "crate" && !follows_path && tokens.get(at + 1).is_some_and(|next| next.1 == "::") {
                branches(&tokens, at + 2, &mut Vec::new(), &mut |path| found.push((*line, path)));
            } else if token == "super" && !follows_path {
                let mut next = at;
                let mut climbed = 0;
                while tokens.get(next).is_some_and(|token| token.1 == "super") {
                    climbed += 1;
                    next += 2;
                }
                let is_room = |token: &String| ROOMS.iter().any(|(room, _)| room == token);
                if climbed >= self.modules && tokens.get(next).is_some_and(|token| is_room(&token.1)) {
                    branches(&tokens, next, &mut Vec::new(), &mut |path| found.push((*line, path)));
                }
            }
            at += 1;
        }
        found
    }
}

/// Follows `a::b::{c, d::e}` from `at` and reports each branch; gives the place after it.
fn branches(
    tokens: &[(usize, String)],
    mut at: usize,
    path: &mut Vec<String>,
    report: &mut impl FnMut(Vec<String>),
) -> usize {
    let depth = path.len();
    loop {
        let token = tokens.get(at).map_or("", |token| token.1.as_str());
        if token == "{" {
            at += 1;
            while tokens.get(at).is_some_and(|token| token.1 != "}") {
                at = if tokens[at].1 == "," { at + 1 } else { branches(tokens, at, path, report) };
            }
            path.truncate(depth);
            return at + 1;
        }
        path.push(token.to_owned());
        at += 1;
        if tokens.get(at).is_none_or(|token| token.1 != "::") {
            report(path.clone());
            while tokens.get(at).is_some_and(|token| token.1 == "as" || (at > 0 && tokens[at - 1].1 == "as")) {
                at += 1;
            }
            path.truncate(depth);
            return at;
        }
        at += 1;
    }
}

/// `jit::login` and `auth::token` are rooms of their own; every other room is named by its first module.
fn room_of(path: &[String]) -> String {
    match path {
        [jit, login, ..] if jit == "jit" && login == "login" => "jit::login".to_owned(),
        [auth, token, ..] if auth == "auth" && token == "token" => "auth::token".to_owned(),
        [room, ..] => room.clone(),
        [] => String::new(),
    }
}

fn allowed(room: &str) -> &'static [&'static str] {
    ROOMS.iter().find(|(name, _)| *name == room).map_or(&[], |(_, allowed)| allowed)
}

fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|letter: char| !letter.is_alphanumeric() && letter != '_').filter(|word| !word.is_empty())
}

/// Identifiers, `::`, and single signs, each with its line.
fn tokens(code: &str) -> Vec<(usize, String)> {
    let mut tokens = Vec::new();
    for (index, line) in code.lines().enumerate() {
        let mut rest = line.trim_start();
        while let Some(first) = rest.chars().next() {
            let identifier = |letter: char| letter.is_alphanumeric() || letter == '_';
            let length = if identifier(first) {
                rest.find(|letter| !identifier(letter)).unwrap_or(rest.len())
            } else if rest.starts_with("::") {
                2
            } else {
                first.len_utf8()
            };
            tokens.push((index + 1, rest[..length].to_owned()));
            rest = rest[length..].trim_start();
        }
    }
    tokens
}

/// Blanks comments, strings and characters, so that only code is searched. Lines keep their numbers.
fn without_comments_and_literals(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    let ahead = |at: usize, what: &str| what.chars().enumerate().all(|(index, c)| letters.get(at + index) == Some(&c));
    while at < letters.len() {
        let start = at;
        if ahead(at, "//") {
            while at < letters.len() && letters[at] != '\n' {
                at += 1;
            }
        } else if ahead(at, "/*") {
            let mut depth = 0;
            loop {
                if ahead(at, "/*") {
                    depth += 1;
                    at += 2;
                } else if ahead(at, "*/") {
                    depth -= 1;
                    at += 2;
                } else {
                    at += 1;
                }
                if depth == 0 || at >= letters.len() {
                    break;
                }
            }
        } else if let Some(hashes) = raw_string(&letters, at) {
            let end = format!("\"{}", "#".repeat(hashes));
            at += hashes + 2;
            while at < letters.len() && !ahead(at, &end) {
                at += 1;
            }
            at += end.len();
        } else if letters[at] == '"' {
            at += 1;
            while at < letters.len() && letters[at] != '"' {
                at += if letters[at] == '\\' { 2 } else { 1 };
            }
            at += 1;
        } else if letters[at] == '\'' && (letters.get(at + 1) == Some(&'\\') || letters.get(at + 2) == Some(&'\'')) {
            at += if letters[at + 1] == '\\' { 3 } else { 2 };
            while at < letters.len() && letters[at] != '\'' {
                at += 1;
            }
            at += 1;
        } else {
            code.push(letters[at]);
            at += 1;
            continue;
        }
        code.push(' ');
        code.extend(letters[start..at.min(letters.len())].iter().filter(|letter| **letter == '\n'));
    }
    code
}

/// The number of `#` when a raw string starts here.
fn raw_string(letters: &[char], at: usize) -> Option<usize> {
    let in_word = at > 0 && (letters[at - 1].is_alphanumeric() || letters[at - 1] == '_') && letters[at - 1] != 'b';
    if letters[at] != 'r' || in_word {
        return None;
    }
    let hashes = letters[at + 1..].iter().take_while(|letter| **letter == '#').count();
    (letters.get(at + 1 + hashes) == Some(&'"')).then_some(hashes)
}

#[test]
fn imports_are_found_in_every_spelling() {
    let cases = [
        ("use crate::store::Tx;", "store::Tx"),
        ("use crate::{scim::{filter::Filter, path}, event as happened};", "scim::filter::Filter scim::path event"),
        ("fn f(tx: &mut crate::store::Tx) -> crate::scim::Error {}", "store::Tx scim::Error"),
        ("use super::super::store::Tx;", "store::Tx"),
        ("use super::parse;", ""),
        ("use super::store;", ""),
        ("// use crate::store::Tx;\n/* crate::http /* nested */ */ \"crate::auth\"", ""),
        (
            "let a = r#\"crate::auth \" \"#; let b = '\"'; let c: &'static str = crate::jit::login::run();",
            "jit::login::run",
        ),
        ("use other::crate_::store; use crate::\n  clock;", "clock"),
    ];
    for (text, expected) in cases {
        let source = Source {
            name: "case".into(),
            room: "scim".into(),
            modules: 2,
            code: without_comments_and_literals(text),
            lines: 0,
        };
        let found: Vec<String> = source.imports().into_iter().map(|(_, path)| path.join("::")).collect();
        assert_eq!(found.join(" "), expected, "{text}");
    }
}

// ---- tables ----

/// `table.column` -> (type, nullable, place in the primary key).
type Columns = BTreeMap<String, (String, bool, i64)>;
/// Index -> (table, unique, columns, has a condition).
type Indexes = BTreeMap<String, (String, bool, Vec<String>, bool)>;

fn differences<T: PartialEq + std::fmt::Debug>(
    sqlite: BTreeMap<String, T>,
    postgres: BTreeMap<String, T>,
) -> Vec<String> {
    let names: BTreeSet<&String> = sqlite.keys().chain(postgres.keys()).collect();
    let pairs = names.into_iter().map(|name| (name, sqlite.get(name), postgres.get(name)));
    pairs
        .filter(|(_, sqlite, postgres)| sqlite != postgres)
        .map(|(name, sqlite, postgres)| format!("{name}: SQLite {sqlite:?}, PostgreSQL {postgres:?}"))
        .collect()
}

fn names(folder: &Path) -> BTreeSet<String> {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

async fn sqlite_columns(connection: &mut SqliteConnection) -> Columns {
    let rows = sqlx::query(
        "select t.name, c.name, lower(c.type), c.\"notnull\", c.pk from pragma_table_list t
         join pragma_table_info(t.name) c
         where t.schema = 'main' and t.type = 'table' and t.name not like 'sqlite_%' and t.name <> '_sqlx_migrations'",
    )
    .fetch_all(connection)
    .await
    .unwrap();
    let mut tables = Columns::new();
    for row in rows {
        let (table, column, kind): (String, String, String) = (row.get(0), row.get(1), row.get(2));
        let (not_null, key): (bool, i64) = (row.get(3), row.get(4));
        let kind = match kind.as_str() {
            "blob" => "bytea",
            // SQLite numbers rows in an `integer primary key`, which has 64 bits.
            "integer" if key > 0 => "bigint",
            other => other,
        };
        tables.insert(format!("{table}.{column}"), (kind.to_owned(), !not_null, key));
    }
    tables
}

async fn postgres_columns(connection: &mut PgConnection) -> Columns {
    let rows = sqlx::query(
        "select c.table_name::text, c.column_name::text, c.data_type::text, c.is_nullable = 'YES', coalesce(k.ordinal_position, 0)::bigint
         from information_schema.columns c
         left join information_schema.table_constraints t
           on t.table_schema = c.table_schema and t.table_name = c.table_name and t.constraint_type = 'PRIMARY KEY'
         left join information_schema.key_column_usage k
           on k.constraint_schema = t.constraint_schema and k.constraint_name = t.constraint_name
           and k.table_name = c.table_name and k.column_name = c.column_name
         where c.table_schema = 'public' and c.table_name <> '_sqlx_migrations'",
    )
    .fetch_all(connection)
    .await
    .unwrap();
    let mut tables = Columns::new();
    for row in rows {
        let (table, column): (String, String) = (row.get(0), row.get(1));
        tables.insert(format!("{table}.{column}"), (row.get(2), row.get(3), row.get(4)));
    }
    tables
}

async fn sqlite_indexes(connection: &mut SqliteConnection) -> Indexes {
    let rows = sqlx::query(
        "select m.name, m.tbl_name, l.\"unique\", l.partial from sqlite_master m
         join pragma_index_list(m.tbl_name) l on l.name = m.name
         where m.type = 'index' and m.sql is not null",
    )
    .fetch_all(&mut *connection)
    .await
    .unwrap();
    let mut indexes = Indexes::new();
    for row in rows {
        let (name, table): (String, String) = (row.get(0), row.get(1));
        let sql = format!("select coalesce(name, '(expression)') from pragma_index_info('{name}') order by seqno");
        let columns = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(&mut *connection).await.unwrap();
        indexes.insert(name, (table, row.get(2), columns, row.get(3)));
    }
    indexes
}

async fn postgres_indexes(connection: &mut PgConnection) -> Indexes {
    // Those made by `create index`: the ones behind primary keys and unique constraints have no name on SQLite.
    let rows = sqlx::query(
        "select i.relname::text, t.relname::text, x.indisunique,
                array(select coalesce(a.attname::text, '(expression)') from unnest(x.indkey) with ordinality as k (number, place)
                      left join pg_attribute a on a.attrelid = x.indrelid and a.attnum = k.number and k.number > 0
                      order by k.place),
                x.indpred is not null
         from pg_index x
         join pg_class i on i.oid = x.indexrelid
         join pg_class t on t.oid = x.indrelid
         join pg_namespace n on n.oid = t.relnamespace
         where n.nspname = 'public' and not exists (select from pg_constraint c where c.conindid = x.indexrelid)",
    )
    .fetch_all(connection)
    .await
    .unwrap();
    rows.into_iter().map(|row| (row.get(0), (row.get(1), row.get(2), row.get(3), row.get(4)))).collect()
}
