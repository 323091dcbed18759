//! A directory over a database of one's own: one tenant, a clock that stands, ids in sequence, and short words for what
//! a connection's push and an administrator do.

use std::sync::Arc;
use std::time::Duration;

use rollkeeper::clock::{Clock, Ids};
use rollkeeper::directory::{
    ByCursor, Caller, Directory, Error, Page, Precondition, Query, Range, Resource, Voice, Wants,
};
use rollkeeper::jit::rules::Rules;
use rollkeeper::scim::message::PatchOp;
use rollkeeper::scim::resource_type::{Registry, ResourceType};
use rollkeeper::store::{Engine, Options};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};

use super::Database;
use super::database::stored_events;

/// 2026-01-05T09:00:00Z, a Monday.
pub const MORNING: i64 = 1_767_603_600_000;
pub const MINUTE: i64 = 60_000;

/// The base of the endpoints as a client would know it.
pub const BASE: &str = "https://roll.example/t/acme/scim/v2/";

pub const EVERYTHING: Wants = Wants { groups: true, members: true };

pub struct Roll {
    pub directory: Directory,
    pub clock: Clock,
    pub tenant: String,
    database: Option<Database>,
}

impl Roll {
    pub async fn open(database: Database) -> Roll {
        Self::open_with(database, &Options::default()).await
    }

    pub async fn open_with(database: Database, options: &Options) -> Roll {
        let engine = Engine::connect(database.url(), options).await.expect("the database opens");
        engine.migrate().await.expect("the migrations run");
        let clock = Clock::fixed(MORNING);
        let directory = Directory::new(engine, clock.clone(), Ids::seeded(7));
        let tenant = directory.create_tenant("acme", "directory").await.expect("a new tenant").id;
        Roll { directory, clock, tenant, database: Some(database) }
    }

    /// A second tenant behind the same doors.
    pub async fn neighbour(&self, name: &str) -> Roll {
        let tenant = self.directory.create_tenant(name, "directory").await.expect("a new tenant").id;
        Roll { directory: self.directory.clone(), clock: self.clock.clone(), tenant, database: None }
    }

    /// A connection with these settings; its id.
    pub async fn connection(&self, name: &str, settings: Value) -> String {
        let rules = Rules::default_for(name).patched(&settings).expect("good settings");
        self.directory.create_connection(&self.tenant, name, rules).await.expect("a new connection").id
    }

    /// The connection that every tenant begins with.
    pub async fn first_connection(&self) -> String {
        self.directory.connection(&self.tenant, "default").await.expect("readable").expect("it is there").id
    }

    pub fn kind(&self, name: &str) -> Arc<ResourceType> {
        Registry::builtin().type_named(name).expect("a built-in type").clone()
    }

    pub fn administrator(&self) -> Voiced<'_> {
        Voiced { roll: self, caller: Caller::administrator(&self.tenant) }
    }

    pub fn reader(&self) -> Voiced<'_> {
        Voiced { roll: self, caller: Caller { tenant: self.tenant.clone(), voice: Voice::Reader, token: None } }
    }

    pub fn push(&self, connection: &str) -> Voiced<'_> {
        let voice = Voice::Push { connection: connection.to_owned() };
        Voiced { roll: self, caller: Caller { tenant: self.tenant.clone(), voice, token: None } }
    }

    /// What `--database` takes.
    pub fn url(&self) -> &str {
        self.database.as_ref().expect("the first tenant has the database").url()
    }

    /// Statements in the database itself, for what no use case writes yet.
    pub async fn execute(&self, statements: &[String]) {
        execute(self.url(), statements).await;
    }

    /// A protected account: neither joined, adopted nor claimed without an administrator.
    pub async fn protect(&self, id: &str) {
        self.execute(&[format!("update resource set protected = true where id = '{id}'")]).await;
    }

    /// `code` of every refusal that waits for an administrator.
    pub async fn conflicts(&self) -> Vec<String> {
        let page = self.directory.conflicts(&self.tenant, None, 1, 1000).await.expect("the queue is readable");
        page.conflicts.into_iter().map(|row| row.code).collect()
    }

    /// The events that this piece of a story wrote: `kind resource other`.
    pub async fn events_of<T>(&self, story: impl Future<Output = T>) -> (T, Vec<String>) {
        let before = self.events().await.len();
        let answer = story.await;
        (answer, self.events().await.split_off(before))
    }

    /// Every derived row is what its registers give.
    pub async fn verified(&self) {
        let differences = self.directory.verify(Some(&self.tenant)).await.expect("verify runs");
        assert!(differences.is_empty(), "derived rows differ from their registers: {differences:#?}");
    }

    /// `kind resource other` of every event, in order. The feed of PostgreSQL stops at the oldest transaction that is open
    /// anywhere on the server, so beside other tests it is asked until it has caught up.
    pub async fn events(&self) -> Vec<String> {
        loop {
            let events = self.feed().await;
            if events.len() == self.stored_events().await {
                return events;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn feed(&self) -> Vec<String> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let page = self.directory.events(&self.tenant, after.as_deref(), 500).await.expect("the feed is readable");
            all.extend(page.events.iter().map(|event| {
                let text = |name: &str| event[name].as_str().unwrap_or("-").to_owned();
                format!("{} {} {}", text("kind"), text("resource"), text("other"))
            }));
            if !page.more {
                return all;
            }
            after = Some(page.next);
        }
    }

    async fn stored_events(&self) -> usize {
        stored_events(self.url(), &self.tenant).await
    }
}

