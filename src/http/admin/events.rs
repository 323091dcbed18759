//! The feed of what changed effectively: ordered, each committed change once.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::Value;

use super::page::Page;
use crate::http::Site;
use crate::http::gate::Client;
use crate::http::refusal::Refusal;

#[derive(Serialize)]
pub struct Events {
    events: Vec<Value>,
    /// The cursor to ask with next, also when this page is empty.
    next: String,
    more: bool,
}

pub async fn list(State(site): State<Site>, client: Client, query: Page) -> Result<Json<Events>, Refusal> {
    let page = site.directory.events(&client.tenant.id, query.after.as_deref(), query.limit).await?;
    Ok(Json(Events { events: page.events, next: page.next, more: page.more }))
}
