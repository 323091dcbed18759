//! Brokers of a connection: public keys and ceilings of the applications that hand over claims.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::auth::broker::check_keys;
use crate::directory::BrokerInfo;
use crate::http::Site;
use crate::http::ask::{BrokerName, Id};
use crate::http::body::Message;
use crate::http::gate::Client;
use crate::http::instant;
use crate::http::refusal::Refusal;
use crate::jit::broker;

#[derive(Serialize)]
pub struct Broker {
    id: String,
    name: String,
    #[serde(serialize_with = "instant::serialize")]
    created: i64,
    audience: String,
    #[serde(flatten)]
    settings: broker::Broker,
}

impl From<BrokerInfo> for Broker {
    fn from(BrokerInfo { id, name, created, audience, settings }: BrokerInfo) -> Self {
        Self { id, name, created, audience, settings }
    }
}

#[derive(Serialize)]
pub struct Brokers {
    brokers: Vec<Broker>,
}

pub async fn list(State(site): State<Site>, client: Client, Id(id): Id) -> Result<Json<Brokers>, Refusal> {
    let brokers = site.directory.brokers(&client.tenant.id, &id).await?;
    Ok(Json(Brokers { brokers: brokers.into_iter().map(Broker::from).collect() }))
}

#[derive(Deserialize)]
pub struct NewBroker {
    name: String,
    /// Judged as a whole; an unknown setting is refused by its name.
    #[serde(flatten)]
    settings: Map<String, Value>,
}

pub async fn add(
    State(site): State<Site>,
    client: Client,
    Id(id): Id,
    Message(NewBroker { name, settings }): Message<NewBroker>,
) -> Result<(StatusCode, Json<Broker>), Refusal> {
    let settings = judged(Value::Object(settings))?;
    let added = site.directory.add_broker(&client.tenant.id, &id, &name, settings).await?;
    Ok((StatusCode::CREATED, Json(added.into())))
}

pub async fn update(
    State(site): State<Site>,
    client: Client,
    Id(id): Id,
    BrokerName(name): BrokerName,
    Message(settings): Message<Value>,
) -> Result<Json<Broker>, Refusal> {
    let updated = site.directory.update_broker(&client.tenant.id, &id, &name, judged(settings)?).await?;
    Ok(Json(updated.into()))
}

pub async fn remove(
    State(site): State<Site>,
    client: Client,
    Id(id): Id,
    BrokerName(name): BrokerName,
) -> Result<StatusCode, Refusal> {
    site.directory.remove_broker(&client.tenant.id, &id, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn judged(settings: Value) -> Result<broker::Broker, Refusal> {
    let settings = broker::Broker::read(&settings).map_err(Refusal::invalid)?;
    check_keys(&settings.jwks, &settings.algs).map_err(Refusal::invalid)?;
    Ok(settings)
}
