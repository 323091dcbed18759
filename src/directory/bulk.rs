//! Bulk (RFC 7644 §3.7): many requests in one, each through the door that it would have come through by itself.
//!
//! One operation is one transaction, so that on SQLite the writer is free between two of them and on PostgreSQL no lock is
//! held longer than a single request holds it: a bulk of a thousand operations keeps no other tenant waiting. Operations
//! that refer to each other in a circle are one transaction together: their ids are allotted first, then every resource is
//! made, then members come in, who are all there by now.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::event::Cause;
use crate::scim::bulk::{Id, MAX_SET, Plan, Planned, Request, Resource as Named, resolve};
use crate::scim::document::{Document, Note};
use crate::scim::key::Key;
use crate::scim::message::{BulkMethod, PatchOp};
use crate::scim::patch::secret;
use crate::scim::resource_type::ResourceType;
use crate::scim::version::Tags;
use crate::scim::{self};
use crate::store::agree::{self, About};
use crate::store::{identity, resources, values};

use super::resources::Made;
use super::words::{addresses_of, user_name_of};
use super::{Caller, Connected, Directory, Error, Hashed, Precondition, Resource, Result, Wants, Work, transact};

pub struct BulkJob {
    pub plan: Plan,
    /// After so many errors the rest is not attempted.
    pub fail_on_errors: Option<u32>,
    /// What the answer to the single request would show, and so what its version speaks of.
    pub wants: fn(&ResourceType, BulkMethod) -> Wants,
    /// After so long nothing new is begun.
    pub limit: Duration,
}

/// What came of one operation.
pub struct Processed {
    /// As sent.
    pub method: String,
    pub bulk_id: Option<String>,
    pub location: Option<String>,
    /// The resource as it is now; `None` once it was deleted.
    pub outcome: Result<(BulkMethod, Option<Resource>)>,
    pub notes: Vec<Note>,
}

/// How often a set starts again because somebody in it was known already; the second time this is learned.
const ATTEMPTS: usize = 4;

type Outcome = Result<(Option<Resource>, Vec<Note>)>;

impl Directory {
    /// Every operation that was processed, in the order of the request.
    pub async fn bulk(&self, caller: &Caller, job: BulkJob) -> Vec<Processed> {
        let Plan { operations, steps } = job.plan;
        let deadline = Instant::now() + job.limit;
        let mut run = Run::new(self, caller, job.wants, operations);
        for step in steps {
            if job.fail_on_errors.is_some_and(|limit| run.errors >= limit as usize) {
                break;
            }
            if Instant::now() >= deadline {
                run.refuse(&step.operations, || Error::Scim(out_of_time()));
            } else if step.is_circular {
                run.together(&step.operations).await;
            } else {
                run.alone(step.operations[0]).await;
            }
        }
        run.processed()
    }
}

struct Run<'d> {
    directory: &'d Directory,
    caller: &'d Caller,
    wants: fn(&ResourceType, BulkMethod) -> Wants,
    operations: Vec<Planned>,
    outcomes: Vec<Option<Outcome>>,
    methods: Vec<Option<BulkMethod>>,
    /// What operations have created, by their `bulkId`.
    known: HashMap<String, Named>,
    errors: usize,
}

impl<'d> Run<'d> {
    fn new(
        directory: &'d Directory,
        caller: &'d Caller,
        wants: fn(&ResourceType, BulkMethod) -> Wants,
        operations: Vec<Planned>,
    ) -> Self {
        let outcomes = operations.iter().map(|_| None).collect();
        let methods = operations.iter().map(|planned| planned.request.as_ref().ok().map(|r| r.method)).collect();
        Self { directory, caller, wants, operations, outcomes, methods, known: HashMap::new(), errors: 0 }
    }

    fn processed(self) -> Vec<Processed> {
        let rest = self.outcomes.into_iter().zip(self.methods);
        let all = self.operations.into_iter().zip(rest);
        all.filter_map(|(Planned { method, bulk_id, location, .. }, (outcome, known))| {
            let (outcome, notes) = match outcome? {
                Ok((resource, notes)) => (Ok((known?, resource)), notes),
                Err(error) => (Err(error), Vec::new()),
            };
            Some(Processed { method, bulk_id, location, outcome, notes })
        })
        .collect()
    }

