//! Hold the effect, not the request: what a connection would end beyond its budget is recorded and reads back as it was
//! said, and stands for everybody else until an administrator applies it or its time is over.

use std::ops::Range;

use axum::http::Method;
use rollkeeper::auth::egress::{Egress, EgressPolicy};
use rollkeeper::auth::jwks::Jwks;
use rollkeeper::auth::token::Scope;
use rollkeeper::jit::claims::Statement;
use rollkeeper::jit::login::{Answer, LoginError, Logins};
use serde_json::{Value, json};

use crate::support::roll::{MINUTE, Roll, Voiced, outcome};
use crate::support::{World, both_engines};

/// A connection with a budget of three, twenty people and a crew of all of them.
struct Place {
    roll: Roll,
    okta: String,
    people: Vec<String>,
    crew: String,
}

impl Place {
    async fn on(roll: Roll) -> Self {
        let okta = roll
            .connection(
                "okta",
                json!({
                    "anchor": {"namespace": "corp"}, "hold": {"count": 3, "percent": 10, "release": "PT2H"},
                }),
            )
            .await;
        let push = roll.push(&okta);
        let mut people = Vec::new();
        for n in 0..20 {
            let body = json!({"userName": format!("p{n:02}"), "externalId": format!("e{n}"), "active": true});
            people.push(push.post("User", body).await.expect("pushed").id);
        }
        let crew = push.post("Group", list("crew", &people)).await.expect("a group").id;
        roll.clock.advance(MINUTE);
        Self { roll, okta, people, crew }
    }

    fn push(&self) -> Voiced<'_> {
        self.roll.push(&self.okta)
    }

    /// Somebody whom it does not push, with these groups in the token.
    async fn sign_in(&self, who: &str, groups: &[&str], dry_run: bool) -> Answer {
        self.present(who, groups, dry_run).await.expect("let in")
    }

    async fn try_sign_in(&self, who: &str, groups: &[&str]) -> Result<(), &'static str> {
        self.present(who, groups, false).await.map(drop).map_err(|refused| refused.code)
    }

    async fn present(&self, who: &str, groups: &[&str], dry_run: bool) -> Result<Answer, LoginError> {
        let keys = Jwks::new(Egress::new(EgressPolicy::default()), self.roll.clock.clone());
        let logins = Logins { directory: self.roll.directory.clone(), keys };
        let Value::Object(claims) = json!({"preferred_username": who, "groups": groups}) else {
            unreachable!("an object")
        };
        let stamp = self.roll.clock.now();
        let evidence = format!("{who} {groups:?} {stamp}");
        let statement = Statement { subject: who.to_owned(), stamp, claims, evidence };
        self.roll.clock.advance(1);
        logins.present(&self.roll.tenant, &self.okta, &statement, None, dry_run).await
    }

    /// Who of them is there for everybody but the push.
    async fn standing(&self, people: &[String]) -> Vec<bool> {
        let all = self.roll.reader().everything("User").await;
        people.iter().map(|person| all.iter().any(|user| user.id == *person)).collect()
    }

    /// What everybody but the push sees.
    async fn effective(&self) -> usize {
        self.roll.reader().members(&self.crew).await.len()
    }

    async fn empties_the_list(&self) -> Vec<String> {
        let (put, events) = self.roll.events_of(self.push().put("Group", &self.crew, list("crew", &[]))).await;
        put.expect("answered as always");
        events
    }

    async fn open(&self) -> String {
        let holds = self.roll.directory.holds(&self.roll.tenant).await.expect("read");
        holds.into_iter().find(|hold| hold.state == "open").expect("one is open").id
    }

    async fn switch(&self, person: &str, active: bool) {
        let operation = json!({"op": "replace", "path": "active", "value": active});
        self.push().patch("User", person, operation).await.expect("answered as always");
    }

    async fn deletes(&self, people: Range<usize>) {
        for person in &self.people[people] {
            self.push().delete("User", person).await.expect("answered as always");
        }
    }

    async fn active(&self) -> usize {
        let all = self.roll.reader().everything("User").await;
        all.iter().filter(|user| user.active == Some(true)).count()
    }
}

fn list(name: &str, people: &[String]) -> Value {
    let members: Vec<Value> = people.iter().map(|id| json!({"value": id})).collect();
    json!({"displayName": name, "members": members})
}

