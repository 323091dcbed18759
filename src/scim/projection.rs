//! Which attributes a response shows: `attributes`, `excludedAttributes` (RFC 7644 §3.9) and `returned` (RFC 7643 §7).
//!
//! Works on finished JSON: the resource as the server would show all of it. Unknown names are no error; `schemas` is
//! always there, because it belongs to the message.

pub mod written;

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::error::Error;
use super::path::{AttributePath, Resolved, resolve};
use super::resource_type::{Found, ResourceType};
use super::schema::{Attribute, Returned, Schema};

/// No schema has as many attributes.
const MOST_NAMES: usize = 200;

/// What a request wants to see of a resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    mode: Mode,
    names: Vec<Name>,
    /// Lower-case top-level names that this request wrote: their `returned: request` values are shown.
    written: BTreeSet<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Mode {
    #[default]
    Default,
    /// `attributes`: these and what is always returned.
    Only,
    /// `excludedAttributes`: the default without these.
    Without,
}

/// A name from one of the lists, resolved; all parts lower-case.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Name {
    extension: Option<String>,
    /// `None`: the extension as a whole.
    attribute: Option<String>,
    sub: Option<String>,
}

impl Selection {
    /// Reads the two parameters, comma-separated. Giving both is 400 `invalidValue`, as they exclude each other; an
    /// empty one counts as not given.
    pub fn parse(kind: &ResourceType, attributes: Option<&str>, excluded: Option<&str>) -> Result<Selection, Error> {
        let given = |list: Option<&str>| {
            let names = list.unwrap_or("").split(',').map(str::trim).filter(|name| !name.is_empty());
            names.map(str::to_owned).collect::<Vec<_>>()
        };
        let (attributes, excluded) = (given(attributes), given(excluded));
        // Every name is looked for in every resource of a page (RFC 7644 §7.7).
        let count = attributes.len().max(excluded.len());
        if count > MOST_NAMES {
            return Err(Error::invalid_value(format!("{count} attribute names, at most {MOST_NAMES} are taken")));
        }
        let (mode, names) = match (attributes.is_empty(), excluded.is_empty()) {
            (true, true) => return Ok(Selection::all()),
            (false, true) => (Mode::Only, attributes),
            (true, false) => (Mode::Without, excluded),
            (false, false) => {
                return Err(Error::invalid_value("'attributes' and 'excludedAttributes' cannot be given together"));
            }
        };
        let names = names.iter().filter_map(|name| Name::resolve(kind, name)).collect();
        Ok(Selection { mode, names, written: BTreeSet::new() })
    }

    /// What is shown when nothing was asked for.
    pub fn all() -> Selection {
        Selection::default()
    }

    /// RFC 7643 §7: the answer to a write shows `returned: request` attributes that the client wrote.
    pub fn with_written(mut self, asserted: &BTreeSet<String>) -> Selection {
        self.written.extend(asserted.iter().map(|name| name.to_ascii_lowercase()));
        self
    }

    pub fn is_default(&self) -> bool {
        self.mode == Mode::Default
    }

    /// Whether anything of that top-level attribute (`members`, `meta`, an extension's URN) can be in the answer, as
    /// far as the lists tell. For work that is only done if someone looks.
    pub fn wants(&self, top_level: &str) -> bool {
        let is = |name: &Name| match (&name.extension, &name.attribute) {
            (Some(urn), _) => urn.eq_ignore_ascii_case(top_level),
            (None, Some(attribute)) => attribute.eq_ignore_ascii_case(top_level),
            (None, None) => false,
        };
        let whole = |name: &Name| name.sub.is_none() && (name.extension.is_none() || name.attribute.is_none());
        match self.mode {
            Mode::Default => true,
            Mode::Only => self.names.iter().any(is),
            Mode::Without => !self.names.iter().any(|name| is(name) && whole(name)),
        }
    }

    /// Takes out of a resource what is not to be shown.
    pub fn apply(&self, kind: &ResourceType, resource: &mut Map<String, Value>) {
        resource.retain(|key, value| {
            if key.eq_ignore_ascii_case("schemas") {
                return true;
            }
            if let Some(extension) = kind.extension(key) {
                let Value::Object(values) = value else { return false };
                values.retain(|key, value| {
                    self.keep(Some(&extension.schema), extension.schema.attribute(key), key, value)
                });
                return !values.is_empty();
            }
            let attribute = match kind.find(None, key) {
                Some(Found { extension: None, attribute }) => Some(attribute),
                _ => None,
            };
            self.keep(None, attribute, key, value)
        });
    }

