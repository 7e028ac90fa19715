//! The contract's steps up to the diagnosis, then somebody's own recovery in the place of the
//! right runbook, and the judge.

mod harm;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use reenact_core::{
    Error, Result,
    drill::{self, Ending, Facts, Verdict},
    judge::{self, Findings},
    poll::{self, Look},
    probe::{Moment, Observation, Signal},
    runbook::Runbook,
    workload::Entry,
};
use reenact_testbed::{Desk, Place, Server, Session, Testbed};

use harm::{Held, changes};

use super::{Step, broken, perform_act, serves, stuck};
use crate::{
    drill::{Drilled, Exercise, External, Files, page},
    incident::{Act, How, Incident, Lab, Run, Stated, System},
};

/// How long a system may take to be healthy once a recovery claims that it is, or has given up
/// half way.
const PATIENCE: Duration = Duration::from_secs(60);
/// The same after one that says that it has done nothing.
const AFTER_REFUSAL: Duration = Duration::from_secs(5);
/// A system that is healthy acknowledges so many writes within so long.
const WRITES: (usize, Duration) = (20, Duration::from_secs(20));
/// How long a look at a system's health may take.
const LOOK: Duration = Duration::from_secs(10);
/// The same of the one look for the page: nobody waits longer for it.
const GLANCE: Duration = Duration::from_secs(2);

/// Plays an incident until it is detected, hands it over, and puts down what comes of it.
///
/// # Errors
/// [`Error::Failed`] with the verdict where it is not healed; all else says that the exercise
/// came to nothing.
pub async fn drill<S: System>(
    session: &Session,
    lab: &Lab,
    system: S,
    incident: &Incident<S>,
    exercise: &Arc<Exercise>,
) -> Result<()> {
    let run = Run::begin(lab, system).await?;
    let drilled = acts(session, &run, incident, exercise).await;
    run.close().await.and(drilled)
}

/// Which of its acts is handed over: the last that is noticed.
pub fn drilled_act<S: System>(incident: &Incident<S>) -> usize {
    let is_noticed = |act: &Act<S>| matches!(act.detected.by, Stated::Given(_));
    incident.acts.iter().rposition(is_noticed).unwrap_or(incident.acts.len().saturating_sub(1))
}

async fn acts<S: System>(
    session: &Session,
    run: &Run<S>,
    incident: &Incident<S>,
    exercise: &Arc<Exercise>,
) -> Result<()> {
    // That no detector says a word before is proved of the scenario, and not of each drill.
    serves(run, run.ledger().acknowledged()).await?;
    seen_well(run).await?;
    run.story_begins();
    let at = drilled_act(incident);
    for act in &incident.acts[..at] {
        perform_act(run, act, false).await?;
    }
    let act = &incident.acts[at];
    let lab = run.lab();
    broken(run, act).await?;
    let noticed = lab.now();
    (exercise.listener)("detected", &lab.firing().join(", "));
    if !exercise.looks {
        if !matches!(act.ends.how, How::GoesOn) {
            run.heal_all().await?;
        }
        stuck(run, act, false).await?;
    }
    lab.begins(Step::Ended);
    let system = incident.id.split("::").next().unwrap_or(incident.id);
    let drilled = handed_over(session, run, system, exercise, noticed).await?;
    run.heal_all().await?;
    let (verdict, why) = (drilled.verdict, drilled.why.clone());
    lab.score(|score| score.recover_ms = drilled.recover_ms);
    exercise.came_to(drilled);
    match verdict {
        Verdict::Healed => Ok(()),
        other => Err(Error::failed(format!("{other}: {why}"))),
    }
}

/// Every question that is asked again and again is answered once more: what the system is like when it is well, detectors
/// have to know.
async fn seen_well<S: System>(run: &Run<S>) -> Result<()> {
    let from = run.lab().now();
    let asked = |seen: &[Observation], since: Moment| {
        let mut all: BTreeMap<_, usize> = BTreeMap::new();
        for observation in seen.iter().filter(|observation| observation.at >= since) {
            if let Signal::Query { of, .. } = &observation.signal {
                *all.entry((observation.node.clone(), of.clone())).or_default() += 1;
            }
        }
        all
    };
    let mut before = run.read(|seen| asked(seen, Moment::default()));
    before.retain(|_, count| *count > 1);
    let all_again = poll::until("every question to be answered once more", LOOK, || async {
        let now = run.read(|seen| asked(seen, from));
        let missing = before.keys().find(|question| !now.contains_key(question));
        missing.map_or(Look::Ready(()), |(node, of)| Look::NotYet(format!("{node}: {of} is not")))
    });
    all_again.await.map_err(|error| Error::inconclusive(error.to_string()))
}

/// An operator at a broken system.
struct Seat<'r, S: System> {
    run: &'r Run<S>,
    bed: Testbed,
    desk: Arc<Desk>,
    external: External,
}

