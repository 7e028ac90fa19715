use reenact_core::metrics::{Kind, Phase};

use super::*;
use crate::testing::{Now, Story, gauge, sample, target};

fn axis(recording: &Recording, seed: u64) -> Axis {
    let parts = Parts::of(recording);
    Axis { parts, interval_ms: 15_000, spread_ms: 15_000, before: 20, after: 40, seed, seeds: 5 }
}

/// A series' values on the axis.
fn values(recording: &Recording, name: &str, counters: &[&str], seed: u64) -> Vec<Option<f64>> {
    let axis = axis(recording, seed);
    let counters = counters.iter().map(|&name| name.to_owned()).collect();
    let epoch = shape::epoch(recording);
    let scraped = &recording.targets[0];
    let kept = scraped.series.iter().find(|kept| kept.name == name).expect("the series");
    let track = Track::of(scraped, &axis.parts);
    let shape = Shape::of(kept, scraped, &track, &axis, &counters, epoch);
    axis.points(scraped).into_iter().map(|point| point.and_then(|point| shape.at(point))).collect()
}

#[test]
fn the_seeds_do_move_the_onset_and_each_target() {
    let story = Story::default();
    let recording = story.recorded(|_| Ok(vec![gauge("x", 1.0)]));
    let onsets: BTreeSet<_> = (0..5).map(|seed| axis(&recording, seed).onset_clock()).collect();
    assert_eq!(onsets.len(), 5);
    let (first, last) = (onsets.first().expect("one"), onsets.last().expect("one"));
    assert!(last - first >= 9000, "they are spread over the interval: {onsets:?}");
    let lags: BTreeSet<_> = (0..5).map(|seed| axis(&recording, seed).lag(&target("made", "n1"))).collect();
    assert_eq!(lags.len(), 5);
    assert_ne!(axis(&recording, 1).lag(&target("made", "n1")), axis(&recording, 1).lag(&target("made", "n2")));
}

#[test]
fn a_gauge_is_repeated_and_turns_at_the_onset_only() {
    let broken = |now: Now| Ok(vec![gauge("x", if now.since >= 1 { 1.0 } else { 0.0 })]);
    let recording = Story::default().recorded(broken);
    for seed in 0..5 {
        let values = values(&recording, "x", &[], seed);
        assert!(values[..20].iter().all(|value| *value == Some(0.0)), "healthy for long before: {values:?}");
        assert!(values[22..].iter().all(|value| *value == Some(1.0)), "broken ever after: {values:?}");
    }
}

#[test]
fn a_flicker_is_not_caught_at_one_moment_for_ever() {
    // On for one second of three; a scrape each 15 s would always find the same one.
    let flickers = |now: Now| Ok(vec![gauge("x", f64::from(u8::from(now.second.is_multiple_of(3))))]);
    let recording = Story { steady: 3, ..Story::default() }.recorded(flickers);
    for seed in 0..5 {
        let values = values(&recording, "x", &[], seed);
        let on = values[..19].iter().filter(|value| **value == Some(1.0)).count();
        assert!((1..19).contains(&on), "seed {seed}: {values:?}");
    }
}

#[test]
fn a_gauge_that_turns_once_while_it_is_held_does_not_turn_back() {
    let late = |now: Now| Ok(vec![gauge("x", if now.since >= 10 { 1.0 } else { 0.0 })]);
    let values = values(&Story::default().recorded(late), "x", &[], 0);
    assert!(values[23..].iter().all(|value| *value == Some(1.0)), "{values:?}");
}

#[test]
fn a_turn_that_only_the_last_scrape_has_seen_is_not_taken_to_stay() {
    // 6 s steady, 4 s of onset, 24 s held.
    let last = |now: Now| Ok(vec![gauge("x", if now.second >= 33 { 1.0 } else { 0.0 })]);
    let values = values(&Story::default().recorded(last), "x", &[], 0);
    assert!(values[24..].iter().all(|value| *value == Some(0.0)), "{values:?}");
}

