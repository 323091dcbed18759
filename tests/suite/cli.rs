//! The real program: what its commands answer, how they refuse, and what a crash leaves behind.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Database, both_engines};

/// The program on one database, in a folder without a settings file.
struct Program {
    database: Database,
    folder: TempDir,
}

struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl Program {
    fn on(database: Database) -> Self {
        Self { database, folder: TempDir::new().expect("a temporary folder") }
    }

    /// Without `--database`; the environment holds nothing of ours.
    fn bare(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rollkeeper"));
        command.args(arguments).current_dir(self.folder.path()).env_remove("ROLLKEEPER_DATABASE");
        command
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.bare(arguments);
        command.args(["--database", self.database.url()]);
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        ran(&mut self.command(arguments))
    }

    /// Succeeds, and answers with one object on standard output.
    #[track_caller]
    fn json(&self, arguments: &[&str]) -> Value {
        let ran = ran(self.command(arguments).arg("--json"));
        assert_eq!(ran.code, 0, "{arguments:?}: {}", ran.err);
        let value: Value = serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {}", ran.out));
        assert!(value.is_object(), "{arguments:?}: {value}");
        value
    }

    /// Succeeds with text that holds these words.
    #[track_caller]
    fn says(&self, arguments: &[&str], words: &[&str]) {
        let ran = self.run(arguments);
        assert_eq!(ran.code, 0, "{arguments:?}: {}", ran.err);
        for word in words {
            assert!(ran.out.contains(word), "{arguments:?} does not say {word:?}:\n{}", ran.out);
        }
    }

    /// One sentence on standard error, nothing on standard output, and that exit code.
    #[track_caller]
    fn refuses(&self, arguments: &[&str], code: i32, words: &str) {
        refused(&self.run(arguments), code, words);
    }

    /// The server on a free port, once it listens.
    fn serve(&self) -> Server {
        let mut child = self
            .command(&["serve", "--listen", "127.0.0.1:0", "--log-level", "warn"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let first = lines.next().expect("a line before the end").expect("text");
        let base = first.split_whitespace().last().expect("a URL").to_owned();
        assert!(base.starts_with("http://127.0.0.1:"), "{first}");
        Server { child, base }
    }
}

fn ran(command: &mut Command) -> Ran {
    let output = command.output().expect("the program runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    Ran { code: output.status.code().expect("an exit code"), out: text(output.stdout), err: text(output.stderr) }
}

#[track_caller]
fn refused(ran: &Ran, code: i32, words: &str) {
    assert_eq!((ran.code, ran.out.as_str()), (code, ""), "{}", ran.err);
    assert!(ran.err.contains(words), "{:?} is not in: {}", words, ran.err);
}

struct Server {
    child: Child,
    base: String,
}

impl Server {
    /// As Ctrl-C or an init system would.
    fn terminate(mut self) -> (i32, String) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().expect("kill runs").success());
        let code = self.child.wait().expect("it ends").code().expect("by itself");
        let stderr = self.child.stderr.take().expect("a pipe");
        let lines: Vec<String> = BufReader::new(stderr).lines().map(|line| line.expect("text")).collect();
        (code, lines.join("\n"))
    }

    /// SIGKILL: no time to tidy up.
    fn kill(mut self) {
        self.child.kill().expect("it still runs");
        self.child.wait().expect("it has ended");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

both_engines! {
    async fn moving_in_from_the_command_line(database: Database) {
        let program = Program::on(database);
        program.json(&["tenant", "create", "acme"]);
        let file = program.folder.path().join("roll.jsonl");
        let lines = [
            json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "crew", "members": [{"value": "7"}]}),
            json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "id": "7", "userName": "ana"}),
        ];
        std::fs::write(&file, lines.map(|line| line.to_string()).join("\n")).expect("a file");
        let file = file.to_str().expect("a path");
        program.says(&["import", file, "--dry-run", "--all"], &["would be created 2", "memberships imported 1", "User"]);
        let report = program.json(&["import", file]);
        assert_eq!((&report["created"], &report["memberships"]), (&json!(2), &json!(1)));
        assert_eq!(program.json(&["import", file])["unchanged"], 2);
        program.says(&["unconfirmed", "list"], &["1 memberships nobody has confirmed", "ana", "crew"]);
        assert_eq!(program.json(&["unconfirmed", "pin", "--group", "crew"])["count"], 1);
        program.says(&["unconfirmed", "list"], &["nothing is unconfirmed"]);
        program.refuses(&["import", "no-such-file"], 1, "no-such-file");
        std::fs::write(file, "{}").expect("a file");
        let refused = program.run(&["import", file]);
        assert_eq!(refused.code, 1);
        assert!(refused.out.contains("refused 1"), "{}", refused.out);
        program.says(&["verify"], &["everything derived"]);
    }

    async fn a_connection_as_a_whole_from_the_command_line(database: Database) {
        let program = Program::on(database);
        program.json(&["tenant", "create", "acme"]);
        program.json(&["organization", "create", "moby"]);
        program.says(&["connection", "pause", "--preview"], &["connection default is on"]);
        assert_eq!(program.json(&["connection", "pause"])["state"], "paused");
        assert_eq!(program.json(&["connection", "resume"])["state"], "on");
        program.says(&["connection", "simulate", "--default-organization", "moby"], &["of 0 people 0 would change"]);
        let claims = program.folder.path().join("claims.json");
        std::fs::write(&claims, r#"{"email": "ana@acme.example", "preferred_username": "ana"}"#).expect("a file");
        let rehearse = ["connection", "rehearse", "--subject", "00u1", "--claims", claims.to_str().expect("a path")];
        program.says(&rehearse, &["allowed: ana would be created", "in no organization", "in no group"]);
        assert_eq!(program.json(&rehearse)["created"], true);
        program.json(&["connection", "update", "--jit", "off"]);
        program.refuses(&rehearse, 1, "not_invited: ");
        std::fs::write(&claims, "[]").expect("a file");
        program.refuses(&rehearse, 1, "is no JSON object");
        program.says(&["query", "userName pr"], &["no users"]);
        program.says(&["connection", "health"], &["nobody is both pushed and signed in yet"]);
        program.says(&["connection", "drift"], &["nothing drifts"]);
        program.says(&["hold", "list"], &["nothing is held"]);
        program.refuses(&["hold", "apply", "no-such-hold"], 1, "no hold with this id");
        program.says(&["tick"], &["nothing was due"]);
        program.json(&["connection", "create", "new"]);
        program.says(&["connection", "succeed", "new", "--predecessor", "default", "--preview"], &["of 0 people 0 match"]);
        assert_eq!(program.json(&["connection", "succeed", "new", "--predecessor", "default"])["declared"], true);
        assert_eq!(program.json(&["connection", "disconnect", "default"])["state"], "disconnected");
        program.says(&["connection", "withdraw", "default", "--preview"], &["of 0 people"]);
        assert_eq!(program.json(&["connection", "withdraw", "default"])["done"], true);
        program.says(&["connection", "list"], &["withdrawn"]);
    }

    async fn a_directory_from_the_command_line(database: Database) {
        let program = Program::on(database);
        let tenant = program.json(&["tenant", "create", "acme"]);
        assert_eq!((&tenant["name"], &tenant["kind"]), (&json!("acme"), &json!("directory")));
        assert_eq!(program.json(&["tenant", "list"])["tenants"], json!([tenant]));
        program.refuses(&["tenant", "create", "acme"], 1, "tenant acme exists already");
        program.refuses(&["tenant", "create", "Acme!"], 1, "is no tenant name");

        // Tokens: shown once, listed without their secret.
        let token = program.json(&["token", "create", "--tenant", "acme", "--scope", "scim", "--expires", "P90D"]);
        let secret = token["token"].as_str().expect("a secret");
        assert!(secret.starts_with("rk_scim_") && token["id"].is_string() && token["expires"].is_string());
        let listed = program.json(&["token", "list"]);
        assert_eq!(listed["tokens"][0]["id"], token["id"]);
        assert!(!listed.to_string().contains(secret));
        program.says(&["token", "list"], &["SCOPE", "scim", "default", "until"]);
        let bare = program.run(&["token", "create", "--scope", "scim.read"]);
        assert!(bare.out.starts_with("rk_read_") && bare.out.lines().count() == 1, "the token and nothing else: {}", bare.out);
        assert!(bare.err.contains("shown once"), "{}", bare.err);
        program.json(&["token", "revoke", token["id"].as_str().expect("an id")]);
        assert!(program.json(&["token", "list"])["tokens"][0]["revoked"].is_string());
        program.refuses(&["token", "revoke", "nobody"], 1, "no token with this id");
        program.refuses(&["token", "create", "--scope", "everything"], 2, "scim.read");
        program.refuses(&["token", "create", "--scope", "scim", "--expires", "soon"], 2, "--expires");

        // Entered by hand.
        program.json(&["organization", "create", "acme", "--display-name", "Acme"]);
        let team = program.json(&["group", "create", "acme:everyone"]);
        let ana = program.json(&["user", "create", "ana", "--given-name", "Ana", "--email", "ana@acme.example"]);
        assert_eq!((&ana["userName"], &ana["emails"][0]["primary"]), (&json!("ana"), &json!(true)));
        let own = program.json(&["token", "create", "--scope", "me", "--user", "ana"]);
        assert!(own["token"].as_str().is_some_and(|token| token.starts_with("rk_me_")), "{own}");
        assert_eq!((&own["scope"], &own["user"]), (&json!("me"), &ana["id"]));
        program.says(&["token", "list"], &["me", ana["id"].as_str().expect("an id")]);
        program.refuses(&["token", "create", "--scope", "me"], 1, "name them");
        program.refuses(&["token", "create", "--scope", "me", "--user", "nobody"], 1, "nobody has the userName");
        program.refuses(&["token", "create", "--scope", "scim", "--user", "ana"], 1, "the scope me alone");

        // The connection that every tenant starts with.
        let settings = [
            "connection", "update", "--issuer", "https://acme.okta.com", "--client-id", "0oa1", "--alg", "ES256",
            "--domain", "acme.example", "--organization", "acme", "--default-organization", "acme", "--default-team",
            "everyone", "--jit", "off",
        ];
        let connection = program.json(&settings);
        assert_eq!(connection["rules"]["jit"]["enabled"], false);
        assert_eq!(connection["rules"]["default"]["group"], team["id"], "names are kept as ids");
        assert_eq!(program.json(&["connection", "show", "default"]), connection);
        assert_eq!(program.json(&["connection", "list"])["connections"], json!([connection]));
        program.says(&["connection", "list"], &["ISSUER", "https://acme.okta.com", "off"]);
        program.refuses(&["connection", "update", "--domain", "localhost"], 1, "localhost");
        program.refuses(&["connection", "update", "--default-team", "nowhere"], 1, "nowhere");
        let second = program.json(&["connection", "create", "entra"]);
        assert_eq!(second["rules"]["jit"]["enabled"], true, "JIT is on for a new connection");
        let hub = program.json(&["connection", "create", "hub", "--preset", "docker", "--join-claim", "upn"]);
        assert_eq!((&hub["rules"]["join"]["accounts"], &hub["rules"]["join"]["claims"]), (&json!("any"), &json!(["upn"])));
        program.refuses(&["connection", "create", "other", "--preset", "ldap"], 2, "scim-first, jit-only or docker");
        program.refuses(&["token", "create", "--scope", "scim"], 1, "name it");
        program.refuses(&["connection", "show"], 2, "name one");

        // Attributes and a type of the tenant's own, from files.
        let badge = "urn:acme:scim:schemas:1.0:Badge";
        let file = program.folder.path().join("badge.json");
        let attributes = json!([{ "name": "number", "uniqueness": "server" }, { "name": "colour" }]);
        let write = |body: Value| std::fs::write(&file, body.to_string()).expect("the file is written");
        let path = file.to_str().expect("text");
        write(json!({ "id": badge, "name": "Badge", "attributes": attributes }));
        assert_eq!(program.json(&["schema", "put", path])["builtIn"], false);
        program.says(&["schema", "put", path], &["as the file says"]);
        program.says(&["schema", "list"], &[badge, "own", "built in"]);
        assert_eq!(program.json(&["schema", "show", badge])["attributes"][0]["uniqueness"], "server");
        write(json!({ "name": "User", "schemaExtensions": [{ "schema": badge, "required": false }] }));
        program.says(&["resource-type", "put", path, "--tenant", "acme"], &["User", "made"]);
        assert_eq!(program.json(&["query", &format!("{badge}:colour pr")])["totalResults"], 0);
        program.refuses(&["schema", "delete", badge], 1, "resource type User uses this schema");
        write(json!({ "name": "Gate", "endpoint": "/Gates", "schema": "urn:acme:nobody" }));
        program.refuses(&["resource-type", "put", path], 1, "put it first");
        program.refuses(&["schema", "put", "nowhere.json"], 1, "nowhere.json");
        std::fs::write(&file, "{\"id\": 1,}").expect("the file is written");
        program.refuses(&["schema", "put", path], 1, "line 1");
        program.says(&["resource-type", "delete", "User", "--discard"], &["is gone"]);
        program.says(&["schema", "delete", badge], &["is gone"]);
        program.refuses(&["schema", "show", badge], 1, "there is no schema");

        // An administrator's words, explained.
        let explain = ["explain", "ana", "acme:everyone"];
        assert_eq!(program.json(&explain)["member"], false);
        assert_eq!(program.json(&["grant", "ana", "acme:everyone"])["member"], true);
        let granted = program.json(&explain);
        assert_eq!((&granted["member"], &granted["rule"]), (&json!(true), &json!("R8")));
        assert_eq!(granted["person"], json!({ "id": ana["id"], "name": "ana" }));
        assert!(granted["registers"].as_array().is_some_and(|registers| !registers.is_empty()));
        program.says(&explain, &["ana: A member of acme:everyone", "SOURCE", "grant"]);
        assert_eq!(program.json(&["deny", "ana", "acme:everyone"])["member"], false);
        assert_eq!(program.json(&["withdraw", "ana", "acme:everyone"])["word"], "withdrawn");
        program.json(&["grant", ana["id"].as_str().expect("an id"), "acme"]);
        program.refuses(&["explain", "nobody", "acme:everyone"], 1, "nobody has the userName or id \"nobody\"");
        program.refuses(&["explain", "ana", "nowhere"], 1, "nowhere");
        program.refuses(&["explain", "--decision", "dec_none"], 1, "no decision");
        program.refuses(&["explain", "ana"], 2, "Usage");

        // Queries.
        program.json(&["grant", "ana", "acme:everyone"]);
        let found = program.json(&["query", "userName sw \"a\" and active eq true"]);
        assert_eq!((&found["totalResults"], &found["Resources"][0]["id"]), (&json!(1), &ana["id"]));
        assert_eq!(found["Resources"][0]["groups"][0]["display"], "acme:everyone");
        program.says(&["query"], &["USERNAME", "ana", "acme:everyone", "1 user"]);
        program.says(&["query", "displayName eq \"acme:everyone\"", "--type", "groups"], &["acme:everyone"]);
        program.says(&["query", "--type", "Organizations"], &["SLUG", "acme"]);
        program.says(&["query", "userName eq \"x\""], &["no users"]);
        program.refuses(&["query", "userName qe \"a\""], 1, "column");
        program.refuses(&["query", "--type", "Planets"], 2, "Users, Groups, Organizations");

        let invitation = program.json(&["invite", "gia@acme.example", "--group", "acme:everyone"]);
        assert!(invitation["token"].as_str().is_some_and(|token| token.starts_with("rk_inv_")), "{invitation}");
        assert_eq!((&invitation["state"], &invitation["group"]), (&json!("pending"), &team["id"]));
        program.refuses(&["invite", "gia@acme.example"], 1, "an organization, a group, both");
        let id = invitation["id"].as_str().expect("an id");
        assert_ne!(program.json(&["invitation", "resend", id])["token"], invitation["token"]);
        program.says(&["invitation", "list"], &["ADDRESS", "gia@acme.example", "pending"]);
        program.json(&["invitation", "revoke", id]);
        program.refuses(&["invitation", "resend", id], 1, "revoked");

        assert_eq!(program.json(&["verify"]), json!({ "differences": [] }));
        assert!(program.json(&["reindex"])["resources"].as_u64().is_some_and(|count| count > 0));
        assert_eq!(program.json(&["conflict", "list"]), json!({ "conflicts": [], "totalResults": 0 }));
        program.refuses(&["conflict", "show", "cfl_none"], 1, "no conflict with this id");
        program.refuses(&["conflict", "resolve", "cfl_none", "marry"], 2, "keep-apart");

        // Roles, and who is in an organization.
        program.json(&["grant", "ana", "acme", "--role", "owner"]);
        let members = program.json(&["organization", "members", "acme"]);
        assert_eq!((&members["totalResults"], &members["members"][0]["role"]), (&json!(1), &json!("owner")));
        program.says(&["organization", "members", "acme"], &["USERNAME", "ana", "owner", "grant"]);
        program.says(&["explain", "ana", "acme"], &["role: owner"]);
        program.refuses(&["withdraw", "ana", "acme"], 1, "without an owner");
        program.refuses(&["grant", "ana", "acme", "--role", "emperor"], 1, "emperor");

        // One account: its identities, locks, protection, and its end.
        let link = program.json(&["link", "create", "ana", "entra", "--subject", "s-ana"]);
        program.json(&["link", "create", "ana", "entra", "--external-id", "e-ana"]);
        program.says(&["link", "list", "ana"], &["signs in", "entra", "s-ana"]);
        program.json(&["link", "delete", link["id"].as_str().expect("an id")]);
        program.json(&["user", "lock", "ana", "title", "Countess"]);
        let told = program.json(&["explain", "ana", "--attribute", "title"]);
        assert_eq!((&told["value"], &told["says"][0]["source"]), (&json!("Countess"), &json!("lock")));
        program.says(&["explain", "ana", "--attribute", "title"], &["lock", "holds"]);
        program.json(&["user", "unlock", "ana", "title"]);
        program.refuses(&["user", "lock", "ana", "userName", "x"], 1, "exactly one owner");
        program.json(&["user", "protect", "ana"]);
        program.json(&["user", "protect", "ana", "--off"]);
        program.refuses(&["user", "home", "ana", "entra"], 1, "does not push");
        program.json(&["user", "create", "bob"]);
        program.json(&["user", "erase", "bob"]);
        program.refuses(&["user", "erase", "bob"], 1, "no user with this id");
        assert_eq!(program.json(&["purge"])["people"], 0);
        assert_eq!(program.json(&["verify"]), json!({ "differences": [] }));
        program.json(&["tenant", "create", "other"]);
        program.refuses(&["query"], 2, "--tenant");
        program.refuses(&["query", "--tenant", "third"], 1, "there is no tenant \"third\"");
        assert_eq!(program.json(&["query", "--tenant", "other"])["totalResults"], 0, "a tenant is a wall");
    }
}

