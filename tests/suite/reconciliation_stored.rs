//! Reconciliation against its small model, over the real store on both engines: every history agrees with the
//! reference event by event, every check holds, and `verify` finds nothing afterwards.
//!
//! `model::stored::play` says how many are played.

use std::cell::Cell;
use std::sync::Arc;

use rollkeeper::reconcile::DefaultMode;

use crate::model::compare::agree;
use crate::model::stored::play::{self, on_postgres};
use crate::model::stored::{Interrupted, Store, Stored};
use crate::model::strategy::{History, World};
use crate::model::{Client, Event, Groups, Login, SignIn, Team, Universe};
use crate::support::Database;

const UNIVERSE: Universe = Universe::PLAIN.stored();

fn of_the_store(world: World) -> World {
    World { universe: world.universe.stored(), ..world }
}

/// Stamps far apart, stamps that tie, everybody known to several sources, one person.
const TIMELESS: [fn() -> World; 4] = [World::plain, World::dense, World::deep, World::narrow];
/// Claims, grants, leases and tombstones end; hardly anything takes effect at once; somebody is the last owner.
const BOUNDED: [fn() -> World; 3] = [World::timed, World::held, World::owned];

fn agrees(database: &Database, worlds: &[fn() -> World], cases: u32) {
    let store = Store::open(database.url());
    let worlds = worlds.iter().map(|world| of_the_store(world()));
    play::agrees(worlds, 41, cases, |universe, mode| Stored::new(&store, universe, mode), Stored::verify);
}

fn all_checks(database: &Database, each: u32) {
    let store = Store::open(database.url());
    let world = of_the_store(World::plain());
    play::all_checks(&world, 51, each, |universe, mode| Stored::new(&store, universe, mode));
}

/// The same with a failure between any two statements of every event (I18): it is told, it leaves nothing, and the event
/// again does what it would have done.
fn crashes(database: &Database, worlds: &[fn() -> World], cases: u32) {
    let store = Store::open(database.url());
    let worlds = worlds.iter().map(|world| of_the_store(world()));
    let cuts = Cell::new(0);
    let start = |universe: Universe, mode| Interrupted::new(Stored::new(&store, universe, mode), database.url());
    let verify = |product: &Interrupted| {
        cuts.set(cuts.get() + product.cuts);
        product.stored.verify()
    };
    play::agrees(worlds, 61, cases, start, verify);
    assert!(cuts.get() > 0, "nothing was cut");
    println!("{} cuts", cuts.get());
}

/// A history told by hand: what a longer one once found.
fn told(store: &Arc<Store>, universe: Universe, story: &str, events: &[Event]) {
    for mode in [None, Some(DefaultMode::Fallback)] {
        let history = History { mode, events: events.to_vec() };
        let mut product = Stored::new(store, universe, mode);
        if let Err(difference) = agree(universe, &history, &mut product, true) {
            panic!("{story}: {difference}");
        }
        assert_eq!(product.verify(), [], "{story}");
    }
}

/// Each was a difference between the store and the reference.
fn stories() -> Vec<(&'static str, Vec<Event>)> {
    let (client, who) = (Client::C1, "p");
    let put = |client, active, stamp| Event::Put { client, who, active, name: Some("N1"), stamp };
    let member = |present, stamp| Event::Member { client, team: Team::G1, who, present, stamp };
    let signs_in =
        |login, iat, groups| Event::Login(SignIn { login, who, iat, groups, name: Some("J1"), roles: None, anchor: 0 });
    let (absent, invite, delete) =
        (Groups::Absent, Event::Invite { who, team: Team::G1 }, Event::Delete { client, who });
    let enter = Event::Enter { who, name: "E1" };
    vec![
        (
            "whoever is deleted and pushed again may sign in again",
            vec![
                signs_in(Login::K1, 1, absent),
                put(client, true, 2),
                delete.clone(),
                put(client, true, 3),
                signs_in(Login::K1, 4, absent),
            ],
        ),
        (
            "also by another connection than the one that deleted",
            vec![
                signs_in(Login::K2, 1, absent),
                put(client, true, 2),
                delete.clone(),
                put(Client::C2, true, 3),
                signs_in(Login::K2, 4, absent),
                signs_in(Login::K1, 5, absent),
            ],
        ),
        (
            "and whoever an administrator enters again, though not through the connection that deleted",
            vec![
                signs_in(Login::K2, 1, absent),
                put(client, true, 2),
                delete.clone(),
                enter.clone(),
                signs_in(Login::K2, 3, absent),
                signs_in(Login::K1, 4, absent),
                member(true, 5),
                signs_in(Login::K1, 6, absent),
            ],
        ),
        (
            "a suspension is no word of the push that claims the person",
            vec![
                enter,
                Event::Suspend { who, stamp: 1 },
                member(true, 2),
                Event::Unsuspend { who },
                signs_in(Login::K1, 3, absent),
            ],
        ),
        (
            "of two logins at once the one whose list was cut off is the newer",
            vec![
                signs_in(Login::K1, 1, absent),
                signs_in(Login::K1, 1, Groups::CutOff),
                signs_in(Login::K1, 1, absent),
            ],
        ),
        (
            "an invitation goes with the person, and nobody who was deleted is invited",
            vec![
                invite.clone(),
                put(client, true, 1),
                delete,
                invite.clone(),
                put(client, true, 2),
                signs_in(Login::K1, 3, absent),
                invite,
                signs_in(Login::K1, 4, absent),
            ],
        ),
    ]
}

