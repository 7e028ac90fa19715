//! The systems under test and their incidents: one folder per system, and in its
//! `incidents/` one file per incident or twin.

mod answer;
pub mod blobstore;
pub mod bosh;
pub mod diego;
pub mod galera;
#[cfg(test)]
mod laws;
mod postgres;
pub mod shutdown;
mod start_missing;

reenact::baseline!(include_str!("../../results/baseline.json"));
reenact::images!("$CARGO_MANIFEST_DIR/../docker");
