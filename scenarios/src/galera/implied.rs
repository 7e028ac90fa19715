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
    let (mut phase, mut component) = (None, None);
    for line in lines {
        let before = (log.phase, log.component.as_ref().map(of));
        log.observe(&line.text);
        if log.phase != before.0 {
            phase = line.at;
        }
        if log.component.as_ref().map(of) != before.1 {
            component = line.at;
        }
    }
    let runs = || Implied::own(phase, processes(&["mariadbd"]));
    let answers = |answer| {
        let status = Signal::Query { of: "sql:status".into(), answer };
        vec![runs(), Implied::own(phase.max(component), status)]
    };
    match (log.phase, &log.component) {
        (Phase::Failed, _) => vec![Implied::ended(phase, processes(&[]))],
        // Who was asked to end may be on its way back.
        (Phase::Ended, _) => vec![Implied::own(phase, processes(&[]))],
        (Phase::Starts, _) => {
            let closed = Signal::Port { port: PORT, state: PortState::Closed };
            vec![runs(), Implied::own(phase, closed)]
        }
        (Phase::Unseen | Phase::Ready, Some(it)) => {
            let (is_well, is_whole) = (it.primary, it.primary && it.members >= members(lines));
            let whole = if is_whole { it.members } else { 0 };
            answers(status(it)).into_iter().map(|told| Implied { is_well, whole, ..told }).collect()
        }
        // Who finds that its data differ leaves its group, and answers on.
        (Phase::Unseen | Phase::Ready, None) if log.inconsistency.is_some() => {
            let left = [("wsrep_cluster_status", "Disconnected"), ("wsrep_local_state_comment", "Inconsistent")];
            answers(left.into_iter().collect())
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
