//! Organizations: roles by whose word, the last owner, seats. Over HTTP, on both engines.

use axum::http::Method;
use rollkeeper::auth::signing::SigningKey;
use rollkeeper::auth::token::Scope;
use serde_json::{Value, json};

use crate::support::{Client, Reply, World, both_engines};

/// 2026-11-24T02:00:00Z, when the world's clock starts.
const NOW: i64 = 1_795_485_600;

/// A tenant with an organization `moby`, its team `moby:bosses`, and one identity provider that serves it.
struct Place {
    world: World,
    tenant: String,
    key: SigningKey,
    admin: Client,
    push: Client,
    app: Client,
    moby: String,
    bosses: String,
}

impl Place {
    async fn on(database: crate::support::Database, moby: Value) -> Self {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let admin = world.client(&acme, Scope::Admin).await;
        let push = world.client(&acme, Scope::Scim).await;
        let app = world.client(&acme, Scope::JitLogin).await;
        let mut body = json!({"slug": "moby", "displayName": "Moby"});
        for (name, value) in moby.as_object().expect("attributes") {
            body[name] = value.clone();
        }
        let moby = admin.organizations().post(body).await.status(201).id();
        let bosses = admin.groups().post(json!({"displayName": "moby:bosses"})).await.status(201).id();
        let key = SigningKey::generate().expect("the machine makes keys");
        let rules = json!({
            "issuer": "https://idp.test", "clientIds": ["app"], "algs": ["ES256"], "jwks": key.jwks(),
            "domains": ["acme.example"], "organizations": ["moby"], "default": {"organization": "moby"},
            "groups": {"table": {"Bosses": "moby:bosses"}},
            "roles": {
                "from": "roles", "map": {"Moby.Owner": "owner", "Moby.Money": "billing"}, "others": ["billing"],
                "groups": {"moby:bosses": "editor"},
            },
        });
        let place = Self { tenant: acme.info.id.clone(), world, key, admin, push, app, moby, bosses };
        place.settings(rules).await.status(200);
        place
    }

    async fn settings(&self, rules: Value) -> Reply {
        self.admin.admin("/connections").call(Method::PATCH, "/default").json(json!({"rules": rules})).await
    }

    async fn login(&self, subject: &str, iat: i64, claims: Value) -> Reply {
        let mut all = json!({
            "iss": "https://idp.test", "aud": "app", "sub": subject, "nonce": "n1", "iat": NOW + iat, "exp": NOW + 300,
            "preferred_username": subject, "email": format!("{subject}@acme.example"),
        });
        for (name, value) in claims.as_object().expect("claims") {
            all[name] = value.clone();
        }
        let token = self.key.sign(&all).expect("the machine signs");
        let evidence = json!({"type": "oidc_id_token", "id_token": token, "nonce": "n1"});
        self.app.logins().post(json!({"connection": "default", "evidence": evidence})).await
    }

    /// `userName role via` of everybody in moby.
    async fn members(&self) -> Vec<String> {
        let page = self.admin.admin(&format!("/organizations/{}/members", self.moby)).list("").await.status(200);
        let all = page["members"].as_array().expect("members");
        assert_eq!(page["totalResults"], all.len());
        let mut all: Vec<String> = all
            .iter()
            .map(|it| {
                let mut via: Vec<&str> =
                    it["via"].as_array().expect("words").iter().filter_map(Value::as_str).collect();
                via.sort_unstable();
                format!(
                    "{} {} {}",
                    it["userName"].as_str().unwrap_or("-"),
                    it["role"].as_str().expect("a role"),
                    via.join("+")
                )
            })
            .collect();
        all.sort();
        all
    }

    async fn grant(&self, person: &str, body: Value) -> Reply {
        self.admin.admin(&format!("/people/{person}/grants")).post(body).await
    }

    async fn kinds(&self) -> Vec<String> {
        let events = self.world.events(&self.tenant).await;
        events.iter().map(|it| it["kind"].as_str().unwrap_or_default().to_owned()).collect()
    }

    async fn verified(&self) {
        let differences = self.world.directory.verify(Some(&self.tenant)).await.expect("verify runs");
        assert!(differences.is_empty(), "{differences:#?}");
    }
}

