//! Invitations: an address, an optional organization, team and role, and a token that is shown once.

use crate::auth::token::{Kind as TokenKind, Token};
use crate::event::{Cause, Kind};
use crate::jit::address::Address;
use crate::scim::key::Key;
use crate::scim::{self};
use crate::store::{identity, invitations};

use super::words::everywhere;
use super::{Directory, Result, Work, transact};

/// How long an invitation waits unless it says otherwise: 14 days.
const DEFAULT_LIFE: i64 = 14 * 24 * 60 * 60 * 1000;

#[derive(Clone, Debug)]
pub struct InvitationInfo {
    pub id: String,
    pub address: String,
    pub organization: Option<String>,
    pub group: Option<String>,
    pub role: Option<String>,
    /// `pending`, `accepted`, `revoked` or `expired`.
    pub state: String,
    pub created: i64,
    pub expires: Option<i64>,
}

impl Directory {
    /// Invites an address to an organization (id or slug), or to a group (id or name), or both. The token is in the answer
    /// once.
    pub async fn invite(
        &self,
        tenant: &str,
        address: &str,
        organization: Option<&str>,
        group: Option<&str>,
        role: Option<&str>,
        expires: Option<i64>,
    ) -> Result<(InvitationInfo, String)> {
        let address: Address = address.parse().map_err(|e: String| scim::Error::invalid_value(e))?;
        if organization.is_none() && group.is_none() {
            return Err(scim::Error::invalid_value("an invitation names an organization, a group, or both").into());
        }
        if expires.is_some_and(|at| at <= self.clock.now()) {
            return Err(scim::Error::invalid_value("expires lies in the past").into());
        }
        let secret = Token::generate(TokenKind::Invitation, &self.ids);
        let invitation = transact!(self, tenant, Cause::by("administrator"), work => {
                if work.is_deleted_address(&address).await? {
                    return Err(scim::Error::uniqueness(
                        "this address belonged to a user who was deleted: create the user again before inviting",
                    )
                    .into());
                }
                let organization = match organization {
                    Some(name) => Some(work.organization_named(name).await?.ok_or_else(|| {
                        scim::Error::invalid_value(format!("there is no organization {name:?}"))
                    })?),
                    None => None,
                };
                let team = match group {
                    Some(name) => Some(work.group_named(name, organization.as_deref()).await?.ok_or_else(|| {
                        scim::Error::invalid_value(format!("there is no group {name:?}"))
                    })?),
                    None => None,
                };
                let invitation = invitations::Invitation {
                    id: self.ids.new(),
                    address: address.folded.clone(),
                    organization,
                    team,
                    role: role.map(str::to_owned),
                    state: "pending".to_owned(),
                    created: work.now,
                    expires: expires.unwrap_or(work.now + DEFAULT_LIFE),
                    accepted_by: None,
                    stamp: None,
                };
                invitations::insert(&mut work.tx, &invitation, &secret.hash()).await?;
                let event = work.event(Kind::InvitationCreated).of(&invitation.id);
                work.publish(event);
                Ok(invitation)
        })?;
        Ok((InvitationInfo::of(invitation, self.clock.now()), secret.reveal().to_owned()))
    }

    pub async fn invitations(&self, tenant: &str) -> Result<Vec<InvitationInfo>> {
        let mut tx = self.engine.read(tenant).await?;
        let now = self.clock.now();
        Ok(invitations::list(&mut tx).await?.into_iter().map(|row| InvitationInfo::of(row, now)).collect())
    }

    pub async fn revoke_invitation(&self, tenant: &str, id: &str) -> Result<()> {
        transact!(self, tenant, Cause::by("administrator"), work => {
                if !invitations::revoke(&mut work.tx, id).await? {
                    return Err(scim::Error::not_found("no pending invitation with this id").into());
                }
                let event = work.event(Kind::InvitationRevoked).of(id);
                work.publish(event);
                Ok(())
        })
    }
}

impl Work<'_> {
    /// Whoever had this address is tombstoned: an invitation could not be accepted.
    async fn is_deleted_address(&mut self, address: &Address) -> Result<bool> {
        let mark = self.mark("address", &Key::text(false, &address.said).0);
        for namespace in self.namespaces() {
            let scope = everywhere(&namespace);
            if identity::tombstone(&mut self.tx, &scope, "address", &mark, self.now).await?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl InvitationInfo {
    fn of(row: invitations::Invitation, now: i64) -> Self {
        let state = if row.state == "pending" && row.expires <= now { "expired".to_owned() } else { row.state };
        Self {
            id: row.id,
            address: row.address,
            organization: row.organization,
            group: row.team,
            role: row.role,
            state,
            created: row.created,
            expires: Some(row.expires),
        }
    }
}
