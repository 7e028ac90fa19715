//! What several incidents tell.

mod held;
mod locks;
mod tasks;

use std::time::Duration;

use reenact::{Error, fingerprint::logged, incident::*, poll::Look};

use super::{
    Director, Pace,
    detectors::{CANCEL_OVERDUE, DOUBLE_CREATE, STUCK_TASK, WRONG_SUBNET, ZOMBIE_HOLDER},
    faults::{LockStolen, SubnetUnreachable, WrongSubnet, calls_lost},
    manifest,
    report::FINGERPRINTS,
};

pub(super) use self::{held::*, locks::*, tasks::*};

/// The report's tasks.
pub(super) const FIRST: u64 = 100;
/// The one that takes the deployment over.
pub(super) const SECOND: u64 = 163;

/// How long anything of the director's may take that is under way: a poll of the queue, a
/// process, a few statements.
pub(super) const SOON: Duration = secs(15);

/// How long a recovery may take. It takes eleven seconds; on a loaded machine each of its
/// forty commands takes one or two.
pub(super) const RECOVERY: Duration = secs(120);

/// The report: task 100 hangs and is cancelled in vain, its lock's row is deleted, and
/// task 163 takes the deployment over and hangs alike. Since then two `create_vm` are in
/// flight for each instance.
pub(super) fn report() -> Vec<Action<Director>> {
    vec![
        act(WrongSubnet {}),
        deploy_as(FIRST),
        hangs(FIRST),
        cancel_in_vain(FIRST, 60),
        act(LockStolen { lock: manifest::PAASTA_LOCK.into() }),
        deploy_as(SECOND),
        hangs(SECOND),
        effect_begins(),
    ]
}

/// The report's marks.
pub(super) fn report_marks() -> Stated<Marks> {
    seen(FINGERPRINTS, stuck_within(Pace::PLAIN))
}

/// The report's task is detected. Of doubled `create_vm` the story's are no harm of what is
/// done about it.
pub(super) fn report_detected() -> Diagnosis<Director> {
    by(STUCK_TASK, stuck_within(Pace::PLAIN))
        .also(&[CANCEL_OVERDUE, ZOMBIE_HOLDER, WRONG_SUBNET, DOUBLE_CREATE])
        .then([doubles_are_told()])
}

/// How soon a task that does nothing must be noticed.
pub(super) fn stuck_within(pace: Pace) -> Duration {
    pace.production(900) + secs(10)
}

/// For how long what hangs must hang on with nothing done: as long as the director waits for
/// an agent at the most.
pub(super) fn hangs_on(pace: Pace) -> Stated<Duration> {
    stays_broken(pace.production(600))
}

/// z3's network fails while task 100, and a deploy of each of the others, makes its VMs in
/// it. The network comes back, and the calls that were in flight never notice: their
/// connections are dead.
pub(super) fn blocked(others: &[&'static str]) -> Vec<Action<Director>> {
    let mut story = vec![inject_as("network", z3_unreachable())];
    story.extend(hanging_deploys(others));
    story.extend([act(calls_lost()), heal("network"), resume_workload(), effect_begins()]);
    story
}

/// z3's network fails.
pub(super) fn z3_unreachable() -> SubnetUnreachable {
    SubnetUnreachable { az: "z3".into() }
}

/// Task 100 and a deploy of each of the others hang in the CPI.
pub(super) fn hanging_deploys(others: &[&'static str]) -> Vec<Action<Director>> {
    let mut story = deploys(others);
    story.push(hangs(FIRST));
    story.extend(others.iter().map(|name| hangs(*name)));
    story
}

/// Task 100 and a deploy of each of the others. The workload rests from here on: none of its
/// CPI calls is in flight.
pub(super) fn deploys(others: &[&'static str]) -> Vec<Action<Director>> {
    let mut story = vec![deploy_as(FIRST)];
    story.extend(others_rest());
    story.extend(others.iter().map(|name| deploy_of(name, manifest::alike(name))));
    story
}

/// The other users rest, with nothing in hand: what a stop would take from them is another
/// story.
pub(super) fn others_rest() -> [Action<Director>; 2] {
    // A client that has given up leaves its task behind.
    let end = wait("the others' deploys end", secs(30), |run: &Run<Director>| {
        Box::pin(async move {
            match run.system().database.unsettled().await {
                Ok(none) if none == "0" => Look::Ready(()),
                Ok(some) => Look::NotYet(format!("{some} deploys are under way")),
                Err(error) => Look::NotYet(error.to_string()),
            }
        })
    });
    [pause_workload(), end]
}

/// The doubled `create_vm` so far belong to the story: what is counted as harm is what comes
/// after.
pub(super) fn doubles_are_told() -> Action<Director> {
    story("the doubled create_vm so far are the story's", |run: &Run<Director>| {
        Box::pin(async move {
            let told = run.system().story_ends().await?;
            run.keep(Told(told));
            run.lab().record("judge", format!("{told} create_vm of the story doubled another"));
            Ok(())
        })
    })
}

/// How many doubled `create_vm` were told of last.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Told(usize);

/// Claims that no `create_vm` has doubled another since that was told last.
pub(super) fn no_new_doubles() -> Action<Director> {
    story("no create_vm doubles another", |run: &Run<Director>| {
        Box::pin(async move {
            let (Told(before), now) = (run.kept()?, run.system().story_ends().await?);
            match now - before {
                0 => Ok(()),
                more => Err(Error::failed(format!("{more} create_vm more doubled another"))),
            }
        })
    })
}

/// It ends in a `create_vm` in flight twice for each of the report's instances.
pub(super) fn each_web_is_doubled(end: End<Director>) -> End<Director> {
    let webs = manifest::WEBS;
    end.claiming(format!("each of the {webs} create_vm doubles another"), move |_, found| {
        let doubled = found.repeated.len();
        let held = if doubled == webs { Ok(()) } else { Err(Error::failed(format!("{doubled} do: {found}"))) };
        Box::pin(async { held })
    })
}

/// Waits until a statement gives this word and no more.
pub(super) fn rows_say(
    what: &'static str,
    sql: impl Into<String>,
    wanted: &'static str,
    limit: Duration,
) -> Action<Director> {
    let sql = sql.into();
    wait(what, limit, move |run: &Run<Director>| {
        let sql = sql.clone();
        Box::pin(async move {
            match run.system().database.rows(&sql).await.map(|rows| rows.concat().join("|")) {
                Ok(said) if said == wanted => Look::Ready(()),
                Ok(said) => Look::NotYet(format!("{said:?} and not {wanted:?}")),
                Err(error) => Look::NotYet(error.to_string()),
            }
        })
    })
}

/// Waits until a line with these words is logged.
pub(super) fn logs(words: &'static [&'static str], limit: Duration) -> Action<Director> {
    wait(format!("the log says {words:?}"), limit, move |run: &Run<Director>| {
        let is_logged = run.read(|seen| logged(seen, words));
        let look = if is_logged { Look::Ready(()) } else { Look::NotYet("it is not logged".into()) };
        Box::pin(async { look })
    })
}

/// Waits until the API answers.
pub(super) fn serves() -> Action<Director> {
    wait("the API answers", secs(30), |run: &Run<Director>| {
        Box::pin(async move {
            match run.system().api.ask("GET", "/info", None).await {
                Ok(_) => Look::Ready(()),
                Err(trouble) => Look::NotYet(trouble.why()),
            }
        })
    })
}
