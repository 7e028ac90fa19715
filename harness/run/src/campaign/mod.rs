//! Scenarios: their registry, and running them, many and often; schedules, drawn and played.

mod admission;
pub mod core;
mod hunt;
mod playable;
mod random;
mod registry;
mod runner;
mod schedule;
mod shrink;
mod space;
mod trial;

pub use admission::Admission;
pub use hunt::{Finding, Hunt, Shard};
pub use playable::{Menu, Playable, Playground, Remedy, playable, playables};
pub use registry::{Entry, Kind, Scenario, all, longest_first, matching, nearest};
pub(crate) use runner::SCORE;
pub use runner::{Outcome, RunResult, Runner, Setup, exit_code};
pub use schedule::{Call, Event, FaultSpec, Happening, Schedule, Span, Timed, nodes};
pub use space::FaultSpace;
pub use trial::{Subject, Told, Trial, Tried, image, subject};
