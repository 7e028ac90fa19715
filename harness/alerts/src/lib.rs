//! Would a user's own alert rules have noticed? Prometheus rules, scored against what was
//! recorded of incidents and of benign look-alikes.
//!
//! A rule's `for` and its ranges are production's: minutes, where a run holds a system broken for
//! seconds. A recording is therefore extended by what the incident's control has proved, and the
//! extension is shown to Prometheus' own code: `promtool test rules`.

mod axis;
mod duration;
mod explain;
mod export;
mod offer;
mod plan;
mod promql;
mod promtool;
mod recording;
mod rules;
mod score;
mod verdict;

#[cfg(test)]
mod testing;

pub use duration::shown;
pub use export::{Exported, export};
pub use offer::{Offer, offers};
pub use promtool::Promtool;
pub use recording::{FILE, Recording, scenario, within};
pub use rules::{Alert, Rules};
pub use score::{Options, Relabel, score};
pub use verdict::{Row, Scored, Spell, Verdict};
