//! Every case of a push, in a line: groups and their members, on both engines. See `store_roll.rs` for people.

use serde_json::{Value, json};

use crate::support::both_engines;
use crate::support::roll::{MINUTE, Roll, Voiced, detail, outcome};

/// A connection `okta` (acme.example) with three people in it, a connection `entra` (whale.example) with one, and a team
/// of okta's that nobody is in.
struct Stage {
    roll: Roll,
    okta: String,
    entra: String,
    ada: String,
    grace: String,
    kay: String,
    stranger: String,
    staff: String,
}

impl Stage {
    async fn set(roll: Roll) -> Stage {
        let okta = roll.connection("okta", json!({"domains": ["acme.example"]})).await;
        let entra = roll.connection("entra", json!({"domains": ["whale.example"]})).await;
        let person = |connection: String, name: &'static str| {
            let roll = &roll;
            async move {
                let body = json!({"userName": name, "externalId": name, "displayName": name});
                roll.push(&connection).post("User", body).await.expect("created").id
            }
        };
        let (ada, grace) = (person(okta.clone(), "ada").await, person(okta.clone(), "grace").await);
        let (kay, stranger) = (person(okta.clone(), "kay").await, person(entra.clone(), "linus").await);
        let body = json!({"displayName": "Staff", "externalId": "g1"});
        let staff = roll.push(&okta).post("Group", body).await.expect("created").id;
        roll.clock.advance(MINUTE);
        Stage { roll, okta, entra, ada, grace, kay, stranger, staff }
    }

    fn push(&self) -> Voiced<'_> {
        self.roll.push(&self.okta)
    }

    /// The IdP changes the members of staff; the version of the answer.
    async fn change(&self, operations: Value) -> i64 {
        self.roll.clock.advance(MINUTE);
        self.push().patch("Group", &self.staff, operations).await.expect("done").version
    }

    /// What the push lists and what counts.
    async fn staff(&self) -> (Vec<String>, Vec<String>) {
        (self.push().members(&self.staff).await, self.roll.reader().members(&self.staff).await)
    }

    async fn group(&self, voice: &Voiced<'_>, body: Value) -> String {
        self.roll.clock.advance(MINUTE);
        voice.post("Group", body).await.expect("created").id
    }
}

fn add(ids: &[&String]) -> Value {
    json!({"op": "Add", "path": "members", "value": ids.iter().map(|id| json!({"value": id})).collect::<Value>()})
}

fn remove(ids: &[&String]) -> Value {
    json!({"op": "Remove", "path": "members", "value": ids.iter().map(|id| json!({"value": id})).collect::<Value>()})
}

fn sorted(ids: &[&String]) -> Vec<String> {
    let mut ids: Vec<String> = ids.iter().map(|id| (*id).clone()).collect();
    ids.sort();
    ids
}

// ------------------------------------------------------------------------------------------------ members

