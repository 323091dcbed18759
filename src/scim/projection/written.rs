//! Which attributes a request wrote: RFC 7643 §7 shows `returned: request` attributes in the answer to a write that sets
//! them.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::scim::filter::ValuePath;
use crate::scim::message::Operation;
use crate::scim::path::{AttributePath, Resolved, resolve};
use crate::scim::resource_type::{Found, ResourceType};

/// Lower-case top-level names (of an extension's attribute: its URN) of a POST or PUT body.
pub fn by_body(kind: &ResourceType, body: &Value) -> BTreeSet<String> {
    let names = body.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null()).map(|(name, _)| name);
    names.filter_map(|name| top_level(kind, name)).collect()
}

/// The same of a PATCH.
pub fn by_operations(kind: &ResourceType, operations: &[Operation]) -> BTreeSet<String> {
    let mut written = BTreeSet::new();
    for operation in operations {
        match operation.path.as_deref().map(str::trim).filter(|path| !path.is_empty()) {
            Some(path) => written.extend(top_level(kind, path)),
            None => written.extend(operation.value.iter().flat_map(|value| by_body(kind, value))),
        }
    }
    written
}

fn top_level(kind: &ResourceType, text: &str) -> Option<String> {
    if let Some(extension) = kind.extension(text) {
        return Some(extension.schema.id.to_ascii_lowercase());
    }
    let path: AttributePath = ValuePath::parse(text).ok()?.path;
    let found: Found<'_> = match resolve(kind, &path)? {
        Resolved::Base => return None,
        Resolved::Extension(schema) => return Some(schema.id.to_ascii_lowercase()),
        Resolved::Attribute(found) | Resolved::Part(found, _) => found,
    };
    Some(found.extension.map_or(&found.attribute.name, |schema| &schema.id).to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::scim::message::PatchOp;
    use crate::scim::resource_type::{Registry, urn};

    #[test]
    fn what_a_write_names() {
        let registry = Registry::builtin();
        let user = registry.type_named("User").unwrap();
        let enterprise = urn::ENTERPRISE_USER;
        let lower = enterprise.to_ascii_lowercase();
        let names = |set: BTreeSet<String>| set.into_iter().collect::<Vec<_>>().join(" ");
        let body = json!({"Title": "x", "nickName": null, "other": 1, "department": "d", enterprise: {}});
        assert_eq!(names(by_body(user, &body)), format!("title {lower}"));
        let patch = json!({"Operations": [
            {"op": "add", "path": "name.givenName", "value": "x"},
            {"op": "remove", "path": "emails[type eq \"work\"]"},
            {"op": "add", "path": format!("{enterprise}:division"), "value": "x"},
            {"op": "replace", "value": {"userType": "x", "a b": 1}},
            {"op": "remove", "path": "]["}]});
        let operations = PatchOp::read(&patch).unwrap().operations;
        assert_eq!(names(by_operations(user, &operations)), format!("emails name {lower} usertype"));
    }
}
