//! The detectors on streams that a simulated system makes.

mod diagnoses;
mod late;
mod look_alikes;
mod margins;
mod properties;
mod sim;
mod start;
mod variants;
mod writes;

use std::collections::BTreeSet;

use reenact::{
    detect::testing::{EPOCH_MS, Tape, World, machine, query, values},
    probe::{Answer, Observation, Signal},
};

use sim::*;

/// An end that took work along, for the tests of all systems.
pub(crate) fn trouble() -> Vec<Observation> {
    let mut sim = Sim::healthy(Spawn, 90);
    sim.sigterm(APP1, 30_000);
    sim.run(6_000);
    sim.stream()
}
