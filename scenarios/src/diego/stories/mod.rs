//! What several incidents have in common, by what they are about.

pub(super) mod backup;
pub(super) mod consul;
pub(super) mod data;
pub(super) mod members;
pub(super) mod night;
pub(super) mod orphan;
pub(super) mod quorum;

use std::time::Duration;

use reenact::{Error, incident::*, poll::Look, probe::Answer};

use super::{Diego, client};
use crate::answer::describe;

/// Waits until each of these nodes has logged a line with these words since the story began.
pub(super) fn logs(nodes: &'static [&'static str], words: &'static [&'static str], limit: Duration) -> Action<Diego> {
    wait(format!("{} log {words:?}", nodes.join(", ")), limit, move |run| {
        let silent = run.read(|seen| {
            let logged = |node: &str| seen.iter().any(|line| line.node == node && line.is_log_with(words));
            nodes.iter().filter(|node| !logged(node)).copied().collect::<Vec<_>>().join(", ")
        });
        let look = if silent.is_empty() { Look::Ready(()) } else { Look::NotYet(format!("{silent} did not")) };
        Box::pin(async { look })
    })
}

/// Waits until all is healthy, or looks so.
pub(super) fn healthy(limit: Duration) -> Action<Diego> {
    wait("every part serves, and every application is desired", limit, |run: &Run<Diego>| {
        Box::pin(run.system().healthy())
    })
}

/// Claims that no application is lost, as the Cloud Controller has them all.
pub(super) fn no_application_is_lost(ends: End<Diego>) -> End<Diego> {
    ends.claiming("nsync brings every application back", |_, found| {
        let lost: Vec<_> = found.lost.iter().filter(|id| !client::is_task(**id)).copied().collect();
        Box::pin(async move {
            if lost.is_empty() { Ok(()) } else { Err(Error::failed(format!("these are lost: {lost:?}"))) }
        })
    })
}

/// An answer as a look: wanted, or why not yet.
fn look_at<T: std::fmt::Debug>(said: Result<T, Answer>, wanted: impl FnOnce(&T) -> bool) -> Look<()> {
    match said {
        Ok(said) if wanted(&said) => Look::Ready(()),
        Ok(said) => Look::NotYet(format!("{said:?}")),
        Err(answer) => Look::NotYet(describe(&answer)),
    }
}
