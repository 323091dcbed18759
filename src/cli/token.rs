//! `token create`, `token list`, `token revoke`. The secret is shown once and stored as a hash.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::json;
use serde_with::skip_serializing_none;

use super::answer::{or_dash, table};
use super::roll::TenantName;
use super::{Answer, Failure, Roll, moment, named};
use crate::auth::token::Scope;
use crate::directory::TokenInfo;

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Make a token; it is shown once
    Create(Create),
    /// List tokens, without their secrets
    List(TenantName),
    /// End a token at once
    Revoke(Revoke),
}

#[derive(Debug, clap::Args)]
pub struct Create {
    #[command(flatten)]
    tenant: TenantName,
    /// scim (push of one connection), scim.read, admin, jit.login, events.read or me (one user, at /Me)
    #[arg(long)]
    scope: Scope,
    /// The connection it speaks for, by name; may be left out while there is only one. Repeatable for jit.login
    #[arg(long = "connection", value_name = "NAME")]
    connections: Vec<String>,
    /// Of the scope me: whom it is bound to, by userName or id
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// What people call it
    #[arg(long)]
    label: Option<String>,
    /// When it ends: P90D from now, or 2027-01-31T12:00:00Z [default: a year from now]
    #[arg(long, value_name = "WHEN")]
    expires: Option<String>,
}

#[derive(Debug, clap::Args)]
pub struct Revoke {
    #[command(flatten)]
    tenant: TenantName,
    /// As `token list` shows it
    id: String,
}

#[skip_serializing_none]
#[derive(Serialize)]
struct Token {
    id: String,
    scope: Scope,
    connections: Vec<String>,
    user: Option<String>,
    label: Option<String>,
    created: String,
    expires: Option<String>,
    revoked: Option<String>,
}

#[derive(Serialize)]
struct Issued {
    token: String,
    #[serde(flatten)]
    info: Token,
}

impl From<TokenInfo> for Token {
    fn from(info: TokenInfo) -> Self {
        let TokenInfo { id, scope, connections, person: user, label, created, expires, revoked } = info;
        let (created, expires, revoked) = (moment::text(created), expires.map(moment::text), revoked.map(moment::text));
        Self { id, scope, connections, user, label, created, expires, revoked }
    }
}

impl Command {
    pub async fn run(&self, roll: &Roll) -> Result<Answer, Failure> {
        match self {
            Self::Create(create) => create.run(roll).await,
            Self::List(tenant) => list(roll, tenant).await,
            Self::Revoke(Revoke { tenant, id }) => {
                let tenant = roll.tenant(tenant).await?;
                roll.directory.revoke_token(&tenant.id, id).await?;
                Ok(Answer::new(format!("token {id} is revoked"), json!({ "id": id, "revoked": true })))
            }
        }
    }
}

impl Create {
    async fn run(&self, roll: &Roll) -> Result<Answer, Failure> {
        let now = roll.directory.clock().now();
        let expires = self.expires.as_deref().map(|text| moment::parse("--expires", text, now)).transpose()?;
        if expires.is_some_and(|at| at <= now) {
            return Err(Failure::Usage("--expires lies in the past".to_owned()));
        }
        let tenant = roll.tenant(&self.tenant).await?;
        let user = match &self.user {
            Some(name) => Some(named::person(roll, &tenant, name).await?),
            None => None,
        };
        let (user, label) = (user.as_deref(), self.label.as_deref());
        let issued = roll.directory.issue_token(&tenant.id, self.scope, &self.connections, user, label, expires);
        let (info, token) = issued.await?;
        let note = format!("this {} token of tenant {} is shown once: keep it now", self.scope, tenant.name);
        Ok(Answer::new(token.clone(), Issued { token, info: info.into() }).with_note(note))
    }
}

async fn list(roll: &Roll, tenant: &TenantName) -> Result<Answer, Failure> {
    let tenant = roll.tenant(tenant).await?;
    let connections = roll.directory.connections(&tenant.id).await?;
    let names: BTreeMap<_, _> = connections.into_iter().map(|connection| (connection.id, connection.name)).collect();
    let tokens: Vec<Token> = roll.directory.tokens(&tenant.id).await?.into_iter().map(Token::from).collect();
    let rows = tokens.iter().map(|token| {
        let mut speaks_for: Vec<&str> =
            token.connections.iter().map(|id| names.get(id).map_or(id.as_str(), String::as_str)).collect();
        speaks_for.extend(token.user.as_deref());
        let state = match (&token.revoked, &token.expires) {
            (Some(at), _) => format!("revoked {at}"),
            (None, Some(at)) => format!("until {at}"),
            (None, None) => "for ever".to_owned(),
        };
        let label = or_dash(token.label.as_deref());
        [token.scope.to_string(), or_dash(Some(&speaks_for.join(", "))), label, state, token.id.clone()]
    });
    let header = ["scope", "speaks for", "label", "counts", "id"];
    Ok(Answer::new(table("no token yet", header, rows), json!({ "tokens": tokens })))
}
