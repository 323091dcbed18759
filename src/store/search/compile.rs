//! A bound filter becomes SQL text with arguments. Two-valued throughout: every comparison is an `exists` or an `in`, so a
//! missing value is false and `not` of it is true, as the evaluator has it.

use crate::scim::filter::{Bound, Indexed, Place, Test};
use crate::scim::key::{self, Key};
use crate::scim::schema::Type;

use super::{Query, Side, View};

/// Whom nobody finds without an administrator: as [`guarded`](crate::store::people::Account) of an account.
const GUARDED: &str = "(r.protected or exists (
    select 1 from vouch y join resource p on p.tenant = y.tenant and p.id = y.parent
    where y.tenant = r.tenant and y.member = r.id and y.live
      and (y.source = 'grant' and p.protected or y.source in ('grant', 'invite') and y.role = 'owner')))";

pub(super) enum Argument {
    Text(String),
    Number(i64),
}

pub(super) struct Compiler<'a> {
    pub(super) arguments: Vec<Argument>,
    pub(super) query: &'a Query<'a>,
    /// The type whose resources are looked at now, and the `$n` of its name.
    pub(super) side: &'a Side<'a>,
    pub(super) kind: String,
    /// `$n` of the tenant, and of the connection whose view of this type is searched.
    pub(super) tenant: String,
    pub(super) connection: Option<String>,
    /// `$n` of the connection, once one of the sides needed it.
    named: Option<String>,
}

impl<'a> Compiler<'a> {
    pub(super) fn new(tenant: &str, query: &'a Query<'a>, side: &'a Side<'a>) -> Self {
        let mut compiler = Self {
            arguments: Vec::new(),
            query,
            side,
            kind: String::new(),
            tenant: String::new(),
            connection: None,
            named: None,
        };
        compiler.tenant = compiler.text(tenant);
        compiler.turn_to(side);
        compiler
    }

    /// What is compiled from here on is about this type.
    pub(super) fn turn_to(&mut self, side: &'a Side<'a>) {
        self.side = side;
        self.connection = None;
        if let View::Push { connection, .. } = side.view {
            let named = self.named.take().unwrap_or_else(|| self.text(connection));
            self.named = Some(named.clone());
            self.connection = Some(named);
        }
        self.kind = self.text(side.kind);
    }

    pub(super) fn text(&mut self, value: impl Into<String>) -> String {
        self.arguments.push(Argument::Text(value.into()));
        format!("${}", self.arguments.len())
    }

    pub(super) fn number(&mut self, value: i64) -> String {
        self.arguments.push(Argument::Number(value));
        format!("${}", self.arguments.len())
    }

    /// What stands after `where`: tenant, kind, sight and filter.
    pub(super) fn condition(&mut self) -> String {
        let sight = self.sight();
        let filter = self.bound(self.side.filter);
        format!("r.tenant = {} and r.kind = {} and r.retired is null and {sight} and {filter}", self.tenant, self.kind)
    }

    /// What a resource is sorted by, null where it has no value.
    pub(super) fn sort_key(&mut self, place: &Place) -> String {
        match place {
            Place::Id | Place::Location => "r.id".to_owned(),
            Place::Created => "r.created".to_owned(),
            Place::LastModified => "r.modified".to_owned(),
            Place::Version => "r.version".to_owned(),
            Place::ResourceType => "r.kind".to_owned(),
            Place::Active => format!("case when {} then 'true' else 'false' end", self.active()),
            Place::ExternalId => match self.connection.clone() {
                Some(connection) => format!(
                    "(select x.external_id from record x where x.tenant = r.tenant and x.resource = r.id and x.connection = {connection})"
                ),
                None => self.sort_value("externalid"),
            },
            Place::Indexed(indexed) => self.sort_value(&indexed.attr),
            // `sort_place` refuses these: a list has no order of its own.
            Place::Member(_) | Place::Group(_) => "r.id".to_owned(),
        }
    }

    fn sort_value(&mut self, attr: &str) -> String {
        let view = self.view("s", attr);
        let attr = self.text(attr);
        format!(
            "(select min(s.val) from value s where s.tenant = {} and s.resource = r.id and s.attr = {attr} and s.slot = 0 and {view})",
            self.tenant
        )
    }

    // -------------------------------------------------------------------------------------------- sight

