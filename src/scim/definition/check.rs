//! What is asked of a tenant's definitions beyond RFC 7643 §7: that this server can keep the promise, that nothing hides
//! something else, and that there is an end to everything.

use std::collections::BTreeSet;

use super::{Definitions, TypeDefinition};
use crate::scim::resource_type::{COMMON, Registry, ResourceType, urn};
use crate::scim::schema::{Attribute, Mutability, Returned, Schema, Type};

/// How much a tenant may define.
pub struct Limits {
    pub schemas: usize,
    pub types: usize,
    pub extensions: usize,
    pub attributes: usize,
    pub sub_attributes: usize,
    pub canonical_values: usize,
    /// Of a URN, in bytes.
    pub urn: usize,
    /// Of a name of a schema, a type or an attribute.
    pub name: usize,
    /// Of a description or a canonical value.
    pub text: usize,
    /// Of one whole definition.
    pub bytes: usize,
}

pub const LIMITS: Limits = Limits {
    schemas: 100,
    types: 50,
    extensions: 20,
    attributes: 100,
    sub_attributes: 50,
    canonical_values: 200,
    urn: 200,
    name: 64,
    text: 1_000,
    bytes: 128 << 10,
};

/// First segments behind the base address that are no resource type's (RFC 7644 §3.2), and `v2`, which is a version.
const RESERVED_ENDPOINTS: [&str; 6] = ["Bulk", "Me", "Schemas", "ResourceTypes", "ServiceProviderConfig", "v2"];
const RESERVED_NAMES: [&str; 4] = ["Schema", "ResourceType", "ServiceProviderConfig", "Me"];
/// What a reference may lead to besides resource types (RFC 7643 §7).
const OUTSIDE: [&str; 2] = ["external", "uri"];

/// One schema by itself.
pub(super) fn schema(schema: &Schema) -> Result<(), String> {
    is_urn(&schema.id)?;
    if schema.name.trim().is_empty() || schema.name.len() > LIMITS.name {
        return Err(format!("name: 1 to {} characters", LIMITS.name));
    }
    text("description", &schema.description)?;
    if schema.attributes.is_empty() {
        return Err("attributes: a schema has at least one".into());
    }
    at_most("attributes", schema.attributes.len(), LIMITS.attributes)?;
    let bytes = schema.to_json().to_string().len();
    if bytes > LIMITS.bytes {
        return Err(format!("{bytes} bytes: a definition has at most {}", LIMITS.bytes));
    }
    for attribute in &schema.attributes {
        let at = |reason| format!("attribute {}: {reason}", attribute.name);
        if attribute.name.starts_with('$') {
            return Err(at("a name begins with a letter; only a sub-attribute may be $ref".to_owned()));
        }
        if COMMON.iter().any(|common| common.name.eq_ignore_ascii_case(&attribute.name)) {
            return Err(at("every resource has an attribute of this name already (RFC 7643 §3.1)".to_owned()));
        }
        self::attribute(attribute).map_err(at)?;
        at_most("subAttributes", attribute.sub_attributes.len(), LIMITS.sub_attributes).map_err(at)?;
        for sub in &attribute.sub_attributes {
            self::attribute(sub).map_err(|reason| format!("attribute {}.{}: {reason}", attribute.name, sub.name))?;
        }
    }
    Ok(())
}

fn attribute(attribute: &Attribute) -> Result<(), String> {
    if attribute.name.len() > LIMITS.name {
        return Err(format!("a name has at most {} characters", LIMITS.name));
    }
    text("description", &attribute.description)?;
    // A promise that only a program of ours could keep: nothing of the tenant's own is set by the server.
    if attribute.mutability == Mutability::ReadOnly {
        return Err("mutability readOnly: the server has no value to give it, and nobody else could".into());
    }
    // What nobody may read would stand in the database in clear: a directory is no vault.
    if attribute.mutability == Mutability::WriteOnly || attribute.returned == Returned::Never {
        return Err("mutability writeOnly and returned never are for secrets, which do not belong in attributes".into());
    }
    if !attribute.canonical_values.is_empty() && attribute.kind != Type::String {
        return Err("canonicalValues: only a string has them".into());
    }
    at_most("canonicalValues", attribute.canonical_values.len(), LIMITS.canonical_values)?;
    let mut seen = BTreeSet::new();
    for value in &attribute.canonical_values {
        text("canonicalValues", value)?;
        let key = if attribute.case_exact { value.clone() } else { value.to_lowercase() };
        if value.is_empty() || !seen.insert(key) {
            return Err(format!("canonicalValues: {value:?} is empty or stands there twice"));
        }
    }
    if attribute.kind == Type::Reference && attribute.reference_types.is_empty() {
        return Err("referenceTypes: say what it refers to: resource types by name, \"external\" or \"uri\"".into());
    }
    at_most("referenceTypes", attribute.reference_types.len(), LIMITS.types)
}

