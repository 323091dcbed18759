//! Users, written by a push: every case of the table "every case of a push, in a line" (docs/reconciliation.md).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::event::Kind;
use crate::reconcile::{Record, Stamp, cells};
use crate::scim::document::Document;
use crate::scim::key::Key;
use crate::scim::{self};
use crate::store::agree::{self, About};
use crate::store::people::Account;
use crate::store::{self, identity, people, resources, values};

pub(crate) use super::config::domain_of;
use super::error::Case;
use super::retire::ends_with;
use super::rulings::Ruling;
use super::settle::{display_name, own_document};
use super::sight::{Sight, has_address_of, sight, verified_for};
use super::words::{Said, addresses_of, check_external_id, everywhere, stated, user_name_of};
use super::{Connected, Error, PasswordWord, Result, Work};

/// The parts of a POST or PUT body of a User that are not attributes of the document.
pub(crate) struct Asserted {
    pub document: Document,
    pub external_id: Option<String>,
    pub active: Option<bool>,
    pub password: PasswordWord,
}

impl Asserted {
    /// Takes a read body apart. Of the password only what is said is kept; the text has been hashed before.
    pub fn of(mut document: Document) -> Result<Self> {
        let external_id = document.take_external_id();
        check_external_id(external_id.as_deref())?;
        let active = document.take_active();
        let password = PasswordWord::taken_from(&mut document);
        Ok(Self { document, external_id, active, password })
    }
}

