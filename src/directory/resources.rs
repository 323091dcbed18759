//! SCIM's use cases: create, replace, modify, delete, for every voice and kind.

use std::sync::Arc;

use serde_json::Value;

use crate::event::Cause;
use crate::scim::document::{Document, Member, Note};
use crate::scim::message::Operation;
use crate::scim::patch::{self, MemberEdit, secret};
use crate::scim::resource_type::ResourceType;
use crate::scim::version::Tags;
use crate::scim::{self};

use crate::store::people::Account;

use super::groups::Stated;
use super::passwords::mark_password;
use super::people::{Asserted, gone};
use super::read::{check_running, find_in};
use super::settle::own_document;
use super::words::stated;
use super::{
    Caller, Connected, Directory, Error, Hashed, PasswordWord, Resource, Result, Voice, Wants, Work, transact,
};

/// `If-Match` (RFC 7644 §3.14); it looks at the stored version.
#[derive(Clone, Debug, Default)]
pub enum Precondition {
    #[default]
    None,
    IfMatch(Tags),
}

impl Precondition {
    fn check(&self, version: i64) -> Result<()> {
        match self {
            Self::IfMatch(tags) if !tags.matches_version(version) => Err(scim::Error::precondition_failed(
                "the resource has changed since this version: read it again and repeat the change",
            )
            .into()),
            _ => Ok(()),
        }
    }
}

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

enum Change<'a> {
    Replace(&'a Value),
    Patch(&'a [Operation]),
}

/// What a body says of a resource, before it is judged against what is stored.
struct Read {
    document: Document,
    members: Vec<MemberEdit>,
    notes: Vec<Note>,
    asserts_active: bool,
    /// A PUT that leaves `externalId` out keeps it: IdPs send it on create only, and the identity hangs on it.
    keeps_external_id: bool,
}

impl Change<'_> {
    fn is_put(&self) -> bool {
        matches!(self, Self::Replace(_))
    }

    /// What it would set as the password.
    fn password(&self, kind: &ResourceType) -> Option<String> {
        match self {
            Self::Replace(body) => secret::password_of_body(kind, body),
            Self::Patch(operations) => secret::password_of(kind, operations),
        }
    }

    /// The resource as it would be: by PUT what the body states, by PATCH the operations applied to what the caller reads.
    fn apply(&self, kind: &ResourceType, before: &Document) -> Result<Read> {
        match self {
            Self::Replace(body) => {
                let mut read = Document::read(kind, body)?;
                read.keep(kind, before)?;
                let asserts_active = read.document.0.contains_key("active");
                let mut document = read.document;
                let members = if read.asserted.contains("members") {
                    vec![MemberEdit::Replace(document.take_members().unwrap_or_default())]
                } else {
                    Vec::new()
                };
                document.require(kind)?;
                let keeps_external_id = !read.asserted.contains("externalid");
                Ok(Read { document, members, notes: read.notes, asserts_active, keeps_external_id })
            }
            Self::Patch(operations) => {
                let patched = patch::apply(kind, before, operations)?;
                let asserts_active = patched.document.0.get("active") != before.0.get("active");
                Ok(Read {
                    document: patched.document,
                    members: patched.members,
                    notes: patched.notes,
                    asserts_active,
                    keeps_external_id: false,
                })
            }
        }
    }
}

