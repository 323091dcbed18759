//! Pages by index and by cursor against the evaluator: random filters and orders over random people, groups and
//! organizations, of one type and of all of them, asked by every kind of reader; and whatever happens between two pages,
//! what stays is seen exactly once.
//!
//! `PROPTEST_CASES` and `PROPTEST_RNG_SEED` hunt wider.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngSeed, TestError, TestRunner};
use rollkeeper::directory::{ByCursor, Limits, Query, Range, Resource};
use rollkeeper::scim::filter::{Bound, Filter, Place, bind_each, sort_places};
use rollkeeper::scim::key::Key;
use rollkeeper::scim::resource_type::{Registry, ResourceType};
use serde_json::json;

use crate::search::facts::{Complete, sort_key, sortable};
use crate::search::filters::filters;
use crate::search::populace::Populace;
use crate::support::both_engines;
use crate::support::roll::{Answer, EVERYTHING, Roll, Voiced, all};

both_engines! {
    async fn pages_hold_what_the_evaluator_finds(database: Database) {
        let roll = Roll::open(database).await;
        let mut runner = TestRunner::new(config(0, 1));
        let mut many = Populace::new(&roll, &mut runner);
        many.settle_two_connections().await;
        let solo = roll.neighbour("solo").await;
        let mut one = Populace::new(&solo, &mut runner);
        one.settle_one_connection().await;

        for (roll, people) in [(&roll, &many), (&solo, &one)] {
            let mut voices = vec![("an administrator", roll.administrator())];
            voices.extend(people.connections.iter().map(|(name, id)| (*name, roll.push(id))));
            for (name, voice) in voices {
                let mut seen: BTreeMap<&str, Vec<Resource>> = BTreeMap::new();
                for kind in ["User", "Group", "Organization"] {
                    seen.insert(kind, voice.everything(kind).await);
                }
                for kind in ["User", "Group", "Organization"] {
                    pages_agree(&voice, &[roll.kind(kind)], kind, &seen, name);
                    pages_agree(&voice, &Registry::builtin().types, kind, &seen, name);
                }
            }
        }
    }

    async fn what_stays_is_seen_once_whatever_happens_between_pages(database: Database) {
        let roll = Roll::open(database).await;
        let connection = roll.first_connection().await;
        let push = roll.push(&connection);
        let mut runner = TestRunner::new(config(1, 1));
        let mut count = 0;
        for _ in 0..12 {
            let story = stories().new_tree(&mut runner).expect("a story").current();
            tell(&roll, &push, &story, &mut count).await;
        }
        roll.verified().await;
    }
}

/// `salt` makes another sequence of cases.
fn config(salt: u64, share: u32) -> Config {
    let given = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let cases = given("PROPTEST_CASES").and_then(|n| u32::try_from(n).ok()).unwrap_or(4);
    let rng_seed = RngSeed::Fixed(given("PROPTEST_RNG_SEED").unwrap_or(1).wrapping_add(salt));
    Config {
        cases: cases.div_ceil(share),
        rng_seed,
        failure_persistence: None,
        max_shrink_iters: 500,
        ..Config::default()
    }
}

// ------------------------------------------------------------------------------------------------ filters and orders

/// Filters and orders of `about`, asked of these types.
fn pages_agree(
    voice: &Voiced<'_>,
    kinds: &[Arc<ResourceType>],
    about: &str,
    seen: &BTreeMap<&str, Vec<Resource>>,
    name: &str,
) {
    let world = format!("{} type(s), {about} as {name} sees them", kinds.len());
    let filter = prop_oneof![1 => Just(None), 4 => filters(about, &seen[about]).prop_map(Some)];
    let sort_by = prop_oneof![1 => Just(None), 4 => prop::sample::select(sortable(about)).prop_map(Some)];
    let cases = (filter, sort_by, any::<bool>(), 5_i64..40);
    let mut runner = TestRunner::new(config(world.len() as u64, 1));
    let outcome = runner.run(&cases, |(filter, sort_by, descending, size)| {
        let query = Query { filter, sort_by: sort_by.map(str::to_owned), descending, count: size, ..all() };
        let expected = expected(kinds, seen, &query);
        let asked =
            tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(walk(voice, kinds, &query)));
        match (expected, asked) {
            (None, Err(_)) => Ok(()),
            (Some(expected), Ok((by_index, by_cursor))) => {
                prop_assert_eq!(&by_index, &expected, "by index");
                prop_assert_eq!(&by_cursor, &expected, "by cursor");
                Ok(())
            }
            (expected, asked) => Err(TestCaseError::fail(format!("{expected:?} and {:?}", asked.err()))),
        }
    });
    if let Err(TestError::Fail(reason, case)) = &outcome {
        panic!("{world}: {case:?}\n{reason}");
    }
    outcome.expect("the property holds");
}