async fn handed_over<S: System>(
    session: &Session,
    run: &Run<S>,
    system: &str,
    exercise: &Arc<Exercise>,
    noticed: Moment,
) -> Result<Drilled> {
    let lab = run.lab();
    let bed = lab.bed().ok_or_else(|| Error::Bug("a drill without a testbed".into()))?;
    let (journal, listener) = (lab.clone(), Arc::clone(exercise));
    let told = Box::new(move |number: usize, command: &reenact_testbed::Command, ended: bool| {
        let at = format!("{number}. {}$ {}", command.node, command.text);
        let (kind, text) = match (ended, command.code) {
            (false, _) => ("step", at),
            (true, code) => ("operator", format!("{at}\n[{}]", code.unwrap_or_default())),
        };
        (listener.listener)(kind, &text);
        journal.record(kind, text);
    });
    let checked = tokio::time::timeout(GLANCE, unwell(run));
    let (opened, checked) = tokio::join!(Desk::open(&bed, told), checked);
    let ((desk, keys), check) = (opened?, checked.unwrap_or_else(|_| Ok(Some("no answer".into()))));
    let strays = session.strays().part(session.next());
    let private = strays.folder();
    let files = Files::write(lab.dir(), private, system, &bed, &desk, &keys)?;
    // What can no longer come true is a symptom as well.
    let check = check.unwrap_or_else(|error| Some(error.to_string()));
    paged(run, system, &bed, &files, check.as_deref(), exercise)?;
    let desk = Arc::new(desk);
    let set = match &exercise.in_box {
        Some(folder) => Some(Place::set(&desk, folder).await?),
        None => None,
    };
    if let Some(set) = &set {
        Files::write_into(set, system, &bed, &keys).await?;
    }
    let external = External::new(exercise, Arc::clone(&desk), &files, set, strays)?;
    let seat = Seat { run, bed, desk, external };
    let drilled = seat.exercised(exercise, noticed).await;
    files.forget();
    drilled
}

/// What is wrong with a system, by one look at its health; `None`: nothing.
async fn unwell<S: System>(run: &Run<S>) -> Result<Option<String>> {
    match tokio::time::timeout(LOOK, run.system().healthy()).await {
        Ok(Look::Ready(())) => Ok(None),
        Ok(Look::NotYet(why)) => Ok(Some(why)),
        Ok(Look::Never(error)) => Err(error),
        Err(_) => Ok(Some(format!("no answer within {LOOK:.0?}"))),
    }
}

/// Leaves the page where it is read, and calls whoever sits at a shell.
fn paged<S: System>(
    run: &Run<S>,
    system: &str,
    bed: &Testbed,
    files: &Files,
    check: Option<&str>,
    exercise: &Exercise,
) -> Result<()> {
    let nodes: Vec<_> = bed.nodes().iter().map(|node| (node.name().to_owned(), node.ip().to_string())).collect();
    let lab = run.lab();
    let now = lab.now();
    let known = page::Known { system, layout: run.system().layout(), nodes: &nodes };
    let text = run.read(|seen| lab.ledger().read(|all| page::page(&known, check, seen, all, now)));
    files.page(&text)?;
    files.diagnoses(&exercise.diagnoses)?;
    if exercise.by_hand {
        (exercise.listener)("page", &text);
        reenact_core::progress::hide();
    }
    Ok(())
}

