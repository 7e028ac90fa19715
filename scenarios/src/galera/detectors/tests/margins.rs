//! Each condition of each detector, at its margin.

use reenact::probe::{Answer, PortState};

use super::super::{INCONSISTENT_NODE, STALLED_NODE};
use super::{
    diagnoses::{lose_the_primary, wedge},
    *,
};

#[test]
fn a_wedge_one_of_whose_nodes_is_killed_is_being_dealt_with() {
    // The others' view names it for 5 s more.
    let mut sim = Sim::off(50);
    wedge(&mut sim);
    sim.run(500);
    sim.end(1, false);
    sim.run(5_000);
    assert_eq!(sim.diagnoses(), [""; 0]);
}

#[test]
fn a_wedge_one_of_whose_nodes_listens_is_over() {
    let mut sim = Sim::off(51);
    wedge(&mut sim);
    sim.run(500);
    sim.nodes[1].sql_port = PortState::Open;
    sim.nodes[1].sql = Answer::Hung { during: "handshake".into() };
    sim.run(5_000);
    assert_eq!(sim.diagnoses(), [""; 0]);
}

#[test]
fn a_wedge_that_is_promoted_is_over_before_3306_opens() {
    let mut sim = Sim::off(52);
    wedge(&mut sim);
    sim.run(500);
    for node in ALL {
        let line = "[Note] WSREP: New COMPONENT: primary = yes, bootstrap = yes, my_idx = 0, memb_num = 3";
        sim.log(node, &[line.into()]);
    }
    sim.run(5_000);
    assert_eq!(sim.diagnoses(), [""; 0]);
}

#[test]
fn a_node_that_is_just_being_expelled_is_no_minority() {
    let mut sim = Sim::healthy(53);
    sim.serve(2, "non-Primary", "Inconsistent", &[2]);
    sim.install(&[0, 1], 200);
    sim.run(5_000);
    assert_eq!(sim.diagnoses(), [INCONSISTENT_NODE]);
}

#[test]
fn an_expelled_node_that_was_killed_is_being_dealt_with() {
    let mut sim = Sim::healthy(54);
    sim.log(2, &["[ERROR] WSREP: Inconsistency detected: Inconsistent by consensus on 5eed5eed:14".into()]);
    sim.end(2, false);
    sim.install(&[0, 1], 200);
    sim.run(6_000);
    assert_eq!(sim.diagnoses(), [""; 0]);
}

#[test]
fn a_disconnected_node_that_the_others_count_is_not_expelled() {
    let mut sim = Sim::healthy(55);
    sim.serve(2, "Disconnected", "Initialized", &[]);
    sim.run(6_000);
    assert_eq!(sim.diagnoses(), [""; 0]);
}

#[test]
fn a_member_that_hangs_for_long_is_stalled_and_no_zombie() {
    // A frozen disk: still a member, for as long as it lasts.
    let mut sim = Sim::healthy(56);
    sim.nodes[2].sql = Answer::Hung { during: "query".into() };
    sim.run(20_000);
    assert_eq!(sim.diagnoses(), [STALLED_NODE]);
}

#[test]
fn a_second_primary_that_serves_nobody_is_none() {
    let mut sim = Sim::healthy(57);
    sim.install(&[0], 0);
    sim.set_status(0, "wsrep_ready", "OFF");
    sim.install(&[1, 2], 0);
    sim.run(5_000);
    assert_eq!(sim.diagnoses(), [""; 0]);
}

#[test]
fn views_that_exclude_each_other_for_as_long_as_an_installation_takes() {
    let mut sim = Sim::healthy(60);
    sim.install(&[0], 0);
    sim.install(&[1, 2], 0);
    sim.run(1_600);
    sim.install(&ALL, 0);
    sim.run(3_000);
    assert_eq!(sim.diagnoses(), [""; 0]);
}

#[test]
fn a_member_that_listens_for_as_long_as_a_whole_restart_before_it_answers() {
    let mut sim = Sim::healthy(61);
    sim.end(2, false);
    sim.run(500);
    sim.start(2);
    (sim.nodes[2].sql_port, sim.nodes[2].sql) = (PortState::Open, Answer::Hung { during: "handshake".into() });
    sim.run(4_300);
    sim.install(&ALL, 0);
    sim.run(3_000);
    assert_eq!(sim.diagnoses(), [""; 0]);
}

#[test]
fn nodes_that_are_primary_again_in_time_had_a_primary_all_along() {
    let mut sim = Sim::healthy(62);
    lose_the_primary(&mut sim);
    sim.run(5_000);
    sim.install(&[0, 1], 0);
    sim.run(3_000);
    assert_eq!(sim.diagnoses(), [""; 0]);
}

/// Makes every node answer as one without `wsrep_node_incoming_address` does.
fn hide_addresses(sim: &mut Sim) {
    for seen in &mut sim.stream {
        if let Signal::Query { answer: Answer::Values { values }, .. } = &mut seen.signal {
            values.insert("wsrep_incoming_addresses".into(), "AUTO,AUTO,AUTO".into());
        }
    }
}

#[test]
fn without_addresses_a_stale_view_is_no_second_primary() {
    let mut sim = Sim::healthy(58);
    sim.install(&[0, 1], 0);
    sim.run(5_000);
    hide_addresses(&mut sim);
    assert_eq!(sim.diagnoses(), [""; 0]);
}

#[test]
fn without_addresses_two_of_four_are_one_component() {
    let mut sim = Sim::off(59);
    sim.end(2, true);
    let wall = Default::default();
    for (port, state) in [(4567, PortState::Open), (4567, PortState::Closed)] {
        for node in ["n3", "n4"] {
            let signal = Signal::Port { port, state };
            sim.stream.push(Observation { at: Moment(0), wall, node: node.into(), signal });
        }
    }
    sim.start(0);
    sim.start(1);
    sim.install(&[0, 1], 0);
    sim.run(5_000);
    hide_addresses(&mut sim);
    assert_eq!(sim.diagnoses(), [""; 0]);
}
