//! The effective view of the reference: who is active, what each connection votes, who is in what.

use rollkeeper::reconcile::{DefaultMode, Stamp, Word};

use super::super::{Client, Directory, Effective, Login, Namespace, PushView, Seen, Team, Who};
use super::held::Cell;
use super::{Account, Claims, Said, Space, State, Variant};

impl State {
    /// The home directory (the oldest that has a record) speaks for the account.
    pub fn active(&self, account: Account) -> bool {
        let mut records = self.records_of(account).map(|(_, record)| record.active);
        let pushed = if self.is(Variant::OneInactiveForAll) {
            records.all(|active| active)
        } else {
            records.next().unwrap_or(true)
        };
        (pushed || self.held.contains_key(&(account, Cell::Active))) && !self.suspended.contains(&account)
    }

    pub fn active_here(&self, account: Account, directory: Directory) -> bool {
        directory.client().and_then(|client| self.record(account, client)).is_none_or(|record| record.active)
    }

    /// Evidence up to here no longer counts: the own directory, the home or an administrator switched the person off.
    pub fn dead_before(&self, account: Account, directory: Directory) -> Option<Stamp> {
        if self.is(Variant::KeepEvidence) {
            return None;
        }
        let own = directory.client().and_then(|client| self.record(account, client)).and_then(|record| record.off);
        let home = self.records_of(account).next().and_then(|(_, record)| record.off);
        own.max(home).max(self.off.get(&account).copied())
    }

    /// The newest claim of the account's links on the directory that may speak of the team, and whether it names it.
    pub fn newest_claim(&self, account: Account, directory: Directory, team: Team) -> Option<(Stamp, bool)> {
        if !self.universe.scope(directory).contains(&team) {
            return None;
        }
        let dead = self.dead_before(account, directory);
        let mut newest = None;
        for ((login, who), _) in self.links_of(account, directory) {
            let Some(claims) = self.claims.get(&(login, who)) else { continue };
            let Some((stamp, values)) = &claims.groups else { continue };
            if Some(*stamp) > dead
                && !self.aged(claims, *stamp)
                && newest.is_none_or(|(at, by, _)| (*stamp, login) > (at, by))
            {
                let names = values.iter().any(|value| self.mapping.get(value) == Some(&team));
                newest = Some((*stamp, login, names));
            }
        }
        newest.map(|(stamp, _, names)| (stamp, names))
    }

    /// A login came much later without the claim, or its lease is over.
    pub fn aged(&self, claims: &Claims, stamp: Stamp) -> bool {
        let login_after = claims.seen.map_or(0, |(seen, _)| seen - stamp);
        let lease = self.universe.time.and_then(|time| time.lease).filter(|_| !self.is(Variant::NoLease));
        self.universe.claim_max_age.is_some_and(|age| login_after > age)
            || lease.is_some_and(|lease| stamp + lease <= self.now)
    }

    pub fn links_of(&self, account: Account, directory: Directory) -> impl Iterator<Item = ((Login, Who), Account)> {
        let links = self.links.iter().map(|(key, account)| (*key, *account));
        links.filter(move |((login, _), of)| *of == account && login.directory() == directory)
    }

    /// One directory, one vote.
    pub fn voted(&self, account: Account, directory: Directory, team: Team) -> Option<Word> {
        if !self.active_here(account, directory) {
            return None;
        }
        let claim = self.newest_claim(account, directory, team);
        let said = claim.map(|(_, names)| if names { Word::Grant } else { Word::Deny });
        let Some(client) = directory.client() else { return said };
        let Some(who) = self.external(account, client) else { return said };

        let listed = self.lists(client, team, who);
        if self.is(Variant::Union) {
            return if listed || said == Some(Word::Grant) { Some(Word::Grant) } else { Some(Word::Deny) };
        }
        if listed {
            return Some(Word::Grant);
        }
        if self.is(Variant::ClosedWorld) && self.lists.contains_key(&(client, team)) {
            return Some(Word::Deny);
        }
        if let Some(removed) = self.removed.get(&(client, team, who)) {
            let fresher = claim.is_some_and(|(stamp, _)| stamp > *removed);
            if !(self.is(Variant::FreshClaimWins) && fresher) {
                return Some(Word::Deny);
            }
        }
        match claim {
            Some((stamp, true)) if self.stated(client, who, team) >= Some(stamp) => Some(Word::Deny),
            _ => said,
        }
    }

    /// When a push last denied the pair; a weak word counts only if it is newer.
    fn denied_since(&self, account: Account, team: Team) -> Option<Stamp> {
        let since = |client| {
            let who = self.external(account, client)?;
            if self.lists(client, team, who) {
                return None;
            }
            self.removed.get(&(client, team, who)).copied().max(self.stated(client, who, team))
        };
        Client::ALL.into_iter().filter_map(since).max()
    }

    fn push_denies(&self, account: Account, directory: Directory, team: Team) -> bool {
        let Some(client) = directory.client() else { return false };
        let Some(who) = self.external(account, client) else { return false };
        let spoken = self.removed.contains_key(&(client, team, who)) || self.stated(client, who, team).is_some();
        spoken && !self.lists(client, team, who)
    }

    pub fn member(&self, account: Account, team: Team) -> bool {
        self.vouched(account, team)
            || self.active(account) && !self.denied(account, team) && self.default(account, team)
    }

