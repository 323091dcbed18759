//! The settings of a server, and where each may come from.
//!
//! Four layers, the later over the earlier: defaults, the file `rollkeeper.toml` (or `--config`), the environment
//! (`ROLLKEEPER_LISTEN`), the flags (`--listen`). A setting has one name in all of them. One that is unknown or cannot be
//! right stops the program at start, by its name, with what is allowed. Everything that belongs to a tenant is data in the
//! database and not a setting.

use std::fmt::{self, Display};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tracing::level_filters::LevelFilter;
use url::Url;

use crate::directory::Limits;

/// The file that is read when `--config` names none. It may be absent.
const FILE: &str = "rollkeeper.toml";
const PREFIX: &str = "ROLLKEEPER_";
/// Names of the environment that are not settings: which file, and what the tests are told.
const NOT_SETTINGS: &[&str] = &["ROLLKEEPER_CONFIG", "ROLLKEEPER_TEST_"];

#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    pub listen: SocketAddr,
    pub database: DatabaseUrl,
    /// How clients reach the server, for `meta.location`. Without it, the address that the request named.
    pub public_url: Option<Url>,
    pub log_format: LogFormat,
    pub log_level: LevelFilter,
    pub max_body_bytes: usize,
    pub request_timeout: Duration,
    /// Connections to the database that the server keeps at most.
    pub max_connections: u32,
    /// Of one bulk request; both are told in ServiceProviderConfig.
    pub bulk_max_operations: usize,
    pub bulk_max_payload_bytes: usize,
    /// How long the pages of a list may be, and how long cursors live.
    pub pages: Limits,
    /// How long what was deleted is kept; zero erases at once.
    pub retention: Duration,
    /// How often one token may ask in a second; 0 is no limit.
    pub requests_per_second: u32,
    /// What passwords must be like, in characters.
    pub password_min_length: usize,
    pub password_max_length: usize,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            database: DatabaseUrl("sqlite://rollkeeper.db".to_owned()),
            public_url: None,
            log_format: LogFormat::Text,
            log_level: LevelFilter::INFO,
            max_body_bytes: 8 << 20,
            request_timeout: Duration::from_secs(30),
            max_connections: 16,
            bulk_max_operations: 1_000,
            bulk_max_payload_bytes: 4 << 20,
            pages: Limits::default(),
            retention: Duration::from_secs(30 * 24 * 60 * 60),
            requests_per_second: 1_000,
            password_min_length: 8,
            password_max_length: 256,
        }
    }
}

/// Where the roll is kept. Printed without its password.
#[derive(Clone, PartialEq)]
pub struct DatabaseUrl(String);

impl DatabaseUrl {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ok(mut url) = Url::parse(&self.0) else { return f.write_str(&self.0) };
        // What follows the `?` may hold a password too.
        url.set_query(None);
        if url.password().is_some() && url.set_password(Some("***")).is_err() {
            return f.write_str(url.scheme());
        }
        f.write_str(if self.0.starts_with("sqlite:") { &self.0 } else { url.as_str() })
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One object a line, for machines.
    Json,
}

/// The flags of the command line that are settings. Flattened into every command.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Settings (also in rollkeeper.toml, or as ROLLKEEPER_LISTEN and so on)")]
pub struct Flags {
    /// The settings file [default: rollkeeper.toml, if there is one]
    #[arg(long, global = true, value_name = "FILE", env = "ROLLKEEPER_CONFIG")]
    pub config: Option<PathBuf>,
    /// Where to listen [default: 127.0.0.1:8080]
    #[arg(long, global = true, value_name = "ADDRESS")]
    pub listen: Option<String>,
    /// sqlite://rollkeeper.db, sqlite:///var/lib/roll.db or postgres://user:password@host/name [default: sqlite://rollkeeper.db]
    #[arg(long, global = true, value_name = "URL")]
    pub database: Option<String>,
    /// How clients reach the server, a URL such as `https://roll.example.com`
    #[arg(long, global = true, value_name = "URL")]
    pub public_url: Option<String>,
    /// text or json [default: text]
    #[arg(long, global = true, value_name = "FORMAT")]
    pub log_format: Option<String>,
    /// off, error, warn, info, debug or trace [default: info]
    #[arg(long, global = true, value_name = "LEVEL")]
    pub log_level: Option<String>,
}

