//! What belongs to the account alone: a handle that is free, the default that is given for good, and the step that makes
//! or renames an account of somebody who may not enter.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::directory::{Connected, Result, Work, world};
use crate::jit::claims::{AttributeClaim, Claims};
use crate::jit::decide::Who;
use crate::jit::handle;
use crate::jit::rules::{Handle, Mode};
use crate::reconcile::derive;
use crate::scim::key::Key;
use crate::scim::resource_type::urn;
use crate::store::people::{self, GIVEN};
use crate::store::{identity, values};

use super::apply;

/// How often random digits are drawn before there are more of them.
const DRAWS: u32 = 20;

pub(super) async fn free_handle(work: &mut Work<'_>, connected: &Connected, claims: &Claims) -> Result<String> {
    let called = handle::called(claims);
    let key = work.tenant.key.clone();
    let mut candidates = handle::candidates(&key, &connected.id, &claims.subject, &called);
    if connected.rules.handle == Handle::Digits {
        let drawn =
            (0..DRAWS).map(|draw| handle::with_digits(&called, u64::from_be_bytes(work.directory.ids().bytes()), draw));
        let plain = candidates.first().filter(|first| handle::is_plain(first, &called)).cloned();
        candidates = plain.into_iter().chain(drawn).collect();
    }
    for candidate in &candidates {
        if is_free(work, candidate).await? {
            return Ok(candidate.clone());
        }
    }
    // The suffixes are HMACs of this subject: all taken means the subject itself is back.
    Ok(candidates.last().cloned().unwrap_or_default())
}

async fn is_free(work: &mut Work<'_>, handle: &str) -> Result<bool> {
    let attr = format!("{}:handle", urn::PERSON).to_ascii_lowercase();
    let folded = Key::text(false, handle).0;
    Ok(values::holder(&mut work.tx, "User", &attr, "", &folded).await?.is_none())
}

/// A sticky default: whoever signs in and is in no other team of the organization is given the default team, once.
pub(super) async fn give_default(
    work: &mut Work<'_>,
    connected: &Connected,
    claims: &Claims,
    link: &identity::Link,
) -> Result<()> {
    let defaults = &connected.rules.defaults;
    let (Some(team), Mode::Sticky, true) = (&defaults.group, defaults.mode, connected.rules.jit.enabled) else {
        return Ok(());
    };
    // Nobody knows whether a list that was cut off names another team.
    if link.cut_off {
        return Ok(());
    }
    let one = BTreeSet::from([link.resource.clone()]);
    let mut accounts = people::load(&mut work.tx, &one).await?;
    let configuration = work.configuration.clone();
    let world = world::gather(&mut work.tx, &configuration, &work.registry, &mut accounts, work.now).await?;
    let Some(account) = accounts.first() else { return Ok(()) };
    let derived = derive(&account.person, &world);
    let organization = |group: &str| world.groups.get(group).and_then(|group| group.organization.as_deref());
    let own = organization(team);
    let is_team = |group: &str| world.groups.contains_key(group) && organization(group) == own;
    if derived.rows.iter().any(|((parent, _), live)| *live && is_team(parent)) {
        return Ok(());
    }
    let given = Value::from_iter([team.as_str()]);
    if apply::put(work, link, claims, GIVEN, &given).await? {
        work.touch(&link.resource).await?;
    }
    Ok(())
}

/// The account of somebody with an address in a verified domain who is then refused: made as if entered, or, where the
/// subject is linked, named anew. It is not linked: signing in gave nothing, and whoever is let in later joins it.
pub(super) async fn step(work: &mut Work<'_>, connected: &Connected, claims: &Claims, who: &Who) -> Result<()> {
    match who {
        Who::New => {
            let person = work.insert_person(&apply::initial(claims)).await?;
            let handle = free_handle(work, connected, claims).await?;
            let mut words: Vec<(String, Value)> = claims
                .attributes
                .iter()
                .filter_map(|(cell, claim)| match claim {
                    AttributeClaim::Value(value) => Some((cell.clone(), value.clone())),
                    AttributeClaim::Empty => None,
                })
                .collect();
            words.extend(claims.user_name.clone().map(|name| ("userName".to_owned(), Value::String(name))));
            words.push((format!("{}:handle", urn::PERSON), Value::String(handle)));
            for (cell, value) in words {
                people::set_word(&mut work.tx, &person, "entered", &cell, Some(&value), work.now).await?;
            }
            work.touch(&person).await
        }
        Who::Linked(_) => {
            let Some(link) = identity::link(&mut work.tx, &connected.id, &claims.subject).await? else { return Ok(()) };
            apply::attributes(work, claims, &link).await
        }
        _ => Ok(()),
    }
}
