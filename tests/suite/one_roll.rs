//! One roll, with software that nobody here wrote on both sides: `oidc-provider` (npm) signs people in while `scim2-client`
//! (PyPI) pushes the same people over real HTTP, and an administrator enters them by hand. In every order it is one person
//! with one id, and from then on the push rules their lifecycle.

use axum::http::Method;
use rollkeeper::auth::token::Scope;
use rollkeeper::clock::Clock;
use serde_json::{Value, json};
use tokio::net::TcpListener;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    Push,
    SignIn,
    Enter,
}

use Step::{Enter, Push, SignIn};

use crate::support::both_engines;
use crate::support::client::{Client, Reply};
use crate::support::openid_provider::OpenIdProvider;
use crate::support::scim_pusher::Pusher;
use crate::support::world::World;

const ORDERS: [&[Step]; 8] = [
    &[Push, SignIn],
    &[SignIn, Push],
    &[Push, SignIn, Enter],
    &[SignIn, Push, Enter],
    &[Push, Enter, SignIn],
    &[Enter, Push, SignIn],
    &[Enter, SignIn, Push],
    &[SignIn, Enter, Push],
];

/// Everybody who has a hand in it.
struct Company {
    world: World,
    provider: OpenIdProvider,
    pusher: Pusher,
    admin: Client,
    app: Client,
}

impl Company {
    async fn sign_in(&mut self, subject: &str, claims: Value) -> Reply {
        let signed = self.provider.sign_in(subject, claims, None);
        // The provider's clock is the machine's; so is ours.
        self.world.clock.set(Clock::system().now());
        let evidence = json!({"type": "oidc_id_token", "id_token": signed.id_token, "nonce": signed.nonce});
        self.app.logins().post(json!({"connection": "default", "evidence": evidence})).await
    }

    fn push(&mut self, act: &Value) -> Value {
        self.world.clock.set(Clock::system().now());
        // The client waits for the answer; the server's threads go on.
        tokio::task::block_in_place(|| self.pusher.done(act))
    }

    /// The id that this step comes to; `None` where an administrator is told that the person is there.
    async fn take(&mut self, step: Step, who: &str) -> Option<String> {
        let address = format!("{who}@acme.example");
        match step {
            Push => {
                let resource = json!({"userName": address, "externalId": who, "active": true,
                    "name": {"givenName": who}, "emails": [{"value": address, "primary": true}]});
                let pushed = self.push(&json!({"do": "create", "type": "User", "resource": resource}));
                pushed["id"].as_str().map(str::to_owned)
            }
            SignIn => {
                let claims = json!({"email": address, "email_verified": true, "preferred_username": address});
                let answer = self.sign_in(who, claims).await.status(200);
                answer["user"]["id"].as_str().map(str::to_owned)
            }
            Enter => {
                let body = json!({"userName": address, "emails": [{"value": address, "primary": true}]});
                let reply = self.admin.users().post(body).await;
                if reply.status == 409 {
                    return None;
                }
                Some(reply.status(201).id())
            }
        }
    }
}

both_engines! {
    async fn one_person_one_id_in_every_order(database: Database) {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let (admin, app) = (world.client(&acme, Scope::Admin).await, world.client(&acme, Scope::JitLogin).await);
        let token = world.token(&acme, Scope::Scim).await;
        let provider = OpenIdProvider::start("RS256");
        let rules = json!({"rules": {"issuer": provider.issuer, "clientIds": [provider.client_id],
            "jwksUri": provider.jwks_uri, "domains": ["acme.example"]}});
        admin.admin("/connections").call(Method::PATCH, "/default").json(rules).await.status(200);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let base = format!("http://{}/t/acme/scim/v2", listener.local_addr().expect("an address"));
        let serving = world.app.clone();
        let serving = tokio::spawn(async move { serving.serve(listener, std::future::pending::<()>()).await });
        let pusher = tokio::task::block_in_place(|| Pusher::start(&base, &token));
        let mut company = Company { world, provider, pusher, admin, app };

        let mut everybody = Vec::new();
        for (number, order) in ORDERS.iter().enumerate() {
            let who = format!("person{number}");
            let mut ids = Vec::new();
            for step in *order {
                ids.extend(company.take(*step, &who).await);
            }
            ids.dedup();
            assert_eq!(ids.len(), 1, "{order:?} made several people of {who}: {ids:?}");
            let found = company.push(&json!({"do": "find", "type": "User", "filter": format!("userName eq \"{who}@acme.example\"")}));
            assert_eq!(found["ids"], json!(ids), "{order:?}");
            everybody.push((who, ids.remove(0)));
        }
        let listed = company.admin.users().list("count=1000").await.status(200);
        assert_eq!(listed["totalResults"], ORDERS.len());

        // A group of them all, pushed; whoever signs in is in it by push, and in what the token says by login.
        let members: Vec<Value> = everybody.iter().map(|(_, id)| json!({"value": id})).collect();
        company.push(&json!({"do": "create", "type": "Group", "resource": {"displayName": "staff", "members": members}}));
        company.push(&json!({"do": "create", "type": "Group", "resource": {"displayName": "builders"}}));
        for (who, id) in &everybody {
            let claims = json!({"email": format!("{who}@acme.example"), "groups": ["builders"]});
            let answer = company.sign_in(who, claims).await.status(200);
            assert_eq!(answer["user"]["id"], json!(id));
            let groups: Vec<(&Value, &Value)> =
                answer["groups"].as_array().expect("groups").iter().map(|group| (&group["displayName"], &group["via"])).collect();
            assert!(groups.contains(&(&json!("staff"), &json!(["push"]))), "{who}: {groups:?}");
            assert!(groups.contains(&(&json!("builders"), &json!(["login"]))), "{who}: {groups:?}");
        }

        // From then on the push rules: switched off is refused, switched on again enters, deleted stays out.
        for (number, (who, id)) in everybody.iter().enumerate() {
            let claims = json!({"email": format!("{who}@acme.example"), "email_verified": true});
            company.push(&json!({"do": "change", "type": "User", "id": id, "changes": {"active": false}}));
            company.sign_in(who, claims.clone()).await.problem(403, "inactive");
            if number % 2 == 0 {
                company.push(&json!({"do": "change", "type": "User", "id": id, "changes": {"active": true}}));
                let answer = company.sign_in(who, claims).await.status(200);
                assert_eq!(answer["user"]["id"], json!(id));
            } else {
                company.push(&json!({"do": "delete", "type": "User", "id": id}));
                company.sign_in(who, claims).await.problem(403, "tombstoned");
            }
        }
        let differences = company.world.directory.verify(None).await.expect("verify runs");
        assert_eq!(differences, vec![]);
        serving.abort();
    }
}
