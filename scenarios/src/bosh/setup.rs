//! How the director is made, and how fast its time passes.

use std::{net::Ipv4Addr, time::Duration};

use super::manifest;

/// The factor on every interval of production. The detectors are meant for 0.02 and more:
/// there a lock lives for 4.8 s and is renewed every 2.4 s.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace(pub(super) f64);

impl Pace {
    /// A fiftieth of production's intervals.
    pub(crate) const PLAIN: Self = Self(0.02);

    /// How many seconds of production one second here stands for.
    pub(super) fn factor(self) -> f64 {
        self.0.recip()
    }

    /// So many seconds of production as they pass here.
    pub(super) fn production(self, seconds: u64) -> Duration {
        Duration::from_secs(seconds).mul_f64(self.0)
    }
}

/// How the director is made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setup {
    pub(super) pace: Pace,
    /// How many workers there are: the real default is three.
    workers: usize,
    /// How long a CPI call takes that does not hang, in milliseconds.
    call_ms: u64,
}

impl Setup {
    /// Three workers.
    pub(super) const fn at(pace: Pace) -> Self {
        Self { pace, workers: 3, call_ms: 20 }
    }

    /// `worker_1`, `worker_2`, …
    pub(super) fn workers(&self) -> Vec<String> {
        (1..=self.workers).map(|number| format!("worker_{number}")).collect()
    }

    pub(super) fn env(&self, db: Ipv4Addr) -> Vec<String> {
        vec![
            format!("DIRECTOR_DATABASE=postgres://bosh@{db}:5432/bosh"),
            format!("TIME_SCALE={}", self.pace.0),
            format!("WORKERS={}", self.workers),
            format!("IAAS_BEHAVIOUR={}", manifest::behaviour(self.call_ms)),
        ]
    }
}
