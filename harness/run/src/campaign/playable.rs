//! Systems that schedules can be played on: what can go wrong with each, and what a person
//! on call would do about it.

use futures::future::BoxFuture;

use super::{Action, Schedule};
use crate::stage::Lab;
use reenact_core::{Error, Result, runbook::Runbook};
use reenact_testbed::fault::Signal;

/// A system that schedules can be played on.
pub struct Playable {
    /// Its name in plan files.
    pub system: &'static str,
    /// The images that it needs.
    pub images: &'static [&'static str],
    /// What random schedules are made of.
    pub menu: Menu,
    /// Its runbooks, the first one that fits a diagnosis first.
    pub remedies: &'static [Remedy],
    /// Deploys it and plays the schedule.
    pub play: fn(Lab, Schedule) -> BoxFuture<'static, Result<()>>,
}

/// The faults that fit a system, from which random schedules draw.
#[derive(Debug, Clone, Copy)]
pub struct Menu {
    /// Nodes that may be cut off from each other.
    pub peers: &'static [&'static str],
    /// Machines that may lose power, be shut down, stand still or be unplugged.
    pub machines: &'static [&'static str],
    /// Processes that may be sent a signal: the node, a part of the command line, and the
    /// signals that make sense.
    pub processes: &'static [(&'static str, &'static str, &'static [Signal])],
    /// Nodes whose disk may fill up.
    pub disks: &'static [&'static str],
    /// Anything else that may go wrong with it.
    pub others: fn() -> Vec<Action>,
}

impl Menu {
    /// Nothing; to be filled up with `..Menu::NOTHING`.
    pub const NOTHING: Self = Self { peers: &[], machines: &[], processes: &[], disks: &[], others: Vec::new };
}

/// A runbook for a diagnosis.
pub struct Remedy {
    /// Its name in plan files.
    pub name: &'static str,
    /// The detectors at whose word it is called.
    pub cures: &'static [&'static str],
    /// Makes it.
    pub make: fn() -> Box<dyn Runbook>,
}

inventory::collect!(Playable);

/// Registers a system for [`Schedule`]s.
#[macro_export]
macro_rules! playable {
    ($($playable:tt)*) => {
        $crate::private::inventory::submit! { $($playable)* }
    };
}

/// The systems, by name.
pub fn playables() -> Vec<&'static Playable> {
    let mut all: Vec<_> = inventory::iter::<Playable>().collect();
    all.sort_by_key(|playable| playable.system);
    all
}

/// The system of that name.
///
/// # Errors
/// [`Error::Usage`] if there is none; it lists those there are.
pub fn playable(system: &str) -> Result<&'static Playable> {
    let all = playables();
    all.iter().find(|playable| playable.system == system).copied().ok_or_else(|| {
        let known: Vec<_> = all.iter().map(|playable| playable.system).collect();
        Error::usage(format!("there is no system {system:?}"), format!("there are: {}", known.join(", ")))
    })
}

impl Playable {
    /// The remedy of that name.
    ///
    /// # Errors
    /// [`Error::Usage`] if there is none; it lists those there are.
    pub fn remedy(&self, name: &str) -> Result<&'static Remedy> {
        self.remedies.iter().find(|remedy| remedy.name == name).ok_or_else(|| {
            let known: Vec<_> = self.remedies.iter().map(|remedy| remedy.name).collect();
            Error::usage(
                format!("{} has no runbook {name:?}", self.system),
                if known.is_empty() { "it has none".into() } else { format!("there are: {}", known.join(", ")) },
            )
        })
    }
}
