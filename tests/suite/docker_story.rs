//! The story of Docker's page on just-in-time provisioning, step by step, with the preset `docker`: first with JIT on, then
//! with JIT off. Steps are numbered as the page numbers them.

use axum::http::Method;
use rollkeeper::auth::signing::SigningKey;
use rollkeeper::auth::token::Scope;
use serde_json::{Value, json};

use crate::support::{Client, Reply, World, both_engines};

struct Hub {
    world: World,
    key: SigningKey,
    admin: Client,
    app: Client,
    tenant: String,
}

impl Hub {
    /// Two organizations, their company's provider with two verified domains, and a default organization and team.
    async fn open(database: crate::support::Database) -> Self {
        let world = World::on(database).await;
        let hub = world.tenant("hub").await;
        let admin = world.client(&hub, Scope::Admin).await;
        for slug in ["moby", "whale"] {
            admin.organizations().post(json!({"slug": slug, "displayName": slug})).await.status(201);
        }
        admin.groups().post(json!({"displayName": "moby:everyone"})).await.status(201);
        let key = SigningKey::generate().expect("the machine makes keys");
        let rules = json!({
            "issuer": "https://acme.idp.test", "clientIds": ["hub"], "algs": ["ES256"], "jwks": key.jwks(),
            "domains": ["acme.com", "acme.io"], "organizations": ["moby", "whale"],
            "default": {"organization": "moby", "group": "everyone"}
        });
        let body = json!({"name": "acme", "preset": "docker", "rules": rules});
        let connection = admin.admin("/connections").post(body).await.status(201);
        // The preset is written out: what holds is there to read.
        let rules = &connection["rules"];
        assert_eq!((&rules["default"]["mode"], &rules["join"]["accounts"]), (&json!("sticky"), &json!("any")));
        assert_eq!((&rules["handle"], &rules["jit"]["accountStep"]), (&json!("digits"), &json!("always")));
        assert_eq!((&rules["groups"]["create"], &rules["groups"]["createCap"]), (&json!("pattern"), &json!(20)));
        let body = json!({"scope": "jit.login", "connections": ["acme"]});
        let token = admin.admin("/tokens").post(body).await.status(201);
        let app = hub.client(token["token"].as_str());
        Self { tenant: hub.info.id.clone(), world, key, admin, app }
    }

    async fn jit(&self, enabled: bool) {
        let body = json!({"rules": {"jit": {"enabled": enabled}}});
        self.admin.admin("/connections").call(Method::PATCH, "/acme").json(body).await.status(200);
    }

    /// Signs in a moment later than whoever signed in before.
    async fn login(&self, subject: &str, email: &str, more: Value) -> Reply {
        self.world.clock.advance(1_000);
        let now = self.world.clock.now() / 1000;
        let mut claims = json!({"iss": "https://acme.idp.test", "aud": "hub", "sub": subject, "nonce": "n", "iat": now,
            "exp": now + 300, "email": email});
        for (name, value) in more.as_object().expect("claims") {
            claims[name] = value.clone();
        }
        let token = self.key.sign(&claims).expect("the machine signs");
        let evidence = json!({"type": "oidc_id_token", "id_token": token, "nonce": "n"});
        self.app.logins().post(json!({"connection": "acme", "evidence": evidence})).await
    }

    async fn enter(&self, user_name: &str, email: &str, given: &str) -> String {
        let body = json!({"userName": user_name, "name": {"givenName": given}, "emails": [{"value": email}]});
        self.admin.users().post(body).await.status(201).id()
    }

    async fn invite(&self, body: Value) {
        self.admin.admin("/invitations").post(body).await.status(201);
    }

    async fn user(&self, id: &str) -> Reply {
        self.admin.users().get(id).await.status(200)
    }

    async fn verified(&self) {
        assert_eq!(self.world.directory.verify(Some(&self.tenant)).await.expect("verify runs"), vec![]);
    }
}

fn teams(reply: &Reply) -> Vec<&str> {
    let mut names: Vec<&str> =
        reply["groups"].as_array().expect("groups").iter().filter_map(|group| group["displayName"].as_str()).collect();
    names.sort_unstable();
    names
}

fn organizations(reply: &Reply) -> Vec<&str> {
    let mut slugs: Vec<&str> =
        reply["organizations"].as_array().expect("a list").iter().filter_map(|one| one["slug"].as_str()).collect();
    slugs.sort_unstable();
    slugs
}

fn id(reply: &Reply) -> String {
    reply["user"]["id"].as_str().expect("an id").to_owned()
}

