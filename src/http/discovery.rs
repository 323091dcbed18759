//! Discovery (RFC 7644 §4): what this server offers, which resource types, which schemas. Everything is read from
//! the registry, so that it cannot differ from what validation does.

use axum::extract::{RawPathParams, State};
use axum::http::{HeaderMap, Uri};
use axum::response::Response;

use super::Site;
use super::ask::{Id, scim_base};
use super::gate::Client;
use super::parameters::Parameters;
use super::refusal::Refusal;
use super::render::scim;
use crate::scim::core::Meta;
use crate::scim::message::{
    AuthenticationScheme, Bulk, Filter, ListResponse, Pagination, ResourceTypeResource, SchemaResource,
    ServiceProviderConfig, Supported,
};
use crate::scim::resource_type::{ResourceType, urn};
use crate::scim::schema::Schema;

type Answer = Result<Response, Refusal>;

/// Public, but only of a tenant that exists.
pub async fn service_provider_config(State(site): State<Site>, params: RawPathParams, headers: HeaderMap) -> Answer {
    let name = params.iter().find(|(name, _)| *name == "tenant").map_or("", |(_, value)| value);
    let tenant = site.directory.tenant(name).await?.ok_or_else(|| Refusal::not_found("there is no such tenant"))?;
    let base = scim_base(&site, &tenant.name, &headers);
    let pages = &site.settings.pages;
    Ok(scim(&ServiceProviderConfig {
        schemas: vec![urn::SERVICE_PROVIDER_CONFIG.to_owned()],
        documentation_uri: None,
        patch: Supported { supported: true },
        bulk: Bulk {
            supported: true,
            max_operations: site.settings.bulk_max_operations as u64,
            max_payload_size: site.settings.bulk_max_payload_bytes as u64,
        },
        filter: Filter { supported: true, max_results: pages.max_count.unsigned_abs() },
        change_password: Supported { supported: true },
        sort: Supported { supported: true },
        etag: Supported { supported: true },
        authentication_schemes: vec![AuthenticationScheme {
            kind: "oauthbearertoken".to_owned(),
            name: "Bearer token".to_owned(),
            description: "A token of this tenant in the Authorization header, issued by its administrator".to_owned(),
            spec_uri: Some("https://www.rfc-editor.org/rfc/rfc6750".to_owned()),
            documentation_uri: None,
            primary: Some(true),
        }],
        pagination: Some(Pagination {
            cursor: true,
            index: true,
            default_pagination_method: Some("index".to_owned()),
            default_page_size: Some(pages.default_count.min(pages.max_count).unsigned_abs()),
            max_page_size: Some(pages.max_count.unsigned_abs()),
            cursor_timeout: Some(pages.cursor_lifetime.unsigned_abs() / 1000),
        }),
        meta: Some(meta("ServiceProviderConfig", format!("{base}/ServiceProviderConfig"))),
    }))
}

pub async fn resource_types(State(site): State<Site>, client: Client, uri: Uri, headers: HeaderMap) -> Answer {
    unfiltered(&uri)?;
    let base = scim_base(&site, &client.tenant.name, &headers);
    let types = &client.registry.types;
    Ok(scim(&ListResponse::all(types.iter().map(|kind| described(kind, &base)).collect())))
}

pub async fn resource_type(State(site): State<Site>, client: Client, Id(id): Id, headers: HeaderMap) -> Answer {
    let base = scim_base(&site, &client.tenant.name, &headers);
    let types = &client.registry.types;
    let kind = types.iter().find(|kind| kind.name.eq_ignore_ascii_case(&id));
    let kind = kind.ok_or_else(|| Refusal::not_found("there is no resource type of this name"))?;
    Ok(scim(&described(kind, &base)))
}

pub async fn schemas(State(site): State<Site>, client: Client, uri: Uri, headers: HeaderMap) -> Answer {
    unfiltered(&uri)?;
    let base = scim_base(&site, &client.tenant.name, &headers);
    let schemas = &client.registry.schemas;
    Ok(scim(&ListResponse::all(schemas.iter().map(|schema| defined(schema, &base)).collect())))
}

/// By its URN in any case (RFC 7644 §4).
pub async fn schema(State(site): State<Site>, client: Client, Id(id): Id, headers: HeaderMap) -> Answer {
    let base = scim_base(&site, &client.tenant.name, &headers);
    let schema = client.registry.schema(&id);
    let schema = schema.ok_or_else(|| Refusal::not_found("there is no schema of this name"))?;
    Ok(scim(&defined(schema, &base)))
}

/// RFC 7644 §4: a `filter` here is 403, so that no client believes the list was filtered; all else is ignored.
fn unfiltered(uri: &Uri) -> Result<(), Refusal> {
    let query = uri.query().unwrap_or_default();
    if Parameters::has_filter(query) {
        return Err(Refusal::forbidden("a filter is not taken here: this list is always complete"));
    }
    Ok(())
}

fn described(kind: &ResourceType, base: &str) -> ResourceTypeResource {
    let location = format!("{base}/ResourceTypes/{}", kind.name);
    ResourceTypeResource { meta: Some(meta("ResourceType", location)), ..ResourceTypeResource::from(kind) }
}

fn defined(schema: &Schema, base: &str) -> SchemaResource {
    let location = format!("{base}/Schemas/{}", schema.id);
    SchemaResource { meta: Some(meta("Schema", location)), ..SchemaResource::from(schema) }
}

fn meta(kind: &str, location: String) -> Meta {
    Meta { resource_type: Some(kind.to_owned()), location: Some(location), ..Meta::default() }
}
