//! The product's pure functions over registers in memory: identity and events as the model has them, everything that
//! follows from the registers by `derive` and `vote`.

use std::collections::{BTreeMap, BTreeSet};

use rollkeeper::reconcile::{
    self, Claim, Connection, DefaultTeam, Group, Link, Person, Record, Source, Stamp, Vouch, Word, World, active_here,
    cells, derive,
};
use serde_json::{Value, json};

use super::observe::{self, NAME};
use super::reference::{Grave, Space, space};
use super::{
    Client, Directory, Effective, Event, Groups, MAPPING, Mode, Namespace, Outcome, PushView, RETENTION, ROLE_OF_TEAM,
    ROLES, Refusal, Registers, SignIn, Subject, Team, Universe, Who,
};

/// The organization of all teams.
pub const ORGANIZATION: &str = "org";

#[derive(Clone, Debug)]
pub struct Pure {
    universe: Universe,
    pub world: World,
    pub people: Vec<Person>,
    ids: BTreeMap<(Space, Who), usize>,
    /// What a tombstone of everywhere hides: the retired account, which a new one of the same name revives.
    tombs: BTreeMap<(Grave, Who), Option<usize>>,
    /// When each of them ends.
    expire: BTreeMap<(Grave, Who), Stamp>,
    invitations: BTreeMap<(Who, Team), Option<Stamp>>,
    mapping: BTreeMap<&'static str, Team>,
}

impl Pure {
    pub fn new(universe: Universe, mode: Mode) -> Self {
        let connection = |directory: Directory| Connection {
            id: directory.id().to_owned(),
            order: directory as i64,
            default_organization: Some(ORGANIZATION.to_owned()),
            default_team: mode
                .map(|mode| DefaultTeam { group: universe.default_team(directory).id().to_owned(), mode }),
            claim_max_age: universe.claim_max_age,
            lease: universe.time.and_then(|time| time.lease),
            groups_by_value: BTreeMap::new(),
            organizations: BTreeSet::from([ORGANIZATION.to_owned()]),
            roles_by_value: ROLES.map(|(value, role)| (value.to_owned(), role.name().to_owned())).into(),
            roles_by_group: BTreeMap::from([(ROLE_OF_TEAM.0.id().to_owned(), ROLE_OF_TEAM.1.name().to_owned())]),
        };
        let group = |team: Team| Group {
            id: team.id().to_owned(),
            organization: Some(ORGANIZATION.to_owned()),
            full: BTreeMap::new(),
        };
        let mut pure = Self {
            universe,
            world: World {
                now: if universe.time.is_some() { 0 } else { 10_000_000 },
                connections: Directory::ALL.map(|it| (it.id().to_owned(), connection(it))).into(),
                groups: Team::ALL.map(|it| (it.id().to_owned(), group(it))).into(),
                ..World::default()
            },
            people: Vec::new(),
            ids: BTreeMap::new(),
            tombs: BTreeMap::new(),
            expire: BTreeMap::new(),
            invitations: BTreeMap::new(),
            mapping: MAPPING.into(),
        };
        pure.map();
        pure
    }

    /// Spells the mapping out for each connection, inside its scope.
    fn map(&mut self) {
        for directory in Directory::ALL {
            let scope = self.universe.scope(directory);
            let inside = self.mapping.iter().filter(|(_, team)| scope.contains(team));
            let meaning = |(value, team): (&&str, &Team)| ((*value).to_owned(), BTreeSet::from([team.id().to_owned()]));
            if let Some(connection) = self.world.connections.get_mut(directory.id()) {
                connection.groups_by_value = inside.map(meaning).collect();
            }
        }
    }

    fn find(&self, namespace: Namespace, who: Who) -> Option<usize> {
        let by_hand = || if namespace == Namespace::A { self.ids.get(&(Space::Hand, who)) } else { None };
        self.ids.get(&(space(namespace), who)).or_else(by_hand).copied()
    }

    fn create(&mut self, namespace: Namespace, who: Who) -> usize {
        if let Some(Some(account)) = self.tombs.get(&(Grave::Everywhere(namespace), who)) {
            self.people[*account].retired = false;
            return *account;
        }
        self.people.push(Person { id: self.people.len().to_string(), ..Person::default() });
        self.people.len() - 1
    }

