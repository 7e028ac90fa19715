//! Recovery without SIGKILL: a node that counts as a member and answers nobody.
//!
//! The blocked SIGTERM is delivered when the server, become primary, starts its signal
//! thread. From then on each thread that starts ends at once, and the starting thread
//! hangs if one was gone before it looked (a debugger shows it in `init_slave`, waiting
//! for the slave's background thread). That is a race in MariaDB: lost, the server
//! shuts down in good order. On one CPU, with threads that are not pushed aside by
//! those they wake, it comes out the same each time.

use reenact::incident::*;

use super::super::{
    Galera, Machines,
    detectors::{WRITES_STALLED, ZOMBIE_NODE},
    runbooks::{BootstrapMostAdvanced, StopWithoutKill},
    stories,
};

reenact::incident!(
    Galera,
    Incident {
        id: "galera::zombie_after_sigterm",
        story: "A wedged node is asked to stop. It blocks SIGTERM, the drain runs into its timeout, and the operator \
                ends the next node for certain. The other two find themselves: the first one logs Synced, counts as a \
                member and listens on 3306, but completes no handshake. A check of the port, or of cluster_size on \
                another node, passes.",
        source: "report 001 (the drain's timeout); measured facts, negative tests",
        setup: Machines::SingleCpu,
        acts: vec![
            stories::wedge_as_first_act(stories::missed_view_wedge()),
            Act {
                breaks: vec![call(StopWithoutKill { asked: "n2", odd: "n1" }), effect_begins()],
                fingerprints: stories::measured(),
                // Writes do stall while the runbook's second node, on its one CPU, joins: for 10 to 13 s.
                detected: by(ZOMBIE_NODE, secs(30)).also(&[WRITES_STALLED]),
                control: stays_broken(secs(20)),
                wrong: none("the first act's stop without SIGKILL is the wrong runbook"),
                ends: healed_by(BootstrapMostAdvanced, secs(90)),
            },
        ],
    }
);
