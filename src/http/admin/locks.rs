//! Locks: an attribute of a person that has the administrator's value, whatever any source says.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::http::Site;
use crate::http::ask::{Attribute, Id};
use crate::http::body::Message;
use crate::http::gate::Client;
use crate::http::refusal::Refusal;

#[derive(Serialize)]
pub struct Locks {
    /// By attribute; null: locked without a value.
    locks: Map<String, Value>,
}

pub async fn list(State(site): State<Site>, client: Client, Id(id): Id) -> Result<Json<Locks>, Refusal> {
    let locks = site.directory.locks(&client.tenant.id, &id).await?;
    let locks = locks.into_iter().map(|(cell, value)| (cell, value.unwrap_or_default())).collect();
    Ok(Json(Locks { locks }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    /// Null: no value.
    value: Value,
}

pub async fn lock(
    State(site): State<Site>,
    client: Client,
    Id(id): Id,
    Attribute(attribute): Attribute,
    Message(lock): Message<Lock>,
) -> Result<StatusCode, Refusal> {
    let value = Some(lock.value).filter(|value| !value.is_null());
    site.directory.lock_attribute(&client.tenant.id, &id, &attribute, value).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn unlock(
    State(site): State<Site>,
    client: Client,
    Id(id): Id,
    Attribute(attribute): Attribute,
) -> Result<StatusCode, Refusal> {
    site.directory.unlock_attribute(&client.tenant.id, &id, &attribute).await?;
    Ok(StatusCode::NO_CONTENT)
}
