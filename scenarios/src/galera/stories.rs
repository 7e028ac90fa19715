//! How to wedge the cluster, by real faults only.
//!
//! A node promotes a restored view only if all its members are back and every one of them
//! remembers the same last primary view. So the stories install a new primary view on a part
//! of the nodes, and then take the power from all.

use std::time::Duration;

use reenact::{
    fault::{DiskFull, Partition, PowerOff, PowerOn},
    incident::*,
    poll::Look,
    probe::Observation,
};

use super::{
    Galera, NODES,
    detectors::{MINORITY_PARTITION, NON_PRIMARY_WEDGE},
    report::FINGERPRINTS,
};

/// How long the majority may take to install its view: it suspects after 5 s, and was seen
/// to be done after 5.0 to 6.6 s.
const EVICTION: Duration = secs(20);
/// How long rebooted nodes may take to meet: 2.1 to 3.8 s were seen.
const MEETING: Duration = secs(30);
/// How many writes the majority acknowledges that the cut-off node never hears of.
pub(super) const UNSEEN: usize = 20;

/// The report's exact triple (recipe R3): n3 cannot save the view {n2, n3} on its full disk.
/// Afterwards n1 and n3 remember the view of all three, and n2 the one of two. No order of
/// starting was found that heals it.
pub(super) fn full_disk_wedge() -> Vec<Action<Galera>> {
    let mut story = vec![
        // Writes would break n3 in another way: its disk is full.
        pause_workload(),
        inject_as("full disk", DiskFull { node: "n3".into() }),
        inject(Partition::isolate("n1", &["n2", "n3"])),
        majority_installs(),
        heal("full disk"),
        resume_workload(),
        writes(UNSEEN, EVICTION),
    ];
    story.extend(outage());
    story
}

/// The shorter recipe (R1): the view {n2, n3} is saved by both, and n1 returns before one of
/// them. A restart of the members of the last view first would heal it.
pub(super) fn missed_view_wedge() -> Vec<Action<Galera>> {
    let mut story =
        vec![inject(Partition::isolate("n1", &["n2", "n3"])), majority_installs(), writes(UNSEEN, EVICTION)];
    story.extend(outage());
    story
}

fn majority_installs() -> Action<Galera> {
    serve_as_two("n2 and n3 install a view of two", &["n2", "n3"])
}

/// Waits until these two nodes serve as a primary component of two.
pub(super) fn serve_as_two(what: &'static str, nodes: &'static [&'static str; 2]) -> Action<Galera> {
    wait(what, EVICTION, move |run: &Run<Galera>| Box::pin(run.system().are_primary(nodes)))
}

/// Waits until the server of each of these nodes has aborted since the last fault.
pub(super) fn give_up(nodes: &'static [&'static str]) -> Action<Galera> {
    wait(format!("the servers of {} abort", nodes.join(", ")), GIVING_UP, move |run| {
        let gave_up = logged_since(run, nodes, &["[ERROR] Aborting"]);
        Box::pin(async move { gave_up })
    })
}

/// All nodes lose power, the network heals, and the nodes come back: n1 and n3 meet before n2
/// does.
fn outage() -> Vec<Action<Galera>> {
    vec![
        inject(PowerOff::of(&NODES)),
        heal_all(),
        inject(PowerOn::of(&["n1", "n3"])),
        meet(&["n1", "n3"]),
        inject(PowerOn::of(&["n2"])),
        // From here on a healthy cluster would be primary within a second or two.
        effect_begins(),
        meet(&NODES),
    ]
}

/// How long a server may take to abort: `pc.wait_prim_timeout` is 30 s, and 34 s were seen.
const GIVING_UP: Duration = secs(60);

/// Waits until each of these nodes has logged, since the last fault or the effect, a component of just them.
pub(super) fn meet(nodes: &'static [&'static str]) -> Action<Galera> {
    wait(format!("{} meet", nodes.join(" and ")), MEETING, move |run| {
        let met = met(run, nodes);
        Box::pin(async move { met })
    })
}

fn met(run: &Run<Galera>, nodes: &[&str]) -> Look<()> {
    logged_since(run, nodes, &["New COMPONENT:", &format!("memb_num = {}", nodes.len())])
}

/// Whether each of these nodes has logged a line with these words since the last fault or the effect.
fn logged_since(run: &Run<Galera>, nodes: &[&str], words: &[&str]) -> Look<()> {
    let since = run.effect_at();
    let missing = run.read(|seen| {
        let logged = |node: &&str| {
            let later = |observation: &&Observation| observation.at >= since;
            seen.iter().rev().take_while(later).any(|o| o.node == *node && o.is_log_with(words))
        };
        nodes.iter().copied().filter(|node| !logged(node)).collect::<Vec<_>>()
    });
    if missing.is_empty() { Look::Ready(()) } else { Look::NotYet(format!("{} did not", missing.join(", "))) }
}

/// The wedge is detected as the report has it.
pub(super) fn wedged() -> Diagnosis<Galera> {
    by(NON_PRIMARY_WEDGE, secs(15)).also(&[MINORITY_PARTITION])
}

/// The wedge as the first act of a story that goes on.
pub(super) fn wedge_as_first_act(breaks: Vec<Action<Galera>>) -> Act<Galera> {
    Act {
        breaks,
        fingerprints: seen(FINGERPRINTS, secs(20)),
        detected: wedged(),
        control: none("the next act shows it"),
        wrong: none("the next act is the wrong runbook"),
        ends: goes_on(),
    }
}

/// Why a fault that was measured has no marks.
pub(super) fn measured<T>() -> Stated<T> {
    none("measured, not reported: there are no marks of a report")
}
