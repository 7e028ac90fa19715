//! Twin of a lost quorum: a planned restart of all of Consul's servers, one after another.

use reenact::incident::*;

use super::super::{CONSULS, Diego, Setup, runbooks::RestartServer};

reenact::incident!(
    Diego,
    Incident {
        id: "diego::twin_consul_rolling_restart",
        story: "An operator restarts Consul's servers one by one, each after the one before has its vote again, as for \
                an upgrade.",
        source: "report 003, step 1, done with care",
        setup: Setup::PLAIN,
        acts: vec![Act::benign(
            CONSULS.into_iter().flat_map(|node| [done(RestartServer { node }), heals_itself(secs(40))]).collect(),
            secs(40)
        )],
    }
);
