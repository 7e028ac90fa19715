//! What goes wrong with Diego's state, beside what goes wrong with any machine: those faults
//! are the engine's.

mod consul;
mod etcd_calls;
mod etcd_data;
mod lock;
mod settings;

pub(super) use consul::{
    AloneByPeersJson, DeadVoters, ForeignGossipKey, NewKeyInConfig, RaftDatabaseCorrupt, Readdressed,
};
pub(super) use etcd_calls::{LeaderMoved, MemberRemoved, SpaceUsedUp};
pub(super) use etcd_data::{Damage, Damaged, What, Wiped, folder};
pub(super) use lock::{BbsFrozen, LockTaken, Taker};
pub(super) use settings::{ToldToFound, WrongFlag};
