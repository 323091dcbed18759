//! The keys of a connection's provider: from its settings, by address, or by discovery; fetched rarely, shared, kept.
//!
//! A set is fresh for ten minutes. A token that names an unknown key asks for a new one, but nobody makes this server
//! fetch from one place more than once a minute, whether that succeeds or not, and whoever asks meanwhile waits for the
//! one fetch that runs. If a fetch fails, the last set serves for a day. Whoever's key is known never waits for a
//! stranger's. Sets are kept by connection and address: two connections never share one.

use std::sync::{Arc, PoisonError, RwLock};

use moka::future::Cache;
use serde_json::Value;

use super::egress::{Egress, EgressError};
use super::key::KeySet;
use crate::clock::Clock;

const FRESH: i64 = 10 * 60_000;
const STALE: i64 = 24 * 3_600_000;
/// Between two fetches from one place.
const PAUSE: i64 = 60_000;
const LARGEST: usize = 256 * 1024;
const MOST_SETS: u64 = 10_000;

/// Where a connection's keys are.
#[derive(Clone, Debug, PartialEq)]
pub enum KeySource {
    /// The JWK Set itself.
    Inline(Value),
    Url(String),
    /// Where the discovery document of this issuer says (OpenID Connect Discovery §4).
    Discovery(String),
}

impl KeySource {
    /// From a connection's settings: the set, else its address, else the issuer.
    /// What a fetched set is kept under; inline keys are not kept.
    fn address(&self) -> Option<String> {
        match self {
            Self::Inline(_) => None,
            Self::Url(uri) => Some(format!("url {uri}")),
            Self::Discovery(issuer) => Some(format!("issuer {issuer}")),
        }
    }

    pub fn of(jwks: Option<&Value>, jwks_uri: Option<&str>, issuer: &str) -> Self {
        match (jwks, jwks_uri) {
            (Some(set), _) => Self::Inline(set.clone()),
            (None, Some(uri)) => Self::Url(uri.to_owned()),
            (None, None) => Self::Discovery(issuer.to_owned()),
        }
    }
}

/// Why there are no keys to verify with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeysError {
    #[error("the connection's jwks setting is not a JWK Set of at most 100 keys")]
    Settings,
    #[error("the keys of the identity provider could not be fetched: {0}")]
    Fetch(#[from] EgressError),
    #[error("the discovery document is another issuer's")]
    Issuer,
}

/// The key sets of all connections. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Jwks {
    egress: Egress,
    clock: Clock,
    places: Cache<(String, String), Arc<Place>>,
}

#[derive(Debug, Default)]
struct Place {
    held: RwLock<Held>,
    flight: tokio::sync::Mutex<()>,
}

#[derive(Clone, Debug, Default)]
struct Held {
    set: Option<(Arc<KeySet>, i64)>,
    attempt: Option<(Result<(), KeysError>, i64)>,
}

impl Jwks {
    pub fn new(egress: Egress, clock: Clock) -> Self {
        Self { egress, clock, places: Cache::new(MOST_SETS) }
    }

    /// The keys to verify a token with that names `kid`. That key need not be among them: then the token is no good.
    pub async fn keys(
        &self,
        connection: &str,
        source: &KeySource,
        kid: Option<&str>,
    ) -> Result<Arc<KeySet>, KeysError> {
        if let KeySource::Inline(set) = source {
            return KeySet::read(set).map(Arc::new).ok_or(KeysError::Settings);
        }
        let Some(address) = source.address() else { return Err(KeysError::Settings) };
        let place = self.places.get_with((connection.to_owned(), address), async { Arc::default() }).await;
        if let Some(answer) = place.answer(kid, self.clock.now()) {
            return answer;
        }
        // In a task of its own: a caller who gives up must not leave a fetch that counts and brings nothing.
        let (this, source, kid) = (self.clone(), source.clone(), kid.map(str::to_owned));
        let refreshed = tokio::spawn(async move { this.refreshed(&place, &source, kid.as_deref()).await });
        refreshed.await.unwrap_or(Err(KeysError::Fetch(EgressError::Unreachable)))
    }

    /// When the keys of this source were last fetched, if this process holds them.
    pub async fn fetched_at(&self, connection: &str, source: &KeySource) -> Option<i64> {
        let place = self.places.get(&(connection.to_owned(), source.address()?)).await?;
        let held = place.held.read().unwrap_or_else(PoisonError::into_inner);
        held.set.as_ref().map(|(_, at)| *at)
    }

