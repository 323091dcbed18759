//! What no single setting can judge of itself: lengths, shapes and settings that contradict each other.

use std::collections::BTreeSet;

use url::{Host, Url};

use super::{ALGORITHMS, Create, Rules, Transform};

/// Longer lists and texts are a mistake or an attack.
const MOST: usize = 1_000;
const LONGEST: usize = 2_048;
const MOST_STEPS: usize = 16;

/// Attributes that a sign-in has no say in, with why. What a login may set of lifecycle is nothing at all.
const NOT_BY_CLAIM: [(&str, &str); 9] = [
    ("id", "the server's"),
    ("meta", "the server's"),
    ("schemas", "the server's"),
    ("groups", "derived; see the setting groups"),
    ("members", "an attribute of groups"),
    ("externalid", "the anchor; see the setting anchor"),
    ("active", "no business of a sign-in: push and administrators decide the lifecycle"),
    ("username", "set at creation; see the setting userName"),
    ("password", "never taken from a claim"),
];
/// Lists that a single text becomes an element of.
pub(super) const LISTS: [&str; 3] = ["emails", "phonenumbers", "photos"];
/// Lists with no such reading.
const OTHER_LISTS: [&str; 5] = ["addresses", "ims", "entitlements", "roles", "x509certificates"];

pub(super) fn whole(rules: &Rules) -> Result<(), String> {
    text("name", &rules.name, 100)?;
    sign_in(rules)?;
    if let Some(claim) = &rules.anchor.claim {
        text("anchor.claim", claim, 256)?;
    }
    if let Some(namespace) = &rules.anchor.namespace {
        text("anchor.namespace", namespace, 512)?;
        if namespace.starts_with("connection:") {
            return Err("anchor.namespace: names that begin with connection: are the server's".to_owned());
        }
    }
    texts("join.claims", &rules.join.claims, 256)?;
    texts("organizations", &rules.organizations, 256)?;
    texts("userName", &rules.user_name, 256)?;
    count("domains", rules.domains.len())?;
    if rules.restrict_to_domains && rules.domains.is_empty() {
        return Err("restrictToDomains: needs at least one of domains, or nobody could be created".to_owned());
    }
    if rules.defaults.group.is_some() && rules.defaults.organization.is_none() {
        return Err("default.group: needs default.organization, the one it is a team of".to_owned());
    }
    for (name, value) in
        [("default.organization", &rules.defaults.organization), ("default.group", &rules.defaults.group)]
    {
        if let Some(value) = value {
            text(name, value, 256)?;
        }
    }
    if !(1..=1_000_000).contains(&rules.hold.count) {
        return Err("hold.count: 1 to 1,000,000; a single deactivation is never delayed".to_owned());
    }
    if !(0..=100).contains(&rules.hold.percent) {
        return Err("hold.percent: 0 to 100".to_owned());
    }
    groups(rules)?;
    if let Some(claim) = &rules.roles.from {
        text("roles.from", claim, 256)?;
    }
    rules.roles.check()?;
    attributes(rules)
}

fn sign_in(rules: &Rules) -> Result<(), String> {
    texts("clientIds", &rules.client_ids, 512)?;
    texts("algs", &rules.algs, 16)?;
    if rules.algs.is_empty() {
        return Err("algs: name at least one, or nothing could be verified".to_owned());
    }
    if let Some(unknown) = rules.algs.iter().find(|alg| !ALGORITHMS.contains(&alg.as_str())) {
        return Err(format!("algs: {unknown:?} is not one of {}", ALGORITHMS.join(", ")));
    }
    if let Some(jwks) = &rules.jwks {
        let keys = jwks.get("keys").and_then(|keys| keys.as_array());
        if !keys.is_some_and(|keys| (1..=100).contains(&keys.len()) && keys.iter().all(|key| key.is_object())) {
            return Err("jwks: a JWK Set is {\"keys\": […]} with 1 to 100 keys".to_owned());
        }
        if rules.jwks_uri.is_some() {
            return Err("jwks and jwksUri: give one of them".to_owned());
        }
    }
    if let Some(uri) = &rules.jwks_uri {
        address("jwksUri", uri)?;
    }
    let Some(issuer) = &rules.issuer else {
        if rules.jwks.is_some() || rules.jwks_uri.is_some() || !rules.client_ids.is_empty() {
            return Err("issuer: is missing beside the other sign-in settings".to_owned());
        }
        return Ok(());
    };
    if issuer.contains(['{', '}']) {
        return Err("issuer: a template is not an issuer; put the directory's own id into it".to_owned());
    }
    address("issuer", issuer)?;
    if rules.client_ids.is_empty() {
        return Err("clientIds: name at least one audience, or a token for any application would do".to_owned());
    }
    Ok(())
}

