//! Runbooks for lost asynchronous work, and the wrong ones.

mod replay;
mod restart;
mod sessions;
mod settings;
mod sql;
#[cfg(test)]
mod tests;

pub(super) use replay::{ReplayBlindly, ReplayEverything, ReplayReconciled};
pub(super) use restart::{StartAndReplay, StartReplica};
pub(super) use sessions::EndDeadSessions;
pub(super) use settings::PutBackSettings;
