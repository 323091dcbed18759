//! Passwords that clients set (RFC 7643 §4.1.1, §9.2): prepared, judged and hashed before a transaction opens, kept beside
//! the document, and shown to nobody.
//!
//! Nobody signs in with them here: IdPs send them, and whoever moves people to another product may take the hashes along.
//! A password has one owner: the push of the home connection once it has set one, else what an administrator entered.
//! Every source keeps its own word, as with all registers.

use std::fmt;
use std::sync::Arc;

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde_json::Value;
use tokio::sync::Semaphore;

use crate::clock::Ids;
use crate::reconcile::Source;
use crate::scim::document::Document;
use crate::scim::key::Entry;
use crate::scim::{self, key};
use crate::store::people::Account;
use crate::store::{self, credentials};

use super::{Error, Result, Work};

/// What a password must be like, in characters after preparation. NIST SP 800-63B §3.1.1.2 asks for a length and nothing
/// else; the upper bound keeps hashing cheap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PasswordPolicy {
    pub shortest: usize,
    pub longest: usize,
}

impl Default for PasswordPolicy {
    fn default() -> Self {
        Self { shortest: 8, longest: 256 }
    }
}

/// OWASP Password Storage Cheat Sheet: Argon2id with 19 MiB, two passes and one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Hashes, a few at a time: each takes 19 MiB and a core for a while.
#[derive(Clone, Debug)]
pub(crate) struct Passwords {
    policy: PasswordPolicy,
    room: Arc<Semaphore>,
}

/// A hash in the PHC string format. It prints as nothing.
#[derive(Clone)]
pub(crate) struct Hashed(String);

impl fmt::Debug for Hashed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hashed(…)")
    }
}

/// What a request says of the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PasswordWord {
    Kept,
    Cleared,
    Set,
}

impl PasswordWord {
    /// Takes the password out of a document that may hold the one that is sent, or [`THERE`] for the one that is stored.
    pub fn taken_from(document: &mut Document) -> Self {
        match document.0.shift_remove(PASSWORD) {
            Some(Value::String(_)) => Self::Set,
            Some(_) => Self::Kept,
            None => Self::Cleared,
        }
    }

    /// Nothing is cleared where there was nothing.
    fn of_one_that(self, was_there: bool) -> Self {
        if self == Self::Cleared && !was_there { Self::Kept } else { self }
    }
}

/// Stands in a document for the password that is stored, while a change is judged: no text can be taken for it.
const THERE: Value = Value::Bool(true);
const PASSWORD: &str = "password";

/// Marks in a document that its source has a password.
pub(crate) fn mark_password(document: &mut Document, account: &Account, connection: Option<&str>) {
    if account.passwords.contains(&source_of(connection)) {
        document.0.insert(PASSWORD.to_owned(), THERE);
    }
}

impl Passwords {
    pub fn new(policy: PasswordPolicy) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self { policy, room: Arc::new(Semaphore::new(cores.div_ceil(2))) }
    }

    /// In the order of RFC 7643 §4.1.1: prepared, judged, hashed.
    pub async fn hash(&self, ids: &Ids, password: Option<String>) -> Result<Option<Hashed>> {
        let Some(password) = password else { return Ok(None) };
        let prepared = self.policy.judged(&password)?;
        let salt = ids.bytes::<16>();
        let permit = self.room.clone().acquire_owned().await.map_err(|_| Error::Busy)?;
        let hashing = tokio::task::spawn_blocking(move || {
            let hash = hash(&prepared, &salt);
            drop(permit);
            hash
        });
        hashing.await.map_err(|_| Error::Busy)?.map(Some)
    }
}

impl PasswordPolicy {
    fn judged(self, password: &str) -> Result<String> {
        let refused = |why: String| Err(scim::Error::invalid_value(why).into());
        let Some(prepared) = key::password(password) else {
            return refused("password: it is empty or holds characters that no password can have (RFC 8265 §4)".into());
        };
        let length = prepared.chars().count();
        if length < self.shortest {
            return refused(format!("password: it has fewer than {} characters", self.shortest));
        }
        if length > self.longest {
            return refused(format!("password: it has more than {} characters", self.longest));
        }
        Ok(prepared)
    }
}

fn hash(prepared: &str, salt: &[u8]) -> Result<Hashed> {
    let failed = |error: argon2::Error| Error::Store(store::Error::Setup(format!("argon2: {error}")));
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(failed)?;
    let mut output = [0; Params::DEFAULT_OUTPUT_LEN];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(prepared.as_bytes(), salt, &mut output)
        .map_err(failed)?;
    let (salt, output) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(output));
    Ok(Hashed(format!("$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}${salt}${output}")))
}

/// Whose word a password is.
pub(crate) fn source_of(connection: Option<&str>) -> String {
    connection.map_or_else(|| "entered".to_owned(), |id| Source::Push(id.to_owned()).to_string())
}

