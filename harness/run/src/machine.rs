//! The machine that all runs share: how busy its processors are, and how late timers fire on
//! it. What was timed is no better than the machine that it was timed on.

use std::{
    fs::File,
    io::BufReader,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use procfs_core::{CpuPressure, ExplicitSystemInfo, FromBufRead, FromBufReadSI, KernelStats, Meminfo};
use serde::{Deserialize, Serialize};
use tokio::{task::JoinHandle, time::Instant};

use crate::lab::Lab;

/// How long the timer runs whose lateness is measured.
const TIMER: Duration = Duration::from_millis(10);
/// So late a timer is a reason to doubt what was timed: half of what a port has to answer.
const TOO_LATE_MS: f64 = 250.0;
/// The phase of a run that comes after its verdict.
pub(crate) const CLEAN_UP: &str = "keep the evidence and clean up";
/// The kernel's ticks in a second, as it tells them to programs: `USER_HZ`, 100 everywhere.
const TICKS: f64 = 100.0;

/// What the kernel has counted of its processors' time so far.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Processors {
    /// Ticks with work, over all processors.
    busy: u64,
    /// All ticks.
    all: u64,
    /// How long some task has waited for a processor, where the kernel tells it.
    waited: Option<Duration>,
    at: Instant,
}

impl Processors {
    /// Reads `/proc/stat` and `/proc/pressure/cpu`; `None` where there is no such file.
    pub fn now() -> Option<Self> {
        let open = |path| File::open(path).ok().map(BufReader::new);
        let system = ExplicitSystemInfo {
            boot_time_secs: 0,
            ticks_per_second: TICKS as u64,
            page_size: 4096,
            is_little_endian: true,
        };
        let total = KernelStats::from_buf_read(open("/proc/stat")?, &system).ok()?.total;
        let asleep = total.idle + total.iowait.unwrap_or_default();
        let at_work = [total.irq, total.softirq, total.steal].iter().flatten().sum::<u64>();
        let busy = total.user + total.nice + total.system + at_work;
        let pressure = open("/proc/pressure/cpu").and_then(|file| CpuPressure::from_buf_read(file).ok());
        let waited = pressure.map(|pressure| Duration::from_micros(pressure.some.total));
        Some(Self { busy, all: busy + asleep, waited, at: Instant::now() })
    }

    /// What they did since an earlier look.
    pub fn since(&self, earlier: &Self) -> Load {
        let (busy, all) = (self.busy.saturating_sub(earlier.busy), self.all.saturating_sub(earlier.all));
        let time = self.at.duration_since(earlier.at).as_secs_f64();
        let waited = self.waited.zip(earlier.waited).map(|(now, then)| now.saturating_sub(then).as_secs_f64());
        Load {
            cpu_s: busy as f64 / TICKS,
            busy: if all == 0 { 0.0 } else { busy as f64 / all as f64 },
            waited: waited.map(|waited| if time > 0.0 { (waited / time).min(1.0) } else { 0.0 }),
        }
    }
}

/// What the processors did in some time.
#[derive(Debug, Default, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Load {
    /// Seconds of work, over all processors and whoever's it was.
    pub cpu_s: f64,
    /// The share of their time, from 0 to 1.
    pub busy: f64,
    /// The share of the time in which some task waited for a processor; `None`: the kernel does
    /// not tell.
    pub waited: Option<f64>,
}

/// The memory that programs can still have, in bytes; `None` where the kernel does not tell.
pub fn memory_available() -> Option<u64> {
    let file = File::open("/proc/meminfo").ok()?;
    Meminfo::from_buf_read(BufReader::new(file)).ok()?.mem_available
}

/// How late timers of 10 ms fired, in milliseconds.
#[derive(Debug, Default, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Lag {
    /// The median.
    pub p50_ms: f64,
    /// Of a hundred the second latest.
    pub p99_ms: f64,
    /// The latest.
    pub max_ms: f64,
}

impl Lag {
    fn of(mut late: Vec<Duration>) -> Self {
        late.sort_unstable();
        let at = |share: f64| {
            let rank = (late.len() as f64 * share).ceil() as usize;
            late.get(rank.saturating_sub(1)).map_or(0.0, |late| late.as_secs_f64() * 1000.0)
        };
        Self { p50_ms: at(0.5), p99_ms: at(0.99), max_ms: at(1.0) }
    }
}

/// What the machine was like in one phase of a run.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
pub struct Phase {
    /// The phase, as the journal has it.
    pub name: String,
    /// How long it went on.
    pub lasted_ms: u64,
    /// What the processors did.
    pub load: Load,
    /// How late timers fired.
    pub lag: Lag,
}

/// What the machine was like in a run.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Machine {
    /// How late timers fired over the whole run.
    pub lag: Lag,
    /// Phase by phase.
    pub phases: Vec<Phase>,
}

