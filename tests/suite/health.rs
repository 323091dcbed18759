//! How a connection is: the anchor doctor, group lists that stop coming, and drift with what one call does about it.

use axum::http::Method;
use rollkeeper::auth::egress::{Egress, EgressPolicy};
use rollkeeper::auth::jwks::Jwks;
use rollkeeper::auth::token::Scope;
use rollkeeper::jit::claims::Statement;
use rollkeeper::jit::login::Logins;
use serde_json::{Value, json};

use crate::support::{Client, Database, World, both_engines};

struct Place {
    world: World,
    admin: Client,
    push: Client,
    tenant: String,
    connection: String,
}

impl Place {
    async fn on(database: Database) -> Self {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let admin = world.client(&acme, Scope::Admin).await;
        let push = world.client(&acme, Scope::Scim).await;
        let rules =
            json!({"rules": {"anchor": {"claim": "oid"}, "join": {"claims": ["email"]}}, "domains": ["acme.example"]});
        let connection = admin.admin("/connections").call(Method::PATCH, "/default").json(rules).await.status(200).id();
        Self { tenant: acme.info.id.clone(), world, admin, push, connection }
    }

    async fn signs_in(&self, name: &str, claims: Value) {
        self.world.clock.advance(1000);
        let keys = Jwks::new(Egress::new(EgressPolicy::default()), self.world.clock.clone());
        let logins = Logins { directory: self.world.directory.clone(), keys };
        let mut all = json!({"oid": format!("oid-{name}"), "email": format!("{name}@acme.example")});
        let Value::Object(more) = claims else { unreachable!("an object") };
        all.as_object_mut().expect("an object").extend(more);
        let Value::Object(claims) = all else { unreachable!("an object") };
        let stamp = self.world.clock.now();
        let statement =
            Statement { subject: format!("sub-{name}"), stamp, claims, evidence: format!("{name} {stamp}") };
        let answer = logins.present(&self.tenant, &self.connection, &statement, None, false).await;
        answer.unwrap_or_else(|refused| panic!("{name}: {}", refused.code));
    }

    async fn health(&self) -> Value {
        self.admin.admin("/connections/default/health").list("").await.status(200).body
    }

    async fn drift(&self, query: &str) -> Value {
        self.admin.admin("/connections/default/drift").list(query).await.status(200).body
    }

    async fn settle(&self, body: Value) -> crate::support::Reply {
        self.admin.admin("/connections/default/drift/resolve").post(body).await
    }
}

