//! Logs: one subscriber for the process, on standard error, as text for people or JSON for machines.
//!
//! What is logged and how it is named: `docs/LOGGING.md`. Two rules are kept here. The level is the program's own: a
//! dependency is never more talkative than `warn`, because at `debug` an HTTP client or a database driver prints what it
//! carries, and that is somebody's name or token. And a request id that a caller sends is taken over only when it is short
//! and plain, because it is printed on every line.

use std::io;

use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::{FilterExt, Targets, filter_fn};
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry::Registry;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::LogFormat;

/// The header that carries a request id, on the way in and out.
pub const REQUEST_ID: &str = "x-request-id";

/// Starts the logs of this process. Called once; a second call changes nothing.
pub fn start(format: LogFormat, level: LevelFilter) {
    // An error means that a test or an embedding program has its own subscriber already, which is right.
    drop(subscriber(format, level, io::stderr).try_init());
}

fn subscriber<W>(format: LogFormat, level: LevelFilter, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let ours = Targets::new().with_target("rollkeeper", level);
    let others = Targets::new().with_default(level.min(LevelFilter::WARN));
    let theirs = others.and(filter_fn(|event| !event.target().starts_with("rollkeeper")));
    let layer = fmt::layer().with_writer(writer);
    let layer: Box<dyn Layer<Registry> + Send + Sync> = match format {
        LogFormat::Text => layer.with_ansi(false).boxed(),
        LogFormat::Json => layer.json().flatten_event(true).with_current_span(false).boxed(),
    };
    tracing_subscriber::registry().with(layer.with_filter(ours.or(theirs)))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use serde_json::Value;

    use super::*;

    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: LogFormat, level: LevelFilter, story: impl FnOnce()) -> String {
        let buffer = Buffer::default();
        let writer = buffer.clone();
        tracing::subscriber::with_default(subscriber(format, level, move || writer.clone()), story);
        String::from_utf8(buffer.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn json_carries_the_fields_of_the_event_and_of_its_spans() {
        let text = logged(LogFormat::Json, LevelFilter::INFO, || {
            let _request = tracing::info_span!("request", request.id = "r-1").entered();
            tracing::info!(tenant.id = "t-1", duration_ms = 12, "resource created");
        });
        let line: Value = serde_json::from_str(text.trim()).unwrap();
        assert_eq!(line["message"], "resource created");
        assert_eq!((&line["tenant.id"], &line["duration_ms"]), (&Value::from("t-1"), &Value::from(12)));
        assert_eq!(line["spans"][0]["request.id"], "r-1");
        assert_eq!(line["level"], "INFO");
    }

    #[test]
    fn text_is_readable_without_colours() {
        let text = logged(LogFormat::Text, LevelFilter::INFO, || tracing::info!(tenant.id = "t-1", "resource created"));
        assert!(text.contains("INFO rollkeeper::telemetry::tests: resource created tenant.id=\"t-1\""), "{text}");
    }

    #[test]
    fn a_dependency_is_never_more_talkative_than_warn() {
        let story = || {
            tracing::debug!("ours, debug");
            tracing::trace!("ours, trace");
            tracing::info!(target: "hyper::client", "theirs, info");
            tracing::warn!(target: "sqlx::query", "theirs, warn");
        };
        let messages = |level| {
            let text = logged(LogFormat::Text, level, story);
            ["ours, debug", "ours, trace", "theirs, info", "theirs, warn"].map(|message| text.contains(message))
        };
        assert_eq!(messages(LevelFilter::TRACE), [true, true, false, true]);
        assert_eq!(messages(LevelFilter::DEBUG), [true, false, false, true]);
        assert_eq!(messages(LevelFilter::INFO), [false, false, false, true]);
        assert_eq!(messages(LevelFilter::ERROR), [false, false, false, false]);
        assert_eq!(messages(LevelFilter::OFF), [false, false, false, false]);
    }
}
