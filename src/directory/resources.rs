//! SCIM's use cases: create, replace, modify, delete, for every voice and kind.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::event::Cause;
use crate::scim::document::{Document, Member, Note};
use crate::scim::message::Operation;
use crate::scim::patch::{MemberEdit, secret};
use crate::scim::resource_type::ResourceType;
use crate::scim::{self};
use crate::store::people::Account;
use crate::store::resources::Row;

use super::change::{Change, Precondition, Reading};
use super::groups::Stated;
use super::passwords::mark_password;
use super::people::{Asserted, gone};
use super::read::{check_running, find_in};
use super::settle::own_document;
use super::words::stated;
use super::{
    Caller, Connected, Directory, Error, Hashed, PasswordWord, Resource, Result, Voice, Wants, Work, transact,
};

impl Directory {
    /// POST. What a push creates, restores, adopts or claims is answered alike.
    pub async fn create(
        &self,
        caller: &Caller,
        kind: &Arc<ResourceType>,
        body: &Value,
        wants: Wants,
    ) -> Result<(Resource, Vec<Note>)> {
        let secret = self.passwords.hash(&self.ids, secret::password_of_body(kind, body)).await?;
        let outcome = transact!(self, &caller.tenant, Cause::by(caller.source()), work => {
            work.create(caller, kind, body, secret.as_ref()).await
        });
        let (id, notes) = self.queued(caller, outcome).await?;
        Ok((self.find(caller, kind, &id, wants).await?, notes))
    }

    /// PUT.
    pub async fn replace(
        &self,
        caller: &Caller,
        kind: &Arc<ResourceType>,
        id: &str,
        precondition: &Precondition,
        body: &Value,
        wants: Wants,
    ) -> Result<(Resource, Vec<Note>)> {
        let change = Change::Replace(body);
        self.change(caller, kind, id, precondition, &change, wants).await
    }

    /// PATCH.
    pub async fn patch(
        &self,
        caller: &Caller,
        kind: &Arc<ResourceType>,
        id: &str,
        precondition: &Precondition,
        operations: &[Operation],
        wants: Wants,
    ) -> Result<(Resource, Vec<Note>)> {
        let change = Change::Patch(operations);
        self.change(caller, kind, id, precondition, &change, wants).await
    }

    async fn change(
        &self,
        caller: &Caller,
        kind: &Arc<ResourceType>,
        id: &str,
        precondition: &Precondition,
        change: &Change<'_>,
        wants: Wants,
    ) -> Result<(Resource, Vec<Note>)> {
        let secret = self.passwords.hash(&self.ids, change.password(kind)).await?;
        let outcome = transact!(self, &caller.tenant, Cause::by(caller.source()), work => {
            work.change(caller, kind, id, precondition, change, secret.as_ref()).await
        });
        let notes = self.queued(caller, outcome).await?;
        Ok((self.find(caller, kind, id, wants).await?, notes))
    }

    /// DELETE.
    pub async fn delete(
        &self,
        caller: &Caller,
        kind: &Arc<ResourceType>,
        id: &str,
        precondition: &Precondition,
    ) -> Result<()> {
        let outcome = transact!(self, &caller.tenant, Cause::by(caller.source()), work => {
            work.delete(caller, kind, id, precondition).await
        });
        self.queued(caller, outcome).await
    }
}

/// A resource that was made.
pub(super) struct Made {
    pub id: String,
    pub notes: Vec<Note>,
    /// A group, and who is to come into it.
    group: Option<(Row, Vec<Member>)>,
}

impl Made {
    pub fn named(&self) -> impl Iterator<Item = &String> {
        self.group.iter().flat_map(|(_, members)| members).map(|member| &member.value)
    }
}

