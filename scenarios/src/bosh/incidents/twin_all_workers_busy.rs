//! Twin: all workers are at tasks that take their time, and others wait.

use std::time::Duration;

use reenact::{Result, campaign::Scenario, scenario, stage::Lab};

use super::super::{Setup, faults::IaasBehaves, recipe, stories};

scenario! {
    Scenario {
        id: "bosh::twin_all_workers_busy",
        story: "Three deploys whose create_vm take four seconds, 200 s of production, keep all three workers busy. \
                What comes meanwhile is `queued` for over a minute, no lock being at fault. Then the workers are free \
                again, and all of it is done.",
        source: "measured facts, look-alikes: all workers busy: `queued`, no lock fault",
        faults: &["create_vm takes four seconds", "three deployments are deployed at once"],
        images: &["postgres", "services"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::TWIN
    }
}

/// The oldest job that no worker has waits for over 60 s of production.
const WAITS: &str = "SELECT max(now() AT TIME ZONE 'UTC' - run_at) > interval '1.2 seconds'
                     FROM delayed_jobs WHERE locked_by IS NULL";

async fn run(lab: Lab) -> Result<()> {
    let mut stage = recipe::steady(&lab, Setup::PLAIN).await?;
    let slow = IaasBehaves::new("create_vm takes four seconds", stage.system(), |behaviour| {
        behaviour["rules"] = serde_json::json!([{"method": "create_vm", "az": "z3", "do": "ok", "ms": 4000}]);
    });
    stage.strike(slow).await?;
    let tasks = stories::deploys(&stage, &["cf", "redis"]).await?;
    stage.workload().resume();
    stories::rows_say(&stage, "a job to wait for a worker", WAITS, "t", Duration::from_secs(10)).await?;
    for task in tasks {
        recipe::becomes(&stage, task, "done", Duration::from_secs(40)).await?;
    }
    stage.mend().await?;
    stage.heals_itself(Duration::from_secs(10)).await?.quiet(recipe::QUIET).await?.finish().await
}
