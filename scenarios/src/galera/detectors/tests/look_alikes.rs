//! What looks like a failure and is none: every detector stays silent.

use reenact::probe::{Answer, PortState};

use super::{diagnoses::wedge, *};

fn quiet(sim: &Sim) {
    assert_eq!(sim.fired(), BTreeMap::new());
}

/// All lose power and start again; identical files, so they are promoted
/// `waiting` milliseconds after the first non-primary view of all.
pub(super) fn outage(sim: &mut Sim, waiting: u64) {
    for node in ALL {
        sim.power_off(node);
    }
    sim.run(1_500);
    for node in ALL {
        sim.save_view(node, 0, sim.view, &ALL);
        sim.start(node);
        sim.log_view(node, false, &[node]);
        let gap = sim.below(1_500);
        sim.run(gap);
    }
    for node in ALL {
        sim.log_view(node, false, &ALL);
        let gap = sim.below(300);
        sim.run(gap);
    }
    sim.run(waiting);
    sim.install(&ALL, 600);
}

/// A joiner fetches the whole state.
pub(super) fn join_by_transfer(sim: &mut Sim, node: usize, milliseconds: u64) {
    let rest: Vec<_> = ALL.into_iter().filter(|&other| other != node).collect();
    sim.end(node, true);
    sim.install(&rest, 300);
    sim.run(500);
    sim.start(node);
    sim.log_view(node, true, &ALL);
    sim.nodes[node].transfer_file = true;
    sim.nodes[node].commands.push("/bin/bash -ue /usr/bin/wsrep_sst_rsync --role joiner --address 172.31.77.13".into());
    sim.nodes[node].commands.push("rsync --daemon --no-detach --port 4444".into());
    for peer in rest {
        sim.serve(peer, "Primary", "Synced", &ALL);
    }
    sim.run(milliseconds);
    sim.nodes[node].transfer_file = false;
    sim.nodes[node].commands.truncate(1);
    sim.serve(node, "Primary", "Joined", &ALL);
    sim.install(&ALL, 300);
}

/// One node is stopped in an orderly way and started again. While it shuts down
/// it answers for a moment as if it were cut off or expelled.
pub(super) fn restart(sim: &mut Sim, node: usize, clean: bool) {
    let rest: Vec<_> = ALL.into_iter().filter(|&other| other != node).collect();
    if clean {
        for (status, comment) in [("non-Primary", "Initialized"), ("Disconnected", "Initialized")] {
            sim.serve(node, status, comment, &[node]);
            sim.install(&rest, 100);
            let flash = 400 + sim.below(900);
            sim.run(flash);
        }
        sim.end(node, true);
    } else {
        sim.end(node, false);
        sim.run(5_500);
        sim.install(&rest, 600);
    }
    let pause = 500 + sim.below(1_500);
    sim.run(pause);
    sim.start(node);
    sim.run(1_000);
    // It listens for a moment before it answers.
    (sim.nodes[node].sql_port, sim.nodes[node].sql) = (PortState::Open, Answer::Hung { during: "handshake".into() });
    let moment = sim.below(1_000);
    sim.run(moment);
    sim.install(&ALL, 400);
}

#[test]
fn a_healthy_cluster() {
    let mut sim = Sim::healthy(20);
    sim.run(10_000);
    quiet(&sim);
}

#[test]
fn a_killed_and_a_stopped_node() {
    for clean in [false, true] {
        let mut sim = Sim::healthy(21);
        sim.end(1, clean);
        sim.run(if clean { 100 } else { 5_500 });
        sim.install(&[0, 2], 600);
        sim.run(8_000);
        quiet(&sim);
    }
}

#[test]
fn all_stopped() {
    let mut sim = Sim::healthy(22);
    for node in ALL {
        sim.end(node, true);
        sim.run(400);
    }
    sim.run(8_000);
    quiet(&sim);
}

#[test]
fn an_outage_that_heals_itself() {
    for waiting in [0, 1_000, 3_000] {
        let mut sim = Sim::healthy(23);
        outage(&mut sim, waiting);
        sim.run(3_000);
        quiet(&sim);
    }
}

#[test]
fn files_that_differ_in_their_number_only_for_as_long_as_a_promotion_takes() {
    let mut sim = Sim::off(24);
    for node in ALL {
        sim.save_view(node, 0, if node == 0 { 4 } else { 3 }, &ALL);
        sim.start(node);
    }
    for node in ALL {
        sim.log_view(node, false, &ALL);
    }
    sim.run(1_500);
    sim.install(&ALL, 200);
    sim.run(3_000);
    quiet(&sim);
}

#[test]
fn a_wedge_to_be_whose_last_node_is_not_there() {
    // The two that are up may still be joined by the one that can save them.
    let mut sim = Sim::healthy(25);
    for node in ALL {
        sim.power_off(node);
    }
    sim.run(1_000);
    for node in ALL {
        sim.save_view(node, node, 7 + node as u64, &ALL);
    }
    for node in [0, 2] {
        sim.start(node);
        sim.log_view(node, false, &[0, 2]);
    }
    sim.run(8_000);
    quiet(&sim);
}

#[test]
fn diverging_files_while_each_node_is_alone() {
    // The network is still down: once it is back they may find each other.
    let mut sim = Sim::off(26);
    for node in ALL {
        sim.save_view(node, node, 7, &ALL);
        sim.start(node);
        sim.log_view(node, false, &[node]);
    }
    sim.run(8_000);
    quiet(&sim);
}

