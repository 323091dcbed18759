//! Filters (RFC 7644 §3.4.2.2), in three steps: text → [`Filter`] ([`Filter::parse`]) → [`Bound`] ([`bind()`]) → an
//! answer, by [`Bound::matches`] here or by SQL elsewhere.
//!
//! A `Filter` knows the grammar alone. A `Bound` has been judged against a resource type: every path is a place, every
//! literal a key, every operator legal, so that nothing later can be misspelt. Evaluation looks at the same index
//! rows as SQL does ([`crate::scim::key::entries`]) and is the oracle for it.
//!
//! ```
//! use rollkeeper::scim::filter::Filter;
//! let filter = Filter::parse(r#"userType eq "Employee" and emails[type eq "work" and value co "@example.com"]"#).unwrap();
//! assert_eq!(Filter::parse(&filter.to_string()).unwrap(), filter);
//! ```

mod bind;
mod eval;
mod parse;
mod sort;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use serde_json::Number;

use super::document::Document;
use super::key::Key;
use super::path::AttributePath;
use super::resource_type::ResourceType;
use super::schema::Type;

pub(crate) use bind::bind_elements;
pub use bind::{bind, bind_each};
pub(crate) use eval::matches_element;
pub(crate) use parse::ValuePath;
pub use sort::{sort_place, sort_places};

/// A filter as it was written. `And` and `Or` hold two or more.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    And(Vec<Filter>),
    Or(Vec<Filter>),
    Not(Box<Filter>),
    Present(AttributePath),
    Compare(AttributePath, Op, Literal),
    /// `attribute[filter]`: some one value satisfies all of it; paths inside are sub-attributes.
    Value(AttributePath, Box<Filter>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    Eq,
    Ne,
    Co,
    Sw,
    Ew,
    Gt,
    Ge,
    Lt,
    Le,
}

impl Op {
    pub const ALL: [Op; 9] = [Op::Eq, Op::Ne, Op::Co, Op::Sw, Op::Ew, Op::Gt, Op::Ge, Op::Lt, Op::Le];

    pub fn as_str(self) -> &'static str {
        match self {
            Op::Eq => "eq",
            Op::Ne => "ne",
            Op::Co => "co",
            Op::Sw => "sw",
            Op::Ew => "ew",
            Op::Gt => "gt",
            Op::Ge => "ge",
            Op::Lt => "lt",
            Op::Le => "le",
        }
    }
}

/// The right side of a comparison.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    String(String),
    /// A word without quotes, as old Entra samples send it: a string, where the attribute is one.
    Bare(String),
    Number(Number),
    Boolean(bool),
    Null,
}

/// A filter judged against a resource type.
#[derive(Clone, Debug, PartialEq)]
pub enum Bound {
    All,
    None,
    And(Vec<Bound>),
    Or(Vec<Bound>),
    Not(Box<Bound>),
    Test(Place, Test),
    /// Some one element of the attribute at that place satisfies the inner filter, in which every place is a part of
    /// that attribute. The place is [`Place::Indexed`] with the attribute's own path (its marker rows, or the value
    /// rows of a multi-valued simple attribute, tell the elements apart by slot), or `Member(Value)`, `Group(Value)`.
    Element(Place, Box<Bound>),
}

/// Where the values of an attribute are found. `schemas` is no place: it asks which extensions have a value, so `bind`
/// answers it in other terms. Nor does it leave a test on `meta.resourceType`, which is a constant of a type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    Id,
    ExternalId,
    /// `active` of a User.
    Active,
    Created,
    LastModified,
    Version,
    Location,
    /// `meta.resourceType`: sorted by in a query over several types.
    ResourceType,
    /// `members.*` of a Group.
    Member(MemberPart),
    /// `groups.*` of a User.
    Group(MemberPart),
    /// Everything else: rows of the index.
    Indexed(Indexed),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberPart {
    Value,
    Type,
    Display,
    Ref,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Indexed {
    /// The lower-case path: `username`, `name.givenname`, `emails.value`, `urn:…:user:manager.value`; the URN alone
    /// for an extension as a whole.
    pub attr: Arc<str>,
    pub kind: Type,
    pub case_exact: bool,
}

/// What is asked of the values at a place. A test holds if some value satisfies it.
///
/// `Contains`, `StartsWith` and `EndsWith` look at the whole text (`long` where a key was cut), everything else at the
/// key. Texts are prepared as the values are:
///
/// | place | text |
/// | --- | --- |
/// | `Indexed` | as in [`crate::scim::key`] |
/// | `Active` | `true`, `false` |
/// | `Created`, `LastModified` | [`Key::instant`], always whole milliseconds |
/// | `Id`, `ExternalId`, `Location`, `Value` and `Ref` of a link | as sent, whole |
/// | `Version` | as sent; a tag of ours for `eq` and `ne` without its digest, `W/"7"` |
/// | `Type` and `Display` of a link | [`crate::scim::key::fold`], whole |
///
/// `Present` is asked of `ExternalId`, `Active`, `Member`, `Group` and `Indexed` only; the others always are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// There is a value, and of a leaf one that is not empty. Asked of a complex attribute or an extension: any
    /// marker row.
    Present,
    Eq(Key),
    /// Some value differs, or there is none (inside an element: none in that element).
    Ne(Key),
    Contains(String),
    StartsWith(String),
    EndsWith(String),
    Gt(Key),
    Ge(Key),
    Lt(Key),
    Le(Key),
}

