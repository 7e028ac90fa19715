//! A server of Consul's that came back has no vote yet when another one goes.

use reenact::{
    fault::{PowerOff, PowerOn},
    incident::*,
};

use super::super::{
    Diego, Setup,
    detectors::{CONSUL_FEW_VOTERS, CONSUL_QUORUM_LOST},
    report::consul::{NO_LEADER, NOBODY_LISTENS, WITHOUT_VOTE},
    runbooks::{BringServersBack, WritePeersJson},
    stories::consul::peers,
};

reenact::incident!(
    Diego,
    Incident {
        id: "diego::consul_few_voters",
        story: "A server of Consul's loses power, and Consul takes its vote away. It comes back, and while it has to \
                prove itself another one loses power: two of three servers run, and there is no leader, as one of the \
                two may not vote.",
        source: "measured facts (e): autopilot re-adds a dead server as a non-voter",
        setup: Setup::PLAIN,
        acts: vec![Act {
            breaks: vec![
                inject(PowerOff::of(&["consul3"])),
                peers("consul1", "Consul takes consul3's vote away", |peers| peers.len() == 2),
                inject(PowerOn::of(&["consul3"])),
                peers("consul3", "consul3 is back, without a vote", |peers| peers.iter().any(|(_, votes)| !votes)),
                inject(PowerOff::of(&["consul2"])),
            ],
            fingerprints: seen(&[NO_LEADER, WITHOUT_VOTE, NOBODY_LISTENS], secs(40)),
            // While its servers start, a slow machine has too few that answer for any other word.
            detected: by(CONSUL_FEW_VOTERS, secs(50)).also(&[CONSUL_QUORUM_LOST]),
            control: stays_broken(secs(20)),
            wrong: tried([refuses(WritePeersJson)]),
            ends: healed_by(BringServersBack, secs(90)),
        }],
    }
);
