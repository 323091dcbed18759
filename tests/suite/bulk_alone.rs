//! A bulk is its operations, sent one by one (RFC 7644 §3.7): the same random operations, as one bulk in one tenant and singly
//! in another, come to the same statuses, errors, places and versions, and leave the same resources behind. On both engines.
//!
//! `ROLLKEEPER_TEST_CASES=200 cargo nextest run bulk_alone::` hunts for longer.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use axum::http::{Method, header};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use regex::Regex;
use rollkeeper::auth::token::Scope;
use serde_json::{Value, json};

use crate::support::{Client, World, both_engines};

const PATCH_OP: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
const BULK: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const CASES: usize = 4;
const PEOPLE: usize = 5;
const GROUPS: usize = 3;

/// A request; `{u3}` and `{g1}` in its path and data stand for the ids of the people and groups that were there before.
#[derive(Clone, Debug)]
struct Wish {
    method: &'static str,
    path: String,
    data: Value,
    version: Option<&'static str>,
}

/// What came of it: its status, where, at which stored version, and the error.
#[derive(Debug, PartialEq)]
struct Came {
    status: String,
    location: Option<String>,
    version: Option<String>,
    error: Value,
}

fn one_of(values: Vec<Value>) -> impl Strategy<Value = Value> + Clone {
    prop::sample::select(values)
}

/// Some of the people, now and then with somebody who is nobody.
fn members() -> impl Strategy<Value = Value> {
    let who = prop_oneof![9 => (0..PEOPLE).prop_map(|n| format!("{{u{n}}}")), 1 => Just("no-such-id".to_owned())];
    prop::collection::vec(who, 0..4).prop_map(|ids| ids.into_iter().map(|id| json!({ "value": id })).collect())
}

/// Bodies of users, whose names collide with each other and with those of whom is there.
fn user() -> impl Strategy<Value = Value> {
    let name = prop::sample::select(vec!["user0", "USER1", "user2", "new0", "New0", "new1", "new2", "new3", ""]);
    let more = one_of(vec![
        json!({}),
        json!({ "title": "T", "active": false }),
        json!({ "externalId": "x1", "emails": [{ "value": "a@x.example", "primary": true }] }),
        json!({ "externalId": "x2", ENTERPRISE: { "manager": { "value": "{u4}" } } }),
        json!({ "active": "maybe" }),
    ]);
    (name, more).prop_map(|(name, mut body)| {
        body["userName"] = json!(name);
        body
    })
}

fn group() -> impl Strategy<Value = Value> {
    (prop::sample::select(vec!["group0", "GROUP1", "crew", "Crew", "staff"]), members(), any::<bool>()).prop_map(
        |(name, members, listed)| {
            if listed { json!({ "displayName": name, "members": members }) } else { json!({ "displayName": name }) }
        },
    )
}

fn patch_of_user() -> impl Strategy<Value = Value> {
    let operation = one_of(vec![
        json!({ "op": "replace", "path": "title", "value": "New" }),
        json!({ "op": "remove", "path": "title" }),
        json!({ "op": "replace", "path": "active", "value": "False" }),
        json!({ "op": "replace", "value": { "active": true, "name.givenName": "G" } }),
        json!({ "op": "add", "path": "emails", "value": [{ "value": "b@x.example", "type": "work" }] }),
        json!({ "op": "replace", "path": "userName", "value": "new0" }),
        json!({ "op": "remove", "path": "userName" }),
        json!({ "op": "add", "path": "shoeSize", "value": 5 }),
        json!({ "op": "add", "path": format!("{ENTERPRISE}:manager"), "value": "{u0}" }),
    ]);
    prop::collection::vec(operation, 0..3)
        .prop_map(|operations| json!({ "schemas": [PATCH_OP], "Operations": operations }))
}

fn patch_of_group() -> impl Strategy<Value = Value> {
    let of_members = (prop::sample::select(vec!["add", "remove", "replace"]), members())
        .prop_map(|(op, members)| json!({ "op": op, "path": "members", "value": members }));
    let operation = prop_oneof![
        3 => of_members,
        1 => (0..PEOPLE).prop_map(|n| json!({ "op": "remove", "path": format!("members[value eq \"{{u{n}}}\"]") })),
        1 => Just(json!({ "op": "replace", "path": "displayName", "value": "crew" })),
        1 => Just(json!({ "op": "move", "path": "displayName" })),
    ];
    prop::collection::vec(operation, 1..3)
        .prop_map(|operations| json!({ "schemas": [PATCH_OP], "Operations": operations }))
}

