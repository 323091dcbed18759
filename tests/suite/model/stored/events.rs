//! Each event by the use case that it stands for. Where one event takes several requests each of them is a transaction.

use std::collections::BTreeSet;

use rollkeeper::directory::{Caller, Directory as Product, Error, ListChange, Precondition, Succession, Wants};
use rollkeeper::jit::claims::Statement;
use rollkeeper::reconcile::Word;
use rollkeeper::scim::message::PatchOp;
use serde_json::{Map, Value, json};

use super::super::observe::NAME;
use super::super::{
    Anchor, Client, Directory, Event, Groups, Namespace, Outcome, Refusal, Role, SUCCESSION, SignIn, Team, Who,
    anchor_name,
};
use super::{Stored, address, domain, user, user_name};

const PATCH_OP: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

impl Stored {
    /// Events without a stamp of their own happen before all others, so that they end nothing. Where time passes they happen
    /// at the last instant, and what is due has happened by then.
    pub(super) fn pass(&mut self, event: &Event) {
        if self.universe.time.is_none() {
            self.store.clock.set(self.milliseconds(event.stamp().unwrap_or(0)));
            return;
        }
        self.now = event.stamp().map_or(self.now, |stamp| stamp.max(self.now));
        self.store.clock.set(self.now);
        self.store.wait(self.store.product.tick()).expect("it ticks");
        self.store.wait(self.store.product.purge(Some(&self.tenant))).expect("what is due goes");
    }

    pub(super) fn perform(&mut self, event: &Event) -> Outcome {
        match event {
            Event::Put { client, who, active, name, .. } => self.put(*client, who, *active, *name),
            Event::Delete { client, who } => self.delete(*client, who),
            Event::Rename { client, who, anchor, .. } => self.rename(*client, who, *anchor),
            Event::Succeed => self.succeed(),
            Event::Member { client, team, who, present, .. } => self.list(*client, *team, who, *present),
            Event::Members { client, team, list, .. } => self.members(*client, *team, list),
            Event::Login(sign_in) => self.login(*sign_in),
            Event::Enter { who, name } => self.enter(who, name),
            Event::Import { who, team, .. } => self.administer(who, async |product, tenant, id| {
                product.import_membership(tenant, id, &self.teams[team]).await
            }),
            Event::Grant { who, team, word, until } => self.administer(who, async |product, tenant, id| match word {
                Word::Grant => {
                    let until = until.map(|until| self.milliseconds(until));
                    product.grant(tenant, id, &self.teams[team], until).await
                }
                Word::Deny => product.deny(tenant, id, &self.teams[team]).await,
            }),
            Event::Ungrant { who, team } => {
                self.administer(who, async |product, tenant, id| product.ungrant(tenant, id, &self.teams[team]).await)
            }
            Event::Appoint { who, word, role, until } => self.administer(who, async |product, tenant, id| match word {
                Word::Grant => {
                    let until = until.map(|until| self.milliseconds(until));
                    product.grant_role(tenant, id, &self.organization, until, role.map(Role::name)).await
                }
                Word::Deny => product.deny(tenant, id, &self.organization).await,
            }),
            Event::Dismiss { who } => {
                self.administer(who, async |product, tenant, id| product.ungrant(tenant, id, &self.organization).await)
            }
            Event::Apply { directory } => self.apply_hold(*directory),
            Event::Wait { .. } => Outcome::Ok,
            Event::Suspend { who, .. } => {
                self.administer(who, async |product, tenant, id| product.suspend(tenant, id).await)
            }
            Event::Unsuspend { who } => {
                self.administer(who, async |product, tenant, id| product.unsuspend(tenant, id).await)
            }
            Event::Lock { who, name } => self
                .administer(who, async |product, tenant, id| product.lock(tenant, id, NAME, Some(json!(name))).await),
            Event::Invite { who, team } => self.invite(who, *team),
            Event::Remap { value, team } => self.remap(value, *team),
            Event::Withdraw { login } => {
                let connection = &self.connections[&login.directory()];
                let subjects = self.universe.people.iter().map(|who| login.subject(who));
                all_of(subjects.map(|subject| {
                    outcome(self.store.wait(self.store.product.unlink(&self.tenant, connection, &subject)))
                }))
            }
        }
    }

    fn administer<T>(&self, who: Who, act: impl AsyncFnOnce(&Product, &str, &str) -> Result<T, Error>) -> Outcome {
        let Some(id) = self.person(Namespace::A, who) else { return Outcome::Unknown };
        outcome(self.store.wait(act(&self.store.product, &self.tenant, &id)))
    }

