//! `hold list`, `show`, `apply`: what connections ended beyond their budgets.

use serde_json::json;

use super::answer::table;
use super::roll::TenantName;
use super::{Answer, Failure, Roll, moment};
use crate::directory::HoldInfo;

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List the holds of a tenant, the newest first
    List(TenantName),
    /// Show what a hold keeps
    Show(Which),
    /// Let what was said take effect
    Apply(Which),
}

#[derive(Debug, clap::Args)]
pub struct Which {
    /// Its id
    hold: String,
    #[command(flatten)]
    tenant: TenantName,
}

impl Command {
    pub async fn run(&self, roll: &Roll) -> Result<Answer, Failure> {
        match self {
            Self::List(tenant) => list(roll, tenant).await,
            Self::Show(which) => show(roll, which).await,
            Self::Apply(which) => {
                let tenant = roll.tenant(&which.tenant).await?;
                let people = roll.directory.apply_hold(&tenant.id, &which.hold).await?;
                Ok(Answer::new(format!("applied to {people} people"), json!({ "people": people })))
            }
        }
    }
}

fn object(hold: &HoldInfo) -> serde_json::Value {
    json!({ "id": hold.id, "connection": hold.connection, "state": hold.state, "at": moment::text(hold.at),
            "releaseAt": moment::text(hold.release_at), "memberships": hold.memberships,
            "deactivations": hold.deactivations })
}

async fn list(roll: &Roll, tenant: &TenantName) -> Result<Answer, Failure> {
    let tenant = roll.tenant(tenant).await?;
    let holds = roll.directory.holds(&tenant.id).await?;
    let rows = holds.iter().map(|hold| {
        let counts = [hold.memberships.to_string(), hold.deactivations.to_string()];
        let [memberships, deactivations] = counts;
        [
            hold.state.clone(),
            moment::text(hold.at),
            moment::text(hold.release_at),
            memberships,
            deactivations,
            hold.id.clone(),
        ]
    });
    let header = ["state", "since", "released", "memberships", "deactivations", "id"];
    let text = table("nothing is held", header, rows);
    Ok(Answer::new(text, json!({ "holds": holds.iter().map(object).collect::<Vec<_>>() })))
}

async fn show(roll: &Roll, which: &Which) -> Result<Answer, Failure> {
    let tenant = roll.tenant(&which.tenant).await?;
    let (hold, held, _) = roll.directory.hold(&tenant.id, &which.hold, None, 1000).await?;
    let what =
        |parent: &Option<(String, String)>| parent.as_ref().map_or("active".to_owned(), |(_, name)| name.clone());
    let rows = held.iter().map(|one| [one.person.1.clone(), what(&one.parent), moment::text(one.since)]);
    let text = table("nothing is held", ["person", "keeps", "since"], rows);
    let listed: Vec<_> = held
        .iter()
        .map(|one| json!({ "person": one.person.0, "group": one.parent.as_ref().map(|it| &it.0), "since": moment::text(one.since) }))
        .collect();
    let mut answer = object(&hold);
    answer["held"] = listed.into();
    let head = format!("{}: {} memberships, {} deactivations", hold.state, hold.memberships, hold.deactivations);
    Ok(Answer::new(format!("{head}\n{text}"), answer))
}
