//! A failure between any two statements (I18), use case by use case: what was begun leaves nothing, whoever asked is told,
//! and the same again does what it would have done.
//!
//! One story is lived twice, by a tenant of which every request is cut off at its first statement, at its second and so on
//! to its commit before it succeeds, and by one that is left in peace. What everybody sees and how many rows every table
//! has is the same after each request. `reconciliation_stored` does this to random histories.
//!
//! One statement in three is cut, on PostgreSQL, where every cut costs more, one in six, each request beginning at
//! another; with `ROLLKEEPER_TEST_CASES` set to `all` every one is.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use rollkeeper::auth::egress::{Egress, EgressPolicy};
use rollkeeper::auth::jwks::Jwks;
use rollkeeper::auth::token::Scope;
use rollkeeper::directory::{
    Action, BulkJob, Error, ImportOptions, Noun, Precondition, Resolution, Settled, Succession, Voice, Wants,
};
use rollkeeper::jit::claims::Statement;
use rollkeeper::jit::login::Logins;
use rollkeeper::jit::rules::Rules;
use rollkeeper::scim;
use rollkeeper::scim::bulk::Plan;
use rollkeeper::scim::message::{BulkRequest, PatchOp};
use rollkeeper::scim::resource_type::Registry;
use rollkeeper::store::{Fuse, Options};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::support::both_engines;
use crate::support::contents::{Contents, differences};
use crate::support::roll::{Answer, BASE, MINUTE, MORNING, Roll, outcome};

/// Lives the story and remembers what was to be seen after each request.
struct Life {
    roll: Roll,
    contents: Mutex<Contents>,
    /// Cuts every request; without it the life is left in peace.
    fuse: Option<Fuse>,
    cuts: Cell<u64>,
    /// One statement in so many is cut.
    stride: u64,
    seen: RefCell<Vec<String>>,
}

impl Life {
    async fn new(roll: Roll, url: &str, fuse: Option<Fuse>) -> Self {
        roll.clock.set(MORNING);
        let contents = Mutex::new(Contents::open(url).await);
        let all = std::env::var("ROLLKEEPER_TEST_CASES").is_ok_and(|cases| cases == "all");
        let usual = if url.starts_with("postgres") { 6 } else { 3 };
        let stride = if all { 1 } else { usual };
        Self { roll, contents, fuse, cuts: Cell::new(0), stride, seen: RefCell::default() }
    }

    /// A request that is one transaction.
    async fn does<T>(&self, what: &str, act: impl AsyncFn() -> Answer<T>) -> Answer<T> {
        self.perform(what, true, act).await
    }

    /// A request of several transactions, or one whose refusal leaves a trace: each is whole, and the same again goes on.
    async fn does_in_steps<T>(&self, what: &str, act: impl AsyncFn() -> Answer<T>) -> Answer<T> {
        self.perform(what, false, act).await
    }

    async fn perform<T>(&self, what: &str, is_whole: bool, act: impl AsyncFn() -> Answer<T>) -> Answer<T> {
        self.roll.clock.advance(MINUTE);
        let answer = match &self.fuse {
            None => act().await,
            Some(fuse) => self.interrupted(fuse, what, is_whole, act).await,
        };
        self.roll.verified().await;
        let seen = format!("{what}: {}\n{}", outcome(&answer), self.look().await);
        self.seen.borrow_mut().push(seen);
        answer
    }

    async fn interrupted<T>(
        &self,
        fuse: &Fuse,
        what: &str,
        is_whole: bool,
        act: impl AsyncFn() -> Answer<T>,
    ) -> Answer<T> {
        let mut before = self.rows().await;
        // What is due by time alone has not happened yet.
        let is_settled = self.differing().await == 0;
        let first = 1 + self.seen.borrow().len() as u64 % self.stride;
        let mut statement = first;
        loop {
            fuse.cut(statement);
            let answer = act().await;
            if !fuse.mend() {
                return answer;
            }
            self.cuts.set(self.cuts.get() + 1);
            assert!(
                matches!(answer, Err(Error::Busy)),
                "{what}: cut at statement {statement} and answered {}",
                outcome(&answer)
            );
            let after = self.rows().await;
            let partly = differences(&before, &after);
            assert!(partly.is_empty() || !is_whole, "{what}: cut at statement {statement} it left {partly:#?}");
            if is_settled && !is_whole {
                self.roll.verified().await;
            }
            // What is done already is not done again: its statements are others.
            statement = if partly.is_empty() { statement + self.stride } else { first };
            before = after;
        }
    }