#[test]
fn a_wedge_into_which_a_state_transfer_runs() {
    for (list, file) in [(true, false), (false, true)] {
        let mut sim = Sim::off(27);
        wedge(&mut sim);
        if list {
            sim.nodes[1].commands.push("/bin/bash -ue /usr/bin/wsrep_sst_mariabackup --role joiner".into());
        }
        sim.nodes[1].transfer_file = file;
        sim.run(6_000);
        sim.stream.retain(|seen| list || !matches!(seen.signal, Signal::Processes { .. }));
        quiet(&sim);
    }
}

#[test]
fn a_joiner_by_state_transfer() {
    let mut sim = Sim::healthy(28);
    join_by_transfer(&mut sim, 2, 17_000);
    sim.run(3_000);
    quiet(&sim);
}

#[test]
fn a_joiner_whose_peers_alone_are_seen_to_be_primary() {
    // 4567 open, 3306 closed, and no log: only its peers tell that all is well.
    let mut sim = Sim::healthy(29);
    join_by_transfer(&mut sim, 2, 17_000);
    sim.stream.retain(|seen| !matches!(seen.signal, Signal::Log { .. } | Signal::Processes { .. }));
    quiet(&sim);
}

#[test]
fn a_rolling_restart() {
    let mut sim = Sim::healthy(30);
    for node in ALL {
        restart(&mut sim, node, true);
        sim.run(1_500);
    }
    quiet(&sim);
}

#[test]
fn a_bridge_partition_that_stalls_writes_only() {
    let mut sim = Sim::healthy(31);
    sim.run(3_700);
    sim.install(&ALL, 800);
    sim.run(3_000);
    quiet(&sim);
}

#[test]
fn a_pause_too_short_to_need_anybody() {
    let mut sim = Sim::healthy(32);
    let answer = sim.nodes[2].sql.clone();
    sim.nodes[2].sql = Answer::Hung { during: "handshake".into() };
    sim.nodes[2].machine.1 = true;
    sim.run(2_500);
    (sim.nodes[2].sql, sim.nodes[2].machine.1) = (answer, false);
    sim.run(4_000);
    quiet(&sim);
}

#[test]
fn a_host_so_loaded_that_nobody_answers() {
    let mut sim = Sim::healthy(33);
    for node in ALL {
        sim.nodes[node].sql = Answer::Hung { during: "handshake".into() };
    }
    sim.run(8_000);
    quiet(&sim);
}

#[test]
fn a_three_way_cut_leaves_no_primary_to_be_a_minority_of() {
    let mut sim = Sim::healthy(34);
    for node in ALL {
        sim.log_view(node, false, &[node]);
        sim.serve(node, "non-Primary", "Initialized", &[node]);
        sim.run(800);
    }
    sim.run(6_000);
    // Healed: one after the other is primary again.
    sim.install(&ALL, 1_200);
    sim.run(3_000);
    quiet(&sim);
}

#[test]
fn a_rejoining_node_that_the_others_count_already() {
    let mut sim = Sim::healthy(35);
    sim.serve(2, "non-Primary", "Initialized", &[2]);
    sim.run(6_000);
    quiet(&sim);
}

#[test]
fn a_stale_view_of_a_paused_node_is_no_second_primary() {
    // It still lists the others, who no longer list it.
    let mut sim = Sim::healthy(36);
    sim.install(&[0, 1], 0);
    sim.run(6_000);
    quiet(&sim);
}

#[test]
fn a_hanging_node_that_nobody_counts() {
    let mut sim = Sim::healthy(37);
    sim.install(&[0, 1], 0);
    sim.nodes[2].sql = Answer::Hung { during: "handshake".into() };
    sim.run(9_000);
    quiet(&sim);
}

#[test]
fn a_probe_that_falls_silent_is_not_evidence() {
    // n3 was last seen in a three-way cut, and nobody looked at it any more.
    let mut sim = Sim::healthy(38);
    for node in ALL {
        sim.serve(node, "non-Primary", "Initialized", &[node]);
    }
    sim.run(300);
    let cut = Moment(sim.now);
    sim.run(4_000);
    sim.install(&[0, 1], 0);
    sim.run(6_000);
    sim.stream.retain(|seen| seen.node != "n3" || seen.at <= cut || !matches!(seen.signal, Signal::Query { .. }));
    quiet(&sim);
}

#[test]
fn other_systems_in_the_same_stream() {
    let mut sim = Sim::healthy(39);
    sim.run(4_000);
    let mut stream = Vec::new();
    for seen in &sim.stream {
        let strange = [
            Signal::Port { port: 25_555, state: PortState::Closed },
            Signal::Port { port: 3306, state: PortState::Closed },
            Signal::Query { of: "sql:status".into(), answer: Answer::Refused },
            Signal::Query { of: "http:info".into(), answer: Answer::Hung { during: "handshake".into() } },
            Signal::Processes { commands: vec!["/usr/bin/ruby director".into()] },
            Signal::Machine { running: false, paused: false, exit_code: Some(1), oom_killed: false, finished: None },
        ];
        stream.push(seen.clone());
        stream.extend(strange.map(|signal| Observation { node: "director".into(), signal, ..seen.clone() }));
    }
    assert_eq!(fired(&stream), BTreeMap::new());
    // And they hide nothing.
    let mut sim = Sim::off(40);
    wedge(&mut sim);
    sim.run(4_000);
    let director = |seen: &Observation| Observation {
        node: "director".into(),
        signal: Signal::Machine {
            running: false,
            paused: false,
            exit_code: Some(1),
            oom_killed: false,
            finished: None,
        },
        ..seen.clone()
    };
    let stream: Vec<_> = sim.stream.iter().flat_map(|seen| [director(seen), seen.clone()]).collect();
    assert_eq!(fired(&stream).len(), 1);
}
