//! `connection pause`, `resume`, `disconnect`, `withdraw`, `simulate`: what is done with a connection as a whole, each with a
//! look at what it would do.

use serde_json::json;

use super::answer::{or_dash, table};
use super::connection::known;
use super::import::progress;
use super::roll::TenantName;
use super::settings::Settings;
use super::{Answer, Failure, Roll};
use crate::directory::{Forecast, Held, Named, Succession};
use crate::jit::address::Domain;

#[derive(Debug, clap::Args)]
pub struct Which {
    /// Its name or id; may be left out while there is only one
    connection: Option<String>,
    #[command(flatten)]
    tenant: TenantName,
    /// Say what it would do, and do nothing
    #[arg(long)]
    preview: bool,
}

#[derive(Debug, clap::Args)]
pub struct Simulate {
    /// Its name or id; may be left out while there is only one
    connection: Option<String>,
    #[command(flatten)]
    tenant: TenantName,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Debug, clap::Args)]
pub struct Succeed {
    /// The connection that comes, by name or id
    connection: String,
    /// The connection that goes
    #[arg(long, value_name = "NAME")]
    predecessor: String,
    /// A domain that moves [default: all of the predecessor's]. Repeatable
    #[arg(long = "domain", value_name = "DOMAIN")]
    domains: Vec<Domain>,
    #[command(flatten)]
    tenant: TenantName,
    /// Say who would match, and do nothing
    #[arg(long)]
    preview: bool,
}

impl Succeed {
    pub async fn run(&self, roll: &Roll) -> Result<Answer, Failure> {
        let tenant = roll.tenant(&self.tenant).await?;
        let domains = (!self.domains.is_empty()).then(|| self.domains.clone());
        let succession = Succession { predecessor: self.predecessor.clone(), domains };
        let page = (None, SHOWN);
        let rehearsed =
            roll.directory.succeed_connection(&tenant.id, &self.connection, &succession, !self.preview, page).await?;
        let text = format!(
            "of {} people {} match, {} are claimed already, {} are protected, {} belong to a third connection too, \
             {} have no name in the domains; {} groups can go over",
            rehearsed.people,
            rehearsed.matching,
            rehearsed.claimed,
            rehearsed.guarded,
            rehearsed.shared,
            rehearsed.outside,
            rehearsed.groups
        );
        let rows = rehearsed.page.iter().map(|matched| [matched.person.name.clone(), matched.verdict.to_owned()]);
        let rows = table("", ["person", "verdict"], rows);
        Ok(Answer::new(format!("{text}\n{rows}"), rehearsed))
    }
}

/// How many differences are listed; the counts are of all.
const SHOWN: usize = 50;

impl Which {
    pub async fn switch(&self, roll: &Roll, state: &'static str) -> Result<Answer, Failure> {
        let tenant = roll.tenant(&self.tenant).await?;
        let before = known(roll, &tenant, self.connection.as_deref()).await?;
        let standing = roll.directory.standing(&tenant.id, &before.id).await?;
        let state = if self.preview {
            before.state
        } else {
            roll.directory.switch_connection(&tenant.id, &before.id, state).await?.state
        };
        let text = format!(
            "connection {} is {state}\n{} people pushed, {} signed in, {} groups, {} tokens of its own",
            before.name, standing.pushed, standing.signed_in, standing.groups, standing.tokens
        );
        let mut object = json!(standing);
        object["state"] = state.into();
        object["preview"] = self.preview.into();
        Ok(Answer::new(text, object))
    }

    pub async fn withdraw(&self, roll: &Roll) -> Result<Answer, Failure> {
        let tenant = roll.tenant(&self.tenant).await?;
        let before = known(roll, &tenant, self.connection.as_deref()).await?;
        if self.preview {
            let forecast = roll.directory.foresee_withdrawal(&tenant.id, &before.id, None, SHOWN).await?;
            return Ok(shown(&forecast));
        }
        let mut progress = progress();
        let done = roll.directory.withdraw_connection(&tenant.id, &before.id, usize::MAX, &mut *progress).await?;
        let text = format!("connection {} is withdrawn: {} people without its words", before.name, done.people);
        Ok(Answer::new(text, done))
    }
}

impl Simulate {
    pub async fn run(&self, roll: &Roll) -> Result<Answer, Failure> {
        let tenant = roll.tenant(&self.tenant).await?;
        let before = known(roll, &tenant, self.connection.as_deref()).await?;
        let rules = self.settings.applied_to(&before.rules)?;
        Ok(shown(&roll.directory.simulate(&tenant.id, &before.id, &rules, None, SHOWN).await?))
    }
}

fn shown(forecast: &Forecast) -> Answer {
    let Forecast { people, changed, gone, activated, deactivated, joined, left, .. } = forecast;
    let text = format!(
        "of {people} people {changed} would change: {gone} gone, {activated} activated, {deactivated} deactivated, \
         {joined} memberships begin, {left} end"
    );
    let held = forecast.held;
    let text = if held == Held::default() {
        text
    } else {
        format!(
            "{text}; of that the connection's budget holds {} memberships and {} deactivations for now",
            held.memberships, held.deactivations
        )
    };
    let names = |some: &[Named]| some.iter().map(|named| named.name.clone()).collect::<Vec<_>>().join(", ");
    let rows = forecast.differences.iter().map(|change| {
        let active = match (change.gone, change.active) {
            (true, _) => "gone",
            (_, Some(true)) => "activated",
            (_, Some(false)) => "deactivated",
            (_, None) => "-",
        };
        let [joined, left] = [&change.joined, &change.left].map(|some| or_dash(Some(&names(some))));
        [change.person.name.clone(), active.to_owned(), joined, left, or_dash(Some(&change.attributes.join(", ")))]
    });
    let rows = table("", ["person", "account", "joins", "leaves", "attributes"], rows);
    Answer::new(format!("{text}\n{rows}"), forecast)
}
