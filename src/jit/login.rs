//! A login from evidence to answer: verify, gather a snapshot, decide, apply through the directory's doors, answer.
//!
//! One transaction. A dry run is the same transaction, undone. A refusal writes its trace, its event and, where an
//! administrator can mend it, a conflict row, and nothing else.

mod account;
mod answer;
mod apply;
mod broker;
mod gather;

use serde_json::{Map, Value};

use crate::auth::jwks::{Jwks, KeySource, KeysError};
use crate::auth::jws::InvalidEvidence;
use crate::auth::oidc::{self, OidcRules};
use crate::auth::token::Token;
use crate::directory::{self, Connected, Directory, Work, transact};
use crate::event::{Cause, Kind};
use crate::store::feed;

use super::claims::{Claims, Statement};
use super::decide::{Code, Decision, Denied, Step, decide};

use broker::Evidenced;

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
    OidcIdToken {
        id_token: String,
        nonce: Option<String>,
        /// What the application had from the userinfo endpoint.
        userinfo: Option<Map<String, Value>>,
    },
    /// What a registered broker of the connection says under its own key (`auth::broker`).
    BrokerClaims { envelope: String },
    /// What an administrator supposes, for a rehearsal and for nothing else.
    Simulated { subject: String, claims: Map<String, Value> },
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
        let evidenced = match &request.evidence {
            Evidence::OidcIdToken { id_token, nonce, userinfo } => {
                let userinfo = userinfo.clone();
                self.verify(&connection.id, &connection.rules, id_token, nonce.as_deref(), userinfo).await?.into()
            }
            Evidence::Simulated { .. } if !request.dry_run => {
                return Err(LoginError {
                    status: 400,
                    code: "invalid_request",
                    cause: None,
                    detail: "what is simulated is only rehearsed: dryRun must be true".to_owned(),
                    decision_id: None,
                });
            }
            Evidence::Simulated { subject, claims } => self.suppose(subject, claims)?.into(),
            Evidence::BrokerClaims { envelope } => self.open(tenant, &connection.id, envelope).await?,
        };
        self.judge(tenant, &connection.id, &evidenced, request.invitation.as_deref(), request.dry_run).await
    }

    async fn verify(
        &self,
        connection: &str,
        rules: &super::rules::Rules,
        id_token: &str,
        nonce: Option<&str>,
        userinfo: Option<Map<String, Value>>,
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
        let token = match userinfo {
            Some(userinfo) => oidc::with_userinfo(token, userinfo).map_err(LoginError::evidence)?,
            None => token,
        };
        Ok(Statement { subject: token.subject, stamp: token.issued_at, claims: token.claims, evidence: token.evidence })
    }

    /// A statement that nobody made, as of now.
    fn suppose(&self, subject: &str, claims: &Map<String, Value>) -> Result<Statement, LoginError> {
        if subject.is_empty() || subject.len() > 512 || subject.chars().any(char::is_control) {
            return Err(LoginError::evidence(InvalidEvidence {
                cause: "malformed",
                detail: "subject is not a text of 1 to 512 bytes",
            }));
        }
        let stamp = self.directory.clock().now();
        Ok(Statement { subject: subject.to_owned(), stamp, claims: claims.clone(), evidence: "simulated".to_owned() })
    }

    /// A login whose evidence, the identity provider's own, has verified.
    pub async fn present(
        &self,
        tenant: &str,
        connection: &str,
        statement: &Statement,
        invitation: Option<&str>,
        dry_run: bool,
    ) -> Result<Answer, LoginError> {
        self.judge(tenant, connection, &statement.clone().into(), invitation, dry_run).await
    }

    async fn judge(
        &self,
        tenant: &str,
        connection: &str,
        evidenced: &Evidenced,
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
            self.rehearse(tenant, connection, evidenced, invitation.as_ref(), cause).await
        } else {
            self.perform(tenant, connection, evidenced, invitation.as_ref(), cause).await
        };
        outcome.map_err(LoginError::internal)?
    }

    async fn perform(
        &self,
        tenant: &str,
        connection: &str,
        evidenced: &Evidenced,
        invitation: Option<&[u8; 32]>,
        cause: Cause,
    ) -> directory::Result<Result<Answer, LoginError>> {
        let done = transact!(&self.directory, tenant, cause.clone(), work => {
            self.attempt(&mut work, connection, evidenced, invitation, false, None).await
        });
        if !is_full(&done) {
            return done;
        }
        // Whether there is a seat shows when everything is written: that was undone, and only the refusal is kept.
        transact!(&self.directory, tenant, cause.clone(), work => {
            self.attempt(&mut work, connection, evidenced, invitation, false, Some(Code::NoSeats)).await
        })
    }

    /// The same transaction, undone.
    async fn rehearse(
        &self,
        tenant: &str,
        connection: &str,
        evidenced: &Evidenced,
        invitation: Option<&[u8; 32]>,
        cause: Cause,
    ) -> directory::Result<Result<Answer, LoginError>> {
        let (mut first, mut full) = (directory::First::default(), None);
        for _ in 0..directory::work::TRIES {
            let mut work = Work::open(&self.directory, tenant, cause.clone()).await?;
            work.lock_first(&first).await?;
            match self.attempt(&mut work, connection, evidenced, invitation, true, full).await {
                Err(directory::Error::Again(met)) => first.extend(met),
                done if is_full(&done) && full.is_none() => full = Some(Code::NoSeats),
                done => return done,
            }
        }
        Err(directory::Error::Busy)
    }

    async fn attempt(
        &self,
        work: &mut Work<'_>,
        connection: &str,
        evidenced: &Evidenced,
        invitation: Option<&[u8; 32]>,
        dry_run: bool,
        full: Option<Code>,
    ) -> directory::Result<Result<Answer, LoginError>> {
        let (connected, claims) = evidenced.read(work.connected(connection)?);
        apply::lock(work, &connected, &claims, invitation).await?;
        if let Some(broker) = &evidenced.broker
            && let Err(refused) = broker.spend(work, connection).await?
        {
            return Ok(Err(refused));
        }
        // Read after the locks: the connection may have been paused or edited meanwhile.
        work.configuration = directory::Configuration::load(&mut work.tx).await?;
        let (connected, mut claims) = evidenced.read(work.connected(connection)?);
        let mut snapshot = gather::snapshot(work, &connected, &claims, invitation).await?;
        snapshot.above_ceiling = evidenced.is_above_ceiling(&claims);
        let mut decision = decide(&connected.rules, &claims, &snapshot);
        let broker = evidenced.broker.as_ref().map(|broker| broker.name());
        if let (Some(code), Ok(allowed)) = (full, &decision.outcome) {
            decision.trace.push(Step { step: "seats", outcome: "taken" });
            let person = allowed.who.id().map(str::to_owned);
            decision.outcome = Err(Denied { code, person, conflict: false, account: None });
        }
        gather::leave_taken(work, &mut claims, &decision).await?;
        match &decision.outcome {
            Ok(allowed) => {
                let id = decision_id(work, connection, &claims, "allow");
                work.cause = work.cause.clone().decided(&id);
                let applied = apply::allow(work, &connected, &claims, allowed).await?;
                let answer = answer::compose(work, &connected, &claims, &decision, allowed, &applied, id).await?;
                work.check_organizations().await?;
                if !dry_run
                    && keep(work, &connected, &claims, broker, &decision, &answer.decision_id, Some(&applied.person))
                        .await?
                    && applied.protected
                {
                    let event = work.event(Kind::ProtectedUsed).of(&applied.person).and(connection);
                    work.publish(event);
                }
                Ok(Ok(answer))
            }
            Err(denied) => {
                let id = decision_id(work, connection, &claims, denied.code.as_str());
                if let Some(who) = &denied.account {
                    account::step(work, &connected, &claims, who).await?;
                }
                if !dry_run && keep(work, &connected, &claims, broker, &decision, &id, denied.person.as_deref()).await?
                {
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

/// An organization that the login would bring the person into has no seat left.
fn is_full<T>(done: &directory::Result<T>) -> bool {
    matches!(done, Err(directory::Error::Denied { code: "no_seats", .. }))
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
    broker: Option<&str>,
    decision: &Decision,
    id: &str,
    person: Option<&str>,
) -> directory::Result<bool> {
    let outcome = match &decision.outcome {
        Ok(_) => "allow",
        Err(denied) => denied.code.as_str(),
    };
    let trace = answer::trace(connected, claims, broker, decision, id, person, work.now);
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
            error if error.is_race() => Self::internal(directory::Error::Busy),
            directory::Error::Busy | directory::Error::Again(_) => Self {
                status: 503,
                code: "busy",
                cause: None,
                detail: "the server is busy; try again shortly".to_owned(),
                decision_id: None,
            },
            directory::Error::Scim(error)
            | directory::Error::Refused { error, .. }
            | directory::Error::Denied { error, .. } => Self {
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
