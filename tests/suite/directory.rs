//! The directory without HTTP, on both engines: push, query, deactivate, delete; what the feed tells of it; building again.

use rollkeeper::clock::{Clock, Ids};
use rollkeeper::directory::{Caller, Directory, Precondition, Query, Voice, Wants};
use rollkeeper::scim::resource_type::Registry;
use rollkeeper::store::{Engine, Options};
use serde_json::json;

use crate::support::{Database, both_engines};

async fn tell(database: Database) {
    let engine = Engine::connect(database.url(), &Options::default()).await.unwrap();
    engine.migrate().await.unwrap();
    let directory = Directory::new(engine, Clock::fixed(1_800_000_000_000), Ids::seeded(1));
    let tenant = directory.create_tenant("acme", "directory").await.unwrap();
    let connection = directory.connections(&tenant.id).await.unwrap().remove(0);
    let push =
        Caller { tenant: tenant.id.clone(), voice: Voice::Push { connection: connection.id.clone() }, token: None };
    let admin = Caller::administrator(&tenant.id);
    let users = Registry::builtin().type_named("User").unwrap().clone();
    let groups = Registry::builtin().type_named("Group").unwrap().clone();
    let all = Wants { groups: true, members: true };
    let (ada, _) = directory
        .create(
            &push,
            &users,
            &json!({"userName": "ada@acme.example", "externalId": "e1", "name": {"givenName": "Ada"},
            "emails": [{"value": "ada@acme.example", "type": "work", "primary": true}], "active": true}),
            all,
        )
        .await
        .unwrap();
    let (group, _) = directory
        .create(&push, &groups, &json!({"displayName": "staff", "members": [{"value": ada.id}]}), all)
        .await
        .unwrap();
    assert_eq!(group.members.as_ref().unwrap().len(), 1);
    for caller in [&push, &admin] {
        for filter in [
            "userName eq \"ADA@acme.example\"",
            "externalId eq \"e1\"",
            "emails[type eq \"work\" and value co \"acme\"]",
            "name.givenName sw \"a\" and not (title pr)",
            "groups.display eq \"Staff\"",
            "active eq true and meta.created ge \"2020-01-01T00:00:00Z\"",
            "id eq \"x\" or userName ew \"example\"",
        ] {
            let query = Query {
                filter: Some(filter.to_owned()),
                sort_by: Some("name.givenName".to_owned()),
                descending: true,
                start_index: 1,
                count: 10,
                wants: all,
                base: "http://h/".to_owned(),
            };
            let page = directory.search(caller, &users, &query).await.unwrap();
            assert_eq!(page.total, 1, "{filter}");
            assert_eq!(page.resources[0].groups.as_ref().unwrap().len(), 1, "{filter}");
        }
    }
    let body = json!({"userName": "ada@acme.example", "active": false});
    let (ada, _) = directory.replace(&push, &users, &ada.id, &Precondition::None, &body, all).await.unwrap();
    assert_eq!(ada.active, Some(false));
    let seen = directory.find(&admin, &groups, &group.id, all).await.unwrap();
    assert!(seen.members.unwrap().is_empty());
    assert_eq!(directory.verify(None).await.unwrap(), vec![]);

    // An index that went wrong is reported, and built again without moving a version.
    let mut tx = directory.engine().write(&tenant.id).await.unwrap();
    rollkeeper::store::values::remove_all(&mut tx, &ada.id).await.unwrap();
    tx.commit().await.unwrap();
    let reported: Vec<&str> = directory.verify(None).await.unwrap().iter().map(|difference| difference.table).collect();
    assert_eq!(reported, ["value"]);
    directory.reindex(&tenant.id).await.unwrap();
    assert_eq!(directory.verify(None).await.unwrap(), vec![]);
    assert_eq!(directory.find(&admin, &users, &ada.id, all).await.unwrap().version, ada.version);

    directory.delete(&push, &users, &ada.id, &Precondition::None).await.unwrap();
    assert!(directory.find(&push, &users, &ada.id, all).await.is_err());
    assert_eq!(directory.verify(None).await.unwrap(), vec![]);
    // PostgreSQL's feed stops at the oldest transaction that is open anywhere on the server, another test's included.
    let mut events = directory.events(&tenant.id, None, 100).await.unwrap().events;
    for _ in 0..1000 {
        if events.len() >= 7 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        events = directory.events(&tenant.id, None, 100).await.unwrap().events;
    }
    let kinds: Vec<&str> = events.iter().map(|event| event["kind"].as_str().unwrap()).collect();
    assert_eq!(
        kinds,
        [
            "user.created",
            "group.created",
            "membership.added",
            "user.updated",
            "user.deactivated",
            "membership.removed",
            "user.deleted"
        ]
    );
}

both_engines! {
    async fn the_main_job(database: Database) {
        tell(database).await;
    }
}
