//! Changing IdPs: a successor is rehearsed and declared, claims the people of its predecessor one by one, and switching the
//! old application off locks nobody out.
//!
//! The default number of people keeps the test short. The full number:
//! `ROLLKEEPER_TEST_PEOPLE=10000 cargo nextest run --cargo-profile release -E 'test(succession::a_company)'`; its time grows with
//! the number of people and not faster.

use axum::http::Method;
use rollkeeper::auth::egress::{Egress, EgressPolicy};
use rollkeeper::auth::jwks::Jwks;
use rollkeeper::auth::token::Scope;
use rollkeeper::directory::{Rehearsal, Succession};
use rollkeeper::jit::claims::Statement;
use rollkeeper::jit::login::Logins;
use serde_json::{Value, json};

use crate::support::roll::{MINUTE, Roll, outcome};
use crate::support::{World, both_engines};

fn population() -> usize {
    std::env::var("ROLLKEEPER_TEST_PEOPLE").ok().and_then(|number| number.parse().ok()).unwrap_or(150)
}

fn from(predecessor: &str) -> Succession {
    Succession { predecessor: predecessor.to_owned(), domains: None }
}

async fn declared(roll: &Roll, declare: bool, limit: usize) -> Rehearsal {
    let page = (None, limit);
    roll.directory.succeed_connection(&roll.tenant, "new", &from("old"), declare, page).await.expect("it may succeed")
}

async fn sign_in(roll: &Roll, connection: &str, subject: &str, email: &str) -> Result<String, &'static str> {
    let keys = Jwks::new(Egress::new(EgressPolicy::default()), roll.clock.clone());
    let logins = Logins { directory: roll.directory.clone(), keys };
    let claims = json!({"email": email, "email_verified": true, "preferred_username": email});
    let Value::Object(claims) = claims else { unreachable!("an object") };
    let stamp = roll.clock.now();
    let evidence = format!("{connection} {subject} {stamp}");
    let statement = Statement { subject: subject.to_owned(), stamp, claims, evidence };
    let answer = logins.present(&roll.tenant, connection, &statement, None, false).await;
    answer.map(|answer| answer.user.id).map_err(|refused| refused.code)
}

fn user(n: usize, external_id: &str) -> Value {
    json!({"userName": format!("p{n:05}@acme.example"), "externalId": format!("{external_id}{n}"), "active": true})
}

