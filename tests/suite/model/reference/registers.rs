//! The registers of the reference as text.

use super::super::{Client, Registers, anchor_name};
use super::organization::Appointment;
use super::{Account, Grave, Kept, Record, Said, Space, State};

impl State {
    /// An account is named `A p` while namespace A or an administrator's hand knows it, else `B p`. (Where a broken
    /// alternative made two of them, the one entered by hand is `hand p`.)
    fn account_name(&self, account: Account) -> String {
        let known = |space| self.ids.iter().find(|((at, _), of)| *at == space && **of == account).map(|(key, _)| key.1);
        if let Some(who) = known(Space::A) {
            return format!("A {who}");
        }
        if let Some(who) = known(Space::Hand) {
            let taken = self.ids.contains_key(&(Space::A, who));
            return format!("{} {who}", if taken { "hand" } else { "A" });
        }
        known(Space::B).map_or_else(|| "nobody".to_owned(), |who| format!("B {who}"))
    }

    pub fn registers_as_text(&self) -> Registers {
        let mut all = Registers::new();
        let mut put = |key: String, value: String| all.insert(key, value);
        let name = |account: &Account| self.account_name(*account);

        for ((space, who), account) in &self.ids {
            let space = if *space == Space::Hand { "hand".to_owned() } else { format!("{space:?}") };
            put(format!("identity: {space} {who}"), name(account));
        }
        for ((who, anchor), named) in self.anchors.iter().filter(|_| self.universe.moves) {
            let retired = if named.retired { " retired" } else { "" };
            put(format!("anchor: {}", anchor_name(who, *anchor)), format!("{}{retired}", name(&named.account)));
        }
        for ((login, who), account) in &self.links {
            put(format!("link: {login:?} {who}").to_lowercase(), name(account));
        }
        for (grave, who) in self.tombs.keys() {
            let reach = match grave {
                Grave::Everywhere(namespace) => format!("everywhere {namespace:?}"),
                Grave::At(directory) => directory.id().to_owned(),
            };
            put(format!("tombstone: {reach} {who}"), String::new());
        }
        for ((client, who), record) in &self.records {
            let name = match record.name {
                Said::Nothing => "silent".to_owned(),
                Said::Cleared => "cleared".to_owned(),
                Said::Name(name) => format!("said {name}"),
            };
            let Record { active, bound, off, .. } = record;
            let external_id = anchor_name(who, self.external_id(*client, who));
            let value = format!("{active} {name} bound {bound} off {off:?} as {external_id}");
            put(push_key(*client, &format!("record {who}")), value);
        }
        for ((client, team), list) in &self.lists {
            for who in list {
                put(push_key(*client, &format!("{} {who}", team.id())), "listed".to_owned());
            }
        }
        for ((client, team, who), stamp) in &self.removed {
            put(push_key(*client, &format!("{} {who}", team.id())), format!("removed {stamp}"));
        }
        for ((client, team), stamp) in &self.full {
            put(push_key(*client, &format!("{} list", team.id())), stamp.to_string());
        }
        for ((login, who), claims) in &self.claims {
            // What the own push ended is dead for good: whether it is still kept shows nowhere.
            let record = self.links.get(&(*login, *who)).zip(login.directory().client());
            let off = record.and_then(|(account, client)| self.record(*account, client)?.off);
            let key = |field: &str| format!("login: {} {who} {field}", format!("{login:?}").to_lowercase());
            if let Some((stamp, values)) = claims.groups.as_ref().filter(|(stamp, _)| Some(*stamp) > off) {
                put(key("groups"), format!("{stamp} {:?}", values.iter().collect::<Vec<_>>()));
            }
            if let Some((stamp, values)) = claims.roles.as_ref().filter(|(stamp, _)| Some(*stamp) > off) {
                put(key("roles"), format!("{stamp} {:?}", values.iter().collect::<Vec<_>>()));
            }
            if let Some((stamp, value)) = claims.name.filter(|(stamp, _)| Some(*stamp) > off) {
                put(key("name"), format!("{stamp} {value}"));
            }
            if let Some((stamp, cut_off)) = claims.seen {
                put(key("seen"), format!("{stamp} {cut_off}"));
            }
        }
        for ((account, team), word) in &self.manual {
            let until = self.ends.get(&(*account, *team));
            put(format!("administrator: {} {}", name(account), team.id()), format!("{word:?} {until:?}"));
        }
        for (account, Appointment { word, role, until }) in &self.appointments {
            put(format!("administrator: {} org", name(account)), format!("{word:?} {role:?} {until:?}"));
        }
        for ((account, cell), directory) in &self.held {
            put(format!("held: {} {}", name(account), cell.id()), directory.id().to_owned());
        }
        for (account, value) in &self.locks {
            put(format!("administrator: {} lock", name(account)), (*value).to_owned());
        }
        for account in &self.suspended {
            put(format!("administrator: {} suspended", name(account)), String::new());
        }
        for (account, value) in &self.entered {
            put(format!("administrator: {} entered", name(account)), (*value).to_owned());
        }
        for (account, stamp) in &self.off {
            put(format!("off: {}", name(account)), stamp.to_string());
        }
        for (who, Kept { suspended, off, denied }) in &self.kept {
            let denied = Vec::from_iter(denied.iter().copied()).join(" ");
            put(format!("kept: {who}"), format!("{suspended} {off:?} {denied}"));
        }
        for ((account, team), stamp) in &self.imports {
            put(format!("import: {} {}", name(account), team.id()), stamp.to_string());
        }
        for ((who, team), accepted) in &self.invitations {
            put(format!("invitation: {who} {}", team.id()), format!("{accepted:?}"));
        }
        for (value, team) in &self.mapping {
            put(format!("mapping: {value}"), team.id().to_owned());
        }
        all
    }
}

fn push_key(client: Client, cell: &str) -> String {
    format!("push: {} {cell}", format!("{client:?}").to_lowercase())
}
