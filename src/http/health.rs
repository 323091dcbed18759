//! Probes, and the description of this interface.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::Site;
use super::refusal::Refusal;

const OPENAPI: &str = include_str!("../../openapi.yaml");

/// The process runs.
pub async fn alive() -> &'static str {
    "ok"
}

/// The database answers.
pub async fn ready(State(site): State<Site>) -> Result<&'static str, Refusal> {
    site.directory.engine().ping().await.map_err(|error| {
        tracing::error!(error = %error, "the database does not answer");
        Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", "the database does not answer")
    })?;
    Ok("ok")
}

pub async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, "application/yaml")], OPENAPI).into_response()
}
