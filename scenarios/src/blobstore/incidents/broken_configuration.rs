//! A deploy renders a configuration that nginx does not take.

use reenact::incident::*;

use super::super::{
    Blobstore, Setup, VM,
    detectors::DOES_NOT_START,
    faults::ConfigurationBroken,
    report::BROKEN_CONFIGURATION,
    runbooks::{EndOrphanedWorkers, MonitRestart, RepairFilesystem, Restart, StartNginx},
};

reenact::incident!(
    Blobstore,
    Incident {
        id: "blobstore::broken_configuration",
        story: "The configuration has a value that nginx does not take, and the jobs are restarted. nginx ends as soon as \
                it starts, monit tries for ever, the director gives up: `not running after update`. Only the last words \
                of nginx's error log say why.",
        source: "cloudfoundry/bosh#2052: nginx does not start, and monit tries for ever; the cause there is another one",
        setup: Setup::PLAIN,
        acts: vec![Act {
            breaks: vec![inject(ConfigurationBroken {}), failing_command(VM, &["director", "restart"])],
            fingerprints: seen(BROKEN_CONFIGURATION, secs(30)),
            detected: by(DOES_NOT_START, secs(90)),
            control: stays_broken(secs(30)),
            wrong: tried([
                refuses(RepairFilesystem),
                refuses(EndOrphanedWorkers),
                useless(MonitRestart, secs(5)),
                useless(Restart, secs(5)).still(&[DOES_NOT_START]),
            ]),
            ends: healed_by(StartNginx, secs(60)),
        }],
    }
);
