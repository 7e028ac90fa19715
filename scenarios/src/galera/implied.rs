//! What a Galera node's error log tells of states at which nobody looked.

use reenact::{
    diagnose::{Implied, Line},
    probe::{Answer, PortState, Signal},
};

use super::{
    detectors::log::{Component, Log, Phase},
    node::PORT,
};

/// Whether the server runs and takes clients, and what its component is, as of the log's end.
pub(super) fn implied(lines: &[Line]) -> Vec<Implied> {
    let mut log = Log::default();
    let (mut phase, mut component, mut failed) = (None, None, 0);
    for line in lines {
        let before = (log.phase, log.component.as_ref().map(of));
        log.observe(&line.text);
        if log.phase != before.0 {
            (phase, failed) = (line.at, if log.phase == Phase::Ended { failed } else { log.ends.failed });
        }
        if log.component.as_ref().map(of) != before.1 {
            component = line.at;
        }
    }
    match (log.phase, &log.component) {
        // Who was asked to end may be on its way back.
        (Phase::Ended, _) if log.ends.failed > failed => vec![Implied::ended(phase, processes(&[]))],
        (Phase::Ended, _) => vec![Implied::own(phase, processes(&[]))],
        (Phase::Starts, _) => {
            let closed = Signal::Port { port: PORT, state: PortState::Closed };
            vec![Implied::own(phase, processes(&["mariadbd"])), Implied::own(phase, closed)]
        }
        (Phase::Unseen | Phase::Ready, Some(it)) => {
            let status = Signal::Query { of: "sql:status".into(), answer: status(it) };
            vec![Implied::own(phase.max(component), status)]
        }
        // Who finds that its data differ leaves its group, and answers on.
        (Phase::Unseen | Phase::Ready, None) if log.inconsistency.is_some() => {
            let left = [("wsrep_cluster_status", "Disconnected"), ("wsrep_local_state_comment", "Inconsistent")];
            let status = Signal::Query { of: "sql:status".into(), answer: left.into_iter().collect() };
            vec![Implied::own(component, status)]
        }
        (Phase::Unseen | Phase::Ready, None) | (Phase::Stops, _) => Vec::new(),
    }
}

/// What of a component is told by its first word and its last.
fn of(component: &Component) -> (bool, usize) {
    (component.primary, component.members)
}

fn processes(commands: &[&str]) -> Signal {
    Signal::Processes { commands: commands.iter().map(|command| (*command).to_owned()).collect() }
}

fn status(component: &Component) -> Answer {
    let (status, ready, comment) =
        if component.primary { ("Primary", "ON", "Synced") } else { ("non-Primary", "OFF", "Initialized") };
    [
        ("wsrep_cluster_status", status.to_owned()),
        ("wsrep_cluster_size", component.members.to_string()),
        ("wsrep_ready", ready.to_owned()),
        ("wsrep_local_state_comment", comment.to_owned()),
    ]
    .into_iter()
    .collect()
}

/// How many members the node's group ever had, by its log.
pub(super) fn members(lines: &[Line]) -> usize {
    let mut log = Log::default();
    let most = lines.iter().map(|line| {
        log.observe(&line.text);
        log.component.as_ref().map_or(log.peers, |it| it.members.max(log.peers))
    });
    most.max().unwrap_or_default()
}
