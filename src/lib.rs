pub mod auth;
pub mod clock;
pub mod config;
pub mod jit;
pub mod scim;
pub mod telemetry;