impl Work<'_> {
    /// The account, locked, with its registers; `None` if there never was one of that id.
    pub(crate) async fn account(&mut self, id: &str) -> Result<Option<Account>> {
        self.hold_one(id).await?;
        Ok(people::load(&mut self.tx, &BTreeSet::from([id.to_owned()])).await?.pop())
    }

    pub(crate) fn connected(&self, id: &str) -> Result<Connected> {
        self.configuration
            .connection(id)
            .cloned()
            .ok_or_else(|| scim::Error::forbidden("the connection of this token no longer exists").into())
    }

    /// A new account with this document; whose words they are is written by the caller.
    pub(crate) async fn insert_person(&mut self, document: &Document) -> Result<String> {
        let id = self.new_id();
        let row = resources::Row {
            display: display_name(document),
            document: document.to_json(),
            ..resources::Row::new(id.clone(), "User", self.now)
        };
        resources::insert(&mut self.tx, &row).await?;
        self.made(&id);
        Ok(id)
    }

    // -------------------------------------------------------------------------------------------- create

    /// POST /Users by a push: restored, adopted, claimed, revived or created.
    pub(crate) async fn push_person(&mut self, connection: &str, asserted: Asserted) -> Result<String> {
        let connected = self.connected(connection)?;
        agree::share(&mut self.tx, connection, &[About::Settings]).await?;
        let Asserted { document, external_id, active, .. } = asserted;
        let key = required_user_name(&document)?;
        let said = Said { external_id, active: active.unwrap_or(true), words: stated(&document) };
        let hash = self.pushed_identity(said.external_id.as_deref(), &key);
        let placed = self.place(&connected, &document, said, &key, &hash).await;
        placed.map_err(|error| error.about(&hash))
    }

    /// The order of outcomes of a POST.
    async fn place(
        &mut self,
        connected: &Connected,
        document: &Document,
        said: Said,
        key: &str,
        hash: &str,
    ) -> Result<String> {
        let known = self.known_records(connected, said.external_id.as_deref(), key).await?;
        if let Some(account) = self.taken_back(&known, &said, key).await? {
            return self.rewrite(connected, &account, said, true).await.map(|_| account.person.id);
        }
        if let Some(id) = restorable(&known, &said, key)? {
            let account =
                self.still(&id, |account| record_of(account, connected).is_some_and(|record| !record.active)).await?;
            return self.rewrite(connected, &account, said, true).await.map(|_| id);
        }
        let ruling = self.ruling_of_push(connected, hash).await?;
        if let Ruling::Account(id) = &ruling
            && let Some(id) = self.bind_ruled(connected, id, &said, (key, hash)).await?
        {
            return Ok(id);
        }
        if let Some(external_id) = &said.external_id {
            let anchored = identity::anchor(&mut self.tx, &connected.namespace(), external_id).await?;
            if let Some((id, false)) = anchored {
                if self.held_by_successor(connected, &id).await? {
                    return Err(scim::Error::uniqueness(
                        "the connection that succeeds this one keeps this user now: switch this application off",
                    )
                    .into());
                }
                self.still(&id, |account| record_of(account, connected).is_none()).await?;
                self.check_name(connected, key, Some(&id)).await?;
                self.bind(connected, &id, &said).await?;
                let event = self.event(Kind::RecordAdopted).of(&id).and(&connected.id);
                self.publish(event);
                return Ok(id);
            }
        }
        if ruling == Ruling::Apart {
            self.check_holder(connected, key, None).await?;
        } else {
            if let Some(account) = self.claimable(connected, document, key).await? {
                let id = account.person.id.clone();
                self.check_claiming_names(connected, &account, document)?;
                self.check_name(connected, key, Some(&id)).await?;
                self.claim(connected, &id, &said).await?;
                return Ok(id);
            }
            self.check_name(connected, key, None).await?;
        }
        if let Some(id) = self.revivable(connected, said.external_id.as_deref(), key).await? {
            self.revive(&id, document).await?;
            self.bind(connected, &id, &said).await?;
            return Ok(id);
        }
        let id = self.insert_person(document).await?;
        self.bind(connected, &id, &said).await?;
        Ok(id)
    }

    /// The account, held, if it is still what a look-up before the lock found. Else somebody was quicker, and starting again
    /// shows what became of it.
    pub(super) async fn still(&mut self, id: &str, is_it: impl Fn(&Account) -> bool) -> Result<Account> {
        let account = self.account(id).await?.filter(|account| !account.person.retired && is_it(account));
        account.ok_or_else(|| store::Error::Conflict.into())
    }

    /// Exactly one unclaimed person in sight whose userName, else whose address in a verified domain, is the pushed one.
    async fn claimable(&mut self, connected: &Connected, document: &Document, key: &str) -> Result<Option<Account>> {
        let mut candidates: BTreeSet<String> =
            values::having(&mut self.tx, "User", "username", key, 3).await?.into_iter().collect();
        let by = if candidates.is_empty() { "email" } else { "userName" };
        if candidates.is_empty() {
            for address in addresses_of(document) {
                if domain_of(&address).is_some_and(|domain| verified_for(connected, &domain)) {
                    candidates.extend(values::having(&mut self.tx, "User", "emails.value", &address, 3).await?);
                }
            }
        }
        self.hold(&candidates).await?;
        let accounts = people::load(&mut self.tx, &candidates).await?;
        let mut seen: Vec<(Account, Sight)> = accounts
            .into_iter()
            .map(|account| {
                let sight = sight(&self.configuration, connected, &account);
                (account, sight)
            })
            .filter(|(_, sight)| matches!(sight, Sight::Unclaimed | Sight::Guarded))
            .collect();
        match seen.as_slice() {
            [] => Ok(None),
            [(_, Sight::Unclaimed)] => Ok(seen.pop().map(|(account, _)| account)),
            [(account, _)] => Err(refused(
                "this account is protected: an administrator has to bind it to the connection first",
                "guarded_account",
                vec![(account.person.id.clone(), by)],
            )),
            several => Err(refused(
                "several accounts that nobody pushes match this user: an administrator has to bind one of them",
                "ambiguous_account",
                several.iter().map(|(account, _)| (account.person.id.clone(), by)).collect(),
            )),
        }
    }

    /// The first write of a push to a person whom nobody pushes.
    pub(crate) async fn claim(&mut self, connected: &Connected, id: &str, said: &Said) -> Result<()> {
        self.bind(connected, id, said).await?;
        self.forget_bound(connected, id).await?;
        let event = self.event(Kind::RecordClaimed).of(id).and(&connected.id);
        self.publish(event);
        Ok(())
    }

    /// The name is free for this connection: nobody else holds it, and its domain is not verified for another.
    pub(crate) async fn check_name(&mut self, connected: &Connected, key: &str, own: Option<&str>) -> Result<()> {
        if let Some(owner) = domain_of(key).and_then(|domain| self.configuration.domain_owner(&domain))
            && owner.id != connected.id
        {
            return Err(refused(
                "this userName lies in a domain that is reserved to another connection; ask an administrator",
                "user_name_reserved",
                self.holder(connected, key).await?.map(|holder| (holder, "userName")).into_iter().collect(),
            ));
        }
        self.check_holder(connected, key, own).await
    }

    async fn holder(&mut self, connected: &Connected, key: &str) -> Result<Option<String>> {
        let scope = self.name_scope(Some(&connected.id));
        Ok(values::holder(&mut self.tx, "User", "username", &scope, key).await?)
    }

    /// Nobody else holds the name.
    pub(crate) async fn check_holder(&mut self, connected: &Connected, key: &str, own: Option<&str>) -> Result<()> {
        match self.holder(connected, key).await? {
            Some(holder) if Some(holder.as_str()) != own => {
                Err(refused("another user already has this userName", "user_name_taken", vec![(holder, "userName")]))
            }
            _ => Ok(()),
        }
    }

    /// A retired account of the same anchor and userName in the connection's namespace, within the retention. Both must agree:
    /// some IdPs reuse an `externalId` for the next person.
    pub(super) async fn revivable(
        &mut self,
        connected: &Connected,
        external_id: Option<&str>,
        key: &str,
    ) -> Result<Option<String>> {
        let Some(external_id) = external_id else { return Ok(None) };
        let mark = self.mark("revive", &format!("{external_id}\u{0}{key}"));
        let scope = everywhere(&connected.namespace());
        Ok(identity::tombstone(&mut self.tx, &scope, "revive", &mark, self.now).await?.flatten())
    }

    /// The same id again, with an administrator's suspension and denies, without grants, claims or lists.
    pub(crate) async fn revive(&mut self, id: &str, document: &Document) -> Result<()> {
        self.hold_one(id).await?;
        let row = resources::find_for_update(&mut self.tx, "User", id).await?.filter(|row| row.retired.is_some());
        let row = row.ok_or(store::Error::Conflict)?;
        people::set_lifecycle(&mut self.tx, id, row.suspended, if row.suspended { row.off } else { None }, None)
            .await?;
        people::set_document(&mut self.tx, id, row.version + 1, self.now, &document.to_json()).await?;
        let event = self.event(Kind::UserRevived).of(id);
        self.publish(event);
        self.touched.insert(id.to_owned());
        Ok(())
    }

    // -------------------------------------------------------------------------------------------- change

    /// The user as this connection's push would change it: its own words, or of somebody unclaimed what it may read.
    pub(crate) async fn pushed(&mut self, connection: &str, id: &str) -> Result<(Connected, Account, Said)> {
        let connected = self.connected(connection)?;
        let Some(account) = self.account(id).await? else { return Err(gone()) };
        let mut seen = sight(&self.configuration, &connected, &account);
        if seen == Sight::Guarded {
            if !self.is_bound(&connected, id).await? {
                let refusal = refused(
                    "this account is protected: an administrator has to bind it to the connection first",
                    "guarded_account",
                    vec![(id.to_owned(), "id")],
                );
                return Err(refusal.about(&self.account_identity(id)));
            }
            seen = Sight::Unclaimed;
        }
        let said = match seen {
            Sight::Hidden | Sight::Guarded => return Err(gone()),
            Sight::Unclaimed => visible(&account),
            Sight::Own => account
                .person
                .records
                .iter()
                .find(|record| record.connection == connection)
                .map(|record| Said {
                    external_id: record.external_id.clone(),
                    active: record.active,
                    words: record.words.clone(),
                })
                .unwrap_or_default(),
        };
        Ok((connected, account, said))
    }

    /// Writes what a PUT or PATCH by a push made of the user; `false` if it changes nothing.
    pub(crate) async fn rewrite(
        &mut self,
        connected: &Connected,
        account: &Account,
        said: Said,
        restoring: bool,
    ) -> Result<bool> {
        let id = account.person.id.as_str();
        let own = own_document(&said.words);
        let key = required_user_name(&own)?;
        let known = account.person.records.iter().find(|record| record.connection == connected.id);
        if known.is_none_or(|record| record.external_id != said.external_id)
            || account.name_keys.get(&connected.id) != Some(&key)
        {
            self.make_room(connected, said.external_id.as_deref(), &key, id).await?;
        }
        let Some(record) = account.person.records.iter().find(|record| record.connection == connected.id) else {
            self.check_claiming_names(connected, account, &own)?;
            self.check_name(connected, &key, Some(id)).await?;
            self.move_anchor(connected, id, None, said.external_id.as_deref()).await?;
            self.claim(connected, id, &said).await?;
            return Ok(true);
        };
        let words = super::words::restated(&record.words, &own, restoring);
        let said = Said { words, ..said };
        if !restoring
            && record.words == said.words
            && record.active == said.active
            && record.external_id == said.external_id
        {
            if !said.active && record.off.is_none_or(|off| off < self.now) {
                // The IdP says again that this person is gone: nothing changes but how far back claims are dead.
                let off = self.lifecycle(connected, id, false, record.off).await?;
                resources::set_record_off(&mut self.tx, &connected.id, id, off).await?;
                self.touch(id).await?;
            }
            return Ok(false);
        }
        if account.name_keys.get(&connected.id) != Some(&key) {
            self.check_name(connected, &key, Some(id)).await?;
            let taken = resources::record_by_name(&mut self.tx, &connected.id, "User", &key).await?;
            if taken.is_some_and(|other| other.resource != id) {
                return Err(scim::Error::uniqueness("another user already has this userName").into());
            }
        }
        if record.external_id != said.external_id {
            self.move_anchor(connected, id, record.external_id.as_deref(), said.external_id.as_deref()).await?;
        }
        let off = self.lifecycle(connected, id, said.active, record.off).await?;
        self.write_record(&connected.id, id, &said, off, record.bound_at).await?;
        if restoring || record.external_id != said.external_id {
            self.clear_tombstones(connected, id, &said).await?;
        }
        Ok(true)
    }

    /// The record's `Off` stamp after this request. What an inactive record's links claimed up to then is dead for good, so
    /// it is erased.
    async fn lifecycle(
        &mut self,
        connected: &Connected,
        id: &str,
        is: bool,
        off: Option<Stamp>,
    ) -> Result<Option<Stamp>> {
        if is {
            return Ok(off);
        }
        let off = off.map_or(self.now, |off| off.max(self.now));
        identity::remove_claims(&mut self.tx, &connected.id, id, off, &self.registry.unique).await?;
        Ok(Some(off))
    }

    /// A push that changes `externalId` adds an anchor and retires the old one, unless another connection of the namespace
    /// pushes this person by it.
    async fn move_anchor(
        &mut self,
        connected: &Connected,
        id: &str,
        old: Option<&str>,
        new: Option<&str>,
    ) -> Result<()> {
        let namespace = connected.namespace();
        if let Some(new) = new {
            let other = resources::record_by_external_id(&mut self.tx, &connected.id, "User", new).await?;
            if other.is_some_and(|record| record.resource != id) {
                return Err(scim::Error::uniqueness("another user already has this externalId").into());
            }
            match identity::anchor(&mut self.tx, &namespace, new).await? {
                Some((holder, _)) if holder != id => {
                    return Err(refused(
                        "this externalId names another user",
                        "identity_conflict",
                        vec![(holder, "externalId")],
                    ));
                }
                _ => self.push_by_anchor(&namespace, new, id).await?,
            }
        }
        if let Some(old) = old
            && !self.others_push_by(connected, old, id).await?
        {
            identity::retire_anchor(&mut self.tx, &namespace, old).await?;
        }
        Ok(())
    }

    /// Whether another connection of the same namespace pushes the person by this anchor.
    async fn others_push_by(&mut self, connected: &Connected, anchor: &str, id: &str) -> Result<bool> {
        let namespace = connected.namespace();
        let shares = |connection: &str| {
            connection != connected.id
                && self.configuration.connection(connection).is_some_and(|other| other.namespace() == namespace)
        };
        let records = resources::records(&mut self.tx, id).await?;
        Ok(records.iter().any(|record| record.external_id.as_deref() == Some(anchor) && shares(&record.connection)))
    }

    /// A claiming request may set userName and addresses only to values in a domain verified for the connection, or to any
    /// while it is the only one that was ever used: whoever runs an IdP does not take over a mailbox by writing its name.
    fn check_claiming_names(&self, connected: &Connected, account: &Account, own: &Document) -> Result<()> {
        if self.configuration.is_sole(&connected.id) {
            return Ok(());
        }
        let known: BTreeSet<String> = names_of(&account.document);
        let foreign = names_of(own)
            .into_iter()
            .filter(|name| !known.contains(name))
            .any(|name| !domain_of(&name).is_some_and(|domain| verified_for(connected, &domain)));
        if foreign {
            return Err(scim::Error::uniqueness(
                "the request that claims a user may only set userName and emails in a domain verified for the connection; \
                 change them in a second request",
            )
            .into());
        }
        Ok(())
    }

    /// DELETE /Users by a push.
    pub(crate) async fn push_delete(&mut self, connection: &str, id: &str) -> Result<()> {
        let (connected, account, _) = self.pushed(connection, id).await?;
        let is_own = account.person.records.iter().any(|record| record.connection == connected.id);
        let signed_in = account.person.links.iter().any(|link| link.connection == connected.id);
        if !is_own && !signed_in {
            return Err(gone());
        }
        if ends_with(&account, &connected) {
            self.depart(&connected, &account).await
        } else {
            self.end_record(&connected, &account).await
        }
    }
}

