//! **reenact** re-enacts reported production incidents on real software in Docker and judges
//! whether detectors notice them and runbooks heal them without harm.
//!
//! The engine knows no incident and no system. Four crates hold it, each of which imports only
//! those above it in this list; this one is their common door.
//!
//! | crate | rooms |
//! |---|---|
//! | `reenact-core` | [`detect`], [`judge`], [`probe`]s and what they see, [`runbook`], [`workload`]: no Docker |
//! | `reenact-testbed` | [`testbed`], [`fault`], the [`probe`]s that look at nodes |
//! | `reenact-run` | [`stage`], [`campaign`], [`archive`] |
//! | `reenact-report` | [`report`], [`compare`], [`cli`] |

pub use reenact_core::{Error, Result, detect, detector, judge, runbook, wait, workload};
pub use reenact_report::{self as report, cli, compare};
pub use reenact_run::{archive, campaign, playable, scenario, trial};
pub use reenact_testbed::{self as testbed, fault, images};

/// Readers of one signal each, and what they see.
pub mod probe {
    pub use reenact_core::probe::*;
    pub use reenact_testbed::probe::*;
}

/// A run's order.
pub mod stage {
    pub use reenact_core::{fingerprint::*, journal::*};
    pub use reenact_run::{score::*, stage::*};
}
