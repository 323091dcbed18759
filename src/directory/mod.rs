//! The use cases: one call is one transaction, with the events of what it changed effectively.
//!
//! Owns the order of things: find, lock, judge by a pure room, write registers, derive again whoever is touched, write
//! events, commit. SCIM, sign-in, the command line and the console all come through these doors. Holds no SQL and no rule
//! of the protocol; knows nothing of HTTP.

mod administration;
mod bound;
mod brokers;
mod bulk;
mod change;
mod claimed;
mod config;
mod conflicts;
mod connections;
mod cursor;
mod definitions;
mod departure;
mod entered;
mod error;
mod explain;
mod feed;
mod foresee;
pub(crate) mod groups;
mod health;
mod hold;
mod import;
mod invitations;
mod lifecycle;
mod links;
mod me;
mod members;
mod order;
mod organizations;
mod own;
mod pages;
mod passwords;
pub(crate) mod people;
pub(crate) mod platform;
mod purge;
mod read;
mod redefine;
mod reindex;
mod remap;
mod resources;
mod retire;
mod roster;
pub(crate) mod rulings;
mod settle;
mod sight;
mod strip;
mod succession;
mod tenants;
mod tick;
mod verify;
mod withdraw;
mod words;
pub(crate) mod work;
pub(crate) mod world;

use std::sync::Arc;

use moka::future::Cache;

use crate::clock::{Clock, Ids};
use crate::scim::resource_type::Registry;
use crate::store::Engine;

#[doc(hidden)]
pub use bound::ListChange;
pub use brokers::BrokerInfo;
pub use bulk::{BulkJob, Processed};
pub use change::Precondition;
pub use config::{Configuration, Connected};
pub use conflicts::{Action, CandidateInfo, ConflictInfo, ConflictPage, Resolution};
pub use connections::ConnectionInfo;
pub use cursor::{ByCursor, Limits};
pub use definitions::{Defined, DefinitionInfo, Noun};
pub use error::{Case, Error, Result};
pub use explain::{AttributeAnswer, ExplainAnswer};
pub use feed::EventPage;
pub use foresee::{Change, Forecast, Held, Named};
pub use health::{Anchors, Drift, DriftPage, DriftResolution, Health, Instead, Lists};
pub use hold::{HeldInfo, HoldInfo};
pub use import::{ImportOptions, Outcome, Report, Settled, Unconfirmed, UnconfirmedPage};
pub use invitations::{InvitationInfo, NewInvitation};
pub use links::{AnchorInfo, Identities, LinkInfo, RecordInfo};
pub use order::First;
pub use pages::{Cursors, MemberPage, Page, Query, Range};
pub use passwords::PasswordPolicy;
pub(crate) use passwords::{Hashed, PasswordWord, Passwords};
pub use purge::Purged;
pub(crate) use read::find_in;
pub use read::{Resource, Wants};
pub use redefine::Progress;
pub use roster::{OrganizationMember, RosterPage};
pub use succession::{Matched, Rehearsal, Succession};
pub use tenants::{Authenticated, TenantInfo, TokenInfo};
pub use tick::Ticked;
pub use verify::Difference;
pub use withdraw::{Standing, Withdrawn};
pub(crate) use work::{Work, transact};

/// Who speaks, and so whose words are written and whose view is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Voice {
    /// An IdP's push: it reads and writes its own connection's words.
    Push { connection: String },
    /// An administrator: entered words, grants and denies; reads the effective view.
    Administrator,
    /// Reads the effective view.
    Reader,
    /// One user: reads what is effective of themselves, and writes a few words of their own.
    Person { id: String },
}

/// The tenant and the voice of one request.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The tenant's id.
    pub tenant: String,
    pub voice: Voice,
    /// The id of the token that was shown.
    pub token: Option<String>,
}

impl Caller {
    pub fn administrator(tenant: &str) -> Self {
        Self { tenant: tenant.to_owned(), voice: Voice::Administrator, token: None }
    }

    /// What events name as the cause.
    fn source(&self) -> String {
        match &self.voice {
            Voice::Push { connection } => format!("push:{connection}"),
            Voice::Administrator | Voice::Reader => "administrator".to_owned(),
            Voice::Person { id } => format!("person:{id}"),
        }
    }
}

/// 30 days.
const RETENTION: i64 = 30 * 24 * 60 * 60 * 1000;

/// How many tenants' registries are kept ready.
const REGISTRIES: u64 = 1_000;

/// The doors. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Directory {
    engine: Engine,
    clock: Clock,
    ids: Ids,
    registries: Cache<(String, i64), Arc<Registry>>,
    /// How long what is retired is kept, and tombstones with it; 0 erases at once.
    retention: i64,
    passwords: Passwords,
}

impl Directory {
    pub fn new(engine: Engine, clock: Clock, ids: Ids) -> Self {
        Self {
            engine,
            clock,
            ids,
            registries: Cache::new(REGISTRIES),
            retention: RETENTION,
            passwords: Passwords::new(PasswordPolicy::default()),
        }
    }

    /// The same, keeping what is retired for this long, in milliseconds.
    #[must_use]
    pub fn retaining(self, retention: i64) -> Self {
        Self { retention, ..self }
    }

    /// The same, with other rules for passwords.
    #[must_use]
    pub fn with_passwords(self, policy: PasswordPolicy) -> Self {
        Self { passwords: Passwords::new(policy), ..self }
    }

    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    pub fn ids(&self) -> &Ids {
        &self.ids
    }
}
