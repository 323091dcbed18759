//! The product over a real store: every event by its own use case, one tenant for each history.
//!
//! The people of namespace A have the userName that is their name and one address in each domain: `a.example` is
//! verified for the first connection, `d2.example` for the second, so that both of them may join whom an
//! administrator entered. Those of namespace B share neither. Where the product is deliberately stricter than the model
//! the adapter does what an identity provider would do, and only there: see [`Stored::list`], [`Stored::members`] and
//! [`Stored::invite`].

mod events;
mod interrupted;
pub mod play;
mod registers;
mod wired;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rollkeeper::auth::egress::{Egress, EgressPolicy};
use rollkeeper::auth::jwks::Jwks;
use rollkeeper::clock::{Clock, Ids};
use rollkeeper::directory::{
    Caller, ConnectionInfo, Difference, Directory as Product, Error, Query, Resource, Voice, Wants,
};
use rollkeeper::jit::login::Logins;
use rollkeeper::jit::rules::Rules;
use rollkeeper::reconcile::{self, DefaultMode, Stamp, Word};
use rollkeeper::scim::resource_type::{Registry, ResourceType};
use rollkeeper::store::{Engine, Fuse, Options, tenants};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

pub use interrupted::Interrupted;
pub use wired::{Wire, Wired};

use super::observe::{self, NAME};
use super::pure::{ORGANIZATION, Pure};
use super::{
    Anchor, Client, Directory, Effective, Event, HOUR, MAPPING, MINUTE, Mode, Namespace, Outcome, PushView, RELEASE,
    ROLE_OF_TEAM, ROLES, Registers, SUCCESSION, Seen, Subject, Team, Universe, Who, anchor_name,
};

/// A migrated database and the doors to it, shared by all histories of a test.
pub struct Store {
    runtime: Arc<Runtime>,
    product: Product,
    logins: Logins,
    clock: Clock,
    tenants: AtomicU32,
    fuse: Fuse,
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
        let fuse = Fuse::default();
        let options = Options { fuse: Some(fuse.clone()), ..Options::default() };
        let engine = runtime.block_on(async {
            let engine = Engine::connect(url, &options).await.expect("the database opens");
            engine.migrate().await.expect("the migrations run");
            engine
        });
        Arc::new(Self::on(runtime, engine, fuse, 1))
    }

    fn on(runtime: Arc<Runtime>, engine: Engine, fuse: Fuse, seed: u64) -> Self {
        let clock = Clock::fixed(0);
        let product = Product::new(engine, clock.clone(), Ids::seeded(seed));
        let keys = Jwks::new(Egress::new(EgressPolicy::default()), clock.clone());
        let logins = Logins { directory: product.clone(), keys };
        Self { runtime, product, logins, clock, tenants: AtomicU32::new(0), fuse }
    }

    /// The same database through a server with a clock, ids and caches of its own.
    pub fn neighbour(&self, seed: u64) -> Arc<Self> {
        let engine = self.product.engine().clone();
        Arc::new(Self::on(self.runtime.clone(), engine, self.fuse.clone(), seed))
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
    /// Where time passes: the last instant.
    now: Stamp,
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
    /// By what each client pushes somebody, if not by the first name.
    external_ids: BTreeMap<(Client, Who), Anchor>,
    succeeded: bool,
}

impl Stored {
    /// A tenant with nothing of the model in it yet, and its name.
    fn in_new_tenant(store: &Arc<Store>, universe: Universe, mode: Mode) -> (Self, String) {
        let product = &store.product;
        let name = format!("history-{}", store.tenants.fetch_add(1, Ordering::Relaxed));
        let tenant = store.wait(product.create_tenant(&name, "directory")).expect("the tenant is new").id;
        let key = store.wait(async {
            let mut tx = product.engine().read(&tenant).await.expect("a transaction");
            tenants::current(&mut tx).await.expect("the tenant is read").expect("the tenant is there").key
        });
        let stored = Self {
            store: store.clone(),
            universe,
            mode,
            now: 0,
            tenant,
            key,
            users: kind("User"),
            groups: kind("Group"),
            configuration: Pure::new(universe, mode),
            mapping: MAPPING.into(),
            organization: String::new(),
            connections: BTreeMap::new(),
            teams: BTreeMap::new(),
            external_ids: BTreeMap::new(),
            succeeded: false,
        };
        store.clock.set(0);
        (stored, name)
    }

