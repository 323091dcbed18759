//! Every case of a push, in a line: people. Each story runs on both engines and ends with every derived row being what its
//! registers give. The rows are those of the table of that name in docs/reconciliation.md; groups and members are told in
//! `store_members.rs`.

use serde_json::{Value, json};

use crate::support::both_engines;
use crate::support::roll::{Answer, MINUTE, Roll, detail, outcome};

fn ada(external_id: &str) -> Value {
    json!({
        "userName": "ada@acme.example", "externalId": external_id, "title": "Countess", "active": true,
        "name": {"givenName": "Ada"}, "emails": [{"value": "ada@acme.example", "type": "work", "primary": true}],
    })
}

/// A tenant with two connections that have both been used: `okta`, whose domain is acme.example, and `entra`, whose domain is
/// whale.example.
async fn two_connections(roll: &Roll) -> (String, String) {
    let okta = roll.connection("okta", json!({"domains": ["acme.example"]})).await;
    let entra = roll.connection("entra", json!({"domains": ["whale.example"]})).await;
    for (connection, name) in [(&okta, "first@acme.example"), (&entra, "first@whale.example")] {
        roll.push(connection).post("User", json!({"userName": name})).await.expect("created");
    }
    (okta, entra)
}

async fn say(roll: &Roll, connection: &str, body: Value) -> Answer<String> {
    roll.push(connection).post("User", body).await.map(|resource| resource.id)
}

fn has(events: &[String], kind: &str) -> bool {
    events.iter().any(|event| event.starts_with(kind))
}

// ------------------------------------------------------------------------------------------------ POST

