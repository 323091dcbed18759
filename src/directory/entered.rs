//! Users, written by an administrator: entered words (the weakest), suspensions, locks; never another source's words.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::reconcile::{UNIQUE, cells, derive};
use crate::scim::document::Document;
use crate::scim::key::Key;
use crate::scim::{self};
use crate::store::people::Account;
use crate::store::{identity, people, values};

use super::people::{Asserted, gone};
use super::settle::effective_external_id;
use super::words::{everywhere, user_name_of};
use super::{Connected, Error, Result, Work, world};

/// The cell under which an administrator's `externalId` stands: it is a word like any other, and no anchor.
const EXTERNAL_ID: &str = "externalId";

impl Work<'_> {
    /// POST /Users by an administrator: a person whom nobody pushes, until a push or a login finds them.
    pub(crate) async fn enter_person(&mut self, asserted: Asserted) -> Result<String> {
        let Asserted { mut document, external_id, active, .. } = asserted;
        let name = user_name_of(&document)
            .filter(|name| !name.trim().is_empty())
            .ok_or_else(|| scim::Error::invalid_value("userName is required and may not be empty"))?;
        let key = Key::user_name(name).0;
        if values::holder(&mut self.tx, "User", "username", "", &key).await?.is_some() {
            return Err(scim::Error::uniqueness("another user already has this userName").into());
        }
        if let Some(external_id) = external_id {
            document.0.insert(EXTERNAL_ID.to_owned(), Value::String(external_id));
        }
        let id = match self.retired_by_name(&key).await? {
            Some(id) => {
                self.revive(&id, &document).await?;
                id
            }
            None => self.insert_person(&document).await?,
        };
        for (cell, value) in cells::cells(&document) {
            people::set_word(&mut self.tx, &id, "entered", &cell, Some(&value), self.now).await?;
        }
        self.clear_everywhere(&key).await?;
        if active == Some(false) {
            people::set_lifecycle(&mut self.tx, &id, true, Some(self.now), None).await?;
        }
        Ok(id)
    }

    /// The retired account of this userName, whatever connection ended it: an administrator may have it back.
    pub(super) async fn retired_by_name(&mut self, key: &str) -> Result<Option<String>> {
        let mark = self.mark("user_name", key);
        for namespace in self.namespaces() {
            let found =
                identity::tombstone(&mut self.tx, &everywhere(&namespace), "user_name", &mark, self.now).await?;
            // What was erased since leaves its marks, and nothing to revive.
            if let Some(Some(id)) = found
                && self.account(&id).await?.is_some_and(|account| account.person.retired)
            {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }

    pub(crate) fn namespaces(&self) -> BTreeSet<String> {
        self.configuration.connections.iter().map(Connected::namespace).collect()
    }

    /// The tombstones of the account that an administrator has back, its anchors included, so that it may sign in again.
    async fn clear_everywhere(&mut self, key: &str) -> Result<()> {
        let mark = self.mark("user_name", key);
        for namespace in self.namespaces() {
            let scope = everywhere(&namespace);
            if let Some(Some(id)) = identity::tombstone(&mut self.tx, &scope, "user_name", &mark, self.now).await? {
                identity::clear_tombstones_of(&mut self.tx, std::slice::from_ref(&scope), &id).await?;
            }
        }
        Ok(())
    }

    /// What an administrator reads and so may change: the effective document with `externalId` and `active`.
    pub(crate) fn effective(&self, account: &Account) -> Document {
        let mut document = account.document.clone();
        let home = account.home.as_ref();
        if let Some(record) = account.person.records.iter().find(|record| Some(&record.connection) == home) {
            document.0.shift_remove(EXTERNAL_ID);
            if let Some(external_id) = &record.external_id {
                document.0.insert(EXTERNAL_ID.to_owned(), Value::String(external_id.clone()));
            }
        }
        document.0.insert("active".to_owned(), Value::Bool(account.active));
        document
    }

    /// PUT or PATCH by an administrator. `left_out` is what a PUT leaves out: no word about what another source owns.
    pub(crate) async fn enter(&mut self, account: &Account, after: Asserted, is_put: bool) -> Result<bool> {
        let id = account.person.id.clone();
        let mut accounts = [account.clone()];
        let world = world::gather(&mut self.tx, &self.configuration, &self.registry, &mut accounts, self.now).await?;
        let [complete] = &mut accounts;
        let derived = derive(&complete.person, &world);
        let external_before = effective_external_id(account, &derived, &account.document).map(str::to_owned);
        let mut without = complete.person.clone();
        without.entered = BTreeMap::new();
        let owned = derive(&without, &world).words;

        let Asserted { mut document, external_id, active, .. } = after;
        if derived.home.is_none()
            && let Some(external_id) = external_id.clone()
        {
            document.0.insert(EXTERNAL_ID.to_owned(), Value::String(external_id));
        }
        if derived.home.is_some() && external_id != external_before && !(is_put && external_id.is_none()) {
            return Err(owned_by_push("externalId"));
        }
        let (before, wanted) = (cells::cells(&account.document), cells::cells(&document));
        let mut changed = false;
        let names: BTreeSet<&String> = before.keys().chain(wanted.keys()).collect();
        for cell in names {
            let (was, is) = (before.get(cell), wanted.get(cell));
            let is_servers = is.is_none() && cell != "userName" && UNIQUE.contains(&cell.as_str());
            if was == is || is_servers || (derived.home.is_some() && cell == EXTERNAL_ID) {
                continue;
            }
            if account.person.locks.contains_key(cell) {
                return Err(scim::Error::mutability(format!(
                    "{cell} is locked by an administrator; remove the lock (admin/v1) to change it"
                ))
                .into());
            }
            let pushed =
                account.person.records.iter().any(|record| record.words.get(cell).is_some_and(Option::is_some));
            if (owned.contains_key(cell) && cell != "userName") || (cell == "userName" && pushed) {
                if is.is_none() && is_put {
                    continue;
                }
                return Err(self.owned(account, cell));
            }
            match is {
                Some(value) => {
                    if cell == "userName" {
                        self.check_free(&id, value).await?;
                    }
                    people::set_word(&mut self.tx, &id, "entered", cell, Some(value), self.now).await?;
                }
                None if cell == "userName" => {
                    return Err(scim::Error::mutability("userName is required and cannot be removed").into());
                }
                None => people::remove_word(&mut self.tx, &id, "entered", cell).await?,
            }
            changed = true;
        }
        if let Some(active) = active
            && active != account.active
        {
            self.set_active(account, active).await?;
            changed = true;
        }
        if changed {
            self.touch(&id).await?;
        }
        Ok(changed)
    }

    async fn check_free(&mut self, id: &str, user_name: &Value) -> Result<()> {
        let key = Key::user_name(user_name.as_str().unwrap_or_default()).0;
        match values::holder(&mut self.tx, "User", "username", "", &key).await? {
            Some(holder) if holder != id => {
                Err(scim::Error::uniqueness("another user already has this userName").into())
            }
            _ => Ok(()),
        }
    }

    /// `active` in the mouth of an administrator: false suspends, true lifts the suspension and no more.
    async fn set_active(&mut self, account: &Account, active: bool) -> Result<()> {
        let person = &account.person;
        if active && !person.suspended {
            return Err(scim::Error::mutability(
                "active is kept by the connection that pushes this user, which says inactive; activate the user there",
            )
            .into());
        }
        let off = if active { person.off } else { Some(person.off.map_or(self.now, |off| off.max(self.now))) };
        people::set_lifecycle(&mut self.tx, &person.id, !active, off, None).await?;
        self.touch(&person.id).await
    }

    /// Which source keeps the cell, and the way around.
    fn owned(&self, account: &Account, cell: &str) -> Error {
        let pushing = account.person.records.iter().find(|record| record.words.get(cell).is_some_and(Option::is_some));
        let name = |id: &str| self.configuration.connection(id).map_or_else(|| id.to_owned(), |c| c.name.clone());
        let source = match pushing {
            Some(record) => format!("the push of connection {}", name(&record.connection)),
            None => account.person.links.iter().find(|link| link.attributes.contains_key(cell)).map_or_else(
                || "another source".to_owned(),
                |link| format!("sign-in through connection {}", name(&link.connection)),
            ),
        };
        scim::Error::mutability(format!("{cell} is kept by {source}; change it there, or lock it (admin/v1)")).into()
    }

    /// DELETE /Users by an administrator: every record ends, each with its tombstone, and the account is retired.
    pub(crate) async fn remove_person(&mut self, id: &str) -> Result<()> {
        let Some(account) = self.account(id).await?.filter(|account| !account.person.retired) else {
            return Err(gone());
        };
        self.retire(&account).await
    }
}

fn owned_by_push(cell: &str) -> Error {
    scim::Error::mutability(format!("{cell} is kept by the push of the user's home connection; change it there")).into()
}
