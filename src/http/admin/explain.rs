//! Why: the registers and the rule behind a membership or a refusal, as JSON.

use serde::Serialize;

use crate::directory::ExplainAnswer;
use crate::http::instant;

#[derive(Serialize)]
pub struct Explained {
    member: bool,
    sentence: String,
    rule: &'static str,
    registers: Vec<Register>,
    person: Named,
    parent: Named,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<String>,
}

#[derive(Serialize)]
struct Register {
    source: String,
    cell: String,
    #[serde(serialize_with = "instant::optional::serialize", skip_serializing_if = "Option::is_none")]
    stamp: Option<i64>,
    value: String,
}

#[derive(Serialize)]
struct Named {
    id: String,
    name: String,
}

impl From<ExplainAnswer> for Explained {
    fn from(answer: ExplainAnswer) -> Self {
        let explanation = answer.explanation;
        let register = |register: crate::reconcile::Register| Register {
            source: register.source,
            cell: register.cell,
            stamp: register.stamp,
            value: register.value,
        };
        let named = |(id, name)| Named { id, name };
        Self {
            member: explanation.member,
            sentence: explanation.sentence,
            rule: explanation.rule,
            registers: explanation.registers.into_iter().map(register).collect(),
            person: named(answer.person),
            parent: named(answer.parent),
            role: answer.role,
        }
    }
}
