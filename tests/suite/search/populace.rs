//! Random people, groups and organizations, written by an administrator and by pushes.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Map, Value, json};

use crate::support::roll::{MINUTE, Roll, Voiced};

pub const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// Folding, normalization, signs that SQL and JSON care about, and long ones that share a beginning.
pub const WORDS: [&str; 24] = [
    "Ada",
    "ada",
    "ADA",
    "Bo",
    "Straße",
    "STRASSE",
    "e\u{301}toile",
    "étoile",
    "İstanbul",
    "日本",
    "Ωmega",
    "a",
    "z",
    "~",
    "100%",
    "under_score",
    "back\\slash",
    "quo\"te",
    "it's",
    "\u{10ffff}\u{10ffff}",
    "\u{1f600}",
    " padded ",
    "{\"a\":1}",
    "",
];

fn word() -> BoxedStrategy<String> {
    let long = |end: &'static str| Just(format!("{}{end}", "Lang é".repeat(140)));
    prop_oneof![
        16 => prop::sample::select(WORDS.to_vec()).prop_map(str::to_owned),
        2 => "[a-cA-C]{0,3}",
        2 => "\\PC{0,5}",
        1 => long(""),
        1 => long("a"),
        1 => Just("x".repeat(900)),
        1 => Just("x".repeat(901)),
    ]
    .boxed()
}

fn maybe<S: Strategy + 'static>(strategy: S) -> BoxedStrategy<Option<S::Value>>
where
    S::Value: Clone,
{
    prop::option::weighted(0.6, strategy).boxed()
}

/// Of a multi-valued attribute.
fn plural(value: BoxedStrategy<String>) -> BoxedStrategy<Value> {
    let element = (
        maybe(value),
        maybe(prop::sample::select(vec!["work", "Work", "home", "other"])),
        maybe(word()),
        any::<bool>(),
    )
        .prop_map(|(value, kind, display, primary)| {
            let mut element = Map::new();
            let mut set = |name: &str, value: Option<Value>| value.map(|value| element.insert(name.to_owned(), value));
            set("value", value.map(Value::from));
            set("type", kind.map(Value::from));
            set("display", display.map(Value::from));
            set("primary", primary.then_some(Value::Bool(true)));
            Value::Object(element)
        });
    prop::collection::vec(element, 0..4)
        .prop_map(|mut elements| {
            let mut seen = false;
            for element in &mut elements {
                let is = element.get("primary").is_some();
                if is && seen {
                    element["primary"] = Value::Bool(false);
                }
                seen |= is;
            }
            Value::Array(elements)
        })
        .boxed()
}

/// A User without its names.
fn user() -> BoxedStrategy<Map<String, Value>> {
    let name =
        (maybe(word()), maybe(word())).prop_map(|(given, family)| json!({"givenName": given, "familyName": family}));
    let address = (maybe(prop::sample::select(vec!["DE", "de", "FR"])), maybe(word()))
        .prop_map(|(country, locality)| json!([{"country": country, "locality": locality, "type": "work"}]));
    let enterprise = (maybe(word()), maybe(word()), maybe(word())).prop_map(|(number, department, manager)| {
        json!({"employeeNumber": number, "department": department, "manager": {"value": manager}})
    });
    let simple = (maybe(word()), maybe(word()), maybe(word()), maybe(word()), maybe(any::<bool>()));
    let plurals = (
        maybe(plural(word().prop_map(|word| format!("{word}@acme.example")).boxed())),
        maybe(plural(word())),
        maybe(plural(word())),
        maybe(Just(json!([{"value": "TWE="}]))),
        maybe(Just(json!("https://acme.example/~ada%20b"))),
    );
    (simple, plurals, maybe(name), maybe(address), maybe(enterprise))
        .prop_map(
            |((display, nick, title, sort, active), (emails, phones, roles, x509, url), name, address, enterprise)| {
                let mut user = Map::new();
                let mut set = |name: &str, value: Option<Value>| value.map(|value| user.insert(name.to_owned(), value));
                set("displayName", display.map(Value::from));
                set("nickName", nick.map(Value::from));
                set("title", title.map(Value::from));
                set("userType", sort.map(Value::from));
                set("active", active.map(Value::from));
                set("emails", emails);
                set("phoneNumbers", phones);
                set("roles", roles);
                set("x509Certificates", x509);
                set("profileUrl", url);
                set("name", name);
                set("addresses", address);
                set(ENTERPRISE, enterprise);
                user
            },
        )
        .boxed()
}

/// Writes a tenant full.
pub struct Populace<'a> {
    roll: &'a Roll,
    users: Vec<Map<String, Value>>,
    words: Vec<String>,
    pub connections: BTreeMap<&'static str, String>,
    count: usize,
}

impl<'a> Populace<'a> {
    pub fn new(roll: &'a Roll, runner: &mut TestRunner) -> Self {
        let mut draw = || user().new_tree(runner).expect("a user").current();
        let users = (0..70).map(|_| draw()).collect();
        let words = (0..200).map(|_| word().new_tree(runner).expect("a word").current()).collect();
        Self { roll, users, words, connections: BTreeMap::new(), count: 0 }
    }

    fn word(&mut self) -> String {
        self.count += 1;
        self.words[self.count % self.words.len()].clone()
    }

    fn external_id(&mut self) -> Value {
        let word: String = self.word().chars().take(30).collect();
        format!("{word}-{}", self.count).into()
    }

