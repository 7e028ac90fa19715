//! Signals and answers as they are read back from a recording.
//!
//! Serde reads a tagged enum twice: first into a tree of its own, because the tag may come
//! last. A row with a place for each field of each kind is read once, in any order.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

use super::{Answer, Mount, PortState, Signal};

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Port,
    Query,
    Log,
    File,
    Processes,
    Mounts,
    Kernel,
    Machine,
    Blind,
}

/// A signal of any kind.
#[derive(Deserialize)]
pub(super) struct AnySignal {
    kind: Kind,
    port: Option<u16>,
    state: Option<PortState>,
    of: Option<String>,
    answer: Option<Answer>,
    line: Option<String>,
    path: Option<String>,
    content: Option<String>,
    commands: Option<Vec<String>>,
    table: Option<Vec<Mount>>,
    running: Option<bool>,
    paused: Option<bool>,
    exit_code: Option<i64>,
    #[serde(default)]
    oom_killed: bool,
    finished: Option<Timestamp>,
    probe: Option<String>,
    why: Option<String>,
}

impl TryFrom<AnySignal> for Signal {
    type Error = String;

    fn try_from(any: AnySignal) -> Result<Self, String> {
        Ok(match any.kind {
            Kind::Port => Self::Port { port: there(any.port, "port")?, state: there(any.state, "state")? },
            Kind::Query => Self::Query { of: there(any.of, "of")?, answer: there(any.answer, "answer")? },
            Kind::Log => Self::Log { line: there(any.line, "line")? },
            Kind::File => Self::File { path: there(any.path, "path")?, content: any.content },
            Kind::Processes => Self::Processes { commands: there(any.commands, "commands")? },
            Kind::Mounts => Self::Mounts { table: there(any.table, "table")? },
            Kind::Kernel => Self::Kernel { line: there(any.line, "line")? },
            Kind::Machine => Self::Machine {
                running: there(any.running, "running")?,
                paused: there(any.paused, "paused")?,
                exit_code: any.exit_code,
                oom_killed: any.oom_killed,
                finished: any.finished,
            },
            Kind::Blind => Self::Blind { probe: there(any.probe, "probe")?, why: there(any.why, "why")? },
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum What {
    Values,
    Error,
    Refused,
    Hung,
}

/// An answer of any kind.
#[derive(Deserialize)]
pub(super) struct AnyAnswer {
    answer: What,
    values: Option<BTreeMap<String, String>>,
    code: Option<String>,
    text: Option<String>,
    during: Option<String>,
}

impl TryFrom<AnyAnswer> for Answer {
    type Error = String;

    fn try_from(any: AnyAnswer) -> Result<Self, String> {
        Ok(match any.answer {
            What::Values => Self::Values { values: there(any.values, "values")? },
            What::Error => Self::Error { code: there(any.code, "code")?, text: there(any.text, "text")? },
            What::Refused => Self::Refused,
            What::Hung => Self::Hung { during: there(any.during, "during")? },
        })
    }
}

fn there<T>(value: Option<T>, name: &str) -> Result<T, String> {
    value.ok_or_else(|| format!("missing field `{name}`"))
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
    fn the_tag_may_come_last_and_older_machines_tell_less() {
        let read = |text| serde_json::from_str::<Signal>(text);
        assert_eq!(read(r#"{"line":"x","kind":"log"}"#).expect("a log"), Signal::Log { line: "x".into() });
        read(r#"{"kind":"machine","running":true,"paused":false,"exit_code":null}"#).expect("a machine");
    }

    #[test]
    fn what_is_missing_or_unknown_is_named() {
        for (text, word) in [
            (r#"{"kind":"port","port":1}"#, "missing field `state`"),
            (r#"{"kind":"smell"}"#, "unknown variant `smell`"),
            (r#"{"kind":"query","of":"x","answer":{"answer":"hung"}}"#, "missing field `during`"),
            (r#"{"line":"x"}"#, "missing field `kind`"),
        ] {
            let error = serde_json::from_str::<Signal>(text).expect_err("no signal").to_string();
            assert!(error.contains(word), "{error}");
        }
    }
}
