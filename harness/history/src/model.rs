//! What a history is: operations on keys, each with its client, its moments and its outcome.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    io::{self, Write},
};

use serde::{Deserialize, Serialize};

/// What a client did to a key. A key holds a number, or nothing at first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Reads, and what came back; `None`: the key held nothing. Of a read that did not succeed
    /// it means nothing.
    Read(Option<u64>),
    /// Writes this value, whatever the key holds.
    Write(u64),
    /// Compare-and-set: writes `new` if the key holds `expected`.
    Swap {
        /// What the key must hold; `None`: nothing.
        expected: Option<u64>,
        /// What it holds afterwards.
        new: u64,
    },
}

/// What the client was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It took effect between the two moments.
    Ok,
    /// It certainly had no effect.
    Failed,
    /// It may have had its effect, or have it at any later time, or never.
    Unknown,
}

/// One operation of one client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operation {
    /// Who asked. A client does one thing at a time.
    pub client: u32,
    /// Whom it asked; may be left out.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub node: String,
    /// Of which key.
    pub key: String,
    /// What it did.
    pub action: Action,
    /// When it began, in milliseconds since the run began. Checkers use the order of moments
    /// only, so any other unit does as well.
    pub from: u64,
    /// When the client knew the outcome. Two operations of which one ends at the very moment at
    /// which the other begins count as concurrent.
    pub to: u64,
    /// What the client was told.
    pub outcome: Outcome,
}

impl Operation {
    /// Whether it certainly took effect before the other began.
    pub(crate) fn precedes(&self, other: &Self) -> bool {
        self.outcome == Outcome::Ok && self.to < other.from
    }

    /// What it certainly saw the key hold.
    pub(crate) fn saw(&self) -> Option<Option<u64>> {
        match self.action {
            Action::Read(value) | Action::Swap { expected: value, .. } if self.outcome == Outcome::Ok => Some(value),
            _ => None,
        }
    }

    /// What it writes, whether or not that took effect.
    pub(crate) fn writes(&self) -> Option<u64> {
        match self.action {
            Action::Read(_) => None,
            Action::Write(value) | Action::Swap { new: value, .. } => Some(value),
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let held = |value: Option<u64>| value.map_or("nothing".to_owned(), |value| value.to_string());
        match self.action {
            Action::Read(value) => write!(f, "read {}", held(value)),
            Action::Write(value) => write!(f, "write {value}"),
            Action::Swap { expected, new } => write!(f, "swap {} for {new}", held(expected)),
        }?;
        write!(f, " (client {}", self.client)?;
        if !self.node.is_empty() {
            write!(f, " at {}", self.node)?;
        }
        match self.outcome {
            Outcome::Ok => write!(f, ", {} to {} ms)", self.from, self.to),
            Outcome::Failed => write!(f, ", {} to {} ms, failed)", self.from, self.to),
            Outcome::Unknown => write!(f, ", from {} ms, outcome unknown)", self.from),
        }
    }
}

/// Operations that a checker can be asked about.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct History(Vec<Operation>);

/// What is wrong with a history, and where.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct Invalid {
    /// The number of the operation, which is the line that it stands on, from 1.
    pub line: usize,
    /// What is wrong there.
    pub why: String,
}

impl History {
    /// A history of these operations, in any order.
    ///
    /// # Errors
    /// [`Invalid`] if an operation ends before it begins, or a client does two things at once.
    pub fn new(operations: Vec<Operation>) -> Result<Self, Invalid> {
        let ends_early = operations.iter().position(|operation| operation.to < operation.from);
        if let Some(at) = ends_early {
            return Err(Invalid { line: at + 1, why: "the operation ends before it begins: `to` < `from`".into() });
        }
        for session in sessions(&operations).values() {
            for pair in session.windows(2) {
                let [before, after] = [pair[0], pair[1]].map(|at| &operations[at]);
                if after.from < before.to {
                    let Operation { client, from, .. } = after;
                    let why = format!(
                        "client {client} begins this at {from} ms, while its operation of line {} goes on until {} ms; \
                         a client does one thing at a time",
                        pair[0] + 1,
                        before.to
                    );
                    return Err(Invalid { line: pair[1] + 1, why });
                }
            }
        }
        Ok(Self(operations))
    }

    /// Reads JSON lines, an [`Operation`] each.
    ///
    /// # Errors
    /// [`Invalid`] with the line that is none, or as [`History::new`].
    pub fn from_json_lines(text: &str) -> Result<Self, Invalid> {
        let parse = |(at, line)| {
            serde_json::from_str(line).map_err(|error: serde_json::Error| {
                // It counts lines too, and has seen one.
                let said = error.to_string();
                let what = said.split(" at line ").next().unwrap_or(&said);
                Invalid { line: at + 1, why: format!("no operation: {what}, column {}", error.column()) }
            })
        };
        Self::new(text.lines().enumerate().map(parse).collect::<Result<_, _>>()?)
    }

