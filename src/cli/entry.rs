//! `organization create`, `organization members`, `group create`, `user create`: what an administrator enters by hand, said in SCIM.

use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::{Value, json};

use super::answer::{or_dash, table};
use super::roll::TenantName;
use super::{Answer, Failure, Roll, named};
use crate::directory::{Resource, Wants};
use crate::scim::core::{Email, Group, Name, Organization, User};

#[derive(Debug, Subcommand)]
pub enum OrganizationCommand {
    /// Make an organization
    Create(NewOrganization),
    /// List who is in one, with role and by whose word
    Members(Members),
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
    /// Erase a person at once: nothing stays, not even for the retention
    Erase(Erase),
    /// Make one connection's push the home of a person, whatever domains say
    Home(Home),
    /// Keep pushes and sign-ins from finding the account by a name or an address
    Protect(Protect),
    /// Give an attribute a value of its own, whatever any source says
    Lock(Lock),
    /// End a lock
    Unlock(Unlock),
}

#[derive(Debug, Args)]
pub struct Erase {
    /// By userName or id; of somebody who is deleted, the id
    person: String,
    #[command(flatten)]
    tenant: TenantName,
}

#[derive(Debug, Args)]
pub struct Home {
    /// By userName or id
    person: String,
    /// By name or id; left out: as the rules say
    connection: Option<String>,
    #[command(flatten)]
    tenant: TenantName,
}

#[derive(Debug, Args)]
pub struct Protect {
    /// By userName or id
    person: String,
    /// End the protection
    #[arg(long)]
    off: bool,
    #[command(flatten)]
    tenant: TenantName,
}

#[derive(Debug, Args)]
pub struct Lock {
    /// By userName or id
    person: String,
    /// As SCIM spells it: title, name.givenName, emails
    attribute: String,
    /// JSON, or else a text; left out: no value
    value: Option<String>,
    #[command(flatten)]
    tenant: TenantName,
}

#[derive(Debug, Args)]
pub struct Unlock {
    /// By userName or id
    person: String,
    /// As SCIM spells it
    attribute: String,
    #[command(flatten)]
    tenant: TenantName,
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
pub struct Members {
    /// By slug or id
    organization: String,
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
        match self {
            Self::Create(new) => {
                let (slug, display_name) = (new.slug.clone(), new.display_name.clone());
                let body = Organization { slug, display_name, seats: new.seats, ..Organization::default() };
                enter(roll, &new.tenant, "Organization", &body, &new.slug).await
            }
            Self::Members(Members { organization, tenant }) => {
                let tenant = roll.tenant(tenant).await?;
                let page = roll.directory.organization_members(&tenant.id, organization, 1, 1000).await?;
                let rows = page.members.iter().map(|member| {
                    let name = member.user_name.as_deref();
                    [or_dash(name), member.role.clone(), member.via.join(", "), member.id.clone()]
                });
                let text = table("nobody", ["userName", "role", "via", "id"], rows);
                let object = json!({ "totalResults": page.total, "seats": page.seats, "members": page.members });
                let seats = page.seats.map_or_else(String::new, |seats| format!(" of {seats} seats"));
                Ok(Answer::new(text, object).with_note(format!("{} people{seats}", page.total)))
            }
        }
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
        let new = match self {
            Self::Create(new) => new,
            Self::Erase(erase) => return erase.run(roll).await,
            Self::Home(home) => return home.run(roll).await,
            Self::Protect(protect) => return protect.run(roll).await,
            Self::Lock(lock) => return lock.run(roll).await,
            Self::Unlock(unlock) => return unlock.run(roll).await,
        };
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

impl Erase {
    async fn run(&self, roll: &Roll) -> Result<Answer, Failure> {
        let tenant = roll.tenant(&self.tenant).await?;
        // Whoever is retired has no name any more.
        let id = named::person(roll, &tenant, &self.person).await.unwrap_or_else(|_| self.person.clone());
        roll.directory.erase_person(&tenant.id, &id).await?;
        Ok(Answer::new("nothing of the person is left", json!({ "erased": id })))
    }
}

impl Home {
    async fn run(&self, roll: &Roll) -> Result<Answer, Failure> {
        let tenant = roll.tenant(&self.tenant).await?;
        let person = named::person(roll, &tenant, &self.person).await?;
        roll.directory.pin_home(&tenant.id, &person, self.connection.as_deref()).await?;
        let home = self.connection.as_deref().unwrap_or("what the rules say");
        Ok(Answer::new(format!("the home of {} is {home}", self.person), json!({ "home": self.connection })))
    }
}

impl Protect {
    async fn run(&self, roll: &Roll) -> Result<Answer, Failure> {
        let tenant = roll.tenant(&self.tenant).await?;
        let person = named::person(roll, &tenant, &self.person).await?;
        roll.directory.protect(&tenant.id, &person, !self.off).await?;
        let text = if self.off { "not protected any more" } else { "protected" };
        Ok(Answer::new(format!("{} is {text}", self.person), json!({ "protected": !self.off })))
    }
}

impl Lock {
    async fn run(&self, roll: &Roll) -> Result<Answer, Failure> {
        let tenant = roll.tenant(&self.tenant).await?;
        let person = named::person(roll, &tenant, &self.person).await?;
        let value =
            self.value.as_ref().map(|text| serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.clone())));
        roll.directory.lock_attribute(&tenant.id, &person, &self.attribute, value.clone()).await?;
        Ok(Answer::new(format!("{} is locked", self.attribute), json!({ "locked": self.attribute, "value": value })))
    }
}

impl Unlock {
    async fn run(&self, roll: &Roll) -> Result<Answer, Failure> {
        let tenant = roll.tenant(&self.tenant).await?;
        let person = named::person(roll, &tenant, &self.person).await?;
        roll.directory.unlock_attribute(&tenant.id, &person, &self.attribute).await?;
        Ok(Answer::new(format!("{} is not locked any more", self.attribute), json!({ "unlocked": self.attribute })))
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
