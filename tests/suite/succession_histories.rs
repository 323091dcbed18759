//! Two connections with one anchor namespace, of which one may become the other's successor, and anchors that change: what
//! must be true after every event of a random history, over the store on both engines.
//!
//! - Whom the successor pushes or has signed in is none of the predecessor's: no record, no link, no list of it is left.
//! - What the predecessor does to such a person is refused and changes nothing that anybody sees.
//! - Nobody is locked out: an account that was active and is pushed as active by its successor keeps its id and is active, and an
//!   administrator's grant stands.
//! - An anchor by which nobody pushes the person any more leads nobody there: a new subject that shows it is refused.
//!
//! `PROPTEST_CASES` sets how many histories are played, as a multiple of proptest's own 256.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use rollkeeper::auth::egress::{Egress, EgressPolicy};
use rollkeeper::auth::jwks::Jwks;
use rollkeeper::directory::{ListChange, Succession};
use rollkeeper::jit::claims::Statement;
use rollkeeper::jit::login::Logins;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::model::strategy::runner;
use crate::support::Database;
use crate::support::roll::{MINUTE, Roll, outcome};

const PEOPLE: [&str; 2] = ["p", "q"];
const CONNECTIONS: [&str; 2] = ["old", "new"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    /// POST, or PUT of whom the connection pushes already.
    Push(usize, usize, bool),
    Delete(usize, usize),
    List(usize, usize),
    /// The push says another `externalId`: the next one.
    Rename(usize, usize),
    /// A sign-in that shows the anchor of this many renames ago; `true`: by a subject that nobody has seen.
    Login(usize, usize, usize, bool),
    Grant(usize),
    Declare,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = (0..16_usize, 0..2_usize, 0..PEOPLE.len(), 0..2_usize, proptest::bool::weighted(0.8)).prop_map(
        |(kind, connection, person, back, flag)| match kind {
            0..=4 => Event::Push(connection, person, flag),
            5 => Event::Delete(connection, person),
            6..=7 => Event::List(connection, person),
            8..=9 => Event::Rename(connection, person),
            10..=13 => Event::Login(connection, person, back, !flag),
            14 => Event::Grant(person),
            _ => Event::Declare,
        },
    );
    // What leads to a succession, most of it most of the time, and then anything.
    let usual = [
        Event::Push(0, 0, true),
        Event::Push(0, 1, true),
        Event::Login(0, 0, 0, false),
        Event::Grant(0),
        Event::Rename(0, 0),
        Event::Login(0, 0, 1, true),
        Event::Declare,
        Event::Push(1, 0, true),
        Event::Login(1, 1, 0, false),
        Event::Rename(1, 0),
    ];
    let happens = vec(proptest::bool::weighted(0.8), usual.len());
    (happens, vec(event, 2..=10)).prop_map(move |(happens, rest)| {
        let usual = usual.into_iter().zip(happens).filter(|(_, happens)| *happens).map(|(event, _)| event);
        usual.chain(rest).collect()
    })
}

struct Place {
    roll: Roll,
    connections: Vec<String>,
    crew: String,
    granted: String,
    /// How often each person's anchor was changed, and how many subjects have signed in.
    renames: [Cell<usize>; 2],
    subjects: Cell<usize>,
    declared: Cell<bool>,
    /// How often the predecessor spoke of somebody whom it had lost, and a retired anchor was shown.
    tried: [Cell<u32>; 2],
}

/// By name: the id, whether active, the groups.
type Seen = BTreeMap<String, (String, Option<bool>, BTreeSet<String>)>;

impl Place {
    async fn in_new_tenant(first: &Roll, name: &str) -> Self {
        let roll = first.neighbour(name).await;
        let settings = |domains: Value| json!({"domains": domains, "anchor": {"claim": "oid", "namespace": "acme"}});
        let old = roll.connection("old", settings(json!(["acme.example"]))).await;
        let new = roll.connection("new", settings(json!([]))).await;
        let group = async |name: &str| {
            roll.administrator().post("Group", json!({ "displayName": name })).await.expect("a group").id
        };
        let (crew, granted) = (group("crew").await, group("granted").await);
        let (renames, subjects, declared) = (Default::default(), Cell::new(0), Cell::new(false));
        let tried = Default::default();
        Self { connections: vec![old, new], crew, granted, renames, subjects, declared, tried, roll }
    }

    fn anchor(&self, person: usize, back: usize) -> String {
        // Shaped as object ids are: a name joins nobody who is pushed by another id.
        format!("0000000{person}-0000-4000-8000-{:012}", self.renames[person].get().saturating_sub(back))
    }