both_engines! {
    async fn the_anchor_doctor_names_what_matches_instead(database: Database) {
        let place = Place::on(database).await;
        assert_eq!(place.health().await["anchors"]["sentence"], "nobody is both pushed and signed in yet");
        for name in ["ana", "bo", "cem"] {
            let user = json!({"userName": format!("{name}@acme.example"), "externalId": name,
                              "emails": [{"value": format!("{name}@acme.example")}]});
            place.push.users().post(user).await.status(201);
            place.signs_in(name, json!({})).await;
        }
        let health = place.health().await;
        let sentence = "0 of 3 people who are pushed and signed in match `oid`; 3 match `mailNickname`";
        assert_eq!(health["anchors"]["sentence"], sentence);
        assert_eq!(health["anchors"]["instead"], json!([{"name": "mailNickname", "matching": 3}]));
        assert_eq!((&health["pushed"], &health["signedIn"], &health["state"]), (&json!(3), &json!(3), &json!("on")));
        assert!(health["lastLogin"].is_string() && health["lastPush"].is_string());

        // The advice is followed: the push sends the right externalId, and the next sign-in proves it.
        let ana = place.admin.users().filter("userName eq \"ana@acme.example\"").await["Resources"][0]["id"].clone();
        let operation = json!([{"op": "replace", "path": "externalId", "value": "oid-ana"}]);
        place.push.users().patch(ana.as_str().expect("an id"), operation).await.status(200);
        place.signs_in("ana", json!({})).await;
        assert_eq!(place.health().await["anchors"]["matching"], 1);
        assert_eq!(place.world.directory.verify(None).await.expect("verify runs"), []);
    }

    async fn lists_that_stop_coming_are_an_alarm(database: Database) {
        let place = Place::on(database).await;
        place.signs_in("ana", json!({"groups": ["staff"]})).await;
        place.signs_in("bo", json!({"groups": ["staff"]})).await;
        assert_eq!(place.health().await["lists"], json!({"links": 2, "cutOff": 0, "missing": 0, "alarm": false}));
        place.signs_in("ana", json!({"_claim_names": {"groups": "elsewhere"}})).await;
        assert_eq!(place.health().await["lists"], json!({"links": 2, "cutOff": 1, "missing": 1, "alarm": true}));
    }

    async fn drift_is_listed_and_each_settled_in_one_call(database: Database) {
        let place = Place::on(database).await;
        let user = json!({"userName": "ana@acme.example", "externalId": "oid-ana", "displayName": "Ana Pushed"});
        let ana = place.push.users().post(user).await.status(201).id();
        let crew = place.push.groups().post(json!({"displayName": "crew", "members": [{"value": ana}]})).await.status(201).id();
        place.signs_in("ana", json!({"name": "Ana Claimed", "groups": ["crew", "elsewhere"]})).await;
        place.signs_in("bo", json!({"groups": ["nowhere"]})).await;
        let remove = json!([{"op": "remove", "path": format!("members[value eq \"{ana}\"]")}]);
        place.push.groups().patch(&crew, remove).await.status(204);

        let page = place.drift("").await;
        assert_eq!(page["people"], 2);
        let of = |kind: &str| -> Vec<Value> {
            page["drift"].as_array().expect("a list").iter().filter(|it| it["kind"] == kind).cloned().collect()
        };
        let login = format!("login:{}", place.connection);
        let attributes: Vec<Value> = of("attribute").into_iter().filter(|it| it["attribute"] == "displayName").collect();
        assert_eq!((attributes.len(), &attributes[0]["source"]), (1, &json!(login)));
        assert_eq!((of("removed").len(), &of("removed")[0]["group"]), (1, &json!({"id": crew, "name": "crew"})));
        let unmapped: Vec<Value> = of("unmapped").iter().map(|it| it["value"].clone()).collect();
        assert_eq!(unmapped, [json!("elsewhere"), json!("nowhere")]);
        let first = place.drift("limit=1").await;
        let rest = place.drift(&format!("after={}", first["next"].as_str().expect("there is more"))).await;
        let both: Vec<Value> =
            [&first, &rest].iter().flat_map(|page| page["drift"].as_array().cloned().unwrap_or_default()).collect();
        assert_eq!((json!(both), &rest["next"]), (page["drift"].clone(), &Value::Null));

        place.settle(json!({"person": ana, "resolution": "lock", "attribute": "displayName", "source": login})).await.status(204);
        assert_eq!(place.admin.users().get(&ana).await.status(200)["displayName"], "Ana Claimed");
        place.settle(json!({"person": ana, "resolution": "claims", "group": crew})).await.status(204);
        let members = place.admin.groups().get(&crew).await.status(200)["members"].clone();
        assert_eq!(members[0]["value"], json!(ana), "the claim decides again");
        place.settle(json!({"person": ana, "resolution": "claims", "group": crew})).await.problem(404, "not_found");
        place.settle(json!({"person": ana, "resolution": "deny", "group": crew})).await.status(204);
        place.settle(json!({"person": ana, "resolution": "lock", "group": crew})).await.problem(400, "invalid_value");
        let nothing = json!({"person": ana, "resolution": "lock", "attribute": "title", "source": login});
        place.settle(nothing).await.problem(404, "not_found");
        assert_eq!(place.world.directory.verify(None).await.expect("verify runs"), []);
    }
}
