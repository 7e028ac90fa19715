//! The contract's seventh step: healed, by a runbook or by itself, or harmed.

use std::{sync::Arc, time::Duration};

use reenact_core::{
    Error, Result,
    poll::Look,
    runbook::{Conclusion, Runbook},
};
use tokio::time::Instant;

use super::{Check, QUIET, is_made};
use crate::incident::{Harmful, How, Procedure, Run, System};

/// How soon detectors fall silent on a system that is healthy again.
const SILENCE: Duration = Duration::from_secs(10);
/// So many writes must go through on a system that is healthy again, within so long.
const WRITES: (usize, Duration) = (20, Duration::from_secs(20));
/// More steps than any runbook has; a bound for the one that is killed after each.
const MOST_STEPS: usize = 50;
/// Killed after each step a runbook repeats work: it may take so many times its limit.
const REPEATED: u32 = 5;

/// 7. It ends as it should.
pub(super) async fn ended<S: System>(run: &Run<S>, how: &How<S>) -> Result<()> {
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

/// Nothing acknowledged is lost, all nodes agree, and reads are as promised.
pub(super) async fn unharmed<S: System>(run: &Run<S>, how: &How<S>) -> Result<()> {
    let mut found = run.compare().await?;
    if run.may_misread(how) {
        found.misread.clear();
    }
    if found.is_clean() { Ok(()) } else { Err(Error::failed(found.to_string())) }
}
