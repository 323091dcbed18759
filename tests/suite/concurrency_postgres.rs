//! Many at once on PostgreSQL, where writers run beside each other: nothing is lost, nobody ends against the registers, and
//! no deadlock reaches a client.

use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rollkeeper::auth::egress::{Egress, EgressPolicy};
use rollkeeper::auth::jwks::Jwks;
use rollkeeper::directory::Error;
use rollkeeper::jit::claims::Statement;
use rollkeeper::jit::login::{Answer, LoginError, Logins};
use rollkeeper::store::Options;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use tokio::task::JoinSet;

use crate::support::Database;
use crate::support::roll::{self, Roll, outcome};

/// More callers than connections, so that some wait.
async fn crowd() -> Arc<Roll> {
    let options = Options { connections: 24, wait: Duration::from_secs(60), ..Options::default() };
    Arc::new(Roll::open_with(Database::postgres().await, &options).await)
}

fn add(id: &str) -> Value {
    json!({"op": "Add", "path": "members", "value": [{"value": id}]})
}

fn remove(id: &str) -> Value {
    json!({"op": "Remove", "path": "members", "value": [{"value": id}]})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_200_concurrent_patches_to_one_group_none_is_lost() {
    let roll = crowd().await;
    let okta = roll.first_connection().await;
    let group = roll.push(&okta).post("Group", json!({"displayName": "everybody"})).await.expect("created").id;
    let mut creating = JoinSet::new();
    for n in 0..200 {
        let (roll, okta) = (roll.clone(), okta.clone());
        creating.spawn(async move {
            let body = json!({"userName": format!("u{n}"), "externalId": format!("x{n}")});
            roll.push(&okta).post("User", body).await.expect("created").id
        });
    }
    let mut people = creating.join_all().await;
    people.sort();

    let mut adding = JoinSet::new();
    for id in people.clone() {
        let (roll, okta, group) = (roll.clone(), okta.clone(), group.clone());
        adding.spawn(async move { outcome(&roll.push(&okta).patch("Group", &group, add(&id)).await) });
    }
    assert!(adding.join_all().await.iter().all(|outcome| outcome == "ok"));
    assert_eq!(roll.push(&okta).members(&group).await, people);
    assert_eq!(roll.reader().members(&group).await, people);
    assert_eq!(
        roll.push(&okta).get("Group", &group).await.expect("there").version,
        201,
        "each was a change of its own"
    );
    let added = roll.events().await.into_iter().filter(|event| event.starts_with("membership.added")).count();
    assert_eq!(added, 200);
    roll.verified().await;
}

// ------------------------------------------------------------------------------------------------ logins

fn logins(roll: &Roll) -> Logins {
    let keys = Jwks::new(Egress::new(EgressPolicy::default()), roll.clock.clone());
    Logins { directory: roll.directory.clone(), keys }
}

/// A sign-in whose token has verified: the subject is what the push calls `externalId`.
async fn sign_in(
    roll: &Roll,
    connection: &str,
    subject: &str,
    groups: Value,
    token: &str,
) -> Result<Answer, LoginError> {
    let Value::Object(claims) = json!({"preferred_username": subject, "groups": groups}) else {
        unreachable!("an object")
    };
    let evidence = format!("{subject} {token}");
    let statement = Statement { subject: subject.to_owned(), stamp: roll.clock.now(), claims, evidence };
    logins(roll).present(&roll.tenant, connection, &statement, None, false).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_50_simultaneous_first_logins_of_one_person_comes_one_user_with_one_link() {
    let roll = crowd().await;
    let okta = roll.first_connection().await;
    let mut signing_in = JoinSet::new();
    for n in 0..50 {
        let (roll, okta) = (roll.clone(), okta.clone());
        signing_in.spawn(async move {
            let answer = sign_in(&roll, &okta, "ada@acme.example", json!([]), &n.to_string()).await;
            answer.map(|answer| (answer.user.id, answer.created))
        });
    }
    let answers = signing_in.join_all().await;
    let answers: Vec<(String, bool)> = answers.into_iter().map(|answer| answer.expect("signed in")).collect();
    assert!(answers.iter().all(|(id, _)| *id == answers[0].0), "one account: {answers:?}");
    assert_eq!(answers.iter().filter(|(_, created)| *created).count(), 1);
    assert_eq!(roll.reader().everything("User").await.len(), 1);
    let events = roll.events().await;
    for kind in ["user.created", "link.created"] {
        assert_eq!(events.iter().filter(|event| event.starts_with(kind)).count(), 1, "{kind}: {events:?}");
    }
    roll.verified().await;
}

/// Whoever comes first makes the account; the other finds it: by the link, or by the anchor that both sources name.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_login_and_a_push_at_once_comes_one_account() {
    let roll = crowd().await;
    let okta = roll.connection("okta", json!({"anchor": {"claim": "oid"}})).await;
    let mut arriving = JoinSet::new();
    for n in 0..120 {
        let (roll, okta) = (roll.clone(), okta.clone());
        arriving.spawn(async move {
            let (person, oid) = (n / 4, format!("oid-{}", n / 4));
            if n % 4 == 0 {
                // Another name than the token's: only the anchor says that it is the same person.
                let body = json!({"userName": format!("pushed-{person}"), "externalId": oid});
                return roll.push(&okta).post("User", body).await.expect("created or adopted").id;
            }
            // Applications with pairwise subjects: the subject differs, the anchor does not.
            let subject = format!("subject-{}-{person}", n % 4);
            let Value::Object(claims) = json!({"preferred_username": format!("signed-in-{person}"), "oid": oid}) else {
                unreachable!("an object")
            };
            let evidence = subject.clone();
            let statement = Statement { subject, stamp: roll.clock.now(), claims, evidence };
            let answer = logins(&roll).present(&roll.tenant, &okta, &statement, None, false).await;
            answer.expect("signed in").user.id
        });
    }
    let mut ids = arriving.join_all().await;
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 30);
    let people = roll.reader().everything("User").await;
    assert_eq!(people.len(), 30);
    assert!(
        people.iter().all(|person| person.document.0["userName"].as_str().is_some_and(|n| n.starts_with("pushed")))
    );
    roll.verified().await;
}

