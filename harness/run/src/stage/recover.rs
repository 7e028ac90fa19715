//! From detection to health, by a runbook or by itself; and the wrong runbooks.

use std::time::{Duration, Instant};

use super::{
    Stage, System,
    phase::{Detected, Healed},
};
use reenact_core::{
    Error, Result,
    judge::Findings,
    runbook::{Conclusion, Operator, Runbook},
    wait::Look,
};

/// More steps than any runbook has; a bound for the one that is killed after each.
const MOST_STEPS: usize = 50;

impl<S: System> Stage<S, Detected> {
    /// Heals every fault in force: what stays broken now is the incident itself.
    ///
    /// # Errors
    /// As [`Stage::mend`].
    pub async fn heal(mut self) -> Result<Self> {
        self.mend().await?;
        Ok(self)
    }

    /// Control: with the faults healed and nothing done it stays broken, else a
    /// runbook's success proves nothing. In full runs only.
    ///
    /// # Errors
    /// [`Error::Inconclusive`] if it heals by itself.
    pub async fn stays_broken(self, time: Duration) -> Result<Self> {
        let lab = &self.run.lab;
        if !lab.plan().full {
            return Ok(self);
        }
        lab.phase(format!("control: stays broken for {time:.0?}"));
        let end = Instant::now() + time;
        while Instant::now() < end {
            if matches!(self.run.system.healthy().await, Look::Ready(())) {
                return Err(Error::inconclusive("it healed by itself, so no runbook would prove anything"));
            }
            tokio::time::sleep(reenact_core::wait::EVERY * 5).await;
        }
        lab.note("control", format!("stayed broken for {time:.0?} with every fault healed"));
        Ok(self)
    }

    /// A wrong runbook must refuse, and leave everything as it was. In full runs only.
    ///
    /// # Errors
    /// [`Error::Failed`] if it does not refuse.
    pub async fn refuses(self, wrong: &dyn Runbook) -> Result<Self> {
        if !self.run.lab.plan().full {
            return Ok(self);
        }
        self.must_refuse(wrong).await?;
        Ok(self)
    }

    /// As [`Stage::refuses`], in quick runs too.
    ///
    /// # Errors
    /// [`Error::Failed`] if it does not refuse.
    pub async fn must_refuse(&self, wrong: &dyn Runbook) -> Result<()> {
        self.run.lab.phase(format!("wrong runbook: {wrong}"));
        match self.operate(wrong, None).await? {
            Conclusion::Refused { why } => {
                self.run.lab.note("refused", format!("{wrong}: {why}"));
                Ok(())
            }
            other => Err(Error::failed(format!("\"{wrong}\" should have refused, but: {other:?}"))),
        }
    }

    /// A runbook that does no harm here and no good: after it, it is as broken as
    /// before. In full runs only.
    ///
    /// # Errors
    /// [`Error::Failed`] if every node serves within `time` after it.
    pub async fn does_not_help(self, runbook: &dyn Runbook, time: Duration) -> Result<Self> {
        if !self.run.lab.plan().full {
            return Ok(self);
        }
        self.force(runbook).await?;
        match self.until_healthy(time).await {
            Ok(()) => Err(Error::failed(format!("\"{runbook}\" healed it, although it should be of no use"))),
            Err(Error::Failed(why)) => {
                self.run.lab.note("useless", format!("\"{runbook}\": {why}"));
                Ok(self)
            }
            Err(other) => Err(other),
        }
    }

    /// A runbook that believes to have healed it, and has not: a false success.
    ///
    /// # Errors
    /// [`Error::Failed`] if it does not claim so, or every node serves within `time`
    /// after it.
    pub async fn is_deceived(self, runbook: &dyn Runbook, time: Duration) -> Result<Self> {
        match self.force(runbook).await? {
            Conclusion::Done => {}
            other => return Err(Error::failed(format!("\"{runbook}\" should have claimed success, but: {other:?}"))),
        }
        match self.until_healthy(time).await {
            Ok(()) => Err(Error::failed(format!("\"{runbook}\" healed it, although it should only seem to"))),
            Err(Error::Failed(why)) => {
                self.run.lab.note("false success", format!("\"{runbook}\": {why}"));
                Ok(self)
            }
            Err(other) => Err(other),
        }
    }

