//! The effective view of the reference: who is active, what each connection votes, who is in what, and the registers as
//! text.

use rollkeeper::reconcile::{DefaultMode, Stamp, Word};

use super::super::{Client, Directory, Effective, Login, Namespace, PushView, Registers, Seen, Team, Who};
use super::{Account, Grave, Kept, Record, Said, Space, State, Variant};

impl State {
    /// The home directory (the oldest that has a record) speaks for the account.
    pub fn active(&self, account: Account) -> bool {
        let mut records = self.records_of(account).map(|(_, record)| record.active);
        let pushed = if self.is(Variant::OneInactiveForAll) {
            records.all(|active| active)
        } else {
            records.next().unwrap_or(true)
        };
        pushed && !self.suspended.contains(&account)
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
            let login_after = claims.seen.map_or(0, |(seen, _)| seen - stamp);
            let aged = self.universe.claim_max_age.is_some_and(|age| login_after > age);
            if Some(*stamp) > dead && !aged && newest.is_none_or(|(at, by, _)| (*stamp, login) > (at, by)) {
                let names = values.iter().any(|value| self.mapping.get(value) == Some(&team));
                newest = Some((*stamp, login, names));
            }
        }
        newest.map(|(stamp, _, names)| (stamp, names))
    }

    fn links_of(&self, account: Account, directory: Directory) -> impl Iterator<Item = ((Login, Who), Account)> {
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

    pub fn denied(&self, account: Account, team: Team) -> bool {
        self.manual.get(&(account, team)) == Some(&Word::Deny)
    }

    /// A member by anything but a default.
    fn vouched(&self, account: Account, team: Team) -> bool {
        if !self.active(account) || self.denied(account, team) {
            return false;
        }
        let since = if self.is(Variant::WeakWordsStay) { None } else { self.denied_since(account, team) };
        let counts = |stamp: Stamp| since.is_none_or(|since| stamp > since);
        let mut invited = self.ids.iter().filter(|((space, _), id)| *space == Space::A && **id == account);
        Directory::ALL.iter().any(|directory| self.voted(account, *directory, team) == Some(Word::Grant))
            || self.manual.get(&(account, team)) == Some(&Word::Grant)
            || invited.any(|((_, who), _)| self.invitations.get(&(*who, team)).copied().flatten().is_some_and(counts))
            || self.imports.get(&(account, team)).copied().is_some_and(counts)
    }

    fn default(&self, account: Account, team: Team) -> bool {
        if self.is(Variant::StickyDefault) {
            return self.sticky.contains(&(account, team));
        }
        let Some(mode) = self.mode else { return false };
        let elsewhere = || Team::ALL.iter().any(|other| *other != team && self.vouched(account, *other));
        Directory::ALL.into_iter().any(|directory| {
            self.universe.default_team(directory) == team
                && self.links_of(account, directory).next().is_some()
                && self.active_here(account, directory)
                && (self.is(Variant::DefaultOverrides) || !self.push_denies(account, directory, team))
                && (mode == DefaultMode::Always || !self.cut_off(account, directory) && !elsewhere())
        })
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

    /// An account is named `A p` while namespace A or an administrator's hand knows it, else `B p`. (Where a broken
    /// alternative made two of them, the one entered by hand is `hand p`.)
    fn account_name(&self, account: Account) -> String {
        let known = |space| self.ids.iter().find(|((at, _), of)| *at == space && **of == account).map(|(key, _)| key.1);
        if let Some(who) = known(Space::A) {
            return format!("A {who}");
        }
        if let Some(who) = known(Space::Hand) {
            let taken = self.ids.contains_key(&(Space::A, who));
            return format!("{} {who}", if taken { "hand" } else { "A" });
        }
        known(Space::B).map_or_else(|| "nobody".to_owned(), |who| format!("B {who}"))
    }

    pub fn registers_as_text(&self) -> Registers {
        let mut all = Registers::new();
        let mut put = |key: String, value: String| all.insert(key, value);
        let name = |account: &Account| self.account_name(*account);

        for ((space, who), account) in &self.ids {
            let space = if *space == Space::Hand { "hand".to_owned() } else { format!("{space:?}") };
            put(format!("identity: {space} {who}"), name(account));
        }
        for ((login, who), account) in &self.links {
            put(format!("link: {login:?} {who}").to_lowercase(), name(account));
        }
        for (grave, who) in &self.tombs {
            let reach = match grave {
                Grave::Everywhere(namespace) => format!("everywhere {namespace:?}"),
                Grave::At(directory) => directory.id().to_owned(),
            };
            put(format!("tombstone: {reach} {who}"), String::new());
        }
        for ((client, who), record) in &self.records {
            let name = match record.name {
                Said::Nothing => "silent".to_owned(),
                Said::Cleared => "cleared".to_owned(),
                Said::Name(name) => format!("said {name}"),
            };
            let Record { active, bound, off, .. } = record;
            put(push_key(*client, &format!("record {who}")), format!("{active} {name} bound {bound} off {off:?}"));
        }
        for ((client, team), list) in &self.lists {
            for who in list {
                put(push_key(*client, &format!("{} {who}", team.id())), "listed".to_owned());
            }
        }
        for ((client, team, who), stamp) in &self.removed {
            put(push_key(*client, &format!("{} {who}", team.id())), format!("removed {stamp}"));
        }
        for ((client, team), stamp) in &self.full {
            put(push_key(*client, &format!("{} list", team.id())), stamp.to_string());
        }
        for ((login, who), claims) in &self.claims {
            // What the own push ended is dead for good: whether it is still kept shows nowhere.
            let record = self.links.get(&(*login, *who)).zip(login.directory().client());
            let off = record.and_then(|(account, client)| self.record(*account, client)?.off);
            let key = |field: &str| format!("login: {} {who} {field}", format!("{login:?}").to_lowercase());
            if let Some((stamp, values)) = claims.groups.as_ref().filter(|(stamp, _)| Some(*stamp) > off) {
                put(key("groups"), format!("{stamp} {:?}", values.iter().collect::<Vec<_>>()));
            }
            if let Some((stamp, value)) = claims.name.filter(|(stamp, _)| Some(*stamp) > off) {
                put(key("name"), format!("{stamp} {value}"));
            }
            if let Some((stamp, cut_off)) = claims.seen {
                put(key("seen"), format!("{stamp} {cut_off}"));
            }
        }
        for ((account, team), word) in &self.manual {
            put(format!("administrator: {} {}", name(account), team.id()), format!("{word:?}"));
        }
        for (account, value) in &self.locks {
            put(format!("administrator: {} lock", name(account)), (*value).to_owned());
        }
        for account in &self.suspended {
            put(format!("administrator: {} suspended", name(account)), String::new());
        }
        for (account, value) in &self.entered {
            put(format!("administrator: {} entered", name(account)), (*value).to_owned());
        }
        for (account, stamp) in &self.off {
            put(format!("off: {}", name(account)), stamp.to_string());
        }
        for (who, Kept { suspended, off, denied }) in &self.kept {
            let denied: Vec<&str> = denied.iter().map(|team| team.id()).collect();
            put(format!("kept: {who}"), format!("{suspended} {off:?} {}", denied.join(" ")));
        }
        for ((account, team), stamp) in &self.imports {
            put(format!("import: {} {}", name(account), team.id()), stamp.to_string());
        }
        for ((who, team), accepted) in &self.invitations {
            put(format!("invitation: {who} {}", team.id()), format!("{accepted:?}"));
        }
        for (value, team) in &self.mapping {
            put(format!("mapping: {value}"), team.id().to_owned());
        }
        all
    }
}

fn push_key(client: Client, cell: &str) -> String {
    format!("push: {} {cell}", format!("{client:?}").to_lowercase())
}