fn wish() -> impl Strategy<Value = Wish> {
    let of = |collection: &'static str, letter: char, many: usize| {
        prop_oneof![
            9 => (0..many).prop_map(move |n| format!("/{collection}/{{{letter}{n}}}")),
            1 => Just(format!("/{collection}/no-such-id")),
        ]
    };
    let person = move || of("Users", 'u', PEOPLE);
    let team = move || of("Groups", 'g', GROUPS);
    let all = |name: &str| Just(format!("/{name}"));
    let request = prop_oneof![
        4 => (Just("POST"), all("Users"), user()),
        3 => (Just("PUT"), person(), user()),
        5 => (Just("PATCH"), person(), patch_of_user()),
        1 => (Just("DELETE"), person(), Just(Value::Null)),
        2 => (Just("POST"), all("Groups"), group()),
        2 => (Just("PUT"), team(), group()),
        5 => (Just("PATCH"), team(), patch_of_group()),
        1 => (Just("DELETE"), team(), Just(Value::Null)),
    ];
    let version = prop::sample::select(vec![None, None, None, Some("W/\"1\""), Some("W/\"99\"")]);
    (request, version).prop_map(|((method, path, data), version)| {
        let version = version.filter(|_| method != "POST");
        Wish { method, path, data, version }
    })
}

/// One tenant, and the ids of those who were there before and who came, by the names that the other tenant's have too.
struct Side {
    tenant: String,
    client: Client,
    ids: Vec<(String, String)>,
}

impl Side {
    async fn open(world: &World, name: &str) -> Self {
        let tenant = world.tenant(name).await;
        let client = world.client(&tenant, Scope::Scim).await;
        let mut side = Self { tenant: name.to_owned(), client, ids: Vec::new() };
        for n in 0..PEOPLE {
            let id = side.client.users().post(json!({ "userName": format!("user{n}") })).await.status(201).id();
            side.ids.push((format!("{{u{n}}}"), id));
        }
        for n in 0..GROUPS {
            let body = side
                .filled(&json!({ "displayName": format!("group{n}"), "members": [{ "value": format!("{{u{n}}}") }] }));
            let id = side.client.groups().post(body).await.status(201).id();
            side.ids.push((format!("{{g{n}}}"), id));
        }
        side
    }

    fn filled(&self, value: &Value) -> Value {
        let text = self.ids.iter().fold(value.to_string(), |text, (name, id)| text.replace(name, id));
        serde_json::from_str(&text).expect("an id is a plain text")
    }

    /// The text as it would be in any tenant: ids by their names, and references of conflicts, which hang on a tenant's key, by none.
    fn anywhere(&self, text: &str) -> String {
        static REFERENCE: LazyLock<Regex> = LazyLock::new(|| Regex::new("cfl_[0-9a-f]{32}").expect("a pattern"));
        let text = text.replace(&format!("/t/{}/", self.tenant), "/t/tenant/");
        let text = self.ids.iter().fold(text, |text, (name, id)| text.replace(id, name));
        REFERENCE.replace_all(&text, "{conflict}").into_owned()
    }

    fn came(&self, status: &str, location: Option<&str>, version: Option<&str>, error: &Value) -> Came {
        // A digest of memberships speaks of ids.
        let stored = |tag: &str| tag.trim_matches(['W', '/', '"']).split('-').next().unwrap_or_default().to_owned();
        Came {
            status: status.to_owned(),
            location: location.map(|location| self.anywhere(location)),
            version: version.map(stored),
            error: serde_json::from_str(&self.anywhere(&error.to_string())).expect("still JSON"),
        }
    }

    /// Whoever was made is from now on known by the number of the wish.
    fn meet(&mut self, number: usize, wish: &Wish, location: Option<&str>) {
        if let Some(id) = location.and_then(|location| location.rsplit('/').next()).filter(|_| wish.method == "POST")
            && !self.ids.iter().any(|(_, known)| known == id)
        {
            self.ids.push((format!("{{n{number}}}"), id.to_owned()));
        }
    }

