//! The report's first fix: delete the lock in the director's database.

use reenact::{Error, incident::*};

use super::super::{
    Director, Pace, Setup,
    detectors::{ABANDONED_CANCEL, DOUBLE_CREATE, STALE_LOCK, WRONG_SUBNET},
    manifest::PAASTA_LOCK,
    runbooks::{FixDeleteLock, NextDeploy},
    stories::{self, FIRST},
};

reenact::incident!(
    Director,
    Incident {
        id: "bosh::fix_delete_lock",
        story: "The report's first fix, as written: all jobs are stopped, the lock's row is deleted, all jobs are \
                started. The lock is gone and the tasks are dead: the stop has killed them, not the DELETE. The \
                CPI's processes outlive it, and the cloud-config is as wrong as before. The next deploy hangs like \
                the others, with a second and a third create_vm in flight for each instance.",
        source: "report 000, 3.1.1",
        setup: Setup::at(Pace::PLAIN),
        acts: vec![
            Act {
                breaks: stories::report(),
                fingerprints: stories::report_marks(),
                detected: stories::report_detected().also(&[STALE_LOCK, ABANDONED_CANCEL]).then(stories::others_rest()),
                control: stories::hangs_on(Pace::PLAIN),
                wrong: tried([
                    deceives(FixDeleteLock, secs(2)).still(&[WRONG_SUBNET, DOUBLE_CREATE]),
                    refuses(NextDeploy { forced: false }),
                ]),
                ends: goes_on(),
            },
            // What the fix is for is done. What hangs hangs on.
            Act {
                breaks: vec![lock_is_gone(), stories::becomes(FIRST, "cancelled", secs(5))],
                fingerprints: none("the first act shows the report's marks"),
                detected: nobody("the first act tells what is true of it"),
                control: none("the first act proves it of the same deployment"),
                wrong: none("the next deploy, which is the harm, has refused in the first act"),
                ends: stories::each_web_is_doubled(harm(
                    [call(NextDeploy { forced: true }), stories::last_deploy_is("next"), stories::hangs("next")],
                    &[Harm::Repeated],
                )),
            },
        ],
    }
);

fn lock_is_gone() -> Action<Director> {
    story("the lock is gone", |run: &Run<Director>| {
        Box::pin(async move {
            match run.system().database.lock(PAASTA_LOCK).await? {
                None => Ok(()),
                Some(lock) => Err(Error::failed(format!("the lock should be gone, but: {lock:?}"))),
            }
        })
    })
}
