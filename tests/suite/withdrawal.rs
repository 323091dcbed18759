//! A connection is stopped, tried with other settings, and withdrawn: what was promised is what happens, and what is left is
//! the state of a history without it (I13).

use std::collections::{BTreeMap, BTreeSet};

use axum::http::Method;
use rollkeeper::auth::egress::{Egress, EgressPolicy};
use rollkeeper::auth::jwks::Jwks;
use rollkeeper::auth::token::Scope;
use rollkeeper::directory::Forecast;
use rollkeeper::jit::claims::Statement;
use rollkeeper::jit::login::Logins;
use serde_json::{Value, json};

use crate::support::roll::{Roll, outcome};
use crate::support::{World, both_engines};

const PEOPLE: [&str; 5] = ["ana", "bo", "cem", "dot", "eve"];
const TEAMS: [&str; 3] = ["red", "green", "blue"];

/// A reproducible sequence of choices.
struct Choice(u64);

impl Choice {
    fn below(&mut self, n: u64) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % n).expect("small")
    }
    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u64)]
    }
}

#[derive(Clone, Copy, Debug)]
enum Act {
    Push { leaves: bool, who: &'static str, active: bool, title: &'static str },
    Delete { who: &'static str },
    Member { leaves: bool, team: &'static str, who: &'static str, present: bool },
    Whole { leaves: bool, team: &'static str, who: &'static str },
    Login { leaves: bool, who: &'static str, team: &'static str },
    Grant { who: &'static str, team: &'static str, word: bool },
    Import { who: &'static str, team: &'static str },
}

impl Act {
    fn any(choice: &mut Choice) -> Self {
        let (leaves, who, team) = (choice.below(2) == 0, choice.of(&PEOPLE), choice.of(&TEAMS));
        match choice.below(9) {
            0 | 1 => Self::Push { leaves, who, active: choice.below(4) > 0, title: choice.of(&["Boss", "Clerk"]) },
            2 if choice.below(3) == 0 => Self::Delete { who },
            2..=4 => Self::Member { leaves, team, who, present: choice.below(2) == 0 },
            5 => Self::Whole { leaves, team, who },
            6 | 7 => Self::Login { leaves, who, team },
            8 if choice.below(2) == 0 => Self::Grant { who, team, word: choice.below(2) == 0 },
            _ => Self::Import { who, team },
        }
    }

    /// Whether it is a word of the connection that will be withdrawn.
    fn leaves(self) -> bool {
        match self {
            Self::Push { leaves, .. } | Self::Member { leaves, .. } | Self::Whole { leaves, .. } => leaves,
            Self::Login { leaves, .. } => leaves,
            Self::Delete { .. } => true,
            Self::Grant { .. } | Self::Import { .. } => false,
        }
    }
}

/// A tenant with two connections of one directory: one stays, the other is withdrawn.
struct Place {
    roll: Roll,
    stays: String,
    leaves: String,
    teams: BTreeMap<&'static str, String>,
}

impl Place {
    async fn new(roll: Roll, leaves_is_first: bool) -> Self {
        let teams_of = |teams: &BTreeMap<&str, String>| {
            json!({
                "anchor": {"claim": "anchor", "namespace": "acme"}, "groups": {"table": teams}, "userName": ["preferred_username"]
            })
        };
        let mut teams = BTreeMap::new();
        for team in TEAMS {
            let made = roll.administrator().post("Group", json!({"displayName": team})).await.expect("a group");
            teams.insert(team, made.id);
        }
        let mut made = Vec::new();
        for name in ["one", "two"] {
            made.push(roll.connection(name, teams_of(&teams)).await);
        }
        let [one, two] = [made[0].clone(), made[1].clone()];
        let (stays, leaves) = if leaves_is_first { (two, one) } else { (one, two) };
        let place = Self { roll, stays, leaves, teams };
        for who in PEOPLE {
            place.act(Act::Push { leaves: false, who, active: true, title: "Clerk" }).await;
        }
        place
    }

    async fn id(&self, who: &str) -> Option<String> {
        let found = self.roll.administrator().ids("User", &format!("userName eq \"{who}\"")).await.expect("a list");
        found.into_iter().next()
    }

