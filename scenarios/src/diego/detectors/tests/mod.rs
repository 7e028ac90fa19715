//! Diego's state on paper: what the probes would record of it, at their real intervals,
//! with jitter. No detector knows that it is not real.

mod diagnoses;
mod look_alikes;
mod margins;
mod others_streams;
mod properties;
mod sim;

use std::{collections::BTreeMap, time::Duration};

use reenact::{
    detect::Verdict,
    probe::{Answer, Moment, Observation, Signal},
};

use crate::verdicts::{fired_of as fired, verdicts_of, wall};

use sim::{Bbs, Key, Sim};

/// What happens to the machines.
type Act = fn(&mut Sim);

fn values(said: impl Iterator<Item = (String, String)>) -> Answer {
    Answer::Values { values: said.collect() }
}

/// Which detectors fire at the end.
fn firing(sim: &Sim) -> Vec<&'static str> {
    let last = |(id, verdict)| matches!(verdict, Verdict::Fired { .. }).then_some(id);
    verdicts(&sim.observations).into_iter().filter_map(last).collect()
}

/// Which detectors ever fire.
fn diagnoses(sim: &Sim) -> Vec<&'static str> {
    fired(&sim.observations, "diego/").into_keys().collect()
}

/// Asserts that nothing but `id` ever fired, and it between `after` and `within`
/// milliseconds after `from`, with each of `lines` in its evidence.
#[track_caller]
fn assert_only(sim: &Sim, id: &str, from: u64, (after, within): (u64, u64), lines: &[&str]) {
    let fired = fired(&sim.observations, "diego/");
    assert_eq!(fired.keys().copied().collect::<Vec<_>>(), [id], "{fired:#?}");
    let (at, evidence) = &fired[id];
    let took = at.since(Moment(from));
    let range = Duration::from_millis(after)..=Duration::from_millis(within);
    assert!(range.contains(&took), "{id} fired {took:?} after {from} ms: {evidence:#?}");
    for line in lines {
        assert!(evidence.iter().any(|seen| seen.contains(line)), "no '{line}' in {evidence:#?}");
    }
}

/// Whether nobody ever fired.
#[track_caller]
fn quiet(sim: &Sim) {
    assert_eq!(fired(&sim.observations, "diego/"), BTreeMap::new());
}

/// Whether every detector can tell, and says no.
#[track_caller]
fn knows(sim: &Sim) {
    let said = verdicts(&sim.observations);
    assert!(said.len() == 16 && said.values().all(|verdict| *verdict == Verdict::Quiet), "{said:#?}");
}

/// What each detector of this folder says at the end of a stream.
fn verdicts(stream: &[Observation]) -> BTreeMap<&'static str, Verdict> {
    verdicts_of(stream, "diego/")
}
