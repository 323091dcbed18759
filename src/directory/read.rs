//! Reading one resource, or those of a page, as this caller sees them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::jit::rules::Profile;
use crate::scim::document::{Document, Note};
use crate::scim::filter::Linked;
use crate::scim::resource_type::ResourceType;
use crate::scim::version::Tag;
use crate::scim::{self};
use crate::store::search::{self, View};
use crate::store::{Tx, memberships, resources};

use super::people::is_open;
use super::work::corrupt;
use super::{Caller, Configuration, Directory, Result, Voice};

/// A resource as one caller sees it.
#[derive(Clone, Debug)]
pub struct Resource {
    pub id: String,
    pub kind: Arc<ResourceType>,
    pub version: i64,
    pub created: i64,
    pub modified: i64,
    pub external_id: Option<String>,
    /// Of a User.
    pub active: Option<bool>,
    /// Schema attributes only: no `id`, `meta`, `externalId`, `active`, `groups`, `members`.
    pub document: Document,
    pub groups: Option<Vec<Linked>>,
    pub members: Option<Vec<Linked>>,
    /// A push reads somebody whom it has not claimed yet: few attributes.
    pub limited: bool,
}

impl Resource {
    /// The entity tag: the stored version, and a digest of the memberships that the answer shows where others change
    /// them.
    pub fn tag(&self) -> Tag {
        match self.digest() {
            Some(digest) => Tag::with_digest(self.version, digest),
            None => Tag::new(self.version),
        }
    }

    fn digest(&self) -> Option<u32> {
        let links = self.groups.as_ref().or(self.members.as_ref())?;
        let mut hash = Sha256::new();
        for link in links {
            hash.update(link.value.as_bytes());
            hash.update([0]);
            hash.update(link.kind.as_bytes());
            hash.update([0]);
            hash.update(link.display.as_deref().unwrap_or_default().as_bytes());
            hash.update([1]);
        }
        let bytes = hash.finalize();
        Some(u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }
}

/// Which memberships the answer shows; they cost a statement each.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wants {
    pub groups: bool,
    pub members: bool,
}

impl Directory {
    /// GET by id; 404 for what this caller does not see.
    pub async fn find(&self, caller: &Caller, kind: &Arc<ResourceType>, id: &str, wants: Wants) -> Result<Resource> {
        let mut tx = self.engine.read(&caller.tenant).await?;
        let configuration = Configuration::load(&mut tx).await?;
        check_running(&configuration, &caller.voice)?;
        find_in(&mut tx, &configuration, &caller.voice, kind, id, wants).await
    }
}

/// A connection that an administrator paused neither reads nor writes; nothing of it ages meanwhile.
pub(crate) fn check_running(configuration: &Configuration, voice: &Voice) -> Result<()> {
    if let Voice::Push { connection } = voice
        && let Some(connected) = configuration.connection(connection)
        && connected.state != "on"
    {
        return Err(scim::Error::forbidden(format!(
            "connection {} is paused: an administrator has to switch it on again",
            connected.name
        ))
        .into());
    }
    Ok(())
}

/// Leniencies of a filter: traced, and refused where the connection's profile is strict.
pub(super) fn check_profile(configuration: &Configuration, voice: &Voice, notes: &[Note]) -> Result<()> {
    for note in notes {
        tracing::debug!(note.code, note.at, "read leniently");
    }
    let Voice::Push { connection } = voice else { return Ok(()) };
    let is_strict = configuration.connection(connection).is_some_and(|c| c.rules.push.profile == Profile::Strict);
    match notes.iter().filter(|_| is_strict).find_map(Note::strictly) {
        Some(refusal) => Err(refusal.into()),
        None => Ok(()),
    }
}

/// What a voice reads.
pub(crate) fn view(configuration: &Configuration, voice: &Voice) -> View {
    match voice {
        Voice::Administrator | Voice::Reader | Voice::Person { .. } => View::Effective,
        Voice::Push { connection } => {
            let connected = configuration.connection(connection);
            View::Push {
                connection: connection.clone(),
                sole: configuration.is_sole(connection),
                domains: connected.map(|c| c.domains()).unwrap_or_default(),
                organizations: connected.map(|c| c.organizations()).unwrap_or_default(),
                succeeds: connected.and_then(|c| c.succeeds.clone()),
            }
        }
    }
}

/// What a voice reads of a type: resources of a tenant's own types have one owner, and everybody reads the same.
pub(super) fn view_of(configuration: &Configuration, voice: &Voice, kind: &ResourceType) -> View {
    if kind.own { View::Effective } else { view(configuration, voice) }
}

