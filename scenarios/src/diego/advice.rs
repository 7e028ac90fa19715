//! What to do about etcd, Consul and the BBS's lock, and what not to: the runbooks' own conditions,
//! checked by what was seen. Figures are those of docs/figures.md.

use reenact::{
    diagnose::{Advice, Case, Met, Precondition},
    probe::{Answer, Question},
};

use super::{
    detectors::{
        APPS_MISSING, BBS_CUT_OFF, CONSUL_DEAD_VOTERS, CONSUL_FEW_VOTERS, CONSUL_OLD_PEERS, CONSUL_QUORUM_LOST,
        GOSSIP_KEY, JOB_DOWN, LOCK_STUCK, MEMBER_CORRUPT, MEMBER_REMOVED, MEMBER_WIPED, NOSPACE, ORPHAN, QUORUM_LOST,
        SILENT_CORRUPTION, SPLIT_CLUSTER, STALE_MEMBER, TWO_MASTERS, WRITES_STALLED,
    },
    signals::{Consul, Etcd, Lock},
};

/// Of those asked, how many say that they have a leader, and how many were asked.
fn led(case: &Case, of: &str, says: impl Fn(&Answer) -> bool) -> (usize, usize) {
    let all: Vec<_> = case.answers(of).collect();
    (all.iter().filter(|(.., answer)| says(answer)).count(), all.len())
}

fn etcd_led(case: &Case) -> (usize, usize) {
    led(case, Etcd::OF, |answer| answer.get("has_leader") == Some("true"))
}

fn consul_led(case: &Case) -> (usize, usize) {
    led(case, Consul::OF, |answer| answer.get("leader").is_some_and(|leader| !leader.is_empty()))
}

/// Whether that is so of what was asked; nobody was: it is not known.
fn known((some, all): (usize, usize), is_so: impl Fn(usize, usize) -> bool) -> Met {
    Met::from((all > 0).then(|| is_so(some, all)))
}

const REACHED: Precondition = Precondition {
    what: "every machine was looked at: one that is off may hold the most",
    met: |gathered, case| case.looked_at_all(gathered).into(),
};

const QUORUM: Precondition = Precondition {
    what: "a quorum of other members of etcd has a leader",
    met: |_, case| known(etcd_led(case), |led, all| 2 * led > all),
};

const NO_QUORUM: Precondition = Precondition {
    what: "no member of etcd has a leader: a quorum has everything",
    met: |_, case| known(etcd_led(case), |led, _| led == 0),
};

const ONE_CLUSTER: Precondition = Precondition {
    what: "all members of etcd that answer are of one cluster",
    met: |_, case| {
        let ids: std::collections::BTreeSet<_> =
            case.answers(Etcd::OF).filter_map(|(.., answer)| answer.get("cluster")).collect();
        Met::from((!ids.is_empty()).then_some(ids.len() == 1))
    },
};

const NO_CONSUL_LEADER: Precondition = Precondition {
    what: "no server of Consul's has a leader",
    met: |_, case| known(consul_led(case), |led, _| led == 0),
};

const CONSUL_LEADER: Precondition =
    Precondition { what: "Consul has a leader", met: |_, case| known(consul_led(case), |led, _| led > 0) };

const SERVERS_UP: Precondition = Precondition {
    what: "every server of Consul's is up: one that is off comes back with its vote and its data",
    met: |_, case| {
        let all: Vec<_> = case.answers(Consul::OF).collect();
        let is_up = |answer: &Answer| !matches!(answer, Answer::Refused | Answer::Hung { .. });
        Met::from((!all.is_empty()).then(|| all.iter().all(|(.., answer)| is_up(answer))))
    },
};

const NO_TTL: Precondition = Precondition {
    what: "the lock's session has neither a time to live nor checks: else it ends by itself, or somebody renews it",
    met: |_, case| {
        let told = case.answers(Lock::OF).find_map(|(.., answer)| {
            let number = |name| answer.get(name).and_then(|text| text.parse::<u64>().ok());
            Some(number("ttl_ms")? == 0 && number("checks")? == 0)
        });
        Met::from(told)
    },
};

