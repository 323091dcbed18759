//! The members of a group as a list of its own, paged by cursor: a group may have more members than one answer should
//! hold (RFC 7644 §3.4.1 has no pages inside a resource; this sub-resource is ours, paged as RFC 9865 says).

use axum::response::Response;

use super::ask::{Ask, Id};
use super::refusal::Refusal;
use crate::directory::ByCursor;

pub async fn list(ask: Ask, Id(id): Id) -> Result<Response, Refusal> {
    ask.parameters.of_pages_only()?;
    // RFC 9865 §2.3: where there are only cursors, a query without one asks for the first page.
    let count = ask.query()?.count;
    let first = ByCursor { cursor: None, count: Some(count), limits: ask.limits };
    let by_cursor = ask.by_cursor()?.unwrap_or(first);
    Ok(ask.render.members(ask.directory.members(&ask.caller, &ask.kind, &id, &by_cursor).await?))
}
