//! The story: what happens to people between a push, a sign-in and an administrator, step by step.

use reqwest::Method;
use serde_json::{Value, json};

use super::provider::{CLIENT_ID, Provider};
use super::stage::{Reply, Stage, tail};
use super::{Cast, TENANT};

const ENGINEERING: &str = "acme:engineering";
const DESIGN: &str = "acme:design";
const EVERYONE: &str = "acme:everyone";

pub struct Story<'a> {
    stage: &'a mut Stage,
    cast: &'a Cast,
    provider: &'a Provider,
    /// Ids of the people and groups, once they are known.
    ana: String,
    bob: String,
    cleo: String,
    dev: String,
    engineering: String,
    /// The reference of the stranger's refusal.
    refusal: String,
}

/// Somebody at the identity provider.
struct Person {
    subject: &'static str,
    given: &'static str,
    family: &'static str,
}

impl Person {
    fn email(&self) -> String {
        format!("{}@acme.example", self.given.to_lowercase())
    }

    fn pushed(&self) -> Value {
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "userName": self.email(),
            "externalId": self.subject,
            "name": {"givenName": self.given, "familyName": self.family},
            "emails": [{"value": self.email(), "type": "work", "primary": true}],
            "active": true,
        })
    }

    fn claims(&self, groups: &[&str]) -> Value {
        json!({
            "sub": self.subject, "email": self.email(), "email_verified": true, "groups": groups,
            "given_name": self.given, "family_name": self.family, "name": format!("{} {}", self.given, self.family),
        })
    }
}

const ANA: Person = Person { subject: "00u-ana", given: "Ana", family: "Alvarez" };
const BOB: Person = Person { subject: "00u-bob", given: "Bob", family: "Brandt" };
const CLEO: Person = Person { subject: "00u-cleo", given: "Cleo", family: "Costa" };
const DEV: Person = Person { subject: "00u-dev", given: "Dev", family: "Das" };
const EVE: Person = Person { subject: "00u-eve", given: "Eve", family: "Engel" };
const FINN: Person = Person { subject: "00u-finn", given: "Finn", family: "Falk" };
const GIA: Person = Person { subject: "00u-gia", given: "Gia", family: "Greco" };

impl<'a> Story<'a> {
    pub fn new(stage: &'a mut Stage, cast: &'a Cast, provider: &'a Provider) -> Self {
        let unknown = String::new;
        Self {
            stage,
            cast,
            provider,
            ana: unknown(),
            bob: unknown(),
            cleo: unknown(),
            dev: unknown(),
            engineering: unknown(),
            refusal: unknown(),
        }
    }

    pub async fn tell(&mut self) {
        self.an_administrator_prepares().await;
        self.three_people_and_two_groups_are_pushed().await;
        self.a_pushed_person_signs_in().await;
        self.a_person_nobody_pushed_signs_in().await;
        self.that_person_is_pushed().await;
        self.a_person_entered_by_hand_signs_in().await;
        self.a_removal_counts_at_once().await;
        self.a_nested_member_is_named_by_the_claim_only().await;
        self.a_stranger_meets_a_closed_door().await;
        self.an_invitation_opens_it().await;
        self.a_deactivated_person_stays_out().await;
        self.filters_find_people().await;
        self.a_membership_is_explained().await;
        self.a_refusal_is_explained().await;
    }

    async fn an_administrator_prepares(&mut self) {
        self.stage.step(
            "The administrator says whose people these are",
            "An organization, its default team, and who the identity provider is. The domain is attested, JIT is on.",
        );
        let slug = json!({"slug": "acme", "displayName": "Acme"});
        let made = self.administer(Method::POST, "scim/v2/Organizations", Some(&slug), tell_id).await;
        self.stage.check(made.status == 201, "organization acme");
        let everyone = json!({"displayName": EVERYONE});
        let made = self.administer(Method::POST, "scim/v2/Groups", Some(&everyone), tell_id).await;
        self.stage.check(made.status == 201, "its team everyone, for whoever is in no other");
        let rules = json!({"rules": {
            "issuer": self.provider.issuer, "clientIds": [CLIENT_ID], "algs": ["ES256"], "domains": ["acme.example"],
            "organizations": ["acme"], "default": {"organization": "acme", "group": "everyone"},
        }});
        let shown =
            r#"{"rules": {"issuer": …, "clientIds": ["demo-app"], "domains": ["acme.example"], "default": …, …}}"#;
        let path = format!("/t/{TENANT}/admin/v1/connections/default");
        let telling = |body: &Value| {
            let jit = body.pointer("/rules/jit/enabled") == Some(&true.into());
            format!("issuer {}, JIT {}", at(body, "/rules/issuer"), if jit { "on" } else { "off" })
        };
        let set = self.stage.send(&self.cast.administrator, Method::PATCH, &path, Some(&rules), shown, telling).await;
        self.stage
            .check(set.is("/rules/jit/enabled", true), "people can be pushed and can sign in through one connection");
    }

