//! PATCH written a second time, straight from the decision tables, as plainly as can be: every step copies the document.
//! Nothing here calls `scim::patch`, its filters or its paths.

use rollkeeper::scim::message::Op;
use rollkeeper::scim::resource_type::ResourceType;
use rollkeeper::scim::schema::{Attribute, Mutability, Schema, Type};
use serde_json::{Map, Value};

use super::conditions::{check, created, holds, names};
use super::requests::{Condition, Path, What, Wish};
use super::values::{INVALID, NO_TARGET, Refusal, distinct, is_link, is_primary, mend, one, same, whole};

const MUTABILITY: Refusal = "mutability";

pub fn apply(kind: &ResourceType, before: &Map<String, Value>, wishes: &[Wish]) -> Result<Map<String, Value>, Refusal> {
    let mut state = State { kind, document: before.clone(), lost: Vec::new(), removed: Vec::new() };
    for wish in wishes {
        state.wish(wish)?;
    }
    state.judge(before)?;
    Ok(state.document)
}

#[derive(Clone, Copy)]
struct Target<'k> {
    schema: &'k Schema,
    attribute: &'k Attribute,
}

struct State<'k> {
    kind: &'k ResourceType,
    document: Map<String, Value>,
    /// Required parts that were unassigned.
    lost: Vec<(Target<'k>, &'k Attribute)>,
    /// Extensions removed by their URN.
    removed: Vec<String>,
}

impl<'k> State<'k> {
    fn wish(&mut self, wish: &Wish) -> Result<(), Refusal> {
        match (&wish.what, &wish.value) {
            (What::At(path), value) => self.at(wish.op, path, value.as_ref()),
            // Row 1.
            (What::Pathless(_), _) if wish.op == Op::Remove => Err(NO_TARGET),
            (What::Pathless(members), Some(Value::Object(_))) => {
                members.iter().try_for_each(|(path, value)| self.at(wish.op, path, Some(value)))
            }
            (What::Pathless(_), _) => Err(INVALID),
        }
    }

    fn at(&mut self, op: Op, path: &Path, value: Option<&Value>) -> Result<(), Refusal> {
        let Some(name) = &path.name else { return self.schema(op, path.urn.as_deref().unwrap_or_default(), value) };
        let target = self.find(path.urn.as_deref(), name).ok_or("invalidPath")?;
        let part = match &path.sub {
            // RFC 7643 §2.4: so a simple value among several is called.
            Some(sub) if is_simple_value(target.attribute, sub) => None,
            Some(sub) => {
                let part = target.attribute.sub_attributes.iter().find(|part| part.name.eq_ignore_ascii_case(sub));
                Some(part.ok_or("invalidPath")?)
            }
            None => None,
        };
        // Row 10.
        if target.attribute.is_read_only() || part.is_some_and(Attribute::is_read_only) {
            return Err(MUTABILITY);
        }
        if path.filter.is_some() && !target.attribute.multi_valued {
            return Err("invalidPath");
        }
        if let Some(filter) = &path.filter {
            check(filter, target.attribute)?;
        }
        if op != Op::Remove && value.is_none() {
            return Err(INVALID);
        }
        let old = self.get(target);
        let new = match (&path.filter, part, target.attribute.multi_valued) {
            (Some(filter), part, _) => self.filtered(op, target, filter, part, value)?,
            (None, Some(part), true) => self.every(op, target, part, value)?,
            (None, Some(part), false) => {
                let new = if op == Op::Remove { None } else { whole(part, given(value))? };
                self.part(target, old.clone(), part, new)?
            }
            (None, None, true) => self.list(op, target, value)?,
            (None, None, false) => self.single(op, target, value)?,
        };
        self.put(target, old, new)
    }

