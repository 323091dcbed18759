//! What the integration tests share: a database of one's own on either engine, and the independent OpenID Provider.
//!
//! Every test owns its world: its database, its clock, its ids.

pub mod client;
pub mod contents;
pub mod contract;
pub mod database;
pub mod openid_provider;
pub mod roll;
pub mod scim_pusher;
pub mod world;

pub use client::{Client, Reply};
pub use database::Database;
pub use world::{Tenant, World};

/// Runs one story on both engines: `name::sqlite` and `name::postgres`.
///
/// ```ignore
/// both_engines! {
///     async fn adding_a_member_again_changes_nothing(database: Database) {
///         let engine = Engine::connect(database.url()).await.unwrap();
///     }
/// }
/// ```
macro_rules! both_engines {
    ($($(#[$attribute:meta])* async fn $name:ident($database:ident: Database) $body:block)+) => {$(
        mod $name {
            use super::*;

            async fn story($database: $crate::support::Database) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            $(#[$attribute])*
            async fn sqlite() {
                story($crate::support::Database::sqlite()).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            $(#[$attribute])*
            async fn postgres() {
                story($crate::support::Database::postgres().await).await;
            }
        }
    )+};
}
pub(crate) use both_engines;
