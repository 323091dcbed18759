//! The registers: every fact with its one owner, as they hang on one person, and the world they are read in.
//!
//! Owns the types only. A store loads them, the pure functions beside this file read them, and nobody else
//! writes them: a source changes its own registers, the effective view is derived.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;
use serde_json::Value;

/// Milliseconds since the epoch: the commit time of a push or an administrator's edit, or a login's `iat`.
pub type Stamp = i64;

/// Who said it: `push:k`, `login:k`, `default:k`, `held:k`, `grant`, `deny`, `invite`, `import`. `login`, `default`
/// and `held` are derived.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    Push(String),
    Login(String),
    Default(String),
    /// What the connection's words ended and a hold keeps for now.
    Held(String),
    Grant,
    Deny,
    Invite,
    Import,
}

impl Source {
    /// The text of the tables, of `via` and of explanations, read back. A connection id is not checked.
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once(':') {
            Some(("push", connection)) => Some(Self::Push(connection.to_owned())),
            Some(("login", connection)) => Some(Self::Login(connection.to_owned())),
            Some(("default", connection)) => Some(Self::Default(connection.to_owned())),
            Some(("held", connection)) => Some(Self::Held(connection.to_owned())),
            Some(_) => None,
            None => match text {
                "grant" => Some(Self::Grant),
                "deny" => Some(Self::Deny),
                "invite" => Some(Self::Invite),
                "import" => Some(Self::Import),
                _ => None,
            },
        }
    }

    /// The kind of word, as answers name it.
    pub fn via(&self) -> &'static str {
        match self {
            Self::Push(_) => "push",
            Self::Login(_) => "login",
            Self::Default(_) => "default",
            Self::Held(_) => "held",
            Self::Grant => "grant",
            Self::Deny => "deny",
            Self::Invite => "invitation",
            Self::Import => "import",
        }
    }

    /// `login`, `default` and `held` rows are derived: nobody says them, nobody stamps them.
    pub fn is_derived(&self) -> bool {
        matches!(self, Self::Login(_) | Self::Default(_) | Self::Held(_))
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Push(connection) => write!(f, "push:{connection}"),
            Self::Login(connection) => write!(f, "login:{connection}"),
            Self::Default(connection) => write!(f, "default:{connection}"),
            Self::Held(connection) => write!(f, "held:{connection}"),
            Self::Grant => f.write_str("grant"),
            Self::Deny => f.write_str("deny"),
            Self::Invite => f.write_str("invite"),
            Self::Import => f.write_str("import"),
        }
    }
}

/// What a membership register says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Word {
    Grant,
    Deny,
}

/// One membership register: `source` says `word` about the person and `parent` (a group or an organization).
/// Push: `Grant` is *listed*, `Deny` is *removed*. `Source::Deny` always carries `Word::Deny`, all others `Grant`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vouch {
    pub parent: String,
    pub source: Source,
    pub word: Word,
    pub stamp: Stamp,
    /// A grant that ends by itself.
    pub until: Option<Stamp>,
    /// What the person is in the organization by this word.
    pub role: Option<String>,
}

/// What one connection's push says of the person.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    pub connection: String,
    pub external_id: Option<String>,
    pub active: bool,
    /// When this connection first bound the person.
    pub bound_at: Stamp,
    /// When the record last went inactive: older claims are dead.
    pub off: Option<Stamp>,
    /// The pushed userName lies in a domain verified for the connection.
    pub in_verified_domain: bool,
    /// Its own attribute words by cell (see `cells`); `None` is `Cleared`: once said, said no more.
    pub words: BTreeMap<String, Option<Value>>,
}

/// A known claim: the value and the token's `iat`. Merge is the maximum by (stamp, canonical text of the value).
#[derive(Clone, Debug, PartialEq)]
pub struct Claim<T> {
    pub stamp: Stamp,
    pub value: T,
}

impl<T: Serialize> Claim<T> {
    /// Whether this claim replaces `other`: the maximum by (stamp, canonical text), so that order of arrival never matters.
    pub fn beats(&self, other: &Self) -> bool {
        let text = |value: &T| serde_json::to_string(value).unwrap_or_default();
        self.stamp > other.stamp || self.stamp == other.stamp && text(&self.value) > text(&other.value)
    }
}