#[test]
fn a_counter_goes_on_with_its_slope_and_never_falls() {
    let recording = Story::default().recorded(|now| Ok(vec![sample("c", Kind::Counter, (now.second * 2) as f64)]));
    for seed in 0..5 {
        let values: Vec<_> = values(&recording, "c", &[], seed).into_iter().flatten().collect();
        assert_eq!(values.len(), 60);
        assert!(values[0] >= 0.0);
        for pair in values.windows(2) {
            let gained = pair[1] - pair[0];
            assert!((gained - 30.0).abs() < 6.0, "two a second, but for the grid of the scrapes: {gained}");
        }
    }
}

#[test]
fn a_restart_forgets_what_was_counted_before() {
    let restarts = |now: Now| {
        let counted = if now.phase == Phase::Steady { 500 + now.second * 10 } else { now.since };
        Ok(vec![sample("c", Kind::Counter, counted as f64)])
    };
    let values: Vec<_> = values(&Story::default().recorded(restarts), "c", &[], 0).into_iter().flatten().collect();
    let falls: Vec<_> = values.windows(2).filter(|pair| pair[1] < pair[0]).collect();
    assert_eq!(falls.len(), 1, "{values:?}");
    assert!(falls[0][1] < 30.0, "{values:?}");
}

#[test]
fn a_counter_that_is_born_late_was_not_there_before() {
    let born = |now: Now| {
        let mut samples = vec![gauge("x", 0.0)];
        samples.extend((now.since >= 2).then(|| sample("c", Kind::Counter, now.since as f64)));
        Ok(samples)
    };
    let values = values(&Story::default().recorded(born), "c", &[], 0);
    assert!(values[..20].iter().all(Option::is_none), "{values:?}");
    assert!(values[22..].iter().all(Option::is_some), "{values:?}");
}

#[test]
fn what_is_born_while_all_is_steady_was_not_there_before_and_is_not_born_again() {
    let born = |now: Now| {
        let mut samples = vec![gauge("y", 0.0)];
        samples.extend((now.second >= 3).then(|| gauge("x", 1.0)));
        Ok(samples)
    };
    for seed in 0..5 {
        let twin = values(&Story::twin().recorded(born), "x", &[], seed);
        assert!(twin[..18].iter().all(Option::is_none), "before its birth: {twin:?}");
        assert!(twin[22..].iter().all(Option::is_some), "it stays: {twin:?}");
    }
}

#[test]
fn the_answer_to_a_slow_scrape_is_there_at_the_next_step() {
    const TOOK: u64 = 9_000;
    let lines = Story::default().lines(&[target("made", "n1")], |_, _| (TOOK, Ok(vec![gauge("x", 1.0)])));
    let recording = Recording::of(lines, &[]).expect("a recording");
    for seed in 0..5 {
        let axis = axis(&recording, seed);
        let points = axis.points(&recording.targets[0]);
        let early = points.iter().enumerate().filter_map(|(step, point)| Some((step as i64 * 15_000, (*point)?.clock)));
        let early: Vec<_> = early.filter(|(step, clock)| step - clock < TOOK as i64).collect();
        assert!(early.is_empty(), "seed {seed}: shown before they were there: {early:?}");
    }
}

#[test]
fn an_untyped_series_is_a_counter_only_where_a_rule_takes_its_rate() {
    let recording = Story::default().recorded(|now| Ok(vec![sample("q", Kind::Untyped, (now.second % 3) as f64)]));
    let queue = values(&recording, "q", &[], 0);
    assert!(queue.iter().flatten().all(|value| *value <= 2.0), "a queue does not grow for ever: {queue:?}");
    let recording = Story::default().recorded(|now| Ok(vec![sample("q", Kind::Untyped, now.second as f64)]));
    let counter = values(&recording, "q", &["q"], 0);
    assert!(counter.last().expect("one").expect("there") > 500.0, "{counter:?}");
    let recording = Story::default().recorded(|now| Ok(vec![sample("m_uptime", Kind::Untyped, now.second as f64)]));
    assert!(values(&recording, "m_uptime", &[], 0)[59].expect("there") > 500.0, "an uptime is a clock");
}