    fn bound(&self, client: Client, who: Who) -> Option<usize> {
        let account = self.find(Namespace::A, who)?;
        let connection = client.directory().id();
        self.people[account].records.iter().any(|record| record.connection == connection).then_some(account)
    }

    fn bind(&mut self, client: Client, who: Who, stamp: Stamp) -> (usize, &mut Record) {
        let account = self.find(Namespace::A, who).unwrap_or_else(|| self.create(Namespace::A, who));
        self.ids.insert((Space::A, who), account);
        self.tombs.remove(&(Grave::Everywhere(Namespace::A), who));
        self.tombs.remove(&(Grave::At(client.directory()), who));
        let connection = client.directory().id();
        let records = &mut self.people[account].records;
        let at = records.iter().position(|record| record.connection == connection).unwrap_or_else(|| {
            records.push(Record {
                connection: connection.to_owned(),
                external_id: Some(who.to_owned()),
                active: true,
                bound_at: stamp,
                off: None,
                in_verified_domain: false,
                words: BTreeMap::new(),
            });
            records.len() - 1
        });
        (account, &mut records[at])
    }

    fn put(&mut self, client: Client, who: Who, active: bool, name: Option<&str>, stamp: Stamp) -> Outcome {
        let (_, record) = self.bind(client, who, stamp);
        record.active = active;
        if !active {
            record.off = record.off.max(Some(stamp));
        }
        let says = name.map(|name| (NAME.to_owned(), json!(name)));
        record.words = cells::restate(&record.words, says.into_iter().collect());
        Outcome::Ok
    }

    fn delete(&mut self, client: Client, who: Who) -> Outcome {
        let Some(account) = self.bound(client, who) else { return Outcome::Unknown };
        self.bury(Grave::At(client.directory()), who, None);
        let connection = client.directory().id();
        let home = derive(&self.people[account], &self.world).home;
        let person = &mut self.people[account];
        let off = person.records.iter().find(|record| record.connection == connection).and_then(|record| record.off);
        person.records.retain(|record| record.connection != connection);
        person.vouches.retain(|vouch| vouch.source != Source::Push(connection.to_owned()));
        let gone = person.records.is_empty();
        person.links.retain(|link| !gone && link.connection != connection);
        if !gone {
            if home.as_deref() == Some(connection) {
                person.off = person.off.max(off);
            }
            return Outcome::Ok;
        }

        *person = Person {
            id: person.id.clone(),
            retired: true,
            suspended: person.suspended,
            off: person.off.filter(|_| person.suspended),
            vouches: person.vouches.drain(..).filter(|vouch| vouch.source == Source::Deny).collect(),
            ..Person::default()
        };
        self.bury(Grave::Everywhere(Namespace::A), who, Some(account));
        self.ids.retain(|_, of| *of != account);
        self.invitations.retain(|(of, _), _| *of != who);
        Outcome::Gone
    }

    fn bury(&mut self, grave: Grave, who: Who, retired: Option<usize>) {
        self.tombs.insert((grave, who), retired);
        self.expire.insert((grave, who), self.world.now.saturating_add(RETENTION));
    }

    /// Time passes: a claim, a grant and a lease end by themselves, a retired account and its tombstones are forgotten.
    fn pass(&mut self, event: &Event) {
        if self.universe.time.is_none() {
            return;
        }
        self.world.now = event.stamp().map_or(self.world.now, |stamp| stamp.max(self.world.now));
        let (now, expire) = (self.world.now, &self.expire);
        self.tombs.retain(|grave, _| expire.get(grave).is_none_or(|end| *end > now));
    }

    fn edit_member(&mut self, client: Client, team: Team, who: Who, present: bool, stamp: Stamp) -> Outcome {
        let Some(account) = self.find(Namespace::A, who) else { return Outcome::Unknown };
        let bound = self.bound(client, who).is_some();
        if !present && !bound {
            return Outcome::Unknown;
        }
        if present && !bound && !self.people[account].records.is_empty() {
            return Outcome::Invalid;
        }
        if present {
            self.bind(client, who, stamp);
        }
        self.push(account, client, team, present, stamp);
        Outcome::Ok
    }