/// All definitions together with the built-in ones; that names lead somewhere is found when they are followed.
pub(super) fn whole(builtin: &Registry, definitions: &Definitions) -> Result<(), String> {
    at_most("schemas", definitions.schemas.len(), LIMITS.schemas)?;
    at_most("resource types", definitions.types.len(), LIMITS.types)?;
    let mut urns: Vec<&str> = builtin.schemas.iter().map(|schema| schema.id.as_str()).collect();
    for schema in &definitions.schemas {
        for known in &urns {
            if known.eq_ignore_ascii_case(&schema.id) {
                return Err(format!("{}: there is a schema of this URN already", schema.id));
            }
            if hides(known, &schema.id) || hides(&schema.id, known) {
                return Err(format!(
                    "{}: {known} is a schema, and one URN that goes on from the other by a single name reads as its attribute",
                    schema.id
                ));
            }
        }
        urns.push(&schema.id);
    }
    let mut names: Vec<&str> = RESERVED_NAMES.to_vec();
    let mut endpoints: Vec<&str> = RESERVED_ENDPOINTS.to_vec();
    names.extend(builtin.types.iter().map(|kind| kind.name.as_str()));
    endpoints.extend(builtin.types.iter().map(|kind| kind.endpoint.trim_start_matches('/')));
    let mut bases: Vec<&str> = Vec::new();
    for definition in &definitions.types {
        let at = |reason: String| format!("{}: {reason}", definition.name);
        text("description", &definition.description).map_err(at)?;
        at_most("schemaExtensions", definition.schema_extensions.len(), LIMITS.extensions).map_err(at)?;
        match builtin.type_named(&definition.name) {
            Some(kind) => built_in(kind, definition).map_err(at)?,
            None => {
                own(definition, &names, &endpoints).map_err(at)?;
                names.push(&definition.name);
                endpoints.push(definition.endpoint.trim_start_matches('/'));
                if bases.iter().any(|base| base.eq_ignore_ascii_case(&definition.schema)) {
                    return Err(at(format!("{} is the schema of another type", definition.schema)));
                }
                bases.push(&definition.schema);
            }
        }
        let is_base = |urn: &str| definitions.types.iter().any(|kind| kind.schema.eq_ignore_ascii_case(urn));
        if let Some(base) = definition.schema_extensions.iter().find(|extension| is_base(&extension.schema)) {
            return Err(at(format!("{} is the schema of a type and cannot extend another", base.schema)));
        }
        extensions(builtin, definitions, definition).map_err(at)?;
    }
    Ok(())
}

/// Whether `longer` reads as an attribute of the schema `shorter`.
fn hides(shorter: &str, longer: &str) -> bool {
    let Some((start, rest)) = longer.split_at_checked(shorter.len()) else { return false };
    start.eq_ignore_ascii_case(shorter) && rest.strip_prefix(':').is_some_and(|rest| !rest.contains(':'))
}

fn built_in(kind: &ResourceType, definition: &TypeDefinition) -> Result<(), String> {
    let is = |text: &str, known: &str| text.is_empty() || text.eq_ignore_ascii_case(known);
    if !is(&definition.endpoint, &kind.endpoint)
        || !is(&definition.schema, &kind.schema.id)
        || !is(&definition.description, &kind.description)
        || definition.pushed
    {
        return Err("of a built-in type only schemaExtensions can be stated".into());
    }
    match definition.schema_extensions.iter().find(|extension| extension.required) {
        // Every push of every identity provider would be refused.
        Some(extension) => Err(format!("{}: an extension of a built-in type cannot be required", extension.schema)),
        None => Ok(()),
    }
}