/// The connection's own record that a repeated POST means: inactive ones are restored, active ones conflict.
fn restorable(known: &[resources::Record], said: &Said, key: &str) -> Result<Option<String>> {
    let taken = |what: &str| {
        Err(scim::Error::uniqueness(format!(
            "a user with this {what} already exists; read it with a filter and change it by its id"
        ))
        .into())
    };
    let mut known = known.iter().filter(|record| record.deleted.is_none());
    if let Some(record) = known.clone().find(|it| said.external_id.is_some() && it.external_id == said.external_id) {
        return if record.active { taken("externalId") } else { Ok(Some(record.resource.clone())) };
    }
    let Some(record) = known.find(|record| record.name_key.as_deref() == Some(key)) else { return Ok(None) };
    let other = matches!((&record.external_id, &said.external_id), (Some(a), Some(b)) if a != b);
    if record.active || other { taken("userName") } else { Ok(Some(record.resource.clone())) }
}

fn required_user_name(document: &Document) -> Result<String> {
    match user_name_of(document) {
        Some(name) if !name.trim().is_empty() => Ok(Key::user_name(name).0),
        _ => Err(scim::Error::invalid_value("userName is required and may not be empty").into()),
    }
}

fn record_of<'a>(account: &'a Account, connected: &Connected) -> Option<&'a Record> {
    account.person.records.iter().find(|record| record.connection == connected.id)
}

