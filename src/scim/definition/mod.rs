//! What a tenant defines beside the built-in schemas and types: extension schemas, resource types of its own, and which
//! extensions the built-in types have (RFC 7643 §6, §7). Owns the stored form and what makes a [`Registry`] of it; every
//! set of definitions is judged as a whole (`check.rs`), so that a registry that exists can be enforced.
//!
//! ```
//! use rollkeeper::scim::definition::{Definitions, TypeDefinition, read_schema};
//! use rollkeeper::scim::resource_type::Registry;
//! use serde_json::json;
//!
//! let badge = json!({"id": "urn:acme:scim:Badge", "name": "Badge", "attributes": [{"name": "number"}]});
//! let user = json!({"name": "User", "schemaExtensions": [{"schema": "urn:acme:scim:Badge", "required": false}]});
//! let definitions = Definitions {
//!     schemas: vec![read_schema(&badge)?],
//!     types: vec![TypeDefinition::read(&user)?],
//! };
//! let registry = Registry::with(&definitions)?;
//! assert!(registry.type_named("User").unwrap().find(Some("urn:acme:scim:badge"), "NUMBER").is_some());
//! # Ok::<(), String>(())
//! ```

mod change;
mod check;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::message::SchemaExtension;
use super::resource_type::{Extension, Registry, ResourceType, urn};
use super::schema::{Attribute, Mutability, Schema, Uniqueness};

pub use change::{Change, Place, Required, change, follow};
pub use check::LIMITS;

/// All that one tenant defines, as it holds at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Definitions {
    pub schemas: Vec<Schema>,
    pub types: Vec<TypeDefinition>,
}

/// A resource type as a tenant states it. Of a built-in type only `schemaExtensions` are the tenant's.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TypeDefinition {
    pub name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub endpoint: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub schema: String,
    #[serde(default)]
    pub schema_extensions: Vec<SchemaExtension>,
    /// Whether push tokens write resources of the type; an administrator always does.
    #[serde(default)]
    pub pushed: bool,
}

impl TypeDefinition {
    /// Reads a ResourceType resource. Members that the server adds (`schemas`, `id`, `meta`, `builtIn`) are passed over.
    pub fn read(body: &Value) -> Result<Self, String> {
        let mut body = body.clone();
        if let Some(members) = body.as_object_mut() {
            for name in ["schemas", "id", "meta", "builtIn", "change"] {
                members.shift_remove(name);
            }
        }
        serde_json::from_value(body).map_err(|error| format!("not a resource type: {error}"))
    }
}

/// Reads a Schema resource: what [`Schema::parse`] asks of every schema, and what is asked of a tenant's.
pub fn read_schema(body: &Value) -> Result<Schema, String> {
    let text = body.to_string();
    let schema = Schema::parse(&text)?;
    check::schema(&schema).map_err(|reason| format!("{}: {reason}", schema.id))?;
    Ok(schema)
}

#[derive(Serialize, Deserialize)]
struct Stored {
    schema: Value,
    /// The generations of attributes that are indexed anew, by path.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    generations: BTreeMap<String, u32>,
}

/// The stored form of a schema.
pub fn stored(schema: &Schema) -> String {
    let mut generations = BTreeMap::new();
    for attribute in &schema.attributes {
        generations.insert(attribute.name.clone(), attribute.generation);
        for sub in &attribute.sub_attributes {
            generations.insert(format!("{}.{}", attribute.name, sub.name), sub.generation);
        }
    }
    generations.retain(|_, generation| *generation > 0);
    json!(Stored { schema: schema.to_json(), generations }).to_string()
}

pub fn restored(text: &str) -> Result<Schema, String> {
    let Stored { schema, generations } = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let mut schema = Schema::parse(&schema.to_string())?;
    let of = |path: &str| generations.get(path).copied().unwrap_or(0);
    for attribute in &mut schema.attributes {
        attribute.generation = of(&attribute.name);
        for sub in &mut attribute.sub_attributes {
            sub.generation = of(&format!("{}.{}", attribute.name, sub.name));
        }
    }
    Ok(schema)
}

