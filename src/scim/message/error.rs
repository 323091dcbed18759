//! An error as the body of a response (RFC 7644 §3.12).

use serde::{Deserialize, Serialize};
use serde_with::{DisplayFromStr, PickFirst, serde_as, skip_serializing_none};

use super::urn;
use crate::scim::Error;

/// `status` is a JSON string; a number, as Okta's samples have it, is read too.
#[serde_as]
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ErrorMessage {
    pub schemas: Vec<String>,
    #[serde_as(as = "PickFirst<(DisplayFromStr, _)>")]
    pub status: u16,
    pub scim_type: Option<String>,
    pub detail: Option<String>,
}

impl From<&Error> for ErrorMessage {
    fn from(error: &Error) -> Self {
        Self {
            schemas: vec![urn::ERROR.into()],
            status: error.status,
            scim_type: error.scim_type.map(|kind| kind.as_str().into()),
            detail: Some(error.detail.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn status_is_text_and_a_number_is_read() {
        let message = ErrorMessage::from(&Error::uniqueness("userName is taken"));
        let printed = json!({
            "schemas": [urn::ERROR], "status": "409", "scimType": "uniqueness", "detail": "userName is taken"
        });
        assert_eq!(serde_json::to_value(&message).unwrap(), printed);
        assert_eq!(serde_json::from_value::<ErrorMessage>(printed).unwrap(), message);

        let okta = json!({"schemas": [urn::ERROR], "status": 404, "detail": "no such user"});
        assert_eq!(serde_json::from_value::<ErrorMessage>(okta).unwrap().status, 404);
        let bare = serde_json::to_value(ErrorMessage::from(&Error::not_found("no"))).unwrap();
        assert!(bare.get("scimType").is_none());
    }
}
