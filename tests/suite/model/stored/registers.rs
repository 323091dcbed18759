//! The registers of the store in the model's words.

use hmac::{Hmac, KeyInit, Mac};
use rollkeeper::reconcile::{Person, Source, World};
use rollkeeper::store::people::{self, Account};
use rollkeeper::store::{Error, Tx, identity, vouches};
use sha2::Sha256;

use super::super::observe;
use super::super::pure::ORGANIZATION;
use super::super::{Namespace, Registers, Subject, Team, Who};
use super::{Stored, address};

impl Stored {
    pub(super) fn read_registers(&mut self) -> Registers {
        // The mapping: nobody is in there.
        let mut all = self.configuration.registers();
        all.extend(self.read(async |tx| self.described(tx).await));
        for invitation in self.store.wait(self.store.product.invitations(&self.tenant)).expect("they are read") {
            let who = self.universe.people.iter().find(|who| address(who) == invitation.address).expect("somebody");
            let team = invitation.group.as_deref().and_then(|group| self.team(group)).expect("a team");
            all.entry(format!("invitation: {who} {}", team.id())).or_insert_with(|| "None".to_owned());
        }
        all
    }

    /// One snapshot of the tenant.
    fn read<T>(&self, look: impl AsyncFnOnce(&mut Tx) -> Result<T, Error>) -> T {
        let looked = async {
            let mut tx = self.store.product.engine().read(&self.tenant).await?;
            look(&mut tx).await
        };
        self.store.wait(looked).expect("it is read")
    }

    async fn described(&self, tx: &mut Tx) -> Result<Registers, Error> {
        let mut all = Registers::new();
        let accounts = every_account(tx).await?;
        for account in accounts.iter().filter(|account| !account.person.retired) {
            let anchors = identity::anchors_of(tx, &account.person.id).await?;
            let known = self.identities(account, &anchors);
            let Some(who) = known.first().map(|(_, who)| *who) else { continue }; // the founder
            let of_b = known.iter().all(|(space, _)| *space == Some(Namespace::B));
            let name = format!("{} {who}", if of_b { "B" } else { "A" });
            for (space, who) in &known {
                let space = space.map_or("hand".to_owned(), |space| format!("{space:?}"));
                all.insert(format!("identity: {space} {who}"), name.clone());
            }
            observe::describe(&self.translated(account), &name, who, &mut all);
            if self.universe.moves {
                describe_anchors(tx, &anchors, &name, &mut all).await?;
            }
        }
        self.describe_tombstones(tx, &accounts, &mut all).await?;
        for group in self.world_of(tx).await?.groups.values() {
            observe::lists(group, &mut all);
        }
        Ok(all)
    }

    pub(super) fn accounts(&self) -> Vec<Account> {
        self.read(async |tx| every_account(tx).await)
    }

    /// By whom an account is known: namespaces and names, by an administrator's hand `None`.
    fn identities(&self, account: &Account, anchors: &[(String, String)]) -> Vec<(Option<Namespace>, Who)> {
        let named = |name: &str| self.universe.people.iter().copied().find(|who| *who == name).expect("somebody");
        let mut known: Vec<(Option<Namespace>, Who)> = anchors
            .iter()
            .map(|(space, name)| (Namespace::ALL.into_iter().find(|it| format!("{it:?}") == *space), self.who(name)))
            .collect();
        if account.person.entered.contains_key("emails") {
            let name = account.person.entered.get("userName").and_then(|name| name.as_ref()?.as_str());
            known.push((None, named(name.expect("whoever is entered has a name"))));
        }
        known
    }

