//! Discovery is honest (RFC 7644 §4): everything that ServiceProviderConfig, ResourceTypes and Schemas claim is tried out
//! against the running server, read from the claims themselves. What will be advertised tomorrow is tried tomorrow.

use std::collections::BTreeMap;

use axum::http::{Method, header};
use rollkeeper::auth::token::Scope;
use rollkeeper::directory::Limits;
use rollkeeper::http::Settings;
use serde_json::{Map, Value, json};

use crate::support::contract::leniently;
use crate::support::{Client, Reply, World, both_engines};

both_engines! {
    async fn the_service_provider_config_holds(database: Database) {
        let pages = Limits { default_count: 3, max_count: 5, cursor_lifetime: 60_000 };
        let world = World::on(database).await.set(Settings { pages, ..Settings::default() });
        let acme = world.tenant("acme").await;
        let admin = world.client(&acme, Scope::Admin).await;
        let nobody = acme.client(None);
        let config = nobody.scim("/ServiceProviderConfig").list("").await.status(200);
        let claims = |path: &str| config.body.pointer(path).cloned().unwrap_or(Value::Null);
        for n in 0..7 {
            admin.users().post(json!({"userName": format!("u{n}"), "title": format!("t{}", n % 2)})).await.status(201);
        }
        let ids: Vec<String> = walked(&admin, "").await;
        assert_eq!(ids.len(), 7);
        let one = &ids[0];

        let patch = admin.users().patch(one, json!([{"op": "replace", "path": "title", "value": "t0"}])).await;
        assert_eq!(patch.status.as_u16(), if claims("/patch/supported") == json!(true) { 200 } else { 501 });

        the_bulk_claim_holds(&admin, &config).await;

        let filtered = admin.users().filter("title eq \"t1\"").await;
        if claims("/filter/supported") == json!(true) {
            assert_eq!(filtered.status(200)["totalResults"], 3);
            let max = claims("/filter/maxResults").as_u64().expect("a number");
            let all = admin.users().list(&format!("filter=userName+pr&count={}", max + 1)).await.status(200);
            assert_eq!((&all["itemsPerPage"], &all["totalResults"]), (&json!(max), &json!(7)));
        } else {
            filtered.scim_error(400, "invalidFilter");
        }

        if claims("/changePassword/supported") == json!(true) {
            let change = json!([{"op": "replace", "path": "password", "value": "correct horse battery staple"}]);
            let changed = admin.users().patch(one, change).await.status(200);
            assert!(changed.body.get("password").is_none());
        }

        let ascending = admin.users().list("sortBy=userName&count=5").await.status(200);
        let descending = admin.users().list("sortBy=userName&sortOrder=descending&count=5").await.status(200);
        if claims("/sort/supported") == json!(true) {
            assert_eq!(ascending.each("userName"), ["u0", "u1", "u2", "u3", "u4"]);
            assert_eq!(descending.each("userName"), ["u6", "u5", "u4", "u3", "u2"]);
        } else {
            assert_eq!(ascending.body, descending.body);
        }

        let found = admin.users().get(one).await.status(200);
        assert_eq!(found.headers.contains_key(header::ETAG), claims("/etag/supported") == json!(true));
        if claims("/etag/supported") == json!(true) {
            admin.users().get(one).if_none_match(&found.etag()).await.status(304);
            admin.users().delete(one).if_match("\"other\"").await.scim_error(412, "");
        }

        for scheme in config["authenticationSchemes"].as_array().expect("schemes") {
            assert_eq!(scheme["type"], "oauthbearertoken", "a scheme that this test cannot try");
            let refused = nobody.users().list("").await.scim_error(401, "");
            assert!(refused.header(header::WWW_AUTHENTICATE).starts_with("Bearer "));
            admin.users().list("").await.status(200);
        }

        the_pagination_claims_hold(&world, &admin, &config).await;
        let location = claims("/meta/location");
        assert_eq!(at(&nobody, &location).await.status(200).body, config.body);
    }

    async fn resource_types_and_schemas_lead_where_they_say(database: Database) {
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let admin = world.client(&acme, Scope::Admin).await;
        for list in ["/ResourceTypes", "/Schemas"] {
            let all = admin.scim(list).list("count=1&startIndex=2").await.status(200);
            assert_eq!(Some(all["totalResults"].as_u64()), all["Resources"].as_array().map(|all| Some(all.len() as u64)));
            for entry in all["Resources"].as_array().expect("a list") {
                assert_eq!(&at(&admin, &entry["meta"]["location"]).await.status(200).body, entry);
                let id = entry["id"].as_str().expect("an id");
                assert_eq!(&admin.scim(list).get(id).await.status(200).body, entry);
            }
            admin.scim(list).get("urn:no:such").await.scim_error(404, "");
        }
        let advertised = advertised(&admin).await;
        assert!(advertised.len() >= 3);
        for kind in &advertised {
            let list = admin.scim(&kind.endpoint).list("").await.status(200);
            assert!(list["totalResults"].is_number());
            admin.scim(&kind.endpoint).search(json!({})).await.status(200);
            let filter = format!("meta.resourceType eq \"{}\"", kind.name);
            admin.scim("").filter(&filter).await.status(200);
        }
    }

    async fn every_attribute_is_what_its_schema_says(database: Database) {
        let _lenient = leniently();
        let world = World::on(database).await;
        let acme = world.tenant("acme").await;
        let admin = world.client(&acme, Scope::Admin).await;
        let mut probe = Probe::new(admin.clone(), advertised(&admin).await).await;
        for kind in probe.kinds.clone() {
            for claim in claims(&kind) {
                probe.attribute(&kind, &claim).await;
            }
        }
        assert!(probe.tried > 60, "hardly anything is advertised");
        assert!(probe.lies.is_empty(), "what discovery claims and the server does not do:\n{}", probe.lies.join("\n"));
        let differences = world.directory.verify(Some(&acme.info.id)).await.expect("verify runs");
        assert!(differences.is_empty(), "{differences:#?}");
    }
}