    async fn three_people_and_two_groups_are_pushed(&mut self) {
        self.stage.step(
            "The identity provider pushes three people and two groups",
            "Plain SCIM 2.0, as Okta and Entra send it.",
        );
        self.ana = self.push_person(&ANA).await.id();
        self.bob = self.push_person(&BOB).await.id();
        self.cleo = self.push_person(&CLEO).await.id();
        self.stage.check(all_known([&self.ana, &self.bob, &self.cleo]), "three people, each with an id of ours");
        let (ana, bob, cleo) = (self.ana.clone(), self.bob.clone(), self.cleo.clone());
        let engineering = self.push_group(ENGINEERING, "00g-eng", &[("Ana", &ana), ("Bob", &bob)]).await;
        self.engineering = engineering.id();
        let design = self.push_group(DESIGN, "00g-des", &[("Cleo", &cleo)]).await;
        let made = engineering.status == 201 && design.status == 201;
        self.stage.check(made, "two groups; acme:engineering is the team engineering of the organization acme");
    }

    async fn a_pushed_person_signs_in(&mut self) {
        self.stage.step(
            "Ana signs in for the first time",
            "The application hands over her ID token. Its subject is what was pushed as externalId: the same person.",
        );
        let login = self.sign_in(&ANA, &[ENGINEERING], 0).await;
        self.stage
            .check(login.is("/user/id", self.ana.as_str()) && login.is("/created", false), "found, not created twice");
        self.stage.check(login.is("/linked", true), "her subject is linked to the account from now on");
        let told = via(&login, ENGINEERING) == ["push"];
        self.stage
            .check(told, "in acme:engineering, so in the organization acme; her claim says no more than the push did");
    }

    async fn a_person_nobody_pushed_signs_in(&mut self) {
        self.stage
            .step("Dev signs in, whom nobody has pushed", "JIT is on: the account is created from the verified token.");
        let login = self.sign_in(&DEV, &[], 0).await;
        self.dev = login.text("/user/id").to_owned();
        self.stage.check(login.is("/created", true), "created at sign-in");
        self.stage.check(via(&login, EVERYONE) == ["default"], "in no team yet, so in the default team");
    }

    async fn that_person_is_pushed(&mut self) {
        self.stage.step(
            "Then the identity provider pushes Dev",
            "In most products this is where the second account appears.",
        );
        let pushed = self.push_person(&DEV).await;
        let same = pushed.status == 201 && pushed.id() == self.dev;
        self.stage.check(same, "adopted: the same id as at sign-in, and from now on push rules his lifecycle");
    }

    async fn a_person_entered_by_hand_signs_in(&mut self) {
        self.stage.step(
            "Eve was entered by hand, and signs in",
            "Nobody pushed her and no link names her, but her verified address lies in a domain of this connection.",
        );
        let body = json!({"userName": "eve", "emails": [{"value": EVE.email(), "primary": true}]});
        let entered = self.administer(Method::POST, "scim/v2/Users", Some(&body), tell_person).await.id();
        let login = self.sign_in(&EVE, &[], 0).await;
        let same = login.is("/user/id", entered.as_str()) && login.is("/created", false);
        self.stage.check(same, "joined once by her verified address: the same person, now linked");
    }

