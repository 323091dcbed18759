//! Whose word counts in a team.

use std::collections::{BTreeMap, BTreeSet};

use rollkeeper::reconcile::Word;

use super::super::{
    Client, Directory, Event, Groups, Login, Namespace, Outcome, Registers, Role, SignIn, Subject, Team, Who,
};
use super::{Bench, Verdict, login};

const LATE: i64 = 3_000;

pub fn supremacy(bench: &mut Bench<'_>) -> Verdict {
    let evidence = bench.case.logins[0];
    let (directory, who, state) = (evidence.login.directory(), evidence.who, bench.state);
    let client = directory.client()?;
    let account = state.find(directory.namespace(), who)?;
    state.external(account, client)?;
    let spoken: Vec<Team> = Team::ALL
        .into_iter()
        .filter(|team| {
            let claim = state.newest_claim(account, directory, *team).map_or(0, |(stamp, _)| stamp);
            state.lists(client, *team, who)
                || state.removed.contains_key(&(client, *team, who))
                || state.stated(client, who, *team) >= Some(claim.max(evidence.iat))
        })
        .collect();
    let mut subject = bench.start();
    let mut votes = || -> Vec<bool> {
        spoken.iter().map(|team| subject.vote(directory, who, *team) == Some(Word::Grant)).collect()
    };
    let before = votes();
    let (mut subject, _) = bench.after(&[Event::Login(evidence)]);
    let after: Vec<bool> = spoken.iter().map(|team| subject.vote(directory, who, *team) == Some(Word::Grant)).collect();
    Some(before == after)
}

/// Pushed by the first connection and active in every sense.
fn is_pushed_and_active(bench: &Bench<'_>, who: Who) -> bool {
    let state = bench.state;
    state.find(Namespace::A, who).is_some_and(|account| {
        state.external(account, Client::C1).is_some()
            && state.active(account)
            && state.active_here(account, Directory::D1)
    })
}

pub fn revocation(bench: &mut Bench<'_>) -> Verdict {
    let who = bench.case.who;
    if !is_pushed_and_active(bench, who) {
        return None;
    }
    let (client, team) = (Client::C1, Team::G1);
    let signs_in = login(Login::K1, who, LATE, Groups::Known(&["G1", "G2"]), None);
    let member = |present, stamp| Event::Member { client, team, who, present, stamp };
    let empty = Event::Members { client, team, list: BTreeSet::new(), stamp: 7 };
    let held = [member(false, 7), empty].map(|removal| {
        let (mut subject, _) = bench.after(&[member(true, 6), signs_in.clone(), removal, signs_in.clone()]);
        subject.vote(Directory::D1, who, team) == Some(Word::Deny)
    });
    Some(held == [true, true])
}

pub fn silence(bench: &mut Bench<'_>) -> Verdict {
    let (who, state, client, team) = (bench.case.who, bench.state, Client::C1, Team::G2);
    let spoken = state.removed.contains_key(&(client, team, who)) || state.lists(client, team, who);
    if !is_pushed_and_active(bench, who) || spoken || state.mapping["G2"] != team {
        return None;
    }
    let other = *state.universe.people.iter().find(|other| **other != who)?;
    let add = Event::Member { client, team, who: other, present: true, stamp: 5 };
    let (mut subject, _) = bench.after(&[add, login(Login::K1, who, LATE, Groups::Known(&["G2"]), None)]);
    let granted = subject.vote(Directory::D1, who, team) == Some(Word::Grant);
    subject.apply(&Event::Members { client, team, list: BTreeSet::new(), stamp: 4_000 });
    Some(granted && subject.vote(Directory::D1, who, team) == Some(Word::Deny))
}

pub fn manual(bench: &mut Bench<'_>) -> Verdict {
    let by_source = |event: &Event| {
        matches!(event, Event::Put { .. } | Event::Member { .. } | Event::Members { .. } | Event::Login(_))
    };
    let event = bench.event(by_source).unwrap_or(Event::Login(bench.case.logins[0]));
    let mut subject = bench.start();
    let before = subject.registers();
    let known: BTreeSet<String> = of(&before, "identity: ").into_values().collect();
    let words = |registers: &Registers| -> BTreeMap<String, String> {
        let mut words = of(registers, "administrator: ");
        words.retain(|key, _| known.iter().any(|account| key.starts_with(&format!("administrator: {account} "))));
        words
    };
    let owned = words(&before);
    subject.apply(&event);
    if owned != words(&subject.registers()) {
        return Some(false);
    }
    let effective = subject.effective();
    let open = |who| bench.state.find(Namespace::A, who).is_none_or(|account| !bench.state.banned(account));
    let stands = granted(bench, Word::Grant).into_iter().filter(|(who, _)| open(who)).all(|(who, team)| {
        let seen = effective.get(&(Namespace::A, who)).and_then(Option::as_ref);
        seen.is_none_or(|seen| !seen.active || seen.teams.contains(&team))
    });
    Some(stands)
}