    async fn refreshed(&self, place: &Place, source: &KeySource, kid: Option<&str>) -> Result<Arc<KeySet>, KeysError> {
        let _one_at_a_time = place.flight.lock().await;
        if let Some(answer) = place.answer(kid, self.clock.now()) {
            return answer;
        }
        let fetched = self.fetch(source).await;
        let now = self.clock.now();
        {
            let mut held = place.held.write().unwrap_or_else(PoisonError::into_inner);
            held.attempt = Some((fetched.as_ref().map(drop).map_err(|e| *e), now));
            if let Ok(set) = fetched {
                held.set = Some((Arc::new(set), now));
            }
        }
        place.answer(kid, now).unwrap_or(Err(KeysError::Fetch(EgressError::Unreachable)))
    }

    async fn fetch(&self, source: &KeySource) -> Result<KeySet, KeysError> {
        let uri = match source {
            KeySource::Inline(set) => return KeySet::read(set).ok_or(KeysError::Settings),
            KeySource::Url(uri) => uri.clone(),
            KeySource::Discovery(issuer) => self.discover(issuer).await?,
        };
        let body = self.egress.fetch(&uri, LARGEST).await?;
        let set = serde_json::from_slice(&body).ok().and_then(|set| KeySet::read(&set));
        set.ok_or(KeysError::Fetch(EgressError::Form))
    }

    /// OpenID Connect Discovery §4.1 (a slash at the end of the issuer goes) and §4.3: the document's issuer must be
    /// the one that was asked for, byte for byte, or any document could speak for any issuer.
    async fn discover(&self, issuer: &str) -> Result<String, KeysError> {
        let address = format!("{}/.well-known/openid-configuration", issuer.strip_suffix('/').unwrap_or(issuer));
        let body = self.egress.fetch(&address, LARGEST).await?;
        let document: Value = serde_json::from_slice(&body).map_err(|_| KeysError::Fetch(EgressError::Form))?;
        if document.get("issuer").and_then(Value::as_str) != Some(issuer) {
            return Err(KeysError::Issuer);
        }
        let uri = document.get("jwks_uri").and_then(Value::as_str);
        uri.map(str::to_owned).ok_or(KeysError::Fetch(EgressError::Form))
    }
}

