//! The product over a real store: every event by its own use case, one tenant for each history.
//!
//! The people of namespace A have the userName that is their name and one address in each domain: `a.example` is
//! verified for the first connection, `d2.example` for the second, so that both of them may join whom an
//! administrator entered. Those of namespace B share neither. Where the product is deliberately stricter than the model
//! the adapter does what an identity provider would do, and only there: see [`Stored::list`], [`Stored::members`] and
//! [`Stored::invite`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use hmac::{Hmac, KeyInit, Mac};
use rollkeeper::auth::egress::{Egress, EgressPolicy};
use rollkeeper::auth::jwks::Jwks;
use rollkeeper::clock::{Clock, Ids};
use rollkeeper::directory::{
    Caller, Difference, Directory as Product, Error, ListChange, Precondition, Query, Resource, Voice, Wants,
};
use rollkeeper::jit::claims::Statement;
use rollkeeper::jit::login::Logins;
use rollkeeper::jit::rules::Rules;
use rollkeeper::reconcile::{self, DefaultMode, Person, Source, Stamp, Word, World};
use rollkeeper::scim::resource_type::{Registry, ResourceType};
use rollkeeper::store::people::Account;
use rollkeeper::store::{Engine, Options, identity, people, tenants, vouches};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::runtime::Runtime;

use super::observe::{self, NAME};
use super::pure::{ORGANIZATION, Pure};
use super::{
    Client, Directory, Effective, Event, Groups, MAPPING, Mode, Namespace, Outcome, PushView, Refusal, Registers, Seen,
    SignIn, Subject, Team, Universe, Who,
};

/// A migrated database and the doors to it, shared by all histories of a test.
pub struct Store {
    runtime: Arc<Runtime>,
    product: Product,
    logins: Logins,
    clock: Clock,
    tenants: AtomicU32,
}

impl Store {
    pub fn open(url: &str) -> Arc<Self> {
        Self::open_on(url, tokio::runtime::Builder::new_current_thread())
    }

    /// For several threads at once, each with its own [`Store::neighbour`].
    pub fn open_for_many(url: &str) -> Arc<Self> {
        Self::open_on(url, tokio::runtime::Builder::new_multi_thread())
    }

    fn open_on(url: &str, mut runtime: tokio::runtime::Builder) -> Arc<Self> {
        let runtime = Arc::new(runtime.enable_all().build().expect("a runtime"));
        let engine = runtime.block_on(async {
            let engine = Engine::connect(url, &Options::default()).await.expect("the database opens");
            engine.migrate().await.expect("the migrations run");
            engine
        });
        Arc::new(Self::on(runtime, engine, 1))
    }

    fn on(runtime: Arc<Runtime>, engine: Engine, seed: u64) -> Self {
        let clock = Clock::fixed(0);
        let product = Product::new(engine, clock.clone(), Ids::seeded(seed));
        let keys = Jwks::new(Egress::new(EgressPolicy::default()), clock.clone());
        let logins = Logins { directory: product.clone(), keys };
        Self { runtime, product, logins, clock, tenants: AtomicU32::new(0) }
    }

    /// The same database through a server with a clock, ids and caches of its own.
    pub fn neighbour(&self, seed: u64) -> Arc<Self> {
        Arc::new(Self::on(self.runtime.clone(), self.product.engine().clone(), seed))
    }

    /// Runs the whole of it on this thread: nothing happens beside an event.
    fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }
}

/// A tenant that has lived through some events.
#[derive(Clone)]
pub struct Stored {
    store: Arc<Store>,
    universe: Universe,
    mode: Mode,
    tenant: String,
    key: Vec<u8>,
    users: Arc<ResourceType>,
    groups: Arc<ResourceType>,
    /// Nobody is ever in it: it knows the configuration in the model's words.
    configuration: Pure,
    mapping: BTreeMap<&'static str, Team>,
    organization: String,
    connections: BTreeMap<Directory, String>,
    teams: BTreeMap<Team, String>,
}

