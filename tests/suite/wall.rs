//! The wall between tenants, driven from the route table: every endpoint of one tenant is called with the ids, cursors,
//! tokens, decisions and evidence of another. Nothing of the other is read, and not a byte of it changes.
//!
//! Generic: paths come from the table, query parameters and bodies from `openapi.yaml`. A new route is covered by being there.

use std::collections::BTreeMap;

use axum::http::Method;
use rollkeeper::auth::signing::SigningKey;
use rollkeeper::auth::token::Scope;
use rollkeeper::http::routes::{self, Access, Route};
use serde_json::{Map, Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row, SqliteConnection};

use crate::support::{Client, Reply, Tenant, World, both_engines};

/// In every name, address and title of the other tenant, and in nothing that is ever sent across.
const MARK: &str = "zebra";

/// A tenant with one of everything that a route may name.
struct House {
    tenant: Tenant,
    key: SigningKey,
    admin: Client,
    app: Client,
    tokens: BTreeMap<&'static str, String>,
    user: String,
    group: String,
    /// What a path parameter may be: an id of each kind, and a cursor.
    ids: Vec<(&'static str, String)>,
    audience: String,
    connection: String,
}

impl House {
    async fn furnished(world: &World, name: &str, mark: &str) -> Self {
        let tenant = world.tenant(name).await;
        let mut tokens = BTreeMap::new();
        for scope in Scope::ALL {
            tokens.insert(scope.as_str(), world.token(&tenant, scope).await);
        }
        let client = |scope: Scope| tenant.client(tokens.get(scope.as_str()).map(String::as_str));
        let (admin, push, app) = (client(Scope::Admin), client(Scope::Scim), client(Scope::JitLogin));
        let key = SigningKey::generate().expect("the machine makes keys");
        let rules = json!({"rules": {"issuer": format!("https://{mark}.idp.test"), "clientIds": ["app"], "algs": ["ES256"],
            "jwks": key.jwks(), "domains": [format!("{mark}.example")]}});
        let connections = admin.admin("/connections");
        let connection = connections.call(Method::PATCH, "/default").json(rules).await.status(200).id();
        let brokers = admin.admin(&format!("/connections/{connection}/brokers"));
        let broker = brokers.post(json!({"name": "shop", "jwks": key.jwks()})).await.status(201);
        let audience = broker["audience"].as_str().expect("an audience").to_owned();

        let organization = json!({"slug": mark, "displayName": mark});
        let organization = admin.organizations().post(organization).await.status(201).id();
        let body = json!({"userName": format!("{mark}-ana@{mark}.example"), "externalId": "00u-ana", "displayName": mark,
            "title": mark, "emails": [{"value": format!("{mark}-ana@{mark}.example")}]});
        let user = push.users().post(body).await.status(201).id();
        let body = json!({"displayName": format!("{mark}-staff"), "members": [{"value": user}]});
        let group = push.groups().post(body).await.status(201).id();
        let body = json!({"address": format!("{mark}-bo@{mark}.example"), "organization": organization});
        let invitation = admin.admin("/invitations").post(body).await.status(201).id();
        admin.admin(&format!("/people/{user}/grants")).post(json!({"group": organization})).await.status(204);
        let listed = admin.admin("/tokens").list("").await.status(200);
        let token = listed["tokens"][0]["id"].as_str().expect("an id").to_owned();
        let events = admin.admin("/events").list("limit=1").await.status(200);
        let cursor = events["next"].as_str().expect("a cursor").to_owned();
        let mut house = Self { tenant, key, admin, app, tokens, user, group, ids: Vec::new(), audience, connection };
        let evidence = house.id_token(world, "00u-ana", mark);
        let body = json!({"connection": house.connection, "evidence": evidence});
        let login = house.app.logins().post(body).await.status(200);
        let decision = login["decisionId"].as_str().expect("a reference").to_owned();
        house.ids = vec![
            ("user", house.user.clone()),
            ("group", house.group.clone()),
            ("organization", organization),
            ("connection", house.connection.clone()),
            ("broker", broker.id()),
            ("invitation", invitation),
            ("token", token),
            ("decision", decision),
            ("cursor", cursor),
        ];
        house
    }

    fn id_token(&self, world: &World, subject: &str, mark: &str) -> Value {
        let now = world.clock.now() / 1000;
        let claims = json!({"iss": format!("https://{mark}.idp.test"), "aud": "app", "sub": subject, "nonce": "n", "iat": now,
            "exp": now + 300, "email": format!("{mark}-ana@{mark}.example")});
        json!({"type": "oidc_id_token", "id_token": self.key.sign(&claims).expect("the machine signs"), "nonce": "n"})
    }

