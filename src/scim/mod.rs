//! The SCIM 2.0 protocol (RFC 7643, RFC 7644), pure: no async, no I/O, no clock, no SQL, nothing else of ours.

pub mod core;
pub mod definition;
pub mod document;
pub mod error;
pub mod filter;
pub mod key;
pub mod message;
pub mod patch;
pub mod path;
pub mod projection;
pub mod resource_type;
pub mod schema;
pub mod version;

pub use error::{Error, ScimType};