impl Stored {
    pub fn new(store: &Arc<Store>, universe: Universe, mode: Mode) -> Self {
        let product = &store.product;
        let name = format!("history-{}", store.tenants.fetch_add(1, Ordering::Relaxed));
        let tenant = store.wait(product.create_tenant(&name, "directory")).expect("the tenant is new").id;
        let key = store.wait(async {
            let mut tx = product.engine().read(&tenant).await.expect("a transaction");
            tenants::current(&mut tx).await.expect("the tenant is read").expect("the tenant is there").key
        });
        let kind = |name: &str| Registry::builtin().type_named(name).expect("a built-in type").clone();
        let mut stored = Self {
            store: store.clone(),
            universe,
            mode,
            tenant,
            key,
            users: kind("User"),
            groups: kind("Group"),
            configuration: Pure::new(universe, mode),
            mapping: MAPPING.into(),
            organization: String::new(),
            connections: BTreeMap::new(),
            teams: BTreeMap::new(),
        };
        store.clock.set(0);
        let administrator = Caller::administrator(&stored.tenant);
        let made = |kind: &Arc<ResourceType>, body: Value| {
            store.wait(product.create(&administrator, kind, &body, Wants::default())).expect("it is new").0.id
        };
        stored.organization = made(&kind("Organization"), json!({"slug": ORGANIZATION}));
        stored.teams = Team::ALL
            .map(|team| (team, made(&stored.groups, json!({"displayName": format!("{ORGANIZATION}:{}", team.id())}))))
            .into();
        let first =
            store.wait(product.connection(&stored.tenant, "default")).expect("it is read").expect("it is there");
        stored.connections.insert(Directory::D1, first.id);
        stored.configure(Directory::D1);
        for directory in [Directory::D2, Directory::D3] {
            let made = product.create_connection(&stored.tenant, directory.id(), stored.rules(directory));
            let made = store.wait(made).expect("the connection is new");
            stored.connections.insert(directory, made.id);
        }
        stored
    }

    /// The same tenant through another server.
    pub fn through(&self, store: &Arc<Store>) -> Self {
        Self { store: store.clone(), ..self.clone() }
    }

    fn rules(&self, directory: Directory) -> Rules {
        let scope = self.universe.scope(directory);
        let table: BTreeMap<&str, &String> = self
            .mapping
            .iter()
            .filter(|(_, team)| scope.contains(team))
            .map(|(value, team)| (*value, &self.teams[team]))
            .collect();
        let mut settings = json!({
            "anchor": {"claim": "anchor", "namespace": format!("{:?}", directory.namespace())},
            "default": {"organization": self.organization},
            "groups": {"table": table},
            "userName": ["preferred_username"],
        });
        if let Some(domain) = domain(directory) {
            settings["domains"] = json!([domain]);
        }
        if let Some(mode) = self.mode {
            settings["default"]["group"] = json!(self.teams[&self.universe.default_team(directory)]);
            settings["default"]["mode"] = json!(if mode == DefaultMode::Always { "always" } else { "fallback" });
        }
        Rules::default_for(directory.id()).patched(&settings).expect("settings that hold")
    }

    fn configure(&self, directory: Directory) {
        let id = &self.connections[&directory];
        let update = self.store.product.update_connection(&self.tenant, id, self.rules(directory), None);
        self.store.wait(update).expect("the settings are taken");
    }

    /// What is stored and is not what its registers give: nothing.
    pub fn verify(&self) -> Vec<Difference> {
        self.store.wait(self.store.product.verify(Some(&self.tenant))).expect("it is read")
    }

    // ---------------------------------------------------------------------------------------- reading

    fn push(&self, client: Client) -> Caller {
        let connection = self.connections[&client.directory()].clone();
        Caller { voice: Voice::Push { connection }, ..Caller::administrator(&self.tenant) }
    }

