pub mod config;
pub mod scim;
pub mod telemetry;