fn groups(rules: &Rules) -> Result<(), String> {
    let groups = &rules.groups;
    texts("groups.claim", &groups.claim, 256)?;
    if groups.claim.is_empty() {
        return Err("groups.claim: name at least one".to_owned());
    }
    if groups.create == Create::Pattern && groups.scope.pattern.is_none() {
        return Err("groups.create: \"pattern\" needs groups.scope.pattern".to_owned());
    }
    if groups.create_cap > 1_000 {
        return Err("groups.createCap: at most 1000".to_owned());
    }
    steps("groups.transform", &groups.transform)?;
    count("groups.table", groups.table.len())?;
    for (value, group) in &groups.table {
        text("groups.table", value, 256)?;
        text("groups.table", group, 256)?;
    }
    Ok(())
}

fn attributes(rules: &Rules) -> Result<(), String> {
    count("attributes", rules.attributes.len())?;
    let mut mapped = BTreeSet::new();
    for rule in &rules.attributes {
        text("attributes.to", &rule.to, 256)?;
        texts("attributes.from", &rule.from, 256)?;
        if rule.from.is_empty() {
            return Err(format!("attributes: {} has no claim to come from", rule.to));
        }
        steps("attributes.transform", &rule.transform)?;
        let to = rule.to.to_ascii_lowercase();
        if !mapped.insert(to.clone()) {
            return Err(format!("attributes: {} is mapped twice; one rule may name several claims", rule.to));
        }
        let top = if to.starts_with("urn:") { to.as_str() } else { to.split('.').next().unwrap_or_default() };
        if let Some((_, why)) = NOT_BY_CLAIM.iter().find(|(name, _)| *name == top) {
            return Err(format!("attributes: {} cannot be mapped, it is {why}", rule.to));
        }
        if OTHER_LISTS.contains(&top) || (LISTS.contains(&top) && top != to) {
            return Err(format!(
                "attributes: {} cannot be mapped; of the lists, emails, phoneNumbers and photos can, each as a whole",
                rule.to
            ));
        }
        if !is_cell(&rule.to) {
            return Err(format!(
                "attributes: {:?} is not an attribute such as title, name.givenName or urn:…:User:department",
                rule.to
            ));
        }
    }
    Ok(())
}

/// RFC 7643 §2.1 names, one dot at most, with or without a schema's URN before them.
fn is_cell(to: &str) -> bool {
    let path = match to.rsplit_once(':') {
        Some((urn, path)) if urn.to_ascii_lowercase().starts_with("urn:") => path,
        Some(_) => return false,
        None => to,
    };
    let name = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'$'))
    };
    path.split('.').count() <= 2 && path.split('.').all(name)
}

/// An absolute address without credentials or fragment, https or (for a provider on this machine) http to loopback.
/// Which hosts are spoken to in the end is the outgoing client's to say: it depends on the server.
fn address(setting: &str, uri: &str) -> Result<(), String> {
    text(setting, uri, LONGEST)?;
    let refused = || Err(format!("{setting}: {uri:?} is not an https address without credentials, query or fragment"));
    let Ok(url) = Url::parse(uri) else { return refused() };
    let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    let query = setting == "issuer" && url.query().is_some();
    let safe = match url.host() {
        Some(Host::Domain(name)) => url.scheme() == "https" || (url.scheme() == "http" && name == "localhost"),
        Some(Host::Ipv4(ip)) => url.scheme() == "https" || (url.scheme() == "http" && ip.is_loopback()),
        Some(Host::Ipv6(ip)) => url.scheme() == "https" || (url.scheme() == "http" && ip.is_loopback()),
        None => false,
    };
    if !safe || !plain || query {
        return refused();
    }
    Ok(())
}

fn text(setting: &str, value: &str, longest: usize) -> Result<(), String> {
    if value.is_empty() || value.len() > longest || value.chars().any(char::is_control) || value.trim() != value {
        return Err(format!("{setting}: 1 to {longest} bytes, without control characters or blanks at the ends"));
    }
    Ok(())
}

fn texts(setting: &str, values: &[String], longest: usize) -> Result<(), String> {
    count(setting, values.len())?;
    values.iter().try_for_each(|value| text(setting, value, longest))
}

fn steps(setting: &str, steps: &[Transform]) -> Result<(), String> {
    if steps.len() > MOST_STEPS {
        return Err(format!("{setting}: at most {MOST_STEPS} steps"));
    }
    steps.iter().try_for_each(|step| step.check().map_err(|error| format!("{setting}: {error}")))
}

fn count(setting: &str, count: usize) -> Result<(), String> {
    if count > MOST {
        return Err(format!("{setting}: at most {MOST}"));
    }
    Ok(())
}