    /// Row 9, and the base schema's URN.
    fn schema(&mut self, op: Op, urn: &str, value: Option<&Value>) -> Result<(), Refusal> {
        let kind = self.kind;
        if kind.schema.id.eq_ignore_ascii_case(urn) {
            return match (op, value) {
                (Op::Remove, _) => Err(NO_TARGET),
                (_, Some(Value::Object(members))) => self.members(op, None, members),
                _ => Err(INVALID),
            };
        }
        let extension = kind.extensions.iter().find(|extension| extension.schema.id.eq_ignore_ascii_case(urn));
        let schema = extension.ok_or("invalidPath")?.schema.as_ref();
        match (op, value) {
            (Op::Remove, _) | (Op::Replace, Some(Value::Null)) => {
                for attribute in &schema.attributes {
                    let target = Target { schema, attribute };
                    let old = self.get(target);
                    self.put(target, old, None)?;
                }
                self.removed.push(schema.id.clone());
                Ok(())
            }
            (Op::Add, Some(Value::Null)) => Ok(()),
            (_, Some(Value::Object(members))) => self.members(op, Some(&schema.id), members),
            _ => Err(INVALID),
        }
    }

    fn members(&mut self, op: Op, urn: Option<&str>, members: &Map<String, Value>) -> Result<(), Refusal> {
        members.iter().try_for_each(|(name, value)| {
            let path = Path { urn: urn.map(str::to_owned), name: Some(name.clone()), filter: None, sub: None };
            self.at(op, &path, Some(value))
        })
    }

    /// Rows 2 and 3.
    fn single(&mut self, op: Op, target: Target<'k>, value: Option<&Value>) -> Result<Option<Value>, Refusal> {
        let attribute = target.attribute;
        if op == Op::Remove {
            return Ok(None);
        }
        let value = given(value);
        let old = self.get(target);
        if attribute.kind != Type::Complex {
            return whole(attribute, value);
        }
        let value = match value {
            Value::Array(listed) if listed.len() == 1 => &listed[0],
            other => other,
        };
        match value {
            Value::Null => Ok(if op == Op::Add { old } else { None }),
            Value::Array(elements) if elements.is_empty() => Ok(if op == Op::Add { old } else { None }),
            Value::Object(parts) => self.merge(target, old, parts),
            other => whole(attribute, other),
        }
    }

    /// Row 5.
    fn list(&mut self, op: Op, target: Target<'k>, value: Option<&Value>) -> Result<Option<Value>, Refusal> {
        let attribute = target.attribute;
        let old = elements(self.get(target));
        let listed = |value: &Value| whole(attribute, value).map(elements);
        match op {
            Op::Remove => {
                let Some(value) = value.filter(|value| !value.is_null()) else { return Ok(None) };
                let listed = listed(value)?;
                let is_listed = |element: &Value| listed.iter().any(|named| names(attribute, named, element));
                Ok(list(old.into_iter().filter(|element| !is_listed(element)).collect()))
            }
            Op::Add => Ok(list(self.added(attribute, old, listed(given(value))?)?)),
            Op::Replace => {
                let new = listed(given(value))?;
                let same_set = new.len() == old.len() && new.iter().all(|element| old.contains(element));
                Ok(list(if same_set { old } else { new }))
            }
        }
    }

    /// Rows 6 and 7.
    fn filtered(
        &mut self,
        op: Op,
        target: Target<'k>,
        filter: &Condition,
        part: Option<&'k Attribute>,
        value: Option<&Value>,
    ) -> Result<Option<Value>, Refusal> {
        let attribute = target.attribute;
        let old = elements(self.get(target));
        let matches = |element: &Value| holds(filter, attribute, element);
        if op == Op::Remove && part.is_none() {
            return Ok(list(old.into_iter().filter(|element| !matches(element)).collect()));
        }
        let value = value.unwrap_or(&Value::Null);
        let value = match value {
            Value::Array(listed) if listed.len() == 1 && part.is_none() => &listed[0],
            value => value,
        };
        if !old.iter().any(matches) {
            if op == Op::Remove || value.is_null() {
                return Ok(list(old));
            }
            let created = created(filter, attribute, part, value)?;
            if !matches(&created) {
                return Err(NO_TARGET);
            }
            return Ok(list(self.added(attribute, old, vec![created])?));
        }
        if part.is_none() && value.is_null() {
            let kept = old.into_iter().filter(|element| op == Op::Add || !matches(element));
            return Ok(list(kept.collect()));
        }
        let set = match part {
            Some(part) if op != Op::Remove => whole(part, value)?,
            _ => None,
        };
        let mut new = Vec::new();
        let mut changed = Vec::new();
        for element in old {
            if !matches(&element) {
                new.push(element);
                continue;
            }
            let after = match (part, value) {
                (Some(part), _) => self.part(target, Some(element), part, set.clone())?,
                (None, Value::Object(parts)) if attribute.kind == Type::Complex => {
                    self.merge(target, Some(element), parts)?
                }
                (None, value) if attribute.kind != Type::Complex => Some(one(attribute, value)?.ok_or(INVALID)?),
                _ => return Err(INVALID),
            };
            if let Some(after) = after {
                changed.push(new.len());
                new.push(after);
            }
        }
        let sets_primary = match part {
            Some(part) => part.name == "primary",
            None => {
                value.as_object().is_some_and(|parts| parts.keys().any(|name| name.eq_ignore_ascii_case("primary")))
            }
        };
        if sets_primary {
            move_primary(&mut new, &changed)?;
        }
        Ok(list(distinct(attribute, new)))
    }