both_engines! {
    async fn a_list_that_is_emptied_reads_back_empty_and_stands_until_it_is_applied(database: Database) {
        let place = Place::on(Roll::open(database).await).await;
        let events = place.empties_the_list().await;
        let hold = place.open().await;
        assert_eq!(events.last(), Some(&format!("hold.opened {hold} {}", place.okta)), "{events:#?}");
        assert!(!events.iter().any(|event| event.starts_with("membership.removed")), "{events:#?}");
        assert_eq!(place.push().members(&place.crew).await, [""; 0], "the push reads what it said");
        assert_eq!(place.effective().await, 20);
        let groups = place.roll.reader().groups(&place.people[0]).await;
        assert_eq!(groups, std::slice::from_ref(&place.crew));
        let why = place.roll.directory.explain(&place.roll.tenant, &place.people[0], &place.crew).await.expect("told");
        assert!(why.explanation.member && why.explanation.sentence.contains("a hold keeps it"), "{:?}", why.explanation);
        place.roll.verified().await;

        // An administrator's word stands above it, at once.
        place.roll.directory.deny(&place.roll.tenant, &place.people[0], &place.crew).await.expect("denied");
        assert_eq!(place.effective().await, 19);
        // And the request again changes nothing.
        assert_eq!(place.empties_the_list().await, [""; 0]);

        let (info, held, next) =
            place.roll.directory.hold(&place.roll.tenant, &hold, None, 5).await.expect("it is there");
        assert_eq!((info.memberships, info.deactivations, held.len(), next.is_some()), (19, 0, 5, true));
        let (applied, events) = place.roll.events_of(place.roll.directory.apply_hold(&place.roll.tenant, &hold)).await;
        assert_eq!((applied.expect("applied"), place.effective().await), (19, 0));
        assert_eq!(events.iter().filter(|event| event.starts_with("membership.removed")).count(), 19);
        assert_eq!(events[0], format!("hold.applied {hold} {}", place.okta));
        assert_eq!(place.roll.directory.apply_hold(&place.roll.tenant, &hold).await.expect("over"), 0);
        place.roll.verified().await;
    }

    async fn a_group_that_goes_is_held_for_nobody(database: Database) {
        let place = Place::on(Roll::open(database).await).await;
        let mut body = list("squad", &place.people[..4]);
        body["externalId"] = json!("squad");
        let squad = place.push().post("Group", body).await.expect("a group").id;
        place.roll.clock.advance(MINUTE);
        place.empties_the_list().await;
        place.push().put("Group", &squad, list("squad", &[])).await.expect("emptied");
        let hold = place.open().await;
        assert_eq!(place.roll.reader().groups(&place.people[0]).await.len(), 2, "both are held");
        place.push().delete("Group", &squad).await.expect("deleted");
        assert_eq!(place.roll.reader().groups(&place.people[0]).await, std::slice::from_ref(&place.crew));
        place.roll.verified().await;
        // It comes back empty.
        let again = place.push().post("Group", json!({"displayName": "squad", "externalId": "squad"})).await;
        assert_eq!(again.expect("revived").id, squad);
        assert_eq!(place.roll.reader().members(&squad).await, [""; 0]);
        // With the last group the hold is over.
        let (gone, events) = place.roll.events_of(place.roll.administrator().delete("Group", &place.crew)).await;
        gone.expect("deleted");
        assert!(events.contains(&format!("hold.restored {hold} -")), "{events:#?}");
        let (info, ..) = place.roll.directory.hold(&place.roll.tenant, &hold, None, 1).await.expect("there");
        assert_eq!((info.state.as_str(), info.memberships), ("restored", 0));
        place.roll.verified().await;
    }

    async fn a_hold_is_released_when_its_time_is_over(database: Database) {
        let place = Place::on(Roll::open(database).await).await;
        place.empties_the_list().await;
        place.roll.clock.advance(2 * 60 * MINUTE - 1);
        assert_eq!(place.roll.directory.tick().await.expect("ticks").holds, 0);
        place.roll.clock.advance(1);
        let (ticked, events) = place.roll.events_of(place.roll.directory.tick()).await;
        assert_eq!((ticked.expect("ticks").holds, place.effective().await), (20, 0));
        assert!(events[0].starts_with("hold.released"), "{events:#?}");
        place.roll.verified().await;
    }

    async fn an_idp_that_says_it_again_takes_the_hold_away(database: Database) {
        let place = Place::on(Roll::open(database).await).await;
        place.empties_the_list().await;
        let hold = place.open().await;
        let (put, events) = place.roll.events_of(place.push().put("Group", &place.crew, list("crew", &place.people))).await;
        put.expect("restored");
        assert_eq!(events, [format!("hold.restored {hold} -")], "nothing effective has happened");
        // A single removal bites again: nothing of the hold is left.
        let remove = json!({"op": "remove", "path": format!("members[value eq \"{}\"]", place.people[0])});
        place.push().patch("Group", &place.crew, remove).await.expect("removed");
        assert_eq!(place.effective().await, 19);
        place.roll.verified().await;
    }

    async fn nothing_is_held_of_somebody_who_is_deleted_and_comes_back(database: Database) {
        let place = Place::on(Roll::open(database).await).await;
        place.empties_the_list().await;
        let gone = &place.people[0];
        place.push().delete("User", gone).await.expect("deleted");
        assert_eq!(place.effective().await, 19);
        let body = json!({"userName": "p00", "externalId": "e0", "active": true});
        assert_eq!(place.push().post("User", body).await.expect("revived").id, *gone);
        assert_eq!(place.effective().await, 19, "revived without lists");
        let (info, ..) = place.roll.directory.hold(&place.roll.tenant, &place.open().await, None, 1).await.expect("there");
        assert_eq!(info.memberships, 19);
        place.roll.verified().await;
    }

    async fn a_single_deactivation_is_never_delayed_and_a_flood_of_them_is(database: Database) {
        let place = Place::on(Roll::open(database).await).await;
        for (n, person) in place.people.iter().enumerate().take(3) {
            place.switch(person, false).await;
            assert_eq!(place.active().await, 19 - n, "at once");
        }
        for person in &place.people[3..10] {
            place.switch(person, false).await;
            assert_eq!(place.push().get("User", person).await.expect("its own").active, Some(false));
        }
        assert_eq!((place.active().await, place.effective().await), (17, 17), "beyond the budget they are held");
        let hold = place.open().await;
        let (info, ..) = place.roll.directory.hold(&place.roll.tenant, &hold, None, 1).await.expect("there");
        assert_eq!((info.memberships, info.deactivations), (7, 7));
        place.roll.verified().await;

        // Whoever is brought back is not held any more; an administrator's suspension bites through.
        place.switch(&place.people[3], true).await;
        place.roll.directory.suspend(&place.roll.tenant, &place.people[4]).await.expect("suspended");
        assert_eq!(place.active().await, 16);
        place.roll.directory.unsuspend(&place.roll.tenant, &place.people[4]).await.expect("lifted");
        assert_eq!(place.active().await, 16, "what the push said holds then");
        place.roll.verified().await;

        // An hour later the budget is whole: a single one bites while the others are still held.
        place.roll.clock.advance(61 * MINUTE);
        place.switch(&place.people[19], false).await;
        assert_eq!(place.active().await, 15);
        place.roll.directory.apply_hold(&place.roll.tenant, &hold).await.expect("applied");
        assert_eq!((place.active().await, place.effective().await), (10, 10));
        place.roll.verified().await;
    }

    async fn a_flood_of_deletions_reads_as_gone_and_stands_until_it_is_applied(database: Database) {
        let place = Place::on(Roll::open(database).await).await;
        for person in &place.people[..3] {
            place.push().delete("User", person).await.expect("within the budget");
            assert_eq!(outcome(&place.roll.reader().get("User", person).await), "404", "and at once");
        }
        let ((), events) = place.roll.events_of(place.deletes(3..10)).await;
        let hold = place.open().await;
        assert_eq!(events, [format!("hold.opened {hold} {}", place.okta)], "nothing effective has happened");
        assert_eq!((place.active().await, place.effective().await), (17, 17));
        let (info, held, _) = place.roll.directory.hold(&place.roll.tenant, &hold, None, 100).await.expect("there");
        assert_eq!((info.memberships, info.deactivations, held.len()), (7, 7, 14));
        place.roll.verified().await;

        // For the push they are gone, by every door.
        let (push, person) = (place.push(), &place.people[3]);
        let active = json!({"op": "replace", "path": "active", "value": true});
        assert_eq!(outcome(&push.get("User", person).await), "404");
        assert_eq!(outcome(&push.patch("User", person, active).await), "404");
        assert_eq!(outcome(&push.put("User", person, json!({"userName": "p03"})).await), "404");
        assert_eq!(outcome(&push.delete("User", person).await), "404");
        assert_eq!((push.everything("User").await.len(), push.members(&place.crew).await.len()), (10, 10));
        for filter in ["userName eq \"p03\"", "externalId eq \"e3\"", "active eq false"] {
            assert_eq!(push.ids("User", filter).await.expect("a list"), [""; 0], "{filter}");
        }
        let add = json!({"op": "add", "path": "members", "value": [{"value": person}]});
        assert_eq!(outcome(&push.patch("Group", &place.crew, add).await), "400 invalidValue");
        let read = place.roll.reader().get("User", person).await.expect("it stands");
        assert_eq!((read.external_id.as_deref(), read.active), (Some("e3"), Some(true)), "with everything it had");

        // An administrator decides on one of them; the others go when the hold is applied.
        place.roll.administrator().delete("User", person).await.expect("an administrator is obeyed");
        place.roll.directory.suspend(&place.roll.tenant, &place.people[4]).await.expect("suspended");
        assert_eq!(place.active().await, 15);
        place.roll.verified().await;
        let (applied, events) = place.roll.events_of(place.roll.directory.apply_hold(&place.roll.tenant, &hold)).await;
        assert_eq!((applied.expect("applied"), place.effective().await), (6, 10));
        assert_eq!(events.iter().filter(|event| event.starts_with("user.deleted")).count(), 6, "{events:#?}");
        assert_eq!(place.roll.reader().everything("User").await.len(), 10);
        place.roll.verified().await;
        // What is gone comes back as ever: the same person has the same id.
        let again = place.push().post("User", json!({"userName": "p05", "externalId": "e5"})).await.expect("revived");
        assert_eq!((&again.id, place.effective().await), (&place.people[5], 10));
        place.roll.verified().await;
    }

    async fn whoever_is_deactivated_and_then_deleted_is_held_once(database: Database) {
        let place = Place::on(Roll::open(database).await).await;
        for person in &place.people[..10] {
            place.switch(person, false).await;
        }
        place.deletes(0..10).await;
        assert_eq!((place.active().await, place.effective().await), (17, 17), "the first three were inactive already");
        assert_eq!(place.roll.reader().everything("User").await.len(), 17);
        let hold = place.open().await;
        let (info, ..) = place.roll.directory.hold(&place.roll.tenant, &hold, None, 1).await.expect("there");
        assert_eq!((info.memberships, info.deactivations), (7, 7));
        place.roll.verified().await;
        // An hour later the budget is whole: another one goes at once, and the others wait.
        place.roll.clock.advance(61 * MINUTE);
        place.deletes(19..20).await;
        assert_eq!(place.active().await, 16);
        place.roll.directory.apply_hold(&place.roll.tenant, &hold).await.expect("applied");
        assert_eq!((place.roll.reader().everything("User").await.len(), place.effective().await), (9, 9));
        place.roll.verified().await;
    }

    async fn a_deletion_that_is_held_is_taken_back_or_makes_room(database: Database) {
        let place = Place::on(Roll::open(database).await).await;
        place.deletes(0..8).await;
        let hold = place.open().await;
        let post = async |name: &str, id: &str| {
            place.push().post("User", json!({"userName": name, "externalId": id})).await
        };
        // The same user: taken back, in no list of its push, and in the group while the hold keeps that.
        let back = post("p03", "e3").await.expect("taken back");
        assert_eq!((&back.id, back.groups.map(|groups| groups.len())), (&place.people[3], Some(0)));
        assert_eq!((place.active().await, place.effective().await), (17, 17));
        assert_eq!(outcome(&post("p03", "e3").await), "409 uniqueness");
        // A new person under the name or the id of somebody who was deleted: those go at once.
        let namesake = post("p04", "other").await.expect("a new person").id;
        let successor = post("somebody", "e5").await.expect("a new person").id;
        for (new, gone) in [(&namesake, &place.people[4]), (&successor, &place.people[5])] {
            assert_ne!(new, gone);
            assert_eq!(outcome(&place.roll.reader().get("User", gone).await), "404");
        }
        let rename = json!({"op": "replace", "path": "userName", "value": "p06"});
        place.push().patch("User", &namesake, rename).await.expect("the name is free for the push");
        assert_eq!(outcome(&place.roll.reader().get("User", &place.people[6]).await), "404");
        place.roll.verified().await;
        let (info, ..) = place.roll.directory.hold(&place.roll.tenant, &hold, None, 1).await.expect("there");
        assert_eq!((info.memberships, info.deactivations), (2, 1), "p03 in the crew, and p07");

        place.roll.clock.advance(2 * 60 * MINUTE);
        assert_eq!(place.roll.directory.tick().await.expect("ticks").holds, 2);
        assert_eq!(outcome(&place.roll.reader().get("User", &place.people[7]).await), "404");
        assert_eq!(place.roll.reader().get("User", &place.people[3]).await.expect("it is there").active, Some(true));
        assert_eq!(place.effective().await, 12);
        place.roll.verified().await;
    }

    async fn deletions_of_whom_others_know_too_are_held_as_lost_memberships(database: Database) {
        let place = Place::on(Roll::open(database).await).await;
        let entra = place.roll.connection("entra", json!({"anchor": {"namespace": "corp"}})).await;
        for n in 0..5 {
            let body = json!({"userName": format!("p{n:02}"), "externalId": format!("e{n}")});
            place.roll.push(&entra).post("User", body).await.expect("adopted");
        }
        place.deletes(0..5).await;
        assert_eq!((place.active().await, place.effective().await), (20, 17), "three are spent, two are held");
        place.roll.verified().await;
        place.roll.directory.apply_hold(&place.roll.tenant, &place.open().await).await.expect("applied");
        assert_eq!((place.active().await, place.effective().await), (20, 15));
        place.roll.verified().await;
    }

    async fn deletions_of_whom_it_only_signed_in_are_held_too(database: Database) {
        let place = Place::on(Roll::open(database).await).await;
        let mut guests = Vec::new();
        for n in 0..5 {
            guests.push(place.sign_in(&format!("guest{n}"), &["crew"], false).await.user.id);
        }
        assert_eq!(place.effective().await, 25);
        place.roll.clock.advance(MINUTE);
        for guest in &guests {
            place.push().delete("User", guest).await.expect("answered as always");
            assert_eq!(outcome(&place.push().get("User", guest).await), "404");
        }
        assert_eq!((place.standing(&guests).await, place.effective().await), (vec![false, false, false, true, true], 22));
        let tried = place.try_sign_in("guest4", &[]).await;
        assert_eq!(tried, Ok(()), "what is held has not taken effect");
        assert_eq!(place.effective().await, 22);
        place.roll.verified().await;
        place.roll.directory.apply_hold(&place.roll.tenant, &place.open().await).await.expect("applied");
        assert_eq!((place.standing(&guests).await, place.effective().await), (vec![false; 5], 20));
        assert_eq!(place.try_sign_in("guest4", &[]).await, Err("tombstoned"));
        place.roll.verified().await;
    }

    async fn new_settings_that_would_end_too_much_are_held_too(database: Database) {
        let place = Place::on(Roll::open(database).await).await;
        let tenant = &place.roll.tenant;
        let info = place.roll.directory.connection(tenant, "okta").await.expect("read").expect("there");
        let moby = place.roll.administrator().post("Organization", json!({"slug": "moby"})).await.expect("made").id;
        let with = info.rules.patched(&json!({"default": {"organization": "moby"}})).expect("good settings");
        place.roll.directory.update_connection(tenant, &place.okta, with, None).await.expect("updated");
        let simulate = async |budget: Value| {
            let tried = info.rules.patched(&budget).expect("good settings");
            place.roll.directory.simulate(tenant, &place.okta, &tried, None, 5).await.expect("simulated")
        };
        let forecast = simulate(json!({})).await;
        assert_eq!((forecast.left, forecast.held.memberships, forecast.held.deactivations), (20, 20, 0));
        let wide = simulate(json!({"hold": {"count": 20}})).await;
        assert_eq!((wide.left, wide.held.memberships), (20, 0), "by the budget that would hold then");
        let (updated, events) = place
            .roll
            .events_of(place.roll.directory.update_connection(tenant, &place.okta, info.rules.clone(), None))
            .await;
        updated.expect("updated");
        assert!(events.iter().any(|event| event.starts_with("hold.opened")), "{events:#?}");
        let why = place.roll.directory.explain(tenant, &place.people[0], &moby).await.expect("told").explanation;
        assert!(why.member, "{why:?}");
        let (info, ..) = place.roll.directory.hold(tenant, &place.open().await, None, 1).await.expect("there");
        assert_eq!(info.memberships, forecast.held.memberships, "as it was foretold");
        place.roll.verified().await;
    }

    async fn a_sign_in_says_that_what_it_ends_is_held(database: Database) {
        let place = Place::on(Roll::open(database).await).await;
        for name in ["red", "green", "blue", "white"] {
            place.push().post("Group", json!({"displayName": name})).await.expect("a group");
        }
        let all = place.sign_in("zoe", &["red", "green", "blue", "white"], false).await;
        assert_eq!((all.held, all.groups.len()), (false, 4));
        let (tried, events) = place.roll.events_of(place.sign_in("zoe", &[], true)).await;
        assert_eq!((tried.held, tried.groups.len(), events.len()), (true, 4, 0), "tried, and nothing is written");
        assert!(tried.groups.iter().all(|group| group.via == ["held"]));
        assert!(tried.changes.iter().any(|change| change["kind"] == "hold.opened"), "{:?}", tried.changes);
        let few = place.sign_in("zoe", &["red"], false).await;
        assert_eq!((few.held, few.groups.len()), (false, 1), "three are within the budget");
        place.roll.clock.advance(MINUTE);
        let none = place.sign_in("zoe", &[], false).await;
        assert_eq!((none.held, none.groups.len()), (true, 1), "and a fourth is not");
        place.roll.verified().await;
    }
}

