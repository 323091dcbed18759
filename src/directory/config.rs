//! A tenant's configuration as it stands in one transaction: its connections by creation order and their rules.

use std::collections::BTreeMap;

use crate::jit::address::Domain;
use crate::jit::rules::Rules;
use crate::store::{self, Tx, connections};

use super::Result;

/// One connection with its rules.
#[derive(Clone, Debug)]
pub struct Connected {
    pub id: String,
    pub name: String,
    pub order: i64,
    pub state: String,
    pub used: bool,
    pub created: i64,
    pub rules: Rules,
    /// The connection whose people it may claim.
    pub succeeds: Option<String>,
}

impl Connected {
    pub fn namespace(&self) -> String {
        self.rules.namespace(&self.id)
    }

    pub fn domains(&self) -> Vec<String> {
        self.rules.domains.iter().map(|domain| domain.as_str().to_owned()).collect()
    }

    /// Neither this connection nor the one it succeeds.
    pub fn is_foreign(&self, connection: &str) -> bool {
        connection != self.id && self.succeeds.as_deref() != Some(connection)
    }

    pub fn serves(&self, organization: &str) -> bool {
        self.rules.organizations.iter().any(|id| id == organization)
            || self.rules.defaults.organization.as_deref() == Some(organization)
    }

    /// The organizations that this connection may speak of.
    pub fn organizations(&self) -> Vec<String> {
        let mut all = self.rules.organizations.clone();
        all.extend(self.rules.defaults.organization.clone());
        all.sort();
        all.dedup();
        all
    }
}

/// Read in the transaction that uses it, after the locks that make it hold.
#[derive(Clone, Debug, Default)]
pub struct Configuration {
    pub connections: Vec<Connected>,
}

impl Configuration {
    pub(crate) async fn load(tx: &mut Tx) -> Result<Self> {
        let rows = connections::list(tx).await?;
        let connections = rows
            .into_iter()
            .map(|row| {
                let rules = serde_json::from_str(&row.rules)
                    .map_err(|e| store::Error::Corrupt { table: "connection", detail: format!("{}: {e}", row.id) })?;
                Ok(Connected {
                    id: row.id,
                    name: row.name,
                    order: row.seq,
                    state: row.state,
                    used: row.used,
                    created: row.created,
                    rules,
                    succeeds: row.succeeds,
                })
            })
            .collect::<Result<_>>()?;
        Ok(Self { connections })
    }

    pub fn connection(&self, id: &str) -> Option<&Connected> {
        self.connections.iter().find(|connection| connection.id == id)
    }

    /// By id or by name.
    pub fn named(&self, name: &str) -> Option<&Connected> {
        self.connection(name).or_else(|| self.connections.iter().find(|connection| connection.name == name))
    }

    /// No other connection of the tenant was ever used.
    pub fn is_sole(&self, id: &str) -> bool {
        !self.connections.iter().any(|connection| connection.used && connection.id != id)
    }

    /// The connection for which this domain is verified.
    pub fn domain_owner(&self, domain: &str) -> Option<&Connected> {
        self.connections
            .iter()
            .find(|connection| connection.rules.domains.iter().any(|verified| verified.as_str() == domain))
    }

    /// Display names by id, for sentences that people read.
    pub fn names(&self) -> BTreeMap<String, String> {
        self.connections.iter().map(|connection| (connection.id.clone(), connection.name.clone())).collect()
    }
}

/// The domain behind the last `@` of a name or an address, in the one form that domains are compared in; `None` where
/// there is none.
pub(crate) fn domain_of(name: &str) -> Option<String> {
    let (_, domain) = name.rsplit_once('@')?;
    let domain: Domain = domain.trim().trim_end_matches('.').parse().ok()?;
    Some(domain.as_str().to_owned())
}
