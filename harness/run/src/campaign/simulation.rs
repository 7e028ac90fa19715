//! A simulation of nights: the schedules that a campaign would draw, played on nothing, and the states
//! that they would meet. It tells what a map of earlier nights is worth, and nothing of real software.

use std::time::Duration;

use super::{BEGINS, CALLED, Call, Coverage, ENDS, Happening, Playable, Schedule, coverage, hunt::CANDIDATES, random};
use reenact_core::{Error, Result, detect::Episode, journal::Event, probe::Moment};

/// How long a fault of the toy is in force until a detector names it. Real ones take one to ten seconds.
const NOTICED: Duration = Duration::from_secs(5);
/// How many steps each runbook of the toy has, and how long one takes.
const STEPS: usize = 4;
const STEP: Duration = Duration::from_secs(1);

/// How many states were new in each night of so many schedules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nights {
    /// Where each schedule is drawn alone.
    pub unguided: Vec<usize>,
    /// Where of several the one is played that is known least.
    pub guided: Vec<usize>,
}

/// Simulates nights of a system, each of so many schedules of its own seed, from `seed` on.
///
/// # Errors
/// [`Error::Bug`] if nothing can be drawn, as from an empty menu.
pub fn nights(playable: &Playable, seed: u64, nights: u64, schedules: u64) -> Result<Nights> {
    let all = |is_guided| -> Result<Vec<_>> {
        let mut known = Coverage::default();
        (seed..seed + nights).map(|seed| night(playable, seed, schedules, is_guided, &mut known)).collect()
    };
    Ok(Nights { unguided: all(false)?, guided: all(true)? })
}

/// One night, which adds what it meets to the map at its end. Gives how many states of it are new.
fn night(playable: &Playable, seed: u64, schedules: u64, is_guided: bool, known: &mut Coverage) -> Result<usize> {
    let (mut map, mut met) = (known.clone(), Coverage::default());
    for number in 0..schedules {
        let schedule = if is_guided {
            let all: Result<Vec<_>> = (0..CANDIDATES).map(|at| random::candidate(playable, seed, number, at)).collect();
            map.take_least_known(all?).ok_or_else(|| Error::Bug("no candidate was drawn".into()))?
        } else {
            random::schedule(playable, seed, number)?
        };
        let (events, episodes) = played(&schedule);
        met.meet(playable.system, coverage::met(&events, &episodes));
    }
    let new = met.new_to(known).len();
    *known = std::mem::take(known).united(&met);
    Ok(new)
}

/// What the toy would journal, and what detectors would say: each fault that is in force for long enough is
/// named after its kind, and each runbook does its steps until it is killed.
fn played(schedule: &Schedule) -> (Vec<Event>, Vec<Episode>) {
    let (mut events, mut episodes) = (Vec::new(), Vec::new());
    let mut put =
        |at: Duration, kind: &str, text: String| events.push(Event { at: moment(at), kind: kind.into(), text });
    for event in schedule.events() {
        match event.what {
            Happening::Begins(index) => {
                let timed = &schedule.faults[index];
                put(event.at, BEGINS, timed.fault.kind.clone());
                if timed.lasts.is_none_or(|lasts| lasts.0 > NOTICED) {
                    let (detector, from) = (timed.fault.kind.clone(), moment(event.at + NOTICED));
                    episodes.push(Episode { detector, from, to: None, evidence: Vec::new() });
                }
            }
            Happening::Ends(index) => put(event.at, ENDS, schedule.faults[index].fault.kind.clone()),
            Happening::Called(index) => {
                let Call { name, killed_after, .. } = &schedule.calls[index];
                put(event.at, CALLED, name.clone());
                for step in 1..=killed_after.unwrap_or(STEPS).min(STEPS) {
                    put(event.at + STEP * step as u32, "step", format!("{step}. of {name}"));
                }
            }
        }
    }
    events.sort_by_key(|event| event.at);
    episodes.sort_by_key(|episode| episode.from);
    (events, episodes)
}

fn moment(at: Duration) -> Moment {
    Moment(at.as_millis() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::playable::TOY;

    #[test]
    fn a_toy_names_what_lasts_and_its_runbooks_do_their_steps_until_they_are_killed() {
        let text = "system = 'toy'\nfault = [{ at = '1s', lasts = '1500ms', kind = 'cut' }, { at = '1s', lasts = '9s', kind = 'pause' }]\n\
                    runbook = [{ at = '2s', name = 'mend', killed_after = 2 }]";
        let (events, episodes) = played(&Schedule::parse(text).expect("a plan"));
        assert_eq!(
            coverage::met(&events, &episodes),
            [
                "fault cut, first",
                "fault pause, beside cut",
                "runbook mend, beside cut and pause",
                "step 1. of mend, beside pause",
                "step 2. of mend, beside pause",
                "detector pause, beside pause",
            ]
        );
    }

    #[test]
    fn nights_are_the_same_again_and_those_that_are_guided_meet_more() {
        let all = nights(&TOY, 1, 3, 20).expect("drawn");
        assert_eq!(nights(&TOY, 1, 3, 20).expect("drawn"), all);
        let met = |nights: &[usize]| nights.iter().sum::<usize>();
        assert!(met(&all.guided) > met(&all.unguided) && met(&all.unguided) > 0, "{all:?}");
    }
}
