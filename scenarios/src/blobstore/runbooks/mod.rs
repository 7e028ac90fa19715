//! Runbooks for disks that cannot be written to: the right ones, and the ones that do
//! harm or nothing.

mod absent;
mod orphans;
mod remount;
mod repair;
mod start;
mod survey;
#[cfg(test)]
mod tests;
mod thaw;
mod workers;
mod wrong;

pub(super) use absent::MountAndBringOver;
pub(super) use orphans::EndOrphanedWorkers;
pub(super) use remount::RemountAndRestart;
pub(super) use repair::RepairFilesystem;
pub(super) use start::StartNginx;
pub(super) use thaw::ThawFilesystem;
pub(super) use workers::TEST;
pub(super) use wrong::{BelieveRemount, CheckWithoutCopy, MonitRestart, Reattach, Restart};
