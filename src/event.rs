//! The facts that are published: what happened, to whom, by whose word.
//!
//! An event carries ids, attribute names and codes, never a value, so that erasing a person leaves nothing behind and a
//! subscriber reads what holds now from the directory. Owns the names of the kinds and the JSON of the feed:
//!
//! ```
//! use rollkeeper::event::{Cause, Event, Kind};
//!
//! let event = Event::new(Kind::MembershipAdded, Cause::by("push:con_1")).of("2819c223").and("e9e30dba");
//! assert_eq!(
//!     serde_json::to_string(&event).unwrap(),
//!     r#"{"kind":"membership.added","resource":"2819c223","other":"e9e30dba","cause":{"source":"push:con_1"}}"#
//! );
//! ```

use std::fmt;

use serde::{Deserialize, Serialize};

/// One fact, written in the transaction of the change it reports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    pub kind: Kind,
    /// The id of the user, group, organization, connection or conflict that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// The second id: the group of a membership, the connection of a link or a record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other: Option<String>,
    pub cause: Cause,
    /// Names only: the cells that changed, or the codes of a refusal.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
}

/// Whose word it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// `push:con_1`, `login:con_1`, `administrator`, `import`, `invitation`, `system`, `person:2819c223`, or what time ended:
    /// `time:until` (a grant), `time:lease` (a claim), `time:expires` (an invitation),
    /// `time:hold` (a hold). `withdrawal:con_1`, `settings:con_1` and `hold:…` for what an administrator's one
    /// decision does to many.
    pub source: String,
    /// The login decision or the administrator's request that can be looked up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<String>,
}

impl Event {
    pub fn new(kind: Kind, cause: Cause) -> Self {
        Self { kind, resource: None, other: None, cause, names: Vec::new() }
    }

    pub fn of(self, resource: impl Into<String>) -> Self {
        Self { resource: Some(resource.into()), ..self }
    }

    pub fn and(self, other: impl Into<String>) -> Self {
        Self { other: Some(other.into()), ..self }
    }

    /// As the feed stores it.
    pub fn to_json(&self) -> String {
        // Plain texts: serialising them cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    pub fn naming(self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { names: names.into_iter().map(Into::into).collect(), ..self }
    }
}

impl Cause {
    pub fn by(source: impl Into<String>) -> Self {
        Self { source: source.into(), decision: None }
    }

    pub fn decided(self, decision: impl Into<String>) -> Self {
        Self { decision: Some(decision.into()), ..self }
    }
}

/// Declares the kinds once: the variant and its name in the feed.
macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $name:literal,)*) => {
        /// What happened. The names are for ever: a subscriber filters on them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Kind {
            $($(#[$doc])* #[serde(rename = $name)] $kind,)*
        }

        impl Kind {
            pub const ALL: &[Kind] = &[$(Kind::$kind),*];

            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)*
                }
            }
        }
    };
}