fn names_of(document: &Document) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = addresses_of(document).into_iter().collect();
    names.extend(user_name_of(document).map(|name| Key::user_name(name).0));
    names
}

/// What a push may read of somebody unclaimed; it becomes its own word when it claims them. That an administrator
/// suspended them is no word of the push: lifting the suspension has to be enough.
pub(crate) fn visible(account: &Account) -> Said {
    let cells = cells::cells(&account.document);
    let words: BTreeMap<String, Option<Value>> =
        cells.into_iter().filter(|(cell, _)| is_open(cell)).map(|(cell, value)| (cell, Some(value))).collect();
    Said { external_id: None, active: true, words }
}

/// Of people it does not push, a connection reads `userName`, `name`, `emails` and `active`.
pub(crate) fn is_open(cell: &str) -> bool {
    cell == "userName" || cell == "emails" || cell == "name" || cell.starts_with("name.")
}

pub(crate) fn gone() -> Error {
    scim::Error::not_found("no user with this id").into()
}

/// 409 with a row in the conflict queue.
pub(crate) fn refused(detail: &str, code: &'static str, candidates: Vec<(String, &'static str)>) -> Error {
    refused_with(scim::Error::uniqueness(detail), code, candidates)
}

/// The same with another status.
pub(super) fn refused_with(error: scim::Error, code: &'static str, candidates: Vec<(String, &'static str)>) -> Error {
    Error::Refused { error, code, case: Case { candidates, hash: None } }
}

/// Used by sign-in as well: whether an address of the account lies in a domain verified for the connection.
pub(crate) fn is_addressed(connected: &Connected, account: &Account) -> bool {
    has_address_of(connected, account)
}

pub(crate) use super::words::subject_of;

/// The scopes in which a tombstone of this connection's namespace is looked for.
pub(crate) fn tombstone_scopes(connected: &Connected) -> [String; 2] {
    [connected.id.clone(), everywhere(&connected.namespace())]
}
