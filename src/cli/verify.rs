//! `verify`: everything that is derived, recomputed from its registers; differences are a defect: exit code 1.
//! `reindex`: the same, written. `purge`: what was kept for the retention only goes.

use serde_json::json;

use super::answer::table;
use super::roll::TenantName;
use super::{Answer, Failure, Roll};

#[derive(Debug, clap::Args)]
pub struct Verify {
    #[command(flatten)]
    tenant: TenantName,
}

impl Verify {
    /// Of one tenant, or of all.
    pub async fn run(&self, roll: &Roll) -> Result<Answer, Failure> {
        let tenant = match self.tenant.tenant {
            Some(_) => Some(roll.tenant(&self.tenant).await?.id),
            None => None,
        };
        let differences = roll.directory.verify(tenant.as_deref()).await?;
        let rows = differences.iter().map(|difference| {
            let table = difference.table.to_owned();
            [table, difference.key.clone(), difference.stored.clone(), difference.derived.clone()]
        });
        let none = "everything derived is what its registers give";
        let text = table(none, ["table", "key", "stored", "derived"], rows);
        let listed: Vec<_> = differences
            .iter()
            .map(|d| json!({"tenant": d.tenant, "table": d.table, "key": d.key, "stored": d.stored, "derived": d.derived}))
            .collect();
        let mut answer = Answer::new(text, json!({ "differences": listed }));
        answer.is_bad = !differences.is_empty();
        Ok(answer)
    }
}

#[derive(Debug, clap::Args)]
pub struct Reindex {
    #[command(flatten)]
    tenant: TenantName,
}

impl Reindex {
    /// Of one tenant, or of all.
    pub async fn run(&self, roll: &Roll) -> Result<Answer, Failure> {
        let tenants = match self.tenant.tenant {
            Some(_) => vec![roll.tenant(&self.tenant).await?],
            None => roll.directory.tenants().await?,
        };
        let mut count = 0;
        for tenant in tenants {
            count += roll.directory.reindex(&tenant.id).await?;
        }
        Ok(Answer::new(format!("{count} resources built again"), json!({ "resources": count })))
    }
}

#[derive(Debug, clap::Args)]
pub struct Purge {
    #[command(flatten)]
    tenant: TenantName,
}

impl Purge {
    /// Of one tenant, or of all.
    pub async fn run(&self, roll: &Roll) -> Result<Answer, Failure> {
        let tenant = match self.tenant.tenant {
            Some(_) => Some(roll.tenant(&self.tenant).await?.id),
            None => None,
        };
        let gone = roll.directory.purge(tenant.as_deref()).await?;
        let text = format!(
            "erased {} people, {} groups, {} organizations; {} rows kept for a time only",
            gone.people, gone.groups, gone.organizations, gone.expired
        );
        Ok(Answer::new(text, gone))
    }
}
