//! Twin: monit reloads, and an operator restarts a process.

use reenact::incident::*;

use super::super::{Blobstore, Setup, VM};

reenact::incident!(
    Blobstore,
    Incident {
        id: "blobstore::twin_monit_reload",
        story: "monit reloads its configuration and the jobs are restarted as planned. For moments it shows processes \
                as not monitored or not there, and PUTs are refused.",
        source: "measured facts, pitfalls: monit drops what arrives while it reloads",
        setup: Setup::PLAIN,
        acts: vec![Act::benign(
            vec![
                command(VM, &["monit", "reload"]),
                command(VM, &["monit", "reload"]),
                command(VM, &["director", "restart"]),
                heals_itself(secs(30)),
                quiet(secs(5)),
            ],
            secs(30)
        )],
    }
);
