//! Recoveries of a Galera cluster: the right one, and those that people reach for
//! in the night.

mod bootstrap_most_advanced;
mod bootstrap_node;
mod end_read_lock;
mod pc_bootstrap;
mod plain;
mod survey;
#[cfg(test)]
mod tests;

pub(crate) use bootstrap_most_advanced::BootstrapMostAdvanced;
pub(crate) use bootstrap_node::{BootstrapNode, JoinRest};
pub(crate) use end_read_lock::EndReadLock;
pub(crate) use pc_bootstrap::{PcBootstrap, PcBootstrapSurvivors};
pub(crate) use plain::{RestartAll, RestartOne, StartAsFirst, StopWithoutKill};