async fn walked(client: &Client, path: &str) -> Vec<String> {
    let (mut ids, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = client.scim(path).list(&format!("cursor={cursor}")).await.status(200);
        ids.extend(page.each("id").into_iter().map(str::to_owned));
        match page["nextCursor"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => return ids,
        }
    }
}

/// What is at a location that the server gave.
async fn at(client: &Client, location: &Value) -> Reply {
    let location = location.as_str().expect("a location");
    client
        .call(Method::GET, location.strip_prefix("http://roll.test").expect("an absolute location of this server"))
        .await
}

async fn the_bulk_claim_holds(admin: &Client, config: &Reply) {
    let job = |operations: Vec<Value>| json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": operations});
    let operation = json!({"method": "DELETE", "path": "/Users/no-such-id"});
    let answer = admin.scim("/Bulk").post(job(vec![operation.clone()])).await;
    if config["bulk"]["supported"] != true {
        answer.scim_error(501, "");
        return;
    }
    assert_eq!(answer.status(200)["Operations"][0]["status"], "404");
    let number = |name: &str| usize::try_from(config["bulk"][name].as_u64().expect("a number")).expect("a size");
    let (most, largest) = (number("maxOperations"), number("maxPayloadSize"));
    assert!(most > 0 && largest > 0);
    admin.scim("/Bulk").post(job(vec![operation.clone(); most + 1])).await.scim_error(413, "");
    let mut long = operation;
    long["data"] = "x".repeat(largest).into();
    admin.scim("/Bulk").post(job(vec![long])).await.scim_error(413, "");
}

