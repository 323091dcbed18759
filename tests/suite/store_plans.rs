//! What IdPs look up is found by an index, in every view: asserted on the plans of both engines, on tables that are large
//! enough to matter and whose statistics are known. A list of groups without members leaves the members alone.

use rollkeeper::directory::{Query, Wants};
use rollkeeper::scim::filter::{Bound, Filter, bind, sort_place};
use rollkeeper::store::memberships::{EFFECTIVE_MEMBERS, PUSHED_MEMBERS};
use rollkeeper::store::search::{self, Order, Position, Side, SortKey, View};
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row, SqliteConnection};

use crate::support::both_engines;
use crate::support::roll::{BASE, Roll, all, execute};

/// The filters of the look-ups, and the part of the index that has to answer them.
const LOOK_UPS: [(&str, &str, &str); 9] = [
    ("User", r#"userName eq "u77@acme.example""#, "val"),
    ("User", r#"externalId eq "x77""#, "external id"),
    ("User", r#"emails.value eq "u77@acme.example""#, "val"),
    ("User", r#"emails[type eq "work" and value eq "u77@acme.example"]"#, "val"),
    ("User", r#"emails[type eq "work"].value eq "u77@acme.example""#, "val"),
    ("User", r#"id eq "u77" and urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager eq "u1""#, "id"),
    ("Group", r#"displayName eq "Group 7""#, "val"),
    ("Group", r#"externalId eq "gx7""#, "external id"),
    ("Group", r#"members.value eq "u77""#, "member"),
];

both_engines! {
    async fn look_ups_are_answered_by_an_index(database: Database) {
        let url = database.url().to_owned();
        let roll = Roll::open(database).await;
        let connection = roll.first_connection().await;
        fill(&url, &roll.tenant, &connection).await;
        let push = |sole, domains: &[&str]| View::Push {
            connection: connection.clone(),
            sole,
            domains: domains.iter().map(|&domain| domain.to_owned()).collect(),
            organizations: vec![], succeeds: None,
        };
        let views = [
            ("effective", View::Effective),
            ("the only push", push(true, &[])),
            ("one of several pushes", push(false, &["acme.example"])),
        ];
        for (name, view) in &views {
            for (kind, filter, column) in LOOK_UPS {
                let plan = plan_of(&roll, view, kind, filter).await;
                let at = format!("{kind}?filter={filter} as {name}:\n{plan}");
                if roll.directory.engine().is_postgres() {
                    postgres_uses_an_index(&plan, column, &at);
                } else {
                    sqlite_uses_an_index(&plan, column, &at);
                }
            }
        }
    }

    async fn a_list_of_groups_without_members_leaves_the_memberships_alone(database: Database) {
        let url = database.url().to_owned();
        let roll = Roll::open(database).await;
        let connection = roll.first_connection().await;
        fill(&url, &roll.tenant, &connection).await;
        let found = |filter: Option<&str>| Query {
            filter: filter.map(str::to_owned),
            sort_by: Some("displayName".to_owned()),
            wants: Wants::default(),
            ..all()
        };
        let probes = [None, Some(r#"displayName eq "Group 7""#), Some(r#"externalId eq "gx7""#)];
        // For a push it is asked only of groups that nobody owns, whether anybody has a word on them.
        if roll.directory.engine().is_postgres() {
            let view =
                View::Push { connection: connection.clone(), sole: true, domains: vec![], organizations: vec![], succeeds: None };
            for filter in probes.into_iter().flatten() {
                let plan = plan_of(&roll, &view, "Group", filter).await;
                let touched = plan.lines().filter(|line| line.contains("on vouch") && !line.contains("never executed"));
                assert_eq!(touched.count(), 0, "{plan}");
            }
        }
        execute(&url, &["alter table vouch rename to somewhere_else".to_owned()]).await;
        for filter in probes {
            let page = roll.reader().search("Group", found(filter)).await.expect("a list without members");
            assert_eq!(page.total, if filter.is_some() { 1 } else { GROUPS });
        }
        roll.reader().get("Group", "g7").await.expect_err("with members it needs them");
    }
}

both_engines! {
    async fn a_page_deep_in_a_list_costs_what_the_first_costs(database: Database) {
        let url = database.url().to_owned();
        let roll = Roll::open(database).await;
        let connection = roll.first_connection().await;
        fill(&url, &roll.tenant, &connection).await;
        let text = |key: &str| Some(SortKey::Text(key.to_owned()));
        // The order, a position in the middle of it and how SQLite finds what is behind.
        let orders = [
            (None, None, "u200", "id>?"),
            (Some("userName"), text("u200@acme.example"), "u200", "(val,resource)>(?,?)"),
            (Some("externalId"), text("x200"), "u200", "external id"),
            (Some("meta.created"), Some(SortKey::Number(1500)), "u1500", "(created,id)>(?,?)"),
            (Some("meta.lastModified"), Some(SortKey::Number(1500)), "u1500", "(modified,id)>(?,?)"),
        ];
        let push = View::Push { connection, sole: true, domains: vec![], organizations: vec![], succeeds: None };
        for view in [&View::Effective, &push] {
            for (sort_by, key, id, found_by) in &orders {
                let position = Position { key: key.clone(), id: (*id).to_owned() };
                let first = plans_behind(&roll, view, *sort_by, None).await;
                let deep = plans_behind(&roll, view, *sort_by, Some(&position)).await;
                let at = format!("by {sort_by:?} as {view:?}:\n{}", deep[0]);
                if roll.directory.engine().is_postgres() {
                    assert!(!deep[0].contains("Seq Scan") && !has_full_sort(&deep[0]), "{at}");
                    let (first, deep) = (rows_touched(&first[0]), rows_touched(&deep[0]));
                    // In a table of this size PostgreSQL may read a connection's records once, for all rows of a page.
                    assert!(first < 10 * PAGE || matches!(view, View::Push { .. }), "{first} rows for the first page, {at}");
                    assert!(deep <= first + PAGE, "{first} rows for the first page, {deep} for a deep one, {at}");
                } else {
                    assert!(!deep[0].contains("TEMP B-TREE FOR ORDER BY"), "{at}");
                    let found_by = match *found_by {
                        "external id" if matches!(view, View::Effective) => "(val,resource)>(?,?)",
                        "external id" => "external_id",
                        other => other,
                    };
                    assert!(deep[0].lines().any(|line| line.contains("SEARCH") && line.contains(found_by)), "{found_by} {at}");
                }
            }
        }
    }

    async fn a_page_of_members_leaves_the_rest_of_the_group_alone(database: Database) {
        let url = database.url().to_owned();
        let roll = Roll::open(database).await;
        let connection = roll.first_connection().await;
        fill(&url, &roll.tenant, &connection).await;
        let everybody = format!(
            "insert into vouch (tenant, parent, member_kind, member, source, word, live)
             select tenant, 'g1', 'User', id, 'grant', 'grant', true from resource where tenant = '{}' and kind = 'User'",
            roll.tenant
        );
        execute(&url, &[everybody, "analyze".to_owned()]).await;
        let source = format!("push:{connection}");
        for (sql, source) in [(EFFECTIVE_MEMBERS, None), (PUSHED_MEMBERS, Some(&source))] {
            let mut plans = Vec::new();
            for behind in ["", "u2000"] {
                let arguments = [&roll.tenant, "g1", "User", behind].map(str::to_owned);
                let plan = explain(&url, sql, &arguments, PAGE, source).await;
                if url.starts_with("sqlite") {
                    let by_key = "SEARCH x USING COVERING INDEX";
                    let by_key = plan.contains(by_key) || plan.contains("SEARCH x USING INDEX") || plan.contains("SEARCH x USING PRIMARY KEY");
                    assert!(by_key && plan.contains("member_kind=? AND member>?"), "{plan}");
                    assert!(!plan.contains("SCAN x"), "{plan}");
                } else {
                    assert!(!plan.contains("Seq Scan"), "{plan}");
                    plans.push(rows_touched(&plan));
                }
            }
            if let [first, deep] = plans[..] {
                assert!(deep <= first + PAGE && first < 10 * PAGE, "{first} rows for the first page, {deep} for a deep one");
            }
        }
    }
}

/// Rows on a page, and one more that tells whether there is another.
const PAGE: i64 = 21;

async fn plans_behind(roll: &Roll, view: &View, sort_by: Option<&str>, position: Option<&Position>) -> Vec<String> {
    let kind = roll.kind("User");
    let place = sort_by.map(|path| sort_place(&kind, path).expect("a place"));
    let side = Side { kind: "User", view, filter: &Bound::All, sort: place.as_ref(), location: "" };
    let order = if place.is_some() { Order::Ascending } else { Order::ById };
    let query = search::Query { sides: vec![side], order, base: BASE };
    let mut tx = roll.directory.engine().read(&roll.tenant).await.expect("a transaction");
    search::plan_after(&mut tx, &query, position, PAGE).await.expect("plans")
}

/// A sort of everything, where what comes from the index is only brought into order among equals.
fn has_full_sort(plan: &str) -> bool {
    plan.lines().any(|line| line.trim_start().trim_start_matches("-> ").trim_start().starts_with("Sort ("))
}

/// The rows that all nodes of a plan of PostgreSQL gave.
fn rows_touched(plan: &str) -> i64 {
    let number = |line: &str, name: &str| {
        let text: String = line.split_once(name)?.1.chars().take_while(char::is_ascii_digit).collect();
        text.parse::<i64>().ok()
    };
    plan.lines().filter_map(|line| Some(number(line, "actual rows=")?.max(1) * number(line, "loops=")?)).sum()
}

async fn explain(url: &str, sql: &str, texts: &[String; 4], limit: i64, source: Option<&String>) -> String {
    macro_rules! lines {
        ($connection:ty, $explain:expr, $column:expr $(, $before:expr)?) => {{
            let mut connection = <$connection>::connect(url).await.expect("the database opens");
            $(sqlx::raw_sql($before).execute(&mut connection).await.expect("it is set");)?
            let mut query = sqlx::query(AssertSqlSafe(format!("{} {sql}", $explain)));
            for text in texts {
                query = query.bind(text);
            }
            query = query.bind(limit);
            if let Some(source) = source {
                query = query.bind(source);
            }
            let rows = query.fetch_all(&mut connection).await.expect("a plan");
            rows.iter().map(|row| row.get::<String, _>($column)).collect::<Vec<_>>().join("\n")
        }};
    }
    if url.starts_with("sqlite") {
        lines!(SqliteConnection, "explain query plan", 3)
    } else {
        // As if no table were small enough to be read whole.
        lines!(PgConnection, "explain (analyze, costs off, timing off, summary off)", 0, "set enable_seqscan = off")
    }
}

async fn plan_of(roll: &Roll, view: &View, kind: &str, filter: &str) -> String {
    let filter = Filter::parse(filter).and_then(|filter| bind(&filter, &roll.kind(kind))).expect("a good filter");
    let location = format!("{BASE}{kind}s/");
    let side = Side { kind, view, filter: &filter, sort: None, location: &location };
    let query = search::Query { sides: vec![side], order: Order::ById, base: BASE };
    let mut tx = roll.directory.engine().read(&roll.tenant).await.expect("a transaction");
    search::plan(&mut tx, &query, 0, 100).await.expect("a plan")
}

/// `SEARCH v USING INDEX value_lookup (tenant=? AND kind=? AND attr=? AND val=?)`: the value is part of what is searched,
/// and the resources are found by id.
fn sqlite_uses_an_index(plan: &str, column: &str, at: &str) {
    let has =
        |parts: &[&str]| plan.lines().any(|line| line.contains("SEARCH") && parts.iter().all(|p| line.contains(p)));
    let by_value = has(&["value_lookup (tenant=? AND kind=? AND attr=? AND val=?"]);
    let by_external_id = has(&["external_id=?"]);
    let by_member = has(&["vouch_member (tenant=? AND member=?"]);
    match column {
        "val" => assert!(by_value, "{at}"),
        "external id" => assert!(by_value || by_external_id, "{at}"),
        "id" => {}
        _ => assert!(by_member, "{at}"),
    }
    let resources: Vec<&str> = plan.lines().filter(|line| line.contains(" r USING ")).collect();
    assert!(!resources.is_empty() && resources.iter().all(|line| line.contains("id=?")), "{at}");
    for line in plan.lines().filter(|line| line.contains("SCAN")) {
        // Lists that came as a parameter, and lists of ids that were just looked up.
        assert!(
            ["SCAN j", "LIST SUBQUERY", "SCAN up"].iter().any(|harmless| line.contains(harmless)),
            "{line} in {at}"
        );
    }
}

/// `Index Cond: (… AND (val = '…'::text))` on the index, no scan of a whole table, and resources by id.
fn postgres_uses_an_index(plan: &str, column: &str, at: &str) {
    assert!(!plan.contains("Seq Scan"), "{at}");
    let conditions: Vec<&str> = plan.lines().filter(|line| line.trim_start().starts_with("Index Cond:")).collect();
    let has = |part: &str| conditions.iter().any(|line| line.contains(part));
    match column {
        "val" => assert!(has("(val = "), "{at}"),
        "external id" => assert!(has("(val = ") || has("(external_id = "), "{at}"),
        "id" => {}
        _ => assert!(has("(member = "), "{at}"),
    }
    let lines: Vec<&str> = plan.lines().collect();
    let resources = lines.windows(2).filter(|pair| pair[0].contains("on resource r "));
    for pair in resources {
        assert!(pair[1].contains("Index Cond:") && pair[1].contains("(id = "), "resources are found by id: {at}");
    }
}

const USERS: i64 = 3_000;
const GROUPS: i64 = 300;

/// A tenant of some size, written as rows: what matters here is only that the tables are large and skewed as they are.
async fn fill(url: &str, tenant: &str, connection: &str) {
    let users = format!("with recursive n (i) as (select 1 union all select i + 1 from n where i < {USERS})");
    let groups = format!("with recursive n (i) as (select 1 union all select i + 1 from n where i < {GROUPS})");
    let resource = |series: &str, kind: &str, id: &str, owner: &str| {
        format!(
            "{series} insert into resource (tenant, id, kind, version, created, modified, display, document, active, suspended, owner, protected)
             select '{tenant}', '{id}' || cast(i as text), '{kind}', 1, i, i, '{kind} ' || cast(i as text), '{{}}', true, false, {owner}, false from n"
        )
    };
    let record = |series: &str, kind: &str, id: &str, external_id: &str| {
        format!(
            "{series} insert into record (tenant, connection, resource, kind, external_id, name_key, active, cleared, bound_at)
             select '{tenant}', '{connection}', '{id}' || cast(i as text), '{kind}', '{external_id}' || cast(i as text), '{id}' || cast(i as text), true, '[]', 0
             from n where i % 10 > 0"
        )
    };
    let value = |series: &str, kind: &str, id: &str, attr: &str, val: &str| {
        format!(
            "{series} insert into value (tenant, resource, view, kind, attr, slot, val)
             select '{tenant}', '{id}' || cast(i as text), '', '{kind}', '{attr}', 0, {val} from n"
        )
    };
    let address = "'u' || cast(i as text) || '@acme.example'";
    let manager = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:user:manager.value";
    let statements = [
        format!("update connection set used = true where tenant = '{tenant}'"),
        resource(&users, "User", "u", "null"),
        resource(&groups, "Group", "g", &format!("'{connection}'")),
        record(&users, "User", "u", "x"),
        record(&groups, "Group", "g", "gx"),
        value(&users, "User", "u", "username", address),
        value(&users, "User", "u", "externalid", "'x' || cast(i as text)"),
        value(&users, "User", "u", "emails", "''"),
        value(&users, "User", "u", "emails.value", address),
        value(&users, "User", "u", "emails.type", "'work'"),
        value(&users, "User", "u", manager, "'u' || cast(i % 50 as text)"),
        value(&groups, "Group", "g", "displayname", "'group ' || cast(i as text)"),
        value(&groups, "Group", "g", "externalid", "'gx' || cast(i as text)"),
        format!(
            "{users} insert into vouch (tenant, parent, member_kind, member, source, word, live)
             select '{tenant}', 'g' || cast(1 + i % {GROUPS} as text), 'User', 'u' || cast(i as text), 'push:{connection}', 'grant', true from n"
        ),
        "analyze".to_owned(),
    ];
    execute(url, &statements).await;
}
