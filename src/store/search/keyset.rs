//! Pages behind a position (RFC 9865): a position is a sort key and an id, not a number of rows, so nothing that stays is
//! skipped or doubled when others come and go, and the index leads to it at once.
//!
//! The order of one type has two stretches, resources with a value and those without; each is one statement that walks an
//! index where there is one.

use std::cmp::Ordering;

use super::compile::Compiler;
use super::{Order, Position, Side, SortKey};
use crate::scim::filter::Place;

/// A piece of one side's order, to be read from behind a bound.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stretch {
    /// Those with a value, behind this key and id.
    Valued(Option<(SortKey, String)>),
    /// Those without one, or all of a query that is not sorted, behind this id.
    Bare(Option<String>),
}

/// The stretches behind a position, in order.
pub(super) fn stretches(order: Order, side: &Side<'_>, position: Option<&Position>) -> Vec<Stretch> {
    let behind_key = position.and_then(|at| Some((at.key.clone()?, at.id.clone())));
    let behind_id = position.filter(|at| at.key.is_none()).map(|at| at.id.clone());
    let has_values = side.sort.is_some();
    let has_bare = side.sort.is_none_or(may_lack);
    let mut found = Vec::new();
    match order {
        Order::ById => found.push(Stretch::Bare(behind_id)),
        Order::Ascending => {
            if has_values && behind_id.is_none() {
                found.push(Stretch::Valued(behind_key));
            }
            if has_bare {
                found.push(Stretch::Bare(behind_id));
            }
        }
        Order::Descending => {
            if has_bare && behind_key.is_none() {
                found.push(Stretch::Bare(behind_id));
            }
            if has_values {
                found.push(Stretch::Valued(behind_key));
            }
        }
    }
    found
}

fn may_lack(place: &Place) -> bool {
    matches!(place, Place::ExternalId | Place::Indexed(_))
}

/// Selects `id` and `k`, the key as text.
pub(super) fn text(compiler: &mut Compiler<'_>, stretch: &Stretch, limit: i64) -> String {
    match (stretch, compiler.side.sort) {
        (Stretch::Bare(behind), sort) => bare(compiler, sort, behind.as_deref(), limit),
        (Stretch::Valued(behind), Some(Place::Indexed(indexed))) => {
            let attr = indexed.attr.clone();
            indexed_values(compiler, &attr, behind.as_ref(), limit)
        }
        (Stretch::Valued(behind), Some(Place::ExternalId)) if compiler.connection.is_some() => {
            external_ids(compiler, behind.as_ref(), limit)
        }
        (Stretch::Valued(behind), Some(Place::ExternalId)) => {
            indexed_values(compiler, "externalid", behind.as_ref(), limit)
        }
        // Not reached without a place to sort by: there are no values then.
        (Stretch::Valued(behind), place) => {
            let place = place.cloned().unwrap_or(Place::Id);
            columns(compiler, &place, behind.as_ref(), limit)
        }
    }
}

/// In the order of ids, by the primary key.
fn bare(compiler: &mut Compiler<'_>, sort: Option<&Place>, behind: Option<&str>, limit: i64) -> String {
    let direction = Direction::of(compiler.query.order);
    let condition = compiler.condition();
    let without = match sort {
        None => String::new(),
        Some(Place::ExternalId) if compiler.connection.is_some() => {
            let connection = compiler.connection.clone().unwrap_or_default();
            format!(
                " and not exists (select 1 from record x where x.tenant = r.tenant and x.resource = r.id
                                    and x.connection = {connection} and x.external_id is not null)"
            )
        }
        Some(Place::ExternalId) => no_value(compiler, "externalid"),
        Some(Place::Indexed(indexed)) => no_value(compiler, &indexed.attr),
        Some(_) => String::new(),
    };
    let behind = match behind {
        Some(id) => format!(" and r.id {} {}", direction.behind(), compiler.text(id)),
        None => String::new(),
    };
    let limit = compiler.number(limit);
    format!(
        "select r.id as id, cast(null as text) as k from resource r where {condition}{without}{behind}
         order by r.id {} limit {limit}",
        direction.word()
    )
}

fn no_value(compiler: &mut Compiler<'_>, attr: &str) -> String {
    let (view, tenant) = (compiler.view("s", attr), compiler.tenant.clone());
    let attr = compiler.text(attr);
    format!(
        " and not exists (select 1 from value s where s.tenant = {tenant} and s.resource = r.id and s.attr = {attr}
                            and s.slot = 0 and {view})"
    )
}

/// Along the index of values. Of several in slot 0 (a part that has several values itself) the least one counts.
fn indexed_values(compiler: &mut Compiler<'_>, attr: &str, behind: Option<&(SortKey, String)>, limit: i64) -> String {
    let direction = Direction::of(compiler.query.order);
    let (view, lesser, tenant) = (compiler.view("z", attr), compiler.view("w", attr), compiler.tenant.clone());
    let condition = compiler.condition();
    let attr = compiler.text(attr);
    let behind = match behind {
        Some((key, id)) => compiler.behind("z.val", "z.resource", direction, key, id),
        None => String::new(),
    };
    let (limit, word) = (compiler.number(limit), direction.word());
    format!(
        "select z.resource as id, z.val as k from value z join resource r on r.tenant = z.tenant and r.id = z.resource
         where z.tenant = {tenant} and z.kind = {} and z.attr = {attr} and z.slot = 0 and {view}{behind}
           and not exists (select 1 from value w where w.tenant = {tenant} and w.resource = z.resource and w.attr = {attr}
                             and w.slot = 0 and w.val < z.val and {lesser})
           and {condition}
         order by z.val {word}, z.resource {word} limit {limit}",
        compiler.kind
    )
}

