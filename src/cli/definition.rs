//! `schema` and `resource-type`: `put FILE`, `list`, `show`, `delete`: what a tenant defines of its own (docs/schemas.md).

use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::answer::table;
use super::roll::TenantName;
use super::{Answer, Failure, Roll};
use crate::directory::{Defined, DefinitionInfo, Noun, TenantInfo};

/// How many transactions on stored data pass between two lines that say how far it is.
const BATCHES: usize = 50;
/// No file of a definition is as long.
const LONGEST: u64 = 1 << 20;

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Make or change one, as its file says (JSON; `-` is standard input)
    Put(Put),
    /// List all, built-in ones included
    List(TenantName),
    /// Show one, in the form that `put` reads
    Show(Show),
    /// Take one away; of a built-in type, the tenant's extensions
    Delete(Delete),
}

#[derive(Debug, clap::Args)]
pub struct Put {
    file: PathBuf,
    /// Take values away of what goes with this change
    #[arg(long)]
    discard: bool,
    #[command(flatten)]
    tenant: TenantName,
}

#[derive(Debug, clap::Args)]
pub struct Show {
    /// The URN of a schema, the name of a type
    name: String,
    #[command(flatten)]
    tenant: TenantName,
}

#[derive(Debug, clap::Args)]
pub struct Delete {
    /// The URN of a schema, the name of a type
    name: String,
    /// Take the values away as well
    #[arg(long)]
    discard: bool,
    #[command(flatten)]
    tenant: TenantName,
}

impl Command {
    pub async fn run(&self, roll: &Roll, noun: Noun) -> Result<Answer, Failure> {
        match self {
            Self::Put(put) => {
                let tenant = roll.tenant(&put.tenant).await?;
                let body = read(&put.file)?;
                let mut first = None;
                let created = loop {
                    let done = roll.directory.define(&tenant.id, noun, &body, put.discard, BATCHES).await?;
                    let created = *first.get_or_insert(done.created);
                    if is_through(&done) {
                        break created;
                    }
                };
                let name = match noun {
                    Noun::Schema => &body["id"],
                    Noun::ResourceType => &body["name"],
                };
                let name = name.as_str().unwrap_or_default();
                let word = if created { "made" } else { "as the file says" };
                Ok(Answer::new(
                    format!("{} {name}: {word}", word_of(noun)),
                    shown(known(roll, &tenant, noun, name).await?),
                ))
            }
            Self::List(tenant) => {
                let tenant = roll.tenant(tenant).await?;
                let all = roll.directory.definitions(&tenant.id, noun).await?;
                let rows = all.iter().map(|info| {
                    let whose = if info.built_in { "built in" } else { "own" };
                    let change =
                        info.change.map_or("-".to_owned(), |change| format!("{} of {}", change.done, change.total));
                    [info.name.clone(), whose.to_owned(), change]
                });
                let text = table("none", ["name", "whose", "change"], rows);
                let list = match noun {
                    Noun::Schema => "schemas",
                    Noun::ResourceType => "resourceTypes",
                };
                Ok(Answer::new(text, json!({ list: all.into_iter().map(shown).collect::<Vec<_>>() })))
            }
            Self::Show(show) => {
                let tenant = roll.tenant(&show.tenant).await?;
                let info = known(roll, &tenant, noun, &show.name).await?;
                Ok(Answer::new(serde_json::to_string_pretty(&info.body).unwrap_or_default(), shown(info)))
            }
            Self::Delete(delete) => {
                let tenant = roll.tenant(&delete.tenant).await?;
                loop {
                    let gone = roll.directory.undefine(&tenant.id, noun, &delete.name, delete.discard, BATCHES).await?;
                    if is_through(&gone) {
                        break;
                    }
                }
                let text = format!("{} {} is gone", word_of(noun), delete.name);
                Ok(Answer::new(text, json!({ "deleted": delete.name })))
            }
        }
    }
}

/// Says how far a change is that is not.
fn is_through(defined: &Defined) -> bool {
    if let Some(change) = defined.change {
        eprintln!("{} of {} resources", change.done, change.total);
    }
    defined.change.is_none()
}

async fn known(roll: &Roll, tenant: &TenantInfo, noun: Noun, name: &str) -> Result<DefinitionInfo, Failure> {
    let found = roll.directory.definition(&tenant.id, noun, name).await?;
    found.ok_or_else(|| Failure::Refused(format!("there is no {} {name:?}", word_of(noun))))
}

fn shown(info: DefinitionInfo) -> Value {
    let mut body = info.body;
    body["builtIn"] = info.built_in.into();
    if let Some(change) = info.change {
        body["change"] = json!(change);
    }
    body
}

fn word_of(noun: Noun) -> &'static str {
    match noun {
        Noun::Schema => "schema",
        Noun::ResourceType => "resource type",
    }
}

fn read(file: &Path) -> Result<Value, Failure> {
    let named = |error: &dyn std::fmt::Display| Failure::Refused(format!("{}: {error}", file.display()));
    let mut text = String::new();
    if file == Path::new("-") {
        std::io::stdin().take(LONGEST).read_to_string(&mut text).map_err(|e| named(&e))?;
    } else {
        let opened = std::fs::File::open(file).map_err(|e| named(&e))?;
        opened.take(LONGEST).read_to_string(&mut text).map_err(|e| named(&e))?;
    }
    crate::scim::document::parse_json(text.as_bytes()).map_err(|error| named(&error))
}
