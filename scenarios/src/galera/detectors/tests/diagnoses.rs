//! Every failure is diagnosed, in time, by its own detector and by no other.

use reenact::detect::testing::{said, seen};

use super::super::{
    EVICTED_NODE, INCONSISTENT_NODE, MINORITY_PARTITION, NO_PRIMARY, NON_PRIMARY_WEDGE, STALLED_NODE, TWO_PRIMARIES,
    ZOMBIE_NODE,
};
use super::*;

/// Recipe R1: n1 is cut off, the others go on; then all lose power and start
/// again, the outdated node among the first two. Returns the moment of the last
/// view.
pub(super) fn wedge(sim: &mut Sim) -> u64 {
    sim.save_view(0, 0, 7, &ALL);
    sim.save_view(1, 1, 8, &[1, 2]);
    sim.save_view(2, 1, 8, &[1, 2]);
    let mut up = Vec::new();
    for node in [0, 2, 1] {
        sim.start(node);
        up.push(node);
        up.sort_unstable();
        sim.run(400);
        sim.pause(1_500);
        sim.view += 1;
        for member in up.clone() {
            sim.log_view(member, false, &up);
            sim.pause(200);
        }
    }
    let (other, own) = (short(1), short(0));
    let diverged = format!("node uuid: {other} last_prim(type: 2, uuid: {other}) is inconsistent to restored view");
    sim.say(0, &[format!("[Warning] WSREP: {diverged}(type: V_NON_PRIM, uuid: {own}")]);
    sim.now
}

/// All lose power, and are wedged when they have it again.
fn wedge_after_outage(seed: u64) -> (Sim, u64) {
    let mut sim = Sim::healthy(seed);
    ALL.into_iter().for_each(|node| sim.power_off(node));
    sim.run(1_000);
    let from = wedge(&mut sim);
    (sim, from)
}

#[test]
fn a_wedge_after_an_outage() {
    let (mut sim, from) = wedge_after_outage(1);
    sim.run(4_000);
    let lines = [
        "is inconsistent to restored view",
        "n1: gvwstate.dat has view (11111111-1111-11e1-8002-111111111111,7) of 3",
        "n2: server runs, 3306 closed",
    ];
    sim.only(NON_PRIMARY_WEDGE, from, 0..=2_600, &lines);
}

#[test]
fn a_wedge_by_its_files_or_by_its_logs_alone() {
    let telling = |signal: &Signal| matches!(signal, Signal::Log { line } if line.contains("inconsistent"));
    let (file, line) =
        ("n3: gvwstate.dat has view (22222222-2222-11e2-8002-222222222222,8) of 2", "n1: log: [Warning]");
    for (seed, drop, line) in
        [(2, telling as fn(&Signal) -> bool, file), (3, |signal| matches!(signal, Signal::File { .. }), line)]
    {
        let mut sim = Sim::off(seed);
        let from = wedge(&mut sim);
        sim.run(4_000);
        sim.seen.retain(|seen| !drop(&seen.signal));
        sim.only(NON_PRIMARY_WEDGE, from, 0..=2_600, &[line]);
    }
}

#[test]
fn a_wedge_over_which_a_person_runs_a_position_recovery() {
    let mut sim = Sim::off(4);
    let from = wedge(&mut sim);
    sim.run(1_000);
    sim.nodes[0].commands.push("/usr/sbin/mariadbd --wsrep-recover --user=mysql".into());
    sim.say(0, &["[Note] WSREP: wsrep_load(): loading provider library 'none'".into()]);
    sim.run(3_000);
    sim.only(NON_PRIMARY_WEDGE, from, 0..=2_600, &[]);
}

#[test]
fn a_wedge_ends_when_its_servers_are_killed() {
    let (mut sim, _) = wedge_after_outage(5);
    sim.run(4_000);
    assert_eq!(sim.firing(), [NON_PRIMARY_WEDGE]);
    ALL.into_iter().for_each(|node| sim.end(node, false));
    sim.run(600);
    sim.knows();
}

#[test]
fn a_minority_partition() {
    let mut sim = Sim::healthy(6);
    let from = sim.now + 5_000;
    sim.cut_off(0);
    sim.run(4_000);
    sim.only(MINORITY_PARTITION, from, 0..=4_500, &["n1: SQL answers, non-Primary, size 1", "without n1"]);
}

/// n1 is frozen when n3 leaves, so that n2 is one of two; thawed, n1 meets it again.
pub(super) fn lose_the_primary(sim: &mut Sim) -> u64 {
    sim.end(2, true);
    sim.install(&[0, 1], 0);
    sim.run(5_000);
    for members in [&[1][..], &[0, 1]] {
        for &member in members {
            sim.log_view(member, false, members);
            sim.serve(member, "non-Primary", "Initialized", members);
        }
        sim.run(1_000);
    }
    sim.now
}

#[test]
fn nobody_is_primary_any_more() {
    let mut sim = Sim::healthy(18);
    let from = lose_the_primary(&mut sim);
    sim.run(9_000);
    let waits = |node: &str| format!("{node}: SQL answers, non-Primary, size 2; no node is primary");
    sim.only(NO_PRIMARY, from, 0..=8_000, &[&waits("n1"), &waits("n2")]);
}

