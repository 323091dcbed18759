//! What Entra and Okta send, replayed over HTTP in process, on both engines. Each file of `tests/idp` is a story: exchanges
//! in order, each with the id by which the code cites it, on a tenant and a connection of its own.
//!
//! In paths, queries, headers and bodies `{uid}` and the like stand for ids that earlier answers were asked to `keep`,
//! `{token}` for the caller's token. An `answer` says what must be in the answer: members of an object, all elements of a
//! list in any order, `<text>` for some text, `<absent>` for a member that must not be there, `<none>` for a list that is
//! empty or absent. `then` reads what the exchange left behind.

mod support;

use std::collections::BTreeMap;
use std::path::Path;

use axum::http::{HeaderName, Method};
use rollkeeper::auth::token::Scope;
use serde::Deserialize;
use serde_json::{Map, Value};
use support::{Client, Reply, World, both_engines};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Story {
    about: String,
    exchanges: Vec<Exchange>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Exchange {
    /// `setup` is the story's own, not the IdP's.
    id: String,
    #[serde(default)]
    note: String,
    method: String,
    path: String,
    #[serde(default)]
    query: BTreeMap<String, String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Option<Value>,
    /// Any of these will do for the IdP.
    status: Vec<u16>,
    answer: Option<Value>,
    #[serde(default)]
    keep: BTreeMap<String, String>,
    #[serde(default)]
    then: Vec<Check>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Check {
    path: String,
    #[serde(default)]
    query: BTreeMap<String, String>,
    answer: Value,
}

both_engines! {
    async fn entra(database: Database) {
        replay(&World::on(database).await, "entra", 34).await;
    }

    async fn okta(database: Database) {
        replay(&World::on(database).await, "okta", 21).await;
    }
}

/// Plays every story of the folder; `count` different exchanges of the IdP are in them.
async fn replay(world: &World, idp: &str, count: usize) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/idp").join(idp);
    let mut files: Vec<_> =
        std::fs::read_dir(&folder).expect("the folder").map(|f| f.expect("a file").path()).collect();
    files.sort();
    let mut played = Vec::new();
    for (n, file) in files.iter().enumerate() {
        let text = std::fs::read_to_string(file).expect("a readable file");
        let story: Story = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        let tenant = world.tenant(&format!("{idp}-{n}")).await;
        let token = world.token(&tenant, Scope::Scim).await;
        let mut player =
            Player { client: tenant.client(Some(&token)), kept: BTreeMap::from([("token".to_owned(), token)]) };
        for exchange in &story.exchanges {
            player.play(exchange, &story.about).await;
            played.extend((exchange.id != "setup").then(|| exchange.id.clone()));
        }
        assert_eq!(world.directory.verify(Some(&tenant.info.id)).await.expect("verify runs"), []);
    }
    played.sort();
    played.dedup();
    assert_eq!(played.len(), count, "{played:?}");
}

struct Player {
    client: Client,
    kept: BTreeMap<String, String>,
}

impl Player {
    async fn play(&mut self, exchange: &Exchange, about: &str) {
        let at = format!("{} ({}) of \"{about}\"", exchange.id, exchange.note);
        let method: Method = exchange.method.parse().expect("a method");
        let mut call = self.client.scim("").call(method, &self.target(&exchange.path, &exchange.query));
        if let Some(body) = &exchange.body {
            call = call.text("application/scim+json", self.filled(body).to_string());
        }
        for (name, value) in &exchange.headers {
            call = call.header(name.parse::<HeaderName>().expect("a header"), &self.fill(value));
        }
        let reply = call.await;
        let shown = String::from_utf8_lossy(&reply.bytes).into_owned();
        assert!(exchange.status.contains(&reply.status.as_u16()), "{at}: {} {shown}", reply.status);
        self.compare(exchange.answer.as_ref(), &reply, &at);
        for (name, member) in &exchange.keep {
            let value = reply[member.as_str()].as_str().unwrap_or_else(|| panic!("{at}: no {member} in {shown}"));
            self.kept.insert(name.clone(), value.to_owned());
        }
        for check in &exchange.then {
            let reply =
                self.client.scim("").call(Method::GET, &self.target(&check.path, &check.query)).await.status(200);
            self.compare(Some(&check.answer), &reply, &format!("{at}, then {}", check.path));
        }
    }

    fn compare(&self, expected: Option<&Value>, reply: &Reply, at: &str) {
        let Some(expected) = expected else { return };
        let expected = self.filled(expected);
        if let Err(problem) = contains(&reply.body, &expected) {
            panic!("{at}: {problem} in {:#}", reply.body);
        }
    }

    fn target(&self, path: &str, query: &BTreeMap<String, String>) -> String {
        let mut target = self.fill(path);
        if !query.is_empty() {
            let mut pairs = url::form_urlencoded::Serializer::new(String::new());
            pairs.extend_pairs(query.iter().map(|(name, value)| (name, self.fill(value))));
            target = format!("{target}?{}", pairs.finish().replace('+', "%20"));
        }
        target
    }

    fn fill(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (name, value) in &self.kept {
            text = text.replace(&format!("{{{name}}}"), value);
        }
        text
    }

    fn filled(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.fill(text)),
            Value::Array(list) => list.iter().map(|value| self.filled(value)).collect(),
            Value::Object(map) => {
                let filled = map.iter().map(|(name, value)| (name.clone(), self.filled(value)));
                Value::Object(filled.collect::<Map<_, _>>())
            }
            other => other.clone(),
        }
    }
}

fn contains(actual: &Value, expected: &Value) -> Result<(), String> {
    match (actual, expected) {
        (Value::String(text), Value::String(wanted)) if wanted == "<text>" && !text.is_empty() => Ok(()),
        (Value::Object(members), Value::Object(wanted)) => {
            wanted.iter().try_for_each(|(name, wanted)| match (members.get(name), wanted.as_str()) {
                (None, Some("<absent>" | "<none>")) => Ok(()),
                (Some(Value::Array(list)), Some("<none>")) if list.is_empty() => Ok(()),
                (None, _) => Err(format!("no {name}")),
                (Some(actual), _) => contains(actual, wanted).map_err(|problem| format!("{name}: {problem}")),
            })
        }
        (Value::Array(list), Value::Array(wanted)) => {
            if list.len() != wanted.len() {
                return Err(format!("{} elements and not {}", list.len(), wanted.len()));
            }
            let missing = wanted.iter().find(|wanted| !list.iter().any(|actual| contains(actual, wanted).is_ok()));
            missing.map_or(Ok(()), |wanted| Err(format!("nothing like {wanted}")))
        }
        (actual, wanted) if actual == wanted => Ok(()),
        (actual, wanted) => Err(format!("{actual} and not {wanted}")),
    }
}
