//! What an administrator does to the words of a connection: ends one sign-in identity, or writes a list in the
//! connection's name where its push cannot reach the group (a group that is not its own).

use std::collections::BTreeSet;

use crate::event::{Cause, Kind};
use crate::reconcile::{World, derive, is_unique};
use crate::scim;
use crate::scim::document::Member;
use crate::scim::patch::MemberEdit;
use crate::store::people::Account;
use crate::store::{identity, people, resources};

use super::{Connected, Directory, Result, Work, transact};

/// A change of the list that a connection has of a group: ids of people.
#[doc(hidden)]
#[derive(Clone, Debug)]
pub enum ListChange {
    Add(Vec<String>),
    Remove(Vec<String>),
    /// The whole list.
    State(Vec<String>),
}

impl ListChange {
    fn edit(&self) -> MemberEdit {
        let members = |ids: &[String]| ids.iter().map(|id| Member { value: id.clone(), kind: None }).collect();
        match self {
            Self::Add(ids) => MemberEdit::Add(members(ids)),
            Self::Remove(ids) => MemberEdit::Remove(ids.clone()),
            Self::State(ids) => MemberEdit::Replace(members(ids)),
        }
    }
}

impl Directory {
    /// One sign-in identity ends with everything that it claimed, as if it had never signed in; `false` if there is none.
    /// It is no deletion and leaves no tombstone: whoever signs in again is found by the anchor.
    pub async fn unlink(&self, tenant: &str, connection: &str, subject: &str) -> Result<bool> {
        transact!(self, tenant, Cause::by("administrator"), work => {
            let connected = work.named(connection)?;
            let Some(link) = identity::link(&mut work.tx, &connected.id, subject).await? else { return Ok(false) };
            let account = work.living(&link.resource).await?;
            if !account.person.links.iter().any(|it| it.connection == connected.id && it.subject == subject) {
                return Ok(false);
            }
            work.end_link(&connected, &link).await?;
            work.forget_ruling(&connected.id, subject).await.map(|()| true)
        })
    }

    /// Edits the list that a connection has of any group as its own push would, the group's owner aside: binds and
    /// successors write lists over with it.
    #[doc(hidden)]
    pub async fn push_list(&self, tenant: &str, connection: &str, group: &str, change: &ListChange) -> Result<()> {
        transact!(self, tenant, Cause::by(format!("push:{connection}")), work => {
            let connected = work.named(connection)?;
            let row = resources::find_for_update(&mut work.tx, "Group", group).await?;
            let Some(row) = row.filter(|row| row.retired.is_none()) else {
                return Err(scim::Error::not_found("no group with this id").into());
            };
            work.push_members(&connected, &row, vec![change.edit()]).await.map(drop)
        })
    }
}

impl Work<'_> {
    pub(crate) fn named(&self, connection: &str) -> Result<Connected> {
        let found = self.configuration.named(connection).cloned();
        found.ok_or_else(|| scim::Error::not_found(format!("there is no connection {connection:?}")).into())
    }

    /// One link ends with everything that it claimed.
    pub(crate) async fn end_link(&mut self, connected: &Connected, link: &identity::Link) -> Result<()> {
        let account = self.living(&link.resource).await?;
        self.keep_names(&account, |it| it.connection == connected.id && it.subject == link.subject).await?;
        identity::remove_link(&mut self.tx, &connected.id, &link.subject).await?;
        let event = self.event(Kind::LinkRemoved).of(&link.resource).and(&connected.id).naming([&link.id]);
        self.publish(event);
        Ok(())
    }

    /// An account keeps the unique names that only the links which end now gave it: they become the administrator's words.
    pub(crate) async fn keep_names(
        &mut self,
        account: &Account,
        ends: impl Fn(&crate::reconcile::Link) -> bool,
    ) -> Result<()> {
        let mut left = account.person.clone();
        left.links.retain(|link| !ends(link));
        // What is unique has one owner whatever the configuration says: no connection and no group is needed to find it.
        let world = World { unique: self.registry.unique.clone(), ..World::default() };
        let (before, after) = (derive(&account.person, &world), derive(&left, &world));
        let lost: BTreeSet<&String> = before.words.keys().filter(|cell| !after.words.contains_key(*cell)).collect();
        for cell in lost.into_iter().filter(|cell| is_unique(cell, &world.unique)) {
            let value = before.words.get(cell);
            people::set_word(&mut self.tx, &account.person.id, "entered", cell, value, self.now).await?;
        }
        Ok(())
    }
}
