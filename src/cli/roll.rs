//! The open database of one command, and the tenant that it is about.

use std::path::Path;

use super::Failure;
use crate::clock::{Clock, Ids};
use crate::config::Config;
use crate::directory::{Caller, Directory, PasswordPolicy, TenantInfo};
use crate::store::{Engine, Options};

pub struct Roll {
    pub directory: Directory,
    /// As it is printed, without a password.
    pub database: String,
    /// In front of the paths of a tenant, where one must be named.
    pub origin: String,
}

/// `--tenant`, for every command that is about one.
#[derive(Clone, Debug, clap::Args)]
pub struct TenantName {
    /// The tenant's name; may be left out while there is only one
    #[arg(long, value_name = "NAME")]
    pub tenant: Option<String>,
}

impl Roll {
    /// Opens the database and brings its tables up to date. Only the first command makes a new file: a mistyped path must
    /// not look like an empty directory.
    pub async fn open(config: &Config, may_create: bool) -> Result<Self, Failure> {
        let database = config.database.to_string();
        let file = config.database.as_str().strip_prefix("sqlite://");
        if let Some(file) = file.filter(|file| !may_create && !Path::new(file).exists()) {
            return Err(Failure::Refused(format!(
                "there is no database at {file}; `rollkeeper tenant create NAME` makes one, --database names another"
            )));
        }
        let directory = connect(config, 2).await?;
        let origin = match &config.public_url {
            Some(url) => url.as_str().trim_end_matches('/').to_owned(),
            None => format!("http://{}", config.listen),
        };
        Ok(Self { directory, database, origin })
    }

    pub async fn tenant(&self, name: &TenantName) -> Result<TenantInfo, Failure> {
        let Some(name) = &name.tenant else {
            let mut tenants = self.directory.tenants().await?;
            return match (tenants.pop(), tenants.is_empty()) {
                (Some(only), true) => Ok(only),
                (Some(_), false) => Err(Failure::Usage("there are several tenants: name one with --tenant".to_owned())),
                (None, _) => Err(Failure::refused("there is no tenant yet; `rollkeeper tenant create NAME` makes one")),
            };
        };
        let tenant = self.directory.tenant(name).await?;
        tenant.ok_or_else(|| {
            Failure::Refused(format!("there is no tenant {name:?}; `rollkeeper tenant list` shows those there are"))
        })
    }

    /// Whoever may open the database is an administrator.
    pub fn caller(&self, tenant: &TenantInfo) -> Caller {
        Caller::administrator(&tenant.id)
    }
}

/// The use cases on the configured database, migrated.
pub async fn connect(config: &Config, connections: u32) -> Result<Directory, Failure> {
    let url = config.database.as_str();
    let at = |error| Failure::Refused(format!("database {}: {error}", config.database));
    let engine = Engine::connect(url, &Options { connections, ..Options::default() }).await.map_err(at)?;
    engine.migrate().await.map_err(at)?;
    let retention = i64::try_from(config.retention.as_millis()).unwrap_or(i64::MAX);
    let policy = PasswordPolicy { shortest: config.password_min_length, longest: config.password_max_length };
    Ok(Directory::new(engine, Clock::system(), Ids::system()).retaining(retention).with_passwords(policy))
}
