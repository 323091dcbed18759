//! Who is calling, and whether this route is for them (RFC 7644 §2, RFC 6750).
//!
//! Runs in front of every route of the table, so no handler can forget to ask. A token that is missing, wrong,
//! expired or another tenant's is answered alike: 401 must not tell one from the other.

use std::sync::Arc;

use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{FromRequestParts, RawPathParams, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;

use super::Site;
use super::refusal::Refusal;
use super::routes::{Access, Route};
use crate::auth::token::{self, Scope, Token};
use crate::directory::{Caller, TenantInfo, TokenInfo, Voice};
use crate::scim::resource_type::Registry;

/// What the handlers of a route need to know of its line in the table.
#[derive(Clone, Debug)]
pub struct Gate {
    access: Access,
    pub kind: Option<&'static str>,
    pub body_limit: usize,
}

impl Gate {
    pub fn of(route: &Route) -> Self {
        Self { access: route.access, kind: route.kind, body_limit: route.body_limit }
    }
}

/// Who passed the gate.
#[derive(Clone, Debug)]
pub struct Client {
    pub tenant: TenantInfo,
    pub token: TokenInfo,
    pub caller: Caller,
    /// The schemas and types of the tenant.
    pub registry: Arc<Registry>,
}

pub async fn admit(
    State((site, gate)): State<(Site, Arc<Gate>)>,
    params: Result<RawPathParams, RawPathParamsRejection>,
    mut request: Request,
    next: Next,
) -> Result<Response, Refusal> {
    // What is not UTF-8 when decoded names nothing.
    let params = params.map_err(|_| Refusal::not_found("there is nothing at this path"))?;
    if let Access::Scopes(scopes) = gate.access {
        let tenant = params.iter().find(|(name, _)| *name == "tenant").map_or("", |(_, value)| value);
        let client = identify(&site, tenant, request.headers()).await?;
        site.limiter.admit(&client.token.id, site.directory.clock().now()).map_err(Refusal::too_often)?;
        if !scopes.contains(&client.token.scope) {
            return Err(insufficient_scope(scopes));
        }
        let span = tracing::Span::current();
        span.record("tenant.id", client.tenant.id.as_str()).record("token.id", client.token.id.as_str());
        request.extensions_mut().insert(client);
    }
    request.extensions_mut().insert(gate);
    Ok(next.run(request).await)
}

async fn identify(site: &Site, tenant: &str, headers: &HeaderMap) -> Result<Client, Refusal> {
    let Some(header) = headers.get(header::AUTHORIZATION) else { return Err(unauthorized(false)) };
    let refused = || unauthorized(true);
    let secret = header.to_str().ok().and_then(token::credentials).ok_or_else(refused)?;
    // The checksum spares the database a look-up for garbage.
    let token = Token::parse(secret).map_err(|_| refused())?;
    let known = site.directory.authenticate(&token.hash()).await?;
    let known = known.filter(|known| known.tenant.name == tenant).ok_or_else(refused)?;
    let caller =
        Caller { tenant: known.tenant.id.clone(), voice: voice(&known.token)?, token: Some(known.token.id.clone()) };
    Ok(Client { tenant: known.tenant, token: known.token, caller, registry: known.registry })
}

/// Whose words a token writes and whose view it reads.
fn voice(token: &TokenInfo) -> Result<Voice, Refusal> {
    match (token.scope, token.connections.as_slice()) {
        (Scope::Scim, [connection]) => Ok(Voice::Push { connection: connection.clone() }),
        (Scope::Scim, _) => Err(Refusal::forbidden("this token speaks for no connection: create it with one")),
        (Scope::Admin, _) => Ok(Voice::Administrator),
        (Scope::Me, _) => match &token.person {
            Some(id) => Ok(Voice::Person { id: id.clone() }),
            None => Err(Refusal::forbidden("this token is bound to nobody: create it with a user")),
        },
        _ => Ok(Voice::Reader),
    }
}

/// RFC 7235 §4.1, RFC 6750 §3: every 401 says how to authenticate, and whether a credential was seen.
fn unauthorized(given: bool) -> Refusal {
    let challenge = if given { r#"Bearer realm="scim", error="invalid_token""# } else { r#"Bearer realm="scim""# };
    Refusal::new(
        StatusCode::UNAUTHORIZED,
        "unauthorized",
        "send a valid token of this tenant: Authorization: Bearer rk_…",
    )
    .with(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
}

/// RFC 6750 §3.1.
fn insufficient_scope(scopes: &[Scope]) -> Refusal {
    let scopes = scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(", ");
    let challenge = HeaderValue::from_static(r#"Bearer realm="scim", error="insufficient_scope""#);
    Refusal::new(
        StatusCode::FORBIDDEN,
        "insufficient_scope",
        format!("this token's scope does not reach here; one of these does: {scopes}"),
    )
    .with(header::WWW_AUTHENTICATE, challenge)
}

impl FromRequestParts<Site> for Client {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &Site) -> Result<Self, Refusal> {
        parts.extensions.get::<Client>().cloned().ok_or_else(|| {
            tracing::error!("a handler that needs a caller is on a public route");
            Refusal::internal()
        })
    }
}
