//! Operations on a group's `members`: they become edits, and the members that are there are never needed.
//!
//! RFC 7643 §4.2: members come and go; the parts of one are immutable. `display`, `$ref` and `type` are the server's.

use serde_json::{Value, json};

use super::{MemberEdit, Patch, required};
use crate::scim::document::Member;
use crate::scim::error::Error;
use crate::scim::filter::{Filter, Literal, Op as Compare, ValuePath, bind_elements};
use crate::scim::message::Op;
use crate::scim::resource_type::Found;
use crate::scim::schema::Attribute;

impl<'a> Patch<'a> {
    pub(super) fn member_operation(
        &mut self,
        op: Op,
        at: &str,
        found: Found<'a>,
        path: &ValuePath,
        part: Option<&Attribute>,
        value: Option<&Value>,
    ) -> Result<(), Error> {
        if let Some(part) = part {
            return match part.name.as_str() {
                "value" => Err(Error::mutability("a member's value is immutable: remove the member and add another")),
                _ => Ok(()),
            };
        }
        match &path.filter {
            Some(filter) => self.selected(op, at, found, filter, value),
            None => self.all(op, at, found, value),
        }
    }

    fn all(&mut self, op: Op, at: &str, found: Found<'_>, value: Option<&Value>) -> Result<(), Error> {
        let edit = match (op, value) {
            (Op::Remove, None | Some(Value::Null)) => MemberEdit::RemoveAll,
            (Op::Remove, Some(value)) => {
                let members = self.listed(at, found, value)?;
                if members.is_empty() {
                    return Ok(());
                }
                MemberEdit::Remove(members.into_iter().map(|member| member.value).collect())
            }
            (Op::Replace, value) => {
                let value = required(op, value)?;
                MemberEdit::Replace(self.listed(at, found, value)?)
            }
            (Op::Add, value) => {
                let value = required(op, value)?;
                let members = self.listed(at, found, value)?;
                if members.is_empty() {
                    return Ok(());
                }
                MemberEdit::Add(members)
            }
        };
        self.members.push(edit);
        Ok(())
    }

    fn selected(
        &mut self,
        op: Op,
        at: &str,
        found: Found<'a>,
        filter: &Filter,
        value: Option<&Value>,
    ) -> Result<(), Error> {
        let ids = ids_of(filter);
        let edit = match (op, ids) {
            (Op::Remove, Some(ids)) => MemberEdit::Remove(ids),
            (Op::Remove, None) => MemberEdit::RemoveWhere(bind_elements(filter, self.kind, found)?),
            (Op::Add, Some(ids)) => {
                // OneLogin names the member in the filter and again in the value.
                let given = self.listed(at, found, required(op, value)?)?;
                let named = ids.into_iter().map(|value| Member { value, kind: None }).collect();
                MemberEdit::Add(if given.is_empty() { named } else { given })
            }
            (Op::Replace, Some(ids)) => {
                let value = required(op, value)?;
                if value.is_null() {
                    self.members.push(MemberEdit::Remove(ids));
                    return Ok(());
                }
                let given = self.listed(at, found, value)?;
                if given.iter().all(|member| ids.contains(&member.value)) {
                    return Ok(());
                }
                return Err(Error::mutability("a member's value is immutable: remove the member and add another"));
            }
            (_, None) => {
                return Err(Error::no_target(format!(
                    "'{at}' selects members other than by value: name them by value"
                )));
            }
        };
        self.members.push(edit);
        Ok(())
    }

    /// The members that a value lists: one object is a list of one; `null` and `[]` list nobody.
    fn listed(&mut self, at: &str, found: Found<'_>, value: &Value) -> Result<Vec<Member>, Error> {
        // A bare id is read as a member, as for other links.
        let wrapped;
        let value = match value {
            Value::String(id) => {
                wrapped = json!([{ "value": id }]);
                &wrapped
            }
            other => other,
        };
        let Some(judged) = self.judge.attribute(found.attribute, at, value)? else { return Ok(Vec::new()) };
        let elements = match judged {
            Value::Array(elements) => elements,
            single => vec![single],
        };
        let mut members: Vec<Member> = Vec::with_capacity(elements.len());
        let mut seen = std::collections::HashSet::new();
        for element in elements {
            let member = Member::of(element).filter(|member| !member.value.is_empty());
            let member = member
                .ok_or_else(|| Error::invalid_value("a member without a value: give the id of a user or group"))?;
            if seen.insert(member.value.clone()) {
                members.push(member);
            }
        }
        Ok(members)
    }
}

/// The ids of a filter that names members by `value`: one, or several joined by `or`.
fn ids_of(filter: &Filter) -> Option<Vec<String>> {
    match filter {
        Filter::Or(parts) => {
            let parts: Option<Vec<Vec<String>>> = parts.iter().map(ids_of).collect();
            Some(parts?.into_iter().flatten().collect())
        }
        Filter::Compare(path, Compare::Eq, Literal::String(id))
            if path.urn.is_none() && path.sub.is_none() && path.name.eq_ignore_ascii_case("value") =>
        {
            Some(vec![id.clone()])
        }
        _ => None,
    }
}
