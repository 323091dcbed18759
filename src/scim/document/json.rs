//! JSON text with bounds: nesting, and each key once (RFC 8259 §4 leaves duplicates to the receiver; we refuse them, so
//! that no two readers of one body see different values).

use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::scim::Error;

/// No SCIM message needs more than a dozen levels.
const MAX_DEPTH: usize = 32;
/// 2 to the power of 63.
const TOO_LARGE: f64 = 9_223_372_036_854_775_808.0;
const BEYOND: &str = "a number beyond 64 bits, which would not be kept as it was sent";

/// Reads a body. Its size is the edge's to bound. What is wrong is said with line and column.
///
/// ```
/// use rollkeeper::scim::document::parse_json;
///
/// assert!(parse_json(br#"{"userName": "bjensen"}"#).is_ok());
/// let error = parse_json(br#"{"active": true, "active": false}"#).unwrap_err();
/// assert_eq!(error.detail, "not JSON that we can read: the key \"active\" appears twice at line 1 column 25");
/// ```
pub fn parse_json(text: &[u8]) -> Result<Value, Error> {
    let text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text);
    if text.iter().all(u8::is_ascii_whitespace) {
        return Err(Error::invalid_syntax("the body is empty, expected a JSON object"));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let value = Bounded { depth: MAX_DEPTH }.deserialize(&mut deserializer);
    value
        .and_then(|value| deserializer.end().map(|()| value))
        .map_err(|error| Error::invalid_syntax(format!("not JSON that we can read: {error}")))
}

/// One value with at most `depth` levels of arrays and objects.
#[derive(Clone, Copy)]
struct Bounded {
    depth: usize,
}

impl Bounded {
    fn deeper<E: serde::de::Error>(self) -> Result<Bounded, E> {
        let depth = self.depth.checked_sub(1);
        depth
            .map(|depth| Bounded { depth })
            .ok_or_else(|| E::custom(format!("more than {MAX_DEPTH} levels of nesting")))
    }
}

impl<'de> DeserializeSeed<'de> for Bounded {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Bounded {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Value, E> {
        i64::try_from(value).map(Value::from).map_err(|_| E::custom(BEYOND))
    }
    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        // From here on every value is whole, and digits have been lost: RFC 8259 §6 leaves it to the receiver.
        let number = if value.abs() < TOO_LARGE { Number::from_f64(value) } else { None };
        number.map(Value::Number).ok_or_else(|| E::custom(BEYOND))
    }
    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut elements = Vec::new();
        while let Some(element) = access.next_element_seed(inner)? {
            elements.push(element);
        }
        Ok(Value::Array(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut members = Map::new();
        while let Some(key) = access.next_key_seed(Key)? {
            if members.contains_key(&key) {
                return Err(A::Error::custom(format!("the key {key:?} appears twice")));
            }
            let value = access.next_value_seed(inner)?;
            members.insert(key, value);
        }
        Ok(Value::Object(members))
    }
}

struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = String;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        String::deserialize(deserializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        let cases: [(&[u8], &str); 15] = [
            (b"", "the body is empty"),
            (b" \n", "the body is empty"),
            (br#"{"schemas":"#, "EOF while parsing a value at line 1 column 11"),
            (b"{\"a\": 1,\n \"a\": 2}", "\"a\" appears twice at line 2 column 4"),
            (br#"{"a": {"b": 1, "b": 1}}"#, "\"b\" appears twice"),
            (br#"{} {}"#, "trailing characters at line 1 column 4"),
            (b"{\"a\": \"\xff\"}", "invalid unicode code point"),
            (br#"{"a": NaN}"#, "expected value"),
            (br#"{"a": 1e999}"#, "number out of range"),
            (br#"{"a": 9223372036854775808}"#, "beyond 64 bits, which would not be kept as it was sent at line 1"),
            (br#"{"a": -9223372036854775809}"#, "beyond 64 bits"),
            (br#"{"a": 100000000000000000000}"#, "beyond 64 bits"),
            (br#"{"a": "\ud800"}"#, "hex escape at line 1"),
            (br#"{"a": "\udc00\ud800"}"#, "surrogate in hex escape at line 1"),
            (b"{\"a\": \"\x01\"}", "control character"),
        ];
        for (text, expected) in cases {
            let error = parse_json(text).expect_err(expected);
            assert!(error.detail.contains(expected), "{}: {error}", String::from_utf8_lossy(text));
            assert_eq!(error.scim_type, Some(crate::scim::ScimType::InvalidSyntax));
        }
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
        assert!(parse_json(nested(MAX_DEPTH).as_bytes()).is_ok());
        assert!(parse_json(nested(MAX_DEPTH + 1).as_bytes()).unwrap_err().detail.contains("32 levels"));
        assert!(parse_json(nested(100_000).as_bytes()).is_err());
    }

    #[test]
    fn values_arrive_as_sent() {
        for number in ["9223372036854775807", "-9223372036854775808", "0.5", "1e18"] {
            assert!(parse_json(number.as_bytes()).is_ok(), "{number}");
        }
        let text = "\u{feff}{\"b\": [1, -2, 1.5, true, null, \"\\u00e9\"], \"a\": {}}";
        let value = parse_json(text.as_bytes()).unwrap();
        assert_eq!(value, serde_json::json!({"b": [1, -2, 1.5, true, null, "é"], "a": {}}));
        assert_eq!(value.to_string(), r#"{"b":[1,-2,1.5,true,null,"é"],"a":{}}"#, "in the order sent");
    }
}
