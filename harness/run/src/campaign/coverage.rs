//! What schedules have met so far: a map that is kept between nights, so that the next one
//! goes first where none has been.
//!
//! A state is a thing that happens (a fault begins, a runbook is called or does a step, a
//! detector fires) and what it meets: the faults in force, else the last one that has ended.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::Path,
};

use serde::{Deserialize, Serialize};

use super::{Happening, RunResult, Schedule, locked::locked, runner::PLAN};
use reenact_core::{Error, Result, detect::Episode, file, journal::Event};

/// The version of the file that this code writes and reads.
const VERSION: u32 = 1;

/// The events by which a schedule that is played tells which kind of fault begins and ends, and
/// which runbook is called.
pub(crate) const BEGINS: &str = "begins";
pub(crate) const ENDS: &str = "ends";
pub(crate) const CALLED: &str = "called";

/// The states of each system that were met.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    reenact_coverage: u32,
    systems: BTreeMap<String, BTreeSet<String>>,
}

impl Default for Coverage {
    fn default() -> Self {
        Self { reenact_coverage: VERSION, systems: BTreeMap::new() }
    }
}

impl Coverage {
    /// Reads a map; a file that is not there yet is an empty one.
    ///
    /// # Errors
    /// [`Error::Usage`] if it is no map, or of another version; [`Error::File`] if it cannot be read.
    pub fn load(path: &Path) -> Result<Self> {
        let text = match fs::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            read => read.map_err(Error::file("read", path))?,
        };
        let wrong =
            |why: String| Error::usage(format!("{} is {why}", path.display()), "name a file that a campaign wrote");
        let map: Self = serde_json::from_slice(&text).map_err(|error| wrong(format!("no map of coverage: {error}")))?;
        match map.reenact_coverage {
            VERSION => Ok(map),
            other => Err(wrong(format!("a map of the version {other}, not {VERSION}"))),
        }
    }

    /// Writes it, whole or not at all.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        let text =
            serde_json::to_vec_pretty(self).map_err(|error| Error::Bug(format!("a map of coverage: {error}")))?;
        file::write_whole(path, text)
    }

    /// Adds it to the map in a file, as several campaigns may at once. Gives what that knew before.
    ///
    /// # Errors
    /// As [`Coverage::load`] and [`Coverage::save`].
    pub fn add_to(&self, path: &Path) -> Result<Self> {
        let _locked = locked(path.parent().unwrap_or(path))?;
        let known = Self::load(path)?;
        known.clone().united(self).save(path)?;
        Ok(known)
    }

    /// What those of these runs have met that played a schedule, by their journals.
    pub fn of(runs: &[RunResult]) -> Self {
        let mut map = Self::default();
        for run in runs.iter().filter(|run| run.run_dir.join(PLAN).exists()) {
            let events = fs::read_to_string(run.run_dir.join("events.jsonl")).unwrap_or_default();
            // A run that was cut off leaves half a line.
            let events: Vec<Event> = events.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
            map.meet(run.id.split("::").next().unwrap_or(&run.id), met(&events, &run.score.episodes));
        }
        map
    }

    pub(super) fn meet(&mut self, system: &str, states: Vec<String>) {
        self.systems.entry(system.into()).or_default().extend(states);
    }

    /// What this one and another one have met.
    #[must_use]
    pub fn united(mut self, other: &Self) -> Self {
        for (system, states) in &other.systems {
            self.systems.entry(system.clone()).or_default().extend(states.iter().cloned());
        }
        self
    }

    /// The states that the other map has not, each with its system before it.
    pub fn new_to(&self, other: &Self) -> Vec<String> {
        let states = self.systems.iter().flat_map(|(system, states)| states.iter().map(move |state| (system, state)));
        let new = states.filter(|(system, state)| !other.has(system, state));
        new.map(|(system, state)| format!("{system}: {state}")).collect()
    }

    /// How many states it has.
    pub fn count(&self) -> usize {
        self.systems.values().map(BTreeSet::len).sum()
    }

    fn has(&self, system: &str, state: &str) -> bool {
        self.systems.get(system).is_some_and(|states| states.contains(state))
    }

    /// Of these schedules of one system, the one whose states are least known: by the share of
    /// them that are new, of equals the first. They count as met from now on.
    pub(super) fn take_least_known(&mut self, candidates: Vec<Schedule>) -> Option<Schedule> {
        let rank = |schedule: &Schedule| {
            let states = foreseen(schedule);
            let new = states.iter().filter(|state| !self.has(&schedule.system, state)).count();
            // In millionths, to be compared exactly.
            new * 1_000_000 / states.len().max(1)
        };
        let best = candidates.into_iter().rev().max_by_key(rank)?;
        self.meet(&best.system, foreseen(&best));
        Some(best)
    }
}

