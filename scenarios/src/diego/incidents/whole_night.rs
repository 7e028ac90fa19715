//! The report's whole night: Consul and etcd fail in turn, and each is blamed for another.

use reenact::{fault::PowerOff, incident::*};

use super::super::{
    Diego, Setup,
    detectors::{APPS_MISSING, CONSUL_QUORUM_LOST, MEMBER_CORRUPT, QUORUM_LOST},
    faults::What,
    report::{
        PING_LIES,
        consul::{LOST_LOCK, NOBODY_LISTENS},
    },
    runbooks::{BringServersBack, RestartVms, WipeAll, WritePeersJson},
    stories::{data, healthy, night, no_application_is_lost},
};

/// The lock is given up as soon as Consul has no leader, as in 2016.
const SETUP: Setup = Setup { strict: true, ..Setup::PLAIN };

reenact::incident!(
    Diego,
    Incident {
        id: "diego::whole_night",
        story: "Consul loses its quorum, the BBS its lock, and nobody listens. Consul's machines are switched on, and \
                once the dead session has ended a BBS leads again. Then the logs of two members of etcd are damaged: \
                pings are answered, and every list fails. The recipe's first step makes the last readable member go \
                dark, and the BBSes take the lock in turn and die of their migration. The second step, to wipe etcd, \
                brings it back: the applications come from the Cloud Controller, and the tasks are gone for good.",
        source: "report 003, steps 1 and 2; measured facts: end to end",
        setup: SETUP,
        acts: vec![
            Act {
                breaks: vec![inject(PowerOff::of(&["consul2", "consul3"]))],
                fingerprints: seen(&[LOST_LOCK, NOBODY_LISTENS], secs(60)),
                detected: by(CONSUL_QUORUM_LOST, secs(60)),
                control: stays_broken(secs(10)),
                wrong: tried([refuses(WritePeersJson)]),
                ends: healed_by(BringServersBack, secs(90)),
            },
            Act {
                breaks: data::damaged(&["etcd2", "etcd3"], &What::LogBit),
                fingerprints: seen(&[PING_LIES], secs(60)),
                // Just wiped, etcd desires nothing until nsync has passed.
                detected: by(MEMBER_CORRUPT, secs(60)).also(&[QUORUM_LOST, APPS_MISSING]),
                control: stays_broken(secs(10)),
                wrong: tried([refuses(RestartVms { setup: SETUP, forced: false })]),
                ends: no_application_is_lost(harm(steps_one_and_two(), &[Harm::Lost])),
            },
        ],
    }
);

fn steps_one_and_two() -> Vec<Action<Diego>> {
    vec![
        call(RestartVms { setup: SETUP, forced: true }),
        night::went_dark("etcd1"),
        night::take_the_lock_in_vain(),
        done(WipeAll { setup: SETUP, forced: true }),
        healthy(secs(60)),
    ]
}
