//! The table of edge cases and defaults, row by row, over HTTP on both engines: what a sign-in does with claims that are
//! absent, cut off, malformed, late, renamed or somebody else's. The rows of a push are in `store_roll.rs` and `store_members.rs`,
//! those of names, roles, seats and invitations in `conflicts.rs` and `organizations.rs`. Where a push meets whom a sign-in made, its
//! rows are here.

use axum::http::Method;
use rollkeeper::auth::signing::SigningKey;
use rollkeeper::auth::token::Scope;
use serde_json::{Value, json};

use crate::support::{Client, Reply, World, both_engines};

const MINUTE: i64 = 60_000;

/// One identity provider that pushes and signs in, and two groups of its own, `staff` and `crew`.
struct Place {
    world: World,
    tenant: String,
    key: SigningKey,
    admin: Client,
    push: Client,
    app: Client,
    staff: String,
    crew: String,
}

impl Place {
    async fn on(database: crate::support::Database, rules: Value) -> Self {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let admin = world.client(&acme, Scope::Admin).await;
        let push = world.client(&acme, Scope::Scim).await;
        let app = world.client(&acme, Scope::JitLogin).await;
        let key = SigningKey::generate().expect("the machine makes keys");
        let mut all = json!({
            "issuer": "https://idp.test", "clientIds": ["app"], "algs": ["ES256"], "jwks": key.jwks(),
            "anchor": {"claim": "oid"}, "domains": ["acme.example"],
        });
        for (name, value) in rules.as_object().expect("settings") {
            all[name] = value.clone();
        }
        let group = |name: &'static str| {
            let call = push.groups().post(json!({"displayName": name, "externalId": name}));
            async { call.await.status(201).id() }
        };
        let (staff, crew) = (group("staff").await, group("crew").await);
        let place = Self { tenant: acme.info.id.clone(), world, key, admin, push, app, staff, crew };
        place.settings(all).await;
        place
    }

    async fn settings(&self, rules: Value) {
        self.admin
            .admin("/connections")
            .call(Method::PATCH, "/default")
            .json(json!({"rules": rules}))
            .await
            .status(200);
    }

    /// Signs in a minute later than the last time.
    async fn login(&self, who: &str, claims: Value) -> Reply {
        let token = self.token(who, claims);
        self.present(&token).await
    }

    /// What they show a minute later than the last time.
    fn token(&self, who: &str, claims: Value) -> String {
        self.world.clock.advance(MINUTE);
        self.token_at(who, self.world.clock.now() / 1000, claims)
    }

    async fn login_at(&self, who: &str, iat: i64, claims: Value) -> Reply {
        self.present(&self.token_at(who, iat, claims)).await
    }

    fn token_at(&self, who: &str, iat: i64, claims: Value) -> String {
        let mut all = json!({
            "iss": "https://idp.test", "aud": "app", "sub": who, "oid": who, "nonce": "n1", "iat": iat, "exp": iat + 600,
            "preferred_username": who, "email": format!("{who}@acme.example"),
        });
        for (name, value) in claims.as_object().expect("claims") {
            all[name] = value.clone();
        }
        self.key.sign(&all).expect("the machine signs")
    }

    async fn present(&self, token: &str) -> Reply {
        let evidence = json!({"type": "oidc_id_token", "id_token": token, "nonce": "n1"});
        self.app.logins().post(json!({"connection": "default", "evidence": evidence})).await
    }

    async fn verified(&self) {
        let differences = self.world.directory.verify(Some(&self.tenant)).await.expect("verify runs");
        assert!(differences.is_empty(), "{differences:#?}");
    }
}

/// The names of the groups in an answer that allows.
fn groups(reply: Reply) -> Vec<String> {
    let reply = reply.status(200);
    let mut names: Vec<String> = reply["groups"]
        .as_array()
        .expect("groups")
        .iter()
        .map(|group| group["displayName"].as_str().expect("a name").to_owned())
        .collect();
    names.sort();
    names
}

