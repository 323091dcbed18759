//! One person's registers and what is materialised of them: loaded whole, for one person or for many in a few statements.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::engine::{all, locked, row, run};
use super::vouches::rows;
use super::{Error, Tx};
use crate::reconcile::{Claim, Held, Link, OWNER, Person, Record, Source, Stamp, Vouch, Word, cells};
use crate::scim::document::Document;

/// A person as stored: the registers, and beside them what was derived from them at the last change.
#[derive(Clone, Debug)]
pub struct Account {
    pub person: Person,
    pub version: i64,
    pub created: i64,
    pub modified: i64,
    pub display: Option<String>,
    pub document: Document,
    pub active: bool,
    pub home: Option<String>,
    pub dead: Option<Stamp>,
    pub protected: bool,
    /// Every vouch row with its `live`, derived rows included.
    pub stored: BTreeMap<(String, Source), bool>,
    /// The roles of those rows that have one.
    pub roles: BTreeMap<(String, Source), String>,
    /// Nobody who runs an IdP climbs to what an administrator gave: protected, an owner by grant or invitation, or granted a
    /// privileged group.
    pub guarded: bool,
    /// Of each record: whether its own document is stored because it differs from the effective one.
    pub differing: BTreeSet<String>,
    /// The key of the pushed userName, by connection.
    pub name_keys: BTreeMap<String, String>,
    /// Connections whose push has deleted its record while a hold keeps the account.
    pub deleted: BTreeSet<String>,
    /// Who has set a password: `push:k`, `entered`.
    pub passwords: BTreeSet<String>,
}

struct AccountRow {
    id: String,
    version: i64,
    created: i64,
    modified: i64,
    display: Option<String>,
    document: String,
    active: bool,
    home: Option<String>,
    suspended: bool,
    off: Option<i64>,
    dead: Option<i64>,
    retired: Option<i64>,
    protected: bool,
    pinned: Option<String>,
}

row!(AccountRow {
    id,
    version,
    created,
    modified,
    display,
    document,
    active,
    home,
    suspended,
    off,
    dead,
    retired,
    protected,
    pinned
});

macro_rules! lock_statement {
    () => {
        "select id from resource where tenant = $1 and kind = 'User' and id in (select j.value ->> 0 from json_each($2) j)
         order by id"
    };
}

/// Locks the people in the order of their ids; those that do not exist, and groups among them, are left out.
pub async fn lock(tx: &mut Tx, ids: &BTreeSet<String>) -> Result<(), Error> {
    let _: Vec<(String,)> = locked!(tx, (String,), lock_statement!(), &tx.tenant, rows(ids))?;
    Ok(())
}

/// The same without waiting: [`Error::Taken`] if another transaction has one of them.
pub async fn lock_at_once(tx: &mut Tx, ids: &BTreeSet<String>) -> Result<(), Error> {
    let _: Vec<(String,)> = locked!(at once, tx, (String,), lock_statement!(), &tx.tenant, rows(ids))?;
    Ok(())
}

/// The accounts of these ids, retired ones included, in the order of their ids.
pub async fn load(tx: &mut Tx, ids: &BTreeSet<String>) -> Result<Vec<Account>, Error> {
    let list = rows(ids);
    let accounts = all!(
        tx,
        AccountRow,
        "select id, version, created, modified, display, document, active, home, suspended, off, dead, retired, protected, pinned
         from resource where tenant = $1 and kind = 'User' and id in (select j.value ->> 0 from json_each($2) j) order by id",
        &tx.tenant,
        &list
    )?;
    let mut people: BTreeMap<String, Account> = BTreeMap::new();
    for row in accounts {
        let document =
            Document::from_json(&row.document).map_err(|e| Error::corrupt("resource", format!("{}: {e}", row.id)))?;
        let person = Person {
            id: row.id.clone(),
            retired: row.retired.is_some(),
            suspended: row.suspended,
            off: row.off,
            pinned: row.pinned,
            ..Person::default()
        };
        people.insert(
            row.id,
            Account {
                person,
                version: row.version,
                created: row.created,
                modified: row.modified,
                display: row.display,
                document,
                active: row.active,
                home: row.home,
                dead: row.dead,
                protected: row.protected,
                stored: BTreeMap::new(),
                roles: BTreeMap::new(),
                guarded: row.protected,
                differing: BTreeSet::new(),
                name_keys: BTreeMap::new(),
                deleted: BTreeSet::new(),
                passwords: BTreeSet::new(),
            },
        );
    }
    load_records(tx, &list, &mut people).await?;
    load_links(tx, &list, &mut people).await?;
    load_words(tx, &list, &mut people).await?;
    load_vouches(tx, &list, &mut people).await?;
    load_held(tx, &list, &mut people).await?;
    Ok(people.into_values().collect())
}

