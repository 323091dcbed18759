//! Membership rows: push registers, grants, denies, invitations, imports, and the derived rows beside them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::engine::{all, one, row, run};
use super::{Error, Tx};
use crate::reconcile::{Source, Stamp, Word};

/// Ids as one JSON parameter: rows of one column.
pub(super) fn rows<'a>(ids: impl IntoIterator<Item = &'a String>) -> String {
    serde_json::Value::from_iter(ids.into_iter().map(|id| json!([id]))).to_string()
}

/// One register of one pair.
#[derive(Clone, Debug)]
pub struct Row {
    pub parent: String,
    pub member_kind: &'static str,
    pub member: String,
    pub source: Source,
    pub word: Word,
    pub stamp: Option<Stamp>,
    pub until: Option<Stamp>,
    pub role: Option<String>,
    pub live: bool,
}

impl Row {
    /// A register about a person, judged later.
    pub fn person(parent: &str, member: &str, source: Source, word: Word, stamp: Option<Stamp>) -> Self {
        Self {
            parent: parent.to_owned(),
            member_kind: "User",
            member: member.to_owned(),
            source,
            word,
            stamp,
            until: None,
            role: None,
            live: false,
        }
    }
}

/// Writes registers, replacing what the same source said of the same pair. The stamp of a register of the same word
/// never goes back.
pub async fn put(tx: &mut Tx, entries: &[Row]) -> Result<(), Error> {
    for chunk in entries.chunks(5000) {
        let list = serde_json::Value::from_iter(chunk.iter().map(|row| {
            json!([
                row.parent,
                row.member_kind,
                row.member,
                row.source.to_string(),
                if row.word == Word::Grant { "grant" } else { "deny" },
                row.role,
                row.stamp,
                row.until,
                row.live
            ])
        }));
        run!(
            tx,
            "insert into vouch (tenant, parent, member_kind, member, source, word, role, stamp, live_until, live)
             select $1, j.value ->> 0, j.value ->> 1, j.value ->> 2, j.value ->> 3, j.value ->> 4, j.value ->> 5,
                    cast(j.value ->> 6 as bigint), cast(j.value ->> 7 as bigint), cast(j.value ->> 8 as boolean)
             from json_each($2) j where true
             on conflict (tenant, parent, member_kind, member, source) do update set
               role = excluded.role, live_until = excluded.live_until, word = excluded.word,
               stamp = case when vouch.word = excluded.word and vouch.stamp > excluded.stamp then vouch.stamp else excluded.stamp end",
            &tx.tenant,
            list.to_string()
        )?;
    }
    Ok(())
}

/// Removes registers or derived rows.
pub async fn remove(tx: &mut Tx, member: &str, keys: &[(String, Source)]) -> Result<(), Error> {
    let list = serde_json::Value::from_iter(keys.iter().map(|(parent, source)| json!([parent, source.to_string()])));
    run!(
        tx,
        "delete from vouch where tenant = $1 and member = $2
         and (parent, source) in (select j.value ->> 0, j.value ->> 1 from json_each($3) j)",
        &tx.tenant,
        member,
        list.to_string()
    )?;
    Ok(())
}

/// Sets `live` of rows that stand, for many people at once.
pub async fn set_live(tx: &mut Tx, changes: &[(&str, &str, &Source, bool)]) -> Result<(), Error> {
    for live in [true, false] {
        let some: Vec<_> = changes.iter().filter(|change| change.3 == live).collect();
        for chunk in some.chunks(5000) {
            let list = serde_json::Value::from_iter(
                chunk.iter().map(|(member, parent, source, _)| json!([member, parent, source.to_string()])),
            );
            run!(
                tx,
                "update vouch set live = $3 where tenant = $1 and (member, parent, source) in
                   (select j.value ->> 0, j.value ->> 1, j.value ->> 2 from json_each($2) j)",
                &tx.tenant,
                list.to_string(),
                live
            )?;
        }
    }
    Ok(())
}

/// Writes the role of rows that stand, for many people at once: (member, parent, source, role).
pub async fn set_roles(tx: &mut Tx, changes: &[(&str, &str, &Source, Option<&str>)]) -> Result<(), Error> {
    for (member, parent, source, role) in changes {
        run!(
            tx,
            "update vouch set role = $5 where tenant = $1 and member = $2 and parent = $3 and source = $4",
            &tx.tenant,
            *member,
            *parent,
            source.to_string(),
            *role
        )?;
    }
    Ok(())
}

/// The role of a register, if there is one of this source.
pub async fn role_of(
    tx: &mut Tx,
    parent: &str,
    member: &str,
    source: &Source,
) -> Result<Option<Option<String>>, Error> {
    let found = one!(
        tx,
        (Option<String>,),
        "select role from vouch where tenant = $1 and parent = $2 and member = $3 and source = $4",
        &tx.tenant,
        parent,
        member,
        source.to_string()
    )?;
    Ok(found.map(|(role,)| role))
}

