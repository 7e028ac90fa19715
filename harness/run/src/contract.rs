//! The contract: eight steps, performed for every incident in one order and in this place.
//!
//! What an incident does not give is a reason that `reenact list --contract` shows. What
//! cannot be proved is inconclusive, never a pass.

mod drill;
mod ending;
mod held;
mod step;

use std::time::Duration;

use reenact_core::{
    Error, Result,
    metrics::Phase,
    poll::{self, Look},
    runbook::{Conclusion, Runbook},
};
use tokio::time::Instant;

use crate::{
    incident::{Act, Expected, How, Incident, Marks, Run, Stated, System, Wrong},
    lab::Lab,
};
use ending::{ended, unharmed};
use held::{hold, record, stands};

pub use drill::{drill, drilled_act};
pub use step::{Proof, Step, table};

/// How long a healthy system is watched for false alarms, before the story and after it.
pub(crate) const QUIET: Duration = Duration::from_secs(3);
/// How long the workload's first write may take where every node serves: a cold JVM on a
/// loaded machine took over 3 s.
const FIRST_WRITE: Duration = Duration::from_secs(20);

/// What costs time and is not needed for a verdict each time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Check {
    Control,
    Refusal,
    Uselessness,
    Deception,
    Kills,
    SecondCall,
}

/// Whether a quick run makes a check too; a full one makes them all.
const QUICK: [(Check, bool); 6] = [
    (Check::Control, false),
    (Check::Refusal, true),
    (Check::Uselessness, false),
    (Check::Deception, true),
    (Check::Kills, false),
    (Check::SecondCall, false),
];

fn is_made(check: Check, lab: &Lab) -> bool {
    lab.plan().full || QUICK.contains(&(check, true))
}

/// Performs an incident on a deployed system: all of the contract but the removal of the
/// testbed.
///
/// # Errors
/// [`Error::Failed`] with what does not hold, [`Error::Inconclusive`] with what could not be
/// proved; [`Lab::step`] tells at which step.
pub async fn perform<S: System>(lab: &Lab, system: S, incident: &Incident<S>) -> Result<()> {
    if lab.plan().metrics {
        record(lab, &system, incident).await?;
    }
    let run = Run::begin(lab, system).await?;
    let performed = acts(&run, incident).await;
    let unhealed = run.unhealed().await;
    run.close().await.and(performed)?;
    if !unhealed.is_empty() {
        return Err(Error::Bug(format!("in force at the end of the story: {}", unhealed.join(", "))));
    }
    lab.no_false_alarm(lab.expected())?;
    lab.nothing_skipped()
}

async fn acts<S: System>(run: &Run<S>, incident: &Incident<S>) -> Result<()> {
    steady(run).await?;
    run.story_begins();
    run.lab().enters(Phase::Onset);
    let held = held::act(run.lab(), incident);
    for act in &incident.acts {
        perform_act(run, act, held.is_some_and(|held| std::ptr::eq(held, act))).await?;
    }
    run.lab().enters(Phase::Over);
    match incident.acts.last().map(|act| &act.ends.how) {
        Some(How::Harm(_)) => Ok(()),
        Some(How::GoesOn) | None => Err(Error::Bug("an incident ends in the middle of its story".into())),
        Some(how @ (How::HealedBy(..) | How::ByItself(_) | How::AsDiagnosed(_))) => unharmed(run, how).await,
    }
}

/// `is_held`: its state is the one that recorded metrics show as broken.
async fn perform_act<S: System>(run: &Run<S>, act: &Act<S>, is_held: bool) -> Result<()> {
    let lab = run.lab();
    broken(run, act).await?;
    if is_held {
        hold(run, act).await;
    }
    let wrong = match &act.wrong {
        Stated::Given(wrong) => &wrong[..],
        Stated::Not(_) => &[],
    };
    for wrong in wrong.iter().filter(|wrong| wrong.beside_faults) {
        tried(run, wrong).await?;
    }
    if !matches!(act.ends.how, How::GoesOn) {
        lab.begins(Step::Stuck);
        stands(run).await;
        run.heal_all().await?;
    }
    stuck(run, act, is_held).await?;
    for wrong in wrong.iter().filter(|wrong| !wrong.beside_faults) {
        tried(run, wrong).await?;
    }
    stated(lab, Step::Wrong, &act.wrong);
    lab.begins(Step::Ended);
    ended(run, &act.ends.how).await?;
    for action in &act.ends.then {
        action.perform(run).await?;
    }
    lab.proved(Step::Ended);
    Ok(())
}

