//! What the incidents of lost asynchronous work have in common: how a replica goes with work
//! in its memory, and how the loss is counted and foretold.

use std::time::Duration;

use reenact::{
    Error, Result,
    fingerprint::Fingerprint,
    incident::*,
    poll::Look,
    probe::{Observation, Signal},
    runbook::Runbook,
};

use super::{
    App, Service, Setup,
    detectors::{DUPLICATES, EXITED_BUSY, LOST_WORK},
    faults::{Deleted, Ended},
    losses::{Losses, foretold, of_leaver},
    report,
    runbooks::{ReplayReconciled, StartReplica},
};

/// The replica that goes.
pub(super) const LEAVER: &str = "app1";

/// How long after the age limit a loss may go unnoticed on a loaded machine.
const NOTICED: Duration = secs(12);
/// How long those who live may take to finish their work.
const FINISHED: Duration = secs(20);
/// How long a loss is watched to stay one.
pub(super) const CONTROL: Duration = secs(15);
/// How long a recovery may take.
pub(super) const HEALED: Duration = secs(40);

/// `app1` ends in the middle of its work, which is gone; `end` is the detector that tells how
/// it ended. A replica that starts does not bring the work back; reconciled and replayed, all
/// is there.
pub(super) fn loss(
    setup: &Setup,
    breaks: Vec<Action<Service>>,
    marks: &[Fingerprint],
    end: &'static str,
) -> Act<Service> {
    Act {
        breaks,
        fingerprints: seen(marks, noticed(setup)),
        detected: by(LOST_WORK, noticed(setup)).also(&[end]).then([losses_counted(), something_is_lost()]),
        control: stays_broken(CONTROL),
        wrong: tried([refuses(StartReplica(LEAVER))]),
        ends: healed_by(ReplayReconciled { age_limit: setup.age_limit() }, HEALED),
    }
}

/// By when, from the end of a replica, its overdue rows are noticed.
pub(super) fn noticed(setup: &Setup) -> Duration {
    setup.age_limit() + NOTICED
}

/// The report's story: scaled in under load, with an orderly end.
pub(super) fn scaled_in(setup: &Setup) -> Act<Service> {
    let mut act = loss(setup, deleted_at_work(Deleted::of(LEAVER)), report::SCALED_IN, EXITED_BUSY);
    act.detected.then.push(is_rate_times_work(setup.work));
    act
}

/// The report's loss, and then a recovery that does work twice.
pub(super) fn scaled_in_and_recovered_by(recovery: impl Runbook + 'static, ends: End<Service>) -> Vec<Act<Service>> {
    let lost = Act { ends: goes_on(), ..scaled_in(&plain()) };
    let replayed = Act {
        breaks: vec![effect_begins(), call(recovery)],
        fingerprints: none("the first act shows the marks of the loss"),
        detected: by(DUPLICATES, secs(20)),
        control: none("the first act proves it; after the replay every flag is right"),
        wrong: none("the replay of this act is the wrong runbook"),
        ends,
    };
    vec![lost, replayed]
}

/// The service that loses work: a task for each, that nobody waits for.
pub(super) fn plain() -> Setup {
    Setup::of(App::Rust("spawn"))
}

/// The service that drains as it should.
pub(super) fn draining() -> Setup {
    Setup::of(App::Rust("tracker"))
}

/// The twin of it: the same deletion, and nothing is lost.
pub(super) fn scaled_in_without_loss(setup: &Setup) -> Act<Service> {
    let breaks = vec![
        inject(Deleted::of(LEAVER)),
        ended(None),
        story("work was in flight at the signal", |run| Box::pin(looks_like_a_loss(run))),
        losses_counted(),
        quiet(setup.age_limit() + secs(1)),
    ];
    Act::benign(breaks, secs(30))
}

/// Deletes `app1`. Requests must have been acknowledged and work must have been under way
/// at the signal, else nothing could be lost and nothing is proved.
pub(super) fn deleted_at_work(deletion: Deleted) -> Vec<Action<Service>> {
    vec![work_in_flight(), inject(deletion), ended(None), something_was_at_risk()]
}

/// Waits until `app1` has acknowledged requests and has works in flight: a replica that
/// was ready a moment ago may have neither.
pub(super) fn work_in_flight() -> Action<Service> {
    wait("work is in flight", secs(20), |run: &Run<Service>| {
        let in_flight = run.read(|seen| {
            let last = seen.iter().rev().filter(|o| o.node == LEAVER).find_map(|o| gauge(o, "bg_inflight"));
            last.is_some_and(|works| works != "0")
        });
        let busy = in_flight && run.ledger().acknowledged_by(of_leaver) > 0;
        let look = if busy { Look::Ready(()) } else { Look::NotYet(format!("{LEAVER} has none")) };
        Box::pin(async { look })
    })
}

fn something_was_at_risk() -> Action<Service> {
    story("requests were acknowledged, and work was in flight at the signal", |run: &Run<Service>| {
        Box::pin(async {
            let (acknowledged, in_flight) =
                (run.ledger().acknowledged_by(of_leaver), run.system().ends.of(LEAVER)?.in_flight);
            if acknowledged > 0 && in_flight > 0 {
                return Ok(());
            }
            Err(Error::inconclusive(format!(
                "{LEAVER} had acknowledged {acknowledged} requests and had {in_flight} works in flight: nothing could \
                 be lost"
            )))
        })
    })
}

