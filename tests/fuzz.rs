//! Fuzz targets: whatever a client may send as text, read by the pure rooms. No input panics, and what was read obeys the laws
//! that are written here.
//!
//! Every run reads the corpora under `tests/__fuzz__`: requests as the RFCs and identity providers have them, and what a
//! coverage-guided fuzzer finds worth keeping (`tests/fuzz.sh`). Random inputs beside them are asked for, since tests are
//! deterministic: `ROLLKEEPER_TEST_CASES=20000 cargo nextest run --test fuzz`, as `./check` does. A failure prints the
//! `BOLERO_RANDOM_SEED` that repeats it.

use std::sync::{Arc, LazyLock};

use bolero::check;
use rollkeeper::auth::oidc;
use rollkeeper::auth::token::{self, Token};
use rollkeeper::http::parameters::Parameters;
use rollkeeper::scim::bulk::Plan;
use rollkeeper::scim::document::{Document, parse_json};
use rollkeeper::scim::filter::{Bound, Facts, Filter, bind, bind_each, sort_place};
use rollkeeper::scim::message::{BulkRequest, PatchOp, SearchRequest};
use rollkeeper::scim::patch::{self, MemberEdit, Terms};
use rollkeeper::scim::projection::Selection;
use rollkeeper::scim::resource_type::{Registry, ResourceType};
use rollkeeper::scim::version::Tags;
use serde_json::{Value, json};

static REGISTRY: LazyLock<Arc<Registry>> = LazyLock::new(Registry::builtin);

/// How many random inputs each target reads.
fn random() -> usize {
    std::env::var("ROLLKEEPER_TEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(0)
}

/// One resource of each type, with something in most kinds of attribute.
static SAMPLES: LazyLock<Vec<(Arc<ResourceType>, Document)>> = LazyLock::new(|| {
    let user = json!({
        "userName": "bjensen", "title": "Tour Guide", "active": true, "name": {"givenName": "Barbara", "familyName": "Jensen"},
        "emails": [{"value": "b@example.com", "type": "work", "primary": true}, {"value": "b@example.org", "type": "home"}],
        "x509Certificates": [{"value": "MIIDQzCCAqyg"}], "profileUrl": "https://example.com/b",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "Sales", "manager": {"value": "26118915"}},
    });
    let group = json!({"displayName": "Tour Guides", "externalId": "g1"});
    let organization = json!({"slug": "acme", "displayName": "Acme"});
    [("User", user), ("Group", group), ("Organization", organization)]
        .map(|(name, body)| {
            let kind = REGISTRY.type_named(name).expect("built in").clone();
            let document = Document::read(&kind, &body).expect("the sample is sound").document;
            (kind, document)
        })
        .into()
});

fn text(input: &[u8], target: impl FnOnce(&str)) {
    if let Ok(text) = std::str::from_utf8(input) {
        target(text);
    }
}

fn json(input: &[u8], target: impl FnOnce(&Value)) {
    match parse_json(input) {
        Ok(value) => target(&value),
        Err(refused) => assert!([400, 413].contains(&refused.status), "{refused:?}"),
    }
}

/// A document is canonical: nothing is null or empty, at any depth.
fn canonical(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Array(elements) => !elements.is_empty() && elements.iter().all(canonical),
        Value::Object(members) => !members.is_empty() && members.values().all(canonical),
        _ => true,
    }
}

/// Reading again what was read changes nothing.
fn settled(kind: &ResourceType, document: &Document) {
    assert!(document.0.values().all(canonical), "{document:?}");
    let again = Document::read(kind, &Value::Object(document.0.clone())).expect("what was read can be read").document;
    assert_eq!(again, *document);
}

fn patched(kind: &ResourceType, before: &Document, body: &Value) {
    let Ok(message) = PatchOp::read(body) else { return };
    let Ok(patched) = patch::apply(kind, before, &Terms::default(), &message.operations) else { return };
    if kind.name == "Group" {
        // Members are edits and never part of the document.
        assert!(!patched.document.0.contains_key("members"));
    } else {
        assert_eq!(patched.members, [] as [MemberEdit; 0]);
    }
    settled(kind, &patched.document);
}

#[test]
fn filter() {
    check!().with_iterations(random()).for_each(|input: &[u8]| {
        text(input, |text| {
            let Ok(filter) = Filter::parse(text) else { return };
            let printed = filter.to_string();
            assert_eq!(Filter::parse(&printed).as_ref(), Ok(&filter), "{printed}");
            let kinds: Vec<&ResourceType> = REGISTRY.types.iter().map(AsRef::as_ref).collect();
            let _ = bind_each(&filter, &kinds);
            for (kind, document) in SAMPLES.iter() {
                let Ok(bound) = bind(&filter, kind) else { continue };
                let facts = Facts {
                    id: "2819c223",
                    kind,
                    external_id: None,
                    active: Some(true),
                    created: 0,
                    modified: 1,
                    version: 1,
                    location: "https://example.com/v2/Users/2819c223",
                    document,
                    members: &[],
                    groups: &[],
                };
                let negated = Bound::not(bound.clone());
                assert_ne!(bound.matches(&facts), negated.matches(&facts), "{printed}");
            }
        });
    });
}

#[test]
fn path() {
    check!().with_iterations(random()).for_each(|input: &[u8]| {
        text(input, |text| {
            for (kind, before) in SAMPLES.iter() {
                let _ = sort_place(kind, text);
                let _ = Selection::parse(kind, Some(text), None);
                for (op, value) in [("add", json!("x")), ("replace", json!({"value": "x"})), ("remove", Value::Null)] {
                    patched(kind, before, &json!({"Operations": [{"op": op, "path": text, "value": value}]}));
                }
            }
        });
    });
}

#[test]
fn patch_body() {
    check!().with_iterations(random()).for_each(|input: &[u8]| {
        json(input, |body| {
            for (kind, before) in SAMPLES.iter() {
                patched(kind, before, body);
            }
        });
    });
}

#[test]
fn resource_body() {
    check!().with_iterations(random()).for_each(|input: &[u8]| {
        json(input, |body| {
            for (kind, _) in SAMPLES.iter() {
                if let Ok(read) = Document::read(kind, body) {
                    settled(kind, &read.document);
                }
            }
        });
    });
}

#[test]
fn bulk_body() {
    check!().with_iterations(random()).for_each(|input: &[u8]| {
        json(input, |body| {
            if let Ok(request) = BulkRequest::read(body, 1000) {
                for operation in &request.operations {
                    let _ = operation.check();
                }
                let count = request.operations.len();
                let plan = Plan::of(request.operations, &REGISTRY, "https://roll.example/t/acme/scim/v2");
                let planned: usize = plan.steps.iter().map(|step| step.operations.len()).sum();
                assert_eq!(planned, count, "each operation is in one step");
            }
            let _ = SearchRequest::read(body);
        });
    });
}

#[test]
fn query_string() {
    check!().with_iterations(random()).for_each(|input: &[u8]| {
        text(input, |text| {
            let Ok(parameters) = Parameters::from_query(text) else { return };
            for (kind, _) in SAMPLES.iter() {
                let _ = parameters.selection(kind);
            }
        });
    });
}

#[test]
fn token() {
    check!().with_iterations(random()).for_each(|input: &[u8]| {
        text(input, |text| {
            let shown = token::credentials(text).unwrap_or(text);
            if let Ok(token) = Token::parse(shown) {
                assert_eq!(token.reveal(), shown);
            }
            let _ = oidc::key_id(text);
            let _ = Tags::parse(text);
        });
    });
}
