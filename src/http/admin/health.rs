//! How a connection is, and what of it drifts, each with what one call does about it.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use super::connections::known;
use super::page::Page;
use crate::auth::jwks::KeySource;
use crate::directory::{DriftPage, DriftResolution, Health};
use crate::http::Site;
use crate::http::ask::Id;
use crate::http::body::Message;
use crate::http::gate::Client;
use crate::http::instant;
use crate::http::refusal::Refusal;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Healthy {
    #[serde(flatten)]
    health: Health,
    /// When this process last fetched the provider's keys.
    #[serde(serialize_with = "instant::optional::serialize", skip_serializing_if = "Option::is_none")]
    keys_fetched: Option<i64>,
}

pub async fn health(State(site): State<Site>, client: Client, Id(id): Id) -> Result<Json<Healthy>, Refusal> {
    let connection = known(&site, &client, &id).await?;
    let health = site.directory.health(&client.tenant.id, &connection.id).await?;
    let rules = &connection.rules;
    let keys_fetched = match &rules.issuer {
        Some(issuer) => {
            let source = KeySource::of(rules.jwks.as_ref(), rules.jwks_uri.as_deref(), issuer);
            site.logins.keys.fetched_at(&connection.id, &source).await
        }
        None => None,
    };
    Ok(Json(Healthy { health, keys_fetched }))
}

pub async fn drift(
    State(site): State<Site>,
    client: Client,
    Id(id): Id,
    query: Page,
) -> Result<Json<DriftPage>, Refusal> {
    let connection = known(&site, &client, &id).await?;
    let after = query.after.as_deref();
    Ok(Json(site.directory.drift(&client.tenant.id, &connection.id, after, query.count()).await?))
}

/// What drifts, and what becomes of it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Settling {
    person: String,
    resolution: String,
    attribute: Option<String>,
    source: Option<String>,
    group: Option<String>,
}

impl Settling {
    fn read(self) -> Result<(String, DriftResolution), Refusal> {
        let resolution = match (self.resolution.as_str(), self.attribute, self.source, self.group) {
            ("lock", Some(attribute), Some(source), None) => DriftResolution::Lock { attribute, source },
            ("claims", None, None, Some(group)) => DriftResolution::Claims { group },
            ("grant", None, None, Some(group)) => DriftResolution::Grant { group },
            ("deny", None, None, Some(group)) => DriftResolution::Deny { group },
            _ => {
                return Err(Refusal::invalid(
                    "resolution is \"lock\" with \"attribute\" and \"source\", or \"claims\", \"grant\" or \"deny\" with \"group\"",
                ));
            }
        };
        Ok((self.person, resolution))
    }
}

pub async fn resolve(
    State(site): State<Site>,
    client: Client,
    Id(id): Id,
    Message(settling): Message<Settling>,
) -> Result<StatusCode, Refusal> {
    let connection = known(&site, &client, &id).await?;
    let (person, resolution) = settling.read()?;
    site.directory.resolve_drift(&client.tenant.id, &connection.id, &person, &resolution).await?;
    Ok(StatusCode::NO_CONTENT)
}