/// A setting that stops the start. The text names where it stands, what it is called and what is allowed; never its value,
/// which may be a password.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum Error {
    #[error("{origin}: unknown setting `{name}`; allowed are: {}", NAMES.join(", "))]
    Unknown { origin: String, name: String },
    #[error("{origin}: `{name}` must be {allowed}")]
    Invalid { origin: String, name: &'static str, allowed: &'static str },
    #[error("{path}: {reason}")]
    File { path: String, reason: String },
}

impl Config {
    /// Reads all four layers of this process.
    pub fn load(flags: &Flags) -> Result<Config, Error> {
        let path = flags.config.as_deref().unwrap_or(Path::new(FILE));
        let file = match std::fs::read_to_string(path) {
            Ok(text) => Some(text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && flags.config.is_none() => None,
            Err(error) => return Err(Error::File { path: path.display().to_string(), reason: error.to_string() }),
        };
        // A name or a value that is not Unicode is no setting of ours; the name is judged below if its letters survive.
        let environment =
            std::env::vars_os().map(|(name, value)| (lossy(&name), lossy(&value))).filter(|(name, _)| is_setting(name));
        Config::resolve(file.as_deref().map(|text| (path, text)), environment, flags)
    }

    /// The layers as arguments: the text of the file, the environment's `ROLLKEEPER_*`, the flags.
    pub fn resolve(
        file: Option<(&Path, &str)>,
        environment: impl IntoIterator<Item = (String, String)>,
        flags: &Flags,
    ) -> Result<Config, Error> {
        let mut config = Config::default();
        if let Some((path, text)) = file {
            config.read_file(&path.display().to_string(), text)?;
        }
        for (variable, value) in environment {
            let name = variable.strip_prefix(PREFIX).unwrap_or(&variable).to_ascii_lowercase();
            config.set(&name, &value, || variable.clone())?;
        }
        let given = [
            ("listen", &flags.listen),
            ("database", &flags.database),
            ("public_url", &flags.public_url),
            ("log_format", &flags.log_format),
            ("log_level", &flags.log_level),
        ];
        for (name, value) in given {
            if let Some(value) = value {
                config.set(name, value, || format!("--{}", name.replace('_', "-")))?;
            }
        }
        Ok(config)
    }

    fn read_file(&mut self, path: &str, text: &str) -> Result<(), Error> {
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
            // The library's own text quotes the line, and the line may hold a password.
            let line = error.span().map_or(1, |span| 1 + text[..span.start].matches('\n').count());
            Error::File { path: path.to_owned(), reason: format!("line {line}: {}", error.message()) }
        })?;
        for (name, value) in &table {
            let value = match value {
                toml::Value::String(text) => text.clone(),
                toml::Value::Integer(number) => number.to_string(),
                // No setting is a list, a table, a date or a fraction: judged, and refused by name, as a text that fits none.
                _ => String::new(),
            };
            self.set(name, &value, || path.to_owned())?;
        }
        Ok(())
    }

    fn set(&mut self, name: &str, value: &str, origin: impl Fn() -> String) -> Result<(), Error> {
        let Some((name, allowed, apply)) = SETTINGS.iter().find(|(known, ..)| *known == name) else {
            return Err(Error::Unknown { origin: origin(), name: name.to_owned() });
        };
        apply(self, value).ok_or_else(|| Error::Invalid { origin: origin(), name, allowed })
    }
}

/// Parses a text into its place; `None` if it cannot be right.
type Apply = fn(&mut Config, &str) -> Option<()>;

