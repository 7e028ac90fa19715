//! What the incidents of lost asynchronous work have in common.

use std::time::Duration;

use reenact::{
    Error, Result,
    probe::{Answer, Moment, Observation, Signal},
    runbook::Runbook,
    stage::{
        Fingerprint, Lab, Stage, System, latest,
        phase::{Detected, Faulted, Steady},
    },
    wait::Look,
    workload::{Ack, Entry, Traffic},
};

use super::{
    App, Service, Setup,
    detectors::LOST_WORK,
    faults::{Deleted, End, Ended},
    runbooks::{ReplayReconciled, StartReplica},
};

/// How long a steady service is watched for false alarms: longer than the work takes.
pub(super) const QUIET: Duration = Duration::from_secs(3);

/// Some 75 requests a second.
const TRAFFIC: Traffic = Traffic { clients: 6, think: (Duration::from_millis(60), Duration::from_millis(90)) };

/// The replica that goes.
pub(super) const LEAVER: &str = "app1";

/// The loss that is foretold may differ from the one that is found by this share and
/// these many requests: the signal falls between an acknowledgement and its work, and
/// the gauges are read just before it.
const TOLERANCE: f64 = 0.35;
const SLACK: f64 = 8.0;

/// A healthy service under load, over which no detector says a word.
pub(super) async fn steady(lab: &Lab, setup: Setup) -> Result<Stage<Service, Steady>> {
    let service = Service::deploy(lab, setup).await?;
    Stage::begin(lab, service, TRAFFIC).await?.quiet(QUIET).await
}

/// A deletion of `app1` as in the report.
pub(super) fn deleted<P>(stage: &Stage<Service, P>) -> Deleted {
    Deleted::new(LEAVER, &stage.system().router, stage.lab().clock())
}

/// SIGTERM at once, and so much grace.
pub(super) fn with_grace(seconds: u64) -> End {
    End::Terminated { pre_stop: Duration::ZERO, grace: Duration::from_secs(seconds) }
}

/// Deletes `app1`. Requests must have been acknowledged and work must have been under way
/// at the signal, else nothing could be lost and nothing is proved.
pub(super) async fn delete(
    steady: Stage<Service, Steady>,
    deleted: Deleted,
) -> Result<(Stage<Service, Faulted>, Ended)> {
    has_work(&steady).await?;
    let seen = deleted.ended();
    let stage = steady.inject(deleted).await?;
    let ended = seen.get().cloned().ok_or_else(|| Error::Bug("nothing was seen of a deletion".into()))?;
    note(&stage, &ended);
    let acknowledged = stage.ledger().read(|entries| entries.iter().any(of_leaver));
    if !acknowledged || ended.in_flight == 0 {
        let (some, in_flight) = (if acknowledged { "some" } else { "no" }, ended.in_flight);
        return Err(Error::inconclusive(format!(
            "{LEAVER} had acknowledged {some} requests and had {in_flight} works in flight: nothing could be lost"
        )));
    }
    Ok((stage, ended))
}

/// Waits until `app1` has acknowledged requests and has works in flight: a replica that
/// was ready a moment ago may have neither.
async fn has_work<P>(stage: &Stage<Service, P>) -> Result<()> {
    let look = || async {
        let acknowledged = stage.ledger().read(|entries| entries.iter().any(of_leaver));
        let in_flight = stage.lab().stream().read(|seen| {
            let last = seen.iter().rev().filter(|o| o.node == LEAVER).find_map(|o| gauge(o, "bg_inflight"));
            last.is_some_and(|works| works != "0")
        });
        if acknowledged && in_flight { Look::Ready(()) } else { Look::NotYet(format!("{LEAVER} has none")) }
    };
    stage.wait_for("work to be in flight", Duration::from_secs(20), look).await
}

/// Puts down how a replica ended.
pub(super) fn note<P>(stage: &Stage<Service, P>, ended: &Ended) {
    let Ended { in_flight, exit_code, took, .. } = ended;
    stage
        .lab()
        .note("ended", format!("exit code {exit_code} after {took:.2?}, with {in_flight} works in flight before"));
    stage.lab().score(|score| {
        score.facts.insert("in flight".into(), *in_flight as f64);
        score.facts.insert("exit code".into(), *exit_code as f64);
        score.facts.insert("stop s".into(), took.as_secs_f64());
    });
}

/// An order that the deleted replica acknowledged.
fn of_leaver(entry: &Entry) -> bool {
    entry.ack == Ack::Ok && entry.node == LEAVER
}