impl Machine {
    /// Says with figures that this machine was too slow for what was to be timed; `None`: no
    /// sign of that. What came after the verdict does not count.
    pub fn too_slow(&self) -> Option<String> {
        let before = self.phases.iter().filter(|phase| phase.name != CLEAN_UP);
        let Phase { name, load, lag, .. } = before.max_by(|a, b| a.lag.max_ms.total_cmp(&b.lag.max_ms))?;
        let waited = load.waited.map_or_else(String::new, |waited| {
            format!(", and some task waited for one {:.0} % of the time", waited * 100.0)
        });
        (lag.max_ms >= TOO_LATE_MS).then(|| {
            format!(
                "this machine may have been too slow: in the phase \"{name}\" timers of 10 ms fired up to {:.2} s late; \
                 its processors were {:.0} % busy{waited}",
                lag.max_ms / 1000.0,
                load.busy * 100.0,
            )
        })
    }
}

/// Watches the machine while a run goes on.
pub(crate) struct Watch {
    seen: Arc<Mutex<Seen>>,
    task: JoinHandle<()>,
}

struct Seen {
    phase: String,
    since: Instant,
    processors: Option<Processors>,
    late: Vec<Duration>,
    all: Vec<Duration>,
    phases: Vec<Phase>,
}

impl Seen {
    fn new(phase: String) -> Self {
        let processors = Processors::now();
        Self { phase, since: Instant::now(), processors, late: Vec::new(), all: Vec::new(), phases: Vec::new() }
    }

    fn late(&mut self, late: Duration, phase: String) {
        self.late.push(late);
        if phase != self.phase {
            self.enters(phase);
        }
    }

    /// Closes the phase that goes on and begins another one.
    fn enters(&mut self, phase: String) {
        let processors = Processors::now();
        let load = processors.zip(self.processors).map(|(now, then)| now.since(&then));
        self.all.extend_from_slice(&self.late);
        self.phases.push(Phase {
            name: std::mem::replace(&mut self.phase, phase),
            lasted_ms: self.since.elapsed().as_millis() as u64,
            load: load.unwrap_or_default(),
            lag: Lag::of(std::mem::take(&mut self.late)),
        });
        (self.since, self.processors) = (Instant::now(), processors);
    }
}

impl Watch {
    /// Watches from now on; a phase is known by what the lab says of it.
    pub(crate) fn over(lab: &Lab) -> Self {
        let seen = Arc::new(Mutex::new(Seen::new(lab.current_phase())));
        let (lab, kept) = (lab.clone(), Arc::clone(&seen));
        let task = tokio::spawn(async move {
            loop {
                let due = Instant::now() + TIMER;
                tokio::time::sleep_until(due).await;
                lock(&kept).late(due.elapsed(), lab.current_phase());
            }
        });
        Self { seen, task }
    }

    /// What was seen up to now.
    pub(crate) fn end(self) -> Machine {
        self.task.abort();
        let mut seen = lock(&self.seen);
        seen.enters(String::new());
        Machine { lag: Lag::of(std::mem::take(&mut seen.all)), phases: std::mem::take(&mut seen.phases) }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phase(name: &str, max_ms: f64) -> Machine {
        let load = Load { cpu_s: 1.0, busy: 0.5, waited: Some(0.6) };
        let lag = Lag { max_ms, ..Lag::default() };
        Machine { lag, phases: vec![Phase { name: name.into(), lasted_ms: 1000, load, lag }] }
    }

    #[test]
    fn a_slow_machine_is_named_with_its_figures_and_no_other_is() {
        let told = phase("wait", 1900.0).too_slow().expect("late timers");
        for word in ["\"wait\"", "1.90 s late", "50 % busy", "60 % of the time"] {
            assert!(told.contains(word), "no {word:?} in: {told}");
        }
        assert!(phase("wait", 250.0).too_slow().is_some());
        assert_eq!(phase("wait", 249.0).too_slow(), None);
        assert_eq!(phase(CLEAN_UP, 1900.0).too_slow(), None, "after the verdict");
        assert_eq!(Machine::default().too_slow(), None);
    }

    #[test]
    fn lateness_has_a_median_and_a_worst() {
        let lag = Lag::of((1..=100).map(Duration::from_millis).collect());
        assert_eq!((lag.p50_ms, lag.p99_ms, lag.max_ms), (50.0, 99.0, 100.0));
        assert_eq!(Lag::of(Vec::new()), Lag::default());
    }

    #[test]
    fn what_processors_did_is_told_between_two_looks() {
        let at = Instant::now();
        let before = Processors { busy: 100, all: 1000, waited: Some(Duration::from_secs(1)), at };
        let later = Processors {
            busy: 250,
            all: 1200,
            waited: Some(Duration::from_millis(1500)),
            at: at + Duration::from_secs(1),
        };
        assert_eq!(later.since(&before), Load { cpu_s: 1.5, busy: 0.75, waited: Some(0.5) });
        assert_eq!(before.since(&before), Load { cpu_s: 0.0, busy: 0.0, waited: Some(0.0) });
    }

    #[test]
    fn this_kernel_is_read() {
        let now = Processors::now().expect("a /proc/stat");
        assert!(now.all > 0 && now.busy <= now.all);
        assert!(memory_available().is_some_and(|bytes| bytes > 1 << 20));
    }
}
