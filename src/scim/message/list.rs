//! The answer to a query (RFC 7644 §3.4.2, RFC 9865 §2).

use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use super::urn;

/// A page of resources. `Resources` is printed also when it is empty, and `itemsPerPage` counts what is in this page:
/// clients expect both.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListResponse<T> {
    pub schemas: Vec<String>,
    /// Absent where counting would cost more than the page, which a cursor selected (RFC 9865 §2).
    pub total_results: Option<u64>,
    /// Absent in a page that a cursor selected.
    pub start_index: Option<u64>,
    pub items_per_page: u64,
    pub next_cursor: Option<String>,
    pub previous_cursor: Option<String>,
    #[serde(rename = "Resources", default = "Vec::new")]
    pub resources: Vec<T>,
}

impl<T> ListResponse<T> {
    /// A page by index; the first resource of all is number 1.
    pub fn page(total_results: u64, start_index: u64, resources: Vec<T>) -> Self {
        Self {
            schemas: vec![urn::LIST_RESPONSE.into()],
            total_results: Some(total_results),
            start_index: Some(start_index),
            items_per_page: resources.len() as u64,
            next_cursor: None,
            previous_cursor: None,
            resources,
        }
    }

    /// All there is, for discovery.
    pub fn all(resources: Vec<T>) -> Self {
        Self::page(resources.len() as u64, 1, resources)
    }

    /// A page by cursor; the last one has no `next`.
    pub fn cursor_page(total_results: u64, next_cursor: Option<String>, resources: Vec<T>) -> Self {
        Self { start_index: None, next_cursor, ..Self::page(total_results, 1, resources) }
    }

    /// A page by cursor of what is only counted on request.
    pub fn member_page(total_results: Option<u64>, next_cursor: Option<String>, resources: Vec<T>) -> Self {
        Self { total_results, ..Self::cursor_page(0, next_cursor, resources) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn printed_as_clients_expect() {
        let empty = ListResponse::<u8>::page(0, 1, vec![]);
        let printed = json!({
            "schemas": [urn::LIST_RESPONSE], "totalResults": 0, "startIndex": 1, "itemsPerPage": 0, "Resources": []
        });
        assert_eq!(serde_json::to_value(&empty).unwrap(), printed);
        assert_eq!(serde_json::from_value::<ListResponse<u8>>(printed).unwrap(), empty);

        let page = ListResponse::cursor_page(9, Some("abc".into()), vec![1, 2]);
        let printed = json!({
            "schemas": [urn::LIST_RESPONSE], "totalResults": 9, "itemsPerPage": 2, "nextCursor": "abc",
            "Resources": [1, 2]
        });
        assert_eq!(serde_json::to_value(&page).unwrap(), printed);
    }
}
