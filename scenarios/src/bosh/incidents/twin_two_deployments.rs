//! Twin: two deployments are deployed at once, each under its own lock.

use reenact::incident::*;

use super::super::{
    Director, Pace, Setup,
    faults::CallsBehave,
    manifest::{self, PAASTA_LOCK, PORTAL_LOCK},
    stories,
};

reenact::incident!(
    Director,
    Incident {
        id: "bosh::twin_two_deployments",
        story: "Two people deploy at once, one paasta and one a portal beside it, and both deploys take their time. \
                There are two locks, and two tasks whose logs say nothing but renewals and checkpoints. Each task \
                has its own lock: nobody waits for anybody, and there is no lock to delete.",
        source: "measured facts, look-alikes: two deployments: deleting the wrong lock",
        setup: Setup::at(Pace::PLAIN),
        acts: vec![Act::benign(
            vec![
                // Nobody else's: their workers would all be busy.
                inject(CallsBehave::slow_for(&["web", "portal"], 8_000)),
                stories::deploy("one"),
                stories::deploy_of("other", manifest::portal()),
                // Else this was no look-alike.
                stories::locks_at_once(&[PAASTA_LOCK, PORTAL_LOCK]),
                stories::becomes("one", "done", secs(30)),
                stories::becomes("other", "done", secs(30)),
            ],
            secs(10),
        )],
    }
);
