//! Keys: canonical text whose byte order is the order of the values it stands for, and the index rows of a
//! document.
//!
//! One pure function from (attribute, value) to text serves equality, order, uniqueness and search, in memory and in
//! SQL, so the two cannot disagree. Owns the text forms, which are stored: changing one means reindexing.
//!
//! | type | key |
//! | --- | --- |
//! | string | NFC, Unicode full case folding, NFC; with `caseExact` NFC alone (RFC 7644 §7.8) |
//! | `userName` | PRECIS UsernameCaseMapped (RFC 8265 §3.3), else as string |
//! | boolean | `false`, `true` |
//! | integer, decimal | sign, exponent, digits: see `key::number` |
//! | dateTime | seconds from a distant past, then the fraction: see `key::instant` |
//! | binary | standard base64 with padding, of the bytes |
//! | reference | as string with `caseExact` |
//!
//! A text longer than 900 bytes is cut to at most 800 and gets `~` and its SHA-256, so that indexes hold it: equality
//! stays exact, order is by prefix and then by hash.

mod entries;
mod instant;
mod number;
mod text;

use serde_json::Value;

use super::schema::{Attribute, Type, Uniqueness};

pub(crate) use entries::element_entries;
pub use entries::{Entry, entries, is_column, marker, path, presence};
pub use instant::parse as parse_instant;
pub use text::{fold, password};
pub(in crate::scim) use text::{normal, reference, user_name_piece};

/// Compare keys of one attribute only.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Key(pub String);

impl Key {
    /// The key of one value of that attribute: an element of it where it is multi-valued. `None` for null, for a
    /// complex attribute and for a value that is not of the attribute's type.
    pub fn of(attribute: &Attribute, value: &Value) -> Option<Key> {
        Some(prepare(attribute, value)?.0)
    }

    /// The key of a string: folded unless `case_exact`, cut where it is long.
    pub fn text(case_exact: bool, text: &str) -> Key {
        cut(if case_exact { normal(text) } else { fold(text) }).0
    }

    pub fn user_name(text: &str) -> Key {
        cut(text::user_name(text)).0
    }

    /// The key of a moment in milliseconds since the epoch.
    pub fn instant(ms: i64) -> Key {
        Key(instant::key(ms.div_euclid(1000), &format!("{:03}", ms.rem_euclid(1000))))
    }

    /// The milliseconds of an instant's key, finer digits cut off.
    pub fn as_milliseconds(&self) -> Option<i64> {
        instant::milliseconds(&self.0)
    }

