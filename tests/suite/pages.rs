//! Pages: by cursor (RFC 9865) on every list, over all types at the base address (RFC 7644 §3.4.2.1), and of the members of
//! a group. Stories over HTTP, on both engines.

use std::collections::BTreeSet;

use axum::http::Method;
use rollkeeper::auth::token::Scope;
use rollkeeper::directory::Limits;
use rollkeeper::http::Settings;
use serde_json::{Value, json};

use crate::support::{Client, Reply, World, both_engines};

const SEARCH: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";

/// All pages of a list from the first on, each by the cursor of the one before.
async fn walk(client: &Client, path: &str, query: &str) -> Vec<Reply> {
    let mut pages = vec![client.scim(path).list(&format!("{query}&cursor")).await.status(200)];
    while let Some(cursor) = next(pages.last().expect("a page")) {
        assert!(pages.len() < 100, "the list does not end");
        pages.push(client.scim(path).list(&format!("{query}&cursor={cursor}")).await.status(200));
    }
    pages
}

fn next(page: &Reply) -> Option<String> {
    page["nextCursor"].as_str().map(str::to_owned)
}

fn ids(pages: &[Reply]) -> Vec<String> {
    pages.iter().flat_map(|page| page.each("id")).map(str::to_owned).collect()
}

/// Users `u0`, `u1` …, every third without a title.
async fn people(push: &Client, many: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for n in 0..many {
        let mut body = json!({"userName": format!("u{n}"), "externalId": format!("x{}", many - n)});
        if n % 3 > 0 {
            body["title"] = format!("Title {}", n % 2).into();
        }
        ids.push(push.users().post(body).await.status(201).id());
    }
    ids
}

