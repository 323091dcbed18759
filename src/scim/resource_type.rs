//! Resource types (RFC 7643 §6) and the registry of what this server knows: which schemas, which types, and
//! which attribute a name means for a type.
//!
//! ```
//! use rollkeeper::scim::resource_type::Registry;
//!
//! let registry = Registry::builtin();
//! let user = registry.type_at("/users").expect("users are built in");
//! assert_eq!(user.name, "User");
//! let found = user.find(None, "EMPLOYEENUMBER").expect("unique among the extensions");
//! assert_eq!(found.attribute.name, "employeeNumber");
//! assert!(found.extension.is_some());
//! ```

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use super::schema::{Attribute, Mutability, Returned, Schema, Type, Uniqueness};

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

    /// The registered URN that clients mean by some other spelling, for the extensions. Entra's legacy samples forget
    /// a colon (fixture ENT-21); SCIM 1.1 had a URN of its own.
    pub fn known_alias(urn: &str) -> Option<&'static str> {
        const ALIASES: [(&str, &str); 2] = [
            ("urn:ietf:params:scim:schemas:extension:enterprise:2.0User", ENTERPRISE_USER),
            ("urn:scim:schemas:extension:enterprise:1.0", ENTERPRISE_USER),
        ];
        ALIASES.iter().find(|(alias, _)| alias.eq_ignore_ascii_case(urn)).map(|(_, registered)| *registered)
    }
}

/// All that a server knows of types and schemas for one tenant: the built-in ones, and what the tenant defines
/// ([`Registry::with`]). Built once for each version of the definitions; shared.
#[derive(Clone, Debug)]
pub struct Registry {
    pub types: Vec<Arc<ResourceType>>,
    /// Every schema that `/Schemas` lists, message schemas excluded (RFC 7644 §3.1).
    pub schemas: Vec<Arc<Schema>>,
    /// The cells of a person that are unique by the tenant's own definitions.
    pub unique: BTreeSet<String>,
}

impl Registry {
    /// Users, Groups and Organizations, as the files in `schemas/` define them.
    pub fn builtin() -> Arc<Registry> {
        static BUILTIN: LazyLock<Arc<Registry>> = LazyLock::new(|| Arc::new(load_builtin()));
        BUILTIN.clone()
    }

    /// The type of exactly that name, as in `meta.resourceType` (RFC 7643 §3.1: case exact).
    pub fn type_named(&self, name: &str) -> Option<&Arc<ResourceType>> {
        self.types.iter().find(|kind| kind.name == name)
    }

    /// The type at an endpoint: `Users` or `/Users`, in any case.
    pub fn type_at(&self, endpoint: &str) -> Option<&Arc<ResourceType>> {
        let endpoint = endpoint.strip_prefix('/').unwrap_or(endpoint);
        self.types.iter().find(|kind| kind.endpoint.trim_start_matches('/').eq_ignore_ascii_case(endpoint))
    }

    /// The schema of that URN, in any case.
    pub fn schema(&self, urn: &str) -> Option<&Arc<Schema>> {
        self.schemas.iter().find(|schema| schema.id.eq_ignore_ascii_case(urn))
    }

    /// See [`Schema::parse`].
    pub fn load_schema(json: &str) -> Result<Schema, String> {
        Schema::parse(json)
    }
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
    /// Defined by the tenant: its resources are plain documents of one owner, that all readers see alike.
    pub own: bool,
    /// Of a tenant's own type: whether push tokens write its resources.
    pub pushed: bool,
    /// What the type is about to be, while a change of its definitions is under way: documents are indexed both ways.
    pub next: Option<Arc<ResourceType>>,
}

#[derive(Clone, Debug)]
pub struct Extension {
    pub schema: Arc<Schema>,
    pub required: bool,
    /// Defined by the tenant.
    pub own: bool,
}

/// An attribute found by name: where it lives (`extension` is `None` for the base schema and the common
/// attributes) and its definition.
#[derive(Clone, Copy, Debug)]
pub struct Found<'a> {
    pub extension: Option<&'a Schema>,
    pub attribute: &'a Attribute,
}

impl Extension {
    /// One that a resource may have and need not.
    pub fn optional(schema: Arc<Schema>) -> Self {
        Self { schema, required: false, own: false }
    }
}

