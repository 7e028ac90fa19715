//! The report: after an outage of the network all three nodes restart, find each
//! other, and stay NON-PRIMARY for ever; 3306 closed, 4567 open.
//!
//! Re-enacted in the report's exact triple of last views: n1 and n3 remember all
//! three, n2 remembers itself and n3, because n3's disk was full when that view
//! was installed.

use reenact::incident::*;

use super::super::{
    Galera, Machines,
    report::FINGERPRINTS,
    runbooks::{BootstrapMostAdvanced, BootstrapNode, RestartAll, RestartOne},
    stories,
};

reenact::incident!(
    Galera,
    Incident {
        id: "galera::non_primary_wedge",
        story: "After an outage all three nodes restart, find each other, and stay non-primary for ever. 3306 is \
                closed, 4567 open, no timeout ends it; the stuck servers block SIGTERM. n1 and n3 restored the view \
                of all three, n2 the later one of {n2, n3} that n3 could not save on its full disk: no node sees \
                peers that agree with its own last primary view, so none may promote itself.",
        source: "report 001 (MariaDB 10.1.24, Galera 3.20); recipe R3 of the measured facts",
        setup: Machines::Ordinary,
        acts: vec![Act {
            breaks: stories::full_disk_wedge(),
            fingerprints: seen(FINGERPRINTS, secs(20)),
            detected: stories::wedged(),
            control: stays_broken(secs(30)),
            wrong: tried([
                refuses(BootstrapNode { node: "n1", force: false }),
                useless(RestartOne("n2"), secs(15)),
                useless(RestartAll(["n2", "n3", "n1"]), secs(20)),
            ]),
            ends: healed_by(BootstrapMostAdvanced, secs(60)),
        }],
    }
);
