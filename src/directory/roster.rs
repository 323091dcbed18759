//! Who is in an organization, with the role that counts: the list, the seats, the last owner.
//!
//! Whoever writes marks the organizations that somebody came into and those that an owner left ([`Work::joined`],
//! [`Work::left_by_owner`]); they are judged when everything is written, by what is stored then.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::event::Kind;
use crate::reconcile::{MEMBER, OWNER, ROLES, Source, highest};
use crate::scim::document::Document;
use crate::scim::{self, key};
use crate::store::agree::{self, About};
use crate::store::{Tx, organizations, resources};

use super::words::user_name_of;
use super::work::corrupt;
use super::{Configuration, Directory, Error, Result, Work};

/// Somebody in an organization.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OrganizationMember {
    pub id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    pub role: String,
    /// By whose word.
    pub via: Vec<&'static str>,
    /// Ids of the teams of it that the person is in.
    pub teams: Vec<String>,
}

#[derive(Clone, Debug)]
pub struct RosterPage {
    pub total: i64,
    pub seats: Option<i64>,
    pub members: Vec<OrganizationMember>,
}

impl Directory {
    /// A page of an organization's members, by id; the organization by id or slug.
    pub async fn organization_members(
        &self,
        tenant: &str,
        organization: &str,
        start_index: i64,
        count: i64,
    ) -> Result<RosterPage> {
        let mut tx = self.engine.read(tenant).await?;
        let row = match resources::find(&mut tx, "Organization", organization).await? {
            Some(row) => Some(row),
            None => match resources::organization_by_slug(&mut tx, &key::fold(organization)).await? {
                Some(id) => resources::find(&mut tx, "Organization", &id).await?,
                None => None,
            },
        };
        let row = row.ok_or_else(|| scim::Error::not_found("no organization with this id or slug"))?;
        let total = organizations::count(&mut tx, &row.id).await?;
        let ids = organizations::page(&mut tx, &row.id, start_index - 1, count).await?;
        Ok(RosterPage { total, seats: seats(&row)?, members: members(&mut tx, &row.id, &ids).await? })
    }
}

async fn members(tx: &mut Tx, organization: &str, ids: &BTreeSet<String>) -> Result<Vec<OrganizationMember>> {
    let mut all: BTreeMap<String, OrganizationMember> = BTreeMap::new();
    for person in resources::existing(tx, ids).await? {
        let document = Document::from_json(&person.document).map_err(|e| corrupt("resource", e))?;
        let member = OrganizationMember {
            id: person.id.clone(),
            user_name: user_name_of(&document).map(str::to_owned),
            display_name: person.display,
            role: MEMBER.to_owned(),
            via: Vec::new(),
            teams: Vec::new(),
        };
        all.insert(person.id, member);
    }
    for row in organizations::rows_of(tx, organization, ids).await? {
        let Some(member) = all.get_mut(&row.member) else { continue };
        let source = Source::parse(&row.source).ok_or_else(|| corrupt("vouch", format!("source {}", row.source)))?;
        if !member.via.contains(&source.via()) {
            member.via.push(source.via());
        }
        if row.parent != organization && !member.teams.contains(&row.parent) {
            member.teams.push(row.parent);
        }
        let stands = [member.role.as_str(), row.role.as_deref().unwrap_or(MEMBER)];
        member.role = highest(stands).unwrap_or(MEMBER).to_owned();
    }
    Ok(all.into_values().collect())
}

impl Work<'_> {
    /// The seats of organizations that somebody came into, and the last owner of those that one left. An administrator's edit
    /// and a login are refused; a push is obeyed, and an event tells of it.
    pub(crate) async fn check_organizations(&mut self) -> Result<()> {
        let joined = std::mem::take(&mut self.joined);
        let left = std::mem::take(&mut self.left_by_owner);
        for id in joined.union(&left) {
            let Some(row) = resources::find(&mut self.tx, "Organization", id).await? else { continue };
            let seats = seats(&row)?.filter(|_| joined.contains(id));
            if seats.is_none() && !left.contains(id) {
                continue;
            }
            agree::alone(&mut self.tx, id, About::Members).await?;
            if let Some(seats) = seats
                && organizations::count(&mut self.tx, id).await? > seats
            {
                self.overfull(id, seats)?;
            }
            if left.contains(id) && !organizations::has_role(&mut self.tx, id, OWNER).await? {
                self.ownerless(id)?;
            }
        }
        Ok(())
    }

    fn overfull(&mut self, organization: &str, seats: i64) -> Result<()> {
        let source = self.cause.source.as_str();
        if source != "administrator" && !source.starts_with("login:") {
            let event = self.event(Kind::OrganizationOverfull).of(organization);
            self.publish(event);
            return Ok(());
        }
        let status = if source == "administrator" { 409 } else { 403 };
        let detail =
            format!("all {seats} seats of the organization are taken: give it more, or end a membership first");
        Err(Error::Denied { error: scim::Error::new(status, None, detail), code: "no_seats" })
    }

    fn ownerless(&mut self, organization: &str) -> Result<()> {
        if self.cause.source == "administrator" {
            let detail = "this would leave the organization without an owner: make somebody else owner first";
            return Err(Error::Denied { error: scim::Error::new(409, None, detail), code: "last_owner" });
        }
        let event = self.event(Kind::OrganizationOwnerless).of(organization);
        self.publish(event);
        Ok(())
    }

    /// A role that may be given on this parent: an organization, or a team of one.
    pub(crate) async fn check_role(&mut self, parent: Option<&str>, role: &str) -> Result<()> {
        if !knows_role(&self.configuration, role) {
            return Err(scim::Error::invalid_value(format!(
                "{role:?} is no role here: {}, or what a connection defines (roles.others)",
                ROLES.join(", ")
            ))
            .into());
        }
        if let Some(parent) = parent
            && resources::find(&mut self.tx, "Group", parent).await?.is_some_and(|group| group.organization.is_none())
        {
            return Err(scim::Error::invalid_value(
                "a role is given in an organization: name the organization, or a team of it",
            )
            .into());
        }
        Ok(())
    }
}

fn knows_role(configuration: &Configuration, role: &str) -> bool {
    ROLES.contains(&role) || configuration.connections.iter().any(|connected| connected.rules.roles.knows(role))
}

/// How many people an organization takes, if it says so.
fn seats(row: &resources::Row) -> Result<Option<i64>> {
    let document = Document::from_json(&row.document).map_err(|e| corrupt("resource", e))?;
    Ok(document.0.get("seats").and_then(serde_json::Value::as_i64))
}
