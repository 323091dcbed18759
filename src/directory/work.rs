//! One transaction under way: what it has locked, whom it has touched, which events it will write.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::event::{Cause, Event, Kind};
use crate::reconcile::Stamp;
use crate::scim;
use crate::scim::resource_type::{Registry, ResourceType};
use crate::store::agree::{self, About};
use crate::store::{self, Tx, feed, tenants};

use super::order::Held;
use super::{Configuration, Directory, Error, Result};

/// What was effective of a person when this transaction locked them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Before {
    pub exists: bool,
    pub active: bool,
    /// Parents of live rows: groups and organizations.
    pub parents: BTreeSet<String>,
    /// The role in each organization.
    pub roles: BTreeMap<String, String>,
}

pub(crate) struct Work<'d> {
    pub directory: &'d Directory,
    pub tx: Tx,
    pub now: Stamp,
    pub tenant: tenants::Tenant,
    pub configuration: Configuration,
    /// The schemas and types of the tenant, which nobody changes while this transaction is open.
    pub registry: Arc<Registry>,
    pub cause: Cause,
    /// People held so far, as they were.
    pub before: BTreeMap<String, Before>,
    /// Of those, whom to derive again.
    pub touched: BTreeSet<String>,
    /// People whose stored version moves although nothing effective may change (a connection's own words did).
    pub rewritten: BTreeSet<String>,
    /// People whose index rows are built again although nothing else may change.
    pub reindexed: BTreeSet<String>,
    pub events: Vec<Event>,
    /// Organizations that somebody came into, and those that an owner left: judged when everything is written.
    pub joined: BTreeSet<String>,
    pub left_by_owner: BTreeSet<String>,
    /// Refusals may name resources that the caller has not named.
    pub is_administrators: bool,
    pub held: Held,
    /// Whose budget pays for what ends here, where the cause does not say it.
    pub budget: Option<String>,
    /// People whose losses have been counted.
    pub counted: BTreeSet<String>,
    /// (memberships, deactivations) that this transaction has ended at its payer's expense.
    pub spent: (i64, i64),
    /// Something that would have ended here is held.
    pub holds_back: bool,
    /// The id that the next resource gets, where others refer to it already.
    pub allotted: Option<String>,
}

impl<'d> Work<'d> {
    pub async fn open(directory: &'d Directory, tenant: &str, cause: Cause) -> Result<Self> {
        let mut tx = directory.engine.write(tenant).await?;
        agree::share(&mut tx, "", &[About::Definitions]).await?;
        Self::begin(directory, tx, cause).await
    }

    /// With nobody else writing in the tenant: for whoever changes what resources are judged by.
    pub async fn open_alone(directory: &'d Directory, tenant: &str, cause: Cause) -> Result<Self> {
        let mut tx = directory.engine.write(tenant).await?;
        agree::alone(&mut tx, "", About::Definitions).await?;
        Self::begin(directory, tx, cause).await
    }

    /// On a snapshot: judges, and can write nothing.
    pub async fn look(directory: &'d Directory, tenant: &str, cause: Cause) -> Result<Self> {
        let tx = directory.engine.read(tenant).await?;
        Self::begin(directory, tx, cause).await
    }

    async fn begin(directory: &'d Directory, mut tx: Tx, cause: Cause) -> Result<Self> {
        let tenant = tenants::current(&mut tx).await?.ok_or_else(|| scim::Error::not_found("no such tenant"))?;
        let registry = directory.registry_at(&mut tx, &tenant).await?;
        let configuration = Configuration::load(&mut tx).await?;
        Ok(Self {
            directory,
            tx,
            now: directory.clock.now(),
            tenant,
            configuration,
            registry,
            cause,
            before: BTreeMap::new(),
            touched: BTreeSet::new(),
            rewritten: BTreeSet::new(),
            reindexed: BTreeSet::new(),
            events: Vec::new(),
            joined: BTreeSet::new(),
            left_by_owner: BTreeSet::new(),
            is_administrators: false,
            held: Held::default(),
            budget: None,
            counted: BTreeSet::new(),
            spent: (0, 0),
            holds_back: false,
            allotted: None,
        })
    }

