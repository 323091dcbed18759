//! Resource types (RFC 7643 §6) and the registry of what this server knows: which schemas, which types, and
//! which attribute a name means for a type.

use std::sync::Arc;

use super::schema::{Attribute, Schema};

/// The URNs of RFC 7643 §10.4 and of this product; they are for ever.
pub mod urn {
    pub const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
    pub const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
    pub const ENTERPRISE_USER: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    pub const SERVICE_PROVIDER_CONFIG: &str = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig";
    pub const RESOURCE_TYPE: &str = "urn:ietf:params:scim:schemas:core:2.0:ResourceType";
    pub const SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:Schema";
    pub const ORGANIZATION: &str = "urn:rollkeeper:params:scim:schemas:core:2.0:Organization";
    pub const TEAM: &str = "urn:rollkeeper:params:scim:schemas:extension:2.0:Team";
    pub const PERSON: &str = "urn:rollkeeper:params:scim:schemas:extension:2.0:Person";
}

#[derive(Clone, Debug)]
pub struct Extension {
    pub schema: Arc<Schema>,
    pub required: bool,
}

/// A resource type: its endpoint, its base schema, its extensions.
#[derive(Clone, Debug)]
pub struct ResourceType {
    /// `User`, `Group`, `Organization`: also `meta.resourceType` and the `kind` column of the store.
    pub name: String,
    /// With its leading slash: `/Users`.
    pub endpoint: String,
    pub description: String,
    pub schema: Arc<Schema>,
    pub extensions: Vec<Extension>,
}

/// An attribute found by name: where it lives (`extension` is `None` for the base schema and the common
/// attributes) and its definition.
#[derive(Clone, Copy, Debug)]
pub struct Found<'a> {
    pub extension: Option<&'a Schema>,
    pub attribute: &'a Attribute,
}

/// All that a server knows of types and schemas. Built once; shared.
#[derive(Clone, Debug)]
pub struct Registry {
    pub types: Vec<Arc<ResourceType>>,
    /// Every schema that `/Schemas` lists, message schemas excluded (RFC 7644 §3.1).
    pub schemas: Vec<Arc<Schema>>,
}