async fn the_pagination_claims_hold(world: &World, admin: &Client, config: &Reply) {
    let claim = |name: &str| config["pagination"][name].clone();
    let (size, max) = (claim("defaultPageSize"), claim("maxPageSize"));
    assert_eq!(admin.users().list("").await.status(200)["itemsPerPage"], size);
    assert_eq!(admin.users().list("count=1000000").await.status(200)["itemsPerPage"], max);
    let plain = admin.users().list("").await.status(200);
    let method = if plain.body.get("nextCursor").is_some() { "cursor" } else { "index" };
    assert_eq!(claim("defaultPaginationMethod"), method);
    let second = admin.users().list("startIndex=2&count=1").await.status(200);
    assert_eq!((claim("index"), &second["startIndex"]), (json!(true), &json!(2)));
    let first = admin.users().list("cursor&count=2").await.status(200);
    let cursor = first["nextCursor"].as_str();
    assert_eq!(claim("cursor"), cursor.is_some());
    let Some(cursor) = cursor else { return };
    let timeout = claim("cursorTimeout").as_i64().expect("a number of seconds");
    world.clock.advance(timeout * 1000);
    admin.users().list(&format!("cursor={cursor}")).await.status(200);
    world.clock.advance(1);
    admin.users().list(&format!("cursor={cursor}")).await.scim_error(400, "expiredCursor");
}

// ------------------------------------------------------------------------------------------------ what is advertised

#[derive(Clone)]
struct Kind {
    name: String,
    endpoint: String,
    /// The base schema, and each extension with its URN.
    schemas: Vec<(Option<String>, Value)>,
}

/// One attribute of a type, as its schema has it.
#[derive(Clone)]
struct Claim {
    urn: Option<String>,
    definition: Value,
}

async fn advertised(client: &Client) -> Vec<Kind> {
    let types = client.scim("/ResourceTypes").list("").await.status(200);
    let mut kinds = Vec::new();
    for entry in types["Resources"].as_array().expect("types") {
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let base = client.scim("/Schemas").get(&text(&entry["schema"])).await.status(200);
        let mut schemas = vec![(None, base.body)];
        for extension in entry["schemaExtensions"].as_array().into_iter().flatten() {
            let urn = text(&extension["schema"]);
            schemas.push((Some(urn.clone()), client.scim("/Schemas").get(&urn).await.status(200).body));
        }
        kinds.push(Kind { name: text(&entry["name"]), endpoint: text(&entry["endpoint"]), schemas });
    }
    kinds
}

fn claims(kind: &Kind) -> Vec<Claim> {
    let of = |(urn, schema): &(Option<String>, Value)| {
        let attributes = schema["attributes"].as_array().expect("attributes").clone();
        let urn = urn.clone();
        attributes.into_iter().map(move |definition| Claim { urn: urn.clone(), definition })
    };
    kind.schemas.iter().flat_map(of).collect()
}

impl Claim {
    fn name(&self) -> &str {
        self.definition["name"].as_str().expect("a name")
    }

    fn path(&self) -> String {
        self.urn.as_ref().map_or(self.name().to_owned(), |urn| format!("{urn}:{}", self.name()))
    }

    fn says(&self, characteristic: &str, value: &str) -> bool {
        self.definition[characteristic] == value
    }

    fn set(&self, body: &mut Value, value: Value) {
        match &self.urn {
            Some(urn) if body.get(urn).is_none() => body[urn] = json!({ self.name(): value }),
            Some(urn) => body[urn][self.name()] = value,
            None => body[self.name()] = value,
        }
    }

    fn read<'r>(&self, resource: &'r Value) -> Option<&'r Value> {
        match &self.urn {
            Some(urn) => resource.get(urn)?.get(self.name()),
            None => resource.get(self.name()),
        }
    }

    fn parts(&self) -> Vec<Value> {
        self.definition["subAttributes"].as_array().cloned().unwrap_or_default()
    }

    /// The type whose resources a complex attribute points to, if it does.
    fn target(&self, kinds: &[Kind]) -> Option<String> {
        let parts = self.parts();
        let reference = parts.iter().find(|part| part["name"] == "$ref")?;
        parts.iter().find(|part| part["name"] == "value")?;
        let names = reference["referenceTypes"].as_array()?.iter().filter_map(Value::as_str);
        names.into_iter().find(|name| kinds.iter().any(|kind| kind.name == *name)).map(str::to_owned)
    }
}

