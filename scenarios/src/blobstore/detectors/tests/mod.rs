//! The detectors on streams that a simulated system makes.

mod absent;
mod comparison;
mod diagnoses;
mod late;
mod look_alikes;
mod margins;
mod properties;
mod sim;
mod soundness;
mod stalled;
mod start;
mod writes;

use std::collections::BTreeMap;

use reenact::{
    detect::testing::{Tape, World, error, machine, query, values},
    probe::{Access, Answer, Mount, Observation, Signal},
};

use sim::*;

/// A disk that was left read-only under its service, for the tests of all systems.
pub(crate) fn trouble() -> Vec<Observation> {
    let mut sim = Sim::healthy(1);
    sim.remount(true);
    sim.run(4_000);
    sim.stream()
}
