//! Connections: one IdP's relationship with the tenant.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::unknown;
use crate::directory::ConnectionInfo;
use crate::http::Site;
use crate::http::ask::Id;
use crate::http::body::Message;
use crate::http::gate::Client;
use crate::http::instant;
use crate::http::refusal::Refusal;
use crate::jit::rules::{Preset, Rules};

#[derive(Serialize)]
pub struct Connection {
    id: String,
    name: String,
    state: String,
    #[serde(serialize_with = "instant::serialize")]
    created: i64,
    rules: Rules,
    domains: Vec<String>,
}

impl From<ConnectionInfo> for Connection {
    fn from(ConnectionInfo { id, name, state, created, rules, domains }: ConnectionInfo) -> Self {
        Self { id, name, state, created, rules, domains }
    }
}

#[derive(Serialize)]
pub struct Connections {
    connections: Vec<Connection>,
}

pub async fn list(State(site): State<Site>, client: Client) -> Result<Json<Connections>, Refusal> {
    let connections = site.directory.connections(&client.tenant.id).await?;
    Ok(Json(Connections { connections: connections.into_iter().map(Connection::from).collect() }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewConnection {
    name: String,
    /// Settings to start from, written out into the rules.
    #[serde(default)]
    preset: Preset,
    /// Merged into the rules that the preset gives.
    rules: Option<Value>,
    domains: Option<Vec<String>>,
}

pub async fn create(
    State(site): State<Site>,
    client: Client,
    Message(new): Message<NewConnection>,
) -> Result<(StatusCode, Json<Connection>), Refusal> {
    let rules = changed(&new.preset.rules(&new.name), new.rules, new.domains)?;
    let created = site.directory.create_connection(&client.tenant.id, &new.name, rules).await?;
    Ok((StatusCode::CREATED, Json(created.into())))
}

pub async fn find(State(site): State<Site>, client: Client, Id(id): Id) -> Result<Json<Connection>, Refusal> {
    Ok(Json(known(&site, &client, &id).await?.into()))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Changes {
    /// Merged into the rules as RFC 7396 says: what is absent stays, null takes away.
    rules: Option<Value>,
    state: Option<String>,
    /// The whole list of domains, if given.
    domains: Option<Vec<String>>,
}

pub async fn update(
    State(site): State<Site>,
    client: Client,
    Id(id): Id,
    Message(changes): Message<Changes>,
) -> Result<Json<Connection>, Refusal> {
    let before = known(&site, &client, &id).await?;
    let rules = changed(&before.rules, changes.rules, changes.domains)?;
    let after = site.directory.update_connection(&client.tenant.id, &before.id, rules, changes.state).await?;
    Ok(Json(after.into()))
}

pub(super) async fn known(site: &Site, client: &Client, id: &str) -> Result<ConnectionInfo, Refusal> {
    site.directory.connection(&client.tenant.id, id).await?.ok_or_else(|| unknown("connection"))
}

/// The rules after a merge patch, and with the whole list of domains if that is given.
pub(super) fn changed(rules: &Rules, patch: Option<Value>, domains: Option<Vec<String>>) -> Result<Rules, Refusal> {
    let mut patch = patch.unwrap_or_else(|| json!({}));
    if let (Some(domains), Some(patch)) = (domains, patch.as_object_mut()) {
        patch.insert("domains".to_owned(), domains.into());
    }
    rules.patched(&patch).map_err(Refusal::invalid)
}
