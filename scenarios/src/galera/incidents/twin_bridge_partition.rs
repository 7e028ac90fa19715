//! Twin of a partition: two nodes lose each other, and a third one relays.

use std::time::Duration;

use reenact::{Result, campaign::Scenario, fault::Partition, scenario, stage::Lab};

use super::super::recipe;

scenario! {
    Scenario {
        id: "galera::twin_bridge_partition",
        story: "n1 and n2 do not reach each other, but n3 reaches both and relays. Writes stall for some four seconds; \
                the cluster stays primary with all three, and nobody needs to be woken.",
        source: "measured facts, other faults: bridge (n1|n2, n3 sees both)",
        faults: &["n1 and n2 are cut from each other"],
        images: &["galera"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::TWIN
    }
}

async fn run(lab: Lab) -> Result<()> {
    let mut stage = recipe::steady(&lab).await?;
    stage.strike(Partition::bridge("n1", "n2")).await?;
    // Past the stall and past every timer that could still evict one of them.
    let mut stage = stage.quiet(Duration::from_secs(16)).await?;
    stage.writes(50, Duration::from_secs(10)).await?;
    stage.mend().await?;
    stage.heals_itself(Duration::from_secs(30)).await?.quiet(Duration::from_secs(3)).await?.finish().await
}