    fn keep(&self, extension: Option<&Schema>, attribute: Option<&Attribute>, key: &str, value: &mut Value) -> bool {
        let named = || self.names.iter().filter(|name| name.is_about(extension, key));
        let whole = named().any(|name| name.sub.is_none());
        let Some(attribute) = attribute else {
            // Nothing that a schema knows: shown like `returned: default`.
            return if self.mode == Mode::Only { whole } else { !(self.mode == Mode::Without && whole) };
        };
        let written = || {
            let top_level = extension.map_or(key, |schema| &schema.id);
            self.written.contains(&top_level.to_ascii_lowercase())
        };
        let shown = match (attribute.returned, self.mode) {
            (Returned::Never, _) => false,
            (Returned::Always, _) => true,
            (_, Mode::Only) => named().next().is_some(),
            (Returned::Request, _) => written() && !whole,
            (Returned::Default, Mode::Without) => !whole,
            (Returned::Default, Mode::Default) => true,
        };
        if !shown {
            return false;
        }
        if !attribute.is_complex() {
            return true;
        }
        // Naming a sub-attribute narrows its parent down to it.
        let entire = whole || named().next().is_none();
        let part = |sub: &Attribute| {
            let named_sub = named().any(|name| name.sub.as_deref().is_some_and(|s| s.eq_ignore_ascii_case(&sub.name)));
            match (sub.returned, self.mode) {
                (Returned::Never, _) => false,
                (Returned::Always, _) => true,
                (Returned::Default, Mode::Only) => entire || named_sub,
                (Returned::Request, Mode::Only) => named_sub,
                (Returned::Request, Mode::Default | Mode::Without) => written() && !named_sub,
                (Returned::Default, Mode::Default) => true,
                (Returned::Default, Mode::Without) => !named_sub,
            }
        };
        let hidden: Vec<&str> =
            attribute.sub_attributes.iter().filter(|sub| !part(sub)).map(|sub| sub.name.as_str()).collect();
        hidden.is_empty() || without_parts(value, &hidden)
    }
}

/// Whether anything is left.
fn without_parts(value: &mut Value, hidden: &[&str]) -> bool {
    match value {
        Value::Object(parts) => {
            parts.retain(|key, _| !hidden.iter().any(|name| name.eq_ignore_ascii_case(key)));
            !parts.is_empty()
        }
        Value::Array(elements) if elements.is_empty() => true,
        Value::Array(elements) => {
            elements.retain_mut(|element| without_parts(element, hidden));
            !elements.is_empty()
        }
        _ => true,
    }
}

