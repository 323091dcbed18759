//! Each event by the request that stands for it, as whoever is behind it would send it.

use std::collections::BTreeSet;

use axum::http::Method;
use rollkeeper::reconcile::Word;
use rollkeeper::scim::core;
use rollkeeper::scim::resource_type::urn;
use serde_json::{Value, json};

use super::super::super::observe::NAME;
use super::super::super::{Client, Directory, Event, Namespace, Outcome, Refusal, SignIn, Team, Who};
use super::super::events::{all_of, claims};
use super::super::{address, user, user_name};
use super::{AUDIENCE, ISSUER, Wired, team_name};
use crate::support::client::{Call, Collection, Reply};

impl Wired {
    pub(super) fn perform(&mut self, event: &Event) -> Outcome {
        let organization = &self.stored.organization;
        match event {
            Event::Put { client, who, active, name, .. } => self.put(*client, who, *active, *name),
            Event::Delete { client, who } => self.delete(*client, who),
            Event::Rename { .. } | Event::Succeed => unreachable!("names move over a store only"),
            Event::Member { client, team, who, present, .. } => self.list(*client, *team, who, *present),
            Event::Members { client, team, list, .. } => self.members(*client, *team, list),
            Event::Login(sign_in) => self.login(*sign_in),
            Event::Enter { who, name } => self.enter(who, name),
            Event::Import { who, team, .. } => self.import(who, *team),
            Event::Grant { who, team, word, until } => {
                let mut grant = json!({"group": self.stored.teams[team]});
                if let Some(until) = until {
                    grant["until"] = json!(core::instant(self.stored.milliseconds(*until)));
                }
                self.say(who, *word, grant)
            }
            Event::Ungrant { who, team } => self.unsay(who, &self.stored.teams[team]),
            Event::Appoint { who, word, role, until } => {
                let mut appointment = json!({"organization": organization});
                if let Some(role) = role.filter(|_| *word == Word::Grant) {
                    appointment["role"] = json!(role.name());
                }
                if let Some(until) = until.filter(|_| *word == Word::Grant) {
                    appointment["until"] = json!(core::instant(self.stored.milliseconds(until)));
                }
                self.say(who, *word, appointment)
            }
            Event::Dismiss { who } => self.unsay(who, organization),
            Event::Suspend { who, .. } => {
                self.administer(who, |people, id| people.call(Method::POST, &format!("/{id}/suspension")))
            }
            Event::Unsuspend { who } => {
                self.administer(who, |people, id| people.call(Method::DELETE, &format!("/{id}/suspension")))
            }
            Event::Lock { who, name } => {
                self.administer(who, |people, id| people.put(&format!("{id}/locks/{NAME}"), json!({"value": name})))
            }
            Event::Invite { who, team } => self.invite(who, *team),
            Event::Remap { value, team } => {
                self.stored.remember(value, *team);
                all_of(Directory::ALL.into_iter().map(|directory| self.configure(directory)))
            }
            Event::Withdraw { login } => {
                let connection = &self.stored.connections[&login.directory()];
                let people = self.stored.universe.people;
                let subjects: BTreeSet<String> = people.iter().map(|who| login.subject(who)).collect();
                let known = people.iter().flat_map(|who| Namespace::ALL.map(|namespace| self.person(namespace, who)));
                let links: BTreeSet<String> =
                    known.flatten().flat_map(|id| self.links(&id, connection, &subjects)).collect();
                all_of(links.iter().map(|link| outcome(&self.send(self.administrator.admin("/links").delete(link)))))
            }
            Event::Apply { directory } => self.apply_hold(*directory),
            Event::Wait { .. } => Outcome::Ok,
        }
    }

    /// A request about a person, below `admin/v1/people`.
    fn administer(&self, who: Who, call: impl FnOnce(&Collection, &str) -> Call) -> Outcome {
        let Some(id) = self.person(Namespace::A, who) else { return Outcome::Unknown };
        outcome(&self.send(call(&self.administrator.admin("/people"), &id)))
    }

    fn say(&self, who: Who, word: Word, what: Value) -> Outcome {
        let words = if word == Word::Grant { "grants" } else { "denies" };
        self.administer(who, |people, id| people.call(Method::POST, &format!("/{id}/{words}")).json(what))
    }

