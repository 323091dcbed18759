//! The life of a password (RFC 7643 §4.1.1, §9.2): set, changed, kept, removed, and never seen again by anybody.

use axum::http::Method;
use rollkeeper::app::App;
use rollkeeper::auth::egress::{Egress, EgressPolicy};
use rollkeeper::auth::jwks::Jwks;
use rollkeeper::auth::token::Scope;
use rollkeeper::directory::PasswordPolicy;
use rollkeeper::http::Settings;
use rollkeeper::jit::login::Logins;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection, SqliteConnection};

use crate::support::{Client, Database, World, both_engines};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const SECRET: &str = "korrekt-Pferd-Batterie";

/// Whether exactly this many people have a password as that reader sees it.
async fn with_password(client: &Client) -> Value {
    client.users().filter("password pr").await.status(200)["totalResults"].clone()
}

/// Every hash in the database.
async fn hashes(url: &str) -> Vec<String> {
    const SQL: &str = "select hash from credential order by resource, source";
    if url.starts_with("postgres") {
        let mut connection = PgConnection::connect(url).await.expect("the database answers");
        sqlx::query_scalar(SQL).fetch_all(&mut connection).await.expect("readable")
    } else {
        let mut connection = SqliteConnection::connect(url).await.expect("the file opens");
        sqlx::query_scalar(SQL).fetch_all(&mut connection).await.expect("readable")
    }
}

