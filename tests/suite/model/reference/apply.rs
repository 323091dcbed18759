//! What every event does to the registers of the reference. A refusal writes nothing.

use std::collections::BTreeSet;

use rollkeeper::reconcile::{Stamp, Word};

use super::super::pure::ORGANIZATION;
use super::super::{
    Client, Directory, Effective, Event, Groups, Namespace, Outcome, PushView, RETENTION, Refusal, Registers, SignIn,
    Speaker, Subject, Team, Who,
};
use super::organization::Appointment;
use super::{Account, Grave, Kept, Record, Said, Space, State, Variant, space};

impl Subject for State {
    fn apply(&mut self, event: &Event) -> Outcome {
        self.pass(event);
        let before = self.standing();
        let refused = self.must_have_owners(event).then(|| (self.clone(), self.owners()));
        let outcome = self.obey(event);
        if let Some((unchanged, owners)) = refused
            && self.owners().is_empty()
            && !owners.is_empty()
        {
            *self = unchanged;
            return Outcome::Conflict;
        }
        self.hold_back(event, &before);
        outcome
    }

    fn effective(&mut self) -> Effective {
        self.effective_view()
    }

    fn push_view(&mut self, client: Client) -> PushView {
        self.view_of_push(client)
    }

    fn vote(&mut self, directory: Directory, who: Who, team: Team) -> Option<Word> {
        self.voted(self.find(directory.namespace(), who)?, directory, team)
    }

    fn registers(&mut self) -> Registers {
        self.registers_as_text()
    }
}

impl State {
    /// Time passes up to the event: what is held is released, and who was deleted long ago is forgotten.
    fn pass(&mut self, event: &Event) {
        if self.universe.time.is_none() {
            return;
        }
        self.now = event.stamp().map_or(self.now, |stamp| stamp.max(self.now));
        self.release();
        if self.is(Variant::Unforgotten) {
            return;
        }
        let now = self.now;
        self.tombs.retain(|_, end| *end > now);
        let tombs = &self.tombs;
        self.kept.retain(|who, _| tombs.contains_key(&(Grave::Everywhere(Namespace::A), *who)));
    }

    /// An administrator's own edit is refused if it takes the last owner away; a push or a sign-in is obeyed.
    fn must_have_owners(&self, event: &Event) -> bool {
        let administrative = event.speaker() == Speaker::Administrator && !matches!(event, Event::Import { .. });
        !self.universe.founded && administrative && !self.is(Variant::Ownerless)
    }

    fn bury(&mut self, grave: Grave, who: Who) {
        self.tombs.insert((grave, who), self.now.saturating_add(RETENTION));
    }

    fn obey(&mut self, event: &Event) -> Outcome {
        match event {
            Event::Put { client, who, active, name, stamp } => self.put(*client, who, *active, *name, *stamp),
            Event::Delete { client, who } => self.delete(*client, who),
            Event::Rename { client, who, anchor, stamp } => self.rename(*client, who, *anchor, *stamp),
            Event::Succeed => self.succeed(),
            Event::Member { client, team, who, present, stamp } => {
                self.edit_member(*client, *team, who, *present, *stamp)
            }
            Event::Members { client, team, list, stamp } => self.members(*client, *team, list, *stamp),
            Event::Login(sign_in) => self.login(*sign_in),
            Event::Enter { who, name } => self.enter(who, name),
            Event::Invite { who, team } => {
                if self.tombs.contains_key(&(Grave::Everywhere(Namespace::A), *who)) {
                    return Outcome::Conflict;
                }
                self.invitations.entry((*who, *team)).or_default();
                Outcome::Ok
            }
            Event::Remap { value, team } => {
                self.mapping.insert(value, *team);
                Outcome::Ok
            }
            Event::Wait { .. } => Outcome::Ok,
            Event::Apply { directory } => self.apply_hold(*directory),
            Event::Withdraw { login } => {
                self.links.retain(|(of, _), _| of != login);
                self.claims.retain(|(of, _), _| of != login);
                Outcome::Ok
            }
            Event::Import { who, .. }
            | Event::Grant { who, .. }
            | Event::Ungrant { who, .. }
            | Event::Suspend { who, .. }
            | Event::Unsuspend { who }
            | Event::Appoint { who, .. }
            | Event::Dismiss { who }
            | Event::Lock { who, .. } => match self.find(Namespace::A, who) {
                Some(account) => self.administer(account, event),
                None => Outcome::Unknown,
            },
        }
    }

