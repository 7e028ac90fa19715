//! A schedule played on a steady system, held against what must always be true. It is an
//! incident like any other, whose one act is the schedule.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures::future::BoxFuture;
use reenact_core::{
    Error, Result,
    detect::{self, Episode},
    poll::Look,
    probe::Moment,
    runbook::{Conclusion, Hands, Operator, Runbook},
};
use reenact_testbed::fault::Fault;
use tokio::{task::JoinSet, time::Instant};

use crate::{
    campaign::{BEGINS, CALLED, Call, ENDS, Happening, Remedy, Schedule},
    contract,
    incident::{Act, How, Incident, Lab, Run, System, nobody, none, story},
};

/// How many runbooks are tried, one after another, each at a detector's word.
const ROUNDS: usize = 4;
/// How long a runbook may take.
const RUNBOOK_LIMIT: Duration = Duration::from_secs(120);
/// How soon a system that looks healthy must prove to be so: on a machine at its limit a
/// single look may hang.
const SILENCE: Duration = Duration::from_secs(15);

/// A schedule with its faults as a system knows them.
pub struct Play<S> {
    /// It.
    pub schedule: Schedule,
    /// Its faults, in its order.
    pub faults: Vec<Arc<dyn Fault<S>>>,
    /// The system's runbooks, the first one that fits a diagnosis first.
    pub remedies: &'static [Remedy],
    /// How long the system may take to be healthy again by itself.
    pub patience: Duration,
}

/// When the schedule began: what fired before it is a false alarm.
#[derive(Clone, Copy)]
struct Begun(Moment);

/// The schedule as an incident, without a name.
pub(crate) fn incident<S: System>(setup: S::Setup, play: Play<S>) -> Incident<S> {
    let system = play.schedule.system.clone();
    let own: Vec<_> = detect::all().into_iter().map(|entry| entry.id).filter(|id| is_of(id, &system)).collect();
    let play = Arc::new(play);
    let (of_story, what) = (Arc::clone(&play), format!("the schedule: {} faults", play.faults.len()));
    let played = story(what, move |run| -> BoxFuture<'_, Result<()>> {
        let play = Arc::clone(&of_story);
        Box::pin(async move { played(run, &play).await })
    });
    Incident {
        id: "",
        story: "Timed faults and calls of runbooks, as the plan has them.",
        source: "a plan file",
        setup,
        acts: vec![Act {
            breaks: vec![played],
            fingerprints: none("a schedule, and no report"),
            detected: nobody("any detector of the system may be right").also(&own),
            control: none("it may heal by itself"),
            wrong: none("its runbooks are called by the schedule"),
            ends: How::AsDiagnosed(play).into(),
        }],
    }
}

/// Injects and heals each fault at its time, and calls each runbook at its own.
async fn played<S: System>(run: &Run<S>, play: &Play<S>) -> Result<()> {
    let lab = run.lab();
    run.keep(Begun(lab.now()));
    let (started, mut applied, mut calls) = (Instant::now(), BTreeMap::new(), JoinSet::new());
    for event in play.schedule.events() {
        lab.phase(format!("wait: {:?} on the schedule", event.at));
        tokio::time::sleep_until(started + event.at).await;
        match event.what {
            Happening::Begins(index) => {
                let name = format!("fault {index}");
                match run.inject_shared(Some(name.clone()), false, Arc::clone(&play.faults[index])).await {
                    Ok(()) => {
                        lab.record(BEGINS, &play.schedule.faults[index].fault.kind);
                        applied.insert(index, name);
                    }
                    // What an earlier fault has left makes some impossible, such as a signal to
                    // a process that is gone.
                    Err(Error::Inconclusive(why) | Error::Unproved(why)) => lab.record("left out", why),
                    Err(error) => return Err(error),
                }
            }
            Happening::Ends(index) => {
                if let Some(name) = applied.get(&index) {
                    run.heal(name).await?;
                    lab.record(ENDS, &play.schedule.faults[index].fault.kind);
                }
            }
            Happening::Called(index) => {
                let Call { name, killed_after, .. } = &play.schedule.calls[index];
                let runbook = (named(play.remedies, name)?.make)();
                lab.record(CALLED, name);
                calls.spawn(called(run.system().hands(), lab.clone(), runbook, *killed_after));
            }
        }
    }
    run.heal_all().await?;
    lab.phase("wait: the runbooks that were called to end");
    while let Some(ended) = calls.join_next().await {
        ended.map_err(|error| Error::Bug(format!("a runbook panicked: {error}")))??;
    }
    if applied.is_empty() && !play.faults.is_empty() {
        return Err(Error::inconclusive("no fault of the schedule could be injected"));
    }
    Ok(())
}

