//! What a server says of itself (RFC 7644 §4): ServiceProviderConfig, ResourceType and Schema resources
//! (RFC 7643 §5 to §7).

use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::scim::core::Meta;
use crate::scim::resource_type::{ResourceType, urn};
use crate::scim::schema::{Attribute, Schema};

/// RFC 7643 §5, with `pagination` of RFC 9865 §4. All but `documentationUri` and `pagination` is always there, also
/// for what is not offered.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceProviderConfig {
    pub schemas: Vec<String>,
    pub documentation_uri: Option<String>,
    pub patch: Supported,
    pub bulk: Bulk,
    pub filter: Filter,
    pub change_password: Supported,
    pub sort: Supported,
    pub etag: Supported,
    pub authentication_schemes: Vec<AuthenticationScheme>,
    pub pagination: Option<Pagination>,
    pub meta: Option<Meta>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Supported {
    pub supported: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Bulk {
    pub supported: bool,
    pub max_operations: u64,
    /// In bytes.
    pub max_payload_size: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Filter {
    pub supported: bool,
    pub max_results: u64,
}

#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthenticationScheme {
    /// `oauthbearertoken` and the like.
    #[serde(rename = "type")]
    pub kind: String,
    pub name: String,
    pub description: String,
    pub spec_uri: Option<String>,
    pub documentation_uri: Option<String>,
    pub primary: Option<bool>,
}

#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pagination {
    pub cursor: bool,
    pub index: bool,
    pub default_pagination_method: Option<String>,
    pub default_page_size: Option<u64>,
    pub max_page_size: Option<u64>,
    /// In seconds.
    pub cursor_timeout: Option<u64>,
}

/// RFC 7643 §6. Its `id` is its name; `endpoint` is relative to the base address.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceTypeResource {
    pub schemas: Vec<String>,
    pub id: Option<String>,
    pub name: String,
    pub description: Option<String>,
    pub endpoint: String,
    pub schema: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub schema_extensions: Vec<SchemaExtension>,
    pub meta: Option<Meta>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaExtension {
    pub schema: String,
    pub required: bool,
}

impl From<&ResourceType> for ResourceTypeResource {
    fn from(kind: &ResourceType) -> Self {
        let extensions = kind.extensions.iter();
        Self {
            schemas: vec![urn::RESOURCE_TYPE.into()],
            id: Some(kind.name.clone()),
            name: kind.name.clone(),
            description: Some(kind.description.clone()),
            endpoint: kind.endpoint.clone(),
            schema: kind.schema.id.clone(),
            schema_extensions: extensions
                .map(|extension| SchemaExtension { schema: extension.schema.id.clone(), required: extension.required })
                .collect(),
            meta: None,
        }
    }
}

/// RFC 7643 §7.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SchemaResource {
    #[serde(default)]
    pub schemas: Vec<String>,
    pub id: String,
    pub name: Option<String>,
    pub description: Option<String>,
    pub attributes: Vec<Attribute>,
    pub meta: Option<Meta>,
}

impl From<&Schema> for SchemaResource {
    fn from(schema: &Schema) -> Self {
        Self {
            schemas: vec![urn::SCHEMA.into()],
            id: schema.id.clone(),
            name: Some(schema.name.clone()),
            description: Some(schema.description.clone()),
            attributes: schema.attributes.clone(),
            meta: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::scim::resource_type::Registry;

    #[test]
    fn a_config_has_what_the_schema_requires() {
        let config = ServiceProviderConfig {
            schemas: vec![urn::SERVICE_PROVIDER_CONFIG.into()],
            documentation_uri: None,
            patch: Supported { supported: true },
            bulk: Bulk { supported: false, max_operations: 0, max_payload_size: 0 },
            filter: Filter { supported: true, max_results: 200 },
            change_password: Supported { supported: true },
            sort: Supported { supported: true },
            etag: Supported { supported: true },
            authentication_schemes: vec![],
            pagination: None,
            meta: None,
        };
        let printed = serde_json::to_value(&config).unwrap();
        let registry = Registry::builtin();
        let schema = registry.schema(urn::SERVICE_PROVIDER_CONFIG).unwrap();
        for attribute in schema.attributes.iter().filter(|attribute| attribute.required) {
            let value = printed.get(&attribute.name).unwrap_or_else(|| panic!("{} is required", attribute.name));
            for sub in attribute.sub_attributes.iter().filter(|sub| sub.required && !attribute.multi_valued) {
                assert!(value.get(&sub.name).is_some(), "{}.{} is required", attribute.name, sub.name);
            }
        }
        assert!(!printed.to_string().contains("null"));
        assert_eq!(serde_json::from_value::<ServiceProviderConfig>(printed).unwrap(), config);
    }

    #[test]
    fn resource_types_and_schemas_as_served() {
        let registry = Registry::builtin();
        let printed = serde_json::to_value(ResourceTypeResource::from(&*registry.types[0])).unwrap();
        let expected = json!({
            "schemas": [urn::RESOURCE_TYPE], "id": "User", "name": "User", "description": "User Account",
            "endpoint": "/Users", "schema": urn::USER, "schemaExtensions": [
                {"schema": urn::ENTERPRISE_USER, "required": false}, {"schema": urn::PERSON, "required": false}]
        });
        assert_eq!(printed, expected);
        let organizations = serde_json::to_value(ResourceTypeResource::from(&*registry.types[2])).unwrap();
        assert_eq!(organizations.get("schemaExtensions"), None::<&Value>);

        for schema in &registry.schemas {
            let resource = SchemaResource::from(&**schema);
            let printed = serde_json::to_value(&resource).unwrap();
            assert_eq!(printed, schema.to_json());
            assert_eq!(serde_json::from_value::<SchemaResource>(printed).unwrap(), resource);
        }
    }
}