    /// A new account. A revived one keeps an administrator's suspension and denies, not the grants.
    fn create(&mut self, namespace: Namespace, who: Who) -> Account {
        let account = self.ids.values().max().map_or(1, |last| last + 1);
        let kept = if namespace == Namespace::A { self.kept.remove(who) } else { None };
        let Kept { suspended, off, denied } = kept.unwrap_or_default();
        if suspended {
            self.suspended.insert(account);
        }
        self.off.extend(off.map(|off| (account, off)));
        for team in Team::ALL.into_iter().filter(|team| denied.contains(team.id())) {
            self.manual.insert((account, team), Word::Deny);
        }
        if denied.contains(ORGANIZATION) {
            self.appointments.insert(account, Appointment { word: Word::Deny, role: None, until: None });
        }
        account
    }

    /// The record of the person at the client, made if need be: creates, adopts or claims.
    fn bind(&mut self, client: Client, who: Who, stamp: Stamp) -> &mut Record {
        if !self.ids.contains_key(&(Space::A, who)) {
            let account = self.find(Namespace::A, who).unwrap_or_else(|| self.create(Namespace::A, who));
            self.ids.insert((Space::A, who), account);
        }
        self.tombs.remove(&(Grave::Everywhere(Namespace::A), who));
        self.tombs.remove(&(Grave::At(client.directory()), who));
        if !self.records.contains_key(&(client, who)) {
            let account = self.ids[&(Space::A, who)];
            self.restore(account, who, self.external_id(client, who));
            self.take_over(client.directory(), account, who);
        }
        let new = Record { active: true, name: Said::Nothing, bound: stamp, off: None };
        self.records.entry((client, who)).or_insert(new)
    }

    fn put(&mut self, client: Client, who: Who, active: bool, name: Option<&'static str>, stamp: Stamp) -> Outcome {
        let known = self.ids.contains_key(&(Space::A, who)) && !self.records.contains_key(&(client, who));
        if self.is(Variant::NoAdopt) && known {
            return Outcome::Conflict;
        }
        let is_new = !self.records.contains_key(&(client, who));
        if self.universe.moves && is_new && !self.may_state(client, who) {
            return Outcome::Conflict;
        }
        let record = self.bind(client, who, stamp);
        record.active = active;
        record.name = match (name, record.name) {
            (Some(name), _) => Said::Name(name),
            (None, Said::Nothing) => Said::Nothing,
            (None, _) => Said::Cleared,
        };
        if !active {
            record.off = record.off.max(Some(stamp));
        }
        Outcome::Ok
    }

    fn delete(&mut self, client: Client, who: Who) -> Outcome {
        let Some(account) = self.ids.get(&(Space::A, who)).copied() else { return Outcome::Unknown };
        let home = self.records_of(account).next().map(|(home, _)| home);
        let Some(record) = self.records.remove(&(client, who)) else { return Outcome::Unknown };

        self.bury(Grave::At(client.directory()), who);
        self.forget_lists(client, who);
        let gone = self.records_of(account).next().is_none();
        let ends = |key: &(super::super::Login, Who), of: Account| {
            of == account && (gone || key.0.directory() == client.directory())
        };
        let ended: Vec<_> = self.links.iter().filter(|(key, of)| ends(key, **of)).map(|(key, _)| *key).collect();
        for key in ended {
            self.links.remove(&key);
            self.claims.remove(&key);
        }
        if !gone {
            if let Some(off) = record.off.filter(|_| home == Some(client)) {
                let ended = self.off.entry(account).or_insert(off);
                *ended = off.max(*ended);
            }
            return Outcome::Ok;
        }
        self.retire(account, who);
        Outcome::Gone
    }

    /// What the client listed and removed of the person.
    pub(super) fn forget_lists(&mut self, client: Client, who: Who) {
        for ((by, _), list) in &mut self.lists {
            if *by == client {
                list.remove(who);
            }
        }
        self.removed.retain(|(by, _, of), _| (*by, *of) != (client, who));
    }

