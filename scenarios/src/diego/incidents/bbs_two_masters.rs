//! Consul is split in two by peers.json on one side, and each side gives the lock away.

use reenact::{fault::Partition, incident::*};

use super::super::{
    Diego, Setup,
    detectors::TWO_MASTERS,
    faults::AloneByPeersJson,
    report::consul::{ALL_LISTEN, TWO_LEADERS},
    runbooks::{RejoinServer, StopServer, WritePeersJson},
    stories::consul::is_led_by,
};

reenact::incident!(
    Diego,
    Incident {
        id: "diego::bbs_two_masters",
        story: "A switch cuts one server of Consul's and one BBS off from the others. Somebody finds no leader there and \
                writes a peers.json with that server alone: it leads, and gives the lock away once more. Both BBSes \
                listen, each with a lock of its own. That server must be stopped before the switch is mended: once it \
                sees the others it takes them in and overwrites what they have. Wiped, it joins them again.",
        source: "diego-release#201: several BBSes think that they lead; measured facts (e): peers.json with itself only",
        setup: Setup::PLAIN,
        acts: vec![Act {
            breaks: vec![
                is_led_by("bbs1"),
                inject(Partition::between(&["consul1", "bbs2"], &["consul2", "consul3", "bbs1"])),
                inject(AloneByPeersJson { node: "consul1".into() }),
            ],
            fingerprints: seen(&[TWO_LEADERS, ALL_LISTEN], secs(60)),
            // Only then the switch is mended.
            detected: by(TWO_MASTERS, secs(60)).then([done(StopServer { node: "consul1" })]),
            control: stays_broken(secs(20)),
            wrong: tried([refuses(WritePeersJson)]),
            ends: healed_by(RejoinServer { node: "consul1" }, secs(90)),
        }],
    }
);
