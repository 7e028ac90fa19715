//! What the report's night looks like from outside.

use std::time::Duration;

use reenact::{Error, Result, probe::Answer, stage::Stage, wait::Look};

use super::super::Diego;
use crate::answer::describe;

/// How long each state may take to come.
const SOON: Duration = Duration::from_secs(60);
const LIMIT: Duration = Duration::from_secs(1);
/// Longer than etcd takes to say that it cannot.
const LIST: Duration = Duration::from_secs(12);

/// A BBS answers a ping, and says that it cannot list: ping lies.
pub(in super::super) async fn pings_and_does_not_list<P>(stage: &Stage<Diego, P>) -> Result<()> {
    stage
        .wait_for("a BBS to answer pings and to fail each list", SOON, || async {
            for (_, bbs) in stage.system().bbses() {
                if bbs.ping(LIMIT).await != Ok(true) {
                    continue;
                }
                return match bbs.desires(LIST).await {
                    Err(Answer::Error { code, .. }) if code == "UnknownError" => Look::Ready(()),
                    other => Look::NotYet(format!("it lists {other:?}")),
                };
            }
            Look::NotYet("none answers pings".into())
        })
        .await
}

/// A member's client port is closed, where it could be read before.
pub(in super::super) async fn went_dark<P>(stage: &Stage<Diego, P>, name: &str) -> Result<()> {
    let member = stage.system().member(name)?;
    match member.local_keys("/v1/task").await {
        Err(Answer::Refused | Answer::Hung { .. }) => Ok(()),
        Err(answer) => Err(Error::inconclusive(format!("{name} is not dark: {}", describe(&answer)))),
        Ok(_) => Err(Error::inconclusive(format!("{name} can still be read"))),
    }
}

/// Both BBSes have had the lock, and died of their migration.
pub(in super::super) async fn takes_the_lock_in_vain<P>(stage: &Stage<Diego, P>) -> Result<()> {
    let since = stage.lab().now();
    stage
        .wait_for("each BBS to take the lock and to die of its migration", SOON, || async {
            let failed = stage.lab().stream().read(|seen| {
                let failed = |observation: &&reenact::probe::Observation| {
                    observation.at >= since && observation.is_log_with(&["migration-manager.failed"])
                };
                seen.iter()
                    .filter(failed)
                    .map(|observation| observation.node.clone())
                    .collect::<std::collections::BTreeSet<_>>()
            });
            if failed.len() == 2 { Look::Ready(()) } else { Look::NotYet(format!("so far {failed:?}")) }
        })
        .await
}