/// What goes on while a schedule is played.
#[derive(Default)]
struct Walk {
    in_force: Vec<String>,
    ended: Option<String>,
    met: Vec<String>,
}

impl Walk {
    fn meets(&mut self, what: &str) {
        let mut kinds = self.in_force.clone();
        kinds.sort();
        kinds.dedup();
        let phase = match &self.ended {
            _ if !kinds.is_empty() => format!("beside {}", kinds.join(" and ")),
            Some(kind) => format!("after {kind}"),
            None => "first".into(),
        };
        self.met.push(format!("{what}, {phase}"));
    }

    fn begins(&mut self, kind: &str) {
        self.meets(&format!("fault {kind}"));
        self.in_force.push(kind.into());
    }

    fn ends(&mut self, kind: &str) {
        if let Some(at) = self.in_force.iter().position(|other| other == kind) {
            self.in_force.remove(at);
        }
        self.ended = Some(kind.into());
    }
}

/// The states that a schedule is to meet: those of its own faults and calls.
fn foreseen(schedule: &Schedule) -> Vec<String> {
    let mut walk = Walk::default();
    let kind = |index: usize| schedule.faults[index].fault.kind.as_str();
    for event in schedule.events() {
        match event.what {
            Happening::Begins(index) => walk.begins(kind(index)),
            Happening::Ends(index) => walk.ends(kind(index)),
            Happening::Called(index) => walk.meets(&format!("runbook {}", schedule.calls[index].name)),
        }
    }
    walk.met
}

/// The states that a run has met, by what it journalled and by what detectors said.
pub(super) fn met(events: &[Event], episodes: &[Episode]) -> Vec<String> {
    let (mut walk, mut fired) = (Walk::default(), episodes.iter().peekable());
    for event in events {
        while let Some(episode) = fired.next_if(|episode| episode.from <= event.at) {
            walk.meets(&format!("detector {}", episode.detector));
        }
        match event.kind.as_str() {
            BEGINS => walk.begins(&event.text),
            ENDS => walk.ends(&event.text),
            CALLED => walk.meets(&format!("runbook {}", event.text)),
            "step" => walk.meets(&format!("step {}", event.text)),
            _ => {}
        }
    }
    fired.for_each(|episode| walk.meets(&format!("detector {}", episode.detector)));
    walk.met
}

#[cfg(test)]
mod tests {
    use reenact_core::probe::Moment;

    use super::*;

    /// A schedule of faults by kind, begin and length, in seconds, and of calls.
    fn schedule(faults: &[(&str, u32, u32)], calls: &[(&str, u32)]) -> Schedule {
        let fault = |(kind, at, lasts): &(&str, u32, u32)| {
            format!("[[fault]]\nkind = '{kind}'\nat = '{at}s'\nlasts = '{lasts}s'\n")
        };
        let call = |(name, at): &(&str, u32)| format!("[[runbook]]\nname = '{name}'\nat = '{at}s'\n");
        let text: String = faults.iter().map(fault).chain(calls.iter().map(call)).collect();
        Schedule::parse(&format!("system = 'toy'\n{text}")).expect("a plan")
    }