    /// A part of every value; where there is none, one is made of it.
    fn every(
        &mut self,
        op: Op,
        target: Target<'k>,
        part: &'k Attribute,
        value: Option<&Value>,
    ) -> Result<Option<Value>, Refusal> {
        let set = if op == Op::Remove { None } else { whole(part, given(value))? };
        let mut old = elements(self.get(target));
        if old.is_empty() && set.is_some() {
            old.push(Value::Object(Map::new()));
        }
        let mut new = Vec::new();
        for element in old {
            new.extend(self.part(target, Some(element), part, set.clone())?);
        }
        if part.name == "primary" {
            let all: Vec<usize> = (0..new.len()).collect();
            move_primary(&mut new, &all)?;
        }
        Ok(list(distinct(target.attribute, new)))
    }

    /// New elements go to the end, known ones are updated in their place.
    fn added(&self, attribute: &Attribute, mut old: Vec<Value>, new: Vec<Value>) -> Result<Vec<Value>, Refusal> {
        let mut primaries = Vec::new();
        for element in new {
            let place = old.iter().position(|known| same(attribute, known, &element)).unwrap_or(old.len());
            if is_primary(&element) {
                primaries.push(place);
            }
            match (old.get_mut(place), element) {
                (None, element) => old.push(element),
                (Some(Value::Object(known)), Value::Object(more)) => {
                    keeps_immutable(attribute, known, &more)?;
                    known.extend(more);
                }
                (Some(_), _) => {}
            }
        }
        move_primary(&mut old, &primaries)?;
        Ok(old)
    }

    /// Row 3, and row 6 for each match.
    fn merge(
        &mut self,
        target: Target<'k>,
        old: Option<Value>,
        parts: &Map<String, Value>,
    ) -> Result<Option<Value>, Refusal> {
        let attribute = target.attribute;
        let single = Attribute { multi_valued: false, ..attribute.clone() };
        let given: Map<String, Value> = parts.clone().into_iter().filter(|(_, value)| !value.is_null()).collect();
        let new = if given.is_empty() { Map::new() } else { object(one(&single, &Value::Object(given.clone()))?) };
        let mut result = object(old);
        let says = |name: &str| given.keys().any(|given| given.eq_ignore_ascii_case(name));
        if is_link(attribute) && (says("value") || new.contains_key("value")) {
            // A link that names another resource is all new.
            for part in immutable(attribute) {
                if result.get(&part.name).is_some_and(|old| new.get(&part.name) != Some(old)) {
                    return Err(MUTABILITY);
                }
            }
            return Ok((!new.is_empty()).then_some(Value::Object(new)));
        }
        keeps_immutable(attribute, &result, &new)?;
        for (name, _) in parts.iter().filter(|(_, value)| value.is_null()) {
            let part = attribute.sub_attributes.iter().find(|part| part.name.eq_ignore_ascii_case(name));
            if let Some(part) = part.filter(|part| !part.is_read_only()) {
                self.unassign(target, part, &mut result)?;
            }
        }
        result.extend(new);
        if is_link(attribute) {
            mend(&single, &mut result);
        }
        Ok((!result.is_empty()).then_some(Value::Object(result)))
    }

