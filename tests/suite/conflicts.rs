//! The conflict queue as an administrator works it off: each story is refused first, settled with one call, and then goes
//! through. Over HTTP, on both engines.

use rollkeeper::auth::signing::SigningKey;
use rollkeeper::auth::token::Scope;
use serde_json::{Value, json};

use crate::support::{Client, Reply, World, both_engines};

/// 2026-11-24T02:00:00Z, when the world's clock starts.
const NOW: i64 = 1_795_485_600;

/// A tenant with two identity providers: `okta` has acme.example, `entra` has whale.example.
struct Place {
    world: World,
    tenant: String,
    key: SigningKey,
    admin: Client,
    okta: Client,
    entra: Client,
    app: Client,
}

impl Place {
    async fn on(database: crate::support::Database) -> Self {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let admin = world.client(&acme, Scope::Admin).await;
        let key = SigningKey::generate().expect("the machine makes keys");
        for (name, domain) in [("okta", "acme.example"), ("entra", "whale.example")] {
            let rules = json!({
                "issuer": format!("https://{name}.test"), "clientIds": ["app"], "algs": ["ES256"], "jwks": key.jwks(),
                "domains": [domain],
            });
            admin.admin("/connections").post(json!({"name": name, "rules": rules})).await.status(201);
        }
        let token = |scope: &'static str, connections: Value| {
            let call = admin.admin("/tokens").post(json!({"scope": scope, "connections": connections}));
            async { call.await.status(201)["token"].as_str().expect("a secret").to_owned() }
        };
        let okta = acme.client(Some(&token("scim", json!(["okta"])).await));
        let entra = acme.client(Some(&token("scim", json!(["entra"])).await));
        let app = acme.client(Some(&token("jit.login", json!(["okta", "entra"])).await));
        for (push, name) in [(&okta, "first@acme.example"), (&entra, "first@whale.example")] {
            push.users().post(json!({"userName": name, "externalId": name})).await.status(201);
        }
        Self { tenant: acme.info.id.clone(), world, key, admin, okta, entra, app }
    }

    async fn login(&self, connection: &str, subject: &str, claims: Value) -> Reply {
        let mut all = json!({
            "iss": format!("https://{connection}.test"), "aud": "app", "sub": subject, "nonce": "n1",
            "iat": NOW, "exp": NOW + 300,
        });
        for (name, value) in claims.as_object().expect("claims") {
            all[name] = value.clone();
        }
        let token = self.key.sign(&all).expect("the machine signs");
        let evidence = json!({"type": "oidc_id_token", "id_token": token, "nonce": "n1"});
        self.app.logins().post(json!({"connection": connection, "evidence": evidence})).await
    }

    async fn enter(&self, body: Value) -> String {
        self.admin.users().post(body).await.status(201).id()
    }

    /// The only conflict that is open.
    async fn open(&self) -> Value {
        let page = self.admin.admin("/conflicts").list("state=open").await.status(200);
        assert_eq!(page["totalResults"], 1, "{}", page.body);
        page["conflicts"][0].clone()
    }

    async fn resolve(&self, conflict: &Value, resolution: Value) -> Reply {
        let id = conflict["id"].as_str().expect("an id");
        self.admin.admin(&format!("/conflicts/{id}/resolve")).post(resolution).await
    }

    async fn verified(&self) {
        let differences = self.world.directory.verify(Some(&self.tenant)).await.expect("verify runs");
        assert!(differences.is_empty(), "{differences:#?}");
        let open = self.admin.admin("/conflicts").list("state=open").await.status(200);
        assert_eq!(open["totalResults"], 0, "{}", open.body);
    }
}

fn refused(reply: Reply) -> Reply {
    reply.scim_error(409, "uniqueness")
}

// ------------------------------------------------------------------------------------------------ refused logins

