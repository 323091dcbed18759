//! Lists: a page of a query over one resource type or over all, by index or by cursor, and the members of a group, as this
//! caller sees them.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::scim;
use crate::scim::filter::{Bound, Filter, Linked, bind_each, sort_places};
use crate::scim::resource_type::ResourceType;
use crate::store::search::{self, Order, Side};
use crate::store::{Tx, memberships, tenants};

use super::cursor::{ByCursor, Seal};
use super::read::{Wants, check_profile, check_running, find_in, linked, load, view, view_of};
use super::{Caller, Configuration, Directory, Resource, Result, Voice};

/// What is asked, however it is paged.
#[derive(Clone, Debug)]
pub struct Query {
    pub filter: Option<String>,
    pub sort_by: Option<String>,
    pub descending: bool,
    /// From 1.
    pub start_index: i64,
    /// Capped by the edge.
    pub count: i64,
    pub wants: Wants,
    /// The base of the endpoints as the client knows it, e.g. `https://h/t/acme/scim/v2/`: `meta.location` and `$ref`
    /// can be filtered.
    pub base: String,
}

#[derive(Debug)]
pub struct Page {
    /// All matches.
    pub total: i64,
    pub start_index: i64,
    pub resources: Vec<Resource>,
    /// Of a page by cursor.
    pub cursors: Option<Cursors>,
}

/// What leads on from a page by cursor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursors {
    /// `None` on the last page, and only there (RFC 9865 §2).
    pub next: Option<String>,
}

/// Members of a group.
#[derive(Debug)]
pub struct MemberPage {
    /// Counted only where it was asked for alone: to count them takes as long as the group is large.
    pub total: Option<i64>,
    pub members: Vec<Linked>,
    pub next: Option<String>,
}

/// Which resources a query is about.
#[derive(Clone, Copy, Debug)]
pub enum Range<'a> {
    /// An endpoint of one type.
    One(&'a Arc<ResourceType>),
    /// The base address: all of these types (RFC 7644 §3.4.2.1).
    All(&'a [Arc<ResourceType>]),
}

impl<'a> Range<'a> {
    fn kinds(self) -> &'a [Arc<ResourceType>] {
        match self {
            Self::One(kind) => std::slice::from_ref(kind),
            Self::All(kinds) => kinds,
        }
    }

    fn endpoint(self) -> &'a str {
        match self {
            Self::One(kind) => &kind.endpoint,
            Self::All(_) => "/",
        }
    }
}

impl Directory {
    /// A page by index.
    pub async fn search(&self, caller: &Caller, kind: &Arc<ResourceType>, query: &Query) -> Result<Page> {
        self.page(caller, Range::One(kind), query, None).await
    }

    /// A page of a query, by index (RFC 7644 §3.4.2.4) or by cursor (RFC 9865).
    pub async fn page(
        &self,
        caller: &Caller,
        range: Range<'_>,
        query: &Query,
        by_cursor: Option<&ByCursor>,
    ) -> Result<Page> {
        check_reader(caller)?;
        let kinds: Vec<&ResourceType> = range.kinds().iter().map(|kind| &**kind).collect();
        let (filter, notes) = query.filter.as_deref().map(Filter::parse_with_notes).transpose()?.unzip();
        let filters = match &filter {
            Some(filter) => bind_each(filter, &kinds)?,
            None => vec![Bound::All; kinds.len()],
        };
        let places = match &query.sort_by {
            Some(sort_by) => sort_places(&kinds, sort_by)?,
            None => vec![None; kinds.len()],
        };
        let order = match (&query.sort_by, query.descending) {
            (None, _) => Order::ById,
            (Some(_), false) => Order::Ascending,
            (Some(_), true) => Order::Descending,
        };
        let locations: Vec<String> =
            kinds.iter().map(|kind| format!("{}{}/", query.base, kind.endpoint.trim_start_matches('/'))).collect();

        let mut tx = self.engine.read(&caller.tenant).await?;
        let configuration = Configuration::load(&mut tx).await?;
        check_running(&configuration, &caller.voice)?;
        check_profile(&configuration, &caller.voice, notes.as_deref().unwrap_or_default())?;
        let views: Vec<search::View> = kinds.iter().map(|kind| view_of(&configuration, &caller.voice, kind)).collect();
        let sides = (0..kinds.len()).map(|at| Side {
            kind: &kinds[at].name,
            view: &views[at],
            filter: &filters[at],
            sort: places[at].as_ref(),
            location: &locations[at],
        });
        let asked = search::Query { sides: sides.collect(), order, base: &query.base };
        let total = search::count(&mut tx, &asked).await?;
        let (ids, cursors) = match by_cursor {
            None => (indexed(&mut tx, &asked, query, total).await?, None),
            Some(by_cursor) => {
                let filter = filter.as_ref().map(ToString::to_string);
                let about = (range.endpoint(), connection(caller), filter, &query.sort_by, query.descending);
                let seal = seal(&mut tx, &about).await?;
                let (ids, next) = self.behind(&mut tx, &asked, &seal, by_cursor).await?;
                (ids, Some(Cursors { next }))
            }
        };
        let resources = load_each(&mut tx, &views, range.kinds(), &ids, query.wants).await?;
        Ok(Page { total, start_index: query.start_index, resources, cursors })
    }