// ------------------------------------------------------------------------------------------------ trying it out

struct Probe {
    client: Client,
    kinds: Vec<Kind>,
    /// Two resources of each type, to point to.
    existing: BTreeMap<String, [String; 2]>,
    count: u64,
    tried: u32,
    lies: Vec<String>,
}

impl Probe {
    async fn new(client: Client, kinds: Vec<Kind>) -> Self {
        let mut probe = Self { client, kinds, existing: BTreeMap::new(), count: 0, tried: 0, lies: Vec::new() };
        for kind in probe.kinds.clone() {
            let mut ids = Vec::new();
            for _ in 0..2 {
                let body = probe.body(&kind);
                ids.push(probe.client.scim(&kind.endpoint).post(body).await.status(201).id());
            }
            probe.existing.insert(kind.name.clone(), [ids.remove(0), ids.remove(0)]);
        }
        probe
    }

    fn expect(&mut self, holds: bool, claim: &Claim, what: &str, seen: impl std::fmt::Display) {
        self.tried += 1;
        if !holds {
            self.lies.push(format!("{}: {what}: {seen}", claim.path()));
        }
    }

    /// A resource with what is required and nothing else; all of it new.
    fn body(&mut self, kind: &Kind) -> Value {
        self.count += 1;
        let mut body = json!({});
        for claim in claims(kind).iter().filter(|claim| claim.definition["required"] == true) {
            let value = self.sample(claim, self.count);
            claim.set(&mut body, value);
        }
        body
    }

    fn sample(&self, claim: &Claim, n: u64) -> Value {
        let one = match claim.target(&self.kinds) {
            Some(target) => match self.existing.get(&target) {
                Some(ids) => json!({"value": ids[usize::from(n.is_multiple_of(2))]}),
                None => json!({}),
            },
            None => simple(&claim.definition, n),
        };
        if claim.definition["multiValued"] == true { json!([one]) } else { one }
    }

    async fn create(&mut self, kind: &Kind, claim: &Claim, value: &Value) -> Reply {
        let mut body = self.body(kind);
        claim.set(&mut body, value.clone());
        self.client.scim(&kind.endpoint).post(body).await
    }

    async fn attribute(&mut self, kind: &Kind, claim: &Claim) {
        if claim.says("mutability", "readOnly") {
            return self.read_only(kind, claim).await;
        }
        self.count += 1;
        let (one, other) = (self.sample(claim, self.count), self.sample(claim, self.count + 1));
        self.count += 1;
        let made = self.create(kind, claim, &one).await;
        if made.status != 201 {
            return self.expect(false, claim, "it can be written", &made.body);
        }
        let id = made.id();
        self.returned(kind, claim, &id, &one).await;
        self.changed(kind, claim, &made.body, &one, &other).await;
        self.required(kind, claim, &id).await;
        self.typed(kind, claim).await;
        self.unique(kind, claim).await;
        self.compared(kind, claim).await;
        self.canonical(kind, claim).await;
        self.parts_read_only(kind, claim, &one).await;
    }

    /// RFC 7643 §2.2: a value that is sent is ignored; PATCH is told so.
    async fn read_only(&mut self, kind: &Kind, claim: &Claim) {
        self.count += 1;
        let sent = self.sample(claim, self.count);
        let made = self.create(kind, claim, &sent).await;
        let ignored = made.status == 201 && !claim.read(&made.body).is_some_and(|read| covers(read, &sent));
        self.expect(ignored, claim, "readOnly is ignored when it is sent", &made.body);
        let operation = json!([{"op": "replace", "path": claim.path(), "value": sent}]);
        let patched = self.client.scim(&kind.endpoint).patch(&made.id(), operation).await;
        let refused = patched.status == 400 && patched["scimType"] == "mutability";
        self.expect(refused, claim, "readOnly is refused in a PATCH", &patched.body);
    }

