//! `organization create`, `group create`, `user create`: what an administrator enters by hand, said in SCIM.

use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::Value;

use super::roll::TenantName;
use super::{Answer, Failure, Roll};
use crate::directory::{Resource, Wants};
use crate::scim::core::{Email, Group, Name, Organization, User};

#[derive(Debug, Subcommand)]
pub enum OrganizationCommand {
    /// Make an organization
    Create(NewOrganization),
}

#[derive(Debug, Subcommand)]
pub enum GroupCommand {
    /// Make a group; one called organization:team is a team
    Create(NewGroup),
}

#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// Enter a person by hand; a push or a sign-in finds them later
    Create(NewUser),
}

#[derive(Debug, Args)]
pub struct NewOrganization {
    /// Its short name, for ever: letters, digits, '-', '_' and '.'
    slug: String,
    /// What people call it
    #[arg(long, value_name = "TEXT")]
    display_name: Option<String>,
    /// How many people may belong to it
    #[arg(long)]
    seats: Option<i64>,
    #[command(flatten)]
    tenant: TenantName,
}

#[derive(Debug, Args)]
pub struct NewGroup {
    display_name: String,
    #[command(flatten)]
    tenant: TenantName,
}

#[derive(Debug, Args)]
pub struct NewUser {
    user_name: String,
    #[arg(long)]
    given_name: Option<String>,
    #[arg(long)]
    family_name: Option<String>,
    /// An address, which a verified sign-in may join by. Repeatable, the first is primary
    #[arg(long = "email", value_name = "ADDRESS")]
    emails: Vec<String>,
    #[command(flatten)]
    tenant: TenantName,
}

impl OrganizationCommand {
    pub async fn run(&self, roll: &Roll) -> Result<Answer, Failure> {
        let Self::Create(new) = self;
        let (slug, display_name) = (new.slug.clone(), new.display_name.clone());
        let body = Organization { slug, display_name, seats: new.seats, ..Organization::default() };
        enter(roll, &new.tenant, "Organization", &body, &new.slug).await
    }
}

impl GroupCommand {
    pub async fn run(&self, roll: &Roll) -> Result<Answer, Failure> {
        let Self::Create(new) = self;
        let body = Group { display_name: new.display_name.clone(), ..Group::default() };
        enter(roll, &new.tenant, "Group", &body, &new.display_name).await
    }
}

impl UserCommand {
    pub async fn run(&self, roll: &Roll) -> Result<Answer, Failure> {
        let Self::Create(new) = self;
        let (given_name, family_name) = (new.given_name.clone(), new.family_name.clone());
        let has_name = given_name.is_some() || family_name.is_some();
        let mut emails: Vec<Email> = new.emails.iter().map(|address| Email::new(address).of_type("work")).collect();
        if let Some(first) = emails.first_mut() {
            first.primary = Some(true);
        }
        let body = User {
            user_name: new.user_name.clone(),
            name: has_name.then(|| Name { given_name, family_name, ..Name::default() }),
            emails,
            ..User::default()
        };
        enter(roll, &new.tenant, "User", &body, &new.user_name).await
    }
}

async fn enter(
    roll: &Roll,
    tenant: &TenantName,
    kind: &str,
    body: &impl Serialize,
    name: &str,
) -> Result<Answer, Failure> {
    let tenant = roll.tenant(tenant).await?;
    let registry = roll.directory.registry(&tenant.id).await?;
    let Some(kind) = registry.type_named(kind) else {
        return Err(Failure::Refused(format!("this server knows no {kind}")));
    };
    let body = serde_json::to_value(body).unwrap_or(Value::Null);
    let (resource, _) = roll.directory.create(&roll.caller(&tenant), kind, &body, Wants::default()).await?;
    let text = format!("{} {name}, id {}", kind.name.to_lowercase(), resource.id);
    Ok(Answer::new(text, shown(&resource)))
}

/// A resource as SCIM prints it, without the addresses that only a server knows.
pub(super) fn shown(resource: &Resource) -> Value {
    use serde_json::json;

    use crate::scim::core::Meta;

    let mut full = serde_json::Map::new();
    full.insert("schemas".into(), json!(resource.document.schemas(&resource.kind)));
    full.insert("id".into(), json!(resource.id));
    if let Some(external_id) = &resource.external_id {
        full.insert("externalId".into(), json!(external_id));
    }
    full.extend(resource.document.0.iter().map(|(name, value)| (name.clone(), value.clone())));
    if let Some(active) = resource.active {
        full.insert("active".into(), json!(active));
    }
    for (name, links) in [("groups", &resource.groups), ("members", &resource.members)] {
        let Some(links) = links.as_deref().filter(|links| !links.is_empty()) else { continue };
        let link = |link: &crate::scim::filter::Linked| json!({ "value": link.value, "display": link.display, "type": link.kind });
        full.insert(name.into(), links.iter().map(link).collect());
    }
    let meta = Meta {
        resource_type: Some(resource.kind.name.clone()),
        created: Some(resource.created),
        last_modified: Some(resource.modified),
        version: Some(resource.tag().to_string()),
        location: None,
    };
    full.insert("meta".into(), json!(meta));
    full.into()
}
