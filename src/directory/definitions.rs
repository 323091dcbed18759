//! A tenant's own schemas and resource types: which registry a request is judged by, what an administrator reads of the
//! definitions, and how a change of one begins. A change that stored data has to follow goes on in `redefine.rs`.
//!
//! Every server keeps the registries of the tenants that it serves by the version that the tenant's row names. Whoever reads
//! the row knows whether the copy is the current one, so a change on one server holds for the next request on all of them.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::event::Cause;
use crate::scim;
use crate::scim::definition::{self, Definitions, TypeDefinition};
use crate::scim::message::{ResourceTypeResource, SchemaResource};
use crate::scim::resource_type::Registry;
use crate::scim::schema::Schema;
use crate::store::{Tx, definitions, tenants};

use super::redefine::{Pending, Progress, Stage};
use super::work::corrupt;
use super::{Directory, Result, transact};

/// What is defined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noun {
    Schema,
    ResourceType,
}

impl Noun {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Schema => "schema",
            Self::ResourceType => "type",
        }
    }
}

/// One definition.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Definition {
    Schema(Schema),
    ResourceType(TypeDefinition),
}

/// A schema or a resource type as an administrator reads it.
#[derive(Clone, Debug)]
pub struct DefinitionInfo {
    /// The URN, or the name of the type.
    pub name: String,
    pub built_in: bool,
    /// As `/Schemas` and `/ResourceTypes` show it, without `meta`; a type with `pushed` beside.
    pub body: Value,
    /// A change under way.
    pub change: Option<Progress>,
}

/// What became of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Defined {
    /// There was none of this name.
    pub created: bool,
    /// Stored data is still being brought in line: the same request again goes on.
    pub change: Option<Progress>,
}

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
        let registry = Arc::new(Book::read(tx).await?.registry()?);
        self.registries.insert(key, registry.clone()).await;
        Ok(registry)
    }

    /// All schemas, or all types, built-in ones included.
    pub async fn definitions(&self, tenant: &str, noun: Noun) -> Result<Vec<DefinitionInfo>> {
        let mut tx = self.engine.read(tenant).await?;
        let book = Book::read(&mut tx).await?;
        let (builtin, registry) = (Registry::builtin(), Registry::with(&book.now).map_err(unreadable)?);
        let change = |name: &str| {
            let (row, pending) = book.pending()?;
            (row.kind == noun.as_str() && row.name.eq_ignore_ascii_case(name)).then(|| pending.progress())
        };
        Ok(match noun {
            Noun::Schema => registry
                .schemas
                .iter()
                .map(|schema| DefinitionInfo {
                    name: schema.id.clone(),
                    built_in: builtin.schema(&schema.id).is_some(),
                    body: json!(SchemaResource::from(schema.as_ref())),
                    change: change(&schema.id),
                })
                .collect(),
            Noun::ResourceType => registry
                .types
                .iter()
                .map(|kind| {
                    let mut body = json!(ResourceTypeResource::from(kind.as_ref()));
                    if kind.own {
                        body["pushed"] = kind.pushed.into();
                    }
                    let built_in = !kind.own;
                    DefinitionInfo { name: kind.name.clone(), built_in, body, change: change(&kind.name) }
                })
                .collect(),
        })
    }

    /// One of them: a schema by its URN in any case, a type by its name.
    pub async fn definition(&self, tenant: &str, noun: Noun, name: &str) -> Result<Option<DefinitionInfo>> {
        let all = self.definitions(tenant, noun).await?;
        let is = |info: &DefinitionInfo| match noun {
            Noun::Schema => info.name.eq_ignore_ascii_case(name),
            Noun::ResourceType => info.name == name,
        };
        Ok(all.into_iter().find(is))
    }

    /// Makes or changes a schema or a type. What stored data contradicts is refused; `discard` agrees that values of what
    /// goes are taken away. `batches`: how many transactions this call spends on stored data before it answers.
    pub async fn define(
        &self,
        tenant: &str,
        noun: Noun,
        body: &Value,
        discard: bool,
        batches: usize,
    ) -> Result<Defined> {
        let refused = |reason: String| scim::Error::invalid_value(reason);
        let definition = match noun {
            Noun::Schema => Definition::Schema(definition::read_schema(body).map_err(refused)?),
            Noun::ResourceType => Definition::ResourceType(TypeDefinition::read(body).map_err(refused)?),
        };
        let name = match &definition {
            Definition::Schema(schema) => schema.id.clone(),
            Definition::ResourceType(kind) => kind.name.clone(),
        };
        self.redefine(tenant, noun, &name, Some(&definition), discard, batches).await
    }

    /// Takes a schema or a type away; of a built-in type, its extensions.
    pub async fn undefine(
        &self,
        tenant: &str,
        noun: Noun,
        name: &str,
        discard: bool,
        batches: usize,
    ) -> Result<Defined> {
        self.redefine(tenant, noun, name, None, discard, batches).await
    }

    async fn redefine(
        &self,
        tenant: &str,
        noun: Noun,
        name: &str,
        wanted: Option<&Definition>,
        discard: bool,
        batches: usize,
    ) -> Result<Defined> {
        let (created, under_way) = transact!(alone, self, tenant, Cause::by("administrator"), work => {
            work.redefine(noun, name, wanted, discard).await
        })?;
        let change = if under_way { self.carry_on(tenant, batches).await? } else { None };
        Ok(Defined { created, change })
    }
}