    fn push(&mut self, account: usize, client: Client, team: Team, listed: bool, stamp: Stamp) {
        let source = Source::Push(client.directory().id().to_owned());
        let word = if listed { Word::Grant } else { Word::Deny };
        say(&mut self.people[account], team, source, word, |before| before.map_or(stamp, |before| before.max(stamp)));
    }

    fn members(&mut self, client: Client, team: Team, list: &BTreeSet<Who>, stamp: Stamp) -> Outcome {
        let bound: Option<BTreeSet<usize>> = list.iter().map(|who| self.bound(client, who)).collect();
        let Some(bound) = bound else { return Outcome::Invalid };
        let connection = client.directory().id().to_owned();
        for account in 0..self.people.len() {
            let is_row = |vouch: &&Vouch| {
                vouch.parent == team.id()
                    && vouch.source == Source::Push(connection.clone())
                    && vouch.word == Word::Grant
            };
            let was_listed = self.people[account].vouches.iter().any(|vouch| is_row(&vouch));
            if bound.contains(&account) {
                self.push(account, client, team, true, stamp);
            } else if was_listed {
                self.push(account, client, team, false, stamp);
            }
        }
        if let Some(group) = self.world.groups.get_mut(team.id()) {
            let full = group.full.entry(connection).or_insert(stamp);
            *full = stamp.max(*full);
        }
        Outcome::Ok
    }

    fn login(&mut self, evidence: SignIn) -> Outcome {
        let SignIn { login, who, iat, groups, name, roles, .. } = evidence;
        let (namespace, directory) = (login.namespace(), login.directory());
        let graves = [Grave::Everywhere(namespace), Grave::At(directory)];
        if graves.iter().any(|grave| self.tombs.contains_key(&(*grave, who))) {
            return Outcome::Deny(Refusal::Tombstoned);
        }
        let subject = login.subject(who);
        let is_link = |link: &Link| link.connection == directory.id() && link.subject == subject;
        let linked = self.people.iter().position(|person| person.links.iter().any(is_link));
        let found = self.find(namespace, who);
        if linked.is_some() && found.is_some() && linked != found {
            return Outcome::Deny(Refusal::IdentityConflict);
        }
        let known = linked.or(found);
        if let Some(account) = known {
            let person = &self.people[account];
            if !derive(person, &self.world).active || !active_here(person, directory.id()) {
                return Outcome::Deny(Refusal::Inactive);
            }
        }
        let account = known.unwrap_or_else(|| self.create(namespace, who));
        self.ids.entry((space(namespace), who)).or_insert(account);

        let links = &mut self.people[account].links;
        let at = links.iter().position(is_link).unwrap_or_else(|| {
            links.push(Link {
                roles: None,
                connection: directory.id().to_owned(),
                subject: subject.clone(),
                groups: None,
                attributes: BTreeMap::new(),
                given: None,
                last_login: Stamp::MIN,
                cut_off: false,
            });
            links.len() - 1
        });
        speak(&mut links[at], iat, groups, name, roles);
        if self.universe.invited.contains(&directory) {
            for ((_, team), accepted) in self.invitations.iter_mut().filter(|((of, _), _)| *of == who) {
                let earliest = accepted.map_or(iat, |earliest| earliest.min(iat));
                *accepted = Some(earliest);
                say(&mut self.people[account], *team, Source::Invite, Word::Grant, |_| earliest);
            }
        }
        Outcome::Allow
    }

    fn enter(&mut self, who: Who, name: &str) -> Outcome {
        let found = self.find(Namespace::A, who);
        let account = found.unwrap_or_else(|| {
            let account = self.create(Namespace::A, who);
            self.ids.insert((Space::Hand, who), account);
            self.tombs.remove(&(Grave::Everywhere(Namespace::A), who));
            account
        });
        self.people[account].entered.insert(NAME.to_owned(), Some(json!(name)));
        if found.is_none() { Outcome::Created } else { Outcome::Updated }
    }

