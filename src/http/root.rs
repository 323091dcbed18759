//! Queries over all resource types, at the base address (RFC 7644 §3.4.2.1, §3.4.3).

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::response::Response;

use super::Site;
use super::ask::scim_base;
use super::body::Body;
use super::gate::Client;
use super::parameters::Parameters;
use super::refusal::Refusal;
use super::render::{Renderer, mixed_list};
use crate::directory::{Caller, Directory, Limits, Range, Wants};
use crate::scim::message::SearchRequest;
use crate::scim::resource_type::ResourceType;

type Answer = Result<Response, Refusal>;

/// A query about everything, taken apart.
pub struct Everything {
    directory: Directory,
    caller: Caller,
    kinds: Vec<Arc<ResourceType>>,
    parameters: Parameters,
    limits: Limits,
    base: String,
}

pub async fn list(everything: Everything) -> Answer {
    let renderers = everything.renderers()?;
    let Everything { directory, caller, kinds, parameters, limits, base } = &everything;
    let query = parameters.query(wants(&renderers), base, limits)?;
    let by_cursor = parameters.by_cursor(limits)?;
    let page = directory.page(caller, Range::All(kinds), &query, by_cursor.as_ref()).await?;
    Ok(mixed_list(&renderers, &page))
}

pub async fn search(everything: Everything, Body(body): Body) -> Answer {
    let parameters = Parameters::from_search(SearchRequest::read(&body)?);
    list(Everything { parameters, ..everything }).await
}

impl Everything {
    /// Each type judges the lists of attributes by its own schemas: a name that it does not know selects nothing of it.
    fn renderers(&self) -> Result<Vec<Renderer>, Refusal> {
        let renderer = |kind: &Arc<ResourceType>| {
            let selection = self.parameters.selection(kind)?;
            Ok(Renderer { base: self.base.clone(), kind: kind.clone(), selection })
        };
        self.kinds.iter().map(renderer).collect()
    }
}

fn wants(renderers: &[Renderer]) -> Wants {
    let all = renderers.iter().map(Renderer::wants);
    all.fold(Wants::default(), |one, other| Wants {
        groups: one.groups || other.groups,
        members: one.members || other.members,
    })
}

impl FromRequestParts<Site> for Everything {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Refusal> {
        let client = Client::from_request_parts(parts, site).await?;
        Ok(Self {
            directory: site.directory.clone(),
            kinds: client.registry.types.clone(),
            parameters: Parameters::from_query(parts.uri.query().unwrap_or_default())?,
            limits: site.settings.pages,
            base: scim_base(site, &client.tenant.name, &parts.headers),
            caller: client.caller,
        })
    }
}
