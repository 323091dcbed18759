//! Who is who, who is active, and what an end ends.

use std::collections::BTreeSet;

use rollkeeper::reconcile::Word;

use super::super::{
    Client, Directory, Effective, Event, Groups, Login, Namespace, Outcome, Refusal, SignIn, Team, Who,
};
use super::{Bench, Verdict, login};

pub fn no_resurrection(bench: &mut Bench<'_>) -> Verdict {
    let evidence = bench.case.logins[0];
    let (directory, who, state) = (evidence.login.directory(), evidence.who, bench.state);
    let found = state.find(directory.namespace(), who);
    let inactive = found.is_some_and(|it| !state.active(it) || !state.active_here(it, directory));
    if !inactive && !state.tombstoned(directory, who) {
        return None;
    }
    let mut subject = bench.start();
    let before = subject.all();
    let outcome = subject.apply(&Event::Login(evidence));
    Some(outcome.is_denied() && before == subject.all())
}

pub fn deletion(bench: &mut Bench<'_>) -> Verdict {
    let (who, records) = (bench.case.who, &bench.state.records);
    if !records.contains_key(&(Client::C1, who)) || records.contains_key(&(Client::C2, who)) {
        return None;
    }
    let evidence = bench.case.logins[0];
    let through = if evidence.login == Login::K3 { Login::K1b } else { evidence.login };
    let signs_in = Event::Login(SignIn { login: through, who, ..evidence });
    let delete = Event::Delete { client: Client::C1, who };
    let held = [[delete.clone(), signs_in.clone()], [signs_in, delete]].map(|events| {
        let (mut subject, _) = bench.after(&events);
        let gone = subject.seen(Namespace::A, who).is_none();
        let returns = subject.apply(&login(Login::K2, who, 5_000, Groups::Absent, None));
        gone && returns == Outcome::Deny(Refusal::Tombstoned)
    });
    Some(held == [true, true])
}

pub fn walls(bench: &mut Bench<'_>) -> Verdict {
    let stranger = SignIn { login: Login::K3, ..bench.case.logins[0] };
    let here = |view: Effective| -> Effective {
        view.into_iter().filter(|((namespace, _), _)| *namespace == Namespace::A).collect()
    };
    let before = here(bench.start().effective());
    let (mut subject, _) = bench.after(&[Event::Login(stranger)]);
    Some(before == here(subject.effective()))
}

pub fn links(bench: &mut Bench<'_>) -> Verdict {
    let event = bench.case.events[0].clone();
    let before = bench.start().registers();
    let (mut subject, _) = bench.after(&[event]);
    let after = subject.registers();
    let mut links = before.iter().filter(|(key, _)| key.starts_with("link: "));
    Some(links.all(|(key, account)| after.get(key).is_none_or(|now| now == account)))
}

/// Nobody of this name was ever here.
fn is_new(bench: &Bench<'_>, who: Who) -> bool {
    let state = bench.state;
    state.find(Namespace::A, who).is_none() && !state.tombs.keys().any(|(_, of)| *of == who)
}

fn put(client: Client, who: Who, active: bool, name: Option<&'static str>, stamp: i64) -> Event {
    Event::Put { client, who, active, name, stamp }
}

fn is_active(subject: &mut dyn super::Subject, who: Who) -> Option<bool> {
    Some(subject.seen(Namespace::A, who)?.active)
}

pub fn adoption(bench: &mut Bench<'_>) -> Verdict {
    let who = bench.case.who;
    if !is_new(bench, who) {
        return None;
    }
    let signs_in = Event::Login(SignIn { login: Login::K1, who, ..bench.case.logins[0] });
    let create = put(Client::C1, who, true, Some("N1"), 1);
    let deactivate = put(Client::C1, who, false, Some("N1"), 2);
    let held = [[signs_in.clone(), create.clone()], [create, signs_in]].map(|[first, second]| {
        let (mut subject, outcomes) = bench.after(&[first, second, deactivate.clone()]);
        !outcomes.contains(&Outcome::Conflict) && is_active(&mut *subject, who) == Some(false)
    });
    Some(held == [true, true])
}