    /// Runs a wrong runbook to its end, whatever comes of it.
    ///
    /// # Errors
    /// What its steps met.
    pub async fn force(&self, wrong: &dyn Runbook) -> Result<Conclusion> {
        self.run.lab.phase(format!("wrong runbook, forced: {wrong}"));
        self.operate(wrong, None).await
    }

    /// Waits for another detector, which fires on what a wrong runbook made.
    ///
    /// # Errors
    /// [`Error::Failed`] if it does not fire within `limit`.
    pub async fn then_detects(self, detector: &str, limit: Duration) -> Result<Self> {
        let stage: Stage<S, super::phase::Faulted> = self.turn();
        stage.detect(detector, limit).await
    }

    /// Waits until no detector fires any more: one part of a longer story is over.
    ///
    /// # Errors
    /// [`Error::Failed`] with those that still do after `limit`.
    pub async fn falls_silent(self, limit: Duration) -> Result<Self> {
        self.run.lab.phase("wait: every detector to fall silent");
        self.run.lab.falls_silent(limit).await?;
        Ok(self)
    }

    /// Holds that a detector fires at this moment, whatever was done meanwhile.
    ///
    /// # Errors
    /// [`Error::Failed`] if it has fallen silent.
    pub fn still_detects(self, detector: &str) -> Result<Self> {
        if self.run.lab.episodes().iter().any(|episode| episode.detector == detector && episode.to.is_none()) {
            return Ok(self);
        }
        Err(Error::failed(format!("{detector} has fallen silent, although nothing is healed")))
    }

    /// Ends a run whose wrong runbook must be found to have done harm. Gives the
    /// findings to those who expect a certain harm.
    ///
    /// # Errors
    /// [`Error::Failed`] if the judge finds no harm.
    pub async fn harmed(self) -> Result<Findings> {
        let found = self.compare().await?;
        let lab = self.run.lab.clone();
        self.close().await?;
        lab.no_false_alarm(lab.expected())?;
        if found.is_clean() {
            return Err(Error::failed(format!("the wrong runbook did no harm that the judge can see: {found}")));
        }
        lab.note("harm", found.to_string());
        Ok(found)
    }

    /// Runs the right runbook and waits until every node serves. In full runs it is
    /// killed after each of its steps and run again.
    ///
    /// # Errors
    /// [`Error::Failed`] if it refuses, or it is not healthy within `limit`.
    pub async fn recover(self, runbook: &dyn Runbook, limit: Duration) -> Result<Stage<S, Healed>> {
        let lab = &self.run.lab;
        lab.phase(format!("runbook: {runbook}"));
        let called = lab.now();
        // Each kill repeats work; the limit is for one run.
        let limit = if lab.plan().full { limit * 5 } else { limit };
        let deadline = Instant::now() + limit;
        let work = async {
            if lab.plan().full { self.killed_after_each_step(runbook).await } else { self.operate(runbook, None).await }
        };
        match tokio::time::timeout_at(deadline.into(), work).await {
            Err(_) => return Err(Error::failed(format!("\"{runbook}\" had not come to its end after {limit:.0?}"))),
            Ok(Ok(Conclusion::Done)) => {}
            Ok(other) => return Err(Error::failed(format!("\"{runbook}\" did not heal: {:?}", other?))),
        }
        let left = deadline.saturating_duration_since(Instant::now());
        let unhealed = |error: Error| match error {
            Error::Failed(why) => Error::failed(format!("\"{runbook}\" had not healed it after {limit:.0?}: {why}")),
            other => other,
        };
        self.until_healthy(left).await.map_err(unhealed)?;
        let took = lab.now().since(called);
        lab.note("healthy", format!("after {took:.1?} by \"{runbook}\""));
        lab.score(|score| score.recover_ms = Some(took.as_millis() as u64));
        Ok(self.turn())
    }

