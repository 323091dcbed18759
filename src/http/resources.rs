//! SCIM resources: create, retrieve, query, replace, modify, delete (RFC 7644 §3.3 to §3.6), for every resource type.

use axum::http::StatusCode;
use axum::response::Response;

use super::ask::{Ask, Id};
use super::body::Body;
use super::refusal::Refusal;
use crate::directory::Query;
use crate::scim::filter::Filter;
use crate::scim::message::{PatchOp, SearchRequest};
use crate::scim::projection::written;
use crate::scim::resource_type::{ResourceType, urn};

type Answer = Result<Response, Refusal>;

pub async fn create(mut ask: Ask, Body(body): Body) -> Answer {
    ask.wrote(written::by_body(&ask.kind, &body));
    let (resource, notes) = ask.directory.create(&ask.caller, &ask.kind, &body, ask.wants()).await?;
    ask.trace(&notes);
    Ok(ask.render.created(&resource))
}

pub async fn list(ask: Ask) -> Answer {
    answer(&ask, &ask.query()?).await
}

async fn answer(ask: &Ask, query: &Query) -> Answer {
    let page = ask.directory.page(&ask.caller, ask.range(), query, ask.by_cursor()?.as_ref()).await?;
    Ok(ask.render.list(&page))
}

/// RFC 7644 §3.4.3.
pub async fn search(ask: Ask, Body(body): Body) -> Answer {
    list(ask.searching(SearchRequest::read(&body)?)?).await
}

/// RFC 7644 §3.4.1; with a `filter`, which §3.4.2.1 lets address one resource, a list of that one or of none.
pub async fn find(ask: Ask, Id(id): Id) -> Answer {
    let resource = ask.directory.find(&ask.caller, &ask.kind, &id, ask.wants()).await?;
    if ask.parameters.filter.is_some() {
        return list_one(&ask, id).await;
    }
    ask.before_read().check(resource.version)?;
    if ask.known.as_ref().is_some_and(|known| known.matches_tag(resource.tag())) {
        return Ok(ask.render.bare(StatusCode::NOT_MODIFIED, &resource));
    }
    Ok(ask.render.found(&resource))
}

/// `.search` below one resource: a list of that one or of none.
pub async fn search_one(ask: Ask, Id(id): Id, Body(body): Body) -> Answer {
    let ask = ask.searching(SearchRequest::read(&body)?)?;
    ask.directory.find(&ask.caller, &ask.kind, &id, Default::default()).await?;
    list_one(&ask, id).await
}

/// The query, within the one resource of that id.
async fn list_one(ask: &Ask, id: String) -> Answer {
    let mut query = ask.query()?;
    let this = format!("id eq {}", serde_json::Value::from(id));
    query.filter = Some(match &query.filter {
        Some(filter) => {
            Filter::parse(filter)?;
            format!("{this} and ({filter})")
        }
        None => this,
    });
    answer(ask, &query).await
}

pub async fn replace(mut ask: Ask, Id(id): Id, Body(body): Body) -> Answer {
    ask.wrote(written::by_body(&ask.kind, &body));
    let (resource, notes) =
        ask.directory.replace(&ask.caller, &ask.kind, &id, &ask.before_write(), &body, ask.wants()).await?;
    ask.trace(&notes);
    Ok(ask.render.found(&resource))
}

/// RFC 7644 §3.5.2 leaves 200 or 204 to the server. A group answers 204, what IdPs document and the same at any
/// size, unless the client asks for attributes.
pub fn is_silent(kind: &ResourceType) -> bool {
    kind.schema.id == urn::GROUP
}

pub async fn patch(mut ask: Ask, Id(id): Id, Body(body): Body) -> Answer {
    let silent = is_silent(&ask.kind) && !ask.parameters.selects();
    let wants = if silent { Default::default() } else { ask.wants() };
    let operations = PatchOp::read(&body)?.operations;
    ask.wrote(written::by_operations(&ask.kind, &operations));
    let (resource, notes) =
        ask.directory.patch(&ask.caller, &ask.kind, &id, &ask.before_write(), &operations, wants).await?;
    ask.trace(&notes);
    Ok(if silent { ask.render.bare(StatusCode::NO_CONTENT, &resource) } else { ask.render.found(&resource) })
}

pub async fn delete(ask: Ask, Id(id): Id) -> Result<StatusCode, Refusal> {
    ask.directory.delete(&ask.caller, &ask.kind, &id, &ask.before_write()).await?;
    Ok(StatusCode::NO_CONTENT)
}
