//! Groups: whose they are, what they are called, which are teams.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::event::Kind;
use crate::reconcile::Source;
use crate::scim::document::Document;
use crate::scim::key::{self, Key};
use crate::scim::resource_type::urn;
use crate::scim::{self};
use crate::store::{identity, resources, values, vouches};

use super::settle::effective_entries;
use super::words::check_external_id;
use super::{Case, Connected, Error, Result, Work, world};

/// The scope in which an administrator's group names are unique; a connection's are in its own, teams in their organization.
const ADMINISTRATOR: &str = "administrator";

/// A group of the same name is there, and the push got one of its own.
pub(super) const SAME_NAME: &str = "group_name_taken";

/// A group as it is to be stored.
pub(crate) struct Stated {
    pub document: Document,
    pub external_id: Option<String>,
}

impl Stated {
    pub fn of(mut document: Document) -> Result<Self> {
        let external_id = document.take_external_id();
        check_external_id(external_id.as_deref())?;
        Ok(Self { document, external_id })
    }

    /// As the row has it: without what the server adds, and without the `externalId` of a record.
    pub fn stored(row: &resources::Row) -> Result<Self> {
        let mut document = Document::from_json(&row.document).map_err(|e| super::work::corrupt("resource", e))?;
        document.0.shift_remove(urn::TEAM);
        let external_id = document.take_external_id();
        Ok(Self { document, external_id })
    }
}

