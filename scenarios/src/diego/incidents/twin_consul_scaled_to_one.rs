//! Twin of a lost quorum: the report's third step, on a healthy Consul.

use reenact::incident::*;

use super::super::{Diego, Setup, runbooks::ScaleToOne};

reenact::incident!(
    Diego,
    Incident {
        id: "diego::twin_consul_scaled_to_one",
        story: "Consul has its quorum, and an operator follows the report's third step all the same: two servers leave, \
                the third one is deployed alone, and the two join again. It takes a minute, the BBS may lose its lock \
                to the other one, and nothing is lost.",
        source: "report 003, step 3; measured facts (e): with quorum consul leave x2 works (28 s)",
        setup: Setup::PLAIN,
        acts: vec![Act::benign(vec![done(ScaleToOne)], secs(40))],
    }
);