fn drift(reply: &Reply) -> Vec<(String, String)> {
    let all = reply["drift"].as_array().expect("drift").iter().filter(|it| it["group"].is_string());
    all.map(|it| (it["group"].as_str().expect("a value").to_owned(), it["reason"].as_str().unwrap_or("-").to_owned()))
        .collect()
}

both_engines! {
    async fn the_three_states_of_a_groups_claim(database: Database) {
        let place = Place::on(database, json!({})).await;
        let known = |values: Value| json!({"groups": values});
        assert_eq!(groups(place.login("ada", known(json!(["staff", "crew"]))).await), ["crew", "staff"]);
        // Absent, null and cut off say nothing.
        assert_eq!(groups(place.login("ada", json!({})).await), ["crew", "staff"]);
        assert_eq!(groups(place.login("ada", known(Value::Null)).await), ["crew", "staff"]);
        let cut_off = place.login("ada", json!({"_claim_names": {"groups": "src1"}})).await.status(200);
        assert_eq!(cut_off["groupsUnknown"], true);
        assert_eq!(groups(cut_off), ["crew", "staff"]);
        assert_eq!(groups(place.login("ada", json!({"hasgroups": true, "groups": []})).await), ["crew", "staff"]);
        // One text is one group; a value that cannot be used is skipped and the rest stands; of nothing usable nothing follows.
        assert_eq!(groups(place.login("ada", known(json!("staff"))).await), ["staff"]);
        assert_eq!(groups(place.login("ada", known(json!(["crew", 7, "", null, "x".repeat(300)]))).await), ["crew"]);
        assert_eq!(groups(place.login("ada", known(json!([7]))).await), ["crew"]);
        // An empty list takes away.
        assert_eq!(groups(place.login("ada", known(json!([]))).await), [""; 0]);
        place.settings(json!({"groups": {"onAbsent": "empty"}})).await;
        assert_eq!(groups(place.login("ada", known(json!(["crew"]))).await), ["crew"]);
        assert_eq!(groups(place.login("ada", json!({})).await), [""; 0]);
        place.verified().await;
    }

    async fn a_claim_ages_at_a_login_that_brings_no_list(database: Database) {
        let place = Place::on(database, json!({"groups": {"claimMaxAge": "P30D"}})).await;
        groups(place.login("ada", json!({"groups": ["staff"]})).await);
        place.world.clock.advance(29 * 24 * 60 * MINUTE);
        assert_eq!(groups(place.login("ada", json!({})).await), ["staff"]);
        place.world.clock.advance(2 * 24 * 60 * MINUTE);
        place.verified().await;
        assert_eq!(groups(place.login("ada", json!({})).await), [""; 0], "31 days after the list");
        assert_eq!(groups(place.login("ada", json!({"groups": ["staff"]})).await), ["staff"]);
        place.verified().await;
    }

    async fn the_default_team_by_its_modes(database: Database) {
        let place = Place::on(database, json!({})).await;
        place.admin.organizations().post(json!({"slug": "moby"})).await.status(201);
        for name in ["moby:all", "moby:engine"] {
            place.admin.groups().post(json!({"displayName": name})).await.status(201);
        }
        let defaults = |mode: &str| json!({
            "organizations": ["moby"], "default": {"organization": "moby", "group": "all", "mode": mode},
            "groups": {"table": {"Engine": "moby:engine"}},
        });
        place.settings(defaults("fallback")).await;
        assert_eq!(groups(place.login("ada", json!({})).await), ["moby:all"]);
        assert_eq!(groups(place.login("ada", json!({"groups": ["Engine"]})).await), ["moby:engine"]);
        assert_eq!(groups(place.login("ada", json!({"groups": []})).await), ["moby:all"]);
        // Withheld at a first login whose list was cut off: nobody knows which teams they are in.
        assert_eq!(groups(place.login("bob", json!({"hasgroups": true})).await), [""; 0]);
        place.settings(defaults("always")).await;
        place.verified().await;
        assert_eq!(groups(place.login("ada", json!({"groups": ["Engine"]})).await), ["moby:all", "moby:engine"]);
        assert_eq!(groups(place.login("bob", json!({})).await), ["moby:all"]);
        place.verified().await;
    }

    async fn what_a_claim_may_not_touch_is_drift(database: Database) {
        let place = Place::on(database, json!({"groups": {"scope": {"pattern": "^(staff|ours)$"}}})).await;
        place.admin.groups().post(json!({"displayName": "ours"})).await.status(201);
        let answer = place.login("ada", json!({"groups": ["staff", "crew", "ours", "nowhere"]})).await.status(200);
        let mut lost = drift(&answer);
        lost.sort();
        let expected = [("crew", "unmapped"), ("nowhere", "unmapped"), ("ours", "group_name_owned")];
        assert_eq!(lost, expected.map(|(value, why)| (value.to_owned(), why.to_owned())), "never joined by name");
        assert_eq!(groups(answer), ["staff"]);
        // Push took her out: a token that still names the group changes nothing, and the answer tells.
        let ada = json!({"userName": "ada", "externalId": "ada"});
        let ada = place.push.users().post(ada).await.status(201).id();
        let list = |op: &str| json!([{"op": op, "path": "members", "value": [{"value": ada}]}]);
        place.push.groups().patch(&place.staff, list("add")).await.status(204);
        place.push.groups().patch(&place.staff, list("remove")).await.status(204);
        let answer = place.login("ada", json!({"groups": ["staff"]})).await.status(200);
        assert_eq!(drift(&answer), [("staff".to_owned(), "overruled".to_owned())]);
        assert_eq!(groups(answer), [""; 0]);
        assert_eq!(groups(place.login("ada", json!({"groups": ["crew"]})).await), [""; 0], "and the scope stands");
        place.verified().await;
    }

    async fn a_group_renamed_at_the_provider(database: Database) {
        let place = Place::on(database, json!({"groups": {"match": "externalId"}})).await;
        groups(place.login("ada", json!({"groups": ["staff"]})).await);
        let rename = json!([{"op": "replace", "path": "displayName", "value": "people"}]);
        place.push.groups().patch(&place.staff, rename.clone()).await.status(204);
        assert_eq!(groups(place.login("ada", json!({"groups": ["staff"]})).await), ["people"], "by id: nothing happens");
        place.settings(json!({"groups": {"match": "displayName"}})).await;
        assert_eq!(groups(place.login("ada", json!({"groups": ["staff"]})).await), [""; 0]);
        assert_eq!(groups(place.login("ada", json!({"groups": ["PEOPLE"]})).await), ["people"], "names in any case");
        place.verified().await;
    }

    async fn late_early_and_repeated_evidence(database: Database) {
        let place = Place::on(database, json!({"attributes": [{"to": "title", "from": "title"}, {"to": "nickName", "from": "nick"}]})).await;
        place.world.clock.advance(5 * MINUTE);
        let now = place.world.clock.now() / 1000;
        let id = place.login_at("ada", now, json!({"title": "new", "groups": ["staff"]})).await.status(200);
        let id = id["user"]["id"].as_str().expect("an id").to_owned();
        // An older token is accepted and loses field by field.
        let late = place.login_at("ada", now - 120, json!({"title": "old", "nick": "Ada", "groups": ["crew"]})).await.status(200);
        assert_eq!(groups(late), ["staff"]);
        let read = place.admin.users().get(&id).await.status(200);
        assert_eq!((&read["title"], &read["nickName"]), (&json!("new"), &json!("Ada")));
        // One from the future would win every register: refused.
        place.login_at("ada", now + 120, json!({"title": "future"})).await.problem(400, "invalid_evidence");
        // The same evidence again: the same answer, no write at all. A newer token with equal claims moves stamps only.
        let claims = json!({
            "iss": "https://idp.test", "aud": "app", "sub": "ada", "oid": "ada", "nonce": "n1", "iat": now, "exp": now + 600,
            "title": "new", "groups": ["staff"],
        });
        let token = place.key.sign(&claims).expect("signed");
        let first = place.present(&token).await.status(200);
        let events = place.world.events(&place.tenant).await;
        let again = place.present(&token).await.status(200);
        assert_eq!((&again["decisionId"], &again["changes"]), (&first["decisionId"], &json!([])));
        let version = place.admin.users().get(&id).await.status(200).etag();
        place.login("ada", json!({"title": "new", "groups": ["staff"]})).await.status(200);
        assert_eq!(place.admin.users().get(&id).await.status(200).etag(), version);
        assert_eq!(place.world.events(&place.tenant).await, events);
        place.verified().await;
    }

    async fn who_comes_back_and_under_which_name(database: Database) {
        let place = Place::on(database, json!({})).await;
        let ada = place.push.users().post(json!({"userName": "ada", "externalId": "ada"})).await.status(201).id();
        assert_eq!(place.login("ada", json!({})).await.status(200)["user"]["id"], json!(ada));
        // The application was registered anew: another subject, the same anchor.
        let other = place.login("ada", json!({"sub": "pairwise-2"})).await.status(200);
        assert_eq!((&other["user"]["id"], &other["linked"]), (&json!(ada), &json!(true)));
        let events = place.world.events(&place.tenant).await;
        assert!(events.iter().any(|event| event["kind"] == "link.subject_changed"));
        // Re-hired as the same object: the record is activated by push, never by a login.
        let active = |active: bool| json!([{"op": "replace", "path": "active", "value": active}]);
        place.push.users().patch(&ada, active(false)).await.status(200);
        place.login("ada", json!({})).await.problem(403, "inactive");
        place.world.clock.advance(MINUTE);
        place.push.users().patch(&ada, active(true)).await.status(200);
        assert_eq!(place.login("ada", json!({})).await.status(200)["user"]["id"], json!(ada));
        // Re-hired as a new object that the provider matched: externalId moves, and the old one never matches again.
        let moved = json!([{"op": "replace", "path": "externalId", "value": "ada-2"}]);
        place.push.users().patch(&ada, moved).await.status(200);
        let back = place.login("ada", json!({"sub": "s-3", "oid": "ada-2"})).await.status(200);
        assert_eq!(back["user"]["id"], json!(ada));
        place.login("stranger", json!({"sub": "s-4", "oid": "ada", "preferred_username": "ada"})).await.problem(403, "account_exists_unlinked");
        place.verified().await;
    }

    async fn names_addresses_and_guests(database: Database) {
        let place = Place::on(database, json!({"join": {"claims": ["upn"]}, "restrictToDomains": false})).await;
        let enter = |body: Value| {
            let call = place.admin.users().post(body);
            async { call.await.status(201).id() }
        };
        let ada = enter(json!({"userName": "a1", "emails": [{"value": "Ada.L@ACME.example"}]})).await;
        // Case folds; dots and plus signs are another address.
        place.login("x1", json!({"oid": "x1", "email": "ada.l+x@acme.example"})).await.status(200);
        let joined = place.login("x2", json!({"oid": "x2", "email": "ADA.L@acme.EXAMPLE"})).await.status(200);
        assert_eq!(joined["user"]["id"], json!(ada));
        // A guest's address in a foreign domain, and one that the provider does not vouch for, join nobody.
        enter(json!({"userName": "g1", "emails": [{"value": "gus@partner.example"}]})).await;
        place.login("x3", json!({"oid": "x3", "acct": 1, "email": "gus@partner.example", "email_verified": true})).await.problem(403, "account_exists_unlinked");
        enter(json!({"userName": "e1", "emails": [{"value": "eve@acme.example"}]})).await;
        place.login("x4", json!({"oid": "x4", "email": "eve@acme.example", "email_verified": false})).await.problem(403, "account_exists_unlinked");
        // The userName at creation is the first that is there, and never gets a suffix.
        place.login("x5", json!({"oid": "x5", "preferred_username": "A1", "email": "new@acme.example"})).await.problem(403, "account_exists_unlinked");
        let made = place.login("x6", json!({"oid": "x6", "preferred_username": "", "upn": "ned@acme.example", "email": "ned@acme.example"})).await.status(200);
        assert_eq!((&made["user"]["userName"], &made["created"]), (&json!("ned@acme.example"), &json!(true)));
        place.settings(json!({"restrictToDomains": true})).await;
        place.login("x7", json!({"oid": "x7", "email": "out@partner.example", "email_verified": true})).await.problem(403, "domain_not_verified");
        place.admin.admin("/connections").call(Method::PATCH, "/default").json(json!({"state": "paused"})).await.status(200);
        place.login("x6", json!({"oid": "x6"})).await.problem(403, "connection_disabled");
        place.verified().await;
    }

    async fn an_invitation_that_is_not_accepted(database: Database) {
        let place = Place::on(database, json!({"jit": {"enabled": false}})).await;
        let invite = |body: Value| {
            let call = place.admin.admin("/invitations").post(body);
            async { call.await.status(201) }
        };
        place.login("eve", json!({})).await.problem(403, "not_invited");
        invite(json!({"address": "eve@acme.example", "group": place.crew, "expires": "2026-11-24T02:03:00Z"})).await;
        place.world.clock.advance(5 * MINUTE);
        place.login("eve", json!({})).await.problem(403, "not_invited");
        invite(json!({"address": "other@acme.example", "group": place.crew})).await;
        place.login("eve", json!({})).await.problem(403, "not_invited");
        let revoked = invite(json!({"address": "eve@acme.example", "group": place.crew})).await.id();
        place.admin.admin("/invitations").delete(&revoked).await.status(204);
        place.login("eve", json!({})).await.problem(403, "not_invited");
        invite(json!({"address": "eve@acme.example", "group": place.crew})).await;
        assert_eq!(groups(place.login("eve", json!({})).await), ["crew"]);
        // Whoever is inactive accepts nothing.
        let bob = place.push.users().post(json!({"userName": "bob", "externalId": "bob", "active": false})).await.status(201).id();
        let waiting = invite(json!({"address": "bob@acme.example", "group": place.crew})).await.id();
        place.login("bob", json!({})).await.problem(403, "inactive");
        let listed = place.admin.admin("/invitations").list("").await.status(200);
        let state = listed["invitations"].as_array().expect("all").iter().find(|it| it["id"] == json!(waiting)).map(|it| it["state"].clone());
        assert_eq!(state, Some(json!("pending")));
        assert_eq!(place.admin.users().get(&bob).await.status(200)["active"], false);
        place.verified().await;
    }

    async fn teams_are_created_by_claims_only_where_they_may_and_up_to_the_cap(database: Database) {
        let place = Place::on(database, json!({})).await;
        place.admin.organizations().post(json!({"slug": "moby"})).await.status(201);
        place.settings(json!({"organizations": ["moby"]})).await;
        let named = |n: usize| (1..=n).map(|it| format!("moby:t{it:02}")).collect::<Vec<_>>();
        let first = place.login("ada", json!({"groups": named(3)})).await;
        assert_eq!(groups(first), [""; 0], "off unless the connection says so");
        place.settings(json!({"groups": {"create": "pattern", "createCap": 2, "scope": {"pattern": "^moby:"}}})).await;
        let token = place.token("ada", json!({"groups": named(3)}));
        assert_eq!(groups(place.present(&token).await), ["moby:t01", "moby:t02"]);
        // Once for the sign-in, and a replay makes neither the third nor another event.
        let before = place.world.events(&place.tenant).await;
        let capped = before.iter().filter(|event| event["kind"] == "connection.teams_capped").count();
        assert_eq!(groups(place.present(&token).await), ["moby:t01", "moby:t02"]);
        assert_eq!((capped, place.world.events(&place.tenant).await), (1, before));
        assert_eq!(groups(place.login("ada", json!({"groups": named(3)})).await), named(3), "the next one goes on");
        assert_eq!(groups(place.login("ada", json!({"groups": ["whale:t1", "plain", "moby:t01"]})).await), ["moby:t01"]);
        place.verified().await;
    }
}

