//! A change of a tenant's definitions that stored data has to follow: begun, carried through in batches, finished.
//!
//! 1. *Begin*, alone in the tenant: what stored data contradicts is refused. If nothing has to follow, the change holds at
//!    once. Else it is written down as the row's `next`, and from now on what is written is indexed both ways, while what
//!    goes takes no values.
//! 2. *Prepare*: resource by resource, a batch to a transaction, values of what goes are taken away and the index rows of
//!    what is indexed anew are added. Readers still read by the old definition, whose rows stand untouched.
//! 3. *Finish*, alone again: the change holds for everybody, and
//! 4. *sweep*: index rows that nobody reads any more go, a batch to a transaction.
//!
//! The place reached is in the row, so whoever sends the request again goes on from there, after a crash too.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::event::{Cause, Kind};
use crate::scim::definition::{self, Change, Definitions, Place, change};
use crate::scim::resource_type::Registry;
use crate::scim::{self};
use crate::store::{definitions, people};

use super::definitions::{Book, Definition, Noun, put, take, unreadable};
use super::{Directory, Error, Result, Work, transact};

/// How many resources one transaction brings in line, so that other writers are not kept waiting.
const BATCH: i64 = 100;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Stage {
    Prepare,
    Sweep,
}

/// A change under way, as the row keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Pending {
    pub stage: Stage,
    /// The definition to be, in its stored form; `None`: it goes.
    pub body: Option<String>,
    /// Types still to be walked through, the first of them up to `after`.
    kinds: Vec<String>,
    after: String,
    done: u64,
    total: u64,
    /// Index rows that go at the end: type and path.
    swept: Vec<(String, String)>,
}

/// How far a change is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// Resources that are in line.
    pub done: u64,
    pub total: u64,
}

impl Pending {
    pub(super) fn progress(&self) -> Progress {
        Progress { done: self.done, total: self.total.max(self.done) }
    }
}

enum Step {
    More(Progress),
    /// Everything is prepared.
    Ripe,
    Done,
}

impl Directory {
    /// Goes on with the tenant's change, for so many batches at most; `None` when it is through. Data that contradicts it
    /// calls it off.
    pub(super) async fn carry_on(&self, tenant: &str, batches: usize) -> Result<Option<Progress>> {
        let mut refused = None;
        let mut progress = Progress { done: 0, total: 0 };
        for _ in 0..batches.max(1) {
            match self.step(tenant).await {
                Ok(Step::More(reached)) => progress = reached,
                Ok(Step::Done) => return refused.map_or(Ok(None), Err),
                Ok(Step::Ripe) => {
                    if let Err(error) = self.finish_change(tenant).await {
                        refused = Some(self.called_off(tenant, error).await?);
                    }
                }
                Err(error) => refused = Some(self.called_off(tenant, error).await?),
            }
        }
        refused.map_or(Ok(Some(progress)), Err)
    }

    async fn step(&self, tenant: &str) -> Result<Step> {
        transact!(self, tenant, Cause::by("administrator"), work => { work.step().await })
    }

    async fn finish_change(&self, tenant: &str) -> Result<()> {
        transact!(alone, self, tenant, Cause::by("administrator"), work => { work.finish_change().await })
    }

    /// A refusal ends the change; anything else only interrupts it.
    async fn called_off(&self, tenant: &str, error: Error) -> Result<Error> {
        if !matches!(&error, Error::Scim(refusal) if refusal.status == 409) {
            return Err(error);
        }
        transact!(alone, self, tenant, Cause::by("administrator"), work => {
            let book = Book::read(&mut work.tx).await?;
            let Some((row, pending)) = book.pending() else { return Ok(()) };
            work.call_off(&book, row, pending).await
        })?;
        Ok(error)
    }
}

