//! Two damaged members start first: a healthy cluster without half of its data.

use std::time::Duration;

use reenact::{
    Error, Result,
    campaign::Scenario,
    fault::PowerOn,
    scenario,
    stage::{Lab, System},
    wait,
};

use super::super::{detectors::QUORUM_LOST, runbooks::ReplaceMember, stories::data};

scenario! {
    Scenario {
        id: "diego::etcd_worst_case",
        story: "All etcd machines lose their power, and two of their logs come back cut in half, as after a repair of \
                the file system. These two start first, and are a quorum: all is healthy, and half of the tasks are \
                gone. The third one has everything, and never opens its port, as its leader knows less than it has \
                committed. Whoever replaces it as broken destroys the only whole copy.",
        source: "report 003; measured facts (b): worst case",
        faults: &[
            "all of etcd's machines lose power",
            "the logs of etcd1 and etcd2 are cut in half",
            "these two boot, and then etcd3",
        ],
        // Only of the outage: once two of them lead, nothing that they say of themselves is amiss.
        detector: Some(QUORUM_LOST),
        runbooks: &["harmful: replace the one that does not answer"],
        images: &["diego", "postgres"],
        budget: Duration::from_secs(300),
        run: |lab| Box::pin(run(lab)),
        ..Scenario::INCIDENT
    }
}

async fn run(lab: Lab) -> Result<()> {
    let setup = data::LONG_LOG;
    let mut broken = data::two_logs_cut_in_half(&lab).await?.detect(QUORUM_LOST, Duration::from_secs(15)).await?;
    broken.strike(PowerOn::of(&["etcd1", "etcd2"])).await?;
    broken.writes(20, Duration::from_secs(60)).await?;
    broken.strike(PowerOn::of(&["etcd3"])).await?;
    data::logs(&broken, "etcd3", "publish error: etcdserver: request timed out").await?;
    broken.force(&ReplaceMember { setup, node: "etcd3" }).await?;
    let healthy = wait::until("Diego to look healthy", Duration::from_secs(60), || broken.system().healthy());
    healthy.await.map_err(|error| Error::inconclusive(format!("the trap did not close: {error}")))?;
    let found = broken.harmed().await?;
    if found.lost.is_empty() {
        return Err(Error::failed(format!("half of two logs is gone, and the judge misses nothing: {found}")));
    }
    Ok(())
}
