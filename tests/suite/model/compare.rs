//! Any subject against the reference, event by event.

use super::reference::State;
use super::strategy::History;
use super::{Client, Event, Subject, Universe};

/// Runs a history on both and compares the outcome, the effective view and what each push token reads after every
/// event, with `registers` also every register. The error tells the history up to the first difference.
pub fn agree(
    universe: Universe,
    history: &History,
    subject: &mut dyn Subject,
    registers: bool,
) -> Result<usize, String> {
    let mut reference = State::new(universe, history.mode);
    for (at, event) in history.events.iter().enumerate() {
        if let Err(difference) = step(&mut reference, subject, event, registers) {
            let story = history.events[..=at].iter().map(|event| format!("  {event:?}\n")).collect::<String>();
            return Err(format!("{:?}\n{story}{difference}", history.mode));
        }
    }
    Ok(history.events.len())
}

fn step(reference: &mut State, subject: &mut dyn Subject, event: &Event, registers: bool) -> Result<(), String> {
    let differ = |what: &str, expected: String, found: String| {
        if expected == found { Ok(()) } else { Err(format!("{what}\n  expected {expected}\n  found    {found}")) }
    };
    let text = |value: &dyn std::fmt::Debug| format!("{value:?}");
    differ("outcome", text(&reference.apply(event)), text(&subject.apply(event)))?;
    differ("effective", text(&reference.effective()), text(&subject.effective()))?;
    for client in Client::ALL {
        differ("push view", text(&reference.push_view(client)), text(&subject.push_view(client)))?;
    }
    if registers {
        differ("registers", text(&reference.registers()), text(&subject.registers()))?;
    }
    Ok(())
}
