//! The `path` of a bulk operation (RFC 7644 §3.7): which resource type, which resource.

use std::sync::Arc;

use percent_encoding::percent_decode_str;

use super::references::named;
use crate::scim::Error;
use crate::scim::resource_type::{Registry, ResourceType};

/// Endpoints that hold no resource a bulk could write.
const OTHERS: [&str; 6] = ["Bulk", "Me", "Schemas", "ResourceTypes", "ServiceProviderConfig", ".search"];

#[derive(Clone, Debug)]
pub struct Target {
    pub kind: Arc<ResourceType>,
    pub id: Option<Id>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Id {
    Known(String),
    /// `bulkId:x`: what that operation creates.
    Reference(String),
}

impl Target {
    /// Relative to the base with or without a slash, as §3.7 has it; under our own base also absolute, which is harmless.
    pub fn read(registry: &Registry, base: &str, path: &str) -> Result<Target, Error> {
        let path = path.split(['?', '#']).next().unwrap_or_default();
        let path = relative(base, path)?.trim_matches('/');
        let (endpoint, rest) = path.split_once('/').map_or((path, None), |(endpoint, rest)| (endpoint, Some(rest)));
        if OTHERS.iter().any(|other| other.eq_ignore_ascii_case(endpoint)) || path.ends_with("/.search") {
            let detail = "a bulk operation goes to the endpoint of a resource type or to a resource in it";
            return Err(Error::invalid_syntax(detail));
        }
        let kind = registry.type_at(endpoint).filter(|_| !endpoint.is_empty());
        let kind = kind.cloned().ok_or_else(|| Error::not_found("there is no resource type at this path"))?;
        let id = rest.map(Id::read).transpose()?;
        Ok(Target { kind, id })
    }

    pub fn location(&self, base: &str) -> String {
        let endpoint = &self.kind.endpoint;
        match &self.id {
            None => format!("{base}{endpoint}"),
            Some(Id::Known(id)) => format!("{base}{endpoint}/{id}"),
            Some(Id::Reference(name)) => format!("{base}{endpoint}/bulkId:{name}"),
        }
    }
}

impl Id {
    fn read(segment: &str) -> Result<Id, Error> {
        // U+0000 is in no id, and PostgreSQL takes it in no text.
        let decoded = percent_decode_str(segment).decode_utf8().ok().filter(|text| !text.contains('\0'));
        let Some(text) = decoded else { return Err(Error::not_found("there is nothing with this id")) };
        Ok(match named(&text) {
            Some(name) => Id::Reference(name.to_owned()),
            None => Id::Known(text.into_owned()),
        })
    }
}

/// The path below the base: without the base, its path, or the end of its path from some segment on (`/v2`).
fn relative<'p>(base: &str, path: &'p str) -> Result<&'p str, Error> {
    let below = |prefix: &str| path.strip_prefix(prefix).filter(|rest| rest.is_empty() || rest.starts_with('/'));
    if let Some(rest) = below(base) {
        return Ok(rest);
    }
    if path.contains("://") {
        return Err(Error::invalid_value(format!("the path of a bulk operation lies under {base}")));
    }
    let origin = base.find("://").map_or(0, |at| at + 3);
    let own = base[origin..].find('/').map_or("", |at| &base[origin + at..]);
    let ends = own.match_indices('/').map(|(at, _)| &own[at..]);
    let rooted = ends.clone().find_map(below);
    let loose = ends.map(|end| &end[1..]).find_map(below);
    Ok(rooted.or(loose).unwrap_or(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "https://roll.example/t/acme/scim/v2";

    fn read(path: &str) -> Result<(String, Option<Id>), u16> {
        let target = Target::read(&Registry::builtin(), BASE, path).map_err(|error| error.status)?;
        Ok((target.kind.name.clone(), target.id))
    }

    #[test]
    fn paths() {
        let known = |kind: &str, id: &str| Ok((kind.to_owned(), Some(Id::Known(id.to_owned()))));
        let reference = |kind: &str, name: &str| Ok((kind.to_owned(), Some(Id::Reference(name.to_owned()))));
        let all = |kind: &str| Ok((kind.to_owned(), None));
        for (path, expected) in [
            ("/Users", all("User")),
            ("Users", all("User")),
            ("/users/", all("User")),
            ("/Organizations", all("Organization")),
            ("/Groups/42", known("Group", "42")),
            ("Groups/42?attributes=members", known("Group", "42")),
            ("https://roll.example/t/acme/scim/v2/Groups/42", known("Group", "42")),
            ("/t/acme/scim/v2/Groups/42", known("Group", "42")),
            ("/scim/v2/Groups/42", known("Group", "42")),
            ("/v2/Groups/42", known("Group", "42")),
            ("v2/Groups/42", known("Group", "42")),
            ("/Users/4%322", known("User", "422")),
            ("/Users/bulkId:a", reference("User", "a")),
            ("/Users/bulkId%3Aa%2Fb", reference("User", "a/b")),
            ("/Users/bulkId:", known("User", "bulkId:")),
            ("/Users/a/b", known("User", "a/b")),
            ("/Users/%00", Err(404)),
            ("/Users/%FF", Err(404)),
            ("", Err(404)),
            ("/", Err(404)),
            ("/Robots", Err(404)),
            ("/v3/Users", Err(404)),
            ("/Bulk", Err(400)),
            ("/.search", Err(400)),
            ("/Users/.search", Err(400)),
            ("/Users/1/.search", Err(400)),
            ("/Me", Err(400)),
            ("/Schemas/x", Err(400)),
            ("https://elsewhere.example/Users/1", Err(400)),
            ("https://roll.example/t/acme/scim/v22/Users", Err(400)),
        ] {
            assert_eq!(read(path), expected, "{path}");
        }
    }
}
