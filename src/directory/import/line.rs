//! One line of an import: which resource it is, judged by the schemas alone; and how lines name each other.

use std::collections::HashMap;

use serde_json::Value;

use crate::scim::document::{Document, Member, parse_json};
use crate::scim::key::{self, Key};
use crate::scim::resource_type::{Registry, ResourceType};
use crate::scim::{self};

use super::super::words::{check_external_id, user_name_of};
use super::super::{Error, Result};

/// A line that can be meant.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub kind: Kind,
    /// The name that makes it one resource: userName, displayName or slug, as keys are compared.
    pub key: String,
    /// The id it has where it comes from. It is never ours, and only other lines of the file mean it.
    pub foreign_id: Option<String>,
    pub external_id: Option<String>,
    pub active: Option<bool>,
    pub document: Document,
    pub members: Vec<Member>,
}

/// The order in which lines are brought in: whoever is named is there before who names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    Organization,
    User,
    Group,
}

impl Kind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Organization => "Organization",
            Self::User => "User",
            Self::Group => "Group",
        }
    }
}

impl Line {
    pub fn read(registry: &Registry, text: &str) -> Result<Self> {
        let body = parse_json(text.as_bytes())?;
        let (kind, of) = kind_of(registry, &body)?;
        let foreign_id = body.get("id").and_then(Value::as_str).map(str::to_owned);
        let mut document = Document::read(of, &body)?.document;
        let members = document.take_members().unwrap_or_default();
        document.require(of)?;
        document.take_password();
        let external_id = document.take_external_id();
        check_external_id(external_id.as_deref())?;
        let active = document.take_active();
        let text = |name: &str| document.0.get(name).and_then(Value::as_str).unwrap_or_default();
        let key = match kind {
            Kind::User => Key::user_name(user_name_of(&document).unwrap_or_default()).0,
            Kind::Group => Key::text(false, text("displayName")).0,
            Kind::Organization => key::fold(text("slug")),
        };
        if key.trim().is_empty() {
            return Err(scim::Error::invalid_value("the name of the resource is empty").into());
        }
        Ok(Self { kind, key, foreign_id, external_id, active, document, members })
    }
}

/// By `schemas` (RFC 7643 §3), else by `meta.resourceType`.
fn kind_of<'r>(registry: &'r Registry, body: &Value) -> Result<(Kind, &'r ResourceType)> {
    let schemas = body.get("schemas").and_then(Value::as_array);
    let by_schema = schemas.and_then(|urns| {
        let named = |urn: &str| registry.types.iter().find(|of| of.schema.id.eq_ignore_ascii_case(urn));
        urns.iter().filter_map(Value::as_str).find_map(named)
    });
    let by_name = || {
        let name = body.get("meta")?.get("resourceType")?.as_str()?;
        registry.types.iter().find(|of| of.name == name)
    };
    let kind = |of: &ResourceType| match of.name.as_str() {
        "User" => Some(Kind::User),
        "Group" => Some(Kind::Group),
        "Organization" => Some(Kind::Organization),
        _ => None,
    };
    let found = by_schema.or_else(by_name).and_then(|of| Some((kind(of)?, of.as_ref())));
    found.ok_or_else(|| {
        Error::from(scim::Error::invalid_value(
            "a line is one User, Group or Organization as SCIM writes it: say which in \"schemas\"",
        ))
    })
}

/// What the lines of a file call each other.
#[derive(Debug, Default)]
pub(super) struct Names {
    by_id: HashMap<String, usize>,
    by_external_id: HashMap<(Kind, String), usize>,
    by_key: HashMap<(Kind, String), usize>,
}

impl Names {
    /// Adds a line; the line before it that is the same resource, if there is one.
    pub fn add(&mut self, at: usize, line: &Line, is_anchored: bool) -> Option<usize> {
        if let Some(first) = self.by_key.get(&(line.kind, line.key.clone())) {
            return Some(*first);
        }
        let external_id = line.external_id.clone().map(|id| (line.kind, id));
        if is_anchored
            && line.kind == Kind::User
            && let Some(first) = external_id.as_ref().and_then(|key| self.by_external_id.get(key))
        {
            return Some(*first);
        }
        self.by_key.insert((line.kind, line.key.clone()), at);
        if let Some(key) = external_id {
            self.by_external_id.entry(key).or_insert(at);
        }
        if let Some(id) = &line.foreign_id {
            self.by_id.entry(id.clone()).or_insert(at);
        }
        None
    }

    /// The line that a member means: by the id it has there, by externalId, by userName or displayName.
    pub fn member(&self, member: &Member) -> Option<usize> {
        if let Some(at) = self.by_id.get(&member.value) {
            return Some(*at);
        }
        [Kind::User, Kind::Group].into_iter().filter(|kind| may_be(member, *kind)).find_map(|kind| {
            let by_external_id = self.by_external_id.get(&(kind, member.value.clone()));
            by_external_id.or_else(|| self.by_key.get(&(kind, key_of(kind, &member.value)))).copied()
        })
    }
}

/// Whether the member's `type` allows the kind.
pub(super) fn may_be(member: &Member, kind: Kind) -> bool {
    member.kind.as_deref().is_none_or(|named| named.eq_ignore_ascii_case(kind.as_str()))
}

pub(super) fn key_of(kind: Kind, name: &str) -> String {
    match kind {
        Kind::User => Key::user_name(name).0,
        Kind::Group => Key::text(false, name).0,
        Kind::Organization => key::fold(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Line> {
        Line::read(&Registry::builtin(), text)
    }

    #[test]
    fn a_line_says_what_it_is() {
        let user = r#"{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "id": "7", "userName": "Ana"}"#;
        let line = read(user).expect("a user");
        assert_eq!((line.kind, line.key.as_str(), line.foreign_id.as_deref()), (Kind::User, "ana", Some("7")));
        let group = r#"{"meta": {"resourceType": "Group"}, "displayName": "Staff", "members": [{"value": "7"}]}"#;
        let line = read(group).expect("a group");
        assert_eq!((line.kind, line.key.as_str(), line.members.len()), (Kind::Group, "staff", 1));
        for bad in ["{}", "[]", "", r#"{"userName": "ana"}"#, r#"{"meta": {"resourceType": "User"}}"#] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn lines_name_each_other() {
        let line = |text: &str| read(text).expect("a line");
        let mut names = Names::default();
        let ana = line(r#"{"meta": {"resourceType": "User"}, "id": "7", "externalId": "e1", "userName": "Ana"}"#);
        let twin = line(r#"{"meta": {"resourceType": "User"}, "externalId": "e1", "userName": "twin"}"#);
        let staff = line(r#"{"meta": {"resourceType": "Group"}, "displayName": "Staff"}"#);
        assert_eq!(names.add(0, &ana, true), None);
        assert_eq!(names.add(1, &ana, true), Some(0), "the same userName");
        assert_eq!(names.add(2, &twin, true), Some(0), "the same anchor");
        assert_eq!(names.add(3, &twin, false), None, "an externalId that is no anchor is only an attribute");
        assert_eq!(names.add(4, &staff, false), None);
        let member = |value: &str, kind: Option<&str>| Member { value: value.into(), kind: kind.map(str::to_owned) };
        for (value, kind, at) in [
            ("7", None, Some(0)),
            ("e1", None, Some(0)),
            ("ANA", None, Some(0)),
            ("staff", None, Some(4)),
            ("staff", Some("User"), None),
            ("nobody", None, None),
        ] {
            assert_eq!(names.member(&member(value, kind)), at, "{value}");
        }
    }
}
