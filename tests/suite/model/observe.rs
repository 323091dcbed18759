//! The product's registers and its derived view in the model's words, for every subject that holds them.

use std::collections::BTreeSet;

use rollkeeper::reconcile::{Group, Person, Record, Source, Word, World, derive};

use super::pure::ORGANIZATION;
use super::{Directory, Login, PushView, Registers, Role, Seen, Team, Who};

/// The cell that carries the model's one attribute.
pub const NAME: &str = "displayName";

/// What everybody but a push token reads of a person.
pub fn seen(person: &Person, world: &World) -> Seen {
    let derived = derive(person, world);
    Seen {
        active: derived.active,
        teams: Team::ALL.into_iter().filter(|team| derived.member(world, team.id())).collect(),
        role: derived.organizations(world).get(ORGANIZATION).and_then(|name| role(name)),
        name: derived.words.get(NAME).and_then(|value| value.as_str()).map(str::to_owned),
    }
}

/// Adds what one connection's push reads of a person.
pub fn pushed(person: &Person, directory: Directory, who: Who, view: &mut PushView) {
    let Some(record) = person.records.iter().find(|record| record.connection == directory.id()) else { return };
    let name = record.words.get(NAME).and_then(|word| word.as_ref()).and_then(|value| value.as_str());
    view.records.insert(who, (record.active, name.map(str::to_owned)));
    for vouch in &person.vouches {
        if vouch.source == Source::Push(directory.id().to_owned()) && vouch.word == Word::Grant {
            view.listed.extend(team(&vouch.parent).map(|team| (team, who)));
        }
    }
}

/// Adds every register of one account; `name` is the account's (`A p`), `who` that of the person.
pub fn describe(person: &Person, name: &str, who: Who, all: &mut Registers) {
    let mut put = |key: String, value: String| all.insert(key, value);
    for record in &person.records {
        let name = match record.words.get(NAME) {
            None => "silent".to_owned(),
            Some(None) => "cleared".to_owned(),
            Some(Some(value)) => format!("said {}", value.as_str().unwrap_or_default()),
        };
        let Record { active, bound_at, off, external_id, .. } = record;
        let external_id = external_id.as_deref().unwrap_or("nobody");
        let value = format!("{active} {name} bound {bound_at} off {off:?} as {external_id}");
        put(format!("push: {} record {who}", client(&record.connection)), value);
    }
    for vouch in &person.vouches {
        let parent = &vouch.parent;
        match &vouch.source {
            Source::Push(connection) => {
                let removed = format!("removed {}", vouch.stamp);
                let value = if vouch.word == Word::Grant { "listed".to_owned() } else { removed };
                put(format!("push: {} {parent} {who}", client(connection)), value);
            }
            Source::Grant | Source::Deny => {
                let role = vouch.role.as_deref().and_then(role);
                let role = if parent == ORGANIZATION { format!(" {role:?}") } else { String::new() };
                put(format!("administrator: {name} {parent}"), format!("{:?}{role} {:?}", vouch.word, vouch.until));
            }
            Source::Import => {
                put(format!("import: {name} {parent}"), vouch.stamp.to_string());
            }
            Source::Invite => {
                put(format!("invitation: {who} {parent}"), format!("{:?}", Some(vouch.stamp)));
            }
            Source::Login(_) | Source::Default(_) | Source::Held(_) => {}
        }
    }
    for link in &person.links {
        let Some(login) = login(&link.subject, who) else { continue };
        put(format!("link: {login} {who}"), name.to_owned());
        // What the own push ended is dead for good: whether it is still kept shows nowhere.
        let record = person.records.iter().find(|record| record.connection == link.connection);
        let off = record.and_then(|record| record.off);
        let key = |field: &str| format!("login: {login} {who} {field}");
        if let Some(claim) = link.groups.as_ref().filter(|claim| Some(claim.stamp) > off) {
            put(key("groups"), format!("{} {:?}", claim.stamp, claim.value.iter().collect::<Vec<_>>()));
        }
        if let Some(claim) = link.roles.as_ref().filter(|claim| Some(claim.stamp) > off) {
            put(key("roles"), format!("{} {:?}", claim.stamp, claim.value.iter().collect::<Vec<_>>()));
        }
        if let Some(claim) = link.attributes.get(NAME).filter(|claim| Some(claim.stamp) > off) {
            put(key("name"), format!("{} {}", claim.stamp, claim.value.as_str().unwrap_or_default()));
        }
        put(key("seen"), format!("{} {}", link.last_login, link.cut_off));
    }
    for held in &person.held {
        let cell = held.parent.as_deref().unwrap_or("active");
        put(format!("held: {name} {cell}"), held.connection.clone());
    }
    let words = [("lock", &person.locks), ("entered", &person.entered)];
    for (cell, words) in words {
        if let Some(Some(value)) = words.get(NAME) {
            put(format!("administrator: {name} {cell}"), value.as_str().unwrap_or_default().to_owned());
        }
    }
    if person.suspended {
        put(format!("administrator: {name} suspended"), String::new());
    }
    if let Some(off) = person.off {
        put(format!("off: {name}"), off.to_string());
    }
}

/// Adds what outlives a retired account, if there is anything.
pub fn kept(person: &Person, who: Who, all: &mut Registers) {
    let denied: BTreeSet<&str> = person.vouches.iter().map(|vouch| vouch.parent.as_str()).collect();
    if person.suspended || !denied.is_empty() {
        let denied = Vec::from_iter(denied).join(" ");
        all.insert(format!("kept: {who}"), format!("{} {:?} {denied}", person.suspended, person.off));
    }
}

/// Adds when each connection last stated the whole list of a group.
pub fn lists(group: &Group, all: &mut Registers) {
    for (connection, stamp) in &group.full {
        all.insert(format!("push: {} {} list", client(connection), group.id), stamp.to_string());
    }
}

pub fn role(name: &str) -> Option<Role> {
    Role::ALL.into_iter().find(|role| role.name() == name)
}

pub fn team(id: &str) -> Option<Team> {
    Team::ALL.into_iter().find(|team| team.id() == id)
}

fn client(connection: &str) -> &'static str {
    if connection == Directory::D1.id() { "c1" } else { "c2" }
}

fn login(subject: &str, who: Who) -> Option<String> {
    let login = Login::ALL.into_iter().find(|login| login.subject(who) == subject)?;
    Some(format!("{login:?}").to_lowercase())
}
