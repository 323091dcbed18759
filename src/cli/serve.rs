//! `serve`: the server, from its settings to its last request.

use std::time::Duration;

use futures_util::poll;
use tokio::net::TcpListener;

use super::Failure;
use super::roll::connect;
use crate::app::{App, stop_signal};
use crate::auth::egress::{Egress, EgressPolicy};
use crate::auth::jwks::Jwks;
use crate::config::Config;
use crate::directory::{Directory, Purged, Ticked};
use crate::http::Settings;
use crate::jit::login::Logins;

pub async fn serve(config: &Config) -> Result<(), Failure> {
    let directory = connect(config, config.max_connections).await?;
    let listener = TcpListener::bind(config.listen)
        .await
        .map_err(|error| Failure::Refused(format!("cannot listen on {}: {error}", config.listen)))?;
    let address = listener.local_addr().map_err(|error| Failure::Refused(error.to_string()))?;
    let app = assemble(config, &directory, EgressPolicy::default());

    // Polled once here, so that a signal is heard from the moment the address is told.
    let mut stop = Box::pin(stop_signal());
    let stops_already = poll!(stop.as_mut()).is_ready();
    let stop = async move {
        if !stops_already {
            stop.await;
        }
    };
    tracing::info!(listen = %address, database = %config.database, version = env!("CARGO_PKG_VERSION"), "started");
    println!("Rollkeeper is listening on http://{address}");
    if directory.tenants().await?.is_empty() {
        let database = &config.database;
        eprintln!(
            "There is no tenant yet. In another terminal:\n\n    \
             rollkeeper tenant create acme --database {database}\n    \
             rollkeeper token create --tenant acme --scope scim --database {database}\n"
        );
    }
    let ticking = tokio::spawn(tick(directory.clone()));
    let purging = tokio::spawn(purge(directory.clone()));
    let served = app.serve(listener, stop).await;
    for background in [ticking, purging] {
        background.abort();
        // Until it is gone it may still ask for the database, which is closed next.
        let _cancelled = background.await;
    }
    directory.engine().close().await;
    tracing::info!("stopped");
    served.map_err(|error| Failure::Refused(format!("the server stopped: {error}")))
}

/// What was kept for the retention only goes within an hour of its end.
async fn purge(directory: Directory) {
    let mut hour = tokio::time::interval(Duration::from_secs(60 * 60));
    hour.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        hour.tick().await;
        match directory.purge(None).await {
            Ok(purged) if purged == Purged::default() => {}
            Ok(purged) => tracing::info!(?purged, "what was kept for the retention is erased"),
            Err(error) => tracing::error!(error = %error, "the purge failed; it is tried again"),
        }
    }
}

/// What time ends, ends within a minute of it.
async fn tick(directory: Directory) {
    let mut minute = tokio::time::interval(Duration::from_secs(60));
    minute.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        minute.tick().await;
        match directory.tick().await {
            Ok(ticked) if ticked == Ticked::default() => {}
            Ok(ticked) => tracing::info!(?ticked, "time has ended something"),
            Err(error) => tracing::error!(error = %error, "what time ends could not be ended; it is tried again"),
        }
    }
}

/// The whole server on an open database.
pub fn assemble(config: &Config, directory: &Directory, egress: EgressPolicy) -> App {
    let keys = Jwks::new(Egress::new(egress), directory.clock().clone());
    let logins = Logins { directory: directory.clone(), keys };
    let settings = Settings {
        public_url: config.public_url.as_ref().map(|url| url.as_str().trim_end_matches('/').to_owned()),
        request_timeout: config.request_timeout,
        max_body_bytes: config.max_body_bytes,
        bulk_max_operations: config.bulk_max_operations,
        bulk_max_payload_bytes: config.bulk_max_payload_bytes,
        pages: config.pages,
        requests_per_second: config.requests_per_second,
    };
    App::new(directory.clone(), logins, settings)
}
