//! Which attribute a path means for a resource type: one answer for filters, sorting, attribute lists and PATCH.

use super::AttributePath;
use crate::scim::resource_type::{Found, ResourceType, urn};
use crate::scim::schema::{Attribute, Schema};

#[derive(Clone, Copy, Debug)]
pub enum Resolved<'a> {
    /// The URN of the base schema alone.
    Base,
    /// The URN of an extension alone: all of it.
    Extension(&'a Schema),
    Attribute(Found<'a>),
    Part(Found<'a>, &'a Attribute),
}

/// `None`: this type has no such attribute, or several extensions have it and no URN says which.
pub fn resolve<'a>(kind: &'a ResourceType, path: &AttributePath) -> Option<Resolved<'a>> {
    if path.is_urn(&kind.schema.id) {
        return Some(Resolved::Base);
    }
    let meant =
        |schema: &Schema| path.is_urn(&schema.id) || urn::known_alias(&path.to_string()) == Some(schema.id.as_str());
    if let Some(extension) = kind.extensions.iter().find(|extension| meant(&extension.schema)) {
        return Some(Resolved::Extension(&extension.schema));
    }
    let urn = path.urn.as_deref().map(|urn| urn::known_alias(urn).unwrap_or(urn));
    let found = kind.find(urn, &path.name)?;
    let Some(sub) = &path.sub else { return Some(Resolved::Attribute(found)) };
    if let Some(sub) = found.attribute.sub(sub) {
        return Some(Resolved::Part(found, sub));
    }
    // RFC 7643 §2.4: `value` is what a simple value among several is called.
    let implicit = found.attribute.multi_valued && !found.attribute.is_complex() && sub.eq_ignore_ascii_case("value");
    implicit.then_some(Resolved::Attribute(found))
}