    async fn differing(&self) -> usize {
        self.roll.directory.verify(Some(&self.roll.tenant)).await.expect("verify runs").len()
    }

    async fn rows(&self) -> BTreeSet<(String, String)> {
        self.contents.lock().await.of(&self.roll.tenant).await
    }

    /// What everybody sees, by names, and how many rows there are of each kind.
    async fn look(&self) -> String {
        let reader = self.roll.reader();
        let mut lines = Vec::new();
        for user in reader.everything("User").await {
            let name = user.document.0["userName"].as_str().unwrap_or_default().to_owned();
            let groups: BTreeSet<_> = user.groups.iter().flatten().filter_map(|group| group.display.clone()).collect();
            lines.push(format!("{name} {:?} {groups:?} {:?}", user.active, user.document.0.get("title")));
        }
        for group in reader.everything("Group").await {
            let members: BTreeSet<_> =
                group.members.iter().flatten().filter_map(|member| member.display.clone()).collect();
            lines.push(format!("{} {members:?}", group.document.0["displayName"]));
        }
        if let Ok(page) = self.roll.directory.organization_members(&self.roll.tenant, "moby", 1, 100).await {
            let members = page.members.into_iter().map(|it| (it.user_name.unwrap_or_default(), it.role, it.via));
            lines.push(format!("moby {:?}", members.collect::<BTreeSet<_>>()));
        }
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for (table, _) in self.rows().await {
            *counts.entry(table).or_default() += 1;
        }
        lines.sort();
        lines.push(format!("{counts:?}"));
        lines.join("\n")
    }

    async fn signs_in(&self, connection: &str, subject: &str, claims: Value, stamp: i64) -> Answer<String> {
        let keys = Jwks::new(Egress::new(EgressPolicy::default()), self.roll.clock.clone());
        let logins = Logins { directory: self.roll.directory.clone(), keys };
        let Value::Object(claims) = claims else { unreachable!("an object") };
        let evidence = format!("{connection} {subject} {stamp}");
        let statement = Statement { subject: subject.to_owned(), stamp, claims, evidence };
        match logins.present(&self.roll.tenant, connection, &statement, None, false).await {
            Ok(answer) => Ok(answer.user.id),
            Err(refused) if refused.code == "busy" => Err(Error::Busy),
            Err(refused) => Err(scim::Error::new(refused.status, None, refused.code).into()),
        }
    }

    async fn bulk(&self, connection: &str, operations: Value) -> Answer<()> {
        let request = BulkRequest::read(&json!({ "Operations": operations }), 100).expect("a bulk request");
        let plan = Plan::of(request.operations, &Registry::builtin(), BASE.trim_end_matches('/'));
        let limit = std::time::Duration::from_secs(600);
        let job = BulkJob { plan, fail_on_errors: None, wants: |_, _| Wants::default(), limit };
        let done = self.roll.directory.bulk(&self.roll.push(connection).caller, job).await;
        done.into_iter().try_for_each(|operation| operation.outcome.map(drop))
    }
}

fn user(name: &str) -> Value {
    json!({"userName": format!("{name}@acme.example"), "externalId": name, "active": true, "title": "new"})
}

fn group(name: &str, members: &[&String]) -> Value {
    let members: Vec<Value> = members.iter().map(|id| json!({ "value": id })).collect();
    json!({"displayName": name, "externalId": name, "members": members})
}

