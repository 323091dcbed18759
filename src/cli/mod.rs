//! The command line: noun, verb; on the database directly, through the same use cases as HTTP.
//!
//! Owns how a command is written and how its answer is printed, and no rule. An answer goes to standard output: text for
//! people, or with `--json` one object for machines. Everything else (what to do next, what went wrong) goes to standard
//! error. The exit code is 0, 1 for a refusal, 2 for a command or a setting that cannot be right.

mod answer;
mod broker;
mod conflicts;
mod connection;
mod definition;
mod entry;
mod explain;
mod failure;
mod grant;
mod health;
mod hold;
mod import;
mod invite;
mod link;
mod moment;
mod moves;
mod named;
mod query;
mod rehearse;
mod roll;
pub(crate) mod serve;
mod settings;
mod tenant;
mod token;
mod verify;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing::level_filters::LevelFilter;

use crate::config::{Config, Flags};
use crate::directory::Noun;
use crate::{demo, telemetry};

pub use answer::Answer;
pub use failure::Failure;
pub use roll::Roll;
pub(crate) use roll::connect;

#[derive(Debug, Parser)]
#[command(name = "rollkeeper", version, about = "A multi-tenant SCIM 2.0 server with just-in-time provisioning")]
#[command(after_help = "Begin with `rollkeeper demo`, or with `rollkeeper tenant create NAME`.")]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Answer with one JSON object on standard output
    #[arg(long, global = true)]
    json: bool,
    #[command(flatten)]
    flags: Flags,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server
    Serve,
    /// Play the main job as a story against a server of its own, then keep serving
    Demo(demo::Options),
    /// Tenants: the walls between directories
    #[command(subcommand)]
    Tenant(tenant::Command),
    /// Tokens of the API
    #[command(subcommand)]
    Token(token::Command),
    /// Connections: one identity provider's relationship with a tenant
    #[command(subcommand)]
    Connection(Box<connection::Command>),
    /// Schemas of the tenant's own
    #[command(subcommand)]
    Schema(definition::Command),
    /// Resource types of the tenant's own, and what extends the built-in ones
    #[command(subcommand)]
    ResourceType(definition::Command),
    /// Organizations, whose teams are groups called organization:team
    #[command(subcommand)]
    Organization(entry::OrganizationCommand),
    /// Groups of the administrator's own
    #[command(subcommand)]
    Group(entry::GroupCommand),
    /// People entered by hand
    #[command(subcommand)]
    User(entry::UserCommand),
    /// Bring in people, groups and memberships from a file of SCIM resources
    Import(import::Import),
    /// Imported memberships that nobody has confirmed
    #[command(subcommand)]
    Unconfirmed(import::Unconfirmed),
    /// Invite an address to an organization or a group
    Invite(invite::Invite),
    /// Invitations that were made: list, resend, revoke
    #[command(subcommand)]
    Invitation(invite::Command),
    /// Put a person into a group or an organization, whatever push and sign-in say
    Grant(grant::Grant),
    /// Keep a person out of a group or an organization, whatever anybody says
    Deny(grant::Deny),
    /// Take back a grant or a deny
    Withdraw(grant::Withdraw),
    /// Say why a person is in a group or not, or why a sign-in was decided as it was
    Explain(explain::Explain),
    /// Find people, groups or organizations with a SCIM filter
    Query(query::Query),
    /// Refusals that wait for an administrator
    #[command(subcommand)]
    Conflict(conflicts::Command),
    /// Which sign-in identity is whose
    #[command(subcommand)]
    Link(link::Command),
    /// What connections ended beyond their budgets, which stands until it is applied
    #[command(subcommand)]
    Hold(hold::Command),
    /// Recompute everything derived from its registers and report differences
    Verify(verify::Verify),
    /// Erase what was deleted longer ago than the retention; the server does so every hour
    Purge(verify::Purge),
    /// End what time has ended: what a running server does every minute
    Tick,
    /// Build what is derived again: after an upgrade that says so, or to mend what verify reports
    Reindex(verify::Reindex),
}

/// The whole program.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version come this way too, with code 0. Nobody to tell if the stream is closed.
            let _ = error.print();
            return u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from);
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Failure::Refused(format!("no threads to run on: {error}")).report(),
    };
    match runtime.block_on(run(cli)) {
        Ok(code) => code,
        Err(failure) => failure.report(),
    }
}

async fn run(cli: Cli) -> Result<ExitCode, Failure> {
    let Cli { command, json, flags } = cli;
    if let Command::Demo(options) = command {
        let config = Config::resolve(None, [], &flags)?;
        let level = flags.log_level.as_ref().map_or(LevelFilter::ERROR, |_| config.log_level);
        telemetry::start(config.log_format, level);
        return demo::run(&options, &flags).await;
    }
    let config = Config::load(&flags)?;
    if let Command::Serve = command {
        telemetry::start(config.log_format, config.log_level);
        return serve::serve(&config).await.map(|()| ExitCode::SUCCESS);
    }

    // A command answers; what a server would log of it is no news to whoever typed it.
    let level = if flags.log_level.is_some() { config.log_level } else { config.log_level.min(LevelFilter::WARN) };
    telemetry::start(config.log_format, level);
    let is_first = matches!(command, Command::Tenant(tenant::Command::Create(_)));
    let roll = Roll::open(&config, is_first).await?;
    let answer = match command {
        Command::Tenant(command) => command.run(&roll).await,
        Command::Token(command) => command.run(&roll).await,
        Command::Connection(command) => command.run(&roll).await,
        Command::Schema(command) => command.run(&roll, Noun::Schema).await,
        Command::ResourceType(command) => command.run(&roll, Noun::ResourceType).await,
        Command::Organization(command) => command.run(&roll).await,
        Command::Group(command) => command.run(&roll).await,
        Command::User(command) => command.run(&roll).await,
        Command::Import(import) => import.run(&roll).await,
        Command::Unconfirmed(unconfirmed) => unconfirmed.run(&roll).await,
        Command::Invite(invite) => invite.run(&roll).await,
        Command::Grant(grant) => grant.run(&roll).await,
        Command::Deny(deny) => deny.run(&roll).await,
        Command::Withdraw(withdraw) => withdraw.run(&roll).await,
        Command::Explain(explain) => explain.run(&roll).await,
        Command::Query(query) => query.run(&roll).await,
        Command::Conflict(command) => command.run(&roll).await,
        Command::Invitation(command) => command.run(&roll).await,
        Command::Link(command) => command.run(&roll).await,
        Command::Hold(command) => command.run(&roll).await,
        Command::Verify(verify) => verify.run(&roll).await,
        Command::Purge(purge) => purge.run(&roll).await,
        Command::Tick => verify::tick(&roll).await,
        Command::Reindex(reindex) => reindex.run(&roll).await,
        Command::Serve | Command::Demo(_) => unreachable!("both have returned above"),
    };
    roll.directory.engine().close().await;
    Ok(answer?.print(json))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