both_engines! {
    async fn a_list_is_walked_by_cursor(database: Database) {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let push = world.client(&acme, Scope::Scim).await;
        let all = people(&push, 7).await;

        let first = push.users().list("cursor&count=3").await.status(200);
        assert_eq!(first["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:ListResponse"]));
        assert_eq!((&first["totalResults"], &first["itemsPerPage"]), (&json!(7), &json!(3)));
        assert!(first.body.get("startIndex").is_none() && first.body.get("previousCursor").is_none());
        let cursor = next(&first).expect("there is more");
        let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        assert!(cursor.bytes().all(unreserved), "{cursor}");

        // The count may be left out from the second page on; the total stays that of all matches.
        let second = push.users().list(&format!("cursor={cursor}")).await.status(200);
        assert_eq!((&second["totalResults"], &second["itemsPerPage"]), (&json!(7), &json!(3)));
        let last = push.users().list(&format!("count=3&cursor={}", next(&second).expect("more"))).await.status(200);
        assert_eq!(last["itemsPerPage"], 1);
        assert!(last.body.get("nextCursor").is_none(), "absent, not null");
        assert_eq!(ids(&[first, second, last]), all);

        // A last page that is full is the last all the same.
        let pages = walk(&push, "/Users", "count=7").await;
        assert_eq!((pages.len(), ids(&pages)), (1, all.clone()));
        // The order is that of pages by index, whole, in both directions and with missing values.
        for sort in ["userName", "title", "externalId", "meta.created", "active", "emails"] {
            for direction in ["ascending", "descending"] {
                let query = format!("sortBy={sort}&sortOrder={direction}");
                let whole = push.users().list(&query).await.status(200);
                let paged = ids(&walk(&push, "/Users", &format!("{query}&count=2")).await);
                assert_eq!(paged, whole.each("id"), "{query}");
            }
        }
        // With a filter, by POST, and without any attribute of the order shown.
        let body = |cursor: &str| json!({"schemas": [SEARCH], "filter": "title pr", "sortBy": "title", "count": 3,
            "cursor": cursor, "attributes": ["userName"]});
        let found = push.users().search(body("")).await.status(200);
        assert_eq!(found["totalResults"], 4);
        let rest = push.users().search(body(&next(&found).expect("more"))).await.status(200);
        let whole = push.users().list("filter=title+pr&sortBy=title").await.status(200);
        assert_eq!(ids(&[found, rest]), whole.each("id"));
        // Nothing matches: an empty last page.
        let none = push.users().list("cursor&filter=userName+eq+%22nobody%22").await.status(200);
        assert_eq!((&none["totalResults"], none.body.get("nextCursor")), (&json!(0), None));
    }

    async fn a_cursor_survives_inserts_and_deletes(database: Database) {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let push = world.client(&acme, Scope::Scim).await;
        let all = people(&push, 9).await;
        let query = "sortBy=userName&count=3";

        let first = push.users().list(&format!("{query}&cursor")).await.status(200);
        assert_eq!(first.each("userName"), ["u0", "u1", "u2"]);
        // The very resource that the cursor points behind goes, one before it, and one that was to come; others come.
        for gone in [0, 2, 4] {
            push.users().delete(&all[gone]).await.status(204);
        }
        for (name, seen) in [("u00", false), ("u2b", true), ("u8b", true)] {
            push.users().post(json!({"userName": name, "title": seen.to_string()})).await.status(201);
        }
        let mut names = Vec::new();
        let mut cursor = next(&first);
        while let Some(at) = cursor {
            let page = push.users().list(&format!("{query}&cursor={at}")).await.status(200);
            assert_eq!(page["totalResults"], 9, "recounted on each page");
            names.extend(page.each("userName").into_iter().map(str::to_owned));
            cursor = next(&page);
        }
        assert_eq!(names, ["u2b", "u3", "u5", "u6", "u7", "u8", "u8b"]);
    }

    async fn a_cursor_belongs_to_its_query(database: Database) {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let (push, admin) = (world.client(&acme, Scope::Scim).await, world.client(&acme, Scope::Admin).await);
        people(&push, 5).await;
        let given = |query: &str| push.users().list(&format!("{query}&cursor&count=2"));
        let plain = next(&given("").await).expect("more");
        let sorted = next(&given("sortBy=userName").await).expect("more");
        let filtered = next(&given("filter=userName+pr").await).expect("more");

        // Other attributes, and another spelling of the same filter, are the same query.
        push.users().list(&format!("cursor={plain}&attributes=userName")).await.status(200);
        push.users().list(&format!("cursor={filtered}&filter=(userName+++PR)")).await.status(200);
        // Another token of the same connection reads the same.
        let again = world.client(&acme, Scope::Scim).await;
        again.users().list(&format!("cursor={plain}")).await.status(200);

        for query in [
            format!("cursor={sorted}"),
            format!("cursor={plain}&sortBy=userName"),
            format!("cursor={sorted}&sortBy=userName&sortOrder=descending"),
            format!("cursor={sorted}&sortBy=title"),
            format!("cursor={plain}&filter=userName+pr"),
            format!("cursor={filtered}&filter=title+pr"),
            format!("cursor={plain}x"),
            format!("cursor={}", &plain[1..]),
            "cursor=abc".to_owned(),
            "cursor=%2B%2F%3D".to_owned(),
            format!("cursor={plain}&startIndex=1"),
            "cursor&startIndex=2".to_owned(),
        ] {
            push.users().list(&query).await.scim_error(400, "invalidCursor");
        }
        push.groups().list(&format!("cursor={plain}")).await.scim_error(400, "invalidCursor");
        push.scim("").list(&format!("cursor={plain}")).await.scim_error(400, "invalidCursor");
        let body = json!({"schemas": [SEARCH], "cursor": sorted, "count": 2});
        push.users().search(body).await.scim_error(400, "invalidCursor");
        // A cursor that somebody else was given grants nothing, and is refused in the same words as a forged one.
        let stolen = admin.users().list(&format!("cursor={plain}")).await.scim_error(400, "invalidCursor");
        let forged = admin.users().list("cursor=abc").await.scim_error(400, "invalidCursor");
        assert_eq!(stolen.body, forged.body);
        let other = world.tenant("other").await;
        let stranger = world.client(&other, Scope::Scim).await;
        stranger.users().list(&format!("cursor={plain}")).await.scim_error(400, "invalidCursor");
        push.users().list("cursor&startIndex=1&count=2").await.status(200);
    }

    async fn counts_are_kept_capped_and_whole(database: Database) {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let push = world.client(&acme, Scope::Scim).await;
        people(&push, 5).await;
        for count in ["0", "-3"] {
            let none = push.users().list(&format!("cursor&count={count}")).await.status(200);
            assert_eq!((&none["totalResults"], &none["Resources"]), (&json!(5), &json!([])));
            assert!(none.body.get("nextCursor").is_none(), "no page was opened");
        }
        let all = push.users().list("cursor&count=100000").await.status(200);
        assert_eq!((&all["itemsPerPage"], all.body.get("nextCursor")), (&json!(5), None));
        let cursor = next(&push.users().list("cursor&count=2").await).expect("more");
        for count in ["3", "0", "-1", "100000"] {
            let query = format!("cursor={cursor}&count={count}");
            push.users().list(&query).await.scim_error(400, "invalidCount");
        }
        push.users().list("cursor&count=ten").await.scim_error(400, "invalidCount");
        push.users().list("count=ten").await.scim_error(400, "invalidValue");
        push.users().search(json!({"schemas": [SEARCH], "cursor": "", "count": "2"})).await.scim_error(400, "invalidSyntax");
        push.users().search(json!({"schemas": [SEARCH], "cursor": cursor, "count": 3})).await.scim_error(400, "invalidCount");
        push.users().search(json!({"schemas": [SEARCH], "cursor": cursor})).await.status(200);
    }

    async fn a_cursor_expires(database: Database) {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let push = world.client(&acme, Scope::Scim).await;
        people(&push, 5).await;
        let config = push.scim("/ServiceProviderConfig").list("").await.status(200);
        let timeout = config["pagination"]["cursorTimeout"].as_i64().expect("it is told");
        let first = push.users().list("cursor&count=2").await.status(200);
        world.clock.advance(timeout * 1000);
        let cursor = next(&first).expect("more");
        let second = push.users().list(&format!("cursor={cursor}")).await.status(200);
        world.clock.advance(1);
        push.users().list(&format!("cursor={cursor}")).await.scim_error(400, "expiredCursor");
        // Each page begins the time anew.
        push.users().list(&format!("cursor={}", next(&second).expect("more"))).await.status(200);
    }

    async fn what_a_caller_may_see_is_judged_on_every_page(database: Database) {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let push = world.client(&acme, Scope::Scim).await;
        people(&push, 6).await;
        let admin = world.client(&acme, Scope::Admin).await;
        let first = push.users().list("cursor&count=2").await.status(200);
        let connections = admin.admin("/connections").list("").await.status(200);
        let connection = connections["connections"][0]["id"].as_str().expect("an id").to_owned();
        admin.admin("/connections").call(Method::PATCH, &format!("/{connection}")).json(json!({"state": "paused"})).await.status(200);
        push.users().list(&format!("cursor={}", next(&first).expect("more"))).await.scim_error(403, "");
    }

    async fn index_pages_are_the_default_and_page_sizes_are_settings(database: Database) {
        let world = World::on(database).await;
        let pages = Limits { default_count: 2, max_count: 3, cursor_lifetime: 60_000 };
        let world = world.set(Settings { pages, ..Settings::default() });
        let acme = world.tenant("acme").await;
        let push = world.client(&acme, Scope::Scim).await;
        people(&push, 5).await;
        let config = push.scim("/ServiceProviderConfig").list("").await.status(200);
        let expected = json!({"cursor": true, "index": true, "defaultPaginationMethod": "index", "defaultPageSize": 2,
            "maxPageSize": 3, "cursorTimeout": 60});
        assert_eq!((&config["pagination"], &config["filter"]["maxResults"]), (&expected, &json!(3)));

        let plain = push.users().list("").await.status(200);
        assert_eq!((&plain["startIndex"], &plain["itemsPerPage"]), (&json!(1), &json!(2)));
        assert!(plain.body.get("nextCursor").is_none());
        assert_eq!(push.users().list("count=10").await["itemsPerPage"], 3);
        assert_eq!(push.users().list("cursor").await["itemsPerPage"], 2);
        let capped = push.users().list("cursor&count=10").await.status(200);
        assert_eq!(capped["itemsPerPage"], 3);
        push.users().list(&format!("count=10&cursor={}", next(&capped).expect("more"))).await.status(200);
        let set: BTreeSet<String> = ids(&walk(&push, "/Users", "").await).into_iter().collect();
        assert_eq!(set.len(), 5);
    }
}

