//! An administrator's binds: which sign-in identity is whose, and whom a connection means by an `externalId`. Events carry
//! both ends: the account and the link.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::event::{Cause, Kind};
use crate::scim::{self, core};
use crate::store::{conflicts, connections, identity, people};

use super::people::gone;
use super::rulings::SUBJECT;
use super::words::{EXTERNAL_ID_LIMIT, everywhere, subject_of};
use super::{Configuration, Directory, Result, Work, transact};

/// A sign-in identity of a person.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LinkInfo {
    pub id: String,
    /// The connection's id.
    pub connection: String,
    pub subject: String,
    /// The account's id.
    pub person: String,
    pub created: Option<String>,
    /// The `iat` of the newest login; none yet where an administrator made the link.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_login: Option<String>,
}

/// What a connection's push says of a person, without the attributes.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordInfo {
    pub connection: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    pub active: bool,
    pub bound: Option<String>,
    /// It speaks for the account.
    pub home: bool,
}

/// A name of the person in a directory: what is pushed as `externalId` and claimed as the anchor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AnchorInfo {
    pub namespace: String,
    pub external_id: String,
    pub person: String,
}

/// Every identity of a person.
#[derive(Clone, Debug, Serialize)]
pub struct Identities {
    pub links: Vec<LinkInfo>,
    pub records: Vec<RecordInfo>,
    pub anchors: Vec<AnchorInfo>,
}

impl Directory {
    pub async fn identities(&self, tenant: &str, person: &str) -> Result<Identities> {
        let mut tx = self.engine.read(tenant).await?;
        let account = people::load(&mut tx, &BTreeSet::from([person.to_owned()])).await?.pop();
        let account = account.filter(|account| !account.person.retired).ok_or_else(gone)?;
        let links = identity::links_of(&mut tx, person).await?.into_iter().map(LinkInfo::of).collect();
        let anchors = identity::anchors_of(&mut tx, person).await?;
        let records = account.person.records.iter().map(|record| RecordInfo {
            connection: record.connection.clone(),
            external_id: record.external_id.clone(),
            active: record.active,
            bound: core::instant(record.bound_at),
            home: account.home.as_ref() == Some(&record.connection),
        });
        Ok(Identities {
            links,
            records: records.collect(),
            anchors: anchors
                .into_iter()
                .map(|(namespace, external_id)| AnchorInfo { namespace, external_id, person: person.to_owned() })
                .collect(),
        })
    }

    /// This subject of the connection is this person from now on, whatever it claims. A link that is there stays; one of
    /// another account has to be deleted first.
    pub async fn link(&self, tenant: &str, connection: &str, person: &str, subject: &str) -> Result<LinkInfo> {
        check_name("subject", subject)?;
        transact!(self, tenant, Cause::by("administrator"), work => {
            let connected = work.named(connection)?;
            work.living(person).await?;
            if let Some(known) = identity::link(&mut work.tx, &connected.id, subject).await? {
                if known.resource == person {
                    return Ok(LinkInfo::of(known));
                }
                return Err(scim::Error::uniqueness(
                    "this subject is linked to another account: delete that link first, then make this one",
                )
                .into());
            }
            let link = identity::Link {
                id: self.ids.new(),
                connection: connected.id.clone(),
                subject: subject.to_owned(),
                resource: person.to_owned(),
                created: work.now,
                last_login: 0,
                cut_off: false,
            };
            identity::add_link(&mut work.tx, &link).await?;
            connections::mark_used(&mut work.tx, &connected.id).await?;
            let mark = work.mark("subject", &subject_of(&connected.id, subject));
            let scopes = [connected.id.clone(), everywhere(&connected.namespace())];
            let marks: Vec<_> = scopes.into_iter().map(|scope| (scope, "subject", mark.clone())).collect();
            identity::clear_tombstones(&mut work.tx, &marks).await?;
            let event = work.event(Kind::LinkCreated).of(person).and(&connected.id).naming([&link.id]);
            work.publish(event);
            Ok(LinkInfo::of(link))
        })
    }

    /// Whom the connection pushes by this `externalId`, or whoever claims it as the anchor, is this person.
    pub async fn bind_anchor(
        &self,
        tenant: &str,
        connection: &str,
        person: &str,
        external_id: &str,
    ) -> Result<AnchorInfo> {
        check_name("externalId", external_id)?;
        transact!(self, tenant, Cause::by("administrator"), work => {
            let connected = work.named(connection)?;
            let account = work.living(person).await?;
            let namespace = connected.namespace();
            if account.person.records.iter().any(|record| {
                record.connection == connected.id && record.external_id.as_deref().is_some_and(|it| it != external_id)
            }) {
                return Err(scim::Error::uniqueness(
                    "this connection pushes the account by another externalId: change it there",
                )
                .into());
            }
            let anchor = AnchorInfo {
                namespace: namespace.clone(),
                external_id: external_id.to_owned(),
                person: person.to_owned(),
            };
            match identity::anchor(&mut work.tx, &namespace, external_id).await? {
                Some((holder, _)) if holder != person => {
                    return Err(scim::Error::uniqueness("this externalId names another account").into());
                }
                Some((_, false)) => return Ok(anchor),
                Some((_, true)) => identity::restore_anchor(&mut work.tx, &namespace, external_id).await?,
                None => work.name_by_anchor(&namespace, external_id, person).await?,
            }
            let mark = work.mark("anchor", external_id);
            let marks = [(connected.id.clone(), "anchor", mark.clone()), (everywhere(&namespace), "anchor", mark)];
            identity::clear_tombstones(&mut work.tx, &marks).await?;
            let event = work.event(Kind::AnchorBound).of(person).and(&connected.id);
            work.publish(event);
            Ok(anchor)
        })
    }

    /// The link ends with everything that it claimed, and with what was ruled about its subject. It is no deletion: whoever
    /// signs in again is found by the anchor.
    pub async fn remove_link(&self, tenant: &str, id: &str) -> Result<()> {
        let mut tx = self.engine.read(tenant).await?;
        let missing = || scim::Error::not_found("no link with this id");
        let link = identity::link_by_id(&mut tx, id).await?.ok_or_else(missing)?;
        let known = Configuration::load(&mut tx).await?.connection(&link.connection).is_some();
        drop(tx);
        if !known || !self.unlink(tenant, &link.connection, &link.subject).await? {
            return Err(missing().into());
        }
        Ok(())
    }
}

impl Work<'_> {
    pub(crate) async fn forget_ruling(&mut self, connection: &str, subject: &str) -> Result<()> {
        let hash = self.subject_identity(connection, subject);
        Ok(conflicts::remove_ruling(&mut self.tx, connection, SUBJECT, &hash).await?)
    }
}

impl LinkInfo {
    fn of(link: identity::Link) -> Self {
        Self {
            id: link.id,
            connection: link.connection,
            subject: link.subject,
            person: link.resource,
            created: core::instant(link.created),
            last_login: Some(link.last_login).filter(|stamp| *stamp > 0).and_then(core::instant),
        }
    }
}

/// Opaque and bounded, as a token or a push would bring it.
fn check_name(what: &str, name: &str) -> Result<()> {
    if name.trim().is_empty() || name.len() > EXTERNAL_ID_LIMIT || name.chars().any(char::is_control) {
        return Err(scim::Error::invalid_value(format!(
            "{what} is 1 to {EXTERNAL_ID_LIMIT} bytes without control characters"
        ))
        .into());
    }
    Ok(())
}
