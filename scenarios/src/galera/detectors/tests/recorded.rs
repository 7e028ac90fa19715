//! What three real nodes logged (MariaDB 10.11.19, Galera 26.4.23), with the ports
//! as they were. A line is `milliseconds node text`.

use std::collections::BTreeMap;

use reenact::{detect::testing::log, probe::Moment};

use super::super::NON_PRIMARY_WEDGE;
use super::*;

/// R1's files (n1: view 7 of three; n2 and n3: view 8 of two); n1 and n3 start, n2
/// six seconds later. Stuck.
const WEDGE: &str = include_str!("wedge_26_4.log");
/// Identical files, all start at once and are promoted.
const SELF_HEAL: &str = include_str!("self_heal_26_4.log");

/// The recorded lines with the ports between them, and for five seconds more.
fn replay(recording: &str) -> Tape {
    let mut tape = Tape::new("galera/", 1);
    let mut ports: BTreeMap<&str, PortState> = BTreeMap::new();
    let mut polled = 0;
    let mut poll = |tape: &mut Tape, ports: &BTreeMap<&str, PortState>, until: u64| {
        while polled < until {
            for (node, sql) in ports {
                for (port, state) in [(3306, *sql), (4567, Open)] {
                    tape.at(polled, node, Signal::Port { port, state });
                }
            }
            polled += 100;
        }
    };
    let mut end = 0;
    for line in recording.lines() {
        let [at, node, text] = line.splitn(3, ' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        end = at.parse().expect("milliseconds");
        poll(&mut tape, &ports, end);
        let sql = ports.entry(node).or_insert(Closed);
        if text.contains("ready for connections") {
            *sql = Open;
        }
        tape.at(end, node, log(text));
    }
    poll(&mut tape, &ports, end + 5_000);
    tape
}

/// When the telling line about the last node to come was logged.
fn telling_line() -> u64 {
    let line = WEDGE.lines().rfind(|line| line.contains("is inconsistent to restored view")).expect("recorded");
    line.split(' ').next().and_then(|at| at.parse().ok()).expect("milliseconds")
}

#[test]
fn a_real_wedge_is_diagnosed_two_seconds_after_its_last_node_came() {
    let lines = ["NON_PRIM,11111111-8002,12) of 3", "node uuid: 22222222-8002 last_prim"];
    replay(WEDGE).only(NON_PRIMARY_WEDGE, telling_line(), 2_000..=2_300, &lines);
}

#[test]
fn one_node_alone_waits_for_the_member_that_is_missing() {
    // n1 logged the telling line about n3 already, 5.7 s before n2 came.
    let mut tape = replay(WEDGE);
    assert!(
        tape.stream().iter().any(|seen| seen.at < Moment(telling_line()) && seen.is_log_with(&["is inconsistent to"]))
    );
    tape.seen.retain(|seen| seen.node == "n1");
    tape.only(NON_PRIMARY_WEDGE, telling_line(), 2_000..=2_300, &[]);
}

#[test]
fn a_real_simultaneous_start_heals_itself() {
    replay(SELF_HEAL).quiet();
}
