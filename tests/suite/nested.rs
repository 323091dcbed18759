//! Groups in groups, with cycles: random edits of a push and of an administrator, over the store on both engines, against
//! the least set that the rule gives.
//!
//! Somebody is in a group by a word, or by being in a group that is listed in it; an administrator's deny of a group cuts
//! what comes through it too. `PROPTEST_CASES` sets how many histories are played, as a multiple of proptest's own 256.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestCaseError;
use serde_json::json;
use tokio::runtime::Runtime;

use crate::model::strategy::runner;
use crate::support::Database;
use crate::support::roll::Roll;

const PEOPLE: usize = 2;
const GROUPS: usize = 3;

#[derive(Clone, Copy, Debug)]
enum Edit {
    /// The push takes a person in, or out.
    Person(usize, usize, bool),
    /// The push takes the first group into the second, or out.
    Group(usize, usize, bool),
    Grant(usize, usize),
    Deny(usize, usize),
    Ungrant(usize, usize),
    Switch(usize, bool),
}

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let pair = (0..GROUPS, 0..GROUPS).prop_filter("a group is no member of itself", |(one, other)| one != other);
    let edit = (0..10_usize, 0..PEOPLE, 0..GROUPS, pair, proptest::bool::weighted(0.75)).prop_map(
        |(kind, person, group, (inner, outer), flag)| match kind {
            0..=2 => Edit::Person(person, group, flag),
            3..=5 => Edit::Group(inner, outer, flag),
            6 => Edit::Grant(person, group),
            7 => Edit::Deny(person, group),
            8 => Edit::Ungrant(person, group),
            _ => Edit::Switch(person, flag),
        },
    );
    vec(edit, 6..=16)
}

/// Wrong on purpose; each must differ from the rule in some history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Variant {
    /// Only who is named is a member.
    Flat,
    /// One level, and no more.
    Shallow,
    /// A deny closes the group and leaves the way through it open.
    DenyLeavesTheWay,
    /// A push that takes somebody out of a group also ends what comes through another.
    RemovalCuts,
}

const VARIANTS: [Variant; 4] = [Variant::Flat, Variant::Shallow, Variant::DenyLeavesTheWay, Variant::RemovalCuts];

#[derive(Clone, Debug, Default)]
struct Reference {
    variant: Option<Variant>,
    listed: BTreeSet<(usize, usize)>,
    removed: BTreeSet<(usize, usize)>,
    edges: BTreeSet<(usize, usize)>,
    granted: BTreeSet<(usize, usize)>,
    denied: BTreeSet<(usize, usize)>,
    inactive: BTreeSet<usize>,
}

/// By person: the groups, `true` for direct ones.
type Seen = Vec<BTreeMap<usize, bool>>;

impl Reference {
    fn apply(&mut self, edit: Edit) {
        match edit {
            Edit::Person(person, group, true) => {
                self.listed.insert((person, group));
                self.removed.remove(&(person, group));
            }
            Edit::Person(person, group, false) => {
                self.listed.remove(&(person, group));
                self.removed.insert((person, group));
            }
            Edit::Group(inner, outer, true) => drop(self.edges.insert((inner, outer))),
            Edit::Group(inner, outer, false) => drop(self.edges.remove(&(inner, outer))),
            Edit::Grant(person, group) => {
                self.granted.insert((person, group));
                self.denied.remove(&(person, group));
            }
            Edit::Deny(person, group) => {
                self.denied.insert((person, group));
                self.granted.remove(&(person, group));
            }
            Edit::Ungrant(person, group) => {
                self.denied.remove(&(person, group));
                self.granted.remove(&(person, group));
            }
            Edit::Switch(person, true) => drop(self.inactive.remove(&person)),
            Edit::Switch(person, false) => drop(self.inactive.insert(person)),
        }
    }

    fn seen(&self) -> Seen {
        (0..PEOPLE).map(|person| self.groups_of(person)).collect()
    }

