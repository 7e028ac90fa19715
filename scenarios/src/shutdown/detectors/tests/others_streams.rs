//! Streams of other systems: nobody here has anything to say about them.

use super::*;

/// What three real Galera nodes logged. A line is `milliseconds node text`.
const RECORDED: [&str; 2] = [
    include_str!("../../../galera/detectors/tests/wedge_26_4.log"),
    include_str!("../../../galera/detectors/tests/self_heal_26_4.log"),
];

/// The recording, and with each line what other systems' probes see; at its end all
/// machines are killed.
fn replay(recording: &str) -> Vec<Observation> {
    let mut stream = Vec::new();
    let lines: Vec<_> = recording.lines().collect();
    for (index, line) in lines.iter().enumerate() {
        let (at, rest) = line.split_once(' ').expect("milliseconds");
        let (node, text) = rest.split_once(' ').expect("a node");
        let at: u64 = at.parse().expect("a number");
        let is_over = index + 50 > lines.len();
        let signals = [
            Signal::Log { line: text.into() },
            Signal::Port { port: 3306, state: PortState::Closed },
            Signal::Query { of: "sql:status".into(), answer: Answer::Hung { during: "handshake".into() } },
            Signal::Query { of: "http:health".into(), answer: values(&[("status", 200)]) },
            Signal::Query { of: "monit:summary".into(), answer: Answer::Refused },
            Signal::Kernel { line: "EXT4-fs (loop3): Remounting filesystem read-only".into() },
            Signal::Processes { commands: vec!["/usr/sbin/mariadbd --wsrep-on".into()] },
            machine(!is_over, false, is_over.then_some((137, index % 2 == 0, at))),
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
    for recording in RECORDED {
        let stream = replay(recording);
        assert!(stream.len() > 1_000);
        assert_eq!(fired(&stream), BTreeMap::new());
        let said = verdicts(&stream);
        assert_eq!(said.len(), 7);
        for (id, verdict) in said {
            let Verdict::Unknown { why } = verdict else { panic!("{id}: {verdict:?}") };
            let expected = ["no reconciliation was ever seen", "no service with background work was ever seen"];
            assert!(expected.contains(&why.as_str()), "{id}: {why}");
        }
    }
}

#[test]
fn other_systems_nodes_beside_it_change_nothing() {
    let mut sim = Sim::healthy(Spawn, 90);
    sim.sigterm(APP1, 30_000);
    sim.run(6_000);
    let alone = sim.stream();
    let mut both: Vec<_> = alone.iter().cloned().chain(replay(RECORDED[1])).collect();
    both.sort_by_key(|seen| seen.at);
    let until = Moment(sim.now);
    both.retain(|seen| seen.at <= until);
    assert_eq!(fired(&alone), fired(&both));
}
