//! Imported memberships that nobody has confirmed: no push, sign-in, invitation or grant says the same.
//!
//! They count, and an administrator drops or pins them: a drop takes the import's word back, a pin makes it a grant.

use std::collections::BTreeSet;

use crate::event::{Cause, Kind};
use crate::reconcile::{Source, Word};
use crate::scim::{self};
use crate::store::{resources, vouches};

use super::super::{Directory, Result, transact};
use super::{BATCH, Progress};

#[derive(Clone, Debug)]
pub struct Unconfirmed {
    /// (id, name) of a person, or of a group that is a member.
    pub member: (String, String),
    /// (id, displayName).
    pub group: (String, String),
    /// When it was imported.
    pub since: i64,
}

#[derive(Clone, Debug)]
pub struct UnconfirmedPage {
    /// All of them, not only this page.
    pub count: i64,
    pub memberships: Vec<Unconfirmed>,
    /// Ask again with this; absent on the last page.
    pub next: Option<String>,
}

/// What an administrator makes of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    Dropped,
    Pinned,
}

impl Directory {
    /// A page of them, of one group or of all, in the order of their ids.
    pub async fn unconfirmed(
        &self,
        tenant: &str,
        group: Option<&str>,
        after: Option<&str>,
        limit: i64,
    ) -> Result<UnconfirmedPage> {
        let after = cursor(after)?;
        let mut tx = self.engine.read(tenant).await?;
        let count = vouches::count_unconfirmed(&mut tx, group).await?;
        let mut rows = vouches::unconfirmed(&mut tx, group, &after, limit + 1).await?;
        let more = i64::try_from(rows.len()).unwrap_or(i64::MAX) > limit;
        rows.truncate(usize::try_from(limit).unwrap_or(0));
        let next = rows.last().filter(|_| more).map(|row| format!("{}.{}", row.parent, row.member));
        let ids: BTreeSet<String> = rows.iter().flat_map(|row| [row.parent.clone(), row.member.clone()]).collect();
        let named: std::collections::BTreeMap<String, String> = resources::existing(&mut tx, &ids)
            .await?
            .into_iter()
            .map(|row| (row.id, row.display.unwrap_or_default()))
            .collect();
        let name = |id: String| (id.clone(), named.get(&id).cloned().unwrap_or_default());
        let memberships = rows
            .into_iter()
            .map(|row| Unconfirmed { member: name(row.member), group: name(row.parent), since: row.stamp })
            .collect();
        Ok(UnconfirmedPage { count, memberships, next })
    }

    /// Drops or pins all of them, of one group or of the tenant, in small transactions; how many.
    pub async fn settle_unconfirmed(
        &self,
        tenant: &str,
        group: Option<&str>,
        settled: Settled,
        progress: &mut Progress<'_>,
    ) -> Result<usize> {
        let mut after = (String::new(), String::new());
        let mut done = 0;
        loop {
            let last = after.clone();
            let rows = transact!(self, tenant, Cause::by("administrator"), work => {
                let limit = i64::try_from(BATCH).unwrap_or(i64::MAX);
                let rows = vouches::unconfirmed(&mut work.tx, group, &last, limit).await?;
                let parents: BTreeSet<String> = rows.iter().map(|row| row.parent.clone()).collect();
                work.share(&parents).await?;
                let people = rows.iter().filter(|row| row.member_kind == "User").map(|row| row.member.clone());
                work.touch_all(&people.collect()).await?;
                for row in &rows {
                    vouches::remove(&mut work.tx, &row.member, &[(row.parent.clone(), Source::Import)]).await?;
                    if settled == Settled::Pinned {
                        let grant =
                            vouches::Row::person(&row.parent, &row.member, Source::Grant, Word::Grant, Some(work.now));
                        let is_group = row.member_kind == "Group";
                        let member_kind = if is_group { "Group" } else { "User" };
                        vouches::put(&mut work.tx, &[vouches::Row { member_kind, live: is_group, ..grant }]).await?;
                    } else if row.member_kind == "Group" {
                        let event = work.event(Kind::MembershipRemoved).of(&row.member).and(&row.parent);
                        work.publish(event);
                    }
                }
                Ok(rows)
            })?;
            done += rows.len();
            progress(done, done);
            match rows.last() {
                Some(row) => after = (row.parent.clone(), row.member.clone()),
                None => return Ok(done),
            }
        }
    }
}

/// (group, member) behind which a page begins.
fn cursor(text: Option<&str>) -> Result<(String, String)> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(Default::default()) };
    let wrong =
        || scim::Error::invalid_value("after is no cursor of this list: leave it out to start at the beginning");
    let (group, member) = text.split_once('.').ok_or_else(wrong)?;
    Ok((group.to_owned(), member.to_owned()))
}
