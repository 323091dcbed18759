//! Refusals: every answer that is not a success, whoever refuses (a handler, a layer, the router, a panic).
//!
//! A refusal says what is wrong; in which form it is written depends on where the request went, and only
//! [`form`](super::form) knows that: the Error message of RFC 7644 §3.12 under `scim`, problem details of RFC 9457
//! with a `code` elsewhere. So this is the one `IntoResponse` of an error in the house.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use crate::directory;
use crate::jit::login::LoginError;
use crate::scim::{self, ScimType};

/// What goes wrong, as a client reads it. `detail` holds nothing internal and nothing personal.
#[derive(Clone, Debug)]
pub struct Refusal {
    pub status: StatusCode,
    pub scim_type: Option<ScimType>,
    /// The `code` of problem details; SCIM has no such member.
    pub code: &'static str,
    pub detail: String,
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Further members of problem details (`cause`, `decisionId`).
    pub members: Vec<(&'static str, Value)>,
}

impl Refusal {
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, scim_type: None, code, detail: detail.into(), headers: Vec::new(), members: Vec::new() }
    }

    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", detail)
    }

    pub fn invalid(detail: impl Into<String>) -> Self {
        scim::Error::invalid_value(detail).into()
    }

    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", detail)
    }

    /// RFC 7644 §3.12: operation or feature not offered.
    pub fn not_implemented(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_IMPLEMENTED, "not_implemented", detail)
    }

    pub fn too_large(limit: usize) -> Self {
        let detail = format!("the request body is larger than {limit} bytes, which is the most this endpoint reads");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail)
    }

    /// The server's fault; the log has the reason, the body does not.
    pub fn internal() -> Self {
        let detail = "the server could not answer this request; its log names the reason under this request id";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail)
    }

    /// Overload or a lost race: the same request may succeed in a moment.
    pub fn busy() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "the server is busy, send the same request again")
            .with(header::RETRY_AFTER, HeaderValue::from_static("1"))
    }

    /// RFC 6585 §4. `Retry-After` in seconds: Okta does not read dates.
    pub fn too_often(seconds: u64) -> Self {
        let detail = format!("this token asks more often than this server answers: wait {seconds} s and send it again");
        Self::new(StatusCode::TOO_MANY_REQUESTS, "too_often", detail)
            .with(header::RETRY_AFTER, HeaderValue::from(seconds))
    }

    pub fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }
}

impl IntoResponse for Refusal {
    /// Without a body: [`form`](super::form) writes it.
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.headers_mut().extend(self.headers.clone());
        response.extensions_mut().insert(self);
        response
    }
}

impl From<scim::Error> for Refusal {
    fn from(error: scim::Error) -> Self {
        let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { scim_type: error.scim_type, ..Self::new(status, code(&error), error.detail) }
    }
}

/// The snake-case code of a SCIM error where it is shown as problem details.
fn code(error: &scim::Error) -> &'static str {
    match (error.scim_type, error.status) {
        (Some(ScimType::InvalidFilter), _) => "invalid_filter",
        (Some(ScimType::TooMany), _) => "too_many",
        (Some(ScimType::Uniqueness), _) => "uniqueness",
        (Some(ScimType::Mutability), _) => "mutability",
        (Some(ScimType::InvalidSyntax), _) => "invalid_syntax",
        (Some(ScimType::InvalidPath), _) => "invalid_path",
        (Some(ScimType::NoTarget), _) => "no_target",
        (Some(ScimType::InvalidVers), _) => "invalid_version",
        (Some(ScimType::Sensitive), _) => "sensitive",
        (Some(ScimType::InvalidCursor | ScimType::ExpiredCursor), _) => "invalid_cursor",
        (Some(ScimType::InvalidValue | ScimType::InvalidCount), _) => "invalid_value",
        (None, 403) => "forbidden",
        (None, 404) => "not_found",
        (None, 409) => "conflict",
        (None, 412) => "precondition_failed",
        (None, 413) => "too_large",
        (None, 415) => "unsupported_media_type",
        (None, 501) => "not_implemented",
        (None, 503) => "busy",
        (None, 500..) => "internal",
        (None, _) => "invalid_request",
    }
}

impl From<directory::Error> for Refusal {
    fn from(error: directory::Error) -> Self {
        match error {
            directory::Error::Scim(error) => error.into(),
            directory::Error::Refused { error, code, .. } | directory::Error::Denied { error, code } => {
                Self { code, ..Self::from(error) }
            }
            directory::Error::Busy | directory::Error::Again(_) => Self::busy(),
            directory::Error::Store(error) if error.is_race() => Self::busy(),
            directory::Error::Store(error) => {
                tracing::error!(error = %error, "the store failed");
                Self::internal()
            }
        }
    }
}

impl From<LoginError> for Refusal {
    fn from(error: LoginError) -> Self {
        let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut refusal = Self::new(status, error.code, error.detail);
        if status == StatusCode::SERVICE_UNAVAILABLE {
            refusal = refusal.with(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        refusal.members.extend(error.cause.map(|cause| ("cause", Value::from(cause))));
        refusal.members.extend(error.decision_id.map(|id| ("decisionId", Value::from(id))));
        refusal
    }
}
