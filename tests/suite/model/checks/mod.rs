//! The twenty-six checks: what must be true of any [`Subject`], after any prefix of events.
//!
//! A check asks the reference's state where it applies, plays events on a subject that stands after the prefix, and
//! says whether the invariant held, or nothing where it does not apply. Crashes, dry runs and the frame of an event
//! (I1, I15 to I18) are properties of an implementation and are tested there.

mod lifecycle;
mod membership;
mod order;

use proptest::strategy::{Strategy, ValueTree};

use super::reference::State;
use super::strategy::{self, World};
use super::{Event, Groups, Login, Mode, Outcome, SignIn, Stamp, Subject, Team, Who};

/// A prefix, and what a check may add to it.
#[derive(Clone, Debug)]
pub struct Case {
    pub mode: Mode,
    pub prefix: Vec<Event>,
    pub events: [Event; 2],
    pub logins: [SignIn; 2],
    pub who: Who,
    pub team: Team,
    pub later: Vec<Event>,
}

/// Gives a subject with this default that has lived through these events.
pub type Start<'a> = dyn FnMut(Mode, &[Event]) -> Box<dyn Subject> + 'a;

/// One case at work.
pub struct Bench<'a> {
    pub case: &'a Case,
    /// The reference after the prefix.
    pub state: &'a State,
    pub start: &'a mut Start<'a>,
}

pub type Verdict = Option<bool>;

pub struct Check {
    pub name: &'static str,
    pub says: &'static str,
    pub judge: fn(&mut Bench<'_>) -> Verdict,
}

impl Bench<'_> {
    /// A subject after the prefix.
    fn start(&mut self) -> Box<dyn Subject> {
        (self.start)(self.case.mode, &self.case.prefix)
    }

    /// A subject that has seen nothing.
    fn fresh(&mut self) -> Box<dyn Subject> {
        (self.start)(self.case.mode, &[])
    }

    /// A subject after the prefix and these events.
    fn after(&mut self, events: &[Event]) -> (Box<dyn Subject>, Vec<Outcome>) {
        let mut subject = self.start();
        let outcomes = subject.run(events);
        (subject, outcomes)
    }

    /// The first of the case's events that these words allow.
    fn event(&self, allowed: impl Fn(&Event) -> bool) -> Option<Event> {
        self.case.events.iter().find(|event| allowed(event)).cloned()
    }
}

const fn check(name: &'static str, says: &'static str, judge: fn(&mut Bench<'_>) -> Verdict) -> Check {
    Check { name, says, judge }
}

pub const CHECKS: [Check; 26] = [
    check("I3", "any event twice is that event once", order::replay),
    check("I4", "an older login never overwrites a newer field of the same link", order::freshness),
    check("I5a", "events of different sources with the same outcomes commute", order::commutation),
    check("I5b", "where outcomes differ, the views are equal once both are repeated", order::convergence),
    check("I5c", "two logins of one person through any two connections commute", order::two_logins),
    check("I5d", "an invitation and a login converge at the next login", order::invitation),
    check("I5e", "a login and a deactivation, in either order, then a reactivation", order::reactivation),
    check("I6a", "whoever is inactive or deleted is denied, and nothing changes", lifecycle::no_resurrection),
    check("I6b", "the last record's deletion and a login: nobody is left", lifecycle::deletion),
    check("I7", "where push has spoken of the pair, no login changes its vote", membership::supremacy),
    check("I7b", "a removal by push bites at once, however fresh a claim is", membership::revocation),
    check("I7c", "a claim counts where push has not spoken; a whole list ends it", membership::silence),
    check("I8", "push and login leave an administrator's words; a grant stands", membership::manual),
    check("I9", "an administrator's deny dominates", membership::deny),
    check("I10", "a login of another namespace touches nobody here", lifecycle::walls),
    check("I11", "links never move", lifecycle::links),
    check("I12", "absent and cut off leave the register, known-empty withdraws", membership::three_states),
    check("I13", "a withdrawn connection's logins might never have been", order::erasure),
    check("I14", "a login changes only its scope, the default and the invitations", membership::scope),
    check("I19", "a changed mapping reads as if it had always been so", membership::mapping),
    check("I20", "login and push create in either order are one person", lifecycle::adoption),
    check("I21", "entered, pushed and signed in in any order are one person", lifecycle::moving_in),
    check("I22", "a connection that is not home ends only its own words", lifecycle::own_lifecycle),
    check("I23", "imports and invitations end when push denies; a grant stands", membership::weak_words),
    check("I24", "what the home ended stays ended; no default overrides a removal", lifecycle::ends),
    check("I25", "the highest of the roles that stand counts, each ends with its word", membership::roles),
];

/// Of so many cases at most a check applies to `each` that it is to be played on.
const MOST: usize = 20_000;

/// Plays every check on the first `each` cases of this world on which the reference says that it applies: for subjects that
/// are slow. How many were played; the error tells the first that fails.
pub fn play(world: &World, seed: u8, each: usize, start: &mut Start<'_>) -> Result<usize, String> {
    let mut played = 0;
    for check in &CHECKS {
        let mut runner = strategy::runner(seed, 1);
        let strategy = strategy::case(world);
        let mut left = each;
        for _ in 0..MOST {
            if left == 0 {
                break;
            }
            let case = strategy.new_tree(&mut runner).expect("a case can be made").current();
            let reference = |mode: Mode, events: &[Event]| {
                let mut state = State::new(world.universe, mode);
                state.run(events);
                state
            };
            let state = reference(case.mode, &case.prefix);
            let mut refer = |mode: Mode, events: &[Event]| -> Box<dyn Subject> { Box::new(reference(mode, events)) };
            if (check.judge)(&mut Bench { case: &case, state: &state, start: &mut refer }).is_none() {
                continue;
            }
            let verdict = (check.judge)(&mut Bench { case: &case, state: &state, start: &mut *start });
            if verdict != Some(true) {
                return Err(format!("{}: {}: {verdict:?} of\n{case:#?}", check.name, check.says));
            }
            left -= 1;
            played += 1;
        }
        if left > 0 {
            return Err(format!("{} applies to too few cases", check.name));
        }
    }
    Ok(played)
}

fn login(login: Login, who: Who, iat: Stamp, groups: Groups, name: Option<&'static str>) -> Event {
    Event::Login(SignIn { login, who, iat, groups, name, roles: None, anchor: 0 })
}
