//! An identity provider's push that is not ours: `scim2-client` from PyPI, driven by `tests/referees/scim2_pusher.py`.
//!
//! It runs as a child process and speaks real HTTP to the server. `./check` installs it; without it a test fails and says so.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::Value;

pub struct Pusher {
    process: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Pusher {
    /// `base` ends in `/scim/v2`. The client discovers what the server offers before it does anything.
    pub fn start(base: &str, token: &str) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
        let python = target.join("referees/scim2-tester/bin/python");
        assert!(
            python.exists(),
            "this test needs scim2-client: run ./check, or tests/referees/install-scim2-tester.sh {}",
            target.join("referees/scim2-tester").display()
        );
        let mut process = Command::new(python)
            .arg(root.join("tests/referees/scim2_pusher.py"))
            .args([base, token])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Python starts");
        let input = process.stdin.take();
        let output = BufReader::new(process.stdout.take().expect("standard output is piped"));
        let mut pusher = Self { process, input, output };
        let ready = pusher.answer();
        assert_eq!(ready["models"], serde_json::json!(["Group", "User"]), "what the client discovered");
        pusher
    }

    /// One act: `{"do": "create", "type": "User", "resource": {…}}` and the like; its answer.
    pub fn act(&mut self, act: &Value) -> Value {
        let input = self.input.as_mut().expect("the client runs until it is dropped");
        writeln!(input, "{act}").expect("the client reads");
        self.answer()
    }

    /// An act that must succeed.
    #[track_caller]
    pub fn done(&mut self, act: &Value) -> Value {
        let answer = self.act(act);
        assert_eq!(answer["status"], "ok", "{act}: {answer}");
        answer
    }

    fn answer(&mut self) -> Value {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("the client writes lines");
        assert!(!line.is_empty(), "the client stopped: its reason is above");
        serde_json::from_str(&line).expect("a line of JSON")
    }
}

impl Drop for Pusher {
    fn drop(&mut self) {
        drop(self.input.take()); // the end of its input ends it
        if !matches!(self.process.try_wait(), Ok(Some(_))) {
            drop(self.process.kill());
        }
        drop(self.process.wait());
    }
}
