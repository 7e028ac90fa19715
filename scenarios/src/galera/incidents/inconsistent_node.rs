//! A full disk on one node: it cannot apply what the others commit, and is voted
//! out.

use reenact::{fault::DiskFull, incident::*};

use super::super::{
    Galera, Machines,
    detectors::INCONSISTENT_NODE,
    report,
    runbooks::{BootstrapMostAdvanced, BootstrapNode},
};

reenact::incident!(
    Galera,
    Incident {
        id: "galera::inconsistent_node",
        story: "n3's disk runs full under writes. It fails to apply one, the others outvote it, and it leaves the \
                group: its server lives, 3306 is open, its state is Disconnected and Inconsistent. Room on the disk \
                does not bring it back; it needs a restart and a copy of the data.",
        source: "measured facts, other faults: disk full",
        setup: Machines::Ordinary,
        acts: vec![Act {
            breaks: vec![inject(DiskFull { node: "n3".into() })],
            fingerprints: seen(report::VOTED_OUT, secs(20)),
            detected: by(INCONSISTENT_NODE, secs(60)),
            control: stays_broken(secs(20)),
            wrong: tried([refuses(BootstrapNode { node: "n3", force: false })]),
            ends: healed_by(BootstrapMostAdvanced, secs(80)),
        }],
    }
);
