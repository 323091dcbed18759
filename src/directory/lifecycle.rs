//! What an administrator decides about the life of an account: protection, its home, and attributes that are locked; and
//! which groups are privileged.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::event::{Cause, Kind};
use crate::reconcile::{cells, is_unique};
use crate::scim;
use crate::scim::document::Document;
use crate::scim::resource_type::ResourceType;
use crate::store::{identity, people, resources, vouches};

use super::people::gone;
use super::{Directory, Result, transact, world};

impl Directory {
    /// A protected account is neither joined, adopted nor claimed without an administrator, and its use raises an event.
    pub async fn protect(&self, tenant: &str, person: &str, protected: bool) -> Result<()> {
        transact!(self, tenant, Cause::by("administrator"), work => {
            let account = work.living(person).await?;
            if account.protected != protected {
                people::set_protected(&mut work.tx, person, protected).await?;
                let kind = if protected { Kind::UserProtected } else { Kind::UserUnprotected };
                let event = work.event(kind).of(person);
                work.publish(event);
            }
            Ok(())
        })
    }

    /// A privileged group is never taken over by a push, is reached by claims only through the connection's table, and whoever is
    /// granted it is guarded like a protected account.
    pub async fn privilege(&self, tenant: &str, group: &str, privileged: bool) -> Result<()> {
        transact!(self, tenant, Cause::by("administrator"), work => {
            let row = resources::find_for_update(&mut work.tx, "Group", group).await?;
            let row = row.filter(|row| row.retired.is_none());
            let row = row.ok_or_else(|| scim::Error::not_found("no group with this id"))?;
            if row.protected == privileged {
                return Ok(());
            }
            people::set_protected(&mut work.tx, group, privileged).await?;
            let mut affected = vouches::people_of(&mut work.tx, group).await?;
            if let Some(owner) = &row.owner {
                let record = resources::record(&mut work.tx, owner, group).await?;
                let mut keys = BTreeSet::from([world::name_key(row.display.as_deref().unwrap_or_default())]);
                keys.extend(record.and_then(|record| record.external_id).as_deref().map(world::id_key));
                affected.extend(identity::claimants(&mut work.tx, owner, &keys).await?);
            }
            work.touch_all(&affected).await?;
            let kind = if privileged { Kind::GroupPrivileged } else { Kind::GroupUnprivileged };
            let event = work.event(kind).of(group);
            work.publish(event);
            Ok(())
        })
    }

    /// This connection (by name or id) speaks for the account while it pushes it, whatever domains say; `None`: as the rules
    /// say.
    pub async fn pin_home(&self, tenant: &str, person: &str, connection: Option<&str>) -> Result<()> {
        transact!(self, tenant, Cause::by("administrator"), work => {
            let account = work.living(person).await?;
            let home = match connection {
                Some(name) => Some(work.named(name)?),
                None => None,
            };
            if let Some(home) = &home
                && !account.person.records.iter().any(|record| record.connection == home.id)
            {
                return Err(scim::Error::new(
                    409,
                    None,
                    format!("connection {} does not push this person, so it cannot be the home", home.name),
                )
                .into());
            }
            let home = home.map(|home| home.id);
            if account.person.pinned != home {
                people::set_pinned(&mut work.tx, person, home.as_deref()).await?;
                let event = work.event(Kind::HomePinned).of(person);
                let event = match home {
                    Some(home) => event.and(home),
                    None => event,
                };
                work.publish(event);
            }
            Ok(())
        })
    }

    /// What is locked, by attribute.
    pub async fn locks(&self, tenant: &str, person: &str) -> Result<BTreeMap<String, Option<Value>>> {
        let mut tx = self.engine.read(tenant).await?;
        let account = people::load(&mut tx, &BTreeSet::from([person.to_owned()])).await?.pop();
        Ok(account.filter(|account| !account.person.retired).ok_or_else(gone)?.person.locks)
    }

    /// The same as [`Directory::lock`], by an attribute's path as SCIM spells it, its value judged by the schema.
    pub async fn lock_attribute(
        &self,
        tenant: &str,
        person: &str,
        attribute: &str,
        value: Option<Value>,
    ) -> Result<()> {
        let registry = self.registry(tenant).await?;
        let kind = registry.type_named("User").ok_or_else(gone)?;
        let (cell, value) = judged(kind, &registry.unique, attribute, value)?;
        self.lock(tenant, person, &cell, value).await
    }

    pub async fn unlock_attribute(&self, tenant: &str, person: &str, attribute: &str) -> Result<()> {
        let locks = self.locks(tenant, person).await?;
        let cell = locks.keys().find(|cell| cell.eq_ignore_ascii_case(attribute));
        let cell = cell.ok_or_else(|| scim::Error::not_found("this attribute is not locked"))?;
        self.unlock(tenant, person, cell).await
    }
}

/// The cell of a path and the value as it would be stored.
fn judged(
    kind: &ResourceType,
    unique: &BTreeSet<String>,
    attribute: &str,
    value: Option<Value>,
) -> Result<(String, Option<Value>)> {
    let refuse = |detail: String| scim::Error::invalid_value(detail);
    let Some(cell) = spelled(kind, attribute) else {
        return Err(refuse(format!(
            "{attribute:?} is no attribute that can be locked: name a simple attribute such as title, a part such as \
             name.givenName, or a whole list such as emails"
        ))
        .into());
    };
    if is_unique(&cell, unique) {
        return Err(refuse(format!("{cell} cannot be locked: a name that must be unique has exactly one owner")).into());
    }
    let Some(value) = value else { return Ok((cell, None)) };
    let body = cells::document(&BTreeMap::from([(cell.clone(), value)]));
    let read = Document::read(kind, &Value::Object(body.0))?;
    let judged = cells::cells(&read.document).remove(&cell);
    match judged {
        Some(value) => Ok((cell, Some(value))),
        None => Err(refuse(format!("this is no value of {cell}; null locks it without one")).into()),
    }
}

/// The path in the schema's own spelling, if it is a cell: a leaf of a singular attribute, or a whole list. What the server
/// keeps, and what is no attribute of the document, is none.
pub(crate) fn spelled(kind: &ResourceType, path: &str) -> Option<String> {
    use crate::scim::schema::{Attribute, Mutability, Type};

    let leaf = |attributes: &[Attribute], prefix: &str, path: &str| -> Option<String> {
        let (name, part) = match path.split_once('.') {
            Some((name, part)) => (name, Some(part)),
            None => (path, None),
        };
        let attribute = attributes.iter().find(|attribute| attribute.name.eq_ignore_ascii_case(name))?;
        if attribute.mutability == Mutability::ReadOnly {
            return None;
        }
        let is_split = attribute.kind == Type::Complex && !attribute.multi_valued;
        match part {
            None if !is_split => Some(format!("{prefix}{}", attribute.name)),
            Some(part) if is_split => {
                let part = attribute.sub_attributes.iter().find(|known| known.name.eq_ignore_ascii_case(part))?;
                Some(format!("{prefix}{}.{}", attribute.name, part.name))
            }
            _ => None,
        }
    };
    for extension in &kind.extensions {
        let urn = &extension.schema.id;
        if let Some(rest) = path.get(urn.len()..).and_then(|rest| rest.strip_prefix(':'))
            && path[..urn.len()].eq_ignore_ascii_case(urn)
        {
            return leaf(&extension.schema.attributes, &format!("{urn}:"), rest);
        }
    }
    let cell = leaf(&kind.schema.attributes, "", path)?;
    let is_apart = ["active", "password", "externalId", "groups", "members"].contains(&cell.as_str());
    (!is_apart).then_some(cell)
}
