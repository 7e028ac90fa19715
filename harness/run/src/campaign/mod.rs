//! Scenarios: their registry, and running them, many and often; schedules, drawn and played.

mod hunt;
mod playable;
mod random;
mod registry;
mod runner;
mod schedule;
mod shrink;
mod trial;

pub use hunt::{Finding, Hunt, Shard};
pub use playable::{Menu, Playable, Remedy, playable, playables};
pub use registry::{Kind, Scenario, all, matching, spread};
pub(crate) use runner::SCORE;
pub use runner::{Outcome, RunResult, Runner, Setup, exit_code};
pub use schedule::{Action, Call, Event, Happening, Schedule, Span, Timed};
pub use trial::{Subject, Told, Trial, Tried, image, subject};
