//! What SQL finds is what the evaluator finds: random people, groups and organizations, written by an administrator and
//! by the pushes of two connections, and random filters over everything that the schemas have, asked by each of them.
//!
//! One database per engine and many filters on it. `PROPTEST_CASES` and `PROPTEST_RNG_SEED` hunt wider.

mod support;

use std::cell::RefCell;
use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngSeed, TestError, TestRunner};
use rollkeeper::directory::{Query, Resource};
use rollkeeper::scim::filter::{Facts, Filter, Indexed, Linked, Place, bind, sort_place};
use rollkeeper::scim::key::{self, Key};
use rollkeeper::scim::resource_type::ResourceType;
use serde_json::{Map, Value, json};
use support::both_engines;
use support::roll::{BASE, MINUTE, Roll, Voiced, all};

both_engines! {
    async fn sql_finds_what_the_evaluator_finds(database: Database) {
        let roll = Roll::open(database).await;
        let mut runner = TestRunner::new(config(0));
        let mut many = Populace::new(&roll, &mut runner);
        many.settle_two_connections().await;
        let solo = roll.neighbour("solo").await;
        let mut one = Populace::new(&solo, &mut runner);
        one.settle_one_connection().await;
        roll.verified().await;
        solo.verified().await;

        for (roll, people) in [(&roll, &many), (&solo, &one)] {
            let mut voices = vec![("an administrator", roll.administrator())];
            voices.extend(people.connections.iter().map(|(name, id)| (*name, roll.push(id))));
            for (name, voice) in voices {
                for kind in ["User", "Group", "Organization"] {
                    let seen = voice.everything(kind).await;
                    let world = format!("{kind} as {name} sees them ({} in all)", seen.len());
                    filters_agree(roll, &voice, kind, &seen, &world);
                    sorting_agrees(roll, &voice, kind, &seen, &world).await;
                }
            }
        }
    }
}

/// `salt` makes another sequence of cases.
fn config(salt: u64) -> Config {
    let given = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let cases = given("PROPTEST_CASES").and_then(|n| u32::try_from(n).ok()).unwrap_or(120);
    let rng_seed = RngSeed::Fixed(given("PROPTEST_RNG_SEED").unwrap_or(1).wrapping_add(salt));
    Config { cases, rng_seed, failure_persistence: None, max_shrink_iters: 5_000, ..Config::default() }
}

// ------------------------------------------------------------------------------------------------ filters

fn filters_agree(roll: &Roll, voice: &Voiced<'_>, kind: &str, seen: &[Resource], world: &str) {
    let resource_type = roll.kind(kind);
    let found_something = RefCell::new(0);
    // A runner counts its cases only once, so each world has its own.
    let mut runner = TestRunner::new(config(world.len() as u64));
    let outcome = runner.run(&filters(kind, seen), |text| {
        let filter = Filter::parse(&text).map_err(|e| TestCaseError::fail(format!("{text}: {e}")))?;
        let bound = bind(&filter, &resource_type);
        let answer = tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(voice.ids(kind, &text)));
        let (bound, answer) = match (bound, answer) {
            (Ok(bound), Ok(answer)) => (bound, answer),
            (Err(_), Err(_)) => return Ok(()),
            (bound, answer) => {
                return Err(TestCaseError::fail(format!("{text}: bind {:?}, answer {answer:?}", bound.err())));
            }
        };
        let expected: Vec<String> = seen
            .iter()
            .filter(|resource| Complete::of(resource).with(&resource_type, |facts| bound.matches(facts)))
            .map(|resource| resource.id.clone())
            .collect();
        if !expected.is_empty() && expected.len() < seen.len() {
            *found_something.borrow_mut() += 1;
        }
        if answer != expected {
            let told: Vec<String> = seen
                .iter()
                .filter(|resource| answer.contains(&resource.id) != expected.contains(&resource.id))
                .take(2)
                .map(|resource| {
                    let Resource { id, external_id, version, document, members, groups, .. } = resource;
                    let said = answer.contains(id);
                    format!("SQL says {said}: {id} {external_id:?} {version} {document:?} {members:?} {groups:?}")
                })
                .collect();
            return Err(TestCaseError::fail(format!("{text}\n{bound:?}\n{}", told.join("\n"))));
        }
        Ok(())
    });
    if let Err(TestError::Fail(reason, text)) = &outcome {
        panic!("{world}: filter {text}\n{reason}");
    }
    outcome.expect("the property holds");
    if seen.len() > 10 {
        assert!(found_something.into_inner() > 9, "{world}: hardly a filter told anybody from anybody");
    }
}

/// A resource with what evaluation looks at: references as the client knows them.
struct Complete<'a> {
    resource: &'a Resource,
    location: String,
    members: Vec<Linked>,
    groups: Vec<Linked>,
}

