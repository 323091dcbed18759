//! Email addresses and domains as they are compared: the domain as an IDNA A-label, the local part in NFC with its
//! case folded. No plus or dot is stripped: whether `a+b@` and `a@` are one mailbox is for their own host to say.

use std::fmt;
use std::str::FromStr;

use icu_casemap::CaseMapper;
use serde_with::{DeserializeFromStr, SerializeDisplay};
use unicode_normalization::UnicodeNormalization;
use url::Host;

/// A domain name in its one compared form: `Bücher.example` is `xn--bcher-kva.example`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, SerializeDisplay, DeserializeFromStr)]
pub struct Domain(String);

impl Domain {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Domain {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match Host::parse(text) {
            Ok(Host::Domain(name)) if is_name(&name) => Ok(Self(name)),
            _ => Err(format!("{text:?} is not a domain name such as acme.com")),
        }
    }
}

/// RFC 1035 §2.3.1 with RFC 1123 §2.1: labels of letters, digits and inner hyphens, at least two of them.
fn is_name(name: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= 253 && name.contains('.') && name.split('.').all(label)
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An email address: as it was said, and as it is compared.
///
/// ```
/// use rollkeeper::jit::address::Address;
/// let address: Address = "José.Nuñez@BÜCHER.example".parse().unwrap();
/// assert_eq!(address.folded, "josé.nuñez@xn--bcher-kva.example");
/// assert_eq!(address.said, "José.Nuñez@BÜCHER.example");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    pub said: String,
    pub folded: String,
    pub domain: Domain,
}

impl Address {
    /// What stands before the `@`, folded.
    pub fn local(&self) -> &str {
        self.folded.rsplit_once('@').map_or("", |(local, _)| local)
    }
}

impl FromStr for Address {
    type Err = String;

    /// RFC 5321 §4.5.3.1 for the lengths. Quoted local parts are refused: nothing that signs in here uses them, and
    /// `"a@b"@c` is a trap for whoever splits at the wrong sign.
    fn from_str(text: &str) -> Result<Self, String> {
        let said = text.trim();
        let refused = || "this is not an email address".to_owned();
        let (local, domain) = said.rsplit_once('@').ok_or_else(refused)?;
        let allowed =
            |c: char| !c.is_control() && !c.is_whitespace() && !matches!(c, '@' | '"' | '<' | '>' | ',' | ';');
        if local.is_empty() || local.len() > 64 || said.len() > 254 || !local.chars().all(allowed) {
            return Err(refused());
        }
        let domain: Domain = domain.parse().map_err(|_| refused())?;
        Ok(Self { said: said.to_owned(), folded: format!("{}@{domain}", fold(local)), domain })
    }
}

fn fold(text: &str) -> String {
    let composed: String = text.nfc().collect();
    CaseMapper::new().fold_string(&composed).nfc().collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses() {
        let table = [
            ("bjensen@acme.com", Some("bjensen@acme.com")),
            ("  BJensen@ACME.com ", Some("bjensen@acme.com")),
            ("b+tag@acme.com", Some("b+tag@acme.com")),
            ("b.j@acme.com", Some("b.j@acme.com")),
            ("Straße@acme.com", Some("strasse@acme.com")),
            // The same letter composed and decomposed.
            ("jose\u{301}@acme.com", Some("jos\u{e9}@acme.com")),
            ("a@Bücher.example", Some("a@xn--bcher-kva.example")),
            ("a@xn--bcher-kva.EXAMPLE", Some("a@xn--bcher-kva.example")),
            ("a@ａｃｍｅ.com", Some("a@acme.com")),
            ("acme.com", None),
            ("@acme.com", None),
            ("a@", None),
            ("a@b@acme.com", None),
            ("\"a@b\"@acme.com", None),
            ("a b@acme.com", None),
            ("a\u{0}@acme.com", None),
            ("a@[127.0.0.1]", None),
            ("a@127.0.0.1", None),
            ("a@2130706433", None),
            ("a@localhost", None),
            ("a@-acme.com", None),
            ("a@acme..com", None),
            ("a@acme.com.", None),
            ("a@acme_x.com", None),
            ("Bob <bob@acme.com>", None),
            ("", None),
        ];
        for (said, folded) in table {
            let read = said.parse::<Address>();
            assert_eq!(read.as_ref().ok().map(|a| a.folded.as_str()), folded, "{said:?}: {read:?}");
        }
        assert!(format!("{}@acme.com", "a".repeat(64)).parse::<Address>().is_ok());
        assert!(format!("{}@acme.com", "a".repeat(65)).parse::<Address>().is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_judged_and_folding_twice_changes_nothing(text in ".{0,40}@[a-zA-Zé.]{1,20}|\\PC{0,60}") {
            if let Ok(address) = text.parse::<Address>() {
                prop_assert_eq!(fold(address.local()), address.local());
            }
        }
    }
}
