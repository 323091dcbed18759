//! The product over HTTP: whatever happens is a request of somebody with a token of their own, through the router and all
//! that stands before a use case: an identity provider's push, an application that hands over signed ID tokens, an
//! administrator.
//!
//! Read over HTTP: who there is, the active, the attributes and the teams (SCIM as a reader, `User.groups` and
//! `Group.members` against each other), the role in the organization (`admin/v1/organizations/{id}/members`), and what each
//! push token sees of its own. Read from the store, because no route tells it: one connection's vote, and the registers. Where
//! time passes, what is due happens without a request, as it does in a server.
//!
//! Over HTTP a team belongs to the connection that made it, so only the first client lists anybody ([`Universe::wired`]).

mod requests;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use axum::Router;
use axum::http::Method;
use rollkeeper::app::App;
use rollkeeper::auth::signing::SigningKey;
use rollkeeper::auth::token::Scope;
use rollkeeper::directory::Difference;
use rollkeeper::http::Settings;
use rollkeeper::reconcile::Word;
use serde_json::{Value, json};

use super::super::observe::{self, NAME};
use super::super::pure::ORGANIZATION;
use super::super::{
    Client, Directory, Effective, Event, Mode, Namespace, Outcome, PushView, Registers, Seen, Subject, Team, Universe,
    Who,
};
use super::{Store, Stored, user_name};
use crate::support::client::{Call, Collection};
use crate::support::{Client as Http, Reply};

const ISSUER: &str = "https://idp.example";
const AUDIENCE: &str = "app";

/// A server over a store, and the key that every identity provider of its tenants signs with.
pub struct Wire {
    store: Arc<Store>,
    router: Router,
    key: SigningKey,
    /// The same evidence is the same token, byte for byte.
    tokens: RefCell<BTreeMap<String, String>>,
}

impl Wire {
    pub fn open(url: &str) -> Rc<Self> {
        let store = Store::open(url);
        let app = App::new(store.product.clone(), store.logins.clone(), Settings::default());
        let key = SigningKey::generate().expect("the machine makes keys");
        Rc::new(Self { store, router: app.router(), key, tokens: RefCell::default() })
    }
}

/// A tenant that has lived through some requests.
#[derive(Clone)]
pub struct Wired {
    wire: Rc<Wire>,
    stored: Stored,
    administrator: Http,
    reader: Http,
    application: Http,
    pushes: BTreeMap<Client, Http>,
}

impl Wired {
    pub fn new(wire: &Rc<Wire>, universe: Universe, mode: Mode) -> Self {
        let (stored, name) = Stored::in_new_tenant(&wire.store, universe, mode);
        let secret = wire.store.product.create_token(&stored.tenant, Scope::Admin, &[], None, None);
        let secret = wire.store.wait(secret).expect("a token").1;
        let administrator = Http::new(wire.router.clone(), &name, Some(&secret));
        let nobody = administrator.with_token(None);
        let pushes = BTreeMap::new();
        let (reader, application) = (nobody.clone(), nobody);
        let mut wired = Self { wire: wire.clone(), stored, administrator, reader, application, pushes };
        wired.furnish();
        wired
    }

    /// The organization with its founder, the connections with their settings, everybody's token, and the teams.
    fn furnish(&mut self) {
        let made = |reply: Reply| reply.status(201).id();
        let organization = self.administrator.organizations().post(json!({"slug": ORGANIZATION}));
        self.stored.organization = made(self.send(organization));
        if self.stored.universe.founded {
            let founder = made(self.send(self.administrator.users().post(json!({"userName": "founder"}))));
            let owns = json!({"organization": self.stored.organization, "role": "owner"});
            let grant = self.administrator.admin(&format!("/people/{founder}/grants")).post(owns);
            self.send(grant).status(204);
        }
        let connections = self.administrator.admin("/connections");
        self.stored.connections.insert(Directory::D1, self.send(connections.get("default")).status(200).id());
        for directory in [Directory::D2, Directory::D3] {
            let connection = made(self.send(connections.post(json!({"name": directory.id()}))));
            self.stored.connections.insert(directory, connection);
        }
        self.reader = self.caller("scim.read", &[]);
        self.application = self.caller("jit.login", &Directory::ALL);
        self.pushes = Client::ALL.map(|client| (client, self.caller("scim", &[client.directory()]))).into();
        let serves = json!({"rules": {"organizations": [self.stored.organization]}});
        self.send(connections.call(Method::PATCH, "/default").json(serves)).status(200);
        let teams = self.pushes[&Client::C1].groups();
        let team = |team: Team| json!({"displayName": team_name(team)});
        self.stored.teams = Team::ALL.map(|it| (it, made(self.send(teams.post(team(it)))))).into();
        for directory in Directory::ALL {
            assert_eq!(self.configure(directory), Outcome::Ok, "the settings are taken");
        }
    }

