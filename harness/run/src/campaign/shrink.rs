//! Shrinks a schedule that fails to a smaller one that fails alike, by running it: reruns
//! are noisy, so each candidate is put to the vote of several runs.

use std::time::Duration;

use super::{FaultSpec, Schedule, Span};
use reenact_core::Result;

/// The shortest stretch of a fault that is tried.
const SHORTEST: Duration = Duration::from_millis(500);

/// How many runs of how many must fail alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Votes {
    /// Failures required.
    pub needed: u32,
    /// Runs at most.
    pub of: u32,
}

/// The smallest schedule that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Shrunk {
    /// It.
    pub schedule: Schedule,
    /// How many of how many of its runs failed alike.
    pub failed: (u32, u32),
    /// How many runs it took in all.
    pub runs: u32,
    /// Whether nothing smaller fails; else the time was over.
    pub is_minimal: bool,
}

/// What a failure is about, apart from numbers and names that differ from run to run.
pub fn signature(reason: &str) -> String {
    let words = reason.split(|c: char| c.is_ascii_digit()).collect::<Vec<_>>().concat();
    words.split(':').next().unwrap_or_default().chars().take(80).collect()
}

/// Shrinks `schedule`, of which one run failed with `signature`. `run` runs a schedule and
/// gives its failure's signature, if it failed; `goes_on` says whether there is time left, and
/// `kept` is told of each smaller one at once.
///
/// # Errors
/// Those of `kept`.
pub async fn shrink<R, Fut>(
    schedule: Schedule,
    signature: &str,
    votes: Votes,
    mut goes_on: impl FnMut() -> bool,
    mut run: R,
    mut kept: impl FnMut(&Shrunk) -> Result<()>,
) -> Result<Shrunk>
where
    R: FnMut(Schedule) -> Fut,
    Fut: Future<Output = Option<String>>,
{
    let mut best = Shrunk { schedule, failed: (1, 1), runs: 0, is_minimal: false };
    // What did not fail is not tried again from another schedule.
    let mut held = Vec::new();
    'smaller: loop {
        for candidate in smaller(&best.schedule) {
            if held.contains(&candidate) {
                continue;
            }
            let (mut failed, mut ran) = (0, 0);
            while failed < votes.needed && votes.of - ran >= votes.needed - failed {
                if !goes_on() {
                    return Ok(best);
                }
                ran += 1;
                best.runs += 1;
                failed += u32::from(run(candidate.clone()).await.as_deref() == Some(signature));
            }
            if failed >= votes.needed {
                best = Shrunk { schedule: candidate, failed: (failed, ran), ..best };
                kept(&best)?;
                continue 'smaller;
            }
            held.push(candidate);
        }
        best.is_minimal = true;
        return Ok(best);
    }
}

/// Everything a step smaller, what takes away most first: half of what happens, each
/// single thing, shorter faults, fewer nodes in them, and earlier times.
fn smaller(schedule: &Schedule) -> Vec<Schedule> {
    let mut all = Vec::new();
    let count = schedule.faults.len();
    if count > 2 {
        let half =
            |range: std::ops::Range<usize>| Schedule { faults: schedule.faults[range].to_vec(), ..schedule.clone() };
        all.extend([half(0..count / 2), half(count / 2..count)]);
    }
    if schedule.calls.len() > 1 {
        all.push(Schedule { calls: Vec::new(), ..schedule.clone() });
    }
    let edited = |edit: &dyn Fn(&mut Schedule)| {
        let mut copy = schedule.clone();
        edit(&mut copy);
        copy
    };
    for index in 0..count {
        all.push(edited(&|copy| drop(copy.faults.remove(index))));
    }
    for index in 0..schedule.calls.len() {
        all.push(edited(&|copy| drop(copy.calls.remove(index))));
        all.push(edited(&|copy| copy.calls[index].killed_after = None));
    }
    for index in 0..count {
        all.push(edited(&|copy| {
            let lasts = &mut copy.faults[index].lasts;
            *lasts = lasts.map(|Span(time)| Span(if time / 2 >= SHORTEST { time / 2 } else { time }));
        }));
        all.extend(
            fewer(&schedule.faults[index].fault)
                .into_iter()
                .map(|fault| edited(&|copy| copy.faults[index].fault = fault.clone())),
        );
    }
    all.extend(earlier(schedule));
    all.retain(|candidate| candidate != schedule);
    all
}

/// The same with one node less. A cut that stays is simpler than one that comes and goes.
fn fewer(fault: &FaultSpec) -> Vec<FaultSpec> {
    let mut all = fault.with_fewer_nodes();
    if fault.kind == "flap" {
        let mut cut = FaultSpec { kind: "partition".into(), ..fault.clone() };
        cut.fields.retain(|name, _| !matches!(name, "down" | "up"));
        all.push(cut);
    }
    all
}