    fn unsay(&self, who: Who, parent: &str) -> Outcome {
        self.administer(who, |people, id| people.call(Method::DELETE, &format!("/{id}/grants/{parent}")))
    }

    fn put(&self, client: Client, who: Who, active: bool, name: Option<&str>) -> Outcome {
        let mut body = user(who);
        body["active"] = json!(active);
        if let Some(name) = name {
            body[NAME] = json!(name);
        }
        self.state(client, self.record(client, who), body)
    }

    /// POST of somebody who is not there yet, else PUT: what every identity provider does.
    fn state(&self, client: Client, id: Option<String>, body: Value) -> Outcome {
        let users = self.pushes[&client].users();
        outcome(&self.send(match id {
            None => users.post(body),
            Some(id) => users.put(&id, body),
        }))
    }

    fn delete(&self, client: Client, who: Who) -> Outcome {
        let Some(id) = self.record(client, who) else { return Outcome::Unknown };
        let deleted = outcome(&self.send(self.pushes[&client].users().delete(&id)));
        if deleted == Outcome::Ok && self.person(Namespace::A, who).is_none() { Outcome::Gone } else { deleted }
    }

    fn change(&self, client: Client, team: Team, operation: Value) -> Outcome {
        let groups = self.pushes[&client].groups();
        outcome(&self.send(groups.patch(&self.stored.teams[&team], json!([operation]))))
    }

    /// One member in or out, and where the model is laxer than the product the person is stated as well: see `Stored::list`.
    fn list(&self, client: Client, team: Team, who: Who, present: bool) -> Outcome {
        let Some(id) = self.person(Namespace::A, who) else { return Outcome::Unknown };
        let bound = self.record(client, who).is_some();
        if !present {
            let path = format!("members[value eq \"{id}\"]");
            let removed = self.change(client, team, json!({"op": "remove", "path": path}));
            return if bound { removed } else { Outcome::Unknown };
        }
        let pushed = Client::ALL.into_iter().any(|client| self.record(client, who).is_some());
        let add = json!({"op": "add", "path": "members", "value": [{"value": id}]});
        let added = self.change(client, team, add.clone());
        if bound || pushed {
            return added;
        }
        let is_claimed = added == Outcome::Ok;
        let stated = self.state(client, Some(id).filter(|_| is_claimed), user(who));
        assert_eq!(stated, Outcome::Ok, "{who} is stated by {client:?}");
        if is_claimed { added } else { self.change(client, team, add) }
    }

    /// The whole list, of those whom the client pushes: see `Stored::members`.
    fn members(&self, client: Client, team: Team, list: &BTreeSet<Who>) -> Outcome {
        let ids: Option<Vec<String>> = list.iter().map(|who| self.record(client, who)).collect();
        let Some(ids) = ids else { return Outcome::Invalid };
        let members: Vec<Value> = ids.into_iter().map(|id| json!({"value": id})).collect();
        let body = json!({"displayName": team_name(team), "members": members});
        outcome(&self.send(self.pushes[&client].groups().put(&self.stored.teams[&team], body)))
    }

    fn login(&self, evidence: SignIn) -> Outcome {
        let body = json!({
            "connection": self.stored.connections[&evidence.login.directory()],
            "evidence": {"type": "oidc_id_token", "id_token": self.id_token(evidence)},
        });
        let reply = self.send(self.application.logins().post(body));
        match (reply.status.as_u16(), reply["code"].as_str()) {
            (200, _) => Outcome::Allow,
            (403, Some("tombstoned")) => Outcome::Deny(Refusal::Tombstoned),
            (403, Some("identity_conflict")) => Outcome::Deny(Refusal::IdentityConflict),
            (403, Some("inactive")) => Outcome::Deny(Refusal::Inactive),
            _ => panic!("{reply:?}"),
        }
    }

    /// What the identity provider signs.
    fn id_token(&self, evidence: SignIn) -> String {
        let mut tokens = self.wire.tokens.borrow_mut();
        let key = format!("{:?} {evidence:?}", self.stored.universe.time.is_some());
        let token = tokens.entry(key).or_insert_with(|| {
            let issued = self.stored.milliseconds(evidence.iat) / 1000;
            let mut said = claims(evidence);
            let subject = evidence.login.subject(evidence.who);
            for (name, value) in [
                ("iss", json!(ISSUER)),
                ("aud", json!(AUDIENCE)),
                ("sub", json!(subject)),
                ("iat", json!(issued)),
                ("exp", json!(issued + 300)),
            ] {
                said.insert(name.to_owned(), value);
            }
            self.wire.key.sign(&Value::Object(said)).expect("the machine signs")
        });
        token.clone()
    }

