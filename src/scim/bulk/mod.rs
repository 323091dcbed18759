//! What a bulk request means before anything runs (RFC 7644 §3.7): where each operation goes, whom it refers to, and in
//! which order operations that refer to each other can be carried out.
//!
//! Pure, and asks for no list of resource types: an operation goes to whatever type the registry has at its `path`.
//!
//! - `target.rs`: the `path` of an operation
//! - `references.rs`: `bulkId:x` in `path` and `data`
//! - `order.rs`: operations into steps, circular ones together
//!
//! ```
//! use rollkeeper::scim::bulk::Plan;
//! use rollkeeper::scim::message::BulkRequest;
//! use rollkeeper::scim::resource_type::Registry;
//! use serde_json::json;
//!
//! let group = json!({"displayName": "staff", "members": [{"value": "bulkId:ana"}]});
//! let request = BulkRequest::read(&json!({"Operations": [
//!     {"method": "POST", "path": "/Groups", "bulkId": "staff", "data": group},
//!     {"method": "POST", "path": "/Users", "bulkId": "ana", "data": {"userName": "ana"}},
//! ]}), 10)?;
//! let plan = Plan::of(request.operations, &Registry::builtin(), "https://roll.example/t/acme/scim/v2");
//! // The group waits for the user that it refers to.
//! assert_eq!(plan.steps.iter().map(|step| step.operations.clone()).collect::<Vec<_>>(), [[1], [0]]);
//! # Ok::<(), rollkeeper::scim::Error>(())
//! ```

mod order;
mod references;
mod target;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::Value;

use super::Error;
use super::message::{BulkMethod, BulkOperation};
use super::resource_type::{Registry, ResourceType};

pub use order::{Step, steps};
pub use references::{Resource, references, resolve};
pub use target::{Id, Target};

/// More operations than this do not run as one set: it is one transaction, and others wait for its locks.
pub const MAX_SET: usize = 200;

/// A bulk request, understood.
#[derive(Debug)]
pub struct Plan {
    pub operations: Vec<Planned>,
    /// Every operation is in exactly one.
    pub steps: Vec<Step>,
}

/// One operation, with what is wrong with it by itself.
#[derive(Debug)]
pub struct Planned {
    /// As sent, for the answer.
    pub method: String,
    pub bulk_id: Option<String>,
    /// Where the client meant it to go, absolute where that can be said: an answer that is no success names it.
    pub location: Option<String>,
    pub request: Result<Request, Error>,
}

/// A request as it would have come by itself, but for references that are still open.
#[derive(Debug)]
pub struct Request {
    pub method: BulkMethod,
    pub kind: Arc<ResourceType>,
    /// `None` of a POST.
    pub id: Option<Id>,
    /// Acts as `If-Match`.
    pub version: Option<String>,
    pub data: Value,
    /// The operations that create what this one refers to.
    pub needs: BTreeSet<usize>,
}

impl Plan {
    pub fn of(operations: Vec<BulkOperation>, registry: &Registry, base: &str) -> Plan {
        let defined: HashMap<String, usize> = operations
            .iter()
            .enumerate()
            .filter(|(_, operation)| operation.method.eq_ignore_ascii_case("POST"))
            .filter_map(|(index, operation)| Some((operation.bulk_id.clone()?, index)))
            .collect();
        let operations: Vec<Planned> =
            operations.into_iter().map(|operation| Planned::of(operation, registry, base, &defined)).collect();
        let nothing = BTreeSet::new();
        let needs: Vec<&BTreeSet<usize>> = operations
            .iter()
            .map(|planned| planned.request.as_ref().map_or(&nothing, |request| &request.needs))
            .collect();
        let steps = steps(&needs);
        Plan { operations, steps }
    }
}

impl Planned {
    fn of(operation: BulkOperation, registry: &Registry, base: &str, defined: &HashMap<String, usize>) -> Planned {
        let checked = operation.check();
        let target = Target::read(registry, base, &operation.path);
        let is_post = operation.method.eq_ignore_ascii_case("POST");
        let location = match &target {
            _ if is_post || operation.path.is_empty() => None,
            Ok(target) => Some(target.location(base)),
            Err(_) if operation.path.contains("://") => Some(operation.path.clone()),
            Err(_) => Some(format!("{base}/{}", operation.path.trim_start_matches('/'))),
        };
        let BulkOperation { method, bulk_id, version, data, .. } = operation;
        let request = checked.and_then(|method| {
            let mut request = Request::of(method, target?, version, data)?;
            request.needs = request.needed(defined)?;
            Ok(request)
        });
        Planned { method, bulk_id, location, request }
    }
}

