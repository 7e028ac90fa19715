//! Each condition of each detector, at its margin.

use reenact::detect::testing::{assert_fresh, assert_hold, scenes, seen};

use super::super::{
    EVICTED_NODE, INCONSISTENT_NODE, MINORITY_PARTITION, NO_PRIMARY, NON_PRIMARY_WEDGE, STALLED_NODE, TWO_PRIMARIES,
    ZOMBIE_NODE,
};
use super::{
    diagnoses::{bootstrap_the_minority, lose_the_primary, wedge},
    *,
};

/// What is done to a simulated system, and how long it may last, in milliseconds.
type State = (&'static str, fn(&mut Sim), u64);

#[test]
fn each_hold_is_what_it_is() {
    let states: [State; 7] = [
        (MINORITY_PARTITION, |sim| sim.cut_off(0), 2_000),
        (STALLED_NODE, |sim| sim.hang(2, "query"), 2_000),
        (EVICTED_NODE, |sim| sim.hang(2, "query"), 15_000),
        (INCONSISTENT_NODE, |sim| sim.serve(2, "Disconnected", "Inconsistent", &[]), 2_000),
        (ZOMBIE_NODE, |sim| sim.start(2), 5_000),
        (NO_PRIMARY, |sim| _ = lose_the_primary(sim), 8_000),
        (TWO_PRIMARIES, |sim| _ = bootstrap_the_minority(sim), 2_000),
    ];
    for (id, make, hold) in states {
        let make = |sim: &mut Sim| {
            make(sim);
            match id {
                ZOMBIE_NODE => sim.hang(2, "handshake"),
                EVICTED_NODE | INCONSISTENT_NODE => sim.install(&[0, 1], 0),
                _ => {}
            }
            sim.run(2_000);
        };
        assert_hold(Sim::healthy(70), make, id, hold);
    }
    let wedged = |sim: &mut Sim| {
        wedge(sim);
        sim.run(1_000);
    };
    assert_hold(Sim::off(70), wedged, NON_PRIMARY_WEDGE, 2_000);
}

#[test]
fn what_a_node_says_is_known_for_three_seconds() {
    let minority = |sim: &mut Sim| {
        sim.cut_off(0);
        sim.run(1_000);
    };
    let is_status = |signal: &Signal| matches!(signal, Signal::Query { .. });
    assert_fresh(Sim::healthy(71), minority, is_status, MINORITY_PARTITION, 3_000);
}

fn stays_quiet(start: fn(u64) -> Sim, scene: fn(&mut Sim)) {
    for seed in 50..53 {
        let mut sim = start(seed);
        scene(&mut sim);
        sim.quiet();
    }
}

scenes!(
    |scene| stays_quiet(Sim::off, scene),
    // The others' view names it for 5 s more.
    a_wedge_one_of_whose_nodes_is_killed_is_being_dealt_with = |sim| {
        wedge(sim);
        sim.run(500);
        sim.end(1, false);
        sim.run(5_000);
    },
    a_wedge_one_of_whose_nodes_listens_is_over = |sim| {
        wedge(sim);
        sim.run(500);
        sim.hang(1, "handshake");
        sim.run(5_000);
    },
    a_wedge_that_is_promoted_is_over_before_3306_opens = |sim| {
        wedge(sim);
        sim.run(500);
        let line = "[Note] WSREP: New COMPONENT: primary = yes, bootstrap = yes, my_idx = 0, memb_num = 3";
        ALL.into_iter().for_each(|node| sim.say(node, &[line.into()]));
        sim.run(5_000);
    },
    without_addresses_two_of_four_are_one_component = |sim| {
        sim.end(2, true);
        for state in [Open, Closed] {
            let port = |node| seen(0, node, Signal::Port { port: 4567, state });
            sim.seen.extend(["n3", "n4"].map(port));
        }
        sim.start(0);
        sim.start(1);
        sim.install(&[0, 1], 0);
        sim.run(5_000);
        hide_addresses(sim);
    },
);

scenes!(
    |scene| stays_quiet(Sim::healthy, scene),
    an_expelled_node_that_was_killed_is_being_dealt_with = |sim| {
        sim.say(2, &[INCONSISTENT.into()]);
        sim.end(2, false);
        sim.install(&[0, 1], 200);
        sim.run(6_000);
    },
    a_disconnected_node_that_the_others_count_is_not_expelled = |sim| {
        sim.serve(2, "Disconnected", "Initialized", &[]);
        sim.run(6_000);
    },
    a_second_primary_that_serves_nobody_is_none = |sim| {
        sim.install(&[0], 0);
        sim.set_status(0, "wsrep_ready", "OFF");
        sim.install(&[1, 2], 0);
        sim.run(5_000);
    },
    views_that_exclude_each_other_for_as_long_as_an_installation_takes = |sim| {
        sim.install(&[0], 0);
        sim.install(&[1, 2], 0);
        sim.run(1_600);
        sim.install(&ALL, 0);
        sim.run(3_000);
    },
    a_member_that_listens_for_as_long_as_a_whole_restart_before_it_answers = |sim| {
        sim.end(2, false);
        sim.run(500);
        sim.start(2);
        sim.hang(2, "handshake");
        sim.run(4_300);
        sim.install(&ALL, 0);
        sim.run(3_000);
    },
    nodes_that_are_primary_again_in_time_had_a_primary_all_along = |sim| {
        lose_the_primary(sim);
        sim.run(5_000);
        sim.install(&[0, 1], 0);
        sim.run(3_000);
    },
    without_addresses_a_stale_view_is_no_second_primary = |sim| {
        sim.run(2_000);
        sim.install(&[0, 1], 0);
        sim.run(5_000);
        hide_addresses(sim);
    },
);

#[test]
fn a_node_that_is_just_being_expelled_is_no_minority() {
    let mut sim = Sim::healthy(53);
    sim.serve(2, "non-Primary", "Inconsistent", &[2]);
    sim.install(&[0, 1], 200);
    sim.run(5_000);
    assert_eq!(sim.diagnoses(), [INCONSISTENT_NODE]);
}

/// A frozen disk: still a member, for as long as it lasts.
#[test]
fn a_member_that_hangs_for_long_is_stalled_and_no_zombie() {
    let mut sim = Sim::healthy(56);
    sim.nodes[2].sql = hung("query");
    sim.run(20_000);
    assert_eq!(sim.diagnoses(), [STALLED_NODE]);
}

/// Makes every node answer as one without `wsrep_node_incoming_address` does.
fn hide_addresses(sim: &mut Sim) {
    for seen in &mut sim.seen {
        if let Signal::Query { answer: Answer::Values { values }, .. } = &mut seen.signal {
            values.insert("wsrep_incoming_addresses".into(), "AUTO,AUTO,AUTO".into());
        }
    }
}

#[test]
fn two_primaries_without_known_addresses() {
    let mut sim = Sim::healthy(14);
    bootstrap_the_minority(&mut sim);
    sim.run(4_000);
    hide_addresses(&mut sim);
    assert!(sim.diagnoses().contains(&TWO_PRIMARIES));
}
