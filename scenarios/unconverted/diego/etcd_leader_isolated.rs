//! etcd's leader is cut off from the others, and goes on answering reads.

use std::time::Duration;

use reenact::{
    Result,
    campaign::Scenario,
    fault::Partition,
    probe::Answer,
    scenario,
    stage::{Fingerprint, Lab, Stage, phase::Faulted},
    wait::Look,
};

use super::super::{
    Diego, Setup,
    detectors::STALE_MEMBER,
    faults::LeaderMoved,
    recipe,
    runbooks::{ReplaceMember, WipeAll},
    stories::quorum,
};

scenario! {
    Scenario {
        id: "diego::etcd_leader_isolated",
        story: "etcd's leader, which the BBS asks, is cut off from the two others. They elect one of themselves and \
                take writes again within seconds; the old leader answers reads from its own copy, with what was \
                overwritten since. The BBS reads from the quorum only: it is told nothing stale, it is told errors, \
                and goes on asking the same member because that answers. All is well when the network is.",
        source: "report 003; measured facts (a): leader isolated",
        faults: &["the leader hands over to etcd1", "etcd1 is cut off from etcd2 and etcd3"],
        detector: Some(STALE_MEMBER),
        runbooks: &["right: none; mend the network", "refuses: wipe every member, while there is a quorum"],
        fingerprints: PRINTS,
        images: &["diego", "postgres"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::INCIDENT
    }
}

/// Who led.
const OLD: &str = "etcd1";
/// One of the majority.
const NEW: &str = "etcd2";

const PRINTS: &[Fingerprint] = &[
    Fingerprint {
        id: "majority-writable",
        report: "the majority is writable in 2.2 s",
        shows: |seen| quorum::wrote(seen, NEW),
    },
    Fingerprint {
        id: "stale-read",
        report: "the old leader serves stale reads",
        shows: |seen| quorum::read_by(seen, OLD).as_deref() == Some("before"),
    },
    Fingerprint {
        id: "fresh-read",
        report: "as the others do not",
        shows: |seen| quorum::read_by(seen, NEW).as_deref() == Some("after"),
    },
];

async fn run(lab: Lab) -> Result<()> {
    let mut stage = recipe::steady(&lab, Setup::PLAIN).await?;
    if quorum::leader(stage.system()).await? != OLD {
        stage.strike(LeaderMoved { setup: Setup::PLAIN, to: OLD }).await?;
    }
    quorum::write(&stage, OLD, "before").await?;
    let broken = stage.inject(Partition::isolate(OLD, &["etcd2", "etcd3"])).await?;
    overwritten(&broken).await?;
    quorum::read(&broken, OLD).await?;
    quorum::read(&broken, NEW).await?;
    let broken = broken.fingerprints(PRINTS, Duration::from_secs(5)).await?;
    let broken = broken.detect(STALE_MEMBER, Duration::from_secs(20)).await?;
    let broken = broken.refuses(&ReplaceMember { setup: Setup::PLAIN, node: NEW }).await?;
    let broken = broken.refuses(&WipeAll { setup: Setup::PLAIN, forced: false }).await?;
    recipe::comes_back(broken, Duration::from_secs(60)).await
}

/// The majority takes a write.
async fn overwritten(stage: &Stage<Diego, Faulted>) -> Result<()> {
    stage
        .wait_for("the majority to take a write", Duration::from_secs(15), || async {
            match quorum::write(stage, NEW, "after").await {
                Ok(Answer::Values { .. }) => Look::Ready(()),
                Ok(answer) => Look::NotYet(crate::answer::describe(&answer)),
                Err(error) => Look::Never(error),
            }
        })
        .await
}
