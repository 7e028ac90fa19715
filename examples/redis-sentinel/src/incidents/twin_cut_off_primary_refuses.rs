//! Twin of the cut-off primary: it must have a replica to accept a write, and clients wait for one.

use reenact::{fault::Partition, incident::*, wait::Look, workload::Ack};

use crate::Redis;

reenact::incident!(
    Redis,
    Incident {
        id: "redis::twin_cut_off_primary_refuses",
        story: "The same cut with `min-replicas-to-write 1`: the primary notices within three seconds that no replica \
                follows it, and refuses writes. What it took until then no replica has: clients that `WAIT` for one do \
                not count it as written. Two servers say role:master, and one of them is harmless.",
        source: "https://redis.io/docs/latest/operate/oss_and_stack/management/sentinel/, example 2",
        setup: 1,
        acts: vec![Act::benign(
            vec![
                inject(Partition::isolate("n1", &["n2", "n3"])),
                wait("n1 refuses writes, others acknowledge them", secs(40), |run: &Run<Redis>| {
                    let since = run.effect_at();
                    let refused = run.ledger().read(|all| {
                        all.iter().any(|w| matches!(&w.ack, Ack::Failed { why } if why.starts_with("NOREPLICAS")))
                    });
                    let taken = run.ledger().acknowledged_by(|write| write.from >= since && write.node != "n1") > 0;
                    let look = if refused && taken { Look::Ready(()) } else { Look::NotYet(format!("{refused}, {taken}")) };
                    Box::pin(async { look })
                }),
                quiet(secs(3)),
            ],
            secs(60)
        )],
    }
);
