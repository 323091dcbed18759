//! Why somebody is, or is not, in a group or organization: one sentence, the rule, and the registers that decide.
//!
//! An explanation is complete: judging only the registers it names gives the same answer (I15). So of a membership it
//! names what grants it, of a non-membership whatever would have granted it and what stands in the way.
//!
//! | source | cell | is |
//! | --- | --- | --- |
//! | `administrator` | `retired`, `suspended`, `off` | the account's own state |
//! | `push:k` | `active`, `off` | the record of the connection |
//! | `push:k`, `grant`, `deny`, `invite`, `import` | the parent's id | the register of the pair |
//! | `push:k` | `list/` and the group's id | when the whole list was last stated |
//! | `hold` | the parent's id, or `active` | what a hold keeps, by the hold's id |
//! | `login:k` | `groups/` and the subject | the newest group claim of that link |
//! | `login:k` | `login/` and the subject | the link and its newest login |
//!
//! The rules are those of the design's table: R1 own words, R2 pure view, R4 freshness, R6 no resurrection, R7 push
//! supremacy, R8 manual independence, R11 three states.

mod findings;

use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use self::findings::{Finding, findings};
use super::reading::Reading;
use super::registers::{Held, Link, Person, Record, Stamp, Vouch, Word, World};

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    pub member: bool,
    /// `R7`, of the design's table.
    pub rule: &'static str,
    pub sentence: String,
    pub registers: Vec<Register>,
}

/// A register as an explanation names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Register {
    pub source: String,
    pub cell: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stamp: Option<Stamp>,
    pub value: String,
}

/// Explains a membership or a non-membership of a group or an organization. Ids stand for names: whoever shows the
/// sentence may know better ones.
pub fn explain(person: &Person, world: &World, parent: &str) -> Explanation {
    let reading = Reading::new(person, world);
    if let Some(finding) = inactive(&reading, parent) {
        return explanation(parent, vec![finding]);
    }
    let mut all = findings(&reading, parent);
    if reading.denied(parent).is_none() {
        let teams = world.groups.values().filter(|group| group.organization.as_deref() == Some(parent));
        all.extend(teams.flat_map(|team| findings(&reading, &team.id)));
    }

    all.sort_by_key(|finding| finding.rank);
    let granted = all.iter().position(|finding| finding.member);
    let Some(granted) = granted else { return explanation(parent, all) };
    let mut finding = all.swap_remove(granted);
    finding.registers.extend(alive(&reading));
    explanation(parent, vec![finding])
}

/// The first finding decides; the others explain why nothing else does.
fn explanation(parent: &str, findings: Vec<Finding>) -> Explanation {
    let Some(first) = findings.first() else {
        return Explanation {
            member: false,
            rule: "R2",
            sentence: format!("Not a member of {parent}: nobody says so (R2)."),
            registers: Vec::new(),
        };
    };
    let verb = if first.member { "A member of" } else { "Not a member of" };
    let through = if first.parent == parent { String::new() } else { format!(" through {}", first.parent) };
    let mut explanation = Explanation {
        member: first.member,
        rule: first.rule,
        sentence: format!("{verb} {parent}{through}: {} ({}).", first.why, first.rule),
        registers: Vec::new(),
    };
    for register in findings.into_iter().flat_map(|finding| finding.registers) {
        if !explanation.registers.contains(&register) {
            explanation.registers.push(register);
        }
    }
    explanation
}

/// The account is not active: nobody is in anything.
fn inactive(reading: &Reading<'_>, parent: &str) -> Option<Finding> {
    let person = reading.person;
    let finding = |why: String, registers| Finding::no(0, "R6", parent, why, registers);
    if person.retired {
        return Some(finding("the account is deleted".to_owned(), vec![own("retired", None, "true")]));
    }
    if person.suspended {
        let why = format!("an administrator suspended the account{}", on(person.off));
        return Some(finding(why, vec![own("suspended", person.off, "true")]));
    }
    let home = reading.home.filter(|home| !home.active && !reading.active)?;
    let why = format!("push:{}, which speaks for the account, says inactive{}", home.connection, on(home.off));
    Some(finding(why, record(home)))
}

/// What keeps the account active and its evidence alive.
fn alive(reading: &Reading<'_>) -> Vec<Register> {
    let off = reading.person.off.map(|off| own("off", Some(off), "ended"));
    let held = reading.person.held.iter().filter(|held| held.parent.is_none()).map(hold);
    reading.home.map(record).into_iter().flatten().chain(off).chain(held).collect()
}

fn own(cell: &str, stamp: Option<Stamp>, value: &str) -> Register {
    Register { source: "administrator".to_owned(), cell: cell.to_owned(), stamp, value: value.to_owned() }
}

fn record(record: &Record) -> Vec<Register> {
    let register = |cell: &str, stamp, value: &str| Register {
        source: format!("push:{}", record.connection),
        cell: cell.to_owned(),
        stamp,
        value: value.to_owned(),
    };
    let active = register("active", Some(record.bound_at), if record.active { "true" } else { "false" });
    let off = record.off.map(|off| register("off", Some(off), "ended"));
    std::iter::once(active).chain(off).collect()
}

fn vouch(vouch: &Vouch) -> Register {
    let word = if vouch.word == Word::Grant { "grant" } else { "deny" };
    Register {
        source: vouch.source.to_string(),
        cell: vouch.parent.clone(),
        stamp: Some(vouch.stamp),
        value: vouch.until.map_or_else(|| word.to_owned(), |until| format!("{word} until {}", instant(until))),
    }
}

fn hold(held: &Held) -> Register {
    Register {
        source: "hold".to_owned(),
        cell: held.parent.clone().unwrap_or_else(|| "active".to_owned()),
        stamp: Some(held.stamp),
        value: held.hold.clone(),
    }
}

fn whole_list(record: &Record, parent: &str, stated: Stamp) -> Register {
    Register {
        source: format!("push:{}", record.connection),
        cell: format!("list/{parent}"),
        stamp: Some(stated),
        value: "stated".to_owned(),
    }
}

fn groups(link: &Link) -> Register {
    let values = link.groups.iter().flat_map(|claim| &claim.value).map(String::as_str).collect::<Vec<_>>();
    Register {
        source: format!("login:{}", link.connection),
        cell: format!("groups/{}", link.subject),
        stamp: link.groups.as_ref().map(|claim| claim.stamp),
        value: values.join(", "),
    }
}

/// A default that was given at a sign-in.
fn given(link: &Link, team: &str) -> Register {
    Register {
        source: format!("login:{}", link.connection),
        cell: format!("given/{}/{team}", link.subject),
        stamp: link.given.as_ref().map(|given| given.stamp),
        value: "given".to_owned(),
    }
}

fn login(link: &Link) -> Register {
    Register {
        source: format!("login:{}", link.connection),
        cell: format!("login/{}", link.subject),
        stamp: Some(link.last_login),
        value: if link.cut_off { "cut off" } else { "linked" }.to_owned(),
    }
}

/// ` on 2026-11-24T02:00:00Z`, or nothing where no time is known.
fn on(stamp: Option<Stamp>) -> String {
    stamp.filter(|stamp| *stamp != 0).map_or_else(String::new, |stamp| format!(" on {}", instant(stamp)))
}

/// RFC 3339, UTC.
fn instant(stamp: Stamp) -> String {
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(stamp) * 1_000_000);
    let text = time.ok().and_then(|time| time.format(&Rfc3339).ok());
    text.unwrap_or_else(|| format!("{stamp} ms"))
}

#[cfg(test)]
mod tests;