/// What the evaluator finds, in memory's order; `None` where the query cannot be asked.
fn expected(kinds: &[Arc<ResourceType>], seen: &BTreeMap<&str, Vec<Resource>>, query: &Query) -> Option<Vec<String>> {
    let types: Vec<&ResourceType> = kinds.iter().map(|kind| &**kind).collect();
    let filters = match &query.filter {
        Some(text) => bind_each(&Filter::parse(text).expect("it parses"), &types).ok()?,
        None => vec![Bound::All; types.len()],
    };
    let places: Vec<Option<Place>> = match &query.sort_by {
        Some(path) => sort_places(&types, path).ok()?,
        None => vec![None; types.len()],
    };
    let mut found: Vec<(bool, Option<Key>, String)> = Vec::new();
    for ((kind, filter), place) in types.iter().zip(&filters).zip(&places) {
        for resource in seen.get(kind.name.as_str()).into_iter().flatten() {
            let complete = Complete::of(resource);
            if complete.with(kind, |facts| filter.matches(facts)) {
                let key = complete.with(kind, |facts| place.as_ref().and_then(|place| sort_key(place, facts)));
                found.push((key.is_none(), key, resource.id.clone()));
            }
        }
    }
    found.sort();
    if query.descending && query.sort_by.is_some() {
        found.reverse();
    }
    Some(found.into_iter().map(|(_, _, id)| id).collect())
}

/// All pages by index, and all by cursor.
async fn walk(voice: &Voiced<'_>, kinds: &[Arc<ResourceType>], query: &Query) -> Answer<(Vec<String>, Vec<String>)> {
    let range = range(kinds);
    let (mut by_index, mut by_cursor) = (Vec::new(), Vec::new());
    loop {
        let start_index = i64::try_from(by_index.len()).expect("few") + 1;
        let page = voice.page(range, &Query { start_index, ..query.clone() }, None).await?;
        let (total, before) = (page.total, by_index.len());
        by_index.extend(page.resources.into_iter().map(|resource| resource.id));
        if i64::try_from(by_index.len()) == Ok(total) || by_index.len() == before {
            break;
        }
    }
    let mut asked = first(query.count);
    loop {
        let page = voice.page(range, query, Some(&asked)).await?;
        assert_eq!(usize::try_from(page.total), Ok(by_index.len()), "the total is that of all matches");
        by_cursor.extend(page.resources.into_iter().map(|resource| resource.id));
        asked.cursor = page.cursors.expect("a page by cursor").next;
        if asked.cursor.is_none() {
            return Ok((by_index, by_cursor));
        }
        assert!(by_cursor.len() < 10_000, "the list does not end");
    }
}

fn range(kinds: &[Arc<ResourceType>]) -> Range<'_> {
    match kinds {
        [one] => Range::One(one),
        all => Range::All(all),
    }
}

fn first(count: i64) -> ByCursor {
    ByCursor { cursor: None, count: Some(count), limits: Limits::default() }
}

// ------------------------------------------------------------------------------------------------ between pages

#[derive(Clone, Copy, Debug)]
enum Happening {
    /// Somebody comes, with this word as name and title.
    Comes(u8),
    /// The so-many-th of all goes.
    Goes(prop::sample::Index),
    /// What a page was not sorted by changes.
    Changes(prop::sample::Index),
}