#[test]
fn a_member_that_hangs_on_when_it_is_evicted() {
    let mut sim = Sim::healthy(19);
    sim.hang(2, "handshake");
    sim.run(5_000);
    let from = sim.now;
    sim.install(&[0, 1], 800);
    sim.run(12_000);
    assert!(!sim.diagnoses().contains(&EVICTED_NODE), "a machine that was paused comes back by itself");
    sim.run(9_000);
    assert!(sim.diagnoses().contains(&EVICTED_NODE), "{:?} since {from}", sim.diagnoses());
}

#[test]
fn a_stalled_member() {
    let mut sim = Sim::healthy(7);
    let from = sim.now;
    sim.hang(2, "handshake");
    sim.nodes[2].machine.1 = true;
    sim.run(5_000);
    sim.install(&[0, 1], 800);
    sim.run(4_000);
    let lines = ["n3: 3306 accepts, SQL hangs in the handshake; it had answered before", "paused"];
    sim.only(STALLED_NODE, from, 0..=4_500, &lines);
}

#[test]
fn an_expelled_node_is_known_by_what_it_says_and_by_its_log() {
    let state = "n3: cluster status Disconnected, state Inconsistent";
    for (answers, within, lines) in
        [(true, 3_500, &[state, "n3: log: [ERROR] WSREP"][..]), (false, 4_500, &["n3: log: "])]
    {
        let mut sim = Sim::healthy(8);
        let from = sim.now;
        sim.say(2, &[INCONSISTENT.into()]);
        if answers {
            sim.serve(2, "Disconnected", "Inconsistent", &[]);
        } else {
            sim.nodes[2].sql = hung("query");
        }
        sim.install(&[0, 1], 400);
        sim.run(4_500);
        sim.only(INCONSISTENT_NODE, from, 0..=within, lines);
    }
}

#[test]
fn a_zombie_that_only_ever_listened() {
    let mut sim = Sim::healthy(10);
    sim.end(2, false);
    sim.install(&[0, 1], 400);
    sim.start(2);
    sim.run(2_000);
    let from = sim.now;
    for peer in [0, 1] {
        sim.serve(peer, "Primary", "Synced", &ALL);
    }
    sim.log_view(2, true, &ALL);
    sim.hang(2, "handshake");
    sim.run(8_000);
    let lines = ["n3: 3306 accepts, SQL hangs in the handshake; it never answered", "with n3"];
    sim.only(ZOMBIE_NODE, from, 5_000..=7_700, &lines);
}

#[test]
fn a_zombie_whose_queue_of_clients_runs_full() {
    let mut sim = Sim::healthy(16);
    sim.end(2, false);
    sim.run(1_000);
    let from = sim.now;
    (sim.nodes[2].group_port, sim.nodes[2].commands) = (Open, sim.nodes[0].commands.clone());
    sim.hang(2, "handshake");
    sim.run(2_500);
    (sim.nodes[2].sql_port, sim.nodes[2].sql) = (Silent, hung("connect"));
    sim.run(5_500);
    sim.only(ZOMBIE_NODE, from, 5_000..=7_700, &["n3: 3306 accepts nobody any more"]);
}

/// `pc.bootstrap` on an isolated minority.
pub(super) fn bootstrap_the_minority(sim: &mut Sim) -> u64 {
    sim.cut_off(0);
    sim.run(300);
    let from = sim.now;
    sim.install(&[0], 0);
    from
}

#[test]
fn two_primaries_after_a_forced_bootstrap() {
    let mut sim = Sim::healthy(11);
    let from = bootstrap_the_minority(&mut sim);
    sim.run(4_000);
    sim.only(TWO_PRIMARIES, from, 0..=3_000, &["n1: Primary, size 1", "n2: Primary, size 2"]);
}

#[test]
fn three_primaries_that_ignore_the_quorum() {
    let mut sim = Sim::healthy(12);
    let from = sim.now;
    for node in ALL {
        sim.install(&[node], 0);
        sim.run(500);
    }
    sim.run(4_000);
    sim.only(TWO_PRIMARIES, from, 0..=4_000, &["n1: Primary", "n2: Primary", "n3: Primary"]);
}

#[test]
fn a_second_cluster_with_another_history() {
    let mut sim = Sim::healthy(13);
    let from = sim.now;
    // Same addresses, as after a second bootstrap from an empty disk.
    sim.set_status(0, "wsrep_cluster_state_uuid", "0badc0de-5eed-11e1-8000-5eed5eed5eed");
    sim.run(4_000);
    sim.only(TWO_PRIMARIES, from, 0..=3_000, &["0badc0de"]);
}

#[test]
fn without_any_signal_of_galera_nothing_can_be_told() {
    let port = |port| seen(1, "director", Signal::Port { port, state: Open });
    let said = said(&[port(25_555), port(3306)], "galera/");
    assert_eq!(said.last.len(), 10);
    said.last.keys().for_each(|id| assert_eq!(said.why(id), "no signal of a Galera node was ever seen"));
}
