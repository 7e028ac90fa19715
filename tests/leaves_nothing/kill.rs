//! The kills: whom, when, and with whom.

use std::{fmt, path::Path, time::Duration};

use rand::{RngExt, SeedableRng, rngs::SmallRng};

use crate::harness::journals;

/// What is killed: two testbeds at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Victim {
    /// Its networks are cut and its disks are filled.
    Galera,
    /// Its machines mount block devices, and their file systems break.
    Blobstore,
    /// Their file systems are frozen: what writes there cannot be killed.
    Frozen,
}

impl Victim {
    pub(crate) fn command(self) -> [&'static str; 5] {
        let (one, other) = match self {
            Self::Galera => ("galera::non_primary_wedge", "galera::minority_partition"),
            Self::Blobstore => ("blobstore::migration_left_read_only", "blobstore::filesystem_error"),
            Self::Frozen => ("blobstore::filesystem_frozen", "blobstore::twin_frozen_for_snapshot"),
        };
        ["run", one, other, "--jobs", "2"]
    }

    /// What some of its kills must have found there: those at any time, and those that
    /// came after a fault. Else it was not shown that this goes.
    pub(crate) fn shows(self) -> (&'static [&'static str], &'static [&'static str]) {
        match self {
            Self::Galera => (&["volume", "process"], &["table", "rule"]),
            Self::Blobstore | Self::Frozen => (&["loop", "process"], &["table"]),
        }
    }
}

impl fmt::Display for Victim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Galera => "galera",
            Self::Blobstore => "blobstore",
            Self::Frozen => "frozen",
        })
    }
}

/// Whose death it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// The harness's process alone.
    Harness,
    /// Its whole process group, as a terminal or a CI runner kills.
    Group,
    /// The harness and its reaper; `reenact clean` comes after.
    ThenClean,
    /// The harness and its reaper; another start comes after.
    ThenStart,
}

impl Target {
    pub(crate) fn with_reaper(self) -> bool {
        matches!(self, Self::ThenClean | Self::ThenStart)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Harness => "harness",
            Self::Group => "group",
            Self::ThenClean => "and reaper: clean",
            Self::ThenStart => "and reaper: start",
        })
    }
}

/// What a kill's moment is counted from, so that the same share of kills comes at each
/// of these times however busy the machine is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Since {
    /// The start of the process.
    Start,
    /// The first request to make something: many are under way at once.
    Making,
    /// The moment that the first fault is in force.
    Fault,
}

impl Since {
    /// The latest moment after it, in seconds. The blobstore's first fault comes while
    /// the other testbed still writes; in the seconds after, that one's disk is
    /// migrated, and this one's is remounted, copied and checked.
    fn latest(self, victim: Victim) -> f64 {
        match (self, victim) {
            (Self::Start, _) => 14.0,
            (Self::Making, _) => 1.2,
            (Self::Fault, Victim::Galera) => 6.0,
            (Self::Fault, Victim::Blobstore | Victim::Frozen) => 14.0,
        }
    }

    /// Whether it has come, by what the harness keeps on disk.
    fn has_come(self, results: &Path) -> bool {
        match self {
            Self::Start => true,
            Self::Making => !journals(results).is_empty(),
            Self::Fault => journals(results).iter().any(|journal| journal.contains(r#""kind":"fault""#)),
        }
    }
}

impl fmt::Display for Since {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Start => "start",
            Self::Making => "making",
            Self::Fault => "fault",
        })
    }
}

/// One kill to be done.
pub(crate) struct Kill {
    pub(crate) number: usize,
    pub(crate) victim: Victim,
    pub(crate) since: Since,
    pub(crate) moment: Duration,
    pub(crate) target: Target,
}

impl Kill {
    /// Comes back when it is time for it.
    pub(crate) async fn moment(&self, results: &Path) {
        while !self.since.has_come(results) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::time::sleep(self.moment).await;
    }
}

/// Draws the kills, the victims in turn.
pub(crate) fn draw(seed: u64, count: u64, victims: &[Victim]) -> Vec<Kill> {
    let mut random = SmallRng::seed_from_u64(seed);
    let target = |number: usize| match number % 10 {
        4 => Target::Group,
        6 => Target::ThenClean,
        8 => Target::ThenStart,
        _ => Target::Harness,
    };
    let kill = |number: usize| {
        let since = [Since::Fault, Since::Making, Since::Start][number % 3];
        // One further after each round, so that each gets every kind of target and of time.
        let victim = victims[(number + number / victims.len()) % victims.len()];
        let moment = Duration::from_secs_f64(since.latest(victim) * random.random::<f64>());
        Kill { number, victim, since, moment, target: target(number) }
    };
    (1..=count as usize).map(kill).collect()
}
