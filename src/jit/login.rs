//! A login from evidence to answer: verify, gather a snapshot, decide, apply through the directory's doors, answer.
//!
//! One transaction. A dry run is the same transaction, undone. A refusal writes its trace, its event and, where an
//! administrator can mend it, a conflict row, and nothing else.

mod answer;
mod apply;
mod gather;

use serde_json::Value;

use crate::auth::jwks::{Jwks, KeySource, KeysError};
use crate::auth::oidc::{self, InvalidEvidence, OidcRules};
use crate::auth::token::Token;
use crate::directory::{self, Connected, Directory, Work, transact};
use crate::event::{Cause, Kind};
use crate::store::feed;

use super::claims::{self, Claims, Statement};
use super::decide::{Code, Decision, decide};

pub use answer::Answer;

/// What the application hands over.
#[derive(Clone, Debug)]
pub struct LoginRequest {
    /// A name or an id.
    pub connection: String,
    pub evidence: Evidence,
    /// The token of an invitation.
    pub invitation: Option<String>,
    pub dry_run: bool,
}

#[derive(Clone, Debug)]
pub enum Evidence {
    OidcIdToken { id_token: String, nonce: Option<String> },
}

/// Why a login was not allowed, for `application/problem+json`.
#[derive(Debug)]
pub struct LoginError {
    pub status: u16,
    pub code: &'static str,
    /// Of `invalid_evidence`.
    pub cause: Option<&'static str>,
    /// Safe for the end user.
    pub detail: String,
    pub decision_id: Option<String>,
}

/// Signs people in. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Logins {
    pub directory: Directory,
    pub keys: Jwks,
}

impl Logins {
    /// `allowed`: ids of the connections that the application's token may present evidence for.
    pub async fn login(&self, tenant: &str, allowed: &[String], request: &LoginRequest) -> Result<Answer, LoginError> {
        let unknown = || LoginError {
            status: 404,
            code: "unknown_connection",
            cause: None,
            detail: "there is no connection of this name that this token may present evidence for".to_owned(),
            decision_id: None,
        };
        let connection = self.directory.connection(tenant, &request.connection).await.map_err(LoginError::internal)?;
        let connection = connection.filter(|found| allowed.contains(&found.id)).ok_or_else(unknown)?;
        let statement = match &request.evidence {
            Evidence::OidcIdToken { id_token, nonce } => {
                self.verify(&connection.id, &connection.rules, id_token, nonce.as_deref()).await?
            }
        };
        self.present(tenant, &connection.id, &statement, request.invitation.as_deref(), request.dry_run).await
    }

    async fn verify(
        &self,
        connection: &str,
        rules: &super::rules::Rules,
        id_token: &str,
        nonce: Option<&str>,
    ) -> Result<Statement, LoginError> {
        let Some(issuer) = rules.issuer.clone() else {
            return Err(LoginError::refused(
                Code::ConnectionDisabled,
                None,
                "this connection has no issuer: it only pushes, nobody signs in through it",
            ));
        };
        let algs = OidcRules::algorithms(&rules.algs).unwrap_or_default();
        let kid = oidc::key_id(id_token).map_err(LoginError::evidence)?;
        let source = KeySource::of(rules.jwks.as_ref(), rules.jwks_uri.as_deref(), &issuer);
        let keys = self.keys.keys(connection, &source, kid.as_deref()).await.map_err(LoginError::keys)?;
        let oidc = OidcRules {
            issuer,
            client_ids: rules.client_ids.clone(),
            algs,
            nonce_required: rules.nonce.required,
            max_age: rules.max_age.ms(),
        };
        let now = self.directory.clock().now();
        let token = oidc::verify(&oidc, &keys, id_token, nonce, now).map_err(LoginError::evidence)?;
        Ok(Statement { subject: token.subject, stamp: token.issued_at, claims: token.claims, evidence: token.evidence })
    }

    /// A login whose evidence has verified.
    pub async fn present(
        &self,
        tenant: &str,
        connection: &str,
        statement: &Statement,
        invitation: Option<&str>,
        dry_run: bool,
    ) -> Result<Answer, LoginError> {
        let invitation = match invitation.map(Token::parse) {
            Some(Ok(token)) => Some(token.hash()),
            Some(Err(_)) => {
                return Err(LoginError {
                    status: 400,
                    code: "invalid_request",
                    cause: None,
                    detail: "invitation is no invitation token of this server".to_owned(),
                    decision_id: None,
                });
            }
            None => None,
        };
        let cause = Cause::by(format!("login:{connection}"));
        let outcome: directory::Result<Result<Answer, LoginError>> = if dry_run {
            self.rehearse(tenant, connection, statement, invitation.as_ref(), cause).await
        } else {
            self.perform(tenant, connection, statement, invitation.as_ref(), cause).await
        };
        outcome.map_err(LoginError::internal)?
    }

    async fn perform(
        &self,
        tenant: &str,
        connection: &str,
        statement: &Statement,
        invitation: Option<&[u8; 32]>,
        cause: Cause,
    ) -> directory::Result<Result<Answer, LoginError>> {
        transact!(&self.directory, tenant, cause.clone(), work => {
            self.attempt(&mut work, connection, statement, invitation, false).await
        })
    }

    /// The same transaction, undone.
    async fn rehearse(
        &self,
        tenant: &str,
        connection: &str,
        statement: &Statement,
        invitation: Option<&[u8; 32]>,
        cause: Cause,
    ) -> directory::Result<Result<Answer, LoginError>> {
        let mut work = Work::open(&self.directory, tenant, cause).await?;
        self.attempt(&mut work, connection, statement, invitation, true).await
    }