    async fn a_removal_counts_at_once(&mut self) {
        self.stage.step(
            "Bob is taken out of engineering, while his claims still name it",
            "He signed in two minutes ago. A token outlives the truth; a removal by push does not wait for it.",
        );
        let before = self.sign_in(&BOB, &[ENGINEERING], 120).await;
        self.stage.check(is_in(&before, ENGINEERING), "in: push and claim agree");
        let remove = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{"op": "remove", "path": format!("members[value eq \"{}\"]", self.bob)}],
        });
        let shown =
            format!(r#"{{"Operations": [{{"op": "remove", "path": "members[value eq \"{}\"]"}}]}}"#, tail(&self.bob));
        let path = format!("scim/v2/Groups/{}", self.engineering);
        let removed = self.push(Method::PATCH, &path, Some(&remove), &shown, |_| "removed".to_owned()).await;
        self.stage.check(removed.status == 204, "the identity provider has removed him");
        let path = format!("scim/v2/Users/{}", self.bob);
        let now = self.administer(Method::GET, &path, None, tell_person).await;
        self.stage.check(!names(&now.body, "groups", "display").contains(&ENGINEERING), "out at once");
        let again = self.sign_in(&BOB, &[ENGINEERING], 0).await;
        let out = again.status == 200 && !is_in(&again, ENGINEERING);
        self.stage.check(out, "a brand-new token that still names the group does not bring him back");
        self.stage.check(drifts(&again, ENGINEERING), "what the token said and lost is reported as drift");
    }

    async fn a_nested_member_is_named_by_the_claim_only(&mut self) {
        self.stage.step(
            "Cleo is in engineering through a group inside it",
            "Entra pushes direct members only; the claim names her group all the same. Push has not spoken about her there.",
        );
        let login = self.sign_in(&CLEO, &[DESIGN, ENGINEERING], 0).await;
        self.stage.check(via(&login, ENGINEERING) == ["login"], "in acme:engineering by her claim alone");
        self.stage.check(via(&login, DESIGN) == ["push"], "in acme:design by push");
    }

    async fn a_stranger_meets_a_closed_door(&mut self) {
        self.stage.step(
            "JIT is switched off, and a stranger signs in",
            "His token is as valid as any other. That is not enough.",
        );
        self.set_jit(false).await;
        let login = self.sign_in(&FINN, &[ENGINEERING], 0).await;
        self.refusal = login.text("/decisionId").to_owned();
        self.stage.check(login.status == 403 && login.is("/code", "not_invited"), "refused: not_invited");
        let path = format!("scim/v2/Users?filter={}", query(&format!("emails.value eq \"{}\"", FINN.email())));
        let found = self.administer(Method::GET, &path, None, tell_list).await;
        self.stage.check(found.is("/totalResults", 0), "and nothing was written about him but the refusal");
    }

    async fn an_invitation_opens_it(&mut self) {
        self.stage.step(
            "Gia is invited to the design team, and signs in",
            "JIT is still off: her invitation is what lets her in.",
        );
        let body = json!({"address": GIA.email(), "organization": "acme", "group": DESIGN});
        let invited = self.administer(Method::POST, "admin/v1/invitations", Some(&body), |body| {
            format!("invitation {}, {}", tail(&at(body, "/id")), at(body, "/state"))
        });
        let invited = invited.await;
        self.stage.check(invited.status == 201, "invited");
        let login = self.sign_in(&GIA, &[], 0).await;
        self.stage
            .check(login.is("/created", true) && is_in(&login, DESIGN), "accepted at sign-in: she is in acme:design");
        self.set_jit(true).await;
    }

    async fn a_deactivated_person_stays_out(&mut self) {
        self.stage.step("Ana leaves", "The identity provider deactivates her. Her token is still valid for minutes.");
        let off = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{"op": "replace", "value": {"active": false}}],
        });
        let shown = r#"{"Operations": [{"op": "replace", "value": {"active": false}}]}"#;
        let path = format!("scim/v2/Users/{}", self.ana);
        let pushed = self.push(Method::PATCH, &path, Some(&off), shown, tell_person).await;
        self.stage.check(pushed.status == 200 && pushed.is("/active", false), "inactive");
        let login = self.sign_in(&ANA, &[ENGINEERING], 0).await;
        self.stage.check(login.status == 403 && login.is("/code", "inactive"), "signing in does not bring her back");
        let ana = self.ana.clone();
        let events = self.administer(Method::GET, "admin/v1/events?limit=1000", None, |body| {
            let all = body["events"].as_array().into_iter().flatten();
            let hers = all.filter(|event| event["resource"] == ana.as_str()).map(|event| at(event, "/kind"));
            format!("about Ana: {}", hers.collect::<Vec<_>>().join(", "))
        });
        let events = events.await;
        let told = events.body["events"]
            .as_array()
            .into_iter()
            .flatten()
            .any(|event| event["kind"] == "user.deactivated" && event["resource"] == self.ana.as_str());
        self.stage.check(told, "applications learn of it from the feed of events");
    }

    async fn filters_find_people(&mut self) {
        self.stage.step(
            "Who is there? Two queries",
            "SCIM filters, over everything that push, sign-in and administrators said.",
        );
        let filter = "active eq true and (name.familyName sw \"B\" or emails[type eq \"work\" and value sw \"gia\"])";
        let path = format!("scim/v2/Users?sortBy=userName&filter={}", query(filter));
        let found = self.query(&path, filter).await;
        let expected = [BOB.email(), GIA.email()];
        self.stage.check(
            names(&found.body, "Resources", "userName") == expected,
            "Bob by his family name, Gia by her work address",
        );
        let filter = format!("groups.display eq \"{ENGINEERING}\"");
        let path = format!("scim/v2/Users?filter={}", query(&filter));
        let found = self.query(&path, &filter).await;
        let members = names(&found.body, "Resources", "userName");
        self.stage
            .check(members == [CLEO.email()], "in engineering: Ana has left, Bob was removed, Cleo's claim counts");
    }

    async fn a_membership_is_explained(&mut self) {
        self.stage.step(
            "Why is Cleo in engineering, and Bob not?",
            "Every answer names the rule and the registers that it rests on.",
        );
        let path = format!("admin/v1/people/{}/explain?group={}", self.cleo, self.engineering);
        let cleo = self.administer(Method::GET, &path, None, tell_sentence).await;
        self.registers(&cleo);
        self.stage.check(cleo.is("/member", true), "a member, because push has not spoken where the claim does");
        let path = format!("admin/v1/people/{}/explain?group={}", self.bob, self.engineering);
        let bob = self.administer(Method::GET, &path, None, tell_sentence).await;
        self.registers(&bob);
        self.stage
            .check(bob.is("/member", false) && bob.is("/rule", "R7"), "not a member, because push has the last word");
    }

    async fn a_refusal_is_explained(&mut self) {
        self.stage.step(
            "Why was Finn refused?",
            "The person got one careful sentence and a reference; the administrator gets the reason.",
        );
        let path = format!("admin/v1/logins/{}/explain", self.refusal);
        let told = self.administer(Method::GET, &path, None, tell_sentence).await;
        let steps: Vec<String> = told.body["steps"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|step| format!("{} {}", at(step, "/step"), at(step, "/outcome")))
            .collect();
        super::line(format!("       tried: {}", steps.join(" · ")));
        self.stage.check(
            told.is("/code", "not_invited") && !at(&told.body, "/sentence").is_empty(),
            "one sentence, and each step that was tried",
        );
    }

    // ------------------------------------------------------------------------------------------ what people do

    async fn push_person(&mut self, person: &Person) -> Reply {
        let shown = format!(
            r#"{{"userName": "{}", "externalId": "{}", "name": …, "emails": …, "active": true}}"#,
            person.email(),
            person.subject
        );
        self.push(Method::POST, "scim/v2/Users", Some(&person.pushed()), &shown, tell_person).await
    }

    async fn push_group(&mut self, name: &str, external_id: &str, members: &[(&str, &str)]) -> Reply {
        let body = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
            "displayName": name,
            "externalId": external_id,
            "members": members.iter().map(|(_, id)| json!({"value": id})).collect::<Vec<_>>(),
        });
        let who: Vec<&str> = members.iter().map(|(name, _)| *name).collect();
        let shown =
            format!(r#"{{"displayName": "{name}", "externalId": "{external_id}", "members": [{}]}}"#, who.join(", "));
        self.push(Method::POST, "scim/v2/Groups", Some(&body), &shown, |body| {
            let count = body["members"].as_array().map_or(0, Vec::len);
            format!("id {}, {count} member{}", tail(&at(body, "/id")), if count == 1 { "" } else { "s" })
        })
        .await
    }

    /// The application presents somebody's ID token, issued `age` seconds ago.
    async fn sign_in(&mut self, person: &Person, groups: &[&str], age: i64) -> Reply {
        let Ok(evidence) = self.provider.sign(&person.claims(groups), age) else {
            self.stage.check(false, "the demo's identity provider could not sign");
            return Reply { status: 0, body: Value::Null };
        };
        let body = json!({
            "connection": "default",
            "evidence": {"type": "oidc_id_token", "id_token": evidence.id_token, "nonce": evidence.nonce},
        });
        let age = if age == 0 { String::new() } else { format!(", issued {age} seconds ago") };
        let shown =
            format!("ID token: sub {}, email {}, groups [{}]{age}", person.subject, person.email(), groups.join(", "));
        let path = format!("/t/{TENANT}/jit/v1/logins");
        let application = &self.cast.application;
        self.stage.send(application, Method::POST, &path, Some(&body), &shown, tell_login).await
    }

    async fn push(
        &mut self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        shown: &str,
        telling: impl Fn(&Value) -> String,
    ) -> Reply {
        self.stage.send(&self.cast.idp, method, &format!("/t/{TENANT}/{path}"), body, shown, telling).await
    }

    async fn administer(
        &mut self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        telling: impl Fn(&Value) -> String,
    ) -> Reply {
        let shown = body.map(Value::to_string).unwrap_or_default();
        let path = format!("/t/{TENANT}/{path}");
        self.stage.send(&self.cast.administrator, method, &path, body, &shown, telling).await
    }

    async fn query(&mut self, path: &str, filter: &str) -> Reply {
        let path = format!("/t/{TENANT}/{path}");
        let shown = format!("filter: {filter}");
        self.stage.send(&self.cast.administrator, Method::GET, &path, None, &shown, tell_list).await
    }

    async fn set_jit(&mut self, enabled: bool) {
        let body = json!({"rules": {"jit": {"enabled": enabled}}});
        let set = self.administer(Method::PATCH, "admin/v1/connections/default", Some(&body), |body| {
            format!("JIT {}", if body.pointer("/rules/jit/enabled") == Some(&true.into()) { "on" } else { "off" })
        });
        let set = set.await;
        self.stage.check(set.is("/rules/jit/enabled", enabled), if enabled { "JIT is on again" } else { "JIT is off" });
    }

    fn registers(&mut self, explained: &Reply) {
        for register in explained.body["registers"].as_array().into_iter().flatten() {
            let (source, cell, value) = (at(register, "/source"), at(register, "/cell"), at(register, "/value"));
            let source = source.split(':').next().unwrap_or_default();
            let cell = if cell == self.engineering { ENGINEERING.to_owned() } else { cell };
            super::line(format!("       {source:<6} {cell:<17} {value:<30} {}", at(register, "/stamp")));
        }
    }
}

