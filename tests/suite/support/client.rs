//! A small fluent client that calls the server in process:
//! `acme.users().post(json!({"userName": "bjensen"})).await.status(201)`.

use std::future::{Future, IntoFuture};
use std::ops::Index;
use std::pin::Pin;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::contract;

/// Someone who calls: a tenant's path and perhaps a token.
#[derive(Clone)]
pub struct Client {
    router: Router,
    tenant: String,
    token: Option<String>,
}

impl Client {
    pub fn new(router: Router, tenant: &str, token: Option<&str>) -> Self {
        Self { router, tenant: tenant.to_owned(), token: token.map(str::to_owned) }
    }

    /// The same place, called by somebody else.
    pub fn with_token(&self, token: impl Into<Option<String>>) -> Self {
        Self { token: token.into(), ..self.clone() }
    }

    pub fn users(&self) -> Collection {
        self.scim("/Users")
    }
    pub fn groups(&self) -> Collection {
        self.scim("/Groups")
    }
    pub fn organizations(&self) -> Collection {
        self.scim("/Organizations")
    }
    /// Anything under `scim/v2`.
    pub fn scim(&self, path: &str) -> Collection {
        Collection { client: self.clone(), path: format!("/t/{}/scim/v2{path}", self.tenant) }
    }
    /// Anything under `admin/v1`.
    pub fn admin(&self, path: &str) -> Collection {
        Collection { client: self.clone(), path: format!("/t/{}/admin/v1{path}", self.tenant) }
    }
    pub fn logins(&self) -> Collection {
        Collection { client: self.clone(), path: format!("/t/{}/jit/v1/logins", self.tenant) }
    }

    /// Any method and absolute path.
    pub fn call(&self, method: Method, path: &str) -> Call {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static("roll.test"));
        if let Some(token) = &self.token {
            let value = HeaderValue::try_from(format!("Bearer {token}")).expect("a token is plain text");
            headers.insert(header::AUTHORIZATION, value);
        }
        Call { router: self.router.clone(), method, path: path.to_owned(), headers, body: Bytes::new() }
    }
}

/// An endpoint with resources below it.
pub struct Collection {
    client: Client,
    path: String,
}

impl Collection {
    /// `query` as it stands in a URL, without the question mark; may be empty.
    pub fn list(&self, query: &str) -> Call {
        self.call(Method::GET, &if query.is_empty() { String::new() } else { format!("?{query}") })
    }
    /// A list with this filter, encoded as a form.
    pub fn filter(&self, filter: &str) -> Call {
        let query: String = url::form_urlencoded::Serializer::new(String::new()).append_pair("filter", filter).finish();
        self.list(&query)
    }
    pub fn get(&self, id: &str) -> Call {
        self.call(Method::GET, &format!("/{id}"))
    }
    pub fn head(&self, id: &str) -> Call {
        self.call(Method::HEAD, &format!("/{id}"))
    }
    pub fn post(&self, body: Value) -> Call {
        self.call(Method::POST, "").json(body)
    }
    pub fn search(&self, body: Value) -> Call {
        self.call(Method::POST, "/.search").json(body)
    }
    pub fn put(&self, id: &str, body: Value) -> Call {
        self.call(Method::PUT, &format!("/{id}")).json(body)
    }
    /// The operations of a PatchOp.
    pub fn patch(&self, id: &str, operations: Value) -> Call {
        let schemas = ["urn:ietf:params:scim:api:messages:2.0:PatchOp"];
        self.call(Method::PATCH, &format!("/{id}")).json(json!({ "schemas": schemas, "Operations": operations }))
    }
    pub fn delete(&self, id: &str) -> Call {
        self.call(Method::DELETE, &format!("/{id}"))
    }
    /// Any method and rest of the path.
    pub fn call(&self, method: Method, rest: &str) -> Call {
        self.client.call(method, &format!("{}{rest}", self.path))
    }
}

/// A request in the making; `.await` sends it.
pub struct Call {
    router: Router,
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Bytes,
}