both_engines! {
    async fn post_of_a_record_that_is_active_is_a_conflict(database: Database) {
        let roll = Roll::open(database).await;
        let okta = roll.first_connection().await;
        let push = roll.push(&okta);
        push.post("User", ada("e1")).await.expect("created");
        let (_, events) = roll.events_of(async {
            for (user_name, external_id) in [
                ("ada@acme.example", Some("e1")),
                ("other@acme.example", Some("e1")),
                ("ADA@acme.example", Some("e2")),
                ("ada@acme.example", None),
            ] {
                let answer = push.post("User", json!({"userName": user_name, "externalId": external_id})).await;
                assert_eq!(outcome(&answer), "409 uniqueness", "{user_name} {external_id:?}");
            }
        }).await;
        assert_eq!(events, [""; 0]);
        assert_eq!(push.everything("User").await.len(), 1);
        roll.verified().await;
    }

    async fn post_of_a_record_that_is_inactive_restores_it(database: Database) {
        let roll = Roll::open(database).await;
        let okta = roll.first_connection().await;
        let push = roll.push(&okta);
        for (what, again, expected) in [
            ("by externalId, under a new name", json!({"userName": "countess@acme.example", "externalId": "e1"}), "ok"),
            ("by userName, without externalId", json!({"userName": "Countess@acme.example"}), "ok"),
            ("by userName, and two externalIds that differ", json!({"userName": "countess@acme.example", "externalId": "e9"}), "409 uniqueness"),
        ] {
            let id = match push.ids("User", r#"userName sw """#).await.expect("a list").first() {
                Some(id) => id.clone(),
                None => push.post("User", ada("e1")).await.expect("created").id,
            };
            if what.contains("differ") {
                push.patch("User", &id, json!({"op": "replace", "path": "externalId", "value": "e1"})).await.expect("named");
            }
            roll.clock.advance(MINUTE);
            let off = push.patch("User", &id, json!({"op": "replace", "path": "active", "value": false})).await;
            assert_eq!(off.expect("deactivated").active, Some(false));
            roll.clock.advance(MINUTE);
            let answer = push.post("User", again).await;
            assert_eq!(outcome(&answer), expected, "{what}");
            let Ok(restored) = answer else { continue };
            assert_eq!((&restored.id, restored.active), (&id, Some(true)), "{what}");
            assert!(!restored.document.0.contains_key("title"), "words are replaced: {:?}", restored.document);
            let effective = roll.reader().get("User", &id).await.expect("there");
            assert_eq!((effective.active, &effective.document), (Some(true), &restored.document), "{what}");
        }
        roll.verified().await;
    }

    async fn post_of_a_known_anchor_adopts(database: Database) {
        let roll = Roll::open(database).await;
        let shared = |domain: &str| json!({"domains": [domain], "anchor": {"namespace": "directory"}});
        let okta = roll.connection("okta", shared("acme.example")).await;
        let entra = roll.connection("entra", shared("whale.example")).await;
        let id = say(&roll, &okta, ada("oid-1")).await.expect("created");
        let body = json!({"userName": "ada@whale.example", "externalId": "oid-1", "title": "Lady"});
        let (adopted, events) = roll.events_of(say(&roll, &entra, body)).await;
        assert_eq!(adopted.expect("adopted"), id);
        assert!(has(&events, "record.adopted") && !has(&events, "user.created"), "{events:?}");
        // Each reads its own words; everybody else those of the home, which is the connection created first.
        let title = |voice| async { roll_title(voice, &id).await };
        assert_eq!(title(roll.push(&okta)).await, "Countess ada@acme.example oid-1");
        assert_eq!(title(roll.push(&entra)).await, "Lady ada@whale.example oid-1");
        assert_eq!(title(roll.reader()).await, "Countess ada@acme.example oid-1");
        // Another namespace never merges by itself.
        let alone = roll.connection("alone", json!({})).await;
        let other = say(&roll, &alone, json!({"userName": "ada", "externalId": "oid-1"})).await.expect("created");
        assert_ne!(other, id);
        roll.verified().await;
    }

    async fn post_claims_exactly_one_unclaimed_person(database: Database) {
        let roll = Roll::open(database).await;
        let (okta, entra) = two_connections(&roll).await;
        let enter = |body: Value| async { roll.administrator().post("User", body).await.expect("entered").id };
        let by_name = enter(json!({"userName": "Ada@acme.example", "title": "Entered", "nickName": "Ada"})).await;
        let by_address = enter(json!({"userName": "grace", "emails": [{"value": "Grace@Acme.example"}]})).await;
        let foreign = enter(json!({"userName": "linus", "emails": [{"value": "linus@nowhere.example"}]})).await;

        let (claimed, events) = roll.events_of(say(&roll, &okta, ada("e1"))).await;
        assert_eq!(claimed.expect("claimed"), by_name);
        assert!(has(&events, "record.claimed") && !has(&events, "user.created"), "{events:?}");
        let effective = roll.reader().get("User", &by_name).await.expect("there");
        assert_eq!(effective.document.0["title"], "Countess", "push before entered");
        assert_eq!(effective.document.0["nickName"], "Ada", "entered where push is silent");

        let body = json!({"userName": "grace.h@acme.example", "externalId": "e2", "emails": [{"value": "grace@acme.example"}]});
        assert_eq!(say(&roll, &okta, body).await.expect("claimed"), by_address, "an address in the connection's domain");
        let body = json!({"userName": "linus.t", "externalId": "e3", "emails": [{"value": "linus@nowhere.example"}]});
        assert_ne!(say(&roll, &okta, body).await.expect("created"), foreign, "an address in nobody's domain joins nobody");
        // The same name in the mouth of the other connection is not its own.
        let person = enter(json!({"userName": "kay@acme.example"})).await;
        let answer = say(&roll, &entra, json!({"userName": "kay@acme.example"})).await;
        assert_eq!(outcome(&answer), "409 uniqueness");
        assert_eq!(say(&roll, &okta, json!({"userName": "kay@acme.example"})).await.expect("claimed"), person);
        roll.verified().await;
    }

    async fn post_that_matches_somebody_guarded_or_several_is_a_conflict(database: Database) {
        let roll = Roll::open(database).await;
        let (okta, _) = two_connections(&roll).await;
        let enter = |body: Value| async { roll.administrator().post("User", body).await.expect("entered").id };
        let guarded = enter(json!({"userName": "ada@acme.example"})).await;
        roll.protect(&guarded).await;
        let address = json!([{"value": "team@acme.example"}]);
        for name in ["one@acme.example", "two@acme.example"] {
            enter(json!({"userName": name, "emails": address})).await;
        }
        let before = roll.reader().everything("User").await.len();
        let ((), events) = roll.events_of(async {
            for body in [ada("e1"), json!({"userName": "three@acme.example", "emails": address})] {
                assert_eq!(outcome(&say(&roll, &okta, body).await), "409 uniqueness");
            }
        }).await;
        assert!(!events.iter().any(|event| event.starts_with("user.") || event.starts_with("record.")), "{events:?}");
        assert_eq!(roll.conflicts().await.len(), 2, "{:?}", roll.conflicts().await);
        // The same request every hour fills no queue.
        assert_eq!(outcome(&say(&roll, &okta, ada("e1")).await), "409 uniqueness");
        let mut codes = roll.conflicts().await;
        codes.sort();
        assert_eq!(codes, ["ambiguous_account", "guarded_account"]);
        assert_eq!(roll.reader().everything("User").await.len(), before);
        roll.verified().await;
    }

    async fn post_of_a_name_that_another_holds_or_that_is_reserved_is_a_conflict(database: Database) {
        let roll = Roll::open(database).await;
        let (okta, entra) = two_connections(&roll).await;
        say(&roll, &entra, json!({"userName": "kay"})).await.expect("created");
        for (body, code) in [
            (json!({"userName": "KAY", "externalId": "e1"}), "user_name_taken"),
            (json!({"userName": "somebody@Whale.example"}), "user_name_reserved"),
        ] {
            assert_eq!(outcome(&say(&roll, &okta, body).await), "409 uniqueness", "{code}");
            assert!(roll.conflicts().await.contains(&code.to_owned()), "{:?}", roll.conflicts().await);
        }
        roll.verified().await;
    }

    async fn post_of_a_retired_account_revives_it_if_both_names_agree(database: Database) {
        let roll = Roll::open(database).await;
        let okta = roll.first_connection().await;
        let (push, administrator) = (roll.push(&okta), roll.administrator());
        let id = say(&roll, &okta, ada("e1")).await.expect("created");
        let team = json!({"displayName": "staff", "members": [{"value": id}]});
        let staff = push.post("Group", team).await.expect("created").id;
        let friends = administrator.post("Group", json!({"displayName": "friends"})).await.expect("created").id;
        let banned = administrator.post("Group", json!({"displayName": "banned"})).await.expect("created").id;
        roll.directory.grant(&roll.tenant, &id, &friends, None).await.expect("granted");
        roll.directory.deny(&roll.tenant, &id, &banned).await.expect("denied");
        roll.directory.suspend(&roll.tenant, &id).await.expect("suspended");
        let push = &push;
        let retire = |id: String| async move { push.delete("User", &id).await.expect("deleted") };
        retire(id.clone()).await;
        assert_eq!(push.members(&staff).await, [""; 0]);
        roll.verified().await;

        let other = say(&roll, &okta, json!({"userName": "ada@acme.example", "externalId": "e9"})).await.expect("created");
        assert_ne!(other, id, "the name was given to the next person");
        retire(other).await;
        let other = say(&roll, &okta, json!({"userName": "next@acme.example", "externalId": "e1"})).await.expect("created");
        assert_ne!(other, id, "the externalId was given to the next person");
        retire(other).await;

        roll.clock.advance(MINUTE);
        let (revived, events) = roll.events_of(say(&roll, &okta, ada("e1"))).await;
        assert_eq!(revived.expect("revived"), id);
        assert!(has(&events, "user.revived") && !has(&events, "user.created"), "{events:?}");
        let effective = administrator.get("User", &id).await.expect("there again");
        assert_eq!(effective.active, Some(false), "an administrator's suspension is kept");
        roll.directory.unsuspend(&roll.tenant, &id).await.expect("lifted");
        assert_eq!(push.groups(&id).await, [""; 0], "lists are not");
        assert_eq!(administrator.groups(&id).await, [""; 0], "nor are grants");
        roll.directory.import_membership(&roll.tenant, &id, &banned).await.expect("imported");
        assert_eq!(administrator.groups(&id).await, [""; 0], "a deny is");
        roll.verified().await;

        // Beyond the retention nothing is remembered.
        retire(id.clone()).await;
        roll.clock.advance(31 * 24 * 60 * MINUTE);
        assert_ne!(say(&roll, &okta, ada("e1")).await.expect("created"), id);
        roll.verified().await;
    }
}

