pub mod reconcile;
pub mod scim;