impl<'a> Complete<'a> {
    fn of(resource: &'a Resource) -> Self {
        let absolute = |links: &Option<Vec<Linked>>| {
            let links = links.iter().flatten().cloned();
            links.map(|link| Linked { reference: format!("{BASE}{}", link.reference), ..link }).collect()
        };
        let endpoint = resource.kind.endpoint.trim_start_matches('/');
        Self {
            resource,
            location: format!("{BASE}{endpoint}/{}", resource.id),
            members: absolute(&resource.members),
            groups: absolute(&resource.groups),
        }
    }

    fn with<T>(&self, kind: &ResourceType, look: impl FnOnce(&Facts<'_>) -> T) -> T {
        let resource = self.resource;
        look(&Facts {
            id: &resource.id,
            kind,
            external_id: resource.external_id.as_deref(),
            active: resource.active,
            created: resource.created,
            modified: resource.modified,
            version: resource.version,
            location: &self.location,
            document: &resource.document,
            members: &self.members,
            groups: &self.groups,
        })
    }
}

/// What kind of literal an attribute is compared with.
#[derive(Clone, Copy, Debug)]
enum Sort {
    Text,
    /// An id, a reference to one, or an `externalId`.
    Name,
    Boolean,
    Moment,
    Number,
    Binary,
    Version,
}

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const CORE_USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const CORE_GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";

fn paths(kind: &str) -> Vec<(String, Sort)> {
    use Sort::*;
    let mut paths: Vec<(String, Sort)> = [
        ("id", Name),
        ("externalId", Name),
        ("meta.created", Moment),
        ("meta.lastModified", Moment),
        ("meta.version", Version),
        ("meta.location", Name),
        ("meta.resourceType", Text),
        ("schemas", Text),
        ("displayName", Text),
    ]
    .map(|(path, sort)| (path.to_owned(), sort))
    .to_vec();
    let own: &[(&str, Sort)] = match kind {
        "User" => &[
            ("userName", Text),
            ("USERNAME", Text),
            ("nickName", Text),
            ("title", Text),
            ("userType", Text),
            ("name.givenName", Text),
            ("name.familyName", Text),
            ("profileUrl", Text),
            ("active", Boolean),
            ("emails", Text),
            ("emails.value", Text),
            ("emails.type", Text),
            ("emails.display", Text),
            ("emails.primary", Boolean),
            ("phoneNumbers.value", Text),
            ("addresses.country", Text),
            ("addresses.locality", Text),
            ("roles", Text),
            ("roles.primary", Boolean),
            ("x509Certificates.value", Binary),
            ("department", Text),
            ("employeeNumber", Text),
            ("groups", Name),
            ("groups.value", Name),
            ("groups.$ref", Name),
            ("groups.display", Text),
            ("groups.type", Text),
        ],
        "Group" => &[
            ("members", Name),
            ("members.value", Name),
            ("members.$ref", Name),
            ("members.display", Text),
            ("members.type", Text),
        ],
        _ => &[("slug", Text), ("seats", Number)],
    };
    paths.extend(own.iter().map(|(path, sort)| ((*path).to_owned(), *sort)));
    match kind {
        "User" => {
            for (path, sort) in [("department", Text), ("manager", Text), ("manager.value", Text)] {
                paths.push((format!("{ENTERPRISE}:{path}"), sort));
            }
            for (path, sort) in [("userName", Text), ("emails.type", Text), ("externalId", Name), ("active", Boolean)] {
                paths.push((format!("{CORE_USER}:{path}"), sort));
            }
        }
        "Group" => paths.push((format!("{CORE_GROUP}:displayName"), Text)),
        _ => {}
    }
    paths
}

/// Attributes that take brackets, with what may stand in them.
fn elements(kind: &str) -> Vec<(&'static str, Vec<(&'static str, Sort)>)> {
    use Sort::*;
    let plural = || vec![("value", Text), ("type", Text), ("display", Text), ("primary", Boolean)];
    let linked = || vec![("value", Name), ("$ref", Name), ("display", Text), ("type", Text)];
    match kind {
        "User" => vec![
            ("emails", plural()),
            ("phoneNumbers", plural()),
            ("roles", plural()),
            ("addresses", vec![("country", Text), ("locality", Text), ("type", Text), ("primary", Boolean)]),
            ("name", vec![("givenName", Text), ("familyName", Text), ("formatted", Text)]),
            ("groups", linked()),
            ("meta", vec![("created", Moment), ("lastModified", Moment)]),
        ],
        "Group" => vec![("members", linked()), ("meta", vec![("created", Moment)])],
        _ => vec![("meta", vec![("created", Moment)])],
    }
}

