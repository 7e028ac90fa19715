//! The report's second fix: cancel the task and clean up.

use reenact::{Error, incident::*};

use super::super::{
    Director, Pace, Setup,
    detectors::{ABANDONED_CANCEL, DOUBLE_CREATE, STALE_LOCK, WRONG_SUBNET},
    manifest::PAASTA_LOCK,
    runbooks::{EndStuckTask, FixCancelAndCleanUp, NextDeploy},
    stories::{self, FIRST},
};

reenact::incident!(
    Director,
    Incident {
        id: "bosh::fix_cancel_and_clean_up",
        story: "The report's second fix. As written it is impossible: with all jobs stopped nobody answers `bosh \
                cancel-task`, and the director stays down. With the jobs started again the cancel is refused, \
                because the worker's death has already ended task 100. The clean-up never touches a lock; the lock \
                expires. The CPI's processes outlive it all, and the cloud-config is as wrong as before.",
        source: "report 000, 3.2.2",
        setup: Setup::at(Pace::PLAIN),
        acts: vec![
            Act {
                breaks: stories::report(),
                fingerprints: stories::report_marks(),
                detected: stories::report_detected().also(&[STALE_LOCK, ABANDONED_CANCEL]),
                control: stories::hangs_on(Pace::PLAIN),
                wrong: none("the next act is the wrong runbook"),
                ends: goes_on(),
            },
            Act {
                breaks: as_it_is_written(),
                fingerprints: none("the first act shows the report's marks"),
                detected: nobody("the first act's diagnosis holds: what is true afterwards, the wrong runbook tells"),
                control: none("the first act proves it of the same deployment"),
                wrong: tried([deceives(FixCancelAndCleanUp { task: FIRST, started_again: true }, secs(2))
                    .still(&[WRONG_SUBNET, DOUBLE_CREATE])]),
                ends: goes_on(),
            },
            Act {
                breaks: vec![stories::cannot_be_cancelled(FIRST), lock_is_untouched(), resume_workload()],
                fingerprints: none("the first act shows the report's marks"),
                detected: nobody("the act before tells what is true of it"),
                control: none("the first act proves it of the same deployment"),
                wrong: tried([refuses(NextDeploy { forced: false })]),
                ends: healed_by(EndStuckTask { pace: Pace::PLAIN }, stories::RECOVERY),
            },
        ],
    }
);

/// With all jobs stopped nobody answers, and the director stays down.
fn as_it_is_written() -> Vec<Action<Director>> {
    let mut story = Vec::from(stories::others_rest());
    story.extend([stories::cannot_be_cancelled(FIRST), lock_is_kept(), impossible()]);
    story
}

/// curl's code for a connection that is refused.
const REFUSED: &str = "curl: (7)";

fn impossible() -> Action<Director> {
    let written = FixCancelAndCleanUp { task: FIRST, started_again: false };
    story(format!("call: {written}, which is impossible"), |run: &Run<Director>| {
        Box::pin(async move {
            let written = FixCancelAndCleanUp { task: FIRST, started_again: false };
            match run.operate(&written, None).await {
                Err(Error::Failed(why)) if why.contains(REFUSED) => Ok(()),
                other => Err(Error::failed(format!("nobody should have answered \"{written}\", but: {other:?}"))),
            }
        })
    })
}

/// The mark of the lock's holder.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Holder(String);

fn lock_is_kept() -> Action<Director> {
    story("the lock has a holder", |run: &Run<Director>| {
        Box::pin(async move {
            let row = run.system().database.lock(PAASTA_LOCK).await?;
            run.keep(Holder(row.ok_or_else(|| Error::inconclusive("there is no lock to clean up"))?.uid));
            Ok(())
        })
    })
}

fn lock_is_untouched() -> Action<Director> {
    story("the clean-up has touched no lock", |run: &Run<Director>| {
        Box::pin(async move {
            let (before, row) = (run.kept::<Holder>()?, run.system().database.lock(PAASTA_LOCK).await?);
            match row.as_ref().is_some_and(|row| row.uid == before.0) {
                true => Ok(()),
                false => {
                    Err(Error::failed(format!("the clean-up should touch no lock, but: {before:?}, then {row:?}")))
                }
            }
        })
    })
}
