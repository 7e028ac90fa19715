//! Somebody does what the log of a node that does not start advises.

use reenact::{
    fault::{Kill, Signal},
    incident::*,
};

use super::super::{
    Galera, MARIADBD, Machines,
    detectors::{SERVER_DOWN, TWO_PRIMARIES},
    report,
    runbooks::BootstrapMostAdvanced,
    stories,
};

reenact::incident!(
    Galera,
    Incident {
        id: "galera::second_cluster_by_its_log",
        story: "n1 died and does not start, for it is started as the first node of its cluster, and its log says what \
                to do: `edit the grastate.dat file manually and set safe_to_bootstrap to 1`. Somebody does. n1 starts, \
                Primary and Synced, beside n2 and n3, which never stopped: two clusters take writes, with the same id.",
        source: "percona-toolkit, pt-galera-log-explainer, logs merge_rotated_daily; galera/src/replicator_smm.cpp",
        setup: Machines::Ordinary,
        acts: vec![
            Act {
                breaks: vec![
                    inject(Kill { node: "n1".into(), process: MARIADBD.into(), signal: Signal::Kill }),
                    stories::serve_as_two("n2 and n3 go on without n1", &["n2", "n3"]),
                    command("n1", &["galera-node", "start", "--bootstrap"]),
                    stories::give_up(&["n1"]),
                    effect_begins(),
                ],
                fingerprints: seen(report::NOT_SAFE_TO_BOOTSTRAP, secs(20)),
                detected: by(SERVER_DOWN, secs(25)),
                control: none("the next act makes it worse"),
                wrong: none("the next act is the wrong runbook"),
                ends: goes_on(),
            },
            Act {
                breaks: vec![
                    command("n1", &["galera-node", "set-safe-to-bootstrap"]),
                    command("n1", &["galera-node", "start", "--bootstrap"]),
                    effect_begins(),
                ],
                fingerprints: seen(report::BOTH_PRIMARY, secs(20)),
                detected: by(TWO_PRIMARIES, secs(15)),
                control: none("two clusters serve: what is broken is what they hold"),
                wrong: tried([refuses(BootstrapMostAdvanced)]),
                ends: harm(
                    [acknowledges("n1", secs(20)), acknowledges("n2", secs(20))],
                    &[Harm::Lost, Harm::Divergent]
                ),
            },
        ],
    }
);