    pub fn new(store: &Arc<Store>, universe: Universe, mode: Mode) -> Self {
        let (mut stored, _) = Self::in_new_tenant(store, universe, mode);
        let product = &store.product;
        let administrator = Caller::administrator(&stored.tenant);
        let made = |kind: &Arc<ResourceType>, body: Value| {
            store.wait(product.create(&administrator, kind, &body, Wants::default())).expect("it is new").0.id
        };
        stored.organization = made(&kind("Organization"), json!({"slug": ORGANIZATION}));
        if universe.founded {
            let founder = made(&stored.users, json!({"userName": "founder"}));
            let owns = product.grant_role(&stored.tenant, &founder, &stored.organization, None, Some("owner"));
            store.wait(owns).expect("somebody owns the organization");
        }
        stored.teams = Team::ALL
            .map(|team| (team, made(&stored.groups, json!({"displayName": format!("{ORGANIZATION}:{}", team.id())}))))
            .into();
        let first =
            store.wait(product.connection(&stored.tenant, "default")).expect("it is read").expect("it is there");
        stored.connections.insert(Directory::D1, first.id);
        stored.configure(Directory::D1).expect("the settings are taken");
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

    /// How many milliseconds one of the model's stamps is. An ID token says whole seconds; where time passes, events come
    /// minutes apart.
    fn milliseconds(&self, stamp: Stamp) -> Stamp {
        if self.universe.time.is_some() { stamp } else { stamp * 1000 }
    }

    fn stamp(&self, milliseconds: Stamp) -> Stamp {
        if self.universe.time.is_some() { milliseconds } else { milliseconds / 1000 }
    }

    /// From now on a raw claim value means this team.
    fn remember(&mut self, value: &'static str, team: Team) {
        self.configuration.apply(&Event::Remap { value, team });
        self.mapping.insert(value, team);
    }

    /// A connection's settings as a merge patch of what it has.
    fn settings(&self, directory: Directory) -> Value {
        let scope = self.universe.scope(directory);
        let means = |team: &Team| scope.contains(team).then(|| &self.teams[team]);
        let table: BTreeMap<&str, Option<&String>> =
            self.mapping.iter().map(|(value, team)| (*value, means(team))).collect();
        let mut settings = json!({
            "anchor": {"claim": "anchor", "namespace": format!("{:?}", directory.namespace())},
            "organizations": [self.organization],
            "default": {"organization": self.organization},
            "groups": {"table": table},
            "userName": ["preferred_username"],
            "roles": {
                "from": "roles",
                "map": BTreeMap::from(ROLES.map(|(value, role)| (value, role.name()))),
                "groups": {&self.teams[&ROLE_OF_TEAM.0]: ROLE_OF_TEAM.1.name()},
            },
            "hold": {"enabled": self.universe.budget.is_some(), "count": self.universe.budget.unwrap_or(1), "percent": 0,
                "release": format!("PT{}H", RELEASE / HOUR)},
        });
        if let Some(lease) = self.universe.time.and_then(|time| time.lease) {
            settings["groups"]["lease"] = json!(format!("PT{}M", lease / MINUTE));
        }
        settings["domains"] = json!(self.domains(directory));
        if let Some(mode) = self.mode {
            settings["default"]["group"] = json!(self.teams[&self.universe.default_team(directory)]);
            settings["default"]["mode"] = json!(if mode == DefaultMode::Always { "always" } else { "fallback" });
        }
        settings
    }

    fn domains(&self, directory: Directory) -> Vec<&'static str> {
        let (old, new) = SUCCESSION;
        match self.succeeded {
            true if directory == old => Vec::new(),
            true if directory == new => [new, old].into_iter().filter_map(domain).collect(),
            _ => domain(directory).into_iter().collect(),
        }
    }

    fn rules(&self, directory: Directory) -> Rules {
        Rules::default_for(directory.id()).patched(&self.settings(directory)).expect("settings that hold")
    }

    fn configure(&self, directory: Directory) -> Result<ConnectionInfo, Error> {
        let id = &self.connections[&directory];
        self.store.wait(self.store.product.update_connection(&self.tenant, id, self.rules(directory), None))
    }

    /// What is stored and is not what its registers give: nothing.
    pub fn verify(&self) -> Vec<Difference> {
        self.store.wait(self.store.product.verify(Some(&self.tenant))).expect("it is read")
    }

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

    /// By what the client pushes the person.
    fn external_id(&self, client: Client, who: Who) -> String {
        anchor_name(who, self.external_ids.get(&(client, who)).copied().unwrap_or_default())
    }

    /// The user as the client states them.
    fn pushed(&self, client: Client, who: Who) -> Value {
        let mut body = user(who);
        body["externalId"] = json!(self.external_id(client, who));
        body
    }

    /// The id of the person whom the client pushes.
    fn record(&self, client: Client, who: Who) -> Option<String> {
        let filter = format!("externalId eq \"{}\"", self.external_id(client, who));
        let found = self.search(&self.push(client), &self.users, Some(filter));
        found.into_iter().find(|user| !user.limited).map(|user| user.id)
    }

    /// Whose anchor it is.
    fn who(&self, anchor: &str) -> Who {
        let is = |who: &&Who| anchor.strip_prefix(**who).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        self.universe.people.iter().find(is).copied().expect("somebody")
    }

    fn team(&self, id: &str) -> Option<Team> {
        self.teams.iter().find(|(_, of)| *of == id).map(|(team, _)| *team)
    }
}

fn kind(name: &str) -> Arc<ResourceType> {
    Registry::builtin().type_named(name).expect("a built-in type").clone()
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

impl Subject for Stored {
    fn apply(&mut self, event: &Event) -> Outcome {
        self.pass(event);
        self.perform(event)
    }

    fn effective(&mut self) -> Effective {
        let reader = self.reader();
        let users = self.search(&reader, &self.users, None);
        let roster = self.store.product.organization_members(&self.tenant, &self.organization, 1, 100);
        let roster = self.store.wait(roster).expect("it is read").members;
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
                        role: roster.iter().find(|it| it.id == user.id).and_then(|it| observe::role(&it.role)),
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
            let who = self.who(user.external_id.as_deref().expect("a record has its name"));
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
        self.read_registers()
    }
}