/// Filters as text, whose literals are often what some resource holds.
fn filters(kind: &str, seen: &[Resource]) -> BoxedStrategy<String> {
    let literals = Literals::of(seen);
    let tests: Vec<(String, Sort)> = paths(kind);
    let test = {
        let literals = literals.clone();
        prop::sample::select(tests).prop_flat_map(move |(path, sort)| literals.test(path, sort))
    };
    let element = prop::sample::select(elements(kind)).prop_flat_map(move |(attribute, parts)| {
        let literals = literals.clone();
        let inner =
            prop::sample::select(parts).prop_flat_map(move |(part, sort)| literals.test(part.to_owned(), sort)).boxed();
        combined(inner, 2).prop_map(move |inner| format!("{attribute}[{inner}]"))
    });
    combined(prop_oneof![3 => test, 1 => element].boxed(), 3)
}

fn combined(leaf: BoxedStrategy<String>, depth: u32) -> BoxedStrategy<String> {
    leaf.prop_recursive(depth, 8, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|part| format!("not ({part})")),
            prop::collection::vec(inner.clone(), 2..4).prop_map(|parts| format!("({})", parts.join(" and "))),
            prop::collection::vec(inner, 2..4).prop_map(|parts| format!("({})", parts.join(" or "))),
        ]
    })
    .boxed()
}

#[derive(Clone)]
struct Literals {
    texts: Vec<String>,
    names: Vec<String>,
    moments: Vec<String>,
}

impl Literals {
    fn of(seen: &[Resource]) -> Self {
        let mut texts: Vec<String> = WORDS.iter().map(|word| (*word).to_owned()).collect();
        let (mut names, mut moments) = (vec!["nobody".to_owned(), BASE.to_owned()], Vec::new());
        for resource in seen {
            leaves(&Value::Object(resource.document.0.clone()), &mut texts);
            names.push(resource.id.clone());
            names.extend(resource.external_id.clone());
            for link in resource.members.iter().chain(&resource.groups).flatten() {
                names.push(link.value.clone());
                names.push(format!("{BASE}{}", link.reference));
                texts.extend(link.display.clone());
            }
            names.push(format!("{BASE}{}/{}", resource.kind.endpoint.trim_start_matches('/'), resource.id));
            for moment in [resource.created, resource.modified] {
                let text = rollkeeper::scim::core::instant(moment).expect("a moment of our time");
                moments.push(text.replace('Z', "+00:00"));
                moments.push(text.replace('Z', "5Z"));
                moments.push(text);
            }
        }
        texts.extend(
            ["direct", "indirect", "User", "Group", "work", "Organization", ENTERPRISE, CORE_GROUP].map(str::to_owned),
        );
        moments.push("2011-05-13T04:42:34Z".to_owned());
        for list in [&mut texts, &mut names, &mut moments] {
            list.sort();
            list.dedup();
        }
        Self { texts, names, moments }
    }

    fn test(&self, path: String, sort: Sort) -> BoxedStrategy<String> {
        let quoted = |text: &str| Value::from(text).to_string();
        let (operators, literal): (&[&str], BoxedStrategy<String>) = match sort {
            Sort::Text => (&OPERATORS, pieces(&self.texts).prop_map(move |text| quoted(&text)).boxed()),
            Sort::Name => (&OPERATORS, pieces(&self.names).prop_map(move |text| quoted(&text)).boxed()),
            Sort::Boolean => {
                (&["eq", "ne"], prop::sample::select(vec!["true", "false", "\"True\""]).prop_map(str::to_owned).boxed())
            }
            Sort::Moment => (
                &["eq", "ne", "gt", "ge", "lt", "le"],
                prop::sample::select(self.moments.clone()).prop_map(move |text| quoted(&text)).boxed(),
            ),
            Sort::Number => (
                &["eq", "ne", "gt", "ge", "lt", "le"],
                prop::sample::select(vec!["0", "-3", "7", "7.0", "12", "2147483648", "1e3", "6.5"])
                    .prop_map(str::to_owned)
                    .boxed(),
            ),
            Sort::Binary => (
                &["eq", "ne"],
                prop::sample::select(vec!["\"TWE=\"", "\"TWFu\"", "\"\""]).prop_map(str::to_owned).boxed(),
            ),
            Sort::Version => (
                &OPERATORS,
                prop::sample::select(vec!["W/\"1\"", "W/\"2\"", "W/\"2-1f\"", "3", "x", "W/", "\"", "w/\"1\""])
                    .prop_map(quoted)
                    .boxed(),
            ),
        };
        let (compared, present) = (path.clone(), path.clone());
        prop_oneof![
            12 => (prop::sample::select(operators.to_vec()), literal)
                .prop_map(move |(operator, literal)| format!("{compared} {operator} {literal}")),
            2 => Just(format!("{present} pr")),
            1 => Just(format!("{path} eq null")),
            1 => Just(format!("{path} ne null")),
        ]
        .boxed()
    }
}