/// Every setting: its name, what is allowed, and how it is read.
const SETTINGS: &[(&str, &str, Apply)] = &[
    ("listen", "an address and a port, for example 127.0.0.1:8080 or [::1]:8080", |config, text| {
        config.listen = text.parse().ok()?;
        Some(())
    }),
    (
        "database",
        "sqlite://PATH, for example sqlite://rollkeeper.db or sqlite:///var/lib/roll.db, or postgres://user:password@host:port/name",
        |config, text| {
            config.database = database_url(text)?;
            Some(())
        },
    ),
    ("public_url", "an http or https URL without query, for example https://roll.example.com", |config, text| {
        config.public_url = Some(public_url(text)?);
        Some(())
    }),
    ("log_format", "text or json", |config, text| {
        config.log_format = match text {
            "text" => LogFormat::Text,
            "json" => LogFormat::Json,
            _ => return None,
        };
        Some(())
    }),
    ("log_level", "off, error, warn, info, debug or trace", |config, text| {
        let levels = ["off", "error", "warn", "info", "debug", "trace"];
        config.log_level = text.parse().ok().filter(|_| levels.contains(&text))?;
        Some(())
    }),
    ("max_body_bytes", "a number of bytes from 65536 to 268435456", |config, text| {
        config.max_body_bytes = text.parse().ok().filter(|bytes| (64 << 10..=256 << 20).contains(bytes))?;
        Some(())
    }),
    ("request_timeout_seconds", "a number of seconds from 1 to 3600", |config, text| {
        let seconds = text.parse().ok().filter(|seconds| (1..=3600).contains(seconds))?;
        config.request_timeout = Duration::from_secs(seconds);
        Some(())
    }),
    ("max_connections", "a number from 1 to 1000", |config, text| {
        config.max_connections = text.parse().ok().filter(|number| (1..=1000).contains(number))?;
        Some(())
    }),
    ("bulk_max_operations", "a number from 1 to 10000", |config, text| {
        config.bulk_max_operations = text.parse().ok().filter(|number| (1..=10_000).contains(number))?;
        Some(())
    }),
    ("bulk_max_payload_bytes", "a number of bytes from 65536 to 268435456", |config, text| {
        config.bulk_max_payload_bytes = text.parse().ok().filter(|bytes| (64 << 10..=256 << 20).contains(bytes))?;
        Some(())
    }),
    ("default_page_size", "a number of resources from 1 to 10000", |config, text| {
        config.pages.default_count = text.parse().ok().filter(|count| PAGE_SIZES.contains(count))?;
        Some(())
    }),
    ("max_page_size", "a number of resources from 1 to 10000", |config, text| {
        config.pages.max_count = text.parse().ok().filter(|count| PAGE_SIZES.contains(count))?;
        Some(())
    }),
    ("cursor_timeout_seconds", "a number of seconds from 60 to 604800", |config, text| {
        let seconds: i64 = text.parse().ok().filter(|seconds| (60..=7 * 86_400).contains(seconds))?;
        config.pages.cursor_lifetime = seconds * 1000;
        Some(())
    }),
    ("retention_days", "a number of days from 0 to 3650", |config, text| {
        let days: u64 = text.parse().ok().filter(|days| (0..=3650).contains(days))?;
        config.retention = Duration::from_secs(days * 24 * 60 * 60);
        Some(())
    }),
    ("requests_per_second", "a number from 1 to 100000, or 0 for no limit", |config, text| {
        config.requests_per_second = text.parse().ok().filter(|number| (0..=100_000).contains(number))?;
        Some(())
    }),
    ("password_min_length", "a number of characters from 1 to 64", |config, text| {
        config.password_min_length = text.parse().ok().filter(|number| (1..=64).contains(number))?;
        Some(())
    }),
    ("password_max_length", "a number of characters from 64 to 1024", |config, text| {
        config.password_max_length = text.parse().ok().filter(|number| (64..=1024).contains(number))?;
        Some(())
    }),
];

const PAGE_SIZES: std::ops::RangeInclusive<i64> = 1..=10_000;

const NAMES: [&str; SETTINGS.len()] = {
    let mut names = [""; SETTINGS.len()];
    let mut at = 0;
    while at < names.len() {
        names[at] = SETTINGS[at].0;
        at += 1;
    }
    names
};

