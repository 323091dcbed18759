//! Reconciliation against its small model over HTTP, on both engines: every history agrees with the reference request by
//! request, every check holds, and `verify` finds nothing afterwards.
//!
//! `model::stored::play` says how many are played.

use crate::model::Universe;
use crate::model::stored::play::{self, on_postgres};
use crate::model::stored::{Wire, Wired};
use crate::model::strategy::World;
use crate::support::Database;

const WORLDS: [fn() -> World; 5] = [World::plain, World::deep, World::narrow, World::held, World::timed];

fn over_http(world: World) -> World {
    World { universe: world.universe.wired(), ..world }
}

fn agrees(database: &Database, cases: u32) {
    let wire = Wire::open(database.url());
    let start = |universe: Universe, mode| Wired::new(&wire, universe, mode);
    play::agrees(WORLDS.map(|world| over_http(world())), 91, cases, start, Wired::verify);
}

fn all_checks(database: &Database) {
    let wire = Wire::open(database.url());
    play::all_checks(&over_http(World::plain()), 97, 1, |universe, mode| Wired::new(&wire, universe, mode));
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
        all_checks(&Database::sqlite());
    }

    #[test]
    fn postgres() {
        on_postgres(all_checks);
    }
}