// ---------------------------------------------------------------------------------------------- the telling part

fn tell_id(body: &Value) -> String {
    format!("id {}", tail(&at(body, "/id")))
}

fn tell_person(body: &Value) -> String {
    let groups = names(body, "groups", "display");
    let groups = if groups.is_empty() { String::new() } else { format!(", groups [{}]", groups.join(", ")) };
    let active = if body["active"] == false { "inactive" } else { "active" };
    format!("id {}, {}, {active}{groups}", tail(&at(body, "/id")), at(body, "/userName"))
}

fn tell_login(body: &Value) -> String {
    let what: Vec<&str> = ["created", "linked", "adopted"].into_iter().filter(|name| body[*name] == true).collect();
    let what = if what.is_empty() { "known".to_owned() } else { what.join(", ") };
    let groups: Vec<String> = body["groups"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|group| {
            let by: Vec<&str> = group["via"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            format!("{} via {}", at(group, "/displayName"), by.join("+"))
        })
        .collect();
    let organizations = names(body, "organizations", "slug").join(", ");
    format!(
        "{}: id {}, {what}; organizations [{organizations}]; groups [{}]",
        at(body, "/decision"),
        tail(&at(body, "/user/id")),
        groups.join(", ")
    )
}

fn tell_list(body: &Value) -> String {
    match names(body, "Resources", "userName").as_slice() {
        [] => "nobody".to_owned(),
        found => format!("{} found: {}", body["totalResults"], found.join(", ")),
    }
}

fn tell_sentence(body: &Value) -> String {
    at(body, "/sentence")
}

fn at(body: &Value, pointer: &str) -> String {
    body.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// One member of each element of a list.
fn names<'v>(body: &'v Value, list: &str, name: &str) -> Vec<&'v str> {
    body[list].as_array().into_iter().flatten().filter_map(|element| element[name].as_str()).collect()
}

fn group<'v>(login: &'v Reply, name: &str) -> Option<&'v Value> {
    login.body["groups"].as_array()?.iter().find(|group| group["displayName"] == name)
}

fn is_in(login: &Reply, name: &str) -> bool {
    group(login, name).is_some()
}

/// By whose word somebody is in a group, in the order of the alphabet.
fn via<'v>(login: &'v Reply, name: &str) -> Vec<&'v str> {
    let via = group(login, name).and_then(|group| group["via"].as_array());
    let mut via: Vec<&str> = via.into_iter().flatten().filter_map(Value::as_str).collect();
    via.sort_unstable();
    via
}

fn drifts(login: &Reply, group: &str) -> bool {
    login.body["drift"].as_array().into_iter().flatten().any(|drift| drift["group"] == group)
}

fn all_known<const N: usize>(ids: [&String; N]) -> bool {
    ids.iter().all(|id| !id.is_empty())
}

/// A filter as it stands in a URL.
fn query(filter: &str) -> String {
    url::form_urlencoded::byte_serialize(filter.as_bytes()).collect()
}