/// All of it as early as its first part allows, and everything four times as early.
fn earlier(schedule: &Schedule) -> Vec<Schedule> {
    let moved = |by: &dyn Fn(Duration) -> Duration| {
        let mut copy = schedule.clone();
        copy.faults
            .iter_mut()
            .map(|fault| &mut fault.at)
            .chain(copy.calls.iter_mut().map(|call| &mut call.at))
            .for_each(|at| {
                // Quarters of a second: no time is worth more digits.
                let ms = by(at.0).as_millis() as u64;
                *at = Span(Duration::from_millis(ms / 250 * 250));
            });
        copy
    };
    let times = schedule.faults.iter().map(|fault| fault.at.0).chain(schedule.calls.iter().map(|call| call.at.0));
    let first = times.min().unwrap_or_default();
    vec![moved(&|at| at - first), moved(&|at| at / 4)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Schedule {
        Schedule::parse(text).expect("a plan")
    }

    fn noisy() -> Schedule {
        parse(
            r#"
            system = "toy"
            fault = [
                { at = "3s", lasts = "8s", kind = "partition", left = ["n1"], right = ["n2", "n3"] },
                { at = "4s", lasts = "4s", kind = "pause", node = "n2" },
                { at = "9s", kind = "power_off", nodes = ["n1", "n3"] },
                { at = "12s", kind = "power_on", nodes = ["n1", "n3"] },
            ]
            runbook = [{ at = "2s", name = "mend", killed_after = 2 }, { at = "20s", name = "mend" }]
            "#,
        )
    }

    /// What the toy cannot stand: a power cut of n3 after a runbook was killed.
    fn fails(schedule: &Schedule) -> bool {
        let cut =
            schedule.faults.iter().find(|timed| timed.fault.kind == "power_off" && timed.fault.nodes().contains(&"n3"));
        cut.is_some_and(|cut| schedule.calls.iter().any(|call| call.killed_after.is_some() && call.at <= cut.at))
    }

    #[tokio::test]
    async fn what_does_not_matter_goes() {
        let said = "stuck for 7 s";
        let run = |schedule| async move { fails(&schedule).then(|| signature(said)) };
        let mut told = Vec::new();
        let kept = |smaller: &Shrunk| {
            told.push(smaller.schedule.clone());
            Ok(())
        };
        let shrunk = shrink(noisy(), &signature(said), Votes { needed: 1, of: 1 }, || true, run, kept).await;
        let shrunk = shrunk.expect("kept");
        let expected = r#"
            system = "toy"
            fault = [{ at = "0s", kind = "power_off", nodes = ["n3"] }]
            runbook = [{ at = "0s", name = "mend", killed_after = 2 }]
        "#;
        assert_eq!(shrunk.schedule, parse(expected));
        assert!(shrunk.is_minimal && shrunk.runs < 30, "{shrunk:?}");
        assert!(told.len() > 3 && told.iter().all(fails), "each step is kept: {told:?}");
        assert_eq!(told.last(), Some(&shrunk.schedule));
    }

    #[tokio::test]
    async fn a_flaky_failure_is_shrunk_by_votes_and_another_failure_is_not_followed() {
        let mut turn = 0;
        let run = |schedule: Schedule| {
            turn += 1;
            // Two of three runs show it; what has no call of a runbook fails in another way.
            let shows = fails(&schedule) && turn % 3 != 0;
            async move { if schedule.calls.is_empty() { Some("other".into()) } else { shows.then(|| "it".into()) } }
        };
        let shrunk = shrink(noisy(), "it", Votes { needed: 2, of: 4 }, || true, run, |_| Ok(())).await;
        let shrunk = shrunk.expect("kept");
        assert!(fails(&shrunk.schedule) && shrunk.schedule.faults.len() == 1, "{shrunk:?}");
        assert_eq!(shrunk.failed.0, 2);
    }

    #[tokio::test]
    async fn it_stops_when_the_time_is_over() {
        let mut left = 3;
        let goes_on = || {
            left -= 1;
            left >= 0
        };
        let shrunk = shrink(noisy(), "x", Votes { needed: 1, of: 1 }, goes_on, |_| async { None }, |_| Ok(())).await;
        let shrunk = shrunk.expect("kept");
        assert_eq!((shrunk.schedule, shrunk.runs, shrunk.is_minimal), (noisy(), 3, false));
    }

    #[test]
    fn a_signature_is_the_same_for_the_same_failure() {
        let one = signature("not healthy after 12.5 s: etcd1 has no leader");
        assert_eq!(one, signature("not healthy after 9.1 s: etcd2 has no leader"));
        assert_ne!(one, signature("3 acknowledged writes are lost"));
    }
}
