//! The measured trap: the node that is behind is bootstrapped, and afterwards all
//! looks well.

use reenact::incident::*;

use super::super::{
    Galera, Machines,
    detectors::SERVER_DOWN,
    report::FINGERPRINTS,
    runbooks::{BootstrapNode, JoinRest},
    stories::{self, UNSEEN},
};

reenact::incident!(
    Galera,
    Incident {
        id: "galera::wrong_bootstrap",
        story: "The wedged cluster is bootstrapped from n1, which is behind. Clients write to it, so that its position \
                passes the others'; then they join by IST and never notice that the numbers stand for other writes. \
                All three say Primary 3 and Synced, and hold different rows; what the majority had acknowledged is \
                missing on n1. Only a comparison of contents, node with node, finds it.",
        source: "measured facts, negative tests; mariadb-operator#1477, #1701",
        setup: Machines::Ordinary,
        acts: vec![Act {
            breaks: stories::full_disk_wedge(),
            fingerprints: seen(FINGERPRINTS, secs(20)),
            // While n1 serves alone, the servers of the others are down.
            detected: stories::wedged().also(&[SERVER_DOWN]),
            control: none("galera::non_primary_wedge proves it of the same state"),
            wrong: tried([refuses(BootstrapNode { node: "n1", force: false })]),
            ends: harm(
                [
                    call(BootstrapNode { node: "n1", force: true }),
                    more_writes_than_n1_had_missed(),
                    call(JoinRest),
                    wait("the status looks healthy", secs(30), |run: &Run<Galera>| Box::pin(run.system().healthy())),
                ],
                &[Harm::Lost, Harm::Divergent],
            ),
        }],
    }
);

/// So that the others find themselves behind n1 when they join.
fn more_writes_than_n1_had_missed() -> Action<Galera> {
    story("clients write more than n1 had missed", |run: &Run<Galera>| {
        let missed = run.ledger().acknowledged_by(|entry| entry.node != "n1" && entry.to < run.effect_at());
        Box::pin(run.writes(missed + UNSEEN, secs(60)))
    })
}
