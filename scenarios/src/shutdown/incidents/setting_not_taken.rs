//! A rollout renders a setting that the service does not take.

use reenact::{
    fingerprint::{Fingerprint, logged},
    incident::*,
};

use super::super::{
    Service, Setup,
    detectors::DOES_NOT_START,
    faults::SettingBroken,
    runbooks::{PutBackSettings, StartReplica},
    setup::SUPERVISED,
    stories::{self, LEAVER},
};

reenact::incident!(
    Service,
    Incident {
        id: "shutdown::setting_not_taken",
        story: "A rollout renders a value that the service does not take, and restarts its only replica. The replica \
                drains and ends in order, with nothing lost; the next one ends as soon as it starts, and its \
                supervisor starts it again every second, for ever. Every machine is up. Only the service's last words \
                say why.",
        source: "cloudfoundry/bosh#2052: a process that ends at each start, and a supervisor that tries for ever; the \
                 cause there is another one",
        setup: supervised(),
        acts: vec![Act {
            breaks: vec![inject(SettingBroken { node: LEAVER.into() }), restarted()],
            fingerprints: seen(PRINTS, secs(20)),
            detected: by(DOES_NOT_START, secs(60)),
            control: stays_broken(secs(20)),
            wrong: tried([useless(StartReplica(LEAVER), secs(5))]),
            ends: healed_by(PutBackSettings(LEAVER), secs(30)),
        }],
    }
);

fn supervised() -> Setup {
    Setup { replicas: 1, command: vec!["bash", "-c", SUPERVISED], ..stories::draining() }
}

/// As a deploy does it: SIGTERM, and the supervisor starts the next one.
fn restarted() -> Action<Service> {
    command(LEAVER, &["pkill", "-TERM", "-f", "^shutdown-service"])
}

const PRINTS: &[Fingerprint] = &[
    Fingerprint {
        id: "drains-in-order",
        report: "the process that is replaced ends as it should",
        shows: |seen| logged(seen, &["drain complete, bg_inflight=0 "]),
    },
    Fingerprint {
        id: "ends-at-each-start",
        report: "the next one ends at its start, and the supervisor tries again and again",
        shows: |seen| seen.iter().filter(|seen| seen.is_log_with(&["supervisor: it ended with 1"])).count() > 3,
    },
    Fingerprint {
        id: "last-words",
        report: "only the process's own last words say why",
        shows: |seen| logged(seen, &["shutdown-service: WORKERS=\"80k\" cannot be used"]),
    },
];
