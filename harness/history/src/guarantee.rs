//! The guarantees that can be checked, by their names.

use std::{fmt, str::FromStr, time::Duration};

use crate::{History, Verdict, causal, linearizable, monotonic_reads, read_your_writes};

/// What a store may promise of its reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guarantee {
    /// Each operation takes effect at one moment between its begin and its end.
    Linearizable,
    /// Nobody sees an effect without its cause.
    Causal,
    /// No client reads what is older than its own write.
    ReadYourWrites,
    /// No client reads what is older than what it has read.
    MonotonicReads,
}

impl Guarantee {
    /// All of them, the strongest first.
    pub const ALL: [Self; 4] = [Self::Linearizable, Self::Causal, Self::ReadYourWrites, Self::MonotonicReads];

    /// Its name on the command line and in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Linearizable => "linearizable",
            Self::Causal => "causal",
            Self::ReadYourWrites => "read-your-writes",
            Self::MonotonicReads => "monotonic-reads",
        }
    }

    /// Whether a store that gives it can have answered so. `limit` is the time for a search,
    /// where one is needed.
    pub fn check(self, history: &History, limit: Duration) -> Verdict {
        match self {
            Self::Linearizable => linearizable(history, limit),
            Self::Causal => causal(history),
            Self::ReadYourWrites => read_your_writes(history),
            Self::MonotonicReads => monotonic_reads(history),
        }
    }
}

impl fmt::Display for Guarantee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Guarantee {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names = || Self::ALL.map(Self::name).join(", ");
        Self::ALL
            .into_iter()
            .find(|guarantee| guarantee.name() == text)
            .ok_or_else(|| format!("there is no guarantee {text:?}; there are: {}", names()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_found_by_its_name_and_no_other_is() {
        for guarantee in Guarantee::ALL {
            assert_eq!(guarantee.to_string().parse(), Ok(guarantee));
        }
        let error = "serial".parse::<Guarantee>().expect_err("there is none");
        assert!(error.contains("monotonic-reads"), "{error}");
    }
}