impl Name {
    fn resolve(kind: &ResourceType, text: &str) -> Option<Name> {
        let path: AttributePath = text.parse().ok()?;
        let lower = |found: Found<'_>, sub: Option<&Attribute>| Name {
            extension: found.extension.map(|schema| schema.id.to_ascii_lowercase()),
            attribute: Some(found.attribute.name.to_ascii_lowercase()),
            sub: sub.map(|sub| sub.name.to_ascii_lowercase()),
        };
        match resolve(kind, &path)? {
            Resolved::Base => None,
            Resolved::Extension(schema) => {
                Some(Name { extension: Some(schema.id.to_ascii_lowercase()), attribute: None, sub: None })
            }
            Resolved::Attribute(found) => Some(lower(found, None)),
            Resolved::Part(found, sub) => Some(lower(found, Some(sub))),
        }
    }

    fn is_about(&self, extension: Option<&Schema>, key: &str) -> bool {
        let same_schema = match (&self.extension, extension) {
            (None, None) => true,
            (Some(urn), Some(schema)) => urn.eq_ignore_ascii_case(&schema.id),
            _ => false,
        };
        same_schema && self.attribute.as_deref().is_none_or(|name| name.eq_ignore_ascii_case(key))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::scim::resource_type::{Registry, urn};

    fn user() -> Value {
        json!({
            "schemas": [urn::USER, urn::ENTERPRISE_USER],
            "id": "1",
            "externalId": "e",
            "userName": "ada",
            "password": "secret",
            "name": {"givenName": "Ada", "familyName": "Lovelace"},
            "emails": [{"value": "a@x", "type": "work"}, {"value": "b@x"}],
            "groups": [],
            "meta": {"resourceType": "User", "version": "W/\"1\""},
            (urn::ENTERPRISE_USER): {"department": "D", "manager": {"value": "2", "displayName": "Boss"}},
        })
    }

    fn shown(attributes: &str, excluded: &str) -> Value {
        let registry = Registry::builtin();
        let kind = registry.type_named("User").unwrap();
        let Value::Object(mut resource) = user() else { unreachable!() };
        Selection::parse(kind, Some(attributes), Some(excluded)).unwrap().apply(kind, &mut resource);
        Value::Object(resource)
    }

    #[test]
    fn everything_but_secrets_by_default() {
        let mut expected = user();
        expected.as_object_mut().unwrap().shift_remove("password");
        assert_eq!(shown("", " , "), expected);
    }

    #[test]
    fn attributes_names_what_is_shown() {
        let schemas = json!([urn::USER, urn::ENTERPRISE_USER]);
        let enterprise = urn::ENTERPRISE_USER;
        let department = json!({"schemas": schemas, "id": "1", enterprise: {"department": "D"}});
        for (attributes, expected) in [
            (
                "userName, name.familyName",
                json!({"schemas": schemas, "id": "1", "userName": "ada", "name": {"familyName": "Lovelace"}}),
            ),
            ("NAME", json!({"schemas": schemas, "id": "1", "name": {"givenName": "Ada", "familyName": "Lovelace"}})),
            (
                "name,name.familyName",
                json!({"schemas": schemas, "id": "1", "name": {"givenName": "Ada", "familyName": "Lovelace"}}),
            ),
            ("emails.type", json!({"schemas": schemas, "id": "1", "emails": [{"type": "work"}]})),
            ("password,unknown,x.y.z", json!({"schemas": schemas, "id": "1"})),
            (
                "urn:ietf:params:scim:schemas:core:2.0:User:userName",
                json!({"schemas": schemas, "id": "1", "userName": "ada"}),
            ),
            (&format!("{enterprise}:department"), department.clone()),
            ("department", department),
            (enterprise, json!({"schemas": schemas, "id": "1", enterprise: user()[enterprise]})),
            ("manager.value", json!({"schemas": schemas, "id": "1", enterprise: {"manager": {"value": "2"}}})),
            ("meta.version", json!({"schemas": schemas, "id": "1", "meta": {"version": "W/\"1\""}})),
            ("groups", json!({"schemas": schemas, "id": "1", "groups": []})),
        ] {
            assert_eq!(shown(attributes, ""), expected, "{attributes}");
        }
    }

    #[test]
    fn excluded_attributes_names_what_is_not() {
        let without = |pointers: &[&[&str]]| {
            let mut user = user();
            for path in pointers.iter().chain(&[&["password"][..]]) {
                let (last, parents) = path.split_last().unwrap();
                let parent = parents.iter().fold(&mut user, |value, key| &mut value[*key]);
                parent.as_object_mut().unwrap().shift_remove(*last);
            }
            user
        };
        let enterprise = urn::ENTERPRISE_USER;
        for (excluded, expected) in [
            ("id,meta,name.givenName", without(&[&["meta"], &["name", "givenName"]])),
            ("name.givenName,name.familyName", without(&[&["name"]])),
            ("schemas", without(&[])),
            (enterprise, without(&[&[enterprise]])),
            ("department", without(&[&[enterprise, "department"]])),
            ("department,manager", without(&[&[enterprise]])),
            ("unknown", without(&[])),
        ] {
            assert_eq!(shown("", excluded), expected, "{excluded}");
        }
    }

    #[test]
    fn both_are_refused() {
        let registry = Registry::builtin();
        let kind = registry.type_named("User").unwrap();
        assert!(Selection::parse(kind, Some("id"), Some("meta")).is_err());
        assert!(Selection::parse(kind, Some(""), None).unwrap().is_default());
    }

    #[test]
    fn what_is_wanted_at_the_top() {
        let registry = Registry::builtin();
        let kind = registry.type_named("Group").unwrap();
        for (attributes, excluded, wanted) in [
            (None, None, true),
            (Some("displayName"), None, false),
            (Some("members"), None, true),
            (Some("MEMBERS.value"), None, true),
            (None, Some("members"), false),
            (None, Some("urn:ietf:params:scim:schemas:core:2.0:Group:members"), false),
            (None, Some("members.display"), true),
        ] {
            let selection = Selection::parse(kind, attributes, excluded).unwrap();
            assert_eq!(selection.wants("members"), wanted, "{attributes:?} {excluded:?}");
        }
    }

    #[test]
    fn on_request_means_named_or_written() {
        let mut kind = (**Registry::builtin().type_named("User").unwrap()).clone();
        let mut schema = (*kind.schema).clone();
        schema.attributes.iter_mut().find(|a| a.name == "title").unwrap().returned = Returned::Request;
        kind.schema = schema.into();
        let shown = |selection: Selection| {
            let mut resource = json!({"schemas": [], "id": "1", "title": "T"}).as_object().unwrap().clone();
            selection.apply(&kind, &mut resource);
            resource.contains_key("title")
        };
        assert!(!shown(Selection::all()));
        assert!(shown(Selection::all().with_written(&BTreeSet::from(["title".to_owned()]))));
        assert!(shown(Selection::parse(&kind, Some("title"), None).unwrap()));
        assert!(!shown(Selection::parse(&kind, None, Some("id")).unwrap()));
    }
}
