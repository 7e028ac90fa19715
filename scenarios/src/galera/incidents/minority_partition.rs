//! One node is cut off from the two others, and loses the quorum.

use std::time::Duration;

use reenact::{Result, campaign::Scenario, fault::Partition, scenario, stage::Lab};

use super::super::{
    detectors::MINORITY_PARTITION,
    recipe,
    runbooks::{BootstrapMostAdvanced, PcBootstrap},
};

scenario! {
    Scenario {
        id: "galera::minority_partition",
        story: "n1 is cut off behind a dead switch. The others stall for some six seconds and go on; n1 is up, answers \
                SQL and refuses every query with error 1047. It comes back by itself when the network does; any \
                bootstrap before that would make a second cluster.",
        source: "measured facts, other faults: minority cut off",
        faults: &["n1 is isolated from n2 and n3"],
        detector: Some(MINORITY_PARTITION),
        runbooks: &[
            "right: mend the network and wait",
            "refuses: pc.bootstrap on n1",
            "refuses: bootstrap the most advanced node",
        ],
        images: &["galera"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::INCIDENT
    }
}

async fn run(lab: Lab) -> Result<()> {
    let stage = recipe::steady(&lab)
        .await?
        .inject(Partition::isolate("n1", &["n2", "n3"]))
        .await?
        .detect(MINORITY_PARTITION, Duration::from_secs(20))
        .await?;
    stage.must_refuse(&PcBootstrap { node: "n1", force: false }).await?;
    stage.must_refuse(&BootstrapMostAdvanced).await?;
    recipe::comes_back(stage).await
}
