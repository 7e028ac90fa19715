//! Metrics beside the contract: the story's phases, and what is broken held so that scrapes see
//! it. Without metrics nothing here does anything.

use std::time::Duration;

use reenact_core::{Result, metrics::Phase, poll::Look};

use crate::{
    incident::{Act, Incident, Lab, Run, Stated, System},
    metrics::Recording,
};

/// For how long nothing is done once the detector has fired. A rule that looks at a rate sees
/// nothing in less: two or three scrapes.
const HELD: Duration = Duration::from_secs(20);

/// How long a look at whether every node serves may take.
const LOOK: Duration = Duration::from_secs(2);

/// Begins to record what a Prometheus would scrape.
pub(super) async fn record<S: System>(lab: &Lab, system: &S, incident: &Incident<S>) -> Result<()> {
    let is_twin = incident.acts.iter().all(|act| matches!(act.detected.by, Stated::Not(_)));
    let (clock, targets) = (lab.clock(), system.monitored());
    let begun = Recording::begin(lab.dir(), clock, incident.id, is_twin, system.pace(), lab.bed(), targets);
    lab.record_metrics(begun.await?);
    Ok(())
}

/// Every exporter answers before the system counts as steady: else each rule on missing targets
/// would fire while all is well.
pub(super) async fn steady(lab: &Lab) -> Result<()> {
    if let Some(answered) = lab.metrics(|recording| recording.answered()) {
        lab.phase("wait: every exporter to answer");
        answered.await?;
        lab.enters(Phase::Steady);
    }
    Ok(())
}

/// The act whose state is recorded as broken, where metrics are: the last that a detector must
/// notice. The acts before it lead there.
pub(super) fn act<'i, S: System>(lab: &Lab, incident: &'i Incident<S>) -> Option<&'i Act<S>> {
    let noticed = incident.acts.iter().rfind(|act| matches!(act.detected.by, Stated::Given(_)));
    noticed.filter(|_| lab.plan().metrics)
}

/// Holds what is broken with its faults in force, where no control holds it without them.
pub(super) async fn hold<S: System>(run: &Run<S>, act: &Act<S>) {
    if matches!(act.control, Stated::Given(_)) {
        return;
    }
    let lab = run.lab();
    lab.enters(Phase::Broken);
    lab.phase(format!("hold for {HELD:.0?} what is broken"));
    tokio::time::sleep(HELD).await;
    // The fault is the cause: it lasts as long as that.
    if run.has_faults().await {
        lasts(run, HELD);
    }
    lab.enters(Phase::Over);
}

/// The no-fault control, of which a quick run makes what the hold takes.
pub(super) async fn stays_broken<S: System>(run: &Run<S>, time: Duration) -> Result<()> {
    let lab = run.lab();
    lab.enters(Phase::Broken);
    super::stays_broken(run, if lab.plan().full { time.max(HELD) } else { HELD }).await?;
    lasts(run, time.max(HELD));
    lab.enters(Phase::Over);
    Ok(())
}

/// Says that a look-alike's disturbance stands, before it is healed, where not every node serves.
pub(super) async fn stands<S: System>(run: &Run<S>) {
    let lab = run.lab();
    if lab.metrics(|recording| recording.is_twin()) == Some(true) {
        let looked = tokio::time::timeout(LOOK, run.system().healthy()).await;
        if !matches!(looked, Ok(Look::Ready(()))) {
            lab.enters(Phase::Broken);
        }
    }
}

fn lasts<S: System>(run: &Run<S>, time: Duration) {
    let time = time.mul_f64(run.system().pace());
    run.lab().metrics(|recording| recording.lasts(time));
}