impl Request {
    fn of(method: BulkMethod, target: Target, version: Option<String>, data: Option<Value>) -> Result<Request, Error> {
        // RFC 7644 §3.7: a POST goes to the endpoint of a type, everything else to one resource.
        match (method, &target.id) {
            (BulkMethod::Post, Some(_)) => {
                Err(Error::new(405, None, format!("a POST goes to {}, not to a resource in it", target.kind.endpoint)))
            }
            (BulkMethod::Put | BulkMethod::Patch | BulkMethod::Delete, None) => {
                Err(Error::new(405, None, format!("this method goes to a resource: {}/{{id}}", target.kind.endpoint)))
            }
            _ => Ok(Request {
                method,
                kind: target.kind,
                id: target.id,
                version,
                data: data.unwrap_or(Value::Null),
                needs: BTreeSet::new(),
            }),
        }
    }

    fn needed(&mut self, defined: &HashMap<String, usize>) -> Result<BTreeSet<usize>, Error> {
        let mut named: BTreeSet<String> = references(&self.kind, self.method, &mut self.data);
        if let Some(Id::Reference(name)) = &self.id {
            named.insert(name.clone());
        }
        let index = |name: &String| {
            defined.get(name).copied().ok_or_else(|| {
                let name: String = name.chars().take(100).collect();
                Error::invalid_value(format!("no POST of this request has the bulkId {name:?}"))
            })
        };
        named.iter().map(index).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::scim::message::BulkRequest;

    const BASE: &str = "https://roll.example/t/acme/scim/v2";

    fn plan(operations: Value) -> Plan {
        let request = BulkRequest::read(&json!({ "Operations": operations }), 100).expect("a bulk request");
        Plan::of(request.operations, &Registry::builtin(), BASE)
    }

    fn post(path: &str, bulk_id: &str, data: Value) -> Value {
        json!({"method": "POST", "path": path, "bulkId": bulk_id, "data": data})
    }

    #[test]
    fn two_groups_that_contain_each_other_are_one_step() {
        let plan = plan(json!([
            post("/Groups", "a", json!({"displayName": "a", "members": [{"value": "bulkId:b"}]})),
            {"method": "DELETE", "path": "/Users/1"},
            post("/Groups", "b", json!({"displayName": "b", "members": [{"value": "bulkId:a"}]})),
            {"method": "PATCH", "path": "/Groups/bulkId:a", "data": {"Operations": []}},
        ]));
        let steps: Vec<_> = plan.steps.iter().map(|step| (step.operations.clone(), step.is_circular)).collect();
        // The set runs at the place of its last operation.
        assert_eq!(steps, [(vec![1], false), (vec![0, 2], true), (vec![3], false)]);
    }

    #[test]
    fn what_is_wrong_with_one_operation_is_said_of_it_alone() {
        let plan = plan(json!([
            {"method": "GET", "path": "/Users/1"},
            post("/Users/1", "a", json!({})),
            {"method": "PUT", "path": "/Users", "data": {}},
            {"method": "DELETE", "path": "/Robots/1"},
            {"method": "DELETE", "path": "/Bulk"},
            post("/Users/.search", "b", json!({})),
            {"method": "DELETE", "path": "/Users/bulkId:nobody"},
            {"method": "DELETE", "path": "https://elsewhere.example/Users/1"},
            {"method": "DELETE", "path": "v2/users/1"},
        ]));
        let expected = [
            (400, Some("/Users/1")),
            (405, None),
            (405, Some("/Users")),
            (404, Some("/Robots/1")),
            (400, Some("/Bulk")),
            (400, None),
            (400, Some("/Users/bulkId:nobody")),
            (400, None),
        ];
        for (planned, (status, location)) in plan.operations.iter().zip(expected) {
            assert_eq!(planned.request.as_ref().expect_err("refused").status, status, "{planned:?}");
            if let Some(location) = location {
                assert_eq!(planned.location.as_deref(), Some(format!("{BASE}{location}").as_str()));
            }
        }
        assert_eq!(plan.operations[7].location.as_deref(), Some("https://elsewhere.example/Users/1"));
        let last = plan.operations.last().expect("nine");
        assert!(last.request.is_ok());
        assert_eq!(last.location.as_deref(), Some("https://roll.example/t/acme/scim/v2/Users/1"));
        assert_eq!(plan.steps.len(), 9);
    }

    #[test]
    fn a_name_that_only_another_method_carries_defines_nothing() {
        let plan = plan(json!([
            {"method": "PUT", "path": "/Users/1", "bulkId": "a", "data": {"userName": "a"}},
            post("/Groups", "g", json!({"displayName": "g", "members": [{"value": "bulkId:a"}]})),
        ]));
        let error = plan.operations[1].request.as_ref().expect_err("nothing to refer to");
        assert_eq!(error.to_string(), "400 invalidValue: no POST of this request has the bulkId \"a\"");
    }
}