impl ResourceType {
    /// A type of the server's own; its name and description are those of its schema.
    pub fn new(endpoint: &str, schema: Arc<Schema>, extensions: Vec<Extension>) -> Self {
        Self {
            name: schema.name.clone(),
            endpoint: endpoint.to_owned(),
            description: schema.description.clone(),
            schema,
            extensions,
            own: false,
            pushed: false,
            next: None,
        }
    }

    /// What a name means for this type, in any case: an attribute of the base schema, a common attribute, or an
    /// extension's attribute if only one extension has that name. With `urn`, that schema alone is asked, though the
    /// common attributes belong to all of them (RFC 7643 §3.1, RFC 7644 §3.10).
    pub fn find(&self, urn: Option<&str>, name: &str) -> Option<Found<'_>> {
        let here = |attribute| Found { extension: None, attribute };
        let Some(urn) = urn else {
            return self
                .schema
                .attribute(name)
                .or_else(|| common(name))
                .map(here)
                .or_else(|| self.unique_in_extensions(name));
        };
        if self.schema.id.eq_ignore_ascii_case(urn) {
            return self.schema.attribute(name).or_else(|| common(name)).map(here);
        }
        let schema = self.extension(urn)?.schema.as_ref();
        match schema.attribute(name) {
            Some(attribute) => Some(Found { extension: Some(schema), attribute }),
            None => common(name).map(here),
        }
    }

    /// The extension of that URN, in any case.
    pub fn extension(&self, urn: &str) -> Option<&Extension> {
        self.extensions.iter().find(|extension| extension.schema.id.eq_ignore_ascii_case(urn))
    }

    fn unique_in_extensions(&self, name: &str) -> Option<Found<'_>> {
        let mut found = self.extensions.iter().filter_map(|extension| {
            let schema = extension.schema.as_ref();
            schema.attribute(name).map(|attribute| Found { extension: Some(schema), attribute })
        });
        let first = found.next()?;
        found.next().is_none().then_some(first)
    }
}

/// The attributes of every resource of every type (RFC 7643 §3.1); no schema lists them.
pub static COMMON: LazyLock<Vec<Attribute>> = LazyLock::new(|| {
    let text = |name: &str| Attribute { name: name.into(), case_exact: true, ..Attribute::default() };
    let read_only = |attribute: Attribute| Attribute { mutability: Mutability::ReadOnly, ..attribute };
    let instant = |name: &str| Attribute { name: name.into(), kind: Type::DateTime, ..Attribute::default() };
    let location = Attribute { kind: Type::Reference, reference_types: vec!["uri".into()], ..text("location") };
    vec![
        Attribute {
            multi_valued: true,
            required: true,
            case_exact: false,
            returned: Returned::Always,
            ..text("schemas")
        },
        Attribute { returned: Returned::Always, uniqueness: Uniqueness::Server, ..read_only(text("id")) },
        text("externalId"),
        Attribute {
            kind: Type::Complex,
            case_exact: false,
            sub_attributes: [
                text("resourceType"),
                instant("created"),
                instant("lastModified"),
                location,
                text("version"),
            ]
            .map(read_only)
            .into(),
            ..read_only(text("meta"))
        },
    ]
});

fn common(name: &str) -> Option<&'static Attribute> {
    COMMON.iter().find(|attribute| attribute.name.eq_ignore_ascii_case(name))
}

