//! The report: a primary on the smaller side of a partition, and clients that still reach it.

use std::collections::BTreeSet;

use reenact::{
    Error,
    fault::Partition,
    fingerprint::{Fingerprint, logged},
    incident::*,
    workload::Ack,
};

use super::both_sides_acknowledge;
use crate::{Redis, detectors::TWO_PRIMARIES, failover::Planned};

const MARKS: &[Fingerprint] = &[
    Fingerprint {
        id: "odown",
        report: "the others elect a new leader",
        shows: |seen| logged(seen, &["+odown master mymaster"]),
    },
    Fingerprint {
        id: "switch-master",
        report: "the others elect a new leader",
        shows: |seen| logged(seen, &["+switch-master mymaster"]),
    },
];

reenact::incident!(
    Redis,
    Incident {
        id: "redis::cut_off_primary_keeps_acknowledging",
        story: "The primary is cut off from the other machines, and some clients still reach it. It goes on \
                acknowledging writes while Sentinel promotes a replica. After the heal Sentinel demotes it; it takes a \
                copy of the new primary's data, and all that it had acknowledged since the cut is gone.",
        source: "https://aphyr.com/posts/283-jepsen-redis",
        setup: 0,
        acts: vec![Act {
            breaks: vec![inject(Partition::isolate("n1", &["n2", "n3"]))],
            // A split vote costs 24 s.
            fingerprints: seen(MARKS, secs(40)),
            detected: by(TWO_PRIMARIES, secs(40)).then([both_sides_acknowledge()]),
            control: none("Sentinel demotes the old primary by itself, and that is the harm"),
            wrong: tried([refuses(Planned { from: "n1" }).beside_faults()]),
            ends: harm([heals_itself(secs(60))], &[Harm::Lost]).claiming(
                "what is lost is what n1 acknowledged since the cut",
                |run: &Run<Redis>, found| {
                    let of_n1 = |since| -> BTreeSet<u64> {
                        let fits = |write: &&_| is_of_n1(write, since);
                        run.ledger().read(|all| all.iter().filter(fits).map(|write| write.id).collect())
                    };
                    // A proved cut has been in force for a moment already.
                    let (all, later) = (of_n1(Default::default()), of_n1(run.effect_at()));
                    let exact = found.lost.is_subset(&all) && later.is_subset(&found.lost);
                    let said = if exact { Ok(()) } else { Err(Error::failed(format!("{} were", later.len()))) };
                    Box::pin(async { said })
                },
            ),
        }],
    }
);

fn is_of_n1(write: &reenact::workload::Entry, since: reenact::probe::Moment) -> bool {
    write.ack == Ack::Ok && write.node == "n1" && write.from >= since
}
