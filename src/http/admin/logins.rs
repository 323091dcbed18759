//! Decisions of logins: their traces, and the same told as a sentence.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::unknown;
use crate::http::Site;
use crate::http::ask::Id;
use crate::http::body::Message;
use crate::http::gate::Client;
use crate::http::refusal::Refusal;
use crate::jit::login::{Answer, Evidence, LoginRequest};

pub async fn trace(State(site): State<Site>, client: Client, Id(id): Id) -> Result<Json<Value>, Refusal> {
    let trace = site.directory.decision(&client.tenant.id, &id).await?;
    trace.map(Json).ok_or_else(|| unknown("decision"))
}

pub async fn explain(State(site): State<Site>, client: Client, Id(id): Id) -> Result<Json<Value>, Refusal> {
    Ok(Json(site.directory.explain_decision(&client.tenant.id, &id).await?))
}

/// A supposed sign-in: the whole decision, and nothing is written.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rehearsal {
    connection: String,
    evidence: Supposed,
    invitation: Option<String>,
    /// Must be there and true: nobody shall take this for a sign-in.
    dry_run: bool,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
enum Supposed {
    Simulated { subject: String, claims: Map<String, Value> },
}

pub async fn rehearse(
    State(site): State<Site>,
    client: Client,
    Message(Rehearsal { connection, evidence, invitation, dry_run }): Message<Rehearsal>,
) -> Result<Json<Answer>, Refusal> {
    let Supposed::Simulated { subject, claims } = evidence;
    let connections = site.directory.connections(&client.tenant.id).await?;
    let allowed: Vec<String> = connections.into_iter().map(|connection| connection.id).collect();
    let evidence = Evidence::Simulated { subject, claims };
    let request = LoginRequest { connection, evidence, invitation, dry_run };
    Ok(Json(site.logins.login(&client.tenant.id, &allowed, &request).await?))
}
