//! Rollkeeper: a multi-tenant SCIM 2.0 directory server with just-in-time provisioning.
//!
//! Pure rooms decide, thin rooms do: `docs/architecture.md` walks through them, and `tests/suite/architecture.rs` fails on an
//! import that the table there forbids.

pub mod app;
pub mod auth;
pub mod cli;
pub mod clock;
pub mod config;
pub mod demo;
pub mod directory;
pub mod event;
pub mod http;
pub mod jit;
pub mod reconcile;
pub mod scim;
pub mod store;
pub mod telemetry;
