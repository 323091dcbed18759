//! One part of a token as a JSON object. RFC 7519 §4 leaves a name given twice to the reader; two readers that choose
//! differently see two tokens, so it is refused (RFC 8725 §2.4 tells what comes of it).

use std::fmt;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value};

/// `None` unless the part is base64url of one JSON object in which no name of the top level comes twice.
pub(super) fn object(part: &str) -> Option<Map<String, Value>> {
    let bytes = super::decode(part)?;
    let mut reader = serde_json::Deserializer::from_slice(&bytes);
    let object = reader.deserialize_map(Once).ok()?;
    reader.end().ok()?;
    Some(object)
}

struct Once;

impl<'de> Visitor<'de> for Once {
    type Value = Map<String, Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with each name once")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut object = Map::new();
        while let Some((name, value)) = access.next_entry::<String, Value>()? {
            if object.insert(name, value).is_some() {
                return Err(serde::de::Error::custom("a name comes twice"));
            }
        }
        Ok(object)
    }
}
