//! Tenants, their tokens, and whom a token names.

use std::sync::Arc;

use serde_json::Value;

use crate::auth::token::{Kind as TokenKind, Scope, Token};
use crate::jit::rules::Rules;
use crate::scim::resource_type::Registry;
use crate::scim::{self};
use crate::store::{resources, tenants, tokens};

use super::connections::insert_connection;
use super::work::corrupt;
use super::{Configuration, Directory, Result};

#[derive(Clone, Debug)]
pub struct TenantInfo {
    pub id: String,
    pub name: String,
    /// `directory`, or `platform`: one tenant, many organizations with IdPs of their own.
    pub kind: String,
    pub created: i64,
}

#[derive(Clone, Debug)]
pub struct TokenInfo {
    pub id: String,
    pub scope: Scope,
    /// Ids; of a scope that speaks for connections.
    pub connections: Vec<String>,
    /// The id of the user whom it is bound to.
    pub person: Option<String>,
    pub label: Option<String>,
    pub created: i64,
    pub expires: Option<i64>,
    pub revoked: Option<i64>,
}

/// Whom a token names.
#[derive(Clone, Debug)]
pub struct Authenticated {
    pub tenant: TenantInfo,
    pub token: TokenInfo,
    /// The schemas and types of the tenant as they are now.
    pub registry: Arc<Registry>,
}

const TENANT_KINDS: [&str; 2] = ["directory", "platform"];

/// RFC 7644 §7.4: a token has an end. Whoever wants another one names it.
const TOKEN_LIFETIME: i64 = 365 * 24 * 60 * 60 * 1000;

impl Directory {
    /// A tenant with its one first connection, `default`.
    pub async fn create_tenant(&self, name: &str, kind: &str) -> Result<TenantInfo> {
        if !is_name(name) {
            return Err(scim::Error::invalid_value(format!(
                "{name:?} is no tenant name: 1 to 63 of a-z, 0-9 and '-', starting with a letter or digit"
            ))
            .into());
        }
        if !TENANT_KINDS.contains(&kind) {
            return Err(
                scim::Error::invalid_value(format!("{kind:?} is no kind of tenant: directory or platform")).into()
            );
        }
        let id = self.ids.new();
        let mut tx = self.engine.write(&id).await?;
        if tenants::named(&mut tx, name).await?.is_some() {
            return Err(scim::Error::uniqueness(format!("tenant {name} exists already")).into());
        }
        let tenant = tenants::Tenant {
            id: id.clone(),
            name: name.to_owned(),
            kind: kind.to_owned(),
            key: self.ids.bytes::<32>().to_vec(),
            created: self.clock.now(),
            schema_version: 0,
        };
        tenants::insert(&mut tx, &tenant).await?;
        insert_connection(self, &mut tx, "default", &Rules::default_for("default")).await?;
        tx.commit().await?;
        Ok(TenantInfo::of(tenant))
    }

    pub async fn tenants(&self) -> Result<Vec<TenantInfo>> {
        let mut tx = self.engine.read("").await?;
        Ok(tenants::list(&mut tx).await?.into_iter().map(TenantInfo::of).collect())
    }

    pub async fn tenant(&self, name: &str) -> Result<Option<TenantInfo>> {
        let mut tx = self.engine.read("").await?;
        Ok(tenants::named(&mut tx, name).await?.map(TenantInfo::of))
    }

    // -------------------------------------------------------------------------------------------- tokens

