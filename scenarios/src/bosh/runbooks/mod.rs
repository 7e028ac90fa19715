//! Runbooks for stuck tasks, and the wrong ones.

mod bosh;
mod cancel_again;
mod delete_lock;
mod end_drain;
mod end_ended_task;
mod end_stuck_task;
mod end_zombie;
mod free_workers;
mod kill_named_task;
mod next_deploy;
mod report_fixes;
mod set_clocks;
mod survey;
#[cfg(test)]
mod tests;

pub(super) use cancel_again::CancelAgain;
pub(super) use delete_lock::DeleteLock;
pub(super) use end_drain::EndDrain;
pub(super) use end_ended_task::EndEndedTask;
pub(super) use end_stuck_task::EndStuckTask;
pub(super) use end_zombie::EndZombie;
pub(super) use free_workers::FreeWorkers;
pub(super) use kill_named_task::KillNamedTask;
pub(super) use next_deploy::NextDeploy;
pub(super) use report_fixes::{FixCancelAndCleanUp, FixDeleteLock, FixRedeployDirector};
pub(super) use set_clocks::SetClocks;
