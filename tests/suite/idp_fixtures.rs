//! What Entra and Okta send, replayed: every file of `tests/idp` is a story, told over HTTP on both engines.
//!
//! A file has what is `given` and its `fixtures`, in the order in which they are sent. Of one fixture: `does` says it
//! in words; `send` is the request, its path as it is read, not as it is encoded; `expect` is the answer; `keep` names
//! the answer's id for the fixtures that follow (`{uid}`, `{gid}`, …; `{token}` is there from the start); `then` is
//! what GETs find afterwards. In bodies an object tells of some members, `null` is a member that is not there, and a
//! list has these elements and no others, in any order.
//!
//! IdPs repeat what they got no answer to. So whatever changes something is sent twice: the second answer is `again`,
//! or the first, and the second time changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use axum::http::{HeaderName, Method, header};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rollkeeper::auth::token::Scope;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::support::contract::leniently;
use crate::support::{Client, Database, Reply, World, both_engines};

/// Every story, and how many fixtures it has.
const STORIES: [(&str, usize); 7] = [
    ("entra/groups", 15),
    ("entra/matching", 19),
    ("entra/users_changed", 28),
    ("entra/users_created", 6),
    ("okta/entitlements", 2),
    ("okta/groups", 11),
    ("okta/users", 17),
];

both_engines! {
    async fn entra_finds_what_it_is_about_to_push(database: Database) {
        replay(database, "entra/matching").await;
    }
    async fn entra_creates_users(database: Database) {
        replay(database, "entra/users_created").await;
    }
    async fn entra_changes_users(database: Database) {
        replay(database, "entra/users_changed").await;
    }
    async fn entra_keeps_groups(database: Database) {
        replay(database, "entra/groups").await;
    }
    async fn okta_keeps_users(database: Database) {
        replay(database, "okta/users").await;
    }
    async fn okta_keeps_groups(database: Database) {
        replay(database, "okta/groups").await;
    }
    async fn okta_asks_for_entitlements(database: Database) {
        replay(database, "okta/entitlements").await;
    }
}