/// A sign-in identity of the person and what it last said, field by field.
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    pub connection: String,
    pub subject: String,
    /// The raw group values of the newest login that stated them.
    pub groups: Option<Claim<BTreeSet<String>>>,
    /// The raw role values of the newest login that stated them.
    pub roles: Option<Claim<BTreeSet<String>>>,
    /// Attribute words by cell; `null` is `Cleared` (a mapping rule with `onEmpty: clear`).
    pub attributes: BTreeMap<String, Claim<Value>>,
    /// The newest login of this link, with or without a list.
    pub last_login: Stamp,
    /// Groups that a default gave at a login for good (`DefaultMode::Sticky`).
    pub given: Option<Claim<BTreeSet<String>>>,
    /// The newest login's list was cut off (overage): the default team is withheld.
    pub cut_off: bool,
}

/// A connection's words ended this beyond its budget; until the hold is applied or its time is over, it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    pub hold: String,
    pub connection: String,
    /// A group or an organization; `None`: that the account is active.
    pub parent: Option<String>,
    pub stamp: Stamp,
}

/// Every register of one account.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Person {
    pub id: String,
    pub retired: bool,
    pub suspended: bool,
    /// The last suspension, or what a home that is gone ended.
    pub off: Option<Stamp>,
    /// The connection that an administrator made the home, while it has a record.
    pub pinned: Option<String>,
    pub records: Vec<Record>,
    pub links: Vec<Link>,
    pub vouches: Vec<Vouch>,
    pub held: Vec<Held>,
    /// The administrator's locks and entered (or imported) words by cell; `None` is `Cleared`.
    pub locks: BTreeMap<String, Option<Value>>,
    pub entered: BTreeMap<String, Option<Value>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DefaultMode {
    /// Derived: while the person is in no other team of that organization, except by a default.
    Fallback,
    Always,
    /// Given once, at a login that found the person in no other team; a register of that login's link from then on.
    Sticky,
}

#[derive(Clone, Debug, PartialEq)]
pub struct DefaultTeam {
    pub group: String,
    pub mode: DefaultMode,
}

/// What of a connection's configuration the view depends on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Connection {
    pub id: String,
    /// Creation order: the home is the first created that pushes the person (among those whose domain it is).
    pub order: i64,
    pub default_organization: Option<String>,
    pub default_team: Option<DefaultTeam>,
    /// A claim ages: it counts until a login arrives more than this later that brings no usable list.
    pub claim_max_age: Option<i64>,
    /// It counts this long by the clock.
    pub lease: Option<i64>,
    /// What a raw group value of this connection's claims means, already limited to its scope.
    pub groups_by_value: BTreeMap<String, BTreeSet<String>>,
    /// The organizations that it serves: elsewhere its roles mean nothing.
    pub organizations: BTreeSet<String>,
    /// What a raw role value means, and what being in a team means.
    pub roles_by_value: BTreeMap<String, String>,
    pub roles_by_group: BTreeMap<String, String>,
}

/// What of a group the view depends on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Group {
    pub id: String,
    /// The organization it is a team of.
    pub organization: Option<String>,
    /// When a connection last stated the whole list (`Full(k, g)`).
    pub full: BTreeMap<String, Stamp>,
}

/// Configuration, and the groups that this person's registers and claims mention (defaults included). Organizations
/// are parents too: they have no entry in `groups`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct World {
    pub now: Stamp,
    /// Cells that are unique by the tenant's own definitions, beside [`UNIQUE`](super::UNIQUE).
    pub unique: BTreeSet<String>,
    pub connections: BTreeMap<String, Connection>,
    pub groups: BTreeMap<String, Group>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_read_as_it_is_written() {
        for (text, via) in [
            ("push:k", "push"),
            ("login:k", "login"),
            ("default:k", "default"),
            ("held:k:1", "held"),
            ("grant", "grant"),
            ("deny", "deny"),
            ("invite", "invitation"),
            ("import", "import"),
        ] {
            let source = Source::parse(text).expect(text);
            assert_eq!((source.to_string().as_str(), source.via()), (text, via));
        }
        for text in ["", "push", "grant:k", "invitation", "Push:k"] {
            assert_eq!(Source::parse(text), None, "{text}");
        }
    }

    #[test]
    fn of_two_claims_the_later_wins_and_of_two_at_once_the_greater() {
        let claim = |stamp, value: &'static str| Claim { stamp, value };
        for (new, old, beats) in [
            (claim(2, "a"), claim(1, "b"), true),
            (claim(1, "b"), claim(2, "a"), false),
            (claim(1, "b"), claim(1, "a"), true),
            (claim(1, "a"), claim(1, "b"), false),
            (claim(1, "a"), claim(1, "a"), false),
        ] {
            assert_eq!(new.beats(&old), beats, "{new:?} {old:?}");
        }
    }
}
