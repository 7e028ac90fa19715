//! How to wedge the cluster, by real faults only.
//!
//! A node promotes a restored view only if all its members are back and every one
//! of them remembers the same last primary view. So the recipes install a new
//! primary view on a part of the nodes, and then take the power from all.

use std::time::Duration;

use reenact::{
    Result,
    fault::{DiskFull, Partition, PowerOff, PowerOn},
    probe::{Moment, Observation, PortState, Signal},
    runbook::Runbook,
    stage::{
        Fingerprint, Lab, Stage, latest, logged,
        phase::{Detected, Faulted, Steady},
    },
    wait::Look,
    workload::Traffic,
};

use super::{Galera, Machines, NODES, detectors::NON_PRIMARY_WEDGE};

/// How long the majority may take to install its view: it suspects after 5 s, and
/// was seen to be done after 5.0 to 6.6 s.
const EVICTION: Duration = Duration::from_secs(20);
/// How long rebooted nodes may take to meet: 2.1 to 3.8 s were seen.
const MEETING: Duration = Duration::from_secs(30);
/// How long a steady cluster is watched for false alarms.
pub(super) const QUIET: Duration = Duration::from_secs(3);
/// How many writes the majority acknowledges that the cut-off node never hears of.
pub(super) const UNSEEN: usize = 20;

/// A healthy cluster under load, over which no detector says a word.
pub(super) async fn steady(lab: &Lab) -> Result<Stage<Galera, Steady>> {
    steady_on(lab, Machines::Ordinary).await
}

async fn steady_on(lab: &Lab, machines: Machines) -> Result<Stage<Galera, Steady>> {
    let galera = Galera::deploy(lab, machines).await?;
    Stage::begin(lab, galera, Traffic::default()).await?.quiet(QUIET).await
}

/// The report's exact triple (recipe R3): n3 cannot save the view {n2, n3} on its
/// full disk. Afterwards n1 and n3 remember the view of all three, and n2 the one
/// of two. No order of starting was found that heals it.
pub(super) async fn full_disk_wedge(lab: &Lab) -> Result<Stage<Galera, Faulted>> {
    let mut stage = steady(lab).await?;
    // Writes would break n3 in another way: its disk is full.
    stage.workload().pause();
    stage.workload().idle().await?;
    let full = stage.strike(DiskFull { node: "n3".into() }).await?;
    stage.strike(Partition::isolate("n1", &["n2", "n3"])).await?;
    majority_installs(&stage).await?;
    stage.mend_one(full).await?;
    stage.workload().resume();
    stage.writes(UNSEEN, EVICTION).await?;
    outage(stage, &["n1", "n3"], "n2").await
}

/// The shorter recipe (R1): the view {n2, n3} is saved by both, and n1 returns
/// before one of them. A restart of the members of the last view first would heal
/// it.
pub(super) async fn missed_view_wedge(lab: &Lab, machines: Machines) -> Result<Stage<Galera, Faulted>> {
    let mut stage = steady_on(lab, machines).await?;
    stage.strike(Partition::isolate("n1", &["n2", "n3"])).await?;
    majority_installs(&stage).await?;
    stage.writes(UNSEEN, EVICTION).await?;
    outage(stage, &["n1", "n3"], "n2").await
}

async fn majority_installs(stage: &Stage<Galera, Steady>) -> Result<()> {
    let look = || stage.system().are_primary(&["n2", "n3"]);
    stage.wait_for("n2 and n3 to install a view of two", EVICTION, look).await
}

/// All nodes lose power, the network heals, and the nodes come back: the first two
/// meet before the last one does.
async fn outage(stage: Stage<Galera, Steady>, first: &[&str], last: &str) -> Result<Stage<Galera, Faulted>> {
    let mut stage = stage.inject(PowerOff::of(&NODES)).await?.heal().await?;
    let booted = stage.lab().now();
    stage = stage.inject(PowerOn::of(first)).await?;
    stage.wait_for("the first two to meet", MEETING, || meet(stage.lab(), booted, first, 2)).await?;
    stage = stage.inject(PowerOn::of(&[last])).await?;
    // From here on a healthy cluster would be primary within a second or two.
    stage.effect_begins();
    stage.wait_for("all three to meet", MEETING, || meet(stage.lab(), booted, &NODES, NODES.len())).await?;
    Ok(stage)
}

/// Waits until each of these nodes has logged, since that moment, a component of just them.
pub(super) async fn wait_together<P>(stage: &Stage<Galera, P>, since: Moment, nodes: &[&str]) -> Result<()> {
    let what = format!("{} to meet", nodes.join(" and "));
    stage.wait_for(&what, MEETING, || meet(stage.lab(), since, nodes, nodes.len())).await
}

/// Whether every one of the nodes has logged a component of that many members.
async fn meet(lab: &Lab, since: Moment, nodes: &[&str], members: usize) -> Look<()> {
    let words = ["New COMPONENT:", &format!("memb_num = {members}")];
    let alone = lab.stream().read(|seen| {
        let logged = |node: &&str| {
            seen.iter().rev().take_while(|o| o.at >= since).any(|o| o.node == *node && o.is_log_with(&words))
        };
        nodes.iter().copied().filter(|node| !logged(node)).collect::<Vec<_>>()
    });
    if alone.is_empty() { Look::Ready(()) } else { Look::NotYet(format!("{} did not", alone.join(", "))) }
}