pub fn moving_in(bench: &mut Bench<'_>) -> Verdict {
    let who = bench.case.who;
    let invited = Team::ALL.iter().any(|team| bench.state.invitations.contains_key(&(who, *team)));
    if !is_new(bench, who) || invited {
        return None;
    }
    let events = [
        Event::Enter { who, name: "E1" },
        put(Client::C1, who, true, Some("N1"), 1),
        login(Login::K1, who, 7, Groups::Known(&["G1"]), Some("J1")),
    ];
    let mut views = Vec::new();
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let (mut subject, _) = bench.after(&order.map(|at| events[at].clone()));
        let registers = subject.registers();
        let names = ["A", "hand"].map(|space| registers.get(&format!("identity: {space} {who}")));
        let accounts: BTreeSet<&String> = names.into_iter().flatten().collect();
        views.push(subject.effective());
        subject.apply(&put(Client::C1, who, false, Some("N1"), 9));
        if accounts.len() != 1 || is_active(&mut *subject, who) != Some(false) {
            return Some(false);
        }
    }
    Some(views.iter().all(|view| *view == views[0]))
}

pub fn own_lifecycle(bench: &mut Bench<'_>) -> Verdict {
    let (who, state) = (bench.case.who, bench.state);
    let account = state.find(Namespace::A, who)?;
    let pushed = Client::ALL.iter().all(|client| state.records.contains_key(&(*client, who)));
    if !pushed || !state.active(account) {
        return None;
    }
    let mut subject = bench.start();
    let before = Team::ALL.map(|team| subject.vote(Directory::D1, who, team));
    let signs_in = Event::Login(SignIn { login: Login::K2, who, ..bench.case.logins[0] });
    for end in [put(Client::C2, who, false, None, 5), Event::Delete { client: Client::C2, who }] {
        let (mut subject, _) = bench.after(&[end]);
        let second = Team::ALL.map(|team| subject.vote(Directory::D2, who, team));
        if is_active(&mut *subject, who) != Some(true)
            || second.contains(&Some(Word::Grant))
            || Team::ALL.map(|team| subject.vote(Directory::D1, who, team)) != before
            || !subject.apply(&signs_in).is_denied()
        {
            return Some(false);
        }
    }
    Some(true)
}

pub fn ends(bench: &mut Bench<'_>) -> Verdict {
    let (who, state) = (bench.case.who, bench.state);
    let account = state.find(Namespace::A, who)?;
    let pushed = Client::ALL.iter().all(|client| state.records.contains_key(&(*client, who)));
    if !pushed || !state.active(account) || !state.active_here(account, Directory::D2) {
        return None;
    }
    let (mut subject, _) = bench.after(&[
        login(Login::K2, who, 3_000, Groups::Known(&["G1"]), None),
        put(Client::C1, who, false, None, 3_001),
        Event::Delete { client: Client::C1, who },
    ]);
    let listed = subject.push_view(Client::C2).listed.contains(&(Team::G1, who));
    if subject.vote(Directory::D2, who, Team::G1) == Some(Word::Grant) && !listed {
        return Some(false);
    }

    let team = Team::Gd;
    let (mut subject, _) = bench.after(&[
        Event::Withdraw { login: Login::K1b },
        Event::Withdraw { login: Login::K2 },
        Event::Withdraw { login: Login::K3 },
        login(Login::K1, who, 3_000, Groups::Absent, None),
        Event::Ungrant { who, team },
        Event::Member { client: Client::C1, team, who, present: false, stamp: 3_001 },
    ]);
    let listed = subject.push_view(Client::C2).listed.contains(&(team, who));
    Some(!subject.is_in(who, team) || listed)
}
