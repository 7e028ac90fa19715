//! The statistics of few runs: exact where they can be, and none that needs a shape of
//! the times. All tests are one-sided: did it become worse?

use std::collections::BTreeMap;

/// Up to so many values in both samples the rank sum's distribution is counted out;
/// beyond, the normal approximation is off by less than 0.001.
const COUNTED_OUT: usize = 80;

/// The 97.5 % quantile of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// Wilson's 95 % interval of a share: `passed` of `runs`. Of no runs, anything.
pub fn wilson(passed: usize, runs: usize) -> (f64, f64) {
    if runs == 0 {
        return (0.0, 1.0);
    }
    let (n, share) = (runs as f64, passed as f64 / runs as f64);
    let scale = 1.0 + Z * Z / n;
    let middle = (share + Z * Z / (2.0 * n)) / scale;
    let half = Z / scale * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    ((middle - half).max(0.0), (middle + half).min(1.0))
}

/// Passed and all runs of one side.
pub type Rate = (usize, usize);

/// Fisher's exact test: how likely it is that `run` has so few passes or fewer, if all
/// passes fell on both sides by chance.
pub fn fisher(base: Rate, run: Rate) -> f64 {
    let passes = base.0 + run.0;
    let least = passes.saturating_sub(base.1);
    (least..=run.0).map(|passed| hypergeometric(passed, passes, base.1, run.1)).sum::<f64>().min(1.0)
}

/// The least that [`fisher`] can say of so many passes in all.
pub fn fisher_least(base: Rate, run: Rate) -> f64 {
    let passes = base.0 + run.0;
    hypergeometric(passes.saturating_sub(base.1), passes, base.1, run.1)
}

/// How likely `passed` of the `run` drawn are among the `passes` of all.
fn hypergeometric(passed: usize, passes: usize, base: usize, run: usize) -> f64 {
    let ways = |n: usize, k: usize| ln_choose(n, k);
    (ways(run, passed) + ways(base, passes - passed) - ways(run + base, passes)).exp()
}

fn ln_choose(n: usize, k: usize) -> f64 {
    (1..=k.min(n - k)).map(|i| ((n - i + 1) as f64 / i as f64).ln()).sum()
}

/// The rank-sum test of Wilcoxon, Mann and Whitney: how likely it is that `run` is so much
/// larger than `base` or more, if all values fell on both sides by chance. Ties share
/// their ranks. 1 where a side has none.
pub fn rank_sum(base: &[f64], run: &[f64]) -> f64 {
    if base.is_empty() || run.is_empty() {
        return 1.0;
    }
    let ranks = doubled_ranks(base, run);
    let observed: usize = ranks[base.len()..].iter().sum();
    if ranks.len() <= COUNTED_OUT {
        counted_out(&ranks, run.len(), observed)
    } else {
        normal(&ranks, run.len(), observed)
    }
}

/// The least that [`rank_sum`] can say of samples of these sizes without ties.
pub fn rank_sum_least(base: usize, run: usize) -> f64 {
    (-ln_choose(base + run, run)).exp()
}

/// Twice each value's rank, so that shared ranks are whole: those of `base`, then `run`.
fn doubled_ranks(base: &[f64], run: &[f64]) -> Vec<usize> {
    let all: Vec<f64> = base.iter().chain(run).copied().collect();
    let rank = |value: &f64| {
        let below = all.iter().filter(|other| *other < value).count();
        let alike = all.iter().filter(|other| *other == value).count();
        2 * below + alike + 1
    };
    all.iter().map(rank).collect()
}

/// The share of all ways to draw `drawn` of the ranks whose sum is as large or larger.
fn counted_out(ranks: &[usize], drawn: usize, observed: usize) -> f64 {
    // How many ways there are to have so many drawn with such a sum.
    let mut ways: Vec<BTreeMap<usize, f64>> = vec![BTreeMap::new(); drawn + 1];
    ways[0].insert(0, 1.0);
    for rank in ranks {
        for count in (0..drawn).rev() {
            let more: Vec<_> = ways[count].iter().map(|(sum, ways)| (sum + rank, *ways)).collect();
            for (sum, number) in more {
                *ways[count + 1].entry(sum).or_default() += number;
            }
        }
    }
    let all: f64 = ways[drawn].values().sum();
    ways[drawn].range(observed..).map(|(_, ways)| ways).sum::<f64>() / all
}

/// The same by the normal distribution, with the correction for ties and half a step.
fn normal(ranks: &[usize], drawn: usize, observed: usize) -> f64 {
    let (n, m) = (ranks.len() as f64, drawn as f64);
    let mean = ranks.iter().sum::<usize>() as f64 / n;
    let spread = ranks.iter().map(|rank| (*rank as f64 - mean).powi(2)).sum::<f64>();
    let variance = m * (n - m) / (n * (n - 1.0)) * spread;
    if variance == 0.0 {
        return 1.0;
    }
    upper_tail((observed as f64 - 1.0 - m * mean) / variance.sqrt())
}

/// How likely a standard normal value is larger; off by less than 8e-8 (Abramowitz and
/// Stegun, 26.2.17).
fn upper_tail(z: f64) -> f64 {
    if z < 0.0 {
        return 1.0 - upper_tail(-z);
    }
    let t = 1.0 / (1.0 + 0.231_641_9 * z);
    let terms = [0.319_381_530, -0.356_563_782, 1.781_477_937, -1.821_255_978, 1.330_274_429];
    let sum = terms.iter().rev().fold(0.0, |sum, term| (sum + term) * t);
    (-z * z / 2.0).exp() / std::f64::consts::TAU.sqrt() * sum
}