both_engines! {
    async fn a_company_changes_its_idp_and_nobody_is_locked_out(database: Database) {
        let roll = Roll::open(database).await;
        let old = roll.connection("old", json!({"domains": ["acme.example"]})).await;
        let new = roll.connection("new", json!({})).await;
        let of = population();
        let mut people = Vec::with_capacity(of);
        for n in 0..of {
            people.push(roll.push(&old).post("User", user(n, "o")).await.expect("pushed").id);
        }
        let first = sign_in(&roll, &old, "o-0", "p00000@acme.example").await.expect("signed in");
        assert_eq!(first, people[0]);
        let stranger = roll.push(&old).post("User", json!({"userName": "guest@else.example"})).await.expect("pushed").id;
        roll.protect(&people[1]).await;

        let rehearsed = declared(&roll, false, 2).await;
        assert_eq!((rehearsed.people, rehearsed.matching, rehearsed.guarded, rehearsed.outside), (of + 1, of - 1, 1, 1));
        assert_eq!((rehearsed.page.len(), rehearsed.declared), (2, false));
        let before = outcome(&roll.push(&new).post("User", user(0, "n")).await);
        assert_eq!(before, "409 uniqueness", "a rehearsal declares nothing");
        assert_eq!(declared(&roll, true, 0).await.matching, of - 1);
        roll.verified().await;

        // It finds them as IdPs do before they create, and claims them: the same ids.
        roll.clock.advance(MINUTE);
        let found = roll.push(&new).ids("User", "userName eq \"p00002@acme.example\"").await.expect("a list");
        assert_eq!(found, [people[2].clone()]);
        roll.push(&new).put("User", &people[2], user(2, "n")).await.expect("claimed by its first write");
        for n in (0..of).filter(|n| ![1, 2].contains(n)) {
            let claimed = roll.push(&new).post("User", user(n, "n")).await.expect("claimed");
            assert_eq!(claimed.id, people[n]);
        }
        assert_eq!(outcome(&roll.push(&new).post("User", user(1, "n")).await), "409 uniqueness", "protected");
        let left = declared(&roll, false, 10).await;
        assert_eq!((left.people, left.matching, left.guarded, left.outside), (2, 0, 1, 1));
        roll.verified().await;

        // The old application is switched off: it deletes and deactivates what it still knows.
        let gone = roll.push(&old).patch("User", &people[3], json!({"op": "replace", "path": "active", "value": false})).await;
        assert_eq!((outcome(&gone), outcome(&roll.push(&old).delete("User", &people[0]).await)), ("404".into(), "404".into()));
        assert_eq!(outcome(&roll.push(&old).post("User", user(0, "o")).await), "409 uniqueness");
        assert_eq!(sign_in(&roll, &old, "o-0", "p00000@acme.example").await, Err("account_exists_unlinked"));
        assert_eq!(sign_in(&roll, &new, "n-0", "p00000@acme.example").await, Ok(people[0].clone()));
        let all = roll.reader().everything("User").await;
        assert!(all.iter().all(|user| user.active == Some(true)));
        roll.push(&old).delete("User", &stranger).await.expect("its own until the end");
        roll.verified().await;
    }

    async fn groups_go_over_as_the_successor_names_them(database: Database) {
        let roll = Roll::open(database).await;
        let old = roll.connection("old", json!({"domains": ["acme.example"]})).await;
        let new = roll.connection("new", json!({"groups": {"scope": {"pattern": "^[^_]"}}})).await;
        let mut people = Vec::new();
        for n in 0..3 {
            people.push(roll.push(&old).post("User", user(n, "o")).await.expect("pushed").id);
        }
        let list = |ids: &[String]| ids.iter().map(|id| json!({"value": id})).collect::<Vec<_>>();
        let mut groups = Vec::new();
        for name in ["crew", "staff", "bosses", "_hidden"] {
            let body = json!({"displayName": name, "externalId": format!("o-{name}"), "members": list(&people)});
            groups.push(roll.push(&old).post("Group", body).await.expect("a group").id);
        }
        let cy = roll.administrator().post("User", json!({"userName": "cy"})).await.expect("entered").id;
        roll.directory.grant(&roll.tenant, &cy, &groups[0], None).await.expect("granted");
        roll.directory.privilege(&roll.tenant, &groups[2], true).await.expect("privileged");
        let hidden = async |group: &String| outcome(&roll.push(&new).get("Group", group).await);
        assert_eq!(hidden(&groups[0]).await, "404", "nothing is declared yet");
        assert_eq!(declared(&roll, false, 0).await.groups, 2);
        declared(&roll, true, 0).await;
        roll.clock.advance(MINUTE);
        for n in 0..2 {
            roll.push(&new).post("User", user(n, "n")).await.expect("claimed");
        }

        // It finds them as IdPs do before they create, without a member and without the other's externalId.
        let push = roll.push(&new);
        assert_eq!(push.ids("Group", "displayName eq \"CREW\"").await.expect("a list"), [groups[0].clone()]);
        let seen = push.get("Group", &groups[0]).await.expect("in sight");
        assert_eq!((seen.external_id, seen.members.map(|members| members.len())), (None, Some(0)));
        assert_eq!(hidden(&groups[2]).await, "404", "privileged");
        assert_eq!(outcome(&push.delete("Group", &groups[0]).await), "404", "it ends what is its own");
        // By a POST of the same name: the same id, and members by its words and the administrator's.
        let body = json!({"displayName": "crew", "externalId": "n-crew", "members": list(&people[..1])});
        let (taken, events) = roll.events_of(push.post("Group", body)).await;
        let taken = taken.expect("taken over");
        assert_eq!((&taken.id, taken.external_id.as_deref()), (&groups[0], Some("n-crew")));
        assert!(events.contains(&format!("group.taken_over {} {new}", groups[0])), "{events:#?}");
        assert!(events.contains(&format!("membership.removed {} {}", people[2], groups[0])), "{events:#?}");
        let mut members = roll.reader().members(&groups[0]).await;
        members.sort();
        let mut expected = [people[0].clone(), cy];
        expected.sort();
        assert_eq!(members, expected);
        // By its first write to one that it found.
        let add = json!({"op": "add", "path": "members", "value": list(&people[1..])});
        push.patch("Group", &groups[1], add).await.expect("taken over");
        assert_eq!(push.get("Group", &groups[1]).await.expect("its own").external_id, None);
        let mut members = roll.reader().members(&groups[1]).await;
        members.sort();
        let mut expected = people[1..].to_vec();
        expected.sort();
        assert_eq!(members, expected, "whoever it adds, it claims");
        // A privileged group is nobody's to take over: one of its own, and a row in the queue.
        let own = push.post("Group", json!({"displayName": "bosses"})).await.expect("a group of its own").id;
        assert_ne!(own, groups[2]);
        assert_eq!(roll.conflicts().await, ["group_name_taken"]);
        assert_eq!(outcome(&push.post("Group", json!({"displayName": "_hidden"})).await), "403");
        roll.verified().await;

        // The predecessor has lost what went over, and keeps the rest until it is withdrawn.
        let rename = json!({"op": "replace", "path": "displayName", "value": "mine"});
        assert_eq!(outcome(&roll.push(&old).patch("Group", &groups[0], rename).await), "404");
        assert_eq!(outcome(&roll.push(&old).delete("Group", &groups[1]).await), "404");
        assert_eq!(outcome(&roll.push(&old).post("Group", json!({"displayName": "Crew"})).await), "409 uniqueness");
        assert_eq!(roll.push(&old).everything("Group").await.len(), 2);
        assert_eq!(declared(&roll, false, 0).await.groups, 0);
        roll.verified().await;
    }

    async fn whom_the_old_application_deletes_on_its_way_out_the_hold_keeps_for_the_new_one(database: Database) {
        let roll = Roll::open(database).await;
        let settings = json!({"domains": ["acme.example"], "hold": {"count": 1, "percent": 1}});
        let old = roll.connection("old", settings).await;
        let new = roll.connection("new", json!({})).await;
        let mut people = Vec::new();
        for n in 0..4 {
            people.push(roll.push(&old).post("User", user(n, "o")).await.expect("pushed").id);
        }
        declared(&roll, true, 0).await;
        roll.clock.advance(MINUTE);
        for person in &people {
            roll.push(&old).delete("User", person).await.expect("answered as always");
        }
        assert_eq!(roll.reader().everything("User").await.len(), 3, "one is within the budget");
        for (n, person) in people.iter().enumerate() {
            let claimed = roll.push(&new).post("User", user(n, "n")).await.expect("pushed").id;
            assert_eq!(claimed == *person, n > 0, "{n}");
        }
        let hold = roll.directory.holds(&roll.tenant).await.expect("read").remove(0);
        assert_eq!((hold.state.as_str(), hold.deactivations), ("restored", 0));
        roll.verified().await;
    }

    async fn a_first_sign_in_through_the_successor_claims_too(database: Database) {
        let roll = Roll::open(database).await;
        let shared = json!({"anchor": {"claim": "oid", "namespace": "acme"}});
        let old = roll.connection("old", json!({"domains": ["acme.example"], "anchor": shared["anchor"]})).await;
        let new = roll.connection("new", shared).await;
        let ana = roll.push(&old).post("User", user(7, "o")).await.expect("pushed").id;
        let crew = roll.push(&old).post("Group", json!({"displayName": "crew", "members": [{"value": ana}]})).await;
        let crew = crew.expect("a group").id;
        assert_eq!(sign_in(&roll, &new, "n-7", "p00007@acme.example").await, Err("account_exists_unlinked"));
        declared(&roll, true, 0).await;
        roll.clock.advance(MINUTE);
        let (joined, events) = roll.events_of(sign_in(&roll, &new, "n-7", "p00007@acme.example")).await;
        assert_eq!(joined, Ok(ana.clone()));
        assert!(events.contains(&format!("record.succeeded {ana} {old}")), "{events:#?}");
        assert_eq!(roll.reader().members(&crew).await, [""; 0], "what the old one listed ends with its record");
        // The anchor that both know does not lead the old one back to her.
        assert_eq!(outcome(&roll.push(&old).post("User", user(7, "o")).await), "409 uniqueness");
        let adopted = roll.push(&new).post("User", user(7, "o")).await.expect("adopted by the anchor");
        assert_eq!((adopted.id, adopted.active), (ana, Some(true)));
        roll.verified().await;
    }
}