#[tokio::test]
async fn holds_are_listed_and_applied_over_http() {
    let world = World::sqlite().await;
    let acme = world.tenant("acme").await;
    let (admin, push) = (world.client(&acme, Scope::Admin).await, world.client(&acme, Scope::Scim).await);
    let rules = json!({"rules": {"hold": {"count": 1, "percent": 0}}});
    admin.admin("/connections").call(Method::PATCH, "/default").json(rules).await.status(200);
    let mut members = Vec::new();
    for name in ["ana", "bo"] {
        members.push(json!({"value": push.users().post(json!({"userName": name})).await.status(201).id()}));
    }
    let crew = push.groups().post(json!({"displayName": "crew", "members": members})).await.status(201).id();
    let emptied = push.groups().put(&crew, json!({"displayName": "crew", "members": []})).await.status(200);
    assert_eq!(emptied["members"], Value::Null);
    assert_eq!(admin.groups().get(&crew).await.status(200)["members"].as_array().map(Vec::len), Some(2));

    let holds = admin.admin("/holds").list("").await.status(200);
    assert_eq!((&holds["holds"][0]["state"], &holds["holds"][0]["memberships"]), (&json!("open"), &json!(2)));
    let id = holds["holds"][0]["id"].as_str().expect("an id").to_owned();
    let shown = admin.admin("/holds").list("").await.status(200);
    assert_eq!(shown.body, holds.body);
    let page = admin.admin("/holds").call(Method::GET, &format!("/{id}?limit=1")).await.status(200);
    assert_eq!((&page["held"][0]["group"]["name"], page["held"].as_array().map(Vec::len)), (&json!("crew"), Some(1)));
    let next = page["next"].as_str().expect("there is more");
    let rest = admin.admin("/holds").call(Method::GET, &format!("/{id}?after={next}")).await.status(200);
    assert_eq!((rest["held"].as_array().map(Vec::len), &rest["next"]), (Some(1), &Value::Null));
    let applied = admin.admin("/holds").call(Method::POST, &format!("/{id}/apply")).await.status(200);
    assert_eq!(applied["people"], 2);
    assert_eq!(admin.groups().get(&crew).await.status(200)["members"], Value::Null);
    admin.admin("/holds").get("no-such-id").await.problem(404, "not_found");
    admin.admin("/holds").call(Method::POST, "/no-such-id/apply").await.problem(404, "not_found");
    let none = json!({"rules": {"hold": {"count": 0}}});
    admin.admin("/connections").call(Method::PATCH, "/default").json(none).await.problem(400, "invalid_value");
    assert_eq!(world.directory.verify(None).await.expect("verify runs"), []);
}
