//! Tenants of kind `platform`: several companies, each with a provider and organizations of its own, in one tenant.

use axum::http::Method;
use rollkeeper::auth::signing::SigningKey;
use rollkeeper::auth::token::Scope;
use serde_json::{Value, json};

use crate::support::{Client, Reply, World, both_engines};

struct Company {
    name: &'static str,
    key: SigningKey,
    push: Client,
    app: Client,
    organization: String,
}

impl Company {
    /// A connection with an organization of its own and nobody's domain.
    async fn joins(world: &World, admin: &Client, tenant: &str, name: &'static str) -> Self {
        let organization =
            admin.organizations().post(json!({"slug": name, "displayName": name})).await.status(201).id();
        let key = SigningKey::generate().expect("the machine makes keys");
        let rules = json!({"issuer": format!("https://{name}.idp.test"), "clientIds": ["hub"], "algs": ["ES256"],
            "jwks": key.jwks(), "organizations": [name], "default": {"organization": name}});
        admin.admin("/connections").post(json!({"name": name, "rules": rules})).await.status(201);
        let token = async |scope: Scope| {
            let made = world.directory.create_token(tenant, scope, &[name.to_owned()], None, None).await;
            admin.with_token(made.expect("a token").1)
        };
        Self { name, key, push: token(Scope::Scim).await, app: token(Scope::JitLogin).await, organization }
    }

    async fn push(&self, user_name: &str, external_id: &str) -> Reply {
        let body = json!({"userName": user_name, "externalId": external_id, "emails": [{"value": format!("{external_id}@mail.example")}]});
        self.push.users().post(body).await
    }

    async fn login(&self, world: &World, subject: &str, user_name: &str) -> Reply {
        let now = world.clock.now() / 1000;
        let claims = json!({"iss": format!("https://{}.idp.test", self.name), "aud": "hub", "sub": subject, "nonce": "n",
            "iat": now, "exp": now + 300, "preferred_username": user_name, "email": format!("{subject}@mail.example"), "email_verified": true});
        let token = self.key.sign(&claims).expect("the machine signs");
        let evidence = json!({"type": "oidc_id_token", "id_token": token, "nonce": "n"});
        self.app.logins().post(json!({"connection": self.name, "evidence": evidence})).await
    }
}

fn slugs(reply: &Reply) -> Vec<&Value> {
    reply["organizations"].as_array().expect("a list").iter().map(|organization| &organization["slug"]).collect()
}

both_engines! {
    async fn names_are_unique_per_connection(database: Database) {
        let world = World::on(database).await;
        let info = world.directory.create_tenant("hub", "platform").await.expect("a new tenant");
        let (_, token) = world.directory.create_token(&info.id, Scope::Admin, &[], None, None).await.expect("a token");
        let admin = Client::new(world.app.router(), "hub", Some(&token));
        let acme = Company::joins(&world, &admin, &info.id, "acme").await;
        let umbra = Company::joins(&world, &admin, &info.id, "umbra").await;

        // Each has an `ana`, pushed or signing in first, and each reads its own only.
        let first = acme.push("ana", "1").await.status(201).id();
        let second = umbra.push("ana", "1").await.status(201).id();
        assert_ne!(first, second);
        acme.push("ana", "2").await.scim_error(409, "uniqueness");
        assert_eq!(acme.push.users().filter("userName eq \"ana\"").await.status(200).each("id"), [first.as_str()]);
        assert_eq!(umbra.push.users().filter("userName eq \"ana\"").await.status(200).each("id"), [second.as_str()]);
        acme.push.users().get(&second).await.scim_error(404, "");
        for (company, id) in [(&acme, &first), (&umbra, &second)] {
            let answer = company.login(&world, "1", "ana").await.status(200);
            assert_eq!((&answer["user"]["id"], slugs(&answer)), (&json!(id), vec![&json!(company.name)]));
        }
        let bo = acme.login(&world, "bo", "bo").await.status(200);
        let other = umbra.login(&world, "bo", "bo").await.status(200);
        assert_eq!((&bo["created"], &other["created"]), (&json!(true), &json!(true)));
        assert_ne!(bo["user"]["id"], other["user"]["id"]);
        assert_ne!(bo["user"]["handle"], other["user"]["handle"], "handles are the tenant's");
        // Pushed afterwards, each is adopted by its own provider.
        assert_eq!(json!(umbra.push("bo", "bo").await.status(201).id()), other["user"]["id"]);
        assert_eq!(json!(acme.push("bo", "bo").await.status(201).id()), bo["user"]["id"]);

        // A membership elsewhere is the person's, and is not told to this connection's application.
        let grants = admin.admin(&format!("/people/{first}/grants"));
        grants.post(json!({"group": umbra.organization})).await.status(204);
        let team = admin.groups().post(json!({"displayName": "umbra:crew"})).await.status(201).id();
        grants.post(json!({"group": team})).await.status(204);
        let answer = acme.login(&world, "1", "ana").await.status(200);
        assert_eq!((slugs(&answer), &answer["groups"]), (vec![&json!("acme")], &json!([])));
        let read = admin.users().get(&first).await.status(200);
        assert_eq!(read["groups"][0]["value"], json!(team));
        assert_eq!(world.directory.verify(None).await.expect("verify runs"), vec![]);
        assert!(world.directory.reindex(&info.id).await.is_ok());
        assert_eq!(world.directory.verify(None).await.expect("verify runs"), vec![]);
        acme.push("ana", "3").await.scim_error(409, "uniqueness");
    }

    async fn in_a_directory_a_name_is_one_persons(database: Database) {
        let world = World::on(database).await;
        let tenant = world.tenant("hub").await;
        let admin = world.client(&tenant, Scope::Admin).await;
        let acme = Company::joins(&world, &admin, &tenant.info.id, "acme").await;
        let umbra = Company::joins(&world, &admin, &tenant.info.id, "umbra").await;
        acme.push("ana", "1").await.status(201);
        umbra.push("ana", "1").await.scim_error(409, "uniqueness");
        umbra.login(&world, "1", "ana").await.problem(403, "account_exists_unlinked");
        let grants = umbra.organization.clone();
        let answer = acme.login(&world, "1", "ana").await.status(200);
        let path = format!("/people/{}/grants", answer["user"]["id"].as_str().expect("an id"));
        admin.admin(&path).post(json!({"group": grants})).await.status(204);
        let answer = acme.login(&world, "1", "ana").await.status(200);
        assert_eq!(slugs(&answer).len(), 2, "everybody in a directory is told the whole view");
        assert_eq!(world.directory.verify(None).await.expect("verify runs"), vec![]);
        admin.admin("/connections").call(Method::GET, "").await.status(200);
    }
}
