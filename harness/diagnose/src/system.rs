//! What a system brings, so that it can be diagnosed outside of the lab.

use reenact_core::{
    Error, Result,
    detect::{self, DetectorEntry},
    probe::Signal,
};

use crate::{
    case::{Case, Implied},
    gathered::{Gathered, Section},
    lines::Line,
    remedy::{Advice, Standing},
};

/// A system as [`diagnosable!`](crate::diagnosable) registers it.
pub struct System {
    /// Its name, by which its detectors' ids begin.
    pub name: &'static str,
    /// The body of the script that looks at one node: see [`script`](crate::script).
    pub script: &'static str,
    /// The script's synthetic write, for those who allow it; nothing: there is none.
    pub write: &'static str,
    /// The words by which its detectors know a line of a log.
    pub words: &'static [&'static str],
    /// What is put before each line of a log at this path, if anything.
    pub prefix: fn(path: &str) -> Option<String>,
    /// The section that a file is, by its name and how it begins; `log` for a log.
    pub recognise: fn(name: &str, head: &str) -> Option<&'static str>,
    /// What a file's section tells of several nodes, for each by its name; nothing: it is of its own node.
    pub parts: fn(section: &str, text: &str) -> Vec<(String, Section)>,
    /// What was gathered of a node, as signals.
    pub read: fn(&Gathered) -> Vec<Signal>,
    /// What a node's log tells of states that nobody looked at.
    pub implied: fn(&[Line]) -> Vec<Implied>,
    /// What each detector needs, by parts of its id: sections that must have been read of some
    /// node, or it cannot tell.
    pub needs: &'static [(&'static str, &'static [&'static str])],
    /// Of signals and sections, the command that shows each.
    pub commands: &'static [(&'static str, &'static str)],
    /// The members, by how much each holds: the one to recover from first.
    pub rank: fn(&[Gathered], &Case) -> Vec<Standing>,
    /// What nodes say that cannot all be so, a sentence each.
    pub contradictions: fn(&[Gathered], &Case) -> Vec<String>,
    /// What to do, and what not to do, by the detector that fires.
    pub advice: &'static [Advice],
}

inventory::collect!(System);

/// Registers a system: `diagnosable! { System { … } }`.
#[macro_export]
macro_rules! diagnosable {
    ($system:expr) => {
        $crate::private::inventory::submit! { $system }
    };
}

/// All systems that can be diagnosed, by name.
pub fn all() -> Vec<&'static System> {
    let mut all: Vec<_> = inventory::iter::<System>().collect();
    all.sort_by_key(|system| system.name);
    all
}

/// The system of this name.
///
/// # Errors
/// [`Error::Usage`] if there is none.
pub fn find(name: &str) -> Result<&'static System> {
    let all = all();
    let names: Vec<_> = all.iter().map(|system| system.name).collect();
    all.iter().find(|system| system.name == name).copied().ok_or_else(|| {
        Error::usage(format!("there is no system {name:?}"), format!("give one of {}", names.join(", ")))
    })
}

impl System {
    /// Its detectors.
    pub fn detectors(&self) -> Vec<&'static DetectorEntry> {
        let is_own = |id: &str| id.strip_prefix(self.name).is_some_and(|rest| rest.starts_with('/'));
        detect::all().into_iter().filter(|entry| is_own(entry.id)).collect()
    }

    /// The command that would show what a reason names.
    pub(crate) fn command_for(&self, why: &str) -> Option<String> {
        self.commands.iter().find(|(name, _)| why.contains(name)).map(|(_, command)| (*command).to_owned())
    }

    /// Why a detector that sees nothing to report could not have: what it needs was not read of
    /// any node.
    pub(crate) fn missing(&self, case: &Case, detector: &str) -> Option<String> {
        let (_, needs) = self.needs.iter().find(|(part, _)| detector.ends_with(part))?;
        let is_seen = |need: &&&str| case.sees(need);
        let missing: Vec<_> = needs.iter().filter(|need| !is_seen(need)).copied().collect();
        (!missing.is_empty()).then(|| format!("nobody looked at {}", missing.join(", ")))
    }
}
