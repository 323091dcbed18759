//! The complex attributes of users and groups (RFC 7643 §2.4, §4).

use serde::{Deserialize, Serialize};
use serde_with::{serde_as, skip_serializing_none};

use super::forms::Quoted;

/// RFC 7643 §4.1.1. Parts, the whole, or both: none is derived from another.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Name {
    pub formatted: Option<String>,
    pub family_name: Option<String>,
    pub given_name: Option<String>,
    pub middle_name: Option<String>,
    pub honorific_prefix: Option<String>,
    pub honorific_suffix: Option<String>,
}

/// An element with the sub-attributes that RFC 7643 §2.4 gives to multi-valued attributes.
#[serde_as]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MultiValue {
    pub value: Option<String>,
    pub display: Option<String>,
    #[serde(rename = "type")]
    pub kind: Option<String>,
    #[serde_as(as = "Option<Quoted>")]
    #[serde(default)]
    pub primary: Option<bool>,
}

pub type Email = MultiValue;
pub type PhoneNumber = MultiValue;
pub type InstantMessage = MultiValue;
pub type Photo = MultiValue;
pub type Entitlement = MultiValue;
pub type Role = MultiValue;
/// `value` is one DER certificate in base64.
pub type Certificate = MultiValue;

impl MultiValue {
    /// ```
    /// use rollkeeper::scim::core::Email;
    ///
    /// let email = Email::new("bjensen@example.com").of_type("work").primary();
    /// assert_eq!(email.primary, Some(true));
    /// ```
    pub fn new(value: impl Into<String>) -> Self {
        Self { value: Some(value.into()), ..Self::default() }
    }
    pub fn of_type(self, kind: impl Into<String>) -> Self {
        Self { kind: Some(kind.into()), ..self }
    }
    pub fn primary(self) -> Self {
        Self { primary: Some(true), ..self }
    }
}

/// RFC 7643 §4.1.2: a postal address, which has no `value`.
#[serde_as]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Address {
    pub formatted: Option<String>,
    pub street_address: Option<String>,
    pub locality: Option<String>,
    pub region: Option<String>,
    pub postal_code: Option<String>,
    pub country: Option<String>,
    #[serde(rename = "type")]
    pub kind: Option<String>,
    #[serde_as(as = "Option<Quoted>")]
    #[serde(default)]
    pub primary: Option<bool>,
}

/// A resource by its id, as the server names it: a user's group, a team's organization.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    pub value: Option<String>,
    #[serde(rename = "$ref")]
    pub reference: Option<String>,
    pub display: Option<String>,
    #[serde(rename = "type")]
    pub kind: Option<String>,
}
