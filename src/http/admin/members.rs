//! Who is in an organization: with the role that counts, and by whose word.

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use serde::Serialize;

use super::paging::Paging;
use crate::directory::OrganizationMember;
use crate::http::Site;
use crate::http::ask::Id;
use crate::http::gate::Client;
use crate::http::refusal::Refusal;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Members {
    total_results: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    seats: Option<i64>,
    members: Vec<OrganizationMember>,
}

/// `?startIndex=`, `?count=`; the organization by id or slug.
pub async fn list(State(site): State<Site>, client: Client, Id(id): Id, uri: Uri) -> Result<Json<Members>, Refusal> {
    let asked = Paging::read(uri.query(), &[])?;
    let page = site.directory.organization_members(&client.tenant.id, &id, asked.start_index, asked.count).await?;
    Ok(Json(Members { total_results: page.total, seats: page.seats, members: page.members }))
}
