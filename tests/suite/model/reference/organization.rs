//! The organization of the teams, in the reference: who is in it, as what, and who may not be the last to own it.

use rollkeeper::reconcile::{Stamp, Word};

use super::super::{Directory, ROLE_OF_TEAM, ROLES, Role, Team};
use super::{Account, State, Variant};

/// An administrator's word about the organization itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Appointment {
    pub word: Word,
    pub role: Option<Role>,
    pub until: Option<Stamp>,
}

impl State {
    /// The administrator's grant of the organization, if it is not over.
    pub fn appointed(&self, account: Account) -> Option<Appointment> {
        let appointment = *self.appointments.get(&account).filter(|it| it.word == Word::Grant)?;
        let over = appointment.until.is_some_and(|until| until <= self.now) && !self.is(Variant::EndlessGrant);
        (!over).then_some(appointment)
    }

    pub fn banned(&self, account: Account) -> bool {
        self.appointments.get(&account).is_some_and(|it| it.word == Word::Deny)
    }

    /// Whoever a directory pushes or has linked is in its default organization; every directory has this one.
    pub fn belongs_by_default(&self, account: Account, directory: Directory) -> bool {
        let pushed = directory.client().is_some_and(|client| self.record(account, client).is_some());
        (pushed || self.links_of(account, directory).next().is_some()) && self.active_here(account, directory)
    }

    /// A word about the organization itself, not about one of its teams.
    pub fn belongs_itself(&self, account: Account) -> bool {
        let by_default = |directory: &Directory| self.belongs_by_default(account, *directory);
        self.active(account)
            && !self.banned(account)
            && (self.appointed(account).is_some()
                || Directory::ALL.iter().any(by_default)
                || self.held_stands(account, None))
    }

    /// The highest of the roles that the words have by which somebody is in the organization.
    pub fn role(&self, account: Account) -> Option<Role> {
        let teams: Vec<Team> = Team::ALL.into_iter().filter(|team| self.member(account, *team)).collect();
        if teams.is_empty() && !self.belongs_itself(account) {
            return None;
        }
        let mut roles = vec![Role::Member];
        for directory in Directory::ALL {
            if self.belongs_by_default(account, directory) && self.active(account) && !self.banned(account) {
                roles.push(self.given(account, directory, None));
            }
            let by = teams.iter().filter(|team| self.speaks_for(account, directory, **team));
            roles.extend(by.map(|team| self.given(account, directory, Some(*team))));
        }
        if let Some(appointment) = self.appointed(account) {
            if self.is(Variant::AppointmentDecides) {
                return appointment.role.or(Some(Role::Member));
            }
            roles.extend(appointment.role);
        }
        roles.into_iter().max()
    }

    /// The directory has a word by which the person is in the team: its push, its claim, its default, its hold.
    fn speaks_for(&self, account: Account, directory: Directory, team: Team) -> bool {
        self.voted(account, directory, team) == Some(Word::Grant)
            || self.defaulted(account, directory, team)
            || self.held_by(account, Some(team)) == Some(directory) && self.held_stands(account, Some(team))
    }

    /// What a directory's word says with a membership: its claim of roles, else its table of teams.
    fn given(&self, account: Account, directory: Directory, team: Option<Team>) -> Role {
        let table = || if team == Some(ROLE_OF_TEAM.0) { ROLE_OF_TEAM.1 } else { Role::Member };
        self.claimed_role(account, directory).unwrap_or_else(table)
    }

    fn claimed_role(&self, account: Account, directory: Directory) -> Option<Role> {
        let dead = if self.is(Variant::RolesOutlive) { None } else { self.dead_before(account, directory) };
        let claims = self.links_of(account, directory).filter_map(|(link, _)| {
            let claims = self.claims.get(&link)?;
            let (stamp, values) = claims.roles.as_ref()?;
            let counts = Some(*stamp) > dead && !self.aged(claims, *stamp);
            counts.then_some((*stamp, link, values))
        });
        let (_, _, values) = claims.max_by_key(|(stamp, link, _)| (*stamp, *link))?;
        let meant = |value: &&str| ROLES.iter().find(|(name, _)| name == value).map(|(_, role)| *role);
        values.iter().filter_map(meant).max()
    }

    pub fn owners(&self) -> Vec<Account> {
        let mut accounts: Vec<Account> = self.ids.values().copied().collect();
        accounts.sort_unstable();
        accounts.dedup();
        accounts.retain(|account| self.role(*account) == Some(Role::Owner));
        accounts
    }
}