fn database_url(text: &str) -> Option<DatabaseUrl> {
    let is_right = if let Some(path) = text.strip_prefix("sqlite://") {
        // A database in memory would be another one for each connection; options of SQLite are the server's own.
        !path.is_empty() && !path.contains(['?', '#']) && path != ":memory:"
    } else {
        let url = Url::parse(text).ok()?;
        matches!(url.scheme(), "postgres" | "postgresql") && url.has_host() && url.path().len() > 1
    };
    is_right.then(|| DatabaseUrl(text.to_owned()))
}

fn public_url(text: &str) -> Option<Url> {
    let url = Url::parse(text.trim_end_matches('/')).ok()?;
    let plain =
        url.query().is_none() && url.fragment().is_none() && url.username().is_empty() && url.password().is_none();
    (matches!(url.scheme(), "http" | "https") && url.has_host() && plain).then_some(url)
}

fn is_setting(variable: &str) -> bool {
    variable.starts_with(PREFIX) && !NOT_SETTINGS.iter().any(|other| variable.starts_with(other))
}

fn lossy(text: &std::ffi::OsStr) -> String {
    text.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
    }

    fn file(text: &str) -> Option<(&Path, &str)> {
        Some((Path::new("rollkeeper.toml"), text))
    }

    #[test]
    fn without_any_layer_it_listens_on_loopback_and_keeps_a_file() {
        let config = Config::resolve(None, [], &Flags::default()).unwrap();
        assert_eq!(config, Config::default());
        assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
        assert_eq!(config.database.as_str(), "sqlite://rollkeeper.db");
    }

    #[test]
    fn a_later_layer_wins() {
        let text = "listen = \"127.0.0.1:1\"\nlog_format = \"json\"\nmax_connections = 4\nrequest_timeout_seconds = 5";
        let variables = [("ROLLKEEPER_LISTEN", "127.0.0.1:2"), ("ROLLKEEPER_DATABASE", "postgres://u:p@h/roll")];
        let flags = Flags { listen: Some("127.0.0.1:3".into()), ..Flags::default() };

        let config = Config::resolve(file(text), environment(&variables), &flags).unwrap();
        assert_eq!(config.listen.port(), 3);
        assert_eq!(config.database.as_str(), "postgres://u:p@h/roll");
        assert_eq!((config.log_format, config.max_connections), (LogFormat::Json, 4));
        assert_eq!(config.request_timeout, Duration::from_secs(5));

        let config = Config::resolve(file(text), environment(&variables), &Flags::default()).unwrap();
        assert_eq!(config.listen.port(), 2);
    }

    #[test]
    fn every_setting_says_what_it_takes() {
        let cases: &[(&str, &[&str], &[&str])] = &[
            (
                "listen",
                &["0.0.0.0:80", "[::1]:8080", "127.0.0.1:0"],
                &["", "8080", "localhost:8080", "127.0.0.1", "1.2.3.4:99999"],
            ),
            (
                "database",
                &["sqlite://a.db", "sqlite:///var/lib/a.db", "postgres://u:p@[::1]:5432/roll", "postgresql://h/roll"],
                &[
                    "",
                    "a.db",
                    "sqlite://",
                    "sqlite::memory:",
                    "sqlite://:memory:",
                    "sqlite://a?mode=ro",
                    "mysql://h/r",
                    "postgres://h",
                    "postgres:///",
                ],
            ),
            (
                "public_url",
                &["https://roll.example.com", "http://127.0.0.1:8080/roll/"],
                &["", "roll.example.com", "ftp://x", "https://x?a=b", "https://u:p@x", "https://x#y"],
            ),
            ("log_format", &["text", "json"], &["", "JSON", "pretty"]),
            ("log_level", &["off", "error", "warn", "info", "debug", "trace"], &["", "3", "loud", "rollkeeper=debug"]),
            ("max_body_bytes", &["65536", "268435456"], &["", "65535", "268435457", "-1", "1MB"]),
            ("request_timeout_seconds", &["1", "3600"], &["0", "3601", "1.5"]),
            ("max_connections", &["1", "1000"], &["0", "1001"]),
            ("bulk_max_operations", &["1", "10000"], &["0", "10001", "", "all"]),
            ("bulk_max_payload_bytes", &["65536", "268435456"], &["", "65535", "268435457", "1MB"]),
            ("default_page_size", &["1", "10000"], &["0", "-1", "10001", "many"]),
            ("max_page_size", &["1", "10000"], &["0", "10001"]),
            ("cursor_timeout_seconds", &["60", "604800"], &["59", "604801", "1h"]),
            ("retention_days", &["0", "30", "3650"], &["", "-1", "3651"]),
            ("requests_per_second", &["0", "1", "100000"], &["", "-1", "100001", "1.5"]),
            ("password_min_length", &["1", "64"], &["0", "65"]),
            ("password_max_length", &["64", "1024"], &["63", "1025"]),
        ];
        assert_eq!(cases.iter().map(|(name, ..)| *name).collect::<Vec<_>>(), NAMES, "each setting has a row");
        for (name, right, wrong) in cases {
            let variable = format!("ROLLKEEPER_{}", name.to_ascii_uppercase());
            let resolve = |value: &str| Config::resolve(None, environment(&[(&variable, value)]), &Flags::default());
            for value in *right {
                assert!(resolve(value).is_ok(), "{name} = {value}: {:?}", resolve(value));
            }
            for value in *wrong {
                let text = resolve(value).expect_err(value).to_string();
                assert!(text.starts_with(&format!("{variable}: `{name}` must be ")), "{text}");
            }
        }
    }

    #[test]
    fn a_public_url_ends_without_a_slash_of_its_own() {
        let flags = Flags { public_url: Some("https://example.com/roll//".into()), ..Flags::default() };
        let url = Config::resolve(None, [], &flags).unwrap().public_url.unwrap();
        assert_eq!(url.as_str(), "https://example.com/roll");
    }

    #[test]
    fn refusals_name_the_place_and_the_setting_and_never_a_value() {
        let names = NAMES.join(", ");
        let cases = [
            (
                Config::resolve(file("lisen = \"x\""), [], &Flags::default()),
                format!("rollkeeper.toml: unknown setting `lisen`; allowed are: {names}"),
            ),
            (
                Config::resolve(None, environment(&[("ROLLKEEPER_PORT", "80")]), &Flags::default()),
                format!("ROLLKEEPER_PORT: unknown setting `port`; allowed are: {names}"),
            ),
            (
                Config::resolve(None, [], &Flags { log_level: Some("loud".into()), ..Flags::default() }),
                "--log-level: `log_level` must be off, error, warn, info, debug or trace".to_owned(),
            ),
            (
                Config::resolve(file("max_connections = [1]"), [], &Flags::default()),
                "rollkeeper.toml: `max_connections` must be a number from 1 to 1000".to_owned(),
            ),
        ];
        for (result, expected) in cases {
            assert_eq!(result.unwrap_err().to_string(), expected);
        }
        let secret = Config::resolve(file("database = \"mysql://u:hunter2@h/x\""), [], &Flags::default()).unwrap_err();
        assert!(!format!("{secret} {secret:?}").contains("hunter2"));
        let broken =
            Config::resolve(file("# one\ndatabase = \"hunter2\nlisten = 1"), [], &Flags::default()).unwrap_err();
        let text = broken.to_string();
        assert!(text.starts_with("rollkeeper.toml: line 2: ") && !text.contains("hunter2"), "{text}");
    }

    #[test]
    fn a_database_is_printed_without_its_password() {
        let cases = [
            ("sqlite:///var/lib/roll.db", "sqlite:///var/lib/roll.db"),
            ("postgres://keeper:hunter2@db:5432/roll", "postgres://keeper:***@db:5432/roll"),
            ("postgres://db/roll?password=hunter2", "postgres://db/roll"),
        ];
        for (url, printed) in cases {
            let url = database_url(url).unwrap();
            assert_eq!((url.to_string(), format!("{url:?}")), (printed.to_owned(), printed.to_owned()));
        }
    }

    #[test]
    fn the_environment_of_tests_is_no_setting() {
        assert!(!is_setting("ROLLKEEPER_TEST_POSTGRES") && !is_setting("ROLLKEEPER_CONFIG") && !is_setting("PATH"));
        assert!(is_setting("ROLLKEEPER_LISTEN") && is_setting("ROLLKEEPER_LISTN"));
    }
}
