//! What tasks' debug logs tell of states at which nobody looked: a lock that is renewed is held, and who
//! renews it lives.

use std::collections::BTreeMap;

use jiff::Timestamp;
use reenact::{
    diagnose::{Implied, Line},
    probe::{Answer, Question, Signal},
};

use super::{
    detectors::log::{self, Said},
    diagnose::config,
    signals::{Config, Events, Locks, Tasks},
};

/// How long a lock lives without a renewal, in ms.
const EXPIRY_MS: i64 = 241_000;

/// A task that renews a lock, as of its last line.
#[derive(Default)]
struct Holder<'l> {
    lock: Option<&'l str>,
    uid: Option<&'l str>,
    renewed: Option<Timestamp>,
    pid: Option<&'l str>,
}

/// The locks that tasks renew up to the end of their logs, and their processes.
pub(super) fn implied(lines: &[Line]) -> Vec<Implied> {
    let mut holders: BTreeMap<u64, Holder<'_>> = BTreeMap::new();
    for line in lines {
        let Some((task, said)) = log::parse(&line.text) else { continue };
        let holder = holders.entry(task).or_default();
        match said {
            Said::GivesBack { .. } => *holder = Holder::default(),
            Said::Renews { uid } => {
                let lock = line.text.split_once(r#""name" = '"#).and_then(|(_, rest)| rest.split_once('\''));
                (holder.uid, holder.renewed, holder.lock) = (Some(uid), line.at, lock.map(|(name, _)| name));
            }
            _ => {}
        }
        holder.pid = log::pid(&line.text).or(holder.pid);
    }
    let held = holders.into_iter().filter_map(|(task, holder)| held(task, &holder));
    let (locks, tasks, commands): (Vec<_>, Vec<_>, Vec<_>) = held.collect();
    let Some(now) = lines.iter().filter_map(|line| line.at).max().filter(|_| !locks.is_empty()) else {
        return Vec::new();
    };
    let dated = |rows: Vec<(String, String)>| {
        let now = ("now_ms".to_owned(), now.as_millisecond().to_string());
        rows.into_iter().chain([now]).collect::<Answer>()
    };
    // Of the director's other processes nothing is known: none is said to be missing.
    let commands = commands.into_iter().chain(["director serve".to_owned()]).collect();
    let answers = [
        (Locks::OF, dated(locks)),
        (Tasks::OF, dated(tasks)),
        (Events::OF, Answer::Values { values: BTreeMap::new() }),
        (Config::OF, config("", &BTreeMap::new())),
    ];
    let asked = answers.map(|(of, answer)| Signal::Query { of: of.into(), answer });
    asked.into_iter().chain([Signal::Processes { commands }]).map(|signal| Implied::own(None, signal)).collect()
}

type Row = (String, String);

/// The rows of the lock and the task, and the process.
fn held(task: u64, holder: &Holder<'_>) -> Option<(Row, Row, String)> {
    let (lock, uid, renewed) = (holder.lock?, holder.uid?, holder.renewed?);
    let deployment = lock.rsplit(':').next().unwrap_or_default();
    let expires = renewed.as_millisecond() + EXPIRY_MS;
    let pid = holder.pid.map_or_else(String::new, |pid| format!(" pid={pid}"));
    Some((
        (lock.to_owned(), format!("{uid}|{task}|{expires}")),
        (task.to_string(), format!("processing||{deployment}|||")),
        format!("director run-job --task {task} --worker its-worker{pid}"),
    ))
}
