//! Every failure is diagnosed, in time, by its own detector and by no other.

use std::time::Duration;

use reenact::probe::{Answer, PortState};

use super::super::{
    INCONSISTENT_NODE, MINORITY_PARTITION, NO_PRIMARY, NON_PRIMARY_WEDGE, STALLED_NODE, TWO_PRIMARIES, ZOMBIE_NODE,
};
use super::*;

/// Asserts that only `id` fires, at most `within` after `from`, and that its
/// evidence has each of `lines`.
fn only(sim: &Sim, id: &str, from: u64, within: u64, lines: &[&str]) {
    let fired = sim.fired();
    assert_eq!(fired.keys().copied().collect::<Vec<_>>(), [id], "{fired:#?}");
    let (at, evidence) = &fired[id];
    assert!(
        at.0 >= from && at.since(Moment(from)) <= Duration::from_millis(within),
        "fired at {at}, not {from} ms + {within}"
    );
    for line in lines {
        assert!(evidence.iter().any(|seen| seen.contains(line)), "no '{line}' in {evidence:#?}");
    }
}

/// The line that says that `member` restored another view than the log's owner.
fn diverged(member: usize) -> String {
    format!(
        "[Warning] WSREP: node uuid: {} last_prim(type: 2, uuid: {}) is inconsistent to restored view(type: V_NON_PRIM, \
         uuid: {}",
        short(member),
        short(member),
        short(0)
    )
}

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
        let gap = 400 + sim.below(1_500);
        sim.run(gap);
        sim.view += 1;
        for member in up.clone() {
            sim.log_view(member, false, &up);
            let gap = sim.below(200);
            sim.run(gap);
        }
    }
    sim.log(0, &[diverged(1)]);
    sim.now
}

/// One wedged node alone, as the report had it: ports, processes, log.
fn wedge_after_outage(seed: u64) -> (Sim, u64) {
    let mut sim = Sim::healthy(seed);
    for node in ALL {
        sim.power_off(node);
    }
    sim.run(1_000);
    let from = wedge(&mut sim);
    (sim, from)
}

#[test]
fn a_wedge_after_an_outage() {
    let (mut sim, from) = wedge_after_outage(1);
    sim.run(4_000);
    let restored = "n1: gvwstate.dat has view (11111111-1111-11e1-8002-111111111111,7) of 3";
    only(
        &sim,
        NON_PRIMARY_WEDGE,
        from,
        2_600,
        &["is inconsistent to restored view", restored, "n2: server runs, 3306 closed"],
    );
}

#[test]
fn a_wedge_by_its_files_alone_without_the_telling_log_line() {
    let mut sim = Sim::off(2);
    let from = wedge(&mut sim);
    sim.run(4_000);
    sim.stream.retain(|seen| !matches!(&seen.signal, Signal::Log { line } if line.contains("inconsistent")));
    only(
        &sim,
        NON_PRIMARY_WEDGE,
        from,
        2_600,
        &["n3: gvwstate.dat has view (22222222-2222-11e2-8002-222222222222,8) of 2"],
    );
}

#[test]
fn a_wedge_by_its_logs_alone_without_files() {
    let mut sim = Sim::off(3);
    let from = wedge(&mut sim);
    sim.run(4_000);
    sim.stream.retain(|seen| !matches!(seen.signal, Signal::File { .. }));
    only(&sim, NON_PRIMARY_WEDGE, from, 2_600, &["n1: log: [Warning] WSREP: node uuid: 22222222-8002"]);
}

#[test]
fn a_wedge_over_which_a_person_runs_a_position_recovery() {
    let mut sim = Sim::off(4);
    let from = wedge(&mut sim);
    sim.run(1_000);
    let recovery = "/usr/sbin/mariadbd --wsrep-recover --user=mysql";
    sim.nodes[0].commands.push(recovery.into());
    sim.log(0, &["[Note] WSREP: wsrep_load(): loading provider library 'none'".into()]);
    sim.run(3_000);
    only(&sim, NON_PRIMARY_WEDGE, from, 2_600, &[]);
}

#[test]
fn a_wedge_ends_when_its_servers_are_killed() {
    let (mut sim, _) = wedge_after_outage(5);
    sim.run(4_000);
    for node in ALL {
        sim.end(node, false);
    }
    sim.run(600);
    let entry = all().into_iter().find(|entry| entry.id == NON_PRIMARY_WEDGE).expect("registered");
    let mut detector = (entry.new)();
    let last = sim.stream.iter().map(|seen| detector.observe(seen)).last();
    assert_eq!(last, Some(Verdict::Quiet));
}

#[test]
fn a_minority_partition() {
    let mut sim = Sim::healthy(6);
    let from = sim.now + 5_000;
    sim.cut_off(0);
    sim.run(4_000);
    only(&sim, MINORITY_PARTITION, from, 4_500, &["n1: SQL answers, non-Primary, size 1", "without n1"]);
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
    let waits = "SQL answers, non-Primary, size 2; no node is primary";
    only(&sim, NO_PRIMARY, from, 8_000, &[&format!("n1: {waits}"), &format!("n2: {waits}")]);
}

#[test]
fn a_stalled_member() {
    let mut sim = Sim::healthy(7);
    let from = sim.now;
    sim.nodes[2].sql = Answer::Hung { during: "handshake".into() };
    sim.nodes[2].machine.1 = true;
    sim.run(5_000);
    sim.install(&[0, 1], 800);
    sim.run(4_000);
    only(
        &sim,
        STALLED_NODE,
        from,
        4_500,
        &["n3: 3306 accepts, SQL hangs in the handshake; it had answered before", "paused"],
    );
}

