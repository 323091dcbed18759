//! `bulkId:x` in the data of a bulk operation (RFC 7644 §3.7.2): found where the schema says that another resource is
//! named, and nowhere else. A `displayName` that reads `bulkId:x` is a name.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::scim::filter::ValuePath;
use crate::scim::message::BulkMethod;
use crate::scim::path::{AttributePath, Resolved, resolve as resolve_path};
use crate::scim::resource_type::{ResourceType, urn};
use crate::scim::schema::{Attribute, Schema, Type};

const PREFIX: &str = "bulkId:";

/// The resource that an operation has created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// Of its type, with the leading slash.
    pub endpoint: String,
    pub id: String,
}

/// The operation that the text refers to.
pub(super) fn named(text: &str) -> Option<&str> {
    text.strip_prefix(PREFIX).filter(|name| !name.is_empty())
}

/// Every `x` of which the data says `bulkId:x`. The data is as it was afterwards.
pub fn references(kind: &ResourceType, method: BulkMethod, data: &mut Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut collect = |name: &str| {
        found.insert(name.to_owned());
        None
    };
    Visit { kind, see: &mut collect }.data(method, data);
    found
}

/// Puts ids in the place of the references that `known` can name.
pub fn resolve(
    kind: &ResourceType,
    method: BulkMethod,
    data: &mut Value,
    mut known: impl FnMut(&str) -> Option<Resource>,
) {
    Visit { kind, see: &mut known }.data(method, data);
}

struct Visit<'a> {
    kind: &'a ResourceType,
    see: &'a mut dyn FnMut(&str) -> Option<Resource>,
}

impl Visit<'_> {
    fn data(&mut self, method: BulkMethod, data: &mut Value) {
        match method {
            BulkMethod::Post | BulkMethod::Put => self.attributes(None, data),
            BulkMethod::Patch => self.patch(data),
            BulkMethod::Delete => {}
        }
    }

    /// The operations of a PatchOp (§3.5.2); what is not in its form is refused when its turn comes.
    fn patch(&mut self, message: &mut Value) {
        for operation in member(message, "Operations").and_then(Value::as_array_mut).into_iter().flatten() {
            let path = match member(operation, "path") {
                Some(Value::String(path)) => {
                    self.path(path);
                    path.clone()
                }
                _ => String::new(),
            };
            if let Some(value) = member(operation, "value") {
                if path.trim().is_empty() {
                    self.attributes(None, value);
                } else {
                    self.at_path(path.trim(), value);
                }
            }
        }
    }

    /// An object of attributes, of the resource or of one extension.
    fn attributes(&mut self, within: Option<&Schema>, object: &mut Value) {
        let Value::Object(members) = object else { return };
        let kind = self.kind;
        for (name, value) in members {
            match within {
                Some(schema) => schema.attribute(name).into_iter().for_each(|found| self.attribute(found, value)),
                None => {
                    let urn = urn::known_alias(name).unwrap_or(name);
                    match kind.extension(urn) {
                        Some(extension) => self.attributes(Some(&extension.schema), value),
                        None => self.at_path(name, value),
                    }
                }
            }
        }
    }

    fn at_path(&mut self, text: &str, value: &mut Value) {
        let kind = self.kind;
        if let Some(extension) = kind.extension(text) {
            return self.attributes(Some(&extension.schema), value);
        }
        let Ok(path) = ValuePath::parse(text) else { return };
        let path = match &path.sub {
            Some(sub) => path.path.with_sub(sub.clone()),
            None => path.path,
        };
        match resolve_path(kind, &path) {
            Some(Resolved::Base) => self.attributes(None, value),
            Some(Resolved::Extension(schema)) => self.attributes(Some(schema), value),
            Some(Resolved::Attribute(found)) => self.attribute(found.attribute, value),
            Some(Resolved::Part(found, sub)) => self.part(found.attribute, sub, value),
            None => {}
        }
    }

    fn attribute(&mut self, attribute: &Attribute, value: &mut Value) {
        if attribute.is_read_only() {
            return;
        }
        match value {
            Value::Array(elements) => elements.iter_mut().for_each(|element| self.attribute(attribute, element)),
            Value::Object(members) => {
                for (name, value) in members {
                    if let Some(sub) = attribute.sub(name) {
                        self.part(attribute, sub, value);
                    }
                }
            }
            Value::String(text) if attribute.kind == Type::Reference => self.address(text),
            // Some clients send a manager as a bare id.
            Value::String(text) if attribute.is_link() => self.id(text),
            _ => {}
        }
    }

    fn part(&mut self, attribute: &Attribute, sub: &Attribute, value: &mut Value) {
        match value {
            Value::Array(elements) => elements.iter_mut().for_each(|element| self.part(attribute, sub, element)),
            Value::String(text) if sub.kind == Type::Reference => self.address(text),
            Value::String(text) if attribute.is_link() && sub.name == "value" => self.id(text),
            _ => {}
        }
    }

    fn id(&mut self, text: &mut String) {
        if let Some(resource) = named(text).and_then(|name| (self.see)(name)) {
            *text = resource.id;
        }
    }

    /// A `$ref`: the reference stands alone or at the end of an address.
    fn address(&mut self, text: &mut String) {
        let last = text.rfind('/').map_or(0, |slash| slash + 1);
        let Some(resource) = named(&text[last..]).and_then(|name| (self.see)(name)) else { return };
        text.truncate(last);
        if last == 0 {
            text.push_str(&format!("..{}/", resource.endpoint));
        }
        text.push_str(&resource.id);
    }

    /// `members[value eq "bulkId:x"]`: the literals of a filter on what names other resources.
    fn path(&mut self, text: &mut String) {
        let Ok(path) = ValuePath::parse(text) else { return };
        if path.filter.is_none() || !self.is_link(&path.path) {
            return;
        }
        let mut out = String::with_capacity(text.len());
        let mut rest = text.as_str();
        while let Some(start) = rest.find('"') {
            let length = literal(&rest[start..]);
            let (before, literal) = (&rest[..start], &rest[start..start + length]);
            let said: String = serde_json::from_str(literal).unwrap_or_default();
            out.push_str(before);
            match named(&said).and_then(|name| (self.see)(name)) {
                Some(resource) => out.push_str(&Value::String(resource.id).to_string()),
                None => out.push_str(literal),
            }
            rest = &rest[start + length..];
        }
        out.push_str(rest);
        *text = out;
    }

    fn is_link(&self, path: &AttributePath) -> bool {
        matches!(resolve_path(self.kind, path), Some(Resolved::Attribute(found)) if found.attribute.is_link())
    }
}