both_engines! {
    async fn a_role_goes_with_the_word_that_it_came_with(database: Database) {
        let place = Place::on(database, json!({})).await;
        let answer = place.login("ada", 0, json!({"roles": ["Moby.Owner", "unknown"]})).await.status(200);
        let ada = answer["user"]["id"].as_str().expect("an id").to_owned();
        let organization = &answer["organizations"][0];
        assert_eq!((&organization["slug"], &organization["name"], &organization["role"]), (&json!("moby"), &json!("Moby"), &json!("owner")));
        assert_eq!(place.members().await, ["ada owner default"]);
        let explained = place.admin.admin(&format!("/people/{ada}/explain")).list(&format!("organization={}", place.moby)).await.status(200);
        assert_eq!((&explained["member"], &explained["role"]), (&json!(true), &json!("owner")));

        // A newer token without the claim says nothing; an empty one takes the role away; an older one comes too late.
        place.login("ada", 10, json!({})).await.status(200);
        assert_eq!(place.members().await, ["ada owner default"]);
        place.login("ada", 20, json!({"roles": []})).await.status(200);
        place.login("ada", 15, json!({"roles": "Moby.Owner"})).await.status(200);
        assert_eq!(place.members().await, ["ada member default"]);
        // The table of groups, by the same connection's word; what only a connection defines is told and means nothing here.
        place.login("ada", 30, json!({"roles": ["Moby.Money"], "groups": ["Bosses"]})).await.status(200);
        assert_eq!(place.members().await, ["ada billing default+login"], "a claim goes before the table");
        place.login("ada", 31, json!({"roles": []})).await.status(200);
        assert_eq!(place.members().await, ["ada editor default+login"]);
        // An administrator's own word: the highest stands, and each ends with its vouch.
        place.grant(&ada, json!({"organization": place.moby, "role": "owner"})).await.status(204);
        assert_eq!(place.members().await, ["ada owner default+grant+login"]);
        place.settings(json!({"roles": {"groups": {"moby:bosses": "member"}}})).await.status(200);
        place.verified().await;
        let roles = place.kinds().await.iter().filter(|kind| *kind == "membership.role_changed").count();
        assert_eq!(roles, 4, "each change once");
        for (body, code) in [
            (json!({"organization": place.moby, "role": "root"}), "invalid_value"),
            (json!({"organization": place.moby, "role": ""}), "invalid_value"),
        ] {
            place.grant(&ada, body).await.problem(400, code);
        }
        let plain = place.admin.groups().post(json!({"displayName": "plain"})).await.status(201).id();
        place.grant(&ada, json!({"group": plain, "role": "owner"})).await.problem(400, "invalid_value");
        place.settings(json!({"roles": {"groups": {"plain": "editor"}}})).await.problem(400, "invalid_value");
        place.verified().await;
    }

    async fn an_invitation_brings_its_role(database: Database) {
        let place = Place::on(database, json!({})).await;
        place.settings(json!({"default": {"organization": null}, "jit": {"enabled": false}})).await.status(200);
        let invite = json!({"address": "eve@acme.example", "organization": "moby", "role": "editor"});
        place.admin.admin("/invitations").post(invite).await.status(201);
        let wrong = json!({"address": "eve@acme.example", "organization": "moby", "role": "root"});
        place.admin.admin("/invitations").post(wrong).await.problem(400, "invalid_value");
        let answer = place.login("eve", 0, json!({})).await.status(200);
        assert_eq!(answer["organizations"][0]["role"], "editor");
        assert_eq!(place.members().await, ["eve editor invitation"]);
        place.verified().await;
    }

    async fn the_last_owner_leaves_only_by_the_hand_of_a_push_or_a_login(database: Database) {
        let place = Place::on(database, json!({})).await;
        let ada = place.push.users().post(json!({"userName": "ada", "externalId": "ada"})).await.status(201).id();
        let bob = place.push.users().post(json!({"userName": "bob", "externalId": "bob"})).await.status(201).id();
        place.grant(&ada, json!({"organization": place.moby, "role": "owner"})).await.status(204);
        place.grant(&bob, json!({"organization": place.moby, "role": "owner"})).await.status(204);
        let of = |person: &str, rest: &str| place.admin.admin(&format!("/people/{person}{rest}"));
        of(&bob, "/grants").delete(&place.moby).await.status(204);
        assert_eq!(place.members().await, ["ada owner default+grant", "bob member default"]);
        // Every edit of an administrator that would leave moby without an owner.
        of(&ada, "/grants").delete(&place.moby).await.problem(409, "last_owner");
        of(&ada, "/denies").post(json!({"organization": place.moby})).await.problem(409, "last_owner");
        of(&ada, "/suspension").call(Method::POST, "").await.problem(409, "last_owner");
        place.grant(&ada, json!({"organization": place.moby, "role": "member"})).await.problem(409, "last_owner");
        place.admin.users().delete(&ada).await.status(409);
        assert_eq!(place.members().await, ["ada owner default+grant", "bob member default"]);
        // A push is obeyed, and the feed tells of it.
        place.push.users().patch(&ada, json!([{"op": "replace", "path": "active", "value": false}])).await.status(200);
        assert_eq!(place.members().await, ["bob member default"]);
        assert!(place.kinds().await.contains(&"organization.ownerless".to_owned()));
        place.grant(&bob, json!({"organization": place.moby, "role": "owner"})).await.status(204);
        place.push.users().delete(&bob).await.status(204);
        assert_eq!(place.kinds().await.iter().filter(|kind| *kind == "organization.ownerless").count(), 2);
        place.verified().await;
    }

    async fn seats_refuse_a_login_before_any_write_and_a_push_is_obeyed(database: Database) {
        let place = Place::on(database, json!({"seats": 2})).await;
        place.login("one", 0, json!({})).await.status(200);
        place.login("two", 0, json!({})).await.status(200);
        let before = place.kinds().await.len();
        let refused = place.login("three", 0, json!({})).await.problem(403, "no_seats");
        let decision = refused["decisionId"].as_str().expect("a reference");
        let trace = place.app.logins().get(decision).await.status(200);
        assert_eq!((&trace["code"], &trace["outcome"]), (&json!("no_seats"), &json!("deny")));
        assert_eq!(place.kinds().await.len(), before + 1, "nothing but the refusal");
        assert_eq!(place.admin.users().list("").await.status(200)["totalResults"], 2);
        place.login("one", 10, json!({})).await.status(200);

        let four = place.push.users().post(json!({"userName": "four", "externalId": "four"})).await.status(201).id();
        assert_eq!(place.members().await.len(), 3);
        assert!(place.kinds().await.contains(&"organization.overfull".to_owned()));
        place.login("four", 20, json!({})).await.status(200);
        let five = place.admin.users().post(json!({"userName": "five"})).await.status(201).id();
        place.grant(&five, json!({"organization": place.moby})).await.problem(409, "no_seats");
        place.grant(&five, json!({"group": place.bosses})).await.problem(409, "no_seats");
        place.push.users().delete(&four).await.status(204);
        place.login("three", 30, json!({})).await.problem(403, "no_seats");
        let more = json!([{"op": "replace", "path": "seats", "value": 3}]);
        place.admin.organizations().patch(&place.moby, more).await;
        place.login("three", 40, json!({})).await.status(200);
        let page = place.admin.admin("/organizations/moby/members").list("startIndex=2&count=1").await.status(200);
        assert_eq!((&page["totalResults"], &page["seats"], page["members"].as_array().map(Vec::len)), (&json!(3), &json!(3), Some(1)));
        place.admin.admin("/organizations/none/members").list("").await.problem(404, "not_found");
        place.admin.admin("/organizations/moby/members").list("size=3").await.problem(400, "invalid_value");
        place.verified().await;
    }
}