/// A POST finds the account by its anchor while a DELETE is about to end it: it starts again, and binds nothing to whoever is gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_post_beside_a_delete_no_word_is_left_on_whoever_is_gone() {
    let roll = crowd().await;
    let okta = roll.first_connection().await;
    let mut crowd = JoinSet::new();
    for n in 0..8 {
        for role in 0..4 {
            let (roll, okta, name) = (roll.clone(), okta.clone(), format!("p{n}"));
            crowd.spawn(async move {
                let push = roll.push(&okta);
                for turn in 0..15 {
                    let told = match role {
                        0 | 1 => outcome(&push.post("User", json!({"userName": name, "externalId": name})).await),
                        2 => match push.ids("User", &format!("userName eq \"{name}\"")).await.expect("a list").pop() {
                            Some(id) => outcome(&push.delete("User", &id).await),
                            None => "ok".to_owned(),
                        },
                        _ => match sign_in(&roll, &okta, &name, json!([]), &format!("{name} {turn}")).await {
                            Ok(_) => "ok".to_owned(),
                            Err(refused) => refused.code.to_owned(),
                        },
                    };
                    assert!(["ok", "404", "409 uniqueness", "tombstoned"].contains(&told.as_str()), "{told}");
                }
            });
        }
    }
    crowd.join_all().await;
    roll.verified().await;
    for n in 0..8 {
        let name = format!("p{n}");
        let _ = roll.push(&okta).post("User", json!({"userName": name, "externalId": name})).await;
        sign_in(&roll, &okta, &name, json!([]), &format!("{name} at last")).await.expect("whoever is pushed signs in");
    }
    roll.verified().await;
}

