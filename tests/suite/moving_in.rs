//! Moving in: a user table arrives as a file of SCIM resources, is rehearsed, brought in twice, confirmed by a push or by
//! an administrator, and pushes and sign-ins find the people that it brought.

use axum::http::Method;
use rollkeeper::auth::token::Scope;
use serde_json::{Value, json};

use crate::support::{Client, Database, Reply, World, both_engines};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const ORGANIZATION: &str = "urn:rollkeeper:params:scim:schemas:core:2.0:Organization";

/// A peer's export: its own ids, a group before its members, an organization last.
fn export() -> Vec<Value> {
    vec![
        json!({"schemas": [GROUP], "id": "g-1", "displayName": "acme:sales",
               "members": [{"value": "7"}, {"value": "e-2"}, {"value": "Cem"}, {"value": "nobody"}]}),
        json!({"schemas": [USER], "id": "7", "externalId": "e-1", "userName": "ana", "title": "Agent"}),
        json!({"schemas": [USER], "id": "8", "externalId": "e-2", "userName": "bo", "active": false}),
        json!({"schemas": [USER], "id": "9", "userName": "cem"}),
        json!({"schemas": [USER], "id": "10", "userName": "ANA"}),
        json!({"schemas": [USER], "id": "11", "userName": "dot", "name": 7}),
        json!({"schemas": [ORGANIZATION], "slug": "acme", "displayName": "Acme"}),
        json!({"schemas": [GROUP], "displayName": "all", "members": [{"value": "acme:sales"}, {"value": "all"}]}),
    ]
}

struct Place {
    world: World,
    admin: Client,
    push: Client,
}

impl Place {
    async fn on(database: Database) -> Self {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let admin = world.client(&acme, Scope::Admin).await;
        let push = world.client(&acme, Scope::Scim).await;
        Self { world, admin, push }
    }

    async fn import(&self, query: &str, lines: &[Value]) -> Reply {
        let text: Vec<String> = lines.iter().map(Value::to_string).collect();
        let call = self.admin.admin("/imports").call(Method::POST, query);
        call.text("application/x-ndjson", text.join("\n")).await.status(200)
    }

    async fn verified(&self) {
        assert_eq!(self.world.directory.verify(None).await.expect("verify runs"), []);
    }

    async fn user(&self, name: &str) -> Value {
        let found = self.admin.users().filter(&format!("userName eq \"{name}\"")).await.status(200);
        found["Resources"][0].clone()
    }
}

/// `outcome` of every line, in order.
fn outcomes(report: &Reply) -> Vec<&str> {
    let lines = report["lines"].as_array().expect("lines");
    lines.iter().map(|line| line["outcome"].as_str().expect("an outcome")).collect()
}

/// The report without the ids, which a rehearsal cannot know, and without what it is.
fn told(report: &Reply) -> Value {
    let mut told = report.body.clone();
    told["dryRun"].take();
    for line in told["lines"].as_array_mut().expect("lines") {
        line.as_object_mut().expect("a line").shift_remove("id");
    }
    told
}

fn names(list: &Value) -> Vec<&str> {
    let named = list.as_array().map(Vec::as_slice).unwrap_or_default();
    named.iter().map(|it| it["display"].as_str().unwrap_or_default()).collect()
}

