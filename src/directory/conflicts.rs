//! The conflict queue: a refusal that an administrator can mend waits here with what each side said, until one call settles
//! it.
//!
//! A row holds ids, codes and names. What the accounts say is read from their registers when an administrator looks; what the
//! refused side said is not kept: by the names of what matched, it is what the candidates say. A resolution is a ruling about
//! the refused identity (`rulings.rs`), which the next push or login finds, or another name for whoever holds the name.

mod shown;

use std::collections::BTreeSet;
use std::str::FromStr;

use crate::event::{Cause, Event, Kind};
use crate::scim::key::Key;
use crate::scim::{self};
use crate::store::conflicts::{self, Conflict};
use crate::store::people::Account;
use crate::store::{feed, people, resources, tenants, values};

use self::shown::shown;
pub use self::shown::{CandidateInfo, ConflictInfo};
use super::groups::SAME_NAME;
use super::rulings::{RECORD, SUBJECT};
use super::words::mark_with;
use super::work::corrupt;
use super::{Caller, Case, Directory, Error, Result, Voice, Work, transact};

#[derive(Clone, Debug)]
pub struct ConflictPage {
    pub total: i64,
    pub conflicts: Vec<ConflictInfo>,
}

/// What an administrator does about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The refused identity is this account.
    Bind,
    /// It is nobody of those who are there.
    KeepApart,
    /// It is somebody else, and whoever holds its name gets another one.
    Rename,
    /// Nothing; the queue does not tell of it again.
    Dismiss,
}

impl FromStr for Action {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        match text {
            "bind" => Ok(Self::Bind),
            "keep_apart" => Ok(Self::KeepApart),
            "rename" => Ok(Self::Rename),
            "dismiss" => Ok(Self::Dismiss),
            _ => Err(format!("{text:?} is no action: bind, keep_apart, rename or dismiss")),
        }
    }
}

impl Action {
    fn as_str(self) -> &'static str {
        match self {
            Self::Bind => "bind",
            Self::KeepApart => "keep_apart",
            Self::Rename => "rename",
            Self::Dismiss => "dismiss",
        }
    }
}

#[derive(Clone, Debug)]
pub struct Resolution {
    pub action: Action,
    /// The account: to bind, or to rename; the only candidate if it is left out.
    pub person: Option<String>,
    /// Of `rename`: the new userName.
    pub user_name: Option<String>,
    /// Of a group to rename: its id (the only candidate if it is left out) and its new displayName.
    pub group: Option<String>,
    pub display_name: Option<String>,
}

const STATES: [&str; 5] = ["open", "bound", "kept_apart", "renamed", "dismissed"];

impl Directory {
    /// A page of the queue, of one state or of all, oldest first.
    pub async fn conflicts(
        &self,
        tenant: &str,
        state: Option<&str>,
        start_index: i64,
        count: i64,
    ) -> Result<ConflictPage> {
        if let Some(state) = state.filter(|state| !STATES.contains(state)) {
            return Err(scim::Error::invalid_value(format!(
                "{state:?} is no state of a conflict: {}",
                STATES.join(", ")
            ))
            .into());
        }
        let mut tx = self.engine.read(tenant).await?;
        let (total, rows) = conflicts::page(&mut tx, state, start_index - 1, count).await?;
        Ok(ConflictPage { total, conflicts: shown(&mut tx, rows).await? })
    }

    pub async fn conflict(&self, tenant: &str, id: &str) -> Result<ConflictInfo> {
        let mut tx = self.engine.read(tenant).await?;
        let row = conflicts::find(&mut tx, id).await?.ok_or_else(missing)?;
        shown(&mut tx, vec![row]).await?.pop().ok_or_else(missing)
    }

    /// One call, after which the next push or login of the refused identity succeeds.
    pub async fn resolve_conflict(&self, tenant: &str, id: &str, resolution: &Resolution) -> Result<ConflictInfo> {
        transact!(self, tenant, Cause::by("administrator"), work => {
            let row = conflicts::find_for_update(&mut work.tx, id).await?.ok_or_else(missing)?;
            if row.state != "open" {
                return Err(scim::Error::new(409, None, format!("this conflict is not open, it is {}", row.state)).into());
            }
            let settled = work.resolve(&row, resolution).await?;
            let state = match resolution.action {
                Action::Bind => "bound",
                Action::KeepApart => "kept_apart",
                Action::Rename => "renamed",
                Action::Dismiss => "dismissed",
            };
            conflicts::settle(&mut work.tx, id, state, settled.as_deref(), work.now).await?;
            let mut event = work.event(Kind::ConflictResolved).of(id).naming([resolution.action.as_str(), &row.code]);
            event.other.clone_from(&settled);
            work.publish(event);
            Ok(())
        })?;
        self.conflict(tenant, id).await
    }

