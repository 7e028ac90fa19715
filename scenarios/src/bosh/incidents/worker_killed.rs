//! A worker is killed with its task, and the CPI's processes finish their work later.

use reenact::incident::*;

use super::super::{
    Director, Pace, Setup,
    detectors::{ABANDONED_CANCEL, LEAKED_VMS, STALE_LOCK},
    faults::WorkerAndJobKilled,
    report::WORKER_KILLED,
    runbooks::{EndStuckTask, NextDeploy},
    stories::{self, FIRST},
};

/// A twentieth of production's pace: the lock lives for twelve seconds, of which the dead
/// task's has nine to be noticed.
const PACE: Pace = Pace(0.05);

reenact::incident!(
    Director,
    Incident {
        id: "bosh::worker_killed",
        story: "The worker at task 100 is killed, and the task's process with it, while three create_vm are in \
                flight. The CPI's processes live on as orphans. The worker comes back under its name and drops the \
                job, which is not queued. The task stays `processing`, and nobody holds its lock until it expires. \
                Then the network recovers, and the orphans finish: three VMs that hold their addresses, that no row \
                of `vms` knows, and that a cloud check cannot see.",
        source: "measured facts: worker killed and restarted under the same name; CPI children survive",
        setup: Setup::at(PACE),
        acts: vec![
            Act {
                breaks: killed(),
                fingerprints: seen(WORKER_KILLED, secs(20)),
                detected: by(STALE_LOCK, PACE.production(241) + secs(10)),
                control: none("the next act proves it, with the network back"),
                wrong: tried([refuses(NextDeploy { forced: false })]),
                ends: goes_on(),
            },
            Act {
                breaks: vec![heal("network"), effect_begins()],
                fingerprints: none("the first act shows what was measured"),
                detected: by(LEAKED_VMS, secs(20)).also(&[ABANDONED_CANCEL]).then([stories::doubles_are_told()]),
                control: stories::hangs_on(PACE),
                wrong: none("the first act shows the refusal, while the orphans work"),
                ends: healed_by(EndStuckTask { pace: PACE }, stories::RECOVERY),
            },
        ],
    }
);

fn killed() -> Vec<Action<Director>> {
    let mut story = vec![inject_as("network", stories::z3_unreachable())];
    story.extend(stories::hanging_deploys(&[]));
    story.extend([
        // Dead, its lock is to live long enough to be seen so: it was renewed just now.
        stories::renewed(PACE),
        act(WorkerAndJobKilled { task: FIRST }),
        resume_workload(),
    ]);
    story
}
