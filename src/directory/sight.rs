//! What a push token sees of people: those it pushed or signed in, and those whom nobody claims yet.

use crate::scim::key::Key;
use crate::store::people::Account;

use super::config::domain_of;
use super::words::{addresses_of, user_name_of};
use super::{Configuration, Connected};

/// How a person stands to one connection's push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sight {
    /// It has a record of them.
    Own,
    /// Nobody pushes them, and this push may claim them.
    Unclaimed,
    /// As `Unclaimed`, but guarded: an administrator has to approve.
    Guarded,
    /// Not in its sight: as if they were not there.
    Hidden,
}

pub(crate) fn sight(configuration: &Configuration, connected: &Connected, account: &Account) -> Sight {
    let person = &account.person;
    if person.retired || account.deleted.contains(&connected.id) {
        return Sight::Hidden;
    }
    if person.records.iter().any(|record| record.connection == connected.id) {
        return Sight::Own;
    }
    if person.records.iter().any(|record| connected.is_foreign(&record.connection))
        || person.links.iter().any(|link| connected.is_foreign(&link.connection))
    {
        return Sight::Hidden;
    }
    let signed_in = person.links.iter().any(|link| link.connection == connected.id);
    if signed_in || configuration.is_sole(&connected.id) || has_address_of(connected, account) {
        return if account.guarded { Sight::Guarded } else { Sight::Unclaimed };
    }
    Sight::Hidden
}

/// The person's userName or an address lies in a domain verified for the connection.
pub(crate) fn has_address_of(connected: &Connected, account: &Account) -> bool {
    let mut names = addresses_of(&account.document);
    names.extend(user_name_of(&account.document).map(|name| Key::user_name(name).0));
    names.iter().filter_map(|name| domain_of(name)).any(|domain| verified_for(connected, &domain))
}

pub(crate) fn verified_for(connected: &Connected, domain: &str) -> bool {
    connected.rules.domains.iter().any(|verified| verified.as_str() == domain)
}
