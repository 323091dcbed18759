//! Just-in-time provisioning: what an identity provider says at sign-in, judged by the rules of its connection.
//!
//! `rules`, `claims`, `handle` and their small types are pure: text and JSON in, values out, no clock, no I/O, no SQL.
//! The way of a login: the auth room verifies the evidence, [`claims::read`] turns it into [`claims::Claims`] by the
//! connection's [`rules::Rules`], and the decision is taken from those two and a snapshot of the store.

pub mod address;
pub mod broker;
pub mod claims;
pub mod decide;
pub mod handle;
pub mod login;
pub mod rules;
pub mod span;