    fn reader(&self) -> Caller {
        Caller { voice: Voice::Reader, ..Caller::administrator(&self.tenant) }
    }

    fn search(&self, caller: &Caller, kind: &Arc<ResourceType>, filter: Option<String>) -> Vec<Resource> {
        let query = Query {
            filter,
            sort_by: None,
            descending: false,
            start_index: 1,
            count: 100,
            wants: Wants { groups: true, members: true },
            base: String::new(),
        };
        self.store.wait(self.store.product.search(caller, kind, &query)).expect("it is read").resources
    }

    /// The id of the person by the userName that everybody gives them.
    fn person(&self, namespace: Namespace, who: Who) -> Option<String> {
        let filter = format!("userName eq \"{}\"", user_name(namespace, who));
        self.search(&self.reader(), &self.users, Some(filter)).pop().map(|user| user.id)
    }

    /// The id of the person whom the client pushes by this name.
    fn record(&self, client: Client, who: Who) -> Option<String> {
        let found = self.search(&self.push(client), &self.users, Some(format!("externalId eq \"{who}\"")));
        found.into_iter().find(|user| !user.limited).map(|user| user.id)
    }

    fn team(&self, id: &str) -> Option<Team> {
        self.teams.iter().find(|(_, of)| *of == id).map(|(team, _)| *team)
    }

    // ---------------------------------------------------------------------------------------- events

    fn administer<T>(&self, who: Who, act: impl AsyncFnOnce(&Product, &str, &str) -> Result<T, Error>) -> Outcome {
        let Some(id) = self.person(Namespace::A, who) else { return Outcome::Unknown };
        outcome(self.store.wait(act(&self.store.product, &self.tenant, &id)))
    }

