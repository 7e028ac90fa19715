//! Detectors of Diego's state, over one fold of the observations each.
//!
//! # The signals
//!
//! A node is what it is asked: whoever is asked `etcd:member` is a member of etcd, whether
//! or not it answers, and one node may be several things. Ask each node from the first,
//! and only what it should be. Looks are known for 3 s (`FRESH`), `diego:config` for
//! ever. All values are as the software gave them; what divides fields is `|`, an absent
//! one is empty. 64-bit ids are hexadecimal, without `0x`.
//!
//! | question | of | every, limit (ms) | what the values are |
//! |---|---|---|---|
//! | `etcd:member` | each member, 4001 | 500, 1000 | `cluster`, `id`: who it says that it is; `has_leader`: true or false; `term`; `applied`: its raft index; `alarms`: such as `NOSPACE CORRUPT`, may be empty |
//! | `etcd:hash` | each member, 4001 | 1000, 1000 | `hash`, `revision`, `compacted`: of its v3 keys |
//! | `etcd:write` | each member, 4001 | 1000, 9000 | of a small key of version 2: `done`; `ms`, how long it took or takes; `waits_for` |
//! | `etcd:process` | each member, exec | 500, 1000 | `pidfile`: the id in `etcd.pid`; `listener`: of who listens on 7001; either may be empty |
//! | `consul:server` | each server, 8500 | 500, 1000 | `address`: its own now, `ip:8300`; `leader`: an address, may be empty; `peer:<address>` → `voter` or `nonvoter`, as far as they are told |
//! | `consul:lock` | any agents, 8500 | 500, 1000 | `session`, `flags` (decimal), `holder` (the value's `id`): of the key, all absent if there is none; `ttl_ms` (0: it has none), `checks` (how many): of that session |
//! | `bbs:ping` | each BBS, 8889 | 500, 1000 | `available`: `true`. 503 is `Error`: it leads, and migrates |
//! | `bbs:metrics` | each BBS, 8890 | 500, 1000 | `held`: true or false |
//! | `bbs:list` | each BBS, 8889 | 1000, 2000 | process guid → instances; an error in the body is `Error { code: type }` |
//! | `cc:apps` | the Cloud Controller, 9022 | 1000, 2000 | process guid → instances |
//! | `monit:jobs` | each machine, 2822 | 2000, 1000 | job → `ok`, `failing`, or `unmonitored`: monit was told to leave it alone |
//! | `diego:config` | any | once | `nsync_ms`, `retry_ms` (of the BBS's lock): as they pass here, scaled |
//!
//! `etcd:member` is `POST /v3/maintenance/status` with `{}` (`/v3beta` in 3.3): `header`'s
//! `cluster_id` (the same as the header `X-Etcd-Cluster-Id`) and `member_id`, `leader` not 0
//! (the same as `etcd_server_has_leader`), `raftTerm`, `raftIndex`, `errors`. It asks the
//! member only and costs nothing. Never `/v2/stats/self`: under a full partition all three
//! claim to lead. Never the list of alarms: each look is a write. `etcd:hash` is `POST
//! /v3/maintenance/hash`. A zero is left out of their JSON. `consul:server` is
//! `/v1/status/leader`, `/v1/operator/raft/configuration?stale` and the agent's own address;
//! `consul:lock` reads with `?stale` too: all must answer without a leader. (A server
//! that was restarted refuses stale reads until it has met a leader: leave its peers out
//! then, and say the rest.)
//!
//! Refused connections are `Refused`, other failures to answer in time `Hung`, any status
//! that is none of the above `Error`. A machine that does not run is `Refused`: a look that
//! fails must not be left out, or nothing can be told.
//!
//! `Log` lines are the machine's, all jobs' in one. A line counts from when it is read.
//!
//! # The diagnoses
//!
//! One cause is one diagnosis. [`QUORUM_LOST`] is silent where members that cannot start
//! ([`MEMBER_CORRUPT`], [`MEMBER_WIPED`], [`MEMBER_REMOVED`]) are the whole reason; where
//! others are away too, it speaks for them, since nobody is replaced without a quorum. [`STALE_MEMBER`] is one without a leader
//! while others of its cluster have one, [`SPLIT_CLUSTER`] means that there are several
//! clusters. [`SILENT_CORRUPTION`] takes the alarm CORRUPT for evidence, [`NOSPACE`] has its own.
//! [`WRITES_STALLED`] is for what none of these explains. Of Consul's five, [`GOSSIP_KEY`] excludes the others, and each of those the rest.
//! [`LOCK_STUCK`] needs a Consul with a leader, [`BBS_CUT_OFF`] an etcd with nothing wrong:
//! where the BBS lies because etcd fails, its lie is evidence for etcd's fault.
//! [`APPS_MISSING`] needs a BBS that lists. [`JOB_DOWN`] is for what has no other name: of
//! etcd's members it is silent where nobody leads, or where a member says why it ends, and of
//! Consul's machines that are off where that is why nobody leads. A job that dies
//! soon after each start is down for most of each minute, and never for long.
//!
//! Limits are measured seconds of etcd and Consul, which do not scale; those of the BBS
//! and of nsync follow `diego:config`.

