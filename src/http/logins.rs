//! Just-in-time logins for applications: evidence in, decision out.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::Site;
use super::ask::Id;
use super::body::Message;
use super::gate::Client;
use super::refusal::Refusal;
use crate::jit::login::LoginRequest;

pub async fn login(
    State(site): State<Site>,
    client: Client,
    Message(request): Message<LoginRequest>,
) -> Result<Response, Refusal> {
    let answer = site.logins.login(&client.tenant.id, &client.token.connections, &request).await?;
    Ok(Json(answer).into_response())
}

/// The trace of a decision, for the application that asked for it.
pub async fn decision(State(site): State<Site>, client: Client, Id(id): Id) -> Result<Json<Value>, Refusal> {
    let trace = site.directory.decision(&client.tenant.id, &id).await?;
    let trace = trace.filter(|trace| {
        let connection = trace.get("connection").and_then(Value::as_str).unwrap_or_default();
        client.token.connections.is_empty() || client.token.connections.iter().any(|allowed| allowed == connection)
    });
    trace.map(Json).ok_or_else(|| Refusal::not_found("there is no decision with this id"))
}
