pub mod auth;
pub mod clock;
pub mod config;
pub mod jit;
pub mod reconcile;
pub mod scim;
pub mod telemetry;