/// Puts down how `app1` ended. With another exit code than the one given it was another end.
pub(super) fn ended(code: Option<i64>) -> Action<Service> {
    let what = code.map_or_else(|| format!("{LEAVER} has ended"), |code| format!("{LEAVER} has ended with {code}"));
    story(what, move |run: &Run<Service>| {
        Box::pin(async move {
            let Ended { in_flight, exit_code, took, .. } = run.system().ends.of(LEAVER)?;
            let text = format!("exit code {exit_code} after {took:.2?}, with {in_flight} works in flight before");
            run.lab().record("ended", text);
            run.lab().score(|score| {
                score.facts.insert("in flight".into(), in_flight as f64);
                score.facts.insert("exit code".into(), exit_code as f64);
                score.facts.insert("stop s".into(), took.as_secs_f64());
            });
            match code {
                Some(code) if code != exit_code => {
                    Err(Error::inconclusive(format!("{LEAVER} ended with {exit_code}, and not with {code}")))
                }
                _ => Ok(()),
            }
        })
    })
}

async fn looks_like_a_loss(run: &Run<Service>) -> Result<()> {
    let in_flight = run.system().ends.of(LEAVER)?.in_flight;
    if in_flight == 0 && unmatched(run).await? == 0 {
        return Err(Error::inconclusive("nothing was in flight at the signal, so this was no look-alike"));
    }
    Ok(())
}

/// How many rows have no effect at this moment.
pub(super) async fn unmatched(run: &Run<Service>) -> Result<usize> {
    Ok(run.system().database.overdue(Duration::ZERO).await?.len())
}

/// Counts what is lost before any recovery: the workload pauses, the living finish.
pub(super) fn losses_counted() -> Action<Service> {
    story("the losses are counted", |run| Box::pin(count_losses(run)))
}

async fn count_losses(run: &Run<Service>) -> Result<()> {
    let system = run.system();
    finished(run).await?;
    let (done, repeated) = (system.database.done().await?, system.database.repeated().await?.len());
    let losses = run.ledger().read(|entries| Losses::of(entries, &done));
    run.workload().resume();
    run.keep(losses);
    let Losses { acknowledged, lost } = losses;
    let text = format!("{lost} of {acknowledged} acknowledged requests have no effect, {repeated} have two");
    run.lab().record("lost", text);
    run.lab().score(|score| {
        score.facts.insert("acknowledged".into(), acknowledged as f64);
        score.facts.insert("lost before recovery".into(), lost as f64);
        score.facts.insert("duplicates".into(), repeated as f64);
    });
    Ok(())
}

/// Pauses the workload until the living have finished their work.
async fn finished(run: &Run<Service>) -> Result<()> {
    run.workload().pause();
    run.workload().idle().await?;
    run.wait_for("the living to finish their work", FINISHED, || run.system().settled()).await
}

fn something_is_lost() -> Action<Service> {
    story("something is lost, as the detector says", |run: &Run<Service>| {
        Box::pin(async {
            match run.kept()? {
                Losses { lost: 0, .. } => Err(Error::failed("nothing is lost, and a detector says that something is")),
                Losses { .. } => Ok(()),
            }
        })
    })
}

/// See [`losses::foretold`](foretold).
pub(super) fn is_rate_times_work(work: Duration) -> Action<Service> {
    story("rate times work time foretells the losses", move |run: &Run<Service>| {
        Box::pin(async move {
            let (found, signalled) = (run.kept::<Losses>()?, run.system().ends.of(LEAVER)?.signalled);
            let foretold = run.ledger().read(|entries| foretold(entries, signalled, work));
            let text = format!("rate times work time foretells {foretold} losses, {} were found", found.lost);
            run.lab().record("oracle", &text);
            if found.are_near(foretold) { Ok(()) } else { Err(Error::failed(text)) }
        })
    })
}

/// Pauses the workload and waits until no work is in flight anywhere.
pub(super) fn nothing_in_flight() -> Action<Service> {
    story("the workload pauses, and all work gets done", |run: &Run<Service>| {
        Box::pin(async {
            finished(run).await?;
            // What the probes saw last is a moment old: they must have seen it too.
            let since = run.lab().now();
            let look = || async {
                let seen = run.read(|seen| {
                    let fresh = seen.iter().rev().take_while(|o| o.at > since);
                    fresh.filter(|o| o.node == LEAVER).any(|o| gauge(o, "bg_inflight") == Some("0"))
                });
                if seen { Look::Ready(()) } else { Look::NotYet("not yet".into()) }
            };
            run.wait_for("the probes to see it", secs(10), look).await
        })
    })
}

/// One of a replica's gauges.
fn gauge<'a>(observation: &'a Observation, name: &str) -> Option<&'a str> {
    match &observation.signal {
        Signal::Query { of, answer } if of == "http:metrics" => answer.get(name),
        _ => None,
    }
}

/// Waits until every replica is ready again.
pub(super) fn all_are_routed() -> Action<Service> {
    wait("all replicas are ready", secs(30), |run: &Run<Service>| {
        let look = match run.system().router.routed() {
            all if all == run.system().setup.replicas => Look::Ready(()),
            some => Look::NotYet(format!("{some} are")),
        };
        Box::pin(async { look })
    })
}
