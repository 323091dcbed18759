//! One connection, one vote: its push and its login are two views of one truth, collapsed here before sources are
//! united in `derive`.
//!
//! Push decides every pair on which it has spoken; a claim decides the others. No clock is involved.

use super::reading::{GroupClaim, Reading};
use super::registers::{Person, Stamp, Word, World};

/// What one connection says of the person in a group or organization; `None` is silence.
///
/// `Deny` silences this connection only: it ends weak words when push said it, and never another source's grant. A
/// claim that counts and does not name the parent is a `Deny` too.
pub fn vote(person: &Person, world: &World, group: &str, connection: &str) -> Option<Word> {
    let reading = Reading::new(person, world);
    if !reading.active_here(connection) {
        return None;
    }
    if let Some(pushed) = reading.pushed(group, connection) {
        return Some(pushed.word);
    }
    let GroupClaim { claim, .. } = reading.claim(connection)?;
    let names = reading.named(connection, claim).any(|named| named == group);
    let overtaken = reading.overtaken(connection, group, claim.stamp).is_some();
    Some(if names && !overtaken { Word::Grant } else { Word::Deny })
}

/// No record of the connection, or it is active. A login needs this and an active account.
pub fn active_here(person: &Person, connection: &str) -> bool {
    person.records.iter().find(|record| record.connection == connection).is_none_or(|record| record.active)
}

impl Reading<'_> {
    /// When the connection's push, by then knowing the person, stated the whole list of the group after a claim of
    /// this stamp: what the claim says of the group has ended.
    pub(crate) fn overtaken(&self, connection: &str, group: &str, claim: Stamp) -> Option<Stamp> {
        let stated = self.stated(self.record(connection)?, group)?;
        (stated >= claim).then_some(stated)
    }
}

#[cfg(test)]
mod tests {
    use super::super::registers::Record;
    use super::*;

    #[test]
    fn whoever_is_inactive_by_a_connection_is_so_there_and_nowhere_else() {
        let record = Record {
            connection: "k".to_owned(),
            external_id: None,
            active: false,
            bound_at: 1,
            off: None,
            in_verified_domain: false,
            words: Default::default(),
        };
        let person = Person { records: vec![record], ..Person::default() };
        assert!(!active_here(&person, "k"));
        assert!(active_here(&person, "other"), "no record is no word");
    }
}
