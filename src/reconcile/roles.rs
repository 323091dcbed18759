//! Roles: what somebody is in an organization, apart from being there.
//!
//! A role belongs to the vouch it came with: a grant's or an invitation's is its own; what a connection's claims and its
//! table of groups say goes with the rows that this connection makes, and ends with them. Of the roles that stand, the
//! highest is the person's; whoever is there without one is a `member`.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::reading::Reading;
use super::registers::{Connection, Source, Word, World};

/// Lowest first.
pub const ROLES: [&str; 3] = ["member", "editor", "owner"];

pub const MEMBER: &str = ROLES[0];
pub const OWNER: &str = ROLES[2];

/// Highest first. A role that only a connection defines stands between `member` and `editor`: it means something to an
/// application and nothing here.
pub fn rank(role: &str) -> impl Ord + use<'_> {
    let level = match role {
        OWNER => 3,
        "editor" => 2,
        MEMBER => 0,
        _ => 1,
    };
    Reverse((level, Reverse(role)))
}

/// The highest of these.
pub fn highest<'a>(roles: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    roles.into_iter().min_by(|one, other| rank(one).cmp(&rank(other)))
}

/// The role of each row that has one, counting or not.
pub(crate) fn roles<'r>(
    reading: &Reading<'_>,
    rows: impl IntoIterator<Item = &'r (String, Source)>,
) -> BTreeMap<(String, Source), String> {
    rows.into_iter().filter_map(|row| Some((row.clone(), role(reading, &row.0, &row.1)?))).collect()
}

fn role(reading: &Reading<'_>, parent: &str, source: &Source) -> Option<String> {
    let said = reading.vouches(parent).iter().find(|vouch| vouch.source == *source);
    match source {
        Source::Push(id) => {
            said.filter(|vouch| vouch.word == Word::Grant)?;
            of_connection(reading, id, parent)
        }
        Source::Login(id) | Source::Default(id) | Source::Held(id) => of_connection(reading, id, parent),
        Source::Grant | Source::Invite | Source::Import => said?.role.clone(),
        Source::Deny => None,
    }
}

/// What a connection says of the person in an organization that it serves: its claims, else its table of groups.
fn of_connection(reading: &Reading<'_>, id: &str, parent: &str) -> Option<String> {
    let connection = reading.connection(id)?;
    let organization = match reading.world.groups.get(parent) {
        Some(group) => group.organization.as_deref()?,
        None => parent,
    };
    if !connection.organizations.contains(organization) {
        return None;
    }
    claimed(reading, connection).or_else(|| connection.roles_by_group.get(parent).cloned())
}

/// The highest role that the connection's newest living claim of roles means.
fn claimed(reading: &Reading<'_>, connection: &Connection) -> Option<String> {
    let claims = reading.links(&connection.id).filter_map(|link| Some((link, link.roles.as_ref()?)));
    let living = claims
        .filter(|(link, claim)| reading.is_alive(&connection.id, claim.stamp) && !reading.is_aged(link, claim))
        .max_by_key(|(link, claim)| (claim.stamp, &link.subject));
    let values: &BTreeSet<String> = &living?.1.value;
    let meant = values.iter().filter_map(|value| connection.roles_by_value.get(value)).map(String::as_str);
    highest(meant).map(str::to_owned)
}

/// The person's role in each organization: `rows` that count, with their roles.
pub(crate) fn effective<'r>(
    world: &World,
    live: impl IntoIterator<Item = &'r (String, Source)>,
    roles: &'r BTreeMap<(String, Source), String>,
) -> BTreeMap<String, String> {
    let mut all: BTreeMap<String, String> = BTreeMap::new();
    for row in live {
        let organization = match world.groups.get(&row.0) {
            Some(group) => match &group.organization {
                Some(organization) => organization,
                None => continue,
            },
            None => &row.0,
        };
        let role = roles.get(row).map_or(MEMBER, String::as_str);
        let stands = all.get(organization).map_or(MEMBER, String::as_str);
        let higher = highest([role, stands]).unwrap_or(MEMBER).to_owned();
        all.insert(organization.clone(), higher);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_role_counts() {
        assert_eq!(highest(["member", "owner", "editor"]), Some("owner"));
        assert_eq!(highest(["billing", "member"]), Some("billing"));
        assert_eq!(highest(["zeal", "member"]), Some("zeal"));
        assert_eq!(highest(["billing", "editor"]), Some("editor"));
        assert_eq!(highest(["zeal", "billing"]), Some("billing"), "of two that mean nothing here the first by name");
        assert_eq!(highest([]), None);
    }
}