    fn administer(&mut self, who: Who, edit: impl FnOnce(&mut Person)) -> Outcome {
        let Some(account) = self.find(Namespace::A, who) else { return Outcome::Unknown };
        edit(&mut self.people[account]);
        Outcome::Ok
    }

    fn account_name(&self, account: usize) -> String {
        let known = |space| self.ids.iter().find(|((at, _), of)| *at == space && **of == account).map(|(key, _)| key.1);
        let name = |space, who| format!("{space} {who}");
        let in_a = known(Space::A).or_else(|| known(Space::Hand)).map(|who| name("A", who));
        in_a.or_else(|| known(Space::B).map(|who| name("B", who))).unwrap_or_default()
    }

    fn who(&self, account: usize) -> Option<Who> {
        self.ids.iter().find(|(_, of)| **of == account).map(|((_, who), _)| *who)
    }
}

/// Fields merge by the maximum of (stamp, text), each on its own.
fn speak(link: &mut Link, iat: Stamp, groups: Groups, name: Option<&str>, roles: Option<&[&str]>) {
    let login = (iat, groups == Groups::CutOff);
    (link.last_login, link.cut_off) = login.max((link.last_login, link.cut_off));
    if let Groups::Known(values) = groups {
        let claim = Claim { stamp: iat, value: values.iter().map(|value| (*value).to_owned()).collect() };
        if link.groups.as_ref().is_none_or(|before| claim.beats(before)) {
            link.groups = Some(claim);
        }
    }
    if let Some(values) = roles {
        let claim = Claim { stamp: iat, value: values.iter().map(|value| (*value).to_owned()).collect() };
        if link.roles.as_ref().is_none_or(|before| claim.beats(before)) {
            link.roles = Some(claim);
        }
    }
    if let Some(name) = name {
        let claim: Claim<Value> = Claim { stamp: iat, value: json!(name) };
        if link.attributes.get(NAME).is_none_or(|before| claim.beats(before)) {
            link.attributes.insert(NAME.to_owned(), claim);
        }
    }
}

/// Writes one register of a pair; `stamp` sees the stamp of the same word before.
fn say(person: &mut Person, team: Team, source: Source, word: Word, stamp: impl FnOnce(Option<Stamp>) -> Stamp) {
    let mut before = None;
    person.vouches.retain(|vouch| {
        let same = vouch.parent == team.id() && vouch.source == source;
        if same && vouch.word == word {
            before = Some(vouch.stamp);
        }
        !same
    });
    let stamp = stamp(before);
    person.vouches.push(Vouch { parent: team.id().to_owned(), source, word, stamp, until: None, role: None });
}

fn forget_manual(person: &mut Person, parent: &str) {
    let is_manual = |source: &Source| matches!(source, Source::Grant | Source::Deny);
    person.vouches.retain(|vouch| vouch.parent != parent || !is_manual(&vouch.source));
}

/// What an administrator says of the organization itself.
fn appoint(person: &mut Person, word: Word, role: Option<&str>, until: Option<Stamp>) {
    forget_manual(person, ORGANIZATION);
    let source = if word == Word::Grant { Source::Grant } else { Source::Deny };
    let (parent, role) = (ORGANIZATION.to_owned(), role.map(str::to_owned));
    person.vouches.push(Vouch { parent, source, word, stamp: 0, until, role });
}

