//! Reconciliation: push, logins, invitations, imports and administrators each say their own words, and one pure
//! function says what holds.
//!
//! Owns the registers' types and everything that follows from them: who is active, who is in which group and
//! organization, which attribute value wins, and why. Touches no storage, no clock and no configuration file: the
//! registers of one person ([`registers::Person`]) and what of the configuration matters to them
//! ([`registers::World`], with the time) go in, a [`derive::Derived`] comes out, and the same input always gives the
//! same output. So a store may derive again whenever it likes, and a rebuild must find what is stored.
//!
//! ```
//! use rollkeeper::reconcile::registers::{Person, Source, Vouch, Word, World};
//! use rollkeeper::reconcile::{derive, explain};
//!
//! let word = |source, word| Vouch { parent: "staff".into(), source, word, stamp: 0, until: None };
//! let mut bjensen = Person { vouches: vec![word(Source::Grant, Word::Grant)], ..Person::default() };
//! assert!(derive(&bjensen, &World::default()).rows[&("staff".to_string(), Source::Grant)]);
//!
//! bjensen.vouches.push(word(Source::Deny, Word::Deny));
//! assert_eq!(explain(&bjensen, &World::default(), "staff").rule, "R8");
//! ```

pub mod attributes;
pub mod derive;
mod reading;
pub mod registers;
pub mod vote;

pub use derive::{Derived, derive};
pub use vote::{active_here, vote};