    /// Of the team, or of the organization that it is a team of.
    pub fn denied(&self, account: Account, team: Team) -> bool {
        self.manual.get(&(account, team)) == Some(&Word::Deny)
            || self.banned(account) && !self.is(Variant::DenyStopsAtTheDoor)
    }

    /// By an administrator, and it is not over.
    fn granted(&self, account: Account, team: Team) -> bool {
        let over = self.ends.get(&(account, team)).is_some_and(|end| *end <= self.now);
        self.manual.get(&(account, team)) == Some(&Word::Grant) && (!over || self.is(Variant::EndlessGrant))
    }

    /// A member by anything but a default.
    fn vouched(&self, account: Account, team: Team) -> bool {
        self.says(account, team) || self.held_stands(account, Some(team))
    }

    /// By a word, neither by a default nor by a hold.
    pub fn says(&self, account: Account, team: Team) -> bool {
        if !self.active(account) || self.denied(account, team) {
            return false;
        }
        let since = if self.is(Variant::WeakWordsStay) { None } else { self.denied_since(account, team) };
        let counts = |stamp: Stamp| since.is_none_or(|since| stamp > since);
        let mut invited = self.ids.iter().filter(|((space, _), id)| *space == Space::A && **id == account);
        Directory::ALL.iter().any(|directory| self.voted(account, *directory, team) == Some(Word::Grant))
            || self.granted(account, team)
            || invited.any(|((_, who), _)| self.invitations.get(&(*who, team)).copied().flatten().is_some_and(counts))
            || self.imports.get(&(account, team)).copied().is_some_and(counts)
    }

    fn default(&self, account: Account, team: Team) -> bool {
        if self.is(Variant::StickyDefault) {
            return self.sticky.contains(&(account, team));
        }
        Directory::ALL.into_iter().any(|directory| self.defaulted(account, directory, team))
    }

    /// The directory puts the person into the team, if the team is open to them.
    pub fn defaulted(&self, account: Account, directory: Directory, team: Team) -> bool {
        let Some(mode) = self.mode else { return false };
        let elsewhere = || Team::ALL.iter().any(|other| *other != team && self.vouched(account, *other));
        self.universe.default_team(directory) == team
            && self.links_of(account, directory).next().is_some()
            && self.active_here(account, directory)
            && (self.is(Variant::DefaultOverrides) || !self.push_denies(account, directory, team))
            && (mode == DefaultMode::Always || !self.cut_off(account, directory) && !elsewhere())
    }

    /// The newest login that counts as evidence brought a list that was cut off.
    fn cut_off(&self, account: Account, directory: Directory) -> bool {
        let dead = self.dead_before(account, directory);
        let logins = self.links_of(account, directory).filter_map(|(link, _)| {
            let (stamp, cut_off) = self.claims.get(&link)?.seen?;
            Some((stamp, link, cut_off)).filter(|_| Some(stamp) > dead)
        });
        logins.max_by_key(|(stamp, link, _)| (*stamp, *link)).is_some_and(|(_, _, cut_off)| cut_off)
    }

    /// Lock, push (home first), the newest login, an inactive record, what was entered.
    pub fn name(&self, account: Account) -> Option<&'static str> {
        if let Some(name) = self.locks.get(&account) {
            return Some(name);
        }
        let pushed = |active: bool| {
            let said = self.records_of(account).filter(|(_, record)| record.active == active);
            said.map(|(_, record)| record.name).find(|said| *said != Said::Nothing)
        };
        let value = |said: Said| if let Said::Name(name) = said { Some(name) } else { None };
        if let Some(said) = pushed(true) {
            return value(said);
        }
        if let Some(name) = self.claimed_name(account).filter(|_| self.active(account)) {
            return Some(name);
        }
        match pushed(false) {
            Some(said) => value(said),
            None => self.entered.get(&account).copied(),
        }
    }

    fn claimed_name(&self, account: Account) -> Option<&'static str> {
        let claims = self.links.iter().filter(|(_, of)| **of == account).filter_map(|(link, _)| {
            let (stamp, name) = self.claims.get(link)?.name?;
            let directory = link.0.directory();
            let counts = self.active_here(account, directory) && Some(stamp) > self.dead_before(account, directory);
            counts.then_some((stamp, *link, name))
        });
        claims.max().map(|(_, _, name)| name)
    }

    pub fn effective_view(&self) -> Effective {
        let mut view = Effective::new();
        for who in self.universe.people {
            for namespace in Namespace::ALL {
                let seen = self.find(namespace, who).map(|account| Seen {
                    active: self.active(account),
                    teams: Team::ALL.into_iter().filter(|team| self.member(account, *team)).collect(),
                    role: self.role(account),
                    name: self.name(account).map(str::to_owned),
                });
                view.insert((namespace, *who), seen);
            }
        }
        view
    }

    pub fn view_of_push(&self, client: Client) -> PushView {
        let mut view = PushView::default();
        for ((by, team), list) in &self.lists {
            if *by == client {
                view.listed.extend(list.iter().map(|who| (*team, *who)));
            }
        }
        for ((by, who), record) in &self.records {
            if *by == client {
                let name = if let Said::Name(name) = record.name { Some(name.to_owned()) } else { None };
                view.records.insert(who, (record.active, name));
            }
        }
        view
    }
}