    /// Writes it as JSON lines.
    ///
    /// # Errors
    /// What the writer says.
    pub fn to_json_lines(&self, mut to: impl Write) -> io::Result<()> {
        for operation in &self.0 {
            serde_json::to_writer(&mut to, operation)?;
            to.write_all(b"\n")?;
        }
        to.flush()
    }

    /// Its operations, in the order in which they were given.
    pub fn operations(&self) -> &[Operation] {
        &self.0
    }

    /// How many of them are reads that came back.
    pub fn reads(&self) -> usize {
        let is_read = |operation: &&Operation| matches!(operation.action, Action::Read(_));
        self.0.iter().filter(is_read).filter(|read| read.outcome == Outcome::Ok).count()
    }

    /// The operations of each key.
    pub(crate) fn by_key(&self) -> BTreeMap<&str, Vec<&Operation>> {
        let mut keys: HashMap<&str, Vec<&Operation>> = HashMap::new();
        for operation in &self.0 {
            keys.entry(&operation.key).or_default().push(operation);
        }
        keys.into_iter().collect()
    }

    /// What each client did, in its order; as places in [`History::operations`].
    pub(crate) fn sessions(&self) -> BTreeMap<u32, Vec<usize>> {
        sessions(&self.0)
    }
}

fn sessions(operations: &[Operation]) -> BTreeMap<u32, Vec<usize>> {
    let mut sessions: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for (at, operation) in operations.iter().enumerate() {
        sessions.entry(operation.client).or_default().push(at);
    }
    for session in sessions.values_mut() {
        session.sort_by_key(|&at| (operations[at].from, operations[at].to));
    }
    sessions
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: &str = r#"{"client":0,"node":"n1","key":"x","action":{"write":1},"from":0,"to":3,"outcome":"ok"}
{"client":1,"key":"x","action":{"read":null},"from":1,"to":2,"outcome":"ok"}
{"client":1,"key":"x","action":{"swap":{"expected":1,"new":2}},"from":2,"to":9,"outcome":"unknown"}
{"client":0,"key":"y","action":{"write":5},"from":3,"to":4,"outcome":"failed"}
"#;

    #[test]
    fn a_history_is_read_and_written_a_line_an_operation() {
        let history = History::from_json_lines(LINES).expect("a history");
        assert_eq!(history.operations().len(), 4);
        let mut text = Vec::new();
        history.to_json_lines(&mut text).expect("it is written");
        assert_eq!(String::from_utf8(text).expect("text"), LINES);
        assert_eq!(History::from_json_lines("").expect("an empty one"), History::default());
    }

    #[test]
    fn an_operation_is_told_as_a_person_would() {
        let history = History::from_json_lines(LINES).expect("a history");
        let told: Vec<_> = history.operations().iter().map(Operation::to_string).collect();
        assert_eq!(
            told,
            [
                "write 1 (client 0 at n1, 0 to 3 ms)",
                "read nothing (client 1, 1 to 2 ms)",
                "swap 1 for 2 (client 1, from 2 ms, outcome unknown)",
                "write 5 (client 0, 3 to 4 ms, failed)",
            ]
        );
    }

    fn invalid(lines: &[&str]) -> Invalid {
        History::from_json_lines(&lines.join("\n")).expect_err("it is none")
    }

    #[test]
    fn what_is_no_history_is_told_with_its_line() {
        let line = |from, to| {
            format!(r#"{{"client":0,"key":"x","action":{{"write":{from}}},"from":{from},"to":{to},"outcome":"ok"}}"#)
        };
        let (first, second) = (line(1, 5), line(4, 6));
        for (lines, at, word) in [
            (vec![first.as_str(), "{}"], 2, "missing field `client`"),
            (vec![&first, &first.replace("key", "kee")], 2, "unknown field `kee`"),
            (vec![&first, &first.replace("\"ok\"", "\"fine\"")], 2, "unknown variant `fine`"),
            (vec![&line(6, 5)], 1, "ends before it begins"),
            (vec![&second, &first], 1, "operation of line 2 goes on until 5 ms"),
            (vec![&first, "", &second], 2, "no operation: EOF while parsing a value, column 0"),
        ] {
            let error = invalid(&lines);
            assert!(error.line == at && error.why.contains(word), "{error}");
        }
        let touching = [line(1, 5), line(5, 6)].join("\n");
        assert!(History::from_json_lines(&touching).is_ok(), "one after the other");
    }
}
