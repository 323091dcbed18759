//! How a connection is stopped, let go, and taken back altogether.
//!
//! Paused: nobody pushes, nobody signs in, nothing ages. Disconnected: its tokens are revoked as well, and what it said
//! stays, though nobody renews it. Withdrawn: what it said is erased, person by person, each whole; what is left is the
//! state of a history without it (R13), so there are no tombstones either. A withdrawal that was begun goes on until it is
//! done: called again, or by the server's timer.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::event::{Cause, Kind};
use crate::reconcile::{Source, World, derive, is_unique};
use crate::scim::{self};
use crate::store::people::{self, Account};
use crate::store::{connections, holds, identity, resources, tokens, values, vouches, withdrawal};

use super::foresee::{Forecast, Supposed};
use super::words::everywhere;
use super::{Connected, ConnectionInfo, Directory, Result, Work, transact};

/// How many people one transaction takes.
const BATCH: i64 = 50;

pub(super) const WITHDRAWING: &str = "withdrawing";

/// What stops with a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Standing {
    /// People whom it pushes.
    pub pushed: i64,
    /// People who signed in through it.
    pub signed_in: i64,
    /// Groups that are its own.
    pub groups: i64,
    /// Tokens that speak for it alone.
    pub tokens: i64,
}

/// How far a withdrawal is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Withdrawn {
    pub done: bool,
    /// People taken in this call.
    pub people: usize,
    /// People still to come.
    pub remaining: i64,
}

impl Directory {
    pub async fn standing(&self, tenant: &str, name: &str) -> Result<Standing> {
        let id = self.existing(tenant, name).await?.id;
        let mut tx = self.engine.read(tenant).await?;
        let (pushed, signed_in, groups) = withdrawal::count(&mut tx, &id).await?;
        let tokens = own_tokens(&mut tx, &id).await?.len();
        Ok(Standing { pushed, signed_in, groups, tokens: i64::try_from(tokens).unwrap_or(i64::MAX) })
    }

    /// `paused`, `disconnected` or `on` again.
    pub async fn switch_connection(&self, tenant: &str, name: &str, state: &'static str) -> Result<ConnectionInfo> {
        let id = self.existing(tenant, name).await?.id;
        transact!(self, tenant, Cause::by("administrator"), work => {
            let before = work.stoppable(&id).await?;
            if before.state != state {
                work.set_state(&before, state).await?;
            }
            if state == "disconnected" {
                for token in own_tokens(&mut work.tx, &id).await? {
                    tokens::revoke(&mut work.tx, &token, work.now).await?;
                }
            }
            work.connected(&id).map(ConnectionInfo::of)
        })
    }