    /// Which resources the reader sees at all.
    fn sight(&mut self) -> String {
        let View::Push { sole, domains, organizations, succeeds, .. } = self.side.view else {
            return "true".to_owned();
        };
        let connection = self.connection.clone().unwrap_or_default();
        let tenant = self.tenant.clone();
        let own = format!(
            "exists (select 1 from record o where o.tenant = r.tenant and o.resource = r.id and o.connection = {connection})"
        );
        // Its own record that it deleted is not there for it, though a hold keeps the account.
        let there = format!(
            "not exists (select 1 from record o where o.tenant = r.tenant and o.resource = r.id and o.connection = {connection}
                         and o.deleted is not null)"
        );
        match self.side.kind {
            // In this order, so that hardly anybody is looked up.
            "User" if *sole => format!("((not {GUARDED} or {own}) and {there})"),
            "User" => {
                let domains = self.text(one_column(domains));
                let former = self.text(succeeds.clone().unwrap_or_default());
                format!(
                    "(({own}
                      or exists (select 1 from link l where l.tenant = r.tenant and l.resource = r.id and l.connection = {connection})
                      or (not {GUARDED}
                          and not exists (select 1 from record o where o.tenant = r.tenant and o.resource = r.id
                                            and o.connection <> {former})
                          and not exists (select 1 from link l where l.tenant = r.tenant and l.resource = r.id
                                            and l.connection <> {former})
                          and exists (select 1 from value d, json_each({domains}) j
                                      where d.tenant = {tenant} and d.resource = r.id and d.view = ''
                                        and d.attr in ('username', 'emails.value')
                                        and substr(d.val, length(d.val) - length(j.value ->> 0)) = '@' || (j.value ->> 0)))) and {there})"
                )
            }
            "Group" => {
                let organizations = self.text(one_column(organizations));
                let former = self.text(succeeds.clone().unwrap_or_default());
                format!(
                    "({own} or (not r.protected
                      and (r.organization is null or r.organization in (select j.value ->> 0 from json_each({organizations}) j))
                      and (r.owner = {former} or (r.owner is null
                        and not exists (select 1 from vouch w where w.tenant = r.tenant and w.parent = r.id and w.source <> 'import')))))"
                )
            }
            _ => {
                let organizations = self.text(one_column(organizations));
                format!("r.id in (select j.value ->> 0 from json_each({organizations}) j)")
            }
        }
    }

    /// The rows of `alias` (a `value`) that this reader compares: a connection's own where they differ, else the effective
    /// ones. Of people it does not push it compares only what it may read of them.
    pub(super) fn view(&self, alias: &str, attr: &str) -> String {
        let Some(connection) = &self.connection else { return format!("{alias}.view = ''") };
        let open = self.side.kind != "User"
            || attr == "username"
            || attr == "name"
            || attr.starts_with("name.")
            || attr.starts_with("emails");
        let record = format!(
            "select 1 from record o where o.tenant = {alias}.tenant and o.resource = {alias}.resource and o.connection = {connection}"
        );
        if open {
            format!(
                "({alias}.view = {connection} or ({alias}.view = '' and not exists ({record} and o.document is not null)))"
            )
        } else {
            format!("({alias}.view = {connection} or ({alias}.view = '' and exists ({record} and o.document is null)))")
        }
    }

    fn active(&self) -> String {
        match &self.connection {
            None => "r.active".to_owned(),
            Some(connection) => format!(
                "coalesce((select o.active from record o where o.tenant = r.tenant and o.resource = r.id and o.connection = {connection}), r.active)"
            ),
        }
    }

    // -------------------------------------------------------------------------------------------- filter

    fn bound(&mut self, bound: &Bound) -> String {
        match bound {
            Bound::All => "true".to_owned(),
            Bound::None => "false".to_owned(),
            Bound::And(parts) => self.joined(parts, " and "),
            Bound::Or(parts) => self.joined(parts, " or "),
            Bound::Not(inner) => format!("not {}", self.bound(inner)),
            Bound::Test(place, test) => self.test(place, test),
            Bound::Element(place, inner) => self.element(place, inner),
        }
    }

    fn joined(&mut self, parts: &[Bound], word: &str) -> String {
        let parts: Vec<String> = parts.iter().map(|part| self.bound(part)).collect();
        format!("({})", parts.join(word))
    }

    fn test(&mut self, place: &Place, test: &Test) -> String {
        match place {
            Place::Id => self.column("r.id", test),
            Place::Location => {
                let prefix = self.text(self.side.location);
                self.column(&format!("({prefix} || r.id)"), test)
            }
            // The empty piece of the id lends its collation: bytes, where a cast text has the database's own.
            Place::Version => self.column("('W/\"' || cast(r.version as text) || '\"' || substr(r.id, 1, 0))", test),
            Place::Created => self.instant("r.created", test),
            Place::LastModified => self.instant("r.modified", test),
            Place::Active => {
                let active = self.active();
                match test {
                    Test::Present => "true".to_owned(),
                    Test::Eq(Key(key)) | Test::Ne(Key(key)) => {
                        let wanted = (key == "true") == matches!(test, Test::Eq(_));
                        if wanted { format!("({active})") } else { format!("not ({active})") }
                    }
                    _ => "false".to_owned(),
                }
            }
            Place::ExternalId => self.external_id(test),
            Place::ResourceType => self.column("r.kind", test),
            Place::Member(part) => self.member(*part, test),
            Place::Group(part) => self.group(*part, test),
            Place::Indexed(indexed) => self.indexed(indexed, test),
        }
    }

    /// A text column that always has a value.
    pub(super) fn column(&mut self, column: &str, test: &Test) -> String {
        match test {
            Test::Present => "true".to_owned(),
            Test::Eq(Key(key)) => format!("{column} = {}", self.text(key)),
            Test::Ne(Key(key)) => format!("{column} <> {}", self.text(key)),
            Test::Gt(Key(key)) => format!("{column} > {}", self.text(key)),
            Test::Ge(Key(key)) => format!("{column} >= {}", self.text(key)),
            Test::Lt(Key(key)) => format!("{column} < {}", self.text(key)),
            Test::Le(Key(key)) => format!("{column} <= {}", self.text(key)),
            Test::Contains(text) => format!("instr({column}, {}) > 0", self.text(text)),
            Test::StartsWith(text) => format!("instr({column}, {}) = 1", self.text(text)),
            Test::EndsWith(text) => ends_with(column, &self.text(text)),
        }
    }

    /// A column of milliseconds against an instant, which `bind` made whole milliseconds.
    fn instant(&mut self, column: &str, test: &Test) -> String {
        let (operator, key) = match test {
            Test::Eq(key) => ("=", key),
            Test::Ne(key) => ("<>", key),
            Test::Gt(key) => (">", key),
            Test::Ge(key) => (">=", key),
            Test::Lt(key) => ("<", key),
            Test::Le(key) => ("<=", key),
            Test::Present => return "true".to_owned(),
            Test::Contains(_) | Test::StartsWith(_) | Test::EndsWith(_) => return "false".to_owned(),
        };
        match key.as_milliseconds() {
            Some(milliseconds) => format!("{column} {operator} {}", self.number(milliseconds)),
            None => "false".to_owned(),
        }
    }

    fn external_id(&mut self, test: &Test) -> String {
        let Some(connection) = self.connection.clone() else {
            return self.values("externalid", test);
        };
        if let Test::Ne(key) = test {
            return format!("not {}", self.external_id(&Test::Eq(key.clone())));
        }
        let inner = match test {
            Test::Present => "x.external_id <> ''".to_owned(),
            other => self.column("x.external_id", other),
        };
        format!(
            "r.id in (select x.resource from record x where x.tenant = {} and x.connection = {connection} and x.kind = {} and {inner})",
            self.tenant, self.kind
        )
    }

    fn indexed(&mut self, indexed: &Indexed, test: &Test) -> String {
        if indexed.kind == Type::Complex && matches!(test, Test::Present) {
            return self.having(&indexed.attr, "true");
        }
        self.values(&indexed.attr, test)
    }

    /// Resources with a row of the attribute that meets the condition on `v`, by index.
    fn having(&mut self, attr: &str, condition: &str) -> String {
        let view = self.view("v", attr);
        let name = self.text(attr);
        format!(
            "r.id in (select v.resource from value v where v.tenant = {} and v.kind = {} and v.attr = {name} and {condition} and {view})",
            self.tenant, self.kind
        )
    }

    /// Any value of the attribute passes the test. `ne`: any value differs, or there is none.
    fn values(&mut self, attr: &str, test: &Test) -> String {
        let condition = self.value("v", test);
        let some = self.having(attr, &condition);
        if matches!(test, Test::Ne(_)) {
            return format!("({some} or not {})", self.having(attr, "true"));
        }
        some
    }

    /// The test on one row of `value`.
    pub(super) fn value(&mut self, alias: &str, test: &Test) -> String {
        let whole = format!("coalesce({alias}.whole, {alias}.val)");
        match test {
            Test::Present => format!("{alias}.val <> ''"),
            Test::Contains(text) => format!("instr({whole}, {}) > 0", self.text(text)),
            Test::EndsWith(text) => ends_with(&whole, &self.text(text)),
            Test::StartsWith(text) => {
                let prefix = self.text(text);
                match (text.len() <= key::PREFIX, after_prefix(text)) {
                    (true, Some(end)) => {
                        let end = self.text(end);
                        format!(
                            "{alias}.val >= {prefix} and {alias}.val < {end} and ({alias}.whole is null or instr({alias}.whole, {prefix}) = 1)"
                        )
                    }
                    _ => format!("instr({whole}, {prefix}) = 1"),
                }
            }
            other => self.column(&format!("{alias}.val"), other),
        }
    }

    /// Some one element satisfies the whole inner filter.
    fn element(&mut self, place: &Place, inner: &Bound) -> String {
        match place {
            Place::Indexed(indexed) => {
                let view = self.view("e", &indexed.attr);
                let hint = self.hint(inner);
                let attr = self.text(indexed.attr.as_ref());
                let tenant = self.tenant.clone();
                let inner = self.within(inner, &Self::part);
                format!(
                    "({hint} exists (select 1 from value e where e.tenant = {tenant} and e.resource = r.id and e.attr = {attr} and {view} and {inner}))"
                )
            }
            Place::Member(_) => {
                let rows = self.member_rows("x");
                let inner = self.within(inner, &|this, place, test| match place {
                    Place::Member(part) => this.member_part("x", *part, test),
                    _ => "false".to_owned(),
                });
                format!(
                    "exists (select 1 from vouch x where x.tenant = {} and x.parent = r.id and {rows} and {inner})",
                    self.tenant
                )
            }
            Place::Group(_) => {
                let inner = self.within(inner, &|this, place, test| match place {
                    Place::Group(part) => this.group_part(*part, test),
                    _ => "false".to_owned(),
                });
                self.group_exists(&inner)
            }
            _ => "false".to_owned(),
        }
    }

    /// An element filter that demands one exact value can be found by index: the same demand again, on the resource.
    fn hint(&mut self, inner: &Bound) -> String {
        let parts = match inner {
            Bound::And(parts) => parts.as_slice(),
            single => std::slice::from_ref(single),
        };
        let exact = parts.iter().find_map(|part| match part {
            Bound::Test(Place::Indexed(indexed), test @ Test::Eq(_)) if indexed.attr.ends_with(".value") => {
                Some((indexed, test))
            }
            _ => None,
        });
        match exact {
            Some((indexed, test)) => format!("{} and", self.values(&indexed.attr, test)),
            None => String::new(),
        }
    }

    /// The inner filter of an element: tests on the rows of the same slot.
    fn part(&mut self, place: &Place, test: &Test) -> String {
        let Place::Indexed(indexed) = place else { return "false".to_owned() };
        let attr = self.text(indexed.attr.as_ref());
        let tenant = self.tenant.clone();
        let row = |condition: &str| {
            format!(
                "exists (select 1 from value w where w.tenant = {tenant} and w.resource = e.resource and w.view = e.view
                   and w.attr = {attr} and w.slot = e.slot and {condition})"
            )
        };
        if indexed.kind == Type::Complex && matches!(test, Test::Present) {
            return row("true");
        }
        let condition = self.value("w", test);
        if matches!(test, Test::Ne(_)) {
            return format!("({} or not {})", row(&condition), row("true"));
        }
        row(&condition)
    }

    /// The logic of an inner filter, its tests as `leaf` writes them. There is no element in an element.
    pub(super) fn within(&mut self, bound: &Bound, leaf: &dyn Fn(&mut Self, &Place, &Test) -> String) -> String {
        let joined = |this: &mut Self, parts: &[Bound], word: &str| {
            let parts: Vec<String> = parts.iter().map(|part| this.within(part, leaf)).collect();
            format!("({})", parts.join(word))
        };
        match bound {
            Bound::All => "true".to_owned(),
            Bound::None | Bound::Element(..) => "false".to_owned(),
            Bound::And(parts) => joined(self, parts, " and "),
            Bound::Or(parts) => joined(self, parts, " or "),
            Bound::Not(inner) => format!("not {}", self.within(inner, leaf)),
            Bound::Test(place, test) => leaf(self, place, test),
        }
    }
}

