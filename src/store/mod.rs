//! SQL for both engines and nothing else: rows in, rows out. No rule lives here; what a row means is decided by the
//! pure rooms and by `directory`.
//!
//! Every statement is written once, lower-case, with `$1` parameters, and runs on SQLite and PostgreSQL alike. What
//! differs is the row lock (`for no key update`), the agreements of [`agree`] and the feed's horizon; two functions that the PostgreSQL migration
//! defines (`json_each(text)`, `instr`) close the rest of the gap. A [`Tx`] is bound to one tenant: there is no way to
//! ask it about another.

mod engine;
mod error;
mod fuse;
mod migrations;

pub mod agree;
pub mod brokers;
pub mod conflicts;
pub mod connections;
pub mod credentials;
pub mod definitions;
pub mod due;
pub mod feed;
pub mod holds;
pub mod identity;
pub mod invitations;
pub mod memberships;
pub mod organizations;
pub mod people;
pub mod purge;
pub mod resources;
pub mod search;
pub mod tenants;
pub mod tokens;
pub mod values;
pub mod vouches;
pub mod withdrawal;

pub use engine::{Engine, Options, Tx};
pub use error::Error;
#[doc(hidden)]
pub use fuse::Fuse;