both_engines! {
    async fn a_password_is_set_changed_and_removed(database: Database) {
        let url = database.url().to_owned();
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let push = world.client(&acme, Scope::Scim).await;
        let config = push.scim("/ServiceProviderConfig").list("").await.status(200);
        assert_eq!(config["changePassword"], json!({ "supported": true }));

        let created = push.users().post(json!({ "userName": "ana", "password": SECRET })).await.status(201);
        let id = created.id();
        let first = hashes(&url).await;
        assert!(matches!(first.as_slice(), [hash] if hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$")), "{first:?}");
        assert_eq!(with_password(&push).await, 1);

        for (path, value) in [(Some("password"), json!("another-Secret-1")), (None, json!({ "PASSWORD": "another-Secret-2" }))] {
            let operation = match path {
                Some(path) => json!([{ "op": "replace", "path": path, "value": value }]),
                None => json!([{ "op": "add", "value": value }]),
            };
            push.users().patch(&id, operation).await.status(200);
            assert_ne!(hashes(&url).await, first);
        }
        push.users().patch(&id, json!([{ "op": "remove", "path": format!("{USER}:password") }])).await.status(200);
        assert_eq!((hashes(&url).await.len(), with_password(&push).await), (0, json!(0)));
        // Removing what is not there is no mistake.
        push.users().patch(&id, json!([{ "op": "remove", "path": "password" }])).await.status(200);
        push.users().put(&id, json!({ "userName": "ana", "password": SECRET })).await.status(200);
        assert_eq!((hashes(&url).await.len(), with_password(&push).await), (1, json!(1)));
        push.users().put(&id, json!({ "userName": "ana", "password": null })).await.status(200);
        assert_eq!((hashes(&url).await.len(), with_password(&push).await), (0, json!(0)));

        // It goes with the person.
        push.users().put(&id, json!({ "userName": "ana", "password": SECRET })).await.status(200);
        push.users().delete(&id).await.status(204);
        assert_eq!(hashes(&url).await, [""; 0]);
        assert_eq!(world.directory.verify(None).await.expect("readable"), []);
    }

    async fn a_put_that_leaves_the_password_out_keeps_it(database: Database) {
        let url = database.url().to_owned();
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let push = world.client(&acme, Scope::Scim).await;
        let id = push.users().post(json!({ "userName": "ana", "password": SECRET })).await.status(201).id();
        let before = hashes(&url).await;
        world.clock.advance(1_000);
        let changed = push.users().put(&id, json!({ "userName": "ana", "title": "T" })).await.status(200);
        let read = push.users().get(&id).await.status(200);
        assert_eq!(push.users().put(&id, read.body.clone()).await.status(200).etag(), changed.etag());
        push.users().patch(&id, json!([{ "op": "replace", "path": "title", "value": "U" }])).await.status(200);
        assert_eq!((hashes(&url).await, with_password(&push).await), (before, json!(1)));
        assert_eq!(world.directory.verify(None).await.expect("readable"), []);
    }

    async fn a_password_is_in_no_answer(database: Database) {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let (push, admin) = (world.client(&acme, Scope::Scim).await, world.client(&acme, Scope::Admin).await);
        let body = json!({ "userName": "ana", "password": SECRET });
        let created = push.users().call(Method::POST, "?attributes=password,userName").json(body.clone()).await.status(201);
        let id = created.id();
        let set = json!([{ "op": "add", "path": "password", "value": SECRET }]);
        let set_many = json!([{ "op": "replace", "value": { "password": SECRET, "title": "T" } }]);
        let wrong = json!([{ "op": "add", "path": "password.value", "value": SECRET }]);
        let mut answers = vec![
            created,
            push.users().put(&id, body.clone()).await.status(200),
            push.users().patch(&id, set).await.status(200),
            push.users().patch(&id, set_many).query("attributes=password,title").await.status(200),
            push.users().patch(&id, wrong).await.scim_error(400, "invalidPath"),
            push.users().post(body.clone()).await.scim_error(409, "uniqueness"),
            push.users().get(&id).query("attributes=password").await.status(200),
            push.users().list("attributes=password,userName").await.status(200),
            push.users().search(json!({ "attributes": ["password"], "filter": "password pr" })).await.status(200),
            admin.users().get(&id).await.status(200),
        ];
        for path in ["/events", &format!("/people/{id}/explain")] {
            answers.push(admin.admin(path).list("").await);
        }
        for answer in answers {
            let text = String::from_utf8_lossy(&answer.bytes).into_owned();
            assert!(!text.contains(SECRET) && !text.contains("argon2") && !text.contains("\"password\""), "{}: {text}", answer.request);
        }
    }

    async fn a_password_moves_no_version_and_tells_no_event(database: Database) {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let push = world.client(&acme, Scope::Scim).await;
        let created = push.users().post(json!({ "userName": "ana" })).await.status(201);
        let id = created.id();
        let told = world.events(&acme.info.id).await;
        // Whether it is the same as before is nobody's to learn from a tag.
        for password in ["one-Secret-12", "one-Secret-12", "other-Secret-12"] {
            world.clock.advance(1_000);
            let operations = json!([{ "op": "replace", "path": "password", "value": password }]);
            let patched = push.users().patch(&id, operations).if_match(&created.etag()).await.status(200);
            assert_eq!((patched.etag(), &patched["meta"]), (created.etag(), &created["meta"]));
        }
        assert_eq!(world.events(&acme.info.id).await, told);
    }

    async fn a_password_is_asked_for_by_presence_alone(database: Database) {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let push = world.client(&acme, Scope::Scim).await;
        push.users().post(json!({ "userName": "ana", "password": SECRET })).await.status(201);
        push.users().post(json!({ "userName": "bob" })).await.status(201);
        for (filter, found) in [("password pr", vec!["ana"]), ("not (password pr)", vec!["bob"]), ("password eq null", vec!["bob"])] {
            assert_eq!(push.users().filter(filter).await.status(200).each("userName"), found, "{filter}");
        }
        for op in ["eq", "ne", "sw", "co", "ew", "gt", "ge", "lt", "le"] {
            push.users().filter(&format!("password {op} \"{SECRET}\"")).await.scim_error(400, "invalidFilter");
            push.users().filter(&format!("not (userName pr and {USER}:password {op} \"x\")")).await.scim_error(400, "invalidFilter");
        }
        push.users().list("sortBy=password").await.scim_error(400, "invalidValue");
    }

    async fn a_password_has_one_owner(database: Database) {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let (push, admin) = (world.client(&acme, Scope::Scim).await, world.client(&acme, Scope::Admin).await);
        // Whom nobody pushes, the administrator's word is about.
        let entered = admin.users().post(json!({ "userName": "eve", "password": SECRET })).await.status(201).id();
        let seen = (with_password(&admin).await, with_password(&push).await);
        assert_eq!(seen, (json!(1), json!(0)), "of somebody unclaimed a push reads names and addresses");
        // A push keeps its own word beside it, and from then on it is the one that counts.
        let body = json!({ "userName": "eve", "externalId": "e1", "password": "pushed-Secret-1" });
        assert_eq!(push.users().post(body).await.status(201).id(), entered, "claimed");
        let set = json!([{ "op": "replace", "path": "password", "value": "entered-Secret-2" }]);
        let refused = admin.users().patch(&entered, set.clone()).await.scim_error(400, "mutability");
        assert!(refused["detail"].as_str().is_some_and(|detail| detail.contains("connection default")), "{}", refused.body);
        admin.users().patch(&entered, json!([{ "op": "replace", "path": "title", "value": "T" }])).await.status(200);
        // Where the push has none, an administrator may set one.
        let ana = push.users().post(json!({ "userName": "ana" })).await.status(201).id();
        admin.users().patch(&ana, set).await.status(200);
        assert_eq!(admin.users().filter("password pr").await.status(200)["totalResults"], 2);
        assert_eq!(world.directory.verify(None).await.expect("readable"), []);
    }

    async fn a_password_that_breaks_the_policy_is_refused(database: Database) {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let token = world.token(&acme, Scope::Scim).await;
        let directory = world.directory.clone().with_passwords(PasswordPolicy { shortest: 12, longest: 64 });
        let keys = Jwks::new(Egress::new(EgressPolicy::default()), world.clock.clone());
        let app = App::new(directory.clone(), Logins { directory, keys }, Settings::default());
        let push = Client::new(app.router(), "acme", Some(&token));
        let id = push.users().post(json!({ "userName": "ana" })).await.status(201).id();
        for (password, reason) in [
            (json!("short"), "fewer than 12 characters"),
            (json!("x".repeat(65)), "more than 64 characters"),
            (json!("with\ta-tabulator"), "characters that no password can have"),
            (json!(""), "empty"),
            (json!("with\u{0}a-nul-character"), "password"),
            (json!(123_456_789_012_i64), "password: expected a string"),
            (json!(["twelve-characters"]), "password: expected a string"),
        ] {
            let set = json!([{ "op": "replace", "path": "password", "value": password }]);
            for reply in [
                push.users().post(json!({ "userName": "bob", "password": password })).await,
                push.users().put(&id, json!({ "userName": "ana", "password": password })).await,
                push.users().patch(&id, set).await,
            ] {
                let refused = reply.scim_error(400, "invalidValue");
                let detail = refused["detail"].as_str().unwrap_or_default();
                assert!(detail.contains(reason), "{}: {detail}", refused.request);
                assert!(password.as_str().is_none_or(|text| text.is_empty() || !detail.contains(text)), "{detail}");
            }
        }
        assert_eq!(push.users().list("").await.status(200)["totalResults"], 1, "nothing was written");
        assert_eq!(with_password(&push).await, 0);
    }
}

#[tokio::test]
async fn nothing_that_is_kept_holds_the_password() {
    let database = Database::sqlite();
    let file = database.file().expect("a file");
    let world = World::on(database).await;
    let acme = world.tenant("acme").await;
    let push = world.client(&acme, Scope::Scim).await;
    let id = push.users().post(json!({ "userName": "ana", "password": SECRET })).await.status(201).id();
    push.users().patch(&id, json!([{ "op": "replace", "path": "password", "value": SECRET }])).await.status(200);
    push.users().post(json!({ "userName": "ana", "password": SECRET })).await.status(409);
    let holds = |bytes: &[u8], text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    let kept: Vec<u8> = [file.clone(), file.with_extension("db-wal")]
        .iter()
        .flat_map(|name| std::fs::read(name).unwrap_or_default())
        .collect();
    assert!(holds(&kept, "$argon2id$"), "this is where it would be");
    assert!(!holds(&kept, SECRET));
}