impl Work<'_> {
    /// POST /Groups: taken over, revived or created. `connected` is the push that speaks, or nobody: the administrator.
    pub(crate) async fn make_group(&mut self, connected: Option<&Connected>, stated: Stated) -> Result<resources::Row> {
        let display = required_name(&stated.document)?;
        if let Some(connected) = connected {
            self.name_groups(&connected.id).await?;
            self.check_own_group(connected, &stated, &display).await?;
            if !connected.rules.in_scope(&display) {
                return Err(scim::Error::forbidden(format!(
                    "the group name {display:?} is outside what connection {} may touch (groups.scope.pattern of its settings)",
                    connected.name
                ))
                .into());
            }
            self.check_successors(connected, &display).await?;
            if !connected.used {
                crate::store::connections::mark_used(&mut self.tx, &connected.id).await?;
            }
        }
        let organization = self.organization_of(connected, &display).await?;
        if let Some(connected) = connected
            && let Some(mut row) = self.takeable(connected, &stated, &display).await?
        {
            self.take_over(connected, &mut row).await?;
            self.store_group(&mut row, &stated, true).await?;
            return Ok(row);
        }
        if let Some(connected) = connected {
            self.note_same_name(connected, &display).await?;
        }
        let scope = scope(connected.map(|c| c.id.as_str()), organization.as_deref());
        self.check_free_name(&scope, &display, None).await?;
        let mut row = match self.revivable_group(connected, &stated, &display).await? {
            Some(row) => row,
            None => {
                let row = resources::Row {
                    display: Some(display.clone()),
                    owner: connected.map(|c| c.id.clone()),
                    organization: organization.clone(),
                    ..resources::Row::new(self.new_id(), "Group", self.now)
                };
                resources::insert(&mut self.tx, &row).await?;
                let event = self.event(Kind::GroupCreated).of(&row.id);
                self.publish(event);
                row
            }
        };
        row.organization = organization;
        self.store_group(&mut row, &stated, false).await?;
        Ok(row)
    }

    /// The group is the connection's own from now on. Of its predecessor's, the predecessor's list ends with that: who is in it is
    /// the successor's to say.
    pub(super) async fn take_over(&mut self, connected: &Connected, row: &mut resources::Row) -> Result<()> {
        if let Some(old) = row.owner.replace(connected.id.clone()) {
            let mut keys = BTreeSet::from([world::name_key(row.display.as_deref().unwrap_or_default())]);
            let record = resources::record(&mut self.tx, &old, &row.id).await?;
            keys.extend(record.and_then(|record| record.external_id).as_deref().map(world::id_key));
            let mut affected = vouches::people_of(&mut self.tx, &row.id).await?;
            affected.extend(identity::claimants(&mut self.tx, &old, &keys).await?);
            self.touch_all(&affected).await?;
            vouches::remove_parent(&mut self.tx, &row.id, Some(&Source::Push(old.clone()))).await?;
            vouches::remove_full_lists(&mut self.tx, &row.id).await?;
            resources::remove_record(&mut self.tx, &old, &row.id).await?;
        }
        let event = self.event(Kind::GroupTakenOver).of(&row.id).and(&connected.id);
        self.publish(event);
        Ok(())
    }

    /// PUT, PATCH /Groups/{id}: attributes only; `false` if they are as they were.
    pub(crate) async fn restate_group(
        &mut self,
        connected: Option<&Connected>,
        row: &mut resources::Row,
        before: &Stated,
        after: Stated,
    ) -> Result<bool> {
        if before.document == after.document && before.external_id == after.external_id {
            return Ok(false);
        }
        let display = required_name(&after.document)?;
        if connected.is_none() && row.owner.is_some() {
            let owner = row.owner.as_deref().and_then(|id| self.configuration.connection(id));
            return Err(scim::Error::mutability(format!(
                "the attributes of this group are kept by the push of connection {}; change them there",
                owner.map_or("that owns it", |owner| owner.name.as_str())
            ))
            .into());
        }
        let renamed = row.display.as_deref() != Some(display.as_str());
        if renamed {
            let organization = self.organization_of(connected, &display).await?;
            if organization != row.organization {
                return Err(scim::Error::mutability(
                    "a rename may not turn a group into a team, a team into a group, or move it to another organization; \
                     create a new group instead",
                )
                .into());
            }
            let scope = scope(row.owner.as_deref(), row.organization.as_deref());
            self.check_free_name(&scope, &display, Some(&row.id)).await?;
            if let (Some(owner), Some(old)) = (&row.owner, &row.display) {
                let keys = BTreeSet::from([world::name_key(old)]);
                let claimants = identity::claimants(&mut self.tx, owner, &keys).await?;
                self.touch_all(&claimants).await?;
            }
        }
        if let Some(connected) = connected {
            self.check_own_id(connected, after.external_id.as_deref(), Some(&row.id)).await?;
            if let Some(old) = before.external_id.as_ref().filter(|old| Some(*old) != after.external_id.as_ref()) {
                let claimants =
                    identity::claimants(&mut self.tx, &connected.id, &BTreeSet::from([world::id_key(old)])).await?;
                self.touch_all(&claimants).await?;
            }
        }
        let old = row.display.clone().filter(|_| renamed);
        self.store_group(row, &after, true).await?;
        if let Some(old) = old {
            self.settle_same_name(row, &old).await?;
        }
        Ok(true)
    }

    /// A group that had the name of another is called otherwise now: whoever waits in the queue for that is done.
    async fn settle_same_name(&mut self, row: &resources::Row, old: &str) -> Result<()> {
        let pairs: Vec<(String, String)> = match &row.owner {
            Some(owner) => {
                let same = values::having(&mut self.tx, "Group", "displayname", &Key::text(false, old).0, 4).await?;
                same.into_iter().map(|id| (owner.clone(), id)).collect()
            }
            None => self.configuration.connections.iter().map(|it| (it.id.clone(), row.id.clone())).collect(),
        };
        self.settle_renamed(pairs, &row.id).await
    }

    /// Another displayName, as the administrator's word: of a group that no push keeps.
    pub(super) async fn rename_group(&mut self, id: &str, name: &str) -> Result<()> {
        let mut row = self.group_for_update(None, id).await?;
        let before = Stated::stored(&row)?;
        let body = json!({"schemas": [urn::GROUP], "displayName": name});
        let named = Document::read(&*self.kind("Group")?, &body)?.document;
        let mut after = Stated::stored(&row)?;
        after.document.0.extend(named.0);
        self.restate_group(None, &mut row, &before, after).await.map(drop)
    }

    /// Writes the group, its index and its record, and derives again whoever's claim names it.
    async fn store_group(&mut self, row: &mut resources::Row, stated: &Stated, changed: bool) -> Result<()> {
        let display = required_name(&stated.document)?;
        let mut document = stated.document.clone();
        if let Some(organization) = &row.organization {
            document.0.insert(urn::TEAM.to_owned(), json!({"organization": {"value": organization}}));
        }
        if row.owner.is_none()
            && let Some(external_id) = &stated.external_id
        {
            document.0.insert("externalId".to_owned(), Value::String(external_id.clone()));
        }
        row.display = Some(display.clone());
        row.document = document.to_json();
        if changed {
            row.version += 1;
            row.modified = self.now;
            let event = self.event(Kind::GroupUpdated).of(&row.id);
            self.publish(event);
        }
        resources::update(&mut self.tx, row).await?;
        self.index_group(row, &document, stated.external_id.as_deref()).await?;
        if let Some(owner) = row.owner.clone() {
            self.name_groups(&owner).await?;
            let bound_at = resources::record(&mut self.tx, &owner, &row.id).await?.map_or(self.now, |r| r.bound_at);
            let record = resources::Record {
                connection: owner.clone(),
                resource: row.id.clone(),
                kind: "Group".to_owned(),
                external_id: stated.external_id.clone(),
                name_key: Some(Key::text(false, &display).0),
                active: true,
                document: None,
                cleared: "[]".to_owned(),
                bound_at,
                off: None,
                deleted: None,
            };
            resources::put_record(&mut self.tx, &record).await?;
            let mut keys = BTreeSet::from([world::name_key(&display)]);
            keys.extend(stated.external_id.as_deref().map(world::id_key));
            let claimants = identity::claimants(&mut self.tx, &owner, &keys).await?;
            self.touch_all(&claimants).await?;
        }
        Ok(())
    }

    pub(super) async fn index_group(
        &mut self,
        row: &resources::Row,
        document: &Document,
        external_id: Option<&str>,
    ) -> Result<()> {
        let kind = &self.kind("Group")?;
        let mut entries = effective_entries(kind, document, external_id, row.display.as_deref());
        for entry in entries.iter_mut().filter(|entry| entry.attr == "displayname") {
            entry.unique = true;
        }
        let mut scope = scope(row.owner.as_deref(), row.organization.as_deref());
        // Whoever gives a group a name has asked whether it is free. One that a push left to the administrator keeps a name
        // that the administrator's own group may have as well: then it claims it for nobody but itself.
        let name = Key::text(false, row.display.as_deref().unwrap_or_default()).0;
        let holder = values::holder(&mut self.tx, "Group", "displayname", &scope, &name).await?;
        if holder.is_some_and(|holder| holder != row.id) {
            scope.clone_from(&row.id);
        }
        self.check_unique(kind, &row.id, &entries).await?;
        Ok(values::replace(&mut self.tx, &row.id, "Group", "", &entries, Some(&scope)).await?)
    }

    async fn check_free_name(&mut self, scope: &str, display: &str, own: Option<&str>) -> Result<()> {
        let key = Key::text(false, display).0;
        match values::holder(&mut self.tx, "Group", "displayname", scope, &key).await? {
            Some(holder) if Some(holder.as_str()) != own => {
                Err(scim::Error::uniqueness("another group already has this displayName").into())
            }
            _ => Ok(()),
        }
    }

    /// One connection's group names and ids are each its own.
    async fn check_own_group(&mut self, connected: &Connected, stated: &Stated, display: &str) -> Result<()> {
        self.check_own_id(connected, stated.external_id.as_deref(), None).await?;
        let key = Key::text(false, display).0;
        if resources::record_by_name(&mut self.tx, &connected.id, "Group", &key).await?.is_some() {
            return Err(scim::Error::uniqueness("another group already has this displayName").into());
        }
        Ok(())
    }

    async fn check_own_id(
        &mut self,
        connected: &Connected,
        external_id: Option<&str>,
        own: Option<&str>,
    ) -> Result<()> {
        let Some(external_id) = external_id else { return Ok(()) };
        let found = resources::record_by_external_id(&mut self.tx, &connected.id, "Group", external_id).await?;
        if found.is_some_and(|record| Some(record.resource.as_str()) != own) {
            return Err(scim::Error::uniqueness("another group already has this externalId").into());
        }
        Ok(())
    }

    /// The organization that a name `slug:team` means: one in the connection's list, any for an administrator. Everything
    /// else is a plain group of that name.
    pub(crate) async fn organization_of(
        &mut self,
        connected: Option<&Connected>,
        display: &str,
    ) -> Result<Option<String>> {
        let Some((slug, team)) = display.split_once(':') else { return Ok(None) };
        if slug.trim().is_empty() || team.trim().is_empty() {
            return Ok(None);
        }
        let found = resources::organization_by_slug(&mut self.tx, &key::fold(slug.trim())).await?;
        Ok(found.filter(|id| connected.is_none_or(|connected| connected.serves(id))))
    }

    /// A group that may be taken over, by `externalId`, else by name.
    async fn takeable(
        &mut self,
        connected: &Connected,
        stated: &Stated,
        display: &str,
    ) -> Result<Option<resources::Row>> {
        let mut ids = Vec::new();
        if let Some(external_id) = &stated.external_id {
            ids.extend(values::having(&mut self.tx, "Group", "externalid", external_id, 4).await?);
        }
        ids.extend(values::having(&mut self.tx, "Group", "displayname", &Key::text(false, display).0, 4).await?);
        for id in ids {
            let Some(row) = resources::find_for_update(&mut self.tx, "Group", &id).await? else { continue };
            if self.is_takeable(connected, &row).await? {
                return Ok(Some(row));
            }
        }
        Ok(None)
    }

    /// A group of this name that nobody owns and that could not be taken over, because somebody has a word on it: the connection
    /// gets one of its own, and the queue says so.
    async fn note_same_name(&mut self, connected: &Connected, display: &str) -> Result<()> {
        let ids = values::having(&mut self.tx, "Group", "displayname", &Key::text(false, display).0, 4).await?;
        let rows = resources::existing(&mut self.tx, &ids.into_iter().collect()).await?;
        let unowned = rows.into_iter().filter(|row| row.owner.is_none() || row.owner == connected.succeeds);
        let same: Vec<(String, &'static str)> = unowned
            .filter(|row| world::in_scope(connected, display, row.organization.as_deref()))
            .map(|row| (row.id, "displayName"))
            .collect();
        if same.is_empty() {
            return Ok(());
        }
        self.queue_push(&connected.id, SAME_NAME, &Case { candidates: same, hash: None }).await
    }

    /// A group in scope and not privileged: one that nobody owns and on which nobody but an import has a word, or one of the
    /// connection's predecessor.
    pub(crate) async fn is_takeable(&mut self, connected: &Connected, row: &resources::Row) -> Result<bool> {
        Ok(row.retired.is_none()
            && may_reach(connected, row)
            && match &row.owner {
                None => !vouches::others_speak(&mut self.tx, &row.id, &Source::Import).await?,
                owner => *owner == connected.succeeds,
            })
    }

    /// A successor that holds the group keeps it.
    async fn check_successors(&mut self, connected: &Connected, display: &str) -> Result<()> {
        let successors = self.configuration.connections.iter().filter(|it| it.succeeds.as_ref() == Some(&connected.id));
        let successors: Vec<String> = successors.map(|it| it.id.clone()).collect();
        let key = Key::text(false, display).0;
        for successor in successors {
            if resources::record_by_name(&mut self.tx, &successor, "Group", &key).await?.is_some() {
                return Err(scim::Error::uniqueness(
                    "the connection that succeeds this one keeps this group now: switch this application off",
                )
                .into());
            }
        }
        Ok(())
    }

    /// A retired group of the same connection, externalId and name: the same id, empty.
    async fn revivable_group(
        &mut self,
        connected: Option<&Connected>,
        stated: &Stated,
        display: &str,
    ) -> Result<Option<resources::Row>> {
        let (Some(connected), Some(external_id)) = (connected, &stated.external_id) else { return Ok(None) };
        let mark = self.mark("group", &format!("{external_id}\u{0}{}", Key::text(false, display).0));
        let found = identity::tombstone(&mut self.tx, &connected.id, "group", &mark, self.now).await?.flatten();
        let Some(id) = found else { return Ok(None) };
        identity::clear_tombstones(&mut self.tx, &[(connected.id.clone(), "group", mark)]).await?;
        let Some(mut row) = resources::find_for_update(&mut self.tx, "Group", &id).await? else { return Ok(None) };
        row.retired = None;
        row.version += 1;
        row.modified = self.now;
        row.owner = Some(connected.id.clone());
        let event = self.event(Kind::GroupRevived).of(&id);
        self.publish(event);
        Ok(Some(row))
    }

    /// DELETE /Groups/{id}: the connection's list ends; the group goes unless another source has a word on it, then it is
    /// the administrator's. An administrator's DELETE ends it altogether.
    pub(crate) async fn end_group(&mut self, connected: Option<&Connected>, row: &mut resources::Row) -> Result<()> {
        let affected = vouches::people_of(&mut self.tx, &row.id).await?;
        self.hold(&affected).await?;
        if let Some(connected) = connected {
            let source = Source::Push(connected.id.clone());
            let stays = vouches::others_speak(&mut self.tx, &row.id, &source).await?;
            if stays {
                vouches::remove_parent(&mut self.tx, &row.id, Some(&source)).await?;
                resources::remove_record(&mut self.tx, &connected.id, &row.id).await?;
                row.owner = None;
                row.version += 1;
                row.modified = self.now;
                resources::update(&mut self.tx, row).await?;
                let document = Document::from_json(&row.document).map_err(|e| super::work::corrupt("resource", e))?;
                self.index_group(row, &document, None).await?;
                return self.touch_all(&affected).await;
            }
            let record = resources::record(&mut self.tx, &connected.id, &row.id).await?;
            if let Some((external_id, name)) = record.and_then(|r| Some((r.external_id?, r.name_key?))) {
                let mark = self.mark("group", &format!("{external_id}\u{0}{name}"));
                let until = self.keep_until();
                let marks = [(connected.id.clone(), "group", mark)];
                identity::add_tombstones(&mut self.tx, &marks, Some(&row.id), self.now, until).await?;
            }
        }
        resources::remove_records(&mut self.tx, &row.id).await?;
        vouches::remove_all_but_denies_of(&mut self.tx, &row.id).await?;
        self.forget_held_in(&row.id).await?;
        vouches::remove_full_lists(&mut self.tx, &row.id).await?;
        values::remove_all(&mut self.tx, &row.id).await?;
        row.retired = Some(self.now);
        row.version += 1;
        row.modified = self.now;
        resources::update(&mut self.tx, row).await?;
        let event = self.event(Kind::GroupDeleted).of(&row.id);
        self.publish(event);
        for id in &affected {
            if self.before.get(id).is_some_and(|before| before.parents.contains(&row.id)) {
                let event = self.event(Kind::MembershipRemoved).of(id).and(&row.id);
                self.publish(event);
                // The organization behind the team is judged when the person is derived; the team itself is reported here.
                if let Some(before) = self.before.get_mut(id) {
                    before.parents.remove(&row.id);
                    before.parents.extend(row.organization.clone());
                }
            }
        }
        self.touch_all(&affected).await
    }

    /// The group, locked, if this voice may write it.
    pub(crate) async fn group_for_update(&mut self, connected: Option<&Connected>, id: &str) -> Result<resources::Row> {
        let missing = || Error::from(scim::Error::not_found("no group with this id"));
        let row = resources::find_for_update(&mut self.tx, "Group", id).await?.ok_or_else(missing)?;
        if row.retired.is_some() {
            return Err(missing());
        }
        match connected {
            Some(connected) if row.owner.as_deref() != Some(&connected.id) => {
                if self.is_takeable(connected, &row).await? { Ok(row) } else { Err(missing()) }
            }
            _ => Ok(row),
        }
    }

    /// Everybody whom the connection pushes or signed in, in batches: its mapping changed.
    pub(crate) async fn touch_population(&mut self, connection: &str) -> Result<()> {
        let mut after = String::new();
        loop {
            let batch = identity::population(&mut self.tx, connection, &after, 500).await?;
            let Some(last) = batch.last().cloned() else { return Ok(()) };
            self.touch_all(&batch).await?;
            self.settle().await?;
            after = last;
        }
    }
}

/// Whether a push of the connection may have the group at all.
pub(super) fn may_reach(connected: &Connected, row: &resources::Row) -> bool {
    let display = row.display.as_deref().unwrap_or_default();
    !row.protected && world::in_scope(connected, display, row.organization.as_deref())
}

fn required_name(document: &Document) -> Result<String> {
    match document.0.get("displayName").and_then(Value::as_str) {
        Some(name) if !name.trim().is_empty() => Ok(name.to_owned()),
        _ => Err(scim::Error::invalid_value("displayName is required and may not be empty").into()),
    }
}

fn scope(owner: Option<&str>, organization: Option<&str>) -> String {
    organization.or(owner).unwrap_or(ADMINISTRATOR).to_owned()
}
