//! Nothing reaches n1 any more, and what n1 sends still arrives.

use reenact::{fault::Partition, incident::*};

use super::super::{
    Galera, Machines,
    detectors::MINORITY_PARTITION,
    report,
    runbooks::{BootstrapMostAdvanced, PcBootstrap},
};

reenact::incident!(
    Galera,
    Incident {
        id: "galera::one_way_cut",
        story: "What n2 and n3 send to n1 is lost; what n1 sends arrives. n1 loses the quorum as if cut off both ways, \
                and a client of n1 may get error 1180 for a write that did commit: an error is no proof of failure.",
        source: "measured facts, other faults: one way (n1's input dropped)",
        setup: Machines::Ordinary,
        acts: vec![Act {
            breaks: vec![inject(Partition::one_way(&["n2", "n3"], &["n1"]))],
            fingerprints: seen(report::CUT_OFF, secs(20)),
            detected: by(MINORITY_PARTITION, secs(30)),
            control: none("it comes back by itself when the network does"),
            wrong: tried([
                refuses(PcBootstrap { node: "n1", force: false }).beside_faults(),
                refuses(BootstrapMostAdvanced).beside_faults(),
            ]),
            ends: by_itself(secs(40)),
        }],
    }
);