    /// Waits until it is healthy with no runbook: the fault was healed and that was
    /// all it needed.
    ///
    /// # Errors
    /// [`Error::Failed`] if it is not within `limit`.
    pub async fn heals_itself(self, limit: Duration) -> Result<Stage<S, Healed>> {
        let lab = &self.run.lab;
        lab.phase("wait: it heals itself");
        let called = lab.now();
        self.until_healthy(limit).await?;
        let took = lab.now().since(called);
        lab.note("healthy", format!("again after {took:.1?}, with no help"));
        lab.score(|score| score.recover_ms = Some(took.as_millis() as u64));
        Ok(self.turn())
    }

    async fn killed_after_each_step(&self, runbook: &dyn Runbook) -> Result<Conclusion> {
        for step in 1..MOST_STEPS {
            match self.operate(runbook, Some(step)).await {
                Err(Error::Killed { after, step }) => {
                    self.run.lab.note("killed", format!("\"{runbook}\" after step {after} ({step})"));
                }
                // Killed after its last step it may find nothing left to do.
                Ok(Conclusion::NothingToDo) if step > 1 => return Ok(Conclusion::Done),
                other => return other,
            }
        }
        Err(Error::Bug(format!("\"{runbook}\" has more than {MOST_STEPS} steps")))
    }
}

impl<S: System, P> Stage<S, P> {
    async fn operate(&self, runbook: &dyn Runbook, limit: Option<usize>) -> Result<Conclusion> {
        let run = &self.run;
        let operator = Operator::new(run.system.bed().hands(), run.lab.journal(), limit);
        let conclusion = runbook.run(&operator).await;
        if let Ok(conclusion) = &conclusion {
            run.lab.note("runbook", format!("\"{runbook}\": {conclusion:?}"));
        }
        conclusion
    }

    /// An operator at work outside any runbook: a planned restart, a node that is
    /// added.
    pub fn operator(&self) -> Operator<'_> {
        Operator::new(self.run.system.bed().hands(), self.run.lab.journal(), None)
    }
}

impl<S: System> Stage<S, Healed> {
    /// Run once more the runbook must find nothing to do. In full runs only.
    ///
    /// # Errors
    /// [`Error::Failed`] if it changes anything.
    pub async fn again(self, runbook: &dyn Runbook) -> Result<Self> {
        if !self.run.lab.plan().full {
            return Ok(self);
        }
        self.run.lab.phase(format!("runbook again: {runbook}"));
        match self.operate(runbook, None).await? {
            Conclusion::NothingToDo => Ok(self),
            other => Err(Error::failed(format!("\"{runbook}\", run again on a healthy system: {other:?}"))),
        }
    }

    /// It stays healthy, writes go through, and every detector falls silent.
    ///
    /// # Errors
    /// [`Error::Failed`] where one of these does not hold.
    pub async fn stays_healthy(self, time: Duration) -> Result<Self> {
        let lab = &self.run.lab;
        lab.phase(format!("stays healthy for {time:.0?}"));
        lab.falls_silent(Duration::from_secs(10)).await?;
        self.writes(20, Duration::from_secs(20)).await.map_err(|error| Error::failed(error.to_string()))?;
        lab.quiet_for(time, lab.expected()).await?;
        match self.run.system.healthy().await {
            Look::Ready(()) => Ok(self),
            Look::NotYet(why) => Err(Error::failed(format!("healthy no longer: {why}"))),
            Look::Never(error) => Err(error),
        }
    }

    /// Ends the run: nothing acknowledged is lost and all nodes agree.
    ///
    /// # Errors
    /// [`Error::Failed`] with the ids that are not where they should be.
    pub async fn finish(self) -> Result<()> {
        let found = self.compare().await?;
        let lab = self.run.lab.clone();
        self.close().await?;
        lab.no_false_alarm(lab.expected())?;
        if found.is_clean() { Ok(()) } else { Err(Error::failed(found.to_string())) }
    }
}
