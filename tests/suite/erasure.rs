//! When somebody is erased nothing of them is left: every text of every table is searched, on SQLite also the bytes of the
//! file and of its write-ahead log.

use std::path::PathBuf;

use axum::http::Method;
use rollkeeper::auth::signing::SigningKey;
use rollkeeper::auth::token::Scope;
use rollkeeper::directory::Purged;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};

use crate::support::{Client, Reply, World, both_engines};

/// 2026-11-24T02:00:00Z, when the world's clock starts.
const NOW: i64 = 1_795_485_600;
const DAY: i64 = 24 * 60 * 60 * 1000;

/// What only Zoraida's registers say, as it is folded and as it is written.
const HERS: [&str; 8] =
    ["zoraida", "quintanilla", "zq-mail", "zq-user", "zq-ext", "zq-sub", "zq-nickname", "zq-locked"];

struct Place {
    world: World,
    tenant: String,
    key: SigningKey,
    admin: Client,
    push: Client,
    app: Client,
    url: String,
    file: Option<PathBuf>,
}

impl Place {
    async fn on(database: crate::support::Database) -> Self {
        let (url, file) = (database.url().to_owned(), database.file());
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let admin = world.client(&acme, Scope::Admin).await;
        let push = world.client(&acme, Scope::Scim).await;
        let app = world.client(&acme, Scope::JitLogin).await;
        let key = SigningKey::generate().expect("the machine makes keys");
        admin.organizations().post(json!({"slug": "moby"})).await.status(201);
        let rules = json!({
            "issuer": "https://idp.test", "clientIds": ["app"], "algs": ["ES256"], "jwks": key.jwks(),
            "anchor": {"claim": "oid"}, "domains": ["acme.example"], "organizations": ["moby"],
            "attributes": [{"to": "nickName", "from": "nickname"}, {"to": "name.givenName", "from": "given_name"}],
        });
        admin.admin("/connections").call(Method::PATCH, "/default").json(json!({"rules": rules})).await.status(200);
        // Somebody who stays: nothing is erased with her neighbour.
        push.users().post(json!({"userName": "stays@acme.example", "externalId": "stays"})).await.status(201);
        Self { tenant: acme.info.id.clone(), world, key, admin, push, app, url, file }
    }

    fn zoraida() -> Value {
        json!({
            "userName": "ZQ-user@acme.example", "externalId": "zq-ext-1", "displayName": "Zoraida Quintanilla",
            "name": {"givenName": "Zoraida", "familyName": "Quintanilla"},
            "emails": [{"value": "ZQ-mail@acme.example", "primary": true}], "title": "Astronomer",
        })
    }

    async fn login(&self, subject: &str) -> Reply {
        let claims = json!({
            "iss": "https://idp.test", "aud": "app", "sub": subject, "nonce": "n1", "oid": "zq-ext-1",
            "iat": self.world.clock.now() / 1000, "exp": self.world.clock.now() / 1000 + 300,
            "preferred_username": "zq-user@acme.example", "email": "zq-mail@acme.example", "email_verified": true,
            "nickname": "zq-nickname", "given_name": "Zoraida", "groups": ["crew"],
        });
        let token = self.key.sign(&claims).expect("the machine signs");
        let evidence = json!({"type": "oidc_id_token", "id_token": token, "nonce": "n1"});
        self.app.logins().post(json!({"connection": "default", "evidence": evidence})).await
    }