/// Somebody who speaks: `roll.push(&okta).post("User", body)`.
pub struct Voiced<'a> {
    roll: &'a Roll,
    pub caller: Caller,
}

pub type Answer<T> = Result<T, Error>;

impl Voiced<'_> {
    pub async fn post(&self, kind: &str, body: Value) -> Answer<Resource> {
        let kind = self.roll.kind(kind);
        self.roll.directory.create(&self.caller, &kind, &body, EVERYTHING).await.map(|(resource, _)| resource)
    }

    pub async fn get(&self, kind: &str, id: &str) -> Answer<Resource> {
        self.roll.directory.find(&self.caller, &self.roll.kind(kind), id, EVERYTHING).await
    }

    pub async fn put(&self, kind: &str, id: &str, body: Value) -> Answer<Resource> {
        let (kind, any) = (self.roll.kind(kind), Precondition::None);
        let done = self.roll.directory.replace(&self.caller, &kind, id, &any, &body, EVERYTHING).await;
        done.map(|(resource, _)| resource)
    }

    /// `operations` is the list, or one operation.
    pub async fn patch(&self, kind: &str, id: &str, operations: Value) -> Answer<Resource> {
        let operations = if operations.is_array() { operations } else { json!([operations]) };
        let body = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations});
        let message = PatchOp::read(&body)?;
        let (kind, any) = (self.roll.kind(kind), Precondition::None);
        let done = self.roll.directory.patch(&self.caller, &kind, id, &any, &message.operations, EVERYTHING).await;
        done.map(|(resource, _)| resource)
    }

    pub async fn delete(&self, kind: &str, id: &str) -> Answer<()> {
        self.roll.directory.delete(&self.caller, &self.roll.kind(kind), id, &Precondition::None).await
    }

    pub async fn search(&self, kind: &str, query: Query) -> Answer<Page> {
        self.roll.directory.search(&self.caller, &self.roll.kind(kind), &query).await
    }

    /// A page of a query over some types, by index or by cursor.
    pub async fn page(&self, range: Range<'_>, query: &Query, by_cursor: Option<&ByCursor>) -> Answer<Page> {
        self.roll.directory.page(&self.caller, range, query, by_cursor).await
    }

    /// The ids that a filter finds.
    pub async fn ids(&self, kind: &str, filter: &str) -> Answer<Vec<String>> {
        let query = Query { filter: Some(filter.to_owned()), ..all() };
        Ok(self.search(kind, query).await?.resources.into_iter().map(|resource| resource.id).collect())
    }

    /// Everything that this caller sees.
    pub async fn everything(&self, kind: &str) -> Vec<Resource> {
        self.search(kind, Query { wants: EVERYTHING, ..all() }).await.expect("a list").resources
    }

    /// The ids of a group's members as this caller reads them.
    pub async fn members(&self, group: &str) -> Vec<String> {
        let members = self.get("Group", group).await.expect("the group is there").members;
        members.expect("members were asked for").into_iter().map(|member| member.value).collect()
    }

    /// The ids of a user's groups as this caller reads them.
    pub async fn groups(&self, user: &str) -> Vec<String> {
        let groups = self.get("User", user).await.expect("the user is there").groups;
        groups.expect("groups were asked for").into_iter().map(|group| group.value).collect()
    }
}

pub async fn execute(url: &str, statements: &[String]) {
    macro_rules! through {
        ($connection:ty) => {{
            let mut connection = <$connection>::connect(url).await.expect("the database opens");
            for sql in statements {
                let done = sqlx::raw_sql(AssertSqlSafe(sql.clone())).execute(&mut connection).await;
                done.unwrap_or_else(|e| panic!("{sql}: {e}"));
            }
            connection.close().await.expect("it closes");
        }};
    }
    if url.starts_with("sqlite") { through!(SqliteConnection) } else { through!(PgConnection) }
}

/// The whole list.
pub fn all() -> Query {
    Query {
        filter: None,
        sort_by: None,
        descending: false,
        start_index: 1,
        count: 1000,
        wants: Wants::default(),
        base: BASE.to_owned(),
    }
}

/// `status scimType` of a refusal, to compare in tables; `ok` for what went well.
pub fn outcome<T>(answer: &Answer<T>) -> String {
    match answer {
        Ok(_) => "ok".to_owned(),
        Err(Error::Scim(error) | Error::Refused { error, .. }) => match error.scim_type {
            Some(kind) => format!("{} {}", error.status, kind.as_str()),
            None => error.status.to_string(),
        },
        Err(other) => format!("{other:?}"),
    }
}

/// What was refused, in words.
pub fn detail<T>(answer: &Answer<T>) -> String {
    match answer {
        Err(Error::Scim(error) | Error::Refused { error, .. }) => error.detail.clone(),
        Err(other) => other.to_string(),
        Ok(_) => "nothing was refused".to_owned(),
    }
}