/// The wedge as the report has it: its marks are seen, and its detector fires.
pub(super) async fn detected(wedged: Stage<Galera, Faulted>) -> Result<Stage<Galera, Detected>> {
    let seen = wedged.fingerprints(FINGERPRINTS, Duration::from_secs(20)).await?;
    seen.detect(NON_PRIMARY_WEDGE, Duration::from_secs(15)).await
}

/// The right runbook heals it, and finds nothing more to do afterwards.
pub(super) async fn healed_by(runbook: &dyn Runbook, broken: Stage<Galera, Detected>, limit: Duration) -> Result<()> {
    broken.recover(runbook, limit).await?.stays_healthy(QUIET).await?.again(runbook).await?.finish().await
}

/// With the fault gone it comes back by itself.
pub(super) async fn comes_back(broken: Stage<Galera, Detected>) -> Result<()> {
    let whole = broken.heal().await?.heals_itself(Duration::from_secs(40)).await?;
    whole.stays_healthy(QUIET).await?.finish().await
}

/// The marks of the report. Where Galera has changed its wording since 3.20, the
/// mark is the line's meaning.
pub(super) const FINGERPRINTS: &[Fingerprint] = &[
    Fingerprint {
        id: "position-recovered",
        report: "mysqld_safe WSREP: Recovered position 746e46f3-…:20626756",
        shows: |seen| logged(seen, &["mysqld_safe WSREP: Recovered position"]),
    },
    Fingerprint {
        id: "unsafe-saved-state",
        report: "Found saved state: 746e46f3-…:-1, safe_to_bootsrap: 0",
        shows: |seen| logged(seen, &["Found saved state", ":-1, safe_to_boot", ": 0"]),
    },
    Fingerprint {
        id: "pc-restored",
        report: "restore pc from disk successfully",
        shows: |seen| logged(seen, &["restore pc from disk successfully"]),
    },
    Fingerprint {
        id: "no-prim-possible",
        report: "no nodes coming from prim view, prim not possible",
        shows: |seen| {
            logged(seen, &["No nodes coming from primary view, primary view is not possible"])
                || logged(seen, &["no nodes coming from prim view, prim not possible"])
        },
    },
    Fingerprint {
        id: "non-prim-view",
        report: "view(view_id(NON_PRIM,069ddd4c,111) memb {",
        shows: |seen| logged(seen, &["view(view_id(NON_PRIM,"]),
    },
    Fingerprint {
        id: "two-first-not-primary",
        report: "New COMPONENT: primary = no, bootstrap = no, my_idx = 0, memb_num = 2",
        shows: |seen| logged(seen, &["New COMPONENT: primary = no, bootstrap = no", "memb_num = 2"]),
    },
    Fingerprint {
        id: "three-and-not-primary",
        report: "New COMPONENT: primary = no, bootstrap = no, my_idx = 0, memb_num = 3",
        shows: |seen| logged(seen, &["New COMPONENT: primary = no, bootstrap = no", "memb_num = 3"]),
    },
    Fingerprint {
        id: "received-non-primary",
        report: "Received NON-PRIMARY.",
        shows: |seen| logged(seen, &["Received NON-PRIMARY."]),
    },
    Fingerprint {
        id: "inconsistent-last-prim",
        report: "node uuid: 11247975 last_prim(type: 2, …) is inconsistent to restored view(type: V_NON_PRIM, …",
        shows: |seen| logged(seen, &["last_prim(type: 2, ", "is inconsistent to restored view(type: V_NON_PRIM, "]),
    },
    Fingerprint {
        id: "sql-port-closed",
        report: "netstat: nothing listens on 3306",
        shows: |seen| everywhere(seen, |signal| port(signal, 3306).map(|state| state == PortState::Closed)),
    },
    Fingerprint {
        id: "group-port-open",
        report: "netstat: 0.0.0.0:4567 LISTEN 1890/mysqld",
        shows: |seen| everywhere(seen, |signal| port(signal, 4567).map(|state| state == PortState::Open)),
    },
    Fingerprint {
        id: "no-pid-file",
        report: "/var/vcap/sys/run/mysql/mysql.pid does not exist",
        shows: |seen| {
            everywhere(seen, |signal| match signal {
                Signal::File { path, content } if path.ends_with("/mysqld.pid") => Some(content.is_none()),
                _ => None,
            })
        },
    },
    Fingerprint {
        id: "server-with-start-position",
        report: "mysqld … --wsrep_start_position=746e46f3-…:20626756",
        shows: |seen| {
            everywhere(seen, |signal| match signal {
                Signal::Processes { commands } => {
                    Some(commands.iter().any(|command| command.contains("--wsrep_start_position=")))
                }
                _ => None,
            })
        },
    },
];

/// Whether the latest word of every node on this is yes.
fn everywhere(seen: &[Observation], pick: impl Fn(&Signal) -> Option<bool>) -> bool {
    let words = latest(seen, pick);
    words.len() == NODES.len() && words.values().all(|yes| *yes)
}

fn port(signal: &Signal, wanted: u16) -> Option<PortState> {
    match signal {
        Signal::Port { port, state } if *port == wanted => Some(*state),
        _ => None,
    }
}