/// The same of anchors that change.
fn stories_of_moves() -> Vec<(&'static str, Vec<Event>)> {
    let put = |client, who, stamp| Event::Put { client, who, active: true, name: Some("N1"), stamp };
    let rename = |client, who, anchor, stamp| Event::Rename { client, who, anchor, stamp };
    let signs_in = |login, who, anchor, iat| {
        Event::Login(SignIn { login, who, iat, groups: Groups::Absent, name: None, roles: None, anchor })
    };
    // An anchor has worked: from then on names lead to nobody.
    let works = [put(Client::C2, "q", 1), signs_in(Login::K2, "q", 0, 2)];
    vec![
        (
            "whom another client pushes by the anchor that one gives up, the anchor still leads to",
            [
                &works[..],
                &[put(Client::C1, "p", 3), put(Client::C2, "p", 4), rename(Client::C1, "p", 1, 5)],
                &[signs_in(Login::K2, "p", 0, 6), rename(Client::C2, "p", 2, 7), signs_in(Login::K1, "p", 0, 8)],
            ]
            .concat(),
        ),
        (
            "a successor that pushes by an anchor which its predecessor gave up has people sign in by it",
            [
                &works[..],
                &[put(Client::C1, "p", 3), rename(Client::C1, "p", 1, 4), Event::Succeed],
                &[put(Client::C2, "p", 5), signs_in(Login::K2, "p", 0, 6), signs_in(Login::K2, "p", 1, 7)],
            ]
            .concat(),
        ),
    ]
}

fn stories_agree(database: &Database) {
    let store = Store::open(database.url());
    stories().into_iter().for_each(|(story, events)| told(&store, UNIVERSE, story, &events));
    let moves = Universe::MOVED.stored();
    stories_of_moves().into_iter().for_each(|(story, events)| told(&store, moves, story, &events));
}

mod every_story_agrees_with_the_reference {
    use super::*;

    #[test]
    fn sqlite() {
        stories_agree(&Database::sqlite());
    }

    #[test]
    fn postgres() {
        on_postgres(stories_agree);
    }
}

mod every_history_agrees_with_the_reference {
    use super::*;

    #[test]
    fn sqlite() {
        agrees(&Database::sqlite(), &TIMELESS, 15);
    }

    #[test]
    fn postgres() {
        on_postgres(|database| agrees(database, &TIMELESS, 5));
    }
}

mod every_bounded_history_agrees_with_the_reference {
    use super::*;

    #[test]
    fn sqlite() {
        agrees(&Database::sqlite(), &BOUNDED, 4);
    }

    #[test]
    fn postgres() {
        on_postgres(|database| agrees(database, &BOUNDED, 2));
    }
}

mod every_history_of_moves_agrees_with_the_reference {
    use super::*;

    #[test]
    fn sqlite() {
        agrees(&Database::sqlite(), &[World::moved], 12);
    }

    #[test]
    fn postgres() {
        on_postgres(|database| agrees(database, &[World::moved], 4));
    }
}

mod a_crash_between_any_two_statements_leaves_nothing {
    use super::*;

    #[test]
    fn sqlite() {
        crashes(&Database::sqlite(), &[World::deep, World::held], 1);
    }

    #[test]
    fn postgres() {
        on_postgres(|database| crashes(database, &[World::held], 1));
    }
}

mod every_check_holds_of_the_store {
    use super::*;

    #[test]
    fn sqlite() {
        all_checks(&Database::sqlite(), 2);
    }

    #[test]
    fn postgres() {
        on_postgres(|database| all_checks(database, 1));
    }
}
