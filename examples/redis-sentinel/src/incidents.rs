//! The incident and its twins. With more of them, give each a file of its own.

use reenact::{fault::Partition, prelude::*};

use crate::{Redis, detectors::TWO_PRIMARIES, failover::Planned};

const MARK: Fingerprint = Fingerprint {
    id: "two-primaries",
    report: "both n1 and n5 were primaries up until the partition healed",
    shows: |seen| logged(seen, &["+switch-master mymaster"]),
};

reenact::incident!(
    Redis,
    Incident {
        id: "redis::cut_off_primary_keeps_acknowledging",
        story: "The primary is cut off from the other machines, and some clients still reach it. It goes on \
                acknowledging writes while Sentinel promotes a replica. After the heal it is demoted and takes a copy \
                of the new primary's data: all that it had acknowledged since the cut is gone.",
        source: "https://aphyr.com/posts/283-jepsen-redis",
        setup: 0,
        acts: vec![Act {
            breaks: vec![inject(Partition::isolate("n1", &["n2", "n3"]))],
            // A split vote of the Sentinels costs 24 s.
            fingerprints: seen(&[MARK], secs(40)),
            detected: by(TWO_PRIMARIES, secs(40)).then([acknowledges("n1", secs(9)), acknowledges("n2", secs(9))]),
            control: none("Sentinel demotes the old primary by itself, and that is the harm"),
            wrong: tried([refuses(Planned).beside_faults()]),
            ends: harm([heals_itself(secs(60))], &[Harm::Lost]).claiming("it is n1's since the cut", |run, found| {
                let (since, is_lost) = (run.effect_at(), |id: u64| found.lost.contains(&id));
                let kept = run.ledger().acknowledged_by(|w| w.node == "n1" && w.from >= since && !is_lost(w.id));
                let others = run.ledger().acknowledged_by(|w| w.node != "n1" && is_lost(w.id));
                let said = format!("{kept} of n1's are kept, and {others} of others are lost");
                Box::pin(async move { if kept + others == 0 { Ok(()) } else { Err(Error::failed(said)) } })
            }),
        }],
    }
);

reenact::incident!(
    Redis,
    Incident {
        id: "redis::twin_cut_off_primary_refuses",
        story: "The same cut with `min-replicas-to-write 1`: within three seconds the primary refuses writes. What it \
                took until then no replica has, and clients that `WAIT` for one do not count it as written.",
        source: "https://redis.io/docs/latest/operate/oss_and_stack/management/sentinel/, example 2",
        setup: 1,
        acts: vec![Act::benign(
            vec![
                inject(Partition::isolate("n1", &["n2", "n3"])),
                refuses_writes("n1", secs(20)),
                acknowledges("n2", secs(40)),
                quiet(secs(3))
            ],
            secs(60),
        )],
    }
);

reenact::incident!(
    Redis,
    Incident {
        id: "redis::twin_planned_failover",
        story: "A maintenance done well: no write begins, both replicas have all, Sentinel promotes one, and the old \
                primary follows it at once.",
        source: "https://github.com/valkey-io/valkey/issues/1291: a coordinated failover",
        setup: 0,
        acts: vec![Act::benign(vec![done(Planned)], secs(40))],
    }
);

reenact::incident!(
    Redis,
    Incident {
        id: "redis::twin_healthy_under_load",
        story: "A healthy primary with two replicas under writes.",
        source: "the contract: every detector stays silent",
        setup: 0,
        acts: vec![Act::benign(vec![quiet(secs(5))], secs(10))],
    }
);
