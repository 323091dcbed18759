//! The tenant's own schemas and resource types (see docs/schemas.md): SCIM's own representations, `Schema` and
//! `ResourceType` of RFC 7643 §6 and §7, with what is ours beside.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value, json};

use crate::directory::{Defined, DefinitionInfo, Noun, Progress};
use crate::http::Site;
use crate::http::ask::Id;
use crate::http::body::Message;
use crate::http::gate::Client;
use crate::http::refusal::Refusal;

/// How many transactions on stored data one request waits for; what is left is left to the next.
const BATCHES: usize = 100;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UnderWay {
    /// How many resources are in line; the same request again goes on.
    change: Progress,
}

fn shown(info: DefinitionInfo) -> Value {
    let mut body = info.body;
    body["builtIn"] = info.built_in.into();
    if let Some(change) = info.change {
        body["change"] = json!(change);
    }
    body
}

pub mod schemas {
    use super::*;

    pub async fn list(State(site): State<Site>, client: Client) -> Result<Json<Value>, Refusal> {
        super::list(&site, &client, Noun::Schema, "schemas").await
    }
    pub async fn find(State(site): State<Site>, client: Client, Id(id): Id) -> Result<Json<Value>, Refusal> {
        super::find(&site, &client, Noun::Schema, &id).await
    }
    pub async fn put(
        State(site): State<Site>,
        client: Client,
        Id(id): Id,
        uri: Uri,
        Message(body): Message<Value>,
    ) -> Result<Response, Refusal> {
        super::put(&site, &client, (Noun::Schema, "id"), &id, &uri, body).await
    }
    pub async fn delete(State(site): State<Site>, client: Client, Id(id): Id, uri: Uri) -> Result<Response, Refusal> {
        super::delete(&site, &client, Noun::Schema, &id, &uri).await
    }
}

pub mod resource_types {
    use super::*;

    pub async fn list(State(site): State<Site>, client: Client) -> Result<Json<Value>, Refusal> {
        super::list(&site, &client, Noun::ResourceType, "resourceTypes").await
    }
    pub async fn find(State(site): State<Site>, client: Client, Id(id): Id) -> Result<Json<Value>, Refusal> {
        super::find(&site, &client, Noun::ResourceType, &id).await
    }
    pub async fn put(
        State(site): State<Site>,
        client: Client,
        Id(id): Id,
        uri: Uri,
        Message(body): Message<Value>,
    ) -> Result<Response, Refusal> {
        super::put(&site, &client, (Noun::ResourceType, "name"), &id, &uri, body).await
    }
    pub async fn delete(State(site): State<Site>, client: Client, Id(id): Id, uri: Uri) -> Result<Response, Refusal> {
        super::delete(&site, &client, Noun::ResourceType, &id, &uri).await
    }
}

async fn list(site: &Site, client: &Client, noun: Noun, name: &str) -> Result<Json<Value>, Refusal> {
    let all = site.directory.definitions(&client.tenant.id, noun).await?;
    Ok(Json(json!({ name: all.into_iter().map(shown).collect::<Vec<_>>() })))
}

async fn find(site: &Site, client: &Client, noun: Noun, name: &str) -> Result<Json<Value>, Refusal> {
    let found = site.directory.definition(&client.tenant.id, noun, name).await?;
    found.map(shown).map(Json).ok_or_else(|| Refusal::not_found("this tenant has no definition of this name"))
}

/// The name is in the path and may be in the body too, where it has to be the same.
async fn put(
    site: &Site,
    client: &Client,
    (noun, member): (Noun, &str),
    name: &str,
    uri: &Uri,
    mut body: Value,
) -> Result<Response, Refusal> {
    let Some(members) = body.as_object_mut() else { return Err(Refusal::invalid("a definition is a JSON object")) };
    let stated = members.entry(member).or_insert_with(|| name.into());
    let same = match noun {
        Noun::Schema => stated.as_str().is_some_and(|stated| stated.eq_ignore_ascii_case(name)),
        Noun::ResourceType => stated == name,
    };
    if !same {
        return Err(Refusal::invalid(format!("{member} is not what the path says")));
    }
    let Defined { created, change } =
        site.directory.define(&client.tenant.id, noun, &body, discards(uri)?, BATCHES).await?;
    let status = match change {
        Some(change) => return Ok((StatusCode::ACCEPTED, Json(UnderWay { change })).into_response()),
        None if created => StatusCode::CREATED,
        None => StatusCode::OK,
    };
    Ok((status, find(site, client, noun, name).await?).into_response())
}

async fn delete(site: &Site, client: &Client, noun: Noun, name: &str, uri: &Uri) -> Result<Response, Refusal> {
    let done = site.directory.undefine(&client.tenant.id, noun, name, discards(uri)?, BATCHES).await?;
    Ok(match done.change {
        Some(change) => (StatusCode::ACCEPTED, Json(UnderWay { change })).into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    })
}

/// `?discard=true`: values of what goes are taken away.
fn discards(uri: &Uri) -> Result<bool, Refusal> {
    let query = uri.query().unwrap_or_default();
    match url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "discard").as_ref() {
        None => Ok(false),
        Some((_, value)) => value.parse().map_err(|_| Refusal::invalid("discard is true or false")),
    }
}