fn load_builtin() -> Registry {
    let load = |json| Arc::new(Schema::parse(json).expect("the schema files are part of the program and tested"));
    let optional = |schema: &Arc<Schema>| Extension::optional(schema.clone());

    let user = load(include_str!("../../schemas/user.json"));
    let enterprise = load(include_str!("../../schemas/enterprise-user.json"));
    let person = load(include_str!("../../schemas/person.json"));
    let group = load(include_str!("../../schemas/group.json"));
    let team = load(include_str!("../../schemas/team.json"));
    let organization = load(include_str!("../../schemas/organization.json"));
    let kind = |endpoint: &str, schema: &Arc<Schema>, extensions| {
        Arc::new(ResourceType::new(endpoint, schema.clone(), extensions))
    };

    Registry {
        types: vec![
            kind("/Users", &user, vec![optional(&enterprise), optional(&person)]),
            kind("/Groups", &group, vec![optional(&team)]),
            kind("/Organizations", &organization, vec![]),
        ],
        schemas: vec![
            user,
            enterprise,
            person,
            group,
            team,
            organization,
            load(include_str!("../../schemas/service-provider-config.json")),
            load(include_str!("../../schemas/resource-type.json")),
            load(include_str!("../../schemas/schema.json")),
        ],
        unique: BTreeSet::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_schema_is_the_enforced_one() {
        let files = [
            include_str!("../../schemas/user.json"),
            include_str!("../../schemas/enterprise-user.json"),
            include_str!("../../schemas/person.json"),
            include_str!("../../schemas/group.json"),
            include_str!("../../schemas/team.json"),
            include_str!("../../schemas/organization.json"),
            include_str!("../../schemas/service-provider-config.json"),
            include_str!("../../schemas/resource-type.json"),
            include_str!("../../schemas/schema.json"),
        ];
        for (schema, file) in Registry::builtin().schemas.iter().zip(files) {
            let file: serde_json::Value = serde_json::from_str(file).unwrap();
            assert_eq!(schema.to_json(), file, "{}", schema.id);
        }
    }

    #[test]
    fn every_urn_of_a_type_is_a_schema_we_serve() {
        let registry = Registry::builtin();
        for kind in &registry.types {
            assert!(registry.schema(&kind.schema.id.to_uppercase()).is_some());
            for extension in &kind.extensions {
                assert!(registry.schema(&extension.schema.id).is_some());
            }
            for attribute in &kind.schema.attributes {
                assert!(common(&attribute.name).is_none(), "{} is common", attribute.name);
            }
        }
    }

    #[test]
    fn types_by_name_and_endpoint() {
        let registry = Registry::builtin();
        assert!(registry.type_named("User").is_some());
        assert!(registry.type_named("user").is_none());
        for endpoint in ["Groups", "/Groups", "/GROUPS", "groups"] {
            assert_eq!(registry.type_at(endpoint).map(|kind| kind.name.as_str()), Some("Group"), "{endpoint}");
        }
        assert!(registry.type_at("Group").is_none());
    }

    #[test]
    fn what_a_name_means() {
        let registry = Registry::builtin();
        let user = registry.type_named("User").unwrap();
        let cases = [
            (None, "USERNAME", Some((None, "userName"))),
            (None, "externalid", Some((None, "externalId"))),
            (None, "meta", Some((None, "meta"))),
            (None, "department", Some((Some(urn::ENTERPRISE_USER), "department"))),
            (None, "handle", Some((Some(urn::PERSON), "handle"))),
            (None, "members", None),
            (Some(urn::USER), "userName", Some((None, "userName"))),
            (Some(urn::USER), "department", None),
            (Some(urn::USER), "id", Some((None, "id"))),
            (Some(urn::ENTERPRISE_USER), "Department", Some((Some(urn::ENTERPRISE_USER), "department"))),
            (Some(urn::ENTERPRISE_USER), "id", Some((None, "id"))),
            (Some(urn::ENTERPRISE_USER), "userName", None),
            (Some("URN:IETF:params:scim:schemas:core:2.0:user"), "title", Some((None, "title"))),
            (Some(urn::GROUP), "displayName", None),
            (Some("urn:unknown"), "id", None),
        ];
        for (urn, name, expected) in cases {
            let found = user.find(urn, name);
            let actual = found.map(|f| (f.extension.map(|schema| schema.id.as_str()), f.attribute.name.as_str()));
            assert_eq!(actual, expected, "{urn:?} {name}");
        }
    }

    #[test]
    fn a_name_that_two_extensions_have_needs_its_urn() {
        let mut user = (**Registry::builtin().type_named("User").unwrap()).clone();
        let more =
            r#"{"id": "urn:example:More", "name": "More", "attributes": [{"name": "department"}, {"name": "title"}]}"#;
        user.extensions.push(Extension::optional(Schema::parse(more).unwrap().into()));
        assert!(user.find(None, "department").is_none());
        for urn in [urn::ENTERPRISE_USER, "urn:example:More"] {
            let found = user.find(Some(urn), "department").and_then(|found| found.extension);
            assert_eq!(found.map(|schema| schema.id.as_str()), Some(urn));
        }
        // The base schema's own goes first.
        assert!(user.find(None, "title").is_some_and(|found| found.extension.is_none()));
        let filter = crate::scim::filter::Filter::parse("department pr").unwrap();
        let error = crate::scim::filter::bind(&filter, &user).unwrap_err();
        assert_eq!(error.scim_type, Some(crate::scim::ScimType::InvalidFilter));
    }
}
