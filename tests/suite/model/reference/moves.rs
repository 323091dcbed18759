//! Where anchors change and one directory succeeds another, in the reference: who is found by what, whom a push may claim,
//! and what a claim ends.
//!
//! The names of namespace A alone move; in namespace B everybody keeps theirs.

use std::collections::BTreeSet;

use rollkeeper::reconcile::Stamp;

use super::super::{Anchor, Client, Directory, Login, Namespace, Outcome, Refusal, SUCCESSION, SignIn, Team, Who};
use super::{Account, Space, State, Variant};

/// An anchor of namespace A names an account for good; one by which nobody pushes the person any more leads nobody to it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Named {
    pub account: Account,
    pub retired: bool,
    /// Somebody signed in by it whom the same directory pushes by it.
    pub matched: bool,
}

impl State {
    pub fn succeed(&mut self) -> Outcome {
        self.succeeded = true;
        Outcome::Ok
    }

    /// By what the client pushes the person: the name that it gave last.
    pub fn external_id(&self, client: Client, who: Who) -> Anchor {
        self.external_ids.get(&(client, who)).copied().unwrap_or_default()
    }

    fn named(&self, who: Who) -> Option<Account> {
        self.find(Namespace::A, who)
    }

    fn anchored(&self, who: Who, anchor: Anchor) -> Option<Account> {
        let named = self.anchors.get(&(who, anchor))?;
        (!named.retired || self.is(Variant::RetiredAnchorLeads)).then_some(named.account)
    }

    /// From now on the anchor names the account, unless it does already: one that was given up stays so.
    pub fn name_by_anchor(&mut self, account: Account, who: Who, anchor: Anchor) {
        self.anchors.entry((who, anchor)).or_insert(Named { account, retired: false, matched: false });
    }

    /// A push changes the name by which it knows somebody.
    pub fn rename(&mut self, client: Client, who: Who, to: Anchor, stamp: Stamp) -> Outcome {
        let old = self.external_id(client, who);
        let Some(record) = self.records.get_mut(&(client, who)) else { return Outcome::Unknown };
        if !record.active {
            record.off = record.off.max(Some(stamp));
        }
        if old == to {
            return Outcome::Ok;
        }
        let account = self.anchors[&(who, old)].account;
        self.restore(account, who, to);
        self.external_ids.insert((client, who), to);
        let pushed = |by: &Client| self.records.contains_key(&(*by, who)) && self.external_id(*by, who) == old;
        if !Client::ALL.iter().any(pushed)
            && let Some(given_up) = self.anchors.get_mut(&(who, old))
        {
            given_up.retired = true;
        }
        Outcome::Ok
    }

    /// A push names the person so: whoever had given that up, it counts again.
    pub fn restore(&mut self, account: Account, who: Who, anchor: Anchor) {
        self.name_by_anchor(account, who, anchor);
        if let Some(named) = self.anchors.get_mut(&(who, anchor)) {
            named.retired = false;
        }
    }

    /// Whose words the directory takes over.
    fn predecessor(&self, directory: Directory) -> Option<Directory> {
        (self.succeeded && directory == SUCCESSION.1).then_some(SUCCESSION.0)
    }

    fn is_held_by_successor(&self, account: Account, directory: Directory) -> bool {
        let (old, new) = SUCCESSION;
        let speaks = || self.directories_of(account).contains(&new);
        self.succeeded && directory == old && speaks() && !self.is(Variant::PredecessorReturns)
    }

    /// Who pushes the account or signed it in.
    fn directories_of(&self, account: Account) -> BTreeSet<Directory> {
        let pushes = self.records_of(account).map(|(client, _)| client.directory());
        let links = Directory::ALL.into_iter().filter(|it| self.links_of(account, *it).next().is_some());
        pushes.chain(links).collect()
    }

    /// Whether an address in this directory's domain counts as the person's own where the other one says it.
    pub fn owns(&self, directory: Directory, domain: Directory) -> bool {
        let old = SUCCESSION.0;
        domain.client().is_some()
            && if domain == old && self.succeeded { directory == SUCCESSION.1 } else { directory == domain }
    }

    /// The domains of the addresses that are read of the account.
    fn addresses(&self, account: Account) -> BTreeSet<Directory> {
        let both = BTreeSet::from([Directory::D1, Directory::D2]);
        if self.records_of(account).any(|(_, record)| record.active) {
            return both;
        }
        let said = |(link, _): (&(Login, Who), &Account)| {
            let (stamp, _) = self.claims.get(link)?.seen?;
            let directory = link.0.directory();
            let counts = self.active_here(account, directory) && Some(stamp) > self.dead_before(account, directory);
            counts.then_some((stamp, *link))
        };
        let newest = self.links.iter().filter(|(_, of)| **of == account).filter_map(said).max();
        if let Some((_, (login, _))) = newest.filter(|_| self.active(account)) {
            return BTreeSet::from([login.directory()]);
        }
        let entered = self.ids.iter().any(|((space, _), of)| *space == Space::Hand && *of == account);
        if entered || self.records_of(account).next().is_some() { both } else { BTreeSet::new() }
    }

    fn is_addressed(&self, account: Account, directory: Directory) -> bool {
        self.addresses(account).into_iter().any(|domain| self.owns(directory, domain))
    }

