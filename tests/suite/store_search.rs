//! What SQL finds is what the evaluator finds: random people, groups and organizations, written by an administrator and
//! by the pushes of two connections, and random filters over everything that the schemas have, asked by each of them.
//!
//! One database per engine and many filters on it. `PROPTEST_CASES` and `PROPTEST_RNG_SEED` hunt wider.

use std::cell::RefCell;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngSeed, TestError, TestRunner};
use rollkeeper::directory::{Query, Resource};
use rollkeeper::scim::filter::{Filter, bind, sort_place};
use rollkeeper::scim::key::Key;

use crate::search::facts::{Complete, sort_key, sortable};
use crate::search::filters::filters;
use crate::search::populace::Populace;
use crate::support::both_engines;
use crate::support::roll::{Roll, Voiced, all};

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
    let cases = given("PROPTEST_CASES").and_then(|n| u32::try_from(n).ok()).unwrap_or(80);
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

// ------------------------------------------------------------------------------------------------ sorting

async fn sorting_agrees(roll: &Roll, voice: &Voiced<'_>, kind: &str, seen: &[Resource], world: &str) {
    let resource_type = roll.kind(kind);
    let by = sortable(kind);
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

// ------------------------------------------------------------------------------------------------ a tenant's own schemas

both_engines! {
    async fn sql_finds_what_the_evaluator_finds_by_random_schemas(database: Database) {
        use rollkeeper::directory::Noun;
        use rollkeeper::scim::definition::read_schema;
        use rollkeeper::scim::schema::{Attribute, Type};
        use crate::search::schemas;
        use serde_json::json;

        const BASE_URN: &str = "urn:acme:random:Thing";
        const EXTENSION: &str = "urn:acme:random:More";
        let roll = Roll::open(database).await;
        let mut runner = TestRunner::new(config(77));
        for round in 0..3 {
            let roll = roll.neighbour(&format!("round-{round}")).await;
            let mut draw = |strategy: BoxedStrategy<serde_json::Value>| {
                strategy.new_tree(&mut runner).expect("a schema").current()
            };
            let (base, more) = (draw(schemas::schema(BASE_URN, "a")), draw(schemas::schema(EXTENSION, "b")));
            let extension = json!([{ "schema": EXTENSION, "required": false }]);
            let thing = json!({ "name": "Thing", "endpoint": "/Things", "schema": BASE_URN, "schemaExtensions": extension });
            let user = json!({ "name": "User", "schemaExtensions": extension });
            for (noun, body) in [
                (Noun::Schema, &base), (Noun::Schema, &more), (Noun::ResourceType, &thing), (Noun::ResourceType, &user),
            ] {
                let done = roll.directory.define(&roll.tenant, noun, body, false, 1).await;
                done.unwrap_or_else(|error| panic!("{body}: {error:?}"));
            }
            let schema = |body| read_schema(body).expect("it was taken");
            let (base, more) = (schema(&base), schema(&more));
            let administrator = roll.administrator();
            let registry = roll.directory.registry(&roll.tenant).await.expect("a registry");
            for n in 0..25 {
                let mut draw = |schema| schemas::document(schema).new_tree(&mut runner).expect("a document").current();
                let (mut own, extended) = (draw(&base), draw(&more));
                own.insert(EXTENSION.to_owned(), extended.clone().into());
                let person = json!({ "userName": format!("p{n}"), EXTENSION: extended });
                for (kind, body) in [("Thing", serde_json::Value::Object(own)), ("User", person)] {
                    let kind = registry.type_named(kind).expect("it is defined");
                    let made = roll.directory.create(&administrator.caller, kind, &body, Default::default()).await;
                    made.unwrap_or_else(|error| panic!("{body}: {error:?}"));
                }
            }
            roll.verified().await;
            for (name, schema, prefix) in [("Thing", &base, ""), ("Thing", &more, EXTENSION), ("User", &more, EXTENSION)] {
                let kind = registry.type_named(name).expect("it is defined");
                let everything = roll.directory.search(&administrator.caller, kind, &all()).await.expect("a list").resources;
                let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}:") };
                for _ in 0..40 {
                    let text = schemas::filters(schema, &prefix).new_tree(&mut runner).expect("a filter").current();
                    let bound = bind(&Filter::parse(&text).expect("a filter"), kind).unwrap_or_else(|e| panic!("{text}: {e:?}"));
                    let expected: Vec<&str> = everything
                        .iter()
                        .filter(|resource| Complete::of(resource).with(kind, |facts| bound.matches(facts)))
                        .map(|resource| resource.id.as_str())
                        .collect();
                    let query = Query { filter: Some(text.clone()), ..all() };
                    let found = roll.directory.search(&administrator.caller, kind, &query).await;
                    let found = found.unwrap_or_else(|error| panic!("{text}: {error:?}")).resources;
                    let found: Vec<&str> = found.iter().map(|resource| resource.id.as_str()).collect();
                    assert_eq!(found, expected, "round {round}, {name}: {text}\n{schema:?}");
                }
                let has_order = |attribute: &&Attribute| !matches!(attribute.kind, Type::Complex | Type::Binary);
                for attribute in schema.attributes.iter().filter(has_order) {
                    let by = format!("{prefix}{}", attribute.name);
                    let place = sort_place(kind, &by).expect("a place to sort by");
                    let mut expected: Vec<(bool, Option<Key>, String)> = everything
                        .iter()
                        .map(|resource| {
                            let key = Complete::of(resource).with(kind, |facts| sort_key(&place, facts));
                            (key.is_none(), key, resource.id.clone())
                        })
                        .collect();
                    expected.sort();
                    let query = Query { sort_by: Some(by.clone()), ..all() };
                    let sorted = roll.directory.search(&administrator.caller, kind, &query).await.expect("a list").resources;
                    let sorted = sorted.iter().map(|resource| &resource.id);
                    assert!(sorted.eq(expected.iter().map(|(_, _, id)| id)), "round {round}, {name} by {by}");
                }
            }
        }
    }
}