// ------------------------------------------------------------------------------------------------ a push meets a sign-in

both_engines! {
    async fn a_push_deletes_whom_it_signed_in_and_nobody_pushes(database: Database) {
        let place = Place::on(database, json!({})).await;
        let id = |reply: &Reply| reply["user"]["id"].as_str().expect("an id").to_owned();
        // Nothing else speaks of her: she goes, and a sign-in does not bring her back.
        let zoe = id(&place.login("zoe", json!({"groups": ["staff"]})).await.status(200));
        place.push.users().delete(&zoe).await.status(204);
        place.admin.users().get(&zoe).await.status(404);
        place.login("zoe", json!({})).await.problem(403, "tombstoned");
        // Entered by an administrator: what the connection said of her ends, and she stays.
        let ann = json!({"userName": "ann", "emails": [{"value": "ann@acme.example"}]});
        let ann = place.admin.users().post(ann).await.status(201).id();
        assert_eq!(groups(place.login("ann", json!({"groups": ["crew"]})).await), ["crew"]);
        place.push.users().delete(&ann).await.status(204);
        place.push.users().delete(&ann).await.scim_error(404, "");
        let stays = place.admin.users().get(&ann).await.status(200);
        assert_eq!((&stays["userName"], &stays["active"], &stays["groups"]), (&json!("ann"), &json!(true), &Value::Null));
        let links = place.admin.admin(&format!("/people/{ann}/links")).list("").await.status(200);
        assert_eq!(links["links"], json!([]));
        assert_eq!(id(&place.login("ann", json!({})).await.status(200)), ann, "she may sign in again");
        place.verified().await;
    }

    async fn adding_whom_it_signed_in_claims_them(database: Database) {
        let place = Place::on(database, json!({})).await;
        let zoe = place.login("zoe", json!({"groups": ["staff"]})).await.status(200);
        let zoe = zoe["user"]["id"].as_str().expect("an id");
        let add = json!([{"op": "add", "path": "members", "value": [{"value": zoe}]}]);
        place.push.groups().patch(&place.crew, add).await.status(204);
        let events = place.world.events(&place.tenant).await;
        assert!(events.iter().any(|event| event["kind"] == "record.claimed" && event["resource"] == zoe));
        let listed = place.push.users().get(zoe).await.status(200);
        assert_eq!((&listed["groups"][0]["display"], listed["groups"].as_array().map(Vec::len)), (&json!("crew"), Some(1)));
        assert_eq!(groups(place.login("zoe", json!({"groups": ["staff"]})).await), ["crew", "staff"]);
        // And now it rules her life.
        let off = json!([{"op": "replace", "path": "active", "value": false}]);
        place.push.users().patch(zoe, off).await.status(200);
        place.login("zoe", json!({})).await.problem(403, "inactive");
        place.verified().await;
    }

    async fn a_whole_list_ends_older_claims_of_whom_the_push_knew(database: Database) {
        let place = Place::on(database, json!({})).await;
        let ada = place.push.users().post(json!({"userName": "ada", "externalId": "ada"})).await.status(201).id();
        for who in ["ada", "zoe"] {
            assert_eq!(groups(place.login(who, json!({"groups": ["crew"]})).await), ["crew"]);
        }
        place.world.clock.advance(MINUTE);
        let version = place.push.groups().get(&place.crew).await.status(200).etag();
        // An equal list: no version moves, and the claim of whom it knows ends. Of a stranger it has said nothing.
        let list = json!({"displayName": "crew", "members": []});
        assert_eq!(place.push.groups().put(&place.crew, list).await.status(200).etag(), version);
        let members = place.admin.groups().get(&place.crew).await.status(200);
        assert_eq!(members["members"].as_array().map(Vec::len), Some(1));
        assert_ne!(members["members"][0]["value"], json!(ada));
        assert_eq!(groups(place.login("ada", json!({"groups": ["crew"]})).await), ["crew"], "a newer claim counts again");
        place.verified().await;
    }
}
