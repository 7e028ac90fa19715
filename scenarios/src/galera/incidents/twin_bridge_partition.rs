//! Twin of a partition: two nodes lose each other, and a third one relays.

use reenact::{fault::Partition, incident::*};

use super::super::{Galera, Machines};

reenact::incident!(
    Galera,
    Incident {
        id: "galera::twin_bridge_partition",
        story: "n1 and n2 do not reach each other, but n3 reaches both and relays. Writes stall for some four seconds; \
                the cluster stays primary with all three, and nobody needs to be woken.",
        source: "measured facts, other faults: bridge (n1|n2, n3 sees both)",
        setup: Machines::Ordinary,
        acts: vec![Act::benign(
            vec![
                inject(Partition::bridge("n1", "n2")),
                // Past the stall and past every timer that could still evict one of them.
                quiet(secs(16)),
                writes(50, secs(10)),
            ],
            secs(30)
        )],
    }
);