    fn is_sole(&self, directory: Directory) -> bool {
        self.used.iter().all(|used| *used == directory)
    }

    /// Nobody else speaks of the account but whom the directory succeeds, and it may read of it.
    fn is_in_sight(&self, account: Account, directory: Directory) -> bool {
        let predecessor = self.predecessor(directory);
        let speakers = self.directories_of(account);
        speakers.iter().all(|it| *it == directory || Some(*it) == predecessor)
            && (speakers.contains(&directory) || self.is_sole(directory) || self.is_addressed(account, directory))
    }

    /// Whether the client may state somebody whom it does not push yet.
    pub fn may_state(&self, client: Client, who: Who) -> bool {
        let directory = client.directory();
        if let Some(account) = self.anchored(who, self.external_id(client, who)) {
            return !self.is_held_by_successor(account, directory);
        }
        let Some(account) = self.named(who) else { return true };
        // Whoever claims somebody gives them no address in a domain of others.
        let known = self.addresses(account);
        let mut pushed = [Directory::D1, Directory::D2].into_iter();
        self.is_in_sight(account, directory)
            && (self.is_sole(directory) || pushed.all(|it| known.contains(&it) || self.owns(directory, it)))
    }

    /// Whether the client may list somebody whom it does not push yet; whoever is not in sight it states first.
    pub fn may_list(&mut self, client: Client, who: Who, account: Account) -> bool {
        if self.is_in_sight(account, client.directory()) {
            self.restore(account, who, self.external_id(client, who));
            return true;
        }
        self.records_of(account).next().is_none() && self.may_state(client, who)
    }

    /// A client has a record of the account that it had none of, or somebody a link: what its predecessor said ends.
    pub fn take_over(&mut self, directory: Directory, account: Account, who: Who) {
        self.used.insert(directory);
        let Some(old) = self.predecessor(directory).filter(|_| !self.is(Variant::PredecessorStays)) else { return };
        let ended: Vec<_> = self.links_of(account, old).map(|(key, _)| key).collect();
        for key in ended {
            self.links.remove(&key);
            self.claims.remove(&key);
        }
        let Some(client) = old.client() else { return };
        let Some(record) = self.records.remove(&(client, who)) else { return };
        // It was the home, being the older one.
        if let Some(off) = record.off {
            let ended = self.off.entry(account).or_insert(off);
            *ended = off.max(*ended);
        }
        self.forget_lists(client, who);
    }

    /// Who signs in where no link says so; nobody: somebody new.
    pub fn recognise(&self, evidence: SignIn) -> Result<Option<Account>, Refusal> {
        let SignIn { login, who, anchor, .. } = evidence;
        let directory = login.directory();
        if login.namespace() == Namespace::B || !self.universe.moves {
            return Ok(self.find(login.namespace(), who));
        }
        if let Some(account) = self.anchored(who, anchor)
            && !self.is_held_by_successor(account, directory)
        {
            return Ok(Some(account));
        }
        let Some(account) = self.named(who) else { return Ok(None) };
        if self.is_known_by_address(account, directory, who) { Ok(Some(account)) } else { Err(Refusal::Unlinked) }
    }

    /// Somebody whom the directory pushes, while no anchor has worked; somebody of whom nobody speaks; whoever is invited.
    fn is_known_by_address(&self, account: Account, directory: Directory, who: Who) -> bool {
        if !self.owns(directory, directory) || !self.addresses(account).contains(&directory) {
            return false;
        }
        let predecessor = self.predecessor(directory);
        let speakers = self.directories_of(account);
        let is_linked = Directory::ALL.iter().any(|it| self.links_of(account, *it).next().is_some());
        let is_linked_here = self.links_of(account, directory).next().is_some();
        let pushes = directory.client().is_some_and(|client| self.record(account, client).is_some());
        let pending = |((of, _), accepted): (&(Who, Team), &Option<Stamp>)| *of == who && accepted.is_none();
        let is_invited = self.universe.invited.contains(&directory) && self.invitations.iter().any(pending);
        pushes && !is_linked_here && !self.has_anchor_worked(directory)
            || speakers.iter().all(|it| Some(*it) == predecessor)
            || is_invited && !is_linked && speakers.iter().all(|it| *it == directory)
    }

    fn has_anchor_worked(&self, directory: Directory) -> bool {
        let Some(client) = directory.client() else { return false };
        let pushed = self.records.keys().filter(|(by, _)| *by == client);
        pushed
            .map(|(_, who)| (*who, self.external_id(client, who)))
            .any(|key| self.anchors.get(&key).is_some_and(|it| it.matched))
    }

    /// The anchor that a sign-in shows names the account from now on, and has worked if its directory pushes it by that.
    pub fn show(&mut self, account: Account, evidence: SignIn) {
        let SignIn { login, who, anchor, .. } = evidence;
        if login.namespace() == Namespace::B {
            return;
        }
        self.name_by_anchor(account, who, anchor);
        let client = login.directory().client();
        let pushes = |client| self.records.contains_key(&(client, who)) && self.external_id(client, who) == anchor;
        if client.is_some_and(pushes)
            && let Some(named) = self.anchors.get_mut(&(who, anchor))
        {
            named.matched = true;
        }
    }
}
