//! DELETE of somebody's last record, beyond the connection's budget: the push is told that the user is gone and reads 404 from
//! then on, and for everybody else the account stands, held, until the hold is applied or its time is over.
//!
//! The record stays meanwhile, inactive and marked as deleted, because the account's attributes are its words. Its lists, its
//! password and its claims end at once. A POST of the same user takes the deletion back; a POST or a new name that needs what
//! somebody deleted still has lets that person go first, so that an identity provider never meets the names of whom it deleted.

use crate::reconcile::Source;
use crate::store::people::Account;
use crate::store::{credentials, holds, identity, resources, vouches};

use super::passwords::source_of;
use super::people::visible;
use super::words::Said;
use super::{Connected, Result, Work};

impl Work<'_> {
    /// The account's last record ends: now, if the connection's budget allows it, else when the hold ends.
    pub(super) async fn depart(&mut self, connected: &Connected, account: &Account) -> Result<()> {
        let id = account.person.id.as_str();
        let is_effective = self.before.get(id).is_some_and(|before| before.exists && before.active);
        if !is_effective {
            return self.end_record(connected, account).await;
        }
        let record = account.person.records.iter().find(|record| record.connection == connected.id);
        let unwritten = i64::from(record.is_some_and(|record| record.active));
        if !self.beyond(connected, (0, 1), unwritten).await?.1 {
            return self.end_record(connected, account).await;
        }
        if record.is_none() {
            // Signed in through it and never pushed: a DELETE is a push's write too, so it claims, and ends what it claimed.
            self.claim(connected, id, &visible(account)).await?;
        }
        identity::remove_claims(&mut self.tx, &connected.id, id, self.now, &self.registry.unique).await?;
        credentials::remove(&mut self.tx, id, &source_of(Some(&connected.id))).await?;
        vouches::remove_member_source(&mut self.tx, id, &Source::Push(connected.id.clone())).await?;
        resources::set_record_deleted(&mut self.tx, &connected.id, id, self.now).await?;
        let parents = self.before.get(id).map(|before| before.parents.clone()).unwrap_or_default();
        let cells = std::iter::once(holds::ACTIVE.to_owned()).chain(parents);
        let pairs: Vec<(String, String)> = cells.map(|cell| (id.to_owned(), cell)).collect();
        let hold = self.open_hold(&connected.id, connected.rules.hold.release.ms()).await?;
        holds::put(&mut self.tx, &hold, self.now, &pairs).await?;
        self.holds_back = true;
        self.counted.insert(id.to_owned());
        self.rewritten.insert(id.to_owned());
        self.touch(id).await
    }

    /// Every deletion of this person that a hold kept back takes effect.
    pub(super) async fn let_go(&mut self, id: &str) -> Result<()> {
        let Some(account) = self.account(id).await?.filter(|account| !account.person.retired) else { return Ok(()) };
        let Some(connection) = account.deleted.first() else { return Ok(()) };
        let connected = self.connected(connection)?;
        self.end_record(&connected, &account).await
    }

    /// The connection's deleted record that this POST says again. Others whose name or id it needs are let go.
    pub(super) async fn taken_back(
        &mut self,
        known: &[resources::Record],
        said: &Said,
        key: &str,
    ) -> Result<Option<Account>> {
        for record in known.iter().filter(|record| record.deleted.is_some()) {
            let is_other = matches!((&record.external_id, &said.external_id), (Some(a), Some(b)) if a != b);
            if record.name_key.as_deref() == Some(key) && !is_other {
                let is_known =
                    |account: &Account| account.person.records.iter().any(|it| it.connection == record.connection);
                return self.still(&record.resource, is_known).await.map(Some);
            }
            self.let_go(&record.resource).await?;
        }
        Ok(None)
    }

    /// Whoever was deleted and has this name or id goes, unless it is `own`.
    pub(super) async fn make_room(
        &mut self,
        connected: &Connected,
        external_id: Option<&str>,
        key: &str,
        own: &str,
    ) -> Result<()> {
        for record in self.known_records(connected, external_id, key).await? {
            if record.deleted.is_some() && record.resource != own {
                self.let_go(&record.resource).await?;
            }
        }
        Ok(())
    }

    /// The connection's records of this `externalId` and of this userName, deleted ones too.
    pub(super) async fn known_records(
        &mut self,
        connected: &Connected,
        external_id: Option<&str>,
        key: &str,
    ) -> Result<Vec<resources::Record>> {
        let mut found = Vec::new();
        if let Some(external_id) = external_id {
            found.extend(resources::record_by_external_id(&mut self.tx, &connected.id, "User", external_id).await?);
        }
        found.extend(resources::record_by_name(&mut self.tx, &connected.id, "User", key).await?);
        Ok(found)
    }

    /// Nothing is held any more of somebody who is gone.
    pub(super) async fn forget_held(&mut self, account: &Account) -> Result<()> {
        let id = &account.person.id;
        if account.person.held.is_empty() {
            return Ok(());
        }
        holds::remove_of(&mut self.tx, None, &std::iter::once(id.clone()).collect()).await?;
        self.close_empty(account.person.held.iter().map(|held| held.hold.clone()).collect()).await
    }
}