    async fn returned(&mut self, kind: &Kind, claim: &Claim, id: &str, written: &Value) {
        let endpoint = self.client.scim(&kind.endpoint);
        let path = claim.path();
        let plain = endpoint.get(id).await.status(200);
        let only = endpoint.get(id).query(&format!("attributes={path}")).await.status(200);
        let others = endpoint.get(id).query("attributes=id").await.status(200);
        let without = endpoint.get(id).query(&format!("excludedAttributes={path}")).await.status(200);
        let shown = |reply: &Reply| claim.read(&reply.body).is_some_and(|read| covers(read, written));
        let seen = [&plain, &only, &others, &without].map(shown);
        let expected = match claim.definition["returned"].as_str() {
            Some("always") => [true; 4],
            Some("never") => [false; 4],
            Some("request") => [false, true, false, false],
            _ => [true, true, false, false],
        };
        let what = "returned without a wish, when named, when another is named, when excluded";
        self.expect(seen == expected, claim, what, format!("{seen:?}, not {expected:?}; {}", plain.body));
        if expected[0] {
            let is_list = claim.read(&plain.body).is_some_and(Value::is_array);
            self.expect(json!(is_list) == claim.definition["multiValued"], claim, "multiValued", &plain.body);
            let filter = format!("{path} pr and id eq \"{id}\"");
            let found = endpoint.filter(&filter).await;
            self.expect(found["totalResults"] == 1, claim, "it is found with pr", &found.body);
        }
    }

    async fn changed(&mut self, kind: &Kind, claim: &Claim, made: &Value, one: &Value, other: &Value) {
        if one == other {
            return;
        }
        let endpoint = self.client.scim(&kind.endpoint);
        let id = made["id"].as_str().expect("an id");
        let mut body = made.clone();
        claim.set(&mut body, other.clone());
        let put = endpoint.put(id, body).await;
        let operation = json!([{"op": "replace", "path": claim.path(), "value": one}]);
        if claim.says("mutability", "immutable") {
            let refused = put.status == 400 && put["scimType"] == "mutability";
            self.expect(refused, claim, "immutable is refused in a PUT", &put.body);
            let changed = json!([{"op": "replace", "path": claim.path(), "value": other}]);
            let patched = endpoint.patch(id, changed).await;
            let refused = patched.status == 400 && patched["scimType"] == "mutability";
            return self.expect(refused, claim, "immutable is refused in a PATCH", &patched.body);
        }
        let visible = !claim.says("returned", "never");
        let is = |body: &Value, value: &Value| !visible || claim.read(body).is_some_and(|read| covers(read, value));
        self.expect(put.status == 200 && is(&put.body, other), claim, "it can be replaced by PUT", &put.body);
        let patched = endpoint.patch(id, operation).await;
        self.expect(patched.status.is_success(), claim, "it can be replaced by PATCH", &patched.body);
        let found = endpoint.get(id).query(&format!("attributes={}", claim.path())).await.status(200);
        self.expect(is(&found.body, one), claim, "what a PATCH wrote is read", &found.body);
    }

    async fn required(&mut self, kind: &Kind, claim: &Claim, id: &str) {
        let mut body = self.body(kind);
        claim.set(&mut body, Value::Null);
        let made = self.client.scim(&kind.endpoint).post(body).await;
        let required = claim.definition["required"] == true;
        let refused = made.status == 400 && made["scimType"] == "invalidValue";
        self.expect(if required { refused } else { made.status == 201 }, claim, "required, or not", &made.body);
        if required {
            let operation = json!([{"op": "remove", "path": claim.path()}]);
            let removed = self.client.scim(&kind.endpoint).patch(id, operation).await;
            let refused = removed.status == 400 && removed["scimType"] == "mutability";
            self.expect(refused, claim, "what is required cannot be removed", &removed.body);
        }
    }

