//! What was read can be written back, and nothing changes: no version, no event, not a byte of the answer. Random users, groups
//! and organizations, read and written by a push and by an administrator, on both engines.
//!
//! `ROLLKEEPER_TEST_CASES=500 cargo nextest run round_trip::` hunts for longer.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use rollkeeper::auth::token::Scope;
use serde_json::{Map, Value, json};

use crate::support::client::Collection;
use crate::support::{World, both_engines};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

fn cases() -> usize {
    std::env::var("ROLLKEEPER_TEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(6)
}

fn text() -> impl Strategy<Value = Value> {
    prop::sample::select(vec!["", "a", "A", "Straße", "two words", "e\u{301}", "\"quoted\"", "名前", "x@y.example"])
        .prop_map(Value::from)
}

/// Each of these attributes, or not.
fn some(attributes: Vec<(&'static str, BoxedStrategy<Value>)>) -> BoxedStrategy<Map<String, Value>> {
    let each = attributes.into_iter().map(|(name, value)| {
        prop::option::of(value).prop_map(move |value| value.map(|value| (name.to_owned(), value))).boxed()
    });
    each.collect::<Vec<_>>().prop_map(|values| values.into_iter().flatten().collect()).boxed()
}

fn several(parts: Vec<(&'static str, BoxedStrategy<Value>)>) -> BoxedStrategy<Value> {
    prop::collection::vec(some(parts), 0..3).prop_map(|values| values.into_iter().map(Value::Object).collect()).boxed()
}

fn user() -> BoxedStrategy<Map<String, Value>> {
    let text = || text().boxed();
    let kind = || prop::sample::select(vec!["work", "WORK", "home", "other"]).prop_map(Value::from).boxed();
    let flag = || any::<bool>().prop_map(Value::from).boxed();
    let of_many = || several(vec![("value", text()), ("type", kind()), ("display", text()), ("primary", flag())]);
    let object = |parts| some(parts).prop_map(Value::Object).boxed();
    let country = prop::sample::select(vec!["DE", "de", "Germany"]).prop_map(Value::from).boxed();
    some(vec![
        ("active", flag()),
        ("displayName", text()),
        ("title", text()),
        ("nickName", text()),
        ("locale", text()),
        ("name", object(vec![("givenName", text()), ("familyName", text()), ("formatted", text())])),
        ("emails", of_many()),
        ("phoneNumbers", of_many()),
        ("roles", of_many()),
        ("addresses", several(vec![("type", kind()), ("locality", text()), ("country", country), ("primary", flag())])),
        ("x509Certificates", Just(json!([{ "value": "MIIDQzCCAqyg" }])).boxed()),
        (
            ENTERPRISE,
            object(vec![
                ("department", text()),
                ("employeeNumber", text()),
                ("manager", Just(json!({ "value": "m1" })).boxed()),
            ]),
        ),
    ])
}

struct Stage<'w> {
    world: &'w World,
    runner: TestRunner,
}

impl Stage<'_> {
    fn draw<T: std::fmt::Debug>(&mut self, strategy: impl Strategy<Value = T>) -> T {
        strategy.new_tree(&mut self.runner).expect("a value").current()
    }

    async fn events(&self) -> Vec<Value> {
        let tenant = self.world.directory.tenant("acme").await.expect("a look-up").expect("the tenant").id;
        self.world.events(&tenant).await
    }

    /// Reads it, puts it back, and sets every attribute to what it is.
    async fn unchanged(&self, at: &Collection, id: &str) {
        let before = self.events().await;
        let read = at.get(id).await.status(200);
        let put = at.put(id, read.body.clone()).await.status(200);
        assert_eq!((&put.body, put.etag()), (&read.body, read.etag()), "after a PUT");
        at.patch(id, json!([{ "op": "replace", "value": read.body }])).await;
        let patched = at.get(id).await.status(200);
        assert_eq!((&patched.body, patched.etag()), (&read.body, read.etag()), "after a PATCH of everything");
        for (name, value) in read.body.as_object().into_iter().flatten() {
            if ["schemas", "id", "meta", "groups"].contains(&name.as_str()) {
                continue;
            }
            let refused = at.patch(id, json!([{ "op": "replace", "path": name, "value": value }])).await;
            assert!(refused.status.is_success(), "{name}: {}", refused.body);
        }
        let patched = at.get(id).await.status(200);
        assert_eq!((&patched.body, patched.etag()), (&read.body, read.etag()), "after a PATCH of each attribute");
        assert_eq!(self.events().await, before, "no event");
    }
}

both_engines! {
    async fn what_was_read_changes_nothing_when_it_is_written(database: Database) {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let (push, admin) = (world.client(&acme, Scope::Scim).await, world.client(&acme, Scope::Admin).await);
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
        let mut stage = Stage { world: &world, runner: TestRunner::new_with_rng(Config::default(), rng) };
        admin.organizations().post(json!({ "slug": "moby" })).await.status(201);

        for case in 0..cases() {
            let is_pushed = stage.draw(any::<bool>());
            let writer = if is_pushed { &push } else { &admin };
            let mut body = stage.draw(user());
            body.insert("userName".into(), json!(format!("User{case}@Acme.example")));
            if stage.draw(any::<bool>()) {
                body.insert("externalId".into(), json!(format!("E{case}")));
            }
            let id = writer.users().post(Value::Object(body)).await.status(201).id();
            let name = format!("{}{case}", stage.draw(prop::sample::select(vec!["moby:Team ", "Staff "])));
            let owner = if stage.draw(any::<bool>()) { &push } else { &admin };
            let members = if stage.draw(any::<bool>()) { json!([{ "value": id }]) } else { json!([]) };
            let group = owner.groups().post(json!({ "displayName": name, "externalId": format!("g{case}"), "members": members })).await.status(201).id();
            let slug = format!("org-{case}");
            let organization = admin.organizations().post(json!({ "slug": slug, "displayName": stage.draw(text()) })).await.status(201).id();

            // The first write of a push to a user whom nobody pushes claims them, which is a change.
            if is_pushed {
                stage.unchanged(&push.users(), &id).await;
            }
            stage.unchanged(&admin.users(), &id).await;
            // So does the first word of a push on the members of an administrator's group.
            stage.unchanged(&owner.groups(), &group).await;
            stage.unchanged(&admin.groups(), &group).await;
            stage.unchanged(&admin.organizations(), &organization).await;
        }
    }
}