    fn envelope(&self, world: &World, jti: &str) -> Value {
        let claims = json!({"iss": "shop", "aud": self.audience, "sub": "1", "iat": world.clock.now() / 1000, "jti": jti,
            "claims": {"preferred_username": "someone"}});
        let header = json!({"alg": "ES256", "typ": "broker-claims+jwt"});
        json!({"type": "broker_claims", "envelope": self.key.sign_with(&header, &claims).expect("the machine signs")})
    }

    fn with(&self, scope: Scope) -> Client {
        self.tenant.client(self.tokens.get(scope.as_str()).map(String::as_str))
    }
}

both_engines! {
    async fn no_route_of_one_tenant_reads_or_changes_another(database: Database) {
        let url = database.url().to_owned();
        let world = World::on(database).await;
        let own = House::furnished(&world, "own", "lion").await;
        let other = House::furnished(&world, "other", MARK).await;
        let before = dump(&url, &other.tenant.info.id).await;
        assert!(before.values().map(Vec::len).sum::<usize>() > 30 && before.len() > 12, "the other house is empty: {before:?}");

        by_name(&world, &own, &other).await;
        let document = openapi();
        let mut asked = 0;
        // First what has no body. A body may make something of this tenant that bears the other's id as its name, and
        // from then on a path with that id may lead to it.
        for with_body in [false, true] {
            for route in routes::table() {
                let Access::Scopes(scopes) = route.access else { continue };
                let calls: Vec<_> =
                    variants(&document, &route, &other).into_iter().filter(|(_, body)| body.is_some() == with_body).collect();
                let paths = paths(&route, &own, &other);
                let is_foreign = route.path.matches('{').count() > 1;
                // With a body, an id of each kind that a body is sent to.
                for path in paths.iter().take(if with_body { 5 } else { paths.len() }) {
                    for (query, body) in &calls {
                        let scope = scopes[asked % scopes.len()];
                        let call = own.with(scope).call(route.method.clone(), &format!("{path}{query}"));
                        let call = match body { Some(body) => call.json(body.clone()), None => call };
                        let reply = call.await;
                        asked += 1;
                        heard_nothing(&reply, query, body.as_ref());
                        // A path that names something of the other tenant names nothing.
                        let is_told = reply.status.is_success()
                            && (!with_body || other.ids.iter().any(|(_, id)| reply["id"] == json!(id)));
                        assert!(!is_foreign || !is_told, "{} {query} {body:?}: {}", reply.request, reply.body);
                    }
                }
                // The other tenant's own tokens do not open this house, whatever they name.
                for scope in scopes.iter().filter(|_| with_body) {
                    for path in paths.iter().take(2) {
                        let foreign = own.with(*scope).with_token(other.tokens.get(scope.as_str()).cloned());
                        foreign.call(route.method.clone(), path).json(json!({})).await.status(401);
                        asked += 1;
                    }
                }
            }
        }
        assert!(asked > 500, "only {asked} requests: the table or the bodies are nearly empty");
        assert_eq!(dump(&url, &other.tenant.info.id).await, before, "the other tenant's rows have changed");
        assert_eq!(world.directory.verify(None).await.expect("verify runs"), vec![]);
    }
}

/// What a schema cannot say: memberships across, evidence of the other tenant's provider and broker.
async fn by_name(world: &World, own: &House, other: &House) {
    let push = own.with(Scope::Scim);
    let group = push.groups().post(json!({"displayName": "lion-wall"})).await.status(201).id();
    let add = json!([{"op": "add", "path": "members", "value": [{"value": other.user}]}]);
    let whole = json!({"displayName": "lion-wall", "members": [{"value": other.user}]});
    let nested = json!([{"op": "add", "path": "members", "value": [{"value": other.group, "type": "Group"}]}]);
    for client in [&push, &own.admin] {
        for reply in [
            client.groups().patch(&group, add.clone()).await,
            client.groups().patch(&group, nested.clone()).await,
            client.groups().put(&group, whole.clone()).await,
            client.groups().post(json!({"displayName": "lion-new", "members": [{"value": other.user}]})).await,
        ] {
            heard_nothing(&reply, "", None);
            reply.scim_error(400, "invalidValue");
        }
        for filter in [
            format!("members.value eq \"{}\"", other.user),
            format!("id eq \"{}\" or displayName pr", other.group),
            format!("displayName co \"{MARK}\""),
        ] {
            let reply = client.groups().filter(&filter).await.status(200);
            assert!(!reply.body.to_string().contains(MARK), "{filter}: {}", reply.body);
        }
        let found =
            client.users().filter(&format!("groups.value eq \"{}\" or userName co \"{MARK}\"", other.group)).await;
        assert_eq!(found.status(200)["totalResults"], 0);
    }
    let users = push.users().list("count=1000").await.status(200);
    assert!(users.each("id").iter().all(|id| *id != other.user));

    let person = format!("/people/{}", own.user);
    for parent in [&other.group, &other.ids[2].1] {
        own.admin.admin(&format!("{person}/grants")).post(json!({"group": parent})).await.problem(404, "not_found");
        own.admin.admin(&format!("{person}/denies")).post(json!({"group": parent})).await.problem(404, "not_found");
        own.admin.admin(&format!("{person}/explain")).list(&format!("group={parent}")).await.problem(404, "not_found");
    }
    let decision = &other.ids.iter().find(|(kind, _)| *kind == "decision").expect("a decision").1;
    own.app.logins().get(decision).await.problem(404, "not_found");
    own.admin.admin("/logins").get(decision).await.problem(404, "not_found");

    // Its provider's tokens and its broker's envelopes prove nothing here, and its connections are not here.
    for evidence in [other.id_token(world, "00u-ana", MARK), other.envelope(world, "w1")] {
        let theirs = json!({"connection": other.connection, "evidence": evidence});
        own.app.logins().post(theirs).await.problem(404, "unknown_connection");
        let ours = json!({"connection": own.connection, "evidence": evidence});
        own.app.logins().post(ours).await.problem(400, "invalid_evidence");
    }
    for body in [
        json!({"scope": "scim", "connections": [other.connection]}),
        json!({"scope": "jit.login", "connections": [own.connection, other.connection]}),
    ] {
        own.admin.admin("/tokens").post(body).await.problem(400, "invalid_value");
    }
    for rules in [
        json!({"organizations": [other.ids[2].1]}),
        json!({"default": {"organization": other.ids[2].1}}),
        json!({"groups": {"table": {"x": other.group}}}),
    ] {
        let call = own.admin.admin("/connections").call(Method::PATCH, "/default");
        call.json(json!({"rules": rules})).await.problem(400, "invalid_value");
    }
    // The same anchor on both sides of the wall is two people.
    let body = json!({"userName": "lion-twin@lion.example", "externalId": "00u-wall"});
    assert_ne!(push.users().post(body).await.status(201).id(), other.user);
}

/// Nothing of the other tenant is in the answer, and nothing went wrong inside.
fn heard_nothing(reply: &Reply, query: &str, body: Option<&Value>) {
    let text = String::from_utf8_lossy(&reply.bytes);
    let headers = format!("{:?}", reply.headers);
    assert!(!text.contains(MARK) && !headers.contains(MARK), "{} {query} {body:?} told: {text}", reply.request);
    assert!(reply.status.as_u16() < 500 || reply.status.as_u16() == 501, "{} {query} {body:?}: {text}", reply.request);
}

/// The paths of a route in `own`, each parameter from the other house; where there are several, also one of them from there
/// and the rest from here.
fn paths(route: &Route, own: &House, other: &House) -> Vec<String> {
    let names: Vec<&str> = route.path.split(['{', '}']).skip(1).step_by(2).filter(|name| *name != "tenant").collect();
    let base = route.path.replace("{tenant}", &own.tenant.info.name);
    let filled = |values: &[&str]| {
        names.iter().zip(values).fold(base.clone(), |path, (name, value)| path.replace(&format!("{{{name}}}"), value))
    };
    match names.len() {
        0 => vec![base],
        1 => other.ids.iter().map(|(_, id)| filled(&[id])).collect(),
        _ => {
            let mut all = Vec::new();
            for (_, foreign) in &other.ids {
                for (_, here) in own.ids.iter().filter(|(of, _)| ["user", "connection", "group"].contains(of)) {
                    all.push(filled(&[here, foreign]));
                    all.push(filled(&[foreign, here]));
                }
                all.push(filled(&[foreign, foreign]));
            }
            all
        }
    }
}

/// Query and body of a call: as `openapi.yaml` describes them, filled with what the other tenant has.
fn variants(document: &Value, route: &Route, other: &House) -> Vec<(String, Option<Value>)> {
    let operation = &document["paths"][&route.path][route.method.as_str().to_lowercase()];
    let mut all = Vec::new();
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    for parameter in
        parameters.map(|parameter| resolve(document, parameter)).filter(|parameter| parameter["in"] == "query")
    {
        let name = parameter["name"].as_str().expect("a name");
        for (_, id) in &other.ids {
            let value = if name == "filter" { format!("id eq \"{id}\"") } else { id.clone() };
            let query: String = url::form_urlencoded::Serializer::new(String::new()).append_pair(name, &value).finish();
            all.push((format!("?{query}"), None));
        }
    }
    let body = &operation["requestBody"];
    if !body.is_null() {
        let content = resolve(document, body)["content"].as_object().expect("a media type");
        let schema = &content.values().next().expect("a schema")["schema"];
        for (_, id) in &other.ids {
            for required_only in [true, false] {
                for value in fill(document, schema, id, required_only, 0) {
                    all.push((String::new(), Some(value)));
                }
            }
        }
        all.dedup();
    } else {
        all.push((String::new(), None));
    }
    all
}

/// Values of a schema in which every text is the id.
fn fill(document: &Value, schema: &Value, id: &str, required_only: bool, depth: usize) -> Vec<Value> {
    let schema = resolve(document, schema);
    if depth > 5 {
        return vec![Value::Null];
    }
    for choice in ["oneOf", "anyOf"] {
        if let Some(several) = schema[choice].as_array() {
            return several.iter().flat_map(|one| fill(document, one, id, required_only, depth + 1)).collect();
        }
    }
    if let Some(parts) = schema["allOf"].as_array() {
        let mut whole = Map::new();
        for part in parts {
            if let Some(Value::Object(part)) = fill(document, part, id, required_only, depth + 1).into_iter().next() {
                whole.extend(part);
            }
        }
        return vec![Value::Object(whole)];
    }
    if let Some(constant) = schema.get("const") {
        return vec![constant.clone()];
    }
    if let Some(first) = schema["enum"].as_array().and_then(|values| values.first()) {
        return vec![first.clone()];
    }
    let kind = schema["type"].as_str().or_else(|| schema["type"][0].as_str()).unwrap_or("object");
    vec![match kind {
        "string" if schema["format"] == "date-time" => json!("2027-01-01T00:00:00Z"),
        "string" => json!(id),
        "integer" | "number" => json!(1),
        "boolean" => json!(false),
        "null" => Value::Null,
        "array" => {
            let items = schema.get("items").cloned().unwrap_or_else(|| json!({"type": "string"}));
            Value::Array(fill(document, &items, id, required_only, depth + 1))
        }
        _ => {
            let required: Vec<&str> =
                schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let properties = schema["properties"].as_object().cloned().unwrap_or_default();
            let chosen = properties.iter().filter(|(name, _)| !required_only || required.contains(&name.as_str()));
            let filled = chosen.filter_map(|(name, property)| {
                let value = fill(document, property, id, required_only, depth + 1).into_iter().next()?;
                Some((name.clone(), value))
            });
            Value::Object(filled.collect())
        }
    }]
}

fn openapi() -> Value {
    serde_yaml_ng::from_str(include_str!("../../openapi.yaml")).expect("openapi.yaml is YAML")
}

fn resolve<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"].as_str().and_then(|reference| reference.strip_prefix('#')) {
        Some(pointer) => resolve(document, document.pointer(pointer).expect("a reference leads somewhere")),
        None => value,
    }
}