/// Counts what is lost before any recovery: the workload pauses, the living finish.
pub(super) async fn losses<P>(stage: &Stage<Service, P>) -> Result<usize> {
    let system = stage.system();
    stage.workload().pause();
    stage.workload().idle().await?;
    stage.wait_for("the living to finish their work", Duration::from_secs(20), || system.settled()).await?;
    let (done, repeated) = (system.database.done().await?, system.database.repeated().await?.len());
    let acknowledged = |entry: &&Entry| entry.ack == Ack::Ok;
    let (asked, lost) = stage.ledger().read(|entries| {
        let lost = entries.iter().filter(acknowledged).filter(|entry| !done.contains_key(&entry.id)).count();
        (entries.iter().filter(acknowledged).count(), lost)
    });
    stage.workload().resume();
    stage.lab().note("lost", format!("{lost} of {asked} acknowledged requests have no effect, {repeated} have two"));
    stage.lab().score(|score| {
        score.facts.insert("acknowledged".into(), asked as f64);
        score.facts.insert("lost before recovery".into(), lost as f64);
        score.facts.insert("duplicates".into(), repeated as f64);
    });
    Ok(lost)
}

/// The harness's own oracle, where each work has a task of its own: what is lost are the
/// orders that `app1` acknowledged in the last `work` before the signal, that is, the
/// rate times the work's time.
pub(super) fn is_rate_times_work<P>(
    stage: &Stage<Service, P>,
    lost: usize,
    ended: &Ended,
    work: Duration,
) -> Result<()> {
    let from = Moment(ended.signalled.0.saturating_sub(work.as_millis() as u64));
    let owed = |entry: &&Entry| of_leaver(entry) && entry.to >= from && super::client::kind(entry.id) == "order";
    let foretold = stage.ledger().read(|entries| entries.iter().filter(owed).count());
    let far = (foretold as f64 - lost as f64).abs() > foretold as f64 * TOLERANCE + SLACK;
    stage.lab().note("oracle", format!("rate times work time foretells {foretold} losses, {lost} were found"));
    if far {
        return Err(Error::failed(format!(
            "{lost} requests are lost, where rate times work time foretells {foretold}"
        )));
    }
    Ok(())
}

/// The report's story with one service: `app1` is scaled in under load, ends in order,
/// and the work that it had in memory is gone. Reconciled and replayed, all is there.
pub(super) async fn scaled_in_and_replayed(lab: &Lab, setup: Setup) -> Result<()> {
    let (age_limit, work) = (setup.age_limit(), setup.work);
    let steady = steady(lab, setup).await?;
    let deletion = deleted(&steady);
    let (faulted, ended) = delete(steady, deletion).await?;
    let broken = faulted
        .fingerprints(FINGERPRINTS, age_limit + Duration::from_secs(12))
        .await?
        .detect(LOST_WORK, age_limit + Duration::from_secs(12))
        .await?;
    let lost = losses(&broken).await?;
    is_rate_times_work(&broken, lost, &ended, work)?;
    let broken = broken.stays_broken(Duration::from_secs(15)).await?;
    let broken = broken.refuses(&StartReplica(LEAVER)).await?;
    healed_by(&ReplayReconciled { age_limit }, broken).await
}

/// A service that drains as it should, with works of three seconds, is given one second
/// of grace: SIGKILL comes in the middle of the drain.
pub(super) async fn killed_in_its_drain(lab: &Lab, app: App) -> Result<()> {
    let setup = Setup { work: Duration::from_secs(3), ..Setup::of(app) };
    let age_limit = setup.age_limit();
    let steady = steady(lab, setup).await?;
    let deletion = deleted(&steady).by(with_grace(1));
    let (faulted, ended) = delete(steady, deletion).await?;
    must_end_with(&ended, 137)?;
    let broken = faulted.detect(LOST_WORK, age_limit + Duration::from_secs(12)).await?;
    losses(&broken).await?;
    healed_by(&ReplayReconciled { age_limit }, broken).await
}

/// The twin of it: the same deletion, and nothing is lost.
pub(super) async fn scaled_in_without_loss(lab: &Lab, setup: Setup) -> Result<()> {
    let age_limit = setup.age_limit();
    let mut stage = steady(lab, setup).await?;
    let deletion = deleted(&stage);
    let seen = deletion.ended();
    stage.strike(deletion).await?;
    let ended = must_have_ended(&stage, seen.get(), None)?;
    if ended.in_flight == 0 && unmatched(&stage).await? == 0 {
        return Err(Error::inconclusive("nothing was in flight at the signal, so this was no look-alike"));
    }
    losses(&stage).await?;
    let stage = stage.heals_itself(Duration::from_secs(30)).await?;
    stage.quiet(age_limit + Duration::from_secs(1)).await?.finish().await
}

/// A replica must have ended, with this exit code if it is given.
pub(super) fn must_have_ended<P>(stage: &Stage<Service, P>, seen: Option<&Ended>, code: Option<i64>) -> Result<Ended> {
    let ended = seen.cloned().ok_or_else(|| Error::Bug("nothing was seen of a deletion".into()))?;
    note(stage, &ended);
    if let Some(code) = code {
        must_end_with(&ended, code)?;
    }
    Ok(ended)
}

