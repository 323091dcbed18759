//! Evidence of a broker: its envelope opened with its registered keys, used once, read below its ceiling.

use crate::auth::broker::{self, Envelope, REMEMBERED};
use crate::auth::key::KeySet;
use crate::directory::{self, BrokerInfo, Connected, Work};
use crate::jit::broker::subject;
use crate::jit::claims::{self, Claims, Statement};
use crate::store::brokers;

use super::{LoginError, Logins};

/// Evidence that verified, and who vouches for it besides the identity provider.
#[derive(Clone, Debug)]
pub(super) struct Evidenced {
    pub statement: Statement,
    pub broker: Option<Brokered>,
}

#[derive(Clone, Debug)]
pub(super) struct Brokered {
    broker: BrokerInfo,
    /// The person in the broker's own words.
    subject: String,
    /// `jti`.
    envelope: String,
}

impl From<Statement> for Evidenced {
    fn from(statement: Statement) -> Self {
        Self { statement, broker: None }
    }
}

impl Evidenced {
    /// What was said, and the rules that it is judged by.
    pub fn read(&self, mut connected: Connected) -> (Connected, Claims) {
        let Some(Brokered { broker, subject, .. }) = &self.broker else {
            let claims = claims::read(&connected.rules, &self.statement);
            return (connected, claims);
        };
        let ceiling = &broker.settings.ceiling;
        let claims = ceiling.read(&connected.rules, &self.statement, subject);
        connected.rules = ceiling.narrow(&connected.rules);
        (connected, claims)
    }

    pub fn is_above_ceiling(&self, claims: &Claims) -> bool {
        self.broker.as_ref().is_some_and(|by| by.broker.settings.ceiling.is_above(claims))
    }
}

impl Logins {
    /// Judges an envelope. That it was not used before is for the transaction to say.
    pub(super) async fn open(&self, tenant: &str, connection: &str, envelope: &str) -> Result<Evidenced, LoginError> {
        let name = broker::issuer(envelope).map_err(LoginError::evidence)?;
        let found = self.directory.broker(tenant, connection, &name).await.map_err(LoginError::internal)?;
        let broker = found.filter(|found| found.name == name).ok_or_else(not_allowed)?;
        let settings = &broker.settings;
        let keys = KeySet::read(&settings.jwks).unwrap_or_default();
        let now = self.directory.clock().now();
        let opened = broker::verify(&broker.name, &broker.audience, &settings.algs, &keys, envelope, now);
        let Envelope { subject: own, issued_at, id, claims, evidence } = opened.map_err(LoginError::evidence)?;
        let statement = Statement { subject: subject(&broker.id, &own), stamp: issued_at, claims, evidence };
        Ok(Evidenced { statement, broker: Some(Brokered { broker, subject: own, envelope: id }) })
    }
}

impl Brokered {
    pub fn name(&self) -> &str {
        &self.broker.name
    }

    /// Takes the envelope's one use, if the broker is still registered as it was when the envelope was opened. A dry run
    /// gives the use back with everything else.
    pub async fn spend(&self, work: &mut Work<'_>, connection: &str) -> directory::Result<Result<(), LoginError>> {
        // The connection's settings are shared by now: nobody edits its brokers before this transaction ends.
        let row = brokers::find(&mut work.tx, connection, &self.broker.id).await?;
        let settings = row.and_then(|row| serde_json::from_str(&row.settings).ok());
        if settings.as_ref() != Some(&self.broker.settings) {
            return Ok(Err(not_allowed()));
        }
        brokers::forget(&mut work.tx, work.now).await?;
        let mark = work.mark("envelope", &self.envelope);
        // Not `iat`: an envelope may come from a clock that is ahead of ours.
        let expires = work.now.saturating_add(REMEMBERED);
        if brokers::spend(&mut work.tx, &self.broker.id, &mark, expires).await? {
            return Ok(Ok(()));
        }
        Ok(Err(LoginError {
            status: 409,
            code: "stale_evidence",
            cause: Some("replay"),
            detail: "this envelope was used before: sign a new one, with a new jti, for every sign-in".to_owned(),
            decision_id: None,
        }))
    }
}

/// One answer for a broker that is not there and one that was removed: nobody learns which names are registered.
fn not_allowed() -> LoginError {
    LoginError {
        status: 403,
        code: "broker_not_allowed",
        cause: None,
        detail: "no broker of this name is registered for this connection, or its registration has just changed; an \
                 administrator adds one with its public key (connection broker add)"
            .to_owned(),
        decision_id: None,
    }
}
