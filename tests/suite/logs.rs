//! What the log holds of a request: enough to find it again, and nothing that is somebody's.

use std::io;
use std::sync::{Arc, Mutex};

use rollkeeper::auth::token::Scope;
use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;

use crate::support::World;
use crate::support::contract::with_any_request;

/// Everything written, in memory.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().expect("no writer panicked")).into_owned()
    }
}

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no writer panicked").extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Lines;

    fn make_writer(&self) -> Lines {
        self.clone()
    }
}

const PASSWORD: &str = "korrekt-Pferd-Batterie";

#[tokio::test]
async fn no_token_no_name_and_no_query_in_the_log() {
    let _lenient = with_any_request();
    let world = World::sqlite().await;
    let acme = world.tenant("acme").await;
    let secret = world.token(&acme, Scope::Scim).await;
    let push = acme.client(Some(&secret));
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(lines.clone())
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);
    let id = push
        .users()
        .post(json!({ "userName": "bjensen", "active": "True", "password": PASSWORD }))
        .await
        .status(201)
        .id();
    push.users().filter("userName eq \"bjensen\"").await.status(200);
    push.users().filter("bjensen").await.status(400);
    push.users().filter(&format!("password eq \"{PASSWORD}\"")).await.status(400);
    push.users().patch(&id, json!([{ "op": "add", "path": "password", "value": PASSWORD }])).await.status(200);
    push.users().post(json!({ "userName": "bjensen" })).await.status(409);
    push.users().get(&id).header("x-request-id".parse().expect("a name"), "find-me-42").await.status(200);
    push.with_token(format!("{secret}x")).users().get(&id).await.status(401);
    drop(guard);

    let log = lines.text();
    assert!(log.contains("find-me-42") && log.contains("/t/{tenant}/scim/v2/Users/{id}"), "{log}");
    assert!(log.contains("http.status=201") && log.contains("duration_ms="), "{log}");
    assert!(log.contains("boolean_as_string"), "{log}");
    for personal in ["bjensen", secret.as_str(), "filter=", PASSWORD, "argon2id"] {
        assert!(!log.contains(personal), "{personal} is in the log:\n{log}");
    }
}
