//! The contract: eight steps, performed for every incident in one order and in this place.
//!
//! What an incident does not give is a reason that `reenact list --contract` shows. What
//! cannot be proved is inconclusive, never a pass.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use reenact_core::{
    Error, Result,
    poll::{self, Look},
    runbook::{Conclusion, Runbook},
};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::{
    incident::{Act, Expected, Harmful, How, Incident, Kind, Marks, Procedure, Run, Stated, System, Wrong},
    lab::Lab,
};

/// How long a healthy system is watched for false alarms, before the story and after it.
pub(crate) const QUIET: Duration = Duration::from_secs(3);
/// How long the workload's first write may take where every node serves: a cold JVM on a
/// loaded machine took over 3 s.
const FIRST_WRITE: Duration = Duration::from_secs(20);
/// How soon detectors fall silent on a system that is healthy again.
const SILENCE: Duration = Duration::from_secs(10);
/// So many writes must go through on a system that is healthy again, within so long.
const WRITES: (usize, Duration) = (20, Duration::from_secs(20));
/// More steps than any runbook has; a bound for the one that is killed after each.
const MOST_STEPS: usize = 50;
/// Killed after each step a runbook repeats work: it may take so many times its limit.
const REPEATED: u32 = 5;

/// A step of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Healthy under its workload; every detector of every system is quiet.
    Steady,
    /// Each fault is in force, by its own proof.
    Injected,
    /// The report's own marks appear.
    Faithful,
    /// The incident's detector fires in time, and no other but those that are true as well.
    Detected,
    /// With the faults healed and nothing done it stays broken.
    Stuck,
    /// Wrong runbooks refuse, are useless, or deceive.
    Wrong,
    /// Healed by the right runbook or by itself, or in the stated harm.
    Ended,
    /// Nothing is left behind.
    Clean,
}

impl Step {
    /// All, in order.
    pub const ALL: [Self; 8] = [
        Self::Steady,
        Self::Injected,
        Self::Faithful,
        Self::Detected,
        Self::Stuck,
        Self::Wrong,
        Self::Ended,
        Self::Clean,
    ];

    /// Its name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Steady => "steady",
            Self::Injected => "injected",
            Self::Faithful => "faithful",
            Self::Detected => "detected",
            Self::Stuck => "stuck",
            Self::Wrong => "wrong",
            Self::Ended => "ended",
            Self::Clean => "clean",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Whether a step is proved, or why not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// It is.
    Proved,
    /// It is not, for this reason.
    Reason(String),
}

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

/// What a contract proves of an incident in a full run, step by step, or why not.
pub fn table<S: System>(incident: &Incident<S>) -> BTreeMap<Step, Proof> {
    fn of<T>(stated: &Stated<T>) -> Proof {
        match stated {
            Stated::Given(_) => Proof::Proved,
            Stated::Not(why) => Proof::Reason(why.clone().into_owned()),
        }
    }
    let over = |proof: fn(&Act<S>) -> Proof| {
        let all: Vec<_> = incident.acts.iter().map(proof).collect();
        if all.contains(&Proof::Proved) { Proof::Proved } else { all.into_iter().next().unwrap_or(Proof::Proved) }
    };
    let injected = over(|act| match act.breaks.iter().any(|action| action.kind == Kind::Fault) {
        true => Proof::Proved,
        false if act.breaks.is_empty() => Proof::Reason("nothing is done to it".into()),
        false => Proof::Reason("an operator's work, and no fault".into()),
    });
    BTreeMap::from([
        (Step::Steady, Proof::Proved),
        (Step::Injected, injected),
        (Step::Faithful, over(|act| of(&act.fingerprints))),
        (Step::Detected, over(|act| of(&act.detected.by))),
        (Step::Stuck, over(|act| of(&act.control))),
        (Step::Wrong, over(|act| of(&act.wrong))),
        (Step::Ended, Proof::Proved),
        (Step::Clean, Proof::Proved),
    ])
}

/// Performs an incident on a deployed system: all of the contract but the removal of the
/// testbed.
///
/// # Errors
/// [`Error::Failed`] with what does not hold, [`Error::Inconclusive`] with what could not be
/// proved; [`Lab::step`] tells at which step.
pub async fn perform<S: System>(lab: &Lab, system: S, incident: &Incident<S>) -> Result<()> {
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
    for act in &incident.acts {
        perform_act(run, act).await?;
    }
    match incident.acts.last().map(|act| &act.ends.how) {
        Some(How::Harm(_)) => Ok(()),
        Some(How::GoesOn) | None => Err(Error::Bug("an incident ends in the middle of its story".into())),
        Some(How::HealedBy(..) | How::ByItself(_) | How::AsDiagnosed(_)) => unharmed(run).await,
    }
}

