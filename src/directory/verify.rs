//! Recomputing every derived row from its registers and reporting what differs: nothing should.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::reconcile::{cells, derive};
use crate::scim::document::Document;
use crate::store::{Tx, definitions, people, resources, values};

use super::passwords::{password_row, stands_apart};
use super::remap::Waiting;
use super::settle::{display_name, effective_entries, effective_external_id, own_document};
use super::work::corrupt;
use super::{Configuration, Directory, Result, world};

/// A derived value that is not what its registers give.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    pub tenant: String,
    pub table: &'static str,
    /// Ids only.
    pub key: String,
    pub stored: String,
    pub derived: String,
}

impl Directory {
    /// Of one tenant (its id), or of all. Ids and flags are reported; of documents only that they differ.
    pub async fn verify(&self, tenant: Option<&str>) -> Result<Vec<Difference>> {
        let tenants = match tenant {
            Some(id) => vec![id.to_owned()],
            None => self.tenants().await?.into_iter().map(|tenant| tenant.id).collect(),
        };
        let mut all = Vec::new();
        for tenant in tenants {
            self.verify_people(&tenant, &mut all).await?;
            self.verify_others(&tenant, &mut all).await?;
        }
        Ok(all)
    }

    /// The index rows of groups, organizations and the tenant's own types. While a definition is being changed they are
    /// those of two definitions, and are left out.
    async fn verify_others(&self, tenant: &str, all: &mut Vec<Difference>) -> Result<()> {
        let kinds: Vec<String> = self.registry(tenant).await?.types.iter().map(|kind| kind.name.clone()).collect();
        for name in kinds.iter().filter(|name| *name != "User") {
            let mut after = String::new();
            loop {
                let mut tx = self.engine.read(tenant).await?;
                let ids = people::ids_after(&mut tx, name, &after, 200).await?;
                let Some(last) = ids.last().cloned() else { break };
                let registry = self.registry_in(&mut tx).await?;
                let is_changing = definitions::list(&mut tx).await?.iter().any(|row| row.next.is_some());
                let Some(kind) = registry.type_named(name).filter(|_| !is_changing) else { break };
                for row in resources::existing(&mut tx, &ids).await? {
                    let document = Document::from_json(&row.document).map_err(|e| corrupt("resource", e))?;
                    let external_id = other_external_id(&mut tx, &row, &document).await?;
                    let entries = effective_entries(kind, &document, external_id.as_deref(), row.display.as_deref());
                    let wanted = entries.into_iter().map(|e| (String::new(), e.attr, e.slot, e.key.0)).collect();
                    all.extend(index_difference(&mut tx, tenant, &row.id, wanted).await?);
                }
                after = last;
            }
        }
        Ok(())
    }

    async fn verify_people(&self, tenant: &str, all: &mut Vec<Difference>) -> Result<()> {
        let mut after = String::new();
        loop {
            let mut tx = self.engine.read(tenant).await?;
            let ids = people::ids_after(&mut tx, "User", &after, 200).await?;
            let Some(last) = ids.last().cloned() else { return Ok(()) };
            let configuration = Configuration::load(&mut tx).await?;
            let registry = self.registry_in(&mut tx).await?;
            let Some(kind) = registry.type_named("User") else { return Ok(()) };
            let mut accounts = people::load(&mut tx, &ids).await?;
            let waiting = Waiting::load(&mut tx).await?;
            accounts.retain(|account| !waiting.has(account));
            let world = world::gather(&mut tx, &configuration, &registry, &mut accounts, self.clock.now()).await?;
            for account in &accounts {
                let id = &account.person.id;
                let mut differ = |table, key: String, stored: String, derived: String| {
                    if stored != derived {
                        all.push(Difference { tenant: tenant.to_owned(), table, key, stored, derived });
                    }
                };
                let derived = derive(&account.person, &world);
                let keys: BTreeSet<_> = account.stored.keys().chain(derived.rows.keys()).collect();
                for key in keys {
                    let text = |live: Option<&bool>| live.map_or("absent".to_owned(), |live| format!("live={live}"));
                    differ(
                        "vouch",
                        format!("{}/{id}/{}", key.0, key.1),
                        text(account.stored.get(key)),
                        text(derived.rows.get(key)),
                    );
                    differ(
                        "vouch.role",
                        format!("{}/{id}/{}", key.0, key.1),
                        format!("{:?}", account.roles.get(key)),
                        format!("{:?}", derived.roles.get(key)),
                    );
                }
                if account.person.retired {
                    // Whoever retires an account ends everything that speaks of it.
                    let (records, links) = (account.person.records.len(), account.person.links.len());
                    differ(
                        "record",
                        id.clone(),
                        format!("{records} records, {links} links"),
                        "0 records, 0 links".to_owned(),
                    );
                    continue;
                }
                differ("resource.active", id.clone(), account.active.to_string(), derived.active.to_string());
                differ("resource.home", id.clone(), format!("{:?}", account.home), format!("{:?}", derived.home));
                differ("resource.dead", id.clone(), format!("{:?}", account.dead), format!("{:?}", derived.dead));
                let document = cells::document(&derived.words);
                if document != account.document {
                    differ("resource.document", id.clone(), "differs".to_owned(), "from its words".to_owned());
                }
                let mut wanted: Vec<(String, String, i32, String)> = Vec::new();
                let home = derived.home.as_deref();
                let mut index = |view: &str, document: &crate::scim::document::Document, external_id: Option<&str>| {
                    let display = display_name(document);
                    let mut entries = effective_entries(kind, document, external_id, display.as_deref());
                    entries.extend(password_row(account, home, (!view.is_empty()).then_some(view)));
                    for entry in entries {
                        wanted.push((view.to_owned(), entry.attr, entry.slot, entry.key.0));
                    }
                };
                index("", &document, effective_external_id(account, &derived, &document));
                for record in &account.person.records {
                    let own = own_document(&record.words);
                    if stands_apart(account, home, &record.connection, own == document) {
                        index(&record.connection, &own, None);
                    }
                }
                all.extend(index_difference(&mut tx, tenant, id, wanted).await?);
            }
            after = last;
        }
    }
}

/// (view, attribute, slot, key) of each index row, as they should be.
async fn index_difference(
    tx: &mut Tx,
    tenant: &str,
    id: &str,
    mut wanted: Vec<(String, String, i32, String)>,
) -> Result<Option<Difference>> {
    wanted.sort();
    let mut stored = values::stored(tx, id).await?;
    stored.sort();
    Ok((stored != wanted).then(|| Difference {
        tenant: tenant.to_owned(),
        table: "value",
        key: id.to_owned(),
        stored: format!("{} rows", stored.len()),
        derived: format!("{} rows, or other ones", wanted.len()),
    }))
}

/// `externalId` of what is no user: of a group that a connection owns, as that calls it; else as it was entered.
pub(super) async fn other_external_id(
    tx: &mut Tx,
    row: &resources::Row,
    document: &Document,
) -> Result<Option<String>> {
    if row.kind == "Group"
        && let Some(owner) = &row.owner
        && let Some(record) = resources::record(tx, owner, &row.id).await?
    {
        return Ok(record.external_id);
    }
    Ok(document.0.get("externalId").and_then(Value::as_str).map(str::to_owned))
}