both_engines! {
    async fn an_address_alone_links_nobody_and_an_administrator_binds(database: Database) {
        let place = Place::on(database).await;
        // Entered by hand with an address in nobody's domain.
        let ada = place.enter(json!({"userName": "ada", "emails": [{"value": "ada@nowhere.example"}]})).await;
        let claims = json!({"email": "ada@nowhere.example", "email_verified": true, "preferred_username": "countess"});
        let refusal = place.login("okta", "s-ada", claims.clone()).await.problem(403, "account_exists_unlinked");
        place.login("okta", "s-ada", claims.clone()).await.problem(403, "account_exists_unlinked");

        let conflict = place.open().await;
        assert_eq!((&conflict["side"], &conflict["code"]), (&json!("login"), &json!("account_exists_unlinked")));
        assert_eq!((&conflict["connection"]["name"], &conflict["decisionId"]), (&json!("okta"), &refusal["decisionId"]));
        let candidate = &conflict["candidates"][0];
        assert_eq!((&candidate["id"], &candidate["by"], &candidate["userName"]), (&json!(ada), &json!(["email"]), &json!("ada")));
        assert_eq!(conflict["actions"], json!(["bind", "keep_apart", "dismiss"]));

        let settled = place.resolve(&conflict, json!({"action": "bind"})).await.status(200);
        assert_eq!((&settled["state"], &settled["settled"]), (&json!("bound"), &json!(ada)));
        let answer = place.login("okta", "s-ada", claims.clone()).await.status(200);
        assert_eq!((&answer["user"]["id"], &answer["linked"], &answer["adopted"]), (&json!(ada), &json!(true), &json!(true)));
        let again = place.login("okta", "s-ada", claims).await.status(200);
        assert_eq!((&again["user"]["id"], &again["changes"]), (&json!(ada), &json!([])));
        place.resolve(&conflict, json!({"action": "dismiss"})).await.problem(409, "conflict");
        place.verified().await;
    }

    async fn two_people_with_one_address_are_kept_apart(database: Database) {
        let place = Place::on(database).await;
        let ada = place.enter(json!({"userName": "ada", "emails": [{"value": "office@nowhere.example"}]})).await;
        let claims = json!({"email": "office@nowhere.example", "email_verified": true, "preferred_username": "grace"});
        place.login("okta", "s-grace", claims.clone()).await.problem(403, "account_exists_unlinked");
        let conflict = place.open().await;
        place.resolve(&conflict, json!({"action": "keep_apart"})).await.status(200);
        let answer = place.login("okta", "s-grace", claims.clone()).await.status(200);
        assert_eq!(answer["created"], true);
        assert_ne!(answer["user"]["id"], json!(ada));
        assert_eq!(place.login("okta", "s-grace", claims).await.status(200)["created"], false);
        place.verified().await;
    }

    async fn a_name_that_somebody_else_holds_is_given_away(database: Database) {
        let place = Place::on(database).await;
        let old = place.enter(json!({"userName": "ada", "title": "Countess"})).await;
        let claims = json!({"preferred_username": "Ada"});
        place.login("okta", "s-new", claims.clone()).await.problem(403, "account_exists_unlinked");
        let conflict = place.open().await;
        assert_eq!(conflict["candidates"][0]["by"], json!(["userName"]));
        // Both cannot be there under one name.
        place.resolve(&conflict, json!({"action": "keep_apart"})).await.problem(409, "conflict");
        for (resolution, code) in [
            (json!({"action": "rename"}), 400),
            (json!({"action": "rename", "userName": " "}), 400),
            (json!({"action": "rename", "userName": "first@acme.example"}), 409),
        ] {
            place.resolve(&conflict, resolution).await.status(code);
        }
        place.resolve(&conflict, json!({"action": "rename", "userName": "ada.old"})).await.status(200);
        assert_eq!(place.admin.users().get(&old).await.status(200)["userName"], "ada.old");
        let answer = place.login("okta", "s-new", claims).await.status(200);
        assert_eq!((&answer["created"], &answer["user"]["userName"]), (&json!(true), &json!("Ada")));
        place.verified().await;
    }

    async fn of_several_accounts_one_is_bound(database: Database) {
        let place = Place::on(database).await;
        let address = json!([{"value": "team@acme.example"}]);
        let one = place.enter(json!({"userName": "one", "emails": address})).await;
        let two = place.enter(json!({"userName": "two", "emails": address})).await;
        let claims = json!({"email": "team@acme.example", "email_verified": true, "preferred_username": "three"});
        place.login("okta", "s-1", claims.clone()).await.problem(403, "ambiguous_account");
        let conflict = place.open().await;
        let ids: Vec<&Value> = conflict["candidates"].as_array().expect("candidates").iter().map(|it| &it["id"]).collect();
        assert_eq!(ids, [&json!(one), &json!(two)]);
        place.resolve(&conflict, json!({"action": "bind"})).await.problem(400, "invalid_value");
        place.resolve(&conflict, json!({"action": "bind", "person": "nobody"})).await.problem(404, "not_found");
        place.resolve(&conflict, json!({"action": "bind", "person": two})).await.status(200);
        assert_eq!(place.login("okta", "s-1", claims).await.status(200)["user"]["id"], json!(two));
        place.verified().await;
    }

    async fn an_anchor_that_names_another_account_moves_the_link_only_by_an_administrator(database: Database) {
        let place = Place::on(database).await;
        let rules = json!({"rules": {"anchor": {"claim": "oid"}}});
        place.admin.admin("/connections").call(axum::http::Method::PATCH, "/okta").json(rules).await.status(200);
        let ada = place.okta.users().post(json!({"userName": "ada@acme.example", "externalId": "oid-a"})).await.status(201).id();
        let grace = place.okta.users().post(json!({"userName": "grace@acme.example", "externalId": "oid-g"})).await.status(201).id();
        let claims = |oid: &str| json!({"oid": oid, "preferred_username": "x@acme.example"});
        assert_eq!(place.login("okta", "s-1", claims("oid-a")).await.status(200)["user"]["id"], json!(ada));
        place.login("okta", "s-1", claims("oid-g")).await.problem(403, "identity_conflict");
        let conflict = place.open().await;
        let by: Vec<(&Value, &Value)> =
            conflict["candidates"].as_array().expect("two").iter().map(|it| (&it["id"], &it["by"])).collect();
        assert_eq!(by, [(&json!(ada), &json!(["subject"])), (&json!(grace), &json!(["anchor"]))]);
        place.resolve(&conflict, json!({"action": "bind", "person": grace})).await.status(200);
        let answer = place.login("okta", "s-1", claims("oid-g")).await.status(200);
        assert_eq!((&answer["user"]["id"], &answer["linked"]), (&json!(grace), &json!(true)));
        let left = place.admin.admin(&format!("/people/{ada}/links")).list("").await.status(200);
        assert_eq!(left["links"], json!([]));
        let events = place.world.events(&place.tenant).await;
        let moved: Vec<&Value> = events.iter().filter(|it| it["kind"] == "link.removed").collect();
        assert_eq!((&moved[0]["resource"], moved[0]["names"].as_array().map(Vec::len)), (&json!(ada), Some(1)));
        place.verified().await;
    }

    async fn a_protected_account_is_joined_by_an_administrators_word(database: Database) {
        let place = Place::on(database).await;
        let boss = place.enter(json!({"userName": "boss", "emails": [{"value": "boss@acme.example"}]})).await;
        place.admin.admin(&format!("/people/{boss}/protection")).call(axum::http::Method::PUT, "").await.status(204);
        let claims = json!({"email": "boss@acme.example", "email_verified": true, "preferred_username": "boss@acme.example"});
        place.login("okta", "s-boss", claims.clone()).await.problem(403, "policy_denied");
        let conflict = place.open().await;
        assert_eq!(conflict["candidates"][0]["protected"], true);
        place.resolve(&conflict, json!({"action": "bind"})).await.status(200);
        assert_eq!(place.login("okta", "s-boss", claims).await.status(200)["user"]["id"], json!(boss));
        place.verified().await;
    }
}

