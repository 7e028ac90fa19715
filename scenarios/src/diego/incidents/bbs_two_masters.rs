//! Consul is split in two by peers.json on one side, and each side gives the lock away.

use std::time::Duration;

use reenact::{Result, campaign::Scenario, fault::Partition, scenario, stage::Lab};

use super::super::{
    Setup,
    detectors::TWO_MASTERS,
    faults::AloneByPeersJson,
    recipe,
    runbooks::{RejoinServer, WritePeersJson},
    stories::consul::sides,
};

scenario! {
    Scenario {
        id: "diego::bbs_two_masters",
        story: "A switch cuts one server of Consul's and one BBS off from the others. Somebody finds no leader there and \
                writes a peers.json with that server alone: it leads, and gives the lock away once more. Both BBSes \
                listen, each with a lock of its own, and stay so when the switch is mended, until that server's data \
                is wiped and it joins the others again.",
        source: "diego-release#201: several BBSes think that they lead; measured facts (e): peers.json with itself only",
        faults: &["consul1 and a BBS are partitioned from the other ones", "consul1 is started with itself as only peer"],
        detector: Some(TWO_MASTERS),
        runbooks: &[
            "right: wipe the server that was alone, and let it join the others again",
            "refuses: write peers.json everywhere, while there is a leader",
        ],
        images: &["diego", "postgres"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::INCIDENT
    }
}

async fn run(lab: Lab) -> Result<()> {
    let mut stage = recipe::steady(&lab, Setup::PLAIN).await?;
    let (alone, others) = sides(&stage).await?;
    let cut = stage.strike(Partition::between(&alone, &others)).await?;
    let broken = stage.inject(AloneByPeersJson { node: "consul1" }).await?;
    let mut broken = broken.detect(TWO_MASTERS, Duration::from_secs(60)).await?;
    broken.mend_one(cut).await?;
    let broken = broken.stays_broken(Duration::from_secs(20)).await?;
    let broken = broken.refuses(&WritePeersJson).await?;
    recipe::healed_by(&RejoinServer { node: "consul1" }, broken, Duration::from_secs(90)).await
}