/// What a connection lists in a group, by member kind: people (inactive ones included) and groups.
pub async fn listed(tx: &mut Tx, parent: &str, source: &Source) -> Result<BTreeMap<String, String>, Error> {
    let found = all!(
        tx,
        (String, String),
        "select member, member_kind from vouch where tenant = $1 and parent = $2 and source = $3 and word = 'grant'",
        &tx.tenant,
        parent,
        source.to_string()
    )?;
    Ok(found.into_iter().collect())
}

/// Of these people, those whom the source lists (`Some(true)`) or has removed (`Some(false)`).
pub async fn words_on(
    tx: &mut Tx,
    parent: &str,
    source: &Source,
    members: &BTreeSet<String>,
) -> Result<BTreeMap<String, bool>, Error> {
    let found = all!(
        tx,
        (String, String),
        "select member, word from vouch where tenant = $1 and parent = $2 and source = $3
         and member in (select j.value ->> 0 from json_each($4) j)",
        &tx.tenant,
        parent,
        source.to_string(),
        rows(members)
    )?;
    Ok(found.into_iter().map(|(member, word)| (member, word == "grant")).collect())
}

/// Who has a row on the group that a whole list by `connection` may overtake: its claims, weak words, defaults.
pub async fn overtaken_by_list(tx: &mut Tx, parent: &str, connection: &str) -> Result<BTreeSet<String>, Error> {
    let found = all!(
        tx,
        (String,),
        "select distinct member from vouch where tenant = $1 and parent = $2 and member_kind = 'User'
         and (source = $3 or source in ('import', 'invite') or (source >= 'default:' and source < 'default;'))",
        &tx.tenant,
        parent,
        format!("login:{connection}")
    )?;
    Ok(found.into_iter().map(|(member,)| member).collect())
}

/// Every person who has any row on this parent.
pub async fn people_of(tx: &mut Tx, parent: &str) -> Result<BTreeSet<String>, Error> {
    let found = all!(
        tx,
        (String,),
        "select distinct member from vouch where tenant = $1 and parent = $2 and member_kind = 'User'",
        &tx.tenant,
        parent
    )?;
    Ok(found.into_iter().map(|(member,)| member).collect())
}

/// All rows of one source on a parent, or of the parent altogether (`None`), and the parent's edges upward.
pub async fn remove_parent(tx: &mut Tx, parent: &str, source: Option<&Source>) -> Result<(), Error> {
    match source {
        Some(source) => run!(
            tx,
            "delete from vouch where tenant = $1 and parent = $2 and source = $3",
            &tx.tenant,
            parent,
            source.to_string()
        )?,
        None => run!(tx, "delete from vouch where tenant = $1 and (parent = $2 or member = $2)", &tx.tenant, parent)?,
    };
    Ok(())
}

/// A person's registers of one source go, as when a connection deletes its record.
pub async fn remove_member_source(tx: &mut Tx, member: &str, source: &Source) -> Result<(), Error> {
    run!(
        tx,
        "delete from vouch where tenant = $1 and member = $2 and source = $3",
        &tx.tenant,
        member,
        source.to_string()
    )?;
    Ok(())
}

/// Everything but denies goes when an account is retired.
pub async fn remove_all_but_denies(tx: &mut Tx, member: &str) -> Result<(), Error> {
    run!(tx, "delete from vouch where tenant = $1 and member = $2 and source <> 'deny'", &tx.tenant, member)?;
    run!(tx, "delete from held where tenant = $1 and resource = $2", &tx.tenant, member)?;
    Ok(())
}

/// Whether anybody but this source, and but derived rows, has a word on the group.
pub async fn others_speak(tx: &mut Tx, parent: &str, source: &Source) -> Result<bool, Error> {
    let found = one!(
        tx,
        (i64,),
        "select cast(1 as bigint) from vouch where tenant = $1 and parent = $2 and source <> $3 and source <> 'deny'
         and not (source >= 'login:' and source < 'login;') and not (source >= 'default:' and source < 'default;')
         and not (source >= 'held:' and source < 'held;') limit 1",
        &tx.tenant,
        parent,
        source.to_string()
    )?;
    Ok(found.is_some())
}

/// When connections last stated the whole list of these groups: (group, connection, stamp).
pub async fn full_lists(tx: &mut Tx, parents: &BTreeSet<String>) -> Result<Vec<(String, String, Stamp)>, Error> {
    all!(
        tx,
        (String, String, i64),
        "select parent, connection, stamp from full_list
         where tenant = $1 and parent in (select j.value ->> 0 from json_each($2) j)",
        &tx.tenant,
        rows(parents)
    )
}