    /// Row 4, and row 7 for each match.
    fn part(
        &mut self,
        target: Target<'k>,
        old: Option<Value>,
        part: &'k Attribute,
        new: Option<Value>,
    ) -> Result<Option<Value>, Refusal> {
        let attribute = target.attribute;
        let is_name = is_link(attribute) && part.name == "value";
        let mut parts = object(old);
        let Some(new) = new else {
            self.unassign(target, part, &mut parts)?;
            if is_name {
                return Ok(None);
            }
            if is_link(attribute) {
                mend(&Attribute { multi_valued: false, ..attribute.clone() }, &mut parts);
            }
            return Ok((!parts.is_empty()).then_some(Value::Object(parts)));
        };
        keeps_immutable(attribute, &parts, &Map::from_iter([(part.name.clone(), new.clone())]))?;
        if is_name && new == "" {
            return Ok(None);
        }
        if is_name && parts.get("value") != Some(&new) {
            parts.clear();
        }
        parts.insert(part.name.clone(), new);
        if is_link(attribute) {
            mend(&Attribute { multi_valued: false, ..attribute.clone() }, &mut parts);
        }
        Ok((!parts.is_empty()).then_some(Value::Object(parts)))
    }

    fn unassign(
        &mut self,
        target: Target<'k>,
        part: &'k Attribute,
        parts: &mut Map<String, Value>,
    ) -> Result<(), Refusal> {
        if parts.remove(&part.name).is_some() {
            if part.mutability == Mutability::Immutable {
                return Err(MUTABILITY);
            }
            if part.required {
                self.lost.push((target, part));
            }
        }
        Ok(())
    }

    fn find(&self, urn: Option<&str>, name: &str) -> Option<Target<'k>> {
        let kind = self.kind;
        let extensions: Vec<&Schema> = kind.extensions.iter().map(|extension| extension.schema.as_ref()).collect();
        let schemas: Vec<&Schema> = [kind.schema.as_ref()].into_iter().chain(extensions).collect();
        let within = |schema: &'k Schema| {
            let found = schema.attributes.iter().find(|attribute| attribute.name.eq_ignore_ascii_case(name));
            found.map(|attribute| Target { schema, attribute })
        };
        if let Some(urn) = urn {
            return within(schemas.into_iter().find(|schema| schema.id.eq_ignore_ascii_case(urn))?);
        }
        if let Some(found) = within(schemas[0]) {
            return Some(found);
        }
        match schemas[1..].iter().filter_map(|schema| within(schema)).collect::<Vec<_>>()[..] {
            [only] => Some(only),
            _ => None,
        }
    }

    fn get(&self, target: Target<'_>) -> Option<Value> {
        let values = if target.schema.id == self.kind.schema.id {
            Some(&self.document)
        } else {
            self.document.get(&target.schema.id).and_then(Value::as_object)
        };
        values?.get(&target.attribute.name).cloned()
    }

    /// Row 11 is judged here: what is immutable and has a value keeps it.
    fn put(&mut self, target: Target<'_>, old: Option<Value>, new: Option<Value>) -> Result<(), Refusal> {
        if old == new {
            return Ok(());
        }
        if target.attribute.mutability == Mutability::Immutable && old.is_some() {
            return Err(MUTABILITY);
        }
        if let (false, Some(Value::Object(old))) = (target.attribute.multi_valued, &old) {
            let lost = |part: &Attribute| {
                let new = new.as_ref().and_then(|new| new.get(&part.name));
                old.get(&part.name).is_some_and(|old| new != Some(old))
            };
            if immutable(target.attribute).any(lost) {
                return Err(MUTABILITY);
            }
        }
        let is_base = target.schema.id == self.kind.schema.id;
        let mut values =
            if is_base { self.document.clone() } else { object(self.document.get(&target.schema.id).cloned()) };
        match new {
            Some(new) => drop(values.insert(target.attribute.name.clone(), new)),
            None => drop(values.remove(&target.attribute.name)),
        }
        match (is_base, values.is_empty()) {
            (true, _) => self.document = values,
            (false, true) => drop(self.document.remove(&target.schema.id)),
            (false, false) => drop(self.document.insert(target.schema.id.clone(), Value::Object(values))),
        }
        Ok(())
    }

    /// Row 12, at the end: an attribute may be removed and added again.
    fn judge(&self, before: &Map<String, Value>) -> Result<(), Refusal> {
        let earlier = State { kind: self.kind, document: before.clone(), lost: Vec::new(), removed: Vec::new() };
        let extensions = self.kind.extensions.iter().map(|extension| extension.schema.as_ref());
        let schemas: Vec<&Schema> = [self.kind.schema.as_ref()].into_iter().chain(extensions).collect();
        let targets: Vec<Target<'_>> = schemas
            .into_iter()
            .flat_map(|schema| schema.attributes.iter().map(move |attribute| Target { schema, attribute }))
            .filter(|target| !target.attribute.is_read_only())
            .collect();
        let is_there = |schema: &Schema| schema.id == self.kind.schema.id || self.document.contains_key(&schema.id);
        for target in targets.iter().filter(|target| target.attribute.required) {
            let was_removed = !is_there(target.schema) && self.removed.contains(&target.schema.id);
            if self.get(*target).is_none() && earlier.get(*target).is_some() && !was_removed {
                return Err(MUTABILITY);
            }
        }
        for (target, part) in &self.lost {
            if elements(self.get(*target)).iter().any(|element| element.get(&part.name).is_none()) {
                return Err(MUTABILITY);
            }
        }
        for target in targets.iter().filter(|target| is_there(target.schema)) {
            let value = self.get(*target);
            if target.attribute.required && value.as_ref().is_none_or(is_blank) {
                return Err(INVALID);
            }
            let required =
                || target.attribute.sub_attributes.iter().filter(|part| part.required && !part.is_read_only());
            for element in elements(value) {
                if required().any(|part| element.get(&part.name).is_none_or(is_blank)) {
                    return Err(INVALID);
                }
            }
        }
        Ok(())
    }
}