impl Work<'_> {
    /// Begins a change, or makes it where nothing has to follow: (there was no such definition, it is under way).
    pub(super) async fn redefine(
        &mut self,
        noun: Noun,
        name: &str,
        wanted: Option<&Definition>,
        discard: bool,
    ) -> Result<(bool, bool)> {
        let book = Book::read(&mut self.tx).await?;
        let known = book.row(noun, name).cloned();
        if wanted.is_none() && known.is_none() {
            return Err(missing(noun, name));
        }
        let mut wanted = wanted.cloned();
        if let Some(Definition::Schema(after)) = &mut wanted
            && let Some(before) = book.now.schemas.iter().find(|schema| schema.id.eq_ignore_ascii_case(name))
        {
            // The spelling of a URN is for ever: documents hold it.
            after.id.clone_from(&before.id);
            definition::follow(before, after);
        }
        let body = wanted.as_ref().map(stored);
        if let Some((row, pending)) = book.pending() {
            let same = row.kind == noun.as_str() && row.name.eq_ignore_ascii_case(name);
            if same && pending.stage == Stage::Prepare && body.as_deref() == Some(row.body.as_str()) {
                return self.call_off(&book, row, pending).await.map(|()| (false, true));
            }
            let again = if pending.stage == Stage::Sweep { Some(row.body.clone()) } else { pending.body.clone() };
            if same && body == again {
                return Ok((false, true));
            }
            return Err(conflict(format!(
                "a change of {} is under way: send it again to go on with it, or send what holds now to call it off",
                row.name
            )));
        }

        let mut next = book.now.clone();
        match wanted {
            Some(definition) => put(&mut next, definition),
            None => {
                self.check_unused(&book, noun, name).await?;
                take(&mut next, noun.as_str(), name);
            }
        }
        self.check_base(&book, &next, name).await?;
        let before = Registry::with(&book.now).map_err(unreadable)?;
        let after = Registry::with(&next).map_err(|reason| match body {
            Some(_) => scim::Error::invalid_value(reason).into(),
            None => conflict(reason),
        })?;
        let change = change(&before, &after);
        let kinds = self.follow_up(&change, discard).await?;
        let is_new = known.is_none();
        let row = known.unwrap_or_else(|| definitions::Row {
            kind: noun.as_str().to_owned(),
            name: name.to_owned(),
            body: body.clone().unwrap_or_default(),
            next: None,
            created: self.now,
            modified: self.now,
        });
        if kinds.is_empty() {
            self.settle_definition(row, body, Vec::new()).await?;
            return Ok((is_new, false));
        }
        let mut total = 0;
        for kind in &kinds {
            total += definitions::resources_of(&mut self.tx, kind).await?.0.unsigned_abs();
        }
        let swept = change.reindexed.iter().map(|place| (place.kind.clone(), place.attr.clone())).collect();
        let kinds = kinds.into_iter().collect();
        let pending = Pending { stage: Stage::Prepare, body, kinds, after: String::new(), done: 0, total, swept };
        self.put_pending(row, Some(&pending)).await?;
        tenants_move(self).await?;
        Ok((is_new, true))
    }

    /// What stands in the way of taking a definition away, apart from data.
    async fn check_unused(&mut self, book: &Book, noun: Noun, name: &str) -> Result<()> {
        if noun == Noun::ResourceType {
            if Registry::builtin().type_named(name).is_some() {
                return Ok(());
            }
            return match definitions::resources_of(&mut self.tx, name).await? {
                (0, _) => Ok(()),
                (count, id) => Err(conflict(format!(
                    "there are {count} resources of type {name}, for example {}: delete them first",
                    id.unwrap_or_default()
                ))),
            };
        }
        let uses = |urn: &str| urn.eq_ignore_ascii_case(name);
        let user =
            book.now.types.iter().find(|kind| {
                uses(&kind.schema) || kind.schema_extensions.iter().any(|extension| uses(&extension.schema))
            });
        match user {
            Some(kind) => {
                Err(conflict(format!("resource type {} uses this schema: take it out there first", kind.name)))
            }
            None => Ok(()),
        }
    }

    /// A type keeps its base schema as long as it has resources: their attributes are that schema's.
    async fn check_base(&mut self, book: &Book, next: &Definitions, name: &str) -> Result<()> {
        let base = |all: &Definitions| {
            let found = all.types.iter().find(|kind| kind.name == name);
            found.map(|kind| kind.schema.to_ascii_lowercase())
        };
        let (Some(before), Some(after)) = (base(&book.now), base(next)) else { return Ok(()) };
        match definitions::resources_of(&mut self.tx, name).await? {
            (count @ 1.., id) if before != after && Registry::builtin().type_named(name).is_none() => {
                Err(conflict(format!(
                    "there are {count} resources of type {name}, for example {}: its schema stays as long as there are",
                    id.unwrap_or_default()
                )))
            }
            _ => Ok(()),
        }
    }

    /// Refuses what stored data contradicts; answers the types whose resources have to follow.
    async fn follow_up(&mut self, change: &Change, discard: bool) -> Result<BTreeSet<String>> {
        let mut kinds = BTreeSet::new();
        for place in &change.retyped {
            self.check_unmapped(place)?;
            let (count, id) = self.holding(place).await?;
            if count > 0 {
                return Err(conflict(format!(
                    "{} of {} has values in {count} resources, for example {}: its type and multiValued stay as long as it has; \
                     define an attribute of another name, or take this one away first",
                    place.name(),
                    place.kind,
                    id.unwrap_or_default()
                )));
            }
        }
        for place in &change.removed {
            self.check_unmapped(place)?;
            let (count, id) = self.holding(place).await?;
            if count > 0 && !discard {
                return Err(conflict(format!(
                    "{} of {} has values in {count} resources, for example {}: with discard=true they are taken away",
                    place.name(),
                    place.kind,
                    id.unwrap_or_default()
                )));
            }
            if count > 0 {
                kinds.insert(place.kind.clone());
            }
        }
        self.check_stricter(change).await?;
        for place in &change.reindexed {
            if definitions::resources_of(&mut self.tx, &place.kind).await?.0 > 0 {
                kinds.insert(place.kind.clone());
            }
        }
        Ok(kinds)
    }

    /// What has to be there and what has to be unique from now on, is.
    async fn check_stricter(&mut self, change: &Change) -> Result<()> {
        for required in &change.required {
            let place = &required.place;
            let (count, id) = match &required.beside {
                Some(beside) => {
                    let each = place.sub.is_some();
                    definitions::lacking_beside(&mut self.tx, &place.kind, beside, &place.attr, each).await?
                }
                None => definitions::lacking(&mut self.tx, &place.kind, &place.attr).await?,
            };
            if count > 0 {
                return Err(conflict(format!(
                    "{} of {} cannot be required: {count} resources have no value of it, for example {}",
                    place.name(),
                    place.kind,
                    id.unwrap_or_default()
                )));
            }
        }
        for place in &change.unique {
            let (count, id) = definitions::repeated(&mut self.tx, &place.kind, &place.attr).await?;
            if count > 0 {
                return Err(conflict(format!(
                    "{} of {} cannot be unique: {count} values are in several resources, for example one of {}",
                    place.name(),
                    place.kind,
                    id.unwrap_or_default()
                )));
            }
        }
        Ok(())
    }

    /// A sign-in would go on writing what a connection maps a claim to.
    fn check_unmapped(&self, place: &Place) -> Result<()> {
        let mapped = self.configuration.connections.iter().find(|connected| {
            let rules = connected.rules.attributes.iter();
            place.kind == "User" && rules.into_iter().any(|rule| rule.to == place.cell() || place.covers(&rule.to))
        });
        match mapped {
            Some(connected) => Err(conflict(format!(
                "connection {} maps a claim to {}: take it out of its settings first",
                connected.name,
                place.name()
            ))),
            None => Ok(()),
        }
    }

    async fn holding(&mut self, place: &Place) -> Result<definitions::Some> {
        let part = match &place.sub {
            Some(sub) if place.in_list => format!("{}:", Value::from(sub.as_str())),
            _ => String::new(),
        };
        Ok(definitions::holding(&mut self.tx, &place.kind, &place.attr, &place.cell(), &part).await?)
    }

    // -------------------------------------------------------------------------------------------- on the way

    async fn step(&mut self) -> Result<Step> {
        let book = Book::read(&mut self.tx).await?;
        let Some((row, _)) = book.pending() else { return Ok(Step::Done) };
        // Whoever else carries the same change on waits here, and goes on from where this batch ends.
        let row = definitions::find_for_update(&mut self.tx, &row.kind, &row.name).await?;
        let Some(row) = row else { return Ok(Step::Done) };
        let Some(next) = &row.next else { return Ok(Step::Done) };
        let mut pending: Pending = serde_json::from_str(next).map_err(unreadable)?;
        if pending.stage == Stage::Sweep {
            return self.sweep(row, pending).await;
        }
        let Some(kind) = pending.kinds.first().cloned() else { return Ok(Step::Ripe) };
        self.is_administrators = true;
        let ids = people::ids_after(&mut self.tx, &kind, &pending.after, BATCH).await?;
        match ids.last() {
            None => {
                pending.kinds.remove(0);
                pending.after.clear();
            }
            Some(last) => {
                let before = Registry::with(&book.now).map_err(unreadable)?;
                let after = Registry::with(&book.with(&row, &pending)?).map_err(unreadable)?;
                let change = change(&before, &after);
                let gone: Vec<Place> = change.removed.into_iter().filter(|place| place.kind == kind).collect();
                self.strip(&kind, &ids, &gone).await?;
                self.rebuild(&kind, &ids).await?;
                pending.after.clone_from(last);
                pending.done += ids.len() as u64;
            }
        }
        let progress = pending.progress();
        self.put_pending(row, Some(&pending)).await?;
        Ok(Step::More(progress))
    }

    async fn sweep(&mut self, row: definitions::Row, mut pending: Pending) -> Result<Step> {
        let progress = pending.progress();
        let Some((kind, attr)) = pending.swept.first().cloned() else {
            self.put_pending(row, None).await?;
            return Ok(Step::Done);
        };
        if definitions::sweep(&mut self.tx, &kind, &attr, BATCH).await? == 0 {
            pending.swept.remove(0);
            self.put_pending(row, Some(&pending)).await?;
        }
        Ok(Step::More(progress))
    }

    /// Everything is prepared: the change holds, unless data came in between that contradicts it.
    async fn finish_change(&mut self) -> Result<()> {
        let book = Book::read(&mut self.tx).await?;
        let Some((row, mut pending)) = book.pending() else { return Ok(()) };
        if pending.stage == Stage::Sweep {
            return Ok(());
        }
        let before = Registry::with(&book.now).map_err(unreadable)?;
        let after = Registry::with(&book.with(row, &pending)?).map_err(unreadable)?;
        let change = change(&before, &after);
        self.check_stricter(&change).await?;
        for place in &change.removed {
            self.check_unmapped(place)?;
            if self.holding(place).await?.0 > 0 {
                // A claim or a word came in behind the walk: once more.
                pending.kinds = vec![place.kind.clone()];
                pending.after.clear();
                return self.put_pending(row.clone(), Some(&pending)).await;
            }
        }
        self.settle_definition(row.clone(), pending.body, pending.swept).await
    }

    /// Back to what holds: the index rows that were prepared go again. Values that were taken away are gone.
    async fn call_off(&mut self, book: &Book, row: &definitions::Row, mut pending: Pending) -> Result<()> {
        let before = Registry::with(&book.now).map_err(unreadable)?;
        let after = Registry::with(&book.with(row, &pending)?).map_err(unreadable)?;
        let back = change(&after, &before);
        pending.swept = back.reindexed.into_iter().map(|place| (place.kind, place.attr)).collect();
        pending.stage = Stage::Sweep;
        self.put_pending(row.clone(), Some(&pending)).await?;
        tenants_move(self).await
    }

    /// From now on the definition is this, or is not.
    async fn settle_definition(
        &mut self,
        row: definitions::Row,
        body: Option<String>,
        swept: Vec<(String, String)>,
    ) -> Result<()> {
        let kind = if body.is_some() { Kind::DefinitionUpdated } else { Kind::DefinitionDeleted };
        let event = self.event(kind).naming([&row.name]);
        match body {
            None => definitions::remove(&mut self.tx, &row.kind, &row.name).await?,
            Some(body) => {
                let (kinds, after) = (Vec::new(), String::new());
                let sweep = Pending { stage: Stage::Sweep, body: None, kinds, after, done: 0, total: 0, swept };
                let pending = (!sweep.swept.is_empty()).then_some(&sweep);
                self.put_pending(definitions::Row { body, ..row }, pending).await?;
            }
        }
        self.publish(event);
        tenants_move(self).await
    }

    async fn put_pending(&mut self, row: definitions::Row, pending: Option<&Pending>) -> Result<()> {
        let next = pending.map(|pending| serde_json::to_string(pending).map_err(unreadable)).transpose()?;
        let row = definitions::Row { next, modified: self.now, ..row };
        Ok(definitions::put(&mut self.tx, &row).await?)
    }
}

async fn tenants_move(work: &mut Work<'_>) -> Result<()> {
    Ok(crate::store::tenants::move_schema_version(&mut work.tx).await?)
}

fn stored(definition: &Definition) -> String {
    match definition {
        Definition::Schema(schema) => definition::stored(schema),
        Definition::ResourceType(kind) => serde_json::json!(kind).to_string(),
    }
}

fn missing(noun: Noun, name: &str) -> Error {
    let builtin = Registry::builtin();
    match noun {
        Noun::Schema if builtin.schema(name).is_some() => {
            scim::Error::forbidden("this schema is built in and stays").into()
        }
        Noun::ResourceType if builtin.type_named(name).is_some() => {
            scim::Error::not_found("this type has no extensions of the tenant's own").into()
        }
        Noun::Schema => scim::Error::not_found("this tenant has no schema of this URN").into(),
        Noun::ResourceType => scim::Error::not_found("this tenant has no resource type of this name").into(),
    }
}

fn conflict(detail: String) -> Error {
    scim::Error::new(409, None, detail).into()
}
