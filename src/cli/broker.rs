//! `connection broker add`, `list`, `update`, `remove`: applications that hand over claims under their own key.

use serde::Serialize;
use serde_json::{Value, json};

use super::answer::{or_dash, table};
use super::roll::TenantName;
use super::settings::read_json;
use super::{Answer, Failure, Roll, moment};
use crate::auth::broker::check_keys;
use crate::directory::BrokerInfo;
use crate::jit::broker;

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Register a broker with its public keys
    Add(Named),
    /// List the brokers of a connection
    List(Of),
    /// Give a broker other keys, algorithms and ceiling, as a whole
    Update(Named),
    /// Take a registration away; its next envelope is refused
    Remove(Remove),
}

#[derive(Debug, clap::Args)]
pub struct Of {
    /// The connection, by name or id; may be left out while there is only one
    #[arg(long, value_name = "NAME")]
    connection: Option<String>,
    #[command(flatten)]
    tenant: TenantName,
}

#[derive(Debug, clap::Args)]
pub struct Named {
    /// The `iss` of its envelopes: 1 to 63 of a-z, 0-9 and '-'
    broker: String,
    #[command(flatten)]
    of: Of,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Debug, clap::Args)]
pub struct Remove {
    /// Its name or id
    broker: String,
    #[command(flatten)]
    of: Of,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Keys and ceiling of the broker")]
pub struct Settings {
    /// Its public keys: a JWK Set, or one JWK; `-` reads standard input
    #[arg(long, value_name = "FILE")]
    jwks: String,
    /// A signature algorithm it may use [default: ES256]. Repeatable
    #[arg(long = "alg", value_name = "ALG")]
    algs: Vec<String>,
    /// A claim it may make [default: email, email_verified, name, given_name, family_name, preferred_username]. Repeatable
    #[arg(long = "claim", value_name = "CLAIM")]
    claims: Vec<String>,
    /// A domain that its addresses and user names may lie in [default: any]. Repeatable
    #[arg(long = "domain", value_name = "DOMAIN")]
    domains: Vec<String>,
    /// It may name the anchor, and so speak of the person that is pushed under it
    #[arg(long)]
    anchor: bool,
    /// A first sign-in may join somebody who is already there
    #[arg(long)]
    join: bool,
    /// It may state groups
    #[arg(long)]
    groups: bool,
    /// It may state roles
    #[arg(long)]
    roles: bool,
}

#[derive(Serialize)]
struct Broker {
    id: String,
    name: String,
    created: String,
    audience: String,
    #[serde(flatten)]
    settings: broker::Broker,
}

impl From<BrokerInfo> for Broker {
    fn from(BrokerInfo { id, name, created, audience, settings }: BrokerInfo) -> Self {
        Self { id, name, created: moment::text(created), audience, settings }
    }
}

impl Command {
    pub async fn run(&self, roll: &Roll) -> Result<Answer, Failure> {
        match self {
            Self::Add(Named { broker, of, settings }) => {
                let (tenant, connection) = of.find(roll).await?;
                let added = roll.directory.add_broker(&tenant, &connection, broker, settings.judged()?).await?;
                Ok(shown(added))
            }
            Self::List(of) => {
                let (tenant, connection) = of.find(roll).await?;
                Ok(listed(roll.directory.brokers(&tenant, &connection).await?))
            }
            Self::Update(Named { broker, of, settings }) => {
                let (tenant, connection) = of.find(roll).await?;
                let updated = roll.directory.update_broker(&tenant, &connection, broker, settings.judged()?).await?;
                Ok(shown(updated))
            }
            Self::Remove(Remove { broker, of }) => {
                let (tenant, connection) = of.find(roll).await?;
                roll.directory.remove_broker(&tenant, &connection, broker).await?;
                Ok(Answer::new(format!("broker {broker} removed"), json!({ "broker": broker, "removed": true })))
            }
        }
    }
}

impl Of {
    /// The ids of the tenant and of the connection.
    async fn find(&self, roll: &Roll) -> Result<(String, String), Failure> {
        let tenant = roll.tenant(&self.tenant).await?;
        let connection = super::connection::known(roll, &tenant, self.connection.as_deref()).await?;
        Ok((tenant.id, connection.id))
    }
}

impl Settings {
    fn judged(&self) -> Result<broker::Broker, Failure> {
        let keys = read_json("--jwks", &self.jwks)?;
        let jwks = if keys.get("kty").is_some() { json!({ "keys": [keys] }) } else { keys };
        let mut settings = json!({
            "jwks": jwks,
            "ceiling": { "domains": self.domains, "anchor": self.anchor, "join": self.join, "groups": self.groups,
                "roles": self.roles }
        });
        if !self.algs.is_empty() {
            settings["algs"] = Value::from(self.algs.clone());
        }
        if !self.claims.is_empty() {
            settings["ceiling"]["claims"] = Value::from(self.claims.clone());
        }
        let settings = broker::Broker::read(&settings).map_err(Failure::Refused)?;
        check_keys(&settings.jwks, &settings.algs).map_err(Failure::Refused)?;
        Ok(settings)
    }
}

fn shown(info: BrokerInfo) -> Answer {
    let text = format!(
        "broker {}, signs with {}, may assert {}\niss {}\naud {}",
        info.name,
        info.settings.algs.join(", "),
        reach(&info.settings.ceiling),
        info.name,
        info.audience
    );
    Answer::new(text, Broker::from(info))
}

fn listed(brokers: Vec<BrokerInfo>) -> Answer {
    let rows = brokers.iter().map(|info| {
        let ceiling = &info.settings.ceiling;
        let domains: Vec<&str> = ceiling.domains.iter().map(|domain| domain.as_str()).collect();
        let algs = info.settings.algs.join(", ");
        [info.name.clone(), algs, reach(ceiling), or_dash(Some(&domains.join(", "))), info.audience.clone()]
    });
    let text = table("no broker", ["name", "algs", "may assert", "domains", "audience"], rows);
    Answer::new(text, json!({ "brokers": brokers.into_iter().map(Broker::from).collect::<Vec<_>>() }))
}

fn reach(ceiling: &broker::Ceiling) -> String {
    let flags =
        [("anchor", ceiling.anchor), ("join", ceiling.join), ("groups", ceiling.groups), ("roles", ceiling.roles)];
    let further = flags.iter().filter(|(_, allowed)| *allowed).map(|(name, _)| *name);
    ceiling.claims.iter().map(String::as_str).chain(further).collect::<Vec<_>>().join(", ")
}