const WIPE_ALL: (&str, &str) = (
    "wipe every member and start anew",
    "etcd is healthy and empty; the applications come back, the tasks are gone for good, in 4 of 4 re-enactments \
     (diego::etcd_wipe_loses_tasks)",
);

const BACKUP: (&str, &str) = (
    "wipe, and restore a backup",
    "what was acknowledged later is lost, in 3 of 3; of a snapshot of version 3 all is, in 3 of 3 (diego::nuke_and_pave)",
);

const RESTART_VMS: (&str, &str) = (
    "restart the VMs of Consul, etcd and the BBS",
    "a member that starts without a quorum answers nobody: what could be read goes dark (diego::etcd_step_one_goes_dark)",
);

const RESTART_MEMBER: (&str, &str) =
    ("restart its machine", "it ends with the same words (diego::etcd_member_corrupt)");

const REPLACE: &str = "rebuild_from_survivor";

const REPLACED: &[&str] = &[
    "Beside a quorum: etcdctl member remove its old id, wipe it alone, etcdctl member add, start it with initial-cluster-state existing.",
    "Without a quorum: start the member that has come farthest with --force-new-cluster, then add the others to it one by one, each one empty.",
];

const fn member(detector: &'static str) -> Advice {
    Advice {
        detector,
        runbook: REPLACE,
        steps: REPLACED,
        preconditions: &[REACHED, ONE_CLUSTER, QUORUM],
        wrong: &[
            RESTART_MEMBER,
            WIPE_ALL,
            ("remove another member", "one more failure stops everything (diego::etcd_member_removed)"),
        ],
    }
}

const fn peers(detector: &'static str) -> Advice {
    Advice {
        detector,
        runbook: "write_peers_json",
        steps: &[
            "Stop Consul on all servers.",
            "Write raft/peers.json on each: where all of them are now, in the form of their raft protocol.",
            "Start all of them.",
        ],
        preconditions: &[NO_CONSUL_LEADER, SERVERS_UP],
        wrong: &[(
            "write it on one server alone",
            "it leads by itself and gives the lock away once more (diego::bbs_two_masters)",
        )],
    }
}