    /// The person's registers with the model's names of connections and groups, and its stamps.
    pub(super) fn translated(&self, account: &Account) -> Person {
        let mut person = account.person.clone();
        let directory = |id: &str| {
            let found = self.connections.iter().find(|(_, of)| *of == id);
            found.map(|(directory, _)| directory.id().to_owned()).expect("a connection of the tenant")
        };
        person.records.iter_mut().for_each(|record| record.connection = directory(&record.connection));
        person.links.iter_mut().for_each(|link| link.connection = directory(&link.connection));
        person.vouches.retain_mut(|vouch| {
            if let Source::Push(connection) = &mut vouch.source {
                *connection = directory(connection);
            }
            let Some(parent) = self.parent(&vouch.parent) else { return false };
            vouch.parent = parent.to_owned();
            vouch.stamp = self.stamp(vouch.stamp);
            vouch.until = vouch.until.map(|until| self.stamp(until));
            true
        });
        for record in &mut person.records {
            (record.bound_at, record.off) = (self.stamp(record.bound_at), record.off.map(|off| self.stamp(off)));
        }
        for link in &mut person.links {
            let claims = link.groups.iter_mut().chain(&mut link.roles).map(|claim| &mut claim.stamp);
            let stamps = claims.chain(link.attributes.values_mut().map(|claim| &mut claim.stamp));
            stamps.chain([&mut link.last_login]).for_each(|stamp| *stamp = self.stamp(*stamp));
        }
        person.off = person.off.map(|off| self.stamp(off));
        for held in &mut person.held {
            held.connection = directory(&held.connection);
            held.parent = held.parent.as_deref().and_then(|id| self.parent(id)).map(str::to_owned);
        }
        person
    }

    fn parent(&self, id: &str) -> Option<&'static str> {
        if id == self.organization { Some(ORGANIZATION) } else { self.team(id).map(Team::id) }
    }

    /// The configuration with every list that was stated whole.
    pub(super) fn world(&self) -> World {
        self.read(async |tx| self.world_of(tx).await)
    }

    async fn world_of(&self, tx: &mut Tx) -> Result<World, Error> {
        let mut world = self.configuration.world.clone();
        let lists = vouches::full_lists(tx, &self.teams.values().cloned().collect()).await?;
        for (group, connection, stamp) in lists {
            let directory = self.connections.iter().find(|(_, id)| **id == connection).map(|(directory, _)| directory);
            let team = self.team(&group).and_then(|team| world.groups.get_mut(team.id()));
            if let (Some(directory), Some(group)) = (directory, team) {
                group.full.insert(directory.id().to_owned(), self.stamp(stamp));
            }
        }
        Ok(world)
    }

    /// The tombstone of this name: the retired account that it remembers, if any.
    async fn tombstone(
        &self,
        tx: &mut Tx,
        scope: &str,
        kind: &str,
        name: &str,
    ) -> Result<Option<Option<String>>, Error> {
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&self.key).expect("a key of any length");
        mac.update(kind.as_bytes());
        mac.update(&[0]);
        mac.update(name.as_bytes());
        let hash: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        identity::tombstone(tx, scope, kind, &hash, self.now).await
    }

    async fn describe_tombstones(&self, tx: &mut Tx, accounts: &[Account], all: &mut Registers) -> Result<(), Error> {
        for who in self.universe.people {
            for namespace in Namespace::ALL {
                if self.tombstone(tx, &format!("*{namespace:?}"), "anchor", who).await?.is_some() {
                    all.insert(format!("tombstone: everywhere {namespace:?} {who}"), String::new());
                }
            }
            for (directory, id) in &self.connections {
                if self.tombstone(tx, id, "anchor", who).await?.is_some() {
                    all.insert(format!("tombstone: {} {who}", directory.id()), String::new());
                }
            }
            let retired = self.tombstone(tx, "*A", "user_name", who).await?.flatten();
            let Some(account) = retired.and_then(|id| accounts.iter().find(|account| account.person.id == id)) else {
                continue;
            };
            let person = self.translated(account);
            if person.retired {
                observe::kept(&person, who, all);
            }
        }
        Ok(())
    }
}

async fn every_account(tx: &mut Tx) -> Result<Vec<Account>, Error> {
    let ids = people::ids_after(tx, "User", "", 1000).await?;
    people::load(tx, &ids).await
}

/// The anchors of namespace A, where they change.
async fn describe_anchors(
    tx: &mut Tx,
    anchors: &[(String, String)],
    name: &str,
    all: &mut Registers,
) -> Result<(), Error> {
    for (space, anchor) in anchors.iter().filter(|(space, _)| space == "A") {
        let is_retired = identity::anchor(tx, space, anchor).await?.is_some_and(|(_, retired)| retired);
        all.insert(format!("anchor: {anchor}"), format!("{name}{}", if is_retired { " retired" } else { "" }));
    }
    Ok(())
}
