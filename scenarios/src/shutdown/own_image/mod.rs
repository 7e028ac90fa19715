//! The story of the lost update with a service of the user's own: `reenact try FILE`.
//!
//! Its replicas take requests, one of them is deleted as Kubernetes deletes a pod, and
//! what was acknowledged is held against what took effect. See `docs/try.md`.

mod answer;
mod caller;
mod deploy;
mod effects;
mod fate;
mod file;
mod grpc;
mod meaning;
mod own;
mod place;
mod protoscope;
mod pusher;
mod ready;
mod text;
mod tls;
mod verdict;
mod web;

#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use futures::future::BoxFuture;
use reenact::{
    Error, Result,
    campaign::{Subject, Told, Trial},
    incident::{Lab, Run},
    poll::{self, Look},
    testbed::Session,
    workload::{Ack, Entry},
};

use self::{
    deploy::deploy,
    file::{File, Signal},
    own::Own,
    verdict::Seen,
};
use super::{
    faults::{Deleted, End, Replicated},
    stories::LEAVER,
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
        read: |text, folder| {
            // Nodes' names and commands last as long as the process, and so does the one
            // file that a process reads.
            let file: &'static File = Box::leak(Box::new(File::parse(text, folder)?));
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

    fn run(&self, session: Arc<Session>, lab: Lab) -> BoxFuture<'static, Result<Told>> {
        Box::pin(run(self.0, session, lab))
    }
}

async fn run(file: &'static File, session: Arc<Session>, lab: Lab) -> Result<Told> {
    let own = deploy(&session, &lab, file).await?;
    let run = Run::begin(&lab, own).await?;
    let told = story(file, &run).await;
    let closed = run.close().await;
    told.and_then(|told| closed.map(|()| told))
}

/// Load, the deletion, more load, and the account.
async fn story(file: &'static File, run: &Run<Own>) -> Result<Told> {
    let lab = run.lab();
    lab.phase("wait: some load before the deletion");
    tokio::time::sleep(file.load.before.0).await;
    let waiting = waiting(run).await?;
    run.inject(deletion(file)).await?;
    let (own, leaver) = (run.system(), run.system().leaver()?);
    let (ended, oom_killed) = (own.ends().of(LEAVER)?, leaver.state().await?.oom_killed);
    lab.phase("wait: some load after the deletion");
    tokio::time::sleep(file.load.after.0).await;
    settle(file, run).await?;
    let found = run.compare().await?;
    let (refused, pre_stop, signal) = (own.refused(), own.pre_stop(), leaver.stop_signal().await?);
    let entries = run.ledger().read(<[Entry]>::to_vec);
    verdict::told(&Seen { file, ended, signal, pre_stop, oom_killed, waiting, found, refused, entries })
}

/// How many updates the leaver, or the queue, has acknowledged whose effect is not there yet:
/// what its end puts at risk.
async fn waiting(run: &Run<Own>) -> Result<usize> {
    run.lab().phase("count what is acknowledged and has no effect yet");
    let has_queue = run.system().file.has_queue();
    let at_risk = |entry: &&Entry| entry.ack == Ack::Ok && (has_queue || entry.node == LEAVER);
    let acknowledged: Vec<u64> =
        run.ledger().read(|entries| entries.iter().filter(at_risk).map(|entry| entry.id).collect());
    let who = if has_queue { "the queue" } else { LEAVER };
    if acknowledged.is_empty() {
        let answers = run.ledger().read(verdict::answers);
        return Err(Error::inconclusive(format!("{who} acknowledged no update; what clients got: {answers}")));
    }
    let waiting = run.system().without_effect(&acknowledged).await?;
    run.lab().record("waiting", format!("{waiting} updates that {who} acknowledged have no effect yet"));
    Ok(waiting)
}

/// The deletion that the file asks for.
fn deletion(file: &File) -> Deleted {
    let stop = &file.stop;
    let end = match stop.signal {
        Signal::Term => End::terminated(stop.pause(), stop.grace()),
        Signal::Kill => End::Killed,
    };
    Deleted { node: LEAVER.into(), end, unrouted_after: stop.unrouted_after() }
}

/// Gives what was acknowledged its time to take effect, with no more load.
async fn settle(file: &File, run: &Run<Own>) -> Result<()> {
    run.workload().pause();
    run.workload().idle().await?;
    if file.stop.restart {
        run.lab().phase(format!("wait: {LEAVER} to be ready again"));
        run.system().leaver()?.start().await?;
        let all = || async {
            match run.system().unready().await {
                None => Look::Ready(()),
                Some(why) => Look::NotYet(why),
            }
        };
        poll::until(&format!("{LEAVER} to be ready again"), file.service.ready_within.0, all).await?;
    }
    run.lab().phase("wait: what is under way to take effect");
    let mut owed = usize::MAX;
    for _ in 0..ROUNDS {
        tokio::time::sleep(file.stop.settle.0).await;
        let still = owed_by_the_living(file, run).await?;
        if still == 0 || still >= owed {
            return Ok(());
        }
        owed = still;
    }
    // A replica that is so slow has been told to the reader; a queue may just be long.
    if !file.has_queue() {
        return Ok(());
    }
    let all = file.stop.settle.0 * ROUNDS;
    Err(Error::inconclusive(format!(
        "after {all:.0?} with no more load the queue was still being worked off, with {owed} updates to go: write a load \
         that the consumers keep up with, or a longer stop.settle"
    )))
}

/// How many updates have no effect that were acknowledged by replicas which live: on a
/// busy machine their work takes longer than the file expects, and is not lost.
async fn owed_by_the_living(file: &File, run: &Run<Own>) -> Result<usize> {
    let lives = |entry: &&Entry| entry.ack == Ack::Ok && (file.stop.restart || entry.node != LEAVER);
    let ids: Vec<u64> = run.ledger().read(|entries| entries.iter().filter(lives).map(|entry| entry.id).collect());
    run.system().without_effect(&ids).await
}
