//! A tenant's own schemas and resource types: which registry a request is judged by.
//!
//! Every server keeps the registries of the tenants that it serves by the version that the tenant's row names. Whoever reads
//! the row knows whether the copy is the current one, so a change on one server holds for the next request on all of them.

use std::sync::Arc;

use crate::scim;
use crate::scim::definition::{self, Definitions, TypeDefinition};
use crate::scim::resource_type::Registry;
use crate::store::{Tx, definitions, tenants};

use super::work::corrupt;
use super::{Directory, Result};

impl Directory {
    /// The schemas and types of a tenant (its id) as they are now.
    pub async fn registry(&self, tenant: &str) -> Result<Arc<Registry>> {
        let mut tx = self.engine.read(tenant).await?;
        self.registry_in(&mut tx).await
    }

    /// The same within a transaction.
    pub(crate) async fn registry_in(&self, tx: &mut Tx) -> Result<Arc<Registry>> {
        let tenant = tenants::current(tx).await?.ok_or_else(|| scim::Error::not_found("no such tenant"))?;
        self.registry_at(tx, &tenant).await
    }

    /// The same where the tenant's row is read already, in this transaction and before it changes any definition.
    pub(crate) async fn registry_at(&self, tx: &mut Tx, tenant: &tenants::Tenant) -> Result<Arc<Registry>> {
        if tenant.schema_version == 0 {
            return Ok(Registry::builtin());
        }
        let key = (tenant.id.clone(), tenant.schema_version);
        if let Some(known) = self.registries.get(&key).await {
            return Ok(known);
        }
        let registry = Arc::new(built(&definitions::list(tx).await?)?);
        self.registries.insert(key, registry.clone()).await;
        Ok(registry)
    }
}

fn built(rows: &[definitions::Row]) -> Result<Registry> {
    let mut definitions = Definitions::default();
    for row in rows {
        match row.kind.as_str() {
            SCHEMA => definitions.schemas.push(definition::restored(&row.body).map_err(unreadable)?),
            _ => definitions.types.push(serde_json::from_str::<TypeDefinition>(&row.body).map_err(unreadable)?),
        }
    }
    Registry::with(&definitions).map_err(unreadable)
}

const SCHEMA: &str = "schema";

fn unreadable(reason: impl ToString) -> super::Error {
    corrupt("definition", reason)
}
