//! Somebody bootstraps the isolated minority: two primary components.

use reenact::{fault::Partition, history::stale_reads, incident::*, poll::Look};

use super::super::{
    Galera, Machines,
    detectors::{MINORITY_PARTITION, TWO_PRIMARIES},
    report,
    runbooks::{BootstrapMostAdvanced, PcBootstrap},
};

reenact::incident!(
    Galera,
    Incident {
        id: "galera::two_primaries",
        story: "n1 is cut off, and somebody sets pc.bootstrap on it. Both sides take writes, with the same cluster id \
                and even the same view number; after the network heals they stay apart, with no error logged.",
        source: "measured facts, negative tests: pc.bootstrap on an isolated minority; cubecos#1328",
        setup: Machines::Ordinary,
        acts: vec![
            Act {
                breaks: vec![inject(Partition::isolate("n1", &["n2", "n3"]))],
                fingerprints: seen(report::CUT_OFF, secs(20)),
                detected: by(MINORITY_PARTITION, secs(20)),
                control: none("the next act makes it worse"),
                wrong: tried([refuses(PcBootstrap { node: "n1", force: false }).beside_faults()]),
                ends: goes_on(),
            },
            Act {
                breaks: vec![call(PcBootstrap { node: "n1", force: true }), effect_begins()],
                fingerprints: seen(report::BOTH_PRIMARY, secs(20)),
                detected: by(TWO_PRIMARIES, secs(15)),
                control: none("two clusters serve: what is broken is what they hold"),
                wrong: tried([refuses(BootstrapMostAdvanced)]),
                // Both sides take writes: without them the split could not be seen in the rows. And
                // both serve reads, which deny what the other side has acknowledged.
                ends: harm(
                    [
                        acknowledges("n1", secs(20)),
                        acknowledges("n2", secs(20)),
                        wait("a read to miss an acknowledged write", secs(20), |run: &Run<Galera>| {
                            Box::pin(async move { misses_a_write(run) })
                        }),
                    ],
                    &[Harm::Lost, Harm::Divergent, Harm::Misread]
                ),
            },
        ],
    }
);

fn misses_a_write(run: &Run<Galera>) -> Look<()> {
    match run.ledger().history() {
        Ok(history) if stale_reads(&history, None).is_empty() => Look::NotYet("none has".into()),
        Ok(_) => Look::Ready(()),
        Err(error) => Look::Never(error),
    }
}
