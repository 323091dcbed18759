//! Invitations: each its own, tokens as hashes.

use std::collections::BTreeSet;

use super::engine::{all, one, row, run};
use super::vouches::rows;
use super::{Error, Tx};
use crate::reconcile::Stamp;

#[derive(Clone, Debug)]
pub struct Invitation {
    pub id: String,
    /// The folded address.
    pub address: String,
    pub organization: Option<String>,
    pub team: Option<String>,
    pub role: Option<String>,
    /// `pending`, `accepted`, `revoked`.
    pub state: String,
    pub created: i64,
    pub expires: i64,
    pub accepted_by: Option<String>,
    pub stamp: Option<i64>,
    /// The account that it was made for.
    pub person: Option<String>,
}

row!(Invitation { id, address, organization, team, role, state, created, expires, accepted_by, stamp, person });

macro_rules! columns {
    ($rest:literal) => {
        concat!(
            "select id, address, organization, team, role, state, created, expires, accepted_by, stamp, person from invitation ",
            $rest
        )
    };
}

pub async fn insert(tx: &mut Tx, invitation: &Invitation, hash: &[u8]) -> Result<(), Error> {
    run!(
        tx,
        "insert into invitation (tenant, id, address, token, organization, team, role, state, created, expires, accepted_by, stamp, person)
         values ($1, $2, $3, $4, $5, $6, $7, 'pending', $8, $9, null, null, $10)",
        &tx.tenant,
        &invitation.id,
        &invitation.address,
        hash,
        &invitation.organization,
        &invitation.team,
        &invitation.role,
        invitation.created,
        invitation.expires,
        &invitation.person
    )?;
    Ok(())
}

pub async fn list(tx: &mut Tx) -> Result<Vec<Invitation>, Error> {
    all!(tx, Invitation, columns!("where tenant = $1 order by id"), &tx.tenant)
}

/// Pending at `now`, or accepted by this person (an earlier acceptance may be found to have been earlier still).
pub async fn for_address(tx: &mut Tx, address: &str) -> Result<Vec<Invitation>, Error> {
    all!(
        tx,
        Invitation,
        columns!("where tenant = $1 and address = $2 and state <> 'revoked' order by id"),
        &tx.tenant,
        address
    )
}

pub async fn by_token(tx: &mut Tx, hash: &[u8]) -> Result<Option<Invitation>, Error> {
    one!(tx, Invitation, columns!("where tenant = $1 and token = $2"), &tx.tenant, hash)
}

pub async fn by_id(tx: &mut Tx, id: &str) -> Result<Option<Invitation>, Error> {
    one!(tx, Invitation, columns!("where tenant = $1 and id = $2"), &tx.tenant, id)
}

/// The latest stamp of the invitations to this parent that the person has accepted: any one of them may outlive a denial.
pub async fn accepted_stamp(tx: &mut Tx, person: &str, parent: &str) -> Result<Option<Stamp>, Error> {
    let found = one!(
        tx,
        (Option<i64>,),
        "select max(stamp) from invitation
         where tenant = $1 and accepted_by = $2 and (organization = $3 or team = $3) and state = 'accepted'",
        &tx.tenant,
        person,
        parent
    )?;
    Ok(found.and_then(|(stamp,)| stamp))
}

pub async fn accept(tx: &mut Tx, id: &str, resource: &str, stamp: Stamp) -> Result<bool, Error> {
    let touched = run!(
        tx,
        "update invitation set state = 'accepted', accepted_by = $3, stamp = $4
         where tenant = $1 and id = $2 and state <> 'revoked' and (stamp is null or stamp > $4)",
        &tx.tenant,
        id,
        resource,
        stamp
    )?;
    Ok(touched > 0)
}

/// A new token and a new end; the old token is dead. `true` if it still waits, or waited until it expired.
pub async fn renew(tx: &mut Tx, id: &str, hash: &[u8], expires: i64) -> Result<bool, Error> {
    let touched = run!(
        tx,
        "update invitation set token = $3, expires = $4, state = 'pending'
         where tenant = $1 and id = $2 and state in ('pending', 'expired')",
        &tx.tenant,
        id,
        hash,
        expires
    )?;
    Ok(touched > 0)
}

/// `true` if it was pending.
pub async fn revoke(tx: &mut Tx, id: &str) -> Result<bool, Error> {
    let touched = run!(
        tx,
        "update invitation set state = 'revoked' where tenant = $1 and id = $2 and state = 'pending'",
        &tx.tenant,
        id
    )?;
    Ok(touched > 0)
}

/// What a retired account had accepted goes with it, and what waits for its addresses.
pub async fn remove_of(tx: &mut Tx, resource: &str, addresses: &BTreeSet<String>) -> Result<(), Error> {
    run!(
        tx,
        "delete from invitation where tenant = $1 and (accepted_by = $2 or person = $2
           or (state = 'pending' and address in (select j.value ->> 0 from json_each($3) j)))",
        &tx.tenant,
        resource,
        rows(addresses)
    )?;
    Ok(())
}

/// Those that nobody accepted in time end; at most `limit`, by id.
pub async fn expire(tx: &mut Tx, now: i64, limit: i64) -> Result<Vec<String>, Error> {
    let found = all!(
        tx,
        (String,),
        "update invitation set state = 'expired' where tenant = $1 and id in
           (select id from invitation where tenant = $1 and state = 'pending' and expires <= $2 order by id limit $3)
         and state = 'pending' returning id",
        &tx.tenant,
        now,
        limit
    )?;
    Ok(found.into_iter().map(|(id,)| id).collect())
}
