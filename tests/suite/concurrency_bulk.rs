//! Several bulks at once on PostgreSQL, about the same people and groups: nothing is lost, and no deadlock reaches a client.

use std::sync::Arc;
use std::time::Duration;

use rollkeeper::directory::{BulkJob, Processed, Wants};
use rollkeeper::scim::bulk::Plan;
use rollkeeper::scim::message::BulkRequest;
use rollkeeper::scim::resource_type::Registry;
use rollkeeper::store::Options;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::Database;
use crate::support::roll::{BASE, Roll, outcome};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const WORKERS: usize = 8;
const PEOPLE: usize = 12;
const GROUPS: usize = 4;

async fn send(roll: &Roll, connection: &str, operations: Vec<Value>) -> Vec<Processed> {
    let request = BulkRequest::read(&json!({ "Operations": operations }), 1_000).expect("a bulk request");
    let plan = Plan::of(request.operations, &Registry::builtin(), BASE.trim_end_matches('/'));
    let (wants, limit) = (|_: &_, _| Wants::default(), Duration::from_secs(600));
    let job = BulkJob { plan, fail_on_errors: None, wants, limit };
    roll.directory.bulk(&roll.push(connection).caller, job).await
}

fn patch(path: String, operation: Value) -> Value {
    json!({"method": "PATCH", "path": path, "data": {"Operations": [operation]}})
}

fn post(path: &str, bulk_id: String, data: Value) -> Value {
    json!({"method": "POST", "path": path, "bulkId": bulk_id, "data": data})
}

