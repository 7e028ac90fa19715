//! Scrapes all targets of a system and keeps what they say in the run's folder.

use std::{
    fs::File,
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use flate2::{Compression, write::GzEncoder};
use reenact_core::{
    Error, Result,
    metrics::{FORMAT, Head, Line, Phase, Recorder, Target},
    poll::{self, Look},
    probe::Clock,
};
use reenact_testbed::{Exporter, Exporting, Testbed};
use tokio::{
    task::JoinHandle,
    time::{Instant, MissedTickBehavior, interval_at, timeout},
};

use super::{INTERVAL, Monitored, TIMEOUT};

/// The file of a run's folder that holds them.
pub const METRICS: &str = "metrics.jsonl.gz";

/// How long exporters may take to answer for the first time, on a loaded machine.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);

/// A recording that goes on. Ends when it is dropped.
pub struct Recording {
    kept: Arc<Kept>,
    scrapes: Vec<JoinHandle<()>>,
    phase: Option<Phase>,
    is_twin: bool,
    _exporting: Option<Exporting>,
}

/// What the scrapes share.
struct Kept {
    clock: Clock,
    answered: Vec<Answered>,
    /// `None` once the recording is over, or could not be written.
    recorder: Mutex<Result<Option<Recorder<GzEncoder<File>>>>>,
}

/// What is known of a target.
struct Answered {
    target: Target,
    /// The millisecond of the run after that in which the last scrape began that it answered.
    asked: AtomicU64,
    /// Why there was no answer since.
    trouble: Mutex<Option<String>>,
}

impl Recording {
    /// Starts the exporters in the testbed and scrapes all targets from now on.
    ///
    /// # Errors
    /// [`Error::File`] if the file cannot be made; [`Error::Docker`] if the exporters' nodes
    /// cannot be looked at.
    pub async fn begin(
        folder: &Path,
        clock: Clock,
        scenario: &str,
        is_twin: bool,
        pace: f64,
        bed: Option<Testbed>,
        mut targets: Vec<Monitored>,
    ) -> Result<Self> {
        let exporters: Vec<Exporter> = targets.iter_mut().filter_map(|target| target.exporter.take()).collect();
        let exporting = match (exporters.is_empty(), bed) {
            (true, _) => None,
            (false, Some(bed)) => Some(bed.run_exporters(exporters).await?),
            (false, None) => return Err(Error::Bug("there are exporters, and no testbed to run them".into())),
        };
        let path = folder.join(METRICS);
        let file = File::create(&path).map_err(Error::file("create", path))?;
        let head = Head {
            format: FORMAT,
            scenario: scenario.into(),
            system: scenario.split("::").next().unwrap_or_default().into(),
            is_twin,
            interval_ms: INTERVAL.as_millis() as u64,
            timeout_ms: TIMEOUT.as_millis() as u64,
            pace,
        };
        // At each scrape what is there goes to the file, so that a run that is killed keeps it.
        let recorder = Recorder::begin(GzEncoder::new(file, Compression::fast()), head)?;
        let answered = |one: &Monitored| Answered {
            target: one.target.clone(),
            asked: AtomicU64::new(0),
            trouble: Mutex::new(Some("it was not asked yet".into())),
        };
        let kept =
            Kept { clock, answered: targets.iter().map(answered).collect(), recorder: Mutex::new(Ok(Some(recorder))) };
        let (kept, count) = (Arc::new(kept), targets.len() as u32);
        let scrape = |(at, target)| tokio::spawn(scrape(Arc::clone(&kept), at, target, count));
        let scrapes = targets.into_iter().enumerate().map(scrape).collect();
        Ok(Self { kept, scrapes, phase: None, is_twin, _exporting: exporting })
    }

    /// Waits until every target has answered a scrape that begins now or later.
    ///
    /// # Errors
    /// [`Error::Inconclusive`] with those that do not.
    pub fn answered(&self) -> impl Future<Output = Result<()>> + use<> {
        let kept = Arc::clone(&self.kept);
        async move {
            let now = kept.clock.now().0;
            let look = || async {
                let silent: Vec<_> = kept.answered.iter().filter_map(|one| one.silent_since(now)).collect();
                if silent.is_empty() { Look::Ready(()) } else { Look::NotYet(silent.join(", ")) }
            };
            poll::until("every exporter to answer", ANSWER_LIMIT, look).await.map_err(|error| match error {
                Error::Failed(why) => Error::Inconclusive(why),
                other => other,
            })
        }
    }

    /// Marks that a phase of the story begins. It never goes back: tells whether it does begin.
    pub fn enters(&mut self, phase: Phase) -> bool {
        let begins = self.phase < Some(phase);
        if begins {
            self.phase = Some(phase);
            self.kept.put(Line::Phase { at: self.kept.clock.now().0, phase });
        }
        begins
    }

    /// Whether it is of a benign look-alike.
    pub fn is_twin(&self) -> bool {
        self.is_twin
    }

    /// Puts down for how long the state is known to last, in production's time.
    pub fn lasts(&self, time: Duration) {
        self.kept.put(Line::Lasts { production_s: time.as_secs() });
    }

    /// Scrapes no more, and keeps what there is.
    ///
    /// # Errors
    /// If anything could not be written.
    pub fn end(self) -> Result<()> {
        let recorder = std::mem::replace(&mut *lock(&self.kept.recorder), Ok(None))?;
        let Some(recorder) = recorder else { return Ok(()) };
        let ended = recorder.end().finish().and_then(|file| file.sync_all());
        ended.map_err(|error| Error::failed(format!("cannot write the metrics: {error}")))
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        self.scrapes.iter().for_each(JoinHandle::abort);
    }
}

impl Kept {
    fn put(&self, line: Line) {
        self.write(|recorder| recorder.put(&line));
    }

    /// After the first error nothing more is written: it would lack what came before.
    fn write(&self, write: impl FnOnce(&mut Recorder<GzEncoder<File>>) -> Result<()>) {
        let mut kept = lock(&self.recorder);
        if let Ok(Some(recorder)) = &mut *kept
            && let Err(error) = write(recorder)
        {
            *kept = Err(error);
        }
    }
}

impl Answered {
    fn silent_since(&self, moment: u64) -> Option<String> {
        let trouble = lock(&self.trouble).clone();
        let waits = self.asked.load(Ordering::Relaxed) <= moment;
        let Target { job, instance, .. } = &self.target;
        waits.then(|| format!("{job} of {instance}: {}", trouble.as_deref().unwrap_or("asked again")))
    }
}

/// Scrapes one target for ever, with one request at a time. The targets' scrapes are spread over
/// the interval. One that takes longer leaves scrapes out, and the next begins when it ends, as
/// with Prometheus.
async fn scrape(kept: Arc<Kept>, at: usize, mut target: Monitored, count: u32) {
    let first = Instant::now() + INTERVAL * at as u32 / count.max(1);
    let mut ticks = interval_at(first, INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        let (began, moment) = (Instant::now(), kept.clock.now().0);
        let answer = timeout(TIMEOUT, target.exports.samples()).await;
        let answer = answer.unwrap_or_else(|_| Err(format!("no answer within {TIMEOUT:?}")));
        let took = began.elapsed().as_millis() as u64;
        let Answered { asked, trouble, .. } = &kept.answered[at];
        *lock(trouble) = answer.as_ref().err().cloned();
        if answer.is_ok() {
            asked.store(moment + 1, Ordering::Relaxed);
        }
        kept.write(|recorder| recorder.scrape(moment, &target.target, took, answer));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