    /// A refusal that an administrator can mend leaves its row in the conflict queue, and nothing else; the detail carries its
    /// reference.
    pub(super) async fn queued<T>(&self, caller: &Caller, outcome: Result<T>) -> Result<T> {
        let Err(Error::Refused { mut error, code, case }) = outcome else { return outcome };
        let connection = match &caller.voice {
            Voice::Push { connection } => Some(connection.as_str()),
            _ => None,
        };
        let mut tx = self.engine.write(&caller.tenant).await?;
        let Some(tenant) = tenants::current(&mut tx).await? else { return Err(error.into()) };
        let row = row(&tenant.key, RECORD, code, connection, &case, None, self.clock.now());
        if conflicts::open(&mut tx, &row).await? {
            let event = opened(&row, Cause::by(caller.source()));
            feed::append(&mut tx, row.at, &[(event.kind.to_string(), event.to_json())]).await?;
        }
        tx.commit().await?;
        error.detail = format!("{} (reference {})", error.detail, row.id);
        Err(Error::Refused { error, code, case })
    }
}

impl Work<'_> {
    /// The row of a refused login.
    pub(crate) async fn queue_login(
        &mut self,
        connection: &str,
        code: &'static str,
        case: &Case,
        decision: &str,
    ) -> Result<()> {
        let row = row(&self.tenant.key, SUBJECT, code, Some(connection), case, Some(decision), self.now);
        if conflicts::open(&mut self.tx, &row).await? {
            let event = opened(&row, self.cause.clone());
            self.publish(event);
        }
        Ok(())
    }

    /// The row of a push that went through beside somebody else's word.
    pub(crate) async fn queue_push(&mut self, connection: &str, code: &'static str, case: &Case) -> Result<()> {
        let row = row(&self.tenant.key, RECORD, code, Some(connection), case, None, self.now);
        if conflicts::open(&mut self.tx, &row).await? {
            let event = opened(&row, self.cause.clone());
            self.publish(event);
        }
        Ok(())
    }

    /// What waits because a connection's group has the name of another, of these pairs (connection, the other), is settled: one of
    /// them is called otherwise now, and nobody had to resolve it.
    pub(super) async fn settle_renamed(&mut self, pairs: Vec<(String, String)>, renamed: &str) -> Result<()> {
        let ids: BTreeSet<String> = pairs
            .into_iter()
            .map(|(connection, group)| {
                let case = Case { candidates: vec![(group, "displayName")], hash: None };
                row(&self.tenant.key, RECORD, SAME_NAME, Some(&connection), &case, None, self.now).id
            })
            .collect();
        for found in conflicts::open_among(&mut self.tx, &ids).await? {
            if candidates_of(&found)?.len() == 1 {
                conflicts::settle(&mut self.tx, &found.id, "renamed", Some(renamed), self.now).await?;
                let event = self.event(Kind::ConflictResolved).of(&found.id).and(renamed);
                self.publish(event.naming([Action::Rename.as_str(), SAME_NAME]));
            }
        }
        Ok(())
    }

    /// Carries a resolution out; the account or the group that it names.
    async fn resolve(&mut self, row: &Conflict, resolution: &Resolution) -> Result<Option<String>> {
        let candidates = candidates_of(row)?;
        if !actions(row, &candidates).contains(&resolution.action.as_str()) {
            let known = actions(row, &candidates).join(" or ");
            return Err(scim::Error::new(
                409,
                None,
                format!("{} does not mend this conflict; {known} does", resolution.action.as_str()),
            )
            .into());
        }
        let only: Option<&str> = match candidates.as_slice() {
            [(only, _)] => Some(only),
            _ => None,
        };
        match resolution.action {
            Action::Dismiss => Ok(None),
            Action::Bind => {
                let person = resolution.person.as_deref().or(only).ok_or_else(|| {
                    scim::Error::invalid_value(
                        "name the account to bind (\"person\"): there is not exactly one candidate",
                    )
                })?;
                let account = self.living(person).await?;
                if row.kind == RECORD
                    && account.person.records.iter().any(|record| Some(&record.connection) == row.connection.as_ref())
                {
                    return Err(scim::Error::uniqueness(
                        "this connection pushes that account already, as another user: change it there",
                    )
                    .into());
                }
                self.rule(row, Some(person)).await?;
                Ok(Some(person.to_owned()))
            }
            Action::KeepApart => {
                for (id, by) in &candidates {
                    let there = resources::find(&mut self.tx, "User", id).await?.is_some();
                    if there && by == "userName" {
                        return Err(scim::Error::new(
                            409,
                            None,
                            format!("the account {id} holds the same userName: rename it, then both can be there"),
                        )
                        .into());
                    }
                }
                self.rule(row, None).await?;
                Ok(None)
            }
            Action::Rename if row.code == SAME_NAME => {
                let group = resolution.group.as_deref().or(only).ok_or_else(|| {
                    scim::Error::invalid_value("name the group to rename (\"group\"): there are several of this name")
                })?;
                let name = resolution.display_name.as_deref().ok_or_else(|| {
                    scim::Error::invalid_value("\"displayName\" is missing: what the group is called from now on")
                })?;
                conflicts::settle(&mut self.tx, &row.id, "renamed", Some(group), self.now).await?;
                self.rename_group(group, name).await?;
                Ok(Some(group.to_owned()))
            }
            Action::Rename => {
                let holder = candidates.iter().find(|(_, by)| by == "userName").map(|(id, _)| id.as_str());
                let person = resolution.person.as_deref().or(holder).ok_or_else(|| {
                    scim::Error::invalid_value("name the account that holds the userName (\"person\")")
                })?;
                let name = resolution.user_name.as_deref().ok_or_else(|| {
                    scim::Error::invalid_value("\"userName\" is missing: what the account is called from now on")
                })?;
                let account = self.living(person).await?;
                self.rename_entered(&account, name).await?;
                self.rule(row, None).await?;
                Ok(Some(person.to_owned()))
            }
        }
    }

    /// From now on the refused identity is this account, or nobody who is there.
    async fn rule(&mut self, row: &Conflict, person: Option<&str>) -> Result<()> {
        if let (Some(connection), Some(hash)) = (&row.connection, &row.hash) {
            conflicts::rule(&mut self.tx, connection, &row.kind, hash, person, self.now).await?;
        }
        Ok(())
    }

    /// Another userName, as the administrator's word: where no push keeps the name.
    async fn rename_entered(&mut self, account: &Account, name: &str) -> Result<()> {
        let id = &account.person.id;
        if !scim::document::is_user_name(name) {
            return Err(scim::Error::invalid_value(format!("{name:?} is no userName")).into());
        }
        if let Some(record) = account.person.records.iter().find(|record| record.words.contains_key("userName")) {
            let connection = self.configuration.connection(&record.connection);
            return Err(scim::Error::mutability(format!(
                "the userName is kept by the push of connection {}: change it there",
                connection.map_or(record.connection.as_str(), |connected| &connected.name)
            ))
            .into());
        }
        let key = Key::user_name(name).0;
        if values::holder(&mut self.tx, "User", "username", "", &key).await?.is_some_and(|holder| holder != *id) {
            return Err(scim::Error::uniqueness("another user already has this userName").into());
        }
        let value = serde_json::Value::String(name.to_owned());
        people::set_word(&mut self.tx, id, "entered", "userName", Some(&value), self.now).await?;
        self.touch(id).await
    }
}

