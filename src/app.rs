//! The server put together: use cases, login, edge; and how it starts and stops.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;

use crate::config::Config;
use crate::directory::Directory;
use crate::http::{self, Limiter, Settings, Site};
use crate::jit::login::Logins;

/// How long requests in flight may still take once the server was told to stop.
const GRACE: Duration = Duration::from_secs(20);

#[derive(Clone)]
pub struct App {
    router: Router,
}

impl App {
    pub fn new(directory: Directory, logins: Logins, settings: Settings) -> Self {
        let limiter = Arc::new(Limiter::new(settings.requests_per_second));
        Self { router: http::router(Site { directory, logins, settings, limiter }) }
    }

    /// The whole server as one service: what [`App::serve`] listens with, and what a test calls in process.
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    /// Answers on `listener` until `stop` is there, then finishes what was begun.
    pub async fn serve<F>(&self, listener: TcpListener, stop: F) -> io::Result<()>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (told, hear) = tokio::sync::oneshot::channel();
        let stop = async move {
            stop.await;
            tracing::info!("stopping: no new connections, requests in flight are finished");
            // Nobody listens any more only if the server already ended by itself.
            let _ = told.send(());
        };
        let serving = axum::serve(listener, self.router()).with_graceful_shutdown(stop);
        let overdue = async move {
            match hear.await {
                Ok(()) => tokio::time::sleep(GRACE).await,
                Err(_) => std::future::pending().await,
            }
        };
        tokio::select! {
            done = serving.into_future() => done,
            () = overdue => {
                tracing::warn!(grace_ms = GRACE.as_millis() as u64, "requests in flight were cut off");
                Ok(())
            }
        }
    }
}

impl From<&Config> for Settings {
    fn from(config: &Config) -> Self {
        Self {
            public_url: config.public_url.as_ref().map(ToString::to_string),
            request_timeout: config.request_timeout,
            max_body_bytes: config.max_body_bytes,
            bulk_max_operations: config.bulk_max_operations,
            bulk_max_payload_bytes: config.bulk_max_payload_bytes,
            pages: config.pages,
            requests_per_second: config.requests_per_second,
        }
    }
}

/// Resolves at the first Ctrl-C or, where there is one, SIGTERM.
pub async fn stop_signal() {
    let interrupt = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => drop(signal.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminate = std::future::pending::<()>();
    tokio::select! {
        () = interrupt => {}
        () = terminate => {}
    }
}
