//! Decisions of logins: their traces, and the same told as a sentence.

use axum::Json;
use axum::extract::State;
use serde_json::Value;

use super::unknown;
use crate::http::Site;
use crate::http::ask::Id;
use crate::http::gate::Client;
use crate::http::refusal::Refusal;

pub async fn trace(State(site): State<Site>, client: Client, Id(id): Id) -> Result<Json<Value>, Refusal> {
    let trace = site.directory.decision(&client.tenant.id, &id).await?;
    trace.map(Json).ok_or_else(|| unknown("decision"))
}

pub async fn explain(State(site): State<Site>, client: Client, Id(id): Id) -> Result<Json<Value>, Refusal> {
    Ok(Json(site.directory.explain_decision(&client.tenant.id, &id).await?))
}
