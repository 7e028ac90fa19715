//! What the exporter on the director's machine says: `director watch`.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use reenact::{
    probe::{Answer, LOOK},
    testbed::Node,
};
use serde::Deserialize;

use super::detectors::process;

/// The exporter's port.
const PORT: u16 = 9100;

/// The director's machine at one moment.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct State {
    /// When, in milliseconds since 1970.
    pub(super) now_ms: i64,
    /// Command lines with ` pid=… ppid=…`.
    pub(super) processes: Vec<String>,
    /// CPI calls in flight: request to `method|task|instance|ip|az|pid|begun_ms`.
    pub(super) inflight: BTreeMap<String, String>,
    /// The IaaS's VMs: cid to `deployment|instance|ip|az`.
    pub(super) vms: BTreeMap<String, String>,
}

/// Asks the exporter.
#[derive(Debug, Clone)]
pub(super) struct Exporter {
    ip: Ipv4Addr,
    http: reqwest::Client,
}

impl Exporter {
    pub(super) fn of(node: &Node) -> Self {
        Self { ip: node.ip(), http: reqwest::Client::new() }
    }

    /// Asks once.
    ///
    /// # Errors
    /// What came back instead.
    pub(super) async fn state(&self) -> Result<State, Answer> {
        let broken = |text: String| Answer::Error { code: "client".into(), text };
        let read = async {
            let response = self.http.get(format!("http://{}:{PORT}/state", self.ip)).timeout(LOOK).send().await?;
            response.error_for_status()?.text().await
        };
        match read.await {
            Ok(text) => serde_json::from_str(&text).map_err(|error| broken(error.to_string())),
            Err(error) if error.is_timeout() => Err(Answer::Hung { during: "request".into() }),
            Err(error) if error.is_connect() => Err(Answer::Refused),
            Err(error) => Err(broken(error.to_string())),
        }
    }
}

impl State {
    /// How many `create_vm` of a task are in flight whose processes live.
    pub(super) fn creates_of(&self, task: u64) -> usize {
        let (prefix, lives) = (format!("create_vm|{task}|"), |pid: &str| {
            let end = format!(" pid={pid} ");
            self.processes
                .iter()
                .any(|process| process.contains("director cpi") && format!("{process} ").contains(&end))
        });
        self.inflight
            .values()
            .filter(|call| call.starts_with(&prefix) && call.split('|').nth(5).is_some_and(lives))
            .count()
    }

    /// How many processes run whose command lines hold these words. What one of them has forked
    /// bears its command line until it becomes something else, and is not counted.
    pub(super) fn count(&self, words: &str) -> usize {
        let wanted = format!("{words} ");
        let named = self.processes.iter().filter(|process| format!("{process} ").contains(&wanted));
        let named: Vec<_> = named.filter_map(|process| process::parse(process)).collect();
        let pids: BTreeSet<_> = named.iter().filter_map(|process| process.pid).collect();
        named.iter().filter(|process| process.parent.is_none_or(|parent| !pids.contains(&parent))).count()
    }

    /// Whether a process runs whose command line holds these words.
    pub(super) fn runs(&self, words: &str) -> bool {
        self.count(words) > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fork_that_is_not_yet_something_else_is_no_second_worker() {
        let count = |processes: &[&str]| {
            let processes = processes.iter().map(|process| (*process).to_owned()).collect();
            let state = State { now_ms: 0, processes, inflight: BTreeMap::new(), vms: BTreeMap::new() };
            state.count("director worker --name worker_1")
        };
        let worker = "/usr/bin/director worker --name worker_1 --scale 0.02 pid=8 ppid=1";
        let fork = "/usr/bin/director worker --name worker_1 --scale 0.02 pid=30 ppid=8";
        let second = "/usr/bin/director worker --name worker_1 --scale 0.02 pid=30 ppid=1";
        let other = "/usr/bin/director worker --name worker_10 --scale 0.02 pid=9 ppid=1";
        assert_eq!(count(&[worker, other]), 1);
        assert_eq!(count(&[fork, worker]), 1);
        assert_eq!(count(&[worker, second]), 2);
        assert_eq!(count(&[other]), 0);
    }
}