    /// The secret is in the answer once and nowhere else. Without `expires` it ends in a year. A `scim` token speaks for one
    /// connection: the named one, or the tenant's only one.
    pub async fn create_token(
        &self,
        tenant: &str,
        scope: Scope,
        connections: &[String],
        label: Option<&str>,
        expires: Option<i64>,
    ) -> Result<(TokenInfo, String)> {
        if expires.is_some_and(|at| at <= self.clock.now()) {
            return Err(scim::Error::invalid_value("expires lies in the past").into());
        }
        if scope == Scope::Me {
            return Err(scim::Error::invalid_value("a me token is bound to a user: name them").into());
        }
        let mut tx = self.engine.write(tenant).await?;
        let configuration = Configuration::load(&mut tx).await?;
        let mut ids = Vec::new();
        for name in connections {
            let found = configuration.named(name);
            ids.push(
                found.ok_or_else(|| scim::Error::invalid_value(format!("there is no connection {name:?}")))?.id.clone(),
            );
        }
        if scope == Scope::Scim && ids.is_empty() {
            let [only] = configuration.connections.as_slice() else {
                return Err(scim::Error::invalid_value(
                    "a scim token speaks for one connection and the tenant has several: name it",
                )
                .into());
            };
            ids.push(only.id.clone());
        }
        if scope == Scope::Scim && ids.len() > 1 {
            return Err(scim::Error::invalid_value("a scim token speaks for one connection").into());
        }
        if scope == Scope::JitLogin && ids.is_empty() {
            ids = configuration.connections.iter().map(|connected| connected.id.clone()).collect();
        }
        let secret = Token::generate(TokenKind::Api(scope), &self.ids);
        let token = tokens::Token {
            tenant: tenant.to_owned(),
            id: self.ids.new(),
            scope: scope.as_str().to_owned(),
            connections: Value::from_iter(ids.iter().map(String::as_str)).to_string(),
            person: None,
            label: label.map(str::to_owned),
            created: self.clock.now(),
            expires: Some(expires.unwrap_or_else(|| self.clock.now().saturating_add(TOKEN_LIFETIME))),
            revoked: None,
        };
        tokens::insert(&mut tx, &token, &secret.hash()).await?;
        tx.commit().await?;
        Ok((TokenInfo::of(token)?, secret.reveal().to_owned()))
    }

    pub async fn tokens(&self, tenant: &str) -> Result<Vec<TokenInfo>> {
        let mut tx = self.engine.read(tenant).await?;
        tokens::list(&mut tx).await?.into_iter().map(TokenInfo::of).collect()
    }

    pub async fn revoke_token(&self, tenant: &str, id: &str) -> Result<()> {
        let mut tx = self.engine.write(tenant).await?;
        if !tokens::revoke(&mut tx, id, self.clock.now()).await? {
            return Err(scim::Error::not_found("no token with this id").into());
        }
        tx.commit().await?;
        Ok(())
    }

    /// Who holds the token of this hash; nobody if it was revoked or has expired.
    pub async fn authenticate(&self, hash: &[u8; 32]) -> Result<Option<Authenticated>> {
        let mut tx = self.engine.read("").await?;
        let Some(token) = tokens::by_hash(&mut tx, hash).await? else { return Ok(None) };
        let now = self.clock.now();
        if token.revoked.is_some() || token.expires.is_some_and(|expires| expires <= now) {
            return Ok(None);
        }
        let tenant = token.tenant.clone();
        drop(tx);
        let mut tx = self.engine.read(&tenant).await?;
        let Some(tenant) = tenants::current(&mut tx).await? else { return Ok(None) };
        if let Some(person) = &token.person {
            let row = resources::find(&mut tx, "User", person).await?;
            if !row.is_some_and(|row| row.active) {
                return Ok(None);
            }
        }
        let registry = self.registry_at(&mut tx, &tenant).await?;
        Ok(Some(Authenticated { tenant: TenantInfo::of(tenant), token: TokenInfo::of(token)?, registry }))
    }
}

impl TenantInfo {
    fn of(tenant: tenants::Tenant) -> Self {
        Self { id: tenant.id, name: tenant.name, kind: tenant.kind, created: tenant.created }
    }
}

impl TokenInfo {
    pub(super) fn of(token: tokens::Token) -> Result<Self> {
        Ok(Self {
            scope: token.scope.parse().map_err(|_| corrupt("token", format!("scope {}", token.scope)))?,
            connections: serde_json::from_str(&token.connections).map_err(|e| corrupt("token", e))?,
            id: token.id,
            person: token.person,
            label: token.label,
            created: token.created,
            expires: token.expires,
            revoked: token.revoked,
        })
    }
}

/// A name that stands in a path and on a command line.
pub(super) fn is_name(name: &str) -> bool {
    (1..=63).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !name.starts_with('-')
}
