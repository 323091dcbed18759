//! The store with a failure between any two statements of every event: before each event succeeds it is cut off at its
//! first statement, at its second, and so on to its commit.

use std::collections::BTreeSet;

use rollkeeper::reconcile::Word;

use super::super::{Client, Directory, Effective, Event, Outcome, PushView, Registers, Subject, Team, Who};
use super::Stored;
use crate::support::contents::{Contents, differences};

pub struct Interrupted {
    pub stored: Stored,
    contents: Contents,
    /// How often something was cut.
    pub cuts: u64,
}

impl Interrupted {
    pub fn new(stored: Stored, url: &str) -> Self {
        let contents = stored.store.wait(Contents::open(url));
        Self { stored, contents, cuts: 0 }
    }

    fn contents(&mut self) -> BTreeSet<(String, String)> {
        self.stored.store.runtime.block_on(self.contents.of(&self.stored.tenant))
    }
}

/// One event, several requests: each is whole or not there, and the event again does the rest.
fn takes_several_requests(event: &Event) -> bool {
    matches!(
        event,
        Event::Remap { .. } | Event::Withdraw { .. } | Event::Member { present: true, .. } | Event::Apply { .. }
    )
}

impl Subject for Interrupted {
    fn apply(&mut self, event: &Event) -> Outcome {
        self.stored.pass(event);
        let mut before = self.contents();
        let mut statement = 1;
        loop {
            self.stored.store.fuse.cut(statement);
            let outcome = self.stored.perform(event);
            if !self.stored.store.fuse.mend() {
                return outcome;
            }
            self.cuts += 1;
            assert_eq!(outcome, Outcome::Lost, "{event:?}: cut at statement {statement}, and answered so");
            let after = self.contents();
            let partly = differences(&before, &after);
            let may_begin = takes_several_requests(event);
            assert!(partly.is_empty() || may_begin, "{event:?}: cut at statement {statement} it left {partly:#?}");
            // What is done already is not done again: its statements are others.
            statement = if partly.is_empty() { statement + 1 } else { 1 };
            before = after;
        }
    }

    fn effective(&mut self) -> Effective {
        self.stored.effective()
    }

    fn push_view(&mut self, client: Client) -> PushView {
        self.stored.push_view(client)
    }

    fn vote(&mut self, directory: Directory, who: Who, team: Team) -> Option<Word> {
        self.stored.vote(directory, who, team)
    }

    fn registers(&mut self) -> Registers {
        self.stored.registers()
    }
}
