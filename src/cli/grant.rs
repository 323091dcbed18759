//! `grant`, `deny`, `withdraw`: the administrator's own word on a person and a group.

use serde_json::json;

use super::roll::TenantName;
use super::{Answer, Failure, Roll, moment, named};
use crate::directory::TenantInfo;

/// A person, and the group or organization that the word is about.
#[derive(Debug, clap::Args)]
pub struct Pair {
    /// By userName or id
    person: String,
    /// A group by displayName or id, or an organization by slug or id
    group: String,
    #[command(flatten)]
    tenant: TenantName,
}

#[derive(Debug, clap::Args)]
pub struct Grant {
    #[command(flatten)]
    pair: Pair,
    /// When it ends: P7D from now, or 2027-01-31T12:00:00Z [default: never]
    #[arg(long, value_name = "WHEN")]
    until: Option<String>,
    /// What the person is in the organization: member, editor, owner, or what a connection defines
    #[arg(long)]
    role: Option<String>,
}

#[derive(Debug, clap::Args)]
pub struct Deny {
    #[command(flatten)]
    pair: Pair,
}

#[derive(Debug, clap::Args)]
pub struct Withdraw {
    #[command(flatten)]
    pair: Pair,
}

impl Pair {
    async fn find(&self, roll: &Roll) -> Result<(TenantInfo, String, String), Failure> {
        let tenant = roll.tenant(&self.tenant).await?;
        let person = named::person(roll, &tenant, &self.person).await?;
        let parent = named::parent(roll, &tenant, &self.group).await?;
        Ok((tenant, person, parent))
    }

    /// The word, and what it makes of the membership.
    async fn answer(&self, roll: &Roll, word: &str, found: (TenantInfo, String, String)) -> Result<Answer, Failure> {
        let (tenant, person, parent) = found;
        let answer = roll.directory.explain(&tenant.id, &person, &parent).await?;
        let text = format!("{word}: {} and {}\n{}", self.person, self.group, answer.explanation.sentence);
        let member = answer.explanation.member;
        Ok(Answer::new(text, json!({ "word": word, "person": person, "group": parent, "member": member })))
    }
}

impl Grant {
    pub async fn run(&self, roll: &Roll) -> Result<Answer, Failure> {
        let now = roll.directory.clock().now();
        let until = self.until.as_deref().map(|text| moment::parse("--until", text, now)).transpose()?;
        let found = self.pair.find(roll).await?;
        roll.directory.grant_role(&found.0.id, &found.1, &found.2, until, self.role.as_deref()).await?;
        self.pair.answer(roll, "granted", found).await
    }
}

impl Deny {
    pub async fn run(&self, roll: &Roll) -> Result<Answer, Failure> {
        let found = self.pair.find(roll).await?;
        roll.directory.deny(&found.0.id, &found.1, &found.2).await?;
        self.pair.answer(roll, "denied", found).await
    }
}

impl Withdraw {
    pub async fn run(&self, roll: &Roll) -> Result<Answer, Failure> {
        let found = self.pair.find(roll).await?;
        roll.directory.ungrant(&found.0.id, &found.1, &found.2).await?;
        self.pair.answer(roll, "withdrawn", found).await
    }
}