// ------------------------------------------------------------------------------------------------ refused pushes

both_engines! {
    async fn a_pushed_name_that_another_connection_holds_is_bound(database: Database) {
        let place = Place::on(database).await;
        let kay = place.entra.users().post(json!({"userName": "kay", "externalId": "e-kay"})).await.status(201).id();
        let body = json!({"userName": "kay", "externalId": "o-kay", "title": "Lady"});
        let refusal = refused(place.okta.users().post(body.clone()).await);
        refused(place.okta.users().post(body.clone()).await);
        let conflict = place.open().await;
        assert!(refusal["detail"].as_str().is_some_and(|it| it.contains(conflict["id"].as_str().expect("an id"))), "{}", refusal["detail"]);
        assert_eq!((&conflict["code"], &conflict["candidates"][0]["pushedBy"]), (&json!("user_name_taken"), &json!(["entra"])));
        // The name is entra's to change.
        place.resolve(&conflict, json!({"action": "rename", "userName": "kay2"})).await.problem(400, "mutability");
        place.resolve(&conflict, json!({"action": "bind"})).await.status(200);
        assert_eq!(place.okta.users().post(body.clone()).await.status(201).id(), kay);
        refused(place.okta.users().post(body).await);
        let records = place.admin.admin(&format!("/people/{kay}/links")).list("").await.status(200);
        assert_eq!(records["records"].as_array().map(Vec::len), Some(2));
        place.verified().await;
    }

    async fn a_pushed_name_in_anothers_domain_may_be_somebody_of_its_own(database: Database) {
        let place = Place::on(database).await;
        let body = json!({"userName": "guest@whale.example", "externalId": "o-guest"});
        refused(place.okta.users().post(body.clone()).await);
        let conflict = place.open().await;
        assert_eq!((&conflict["code"], &conflict["candidates"]), (&json!("user_name_reserved"), &json!([])));
        place.resolve(&conflict, json!({"action": "keep_apart"})).await.status(200);
        place.okta.users().post(body).await.status(201);
        place.verified().await;
    }

    async fn a_protected_account_is_claimed_by_an_administrators_word(database: Database) {
        let place = Place::on(database).await;
        let boss = place.enter(json!({"userName": "boss@acme.example"})).await;
        place.admin.admin(&format!("/people/{boss}/protection")).call(axum::http::Method::PUT, "").await.status(204);
        let body = json!({"userName": "boss@acme.example", "externalId": "o-boss"});
        refused(place.okta.users().post(body.clone()).await);
        let conflict = place.open().await;
        assert_eq!(conflict["code"], "guarded_account");
        place.resolve(&conflict, json!({"action": "bind"})).await.status(200);
        assert_eq!(place.okta.users().post(body).await.status(201).id(), boss);
        place.verified().await;
    }

    async fn two_of_one_address_are_told_apart(database: Database) {
        let place = Place::on(database).await;
        let address = json!([{"value": "team@acme.example"}]);
        for name in ["one@acme.example", "two@acme.example"] {
            place.enter(json!({"userName": name, "emails": address})).await;
        }
        let body = json!({"userName": "three@acme.example", "externalId": "o-3", "emails": address});
        refused(place.okta.users().post(body.clone()).await);
        let conflict = place.open().await;
        assert_eq!(conflict["code"], "ambiguous_account");
        place.resolve(&conflict, json!({"action": "keep_apart"})).await.status(200);
        place.okta.users().post(body).await.status(201);
        place.verified().await;
    }

    async fn what_was_dismissed_is_told_no_more_and_what_did_not_hold_is_told_again(database: Database) {
        let place = Place::on(database).await;
        place.entra.users().post(json!({"userName": "kay", "externalId": "e-kay"})).await.status(201);
        let body = json!({"userName": "kay", "externalId": "o-kay"});
        refused(place.okta.users().post(body.clone()).await);
        place.resolve(&place.open().await, json!({"action": "dismiss"})).await.status(200);
        refused(place.okta.users().post(body).await);
        place.verified().await;

        let other = json!({"userName": "kay", "externalId": "o-kay-2"});
        refused(place.okta.users().post(other.clone()).await);
        let conflict = place.open().await;
        let somebody = place.enter(json!({"userName": "somebody"})).await;
        place.resolve(&conflict, json!({"action": "bind", "person": somebody})).await.status(200);
        refused(place.okta.users().post(other).await);
        assert_eq!(place.open().await["id"], conflict["id"], "the name is still another's");
        place.resolve(&conflict, json!({"action": "dismiss"})).await.status(200);
        place.verified().await;
    }
}