    /// Somebody with a new token.
    fn caller(&self, scope: &str, of: &[Directory]) -> Http {
        let connections: Vec<&String> = of.iter().map(|directory| &self.stored.connections[directory]).collect();
        let new = json!({"scope": scope, "connections": connections});
        let issued = self.send(self.administrator.admin("/tokens").post(new)).status(201);
        self.administrator.with_token(issued["token"].as_str().map(str::to_owned))
    }

    fn send(&self, call: Call) -> Reply {
        self.wire.store.wait(call.into_future())
    }

    /// Everything that this caller sees there.
    fn everything(&self, collection: &Collection) -> Vec<Value> {
        let reply = self.send(collection.list("count=100")).status(200);
        reply["Resources"].as_array().cloned().unwrap_or_default()
    }

    /// The id of the person by the userName that everybody gives them.
    fn person(&self, namespace: Namespace, who: Who) -> Option<String> {
        let filter = format!("userName eq \"{}\"", user_name(namespace, who));
        let found = self.send(self.reader.users().filter(&filter)).status(200);
        found.each("id").pop().map(str::to_owned)
    }

    /// The id of the person whom the client pushes by this name.
    fn record(&self, client: Client, who: Who) -> Option<String> {
        let found = self.send(self.pushes[&client].users().filter(&format!("externalId eq \"{who}\"")));
        found.status(200).each("id").pop().map(str::to_owned)
    }

    pub fn verify(&self) -> Vec<Difference> {
        self.stored.verify()
    }
}

fn team_name(team: Team) -> String {
    format!("{ORGANIZATION}:{}", team.id())
}

fn text(resource: &Value, attribute: &str) -> Option<String> {
    resource[attribute].as_str().map(str::to_owned)
}

/// The `value` of each entry of a list.
fn values(entries: &Value) -> BTreeSet<String> {
    entries.as_array().into_iter().flatten().filter_map(|entry| text(entry, "value")).collect()
}

/// (group, member).
fn memberships(groups: &[Value]) -> BTreeSet<(String, String)> {
    let of = |group: &Value| {
        let id = text(group, "id").expect("a group has an id");
        values(&group["members"]).into_iter().map(move |member| (id.clone(), member))
    };
    groups.iter().flat_map(of).collect()
}

impl Subject for Wired {
    fn apply(&mut self, event: &Event) -> Outcome {
        self.stored.pass(event);
        self.perform(event)
    }

    fn effective(&mut self) -> Effective {
        let users = self.everything(&self.reader.users());
        let members = memberships(&self.everything(&self.reader.groups()));
        let roster = format!("/organizations/{}/members", self.stored.organization);
        let roster = self.send(self.administrator.admin(&roster).list("count=100")).status(200);
        let role = |id: &str| {
            let found = roster["members"].as_array().into_iter().flatten().find(|member| member["id"] == id)?;
            observe::role(found["role"].as_str()?)
        };
        let mut view = Effective::new();
        for who in self.stored.universe.people {
            for namespace in Namespace::ALL {
                let name = user_name(namespace, who);
                let user = users.iter().find(|user| user["userName"] == name.as_str());
                let seen = user.map(|user| {
                    let id = text(user, "id").expect("a user has an id");
                    let groups = values(&user["groups"]);
                    let listed = members.iter().filter(|(_, member)| *member == id).map(|(group, _)| group.clone());
                    assert_eq!(groups, listed.collect(), "User.groups and Group.members of {name}");
                    Seen {
                        active: user["active"] == true,
                        teams: groups.iter().filter_map(|group| self.stored.team(group)).collect(),
                        role: role(&id),
                        name: text(user, NAME),
                    }
                });
                view.insert((namespace, *who), seen);
            }
        }
        view
    }

    fn push_view(&mut self, client: Client) -> PushView {
        let push = &self.pushes[&client];
        let mut view = PushView::default();
        let mut listed = BTreeSet::new();
        for user in self.everything(&push.users()) {
            // Whom the client does not push yet it sees without this.
            let Some(external_id) = text(&user, "externalId") else { continue };
            let who = self.stored.universe.people.iter().find(|who| external_id == **who);
            let (who, id) = (*who.expect("a record has its name"), text(&user, "id").expect("a user has an id"));
            for group in values(&user["groups"]) {
                view.listed.extend(self.stored.team(&group).map(|team| (team, who)));
                listed.insert((group, id.clone()));
            }
            view.records.insert(who, (user["active"] == true, text(&user, NAME)));
        }
        assert_eq!(listed, memberships(&self.everything(&push.groups())), "what {client:?} reads of its own lists");
        view
    }

    fn vote(&mut self, directory: Directory, who: Who, team: Team) -> Option<Word> {
        self.stored.vote(directory, who, team)
    }

    fn registers(&mut self) -> Registers {
        self.stored.registers()
    }
}
