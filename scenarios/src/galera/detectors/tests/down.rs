//! Servers that are gone, and nobody else says why.

use reenact::detect::testing::{Wrong, assert_hold, scenes};

use super::super::{NO_PRIMARY, NON_PRIMARY_WEDGE, SERVER_DOWN, ZOMBIE_NODE};
use super::{diagnoses::wedge, look_alikes::join_by_transfer, properties::LIFE, *};

const NO_PRIMARY_VIEW: &str = "[ERROR] WSREP: failed to open gcomm backend connection: 110: failed to reach primary \
                               view (pc.wait_prim_timeout): 110 (Connection timed out)";
const UNSAFE: &str = "[ERROR] WSREP: It may not be safe to bootstrap the cluster from this node.";

/// The server logs an error and what follows from it, and ends.
pub(super) fn abort(sim: &mut Sim, node: usize, error: &str) {
    let follows = "[ERROR] WSREP: wsrep::connect(gcomm://172.31.77.11,172.31.77.12) failed: 7";
    for line in [error, follows, "[ERROR] Aborting"] {
        sim.say(node, &[line.into()]);
    }
    sim.end(node, true);
    sim.run(100);
}

/// One server is gone, the others go on.
fn lose_one(sim: &mut Sim) {
    sim.end(2, false);
    sim.run(5_500);
    sim.install(&[0, 1], 600);
}

#[test]
fn a_server_that_nobody_starts_again() {
    let mut sim = Sim::healthy(80);
    let from = sim.now;
    lose_one(&mut sim);
    sim.run(12_000);
    let lines = ["n3: its machine is up, and no server runs", "n3: its log does not say why"];
    sim.only(SERVER_DOWN, from, 15_000..=16_300, &lines);
}

/// Two of three serve, and one is declared that nobody switches on.
#[test]
fn a_machine_that_is_off_for_longer_than_a_reboot() {
    let mut sim = Sim::healthy(92);
    let from = sim.now;
    sim.power_off(2);
    sim.run(5_500);
    sim.install(&[0, 1], 600);
    sim.run(27_000);
    sim.only(SERVER_DOWN, from, 30_000..=31_000, &["n3: its machine is off"]);
    sim.start(2);
    sim.install(&ALL, 400);
    sim.run(1_000);
    assert_eq!(sim.firing(), [""; 0]);
}

/// All leave in order, the last one alone; all boot, meet, and wait for a primary component
/// for as long as `pc.wait_prim_timeout` lets them.
fn stop_and_start_all(sim: &mut Sim) -> u64 {
    for node in ALL {
        sim.say(node, &["[Note] /usr/sbin/mariadbd (initiated by: unknown): Normal shutdown".into()]);
        sim.end(node, true);
        sim.nodes[node].grastate = grastate(30 + node as i64, node == 2);
        sim.power_off(node);
        sim.run(1_000);
    }
    ALL.into_iter().for_each(|node| sim.start(node));
    ALL.into_iter().for_each(|node| sim.log_view(node, false, &ALL));
    sim.run(30_000);
    sim.quiet();
    ALL.into_iter().for_each(|node| abort(sim, node, NO_PRIMARY_VIEW));
    sim.now
}

#[test]
fn a_cluster_that_was_stopped_in_order_and_started_again() {
    let mut sim = Sim::healthy(81);
    let from = stop_and_start_all(&mut sim) - 300;
    sim.run(17_000);
    let lines = [
        "n1: log: [ERROR] WSREP: failed to open gcomm backend connection: 110",
        "n1: 1 starts in a row came to nothing",
        "n3: grastate.dat has safe_to_bootstrap: 1, seqno 32: it was the last one to leave",
    ];
    sim.only(SERVER_DOWN, from, 14_500..=16_600, &lines);
}

#[test]
fn it_is_known_from_a_first_look_that_shows_nothing_else() {
    let mut sim = Sim::off(82);
    ALL.into_iter().for_each(|node| sim.end(node, true));
    sim.run(17_000);
    sim.only(SERVER_DOWN, 0, 15_000..=16_300, &["n1: its machine", "n2: its machine", "n3: its machine"]);
}

#[test]
fn it_is_known_by_its_ports_or_by_its_processes_alone() {
    let processes = |signal: &Signal| matches!(signal, Signal::Processes { .. } | Signal::Machine { .. });
    let ports = |signal: &Signal| matches!(signal, Signal::Port { .. } | Signal::Machine { .. });
    for drop in [processes as fn(&Signal) -> bool, ports] {
        let mut sim = Sim::healthy(83);
        let from = sim.now;
        lose_one(&mut sim);
        sim.run(12_000);
        sim.seen.retain(|seen| !drop(&seen.signal));
        sim.only(SERVER_DOWN, from, 15_000..=16_300, &["n3: its machine is up"]);
    }
}