both_engines! {
    async fn a_group_of_a_name_that_an_administrator_uses_is_a_second_one_and_the_queue_says_so(database: Database) {
        let place = Place::on(database).await;
        let ours = place.admin.groups().post(json!({"displayName": "staff"})).await.status(201).id();
        let ada = place.enter(json!({"userName": "ada"})).await;
        place.admin.admin(&format!("/people/{ada}/grants")).post(json!({"group": ours})).await.status(204);
        let theirs = place.okta.groups().post(json!({"displayName": "Staff", "externalId": "g1"})).await.status(201).id();
        assert_ne!(theirs, ours, "a grant is a word: nobody takes the group over");
        let conflict = place.open().await;
        let candidate = &conflict["candidates"][0];
        assert_eq!((&conflict["code"], &conflict["actions"]), (&json!("group_name_taken"), &json!(["rename", "dismiss"])));
        assert_eq!((&candidate["id"], &candidate["displayName"], &candidate["gone"]), (&json!(ours), &json!("staff"), &json!(false)));
        place.resolve(&conflict, json!({"action": "bind"})).await.problem(409, "conflict");
        // The push keeps the name of its own group; the administrator's is the administrator's to rename.
        let rename = |group: &str, name: Value| json!({"action": "rename", "group": group, "displayName": name});
        place.resolve(&conflict, json!({"action": "rename"})).await.problem(400, "invalid_value");
        place.resolve(&conflict, rename(&theirs, json!("other"))).await.problem(400, "mutability");
        place.resolve(&conflict, rename(&ours, json!(" "))).await.problem(400, "invalid_value");
        place.resolve(&conflict, rename("none", json!("other"))).await.problem(404, "not_found");
        let settled = place.resolve(&conflict, json!({"action": "rename", "displayName": "staff of ours"})).await.status(200);
        assert_eq!((&settled["state"], &settled["settled"]), (&json!("renamed"), &json!(ours)));
        assert_eq!(place.admin.groups().get(&ours).await.status(200)["displayName"], "staff of ours");
        let events = place.world.events(&place.tenant).await;
        assert_eq!(events.iter().filter(|event| event["kind"] == "conflict.resolved").count(), 1);
        place.verified().await;
    }

    async fn a_name_that_two_groups_have_is_settled_by_whoever_renames_one(database: Database) {
        let place = Place::on(database).await;
        for renames_its_own in [true, false] {
            let name = format!("crew {renames_its_own}");
            let ours = place.admin.groups().post(json!({"displayName": name})).await.status(201).id();
            let ada = place.enter(json!({"userName": format!("ada {renames_its_own}")})).await;
            let add = json!([{"op": "add", "path": "members", "value": [{"value": ada}]}]);
            place.admin.groups().patch(&ours, add).await.status(204);
            let theirs = place.okta.groups().post(json!({"displayName": name})).await.status(201).id();
            place.open().await;
            let rename = json!([{"op": "replace", "path": "displayName", "value": "another name"}]);
            if renames_its_own {
                place.okta.groups().patch(&theirs, rename).await.status(204);
            } else {
                place.admin.groups().patch(&ours, rename).await.status(204);
            }
            place.verified().await;
        }
    }

    async fn a_protected_member_is_bound_and_then_listed(database: Database) {
        let place = Place::on(database).await;
        let boss = place.enter(json!({"userName": "boss@acme.example"})).await;
        place.admin.admin(&format!("/people/{boss}/protection")).call(axum::http::Method::PUT, "").await.status(204);
        let crew = place.okta.groups().post(json!({"displayName": "crew"})).await.status(201).id();
        let add = json!([{"op": "add", "path": "members", "value": [{"value": boss}]}]);
        let refusal = place.okta.groups().patch(&crew, add.clone()).await.scim_error(400, "invalidValue");
        place.okta.groups().patch(&crew, add.clone()).await.scim_error(400, "invalidValue");
        let whole = json!({"displayName": "another crew", "members": [{"value": boss}]});
        place.okta.groups().post(whole).await.scim_error(400, "invalidValue");
        let conflict = place.open().await;
        assert!(refusal["detail"].as_str().is_some_and(|it| it.contains(conflict["id"].as_str().expect("an id"))), "{}", refusal["detail"]);
        assert_eq!((&conflict["code"], &conflict["actions"]), (&json!("guarded_account"), &json!(["bind", "dismiss"])));
        assert_eq!((&conflict["resource"], &conflict["candidates"][0]["protected"]), (&json!(boss), &json!(true)));
        place.resolve(&conflict, json!({"action": "bind"})).await.status(200);
        place.okta.groups().patch(&crew, add).await.status(204);
        let members = place.admin.groups().get(&crew).await.status(200);
        assert_eq!(members["members"][0]["value"], json!(boss));
        place.verified().await;

        // The administrator's word was about that one binding: gone and protected again, it is refused again.
        place.okta.users().delete(&boss).await.status(204);
        place.admin.users().post(json!({"userName": "boss@acme.example"})).await.status(201);
        place.admin.admin(&format!("/people/{boss}/protection")).call(axum::http::Method::PUT, "").await.status(204);
        let again = json!([{"op": "add", "path": "members", "value": [{"value": boss}]}]);
        place.okta.groups().patch(&crew, again).await.scim_error(400, "invalidValue");
        let conflict = place.open().await;
        place.resolve(&conflict, json!({"action": "dismiss"})).await.status(200);
        place.verified().await;
    }
}