    /// What a withdrawal would do, which writes nothing.
    pub async fn foresee_withdrawal(
        &self,
        tenant: &str,
        name: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Forecast> {
        let id = self.existing(tenant, name).await?.id;
        let mut work = Work::look(self, tenant, Cause::by("administrator")).await?;
        let source = Source::Push(id.clone());
        let mut gone = BTreeSet::new();
        for group in withdrawal::groups(&mut work.tx, &id, "", i64::MAX).await? {
            if !vouches::others_speak(&mut work.tx, &group, &source).await? {
                gone.insert(group);
            }
        }
        let mut configuration = work.configuration.clone();
        for connected in configuration.connections.iter_mut().filter(|connected| connected.id == id) {
            connected.rules.domains.clear();
        }
        let names = work.registry.unique.clone();
        drop(work);
        let person = |account: &mut Account| {
            let stays = others_speak(account, &id);
            let unique = unique_words(account, &id, &names);
            erase(account, &id);
            for (cell, value) in unique {
                account.person.entered.insert(cell, Some(value));
            }
            stays
        };
        let supposed = Supposed { configuration: &configuration, groups_gone: &gone, person: &person };
        self.foresee(tenant, &id, &supposed, None, after, limit).await
    }

    /// Begins a withdrawal or goes on with it, for at most so many people; `progress` hears (done, of).
    pub async fn withdraw_connection(
        &self,
        tenant: &str,
        name: &str,
        most: usize,
        progress: &mut (dyn FnMut(usize, usize) + Send),
    ) -> Result<Withdrawn> {
        let id = self.existing(tenant, name).await?.id;
        transact!(self, tenant, Cause::by("administrator"), work => {
            let before = work.alone_with(&id).await?;
            if before.state != WITHDRAWING {
                work.set_state(&before, WITHDRAWING).await?;
            }
            for token in own_tokens(&mut work.tx, &id).await? {
                tokens::revoke(&mut work.tx, &token, work.now).await?;
            }
            Ok(())
        })?;
        let mut people = 0;
        while people < most {
            let taken = transact!(self, tenant, cause(&id), work => {
                let connected = work.connected(&id)?;
                let ids = identity::population(&mut work.tx, &id, "", BATCH).await?;
                work.hold(&ids).await?;
                for account in people::load(&mut work.tx, &ids).await? {
                    work.withdraw_person(&connected, &account).await?;
                }
                Ok(ids.len())
            })?;
            people += taken;
            let remaining = self.remaining(tenant, &id).await?;
            progress(people, people + usize::try_from(remaining).unwrap_or_default());
            if taken == 0 {
                self.withdraw_groups(tenant, &id).await?;
                self.withdraw_settings(tenant, &id).await?;
                return Ok(Withdrawn { done: true, people, remaining: 0 });
            }
        }
        Ok(Withdrawn { done: false, people, remaining: self.remaining(tenant, &id).await? })
    }

    /// Withdrawals that were begun and not finished.
    pub(super) async fn go_on_withdrawing(&self, tenant: &str) -> Result<usize> {
        let begun = self.connections(tenant).await?.into_iter().filter(|connection| connection.state == WITHDRAWING);
        let mut people = 0;
        for connection in begun {
            people += self.withdraw_connection(tenant, &connection.id, usize::MAX, &mut |_, _| {}).await?.people;
        }
        Ok(people)
    }

    async fn remaining(&self, tenant: &str, id: &str) -> Result<i64> {
        let mut tx = self.engine.read(tenant).await?;
        Ok(withdrawal::population(&mut tx, id).await?)
    }

    async fn withdraw_groups(&self, tenant: &str, id: &str) -> Result<()> {
        loop {
            let ended = transact!(self, tenant, cause(id), work => {
                let connected = work.connected(id)?;
                let groups = withdrawal::groups(&mut work.tx, id, "", 1).await?;
                for group in &groups {
                    let Some(mut row) = resources::find_for_update(&mut work.tx, "Group", group).await? else { continue };
                    work.end_group(Some(&connected), &mut row).await?;
                    resources::remove_record(&mut work.tx, id, group).await?;
                }
                Ok(groups.len())
            })?;
            if ended == 0 {
                return Ok(());
            }
        }
    }

    /// What is left when nobody and nothing is the connection's any more.
    async fn withdraw_settings(&self, tenant: &str, id: &str) -> Result<()> {
        transact!(self, tenant, Cause::by("administrator"), work => {
            let connected = work.alone_with(id).await?;
            let shared = work.shares_namespace(&connected);
            let namespace = connected.namespace();
            let scopes = if shared { vec![id.to_owned()] } else { vec![id.to_owned(), everywhere(&namespace)] };
            withdrawal::sweep(&mut work.tx, id, (!shared).then_some(namespace.as_str()), &scopes).await?;
            holds::sweep(&mut work.tx, id).await?;
            let mut rules = connected.rules.clone();
            rules.domains.clear();
            work.sync_domains(id, &rules).await?;
            connections::update(&mut work.tx, id, "withdrawn", &rules.to_value().to_string(), work.now).await?;
            connections::set_succeeds(&mut work.tx, id, None).await?;
            connections::mark_unused(&mut work.tx, id).await?;
            let event = work.event(Kind::ConnectionWithdrawn).of(id);
            work.publish(event);
            Ok(())
        })
    }

    async fn existing(&self, tenant: &str, name: &str) -> Result<ConnectionInfo> {
        let found = self.connection(tenant, name).await?;
        found.ok_or_else(|| scim::Error::not_found(format!("there is no connection {name:?}")).into())
    }
}

impl Work<'_> {
    /// The connection with its settings locked.
    async fn alone_with(&mut self, id: &str) -> Result<Connected> {
        use crate::store::agree::{self, About};
        agree::alone(&mut self.tx, id, About::Settings).await?;
        self.configuration = super::Configuration::load(&mut self.tx).await?;
        self.connected(id)
    }

    async fn stoppable(&mut self, id: &str) -> Result<Connected> {
        let before = self.alone_with(id).await?;
        not_withdrawing(&before)?;
        Ok(before)
    }

    async fn set_state(&mut self, before: &Connected, state: &str) -> Result<()> {
        connections::update(&mut self.tx, &before.id, state, &before.rules.to_value().to_string(), self.now).await?;
        self.configuration = super::Configuration::load(&mut self.tx).await?;
        if before.rules.groups.lease.is_some() {
            self.touch_population(&before.id).await?;
        }
        let kind = match state {
            "paused" => Kind::ConnectionPaused,
            "disconnected" => Kind::ConnectionDisconnected,
            "on" => Kind::ConnectionResumed,
            _ => Kind::ConnectionUpdated,
        };
        let event = self.event(kind).of(&before.id);
        self.publish(event);
        Ok(())
    }

    pub(super) fn shares_namespace(&self, connected: &Connected) -> bool {
        let namespace = connected.namespace();
        let mut others = self.configuration.connections.iter().filter(|other| other.id != connected.id);
        others.any(|other| other.namespace() == namespace)
    }

