//! A CPI call that never returns: the cancel never ends.

use std::time::Duration;

use reenact::{
    Result,
    campaign::Scenario,
    scenario,
    stage::{Fingerprint, Lab, logged},
};

use super::super::{
    Setup,
    detectors::{CANCEL_OVERDUE, STUCK_TASK, WRONG_SUBNET},
    manifest, recipe,
    runbooks::{CancelAgain, EndStuckTask},
    stories,
};

scenario! {
    Scenario {
        id: "bosh::blocked_cpi_call",
        story: "The cloud-config is right, but z3's network fails for a moment while task 100 makes its VMs there. The \
                CPI has no timeout: its calls wait on dead connections, also when the network is back. The task is \
                cancelled, stays `cancelling`, renews its lock and writes checkpoints. A second cancel is refused; \
                what ends it is the end of the calls.",
        source: "measured facts, how a cancel ends: in a CPI call never, until the CPI returns",
        faults: &[
            "z3's network is unreachable, and comes back",
            "the create_vm calls in flight stand still",
            "bosh cancel-task 100",
        ],
        detector: Some(STUCK_TASK),
        also: &[CANCEL_OVERDUE, WRONG_SUBNET],
        runbooks: &[
            "right: end the CPI calls that hang, deploy",
            "refuses: cancel again; the director answers 400",
        ],
        fingerprints: PRINTS,
        images: &["postgres", "services"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::INCIDENT
    }
}

const PRINTS: &[Fingerprint] = &[
    Fingerprint {
        id: "create-vm-without-answer",
        report: "requests to create VMs, and no response",
        shows: |seen| {
            let said = |words: &[&str]| seen.iter().filter(|line| line.is_log_with(words)).count();
            said(&["task 100 debug: ", r#"request: {"method":"create_vm""#, "\"10.0.3."]) == manifest::WEBS
        },
    },
    Fingerprint {
        id: "cancelling",
        report: "the cancelled task stays `cancelling`",
        shows: |seen| stories::was(seen, recipe::FIRST, "cancelling"),
    },
    Fingerprint {
        id: "renews-on",
        report: "it goes on to renew its lock",
        shows: |seen| {
            let from = stories::first_as(seen, recipe::FIRST, "cancelling");
            from.is_some_and(|from| logged(&seen[from..], &["task 100 debug: ", "Renewing lock: "]))
        },
    },
];

async fn run(lab: Lab) -> Result<()> {
    let (stage, _) = stories::blocked(&lab, Setup::PLAIN, &[]).await?;
    recipe::cancel_in_vain(&stage, recipe::FIRST, 60).await?;
    let limit = Setup::PLAIN.production(900) + Duration::from_secs(10);
    let broken = stage.fingerprints(PRINTS, limit).await?.detect(STUCK_TASK, limit).await?;
    let broken = broken.still_detects(CANCEL_OVERDUE)?;
    broken.must_refuse(&CancelAgain).await?;
    let broken = broken.stays_broken(Setup::PLAIN.production(600)).await?;
    recipe::healed_by(&EndStuckTask { setup: Setup::PLAIN }, broken).await
}
