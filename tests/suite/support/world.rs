//! A whole server in process with a database, a clock and ids of its own.

use std::time::Duration;

use rollkeeper::app::App;
use rollkeeper::auth::egress::{Egress, EgressPolicy};
use rollkeeper::auth::jwks::Jwks;
use rollkeeper::auth::token::Scope;
use rollkeeper::clock::{Clock, Ids};
use rollkeeper::directory::{Caller, Directory, TenantInfo, Wants};
use rollkeeper::http::Settings;
use rollkeeper::jit::login::Logins;
use rollkeeper::scim::resource_type::Registry;
use rollkeeper::store::{Engine, Options};
use serde_json::{Value, json};

use super::Database;
use super::client::Client;
use super::database::stored_events;

/// 2026-11-24T02:00:00Z.
const START: i64 = 1_795_485_600_000;

pub struct World {
    pub clock: Clock,
    pub directory: Directory,
    pub app: App,
    url: String,
    /// Last, so that it goes when nothing uses it any more.
    _database: Database,
}

impl World {
    pub async fn sqlite() -> Self {
        Self::on(Database::sqlite()).await
    }

    pub async fn on(database: Database) -> Self {
        Self::with(database, Settings::default()).await
    }

    pub async fn with(database: Database, settings: Settings) -> Self {
        let engine = Engine::connect(database.url(), &Options::default()).await.expect("the database opens");
        engine.migrate().await.expect("the migrations run");
        let (clock, ids) = (Clock::fixed(START), Ids::seeded(1));
        let (directory, app) = Self::server(engine, clock.clone(), ids, settings);
        Self { clock, directory, app, url: database.url().to_owned(), _database: database }
    }

    /// Another server on the same database, which shares nothing else with this one.
    pub async fn second_server(&self) -> App {
        let engine = Engine::connect(self._database.url(), &Options::default()).await.expect("the database opens");
        Self::server(engine, self.clock.clone(), Ids::seeded(2), Settings::default()).1
    }

    fn server(engine: Engine, clock: Clock, ids: Ids, settings: Settings) -> (Directory, App) {
        let directory = Directory::new(engine, clock.clone(), ids);
        // The IdPs of tests run on this machine.
        let egress = Egress::new(EgressPolicy { allow_loopback_http: true, ..EgressPolicy::default() });
        let logins = Logins { directory: directory.clone(), keys: Jwks::new(egress, clock.clone()) };
        let app = App::new(directory.clone(), logins, settings);
        (directory, app)
    }

    /// Every event of the tenant (its id), in order. The feed of PostgreSQL stops at the oldest transaction that is open anywhere
    /// on the server, so beside other tests it is asked until it has caught up.
    pub async fn events(&self, tenant: &str) -> Vec<Value> {
        loop {
            let (mut all, mut after) = (Vec::new(), None);
            loop {
                let page = self.directory.events(tenant, after.as_deref(), 500).await.expect("the feed is readable");
                all.extend(page.events);
                if !page.more {
                    break;
                }
                after = Some(page.next);
            }
            if all.len() == stored_events(&self.url, tenant).await {
                return all;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// The same server with other settings.
    pub fn set(self, settings: Settings) -> Self {
        let egress = Egress::new(EgressPolicy { allow_loopback_http: true, ..EgressPolicy::default() });
        let logins = Logins { directory: self.directory.clone(), keys: Jwks::new(egress, self.clock.clone()) };
        Self { app: App::new(self.directory.clone(), logins, settings), ..self }
    }

    /// A new tenant of kind `directory`, with its connection `default`.
    pub async fn tenant(&self, name: &str) -> Tenant {
        let info = self.directory.create_tenant(name, "directory").await.expect("the tenant is new");
        Tenant { info, app: self.app.clone() }
    }

    /// A new token for the tenant's only connection, where the scope needs one; of the scope `me` for somebody new.
    pub async fn token(&self, tenant: &Tenant, scope: Scope) -> String {
        if scope == Scope::Me {
            let name = self.directory.ids().new();
            return self.own_token(tenant, &self.user(tenant, json!({ "userName": name })).await).await;
        }
        let made = self.directory.create_token(&tenant.info.id, scope, &[], None, None).await;
        made.expect("the tenant has one connection").1
    }

    /// A user whom an administrator enters; their id.
    pub async fn user(&self, tenant: &Tenant, body: Value) -> String {
        let admin = Caller::administrator(&tenant.info.id);
        let kind = Registry::builtin().type_named("User").expect("users are built in").clone();
        let made = self.directory.create(&admin, &kind, &body, Wants::default()).await;
        made.expect("the user is new").0.id
    }

    /// A new token that is bound to this user.
    pub async fn own_token(&self, tenant: &Tenant, user: &str) -> String {
        let issued = self.directory.issue_token(&tenant.info.id, Scope::Me, &[], Some(user), None, None).await;
        issued.expect("an active user").1
    }

    /// Somebody with a new token of this scope.
    pub async fn client(&self, tenant: &Tenant, scope: Scope) -> Client {
        tenant.client(Some(&self.token(tenant, scope).await))
    }
}

pub struct Tenant {
    pub info: TenantInfo,
    app: App,
}

impl Tenant {
    pub fn client(&self, token: Option<&str>) -> Client {
        Client::new(self.app.router(), &self.info.name, token)
    }
}
