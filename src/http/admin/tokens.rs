//! Tokens: the secret is in the answer to its creation and nowhere else.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use crate::auth::token::Scope;
use crate::directory::TokenInfo;
use crate::http::Site;
use crate::http::ask::Id;
use crate::http::body::Message;
use crate::http::gate::Client;
use crate::http::instant;
use crate::http::refusal::Refusal;

#[derive(Serialize)]
pub struct Token {
    id: String,
    scope: Scope,
    connections: Vec<String>,
    /// The id of the user whom it is bound to.
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<String>,
    #[serde(serialize_with = "instant::serialize")]
    created: i64,
    #[serde(serialize_with = "instant::optional::serialize", skip_serializing_if = "Option::is_none")]
    expires: Option<i64>,
    #[serde(serialize_with = "instant::optional::serialize", skip_serializing_if = "Option::is_none")]
    revoked: Option<i64>,
}

impl From<TokenInfo> for Token {
    fn from(info: TokenInfo) -> Self {
        let TokenInfo { id, scope, connections, person: user, label, created, expires, revoked } = info;
        Self { id, scope, connections, user, label, created, expires, revoked }
    }
}

#[derive(Serialize)]
pub struct Tokens {
    tokens: Vec<Token>,
}

pub async fn list(State(site): State<Site>, client: Client) -> Result<Json<Tokens>, Refusal> {
    let tokens = site.directory.tokens(&client.tenant.id).await?;
    Ok(Json(Tokens { tokens: tokens.into_iter().map(Token::from).collect() }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewToken {
    scope: Scope,
    /// Names or ids. A `scim` token may leave them out where the tenant has one connection.
    #[serde(default)]
    connections: Vec<String>,
    /// The id of a user, of the scope `me` alone.
    user: Option<String>,
    label: Option<String>,
    #[serde(default, deserialize_with = "instant::optional::deserialize")]
    expires: Option<i64>,
}

#[derive(Serialize)]
pub struct Issued {
    /// Shown this once.
    token: String,
    #[serde(flatten)]
    info: Token,
}

pub async fn create(
    State(site): State<Site>,
    client: Client,
    Message(new): Message<NewToken>,
) -> Result<(StatusCode, Json<Issued>), Refusal> {
    let NewToken { scope, connections, user, label, expires } = &new;
    let (user, label) = (user.as_deref(), label.as_deref());
    let issued = site.directory.issue_token(&client.tenant.id, *scope, connections, user, label, *expires);
    let (info, token) = issued.await?;
    Ok((StatusCode::CREATED, Json(Issued { token, info: info.into() })))
}

pub async fn revoke(State(site): State<Site>, client: Client, Id(id): Id) -> Result<StatusCode, Refusal> {
    site.directory.revoke_token(&client.tenant.id, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