/// The index row that holds what a member list displays of a resource.
pub const DISPLAY: &str = "display:";

pub(super) fn word(value: bool) -> String {
    if value { "true" } else { "false" }.to_owned()
}

fn ends_with(column: &str, argument: &str) -> String {
    format!(
        "(length({column}) >= length({argument}) and substr({column}, length({column}) - length({argument}) + 1) = {argument})"
    )
}

fn one_column(values: &[String]) -> String {
    serde_json::Value::from_iter(values.iter().map(|value| serde_json::json!([value]))).to_string()
}

/// The least text that sorts after every text with this prefix, if there is one.
fn after_prefix(prefix: &str) -> Option<String> {
    let mut chars: Vec<char> = prefix.chars().collect();
    while let Some(last) = chars.pop() {
        let next = match last {
            '\u{d7ff}' => Some('\u{e000}'),
            char::MAX => None,
            other => char::from_u32(u32::from(other) + 1),
        };
        if let Some(next) = next {
            chars.push(next);
            return Some(chars.into_iter().collect());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::after_prefix;

    #[test]
    fn the_end_of_a_prefix() {
        for (prefix, end) in [
            ("a", Some("b")),
            ("az", Some("a{")),
            ("\u{d7ff}", Some("\u{e000}")),
            ("a\u{10ffff}", Some("b")),
            ("\u{10ffff}", None),
            ("", None),
        ] {
            assert_eq!(after_prefix(prefix).as_deref(), end, "{prefix:?}");
        }
    }
}