    fn put(&self, client: Client, who: Who, active: bool, name: Option<&str>) -> Outcome {
        let mut body = self.pushed(client, who);
        body["active"] = json!(active);
        if let Some(name) = name {
            body[NAME] = json!(name);
        }
        self.state(client, self.record(client, who), &body)
    }

    /// POST of somebody who is not there yet, else PUT: what every identity provider does.
    fn state(&self, client: Client, id: Option<String>, body: &Value) -> Outcome {
        let (product, push, wants) = (&self.store.product, self.push(client), Wants::default());
        match id {
            None => outcome(self.store.wait(product.create(&push, &self.users, body, wants))),
            Some(id) => {
                let none = Precondition::None;
                outcome(self.store.wait(product.replace(&push, &self.users, &id, &none, body, wants)))
            }
        }
    }

    fn delete(&self, client: Client, who: Who) -> Outcome {
        let Some(id) = self.record(client, who) else { return Outcome::Unknown };
        let (push, none) = (self.push(client), Precondition::None);
        let delete = self.store.product.delete(&push, &self.users, &id, &none);
        let deleted = outcome(self.store.wait(delete));
        if deleted != Outcome::Ok {
            return deleted;
        }
        if self.person(Namespace::A, who).is_some() { Outcome::Ok } else { Outcome::Gone }
    }

    fn rename(&mut self, client: Client, who: Who, anchor: Anchor) -> Outcome {
        let Some(id) = self.record(client, who) else { return Outcome::Unknown };
        let operation = json!({"op": "replace", "path": "externalId", "value": anchor_name(who, anchor)});
        let body = json!({"schemas": [PATCH_OP], "Operations": [operation]});
        let message = PatchOp::read(&body).expect("it is one");
        let (product, push, none) = (&self.store.product, self.push(client), Precondition::None);
        let patched = product.patch(&push, &self.users, &id, &none, &message.operations, Wants::default());
        let renamed = outcome(self.store.wait(patched));
        if renamed == Outcome::Ok {
            self.external_ids.insert((client, who), anchor);
        }
        renamed
    }

    fn succeed(&mut self) -> Outcome {
        let [old, new] = [SUCCESSION.0, SUCCESSION.1].map(|directory| self.connections[&directory].clone());
        let succession = Succession { predecessor: old, domains: None };
        let declared = self.store.product.succeed_connection(&self.tenant, &new, &succession, true, (None, 0));
        let declared = outcome(self.store.wait(declared));
        self.succeeded |= declared == Outcome::Ok;
        declared
    }

    fn change(&self, client: Client, team: Team, change: &ListChange) -> Outcome {
        let (connection, group) = (&self.connections[&client.directory()], &self.teams[&team]);
        outcome(self.store.wait(self.store.product.push_list(&self.tenant, connection, group, change)))
    }

    /// One member in or out. In the model a client may add anybody whom nobody pushes. In the product it does not see
    /// whom another connection signed in: there it states the person first, and is answered with the same account. Whom
    /// it sees it claims by adding them; that request names no anchor, so it states the person right after.
    fn list(&self, client: Client, team: Team, who: Who, present: bool) -> Outcome {
        let Some(id) = self.person(Namespace::A, who) else { return Outcome::Unknown };
        let bound = self.record(client, who).is_some();
        if !present {
            let removed = self.change(client, team, &ListChange::Remove(vec![id]));
            return if bound || removed == Outcome::Lost { removed } else { Outcome::Unknown };
        }
        let pushed = Client::ALL.into_iter().any(|client| self.record(client, who).is_some());
        let add = ListChange::Add(vec![id.clone()]);
        let added = self.change(client, team, &add);
        let is_claimed = added == Outcome::Ok;
        if bound || pushed && !is_claimed || added == Outcome::Lost {
            return added;
        }
        let stated = self.state(client, Some(id).filter(|_| is_claimed), &self.pushed(client, who));
        if stated == Outcome::Lost {
            return stated;
        }
        if self.universe.moves && stated == Outcome::Conflict {
            return added;
        }
        assert_eq!(stated, Outcome::Ok, "{who} is stated by {client:?}");
        if is_claimed { added } else { self.change(client, team, &add) }
    }

    /// The whole list. The product claims the unclaimed who are named there; the model, where a list names only those
    /// whom the client pushes, does not say what they become.
    fn members(&self, client: Client, team: Team, list: &BTreeSet<Who>) -> Outcome {
        let ids: Option<Vec<String>> = list.iter().map(|who| self.record(client, who)).collect();
        let Some(ids) = ids else { return Outcome::Invalid };
        self.change(client, team, &ListChange::State(ids))
    }

