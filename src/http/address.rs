//! What a path means before it is routed, and what is said of a path that leads nowhere.
//!
//! IdPs are configured by people: a base URL with a slash too many, without `/v2`, with `/users` in lower case must
//! work. So paths are brought to their one spelling first, and the route table stays exact.

use axum::extract::Request;
use axum::http::uri::{PathAndQuery, Uri};

use super::refusal::Refusal;
use crate::scim;

/// The newest version, which a path without one means (RFC 7644 §3.13).
const VERSION: &str = "v2";

/// The words that may follow the version, in their right spelling.
const COLLECTIONS: [&str; 9] =
    ["Users", "Groups", "Organizations", "ServiceProviderConfig", "ResourceTypes", "Schemas", "Me", "Bulk", ".search"];

/// Rewrites a request's path to its one spelling.
pub fn straighten<B>(mut request: Request<B>) -> Request<B> {
    if let Some(path) = straight(request.uri().path()) {
        let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
        let mut parts = request.uri().clone().into_parts();
        parts.path_and_query = PathAndQuery::try_from(format!("{path}{query}")).ok();
        if let Ok(uri) = Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
    }
    request
}

/// The one spelling of a path, if it is another: one trailing slash less; in `/t/{tenant}/scim/…` the version put
/// in and the collection spelt as in its resource type.
fn straight(path: &str) -> Option<String> {
    let trimmed = path.strip_suffix('/').filter(|rest| !rest.is_empty()).unwrap_or(path);
    let mut segments: Vec<&str> = trimmed.split('/').collect();
    if let ["", "t", _, "scim", rest @ ..] = segments.as_slice() {
        match rest.first() {
            Some(first) if first.eq_ignore_ascii_case(VERSION) => segments[4] = VERSION,
            Some(first) if is_version(first) => {}
            _ => segments.insert(4, VERSION),
        }
        if let Some(collection) = segments.get_mut(5)
            && let Some(spelling) = COLLECTIONS.iter().find(|known| known.eq_ignore_ascii_case(collection))
        {
            *collection = spelling;
        }
    }
    let straight = segments.join("/");
    (straight != path).then_some(straight)
}

/// RFC 7644 §3.13: "v" and a number.
fn is_version(segment: &str) -> bool {
    segment
        .strip_prefix(['v', 'V'])
        .is_some_and(|number| !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit()))
}

/// Why a straightened path is not in the route table.
pub fn unrouted(path: &str) -> Refusal {
    let segments: Vec<&str> = path.split('/').collect();
    match segments.as_slice() {
        ["", "t", _, "scim", version, ..] if is_version(version) && *version != VERSION => scim::Error::new(
            400,
            Some(scim::ScimType::InvalidVers),
            format!("this server speaks SCIM {VERSION}, not {version}"),
        )
        .into(),
        _ => Refusal::not_found("there is nothing at this path"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_have_one_spelling() {
        for (path, expected) in [
            ("/t/acme/scim/v2/Users", None),
            ("/t/acme/scim/v2/Users/42", None),
            ("/t/acme/scim/v2/users", Some("/t/acme/scim/v2/Users")),
            ("/t/acme/scim/v2/Users/", Some("/t/acme/scim/v2/Users")),
            ("/t/acme/scim/v2/Users//", Some("/t/acme/scim/v2/Users/")),
            ("/t/acme/scim/V2/GROUPS/a-Users/", Some("/t/acme/scim/v2/Groups/a-Users")),
            ("/t/acme/scim/Users", Some("/t/acme/scim/v2/Users")),
            ("/t/acme/scim/users/.search", Some("/t/acme/scim/v2/Users/.search")),
            ("/t/acme/scim", Some("/t/acme/scim/v2")),
            ("/t/acme/scim/v9/users", Some("/t/acme/scim/v9/Users")),
            ("/t/acme/scim/v2/serviceproviderconfig", Some("/t/acme/scim/v2/ServiceProviderConfig")),
            ("/t/acme/admin/v1/Tokens", None),
            ("/t/acme/admin/v1/tokens/", Some("/t/acme/admin/v1/tokens")),
            ("/t/scim/jit/v1/users", None),
            ("/", None),
            ("/healthz/", Some("/healthz")),
        ] {
            assert_eq!(straight(path).as_deref(), expected, "{path}");
        }
    }

    #[test]
    fn the_query_stays() {
        let request = Request::builder().uri("http://h/t/acme/scim/users/?filter=a+b&x=%22").body(()).unwrap();
        assert_eq!(straighten(request).uri(), "http://h/t/acme/scim/v2/Users?filter=a+b&x=%22");
    }

    #[test]
    fn a_path_that_leads_nowhere_says_why() {
        for (path, status, scim_type) in [
            ("/t/acme/scim/v9/Users", 400, Some(scim::ScimType::InvalidVers)),
            ("/t/acme/scim/v2/Me/emails", 404, None),
            ("/t/acme/scim/v2/Robots", 404, None),
            ("/t/acme/scim/vx/Users", 404, None),
            ("/favicon.ico", 404, None),
        ] {
            let refusal = unrouted(path);
            assert_eq!((refusal.status.as_u16(), refusal.scim_type), (status, scim_type), "{path}");
        }
    }
}