fn claims(name: &str, groups: &[&str]) -> Value {
    let address = format!("{name}@acme.example");
    json!({"email": address, "email_verified": true, "preferred_username": address, "oid": name, "groups": groups})
}

/// Everything that a push does to people and groups.
async fn pushed(life: &Life, okta: &str) -> Vec<String> {
    let push = || life.roll.push(okta);
    let mut ids = Vec::new();
    for name in ["ana", "bo", "cy"] {
        let made = life.does("a push creates", async || push().post("User", user(name)).await).await;
        ids.push(made.expect("created").id);
    }
    let [ana, bo, cy] = &ids[..] else { unreachable!("three were made") };
    let taken = life.does("again", async || push().post("User", user("ana")).await).await;
    assert_eq!(outcome(&taken), "409 uniqueness");
    let mut changed = user("ana");
    changed["title"] = json!("lead");
    life.does("a push replaces", async || push().put("User", ana, changed.clone()).await).await.expect("replaced");
    let title = json!({"op": "replace", "path": "title", "value": "chief"});
    life.does("a push patches", async || push().patch("User", bo, title.clone()).await).await.expect("patched");
    let off = json!({"op": "replace", "path": "active", "value": false});
    life.does("deactivates", async || push().patch("User", bo, off.clone()).await).await.expect("patched");
    life.does("restores", async || push().post("User", user("bo")).await).await.expect("restored");

    let crew = life.does("a group", async || push().post("Group", group("crew", &[ana, bo])).await).await;
    let crew = crew.expect("created").id;
    let add = json!({"op": "add", "path": "members", "value": [{ "value": cy }]});
    life.does("adds a member", async || push().patch("Group", &crew, add.clone()).await).await.expect("added");
    let remove = json!({"op": "remove", "path": format!("members[value eq \"{ana}\"]")});
    life.does("removes one", async || push().patch("Group", &crew, remove.clone()).await).await.expect("removed");
    let all = life.does("states the list", async || push().put("Group", &crew, group("team", &[ana, cy])).await).await;
    all.expect("stated");
    let outer = life.does("a group in a group", async || push().post("Group", group("outer", &[&crew])).await).await;
    outer.expect("created");
    life.does("a team", async || push().post("Group", group("moby:hands", &[ana])).await).await.expect("created");
    let circle = json!([
        {"method": "POST", "path": "/Groups", "bulkId": "g", "data": {"displayName": "g", "members": [{"value": "bulkId:h"}]}},
        {"method": "POST", "path": "/Groups", "bulkId": "h", "data": {"displayName": "h", "members": [{"value": "bulkId:g"}]}},
    ]);
    life.does("a circle in a bulk", async || life.bulk(okta, circle.clone()).await).await.expect("made");
    ids.push(crew);
    ids
}

