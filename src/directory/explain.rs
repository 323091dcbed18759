//! Why somebody is, or is not, in a group or an organization; why a login was decided as it was.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::reconcile::{self, Explanation, Register};
use crate::scim::{self};
use crate::store::{memberships, people, resources, search::View};

use super::people::gone;
use super::{Configuration, Directory, Result, world};

/// One sentence first, the registers below.
#[derive(Clone, Debug)]
pub struct ExplainAnswer {
    pub explanation: Explanation,
    /// (id, userName).
    pub person: (String, String),
    /// (id, displayName).
    pub parent: (String, String),
}

impl Directory {
    /// The registers and the rule behind a membership, or behind its absence.
    pub async fn explain(&self, tenant: &str, person: &str, parent: &str) -> Result<ExplainAnswer> {
        let mut tx = self.engine.read(tenant).await?;
        let configuration = Configuration::load(&mut tx).await?;
        let mut accounts = people::load(&mut tx, &BTreeSet::from([person.to_owned()])).await?;
        let registry = self.registry_in(&mut tx).await?;
        let world = world::gather(&mut tx, &configuration, &registry, &mut accounts, self.clock.now()).await?;
        let account = accounts.pop().filter(|account| !account.person.retired).ok_or_else(gone)?;
        let group = match resources::find(&mut tx, "Group", parent).await? {
            Some(row) => Some(row),
            None => resources::find(&mut tx, "Organization", parent).await?,
        };
        let group = group.ok_or_else(|| scim::Error::not_found("no group or organization with this id"))?;
        let mut world = world;
        if group.kind == "Group" {
            world.groups.entry(group.id.clone()).or_insert_with(|| reconcile::Group {
                id: group.id.clone(),
                organization: group.organization.clone(),
                full: BTreeMap::new(),
            });
        }
        let mut explanation = reconcile::explain(&account.person, &world, parent);
        if !explanation.member && account.active {
            let one = BTreeSet::from([person.to_owned()]);
            let groups = memberships::groups_of(&mut tx, &one, &View::Effective).await?;
            if groups.iter().any(|edge| edge.id == parent && edge.kind == "indirect") {
                explanation = Explanation {
                    member: true,
                    rule: "R2",
                    sentence: format!("{person} is in {parent} because a group that they are in is a member of it."),
                    registers: vec![Register {
                        source: "nested".to_owned(),
                        cell: parent.to_owned(),
                        stamp: None,
                        value: "indirect".to_owned(),
                    }],
                };
            }
        }
        let user_name = super::words::user_name_of(&account.document).unwrap_or(person).to_owned();
        let display = group.display.clone().unwrap_or_else(|| parent.to_owned());
        let mut names = configuration.names();
        names.insert(person.to_owned(), user_name.clone());
        names.insert(parent.to_owned(), display.clone());
        let mentioned: BTreeSet<String> = world.groups.keys().cloned().chain(group.organization.clone()).collect();
        for row in resources::existing(&mut tx, &mentioned).await? {
            if let Some(display) = row.display {
                names.insert(row.id, display);
            }
        }
        explanation.sentence = named(&explanation.sentence, &names);
        Ok(ExplainAnswer { explanation, person: (person.to_owned(), user_name), parent: (parent.to_owned(), display) })
    }

    /// The sentence of a login's trace, with what it rests on.
    pub async fn explain_decision(&self, tenant: &str, id: &str) -> Result<Value> {
        let trace = self.decision(tenant, id).await?;
        trace.ok_or_else(|| scim::Error::not_found("no decision with this id is kept").into())
    }
}

/// The sentence with names in place of ids.
fn named(sentence: &str, names: &BTreeMap<String, String>) -> String {
    let mut sentence = sentence.to_owned();
    for (id, name) in names {
        sentence = sentence.replace(id, name);
    }
    sentence
}