    /// One operation, as if it had come by itself.
    async fn alone(&mut self, index: usize) {
        let outcome = match self.ready(&[index]) {
            Ok(mut requests) => match requests.pop() {
                Some(mut request) => {
                    resolve(&request.kind, request.method, &mut request.data, |name| self.known.get(name).cloned());
                    self.perform(request).await
                }
                None => Err(Error::Busy),
            },
            Err((_, error)) => Err(error.into()),
        };
        self.finish(index, outcome);
    }

    async fn perform(&self, request: Request) -> Outcome {
        let Request { method, kind, id, version, data, .. } = request;
        let (directory, caller, wants) = (self.directory, self.caller, (self.wants)(&kind, method));
        let id = match id {
            Some(Id::Known(id)) => id,
            Some(Id::Reference(name)) => self.known.get(&name).map(|named| named.id.clone()).unwrap_or_default(),
            None => String::new(),
        };
        let precondition = version.map_or(Precondition::None, |tag| Precondition::IfMatch(Tags::parse(&tag)));
        let (resource, notes) = match method {
            BulkMethod::Post => directory.create(caller, &kind, &data, wants).await?,
            BulkMethod::Put => directory.replace(caller, &kind, &id, &precondition, &data, wants).await?,
            BulkMethod::Patch => {
                let operations = PatchOp::read(&data)?.operations;
                directory.patch(caller, &kind, &id, &precondition, &operations, wants).await?
            }
            BulkMethod::Delete => {
                directory.delete(caller, &kind, &id, &precondition).await?;
                return Ok((None, Vec::new()));
            }
        };
        Ok((Some(resource), notes))
    }

    /// Operations that refer to each other in a circle: all of them or none.
    async fn together(&mut self, indexes: &[usize]) {
        if indexes.len() > MAX_SET {
            let detail = format!(
                "{} operations refer to each other in a circle, at most {MAX_SET} are taken: send some references in a \
                 second request",
                indexes.len()
            );
            return self.refuse(indexes, || scim::Error::new(413, None, detail.clone()).into());
        }
        let failed = match self.ready(indexes) {
            Err((at, error)) => (at, error.into()),
            Ok(requests) => match self.make_all(indexes, &requests).await {
                Ok(made) => {
                    for ((&index, request), (id, notes)) in indexes.iter().zip(&requests).zip(made) {
                        let wants = (self.wants)(&request.kind, request.method);
                        let found = self.directory.find(self.caller, &request.kind, &id, wants).await;
                        self.finish(index, found.map(|resource| (Some(resource), notes)));
                    }
                    return;
                }
                Err(failed) => failed,
            },
        };
        let (at, error) = failed;
        let number = indexes[at] + 1;
        // What an overload or a fault of ours ended may succeed when it is sent again; a refusal will not.
        let lasting = matches!(error, Error::Scim(_) | Error::Refused { .. });
        let mut error = Some(error);
        for (position, &index) in indexes.iter().enumerate() {
            let outcome = match error.take_if(|_| position == at) {
                Some(error) => Err(error),
                None if lasting => Err(scim::Error::new(
                    409,
                    None,
                    format!("not done: it is in a circle of references with operation {number}, which failed"),
                )
                .into()),
                None => Err(Error::Busy),
            };
            self.finish(index, outcome);
        }
    }

