//! Writing a connection's own words of a person: its record, the anchor that goes with it, what it clears.

use std::collections::{BTreeMap, BTreeSet};

use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

use crate::jit::address::Address;
use crate::reconcile::{Stamp, cells};
use crate::scim::document::Document;
use crate::scim::key::Key;
use crate::scim::{self};
use crate::store::{self, identity, resources};

use super::settle::own_document;
use super::{Connected, Result, Work};

/// External strings are opaque, compared byte for byte, and bounded.
pub(crate) const EXTERNAL_ID_LIMIT: usize = 256;

/// What a push says of a person, apart from their attributes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Said {
    pub external_id: Option<String>,
    pub active: bool,
    pub words: BTreeMap<String, Option<Value>>,
}

/// The words of a document as stated: everything said, nothing cleared.
pub(crate) fn stated(document: &Document) -> BTreeMap<String, Option<Value>> {
    cells::cells(document).into_iter().map(|(cell, value)| (cell, Some(value))).collect()
}

pub(crate) fn check_external_id(external_id: Option<&str>) -> Result<()> {
    match external_id {
        Some("") => Err(scim::Error::invalid_value("externalId is empty: leave it out, or give it a value").into()),
        Some(text) if text.len() > EXTERNAL_ID_LIMIT => {
            Err(scim::Error::invalid_value(format!("externalId has more than {EXTERNAL_ID_LIMIT} bytes")).into())
        }
        _ => Ok(()),
    }
}

pub(crate) fn user_name_of(document: &Document) -> Option<&str> {
    document.0.get("userName").and_then(Value::as_str)
}

/// The keys of all email addresses of a document, as `emails.value` is indexed.
pub(crate) fn addresses_of(document: &Document) -> Vec<String> {
    let Some(Value::Array(emails)) = document.0.get("emails") else { return Vec::new() };
    emails.iter().filter_map(|email| Some(Key::text(false, email.get("value")?.as_str()?).0)).collect()
}

/// The addresses of a document as invitations are made to them.
pub(crate) fn invitable_of(document: &Document) -> BTreeSet<String> {
    let Some(Value::Array(emails)) = document.0.get("emails") else { return BTreeSet::new() };
    let said = emails.iter().filter_map(|email| email.get("value")?.as_str());
    said.filter_map(|said| Some(said.parse::<Address>().ok()?.folded)).collect()
}

