//! The feed of effective changes: ordered, each committed change once, behind an opaque cursor.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::Value;

use crate::scim::{self, core};
use crate::store::feed;

use super::work::corrupt;
use super::{Directory, Result};

/// Committed events behind a cursor, oldest first.
#[derive(Debug)]
pub struct EventPage {
    pub events: Vec<Value>,
    /// Ask again with this; it stays where it was when nothing came.
    pub next: String,
    /// There is more already.
    pub more: bool,
}

impl Directory {
    /// Nothing ever appears behind a cursor that was given out, on either engine.
    pub async fn events(&self, tenant: &str, after: Option<&str>, limit: i64) -> Result<EventPage> {
        let (txn, position) = match after {
            Some(cursor) if !cursor.is_empty() => decode(cursor).ok_or_else(|| {
                scim::Error::invalid_value("after is no cursor of this feed: leave it out to start at the beginning")
            })?,
            _ => (-1, -1),
        };
        let mut tx = self.engine.read(tenant).await?;
        let mut rows = feed::after(&mut tx, txn, position, limit + 1).await?;
        let more = i64::try_from(rows.len()).unwrap_or(i64::MAX) > limit;
        rows.truncate(usize::try_from(limit).unwrap_or(0));
        let next = rows.last().map_or((txn, position), |row| (row.txn, row.position));
        let events = rows
            .into_iter()
            .map(|row| {
                let mut event: Value = serde_json::from_str(&row.body).map_err(|e| corrupt("event", e))?;
                if let Value::Object(event) = &mut event {
                    event.insert("at".to_owned(), core::instant(row.at).into());
                    event.insert("cursor".to_owned(), Value::String(encode(row.txn, row.position)));
                }
                Ok(event)
            })
            .collect::<Result<_>>()?;
        Ok(EventPage { events, next: encode(next.0, next.1), more })
    }

    /// The trace of a login, as kept.
    pub async fn decision(&self, tenant: &str, id: &str) -> Result<Option<Value>> {
        let mut tx = self.engine.read(tenant).await?;
        let trace = feed::decision(&mut tx, id).await?;
        trace.map(|text| serde_json::from_str(&text).map_err(|e| corrupt("decision", e))).transpose()
    }
}

fn encode(txn: i64, position: i64) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(format!("{txn}.{position}"))
}

fn decode(cursor: &str) -> Option<(i64, i64)> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let (txn, position) = std::str::from_utf8(&bytes).ok()?.split_once('.')?;
    Some((txn.parse().ok()?, position.parse().ok()?))
}