/// All that evaluation may look at.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    pub id: &'a str,
    pub kind: &'a ResourceType,
    pub external_id: Option<&'a str>,
    pub active: Option<bool>,
    /// Milliseconds since the epoch.
    pub created: i64,
    pub modified: i64,
    pub version: i64,
    pub location: &'a str,
    pub document: &'a Document,
    pub members: &'a [Linked],
    pub groups: &'a [Linked],
}

/// A member of a group, or a group of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Linked {
    pub value: String,
    pub kind: String,
    pub display: Option<String>,
    pub reference: String,
}

impl Place {
    /// Whether its values are ordered as whole numbers of a column, where all others are ordered as texts.
    pub fn is_number(&self) -> bool {
        matches!(self, Place::Created | Place::LastModified | Place::Version)
    }
}

impl Bound {
    /// All of them; `All` and `None` are folded away.
    pub fn and(parts: impl IntoIterator<Item = Bound>) -> Bound {
        let mut kept = Vec::new();
        for part in parts {
            match part {
                Bound::All => {}
                Bound::None => return Bound::None,
                part => kept.push(part),
            }
        }
        match kept.len() {
            0 => Bound::All,
            1 => kept.remove(0),
            _ => Bound::And(kept),
        }
    }

    /// Any of them.
    pub fn or(parts: impl IntoIterator<Item = Bound>) -> Bound {
        let mut kept = Vec::new();
        for part in parts {
            match part {
                Bound::None => {}
                Bound::All => return Bound::All,
                part => kept.push(part),
            }
        }
        match kept.len() {
            0 => Bound::None,
            1 => kept.remove(0),
            _ => Bound::Or(kept),
        }
    }

    #[expect(clippy::should_implement_trait, reason = "the word of the grammar")]
    pub fn not(part: Bound) -> Bound {
        match part {
            Bound::All => Bound::None,
            Bound::None => Bound::All,
            Bound::Not(part) => *part,
            part => Bound::Not(Box::new(part)),
        }
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // JSON's escapes are the grammar's.
            Literal::String(text) => write!(f, "{}", serde_json::Value::from(text.as_str())),
            Literal::Bare(text) => f.write_str(text),
            Literal::Number(number) => write!(f, "{number}"),
            Literal::Boolean(value) => write!(f, "{value}"),
            Literal::Null => f.write_str("null"),
        }
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = |f: &mut fmt::Formatter<'_>, parts: &[Filter], word: &str, group: fn(&Filter) -> bool| {
            for (at, part) in parts.iter().enumerate() {
                if at > 0 {
                    write!(f, " {word} ")?;
                }
                if group(part) { write!(f, "({part})")? } else { write!(f, "{part}")? }
            }
            Ok(())
        };
        match self {
            Filter::And(parts) => joined(f, parts, "and", |part| matches!(part, Filter::And(_) | Filter::Or(_))),
            Filter::Or(parts) => joined(f, parts, "or", |part| matches!(part, Filter::Or(_))),
            Filter::Not(part) => write!(f, "not ({part})"),
            Filter::Present(path) => write!(f, "{path} pr"),
            Filter::Compare(path, op, literal) => write!(f, "{path} {op} {literal}"),
            Filter::Value(path, inner) => write!(f, "{path}[{inner}]"),
        }
    }
}