    fn connection(&self, leaves: bool) -> &str {
        if leaves { &self.leaves } else { &self.stays }
    }

    /// The outcome, so that a story is only compared while both worlds answer alike.
    async fn act(&self, act: Act) -> String {
        let directory = &self.roll.directory;
        let tenant = &self.roll.tenant;
        match act {
            Act::Push { leaves, who, active, title } => {
                let push = self.roll.push(self.connection(leaves));
                let body = json!({"userName": who, "externalId": who, "active": active, "title": title});
                let own = push.ids("User", &format!("externalId eq \"{who}\"")).await.expect("a list");
                match own.first() {
                    Some(id) => outcome(&push.put("User", id, body).await),
                    None => outcome(&push.post("User", body).await),
                }
            }
            Act::Delete { who } => {
                let push = self.roll.push(&self.leaves);
                let own = push.ids("User", &format!("externalId eq \"{who}\"")).await.expect("a list");
                match own.first() {
                    Some(id) => outcome(&push.delete("User", id).await),
                    None => "nobody".to_owned(),
                }
            }
            Act::Member { leaves, team, who, present } => {
                let Some(id) = self.id(who).await else { return "nobody".to_owned() };
                let change = if present {
                    rollkeeper::directory::ListChange::Add(vec![id])
                } else {
                    rollkeeper::directory::ListChange::Remove(vec![id])
                };
                outcome(&directory.push_list(tenant, self.connection(leaves), &self.teams[team], &change).await)
            }
            Act::Whole { leaves, team, who } => {
                let Some(id) = self.id(who).await else { return "nobody".to_owned() };
                let change = rollkeeper::directory::ListChange::State(vec![id]);
                outcome(&directory.push_list(tenant, self.connection(leaves), &self.teams[team], &change).await)
            }
            Act::Login { leaves, who, team } => self.login(self.connection(leaves), who, team).await,
            Act::Grant { who, team, word } => {
                let Some(id) = self.id(who).await else { return "nobody".to_owned() };
                let team = &self.teams[team];
                let done = match word {
                    true => directory.grant(tenant, &id, team, None).await,
                    false => directory.deny(tenant, &id, team).await,
                };
                outcome(&done)
            }
            Act::Import { who, team } => {
                let Some(id) = self.id(who).await else { return "nobody".to_owned() };
                outcome(&directory.import_membership(tenant, &id, &self.teams[team]).await)
            }
        }
    }

    async fn login(&self, connection: &str, who: &str, team: &str) -> String {
        let keys = Jwks::new(Egress::new(EgressPolicy::default()), self.roll.clock.clone());
        let logins = Logins { directory: self.roll.directory.clone(), keys };
        let claims =
            json!({"anchor": who, "preferred_username": who, "groups": [team], "name": format!("{who} {team}")});
        let Value::Object(claims) = claims else { unreachable!("an object") };
        let stamp = self.roll.clock.now();
        let statement =
            Statement { subject: who.to_owned(), stamp, claims, evidence: format!("{connection} {who} {stamp}") };
        match logins.present(&self.roll.tenant, connection, &statement, None, false).await {
            Ok(_) => "ok".to_owned(),
            Err(refused) => refused.code.to_owned(),
        }
    }

