//! Recoveries of Diego's state: the report's recipe, step by step as written, and the safe
//! ones.

mod bring_back;
mod bring_back_consul;
mod choose_cluster;
mod consul;
mod etcd;
mod free_lock;
mod free_space;
mod gossip_key;
mod killall_etcd;
mod nuke_and_pave;
mod one_gossip_key;
mod peers_json;
mod rebuild_from_survivor;
mod rejoin_consul;
mod replace_member;
mod restart_bbs;
mod restart_consul;
mod restart_machine;
mod restart_members;
mod restart_vms;
mod same_flags;
mod scale_consul;
mod survey;
mod vm;
mod wipe_all;
mod wipe_then_killall;

#[cfg(test)]
mod tests;

pub(super) use bring_back::BringMembersBack;
pub(super) use bring_back_consul::BringServersBack;
pub(super) use choose_cluster::ChooseCluster;
pub(super) use free_lock::FreeLock;
pub(super) use free_space::FreeSpace;
pub(super) use gossip_key::SetGossipKey;
pub(super) use killall_etcd::KillallEtcd;
pub(super) use nuke_and_pave::{Backup, NukeAndPave};
pub(super) use one_gossip_key::OneGossipKey;
pub(super) use peers_json::WritePeersJson;
pub(super) use rebuild_from_survivor::RebuildFromSurvivor;
pub(super) use rejoin_consul::{RejoinServer, StopServer};
pub(super) use replace_member::ReplaceMember;
pub(super) use restart_bbs::RestartBbs;
pub(super) use restart_consul::RestartServer;
pub(super) use restart_machine::RestartMachine;
pub(super) use restart_members::RestartMembers;
pub(super) use restart_vms::RestartVms;
pub(super) use same_flags::SameFlags;
pub(super) use scale_consul::ScaleToOne;
pub(super) use wipe_all::WipeAll;
pub(super) use wipe_then_killall::WipeThenKillall;