    /// Everybody has a word on her: invited, signed in, pushed, listed, granted, locked, refused once.
    async fn live(&self) -> String {
        let invite = json!({"address": "zq-mail@acme.example", "organization": "moby"});
        self.admin.admin("/invitations").post(invite).await.status(201);
        let id = self.login("zq-sub-1").await.status(200)["user"]["id"].as_str().expect("an id").to_owned();
        assert_eq!(self.push.users().post(Self::zoraida()).await.status(201).id(), id);
        let crew = json!({"displayName": "crew", "members": [{"value": id}]});
        let crew = self.push.groups().post(crew).await;
        let crew = if crew.status.as_u16() == 201 { crew.id() } else { self.group("crew").await };
        let of = |rest: &str| self.admin.admin(&format!("/people/{id}{rest}"));
        of("/grants").post(json!({"group": crew})).await.status(204);
        of("/locks")
            .call(Method::PUT, "/profileUrl")
            .json(json!({"value": "https://zq-locked.example"}))
            .await
            .status(204);
        self.login("zq-sub-2").await.status(200);
        let other = self.push.users().post(json!({"userName": "zq-user@acme.example", "externalId": "zq-ext-9"})).await;
        other.scim_error(409, "uniqueness");
        let rename = json!([{"op": "replace", "path": "nickName", "value": "Zoraida the first"}]);
        self.push.users().patch(&id, rename).await.status(200);
        assert!(!self.found().await.is_empty(), "the search finds her while she is there");
        id
    }

    async fn group(&self, name: &str) -> String {
        let found = self.admin.groups().filter(&format!("displayName eq \"{name}\"")).await.status(200);
        found["Resources"][0]["id"].as_str().expect("it is there").to_owned()
    }

    /// Where anything of hers is: tables and columns, and on SQLite the files.
    async fn found(&self) -> Vec<String> {
        let mut found = Vec::new();
        if let Some(file) = &self.file {
            for suffix in ["", "-wal"] {
                let path = format!("{}{suffix}", file.display());
                let bytes = std::fs::read(&path).unwrap_or_default().to_ascii_lowercase();
                for hers in HERS {
                    if bytes.windows(hers.len()).any(|window| window == hers.as_bytes()) {
                        found.push(format!("file{suffix}: {hers}"));
                    }
                }
            }
        }
        macro_rules! search {
            ($connection:ty, $columns:literal) => {{
                let mut connection = <$connection>::connect(&self.url).await.expect("the database opens");
                let columns: Vec<(String, String)> =
                    sqlx::query_as($columns).fetch_all(&mut connection).await.expect("the columns");
                assert!(columns.len() > 30, "{columns:?}");
                for (table, column) in columns {
                    for hers in HERS {
                        let sql = format!("select count(*) from {table} where lower({column}) like '%{hers}%'");
                        let count: i64 =
                            sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut connection).await.expect("a count");
                        if count > 0 {
                            found.push(format!("{table}.{column}: {hers}"));
                        }
                    }
                }
                connection.close().await.expect("it closes");
            }};
        }
        if self.file.is_some() {
            search!(
                SqliteConnection,
                "select m.name, c.name from sqlite_master m join pragma_table_info(m.name) c
                 where m.type = 'table' and lower(c.type) = 'text'"
            );
        } else {
            search!(
                PgConnection,
                "select table_name::text, column_name::text from information_schema.columns
                 where table_schema = 'public' and data_type = 'text'"
            );
        }
        found
    }

    async fn verified(&self) {
        let differences = self.world.directory.verify(Some(&self.tenant)).await.expect("verify runs");
        assert!(differences.is_empty(), "{differences:#?}");
        assert_eq!(self.push.users().filter("userName eq \"stays@acme.example\"").await.status(200)["totalResults"], 1);
    }
}

