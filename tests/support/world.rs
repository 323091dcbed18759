//! A whole server in process with a database, a clock and ids of its own.

use rollkeeper::app::App;
use rollkeeper::auth::egress::{Egress, EgressPolicy};
use rollkeeper::auth::jwks::Jwks;
use rollkeeper::auth::token::Scope;
use rollkeeper::clock::{Clock, Ids};
use rollkeeper::directory::{Directory, TenantInfo};
use rollkeeper::http::Settings;
use rollkeeper::jit::login::Logins;
use rollkeeper::store::{Engine, Options};

use super::Database;
use super::client::Client;

/// 2026-11-24T02:00:00Z.
const START: i64 = 1_795_485_600_000;

pub struct World {
    pub clock: Clock,
    pub directory: Directory,
    pub app: App,
    /// Last, so that it goes when nothing uses it any more.
    _database: Database,
}

impl World {
    pub async fn sqlite() -> Self {
        Self::on(Database::sqlite()).await
    }

    pub async fn on(database: Database) -> Self {
        let engine = Engine::connect(database.url(), &Options::default()).await.expect("the database opens");
        engine.migrate().await.expect("the migrations run");
        let (clock, ids) = (Clock::fixed(START), Ids::seeded(1));
        let (directory, app) = Self::server(engine, clock.clone(), ids);
        Self { clock, directory, app, _database: database }
    }

    /// Another server on the same database, which shares nothing else with this one.
    pub async fn second_server(&self) -> App {
        let engine = Engine::connect(self._database.url(), &Options::default()).await.expect("the database opens");
        Self::server(engine, self.clock.clone(), Ids::seeded(2)).1
    }

    fn server(engine: Engine, clock: Clock, ids: Ids) -> (Directory, App) {
        let directory = Directory::new(engine, clock.clone(), ids);
        // The IdPs of tests run on this machine.
        let egress = Egress::new(EgressPolicy { allow_loopback_http: true, ..EgressPolicy::default() });
        let logins = Logins { directory: directory.clone(), keys: Jwks::new(egress, clock.clone()) };
        let app = App::new(directory.clone(), logins, Settings::default());
        (directory, app)
    }

    /// A new tenant of kind `directory`, with its connection `default`.
    pub async fn tenant(&self, name: &str) -> Tenant {
        let info = self.directory.create_tenant(name, "directory").await.expect("the tenant is new");
        Tenant { info, app: self.app.clone() }
    }

    /// A new token for the tenant's only connection, where the scope needs one.
    pub async fn token(&self, tenant: &Tenant, scope: Scope) -> String {
        let made = self.directory.create_token(&tenant.info.id, scope, &[], None, None).await;
        made.expect("the tenant has one connection").1
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
