//! Reading memberships: who is in a group, and in which groups somebody is, as a reader sees it.

use std::collections::BTreeSet;

use super::engine::{all, one, row};
use super::search::View;
use super::vouches::rows;
use super::{Error, Tx};

/// One end of a membership, seen from the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edge {
    /// The resource that was asked about.
    pub subject: String,
    pub id: String,
    /// `User` or `Group` of a member; `direct` or `indirect` of a group.
    pub kind: String,
    pub display: Option<String>,
}

row!(Edge { subject, id, kind, display });

/// The groups of a person by the effective view, as a sub-select with columns `id` and `depth` (0 direct, 1 indirect).
/// Cycles end, because a row is only added once. A deny cuts, also on the organization of a team, and with the group what
/// would come through it.
pub(super) fn closure(tenant: &str, person: &str) -> String {
    format!(
        "with recursive up (id, depth) as (
           select x.parent, 0 from vouch x where x.tenant = {tenant} and x.member = {person} and x.live
           union
           select e.parent, 1 from up u join vouch e on e.tenant = {tenant} and e.member = u.id and e.member_kind = 'Group' and e.live
           join resource o on o.tenant = {tenant} and o.id = e.parent
           where not exists (select 1 from vouch n where n.tenant = {tenant} and n.member = {person} and n.source = 'deny'
                               and (n.parent = o.id or n.parent = o.organization)))
         select u.id as id, min(u.depth) as depth from up u join resource g on g.tenant = {tenant} and g.id = u.id and g.kind = 'Group'
         group by u.id"
    )
}

/// The groups of these people.
pub async fn groups_of(tx: &mut Tx, people: &BTreeSet<String>, view: &View) -> Result<Vec<Edge>, Error> {
    match view {
        View::Effective => all!(
            tx,
            Edge,
            "with recursive up (person, id, depth) as (
               select x.member, x.parent, 0 from vouch x
               where x.tenant = $1 and x.member in (select j.value ->> 0 from json_each($2) j) and x.live
               union
               select u.person, e.parent, 1 from up u
               join vouch e on e.tenant = $1 and e.member = u.id and e.member_kind = 'Group' and e.live
               join resource o on o.tenant = $1 and o.id = e.parent
               where not exists (select 1 from vouch n where n.tenant = $1 and n.member = u.person and n.source = 'deny'
                                   and (n.parent = o.id or n.parent = o.organization)))
             select u.person as subject, u.id as id, case when min(u.depth) = 0 then 'direct' else 'indirect' end as kind, g.display as display
             from up u join resource g on g.tenant = $1 and g.id = u.id and g.kind = 'Group'
             group by u.person, u.id, g.display order by u.person, u.id",
            &tx.tenant,
            rows(people)
        ),
        View::Push { connection, .. } => all!(
            tx,
            Edge,
            "select x.member as subject, x.parent as id, 'direct' as kind, g.display as display
             from vouch x join resource g on g.tenant = x.tenant and g.id = x.parent and g.kind = 'Group'
             where x.tenant = $1 and x.member in (select j.value ->> 0 from json_each($2) j) and x.source = $3 and x.word = 'grant'
             order by x.member, x.parent",
            &tx.tenant,
            rows(people),
            format!("push:{connection}")
        ),
    }
}

/// The members of these groups, complete.
pub async fn members_of(tx: &mut Tx, groups: &BTreeSet<String>, view: &View) -> Result<Vec<Edge>, Error> {
    match view {
        View::Effective => all!(
            tx,
            Edge,
            "select distinct x.parent as subject, x.member as id, x.member_kind as kind, m.display as display
             from vouch x join resource m on m.tenant = x.tenant and m.id = x.member
             where x.tenant = $1 and x.parent in (select j.value ->> 0 from json_each($2) j) and x.live
             order by x.parent, x.member",
            &tx.tenant,
            rows(groups)
        ),
        View::Push { connection, .. } => all!(
            tx,
            Edge,
            "select x.parent as subject, x.member as id, x.member_kind as kind, m.display as display
             from vouch x join resource m on m.tenant = x.tenant and m.id = x.member
             where x.tenant = $1 and x.parent in (select j.value ->> 0 from json_each($2) j) and x.source = $3 and x.word = 'grant'
             order by x.parent, x.member",
            &tx.tenant,
            rows(groups),
            format!("push:{connection}")
        ),
    }
}

/// A page of the members of one kind; public for the test that pins its plan.
pub const EFFECTIVE_MEMBERS: &str = "
select $2 as subject, p.member as id, $3 as kind, m.display as display
from (select distinct x.member from vouch x
      where x.tenant = $1 and x.parent = $2 and x.member_kind = $3 and x.member > $4 and x.live
      order by x.member limit $5) p
join resource m on m.tenant = $1 and m.id = p.member order by p.member";

/// The same as one connection's push listed them.
pub const PUSHED_MEMBERS: &str = "
select $2 as subject, p.member as id, $3 as kind, m.display as display
from (select x.member from vouch x
      where x.tenant = $1 and x.parent = $2 and x.member_kind = $3 and x.member > $4
        and x.source = $6 and x.word = 'grant'
      order by x.member limit $5) p
join resource m on m.tenant = $1 and m.id = p.member order by p.member";

/// Members of one group behind an id, in the order of ids. Each kind of member is a stretch of the primary key, so that a
/// page is read and nothing else.
pub async fn members_behind(
    tx: &mut Tx,
    group: &str,
    view: &View,
    behind: &str,
    limit: i64,
) -> Result<Vec<Edge>, Error> {
    let mut found = Vec::new();
    for kind in ["Group", "User"] {
        let edges = match view {
            View::Effective => all!(tx, Edge, EFFECTIVE_MEMBERS, &tx.tenant, group, kind, behind, limit),
            View::Push { connection, .. } => {
                all!(tx, Edge, PUSHED_MEMBERS, &tx.tenant, group, kind, behind, limit, format!("push:{connection}"))
            }
        }?;
        found.extend(edges);
    }
    found.sort_by(|one, other| one.id.cmp(&other.id));
    found.truncate(usize::try_from(limit).unwrap_or(0));
    Ok(found)
}

pub async fn count_members(tx: &mut Tx, group: &str, view: &View) -> Result<i64, Error> {
    let counted: Option<(i64,)> = match view {
        View::Effective => one!(
            tx,
            (i64,),
            "select count(distinct x.member) from vouch x where x.tenant = $1 and x.parent = $2 and x.live",
            &tx.tenant,
            group
        ),
        View::Push { connection, .. } => one!(
            tx,
            (i64,),
            "select count(*) from vouch x where x.tenant = $1 and x.parent = $2 and x.source = $3 and x.word = 'grant'",
            &tx.tenant,
            group,
            format!("push:{connection}")
        ),
    }?;
    Ok(counted.map_or(0, |row| row.0))
}