    async fn person(&self, person: usize) -> Option<String> {
        let filter = format!("userName eq \"{}@acme.example\"", PEOPLE[person]);
        self.roll.reader().ids("User", &filter).await.expect("a list").pop()
    }

    /// The id of whom the connection pushes by this name, and by which `externalId`.
    async fn record(&self, connection: usize, person: usize) -> Option<(String, Option<String>)> {
        let push = self.roll.push(&self.connections[connection]);
        let name = format!("{}@acme.example", PEOPLE[person]);
        let all = push.everything("User").await.into_iter().filter(|user| !user.limited);
        all.filter(|user| user.document.0["userName"] == name.as_str()).map(|user| (user.id, user.external_id)).next()
    }

    async fn knows(&self, connection: usize, id: &str) -> bool {
        let of = &self.connections[connection];
        let known = self.roll.directory.identities(&self.roll.tenant, id).await.expect("read");
        known.records.iter().any(|record| record.connection == *of)
            || known.links.iter().any(|link| link.connection == *of)
    }

    /// Of whom both connections speak.
    async fn shared(&self, seen: &Seen) -> BTreeSet<String> {
        let mut shared = BTreeSet::new();
        for (id, ..) in seen.values() {
            if self.knows(0, id).await && self.knows(1, id).await {
                shared.insert(id.clone());
            }
        }
        shared
    }

    async fn seen(&self) -> Seen {
        let users = self.roll.reader().everything("User").await;
        let of = |user: rollkeeper::directory::Resource| {
            let groups = user.groups.into_iter().flatten().map(|group| group.value).collect();
            (user.document.0["userName"].as_str().unwrap_or_default().to_owned(), (user.id, user.active, groups))
        };
        users.into_iter().map(of).collect()
    }

    async fn signs_in(&self, connection: usize, person: usize, anchor: &str, subject: String) -> String {
        let keys = Jwks::new(Egress::new(EgressPolicy::default()), self.roll.clock.clone());
        let logins = Logins { directory: self.roll.directory.clone(), keys };
        let name = format!("{}@acme.example", PEOPLE[person]);
        let claims = json!({"oid": anchor, "email": name, "email_verified": true, "preferred_username": name});
        let Value::Object(claims) = claims else { unreachable!("an object") };
        let stamp = self.roll.clock.now();
        let statement = Statement { subject, stamp, claims, evidence: format!("{stamp}") };
        match logins.present(&self.roll.tenant, &self.connections[connection], &statement, None, false).await {
            Ok(_) => "ok".to_owned(),
            Err(refused) => refused.code.to_owned(),
        }
    }

    /// What was answered, `ok` if it was done.
    async fn apply(&self, event: Event) -> String {
        let (directory, tenant) = (&self.roll.directory, &self.roll.tenant);
        let nobody = || "nobody".to_owned();
        match event {
            Event::Push(connection, person, active) => {
                let push = self.roll.push(&self.connections[connection]);
                let record = self.record(connection, person).await;
                let anchor = record.as_ref().and_then(|(_, anchor)| anchor.clone());
                let anchor = anchor.unwrap_or_else(|| self.anchor(person, 0));
                let name = format!("{}@acme.example", PEOPLE[person]);
                let body = json!({"userName": name, "externalId": anchor, "active": active});
                match record {
                    Some((id, _)) => outcome(&push.put("User", &id, body).await),
                    None => outcome(&push.post("User", body).await),
                }
            }
            Event::Delete(connection, person) => {
                let Some(id) = self.person(person).await else { return nobody() };
                outcome(&self.roll.push(&self.connections[connection]).delete("User", &id).await)
            }
            Event::List(connection, person) => {
                let Some(id) = self.person(person).await else { return nobody() };
                let add = ListChange::Add(vec![id]);
                outcome(&directory.push_list(tenant, &self.connections[connection], &self.crew, &add).await)
            }
            Event::Rename(connection, person) => {
                let Some((id, _)) = self.record(connection, person).await else { return nobody() };
                self.renames[person].set(self.renames[person].get() + 1);
                let operation = json!({"op": "replace", "path": "externalId", "value": self.anchor(person, 0)});
                outcome(&self.roll.push(&self.connections[connection]).patch("User", &id, operation).await)
            }
            Event::Login(connection, person, back, is_new) => {
                let mut subject = format!("{}-{}", CONNECTIONS[connection], PEOPLE[person]);
                if is_new {
                    self.subjects.set(self.subjects.get() + 1);
                    subject = format!("{subject}-{}", self.subjects.get());
                }
                self.signs_in(connection, person, &self.anchor(person, back), subject).await
            }
            Event::Grant(person) => {
                let Some(id) = self.person(person).await else { return nobody() };
                outcome(&directory.grant(tenant, &id, &self.granted, None).await)
            }
            Event::Declare => {
                let succession = Succession { predecessor: "old".to_owned(), domains: None };
                let declared = directory.succeed_connection(tenant, "new", &succession, true, (None, 0)).await;
                self.declared.set(true);
                outcome(&declared)
            }
        }
    }