struct RecordRow {
    resource: String,
    connection: String,
    external_id: Option<String>,
    name_key: Option<String>,
    active: bool,
    document: Option<String>,
    cleared: String,
    bound_at: i64,
    off: Option<i64>,
    deleted: Option<i64>,
}

row!(RecordRow { resource, connection, external_id, name_key, active, document, cleared, bound_at, off, deleted });

async fn load_records(tx: &mut Tx, list: &str, people: &mut BTreeMap<String, Account>) -> Result<(), Error> {
    let records = all!(
        tx,
        RecordRow,
        "select resource, connection, external_id, name_key, active, document, cleared, bound_at, off, deleted from record
         where tenant = $1 and resource in (select j.value ->> 0 from json_each($2) j) order by resource, connection",
        &tx.tenant,
        list
    )?;
    for row in records {
        let Some(account) = people.get_mut(&row.resource) else { continue };
        let own = match &row.document {
            Some(text) => {
                account.differing.insert(row.connection.clone());
                Document::from_json(text).map_err(|e| Error::corrupt("record", format!("{}: {e}", row.resource)))?
            }
            None => account.document.clone(),
        };
        let cleared: Vec<String> = serde_json::from_str(&row.cleared).map_err(|e| Error::corrupt("record", e))?;
        let mut words: BTreeMap<String, Option<Value>> =
            cells::cells(&own).into_iter().map(|(cell, value)| (cell, Some(value))).collect();
        words.extend(cleared.into_iter().map(|cell| (cell, None)));
        if row.deleted.is_some() {
            account.deleted.insert(row.connection.clone());
        }
        if let Some(key) = row.name_key {
            account.name_keys.insert(row.connection.clone(), key);
        }
        account.person.records.push(Record {
            connection: row.connection,
            external_id: row.external_id,
            active: row.active,
            bound_at: row.bound_at,
            off: row.off,
            in_verified_domain: false,
            words,
        });
    }
    Ok(())
}

async fn load_links(tx: &mut Tx, list: &str, people: &mut BTreeMap<String, Account>) -> Result<(), Error> {
    let links = all!(
        tx,
        (String, String, String, i64, bool),
        "select resource, connection, subject, last_login, cut_off from link
         where tenant = $1 and resource in (select j.value ->> 0 from json_each($2) j) order by resource, connection, subject",
        &tx.tenant,
        list
    )?;
    if links.is_empty() {
        return Ok(());
    }
    let claims = all!(
        tx,
        (String, String, String, String, i64, String),
        "select l.resource, c.connection, c.subject, c.field, c.stamp, c.value
         from link l join claim c on c.tenant = l.tenant and c.connection = l.connection and c.subject = l.subject
         where l.tenant = $1 and l.resource in (select j.value ->> 0 from json_each($2) j)",
        &tx.tenant,
        list
    )?;
    for (resource, connection, subject, last_login, cut_off) in links {
        let Some(account) = people.get_mut(&resource) else { continue };
        account.person.links.push(Link {
            connection,
            subject,
            groups: None,
            roles: None,
            attributes: BTreeMap::new(),
            given: None,
            last_login,
            cut_off,
        });
    }
    for (resource, connection, subject, field, stamp, value) in claims {
        let Some(link) = people.get_mut(&resource).and_then(|account| {
            account.person.links.iter_mut().find(|link| link.connection == connection && link.subject == subject)
        }) else {
            continue;
        };
        if field == GROUPS {
            let value = serde_json::from_str(&value).map_err(|e| Error::corrupt("claim", e))?;
            link.groups = Some(Claim { stamp, value });
        } else if field == GIVEN {
            let value = serde_json::from_str(&value).map_err(|e| Error::corrupt("claim", e))?;
            link.given = Some(Claim { stamp, value });
        } else if field == ROLES {
            let value = serde_json::from_str(&value).map_err(|e| Error::corrupt("claim", e))?;
            link.roles = Some(Claim { stamp, value });
        } else {
            let value = serde_json::from_str(&value).map_err(|e| Error::corrupt("claim", e))?;
            link.attributes.insert(field, Claim { stamp, value });
        }
    }
    Ok(())
}

