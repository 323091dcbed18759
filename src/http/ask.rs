//! One SCIM request, taken apart: who asks, about which resource type, under which conditions, and what of the
//! answer they want to see.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, header};

use super::Site;
use super::address::unrouted;
use super::gate::{Client, Gate};
use super::parameters::Parameters;
use super::refusal::Refusal;
use super::render::Renderer;
use crate::directory::{ByCursor, Caller, Directory, Limits, Precondition, Query, Range, Wants};
use crate::scim::document::Note;
use crate::scim::message::SearchRequest;
use crate::scim::resource_type::ResourceType;
use crate::scim::version::Tags;

pub struct Ask {
    pub directory: Directory,
    pub caller: Caller,
    pub kind: Arc<ResourceType>,
    /// `If-Match`.
    expected: Option<Tags>,
    /// `If-None-Match`: what the client holds already.
    pub known: Option<Tags>,
    pub parameters: Parameters,
    pub limits: Limits,
    pub render: Renderer,
}

impl Ask {
    /// Memberships are read only if the answer shows them: a group list without `members` costs the same at any size.
    pub fn wants(&self) -> Wants {
        self.render.wants()
    }

    pub fn query(&self) -> Result<Query, Refusal> {
        self.parameters.query(self.wants(), &self.render.base, &self.limits)
    }

    /// What must hold of the stored version before a write.
    pub fn before_write(&self) -> Precondition {
        match (&self.expected, &self.known) {
            (None, None) => Precondition::None,
            (expected, known) => Precondition::All(
                expected
                    .iter()
                    .map(|tags| Precondition::IfMatch(tags.clone()))
                    .chain(known.iter().map(|tags| Precondition::IfNoneMatch(tags.clone())))
                    .collect(),
            ),
        }
    }

    /// What must hold of the stored version before a read, where `If-None-Match` is answered with 304 instead.
    pub fn before_read(&self) -> Precondition {
        self.expected.clone().map_or(Precondition::None, Precondition::IfMatch)
    }

    pub fn range(&self) -> Range<'_> {
        Range::One(&self.kind)
    }

    pub fn by_cursor(&self) -> Result<Option<ByCursor>, Refusal> {
        self.parameters.by_cursor(&self.limits)
    }

    /// RFC 7644 §3.4.3: the body of a `.search` says what the query string of a GET would.
    pub fn searching(mut self, request: SearchRequest) -> Result<Self, Refusal> {
        self.parameters = Parameters::from_search(request);
        self.render.selection = self.parameters.selection(&self.kind)?;
        Ok(self)
    }

    /// RFC 7643 §7: the answer shows what was written, where an attribute is returned on request.
    pub fn wrote(&mut self, names: BTreeSet<String>) {
        let selection = std::mem::take(&mut self.render.selection);
        self.render.selection = selection.with_written(&names);
    }

    /// Leniencies that were used, for whoever debugs an IdP: codes and attribute names, never a value.
    pub fn trace(&self, notes: &[Note]) {
        for note in notes {
            tracing::debug!(resource.kind = self.kind.name, note.code, note.at, "read leniently");
        }
    }
}

impl FromRequestParts<Site> for Ask {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Refusal> {
        let client = Client::from_request_parts(parts, site).await?;
        let kind = kind(parts, site, &client).await?;
        let parameters = Parameters::from_query(parts.uri.query().unwrap_or_default())?;
        let selection = parameters.selection(&kind)?;
        let base = scim_base(site, &client.tenant.name, &parts.headers);
        Ok(Self {
            directory: site.directory.clone(),
            caller: client.caller,
            expected: tags(&parts.headers, header::IF_MATCH),
            known: tags(&parts.headers, header::IF_NONE_MATCH),
            parameters,
            limits: site.settings.pages,
            render: Renderer { base, kind: kind.clone(), selection },
            kind,
        })
    }
}

/// The type that the route names, or the tenant's own at the endpoint in the path.
async fn kind(parts: &mut Parts, site: &Site, client: &Client) -> Result<Arc<ResourceType>, Refusal> {
    if let Some(name) = parts.extensions.get::<Arc<Gate>>().and_then(|gate| gate.kind) {
        return client.registry.type_named(name).cloned().ok_or_else(|| {
            tracing::error!("a SCIM route without a known resource type");
            Refusal::internal()
        });
    }
    let endpoint = path_segment(parts, site, "type").await?;
    let own = client.registry.type_at(&endpoint).filter(|kind| kind.own).cloned();
    own.ok_or_else(|| unrouted(parts.uri.path()))
}

/// What `meta.location` and `Location` start with (RFC 7644 §1.3): the base URI of this tenant, without a slash.
pub fn scim_base(site: &Site, tenant: &str, headers: &HeaderMap) -> String {
    format!("{}/t/{tenant}/scim/v2", site.settings.origin(headers))
}

/// A condition may be spread over several header lines (RFC 9110 §5.3).
fn tags(headers: &HeaderMap, name: HeaderName) -> Option<Tags> {
    // A line that cannot be read is a condition that cannot hold: it must not be taken for none.
    let lines: Vec<&str> = headers.get_all(name).iter().map(|line| line.to_str().unwrap_or("\"unreadable\"")).collect();
    (!lines.is_empty()).then(|| Tags::parse(&lines.join(",")))
}

/// `{id}` of the path: any text, an id that is not in our form is simply unknown.
pub struct Id(pub String);

impl FromRequestParts<Site> for Id {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Refusal> {
        path_segment(parts, site, "id").await.map(Self)
    }
}

/// `{parent}` of the path: a group or an organization.
pub struct Parent(pub String);

impl FromRequestParts<Site> for Parent {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Refusal> {
        path_segment(parts, site, "parent").await.map(Self)
    }
}

/// `{broker}` of the path: a name or an id.
pub struct BrokerName(pub String);

impl FromRequestParts<Site> for BrokerName {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Refusal> {
        path_segment(parts, site, "broker").await.map(Self)
    }
}

/// `{attribute}` of the path, as SCIM spells it.
pub struct Attribute(pub String);

impl FromRequestParts<Site> for Attribute {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Refusal> {
        path_segment(parts, site, "attribute").await.map(Self)
    }
}

async fn path_segment(parts: &mut Parts, site: &Site, name: &str) -> Result<String, Refusal> {
    let unknown = || Refusal::not_found("there is nothing with this id");
    let params = RawPathParams::from_request_parts(parts, site).await.map_err(|_| unknown())?;
    let segment = params.iter().find(|(known, _)| *known == name);
    // U+0000 is in no id, and PostgreSQL takes it in no text.
    segment.map(|(_, value)| value.to_owned()).filter(|value| !value.contains('\0')).ok_or_else(unknown)
}
