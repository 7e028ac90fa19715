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
            Signal::Log { line: "work begun id=7".into() },
            query("sql:status", Answer::Hung { during: "handshake".into() }),
            query("sql:reconcile", values([("now_ms".to_owned(), "1".to_owned())].into_iter())),
            query("monit:summary", Answer::Refused),
            Signal::Processes { commands: vec!["/usr/sbin/mariadbd --wsrep-on".into()] },
            Signal::Blind { probe: "processes".into(), why: "no".into() },
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
    assert_eq!(fired(&stream, "bosh/"), BTreeMap::new());
    let said = verdicts(&stream);
    assert_eq!(said.len(), 8);
    for (id, verdict) in said {
        let Verdict::Unknown { why } = verdict else { panic!("{id}: {verdict:?}") };
        assert!(why.ends_with("was never seen"), "{id}: {why}");
    }
}

#[test]
fn other_systems_nodes_beside_it_change_nothing() {
    let mut sim = Sim::stuck(90);
    sim.run(14_000);
    let alone = sim.stream();
    let mut both: Vec<_> = alone.iter().cloned().chain(replay()).collect();
    both.sort_by_key(|seen| seen.at);
    both.retain(|seen| seen.at <= Moment(sim.now));
    assert_eq!(fired(&alone, "bosh/"), fired(&both, "bosh/"));
}
