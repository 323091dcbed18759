//! What can be done with a connection as a whole: stopped, resumed, let go, withdrawn; and new settings tried first.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::connections::{changed, known};
use super::page::Page;
use crate::directory::{Forecast, Rehearsal, Standing, Succession};
use crate::http::Site;
use crate::http::ask::Id;
use crate::http::body::Message;
use crate::http::gate::Client;
use crate::http::refusal::Refusal;
use crate::jit::address::Domain;

/// How many people one request withdraws, well within its time.
const AT_ONCE: usize = 1_000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct How {
    /// Say what it would do, and do nothing.
    #[serde(default)]
    preview: bool,
}

/// The connection's state, and what of it stands still.
#[derive(Serialize)]
pub struct Switched {
    preview: bool,
    state: String,
    #[serde(flatten)]
    standing: Standing,
}

pub async fn pause(
    State(site): State<Site>,
    client: Client,
    Id(id): Id,
    Message(how): Message<How>,
) -> Result<Json<Switched>, Refusal> {
    switch(&site, &client, &id, how.preview, "paused").await
}

pub async fn resume(
    State(site): State<Site>,
    client: Client,
    Id(id): Id,
    Message(how): Message<How>,
) -> Result<Json<Switched>, Refusal> {
    switch(&site, &client, &id, how.preview, "on").await
}

pub async fn disconnect(
    State(site): State<Site>,
    client: Client,
    Id(id): Id,
    Message(how): Message<How>,
) -> Result<Json<Switched>, Refusal> {
    switch(&site, &client, &id, how.preview, "disconnected").await
}

async fn switch(
    site: &Site,
    client: &Client,
    id: &str,
    preview: bool,
    state: &'static str,
) -> Result<Json<Switched>, Refusal> {
    let before = known(site, client, id).await?;
    let standing = site.directory.standing(&client.tenant.id, &before.id).await?;
    let state = if preview {
        before.state
    } else {
        site.directory.switch_connection(&client.tenant.id, &before.id, state).await?.state
    };
    Ok(Json(Switched { preview, state, standing }))
}

/// A preview is a forecast, paged; otherwise how far it is: call again until it is done.
pub async fn withdraw(
    State(site): State<Site>,
    client: Client,
    Id(id): Id,
    query: Page,
    Message(how): Message<How>,
) -> Result<Response, Refusal> {
    let id = known(&site, &client, &id).await?.id;
    let tenant = &client.tenant.id;
    if how.preview {
        let forecast = site.directory.foresee_withdrawal(tenant, &id, query.after.as_deref(), query.count()).await?;
        return Ok(Json(forecast).into_response());
    }
    Ok(Json(site.directory.withdraw_connection(tenant, &id, AT_ONCE, &mut |_, _| {}).await?).into_response())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Supposed {
    /// Merged into the rules as an update would (RFC 7396).
    rules: Option<Value>,
    domains: Option<Vec<String>>,
}

pub async fn simulate(
    State(site): State<Site>,
    client: Client,
    Id(id): Id,
    query: Page,
    Message(supposed): Message<Supposed>,
) -> Result<Json<Forecast>, Refusal> {
    let before = known(&site, &client, &id).await?;
    let rules = changed(&before.rules, supposed.rules, supposed.domains)?;
    let after = query.after.as_deref();
    Ok(Json(site.directory.simulate(&client.tenant.id, &before.id, &rules, after, query.count()).await?))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Succeeding {
    /// An id or a name.
    predecessor: String,
    /// Those that move; absent: all of the predecessor's.
    domains: Option<Vec<Domain>>,
    #[serde(default)]
    preview: bool,
}

/// Whom the connection could claim of its predecessor's people; declared unless it is a preview.
pub async fn succeed(
    State(site): State<Site>,
    client: Client,
    Id(id): Id,
    query: Page,
    Message(succeeding): Message<Succeeding>,
) -> Result<Json<Rehearsal>, Refusal> {
    let id = known(&site, &client, &id).await?.id;
    let Succeeding { predecessor, domains, preview } = succeeding;
    let succession = Succession { predecessor, domains };
    let page = (query.after.as_deref(), query.count());
    Ok(Json(site.directory.succeed_connection(&client.tenant.id, &id, &succession, !preview, page).await?))
}