/// Along the connection's own external ids.
fn external_ids(compiler: &mut Compiler<'_>, behind: Option<&(SortKey, String)>, limit: i64) -> String {
    let direction = Direction::of(compiler.query.order);
    let (tenant, connection) = (compiler.tenant.clone(), compiler.connection.clone().unwrap_or_default());
    let condition = compiler.condition();
    let behind = match behind {
        Some((key, id)) => compiler.behind("x.external_id", "x.resource", direction, key, id),
        None => String::new(),
    };
    let (limit, word) = (compiler.number(limit), direction.word());
    format!(
        "select x.resource as id, x.external_id as k from record x join resource r on r.tenant = x.tenant and r.id = x.resource
         where x.tenant = {tenant} and x.connection = {connection} and x.kind = {} and x.external_id is not null{behind}
           and {condition}
         order by x.external_id {word}, x.resource {word} limit {limit}",
        compiler.kind
    )
}

/// By a column that every resource has.
fn columns(compiler: &mut Compiler<'_>, place: &Place, behind: Option<&(SortKey, String)>, limit: i64) -> String {
    let direction = Direction::of(compiler.query.order);
    let condition = compiler.condition();
    let key = compiler.sort_key(place);
    let by_id = key == "r.id";
    let behind = match behind {
        Some((_, id)) if by_id => format!(" and r.id {} {}", direction.behind(), compiler.text(id.as_str())),
        Some((at, id)) => compiler.behind(&key, "r.id", direction, at, id),
        None => String::new(),
    };
    let (limit, word) = (compiler.number(limit), direction.word());
    let order = if by_id { format!("r.id {word}") } else { format!("{key} {word}, r.id {word}") };
    format!(
        "select r.id as id, cast({key} as text) as k from resource r where {condition}{behind} order by {order} limit {limit}"
    )
}

impl Compiler<'_> {
    fn behind(&mut self, column: &str, id_column: &str, direction: Direction, key: &SortKey, id: &str) -> String {
        let key = match key {
            SortKey::Number(number) => self.number(*number),
            SortKey::Text(text) => self.text(text.as_str()),
        };
        let id = self.text(id);
        format!(" and ({column}, {id_column}) {} ({key}, {id})", direction.behind())
    }
}

#[derive(Clone, Copy)]
enum Direction {
    Up,
    Down,
}

impl Direction {
    fn of(order: Order) -> Self {
        if order == Order::Descending { Self::Down } else { Self::Up }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Up => "asc",
            Self::Down => "desc",
        }
    }

    fn behind(self) -> &'static str {
        match self {
            Self::Up => ">",
            Self::Down => "<",
        }
    }
}

impl SortKey {
    /// `None` never happens: a number column prints as a number.
    pub(super) fn read(text: String, is_number: bool) -> Option<Self> {
        if is_number { text.parse().ok().map(Self::Number) } else { Some(Self::Text(text)) }
    }
}

impl Order {
    /// The order that both engines and both ways of paging have.
    pub fn compare(self, one: &Position, other: &Position) -> Ordering {
        let by_id = one.id.cmp(&other.id);
        let sorted = one.key.is_none().cmp(&other.key.is_none()).then_with(|| one.key.cmp(&other.key)).then(by_id);
        match self {
            Self::ById => by_id,
            Self::Ascending => sorted,
            Self::Descending => sorted.reverse(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scim::filter::{Bound, Indexed};
    use crate::scim::schema::Type;
    use crate::store::search::View;

    #[test]
    fn the_stretches_behind_a_position() {
        let title = Place::Indexed(Indexed { attr: "title".into(), kind: Type::String, case_exact: false });
        let key = |text: &str| SortKey::Text(text.to_owned());
        let valued = |at: Option<(&str, &str)>| Stretch::Valued(at.map(|(k, id)| (key(k), id.to_owned())));
        let bare = |id: Option<&str>| Stretch::Bare(id.map(str::to_owned));
        let at = |k: Option<&str>, id: &str| Position { key: k.map(key), id: id.to_owned() };
        use Order::*;
        for (order, place, position, expected) in [
            (ById, None, None, vec![bare(None)]),
            (ById, None, Some(at(None, "7")), vec![bare(Some("7"))]),
            (Ascending, Some(&title), None, vec![valued(None), bare(None)]),
            (Ascending, Some(&title), Some(at(Some("x"), "7")), vec![valued(Some(("x", "7"))), bare(None)]),
            (Ascending, Some(&title), Some(at(None, "7")), vec![bare(Some("7"))]),
            (Descending, Some(&title), None, vec![bare(None), valued(None)]),
            (Descending, Some(&title), Some(at(None, "7")), vec![bare(Some("7")), valued(None)]),
            (Descending, Some(&title), Some(at(Some("x"), "7")), vec![valued(Some(("x", "7")))]),
            // A column that every resource has.
            (Descending, Some(&Place::Created), None, vec![valued(None)]),
            // A type without the attribute, in a query over several.
            (Ascending, None, Some(at(Some("x"), "7")), vec![bare(None)]),
            (Descending, None, Some(at(Some("x"), "7")), vec![]),
        ] {
            let side = Side { kind: "User", view: &View::Effective, filter: &Bound::All, sort: place, location: "" };
            assert_eq!(stretches(order, &side, position.as_ref()), expected, "{order:?} {place:?} {position:?}");
        }
    }
}
