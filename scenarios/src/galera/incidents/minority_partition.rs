//! One node is cut off from the two others, and loses the quorum.

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
        id: "galera::minority_partition",
        story: "n1 is cut off behind a dead switch. The others stall for some six seconds and go on; n1 is up, answers \
                SQL and refuses every query with error 1047. It comes back by itself when the network does; any \
                bootstrap before that would make a second cluster.",
        source: "measured facts, other faults: minority cut off",
        setup: Machines::Ordinary,
        acts: vec![Act {
            breaks: vec![inject(Partition::isolate("n1", &["n2", "n3"]))],
            fingerprints: seen(report::CUT_OFF, secs(20)),
            detected: by(MINORITY_PARTITION, secs(20)),
            control: none("it comes back by itself when the network does"),
            wrong: tried([
                refuses(PcBootstrap { node: "n1", force: false }).beside_faults(),
                refuses(BootstrapMostAdvanced).beside_faults(),
            ]),
            ends: by_itself(secs(40)),
        }],
    }
);
