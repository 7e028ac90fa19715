//! Streams of other systems: nobody here has anything to say about them.

use super::*;

/// What three real Galera nodes logged. A line is `milliseconds node text`.
const RECORDED: &str = include_str!("../../../galera/detectors/tests/wedge_26_4.log");

/// The recording, and with each line what other systems' probes see.
fn replay() -> Vec<Observation> {
    let mut stream = Vec::new();
    for line in RECORDED.lines() {
        let (at, rest) = line.split_once(' ').expect("milliseconds");
        let (node, text) = rest.split_once(' ').expect("a node");
        let at: u64 = at.parse().expect("a number");
        let query = |of: &str, answer| Signal::Query { of: of.into(), answer };
        let signals = [
            Signal::Log { line: text.into() },
            Signal::Log { line: "walpb: crc mismatch".into() },
            Signal::Log { line: "No installed keys could decrypt the message".into() },
            query("sql:status", Answer::Hung { during: "handshake".into() }),
            query("sql:locks", values([("now_ms".to_owned(), "1".to_owned())].into_iter())),
            query("monit:summary", Answer::Refused),
            Signal::Processes { commands: vec!["/usr/sbin/mariadbd --wsrep-on".into()] },
            Signal::Blind { probe: "etcd:member".into(), why: "no".into() },
        ];
        let wall = wall(at);
        let seen =
            |signal| Observation { at: Moment(at), wall: wall.parse().expect("a moment"), node: node.into(), signal };
        stream.extend(signals.map(seen));
    }
    stream
}

#[test]
fn over_other_systems_streams_nobody_here_can_tell_anything() {
    let stream = replay();
    assert!(stream.len() > 1_000);
    assert_eq!(fired(&stream, "diego/"), BTreeMap::new());
    let said = verdicts(&stream);
    assert_eq!(said.len(), 16);
    for (id, verdict) in said {
        let Verdict::Unknown { why } = verdict else { panic!("{id}: {verdict:?}") };
        assert!(why.ends_with("was never seen"), "{id}: {why}");
    }
}

#[test]
fn other_systems_detectors_are_silent_over_the_worst_night_here() {
    let mut sim = Sim::new(90);
    sim.kill(1);
    sim.refuse(2, "C | etcdmain: walpb: crc mismatch");
    sim.consul[1].up = false;
    sim.consul[2].up = false;
    sim.consul_leads(false);
    sim.bbs = [Bbs::Away, Bbs::Waits];
    sim.run(40_000);
    for system in ["bosh/", "galera/", "blobstore/", "shutdown/"] {
        assert_eq!(fired(&sim.observations, system), BTreeMap::new(), "{system}");
    }
}

#[test]
fn other_systems_nodes_beside_it_change_nothing() {
    let mut sim = Sim::new(91);
    sim.kill(1);
    sim.kill(2);
    sim.run(12_000);
    let mut both: Vec<_> = sim.observations.iter().cloned().chain(replay()).collect();
    both.sort_by_key(|seen| seen.at);
    both.retain(|seen| seen.at <= Moment(sim.now));
    assert_eq!(fired(&sim.observations, "diego/"), fired(&both, "diego/"));
}
