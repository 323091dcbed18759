//! Invitations: an address, and where its owner will belong.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use crate::directory::{self, InvitationInfo};
use crate::http::Site;
use crate::http::ask::Id;
use crate::http::body::Message;
use crate::http::gate::Client;
use crate::http::instant;
use crate::http::refusal::Refusal;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Invitation {
    id: String,
    address: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    organization: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    person: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    accepted_by: Option<String>,
    state: String,
    #[serde(serialize_with = "instant::serialize")]
    created: i64,
    #[serde(serialize_with = "instant::optional::serialize", skip_serializing_if = "Option::is_none")]
    expires: Option<i64>,
}

impl From<InvitationInfo> for Invitation {
    fn from(info: InvitationInfo) -> Self {
        let InvitationInfo { id, address, organization, group, role, person, accepted_by, state, created, expires } =
            info;
        Self { id, address, organization, group, role, person, accepted_by, state, created, expires }
    }
}

#[derive(Serialize)]
pub struct Invitations {
    invitations: Vec<Invitation>,
}

pub async fn list(State(site): State<Site>, client: Client) -> Result<Json<Invitations>, Refusal> {
    let invitations = site.directory.invitations(&client.tenant.id).await?;
    Ok(Json(Invitations { invitations: invitations.into_iter().map(Invitation::from).collect() }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewInvitation {
    address: String,
    organization: Option<String>,
    group: Option<String>,
    role: Option<String>,
    person: Option<String>,
    #[serde(default, deserialize_with = "instant::optional::deserialize")]
    expires: Option<i64>,
}

#[derive(Serialize)]
pub struct Issued {
    /// Shown this once; it goes into the mail.
    token: String,
    #[serde(flatten)]
    invitation: Invitation,
}

pub async fn create(
    State(site): State<Site>,
    client: Client,
    Message(new): Message<NewInvitation>,
) -> Result<(StatusCode, Json<Issued>), Refusal> {
    let NewInvitation { address, organization, group, role, person, expires } = new;
    let new = directory::NewInvitation { address, organization, group, role, person, expires };
    let (info, token) = site.directory.make_invitation(&client.tenant.id, &new).await?;
    Ok((StatusCode::CREATED, Json(Issued { token, invitation: info.into() })))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Resend {
    #[serde(default, deserialize_with = "instant::optional::deserialize")]
    expires: Option<i64>,
}

pub async fn resend(
    State(site): State<Site>,
    client: Client,
    Id(id): Id,
    Message(resend): Message<Resend>,
) -> Result<Json<Issued>, Refusal> {
    let (info, token) = site.directory.resend_invitation(&client.tenant.id, &id, resend.expires).await?;
    Ok(Json(Issued { token, invitation: info.into() }))
}

pub async fn revoke(State(site): State<Site>, client: Client, Id(id): Id) -> Result<StatusCode, Refusal> {
    site.directory.revoke_invitation(&client.tenant.id, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