both_engines! {
    async fn nobody_climbs_by_a_name_to_what_an_administrator_gave(database: Database) {
        let place = Place::on(database, json!({})).await;
        let admins = place.admin.groups().post(json!({"displayName": "admins"})).await.status(201).id();
        let privilege = place.admin.admin(&format!("/groups/{admins}/privilege"));
        privilege.call(Method::PUT, "").await.status(204);
        privilege.call(Method::PUT, "").await.status(204);
        let enter = |name: &'static str| {
            let body = json!({"userName": name, "emails": [{"value": format!("{name}@acme.example")}]});
            let call = place.admin.users().post(body);
            async { call.await.status(201).id() }
        };
        let (owner, granted, plain) = (enter("olga").await, enter("greta").await, enter("pia").await);
        place.grant(&owner, json!({"organization": place.moby, "role": "owner"})).await.status(204);
        place.grant(&granted, json!({"group": admins})).await.status(204);
        for name in ["olga", "greta"] {
            let filter = format!("userName eq \"{name}\"");
            assert_eq!(place.push.users().filter(&filter).await.status(200)["totalResults"], 0, "{name} is not in its sight");
            let pushed = json!({"userName": name, "externalId": name});
            place.push.users().post(pushed).await.scim_error(409, "uniqueness");
            place.login(name, 0, json!({})).await.problem(403, "policy_denied");
        }
        assert_eq!(place.push.users().post(json!({"userName": "pia", "externalId": "pia"})).await.status(201).id(), plain);
        // The group itself: a push gets one of its own, and claims by its name reach neither.
        let theirs = place.push.groups().post(json!({"displayName": "admins", "externalId": "a"})).await.status(201).id();
        assert_ne!(theirs, admins);
        let via = |reply: Reply| reply.status(200)["groups"].as_array().expect("groups").len();
        assert_eq!(via(place.login("pia", 10, json!({"groups": ["admins"]})).await), 1, "its own is its own");
        place.admin.admin(&format!("/groups/{theirs}/privilege")).call(Method::PUT, "").await.status(204);
        place.verified().await;
        assert_eq!(via(place.login("pia", 20, json!({"groups": ["admins"]})).await), 0);
        place.settings(json!({"groups": {"table": {"admins": admins}}})).await.status(200);
        assert_eq!(via(place.login("pia", 30, json!({"groups": ["admins"]})).await), 1, "bound by its id");
        privilege.call(Method::DELETE, "").await.status(204);
        place.admin.admin("/groups/none/privilege").call(Method::PUT, "").await.problem(404, "not_found");
        let open = place.admin.admin("/conflicts").list("state=open").await.status(200);
        assert_eq!(open["totalResults"], 5, "four refusals, and the second group of that name");
        place.verified().await;
    }

    async fn of_those_who_race_for_the_last_seat_one_wins(database: Database) {
        let place = Place::on(database, json!({"seats": 1})).await;
        let names = ["a1", "a2", "a3", "a4", "a5"];
        let replies = futures_util::future::join_all(names.map(|name| place.login(name, 0, json!({})))).await;
        let mut codes: Vec<u16> = replies.iter().map(|reply| reply.status.as_u16()).collect();
        codes.sort_unstable();
        assert_eq!(codes, [200, 403, 403, 403, 403]);
        assert!(replies.iter().all(|reply| reply.status == 200 || reply["code"] == "no_seats"));
        assert_eq!(place.members().await.len(), 1);
        place.verified().await;
    }

    async fn of_two_owners_who_are_let_go_at_once_one_stays(database: Database) {
        let place = Place::on(database, json!({})).await;
        let mut owners = Vec::new();
        for name in ["ada", "bob"] {
            let id = place.push.users().post(json!({"userName": name, "externalId": name})).await.status(201).id();
            place.grant(&id, json!({"organization": place.moby, "role": "owner"})).await.status(204);
            owners.push(id);
        }
        let withdraw = |id: &String| {
            let call = place.admin.admin(&format!("/people/{id}/grants")).delete(&place.moby);
            async { call.await.status.as_u16() }
        };
        let (one, two) = futures_util::future::join(withdraw(&owners[0]), withdraw(&owners[1])).await;
        assert_eq!((one.min(two), one.max(two)), (204, 409));
        let left = place.members().await.into_iter().filter(|member| member.contains(" owner ")).count();
        assert_eq!(left, 1);
        place.verified().await;
    }
}

