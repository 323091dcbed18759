//! `migrations/sqlite` and `migrations/postgres`, which have files of the same names, in the program itself.
//!
//! `sqlx::migrate!` does this too, but sqlx's macros have both drivers built a second time for the compiler, with all that
//! is written in C.

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

/// Name and text of every file; a new one is a new line here.
macro_rules! files {
    ($engine:literal) => {
        files!($engine:
            "0001_roll",
            "0010_me",
            "0020_pages",
            "0030_definitions",
            "0040_credential",
            "0050_conflicts",
            "0051_invited_person",
            "0052_pinned_home",
            "0060_imported",
            "0061_due",
            "0062_derived_to",
            "0063_hold",
            "0064_succeeds",
            "0070_brokers",
            "0085_deleted_record",
            "0086_tombstone_resource",
        )
    };
    ($engine:literal: $($name:literal,)*) => {
        [$(($name, include_str!(concat!("../../migrations/", $engine, "/", $name, ".sql")))),*]
    };
}

pub(super) fn sqlite() -> Migrator {
    migrator(&files!("sqlite"))
}

pub(super) fn postgres() -> Migrator {
    migrator(&files!("postgres"))
}

fn migrator(files: &[(&'static str, &'static str)]) -> Migrator {
    let migrations = files.iter().map(|(name, sql)| {
        let (version, description) = name.split_once('_').expect("a number and what it is about");
        let version = version.parse().expect("a number");
        Migration::new(version, description.replace('_', " ").into(), MigrationType::Simple, sql.into_sql_str(), false)
    });
    Migrator::with_migrations(migrations.collect())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[tokio::test]
    async fn they_are_the_files_of_the_folders() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
        let told = |migrator: &Migrator| -> Vec<String> {
            let migrations = migrator.iter();
            migrations.map(|it| format!("{} {} {} {:?}", it.version, it.description, it.no_tx, it.checksum)).collect()
        };
        for (engine, ours) in [("sqlite", sqlite()), ("postgres", postgres())] {
            let theirs = Migrator::new(folder.join(engine)).await.expect("the files are read");
            assert_eq!(told(&ours), told(&theirs), "{engine}");
        }
    }
}
