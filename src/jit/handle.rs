//! The generated handle of a person: readable, short, and the same every time.
//!
//! A handle is a pure function of the tenant's key, the connection, the subject, what the person is called and which
//! handles are taken. The suffix is an HMAC, not a counter, so that it tells nobody how many namesakes there are.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::claims::Claims;

const SHORTEST: usize = 3;
const LONGEST: usize = 32;
/// Lengths of the suffix, tried in this order; the last one is not expected to be needed in the life of a tenant.
const SUFFIXES: [usize; 3] = [4, 8, 16];
/// Names that would be taken for the service itself, for a path, or for a role.
const RESERVED: [&str; 44] = [
    "about",
    "abuse",
    "account",
    "accounts",
    "admin",
    "administrator",
    "all",
    "anonymous",
    "api",
    "auth",
    "billing",
    "bot",
    "console",
    "everyone",
    "guest",
    "help",
    "here",
    "hostmaster",
    "info",
    "jit",
    "login",
    "logout",
    "mail",
    "me",
    "none",
    "noreply",
    "null",
    "official",
    "owner",
    "postmaster",
    "root",
    "scim",
    "security",
    "self",
    "settings",
    "sso",
    "staff",
    "support",
    "system",
    "team",
    "undefined",
    "user",
    "users",
    "webmaster",
];

/// The handles to try in this order; the first that is free is the person's.
///
/// ```
/// use rollkeeper::jit::handle;
/// let tried = handle::candidates(b"tenant key", "con_1", "00u1", "Bárbara Jensen");
/// assert_eq!(tried[0], "barbara.jensen");
/// assert!(tried[1].starts_with("barbara.jensen-") && tried[1].len() == "barbara.jensen-".len() + 4);
/// ```
pub fn candidates(tenant_key: &[u8], connection: &str, subject: &str, called: &str) -> Vec<String> {
    let base = reduced(called);
    let usable = base.len() >= SHORTEST && !RESERVED.contains(&base.as_str());
    let digest = suffix(tenant_key, connection, subject);
    let stem = if base.is_empty() { "user" } else { base.as_str() };
    let suffixed = SUFFIXES.iter().map(|&length| {
        let room = LONGEST - 1 - length;
        let stem = stem[..stem.len().min(room)].trim_end_matches(['.', '_', '-']);
        format!("{stem}-{}", &digest[..length])
    });
    usable.then(|| base.clone()).into_iter().chain(suffixed).collect()
}

/// The handle with digits after it, as Docker's are: four at first, more of them the more often all were taken. `random`
/// is drawn by the caller.
pub fn with_digits(called: &str, random: u64, draw: u32) -> String {
    let length = (4 + draw / 4).min(12);
    let digits = random % 10_u64.pow(length);
    let base = reduced(called);
    let stem = if base.is_empty() { "user" } else { base.as_str() };
    let room = LONGEST - length as usize;
    let stem = stem[..stem.len().min(room)].trim_end_matches(['.', '_', '-']);
    format!("{stem}{digits:0width$}", width = length as usize)
}

/// Whether a candidate is what the person is called, with nothing after it.
pub fn is_plain(candidate: &str, called: &str) -> bool {
    candidate == reduced(called)
}

/// What a person is called, for the handle: the local part of the address, else given and family name, else the name,
/// else the user name.
pub fn called(claims: &Claims) -> String {
    let names = [claims.given_name.as_deref(), claims.family_name.as_deref()];
    let full = names.iter().flatten().copied().collect::<Vec<_>>().join(" ");
    let user_name = claims.user_name.as_deref().map(|name| name.split('@').next().unwrap_or(name));
    [claims.email.as_ref().map(|email| email.address.local()), Some(full.as_str()), claims.name.as_deref(), user_name]
        .into_iter()
        .flatten()
        .find(|text| reduced(text).len() >= SHORTEST)
        .unwrap_or_default()
        .to_owned()
}

/// NFKC, lower case, marks off their letters, then only `[a-z0-9._-]`: blanks become dots, runs of separators one, none
/// at either end, at most 32 bytes.
fn reduced(text: &str) -> String {
    let lower = text.nfkc().collect::<String>().to_lowercase();
    let mut out = String::new();
    for c in lower.nfd().filter(|c| !is_combining_mark(*c)) {
        let (c, separator) = match c {
            'a'..='z' | '0'..='9' => (c, false),
            '.' | '_' | '-' => (c, true),
            c if c.is_whitespace() => ('.', true),
            'ß' => {
                out.push('s');
                ('s', false)
            }
            'ø' => ('o', false),
            'ł' => ('l', false),
            'ı' => ('i', false),
            _ => continue,
        };
        if !(separator && (out.is_empty() || out.ends_with(['.', '_', '-']))) {
            out.push(c);
        }
        if out.len() >= LONGEST {
            break;
        }
    }
    out.truncate(LONGEST);
    out.trim_end_matches(['.', '_', '-']).to_owned()
}

