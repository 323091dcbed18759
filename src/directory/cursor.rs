//! Cursors (RFC 9865): where the next page begins, sealed so that only this server can read or make one.
//!
//! Nothing is stored. A cursor holds the position behind the last resource of a page, which may be somebody's name, and
//! cursors stand in URLs and their logs: so it is encrypted, and authenticated, with a key of the tenant. What the cursor
//! belongs to (endpoint, connection, filter, order) is authenticated with it, so that a cursor of another query, of another
//! connection or tenant, and a forged one are all the same: no cursor of this query (RFC 9865 §5.2).

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::clock::Ids;
use crate::scim;
use crate::store::search::{Position, SortKey};
use crate::store::tenants::Tenant;

use super::Result;
use super::work::corrupt;

/// A cursor is a key of at most 900 bytes and an id, sealed and in base64; a text much longer than that is none.
const LONGEST: usize = 4096;

/// How a client pages by cursor.
#[derive(Clone, Debug)]
pub struct ByCursor {
    /// `None` asks for the first page.
    pub cursor: Option<String>,
    /// As the client says, within the server's limits; `None`: as on the page before, or the server's choice.
    pub count: Option<i64>,
    /// The server's choice, and its limit.
    pub limits: Limits,
}

/// How long pages may be, and how long cursors live: settings of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Without `count`.
    pub default_count: i64,
    /// Whatever `count` says.
    pub max_count: i64,
    /// Milliseconds from one page to the request for the next.
    pub cursor_lifetime: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { default_count: 100, max_count: 1000, cursor_lifetime: 3_600_000 }
    }
}

/// Where a page begins, and how long it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Start {
    pub position: Option<Position>,
    pub count: i64,
}

/// Seals and opens the cursors of one query.
pub(super) struct Seal {
    key: LessSafeKey,
    about: Vec<u8>,
}

impl Seal {
    /// `about` names all that a cursor is bound to.
    pub fn new<T: serde::Serialize>(tenant: &Tenant, about: &T) -> Result<Self> {
        let mut derive = Hmac::<Sha256>::new_from_slice(&tenant.key).map_err(|e| corrupt("tenant", e))?;
        derive.update(b"cursor");
        let key = UnboundKey::new(&AES_256_GCM_SIV, &derive.finalize().into_bytes())
            .map_err(|_| corrupt("tenant", "its key is of no use"))?;
        let about = serde_json::to_vec(&(&tenant.id, about)).map_err(|e| corrupt("tenant", e))?;
        Ok(Self { key: LessSafeKey::new(key), about })
    }

