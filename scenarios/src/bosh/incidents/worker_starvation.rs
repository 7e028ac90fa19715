//! Every worker is at a task that hangs, and the queue grows.

use std::time::Duration;

use reenact::{
    Result,
    campaign::Scenario,
    scenario,
    stage::{Fingerprint, Lab},
};

use super::super::{
    Setup,
    detectors::{CANCEL_OVERDUE, STARVATION, STUCK_TASK, WRONG_SUBNET},
    recipe,
    runbooks::FreeWorkers,
    stories,
};

scenario! {
    Scenario {
        id: "bosh::worker_starvation",
        story: "Three deploys, of three deployments, hang in the CPI: one for each worker. Whatever anybody asks of \
                the director now is `queued` and stays so, in deployments that no lock holds. It is no lock's fault, \
                and more workers would only hang as well.",
        source: "measured facts, detection: `queued` over 60 s is worker starvation, not a lock",
        faults: &[
            "z3's network is unreachable, and comes back",
            "the create_vm calls of three deploys stand still",
        ],
        detector: Some(STARVATION),
        // Cancelled by the runbook, which may be killed before it ends the calls.
        also: &[STUCK_TASK, WRONG_SUBNET, CANCEL_OVERDUE],
        runbooks: &["right: end the CPI calls that every worker hangs in, deploy again"],
        fingerprints: PRINTS,
        images: &["postgres", "services"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::INCIDENT
    }
}

const PRINTS: &[Fingerprint] = &[Fingerprint {
    id: "queued-without-a-lock",
    report: "tasks of other deployments stay `queued`",
    shows: |seen| stories::queued(seen, "service-instance-") >= 4,
}];

async fn run(lab: Lab) -> Result<()> {
    let (stage, _) = stories::blocked(&lab, Setup::PLAIN, &["cf", "redis"]).await?;
    let limit = Setup::PLAIN.production(600) + Duration::from_secs(15);
    let broken = stage.fingerprints(PRINTS, limit).await?.detect(STARVATION, limit).await?;
    let broken = broken.then_detects(STUCK_TASK, Setup::PLAIN.production(900) + Duration::from_secs(10)).await?;
    let broken = broken.still_detects(STARVATION)?.stays_broken(Setup::PLAIN.production(300)).await?;
    recipe::healed_by(&FreeWorkers { setup: Setup::PLAIN }, broken).await
}
