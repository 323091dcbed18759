use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::reconcile::{Claim, Connection, DefaultMode, DefaultTeam, Group, Held, Source};

const T: Stamp = 1_795_485_600_000; // 2026-11-24T02:00:00Z

/// Two connections, two teams of one organization, one plain group; `everyone` is the default team of `a`.
fn world() -> World {
    let connection = |id: &str, order| Connection {
        id: id.to_owned(),
        order,
        default_organization: (id == "a").then(|| "moby".to_owned()),
        default_team: (id == "a").then(|| DefaultTeam { group: "everyone".to_owned(), mode: DefaultMode::Fallback }),
        claim_max_age: Some(30),
        lease: None,
        groups_by_value: BTreeMap::from([("S".to_owned(), BTreeSet::from(["staff".to_owned()]))]),
        ..Connection::default()
    };
    let group = |id: &str, organization: Option<&str>| Group {
        id: id.to_owned(),
        organization: organization.map(str::to_owned),
        full: BTreeMap::new(),
    };
    World {
        now: T + 1000,
        connections: [connection("a", 1), connection("b", 2)].map(|it| (it.id.clone(), it)).into(),
        groups: [group("staff", Some("moby")), group("everyone", Some("moby")), group("plain", None)]
            .map(|it| (it.id.clone(), it))
            .into(),
        ..World::default()
    }
}

fn says(parent: &str, source: Source, word: Word) -> Vouch {
    Vouch { parent: parent.to_owned(), source, word, stamp: T, until: None, role: None }
}

fn record_of(connection: &str, active: bool) -> Record {
    Record {
        connection: connection.to_owned(),
        external_id: None,
        active,
        bound_at: 1,
        off: (!active).then_some(T),
        in_verified_domain: false,
        words: BTreeMap::new(),
    }
}

fn link(stamp: Stamp, values: &[&str]) -> Link {
    Link {
        roles: None,
        connection: "a".to_owned(),
        subject: "sub".to_owned(),
        groups: Some(Claim { stamp, value: values.iter().map(|value| (*value).to_owned()).collect() }),
        attributes: BTreeMap::new(),
        given: None,
        last_login: stamp,
        cut_off: false,
    }
}

#[track_caller]
fn told(person: &Person, world: &World, parent: &str, sentence: &str) {
    let explanation = explain(person, world, parent);
    assert_eq!(explanation.sentence, sentence);
    assert_eq!(explanation.member, crate::reconcile::derive(person, world).member(world, parent));
    assert!(explanation.sentence.ends_with(&format!("({}).", explanation.rule)));
}

#[test]
fn every_kind_of_answer_is_one_sentence() {
    let world = world();
    let nobody = Person::default();
    told(&nobody, &world, "staff", "Not a member of staff: nobody says so (R2).");

    let push = || Source::Push("a".to_owned());
    let listed = Person {
        records: vec![record_of("a", true)],
        vouches: vec![says("staff", push(), Word::Grant)],
        ..Person::default()
    };
    told(&listed, &world, "staff", "A member of staff: push:a listed the person on 2026-11-24T02:00:00Z (R7).");
    told(
        &listed,
        &world,
        "moby",
        "A member of moby through staff: push:a listed the person on 2026-11-24T02:00:00Z (R7).",
    );

    let removed = Person { vouches: vec![says("staff", push(), Word::Deny)], ..listed.clone() };
    told(&removed, &world, "staff", "Not a member of staff: push:a took the person out on 2026-11-24T02:00:00Z (R7).");

    let inactive = Person { records: vec![record_of("a", false)], ..listed.clone() };
    told(
        &inactive,
        &world,
        "staff",
        "Not a member of staff: push:a, which speaks for the account, says inactive on 2026-11-24T02:00:00Z (R6).",
    );

    let mut denied = listed.clone();
    denied.vouches.push(says("moby", Source::Deny, Word::Deny));
    told(&denied, &world, "staff", "Not a member of staff: an administrator denies moby on 2026-11-24T02:00:00Z (R8).");
}

#[test]
fn claims_and_defaults_are_told() {
    let mut world = world();
    let mut signed_in = Person { links: vec![link(T, &["S"])], ..Person::default() };
    told(
        &signed_in,
        &world,
        "staff",
        "A member of staff: login:a names it on 2026-11-24T02:00:00Z, and its push has not spoken of the pair (R7).",
    );
    told(
        &signed_in,
        &world,
        "everyone",
        "Not a member of everyone: it is the default of a, for whoever is in no other team; login:a names it on \
         2026-11-24T02:00:00Z, and its push has not spoken of the pair of staff (R2).",
    );

    signed_in.records = vec![record_of("a", true)];
    world.groups.get_mut("staff").expect("the world has it").full.insert("a".to_owned(), T + 1);
    told(
        &signed_in,
        &world,
        "staff",
        "Not a member of staff: push:a stated the whole list on 2026-11-24T02:00:00.001Z, after the login that names it \
         on 2026-11-24T02:00:00Z (R7).",
    );

    signed_in.links[0].last_login = T + 31;
    signed_in.links[0].cut_off = true;
    told(
        &signed_in,
        &world,
        "staff",
        "Not a member of staff: login:a named it on 2026-11-24T02:00:00Z, too long before the newest login on \
         2026-11-24T02:00:00.031Z, which brought no usable list (R4).",
    );
    told(
        &signed_in,
        &world,
        "everyone",
        "Not a member of everyone: it is the default of a, withheld because the newest login's list was cut off (R11).",
    );

    signed_in.records[0].off = Some(T + 40);
    told(
        &signed_in,
        &world,
        "everyone",
        "A member of everyone: it is the default of a, and the person is in no other team (R2).",
    );
}

