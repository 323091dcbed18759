//! Tenants, connections, tokens, and the words of an administrator: grants, denies, suspensions, locks, imports.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use crate::auth::token::{Kind as TokenKind, Scope, Token};
use crate::event::{Cause, Kind};
use crate::jit::rules::Rules;
use crate::reconcile::{MEMBER, Source, Word, is_unique};
use crate::scim::resource_type::Registry;
use crate::scim::{self};
use crate::store::agree::{self, About};
use crate::store::{connections, people, resources, tenants, tokens, vouches};

use super::people::gone;
use super::work::corrupt;
use super::{Configuration, Connected, Directory, Result, Work, transact};

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

#[derive(Clone, Debug)]
pub struct ConnectionInfo {
    pub id: String,
    pub name: String,
    /// `on`, `paused`, `disconnected`, `withdrawing` or `withdrawn`.
    pub state: String,
    pub created: i64,
    pub rules: Rules,
    pub domains: Vec<String>,
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

    /// The secret is in the answer once and nowhere else. Without `expires` it ends in a year. A `scim` token speaks for one connection: the named one, or the
    /// tenant's only one.
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

    // -------------------------------------------------------------------------------------------- connections

    pub async fn connections(&self, tenant: &str) -> Result<Vec<ConnectionInfo>> {
        let mut tx = self.engine.read(tenant).await?;
        let configuration = Configuration::load(&mut tx).await?;
        Ok(configuration.connections.into_iter().map(ConnectionInfo::of).collect())
    }

    /// By id or by name.
    pub async fn connection(&self, tenant: &str, name: &str) -> Result<Option<ConnectionInfo>> {
        let mut tx = self.engine.read(tenant).await?;
        let configuration = Configuration::load(&mut tx).await?;
        Ok(configuration.named(name).cloned().map(ConnectionInfo::of))
    }

    pub async fn create_connection(&self, tenant: &str, name: &str, rules: Rules) -> Result<ConnectionInfo> {
        if !is_name(name) {
            return Err(scim::Error::invalid_value(format!(
                "{name:?} is no connection name: 1 to 63 of a-z, 0-9 and '-', starting with a letter or digit"
            ))
            .into());
        }
        transact!(self, tenant, Cause::by("administrator"), work => {
                if work.configuration.named(name).is_some() {
                    return Err(scim::Error::uniqueness(format!("connection {name} exists already")).into());
                }
                let rules = work.resolved(&rules).await?;
                let id = insert_connection(self, &mut work.tx, name, &rules).await?;
                work.sync_domains(&id, &rules).await?;
                work.configuration = Configuration::load(&mut work.tx).await?;
                work.connected(&id).map(ConnectionInfo::of)
        })
    }

    /// New settings are a new view: everybody whom the connection pushes or signed in is derived again.
    pub async fn update_connection(
        &self,
        tenant: &str,
        name: &str,
        rules: Rules,
        state: Option<String>,
    ) -> Result<ConnectionInfo> {
        if let Some(state) = &state
            && state != "on"
            && state != "paused"
        {
            return Err(
                scim::Error::invalid_value(format!("{state:?} is no state of a connection: on or paused")).into()
            );
        }
        let info: ConnectionInfo = transact!(self, tenant, Cause::by("administrator"), work => {
                let known = |configuration: &Configuration| {
                    let found = configuration.named(name).cloned();
                    found.ok_or_else(|| scim::Error::not_found(format!("there is no connection {name:?}")))
                };
                let id = known(&work.configuration)?.id;
                agree::alone(&mut work.tx, &id, About::Settings).await?;
                work.configuration = Configuration::load(&mut work.tx).await?;
                let before = known(&work.configuration)?;
                super::withdraw::not_withdrawing(&before)?;
                let rules = work.resolved(&rules).await?;
                let state = state.clone().unwrap_or_else(|| before.state.clone());
                let text = rules.to_value().to_string();
                connections::update(&mut work.tx, &before.id, &state, &text, work.now).await?;
                work.sync_domains(&before.id, &rules).await?;
                work.configuration = Configuration::load(&mut work.tx).await?;
                if rules != before.rules || (rules.groups.lease.is_some() && state != before.state) {
                    work.derive_population(&before.id).await?;
                }
                let event = work.event(Kind::ConnectionUpdated).of(&before.id);
                work.publish(event);
                work.connected(&before.id).map(ConnectionInfo::of)
        })?;
        self.catch_up(tenant, &info.id).await?;
        Ok(info)
    }

