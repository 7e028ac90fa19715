//! Scenarios: their registry, and running them, many and often.

mod registry;
mod runner;
mod schedule;
mod suite;
mod trial;

pub use registry::{Kind, Scenario, all, matching};
pub use runner::{Outcome, RunResult, Runner, exit_code};
pub use schedule::{Action, Event, Playable, Schedule, Span, Timed, playable};
pub use suite::{Hold, suite};
pub use trial::{Subject, Told, Trial, Tried, image, subject};