#[test]
fn a_grant_ends_by_itself() {
    let world = world();
    let until = |until| Vouch { until: Some(until), ..says("plain", Source::Grant, Word::Grant) };
    let person = |until| Person { vouches: vec![until], ..Person::default() };
    told(
        &person(until(T + 1001)),
        &world,
        "plain",
        "A member of plain: an administrator granted it on 2026-11-24T02:00:00Z (R8).",
    );
    told(
        &person(until(T + 1000)),
        &world,
        "plain",
        "Not a member of plain: the grant of 2026-11-24T02:00:00Z ended on 2026-11-24T02:00:01Z (R8).",
    );
}

/// `source cell value` of every register that an explanation names.
fn named(person: &Person, world: &World, parent: &str) -> Vec<String> {
    let registers = explain(person, world, parent).registers;
    registers.iter().map(|register| format!("{} {} {}", register.source, register.cell, register.value)).collect()
}

#[test]
fn a_hold_is_told() {
    let world = world();
    let held = |parent: Option<&str>| Held {
        hold: "h1".to_owned(),
        connection: "a".to_owned(),
        parent: parent.map(str::to_owned),
        stamp: T,
    };
    let person = Person {
        records: vec![record_of("a", false)],
        held: vec![held(None), held(Some("staff"))],
        ..Person::default()
    };
    told(
        &person,
        &world,
        "staff",
        "A member of staff: the connection a ended it on 2026-11-24T02:00:00Z, and a hold keeps it until that is \
         applied (R2).",
    );
    assert_eq!(
        named(&person, &world, "staff"),
        ["hold staff h1", "push:a active false", "push:a off ended", "hold active h1"]
    );
    told(&person, &world, "plain", "Not a member of plain: nobody says so (R2).");
}

#[test]
fn weak_words_and_what_denied_them_are_told() {
    let mut world = world();
    let push = || Source::Push("a".to_owned());
    let mut person = Person { vouches: vec![says("staff", Source::Import, Word::Grant)], ..Person::default() };
    told(&person, &world, "staff", "A member of staff: an import says so on 2026-11-24T02:00:00Z (R1).");
    person.vouches.push(says("staff", Source::Invite, Word::Grant));
    told(&person, &world, "staff", "A member of staff: an accepted invitation says so on 2026-11-24T02:00:00Z (R1).");

    person.records = vec![record_of("a", true)];
    person.vouches =
        vec![says("staff", Source::Invite, Word::Grant), Vouch { stamp: T + 1, ..says("staff", push(), Word::Deny) }];
    assert_eq!(
        named(&person, &world, "staff"),
        ["push:a active true", "push:a staff deny", "invite staff grant"],
        "the removal denies the invitation too"
    );
    world.groups.get_mut("staff").expect("the world has it").full.insert("a".to_owned(), T + 5);
    assert_eq!(
        named(&person, &world, "staff"),
        ["push:a active true", "push:a staff deny", "invite staff grant", "push:a list/staff stated"],
        "and the whole list after it"
    );
    person.vouches.truncate(1);
    told(
        &person,
        &world,
        "staff",
        "Not a member of staff: push:a denied on 2026-11-24T02:00:00.005Z, after an accepted invitation (R7).",
    );
    person.vouches = vec![says("staff", Source::Import, Word::Grant)];
    told(
        &person,
        &world,
        "staff",
        "Not a member of staff: push:a denied on 2026-11-24T02:00:00.005Z, after an import (R7).",
    );
}

#[test]
fn a_connection_that_is_inactive_here_is_told() {
    let person = Person {
        records: vec![record_of("a", true), record_of("b", false)],
        vouches: vec![says("staff", Source::Push("b".to_owned()), Word::Grant)],
        ..Person::default()
    };
    told(
        &person,
        &world(),
        "staff",
        "Not a member of staff: push:b says that the person is inactive there on 2026-11-24T02:00:00Z (R6).",
    );
}

/// What keeps the account active, and what ended older evidence.
#[test]
fn the_home_is_among_the_registers() {
    let world = world();
    let mut person = Person {
        records: vec![record_of("a", true)],
        vouches: vec![says("staff", Source::Grant, Word::Grant)],
        off: Some(T - 5),
        ..Person::default()
    };
    assert_eq!(named(&person, &world, "staff"), ["grant staff grant", "push:a active true", "administrator off ended"]);

    person.vouches.clear();
    person.off = None;
    person.records[0].off = Some(T + 41);
    person.links = vec![Link { connection: "b".to_owned(), ..link(T, &["S"]) }];
    told(
        &person,
        &world,
        "staff",
        "Not a member of staff: login:b named it on 2026-11-24T02:00:00Z, before the person was switched off on \
         2026-11-24T02:00:00.041Z (R6).",
    );
    assert_eq!(named(&person, &world, "staff"), ["login:b groups/sub S", "push:a active true", "push:a off ended"]);
}
