//! `connection rehearse`: what a sign-in with these claims would do.

use serde_json::Value;

use super::answer::{or_dash, table};
use super::connection::known;
use super::roll::TenantName;
use super::settings::read_json;
use super::{Answer, Failure, Roll};
use crate::auth::egress::{Egress, EgressPolicy};
use crate::auth::jwks::Jwks;
use crate::jit::login::{self, Evidence, LoginRequest, Logins};

#[derive(Debug, clap::Args)]
pub struct Rehearse {
    /// Its name or id; may be left out while there is only one
    connection: Option<String>,
    #[command(flatten)]
    tenant: TenantName,
    /// The subject that would sign in (`sub`)
    #[arg(long, value_name = "SUB")]
    subject: String,
    /// The claims of the token, a JSON object; `-` reads standard input
    #[arg(long, value_name = "FILE")]
    claims: String,
}

impl Rehearse {
    pub async fn run(&self, roll: &Roll) -> Result<Answer, Failure> {
        let Value::Object(claims) = read_json("--claims", &self.claims)? else {
            return Err(Failure::Refused(format!("--claims: {} is no JSON object", self.claims)));
        };
        let tenant = roll.tenant(&self.tenant).await?;
        let connection = known(roll, &tenant, self.connection.as_deref()).await?;
        let keys = Jwks::new(Egress::new(EgressPolicy::default()), roll.directory.clock().clone());
        let logins = Logins { directory: roll.directory.clone(), keys };
        let request = LoginRequest {
            connection: connection.id.clone(),
            evidence: Evidence::Simulated { subject: self.subject.clone(), claims },
            invitation: None,
            dry_run: true,
        };
        match logins.login(&tenant.id, &[connection.id], &request).await {
            Ok(answer) => Ok(shown(&answer)),
            Err(refused) => Err(Failure::Refused(format!("{}: {}", refused.code, refused.detail))),
        }
    }
}

fn shown(answer: &login::Answer) -> Answer {
    let user = &answer.user;
    let how = match (answer.created, answer.adopted, answer.linked) {
        (true, _, _) => "would be created",
        (_, true, _) => "would be joined: an account that is there",
        (_, _, true) => "would be linked to the account that is pushed",
        _ => "is known by this subject",
    };
    let name = or_dash(user.user_name.as_deref());
    let id = if answer.created { String::new() } else { format!(" ({})", user.id) };
    let rows = answer.organizations.iter().map(|it| [it.slug.clone(), it.role.clone(), it.via.join(", ")]);
    let organizations = table("in no organization", ["organization", "role", "by"], rows);
    let rows = answer.groups.iter().map(|it| [it.display_name.clone(), it.via.join(", ")]);
    let groups = table("in no group", ["group", "by"], rows);
    let lost = answer.drift.iter().map(|it| {
        let of = |names: [&str; 2]| names.iter().find_map(|name| it[*name].as_str()).unwrap_or_default().to_owned();
        [of(["group", "attribute"]), of(["reason", "source"])]
    });
    let lost = table("", ["said, and counts for nothing", "why"], lost);
    Answer::new(format!("allowed: {name}{id} {how}\n\n{organizations}\n\n{groups}\n\n{lost}"), answer)
}