/// Two people, a team with both, and an organization.
async fn small_world(world: &World) -> (Client, Client, [String; 4]) {
    let acme = world.tenant("acme").await;
    let (push, admin) = (world.client(&acme, Scope::Scim).await, world.client(&acme, Scope::Admin).await);
    let moby = admin.organizations().post(json!({"slug": "moby", "displayName": "Moby"})).await.status(201).id();
    let anna = push.users().post(json!({"userName": "anna", "displayName": "Anna"})).await.status(201).id();
    let bela = push.users().post(json!({"userName": "bela", "title": "Cook"})).await.status(201).id();
    let body = json!({"displayName": "Crew", "members": [{"value": anna}, {"value": bela}]});
    let crew = push.groups().post(body).await.status(201).id();
    (push, admin, [anna, bela, crew, moby])
}

both_engines! {
    async fn a_query_at_the_base_address_is_about_every_type(database: Database) {
        let world = World::on(database).await;
        let (push, admin, [anna, bela, crew, moby]) = small_world(&world).await;

        let all = admin.scim("").list("").await.status(200);
        let mut by_id = [&anna, &bela, &crew, &moby];
        by_id.sort();
        assert_eq!(all.each("id"), by_id);
        assert_eq!((&all["totalResults"], &all["startIndex"], &all["itemsPerPage"]), (&json!(4), &json!(1), &json!(4)));
        // The same with a trailing slash, by POST, and each resource as its own endpoint shows it.
        assert_eq!(admin.scim("/").list("").await.status(200).body, all.body);
        assert_eq!(admin.scim("").search(json!({"schemas": [SEARCH]})).await.status(200).body, all.body);
        for resource in all["Resources"].as_array().expect("a list") {
            let location = resource["meta"]["location"].as_str().expect("a location");
            let path = location.strip_prefix("http://roll.test").expect("absolute");
            assert_eq!(&admin.call(Method::GET, path).await.status(200).body, resource);
        }

        // RFC 7644 §3.4.2.1: what a type does not define has no value there.
        for (filter, expected) in [
            ("userName pr", vec![&anna, &bela]),
            ("meta.resourceType eq \"Group\"", vec![&crew]),
            ("displayName co \"n\" or title eq \"cook\"", vec![&anna, &bela]),
            ("not (title pr)", vec![&anna, &crew, &moby]),
            ("members.value pr", vec![&crew]),
            ("slug eq \"MOBY\"", vec![&moby]),
            ("urn:ietf:params:scim:schemas:core:2.0:Group:displayName pr", vec![&crew]),
            ("active eq true", vec![&anna, &bela]),
        ] {
            let found = admin.scim("").filter(filter).await.status(200);
            let mut expected = expected;
            expected.sort();
            assert_eq!(found.each("id"), expected, "{filter}");
            assert_eq!(found["totalResults"], expected.len());
        }
        let refused = admin.scim("").filter("nothing eq \"x\"").await.scim_error(400, "invalidFilter");
        assert!(refused["detail"].as_str().is_some_and(|detail| detail.contains("any resource type")));

        // One order over all types: by key, those without a value last, ties by id.
        let sorted = admin.scim("").list("sortBy=displayName").await.status(200);
        assert_eq!(sorted.each("id"), [&anna, &crew, &moby, &bela]);
        let reversed = admin.scim("").list("sortBy=displayName&sortOrder=descending").await.status(200);
        assert_eq!(reversed.each("id"), [&bela, &moby, &crew, &anna]);
        let kinds = admin.scim("").list("sortBy=meta.resourceType&attributes=meta.resourceType").await.status(200);
        let names: Vec<&str> = kinds["Resources"].as_array().expect("a list").iter()
            .map(|resource| resource["meta"]["resourceType"].as_str().expect("a name")).collect();
        assert_eq!(names, ["Group", "Organization", "User", "User"]);
        for query in ["sortBy=displayName", "sortBy=displayName&sortOrder=descending", "sortBy=meta.created",
                      "sortBy=meta.resourceType&sortOrder=descending", "sortBy=active", "filter=displayName+pr"] {
            let whole = admin.scim("").list(query).await.status(200);
            let paged = ids(&walk(&admin, "", &format!("{query}&count=1")).await);
            assert_eq!(paged, whole.each("id"), "{query}");
            let second = admin.scim("").list(&format!("{query}&startIndex=2&count=1")).await.status(200);
            assert_eq!(second.each("id"), &whole.each("id")[1..2], "{query}");
        }
        admin.scim("").list("sortBy=nothing").await.scim_error(400, "invalidValue");

        // `attributes` names what any of the types has.
        let cut = admin.scim("").list("attributes=userName,slug&sortBy=displayName").await.status(200);
        assert_eq!(cut.each("userName"), ["anna", "", "", "bela"]);
        assert_eq!(cut.each("slug"), ["", "", "moby", ""]);
        assert!(cut["Resources"][1].get("displayName").is_none());

        // What a token does not see is neither listed nor counted.
        let seen = push.scim("").list("").await.status(200);
        assert_eq!(seen["totalResults"], 3);
        assert!(!seen.each("id").contains(&moby.as_str()));
        assert_eq!(push.scim("").filter("slug pr").await.status(200)["totalResults"], 0);
        // Discovery objects are no resources.
        assert_eq!(admin.scim("").filter("meta.resourceType eq \"Schema\"").await.status(200)["totalResults"], 0);
    }

    async fn members_are_paged(database: Database) {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let push = world.client(&acme, Scope::Scim).await;
        let reader = world.client(&acme, Scope::ScimRead).await;
        let people = people(&push, 5).await;
        let inner = push.groups().post(json!({"displayName": "inner", "members": [{"value": people[0]}]})).await.id();
        let mut list: Vec<Value> = people.iter().map(|id| json!({"value": id})).collect();
        list.push(json!({"value": inner, "type": "Group"}));
        let group = push.groups().post(json!({"displayName": "crew", "members": list})).await.status(201);
        let path = format!("/Groups/{}/members", group.id());

        let mut members = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = push.scim(&path).list(&format!("count=4&cursor={cursor}")).await.status(200);
            assert!(page.body.get("totalResults").is_none() && page.body.get("startIndex").is_none());
            members.extend(page["Resources"].as_array().expect("a list").clone());
            match next(&page) {
                Some(next) => cursor = next,
                None => break,
            }
        }
        // The same values in the same order as in the group.
        let whole = push.groups().get(&group.id()).await.status(200);
        assert_eq!(json!(members), whole["members"]);
        assert_eq!(members.len(), 6);
        let counted = push.scim(&path).list("count=0").await.status(200);
        assert_eq!((&counted["totalResults"], &counted["Resources"]), (&json!(6), &json!([])));
        // Without a cursor it is the first page; readers of the effective view have no inactive people in it.
        assert_eq!(reader.scim(&path).list("").await.status(200)["itemsPerPage"], 6);
        push.users().patch(&people[1], json!([{"op": "replace", "path": "active", "value": false}])).await.status(200);
        assert_eq!(reader.scim(&path).list("").await.status(200)["itemsPerPage"], 5);
        assert_eq!(reader.scim(&path).list("count=0").await.status(200)["totalResults"], 5);
        assert_eq!(push.scim(&path).list("").await.status(200)["itemsPerPage"], 6);

        // Nothing is ignored that would hurt, and what is not seen is not there.
        push.scim(&path).list("filter=value+pr").await.scim_error(400, "invalidFilter");
        push.scim(&path).list("sortBy=display").await.scim_error(400, "invalidValue");
        push.scim(&path).list("startIndex=3").await.scim_error(400, "invalidValue");
        push.scim(&path).list("cursor=abc").await.scim_error(400, "invalidCursor");
        push.scim("/Groups/no-such-id/members").list("").await.scim_error(404, "");
        push.scim(&format!("/Groups/{}/members", people[0])).list("").await.scim_error(404, "");
        let given = next(&push.scim(&path).list("count=1").await.status(200)).expect("more");
        reader.scim(&path).list(&format!("cursor={given}")).await.scim_error(400, "invalidCursor");
        let other = format!("/Groups/{inner}/members");
        push.scim(&other).list(&format!("cursor={given}")).await.scim_error(400, "invalidCursor");
        push.scim(&path).list(&format!("cursor={given}&count=2")).await.scim_error(400, "invalidCount");
        // A member that the cursor points behind may leave.
        let remove = json!([{"op": "remove", "path": format!("members[value eq {}]", members[0]["value"])}]);
        push.groups().patch(&group.id(), remove).await.status(204);
        let rest = push.scim(&path).list(&format!("cursor={given}")).await.status(200);
        assert_eq!(rest["Resources"][0], members[1]);
    }

    async fn groups_that_contain_each_other_end(database: Database) {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let push = world.client(&acme, Scope::Scim).await;
        let reader = world.client(&acme, Scope::ScimRead).await;
        let anna = push.users().post(json!({"userName": "anna"})).await.status(201).id();
        let inner = push.groups().post(json!({"displayName": "inner", "members": [{"value": anna}]})).await.id();
        let body = json!({"displayName": "outer", "members": [{"value": inner, "type": "Group"}]});
        let outer = push.groups().post(body).await.status(201).id();
        let circle = json!([{"op": "add", "path": "members", "value": [{"value": outer, "type": "Group"}]}]);
        push.groups().patch(&inner, circle).await.status(204);

        // RFC 7643 §4.1.2: `type` of a user's group is direct or indirect.
        let user = reader.users().get(&anna).await.status(200);
        let types: BTreeSet<(String, String)> = user["groups"].as_array().expect("groups").iter()
            .map(|group| (group["display"].as_str().expect("named").to_owned(), group["type"].as_str().expect("typed").to_owned()))
            .collect();
        let expected = [("inner", "direct"), ("outer", "indirect")].map(|(name, sort)| (name.to_owned(), sort.to_owned()));
        assert_eq!(types, BTreeSet::from(expected));
        for (filter, total) in [
            ("groups.type eq \"indirect\"", 1),
            ("groups[type eq \"direct\" and display eq \"outer\"]", 0),
            ("groups[type eq \"indirect\" and display eq \"OUTER\"]", 1),
        ] {
            assert_eq!(reader.users().filter(filter).await.status(200)["totalResults"], total, "{filter}");
        }
        // A push reads what it listed itself.
        let own = push.users().get(&anna).await.status(200);
        assert_eq!(own["groups"].as_array().map(Vec::len), Some(1));
        assert_eq!((&own["groups"][0]["value"], &own["groups"][0]["type"]), (&json!(inner), &json!("direct")));
        for group in [&inner, &outer] {
            let found = reader.groups().get(group).await.status(200);
            assert!(found["members"][0]["type"].is_string());
        }
    }
}
