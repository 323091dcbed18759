//! [`Filter`] + resource type → [`Bound`]: paths become places, literals become keys, and what cannot be asked is
//! refused with 400 `invalidFilter` (RFC 7644 §3.4.2.2, table of operators and types).

use std::borrow::Cow;

use serde_json::Value;

use super::{Bound, Filter, Indexed, Literal, MemberPart, Op, Place, Test};
use crate::scim::error::Error;
use crate::scim::key::{self, Key};
use crate::scim::path::{AttributePath, Resolved, resolve};
use crate::scim::resource_type::{Found, ResourceType};
use crate::scim::schema::{Attribute, Returned, Schema, Type};
use crate::scim::version::Tag;

/// Judges a filter against one type.
pub fn bind(filter: &Filter, kind: &ResourceType) -> Result<Bound, Error> {
    Binder { kind, others: &[] }.filter(filter)
}

/// Judges a filter for a query over several types (RFC 7644 §3.4.2.1): an attribute that only some of them define has
/// no value in the others; one that none defines is an error.
pub fn bind_each(filter: &Filter, kinds: &[&ResourceType]) -> Result<Vec<Bound>, Error> {
    kinds.iter().map(|kind| Binder { kind, others: kinds }.filter(filter)).collect()
}

/// Judges what stands in the brackets after that attribute.
pub(crate) fn bind_elements(inner: &Filter, kind: &ResourceType, found: Found<'_>) -> Result<Bound, Error> {
    Binder { kind, others: &[] }.inner(inner, found)
}

/// What a string says as a boolean: Entra quotes them (fixture ENT-40).
pub(crate) fn boolean_text(text: &str) -> Option<bool> {
    match text {
        text if text.eq_ignore_ascii_case("true") => Some(true),
        text if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

pub(super) enum Where {
    Place(Place),
    /// Constant for a type.
    ResourceType,
    /// The base schema's URN and those of the extensions that have a value.
    Schemas,
    /// `meta` as a whole, which every resource has.
    Meta,
}

/// `None` for a part of members or groups that is not one of the four.
pub(super) fn place(kind: &ResourceType, found: Found<'_>, sub: Option<&Attribute>) -> Option<Where> {
    if !key::is_column(kind, found.extension, found.attribute) {
        return Some(Where::Place(Place::Indexed(indexed(found, sub))));
    }
    let place = match (found.attribute.name.as_str(), sub.map(|sub| sub.name.as_str())) {
        ("id", _) => Place::Id,
        ("externalId", _) => Place::ExternalId,
        ("active", _) => Place::Active,
        ("members", sub) => Place::Member(member_part(sub)?),
        ("groups", sub) => Place::Group(member_part(sub)?),
        ("meta", Some("created")) => Place::Created,
        ("meta", Some("lastModified")) => Place::LastModified,
        ("meta", Some("version")) => Place::Version,
        ("meta", Some("location")) => Place::Location,
        ("meta", Some("resourceType")) => return Some(Where::ResourceType),
        ("meta", None) => return Some(Where::Meta),
        ("schemas", _) => return Some(Where::Schemas),
        _ => return None,
    };
    Some(Where::Place(place))
}

fn member_part(sub: Option<&str>) -> Option<MemberPart> {
    match sub {
        None | Some("value") => Some(MemberPart::Value),
        Some("type") => Some(MemberPart::Type),
        Some("display") => Some(MemberPart::Display),
        Some("$ref") => Some(MemberPart::Ref),
        Some(_) => None,
    }
}

fn indexed(found: Found<'_>, sub: Option<&Attribute>) -> Indexed {
    let leaf = sub.unwrap_or(found.attribute);
    Indexed {
        attr: key::path(found.extension, found.attribute, sub).into(),
        kind: leaf.kind,
        case_exact: leaf.case_exact,
    }
}

/// The marker row of an extension.
fn has_extension(schema: &Schema) -> Bound {
    let place = Indexed { attr: schema.id.to_ascii_lowercase().into(), kind: Type::Complex, case_exact: false };
    Bound::Test(Place::Indexed(place), Test::Present)
}

struct Binder<'a> {
    kind: &'a ResourceType,
    /// The types that the query is about, if several.
    others: &'a [&'a ResourceType],
}