/// All definitions of a tenant as they stand in one transaction.
pub(super) struct Book {
    pub rows: Vec<definitions::Row>,
    pub now: Definitions,
}

impl Book {
    pub(super) async fn read(tx: &mut Tx) -> Result<Self> {
        let rows = definitions::list(tx).await?;
        let mut now = Definitions::default();
        for row in &rows {
            put(&mut now, parsed(&row.kind, &row.body)?);
        }
        Ok(Self { rows, now })
    }

    /// What requests are judged by.
    pub(super) fn registry(&self) -> Result<Registry> {
        let registry = Registry::with(&self.now).map_err(unreadable)?;
        match self.pending() {
            Some((row, pending)) if pending.stage == Stage::Prepare => {
                let next = self.with(row, &pending)?;
                Ok(registry.preparing(&Registry::with(&next).map_err(unreadable)?))
            }
            _ => Ok(registry),
        }
    }

    /// The change under way; there is one at a time.
    pub(super) fn pending(&self) -> Option<(&definitions::Row, Pending)> {
        self.rows.iter().find_map(|row| Some((row, serde_json::from_str(row.next.as_deref()?).ok()?)))
    }

    pub(super) fn row(&self, noun: Noun, name: &str) -> Option<&definitions::Row> {
        self.rows.iter().find(|row| row.kind == noun.as_str() && row.name.eq_ignore_ascii_case(name))
    }

    /// The definitions as the change would leave them.
    pub(super) fn with(&self, row: &definitions::Row, pending: &Pending) -> Result<Definitions> {
        let mut next = self.now.clone();
        match &pending.body {
            Some(body) => put(&mut next, parsed(&row.kind, body)?),
            None => take(&mut next, &row.kind, &row.name),
        }
        Ok(next)
    }
}

/// In the place of the one of the same name, or at the end.
pub(super) fn put(definitions: &mut Definitions, definition: Definition) {
    match definition {
        Definition::Schema(schema) => {
            match definitions.schemas.iter_mut().find(|known| known.id.eq_ignore_ascii_case(&schema.id)) {
                Some(known) => *known = schema,
                None => definitions.schemas.push(schema),
            }
        }
        Definition::ResourceType(kind) => match definitions.types.iter_mut().find(|known| known.name == kind.name) {
            Some(known) => *known = kind,
            None => definitions.types.push(kind),
        },
    }
}

pub(super) fn take(definitions: &mut Definitions, kind: &str, name: &str) {
    if kind == Noun::Schema.as_str() {
        definitions.schemas.retain(|schema| !schema.id.eq_ignore_ascii_case(name));
    } else {
        definitions.types.retain(|kind| kind.name != name);
    }
}

fn parsed(kind: &str, body: &str) -> Result<Definition> {
    Ok(if kind == Noun::Schema.as_str() {
        Definition::Schema(definition::restored(body).map_err(unreadable)?)
    } else {
        Definition::ResourceType(serde_json::from_str(body).map_err(unreadable)?)
    })
}

pub(super) fn unreadable(reason: impl ToString) -> super::Error {
    corrupt("definition", reason)
}