#[test]
fn a_setting_that_cannot_be_right_is_refused_by_its_name() {
    let program = Program::on(Database::sqlite());
    program.refuses(&["serve", "--listen", "8080"], 2, "--listen: `listen` must be an address and a port");
    program.refuses(&["tenant", "list", "--log-level", "loud"], 2, "`log_level` must be");
    program.refuses(&["serve", "--lisen", "127.0.0.1:0"], 2, "--lisen");
    refused(
        &ran(program.command(&["serve"]).env("ROLLKEEPER_PORT", "80")),
        2,
        "ROLLKEEPER_PORT: unknown setting `port`",
    );
    let database = ran(&mut program.bare(&["tenant", "list", "--database", "mysql://u:hunter2@h/x"]));
    refused(&database, 2, "`database` must be");
    assert!(!database.err.contains("hunter2"));
    std::fs::write(program.folder.path().join("rollkeeper.toml"), "max_conections = 3").expect("a settings file");
    program.refuses(&["serve"], 2, "rollkeeper.toml: unknown setting `max_conections`");
}

#[test]
fn a_mistyped_path_is_no_empty_directory() {
    let program = Program::on(Database::sqlite());
    program.refuses(&["query", "active eq true"], 1, "there is no database at");
    assert!(!program.database.file().expect("SQLite").exists(), "nothing was made");
    program.json(&["tenant", "create", "acme"]);
    program.says(&["query"], &["no users"]);
}