/// Everything that an administrator does to people and groups.
async fn administered(life: &Life, ids: &[String], moby: &str) {
    let (directory, tenant) = (&life.roll.directory, life.roll.tenant.as_str());
    let [ana, bo, cy, crew] = ids else { unreachable!("three people and a group") };
    let now = life.roll.clock.now();
    let soon = Some(now + 60 * MINUTE);
    let grant =
        life.does("a grant that ends", async || directory.grant_role(tenant, bo, moby, soon, Some("owner")).await);
    grant.await.expect("granted");
    let grant = life.does("a grant", async || directory.grant_role(tenant, ana, moby, None, Some("owner")).await);
    grant.await.expect("granted");
    let none =
        life.does("a grant without sense", async || directory.grant_role(tenant, ana, moby, None, Some("king")).await);
    assert_eq!(outcome(&none.await), "400 invalidValue");
    life.does("a deny", async || directory.deny(tenant, cy, crew).await).await.expect("denied");
    life.does("neither", async || directory.ungrant(tenant, cy, crew).await).await.expect("withdrawn");
    life.does("a suspension", async || directory.suspend(tenant, cy).await).await.expect("suspended");
    life.does("its end", async || directory.unsuspend(tenant, cy).await).await.expect("lifted");
    let value = Some(json!("locked"));
    let lock = life.does("a lock", async || directory.lock_attribute(tenant, ana, "title", value.clone()).await);
    lock.await.expect("locked");
    life.does("its end", async || directory.unlock_attribute(tenant, ana, "title").await).await.expect("unlocked");
    life.does("protection", async || directory.protect(tenant, cy, true).await).await.expect("protected");
    life.does("its end", async || directory.protect(tenant, cy, false).await).await.expect("not any more");
    life.does("a home", async || directory.pin_home(tenant, ana, Some("okta")).await).await.expect("pinned");
    let admin = || life.roll.administrator();
    let entered = json!({"userName": "dee@acme.example", "emails": [{"value": "dee@acme.example"}]});
    let dee =
        life.does("enters somebody", async || admin().post("User", entered.clone()).await).await.expect("made").id;
    let own = life.does("a group of one's own", async || admin().post("Group", group("own", &[&dee, ana])).await).await;
    let own = own.expect("made").id;
    let empty = life.does("empties it", async || admin().put("Group", &own, group("own", &[])).await).await;
    empty.expect("emptied");
    let privilege = life.does("a privilege", async || directory.privilege(tenant, &own, true).await);
    privilege.await.expect("privileged");
    life.does("a group goes", async || admin().delete("Group", &own).await).await.expect("gone");
    let patch = json!({"op": "replace", "path": "nickName", "value": "D"});
    let operations = PatchOp::read(&json!({"Operations": [patch]})).expect("a patch").operations;
    let caller = rollkeeper::directory::Caller {
        voice: Voice::Person { id: dee.clone() },
        ..rollkeeper::directory::Caller::administrator(tenant)
    };
    let (kind, any) = (life.roll.kind("User"), Precondition::None);
    let me = life.does("somebody's own words", async || {
        directory.patch_own(&caller, &kind, &any, &operations, Wants::default()).await
    });
    me.await.expect("changed");
    let token =
        life.does("a token", async || directory.create_token(tenant, Scope::Admin, &[], None, None).await).await;
    let token = token.expect("made").0.id;
    life.does("its end", async || directory.revoke_token(tenant, &token).await).await.expect("revoked");
}

/// Everything that comes with a sign-in.
async fn signed_in(life: &Life, okta: &str, moby: &str) {
    let (directory, tenant) = (&life.roll.directory, life.roll.tenant.as_str());
    let stamp = life.roll.clock.now();
    let login = |subject: &'static str, name: &'static str, stamp| {
        let said = claims(name, &["team", "moby:hands", "elsewhere"]);
        async move || life.signs_in(okta, subject, said.clone(), stamp).await
    };
    life.does("a sign-in links", login("s-ana", "ana", stamp)).await.expect("allowed");
    life.does("another brings news", login("s-ana", "ana", stamp + MINUTE)).await.expect("allowed");
    life.does("one joins", login("s-dee", "dee", stamp)).await.expect("allowed");
    let eve = life.does("one creates", login("s-eve", "eve", stamp)).await.expect("allowed");
    let invite = life.does("an invitation", async || {
        directory.invite(tenant, "fay@acme.example", Some(moby), None, Some("editor"), None).await.map(drop)
    });
    invite.await.expect("invited");
    life.does("it is accepted", login("s-fay", "fay", stamp)).await.expect("allowed");
    directory.suspend(tenant, &eve).await.expect("suspended");
    let refused = life.does("one is refused", login("s-eve", "eve", stamp + 2 * MINUTE)).await;
    assert_eq!(outcome(&refused), "403");
    let mut other = user("eve");
    other["externalId"] = json!("eve-2");
    directory.protect(tenant, &eve, true).await.expect("protected");
    let refused =
        life.does_in_steps("a push is refused", async || life.roll.push(okta).post("User", other.clone()).await);
    assert_eq!(outcome(&refused.await), "409 uniqueness");
    let queue = directory.conflicts(tenant, Some("open"), 1, 10).await.expect("read").conflicts;
    let case = queue.into_iter().next().expect("one waits").id;
    let bind = Resolution {
        action: Action::Bind,
        person: Some(eve.clone()),
        user_name: None,
        group: None,
        display_name: None,
    };
    life.does("it is settled", async || directory.resolve_conflict(tenant, &case, &bind).await).await.expect("bound");
    life.does("and pushed", async || life.roll.push(okta).post("User", other.clone()).await).await.expect("bound");
    let link =
        life.does("a link", async || directory.link(tenant, okta, &eve, "s-eve-2").await).await.expect("made").id;
    life.does("its end", async || directory.remove_link(tenant, &link).await).await.expect("gone");
    let anchor = life.does("an anchor", async || directory.bind_anchor(tenant, "entra", &eve, "eve-3").await).await;
    anchor.expect("bound");
}

