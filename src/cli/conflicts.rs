//! `conflicts`: refusals that wait for an administrator, of pushes and of sign-ins.

use serde_json::{Value, json};

use super::answer::table;
use super::roll::TenantName;
use super::{Answer, Failure, Roll};

#[derive(Debug, clap::Args)]
pub struct Conflicts {
    #[command(flatten)]
    tenant: TenantName,
}

impl Conflicts {
    pub async fn run(&self, roll: &Roll) -> Result<Answer, Failure> {
        let tenant = roll.tenant(&self.tenant).await?;
        let conflicts = roll.directory.conflicts(&tenant.id).await?;
        let cell = |conflict: &Value, name: &str| conflict[name].as_str().unwrap_or("-").to_owned();
        let rows =
            conflicts.iter().map(|conflict| ["at", "code", "connection", "resource"].map(|name| cell(conflict, name)));
        let text = table("nothing waits", ["at", "code", "connection", "resource"], rows);
        Ok(Answer::new(text, json!({ "conflicts": conflicts })))
    }
}
