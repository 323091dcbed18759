//! `import FILE`: moving in, line by line; `unconfirmed`: what of it nobody has confirmed, dropped or pinned in one call.

use std::fs;
use std::io::{self, IsTerminal, Read};

use serde_json::json;

use super::answer::{or_dash, table};
use super::roll::TenantName;
use super::{Answer, Failure, Roll, moment, named};
use crate::directory::{ImportOptions, Outcome, Report, Settled};

#[derive(Debug, clap::Args)]
pub struct Import {
    /// JSON Lines of SCIM Users, Groups with members, and Organizations; `-` reads standard input
    file: String,
    #[command(flatten)]
    tenant: TenantName,
    /// The connection whose externalIds these are: its push and its sign-ins will know these people by them
    #[arg(long, value_name = "NAME")]
    connection: Option<String>,
    /// Judge every line and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Report every line, not only those that changed nothing of what they ask
    #[arg(long)]
    all: bool,
}

impl Import {
    pub async fn run(&self, roll: &Roll) -> Result<Answer, Failure> {
        let tenant = roll.tenant(&self.tenant).await?;
        let text = read(&self.file)?;
        let options = ImportOptions { connection: self.connection.clone(), dry_run: self.dry_run };
        let mut progress = progress();
        let report = roll.directory.import(&tenant.id, &text, &options, &mut *progress).await?;
        Ok(self.shown(&report))
    }

    fn shown(&self, report: &Report) -> Answer {
        let would = if report.dry_run { "would be " } else { "" };
        let mut lines = vec![format!(
            "{would}created {}, updated {}, unchanged {}, refused {}; memberships imported {}",
            report.created, report.updated, report.unchanged, report.refused, report.memberships
        )];
        let told =
            report.lines.iter().filter(|line| self.all || line.outcome == Outcome::Refused || line.reason.is_some());
        let rows = told.map(|line| {
            let outcome = json!(line.outcome).as_str().unwrap_or_default().to_owned();
            [line.line.to_string(), or_dash(line.kind), outcome, or_dash(line.reason.as_deref())]
        });
        lines.push(table("", ["line", "kind", "outcome", "reason"], rows));
        let mut answer = Answer::new(lines.join("\n"), report);
        answer.is_bad = report.refused > 0;
        answer
    }
}

fn read(file: &str) -> Result<String, Failure> {
    let mut text = String::new();
    let read = match file {
        "-" => io::stdin().lock().read_to_string(&mut text).map(|_| text),
        file => fs::read_to_string(file),
    };
    read.map_err(|error| Failure::Refused(format!("{file}: {error}")))
}

/// On a terminal, one line that moves; to a file, nothing.
pub(super) fn progress() -> Box<dyn FnMut(usize, usize) + Send> {
    if !io::stderr().is_terminal() {
        return Box::new(|_, _| {});
    }
    Box::new(|done, of| {
        eprint!("\r{done} of {of}");
        if done == of {
            eprintln!();
        }
    })
}

/// What is done with them.
#[derive(Debug, clap::Subcommand)]
pub enum Unconfirmed {
    /// List them
    List(Which),
    /// Take the import's word back
    Drop(Which),
    /// Make them grants
    Pin(Which),
}

#[derive(Debug, clap::Args)]
pub struct Which {
    /// Only of this group, by displayName or id
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
    #[command(flatten)]
    tenant: TenantName,
}

impl Unconfirmed {
    pub async fn run(&self, roll: &Roll) -> Result<Answer, Failure> {
        let (Self::List(which) | Self::Drop(which) | Self::Pin(which)) = self;
        let tenant = roll.tenant(&which.tenant).await?;
        let group = match &which.group {
            Some(name) => Some(named::parent(roll, &tenant, name).await?),
            None => None,
        };
        let settled = match self {
            Self::List(_) => return list(roll, &tenant.id, group.as_deref()).await,
            Self::Drop(_) => Settled::Dropped,
            Self::Pin(_) => Settled::Pinned,
        };
        let mut progress = progress();
        let count = roll.directory.settle_unconfirmed(&tenant.id, group.as_deref(), settled, &mut *progress).await?;
        let word = if settled == Settled::Dropped { "dropped" } else { "pinned" };
        Ok(Answer::new(format!("{count} memberships {word}"), json!({ "count": count })))
    }
}

/// The count, and the first page.
async fn list(roll: &Roll, tenant: &str, group: Option<&str>) -> Result<Answer, Failure> {
    let page = roll.directory.unconfirmed(tenant, group, None, 100).await?;
    let rows = page.memberships.iter().map(|it| [it.member.1.clone(), it.group.1.clone(), moment::text(it.since)]);
    let mut text = table("nothing is unconfirmed", ["member", "group", "imported"], rows);
    if page.count > 0 {
        text = format!("{} memberships nobody has confirmed\n{text}", page.count);
    }
    let named = |(id, name): &(String, String)| json!({ "id": id, "name": name });
    let listed: Vec<_> = page
        .memberships
        .iter()
        .map(|it| json!({ "member": named(&it.member), "group": named(&it.group), "since": moment::text(it.since) }))
        .collect();
    Ok(Answer::new(text, json!({ "count": page.count, "memberships": listed })))
}
