//! Resources and lists as answers: what RFC 7643 §3.1 adds to a document, the projection, and the headers.

use std::sync::Arc;

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::form::SCIM_JSON;
use super::refusal::Refusal;
use crate::directory::{MemberPage, Page, Resource, Wants};
use crate::scim::core::Meta;
use crate::scim::filter::Linked;
use crate::scim::message::ListResponse;
use crate::scim::projection::Selection;
use crate::scim::resource_type::ResourceType;

pub struct Renderer {
    /// The base URI of the tenant's SCIM service: every location starts with it.
    pub base: String,
    pub kind: Arc<ResourceType>,
    pub selection: Selection,
}

impl Renderer {
    pub fn wants(&self) -> Wants {
        let shows = |name| self.kind.schema.attribute(name).is_some() && self.selection.wants(name);
        Wants { groups: shows("groups"), members: shows("members") }
    }

    pub fn location(&self, id: &str) -> String {
        format!("{}{}/{id}", self.base, self.kind.endpoint)
    }

    /// 201 (RFC 7644 §3.3): `Location` is the new URI, equal to `meta.location`.
    pub fn created(&self, resource: &Resource) -> Response {
        self.one(StatusCode::CREATED, resource)
    }

    /// 200 with the resource; `Content-Location` says that this is what a GET there would answer.
    pub fn found(&self, resource: &Resource) -> Response {
        let mut response = self.one(StatusCode::OK, resource);
        if let Some(location) = response.headers().get(header::LOCATION).cloned() {
            response.headers_mut().insert(header::CONTENT_LOCATION, location);
        }
        response
    }

    /// 304 or 204: the headers of the resource and no body.
    pub fn bare(&self, status: StatusCode, resource: &Resource) -> Response {
        (status, self.headers(resource)).into_response()
    }

    fn one(&self, status: StatusCode, resource: &Resource) -> Response {
        (status, self.headers(resource), scim(&self.resource(resource))).into_response()
    }

    /// RFC 7644 §3.4.2: `Resources` and the paging members always, `itemsPerPage` as returned.
    pub fn list(&self, page: &Page) -> Response {
        listed(page, page.resources.iter().map(|resource| self.resource(resource)).collect())
    }

    /// Members of a group as resources of a list of their own.
    pub fn members(&self, page: MemberPage) -> Response {
        let members: Vec<Value> = page.members.iter().map(|member| self.link(member)).collect();
        scim(&ListResponse::member_page(page.total.map(positive), page.next, members))
    }

    /// The full resource, cut down to what was selected.
    fn resource(&self, resource: &Resource) -> Map<String, Value> {
        let mut full = Map::new();
        full.insert("schemas".into(), json!(resource.document.schemas(&self.kind)));
        full.insert("id".into(), json!(resource.id));
        if let Some(external_id) = &resource.external_id {
            full.insert("externalId".into(), json!(external_id));
        }
        full.extend(resource.document.0.iter().map(|(name, value)| (name.clone(), value.clone())));
        if let Some(active) = resource.active {
            full.insert("active".into(), json!(active));
        }
        for (name, links) in [("groups", &resource.groups), ("members", &resource.members)] {
            if let Some(links) = links.as_deref().filter(|links| !links.is_empty()) {
                full.insert(name.into(), links.iter().map(|link| self.link(link)).collect());
            }
        }
        full.insert("meta".into(), json!(self.meta(resource)));
        self.selection.apply(&self.kind, &mut full);
        full
    }

    fn link(&self, link: &Linked) -> Value {
        let mut value = json!({ "value": link.value, "$ref": format!("{}/{}", self.base, link.reference) });
        if let Some(display) = &link.display {
            value["display"] = json!(display);
        }
        value["type"] = json!(link.kind);
        value
    }

    /// RFC 7643 §3.1; `version` is the text of the `ETag` (RFC 7644 §3.14).
    fn meta(&self, resource: &Resource) -> Meta {
        Meta {
            resource_type: Some(self.kind.name.clone()),
            created: Some(resource.created),
            last_modified: Some(resource.modified),
            location: Some(self.location(&resource.id)),
            version: Some(resource.tag().to_string()),
        }
    }

    fn headers(&self, resource: &Resource) -> [(HeaderName, HeaderValue); 2] {
        let text = |text: String| HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""));
        let location = text(self.location(&resource.id));
        [(header::ETAG, text(resource.tag().to_string())), (header::LOCATION, location)]
    }
}

/// A page over several resource types, each resource as its own type has it.
pub fn mixed_list(renderers: &[Renderer], page: &Page) -> Response {
    let shown = |resource: &Resource| {
        let renderer = renderers.iter().find(|renderer| renderer.kind.name == resource.kind.name)?;
        Some(renderer.resource(resource))
    };
    listed(page, page.resources.iter().filter_map(shown).collect())
}

fn listed(page: &Page, resources: Vec<Map<String, Value>>) -> Response {
    let total = positive(page.total);
    scim(&match &page.cursors {
        None => ListResponse::page(total, positive(page.start_index), resources),
        Some(cursors) => ListResponse::cursor_page(total, cursors.next.clone(), resources),
    })
}

fn positive(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// A body of SCIM's own media type.
pub fn scim<T: Serialize>(message: &T) -> Response {
    match serde_json::to_vec(message) {
        Ok(body) => ([(header::CONTENT_TYPE, SCIM_JSON)], body).into_response(),
        Err(error) => {
            tracing::error!(error = %error, "an answer could not be printed");
            Refusal::internal().into_response()
        }
    }
}