impl<'a> Binder<'a> {
    fn filter(&self, filter: &Filter) -> Result<Bound, Error> {
        let all = |parts: &[Filter]| parts.iter().map(|part| self.filter(part)).collect::<Result<Vec<_>, _>>();
        match filter {
            Filter::And(parts) => Ok(Bound::and(all(parts)?)),
            Filter::Or(parts) => Ok(Bound::or(all(parts)?)),
            Filter::Not(part) => Ok(Bound::not(self.filter(part)?)),
            Filter::Present(path) => match self.resolve(path)? {
                None => Ok(Bound::None),
                Some(resolved) => self.present(path, resolved),
            },
            Filter::Compare(path, op, literal) => match self.resolve(path)? {
                None => Ok(of_nothing(*op, literal)),
                Some(resolved) => self.compare(path, resolved, *op, literal),
            },
            Filter::Value(path, inner) => match self.resolve(path)? {
                None => Ok(Bound::None),
                Some(resolved) => self.value(path, resolved, inner),
            },
        }
    }

    /// `None` if only another of the queried types has the attribute.
    fn resolve(&self, path: &AttributePath) -> Result<Option<Resolved<'a>>, Error> {
        if let Some(resolved) = resolve(self.kind, path) {
            return Ok(Some(resolved));
        }
        if self.others.iter().any(|kind| resolve(kind, path).is_some()) {
            return Ok(None);
        }
        let owners =
            self.kind.extensions.iter().filter(|extension| extension.schema.attribute(&path.name).is_some()).count();
        Err(Error::invalid_filter(match owners {
            _ if self.others.len() > 1 => format!("'{path}' is no attribute of any resource type"),
            0 | 1 => format!("'{path}' is no attribute of {}", self.kind.name),
            _ => format!("several extensions have an attribute '{}': write it with its schema URN", path.name),
        }))
    }

    fn present(&self, path: &AttributePath, resolved: Resolved<'_>) -> Result<Bound, Error> {
        let (found, sub) = match resolved {
            Resolved::Base => return Ok(Bound::All),
            Resolved::Extension(schema) => return Ok(has_extension(schema)),
            Resolved::Attribute(found) => (found, None),
            Resolved::Part(found, sub) => (found, Some(sub)),
        };
        Ok(match place(self.kind, found, sub).ok_or_else(|| unknown_part(path))? {
            Where::Place(Place::Id | Place::Created | Place::LastModified | Place::Version | Place::Location) => {
                Bound::All
            }
            Where::Place(place) => Bound::Test(place, Test::Present),
            Where::ResourceType | Where::Schemas | Where::Meta => Bound::All,
        })
    }

    fn compare(&self, path: &AttributePath, resolved: Resolved<'_>, op: Op, literal: &Literal) -> Result<Bound, Error> {
        if *literal == Literal::Null {
            return self.compare_null(path, resolved, op);
        }
        let (found, sub) = match resolved {
            Resolved::Base | Resolved::Extension(_) => {
                return Err(Error::invalid_filter(format!("'{path}' is a schema: it can only be asked with 'pr'")));
            }
            // `emails eq "x"` means `emails.value` (RFC 7644 §3.4.2.2 figure 2), and so does `manager eq "id"` (ENT-08).
            Resolved::Attribute(found) if found.attribute.is_complex() => match found.attribute.sub("value") {
                Some(value) => (found, Some(value)),
                None => {
                    return Err(Error::invalid_filter(format!(
                        "'{path}' has several parts: name one, such as '{path}.{}'",
                        { found.attribute.sub_attributes.first().map_or("value", |sub| &sub.name) }
                    )));
                }
            },
            Resolved::Attribute(found) => (found, None),
            Resolved::Part(found, sub) => (found, Some(sub)),
        };
        self.askable(path, found, sub)?;
        let leaf = sub.unwrap_or(found.attribute);
        match place(self.kind, found, sub).ok_or_else(|| unknown_part(path))? {
            Where::Place(place) if is_primary(found.attribute, leaf) => {
                let wanted = primary_wanted(path, leaf, op, literal)?;
                let Place::Indexed(_) = place else { return Ok(Bound::None) };
                // RFC 7643 §2.4: an absent `primary` is false, which only an element can tell.
                let element = Place::Indexed(indexed(found, None));
                let some = Bound::Element(element.clone(), Box::new(primary_is(place, wanted)));
                Ok(match op {
                    Op::Ne => Bound::or([Bound::not(Bound::Test(element, Test::Present)), some]),
                    _ => some,
                })
            }
            Where::Place(place) => test(path, place, leaf, op, literal),
            Where::ResourceType => {
                let test = text_test(path, Text::Raw, op, literal)?;
                Ok(constant(test.accepts(&self.kind.name, None)))
            }
            Where::Schemas => self.schemas(&Bound::Test(Place::Id, text_test(path, Text::Folded, op, literal)?)),
            Where::Meta => Err(unknown_part(path)),
        }
    }

    /// RFC 7643 §2.5: null is the absence of a value.
    fn compare_null(&self, path: &AttributePath, resolved: Resolved<'_>, op: Op) -> Result<Bound, Error> {
        match op {
            Op::Eq => Ok(Bound::not(self.present(path, resolved)?)),
            Op::Ne => self.present(path, resolved),
            _ => Err(Error::invalid_filter(format!("'{path} {op} null': null can only be compared with eq and ne"))),
        }
    }

    fn value(&self, path: &AttributePath, resolved: Resolved<'_>, inner: &Filter) -> Result<Bound, Error> {
        let Resolved::Attribute(found) = resolved else {
            return Err(Error::invalid_filter(format!(
                "brackets after '{path}': they belong to an attribute with several values"
            )));
        };
        if !found.attribute.is_complex() && !found.attribute.multi_valued {
            return Err(Error::invalid_filter(format!("brackets after '{path}': it has one value without parts")));
        }
        self.askable(path, found, None)?;
        match place(self.kind, found, None).ok_or_else(|| unknown_part(path))? {
            Where::Meta => self.inner(inner, found),
            Where::Schemas => self.schemas(&self.inner(inner, found)?),
            Where::Place(place) => Ok(match self.inner(inner, found)? {
                Bound::None => Bound::None,
                inner => Bound::Element(place, Box::new(inner)),
            }),
            Where::ResourceType => Err(unknown_part(path)),
        }
    }

    /// What stands in brackets: every path is a sub-attribute's name.
    fn inner(&self, filter: &Filter, found: Found<'_>) -> Result<Bound, Error> {
        let all = |parts: &[Filter]| parts.iter().map(|part| self.inner(part, found)).collect::<Result<Vec<_>, _>>();
        match filter {
            Filter::And(parts) => Ok(Bound::and(all(parts)?)),
            Filter::Or(parts) => Ok(Bound::or(all(parts)?)),
            Filter::Not(part) => Ok(Bound::not(self.inner(part, found)?)),
            Filter::Present(name) => {
                let (place, leaf) = self.inner_place(name, found)?;
                Ok(match place {
                    Where::Place(Place::Created | Place::LastModified | Place::Version | Place::Location) => Bound::All,
                    // Of an element of `schemas`, bound to `Id` below, as of every other.
                    Where::Place(place) => {
                        debug_assert!(!leaf.is_complex());
                        Bound::Test(place, Test::Present)
                    }
                    _ => Bound::All,
                })
            }
            Filter::Compare(name, op, Literal::Null) => {
                let present = self.inner(&Filter::Present(name.clone()), found)?;
                match op {
                    Op::Eq => Ok(Bound::not(present)),
                    Op::Ne => Ok(present),
                    _ => Err(Error::invalid_filter(format!(
                        "'{name} {op} null': null can only be compared with eq and ne"
                    ))),
                }
            }
            Filter::Compare(name, op, literal) => {
                let (place, leaf) = self.inner_place(name, found)?;
                self.askable(name, found, Some(leaf))?;
                match place {
                    Where::Place(place) if is_primary(found.attribute, leaf) => {
                        Ok(primary_is(place, primary_wanted(name, leaf, *op, literal)?))
                    }
                    Where::Place(place) => test(name, place, leaf, *op, literal),
                    Where::ResourceType => {
                        Ok(constant(text_test(name, Text::Raw, *op, literal)?.accepts(&self.kind.name, None)))
                    }
                    Where::Schemas => Ok(Bound::Test(Place::Id, text_test(name, Text::Folded, *op, literal)?)),
                    Where::Meta => Err(unknown_part(name)),
                }
            }
            Filter::Value(path, _) => Err(Error::invalid_filter(format!("brackets after '{path}' inside brackets"))),
        }
    }

    fn inner_place<'f>(&self, name: &AttributePath, found: Found<'f>) -> Result<(Where, &'f Attribute), Error> {
        if name.urn.is_some() || name.sub.is_some() {
            return Err(Error::invalid_filter(format!(
                "'{name}' in brackets: name a sub-attribute of '{}'",
                found.attribute.name
            )));
        }
        let implicit = !found.attribute.is_complex() && name.name.eq_ignore_ascii_case("value");
        let sub = found.attribute.sub(&name.name);
        if sub.is_none() && !implicit {
            return Err(Error::invalid_filter(format!("'{}' has no sub-attribute '{name}'", found.attribute.name)));
        }
        let place = place(self.kind, found, sub).ok_or_else(|| unknown_part(name))?;
        Ok((place, sub.unwrap_or(found.attribute)))
    }

    /// Some URN of the resource satisfies `inner`, whose tests (at `Id`, for want of a place) are about folded URNs.
    fn schemas(&self, inner: &Bound) -> Result<Bound, Error> {
        let holds = |schema: &Schema| holds_of(inner, &key::fold(&schema.id));
        if holds(&self.kind.schema) {
            return Ok(Bound::All);
        }
        let extensions = self.kind.extensions.iter().map(|extension| extension.schema.as_ref());
        Ok(Bound::or(extensions.filter(|schema| holds(schema)).map(has_extension)))
    }

    /// `returned: never` cannot be guessed at by filters (`password sw "a"`); that there is a value is all they tell.
    fn askable(&self, path: &AttributePath, found: Found<'_>, sub: Option<&Attribute>) -> Result<(), Error> {
        if [Some(found.attribute), sub].into_iter().flatten().any(|attribute| attribute.returned == Returned::Never) {
            return Err(Error::invalid_filter(format!("'{path}' cannot be compared in a filter: it takes pr alone")));
        }
        Ok(())
    }
}