    fn retire(&mut self, account: Account, who: Who) {
        self.bury(Grave::Everywhere(Namespace::A), who);
        let denies = self.manual.iter().filter(|((of, _), word)| *of == account && **word == Word::Deny);
        let mut denied: BTreeSet<&str> = denies.map(|((_, team), _)| team.id()).collect();
        denied.extend(self.banned(account).then_some(ORGANIZATION));
        let suspended = self.suspended.remove(&account);
        let off = self.off.remove(&account).filter(|_| suspended);
        if suspended || !denied.is_empty() {
            self.kept.insert(who, Kept { suspended, off, denied });
        }
        self.ids.retain(|_, of| *of != account);
        self.manual.retain(|(of, _), _| *of != account);
        self.ends.retain(|(of, _), _| *of != account);
        self.appointments.remove(&account);
        self.held.retain(|(of, _), _| *of != account);
        self.imports.retain(|(of, _), _| *of != account);
        self.invitations.retain(|(of, _), _| *of != who);
        self.locks.remove(&account);
        self.entered.remove(&account);
    }

    fn edit_member(&mut self, client: Client, team: Team, who: Who, present: bool, stamp: Stamp) -> Outcome {
        let Some(account) = self.find(Namespace::A, who) else { return Outcome::Unknown };
        let bound = self.records.contains_key(&(client, who));
        if !present && !bound {
            return Outcome::Unknown;
        }
        let is_others = if self.universe.moves {
            present && !bound && !self.may_list(client, who, account)
        } else {
            present && !bound && self.records_of(account).next().is_some()
        };
        if is_others {
            return Outcome::Invalid;
        }
        let list = self.lists.entry((client, team)).or_default();
        if present {
            list.insert(who);
            self.removed.remove(&(client, team, who));
            self.bind(client, who, stamp);
        } else {
            list.remove(who);
            self.remove(client, team, who, stamp);
        }
        Outcome::Ok
    }

    fn remove(&mut self, client: Client, team: Team, who: Who, stamp: Stamp) {
        let removed = self.removed.entry((client, team, who)).or_insert(stamp);
        *removed = stamp.max(*removed);
    }

    fn members(&mut self, client: Client, team: Team, list: &BTreeSet<Who>, stamp: Stamp) -> Outcome {
        if list.iter().any(|who| !self.records.contains_key(&(client, *who))) {
            return Outcome::Invalid;
        }
        let before = self.lists.insert((client, team), list.clone()).unwrap_or_default();
        for who in before.difference(list) {
            self.remove(client, team, who, stamp);
        }
        for who in list {
            self.removed.remove(&(client, team, *who));
        }
        let full = self.full.entry((client, team)).or_insert(stamp);
        *full = stamp.max(*full);
        Outcome::Ok
    }

    fn login(&mut self, evidence: SignIn) -> Outcome {
        let SignIn { login, who, iat, mut groups, name, roles, .. } = evidence;
        let (namespace, directory) = (login.namespace(), login.directory());
        if self.tombstoned(directory, who) && !self.is(Variant::NoTombstone) {
            return Outcome::Deny(Refusal::Tombstoned);
        }
        let linked = self.links.get(&(login, who)).copied();
        let found = if self.universe.moves && linked.is_some() { Ok(linked) } else { self.recognise(evidence) };
        let found = match found {
            Ok(found) => found,
            Err(refusal) => return Outcome::Deny(refusal),
        };
        if linked.is_some() && found.is_some() && linked != found {
            return Outcome::Deny(Refusal::IdentityConflict);
        }
        let known = linked.or(found);
        if let Some(account) = known
            && !(self.active(account) && self.active_here(account, directory))
        {
            if !self.is(Variant::LoginReenables) {
                return Outcome::Deny(Refusal::Inactive);
            }
            self.suspended.remove(&account);
            for client in Client::ALL {
                if let Some(who) = self.external(account, client) {
                    self.records.entry((client, who)).and_modify(|record| record.active = true);
                }
            }
        }
        let account = known.unwrap_or_else(|| self.create(namespace, who));
        self.ids.entry((space(namespace), who)).or_insert(account);
        if self.links.insert((login, who), account).is_none() {
            self.take_over(directory, account, who);
        }
        self.show(account, evidence);

        let in_nothing = !Team::ALL.iter().any(|team| self.member(account, *team));
        if self.is(Variant::StickyDefault) && in_nothing && !matches!(groups, Groups::Known([_, ..])) {
            self.sticky.insert((account, self.universe.default_team(directory)));
        }
        if self.is(Variant::AbsentIsEmpty) && matches!(groups, Groups::Absent | Groups::CutOff) {
            groups = Groups::Known(&[]);
        }
        let snapshot = self.is(Variant::SnapshotStamp);
        let claims = self.claims.entry((login, who)).or_default();
        let stamps = [claims.groups.as_ref(), claims.roles.as_ref()].map(|claim| claim.map(|it| it.0));
        let stamps = stamps.into_iter().chain([claims.name.map(|it| it.0)]);
        if snapshot && stamps.flatten().any(|stamp| iat <= stamp) {
            return Outcome::Allow;
        }
        claims.seen = claims.seen.max(Some((iat, groups == Groups::CutOff)));
        if let Groups::Known(values) = groups {
            merge(&mut claims.groups, iat, values);
        }
        if let Some(values) = roles {
            merge(&mut claims.roles, iat, values);
        }
        claims.name = claims.name.max(name.map(|name| (iat, name)));
        self.accept_invitations(directory, who, iat);
        Outcome::Allow
    }

