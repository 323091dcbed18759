//! The memberships of an import: the weakest words, once all that they name is there.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::{Cause, Kind as Happened};
use crate::reconcile::{Source, Word};
use crate::scim::document::Member;
use crate::store::{resources, vouches};

use super::super::{Directory, Error, Result, Work, transact};
use super::line::{Kind, Names, key_of, may_be};
use super::{BATCH, Item, Outcome, Progress};

/// Whom a member means: somebody there, or a line that a dry run would create.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Meant {
    Stored(String),
    Line(usize),
}

/// What became of some members of one group.
#[derive(Default)]
struct Brought {
    /// Imported now that were not before.
    new: usize,
    /// Places in the line's list that name nobody.
    unknown: Vec<usize>,
}

impl Directory {
    /// Every group's members, in small transactions; how many are new.
    pub(super) async fn import_members(
        &self,
        tenant: &str,
        items: &mut [Item],
        names: &Names,
        dry_run: bool,
        progress: &mut Progress<'_>,
    ) -> Result<usize> {
        let is_list = |item: &Item| item.said.as_ref().is_some_and(|said| !said.members.is_empty());
        let of = items.iter().filter_map(|item| item.said.as_ref()).map(|said| said.members.len()).sum();
        let (mut done, mut all) = (0, 0);
        for at in 0..items.len() {
            if items[at].outcome == Outcome::Refused || !is_list(&items[at]) {
                continue;
            }
            let members = items[at].said.as_ref().map(|said| said.members.clone()).unwrap_or_default();
            let (mut new, mut unknown) = (0, Vec::new());
            for (chunk, some) in members.chunks(BATCH).enumerate() {
                let brought = self.bring_members(tenant, items, names, at, some, dry_run).await?;
                new += brought.new;
                unknown.extend(brought.unknown.into_iter().map(|place| place + chunk * BATCH));
                done += some.len();
                progress(done, of);
            }
            all += new;
            items[at].listed(new, &unknown, members.len());
        }
        Ok(all)
    }

    async fn bring_members(
        &self,
        tenant: &str,
        items: &[Item],
        names: &Names,
        group: usize,
        some: &[Member],
        dry_run: bool,
    ) -> Result<Brought> {
        let id = items[group].id.as_deref();
        if dry_run {
            let mut work = Work::look(self, tenant, Cause::by("import")).await?;
            return work.import_some_members(items, names, (group, id), some, true).await;
        }
        transact!(self, tenant, Cause::by("import"), work => {
            work.import_some_members(items, names, (group, id), some, false).await
        })
    }
}

impl Item {
    fn listed(&mut self, new: usize, unknown: &[usize], of: usize) {
        if new > 0 && self.outcome == Outcome::Unchanged {
            self.outcome = Outcome::Updated;
        }
        if unknown.is_empty() {
            return;
        }
        let places: Vec<String> = unknown.iter().take(10).map(|place| format!("members[{place}]")).collect();
        let more = if unknown.len() > places.len() { ", …" } else { "" };
        let count = unknown.len();
        self.reason = Some(format!(
            "{count} of {of} members name nobody, neither here nor in this file: {}{more}",
            places.join(", ")
        ));
    }
}

impl Work<'_> {
    async fn import_some_members(
        &mut self,
        items: &[Item],
        names: &Names,
        (group, id): (usize, Option<&str>),
        some: &[Member],
        dry_run: bool,
    ) -> Result<Brought> {
        let mut brought = Brought::default();
        let mut meant = BTreeSet::new();
        for (place, member) in some.iter().enumerate() {
            match self.meant(items, names, member).await? {
                Some(Meant::Line(line)) if line == group => brought.unknown.push(place),
                Some(Meant::Stored(stored)) if Some(stored.as_str()) == id => brought.unknown.push(place),
                Some(one) => drop(meant.insert(one)),
                None => brought.unknown.push(place),
            }
        }
        let stored: BTreeSet<String> = meant
            .iter()
            .filter_map(|one| match one {
                Meant::Stored(id) => Some(id.clone()),
                Meant::Line(_) => None,
            })
            .collect();
        brought.new = meant.len() - stored.len();
        // Of a group that a dry run would create, nothing is stored.
        let Some(group) = id else {
            brought.new += stored.len();
            return Ok(brought);
        };
        if !dry_run {
            self.share(&BTreeSet::from([group.to_owned()])).await?;
            self.hold(&stored).await?;
        }
        let imported = vouches::words_on(&mut self.tx, group, &Source::Import, &stored).await?;
        // What an administrator has granted for good is confirmed already.
        let granted = vouches::lasting_grants(&mut self.tx, group, &stored).await?;
        let kinds: BTreeMap<String, String> =
            resources::existing(&mut self.tx, &stored).await?.into_iter().map(|row| (row.id, row.kind)).collect();
        let new: BTreeSet<String> =
            stored.into_iter().filter(|id| !imported.contains_key(id) && !granted.contains(id)).collect();
        brought.new += new.len();
        if dry_run || resources::find(&mut self.tx, "Group", group).await?.is_none() {
            return Ok(brought);
        }
        let mut rows = Vec::with_capacity(new.len());
        for id in &new {
            let row = vouches::Row::person(group, id, Source::Import, Word::Grant, Some(self.now));
            if kinds.get(id).is_some_and(|kind| kind == "Group") {
                let event = self.event(Happened::MembershipAdded).of(id).and(group);
                self.publish(event);
                rows.push(vouches::Row { member_kind: "Group", live: true, ..row });
            } else {
                self.touch(id).await?;
                rows.push(row);
            }
        }
        vouches::put(&mut self.tx, &rows).await?;
        Ok(brought)
    }

    /// The file's own words first: an id means there what it means where the file comes from.
    async fn meant(&mut self, items: &[Item], names: &Names, member: &Member) -> Result<Option<Meant>> {
        if let Some(line) = names.member(member) {
            let item = &items[line];
            return Ok(match (&item.id, item.outcome) {
                (_, Outcome::Refused) => None,
                (Some(id), _) => Some(Meant::Stored(id.clone())),
                (None, _) => Some(Meant::Line(line)),
            });
        }
        let one = BTreeSet::from([member.value.clone()]);
        let known = resources::existing(&mut self.tx, &one).await?.into_iter().next();
        let kind = |row: &resources::Row| if row.kind == "Group" { Kind::Group } else { Kind::User };
        if let Some(row) = known.filter(|row| row.kind != "Organization" && may_be(member, kind(row))) {
            return Ok(Some(Meant::Stored(row.id)));
        }
        let mut found = None;
        if may_be(member, Kind::User) {
            found = self.importable_person(&member.value).await?;
        }
        if found.is_none() && may_be(member, Kind::Group) {
            found = match self.importable_group(&key_of(Kind::Group, &member.value)).await {
                Err(Error::Scim(_)) => None, // several have this name
                found => found?,
            };
        }
        Ok(found.map(Meant::Stored))
    }
}