fn missing() -> Error {
    scim::Error::not_found("no conflict with this id").into()
}

fn opened(row: &Conflict, cause: Cause) -> Event {
    let mut event = Event::new(Kind::ConflictOpened, cause).of(&row.id).naming([&row.code]);
    event.other.clone_from(&row.connection);
    event
}

/// One row for each case: what is refused every hour does not fill the queue.
fn row(
    key: &[u8],
    kind: &str,
    code: &str,
    connection: Option<&str>,
    case: &Case,
    decision: Option<&str>,
    at: i64,
) -> Conflict {
    let first = case.candidates.first().map(|(id, _)| id.clone());
    let about = case.hash.as_deref().or(first.as_deref()).unwrap_or("-");
    let mark = mark_with(key, "conflict", &[kind, code, connection.unwrap_or("-"), about].join("\u{0}"));
    Conflict {
        id: format!("cfl_{}", &mark[..32]),
        at,
        code: code.to_owned(),
        connection: connection.map(str::to_owned),
        resource: first,
        state: "open".to_owned(),
        kind: kind.to_owned(),
        hash: case.hash.clone(),
        decision: decision.map(str::to_owned),
        candidates: serde_json::Value::from_iter(case.candidates.iter().map(|(id, by)| serde_json::json!([id, by])))
            .to_string(),
        settled: None,
        resolved: None,
    }
}

fn candidates_of(row: &Conflict) -> Result<Vec<(String, String)>> {
    serde_json::from_str(&row.candidates).map_err(|e| corrupt("conflict", e))
}

/// What mends a conflict, best first.
fn actions(row: &Conflict, candidates: &[(String, String)]) -> Vec<&'static str> {
    let (has_identity, is_named) = (row.hash.is_some(), candidates.iter().any(|(_, by)| by == "userName"));
    let mut actions = Vec::new();
    if has_identity {
        actions.push("bind");
    }
    if has_identity && !candidates.iter().any(|(_, by)| by == "id") {
        actions.push("keep_apart");
    }
    if is_named || row.code == SAME_NAME {
        actions.push("rename");
    }
    actions.push("dismiss");
    actions
}