    fn put(&self, client: Client, who: Who, active: bool, name: Option<&str>) -> Outcome {
        let mut body = user(who);
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
        self.store.wait(delete).expect("a client deletes its own record");
        if self.person(Namespace::A, who).is_some() { Outcome::Ok } else { Outcome::Gone }
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
            return if bound { removed } else { Outcome::Unknown };
        }
        let pushed = Client::ALL.into_iter().any(|client| self.record(client, who).is_some());
        let add = ListChange::Add(vec![id.clone()]);
        let added = self.change(client, team, &add);
        if bound || pushed {
            return added;
        }
        let is_claimed = added == Outcome::Ok;
        let stated = self.state(client, Some(id).filter(|_| is_claimed), &user(who));
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
        let SignIn { login, who, iat, groups, name } = evidence;
        let (namespace, directory) = (login.namespace(), login.directory());
        let mut claims = json!({
            "anchor": who,
            "preferred_username": user_name(namespace, who),
            "email": format!("{who}@{}", domain(directory).unwrap_or("b.example")),
        });
        if let Some(name) = name {
            claims["name"] = json!(name);
        }
        match groups {
            Groups::Absent => {}
            Groups::CutOff => claims["_claim_names"] = json!({"groups": "elsewhere"}),
            Groups::Known(values) => claims["groups"] = json!(values),
        }
        let Value::Object(claims) = claims else { unreachable!("it is written as one") };
        let evidence = format!("{evidence:?}");
        let statement = Statement { subject: login.subject(who), stamp: iat, claims, evidence };
        let connection = &self.connections[&directory];
        match self.store.wait(self.store.logins.present(&self.tenant, connection, &statement, None, false)) {
            Ok(_) => Outcome::Allow,
            Err(refused) => Outcome::Deny(match refused.code {
                "tombstoned" => Refusal::Tombstoned,
                "identity_conflict" => Refusal::IdentityConflict,
                "inactive" => Refusal::Inactive,
                other => panic!("refused: {other}"),
            }),
        }
    }

    fn enter(&self, who: Who, name: &str) -> Outcome {
        if let Some(id) = self.person(Namespace::A, who) {
            let word = self.store.product.import_word(&self.tenant, &id, NAME, Some(json!(name)));
            self.store.wait(word).expect("a word is entered");
            return Outcome::Updated;
        }
        let mut body = user(who);
        body[NAME] = json!(name);
        if let Value::Object(body) = &mut body {
            body.shift_remove("externalId");
        }
        let administrator = Caller::administrator(&self.tenant);
        let made = self.store.wait(self.store.product.create(&administrator, &self.users, &body, Wants::default()));
        made.expect("a person is entered");
        Outcome::Created
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

    fn remap(&mut self, value: &'static str, team: Team) -> Outcome {
        self.configuration.apply(&Event::Remap { value, team });
        self.mapping.insert(value, team);
        Directory::ALL.into_iter().for_each(|directory| self.configure(directory));
        Outcome::Ok
    }

    // ---------------------------------------------------------------------------------------- registers

    fn accounts(&self) -> Vec<Account> {
        let engine = self.store.product.engine();
        let load = async {
            let mut tx = engine.read(&self.tenant).await?;
            let ids = people::ids_after(&mut tx, "User", "", 1000).await?;
            people::load(&mut tx, &ids).await
        };
        self.store.wait(load).expect("they are read")
    }

    /// By whom an account is known: namespaces and names, by an administrator's hand `None`.
    fn identities(&self, account: &Account) -> Vec<(Option<Namespace>, Who)> {
        let engine = self.store.product.engine();
        let anchors = async {
            let mut tx = engine.read(&self.tenant).await?;
            identity::anchors_of(&mut tx, &account.person.id).await
        };
        let named = |name: &str| self.universe.people.iter().copied().find(|who| *who == name).expect("somebody");
        let anchors = self.store.wait(anchors).expect("they are read");
        let mut known: Vec<(Option<Namespace>, Who)> = anchors
            .iter()
            .map(|(space, name)| (Namespace::ALL.into_iter().find(|it| format!("{it:?}") == *space), named(name)))
            .collect();
        if account.person.entered.contains_key("emails") {
            let name = account.person.entered.get("userName").and_then(|name| name.as_ref()?.as_str());
            known.push((None, named(name.expect("whoever is entered has a name"))));
        }
        known
    }

    /// The person's registers with the model's names of connections and groups.
    fn translated(&self, account: &Account) -> Person {
        let mut person = account.person.clone();
        let directory = |id: &str| {
            let found = self.connections.iter().find(|(_, of)| *of == id);
            found.map(|(directory, _)| directory.id().to_owned()).expect("a connection of the tenant")
        };
        person.records.iter_mut().for_each(|record| record.connection = directory(&record.connection));
        person.links.iter_mut().for_each(|link| link.connection = directory(&link.connection));
        person.vouches.retain_mut(|vouch| {
            if let Source::Push(connection) = &mut vouch.source {
                *connection = directory(connection);
            }
            let Some(team) = self.team(&vouch.parent) else { return false };
            vouch.parent = team.id().to_owned();
            true
        });
        person
    }

    /// The configuration with every list that was stated whole.
    fn world(&self) -> World {
        let mut world = self.configuration.world.clone();
        let engine = self.store.product.engine();
        let lists = async {
            let mut tx = engine.read(&self.tenant).await?;
            vouches::full_lists(&mut tx, &self.teams.values().cloned().collect()).await
        };
        for (group, connection, stamp) in self.store.wait(lists).expect("they are read") {
            let directory = self.connections.iter().find(|(_, id)| **id == connection).map(|(directory, _)| directory);
            let team = self.team(&group).and_then(|team| world.groups.get_mut(team.id()));
            if let (Some(directory), Some(group)) = (directory, team) {
                group.full.insert(directory.id().to_owned(), stamp);
            }
        }
        world
    }

    /// The tombstone of this name: the retired account that it remembers, if any.
    fn tombstone(&self, scope: &str, kind: &str, name: &str) -> Option<Option<String>> {
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&self.key).expect("a key of any length");
        mac.update(kind.as_bytes());
        mac.update(&[0]);
        mac.update(name.as_bytes());
        let hash: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        let engine = self.store.product.engine();
        let found = async {
            let mut tx = engine.read(&self.tenant).await?;
            identity::tombstone(&mut tx, scope, kind, &hash, 0).await
        };
        self.store.wait(found).expect("it is read")
    }

    fn describe_tombstones(&self, accounts: &[Account], all: &mut Registers) {
        for who in self.universe.people {
            for namespace in Namespace::ALL {
                if self.tombstone(&format!("*{namespace:?}"), "anchor", who).is_some() {
                    all.insert(format!("tombstone: everywhere {namespace:?} {who}"), String::new());
                }
            }
            for (directory, id) in &self.connections {
                if self.tombstone(id, "anchor", who).is_some() {
                    all.insert(format!("tombstone: {} {who}", directory.id()), String::new());
                }
            }
            let retired = self.tombstone("*A", "user_name", who).flatten();
            let Some(account) = retired.and_then(|id| accounts.iter().find(|account| account.person.id == id)) else {
                continue;
            };
            let person = self.translated(account);
            if person.retired {
                observe::kept(&person, who, all);
            }
        }
    }
}

