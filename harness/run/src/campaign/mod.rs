//! Scenarios: their registry, and running them, many and often; schedules, drawn and played.

mod admission;
pub mod core;
mod coverage;
mod divide;
mod findings;
mod hunt;
mod locked;
mod playable;
mod random;
mod registry;
mod result;
mod runner;
mod schedule;
mod shard;
mod shrink;
pub mod simulation;
mod space;
mod trial;

pub use admission::Admission;
pub use coverage::Coverage;
pub(crate) use coverage::{BEGINS, CALLED, ENDS};
pub use divide::part_of;
pub use findings::{Findings, Folder, Night, Record, State};
pub(crate) use hunt::FINDINGS;
pub use hunt::{Finding, Hunt, Hunted, Memory, Player};
pub use playable::{Menu, Playable, Playground, Remedy, playable, playables, playables_of};
pub use registry::{Entry, Kind, Scenario, all, longest_first, matching, nearest};
pub(crate) use result::SCORE;
pub use result::{Outcome, RunResult, Setup, exit_code, worst};
pub use runner::Runner;
pub use schedule::{Call, Event, FaultSpec, Happening, Schedule, Span, Timed, nodes};
pub use shard::{Asked, Shard};
pub use space::FaultSpace;
pub use trial::{Subject, Told, Trial, Tried, image, subject};