/// The exit code that this kind of end has; with another one it was another end.
pub(super) fn must_end_with(ended: &Ended, code: i64) -> Result<()> {
    if ended.exit_code == code {
        return Ok(());
    }
    Err(Error::inconclusive(format!("{LEAVER} ended with {}, and not with {code}", ended.exit_code)))
}

/// A preStop hook of a second, and the report's grace.
pub(super) fn after_pre_stop() -> End {
    End::Terminated { pre_stop: Duration::from_secs(1), grace: Duration::from_secs(30) }
}

/// Pauses the workload and waits until no work is in flight anywhere.
pub(super) async fn nothing_in_flight<P>(stage: &Stage<Service, P>) -> Result<()> {
    stage.workload().pause();
    stage.workload().idle().await?;
    stage.wait_for("all work to be done", Duration::from_secs(20), || stage.system().settled()).await?;
    // What the probes saw last is a moment old: they must have seen it too.
    let since = stage.lab().now();
    let look = || async {
        let seen = stage.lab().stream().read(|seen| {
            let fresh = seen.iter().rev().take_while(|o| o.at > since);
            fresh.filter(|o| o.node == LEAVER).any(|o| gauge(o, "bg_inflight") == Some("0"))
        });
        if seen { Look::Ready(()) } else { Look::NotYet("not yet".into()) }
    };
    stage.wait_for("the probes to see it", Duration::from_secs(10), look).await
}

/// One of a replica's gauges.
fn gauge<'a>(observation: &'a Observation, name: &str) -> Option<&'a str> {
    match &observation.signal {
        Signal::Query { of, answer } if of == "http:metrics" => answer.get(name),
        _ => None,
    }
}

/// How many rows have no effect at this moment.
pub(super) async fn unmatched<P>(stage: &Stage<Service, P>) -> Result<usize> {
    Ok(stage.system().database.overdue(Duration::ZERO).await?.len())
}

/// How many requests certainly failed.
pub(super) fn refused<P>(stage: &Stage<Service, P>) -> usize {
    stage.ledger().read(|entries| entries.iter().filter(|entry| matches!(entry.ack, Ack::Failed { .. })).count())
}

/// Waits until every replica is ready again.
pub(super) async fn all_are_routed<P>(stage: &Stage<Service, P>) -> Result<()> {
    let look = || async {
        match stage.system().router.routed() {
            all if all == stage.system().setup.replicas => Look::Ready(()),
            some => Look::NotYet(format!("{some} are")),
        }
    };
    stage.wait_for("all replicas to be ready", Duration::from_secs(30), look).await
}

/// The right runbook heals it, and finds nothing more to do afterwards.
pub(super) async fn healed_by(runbook: &dyn Runbook, broken: Stage<Service, Detected>) -> Result<()> {
    let healed = broken.recover(runbook, Duration::from_secs(40)).await?;
    healed.stays_healthy(QUIET).await?.again(runbook).await?.finish().await
}

/// The marks of the report, which has no log lines: the order of events.
pub(super) const FINGERPRINTS: &[Fingerprint] = &[
    Fingerprint {
        id: "shutdown-right-after-the-answer",
        report: "after the response the server begins to shut down; the asynchronous logic is under way",
        shows: |seen| busy(seen, "graceful shutdown begins, bg_inflight="),
    },
    Fingerprint {
        id: "shutdown-waits-for-requests-only",
        report: "graceful shutdown: the requests that were received are answered, then the server ends",
        shows: |seen| busy(seen, "graceful shutdown complete (requests), bg_inflight="),
    },
    Fingerprint {
        id: "orderly-end",
        report: "the pod ends within its 30 s of grace",
        shows: |seen| ended(seen).is_some_and(|code| matches!(code, 0 | 143)),
    },
    Fingerprint {
        id: "flag-not-updated",
        report: "one flag in the table differs from what was expected, and the request was answered normally",
        shows: |seen| {
            let overdue = latest(seen, |signal| match signal {
                Signal::Query { of, answer: Answer::Values { values } } if of == "sql:reconcile" => {
                    Some(values.get("app1.overdue").is_some_and(|count| count != "0"))
                }
                _ => None,
            });
            overdue.values().any(|overdue| *overdue)
        },
    },
];

/// Whether the replica that went said this, with work in flight.
fn busy(seen: &[Observation], words: &str) -> bool {
    let said = |o: &&Observation| o.node == LEAVER && o.is_log_with(&[words]);
    seen.iter().filter(said).any(|o| !o.is_log_with(&["bg_inflight=0 "]))
}

/// The exit code of the replica that went.
fn ended(seen: &[Observation]) -> Option<i64> {
    let codes = latest(seen, |signal| match signal {
        Signal::Machine { exit_code, .. } => Some(*exit_code),
        _ => None,
    });
    codes.get(LEAVER).copied().flatten()
}
