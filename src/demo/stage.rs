//! Where the story is played: real requests, printed so that they can be read, and checks of what came back.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use reqwest::{Client, Method, StatusCode};
use serde_json::Value;

/// Of the lines of a step.
const INDENT: &str = "     ";
/// A longer body is cut where it is shown.
const LONGEST_LINE: usize = 110;

pub struct Stage {
    client: Client,
    /// `http://127.0.0.1:41233`.
    base: String,
    colours: bool,
    steps: usize,
    failed: usize,
}

/// Who sends a request, and with which token.
#[derive(Clone)]
pub struct Actor {
    pub name: &'static str,
    pub token: String,
}

pub struct Reply {
    pub status: u16,
    pub body: Value,
}

impl Reply {
    /// The text at a place of the body, or nothing.
    pub fn text(&self, pointer: &str) -> &str {
        self.body.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    pub fn id(&self) -> String {
        self.text("/id").to_owned()
    }

    pub fn is(&self, pointer: &str, expected: impl Into<Value>) -> bool {
        self.body.pointer(pointer) == Some(&expected.into())
    }
}

#[derive(Clone, Copy)]
enum Ink {
    Bold,
    Dim,
    Green,
    Red,
    Cyan,
}

impl Stage {
    pub fn new(base: String) -> reqwest::Result<Self> {
        let client = Client::builder().no_proxy().build()?;
        let colours = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Ok(Self { client, base, colours, steps: 0, failed: 0 })
    }

    pub fn steps(&self) -> usize {
        self.steps
    }

    pub fn failed(&self) -> usize {
        self.failed
    }

    /// The headline of the next step, and what it is about.
    pub fn step(&mut self, headline: &str, about: &str) {
        self.steps += 1;
        let number = format!("{:>2}", self.steps);
        line("");
        line(format!("{}  {}", self.ink(Ink::Cyan, &number), self.ink(Ink::Bold, headline)));
        for words in about.lines() {
            line(format!("    {}", self.ink(Ink::Dim, words)));
        }
        line("");
    }

    /// Sends a request and prints it; `shown` stands for the body. The answer is printed as `telling` puts it.
    pub async fn send(
        &mut self,
        actor: &Actor,
        method: Method,
        path: &str,
        body: Option<&Value>,
        shown: &str,
        telling: impl Fn(&Value) -> String,
    ) -> Reply {
        let request = format!("{method} {}", plain(path));
        let name = self.ink(Ink::Dim, &format!("({})", actor.name));
        line(format!("{INDENT}{} {}  {name}", self.ink(Ink::Cyan, "→"), self.ink(Ink::Bold, &request)));
        if !shown.is_empty() {
            line(format!("{INDENT}  {}", short(shown)));
        }
        let reply = match self.exchange(actor, method, path, body).await {
            Ok(reply) => reply,
            Err(error) => {
                self.check(false, &format!("no answer: {error}"));
                return Reply { status: 0, body: Value::Null };
            }
        };
        let telling = if reply.status < 400 { telling(&reply.body) } else { problem(&reply.body) };
        let status = StatusCode::from_u16(reply.status).ok().and_then(|status| status.canonical_reason());
        let status = self.ink(Ink::Bold, &format!("{} {}", reply.status, status.unwrap_or_default()));
        line(format!("{INDENT}{} {status}  {telling}", self.ink(Ink::Cyan, "←")));
        reply
    }

    async fn exchange(
        &self,
        actor: &Actor,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> reqwest::Result<Reply> {
        let mut request = self.client.request(method, format!("{}{path}", self.base)).bearer_auth(&actor.token);
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await?;
        let status = response.status().as_u16();
        let text = response.bytes().await?;
        Ok(Reply { status, body: serde_json::from_slice(&text).unwrap_or_default() })
    }

    /// What this step is to show; a false one makes the whole story fail.
    pub fn check(&mut self, holds: bool, what: &str) {
        let mark = if holds { self.ink(Ink::Green, "✓") } else { self.ink(Ink::Red, "✗") };
        if !holds {
            self.failed += 1;
        }
        line(format!("{INDENT}{mark} {what}"));
    }

    /// A heading outside of the story.
    pub fn title(&self, text: &str) {
        line(self.ink(Ink::Bold, text));
    }

    fn ink(&self, ink: Ink, text: &str) -> String {
        if !self.colours {
            return text.to_owned();
        }
        let code = match ink {
            Ink::Bold => "1",
            Ink::Dim => "2",
            Ink::Green => "32",
            Ink::Red => "31",
            Ink::Cyan => "36",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }
}

/// A line of the transcript. Whoever closed the pipe has read enough.
pub fn line(text: impl Display) {
    let _ = writeln!(io::stdout().lock(), "{text}");
}

/// An id as it is shown: its last eight digits tell it from the others.
pub fn tail(id: &str) -> String {
    match id.char_indices().rev().nth(7) {
        Some((at, _)) if at > 0 => format!("…{}", &id[at..]),
        _ => id.to_owned(),
    }
}

/// A path as it is shown: ids by their last digits, and without the filter, which is told in its own line.
fn plain(path: &str) -> String {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let shorten = |text: &str| if text.len() >= 36 { tail(text) } else { text.to_owned() };
    let mut plain = path.split('/').map(shorten).collect::<Vec<_>>().join("/");
    for (at, pair) in query.split('&').filter(|pair| !pair.is_empty()).enumerate() {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = if name == "filter" { "…".to_owned() } else { shorten(value) };
        plain.push_str(&format!("{}{name}={value}", if at == 0 { '?' } else { '&' }));
    }
    plain
}

fn short(text: &str) -> String {
    if text.chars().count() <= LONGEST_LINE {
        return text.to_owned();
    }
    text.chars().take(LONGEST_LINE - 1).chain(['…']).collect()
}

/// A refusal: its code, and the sentence for the person in front of the screen.
fn problem(body: &Value) -> String {
    let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
    let code = if text("code").is_empty() { text("scimType") } else { text("code") };
    let reference = text("decisionId");
    let detail = if reference.is_empty() {
        text("detail").to_owned()
    } else {
        text("detail").replace(reference, &tail(reference))
    };
    [code, &detail].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_long_lines_are_cut() {
        assert_eq!(tail("0192f0c4-7d1e-7a3b-9c55-4b1f0a2e6d88"), "…0a2e6d88");
        assert_eq!(tail("short"), "short");
        assert_eq!(short(&"ä".repeat(200)).chars().count(), LONGEST_LINE);
        assert_eq!(short("{}"), "{}");
        let id = "0192f0c4-7d1e-7a3b-9c55-4b1f0a2e6d88";
        let path = format!("/t/demo/people/{id}/explain?group={id}&filter=a+eq+1&limit=5");
        assert_eq!(plain(&path), "/t/demo/people/…0a2e6d88/explain?group=…0a2e6d88&filter=…&limit=5");
    }
}
