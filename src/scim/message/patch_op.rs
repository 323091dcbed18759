//! The body of a PATCH (RFC 7644 §3.5.2): a list of operations.

use serde_json::Value;

use crate::scim::Error;

/// One change. `op` is known, `path` is still text: whether it means anything is judged against the resource type.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    pub op: Op,
    pub path: Option<String>,
    pub value: Option<Value>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    Add,
    Remove,
    Replace,
}

#[derive(Clone, Debug, PartialEq)]
pub struct PatchOp {
    pub operations: Vec<Operation>,
}

impl PatchOp {
    pub fn read(_body: &Value) -> Result<PatchOp, Error> {
        todo!()
    }
}