    fn accept_invitations(&mut self, directory: Directory, who: Who, iat: Stamp) {
        let accepts = self.universe.invited.contains(&directory) && self.owns(directory, directory);
        let mine = self.invitations.iter_mut().filter(|((of, _), _)| accepts && *of == who);
        for (_, accepted) in mine {
            *accepted = Some(accepted.map_or(iat, |earliest| earliest.min(iat)));
        }
    }

    fn enter(&mut self, who: Who, name: &'static str) -> Outcome {
        let found = self.find(Namespace::A, who).or_else(|| self.ids.get(&(Space::Hand, who)).copied());
        let account = found.unwrap_or_else(|| {
            let account = self.create(Namespace::A, who);
            self.ids.insert((Space::Hand, who), account);
            self.tombs.remove(&(Grave::Everywhere(Namespace::A), who));
            account
        });
        self.entered.insert(account, name);
        if found.is_none() { Outcome::Created } else { Outcome::Updated }
    }

    /// What a file that says it again leaves as it is.
    fn is_confirmed(&self, account: Account, team: Team) -> bool {
        let granted = self.manual.get(&(account, team)) == Some(&Word::Grant);
        self.imports.contains_key(&(account, team)) || granted && !self.ends.contains_key(&(account, team))
    }

    fn administer(&mut self, account: Account, event: &Event) -> Outcome {
        match event {
            Event::Grant { team, word, until, .. } => {
                self.manual.insert((account, *team), *word);
                self.ends.remove(&(account, *team));
                self.ends.extend(until.map(|until| ((account, *team), until)));
            }
            Event::Ungrant { team, .. } => {
                self.manual.remove(&(account, *team));
                self.ends.remove(&(account, *team));
            }
            Event::Appoint { word, role, until, .. } => {
                let granted = *word == Word::Grant;
                let (role, until) = (role.filter(|_| granted), until.filter(|_| granted));
                self.appointments.insert(account, Appointment { word: *word, role, until });
            }
            Event::Dismiss { .. } => {
                self.appointments.remove(&account);
            }
            Event::Lock { name, .. } => {
                self.locks.insert(account, name);
            }
            Event::Import { team, .. } if self.universe.wired && self.is_confirmed(account, *team) => {}
            Event::Import { team, stamp, .. } => {
                let imported = self.imports.entry((account, *team)).or_insert(*stamp);
                *imported = (*imported).max(*stamp);
            }
            Event::Suspend { stamp, .. } => {
                self.suspended.insert(account);
                let off = self.off.entry(account).or_insert(*stamp);
                *off = (*off).max(*stamp);
            }
            _ => {
                self.suspended.remove(&account);
            }
        }
        Outcome::Ok
    }
}

/// A field's claim gives way to a newer one, or to the greater text of the same instant.
fn merge(field: &mut Option<(Stamp, BTreeSet<&'static str>)>, iat: Stamp, values: &[&'static str]) {
    let claim = (iat, values.iter().copied().collect::<BTreeSet<_>>());
    if field.as_ref().is_none_or(|old| (claim.0, text(&claim.1)) > (old.0, text(&old.1))) {
        *field = Some(claim);
    }
}

/// The canonical text by which two claims of one instant are ordered.
fn text(values: &BTreeSet<&str>) -> String {
    format!("{:?}", values.iter().collect::<Vec<_>>())
}