both_engines! {
    async fn a_member_is_added_once(database: Database) {
        let s = Stage::set(Roll::open(database).await).await;
        let (version, events) = s.roll.events_of(s.change(add(&[&s.ada, &s.grace]))).await;
        assert_eq!(version, 2);
        assert_eq!(events.iter().filter(|event| event.starts_with("membership.added")).count(), 2, "{events:?}");
        assert_eq!(s.staff().await, (sorted(&[&s.ada, &s.grace]), sorted(&[&s.ada, &s.grace])));
        assert_eq!(s.push().groups(&s.ada).await, std::slice::from_ref(&s.staff));
        let (version, events) = s.roll.events_of(s.change(add(&[&s.ada, &s.ada]))).await;
        assert_eq!((version, events.len()), (2, 0), "adding again changes nothing: {events:?}");
        s.roll.verified().await;
    }

    async fn an_inactive_member_is_listed_and_counts_when_active_again(database: Database) {
        let s = Stage::set(Roll::open(database).await).await;
        let active = |active: bool| json!({"op": "replace", "path": "active", "value": active});
        s.push().patch("User", &s.ada, active(false)).await.expect("deactivated");
        s.change(add(&[&s.ada])).await;
        assert_eq!(s.staff().await, (sorted(&[&s.ada]), vec![]));
        s.push().patch("User", &s.ada, active(true)).await.expect("activated");
        assert_eq!(s.staff().await, (sorted(&[&s.ada]), sorted(&[&s.ada])));
        s.roll.verified().await;
    }

    async fn adding_somebody_unclaimed_claims_them(database: Database) {
        let s = Stage::set(Roll::open(database).await).await;
        let administrator = s.roll.administrator();
        let administrator = &administrator;
        let enter = |name: &'static str| async move { administrator.post("User", json!({"userName": name})).await.expect("entered").id };
        let (unclaimed, guarded) = (enter("new@acme.example").await, enter("boss@acme.example").await);
        s.roll.protect(&guarded).await;
        let (_, events) = s.roll.events_of(s.change(add(&[&unclaimed]))).await;
        assert!(events.iter().any(|event| *event == format!("record.claimed {unclaimed} {}", s.okta)), "{events:?}");
        assert!(!s.push().get("User", &unclaimed).await.expect("there").limited);
        let answer = s.push().patch("Group", &s.staff, add(&[&s.ada, &guarded])).await;
        assert_eq!(outcome(&answer), "400 invalidValue");
        assert!(detail(&answer).contains(&guarded), "{}", detail(&answer));
        assert_eq!(s.staff().await.0, sorted(&[&unclaimed]));
        s.roll.verified().await;
    }

    async fn whoever_may_not_be_added_is_refused_in_the_same_words_and_nothing_is_written(database: Database) {
        let s = Stage::set(Roll::open(database).await).await;
        s.push().delete("User", &s.kay).await.expect("retired");
        let nobody = "no-such-id".to_owned();
        let mut words = Vec::new();
        let ((), events) = s.roll.events_of(async {
            for id in [&s.kay, &s.stranger, &nobody] {
                for operations in [
                    add(&[&s.ada, id]),
                    json!({"op": "replace", "path": "members", "value": [{"value": s.grace}, {"value": id}]}),
                ] {
                    let answer = s.push().patch("Group", &s.staff, operations).await;
                    assert_eq!(outcome(&answer), "400 invalidValue");
                    words.push(detail(&answer).replace(id, "…"));
                }
                let body = json!({"displayName": "Staff", "members": [{"value": id}]});
                assert_eq!(outcome(&s.push().put("Group", &s.staff, body).await), "400 invalidValue");
                let body = json!({"displayName": format!("with {id}"), "members": [{"value": id}]});
                assert_eq!(outcome(&s.push().post("Group", body).await), "400 invalidValue");
            }
        }).await;
        assert!(words.iter().all(|text| *text == words[0] && text.contains('…')), "{words:?}");
        assert_eq!(events, [""; 0]);
        assert_eq!(s.push().get("Group", &s.staff).await.expect("there").version, 1);
        assert_eq!(s.staff().await, (vec![], vec![]));
        assert_eq!(s.push().everything("Group").await.len(), 1);
        s.roll.verified().await;
    }

    async fn removing(database: Database) {
        let s = Stage::set(Roll::open(database).await).await;
        let tenant = &s.roll.tenant;
        s.change(add(&[&s.ada, &s.grace, &s.kay])).await;
        let (version, events) = s.roll.events_of(s.change(remove(&[&s.ada]))).await;
        assert_eq!(version, 3);
        assert_eq!(events, [format!("membership.removed {} {}", s.ada, s.staff)]);
        let version = s.change(json!({"op": "remove", "path": format!("members[value eq \"{}\"]", s.grace)})).await;
        assert_eq!((version, s.staff().await.0), (4, sorted(&[&s.kay])));
        // Not listed, another's, nobody: success, and nothing that this connection sees has changed.
        let nobody = "no-such-id".to_owned();
        for id in [&s.ada, &s.stranger, &nobody] {
            let (version, events) = s.roll.events_of(s.change(remove(&[id]))).await;
            assert_eq!((version, events.len()), (4, 0), "{events:?}");
        }
        // An import is a weak word: the removal stands, also one of somebody who was not listed. A grant stands above it.
        for person in [&s.ada, &s.stranger] {
            s.roll.directory.import_membership(tenant, person, &s.staff).await.expect("imported");
        }
        assert_eq!(s.staff().await.1, sorted(&[&s.kay, &s.ada, &s.stranger]), "imported after the removal");
        s.change(remove(&[&s.ada, &s.stranger])).await;
        assert_eq!(s.staff().await.1, sorted(&[&s.kay, &s.stranger]), "the connection ends what is its own");
        s.roll.directory.grant(tenant, &s.ada, &s.staff, None).await.expect("granted");
        s.change(remove(&[&s.ada])).await;
        assert_eq!(s.staff().await, (sorted(&[&s.kay]), sorted(&[&s.kay, &s.stranger, &s.ada])));
        s.roll.directory.deny(tenant, &s.kay, &s.staff).await.expect("denied");
        assert_eq!(s.staff().await, (sorted(&[&s.kay]), sorted(&[&s.stranger, &s.ada])), "a deny above everything");
        s.change(add(&[&s.ada])).await;
        assert_eq!(s.staff().await.0, sorted(&[&s.ada, &s.kay]), "added again after a removal");
        s.roll.verified().await;
    }

    async fn a_whole_list_is_exactly_this(database: Database) {
        let s = Stage::set(Roll::open(database).await).await;
        s.change(add(&[&s.ada, &s.grace])).await;
        s.roll.directory.import_membership(&s.roll.tenant, &s.kay, &s.staff).await.expect("imported");
        let stated = |ids: &[&String]| -> Value { ids.iter().map(|id| json!({"value": id})).collect() };
        let replace = |ids: &[&String]| json!({"op": "replace", "path": "members", "value": stated(ids)});
        // An equal list moves no version; it ends what it does not name.
        let (version, events) = s.roll.events_of(s.change(replace(&[&s.grace, &s.ada]))).await;
        assert_eq!(version, 2);
        assert_eq!(events, [format!("membership.removed {} {}", s.kay, s.staff)]);
        let (version, events) = s.roll.events_of(s.change(replace(&[&s.grace, &s.ada]))).await;
        assert_eq!((version, events.len()), (2, 0), "{events:?}");
        assert_eq!(s.change(replace(&[&s.kay, &s.ada])).await, 3);
        assert_eq!(s.staff().await.0, sorted(&[&s.ada, &s.kay]));
        let put = |body: Value| async { s.push().put("Group", &s.staff, body).await.expect("done").version };
        assert_eq!(put(json!({"displayName": "Staff"})).await, 3, "left out by a PUT, the members stay");
        assert_eq!(s.staff().await.0, sorted(&[&s.ada, &s.kay]));
        put(json!({"displayName": "Staff", "members": stated(&[&s.grace])})).await;
        assert_eq!(s.staff().await.0, sorted(&[&s.grace]));
        put(json!({"displayName": "Staff", "members": []})).await;
        assert_eq!(s.staff().await, (vec![], vec![]));
        s.change(json!([remove(&[&s.ada]), add(&[&s.kay, &s.ada])])).await;
        assert_eq!(s.staff().await.0, sorted(&[&s.ada, &s.kay]), "operations in their order");
        s.change(json!({"op": "remove", "path": "members"})).await;
        assert_eq!(s.staff().await, (vec![], vec![]));
        s.roll.verified().await;
    }

    async fn a_group_within_a_group(database: Database) {
        let s = Stage::set(Roll::open(database).await).await;
        let all = s.group(&s.push(), json!({"displayName": "All", "members": [{"value": s.staff, "type": "Group"}, {"value": s.kay}]})).await;
        let foreign = s.group(&s.roll.push(&s.entra), json!({"displayName": "Whales"})).await;
        s.change(add(&[&s.ada])).await;
        let groups = s.push().get("Group", &all).await.expect("there").members.expect("asked");
        assert_eq!(groups.iter().filter(|member| member.kind == "Group").count(), 1);
        assert_eq!(s.push().groups(&s.ada).await, std::slice::from_ref(&s.staff), "its own words: what it listed");
        let effective = s.roll.reader().get("User", &s.ada).await.expect("there").groups.expect("asked");
        let told: Vec<(&String, &str)> = effective.iter().map(|group| (&group.value, group.kind.as_str())).collect();
        assert_eq!(told, [(&s.staff, "direct"), (&all, "indirect")]);
        let indirect = format!("groups.value eq \"{all}\"");
        assert_eq!(s.roll.reader().ids("User", &indirect).await.expect("a list"), sorted(&[&s.ada, &s.kay]));
        assert_eq!(s.push().ids("User", &indirect).await.expect("a list"), sorted(&[&s.kay]));
        s.roll.directory.deny(&s.roll.tenant, &s.ada, &all).await.expect("denied");
        assert_eq!(s.roll.reader().groups(&s.ada).await, std::slice::from_ref(&s.staff), "a deny cuts what is nested");
        for other in [&foreign, &s.staff] {
            assert_eq!(outcome(&s.push().patch("Group", &s.staff, add(&[other])).await), "400 invalidValue");
        }
        // A cycle is tolerated.
        s.change(add(&[&all])).await;
        assert_eq!(s.roll.reader().groups(&s.kay).await, sorted(&[&s.staff, &all]));
        s.push().delete("Group", &s.staff).await.expect("deleted");
        assert_eq!(s.roll.reader().members(&all).await, sorted(&[&s.kay]));
        s.roll.verified().await;
    }
}