    /// A body of a User whose names are nobody else's.
    fn body(&mut self, domain: &str) -> Value {
        self.count += 1;
        self.roll.clock.advance(MINUTE / 7);
        // RFC 7644 §5: not every text is a user name.
        let name = ["Ada", "ada.l", "Straße", "e\u{301}toile", "日本", "Ωmega", "z", "I_i"][self.count % 8];
        let mut user = self.users[self.count % self.users.len()].clone();
        user.insert("userName".to_owned(), format!("{name}{}{domain}", self.count).into());
        if !self.count.is_multiple_of(3) {
            user.insert("externalId".to_owned(), self.external_id());
        }
        Value::Object(user)
    }

    async fn enter(&mut self, voice: &Voiced<'_>, domain: &str, many: usize) -> Vec<String> {
        let mut ids = Vec::new();
        for _ in 0..many {
            let body = self.body(domain);
            ids.push(voice.post("User", body.clone()).await.unwrap_or_else(|e| panic!("{e:?} for {body:#}")).id);
        }
        ids
    }

    /// Groups whose members are every n-th of these.
    async fn gather(&mut self, voice: &Voiced<'_>, prefix: &str, members: &[String], many: usize) -> Vec<String> {
        let mut ids: Vec<String> = Vec::new();
        for n in 1..=many {
            self.roll.clock.advance(MINUTE / 3);
            let mut list: Vec<Value> = members.iter().step_by(n + 1).map(|id| json!({"value": id})).collect();
            list.extend(ids.last().filter(|_| n % 2 == 0).map(|id| json!({"value": id, "type": "Group"})));
            let mut body = json!({"displayName": format!("{prefix}{}{n}", self.word()), "members": list});
            if n % 3 > 0 {
                body["externalId"] = self.external_id();
            }
            ids.push(voice.post("Group", body.clone()).await.unwrap_or_else(|e| panic!("{e:?} for {body:#}")).id);
        }
        ids
    }

    async fn found(&mut self) {
        let administrator = self.roll.administrator();
        for (slug, seats) in [("moby", json!(7)), ("Whale", json!(12)), ("pod", Value::Null), ("krill", json!(-3))] {
            self.roll.clock.advance(MINUTE);
            let body = json!({"slug": slug, "displayName": self.word(), "seats": seats});
            administrator.post("Organization", body).await.expect("a new organization");
        }
    }

    pub async fn settle_two_connections(&mut self) {
        let roll = self.roll;
        self.found().await;
        let settings = |domain: &str, organizations: Value| json!({"domains": [domain], "anchor": {"namespace": "shared"}, "organizations": organizations});
        let okta = roll.connection("okta", settings("acme.example", json!(["moby"]))).await;
        let entra = roll.connection("entra", settings("whale.example", json!(["moby", "pod"]))).await;
        self.connections = BTreeMap::from([("okta", okta.clone()), ("entra", entra.clone())]);
        let (administrator, okta, entra) = (roll.administrator(), roll.push(&okta), roll.push(&entra));

        let pushed = self.enter(&okta, "@acme.example", 18).await;
        let others = self.enter(&entra, "", 8).await;
        let mut entered = self.enter(&administrator, "@acme.example", 6).await;
        entered.extend(self.enter(&administrator, "@Whale.Example", 4).await);
        entered.extend(self.enter(&administrator, "", 5).await);
        // The other connection pushes some of the same people, in its own words.
        for resource in okta.everything("User").await.iter().filter(|r| r.external_id.is_some()).take(6) {
            let mut body = self.body("");
            body["externalId"] = resource.external_id.clone().into();
            let adopted = entra.post("User", body).await.expect("adopted").id;
            assert_eq!(adopted, resource.id);
        }
        // What an administrator locks, a push goes on saying.
        for (id, cell) in pushed.iter().step_by(4).zip(["title", "emails", "displayName", "name.givenName", "active?"])
        {
            let value = if cell == "emails" {
                json!([{"value": "Locked@acme.example", "type": "work"}])
            } else {
                json!("Locked é")
            };
            if cell != "active?" {
                roll.directory.lock(&roll.tenant, id, cell, Some(value)).await.expect("locked");
            }
        }
        roll.directory.suspend(&roll.tenant, &pushed[3]).await.expect("suspended");
        // What is said and then no longer said.
        for id in pushed.iter().skip(1).step_by(5) {
            let resource = okta.get("User", id).await.expect("there");
            let body = json!({"userName": resource.document.0["userName"], "title": self.word()});
            okta.put("User", id, body).await.expect("restated");
        }

        let groups = self.gather(&okta, "", &pushed, 7).await;
        self.gather(&okta, "moby:", &pushed[..6], 2).await;
        self.gather(&entra, "", &others, 4).await;
        let mut everybody = [pushed.clone(), others, entered].concat();
        everybody.push(groups[1].clone());
        let given = self.gather(&administrator, "", &everybody, 5).await;
        self.gather(&administrator, "pod:", &everybody[..9], 2).await;
        for (person, group) in pushed.iter().zip(given.iter().chain(&groups)) {
            roll.directory.deny(&roll.tenant, person, group).await.expect("denied");
        }
    }

    pub async fn settle_one_connection(&mut self) {
        let roll = self.roll;
        self.found().await;
        let only = roll.first_connection().await;
        self.connections = BTreeMap::from([("default", only.clone())]);
        let (administrator, push) = (roll.administrator(), roll.push(&only));
        let mut people = self.enter(&administrator, "@acme.example", 12).await;
        people.extend(self.enter(&push, "", 12).await);
        self.gather(&push, "", &people[6..], 5).await;
        self.gather(&administrator, "", &people, 4).await;
    }
}
