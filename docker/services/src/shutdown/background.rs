//! Who does the work, by variant, and what the shutdown knows of it.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use tokio::sync::{Mutex, MutexGuard, Semaphore, mpsc};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{Service, Variant, store::Execution};
use crate::database::Failure;

/// How long a worker that finds no intent, or no database, waits before it looks
/// again.
const IDLE: Duration = Duration::from_millis(50);

#[derive(Debug)]
pub(super) enum Background {
    Spawn,
    Queue(mpsc::UnboundedSender<i64>),
    Tracker(TaskTracker),
    /// Workers that claim intents until they are told to stop.
    Claimants {
        intents: Arc<Intents>,
        stop: CancellationToken,
        workers: TaskTracker,
    },
}

/// What tells the workers when to look into the table of intents: eighty that all look twenty
/// times a second, and find nothing, keep a database busy; one that looks after another falls
/// behind where each look takes its time.
#[derive(Debug)]
pub(super) struct Intents {
    /// A permit for each intent of this replica's that nobody has looked for yet.
    committed: Semaphore,
    /// Whose turn it is to look for all others: of other replicas, of before the start, and of a
    /// look that failed.
    others: Mutex<()>,
}

impl Background {
    /// Starts the workers, where the variant has any.
    pub fn start(service: &Arc<Service>) -> Self {
        match service.settings.variant {
            Variant::Spawn => Self::Spawn,
            Variant::Queue => Self::Queue(start_queue(service)),
            Variant::Tracker => Self::Tracker(TaskTracker::new()),
            Variant::Outbox | Variant::AckFirst => {
                let intents = Arc::new(Intents { committed: Semaphore::new(0), others: Mutex::default() });
                let (stop, workers) = (CancellationToken::new(), TaskTracker::new());
                for _ in 0..service.settings.workers {
                    workers.spawn(claimant(Arc::clone(service), Arc::clone(&intents), stop.clone()));
                }
                Self::Claimants { intents, stop, workers }
            }
        }
    }

    /// Starts the work of a request whose row is committed, just before its answer.
    pub fn start_work(&self, service: &Arc<Service>, id: i64) {
        match self {
            Self::Spawn => drop(tokio::spawn(perform(Arc::clone(service), id))),
            Self::Tracker(tasks) => drop(tasks.spawn(perform(Arc::clone(service), id))),
            Self::Queue(queue) => {
                service.gauges.queued.fetch_add(1, Relaxed);
                // The receiver lives as long as the workers, which never end.
                let _ = queue.send(id);
            }
            Self::Claimants { intents, .. } => intents.committed.add_permits(1),
        }
    }

    /// The part of the shutdown that the incident's service lacks. All requests
    /// have ended, so no new work can come: no worker may claim any more, then what
    /// is in flight is waited for, but not longer than the drain limit, which must
    /// be less than the grace that is left.
    pub async fn drain(&self, service: &Service) {
        let tasks = match self {
            Self::Spawn | Self::Queue(_) => return,
            Self::Tracker(tasks) => tasks,
            Self::Claimants { stop, workers, .. } => {
                stop.cancel();
                workers
            }
        };
        tasks.close();
        let limit = service.settings.drain;
        match tokio::time::timeout(limit, tasks.wait()).await {
            Ok(()) => println!("drain complete, {}", service.gauges),
            Err(_) => println!("drain timed out after {} ms, {}", limit.as_millis(), service.gauges),
        }
    }
}

fn start_queue(service: &Arc<Service>) -> mpsc::UnboundedSender<i64> {
    let (queue, works) = mpsc::unbounded_channel();
    let works = Arc::new(Mutex::new(works));
    for _ in 0..service.settings.workers {
        let (service, works) = (Arc::clone(service), Arc::clone(&works));
        tokio::spawn(async move {
            loop {
                let next = works.lock().await.recv().await;
                let Some(id) = next else { return };
                service.gauges.queued.fetch_sub(1, Relaxed);
                perform(Arc::clone(&service), id).await;
            }
        });
    }
    queue
}

/// One work that is known in memory only.
async fn perform(service: Arc<Service>, id: i64) {
    service.gauges.work_begins(id);
    tokio::time::sleep(service.settings.work).await;
    while let Err(error) = service.store.execute(Some(&[id]), Execution::Blind, "work").await {
        let Some(pause) = service.settings.retry else {
            return service.gauges.work_fails(id, &error);
        };
        println!("work retried id={id}: {error}");
        tokio::time::sleep(pause).await;
    }
    service.gauges.work_is_done(id);
}

/// One worker over the table of intents.
async fn claimant(service: Arc<Service>, intents: Arc<Intents>, stop: CancellationToken) {
    loop {
        let mut turn = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            // Never closed.
            Ok(permit) = intents.committed.acquire() => {
                permit.forget();
                None
            }
            turn = intents.others.lock() => Some(turn),
        };
        let found = match service.settings.variant {
            Variant::AckFirst => forget_then_work(&service, &mut turn).await,
            _ => work_then_finish(&service, &mut turn).await,
        };
        let pause = match found {
            Ok(true) => continue,
            // Somebody else was faster.
            Ok(false) if turn.is_none() => continue,
            // Who has found nothing keeps its turn until then.
            Ok(false) => IDLE,
            Err(error) => {
                println!("worker: {error}");
                IDLE * 4
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.cancelled() => {}
        }
    }
}

