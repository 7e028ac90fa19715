//! A schedule played on a steady system, held against what must always be true.

use std::{collections::BTreeMap, time::Duration};

use tokio::{task::JoinSet, time::Instant};

use super::{Lab, Stage, Struck, System, phase::Steady};
use crate::campaign::{Call, Happening, Playable, Schedule, playable};
use reenact_core::{
    Error, Result,
    detect::Episode,
    probe::Moment,
    runbook::{Conclusion, Operator, Runbook},
};
use reenact_testbed::Testbed;

/// How many runbooks are tried, one after another, each at a detector's word.
const ROUNDS: usize = 4;
/// How long a runbook may take.
const RUNBOOK_LIMIT: Duration = Duration::from_secs(120);
/// How soon detectors fall silent on a healthy system.
const SILENCE: Duration = Duration::from_secs(15);
/// For how long a system that is healthy again is watched.
const QUIET: Duration = Duration::from_secs(3);

/// A schedule that is being played.
struct Play {
    struck: BTreeMap<usize, Struck>,
    /// Runbooks that were called and have not ended.
    calls: JoinSet<Result<()>>,
    applied: usize,
}

impl<S: System> Stage<S, Steady> {
    /// Plays a schedule: injects and heals each fault at its time, calls each runbook at
    /// its own, and heals at the end what is still in force. Then it must be healthy within
    /// `patience`, by itself or by the runbooks for what the detectors say; no detector may
    /// have fired before the first fault, or fire on afterwards; nothing acknowledged may
    /// be lost.
    ///
    /// # Errors
    /// [`Error::Failed`] with what does not hold, [`Error::Inconclusive`] if no fault could
    /// be injected, [`Error::Usage`] for a runbook that the system has not.
    pub async fn exercise(mut self, schedule: &Schedule, patience: Duration) -> Result<()> {
        let playable = playable(&schedule.system)?;
        let begun = self.lab().now();
        let mut play = Play { struck: BTreeMap::new(), calls: JoinSet::new(), applied: 0 };
        let started = Instant::now();
        for event in schedule.events() {
            self.lab().phase(format!("wait: {:?} on the schedule", event.at));
            tokio::time::sleep_until(started + event.at).await;
            self.happens(schedule, event.what, playable, &mut play).await?;
        }
        self.mend().await?;
        self.lab().phase("wait: the runbooks that were called to end");
        while let Some(ended) = play.calls.join_next().await {
            ended.map_err(|error| Error::Bug(format!("a runbook panicked: {error}")))??;
        }
        if play.applied == 0 && !schedule.faults.is_empty() {
            return Err(Error::inconclusive("no fault of the schedule could be injected"));
        }
        self.becomes_healthy(schedule, playable, patience).await?;
        self.stays_quiet(playable.system, begun).await?;
        self.account().await
    }

    async fn happens(&mut self, plan: &Schedule, what: Happening, of: &Playable, play: &mut Play) -> Result<()> {
        match what {
            Happening::Begins(index) => match self.strike(plan.faults[index].action.fault()).await {
                Ok(struck) => {
                    play.applied += 1;
                    play.struck.insert(index, struck);
                }
                // What an earlier fault has left makes some impossible, such as a signal to
                // a process that is gone.
                Err(Error::Inconclusive(why)) => self.lab().note("left out", why),
                Err(error) => return Err(error),
            },
            Happening::Ends(index) => {
                if let Some(struck) = play.struck.remove(&index) {
                    self.mend_one(struck).await?;
                }
            }
            Happening::Called(index) => {
                let Call { name, killed_after, .. } = &plan.calls[index];
                let runbook = (of.remedy(name)?.make)();
                let (bed, lab) = (self.system().bed().clone(), self.lab().clone());
                play.calls.spawn(called(bed, lab, runbook, *killed_after));
            }
        }
        Ok(())
    }

