//! `reenact check`: whether a store with a guarantee can have answered so.

use std::{collections::BTreeSet, fs, path::PathBuf, time::Duration};

use clap::Args;

use super::say;
use reenact_core::{Error, Result};
use reenact_history::{Guarantee, History, Verdict};

/// So many violations of a history are told in full.
const TOLD: usize = 5;

const LINES: &str = "\
A history is JSON lines, an operation each:

  {\"client\":0,\"node\":\"n1\",\"key\":\"x\",\"action\":{\"write\":1},\"from\":0,\"to\":3,\"outcome\":\"ok\"}
  {\"client\":1,\"node\":\"n2\",\"key\":\"x\",\"action\":{\"read\":null},\"from\":4,\"to\":5,\"outcome\":\"ok\"}

`action` is read (a value, or null: the key held nothing), write, or swap ({\"expected\":1,\"new\":2});
`outcome` is ok, failed (certainly without effect) or unknown; `node` may be left out. A client does
one thing at a time. Runs keep theirs as history.jsonl.

Exit code: 0 it holds, 1 it is violated, 4 it cannot be told, 2 no history: file and line are told.";

#[derive(Args)]
#[command(after_help = LINES)]
pub(super) struct Check {
    /// Files of histories
    #[arg(required = true, value_name = "HISTORY")]
    histories: Vec<PathBuf>,

    /// What is promised: linearizable, causal, read-your-writes or monotonic-reads
    #[arg(long, default_value = "linearizable")]
    model: Guarantee,

    /// For how many seconds an order is searched for, in each history
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    limit: u64,
}

impl Check {
    pub(super) fn execute(self) -> Result<u8> {
        let mut codes = BTreeSet::new();
        for path in &self.histories {
            let name = path.display();
            let no_history = |why: String| Error::usage(format!("{name}: {why}"), "`reenact check --help` shows one");
            let text = fs::read_to_string(path).map_err(|error| no_history(format!("cannot be read: {error}")))?;
            let history = History::from_json_lines(&text).map_err(|invalid| no_history(invalid.to_string()))?;
            let verdict = self.model.check(&history, Duration::from_secs(self.limit));
            let (code, words) = told(&verdict);
            say(format!("{name}: {} operations, {}: {words}", history.operations().len(), self.model));
            codes.insert(code);
        }
        // A violation is certain, whatever could not be told of another history.
        Ok([1, 4].into_iter().find(|code| codes.contains(code)).unwrap_or(0))
    }
}

/// The exit code of a verdict, and its words.
fn told(verdict: &Verdict) -> (u8, String) {
    match verdict {
        Verdict::Holds => (0, "holds".into()),
        Verdict::Unknown { why } => (4, format!("unknown: {why}")),
        Verdict::Violated(violations) => {
            let told = violations.iter().take(TOLD).map(|violation| format!("\n{violation}"));
            let more = match violations.len().saturating_sub(TOLD) {
                0 => String::new(),
                more => format!("\nand {more} more"),
            };
            (1, format!("{} violations{}{more}", violations.len(), told.collect::<String>()))
        }
    }
}
