//! `invite ADDRESS`.

use serde_json::{Value, json};

use super::roll::TenantName;
use super::{Answer, Failure, Roll, moment};

#[derive(Debug, clap::Args)]
pub struct Invite {
    /// The address of whoever is invited
    address: String,
    /// The organization, by slug or id
    #[arg(long, value_name = "SLUG")]
    organization: Option<String>,
    /// The group or team, by name or id
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
    #[arg(long)]
    role: Option<String>,
    /// When it ends: P7D from now, or 2027-01-31T12:00:00Z [default: 14 days from now]
    #[arg(long, value_name = "WHEN")]
    expires: Option<String>,
    #[command(flatten)]
    tenant: TenantName,
}

impl Invite {
    pub async fn run(&self, roll: &Roll) -> Result<Answer, Failure> {
        let now = roll.directory.clock().now();
        let expires = self.expires.as_deref().map(|text| moment::parse("--expires", text, now)).transpose()?;
        let tenant = roll.tenant(&self.tenant).await?;
        let (organization, group, role) = (self.organization.as_deref(), self.group.as_deref(), self.role.as_deref());
        let (info, token) =
            roll.directory.invite(&tenant.id, &self.address, organization, group, role, expires).await?;
        let mut object = json!({
            "token": token, "id": info.id, "address": info.address, "organization": info.organization,
            "group": info.group, "role": info.role, "state": info.state,
            "created": moment::text(info.created), "expires": info.expires.map(moment::text),
        });
        if let Value::Object(object) = &mut object {
            object.retain(|_, value| !value.is_null());
        }
        let until = info.expires.map(moment::text).unwrap_or_default();
        let note = format!("{} is invited until {until}; the token is shown once and goes into the mail", info.address);
        Ok(Answer::new(token, object).with_note(note))
    }
}
