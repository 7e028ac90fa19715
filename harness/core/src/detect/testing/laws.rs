//! What holds of every system's detectors over every system's streams.

use std::collections::BTreeMap;

use super::{Fired, said};
use crate::{
    detect::{Verdict, all},
    probe::{Moment, Observation},
};

/// Asserts, of each system's detectors and the stream of some trouble of it:
/// they say the same of the same stream, together on a board and each alone; a moment of
/// firing is that of an observation and never goes back; other systems' detectors cannot
/// tell anything of the stream; and other systems' machines beside it change nothing.
pub fn laws(streams: &[(&'static str, Vec<Observation>)]) {
    for (system, stream) in streams {
        let fired = said(stream, system).fired;
        assert!(!fired.is_empty(), "{system} has no trouble");
        assert_eq!(alone(stream, system), fired, "{system}: together and alone");
        for (other, others) in streams.iter().filter(|(other, _)| other != system) {
            let strangers = said(stream, other);
            for (id, verdict) in &strangers.last {
                assert!(matches!(verdict, Verdict::Unknown { .. }), "{id} says {verdict:?} of {system}");
            }
            assert_eq!(strangers.fired, Fired::new(), "{other} of {system}");
            let both = said(&beside(stream, others), system).fired;
            assert_eq!(both.keys().collect::<Vec<_>>(), fired.keys().collect::<Vec<_>>(), "{system} beside {other}");
            for (id, (at, _)) in &fired {
                let apart = at.0.abs_diff(both[id].0.0);
                assert!(apart <= 300, "{id} fires {apart} ms apart beside {other}");
            }
        }
    }
}

/// What each detector says by a view of its own.
fn alone(stream: &[Observation], system: &str) -> Fired {
    let mut fired = BTreeMap::new();
    for entry in all().into_iter().filter(|entry| entry.id.starts_with(system)) {
        let mut detector = (entry.new)();
        let mut last: Option<Moment> = None;
        for observation in stream {
            let verdict = detector.observe(observation);
            if let Verdict::Fired { evidence, at } = verdict {
                assert!(at <= observation.at && last.is_none_or(|last| at >= last), "{} fired at {at}", entry.id);
                last = Some(at);
                fired.entry(entry.id).or_insert((at, evidence));
            }
        }
    }
    fired
}

/// Both streams in one, as long as the first; nodes are their own.
fn beside(stream: &[Observation], others: &[Observation]) -> Vec<Observation> {
    let end = stream.last().map_or(Moment::default(), |seen| seen.at);
    let renamed = others.iter().map(|seen| Observation { node: format!("other-{}", seen.node), ..seen.clone() });
    let mut both: Vec<_> = stream.iter().cloned().chain(renamed).filter(|seen| seen.at <= end).collect();
    both.sort_by_key(|seen| seen.at);
    both
}