    async fn one_by_one(&mut self, wishes: &[Wish]) -> Vec<Came> {
        let mut all = Vec::new();
        for (number, wish) in wishes.iter().enumerate() {
            let path = self.filled(&json!(wish.path));
            let method: Method = wish.method.parse().expect("a method");
            let mut call = self.client.scim("").call(method, path.as_str().expect("a path"));
            if !wish.data.is_null() {
                call = call.json(self.filled(&wish.data));
            }
            if let Some(version) = wish.version {
                call = call.if_match(version);
            }
            let reply = call.await;
            let text = |name| Some(reply.header(name)).filter(|text| !text.is_empty());
            let done = reply.status.is_success();
            let location = text(header::LOCATION).filter(|_| done);
            self.meet(number, wish, location);
            let error = if done { &Value::Null } else { &reply.body };
            all.push(self.came(reply.status.as_str(), location, text(header::ETAG).filter(|_| done), error));
        }
        all
    }

    async fn at_once(&mut self, wishes: &[Wish]) -> Vec<Came> {
        let operation = |(number, wish): (usize, &Wish)| {
            let mut operation = json!({ "method": wish.method, "path": wish.path, "bulkId": format!("b{number}") });
            if !wish.data.is_null() {
                operation["data"] = wish.data.clone();
            }
            if let Some(version) = wish.version {
                operation["version"] = json!(version);
            }
            operation
        };
        let operations: Value = wishes.iter().enumerate().map(operation).collect();
        let body = self.filled(&json!({ "schemas": [BULK], "Operations": operations }));
        let reply = self.client.scim("/Bulk").post(body).await.status(200);
        let results = reply["Operations"].as_array().expect("results");
        assert_eq!(results.len(), wishes.len());
        let mut all = Vec::new();
        for (number, (wish, result)) in wishes.iter().zip(results).enumerate() {
            assert_eq!((&result["method"], &result["bulkId"]), (&json!(wish.method), &json!(format!("b{number}"))));
            let status = result["status"].as_str().expect("a text");
            // An answer to a single DELETE, and an error, say nothing of the place; a result always does.
            let answered = status.starts_with('2') && wish.method != "DELETE";
            assert_eq!(result["location"].is_string(), answered || wish.method != "POST", "{result}");
            let location = result["location"].as_str().filter(|_| answered);
            self.meet(number, wish, location);
            all.push(self.came(status, location, result["version"].as_str(), &result["response"]));
        }
        all
    }

    /// Everybody and every group, in the order in which they came.
    async fn everything(&self) -> Vec<String> {
        let mut found = Vec::new();
        for collection in ["/Users", "/Groups"] {
            let list = self.client.scim(collection).list("excludedAttributes=meta.version").await.status(200);
            found.extend(
                list["Resources"].as_array().expect("a list").iter().map(|one| self.anywhere(&one.to_string())),
            );
        }
        found
    }
}

both_engines! {
    async fn a_bulk_is_its_operations_one_by_one(database: Database) {
        let cases = std::env::var("ROLLKEEPER_TEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(CASES);
        let world = World::on(database).await;
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[37; 32]);
        let mut runner = TestRunner::new_with_rng(Config::default(), rng);
        let mut statuses = BTreeSet::new();
        for case in 0..cases {
            let wishes = prop::collection::vec(wish(), 24).new_tree(&mut runner).expect("wishes").current();
            let mut singly = Side::open(&world, &format!("singly{case}")).await;
            let mut bulk = Side::open(&world, &format!("bulk{case}")).await;
            world.clock.advance(1_000);
            let (alone, together) = (singly.one_by_one(&wishes).await, bulk.at_once(&wishes).await);
            for (number, wish) in wishes.iter().enumerate() {
                assert_eq!(together[number], alone[number], "case {case}, operation {number} of {wishes:#?}: {wish:?}");
                statuses.insert(together[number].status.clone());
            }
            assert_eq!(bulk.everything().await, singly.everything().await, "case {case}: {wishes:#?}");
        }
        let differences = world.directory.verify(None).await.expect("verify runs");
        assert!(differences.is_empty(), "{differences:#?}");
        // The operations came to everything that one can come to.
        for status in ["200", "201", "204", "400", "404", "409", "412"] {
            assert!(cases < CASES || statuses.contains(status), "nothing was answered {status}");
        }
    }
}