    /// The type as it is now: a request read its own before this transaction began.
    pub fn kind(&self, name: &str) -> Result<Arc<ResourceType>> {
        let kind = self.registry.type_named(name).cloned();
        kind.ok_or_else(|| scim::Error::not_found(format!("there is no resource type {name} any more")).into())
    }

    /// The person is locked and will be derived again.
    pub async fn touch(&mut self, id: &str) -> Result<()> {
        self.hold_one(id).await?;
        self.touched.insert(id.to_owned());
        Ok(())
    }

    pub async fn touch_all(&mut self, ids: &BTreeSet<String>) -> Result<()> {
        self.hold(ids).await?;
        self.touched.extend(ids.iter().cloned());
        Ok(())
    }

    /// Of a resource that this transaction makes.
    pub fn new_id(&mut self) -> String {
        self.allotted.take().unwrap_or_else(|| self.directory.ids.new())
    }

    /// A person that this transaction made.
    pub fn made(&mut self, id: &str) {
        self.before.insert(id.to_owned(), Before::default());
        self.touched.insert(id.to_owned());
    }

    pub fn event(&mut self, kind: Kind) -> Event {
        Event::new(kind, self.cause.clone())
    }

    pub fn publish(&mut self, event: Event) {
        self.events.push(event);
    }

    /// Derives whoever is touched, writes the differences and the events.
    pub async fn finish(&mut self) -> Result<()> {
        self.settle().await?;
        self.check_organizations().await?;
        self.pay().await?;
        let events: Vec<(String, String)> =
            self.events.drain(..).map(|event| (event.kind.to_string(), event.to_json())).collect();
        if !events.is_empty() {
            feed::append(&mut self.tx, self.now, &events).await?;
        }
        Ok(())
    }

    pub async fn commit(self) -> Result<()> {
        self.tx.commit().await.map_err(Error::from)
    }
}

/// How often a transaction starts again.
pub(crate) const TRIES: u64 = 6;

/// Runs the body in a transaction and commits it; a lost race starts it again, [`TRIES`] times at most. The body answers a
/// `Result` and leaves events and derivation to [`Work::finish`], which is called for it.
macro_rules! transact {
    ($directory:expr, $tenant:expr, $cause:expr, $work:ident => $body:block) => {
        $crate::directory::transact!(open, $directory, $tenant, $cause, $work => $body)
    };
    (alone, $directory:expr, $tenant:expr, $cause:expr, $work:ident => $body:block) => {
        $crate::directory::transact!(open_alone, $directory, $tenant, $cause, $work => $body)
    };
    ($open:ident, $directory:expr, $tenant:expr, $cause:expr, $work:ident => $body:block) => {{
        let mut tries = 0_u64;
        let mut first = $crate::directory::First::default();
        loop {
            let mut $work = $crate::directory::Work::$open($directory, $tenant, $cause).await?;
            let outcome: $crate::directory::Result<_> = async {
                $work.lock_first(&first).await?;
                let answer: $crate::directory::Result<_> = async $body.await;
                let answer = answer?;
                $work.finish().await?;
                Ok(answer)
            }
            .await;
            let outcome = match outcome {
                Ok(value) => $work.commit().await.map(|()| value),
                Err(error) => {
                    drop($work);
                    Err(error)
                }
            };
            match outcome {
                Err($crate::directory::Error::Again(met)) if tries < $crate::directory::work::TRIES => {
                    tries += 1;
                    first.extend(met);
                }
                Err(error) if error.is_race() && tries < $crate::directory::work::TRIES => {
                    tries += 1;
                    $crate::directory::work::pause($directory, tries).await;
                }
                Err(error) if error.is_race() => break Err($crate::directory::Error::Busy),
                other => break other,
            }
        }
    }};
}
pub(crate) use transact;

/// An uneven wait, so that two that collided do not collide again: anything up to a bound that doubles with every try, from
/// 32 ms to a second.
pub(crate) async fn pause(directory: &Directory, tries: u64) {
    let random = u64::from(u16::from_be_bytes(directory.ids.bytes::<2>()));
    let most = 16_u64 << tries.min(6);
    tokio::time::sleep(std::time::Duration::from_millis(random % most)).await;
}

/// The row is this program's own; that it cannot be read is corruption.
pub(crate) fn corrupt(table: &'static str, detail: impl ToString) -> Error {
    Error::Store(store::Error::Corrupt { table, detail: detail.to_string() })
}