impl Call {
    pub fn query(mut self, query: &str) -> Self {
        self.path = format!("{}{}{query}", self.path, if self.path.contains('?') { '&' } else { '?' });
        self
    }
    pub fn header(mut self, name: HeaderName, value: &str) -> Self {
        self.headers.insert(name, HeaderValue::from_str(value).expect("a plain header"));
        self
    }
    pub fn if_match(self, tag: &str) -> Self {
        self.header(header::IF_MATCH, tag)
    }
    pub fn if_none_match(self, tag: &str) -> Self {
        self.header(header::IF_NONE_MATCH, tag)
    }
    pub fn json(self, body: Value) -> Self {
        let media_type = if self.path.contains("/scim/") { "application/scim+json" } else { "application/json" };
        self.text(media_type, body.to_string())
    }
    pub fn text(mut self, media_type: &str, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self.header(header::CONTENT_TYPE, media_type)
    }

    async fn send(self) -> Reply {
        let sent = self.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let sent = sent.split(';').next().unwrap_or_default().to_owned();
        let mut request = Request::new(Body::from(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.path.parse().expect("a path");
        *request.headers_mut() = self.headers;
        let response = self.router.oneshot(request).await.expect("the router answers everything");
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.expect("a body in memory").to_bytes();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        let media_type =
            parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let media_type = media_type.split(';').next().unwrap_or_default();
        let breaches = contract::breaches(&self.method, &self.path, parts.status.as_u16(), media_type, &bytes);
        assert!(breaches.is_empty(), "{} {} against openapi.yaml: {breaches:#?}", self.method, self.path);
        if parts.status.is_success() {
            let undescribed = contract::undescribed(&self.method, &self.path, &sent, self.body.as_ref());
            assert!(undescribed.is_empty(), "{} {} was granted: {undescribed:#?}", self.method, self.path);
        }
        Reply {
            request: format!("{} {}", self.method, self.path),
            status: parts.status,
            headers: parts.headers,
            bytes,
            body,
        }
    }
}

impl IntoFuture for Call {
    type Output = Reply;
    type IntoFuture = Pin<Box<dyn Future<Output = Reply> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

/// What came back. `reply["userName"]` reads the body.
#[derive(Debug)]
pub struct Reply {
    pub request: String,
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub bytes: Bytes,
    pub body: Value,
}

impl Reply {
    /// Asserts the status and goes on.
    #[track_caller]
    pub fn status(self, expected: u16) -> Self {
        assert_eq!(
            self.status.as_u16(),
            expected,
            "{} answered {}",
            self.request,
            String::from_utf8_lossy(&self.bytes)
        );
        self
    }

    /// Asserts a SCIM Error of this status and type (RFC 7644 §3.12) and goes on.
    #[track_caller]
    pub fn scim_error(self, status: u16, scim_type: &str) -> Self {
        let reply = self.status(status);
        assert_eq!(reply["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:Error"]), "{}", reply.request);
        assert_eq!(reply["status"], json!(status.to_string()), "{}", reply.request);
        assert_eq!(reply["scimType"].as_str().unwrap_or_default(), scim_type, "{}: {}", reply.request, reply["detail"]);
        assert!(reply["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{} has no detail", reply.request);
        reply
    }

    /// Asserts problem details of this status and code (RFC 9457) and goes on.
    #[track_caller]
    pub fn problem(self, status: u16, code: &str) -> Self {
        let reply = self.status(status);
        assert_eq!(reply.header(header::CONTENT_TYPE), "application/problem+json", "{}", reply.request);
        assert_eq!((&reply["status"], &reply["code"]), (&json!(status), &json!(code)), "{}", reply.request);
        reply
    }

    /// A header's text, empty if it is not there.
    pub fn header(&self, name: HeaderName) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    #[track_caller]
    pub fn id(&self) -> String {
        self["id"].as_str().expect("the answer has an id").to_owned()
    }

    #[track_caller]
    pub fn etag(&self) -> String {
        let tag = self.header(header::ETAG);
        assert!(!tag.is_empty(), "{} has no ETag", self.request);
        tag.to_owned()
    }

    /// One member of every resource of a list.
    #[track_caller]
    pub fn each(&self, member: &str) -> Vec<&str> {
        let resources = self["Resources"].as_array().expect("a list of resources");
        resources.iter().map(|resource| resource[member].as_str().unwrap_or_default()).collect()
    }
}

impl Index<&str> for Reply {
    type Output = Value;

    fn index(&self, member: &str) -> &Value {
        self.body.get(member).unwrap_or(&Value::Null)
    }
}
