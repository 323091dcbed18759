//! Building again what is derived: after a change of how values are indexed, or to mend what `verify` reports.

use std::collections::BTreeSet;

use crate::event::Cause;
use crate::scim::document::Document;
use crate::store::{people, resources, values};

use super::settle::effective_entries;
use super::verify::other_external_id;
use super::work::corrupt;
use super::{Directory, Result, Work, transact};

/// How many resources one transaction builds again, so that other writers are not kept waiting.
const BATCH: i64 = 200;

impl Directory {
    /// Derives everybody again and indexes every group and organization; the number of resources. Nothing that is already
    /// right changes but the index rows, and no version moves.
    pub async fn reindex(&self, tenant: &str) -> Result<u64> {
        let mut count = 0;
        let registry = self.registry(tenant).await?;
        for kind in registry.types.iter().map(|kind| kind.name.as_str()) {
            let mut after = String::new();
            loop {
                let last = after.as_str();
                let done: BTreeSet<String> = transact!(self, tenant, Cause::by("system"), work => {
                    let ids = people::ids_after(&mut work.tx, kind, last, BATCH).await?;
                    work.rebuild(kind, &ids).await?;
                    Ok(ids)
                })?;
                count += done.len() as u64;
                match done.last() {
                    Some(last) => after.clone_from(last),
                    None => break,
                }
            }
        }
        Ok(count)
    }
}

impl Work<'_> {
    pub(super) async fn rebuild(&mut self, kind: &str, ids: &BTreeSet<String>) -> Result<()> {
        if kind == "User" {
            self.touch_all(ids).await?;
            self.reindexed.extend(ids.iter().cloned());
            return Ok(());
        }
        let kind = &self.kind(kind)?;
        for row in resources::existing(&mut self.tx, ids).await? {
            let Some(row) = resources::find_for_update(&mut self.tx, &row.kind, &row.id).await? else { continue };
            let document = Document::from_json(&row.document).map_err(|e| corrupt("resource", e))?;
            if row.kind == "Group" {
                let external_id = other_external_id(&mut self.tx, &row, &document).await?;
                self.index_group(&row, &document, external_id.as_deref()).await?;
            } else if kind.own {
                self.index_own(kind, &row.id, &document, row.display.as_deref()).await?;
            } else {
                let external_id = document.0.get("externalId").and_then(serde_json::Value::as_str);
                let entries = effective_entries(kind, &document, external_id, row.display.as_deref());
                self.check_unique(kind, &row.id, &entries).await?;
                values::replace(&mut self.tx, &row.id, &row.kind, "", &entries, Some("")).await?;
            }
        }
        Ok(())
    }
}
