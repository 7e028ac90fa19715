//! What three real nodes logged (MariaDB 10.11.19, Galera 26.4.23), with the ports
//! as they were. A line is `milliseconds node text`.

use super::super::NON_PRIMARY_WEDGE;
use super::*;

/// R1's files (n1: view 7 of three; n2 and n3: view 8 of two); n1 and n3 start, n2
/// six seconds later. Stuck.
const WEDGE: &str = include_str!("wedge_26_4.log");
/// Identical files, all start at once and are promoted.
const SELF_HEAL: &str = include_str!("self_heal_26_4.log");

/// The recorded lines with the ports between them, and for five seconds more.
fn replay(recording: &str) -> Vec<Observation> {
    let mut ports: BTreeMap<&str, [PortState; 2]> = BTreeMap::new();
    let mut stream = Vec::new();
    let mut polled = 0;
    let mut poll = |stream: &mut Vec<Observation>, ports: &BTreeMap<&str, [PortState; 2]>, until: u64| {
        while polled < until {
            for (node, states) in ports {
                for (port, state) in [3306, 4567].into_iter().zip(*states) {
                    stream.push(seen(polled, node, Signal::Port { port, state }));
                }
            }
            polled += 100;
        }
        until
    };
    let mut end = 0;
    for line in recording.lines() {
        let (at, rest) = line.split_once(' ').expect("milliseconds");
        let (node, text) = rest.split_once(' ').expect("a node");
        end = poll(&mut stream, &ports, at.parse().expect("a number"));
        let states = ports.entry(node).or_insert([PortState::Closed; 2]);
        states[1] = PortState::Open;
        if text.contains("ready for connections") {
            states[0] = PortState::Open;
        }
        stream.push(seen(end, node, Signal::Log { line: text.into() }));
    }
    poll(&mut stream, &ports, end + 5_000);
    stream
}

fn seen(at: u64, node: &str, signal: Signal) -> Observation {
    Observation { at: Moment(at), wall: Default::default(), node: node.into(), signal }
}

/// When the telling line about the last node to come was logged.
fn telling_line() -> Moment {
    let line = WEDGE.lines().rfind(|line| line.contains("is inconsistent to restored view")).expect("recorded");
    Moment(line.split(' ').next().and_then(|at| at.parse().ok()).expect("milliseconds"))
}

#[test]
fn a_real_wedge_is_diagnosed_two_seconds_after_its_last_node_came() {
    let fired = fired(&replay(WEDGE));
    assert_eq!(fired.keys().copied().collect::<Vec<_>>(), [NON_PRIMARY_WEDGE]);
    let (at, evidence) = &fired[NON_PRIMARY_WEDGE];
    let after = at.since(telling_line()).as_millis();
    assert!((2_000..2_300).contains(&after), "{after} ms; {evidence:#?}");
    assert!(evidence.iter().any(|line| line.contains("NON_PRIM,11111111-8002,12) of 3")), "{evidence:#?}");
    assert!(evidence.iter().any(|line| line.contains("node uuid: 22222222-8002 last_prim")), "{evidence:#?}");
}

#[test]
fn one_node_alone_waits_for_the_member_that_is_missing() {
    // n1 logged the telling line about n3 already, 5.7 s before n2 came.
    let stream: Vec<_> = replay(WEDGE).into_iter().filter(|seen| seen.node == "n1").collect();
    let fired = fired(&stream);
    let (at, _) = &fired[NON_PRIMARY_WEDGE];
    assert!((2_000..2_300).contains(&at.since(telling_line()).as_millis()), "fired at {at}");
}

#[test]
fn a_real_simultaneous_start_heals_itself() {
    assert_eq!(fired(&replay(SELF_HEAL)), BTreeMap::new());
}
