//! A query by POST (RFC 7644 §3.4.3): the parameters of a GET, as a message.

use serde::Serialize;
use serde_json::Value;
use serde_with::skip_serializing_none;

use super::members::Members;
use super::urn;
use crate::scim::Error;

/// All members are optional and mean what they mean in a GET. `cursor` is RFC 9865's; an empty one asks for the first
/// page.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SearchRequest {
    pub attributes: Option<Vec<String>>,
    pub excluded_attributes: Option<Vec<String>>,
    pub filter: Option<String>,
    pub sort_by: Option<String>,
    pub sort_order: Option<String>,
    pub start_index: Option<i64>,
    pub count: Option<i64>,
    pub cursor: Option<String>,
}

impl SearchRequest {
    pub fn read(body: &Value) -> Result<SearchRequest, Error> {
        let message = Members::of("a SearchRequest", body)?;
        message.check_schema(urn::SEARCH_REQUEST)?;
        Ok(SearchRequest {
            attributes: message.names("attributes")?,
            excluded_attributes: message.names("excludedAttributes")?,
            filter: message.text("filter")?,
            sort_by: message.text("sortBy")?,
            sort_order: message.text("sortOrder")?,
            start_index: message.integer("startIndex")?,
            count: message.integer("count")?,
            cursor: message.text("cursor")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_example_of_the_rfc_and_what_others_send() {
        let body = json!({
            "schemas": [urn::SEARCH_REQUEST],
            "attributes": ["displayName", "userName"],
            "filter": "displayName sw \"smith\"",
            "startindex": 1,
            "count": 10,
            "unknown": true
        });
        let expected = SearchRequest {
            attributes: Some(vec!["displayName".into(), "userName".into()]),
            filter: Some("displayName sw \"smith\"".into()),
            start_index: Some(1),
            count: Some(10),
            ..SearchRequest::default()
        };
        assert_eq!(SearchRequest::read(&body), Ok(expected.clone()));

        let commas = json!({"attributes": "displayName, userName", "excludedAttributes": []});
        let read = SearchRequest::read(&commas).unwrap();
        assert_eq!((read.attributes, read.excluded_attributes), (expected.attributes, Some(vec![])));
        assert_eq!(SearchRequest::read(&json!({"filter": null})), Ok(SearchRequest::default()));
    }

    #[test]
    fn what_is_refused() {
        let cases = [
            (json!("x"), "is a JSON object"),
            (json!({"schemas": [urn::PATCH_OP]}), "must name"),
            (json!({"count": "10"}), "count of a SearchRequest: expected a whole number, found a string"),
            (json!({"count": 1.5}), "found a number with fraction"),
            (json!({"filter": ["a"]}), "filter of a SearchRequest: expected a string"),
            (json!({"attributes": [1]}), "attributes of a SearchRequest: expected an array of strings"),
        ];
        for (body, detail) in cases {
            let error = SearchRequest::read(&body).expect_err(detail);
            assert!(error.detail.contains(detail), "{error}");
            assert_eq!(error.scim_type, Some(crate::scim::ScimType::InvalidSyntax));
        }
    }
}
