//! `tenant create`, `tenant list`.

use serde::Serialize;
use serde_json::json;

use super::answer::table;
use super::{Answer, Failure, Roll, moment};
use crate::directory::TenantInfo;

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Make a tenant, with its first connection, `default`
    Create(Create),
    /// List all tenants
    List,
}

#[derive(Debug, clap::Args)]
pub struct Create {
    /// What stands in its paths: 1 to 63 of a-z, 0-9 and '-'
    name: String,
    /// directory, or platform: one tenant, many organizations with identity providers of their own
    #[arg(long, default_value = "directory")]
    kind: String,
}

#[derive(Serialize)]
struct Tenant {
    id: String,
    name: String,
    kind: String,
    created: String,
}

impl From<TenantInfo> for Tenant {
    fn from(info: TenantInfo) -> Self {
        let TenantInfo { id, name, kind, created } = info;
        Self { id, name, kind, created: moment::text(created) }
    }
}

impl Command {
    pub async fn run(&self, roll: &Roll) -> Result<Answer, Failure> {
        match self {
            Self::Create(Create { name, kind }) => {
                let tenant = roll.directory.create_tenant(name, kind).await?;
                let text = format!("tenant {name} with the connection default, in {}", roll.database);
                let note = format!("next: rollkeeper token create --tenant {name} --scope scim");
                Ok(Answer::new(text, Tenant::from(tenant)).with_note(note))
            }
            Self::List => {
                let tenants: Vec<Tenant> = roll.directory.tenants().await?.into_iter().map(Tenant::from).collect();
                let rows = tenants.iter().map(|t| [&t.name, &t.kind, &t.created, &t.id].map(String::clone));
                let none = "no tenant yet; `rollkeeper tenant create NAME` makes one";
                Ok(Answer::new(table(none, ["name", "kind", "created", "id"], rows), json!({ "tenants": tenants })))
            }
        }
    }
}
