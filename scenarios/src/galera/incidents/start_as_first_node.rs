//! A node is started as it was when its cluster was made, and aborts at each start.

use reenact::{
    fault::{Kill, Signal},
    incident::*,
};

use super::super::{
    Galera, MARIADBD, Machines,
    detectors::SERVER_DOWN,
    report,
    runbooks::{BootstrapMostAdvanced, BootstrapNode, StartAsFirst},
    stories,
};

reenact::incident!(
    Galera,
    Incident {
        id: "galera::start_as_first_node",
        story: "n1 was the first node of its cluster, and what starts it still says so. Its server dies, n2 and n3 go \
                on, and each start of n1 ends at once: it may not be safe to bootstrap from it. No alert on the \
                cluster says a word: n2 and n3 are Primary. The log's own advice, to set safe_to_bootstrap to 1, would \
                make a second cluster; a plain start joins the first one.",
        source: "percona-toolkit, pt-galera-log-explainer, logs merge_rotated_daily: a node aborts every five minutes \
                 for two days",
        setup: Machines::Ordinary,
        acts: vec![Act {
            breaks: vec![
                inject(Kill { node: "n1".into(), process: MARIADBD.into(), signal: Signal::Kill }),
                stories::serve_as_two("n2 and n3 go on without n1", &["n2", "n3"]),
                command("n1", &["galera-node", "start", "--bootstrap"]),
                stories::give_up(&["n1"]),
                effect_begins(),
            ],
            fingerprints: seen(report::NOT_SAFE_TO_BOOTSTRAP, secs(20)),
            detected: by(SERVER_DOWN, secs(25)),
            control: stays_broken(secs(20)),
            wrong: tried([
                refuses(BootstrapNode { node: "n1", force: false }),
                useless(StartAsFirst("n1"), secs(15)).still(&[SERVER_DOWN]),
            ]),
            ends: healed_by(BootstrapMostAdvanced, secs(60)),
        }],
    }
);
