//! A read that takes too long is stopped by the database itself, so that nobody who has gone away keeps it busy.

use std::time::Duration;

use rollkeeper::clock::{Clock, Ids};
use rollkeeper::directory::{Caller, Directory, Error, Query, Wants};
use rollkeeper::scim::resource_type::Registry;
use rollkeeper::store::{Engine, Options};
use serde_json::json;

use crate::support::both_engines;

both_engines! {
    async fn a_read_ends_at_its_deadline(database: Database) {
        let open = async |options: &Options| {
            let engine = Engine::connect(database.url(), options).await.unwrap();
            Directory::new(engine, Clock::fixed(1_800_000_000_000), Ids::seeded(1))
        };
        let patient = open(&Options::default()).await;
        patient.engine().migrate().await.unwrap();
        let tenant = patient.create_tenant("acme", "directory").await.unwrap();
        let administrator = Caller::administrator(&tenant.id);
        let users = Registry::builtin().type_named("User").unwrap().clone();
        let emails: Vec<_> = (0..2_000).map(|n| json!({"value": format!("a{n}@acme.example")})).collect();
        for n in 0..10 {
            let body = json!({"userName": format!("many-{n}"), "emails": emails});
            patient.create(&administrator, &users, &body, Wants::default()).await.unwrap();
        }
        let query = Query {
            filter: Some(r#"emails.value co "nobody" or emails.display co "nobody" or emails.primary eq true"#.to_owned()),
            sort_by: None,
            descending: false,
            start_index: 1,
            count: 1,
            wants: Wants::default(),
            base: String::new(),
        };
        assert_eq!(patient.search(&administrator, &users, &query).await.unwrap().total, 0);

        let hurried = open(&Options { statement: Duration::from_millis(1), ..Options::default() }).await;
        let refused = hurried.search(&administrator, &users, &query).await.err();
        assert!(matches!(refused, Some(Error::Busy)), "{refused:?}");
        // The connection that was stopped goes on.
        assert_eq!(patient.search(&administrator, &users, &query).await.unwrap().total, 0);
    }
}