impl Subject for Pure {
    fn apply(&mut self, event: &Event) -> Outcome {
        self.pass(event);
        match event {
            Event::Put { client, who, active, name, stamp } => self.put(*client, who, *active, *name, *stamp),
            Event::Delete { client, who } => self.delete(*client, who),
            Event::Member { client, team, who, present, stamp } => {
                self.edit_member(*client, *team, who, *present, *stamp)
            }
            Event::Members { client, team, list, stamp } => self.members(*client, *team, list, *stamp),
            Event::Login(sign_in) => self.login(*sign_in),
            Event::Enter { who, name } => self.enter(who, name),
            Event::Import { who, team, stamp } => self.administer(who, |person| {
                say(person, *team, Source::Import, Word::Grant, |before| before.unwrap_or(*stamp).max(*stamp));
            }),
            Event::Grant { who, team, word, until } => self.administer(who, |person| {
                let source = if *word == Word::Grant { Source::Grant } else { Source::Deny };
                forget_manual(person, team.id());
                say(person, *team, source, *word, |_| 0);
                if let Some(said) = person.vouches.last_mut() {
                    said.until = *until;
                }
            }),
            Event::Ungrant { who, team } => self.administer(who, |person| forget_manual(person, team.id())),
            Event::Appoint { who, word, role, until } => self.administer(who, |person| {
                let role = role.filter(|_| *word == Word::Grant).map(super::Role::name);
                appoint(person, *word, role, until.filter(|_| *word == Word::Grant));
            }),
            Event::Dismiss { who } => self.administer(who, |person| forget_manual(person, ORGANIZATION)),
            Event::Wait { .. } | Event::Apply { .. } => Outcome::Ok,
            Event::Rename { .. } | Event::Succeed => unreachable!("names move over a store only"),
            Event::Suspend { who, stamp } => self.administer(who, |person| {
                person.suspended = true;
                person.off = person.off.max(Some(*stamp));
            }),
            Event::Unsuspend { who } => self.administer(who, |person| person.suspended = false),
            Event::Lock { who, name } => self.administer(who, |person| {
                person.locks.insert(NAME.to_owned(), Some(json!(name)));
            }),
            Event::Invite { who, team } => {
                if self.tombs.contains_key(&(Grave::Everywhere(Namespace::A), *who)) {
                    return Outcome::Conflict;
                }
                self.invitations.entry((*who, *team)).or_default();
                Outcome::Ok
            }
            Event::Remap { value, team } => {
                self.mapping.insert(value, *team);
                self.map();
                Outcome::Ok
            }
            Event::Withdraw { login } => {
                let of = |link: &Link| self.universe.people.iter().any(|who| login.subject(who) == link.subject);
                for person in &mut self.people {
                    person.links.retain(|link| !of(link));
                }
                Outcome::Ok
            }
        }
    }

    fn effective(&mut self) -> Effective {
        let mut view = Effective::new();
        for who in self.universe.people {
            for namespace in Namespace::ALL {
                let seen = self.find(namespace, who).map(|account| observe::seen(&self.people[account], &self.world));
                view.insert((namespace, *who), seen);
            }
        }
        view
    }

    fn push_view(&mut self, client: Client) -> PushView {
        let mut view = PushView::default();
        for (account, person) in self.people.iter().enumerate().filter(|(_, person)| !person.retired) {
            if let Some(who) = self.who(account) {
                observe::pushed(person, client.directory(), who, &mut view);
            }
        }
        view
    }

    fn vote(&mut self, directory: Directory, who: Who, team: Team) -> Option<Word> {
        let account = self.find(directory.namespace(), who)?;
        reconcile::vote(&self.people[account], &self.world, team.id(), directory.id())
    }

    fn registers(&mut self) -> Registers {
        let mut all = Registers::new();
        for ((space, who), account) in &self.ids {
            let space = if *space == Space::Hand { "hand".to_owned() } else { format!("{space:?}") };
            all.insert(format!("identity: {space} {who}"), self.account_name(*account));
        }
        for ((grave, who), retired) in &self.tombs {
            let reach = match grave {
                Grave::Everywhere(namespace) => format!("everywhere {namespace:?}"),
                Grave::At(directory) => directory.id().to_owned(),
            };
            all.insert(format!("tombstone: {reach} {who}"), String::new());
            if let Some(account) = retired {
                observe::kept(&self.people[*account], who, &mut all);
            }
        }
        for ((who, team), accepted) in &self.invitations {
            all.insert(format!("invitation: {who} {}", team.id()), format!("{accepted:?}"));
        }
        for (account, person) in self.people.iter().enumerate().filter(|(_, person)| !person.retired) {
            if let Some(who) = self.who(account) {
                observe::describe(person, &self.account_name(account), who, &mut all);
            }
        }
        for group in self.world.groups.values() {
            observe::lists(group, &mut all);
        }
        for (value, team) in &self.mapping {
            all.insert(format!("mapping: {value}"), team.id().to_owned());
        }
        all
    }
}
