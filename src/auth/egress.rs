//! The one client that speaks to the outside: every address that a tenant's settings or a provider's documents lead to
//! is fetched through here, and nowhere else.
//!
//! https only, to port 443, to public addresses: the name is resolved, the answers are judged, and exactly those that
//! passed are connected to, so that no second look-up can lead elsewhere. No redirects, no proxies from the
//! environment, no more than a few KiB, no longer than a few seconds. What went wrong is told in a word: the answer of
//! something inside must not reach whoever configured the address.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client, StatusCode, redirect};
use url::{Host, Url};

use super::address::{is_loopback, is_public};

const TOTAL: Duration = Duration::from_secs(5);
const CONNECT: Duration = Duration::from_secs(3);
const LONGEST_URL: usize = 2_048;

/// What this server may connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EgressPolicy {
    /// Also http to this machine, on any port: for tests and the demo, whose identity providers run beside it.
    pub allow_loopback_http: bool,
    pub ports: Vec<u16>,
}

impl Default for EgressPolicy {
    fn default() -> Self {
        Self { allow_loopback_http: false, ports: vec![443] }
    }
}

/// Why nothing was fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EgressError {
    #[error("the address is not an https URL that this server may fetch")]
    Url,
    #[error("the address leads to a host or port that this server does not connect to")]
    Forbidden,
    #[error("the host did not answer in time")]
    Timeout,
    #[error("the host could not be reached over TLS")]
    Unreachable,
    #[error("the host answered with a redirect, which is not followed")]
    Redirect,
    #[error("the host did not answer with 200")]
    Status,
    #[error("the answer is larger than allowed")]
    TooLarge,
    #[error("the answer is not JSON of the expected form")]
    Form,
    #[error("this server has no certificate authorities to trust: install the ca-certificates package")]
    NoTrust,
}

/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct Egress {
    policy: Arc<EgressPolicy>,
    /// Absent where the machine has no certificate authorities; a server that needs none still starts.
    public: Option<Client>,
    loopback: Option<Client>,
}

impl Egress {
    pub fn new(policy: EgressPolicy) -> Self {
        let public = client(Reach::Public).https_only(true).build().ok();
        let loopback = policy.allow_loopback_http.then(|| client(Reach::Loopback).build().ok()).flatten();
        Self { policy: Arc::new(policy), public, loopback }
    }