/// The connection states the whole list now; `true` when that is later than before.
pub async fn state_full_list(tx: &mut Tx, connection: &str, parent: &str, stamp: Stamp) -> Result<bool, Error> {
    let moved = run!(
        tx,
        "insert into full_list (tenant, connection, parent, stamp) values ($1, $2, $3, $4)
         on conflict (tenant, connection, parent) do update set stamp = excluded.stamp where full_list.stamp < excluded.stamp",
        &tx.tenant,
        connection,
        parent,
        stamp
    )?;
    Ok(moved > 0)
}

pub async fn remove_full_lists(tx: &mut Tx, parent: &str) -> Result<(), Error> {
    run!(tx, "delete from full_list where tenant = $1 and parent = $2", &tx.tenant, parent)?;
    Ok(())
}

/// Whether a source other than an administrator vouches for the pair now.
pub async fn vouched_by_others(tx: &mut Tx, parent: &str, member: &str) -> Result<bool, Error> {
    let found = one!(
        tx,
        (i64,),
        "select cast(1 as bigint) from vouch where tenant = $1 and parent = $2 and member = $3 and live
         and source not in ('grant', 'deny') limit 1",
        &tx.tenant,
        parent,
        member
    )?;
    Ok(found.is_some())
}

/// A retired group's rows go, as a parent and as a member of others; denies stay.
pub async fn remove_all_but_denies_of(tx: &mut Tx, parent: &str) -> Result<(), Error> {
    run!(
        tx,
        "delete from vouch where tenant = $1 and (parent = $2 or member = $2) and source <> 'deny'",
        &tx.tenant,
        parent
    )?;
    Ok(())
}

/// Of these members, those whom an administrator has granted the parent, for good or until later.
pub async fn granted(
    tx: &mut Tx,
    parent: &str,
    members: &BTreeSet<String>,
    now: Stamp,
) -> Result<BTreeSet<String>, Error> {
    let found = all!(
        tx,
        (String,),
        "select member from vouch where tenant = $1 and parent = $2 and source = 'grant'
         and (live_until is null or live_until > $3)
         and member in (select j.value ->> 0 from json_each($4) j)",
        &tx.tenant,
        parent,
        now,
        rows(members)
    )?;
    Ok(found.into_iter().map(|(member,)| member).collect())
}

/// Of these members, those whom an administrator has granted the parent without an end.
pub async fn lasting_grants(tx: &mut Tx, parent: &str, members: &BTreeSet<String>) -> Result<BTreeSet<String>, Error> {
    let found = all!(
        tx,
        (String,),
        "select member from vouch where tenant = $1 and parent = $2 and source = 'grant' and live_until is null
         and member in (select j.value ->> 0 from json_each($3) j)",
        &tx.tenant,
        parent,
        rows(members)
    )?;
    Ok(found.into_iter().map(|(member,)| member).collect())
}

/// An imported membership that counts and that nobody else vouches for.
#[derive(Clone, Debug)]
pub struct Unconfirmed {
    pub parent: String,
    pub member: String,
    pub member_kind: String,
    pub stamp: Stamp,
}

row!(Unconfirmed { parent, member, member_kind, stamp });

/// A default is nobody's word.
macro_rules! unconfirmed {
    ($columns:literal, $rest:literal) => {
        concat!(
            "select ",
            $columns,
            " from vouch x where x.tenant = $1 and x.source = 'import' and x.live and ($2 is null or x.parent = $2)
               and not exists (select 1 from vouch y where y.tenant = x.tenant and y.member = x.member
                 and y.parent = x.parent and y.live and y.source <> 'import'
                 and not (y.source >= 'default:' and y.source < 'default;'))",
            $rest
        )
    };
}

/// A page of them behind (parent, member).
pub async fn unconfirmed(
    tx: &mut Tx,
    parent: Option<&str>,
    after: &(String, String),
    limit: i64,
) -> Result<Vec<Unconfirmed>, Error> {
    all!(
        tx,
        Unconfirmed,
        unconfirmed!(
            "x.parent, x.member, x.member_kind, coalesce(x.stamp, 0) as stamp",
            " and (x.parent, x.member) > ($3, $4) order by x.parent, x.member limit $5"
        ),
        &tx.tenant,
        parent,
        &after.0,
        &after.1,
        limit
    )
}

pub async fn count_unconfirmed(tx: &mut Tx, parent: Option<&str>) -> Result<i64, Error> {
    let found = one!(tx, (i64,), unconfirmed!("count(*)", ""), &tx.tenant, parent)?;
    Ok(found.map_or(0, |(count,)| count))
}
