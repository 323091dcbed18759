//! What a change of definitions means for what is stored: which attributes go, which rules become stricter, which index
//! rows are no longer right. Decides nothing about data; whoever has the data asks it about these places.

use serde_json::Value;

use crate::scim::document::Document;
use crate::scim::key;
use crate::scim::resource_type::{Registry, ResourceType};
use crate::scim::schema::{Attribute, Schema, Uniqueness};

/// An attribute of a type, or a part of one, where its values can be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The name of the type.
    pub kind: String,
    /// The URN of the extension; `None` for the base schema.
    pub urn: Option<String>,
    pub attribute: String,
    pub sub: Option<String>,
    /// The attribute is a list: a person's word about it is about the whole list.
    pub in_list: bool,
    /// The path of its index rows.
    pub attr: String,
}

/// A value that has to be there from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Required {
    pub place: Place,
    /// The path of the rows beside which it has to stand, element by element; `None`: every resource of the type.
    pub beside: Option<String>,
}

/// The differences that stored data may contradict or that the index has to follow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    pub removed: Vec<Place>,
    /// Another type, or one value instead of many and the reverse.
    pub retyped: Vec<Place>,
    pub required: Vec<Required>,
    /// Unique from now on, by the keys that are stored already.
    pub unique: Vec<Place>,
    /// Indexed anew, under another path.
    pub reindexed: Vec<Place>,
}

/// Gives every attribute of `after` its generation: one more than before where its keys or their uniqueness change.
pub fn follow(before: &Schema, after: &mut Schema) {
    let step = |was: &Attribute, is: &mut Attribute| {
        let moved = was.case_exact != is.case_exact || is_unique(was) != is_unique(is);
        is.generation = was.generation + u32::from(moved && was.kind == is.kind);
    };
    for is in &mut after.attributes {
        let Some(was) = before.attribute(&is.name) else { continue };
        for part in &mut is.sub_attributes {
            if let Some(was) = was.sub(&part.name) {
                step(was, part);
            }
        }
        step(was, is);
    }
}

/// From one registry to another, for the types that both have.
pub fn change(before: &Registry, after: &Registry) -> Change {
    let mut change = Change::default();
    for kind in &before.types {
        let Some(next) = after.type_named(&kind.name) else { continue };
        change.schema(kind, None, &kind.schema, Some(&next.schema));
        for extension in &kind.extensions {
            let left = next.extension(&extension.schema.id);
            change.schema(kind, Some(&extension.schema), &extension.schema, left.map(|left| left.schema.as_ref()));
        }
        for extension in next.extensions.iter().filter(|extension| extension.required) {
            if !kind.extension(&extension.schema.id).is_some_and(|known| known.required) {
                let urn = &extension.schema.id;
                let place = Place {
                    kind: kind.name.clone(),
                    urn: Some(urn.clone()),
                    attribute: String::new(),
                    sub: None,
                    in_list: false,
                    attr: urn.to_ascii_lowercase(),
                };
                change.required.push(Required { place, beside: None });
            }
        }
    }
    change
}

impl Change {
    fn schema(&mut self, kind: &ResourceType, extension: Option<&Schema>, before: &Schema, after: Option<&Schema>) {
        let place = |attribute: &Attribute, sub: Option<&Attribute>| Place {
            kind: kind.name.clone(),
            urn: extension.map(|schema| schema.id.clone()),
            attribute: attribute.name.clone(),
            sub: sub.map(|sub| sub.name.clone()),
            in_list: attribute.multi_valued,
            attr: key::path(extension, attribute, sub),
        };
        let base = extension.map(|schema| schema.id.to_ascii_lowercase());
        for was in &before.attributes {
            let Some(is) = after.and_then(|after| after.attribute(&was.name)) else {
                self.removed.push(place(was, None));
                continue;
            };
            if was.kind != is.kind || was.multi_valued != is.multi_valued {
                self.retyped.push(place(was, None));
                continue;
            }
            self.attribute(place(was, None), was, is, base.clone());
            for part in &was.sub_attributes {
                match is.sub(&part.name) {
                    None => self.removed.push(place(was, Some(part))),
                    Some(next) if part.kind != next.kind || part.multi_valued != next.multi_valued => {
                        self.retyped.push(place(was, Some(part)));
                    }
                    Some(next) => {
                        self.attribute(place(was, Some(part)), part, next, Some(key::path(extension, was, None)));
                    }
                }
            }
            for part in is.sub_attributes.iter().filter(|part| part.required && was.sub(&part.name).is_none()) {
                let place = place(was, Some(part));
                self.required.push(Required { place, beside: Some(key::path(extension, was, None)) });
            }
        }
        for is in after.into_iter().flat_map(|after| &after.attributes) {
            if is.required && before.attribute(&is.name).is_none() {
                self.required.push(Required { place: place(is, None), beside: base.clone() });
            }
        }
    }

    fn attribute(&mut self, place: Place, was: &Attribute, is: &Attribute, beside: Option<String>) {
        if is.required && !was.required {
            self.required.push(Required { place: place.clone(), beside });
        }
        if was.generation == is.generation {
            return;
        }
        if is_unique(is) && !is_unique(was) && was.case_exact == is.case_exact {
            self.unique.push(place.clone());
        }
        self.reindexed.push(place);
    }
}

fn is_unique(attribute: &Attribute) -> bool {
    attribute.uniqueness != Uniqueness::None
}

impl Place {
    /// As a person writes it.
    pub fn name(&self) -> String {
        let path = match &self.sub {
            Some(sub) => format!("{}.{sub}", self.attribute),
            None => self.attribute.clone(),
        };
        match &self.urn {
            Some(urn) if path.is_empty() => urn.clone(),
            Some(urn) => format!("{urn}:{path}"),
            None => path,
        }
    }

    /// The cell of a person (see `reconcile::cells`) that its values stand in, or that theirs begin with.
    pub fn cell(&self) -> String {
        if self.in_list { Place { sub: None, ..self.clone() }.name() } else { self.name() }
    }

    /// Whether the cell holds nothing but values of this place.
    pub fn covers(&self, cell: &str) -> bool {
        let is_part = self.in_list && self.sub.is_some();
        !is_part && cell.strip_prefix(&self.name()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }

    /// Takes the values out of a document; what is empty then goes as well.
    pub fn strip(&self, document: &mut Document) {
        let Some(urn) = &self.urn else { return take(&mut document.0, &self.attribute, self.sub.as_deref()) };
        let Some(Value::Object(values)) = document.0.get_mut(urn) else { return };
        take(values, &self.attribute, self.sub.as_deref());
        if values.is_empty() {
            document.0.shift_remove(urn);
        }
    }
}

fn take(values: &mut serde_json::Map<String, Value>, attribute: &str, sub: Option<&str>) {
    let Some(sub) = sub else {
        values.shift_remove(attribute);
        return;
    };
    let is_empty = match values.get_mut(attribute) {
        Some(Value::Object(parts)) => {
            parts.shift_remove(sub);
            parts.is_empty()
        }
        Some(Value::Array(elements)) => {
            for parts in elements.iter_mut().filter_map(Value::as_object_mut) {
                parts.shift_remove(sub);
            }
            elements.retain(|element| element.as_object().is_none_or(|parts| !parts.is_empty()));
            elements.is_empty()
        }
        _ => false,
    };
    if is_empty {
        values.shift_remove(attribute);
    }
}
