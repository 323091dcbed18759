//! Attribute notation (RFC 7644 §3.10): `[urn:]name[.sub]`, one form for filters, sorting, attribute lists and
//! PATCH paths.
//!
//! Owns the text form, and ([`resolve()`]) which attribute it means for a resource type. The URN ends at the last colon,
//! because it holds dots itself:
//!
//! ```
//! use rollkeeper::scim::path::AttributePath;
//! let path: AttributePath = "urn:ietf:params:scim:schemas:core:2.0:User:name.familyName".parse().unwrap();
//! assert_eq!(path.urn.as_deref(), Some("urn:ietf:params:scim:schemas:core:2.0:User"));
//! assert_eq!((path.name.as_str(), path.sub.as_deref()), ("name", Some("familyName")));
//! ```

mod resolve;

use std::fmt;
use std::str::FromStr;

pub use resolve::{Resolved, resolve};

/// A path as it was written. Compare names in any case; printing gives back the text that was parsed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct AttributePath {
    pub urn: Option<String>,
    /// Empty only where the text is a URN whose last part cannot be an attribute name (`urn:example:1.0`).
    pub name: String,
    pub sub: Option<String>,
}

impl AttributePath {
    pub fn new(name: impl Into<String>) -> Self {
        Self { urn: None, name: name.into(), sub: None }
    }

    /// The same attribute with that sub-attribute.
    pub fn with_sub(&self, sub: impl Into<String>) -> Self {
        Self { sub: Some(sub.into()), ..self.clone() }
    }

    /// Whether the whole text is this schema URN: `urn:…:2.0:User` reads as URN and name `User`, yet the only
    /// useful meaning of a known schema's URI is the schema itself.
    pub fn is_urn(&self, urn: &str) -> bool {
        match (&self.urn, &self.sub) {
            (None, _) => false,
            (Some(prefix), None) if self.name.is_empty() => prefix.eq_ignore_ascii_case(urn),
            _ => self.to_string().eq_ignore_ascii_case(urn),
        }
    }
}

impl fmt::Display for AttributePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(urn) = &self.urn {
            f.write_str(urn)?;
            if self.name.is_empty() {
                return Ok(());
            }
            f.write_str(":")?;
        }
        f.write_str(&self.name)?;
        match &self.sub {
            Some(sub) => write!(f, ".{sub}"),
            None => Ok(()),
        }
    }
}

impl FromStr for AttributePath {
    /// What is wrong with the text, for the caller's error.
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (urn, rest) = match text.rfind(':') {
            Some(colon) => (Some(&text[..colon]), &text[colon + 1..]),
            None => (None, text),
        };
        if let Some(urn) = urn
            && !is_urn(urn)
        {
            return Err(format!("'{urn}' is no schema URN"));
        }
        let (name, sub) = match rest.split_once('.') {
            Some((name, sub)) => (name, Some(sub)),
            None => (rest, None),
        };
        match [Some(name), sub].into_iter().flatten().find(|part| !is_name(part)) {
            None => Ok(Self { urn: urn.map(str::to_owned), name: name.to_owned(), sub: sub.map(str::to_owned) }),
            // A URN need not end in something that looks like a name: the whole text then names a schema.
            Some(_) if urn.is_some() && is_urn(text) => {
                Ok(Self { urn: Some(text.to_owned()), name: String::new(), sub: None })
            }
            Some("") => Err(format!("'{text}' lacks an attribute name")),
            Some(part) => Err(format!("'{part}' is no attribute name")),
        }
    }
}

/// RFC 7643 §2.1, and `$` for `$ref` (§2.4), which the grammar there forgot.
pub fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'$')
        && bytes.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'$'))
}

/// RFC 8141 without its finer points: `urn`, a namespace and something specific, of characters that no filter or
/// path gives another meaning.
fn is_urn(text: &str) -> bool {
    let mut parts = text.splitn(3, ':');
    parts.next().is_some_and(|scheme| scheme.eq_ignore_ascii_case("urn"))
        && parts.next().is_some_and(|nid| !nid.is_empty())
        && parts.next().is_some_and(|nss| !nss.is_empty())
        && text.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'(' | b')' | b'[' | b']' | b','))
        && !text.ends_with(':')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn path(urn: Option<&str>, name: &str, sub: Option<&str>) -> AttributePath {
        AttributePath { urn: urn.map(Into::into), name: name.into(), sub: sub.map(Into::into) }
    }

    #[test]
    fn reads_what_the_grammar_allows() {
        let user = "urn:ietf:params:scim:schemas:core:2.0:User";
        let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
        for (text, expected) in [
            ("userName", path(None, "userName", None)),
            ("NAME.familyName", path(None, "NAME", Some("familyName"))),
            ("members.$ref", path(None, "members", Some("$ref"))),
            ("x-y_z1", path(None, "x-y_z1", None)),
            (&format!("{user}:userName"), path(Some(user), "userName", None)),
            (&format!("{enterprise}:manager.displayName"), path(Some(enterprise), "manager", Some("displayName"))),
            (enterprise, path(Some("urn:ietf:params:scim:schemas:extension:enterprise:2.0"), "User", None)),
            ("URN:Example:2.0:User:a.b", path(Some("URN:Example:2.0:User"), "a", Some("b"))),
            ("urn:example:ext:1.0", path(Some("urn:example:ext:1.0"), "", None)),
        ] {
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
        assert!(enterprise.parse::<AttributePath>().is_ok_and(|p| p.is_urn(&enterprise.to_uppercase())));
        assert!("urn:example:ext:1.0".parse::<AttributePath>().is_ok_and(|p| p.is_urn("urn:example:ext:1.0")));
    }

    #[test]
    fn refuses_the_rest() {
        for text in [
            "",
            ".",
            "a.",
            ".b",
            "a.b.c",
            "1st",
            "a b",
            "emails[0]",
            "/emails/0",
            "a:b",
            ":a",
            "urn:a",
            "urn:",
            "urn::x:a",
            "naïve",
            "a\"",
            "a,b",
        ] {
            assert!(text.parse::<AttributePath>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn printing_gives_the_path_back(
            urn in proptest::option::of("urn:[a-z]{2,5}(:[a-zA-Z0-9.]{1,6}){1,3}"),
            name in "[a-zA-Z$][a-zA-Z0-9_$-]{0,8}",
            sub in proptest::option::of("[a-zA-Z$][a-zA-Z0-9_$-]{0,8}"),
        ) {
            let path = AttributePath { urn, name, sub };
            prop_assert_eq!(path.to_string().parse(), Ok(path));
        }

        #[test]
        fn what_parses_prints_as_it_was_written(text in "\\PC{0,20}|urn:[a-z:.0-9]{0,20}|[a-z.]{0,6}") {
            if let Ok(path) = text.parse::<AttributePath>() {
                prop_assert_eq!(path.to_string(), text);
            }
        }
    }
}