    fn login(&self, evidence: SignIn) -> Outcome {
        let SignIn { login, who, iat, .. } = evidence;
        let (claims, stamp) = (claims(evidence), self.milliseconds(iat));
        let statement = Statement { subject: login.subject(who), stamp, claims, evidence: format!("{evidence:?}") };
        let connection = &self.connections[&login.directory()];
        match self.store.wait(self.store.logins.present(&self.tenant, connection, &statement, None, false)) {
            Ok(_) => Outcome::Allow,
            Err(refused) if refused.code == "busy" => Outcome::Lost,
            Err(refused) => Outcome::Deny(match refused.code {
                "tombstoned" => Refusal::Tombstoned,
                "identity_conflict" => Refusal::IdentityConflict,
                "inactive" => Refusal::Inactive,
                "account_exists_unlinked" if self.universe.moves => Refusal::Unlinked,
                other => panic!("refused: {other}"),
            }),
        }
    }

    fn enter(&self, who: Who, name: &str) -> Outcome {
        if let Some(id) = self.person(Namespace::A, who) {
            let word = self.store.product.import_word(&self.tenant, &id, NAME, Some(json!(name)));
            let entered = outcome(self.store.wait(word));
            return if entered == Outcome::Ok { Outcome::Updated } else { entered };
        }
        let mut body = user(who);
        body[NAME] = json!(name);
        if let Value::Object(body) = &mut body {
            body.shift_remove("externalId");
        }
        let administrator = Caller::administrator(&self.tenant);
        let made = self.store.wait(self.store.product.create(&administrator, &self.users, &body, Wants::default()));
        let entered = outcome(made);
        if entered == Outcome::Ok { Outcome::Created } else { entered }
    }

    /// In the product every invitation is its own, in the model there is one for each person and team.
    fn invite(&self, who: Who, team: Team) -> Outcome {
        let (product, group, address) = (&self.store.product, &self.teams[&team], address(who));
        let all = self.store.wait(product.invitations(&self.tenant)).expect("they are read");
        if all.iter().any(|it| it.address == address && it.group.as_ref() == Some(group)) {
            return Outcome::Ok;
        }
        outcome(self.store.wait(product.invite(&self.tenant, &address, None, Some(group), None, None)))
    }

    fn apply_hold(&self, directory: Directory) -> Outcome {
        let (product, id) = (&self.store.product, &self.connections[&directory]);
        let holds = self.store.wait(product.holds(&self.tenant)).expect("they are read");
        let open = holds.into_iter().find(|hold| hold.connection == *id && hold.state == "open");
        let Some(hold) = open else { return Outcome::Unknown };
        outcome(self.store.wait(product.apply_hold(&self.tenant, &hold.id)))
    }

    fn remap(&mut self, value: &'static str, team: Team) -> Outcome {
        self.remember(value, team);
        all_of(Directory::ALL.into_iter().map(|directory| outcome(self.configure(directory))))
    }
}

/// What a sign-in claims, besides who signed it when and for whom.
pub(super) fn claims(evidence: SignIn) -> Map<String, Value> {
    let SignIn { login, who, groups, name, roles, anchor, .. } = evidence;
    let email = format!("{who}@{}", domain(login.directory()).unwrap_or("b.example"));
    let mut claims = Map::from_iter([
        ("anchor".to_owned(), json!(anchor_name(who, if login.namespace() == Namespace::A { anchor } else { 0 }))),
        ("preferred_username".to_owned(), json!(user_name(login.namespace(), who))),
        ("email".to_owned(), json!(email)),
    ]);
    if let Some(name) = name {
        claims.insert("name".to_owned(), json!(name));
    }
    if let Some(values) = roles {
        claims.insert("roles".to_owned(), json!(values));
    }
    match groups {
        Groups::Absent => {}
        Groups::CutOff => drop(claims.insert("_claim_names".to_owned(), json!({"groups": "elsewhere"}))),
        Groups::Known(values) => drop(claims.insert("groups".to_owned(), json!(values))),
    }
    claims
}

/// One after the other, up to the first that does not go well.
pub(super) fn all_of(mut outcomes: impl Iterator<Item = Outcome>) -> Outcome {
    outcomes.find(|outcome| *outcome != Outcome::Ok).unwrap_or(Outcome::Ok)
}

fn outcome<T>(answer: Result<T, Error>) -> Outcome {
    let error = match answer {
        Ok(_) => return Outcome::Ok,
        Err(Error::Busy) => return Outcome::Lost,
        Err(Error::Scim(error) | Error::Refused { error, .. } | Error::Denied { error, .. }) => error,
        Err(other) => panic!("{other}"),
    };
    match error.status {
        400 => Outcome::Invalid,
        404 => Outcome::Unknown,
        409 => Outcome::Conflict,
        _ => panic!("{error:?}"),
    }
}
