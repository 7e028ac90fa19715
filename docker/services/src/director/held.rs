//! Holding a lock: acquired in a loop, renewed by a thread of its own, given back at the end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::error::{Error, Result};
use super::job::Job;
use super::lock::{Attempt, Lock, LockTable as _, Renewal, refusal};
use super::store::locks::Locks;
use super::store::{events, tasks};
use super::task::State;

/// A lock that this process acquired. Whether it still is ours, only the table knows.
#[derive(Debug)]
pub struct Held {
    holder: Holder,
    given_back: Arc<Signal>,
    renewal: JoinHandle<()>,
}

/// Tells the renewal thread that the lock is given back.
#[derive(Debug, Default)]
struct Signal {
    raised: AtomicBool,
    notify: Notify,
}

/// Who holds what: the parts that the job's thread and the renewal thread share.
#[derive(Debug, Clone)]
struct Holder {
    job: Job,
    lock: Lock,
    deployment: Option<String>,
}

impl Held {
    /// Acquires the lock `name`, trying for `timeout`, and begins to renew it.
    ///
    /// # Errors
    /// `LockTimeout`, naming the task that the row names; or the database's.
    pub async fn acquire(job: &Job, name: &str, deployment: Option<&str>, timeout: Duration) -> Result<Self> {
        let lock = Lock {
            name: name.to_owned(),
            uid: uuid::Uuid::new_v4().to_string(),
            task_id: job.id().to_string(),
            expiry: job.config.intervals.lock_expiry(),
        };
        let holder = Holder { job: job.clone(), lock, deployment: deployment.map(str::to_owned) };
        holder.acquire(timeout).await?;
        let given_back = Arc::new(Signal::default());
        // The renewal thread has no name in the real log: `[]`.
        let renewer = Holder { job: holder.job.in_thread(""), ..holder.clone() };
        let renewal = tokio::spawn(renewer.keep_renewing(Arc::clone(&given_back)));
        Ok(Self { holder, given_back, renewal })
    }

    /// Gives the lock back, by uid: if somebody else has it now, theirs stays \[M\].
    ///
    /// # Errors
    /// The database's.
    pub async fn release(self) -> Result<()> {
        let Self { holder, given_back, renewal } = self;
        given_back.raised.store(true, Ordering::SeqCst);
        given_back.notify.notify_one();
        let (log, lock) = (&holder.job.log, &holder.lock);
        match lock.release(&holder.table()).await? {
            true => log.debug(format!("Deleted lock: {} uid: {}", lock.name, lock.uid)),
            false => log.debug(format!("Can not find lock: {} - uid: {}", lock.name, lock.uid)),
        }
        let _ = renewal.await;
        holder.event("release", None).await
    }
}

impl Holder {
    fn table(&self) -> Locks {
        Locks { db: self.job.config.db.clone(), log: self.job.log.clone() }
    }

    async fn acquire(&self, timeout: Duration) -> Result<()> {
        let (job, lock, started) = (&self.job, &self.lock, Instant::now());
        job.log.debug(format!("Acquiring lock: {}", lock.name));
        while lock.attempt(&self.table(), job.config.clock.now()).await? != Attempt::Acquired {
            if started.elapsed() > timeout {
                return Err(Error::lock(self.refused().await?));
            }
            tokio::time::sleep(job.config.intervals.lock_poll()).await;
        }
        job.log.debug(format!("Acquired lock: {}", lock.name));
        self.event("acquire", None).await
    }

    /// Whose row stood in the way, by the row: a takeover leaves the wrong task there.
    async fn refused(&self) -> Result<String> {
        let Some(row) = self.table().find(&self.lock.name).await? else {
            return Ok(refusal(&self.lock, None));
        };
        let id = row.task_id.parse().unwrap_or_default();
        let task = tasks::find(&self.job.config.db, &self.job.log, id).await.ok();
        let description = task.as_ref().map(|task| task.description.as_str());
        Ok(refusal(&self.lock, Some((row.task_id.as_str(), description))))
    }

    /// The renewal thread. It ends when the lock is given back, when the row is not ours any more, and when the
    /// database fails it: it is not begun again.
    async fn keep_renewing(self, given_back: Arc<Signal>) {
        let every = self.job.config.intervals.lock_renewal();
        loop {
            let _ = tokio::time::timeout(every, given_back.notify.notified()).await;
            if given_back.raised.load(Ordering::SeqCst) {
                return;
            }
            self.job.log.debug(format!("Renewing lock: {}", self.lock.name));
            match self.lock.renew(&self.table(), self.job.config.clock.now()).await {
                Ok(Renewal::Renewed) => {}
                _ if given_back.raised.load(Ordering::SeqCst) => return,
                _ => break,
            }
        }
        // The real thread dies of the error that the dead database gives it here, before it logs.
        if self.lost().await.is_ok() {
            self.job.log.debug("Lock renewal thread exiting");
        }
    }

    /// The event is written even with `record_events` off; the task's state is set whatever it was \[M\].
    async fn lost(&self) -> Result<()> {
        self.event("lost", Some("Lock renewal thread exiting")).await?;
        tasks::set_state(&self.job.config.db, &self.job.log, self.job.id(), State::Cancelling).await
    }

    async fn event(&self, action: &str, error: Option<&str>) -> Result<()> {
        let (object_type, object_name, deployment) =
            ("lock", Some(self.lock.name.as_str()), self.deployment.as_deref());
        let event = events::Event { action, object_type, object_name, deployment, error, ..Default::default() };
        self.job.event(event).await.map(drop)
    }
}

/// Does `work` under the lock of the deployment `name`, and gives it back however that ends.
///
/// # Errors
/// The lock's or the work's.
pub async fn with_deployment_lock<T>(
    job: &Job,
    name: &str,
    timeout: Duration,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    job.log.info(format!("Acquiring deployment lock on {name}"));
    let held = Held::acquire(job, &format!("lock:deployment:{name}"), Some(name), timeout).await?;
    let done = work.await;
    held.release().await?;
    done
}

/// Does `work` under several locks, taken in order and given back in the other.
///
/// # Errors
/// A lock's or the work's.
pub async fn with_locks<T>(
    job: &Job,
    names: &[String],
    timeout: Duration,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    let mut held = Vec::new();
    let mut refused = None;
    for name in names {
        match Held::acquire(job, name, None, timeout).await {
            Ok(lock) => held.push(lock),
            Err(error) => {
                refused = Some(error);
                break;
            }
        }
    }
    let done = match refused {
        Some(error) => Err(error),
        None => work.await,
    };
    for lock in held.into_iter().rev() {
        lock.release().await?;
    }
    done
}
