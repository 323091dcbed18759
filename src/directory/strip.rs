//! Values of attributes that a tenant takes out of its definitions: taken out of what is stored, whoever said them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::event::Kind;
use crate::reconcile::cells;
use crate::scim::definition::Place;
use crate::scim::document::Document;
use crate::store::{identity, people, resources};

use super::words::Said;
use super::work::corrupt;
use super::{Result, Work};

impl Work<'_> {
    /// Takes the values of what goes out of these resources, whoever said them.
    pub(super) async fn strip(&mut self, kind: &str, ids: &BTreeSet<String>, gone: &[Place]) -> Result<()> {
        if gone.is_empty() {
            return Ok(());
        }
        if kind == "User" {
            return self.strip_people(ids, gone).await;
        }
        for id in ids {
            let Some(mut row) = resources::find_for_update(&mut self.tx, kind, id).await? else { continue };
            let before = Document::from_json(&row.document).map_err(|e| corrupt("resource", format!("{id}: {e}")))?;
            let after = stripped(&before, gone);
            if before == after {
                continue;
            }
            row.document = after.to_json();
            row.version += 1;
            row.modified = self.now;
            resources::update(&mut self.tx, &row).await?;
            if row.retired.is_none() {
                let kind = match kind {
                    "Group" => Kind::GroupUpdated,
                    "Organization" => Kind::OrganizationUpdated,
                    _ => Kind::ResourceUpdated,
                };
                let event = self.event(kind).of(id).naming(gone.iter().map(Place::name));
                self.publish(event);
            }
        }
        Ok(())
    }

    async fn strip_people(&mut self, ids: &BTreeSet<String>, gone: &[Place]) -> Result<()> {
        self.hold(ids).await?;
        for account in people::load(&mut self.tx, ids).await? {
            let id = account.person.id.clone();
            for record in account.person.records {
                let words = spoken(&record.words, gone);
                if words != record.words {
                    let said = Said { external_id: record.external_id, active: record.active, words };
                    self.write_record(&record.connection, &id, &said, record.off, record.bound_at).await?;
                }
            }
            for (source, words) in [("lock", account.person.locks), ("entered", account.person.entered)] {
                let left = spoken(&words, gone);
                for cell in words.keys().filter(|cell| left.get(*cell) != words.get(*cell)) {
                    match left.get(cell) {
                        Some(value) => {
                            people::set_word(&mut self.tx, &id, source, cell, value.as_ref(), self.now).await?;
                        }
                        None => people::remove_word(&mut self.tx, &id, source, cell).await?,
                    }
                }
            }
            for link in account.person.links {
                for (field, claim) in link.attributes {
                    let word = BTreeMap::from([(field.clone(), Some(claim.value))]);
                    let left = spoken(&word, gone);
                    if left != word {
                        let value = left.get(&field).and_then(Option::as_ref).map(Value::to_string);
                        let (connection, subject) = (&link.connection, &link.subject);
                        identity::set_claim(&mut self.tx, connection, subject, &field, value.as_deref()).await?;
                    }
                }
            }
        }
        Ok(())
    }
}

fn stripped(document: &Document, gone: &[Place]) -> Document {
    let mut document = document.clone();
    gone.iter().for_each(|place| place.strip(&mut document));
    document
}

/// The words without what goes; what was said only of that is not said any more.
fn spoken(words: &BTreeMap<String, Option<Value>>, gone: &[Place]) -> BTreeMap<String, Option<Value>> {
    let mut left = BTreeMap::new();
    for (cell, word) in words {
        if gone.iter().any(|place| place.covers(cell)) {
            continue;
        }
        let Some(value) = word else {
            left.insert(cell.clone(), None);
            continue;
        };
        let document = cells::document(&BTreeMap::from([(cell.clone(), value.clone())]));
        if let Some(value) = cells::cells(&stripped(&document, gone)).remove(cell) {
            left.insert(cell.clone(), Some(value));
        }
    }
    left
}
