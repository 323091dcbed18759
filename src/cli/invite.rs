//! `invite ADDRESS`; `invitation list`, `invitation resend`, `invitation revoke`.

use serde_json::{Value, json};

use super::answer::{or_dash, table};
use super::roll::TenantName;
use super::{Answer, Failure, Roll, moment, named};
use crate::directory::{InvitationInfo, NewInvitation};

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
    /// What they are in the organization: member, editor, owner, or what a connection defines
    #[arg(long)]
    role: Option<String>,
    /// The account that it is made for, by userName or id: whoever shows the token and has the address is that person
    #[arg(long)]
    person: Option<String>,
    /// When it ends: P7D from now, or 2027-01-31T12:00:00Z [default: 14 days from now]
    #[arg(long, value_name = "WHEN")]
    expires: Option<String>,
    #[command(flatten)]
    tenant: TenantName,
}

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List all invitations
    List(List),
    /// A new token for an invitation that still waits or has expired; the old one is dead
    Resend(Resend),
    /// Take one back that nobody has accepted
    Revoke(Revoke),
}

#[derive(Debug, clap::Args)]
pub struct List {
    #[command(flatten)]
    tenant: TenantName,
}

#[derive(Debug, clap::Args)]
pub struct Resend {
    /// The id of the invitation
    invitation: String,
    /// When it ends: P7D from now, or 2027-01-31T12:00:00Z [default: 14 days from now]
    #[arg(long, value_name = "WHEN")]
    expires: Option<String>,
    #[command(flatten)]
    tenant: TenantName,
}

#[derive(Debug, clap::Args)]
pub struct Revoke {
    /// The id of the invitation
    invitation: String,
    #[command(flatten)]
    tenant: TenantName,
}

impl Invite {
    pub async fn run(&self, roll: &Roll) -> Result<Answer, Failure> {
        let now = roll.directory.clock().now();
        let expires = self.expires.as_deref().map(|text| moment::parse("--expires", text, now)).transpose()?;
        let tenant = roll.tenant(&self.tenant).await?;
        let person = match &self.person {
            Some(name) => Some(named::person(roll, &tenant, name).await?),
            None => None,
        };
        let new = NewInvitation {
            address: self.address.clone(),
            organization: self.organization.clone(),
            group: self.group.clone(),
            role: self.role.clone(),
            person,
            expires,
        };
        let (info, token) = roll.directory.make_invitation(&tenant.id, &new).await?;
        Ok(issued(&info, token))
    }
}

impl Command {
    pub async fn run(&self, roll: &Roll) -> Result<Answer, Failure> {
        match self {
            Self::List(List { tenant }) => {
                let tenant = roll.tenant(tenant).await?;
                let all = roll.directory.invitations(&tenant.id).await?;
                let rows = all.iter().map(|it| {
                    let until = it.expires.map(moment::text);
                    [
                        it.address.clone(),
                        it.state.clone(),
                        or_dash(it.role.as_deref()),
                        or_dash(until.as_deref()),
                        it.id.clone(),
                    ]
                });
                let text = table("no invitations", ["address", "state", "role", "until", "id"], rows);
                Ok(Answer::new(text, json!({ "invitations": all.iter().map(shown).collect::<Vec<_>>() })))
            }
            Self::Resend(Resend { invitation, expires, tenant }) => {
                let now = roll.directory.clock().now();
                let expires = expires.as_deref().map(|text| moment::parse("--expires", text, now)).transpose()?;
                let tenant = roll.tenant(tenant).await?;
                let (info, token) = roll.directory.resend_invitation(&tenant.id, invitation, expires).await?;
                Ok(issued(&info, token))
            }
            Self::Revoke(Revoke { invitation, tenant }) => {
                let tenant = roll.tenant(tenant).await?;
                roll.directory.revoke_invitation(&tenant.id, invitation).await?;
                Ok(Answer::new("the invitation is revoked", json!({ "revoked": invitation })))
            }
        }
    }
}

fn issued(info: &InvitationInfo, token: String) -> Answer {
    let mut object = shown(info);
    object["token"] = token.clone().into();
    let until = info.expires.map(moment::text).unwrap_or_default();
    let note = format!("{} is invited until {until}; the token is shown once and goes into the mail", info.address);
    Answer::new(token, object).with_note(note)
}

fn shown(info: &InvitationInfo) -> Value {
    let mut object = json!({
        "id": info.id, "address": info.address, "organization": info.organization, "group": info.group,
        "role": info.role, "person": info.person, "acceptedBy": info.accepted_by, "state": info.state,
        "created": moment::text(info.created), "expires": info.expires.map(moment::text),
    });
    if let Value::Object(object) = &mut object {
        object.retain(|_, value| !value.is_null());
    }
    object
}