both_engines! {
    async fn an_administrator_erases_a_person_at_once(database: Database) {
        let place = Place::on(database).await;
        let id = place.live().await;
        place.admin.admin("/people").delete(&id).await.status(204);
        assert_eq!(place.found().await, [""; 0]);
        place.admin.admin("/people").delete(&id).await.problem(404, "not_found");
        place.admin.users().get(&id).await.scim_error(404, "");
        // The marks that are left are HMACs: they keep a login out, and let a push begin anew.
        place.login("zq-sub-1").await.problem(403, "tombstoned");
        assert_eq!(place.found().await, [""; 0], "nor does a refusal write anything down");
        let again = place.push.users().post(Place::zoraida()).await.status(201).id();
        assert_ne!(again, id);
        assert_eq!(place.login("zq-sub-1").await.status(200)["user"]["id"], json!(again));
        place.verified().await;
    }

    async fn the_retention_ends_and_nothing_is_left(database: Database) {
        let place = Place::on(database).await;
        let id = place.live().await;
        place.push.users().delete(&id).await.status(204);
        assert_eq!(place.world.directory.purge(None).await.expect("it runs"), Purged::default(), "too early");
        place.world.clock.advance(29 * DAY);
        let revived = place.push.users().post(Place::zoraida()).await.status(201).id();
        assert_eq!(revived, id, "kept for the retention");
        place.push.users().delete(&id).await.status(204);
        place.world.clock.advance(30 * DAY);
        let gone = place.world.directory.purge(None).await.expect("it runs");
        assert_eq!((gone.people, gone.groups), (1, 0));
        assert!(gone.expired > 0, "tombstones and traces");
        assert_eq!(place.found().await, [""; 0]);
        assert_eq!(place.world.directory.purge(None).await.expect("again"), Purged::default());
        assert_ne!(place.push.users().post(Place::zoraida()).await.status(201).id(), id);
        place.verified().await;
    }

    async fn whoever_is_retired_can_be_erased_before_the_time(database: Database) {
        let place = Place::on(database).await;
        let id = place.live().await;
        place.push.users().delete(&id).await.status(204);
        place.admin.admin("/people").delete(&id).await.status(204);
        assert_eq!(place.found().await, [""; 0]);
        // An administrator's create finds nothing to revive.
        assert_ne!(place.admin.users().post(json!({"userName": "zq-user@acme.example"})).await.status(201).id(), id);
        place.verified().await;
    }

    async fn groups_and_organizations_are_purged_and_invitations_live_on(database: Database) {
        let place = Place::on(database).await;
        let admin = &place.admin;
        let whale = admin.organizations().post(json!({"slug": "whale"})).await.status(201).id();
        let team = admin.groups().post(json!({"displayName": "whale:crew"})).await.status(201).id();
        let invite = json!({"address": "eve@acme.example", "organization": "moby", "group": team});
        admin.admin("/invitations").post(invite.clone()).await.status(201);
        let stays = place.push.users().filter("userName eq \"stays@acme.example\"").await.status(200);
        let stays = stays["Resources"][0]["id"].as_str().expect("there").to_owned();
        admin.admin(&format!("/people/{stays}/denies")).post(json!({"group": team})).await.status(204);
        admin.groups().delete(&team).await.status(204);
        admin.organizations().delete(&whale).await.status(204);
        place.world.clock.advance(31 * DAY);
        let gone = place.world.directory.purge(None).await.expect("it runs");
        assert_eq!((gone.people, gone.groups, gone.organizations), (0, 1, 1));
        place.verified().await;
    }
}

/// A server that keeps nothing: what is deleted is erased in the same transaction.
#[tokio::test]
async fn with_no_retention_a_delete_erases() {
    let place = Place::on(crate::support::Database::sqlite()).await;
    let id = place.live().await;
    let directory = place.world.directory.clone().retaining(0);
    let kind = directory.registry(&place.tenant).await.expect("a registry").type_named("User").cloned().expect("users");
    let caller = rollkeeper::directory::Caller::administrator(&place.tenant);
    let any = rollkeeper::directory::Precondition::None;
    directory.delete(&caller, &kind, &id, &any).await.expect("deleted");
    directory.purge(None).await.expect("the log is emptied");
    directory.engine().checkpoint().await.expect("the log is emptied");
    assert_eq!(place.found().await, [""; 0]);
    assert_ne!(place.push.users().post(Place::zoraida()).await.status(201).id(), id);
    assert_eq!(NOW, place.world.clock.now() / 1000);
    place.verified().await;
}
