//! What a server says of a resource (RFC 7643 §3.1).

use serde::{Deserialize, Serialize};
use serde_with::{DeserializeAs, SerializeAs, serde_as, skip_serializing_none};
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{OffsetDateTime, UtcOffset};

/// All of it is the server's; what a client sends is ignored. Stamps are milliseconds since the epoch.
#[serde_as]
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Meta {
    pub resource_type: Option<String>,
    #[serde_as(as = "Option<Instant>")]
    #[serde(default)]
    pub created: Option<i64>,
    #[serde_as(as = "Option<Instant>")]
    #[serde(default)]
    pub last_modified: Option<i64>,
    pub location: Option<String>,
    /// The entity tag with its quotes, and `W/` before a weak one.
    pub version: Option<String>,
}

/// Our own form of a dateTime: UTC with `Z`, always to the millisecond. `None`: beyond the year 9999.
///
/// ```
/// use rollkeeper::scim::core::{instant, parse_instant};
///
/// assert_eq!(instant(1_201_064_182_000).as_deref(), Some("2008-01-23T04:56:22.000Z"));
/// assert_eq!(parse_instant("2008-01-23T05:56:22+01:00"), Some(1_201_064_182_000));
/// ```
pub fn instant(milliseconds: i64) -> Option<String> {
    const FORM: &[time::format_description::BorrowedFormatItem<'_>] =
        format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    let stamp = OffsetDateTime::from_unix_timestamp_nanos(i128::from(milliseconds) * 1_000_000).ok()?;
    stamp.format(FORM).ok()
}

/// A dateTime that a server printed (RFC 3339), as milliseconds since the epoch.
pub fn parse_instant(text: &str) -> Option<i64> {
    let stamp = OffsetDateTime::parse(text, &Rfc3339).ok()?.to_offset(UtcOffset::UTC);
    i64::try_from(stamp.unix_timestamp_nanos().div_euclid(1_000_000)).ok()
}

struct Instant;

impl SerializeAs<i64> for Instant {
    fn serialize_as<S: serde::Serializer>(source: &i64, serializer: S) -> Result<S::Ok, S::Error> {
        let text = instant(*source).ok_or_else(|| serde::ser::Error::custom("a stamp beyond the year 9999"))?;
        serializer.serialize_str(&text)
    }
}

impl<'de> DeserializeAs<'de, i64> for Instant {
    fn deserialize_as<D: serde::Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse_instant(&text)
            .ok_or_else(|| serde::de::Error::custom("expected a date and time such as 2008-01-23T04:56:22Z"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_printed_in_one_form_and_read_in_many() {
        let cases = [
            ("2010-01-23T04:56:22Z", 1_264_222_582_000, "2010-01-23T04:56:22.000Z"),
            ("2011-05-13T04:42:34.5+02:00", 1_305_254_554_500, "2011-05-13T02:42:34.500Z"),
            ("1969-12-31T23:59:59.9999Z", -1, "1969-12-31T23:59:59.999Z"),
        ];
        for (text, milliseconds, printed) in cases {
            assert_eq!(parse_instant(text), Some(milliseconds), "{text}");
            assert_eq!(instant(milliseconds).as_deref(), Some(printed));
        }
        assert_eq!(parse_instant("2011-05-13"), None);
        assert_eq!(instant(i64::MAX), None);
    }

    #[test]
    fn an_absent_part_is_not_printed() {
        let meta = Meta { resource_type: Some("User".into()), created: Some(0), ..Meta::default() };
        let printed = serde_json::json!({"resourceType": "User", "created": "1970-01-01T00:00:00.000Z"});
        assert_eq!(serde_json::to_value(&meta).unwrap(), printed);
        assert_eq!(serde_json::from_value::<Meta>(printed).unwrap(), meta);
    }
}
