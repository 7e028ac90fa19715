//! Twin of the wedge: a new node is being sent a copy of the data; 4567 open, 3306
//! closed, as in the report.

use std::time::Duration;

use reenact::{
    Error, Result,
    campaign::Scenario,
    probe::{Moment, Observation, PortState, Signal},
    scenario,
    stage::Lab,
};

use super::super::recipe;

scenario! {
    Scenario {
        id: "galera::twin_joiner_in_sst",
        story: "n3 lost its disk and is replaced. While it receives a copy of the data its group port is open and its \
                SQL port closed, for seconds here and for hours on a large database. To restart it, or its donor, \
                would be the harm.",
        source: "measured facts, detection: a joiner in SST; packetfence#6588",
        faults: &["n3's server is killed, its disk wiped, and started again by an operator"],
        images: &["galera"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::TWIN
    }
}

async fn run(lab: Lab) -> Result<()> {
    let stage = recipe::steady(&lab).await?;
    let operator = stage.operator();
    for command in ["kill", "wipe", "start"] {
        operator.must("n3", &["galera-node", command]).await?;
    }
    let began = lab.now();
    let stage = stage.heals_itself(Duration::from_secs(60)).await?.quiet(Duration::from_secs(3)).await?;
    let looked_alike = lab.stream().read(|seen| looked_like_the_wedge(seen, began));
    if !looked_alike {
        return Err(Error::inconclusive("n3 never had 4567 open and 3306 closed, so this was no look-alike"));
    }
    stage.finish().await
}

/// Whether n3 was ever seen with 3306 closed while 4567 was open.
fn looked_like_the_wedge(seen: &[Observation], since: Moment) -> bool {
    let mut group_open = false;
    seen.iter().filter(|o| o.at >= since && o.node == "n3").any(|o| match o.signal {
        Signal::Port { port: 4567, state } => {
            group_open = state == PortState::Open;
            false
        }
        Signal::Port { port: 3306, state } => group_open && state == PortState::Closed,
        _ => false,
    })
}