#[tokio::test]
async fn a_succession_is_declared_over_http() {
    let world = World::sqlite().await;
    let acme = world.tenant("acme").await;
    let admin = world.client(&acme, Scope::Admin).await;
    let push = world.client(&acme, Scope::Scim).await;
    let connections = admin.admin("/connections");
    connections.call(Method::PATCH, "/default").json(json!({"domains": ["acme.example"]})).await.status(200);
    push.users().post(json!({"userName": "ana@acme.example"})).await.status(201);
    connections.post(json!({"name": "new"})).await.status(201);
    let call = |body: Value| connections.call(Method::POST, "/new/succeed").json(body);
    let rehearsed = call(json!({"predecessor": "default", "preview": true})).await.status(200);
    assert_eq!((&rehearsed["matching"], &rehearsed["page"][0]["verdict"]), (&json!(1), &json!("matching")));
    assert_eq!(connections.get("new").await.status(200)["domains"], json!([]));
    let none = call(json!({"predecessor": "default", "domains": ["else.example"]})).await;
    none.problem(400, "invalid_value");
    assert_eq!(call(json!({"predecessor": "default"})).await.status(200)["declared"], true);
    assert_eq!(connections.get("new").await.status(200)["domains"], json!(["acme.example"]));
    assert_eq!(connections.get("default").await.status(200)["domains"], json!([]));
    call(json!({"predecessor": "new"})).await.problem(400, "invalid_value");
    call(json!({"predecessor": "none"})).await.problem(400, "invalid_value");
    let back = connections.call(Method::POST, "/default/succeed").json(json!({"predecessor": "new"})).await;
    back.problem(400, "invalid_value");
    assert_eq!(world.directory.verify(None).await.expect("verify runs"), []);
}