/// The field of the claim that holds the raw group values; attribute claims are named by their cell.
pub const GROUPS: &str = "groups:";
/// The field that holds the ids of the groups which a default gave for good.
pub const GIVEN: &str = "given:";
/// The same for raw role values.
pub const ROLES: &str = "roles:";

async fn load_words(tx: &mut Tx, list: &str, people: &mut BTreeMap<String, Account>) -> Result<(), Error> {
    let words = all!(
        tx,
        (String, String, String, Option<String>),
        "select resource, source, cell, value from word
         where tenant = $1 and resource in (select j.value ->> 0 from json_each($2) j)
         union all
         select resource, source, '', null from credential
         where tenant = $1 and resource in (select j.value ->> 0 from json_each($2) j)",
        &tx.tenant,
        list
    )?;
    for (resource, source, cell, value) in words {
        let Some(account) = people.get_mut(&resource) else { continue };
        // A password is a word too; that there is one is all that is read of it.
        if cell.is_empty() {
            account.passwords.insert(source);
            continue;
        }
        let value = value.map(|text| serde_json::from_str(&text)).transpose().map_err(|e| Error::corrupt("word", e))?;
        match source.as_str() {
            "lock" => account.person.locks.insert(cell, value),
            _ => account.person.entered.insert(cell, value),
        };
    }
    Ok(())
}

async fn load_vouches(tx: &mut Tx, list: &str, people: &mut BTreeMap<String, Account>) -> Result<(), Error> {
    let vouches = all!(
        tx,
        (String, String, String, String, Option<i64>, Option<i64>, bool, Option<String>, bool),
        "select v.member, v.parent, v.source, v.word, v.stamp, v.live_until, v.live, v.role, p.protected
         from vouch v join resource p on p.tenant = v.tenant and p.id = v.parent
         where v.tenant = $1 and v.member in (select j.value ->> 0 from json_each($2) j)
         order by v.member, v.parent, v.source",
        &tx.tenant,
        list
    )?;
    for (member, parent, source, word, stamp, until, live, role, is_privileged) in vouches {
        let Some(account) = people.get_mut(&member) else { continue };
        let source = Source::parse(&source).ok_or_else(|| Error::corrupt("vouch", format!("source {source}")))?;
        account.stored.insert((parent.clone(), source.clone()), live);
        if let Some(role) = &role {
            account.roles.insert((parent.clone(), source.clone()), role.clone());
        }
        account.guarded |= live
            && match source {
                Source::Grant => is_privileged || role.as_deref() == Some(OWNER),
                Source::Invite => role.as_deref() == Some(OWNER),
                _ => false,
            };
        if !source.is_derived() {
            let word = if word == "deny" { Word::Deny } else { Word::Grant };
            account.person.vouches.push(Vouch { parent, source, word, stamp: stamp.unwrap_or(0), until, role });
        }
    }
    Ok(())
}

async fn load_held(tx: &mut Tx, list: &str, people: &mut BTreeMap<String, Account>) -> Result<(), Error> {
    let held = all!(
        tx,
        (String, String, String, String, i64),
        "select d.resource, d.hold, h.connection, d.parent, d.stamp
         from held d join hold h on h.tenant = d.tenant and h.id = d.hold
         where d.tenant = $1 and d.resource in (select j.value ->> 0 from json_each($2) j) order by d.resource, d.parent",
        &tx.tenant,
        list
    )?;
    for (resource, hold, connection, parent, stamp) in held {
        let Some(account) = people.get_mut(&resource) else { continue };
        let parent = Some(parent).filter(|parent| !parent.is_empty());
        account.person.held.push(Held { hold, connection, parent, stamp });
    }
    Ok(())
}

/// What is written back of an account after its registers were judged anew.
pub struct Judged<'a> {
    pub id: &'a str,
    pub version: i64,
    pub modified: i64,
    pub display: Option<&'a str>,
    pub document: &'a str,
    pub active: bool,
    pub home: Option<&'a str>,
    pub dead: Option<Stamp>,
}

pub async fn save(tx: &mut Tx, judged: &Judged<'_>) -> Result<(), Error> {
    run!(
        tx,
        "update resource set version = $3, modified = $4, display = $5, document = $6, active = $7, home = $8, dead = $9
         where tenant = $1 and id = $2",
        &tx.tenant,
        judged.id,
        judged.version,
        judged.modified,
        judged.display,
        judged.document,
        judged.active,
        judged.home,
        judged.dead
    )?;
    Ok(())
}

