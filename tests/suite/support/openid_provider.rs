//! An OpenID Provider that is not ours: the certified npm package `oidc-provider`, in `tests/referees/oidc-provider`.
//!
//! It runs as a child process on loopback, signs people in by a whole authorization code flow, and serves its JWKS over
//! HTTP until it is dropped. `./check` installs it; without Node or the package a test fails and says so.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde::Deserialize;
use serde_json::{Value, json};

pub struct OpenIdProvider {
    pub issuer: String,
    pub jwks_uri: String,
    pub client_id: String,
    process: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

/// What a browser brings back from the provider.
#[derive(Debug, Deserialize)]
pub struct SignIn {
    pub nonce: String,
    pub id_token: String,
}

#[derive(Deserialize)]
struct Endpoints {
    issuer: String,
    jwks_uri: String,
    client_id: String,
}

impl OpenIdProvider {
    /// `algorithm` is RS256, PS256, ES256 or EdDSA. Every provider has a key of its own.
    pub fn start(algorithm: &str) -> OpenIdProvider {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/referees/oidc-provider");
        assert!(
            folder.join("node_modules/oidc-provider").exists(),
            "this test needs Node and the package oidc-provider: run ./check, or `npm ci` in tests/referees/oidc-provider"
        );
        let mut process = Command::new("node")
            .args(["provider.mjs", "--alg", algorithm])
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("this test needs Node: run ./check, which says what to install");
        let input = process.stdin.take();
        let mut output = BufReader::new(process.stdout.take().expect("standard output is piped"));
        let Endpoints { issuer, jwks_uri, client_id } =
            serde_json::from_value(read(&mut output)).expect("the provider says where it is");
        OpenIdProvider { issuer, jwks_uri, client_id, process, input, output }
    }

    /// One sign-in. `claims` are what the IdP knows of the person: `email`, `groups`, `oid` and the like.
    /// Without a `nonce` the provider's client makes one up.
    pub fn sign_in(&mut self, sub: &str, claims: Value, nonce: Option<&str>) -> SignIn {
        let mut line = json!({ "sub": sub, "claims": claims });
        if let Some(nonce) = nonce {
            line["nonce"] = nonce.into();
        }
        let input = self.input.as_mut().expect("the provider runs until it is dropped");
        writeln!(input, "{line}").expect("the provider reads");
        let answer = read(&mut self.output);
        if let Some(error) = answer.get("error") {
            panic!("the OpenID Provider did not sign {sub} in: {error}");
        }
        serde_json::from_value(answer).expect("the provider answers a sign-in with a token")
    }
}

impl Drop for OpenIdProvider {
    fn drop(&mut self) {
        drop(self.input.take()); // the end of its input ends it
        if !matches!(self.process.try_wait(), Ok(Some(_))) {
            drop(self.process.kill());
        }
        drop(self.process.wait());
    }
}

fn read(output: &mut impl BufRead) -> Value {
    let mut line = String::new();
    output.read_line(&mut line).expect("the provider writes lines");
    assert!(
        !line.is_empty(),
        "the OpenID Provider stopped: run `node tests/referees/oidc-provider/provider.mjs` to see why"
    );
    serde_json::from_str(&line).expect("a line of JSON")
}