    /// What each became, or which of them failed.
    async fn make_all(
        &self,
        indexes: &[usize],
        requests: &[Request],
    ) -> std::result::Result<Vec<(String, Vec<Note>)>, (usize, Error)> {
        let names = indexes.iter().map(|&index| self.operations[index].bulk_id.as_deref().unwrap_or_default());
        let places: HashMap<&str, usize> = names.zip(0..).collect();
        let allotted: Vec<String> = requests.iter().map(|_| self.directory.ids().new()).collect();
        let mut secrets = Vec::with_capacity(requests.len());
        for (at, request) in requests.iter().enumerate() {
            let password = secret::password_of_body(&request.kind, &request.data);
            secrets.push(
                self.directory.passwords.hash(self.directory.ids(), password).await.map_err(|error| (at, error))?,
            );
        }
        let mut ids = allotted.clone();
        for _ in 0..ATTEMPTS {
            let named = |name: &str| match places.get(name) {
                Some(&at) => Some(Named { endpoint: requests[at].kind.endpoint.clone(), id: ids[at].clone() }),
                None => self.known.get(name).cloned(),
            };
            let resolved = requests.iter().map(|request| {
                let mut data = request.data.clone();
                resolve(&request.kind, request.method, &mut data, named);
                (request.kind.clone(), data)
            });
            let set: Vec<(Arc<ResourceType>, Value)> = resolved.collect();
            let mut trial = Trial { set: &set, secrets: &secrets, allotted: &allotted, ids: &ids, at: 0, others: None };
            let outcome = self.make_in_one(&mut trial).await;
            let Trial { at, others, .. } = trial;
            match (outcome, others) {
                (Ok(made), _) => return Ok(made),
                // Somebody was known already: the same again, with the ids that they have.
                (Err(_), Some(others)) => ids = others,
                (Err(error), None) => return Err((at, error)),
            }
        }
        Err((0, Error::Busy))
    }

    async fn make_in_one(&self, trial: &mut Trial<'_>) -> Result<Vec<(String, Vec<Note>)>> {
        let caller = self.caller;
        let outcome = transact!(self.directory, &caller.tenant, Cause::by(caller.source()), work => {
            work.make_set(caller, trial).await
        });
        self.directory.queued(caller, outcome).await
    }

    /// The requests, if nothing is wrong with any of them and what they need is there; else which is at fault.
    fn ready(&mut self, indexes: &[usize]) -> std::result::Result<Vec<Request>, (usize, scim::Error)> {
        let mut requests = Vec::with_capacity(indexes.len());
        for (at, &index) in indexes.iter().enumerate() {
            let taken = std::mem::replace(&mut self.operations[index].request, Err(scim::Error::not_found("taken")));
            let request = taken.map_err(|error| (at, error))?;
            let missing = request
                .needs
                .iter()
                .find(|needed| !indexes.contains(*needed) && !matches!(self.outcomes[**needed], Some(Ok(_))));
            if let Some(missing) = missing {
                // RFC 7644 §3.7.1 has this code for a reference that cannot be resolved.
                let detail =
                    format!("not done: it refers to what operation {} was to create, which failed", missing + 1);
                return Err((at, scim::Error::new(409, None, detail)));
            }
            requests.push(request);
        }
        Ok(requests)
    }

    fn refuse(&mut self, indexes: &[usize], error: impl Fn() -> Error) {
        for &index in indexes {
            self.finish(index, Err(error()));
        }
    }

    fn finish(&mut self, index: usize, outcome: Outcome) {
        match &outcome {
            Ok((Some(resource), _)) if self.methods[index] == Some(BulkMethod::Post) => {
                if let Some(name) = self.operations[index].bulk_id.clone() {
                    let named = Named { endpoint: resource.kind.endpoint.clone(), id: resource.id.clone() };
                    self.known.insert(name, named);
                }
            }
            Ok(_) => {}
            Err(_) => self.errors += 1,
        }
        self.outcomes[index] = Some(outcome);
    }
}

/// One attempt at a set.
struct Trial<'a> {
    set: &'a [(Arc<ResourceType>, Value)],
    /// Their passwords, hashed before a transaction opens.
    secrets: &'a [Option<Hashed>],
    /// What they get where they are new.
    allotted: &'a [String],
    /// What they refer to each other by.
    ids: &'a [String],
    /// Which of the set is under way.
    at: usize,
    /// The ids that they have, where these are others.
    others: Option<Vec<String>>,
}

