//! Holds: what connections ended beyond their budgets, which stands until an administrator applies it.

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use super::page::Page;
use crate::directory::{HeldInfo, HoldInfo};
use crate::http::Site;
use crate::http::ask::Id;
use crate::http::gate::Client;
use crate::http::instant;
use crate::http::refusal::Refusal;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Hold {
    id: String,
    connection: String,
    state: String,
    #[serde(serialize_with = "instant::serialize")]
    at: i64,
    #[serde(serialize_with = "instant::serialize")]
    release_at: i64,
    memberships: i64,
    deactivations: i64,
}

impl From<HoldInfo> for Hold {
    fn from(info: HoldInfo) -> Self {
        let HoldInfo { id, connection, state, at, release_at, memberships, deactivations } = info;
        Self { id, connection, state, at, release_at, memberships, deactivations }
    }
}

#[derive(Serialize)]
pub struct Holds {
    holds: Vec<Hold>,
}

pub async fn list(State(site): State<Site>, client: Client) -> Result<Json<Holds>, Refusal> {
    let holds = site.directory.holds(&client.tenant.id).await?;
    Ok(Json(Holds { holds: holds.into_iter().map(Hold::from).collect() }))
}

#[derive(Serialize)]
pub struct Held {
    #[serde(flatten)]
    hold: Hold,
    held: Vec<One>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

#[derive(Serialize)]
struct One {
    person: Named,
    /// Absent: the account's activity.
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<Named>,
    #[serde(serialize_with = "instant::serialize")]
    since: i64,
}

#[derive(Serialize)]
struct Named {
    id: String,
    name: String,
}

impl From<HeldInfo> for One {
    fn from(info: HeldInfo) -> Self {
        let named = |(id, name)| Named { id, name };
        Self { person: named(info.person), group: info.parent.map(named), since: info.since }
    }
}

pub async fn find(State(site): State<Site>, client: Client, Id(id): Id, query: Page) -> Result<Json<Held>, Refusal> {
    let after = query.after.as_deref();
    let (hold, held, next) = site.directory.hold(&client.tenant.id, &id, after, query.limit).await?;
    Ok(Json(Held { hold: hold.into(), held: held.into_iter().map(One::from).collect(), next }))
}

#[derive(Serialize)]
pub struct Applied {
    /// Whom it was about.
    people: usize,
}

pub async fn apply(State(site): State<Site>, client: Client, Id(id): Id) -> Result<Json<Applied>, Refusal> {
    Ok(Json(Applied { people: site.directory.apply_hold(&client.tenant.id, &id).await? }))
}
