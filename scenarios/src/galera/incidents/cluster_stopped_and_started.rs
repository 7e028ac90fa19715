//! A whole cluster is shut down in order and powered on again: it does not come back by itself.

use reenact::{
    fault::{PowerOn, ShutDown},
    incident::*,
};

use super::super::{
    Galera, Machines, NODES,
    detectors::SERVER_DOWN,
    report,
    runbooks::{BootstrapMostAdvanced, BootstrapNode, RestartAll},
    stories,
};

reenact::incident!(
    Galera,
    Incident {
        id: "galera::cluster_stopped_and_started",
        story: "All three machines are shut down in order, one after the other, and powered on again. Nobody has left \
                a primary view to be restored: the nodes meet, wait 30 s for a primary component, and each server \
                aborts; nothing starts them again. n3, the last one to leave, holds what the others do not, and its \
                grastate.dat says safe_to_bootstrap: 1.",
        source: "bitnami/charts#9893, #2260; bitnami/containers#54037",
        setup: Machines::Ordinary,
        acts: vec![Act {
            breaks: vec![
                inject(ShutDown { nodes: NODES.map(String::from).into(), grace_s: 30 }),
                inject(PowerOn::of(&NODES)),
                stories::give_up(&NODES),
                effect_begins(),
            ],
            fingerprints: seen(report::STOPPED_IN_ORDER, secs(20)),
            detected: by(SERVER_DOWN, secs(25)),
            control: stays_broken(secs(20)),
            wrong: tried([
                refuses(BootstrapNode { node: "n1", force: false }),
                // Past the 30 s after which they abort again.
                useless(RestartAll(["n3", "n2", "n1"]), secs(40)),
            ]),
            // Both others are sent everything, one after the other.
            ends: healed_by(BootstrapMostAdvanced, secs(90)),
        }],
    }
);