fn domain(directory: Directory) -> Option<&'static str> {
    match directory {
        Directory::D1 => Some("a.example"),
        Directory::D2 => Some("d2.example"),
        Directory::D3 => None,
    }
}

fn user_name(namespace: Namespace, who: Who) -> String {
    if namespace == Namespace::A { who.to_owned() } else { format!("{who}.b") }
}

/// Where invitations go.
fn address(who: Who) -> String {
    format!("{who}@a.example")
}

fn user(who: Who) -> Value {
    json!({
        "userName": user_name(Namespace::A, who),
        "externalId": who,
        "active": true,
        "emails": [{"value": address(who), "primary": true}, {"value": format!("{who}@d2.example")}],
    })
}

fn outcome<T>(answer: Result<T, Error>) -> Outcome {
    let error = match answer {
        Ok(_) => return Outcome::Ok,
        Err(Error::Scim(error) | Error::Refused { error, .. }) => error,
        Err(other) => panic!("{other}"),
    };
    match error.status {
        400 => Outcome::Invalid,
        404 => Outcome::Unknown,
        409 => Outcome::Conflict,
        _ => panic!("{error:?}"),
    }
}

/// When an event happens; those without a stamp of their own happen before all others, so that they end nothing.
fn instant(event: &Event) -> Stamp {
    match event {
        Event::Put { stamp, .. }
        | Event::Member { stamp, .. }
        | Event::Members { stamp, .. }
        | Event::Import { stamp, .. }
        | Event::Suspend { stamp, .. } => *stamp,
        Event::Login(sign_in) => sign_in.iat,
        _ => 0,
    }
}

