//! What an administrator has ruled about an identity that was refused: which account it is, or that it is nobody who is
//! there. An identity is remembered by its HMAC, so a ruling holds nothing of a person.

use crate::store::{conflicts, identity};

use super::people::refused;
use super::words::{Said, subject_of};
use super::{Connected, Result, Work};

/// Whose identity a ruling or a conflict is about.
pub(crate) const SUBJECT: &str = "subject";
pub(crate) const RECORD: &str = "record";

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Ruling {
    #[default]
    None,
    /// Nobody of those who are there.
    Apart,
    Account(String),
}

impl Work<'_> {
    /// What a push names a user by when it creates one.
    pub(crate) fn pushed_identity(&self, external_id: Option<&str>, key: &str) -> String {
        match external_id {
            Some(external_id) => self.mark(RECORD, &format!("externalId\u{0}{external_id}")),
            None => self.mark(RECORD, &format!("userName\u{0}{key}")),
        }
    }

    /// What a push names a user by whom it has read.
    pub(crate) fn account_identity(&self, id: &str) -> String {
        self.mark(RECORD, &format!("id\u{0}{id}"))
    }

    pub(crate) fn subject_identity(&self, connection: &str, subject: &str) -> String {
        self.mark(SUBJECT, &subject_of(connection, subject))
    }

    pub(crate) async fn ruling_of_push(&mut self, connected: &Connected, hash: &str) -> Result<Ruling> {
        self.ruling(&connected.id, RECORD, hash).await
    }

    /// An administrator has bound this account, which the push names by its id.
    pub(super) async fn is_bound(&mut self, connected: &Connected, id: &str) -> Result<bool> {
        let hash = self.account_identity(id);
        Ok(self.ruling_of_push(connected, &hash).await? == Ruling::Account(id.to_owned()))
    }

    /// Used once: from now on the record says who it is.
    pub(super) async fn forget_bound(&mut self, connected: &Connected, id: &str) -> Result<()> {
        let hash = self.account_identity(id);
        Ok(conflicts::remove_ruling(&mut self.tx, &connected.id, RECORD, &hash).await?)
    }

    pub(crate) async fn ruling(&mut self, connection: &str, kind: &str, hash: &str) -> Result<Ruling> {
        Ok(match conflicts::ruling(&mut self.tx, connection, kind, hash).await? {
            None => Ruling::None,
            Some(None) => Ruling::Apart,
            Some(Some(id)) => Ruling::Account(id),
        })
    }

    /// The pushed user is this account, an administrator said: bound whoever pushes it besides, protected or not. `None` where
    /// the ruling is of no use any more: the account is gone, or the connection pushes it under another name.
    pub(crate) async fn bind_ruled(
        &mut self,
        connected: &Connected,
        id: &str,
        said: &Said,
        (key, hash): (&str, &str),
    ) -> Result<Option<String>> {
        let Some(account) = self.account(id).await?.filter(|account| !account.person.retired) else { return Ok(None) };
        if account.person.records.iter().any(|record| record.connection == connected.id) {
            return Ok(None);
        }
        if let Some(external_id) = &said.external_id
            && let Some((holder, false)) = identity::anchor(&mut self.tx, &connected.namespace(), external_id).await?
            && holder != id
        {
            return Err(refused(
                "this externalId names another user",
                "identity_conflict",
                vec![(holder, "externalId")],
            ));
        }
        self.check_holder(connected, key, Some(id)).await?;
        self.claim(connected, id, said).await?;
        // Used once: from now on the record and its anchor say who it is.
        conflicts::remove_ruling(&mut self.tx, &connected.id, RECORD, hash).await?;
        Ok(Some(id.to_owned()))
    }
}
