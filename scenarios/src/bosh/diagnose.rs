//! A BOSH director outside of the lab.

use std::collections::BTreeMap;

use reenact::{
    diagnosable,
    diagnose::{Case, Gathered, Process, Standing, System},
    probe::{Answer, Question, Signal, Values},
};

use super::advice::ADVICE;
use super::implied::implied;
use super::signals::{Config, Events, IaasVms, Inflight, Jobs, Locks, SqlVms, Tasks};

diagnosable! {
    System {
        name: "bosh",
        script: include_str!("look.sh"),
        write: "",
        // Whatever a task says tells that it gets on.
        words: &["-- DirectorJobRunner", "\"stage\":", "task "],
        prefix,
        recognise,
        parts: |_, _| Vec::new(),
        read,
        implied,
        needs: &[
            ("/unreachable_subnet", &["sql:tasks", "iaas:inflight", "director:config"]),
            ("/two_creates_in_flight", &["iaas:inflight"]),
            ("/leaked_vms", &["iaas:vms"]),
            ("/stuck_task_holds_lock", &["sql:locks", "sql:tasks", "log"]),
            ("/zombie_holder", &["sql:locks", "sql:tasks", "log"]),
            ("/stale_lock_of_dead_task", &["sql:locks", "sql:tasks", "processes"]),
        ],
        commands: &[
            ("sql:", "psql on the director's database: `reenact collect --system bosh` has the query"),
            ("iaas:inflight", "the CPI's calls that have begun and not ended: docs/diagnose.md has the form"),
            ("iaas:vms", "the IaaS's list of VMs: docs/diagnose.md has the form"),
            ("director:config", "bosh cloud-config"),
            ("processes", "ps -ww -eo pid,ppid,args on the director"),
            ("log", "/var/vcap/store/director/tasks/*/debug"),
        ],
        rank: |_: &[Gathered], _: &Case| Vec::<Standing>::new(),
        contradictions: |_, _| Vec::new(),
        advice: ADVICE,
    }
}

/// The questions, and whether each answer says when it was made.
const QUESTIONS: [(&str, bool); 5] =
    [(Locks::OF, true), (Tasks::OF, true), (Events::OF, false), (Jobs::OF, true), (SqlVms::OF, false)];

/// What a director does by default, in seconds: a lock is renewed, a checkpoint written.
const INTERVALS: [(&str, u64); 5] =
    [("renew_ms", 120), ("expiry_ms", 241), ("checkpoint_ms", 30), ("timeout_ms", 180), ("agent_wait_ms", 600)];

fn recognise(name: &str, head: &str) -> Option<&'static str> {
    let base = name.rsplit('/').next().unwrap_or(name);
    if head.contains("sql:locks|") || head.contains("sql:tasks|") || head.contains("now|now_ms|") {
        return Some("tables");
    }
    if base.contains("inflight") {
        return Some(Inflight::OF);
    }
    if base.contains("iaas") && base.contains("vms") {
        return Some(IaasVms::OF);
    }
    let says = ["-- DirectorJobRunner", "DirectorJobRunner:"].iter().any(|words| head.contains(words));
    says.then_some("log")
}

/// The task of a debug log: `…/tasks/123/debug`, or `task-123.log`.
fn prefix(path: &str) -> Option<String> {
    let part = path.rsplit("tasks/").next().filter(|rest| *rest != path).or_else(|| path.rsplit("task").next())?;
    let number: String = part.trim_start_matches(['-', '_', ' ']).chars().take_while(char::is_ascii_digit).collect();
    (!number.is_empty()).then(|| format!("task {number} debug: "))
}

fn read(node: &Gathered) -> Vec<Signal> {
    let query = |of: &str, answer| Signal::Query { of: of.into(), answer };
    let mut signals: Vec<_> = node.machine().into_iter().chain(processes(node)).collect();
    let at = node.at.map(|at| at.as_millisecond().to_string());
    for of in [Inflight::OF, IaasVms::OF] {
        let Some(text) = node.text(of) else { continue };
        let mut values: Values = text.lines().filter_map(pair).collect();
        if of == Inflight::OF && !values.contains_key("now_ms") {
            values.extend(at.clone().map(|at| ("now_ms".to_owned(), at)));
        }
        signals.push(query(of, Answer::Values { values }));
    }
    signals.extend(node.section("tables").map(|section| tables(&section.text, &node.settings)).unwrap_or_default());
    signals
}

fn pair(line: &str) -> Option<(String, String)> {
    line.trim().split_once('|').map(|(name, value)| (name.to_owned(), value.to_owned()))
}

/// What psql printed: a question's rows, or why there are none.
fn tables(text: &str, settings: &Values) -> Vec<Signal> {
    let mut answers: BTreeMap<&str, Values> = BTreeMap::new();
    for line in text.lines() {
        let Some((of, (name, value))) = line.split_once('|').and_then(|(of, row)| Some((of, pair(row)?))) else {
            continue;
        };
        answers.entry(of).or_default().insert(name, value);
    }
    let now = answers.get("now").and_then(|now| now.get("now_ms")).cloned();
    let Some(now) = now else {
        let answer = refusal(text);
        return QUESTIONS.map(|(of, _)| Signal::Query { of: of.into(), answer: answer.clone() }).to_vec();
    };
    let mut signals = Vec::new();
    for (of, dated) in QUESTIONS {
        let mut values = answers.remove(of).unwrap_or_default();
        if dated {
            values.insert("now_ms".into(), now.clone());
        }
        if of == Jobs::OF {
            // Who works is seen by the locks that workers hold on jobs.
            let workers: Vec<_> =
                values.values().filter_map(|row| row.split('|').nth(1)).filter(|name| !name.is_empty()).collect();
            let workers = workers.join(" ");
            values.insert("workers".into(), workers);
        }
        signals.push(Signal::Query { of: of.into(), answer: Answer::Values { values } });
    }
    let cloud = answers.get("cloud").and_then(|cloud| cloud.get("cloud")).cloned().unwrap_or_default();
    signals.push(Signal::Query { of: Config::OF.into(), answer: config(&cloud, settings) });
    signals
}

fn refusal(text: &str) -> Answer {
    match text.contains("Connection refused") || text.contains("No such file or directory") {
        true => Answer::Refused,
        false => Answer::Error { code: "client".into(), text: text.lines().next().unwrap_or_default().to_owned() },
    }
}

/// A director's intervals, as it has them by default or is set to, and the subnets of its cloud-config.
pub(super) fn config(cloud: &str, settings: &Values) -> Answer {
    let mut values: Values =
        INTERVALS.iter().map(|(name, seconds)| ((*name).to_owned(), (seconds * 1000).to_string())).collect();
    values.insert("scale".into(), "1".into());
    let read: serde_json::Value = serde_json::from_str(&cloud.replace('\u{1}', "\n")).unwrap_or_default();
    for (az, range) in super::probes::subnets(&read) {
        let ranges = values.entry(format!("subnet:{az}")).or_default();
        *ranges = format!("{ranges} {range}").trim().to_owned();
    }
    values.extend(settings.clone());
    Answer::Values { values }
}

/// Command lines with ` pid=… ppid=…`, as detectors tell processes apart.
fn processes(node: &Gathered) -> Option<Signal> {
    let command = |process: Process<'_>| {
        let Process { command, pid, parent } = process;
        Some(format!("{command} pid={} ppid={}", pid?, parent?))
    };
    let commands: Vec<_> = node.listed()?.into_iter().filter_map(command).collect();
    (!commands.is_empty()).then_some(Signal::Processes { commands })
}
