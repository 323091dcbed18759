//! `explain PERSON GROUP`, `explain PERSON --attribute PATH`, `explain --decision ID`: one sentence first, then what it rests on.

use serde_json::{Value, json};

use super::answer::{or_dash, table};
use super::roll::TenantName;
use super::{Answer, Failure, Roll, moment, named};
use crate::directory::TenantInfo;

#[derive(Debug, clap::Args)]
pub struct Explain {
    /// By userName or id
    #[arg(required_unless_present = "decision")]
    person: Option<String>,
    /// A group by displayName or id, or an organization by slug or id
    #[arg(required_unless_present_any = ["decision", "attribute"])]
    group: Option<String>,
    /// An attribute of the person instead, as SCIM spells it: title, name.givenName, emails
    #[arg(long, value_name = "PATH", conflicts_with_all = ["group", "decision"])]
    attribute: Option<String>,
    /// A sign-in instead, by the decisionId of its answer
    #[arg(long, value_name = "ID", conflicts_with_all = ["person", "group"])]
    decision: Option<String>,
    #[command(flatten)]
    tenant: TenantName,
}

impl Explain {
    pub async fn run(&self, roll: &Roll) -> Result<Answer, Failure> {
        let tenant = roll.tenant(&self.tenant).await?;
        if let (Some(attribute), Some(person)) = (&self.attribute, &self.person) {
            return attributed(roll, &tenant, person, attribute).await;
        }
        match (&self.decision, &self.person, &self.group) {
            (Some(decision), ..) => decided(roll, &tenant, decision).await,
            (None, Some(person), Some(group)) => membership(roll, &tenant, person, group).await,
            _ => Err(Failure::Usage("name a person and a group, or a --decision".to_owned())),
        }
    }
}

async fn membership(roll: &Roll, tenant: &TenantInfo, person: &str, group: &str) -> Result<Answer, Failure> {
    let person = named::person(roll, tenant, person).await?;
    let parent = named::parent(roll, tenant, group).await?;
    let answer = roll.directory.explain(&tenant.id, &person, &parent).await?;
    let explanation = &answer.explanation;
    let stamp = |stamp: Option<i64>| stamp.map(moment::text);
    let rows = explanation.registers.iter().map(|register| {
        let at = or_dash(stamp(register.stamp).as_deref());
        [register.source.clone(), register.cell.clone(), register.value.clone(), at]
    });
    let registers = table("", ["source", "cell", "value", "stamp"], rows);
    let registers_json: Vec<Value> = explanation
        .registers
        .iter()
        .map(|register| {
            let mut object = json!({"source": register.source, "cell": register.cell, "value": register.value});
            if let Some(at) = stamp(register.stamp) {
                object["stamp"] = at.into();
            }
            object
        })
        .collect();
    let mut object = json!({
        "member": explanation.member,
        "sentence": explanation.sentence,
        "rule": explanation.rule,
        "registers": registers_json,
        "person": { "id": answer.person.0, "name": answer.person.1 },
        "parent": { "id": answer.parent.0, "name": answer.parent.1 },
    });
    let role = answer.role.as_ref().map_or_else(String::new, |role| format!("; role: {role}"));
    if let Some(role) = answer.role {
        object["role"] = role.into();
    }
    Ok(Answer::new(format!("{}: {}{role}\n\n{registers}", answer.person.1, explanation.sentence), object))
}

async fn attributed(roll: &Roll, tenant: &TenantInfo, person: &str, attribute: &str) -> Result<Answer, Failure> {
    let person = named::person(roll, tenant, person).await?;
    let answer = roll.directory.explain_attribute(&tenant.id, &person, attribute).await?;
    let rows = answer.says.iter().map(|said| {
        let value = said.value.as_ref().map_or("no value".to_owned(), Value::to_string);
        [said.source.clone(), value, if said.holds { "holds" } else { "drift" }.to_owned()]
    });
    let table = table("", ["source", "says", ""], rows);
    Ok(Answer::new(format!("{}: {}\n\n{table}", answer.attribute, answer.sentence), &answer))
}

async fn decided(roll: &Roll, tenant: &TenantInfo, decision: &str) -> Result<Answer, Failure> {
    let trace = roll.directory.explain_decision(&tenant.id, decision).await?;
    let sentence = trace.get("sentence").and_then(Value::as_str).unwrap_or_default();
    let details = serde_json::to_string_pretty(&trace).unwrap_or_default();
    let text = if sentence.is_empty() { details } else { format!("{sentence}\n\n{details}") };
    Ok(Answer::new(text, trace))
}