    fn groups_of(&self, person: usize) -> BTreeMap<usize, bool> {
        let mut groups = BTreeMap::new();
        if self.inactive.contains(&person) {
            return groups;
        }
        let is_in = |group: usize| {
            let pair = (person, group);
            self.granted.contains(&pair) || self.listed.contains(&pair)
        };
        let is_open = |group: usize| {
            let cut = self.variant == Some(Variant::RemovalCuts) && self.removed.contains(&(person, group));
            !cut && !self.denied.contains(&(person, group))
        };
        let passes = |group: usize| is_open(group) || self.variant == Some(Variant::DenyLeavesTheWay);
        groups.extend((0..GROUPS).filter(|group| is_in(*group) && passes(*group)).map(|group| (group, true)));
        let mut levels = match self.variant {
            Some(Variant::Flat) => 0,
            Some(Variant::Shallow) => 1,
            _ => GROUPS,
        };
        while levels > 0 {
            let through: Vec<usize> =
                self.edges.iter().filter(|(inner, _)| groups.contains_key(inner)).map(|(_, outer)| *outer).collect();
            for outer in through.into_iter().filter(|outer| passes(*outer)) {
                groups.entry(outer).or_insert(false);
            }
            levels -= 1;
        }
        groups.retain(|group, _| is_open(*group));
        groups
    }
}

/// A tenant with these people and groups, all of them pushed.
struct Pushed {
    roll: Roll,
    okta: String,
    people: Vec<String>,
    groups: Vec<String>,
}

impl Pushed {
    async fn in_new_tenant(first: &Roll, name: &str) -> Self {
        let roll = first.neighbour(name).await;
        let okta = roll.first_connection().await;
        let (mut people, mut groups) = (Vec::new(), Vec::new());
        for person in 0..PEOPLE {
            let body = json!({"userName": format!("p{person}"), "externalId": format!("p{person}")});
            people.push(roll.push(&okta).post("User", body).await.expect("pushed").id);
        }
        for group in 0..GROUPS {
            groups.push(
                roll.push(&okta).post("Group", json!({"displayName": format!("g{group}")})).await.expect("new").id,
            );
        }
        Self { roll, okta, people, groups }
    }

    async fn apply(&self, edit: Edit) {
        let (directory, tenant) = (&self.roll.directory, &self.roll.tenant);
        let member = |id: &str, group: &str, present: bool| {
            let operation = if present {
                json!({"op": "add", "path": "members", "value": [{ "value": id }]})
            } else {
                json!({"op": "remove", "path": format!("members[value eq \"{id}\"]")})
            };
            let group = group.to_owned();
            async move { self.roll.push(&self.okta).patch("Group", &group, operation).await.map(drop) }
        };
        let done = match edit {
            Edit::Person(person, group, present) => member(&self.people[person], &self.groups[group], present).await,
            Edit::Group(inner, outer, present) => member(&self.groups[inner], &self.groups[outer], present).await,
            Edit::Grant(person, group) => {
                directory.grant(tenant, &self.people[person], &self.groups[group], None).await
            }
            Edit::Deny(person, group) => directory.deny(tenant, &self.people[person], &self.groups[group]).await,
            Edit::Ungrant(person, group) => directory.ungrant(tenant, &self.people[person], &self.groups[group]).await,
            Edit::Switch(person, active) => {
                let operation = json!({"op": "replace", "path": "active", "value": active});
                self.roll.push(&self.okta).patch("User", &self.people[person], operation).await.map(drop)
            }
        };
        done.unwrap_or_else(|error| panic!("{edit:?}: {error}"));
    }

    fn group(&self, id: &str) -> usize {
        self.groups.iter().position(|group| group == id).expect("one of them")
    }

