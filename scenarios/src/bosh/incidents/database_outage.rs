//! A database that is away for a moment: the task is called `timeout`, and lives.

use std::time::Duration;

use reenact::{
    Result,
    campaign::Scenario,
    scenario,
    stage::{Fingerprint, Lab, logged},
};

use super::super::{
    Setup,
    detectors::{STUCK_TASK, WRONG_SUBNET},
    faults::DatabaseAway,
    recipe::{self, FIRST},
    runbooks::{DeleteLock, EndStuckTask},
    stories,
};

scenario! {
    Scenario {
        id: "bosh::database_outage",
        story: "While task 100 hangs in the CPI its database is away for 30 s: the thread that writes checkpoints dies \
                of it, the task does not. 180 s later whoever asks for the task makes it `timeout`, which reads as \
                dead, and a cancel is answered with 400. Yet it lives and renews its lock: to delete that would put \
                a second deploy beside it.",
        source: "measured facts, look-alikes: a database outage of 30 s",
        faults: &[
            "the create_vm calls of task 100 stand still",
            "the database is away until the checkpoint thread has died, between two renewals",
            "somebody asks for task 100, 180 s after its last checkpoint",
        ],
        detector: Some(STUCK_TASK),
        also: &[WRONG_SUBNET],
        runbooks: &[
            "right: end the CPI calls that hang, deploy",
            "refuses: delete the lock of the task that is called `timeout`",
        ],
        fingerprints: PRINTS,
        images: &["postgres", "services"],
        run: |lab| Box::pin(run(lab)),
        ..Scenario::INCIDENT
    }
}

/// Twice the usual pace: the outage must fall between two renewals.
const SETUP: Setup = Setup { scale: 0.04, ..Setup::PLAIN };

/// What the worker's log has of the thread's end.
const THREAD_DIED: [&str; 1] = ["task 100: the checkpoint thread terminated with an exception"];

const PRINTS: &[Fingerprint] = &[
    Fingerprint {
        id: "checkpoint-thread-died",
        report: "the outage kills the checkpoint thread",
        shows: |seen| logged(seen, &THREAD_DIED),
    },
    Fingerprint {
        id: "timeout",
        report: "the task shows `timeout`",
        shows: |seen| stories::was(seen, FIRST, "timeout"),
    },
    Fingerprint {
        id: "renews-on",
        report: "yet it renews its lock",
        shows: |seen| {
            let from = stories::first_as(seen, FIRST, "timeout");
            from.is_some_and(|from| logged(&seen[from..], &["task 100 debug: ", "Renewing lock: "]))
        },
    },
];

async fn run(lab: Lab) -> Result<()> {
    let (mut stage, _) = stories::blocked(&lab, SETUP, &[]).await?;
    // What others had in hand would be lost as well: that is another story.
    recipe::others_rest(&stage).await?;
    stories::renewed(&stage).await?;
    let away = stage.strike(DatabaseAway).await?;
    stories::logs(&stage, &THREAD_DIED, SETUP.production(60)).await?;
    stage.mend_one(away).await?;
    stage.workload().resume();
    recipe::asked_for(&stage, FIRST, "timeout").await?;
    stories::cannot_be_cancelled(&stage, FIRST).await?;
    stage.effect_begins();
    let limit = SETUP.production(900) + Duration::from_secs(10);
    let broken = stage.fingerprints(PRINTS, limit).await?.detect(STUCK_TASK, limit).await?;
    broken.must_refuse(&DeleteLock { forced: false }).await?;
    let broken = broken.stays_broken(SETUP.production(600)).await?;
    recipe::healed_by(&EndStuckTask { setup: SETUP }, broken).await
}