/// An administrator's suspension, its `Off` stamp, retirement: the registers that are columns of the account.
pub async fn set_lifecycle(
    tx: &mut Tx,
    id: &str,
    suspended: bool,
    off: Option<Stamp>,
    retired: Option<i64>,
) -> Result<(), Error> {
    run!(
        tx,
        "update resource set suspended = $3, off = $4, retired = $5 where tenant = $1 and id = $2",
        &tx.tenant,
        id,
        suspended,
        off,
        retired
    )?;
    Ok(())
}

pub async fn set_protected(tx: &mut Tx, id: &str, protected: bool) -> Result<(), Error> {
    run!(tx, "update resource set protected = $3 where tenant = $1 and id = $2", &tx.tenant, id, protected)?;
    Ok(())
}

pub async fn set_pinned(tx: &mut Tx, id: &str, connection: Option<&str>) -> Result<(), Error> {
    run!(tx, "update resource set pinned = $3 where tenant = $1 and id = $2", &tx.tenant, id, connection)?;
    Ok(())
}

/// A word of an administrator about one cell: `lock` or `entered`; `None` is `Cleared`.
pub async fn set_word(
    tx: &mut Tx,
    id: &str,
    source: &str,
    cell: &str,
    value: Option<&Value>,
    stamp: Stamp,
) -> Result<(), Error> {
    run!(
        tx,
        "insert into word (tenant, resource, source, cell, value, stamp) values ($1, $2, $3, $4, $5, $6)
         on conflict (tenant, resource, source, cell) do update set value = excluded.value, stamp = excluded.stamp",
        &tx.tenant,
        id,
        source,
        cell,
        value.map(Value::to_string),
        stamp
    )?;
    Ok(())
}

pub async fn remove_word(tx: &mut Tx, id: &str, source: &str, cell: &str) -> Result<(), Error> {
    run!(
        tx,
        "delete from word where tenant = $1 and resource = $2 and source = $3 and cell = $4",
        &tx.tenant,
        id,
        source,
        cell
    )?;
    Ok(())
}

/// All of an account's words by administrators: they go when the account is retired.
pub async fn remove_words(tx: &mut Tx, id: &str) -> Result<(), Error> {
    run!(tx, "delete from word where tenant = $1 and resource = $2", &tx.tenant, id)?;
    Ok(())
}

/// Every resource of a kind, retired ones included, in batches by id: for `verify` and `reindex`.
pub async fn ids_after(tx: &mut Tx, kind: &str, after: &str, limit: i64) -> Result<BTreeSet<String>, Error> {
    let ids = all!(
        tx,
        (String,),
        "select id from resource where tenant = $1 and kind = $2 and id > $3 order by id limit $4",
        &tx.tenant,
        kind,
        after,
        limit
    )?;
    Ok(ids.into_iter().map(|(id,)| id).collect())
}

/// Whether each of these accounts is active, retired ones left out.
pub async fn activity(tx: &mut Tx, ids: &BTreeSet<String>) -> Result<Vec<(String, bool)>, Error> {
    all!(
        tx,
        (String, bool),
        "select id, active from resource where tenant = $1 and kind = 'User' and retired is null
           and id in (select j.value ->> 0 from json_each($2) j)",
        &tx.tenant,
        rows(ids)
    )
}

/// A row that counts, with the organization that it is about.
#[derive(Clone, Debug)]
pub struct LiveRow {
    pub member: String,
    pub parent: String,
    pub organization: Option<String>,
    pub role: Option<String>,
}

row!(LiveRow { member, parent, organization, role });

/// Every live row of these people.
pub async fn live_rows(tx: &mut Tx, ids: &BTreeSet<String>) -> Result<Vec<LiveRow>, Error> {
    all!(
        tx,
        LiveRow,
        "select distinct v.member, v.parent, case when p.kind = 'Organization' then p.id else p.organization end as organization, v.role
         from vouch v join resource p on p.tenant = v.tenant and p.id = v.parent
         where v.tenant = $1 and v.live and v.member in (select j.value ->> 0 from json_each($2) j)",
        &tx.tenant,
        rows(ids)
    )
}

/// A revived account starts from this document.
pub async fn set_document(tx: &mut Tx, id: &str, version: i64, modified: i64, document: &str) -> Result<(), Error> {
    run!(
        tx,
        "update resource set version = $3, modified = $4, document = $5 where tenant = $1 and id = $2",
        &tx.tenant,
        id,
        version,
        modified,
        document
    )?;
    Ok(())
}
