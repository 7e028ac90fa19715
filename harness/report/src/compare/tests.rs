//! The rules on made-up figures, and how often they err on noise.

use rand::{RngExt, SeedableRng, rngs::SmallRng};

use super::*;
use reenact_run::campaign::Outcome;

fn sample(passed: usize, failed: usize, detect_ms: &[f64]) -> Sample {
    Sample {
        outcomes: [(Outcome::Pass, passed), (Outcome::Fail, failed)].into(),
        detect_ms: detect_ms.to_vec(),
        ..Sample::default()
    }
}

fn figures(scenarios: &[(&str, Sample)]) -> Figures {
    let scenarios = scenarios.iter().map(|(id, sample)| ((*id).to_owned(), sample.clone())).collect();
    Figures { scenarios, ..Figures::of(&[]) }
}

/// What counts as a regression of one scenario.
fn regressions(base: Sample, run: Sample) -> Vec<What> {
    let compared = compare(figures(&[("a::one", base)]), figures(&[("a::one", run)]), false);
    compared.worse.into_iter().filter(|worse| worse.regression).map(|worse| worse.what).collect()
}

#[test]
fn a_write_lost_once_counts_where_none_was() {
    let fine = sample(20, 0, &[]);
    let lost = |in_passes, lost| Sample { lost_in_passes: in_passes, lost, ..sample(19, 1, &[]) };
    assert_eq!(regressions(fine.clone(), lost(0, 1)), [What::LostWrites]);
    // A scenario that shows a harm loses in every run that passes.
    assert_eq!(regressions(lost(400, 900), lost(500, 1000)), []);
    // A loss of a run that failed is no licence.
    assert_eq!(regressions(lost(0, 3), lost(0, 1)), [What::LostWrites]);
    assert_eq!(regressions(lost(0, 3), fine), []);
}

#[test]
fn a_new_false_alarm_counts_and_a_known_one_does_not() {
    let alarm = |detector: &str| Sample { false_alarms: [(detector.into(), 1)].into(), ..sample(20, 0, &[]) };
    assert_eq!(regressions(sample(20, 0, &[]), alarm("a/x")), [What::FalseAlarm]);
    assert_eq!(regressions(alarm("a/x"), alarm("a/x")), []);
    assert_eq!(regressions(alarm("a/x"), alarm("a/y")), [What::FalseAlarm]);
}

#[test]
fn fewer_passes_count_once_chance_is_ruled_out() {
    assert_eq!(regressions(sample(5, 0, &[]), sample(0, 5, &[])), [What::Passes]);
    assert_eq!(regressions(sample(20, 0, &[]), sample(4, 1, &[])), []);
    assert_eq!(regressions(sample(20, 0, &[]), sample(2, 3, &[])), [What::Passes]);
    let compared =
        compare(figures(&[("a::one", sample(20, 0, &[]))]), figures(&[("a::one", sample(4, 1, &[]))]), false);
    assert!(!compared.has_regression() && compared.worse[0].what == What::Passes, "it is told all the same");
}

#[test]
fn a_skip_is_no_failure() {
    let skipped = Sample { outcomes: [(Outcome::Skipped, 5)].into(), ..Sample::default() };
    let compared = compare(figures(&[("a::one", sample(5, 0, &[]))]), figures(&[("a::one", skipped)]), false);
    assert_eq!((compared.missing, compared.worse), (vec!["a::one".to_owned()], vec![]));
}

#[test]
fn missing_and_new_scenarios_are_told() {
    let (base, run) = (figures(&[("a::old", sample(1, 0, &[]))]), figures(&[("a::new", sample(1, 0, &[]))]));
    let compared = compare(base.clone(), run.clone(), false);
    assert!(!compared.has_regression());
    assert_eq!((compared.missing, compared.new), (vec!["a::old".to_owned()], vec!["a::new".to_owned()]));
    let compared = compare(base, run, true);
    assert!(compared.has_regression() && compared.worse[0].what == What::Missing);
}

#[test]
fn a_time_must_be_worse_by_a_factor_and_by_an_amount() {
    let times = |base: f64, run: f64| {
        let of = |middle: f64| (0..5).map(|i| middle + f64::from(i)).collect::<Vec<_>>();
        regressions(sample(5, 0, &of(base)), sample(5, 0, &of(run)))
    };
    assert_eq!(times(2_000.0, 4_000.0), [What::Detect]);
    assert_eq!(times(2_000.0, 2_900.0), [], "by less than half");
    assert_eq!(times(100.0, 500.0), [], "by less than half a second");
    assert_eq!(times(4_000.0, 2_000.0), [], "sooner");
}

#[test]
fn a_slow_time_in_too_few_runs_is_told_and_does_not_count() {
    let compared = compare(
        figures(&[("a::one", sample(2, 0, &[2_000.0, 2_100.0]))]),
        figures(&[("a::one", sample(2, 0, &[8_000.0, 8_100.0]))]),
        false,
    );
    assert!(!compared.has_regression());
    assert_eq!(compared.worse.len(), 1);
}

/// How times vary: by how much most of them do, and the share of those that come two and
/// a half times as late, as on a machine that is shared.
#[derive(Debug, Clone, Copy)]
struct Noise {
    spread: f64,
    late: f64,
}

/// A time around `middle`.
fn noisy(random: &mut SmallRng, middle: f64, Noise { spread, late }: Noise) -> f64 {
    // The sum of twelve is as good as normal here.
    let normal = (0..12).map(|_| random.random::<f64>()).sum::<f64>() - 6.0;
    let late = if random.random::<f64>() < late { 2.5 } else { 1.0 };
    middle * (normal * spread).exp() * late
}

/// A campaign of eighty scenarios, each run so often; of the first, detection is slower
/// by a factor.
fn campaign(random: &mut SmallRng, runs: usize, noise: Noise, slower: f64) -> Figures {
    let mut times = |middle: f64| (0..runs).map(|_| noisy(random, middle, noise)).collect::<Vec<_>>();
    let scenario = |index: u32| {
        let factor = if index == 0 { slower } else { 1.0 };
        let detect_ms = times((1_000.0 + 80.0 * f64::from(index)) * factor);
        let recover_ms = times(2_000.0 + 100.0 * f64::from(index));
        (format!("a::{index}"), Sample { recover_ms, ..sample(runs, 0, &detect_ms) })
    };
    Figures { scenarios: (0..80).map(scenario).collect(), ..Figures::of(&[]) }
}

/// How many of a hundred comparisons of whole campaigns call a regression.
fn alarms(base: usize, run: usize, noise: Noise, slower: f64) -> usize {
    let mut random = SmallRng::seed_from_u64(7);
    let mut alarm = || {
        let base = campaign(&mut random, base, noise, 1.0);
        compare(base, campaign(&mut random, run, noise, slower), false).has_regression()
    };
    (0..100).filter(|_| alarm()).count()
}

#[test]
fn noise_alone_is_called_a_regression_at_most_as_often_as_stated() {
    for (base, run) in [(5, 5), (20, 5)] {
        for spread in [0.05, 0.2, 0.5] {
            let alarms = alarms(base, run, Noise { spread, late: 0.1 }, 1.0);
            assert!(alarms <= 5, "{alarms} of 100 with {base} and {run} runs, spread {spread}");
        }
    }
}

#[test]
fn one_detector_of_eighty_that_is_twice_as_slow_is_caught_in_five_runs() {
    for base in [5, 20] {
        let caught = alarms(base, 5, Noise { spread: 0.1, late: 0.02 }, 2.0);
        assert!(caught >= 80, "{caught} of 100 with a base of {base} runs");
    }
}
