//! `sortBy` (RFC 7644 §3.4.2.3): a path, judged against the resource types of a query, becomes the place to sort by.

use super::Place;
use super::bind::{Where, place};
use crate::scim::error::Error;
use crate::scim::path::{AttributePath, Resolved, resolve};
use crate::scim::resource_type::ResourceType;
use crate::scim::schema::{Returned, Type};

/// Where to find what `sortBy` names. Rows of slot 0 are the ones to sort by.
pub fn sort_place(kind: &ResourceType, sort_by: &str) -> Result<Place, Error> {
    found_in(kind, &parsed(sort_by)?)?.ok_or_else(|| refused(sort_by, &format!("is no attribute of {}", kind.name)))
}

/// The same for a query over several types (RFC 7644 §3.4.2.1): resources of a type that lacks the attribute are those
/// without a value. What none of the types has is an error, and so is what is a number here and a text there.
pub fn sort_places(kinds: &[&ResourceType], sort_by: &str) -> Result<Vec<Option<Place>>, Error> {
    let path = parsed(sort_by)?;
    let places = kinds.iter().map(|kind| found_in(kind, &path)).collect::<Result<Vec<_>, _>>()?;
    let known: Vec<&Place> = places.iter().flatten().collect();
    let Some(first) = known.first() else {
        let of = match kinds {
            [kind] => &kind.name,
            _ => "any resource type",
        };
        return Err(refused(sort_by, &format!("is no attribute of {of}")));
    };
    if known.iter().any(|place| place.is_number() != first.is_number()) {
        return Err(refused(sort_by, "means different things in different resource types"));
    }
    Ok(places)
}

fn parsed(sort_by: &str) -> Result<AttributePath, Error> {
    sort_by.trim().parse().map_err(|problem: String| refused(sort_by, &problem))
}

fn refused(sort_by: impl std::fmt::Display, why: &str) -> Error {
    Error::invalid_value(format!("sortBy '{sort_by}' {why}"))
}

/// `None` if the type has no such attribute.
fn found_in(kind: &ResourceType, path: &AttributePath) -> Result<Option<Place>, Error> {
    let refused = |why: &str| refused(path, why);
    let (found, sub) = match resolve(kind, path) {
        None => return Ok(None),
        Some(Resolved::Base | Resolved::Extension(_)) => return Err(refused("is a schema, not an attribute")),
        Some(Resolved::Attribute(found)) if found.attribute.is_complex() && found.attribute.multi_valued => {
            (found, found.attribute.sub("value"))
        }
        Some(Resolved::Attribute(found)) => (found, None),
        Some(Resolved::Part(found, sub)) => (found, Some(sub)),
    };
    let leaf = sub.unwrap_or(found.attribute);
    if leaf.returned == Returned::Never || found.attribute.returned == Returned::Never {
        return Err(refused("cannot be sorted by"));
    }
    match leaf.kind {
        Type::Complex => return Err(refused("has several parts: name one of them")),
        Type::Binary => return Err(refused("has no order")),
        _ => {}
    }
    match place(kind, found, sub) {
        Some(Where::Place(Place::Member(_) | Place::Group(_))) | None => Err(refused("cannot be sorted by")),
        Some(Where::Place(place)) => Ok(Some(place)),
        Some(Where::ResourceType) => Ok(Some(Place::ResourceType)),
        Some(Where::Schemas | Where::Meta) => Err(refused("cannot be sorted by")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scim::resource_type::Registry;

    #[test]
    fn over_several_types() {
        let registry = Registry::builtin();
        let kinds: Vec<&ResourceType> = registry.types.iter().map(|kind| &**kind).collect();
        for (sort_by, known) in [
            ("displayName", [true, true, true]),
            ("USERNAME", [true, false, false]),
            ("meta.lastModified", [true, true, true]),
            ("meta.resourceType", [true, true, true]),
            ("active", [true, false, false]),
            ("seats", [false, false, true]),
        ] {
            let places = sort_places(&kinds, sort_by).unwrap();
            assert_eq!(places.iter().map(Option::is_some).collect::<Vec<_>>(), known, "{sort_by}");
        }
        for (sort_by, words) in [
            ("nothing", "no attribute of any resource type"),
            ("name", "several parts"),
            ("members", "cannot be sorted by"),
            ("password", "cannot be sorted by"),
            ("a[b", "sortBy"),
        ] {
            let error = sort_places(&kinds, sort_by).unwrap_err();
            assert!(error.detail.contains(words), "{error}");
        }
    }
}