impl Subject for Stored {
    fn apply(&mut self, event: &Event) -> Outcome {
        self.store.clock.set(instant(event));
        match event {
            Event::Put { client, who, active, name, .. } => self.put(*client, who, *active, *name),
            Event::Delete { client, who } => self.delete(*client, who),
            Event::Member { client, team, who, present, .. } => self.list(*client, *team, who, *present),
            Event::Members { client, team, list, .. } => self.members(*client, *team, list),
            Event::Login(sign_in) => self.login(*sign_in),
            Event::Enter { who, name } => self.enter(who, name),
            Event::Import { who, team, .. } => self.administer(who, async |product, tenant, id| {
                product.import_membership(tenant, id, &self.teams[team]).await
            }),
            Event::Grant { who, team, word } => self.administer(who, async |product, tenant, id| match word {
                Word::Grant => product.grant(tenant, id, &self.teams[team], None).await,
                Word::Deny => product.deny(tenant, id, &self.teams[team]).await,
            }),
            Event::Ungrant { who, team } => {
                self.administer(who, async |product, tenant, id| product.ungrant(tenant, id, &self.teams[team]).await)
            }
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
                for who in self.universe.people {
                    let subject = login.subject(who);
                    self.store
                        .wait(self.store.product.unlink(&self.tenant, connection, &subject))
                        .expect("a link ends");
                }
                Outcome::Ok
            }
        }
    }

    fn effective(&mut self) -> Effective {
        let reader = self.reader();
        let users = self.search(&reader, &self.users, None);
        let mut members = BTreeSet::new();
        for group in self.search(&reader, &self.groups, None) {
            members.extend(group.members.into_iter().flatten().map(|member| (group.id.clone(), member.value)));
        }
        let mut view = Effective::new();
        for who in self.universe.people {
            for namespace in Namespace::ALL {
                let name = user_name(namespace, who);
                let user = users.iter().find(|user| user.document.0.get("userName") == Some(&json!(name)));
                let seen = user.map(|user| {
                    let groups = user.groups.iter().flatten().map(|group| group.value.clone());
                    let listed =
                        members.iter().filter(|(_, member)| *member == user.id).map(|(group, _)| group.clone());
                    let (groups, listed): (BTreeSet<String>, BTreeSet<String>) = (groups.collect(), listed.collect());
                    assert_eq!(groups, listed, "User.groups and Group.members of {name}");
                    Seen {
                        active: user.active == Some(true),
                        teams: groups.iter().filter_map(|group| self.team(group)).collect(),
                        name: user.document.0.get(NAME).and_then(Value::as_str).map(str::to_owned),
                    }
                });
                view.insert((namespace, *who), seen);
            }
        }
        view
    }

    fn push_view(&mut self, client: Client) -> PushView {
        let mut view = PushView::default();
        for user in self.search(&self.push(client), &self.users, None).into_iter().filter(|user| !user.limited) {
            let who = self.universe.people.iter().find(|who| user.external_id.as_deref() == Some(**who));
            let who = *who.expect("a record has its name");
            let teams = user.groups.iter().flatten().filter_map(|group| self.team(&group.value));
            view.listed.extend(teams.map(|team| (team, who)));
            let name = user.document.0.get(NAME).and_then(Value::as_str).map(str::to_owned);
            view.records.insert(who, (user.active == Some(true), name));
        }
        view
    }

    fn vote(&mut self, directory: Directory, who: Who, team: Team) -> Option<Word> {
        let id = self.person(directory.namespace(), who)?;
        let account = self.accounts().into_iter().find(|account| account.person.id == id)?;
        reconcile::vote(&self.translated(&account), &self.world(), team.id(), directory.id())
    }

    fn registers(&mut self) -> Registers {
        // The mapping: nobody is in there.
        let mut all = self.configuration.registers();
        let accounts = self.accounts();
        for account in accounts.iter().filter(|account| !account.person.retired) {
            let known = self.identities(account);
            let who = known.first().map(|(_, who)| *who).expect("an account has an identity");
            let of_b = known.iter().all(|(space, _)| *space == Some(Namespace::B));
            let name = format!("{} {who}", if of_b { "B" } else { "A" });
            for (space, who) in &known {
                let space = space.map_or("hand".to_owned(), |space| format!("{space:?}"));
                all.insert(format!("identity: {space} {who}"), name.clone());
            }
            observe::describe(&self.translated(account), &name, who, &mut all);
        }
        self.describe_tombstones(&accounts, &mut all);
        for invitation in self.store.wait(self.store.product.invitations(&self.tenant)).expect("they are read") {
            let who = self.universe.people.iter().find(|who| address(who) == invitation.address).expect("somebody");
            let team = invitation.group.as_deref().and_then(|group| self.team(group)).expect("a team");
            all.entry(format!("invitation: {who} {}", team.id())).or_insert_with(|| "None".to_owned());
        }
        for group in self.world().groups.values() {
            observe::lists(group, &mut all);
        }
        all
    }
}
