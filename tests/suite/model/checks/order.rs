//! Replays, freshness, and the order of events.

use super::super::reference::State;
use super::super::{Client, Event, Login, Namespace, Outcome, SignIn, Speaker, Team};
use super::{Bench, Verdict};

pub fn replay(bench: &mut Bench<'_>) -> Verdict {
    let event = bench.case.events[0].clone();
    if matches!(event, Event::Delete { .. }) {
        return None;
    }
    let (mut subject, _) = bench.after(std::slice::from_ref(&event));
    let once = subject.all();
    subject.apply(&event);
    Some(once == subject.all())
}

pub fn freshness(bench: &mut Bench<'_>) -> Verdict {
    let [newer, other] = bench.case.logins;
    let (mut subject, outcomes) = bench.after(&[Event::Login(newer)]);
    if outcomes != [Outcome::Allow] {
        return None;
    }
    let prefix = format!("login: {:?} {} ", newer.login, newer.who).to_lowercase();
    let claims = |subject: &mut dyn super::Subject| {
        subject.registers().into_iter().filter(|(key, _)| key.starts_with(&prefix)).collect::<Vec<_>>()
    };
    let before = claims(&mut *subject);
    subject.apply(&Event::Login(SignIn { login: newer.login, who: newer.who, iat: 0, ..other }));
    let after = claims(&mut *subject);
    Some(before.iter().all(|field| after.contains(field)))
}

fn is_invitation_and_login(events: &[Event; 2]) -> bool {
    let speakers = [events[0].speaker(), events[1].speaker()];
    let is_login = |speaker: &Speaker| matches!(speaker, Speaker::Login(_));
    speakers.contains(&Speaker::Invitation) && speakers.iter().any(is_login)
}

pub fn commutation(bench: &mut Bench<'_>) -> Verdict {
    let [first, second] = bench.case.events.clone();
    if first.speaker() == second.speaker() || is_invitation_and_login(&bench.case.events) {
        return None;
    }
    let (mut one, here) = bench.after(&[first.clone(), second.clone()]);
    let (mut other, there) = bench.after(&[second, first]);
    if !here.iter().eq(there.iter().rev()) {
        return None;
    }
    Some(one.all() == other.all())
}

pub fn convergence(bench: &mut Bench<'_>) -> Verdict {
    let events = bench.case.events.clone();
    let [first, second] = events.clone();
    let deletes = events.iter().any(|event| matches!(event, Event::Delete { .. }));
    if first.speaker() == second.speaker() || deletes {
        return None;
    }
    let (mut one, here) = bench.after(&[first.clone(), second.clone()]);
    let (mut other, there) = bench.after(&[second.clone(), first.clone()]);
    if here.iter().eq(there.iter().rev()) {
        return None;
    }
    // Who claims first is ordered by nature.
    let adds = events.iter().any(|event| matches!(event, Event::Member { .. }));
    if adds && here.iter().chain(&there).any(|outcome| *outcome == Outcome::Invalid) {
        return None;
    }
    if events.iter().any(|event| matches!(event, Event::Login(sign_in) if accepts(bench.state, sign_in))) {
        return None;
    }
    let again = events.map(|event| match event {
        Event::Login(sign_in) => Event::Login(SignIn { iat: 2_000, ..sign_in }),
        event => event,
    });
    one.run(&again);
    other.run(&again);
    Some(one.effective() == other.effective())
}

/// A pending invitation waits for this login.
fn accepts(state: &State, sign_in: &SignIn) -> bool {
    let pending = |team: &Team| state.invitations.get(&(sign_in.who, *team)) == Some(&None);
    sign_in.login.namespace() == Namespace::A && Team::ALL.iter().any(pending)
}

pub fn two_logins(bench: &mut Bench<'_>) -> Verdict {
    let [first, second] = bench.case.logins;
    let second = SignIn { who: first.who, ..second };
    if first.login == second.login && first.iat == second.iat {
        return None;
    }
    let (first, second) = (Event::Login(first), Event::Login(second));
    let (mut one, mut here) = bench.after(&[first.clone(), second.clone()]);
    let (mut other, mut there) = bench.after(&[second, first]);
    for outcomes in [&mut here, &mut there] {
        outcomes.sort();
        outcomes.dedup();
    }
    Some(one.effective() == other.effective() && here == there)
}

pub fn invitation(bench: &mut Bench<'_>) -> Verdict {
    let who = bench.case.who;
    let invite = Event::Invite { who, team: bench.case.team };
    let login = Event::Login(SignIn { who, ..bench.case.logins[0] });
    let (mut one, _) = bench.after(&[invite.clone(), login.clone(), login.clone()]);
    let (mut other, _) = bench.after(&[login.clone(), invite, login]);
    Some(one.all() == other.all())
}

pub fn reactivation(bench: &mut Bench<'_>) -> Verdict {
    let who = bench.case.who;
    let state = bench.state;
    let account = state.find(Namespace::A, who)?;
    if !state.records.contains_key(&(Client::C1, who)) || !state.active(account) {
        return None;
    }
    let through = if bench.case.logins[0].login == Login::K3 { Login::K2 } else { bench.case.logins[0].login };
    let login = SignIn { login: through, who, ..bench.case.logins[0] };
    // I5d: what a login accepts, and when.
    let invited = |team: &Team| match state.invitations.get(&(who, *team)) {
        Some(Some(accepted)) => login.iat < *accepted,
        Some(None) => true,
        None => false,
    };
    // The default hangs on the link.
    if Team::ALL.iter().any(invited) || state.mode.is_some() && !state.links.contains_key(&(through, who)) {
        return None;
    }
    let put = |active, stamp| Event::Put { client: Client::C1, who, active, name: Some("N1"), stamp };
    let (off, on) = (put(false, 2_000), put(true, 2_001));
    let login = Event::Login(login);
    let (mut one, _) = bench.after(&[login.clone(), off.clone(), on.clone()]);
    let (mut other, _) = bench.after(&[off, login, on]);
    Some(one.effective() == other.effective())
}

pub fn erasure(bench: &mut Bench<'_>) -> Verdict {
    let people = bench.state.universe.people;
    let put = |who: &&'static str| Event::Put { client: Client::C1, who, active: true, name: Some("N1"), stamp: 1 };
    let plain = |event: &&Event| match event {
        Event::Login(sign_in) => sign_in.login != Login::K3,
        Event::Member { .. }
        | Event::Members { .. }
        | Event::Grant { .. }
        | Event::Ungrant { .. }
        | Event::Lock { .. }
        | Event::Import { .. }
        | Event::Remap { .. } => true,
        _ => false,
    };
    let mut logins = bench.case.logins.map(Event::Login).to_vec();
    logins.extend(bench.case.later.iter().cloned());
    let story: Vec<Event> = people.iter().map(put).chain(logins.iter().filter(plain).cloned()).collect();
    let without = |event: &&Event| !matches!(event, Event::Login(sign_in) if sign_in.login == Login::K2);

    let mut withdrawn = bench.fresh();
    withdrawn.run(&story);
    withdrawn.apply(&Event::Withdraw { login: Login::K2 });
    let mut never = bench.fresh();
    never.run(&story.iter().filter(without).cloned().collect::<Vec<_>>());
    Some(withdrawn.effective() == never.effective())
}
