//! API tokens: what they look like, what they may do, how one is recognised.
//!
//! `rk_scim_` says what it is for, 43 letters and digits are 32 random bytes, 6 more are a checksum:
//!
//! - People and secret scanners recognise a token that has leaked by
//!   `rk_(scim|read|admin|jit|events|me|inv)_[0-9A-Za-z]{49}` and, by the checksum, know it from a look-alike without
//!   asking anybody. The checksum is CRC-32: it proves nothing, it only catches typing errors and spares the database a
//!   look-up for garbage.
//! - Only the SHA-256 of a token is stored. A slow hash protects secrets that people choose; 256 random bits cannot be
//!   guessed from a fast one, and it is computed on every request.

use std::fmt;
use std::str::FromStr;

use serde_with::{DeserializeFromStr, SerializeDisplay};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::clock::Ids;

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// 62⁴³ > 2²⁵⁶ and 62⁶ > 2³².
const SECRET: usize = 43;
const CHECKSUM: usize = 6;

/// What a token may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, SerializeDisplay, DeserializeFromStr)]
pub enum Scope {
    /// Push: read and write the words of one connection.
    Scim,
    /// Read the effective view over SCIM.
    ScimRead,
    Admin,
    /// Present evidence of a sign-in.
    JitLogin,
    /// Read the feed of events.
    EventsRead,
    /// Read and write one's own user at `/Me`, and nothing else.
    Me,
}

impl Scope {
    pub const ALL: [Scope; 6] = [Self::Scim, Self::ScimRead, Self::Admin, Self::JitLogin, Self::EventsRead, Self::Me];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scim => "scim",
            Self::ScimRead => "scim.read",
            Self::Admin => "admin",
            Self::JitLogin => "jit.login",
            Self::EventsRead => "events.read",
            Self::Me => "me",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|scope| scope.as_str() == text)
            .ok_or_else(|| format!("{text:?} is not a scope; there are {}", Self::ALL.map(Self::as_str).join(", ")))
    }
}

/// What a token is for: calls of the API, or the acceptance of one invitation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    Api(Scope),
    Invitation,
}

impl Kind {
    const ALL: [Kind; 7] = [
        Self::Api(Scope::Scim),
        Self::Api(Scope::ScimRead),
        Self::Api(Scope::Admin),
        Self::Api(Scope::JitLogin),
        Self::Api(Scope::EventsRead),
        Self::Api(Scope::Me),
        Self::Invitation,
    ];

    fn prefix(self) -> &'static str {
        match self {
            Self::Api(Scope::Scim) => "rk_scim_",
            Self::Api(Scope::ScimRead) => "rk_read_",
            Self::Api(Scope::Admin) => "rk_admin_",
            Self::Api(Scope::JitLogin) => "rk_jit_",
            Self::Api(Scope::EventsRead) => "rk_events_",
            Self::Api(Scope::Me) => "rk_me_",
            Self::Invitation => "rk_inv_",
        }
    }
}

/// A well-formed token. Not printed by `Debug`; [`Token::reveal`] is for showing it once to whoever asked for it.
///
/// ```
/// use rollkeeper::{auth::token::{Kind, Scope, Token}, clock::Ids};
/// let token = Token::generate(Kind::Api(Scope::Scim), &Ids::system());
/// assert!(token.reveal().starts_with("rk_scim_"));
/// assert_eq!(Token::parse(token.reveal()).unwrap().hash(), token.hash());
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    pub kind: Kind,
    text: String,
}

/// The text is no token: wrong prefix, length, letters or checksum. Which of them is nobody's business.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not a token of this server")]
pub struct NotAToken;

impl Token {
    pub fn generate(kind: Kind, ids: &Ids) -> Self {
        let mut text = kind.prefix().to_owned();
        text.push_str(&base62(&ids.bytes::<32>(), SECRET));
        let checksum = checksum(&text);
        text.push_str(&checksum);
        Self { kind, text }
    }

    /// Judges form and checksum, without any look-up.
    pub fn parse(text: &str) -> Result<Self, NotAToken> {
        let known = |kind: &Kind| text.starts_with(kind.prefix());
        let kind = Kind::ALL.into_iter().find(known).ok_or(NotAToken)?;
        let rest = text.strip_prefix(kind.prefix()).ok_or(NotAToken)?;
        if rest.len() != SECRET + CHECKSUM || !rest.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(NotAToken);
        }
        let (body, claimed) = text.split_at(text.len() - CHECKSUM);
        if checksum(body) != claimed {
            return Err(NotAToken);
        }
        Ok(Self { kind, text: text.to_owned() })
    }

    /// The secret itself.
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// What is stored and looked up.
    pub fn hash(&self) -> [u8; 32] {
        hash(&self.text)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}…", self.kind.prefix())
    }
}

/// SHA-256 of a high-entropy secret.
pub fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret).into()
}

/// Compares secrets or their hashes in a time that depends on the lengths alone.
pub fn same(a: impl AsRef<[u8]>, b: impl AsRef<[u8]>) -> bool {
    a.as_ref().ct_eq(b.as_ref()).into()
}

/// The token in the value of an `Authorization` header: `Bearer x` (RFC 6750 §2.1; the scheme in any case, RFC 9110
/// §11.1), or the bare token, which is what Okta's *HTTP Header* mode sends.
///
/// ```
/// use rollkeeper::auth::token::credentials;
/// assert_eq!(credentials("Bearer rk_scim_x"), Some("rk_scim_x"));
/// assert_eq!(credentials("rk_scim_x"), Some("rk_scim_x"));
/// assert_eq!(credentials("Basic dXNlcjpwYXNz"), None);
/// ```
pub fn credentials(header: &str) -> Option<&str> {
    let header = header.trim_matches([' ', '\t']);
    let token = match header.split_once([' ', '\t']) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim_start_matches([' ', '\t']),
        Some(_) => return None,
        None => header,
    };
    (token.starts_with("rk_") && !token.contains([' ', '\t', ','])).then_some(token)
}

