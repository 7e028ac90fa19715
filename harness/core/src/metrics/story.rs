//! What of a recording is told: from its steady phase to the moment at which somebody acts.

use std::collections::{BTreeMap, BTreeSet};

use super::{Id, Line, Phase, Scrape, Target, Value};

/// Leaves out what was scraped before the system was steady and after somebody acted; `None` if
/// it never came so far. The first scrape of a target that is left has all of its values.
pub fn story(lines: Vec<Line>) -> Option<Vec<Line>> {
    let begin = |wanted| {
        lines.iter().find_map(|line| match line {
            Line::Phase { at, phase } if *phase == wanted => Some(*at),
            _ => None,
        })
    };
    let (from, to) = (begin(Phase::Steady)?, begin(Phase::Over)?);
    let (mut series, mut values) = (BTreeMap::<Id, Line>::new(), BTreeMap::<Target, BTreeMap<Id, Value>>::new());
    let (mut begun, mut told) = (BTreeSet::new(), Vec::new());
    for line in lines {
        match line {
            Line::Series { id, .. } => _ = series.insert(id, line),
            Line::Scrape(scrape) if scrape.at <= to => {
                let all = values.entry(scrape.target.clone()).or_default();
                apply(&scrape, all);
                if scrape.at >= from {
                    let whole = (scrape.down.is_none() && begun.insert(scrape.target.clone())).then(|| all.clone());
                    let scrape = whole_or_changed(scrape, whole);
                    told.extend(scrape.set.keys().filter_map(|id| series.remove(id)));
                    told.push(Line::Scrape(scrape));
                }
            }
            Line::Scrape(_) => {}
            Line::Head(_) | Line::Phase { .. } | Line::Lasts { .. } => told.push(line),
        }
    }
    Some(told)
}

fn apply(scrape: &Scrape, values: &mut BTreeMap<Id, Value>) {
    if scrape.down.is_some() {
        values.clear();
    }
    values.retain(|id, _| !scrape.gone.contains(id));
    values.extend(scrape.set.iter().map(|(id, value)| (*id, *value)));
}

fn whole_or_changed(scrape: Scrape, whole: Option<BTreeMap<Id, Value>>) -> Scrape {
    match whole {
        Some(set) => Scrape { set, gone: BTreeSet::new(), ..scrape },
        None => scrape,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{FORMAT, Head, Kind, Recorder, Sample, Series, read};

    fn sample(name: &str, value: f64) -> Sample {
        Sample { series: Series { name: name.into(), labels: BTreeMap::new() }.into(), kind: Kind::Gauge, value }
    }

    fn target() -> Target {
        Target { job: "mysql".into(), node: "n1".into(), instance: "n1:9104".into() }
    }

    /// Scrapes at 0, 1, … with these samples; phases begin at these moments.
    fn lines(phases: &[(u64, Phase)], scrapes: &[&[(&str, f64)]]) -> Vec<Line> {
        let head = Head {
            format: FORMAT,
            scenario: "galera::x".into(),
            system: "galera".into(),
            is_twin: false,
            interval_ms: 1000,
            timeout_ms: 10_000,
            pace: 1.0,
        };
        let mut out = Vec::new();
        let mut recorder = Recorder::begin(&mut out, head).expect("in order");
        for (at, samples) in (0..).zip(scrapes) {
            for (moment, phase) in phases.iter().filter(|(moment, _)| *moment == at) {
                recorder.put(&Line::Phase { at: *moment, phase: *phase }).expect("in order");
            }
            let answer = match samples {
                [] => Err("refused".into()),
                all => Ok(all.iter().map(|(name, value)| sample(name, *value)).collect()),
            };
            recorder.scrape(at, &target(), 1, answer).expect("in order");
        }
        read(&out[..]).expect("readable")
    }

    fn scrapes(lines: &[Line]) -> Vec<&Scrape> {
        lines.iter().filter_map(|line| if let Line::Scrape(scrape) = line { Some(scrape) } else { None }).collect()
    }

    const PHASES: [(u64, Phase); 2] = [(1, Phase::Steady), (3, Phase::Over)];

    #[test]
    fn what_was_before_and_after_is_left_out_and_the_first_scrape_is_whole() {
        let all: [&[_]; 5] = [
            &[("x", 1.0), ("gone", 1.0)],
            &[("x", 1.0), ("y", 2.0)],
            &[("x", 3.0), ("y", 2.0)],
            &[("x", 3.0), ("y", 2.0)],
            &[("late", 9.0)],
        ];
        let told = story(lines(&PHASES, &all)).expect("steady");
        let kept = scrapes(&told);
        assert_eq!(kept.iter().map(|scrape| scrape.at).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!((kept[0].set.len(), kept[0].gone.len(), kept[1].set.len(), kept[2].set.len()), (2, 0, 1, 0));
        let named: Vec<_> = told
            .iter()
            .filter_map(|line| if let Line::Series { series, .. } = line { Some(series.name.as_str()) } else { None })
            .collect();
        assert_eq!(named, ["x", "y"]);
        assert!(matches!(told[0], Line::Head(_)));
    }

    #[test]
    fn after_a_scrape_that_failed_nothing_of_before_is_taken_over() {
        let all: [&[_]; 4] = [&[("x", 1.0), ("y", 1.0)], &[], &[("x", 2.0)], &[("x", 2.0)]];
        let told = story(lines(&PHASES, &all)).expect("steady");
        let kept = scrapes(&told);
        assert!(kept[0].down.is_some());
        assert_eq!(kept[1].set.len(), 1);
    }

    #[test]
    fn one_that_never_was_steady_or_never_came_to_its_end_has_no_story() {
        for phases in [&PHASES[..1], &PHASES[1..], &[]] {
            let all: [&[_]; 5] = [&[("x", 1.0)]; 5];
            assert_eq!(story(lines(phases, &all)), None);
        }
    }
}
