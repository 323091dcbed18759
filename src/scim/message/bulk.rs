//! Many requests in one (RFC 7644 §3.7).

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_with::{DisplayFromStr, PickFirst, serde_as, skip_serializing_none};

use super::members::Members;
use super::urn;
use crate::scim::Error;

#[derive(Clone, Debug, PartialEq)]
pub struct BulkRequest {
    /// After so many errors the rest is not attempted. `None`: all are attempted.
    pub fail_on_errors: Option<u32>,
    pub operations: Vec<BulkOperation>,
}

/// One request of the job, as sent: a mistake in one fails that one, so [`BulkOperation::check`] is asked when its
/// turn comes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BulkOperation {
    pub method: String,
    pub bulk_id: Option<String>,
    /// Acts as `If-Match`.
    pub version: Option<String>,
    pub path: String,
    pub data: Option<Value>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BulkMethod {
    Post,
    Put,
    Patch,
    Delete,
}

impl BulkRequest {
    /// What is wrong with the message as a whole is refused here, before anything runs.
    pub fn read(body: &Value, max_operations: usize) -> Result<BulkRequest, Error> {
        let message = Members::of("a BulkRequest", body)?;
        message.check_schema(urn::BULK_REQUEST)?;
        let fail_on_errors = match message.integer("failOnErrors")? {
            None => None,
            // 0 has no meaning, and a typing error must not run everything.
            Some(number) => match u32::try_from(number) {
                Ok(number) if number > 0 => Some(number),
                _ => return Err(Error::invalid_value("failOnErrors must be 1 or more")),
            },
        };
        let listed = message.list("Operations")?.ok_or_else(|| message.missing("Operations"))?;
        if listed.len() > max_operations {
            let count = listed.len();
            let detail = format!("{count} operations in one request exceed maxOperations ({max_operations})");
            return Err(Error::new(413, None, detail));
        }
        let operations: Vec<_> = listed.iter().map(BulkOperation::read).collect::<Result<_, _>>()?;
        refuse_duplicates(&operations)?;
        Ok(BulkRequest { fail_on_errors, operations })
    }
}

impl BulkOperation {
    fn read(operation: &Value) -> Result<BulkOperation, Error> {
        let members = Members::of("a bulk operation", operation)?;
        Ok(BulkOperation {
            method: members.text("method")?.unwrap_or_default(),
            bulk_id: members.text("bulkId")?,
            version: members.text("version")?,
            path: members.text("path")?.unwrap_or_default(),
            data: members.value("data")?.filter(|data| !data.is_null()).cloned(),
        })
    }

    /// RFC 7644 §3.7: the method is known, a POST has a `bulkId`, there is a path, and `data` where a body is needed.
    pub fn check(&self) -> Result<BulkMethod, Error> {
        let method = match self.method.to_ascii_uppercase().as_str() {
            "POST" => BulkMethod::Post,
            "PUT" => BulkMethod::Put,
            "PATCH" => BulkMethod::Patch,
            "DELETE" => BulkMethod::Delete,
            _ => return Err(Error::invalid_syntax("method must be POST, PUT, PATCH or DELETE")),
        };
        if method == BulkMethod::Post && self.bulk_id.as_deref().unwrap_or_default().is_empty() {
            return Err(Error::invalid_syntax("a POST in a bulk request must have a bulkId"));
        }
        if self.path.is_empty() {
            return Err(Error::invalid_syntax("a bulk operation must have a path"));
        }
        if method != BulkMethod::Delete && self.data.is_none() {
            return Err(Error::invalid_syntax("this bulk operation must have data"));
        }
        Ok(method)
    }
}

/// Only a POST defines a `bulkId`; two that define the same one would make references to it ambiguous.
fn refuse_duplicates(operations: &[BulkOperation]) -> Result<(), Error> {
    let mut seen = HashSet::new();
    let mut defined = operations
        .iter()
        .filter(|operation| operation.method.eq_ignore_ascii_case("POST"))
        .filter_map(|operation| operation.bulk_id.as_deref());
    match defined.find(|id| !seen.insert(*id)) {
        Some(twice) => Err(Error::invalid_value(format!("two operations have the bulkId {twice}"))),
        None => Ok(()),
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BulkResponse {
    pub schemas: Vec<String>,
    #[serde(rename = "Operations")]
    pub operations: Vec<BulkResult>,
}

impl BulkResponse {
    pub fn new(operations: Vec<BulkResult>) -> Self {
        Self { schemas: vec![urn::BULK_RESPONSE.into()], operations }
    }
}

/// What came of one operation. `location` is absent only where a POST failed, `response` is there for each error.
#[serde_as]
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BulkResult {
    pub location: Option<String>,
    pub method: String,
    pub bulk_id: Option<String>,
    pub version: Option<String>,
    #[serde_as(as = "PickFirst<(DisplayFromStr, _)>")]
    pub status: u16,
    pub response: Option<Value>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_mistake_in_one_operation_is_found_in_its_turn() {
        let cases = [
            (json!({"method": "POST", "path": "/Users", "bulkId": "a", "data": {}}), Ok(BulkMethod::Post)),
            (json!({"METHOD": "delete", "path": "/Users/1"}), Ok(BulkMethod::Delete)),
            (json!({"method": "GET", "path": "/Users/1"}), Err("method must be")),
            (json!({"path": "/Users/1"}), Err("method must be")),
            (json!({"method": "POST", "path": "/Users", "data": {}}), Err("must have a bulkId")),
            (json!({"method": "PUT", "data": {}}), Err("must have a path")),
            (json!({"method": "PATCH", "path": "/Users/1", "data": null}), Err("must have data")),
        ];
        for (operation, expected) in cases {
            let job = BulkRequest::read(&json!({"Operations": [operation]}), 10).expect("the job as a whole is right");
            match (job.operations[0].check(), expected) {
                (Ok(method), Ok(expected)) => assert_eq!(method, expected),
                (Err(error), Err(expected)) => assert!(error.detail.contains(expected), "{error}"),
                (actual, expected) => panic!("{actual:?} is not {expected:?}"),
            }
        }
    }

    #[test]
    fn a_mistake_in_the_whole_is_found_before_anything_runs() {
        let post = json!({"method": "POST", "path": "/Users", "bulkId": "a", "data": {}});
        let cases = [
            (json!({}), 400, "must have Operations"),
            (json!({"Operations": [1]}), 400, "a bulk operation is a JSON object"),
            (json!({"Operations": [], "failOnErrors": 0}), 400, "must be 1 or more"),
            (json!({"Operations": [], "failOnErrors": "1"}), 400, "expected a whole number"),
            (json!({"Operations": [post, post]}), 400, "two operations have the bulkId a"),
            (json!({"Operations": [1, 2, 3]}), 413, "maxOperations (2)"),
        ];
        for (body, status, detail) in cases {
            let error = BulkRequest::read(&body, 2).expect_err(detail);
            assert_eq!(error.status, status, "{error}");
            assert!(error.detail.contains(detail), "{error}");
        }
    }

    #[test]
    fn a_result_prints_its_status_as_text() {
        let result = BulkResult {
            location: Some("https://example.com/v2/Users/1".into()),
            method: "POST".into(),
            bulk_id: Some("a".into()),
            version: None,
            status: 201,
            response: None,
        };
        let printed = serde_json::to_value(BulkResponse::new(vec![result])).unwrap();
        let expected = json!({"schemas": [urn::BULK_RESPONSE], "Operations": [
            {"location": "https://example.com/v2/Users/1", "method": "POST", "bulkId": "a", "status": "201"}
        ]});
        assert_eq!(printed, expected);
    }
}