fn named(remedies: &'static [Remedy], name: &str) -> Result<&'static Remedy> {
    let found = remedies.iter().find(|remedy| remedy.name == name);
    found.ok_or_else(|| Error::Bug(format!("no runbook {name:?}, although the plan was checked")))
}

/// Calls a runbook in the middle of whatever is going on: it may do its work, refuse, fail
/// or be killed; what it must not do is harm, which the end of the run tells.
async fn called(hands: Box<dyn Hands>, lab: Lab, runbook: Box<dyn Runbook>, killed_after: Option<usize>) -> Result<()> {
    let operator = Operator::new(hands, lab.journal(), killed_after);
    let hangs = |_| Err(Error::failed(format!("it hangs: not done after {RUNBOOK_LIMIT:.0?}")));
    match tokio::time::timeout(RUNBOOK_LIMIT, runbook.run(&operator)).await.unwrap_or_else(hangs) {
        Ok(conclusion) => lab.record("runbook", format!("\"{runbook}\": {conclusion:?}")),
        Err(bug @ Error::Bug(_)) => return Err(bug),
        Err(error) => lab.record("runbook", format!("\"{runbook}\": {error}")),
    }
    Ok(())
}

/// The end of a schedule: healthy by itself, or by the runbooks for what the detectors say.
pub(crate) async fn ended<S: System>(run: &Run<S>, play: &Play<S>) -> Result<()> {
    becomes_healthy(run, play).await?;
    stays_quiet(run, &play.schedule.system).await
}

async fn becomes_healthy<S: System>(run: &Run<S>, play: &Play<S>) -> Result<()> {
    let lab = run.lab();
    let mut tried = Vec::new();
    for _ in 0..ROUNDS {
        lab.phase("wait: it heals itself");
        let began = lab.now();
        let why = match settled(run, play.patience).await {
            Ok(()) => {
                let help = if tried.is_empty() { "no help".to_owned() } else { tried.join(", ") };
                lab.record("healthy", format!("after {:.1?}, with {help}", lab.now().since(began)));
                return Ok(());
            }
            Err(Error::Failed(why)) => why,
            Err(error) => return Err(error),
        };
        if play.schedule.heals_itself {
            return Err(Error::failed(format!("it does not heal itself: {why}")));
        }
        tried.push(remedied(run, play, &why).await?);
    }
    Err(Error::failed(format!("still not healthy after the runbooks {}", tried.join(", "))))
}

/// Healthy, and so still when every supervisor has looked anew: what a fault has just done
/// nobody may have noticed yet.
async fn settled<S: System>(run: &Run<S>, patience: Duration) -> Result<()> {
    let deadline = Instant::now() + patience;
    loop {
        run.until_healthy(deadline.saturating_duration_since(Instant::now())).await?;
        run.quiet(contract::QUIET).await?;
        match run.system().healthy().await {
            Look::Ready(()) => return Ok(()),
            Look::NotYet(why) if Instant::now() > deadline => {
                return Err(Error::failed(format!("healthy for less than {:?}: {why}", contract::QUIET)));
            }
            Look::NotYet(_) => {}
            Look::Never(error) => return Err(error),
        }
    }
}

/// Runs the first runbook that does not refuse, of those for what the detectors say.
async fn remedied<S: System>(run: &Run<S>, play: &Play<S>, why: &str) -> Result<String> {
    let firing = run.lab().firing();
    let own: Vec<_> = firing.iter().filter(|id| is_of(id, &play.schedule.system)).copied().collect();
    if own.is_empty() {
        return resumed(run, play, why).await;
    }
    let mut refused = Vec::new();
    for remedy in play.remedies.iter().filter(|remedy| remedy.cures.iter().any(|id| own.contains(id))) {
        let runbook = (remedy.make)();
        match operated(run, runbook.as_ref()).await? {
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

async fn operated<S: System>(run: &Run<S>, runbook: &dyn Runbook) -> Result<Conclusion> {
    let ended = tokio::time::timeout(RUNBOOK_LIMIT, run.operate(runbook, None)).await;
    ended.map_err(|_| Error::failed(format!("\"{runbook}\" hangs")))?
}

/// Calls the runbook again that was killed last. What it has stopped, as its jobs' operator, no detector tells of: whoever
/// called it comes back to it.
async fn resumed<S: System>(run: &Run<S>, play: &Play<S>, why: &str) -> Result<String> {
    let silent = |more: String| Error::failed(format!("not healthy, and no detector says so: {why}{more}"));
    let killed = play.schedule.calls.iter().filter(|call| call.killed_after.is_some());
    let last = killed.max_by_key(|call| call.at).ok_or_else(|| silent(String::new()))?;
    let runbook = (named(play.remedies, &last.name)?.make)();
    match operated(run, runbook.as_ref()).await? {
        Conclusion::Done => Ok(format!("\"{runbook}\", which had been killed")),
        Conclusion::NothingToDo => Err(silent(format!("; \"{runbook}\", which had been killed, has nothing to do"))),
        Conclusion::Refused { why } => Err(silent(format!("; \"{runbook}\", which had been killed, refuses: {why}"))),
    }
}

/// No detector fired before anything went wrong, none of another system's ever did, and
/// all are silent now.
async fn stays_quiet<S: System>(run: &Run<S>, system: &str) -> Result<()> {
    let lab = run.lab();
    let silent = run.falls_silent(SILENCE).await;
    silent.map_err(|error| Error::failed(format!("a detector fires on a healthy system: {error}")))?;
    let (Begun(begun), healthy) = (run.kept()?, lab.now());
    run.quiet(contract::QUIET).await?;
    run.until_healthy(SILENCE).await.map_err(|error| Error::failed(format!("healthy no longer: {error}")))?;
    let is_false = |e: &Episode| e.from < begun || e.from > healthy || !is_of(&e.detector, system);
    match lab.episodes().into_iter().find(is_false) {
        None => Ok(()),
        Some(Episode { detector, from, evidence, .. }) => {
            Err(Error::failed(format!("false alarm of {detector}: at {from}, {}", evidence.join("; "))))
        }
    }
}

fn is_of(detector: &str, system: &str) -> bool {
    detector.split('/').next() == Some(system)
}