#[test]
fn an_expelled_node() {
    let mut sim = Sim::healthy(8);
    let from = sim.now;
    sim.log(2, &["[ERROR] WSREP: Inconsistency detected: Inconsistent by consensus on 5eed5eed:14".into()]);
    sim.serve(2, "Disconnected", "Inconsistent", &[]);
    sim.install(&[0, 1], 400);
    sim.run(4_000);
    let state = "n3: cluster status Disconnected, state Inconsistent";
    only(&sim, INCONSISTENT_NODE, from, 3_500, &[state, "n3: log: [ERROR] WSREP: Inconsistency detected"]);
}

#[test]
fn an_expelled_node_that_says_nothing_is_known_by_its_log() {
    let mut sim = Sim::healthy(9);
    let from = sim.now;
    sim.log(2, &["[ERROR] WSREP: Inconsistency detected: Inconsistent by consensus on 5eed5eed:14".into()]);
    sim.nodes[2].sql = Answer::Hung { during: "query".into() };
    sim.install(&[0, 1], 400);
    sim.run(4_500);
    only(&sim, INCONSISTENT_NODE, from, 4_500, &["n3: log: [ERROR] WSREP: Inconsistency detected"]);
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
    (sim.nodes[2].sql_port, sim.nodes[2].sql) = (PortState::Open, Answer::Hung { during: "handshake".into() });
    sim.run(8_000);
    only(
        &sim,
        ZOMBIE_NODE,
        from + 5_000,
        2_700,
        &["n3: 3306 accepts, SQL hangs in the handshake; it never answered", "with n3"],
    );
}

#[test]
fn a_zombie_whose_queue_of_clients_runs_full() {
    let mut sim = Sim::healthy(16);
    sim.end(2, false);
    sim.run(1_000);
    let from = sim.now;
    (sim.nodes[2].group_port, sim.nodes[2].commands) = (PortState::Open, sim.nodes[0].commands.clone());
    (sim.nodes[2].sql_port, sim.nodes[2].sql) = (PortState::Open, Answer::Hung { during: "handshake".into() });
    sim.run(2_500);
    (sim.nodes[2].sql_port, sim.nodes[2].sql) = (PortState::Silent, Answer::Hung { during: "connect".into() });
    sim.run(5_500);
    only(&sim, ZOMBIE_NODE, from + 5_000, 2_700, &["n3: 3306 accepts nobody any more"]);
}

#[test]
fn a_node_that_is_out_of_reach_is_no_zombie() {
    let mut sim = Sim::healthy(17);
    sim.end(2, false);
    sim.run(1_000);
    (sim.nodes[2].sql_port, sim.nodes[2].sql) = (PortState::Silent, Answer::Hung { during: "connect".into() });
    sim.nodes[2].group_port = PortState::Silent;
    sim.run(8_000);
    assert!(sim.fired().is_empty(), "{:#?}", sim.fired());
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
    only(&sim, TWO_PRIMARIES, from, 3_000, &["n1: Primary, size 1", "n2: Primary, size 2"]);
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
    only(&sim, TWO_PRIMARIES, from, 4_000, &["n1: Primary", "n2: Primary", "n3: Primary"]);
}

#[test]
fn a_second_cluster_with_another_history() {
    let mut sim = Sim::healthy(13);
    let from = sim.now;
    // Same addresses, as after a second bootstrap from an empty disk.
    sim.set_status(0, "wsrep_cluster_state_uuid", "0badc0de-5eed-11e1-8000-5eed5eed5eed");
    sim.run(4_000);
    only(&sim, TWO_PRIMARIES, from, 3_000, &["0badc0de"]);
}

#[test]
fn two_primaries_without_known_addresses() {
    let mut sim = Sim::healthy(14);
    bootstrap_the_minority(&mut sim);
    sim.run(4_000);
    for seen in &mut sim.stream {
        if let Signal::Query { answer: Answer::Values { values }, .. } = &mut seen.signal {
            values.insert("wsrep_incoming_addresses".into(), "AUTO,AUTO,AUTO".into());
        }
    }
    assert!(sim.diagnoses().contains(&TWO_PRIMARIES));
    let mut healthy = Sim::healthy(14);
    healthy.run(5_000);
    for seen in &mut healthy.stream {
        if let Signal::Query { answer: Answer::Values { values }, .. } = &mut seen.signal {
            values.insert("wsrep_incoming_addresses".into(), "AUTO,AUTO,AUTO".into());
        }
    }
    assert_eq!(healthy.diagnoses(), [""; 0]);
}

#[test]
fn without_any_signal_of_galera_nothing_can_be_told() {
    let other = Signal::Port { port: 25_555, state: PortState::Open };
    let mysql = Signal::Port { port: 3306, state: PortState::Open };
    for entry in all().into_iter().filter(|entry| entry.id.starts_with("galera/")) {
        let mut detector = (entry.new)();
        for signal in [&other, &mysql] {
            let seen = Observation {
                at: Moment(1),
                wall: Default::default(),
                node: "director".into(),
                signal: signal.clone(),
            };
            assert!(matches!(detector.observe(&seen), Verdict::Unknown { .. }), "{}", entry.id);
        }
    }
}