kinds! {
    UserCreated = "user.created",
    /// Effective attributes changed; `names` says which cells.
    UserUpdated = "user.updated",
    UserDeactivated = "user.deactivated",
    UserActivated = "user.activated",
    /// Retired: gone for every reader, kept for the retention.
    UserDeleted = "user.deleted",
    UserRevived = "user.revived",
    /// The retention is over: nothing is left but the id.
    UserPurged = "user.purged",
    /// From now on neither a push nor a login finds the account by a name or an address.
    UserProtected = "user.protected",
    UserUnprotected = "user.unprotected",
    /// `other` is the connection; absent: as the rules say again.
    HomePinned = "user.home_pinned",
    /// From now on neither a name nor a take-over leads to the group.
    GroupPrivileged = "group.privileged",
    GroupUnprivileged = "group.unprivileged",
    GroupPurged = "group.purged",
    OrganizationPurged = "organization.purged",
    ResourcePurged = "resource.purged",
    GroupCreated = "group.created",
    GroupUpdated = "group.updated",
    GroupDeleted = "group.deleted",
    GroupRevived = "group.revived",
    /// A connection's push took over a group that nobody owned.
    GroupTakenOver = "group.taken_over",
    OrganizationCreated = "organization.created",
    OrganizationUpdated = "organization.updated",
    OrganizationDeleted = "organization.deleted",
    /// The last owner is gone.
    OrganizationOwnerless = "organization.ownerless",
    /// A push brought in more people than the organization has seats.
    OrganizationOverfull = "organization.overfull",
    ResourceCreated = "resource.created",
    ResourceUpdated = "resource.updated",
    ResourceDeleted = "resource.deleted",
    /// `resource` is the person, `other` the group or organization.
    MembershipAdded = "membership.added",
    MembershipRemoved = "membership.removed",
    /// `resource` is the person, `other` the organization, `names` the role.
    RoleChanged = "membership.role_changed",
    LinkCreated = "link.created",
    LinkRemoved = "link.removed",
    /// A claim named more new teams than one sign-in creates (`groups.createCap`); `resource` is the connection, `other` the person.
    TeamsCapped = "connection.teams_capped",
    /// An administrator said whom a connection means by an `externalId`; `other` is the connection.
    AnchorBound = "anchor.bound",
    /// A known anchor came with a new subject.
    SubjectChanged = "link.subject_changed",
    /// A login joined a person by an address or a user name.
    LinkedByEmail = "linked_by_email",
    /// A push bound a person whom nobody pushed; `other` is the connection.
    RecordClaimed = "record.claimed",
    /// A push found the person whom a login of the same anchor had made.
    RecordAdopted = "record.adopted",
    /// A connection's own end of a person: its record is gone, others speak on.
    RecordRemoved = "record.removed",
    /// The successor of the connection `other` claimed the person: its words on them have ended.
    RecordSucceeded = "record.succeeded",
    LoginRefused = "login.refused",
    /// A `protected` account was used.
    ProtectedUsed = "login.protected",
    InvitationCreated = "invitation.created",
    /// A new token; the old one is dead.
    InvitationResent = "invitation.resent",
    InvitationAccepted = "invitation.accepted",
    InvitationRevoked = "invitation.revoked",
    InvitationExpired = "invitation.expired",
    ConflictOpened = "conflict.opened",
    ConflictResolved = "conflict.resolved",
    /// A connection would end more than its budget: what it said is recorded, the effect stands for now. `other` is it.
    HoldOpened = "hold.opened",
    HoldApplied = "hold.applied",
    HoldReleased = "hold.released",
    /// Everything that was held is vouched for again.
    HoldRestored = "hold.restored",
    /// `other` is the successor of the connection.
    ConnectionSucceeded = "connection.succeeded",
    ConnectionUpdated = "connection.updated",
    /// Nobody pushes or signs in there for now.
    ConnectionPaused = "connection.paused",
    ConnectionResumed = "connection.resumed",
    /// Its tokens are revoked: an application ends the sessions that came through it.
    ConnectionDisconnected = "connection.disconnected",
    ConnectionWithdrawn = "connection.withdrawn",
    /// A schema or a resource type of the tenant's own is another from now on; `names` has its URN or name.
    DefinitionUpdated = "definition.updated",
    DefinitionDeleted = "definition.deleted",
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_name_of_a_kind_is_its_json() {
        for kind in Kind::ALL {
            let json = serde_json::to_string(kind).expect("a kind is text");
            assert_eq!(json, format!("\"{kind}\""));
            assert_eq!(serde_json::from_str::<Kind>(&json).expect("and is read back"), *kind);
        }
        let names: BTreeSet<&str> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
        assert_eq!(names.len(), Kind::ALL.len());
    }

    #[test]
    fn an_event_is_read_back() {
        let cause = Cause::by("login:con_1").decided("dec_1");
        let event = Event::new(Kind::UserUpdated, cause).of("2819c223").naming(["title", "name.givenName"]);
        let json = serde_json::to_string(&event).expect("an event is JSON");
        assert_eq!(
            json,
            r#"{"kind":"user.updated","resource":"2819c223","cause":{"source":"login:con_1","decision":"dec_1"},"names":["title","name.givenName"]}"#
        );
        assert_eq!(serde_json::from_str::<Event>(&json).expect("and is read back"), event);
    }
}
