//! Probes read one signal each, the way a person on call could; what they see
//! becomes one timestamped stream.

mod canary;
mod mount;
mod prior;
mod question;
mod stream;
mod watch;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use crate::{clock::Clock, clock::Moment};
pub use canary::{Canary, Tried};
pub use mount::{Access, Mount};
pub use prior::Prior;
pub use question::{Question, Values, read_but};
pub use stream::{MOST, StateChange, Stream};
pub use watch::{LOOK, Probe, Watch, blind};

/// What a probe saw on one node at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// When it was seen, on the run's clock.
    pub at: Moment,
    /// The same on the wall clock of the machine that looked.
    pub wall: Timestamp,
    /// The node that was looked at, such as `n1`.
    pub node: String,
    /// What was seen.
    pub signal: Signal,
}

/// One signal of a node. A probe reports what it saw, not what it means.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signal {
    /// A TCP connect to a port of the node.
    Port {
        /// The port's number.
        port: u16,
        /// What became of the connect.
        state: PortState,
    },
    /// A question put to the service over its own protocol.
    Query {
        /// What was asked, such as `sql:status`.
        of: String,
        /// What came back.
        answer: Answer,
    },
    /// A new line of the node's log.
    Log {
        /// The line without its end.
        line: String,
    },
    /// A file's content.
    File {
        /// Its path on the node.
        path: String,
        /// The text; `None`: there is no such file.
        content: Option<String>,
    },
    /// The command lines of all the node's processes.
    Processes {
        /// One entry a process, arguments joined by spaces.
        commands: Vec<String>,
    },
    /// The node's mount table.
    Mounts {
        /// All its rows, one a place.
        table: Vec<Mount>,
    },
    /// A new line of the kernel's log on one of the node's block devices.
    Kernel {
        /// The line without its time.
        line: String,
    },
    /// The machine that the node runs on: here its container.
    Machine {
        /// Whether it runs (paused counts as running).
        running: bool,
        /// Whether it is paused.
        paused: bool,
        /// The exit code of its last run, where it does not run.
        exit_code: Option<i64>,
        /// Whether the kernel ended its last run for want of memory.
        #[serde(default)]
        oom_killed: bool,
        /// When its last run ended, by the daemon's clock, where it does not run.
        finished: Option<Timestamp>,
    },
    /// The probe itself could not look; this says nothing about the node.
    Blind {
        /// Which probe.
        probe: String,
        /// Why.
        why: String,
    },
}

/// What became of a TCP connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PortState {
    /// Accepted. The kernel accepts also for a process that hangs.
    Open,
    /// Reset at once: nothing listens.
    Closed,
    /// No answer within the probe's limit, or no route.
    Silent,
}

/// What came back for a question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Named values, such as status variables.
    Values {
        /// Name to value, as the service gave them.
        values: Values,
    },
    /// The service answered with an error.
    Error {
        /// The service's error code, such as `1047`.
        code: String,
        /// Its text.
        text: String,
    },
    /// The connection was refused: no service.
    Refused,
    /// No answer within the probe's limit.
    Hung {
        /// What was under way: `connect`, `handshake` or `query`.
        during: String,
    },
}

impl Answer {
    /// One of the named values.
    pub fn get(&self, name: &str) -> Option<&str> {
        match self {
            Self::Values { values } => values.get(name).map(String::as_str),
            _ => None,
        }
    }
}

/// The answer that holds these named values.
impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Answer {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(values: I) -> Self {
        Self::Values { values: values.into_iter().map(|(name, value)| (name.into(), value.into())).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One of each kind, with and without what may be missing.
    fn signals() -> Vec<Signal> {
        let answers = [
            Answer::Values { values: [("a".into(), "1".into())].into() },
            Answer::Error { code: "1047".into(), text: "not ready".into() },
            Answer::Refused,
            Answer::Hung { during: "query".into() },
        ];
        let text = || "text".to_owned();
        let mut all = vec![
            Signal::Port { port: 1, state: PortState::Silent },
            Signal::Log { line: text() },
            Signal::File { path: text(), content: Some(text()) },
            Signal::File { path: text(), content: None },
            Signal::Processes { commands: vec![text()] },
            Signal::Mounts { table: Vec::new() },
            Signal::Kernel { line: text() },
            Signal::Machine { running: true, paused: false, exit_code: None, oom_killed: false, finished: None },
            Signal::Machine {
                running: false,
                paused: false,
                exit_code: Some(137),
                oom_killed: true,
                finished: Some(Timestamp::UNIX_EPOCH),
            },
            Signal::Blind { probe: text(), why: text() },
        ];
        all.extend(answers.map(|answer| Signal::Query { of: text(), answer }));
        all
    }

    #[test]
    fn what_is_read_is_what_was_written() {
        for signal in signals() {
            let text = serde_json::to_string(&signal).expect("JSON");
            assert_eq!(serde_json::from_str::<Signal>(&text).expect("a signal"), signal, "{text}");
        }
    }

    #[test]
    fn older_machines_tell_less() {
        let text = r#"{"machine":{"running":true,"paused":false,"exit_code":null,"finished":null}}"#;
        serde_json::from_str::<Signal>(text).expect("a machine");
    }

    #[test]
    fn what_is_missing_or_unknown_is_named() {
        for (text, word) in [
            (r#"{"port":{"port":1}}"#, "missing field `state`"),
            (r#"{"smell":{}}"#, "unknown variant `smell`"),
            (r#"{"query":{"of":"x","answer":{"hung":{}}}}"#, "missing field `during`"),
        ] {
            let error = serde_json::from_str::<Signal>(text).expect_err("no signal").to_string();
            assert!(error.contains(word), "{error}");
        }
    }
}