/// What takes several transactions: settings, imports, holds, successors, definitions, time.
async fn in_steps(life: &Life, ids: &[String], okta: &str) {
    let (directory, tenant) = (&life.roll.directory, life.roll.tenant.as_str());
    let (cy, crew) = (&ids[2], &ids[3]);
    let file = [
        json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "id": "1", "userName": "gus@acme.example"}),
        json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "old hands",
            "members": [{"value": "1"}, {"value": "own circle"}, {"value": "ana@acme.example"}, {"value": "team"}]}),
        json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "crowd"}),
    ];
    let file = file.map(|line| line.to_string()).join("\n");
    let options = ImportOptions { connection: None, dry_run: false };
    let import =
        life.does_in_steps("an import", async || directory.import(tenant, &file, &options, &mut |_, _| {}).await);
    let report = import.await.expect("brought in");
    assert!(report.lines[1].reason.as_ref().is_some_and(|it| it.starts_with("1 of 4")), "{report:?}");
    let pin = life.does_in_steps("it is confirmed", async || {
        directory.settle_unconfirmed(tenant, None, Settled::Pinned, &mut |_, _| {}).await
    });
    pin.await.expect("pinned");

    let rules = |settings: Value| Rules::default_for("okta").patched(&settings).expect("good settings");
    let settings = rules(json!({
        "domains": ["acme.example"], "anchor": {"claim": "oid"}, "organizations": ["moby"],
        "default": {"organization": "moby"}, "hold": {"count": 1, "percent": 0, "release": "PT2H"},
        "groups": {"table": {"elsewhere": crew}},
    }));
    let remap = life.does_in_steps("new settings", async || {
        directory.update_connection(tenant, okta, settings.clone(), None).await.map(drop)
    });
    remap.await.expect("updated");
    let none =
        life.does("beyond the budget", async || life.roll.push(okta).put("Group", crew, group("team", &[])).await);
    none.await.expect("stated");
    let hold = directory.holds(tenant).await.expect("read").into_iter().find(|hold| hold.state == "open");
    let hold = hold.expect("something is held").id;
    let apply = life.does_in_steps("it is applied", async || directory.apply_hold(tenant, &hold).await.map(drop));
    apply.await.expect("applied");

    let succession = Succession { predecessor: "okta".to_owned(), domains: None };
    let declare = life.does_in_steps("a successor", async || {
        directory.succeed_connection(tenant, "entra", &succession, true, (None, 0)).await.map(drop)
    });
    declare.await.expect("declared");
    let entra = directory.connection(tenant, "entra").await.expect("read").expect("there").id;
    life.does("it claims", async || life.roll.push(&entra).post("User", user("cy")).await).await.expect("claimed");
    let stamp = life.roll.clock.now();
    let login = life.does("by a sign-in too", async || life.signs_in(&entra, "e-dee", claims("dee", &[]), stamp).await);
    login.await.expect("allowed");
    let before =
        life.does_in_steps("not the old one", async || life.roll.push(okta).post("User", user("cy")).await).await;
    assert_eq!(outcome(&before), "409 uniqueness");

    let badge = json!({"id": "urn:acme:scim:schemas:1.0:Badge", "name": "Badge", "attributes": [{"name": "number"}]});
    let schema =
        life.does_in_steps("a schema", async || directory.define(tenant, Noun::Schema, &badge, false, 100).await);
    schema.await.expect("defined");
    let extended = json!({"name": "User", "schemaExtensions": [{"schema": badge["id"], "required": false}]});
    let extend = life.does_in_steps("an extension", async || {
        directory.define(tenant, Noun::ResourceType, &extended, false, 100).await.map(drop)
    });
    extend.await.expect("defined");
    life.does_in_steps("it goes", async || {
        directory.undefine(tenant, Noun::ResourceType, "User", true, 100).await.map(drop)
    })
    .await
    .expect("undefined");

    life.roll.clock.advance(120 * MINUTE);
    life.does_in_steps("time passes", async || directory.tick().await.map(drop)).await.expect("ticks");
    let paused = life.does("paused", async || directory.switch_connection(tenant, "okta", "paused").await.map(drop));
    paused.await.expect("paused");
    life.does("on again", async || directory.switch_connection(tenant, "okta", "on").await.map(drop))
        .await
        .expect("on");
    life.does("a push deletes", async || life.roll.push(&entra).delete("User", cy).await).await.expect("deleted");
    life.does("and revives", async || life.roll.push(&entra).post("User", user("cy")).await).await.expect("revived");
    let gus = life.roll.reader().ids("User", "userName eq \"gus@acme.example\"").await.expect("read").remove(0);
    life.does("an erasure", async || directory.erase_person(tenant, &gus).await).await.expect("erased");
    life.does("a group is deleted", async || life.roll.push(okta).delete("Group", crew).await).await.expect("deleted");
    let withdraw = life.does_in_steps("a withdrawal", async || {
        directory.withdraw_connection(tenant, "okta", usize::MAX, &mut |_, _| {}).await.map(drop)
    });
    withdraw.await.expect("withdrawn");
    life.roll.clock.advance(31 * 24 * 60 * MINUTE);
    life.does_in_steps("everything due goes", async || directory.purge(Some(tenant)).await.map(drop))
        .await
        .expect("gone");
}

