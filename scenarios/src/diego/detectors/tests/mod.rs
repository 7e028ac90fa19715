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
    detect::{Verdict, all},
    probe::{Answer, Moment, Observation, Signal},
};

use sim::{Bbs, Key, Sim};

/// What happens to the machines.
type Act = fn(&mut Sim);

/// A moment of the simulation as RFC 3339 has it.
fn wall(at: u64) -> String {
    let (minutes, seconds) = (at / 60_000, at % 60_000);
    format!("2026-01-01T{:02}:{:02}:{:02}.{:03}Z", minutes / 60, minutes % 60, seconds / 1_000, seconds % 1_000)
}

fn values(said: impl Iterator<Item = (String, String)>) -> Answer {
    Answer::Values { values: said.collect() }
}

/// The registered detectors of a system that ever fire over a stream: when first, and
/// with what evidence.
fn fired(stream: &[Observation], system: &str) -> BTreeMap<&'static str, (Moment, Vec<String>)> {
    let mut fired = BTreeMap::new();
    for entry in all().into_iter().filter(|entry| entry.id.starts_with(system)) {
        let mut detector = (entry.new)();
        let first = stream.iter().find_map(|observation| match detector.observe(observation) {
            Verdict::Fired { evidence, at } => Some((at, evidence)),
            Verdict::Quiet | Verdict::Unknown { .. } => None,
        });
        if let Some(first) = first {
            fired.insert(entry.id, first);
        }
    }
    fired
}

/// What each detector of this folder says at the end of a stream.
fn verdicts(stream: &[Observation]) -> BTreeMap<&'static str, Verdict> {
    let ours = all().into_iter().filter(|entry| entry.id.starts_with("diego/"));
    let last = |entry: &'static reenact::detect::DetectorEntry| {
        let mut detector = (entry.new)();
        let last = stream.iter().map(|observation| detector.observe(observation)).last();
        (entry.id, last.expect("a stream"))
    };
    ours.map(last).collect()
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