fn own(definition: &TypeDefinition, names: &[&str], endpoints: &[&str]) -> Result<(), String> {
    let name = &definition.name;
    if name.len() > LIMITS.name
        || !name.starts_with(|c: char| c.is_ascii_alphabetic())
        || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
    {
        return Err(format!("name: a letter, then letters, digits, '-' or '_', at most {}", LIMITS.name));
    }
    if let Some(taken) = names.iter().find(|known| known.eq_ignore_ascii_case(name)) {
        return Err(format!("name: {taken} is taken, in any case"));
    }
    let Some(endpoint) = definition.endpoint.strip_prefix('/') else {
        return Err("endpoint: a '/' and one name, for example /Entitlements".into());
    };
    if endpoint.len() > LIMITS.name
        || !endpoint.starts_with(|c: char| c.is_ascii_alphabetic())
        || !endpoint.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
    {
        return Err(format!("endpoint: '/', a letter, then letters, digits, '-' or '_', at most {}", LIMITS.name));
    }
    if let Some(taken) = endpoints.iter().find(|known| known.eq_ignore_ascii_case(endpoint)) {
        return Err(format!("endpoint: /{taken} is taken, in any case"));
    }
    let is_version = endpoint.strip_prefix(['v', 'V']).is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit()));
    if is_version {
        return Err("endpoint: 'v' and a number is a version of the protocol (RFC 7644 §3.13)".into());
    }
    if definition.schema.is_empty() {
        return Err("schema: the URN of the tenant's schema that it is made of".into());
    }
    Ok(())
}

/// Every extension once, and no attribute's name twice: an unqualified name must go on meaning what it meant
/// (RFC 7644 §3.10).
fn extensions(builtin: &Registry, definitions: &Definitions, definition: &TypeDefinition) -> Result<(), String> {
    let find = |urn: &str| {
        let own = definitions.schemas.iter().find(|schema| schema.id.eq_ignore_ascii_case(urn));
        own.ok_or_else(|| format!("there is no schema {urn} of this tenant: put it first"))
    };
    let kind = builtin.type_named(&definition.name);
    let mut schemas: Vec<&Schema> = match kind {
        Some(kind) => {
            let extensions = kind.extensions.iter().map(|extension| extension.schema.as_ref());
            std::iter::once(kind.schema.as_ref()).chain(extensions).collect()
        }
        None => vec![find(&definition.schema)?],
    };
    for extension in &definition.schema_extensions {
        let schema = find(&extension.schema)?;
        if schemas.iter().any(|known| known.id.eq_ignore_ascii_case(&schema.id)) {
            return Err(format!("{} stands there twice", schema.id));
        }
        for attribute in &schema.attributes {
            if let Some(other) = schemas.iter().find(|known| known.attribute(&attribute.name).is_some()) {
                return Err(format!(
                    "{} has an attribute {}, and so has {}: the unqualified name would no longer be clear",
                    schema.id, attribute.name, other.id
                ));
            }
        }
        schemas.push(schema);
    }
    Ok(())
}

/// RFC 7643 §7: what a reference leads to exists.
pub(super) fn references(registry: &Registry, definitions: &Definitions) -> Result<(), String> {
    for schema in &definitions.schemas {
        let all = schema
            .attributes
            .iter()
            .flat_map(|attribute| std::iter::once(attribute).chain(attribute.sub_attributes.iter()));
        for attribute in all {
            for target in &attribute.reference_types {
                if !OUTSIDE.contains(&target.as_str()) && registry.type_named(target).is_none() {
                    return Err(format!(
                        "{}: attribute {}: referenceTypes: there is no resource type {target:?}",
                        schema.id, attribute.name
                    ));
                }
            }
        }
    }
    Ok(())
}

/// RFC 8141, and of its characters those that attribute paths are written with (RFC 7644 §3.10).
fn is_urn(id: &str) -> Result<(), String> {
    let mut parts = id.splitn(3, ':');
    let (scheme, namespace, rest) = (parts.next(), parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let good = scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("urn"))
        && (2..=32).contains(&namespace.len())
        && namespace.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !rest.is_empty()
        && rest.split(':').all(|part| !part.is_empty())
        && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b":._-".contains(&b));
    if !good || id.len() > LIMITS.urn {
        return Err(format!(
            "id: a URN such as urn:acme:scim:schemas:1.0:Badge, of letters, digits and ':._-', at most {} bytes",
            LIMITS.urn
        ));
    }
    let starts = |prefix: &str| id.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    if starts("urn:rollkeeper:") || starts("urn:ietf:params:scim:api:") {
        return Err("id: URNs that begin like this are the server's".into());
    }
    if urn::known_alias(id).is_some() {
        return Err("id: this server reads that URN as one of its own".into());
    }
    Ok(())
}

fn text(what: &str, text: &str) -> Result<(), String> {
    if text.len() > LIMITS.text || text.contains('\0') {
        return Err(format!("{what}: at most {} bytes, and no U+0000", LIMITS.text));
    }
    Ok(())
}

fn at_most(what: &str, count: usize, most: usize) -> Result<(), String> {
    if count > most {
        return Err(format!("{what}: {count} are too many, {most} is the most"));
    }
    Ok(())
}