    async fn typed(&mut self, kind: &Kind, claim: &Claim) {
        let wrong = match claim.definition["type"].as_str() {
            Some("complex") => json!(true),
            Some("boolean" | "integer" | "decimal" | "dateTime" | "binary") => json!("*"),
            _ => json!({"a": 1}),
        };
        let wrong = if claim.definition["multiValued"] == true { json!([wrong]) } else { wrong };
        let made = self.create(kind, claim, &wrong).await;
        let refused = made.status == 400 && made["scimType"] == "invalidValue";
        self.expect(refused, claim, "its type", format!("{wrong} was answered {} {}", made.status, made.body));
    }

    async fn unique(&mut self, kind: &Kind, claim: &Claim) {
        if claim.definition["type"] != "string" || claim.definition["multiValued"] == true {
            return;
        }
        self.count += 1;
        let value = self.sample(claim, self.count);
        self.create(kind, claim, &value).await.status(201);
        let same = self.create(kind, claim, &value).await;
        let text = value.as_str().unwrap_or_default();
        if claim.says("uniqueness", "server") || claim.says("uniqueness", "global") {
            let refused = same.status == 409 && same["scimType"] == "uniqueness";
            self.expect(refused, claim, "unique", &same.body);
            let swapped = self.create(kind, claim, &swap_case(text).into()).await;
            let expected = if claim.definition["caseExact"] == true { 201 } else { 409 };
            self.expect(swapped.status == expected, claim, "unique by its caseExact", &swapped.body);
        } else {
            self.expect(same.status == 201, claim, "not unique", &same.body);
        }
    }

    /// caseExact, of the attribute or of its parts.
    async fn compared(&mut self, kind: &Kind, claim: &Claim) {
        if claim.says("returned", "never") {
            return;
        }
        self.count += 1;
        let value = self.sample(claim, self.count);
        let made = self.create(kind, claim, &value).await.status(201);
        let element = if let Value::Array(list) = &value { &list[0] } else { &value };
        let parts: Vec<(String, Value, Value)> = match element {
            Value::Object(map) => {
                let definition = |name: &str| claim.parts().into_iter().find(|part| part["name"] == name);
                let part = |(name, value): (&String, &Value)| {
                    Some((format!("{}.{name}", claim.path()), definition(name)?, value.clone()))
                };
                map.iter().filter_map(part).collect()
            }
            simple => vec![(claim.path(), claim.definition.clone(), simple.clone())],
        };
        for (path, definition, value) in parts {
            let Some(text) = value.as_str().filter(|text| swap_case(text) != **text) else { continue };
            if !["string", "reference"].contains(&definition["type"].as_str().unwrap_or_default()) {
                continue;
            }
            let asked = [text.to_owned(), swap_case(text)]
                .map(|text| format!("{path} eq {} and id eq \"{}\"", json!(text), made.id()));
            let exact = self.client.scim(&kind.endpoint).filter(&asked[0]).await;
            self.expect(exact["totalResults"] == 1, claim, &asked[0], &exact.body);
            let swapped = self.client.scim(&kind.endpoint).filter(&asked[1]).await;
            let expected = if definition["caseExact"] == true { 0 } else { 1 };
            self.expect(swapped["totalResults"] == expected, claim, &format!("caseExact: {}", asked[1]), &swapped.body);
        }
    }