/// The CRC-32 of the text before it, in six digits of base 62.
fn checksum(text: &str) -> String {
    base62(&crc32(text.as_bytes()).to_be_bytes(), CHECKSUM)
}

/// The CRC-32 of IEEE 802.3, as zip and PNG use it.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 };
    !bytes.iter().fold(u32::MAX, |crc, &byte| (0..8).fold(crc ^ u32::from(byte), step))
}

/// A big-endian number in base 62, with leading zeros to `length`: repeated long division.
fn base62(number: &[u8], length: usize) -> String {
    let mut number = number.to_vec();
    let mut digits = vec![b'0'; length];
    for digit in digits.iter_mut().rev() {
        let mut remainder = 0_u32;
        for byte in &mut number {
            let dividend = (remainder << 8) | u32::from(*byte);
            // The remainder is below 62, so the quotient is below 256.
            *byte = (dividend / 62) as u8;
            remainder = dividend % 62;
        }
        *digit = DIGITS[remainder as usize];
    }
    digits.into_iter().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn crc32_of_the_check_text() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
        assert_eq!(crc32(b""), 0);
    }

    #[test]
    fn base62_is_positional() {
        assert_eq!(base62(&[0], 3), "000");
        assert_eq!(base62(&[61], 3), "00z");
        assert_eq!(base62(&[62], 3), "010");
        assert_eq!(base62(&[0x0F, 0x04], 3), "100");
        assert_eq!(base62(&u32::MAX.to_be_bytes(), 6), "4gfFC3");
        assert_eq!(base62(&[0xFF; 32], SECRET).len(), SECRET);
        assert_ne!(base62(&[0xFF; 32], SECRET), base62(&[0x7F; 32], SECRET));
    }

    #[test]
    fn every_kind_reads_back_and_looks_as_scanners_expect() {
        let ids = Ids::seeded(1);
        let scanner = regex::Regex::new("^rk_(scim|read|admin|jit|events|me|inv)_[0-9A-Za-z]{49}$").unwrap();
        for kind in Kind::ALL {
            let token = Token::generate(kind, &ids);
            assert!(scanner.is_match(token.reveal()), "{}", token.reveal());
            assert_eq!(Token::parse(token.reveal()).map(|t| t.kind), Ok(kind));
            assert!(!format!("{token:?}").contains(&token.reveal()[10..]));
        }
    }

    #[test]
    fn look_alikes_are_refused() {
        let good = Token::generate(Kind::Api(Scope::Scim), &Ids::seeded(1)).reveal().to_owned();
        let table = [
            String::new(),
            "rk_scim_".to_owned(),
            good[..good.len() - 1].to_owned(),
            format!("{good}0"),
            format!(" {good}"),
            format!("{good}\n"),
            good.replace("rk_scim_", "rk_admin_"),
            good.replace("rk_scim_", "RK_SCIM_"),
            good.replace("rk_scim_", "rk_other_"),
            format!("rk_scim_{}é", &good[8..good.len() - 2]),
        ];
        for text in table {
            assert_eq!(Token::parse(&text), Err(NotAToken), "{text:?}");
        }
    }

    #[test]
    fn scopes_read_back() {
        for scope in Scope::ALL {
            assert_eq!(scope.to_string().parse(), Ok(scope));
            assert_eq!(serde_json::to_value(scope).unwrap(), scope.as_str());
        }
        assert!("SCIM".parse::<Scope>().unwrap_err().contains("scim.read"));
    }

    #[test]
    fn authorization_headers() {
        let table = [
            ("Bearer rk_scim_x", Some("rk_scim_x")),
            ("bearer rk_scim_x", Some("rk_scim_x")),
            ("BEARER   rk_scim_x  ", Some("rk_scim_x")),
            ("Bearer\trk_scim_x", Some("rk_scim_x")),
            ("rk_scim_x", Some("rk_scim_x")),
            ("Bearer", None),
            ("Bearer ", None),
            ("Bearer eyJhbGciOi", None),
            ("Bearer rk_scim_x, Bearer rk_scim_y", None),
            ("Basic cmtfc2NpbV94", None),
            ("Token rk_scim_x", None),
            ("Bearerrk_scim_x", None),
            ("", None),
        ];
        for (header, token) in table {
            assert_eq!(credentials(header), token, "{header:?}");
        }
    }

    #[test]
    fn comparison() {
        assert!(same("abc", "abc") && !same("abc", "abd") && !same("abc", "ab") && same("", ""));
        assert!(same(hash("a"), hash("a")) && !same(hash("a"), hash("b")));
    }

    proptest! {
        #[test]
        fn any_text_is_judged(text in "\\PC{0,70}|rk_scim_[0-9A-Za-z]{49}") {
            prop_assert!(Token::parse(&text).is_err());
            let _ = credentials(&text);
        }

        #[test]
        fn one_wrong_letter_is_noticed(seed: u64, at in 8..57_usize, letter in 0..62_usize) {
            let good = Token::generate(Kind::Api(Scope::Scim), &Ids::seeded(seed)).reveal().to_owned();
            let mut bytes = good.clone().into_bytes();
            bytes[at] = DIGITS[letter];
            let bad = String::from_utf8(bytes).unwrap();
            prop_assert_eq!(Token::parse(&bad).is_ok(), bad == good);
        }
    }
}
