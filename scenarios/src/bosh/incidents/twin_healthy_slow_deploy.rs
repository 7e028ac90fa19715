//! Twin: a deploy that takes its time.

use reenact::incident::*;

use super::super::{Director, Pace, Setup, faults::CallsBehave, stories};

reenact::incident!(
    Director,
    Incident {
        id: "bosh::twin_healthy_slow_deploy",
        story: "The create_vm calls of a deploy take five seconds each, 250 s of production. Meanwhile its debug log \
                renews the lock and writes checkpoints, and says nothing else. Then the deploy goes on and ends \
                well.",
        source: "measured facts, look-alikes: a healthy slow deploy",
        setup: Setup::at(Pace::PLAIN),
        acts: vec![Act::benign(
            vec![
                inject(CallsBehave::slow(5_000)),
                stories::deploy("slow"),
                stories::hangs("slow"),
                stories::becomes("slow", "done", secs(30)),
            ],
            secs(10),
        )],
    }
);