    pub fn boolean(value: bool) -> Key {
        Key(value.to_string())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The key and, where the key had to be cut, the whole prepared text.
fn prepare(attribute: &Attribute, value: &Value) -> Option<(Key, Option<String>)> {
    let whole = |text: String| Some((Key(text), None));
    match (attribute.kind, value) {
        (Type::String, Value::String(text)) if is_user_name(attribute) => Some(cut(text::user_name(text))),
        (Type::String, Value::String(text)) => Some(cut(if attribute.case_exact { normal(text) } else { fold(text) })),
        (Type::Reference, Value::String(text)) => Some(cut(normal(text))),
        (Type::Boolean, Value::Bool(value)) => whole(value.to_string()),
        (Type::Integer | Type::Decimal, Value::Number(value)) => whole(number::key(value)),
        (Type::DateTime, Value::String(text)) => {
            let (seconds, fraction) = instant::parse_parts(text)?;
            whole(instant::key(seconds, fraction))
        }
        (Type::Binary, Value::String(text)) => Some(cut(text::binary(text)?)),
        _ => None,
    }
}

/// RFC 7644 §5: `userName` is prepared by the PRECIS username profile. An attribute that merely has the name is not.
pub fn is_user_name(attribute: &Attribute) -> bool {
    attribute.name.eq_ignore_ascii_case("userName")
        && attribute.kind == Type::String
        && attribute.uniqueness != Uniqueness::None
        && !attribute.case_exact
}

/// PostgreSQL refuses index rows over 2,704 bytes; a key shares its row with tenant, attribute and id.
const LONGEST: usize = 900;
/// What a cut key keeps of the text, at most.
pub const PREFIX: usize = 800;

fn cut(text: String) -> (Key, Option<String>) {
    use sha2::{Digest, Sha256};

    if text.len() <= LONGEST {
        return (Key(text), None);
    }
    let hash = Sha256::digest(text.as_bytes());
    let mut key = text[..text.floor_char_boundary(PREFIX)].to_owned();
    key.push('~');
    for byte in hash {
        key.push_str(&format!("{byte:02x}"));
    }
    (Key(key), Some(text))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn attribute(kind: Type, case_exact: bool) -> Attribute {
        Attribute { name: "x".into(), kind, case_exact, ..Attribute::default() }
    }

    #[test]
    fn equal_values_have_equal_keys_and_others_do_not() {
        use Type::*;
        for (kind, case_exact, one, other, equal) in [
            (String, false, json!("Straße"), json!("STRASSE"), true),
            (String, false, json!("e\u{301}t\u{e9}"), json!("\u{c9}TE\u{301}"), true),
            (String, true, json!("e\u{301}"), json!("\u{e9}"), true),
            (String, true, json!("a"), json!("A"), false),
            (String, false, json!(""), json!(" "), false),
            (Reference, false, json!("https://a/B"), json!("https://a/b"), false),
            (Boolean, false, json!(true), json!(false), false),
            (Integer, false, json!(10), json!(10.0), true),
            (Decimal, false, json!(0), json!(-0.0), true),
            (Decimal, false, json!(0.1), json!(0.10001), false),
            (DateTime, false, json!("2011-05-13T06:42:34+02:00"), json!("2011-05-13T04:42:34.000Z"), true),
            (DateTime, false, json!("2011-05-13T24:00:00Z"), json!("2011-05-14T00:00:00"), true),
            (DateTime, false, json!("2011-05-13T04:42:34.5Z"), json!("2011-05-13T04:42:34.50Z"), true),
            (DateTime, false, json!("2011-05-13T04:42:34.5Z"), json!("2011-05-13T04:42:34Z"), false),
            (Binary, false, json!("TWE="), json!("T W\nE"), true),
            (Binary, false, json!("TWE="), json!("TWI="), false),
        ] {
            let attribute = attribute(kind, case_exact);
            let (a, b) = (Key::of(&attribute, &one).unwrap(), Key::of(&attribute, &other).unwrap());
            assert_eq!(a == b, equal, "{one} {other}: {a:?} {b:?}");
        }
    }

    #[test]
    fn what_is_not_of_the_type_has_no_key() {
        use Type::*;
        for (kind, value) in [
            (String, json!(1)),
            (String, json!(null)),
            (Boolean, json!("true")),
            (Integer, json!("1")),
            (DateTime, json!("2011-05-13")),
            (DateTime, json!("04:42:34Z")),
            (Binary, json!("*")),
            (Complex, json!({"value": "x"})),
        ] {
            assert_eq!(Key::of(&attribute(kind, false), &value), None, "{value}");
        }
    }

    #[test]
    fn user_names_are_prepared_by_their_profile() {
        let user_name = Attribute { name: "userName".into(), uniqueness: Uniqueness::Server, ..Attribute::default() };
        for (text, key) in [
            ("BJensen", "bjensen"),
            ("ｂｊｅｎｓｅｎ", "bjensen"),
            ("Ada@Acme.example", "ada@acme.example"),
            ("Straße", "straße"),
            ("Ada Lovelace", "ada lovelace"),
            ("Rene\u{301}", "ren\u{e9}"),
            // U+2163 is no character for a name: folded like any string
            ("Louis Ⅳ", "louis ⅳ"),
            ("", ""),
        ] {
            assert_eq!(Key::of(&user_name, &json!(text)), Some(Key(key.into())), "{text}");
        }
    }

    #[test]
    fn a_long_text_is_cut_and_its_hash_tells_it_apart() {
        let long = "é".repeat(451);
        let (key, whole) = cut(long.clone());
        assert_eq!(key.0.len(), 800 + 1 + 64);
        assert_eq!(whole.as_deref(), Some(long.as_str()));
        assert_ne!(Key::text(true, &long), Key::text(true, &format!("{long}x")));
        assert_eq!(cut("a".repeat(900)), (Key("a".repeat(900)), None));
        assert_eq!(cut("a".repeat(799) + &"é".repeat(99)).0.0.len(), 799 + 1 + 64);
    }

    proptest! {
        #[test]
        fn keys_of_strings_are_ordered_as_their_prepared_texts(a in "\\PC{0,12}", b in "\\PC{0,12}") {
            prop_assert_eq!(Key::text(false, &a).cmp(&Key::text(false, &b)), fold(&a).cmp(&fold(&b)));
        }

        #[test]
        fn keys_of_numbers_are_ordered_as_the_numbers(a in number(), b in number()) {
            let key = |n: f64| Key::of(&attribute(Type::Decimal, false), &json!(n)).unwrap();
            prop_assert_eq!(key(a).cmp(&key(b)), a.partial_cmp(&b).unwrap());
        }

        #[test]
        fn keys_of_integers_are_ordered_as_the_integers(a: i64, b: i64, c: u64) {
            let key = |n: Value| Key::of(&attribute(Type::Integer, false), &n).unwrap();
            prop_assert_eq!(key(json!(a)).cmp(&key(json!(b))), a.cmp(&b));
            prop_assert_eq!(key(json!(a)).cmp(&key(json!(c))), i128::from(a).cmp(&i128::from(c)));
        }

        #[test]
        fn keys_of_moments_are_ordered_as_the_moments(a in -4_000_000_000_000i64..4_000_000_000_000, b in -4_000_000_000_000i64..4_000_000_000_000) {
            prop_assert_eq!(Key::instant(a).cmp(&Key::instant(b)), a.cmp(&b));
            prop_assert_eq!(Key::instant(a).cmp(&Key::instant(a + 1)), std::cmp::Ordering::Less);
        }

        #[test]
        fn a_moment_and_its_text_have_one_key(ms in -60_000_000_000_000i64..250_000_000_000_000) {
            use time::format_description::well_known::Rfc3339;
            let moment = time::OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000).unwrap();
            for offset in [time::UtcOffset::UTC, time::UtcOffset::from_hms(5, 45, 0).unwrap(), time::UtcOffset::from_hms(-11, -30, 0).unwrap()] {
                let text = moment.to_offset(offset).format(&Rfc3339).unwrap();
                prop_assert_eq!(Key::of(&attribute(Type::DateTime, false), &json!(text)), Some(Key::instant(ms)));
            }
        }
    }

    fn number() -> impl Strategy<Value = f64> {
        prop_oneof![
            any::<f64>().prop_filter("JSON has no others", |n| n.is_finite()),
            (-1000i32..1000).prop_map(|n| f64::from(n) / 8.0),
        ]
    }
}
