//! The resources as types: for code that knows which attributes it means (a client, a test, the console), where
//! [`Document`] is for code that serves whatever a schema says.
//!
//! They read what real servers and clients send (one value where a list is due, booleans in quotes, `null`) and print
//! what the RFC asks for: no `null`, no empty list. Names are read in the schema's spelling; JSON in another case goes
//! through [`Document::read`] first. A typed resource becomes a document by that same door, so its values are judged
//! as any body is.
//!
//! ```
//! use rollkeeper::scim::core::User;
//! use rollkeeper::scim::document::Document;
//!
//! let json = r#"{"userName": "bjensen", "active": "True", "emails": {"value": "bjensen@example.com"}}"#;
//! let user: User = serde_json::from_str(json)?;
//! assert_eq!(user.active, Some(true));
//! let document = Document::try_from(&user)?;
//! assert_eq!(document.to_json(), r#"{"userName":"bjensen","active":true,"emails":[{"value":"bjensen@example.com"}]}"#);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod forms;
mod group;
mod meta;
mod organization;
mod parts;
mod user;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Error;
use super::document::Document;
use super::resource_type::{Registry, urn};

pub use group::{Group, GroupMember, Team};
pub use meta::{Meta, instant, parse_instant};
pub use organization::Organization;
pub use parts::{
    Address, Certificate, Email, Entitlement, InstantMessage, Link, MultiValue, Name, PhoneNumber, Photo, Role,
};
pub use user::{EnterpriseUser, Manager, Person, User};

/// Between a typed resource and a document: `id`, `meta`, `schemas` and readOnly values are not part of a document.
macro_rules! converts {
    ($type:ty, $name:literal) => {
        impl TryFrom<&$type> for Document {
            type Error = Error;
            fn try_from(resource: &$type) -> Result<Document, Error> {
                document_of($name, resource)
            }
        }
        impl TryFrom<&Document> for $type {
            type Error = serde_json::Error;
            fn try_from(document: &Document) -> Result<$type, serde_json::Error> {
                typed(document)
            }
        }
    };
}

converts!(User, "User");
converts!(Group, "Group");
converts!(Organization, "Organization");

/// The enterprise extension of a document, if it has one.
impl EnterpriseUser {
    pub fn of(document: &Document) -> Option<Result<EnterpriseUser, serde_json::Error>> {
        let values = document.0.get(urn::ENTERPRISE_USER)?;
        Some(serde_json::from_value(values.clone()))
    }
}

fn document_of(name: &str, resource: &impl Serialize) -> Result<Document, Error> {
    let body = serde_json::to_value(resource).map_err(|error| Error::invalid_value(error.to_string()))?;
    let registry = Registry::builtin();
    let kind = registry.type_named(name).ok_or_else(|| Error::not_found(format!("there is no type {name}")))?;
    Document::read(kind, &body).map(|read| read.document)
}

fn typed<T: DeserializeOwned>(document: &Document) -> Result<T, serde_json::Error> {
    serde_json::from_value(Value::Object(document.0.clone()))
}

#[cfg(test)]
mod tests;