async fn roll_title(voice: crate::support::roll::Voiced<'_>, id: &str) -> String {
    let resource = voice.get("User", id).await.expect("there");
    let text = |name: &str| resource.document.0.get(name).and_then(Value::as_str).unwrap_or("-").to_owned();
    format!("{} {} {}", text("title"), text("userName"), resource.external_id.as_deref().unwrap_or("-"))
}

// ------------------------------------------------------------------------------------------------ PUT, PATCH, DELETE

both_engines! {
    async fn put_and_patch_change_the_words_of_the_connection(database: Database) {
        let roll = Roll::open(database).await;
        let okta = roll.first_connection().await;
        let push = roll.push(&okta);
        let id = say(&roll, &okta, ada("e1")).await.expect("created");
        roll.clock.advance(MINUTE);
        let put = push.put("User", &id, json!({"userName": "ada@acme.example", "nickName": "Ada"})).await.expect("done");
        assert_eq!((put.version, put.active, put.external_id.as_deref()), (2, Some(true), Some("e1")), "what a PUT leaves out stays");
        assert_eq!(put.document.0.keys().collect::<Vec<_>>(), ["nickName", "userName"], "what it said and says no more goes");
        for (operations, active) in [
            (json!({"op": "Replace", "path": "active", "value": "False"}), false),
            (json!({"op": "replace", "value": {"title": "Countess"}}), false),
            (json!({"op": "replace", "value": {"active": true}}), true),
        ] {
            roll.clock.advance(MINUTE);
            let patched = push.patch("User", &id, operations).await.expect("done");
            let effective = roll.reader().get("User", &id).await.expect("there");
            assert_eq!((patched.active, effective.active), (Some(active), Some(active)));
            assert_eq!(patched.document, effective.document);
        }
        let put = push.put("User", &id, json!({"userName": "ada@acme.example", "active": false})).await.expect("done");
        assert_eq!(put.active, Some(false));
        let put = push.put("User", &id, json!({"userName": "ada@acme.example"})).await.expect("done");
        assert_eq!(put.active, Some(false), "an omission brings nobody back");
        roll.verified().await;
    }

    async fn a_changed_external_id_moves_the_anchor(database: Database) {
        let roll = Roll::open(database).await;
        let okta = roll.first_connection().await;
        let push = roll.push(&okta);
        let id = say(&roll, &okta, ada("e1")).await.expect("created");
        let rename = |value: &str| json!({"op": "replace", "path": "externalId", "value": value});
        push.patch("User", &id, rename("e2")).await.expect("moved");
        let next = say(&roll, &okta, json!({"userName": "next@acme.example", "externalId": "e1"})).await.expect("created");
        assert_ne!(next, id, "a retired anchor never matches again");
        let taken = push.patch("User", &id, rename("e1")).await;
        assert_eq!(outcome(&taken), "409 uniqueness");
        assert_eq!(push.ids("User", r#"externalId eq "e2""#).await.expect("a list"), [id]);
        roll.verified().await;
    }

    async fn the_first_write_to_somebody_unclaimed_claims(database: Database) {
        let roll = Roll::open(database).await;
        let (okta, entra) = two_connections(&roll).await;
        let enter = |name: &'static str| async move {
            json!({"userName": name, "title": "Entered", "nickName": "Nick", "emails": [{"value": "m@acme.example"}]})
        };
        let administrator = roll.administrator();
        let own = administrator.post("User", enter("one@acme.example").await).await.expect("entered").id;
        let push = roll.push(&okta);
        let limited = push.get("User", &own).await.expect("in sight");
        assert!(limited.limited);
        assert_eq!(limited.document.0.keys().collect::<Vec<_>>(), ["userName", "emails"], "userName, name, emails, active");
        assert_eq!(outcome(&roll.push(&entra).get("User", &own).await), "404", "not in the other's sight");

        // The request that claims sets names only in the connection's own domains.
        let foreign = push.patch("User", &own, json!({"op": "replace", "path": "userName", "value": "one@else.example"})).await;
        assert_eq!(outcome(&foreign), "409 uniqueness");
        let foreign = push.patch("User", &own, json!({"op": "add", "path": "emails", "value": [{"value": "ceo@else.example"}]})).await;
        assert_eq!(outcome(&foreign), "409 uniqueness");
        assert!(push.get("User", &own).await.expect("there").limited, "nothing was claimed by it");
        let rename = json!({"op": "replace", "path": "userName", "value": "uno@acme.example"});
        let (claimed, events) = roll.events_of(push.patch("User", &own, rename)).await;
        let claimed = claimed.expect("claimed");
        assert!(!claimed.limited && has(&events, "record.claimed"), "{events:?}");
        let effective = roll.reader().get("User", &own).await.expect("there");
        assert_eq!(effective.document.0["userName"], "uno@acme.example");
        assert_eq!(effective.document.0["title"], "Entered", "what push never said stays entered");

        let guarded = administrator.post("User", enter("two@acme.example").await).await.expect("entered").id;
        roll.protect(&guarded).await;
        let put = push.put("User", &guarded, json!({"userName": "two@acme.example"})).await;
        let patch = push.patch("User", &guarded, json!({"op": "replace", "path": "title", "value": "Lady"})).await;
        assert_eq!([outcome(&put), outcome(&patch)], ["409 uniqueness", "409 uniqueness"]);
        let (read, delete) = (push.get("User", &guarded).await, push.delete("User", &guarded).await);
        assert_eq!([outcome(&read), outcome(&delete)], ["404", "404"], "it is never read, and so not deleted");
        assert_eq!(roll.conflicts().await, ["guarded_account"]);
        roll.verified().await;
    }

    async fn while_one_connection_is_all_there_is_it_sees_and_may_name_everybody(database: Database) {
        let roll = Roll::open(database).await;
        let only = roll.first_connection().await;
        let id = roll.administrator().post("User", json!({"userName": "ada"})).await.expect("entered").id;
        let push = roll.push(&only);
        assert_eq!(push.ids("User", r#"userName eq "ADA""#).await.expect("a list"), std::slice::from_ref(&id));
        let put = push.put("User", &id, json!({"userName": "ada@anywhere.example", "externalId": "e1"})).await;
        assert_eq!(put.expect("claimed").external_id.as_deref(), Some("e1"));
        roll.verified().await;
    }

    async fn whom_another_connection_pushes_is_not_there(database: Database) {
        let roll = Roll::open(database).await;
        let (okta, entra) = two_connections(&roll).await;
        let id = say(&roll, &okta, ada("e1")).await.expect("created");
        let stranger = roll.push(&entra);
        let (_, events) = roll.events_of(async {
            let answers = [
                outcome(&stranger.get("User", &id).await),
                outcome(&stranger.put("User", &id, json!({"userName": "x"})).await),
                outcome(&stranger.patch("User", &id, json!({"op": "replace", "path": "active", "value": false})).await),
                outcome(&stranger.delete("User", &id).await),
                outcome(&stranger.get("User", "no-such-id").await),
            ];
            assert_eq!(answers, ["404"; 5]);
        }).await;
        assert_eq!(events, [""; 0]);
        assert_eq!(stranger.ids("User", r#"userName eq "ada@acme.example""#).await.expect("a list"), [""; 0]);
        roll.verified().await;
    }

    async fn delete_ends_the_own_record_and_with_the_last_the_account(database: Database) {
        let roll = Roll::open(database).await;
        let shared = |domain: &str| json!({"domains": [domain], "anchor": {"namespace": "directory"}});
        let okta = roll.connection("okta", shared("acme.example")).await;
        let entra = roll.connection("entra", shared("whale.example")).await;
        let id = say(&roll, &okta, ada("oid-1")).await.expect("created");
        say(&roll, &entra, json!({"userName": "ada@whale.example", "externalId": "oid-1", "title": "Lady"})).await.expect("adopted");
        let entered = roll.administrator().post("User", json!({"userName": "hand@acme.example"})).await.expect("entered").id;

        let (done, events) = roll.events_of(roll.push(&okta).delete("User", &id)).await;
        done.expect("deleted");
        assert!(has(&events, "record.removed") && !has(&events, "user.deleted"), "{events:?}");
        assert_eq!(outcome(&roll.push(&okta).get("User", &id).await), "404");
        assert_eq!(roll_title(roll.reader(), &id).await, "Lady ada@whale.example oid-1", "the other speaks on");
        roll.verified().await;

        let (done, events) = roll.events_of(roll.push(&entra).delete("User", &id)).await;
        done.expect("deleted");
        assert!(has(&events, "user.deleted"), "{events:?}");
        for voice in [roll.push(&okta), roll.push(&entra), roll.reader(), roll.administrator()] {
            assert_eq!(outcome(&voice.get("User", &id).await), "404");
        }
        assert_eq!(outcome(&roll.push(&entra).delete("User", &id).await), "404", "twice is once");
        let again = json!({"userName": "ada@whale.example"});
        assert_ne!(say(&roll, &entra, again).await.expect("the name is free"), id);
        assert_eq!(outcome(&roll.push(&okta).delete("User", &entered).await), "404", "entered by hand: not a push's to delete");
        roll.verified().await;
    }
}

// ------------------------------------------------------------------------------------------------ nothing new, and who reads what

both_engines! {
    async fn a_write_that_changes_nothing_keeps_the_version_and_writes_no_event(database: Database) {
        let roll = Roll::open(database).await;
        let okta = roll.first_connection().await;
        let push = roll.push(&okta);
        let first = push.post("User", ada("e1")).await.expect("created");
        let ((), events) = roll.events_of(async {
            for operations in [
                json!([]),
                json!({"op": "replace", "path": "title", "value": "Countess"}),
                json!({"op": "add", "path": "emails", "value": [{"value": "ada@acme.example", "type": "work", "primary": true}]}),
                json!({"op": "replace", "value": {"active": true, "externalId": "e1"}}),
                json!({"op": "remove", "path": "nickName"}),
            ] {
                roll.clock.advance(MINUTE);
                let answer = push.patch("User", &first.id, operations.clone()).await.expect("done");
                assert_eq!((answer.version, answer.modified), (first.version, first.modified), "{operations}");
            }
            for _ in 0..2 {
                roll.clock.advance(MINUTE);
                let answer = push.put("User", &first.id, ada("e1")).await.expect("done");
                assert_eq!((answer.version, answer.modified), (first.version, first.modified));
            }
        }).await;
        assert_eq!(events, [""; 0]);
        // The second of two equal requests that do change something.
        let rename = json!({"op": "replace", "path": "title", "value": "Lady"});
        let once = push.patch("User", &first.id, rename.clone()).await.expect("done");
        let (twice, events) = roll.events_of(push.patch("User", &first.id, rename)).await;
        assert_eq!((once.version, twice.expect("done").version), (2, 2));
        assert_eq!(events, [""; 0]);
        roll.verified().await;
    }

    async fn a_push_reads_its_own_words_and_everybody_else_the_effective_ones(database: Database) {
        let roll = Roll::open(database).await;
        let okta = roll.first_connection().await;
        let push = roll.push(&okta);
        let id = say(&roll, &okta, ada("e1")).await.expect("created");
        roll.directory.lock(&roll.tenant, &id, "title", Some(json!("Locked"))).await.expect("locked");
        roll.directory.suspend(&roll.tenant, &id).await.expect("suspended");
        let (own, effective) = (push.get("User", &id).await.expect("own"), roll.reader().get("User", &id).await.expect("all"));
        assert_eq!((&own.document.0["title"], own.active), (&json!("Countess"), Some(true)));
        assert_eq!((&effective.document.0["title"], effective.active), (&json!("Locked"), Some(false)));
        for (filter, pushed, read) in [
            (r#"title eq "countess""#, 1, 0),
            (r#"title eq "locked""#, 0, 1),
            ("active eq true", 1, 0),
            (r#"externalId eq "e1""#, 1, 1),
        ] {
            assert_eq!(push.ids("User", filter).await.expect("a list").len(), pushed, "{filter} by the push");
            assert_eq!(roll.reader().ids("User", filter).await.expect("a list").len(), read, "{filter} by a reader");
        }
        // GET then PUT changes nothing, although others say otherwise.
        let mut body = own.document.0.clone();
        body.insert("active".to_owned(), json!(true));
        let (answer, events) = roll.events_of(push.put("User", &id, Value::Object(body))).await;
        assert_eq!(answer.expect("done").version, own.version);
        assert_eq!(events, [""; 0]);
        roll.directory.unlock(&roll.tenant, &id, "title").await.expect("unlocked");
        assert_eq!(roll.reader().get("User", &id).await.expect("there").document.0["title"], "Countess", "it returns");
        roll.verified().await;
    }

    async fn an_administrator_is_told_whose_word_it_is(database: Database) {
        let roll = Roll::open(database).await;
        let okta = roll.first_connection().await;
        let administrator = roll.administrator();
        let id = say(&roll, &okta, ada("e1")).await.expect("created");
        let answer = administrator.patch("User", &id, json!({"op": "replace", "path": "title", "value": "Lady"})).await;
        assert_eq!(outcome(&answer), "400 mutability");
        assert!(detail(&answer).contains("title") && detail(&answer).contains("default"), "{}", detail(&answer));
        let answer = administrator.patch("User", &id, json!({"op": "add", "path": "nickName", "value": "Ada"})).await;
        assert_eq!(answer.expect("nobody else says it").document.0["nickName"], "Ada");
        assert!(!roll.push(&okta).get("User", &id).await.expect("there").document.0.contains_key("nickName"));
        let put = administrator.put("User", &id, json!({"userName": "ada@acme.example"})).await.expect("done");
        assert_eq!(put.document.0["title"], "Countess", "left out is no word about what another owns");
        assert!(!put.document.0.contains_key("nickName"), "its own is taken back");
        for (active, outcome_of_put) in [(false, Some(false)), (true, Some(true))] {
            let operations = json!({"op": "replace", "path": "active", "value": active});
            assert_eq!(administrator.patch("User", &id, operations).await.expect("done").active, outcome_of_put);
            assert_eq!(roll.push(&okta).get("User", &id).await.expect("there").active, Some(true));
        }
        roll.push(&okta).patch("User", &id, json!({"op": "replace", "path": "active", "value": false})).await.expect("done");
        let answer = administrator.patch("User", &id, json!({"op": "replace", "path": "active", "value": true})).await;
        assert_eq!(outcome(&answer), "400 mutability", "the push says inactive");
        administrator.delete("User", &id).await.expect("deleted");
        assert_eq!(outcome(&roll.push(&okta).get("User", &id).await), "404");
        roll.verified().await;
    }
}