fn of(registers: &Registers, prefix: &str) -> BTreeMap<String, String> {
    let mine = registers.iter().filter(|(key, _)| key.starts_with(prefix));
    mine.map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// The pairs of which an administrator said this word.
fn granted(bench: &Bench<'_>, said: Word) -> Vec<(Who, Team)> {
    let state = bench.state;
    let name = |account| state.universe.people.iter().find(|who| state.find(Namespace::A, who) == Some(account));
    let words = state.manual.iter().filter(|(_, word)| **word == said);
    words.filter_map(|((account, team), _)| Some((*name(*account)?, *team))).collect()
}

pub fn deny(bench: &mut Bench<'_>) -> Verdict {
    let denied = granted(bench, Word::Deny);
    let state = bench.state;
    let is_banned = |who: &&Who| state.find(Namespace::A, who).is_some_and(|account| state.banned(account));
    let banned: Vec<Who> = state.universe.people.iter().filter(is_banned).copied().collect();
    if denied.is_empty() && banned.is_empty() {
        return None;
    }
    let mut subject = bench.start();
    let mut is_out =
        |who: Who| subject.seen(Namespace::A, who).is_none_or(|seen| seen.teams.is_empty() && seen.role.is_none());
    let banned = banned.into_iter().all(&mut is_out);
    Some(banned && denied.into_iter().all(|(who, team)| !subject.is_in(who, team)))
}

pub fn roles(bench: &mut Bench<'_>) -> Verdict {
    let (who, state) = (bench.case.who, bench.state);
    if state.find(Namespace::A, who).is_some_and(|account| state.banned(account)) {
        return None;
    }
    let signs_in =
        SignIn { login: Login::K1, who, iat: LATE, groups: Groups::Absent, name: None, roles: Some(&["O"]), anchor: 0 };
    let appoint = Event::Appoint { who, word: Word::Grant, role: Some(Role::Editor), until: None };
    let (mut subject, outcomes) = bench.after(&[Event::Login(signs_in), appoint]);
    if outcomes[0] != Outcome::Allow {
        return None;
    }
    let role = |subject: &mut dyn Subject| subject.seen(Namespace::A, who).and_then(|seen| seen.role);
    let highest = role(&mut *subject);
    let put = |active, stamp| Event::Put { client: Client::C1, who, active, name: None, stamp };
    subject.run(&[put(false, LATE + 1), put(true, LATE + 2)]);
    let then = role(&mut *subject);
    let active = subject.seen(Namespace::A, who).is_some_and(|seen| seen.active);
    Some(highest == Some(Role::Owner) && (!active || then == Some(Role::Editor)))
}

pub fn three_states(bench: &mut Bench<'_>) -> Verdict {
    let evidence = SignIn { iat: 4_000, name: None, ..bench.case.logins[0] };
    let key = format!("login: {:?} {} groups", evidence.login, evidence.who).to_lowercase();
    let before = bench.start().registers().remove(&key);
    let mut after = |groups| {
        let (mut subject, outcomes) = bench.after(&[Event::Login(SignIn { groups, ..evidence })]);
        (outcomes == [Outcome::Allow]).then(|| subject.registers().remove(&key))
    };
    let (absent, cut_off, empty) = (after(Groups::Absent)?, after(Groups::CutOff)?, after(Groups::Known(&[]))?);
    Some(absent == before && cut_off == before && empty == Some(format!("{} []", evidence.iat)))
}

pub fn scope(bench: &mut Bench<'_>) -> Verdict {
    let evidence = bench.case.logins[0];
    let (who, directory, state) = (evidence.who, evidence.login.directory(), bench.state);
    let namespace = directory.namespace();
    state.find(namespace, who)?;
    let reaches = |team: Team| {
        state.universe.scope(directory).contains(&team)
            || state.universe.default_team(directory) == team
            || namespace == Namespace::A && state.invitations.contains_key(&(who, team))
    };
    let beyond = |subject: &mut dyn Subject| -> Option<BTreeSet<Team>> {
        let teams = subject.seen(namespace, who)?.teams;
        Some(teams.into_iter().filter(|team| !reaches(*team)).collect())
    };
    let before = beyond(&mut *bench.start());
    let (mut subject, _) = bench.after(&[Event::Login(evidence)]);
    Some(before == beyond(&mut *subject))
}

pub fn mapping(bench: &mut Bench<'_>) -> Verdict {
    let remap = Event::Remap { value: "G1", team: Team::G2 };
    let (mut now, _) = bench.after(std::slice::from_ref(&remap));
    let mut always = bench.fresh();
    always.apply(&remap);
    for event in bench.case.prefix.iter().filter(|event| !matches!(event, Event::Remap { .. })) {
        always.apply(event);
    }
    Some(now.effective() == always.effective())
}

pub fn weak_words(bench: &mut Bench<'_>) -> Verdict {
    let (who, state, client, team) = (bench.case.who, bench.state, Client::C1, Team::G1);
    let account = state.find(Namespace::A, who)?;
    let denied = Team::ALL.iter().any(|team| state.denied(account, *team));
    let pushed = |client| state.external(account, client).is_some();
    if !pushed(Client::C1) || !state.active(account) || denied || pushed(Client::C2) {
        return None;
    }
    let imported = state.universe.wired && state.imports.contains_key(&(account, team));
    if state.invitations.contains_key(&(who, team)) || imported {
        return None;
    }
    let active_here = state.active_here(account, Directory::D1);
    let silent = |through| login(through, who, 4_001, Groups::Known(&[]), None);
    let imported = [
        Event::Ungrant { who, team },
        Event::Import { who, team, stamp: 4_000 },
        silent(Login::K1),
        silent(Login::K1b),
        silent(Login::K2),
    ];
    let empty = Event::Members { client, team, list: BTreeSet::new(), stamp: 5_000 };
    let removal = Event::Member { client, team, who, present: false, stamp: 5_000 };
    for denial in [empty, removal] {
        let (mut subject, _) = bench.after(&imported);
        let before = subject.is_in(who, team);
        subject.apply(&denial);
        let after = subject.is_in(who, team);
        subject.apply(&Event::Grant { who, team, word: Word::Grant, until: None });
        if active_here && !before || after || !subject.is_in(who, team) {
            return Some(false);
        }
    }
    Some(true)
}
