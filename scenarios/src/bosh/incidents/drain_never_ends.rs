//! A drain script that never ends: the task polls an agent for ever.

use reenact::{
    fingerprint::{Fingerprint, logged},
    incident::*,
};

use super::super::{
    Director, Pace, Setup,
    detectors::AGENT_TASK_ENDLESS,
    faults::CallsBehave,
    runbooks::{DeleteLock, EndDrain, EndStuckTask},
    stories::{self, FIRST},
};

reenact::incident!(
    Director,
    Incident {
        id: "bosh::drain_never_ends",
        story: "Task 100 restarts the web instances. The first one's drain script waits for something that never \
                comes. The agent says `running` to each `get_task`, once a second, and there is no limit to that: \
                the debug log grows, the lock is renewed, `bosh task` shows no event for hours. Nothing hangs but \
                the script on that VM.",
        source: "concourse/concourse-bosh-release#44 (4 h 29 min), concourse/concourse#2469 (for ever), \
                 cloudfoundry/bosh#1016",
        setup: Setup::at(Pace::PLAIN),
        acts: vec![Act {
            breaks: drain(),
            fingerprints: seen(PRINTS, secs(10)),
            detected: by(AGENT_TASK_ENDLESS, Pace::PLAIN.production(1_800) + secs(10)),
            control: stories::hangs_on(Pace::PLAIN),
            wrong: tried([refuses(EndStuckTask { pace: Pace::PLAIN }), refuses(DeleteLock { forced: false })]),
            ends: healed_by(EndDrain { pace: Pace::PLAIN }, stories::RECOVERY),
        }],
    }
);

/// How a task asks after what an agent has begun.
const POLL: [&str; 2] = ["task 100 debug: ", r#""method":"get_task""#];

fn drain() -> Vec<Action<Director>> {
    vec![
        stories::deploy("first"),
        stories::becomes("first", "done", secs(30)),
        inject_as("drain", CallsBehave::drains_hang()),
        stories::restart_as(FIRST),
        stories::logs(&POLL, stories::SOON),
        // What is asked of agents from here on is answered as it should be. That script hangs on.
        heal("drain"),
        effect_begins(),
    ]
}

const PRINTS: &[Fingerprint] = &[
    Fingerprint {
        id: "running-again-and-again",
        report: "`get_task` is answered with `running`, again and again",
        shows: |seen| {
            let runs = |words: &[&str]| seen.iter().filter(|line| line.is_log_with(words)).count();
            runs(&["task 100 debug: ", r#""state":"running""#]) > 20 && runs(&POLL) > 20
        },
    },
    Fingerprint {
        id: "renews-on",
        report: "it keeps the deployment's lock",
        shows: |seen| logged(seen, &["task 100 debug: ", "Renewing lock: "]),
    },
];