/// The same within a transaction that is under way.
pub(crate) async fn find_in(
    tx: &mut Tx,
    configuration: &Configuration,
    voice: &Voice,
    kind: &Arc<ResourceType>,
    id: &str,
    wants: Wants,
) -> Result<Resource> {
    let view = view_of(configuration, voice, kind);
    let missing = || scim::Error::not_found(format!("no {} with this id", kind.name.to_lowercase()));
    if matches!(voice, Voice::Person { id: own } if own != id) {
        return Err(missing().into());
    }
    if matches!(view, View::Push { .. }) && !search::sees(tx, &view, &kind.name, id).await? {
        return Err(missing().into());
    }
    load(tx, &view, kind, &[id.to_owned()], wants).await?.pop().ok_or_else(|| missing().into())
}

/// Full resources in the order of the ids.
pub(super) async fn load(
    tx: &mut Tx,
    view: &View,
    kind: &Arc<ResourceType>,
    ids: &[String],
    wants: Wants,
) -> Result<Vec<Resource>> {
    let set: BTreeSet<String> = ids.iter().cloned().collect();
    if set.is_empty() {
        return Ok(Vec::new());
    }
    let mut rows: BTreeMap<String, resources::Row> = resources::existing(tx, &set)
        .await?
        .into_iter()
        .filter(|row| row.kind == kind.name)
        .map(|row| (row.id.clone(), row))
        .collect();
    let mut records: BTreeMap<String, resources::Record> = BTreeMap::new();
    match view {
        View::Push { connection, .. } => {
            for record in resources::records_of(tx, connection, &set).await? {
                records.insert(record.resource.clone(), record);
            }
        }
        View::Effective => {
            for record in resources::home_records(tx, &set).await? {
                records.insert(record.resource.clone(), record);
            }
        }
    }
    let mut groups = edges(if wants.groups && kind.name == "User" {
        memberships::groups_of(tx, &set, view).await?
    } else {
        Vec::new()
    });
    let mut members = edges(if wants.members && kind.name == "Group" {
        memberships::members_of(tx, &set, view).await?
    } else {
        Vec::new()
    });
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        let Some(row) = rows.remove(id) else { continue };
        let mut resource = resource(kind, row, records.get(id), view)?;
        if wants.groups && kind.name == "User" {
            resource.groups = Some(linked(groups.remove(id), "Groups"));
        }
        if wants.members && kind.name == "Group" {
            resource.members = Some(linked(members.remove(id), ""));
        }
        found.push(resource);
    }
    Ok(found)
}

fn resource(
    kind: &Arc<ResourceType>,
    row: resources::Row,
    record: Option<&resources::Record>,
    view: &View,
) -> Result<Resource> {
    let is_push = matches!(view, View::Push { .. });
    let text = match record.and_then(|record| record.document.as_ref()) {
        Some(own) if is_push => own,
        _ => &row.document,
    };
    let mut document = Document::from_json(text).map_err(|e| corrupt("resource", format!("{}: {e}", row.id)))?;
    let entered = document.take_external_id();
    let limited = is_push && record.is_none() && kind.name == "User";
    if limited {
        document.0.retain(|name, _| is_open(name));
    }
    let external_id = match record {
        Some(record) => record.external_id.clone(),
        None => entered.filter(|_| !is_push),
    };
    let active = (kind.name == "User").then_some(match record {
        Some(record) if is_push => record.active,
        _ => row.active,
    });
    Ok(Resource {
        id: row.id,
        kind: kind.clone(),
        version: row.version,
        created: row.created,
        modified: row.modified,
        external_id,
        active,
        document,
        groups: None,
        members: None,
        limited,
    })
}

fn edges(all: Vec<memberships::Edge>) -> BTreeMap<String, Vec<memberships::Edge>> {
    let mut by_subject: BTreeMap<String, Vec<memberships::Edge>> = BTreeMap::new();
    for edge in all {
        by_subject.entry(edge.subject.clone()).or_default().push(edge);
    }
    by_subject
}

/// `$ref` relative to the base; of members the endpoint follows from their kind.
pub(super) fn linked(edges: Option<Vec<memberships::Edge>>, endpoint: &str) -> Vec<Linked> {
    edges
        .unwrap_or_default()
        .into_iter()
        .map(|edge| {
            let endpoint = match (endpoint, edge.kind.as_str()) {
                ("", "User") => "Users",
                ("", _) => "Groups",
                (endpoint, _) => endpoint,
            };
            Linked {
                reference: format!("{endpoint}/{}", edge.id),
                value: edge.id,
                kind: edge.kind,
                display: edge.display,
            }
        })
        .collect()
}
