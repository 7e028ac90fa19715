//! Nothing reaches n1 any more, and what n1 sends still arrives.

use std::time::Duration;

use reenact::{Result, campaign::Scenario, fault::Partition, scenario, stage::Lab};

use super::super::{detectors::MINORITY_PARTITION, recipe};

scenario! {
    Scenario {
        id: "galera::one_way_cut",
        story: "What n2 and n3 send to n1 is lost; what n1 sends arrives. n1 loses the quorum as if cut off both ways, \
                and a client of n1 may get error 1180 for a write that did commit: an error is no proof of failure.",
        source: "measured facts, other faults: one way (n1's input dropped)",
        faults: &["packets from n2 and n3 to n1 are dropped"],
        detector: Some(MINORITY_PARTITION),
        runbooks: &["right: mend the network and wait"],
        images: &["galera"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::INCIDENT
    }
}

async fn run(lab: Lab) -> Result<()> {
    let broken = recipe::steady(&lab)
        .await?
        .inject(Partition::one_way(&["n2", "n3"], &["n1"]))
        .await?
        .detect(MINORITY_PARTITION, Duration::from_secs(30))
        .await?;
    recipe::comes_back(broken).await
}