async fn lived(life: &Life) {
    let (directory, tenant) = (&life.roll.directory, life.roll.tenant.as_str());
    let moby = json!({"slug": "moby", "displayName": "Moby"});
    let moby =
        life.does("an organization", async || life.roll.administrator().post("Organization", moby.clone()).await);
    let moby = moby.await.expect("made").id;
    let settings = json!({
        "domains": ["acme.example"], "anchor": {"claim": "oid"}, "organizations": ["moby"],
        "default": {"organization": "moby"},
    });
    let connect = async |name: &'static str, settings: Value| {
        let rules = Rules::default_for(name).patched(&settings).expect("good settings");
        let made =
            life.does("a connection", async || directory.create_connection(tenant, name, rules.clone()).await).await;
        made.expect("made").id
    };
    let okta = connect("okta", settings).await;
    connect("entra", json!({"anchor": {"claim": "oid"}})).await;
    let ids = pushed(life, &okta).await;
    administered(life, &ids, &moby).await;
    signed_in(life, &okta, &moby).await;
    in_steps(life, &ids, &okta).await;
}

both_engines! {
    async fn a_failure_between_any_two_statements_leaves_nothing(database: Database) {
        let (url, fuse) = (database.url().to_owned(), Fuse::default());
        let roll = Roll::open_with(database, &Options { fuse: Some(fuse.clone()), ..Options::default() }).await;
        let twin = roll.neighbour("twin").await;
        let life = Life::new(roll, &url, Some(fuse)).await;
        lived(&life).await;
        let twin = Life::new(twin, &url, None).await;
        lived(&twin).await;
        let (seen, expected) = (life.seen.take(), twin.seen.take());
        println!("{} requests, {} cuts", seen.len(), life.cuts.get());
        for (seen, expected) in seen.iter().zip(&expected) {
            assert_eq!(seen, expected, "on the left what was cut off again and again");
        }
    }
}
