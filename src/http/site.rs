//! What every handler can reach: the use cases, and how this server is known outside.

use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, header};

use super::Limiter;
use super::layers::Deadlines;
use crate::directory::{Directory, Limits};
use crate::jit::login::Logins;

#[derive(Clone)]
pub struct Site {
    pub directory: Directory,
    pub logins: Logins,
    pub settings: Settings,
    pub limiter: Arc<Limiter>,
}

#[derive(Clone, Debug)]
pub struct Settings {
    /// How clients reach this server, without a trailing slash: `https://roll.example.com`. Behind a proxy it must be
    /// set, or every `Location` would hold the inner name.
    pub public_url: Option<String>,
    /// How long one request may take; a bulk four times as long, then what is left of it is answered as not begun.
    pub request_timeout: Duration,
    /// The largest body of a group; others stop at 1 MiB, or here if this is less.
    pub max_body_bytes: usize,
    /// Of one bulk request (RFC 7644 §3.7.4).
    pub bulk_max_operations: usize,
    pub bulk_max_payload_bytes: usize,
    /// How long pages may be, and how long cursors live.
    pub pages: Limits,
    /// How often one token may ask in a second; 0 is no limit.
    pub requests_per_second: u32,
}

/// A bulk is many requests, and so may take this many times as long as one.
const BULK_TIMES: u32 = 4;

impl Default for Settings {
    fn default() -> Self {
        Self {
            public_url: None,
            request_timeout: Duration::from_secs(30),
            max_body_bytes: 16 << 20,
            bulk_max_operations: 1_000,
            bulk_max_payload_bytes: 4 << 20,
            pages: Limits::default(),
            requests_per_second: 0,
        }
    }
}

impl Settings {
    pub(super) fn deadlines(&self) -> Deadlines {
        // The body has to come in first, and the last operation has to end.
        let bulk = self.bulk_timeout().saturating_add(self.request_timeout.saturating_mul(2));
        Deadlines { request: self.request_timeout, bulk }
    }

    /// How long operations of a bulk are begun.
    pub(super) fn bulk_timeout(&self) -> Duration {
        self.request_timeout.saturating_mul(BULK_TIMES)
    }

    /// The absolute URL in front of every path: as configured, else as the client called us.
    pub(super) fn origin(&self, headers: &HeaderMap) -> String {
        if let Some(url) = &self.public_url {
            return url.trim_end_matches('/').to_owned();
        }
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
        format!("http://{host}")
    }
}