    #[test]
    fn a_state_is_what_happens_and_what_it_meets() {
        let schedule = schedule(&[("cut", 1, 9), ("kill", 3, 1), ("pause", 6, 2), ("full", 20, 1)], &[("mend", 7)]);
        assert_eq!(
            foreseen(&schedule),
            [
                "fault cut, first",
                "fault kill, beside cut",
                "fault pause, beside cut",
                "runbook mend, beside cut and pause",
                "fault full, after cut",
            ]
        );
    }

    #[test]
    fn detectors_and_steps_are_met_where_they_came_in_time() {
        let event = |at, kind: &str, text: &str| Event { at: Moment(at), kind: kind.into(), text: text.into() };
        let episode = |at| Episode { detector: "toy/cut".into(), from: Moment(at), to: None, evidence: Vec::new() };
        let events = [
            event(1, BEGINS, "cut"),
            event(2, "phase", "wait"),
            event(5, ENDS, "cut"),
            event(6, CALLED, "mend"),
            event(7, "step", "1. look"),
        ];
        let states =
            ["fault cut, first", "detector toy/cut, beside cut", "runbook mend, after cut", "step 1. look, after cut"];
        assert_eq!(met(&events, &[episode(3)]), states);
        assert_eq!(met(&events[..1], &[episode(9)]), states[..2]);
    }

    #[test]
    fn the_schedule_with_the_largest_new_share_comes_first_and_is_known_from_then_on() {
        let (cut, kill) = (schedule(&[("cut", 1, 1)], &[]), schedule(&[("kill", 1, 1)], &[]));
        let both = schedule(&[("cut", 1, 1), ("kill", 9, 1)], &[]);
        let all = || vec![cut.clone(), kill.clone(), both.clone()];
        let mut map = Coverage::default();
        let mut turns = (0..4).map(|_| map.take_least_known(all()).expect("one of them"));
        assert_eq!(turns.next().as_ref(), Some(&cut), "all are new: the first");
        assert_eq!(turns.next().as_ref(), Some(&kill), "all of it is new");
        assert_eq!(turns.next().as_ref(), Some(&both), "half of it is new");
        assert_eq!(turns.next().as_ref(), Some(&cut), "nothing is new");
        assert_eq!(map.take_least_known(Vec::new()), None);
    }

    #[test]
    fn maps_are_united_and_say_what_is_new() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("coverage.json");
        let mut one = Coverage::load(&path).expect("none yet");
        let mut other = one.clone();
        one.meet("toy", vec!["a".into(), "b".into()]);
        other.meet("toy", vec!["b".into(), "c".into()]);
        other.meet("bed", vec!["a".into()]);
        assert_eq!(other.new_to(&one), ["bed: a", "toy: c"]);
        one.add_to(&path).expect("written");
        assert_eq!(other.add_to(&path).expect("written"), one, "what was known before");
        let both = Coverage::load(&path).expect("read");
        assert_eq!((both.count(), other.new_to(&both)), (4, Vec::<String>::new()));
    }

    #[test]
    fn campaigns_that_learn_at_once_forget_nothing_of_each_other_s() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("coverage.json");
        std::thread::scope(|scope| {
            for campaign in 0..8 {
                let path = &path;
                scope.spawn(move || {
                    for run in 0..25 {
                        let mut met = Coverage::default();
                        met.meet("toy", vec![format!("{campaign} {run}")]);
                        met.add_to(path).expect("written");
                    }
                });
            }
        });
        assert_eq!(Coverage::load(&path).expect("read").count(), 200);
    }

    #[test]
    fn what_is_no_map_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("x.json");
        for text in ["{}", "seven", r#"{"reenact_coverage": 2, "systems": {}}"#] {
            fs::write(&path, text).expect("a file");
            let error = Coverage::load(&path).expect_err(text);
            assert!(error.exit_code() == 2 && error.to_string().contains("x.json is"), "{error}");
        }
    }
}