/// How long the string literal is that the text begins with.
fn literal(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// A member of a message, in any case.
fn member<'v>(message: &'v mut Value, name: &str) -> Option<&'v mut Value> {
    let members = message.as_object_mut()?;
    members.iter_mut().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::scim::resource_type::Registry;

    const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

    fn known(name: &str) -> Option<Resource> {
        (name != "open").then(|| Resource { endpoint: "/Users".into(), id: format!("<{name}>") })
    }

    fn resolved(kind: &str, method: BulkMethod, mut data: Value) -> Value {
        let registry = Registry::builtin();
        resolve(registry.type_named(kind).unwrap(), method, &mut data, known);
        data
    }

    #[test]
    fn in_a_body() {
        for (kind, data, expected) in [
            (
                "Group",
                json!({"members": [{"value": "bulkId:a"}, {"value": "7"}]}),
                json!({"members": [{"value": "<a>"}, {"value": "7"}]}),
            ),
            ("Group", json!({"MEMBERS": {"Value": "bulkId:a"}}), json!({"MEMBERS": {"Value": "<a>"}})),
            ("Group", json!({"members": ["bulkId:a"]}), json!({"members": ["<a>"]})),
            ("Group", json!({"members": [{"value": "bulkId:open"}]}), json!({"members": [{"value": "bulkId:open"}]})),
            (
                "Group",
                json!({"displayName": "bulkId:a", "externalId": "bulkId:a"}),
                json!({"displayName": "bulkId:a", "externalId": "bulkId:a"}),
            ),
            (
                "Group",
                json!({"members": [{"value": "see bulkId:a"}, {"value": "bulkId:"}]}),
                json!({"members": [{"value": "see bulkId:a"}, {"value": "bulkId:"}]}),
            ),
            (
                "User",
                json!({"nickName": "bulkId:a", "emails": [{"value": "bulkId:a"}]}),
                json!({"nickName": "bulkId:a", "emails": [{"value": "bulkId:a"}]}),
            ),
            // readOnly: ignored by the server, so it refers to nothing.
            ("User", json!({"groups": [{"value": "bulkId:a"}]}), json!({"groups": [{"value": "bulkId:a"}]})),
            (
                "User",
                json!({ENTERPRISE: {"manager": {"value": "bulkId:a", "$ref": "../Users/bulkId:a"}}}),
                json!({ENTERPRISE: {"manager": {"value": "<a>", "$ref": "../Users/<a>"}}}),
            ),
            (
                "User",
                json!({ENTERPRISE: {"manager": {"$ref": "bulkId:a"}}}),
                json!({ENTERPRISE: {"manager": {"$ref": "../Users/<a>"}}}),
            ),
            (
                "User",
                json!({ENTERPRISE.to_lowercase(): {"Manager": "bulkId:a"}}),
                json!({ENTERPRISE.to_lowercase(): {"Manager": "<a>"}}),
            ),
            ("User", json!([1, "bulkId:a"]), json!([1, "bulkId:a"])),
        ] {
            assert_eq!(resolved(kind, BulkMethod::Post, data.clone()), expected, "{data}");
            assert_eq!(resolved(kind, BulkMethod::Put, data.clone()), expected, "{data}");
            assert_eq!(resolved(kind, BulkMethod::Delete, data.clone()), data);
        }
    }

    #[test]
    fn in_a_patch() {
        let manager = format!("{ENTERPRISE}:manager");
        for (kind, operation, expected) in [
            (
                "Group",
                json!({"op": "add", "path": "members", "value": [{"value": "bulkId:a"}]}),
                json!({"op": "add", "path": "members", "value": [{"value": "<a>"}]}),
            ),
            (
                "Group",
                json!({"op": "add", "value": {"members": [{"value": "bulkId:a"}]}}),
                json!({"op": "add", "value": {"members": [{"value": "<a>"}]}}),
            ),
            (
                "Group",
                json!({"op": "remove", "path": "members[value eq \"bulkId:a\"]"}),
                json!({"op": "remove", "path": "members[value eq \"<a>\"]"}),
            ),
            (
                "Group",
                json!({"op": "remove", "Path": "members[value eq \"bulkId:a\" or display eq \"a\\\"b\"]"}),
                json!({"op": "remove", "Path": "members[value eq \"<a>\" or display eq \"a\\\"b\"]"}),
            ),
            (
                "Group",
                json!({"op": "remove", "path": "members", "value": [{"value": "bulkId:a"}]}),
                json!({"op": "remove", "path": "members", "value": [{"value": "<a>"}]}),
            ),
            (
                "Group",
                json!({"op": "replace", "path": "displayName", "value": "bulkId:a"}),
                json!({"op": "replace", "path": "displayName", "value": "bulkId:a"}),
            ),
            (
                "User",
                json!({"op": "remove", "path": "emails[value eq \"bulkId:a\"]"}),
                json!({"op": "remove", "path": "emails[value eq \"bulkId:a\"]"}),
            ),
            (
                "User",
                json!({"op": "add", "path": manager, "value": "bulkId:a"}),
                json!({"op": "add", "path": manager, "value": "<a>"}),
            ),
            (
                "User",
                json!({"op": "add", "path": format!("{manager}.value"), "value": "bulkId:a"}),
                json!({"op": "add", "path": format!("{manager}.value"), "value": "<a>"}),
            ),
            (
                "User",
                json!({"op": "add", "value": {format!("{manager}.value"): "bulkId:a"}}),
                json!({"op": "add", "value": {format!("{manager}.value"): "<a>"}}),
            ),
            (
                "User",
                json!({"op": "add", "path": ENTERPRISE, "value": {"manager": {"value": "bulkId:a"}}}),
                json!({"op": "add", "path": ENTERPRISE, "value": {"manager": {"value": "<a>"}}}),
            ),
            (
                "User",
                json!({"op": "add", "path": "no such path[", "value": "bulkId:a"}),
                json!({"op": "add", "path": "no such path[", "value": "bulkId:a"}),
            ),
        ] {
            let message = |operation: Value| json!({ "operations": [operation] });
            assert_eq!(resolved(kind, BulkMethod::Patch, message(operation.clone())), message(expected), "{operation}");
        }
    }

    #[test]
    fn references_are_listed_and_left_as_they_are() {
        let registry = Registry::builtin();
        let group = registry.type_named("Group").unwrap();
        let mut data = json!({"displayName": "bulkId:x", "members": [{"value": "bulkId:b"}, {"value": "bulkId:a"}]});
        let before = data.clone();
        assert_eq!(references(group, BulkMethod::Post, &mut data), BTreeSet::from(["a".to_owned(), "b".to_owned()]));
        assert_eq!(data, before);
    }

    proptest! {
        /// What is listed is exactly what is put in; nothing that is listed stays.
        #[test]
        fn listing_and_resolving_agree(names in prop::collection::vec("[a-z\"\\\\/ ]{1,6}", 1..6)) {
            let registry = Registry::builtin();
            let group = registry.type_named("Group").unwrap();
            let members: Vec<Value> = names.iter().map(|name| json!({ "value": format!("bulkId:{name}") })).collect();
            let filter = format!("members[value eq {}]", Value::from(format!("bulkId:{}", names[0])));
            let mut data = json!({"Operations": [
                {"op": "add", "path": "members", "value": members}, {"op": "remove", "path": filter}]});
            let listed = references(group, BulkMethod::Patch, &mut data);
            prop_assert_eq!(&listed, &names.iter().cloned().collect::<BTreeSet<_>>());
            let mut asked = BTreeSet::new();
            resolve(group, BulkMethod::Patch, &mut data, |name| {
                asked.insert(name.to_owned());
                Some(Resource { endpoint: "/Users".into(), id: "42".into() })
            });
            prop_assert_eq!(asked, listed);
            prop_assert!(!data.to_string().contains("bulkId:"));
            prop_assert_eq!(data["Operations"][1]["path"].as_str(), Some("members[value eq \"42\"]"));
        }
    }
}