    fn enter(&self, who: Who, name: &str) -> Outcome {
        if self.person(Namespace::A, who).is_some() {
            let line = json!({"schemas": [urn::USER], "userName": user_name(Namespace::A, who), NAME: name});
            return if self.bring_in(&line) == Outcome::Ok { Outcome::Updated } else { Outcome::Invalid };
        }
        let mut body = user(who);
        body[NAME] = json!(name);
        if let Value::Object(body) = &mut body {
            body.shift_remove("externalId");
        }
        let made = outcome(&self.send(self.administrator.users().post(body)));
        if made == Outcome::Ok { Outcome::Created } else { made }
    }

    fn import(&self, who: Who, team: Team) -> Outcome {
        let Some(id) = self.person(Namespace::A, who) else { return Outcome::Unknown };
        self.bring_in(&json!({
            "schemas": [urn::GROUP], "displayName": team_name(team), "members": [{"value": id}],
        }))
    }

    /// A file of one line.
    fn bring_in(&self, line: &Value) -> Outcome {
        let file =
            self.administrator.admin("/imports").call(Method::POST, "").text("application/jsonl", line.to_string());
        let report = self.send(file).status(200);
        assert_eq!(report["lines"][0].get("reason"), None, "{line}: {:?}", report.body);
        if report["refused"] == 0 { Outcome::Ok } else { Outcome::Invalid }
    }

    /// In the product every invitation is its own, in the model there is one for each person and team.
    fn invite(&self, who: Who, team: Team) -> Outcome {
        let invitations = self.administrator.admin("/invitations");
        let (group, address) = (&self.stored.teams[&team], address(who));
        let all = self.send(invitations.list("")).status(200);
        let mut known = all["invitations"].as_array().into_iter().flatten();
        if known.any(|it| it["address"] == address.as_str() && it["group"] == group.as_str()) {
            return Outcome::Ok;
        }
        outcome(&self.send(invitations.post(json!({"address": address, "group": group}))))
    }

    /// Those of a connection's links with a person that are of these subjects.
    fn links(&self, id: &str, connection: &str, subjects: &BTreeSet<String>) -> Vec<String> {
        let known = self.send(self.administrator.admin(&format!("/people/{id}/links")).list("")).status(200);
        let links = known["links"].as_array().into_iter().flatten();
        let mine = links.filter(|link| {
            link["connection"] == connection && link["subject"].as_str().is_some_and(|it| subjects.contains(it))
        });
        mine.filter_map(|link| link["id"].as_str().map(str::to_owned)).collect()
    }

    fn apply_hold(&self, directory: Directory) -> Outcome {
        let holds = self.administrator.admin("/holds");
        let connection = self.stored.connections[&directory].as_str();
        let all = self.send(holds.list("")).status(200);
        let mut open = all["holds"].as_array().into_iter().flatten();
        let Some(hold) = open.find(|hold| hold["connection"] == connection && hold["state"] == "open") else {
            return Outcome::Unknown;
        };
        let id = hold["id"].as_str().expect("a hold has an id");
        outcome(&self.send(holds.call(Method::POST, &format!("/{id}/apply"))))
    }

    /// The connection's settings anew, with the identity provider that signs its tokens.
    pub(super) fn configure(&self, directory: Directory) -> Outcome {
        let mut rules = self.stored.settings(directory);
        rules["issuer"] = json!(ISSUER);
        rules["clientIds"] = json!([AUDIENCE]);
        rules["algs"] = json!(["ES256"]);
        rules["jwks"] = self.wire.key.jwks();
        rules["nonce"] = json!({"required": false});
        let id = &self.stored.connections[&directory];
        let connections = self.administrator.admin("/connections");
        outcome(&self.send(connections.call(Method::PATCH, &format!("/{id}")).json(json!({"rules": rules}))))
    }
}

fn outcome(reply: &Reply) -> Outcome {
    match reply.status.as_u16() {
        200..=204 => Outcome::Ok,
        400 => Outcome::Invalid,
        404 => Outcome::Unknown,
        409 => Outcome::Conflict,
        _ => panic!("{reply:?}"),
    }
}
