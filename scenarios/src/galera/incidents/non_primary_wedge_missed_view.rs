//! The wedge by the shorter way: n1 misses the view {n2, n3} and comes back before
//! one of its members.

use reenact::incident::*;

use super::super::{
    Galera, Machines,
    report::FINGERPRINTS,
    runbooks::{BootstrapMostAdvanced, BootstrapNode, RestartAll},
    stories,
};

reenact::incident!(
    Galera,
    Incident {
        id: "galera::non_primary_wedge_missed_view",
        story: "n1 is cut off and misses the view that n2 and n3 install; then all lose power, and n1 comes back \
                before n2. n1 restored the view of three, the others the one of two: together they are more than \
                that view and less than agreed, so no component becomes primary.",
        source: "report 001; recipe R1 of the measured facts",
        setup: Machines::Ordinary,
        acts: vec![Act {
            breaks: stories::missed_view_wedge(),
            fingerprints: seen(FINGERPRINTS, secs(20)),
            detected: stories::wedged(),
            control: stays_broken(secs(30)),
            wrong: tried([
                refuses(BootstrapNode { node: "n1", force: false }),
                useless(RestartAll(["n1", "n3", "n2"]), secs(20)),
            ]),
            ends: healed_by(BootstrapMostAdvanced, secs(60)),
        }],
    }
);
