//! The services that stand in the testbeds, and what they have in common: settings
//! come from the environment, logs go to standard output and so to the container's
//! log (which stamps each line), and PostgreSQL may be away at any time.

pub mod database;
pub mod diego;
pub mod director;
pub mod setting;
pub mod shutdown;
pub mod signal;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "for tests")]
mod testing;