impl Work<'_> {
    /// HMAC of what a tombstone remembers: nothing of a person who is gone can be read from it.
    pub(crate) fn mark(&self, kind: &str, value: &str) -> String {
        mark_with(&self.tenant.key, kind, value)
    }

    /// Writes the record of the person at the connection, new or not. `bound_at` and `off` are kept where a record stands.
    pub(crate) async fn write_record(
        &mut self,
        connection: &str,
        id: &str,
        said: &Said,
        off: Option<Stamp>,
        bound_at: Stamp,
    ) -> Result<()> {
        let own = own_document(&said.words);
        let cleared: Vec<&String> =
            said.words.iter().filter(|(_, value)| value.is_none()).map(|(cell, _)| cell).collect();
        let record = resources::Record {
            connection: connection.to_owned(),
            resource: id.to_owned(),
            kind: "User".to_owned(),
            external_id: said.external_id.clone(),
            name_key: user_name_of(&own).map(|name| Key::user_name(name).0),
            active: said.active,
            document: Some(own.to_json()),
            cleared: Value::from_iter(cleared.into_iter().map(String::as_str)).to_string(),
            bound_at,
            off,
            deleted: None,
        };
        resources::put_record(&mut self.tx, &record).await?;
        self.rewritten.insert(id.to_owned());
        self.touch(id).await
    }

    /// Binds a new record: the anchor names the account from now on, tombstones of it are cleared.
    pub(crate) async fn bind(&mut self, connected: &Connected, id: &str, said: &Said) -> Result<()> {
        let off = (!said.active).then_some(self.now);
        self.write_record(&connected.id, id, said, off, self.now).await?;
        if let Some(external_id) = &said.external_id {
            self.push_by_anchor(&connected.namespace(), external_id, id).await?;
        }
        if !said.active {
            identity::remove_claims(&mut self.tx, &connected.id, id, self.now, &self.registry.unique).await?;
        }
        self.clear_tombstones(connected, id, said).await?;
        self.end_predecessor(connected, id).await?;
        if !connected.used {
            crate::store::connections::mark_used(&mut self.tx, &connected.id).await?;
        }
        Ok(())
    }

    /// The anchor names this account from now on. That it names another by now is a lost race: whoever looked it up saw nobody,
    /// and starting again shows who won. One that was retired stays so.
    pub(crate) async fn name_by_anchor(&mut self, namespace: &str, anchor: &str, id: &str) -> Result<()> {
        self.anchor(namespace, anchor, id).await.map(drop)
    }

    /// The same of an anchor by which a push names the account: one of this account that was retired counts again.
    pub(crate) async fn push_by_anchor(&mut self, namespace: &str, anchor: &str, id: &str) -> Result<()> {
        match self.anchor(namespace, anchor, id).await? {
            Some((holder, true)) if holder == id => {
                Ok(identity::restore_anchor(&mut self.tx, namespace, anchor).await?)
            }
            _ => Ok(()),
        }
    }

    /// Adds the anchor; whose it was already, and whether it was retired.
    async fn anchor(&mut self, namespace: &str, anchor: &str, id: &str) -> Result<Option<(String, bool)>> {
        if identity::add_anchor(&mut self.tx, namespace, anchor, id).await? {
            return Ok(None);
        }
        match identity::anchor(&mut self.tx, namespace, anchor).await? {
            Some((holder, false)) if holder != id => Err(store::Error::Conflict.into()),
            known => Ok(known),
        }
    }

    /// Binding a record clears the tombstones of its anchor, userName and addresses, with those of the account and of the
    /// subjects that went with the anchor: whoever is pushed again may sign in again.
    pub(crate) async fn clear_tombstones(&mut self, connected: &Connected, id: &str, said: &Said) -> Result<()> {
        let own = own_document(&said.words);
        let scopes = [connected.id.clone(), everywhere(&connected.namespace())];
        identity::clear_tombstones_of(&mut self.tx, &scopes, id).await?;
        let mut names = Vec::new();
        if let Some(external_id) = &said.external_id {
            let mark = self.mark("anchor", external_id);
            identity::clear_subjects_of(&mut self.tx, &scopes, &mark, self.now).await?;
            names.push(("anchor", mark));
        }
        if let Some(name) = user_name_of(&own).map(|name| Key::user_name(name).0) {
            names.push(("user_name", self.mark("user_name", &name)));
        }
        names.extend(addresses_of(&own).into_iter().map(|address| ("address", self.mark("address", &address))));
        let marks: Vec<(String, &str, String)> = scopes
            .iter()
            .flat_map(|scope| names.iter().map(move |(kind, mark)| (scope.clone(), *kind, mark.clone())))
            .collect();
        Ok(identity::clear_tombstones(&mut self.tx, &marks).await?)
    }
}

/// HMAC by the tenant's key, in hex.
pub(crate) fn mark_with(key: &[u8], kind: &str, value: &str) -> String {
    let Ok(mut mac) = <Hmac<Sha256> as KeyInit>::new_from_slice(key) else {
        unreachable!("HMAC takes a key of any length")
    };
    mac.update(kind.as_bytes());
    mac.update(&[0]);
    mac.update(value.as_bytes());
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A subject as tombstones know it: it is a name on its connection only.
pub(crate) fn subject_of(connection: &str, subject: &str) -> String {
    format!("{connection}\u{0}{subject}")
}

/// The scope of a tombstone that holds for a whole namespace.
pub(crate) fn everywhere(namespace: &str) -> String {
    format!("*{namespace}")
}

/// A record's words after it states this document: what it said and says no more is cleared. A restored record starts anew.
pub(crate) fn restated(
    before: &BTreeMap<String, Option<Value>>,
    own: &Document,
    anew: bool,
) -> BTreeMap<String, Option<Value>> {
    if anew { stated(own) } else { cells::restate(before, cells::cells(own)) }
}