async fn perform_act<S: System>(run: &Run<S>, act: &Act<S>) -> Result<()> {
    let lab = run.lab();
    lab.begins(Step::Injected);
    for action in &act.breaks {
        action.perform(run).await?;
    }
    lab.proved(Step::Injected);
    faithful(run, &act.fingerprints).await?;
    detected(run, act).await?;
    let wrong = match &act.wrong {
        Stated::Given(wrong) => &wrong[..],
        Stated::Not(_) => &[],
    };
    for wrong in wrong.iter().filter(|wrong| wrong.beside_faults) {
        tried(run, wrong).await?;
    }
    if !matches!(act.ends.how, How::GoesOn) {
        lab.begins(Step::Stuck);
        run.heal_all().await?;
    }
    stuck(run, &act.control).await?;
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
    let before = run.ledger().acknowledged();
    run.quiet(QUIET).await?;
    let first = poll::until("a write to be acknowledged", FIRST_WRITE, || async {
        if run.ledger().acknowledged() > before { Look::Ready(()) } else { Look::NotYet("none is".into()) }
    });
    first.await.map_err(|_| Error::inconclusive("no write was acknowledged although every node serves"))?;
    lab.no_false_alarm(&[])?;
    lab.proved(Step::Steady);
    Ok(())
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
async fn stuck<S: System>(run: &Run<S>, control: &Stated<Duration>) -> Result<()> {
    let lab = run.lab();
    lab.begins(Step::Stuck);
    let Stated::Given(time) = control else {
        stated(lab, Step::Stuck, control);
        return Ok(());
    };
    if !is_made(Check::Control, lab) {
        lab.left_out(Step::Stuck, "a quick run");
        return Ok(());
    }
    lab.phase(format!("control: stays broken for {time:.0?}"));
    let end = Instant::now() + *time;
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
    lab.proved(Step::Stuck);
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

/// 7. It ends as it should.
async fn ended<S: System>(run: &Run<S>, how: &How<S>) -> Result<()> {
    match how {
        How::HealedBy(procedure, within) => {
            healed(run, procedure, *within).await?;
            again(run, procedure).await
        }
        How::ByItself(within) => {
            run.heals_itself(*within).await?;
            stays_healthy(run).await
        }
        How::Harm(harmful) => harmed(run, harmful).await,
        How::GoesOn => Ok(()),
        How::AsDiagnosed(play) => crate::play::ended(run, play).await,
    }
}

/// The right runbook heals it. In full runs it is killed after each of its steps and run
/// again.
async fn healed<S: System>(run: &Run<S>, procedure: &Procedure<S>, within: Duration) -> Result<()> {
    let lab = run.lab();
    let runbook = procedure.runbook(run)?;
    let called = lab.now();
    let kills = is_made(Check::Kills, lab);
    let limit = if kills { within * REPEATED } else { within };
    let deadline = Instant::now() + limit;
    let work = async {
        if kills { killed_after_each_step(run, &runbook).await } else { run.operate(runbook.as_ref(), None).await }
    };
    match tokio::time::timeout_at(deadline, work).await {
        Err(_) => return Err(Error::failed(format!("\"{runbook}\" had not come to its end after {limit:.0?}"))),
        Ok(Ok(Conclusion::Done)) => {}
        Ok(other) => return Err(Error::failed(format!("\"{runbook}\" did not heal: {:?}", other?))),
    }
    let left = deadline.saturating_duration_since(Instant::now());
    run.until_healthy(left).await.map_err(|error| match error {
        Error::Failed(why) => Error::failed(format!("\"{runbook}\" had not healed it after {limit:.0?}: {why}")),
        other => other,
    })?;
    let took = lab.now().since(called);
    lab.record("healthy", format!("after {took:.1?} by \"{runbook}\""));
    lab.score(|score| score.recover_ms = Some(took.as_millis() as u64));
    stays_healthy(run).await
}

async fn killed_after_each_step<S: System>(run: &Run<S>, runbook: &Arc<dyn Runbook>) -> Result<Conclusion> {
    for step in 1..MOST_STEPS {
        match run.operate(runbook.as_ref(), Some(step)).await {
            Err(Error::Killed { after, step }) => {
                run.lab().record("killed", format!("\"{runbook}\" after step {after} ({step})"));
            }
            // Killed after its last step it may find nothing left to do.
            Ok(Conclusion::NothingToDo) if step > 1 => return Ok(Conclusion::Done),
            other => return other,
        }
    }
    Err(Error::Bug(format!("\"{runbook}\" has more than {MOST_STEPS} steps")))
}

/// Called once more on a healthy system, the runbook finds nothing to do.
async fn again<S: System>(run: &Run<S>, procedure: &Procedure<S>) -> Result<()> {
    if !is_made(Check::SecondCall, run.lab()) {
        return Ok(());
    }
    let runbook = procedure.runbook(run)?;
    match run.operate(runbook.as_ref(), None).await? {
        Conclusion::NothingToDo => Ok(()),
        other => Err(Error::failed(format!("\"{runbook}\", run again on a healthy system: {other:?}"))),
    }
}

/// It stays healthy, writes go through, and every detector falls silent.
async fn stays_healthy<S: System>(run: &Run<S>) -> Result<()> {
    run.falls_silent(SILENCE).await?;
    let (more, limit) = WRITES;
    run.writes(more, limit).await.map_err(|error| Error::failed(error.to_string()))?;
    run.quiet(QUIET).await?;
    match run.system().healthy().await {
        Look::Ready(()) => Ok(()),
        Look::NotYet(why) => Err(Error::failed(format!("healthy no longer: {why}"))),
        Look::Never(error) => Err(error),
    }
}

/// The wrong runbook has done harm, of each kind that it should.
async fn harmed<S: System>(run: &Run<S>, harmful: &Harmful<S>) -> Result<()> {
    for action in &harmful.by {
        action.perform(run).await?;
    }
    let found = run.compare().await?;
    if let Some(kind) = harmful.kinds.iter().find(|kind| kind.count(&found) == 0) {
        let kind = kind.name();
        return Err(Error::failed(format!("no write is {kind}, although a wrong runbook was followed: {found}")));
    }
    if let Some((what, claim)) = &harmful.claim {
        claim(run, &found).await.map_err(|error| match error {
            Error::Failed(why) => Error::failed(format!("{what}: {why}")),
            other => other,
        })?;
    }
    run.lab().record("harm", found.to_string());
    Ok(())
}

/// Nothing acknowledged is lost and all nodes agree.
async fn unharmed<S: System>(run: &Run<S>) -> Result<()> {
    let found = run.compare().await?;
    if found.is_clean() { Ok(()) } else { Err(Error::failed(found.to_string())) }
}

#[cfg(test)]
mod tests;
