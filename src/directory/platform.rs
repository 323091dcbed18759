//! Tenants of kind `platform`: one tenant, many organizations with providers of their own, as a public service has.
//!
//! There a userName is unique among the people of the connection that keeps it, not in the whole tenant: two companies may each
//! have their `ana`. A connection never comes upon another's account by a name or an address; it takes an administrator's
//! bind, an invitation or a successor. And what a sign-in is told ends at the organizations of its connection.

use crate::reconcile::Person;

use super::Work;

pub(crate) const PLATFORM: &str = "platform";

impl Work<'_> {
    pub(crate) fn is_platform(&self) -> bool {
        self.tenant.kind == PLATFORM
    }

    /// The scope in which a userName is unique that this connection keeps, or, without one, the administrator.
    pub(crate) fn name_scope(&self, keeper: Option<&str>) -> String {
        keeper.filter(|_| self.is_platform()).unwrap_or_default().to_owned()
    }
}

/// The connection that keeps a person's userName; nobody: the administrator does. Push, else the administrator, else login.
pub(crate) fn name_keeper<'a>(person: &'a Person, home: Option<&'a str>) -> Option<&'a str> {
    if home.is_some() || person.entered.contains_key("userName") {
        return home;
    }
    let link = person.links.iter().find(|link| link.attributes.contains_key("userName"));
    link.map(|link| link.connection.as_str())
}