fn holds_of(bound: &Bound, text: &str) -> bool {
    match bound {
        Bound::All => true,
        Bound::None => false,
        Bound::And(parts) => parts.iter().all(|part| holds_of(part, text)),
        Bound::Or(parts) => parts.iter().any(|part| holds_of(part, text)),
        Bound::Not(part) => !holds_of(part, text),
        Bound::Test(_, test) => test.accepts(text, None),
        Bound::Element(_, inner) => holds_of(inner, text),
    }
}

fn constant(value: bool) -> Bound {
    if value { Bound::All } else { Bound::None }
}

fn unknown_part(path: &AttributePath) -> Error {
    Error::invalid_filter(format!("'{path}' cannot be used in a filter"))
}

/// A comparison with an attribute that this type does not have: as with one that has no value.
fn of_nothing(op: Op, literal: &Literal) -> Bound {
    constant(match (op, literal) {
        (Op::Eq, Literal::Null) => true,
        (Op::Ne, literal) => *literal != Literal::Null,
        _ => false,
    })
}

fn is_primary(attribute: &Attribute, leaf: &Attribute) -> bool {
    attribute.multi_valued && attribute.is_complex() && leaf.kind == Type::Boolean && leaf.name == "primary"
}

/// Whether the element asked for is the primary one.
fn primary_wanted(path: &AttributePath, leaf: &Attribute, op: Op, literal: &Literal) -> Result<bool, Error> {
    let value = boolean(path, leaf, op, literal)?;
    Ok(value == (op == Op::Eq))
}

