//! What the report's night looks like from outside.

use std::{collections::BTreeSet, time::Duration};

use reenact::{Error, Result, incident::*, poll::Look, probe::Answer, probe::Observation};

use super::super::{BBSES, Diego};
use crate::answer::describe;

/// How long each state may take to come.
const SOON: Duration = Duration::from_secs(60);

/// Claims that a member's client port is closed, where it could be read before.
pub(crate) fn went_dark(node: &'static str) -> Action<Diego> {
    story(format!("{node} has gone dark"), move |run: &Run<Diego>| {
        Box::pin(async move {
            match run.system().member(node)?.local_keys("/v1/task").await {
                Err(Answer::Refused | Answer::Hung { .. }) => Ok(()),
                Err(answer) => Err(Error::inconclusive(format!("{node} is not dark: {}", describe(&answer)))),
                Ok(_) => Err(Error::inconclusive(format!("{node} can still be read"))),
            }
        })
    })
}

/// Waits until both BBSes have had the lock, and died of their migration, from now on.
pub(crate) fn take_the_lock_in_vain() -> Action<Diego> {
    story("each BBS takes the lock and dies of its migration", |run: &Run<Diego>| Box::pin(die_in_turn(run)))
}

async fn die_in_turn(run: &Run<Diego>) -> Result<()> {
    let since = run.lab().now();
    run.wait_for("each BBS to take the lock and to die of its migration", SOON, || async {
        let dead: BTreeSet<_> = run.read(|seen| {
            let fails = |line: &&Observation| line.at >= since && line.is_log_with(&["migration-manager.failed"]);
            seen.iter().filter(fails).map(|line| line.node.clone()).collect()
        });
        if dead.len() == BBSES.len() { Look::Ready(()) } else { Look::NotYet(format!("so far {dead:?}")) }
    })
    .await
}
