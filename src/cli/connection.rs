//! `connection create`, `show`, `list`, `update`; what is done with one as a whole is in `moves`, `rehearse` and `health`.

use serde::Serialize;
use serde_json::json;

use super::answer::{or_dash, table};
use super::roll::TenantName;
use super::settings::Settings;
use super::{Answer, Failure, Roll, broker, health, moment, moves, rehearse};
use crate::directory::{ConnectionInfo, TenantInfo};
use crate::jit::rules::{Preset, Rules};

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Make a connection
    Create(Create),
    /// Show one connection with all its settings
    Show(Show),
    /// List the connections of a tenant
    List(TenantName),
    /// Change settings; what is not named stays
    Update(Update),
    /// Try settings over everybody it pushes or signed in; nothing is written
    Simulate(moves::Simulate),
    /// Say what one sign-in with these claims would do; nothing is written
    Rehearse(rehearse::Rehearse),
    /// How it is: anchors, group lists, when it last spoke
    Health(health::Which),
    /// What it said that does not hold
    Drift(health::Which),
    /// Settle one drift
    Settle(health::Settle),
    /// Let it claim the people of a connection that goes, and take its domains over
    Succeed(moves::Succeed),
    /// Stop it for a while: nobody pushes, nobody signs in, nothing ages
    Pause(moves::Which),
    /// Let it go on
    Resume(moves::Which),
    /// Stop it and revoke its tokens; what it said stays
    Disconnect(moves::Which),
    /// Erase everything that it ever said, as if it had never been there
    Withdraw(moves::Which),
    /// Applications that hand over claims under their own key
    #[command(subcommand)]
    Broker(broker::Command),
}

#[derive(Debug, clap::Args)]
pub struct Create {
    /// 1 to 63 of a-z, 0-9 and '-'
    connection: String,
    #[command(flatten)]
    tenant: TenantName,
    /// Settings to start from: scim-first, jit-only or docker; the flags below go over them
    #[arg(long, value_name = "PRESET", default_value_t)]
    preset: Preset,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Debug, clap::Args)]
pub struct Show {
    /// Its name or id; may be left out while there is only one
    connection: Option<String>,
    #[command(flatten)]
    tenant: TenantName,
}

#[derive(Debug, clap::Args)]
pub struct Update {
    /// Its name or id; may be left out while there is only one
    connection: Option<String>,
    #[command(flatten)]
    tenant: TenantName,
    /// on, or paused: its tokens are refused and nobody signs in
    #[arg(long, value_parser = ["on", "paused"])]
    state: Option<String>,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Serialize)]
struct Connection {
    id: String,
    name: String,
    state: String,
    created: String,
    rules: Rules,
    domains: Vec<String>,
}

impl From<ConnectionInfo> for Connection {
    fn from(info: ConnectionInfo) -> Self {
        let ConnectionInfo { id, name, state, created, rules, domains } = info;
        Self { id, name, state, created: moment::text(created), rules, domains }
    }
}

impl Command {
    pub async fn run(&self, roll: &Roll) -> Result<Answer, Failure> {
        match self {
            Self::Create(Create { connection, tenant, preset, settings }) => {
                let tenant = roll.tenant(tenant).await?;
                let rules = settings.applied_to(&preset.rules(connection))?;
                let info = roll.directory.create_connection(&tenant.id, connection, rules).await?;
                Ok(shown(info, false))
            }
            Self::Show(Show { connection, tenant }) => {
                let tenant = roll.tenant(tenant).await?;
                Ok(shown(known(roll, &tenant, connection.as_deref()).await?, true))
            }
            Self::List(tenant) => list(roll, tenant).await,
            Self::Simulate(simulate) => simulate.run(roll).await,
            Self::Rehearse(rehearse) => rehearse.run(roll).await,
            Self::Succeed(succeed) => succeed.run(roll).await,
            Self::Health(which) => which.health(roll).await,
            Self::Drift(which) => which.drift(roll).await,
            Self::Settle(settle) => settle.run(roll).await,
            Self::Pause(which) => which.switch(roll, "paused").await,
            Self::Resume(which) => which.switch(roll, "on").await,
            Self::Disconnect(which) => which.switch(roll, "disconnected").await,
            Self::Withdraw(which) => which.withdraw(roll).await,
            Self::Update(Update { connection, tenant, state, settings }) => {
                let tenant = roll.tenant(tenant).await?;
                let before = known(roll, &tenant, connection.as_deref()).await?;
                let rules = settings.applied_to(&before.rules)?;
                let after = roll.directory.update_connection(&tenant.id, &before.id, rules, state.clone()).await?;
                Ok(shown(after, false))
            }
            Self::Broker(command) => command.run(roll).await,
        }
    }
}

/// The connection of that name or id, or the only one.
pub(super) async fn known(roll: &Roll, tenant: &TenantInfo, name: Option<&str>) -> Result<ConnectionInfo, Failure> {
    let Some(name) = name else {
        let mut all = roll.directory.connections(&tenant.id).await?;
        return match (all.pop(), all.is_empty()) {
            (Some(only), true) => Ok(only),
            _ => Err(Failure::Usage(format!("tenant {} has several connections: name one", tenant.name))),
        };
    };
    roll.directory
        .connection(&tenant.id, name)
        .await?
        .ok_or_else(|| Failure::Refused(format!("tenant {} has no connection {name:?}", tenant.name)))
}

/// All settings, or what most people look at.
fn shown(info: ConnectionInfo, in_full: bool) -> Answer {
    let connection = Connection::from(info);
    let Connection { id, name, state, rules, domains, .. } = &connection;
    let list = |texts: &[String]| or_dash(Some(&texts.join(", ")));
    let mut lines = vec![
        format!("connection {name}, {state}, id {id}"),
        match &rules.issuer {
            Some(issuer) => {
                format!("issuer {issuer}, for {}, signed with {}", list(&rules.client_ids), list(&rules.algs))
            }
            None => "nobody signs in here: it has no issuer".to_owned(),
        },
        format!("JIT {}, domains {}", if rules.jit.enabled { "on" } else { "off" }, list(domains)),
    ];
    if in_full {
        lines.push(serde_json::to_string_pretty(rules).unwrap_or_default());
    }
    Answer::new(lines.join("\n"), connection)
}

async fn list(roll: &Roll, tenant: &TenantName) -> Result<Answer, Failure> {
    let tenant = roll.tenant(tenant).await?;
    let connections: Vec<Connection> =
        roll.directory.connections(&tenant.id).await?.into_iter().map(Connection::from).collect();
    let rows = connections.iter().map(|connection| {
        let rules = &connection.rules;
        let jit = if rules.jit.enabled { "on" } else { "off" };
        let domains = or_dash(Some(&connection.domains.join(", ")));
        let issuer = or_dash(rules.issuer.as_deref());
        [connection.name.clone(), connection.state.clone(), jit.to_owned(), domains, issuer, connection.id.clone()]
    });
    let header = ["name", "state", "jit", "domains", "issuer", "id"];
    Ok(Answer::new(table("no connection", header, rows), json!({ "connections": connections })))
}