    /// What a cursor leads to, and the cursor of what follows.
    async fn behind(
        &self,
        tx: &mut Tx,
        asked: &search::Query<'_>,
        seal: &Seal,
        by_cursor: &ByCursor,
    ) -> Result<(Vec<(usize, String)>, Option<String>)> {
        let now = self.clock.now();
        let start = seal.start(now, by_cursor)?;
        if start.count == 0 {
            return Ok((Vec::new(), None));
        }
        // One more than the page holds tells whether it is the last.
        let mut found = search::after(tx, asked, start.position.as_ref(), start.count + 1).await?;
        let next = match cut(&mut found, start.count) {
            Some(last) => Some(seal.seal(&self.ids, now, start.count, &last.position)?),
            None => None,
        };
        Ok((found.into_iter().map(|found| (found.side, found.position.id)).collect(), next))
    }

    /// The members of a group in the order of their ids, a page at a time: what a page costs does not depend on how many
    /// there are, nor on how many came before.
    pub async fn members(
        &self,
        caller: &Caller,
        kind: &Arc<ResourceType>,
        id: &str,
        by_cursor: &ByCursor,
    ) -> Result<MemberPage> {
        check_reader(caller)?;
        let mut tx = self.engine.read(&caller.tenant).await?;
        let configuration = Configuration::load(&mut tx).await?;
        check_running(&configuration, &caller.voice)?;
        find_in(&mut tx, &configuration, &caller.voice, kind, id, Wants::default()).await?;
        let view = view(&configuration, &caller.voice);
        let about = (format!("{}/{id}/members", kind.endpoint), connection(caller));
        let seal = seal(&mut tx, &about).await?;
        let now = self.clock.now();
        let start = seal.start(now, by_cursor)?;
        if start.count == 0 {
            let total = memberships::count_members(&mut tx, id, &view).await?;
            return Ok(MemberPage { total: Some(total), members: Vec::new(), next: None });
        }
        let behind = start.position.map(|position| position.id);
        let mut edges =
            memberships::members_behind(&mut tx, id, &view, behind.as_deref().unwrap_or(""), start.count + 1).await?;
        let next = match cut(&mut edges, start.count) {
            Some(last) => {
                let position = search::Position { key: None, id: last.id.clone() };
                Some(seal.seal(&self.ids, now, start.count, &position)?)
            }
            None => None,
        };
        Ok(MemberPage { total: None, members: linked(Some(edges), ""), next })
    }
}

/// No route leads a user's own token here; should one ever, it finds nothing.
fn check_reader(caller: &Caller) -> Result<()> {
    match caller.voice {
        Voice::Person { .. } => Err(scim::Error::forbidden("this token reads its own user only, at /Me").into()),
        _ => Ok(()),
    }
}

async fn indexed(tx: &mut Tx, asked: &search::Query<'_>, query: &Query, total: i64) -> Result<Vec<(usize, String)>> {
    let offset = query.start_index - 1;
    if query.count == 0 || total <= offset {
        return Ok(Vec::new());
    }
    Ok(search::page(tx, asked, offset, query.count).await?)
}

/// Leaves the page in `found` and gives its last one, if there is more behind it.
fn cut<T: Clone>(found: &mut Vec<T>, count: i64) -> Option<T> {
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    if found.len() <= count {
        return None;
    }
    found.truncate(count);
    found.last().cloned()
}

/// Whose words are read: a cursor of one connection is of no use to another, nor to who reads the effective view.
fn connection(caller: &Caller) -> Option<&str> {
    match &caller.voice {
        Voice::Push { connection } => Some(connection),
        Voice::Administrator | Voice::Reader | Voice::Person { .. } => None,
    }
}

async fn seal<T: serde::Serialize>(tx: &mut Tx, about: &T) -> Result<Seal> {
    let tenant = tenants::current(tx).await?.ok_or_else(|| scim::Error::not_found("no such tenant"))?;
    Seal::new(&tenant, about)
}

/// Full resources of several types in the order in which they were found.
async fn load_each(
    tx: &mut Tx,
    views: &[search::View],
    kinds: &[Arc<ResourceType>],
    found: &[(usize, String)],
    wants: Wants,
) -> Result<Vec<Resource>> {
    let mut loaded: BTreeMap<String, Resource> = BTreeMap::new();
    for (at, kind) in kinds.iter().enumerate() {
        let ids: Vec<String> = found.iter().filter(|(side, _)| *side == at).map(|(_, id)| id.clone()).collect();
        let resources = load(tx, &views[at], kind, &ids, wants).await?;
        loaded.extend(resources.into_iter().map(|resource| (resource.id.clone(), resource)));
    }
    Ok(found.iter().filter_map(|(_, id)| loaded.remove(id)).collect())
}