    /// Waits until it is healthy, and follows the detectors where that does not come by
    /// itself.
    async fn becomes_healthy(&self, schedule: &Schedule, playable: &Playable, patience: Duration) -> Result<()> {
        let mut tried = Vec::new();
        for _ in 0..ROUNDS {
            self.lab().phase("wait: it heals itself");
            let began = self.lab().now();
            let why = match self.until_healthy(patience).await {
                Ok(()) => {
                    let help = if tried.is_empty() { "no help".to_owned() } else { tried.join(", ") };
                    self.lab().note("healthy", format!("after {:.1?}, with {help}", self.lab().now().since(began)));
                    return Ok(());
                }
                Err(Error::Failed(why)) => why,
                Err(error) => return Err(error),
            };
            if schedule.heals_itself {
                return Err(Error::failed(format!("it does not heal itself: {why}")));
            }
            tried.push(self.remedied(playable, &why).await?);
        }
        Err(Error::failed(format!("still not healthy after the runbooks {}", tried.join(", "))))
    }

    /// Runs the first runbook that does not refuse, of those for what the detectors say.
    async fn remedied(&self, playable: &Playable, why: &str) -> Result<String> {
        let firing = self.lab().firing();
        let own: Vec<_> = firing.iter().filter(|id| is_of(id, playable.system)).copied().collect();
        if own.is_empty() {
            return Err(Error::failed(format!("not healthy, and no detector says so: {why}")));
        }
        let mut refused = Vec::new();
        for remedy in playable.remedies.iter().filter(|remedy| remedy.cures.iter().any(|id| own.contains(id))) {
            let runbook = (remedy.make)();
            self.lab().phase(format!("runbook: {runbook}"));
            let operator = self.operator();
            let ended = tokio::time::timeout(RUNBOOK_LIMIT, runbook.run(&operator)).await;
            match ended.map_err(|_| Error::failed(format!("\"{runbook}\" hangs")))?? {
                Conclusion::Done | Conclusion::NothingToDo => return Ok(format!("\"{runbook}\"")),
                Conclusion::Refused { why } => refused.push(format!("\"{runbook}\" refuses: {why}")),
            }
        }
        let said = own.join(", ");
        if refused.is_empty() {
            return Err(Error::failed(format!("there is no runbook for what is said, {said}: {why}")));
        }
        Err(Error::failed(format!("every runbook refuses: {said} fire, {why}; {}", refused.join("; "))))
    }

    /// No detector fired before anything went wrong, none of another system's ever did, and
    /// all are silent now.
    async fn stays_quiet(&self, system: &str, begun: Moment) -> Result<()> {
        let lab = self.lab();
        lab.phase("wait: every detector to fall silent");
        let silent = lab.falls_silent(SILENCE).await;
        silent.map_err(|error| Error::failed(format!("a detector fires on a healthy system: {error}")))?;
        let healthy = lab.now();
        let others: Vec<_> = lab.episodes().into_iter().map(|episode| episode.detector).collect();
        let others: Vec<_> = others.iter().map(String::as_str).collect();
        lab.quiet_for(QUIET, &others).await?;
        // On a machine at its limit a single look may hang.
        self.until_healthy(SILENCE).await.map_err(|error| Error::failed(format!("healthy no longer: {error}")))?;
        let is_false = |e: &Episode| e.from < begun || e.from > healthy || !is_of(&e.detector, system);
        match lab.episodes().into_iter().find(is_false) {
            None => Ok(()),
            Some(Episode { detector, from, evidence, .. }) => {
                Err(Error::failed(format!("false alarm of {detector}: at {from}, {}", evidence.join("; "))))
            }
        }
    }
}

fn is_of(detector: &str, system: &str) -> bool {
    detector.split('/').next() == Some(system)
}

/// Calls a runbook in the middle of whatever is going on: it may do its work, refuse, fail
/// or be killed; what it must not do is harm, which the end of the run tells.
async fn called(bed: Testbed, lab: Lab, runbook: Box<dyn Runbook>, killed_after: Option<usize>) -> Result<()> {
    let operator = Operator::new(bed.hands(), lab.journal(), killed_after);
    lab.note("called", runbook.to_string());
    let hangs = |_| Err(Error::failed(format!("it hangs: not done after {RUNBOOK_LIMIT:.0?}")));
    match tokio::time::timeout(RUNBOOK_LIMIT, runbook.run(&operator)).await.unwrap_or_else(hangs) {
        Ok(conclusion) => lab.note("runbook", format!("\"{runbook}\": {conclusion:?}")),
        Err(bug @ Error::Bug(_)) => return Err(bug),
        Err(error) => lab.note("runbook", format!("\"{runbook}\": {error}")),
    }
    Ok(())
}
