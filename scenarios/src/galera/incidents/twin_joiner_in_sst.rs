//! Twin of the wedge: a new node is being sent a copy of the data; 4567 open, 3306
//! closed, as in the report.

use reenact::{
    incident::*,
    probe::{Observation, PortState, Signal},
};

use super::super::{Galera, Machines};

reenact::incident!(
    Galera,
    Incident {
        id: "galera::twin_joiner_in_sst",
        story: "n3 lost its disk and is replaced. While it receives a copy of the data its group port is open and its \
                SQL port closed, for seconds here and for hours on a large database. To restart it, or its donor, \
                would be the harm.",
        source: "measured facts, detection: a joiner in SST; packetfence#6588",
        setup: Machines::Ordinary,
        acts: vec![Act::benign(
            vec![
                command("n3", &["galera-node", "kill"]),
                command("n3", &["galera-node", "wipe"]),
                command("n3", &["galera-node", "start"]),
                heals_itself(secs(60)),
                shown("n3 with 4567 open and 3306 closed", looked_like_the_wedge),
            ],
            secs(40)
        )],
    }
);

/// Whether n3 was ever seen with 3306 closed while 4567 was open.
fn looked_like_the_wedge(seen: &[Observation]) -> bool {
    let mut group_open = false;
    seen.iter().filter(|o| o.node == "n3").any(|o| match o.signal {
        Signal::Port { port: 4567, state } => {
            group_open = state == PortState::Open;
            false
        }
        Signal::Port { port: 3306, state } => group_open && state == PortState::Closed,
        _ => false,
    })
}
