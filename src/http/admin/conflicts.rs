//! The conflict queue: refusals that an administrator can mend, and the one call that mends each.

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use serde::{Deserialize, Serialize};

use super::paging::Paging;
use crate::directory::{ConflictInfo, Resolution};
use crate::http::Site;
use crate::http::ask::Id;
use crate::http::body::Message;
use crate::http::gate::Client;
use crate::http::refusal::Refusal;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Conflicts {
    total_results: i64,
    conflicts: Vec<ConflictInfo>,
}

/// `?state=`, `?startIndex=`, `?count=`.
pub async fn list(State(site): State<Site>, client: Client, uri: Uri) -> Result<Json<Conflicts>, Refusal> {
    let asked = Paging::read(uri.query(), &["state"])?;
    let page =
        site.directory.conflicts(&client.tenant.id, asked.other("state"), asked.start_index, asked.count).await?;
    Ok(Json(Conflicts { total_results: page.total, conflicts: page.conflicts }))
}

pub async fn find(State(site): State<Site>, client: Client, Id(id): Id) -> Result<Json<ConflictInfo>, Refusal> {
    Ok(Json(site.directory.conflict(&client.tenant.id, &id).await?))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewResolution {
    action: String,
    person: Option<String>,
    user_name: Option<String>,
    group: Option<String>,
    display_name: Option<String>,
}

pub async fn resolve(
    State(site): State<Site>,
    client: Client,
    Id(id): Id,
    Message(new): Message<NewResolution>,
) -> Result<Json<ConflictInfo>, Refusal> {
    let action = new.action.parse().map_err(|e: String| Refusal::invalid(e))?;
    let NewResolution { person, user_name, group, display_name, .. } = new;
    let resolution = Resolution { action, person, user_name, group, display_name };
    Ok(Json(site.directory.resolve_conflict(&client.tenant.id, &id, &resolution).await?))
}
