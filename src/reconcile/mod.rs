//! Reconciliation: push, logins, invitations, imports and administrators each say their own words, and one pure
//! function says what holds.
//!
//! Owns the registers' types and everything that follows from them: who is active, who is in which group and
//! organization, which attribute value wins, and why. Touches no storage, no clock and no configuration file: the
//! registers of one person ([`Person`]) and what of the configuration matters to them ([`World`], with the time) go
//! in, a [`Derived`] comes out, and the same input always gives the same output. So a store may derive again whenever
//! it likes, and a rebuild must find what is stored.
//!
//! ```
//! use rollkeeper::reconcile::{Person, Source, Vouch, Word, World, derive, explain};
//!
//! let says = |source, word| Vouch { parent: "staff".into(), source, word, stamp: 0, until: None, role: None };
//! let mut bjensen = Person { vouches: vec![says(Source::Grant, Word::Grant)], ..Person::default() };
//! assert!(derive(&bjensen, &World::default()).member(&World::default(), "staff"));
//!
//! bjensen.vouches.push(says(Source::Deny, Word::Deny));
//! assert_eq!(explain(&bjensen, &World::default(), "staff").rule, "R8");
//! ```

mod attributes;
pub mod cells;
mod derive;
mod explain;
mod reading;
mod registers;
mod roles;
mod vote;

pub use attributes::{UNIQUE, is_unique, speakers};
pub use derive::{Derived, derive};
pub use explain::{Explanation, Register, explain};
pub use registers::{
    Claim, Connection, DefaultMode, DefaultTeam, Group, Link, Person, Record, Source, Stamp, Vouch, Word, World,
};
pub use roles::{MEMBER, OWNER, ROLES, highest};
pub use vote::{active_here, vote};