fn primary_is(place: Place, wanted: bool) -> Bound {
    let test = Bound::Test(place, Test::Eq(Key::boolean(true)));
    if wanted { test } else { Bound::not(test) }
}

/// RFC 7644 §3.4.2.2: one operator, one type.
fn test(path: &AttributePath, place: Place, leaf: &Attribute, op: Op, literal: &Literal) -> Result<Bound, Error> {
    let test = match leaf.kind {
        Type::Boolean => ordered(op, Key::boolean(boolean(path, leaf, op, literal)?)),
        Type::Integer | Type::Decimal => match literal {
            Literal::Number(number) if !is_text_op(op) => {
                Key::of(leaf, &Value::Number(number.clone())).and_then(|key| ordered(op, key))
            }
            Literal::Number(_) => return Err(wrong_op(path, leaf, op)),
            _ => return Err(wrong_literal(path, leaf, literal)),
        },
        Type::DateTime => return date_time(path, place, leaf, op, literal),
        Type::Binary => match literal {
            Literal::String(_) if !matches!(op, Op::Eq | Op::Ne) => return Err(wrong_op(path, leaf, op)),
            Literal::String(text) => match Key::of(leaf, &Value::from(text.as_str())) {
                Some(key) => ordered(op, key),
                None => return Err(wrong_literal(path, leaf, literal)),
            },
            _ => return Err(wrong_literal(path, leaf, literal)),
        },
        Type::String | Type::Reference => {
            let text = match &place {
                Place::Indexed(_) if key::is_user_name(leaf) => Text::UserName,
                Place::Indexed(_) if leaf.case_exact || leaf.kind == Type::Reference => Text::Normal,
                Place::Indexed(_) => Text::Key,
                Place::Member(MemberPart::Type | MemberPart::Display) => Text::Folded,
                Place::Group(MemberPart::Type | MemberPart::Display) => Text::Folded,
                Place::Version => Text::Tag,
                Place::Location | Place::Member(MemberPart::Ref) | Place::Group(MemberPart::Ref) => Text::Reference,
                _ => Text::Raw,
            };
            Some(text_test(path, text, op, literal)?)
        }
        Type::Complex => None,
    };
    Ok(Bound::Test(place, test.ok_or_else(|| wrong_op(path, leaf, op))?))
}

