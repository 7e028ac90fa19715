//! One node freezes while another one leaves in order: nobody is primary any more.

use reenact::{
    fault::{Kill, PowerOn, ShutDown, Signal},
    incident::*,
};

use super::super::{
    Galera, MARIADBD, Machines,
    detectors::{NO_PRIMARY, STALLED_NODE},
    report,
    runbooks::PcBootstrap,
    stories,
};

reenact::incident!(
    Galera,
    Incident {
        id: "galera::no_primary_left",
        story: "n1's server freezes, and n3 is shut down for its maintenance: n2, left with one of two, loses the \
                quorum. Thawed, n1 meets n2 again, and both stay non-Primary for good: both answer SQL and refuse \
                every query with error 1047, and n3, back, waits with them. No data are lost, and nobody is restarted: \
                a person must say that these are all.",
        source: "found by a campaign of random schedules; error 1047 as in the measured facts",
        setup: Machines::Ordinary,
        acts: vec![
            Act {
                breaks: vec![
                    inject_as("frozen", frozen()),
                    inject(ShutDown { nodes: vec!["n3".into()], grace_s: 30 }),
                    heal("frozen"),
                    stories::meet(&["n1", "n2"]),
                    effect_begins(),
                ],
                fingerprints: seen(report::TWO_LEFT, secs(20)),
                detected: by(NO_PRIMARY, secs(15)).also(&[STALLED_NODE]),
                control: none("the next act proves it"),
                wrong: tried([refuses(runbook()).beside_faults()]),
                ends: goes_on(),
            },
            Act {
                breaks: vec![inject(PowerOn::of(&["n3"]))],
                fingerprints: none("those of the first act"),
                detected: by(NO_PRIMARY, secs(15)),
                control: stays_broken(secs(20)),
                wrong: none("the first act shows the refusal while n3 is away"),
                ends: healed_by(runbook(), secs(60)),
            },
        ],
    }
);

fn frozen() -> Kill {
    Kill { node: "n1".into(), process: MARIADBD.into(), signal: Signal::Stop }
}

/// n3, back, waits with the others: only a person can say that these are all.
fn runbook() -> PcBootstrap {
    PcBootstrap { node: "n2", force: false }
}
