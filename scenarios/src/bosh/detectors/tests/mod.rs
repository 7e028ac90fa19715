//! The detectors on streams that a simulated system makes.

mod diagnoses;
mod down;
mod ended;
mod late;
mod look_alikes;
mod margins;
mod properties;
mod sim;
mod variants;
mod writes;

use reenact::{
    detect::testing::World,
    probe::{Answer, Observation, Signal},
};

use sim::*;

/// The incident, for the tests of all systems.
pub(crate) fn trouble() -> Vec<Observation> {
    let mut sim = Sim::stuck(90);
    sim.run(14_000);
    sim.stream()
}
