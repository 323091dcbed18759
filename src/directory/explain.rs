//! Why somebody is, or is not, in a group or an organization; why a login was decided as it was.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
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
    /// Of a member of an organization: the role that counts.
    pub role: Option<String>,
}

/// Who says what of one attribute of a person, strongest first.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AttributeAnswer {
    pub attribute: String,
    /// What holds; none if nobody says it, or the strongest says that there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    pub sentence: String,
    pub rule: &'static str,
    pub says: Vec<Said>,
    /// Somebody says something else than what holds.
    pub drift: bool,
}

#[derive(Clone, Debug, Serialize)]
pub struct Said {
    /// `lock`, `push:…`, `login:…` or `entered`, with the connection's name.
    pub source: String,
    /// Null: that there is no value.
    pub value: Option<Value>,
    pub holds: bool,
}

impl Directory {
    /// Whose word an attribute has, and who says otherwise: `title`, `name.givenName`, `emails`.
    pub async fn explain_attribute(&self, tenant: &str, person: &str, attribute: &str) -> Result<AttributeAnswer> {
        let mut tx = self.engine.read(tenant).await?;
        let configuration = Configuration::load(&mut tx).await?;
        let mut accounts = people::load(&mut tx, &BTreeSet::from([person.to_owned()])).await?;
        let registry = self.registry_in(&mut tx).await?;
        let world = world::gather(&mut tx, &configuration, &registry, &mut accounts, self.clock.now()).await?;
        let account = accounts.pop().filter(|account| !account.person.retired).ok_or_else(gone)?;
        let registry = self.registry_in(&mut tx).await?;
        let kind = registry.type_named("User").ok_or_else(gone)?;
        let cell = super::lifecycle::spelled(kind, attribute).ok_or_else(|| {
            scim::Error::invalid_value(format!(
                "{attribute:?} is no attribute that anybody says: name one such as title, name.givenName or emails"
            ))
        })?;
        let names = configuration.names();
        let said = reconcile::speakers(&account.person, &world, &cell);
        let value = said.first().and_then(|(_, value)| value.clone());
        let drift = said.iter().skip(1).any(|(_, other)| other.is_some() && *other != value);
        let sentence = match said.first() {
            None => format!("Nobody says anything of {cell}."),
            Some((source, said)) => {
                let what = if said.is_some() { "says what holds" } else { "says that there is no value" };
                let others = if drift { "; others say otherwise, and come through when it withdraws" } else { "" };
                named(&format!("{} {what}{others}.", speaker(source)), &names)
            }
        };
        let says = said
            .into_iter()
            .enumerate()
            .map(|(at, (source, value)): (usize, (String, Option<Value>))| Said {
                source: named(&source, &names),
                value,
                holds: at == 0,
            })
            .collect();
        Ok(AttributeAnswer { attribute: cell, value, sentence, rule: "R1", says, drift })
    }

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
        let roles = reconcile::derive(&account.person, &world).organizations(&world);
        let role = roles.get(parent).filter(|_| group.kind == "Organization").cloned();
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
        Ok(ExplainAnswer {
            explanation,
            person: (person.to_owned(), user_name),
            parent: (parent.to_owned(), display),
            role,
        })
    }

    /// The sentence of a login's trace, with what it rests on.
    pub async fn explain_decision(&self, tenant: &str, id: &str) -> Result<Value> {
        let trace = self.decision(tenant, id).await?;
        trace.ok_or_else(|| scim::Error::not_found("no decision with this id is kept").into())
    }
}

/// A source as a sentence names it.
fn speaker(source: &str) -> String {
    match source.split_once(':') {
        Some(("push", connection)) => format!("The push of {connection}"),
        Some(("login", connection)) => format!("The newest sign-in through {connection}"),
        _ if source == "lock" => "An administrator's lock".to_owned(),
        _ => "What was entered or imported".to_owned(),
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