/// A supervisor starts it every six seconds, and each time it lives for a second.
#[test]
fn a_server_that_fails_at_each_start() {
    let mut sim = Sim::healthy(84);
    let from = sim.now;
    lose_one(&mut sim);
    for _ in 0..6 {
        sim.start(2);
        sim.run(1_000);
        abort(&mut sim, 2, UNSAFE);
        sim.run(5_000);
    }
    let lines = ["n3: log: [ERROR] WSREP: It may not be safe to bootstrap", "starts in a row came to nothing"];
    sim.only(SERVER_DOWN, from, 15_000..=36_000, &lines[..1]);
    assert!(sim.said().evidence(SERVER_DOWN).iter().any(|line| line.contains("n3: 6 starts in a row")));
}

#[test]
fn its_hold_is_what_it_is() {
    assert_hold(Sim::healthy(85), |sim| (lose_one(sim), sim.run(2_000)).1, SERVER_DOWN, 15_000);
}

#[test]
fn whatever_happened_before_it_is_named() {
    let wrong = Wrong {
        make: |sim: &mut Sim| {
            sim.end(1, false);
            sim.install(&[0, 2], 500);
        },
        told_by: &[SERVER_DOWN],
        within: 17_500,
        line: "n2: its machine is up, and no server runs",
    };
    LIFE.names(&[wrong], LIFE.loss, 3);
}

fn stays_quiet(scene: fn(&mut Sim)) {
    for seed in 86..89 {
        let mut sim = Sim::healthy(seed);
        scene(&mut sim);
        sim.quiet();
    }
}

scenes!(
    stays_quiet,
    a_machine_that_reboots = |sim| {
        sim.power_off(2);
        sim.run(5_500);
        sim.install(&[0, 1], 600);
        sim.run(22_000);
        sim.start(2);
        sim.install(&ALL, 400);
        sim.run(3_000);
    },
    a_restart_whose_position_takes_long_to_recover = |sim| {
        sim.end(2, true);
        sim.install(&[0, 1], 300);
        sim.run(3_000);
        sim.nodes[2].commands.push("/usr/sbin/mariadbd --wsrep-recover --user=mysql".into());
        sim.run(40_000);
        sim.start(2);
        sim.install(&ALL, 400);
        sim.run(3_000);
    },
    a_start_that_works_after_one_that_did_not_however_long_it_takes = |sim| {
        lose_one(sim);
        sim.start(2);
        sim.run(1_000);
        abort(sim, 2, UNSAFE);
        sim.start(2);
        sim.run(40_000);
        sim.install(&ALL, 400);
        sim.run(3_000);
    },
    a_long_state_transfer_after_starts_that_came_to_nothing = |sim| {
        for _ in 0..2 {
            sim.start(2);
            abort(sim, 2, UNSAFE);
        }
        join_by_transfer(sim, 2, 40_000);
        sim.run(3_000);
    },
    // Two restarts in a row, each of which serves in between, are no vain ones.
    a_server_that_crashes_now_and_then_and_is_back = |sim| {
        for _ in 0..4 {
            sim.say(2, &["01:01:01 UTC - mysqld got signal 11 ;".into()]);
            sim.end(2, false);
            sim.install(&[0, 1], 400);
            sim.run(5_000);
            sim.start(2);
            sim.run(6_000);
            sim.install(&ALL, 400);
            sim.run(2_600);
        }
    },
);

/// Where more is known, the lack of a server is no diagnosis of its own.
#[test]
fn more_precise_diagnoses_come_first() {
    let mut sim = Sim::healthy(89);
    sim.end(2, false);
    for node in [0, 1] {
        sim.serve(node, "non-Primary", "Initialized", &[0, 1]);
    }
    sim.run(30_000);
    assert_eq!(sim.diagnoses(), [NO_PRIMARY]);

    let mut sim = Sim::healthy(90);
    sim.end(0, false);
    sim.end(2, false);
    sim.run(500);
    sim.start(2);
    sim.install(&[1, 2], 400);
    sim.hang(2, "handshake");
    sim.run(30_000);
    assert_eq!(sim.diagnoses(), [ZOMBIE_NODE]);
}

/// A wedge one of whose servers is killed for good is none any more: it may lack just that one.
#[test]
fn a_wedge_that_lost_a_server_has_lost_a_server() {
    let mut sim = Sim::off(91);
    wedge(&mut sim);
    sim.run(4_000);
    sim.end(1, false);
    sim.run(17_000);
    assert_eq!((sim.diagnoses(), sim.firing()), (vec![NON_PRIMARY_WEDGE, SERVER_DOWN], vec![SERVER_DOWN]));
}