fn is_text_op(op: Op) -> bool {
    matches!(op, Op::Co | Op::Sw | Op::Ew)
}

fn ordered(op: Op, key: Key) -> Option<Test> {
    Some(match op {
        Op::Eq => Test::Eq(key),
        Op::Ne => Test::Ne(key),
        Op::Gt => Test::Gt(key),
        Op::Ge => Test::Ge(key),
        Op::Lt => Test::Lt(key),
        Op::Le => Test::Le(key),
        Op::Co | Op::Sw | Op::Ew => return None,
    })
}

fn boolean(path: &AttributePath, leaf: &Attribute, op: Op, literal: &Literal) -> Result<bool, Error> {
    if !matches!(op, Op::Eq | Op::Ne) {
        return Err(wrong_op(path, leaf, op));
    }
    match literal {
        Literal::Boolean(value) => Some(*value),
        Literal::String(text) => boolean_text(text),
        _ => None,
    }
    .ok_or_else(|| wrong_literal(path, leaf, literal))
}

fn date_time(path: &AttributePath, place: Place, leaf: &Attribute, op: Op, literal: &Literal) -> Result<Bound, Error> {
    if is_text_op(op) {
        return Err(wrong_op(path, leaf, op));
    }
    let Literal::String(text) = literal else { return Err(wrong_literal(path, leaf, literal)) };
    let Some(key) = Key::of(leaf, &Value::from(text.as_str())) else { return Err(wrong_literal(path, leaf, literal)) };
    let stamp = key::parse_instant(text).filter(|_| matches!(place, Place::Created | Place::LastModified));
    let Some(floor) = stamp.map(Key::instant) else {
        return ordered(op, key).map(|test| Bound::Test(place, test)).ok_or_else(|| wrong_op(path, leaf, op));
    };
    // Stamps are whole milliseconds, so a finer moment lies strictly between two of them.
    let finer = floor != key;
    Ok(match op {
        Op::Eq if finer => Bound::None,
        Op::Ne if finer => Bound::All,
        Op::Ge if finer => Bound::Test(place, Test::Gt(floor)),
        Op::Lt if finer => Bound::Test(place, Test::Le(floor)),
        op => Bound::Test(place, ordered(op, floor).ok_or_else(|| wrong_op(path, leaf, op))?),
    })
}

