//! Pushes, sign-ins and administrators' edits of the same people and groups at the same moment: whatever comes of them, some
//! serial order of them explains it, the answers included, and no lost race reaches a client. On both engines.
//!
//! One long history in rounds. In each, up to four events of the small model happen at once, each through a server of its own
//! (with its own clock, ids and caches); then everything that there is to see is compared with what the reference makes of the
//! same events, order by order, and the reference goes on from the order that explains it.
//!
//! `ROLLKEEPER_TEST_CASES=3000 cargo nextest run concurrency_serial::` hunts for longer.

use std::collections::BTreeSet;
use std::sync::Barrier;
use std::thread;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use rollkeeper::reconcile::DefaultMode;

use crate::model::reference::State;
use crate::model::stored::{Store, Stored};
use crate::model::strategy::{self, World};
use crate::model::{Client, Event, Outcome, Speaker, Subject};
use crate::support::Database;

/// How many happen at once.
const HANDS: usize = 4;

struct Crowd {
    hands: Vec<Stored>,
    reference: State,
    world: World,
    runner: TestRunner,
}

impl Crowd {
    fn gather(database: &Database, world: World) -> Self {
        let mode = Some(DefaultMode::Fallback);
        let store = Store::open_for_many(database.url());
        let first = Stored::new(&store, world.universe, mode);
        let others = (2..).take(HANDS - 1).map(|seed| first.through(&store.neighbour(seed)));
        let hands = std::iter::once(first.clone()).chain(others).collect();
        Self { hands, reference: State::new(world.universe, mode), world, runner: strategy::runner(61, 1) }
    }

    /// Events that may happen at once: of one source at most one, as its own are ordered. Left out is what the adapter makes
    /// of several requests, since other events may come between them: settings, an entry, a member whom the client has not
    /// stated yet.
    fn draw(&mut self) -> Vec<Event> {
        let mut speakers = Vec::new();
        let mut events = Vec::new();
        for _ in 0..HANDS * 4 {
            let event = strategy::event(&self.world).new_tree(&mut self.runner).expect("an event").current();
            let speaker = event.speaker();
            let is_one_request = match &event {
                Event::Enter { .. } | Event::Remap { .. } | Event::Withdraw { .. } => false,
                Event::Member { client, who, .. } => self.states(*client, who),
                Event::Members { client, list, .. } => list.iter().all(|who| self.states(*client, who)),
                _ => true,
            };
            let is_ordered = matches!(speaker, Speaker::Administrator) || !speakers.contains(&speaker);
            if is_one_request && is_ordered && events.len() < HANDS {
                speakers.push(speaker);
                events.push(event);
            }
        }
        events
    }

    fn states(&self, client: Client, who: &str) -> bool {
        self.reference.records.keys().any(|(of, named)| *of == client && *named == who)
    }

    fn round(&mut self, events: &[Event]) -> Result<(), String> {
        let barrier = Barrier::new(events.len());
        let outcomes: Vec<Outcome> = thread::scope(|scope| {
            let act = |(hand, event): (&mut Stored, &Event)| {
                barrier.wait();
                settled(hand.apply(event))
            };
            let acting: Vec<_> = self.hands.iter_mut().zip(events).map(|pair| scope.spawn(move || act(pair))).collect();
            acting.into_iter().map(|hand| hand.join().expect("an answer that a client may get")).collect()
        });
        let found = self.hands[0].all();
        let mut others = BTreeSet::new();
        for order in orders(events.len()) {
            let mut state = self.reference.clone();
            let mut told = vec![Outcome::Ok; events.len()];
            for at in &order {
                told[*at] = settled(state.apply(&events[*at]));
            }
            let expected = state.all();
            if told == outcomes && expected == found {
                self.reference = state;
                return Ok(());
            }
            others.insert(format!("{told:?}\n{}", difference(&format!("{expected:#?}"), &format!("{found:#?}"))));
        }
        let others: String = others.into_iter().collect();
        Err(format!("no order explains {events:#?}\nanswered {outcomes:?}, but any order gives\n{others}"))
    }

    /// What happens between two rounds, alone.
    fn apart(&mut self) {
        let event = strategy::event(&self.world).new_tree(&mut self.runner).expect("an event").current();
        if !matches!(event, Event::Remap { .. } | Event::Withdraw { .. }) {
            let answer = self.hands[0].apply(&event);
            assert_eq!(answer, self.reference.apply(&event), "{event:?} alone");
        }
    }
}

/// Whether the account went with its last record is read after the answer, when others may have brought it back.
fn settled(outcome: Outcome) -> Outcome {
    if outcome == Outcome::Gone { Outcome::Ok } else { outcome }
}

/// Every order of so many.
fn orders(count: usize) -> Vec<Vec<usize>> {
    match count {
        0 => vec![Vec::new()],
        _ => orders(count - 1)
            .into_iter()
            .flat_map(|order| {
                (0..count).map(move |place| {
                    let mut order = order.clone();
                    order.insert(place, count - 1);
                    order
                })
            })
            .collect(),
    }
}

fn difference(expected: &str, found: &str) -> String {
    let (expected, found): (BTreeSet<&str>, BTreeSet<&str>) = (expected.lines().collect(), found.lines().collect());
    let only = |mark: &str, lines: BTreeSet<&&str>| -> String {
        lines.into_iter().map(|line| format!("  {mark}{line}\n")).collect()
    };
    only("- ", expected.difference(&found).collect()) + &only("+ ", found.difference(&expected).collect())
}

fn some_order_explains_every_round(database: &Database, rounds: u32) {
    let wanted = std::env::var("ROLLKEEPER_TEST_CASES").ok().and_then(|cases| cases.parse().ok());
    let world = World::deep();
    let mut crowd = Crowd::gather(database, World { universe: world.universe.stored(), ..world });
    for round in 0..wanted.unwrap_or(rounds) {
        crowd.apart();
        let events = crowd.draw();
        if let Err(failure) = crowd.round(&events) {
            panic!("round {round}: {failure}");
        }
    }
    let differences = crowd.hands[0].verify();
    assert!(differences.is_empty(), "{differences:#?}");
}

mod some_order_explains_what_happens_at_once {
    use super::*;

    #[test]
    fn sqlite() {
        some_order_explains_every_round(&Database::sqlite(), 30);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn postgres() {
        let database = Database::postgres().await;
        tokio::task::spawn_blocking(move || some_order_explains_every_round(&database, 30)).await.expect("explained");
    }
}