/// Every row of a tenant, table by table, as text.
async fn dump(url: &str, tenant: &str) -> BTreeMap<String, Vec<String>> {
    let mut all = BTreeMap::new();
    if url.starts_with("sqlite") {
        let mut connection = SqliteConnection::connect(url).await.expect("the database opens");
        let tables = "select m.name, group_concat('quote(' || '\"' || c.name || '\"' || ')', ' || ''|'' || ')
                      from sqlite_master m join pragma_table_info(m.name) c where m.type = 'table'
                      group by m.name having max(c.name = 'tenant') = 1";
        for row in sqlx::query(tables).fetch_all(&mut connection).await.expect("tables") {
            let (table, columns): (String, String) = (row.get(0), row.get(1));
            let sql = format!("select {columns} from \"{table}\" where tenant = '{tenant}' order by 1");
            let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut connection).await.expect("rows");
            all.insert(table, rows.iter().map(|row| row.get(0)).collect());
        }
    } else {
        let mut connection = PgConnection::connect(url).await.expect("the database opens");
        let tables = "select table_name::text from information_schema.columns where column_name = 'tenant' and table_schema = 'public'";
        for row in sqlx::query(tables).fetch_all(&mut connection).await.expect("tables") {
            let table: String = row.get(0);
            let sql = format!("select to_jsonb(t)::text from \"{table}\" t where tenant = '{tenant}' order by 1");
            let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut connection).await.expect("rows");
            all.insert(table, rows.iter().map(|row| row.get(0)).collect());
        }
    }
    all.retain(|_, rows: &mut Vec<String>| !rows.is_empty());
    all
}
