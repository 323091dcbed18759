//! The statements of a query over one type or several: text and arguments.

use super::compile::{Argument, Compiler};
use super::keyset::{self, Stretch};
use super::{Order, Query, Side};
use crate::scim::filter::Place;

pub(super) struct Statement {
    pub(super) text: String,
    pub(super) arguments: Vec<Argument>,
}

impl Statement {
    /// `None` if the query is about nothing.
    pub(super) fn count(tenant: &str, query: &Query<'_>) -> Option<Self> {
        let mut compiler = Compiler::new(tenant, query, query.sides.first()?);
        let mut counts = Vec::new();
        for (index, side) in query.sides.iter().enumerate() {
            if index > 0 {
                compiler.turn_to(side);
            }
            counts.push(format!("(select count(*) from resource r where {})", compiler.condition()));
        }
        Some(Self { text: format!("select {}", counts.join(" + ")), arguments: compiler.arguments })
    }

    /// A page by index. `None` if the query is about nothing.
    pub(super) fn page(tenant: &str, query: &Query<'_>, offset: i64, limit: i64) -> Option<Self> {
        let mut compiler = Compiler::new(tenant, query, query.sides.first()?);
        let is_number = query.sides.iter().filter_map(|side| side.sort).any(Place::is_number);
        let mut parts = Vec::new();
        for (index, side) in query.sides.iter().enumerate() {
            if index > 0 {
                compiler.turn_to(side);
            }
            let key = match (query.order, side.sort) {
                (Order::ById, _) => String::new(),
                (_, Some(place)) => format!(", {} as k", compiler.sort_key(place)),
                (_, None) if is_number => ", cast(null as bigint) as k".to_owned(),
                (_, None) => ", cast(null as text) as k".to_owned(),
            };
            let condition = compiler.condition();
            parts.push(format!(
                "select cast({index} as bigint) as side, r.id as id{key} from resource r where {condition}"
            ));
        }
        let (limit, offset) = (compiler.number(limit), compiler.number(offset));
        let order = match query.order {
            Order::ById => "p.id".to_owned(),
            Order::Ascending => "(p.k is null) asc, p.k asc, p.id asc".to_owned(),
            Order::Descending => "(p.k is null) desc, p.k desc, p.id desc".to_owned(),
        };
        let text = match (parts.as_slice(), query.order) {
            // Without a sub-select, so that the rows come from the index as they are ordered.
            ([one], Order::ById) => format!("{one} order by r.id limit {limit} offset {offset}"),
            _ => format!(
                "select p.side, p.id from ({}) p order by {order} limit {limit} offset {offset}",
                parts.join(" union all ")
            ),
        };
        Some(Self { text, arguments: compiler.arguments })
    }

    /// A stretch of one side's order, from its lower bound on.
    pub(super) fn stretch(tenant: &str, query: &Query<'_>, side: &Side<'_>, stretch: &Stretch, limit: i64) -> Self {
        let mut compiler = Compiler::new(tenant, query, side);
        let text = keyset::text(&mut compiler, stretch, limit);
        Self { text, arguments: compiler.arguments }
    }

    pub(super) fn sees(tenant: &str, query: &Query<'_>, side: &Side<'_>, id: &str) -> Self {
        let mut compiler = Compiler::new(tenant, query, side);
        let condition = compiler.condition();
        let id = compiler.text(id);
        let text = format!("select r.id from resource r where {condition} and r.id = {id}");
        Self { text, arguments: compiler.arguments }
    }
}
