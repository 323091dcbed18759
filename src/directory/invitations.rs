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
    /// The account that it was made for, and the one that accepted it.
    pub person: Option<String>,
    pub accepted_by: Option<String>,
    /// `pending`, `accepted`, `revoked` or `expired`.
    pub state: String,
    pub created: i64,
    pub expires: Option<i64>,
}

/// Whom an administrator invites where.
#[derive(Clone, Debug, Default)]
pub struct NewInvitation {
    pub address: String,
    /// By id or slug.
    pub organization: Option<String>,
    /// By id or name.
    pub group: Option<String>,
    pub role: Option<String>,
    /// The id of the account that it is made for: whoever shows the token and has the address is that person.
    pub person: Option<String>,
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
        let own = |text: Option<&str>| text.map(str::to_owned);
        let new = NewInvitation {
            address: address.to_owned(),
            organization: own(organization),
            group: own(group),
            role: own(role),
            person: None,
            expires,
        };
        self.make_invitation(tenant, &new).await
    }

    /// The same, also for an account that is there.
    pub async fn make_invitation(&self, tenant: &str, new: &NewInvitation) -> Result<(InvitationInfo, String)> {
        let address: Address = new.address.parse().map_err(|e: String| scim::Error::invalid_value(e))?;
        if new.organization.is_none() && new.group.is_none() && new.person.is_none() {
            return Err(scim::Error::invalid_value(
                "an invitation names an organization, a group, both, or the person that it is made for",
            )
            .into());
        }
        self.check_end(new.expires)?;
        let secret = Token::generate(TokenKind::Invitation, &self.ids);
        let invitation = transact!(self, tenant, Cause::by("administrator"), work => {
            let invitation = work.invitation(new, &address).await?;
            invitations::insert(&mut work.tx, &invitation, &secret.hash()).await?;
            let event = work.event(Kind::InvitationCreated).of(&invitation.id);
            work.publish(event);
            Ok(invitation)
        })?;
        Ok((InvitationInfo::of(invitation, self.clock.now()), secret.reveal().to_owned()))
    }

    /// A new token for the same invitation, and a new end; the old token is dead.
    pub async fn resend_invitation(
        &self,
        tenant: &str,
        id: &str,
        expires: Option<i64>,
    ) -> Result<(InvitationInfo, String)> {
        self.check_end(expires)?;
        let secret = Token::generate(TokenKind::Invitation, &self.ids);
        let invitation = transact!(self, tenant, Cause::by("administrator"), work => {
            let missing = || scim::Error::not_found("no invitation with this id");
            let invitation = invitations::by_id(&mut work.tx, id).await?.ok_or_else(missing)?;
            let expires = expires.unwrap_or(work.now + DEFAULT_LIFE);
            if !invitations::renew(&mut work.tx, id, &secret.hash(), expires).await? {
                return Err(scim::Error::new(
                    409,
                    None,
                    format!("this invitation is {}: make a new one", invitation.state),
                )
                .into());
            }
            let event = work.event(Kind::InvitationResent).of(id);
            work.publish(event);
            Ok(invitations::Invitation { expires, state: "pending".to_owned(), ..invitation })
        })?;
        Ok((InvitationInfo::of(invitation, self.clock.now()), secret.reveal().to_owned()))
    }

    fn check_end(&self, expires: Option<i64>) -> Result<()> {
        match expires {
            Some(at) if at <= self.clock.now() => Err(scim::Error::invalid_value("expires lies in the past").into()),
            _ => Ok(()),
        }
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
    /// What is asked for, with ids in place of names.
    async fn invitation(&mut self, new: &NewInvitation, address: &Address) -> Result<invitations::Invitation> {
        if self.is_deleted_address(address).await? {
            return Err(scim::Error::uniqueness(
                "this address belonged to a user who was deleted: create the user again before inviting",
            )
            .into());
        }
        let organization = match &new.organization {
            Some(name) => Some(
                self.organization_named(name)
                    .await?
                    .ok_or_else(|| scim::Error::invalid_value(format!("there is no organization {name:?}")))?,
            ),
            None => None,
        };
        let team = match &new.group {
            Some(name) => Some(
                self.group_named(name, organization.as_deref())
                    .await?
                    .ok_or_else(|| scim::Error::invalid_value(format!("there is no group {name:?}")))?,
            ),
            None => None,
        };
        if let Some(role) = &new.role {
            let parent = organization.as_deref().or(team.as_deref());
            if parent.is_none() {
                return Err(scim::Error::invalid_value("a role is given in an organization: name it").into());
            }
            self.check_role(parent, role).await?;
        }
        if let Some(person) = &new.person {
            self.living(person).await?;
        }
        Ok(invitations::Invitation {
            id: self.directory.ids().new(),
            address: address.folded.clone(),
            organization,
            team,
            role: new.role.clone(),
            state: "pending".to_owned(),
            created: self.now,
            expires: new.expires.unwrap_or(self.now + DEFAULT_LIFE),
            accepted_by: None,
            stamp: None,
            person: new.person.clone(),
        })
    }

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
            person: row.person,
            accepted_by: row.accepted_by,
            state,
            created: row.created,
            expires: Some(row.expires),
        }
    }
}
