pub mod event;
pub mod reconcile;
pub mod scim;