// ------------------------------------------------------------------------------------------------ groups

both_engines! {
    async fn names_and_ids_of_groups_are_each_connections_own(database: Database) {
        let s = Stage::set(Roll::open(database).await).await;
        for body in [json!({"displayName": "STAFF"}), json!({"displayName": "Other", "externalId": "g1"})] {
            assert_eq!(outcome(&s.push().post("Group", body).await), "409 uniqueness");
        }
        let other = s.group(&s.roll.push(&s.entra), json!({"displayName": "Staff", "externalId": "g1"})).await;
        assert_ne!(other, s.staff);
        let (read, words) = (json!({"op": "replace", "path": "displayName", "value": "Mine"}), add(&[&s.ada]));
        let stranger = s.roll.push(&s.entra);
        let answers = [
            outcome(&stranger.get("Group", &s.staff).await),
            outcome(&stranger.patch("Group", &s.staff, read).await),
            outcome(&stranger.patch("Group", &s.staff, words).await),
            outcome(&stranger.put("Group", &s.staff, json!({"displayName": "x"})).await),
            outcome(&stranger.delete("Group", &s.staff).await),
        ];
        assert_eq!(answers, ["404"; 5]);
        let second = s.group(&s.push(), json!({"displayName": "Second", "externalId": "g2"})).await;
        for change in [json!({"displayName": "staff"}), json!({"externalId": "g1"})] {
            let answer = s.push().patch("Group", &second, json!({"op": "replace", "value": change})).await;
            assert_eq!(outcome(&answer), "409 uniqueness");
        }
        let rename = json!({"op": "replace", "value": {"id": second, "displayName": "SECOND"}});
        let renamed = s.push().patch("Group", &second, rename.clone()).await.expect("done");
        assert_eq!(renamed.version, 2, "another case is another name for people");
        assert_eq!(s.push().patch("Group", &second, rename).await.expect("done").version, 2);
        s.roll.verified().await;
    }

    async fn a_deleted_group_comes_back_under_the_same_names_and_empty(database: Database) {
        let s = Stage::set(Roll::open(database).await).await;
        s.change(add(&[&s.ada])).await;
        s.roll.directory.deny(&s.roll.tenant, &s.kay, &s.staff).await.expect("denied");
        let (done, events) = s.roll.events_of(s.push().delete("Group", &s.staff)).await;
        done.expect("deleted");
        assert!(events.contains(&format!("membership.removed {} {}", s.ada, s.staff)), "{events:?}");
        assert_eq!(outcome(&s.push().get("Group", &s.staff).await), "404");
        assert_eq!(outcome(&s.push().delete("Group", &s.staff).await), "404");
        assert_eq!(s.push().groups(&s.ada).await, [""; 0]);
        s.roll.verified().await;
        for body in [json!({"displayName": "Staff"}), json!({"displayName": "Crew", "externalId": "g1"})] {
            let other = s.group(&s.push(), body).await;
            assert_ne!(other, s.staff);
            s.push().delete("Group", &other).await.expect("deleted");
        }
        let back = s.group(&s.push(), json!({"displayName": "staff", "externalId": "g1"})).await;
        assert_eq!((back, s.staff().await), (s.staff.clone(), (vec![], vec![])));
        s.change(add(&[&s.grace, &s.kay])).await;
        assert_eq!(s.staff().await, (sorted(&[&s.grace, &s.kay]), sorted(&[&s.grace])), "a deny is not empty again");
        s.roll.verified().await;
    }

    async fn a_group_on_which_nobody_has_a_word_is_taken_over(database: Database) {
        let s = Stage::set(Roll::open(database).await).await;
        let administrator = s.roll.administrator();
        let entered = s.group(&administrator, json!({"displayName": "Crew"})).await;
        let by_id = s.group(&administrator, json!({"displayName": "Sailors", "externalId": "g9"})).await;
        let spoken_for = s.group(&administrator, json!({"displayName": "Board", "members": [{"value": s.kay}]})).await;
        s.roll.directory.import_membership(&s.roll.tenant, &s.ada, &entered).await.expect("imported");

        let (taken, events) = s.roll.events_of(s.push().post("Group", json!({"displayName": "crew", "externalId": "g5"}))).await;
        assert_eq!(taken.expect("taken over").id, entered);
        assert!(events.contains(&format!("group.taken_over {entered} {}", s.okta)), "{events:?}");
        assert_eq!(s.push().members(&entered).await, [""; 0], "an import is not its word");
        assert_eq!(s.roll.reader().members(&entered).await, sorted(&[&s.ada]));
        assert_eq!(s.group(&s.push(), json!({"displayName": "Seafarers", "externalId": "g9"})).await, by_id);
        let own = s.group(&s.push(), json!({"displayName": "Board"})).await;
        assert_ne!(own, spoken_for, "an administrator's word is on it");
        // By its id, as IdPs do that match before they create.
        let third = s.group(&administrator, json!({"displayName": "Third"})).await;
        assert_eq!(s.push().ids("Group", r#"displayName eq "third""#).await.expect("a list"), std::slice::from_ref(&third));
        let (done, events) = s.roll.events_of(s.push().patch("Group", &third, add(&[&s.grace]))).await;
        done.expect("taken over");
        assert!(events.contains(&format!("group.taken_over {third} {}", s.okta)), "{events:?}");
        assert_eq!(s.push().members(&third).await, sorted(&[&s.grace]));
        assert_eq!(outcome(&s.roll.push(&s.entra).get("Group", &third).await), "404");
        let refused = administrator.patch("Group", &third, json!({"op": "replace", "path": "displayName", "value": "Mine"})).await;
        assert_eq!(outcome(&refused), "400 mutability");
        s.roll.verified().await;
    }

    async fn a_group_with_another_word_on_it_becomes_the_administrators(database: Database) {
        let s = Stage::set(Roll::open(database).await).await;
        s.change(add(&[&s.ada, &s.grace])).await;
        s.roll.directory.grant(&s.roll.tenant, &s.kay, &s.staff, None).await.expect("granted");
        s.push().delete("Group", &s.staff).await.expect("its list ends");
        assert_eq!(s.roll.reader().members(&s.staff).await, sorted(&[&s.kay]));
        assert_eq!(outcome(&s.push().get("Group", &s.staff).await), "404", "spoken for");
        s.roll.verified().await;
        let rename = json!({"op": "replace", "path": "displayName", "value": "Mine"});
        s.roll.administrator().patch("Group", &s.staff, rename).await.expect("the administrator's now");
        s.roll.administrator().delete("Group", &s.staff).await.expect("deleted");
        assert_eq!(s.roll.reader().groups(&s.kay).await, [""; 0]);
        s.roll.verified().await;
    }

    async fn a_group_left_to_the_administrator_may_have_the_name_of_another(database: Database) {
        let s = Stage::set(Roll::open(database).await).await;
        let administrator = s.roll.administrator();
        let own = s.group(&administrator, json!({"displayName": "Staff", "members": [{"value": s.ada}]})).await;
        s.roll.directory.grant(&s.roll.tenant, &s.kay, &s.staff, None).await.expect("granted");
        s.push().delete("Group", &s.staff).await.expect("a DELETE is not refused for a name");
        assert_eq!(administrator.ids("Group", r#"displayName eq "staff""#).await.expect("a list"), sorted(&[&own, &s.staff]));
        let note = json!({"op": "add", "path": "externalId", "value": "left over"});
        administrator.patch("Group", &s.staff, note).await.expect("it can still be written");
        let rename = |name: &str| json!({"op": "replace", "path": "displayName", "value": name});
        administrator.patch("Group", &s.staff, rename("Crew")).await.expect("renamed");
        let back = administrator.patch("Group", &s.staff, rename("Staff")).await;
        assert_eq!(outcome(&back), "409 uniqueness");
        s.roll.verified().await;
    }

    async fn an_external_id_is_bounded_for_every_type(database: Database) {
        let roll = Roll::open(database).await;
        let (long, administrator) = ("x".repeat(3_000), roll.administrator());
        for (kind, mut body) in [
            ("User", json!({"userName": "ada"})),
            ("Group", json!({"displayName": "staff"})),
            ("Organization", json!({"slug": "moby"})),
        ] {
            let id = administrator.post(kind, body.clone()).await.expect("created").id;
            body["externalId"] = json!(long);
            let mut other = body.clone();
            for name in ["userName", "displayName", "slug"] {
                if let Some(text) = other.get_mut(name) {
                    *text = json!("other");
                }
            }
            let (put, post) = (administrator.put(kind, &id, body.clone()).await, administrator.post(kind, other).await);
            assert_eq!((outcome(&put), outcome(&post)), ("400 invalidValue".to_owned(), "400 invalidValue".to_owned()), "{kind}");
        }
    }

    async fn a_team_is_a_name_in_an_organization_of_the_connection(database: Database) {
        let roll = Roll::open(database).await;
        let administrator = roll.administrator();
        for slug in ["moby", "whale"] {
            administrator.post("Organization", json!({"slug": slug})).await.expect("created");
        }
        let settings = json!({"organizations": ["moby"], "groups": {"scope": {"pattern": "^(moby:|whale:|plain)"}}});
        let okta = roll.connection("okta", settings).await;
        let other = roll.connection("other", json!({"organizations": ["moby"]})).await;
        let push = roll.push(&okta);
        let team = push.post("Group", json!({"displayName": "moby:Crew"})).await.expect("created");
        let organization = |group: &rollkeeper::directory::Resource| {
            group.document.0.get("urn:rollkeeper:params:scim:schemas:extension:2.0:Team").cloned()
        };
        assert!(organization(&team).is_some());
        let plain = push.post("Group", json!({"displayName": "whale:Crew"})).await.expect("created");
        assert!(organization(&plain).is_none(), "an organization that is not the connection's");
        assert_eq!(outcome(&push.post("Group", json!({"displayName": "Crew"})).await), "403", "out of scope");
        let taken = roll.push(&other).post("Group", json!({"displayName": "MOBY:crew"})).await;
        assert_eq!(outcome(&taken), "409 uniqueness", "over all owners");
        for (id, name) in [(&team.id, "plain"), (&plain.id, "moby:Sailors"), (&team.id, "whale:Crew")] {
            let answer = push.patch("Group", id, json!({"op": "replace", "path": "displayName", "value": name})).await;
            assert_eq!(outcome(&answer), "400 mutability", "{name}");
        }
        // Whoever is in a team is in its organization.
        let ada = push.post("User", json!({"userName": "ada"})).await.expect("created").id;
        let (done, events) = roll.events_of(push.patch("Group", &team.id, add(&[&ada]))).await;
        done.expect("added");
        assert_eq!(events.iter().filter(|event| event.starts_with("membership.added")).count(), 2, "{events:?}");
        assert_eq!(outcome(&push.post("Organization", json!({"slug": "mine"})).await), "403");
        roll.verified().await;
    }

    async fn an_administrators_members_are_grants_and_denies(database: Database) {
        let s = Stage::set(Roll::open(database).await).await;
        let administrator = s.roll.administrator();
        s.change(add(&[&s.ada])).await;
        let done = administrator.patch("Group", &s.staff, add(&[&s.grace, &s.stranger])).await.expect("granted");
        assert_eq!(s.staff().await, (sorted(&[&s.ada]), sorted(&[&s.ada, &s.grace, &s.stranger])));
        let again = administrator.patch("Group", &s.staff, add(&[&s.grace])).await.expect("nothing new");
        assert_eq!(again.version, done.version);
        administrator.patch("Group", &s.staff, remove(&[&s.ada, &s.grace])).await.expect("taken out");
        assert_eq!(s.staff().await, (sorted(&[&s.ada]), sorted(&[&s.stranger])), "denied where the push still says so");
        s.change(add(&[&s.ada])).await;
        assert_eq!(s.staff().await.1, sorted(&[&s.stranger]), "and a deny stands");
        administrator.patch("Group", &s.staff, add(&[&s.ada])).await.expect("granted");
        s.change(remove(&[&s.ada])).await;
        assert_eq!(s.staff().await, (vec![], sorted(&[&s.ada, &s.stranger])), "a grant replaced the deny");
        let unknown = administrator.patch("Group", &s.staff, add(&[&"no-such-id".to_owned()])).await;
        assert_eq!(outcome(&unknown), "400 invalidValue");
        let list = json!({"displayName": "Staff", "externalId": "g1", "members": [{"value": s.kay}]});
        administrator.put("Group", &s.staff, list).await.expect("stated");
        assert_eq!(s.staff().await, (vec![], sorted(&[&s.kay])));
        s.roll.verified().await;
    }
}
