//! `query FILTER`: the same query that a client asks over SCIM, with the administrator's eyes.

use std::sync::Arc;

use serde_json::Value;

use super::answer::{or_dash, table};
use super::roll::TenantName;
use super::{Answer, Failure, Roll, entry};
use crate::directory::{self, Page, Resource, Wants};
use crate::scim::message::ListResponse;
use crate::scim::resource_type::ResourceType;

#[derive(Debug, clap::Args)]
pub struct Query {
    /// For example 'userName sw "b" and active eq true' [default: everything]
    filter: Option<String>,
    /// Users, Groups or Organizations
    #[arg(long = "type", value_name = "TYPE", default_value = "Users")]
    kind: String,
    /// An attribute, for example name.familyName
    #[arg(long, value_name = "PATH")]
    sort_by: Option<String>,
    /// The greatest first
    #[arg(long, requires = "sort_by")]
    descending: bool,
    /// The first one to show, counted from 1
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(i64).range(1..))]
    start_index: i64,
    /// How many to show
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(i64).range(0..=1000))]
    count: i64,
    #[command(flatten)]
    tenant: TenantName,
}

impl Query {
    pub async fn run(&self, roll: &Roll) -> Result<Answer, Failure> {
        let tenant = roll.tenant(&self.tenant).await?;
        let registry = roll.directory.registry(&tenant.id).await?;
        let Some(kind) = registry.type_at(&self.kind) else {
            let known: Vec<&str> = registry.types.iter().map(|kind| kind.endpoint.trim_start_matches('/')).collect();
            return Err(Failure::Usage(format!("--type: {:?} is not one of {}", self.kind, known.join(", "))));
        };
        let query = directory::Query {
            filter: self.filter.clone().filter(|filter| !filter.trim().is_empty()),
            sort_by: self.sort_by.clone(),
            descending: self.descending,
            start_index: self.start_index,
            count: self.count,
            wants: Wants { groups: true, members: true },
            base: format!("{}/t/{}/scim/v2/", roll.origin, tenant.name),
        };
        let page = roll.directory.search(&roll.caller(&tenant), kind, &query).await?;
        let positive = |number: i64| u64::try_from(number).unwrap_or(0);
        let resources: Vec<Value> = page.resources.iter().map(entry::shown).collect();
        let list = ListResponse::page(positive(page.total), positive(page.start_index), resources);
        Ok(Answer::new(text(kind, &page), list))
    }
}

fn text(kind: &Arc<ResourceType>, page: &Page) -> String {
    let rows = page.resources.iter();
    let mut text = match kind.name.as_str() {
        "User" => table("", ["userName", "name", "active", "groups", "id"], rows.map(person)),
        "Group" => table("", ["displayName", "members", "externalId", "id"], rows.map(group)),
        _ => table("", ["slug", "displayName", "id"], rows.map(organization)),
    };
    let (shown, total) = (page.resources.len(), page.total);
    if !text.is_empty() {
        text.push_str("\n\n");
    }
    let one = kind.name.to_lowercase();
    text.push_str(&match (shown, total) {
        (_, 0) => format!("no {one}s"),
        (1, 1) => format!("1 {one}"),
        (shown, total) if i64::try_from(shown) == Ok(total) => format!("{total} {one}s"),
        (shown, total) => format!("{shown} of {total} {one}s, from number {}", page.start_index),
    });
    text
}

fn person(resource: &Resource) -> [String; 5] {
    let active = if resource.active == Some(false) { "no" } else { "yes" };
    let groups: Vec<&str> = resource.groups.iter().flatten().filter_map(|group| group.display.as_deref()).collect();
    let name = say(resource, "/displayName").or_else(|| say(resource, "/name/formatted")).or_else(|| {
        let parts = [say(resource, "/name/givenName"), say(resource, "/name/familyName")];
        Some(parts.into_iter().flatten().collect::<Vec<_>>().join(" "))
    });
    [
        or_dash(say(resource, "/userName").as_deref()),
        or_dash(name.as_deref()),
        active.to_owned(),
        or_dash(Some(&groups.join(", "))),
        resource.id.clone(),
    ]
}

fn group(resource: &Resource) -> [String; 4] {
    let members = resource.members.as_ref().map_or(0, Vec::len).to_string();
    let external_id = or_dash(resource.external_id.as_deref());
    [or_dash(say(resource, "/displayName").as_deref()), members, external_id, resource.id.clone()]
}

fn organization(resource: &Resource) -> [String; 3] {
    let [slug, display] = ["/slug", "/displayName"].map(|path| or_dash(say(resource, path).as_deref()));
    [slug, display, resource.id.clone()]
}

/// The text at a place of the document.
fn say(resource: &Resource, path: &str) -> Option<String> {
    let mut steps = path.trim_start_matches('/').split('/');
    let top = resource.document.0.get(steps.next()?)?;
    steps.try_fold(top, |value, step| value.get(step))?.as_str().map(str::to_owned)
}
