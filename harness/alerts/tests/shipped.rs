//! A few rules of our own on three shipped recordings: the words that were found by hand, and the
//! times, which a recording that is made anew moves by some seconds.

use std::path::{Path, PathBuf};

use reenact_alerts::{Options, Promtool, Rules, Scored, Verdict, score};

const RULES: &str = r#"
groups:
- name: galera
  rules:
  - {alert: NotReady, expr: mysql_global_status_wsrep_ready == 0, for: 1m}
  - {alert: OutOfSync, expr: mysql_global_status_wsrep_local_state != 4, for: 2m}
  - {alert: ServerDown, expr: mysql_up == 0, for: 5m}
  - {alert: TooSmall, expr: mysql_global_status_wsrep_cluster_size < 3, for: 5m}
  - {alert: ReadyIsGone, expr: absent(mysql_global_status_wsrep_ready), for: 5m}
  - {alert: PortClosed, expr: 'probe_success{instance=~".+:3306"} == 0'}
- name: etcd
  rules:
  - {alert: NoLeader, expr: etcd_server_has_leader == 0, for: 1m}
  - {alert: MembersDown, expr: 'count(up{job="etcd"} == 0) > 1', for: 20m}
  - {alert: TargetDown, expr: up == 0, for: 5m}
  - {alert: FailedProposals, expr: 'sum(rate(etcd_server_proposals_failed_total[5m])) > 0'}
"#;

/// What is found in an incident: the rule, its word, and from when to when it fires, in seconds.
type Expected = (&'static str, Verdict, Option<(f64, f64)>);

const WEDGE: [Expected; 7] = [
    ("NotReady", Verdict::Blind, None),
    ("OutOfSync", Verdict::Blind, None),
    ("ServerDown", Verdict::Detected, Some((300.0, 350.0))),
    ("TooSmall", Verdict::Blind, None),
    ("ReadyIsGone", Verdict::Detected, Some((300.0, 350.0))),
    ("PortClosed", Verdict::Detected, Some((0.0, 50.0))),
    ("NoLeader", Verdict::NoSeries, None),
];
const MINORITY: [Expected; 6] = [
    ("NotReady", Verdict::Detected, Some((60.0, 110.0))),
    ("OutOfSync", Verdict::Detected, Some((120.0, 170.0))),
    ("ServerDown", Verdict::NeverTrue, None),
    ("TooSmall", Verdict::Detected, Some((300.0, 350.0))),
    ("ReadyIsGone", Verdict::NeverTrue, None),
    ("PortClosed", Verdict::NeverTrue, None),
];
const QUORUM: [Expected; 5] = [
    ("NoLeader", Verdict::Detected, Some((60.0, 100.0))),
    ("MembersDown", Verdict::Detected, Some((1200.0, 1240.0))),
    ("TargetDown", Verdict::Detected, Some((300.0, 340.0))),
    ("FailedProposals", Verdict::Detected, Some((0.0, 200.0))),
    ("NotReady", Verdict::NoSeries, None),
];

/// Says why a test is skipped, or fails where nothing may be skipped.
fn skipped<T>(found: Option<T>, what: &str) -> Option<T> {
    if found.is_none() {
        let is_required = std::env::var("REENACT_REQUIRE").is_ok_and(|value| value == "all");
        assert!(!is_required, "{what}, and REENACT_REQUIRE=all wants it");
        #[expect(clippy::print_stderr, reason = "a skip is told")]
        {
            eprintln!("skipped: {what}");
        }
    }
    found
}

fn recording(scenario: &str) -> Option<PathBuf> {
    let name = format!("../../tests/metrics/{}.jsonl.gz", scenario.replace("::", "."));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    skipped(path.is_file().then_some(path), &format!("there is no recording of {scenario}"))
}

fn scored(rules: &Rules, scenario: &str) -> Option<Scored> {
    let promtool = skipped(Promtool::on_path(), "there is no promtool")?;
    score(rules, &[recording(scenario)?], &Options::default(), &promtool).expect("scored").pop()
}

fn read(text: &str) -> Rules {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("rules.yml");
    std::fs::write(&file, text).expect("rules");
    Rules::read(&[file]).expect("rules")
}

fn hold(scenario: &str, expected: &[Expected]) {
    let rules = read(RULES);
    let Some(scored) = scored(&rules, scenario) else { return };
    for (name, verdict, times) in expected {
        let row = scored.rows.iter().find(|row| rules.alert(row.rule).name == *name).expect("a row");
        assert_eq!(row.verdict, *verdict, "{scenario}: {name}: {row:?}");
        let is_within = match (row.after_s, times) {
            (Some([from, to]), Some((least, most))) => from >= *least && to <= *most && to > from,
            (None, None) => true,
            _ => false,
        };
        assert!(is_within, "{scenario}: {name}: {row:?}");
    }
}

#[test]
fn the_wedge_blinds_whoever_asks_the_server() {
    hold("galera::non_primary_wedge", &WEDGE);
}

#[test]
fn a_minority_says_so_itself() {
    hold("galera::minority_partition", &MINORITY);
}

#[test]
fn a_lost_quorum_of_etcd() {
    hold("diego::etcd_quorum_lost_by_kill", &QUORUM);
}

#[test]
fn a_look_alike_lasts_too_short_for_the_patient_and_not_for_the_hasty() {
    let rules = read(RULES);
    let Some(scored) = scored(&rules, "galera::twin_joiner_in_sst") else { return };
    for (name, verdict) in [
        ("ServerDown", Verdict::WouldPage),
        ("PortClosed", Verdict::FalseAlarm),
        ("NotReady", Verdict::Silent),
        ("NoLeader", Verdict::Silent),
    ] {
        let row = scored.rows.iter().find(|row| rules.alert(row.rule).name == name).expect("a row");
        assert_eq!(row.verdict, verdict, "{row:?}");
    }
}
