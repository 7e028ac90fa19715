//! Scenarios: their registry, and running them, many and often.

mod registry;
mod runner;
mod suite;

pub use registry::{Kind, Scenario, all, matching};
pub use runner::{Outcome, RunResult, Runner, exit_code};
pub use suite::suite;