/// HMAC-SHA-256 over connection and subject in RFC 4648 §6 base32, lower case. A zero byte stands between them: our
/// ids hold none, so no two pairs read alike.
fn suffix(tenant_key: &[u8], connection: &str, subject: &str) -> String {
    // HMAC takes keys of any length (RFC 2104 §3).
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(tenant_key) else { return "a".repeat(52) };
    mac.update(connection.as_bytes());
    mac.update(&[0]);
    mac.update(subject.as_bytes());
    base32(&mac.finalize().into_bytes())
}

fn base32(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let (mut out, mut buffer, mut bits) = (String::new(), 0_u32, 0);
    for &byte in bytes {
        buffer = (buffer << 8) | u32::from(byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            out.push(char::from(LETTERS[(buffer >> bits) as usize & 31]));
        }
        buffer &= (1 << bits) - 1;
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_people_are_called() {
        let table = [
            ("bjensen", "bjensen"),
            ("Barbara Jensen", "barbara.jensen"),
            ("José  Núñez", "jose.nunez"),
            ("Straße", "strasse"),
            ("Łukasz Øre", "lukasz.ore"),
            ("ＦＵＬＬ ｗｉｄｔｈ", "full.width"),
            ("ﬁona", "fiona"),
            ("b+tag", "btag"),
            ("..a..b--c__", "a.b-c"),
            ("İstanbul", "istanbul"),
            ("山田太郎", ""),
            ("../../etc", "etc"),
            ("<script>", "script"),
            ("abcdefghijklmnopqrstuvwxyz-0123-4567", "abcdefghijklmnopqrstuvwxyz-0123"),
        ];
        for (said, handle) in table {
            assert_eq!(reduced(said), handle, "{said}");
        }
    }

    #[test]
    fn short_and_reserved_names_get_a_suffix_at_once() {
        for said in ["ab", "admin", "ROOT", "山田", ""] {
            let tried = candidates(b"key", "k", "s", said);
            assert_eq!(tried.len(), 3, "{said}: {tried:?}");
            assert!(tried[0].contains('-'));
        }
        assert!(candidates(b"key", "k", "s", "山田")[0].starts_with("user-"));
        assert!(RESERVED.is_sorted());
    }

    #[test]
    fn digits_follow_the_name() {
        for (called, random, draw, expected) in [
            ("Ana Alvarez", 42, 0, "ana.alvarez0042"),
            ("Ana Alvarez", 123_456, 3, "ana.alvarez3456"),
            ("Ana Alvarez", 123_456, 4, "ana.alvarez23456"),
            ("山田", 7, 0, "user0007"),
            ("abcdefghijklmnopqrstuvwxyzabcdefgh", 1, 0, "abcdefghijklmnopqrstuvwxyzab0001"),
        ] {
            let handle = with_digits(called, random, draw);
            assert!(handle.len() <= LONGEST && handle.ends_with(|c: char| c.is_ascii_digit()), "{handle}");
            assert_eq!(handle, expected);
        }
        assert!(is_plain("ana.alvarez", "Ana Alvarez") && !is_plain("ana.alvarez-ab12", "Ana Alvarez"));
    }

    #[test]
    fn base32_as_rfc_4648_section_10_has_it() {
        for (bytes, text) in [("f", "my"), ("foobar", "mzxw6ytboi"), ("fooba", "mzxw6ytb")] {
            assert!(text.starts_with(&base32(bytes.as_bytes())), "{bytes}");
        }
    }

    #[test]
    fn the_suffix_depends_on_key_connection_and_subject_and_on_nothing_else() {
        let first =
            |key: &[u8], connection: &str, subject: &str| candidates(key, connection, subject, "sam")[1].clone();
        let same = first(b"key", "k", "s");
        assert_eq!(same, first(b"key", "k", "s"));
        for other in
            [first(b"yek", "k", "s"), first(b"key", "l", "s"), first(b"key", "k", "t"), first(b"key", "ks", "")]
        {
            assert_ne!(same, other);
        }
    }

    proptest! {
        #[test]
        fn every_candidate_is_a_handle(called in "\\PC{0,60}", connection in "\\PC{0,10}", subject in "\\PC{0,60}") {
            for handle in candidates(b"0123456789abcdef0123456789abcdef", &connection, &subject, &called) {
                prop_assert!((SHORTEST..=LONGEST).contains(&handle.len()), "{handle}");
                let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b);
                prop_assert!(handle.bytes().all(allowed), "{handle}");
                prop_assert!(handle.starts_with(|c: char| c.is_ascii_alphanumeric()), "{handle}");
                prop_assert!(!RESERVED.contains(&handle.as_str()));
            }
        }
    }
}
