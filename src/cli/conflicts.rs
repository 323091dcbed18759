//! `conflict list`, `conflict show`, `conflict resolve`: refusals of pushes and sign-ins that wait for an administrator.

use serde_json::json;

use super::answer::{or_dash, table};
use super::roll::TenantName;
use super::{Answer, Failure, Roll, named};
use crate::directory::{Action, ConflictInfo, Resolution};

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List them, oldest first
    List(List),
    /// Show one with what each side says
    Show(Show),
    /// Settle one, so that the next push or sign-in succeeds
    Resolve(Resolve),
}

#[derive(Debug, clap::Args)]
pub struct List {
    /// open, bound, kept_apart, renamed or dismissed [default: all]
    #[arg(long)]
    state: Option<String>,
    #[command(flatten)]
    tenant: TenantName,
}

#[derive(Debug, clap::Args)]
pub struct Show {
    /// The id, as the list or the refusal names it
    conflict: String,
    #[command(flatten)]
    tenant: TenantName,
}

#[derive(Debug, clap::Args)]
pub struct Resolve {
    /// The id, as the list or the refusal names it
    conflict: String,
    /// bind: it is this person; keep-apart: it is somebody else; rename: and whoever holds the name gets another; dismiss
    #[arg(value_parser = ["bind", "keep-apart", "rename", "dismiss"])]
    action: String,
    /// The account to bind or to rename, by userName or id [default: the only candidate]
    #[arg(long)]
    person: Option<String>,
    /// Of rename: what the account is called from now on
    #[arg(long, value_name = "NAME")]
    user_name: Option<String>,
    /// Of rename: the group, by displayName or id [default: the only candidate]
    #[arg(long)]
    group: Option<String>,
    /// Of rename: what the group is called from now on
    #[arg(long, value_name = "NAME")]
    display_name: Option<String>,
    #[command(flatten)]
    tenant: TenantName,
}

impl Command {
    pub async fn run(&self, roll: &Roll) -> Result<Answer, Failure> {
        match self {
            Self::List(list) => {
                let tenant = roll.tenant(&list.tenant).await?;
                let page = roll.directory.conflicts(&tenant.id, list.state.as_deref(), 1, 1000).await?;
                let rows = page.conflicts.iter().map(|it| {
                    let connection = it.connection.as_ref().map(|connection| connection.name.as_str());
                    let at = or_dash(it.at.as_deref());
                    [at, it.state.clone(), it.code.clone(), or_dash(connection), it.id.clone()]
                });
                let text = table("nothing waits", ["at", "state", "code", "connection", "id"], rows);
                Ok(Answer::new(text, json!({ "conflicts": page.conflicts, "totalResults": page.total })))
            }
            Self::Show(Show { conflict, tenant }) => {
                let tenant = roll.tenant(tenant).await?;
                Ok(shown(&roll.directory.conflict(&tenant.id, conflict).await?))
            }
            Self::Resolve(resolve) => resolve.run(roll).await,
        }
    }
}

impl Resolve {
    async fn run(&self, roll: &Roll) -> Result<Answer, Failure> {
        let tenant = roll.tenant(&self.tenant).await?;
        let action: Action = self.action.replace('-', "_").parse().map_err(Failure::Usage)?;
        let person = match &self.person {
            Some(name) => Some(named::person(roll, &tenant, name).await?),
            None => None,
        };
        let group = match &self.group {
            Some(name) => Some(named::group(roll, &tenant, name).await?),
            None => None,
        };
        let (user_name, display_name) = (self.user_name.clone(), self.display_name.clone());
        let resolution = Resolution { action, person, user_name, group, display_name };
        Ok(shown(&roll.directory.resolve_conflict(&tenant.id, &self.conflict, &resolution).await?))
    }
}

fn shown(conflict: &ConflictInfo) -> Answer {
    let who = conflict.connection.as_ref().map_or("an administrator", |connection| connection.name.as_str());
    let mut text =
        format!("{} {} through {who}, {}\n{}\n\n", conflict.code, conflict.side, conflict.state, conflict.sentence);
    let rows = conflict.candidates.iter().map(|it| {
        [
            or_dash(it.user_name.as_deref()),
            it.by.join(", "),
            or_dash(Some(&it.pushed_by.join(", "))),
            or_dash(Some(&it.signed_in_by.join(", "))),
            it.id.clone(),
        ]
    });
    text.push_str(&table("no account fits", ["userName", "same", "pushed by", "signed in by", "id"], rows));
    let answer = Answer::new(text, conflict);
    if conflict.actions.is_empty() {
        answer
    } else {
        answer.with_note(format!("may be done: {}", conflict.actions.join(", ")))
    }
}