/// Whether the account has a password in the effective view: the home's, else one that was entered.
fn has_password(account: &Account, home: Option<&str>) -> bool {
    let has = |connection| account.passwords.contains(&source_of(connection));
    has(None) || home.is_some_and(|home| has(Some(home)))
}

/// The index row of a password, in the effective view or in that of one connection.
pub(crate) fn password_row(account: &Account, home: Option<&str>, view: Option<&str>) -> Option<Entry> {
    let is_there = match view {
        Some(_) => account.passwords.contains(&source_of(view)),
        None => has_password(account, home),
    };
    is_there.then(|| key::presence(PASSWORD.to_owned()))
}

/// Whether a connection's view of the account has rows of its own: its document differs, or there is a password in one
/// of the two views alone.
pub(crate) fn stands_apart(account: &Account, home: Option<&str>, connection: &str, same_document: bool) -> bool {
    let own = password_row(account, home, Some(connection)).is_some();
    !same_document || own != has_password(account, home)
}

impl Work<'_> {
    /// Writes what a push or an administrator says of the password. No version moves and no event is written: no
    /// representation changes, and whether the same password was set again is nobody's to know.
    pub(crate) async fn write_password(
        &mut self,
        account: &Account,
        connection: Option<&str>,
        word: PasswordWord,
        secret: Option<&Hashed>,
    ) -> Result<()> {
        let (id, source) = (account.person.id.as_str(), source_of(connection));
        match (word.of_one_that(account.passwords.contains(&source)), secret) {
            (PasswordWord::Kept, _) => return Ok(()),
            (PasswordWord::Cleared, _) => credentials::remove(&mut self.tx, id, &source).await?,
            (PasswordWord::Set, Some(Hashed(hash))) => {
                credentials::put(&mut self.tx, id, &source, hash, self.now).await?;
            }
            (PasswordWord::Set, None) => {
                return Err(scim::Error::invalid_value("password: send it as a text under its own name").into());
            }
        }
        // `password pr` is answered from the index.
        self.reindexed.insert(id.to_owned());
        self.touch(id).await
    }

    /// The same for somebody who was just created, restored or claimed.
    pub(crate) async fn first_password(
        &mut self,
        id: &str,
        connection: Option<&str>,
        word: PasswordWord,
        secret: Option<&Hashed>,
    ) -> Result<()> {
        if word != PasswordWord::Set {
            return Ok(());
        }
        match self.account(id).await? {
            Some(account) => self.write_password(&account, connection, word, secret).await,
            None => Ok(()),
        }
    }

    /// An administrator's word does not stand beside the push of the home connection (reconciliation: one owner).
    pub(crate) fn check_password_owner(&self, account: &Account, word: PasswordWord) -> Result<()> {
        let pushed = account.home.as_deref().filter(|home| account.passwords.contains(&source_of(Some(home))));
        match (word, pushed) {
            (PasswordWord::Set | PasswordWord::Cleared, Some(home)) => {
                let name = self.configuration.connection(home).map_or(home, |connected| connected.name.as_str());
                let detail = format!("password is kept by the push of connection {name}; change it there");
                Err(scim::Error::mutability(detail).into())
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_prepared_judged_and_hashed() {
        let passwords = Passwords::new(PasswordPolicy { shortest: 4, longest: 8 });
        let ids = Ids::seeded(1);
        let hash = |text: &str| {
            let (passwords, ids, text) = (passwords.clone(), ids.clone(), text.to_owned());
            async move { passwords.hash(&ids, Some(text)).await }
        };
        let Hashed(one) = hash("pässword").await.unwrap().unwrap();
        let Hashed(two) = hash("pässword").await.unwrap().unwrap();
        assert_ne!(one, two, "a salt of its own each time");
        assert!(one.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{one}");
        let (salt, output) = one.rsplit_once('$').unwrap();
        let salt = STANDARD_NO_PAD.decode(salt.rsplit_once('$').unwrap().1).unwrap();
        // Composed or not: the same password (RFC 8265 §4.2.2).
        let prepared = PasswordPolicy::default().judged("pa\u{308}ssword").unwrap();
        let Hashed(again) = super::hash(&prepared, &salt).unwrap();
        assert_eq!(again.rsplit_once('$').unwrap().1, output);
        // In another case: another one.
        let other = PasswordPolicy::default().judged("PÄSSWORD").unwrap();
        let Hashed(other) = super::hash(&other, &salt).unwrap();
        assert_ne!(other.rsplit_once('$').unwrap().1, output);
        assert_eq!(format!("{:?}", Hashed(again)), "Hashed(…)");
        for (text, reason) in
            [("abc", "fewer than 4"), ("ninechars", "more than 8"), ("", "empty"), ("tab\there", "no password")]
        {
            let error = hash(text).await.unwrap_err().to_string();
            assert!(error.contains(reason), "{text:?}: {error}");
            assert!(text.is_empty() || !error.contains(text), "{error}");
        }
        assert!(passwords.hash(&ids, None).await.unwrap().is_none());
    }
}
