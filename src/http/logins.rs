//! Just-in-time logins for applications: evidence in, decision out.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::Site;
use super::ask::Id;
use super::body::Message;
use super::gate::Client;
use super::refusal::Refusal;
use crate::jit::login::{self, Answer};

/// A misspelt `dryRun` must not become a real login, so unknown members are refused.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LoginRequest {
    /// Its name or id.
    connection: String,
    evidence: Evidence,
    invitation: Option<String>,
    #[serde(default)]
    dry_run: bool,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
enum Evidence {
    OidcIdToken { id_token: String, nonce: Option<String>, userinfo: Option<Map<String, Value>> },
    BrokerClaims { envelope: String },
}

impl From<Evidence> for login::Evidence {
    fn from(evidence: Evidence) -> Self {
        match evidence {
            Evidence::OidcIdToken { id_token, nonce, userinfo } => Self::OidcIdToken { id_token, nonce, userinfo },
            Evidence::BrokerClaims { envelope } => Self::BrokerClaims { envelope },
        }
    }
}

impl From<LoginRequest> for login::LoginRequest {
    fn from(LoginRequest { connection, evidence, invitation, dry_run }: LoginRequest) -> Self {
        Self { connection, evidence: evidence.into(), invitation, dry_run }
    }
}

pub async fn login(
    State(site): State<Site>,
    client: Client,
    Message(request): Message<LoginRequest>,
) -> Result<Json<Answer>, Refusal> {
    let answer = site.logins.login(&client.tenant.id, &client.token.connections, &request.into()).await?;
    Ok(Json(answer))
}

/// The trace of a decision, for an application that may ask for decisions of its connection.
pub async fn decision(State(site): State<Site>, client: Client, Id(id): Id) -> Result<Json<Value>, Refusal> {
    let trace = site.directory.decision(&client.tenant.id, &id).await?;
    let trace =
        trace.filter(|trace| client.token.connections.iter().any(|allowed| trace["connection"]["id"] == **allowed));
    trace.map(Json).ok_or_else(|| Refusal::not_found("there is no decision with this id"))
}