both_engines! {
    async fn with_jit_on(database: Database) {
        let hub = Hub::open(database).await;
        let named = json!({"given_name": "Ana", "family_name": "Alvarez"});

        // 1. Nobody has the address: an account of email, full name and a unique handle.
        let ana = hub.login("s-ana", "ana@acme.com", named.clone()).await.status(200);
        assert_eq!((&ana["created"], &ana["user"]["userName"]), (&json!(true), &json!("ana@acme.com")));
        assert_eq!(ana["user"]["handle"], "ana");
        assert_eq!(hub.user(&id(&ana)).await["name"], json!({"givenName": "Ana", "familyName": "Alvarez"}));
        //    Her namesake's handle is taken: random digits follow it.
        let other = hub.login("s-ana2", "ana@acme.io", named).await.status(200);
        let handle = other["user"]["handle"].as_str().expect("a handle");
        assert!(handle.starts_with("ana") && handle.len() == 7 && handle[3..].bytes().all(|b| b.is_ascii_digit()), "{handle}");

        //    Somebody has it: that account is used, and the full name updated.
        let bo = hub.enter("bo", "bo@acme.com", "Robert").await;
        let answer = hub.login("s-bo", "bo@acme.com", json!({"given_name": "Bo"})).await.status(200);
        assert_eq!((id(&answer), &answer["adopted"], &answer["created"]), (bo.clone(), &json!(true), &json!(false)));
        assert_eq!(hub.user(&bo).await["name"]["givenName"], "Bo");
        //    Also where another provider pushes that account: the address lies in the company's own domain.
        let push = hub.admin.admin("/tokens").post(json!({"scope": "scim", "connections": ["default"]})).await.status(201);
        let push = hub.app.with_token(push["token"].as_str().map(str::to_owned));
        let body = json!({"userName": "cy", "externalId": "x-cy", "name": {"givenName": "Cyrus"}, "emails": [{"value": "cy@acme.com"}]});
        let cy = push.users().post(body).await.status(201).id();
        let answer = hub.login("s-cy", "cy@acme.com", json!({"given_name": "Cy"})).await.status(200);
        assert_eq!(id(&answer), cy);
        assert_eq!(hub.user(&cy).await["name"]["givenName"], "Cyrus", "what is pushed is the stronger word, unlike on Docker's page");
        //    An address outside the verified domains is an attribute: it opens no account that is there.
        hub.enter("dee", "dee@gmail.test", "Dee").await;
        hub.login("s-dee", "dee@gmail.test", json!({"email_verified": true})).await.problem(403, "account_exists_unlinked");
        //    The provider made the subject anew: the address still says who it is.
        let again = hub.login("s-ana-2027", "ana@acme.com", json!({})).await.status(200);
        assert_eq!((id(&again), &again["linked"]), (id(&ana), &json!(true)));

        // 2. Pending invitations are accepted; one that names a team adds to that team.
        let devs = hub.admin.groups().post(json!({"displayName": "whale:devs"})).await.status(201).id();
        hub.invite(json!({"address": "eve@acme.com", "group": devs})).await;
        hub.invite(json!({"address": "eve@acme.com", "organization": "moby"})).await;
        let eve = hub.login("s-eve", "eve@acme.com", json!({})).await.status(200);
        assert_eq!(organizations(&eve), ["moby", "whale"]);
        assert!(teams(&eve).contains(&"whale:devs"));

        // 3. Group mappings: organizations and teams as the provider says, missing teams are made. One value that is not
        //    `organization:team`, or names a foreign organization, is left out; the rest stands.
        let groups = json!({"groups": ["moby:platform", "whale:ops", "engineering", "evil:owners", "a:b:c"]});
        let fay = hub.login("s-fay", "fay@acme.com", groups).await.status(200);
        assert_eq!((organizations(&fay), teams(&fay)), (vec!["moby", "whale"], vec!["moby:platform", "whale:ops"]));
        let lost: Vec<&str> = fay["drift"].as_array().expect("a list").iter().filter_map(|lost| lost["group"].as_str()).collect();
        assert_eq!(lost, ["a:b:c", "engineering", "evil:owners"]);
        //    None: whoever is in no team is in the default organization and team.
        assert_eq!((organizations(&ana), teams(&ana)), (vec!["moby"], vec!["moby:everyone"]));
        //    And stays there when a team comes later: given once, for good.
        let ana = hub.login("s-ana", "ana@acme.com", json!({"groups": ["moby:platform"]})).await.status(200);
        assert_eq!(teams(&ana), ["moby:everyone", "moby:platform"]);
        let ana = hub.login("s-ana", "ana@acme.com", json!({"groups": []})).await.status(200);
        assert_eq!(teams(&ana), ["moby:everyone"]);
        let fay = hub.login("s-fay", "fay@acme.com", json!({"groups": ["whale:ops"]})).await.status(200);
        assert_eq!(teams(&fay), ["moby:everyone", "whale:ops"], "in no team of moby any more: the default of moby");
        hub.verified().await;
    }

    async fn with_jit_off(database: Database) {
        let hub = Hub::open(database).await;
        // While JIT was on, Ana came in.
        let ana = hub.login("s-ana", "ana@acme.com", json!({"given_name": "Ana"})).await.status(200);
        hub.jit(false).await;

        // 1. A stranger gets an account all the same, and the access-denied page.
        let refused = hub.login("s-bo", "bo@acme.com", json!({"given_name": "Robert", "family_name": "Bell"})).await;
        let refused = refused.problem(403, "not_invited");
        assert!(refused["detail"].as_str().is_some_and(|detail| detail.contains("invit")));
        let found = hub.admin.users().filter("userName eq \"bo@acme.com\"").await.status(200);
        let bo = found["Resources"][0].clone();
        assert_eq!((&found["totalResults"], &bo["name"]["givenName"]), (&json!(1), &json!("Robert")));
        assert!(bo.get("groups").is_none(), "an account, and no member of anything: {bo}");
        //    Coming again changes nothing and makes no second one.
        hub.login("s-bo", "bo@acme.com", json!({"given_name": "Robert"})).await.problem(403, "not_invited");
        assert_eq!(hub.admin.users().filter("userName eq \"bo@acme.com\"").await.status(200)["totalResults"], 1);
        //    Outside the company's domains: no account.
        hub.login("s-zed", "zed@gmail.test", json!({})).await.problem(403, "not_invited");
        assert_eq!(hub.admin.users().filter("userName eq \"zed@gmail.test\"").await.status(200)["totalResults"], 0);

        // 2. Invited, the same account enters, whatever groups the provider names: those change by push only.
        hub.invite(json!({"address": "bo@acme.com", "organization": "whale"})).await;
        let answer = hub.login("s-bo", "bo@acme.com", json!({"given_name": "Bo", "groups": ["whale:ops"]})).await.status(200);
        assert_eq!((json!(id(&answer)), &answer["created"]), (bo["id"].clone(), &json!(false)));
        assert_eq!((organizations(&answer).contains(&"whale"), teams(&answer)), (true, vec![]));
        assert_eq!(hub.user(&id(&answer)).await["name"]["givenName"], "Bo", "the name is updated");

        // 3. Whoever is a member already enters, also without an invitation.
        let again = hub.login("s-ana", "ana@acme.com", json!({"given_name": "Anita", "groups": ["moby:new"]})).await.status(200);
        assert_eq!((id(&again), teams(&again)), (id(&ana), vec!["moby:everyone"]));
        assert_eq!(hub.user(&id(&ana)).await["name"]["givenName"], "Anita");
        assert_eq!(hub.admin.groups().filter("displayName eq \"moby:new\"").await.status(200)["totalResults"], 0);
        //    A member whom an administrator takes out is refused like a stranger; only the name follows.
        let everyone = again["groups"][0]["id"].as_str().expect("an id");
        for parent in [everyone, again["organizations"][0]["id"].as_str().expect("an id")] {
            let path = format!("/people/{}/denies", id(&ana));
            hub.admin.admin(&path).post(json!({"group": parent})).await.status(204);
        }
        hub.login("s-ana", "ana@acme.com", json!({"given_name": "Ana"})).await.problem(403, "not_invited");
        assert_eq!(hub.user(&id(&ana)).await["name"]["givenName"], "Ana");

        // In both: whoever is inactive stays so, and a refusal of theirs writes nothing at all.
        let patch = json!([{"op": "replace", "path": "active", "value": false}]);
        hub.admin.users().patch(&id(&answer), patch).await.status(200);
        hub.login("s-bo", "bo@acme.com", json!({"given_name": "Back"})).await.problem(403, "inactive");
        // What sign-ins said before died with the account; what stands is what the account was entered with.
        assert_eq!(hub.user(&id(&answer)).await["name"]["givenName"], "Robert");
        hub.verified().await;
    }
}
