//! **reenact** re-enacts reported production incidents on real software in Docker and judges
//! whether detectors notice them and runbooks heal them without harm.
//!
//! The engine knows no incident and no system. Seven crates hold it, each of which imports only
//! those above it in this list; this one is their common door.
//!
//! | crate | rooms |
//! |---|---|
//! | `reenact-history` | [`history`]: reads and writes, and whether a store with a guarantee can have answered so |
//! | `reenact-core` | [`detect`], [`judge`], [`probe`]s and what they see, [`runbook`], [`workload`]: no Docker |
//! | `reenact-alerts` | [`alerts`]: a user's Prometheus rules against recordings, without Docker |
//! | `reenact-diagnose` | [`diagnose`]: a live system or a folder of files, shown to the detectors; without Docker |
//! | `reenact-testbed` | [`testbed`], [`fault`], the [`probe`]s that look at nodes |
//! | `reenact-run` | [`incident`]s and their contract, [`campaign`], [`archive`] |
//! | `reenact-report` | [`report`], [`compare`], [`cli`] |

pub use reenact_alerts as alerts;
pub use reenact_core::{
    Error, Result, detect, detector, fingerprint, journal, judge, poll, questions, runbook, workload,
};
pub use reenact_diagnose::{self as diagnose, diagnosable};
pub use reenact_history as history;
pub use reenact_report::{self as report, baseline, cli, compare};
pub use reenact_run::incident;
pub use reenact_run::{archive, campaign, contract, incidents, playable, score, trial};
pub use reenact_testbed::{self as testbed, fault, images};

/// What a Prometheus would scrape of a system, and the recordings of it.
pub mod metrics {
    pub use reenact_core::metrics::*;
    pub use reenact_run::metrics::*;
}

/// Readers of one signal each, and what they see.
pub mod probe {
    pub use reenact_core::probe::*;
    pub use reenact_testbed::probe::*;
}

/// What the code of a system is made of: `use reenact::prelude::*;`.
pub mod prelude {
    pub use async_trait::async_trait;

    pub use crate::{
        Error, Result,
        campaign::{FaultSpace, Menu, Playground, Remedy},
        detect::{Detector, Finding, Rule, Verdict, View},
        detector,
        fault::{Effect, Fault, OnTestbed, Undo},
        fingerprint::{Fingerprint, logged},
        incident::*,
        judge::Contents,
        poll::{self, Look},
        probe::{Answer, Files, LogTail, Machine, Moment, Observation, Ports, Probe, Processes, Query, Signal},
        runbook::{Conclusion, Hands, Operator, Runbook},
        testbed::{Disk, Node, NodeSpec, Session, Testbed},
        workload::{Ack, Client, Seen, Traffic, Workload, Write},
    };
}
