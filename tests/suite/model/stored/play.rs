//! Random histories and checks, played on a subject that has a database under it.
//!
//! `PROPTEST_CASES` sets how many histories are played, as a multiple of proptest's own 256.

use std::cell::Cell;

use proptest::test_runner::TestCaseError;
use rollkeeper::directory::Difference;

use crate::model::compare::agree;
use crate::model::strategy::{self, History, World};
use crate::model::{Event, Mode, Subject, Universe, checks};
use crate::support::Database;

/// As many as `PROPTEST_CASES` asks for of what is `cases` without it.
fn scaled(cases: u32) -> u32 {
    let wanted = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    (cases * wanted.unwrap_or(256)).div_ceil(256)
}

/// Plays `cases` histories of each world: after every event the subject is as the reference is, and at the end nothing is found
/// by `verify`.
pub fn agrees<S: Subject>(
    worlds: impl IntoIterator<Item = World>,
    first_seed: u8,
    cases: u32,
    start: impl Fn(Universe, Mode) -> S,
    verify: impl Fn(&S) -> Vec<Difference>,
) {
    let (cases, events, mut histories) = (scaled(cases), Cell::new(0), 0);
    for (seed, world) in (first_seed..).zip(worlds) {
        let test = |history: History| {
            let mut subject = start(world.universe, history.mode);
            let played = agree(world.universe, &history, &mut subject, true).map_err(TestCaseError::fail)?;
            let differences = verify(&subject);
            if !differences.is_empty() {
                return Err(TestCaseError::fail(format!("{differences:#?}")));
            }
            events.set(events.get() + played);
            Ok(())
        };
        if let Err(failure) = strategy::runner(seed, cases).run(&strategy::history(&world), test) {
            panic!("{failure}");
        }
        histories += cases;
    }
    println!("{histories} histories, {} events", events.get());
}

/// Plays every check on `each` cases of this world to which it applies.
pub fn all_checks<S: Subject + 'static>(world: &World, seed: u8, each: u32, start: impl Fn(Universe, Mode) -> S) {
    let mut start = |mode: Mode, events: &[Event]| -> Box<dyn Subject> {
        let mut subject = start(world.universe, mode);
        subject.run(events);
        Box::new(subject)
    };
    match checks::play(world, seed, scaled(each) as usize, &mut start) {
        Ok(played) => println!("{played} cases"),
        Err(failure) => panic!("{failure}"),
    }
}

pub fn on_postgres(test: impl FnOnce(&Database)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let database = runtime.block_on(Database::postgres());
    test(&database);
}
