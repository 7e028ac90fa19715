//! The report itself: one node's log and ports are all that was seen.

use reenact::detect::testing::log;

use super::super::{INCONSISTENT_NODE, NON_PRIMARY_WEDGE};
use super::*;

const LOG: &str = include_str!("../../fixtures/report.log");
const NODE: &str = "mysql/4c1906d1";

/// The log's lines, a tenth of a second apart, with the ports between them, and
/// the ports alone for six seconds more.
fn replay<L: AsRef<str>>(lines: impl Iterator<Item = L>, sql_port: PortState) -> Tape {
    let mut tape = Tape::new("galera/", 1);
    for line in lines.map(Some).chain(std::iter::repeat_with(|| None).take(60)) {
        let at = tape.now + 100;
        line.iter().for_each(|line| _ = tape.at(at, NODE, log(line.as_ref())));
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

/// The log as Percona XtraDB Cluster words it: 5.7 breaks the view's lines otherwise, 8.0 has
/// a prefix of its own as well.
fn percona(log: &str, prefix: &str) -> Vec<String> {
    let broken = log
        .replace("view(view_id(", "Current view of cluster as seen by this node\nview (view_id(")
        .replace("view((empty))", "Current view of cluster as seen by this node\nview ((empty))")
        .replace(" memb {", "\nmemb {");
    let broken = ["joined", "left", "partitioned"]
        .iter()
        .fold(broken, |log, part| log.replace(&format!("}} {part} {{"), &format!("\t}}\n{part} {{")));
    broken.replace("\n})", "\n\t}\n)").replace("WSREP:", prefix).lines().map(str::to_owned).collect()
}

#[test]
fn the_reports_log_in_the_words_of_other_distributions() {
    for prefix in ["WSREP:", "[MY-000000] [Galera]"] {
        let lines = percona(LOG, prefix);
        assert!(lines.iter().any(|line| line == "view (view_id(NON_PRIM,069ddd4c,111)"));
        assert!(lines.iter().any(|line| line == "joined {"));
        let tape = replay(lines.iter(), Closed);
        let said = tape.said();
        assert_eq!(said.diagnoses(), [NON_PRIMARY_WEDGE], "{prefix}");
        let evidence = said.evidence(NON_PRIMARY_WEDGE);
        assert!(evidence[0].ends_with("non-primary view (NON_PRIM,069ddd4c,111) of 3"), "{evidence:#?}");
        assert!(evidence[1].contains("last_prim(type: 2, uuid: 11247975) is inconsistent to restored view"));
    }
}

/// A node whose log, of other distributions, says that its data differ; its SQL hangs.
#[test]
fn an_expelled_node_in_the_words_of_other_distributions() {
    for line in [
        "2023-10-21T04:01:01.7Z 443229 [ERROR] [MY-000000] [Galera] Inconsistency detected: Inconsistent by consensus on 5eed:14",
        "2019-05-22T17:30:18.5Z 5 [ERROR] WSREP: Node consistency compromised, leaving cluster...",
        "2017-06-14  8:01:24 86 [ERROR] WSREP: Node consistency compromized, aborting...",
    ] {
        let mut sim = Sim::healthy(110);
        let from = sim.now;
        sim.tape.log(&name(2), line);
        sim.nodes[2].sql = hung("query");
        sim.install(&[0, 1], 400);
        sim.run(4_500);
        sim.only(INCONSISTENT_NODE, from, 0..=4_500, &[&format!("n3: log: {}", &line[line.find('[').unwrap_or(0)..])]);
    }
}
