//! The password that a request would set, known before anything is read: hashing it is slow, and no transaction waits for
//! that.

use serde_json::Value;

use crate::scim::filter::ValuePath;
use crate::scim::message::Operation;
use crate::scim::path::{Resolved, resolve};
use crate::scim::resource_type::ResourceType;

/// Of a POST or PUT body.
pub fn password_of_body(kind: &ResourceType, body: &Value) -> Option<String> {
    let members = body.as_object()?.iter();
    let mut given = members.filter(|(name, _)| names_password(kind, name)).filter_map(|(_, value)| value.as_str());
    given.next_back().map(str::to_owned)
}

/// Of a PATCH: the last one that an operation sets.
pub fn password_of(kind: &ResourceType, operations: &[Operation]) -> Option<String> {
    let mut set = operations.iter().filter_map(|operation| {
        let value = operation.value.as_ref()?;
        match operation.path.as_deref().map(str::trim).filter(|path| !path.is_empty()) {
            Some(path) if names_password(kind, path) => value.as_str().map(str::to_owned),
            Some(path) if path.eq_ignore_ascii_case(&kind.schema.id) => password_of_body(kind, value),
            Some(_) => None,
            None => password_of_body(kind, value),
        }
    });
    set.next_back()
}

fn names_password(kind: &ResourceType, path: &str) -> bool {
    let Ok(ValuePath { path, filter: None, sub: None, .. }) = ValuePath::parse(path) else { return false };
    match resolve(kind, &path) {
        Some(Resolved::Attribute(found)) => found.extension.is_none() && found.attribute.name == "password",
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::scim::document::Document;
    use crate::scim::message::PatchOp;
    use crate::scim::patch;
    use crate::scim::resource_type::{Registry, urn};

    #[test]
    fn what_is_foretold_is_what_comes_out() {
        let registry = Registry::builtin();
        let user = registry.type_named("User").unwrap();
        let before = Document::read(user, &json!({"userName": "a"})).unwrap().document;
        let with_urn = format!("{}:Password", urn::USER);
        for (operations, foretold, set) in [
            (json!([{"op": "add", "path": "password", "value": "one"}]), Some("one"), Some("one")),
            (json!([{"op": "Replace", "path": "PASSWORD", "value": "one"}]), Some("one"), Some("one")),
            (json!([{"op": "replace", "path": with_urn, "value": "one"}]), Some("one"), Some("one")),
            (json!([{"op": "replace", "value": {"title": "t", "Password": "one"}}]), Some("one"), Some("one")),
            (json!([{"op": "replace", "value": {&with_urn: "one"}}]), Some("one"), Some("one")),
            (json!([{"op": "add", "path": urn::USER, "value": {"password": "one"}}]), Some("one"), Some("one")),
            (
                json!([{"op": "add", "path": "password", "value": "one"}, {"op": "add", "path": "password", "value": "two"}]),
                Some("two"),
                Some("two"),
            ),
            (
                json!([{"op": "add", "path": "password", "value": "one"}, {"op": "remove", "path": "password"}]),
                Some("one"),
                None,
            ),
            (json!([{"op": "replace", "path": "password", "value": null}]), None, None),
            (json!([{"op": "replace", "path": "title", "value": "one"}]), None, None),
            (json!([{"op": "replace", "path": "name", "value": {"givenName": "g", "password": "one"}}]), None, None),
        ] {
            let message = PatchOp::read(&json!({"Operations": operations})).unwrap().operations;
            let mut after = patch::apply(user, &before, &patch::Terms::default(), &message).unwrap().document;
            assert_eq!(password_of(user, &message).as_deref(), foretold, "{operations}");
            assert_eq!(after.take_password().as_deref(), set, "{operations}");
        }
        let body = json!({"userName": "a", "PassWord": "one"});
        assert_eq!(password_of_body(user, &body).as_deref(), Some("one"));
        assert_eq!(password_of_body(registry.type_named("Group").unwrap(), &json!({"password": "x"})), None);
    }
}
