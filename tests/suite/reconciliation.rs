//! Reconciliation against its small model: the checks hold of the reference and of the product's pure functions, every
//! broken alternative fails one of them, and the product agrees with the reference on every history.
//!
//! `PROPTEST_CASES` sets how many histories each test plays.

use std::cell::RefCell;
use std::collections::BTreeMap;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{TestCaseError, TestRunner};
use rollkeeper::reconcile::{Person, World as Configuration, derive, explain};

use crate::model::anyone::{self, PARENTS};
use crate::model::checks::{Bench, CHECKS, Case};
use crate::model::compare::agree;
use crate::model::pure::Pure;
use crate::model::reference::{State, Variant};
use crate::model::strategy::{self, World};
use crate::model::{Event, Mode, Subject, Universe};

fn runner(seed: u8, cases: u32) -> TestRunner {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(cases);
    strategy::runner(seed, cases)
}

fn lived<S: Subject>(mut subject: S, events: &[Event]) -> S {
    subject.run(events);
    subject
}

/// Runs every check on every case; `make` gives a subject that has seen nothing.
fn all_checks<S: Subject + Clone + 'static>(seed: u8, cases: u32, make: fn(Mode) -> S) {
    let applied = RefCell::new(BTreeMap::<&str, u32>::new());
    let test = |case: Case| {
        let state = lived(State::new(Universe::PLAIN, case.mode), &case.prefix);
        let here = lived(make(case.mode), &case.prefix);
        for check in &CHECKS {
            let mut start = |mode, events: &[Event]| -> Box<dyn Subject> {
                if events == case.prefix { Box::new(here.clone()) } else { Box::new(lived(make(mode), events)) }
            };
            let verdict = (check.judge)(&mut Bench { case: &case, state: &state, start: &mut start });
            if verdict == Some(false) {
                return Err(TestCaseError::fail(format!("{}: {}", check.name, check.says)));
            }
            *applied.borrow_mut().entry(check.name).or_default() += u32::from(verdict.is_some());
        }
        Ok(())
    };
    let mut runner = runner(seed, cases);
    let cases = runner.config().cases;
    if let Err(failure) = runner.run(&strategy::case(&World::plain()), test) {
        panic!("{failure}");
    }
    for check in &CHECKS {
        let applied = applied.borrow().get(check.name).copied().unwrap_or_default();
        println!("{}: {applied} of {cases}", check.name);
        assert!(applied >= cases / 100, "{} applied only {applied} times", check.name);
    }
}

#[test]
fn every_check_holds_of_the_reference() {
    all_checks(11, 1500, |mode| State::new(Universe::PLAIN, mode));
}

#[test]
fn every_check_holds_of_the_product() {
    all_checks(12, 800, |mode| Pure::new(Universe::PLAIN, mode));
}

#[test]
fn every_broken_alternative_is_caught() {
    for variant in Variant::CHECKED {
        let mut runner = runner(7, 3000);
        let strategy = strategy::case(&World::plain());
        let caught = (0..3000).find_map(|at| {
            let case = strategy.new_tree(&mut runner).expect("a case can be made").current();
            let new = |mode| State::broken(Universe::PLAIN, mode, Some(variant));
            let state = lived(new(case.mode), &case.prefix);
            let fails = CHECKS.iter().find(|check| {
                let mut start = |mode, events: &[Event]| -> Box<dyn Subject> {
                    if events == case.prefix { Box::new(state.clone()) } else { Box::new(lived(new(mode), events)) }
                };
                (check.judge)(&mut Bench { case: &case, state: &state, start: &mut start }) == Some(false)
            })?;
            Some((at, fails.name))
        });
        println!("{variant:?}: {caught:?}");
        assert!(caught.is_some(), "{variant:?} passes every check");
    }
}

fn agrees(seed: u8, cases: u32, world: &World) {
    let test = |history: strategy::History| {
        let mut product = Pure::new(world.universe, history.mode);
        agree(world.universe, &history, &mut product, true).map_err(TestCaseError::fail)?;
        Ok(())
    };
    if let Err(failure) = runner(seed, cases).run(&strategy::history(world), test) {
        panic!("{failure}");
    }
}

#[test]
fn the_product_agrees_with_the_reference() {
    agrees(21, 1000, &World::plain());
}

#[test]
fn the_product_agrees_where_stamps_tie() {
    agrees(22, 1000, &World::dense());
}

#[test]
fn the_product_agrees_where_sources_meet() {
    agrees(23, 1000, &World::deep());
}

#[test]
fn the_product_agrees_where_claims_age() {
    agrees(24, 1000, &World::ageing());
}

#[test]
fn the_product_agrees_where_time_passes() {
    agrees(25, 400, &World::timed());
}

/// A rule whose effect no history shows would be held by nothing above.
#[test]
fn every_broken_rule_shows_in_some_history() {
    for (variant, world) in Variant::SEEN {
        let (world, cases) = (world(), 3000);
        let mut runner = runner(8, cases);
        let strategy = strategy::history(&world);
        let caught = (0..cases).find(|_| {
            let history = strategy.new_tree(&mut runner).expect("a history can be made").current();
            let mut broken = State::broken(world.universe, history.mode, Some(variant));
            agree(world.universe, &history, &mut broken, true).is_err()
        });
        println!("{variant:?}: {caught:?}");
        assert!(caught.is_some(), "{variant:?} shows in no history");
    }
}

/// I15: an explanation says what `derive` says, and the registers that it names say the same alone.
fn is_explained(person: &Person, world: &Configuration, parent: &str) -> Result<(), TestCaseError> {
    let explanation = explain(person, world, parent);
    let found = derive(person, world).member(world, parent);
    if explanation.member != found {
        return Err(TestCaseError::fail(format!("{parent}: member {found}, but {explanation:#?}")));
    }
    let (left, world) = anyone::only(person, world, &explanation);
    if derive(&left, &world).member(&world, parent) != found {
        return Err(TestCaseError::fail(format!("{parent}: {explanation:#?} is not enough: {left:#?}")));
    }
    Ok(())
}

#[test]
fn an_explanation_is_enough() {
    let told = |(person, world): (Person, Configuration)| {
        PARENTS.iter().try_for_each(|parent| is_explained(&person, &world, parent))
    };
    if let Err(failure) = runner(31, 3000).run(&(anyone::person(), anyone::world()), told) {
        panic!("{failure}");
    }
}

#[test]
fn an_explanation_is_enough_after_any_history() {
    let told = |history: strategy::History| {
        let product = lived(Pure::new(Universe::WIDE, history.mode), &history.events);
        let pairs = product.people.iter().flat_map(|person| ["g1", "g2", "gd", "org"].map(|parent| (person, parent)));
        for (person, parent) in pairs {
            is_explained(person, &product.world, parent)?;
        }
        Ok(())
    };
    if let Err(failure) = runner(32, 600).run(&strategy::history(&World::deep()), told) {
        panic!("{failure}");
    }
}
