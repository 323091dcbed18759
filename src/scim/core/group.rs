//! Group, with our own extension (RFC 7643 §4.2).

use serde::{Deserialize, Serialize};
use serde_with::{serde_as, skip_serializing_none};

use super::forms::{List, Quoted};
use super::meta::Meta;
use super::parts::Link;

#[serde_as]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Group {
    #[serde_as(as = "List")]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub schemas: Vec<String>,
    pub id: Option<String>,
    pub external_id: Option<String>,
    pub display_name: String,
    #[serde_as(as = "List")]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<GroupMember>,
    /// The server's.
    #[serde(rename = "urn:rollkeeper:params:scim:schemas:extension:2.0:Team")]
    pub team: Option<Team>,
    pub meta: Option<Meta>,
}

/// A member as it is printed. What a server needs to know of one is [`Member`](crate::scim::document::Member).
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupMember {
    pub value: String,
    #[serde(rename = "$ref")]
    pub reference: Option<String>,
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub display: Option<String>,
}

#[serde_as]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Team {
    pub organization: Option<Link>,
    #[serde_as(as = "Option<Quoted>")]
    #[serde(default)]
    pub privileged: Option<bool>,
    pub policy: Option<String>,
}