mod apps;
mod bbs;
mod consul;
mod data;
mod etcd;
mod job;
mod lock;
pub(super) mod log;
mod member;
mod records;
mod view;

#[cfg(test)]
pub(crate) mod tests;

use std::time::Duration;

use reenact::{
    detect::{Rule, Told},
    detector,
};

use super::words::Why;
use consul::{Cause, caused_by};
pub(super) use data::WRITE;
use view::DiegoView;

/// No member of etcd has a leader.
pub const QUORUM_LOST: &str = "diego/etcd_quorum_lost";
/// etcd's members are in several clusters.
pub const SPLIT_CLUSTER: &str = "diego/etcd_split_cluster";
/// A member's files are damaged, so that it cannot start.
pub const MEMBER_CORRUPT: &str = "diego/etcd_member_corrupt";
/// A member has lost its log, so that it cannot start.
pub const MEMBER_WIPED: &str = "diego/etcd_member_wiped";
/// A member was removed from its cluster, and cannot come back with its old data.
pub const MEMBER_REMOVED: &str = "diego/etcd_member_removed";
/// A member has other data than the others, and does not notice.
pub const SILENT_CORRUPTION: &str = "diego/etcd_silent_corruption";
/// etcd takes no writes for want of space.
pub const NOSPACE: &str = "diego/etcd_nospace";
/// etcd's members answer and have a leader, and no write comes to its end.
pub const WRITES_STALLED: &str = "diego/etcd_writes_stalled";
/// An etcd runs that its supervisor does not know.
pub const ORPHAN: &str = "diego/etcd_orphaned";
/// A member is cut off from the quorum and answers reads.
pub const STALE_MEMBER: &str = "diego/etcd_stale_member";
/// So many Consul servers are away that the others cannot elect a leader.
pub const CONSUL_QUORUM_LOST: &str = "diego/consul_quorum_lost";
/// Consul's servers look for each other at addresses that they no longer have.
pub const CONSUL_OLD_PEERS: &str = "diego/consul_old_peers";
/// Enough servers run, and too few of them vote.
pub const CONSUL_FEW_VOTERS: &str = "diego/consul_few_voters";
/// Voters of Consul's are where no server is, so many that there can be no leader.
pub const CONSUL_DEAD_VOTERS: &str = "diego/consul_dead_voters";
/// A job does not start on a machine that runs.
pub const JOB_DOWN: &str = "diego/job_down";
/// Consul's agents have different gossip keys.
pub const GOSSIP_KEY: &str = "diego/consul_gossip_key";
/// The lock is held for nobody, and no BBS leads.
pub const LOCK_STUCK: &str = "diego/bbs_lock_stuck";
/// Two BBSes lead.
pub const TWO_MASTERS: &str = "diego/bbs_two_masters";
/// The BBS says that it is there and cannot read a healthy etcd.
pub const BBS_CUT_OFF: &str = "diego/bbs_cut_off_from_etcd";
/// The Cloud Controller's applications do not come to Diego.
pub const APPS_MISSING: &str = "diego/apps_not_desired";

/// A healthy election takes up to 2.2 s and the start of all members 2.6 s (measured);
/// one more election that is undecided takes 2 s.
const ELECTED: Duration = Duration::from_secs(5);

/// A look that was under way at a change may tell of before: after so long each of the
/// others has told of the present too, though one be lost.
const LOOKS_AGREE: Duration = Duration::from_secs(2);

/// A member that starts well answers 2.6 s after its machine (measured).
const STARTED: Duration = Duration::from_secs(3);

/// The pid is written down within 0.3 s of the first answer, and monit looks each second.
const WRITTEN_DOWN: Duration = Duration::from_secs(3);

/// The BBS gives up a silent member of etcd after 10 s and goes to the next one. One list
/// that fails is known after 2 s.
const NEXT_MEMBER: Duration = Duration::from_secs(15);

/// What is so for most of a minute, in pieces, is not well either. A part is asked each half a
/// second, so that of four seconds in five 3.4 are seen, 41 s in a minute, and of three 29 s.
const IN_PIECES: (Duration, Duration) = (Duration::from_secs(36), Duration::from_secs(60));

