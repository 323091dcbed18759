//! Moving in: an import of SCIM resources line by line, and what of it nobody has confirmed yet.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use super::page::Page;
use crate::directory::{ImportOptions, Report, Settled, UnconfirmedPage};
use crate::http::Site;
use crate::http::body::{Lines, Message};
use crate::http::gate::Client;
use crate::http::instant;
use crate::http::refusal::Refusal;

/// What one request brings in within its time; more goes through `rollkeeper import`.
const MOST_LINES: usize = 5_000;

/// `?dryRun=true` and `?connection=`, an id or a name.
pub async fn create(
    State(site): State<Site>,
    client: Client,
    query: Page,
    Lines(text): Lines,
) -> Result<Json<Report>, Refusal> {
    if text.lines().count() > MOST_LINES {
        let detail =
            format!("one request imports at most {MOST_LINES} lines: send them in parts, or use `rollkeeper import`");
        return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail));
    }
    let connection = query.value("connection").map(str::to_owned);
    let options = ImportOptions { connection, dry_run: query.flag("dryRun")? };
    Ok(Json(site.directory.import(&client.tenant.id, &text, &options, &mut |_, _| {}).await?))
}

#[derive(Serialize)]
pub struct Unconfirmed {
    count: i64,
    memberships: Vec<Membership>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

#[derive(Serialize)]
struct Membership {
    member: Named,
    group: Named,
    #[serde(serialize_with = "instant::serialize")]
    since: i64,
}

#[derive(Serialize)]
struct Named {
    id: String,
    name: String,
}

impl From<UnconfirmedPage> for Unconfirmed {
    fn from(page: UnconfirmedPage) -> Self {
        let named = |(id, name)| Named { id, name };
        let memberships = page.memberships.into_iter();
        let memberships =
            memberships.map(|it| Membership { member: named(it.member), group: named(it.group), since: it.since });
        Self { count: page.count, memberships: memberships.collect(), next: page.next }
    }
}

/// `?group=` with an id: of that group only.
pub async fn unconfirmed(State(site): State<Site>, client: Client, query: Page) -> Result<Json<Unconfirmed>, Refusal> {
    let (group, after) = (query.value("group"), query.after.as_deref());
    Ok(Json(site.directory.unconfirmed(&client.tenant.id, group, after, query.limit).await?.into()))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Which {
    /// An id; absent: all of the tenant.
    group: Option<String>,
}

#[derive(Serialize)]
pub struct Count {
    count: usize,
}

pub async fn drop(
    State(site): State<Site>,
    client: Client,
    Message(which): Message<Which>,
) -> Result<Json<Count>, Refusal> {
    settle(&site, &client, &which, Settled::Dropped).await
}

pub async fn pin(
    State(site): State<Site>,
    client: Client,
    Message(which): Message<Which>,
) -> Result<Json<Count>, Refusal> {
    settle(&site, &client, &which, Settled::Pinned).await
}

async fn settle(site: &Site, client: &Client, which: &Which, settled: Settled) -> Result<Json<Count>, Refusal> {
    let group = which.group.as_deref();
    let count = site.directory.settle_unconfirmed(&client.tenant.id, group, settled, &mut |_, _| {}).await?;
    Ok(Json(Count { count }))
}
