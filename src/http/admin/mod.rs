//! The administrator's interface, `/t/{tenant}/admin/v1`: plain JSON in camel case, problem details on refusal.
//!
//! Each file is one noun: what it looks like on the wire, and its handlers.

pub mod brokers;
pub mod conflicts;
pub mod connections;
pub mod definitions;
pub mod events;
mod explain;
pub mod health;
pub mod holds;
pub mod imports;
pub mod invitations;
pub mod links;
pub mod locks;
pub mod logins;
pub mod members;
pub mod moves;
mod page;
mod paging;
pub mod people;
pub mod tokens;

use super::refusal::Refusal;

fn unknown(what: &str) -> Refusal {
    Refusal::not_found(format!("this tenant has no {what} with this id"))
}
