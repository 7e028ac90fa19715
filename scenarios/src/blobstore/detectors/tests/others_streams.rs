//! Streams of other systems: nobody here has anything to say about them.

use reenact::probe::PortState;

use super::*;

/// What three real Galera nodes logged. A line is `milliseconds node text`.
const RECORDED: [&str; 2] = [
    include_str!("../../../galera/detectors/tests/wedge_26_4.log"),
    include_str!("../../../galera/detectors/tests/self_heal_26_4.log"),
];

/// The recording, and with each line what Galera's probes see.
fn replay(recording: &str) -> Vec<Observation> {
    let mut stream = Vec::new();
    for line in recording.lines() {
        let (at, rest) = line.split_once(' ').expect("milliseconds");
        let (node, text) = rest.split_once(' ').expect("a node");
        let signals = [
            Signal::Log { line: text.into() },
            Signal::Port { port: 3306, state: PortState::Closed },
            Signal::Port { port: 4567, state: PortState::Open },
            Signal::Query { of: "sql:status".into(), answer: Answer::Hung { during: "handshake".into() } },
            Signal::File { path: "/var/lib/mysql/gvwstate.dat".into(), content: Some("#vwbeg\n".into()) },
            Signal::Processes { commands: vec!["rsync --daemon".into(), "/usr/sbin/mariadbd --wsrep-on".into()] },
            Signal::Machine { running: true, paused: false, exit_code: None, oom_killed: false, finished: None },
        ];
        let at = Moment(at.parse().expect("a number"));
        let seen = |signal| Observation { at, wall: Default::default(), node: node.into(), signal };
        stream.extend(signals.map(seen));
    }
    stream
}

#[test]
fn over_galeras_recordings_nobody_here_can_tell_anything() {
    for recording in RECORDED {
        let stream = replay(recording);
        assert!(stream.len() > 1_000);
        assert!(fired(&stream).keys().all(|id| !id.starts_with("blobstore/")));
        let said = verdicts(&stream);
        assert_eq!(said.len(), 6);
        for (id, verdict) in said {
            let Verdict::Unknown { why } = verdict else { panic!("{id}: {verdict:?}") };
            let expected =
                ["no disk that was declared writable was ever seen", "no round trip of a blob was ever tried"];
            assert!(expected.contains(&why.as_str()), "{id}: {why}");
        }
    }
}

#[test]
fn galeras_nodes_beside_it_change_nothing() {
    let mut sim = Sim::healthy(90);
    sim.remount(true);
    sim.run(4_000);
    let alone = sim.fired();
    let mut both: Vec<_> = sim.stream.iter().cloned().chain(replay(RECORDED[1])).collect();
    both.sort_by_key(|seen| seen.at);
    let ours = |fired: BTreeMap<&'static str, (Moment, Vec<String>)>| {
        fired.into_iter().filter(|(id, _)| id.starts_with("blobstore/")).map(|(id, (_, lines))| (id, lines)).collect()
    };
    let (alone, both): (BTreeMap<_, _>, BTreeMap<_, _>) = (ours(alone), ours(fired(&both)));
    assert_eq!(alone.keys().collect::<Vec<_>>(), both.keys().collect::<Vec<_>>());
}