    /// Everything effective, by names.
    async fn view(&self) -> BTreeMap<String, (bool, Vec<String>, Value, Value)> {
        let mut view = BTreeMap::new();
        for user in self.roll.reader().everything("User").await {
            let text = |name: &str| user.document.0.get(name).cloned().unwrap_or_default();
            let groups: BTreeSet<String> = user.groups.iter().flatten().filter_map(|it| it.display.clone()).collect();
            let name = text("userName").as_str().unwrap_or_default().to_owned();
            view.insert(
                name,
                (user.active == Some(true), groups.into_iter().collect(), text("title"), text("displayName")),
            );
        }
        view
    }
}

/// Plays the story with and without the words of the connection that leaves; how many acts were compared.
async fn erased(database: crate::support::Database, stories: u64) {
    let first = Roll::open(database).await;
    let mut compared = 0;
    for seed in 1..=stories {
        let with = Place::new(first.neighbour(&format!("with-{seed}")).await, seed % 2 == 0).await;
        let without = Place::new(first.neighbour(&format!("without-{seed}")).await, seed % 2 == 0).await;
        let mut choice = Choice(0x9e37_79b9_7f4a_7c15 ^ seed.wrapping_mul(0x1234_5678_9abc_def1));
        let mut alike = true;
        for _ in 0..25 {
            first.clock.advance(1000);
            let act = Act::any(&mut choice);
            let outcome = with.act(act).await;
            if !act.leaves() {
                alike &= outcome == without.act(act).await;
            }
        }
        let connection = with.leaves.clone();
        let tenant = with.roll.tenant.clone();
        let before = with.view().await;
        let forecast = with.roll.directory.foresee_withdrawal(&tenant, &connection, None, 100).await.expect("foreseen");
        let done = with.roll.directory.withdraw_connection(&tenant, &connection, usize::MAX, &mut |_, _| {}).await;
        let done = done.expect("withdrawn");
        assert!(done.done && done.people == forecast.people, "{seed}: {done:?} {forecast:?}");
        let after = with.view().await;
        assert_eq!(promised(&before, &forecast, &after), after, "story {seed}: what was promised is what happened");
        with.roll.verified().await;
        // Where an act of somebody else was answered otherwise because of the connection, the histories differ by more.
        if alike {
            compared += 1;
            assert_eq!(after, without.view().await, "story {seed}: as if it had never been there");
        }
    }
    assert!(compared * 3 > stories, "{compared} of {stories} stories were compared");
}

type View = BTreeMap<String, (bool, Vec<String>, Value, Value)>;

/// The view as the forecast changes it; attributes are promised by name only, so they are taken as they became.
fn promised(before: &View, forecast: &Forecast, after: &View) -> View {
    let mut view = before.clone();
    for change in &forecast.differences {
        if change.gone {
            view.remove(&change.person.name);
            continue;
        }
        let (active, groups, title, display) = view.get_mut(&change.person.name).expect("somebody");
        let is_said = |name: &str| change.attributes.iter().any(|attribute| attribute == name);
        if let Some(became) = after.get(&change.person.name) {
            *title = if is_said("title") { became.2.clone() } else { title.take() };
            *display = if is_said("displayName") { became.3.clone() } else { display.take() };
        }
        *active = change.active.unwrap_or(*active);
        let mut now: BTreeSet<String> = groups.iter().cloned().collect();
        now.extend(change.joined.iter().map(|named| named.name.clone()));
        now.retain(|group| !change.left.iter().any(|named| named.name == *group));
        *groups = now.into_iter().collect();
    }
    view
}

both_engines! {
    async fn a_withdrawn_connection_might_never_have_been(database: Database) {
        let stories = if database.is_postgres() { 5 } else { 25 };
        erased(database, stories).await;
    }

    async fn whoever_only_that_connection_knew_goes_and_its_groups_too(database: Database) {
        let roll = Roll::open(database).await;
        let okta = roll.connection("okta", json!({"domains": ["acme.example"]})).await;
        let push = roll.push(&okta);
        let user = |name: &str| json!({"userName": name, "externalId": name});
        let ana = push.post("User", user("ana@acme.example")).await.expect("pushed").id;
        let bo = push.post("User", user("bo@acme.example")).await.expect("pushed").id;
        let members = json!({"displayName": "crew", "members": [{"value": ana}, {"value": bo}]});
        let crew = push.post("Group", members).await.expect("a group").id;
        let kept = push.post("Group", json!({"displayName": "kept", "members": [{"value": ana}]})).await.expect("a group").id;
        roll.directory.grant(&roll.tenant, &ana, &kept, None).await.expect("granted");

        let directory = &roll.directory;
        let forecast = directory.foresee_withdrawal(&roll.tenant, "okta", None, 10).await.expect("foreseen");
        assert_eq!((forecast.people, forecast.gone, forecast.left), (2, 1, 2));
        assert_eq!(roll.reader().members(&crew).await.len(), 2, "a preview writes nothing");
        let (_, events) = roll.events_of(directory.withdraw_connection(&roll.tenant, "okta", 1000, &mut |_, _| {})).await;
        assert!(events.contains(&format!("user.deleted {bo} -")), "{events:#?}");
        assert!(events.contains(&format!("membership.removed {ana} {crew}")), "{events:#?}");
        assert!(events.contains(&format!("group.deleted {crew} -")), "{events:#?}");
        assert_eq!(roll.reader().members(&kept).await, std::slice::from_ref(&ana), "an administrator has a word on both");
        assert!(roll.administrator().get("User", &bo).await.is_err());
        roll.verified().await;

        // Nothing of it is left: the domain is free, the names are, and no tombstone stops anybody.
        let entra = roll.connection("entra", json!({"domains": ["acme.example"]})).await;
        let again = roll.push(&entra).post("User", user("bo@acme.example")).await.expect("nobody has the name").id;
        assert_ne!(again, bo);
        assert_eq!(roll.push(&entra).post("User", user("ana@acme.example")).await.expect("claimed").id, ana);
        assert!(roll.push(&okta).post("User", user("cem")).await.is_err(), "it stays withdrawn until it is resumed");
        roll.verified().await;
    }

    async fn new_settings_do_what_their_simulation_promised(database: Database) {
        let roll = Roll::open(database).await;
        let place = Place::new(roll, true).await;
        for (who, team) in PEOPLE.into_iter().zip(["red", "green", "blue", "red", "red"]) {
            place.roll.clock.advance(1000);
            place.act(Act::Login { leaves: false, who, team }).await;
        }
        let directory = &place.roll.directory;
        let tenant = place.roll.tenant.clone();
        let info = directory.connection(&tenant, &place.stays).await.expect("read").expect("there");
        let patch = json!({"groups": {"table": {"red": place.teams["blue"], "green": null}}});
        let rules = info.rules.patched(&patch).expect("good settings");
        let before = place.view().await;
        let (forecast, events) = place.roll.events_of(directory.simulate(&tenant, &place.stays, &rules, None, 100)).await;
        let forecast = forecast.expect("simulated");
        assert_eq!((events.len(), place.view().await), (0, before.clone()), "nothing is written");
        assert_eq!((forecast.people, forecast.changed, forecast.joined, forecast.left), (5, 4, 3, 4));
        let page = directory.simulate(&tenant, &place.stays, &rules, None, 1).await.expect("simulated");
        assert_eq!(page.differences, forecast.differences[..1]);
        let next = directory.simulate(&tenant, &place.stays, &rules, page.next.as_deref(), 3).await.expect("simulated");
        assert_eq!((&next.differences[..], next.next), (&forecast.differences[1..], None));

        directory.update_connection(&tenant, &place.stays, rules, None).await.expect("updated");
        let after = place.view().await;
        assert_eq!(promised(&before, &forecast, &after), after);
        place.roll.verified().await;
    }

    async fn new_settings_reach_a_large_population_in_batches_that_survive_a_crash(database: Database) {
        const MANY: usize = 510;
        let roll = Roll::open(database).await;
        let okta = roll.connection("okta", json!({})).await;
        let moby = roll.administrator().post("Organization", json!({"slug": "moby"})).await.expect("made").id;
        let user = |n: usize| json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": format!("p{n}")});
        let lines: Vec<String> = (0..MANY).map(|n| user(n).to_string()).collect();
        let report = roll.directory.import(&roll.tenant, &lines.join("\n"), &Default::default(), &mut |_, _| {}).await;
        assert_eq!(report.expect("imported").created, MANY);
        let sql = format!(
            "insert into link (tenant, connection, subject, resource, created, last_login, cut_off, id)
             select tenant, '{okta}', id, id, 0, 0, false, id from resource where kind = 'User'"
        );
        let claims = format!(
            "insert into claim (tenant, connection, subject, field, stamp, value)
             select tenant, '{okta}', id, 'groups:', 0, '[\"CN=crew,OU=x\",\"CN=late,OU=x\"]' from resource where kind = 'User'"
        );
        roll.execute(&[sql, claims]).await;
        let crew = roll.push(&okta).post("Group", json!({"displayName": "crew"})).await.expect("a group").id;

        let info = roll.directory.connection(&roll.tenant, &okta).await.expect("read").expect("there");
        let rules = json!({"default": {"organization": "moby"}, "groups": {"transform": [{"capture": "^CN=([^,]+)"}]}});
        let rules = info.rules.patched(&rules).expect("good settings");
        roll.directory.update_connection(&roll.tenant, &okta, rules, None).await.expect("updated");
        roll.verified().await;
        let last = roll.administrator().ids("User", "userName eq \"p509\"").await.expect("a list").remove(0);
        let member = async |parent: &String| {
            roll.directory.explain(&roll.tenant, &last, parent).await.expect("told").explanation.member
        };
        assert!(member(&moby).await && member(&crew).await);

        // A crash between two batches: nothing of it has reached anybody, and nobody is reported for it.
        roll.execute(&[
            "delete from vouch where source like 'default:%' or source like 'login:%'".to_owned(),
            "delete from claim_value".to_owned(),
            format!("update connection set derived_to = '' where id = '{okta}'"),
        ])
        .await;
        roll.verified().await;
        assert_eq!(roll.directory.tick().await.expect("ticks").caught_up, MANY);
        assert_eq!(roll.directory.tick().await.expect("ticks").caught_up, 0);
        assert!(member(&crew).await);
        let late = roll.push(&okta).post("Group", json!({"displayName": "late"})).await.expect("a group").id;
        assert!(member(&late).await, "a new group finds the claims that name it by the new steps");
        roll.verified().await;
    }
}

#[tokio::test]
async fn a_connection_is_paused_resumed_disconnected_and_withdrawn_over_http() {
    let world = World::sqlite().await;
    let acme = world.tenant("acme").await;
    let admin = world.client(&acme, Scope::Admin).await;
    let push = world.client(&acme, Scope::Scim).await;
    push.users().post(json!({"userName": "ana"})).await.status(201);
    let call = |what: &str, body: Value| {
        admin.admin("/connections").call(Method::POST, &format!("/default/{what}")).json(body)
    };

    let previewed = call("pause", json!({"preview": true})).await.status(200);
    assert_eq!((&previewed["state"], &previewed["pushed"], &previewed["tokens"]), (&json!("on"), &json!(1), &json!(1)));
    push.users().list("").await.status(200);
    assert_eq!(call("pause", json!({})).await.status(200)["state"], "paused");
    push.users().list("").await.scim_error(403, "");
    assert_eq!(call("resume", json!({})).await.status(200)["state"], "on");
    push.users().list("").await.status(200);

    assert_eq!(call("disconnect", json!({})).await.status(200)["state"], "disconnected");
    push.users().list("").await.scim_error(401, "");
    assert_eq!(admin.users().list("").await.status(200)["totalResults"], 1, "what it said stays");
    let kinds = admin.admin("/events").list("").await.status(200)["events"].to_string();
    for kind in ["connection.paused", "connection.resumed", "connection.disconnected"] {
        assert!(kinds.contains(kind), "{kinds}");
    }

    let forecast = call("withdraw", json!({"preview": true})).await.status(200);
    assert_eq!((&forecast["people"], &forecast["gone"]), (&json!(1), &json!(1)));
    let done = call("withdraw", json!({})).await.status(200);
    assert_eq!(done.body, json!({"done": true, "people": 1, "remaining": 0}));
    assert_eq!(admin.users().list("").await.status(200)["totalResults"], 0);
    assert_eq!(admin.admin("/connections").get("default").await.status(200)["state"], "withdrawn");
    call("simulate", json!({"rules": {"isuer": "typo"}})).await.problem(400, "invalid_value");
    call("simulate", json!({"rules": {"groups": {"claim": "teams"}}})).await.status(200);
    assert_eq!(world.directory.verify(None).await.expect("verify runs"), []);
}
