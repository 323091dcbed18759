//! Recomputing every derived row from its registers and reporting what differs: nothing should.

use std::collections::BTreeSet;

use crate::reconcile::{cells, derive};
use crate::store::{people, values};

use super::passwords::{password_row, stands_apart};
use super::remap::Waiting;
use super::settle::{display_name, effective_entries, effective_external_id, own_document};
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
        }
        Ok(all)
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
                wanted.sort();
                let mut stored = values::stored(&mut tx, id).await?;
                stored.sort();
                if stored != wanted {
                    differ(
                        "value",
                        id.clone(),
                        format!("{} rows", stored.len()),
                        format!("{} rows, or other ones", wanted.len()),
                    );
                }
            }
            after = last;
        }
    }
}