both_engines! {
    async fn a_file_is_rehearsed_brought_in_and_brought_in_again(database: Database) {
        let place = Place::on(database).await;
        let lines = export();
        let rehearsed = place.import("?dryRun=true", &lines).await;
        assert_eq!(place.admin.users().list("").await.status(200)["totalResults"], 0, "a rehearsal writes nothing");
        let report = place.import("", &lines).await;
        let expected = ["created", "created", "created", "created", "refused", "refused", "created", "created"];
        assert_eq!(outcomes(&report), expected);
        assert_eq!(report["memberships"], 4);
        assert_eq!(report["lines"][4]["reason"], "line 2 is the same resource");
        let left_out = report["lines"][0]["reason"].as_str().expect("a reason");
        assert!(left_out.contains("members[3]"), "{left_out}");

        assert_eq!(told(&rehearsed), told(&report), "what was promised is what happens");

        let sales = place.admin.groups().filter("displayName eq \"acme:sales\"").await.status(200);
        assert_eq!(names(&sales["Resources"][0]["members"]), ["ana", "cem"], "bo is inactive");
        assert_eq!(place.user("bo").await["active"], false);
        place.verified().await;

        let tenant = place.world.directory.tenant("acme").await.expect("a look-up").expect("the tenant").id;
        let before = place.world.events(&tenant).await;
        let again = place.import("", &lines).await;
        assert_eq!((&again["created"], &again["updated"], &again["memberships"]), (&json!(0), &json!(0), &json!(0)));
        assert_eq!(place.world.events(&tenant).await, before, "running it twice changes nothing");

        let changed = json!({"schemas": [USER], "userName": "ana", "title": "Head of Sales"});
        let updated = place.import("", &[changed]).await;
        assert_eq!((outcomes(&updated), &updated["lines"][0]["id"]), (vec!["updated"], &place.user("ana").await["id"]));
        assert_eq!(place.user("ana").await["title"], "Head of Sales");
        place.verified().await;
    }

    async fn whoever_was_imported_is_claimed_by_the_push_and_a_removal_ends_the_weak_word(database: Database) {
        let place = Place::on(database).await;
        place.import("", &export()).await;
        let ana = place.user("ana").await["id"].as_str().expect("an id").to_owned();
        let claimed = place.push.users().post(json!({"userName": "ana", "externalId": "00u1", "title": "Pushed"})).await;
        assert_eq!(claimed.status(201).id(), ana);
        assert_eq!(place.user("ana").await["title"], "Pushed", "a push stands above an import");
        let drifted = place.import("", &[json!({"schemas": [USER], "userName": "ana", "title": "Imported"})]).await;
        assert_eq!((outcomes(&drifted), &place.user("ana").await["title"]), (vec!["updated"], &json!("Pushed")));

        let crew = json!({"schemas": [GROUP], "displayName": "crew", "members": [{"value": "ana"}, {"value": "cem"}]});
        let crew = place.import("", &[crew]).await["lines"][0]["id"].as_str().expect("an id").to_owned();
        let taken = place.push.groups().post(json!({"displayName": "crew"})).await.status(201);
        assert_eq!(taken.id(), crew, "nobody but an import has a word on it");
        let members = || async { place.admin.groups().get(&crew).await.status(200)["members"].clone() };
        assert_eq!(names(&members().await), ["ana", "cem"]);
        place.world.clock.advance(1000);
        let remove = json!([{"op": "remove", "path": format!("members[value eq \"{ana}\"]")}]);
        place.push.groups().patch(&crew, remove).await.status(204);
        assert_eq!(names(&members().await), ["cem"], "the push says no, and cem is not its own");
        place.import("", &[json!({"schemas": [GROUP], "displayName": "crew", "members": [{"value": "ana"}]})]).await;
        assert_eq!(names(&members().await), ["cem"], "the same import again brings nobody back");
        place.verified().await;
    }

    async fn unconfirmed_memberships_are_dropped_or_pinned_in_one_call(database: Database) {
        let place = Place::on(database).await;
        place.import("", &export()).await;
        let list = |query: &'static str| place.admin.admin("/imports/unconfirmed").list(query);
        let first = list("limit=1").await.status(200);
        assert_eq!((&first["count"], first["memberships"].as_array().map(Vec::len)), (&json!(3), Some(1)));
        let after = first["next"].as_str().expect("there is more");
        let rest = place.admin.admin("/imports/unconfirmed").list(&format!("after={after}")).await.status(200);
        assert_eq!((rest["memberships"].as_array().map(Vec::len), &rest["next"]), (Some(2), &Value::Null));
        place.admin.admin("/imports/unconfirmed").list("after=nonsense").await.problem(400, "invalid_value");

        let sales = place.admin.groups().filter("displayName eq \"acme:sales\"").await.status(200);
        let sales = sales["Resources"][0]["id"].as_str().expect("an id").to_owned();
        let pinned = place.admin.admin("/imports/unconfirmed/pin").post(json!({ "group": sales })).await.status(200);
        assert_eq!(pinned["count"], 2);
        assert_eq!(list("").await.status(200)["count"], 1);
        let ana = place.user("ana").await["id"].as_str().expect("an id").to_owned();
        let why = place.admin.admin(&format!("/people/{ana}/explain")).list(&format!("group={sales}")).await.status(200);
        assert_eq!((&why["member"], &why["rule"]), (&json!(true), &json!("R8")));
        assert_eq!(place.import("", &export()).await["memberships"], 0, "what is pinned is not imported again");

        let dropped = place.admin.admin("/imports/unconfirmed/drop").post(json!({})).await.status(200);
        assert_eq!(dropped["count"], 1);
        assert_eq!(list("").await.status(200)["count"], 0);
        place.verified().await;
    }

    async fn an_external_id_is_an_anchor_only_if_the_import_names_the_connection(database: Database) {
        let place = Place::on(database).await;
        let line = |name: &str, anchor: &str| json!({"schemas": [USER], "userName": name, "externalId": anchor});
        place.import("", &[line("plain", "e-1")]).await;
        place.import("?connection=default", &[line("anchored", "e-2")]).await;
        let refused = place.import("?connection=default", &[line("other", "e-2"), line("plain", "e-2"), line("x", "e-2")]).await;
        assert_eq!(outcomes(&refused), ["unchanged", "refused", "refused"], "an import renames nobody");

        // The push knows one of them under another name: only the anchor finds them.
        let id = place.user("anchored").await["id"].clone();
        let adopted = place.push.users().post(json!({"userName": "renamed", "externalId": "e-2"})).await.status(201);
        assert_eq!(json!(adopted.id()), id);
        let created = place.push.users().post(json!({"userName": "new", "externalId": "e-1"})).await.status(201);
        assert_ne!(json!(created.id()), place.user("plain").await["id"]);
        place.verified().await;
    }
}

#[tokio::test]
async fn what_cannot_be_an_import_is_refused() {
    let place = Place::on(Database::sqlite()).await;
    let imports = place.admin.admin("/imports");
    let call = |query: &str, body: String| imports.call(Method::POST, query).text("application/jsonl", body);
    call("?connection=none", String::new()).await.problem(400, "invalid_value");
    call("?dryRun=perhaps", String::new()).await.problem(400, "invalid_value");
    call("", "{}\n".repeat(5001)).await.problem(413, "too_large");
    imports.call(Method::POST, "").text("application/xml", "<a/>").await.problem(415, "unsupported_media_type");
    let odd = call("", "\u{feff}not json\n\n[]\n{}".to_owned()).await.status(200);
    let lines: Vec<u64> =
        odd["lines"].as_array().expect("lines").iter().filter_map(|line| line["line"].as_u64()).collect();
    assert_eq!((lines, outcomes(&odd)), (vec![1, 3, 4], vec!["refused"; 3]));
    assert_eq!(call("", String::new()).await.status(200)["lines"], json!([]));
}