    /// The body at `url`, at most `limit` bytes of it.
    pub async fn fetch(&self, url: &str, limit: usize) -> Result<Vec<u8>, EgressError> {
        let (url, reach) = self.judge(url)?;
        let client = match reach {
            Reach::Public => &self.public,
            Reach::Loopback => &self.loopback,
        };
        let client = client.as_ref().ok_or(EgressError::NoTrust)?;
        let request = client.get(url).header(http::header::ACCEPT, "application/json");
        let mut response = request.send().await.map_err(|e| failure(&e))?;
        if response.status().is_redirection() {
            return Err(EgressError::Redirect);
        }
        if response.status() != StatusCode::OK {
            return Err(EgressError::Status);
        }
        // What the header promises is only a reason to refuse early: the bytes are counted as they come.
        if response.content_length().is_some_and(|length| length > limit as u64) {
            return Err(EgressError::TooLarge);
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| failure(&e))? {
            if body.len() + chunk.len() > limit {
                return Err(EgressError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    /// Judges everything that can be known before a name is resolved. `Url` has already turned decimal, octal and
    /// hexadecimal hosts into the IPv4 addresses that they are.
    fn judge(&self, url: &str) -> Result<(Url, Reach), EgressError> {
        if url.len() > LONGEST_URL {
            return Err(EgressError::Url);
        }
        let url = Url::parse(url).map_err(|_| EgressError::Url)?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(EgressError::Url);
        }
        let literal = match url.host().ok_or(EgressError::Url)? {
            Host::Domain(_) => None,
            Host::Ipv4(v4) => Some(IpAddr::V4(v4)),
            Host::Ipv6(v6) => Some(IpAddr::V6(v6)),
        };
        match url.scheme() {
            "https" => {
                let port = url.port_or_known_default().ok_or(EgressError::Url)?;
                if !self.policy.ports.contains(&port) || literal.is_some_and(|address| !is_public(address)) {
                    return Err(EgressError::Forbidden);
                }
                Ok((url, Reach::Public))
            }
            "http" if self.policy.allow_loopback_http => {
                let here = literal.map_or(url.host_str() == Some("localhost"), is_loopback);
                if here { Ok((url, Reach::Loopback)) } else { Err(EgressError::Forbidden) }
            }
            _ => Err(EgressError::Url),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    Public,
    Loopback,
}

impl Reach {
    fn permits(self, address: IpAddr) -> bool {
        match self {
            Self::Public => is_public(address),
            Self::Loopback => is_loopback(address),
        }
    }
}

fn client(reach: Reach) -> reqwest::ClientBuilder {
    Client::builder()
        .user_agent(concat!("rollkeeper/", env!("CARGO_PKG_VERSION")))
        .timeout(TOTAL)
        .connect_timeout(CONNECT)
        .redirect(redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .referer(false)
        // Fetches are minutes apart; a connection kept open would outlive the judgement of its address.
        .pool_max_idle_per_host(0)
        .dns_resolver(Judging(reach))
}

/// Resolves as the system does and lets through only what may be connected to.
struct Judging(Reach);

impl Resolve for Judging {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> = found.filter(|address| reach.permits(address.ip())).collect();
            if allowed.is_empty() {
                return Err(EgressError::Forbidden.into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

fn failure(error: &reqwest::Error) -> EgressError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(own) = error.downcast_ref::<EgressError>() {
            return *own;
        }
        cause = error.source();
    }
    if error.is_timeout() { EgressError::Timeout } else { EgressError::Unreachable }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::http::{StatusCode, header};
    use axum::response::IntoResponse;
    use axum::routing::get;
    use proptest::prelude::*;

    use super::*;

    fn permissive() -> EgressPolicy {
        EgressPolicy { allow_loopback_http: true, ..EgressPolicy::default() }
    }

    #[test]
    fn urls() {
        use EgressError::{Forbidden, Url};
        let (strict, demo) = (Egress::new(EgressPolicy::default()), Egress::new(permissive()));
        let ok = Ok(());
        let table = [
            ("https://acme.okta.com/oauth2/v1/keys", ok, ok),
            ("https://acme.okta.com:443/", ok, ok),
            ("https://1.1.1.1/", ok, ok),
            ("https://acme.okta.com:8443/", Err(Forbidden), Err(Forbidden)),
            ("https://acme.okta.com:80/", Err(Forbidden), Err(Forbidden)),
            ("https://127.0.0.1/", Err(Forbidden), Err(Forbidden)),
            ("https://[::1]/", Err(Forbidden), Err(Forbidden)),
            ("https://[::ffff:127.0.0.1]/", Err(Forbidden), Err(Forbidden)),
            ("https://[64:ff9b::a9fe:a9fe]/", Err(Forbidden), Err(Forbidden)),
            ("https://169.254.169.254/latest/meta-data/", Err(Forbidden), Err(Forbidden)),
            ("https://2852039166/latest/meta-data/", Err(Forbidden), Err(Forbidden)),
            ("https://2130706433/", Err(Forbidden), Err(Forbidden)),
            ("https://0x7f000001/", Err(Forbidden), Err(Forbidden)),
            ("https://0x7f.1/", Err(Forbidden), Err(Forbidden)),
            ("https://0177.0.0.1/", Err(Forbidden), Err(Forbidden)),
            ("https://127.1/", Err(Forbidden), Err(Forbidden)),
            ("https://①②⑦.0.0.1/", Err(Forbidden), Err(Forbidden)),
            ("https://10.0.0.1/", Err(Forbidden), Err(Forbidden)),
            ("https://user@acme.okta.com/", Err(Url), Err(Url)),
            ("https://user:secret@acme.okta.com/", Err(Url), Err(Url)),
            ("http://acme.okta.com/", Err(Url), Err(Forbidden)),
            ("http://localhost:8080/jwks", Err(Url), ok),
            ("http://127.0.0.1:8080/jwks", Err(Url), ok),
            ("http://[::1]:8080/jwks", Err(Url), ok),
            ("http://localhost.acme.com/", Err(Url), Err(Forbidden)),
            ("http://127.0.0.1.acme.com/", Err(Url), Err(Forbidden)),
            ("http://169.254.169.254/", Err(Url), Err(Forbidden)),
            ("http://0.0.0.0/", Err(Url), Err(Forbidden)),
            ("file:///etc/passwd", Err(Url), Err(Url)),
            ("ftp://acme.okta.com/", Err(Url), Err(Url)),
            ("gopher://127.0.0.1/", Err(Url), Err(Url)),
            ("data:application/json,{}", Err(Url), Err(Url)),
            ("//acme.okta.com/", Err(Url), Err(Url)),
            ("https://", Err(Url), Err(Url)),
            ("", Err(Url), Err(Url)),
        ];
        for (url, strictly, for_the_demo) in table {
            assert_eq!(strict.judge(url).map(drop), strictly, "{url}");
            assert_eq!(demo.judge(url).map(drop), for_the_demo, "{url}");
        }
        assert_eq!(strict.judge(&format!("https://a.example/{}", "x".repeat(LONGEST_URL))).map(drop), Err(Url));
    }

    /// Rebinding: the name was fine when it was configured and leads home now.
    #[tokio::test]
    async fn names_that_lead_to_this_machine_are_not_connected_to() {
        let egress = Egress::new(EgressPolicy { ports: vec![443, 8443], ..EgressPolicy::default() });
        if egress.public.is_none() {
            return assert_eq!(egress.fetch("https://localhost/", 10).await, Err(EgressError::NoTrust));
        }
        for url in ["https://localhost/", "https://localhost:8443/"] {
            assert_eq!(egress.fetch(url, 10).await, Err(EgressError::Forbidden), "{url}");
        }
    }

    async fn serve() -> String {
        let app = Router::new()
            .route("/ok", get(|| async { "12345" }))
            .route("/chunks", get(|| async { axum::body::Body::from_stream(futures_util::stream::iter(chunks())) }))
            .route("/moved", get(|| async { (StatusCode::FOUND, [(header::LOCATION, "http://169.254.169.254/")]) }))
            .route("/moved-here", get(|| async { (StatusCode::FOUND, [(header::LOCATION, "/ok")]) }))
            .route("/error", get(|| async { (StatusCode::INTERNAL_SERVER_ERROR, "secret").into_response() }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        base
    }

    fn chunks() -> Vec<Result<&'static str, std::io::Error>> {
        (0..100).map(|_| Ok("aaaa")).collect()
    }

    #[tokio::test]
    async fn answers() {
        let (base, egress) = (serve().await, Egress::new(permissive()));
        let table = [
            ("/ok", 5, Ok(b"12345".to_vec())),
            ("/ok", 4, Err(EgressError::TooLarge)),
            ("/chunks", 400, Ok("a".repeat(400).into_bytes())),
            ("/chunks", 399, Err(EgressError::TooLarge)),
            ("/moved", 100, Err(EgressError::Redirect)),
            ("/moved-here", 100, Err(EgressError::Redirect)),
            ("/error", 100, Err(EgressError::Status)),
            ("/none", 100, Err(EgressError::Status)),
        ];
        for (path, limit, expected) in table {
            assert_eq!(egress.fetch(&format!("{base}{path}"), limit).await, expected, "{path}");
        }
        assert_eq!(Egress::new(EgressPolicy::default()).fetch(&format!("{base}/ok"), 5).await, Err(EgressError::Url));
        assert_eq!(egress.fetch("http://127.0.0.1:1/", 5).await, Err(EgressError::Unreachable));
    }

    #[tokio::test]
    async fn nobody_is_waited_for_longer_than_the_limit() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        // Accepts and never answers.
        let held = tokio::spawn(async move { listener.accept().await });
        let mut egress = Egress::new(permissive());
        egress.loopback = client(Reach::Loopback).timeout(Duration::from_millis(50)).build().ok();
        assert_eq!(egress.fetch(&url, 5).await, Err(EgressError::Timeout));
        drop(held);
    }

    proptest! {
        #[test]
        fn any_text_is_judged(text in "\\PC{0,60}|https?://\\PC{0,60}") {
            let policy = Arc::new(EgressPolicy::default());
            let _ = Egress { policy, public: None, loopback: None }.judge(&text);
        }
    }
}