#[tokio::test]
async fn the_first_start_says_what_comes_next_and_a_signal_ends_it_in_order() {
    let program = Program::on(Database::sqlite());
    let server = program.serve();
    for path in ["/healthz", "/readyz"] {
        assert_eq!(reqwest::get(format!("{}{path}", server.base)).await.expect("an answer").status(), 200);
    }
    let (code, err) = server.terminate();
    assert_eq!(code, 0, "{err}");
    assert!(err.contains("rollkeeper tenant create"), "{err}");
    program.json(&["tenant", "create", "acme"]);
    let (code, err) = program.serve().terminate();
    assert_eq!((code, err.as_str()), (0, ""));
}

/// People and memberships are written by several clients at once; the server is killed without warning. Whatever was
/// answered before is there afterwards, and what is derived agrees with it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_kill_9() {
    const ENOUGH: usize = 60;
    let program = Program::on(Database::sqlite());
    program.json(&["tenant", "create", "acme"]);
    let token = program.json(&["token", "create", "--scope", "scim"])["token"].as_str().expect("a token").to_owned();

    let server = program.serve();
    let client = reqwest::Client::new();
    let scim = format!("{}/t/acme/scim/v2", server.base);
    let group = client.post(format!("{scim}/Groups")).bearer_auth(&token).json(&json!({ "displayName": "staff" }));
    let group: Value = group.send().await.expect("an answer").json().await.expect("JSON");
    let group = group["id"].as_str().expect("an id").to_owned();

    let acknowledged: Arc<Mutex<Vec<(String, bool)>>> = Arc::default();
    let stop = Arc::new(AtomicBool::new(false));
    let mut writers = Vec::new();
    for writer in 0..4 {
        let (client, scim, token, group) = (client.clone(), scim.clone(), token.clone(), group.clone());
        let (acknowledged, stop) = (acknowledged.clone(), stop.clone());
        writers.push(tokio::spawn(async move {
            for number in 0.. {
                let body = json!({ "userName": format!("user-{writer}-{number}") });
                let made = client.post(format!("{scim}/Users")).bearer_auth(&token).json(&body).send().await;
                let Ok(made) = made else { break };
                assert_eq!(made.status(), 201);
                let Ok(made) = made.json::<Value>().await else { break };
                let id = made["id"].as_str().expect("an id").to_owned();
                let add = json!({ "Operations": [{ "op": "add", "path": "members", "value": [{ "value": id }] }] });
                let added = client.patch(format!("{scim}/Groups/{group}")).bearer_auth(&token).json(&add).send().await;
                let is_member = added.is_ok_and(|added| added.status() == 204);
                acknowledged.lock().expect("no panic").push((id, is_member));
                if stop.load(Ordering::SeqCst) {
                    break;
                }
            }
        }));
    }
    while acknowledged.lock().expect("no panic").len() < ENOUGH && !writers.iter().all(|writer| writer.is_finished()) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    server.kill();
    stop.store(true, Ordering::SeqCst);
    for writer in writers {
        writer.await.expect("every answer was as it should be");
    }

    let acknowledged = acknowledged.lock().expect("no panic").clone();
    assert!(acknowledged.len() >= ENOUGH, "{} writes before the end", acknowledged.len());
    let server = program.serve();
    let scim = format!("{}/t/acme/scim/v2", server.base);
    for (id, is_member) in &acknowledged {
        let found = client.get(format!("{scim}/Users/{id}")).bearer_auth(&token).send().await.expect("an answer");
        assert_eq!(found.status(), 200, "{id} was acknowledged and is gone");
        let found: Value = found.json().await.expect("JSON");
        let listed =
            found["groups"].as_array().is_some_and(|groups| groups.iter().any(|g| g["value"] == group.as_str()));
        assert!(listed || !is_member, "the membership of {id} was acknowledged and is gone");
    }
    assert_eq!(server.terminate().0, 0);
    assert_eq!(program.json(&["verify"]), json!({ "differences": [] }));
}
