//! The forms in which values arrive, as `serde_with` adapters.

use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserializer, Serializer};
use serde_with::formats::PreferMany;
use serde_with::{DefaultOnNull, DeserializeAs, OneOrMany, Same, SerializeAs};

/// A list that may arrive as a single value or as `null`; printed as a list.
pub(super) type List = DefaultOnNull<OneOrMany<Same, PreferMany>>;

/// A boolean that may arrive in quotes, in any case, as Entra sends it.
pub(super) struct Quoted;

impl SerializeAs<bool> for Quoted {
    fn serialize_as<S: Serializer>(source: &bool, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bool(*source)
    }
}

impl<'de> DeserializeAs<'de, bool> for Quoted {
    fn deserialize_as<D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
        struct Boolean;
        impl Visitor<'_> for Boolean {
            type Value = bool;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a boolean, perhaps in quotes")
            }
            fn visit_bool<E>(self, value: bool) -> Result<bool, E> {
                Ok(value)
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<bool, E> {
                match text {
                    text if text.eq_ignore_ascii_case("true") => Ok(true),
                    text if text.eq_ignore_ascii_case("false") => Ok(false),
                    _ => Err(E::custom("expected a boolean, perhaps in quotes")),
                }
            }
        }
        deserializer.deserialize_any(Boolean)
    }
}
