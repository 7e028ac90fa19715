//! One node freezes while another one leaves in order: nobody is primary any more.

use std::time::Duration;

use reenact::{
    Result,
    campaign::Scenario,
    fault::{Kill, PowerOn, ShutDown, Signal},
    scenario,
    stage::Lab,
};

use super::super::{
    detectors::{NO_PRIMARY, STALLED_NODE},
    recipe,
    runbooks::PcBootstrap,
};

scenario! {
    Scenario {
        id: "galera::no_primary_left",
        story: "n1's server freezes, and n3 is shut down for its maintenance: n2, left with one of two, loses the \
                quorum. Thawed, n1 meets n2 again, and both stay non-Primary for good: both answer SQL and refuse \
                every query with error 1047, and n3, back, waits with them. No data are lost, and nobody is restarted: \
                a person must say that these are all.",
        source: "found by a campaign of random schedules; error 1047 as in the measured facts",
        faults: &["SIGSTOP to n1's server", "n3 is shut down in order", "n1's server goes on", "n3 boots"],
        detector: Some(NO_PRIMARY),
        also: &[STALLED_NODE],
        runbooks: &["right: pc.bootstrap on n2, with all nodes there", "refuses: pc.bootstrap while n3 is away"],
        images: &["galera"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::INCIDENT
    }
}

async fn run(lab: Lab) -> Result<()> {
    let mut stage = recipe::steady(&lab).await?;
    let server = "/usr/sbin/mariadbd".to_owned();
    let frozen = stage.strike(Kill { node: "n1".into(), process: server, signal: Signal::Stop }).await?;
    let mut stage = stage.inject(ShutDown { nodes: vec!["n3".into()], grace_s: 30 }).await?;
    let alone = lab.now();
    stage.mend_one(frozen).await?;
    recipe::wait_together(&stage, alone, &["n1", "n2"]).await?;
    stage.effect_begins();
    let mut stage = stage.detect(NO_PRIMARY, Duration::from_secs(15)).await?;
    let runbook = PcBootstrap { node: "n2", force: false };
    stage.must_refuse(&runbook).await?;
    stage.strike(PowerOn::of(&["n3"])).await?;
    let stage = stage.stays_broken(Duration::from_secs(20)).await?;
    recipe::healed_by(&runbook, stage, Duration::from_secs(60)).await
}