#[test]
fn moments_move_with_promtool_s_clock() {
    const WALL: f64 = 1_790_000_000.0;
    let story = |now: Now| {
        let started = if now.since >= 2 { WALL + 8.0 } else { WALL - 30.0 };
        Ok(vec![
            gauge("node_time_seconds", WALL + now.second as f64),
            gauge("process_start_time_seconds", started),
            gauge("beat_timestamp_seconds", WALL + now.second.min(8) as f64),
        ])
    };
    let recording = Story::default().recorded(story);
    let axis = axis(&recording, 0);
    let clock = |step: usize| (step as i64 * 15_000) as f64 / 1e3;
    let now = values(&recording, "node_time_seconds", &[], 0);
    assert!((0..60).all(|step| (clock(step) - now[step].expect("there")).abs() < 15.5), "{now:?}");
    let started = values(&recording, "process_start_time_seconds", &[], 0);
    assert!((0..20).all(|step| clock(step) - started[step].expect("there") > 3600.0), "old before: {started:?}");
    let onset = axis.onset_clock() as f64 / 1e3;
    assert!(started[25..].iter().all(|value| (value.expect("there") - onset - 2.0).abs() < 0.1), "{started:?}");
    let beat = values(&recording, "beat_timestamp_seconds", &[], 0);
    assert!(clock(19) - beat[19].expect("there") < 16.0, "it beats while all is well: {beat:?}");
    assert!(clock(59) - beat[59].expect("there") > 500.0, "it is as old as the incident: {beat:?}");
}

#[test]
fn what_hung_until_somebody_acted_tells_nothing_of_the_broken_state() {
    // Each scrape of the broken phase hangs until it is over.
    let lines = Story { held: 6, ..Story::default() }.lines(&[target("made", "n1")], |_, now| {
        let took = if now.phase == Phase::Broken { 8000 } else { 5 };
        (took, Ok(vec![gauge("x", 0.0)]))
    });
    let recording = Recording::of(lines, &[]).expect("a recording");
    assert!(Track::of(&recording.targets[0], &Parts::of(&recording)).held.is_empty());
}

#[test]
fn a_look_alike_returns_to_what_it_was() {
    let disturbed = |now: Now| {
        let counted = 100 + now.second;
        let is_off = matches!(now.phase, Phase::Onset | Phase::Broken);
        Ok(vec![gauge("x", f64::from(u8::from(is_off))), sample("c", Kind::Counter, counted as f64)])
    };
    let recording = Story::twin().recorded(disturbed);
    let gauge = values(&recording, "x", &[], 0);
    assert_eq!(gauge.iter().filter(|value| **value == Some(1.0)).count(), 2, "28 s: {gauge:?}");
    assert_eq!(gauge[59], Some(0.0));
    let counter: Vec<_> = values(&recording, "c", &[], 0).into_iter().flatten().collect();
    assert!(counter.windows(2).all(|pair| pair[1] > pair[0]), "{counter:?}");
}

#[test]
fn what_is_not_known_to_last_ends() {
    let recording = Story { lasts: false, ..Story::default() }.recorded(|_| Ok(vec![gauge("x", 1.0)]));
    let values = values(&recording, "x", &[], 0);
    assert!(values[..21].iter().all(Option::is_some) && values[23..].iter().all(Option::is_none), "{values:?}");
}

#[test]
fn equal_values_are_written_as_one_and_what_goes_is_stale() {
    let values = [None, None, Some(1.0), Some(1.0), Some(1.0), None, None, None, Some(f64::NAN), Some(2.5), None];
    assert_eq!(written(&values), "_x2 1+0x2 stale _x2 NaN 2.5 stale");
    assert_eq!(written(&[Some(f64::INFINITY), Some(-3.0), Some(-3.0)]), "Inf -3+0x1");
}
