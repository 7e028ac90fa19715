//! What a checker says, and how it explains a violation.

use std::fmt;

use crate::Operation;

/// What a checker says of a history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// A store that keeps the guarantee can have answered so.
    Holds,
    /// It cannot: each violation is one by itself.
    Violated(Vec<Violation>),
    /// It cannot be told.
    Unknown {
        /// Why not.
        why: String,
    },
}

impl Verdict {
    /// One violation is enough, and is certain whatever could not be looked at.
    pub(crate) fn of(violations: Vec<Violation>, unknown: Option<String>) -> Self {
        match (violations.is_empty(), unknown) {
            (false, _) => Self::Violated(violations),
            (true, Some(why)) => Self::Unknown { why },
            (true, None) => Self::Holds,
        }
    }

    /// The violations.
    pub fn violations(&self) -> &[Violation] {
        match self {
            Self::Violated(violations) => violations,
            Self::Holds | Self::Unknown { .. } => &[],
        }
    }
}

/// In what way a history breaks a guarantee.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A value was read that nobody wrote.
    NotWritten,
    /// A value was read whose write certainly failed: a dirty read.
    OfFailedWrite,
    /// A value was read before its write began, or by what the write itself depends on.
    FromFuture,
    /// A value was read that had been overwritten before the read began.
    Stale,
    /// Two values were each there before the other, as where each half of a split serves.
    SplitBrain,
    /// No order of the operations gives what was read, such as when one of two updates is lost.
    NoOrder,
    /// A client read a value older than the one it had written.
    NotOwnWrite,
    /// A client read a value older than one it had read.
    NotMonotonic,
    /// A value was read although the reader depends on its overwriting.
    NotCausal,
}

impl Kind {
    /// Its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotWritten => "a read of what nobody wrote",
            Self::OfFailedWrite => "a read of a failed write",
            Self::FromFuture => "a read from the future",
            Self::Stale => "a stale read",
            Self::SplitBrain => "a split-brain read",
            Self::NoOrder => "no order",
            Self::NotOwnWrite => "a client that does not read its own write",
            Self::NotMonotonic => "a non-monotonic read",
            Self::NotCausal => "a read that is not causal",
        }
    }
}

/// The fewest operations that were found to break a guarantee, and why they do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The key that was read.
    pub key: String,
    /// In what way.
    pub kind: Kind,
    /// The operations, in the order in which they began.
    pub operations: Vec<Operation>,
    /// Why they do, a sentence each.
    pub why: Vec<String>,
}

impl Violation {
    pub(crate) fn new<'a>(
        kind: Kind,
        key: &str,
        operations: impl IntoIterator<Item = &'a Operation>,
        why: impl IntoIterator<Item = String>,
    ) -> Self {
        let mut operations: Vec<_> = operations.into_iter().cloned().collect();
        operations.sort_by_key(|operation| (operation.from, operation.to, operation.client));
        operations.dedup();
        Self { key: key.into(), kind, operations, why: why.into_iter().collect() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "key {:?}: {}", self.key, self.kind.name())?;
        for operation in &self.operations {
            write!(f, "\n  {}", Of(operation, &self.key))?;
        }
        self.why.iter().try_for_each(|why| write!(f, "\n  {why}"))
    }
}

/// An operation, with its key where that is another than the one that is spoken of.
struct Of<'a>(&'a Operation, &'a str);

impl fmt::Display for Of<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(operation, key) = self;
        if operation.key != *key {
            write!(f, "of key {:?}: ", operation.key)?;
        }
        write!(f, "{operation}")
    }
}
