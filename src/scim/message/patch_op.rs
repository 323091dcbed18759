//! The body of a PATCH (RFC 7644 §3.5.2): a list of operations.
//!
//! ```
//! use rollkeeper::scim::message::{Op, PatchOp};
//! use serde_json::json;
//!
//! let body = json!({"operations": [{"op": "Replace", "path": "active", "value": "False"}]});
//! let patch = PatchOp::read(&body)?;
//! assert_eq!(patch.operations[0].op, Op::Replace);
//! # Ok::<(), rollkeeper::scim::Error>(())
//! ```

use serde::Serialize;
use serde_json::{Value, json};
use serde_with::skip_serializing_none;

use super::members::Members;
use super::urn;
use crate::scim::Error;

/// More operations than this in one PATCH are a mistake or an attack; RFC 7644 §3.12 has 413 for it.
const MAX_OPERATIONS: usize = 1_000;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct PatchOp {
    pub operations: Vec<Operation>,
}

/// One change. `op` is known; whether `path` and `value` mean anything is judged against the resource type.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Operation {
    pub op: Op,
    pub path: Option<String>,
    /// `Some(Value::Null)` is a `null` that was sent.
    pub value: Option<Value>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Op {
    Add,
    Remove,
    Replace,
}

impl Op {
    /// Any case: Entra sends `Add`, `Replace` and `Remove`.
    pub fn parse(text: &str) -> Option<Op> {
        let named = [("add", Op::Add), ("remove", Op::Remove), ("replace", Op::Replace)];
        named.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(text)).map(|(_, op)| op)
    }
}

impl PatchOp {
    /// `Operations` may be empty: Entra sends that, and it changes nothing.
    pub fn read(body: &Value) -> Result<PatchOp, Error> {
        let message = Members::of("a PatchOp", body)?;
        message.check_schema(urn::PATCH_OP)?;
        let operations = message.list("Operations")?.ok_or_else(|| message.missing("Operations"))?;
        if operations.len() > MAX_OPERATIONS {
            let detail = format!("{} operations in one PATCH, at most {MAX_OPERATIONS} are taken", operations.len());
            return Err(Error::new(413, None, detail));
        }
        let numbered = operations.iter().enumerate();
        let read = numbered.map(|(index, operation)| Operation::read(operation).map_err(|error| at(index, error)));
        Ok(PatchOp { operations: read.collect::<Result<_, _>>()? })
    }

    pub fn to_json(&self) -> Value {
        json!({"schemas": [urn::PATCH_OP], "Operations": self.operations})
    }
}

impl Operation {
    fn read(operation: &Value) -> Result<Operation, Error> {
        let members = Members::of("an operation", operation)?;
        let op = members.text("op")?.ok_or_else(|| members.missing("op"))?;
        let Some(op) = Op::parse(&op) else {
            return Err(Error::invalid_syntax("op must be add, remove or replace"));
        };
        Ok(Operation { op, path: members.text("path")?, value: members.value("value")?.cloned() })
    }
}

fn at(index: usize, error: Error) -> Error {
    Error { detail: format!("operation {}: {}", index + 1, error.detail), ..error }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_clients_send() {
        let body = json!({
            "Schemas": ["URN:ietf:params:scim:api:messages:2.0:PatchOp"],
            "operations": [
                {"OP": "Add", "Path": "nickName", "Value": "Countess"},
                {"op": "replace", "value": {"active": false}},
                {"op": "REMOVE", "path": "title", "value": null, "more": 1},
                {"op": "remove", "path": null}
            ]
        });
        let operation = |op, path: Option<&str>, value| Operation { op, path: path.map(str::to_owned), value };
        let expected = [
            operation(Op::Add, Some("nickName"), Some("Countess".into())),
            operation(Op::Replace, None, Some(json!({"active": false}))),
            operation(Op::Remove, Some("title"), Some(Value::Null)),
            operation(Op::Remove, None, None),
        ];
        assert_eq!(PatchOp::read(&body).unwrap().operations, expected);
        assert_eq!(PatchOp::read(&json!({"Operations": []})), Ok(PatchOp::default()));
    }

    #[test]
    fn what_is_refused() {
        let cases = [
            (json!([]), 400, "a PatchOp is a JSON object, this is an array"),
            (json!({}), 400, "a PatchOp must have Operations"),
            (json!({"Operations": null}), 400, "a PatchOp must have Operations"),
            (json!({"Operations": {"op": "add"}}), 400, "expected an array, found an object"),
            (json!({"Operations": [], "operations": []}), 400, "has Operations twice"),
            (json!({"schemas": [urn::BULK_REQUEST], "Operations": []}), 400, "must name urn:ietf:params:scim:api"),
            (json!({"schemas": urn::PATCH_OP, "Operations": []}), 400, "schemas of a PatchOp: expected an array"),
            (json!({"Operations": [1]}), 400, "operation 1: an operation is a JSON object"),
            (json!({"Operations": [{"path": "a"}]}), 400, "operation 1: an operation must have op"),
            (json!({"Operations": [{"op": "add"}, {"op": "move"}]}), 400, "operation 2: op must be"),
            (json!({"Operations": [{"op": "add", "path": 1}]}), 400, "path of an operation: expected a string"),
            (json!({"Operations": vec![json!({"op": "add"}); 1_001]}), 413, "at most 1000"),
        ];
        for (body, status, detail) in cases {
            let error = PatchOp::read(&body).expect_err(detail);
            assert_eq!(error.status, status, "{error}");
            assert!(error.detail.contains(detail), "{error}");
        }
    }

    #[test]
    fn printing_and_reading_agree() {
        let patch = PatchOp {
            operations: vec![
                Operation { op: Op::Add, path: Some("title".into()), value: Some("x".into()) },
                Operation { op: Op::Replace, path: Some("title".into()), value: Some(Value::Null) },
                Operation { op: Op::Remove, path: Some("title".into()), value: None },
            ],
        };
        assert_eq!(PatchOp::read(&patch.to_json()), Ok(patch));
    }
}
