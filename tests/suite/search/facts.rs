//! What the evaluator looks at, and the order in memory.

use rollkeeper::directory::Resource;
use rollkeeper::scim::filter::{Facts, Indexed, Linked, Place};
use rollkeeper::scim::key::{self, Key};
use rollkeeper::scim::resource_type::ResourceType;

use crate::support::roll::BASE;

/// A resource with what evaluation looks at: references as the client knows them.
pub struct Complete<'a> {
    resource: &'a Resource,
    location: String,
    members: Vec<Linked>,
    groups: Vec<Linked>,
}

impl<'a> Complete<'a> {
    pub fn of(resource: &'a Resource) -> Self {
        let absolute = |links: &Option<Vec<Linked>>| {
            let links = links.iter().flatten().cloned();
            links.map(|link| Linked { reference: format!("{BASE}{}", link.reference), ..link }).collect()
        };
        let endpoint = resource.kind.endpoint.trim_start_matches('/');
        Self {
            resource,
            location: format!("{BASE}{endpoint}/{}", resource.id),
            members: absolute(&resource.members),
            groups: absolute(&resource.groups),
        }
    }

    pub fn with<T>(&self, kind: &ResourceType, look: impl FnOnce(&Facts<'_>) -> T) -> T {
        let resource = self.resource;
        look(&Facts {
            id: &resource.id,
            kind,
            external_id: resource.external_id.as_deref(),
            active: resource.active,
            created: resource.created,
            modified: resource.modified,
            version: resource.version,
            location: &self.location,
            document: &resource.document,
            members: &self.members,
            groups: &self.groups,
        })
    }
}

/// Paths to sort resources of a type by.
pub fn sortable(kind: &str) -> &'static [&'static str] {
    match kind {
        "User" => &[
            "id",
            "externalId",
            "userName",
            "displayName",
            "name.familyName",
            "title",
            "active",
            "emails",
            "emails.type",
            "roles.value",
            "meta.created",
            "meta.lastModified",
            "meta.location",
            "addresses.country",
            "department",
        ],
        "Group" => &["id", "externalId", "displayName", "meta.created", "meta.lastModified"],
        _ => &["slug", "seats", "displayName", "meta.created"],
    }
}

pub fn sort_key(place: &Place, facts: &Facts<'_>) -> Option<Key> {
    match place {
        Place::Id | Place::Location => Some(Key(facts.id.to_owned())),
        Place::ExternalId => facts.external_id.map(|text| Key(text.to_owned())),
        Place::Active => facts.active.map(Key::boolean),
        Place::Created => Some(Key::instant(facts.created)),
        Place::LastModified => Some(Key::instant(facts.modified)),
        Place::ResourceType => Some(Key(facts.kind.name.clone())),
        Place::Indexed(Indexed { attr, .. }) => key::entries(facts.kind, facts.document)
            .into_iter()
            .filter(|row| row.attr == **attr && row.slot == 0)
            .map(|row| row.key)
            .min(),
        other => panic!("{other:?} is not sorted by here"),
    }
}