#[derive(Clone, Debug)]
struct Story {
    sort_by: Option<&'static str>,
    descending: bool,
    size: i64,
    people: Vec<(u8, bool)>,
    between: Vec<Vec<Happening>>,
}

fn stories() -> impl Strategy<Value = Story> {
    let happening = prop_oneof![
        any::<u8>().prop_map(Happening::Comes),
        any::<prop::sample::Index>().prop_map(Happening::Goes),
        any::<prop::sample::Index>().prop_map(Happening::Changes),
    ];
    (
        prop::sample::select(vec![None, Some("userName"), Some("title"), Some("meta.created"), Some("externalId")]),
        any::<bool>(),
        1_i64..5,
        prop::collection::vec(any::<(u8, bool)>(), 8..16),
        prop::collection::vec(prop::collection::vec(happening, 0..3), 20),
    )
        .prop_map(|(sort_by, descending, size, people, between)| Story {
            sort_by,
            descending,
            size,
            people,
            between,
        })
}

async fn tell(roll: &Roll, push: &Voiced<'_>, story: &Story, count: &mut u32) {
    let mut there: BTreeSet<String> = BTreeSet::new();
    for (word, titled) in &story.people {
        there.insert(somebody(roll, push, *word, *titled, count).await);
    }
    let users = [roll.kind("User")];
    let before: BTreeSet<String> = push.everything("User").await.into_iter().map(|resource| resource.id).collect();
    let query = Query { sort_by: story.sort_by.map(str::to_owned), descending: story.descending, ..all() };
    let mut asked = first(story.size);
    let mut seen: Vec<String> = Vec::new();
    let mut between = story.between.iter();
    loop {
        let page = push.page(Range::One(&users[0]), &query, Some(&asked)).await.expect("a page");
        seen.extend(page.resources.into_iter().map(|resource| resource.id));
        asked.cursor = page.cursors.expect("a page by cursor").next;
        if asked.cursor.is_none() {
            break;
        }
        for happening in between.next().into_iter().flatten() {
            let everybody: Vec<&String> = there.iter().collect();
            match happening {
                Happening::Comes(word) => {
                    let id = somebody(roll, push, *word, *word % 2 == 0, count).await;
                    there.insert(id);
                }
                Happening::Goes(at) if !everybody.is_empty() => {
                    let id = everybody[at.index(everybody.len())].clone();
                    push.delete("User", &id).await.expect("gone");
                    there.remove(&id);
                }
                Happening::Changes(at) if !everybody.is_empty() => {
                    roll.clock.advance(1);
                    let change = json!({"op": "replace", "path": "nickName", "value": format!("n{count}")});
                    push.patch("User", everybody[at.index(everybody.len())], change).await.expect("changed");
                }
                Happening::Goes(_) | Happening::Changes(_) => {}
            }
        }
    }
    let once: BTreeSet<&String> = seen.iter().collect();
    assert_eq!(once.len(), seen.len(), "nobody is doubled: {story:?}");
    let after: BTreeSet<String> = push.everything("User").await.into_iter().map(|resource| resource.id).collect();
    let skipped: Vec<&String> = before.intersection(&after).filter(|id| !once.contains(id)).collect();
    assert!(skipped.is_empty(), "{skipped:?} were skipped: {story:?}");
    for id in there {
        push.delete("User", &id).await.expect("gone");
    }
    assert_eq!(push.search("User", Query { wants: EVERYTHING, ..all() }).await.expect("a list").total, 0);
}

async fn somebody(roll: &Roll, push: &Voiced<'_>, word: u8, titled: bool, count: &mut u32) -> String {
    *count += 1;
    roll.clock.advance(i64::from(word % 2));
    let mut body = json!({"userName": format!("{}-{count}", word % 16)});
    if titled {
        body["title"] = format!("t{}", word % 4).into();
        body["externalId"] = format!("{}-{count}", word % 16).into();
    }
    push.post("User", body).await.expect("a new user").id
}