    /// Every suggested value is taken and given back.
    async fn canonical(&mut self, kind: &Kind, claim: &Claim) {
        for part in claim.parts() {
            for value in part["canonicalValues"].as_array().into_iter().flatten() {
                let target = value.as_str().and_then(|name| self.existing.get(name));
                let name = part["name"].as_str().expect("a name");
                let element = match target {
                    Some(ids) => json!({"value": ids[0], name: value}),
                    None if claim.target(&self.kinds).is_some() => continue,
                    None => {
                        let mut element = simple(&claim.definition, 1);
                        element[name] = value.clone();
                        element
                    }
                };
                let element = if claim.definition["multiValued"] == true { json!([element]) } else { element };
                let made = self.create(kind, claim, &element).await;
                let given = claim.read(&made.body).is_some_and(|read| covers(read, &element));
                self.expect(made.status == 201 && given, claim, &format!("canonical {name} {value}"), &made.body);
            }
        }
        for value in claim.definition["canonicalValues"].as_array().cloned().into_iter().flatten() {
            let made = self.create(kind, claim, &value).await;
            let given = claim.read(&made.body).is_some_and(|read| covers(read, &value));
            self.expect(made.status == 201 && given, claim, &format!("canonical {value}"), &made.body);
        }
    }

    async fn parts_read_only(&mut self, kind: &Kind, claim: &Claim, written: &Value) {
        for part in claim.parts().iter().filter(|part| part["mutability"] == "readOnly") {
            let mut value = written.clone();
            let element = if value.is_array() { &mut value[0] } else { &mut value };
            let forged = simple(part, 99);
            element[part["name"].as_str().expect("a name")] = forged.clone();
            let made = self.create(kind, claim, &value).await;
            let taken = claim.read(&made.body).is_some_and(|read| read.to_string().contains(&forged.to_string()));
            self.expect(made.status == 201 && !taken, claim, &format!("{} is readOnly", part["name"]), &made.body);
        }
    }
}

/// A value of the definition's type, one of a list if it has several.
fn simple(definition: &Value, n: u64) -> Value {
    if let Some(values) = definition["canonicalValues"].as_array().filter(|values| !values.is_empty()) {
        return values[usize::try_from(n).expect("small") % values.len()].clone();
    }
    let name = definition["name"].as_str().unwrap_or_default().trim_start_matches('$');
    match definition["type"].as_str().unwrap_or("string") {
        "boolean" => json!(n % 2 == 1),
        "integer" => json!(n),
        "decimal" => json!(n as f64 + 0.5),
        "dateTime" => json!(format!("2020-01-01T00:{:02}:{:02}Z", n / 60 % 60, n % 60)),
        "binary" => json!(["TWE=", "TWI="][usize::from(n % 2 == 1)]),
        "reference" => json!(format!("https://example.test/{name}/{n}")),
        "complex" => {
            let parts = definition["subAttributes"].as_array().cloned().unwrap_or_default();
            let writable = parts.iter().filter(|part| part["mutability"] != "readOnly" && part["name"] != "primary");
            let value = |part: &Value| {
                let one = simple(part, n);
                if part["multiValued"] == true { json!([one]) } else { one }
            };
            let named = writable.map(|part| (part["name"].as_str().unwrap_or_default().to_owned(), value(part)));
            Value::Object(named.collect::<Map<String, Value>>())
        }
        _ => json!(format!("{name}-{n}")),
    }
}

/// Everything that was written is there.
fn covers(read: &Value, written: &Value) -> bool {
    match (read, written) {
        (Value::Object(read), Value::Object(written)) => {
            written.iter().all(|(name, value)| read.get(name).is_some_and(|read| covers(read, value)))
        }
        (Value::Array(read), Value::Array(written)) => {
            written.iter().all(|value| read.iter().any(|read| covers(read, value)))
        }
        // A moment may be printed with more digits.
        (Value::String(read), Value::String(written)) => read == written || read == &written.replace('Z', ".000Z"),
        (read, written) => read == written,
    }
}

fn swap_case(text: &str) -> String {
    let swap = |c: char| if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() };
    text.chars().map(swap).collect()
}
