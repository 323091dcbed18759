//! `/Me` (RFC 7644 §3.11): the user that the token is bound to, processed directly. Every address in an answer is the
//! user's own, never `/Me`.

use axum::http::StatusCode;
use axum::response::Response;

use super::ask::Ask;
use super::body::Body;
use super::gate::Client;
use super::refusal::Refusal;
use crate::directory::Voice;
use crate::scim;
use crate::scim::message::PatchOp;

type Answer = Result<Response, Refusal>;

pub async fn find(ask: Ask) -> Answer {
    let resource = ask.directory.own(&ask.caller, &ask.kind, ask.wants()).await?;
    ask.before_read().check(resource.version)?;
    if ask.known.as_ref().is_some_and(|known| known.matches_tag(resource.tag())) {
        return Ok(ask.render.bare(StatusCode::NOT_MODIFIED, &resource));
    }
    Ok(ask.render.found(&resource))
}

pub async fn replace(ask: Ask, Body(body): Body) -> Answer {
    let (resource, notes) =
        ask.directory.replace_own(&ask.caller, &ask.kind, &ask.before_write(), &body, ask.wants()).await?;
    ask.trace(&notes);
    Ok(ask.render.found(&resource))
}

pub async fn patch(ask: Ask, Body(body): Body) -> Answer {
    let operations = PatchOp::read(&body)?.operations;
    let (resource, notes) =
        ask.directory.patch_own(&ask.caller, &ask.kind, &ask.before_write(), &operations, ask.wants()).await?;
    ask.trace(&notes);
    Ok(ask.render.found(&resource))
}

/// Whoever holds such a token has a user already.
pub async fn create(client: Client) -> Refusal {
    match client.caller.voice {
        Voice::Person { .. } => {
            scim::Error::uniqueness("this token's user exists already: change it with PUT or PATCH").into()
        }
        _ => Refusal::not_implemented("this token is bound to nobody, and /Me creates nobody: use /Users"),
    }
}

/// RFC 7644 §3.12: what is not offered is 501. An account is ended by those who keep it, not by whom it is about.
pub async fn delete(client: Client) -> Refusal {
    match client.caller.voice {
        Voice::Person { .. } => Refusal::not_implemented("a user cannot delete themselves: ask an administrator"),
        _ => Refusal::not_found("this token is bound to nobody: use /Users/{id}"),
    }
}
