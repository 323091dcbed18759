//! An administrator's binds: a sign-in identity, or an `externalId`, is this person.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::directory::Identities;
use crate::http::Site;
use crate::http::ask::Id;
use crate::http::body::Message;
use crate::http::gate::Client;
use crate::http::refusal::Refusal;

pub async fn list(State(site): State<Site>, client: Client, Id(id): Id) -> Result<Json<Identities>, Refusal> {
    Ok(Json(site.directory.identities(&client.tenant.id, &id).await?))
}

/// One of `subject` (a sign-in identity) and `externalId` (what is pushed, and claimed as the anchor).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewLink {
    connection: String,
    person: String,
    subject: Option<String>,
    external_id: Option<String>,
}

pub async fn create(
    State(site): State<Site>,
    client: Client,
    Message(new): Message<NewLink>,
) -> Result<(StatusCode, Json<Value>), Refusal> {
    let (tenant, NewLink { connection, person, .. }) = (&client.tenant.id, &new);
    let made = match (&new.subject, &new.external_id) {
        (Some(subject), None) => json!(site.directory.link(tenant, connection, person, subject).await?),
        (None, Some(external_id)) => {
            json!(site.directory.bind_anchor(tenant, connection, person, external_id).await?)
        }
        _ => return Err(Refusal::invalid("give either \"subject\" or \"externalId\"")),
    };
    Ok((StatusCode::CREATED, Json(made)))
}

pub async fn remove(State(site): State<Site>, client: Client, Id(id): Id) -> Result<StatusCode, Refusal> {
    site.directory.remove_link(&client.tenant.id, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
