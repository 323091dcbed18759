//! The members of an organization: whoever is in it or in one of its teams.

use std::collections::BTreeSet;

use super::engine::{all, one, row};
use super::vouches::rows;
use super::{Error, Tx};

/// The rows that count on an organization or on a team of it, as a condition on `v`.
macro_rules! counting {
    ($before:literal, $after:literal) => {
        concat!(
            $before,
            " from vouch v where v.tenant = $1 and v.live and v.member_kind = 'User'
               and (v.parent = $2 or v.parent in (select t.id from resource t
                                                  where t.tenant = $1 and t.organization = $2 and t.retired is null)) ",
            $after
        )
    };
}

/// How many people are in the organization.
pub async fn count(tx: &mut Tx, organization: &str) -> Result<i64, Error> {
    let found = one!(tx, (i64,), counting!("select count(distinct v.member)", ""), &tx.tenant, organization)?;
    Ok(found.map_or(0, |(count,)| count))
}

/// Whether anybody holds the role there.
pub async fn has_role(tx: &mut Tx, organization: &str, role: &str) -> Result<bool, Error> {
    let found = one!(
        tx,
        (i64,),
        counting!("select cast(1 as bigint)", "and v.role = $3 limit 1"),
        &tx.tenant,
        organization,
        role
    )?;
    Ok(found.is_some())
}

/// A page of people, by id.
pub async fn page(tx: &mut Tx, organization: &str, offset: i64, limit: i64) -> Result<BTreeSet<String>, Error> {
    let found = all!(
        tx,
        (String,),
        counting!("select distinct v.member", "order by v.member limit $3 offset $4"),
        &tx.tenant,
        organization,
        limit,
        offset
    )?;
    Ok(found.into_iter().map(|(member,)| member).collect())
}

/// A row that counts.
#[derive(Clone, Debug)]
pub struct Row {
    pub member: String,
    pub parent: String,
    pub source: String,
    pub role: Option<String>,
}

row!(Row { member, parent, source, role });

/// The rows that put these people there.
pub async fn rows_of(tx: &mut Tx, organization: &str, people: &BTreeSet<String>) -> Result<Vec<Row>, Error> {
    all!(
        tx,
        Row,
        counting!(
            "select v.member, v.parent, v.source, v.role",
            "and v.member in (select j.value ->> 0 from json_each($3) j) order by v.member, v.parent, v.source"
        ),
        &tx.tenant,
        organization,
        rows(people)
    )
}
