//! A conflict as an administrator reads it: the row, and what its candidates say now.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::directory::rulings::SUBJECT;
use crate::directory::words::{addresses_of, user_name_of};
use crate::directory::{Configuration, Result};
use crate::scim::core;
use crate::store::conflicts::Conflict;
use crate::store::people::Account;
use crate::store::{Tx, people, resources};

use super::{actions, candidates_of};

/// One row, as an administrator reads it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConflictInfo {
    pub id: String,
    pub at: Option<String>,
    pub code: String,
    /// What happened, and what may be done about it.
    pub sentence: &'static str,
    pub state: String,
    /// Who was refused: `login` or `push`.
    pub side: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<NamedConnection>,
    /// The first candidate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// Of a login: its trace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision_id: Option<String>,
    pub candidates: Vec<CandidateInfo>,
    /// What may be done while it is open.
    pub actions: Vec<&'static str>,
    /// The account or the group that the resolution named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settled: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolved: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct NamedConnection {
    pub id: String,
    pub name: String,
}

/// An account that the refused identity may be (or a group of the same name), as its registers say now.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CandidateInfo {
    pub id: String,
    /// The names of what the refused side said and this one says as well.
    pub by: Vec<String>,
    /// It is not there any more.
    pub gone: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    pub emails: Vec<String>,
    pub active: bool,
    pub protected: bool,
    /// Names of the connections that push this account, and of those that it signed in through.
    pub pushed_by: Vec<String>,
    pub signed_in_by: Vec<String>,
}

/// Rows with what their candidates say now.
pub(super) async fn shown(tx: &mut Tx, rows: Vec<Conflict>) -> Result<Vec<ConflictInfo>> {
    let configuration = Configuration::load(tx).await?;
    let name =
        |id: &str| configuration.connection(id).map_or_else(|| id.to_owned(), |connected| connected.name.clone());
    let mut ids = BTreeSet::new();
    for row in &rows {
        ids.extend(candidates_of(row)?.into_iter().map(|(id, _)| id));
    }
    let accounts = people::load(tx, &ids).await?;
    let groups: BTreeMap<String, Option<String>> = resources::existing(tx, &ids)
        .await?
        .into_iter()
        .filter(|row| row.kind == "Group")
        .map(|row| (row.id, row.display))
        .collect();
    let mut all = Vec::with_capacity(rows.len());
    for row in rows {
        let pairs = candidates_of(&row)?;
        let open = row.state == "open";
        let actions = if open { actions(&row, &pairs) } else { Vec::new() };
        let mut candidates: Vec<CandidateInfo> = Vec::new();
        for (id, by) in pairs {
            match candidates.iter_mut().find(|candidate| candidate.id == id) {
                Some(candidate) => candidate.by.push(by),
                None => {
                    let account = accounts.iter().find(|account| account.person.id == id && !account.person.retired);
                    let mut shown = candidate(id, by, account, &name);
                    if let Some(display) = groups.get(&shown.id) {
                        shown.gone = false;
                        shown.display_name.clone_from(display);
                    }
                    candidates.push(shown);
                }
            }
        }
        all.push(ConflictInfo {
            at: core::instant(row.at),
            sentence: sentence(&row.code),
            side: if row.kind == SUBJECT { "login" } else { "push" },
            connection: row.connection.as_ref().map(|id| NamedConnection { id: id.clone(), name: name(id) }),
            decision_id: row.decision,
            resolved: row.resolved.and_then(core::instant),
            settled: row.settled,
            resource: row.resource,
            state: row.state,
            code: row.code,
            id: row.id,
            candidates,
            actions,
        });
    }
    Ok(all)
}

fn candidate(id: String, by: String, account: Option<&Account>, name: &impl Fn(&str) -> String) -> CandidateInfo {
    let connections = |ids: BTreeSet<&String>| ids.into_iter().map(|id| name(id)).collect();
    let Some(account) = account else {
        return CandidateInfo {
            id,
            by: vec![by],
            gone: true,
            user_name: None,
            display_name: None,
            emails: Vec::new(),
            active: false,
            protected: false,
            pushed_by: Vec::new(),
            signed_in_by: Vec::new(),
        };
    };
    CandidateInfo {
        id,
        by: vec![by],
        gone: false,
        user_name: user_name_of(&account.document).map(str::to_owned),
        display_name: account.display.clone(),
        emails: addresses_of(&account.document),
        active: account.active,
        protected: account.guarded,
        pushed_by: connections(account.person.records.iter().map(|record| &record.connection).collect()),
        signed_in_by: connections(account.person.links.iter().map(|link| &link.connection).collect()),
    }
}

fn sentence(code: &str) -> &'static str {
    match code {
        "guarded_account" | "policy_denied" => {
            "The account that fits is protected, so nobody joins or claims it by a name or an address: bind it if it is the same person."
        }
        "ambiguous_account" => "Several accounts fit: bind the one that it is, or keep them apart.",
        "user_name_taken" => {
            "Another account holds this userName: bind it if it is the same person, else rename one of them."
        }
        "user_name_reserved" => {
            "The userName lies in a domain that is verified for another connection: bind it to an account, or let it be somebody of its own."
        }
        "account_exists_unlinked" => {
            "An account with this name or address is there that this connection may not join by itself: bind it if it is the same person, else keep them apart."
        }
        "identity_conflict" => "Two names of one identity mean two accounts: bind it to the one that it is.",
        "group_name_taken" => {
            "A group of this name is there on which somebody has a word, so the connection got a group of its own: rename one of them."
        }
        _ => "A push or a sign-in was refused and an administrator can mend it.",
    }
}
