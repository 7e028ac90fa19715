//! A service that must shut down cleanly, outside of the lab.

use std::collections::BTreeMap;

use reenact::{
    diagnosable,
    diagnose::{Case, Gathered, Section, Standing, System},
    probe::{Answer, Question, Signal},
};

use super::{PORT, advice::ADVICE, detectors::Reconciliation};

diagnosable! {
    System {
        name: "shutdown",
        script: include_str!("look.sh"),
        write: "",
        words: &[
            "started, ", "work begun", "work done", "work failed", "work retried", "graceful shutdown", "drain ",
            "context closed", "SIGTERM before", "panic", "PANIC", "fatal", "FATAL", "rror", "ERROR", "xception",
        ],
        prefix: |_| None,
        recognise,
        parts: |_, _| Vec::new(),
        read,
        implied: |_| Vec::new(),
        needs: &[
            ("in_flight", &["log", "machine"]),
            ("/lost_async_work", &["sql:reconcile"]),
            ("/outbox_stalled", &["sql:reconcile", "log"]),
            ("/overdue_work", &["sql:reconcile"]),
            ("/duplicate_effects", &["sql:reconcile"]),
        ],
        commands: &[
            ("sql:reconcile", "the query of docs/diagnose.md, as name|value rows, on the service's database"),
            ("machine", "docker inspect NAME, or systemctl show UNIT -p Result -p ExecMainStatus -p ExecMainExitTimestamp"),
            ("log", "docker logs -t NAME, or journalctl -o short-iso-precise -u UNIT"),
            ("http:metrics", "curl -s http://127.0.0.1:8080/metrics"),
            ("no service with background work", "docker logs -t NAME, or journalctl -o short-iso-precise -u UNIT"),
        ],
        rank: |_: &[Gathered], _: &Case| Vec::<Standing>::new(),
        contradictions: |_, _| Vec::new(),
        advice: ADVICE,
    }
}

fn recognise(name: &str, head: &str) -> Option<&'static str> {
    let base = name.rsplit('/').next().unwrap_or(name);
    if head.contains("age_limit_ms") {
        return Some("reconcile");
    }
    if head.contains("bg_inflight ") {
        return Some("metrics");
    }
    if head.contains("ExecMainStatus=") {
        return Some("unit service");
    }
    let says = ["started, ", "graceful shutdown", "work begun", "work done"].iter().any(|words| head.contains(words));
    (says || base.ends_with(".log")).then_some("log")
}

fn read(node: &Gathered) -> Vec<Signal> {
    let query = |of: &str, answer| Signal::Query { of: of.into(), answer };
    let unit =
        || node.sections.iter().find(|(name, _)| name.starts_with("unit ")).and_then(|(_, section)| unit(section));
    let metrics = node.answer("metrics", gauges).map(|answer| query("http:metrics", answer));
    let rows = node.answer("reconcile", |text| Some(rows(text))).map(|answer| query(Reconciliation::OF, answer));
    node.ports(&[PORT]).into_iter().chain(node.machine().or_else(unit)).chain(metrics).chain(rows).collect()
}

/// Prometheus' text; nothing at all is no answer.
fn gauges(text: &str) -> Option<Answer> {
    let pairs = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(' '));
    let values: BTreeMap<_, _> = pairs.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect();
    Some(if values.is_empty() { Answer::Refused } else { Answer::Values { values } })
}

fn rows(text: &str) -> Answer {
    text.lines()
        .filter_map(|line| line.split_once(['|', '\t']))
        .map(|(name, value)| (name.trim(), value.trim()))
        .collect()
}

/// What systemd says of a unit.
fn unit(section: &Section) -> Option<Signal> {
    let get = |name: &str| section.text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    let running = matches!(get("ActiveState")?, "active" | "activating" | "deactivating" | "reloading");
    let status: Option<i64> = get("ExecMainStatus").and_then(|status| status.parse().ok());
    // CLD_KILLED and CLD_DUMPED: the status is a signal's number.
    let by_signal = matches!(get("ExecMainCode"), Some("2" | "3"));
    let finished = get("ExecMainExitTimestamp").and_then(written);
    Some(Signal::Machine {
        running,
        paused: false,
        exit_code: status.map(|status| if by_signal { 128 + status } else { status }).filter(|_| !running),
        oom_killed: !running && get("Result") == Some("oom-kill"),
        finished: finished.filter(|_| !running),
    })
}

/// `Sun 2026-11-29 08:31:27 UTC`
fn written(text: &str) -> Option<jiff::Timestamp> {
    let mut words = text.split_whitespace().skip(1);
    format!("{}T{}Z", words.next()?, words.next()?).parse().ok()
}
