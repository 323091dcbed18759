//! `link create`, `link list`, `link delete`: which sign-in identity, and which `externalId`, is whose.

use serde_json::json;

use super::answer::{or_dash, table};
use super::roll::TenantName;
use super::{Answer, Failure, Roll, named};

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Bind a subject, or an externalId, of a connection to a person
    Create(Create),
    /// Every identity of a person
    List(List),
    /// End a link, with everything that it claimed
    Delete(Delete),
}

#[derive(Debug, clap::Args)]
pub struct Create {
    /// By userName or id
    person: String,
    /// By name or id
    connection: String,
    /// Who signs in
    #[arg(long, required_unless_present = "external_id", conflicts_with = "external_id")]
    subject: Option<String>,
    /// Whom the connection pushes by this, and whoever claims it as the anchor
    #[arg(long)]
    external_id: Option<String>,
    #[command(flatten)]
    tenant: TenantName,
}

#[derive(Debug, clap::Args)]
pub struct List {
    /// By userName or id
    person: String,
    #[command(flatten)]
    tenant: TenantName,
}

#[derive(Debug, clap::Args)]
pub struct Delete {
    /// The id of the link
    link: String,
    #[command(flatten)]
    tenant: TenantName,
}

impl Command {
    pub async fn run(&self, roll: &Roll) -> Result<Answer, Failure> {
        match self {
            Self::Create(new) => {
                let tenant = roll.tenant(&new.tenant).await?;
                let person = named::person(roll, &tenant, &new.person).await?;
                let (text, object) = match (&new.subject, &new.external_id) {
                    (Some(subject), _) => {
                        let link = roll.directory.link(&tenant.id, &new.connection, &person, subject).await?;
                        (format!("linked, id {}", link.id), json!(link))
                    }
                    (None, Some(external_id)) => {
                        let anchor =
                            roll.directory.bind_anchor(&tenant.id, &new.connection, &person, external_id).await?;
                        ("bound".to_owned(), json!(anchor))
                    }
                    (None, None) => return Err(Failure::Usage("give --subject or --external-id".to_owned())),
                };
                Ok(Answer::new(text, object))
            }
            Self::List(List { person, tenant }) => {
                let tenant = roll.tenant(tenant).await?;
                let person = named::person(roll, &tenant, person).await?;
                let identities = roll.directory.identities(&tenant.id, &person).await?;
                let names = roll.directory.connections(&tenant.id).await?;
                let name = |id: &str| names.iter().find(|it| it.id == id).map_or(id.to_owned(), |it| it.name.clone());
                let links = identities.links.iter().map(|it| {
                    let last = or_dash(it.last_login.as_deref());
                    ["signs in".to_owned(), name(&it.connection), it.subject.clone(), last, it.id.clone()]
                });
                let records = identities.records.iter().map(|it| {
                    let external_id = or_dash(it.external_id.as_deref());
                    let what = if it.home { "pushed (home)" } else { "pushed" };
                    [what.to_owned(), name(&it.connection), external_id, or_dash(it.bound.as_deref()), "-".to_owned()]
                });
                let text = table("no identity", ["what", "connection", "name", "at", "link"], links.chain(records));
                Ok(Answer::new(text, &identities))
            }
            Self::Delete(Delete { link, tenant }) => {
                let tenant = roll.tenant(tenant).await?;
                roll.directory.remove_link(&tenant.id, link).await?;
                Ok(Answer::new("the link has ended", json!({ "deleted": link })))
            }
        }
    }
}