/// How a literal is prepared, which is how the values at its place are.
#[derive(Clone, Copy)]
enum Text {
    Key,
    Normal,
    UserName,
    Raw,
    Folded,
    Tag,
    Reference,
}

fn text_test(path: &AttributePath, text: Text, op: Op, literal: &Literal) -> Result<Test, Error> {
    let (Literal::String(sent) | Literal::Bare(sent)) = literal else {
        return Err(Error::invalid_filter(format!(
            "'{path} {op} {literal}': '{path}' is compared with a string in double quotes"
        )));
    };
    let piece: Cow<'_, str> = match text {
        Text::Key | Text::Folded => key::fold(sent).into(),
        Text::Normal => key::normal(sent).into(),
        Text::UserName => key::user_name_piece(sent).into(),
        Text::Raw | Text::Tag | Text::Reference => sent.into(),
    };
    let key = match text {
        Text::Key => Key::text(false, sent),
        Text::Normal => Key::text(true, sent),
        Text::UserName => Key::user_name(sent),
        Text::Raw | Text::Folded => Key(piece.clone().into_owned()),
        Text::Reference => Key(key::reference(sent)),
        // The digest is about what is not stored.
        Text::Tag => match Tag::parse(sent) {
            Some(tag) if matches!(op, Op::Eq | Op::Ne) => Key(Tag::new(tag.version).to_string()),
            _ => Key(sent.clone()),
        },
    };
    Ok(match op {
        Op::Co => Test::Contains(piece.into_owned()),
        Op::Sw => Test::StartsWith(piece.into_owned()),
        Op::Ew => Test::EndsWith(piece.into_owned()),
        Op::Eq => Test::Eq(key),
        Op::Ne => Test::Ne(key),
        Op::Gt => Test::Gt(key),
        Op::Ge => Test::Ge(key),
        Op::Lt => Test::Lt(key),
        Op::Le => Test::Le(key),
    })
}

fn wrong_op(path: &AttributePath, leaf: &Attribute, op: Op) -> Error {
    Error::invalid_filter(format!(
        "operator '{op}' cannot be used with '{path}', which is of type {}",
        type_name(leaf.kind)
    ))
}

fn wrong_literal(path: &AttributePath, leaf: &Attribute, literal: &Literal) -> Error {
    let expected = match leaf.kind {
        Type::Boolean => "true or false",
        Type::Integer | Type::Decimal => "a number",
        Type::DateTime => "a date and time such as \"2011-05-13T04:42:34Z\"",
        Type::Binary => "base64 in double quotes",
        _ => "a string in double quotes",
    };
    Error::invalid_filter(format!(
        "'{path}' is of type {} and is compared with {expected}, not with {literal}",
        type_name(leaf.kind)
    ))
}

fn type_name(kind: Type) -> &'static str {
    match kind {
        Type::String => "string",
        Type::Boolean => "boolean",
        Type::Decimal => "decimal",
        Type::Integer => "integer",
        Type::DateTime => "dateTime",
        Type::Binary => "binary",
        Type::Reference => "reference",
        Type::Complex => "complex",
    }
}
