//! Whose write a read saw.

use std::collections::HashMap;

use crate::{Kind, Operation, Outcome, Violation};

/// Where a value that was read comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Source<'h> {
    /// The key held nothing.
    Nothing,
    /// This write. It took effect, whatever its client was told.
    Write(&'h Operation),
}

/// The writes of one key, by their values.
pub(crate) struct Sources<'h> {
    key: &'h str,
    /// Those that took effect, or may have.
    writes: HashMap<u64, &'h Operation>,
    failed: HashMap<u64, &'h Operation>,
    /// A value that two writes wrote which may both have taken effect.
    pub(crate) repeated: Option<u64>,
}

impl<'h> Sources<'h> {
    /// Of the operations of one key.
    pub(crate) fn of(key: &'h str, operations: &[&'h Operation]) -> Self {
        let mut sources = Self { key, writes: HashMap::new(), failed: HashMap::new(), repeated: None };
        for operation in operations {
            let Some(value) = operation.writes() else { continue };
            if operation.outcome == Outcome::Failed {
                sources.failed.insert(value, operation);
            } else if sources.writes.insert(value, operation).is_some() {
                sources.repeated = Some(value);
            }
        }
        sources
    }

    /// Whose write that value is, as `reader` saw it; or the violation that it is of nobody's.
    pub(crate) fn find(&self, value: Option<u64>, reader: &Operation) -> Result<Source<'h>, Violation> {
        let Some(value) = value else { return Ok(Source::Nothing) };
        if let Some(write) = self.writes.get(&value) {
            return Ok(Source::Write(write));
        }
        Err(match self.failed.get(&value) {
            Some(failed) => {
                let why = format!("{value} was read, although its write had certainly failed");
                Violation::new(Kind::OfFailedWrite, self.key, [*failed, reader], [why])
            }
            None => {
                let why = format!("{value} was read, and nobody wrote it");
                Violation::new(Kind::NotWritten, self.key, [reader], [why])
            }
        })
    }

    /// What is said where two writes wrote one value.
    pub(crate) fn ambiguous(&self) -> Option<String> {
        let value = self.repeated?;
        Some(format!("key {:?}: {value} is written twice, so whose write a read saw cannot be told", self.key))
    }
}
