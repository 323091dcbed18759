//! The world that a batch of people is judged in: connections, the groups that their registers and claims mention, and
//! which group each claim value means.

use std::collections::{BTreeMap, BTreeSet};

use crate::jit::rules::{Mode, Rules};
use crate::reconcile::{Connection, DefaultMode, DefaultTeam, Group, Stamp, World};
use crate::scim::key;
use crate::scim::resource_type::Registry;
use crate::store::{Tx, people::Account, resources, vouches};

use super::Result;
use super::config::{Configuration, Connected, domain_of};

/// What people are found by when a group appears: the value as it is looked up, as an id, and folded as a name.
pub(crate) fn claim_keys<'a>(rules: &Rules, values: impl IntoIterator<Item = &'a String>) -> BTreeSet<String> {
    let looked_up = values.into_iter().filter_map(|value| rules.group_value(value));
    looked_up.flat_map(|value| [id_key(&value), name_key(&value)]).collect()
}

pub(crate) fn id_key(external_id: &str) -> String {
    format!("i:{external_id}")
}

pub(crate) fn name_key(name: &str) -> String {
    format!("n:{}", key::Key::text(false, name).0)
}

/// Completes the accounts' records with what configuration knows of them, and gathers the world around them.
pub(crate) async fn gather(
    tx: &mut Tx,
    configuration: &Configuration,
    registry: &Registry,
    accounts: &mut [Account],
    now: Stamp,
) -> Result<World> {
    for account in accounts.iter_mut() {
        for record in &mut account.person.records {
            let domain = account.name_keys.get(&record.connection).and_then(|key| domain_of(key));
            record.in_verified_domain = domain
                .and_then(|domain| configuration.domain_owner(&domain))
                .is_some_and(|owner| owner.id == record.connection);
        }
    }
    let mut connections: BTreeMap<String, Connection> =
        configuration.connections.iter().map(|connected| (connected.id.clone(), reconciled(connected))).collect();
    let mut meant: Vec<(String, String, String)> = Vec::new();
    for connected in &configuration.connections {
        let values: BTreeSet<&String> = accounts
            .iter()
            .flat_map(|account| &account.person.links)
            .filter(|link| link.connection == connected.id)
            .filter_map(|link| link.groups.as_ref())
            .flat_map(|claim| &claim.value)
            .collect();
        for (value, group) in meaning(tx, connected, &values).await? {
            meant.push((connected.id.clone(), value, group));
        }
    }
    let mut parents: BTreeSet<String> = meant.iter().map(|(_, _, group)| group.clone()).collect();
    for account in accounts.iter() {
        parents.extend(account.stored.keys().map(|(parent, _)| parent.clone()));
        parents.extend(account.person.held.iter().filter_map(|held| held.parent.clone()));
    }
    parents.extend(connections.values().filter_map(|connection| Some(connection.default_team.as_ref()?.group.clone())));
    let mut groups = BTreeMap::new();
    let mut displays = BTreeMap::new();
    let mut privileged = BTreeSet::new();
    for row in resources::existing(tx, &parents).await? {
        if row.kind == "Group" {
            if row.protected {
                privileged.insert(row.id.clone());
            }
            displays.insert(row.id.clone(), row.display.unwrap_or_default());
            groups.insert(row.id.clone(), Group { id: row.id, organization: row.organization, full: BTreeMap::new() });
        }
    }
    for (parent, connection, stamp) in vouches::full_lists(tx, &parents).await? {
        if let Some(group) = groups.get_mut(&parent) {
            group.full.insert(connection, stamp);
        }
    }
    for (id, value, group) in meant {
        let Some(connected) = configuration.connection(&id) else { continue };
        // A privileged group is reached by an administrator's binding of its id, never by a name that a claim happens to have.
        let is_reached =
            !privileged.contains(&group) || connected.rules.groups.table.values().any(|bound| *bound == group);
        if is_reached
            && groups
                .get(&group)
                .is_some_and(|found| in_scope(connected, &displays[&group], found.organization.as_deref()))
            && let Some(connection) = connections.get_mut(&id)
        {
            connection.groups_by_value.entry(value).or_default().insert(group);
        }
    }
    for connection in connections.values_mut() {
        // A default team that was deleted is none.
        connection.default_team = connection.default_team.take().filter(|team| groups.contains_key(&team.group));
    }
    Ok(World { now, unique: registry.unique.clone(), connections, groups })
}

/// Whether claims of the connection may touch a group of that name in that organization.
pub(crate) fn in_scope(connected: &Connected, display: &str, organization: Option<&str>) -> bool {
    organization.is_none_or(|organization| connected.serves(organization)) && connected.rules.in_scope(display)
}

fn reconciled(connected: &Connected) -> Connection {
    let rules = &connected.rules;
    Connection {
        id: connected.id.clone(),
        order: connected.order,
        default_organization: rules.defaults.organization.clone(),
        default_team: rules.defaults.group.clone().map(|group| DefaultTeam {
            group,
            mode: match rules.defaults.mode {
                Mode::Fallback => DefaultMode::Fallback,
                Mode::Always => DefaultMode::Always,
                Mode::Sticky => DefaultMode::Sticky,
            },
        }),
        claim_max_age: Some(rules.groups.claim_max_age.ms()),
        // While a connection is not on, nobody can sign in to renew anything.
        lease: rules.groups.lease.filter(|_| connected.state == "on").map(|lease| lease.ms()),
        groups_by_value: BTreeMap::new(),
        organizations: connected.organizations().into_iter().collect(),
        roles_by_value: rules.roles.map.clone(),
        roles_by_group: rules.roles.groups.clone(),
    }
}

/// Which groups these values mean, after the steps of the connection's rule: by the administrator's table, else among the
/// connection's own by `externalId` or name. A group of another owner is never joined by its name.
pub(crate) async fn meaning(
    tx: &mut Tx,
    connected: &Connected,
    values: &BTreeSet<&String>,
) -> Result<Vec<(String, String)>> {
    let mut meant = Vec::new();
    let (mut by_id, mut by_name) = (BTreeMap::<String, Vec<&String>>::new(), BTreeMap::<String, Vec<&String>>::new());
    for said in values {
        let Some(value) = connected.rules.group_value(said) else { continue };
        if let Some(group) = connected.rules.groups.table.get(&value) {
            meant.push(((*said).clone(), group.clone()));
        } else if connected.rules.is_group_id(&value) {
            by_id.entry(value).or_default().push(said);
        } else {
            by_name.entry(key::Key::text(false, &value).0).or_default().push(said);
        }
    }
    if by_id.is_empty() && by_name.is_empty() {
        return Ok(meant);
    }
    let ids: BTreeSet<String> = by_id.keys().cloned().collect();
    let names: BTreeSet<String> = by_name.keys().cloned().collect();
    for (is_id, found, group) in resources::groups_by_claim(tx, &connected.id, &ids, &names).await? {
        let said = if is_id { by_id.get(&found) } else { by_name.get(&found) };
        meant.extend(said.into_iter().flatten().map(|said| ((*said).clone(), group.clone())));
    }
    Ok(meant)
}
