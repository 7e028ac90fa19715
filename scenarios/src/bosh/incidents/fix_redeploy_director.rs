//! The report's third fix: deploy the director again.

use reenact::{Error, incident::*};

use super::super::{
    Director, Pace, Setup,
    detectors::{ABANDONED_CANCEL, CANCEL_OVERDUE, DOUBLE_CREATE, STALE_LOCK, STUCK_TASK, WRONG_SUBNET, ZOMBIE_HOLDER},
    runbooks::{EndStuckTask, FixRedeployDirector, NextDeploy},
    stories::{self, FIRST},
};

reenact::incident!(
    Director,
    Incident {
        id: "bosh::fix_redeploy_director",
        story: "The report's third fix: the director is deployed again, its machine made anew on the same disk. That \
                ends the tasks and the CPI's processes, which ran on that machine; the lock expires meanwhile. The \
                cloud-config is in the database, and as wrong as before: the next deploy hangs like the others.",
        source: "report 000, 3.2.3",
        setup: Setup::at(Pace::PLAIN),
        acts: vec![
            Act {
                breaks: stories::report(),
                fingerprints: stories::report_marks(),
                detected: stories::report_detected().also(&[STALE_LOCK, ABANDONED_CANCEL]).then(stories::others_rest()),
                control: stories::hangs_on(Pace::PLAIN),
                wrong: tried([deceives(FixRedeployDirector, secs(2))]),
                ends: goes_on(),
            },
            Act {
                breaks: vec![
                    stories::becomes(FIRST, "cancelled", secs(5)),
                    no_call_is_left(),
                    // Nothing is left that it would double.
                    done(NextDeploy { forced: false }),
                    stories::last_deploy_is("next"),
                    stories::hangs("next"),
                    effect_begins(),
                    stories::no_new_doubles(),
                    resume_workload(),
                ],
                fingerprints: none("the first act shows the report's marks"),
                detected: by(STUCK_TASK, stories::stuck_within(Pace::PLAIN)).also(&[
                    CANCEL_OVERDUE,
                    ZOMBIE_HOLDER,
                    WRONG_SUBNET,
                    DOUBLE_CREATE,
                    STALE_LOCK,
                ]),
                control: stories::hangs_on(Pace::PLAIN),
                wrong: tried([refuses(NextDeploy { forced: false })]),
                ends: healed_by(EndStuckTask { pace: Pace::PLAIN }, stories::RECOVERY),
            },
        ],
    }
);

fn no_call_is_left() -> Action<Director> {
    story("no CPI call outlives its machine", |run: &Run<Director>| {
        Box::pin(async move {
            match run.system().exporter.state().await {
                Ok(state) if state.runs("director cpi") => Err(Error::failed("a CPI call outlived its machine")),
                Ok(_) => Ok(()),
                Err(answer) => Err(Error::inconclusive(format!("what runs cannot be told: {answer:?}"))),
            }
        })
    })
}