impl Work<'_> {
    /// Agreements, groups, people, in the order in which everybody locks; then members, when all are there.
    async fn make_set(&mut self, caller: &Caller, trial: &mut Trial<'_>) -> Result<Vec<(String, Vec<Note>)>> {
        trial.others = None;
        let speaker = self.speaker(caller)?;
        let is_person = |at: usize| trial.set[at].0.name == "User";
        let (people, things): (Vec<usize>, Vec<usize>) = (0..trial.set.len()).partition(|at| is_person(*at));
        if let Some(connected) = &speaker {
            if !people.is_empty() {
                agree::share(&mut self.tx, &connected.id, &[About::Settings]).await?;
            }
            if !things.is_empty() {
                self.name_groups(&connected.id).await?;
            }
        }
        let mut made = Vec::with_capacity(trial.set.len());
        for at in things {
            made.push((at, self.make_one(speaker.as_ref(), trial, at).await?));
        }
        let mut held: BTreeSet<String> = made.iter().flat_map(|(_, made)| made.named()).cloned().collect();
        for &at in &people {
            held.extend(self.may_become(speaker.as_ref(), &trial.set[at].1).await?);
        }
        self.hold(&held).await?;
        for at in people {
            made.push((at, self.make_one(speaker.as_ref(), trial, at).await?));
        }
        made.sort_by_key(|(at, _)| *at);
        if made.iter().zip(trial.ids).any(|((_, made), id)| made.id != *id) {
            trial.others = Some(made.into_iter().map(|(_, made)| made.id).collect());
            return Err(Error::Busy);
        }
        for (at, made) in &mut made {
            trial.at = *at;
            self.join(speaker.as_ref(), made).await?;
        }
        Ok(made.into_iter().map(|(_, made)| (made.id, made.notes)).collect())
    }

    /// Whom the body of a User may turn out to be. Ids only, so that all of a set can be locked in order before any of it is
    /// decided; whoever comes between is met behind the locks.
    async fn may_become(&mut self, speaker: Option<&Connected>, body: &Value) -> Result<BTreeSet<String>> {
        let kind = self.kind("User")?;
        // What is wrong with the body is said when its turn comes.
        let Ok(mut read) = Document::read(&kind, body) else { return Ok(BTreeSet::new()) };
        let external_id = read.document.take_external_id();
        let mut ids = BTreeSet::new();
        let key = user_name_of(&read.document).map(|name| Key::user_name(name).0);
        if let Some(key) = &key {
            ids.extend(values::having(&mut self.tx, "User", "username", key, 3).await?);
        }
        let Some(connected) = speaker else {
            if let Some(key) = &key {
                ids.extend(self.retired_by_name(key).await?);
            }
            return Ok(ids);
        };
        for address in addresses_of(&read.document) {
            ids.extend(values::having(&mut self.tx, "User", "emails.value", &address, 3).await?);
        }
        if let Some(key) = &key {
            let record = resources::record_by_name(&mut self.tx, &connected.id, "User", key).await?;
            ids.extend(record.map(|record| record.resource));
            ids.extend(self.revivable(connected, external_id.as_deref(), key).await?);
        }
        if let Some(external_id) = &external_id {
            let record = resources::record_by_external_id(&mut self.tx, &connected.id, "User", external_id).await?;
            ids.extend(record.map(|record| record.resource));
            let anchored = identity::anchor(&mut self.tx, &connected.namespace(), external_id).await?;
            ids.extend(anchored.map(|(id, _)| id));
        }
        Ok(ids)
    }

    async fn make_one(&mut self, speaker: Option<&Connected>, trial: &mut Trial<'_>, at: usize) -> Result<Made> {
        trial.at = at;
        let (kind, data) = &trial.set[at];
        self.allotted = Some(trial.allotted[at].clone());
        let made = self.make(speaker, kind, data, trial.secrets[at].as_ref()).await;
        self.allotted = None;
        made
    }
}

fn out_of_time() -> scim::Error {
    scim::Error::new(503, None, "not begun: the time of the request was over; send this operation again")
}
