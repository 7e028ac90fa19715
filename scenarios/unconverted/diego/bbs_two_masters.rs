//! Consul is split in two by peers.json on one side, and each side gives the lock away.

use std::time::Duration;

use reenact::{Result, campaign::Scenario, fault::Partition, runbook::Runbook, scenario, stage::Lab};

use super::super::{
    Setup,
    detectors::TWO_MASTERS,
    faults::AloneByPeersJson,
    recipe,
    runbooks::{RejoinServer, StopServer, WritePeersJson},
    stories::consul::sides,
};

scenario! {
    Scenario {
        id: "diego::bbs_two_masters",
        story: "A switch cuts one server of Consul's and one BBS off from the others. Somebody finds no leader there and \
                writes a peers.json with that server alone: it leads, and gives the lock away once more. Both BBSes \
                listen, each with a lock of its own. That server must be stopped before the switch is mended: once it \
                sees the others it takes them in and overwrites what they have. Wiped, it joins them again.",
        source: "diego-release#201: several BBSes think that they lead; measured facts (e): peers.json with itself only",
        faults: &["consul1 and a BBS are partitioned from the other ones", "consul1 is started with itself as only peer"],
        detector: Some(TWO_MASTERS),
        runbooks: &[
            "right: stop the server that is alone, mend the switch, wipe it, and let it join the others again",
            "refuses: write peers.json everywhere, while there is a leader",
        ],
        images: &["diego", "postgres"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::INCIDENT
    }
}

const STOP: StopServer = StopServer { node: "consul1" };

async fn run(lab: Lab) -> Result<()> {
    let mut stage = recipe::steady(&lab, Setup::PLAIN).await?;
    let (alone, others) = sides(&stage).await?;
    let cut = stage.strike(Partition::between(&alone, &others)).await?;
    let broken = stage.inject(AloneByPeersJson { node: "consul1" }).await?;
    let mut broken = broken.detect(TWO_MASTERS, Duration::from_secs(60)).await?;
    lab.phase(format!("the right order: {STOP}"));
    STOP.run(&broken.operator()).await?;
    broken.mend_one(cut).await?;
    let broken = broken.stays_broken(Duration::from_secs(20)).await?;
    let broken = broken.refuses(&WritePeersJson).await?;
    recipe::healed_by(&RejoinServer { node: "consul1" }, broken, Duration::from_secs(90)).await
}
