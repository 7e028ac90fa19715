//! The report's third fix: deploy the director again.

use std::time::Duration;

use reenact::{Error, Result, campaign::Scenario, runbook::Conclusion, scenario, stage::Lab};

use super::super::{
    Setup,
    detectors::{CANCEL_OVERDUE, DOUBLE_CREATE, STALE_LOCK, STUCK_TASK, WRONG_SUBNET, ZOMBIE_HOLDER},
    recipe::{self, FINGERPRINTS, FIRST},
    runbooks::{EndStuckTask, FixRedeployDirector, NextDeploy},
};

scenario! {
    Scenario {
        id: "bosh::fix_redeploy_director",
        story: "The report's third fix: the director is deployed again, its machine made anew on the same disk. That \
                ends the tasks and, for they ran on it, the CPI's processes; the lock expires meanwhile. The \
                cloud-config, in the database, is as wrong as before: the next deploy hangs like the others.",
        source: "report 000, 3.2.3",
        faults: &[
            "the report's: tasks 100 and 163 hang",
            "the director's machine is made anew",
            "the same is deployed again and hangs",
        ],
        detector: Some(STUCK_TASK),
        also: &[CANCEL_OVERDUE, ZOMBIE_HOLDER, WRONG_SUBNET, DOUBLE_CREATE, STALE_LOCK],
        runbooks: &[
            "false success: deploy the director again",
            "right: end the CPI calls that hang, correct the cloud-config, deploy",
        ],
        fingerprints: FINGERPRINTS,
        images: &["postgres", "services"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::INCIDENT
    }
}

async fn run(lab: Lab) -> Result<()> {
    let broken = recipe::detected(recipe::stuck(&lab).await?).await?;
    let told = broken.system().story_ends().await?;
    recipe::others_rest(&broken).await?;
    let broken = broken.is_deceived(&FixRedeployDirector, Duration::from_secs(2)).await?;
    recipe::becomes(&broken, FIRST, "cancelled", Duration::from_secs(5)).await?;
    if broken.system().exporter.state().await.is_ok_and(|state| state.runs("director cpi")) {
        return Err(Error::failed("a CPI call outlived its machine"));
    }
    match broken.force(&NextDeploy { forced: false }).await? {
        Conclusion::Done => {}
        other => return Err(Error::failed(format!("nothing is left that a deploy would double, but: {other:?}"))),
    }
    let next = recipe::last_deploy(&broken).await?;
    recipe::hangs(&broken, next).await?;
    let doubles = broken.system().story_ends().await?;
    if doubles != told {
        return Err(Error::failed(format!("{doubles} create_vm doubled another, of which {told} did before the fix")));
    }
    broken.workload().resume();
    recipe::healed_by(&EndStuckTask { setup: Setup::PLAIN }, broken).await
}
