//! Moving in: people, groups and memberships from a file of SCIM resources, one JSON object a line.
//!
//! Everything that an import says is the weakest word there is: attributes are *entered*, memberships *imported*, and
//! whatever a push, a sign-in or an administrator says stands above them. It is an upsert: the same file again changes
//! nothing. Lines go in small transactions, so that nobody waits long for the writer; what one line gets wrong, the others
//! do not feel. A dry run makes the same judgements on what is there and writes nothing.

mod judge;
mod line;
mod members;
mod unconfirmed;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::event::Cause;
use crate::scim::resource_type::Registry;
use crate::scim::{self};

pub use unconfirmed::{Settled, Unconfirmed, UnconfirmedPage};

use super::{Directory, Error, Result, Work, transact};
use line::{Line, Names};

/// How many lines, or members, one transaction brings in.
const BATCH: usize = 100;
/// More is a mistake, and would only hold memory.
const MOST_LINES: usize = 1_000_000;

#[derive(Clone, Debug, Default)]
pub struct ImportOptions {
    /// The connection, by id or name, whose push or sign-in will know these people by their `externalId`: then it is an
    /// anchor. Otherwise it is an attribute.
    pub connection: Option<String>,
    pub dry_run: bool,
}

/// What became of one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// From 1; empty lines are counted and not reported.
    pub line: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<&'static str>,
    pub outcome: Outcome,
    /// Ours; absent of what a dry run would create.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Why it was refused, or what of it was left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    Created,
    Updated,
    Unchanged,
    Refused,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    pub dry_run: bool,
    pub created: usize,
    pub updated: usize,
    pub unchanged: usize,
    pub refused: usize,
    /// Memberships that were not imported before.
    pub memberships: usize,
    pub lines: Vec<Entry>,
}

/// One line on its way: what it says, and what has become of it.
struct Item {
    line: usize,
    said: Option<Line>,
    outcome: Outcome,
    id: Option<String>,
    reason: Option<String>,
}

/// What a judgement comes to.
#[derive(Clone, Debug)]
struct Judged {
    outcome: Outcome,
    id: Option<String>,
    reason: Option<String>,
}

/// How far it is: (done, of).
pub type Progress<'p> = dyn FnMut(usize, usize) + Send + 'p;

impl Directory {
    /// Brings the lines in, or says what that would do.
    pub async fn import(
        &self,
        tenant: &str,
        text: &str,
        options: &ImportOptions,
        progress: &mut Progress<'_>,
    ) -> Result<Report> {
        let namespace = match &options.connection {
            Some(name) => Some(self.namespace_of(tenant, name).await?),
            None => None,
        };
        let registry = self.registry(tenant).await?;
        let (mut items, names) = read_lines(&registry, text, namespace.is_some())?;
        let order = order(&items);
        let of = order.len();
        let mut taken: BTreeMap<String, usize> = BTreeMap::new();
        for (done, batch) in order.chunks(BATCH).enumerate() {
            let judged = self.bring_in(tenant, &items, batch, namespace.as_deref(), options.dry_run).await?;
            for (at, judged) in batch.iter().zip(judged) {
                let first = judged.id.clone().map(|id| *taken.entry(id).or_insert(*at));
                let item = &mut items[*at];
                (item.outcome, item.id, item.reason) = (judged.outcome, judged.id, judged.reason);
                if let Some(first) = first.filter(|first| first != at) {
                    let line = items[first].line;
                    items[*at].refuse(format!("line {line} is the same resource"));
                }
            }
            progress((done * BATCH + batch.len()).min(of), of);
        }
        let memberships = self.import_members(tenant, &mut items, &names, options.dry_run, progress).await?;
        Ok(report(items, memberships, options.dry_run))
    }

    async fn namespace_of(&self, tenant: &str, name: &str) -> Result<String> {
        let found = self.connection(tenant, name).await?;
        let connection = found.ok_or_else(|| scim::Error::invalid_value(format!("there is no connection {name:?}")))?;
        Ok(connection.rules.namespace(&connection.id))
    }

    /// One batch in one transaction; of a dry run, in one snapshot.
    async fn bring_in(
        &self,
        tenant: &str,
        items: &[Item],
        batch: &[usize],
        namespace: Option<&str>,
        dry_run: bool,
    ) -> Result<Vec<Judged>> {
        let lines: Vec<&Line> = batch.iter().filter_map(|at| items[*at].said.as_ref()).collect();
        if dry_run {
            let mut work = Work::look(self, tenant, Cause::by("import")).await?;
            return work.import_lines(&lines, namespace, true).await;
        }
        transact!(self, tenant, Cause::by("import"), work => {
            work.import_lines(&lines, namespace, false).await
        })
    }
}

impl Item {
    fn refuse(&mut self, reason: String) {
        (self.outcome, self.reason, self.said) = (Outcome::Refused, Some(reason), None);
    }
}

/// Reads every line; two that are one resource are refused from the second on.
fn read_lines(registry: &Registry, text: &str, is_anchored: bool) -> Result<(Vec<Item>, Names)> {
    let (mut items, mut names) = (Vec::new(), Names::default());
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        if items.len() == MOST_LINES {
            return Err(scim::Error::new(413, None, format!("an import has at most {MOST_LINES} lines")).into());
        }
        let mut item = Item { line: at + 1, said: None, outcome: Outcome::Unchanged, id: None, reason: None };
        match Line::read(registry, line) {
            Ok(said) => match names.add(items.len(), &said, is_anchored) {
                Some(first) => {
                    let first: &Item = &items[first];
                    item.refuse(format!("line {} is the same resource", first.line));
                }
                None => item.said = Some(said),
            },
            Err(error) => item.refuse(told(&error)?),
        }
        items.push(item);
    }
    Ok((items, names))
}

/// The lines that can be meant: organizations first, then people, then groups.
fn order(items: &[Item]) -> Vec<usize> {
    let kinds = items.iter().enumerate().filter_map(|(at, item)| Some((item.said.as_ref()?.kind, at)));
    kinds.collect::<BTreeSet<_>>().into_iter().map(|(_, at)| at).collect()
}

fn report(items: Vec<Item>, memberships: usize, dry_run: bool) -> Report {
    let mut report = Report { dry_run, memberships, ..Report::default() };
    for item in items {
        let count = match item.outcome {
            Outcome::Created => &mut report.created,
            Outcome::Updated => &mut report.updated,
            Outcome::Unchanged => &mut report.unchanged,
            Outcome::Refused => &mut report.refused,
        };
        *count += 1;
        let kind = item.said.as_ref().map(|said| said.kind.as_str());
        report.lines.push(Entry { line: item.line, kind, outcome: item.outcome, id: item.id, reason: item.reason });
    }
    report
}

/// The sentence for whoever wrote the line; what is not theirs to mend stops the import.
fn told(error: &Error) -> Result<String> {
    match error {
        Error::Scim(error) | Error::Refused { error, .. } | Error::Denied { error, .. } => Ok(error.detail.clone()),
        Error::Busy | Error::Again(_) => Err(Error::Busy),
        Error::Store(error) => {
            tracing::error!(error = %error, "an import failed in the store");
            Err(Error::Busy)
        }
    }
}