/// 2 to 4. Broken, by the report's own marks, and diagnosed.
async fn broken<S: System>(run: &Run<S>, act: &Act<S>) -> Result<()> {
    run.lab().begins(Step::Injected);
    for action in &act.breaks {
        action.perform(run).await?;
    }
    run.lab().proved(Step::Injected);
    faithful(run, &act.fingerprints).await?;
    detected(run, act).await
}

/// Puts down that a step is proved, or the reason why it is not tried.
fn stated<T>(lab: &Lab, step: Step, stated: &Stated<T>) {
    match stated {
        Stated::Given(_) => lab.proved(step),
        Stated::Not(why) => lab.left_out(step, why),
    }
}

/// 1. Healthy under its workload, and no detector says a word.
async fn steady<S: System>(run: &Run<S>) -> Result<()> {
    let lab = run.lab();
    held::steady(lab).await?;
    let before = run.ledger().acknowledged();
    run.quiet(QUIET).await?;
    serves(run, before).await?;
    lab.no_false_alarm(&[])?;
    lab.proved(Step::Steady);
    Ok(())
}

/// Whether a write is acknowledged after so many.
async fn serves<S: System>(run: &Run<S>, before: usize) -> Result<()> {
    let first = poll::until("a write to be acknowledged", FIRST_WRITE, || async {
        if run.ledger().acknowledged() > before { Look::Ready(()) } else { Look::NotYet("none is".into()) }
    });
    first.await.map_err(|_| Error::inconclusive("no write was acknowledged although every node serves"))
}

/// 3. The report's own marks appear.
async fn faithful<S: System>(run: &Run<S>, marks: &Stated<Marks>) -> Result<()> {
    let lab = run.lab();
    lab.begins(Step::Faithful);
    let Stated::Given(Marks { all, within }) = marks else {
        stated(lab, Step::Faithful, marks);
        return Ok(());
    };
    lab.phase("wait: the report's fingerprints");
    let missing =
        || -> Vec<&'static str> { all.iter().filter(|print| !run.shows(print.shows)).map(|print| print.id).collect() };
    let waited = poll::until("the report's fingerprints", *within, || async {
        let missing = missing();
        if missing.is_empty() { Look::Ready(()) } else { Look::NotYet(missing.join(", ")) }
    })
    .await;
    let missed = if waited.is_ok() { Vec::new() } else { missing() };
    let (seen, total) = (all.len() - missed.len(), all.len());
    lab.record("fingerprints", format!("{seen} of {total} seen; missing: [{}]", missed.join(", ")));
    lab.score(|score| score.fingerprints.add(seen, total, &missed));
    match waited {
        Ok(()) => {
            lab.proved(Step::Faithful);
            Ok(())
        }
        Err(Error::Failed(_)) => {
            let missed = missed.join(", ");
            Err(Error::inconclusive(format!("{seen} of {total} fingerprints of the report; missing: {missed}")))
        }
        Err(error) => Err(error),
    }
}