fn is_simple_value(attribute: &Attribute, sub: &str) -> bool {
    attribute.multi_valued && attribute.kind != Type::Complex && sub.eq_ignore_ascii_case("value")
}

/// RFC 7644 §3.5.2: whoever becomes primary ends the others' being so.
fn move_primary(elements: &mut [Value], changed: &[usize]) -> Result<(), Refusal> {
    let mut new: Vec<usize> = changed.iter().copied().filter(|&index| is_primary(&elements[index])).collect();
    new.dedup();
    match new[..] {
        [] => {}
        [chosen] => {
            for (index, element) in elements.iter_mut().enumerate() {
                if index != chosen && is_primary(element) {
                    element["primary"] = false.into();
                }
            }
        }
        _ => return Err(INVALID),
    }
    Ok(())
}

fn keeps_immutable(attribute: &Attribute, old: &Map<String, Value>, new: &Map<String, Value>) -> Result<(), Refusal> {
    let changes =
        |part: &Attribute| matches!((old.get(&part.name), new.get(&part.name)), (Some(old), Some(new)) if old != new);
    if immutable(attribute).any(changes) { Err(MUTABILITY) } else { Ok(()) }
}

fn immutable(attribute: &Attribute) -> impl Iterator<Item = &Attribute> {
    attribute.sub_attributes.iter().filter(|part| part.mutability == Mutability::Immutable)
}

fn given(value: Option<&Value>) -> &Value {
    value.expect("an operation without a value was refused")
}

/// A required text may not be empty.
fn is_blank(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.trim().is_empty())
}

fn object(value: Option<Value>) -> Map<String, Value> {
    value.and_then(|value| value.as_object().cloned()).unwrap_or_default()
}

fn elements(value: Option<Value>) -> Vec<Value> {
    match value {
        Some(Value::Array(elements)) => elements,
        value => value.into_iter().collect(),
    }
}

fn list(elements: Vec<Value>) -> Option<Value> {
    (!elements.is_empty()).then_some(Value::Array(elements))
}
