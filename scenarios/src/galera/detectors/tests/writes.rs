//! Reads are fine, and writes are not.

use reenact::detect::testing::{Wrong, assert_hold, error, scenes, values};

use super::super::{NO_PRIMARY, WRITES_STALLED};
use super::{look_alikes::join_by_transfer, properties::LIFE, *};

/// One node asks all to wait: it has this many write sets in its queue.
fn throttle(sim: &mut Sim, slow: usize, queue: u64) {
    let now = sim.now;
    for node in ALL {
        sim.set_status(node, "wsrep_flow_control_active", "true");
        sim.set_status(node, "wsrep_flow_control_paused", "0.99");
        sim.nodes[node].stalled = Some(now);
    }
    sim.set_status(slow, "wsrep_local_recv_queue", &queue.to_string());
}

fn let_go(sim: &mut Sim) {
    for node in ALL {
        sim.set_status(node, "wsrep_flow_control_active", "false");
        sim.set_status(node, "wsrep_local_recv_queue", "0");
        sim.nodes[node].stalled = None;
    }
}

/// Flow control for so many milliseconds, as a slow applier brings it about.
pub(super) fn slow_down(sim: &mut Sim, milliseconds: u64) {
    throttle(sim, milliseconds as usize % NODES, 40);
    sim.run(milliseconds);
    let_go(sim);
}

fn drop_writes(sim: &mut Sim) {
    sim.seen.retain(|seen| !matches!(&seen.signal, Signal::Query { of, .. } if of == "sql:write"));
}

#[test]
fn flow_control_that_never_ends() {
    let mut sim = Sim::healthy(100);
    let from = sim.now;
    throttle(&mut sim, 2, 29);
    sim.set_status(2, "wsrep_flow_control_requested", "true");
    sim.set_status(2, "wsrep_local_state_comment", "Donor/Desynced");
    sim.run(14_000);
    let lines = [
        "n1: SQL answers, Primary, Synced; a write hangs for ",
        "(Waiting for certification)",
        "n3 holds the others up: it asks for flow control; wsrep_local_recv_queue 29, wsrep_flow_control_paused 0.99",
    ];
    sim.only(WRITES_STALLED, from, 10_000..=12_500, &lines);
}

/// Nobody tries a write, as on a system that is not ours.
#[test]
fn it_is_known_by_the_status_alone() {
    let mut sim = Sim::healthy(101);
    let from = sim.now;
    throttle(&mut sim, 1, 840);
    sim.run(60_000);
    drop_writes(&mut sim);
    let lines = [
        "n1: SQL answers, Primary, Synced; under flow control, nothing committed for",
        "n2 holds the others up: its queue is the longest; wsrep_local_recv_queue 840",
    ];
    sim.only(WRITES_STALLED, from, 10_000..=13_500, &lines);
}

#[test]
fn its_hold_is_what_it_is() {
    assert_hold(Sim::healthy(102), |sim| (throttle(sim, 0, 9), sim.run(2_000)).1, WRITES_STALLED, 10_000);
}

#[test]
fn whatever_happened_before_it_is_named() {
    let wrong = Wrong {
        make: |sim: &mut Sim| throttle(sim, 1, 7),
        told_by: &[WRITES_STALLED],
        within: 14_000,
        line: "n2 holds the others up",
    };
    LIFE.names(&[wrong], LIFE.loss, 3);
}

#[test]
fn without_a_write_and_a_word_on_flow_control_nothing_can_be_told() {
    let mut sim = Sim::healthy(103);
    sim.run(3_000);
    drop_writes(&mut sim);
    for seen in &mut sim.seen {
        if let Signal::Query { answer: Answer::Values { values }, .. } = &mut seen.signal {
            values.retain(|name, _| !name.starts_with("wsrep_flow_control"));
        }
    }
    assert_eq!(sim.said().why(WRITES_STALLED), "no write was ever tried, and no node tells of flow control");
}

fn stays_quiet(scene: fn(&mut Sim)) {
    for seed in 104..107 {
        let mut sim = Sim::healthy(seed);
        scene(&mut sim);
        sim.quiet();
    }
}

scenes!(
    stays_quiet,
    flow_control_that_comes_and_goes = |sim| {
        for _ in 0..15 {
            slow_down(sim, 6_500);
            sim.run(1_500);
        }
    },
    a_slow_applier_that_gets_on_as_the_status_tells = |sim| {
        throttle(sim, 2, 900);
        for committed in 9..40 {
            for node in ALL {
                sim.set_status(node, "wsrep_last_committed", &committed.to_string());
            }
            sim.set_status(2, "wsrep_local_recv_queue", &(900 - 20 * committed).to_string());
            sim.run(2_000);
        }
        drop_writes(sim);
    },
    writes_that_hang_on_one_node_alone = |sim| {
        sim.nodes[2].stalled = Some(sim.now);
        sim.run(30_000);
    },
    a_cluster_in_which_nobody_writes = |sim| {
        sim.run(60_000);
        drop_writes(sim);
    },
    a_donor_that_waits_for_its_joiner = |sim| {
        throttle(sim, 0, 3);
        join_by_transfer(sim, 2, 20_000);
        let_go(sim);
        sim.run(3_000);
    },
    a_write_that_is_refused_does_not_hang = |sim| {
        sim.run(1_000);
        let from = sim.now;
        sim.run(20_000);
        for seen in sim.seen.iter_mut().filter(|seen| seen.at.0 >= from) {
            if let Signal::Query { of, answer } = &mut seen.signal
                && of == "sql:write"
            {
                *answer = error("1146", "Table 'reenact.canary' doesn't exist");
            }
        }
    },
);

/// A write that was tried while all served is no evidence once nobody serves.
#[test]
fn without_a_primary_component_it_is_another_diagnosis() {
    let mut sim = Sim::healthy(108);
    throttle(&mut sim, 2, 9);
    for node in ALL {
        sim.serve(node, "non-Primary", "Initialized", &ALL);
    }
    sim.run(20_000);
    let pending = values([("done", "false"), ("ms", "20000"), ("waits_for", "Waiting for certification")]);
    sim.emit("n1", query("sql:write", pending));
    assert_eq!(sim.diagnoses(), [NO_PRIMARY]);
}

/// Without a primary component for so many of each five seconds.
fn comes_and_goes(seconds: u64) -> Sim {
    let mut sim = Sim::healthy(109);
    for _ in 0..20 {
        ALL.into_iter().for_each(|node| sim.serve(node, "non-Primary", "Initialized", &[node]));
        sim.run(seconds * 1_000);
        sim.install(&ALL, 0);
        sim.run(5_000 - seconds * 1_000);
    }
    sim
}

#[test]
fn a_cluster_without_a_primary_component_for_most_of_the_time_is_not_well() {
    comes_and_goes(4).only(NO_PRIMARY, 2_000, 48_000..=60_000, &["it comes and goes: for 40"]);
    comes_and_goes(2).quiet();
}