    /// An administrator attests that the domain is the connection's own.
    pub async fn add_domain(&self, tenant: &str, name: &str, domain: &str) -> Result<()> {
        let Some(connection) = self.connection(tenant, name).await? else {
            return Err(scim::Error::not_found(format!("there is no connection {name:?}")).into());
        };
        let mut rules = connection.rules;
        let domain = domain.parse().map_err(|e: String| scim::Error::invalid_value(e))?;
        if !rules.owns(&domain) {
            rules.domains.push(domain);
            self.update_connection(tenant, &connection.id, rules, None).await?;
        }
        Ok(())
    }

    pub async fn remove_domain(&self, tenant: &str, name: &str, domain: &str) -> Result<()> {
        let Some(connection) = self.connection(tenant, name).await? else {
            return Err(scim::Error::not_found(format!("there is no connection {name:?}")).into());
        };
        let mut rules = connection.rules;
        rules.domains.retain(|known| known.as_str() != domain);
        self.update_connection(tenant, &connection.id, rules, None).await.map(drop)
    }

    // -------------------------------------------------------------------------------------------- an administrator's words

    /// `parent` is a group or an organization, by id. The grant stands through any push and login.
    pub async fn grant(&self, tenant: &str, person: &str, parent: &str, until: Option<i64>) -> Result<()> {
        self.grant_role(tenant, person, parent, until, None).await
    }

    /// The same, with what the person is in the organization by this word.
    pub async fn grant_role(
        &self,
        tenant: &str,
        person: &str,
        parent: &str,
        until: Option<i64>,
        role: Option<&str>,
    ) -> Result<()> {
        transact!(self, tenant, Cause::by("administrator"), work => {
                work.pair(person, parent).await?;
                if let Some(role) = role {
                    work.check_role(Some(parent), role).await?;
                }
                work.grant_pair(parent, person, until, role).await
        })
    }

    pub async fn deny(&self, tenant: &str, person: &str, parent: &str) -> Result<()> {
        transact!(self, tenant, Cause::by("administrator"), work => {
                work.pair(person, parent).await?;
                work.deny_pair(parent, person).await
        })
    }

    /// Withdraws the grant or the deny of a pair.
    pub async fn ungrant(&self, tenant: &str, person: &str, parent: &str) -> Result<()> {
        transact!(self, tenant, Cause::by("administrator"), work => {
                work.pair(person, parent).await?;
                let words = [(parent.to_owned(), Source::Grant), (parent.to_owned(), Source::Deny)];
                vouches::remove(&mut work.tx, person, &words).await?;
                Ok(())
        })
    }

    /// A provisional membership from an import: the weakest word.
    pub async fn import_membership(&self, tenant: &str, person: &str, parent: &str) -> Result<()> {
        transact!(self, tenant, Cause::by("import"), work => {
                work.pair(person, parent).await?;
                let row = vouches::Row::person(parent, person, Source::Import, Word::Grant, Some(work.now));
                vouches::put(&mut work.tx, &[row]).await?;
                Ok(())
        })
    }

    /// A provisional value from an import: what is read where nobody else has a word.
    pub async fn import_word(&self, tenant: &str, person: &str, cell: &str, value: Option<Value>) -> Result<()> {
        transact!(self, tenant, Cause::by("import"), work => {
                if is_unique(cell, &work.registry.unique) {
                    let detail = format!("{cell} has exactly one owner and cannot be imported");
                    return Err(scim::Error::invalid_value(detail).into());
                }
                work.living(person).await?;
                people::set_word(&mut work.tx, person, "entered", cell, value.as_ref(), work.now).await?;
                work.touch(person).await
        })
    }

    /// No login and no push brings back whom an administrator suspended.
    pub async fn suspend(&self, tenant: &str, person: &str) -> Result<()> {
        self.set_suspended(tenant, person, true).await
    }

    pub async fn unsuspend(&self, tenant: &str, person: &str) -> Result<()> {
        self.set_suspended(tenant, person, false).await
    }

    async fn set_suspended(&self, tenant: &str, person: &str, suspended: bool) -> Result<()> {
        transact!(self, tenant, Cause::by("administrator"), work => {
                let account = work.living(person).await?;
                let now = work.now;
                let off = if suspended {
                    Some(account.person.off.map_or(now, |off| off.max(now)))
                } else {
                    account.person.off
                };
                people::set_lifecycle(&mut work.tx, person, suspended, off, None).await?;
                work.touch(person).await
        })
    }

    /// From now on the cell has this value, whatever any source says; `None`: it has none.
    pub async fn lock(&self, tenant: &str, person: &str, cell: &str, value: Option<Value>) -> Result<()> {
        transact!(self, tenant, Cause::by("administrator"), work => {
                if cell == "userName" || work.registry.unique.contains(cell) {
                    let detail = format!("{cell} cannot be locked: a value that must be unique has exactly one owner");
                    return Err(scim::Error::invalid_value(detail).into());
                }
                work.living(person).await?;
                people::set_word(&mut work.tx, person, "lock", cell, value.as_ref(), work.now).await?;
                work.touch(person).await
        })
    }

