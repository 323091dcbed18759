//! Reconciliation against its small model over HTTP, on both engines: every history agrees with the reference request by
//! request, every check holds, and `verify` finds nothing afterwards.
//!
//! `PROPTEST_CASES` sets how many histories are played, as a multiple of proptest's own 256.

use std::cell::Cell;

use proptest::test_runner::TestCaseError;

use crate::model::compare::agree;
use crate::model::stored::{Wire, Wired};
use crate::model::strategy::{self, History, World};
use crate::model::{Event, Mode, Subject, Universe, checks};
use crate::reconciliation_stored::{on_postgres, scaled};
use crate::support::Database;

const UNIVERSE: Universe = Universe::PLAIN.wired();

const WORLDS: [fn() -> World; 5] = [World::plain, World::deep, World::narrow, World::held, World::timed];

fn agrees(database: &Database, cases: u32) {
    let wire = Wire::open(database.url());
    let events = Cell::new(0);
    for (seed, world) in (91..).zip(WORLDS) {
        let world = world();
        let world = World { universe: world.universe.wired(), ..world };
        let test = |history: History| {
            let mut product = Wired::new(&wire, world.universe, history.mode);
            let played = agree(world.universe, &history, &mut product, true).map_err(TestCaseError::fail)?;
            let differences = product.verify();
            if !differences.is_empty() {
                return Err(TestCaseError::fail(format!("{differences:#?}")));
            }
            events.set(events.get() + played);
            Ok(())
        };
        if let Err(failure) = strategy::runner(seed, scaled(cases)).run(&strategy::history(&world), test) {
            panic!("{failure}");
        }
    }
    println!("{} histories, {} events", scaled(cases) as usize * WORLDS.len(), events.get());
}

fn all_checks(database: &Database, each: usize) {
    let wire = Wire::open(database.url());
    let world = World { universe: UNIVERSE, ..World::plain() };
    let mut start = |mode: Mode, events: &[Event]| -> Box<dyn Subject> {
        let mut subject = Wired::new(&wire, UNIVERSE, mode);
        subject.run(events);
        Box::new(subject)
    };
    match checks::play(&world, 97, each, &mut start) {
        Ok(played) => println!("{played} cases"),
        Err(failure) => panic!("{failure}"),
    }
}

mod every_history_agrees_with_the_reference {
    use super::*;

    #[test]
    fn sqlite() {
        agrees(&Database::sqlite(), 2);
    }

    #[test]
    fn postgres() {
        on_postgres(|database| agrees(database, 1));
    }
}

mod every_check_holds {
    use super::*;

    #[test]
    fn sqlite() {
        all_checks(&Database::sqlite(), scaled(1) as usize);
    }

    #[test]
    fn postgres() {
        on_postgres(|database| all_checks(database, scaled(1) as usize));
    }
}
