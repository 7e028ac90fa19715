//! The report itself: one node's log and ports are all that was seen.

use reenact::detect::testing::log;

use super::super::NON_PRIMARY_WEDGE;
use super::*;

const LOG: &str = include_str!("../../fixtures/report.log");
const NODE: &str = "mysql/4c1906d1";

/// The log's lines, a tenth of a second apart, with the ports between them, and
/// the ports alone for six seconds more.
fn replay(lines: impl Iterator<Item = &'static str>, sql_port: PortState) -> Tape {
    let mut tape = Tape::new("galera/", 1);
    for line in lines.map(Some).chain([None; 60]) {
        let at = tape.now + 100;
        line.iter().for_each(|line| _ = tape.at(at, NODE, log(line)));
        tape.at(at, NODE, Signal::Port { port: 4567, state: Open });
        tape.at(at, NODE, Signal::Port { port: 3306, state: sql_port });
    }
    tape
}

#[test]
fn the_reports_own_log_is_diagnosed() {
    let said = replay(LOG.lines(), Closed).said();
    let lines = LOG.lines().count() as u64;
    let telling = LOG.lines().position(|line| line.contains("inconsistent")).expect("in the report") as u64;
    let (from, until) = ((telling + 1) * 100, lines * 100 + 2_100);
    said.only(NON_PRIMARY_WEDGE, from, 2_000..=until - from, &[]);
    assert_eq!(
        said.fired[NON_PRIMARY_WEDGE].1,
        [
            "mysql/4c1906d1: server runs, 3306 closed; non-primary view (NON_PRIM,069ddd4c,111) of 3",
            "mysql/4c1906d1: log: [Warning] WSREP: node uuid: 11247975 last_prim(type: 2, uuid: 11247975) is inconsistent \
             to restored view(type: V_NON_PRIM, uuid: 069ddd4c",
        ]
    );
}

#[test]
fn without_the_telling_line_it_is_an_ordinary_wait() {
    replay(LOG.lines().filter(|line| !line.contains("is inconsistent to restored view")), Closed).quiet();
}

#[test]
fn unless_3306_is_known_to_be_closed_it_is_no_wedge() {
    [Open, Silent].iter().for_each(|state| replay(LOG.lines(), *state).quiet());
}
