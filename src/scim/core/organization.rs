//! Organization, a resource type of this product.

use serde::{Deserialize, Serialize};
use serde_with::{serde_as, skip_serializing_none};

use super::forms::List;
use super::meta::Meta;

#[serde_as]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Organization {
    #[serde_as(as = "List")]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub schemas: Vec<String>,
    pub id: Option<String>,
    pub external_id: Option<String>,
    pub slug: String,
    pub display_name: Option<String>,
    pub seats: Option<i64>,
    pub meta: Option<Meta>,
}
