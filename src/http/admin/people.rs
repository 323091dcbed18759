//! The administrator's own words on a person: grants, denies, suspension; and why a person is in a group or not.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use serde::Deserialize;

use super::explain::Explained;
use crate::http::Site;
use crate::http::ask::{Id, Parent};
use crate::http::body::Message;
use crate::http::gate::Client;
use crate::http::instant;
use crate::http::refusal::Refusal;

/// `?group=` or `?organization=`, an id each.
pub async fn explain(
    State(site): State<Site>,
    client: Client,
    Id(id): Id,
    uri: Uri,
) -> Result<Json<Explained>, Refusal> {
    let parent = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
        .find(|(name, _)| name == "group" || name == "organization")
        .map(|(_, value)| value.into_owned())
        .ok_or_else(|| Refusal::invalid("name the group: ?group=… with its id, or ?organization=…"))?;
    Ok(Json(site.directory.explain(&client.tenant.id, &id, &parent).await?.into()))
}

/// A group or an organization, by id; one of the two.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Where {
    group: Option<String>,
    organization: Option<String>,
    #[serde(default, deserialize_with = "instant::optional::deserialize")]
    until: Option<i64>,
}

impl Where {
    fn parent(&self) -> Result<&str, Refusal> {
        match (&self.group, &self.organization) {
            (Some(parent), None) | (None, Some(parent)) => Ok(parent),
            _ => Err(Refusal::invalid("give either \"group\" or \"organization\", with its id")),
        }
    }
}

pub async fn grant(
    State(site): State<Site>,
    client: Client,
    Id(id): Id,
    Message(word): Message<Where>,
) -> Result<StatusCode, Refusal> {
    site.directory.grant(&client.tenant.id, &id, word.parent()?, word.until).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn deny(
    State(site): State<Site>,
    client: Client,
    Id(id): Id,
    Message(word): Message<Where>,
) -> Result<StatusCode, Refusal> {
    if word.until.is_some() {
        return Err(Refusal::invalid("a deny has no \"until\": it stands until it is withdrawn"));
    }
    site.directory.deny(&client.tenant.id, &id, word.parent()?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The administrator says nothing on this pair any more.
pub async fn withdraw(
    State(site): State<Site>,
    client: Client,
    Id(id): Id,
    Parent(parent): Parent,
) -> Result<StatusCode, Refusal> {
    site.directory.ungrant(&client.tenant.id, &id, &parent).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn suspend(State(site): State<Site>, client: Client, Id(id): Id) -> Result<StatusCode, Refusal> {
    site.directory.suspend(&client.tenant.id, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn unsuspend(State(site): State<Site>, client: Client, Id(id): Id) -> Result<StatusCode, Refusal> {
    site.directory.unsuspend(&client.tenant.id, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn protect(State(site): State<Site>, client: Client, Id(id): Id) -> Result<StatusCode, Refusal> {
    site.directory.protect(&client.tenant.id, &id, true).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn unprotect(State(site): State<Site>, client: Client, Id(id): Id) -> Result<StatusCode, Refusal> {
    site.directory.protect(&client.tenant.id, &id, false).await?;
    Ok(StatusCode::NO_CONTENT)
}
