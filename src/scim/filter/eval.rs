//! [`Bound`] + [`Facts`] → an answer, by looking at what SQL looks at: columns, links and index rows. The oracle for
//! the SQL compiler.

use std::borrow::Cow;

use serde_json::Value;

use super::{Bound, Facts, Indexed, Linked, MemberPart, Place, Test};
use crate::scim::key::{self, Entry, Key};
use crate::scim::resource_type::Found;
use crate::scim::schema::Type;
use crate::scim::version::Tag;

impl Bound {
    pub fn matches(&self, facts: &Facts<'_>) -> bool {
        let rows = key::entries(facts.kind, facts.document);
        let scope =
            Scope { facts: Some(facts), rows: rows.iter().collect(), members: facts.members, groups: facts.groups };
        scope.holds(self)
    }
}

impl Test {
    /// Whether one value satisfies the test: its key, and the whole text where the key was cut. `Present` here means
    /// non-empty.
    pub fn accepts(&self, key: &str, long: Option<&str>) -> bool {
        let whole = long.unwrap_or(key);
        match self {
            Test::Present => !key.is_empty(),
            Test::Eq(wanted) => key == wanted.0,
            Test::Ne(other) => key != other.0,
            Test::Contains(part) => whole.contains(part.as_str()),
            Test::StartsWith(part) => whole.starts_with(part.as_str()),
            Test::EndsWith(part) => whole.ends_with(part.as_str()),
            Test::Gt(bound) => key > bound.0.as_str(),
            Test::Ge(bound) => key >= bound.0.as_str(),
            Test::Lt(bound) => key < bound.0.as_str(),
            Test::Le(bound) => key <= bound.0.as_str(),
        }
    }
}

/// Whether one element of that attribute satisfies what stood in the brackets after it.
pub(crate) fn matches_element(inner: &Bound, found: Found<'_>, element: &Value) -> bool {
    let rows = key::element_entries(found.extension, found.attribute, element);
    Scope { facts: None, rows: rows.iter().collect(), members: &[], groups: &[] }.holds(inner)
}

/// What is looked at: a resource, or one element of it.
struct Scope<'a> {
    facts: Option<&'a Facts<'a>>,
    rows: Vec<&'a Entry>,
    members: &'a [Linked],
    groups: &'a [Linked],
}

impl<'a> Scope<'a> {
    fn holds(&self, bound: &Bound) -> bool {
        match bound {
            Bound::All => true,
            Bound::None => false,
            Bound::And(parts) => parts.iter().all(|part| self.holds(part)),
            Bound::Or(parts) => parts.iter().any(|part| self.holds(part)),
            Bound::Not(part) => !self.holds(part),
            Bound::Test(Place::Indexed(place), Test::Present) if place.kind == Type::Complex => {
                self.rows_of(place).next().is_some()
            }
            Bound::Test(place, test) => {
                let values = self.values(place);
                let some = values.iter().any(|(key, long)| test.accepts(key, *long));
                // RFC 7644 §3.4.2.2, two-valued: what has no value is not equal to anything.
                some || (values.is_empty() && matches!(test, Test::Ne(_)))
            }
            Bound::Element(place, inner) => self.elements(place).iter().any(|element| element.holds(inner)),
        }
    }

    fn rows_of(&self, place: &Indexed) -> impl Iterator<Item = &'a Entry> {
        self.rows.iter().copied().filter(|row| row.attr == *place.attr)
    }

    /// Key and, where it was cut, whole text of every value at a place.
    fn values(&self, place: &Place) -> Vec<(Cow<'a, str>, Option<&'a str>)> {
        let one = |text: Option<Cow<'a, str>>| text.map(|text| (text, None)).into_iter().collect();
        let of = |read: fn(&'a Facts<'a>) -> Option<Cow<'a, str>>| one(self.facts.and_then(read));
        match place {
            Place::Id => of(|facts| Some(facts.id.into())),
            Place::ExternalId => of(|facts| facts.external_id.map(Cow::from)),
            Place::Active => of(|facts| facts.active.map(|active| Key::boolean(active).0.into())),
            Place::Created => of(|facts| Some(Key::instant(facts.created).0.into())),
            Place::LastModified => of(|facts| Some(Key::instant(facts.modified).0.into())),
            Place::Version => of(|facts| Some(Tag::new(facts.version).to_string().into())),
            Place::Location => of(|facts| Some(facts.location.into())),
            Place::ResourceType => of(|facts| Some(facts.kind.name.as_str().into())),
            Place::Member(part) => {
                self.members.iter().filter_map(|link| Some((link_part(link, *part)?, None))).collect()
            }
            Place::Group(part) => self.groups.iter().filter_map(|link| Some((link_part(link, *part)?, None))).collect(),
            Place::Indexed(place) => {
                self.rows_of(place).map(|row| (row.key.as_str().into(), row.long.as_deref())).collect()
            }
        }
    }

    fn elements(&self, place: &Place) -> Vec<Scope<'a>> {
        let element = |rows: Vec<&'a Entry>, members: &'a [Linked], groups: &'a [Linked]| Scope {
            facts: self.facts,
            rows,
            members,
            groups,
        };
        match place {
            Place::Member(_) => self.members.chunks(1).map(|one| element(vec![], one, &[])).collect(),
            Place::Group(_) => self.groups.chunks(1).map(|one| element(vec![], &[], one)).collect(),
            Place::Indexed(place) => self
                .rows_of(place)
                .map(|marker| {
                    element(self.rows.iter().copied().filter(|row| row.slot == marker.slot).collect(), &[], &[])
                })
                .collect(),
            _ => vec![],
        }
    }
}

fn link_part(link: &Linked, part: MemberPart) -> Option<Cow<'_, str>> {
    match part {
        MemberPart::Value => Some(link.value.as_str().into()),
        MemberPart::Type => Some(key::fold(&link.kind).into()),
        MemberPart::Display => link.display.as_deref().map(|display| key::fold(display).into()),
        MemberPart::Ref => Some(link.reference.as_str().into()),
    }
}