    async fn attempt(
        &self,
        work: &mut Work<'_>,
        connection: &str,
        statement: &Statement,
        invitation: Option<&[u8; 32]>,
        dry_run: bool,
    ) -> directory::Result<Result<Answer, LoginError>> {
        let connected = work.connected(connection)?;
        let claims = claims::read(&connected.rules, statement);
        apply::lock(work, &connected, &claims).await?;
        // Read after the locks: the connection may have been paused or edited meanwhile.
        work.configuration = directory::Configuration::load(&mut work.tx).await?;
        let connected = work.connected(connection)?;
        let claims = claims::read(&connected.rules, statement);
        let snapshot = gather::snapshot(work, &connected, &claims, invitation).await?;
        let decision = decide(&connected.rules, &claims, &snapshot);
        match &decision.outcome {
            Ok(allowed) => {
                let id = decision_id(work, connection, &claims, "allow");
                work.cause = work.cause.clone().decided(&id);
                let applied = apply::allow(work, &connected, &claims, allowed).await?;
                let answer = answer::compose(work, &connected, &claims, &decision, allowed, &applied, id).await?;
                if !dry_run
                    && keep(work, &connected, &claims, &decision, &answer.decision_id, Some(&applied.person)).await?
                    && applied.protected
                {
                    let event = work.event(Kind::ProtectedUsed).of(&applied.person).and(connection);
                    work.publish(event);
                }
                Ok(Ok(answer))
            }
            Err(denied) => {
                let id = decision_id(work, connection, &claims, denied.code.as_str());
                if !dry_run && keep(work, &connected, &claims, &decision, &id, denied.person.as_deref()).await? {
                    work.cause = work.cause.clone().decided(&id);
                    let mut event = work.event(Kind::LoginRefused).and(connection).naming([denied.code.as_str()]);
                    if let Some(person) = &denied.person {
                        event = event.of(person);
                    }
                    work.publish(event);
                    if denied.conflict {
                        let hash = Some(work.subject_identity(connection, &claims.subject));
                        let case = directory::Case { candidates: snapshot.matches.clone(), hash };
                        work.queue_login(connection, denied.code.as_str(), &case, &id).await?;
                    }
                }
                Ok(Err(LoginError::refused(denied.code, Some(id.clone()), &outward(denied.code, &id))))
            }
        }
    }
}

/// The same evidence with the same outcome has the same id, so that a replay answers and writes nothing new.
fn decision_id(work: &Work<'_>, connection: &str, claims: &Claims, outcome: &str) -> String {
    let mark = work.mark("decision", &format!("{connection}\u{0}{}\u{0}{outcome}", claims.evidence));
    format!("dec_{}", &mark[..32])
}

/// Keeps the trace: claim names, group values and steps. `false` if it was kept before.
async fn keep(
    work: &mut Work<'_>,
    connected: &Connected,
    claims: &Claims,
    decision: &Decision,
    id: &str,
    person: Option<&str>,
) -> directory::Result<bool> {
    let outcome = match &decision.outcome {
        Ok(_) => "allow",
        Err(denied) => denied.code.as_str(),
    };
    let trace = answer::trace(connected, claims, decision, id, person, work.now);
    let row = feed::Decision {
        id,
        at: work.now,
        connection: &connected.id,
        outcome,
        resource: person,
        trace: &Value::to_string(&trace),
    };
    Ok(feed::insert_decision(&mut work.tx, &row).await?)
}

/// One sentence for all identity refusals, so that codes do not tell a stranger who is there; the code itself goes to the
/// application.
fn outward(code: Code, id: &str) -> String {
    match code {
        Code::NotInvited => {
            format!("You are not invited here yet. Ask your administrator for an invitation. Reference {id}")
        }
        _ => format!("You can't sign in here with this account. Ask your administrator. Reference {id}"),
    }
}

impl LoginError {
    fn refused(code: Code, decision_id: Option<String>, detail: &str) -> Self {
        Self { status: 403, code: code.as_str(), cause: None, detail: detail.to_owned(), decision_id }
    }

    fn evidence(error: InvalidEvidence) -> Self {
        Self {
            status: 400,
            code: "invalid_evidence",
            cause: Some(error.cause),
            detail: error.detail.to_owned(),
            decision_id: None,
        }
    }

    fn keys(error: KeysError) -> Self {
        tracing::warn!(error = %error, "the keys of an identity provider are out of reach");
        Self {
            status: 503,
            code: "busy",
            cause: None,
            detail: "the keys of the identity provider cannot be had: they are fetched over https on port 443 from a public \
                     address, or given with the connection (jwks)"
                .to_owned(),
            decision_id: None,
        }
    }

    fn internal(error: directory::Error) -> Self {
        match error {
            directory::Error::Busy => Self {
                status: 503,
                code: "busy",
                cause: None,
                detail: "the server is busy; try again shortly".to_owned(),
                decision_id: None,
            },
            directory::Error::Scim(error) | directory::Error::Refused { error, .. } => Self {
                status: error.status,
                code: "policy_denied",
                cause: None,
                detail: error.detail,
                decision_id: None,
            },
            directory::Error::Store(error) => {
                tracing::error!(error = %error, "a login failed in the store");
                Self {
                    status: 500,
                    code: "internal",
                    cause: None,
                    detail: "the login could not be carried out; nothing was changed".to_owned(),
                    decision_id: None,
                }
            }
        }
    }
}
