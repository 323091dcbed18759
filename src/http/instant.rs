//! Stamps on the wire of the administrator's interface, for `#[serde(with = …)]`: RFC 3339, printed in UTC.

use serde::{Serializer, ser};

use crate::scim::core;

pub fn serialize<S: Serializer>(stamp: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    let text = core::instant(*stamp).ok_or_else(|| ser::Error::custom("a stamp beyond the year 9999"))?;
    serializer.serialize_str(&text)
}

/// The same for one that may be absent.
pub mod optional {
    use serde::{Deserialize, Deserializer, Serializer, de};

    use crate::scim::core;

    pub fn serialize<S: Serializer>(stamp: &Option<i64>, serializer: S) -> Result<S::Ok, S::Error> {
        match stamp {
            Some(stamp) => super::serialize(stamp, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
        let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
        let wrong = || de::Error::custom(format!("\"{text}\" is not an instant such as 2027-01-31T12:00:00Z"));
        core::parse_instant(&text).map(Some).ok_or_else(wrong)
    }
}
