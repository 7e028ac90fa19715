//! Twin: a cancelled task that tries five times and ends by itself.

use reenact::incident::*;

use super::super::{Director, Pace, Setup, faults::CallsBehave, stories};

reenact::incident!(
    Director,
    Incident {
        id: "bosh::twin_bounded_retry",
        story: "Every create_vm fails after 1.5 s, 75 s of production, in a way that is tried again. The task is \
                cancelled and stays `cancelling`: between the tries it does not look. After the fifth try it ends by \
                itself, as `error` and not as `cancelled`. The next deploy goes through.",
        source: "measured facts, how a cancel ends: a retried CPI failure, five times the call's time, `error`",
        setup: Setup::at(Pace::PLAIN),
        acts: vec![Act::benign(
            vec![
                inject_as("retries", CallsBehave::retried(1_500)),
                stories::deploy("first"),
                stories::hangs("first"),
                // Longer than a cancel that is noticed takes, shorter than five tries.
                stories::cancel_in_vain("first", 150),
                stories::becomes("first", "error", secs(40)),
                heal("retries"),
                stories::deploy("next"),
                stories::becomes("next", "done", secs(20)),
            ],
            secs(10),
        )],
    }
);
