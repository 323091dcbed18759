//! The demo's identity provider: a key of its own, a discovery document, a JWK Set, and ID tokens for whoever asks.
//!
//! It believes everybody, so it listens on this machine only, for as long as the demo runs.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;

use crate::auth::signing::{SigningFailed, SigningKey};
use crate::clock::{Clock, Ids};

/// The audience of its tokens.
pub const CLIENT_ID: &str = "demo-app";
/// How long a token is good for, in seconds.
const LIFE: i64 = 300;

#[derive(Clone)]
pub struct Provider {
    pub issuer: String,
    key: Arc<SigningKey>,
    clock: Clock,
    ids: Ids,
}

/// An ID token, and the nonce that was put into it.
pub struct Evidence {
    pub id_token: String,
    pub nonce: String,
}

impl Provider {
    /// Makes a key and serves it on a free port of this machine.
    pub async fn start(clock: Clock, ids: Ids) -> io::Result<Self> {
        let key = Arc::new(SigningKey::generate().map_err(io::Error::other)?);
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let issuer = format!("http://{}", listener.local_addr()?);
        let provider = Self { issuer, key, clock, ids };
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/jwks", get(jwks))
            .route("/token", get(token))
            .with_state(provider.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(provider)
    }

    /// A token of these claims, issued `age` seconds ago.
    pub fn sign(&self, claims: &Value, age: i64) -> Result<Evidence, SigningFailed> {
        let nonce: String = self.ids.bytes::<12>().iter().map(|byte| format!("{byte:02x}")).collect();
        let id_token = self.token(claims, &nonce, age)?;
        Ok(Evidence { id_token, nonce })
    }

    fn token(&self, claims: &Value, nonce: &str, age: i64) -> Result<String, SigningFailed> {
        let issued = self.clock.now() / 1000 - age;
        let mut all =
            json!({"iss": self.issuer, "aud": CLIENT_ID, "iat": issued, "exp": issued + LIFE, "nonce": nonce});
        if let (Some(all), Some(claims)) = (all.as_object_mut(), claims.as_object()) {
            all.extend(claims.clone());
        }
        self.key.sign(&all)
    }
}

async fn discovery(State(provider): State<Provider>) -> Json<Value> {
    let issuer = &provider.issuer;
    Json(json!({
        "issuer": issuer,
        "jwks_uri": format!("{issuer}/jwks"),
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
    }))
}

async fn jwks(State(provider): State<Provider>) -> Json<Value> {
    Json(provider.key.jwks())
}

/// `/token?sub=00u9&email=zoe@acme.example&groups=acme:design,acme:staff&nonce=n1`: an ID token as text.
async fn token(
    State(provider): State<Provider>,
    Query(asked): Query<BTreeMap<String, String>>,
) -> Result<String, (StatusCode, String)> {
    let mut claims = Map::new();
    for (name, value) in &asked {
        let value = match name.as_str() {
            "nonce" => continue,
            "groups" => value.split(',').filter(|group| !group.is_empty()).map(Value::from).collect(),
            _ => Value::from(value.as_str()),
        };
        claims.insert(name.clone(), value);
    }
    if claims.contains_key("email") {
        claims.insert("email_verified".to_owned(), true.into());
    }
    let nonce = asked.get("nonce").map_or("", String::as_str);
    let token = provider.token(&claims.into(), nonce, 0);
    token.map_err(|error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))
}
