//! The administrator's interface, `/t/{tenant}/admin/v1`: plain JSON in camel case, problem details on refusal.
//!
//! Each file is one noun: what it looks like on the wire, and its handlers.

pub mod conflicts;
pub mod connections;
pub mod events;
mod explain;
pub mod invitations;
pub mod links;
pub mod logins;
mod paging;
pub mod people;
pub mod tokens;

use super::refusal::Refusal;

fn unknown(what: &str) -> Refusal {
    Refusal::not_found(format!("this tenant has no {what} with this id"))
}