/// As many callers wait for somebody's lock.
async fn until_waiting(connection: &mut PgConnection, callers: i64) {
    let sql = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    while sqlx::query_scalar::<_, i64>(sql).fetch_one(&mut *connection).await.expect("a number") < callers {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// The same step by step: the POST has found whom it means and waits behind the DELETE for the person's lock.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_post_that_waited_for_a_delete_looks_again_at_whom_it_found() {
    let roll = crowd().await;
    let okta = roll.first_connection().await;
    let push = roll.push(&okta);
    let user = |name: &str| json!({"userName": name, "externalId": name});
    // One whom the POST would restore, one whom it would adopt.
    let inactive = push.post("User", user("ina")).await.expect("created").id;
    let off = json!({"op": "replace", "path": "active", "value": false});
    push.patch("User", &inactive, off).await.expect("deactivated");
    let signed_in = sign_in(&roll, &okta, "sid", json!([]), "first").await.expect("signed in").user.id;
    for (id, name) in [(inactive, "ina"), (signed_in, "sid")] {
        let mut holding = PgConnection::connect(roll.url()).await.expect("the database opens");
        sqlx::raw_sql("begin").execute(&mut holding).await.expect("it begins");
        let lock = sqlx::query("select id from resource where id = $1 for no key update").bind(&id);
        lock.execute(&mut holding).await.expect("it is locked");
        let (there, of, gone) = (roll.clone(), okta.clone(), id.clone());
        let deleting = tokio::spawn(async move { outcome(&there.push(&of).delete("User", &gone).await) });
        until_waiting(&mut holding, 1).await;
        let (there, of, body) = (roll.clone(), okta.clone(), user(name));
        let posting = tokio::spawn(async move { outcome(&there.push(&of).post("User", body).await) });
        until_waiting(&mut holding, 2).await;
        sqlx::raw_sql("commit").execute(&mut holding).await.expect("it ends");
        let told = (deleting.await.expect("an answer"), posting.await.expect("an answer"));
        assert_eq!(told, ("ok".to_owned(), "ok".to_owned()), "{name}");
        roll.verified().await;
        assert_eq!(push.ids("User", &format!("userName eq \"{name}\"")).await.expect("a list").len(), 1, "{name}");
        sign_in(&roll, &okta, name, json!([]), "at last").await.expect("whoever is pushed signs in");
        holding.close().await.expect("it closes");
    }
    roll.verified().await;
}

const PEOPLE: usize = 40;
const GROUPS: usize = 6;
const WORKERS: u64 = 16;
/// Of each worker that signs people in, and of each that pushes.
const LOGINS: usize = 140;
const PUSHES: usize = 60;

/// People by `p7`, groups by `g3`; ids change when the IdP deletes and creates again under another name.
struct Company {
    roll: Arc<Roll>,
    okta: String,
}

impl Company {
    async fn open() -> Arc<Company> {
        let roll = crowd().await;
        let okta =
            roll.connection("okta", json!({"groups": {"match": "displayName"}, "hold": {"count": 1_000_000}})).await;
        let company = Company { roll, okta };
        for n in 0..PEOPLE {
            company.hire(n).await;
        }
        for n in 0..GROUPS {
            company.found(n).await;
        }
        Arc::new(company)
    }

    async fn hire(&self, n: usize) {
        let body = json!({"userName": format!("p{n}"), "externalId": format!("p{n}")});
        self.sound(self.roll.push(&self.okta).post("User", body).await);
    }

    async fn found(&self, n: usize) {
        let body = json!({"displayName": format!("g{n}"), "externalId": format!("g{n}")});
        self.sound(self.roll.push(&self.okta).post("Group", body).await);
    }

    /// The id that the IdP finds before it writes, as IdPs do.
    async fn id(&self, kind: &str, name: &str) -> Option<String> {
        let found = self.roll.push(&self.okta).ids(kind, &format!("externalId eq \"{name}\"")).await;
        found.expect("a list").pop()
    }

    /// What was refused was refused for a reason that the client can read; a lost race reaches nobody.
    fn sound<T>(&self, answer: roll::Answer<T>) {
        if let Err(error) = answer {
            assert!(matches!(error, Error::Scim(_) | Error::Refused { .. }), "{error:?}");
            assert!(["400 invalidValue", "404", "409 uniqueness"].contains(&outcome(&Err::<(), _>(error)).as_str()));
        }
    }

    async fn log_in_somebody(&self, random: &mut StdRng, token: &str) {
        let (person, first) = (random.random_range(0..PEOPLE), random.random_range(0..GROUPS));
        let groups: Value = (first..GROUPS).step_by(2).map(|n| format!("g{n}")).collect();
        self.roll.clock.advance(1);
        let answer = sign_in(&self.roll, &self.okta, &format!("p{person}"), groups, token).await;
        if let Err(error) = answer {
            assert!(["inactive", "tombstoned", "account_exists_unlinked"].contains(&error.code), "{error:?}");
        }
    }

    async fn push_something(&self, random: &mut StdRng) {
        let push = self.roll.push(&self.okta);
        let (n, g) = (random.random_range(0..PEOPLE), random.random_range(0..GROUPS));
        let (person, group) = (self.id("User", &format!("p{n}")).await, self.id("Group", &format!("g{g}")).await);
        self.roll.clock.advance(1);
        let (Some(person), Some(group)) = (&person, &group) else {
            self.hire(n).await;
            return self.found(g).await;
        };
        let active = |active: bool| json!({"op": "replace", "path": "active", "value": active});
        match random.random_range(0..22) {
            0..=6 => self.sound(push.patch("Group", group, remove(person)).await),
            7..=10 => self.sound(push.patch("Group", group, add(person)).await),
            11..=12 => {
                let mut list = vec![json!({"value": person})];
                for other in [n / 2, (n * 7) % PEOPLE] {
                    list.extend(self.id("User", &format!("p{other}")).await.map(|id| json!({"value": id})));
                }
                let list = json!({"op": "replace", "path": "members", "value": list});
                self.sound(push.patch("Group", group, list).await);
            }
            13..=14 => self.sound(push.patch("User", person, active(false)).await),
            15 => self.sound(push.patch("User", person, active(true)).await),
            16 => self
                .sound(push.put("User", person, json!({"userName": format!("p{n}"), "title": format!("t{g}")})).await),
            17 => self.sound(push.delete("User", person).await),
            18 => self.sound(push.delete("Group", group).await),
            19 => self.administer(random, person, group).await,
            _ => {
                let body = json!({"op": "remove", "path": "members"});
                self.sound(push.patch("Group", group, body).await);
            }
        }
    }
}

impl Company {
    /// An administrator has a say meanwhile.
    async fn administer(&self, random: &mut StdRng, person: &str, group: &str) {
        let (directory, tenant) = (&self.roll.directory, &self.roll.tenant);
        self.sound(match random.random_range(0..6) {
            0 => directory.grant(tenant, person, group, None).await,
            1 => directory.deny(tenant, person, group).await,
            2 => directory.ungrant(tenant, person, group).await,
            3 => directory.import_membership(tenant, person, group).await,
            4 => directory.suspend(tenant, person).await,
            _ => directory.unsuspend(tenant, person).await,
        });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logins_beside_removals_of_the_same_people_and_groups_end_as_the_registers_say() {
    let company = Company::open().await;
    let mut crowd = JoinSet::new();
    for worker in 0..WORKERS {
        let company = company.clone();
        crowd.spawn(async move {
            let mut random = StdRng::seed_from_u64(worker);
            // Every second worker is an IdP's push; the others are applications.
            if worker % 2 == 0 {
                for n in 0..LOGINS {
                    company.log_in_somebody(&mut random, &format!("{worker} {n}")).await;
                }
            } else {
                for _ in 0..PUSHES {
                    company.push_something(&mut random).await;
                }
            }
        });
    }
    crowd.join_all().await;
    let roll = &company.roll;
    roll.verified().await;
    // Whom the push removed last is out, whatever their claims say.
    let staff = company.id("Group", "g0").await;
    let push = roll.push(&company.okta);
    if let Some(staff) = staff {
        for person in push.everything("User").await {
            push.patch("Group", &staff, remove(&person.id)).await.expect("removed");
        }
        let granted: Vec<String> = roll.reader().members(&staff).await;
        for person in &granted {
            roll.directory.ungrant(&roll.tenant, person, &staff).await.expect("withdrawn");
        }
        assert_eq!(roll.reader().members(&staff).await, [""; 0], "but for grants: {granted:?}");
    }
    for person in 0..PEOPLE {
        let subject = format!("p{person}");
        let found = push.ids("User", &format!("userName eq \"{subject}\"")).await.expect("a list");
        assert!(found.len() <= 1, "{subject} is {found:?}");
    }
    roll.verified().await;
}