    pub async fn unlock(&self, tenant: &str, person: &str, cell: &str) -> Result<()> {
        transact!(self, tenant, Cause::by("administrator"), work => {
                work.living(person).await?;
                people::remove_word(&mut work.tx, person, "lock", cell).await?;
                work.touch(person).await
        })
    }
}

impl Work<'_> {
    /// The account, locked, touched and not retired.
    pub(crate) async fn living(&mut self, person: &str) -> Result<crate::store::people::Account> {
        let account = self.account(person).await?.filter(|account| !account.person.retired);
        self.touched.insert(person.to_owned());
        account.ok_or_else(gone)
    }

    /// A person and a group or organization, both there, and the latter not about to go.
    async fn pair(&mut self, person: &str, parent: &str) -> Result<()> {
        self.share(&BTreeSet::from([parent.to_owned()])).await?;
        let group = resources::find(&mut self.tx, "Group", parent).await?;
        if group.is_none() && resources::find(&mut self.tx, "Organization", parent).await?.is_none() {
            return Err(scim::Error::not_found("no group or organization with this id").into());
        }
        self.living(person).await.map(drop)
    }

    /// Settings with the names in them turned into ids: organizations by slug, the default team by name.
    pub(super) async fn resolved(&mut self, rules: &Rules) -> Result<Rules> {
        let mut rules = rules.clone();
        self.resolve_attributes(&mut rules)?;
        for organization in &mut rules.organizations {
            *organization = self.known_organization(organization).await?;
        }
        if let Some(organization) = &mut rules.defaults.organization {
            *organization = self.known_organization(organization).await?;
        }
        if let Some(group) = rules.defaults.group.clone() {
            let organization = rules.defaults.organization.clone();
            let found = self.group_named(&group, organization.as_deref()).await?;
            rules.defaults.group = Some(found.ok_or_else(|| {
                scim::Error::invalid_value(format!("default.group {group:?} is no group; create it first"))
            })?);
        }
        let mut by_group = std::collections::BTreeMap::new();
        for (group, role) in &rules.roles.groups {
            let organization = rules.defaults.organization.clone();
            let found = self.group_named(group, organization.as_deref()).await?.ok_or_else(|| {
                scim::Error::invalid_value(format!("roles.groups: {group:?} is no group; create it first"))
            })?;
            self.check_role(Some(&found), MEMBER).await?;
            by_group.insert(found, role.clone());
        }
        rules.roles.groups = by_group;
        for (value, group) in &mut rules.groups.table {
            let found = self.group_named(group, None).await?;
            *group = found.ok_or_else(|| {
                scim::Error::invalid_value(format!("groups.table: {value:?} names {group:?}, which is no group"))
            })?;
        }
        Ok(rules)
    }

    async fn known_organization(&mut self, name: &str) -> Result<String> {
        self.organization_named(name).await?.ok_or_else(|| {
            scim::Error::invalid_value(format!("there is no organization {name:?}; create it first")).into()
        })
    }

    /// One domain, one connection.
    pub(super) async fn sync_domains(&mut self, connection: &str, rules: &Rules) -> Result<()> {
        for (domain, owner) in connections::domains(&mut self.tx).await? {
            if owner == connection && !rules.domains.iter().any(|kept| kept.as_str() == domain) {
                connections::remove_domain(&mut self.tx, &domain, connection).await?;
            }
        }
        for domain in &rules.domains {
            match connections::domain_owner(&mut self.tx, domain.as_str()).await? {
                Some(owner) if owner != connection => {
                    return Err(scim::Error::uniqueness(format!("{domain} is verified for another connection")).into());
                }
                Some(_) => {}
                None => {
                    connections::add_domain(&mut self.tx, domain.as_str(), connection, "attested", self.now).await?;
                }
            }
        }
        Ok(())
    }
}

async fn insert_connection(
    directory: &Directory,
    tx: &mut crate::store::Tx,
    name: &str,
    rules: &Rules,
) -> Result<String> {
    let row = connections::Connection {
        id: directory.ids.new(),
        name: name.to_owned(),
        seq: 0,
        state: "on".to_owned(),
        rules: rules.to_value().to_string(),
        used: false,
        created: directory.clock.now(),
        succeeds: None,
    };
    connections::insert(tx, &row).await?;
    Ok(row.id)
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

impl ConnectionInfo {
    pub(super) fn of(connected: Connected) -> Self {
        Self {
            domains: connected.domains(),
            id: connected.id,
            name: connected.name,
            state: connected.state,
            created: connected.created,
            rules: connected.rules,
        }
    }
}

/// A name that stands in a path and on a command line.
pub(super) fn is_name(name: &str) -> bool {
    (1..=63).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !name.starts_with('-')
}