pub(super) const ADVICE: &[Advice] = &[
    Advice {
        detector: QUORUM_LOST,
        runbook: "bring_members_back",
        steps: &[
            "Switch on the machines of etcd that are down, mend the network, and touch no member that still answers.",
        ],
        preconditions: &[NO_QUORUM, ONE_CLUSTER],
        wrong: &[WIPE_ALL, BACKUP, RESTART_VMS],
    },
    Advice {
        detector: SPLIT_CLUSTER,
        runbook: "none: a person must choose the cluster to keep",
        steps: &[
            "Count each cluster's keys. What only the others have is lost.",
            "Keep one, and make the other nodes empty members of it, one by one.",
        ],
        preconditions: &[REACHED],
        wrong: &[("restart members", "each finds its own cluster again (diego::etcd_all_bootstrapped_alone)")],
    },
    Advice {
        detector: STALE_MEMBER,
        runbook: "none: it comes back with the network",
        steps: &["Take its clients away from it, and mend the network."],
        preconditions: &[],
        wrong: &[
            WIPE_ALL,
            ("remove another member", "one more failure stops everything (diego::etcd_leader_isolated)"),
        ],
    },
    member(MEMBER_CORRUPT),
    member(MEMBER_WIPED),
    member(MEMBER_REMOVED),
    Advice {
        detector: SILENT_CORRUPTION,
        runbook: "remove it from etcd's cluster, wipe it alone, add it again",
        steps: REPLACED,
        preconditions: &[REACHED, QUORUM],
        wrong: &[(
            "remove one that holds what most hold",
            "the wrong data become the majority's (diego::etcd_silent_corruption)",
        )],
    },
    Advice {
        detector: ORPHAN,
        runbook: "killall_etcd",
        steps: &["killall etcd where its supervisor does not know it, and start it by the supervisor. Its data stay."],
        preconditions: &[REACHED],
        wrong: &[
            (
                "wipe its data first",
                "it goes on with deleted files, and the next one panics (diego::etcd_orphan_wiped_first)",
            ),
            ("wait for monit", "each of its starts dies because the port is taken (diego::etcd_orphan)"),
        ],
    },
    Advice {
        detector: NOSPACE,
        runbook: "compact etcd's revisions, defragment each member, disarm the alarm",
        steps: &["etcdctl compact REVISION; etcdctl defrag on each member; etcdctl alarm disarm."],
        preconditions: &[QUORUM],
        wrong: &[("restart the members", "the alarm outlives it (diego::etcd_nospace)")],
    },
    Advice {
        detector: WRITES_STALLED,
        runbook: "none: look at the leader's disk",
        steps: &["iostat -x and the log's `wal: sync duration` on the leader; move the leader away from a slow disk."],
        preconditions: &[QUORUM],
        wrong: &[],
    },
    Advice {
        detector: CONSUL_QUORUM_LOST,
        runbook: "bring_servers_back",
        steps: &["Switch on Consul's machines that are down, and touch no other: with their votes comes the leader."],
        preconditions: &[NO_CONSUL_LEADER],
        wrong: &[
            ("restart the server that is left, or scale to one", "of no use (diego::consul_quorum_lost)"),
            ("write peers.json", "a server that is off has a vote and may have newer data"),
        ],
    },
    peers(CONSUL_OLD_PEERS),
    peers(CONSUL_FEW_VOTERS),
    peers(CONSUL_DEAD_VOTERS),
    Advice {
        detector: GOSSIP_KEY,
        runbook: "give every agent of Consul's the keyring that most servers have",
        steps: &[
            "Give every agent the keyring that most servers have, in serf/local.keyring and in the configuration; restart one by one.",
        ],
        preconditions: &[REACHED],
        wrong: &[(
            "set the key in the configuration alone",
            "it has no effect: the keyring counts (diego::consul_gossip_key)",
        )],
    },
    Advice {
        detector: LOCK_STUCK,
        runbook: "free_lock",
        steps: &["Destroy the session that holds the lock, or delete the key that is no lock's (with its index: cas)."],
        preconditions: &[CONSUL_LEADER, NO_TTL],
        wrong: &[("restart the BBSes", "both wait for it as before (diego::bbs_lock_session_without_ttl)")],
    },
    Advice {
        detector: TWO_MASTERS,
        runbook: "wipe Consul's data on it alone, and let it join the others again",
        steps: &[
            "Stop the server of Consul's that leads alone before the network is mended, wipe it, let it join again.",
        ],
        preconditions: &[REACHED],
        wrong: &[(
            "mend the network first",
            "it takes the others in and overwrites what they have (diego::bbs_two_masters)",
        )],
    },
    Advice {
        detector: BBS_CUT_OFF,
        runbook: "none: it comes back with its way to etcd",
        steps: &["Mend the way from the BBS to etcd; it reads again by itself."],
        preconditions: &[QUORUM],
        wrong: &[("restart the BBSes", "it only takes the pings away (diego::bbs_cut_off_from_etcd)")],
    },
    Advice {
        detector: APPS_MISSING,
        runbook: "none: it comes with nsync's next pass",
        steps: &["Look at nsync and its way to the BBS."],
        preconditions: &[],
        wrong: &[("restart the BBSes", "of no use (diego::apps_not_desired)")],
    },
    Advice {
        detector: JOB_DOWN,
        runbook: "power_on, or start_missing, or same_flags",
        steps: &[
            "Where its machine is off, power it on (power_on): what is wrong beside that shows then.",
            "Where monit says that it runs, and it does not: monit unmonitor it, then monit start it. Monit keeps a pid that is somebody else's by now.",
            "Read the job's last words. Where it is a flag that it does not know: give it those of the other members, and start it.",
        ],
        preconditions: &[QUORUM],
        wrong: &[RESTART_MEMBER, ("remove and wipe it", "its data are well (diego::etcd_wrong_flag)")],
    },
];
