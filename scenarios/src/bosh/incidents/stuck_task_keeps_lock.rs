//! The report: a stuck task keeps the deployment lock, and the next deploy hangs alike.

use reenact::incident::*;

use super::super::{
    Director, Pace, Setup,
    runbooks::{CancelAgain, DeleteLock, EndStuckTask, NextDeploy},
    stories,
};

reenact::incident!(
    Director,
    Incident {
        id: "bosh::stuck_task_keeps_lock",
        story: "The cloud-config has a zone's subnet wrong. Task 100, a deploy, hangs in the CPI in a network that \
                cannot be reached. It is cancelled in vain: it stays `cancelling`. Somebody deletes its lock's row; \
                task 163 takes the deployment over and hangs alike. After the writes of link_consumer_intents its \
                debug log only renews the lock and writes checkpoints. A second create_vm is now in flight for each \
                instance.",
        source: "report 000; the measured facts' reading of it",
        setup: Setup::at(Pace::PLAIN),
        acts: vec![Act {
            breaks: stories::report(),
            fingerprints: stories::report_marks(),
            detected: stories::report_detected(),
            control: stories::hangs_on(Pace::PLAIN),
            wrong: tried([
                refuses(CancelAgain),
                refuses(DeleteLock { forced: false }),
                refuses(NextDeploy { forced: false }),
            ]),
            ends: healed_by(EndStuckTask { pace: Pace::PLAIN }, stories::RECOVERY),
        }],
    }
);