    /// One person without what this connection ever said.
    async fn withdraw_person(&mut self, connected: &Connected, account: &Account) -> Result<()> {
        let (id, connection) = (account.person.id.as_str(), connected.id.as_str());
        self.touch(id).await?;
        let stays = others_speak(account, connection);
        if stays {
            for (cell, value) in unique_words(account, connection, &self.registry.unique) {
                people::set_word(&mut self.tx, id, "entered", &cell, Some(&value), self.now).await?;
            }
        }
        let is_pushed = account.person.records.iter().any(|record| record.connection == connection);
        if is_pushed {
            resources::remove_record(&mut self.tx, connection, id).await?;
            values::remove(&mut self.tx, id, connection).await?;
            vouches::remove_member_source(&mut self.tx, id, &Source::Push(connection.to_owned())).await?;
            holds::remove_of_connection(&mut self.tx, connection, id).await?;
            self.rewritten.insert(id.to_owned());
        }
        for link in account.person.links.iter().filter(|link| link.connection == connection) {
            identity::remove_link(&mut self.tx, connection, &link.subject).await?;
        }
        if !self.shares_namespace(connected) {
            withdrawal::remove_anchors(&mut self.tx, &connected.namespace(), id).await?;
        }
        if account.person.retired {
            return Ok(());
        }
        if stays {
            let kind = if is_pushed { Kind::RecordRemoved } else { Kind::LinkRemoved };
            let event = self.event(kind).of(id).and(connection);
            self.publish(event);
            return Ok(());
        }
        self.vanish(account).await
    }

    /// Nobody else ever spoke of the account: it goes, as if it had never been.
    async fn vanish(&mut self, account: &Account) -> Result<()> {
        let id = account.person.id.as_str();
        identity::remove_anchors(&mut self.tx, id).await?;
        people::remove_words(&mut self.tx, id).await?;
        values::remove_all(&mut self.tx, id).await?;
        vouches::remove_all_but_denies(&mut self.tx, id).await?;
        people::set_lifecycle(&mut self.tx, id, false, None, Some(self.now)).await?;
        people::save(
            &mut self.tx,
            &people::Judged {
                id,
                version: account.version + 1,
                modified: self.now,
                display: None,
                document: "{}",
                active: false,
                home: None,
                dead: None,
            },
        )
        .await?;
        let event = self.event(Kind::UserDeleted).of(id);
        self.publish(event);
        self.report_departure(account).await?;
        self.touched.remove(id);
        Ok(())
    }
}

/// Not an edit of the administrator's own: it is carried out whatever it leaves behind, and the feed tells of that.
fn cause(connection: &str) -> Cause {
    Cause::by(format!("withdrawal:{connection}"))
}

/// A withdrawal that was begun is finished first.
pub(super) fn not_withdrawing(connected: &Connected) -> Result<()> {
    if connected.state == WITHDRAWING {
        let name = &connected.name;
        return Err(scim::Error::new(
            409,
            None,
            format!("connection {name} is being withdrawn: wait until that is done, or call withdraw again"),
        )
        .into());
    }
    Ok(())
}

/// Live tokens that name this connection and no other.
async fn own_tokens(tx: &mut crate::store::Tx, id: &str) -> Result<Vec<String>> {
    let only = serde_json::json!([id]).to_string();
    let all = tokens::list(tx).await?;
    Ok(all
        .into_iter()
        .filter(|token| token.revoked.is_none() && token.connections == only)
        .map(|token| token.id)
        .collect())
}

/// Whether anybody but this connection has a word on the person: another push or sign-in, or an administrator.
pub(super) fn others_speak(account: &Account, connection: &str) -> bool {
    let person = &account.person;
    let own = Source::Push(connection.to_owned());
    person.records.iter().any(|record| record.connection != connection)
        || person.links.iter().any(|link| link.connection != connection)
        || !person.entered.is_empty()
        || !person.locks.is_empty()
        || person.vouches.iter().any(|vouch| vouch.source != own)
        || person.suspended
        || account.protected
}

/// The unique names that only this connection gave: an account that stays keeps them.
pub(super) fn unique_words(
    account: &Account,
    connection: &str,
    unique: &BTreeSet<String>,
) -> Vec<(String, serde_json::Value)> {
    let mut left = account.clone();
    erase(&mut left, connection);
    // What is unique has one owner whatever the configuration says, so no more of the world is needed to find it.
    let world = World { unique: unique.clone(), ..World::default() };
    let (before, after) = (derive(&account.person, &world), derive(&left.person, &world));
    let lost = before.words.into_iter().filter(|(cell, _)| is_unique(cell, unique) && !after.words.contains_key(cell));
    lost.collect()
}

/// The registers of the person without the connection's.
fn erase(account: &mut Account, connection: &str) {
    let own = Source::Push(connection.to_owned());
    let person = &mut account.person;
    person.records.retain(|record| record.connection != connection);
    person.links.retain(|link| link.connection != connection);
    person.vouches.retain(|vouch| vouch.source != own);
    person.held.retain(|held| held.connection != connection);
}