impl<S: System> Seat<'_, S> {
    async fn exercised(&self, exercise: &Arc<Exercise>, noticed: Moment) -> Result<Drilled> {
        let (run, lab) = (self.run, self.run.lab());
        let (before, held, called) = (self.servers().await?, self.held().await, lab.now());
        let killed_after = self.calls(exercise).await?;
        let ending = self.external.ending().ok_or_else(|| Error::Bug("a call without an end".into()))?;
        let patience = match ending {
            Ending::Refused(_) => AFTER_REFUSAL,
            Ending::GoesOn => exercise.limit,
            _ => PATIENCE,
        };
        let mut unhealthy = self.until_healthy(patience).await?;
        let healthy_at = lab.now();
        let mut again = None;
        if exercise.again && unhealthy.is_none() {
            again = Some(self.again().await?);
            unhealthy = self.until_healthy(PATIENCE).await?;
        }
        let touched = changes(&before, &self.servers().await?);
        let changed = if matches!(ending, Ending::Refused(_)) { touched.clone() } else { Vec::new() };
        let found = match &mut unhealthy {
            None => run.compare().await?,
            Some(why) => {
                let (harm, uncounted) = self.held().await.since(held);
                why.extend(uncounted.map(|uncounted| format!("; {uncounted}")));
                harm
            }
        };
        let unavailable = lab.ledger().read(|all| drill::unavailable(all, run.effect_at(), healthy_at));
        let facts = Facts { ending, unhealthy, found, changed };
        let (verdict, why) = judged(&facts, again.as_deref());
        lab.record("drill", format!("{verdict}: {why}"));
        let healed = matches!(verdict, Verdict::Healed | Verdict::HealedWithLoss);
        let from = |moment: Moment| healed.then(|| healthy_at.since(moment).as_millis() as u64);
        Ok(Drilled {
            verdict,
            why,
            ending: facts.ending,
            found: facts.found,
            recover_ms: from(called),
            recover_from_detection_ms: from(noticed),
            unavailable_ms: unavailable.as_millis() as u64,
            commands: self.desk.commands().into_iter().map(Into::into).collect(),
            killed_after,
            touched,
            again,
        })
    }

    /// Calls it, and where it is to be killed once more on what it left. Gives after how many
    /// commands it was killed.
    async fn calls(&self, exercise: &Exercise) -> Result<Option<usize>> {
        self.call(exercise.kill).await?;
        // One that came to its end before it could be killed is not called again.
        if !matches!(self.external.ending(), Some(Ending::Killed(_))) {
            return Ok(None);
        }
        self.call(None).await?;
        Ok(exercise.kill)
    }

    /// Calls it, or has it killed after so many commands. How it ended is with it.
    async fn call(&self, kill: Option<usize>) -> Result<()> {
        let external: &dyn Runbook = &self.external;
        match self.run.operate(external, kill).await {
            Err(Error::Killed { after, .. }) => {
                self.run.lab().record("killed", format!("{external} after command {after}"))
            }
            Err(Error::Failed(why)) => self.run.lab().record("runbook", why),
            other => drop(other?),
        }
        Ok(())
    }

    /// Why it is not healthy, once it had its time; `None`: every node serves, and takes writes.
    async fn until_healthy(&self, patience: Duration) -> Result<Option<String>> {
        let run = self.run;
        run.lab().phase("wait: every node to serve");
        match run.until_healthy(patience).await {
            Ok(()) => {}
            Err(Error::Failed(why)) => return Ok(Some(why)),
            Err(other) => return Err(other),
        }
        run.lab().record("healthy", "every node serves");
        let (more, limit) = WRITES;
        if let Err(error) = run.writes(more, limit).await {
            return Ok(Some(error.to_string()));
        }
        Ok(unwell(run).await?.map(|why| format!("healthy no longer: {why}")))
    }

    /// Calls it once more on the healthy system, and says what it should not have done.
    async fn again(&self) -> Result<Vec<String>> {
        let before = self.servers().await?;
        self.call(None).await?;
        let gone = changes(&before, &self.servers().await?);
        let ended = match self.external.ending() {
            Some(Ending::Success | Ending::GoesOn | Ending::Refused(_)) | None => None,
            Some(other) => Some(other.to_string()),
        };
        Ok(ended.into_iter().chain(gone).collect())
    }

    async fn servers(&self) -> Result<Vec<(String, Vec<Server>)>> {
        let mut all = Vec::new();
        for node in self.bed.nodes() {
            all.push((node.name().to_owned(), node.servers(self.bed.shell()).await?));
        }
        Ok(all)
    }

    /// What those who can be asked lack or have too much already.
    async fn held(&self) -> Held {
        let lab = self.run.lab();
        let now = lab.now();
        let silent = || format!("no answer within {LOOK:.0?}");
        // Clients go on: only what they knew before the look counts.
        let known = |all: &[Entry]| all.iter().filter(|entry| entry.to <= now).cloned().collect::<Vec<_>>();
        let compared = |served: Vec<_>| {
            let contents: BTreeMap<_, _> = served.into_iter().collect();
            let found = judge::compare(&lab.ledger().read(known), &contents);
            Findings { unexpected: BTreeSet::new(), divergent: BTreeSet::new(), ..found }
        };
        let served = tokio::time::timeout(LOOK, self.run.system().served()).await;
        let found = served.map(compared).map_err(|_| silent());
        let repeated = match tokio::time::timeout(LOOK, self.run.system().repeated()).await {
            Ok(repeated) => repeated.map_err(|error| error.to_string()),
            Err(_) => Err(silent()),
        };
        Held { found, repeated }
    }
}

/// The verdict, and why: a second call has to leave a healthy system alone.
fn judged(facts: &Facts, again: Option<&[String]>) -> (Verdict, String) {
    match (facts.verdict(), again) {
        ((Verdict::Healed, _), Some(done)) if !done.is_empty() => {
            (Verdict::Harm, format!("healed; called again on the healthy system: {}", done.join(", ")))
        }
        (verdict, _) => verdict,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_call_that_restarts_what_serves_is_harm() {
        let (ending, found) = (Ending::Success, Findings::default());
        let facts = Facts { ending, unhealthy: None, found, changed: Vec::new() };
        assert_eq!(judged(&facts, None).0, Verdict::Healed);
        assert_eq!(judged(&facts, Some(&[])).0, Verdict::Healed);
        let (verdict, why) = judged(&facts, Some(&["etcd was restarted on n1".into()]));
        assert_eq!(verdict, Verdict::Harm);
        assert!(why.contains("etcd was restarted on n1"), "{why}");
    }
}
