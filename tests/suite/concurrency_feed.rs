//! The feed beside writers: a reader that follows cursors sees every committed event once, in one order, and nothing appears
//! behind a cursor that it was given.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rollkeeper::store::{Options, feed};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::Database;
use crate::support::both_engines;
use crate::support::roll::Roll;

const WRITERS: usize = 8;
const EACH: usize = 25;

both_engines! {
    async fn each_committed_event_is_seen_once_and_none_behind_a_cursor(database: Database) {
        let options = Options { wait: Duration::from_secs(60), ..Options::default() };
        let roll = Arc::new(Roll::open_with(database, &options).await);
        let okta = roll.first_connection().await;
        let writing = Arc::new(AtomicUsize::new(WRITERS));
        let mut crowd = JoinSet::new();
        for writer in 0..WRITERS {
            let (roll, okta, writing) = (roll.clone(), okta.clone(), writing.clone());
            crowd.spawn(async move {
                let push = roll.push(&okta);
                for n in 0..EACH {
                    let body = json!({"userName": format!("u{writer}-{n}")});
                    let id = push.post("User", body.clone()).await.expect("created").id;
                    // A transaction that writes and is undone leaves nothing.
                    push.post("User", body).await.expect_err("it is there already");
                    if n % 3 == 0 {
                        push.delete("User", &id).await.expect("deleted");
                    }
                }
                writing.fetch_sub(1, Ordering::SeqCst);
            });
        }
        let follower = {
            let (roll, writing) = (roll.clone(), writing.clone());
            tokio::spawn(async move {
                let (mut seen, mut after) = (Vec::new(), None::<String>);
                loop {
                    let over = writing.load(Ordering::SeqCst) == 0;
                    let page = roll.directory.events(&roll.tenant, after.as_deref(), 7).await.expect("readable");
                    let quiet = page.events.is_empty();
                    seen.extend(page.events);
                    after = Some(page.next);
                    if over && quiet && seen.len() == roll.events().await.len() {
                        return seen;
                    }
                    if quiet {
                        tokio::task::yield_now().await;
                    }
                }
            })
        };
        crowd.join_all().await;
        let seen = follower.await.expect("it followed");
        let page = roll.directory.events(&roll.tenant, None, 10_000).await.expect("readable");
        assert_eq!(seen, page.events, "what was followed is what there is, in the same order");
        let count = |kind: &str| seen.iter().filter(|event| event["kind"] == kind).count();
        assert_eq!(count("user.created"), WRITERS * EACH);
        assert_eq!(count("user.deleted"), WRITERS * EACH.div_ceil(3));
        assert_eq!(seen.len(), WRITERS * (EACH + EACH.div_ceil(3)));
        roll.verified().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_postgresql_the_feed_waits_for_the_oldest_transaction() {
    let roll = Roll::open(Database::postgres().await).await;
    let okta = roll.first_connection().await;
    let before = roll.events().await.len();
    let mut slow = roll.directory.engine().write(&roll.tenant).await.expect("a transaction");
    let event = |name: &str| ("user.updated".to_owned(), json!({"kind": "user.updated", "resource": name}).to_string());
    feed::append(&mut slow, 1, &[event("slow")]).await.expect("written, with the first position");
    roll.push(&okta).post("User", json!({"userName": "quick"})).await.expect("committed first");
    let read = || async { roll.directory.events(&roll.tenant, None, 1000).await.expect("readable") };
    let page = read().await;
    assert_eq!(page.events.len(), before, "nothing behind the open transaction");
    let cursor = page.next;
    slow.commit().await.expect("committed");
    assert_eq!(roll.events().await.len(), before + 2);
    let page = roll.directory.events(&roll.tenant, Some(&cursor), 1000).await.expect("readable");
    let names: Vec<&Value> = page.events.iter().map(|event| &event["kind"]).collect();
    assert_eq!(names, ["user.updated", "user.created"], "and then both, once");
}
