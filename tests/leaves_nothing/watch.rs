//! Kills a harness and watches until nothing of it is left.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use crate::{
    harness::{last_phase, reapers, reenact, stderr_of, strike},
    kill::{Kill, Since, Target},
    marks::{Marks, Snapshot},
    observer::Observer,
};

/// How long it may take until nothing is left.
const LIMIT: Duration = Duration::from_secs(30);
/// How often is looked.
pub(crate) const EVERY: Duration = Duration::from_millis(100);
/// With its reaper dead, a harness's last requests to the daemon have come to their
/// end when nothing changed for this long.
pub(crate) const SETTLED: Duration = Duration::from_secs(2);

/// What came of a kill.
pub(crate) struct Death {
    pub(crate) kill: Kill,
    pub(crate) marks: Marks,
    pub(crate) phase: String,
    /// What was there when it died, by kind.
    pub(crate) had: BTreeMap<String, usize>,
    /// Until nothing was left; the reaper itself ends later.
    pub(crate) clean_after: Option<Duration>,
    /// What was wrong, if anything.
    pub(crate) trouble: Option<String>,
}

impl Observer {
    /// Starts a harness, kills it, and watches until nothing of it is left.
    pub(crate) async fn watch(&self, kill: Kill) -> Death {
        let results = tempfile::tempdir().expect("a folder");
        let mut child = reenact(results.path(), &kill.victim.command()).spawn().expect("the binary");
        let pid = child.id().expect("a running child");
        // A run that found the machine too busy ends before; it, too, must leave nothing.
        tokio::select! {
            () = kill.moment(results.path()) => {}
            ended = child.wait() => drop(ended.expect("the harness's end")),
        }
        // A look takes longer than some kills have time for, and what it is to see in a
        // fault is soon gone afterwards.
        let in_fault = kill.since == Since::Fault;
        let seen = if in_fault { self.look().await } else { Snapshot::new() };
        strike(&kill, &mut child, pid, results.path()).await;
        let (died, marks) = (Instant::now(), Marks::of(results.path()));
        let seen = if in_fault { seen } else { self.look().await };
        let (had, phase) = (marks.of_kinds(&seen), last_phase(results.path()));
        let after = if kill.target.with_reaper() { self.tidy(kill.target, &marks).await } else { Ok(()) };
        let watched = self.until_clean(&kill, &marks, died).await;
        let said = stderr_of(results.path());
        let panicked = said.contains("panicked").then(|| format!("it panicked: {said}"));
        let trouble = after.err().or(watched.as_ref().err().cloned()).or(panicked);
        Death { kill, marks, phase, had, clean_after: watched.ok(), trouble }
    }

    /// With the reaper dead: waits until the daemon is done, then has the leavings
    /// removed by those who come later.
    async fn tidy(&self, target: Target, marks: &Marks) -> Result<(), String> {
        let (mut seen, mut since) = (Snapshot::new(), Instant::now());
        while since.elapsed() < SETTLED {
            let now = marks.among(&self.objects().await);
            if now != seen {
                (seen, since) = (now, Instant::now());
            }
            tokio::time::sleep(EVERY).await;
        }
        // Doctor opens a session as every other start does, and is soon done.
        let command = if target == Target::ThenClean { "clean" } else { "doctor" };
        let results = tempfile::tempdir().expect("a folder");
        reenact(results.path(), &[command]).status().await.expect("the binary");
        // Its exit code may be about what others left; what counts is looked at next.
        let said = stderr_of(results.path());
        if said.contains("panicked") { Err(format!("`reenact {command}`: {said}")) } else { Ok(()) }
    }

    /// Waits until nothing bears the marks and the reaper has ended, and gives the
    /// time from the death to the first look that found nothing and no later look
    /// anything. A reaper must not end before: another start's sweep would hide it.
    async fn until_clean(&self, kill: &Kill, marks: &Marks, died: Instant) -> Result<Duration, String> {
        let begun = Instant::now();
        let mut clean_after = None;
        loop {
            // Processes first: what a reaper made an end of is gone before its own end.
            let reaping = !marks.among(&reapers()).is_empty();
            let looked = died.elapsed();
            let left = self.left(marks).await;
            clean_after = if left.is_empty() { clean_after.or(Some(looked)) } else { None };
            let gave_up = !reaping && !kill.target.with_reaper();
            match clean_after {
                Some(time) if !reaping => return Ok(time),
                _ if gave_up || begun.elapsed() > LIMIT => {
                    if self.held_by_daemon(&left).await {
                        return Ok(looked);
                    }
                    let reaper = if reaping { "still runs" } else { "has ended" };
                    let left: Vec<_> = left.into_iter().collect();
                    return Err(format!(
                        "after {looked:.1?}, when its reaper {reaper}, there is left: {}",
                        left.join(", ")
                    ));
                }
                _ => tokio::time::sleep(EVERY).await,
            }
        }
    }

    /// What still bears the marks; of the machine's things only once the daemon has
    /// none.
    async fn left(&self, marks: &Marks) -> Snapshot {
        let left = marks.among(&self.objects().await);
        if left.is_empty() { marks.among(&self.machine().await) } else { left }
    }
}