    async fn holds(&self, event: Event) -> Result<(), String> {
        self.roll.clock.advance(MINUTE);
        let before = self.seen().await;
        let (connection, person) = match event {
            Event::Push(connection, person, _)
            | Event::Delete(connection, person)
            | Event::List(connection, person)
            | Event::Rename(connection, person)
            | Event::Login(connection, person, ..) => (Some(connection), Some(person)),
            Event::Grant(person) => (None, Some(person)),
            Event::Declare => (None, None),
        };
        let id = match person {
            Some(person) => self.person(person).await,
            None => None,
        };
        // Of whom both spoke before the declaration both go on speaking, until the successor claims them anew.
        let succeeded = match &id {
            Some(id) => self.declared.get() && self.knows(1, id).await && !self.knows(0, id).await,
            None => false,
        };
        // Whose anchor is it that a sign-in shows?
        let retired = match event {
            Event::Login(connection, person, back, true) if back > 0 => {
                let shown = Some(self.anchor(person, back));
                let (own, other) = (self.record(connection, person).await, self.record(1 - connection, person).await);
                own.is_some_and(|(_, anchor)| anchor.is_some() && anchor != shown)
                    && other.is_none_or(|(_, anchor)| anchor != shown)
            }
            _ => false,
        };
        let tries = [succeeded && connection == Some(0), retired];
        for (tried, _) in self.tried.iter().zip(tries).filter(|(_, tries)| *tries) {
            tried.set(tried.get() + 1);
        }
        let shared = self.shared(&before).await;
        let answer = self.apply(event).await;
        let after = self.seen().await;
        let check = |holds: bool, what: &str| {
            if holds { Ok(()) } else { Err(format!("{event:?}: {answer}: {what}\n  {before:?}\n  {after:?}")) }
        };
        if succeeded && connection == Some(0) {
            check(answer != "ok", "the predecessor was obeyed")?;
            check(before == after, "the predecessor changed something")?;
        }
        check(!(retired && answer == "ok"), "a retired anchor led to somebody")?;
        if let Event::Push(1, _, true) = event
            && answer == "ok"
            && let Some(id) = &id
        {
            let now = after.values().find(|(of, ..)| of == id);
            check(now.is_some_and(|(_, active, _)| *active == Some(true)), "somebody was locked out")?;
        }
        for (name, (id, active, groups)) in &after {
            let was = before.get(name).filter(|(was, ..)| was == id);
            let kept = was.is_none_or(|(_, _, were)| !were.contains(&self.granted) || groups.contains(&self.granted));
            check(kept || *active != Some(true), "a grant was lost")?;
        }
        let newly: Vec<String> = self.shared(&after).await.difference(&shared).cloned().collect();
        check(newly.is_empty() || !self.declared.get(), "both speak of somebody whom one of them took over")?;
        Ok(())
    }
}

fn plays(runtime: &Runtime, database: Database, cases: u32) {
    let first = runtime.block_on(Roll::open(database));
    let wanted = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    let (tenants, applied) = (Cell::new(0), Cell::new(0));
    let tried = [Cell::new(0), Cell::new(0)];
    let cases = (cases * wanted.unwrap_or(256)).div_ceil(256);
    let test = |events: Vec<Event>| {
        tenants.set(tenants.get() + 1);
        runtime.block_on(async {
            let place = Place::in_new_tenant(&first, &format!("t{}", tenants.get())).await;
            for (at, event) in events.iter().enumerate() {
                if let Err(difference) = place.holds(*event).await {
                    return Err(TestCaseError::fail(format!("{:?}\n{difference}", &events[..=at])));
                }
                applied.set(applied.get() + 1);
            }
            place.roll.verified().await;
            tried.iter().zip(&place.tried).for_each(|(all, here)| all.set(all.get() + here.get()));
            Ok(())
        })
    };
    if let Err(failure) = runner(81, cases).run(&events(), test) {
        panic!("{failure}");
    }
    println!("{cases} histories, {} events, tried {tried:?}", applied.get());
    assert!(tried.iter().all(|tried| tried.get() > 0), "what is forbidden was never tried: {tried:?}");
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

mod a_successor_takes_over_whatever_comes_when {
    use super::*;

    #[test]
    fn sqlite() {
        plays(&runtime(), Database::sqlite(), 25);
    }

    #[test]
    fn postgres() {
        let runtime = runtime();
        let database = runtime.block_on(Database::postgres());
        plays(&runtime, database, 6);
    }
}