/// Which of many tests count at a family-wise error of `alpha`, by Holm's procedure: if
/// nothing became worse, any is named with at most that chance.
pub fn holm(p: &[f64], alpha: f64) -> Vec<bool> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|a, b| p[*a].total_cmp(&p[*b]));
    let mut named = vec![false; p.len()];
    for (rank, index) in order.into_iter().enumerate() {
        if p[index] > alpha / (p.len() - rank) as f64 {
            break;
        }
        named[index] = true;
    }
    named
}

/// One of many tests.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Test {
    /// What it says.
    pub p: f64,
    /// The least that it could say of the same values, however they fell on both sides.
    pub least: f64,
}

/// Which of many tests count at a family-wise error of `alpha`. Those that could not count
/// whatever happened cost the others nothing (Tarone 1990); the rest are Holm's.
pub fn counting(tests: &[Test], alpha: f64) -> Vec<bool> {
    let able = |of: usize| tests.iter().map(move |test| test.least <= alpha / of as f64);
    let family = (1..=tests.len()).find(|size| able(*size).filter(|able| *able).count() <= *size);
    let able: Vec<bool> = able(family.unwrap_or(1)).collect();
    let p: Vec<f64> = tests.iter().zip(&able).filter(|(_, able)| **able).map(|(test, _)| test.p).collect();
    let mut named = holm(&p, alpha).into_iter();
    able.into_iter().map(|able| able && named.next().unwrap_or(false)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn near(is: f64, expected: f64) {
        assert!((is - expected).abs() < 1e-4, "{is} is not {expected}");
    }

    /// Newcombe 1998, table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
    #[test]
    fn wilson_as_published() {
        for (passed, runs, low, high) in
            [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)]
        {
            let (is_low, is_high) = wilson(passed, runs);
            near(is_low, low);
            near(is_high, high);
        }
        assert_eq!(wilson(0, 0), (0.0, 1.0));
    }

    /// Fisher's tea: three of four cups, one-sided 17/70; all four, 1/70.
    #[test]
    fn fisher_as_published() {
        near(fisher((3, 4), (1, 4)), 17.0 / 70.0);
        near(fisher((4, 4), (0, 4)), 1.0 / 70.0);
        near(fisher((5, 5), (5, 5)), 1.0);
        near(fisher((20, 20), (0, 1)), 1.0 / 21.0);
        near(fisher_least((4, 4), (0, 4)), 1.0 / 70.0);
        near(fisher_least((5, 5), (5, 5)), 1.0);
        near(fisher((0, 0), (1, 1)), 1.0);
    }

    /// Hollander and Wolfe 1999, example 4.1 (permeability of membranes): W = 30,
    /// one-sided p = 0.1272.
    #[test]
    fn the_rank_sum_as_published() {
        let at_term = [0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46];
        let early = [1.15, 0.88, 0.90, 0.74, 1.21];
        near(rank_sum(&early, &at_term), 0.1272);
        near(rank_sum(&[1.0, 2.0, 3.0, 4.0, 5.0], &[6.0, 7.0, 8.0, 9.0, 10.0]), 1.0 / 252.0);
        near(rank_sum_least(5, 5), 1.0 / 252.0);
        assert_eq!(rank_sum(&[], &[1.0]), 1.0);
    }

    /// Of the ten ways to draw two of 1, 2, 2, 2, 3, three have a sum of 5 or more.
    #[test]
    fn ties_share_their_ranks() {
        near(rank_sum(&[1.0, 2.0, 2.0], &[2.0, 3.0]), 3.0 / 10.0);
        near(rank_sum(&[2.0, 2.0], &[2.0, 2.0]), 1.0);
    }

    #[test]
    fn the_approximation_goes_on_where_counting_ends() {
        let base: Vec<f64> = (0..20).map(f64::from).collect();
        let run: Vec<f64> = (0..20).map(|i| f64::from(i) * 1.2 + 3.1).collect();
        let ranks = doubled_ranks(&base, &run);
        let observed = ranks[20..].iter().sum();
        let (exact, close) = (counted_out(&ranks, 20, observed), normal(&ranks, 20, observed));
        assert!((exact - close).abs() < 1e-3, "{exact} and {close}");
        near(upper_tail(1.959_964), 0.025);
        near(upper_tail(-1.0), 0.841_345);
    }

    #[test]
    fn holm_stops_at_the_first_that_does_not_count() {
        assert_eq!(holm(&[0.01, 0.04, 0.03, 0.005], 0.05), [true, false, false, true]);
        assert_eq!(holm(&[0.02, 0.02, 0.02], 0.05), [false, false, false]);
        assert_eq!(holm(&[], 0.05), Vec::<bool>::new());
    }

    #[test]
    fn what_could_not_count_costs_nothing() {
        let able = Test { p: 0.004, least: 0.004 };
        let unable = Test { p: 1.0, least: 1.0 };
        let mut tests = vec![unable; 100];
        tests.push(able);
        assert_eq!(counting(&tests, 0.05).iter().filter(|counts| **counts).count(), 1);
        // Thirteen that all could count at 1/252 are too many for any of them to.
        assert_eq!(counting(&[able; 12], 0.05), [true; 12]);
        assert_eq!(counting(&[able; 13], 0.05), [false; 13]);
        assert_eq!(counting(&[], 0.05), Vec::<bool>::new());
    }
}
