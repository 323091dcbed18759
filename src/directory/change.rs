//! What a PUT or PATCH says, before anybody asks who may say it: the body read as its connection is read, applied to what the
//! caller sees, under the conditions of the request. Touches no store.

use std::borrow::Cow;

use serde_json::Value;

use crate::jit::rules::{EmptyText, Profile};
use crate::scim::document::{Document, Note, put, without_empty_text};
use crate::scim::message::Operation;
use crate::scim::patch::{self, MemberEdit, Terms, secret};
use crate::scim::resource_type::{ResourceType, urn};
use crate::scim::version::Tags;
use crate::scim::{self};

use super::{Connected, Result};

/// `If-Match` (RFC 7644 §3.14), and `If-None-Match` before a write (RFC 9110 §13.1.2). Both look at the stored version: the
/// digest of a tag is about what others change, which is no reason for or against a write.
#[derive(Clone, Debug, Default)]
pub enum Precondition {
    #[default]
    None,
    IfMatch(Tags),
    IfNoneMatch(Tags),
    /// All of them, in this order (RFC 9110 §13.2.2).
    All(Vec<Precondition>),
}

impl Precondition {
    pub fn check(&self, version: i64) -> Result<()> {
        match self {
            Self::IfMatch(tags) if !tags.matches_version(version) => Err(scim::Error::precondition_failed(
                "the resource has changed since this version: read it again and repeat the request",
            )
            .into()),
            Self::IfNoneMatch(tags) if tags.matches_version(version) => Err(scim::Error::precondition_failed(
                "the resource is there in this version, and If-None-Match asked for another: leave the header out to change it",
            )
            .into()),
            Self::All(all) => all.iter().try_for_each(|one| one.check(version)),
            _ => Ok(()),
        }
    }
}

pub(super) enum Change<'a> {
    Replace(&'a Value),
    Patch(&'a [Operation]),
}

/// What a body says of a resource, before it is judged against what is stored.
pub(super) struct Read {
    pub document: Document,
    pub members: Vec<MemberEdit>,
    pub notes: Vec<Note>,
    pub asserts_active: bool,
    /// A PUT that leaves `externalId` out keeps it: IdPs send it on create only, and the identity hangs on it.
    pub keeps_external_id: bool,
}

impl Change<'_> {
    pub fn is_put(&self) -> bool {
        matches!(self, Self::Replace(_))
    }

    /// Whether a PATCH may send back what the server alone keeps: memberships, or attributes of an extension.
    pub fn may_echo(&self) -> bool {
        let Self::Patch(operations) = self else { return false };
        let mut objects =
            operations.iter().filter_map(|operation| Some((&operation.path, operation.value.as_ref()?.as_object()?)));
        objects.any(|(path, value)| match path {
            Some(path) => path.contains(':'),
            None => value.keys().any(|name| name.contains(':') || name.eq_ignore_ascii_case("groups")),
        })
    }

    /// What it would set as the password.
    pub fn password(&self, kind: &ResourceType) -> Option<String> {
        match self {
            Self::Replace(body) => secret::password_of_body(kind, body),
            Self::Patch(operations) => secret::password_of(kind, operations),
        }
    }

    /// The resource as it would be: by PUT what the body states, by PATCH the operations applied to what the caller reads.
    pub fn apply(&self, kind: &ResourceType, reading: &Reading, before: &Document) -> Result<Read> {
        match self {
            Self::Replace(body) => {
                let read = Document::read(kind, &reading.body(body))?;
                reading.check(&read.notes)?;
                let asserts_active = read.document.0.contains_key("active");
                let mut document = put(kind, before, &read)?;
                let members = if kind.schema.id == urn::GROUP && read.asserted.contains("members") {
                    vec![MemberEdit::Replace(document.take_members().unwrap_or_default())]
                } else {
                    Vec::new()
                };
                document.require(kind)?;
                let keeps_external_id = !read.asserted.contains("externalid");
                Ok(Read { document, members, notes: read.notes, asserts_active, keeps_external_id })
            }
            Self::Patch(operations) => {
                let patched = patch::apply(kind, before, &reading.terms, operations)?;
                reading.check(&patched.notes)?;
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

/// How this caller's bodies are read.
pub(super) struct Reading {
    strict: bool,
    pub terms: Terms,
}

impl Reading {
    pub fn of(speaker: Option<&Connected>, id: &str) -> Self {
        let push = speaker.map(|connected| connected.rules.push).unwrap_or_default();
        let mut shown = Document::default();
        shown.0.insert("id".to_owned(), Value::from(id));
        let terms = Terms { shown, empty_is_unassigned: push.empty_text == EmptyText::Clear };
        Self { strict: push.profile == Profile::Strict, terms }
    }

    pub fn body<'b>(&self, body: &'b Value) -> Cow<'b, Value> {
        if self.terms.empty_is_unassigned { Cow::Owned(without_empty_text(body)) } else { Cow::Borrowed(body) }
    }

    /// The strict profile takes no leniency that the RFCs call an error.
    pub fn check(&self, notes: &[Note]) -> Result<()> {
        match notes.iter().filter(|_| self.strict).find_map(Note::strictly) {
            Some(refusal) => Err(refusal.into()),
            None => Ok(()),
        }
    }
}
