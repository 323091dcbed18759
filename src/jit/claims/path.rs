//! Where in a token a claim is: by its whole name, by JSON pointer, or down a path of dots.

use serde_json::{Map, Value};

const DEEPEST: usize = 8;

/// A claim by the name a connection's settings give it. Names of claims may hold dots and slashes
/// (`https://acme.com/groups`), so the whole name goes first; then `/realm_access/roles` (RFC 6901); then
/// `realm_access.roles`.
///
/// ```
/// use rollkeeper::jit::claims::look_up;
/// let claims = serde_json::json!({"realm_access": {"roles": ["a"]}, "https://acme.com/team": "red"});
/// let claims = claims.as_object().unwrap();
/// assert_eq!(look_up(claims, "realm_access.roles").unwrap()[0], "a");
/// assert_eq!(look_up(claims, "/realm_access/roles").unwrap()[0], "a");
/// assert_eq!(look_up(claims, "https://acme.com/team").unwrap(), "red");
/// ```
pub fn look_up<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    if let Some(value) = claims.get(name) {
        return Some(value);
    }
    let steps = steps(name);
    if steps.len() > DEEPEST {
        return None;
    }
    let (first, rest) = steps.split_first()?;
    rest.iter().try_fold(claims.get(first)?, |value, step| value.as_object()?.get(step))
}

/// The claim of the first level through which a name that is not a whole one leads.
pub fn root(name: &str) -> Option<String> {
    steps(name).into_iter().next()
}

fn steps(name: &str) -> Vec<String> {
    match name.strip_prefix('/') {
        Some(pointer) => pointer.split('/').map(|step| step.replace("~1", "/").replace("~0", "~")).collect(),
        None => name.split('.').map(str::to_owned).collect(),
    }
}
