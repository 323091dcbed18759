//! User, with the enterprise extension and our own (RFC 7643 §4.1, §4.3).

use serde::{Deserialize, Serialize};
use serde_with::{serde_as, skip_serializing_none};

use super::forms::{List, Quoted};
use super::meta::Meta;
use super::parts::{Address, Certificate, Email, Entitlement, InstantMessage, Link, Name, PhoneNumber, Photo, Role};

#[serde_as]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct User {
    #[serde_as(as = "List")]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub schemas: Vec<String>,
    pub id: Option<String>,
    pub external_id: Option<String>,
    pub user_name: String,
    pub name: Option<Name>,
    pub display_name: Option<String>,
    pub nick_name: Option<String>,
    pub profile_url: Option<String>,
    pub title: Option<String>,
    pub user_type: Option<String>,
    pub preferred_language: Option<String>,
    pub locale: Option<String>,
    pub timezone: Option<String>,
    #[serde_as(as = "Option<Quoted>")]
    #[serde(default)]
    pub active: Option<bool>,
    /// Sent, never received.
    pub password: Option<String>,
    #[serde_as(as = "List")]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub emails: Vec<Email>,
    #[serde_as(as = "List")]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub phone_numbers: Vec<PhoneNumber>,
    #[serde_as(as = "List")]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ims: Vec<InstantMessage>,
    #[serde_as(as = "List")]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub photos: Vec<Photo>,
    #[serde_as(as = "List")]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<Address>,
    /// The server's.
    #[serde_as(as = "List")]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<Link>,
    #[serde_as(as = "List")]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entitlements: Vec<Entitlement>,
    #[serde_as(as = "List")]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<Role>,
    #[serde_as(as = "List")]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub x509_certificates: Vec<Certificate>,
    #[serde(rename = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User")]
    pub enterprise: Option<EnterpriseUser>,
    /// The server's.
    #[serde(rename = "urn:rollkeeper:params:scim:schemas:extension:2.0:Person")]
    pub person: Option<Person>,
    pub meta: Option<Meta>,
}

#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EnterpriseUser {
    pub employee_number: Option<String>,
    pub cost_center: Option<String>,
    pub organization: Option<String>,
    pub division: Option<String>,
    pub department: Option<String>,
    pub manager: Option<Manager>,
}

#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manager {
    pub value: Option<String>,
    #[serde(rename = "$ref")]
    pub reference: Option<String>,
    /// The server's.
    pub display_name: Option<String>,
}

#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    pub handle: Option<String>,
}