impl Registry {
    /// The built-in schemas and types with a tenant's own. A set that contradicts itself or the built-in ones is refused
    /// with a sentence.
    pub fn with(definitions: &Definitions) -> Result<Registry, String> {
        let builtin = Registry::builtin();
        check::whole(&builtin, definitions)?;
        let own: Vec<Arc<Schema>> = definitions.schemas.iter().cloned().map(Arc::new).collect();
        let schema = |urn: &str| {
            let found = own.iter().find(|schema| schema.id.eq_ignore_ascii_case(urn)).cloned();
            found.ok_or_else(|| format!("there is no schema {urn} of this tenant: put it first"))
        };
        let extensions = |definition: &TypeDefinition| {
            let stated = definition.schema_extensions.iter();
            stated
                .map(|it| Ok(Extension { schema: schema(&it.schema)?, required: it.required, own: true }))
                .collect::<Result<Vec<_>, String>>()
        };
        let mut types = Vec::new();
        for kind in &builtin.types {
            match definitions.types.iter().find(|definition| definition.name == kind.name) {
                None => types.push(kind.clone()),
                Some(definition) => {
                    let mut kind = (**kind).clone();
                    kind.extensions.extend(extensions(definition)?);
                    types.push(Arc::new(kind));
                }
            }
        }
        for definition in definitions.types.iter().filter(|it| builtin.type_named(&it.name).is_none()) {
            types.push(Arc::new(ResourceType {
                name: definition.name.clone(),
                endpoint: definition.endpoint.clone(),
                description: definition.description.clone(),
                schema: schema(&definition.schema)?,
                extensions: extensions(definition)?,
                own: true,
                pushed: definition.pushed,
                next: None,
            }));
        }
        let schemas = builtin.schemas.iter().cloned().chain(own).collect();
        let registry = Registry::of(types, schemas);
        check::references(&registry, definitions)?;
        Ok(registry)
    }

    /// This registry while a change to `next` is under way: what is written is indexed both ways, and attributes that go
    /// take no values any more.
    pub fn preparing(&self, next: &Registry) -> Registry {
        let types = self.types.iter().map(|kind| match next.type_named(&kind.name) {
            Some(after) if is_other(kind, after) => Arc::new(closing(kind, after)),
            _ => kind.clone(),
        });
        Registry::of(types.collect(), self.schemas.clone())
    }

    fn of(types: Vec<Arc<ResourceType>>, schemas: Vec<Arc<Schema>>) -> Registry {
        let unique = types.iter().find(|kind| kind.schema.id == urn::USER).map(|kind| unique_cells(kind));
        Registry { types, schemas, unique: unique.unwrap_or_default() }
    }
}

fn is_other(kind: &ResourceType, after: &ResourceType) -> bool {
    kind.schema != after.schema
        || kind.extensions.len() != after.extensions.len()
        || kind.extensions.iter().zip(&after.extensions).any(|(one, other)| one.schema != other.schema)
}

fn closing(kind: &ResourceType, after: &Arc<ResourceType>) -> ResourceType {
    let extensions = kind.extensions.iter().map(|extension| {
        let left = after.extension(&extension.schema.id).map(|left| left.schema.as_ref());
        Extension { schema: closed(&extension.schema, left), ..extension.clone() }
    });
    ResourceType {
        schema: closed(&kind.schema, Some(&after.schema)),
        extensions: extensions.collect(),
        next: Some(after.clone()),
        ..kind.clone()
    }
}

/// The schema with what is not `left` read-only: clients' words about it are passed over from now on.
fn closed(schema: &Arc<Schema>, left: Option<&Schema>) -> Arc<Schema> {
    let goes = |attribute: &Attribute| left.is_none_or(|left| left.attribute(&attribute.name).is_none());
    let mut schema = (**schema).clone();
    for attribute in &mut schema.attributes {
        if goes(attribute) {
            attribute.mutability = Mutability::ReadOnly;
        } else if let Some(left) = left.and_then(|left| left.attribute(&attribute.name)) {
            for sub in attribute.sub_attributes.iter_mut().filter(|sub| left.sub(&sub.name).is_none()) {
                sub.mutability = Mutability::ReadOnly;
            }
        }
    }
    Arc::new(schema)
}

/// The cells of a person whose value is unique by the tenant's own definitions, those of a change under way included.
fn unique_cells(kind: &ResourceType) -> BTreeSet<String> {
    let mut cells = BTreeSet::new();
    for kind in std::iter::once(kind).chain(kind.next.as_deref()) {
        for schema in kind.extensions.iter().filter(|extension| extension.own).map(|extension| &extension.schema) {
            for attribute in &schema.attributes {
                let is_unique = |attribute: &Attribute| attribute.uniqueness != Uniqueness::None;
                let whole = format!("{}:{}", schema.id, attribute.name);
                if is_unique(attribute) || attribute.multi_valued && attribute.sub_attributes.iter().any(is_unique) {
                    cells.insert(whole);
                } else if !attribute.multi_valued {
                    let subs = attribute.sub_attributes.iter().filter(|sub| is_unique(sub));
                    cells.extend(subs.map(|sub| format!("{whole}.{}", sub.name)));
                }
            }
        }
    }
    cells
}
