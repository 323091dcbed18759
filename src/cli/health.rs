//! `connection health`, `connection drift`: how a connection is, and what it said that does not hold.

use super::answer::{or_dash, table};
use super::connection::known;
use super::roll::TenantName;
use super::{Answer, Failure, Roll};

#[derive(Debug, clap::Args)]
pub struct Which {
    /// Its name or id; may be left out while there is only one
    connection: Option<String>,
    #[command(flatten)]
    tenant: TenantName,
}

impl Which {
    pub async fn health(&self, roll: &Roll) -> Result<Answer, Failure> {
        let tenant = roll.tenant(&self.tenant).await?;
        let connection = known(roll, &tenant, self.connection.as_deref()).await?;
        let health = roll.directory.health(&tenant.id, &connection.id).await?;
        let lists = &health.lists;
        let alarm = if lists.alarm { " ALARM" } else { "" };
        let text = [
            format!(
                "connection {} is {}: {} people pushed, {} signed in",
                connection.name, health.state, health.pushed, health.signed_in
            ),
            format!(
                "last push {}, last sign-in {}",
                or_dash(health.last_push.as_deref()),
                or_dash(health.last_login.as_deref())
            ),
            health.anchors.sentence.clone(),
            format!(
                "of {} sign-in identities {} had their group list cut off, {} brought none that used to{alarm}",
                lists.links, lists.cut_off, lists.missing
            ),
            format!("{} people with drift; held: {}", health.drifting, or_dash(health.hold.as_deref())),
        ];
        Ok(Answer::new(text.join("\n"), health))
    }

    pub async fn drift(&self, roll: &Roll) -> Result<Answer, Failure> {
        let tenant = roll.tenant(&self.tenant).await?;
        let connection = known(roll, &tenant, self.connection.as_deref()).await?;
        let page = roll.directory.drift(&tenant.id, &connection.id, None, 100).await?;
        let rows = page.drift.iter().map(|drift| {
            let group = drift.group.as_ref().map(|group| &group.name);
            let what = drift.attribute.as_ref().or(group).or(drift.value.as_ref());
            let what = or_dash(what.map(String::as_str));
            [drift.person.name.clone(), drift.kind.to_owned(), what, drift.source.clone(), drift.resolutions.join(", ")]
        });
        let text = table("nothing drifts", ["person", "kind", "what", "source", "resolutions"], rows);
        Ok(Answer::new(format!("{} people with drift\n{text}", page.people), page))
    }
}

/// Settles one drift in one call.
#[derive(Debug, clap::Args)]
pub struct Settle {
    /// The connection, by name or id
    connection: String,
    /// By userName or id
    person: String,
    /// lock (with --attribute and --source), claims, grant or deny (with --group)
    #[arg(value_parser = ["lock", "claims", "grant", "deny"])]
    resolution: String,
    /// The attribute that drifts
    #[arg(long, value_name = "NAME")]
    attribute: Option<String>,
    /// Whose value it is to have, as `drift` shows it
    #[arg(long, value_name = "SOURCE")]
    source: Option<String>,
    /// The group, by displayName or id
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
    #[command(flatten)]
    tenant: TenantName,
}

impl Settle {
    pub async fn run(&self, roll: &Roll) -> Result<Answer, Failure> {
        use crate::directory::DriftResolution;
        let tenant = roll.tenant(&self.tenant).await?;
        let connection = known(roll, &tenant, Some(&self.connection)).await?;
        let person = super::named::person(roll, &tenant, &self.person).await?;
        let group = match &self.group {
            Some(group) => Some(super::named::parent(roll, &tenant, group).await?),
            None => None,
        };
        let resolution = match (self.resolution.as_str(), group, &self.attribute, &self.source) {
            ("lock", None, Some(attribute), Some(source)) => {
                DriftResolution::Lock { attribute: attribute.clone(), source: source.clone() }
            }
            ("claims", Some(group), None, None) => DriftResolution::Claims { group },
            ("grant", Some(group), None, None) => DriftResolution::Grant { group },
            ("deny", Some(group), None, None) => DriftResolution::Deny { group },
            _ => {
                return Err(Failure::Usage(
                    "lock goes with --attribute and --source; claims, grant and deny with --group".to_owned(),
                ));
            }
        };
        roll.directory.resolve_drift(&tenant.id, &connection.id, &person, &resolution).await?;
        Ok(Answer::new("settled", serde_json::json!({ "person": person, "resolution": self.resolution })))
    }
}