/// A file that no test replays would be a promise that nobody keeps.
#[test]
fn every_file_is_a_story_and_every_fixture_has_a_name_of_its_own() {
    let mut found = BTreeSet::new();
    for vendor in fs::read_dir(folder()).expect("tests/idp") {
        for file in fs::read_dir(vendor.expect("a vendor").path()).expect("a vendor's folder") {
            let path = file.expect("a file").path().with_extension("");
            found.insert(path.strip_prefix(folder()).expect("below tests/idp").display().to_string());
        }
    }
    assert_eq!(found, STORIES.iter().map(|(story, _)| (*story).to_owned()).collect());
    let told = include_str!("idp_fixtures.rs");
    let mut ids = BTreeSet::new();
    for (story, _) in STORIES {
        assert!(told.contains(&format!("replay(database, \"{story}\")")), "no test replays {story}");
        for fixture in Story::read(story).fixtures {
            assert!(ids.insert(fixture.id.clone()), "{} is there twice", fixture.id);
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Story {
    story: String,
    given: Vec<Value>,
    fixtures: Vec<Fixture>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fixture {
    id: String,
    does: String,
    send: Value,
    expect: Value,
    again: Option<Value>,
    keep: Option<String>,
    #[serde(default)]
    then: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Send {
    method: String,
    path: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Option<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Expect {
    status: u16,
    body: Option<Value>,
    /// The answer is a SCIM Error of this type, which may be empty.
    scim_type: Option<String>,
    /// The Location header is the resource's own (RFC 7644 §3.3).
    #[serde(default)]
    location: bool,
    #[serde(default)]
    no_nulls: bool,
}

impl Story {
    fn read(name: &str) -> Self {
        let text = fs::read_to_string(folder().join(name).with_extension("json")).expect("a story's file");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/idp")
}

async fn replay(database: Database, name: &str) {
    let _lenient = name.starts_with("entra").then(leniently);
    let story = Story::read(name);
    assert!(!story.story.is_empty(), "{name} says what it is about");
    let world = World::on(database).await;
    let acme = world.tenant("acme").await;
    let token = world.token(&acme, Scope::Scim).await;
    let mut idp = Idp { client: acme.client(Some(&token)), kept: BTreeMap::from([("token".to_owned(), token)]) };

    for given in story.given {
        let reply = idp.send(&given["send"]).await;
        assert!(reply.status.is_success(), "{name}: {} {}", reply.request, reply.body);
        idp.keep(given["keep"].as_str(), &reply);
    }
    let mut replayed = 0;
    for fixture in &story.fixtures {
        let about = format!("{} ({})", fixture.id, fixture.does);
        world.clock.advance(1_000);
        let reply = idp.send(&fixture.send).await;
        idp.keep(fixture.keep.as_deref(), &reply);
        idp.check(&about, &reply, &fixture.expect);
        idp.look(&about, &fixture.then).await;
        if fixture.send["method"] != "GET" {
            let about = format!("{about}, again");
            let before = idp.everything().await;
            world.clock.advance(1_000);
            let reply = idp.send(&fixture.send).await;
            idp.check(&about, &reply, fixture.again.as_ref().unwrap_or(&fixture.expect));
            idp.look(&about, &fixture.then).await;
            assert_eq!(idp.everything().await, before, "{about}: the second time changes something");
        }
        replayed += 1;
    }
    let expected = STORIES.iter().find(|(story, _)| *story == name).map(|(_, count)| *count);
    assert_eq!(Some(replayed), expected, "{name} was not replayed as it is counted");
}

/// The IdP of a story and what it remembers.
struct Idp {
    client: Client,
    kept: BTreeMap<String, String>,
}

impl Idp {
    fn filled(&self, value: &Value) -> Value {
        let fill = |text: &str| {
            self.kept.iter().fold(text.to_owned(), |text, (name, kept)| text.replace(&format!("{{{name}}}"), kept))
        };
        match value {
            Value::String(text) => json!(fill(text)),
            Value::Array(list) => list.iter().map(|element| self.filled(element)).collect(),
            Value::Object(members) => members
                .iter()
                .map(|(name, value)| (fill(name), self.filled(value)))
                .collect::<serde_json::Map<_, _>>()
                .into(),
            other => other.clone(),
        }
    }

    fn keep(&mut self, name: Option<&str>, reply: &Reply) {
        if let Some(name) = name {
            self.kept.insert(name.to_owned(), reply.id());
        }
    }

    async fn send(&self, send: &Value) -> Reply {
        let send: Send = serde_json::from_value(self.filled(send)).expect("a request");
        let method: Method = send.method.parse().expect("a method");
        let mut call = self.client.scim("").call(method, &encoded(&send.path));
        if let Some(body) = send.body {
            call = call.json(body);
        }
        for (name, value) in send.headers {
            call = call.header(name.parse::<HeaderName>().expect("a header's name"), &value);
        }
        call.await
    }

    fn check(&self, about: &str, reply: &Reply, expect: &Value) {
        let expect: Expect = serde_json::from_value(self.filled(expect)).expect("an expectation");
        let body = String::from_utf8_lossy(&reply.bytes);
        assert_eq!(reply.status.as_u16(), expect.status, "{about}: {} answered {body}", reply.request);
        if let Some(wanted) = &expect.body {
            assert!(shows(&reply.body, wanted), "{about}: {body} is not {wanted}");
        }
        if let Some(scim_type) = expect.scim_type {
            let error = json!({
                "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
                "status": expect.status.to_string(),
                "scimType": if scim_type.is_empty() { Value::Null } else { json!(scim_type) }
            });
            assert!(shows(&reply.body, &error), "{about}: {body} is not {error}");
            assert!(reply["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{about}: no detail");
        }
        if expect.location {
            assert!(!reply.header(header::LOCATION).is_empty(), "{about}: no Location");
            assert_eq!(reply.header(header::LOCATION), reply["meta"]["location"], "{about}");
        }
        assert!(!expect.no_nulls || !has_null(&reply.body), "{about}: a null in {body}");
    }

    async fn look(&self, about: &str, then: &BTreeMap<String, Value>) {
        for (path, wanted) in then {
            let reply = self.send(&json!({ "method": "GET", "path": path })).await;
            let wanted = self.filled(wanted);
            assert!(shows(&reply.body, &wanted), "{about}: {} is {}, not {wanted}", reply.request, reply.body);
        }
    }

    /// Every user and group as they are, versions and times included.
    async fn everything(&self) -> [Value; 2] {
        let list = async |path: &str| self.send(&json!({ "method": "GET", "path": path })).await.status(200).body;
        [list("/Users?sortBy=id").await, list("/Groups?sortBy=id").await]
    }
}

/// `/Users?filter=userName eq "a"` as it travels. A bare flag stays bare.
fn encoded(path: &str) -> String {
    let Some((path, query)) = path.split_once('?') else { return path.to_owned() };
    let pair = |pair: &str| match pair.split_once('=') {
        Some((name, value)) => format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)),
        None => pair.to_owned(),
    };
    format!("{path}?{}", query.split('&').map(pair).collect::<Vec<_>>().join("&"))
}

fn shows(found: &Value, wanted: &Value) -> bool {
    match (found, wanted) {
        (Value::Object(found), Value::Object(wanted)) => {
            wanted.iter().all(|(name, wanted)| shows(found.get(name).unwrap_or(&Value::Null), wanted))
        }
        (Value::Array(found), Value::Array(wanted)) => {
            found.len() == wanted.len() && wanted.iter().all(|wanted| found.iter().any(|found| shows(found, wanted)))
        }
        // Nothing but nulls is wanted of what is not there.
        (Value::Null, Value::Object(wanted)) => wanted.values().all(Value::is_null),
        _ => found == wanted,
    }
}

fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(list) => list.iter().any(has_null),
        Value::Object(members) => members.values().any(has_null),
        _ => false,
    }
}
