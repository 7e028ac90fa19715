//! What looks like a failure and is none: every detector stays silent.

use reenact::detect::testing::{said, scenes, seen};

use super::{diagnoses::wedge, *};

fn stays_quiet(start: fn(u64) -> Sim, scene: fn(&mut Sim)) {
    for seed in 20..23 {
        let mut sim = start(seed);
        scene(&mut sim);
        sim.quiet();
    }
}

/// All lose power and start again; identical files, so they are promoted
/// `waiting` milliseconds after the first non-primary view of all.
pub(super) fn outage(sim: &mut Sim, waiting: u64) {
    ALL.into_iter().for_each(|node| sim.power_off(node));
    sim.run(1_500);
    for node in ALL {
        sim.save_view(node, 0, sim.view, &ALL);
        sim.start(node);
        sim.log_view(node, false, &[node]);
        sim.pause(1_500);
    }
    for node in ALL {
        sim.log_view(node, false, &ALL);
        sim.pause(300);
    }
    sim.run(waiting);
    sim.install(&ALL, 600);
}

/// A joiner fetches the whole state.
pub(super) fn join_by_transfer(sim: &mut Sim, node: usize, milliseconds: u64) {
    sim.end(node, true);
    sim.install(&rest(node), 300);
    sim.run(500);
    sim.start(node);
    sim.log_view(node, true, &ALL);
    sim.nodes[node].transfer_file = true;
    sim.nodes[node].commands.push("/bin/bash -ue /usr/bin/wsrep_sst_rsync --role joiner --address 172.31.77.13".into());
    sim.nodes[node].commands.push("rsync --daemon --no-detach --port 4444".into());
    for peer in rest(node) {
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
    if clean {
        for status in ["non-Primary", "Disconnected"] {
            sim.serve(node, status, "Initialized", &[node]);
            sim.install(&rest(node), 100);
            sim.run(400);
            sim.pause(900);
        }
    }
    sim.end(node, clean);
    if !clean {
        sim.run(5_500);
        sim.install(&rest(node), 600);
    }
    sim.run(500);
    sim.pause(1_500);
    sim.start(node);
    sim.run(1_000);
    // It listens for a moment before it answers.
    sim.hang(node, "handshake");
    sim.pause(1_000);
    sim.install(&ALL, 400);
}

scenes!(
    |scene| stays_quiet(Sim::healthy, scene),
    a_healthy_cluster = |sim| sim.run(10_000),
    a_killed_node = |sim| {
        sim.end(1, false);
        sim.run(5_500);
        sim.install(&[0, 2], 600);
        sim.run(8_000);
    },
    a_stopped_node = |sim| {
        sim.end(1, true);
        sim.run(100);
        sim.install(&[0, 2], 600);
        sim.run(8_000);
    },
    all_stopped = |sim| {
        for node in ALL {
            sim.end(node, true);
            sim.run(400);
        }
        sim.run(8_000);
    },
    outages_that_heal_themselves = |sim| {
        for waiting in [0, 1_000, 3_000] {
            outage(sim, waiting);
            sim.run(3_000);
        }
    },
    // The two that are up may still be joined by the one that can save them.
    a_wedge_to_be_whose_last_node_is_not_there = |sim| {
        ALL.into_iter().for_each(|node| sim.power_off(node));
        sim.run(1_000);
        for node in ALL {
            sim.save_view(node, node, 7 + node as u64, &ALL);
        }
        for node in [0, 2] {
            sim.start(node);
            sim.log_view(node, false, &[0, 2]);
        }
        sim.run(8_000);
    },
    a_joiner_by_state_transfer = |sim| {
        join_by_transfer(sim, 2, 17_000);
        sim.run(3_000);
    },
    // 4567 open, 3306 closed, and no log: only its peers tell that all is well.
    a_joiner_whose_peers_alone_are_seen_to_be_primary = |sim| {
        join_by_transfer(sim, 2, 17_000);
        sim.seen.retain(|seen| !matches!(seen.signal, Signal::Log { .. } | Signal::Processes { .. }));
    },
    a_rolling_restart = |sim| {
        for node in ALL {
            restart(sim, node, true);
            sim.run(1_500);
        }
    },
    a_bridge_partition_that_stalls_writes_only = |sim| {
        sim.run(3_700);
        sim.install(&ALL, 800);
        sim.run(3_000);
    },
    a_pause_too_short_to_need_anybody = |sim| {
        let answer = sim.nodes[2].sql.clone();
        sim.hang(2, "handshake");
        sim.nodes[2].machine.1 = true;
        sim.run(2_500);
        (sim.nodes[2].sql, sim.nodes[2].machine.1) = (answer, false);
        sim.run(4_000);
    },
    a_host_so_loaded_that_nobody_answers = |sim| {
        ALL.into_iter().for_each(|node| sim.hang(node, "handshake"));
        sim.run(8_000);
    },
    a_node_that_is_out_of_reach_is_no_zombie = |sim| {
        sim.end(2, false);
        sim.run(1_000);
        sim.nodes[2] =
            Paper { commands: sim.nodes[2].commands.clone(), machine: (true, false), ..Sim::off(1).nodes.remove(2) };
        sim.run(8_000);
    },
    a_three_way_cut_leaves_no_primary_to_be_a_minority_of = |sim| {
        for node in ALL {
            sim.log_view(node, false, &[node]);
            sim.serve(node, "non-Primary", "Initialized", &[node]);
            sim.run(800);
        }
        sim.run(6_000);
        // Healed: one after the other is primary again.
        sim.install(&ALL, 1_200);
        sim.run(3_000);
    },
    a_rejoining_node_that_the_others_count_already = |sim| {
        sim.serve(2, "non-Primary", "Initialized", &[2]);
        sim.run(6_000);
    },
    // Its port tells before it is asked again.
    a_stopped_node_whose_last_word_is_that_it_left = |sim| {
        sim.serve(2, "Disconnected", "Initialized", &[2]);
        sim.install(&[0, 1], 100);
        sim.run(1_300);
        sim.end(2, true);
        sim.delay("n3", "status", 1_200);
        sim.run(8_000);
    },
    // It still lists the others, who no longer list it.
    a_stale_view_of_a_paused_node_is_no_second_primary = |sim| {
        sim.install(&[0, 1], 0);
        sim.run(6_000);
    },
    a_hanging_node_that_nobody_counts = |sim| {
        sim.install(&[0, 1], 0);
        sim.hang(2, "handshake");
        sim.run(9_000);
    },
    // n3 was last seen in a three-way cut, and nobody looked at it any more.
    a_probe_that_falls_silent_is_not_evidence = |sim| {
        ALL.into_iter().for_each(|node| sim.serve(node, "non-Primary", "Initialized", &[node]));
        sim.run(300);
        let cut = sim.now;
        sim.run(4_000);
        sim.install(&[0, 1], 0);
        sim.run(6_000);
        sim.seen.retain(|seen| seen.node != "n3" || seen.at.0 <= cut || !matches!(seen.signal, Signal::Query { .. }));
    },
);

scenes!(
    |scene| stays_quiet(Sim::off, scene),
    files_that_differ_in_their_number_only_for_as_long_as_a_promotion_takes = |sim| {
        for node in ALL {
            sim.save_view(node, 0, if node == 0 { 4 } else { 3 }, &ALL);
            sim.start(node);
        }
        ALL.into_iter().for_each(|node| sim.log_view(node, false, &ALL));
        sim.run(1_500);
        sim.install(&ALL, 200);
        sim.run(3_000);
    },
    // The network is still down: once it is back they may find each other.
    diverging_files_while_each_node_is_alone = |sim| {
        for node in ALL {
            sim.save_view(node, node, 7, &ALL);
            sim.start(node);
            sim.log_view(node, false, &[node]);
        }
        sim.run(8_000);
    },
    a_wedge_into_which_a_state_transfer_runs = |sim| {
        wedge(sim);
        sim.nodes[1].commands.push("/bin/bash -ue /usr/bin/wsrep_sst_mariabackup --role joiner".into());
        sim.run(6_000);
    },
    a_wedge_into_which_a_state_transfer_runs_that_a_file_alone_tells = |sim| {
        wedge(sim);
        sim.nodes[1].transfer_file = true;
        sim.run(6_000);
        sim.seen.retain(|seen| !matches!(seen.signal, Signal::Processes { .. }));
    },
);

/// A director's machine beside the cluster, with signals of the same kinds.
#[test]
fn another_machine_in_the_stream_is_no_node_and_hides_none() {
    for is_wedged in [false, true] {
        let mut sim = if is_wedged { Sim::off(40) } else { Sim::healthy(39) };
        if is_wedged {
            wedge(&mut sim);
        }
        sim.run(4_000);
        let strange = [
            Signal::Port { port: 25_555, state: Closed },
            Signal::Port { port: 3306, state: Closed },
            query("sql:status", Answer::Refused),
            query("http:info", hung("handshake")),
            Signal::Processes { commands: vec!["/usr/bin/ruby director".into()] },
            machine(false, false, Some((1, false, 0))),
        ];
        let beside = |at: u64| strange.iter().map(move |signal| seen(at, "director", signal.clone()));
        let both = sim.stream().into_iter().flat_map(|seen| beside(seen.at.0).chain([seen]).collect::<Vec<_>>());
        assert_eq!(said(&both.collect::<Vec<_>>(), "galera/").fired.len(), usize::from(is_wedged));
    }
}
