//! A live system, or a folder of files, shown to the detectors: which incident is this, how
//! sure, and what must not be done?
//!
//! Nothing here needs Docker, and nothing changes what it looks at. A [`System`] says what to
//! gather ([`script`]) and how to read it; what is gathered becomes a [`Case`], whether it came
//! from a shell on a host ([`live`]) or from files ([`files`]); [`diagnose`] shows the case to the
//! detectors of the lab.

mod case;
mod diagnosis;
pub mod files;
mod gathered;
mod inventory;
mod lines;
pub mod live;
mod look;
mod remedy;
mod report;
pub mod script;
mod system;
#[cfg(test)]
mod testing;
mod time;

pub use case::{Case, Dated, Implied, Look};
pub use diagnosis::{Diagnosis, Finding, Word, diagnose};
pub use gathered::{Gathered, Process, Section};
pub use inventory::{Host, Inventory};
pub use lines::{Line, Lines, Words};
pub use remedy::{Advice, Check, Met, Precondition, Standing};
pub use report::{Remedy, Report};
pub use system::{System, all, find};
pub use time::{Zone, stamp};

/// What the crate's macros need from other crates.
#[doc(hidden)]
pub mod private {
    pub use inventory;
}
