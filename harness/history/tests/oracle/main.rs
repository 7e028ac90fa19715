//! The checkers against brute force, on small histories.

mod brute;
mod made;

use std::time::Duration;

use made::Values::{Any, Distinct};
use proptest::prelude::*;
use reenact_history::{History, Verdict, causal, linearizable, monotonic_reads, read_your_writes, stale_reads};

const LIMIT: Duration = Duration::from_secs(60);

/// The verdict as the oracles give it.
fn holds(verdict: &Verdict) -> bool {
    match verdict {
        Verdict::Holds => true,
        Verdict::Violated(_) => false,
        Verdict::Unknown { why } => panic!("it must be told: {why}"),
    }
}

/// An explanation is a history that breaks the guarantee by itself.
fn explained(verdict: &Verdict, check: impl Fn(&History) -> bool) {
    for violation in verdict.violations() {
        let told = History::new(violation.operations.clone()).expect("a history");
        assert!(!check(&told), "this explains nothing: {violation}");
    }
}

fn agrees(history: &History) {
    let verdict = linearizable(history, LIMIT);
    assert_eq!(holds(&verdict), brute::has_order(history), "{verdict:?}");
    explained(&verdict, brute::has_order);
}

fn sessions_agree(history: &History) {
    for (verdict, brute) in [
        (causal(history), brute::is_causal as fn(&History) -> bool),
        (read_your_writes(history), brute::reads_own_writes),
        (monotonic_reads(history), brute::reads_on),
    ] {
        assert_eq!(holds(&verdict), brute(history), "{verdict:?}");
    }
    explained(&read_your_writes(history), brute::reads_own_writes);
    assert_eq!(stale_reads(history, None).len(), brute::stale(history));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn zones_say_what_all_orders_say(history in prop_oneof![made::drawn(Distinct, 7), made::mutated(Distinct, 8)]) {
        agrees(&history);
    }

    #[test]
    fn the_search_says_what_all_orders_say(history in prop_oneof![made::drawn(Any, 6), made::mutated(Any, 8)]) {
        agrees(&history);
    }

    #[test]
    fn sessions_and_causes_are_what_their_definitions_say(
        history in prop_oneof![made::drawn(Distinct, 8), made::mutated(Distinct, 9)],
    ) {
        sessions_agree(&history);
    }

    #[test]
    fn one_value_a_key_keeps_every_guarantee(history in made::valid(Distinct, 40)) {
        prop_assert_eq!(linearizable(&history, LIMIT), Verdict::Holds);
        prop_assert_eq!(causal(&history), Verdict::Holds);
        prop_assert_eq!(read_your_writes(&history), Verdict::Holds);
        prop_assert_eq!(monotonic_reads(&history), Verdict::Holds);
        prop_assert_eq!(stale_reads(&history, None), []);
    }

    #[test]
    fn one_value_a_key_is_linearizable_whatever_is_written(history in made::valid(Any, 40)) {
        prop_assert_eq!(linearizable(&history, LIMIT), Verdict::Holds);
    }

    #[test]
    fn whoever_breaks_a_weaker_guarantee_breaks_the_stronger(history in made::mutated(Distinct, 30)) {
        let weaker = [causal(&history), read_your_writes(&history), monotonic_reads(&history)];
        if weaker.iter().any(|verdict| !holds(verdict)) || !stale_reads(&history, None).is_empty() {
            prop_assert!(!holds(&linearizable(&history, LIMIT)));
        }
    }

    #[test]
    fn a_history_is_the_same_after_it_was_written(history in made::drawn(Any, 20)) {
        let mut text = Vec::new();
        history.to_json_lines(&mut text).expect("it is written");
        let text = String::from_utf8(text).expect("text");
        prop_assert_eq!(History::from_json_lines(&text).expect("it is read"), history);
    }
}

/// Of drawn histories neither all hold nor all are violated: both words are tried.
#[test]
fn the_draws_try_both_words() {
    use proptest::{strategy::ValueTree, test_runner::TestRunner};
    let mut runner = TestRunner::deterministic();
    let mut share = |strategy: BoxedStrategy<History>, check: fn(&History) -> bool| {
        let mut draw = || strategy.new_tree(&mut runner).expect("a history").current();
        (0..400).filter(|_| check(&draw())).count()
    };
    for values in [Distinct, Any] {
        let held = share(made::mutated(values, 8).boxed(), brute::has_order);
        assert!((80..=320).contains(&held), "{values:?}: {held} of 400 hold");
    }
    for check in [brute::is_causal, brute::reads_own_writes, brute::reads_on] {
        let held = share(made::mutated(Distinct, 9).boxed(), check);
        assert!((80..=390).contains(&held), "{held} of 400 hold");
    }
}