fn lasting(hold: Duration, when: impl Fn(&DiegoView) -> Told + Send + 'static) -> Rule<DiegoView> {
    let (held, window) = IN_PIECES;
    Rule::new(hold, when).or_in_pieces(held, window)
}

/// A write that was proposed to a leader who is gone is given up after 7 s (measured), whatever
/// the next leader does; a disk that is slow and gets on lets writes through within that.
const STALLED_WRITES: Duration = Duration::from_secs(12);

/// None: the condition measures by itself for how long it has held.
const NONE: Duration = Duration::ZERO;

detector! {
    QUORUM_LOST,
    "etcd has no leader: bring members back; do not restart or wipe those that still answer.",
    lasting(ELECTED, etcd::leaderless),
}

detector! {
    SPLIT_CLUSTER,
    "etcd's members are in several clusters, all healthy, with different keys: decide for one before anything is restarted.",
    lasting(LOOKS_AGREE, etcd::several),
}

detector! {
    STALE_MEMBER,
    "A member of etcd is cut off from the quorum and answers with old data: take its clients away from it.",
    lasting(ELECTED, etcd::cut_off),
}

detector! {
    MEMBER_CORRUPT,
    "A member of etcd cannot start on damaged files: remove it, wipe it alone, add it again.",
    Rule::new(STARTED, |view: &DiegoView| member::refusing(view, Why::Damaged)),
}

detector! {
    MEMBER_WIPED,
    "A member of etcd has lost its log and may not rejoin under its old id: remove it, add it again.",
    Rule::new(STARTED, |view: &DiegoView| member::refusing(view, Why::Wiped)),
}

detector! {
    MEMBER_REMOVED,
    "A member of etcd was removed from its cluster and starts on its old data in vain: wipe it alone, add it again.",
    Rule::new(STARTED, |view: &DiegoView| member::refusing(view, Why::Removed)),
}

detector! {
    ORPHAN,
    "An etcd answers that its supervisor does not know, so that each start fails: end it before anything is wiped.",
    lasting(WRITTEN_DOWN, member::unowned),
}

detector! {
    SILENT_CORRUPTION,
    "A member of etcd holds other data at the same revision: replace it before it leads.",
    Rule::new(LOOKS_AGREE, data::differences),
}

detector! {
    NOSPACE,
    "etcd has reached its quota and takes no writes: compact, defragment, disarm.",
    lasting(LOOKS_AGREE, |view: &DiegoView| data::alarmed(view, "NOSPACE")),
}

detector! {
    WRITES_STALLED,
    "etcd's members answer and have a leader, and writes hang by each of them: look at the leader's disk.",
    Rule::new(STALLED_WRITES, data::writes_stalled),
}

detector! {
    CONSUL_QUORUM_LOST,
    "Consul has no leader because servers are away: bring them back.",
    lasting(ELECTED, caused_by(Cause::Away)),
}

detector! {
    CONSUL_OLD_PEERS,
    "Consul's servers run and look for each other at old addresses: write peers.json everywhere.",
    lasting(ELECTED, caused_by(Cause::OldPeers)),
}

detector! {
    CONSUL_FEW_VOTERS,
    "Consul's servers run and too few of them may vote: bring the dead voter back, or write peers.json.",
    lasting(ELECTED, caused_by(Cause::FewVoters)),
}

detector! {
    CONSUL_DEAD_VOTERS,
    "Voters of Consul's are at addresses that no server has, too many for a leader: write peers.json without them everywhere.",
    lasting(ELECTED, caused_by(Cause::DeadVoters)),
}

detector! {
    JOB_DOWN,
    "A machine is off, or its job does not start or answers nobody: power it on, or read the job's last words.",
    Rule::new(NONE, job::down),
}

detector! {
    GOSSIP_KEY,
    "Consul's agents cannot decrypt each other: give them one key, in the keyring and not only in the settings.",
    Rule::new(NONE, consul::gossip_key),
}

detector! {
    LOCK_STUCK,
    "The BBS's lock is held for nobody and will not end: destroy its session or delete its key.",
    Rule::new(NONE, lock::held_for_nobody),
}

detector! {
    TWO_MASTERS,
    "Two BBSes lead at once: end the one that does not hold the lock.",
    lasting(LOOKS_AGREE, bbs::masters),
}

detector! {
    BBS_CUT_OFF,
    "The BBS answers pings and lists nothing, though etcd is well: mend its way to etcd.",
    lasting(NEXT_MEMBER, bbs::lists_nothing),
}

detector! {
    APPS_MISSING,
    "The Cloud Controller wants what Diego does not, longer than it converges: look at nsync.",
    Rule::new(NONE, apps::not_desired),
}
