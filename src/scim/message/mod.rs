//! Messages: the bodies that are not resources (RFC 7644 §3.1), and the discovery resources (RFC 7643 §5 to §7), typed.
//!
//! What clients send is taken with [`PatchOp::read`], [`SearchRequest::read`] and [`BulkRequest::read`]: member names
//! in any case, as attribute names are (RFC 7643 §2.1), unknown members ignored, a wrong shape 400 `invalidSyntax`
//! with a sentence that names the member. What the server sends is `Serialize`, and `Deserialize` too, so that a
//! client can read it.

mod bulk;
mod discovery;
mod error;
mod list;
mod members;
mod patch_op;
mod search;

pub use bulk::{BulkMethod, BulkOperation, BulkRequest, BulkResponse, BulkResult};
pub use discovery::{
    AuthenticationScheme, Bulk, Filter, Pagination, ResourceTypeResource, SchemaExtension, SchemaResource,
    ServiceProviderConfig, Supported,
};
pub use error::ErrorMessage;
pub use list::ListResponse;
pub use patch_op::{Op, Operation, PatchOp};
pub use search::SearchRequest;

/// The URNs of RFC 7644 §8.2.
pub mod urn {
    pub const LIST_RESPONSE: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";
    pub const SEARCH_REQUEST: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";
    pub const PATCH_OP: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
    pub const BULK_REQUEST: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
    pub const BULK_RESPONSE: &str = "urn:ietf:params:scim:api:messages:2.0:BulkResponse";
    pub const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";
}
