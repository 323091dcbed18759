//! Bulk (RFC 7644 §3.7): the request taken apart, and what came of each operation written down.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use super::Site;
use super::ask::scim_base;
use super::body::BulkBody;
use super::form::scim_error;
use super::gate::Client;
use super::refusal::Refusal;
use super::render;
use super::resources::is_silent;
use super::routes::SMALL;
use crate::directory::{BulkJob, Processed, Resource, Wants};
use crate::scim;
use crate::scim::bulk::{Plan, Planned};
use crate::scim::message::{BulkMethod, BulkRequest, BulkResponse, BulkResult};
use crate::scim::resource_type::ResourceType;

/// 200 once the request as a whole makes sense, whatever becomes of its operations (RFC 7644 §3.7).
pub async fn bulk(
    State(site): State<Site>,
    client: Client,
    headers: HeaderMap,
    BulkBody(body): BulkBody,
) -> Result<Response, Refusal> {
    let BulkRequest { operations, fail_on_errors } = BulkRequest::read(&body, site.settings.bulk_max_operations)?;
    drop(body);
    let base = scim_base(&site, &client.tenant.name, &headers);
    let mut plan = Plan::of(operations, &client.registry, &base);
    plan.operations.iter_mut().for_each(bound);
    let job = BulkJob { plan, fail_on_errors, wants, limit: site.settings.bulk_timeout() };
    let processed = site.directory.bulk(&client.caller, job).await;
    Ok(render::scim(&BulkResponse::new(processed.into_iter().map(|processed| result(processed, &base)).collect())))
}

/// What the single request would be too large for is too large here. Groups arrive with all their members.
fn bound(planned: &mut Planned) {
    if let Ok(request) = &planned.request
        && !is_silent(&request.kind)
        && serde_json::to_vec(&request.data).is_ok_and(|data| data.len() > SMALL)
    {
        let detail = format!("the data of this operation is larger than {SMALL} bytes");
        planned.request = Err(scim::Error::new(413, None, detail));
    }
}

/// What the single request without parameters shows, so that a version here is the `ETag` there.
fn wants(kind: &ResourceType, method: BulkMethod) -> Wants {
    if method == BulkMethod::Patch && is_silent(kind) {
        return Wants::default();
    }
    let has = |name| kind.schema.attribute(name).is_some();
    Wants { groups: has("groups"), members: has("members") }
}

/// RFC 7644 §3.7.3: `location` unless a POST failed, `version` where there is a resource, `response` where there is an error.
fn result(processed: Processed, base: &str) -> BulkResult {
    let Processed { method, bulk_id, location, outcome, notes } = processed;
    for note in notes {
        tracing::debug!(note.code, note.at, "read leniently");
    }
    // What is no method is repeated as far as one could be.
    let method = method.chars().take(16).collect();
    match outcome {
        Ok((done, Some(resource))) => BulkResult {
            location: Some(format!("{base}{}/{}", resource.kind.endpoint, resource.id)),
            method,
            bulk_id,
            version: Some(resource.tag().to_string()),
            status: status(done, &resource),
            response: None,
        },
        Ok((_, None)) => BulkResult { location, method, bulk_id, version: None, status: 204, response: None },
        Err(error) => {
            let refusal = Refusal::from(error);
            let status = refusal.status.as_u16();
            BulkResult { location, method, bulk_id, version: None, status, response: Some(scim_error(&refusal)) }
        }
    }
}

/// As the single request would have been answered (RFC 7644 §3.7.3).
fn status(method: BulkMethod, resource: &Resource) -> u16 {
    match method {
        BulkMethod::Post => 201,
        BulkMethod::Patch if is_silent(&resource.kind) => 204,
        BulkMethod::Put | BulkMethod::Patch => 200,
        BulkMethod::Delete => 204,
    }
}
