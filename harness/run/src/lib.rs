//! One run and many: incidents as values, the contract that one runner performs for each of
//! them, schedules and campaigns, and the recordings of runs that are over.

pub mod archive;
pub mod campaign;
pub mod contract;
pub mod drill;
pub mod incident;
pub mod lab;
pub mod machine;
pub mod metrics;
pub mod play;
pub mod score;

/// What the crate's macros need from other crates.
#[doc(hidden)]
pub mod private {
    pub use inventory;
}
