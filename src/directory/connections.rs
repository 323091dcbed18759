//! Connections: their settings, their state and the domains that an administrator attests.

use std::collections::BTreeMap;

use crate::event::{Cause, Kind};
use crate::jit::rules::Rules;
use crate::reconcile::MEMBER;
use crate::scim::{self};
use crate::store::agree::{self, About};
use crate::store::connections;

use super::tenants::is_name;
use super::withdraw::not_withdrawing;
use super::{Configuration, Connected, Directory, Result, Work, transact};

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

impl Directory {
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
                not_withdrawing(&before)?;
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
}

impl Work<'_> {
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
        let mut by_group = BTreeMap::new();
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

pub(super) async fn insert_connection(
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