    async fn seen(&self) -> Seen {
        let users = self.roll.reader().everything("User").await;
        let groups = self.people.iter().map(|id| {
            let user = users.iter().find(|user| user.id == *id).expect("nobody goes");
            user.groups.iter().flatten().map(|group| (self.group(&group.value), group.kind == "direct")).collect()
        });
        groups.collect()
    }

    /// The same by asking for each group who is in it.
    async fn found(&self) -> Vec<BTreeSet<usize>> {
        let mut found = vec![BTreeSet::new(); PEOPLE];
        for (group, id) in self.groups.iter().enumerate() {
            for person in self.roll.reader().ids("User", &format!("groups.value eq \"{id}\"")).await.expect("a list") {
                let at = self.people.iter().position(|id| *id == person).expect("one of them");
                found[at].insert(group);
            }
        }
        found
    }
}

fn agrees(runtime: &Runtime, database: Database, cases: u32) {
    let first = runtime.block_on(Roll::open(database));
    let wanted = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    let (tenants, applied) = (Cell::new(0), Cell::new(0));
    let cases = (cases * wanted.unwrap_or(256)).div_ceil(256);
    let test = |edits: Vec<Edit>| {
        tenants.set(tenants.get() + 1);
        runtime.block_on(async {
            let pushed = Pushed::in_new_tenant(&first, &format!("t{}", tenants.get())).await;
            let mut reference = Reference::default();
            for (at, edit) in edits.iter().enumerate() {
                pushed.apply(*edit).await;
                reference.apply(*edit);
                let (expected, seen) = (reference.seen(), pushed.seen().await);
                let by_filter: Vec<BTreeSet<usize>> =
                    expected.iter().map(|groups| groups.keys().copied().collect()).collect();
                if seen != expected || pushed.found().await != by_filter {
                    let story = &edits[..=at];
                    return Err(TestCaseError::fail(format!(
                        "{story:?}\n  expected {expected:?}\n  found    {seen:?}"
                    )));
                }
                applied.set(applied.get() + 1);
            }
            pushed.roll.verified().await;
            Ok(())
        })
    };
    if let Err(failure) = runner(71, cases).run(&edits(), test) {
        panic!("{failure}");
    }
    println!("{cases} histories, {} edits", applied.get());
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

mod groups_in_groups_agree_with_the_reference {
    use super::*;

    #[test]
    fn sqlite() {
        agrees(&runtime(), Database::sqlite(), 40);
    }

    #[test]
    fn postgres() {
        let runtime = runtime();
        let database = runtime.block_on(Database::postgres());
        agrees(&runtime, database, 10);
    }
}

#[test]
fn every_broken_rule_of_nesting_shows_in_some_history() {
    for variant in VARIANTS {
        let mut runner = runner(71, 1000);
        let caught = (0..1000).find(|_| {
            let edits = edits().new_tree(&mut runner).expect("a history can be made").current();
            let mut rule = Reference::default();
            let mut broken = Reference { variant: Some(variant), ..Reference::default() };
            edits.into_iter().any(|edit| {
                rule.apply(edit);
                broken.apply(edit);
                rule.seen() != broken.seen()
            })
        });
        println!("{variant:?}: {caught:?}");
        assert!(caught.is_some(), "{variant:?} shows in no history");
    }
}

/// Found by the histories above.
#[test]
fn a_deny_of_a_group_cuts_what_comes_through_it() {
    let runtime = runtime();
    let first = runtime.block_on(Roll::open(Database::sqlite()));
    runtime.block_on(async {
        let pushed = Pushed::in_new_tenant(&first, "one").await;
        for edit in [Edit::Person(0, 0, true), Edit::Group(0, 1, true), Edit::Group(1, 2, true), Edit::Deny(0, 1)] {
            pushed.apply(edit).await;
        }
        assert_eq!(pushed.seen().await[0], BTreeMap::from([(0, true)]));
        assert_eq!(pushed.found().await[0], BTreeSet::from([0]));
    });
}
