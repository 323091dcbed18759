//! People, groups and organizations as somebody at a terminal names them: by name, or by id.

use serde_json::Value;

use super::{Failure, Roll};
use crate::directory::{self, Query, Resource, TenantInfo, Wants};

/// The id of the person with this userName, or with this id.
pub async fn person(roll: &Roll, tenant: &TenantInfo, name: &str) -> Result<String, Failure> {
    let found = having(roll, tenant, "User", "userName", name).await?;
    match only(found, "people", name)? {
        Some(person) => Ok(person),
        None => Err(Failure::Refused(format!("nobody has the userName or id {name:?}"))),
    }
}

/// The id of the group of this displayName, or with this id.
pub async fn group(roll: &Roll, tenant: &TenantInfo, name: &str) -> Result<String, Failure> {
    let found = having(roll, tenant, "Group", "displayName", name).await?;
    match only(found, "groups", name)? {
        Some(group) => Ok(group),
        None => Err(Failure::Refused(format!("there is no group with the displayName or id {name:?}"))),
    }
}

/// The id of the group of this displayName, the organization of this slug, or either with this id.
pub async fn parent(roll: &Roll, tenant: &TenantInfo, name: &str) -> Result<String, Failure> {
    let mut found = having(roll, tenant, "Group", "displayName", name).await?;
    if found.is_empty() {
        found = having(roll, tenant, "Organization", "slug", name).await?;
    }
    match only(found, "groups", name)? {
        Some(parent) => Ok(parent),
        None => Err(Failure::Refused(format!(
            "there is no group with the displayName or id {name:?}, nor an organization with that slug"
        ))),
    }
}

/// By the attribute, else by id.
async fn having(
    roll: &Roll,
    tenant: &TenantInfo,
    kind: &str,
    attribute: &str,
    name: &str,
) -> Result<Vec<String>, Failure> {
    let caller = roll.caller(tenant);
    let registry = roll.directory.registry(&tenant.id).await?;
    let Some(kind) = registry.type_named(kind) else { return Ok(Vec::new()) };
    let query = Query {
        // A filter's text is a JSON string (RFC 7644 §3.4.2.2).
        filter: Some(format!("{attribute} eq {}", Value::from(name))),
        sort_by: None,
        descending: false,
        start_index: 1,
        count: 10,
        wants: Wants::default(),
        base: String::new(),
    };
    let page = roll.directory.search(&caller, kind, &query).await?;
    if !page.resources.is_empty() {
        return Ok(page.resources.into_iter().map(|resource| resource.id).collect());
    }
    match roll.directory.find(&caller, kind, name, Wants::default()).await {
        Ok(Resource { id, .. }) => Ok(vec![id]),
        Err(directory::Error::Scim(error)) if error.status == 404 => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

fn only(mut found: Vec<String>, what: &str, name: &str) -> Result<Option<String>, Failure> {
    if found.len() > 1 {
        return Err(Failure::Refused(format!(
            "several {what} are called {name:?}; name one by its id: {}",
            found.join(", ")
        )));
    }
    Ok(found.pop())
}
