//! `rollkeeper demo`: the main job as a story, against a server of its own and over real HTTP.
//!
//! Owns the demo's world: an SQLite file in a fresh folder (or the database that `--database` names), a tenant `demo`, an
//! identity provider with its own key, and the server. The story checks everything it shows; afterwards the server
//! keeps running, so that what was told can be tried.

mod provider;
mod stage;
mod story;

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::app::stop_signal;
use crate::auth::egress::EgressPolicy;
use crate::auth::token::Scope;
use crate::cli::Failure;
use crate::cli::serve::assemble;
use crate::clock::Ids;
use crate::config::{Config, Flags};
use crate::directory::Directory;

use provider::Provider;
use stage::{Actor, Stage, line};
use story::Story;

/// The demo's tenant.
const TENANT: &str = "demo";

#[derive(Debug, clap::Args)]
pub struct Options {
    /// End after the story; the exit code says whether every step answered as it should
    #[arg(long)]
    once: bool,
}

/// The three tokens that the story is played with.
pub struct Cast {
    /// Entra, Okta, whoever pushes.
    pub idp: Actor,
    pub administrator: Actor,
    /// The application that people sign in to.
    pub application: Actor,
}

pub async fn run(options: &Options, flags: &Flags) -> Result<ExitCode, Failure> {
    // A world of its own: no settings file and no environment lead the demo to a real database.
    let mut given = Vec::new();
    let folder = match flags.database {
        Some(_) => None,
        None => Some(Folder::new(&Ids::system()).map_err(|error| failed("a temporary folder", error))?),
    };
    if let Some(folder) = &folder {
        let url = format!("sqlite://{}", folder.0.join("demo.db").display());
        given.push(("ROLLKEEPER_DATABASE".to_owned(), url));
    }
    if flags.listen.is_none() {
        given.push(("ROLLKEEPER_LISTEN".to_owned(), "127.0.0.1:0".to_owned()));
    }
    let config = Config::resolve(None, given, flags)?;
    let directory = crate::cli::connect(&config, config.max_connections).await?;
    let told = play(options, &config, &directory).await;
    directory.engine().close().await;
    drop(folder);
    told
}

async fn play(options: &Options, config: &Config, directory: &Directory) -> Result<ExitCode, Failure> {
    let provider = Provider::start(directory.clock().clone(), directory.ids().clone())
        .await
        .map_err(|error| failed("the demo's identity provider", error))?;
    let tenant = directory.create_tenant(TENANT, "directory").await?;
    let cast = Cast {
        idp: actor(directory, &tenant.id, "the identity provider", Scope::Scim).await?,
        administrator: actor(directory, &tenant.id, "the administrator", Scope::Admin).await?,
        application: actor(directory, &tenant.id, "the application", Scope::JitLogin).await?,
    };

    // The demo's identity provider is on this machine and speaks http, which no real server would fetch from.
    let egress = EgressPolicy { allow_loopback_http: true, ..EgressPolicy::default() };
    let app = assemble(config, directory, egress);
    let listener = TcpListener::bind(config.listen).await.map_err(|error| failed(&config.listen.to_string(), error))?;
    let address = listener.local_addr().map_err(|error| failed("the listener", error))?;
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(async move { app.serve(listener, async move { drop(stopped.await) }).await });

    let mut stage = Stage::new(format!("http://{address}")).map_err(|error| Failure::refused(error.to_string()))?;
    stage.title("Rollkeeper: the main job, played over HTTP");
    line(format!("server {address}, tenant {TENANT}, identity provider {}", provider.issuer));
    let mut story = Story::new(&mut stage, &cast, &provider);
    story.tell().await;
    let differences = directory.verify(Some(&tenant.id)).await?.len();
    stage.check(differences == 0, "verify: everything derived is what its registers give");

    let (steps, wrong) = (stage.steps(), stage.failed());
    line("");
    if wrong == 0 {
        stage.title(&format!("{steps} steps, and every answer was as it should be."));
    } else {
        stage.title(&format!("{wrong} of the checks in {steps} steps FAILED."));
    }
    if !options.once {
        invite(&stage, address, &cast, &provider);
        stop_signal().await;
        line("stopping");
    }
    // An error means that the server has ended by itself, which the next line tells.
    let _ = stop.send(());
    let served = serving.await.map_err(|error| Failure::refused(error.to_string()))?;
    served.map_err(|error| failed("the server", error))?;
    Ok(if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn actor(directory: &Directory, tenant: &str, name: &'static str, scope: Scope) -> Result<Actor, Failure> {
    let (_, token) = directory.create_token(tenant, scope, &[], Some("demo"), None).await?;
    Ok(Actor { name, token })
}

/// What to try next, ready to be pasted.
fn invite(stage: &Stage, address: SocketAddr, cast: &Cast, provider: &Provider) {
    let (idp, administrator, application) = (&cast.idp.token, &cast.administrator.token, &cast.application.token);
    let issuer = &provider.issuer;
    line("");
    stage.title("The server keeps running until Ctrl-C. Paste this into another terminal:");
    line(format!(
        r#"
  BASE=http://{address}/t/{TENANT}
  PUSH={idp}
  ADMIN={administrator}
  APP={application}
  IDP={issuer}

  # who is active, in order
  curl -sG "$BASE/scim/v2/Users" -H "Authorization: Bearer $ADMIN" \
    --data-urlencode 'filter=active eq true' --data-urlencode 'sortBy=userName'

  # push somebody, as an identity provider does
  curl -s "$BASE/scim/v2/Users" -H "Authorization: Bearer $PUSH" -H 'Content-Type: application/scim+json' \
    -d '{{"userName":"zoe@acme.example","externalId":"00u-zoe","name":{{"givenName":"Zoe","familyName":"Quinn"}}}}'

  # sign her in: the demo's identity provider signs whatever it is asked for
  TOKEN=$(curl -sG "$IDP/token" -d sub=00u-zoe -d email=zoe@acme.example -d groups=acme:design -d nonce=n1)
  curl -s "$BASE/jit/v1/logins" -H "Authorization: Bearer $APP" -H 'Content-Type: application/json' \
    -d '{{"connection":"default","evidence":{{"type":"oidc_id_token","id_token":"'$TOKEN'","nonce":"n1"}}}}'

  # what has changed since the beginning
  curl -s "$BASE/admin/v1/events" -H "Authorization: Bearer $ADMIN"
"#
    ));
}

fn failed(what: &str, error: io::Error) -> Failure {
    Failure::refused(format!("{what}: {error}"))
}

/// A folder of this run's own, for nobody else to read, gone at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(ids: &Ids) -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("rollkeeper-demo-{}", ids.new()));
        let mut builder = fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed is the temporary folder's to clean.
        let _ = fs::remove_dir_all(&self.0);
    }
}
