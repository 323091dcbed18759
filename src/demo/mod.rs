//! demo
use std::net::SocketAddr;
use std::process::ExitCode;
use crate::cli::Failure;
use crate::config::DatabaseUrl;
#[derive(Debug, clap::Args)]
pub struct Options {
    /// End after the story; the exit code says whether every step answered as it should
    #[arg(long)]
    once: bool,
}
pub async fn run(_o: &Options, _d: Option<&DatabaseUrl>, _l: Option<SocketAddr>) -> Result<ExitCode, Failure> { Ok(ExitCode::SUCCESS) }
