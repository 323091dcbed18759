//! Brokers of a connection: registered with public keys and a ceiling by an administrator.

use crate::event::{Cause, Kind};
use crate::jit::broker::{Broker, audience};
use crate::scim;
use crate::store::agree::{self, About};
use crate::store::brokers;

use super::work::corrupt;
use super::{Connected, Directory, Result, Work, transact};

/// More brokers of one connection are a mistake: one application is one broker, whatever keys it has.
const MOST: usize = 100;

#[derive(Clone, Debug, PartialEq)]
pub struct BrokerInfo {
    pub id: String,
    pub name: String,
    pub created: i64,
    /// The `aud` of its envelopes.
    pub audience: String,
    pub settings: Broker,
}

impl Directory {
    pub async fn brokers(&self, tenant: &str, connection: &str) -> Result<Vec<BrokerInfo>> {
        let mut tx = self.engine.read(tenant).await?;
        let configuration = super::Configuration::load(&mut tx).await?;
        let connected = configuration.named(connection).ok_or_else(unknown_connection)?;
        let rows = brokers::list(&mut tx, &connected.id).await?;
        rows.into_iter().map(|row| BrokerInfo::of(tenant, row)).collect()
    }

    /// By its name or id.
    pub async fn broker(&self, tenant: &str, connection: &str, name: &str) -> Result<Option<BrokerInfo>> {
        let mut tx = self.engine.read(tenant).await?;
        let row = brokers::find(&mut tx, connection, name).await?;
        row.map(|row| BrokerInfo::of(tenant, row)).transpose()
    }

    pub async fn add_broker(&self, tenant: &str, connection: &str, name: &str, settings: Broker) -> Result<BrokerInfo> {
        if !super::tenants::is_name(name) {
            return Err(scim::Error::invalid_value(format!(
                "{name:?} is no name of a broker: 1 to 63 of a-z, 0-9 and '-', starting with a letter or digit"
            ))
            .into());
        }
        transact!(self, tenant, Cause::by("administrator"), work => {
                let connected = work.editing(connection).await?;
                let all = brokers::list(&mut work.tx, &connected.id).await?;
                if all.iter().any(|broker| broker.name == name) {
                    return Err(scim::Error::uniqueness(format!("broker {name} exists already")).into());
                }
                if all.len() >= MOST {
                    return Err(scim::Error::invalid_value(format!("a connection has at most {MOST} brokers")).into());
                }
                let row = brokers::Broker {
                    id: self.ids.new(),
                    connection: connected.id.clone(),
                    name: name.to_owned(),
                    settings: settings.to_value().to_string(),
                    created: work.now,
                    modified: work.now,
                };
                brokers::insert(&mut work.tx, &row).await?;
                work.brokers_changed(&connected);
                BrokerInfo::of(tenant, row)
        })
    }

    /// New keys or a new ceiling; whoever signed in through the broker stays who they are.
    pub async fn update_broker(
        &self,
        tenant: &str,
        connection: &str,
        name: &str,
        settings: Broker,
    ) -> Result<BrokerInfo> {
        transact!(self, tenant, Cause::by("administrator"), work => {
                let connected = work.editing(connection).await?;
                let mut row = brokers::find(&mut work.tx, &connected.id, name).await?.ok_or_else(unknown)?;
                row.settings = settings.to_value().to_string();
                brokers::update(&mut work.tx, &row.id, &row.settings, work.now).await?;
                work.brokers_changed(&connected);
                BrokerInfo::of(tenant, row)
        })
    }

    /// Its next envelope is refused. What it said stays said: it is the connection's word.
    pub async fn remove_broker(&self, tenant: &str, connection: &str, name: &str) -> Result<()> {
        transact!(self, tenant, Cause::by("administrator"), work => {
                let connected = work.editing(connection).await?;
                let row = brokers::find(&mut work.tx, &connected.id, name).await?.ok_or_else(unknown)?;
                brokers::remove(&mut work.tx, &row.id).await?;
                work.brokers_changed(&connected);
                Ok(())
        })
    }
}

impl Work<'_> {
    /// A connection whose settings nobody else reads or edits until this transaction ends.
    async fn editing(&mut self, name: &str) -> Result<Connected> {
        let connected = self.configuration.named(name).cloned().ok_or_else(unknown_connection)?;
        agree::alone(&mut self.tx, &connected.id, About::Settings).await?;
        Ok(connected)
    }

    fn brokers_changed(&mut self, connected: &Connected) {
        let event = self.event(Kind::ConnectionUpdated).of(&connected.id).naming(["brokers"]);
        self.publish(event);
    }
}

impl BrokerInfo {
    fn of(tenant: &str, row: brokers::Broker) -> Result<Self> {
        let settings =
            serde_json::from_str(&row.settings).map_err(|e| corrupt("broker", format!("{}: {e}", row.id)))?;
        let audience = audience(tenant, &row.connection);
        Ok(Self { id: row.id, name: row.name, created: row.created, audience, settings })
    }
}

fn unknown_connection() -> super::Error {
    scim::Error::not_found("this tenant has no connection with this id").into()
}

fn unknown() -> super::Error {
    scim::Error::not_found("this connection has no broker of this name").into()
}
