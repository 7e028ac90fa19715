//! The story of the lost update with a service of the user's own: `reenact try FILE`.
//!
//! Its replicas take requests, one of them is deleted as Kubernetes deletes a pod, and
//! what was acknowledged is held against what took effect. See `docs/try.md`.

mod caller;
mod deploy;
mod effects;
mod file;
mod place;
mod text;
mod verdict;

#[cfg(test)]
mod tests;

use std::time::Duration;

use futures::future::BoxFuture;
use reenact::{
    Error, Result,
    campaign::{Subject, Told, Trial},
    stage::{Lab, Stage, phase::Steady},
    wait::{self, Look},
    workload::{Ack, Entry},
};

use self::{
    deploy::Own,
    file::{File, Signal},
    verdict::Seen,
};
use super::{
    faults::{Deleted, End, Ended},
    recipe::LEAVER,
};

/// How long all else in a run may take together, beside what the file says.
const OVERHEAD: Duration = Duration::from_secs(120);

/// For how many times the settling time those who live may finish their work, as long as
/// they get on with it.
const ROUNDS: u32 = 6;

reenact::trial! {
    Trial {
        name: "shutdown",
        help: "docs/try.md",
        read: |text| {
            // Nodes' names and commands last as long as the process, and so does the one
            // file that a process reads.
            let file: &'static File = Box::leak(Box::new(File::parse(text)?));
            Ok(Box::new(OwnImage(file)))
        },
    }
}

/// A service as its file describes it.
struct OwnImage(&'static File);

impl Subject for OwnImage {
    fn images(&self) -> Vec<&str> {
        self.0.images()
    }

    fn limit(&self) -> Duration {
        let File { service, stop, load, .. } = self.0;
        let twice = service.ready_within.0 * 2;
        OVERHEAD + twice + load.before.0 + load.after.0 + stop.grace() + stop.settle.0 * ROUNDS
    }

    fn run(&self, lab: Lab) -> BoxFuture<'static, Result<Told>> {
        Box::pin(run(self.0, lab))
    }
}

async fn run(file: &'static File, lab: Lab) -> Result<Told> {
    let own = Own::deploy(&lab, file).await?;
    let mut stage = Stage::begin(&lab, own, file.load.traffic()).await?;
    lab.phase("wait: some load before the deletion");
    tokio::time::sleep(file.load.before.0).await;
    let waiting = waiting(&stage).await?;
    let ended = delete(file, &mut stage).await?;
    let oom_killed = stage.system().leaver()?.state().await?.oom_killed;
    lab.phase("wait: some load after the deletion");
    tokio::time::sleep(file.load.after.0).await;
    settle(file, &stage).await?;
    match stage.account().await {
        // What is lost is on the score, and the verdict tells it.
        Ok(()) | Err(Error::Failed(_)) => {}
        Err(error) => return Err(error),
    }
    let mut found = None;
    lab.score(|score| found.clone_from(&score.findings));
    let found = found.ok_or_else(|| Error::Bug("a run was accounted for without findings".into()))?;
    let entries = lab.ledger().read(<[Entry]>::to_vec);
    verdict::told(&Seen { file, ended, oom_killed, waiting, found, entries })
}

/// How many updates the leaver has acknowledged whose effect is not there yet: what its
/// end puts at risk.
async fn waiting(stage: &Stage<Own, Steady>) -> Result<usize> {
    stage.lab().phase("count what is acknowledged and has no effect yet");
    let of_leaver = |entry: &&Entry| entry.ack == Ack::Ok && entry.node == LEAVER;
    let acknowledged: Vec<u64> =
        stage.ledger().read(|entries| entries.iter().filter(of_leaver).map(|entry| entry.id).collect());
    if acknowledged.is_empty() {
        let answers = stage.ledger().read(verdict::answers);
        return Err(Error::inconclusive(format!("{LEAVER} acknowledged no request; what clients got: {answers}")));
    }
    let waiting = stage.system().without_effect(&acknowledged).await?;
    stage.lab().note("waiting", format!("{waiting} acknowledged updates of {LEAVER} have no effect yet"));
    Ok(waiting)
}

/// Deletes the leaver as the file says.
async fn delete(file: &File, stage: &mut Stage<Own, Steady>) -> Result<Ended> {
    let stop = &file.stop;
    let end = match stop.signal {
        Signal::Term => End::Terminated { pre_stop: stop.pre_stop(), grace: stop.grace() },
        Signal::Kill => End::Killed,
    };
    let deletion = Deleted::new(LEAVER, stage.system().router(), stage.lab().clock());
    let deletion = deletion.by(end).unrouted_after(stop.unrouted_after.0);
    let seen = deletion.ended();
    stage.strike(deletion).await?;
    seen.get().cloned().ok_or_else(|| Error::Bug("nothing was seen of a deletion".into()))
}

/// Gives what was acknowledged its time to take effect, with no more load.
async fn settle(file: &File, stage: &Stage<Own, Steady>) -> Result<()> {
    stage.workload().pause();
    stage.workload().idle().await?;
    if file.stop.restart {
        stage.lab().phase(format!("wait: {LEAVER} to be ready again"));
        stage.system().leaver()?.start().await?;
        let all = || async {
            match stage.system().unready().await {
                None => Look::Ready(()),
                Some(why) => Look::NotYet(why),
            }
        };
        wait::until(&format!("{LEAVER} to be ready again"), file.service.ready_within.0, all).await?;
    }
    stage.lab().phase("wait: what is under way to take effect");
    let mut owed = usize::MAX;
    for _ in 0..ROUNDS {
        tokio::time::sleep(file.stop.settle.0).await;
        let still = owed_by_the_living(file, stage).await?;
        if still == 0 || still >= owed {
            break;
        }
        owed = still;
    }
    Ok(())
}

/// How many updates have no effect that were acknowledged by replicas which live: on a
/// busy machine their work takes longer than the file expects, and is not lost.
async fn owed_by_the_living(file: &File, stage: &Stage<Own, Steady>) -> Result<usize> {
    let lives = |entry: &&Entry| entry.ack == Ack::Ok && (file.stop.restart || entry.node != LEAVER);
    let ids: Vec<u64> = stage.ledger().read(|entries| entries.iter().filter(lives).map(|entry| entry.id).collect());
    stage.system().without_effect(&ids).await
}