const OPERATORS: [&str; 9] = ["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"];

/// Whole texts, and parts of them in another case.
fn pieces(texts: &[String]) -> BoxedStrategy<String> {
    let whole = prop::sample::select(texts.to_vec());
    let part = (whole.clone(), any::<prop::sample::Index>(), 0_usize..8).prop_map(|(text, at, length)| {
        let chars: Vec<char> = text.chars().collect();
        let from = if chars.is_empty() { 0 } else { at.index(chars.len()) };
        chars.into_iter().skip(from).take(length).collect::<String>()
    });
    prop_oneof![
        4 => whole.clone(),
        1 => whole.clone().prop_map(|text| text.to_uppercase()),
        1 => whole.prop_map(|text| text.chars().take(3).collect()),
        3 => part,
    ]
    .boxed()
}

fn leaves(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::String(text) => texts.push(text.clone()),
        Value::Array(list) => list.iter().for_each(|value| leaves(value, texts)),
        Value::Object(map) => map.values().for_each(|value| leaves(value, texts)),
        _ => {}
    }
}

// ------------------------------------------------------------------------------------------------ sorting

async fn sorting_agrees(roll: &Roll, voice: &Voiced<'_>, kind: &str, seen: &[Resource], world: &str) {
    let resource_type = roll.kind(kind);
    let by: &[&str] = match kind {
        "User" => &[
            "id",
            "externalId",
            "userName",
            "displayName",
            "name.familyName",
            "title",
            "active",
            "emails",
            "emails.type",
            "roles.value",
            "meta.created",
            "meta.lastModified",
            "meta.location",
            "addresses.country",
            "department",
        ],
        "Group" => &["id", "externalId", "displayName", "meta.created", "meta.lastModified"],
        _ => &["slug", "seats", "displayName", "meta.created"],
    };
    for sort_by in by {
        let place = sort_place(&resource_type, sort_by).expect("a place to sort by");
        let mut expected: Vec<(bool, Option<Key>, String)> = seen
            .iter()
            .map(|resource| {
                let key = Complete::of(resource).with(&resource_type, |facts| sort_key(&place, facts));
                (key.is_none(), key, resource.id.clone())
            })
            .collect();
        expected.sort();
        for descending in [false, true] {
            if descending {
                expected.reverse();
            }
            let ids: Vec<&String> = expected.iter().map(|(_, _, id)| id).collect();
            let size = 7;
            let mut paged: Vec<String> = Vec::new();
            for start in (1..).step_by(size).take(seen.len() / size + 2) {
                let query = Query {
                    sort_by: Some((*sort_by).to_owned()),
                    descending,
                    start_index: i64::from(start),
                    count: i64::try_from(size).expect("small"),
                    ..all()
                };
                let page = voice.search(kind, query).await.expect("a page");
                assert_eq!(page.total, i64::try_from(seen.len()).expect("small"), "{world}: total by {sort_by}");
                paged.extend(page.resources.into_iter().map(|resource| resource.id));
            }
            assert!(
                paged.iter().eq(ids.iter().copied()),
                "{world}: by {sort_by}, descending {descending}:\n{paged:#?}\nand not\n{expected:#?}"
            );
        }
    }
}

fn sort_key(place: &Place, facts: &Facts<'_>) -> Option<Key> {
    match place {
        Place::Id | Place::Location => Some(Key(facts.id.to_owned())),
        Place::ExternalId => facts.external_id.map(|text| Key(text.to_owned())),
        Place::Active => facts.active.map(Key::boolean),
        Place::Created => Some(Key::instant(facts.created)),
        Place::LastModified => Some(Key::instant(facts.modified)),
        Place::Indexed(Indexed { attr, .. }) => key::entries(facts.kind, facts.document)
            .into_iter()
            .filter(|row| row.attr == **attr && row.slot == 0)
            .map(|row| row.key)
            .min(),
        other => panic!("{other:?} is not sorted by here"),
    }
}

// ------------------------------------------------------------------------------------------------ the people

/// Folding, normalization, signs that SQL and JSON care about, and long ones that share a beginning.
const WORDS: [&str; 24] = [
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
struct Populace<'a> {
    roll: &'a Roll,
    users: Vec<Map<String, Value>>,
    words: Vec<String>,
    connections: BTreeMap<&'static str, String>,
    count: usize,
}

impl<'a> Populace<'a> {
    fn new(roll: &'a Roll, runner: &mut TestRunner) -> Self {
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

    async fn settle_two_connections(&mut self) {
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

    async fn settle_one_connection(&mut self) {
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