impl Work<'_> {
    /// The connection that speaks; `None` for an administrator; a reader writes nothing.
    pub(super) fn speaker(&self, caller: &Caller) -> Result<Option<Connected>> {
        match &caller.voice {
            Voice::Push { connection } => {
                check_running(&self.configuration, &caller.voice)?;
                self.connected(connection).map(Some)
            }
            Voice::Administrator => Ok(None),
            Voice::Reader => Err(scim::Error::forbidden("this token may only read").into()),
            Voice::Person { .. } => Err(scim::Error::forbidden("this token writes its own user only, at /Me").into()),
        }
    }

    async fn create(
        &mut self,
        caller: &Caller,
        kind: &Arc<ResourceType>,
        body: &Value,
        secret: Option<&Hashed>,
    ) -> Result<(String, Vec<Note>)> {
        let speaker = self.speaker(caller)?;
        let mut made = self.make(speaker.as_ref(), kind, body, secret).await?;
        self.join(speaker.as_ref(), &mut made).await?;
        Ok((made.id, made.notes))
    }

    /// The resource without its members, who may not be there yet.
    pub(super) async fn make(
        &mut self,
        speaker: Option<&Connected>,
        kind: &ResourceType,
        body: &Value,
        secret: Option<&Hashed>,
    ) -> Result<Made> {
        let kind = &self.kind(&kind.name)?;
        let reading = Reading::of(speaker, "");
        let mut read = Document::read(kind, &reading.body(body))?;
        reading.check(&read.notes)?;
        read.document.require(kind)?;
        let notes = std::mem::take(&mut read.notes);
        let mut group = None;
        let id = match (kind.name.as_str(), speaker) {
            ("User", _) => {
                let asserted = Asserted::of(read.document)?;
                let (password, connection) = (asserted.password, speaker.map(|connected| connected.id.as_str()));
                let id = match connection {
                    Some(connection) => self.push_person(connection, asserted).await?,
                    None => self.enter_person(asserted).await?,
                };
                self.first_password(&id, connection, password, secret).await?;
                id
            }
            ("Group", _) => {
                let members = read.document.take_members().unwrap_or_default();
                let row = self.make_group(speaker, Stated::of(read.document)?).await?;
                let id = row.id.clone();
                group = Some((row, members));
                id
            }
            ("Organization", None) => self.make_organization(read.document).await?,
            ("Organization", Some(_)) => return Err(administrators_only()),
            _ => {
                self.may_write_own(speaker, kind)?;
                self.make_own(kind, read.document).await?
            }
        };
        Ok(Made { id, notes, group })
    }

    pub(super) async fn join(&mut self, speaker: Option<&Connected>, made: &mut Made) -> Result<()> {
        let Some((row, members)) = made.group.take().filter(|(_, members)| !members.is_empty()) else { return Ok(()) };
        let edits = vec![MemberEdit::Add(members)];
        match speaker {
            Some(connected) => self.push_members(connected, &row, edits).await?,
            None => self.grant_members(&row, edits).await?,
        };
        Ok(())
    }

    async fn change(
        &mut self,
        caller: &Caller,
        kind: &Arc<ResourceType>,
        id: &str,
        precondition: &Precondition,
        change: &Change<'_>,
        secret: Option<&Hashed>,
    ) -> Result<Vec<Note>> {
        let speaker = self.speaker(caller)?;
        let kind = &self.kind(&kind.name)?;
        match (kind.name.as_str(), &speaker) {
            ("User", Some(connected)) => {
                let (account, word, notes) =
                    self.change_pushed(caller, connected, kind, id, precondition, change).await?;
                self.write_password(&account, Some(&connected.id), word, secret).await?;
                Ok(notes)
            }
            ("User", None) => {
                let (account, word, notes) = self.change_entered(caller, kind, id, precondition, change).await?;
                self.write_password(&account, None, word, secret).await?;
                Ok(notes)
            }
            ("Group", _) => self.change_group(caller, speaker.as_ref(), kind, id, precondition, change).await,
            ("Organization", None) => {
                let row = self.organization_for_update(id).await?;
                precondition.check(row.version)?;
                let before = Document::from_json(&row.document).map_err(|e| super::work::corrupt("resource", e))?;
                let read = change.apply(kind, &Reading::of(None, id), &before)?;
                self.restate_organization(row, read.document).await?;
                Ok(read.notes)
            }
            ("Organization", Some(_)) => Err(administrators_only()),
            _ => {
                self.may_write_own(speaker.as_ref(), kind)?;
                let (row, before) = self.own_for_update(kind, id).await?;
                precondition.check(row.version)?;
                let read = change.apply(kind, &Reading::of(speaker.as_ref(), id), &before)?;
                self.restate_own(kind, row, &before, read.document, read.keeps_external_id).await?;
                Ok(read.notes)
            }
        }
    }

    async fn change_pushed(
        &mut self,
        caller: &Caller,
        connected: &Connected,
        kind: &Arc<ResourceType>,
        id: &str,
        precondition: &Precondition,
        change: &Change<'_>,
    ) -> Result<(Account, PasswordWord, Vec<Note>)> {
        let (connected, account, mut said) = self.pushed(&connected.id, id).await?;
        precondition.check(account.version)?;
        let mut before = own_document(&said.words);
        if let Some(external_id) = &said.external_id {
            before.0.insert("externalId".to_owned(), Value::String(external_id.clone()));
        }
        before.0.insert("active".to_owned(), Value::Bool(said.active));
        mark_password(&mut before, &account, Some(&connected.id));
        let reading = self.reading(caller, Some(&connected), kind, id, change).await?;
        let read = change.apply(kind, &reading, &before)?;
        let notes = read.notes;
        let Asserted { document, external_id, active, password } = Asserted::of(read.document)?;
        // `active` stays when it is left out, so that an omission never brings anybody back.
        said.active = if read.asserts_active { active.unwrap_or(said.active) } else { said.active };
        if !read.keeps_external_id {
            said.external_id = external_id;
        }
        said.words = stated(&document);
        self.rewrite(&connected, &account, said, false).await?;
        Ok((account, password, notes))
    }

    async fn change_entered(
        &mut self,
        caller: &Caller,
        kind: &Arc<ResourceType>,
        id: &str,
        precondition: &Precondition,
        change: &Change<'_>,
    ) -> Result<(Account, PasswordWord, Vec<Note>)> {
        let Some(account) = self.account(id).await?.filter(|account| !account.person.retired) else {
            return Err(gone());
        };
        precondition.check(account.version)?;
        let mut before = self.effective(&account);
        mark_password(&mut before, &account, None);
        let reading = self.reading(caller, None, kind, id, change).await?;
        let read = change.apply(kind, &reading, &before)?;
        let mut asserted = Asserted::of(read.document)?;
        asserted.active = asserted.active.filter(|_| read.asserts_active);
        let password = asserted.password;
        self.check_password_owner(&account, password)?;
        self.enter(&account, asserted, change.is_put()).await?;
        Ok((account, password, read.notes))
    }

    async fn change_group(
        &mut self,
        caller: &Caller,
        speaker: Option<&Connected>,
        kind: &Arc<ResourceType>,
        id: &str,
        precondition: &Precondition,
        change: &Change<'_>,
    ) -> Result<Vec<Note>> {
        let mut row = self.group_for_update(speaker, id).await?;
        precondition.check(row.version)?;
        let mut before = Stated::stored(&row)?;
        // What a predecessor calls it is nothing to its successor.
        if let Some(owner) = &row.owner
            && speaker.is_none_or(|connected| connected.id == *owner)
            && let Some(record) = crate::store::resources::record(&mut self.tx, owner, id).await?
        {
            before.external_id = record.external_id;
        }
        let mut shown = before.document.clone();
        if let Some(external_id) = &before.external_id {
            shown.0.insert("externalId".to_owned(), Value::String(external_id.clone()));
        }
        let reading = self.reading(caller, speaker, kind, id, change).await?;
        let read = change.apply(kind, &reading, &shown)?;
        let mut after = Stated::of(read.document)?;
        if read.keeps_external_id {
            after.external_id.clone_from(&before.external_id);
        }
        if let Some(connected) = speaker
            && row.owner.as_ref() != Some(&connected.id)
            && (before.document != after.document
                || before.external_id != after.external_id
                || !read.members.is_empty())
        {
            self.take_over(connected, &mut row).await?;
            self.restate_group(
                Some(connected),
                &mut row,
                &Stated { document: Document::default(), external_id: None },
                after,
            )
            .await?;
        } else {
            self.restate_group(speaker, &mut row, &before, after).await?;
        }
        if !read.members.is_empty() {
            let changed = match speaker {
                Some(connected) => self.push_members(connected, &row, read.members).await?,
                None => self.grant_members(&row, read.members).await?,
            };
            if changed {
                crate::store::resources::touch(&mut self.tx, id, self.now).await?;
            }
        }
        Ok(read.notes)
    }

    async fn delete(
        &mut self,
        caller: &Caller,
        kind: &Arc<ResourceType>,
        id: &str,
        precondition: &Precondition,
    ) -> Result<()> {
        let speaker = self.speaker(caller)?;
        let kind = &self.kind(&kind.name)?;
        match (kind.name.as_str(), &speaker) {
            ("User", _) => {
                let resource = self.seen(caller, kind, id).await?;
                precondition.check(resource.version)?;
                match &speaker {
                    Some(connected) => self.push_delete(&connected.id, id).await,
                    None => self.remove_person(id).await,
                }
            }
            ("Group", _) => {
                let mut row = self.group_for_update(speaker.as_ref(), id).await?;
                // A successor ends what is its own by then.
                if let (Some(connected), Some(owner)) = (&speaker, &row.owner)
                    && connected.id != *owner
                {
                    return Err(scim::Error::not_found("no group with this id").into());
                }
                precondition.check(row.version)?;
                self.end_group(speaker.as_ref(), &mut row).await
            }
            ("Organization", None) => {
                let row = self.organization_for_update(id).await?;
                precondition.check(row.version)?;
                self.end_organization(row).await
            }
            ("Organization", Some(_)) => Err(administrators_only()),
            _ => {
                self.may_write_own(speaker.as_ref(), kind)?;
                let (row, _) = self.own_for_update(kind, id).await?;
                precondition.check(row.version)?;
                self.end_own(kind, row).await
            }
        }
    }

    /// How the body is read; of what the server alone keeps, what this caller was shown, if the body may hold it.
    pub(super) async fn reading(
        &mut self,
        caller: &Caller,
        speaker: Option<&Connected>,
        kind: &Arc<ResourceType>,
        id: &str,
        change: &Change<'_>,
    ) -> Result<Reading> {
        let mut reading = Reading::of(speaker, id);
        if change.may_echo() {
            let wants = Wants { groups: true, members: false };
            let shown = find_in(&mut self.tx, &self.configuration, &caller.voice, kind, id, wants).await?;
            reading.terms.shown.0.extend(shown.document.0);
            let groups: Vec<Value> =
                shown.groups.into_iter().flatten().map(|group| json!({"value": group.value})).collect();
            if !groups.is_empty() {
                reading.terms.shown.0.insert("groups".to_owned(), Value::Array(groups));
            }
        }
        Ok(reading)
    }

    async fn seen(&mut self, caller: &Caller, kind: &Arc<ResourceType>, id: &str) -> Result<Resource> {
        self.hold_one(id).await?;
        find_in(&mut self.tx, &self.configuration, &caller.voice, kind, id, Wants::default()).await
    }
}

fn administrators_only() -> Error {
    scim::Error::forbidden("organizations are written by an administrator's token").into()
}