/// 4. The incident's detector fires in time, and no other but those that are true as well.
async fn detected<S: System>(run: &Run<S>, act: &Act<S>) -> Result<()> {
    let lab = run.lab();
    lab.begins(Step::Detected);
    if let Stated::Given((detector, within)) = act.detected.by {
        let episode = run.detects(detector, within).await?;
        let took = episode.from.since(run.effect_at());
        lab.record("detected", format!("{detector} after {took:.1?}: {}", episode.evidence.join("; ")));
        lab.score(|score| score.detect_ms = Some(took.as_millis() as u64));
        if took > within {
            return Err(Error::failed(format!(
                "{detector} fired after {took:.1?}, and should have within {within:.1?}"
            )));
        }
    }
    lab.no_false_alarm(lab.expected())?;
    for action in &act.detected.then {
        action.perform(run).await?;
    }
    stated(lab, Step::Detected, &act.detected.by);
    Ok(())
}

/// 5. With every fault healed and nothing done it stays broken: else a success of a runbook
///    proves nothing.
async fn stuck<S: System>(run: &Run<S>, act: &Act<S>, is_held: bool) -> Result<()> {
    let lab = run.lab();
    lab.begins(Step::Stuck);
    let Stated::Given(time) = act.control else {
        stated(lab, Step::Stuck, &act.control);
        return Ok(());
    };
    if !is_held && !is_made(Check::Control, lab) {
        lab.left_out(Step::Stuck, "a quick run");
        return Ok(());
    }
    if is_held {
        held::stays_broken(run, time).await?;
    } else {
        stays_broken(run, time).await?;
    }
    lab.proved(Step::Stuck);
    Ok(())
}

async fn stays_broken<S: System>(run: &Run<S>, time: Duration) -> Result<()> {
    let lab = run.lab();
    lab.phase(format!("control: stays broken for {time:.0?}"));
    let end = Instant::now() + time;
    while Instant::now() < end {
        match run.system().healthy().await {
            Look::NotYet(_) => tokio::time::sleep(poll::EVERY * 5).await,
            Look::Ready(()) => {
                return Err(Error::inconclusive("it healed by itself, so no runbook would prove anything"));
            }
            Look::Never(error) => {
                return Err(Error::inconclusive(format!("whether it stays broken cannot be told: {error}")));
            }
        }
    }
    lab.record("control", format!("stayed broken for {time:.0?} with every fault healed"));
    Ok(())
}

/// 6. A wrong runbook does what is expected of it.
async fn tried<S: System>(run: &Run<S>, wrong: &Wrong<S>) -> Result<()> {
    let lab = run.lab();
    lab.begins(Step::Wrong);
    let (check, time) = match wrong.expected {
        Expected::Refuses => (Check::Refusal, Duration::ZERO),
        Expected::Useless(time) => (Check::Uselessness, time),
        Expected::Deceives(time) => (Check::Deception, time),
    };
    if !is_made(check, lab) {
        return Ok(());
    }
    let runbook = wrong.runbook.runbook(run)?;
    let conclusion = run.operate(runbook.as_ref(), None).await?;
    match (wrong.expected, conclusion) {
        (Expected::Refuses, Conclusion::Refused { why }) => lab.record("refused", format!("{runbook}: {why}")),
        (Expected::Refuses, other) => {
            return Err(Error::failed(format!("\"{runbook}\" should have refused, but: {other:?}")));
        }
        (Expected::Deceives(_), Conclusion::Done) => {
            heals_nothing(run, runbook.as_ref(), time, "false success").await?
        }
        (Expected::Deceives(_), other) => {
            return Err(Error::failed(format!("\"{runbook}\" should have claimed success, but: {other:?}")));
        }
        (Expected::Useless(_), _) => heals_nothing(run, runbook.as_ref(), time, "useless").await?,
    }
    wrong.still.iter().try_for_each(|detector| run.still_detects(detector))
}

async fn heals_nothing<S: System>(run: &Run<S>, runbook: &dyn Runbook, time: Duration, kind: &str) -> Result<()> {
    match run.until_healthy(time).await {
        Ok(()) => Err(Error::failed(format!("\"{runbook}\" healed it, although it should not"))),
        Err(Error::Failed(why)) => {
            run.lab().record(kind, format!("\"{runbook}\": {why}"));
            Ok(())
        }
        Err(other) => Err(other),
    }
}

#[cfg(test)]
mod tests;