impl Work<'_> {
    /// The connection that speaks; `None` for an administrator; a reader writes nothing.
    fn speaker(&self, caller: &Caller) -> Result<Option<Connected>> {
        match &caller.voice {
            Voice::Push { connection } => {
                check_running(&self.configuration, &caller.voice)?;
                self.connected(connection).map(Some)
            }
            Voice::Administrator => Ok(None),
            Voice::Reader => Err(scim::Error::forbidden("this token may only read").into()),
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
        let kind = &self.kind(&kind.name)?;
        let mut read = Document::read(kind, body)?;
        read.document.require(kind)?;
        let notes = std::mem::take(&mut read.notes);
        let id = match (kind.name.as_str(), &speaker) {
            ("User", _) => {
                let asserted = Asserted::of(read.document)?;
                let (password, connection) =
                    (asserted.password, speaker.as_ref().map(|connected| connected.id.as_str()));
                let id = match connection {
                    Some(connection) => self.push_person(connection, asserted).await?,
                    None => self.enter_person(asserted).await?,
                };
                self.first_password(&id, connection, password, secret).await?;
                id
            }
            ("Group", _) => {
                let members: Vec<Member> = read.document.take_members().unwrap_or_default();
                let row = self.make_group(speaker.as_ref(), Stated::of(read.document)?).await?;
                if !members.is_empty() {
                    let edits = vec![MemberEdit::Add(members)];
                    match &speaker {
                        Some(connected) => self.push_members(connected, &row, edits).await?,
                        None => self.grant_members(&row, edits).await?,
                    };
                }
                row.id
            }
            ("Organization", None) => self.make_organization(read.document).await?,
            ("Organization", Some(_)) => return Err(administrators_only()),
            _ => return Err(unsupported(kind)),
        };
        Ok((id, notes))
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
                let (account, word, notes) = self.change_pushed(connected, kind, id, precondition, change).await?;
                self.write_password(&account, Some(&connected.id), word, secret).await?;
                Ok(notes)
            }
            ("User", None) => {
                let (account, word, notes) = self.change_entered(kind, id, precondition, change).await?;
                self.write_password(&account, None, word, secret).await?;
                Ok(notes)
            }
            ("Group", _) => self.change_group(speaker.as_ref(), kind, id, precondition, change).await,
            ("Organization", None) => {
                let row = self.organization_for_update(id).await?;
                precondition.check(row.version)?;
                let before = Document::from_json(&row.document).map_err(|e| super::work::corrupt("resource", e))?;
                let read = change.apply(kind, &before)?;
                self.restate_organization(row, read.document).await?;
                Ok(read.notes)
            }
            ("Organization", Some(_)) => Err(administrators_only()),
            _ => Err(unsupported(kind)),
        }
    }

    async fn change_pushed(
        &mut self,
        connected: &Connected,
        kind: &ResourceType,
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
        let read = change.apply(kind, &before)?;
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
        kind: &ResourceType,
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
        let read = change.apply(kind, &before)?;
        let mut asserted = Asserted::of(read.document)?;
        asserted.active = asserted.active.filter(|_| read.asserts_active);
        let password = asserted.password;
        self.check_password_owner(&account, password)?;
        self.enter(&account, asserted, change.is_put()).await?;
        Ok((account, password, read.notes))
    }

    async fn change_group(
        &mut self,
        speaker: Option<&Connected>,
        kind: &ResourceType,
        id: &str,
        precondition: &Precondition,
        change: &Change<'_>,
    ) -> Result<Vec<Note>> {
        let mut row = self.group_for_update(speaker, id).await?;
        precondition.check(row.version)?;
        let mut document = Document::from_json(&row.document).map_err(|e| super::work::corrupt("resource", e))?;
        document.0.shift_remove(crate::scim::resource_type::urn::TEAM);
        let entered = document.take_external_id();
        let record = match &row.owner {
            Some(owner) => crate::store::resources::record(&mut self.tx, owner, id).await?,
            None => None,
        };
        let before = Stated { document, external_id: record.map_or(entered, |record| record.external_id) };
        let mut shown = before.document.clone();
        if let Some(external_id) = &before.external_id {
            shown.0.insert("externalId".to_owned(), Value::String(external_id.clone()));
        }
        let read = change.apply(kind, &shown)?;
        let mut after = Stated::of(read.document)?;
        if read.keeps_external_id {
            after.external_id.clone_from(&before.external_id);
        }
        if let Some(connected) = speaker
            && row.owner.is_none()
            && (before.document != after.document
                || before.external_id != after.external_id
                || !read.members.is_empty())
        {
            row.owner = Some(connected.id.clone());
            let event = self.event(crate::event::Kind::GroupTakenOver).of(id).and(&connected.id);
            self.publish(event);
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
                precondition.check(row.version)?;
                self.end_group(speaker.as_ref(), &mut row).await
            }
            ("Organization", None) => {
                let row = self.organization_for_update(id).await?;
                precondition.check(row.version)?;
                self.end_organization(row).await
            }
            ("Organization", Some(_)) => Err(administrators_only()),
            _ => Err(unsupported(kind)),
        }
    }

    async fn seen(&mut self, caller: &Caller, kind: &Arc<ResourceType>, id: &str) -> Result<Resource> {
        self.hold_one(id).await?;
        find_in(&mut self.tx, &self.configuration, &caller.voice, kind, id, Wants::default()).await
    }
}

fn administrators_only() -> Error {
    scim::Error::forbidden("organizations are written by an administrator's token").into()
}

fn unsupported(kind: &ResourceType) -> Error {
    scim::Error::new(501, None, format!("resources of type {} cannot be written yet", kind.name)).into()
}
