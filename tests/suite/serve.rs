//! The server on a real socket: it answers, and it stops when it is told to.

use rollkeeper::auth::token::Scope;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::support::World;

#[tokio::test]
async fn it_answers_on_a_socket_until_it_is_told_to_stop() {
    let world = World::sqlite().await;
    let acme = world.tenant("acme").await;
    let token = world.token(&acme, Scope::Scim).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    let (stop, stopped) = oneshot::channel::<()>();
    let app = world.app.clone();
    let serving = tokio::spawn(async move { app.serve(listener, async move { drop(stopped.await) }).await });

    let client = reqwest::Client::new();
    let created = client
        .post(format!("{base}/t/acme/scim/v2/Users"))
        .bearer_auth(&token)
        .json(&json!({ "userName": "bjensen" }))
        .send()
        .await
        .expect("an answer");
    assert_eq!(created.status(), 201);
    let location = created.headers()["location"].to_str().expect("text").to_owned();
    assert!(location.starts_with(&format!("{base}/t/acme/scim/v2/Users/")), "as the client called us: {location}");
    // The bare token, as Okta's header mode sends it.
    let found = client.get(&location).header("authorization", &token).send().await.expect("an answer");
    assert_eq!(found.json::<Value>().await.expect("JSON")["userName"], "bjensen");

    stop.send(()).expect("the server still listens");
    serving.await.expect("no panic").expect("no error");
    assert!(client.get(format!("{base}/healthz")).send().await.is_err(), "nobody listens any more");
}