/// A worker's turn to look for others' intents, if it has it; given up as soon as it has found one.
type Turn<'a> = Option<MutexGuard<'a, ()>>;

/// The outbox's order. Whatever ends it before the commit leaves the intent open.
async fn work_then_finish(service: &Service, turn: &mut Turn<'_>) -> Result<bool, Failure> {
    let mut lease = service.store.lease().await?;
    let Some(claim) = service.store.claim(&mut lease).await? else {
        lease.keep();
        return Ok(false);
    };
    *turn = None;
    let id = claim.id;
    service.gauges.work_begins(id);
    tokio::time::sleep(service.settings.work).await;
    let finished = service.store.finish(claim).await;
    // Not lost by a failure: the next worker finds the intent.
    finished.inspect_err(|error| service.gauges.work_fails(id, error))?;
    service.gauges.work_is_done(id);
    lease.keep();
    Ok(true)
}

/// The wrong order: from here to the effect, no row says that the work is owed.
async fn forget_then_work(service: &Arc<Service>, turn: &mut Turn<'_>) -> Result<bool, Failure> {
    let claimed = service.store.claim_and_forget().await?;
    if let Some(id) = claimed {
        *turn = None;
        perform(Arc::clone(service), id).await;
    }
    Ok(claimed.is_some())
}

/// A work that nobody would miss: neither waited for nor tried again, and dropped
/// if there is much of it.
pub(super) fn start_telemetry(service: &Arc<Service>, id: i64) {
    if !service.gauges.telemetry_begins(service.settings.telemetry_limit) {
        return;
    }
    let service = Arc::clone(service);
    tokio::spawn(async move {
        tokio::time::sleep(service.settings.work).await;
        let _ = service.store.execute(Some(&[id]), Execution::Blind, "telemetry").await;
        service.gauges.telemetry_ends();
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        shutdown::{gauges::Gauges, settings::Settings, store::Store},
        testing::{Postgres, START_LIMIT},
    };

    /// The service with eighty idle workers.
    async fn idle(postgres: &Postgres) -> (Arc<Service>, Background) {
        let database = postgres.url().parse().expect("a URL");
        let settings = Settings::from_environment().expect("the defaults");
        // Who gave up a look would leave its session at the lock.
        let database_limit = START_LIMIT * 2;
        let settings = Settings { database, database_limit, variant: Variant::Outbox, workers: 80, ..settings };
        let store = Store::new(&settings);
        let deadline = tokio::time::Instant::now() + START_LIMIT;
        while let Err(error) = store.create_tables().await {
            assert!(tokio::time::Instant::now() < deadline, "{error}");
            tokio::time::sleep(IDLE).await;
        }
        let service = Arc::new(Service { settings, store, gauges: Gauges::default() });
        let background = Background::start(&service);
        (service, background)
    }

    async fn sessions(service: &Service, which: &str) -> i64 {
        let mut lease = service.store.lease().await.expect("a connection");
        let sql = format!("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND {which}");
        let count = lease.client().query_one(&sql, &[]).await.expect("a row").get(0);
        lease.keep();
        count
    }

    /// A worker that looks needs a connection; the pool keeps those that were ever needed at once.
    #[tokio::test]
    async fn of_eighty_idle_workers_one_looks_for_work() {
        let Some(postgres) = Postgres::start() else { return };
        let (service, background) = idle(&postgres).await;
        // Long enough for ten looks of each, if each looked.
        tokio::time::sleep(IDLE * 10).await;
        let count = sessions(&service, "true").await;
        assert!((1..=2).contains(&count), "{count} connections");
        background.drain(&service).await;
    }

    /// However long a look takes: those of ten requests wait for the same lock here.
    #[tokio::test]
    async fn for_each_request_of_its_own_a_worker_looks_at_once() {
        let Some(postgres) = Postgres::start() else { return };
        let (service, background) = idle(&postgres).await;
        let mut lease = service.store.lease().await.expect("a connection");
        let lock = lease.client().transaction().await.expect("a transaction");
        lock.batch_execute("LOCK TABLE intents IN ACCESS EXCLUSIVE MODE").await.expect("a lock");
        for id in 0..10 {
            background.start_work(&service, id);
        }
        let deadline = tokio::time::Instant::now() + START_LIMIT;
        while sessions(&service, "wait_event_type = 'Lock'").await < 10 {
            assert!(tokio::time::Instant::now() < deadline, "fewer than ten look");
            tokio::time::sleep(IDLE).await;
        }
        lock.rollback().await.expect("an end");
        background.drain(&service).await;
    }
}
