//! Lets runs begin as the machine bears them: most of a run is waiting, so that many can wait
//! at once, and two that deploy at once are enough for two processors.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use crate::machine::{self, Load, Processors};

/// How long the machine is looked at before one more run begins. One calm second is nothing:
/// between two containers of a deployment each machine has one.
const LOOK: Duration = Duration::from_secs(3);
/// With more of their time at work the processors have none left for one more run.
const BUSY: f64 = 0.85;
/// The same by the share of time in which some task waited for a processor.
const WAITED: f64 = 0.6;
/// So much more of both must be free for each further run: all that now wait may go on at once.
const ROOM: f64 = 0.1;
/// What the largest testbed needs: twelve machines, or two JVMs and a database.
const MEMORY: u64 = 1 << 30;

/// Who lets runs begin, in the order in which they ask.
pub struct Admission {
    turn: tokio::sync::Mutex<()>,
    running: AtomicUsize,
    /// So many run whatever the machine looks like.
    least: usize,
}

/// A run that was let in, until it is dropped.
#[must_use = "the run counts as ended when this is dropped"]
pub(super) struct Admitted<'a>(&'a AtomicUsize);

impl Drop for Admitted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Default for Admission {
    /// One run for each processor, and as many more as these bear; each needs more room than the last.
    fn default() -> Self {
        Self::of_at_least(thread::available_parallelism().map_or(1, usize::from))
    }
}

impl Admission {
    fn of_at_least(least: usize) -> Self {
        Self { turn: tokio::sync::Mutex::default(), running: AtomicUsize::new(0), least }
    }

    /// Waits until one more run may begin.
    pub(super) async fn enter(&self) -> Admitted<'_> {
        self.enter_when(is_calm).await
    }

    async fn enter_when<F: Future<Output = bool>>(&self, is_calm: impl Fn(usize) -> F) -> Admitted<'_> {
        let _turn = self.turn.lock().await;
        loop {
            match self.running.load(Ordering::SeqCst).checked_sub(self.least) {
                Some(more) if !is_calm(more).await => {}
                _ => break,
            }
        }
        self.running.fetch_add(1, Ordering::SeqCst);
        Admitted(&self.running)
    }
}

/// Looks at the machine for a while, and says whether it bears one run beside those that are more than
/// it has processors.
async fn is_calm(more: usize) -> bool {
    let before = Processors::now();
    tokio::time::sleep(LOOK).await;
    let load = before.zip(Processors::now()).map(|(before, now)| now.since(&before));
    load.is_none_or(|load| has_time(load, more)) && machine::memory_available().is_none_or(|bytes| bytes >= MEMORY)
}

fn has_time(load: Load, more: usize) -> bool {
    let room = ROOM * more as f64;
    load.busy + room < BUSY && load.waited.is_none_or(|waited| waited + room < WAITED)
}

#[cfg(test)]
mod tests {
    use std::{future::ready, sync::atomic::AtomicBool};

    use futures::FutureExt;

    use super::*;

    #[test]
    fn so_many_run_whatever_the_machine_looks_like_and_the_next_one_waits_for_calm() {
        let (admission, calm) = (Admission::of_at_least(2), AtomicBool::new(false));
        let enter = || admission.enter_when(|_| tokio::task::yield_now().map(|()| calm.load(Ordering::SeqCst)));
        let _first = enter().now_or_never().expect("the first");
        let second = enter().now_or_never().expect("the second");
        assert!(enter().now_or_never().is_none(), "the third, on a machine that is busy");
        drop(second);
        let second = enter().now_or_never().expect("one has ended");
        let third = admission.enter_when(|more| ready(more == 0)).now_or_never();
        assert!(third.is_some(), "the third, on a machine that is calm");
        let fourth = admission.enter_when(|more| ready(more == 1)).now_or_never();
        assert!(fourth.is_some(), "the fourth is one more than the third");
        drop((second, third, fourth));
    }

    #[test]
    fn processors_at_work_and_tasks_that_wait_are_both_a_reason() {
        let load = |busy, waited| Load { cpu_s: 1.0, busy, waited };
        assert!(has_time(load(0.84, Some(0.59)), 0) && has_time(load(0.84, None), 0));
        assert!(!has_time(load(0.85, Some(0.1)), 0) && !has_time(load(0.1, Some(0.6)), 0));
        assert!(has_time(load(0.64, Some(0.39)), 2), "the third beyond the processors");
        assert!(!has_time(load(0.66, Some(0.1)), 2) && !has_time(load(0.1, Some(0.41)), 2));
    }
}
