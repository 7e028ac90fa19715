//! Signals in short.

use jiff::Timestamp;

use crate::probe::{Answer, Moment, Observation, Signal};

/// 2026-01-01, where the clocks of tapes begin, in milliseconds since 1970.
pub const EPOCH_MS: i64 = 1_767_225_600_000;

/// A moment of a tape, in milliseconds, by the wall clock.
pub fn wall(at: u64) -> Timestamp {
    Timestamp::from_millisecond(EPOCH_MS + at as i64).expect("a moment of this century")
}

/// What was seen of a node at a moment, in milliseconds.
pub fn seen(at: u64, node: &str, signal: Signal) -> Observation {
    Observation { at: Moment(at), wall: wall(at), node: node.into(), signal }
}

/// An answer with these values.
pub fn values<N: Into<String>>(said: impl IntoIterator<Item = (N, impl ToString)>) -> Answer {
    Answer::Values { values: said.into_iter().map(|(name, value)| (name.into(), value.to_string())).collect() }
}

/// An answer that is an error.
pub fn error(code: &str, text: &str) -> Answer {
    Answer::Error { code: code.into(), text: text.into() }
}

/// No answer.
pub fn hung(during: &str) -> Answer {
    Answer::Hung { during: during.into() }
}

/// What came back for a question.
pub fn query(of: &str, answer: Answer) -> Signal {
    Signal::Query { of: of.into(), answer }
}

/// A line of a log.
pub fn log(line: &str) -> Signal {
    Signal::Log { line: line.into() }
}

/// A machine's state; `exit`: its code, whether for want of memory, and when.
pub fn machine(running: bool, paused: bool, exit: Option<(i64, bool, u64)>) -> Signal {
    Signal::Machine {
        running,
        paused,
        exit_code: exit.map(|(code, ..)| code),
        oom_killed: exit.is_some_and(|(_, oom, _)| oom),
        finished: exit.map(|(.., at)| wall(at)),
    }
}