// ------------------------------------------------------------------------------------------------ an administrator's binds

both_engines! {
    async fn an_administrator_links_a_subject_and_an_external_id(database: Database) {
        let place = Place::on(database).await;
        let ada = place.enter(json!({"userName": "ada"})).await;
        let grace = place.enter(json!({"userName": "grace"})).await;
        let links = place.admin.admin("/links");
        let body = json!({"connection": "okta", "person": ada, "subject": "s-ada"});
        let link = links.post(body.clone()).await.status(201).id();
        assert_eq!(links.post(body).await.status(201).id(), link, "again changes nothing");
        let other = json!({"connection": "okta", "person": grace, "subject": "s-ada"});
        links.post(other.clone()).await.problem(409, "uniqueness");
        let answer = place.login("okta", "s-ada", json!({"preferred_username": "whoever"})).await.status(200);
        assert_eq!((&answer["user"]["id"], &answer["created"]), (&json!(ada), &json!(false)));
        let listed = place.admin.admin(&format!("/people/{ada}/links")).list("").await.status(200);
        assert_eq!((&listed["links"][0]["id"], &listed["links"][0]["subject"]), (&json!(link), &json!("s-ada")));
        assert!(listed["links"][0]["lastLogin"].is_string());

        links.delete(&link).await.status(204);
        links.delete(&link).await.problem(404, "not_found");
        // What the subject's anchor named stays the account's: the next login finds it.
        assert_eq!(place.login("okta", "s-ada", json!({})).await.status(200)["user"]["id"], json!(ada));

        let bind = json!({"connection": "okta", "person": grace, "externalId": "o-grace"});
        links.post(bind).await.status(201);
        let pushed = place.okta.users().post(json!({"userName": "grace.h@acme.example", "externalId": "o-grace"})).await.status(201);
        assert_eq!(pushed.id(), grace);
        let taken = json!({"connection": "okta", "person": ada, "externalId": "o-grace"});
        links.post(taken).await.problem(409, "uniqueness");
        for wrong in [
            json!({"connection": "okta", "person": ada}),
            json!({"connection": "okta", "person": ada, "subject": "a", "externalId": "b"}),
            json!({"connection": "okta", "person": ada, "subject": ""}),
        ] {
            links.post(wrong).await.problem(400, "invalid_value");
        }
        links.post(json!({"connection": "none", "person": ada, "subject": "s"})).await.problem(404, "not_found");
        links.post(json!({"connection": "okta", "person": "none", "subject": "s"})).await.problem(404, "not_found");
        place.verified().await;
    }
}