impl Place {
    /// What can be answered at `now` without fetching; `None`: a fetch is due.
    fn answer(&self, kid: Option<&str>, now: i64) -> Option<Result<Arc<KeySet>, KeysError>> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        // A clock that was put back makes everything old, not everything fresh for ever.
        let within = |since: i64, span: i64| (0..span).contains(&(now - since));
        if let Some((set, at)) = &held.set
            && within(*at, FRESH)
            && set.knows(kid)
        {
            return Some(Ok(set.clone()));
        }
        let (outcome, at) = held.attempt.as_ref()?;
        if !within(*at, PAUSE) {
            return None;
        }
        match (&held.set, outcome) {
            (Some((set, at)), _) if within(*at, STALE) => Some(Ok(set.clone())),
            (_, Err(error)) => Some(Err(*error)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use axum::Router;
    use axum::extract::State;
    use axum::http::StatusCode;
    use axum::routing::get;
    use serde_json::json;

    use super::*;
    use crate::auth::egress::EgressPolicy;

    /// A provider that answers what a test tells it to and counts who asks.
    #[derive(Clone, Default)]
    struct Provider {
        set: Arc<Mutex<Option<Value>>>,
        document: Arc<Mutex<Value>>,
        asked: Arc<AtomicUsize>,
        base: String,
    }

    impl Provider {
        async fn start() -> Self {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let base = format!("http://{}", listener.local_addr().unwrap());
            let provider = Self { base, ..Self::default() };
            let app = Router::new()
                .route("/jwks", get(Self::answer))
                .route(
                    "/realm/.well-known/openid-configuration",
                    get(|State(provider): State<Self>| async move { provider.document.lock().unwrap().to_string() }),
                )
                .with_state(provider.clone());
            tokio::spawn(async move { axum::serve(listener, app).await });
            provider
        }

        async fn answer(State(provider): State<Self>) -> Result<String, StatusCode> {
            provider.asked.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(20)).await;
            let set = provider.set.lock().unwrap().clone();
            set.map(|set| set.to_string()).ok_or(StatusCode::BAD_GATEWAY)
        }

        fn has(&self, kids: &[&str]) {
            let x = "A".repeat(43);
            let keys: Vec<Value> =
                kids.iter().map(|kid| json!({"kty": "OKP", "crv": "Ed25519", "x": x, "kid": kid})).collect();
            *self.set.lock().unwrap() = Some(json!({"keys": keys}));
        }

        fn is_down(&self) {
            *self.set.lock().unwrap() = None;
        }

        fn asked(&self) -> usize {
            self.asked.load(Ordering::SeqCst)
        }

        fn source(&self) -> KeySource {
            KeySource::Url(format!("{}/jwks", self.base))
        }
    }

    fn jwks(clock: &Clock) -> Jwks {
        let policy = EgressPolicy { allow_loopback_http: true, ..EgressPolicy::default() };
        Jwks::new(Egress::new(policy), clock.clone())
    }

    async fn knows(jwks: &Jwks, source: &KeySource, kid: &str) -> Result<bool, KeysError> {
        jwks.keys("k", source, Some(kid)).await.map(|set| set.knows(Some(kid)))
    }

    #[tokio::test]
    async fn a_known_key_is_fetched_once_in_ten_minutes() {
        let (provider, clock) = (Provider::start().await, Clock::fixed(1_000_000));
        let jwks = jwks(&clock);
        provider.has(&["a"]);
        for (later, fetches) in [(0, 1), (1, 1), (FRESH - 2, 1), (1, 2), (PAUSE, 2)] {
            clock.advance(later);
            assert_eq!(knows(&jwks, &provider.source(), "a").await, Ok(true));
            assert_eq!(provider.asked(), fetches, "after {later} ms more");
        }
    }

    #[tokio::test]
    async fn an_unknown_key_is_asked_for_once_a_minute_and_found_after_a_rotation() {
        let (provider, clock) = (Provider::start().await, Clock::fixed(1_000_000));
        let (jwks, source) = (jwks(&clock), provider.source());
        provider.has(&["a"]);
        for n in 0..50 {
            assert_eq!(knows(&jwks, &source, &format!("random-{n}")).await, Ok(false));
        }
        assert_eq!(provider.asked(), 1);
        provider.has(&["a", "b"]);
        clock.advance(PAUSE - 1);
        assert_eq!(knows(&jwks, &source, "b").await, Ok(false));
        clock.advance(1);
        assert_eq!(knows(&jwks, &source, "b").await, Ok(true));
        assert_eq!(provider.asked(), 2);
    }

    #[tokio::test]
    async fn many_at_once_are_one_fetch() {
        let (provider, clock) = (Provider::start().await, Clock::fixed(1_000_000));
        let (jwks, source) = (jwks(&clock), provider.source());
        provider.has(&["a"]);
        let callers = (0..50).map(|_| knows(&jwks, &source, "a"));
        assert!(futures_util::future::join_all(callers).await.iter().all(|found| *found == Ok(true)));
        assert_eq!(provider.asked(), 1);
    }

    #[tokio::test]
    async fn a_caller_who_gives_up_neither_stops_the_fetch_nor_starts_another() {
        let (provider, clock) = (Provider::start().await, Clock::fixed(1_000_000));
        let (jwks, source) = (jwks(&clock), provider.source());
        provider.has(&["a"]);
        let gone = tokio::time::timeout(Duration::from_millis(2), knows(&jwks, &source, "a")).await;
        assert!(gone.is_err());
        assert_eq!(knows(&jwks, &source, "a").await, Ok(true));
        assert_eq!(provider.asked(), 1);
    }

    #[tokio::test]
    async fn the_last_set_serves_for_a_day_while_the_provider_is_down() {
        let (provider, clock) = (Provider::start().await, Clock::fixed(1_000_000));
        let (jwks, source) = (jwks(&clock), provider.source());
        provider.has(&["a"]);
        assert_eq!(knows(&jwks, &source, "a").await, Ok(true));
        provider.is_down();
        clock.advance(STALE - 1);
        assert_eq!(knows(&jwks, &source, "a").await, Ok(true));
        assert_eq!(knows(&jwks, &source, "a").await, Ok(true));
        assert_eq!(provider.asked(), 2, "a failure is remembered");
        clock.advance(1);
        assert_eq!(knows(&jwks, &source, "a").await, Err(KeysError::Fetch(EgressError::Status)));
        clock.advance(PAUSE);
        provider.has(&["a"]);
        assert_eq!(knows(&jwks, &source, "a").await, Ok(true));
    }

    #[tokio::test]
    async fn a_failure_is_remembered_for_a_minute() {
        let (provider, clock) = (Provider::start().await, Clock::fixed(1_000_000));
        let (jwks, source) = (jwks(&clock), provider.source());
        for (later, fetches) in [(0, 1), (PAUSE - 1, 1), (1, 2)] {
            clock.advance(later);
            assert!(knows(&jwks, &source, "a").await.is_err());
            assert_eq!(provider.asked(), fetches);
        }
    }

    #[tokio::test]
    async fn a_clock_that_is_put_back_does_not_freeze_the_keys() {
        let (provider, clock) = (Provider::start().await, Clock::fixed(1_000_000_000));
        let (jwks, source) = (jwks(&clock), provider.source());
        provider.has(&["a"]);
        assert_eq!(knows(&jwks, &source, "a").await, Ok(true));
        clock.set(1_000_000);
        provider.has(&["b"]);
        assert_eq!(knows(&jwks, &source, "b").await, Ok(true));
    }

    #[tokio::test]
    async fn two_connections_never_share_a_set() {
        let (provider, clock) = (Provider::start().await, Clock::fixed(1_000_000));
        let jwks = jwks(&clock);
        provider.has(&["a"]);
        for connection in ["k", "l"] {
            assert!(jwks.keys(connection, &provider.source(), None).await.is_ok());
        }
        assert_eq!(provider.asked(), 2);
    }

    #[tokio::test]
    async fn discovery() {
        let provider = Provider::start().await;
        provider.has(&["a"]);
        let (base, issuer) = (&provider.base, format!("{}/realm", provider.base));
        let with_slash = format!("{issuer}/");
        let table = [
            (&issuer, json!({"issuer": issuer, "jwks_uri": format!("{base}/jwks")}), Ok(true)),
            (&with_slash, json!({"issuer": with_slash, "jwks_uri": format!("{base}/jwks")}), Ok(true)),
            (&issuer, json!({"issuer": with_slash, "jwks_uri": format!("{base}/jwks")}), Err(KeysError::Issuer)),
            (
                &issuer,
                json!({"issuer": issuer.to_uppercase(), "jwks_uri": format!("{base}/jwks")}),
                Err(KeysError::Issuer),
            ),
            (&issuer, json!({"jwks_uri": format!("{base}/jwks")}), Err(KeysError::Issuer)),
            (&issuer, json!({"issuer": issuer}), Err(KeysError::Fetch(EgressError::Form))),
            (&issuer, json!({"issuer": issuer, "jwks_uri": 7}), Err(KeysError::Fetch(EgressError::Form))),
            (
                &issuer,
                json!({"issuer": issuer, "jwks_uri": "https://169.254.169.254/"}),
                Err(KeysError::Fetch(EgressError::Forbidden)),
            ),
            (
                &issuer,
                json!({"issuer": issuer, "jwks_uri": "file:///etc/passwd"}),
                Err(KeysError::Fetch(EgressError::Url)),
            ),
            (
                &issuer,
                json!({"issuer": issuer, "jwks_uri": format!("{base}/realm/.well-known/openid-configuration")}),
                Err(KeysError::Fetch(EgressError::Form)),
            ),
        ];
        for (issuer, document, expected) in table {
            *provider.document.lock().unwrap() = document.clone();
            let source = KeySource::of(None, None, issuer);
            assert_eq!(knows(&jwks(&Clock::fixed(0)), &source, "a").await, expected, "{document}");
        }
    }

    #[tokio::test]
    async fn answers_that_are_too_large_or_no_set() {
        let provider = Provider::start().await;
        let table = [
            (json!({"keys": [], "pad": "x".repeat(LARGEST)}), EgressError::TooLarge),
            (json!({"keys": vec![json!({}); 101]}), EgressError::Form),
            (json!(["keys"]), EgressError::Form),
        ];
        for (set, error) in table {
            *provider.set.lock().unwrap() = Some(set);
            let read = knows(&jwks(&Clock::fixed(0)), &provider.source(), "a").await;
            assert_eq!(read, Err(KeysError::Fetch(error)));
        }
    }

    #[tokio::test]
    async fn settings_come_first() {
        let jwks = jwks(&Clock::fixed(0));
        let source =
            KeySource::of(Some(&json!({"keys": []})), Some("https://unused.example/"), "https://unused.example");
        assert!(jwks.keys("k", &source, Some("a")).await.is_ok_and(|set| set.is_empty()));
        let broken = KeySource::Inline(json!({}));
        assert_eq!(jwks.keys("k", &broken, None).await.map(drop), Err(KeysError::Settings));
    }
}
