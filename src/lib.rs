pub mod auth;
pub mod clock;
pub mod jit;
pub mod scim;