// ------------------------------------------------------------------------------------------------ invitations

both_engines! {
    async fn an_invitation_is_sent_again_with_a_new_token(database: Database) {
        let place = Place::on(database, json!({})).await;
        let invitations = place.admin.admin("/invitations");
        let issued = invitations.post(json!({"address": "eve@acme.example", "organization": "moby"})).await.status(201);
        let id = issued.id();
        let resend = |id: String, body: Value| {
            let call = invitations.call(Method::POST, &format!("/{id}/resend")).json(body);
            async { call.await }
        };
        let again = resend(id.clone(), json!({})).await.status(200);
        assert_eq!((again.id(), &again["state"]), (id.clone(), &json!("pending")));
        assert_ne!(again["token"], issued["token"]);
        // 15 days later it has expired, and can still be sent again.
        place.world.clock.advance(15 * 24 * 60 * 60 * 1000);
        assert_eq!(invitations.list("").await.status(200)["invitations"][0]["state"], "expired");
        assert_eq!(resend(id.clone(), json!({})).await.status(200)["state"], "pending");
        resend(id.clone(), json!({"expires": "2020-01-01T00:00:00Z"})).await.problem(400, "invalid_value");
        invitations.delete(&id).await.status(204);
        resend(id, json!({})).await.problem(409, "conflict");
        resend("none".to_owned(), json!({})).await.problem(404, "not_found");
    }

    async fn an_invitation_made_for_an_account_is_the_way_out_of_an_address_that_may_not_join(database: Database) {
        let place = Place::on(database, json!({})).await;
        let eve = place.admin.users().post(json!({"userName": "eve", "emails": [{"value": "eve@elsewhere.example"}]})).await.status(201).id();
        let claims = json!({"email": "eve@elsewhere.example", "preferred_username": "eve2"});
        place.login("s-eve", 0, claims.clone()).await.problem(403, "account_exists_unlinked");
        let invitations = place.admin.admin("/invitations");
        // A plain invitation of that address is no proof of who shows it: nobody is linked by a forwarded mail.
        let plain = invitations.post(json!({"address": "eve@elsewhere.example", "organization": "moby"})).await.status(201);
        let login = |token: Value, claims: Value| {
            let mut all = json!({
                "iss": "https://idp.test", "aud": "app", "sub": "s-eve", "nonce": "n1", "iat": NOW, "exp": NOW + 300,
            });
            for (name, value) in claims.as_object().expect("claims") {
                all[name] = value.clone();
            }
            let evidence = json!({"type": "oidc_id_token", "id_token": place.key.sign(&all).expect("signed"), "nonce": "n1"});
            let call = place.app.logins().post(json!({"connection": "default", "evidence": evidence, "invitation": token}));
            async { call.await }
        };
        login(plain["token"].clone(), claims.clone()).await.problem(403, "account_exists_unlinked");
        let bound = invitations.post(json!({"address": "eve@elsewhere.example", "person": eve})).await.status(201);
        assert_eq!(bound["person"], json!(eve));
        login(bound["token"].clone(), json!({"email": "other@elsewhere.example", "preferred_username": "eve"}))
            .await
            .problem(403, "account_exists_unlinked");
        let resent = invitations.call(Method::POST, &format!("/{}/resend", bound.id())).json(json!({})).await.status(200);
        login(bound["token"].clone(), claims.clone()).await.problem(403, "account_exists_unlinked");
        let answer = login(resent["token"].clone(), claims.clone()).await.status(200);
        assert_eq!((&answer["user"]["id"], &answer["linked"]), (&json!(eve), &json!(true)));
        assert_eq!(place.login("s-eve", 5, claims).await.status(200)["user"]["id"], json!(eve));
        let listed = invitations.list("").await.status(200);
        let accepted = listed["invitations"].as_array().expect("two").iter().find(|it| it["id"] == bound["id"]).expect("it");
        assert_eq!((&accepted["state"], &accepted["acceptedBy"]), (&json!("accepted"), &json!(eve)));
        invitations.post(json!({"address": "x@acme.example", "person": "none"})).await.problem(404, "not_found");
        invitations.post(json!({"address": "x@acme.example"})).await.problem(400, "invalid_value");
        place.verified().await;
    }
}