/// Every worker adds people to the same groups, each in another order, changes the same people, and makes a circle of two
/// groups, of two people who manage each other, with the same people in it.
fn work(worker: usize, people: &[String], groups: &[String]) -> Vec<Value> {
    let mut operations = Vec::new();
    for round in 0..PEOPLE {
        let person = &people[(round * 5 + worker * 7) % PEOPLE];
        let group = &groups[(round + worker) % GROUPS];
        let member = json!([{ "value": person }]);
        operations.push(patch(format!("/Groups/{group}"), json!({"op": "add", "path": "members", "value": member})));
        let title = format!("round {round} of {worker}");
        operations.push(patch(format!("/Users/{person}"), json!({"op": "add", "path": "title", "value": title})));
        let (a, b) = (format!("a{worker}-{round}"), format!("b{worker}-{round}"));
        let (one, two) = (&people[(round + worker) % PEOPLE], &people[(round * 3 + worker + 1) % PEOPLE]);
        let group = |own: &str, other: &str, members: [&String; 2]| {
            let members =
                json!([{ "value": format!("bulkId:{other}") }, { "value": members[0] }, { "value": members[1] }]);
            post("/Groups", own.to_owned(), json!({"displayName": own, "externalId": own, "members": members}))
        };
        operations.push(group(&a, &b, [one, two]));
        operations.push(group(&b, &a, [two, one]));
        let pair = |own: &str, other: &str| {
            let manager = json!({"manager": {"value": format!("bulkId:u{other}")}});
            post("/Users", format!("u{own}"), json!({"userName": format!("u{own}"), ENTERPRISE: manager}))
        };
        operations.push(pair(&a, &b));
        operations.push(pair(&b, &a));
    }
    operations
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_bulks_about_the_same_people_and_groups_none_is_lost() {
    let options = Options { connections: 24, wait: Duration::from_secs(120), ..Options::default() };
    let roll = Arc::new(Roll::open_with(Database::postgres().await, &options).await);
    let okta = roll.first_connection().await;
    let (mut people, mut groups) = (Vec::new(), Vec::new());
    for n in 0..PEOPLE {
        let body = json!({"userName": format!("p{n}"), "externalId": format!("p{n}")});
        people.push(roll.push(&okta).post("User", body).await.expect("created").id);
    }
    for n in 0..GROUPS {
        let body = json!({"displayName": format!("g{n}"), "externalId": format!("g{n}")});
        groups.push(roll.push(&okta).post("Group", body).await.expect("created").id);
    }
    let mut crowd = JoinSet::new();
    for worker in 0..WORKERS {
        let (roll, okta, operations) = (roll.clone(), okta.clone(), work(worker, &people, &groups));
        crowd.spawn(async move {
            let processed = send(&roll, &okta, operations).await;
            processed.into_iter().map(|processed| outcome(&processed.outcome.map(|_| ()))).collect::<Vec<_>>()
        });
    }
    for outcomes in crowd.join_all().await {
        assert_eq!(outcomes.len(), 6 * PEOPLE);
        assert!(outcomes.iter().all(|outcome| outcome == "ok"), "{outcomes:?}");
    }

    let push = roll.push(&okta);
    for (at, group) in groups.iter().enumerate() {
        let mut expected: Vec<String> = Vec::new();
        for worker in 0..WORKERS {
            let rounds = (0..PEOPLE).filter(|round| (round + worker) % GROUPS == at);
            expected.extend(rounds.map(|round| people[(round * 5 + worker * 7) % PEOPLE].clone()));
        }
        expected.sort();
        expected.dedup();
        assert_eq!(push.members(group).await, expected);
    }
    let circles = WORKERS * PEOPLE * 2;
    assert_eq!(push.everything("Group").await.len(), GROUPS + circles);
    assert_eq!(push.everything("User").await.len(), PEOPLE + circles);
    roll.verified().await;
}

/// Circles of people whom the push knows and has deactivated: to post them again is to have them back. Every worker names
/// them in another order, so that without an order of locks each would wait for the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_circles_that_bring_the_same_people_back_no_deadlock_reaches_a_client() {
    let options = Options { connections: 24, wait: Duration::from_secs(120), ..Options::default() };
    let roll = Arc::new(Roll::open_with(Database::postgres().await, &options).await);
    let okta = roll.first_connection().await;
    let mut ids = Vec::new();
    for n in 0..PEOPLE {
        let body = json!({"userName": format!("p{n}"), "externalId": format!("p{n}"), "active": false});
        ids.push(roll.push(&okta).post("User", body).await.expect("created").id);
    }
    let mut crowd = JoinSet::new();
    for worker in 0..WORKERS {
        let (roll, okta) = (roll.clone(), okta.clone());
        let ring: Vec<usize> = (0..PEOPLE).map(|n| (n * [1, 5, 7, 11][worker % 4] + worker) % PEOPLE).collect();
        crowd.spawn(async move {
            let person = |at: usize| {
                let (own, next) = (ring[at], ring[(at + 1) % PEOPLE]);
                let manager = json!({"manager": {"value": format!("bulkId:p{next}")}});
                let data = json!({"userName": format!("p{own}"), "externalId": format!("p{own}"), ENTERPRISE: manager});
                post("/Users", format!("p{own}"), data)
            };
            let processed = send(&roll, &okta, (0..PEOPLE).map(person).collect()).await;
            processed.into_iter().map(|processed| outcome(&processed.outcome.map(|_| ()))).collect::<Vec<_>>()
        });
    }
    let outcomes = crowd.join_all().await;
    // One had them all back; to the others they are active people, which a POST does not change.
    let won = outcomes.iter().filter(|outcomes| outcomes.iter().all(|outcome| outcome == "ok")).count();
    assert_eq!(won, 1, "{outcomes:?}");
    for lost in outcomes.iter().filter(|outcomes| !outcomes.iter().all(|outcome| outcome == "ok")) {
        assert_eq!(lost.iter().filter(|outcome| *outcome == "409 uniqueness").count(), 1, "{lost:?}");
        assert_eq!(lost.iter().filter(|outcome| *outcome == "409").count(), PEOPLE - 1, "{lost:?}");
    }
    let mut people: Vec<String> =
        roll.push(&okta).everything("User").await.into_iter().map(|person| person.id).collect();
    people.sort();
    ids.sort();
    assert_eq!(people, ids);
    roll.verified().await;
}