    /// The cursor that leads on from `last`.
    pub fn seal(&self, ids: &Ids, now: i64, count: i64, last: &Position) -> Result<String> {
        let unsealed = |e: &dyn std::fmt::Display| corrupt("cursor", e);
        let nonce: [u8; NONCE_LEN] = ids.bytes();
        let mut sealed = serde_json::to_vec(&(now, count, &last.key, &last.id)).map_err(|e| unsealed(&e))?;
        self.key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(&self.about), &mut sealed)
            .map_err(|e| unsealed(&e))?;
        Ok(BASE64_URL_SAFE_NO_PAD.encode([nonce.as_slice(), &sealed].concat()))
    }

    /// Where the page begins that the client asks for.
    pub fn start(&self, now: i64, asked: &ByCursor) -> Result<Start> {
        let limits = &asked.limits;
        let Some(cursor) = &asked.cursor else {
            return Ok(Start {
                position: None,
                count: asked.count.unwrap_or(limits.default_count).min(limits.max_count),
            });
        };
        let (sealed_at, count, position) = self.open(cursor).ok_or_else(|| {
            scim::Error::invalid_cursor(
                "this is no cursor of this query: repeat the query that gave it with all its parameters, or start again with an empty cursor",
            )
        })?;
        if now.saturating_sub(sealed_at) > limits.cursor_lifetime {
            return Err(scim::Error::expired_cursor(format!(
                "this cursor is older than {} seconds: start again with an empty cursor",
                limits.cursor_lifetime / 1000
            ))
            .into());
        }
        // The limit may have been lowered since.
        let count = count.min(limits.max_count);
        if asked.count.is_some_and(|asked| asked != count) {
            return Err(scim::Error::invalid_count(format!(
                "the first page was asked for with a count of {count}: repeat it, or leave it out"
            ))
            .into());
        }
        Ok(Start { position: Some(position), count })
    }

    fn open(&self, cursor: &str) -> Option<(i64, i64, Position)> {
        if cursor.len() > LONGEST {
            return None;
        }
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_LEN>()?;
        let mut sealed = sealed.to_vec();
        let opened =
            self.key.open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(&self.about), &mut sealed).ok()?;
        let (sealed_at, count, key, id): (i64, i64, Option<SortKey>, String) = serde_json::from_slice(opened).ok()?;
        Some((sealed_at, count, Position { key, id }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::Error;
    use crate::scim::ScimType;

    fn tenant(id: &str, key: u8) -> Tenant {
        Tenant {
            id: id.into(),
            name: id.into(),
            kind: "directory".into(),
            key: vec![key; 32],
            created: 0,
            schema_version: 0,
        }
    }

    fn seal(about: &str) -> Seal {
        Seal::new(&tenant("acme", 1), &about).unwrap()
    }

    fn asking(cursor: &str, count: Option<i64>) -> ByCursor {
        ByCursor { cursor: Some(cursor.to_owned()), count, limits: Limits::default() }
    }

    fn refusal(answer: Result<Start>) -> Option<ScimType> {
        match answer {
            Err(Error::Scim(error)) => error.scim_type,
            other => panic!("{other:?}"),
        }
    }

    fn last() -> Position {
        Position { key: Some(SortKey::Text("ada@acme.example".into())), id: "42".into() }
    }

    #[test]
    fn a_cursor_opens_as_it_was_sealed_and_says_nothing() {
        let ids = Ids::seeded(1);
        for position in [
            last(),
            Position { key: None, id: "7".into() },
            Position { key: Some(SortKey::Number(-3)), id: "7".into() },
            Position { key: Some(SortKey::Text("é".repeat(450))), id: "\u{10ffff}".into() },
        ] {
            let cursor = seal("q").seal(&ids, 1_000, 7, &position).unwrap();
            assert!(cursor.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{cursor}");
            assert!(cursor.len() < LONGEST && !cursor.contains("acme"));
            let start = Start { position: Some(position), count: 7 };
            assert_eq!(seal("q").start(2_000, &asking(&cursor, None)).unwrap(), start);
            assert_eq!(seal("q").start(2_000, &asking(&cursor, Some(7))).unwrap(), start);
        }
    }

    #[test]
    fn every_other_text_is_no_cursor() {
        let cursor = seal("q").seal(&Ids::seeded(1), 1_000, 7, &last()).unwrap();
        for at in 0..cursor.len() {
            let mut forged = cursor.clone().into_bytes();
            forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(forged).unwrap();
            assert_eq!(refusal(seal("q").start(2_000, &asking(&forged, None))), Some(ScimType::InvalidCursor), "{at}");
        }
        let others = [
            Seal::new(&tenant("acme", 1), &"other query").unwrap(),
            Seal::new(&tenant("other", 1), &"q").unwrap(),
            Seal::new(&tenant("acme", 2), &"q").unwrap(),
        ];
        for other in others {
            assert_eq!(refusal(other.start(2_000, &asking(&cursor, None))), Some(ScimType::InvalidCursor));
        }
        for text in ["abc", "=", "0", &cursor[1..], &format!("{cursor}="), &"A".repeat(100_000)] {
            assert_eq!(refusal(seal("q").start(2_000, &asking(text, None))), Some(ScimType::InvalidCursor), "{text}");
        }
    }

    #[test]
    fn it_lives_for_a_while_and_keeps_its_count() {
        let cursor = seal("q").seal(&Ids::seeded(1), 1_000, 700, &last()).unwrap();
        let start = |now, count| seal("q").start(now, &asking(&cursor, count));
        assert!(start(1_000 + 3_600_000, None).is_ok());
        assert_eq!(refusal(start(1_001 + 3_600_000, None)), Some(ScimType::ExpiredCursor));
        assert_eq!(refusal(start(2_000, Some(8))), Some(ScimType::InvalidCount));
        assert_eq!(refusal(start(2_000, Some(0))), Some(ScimType::InvalidCount));
        let lowered = Limits { max_count: 500, ..Limits::default() };
        let asked = ByCursor { limits: lowered, ..asking(&cursor, Some(500)) };
        assert_eq!(seal("q").start(2_000, &asked).unwrap().count, 500);
    }
}
