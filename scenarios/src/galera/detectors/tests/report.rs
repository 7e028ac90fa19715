//! The report itself: one node's log and ports are all that was seen.

use super::super::NON_PRIMARY_WEDGE;
use super::*;

const LOG: &str = include_str!("../../fixtures/report.log");

fn seen(at: u64, signal: Signal) -> Observation {
    Observation { at: Moment(at), wall: Default::default(), node: "mysql/4c1906d1".into(), signal }
}

/// The log's lines, a tenth of a second apart, with the ports between them, and
/// the ports alone for six seconds more.
fn replay(lines: impl Iterator<Item = &'static str>, sql_port: PortState) -> Vec<Observation> {
    let mut stream = Vec::new();
    let ports = |stream: &mut Vec<_>, at| {
        stream.push(seen(at, Signal::Port { port: 4567, state: PortState::Open }));
        stream.push(seen(at, Signal::Port { port: 3306, state: sql_port }));
    };
    let mut at = 0;
    for line in lines {
        at += 100;
        stream.push(seen(at, Signal::Log { line: line.into() }));
        ports(&mut stream, at);
    }
    for _ in 0..60 {
        at += 100;
        ports(&mut stream, at);
    }
    stream
}

#[test]
fn the_reports_own_log_is_diagnosed() {
    let fired = fired(&replay(LOG.lines(), PortState::Closed));
    assert_eq!(fired.keys().copied().collect::<Vec<_>>(), [NON_PRIMARY_WEDGE]);
    let (at, evidence) = &fired[NON_PRIMARY_WEDGE];
    let lines = LOG.lines().count() as u64;
    let telling = LOG.lines().position(|line| line.contains("inconsistent")).expect("in the report") as u64;
    assert!(at.0 >= (telling + 1) * 100 + 2_000 && at.0 <= lines * 100 + 2_100, "fired at {at}");
    assert_eq!(
        evidence,
        &[
            "mysql/4c1906d1: server runs, 3306 closed; non-primary view (NON_PRIM,069ddd4c,111) of 3",
            "mysql/4c1906d1: log: [Warning] WSREP: node uuid: 11247975 last_prim(type: 2, uuid: 11247975) is inconsistent \
             to restored view(type: V_NON_PRIM, uuid: 069ddd4c",
        ]
    );
}

#[test]
fn without_the_telling_line_it_is_an_ordinary_wait() {
    let lines = LOG.lines().filter(|line| !line.contains("is inconsistent to restored view"));
    assert_eq!(fired(&replay(lines, PortState::Closed)), BTreeMap::new());
}

#[test]
fn unless_3306_is_known_to_be_closed_it_is_no_wedge() {
    for state in [PortState::Open, PortState::Silent] {
        assert_eq!(fired(&replay(LOG.lines(), state)), BTreeMap::new());
    }
}
