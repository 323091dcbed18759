//! The feed of what changed effectively: ordered, each committed change once.

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use serde::Serialize;
use serde_json::Value;

use crate::http::Site;
use crate::http::gate::Client;
use crate::http::refusal::Refusal;

const DEFAULT_LIMIT: i64 = 100;
const MAX_LIMIT: i64 = 1000;

#[derive(Serialize)]
pub struct Events {
    events: Vec<Value>,
    /// The cursor to ask with next, also when this page is empty.
    next: String,
    more: bool,
}

pub async fn list(State(site): State<Site>, client: Client, uri: Uri) -> Result<Json<Events>, Refusal> {
    let (after, limit) = page(uri.query().unwrap_or_default())?;
    let page = site.directory.events(&client.tenant.id, after.as_deref(), limit).await?;
    Ok(Json(Events { events: page.events, next: page.next, more: page.more }))
}

fn page(query: &str) -> Result<(Option<String>, i64), Refusal> {
    let (mut after, mut limit) = (None, DEFAULT_LIMIT);
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "after" => after = Some(value.into_owned()).filter(|cursor| !cursor.is_empty()),
            "limit" => {
                let number: i64 = value.parse().map_err(|_| Refusal::invalid("limit is an integer"))?;
                limit = number.clamp(1, MAX_LIMIT);
            }
            _ => {}
        }
    }
    Ok((after, limit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages() {
        for (query, after, limit) in
            [("", None, 100), ("after=&limit=0", None, 1), ("after=a%3Db&limit=5000", Some("a=b"), 1000)]
        {
            assert_eq!(page(query).unwrap(), (after.map(str::to_owned), limit), "{query}");
        }
        assert!(page("limit=many").is_err());
    }
}
