//! Each condition of each detector, at its margin.

use super::super::{
    DUPLICATES, EXITED_BUSY, KILLED_BUSY, LOST_WORK, OUTBOX_STALLED, OVERDUE,
    instance::FRESH,
    run::{LAST_LOOK, SKEW},
};
use super::*;

fn ms(duration: Duration) -> u64 {
    duration.as_millis() as u64
}

/// Signals of one node, at one moment.
type Look<'a> = (&'a str, Signal);

/// A stream made by hand: an observation a look.
#[derive(Default)]
struct Hand(Vec<Observation>);

impl Hand {
    fn at(&mut self, at: u64, node: &str, signal: Signal) -> &mut Self {
        let wall = wall(at).parse().expect("a moment");
        self.0.push(Observation { at: Moment(at), wall, node: node.into(), signal });
        self
    }

    fn log(&mut self, at: u64, line: &str) -> &mut Self {
        self.at(at, "app1", Signal::Log { line: line.into() })
    }

    /// The same looks every 100 ms.
    fn every(&mut self, from: u64, to: u64, looks: &[Look<'_>]) -> &mut Self {
        for at in (from..=to).step_by(100) {
            looks.iter().for_each(|(node, signal)| _ = self.at(at, node, signal.clone()));
        }
        self
    }

    fn first(&self, id: &str) -> Option<u64> {
        fired(&self.0).get(id).map(|(at, _)| at.0)
    }

    fn says(&self, id: &str) -> Verdict {
        verdicts(&self.0)[id].clone()
    }
}

/// A reconciliation at a moment, with a limit of 2 s.
fn rows(now: u64, said: &[(&str, u64)]) -> Look<'static> {
    let moment = |at: u64| EPOCH_MS + at as i64;
    let mut all = vec![("now_ms", moment(now)), ("age_limit_ms", 2_000), ("duplicates", 0)];
    all.extend(
        said.iter().map(|&(name, value)| (name, if name.ends_with("_ms") { moment(value) } else { value as i64 })),
    );
    ("db", Signal::Query { of: "sql:reconcile".into(), answer: values(&all) })
}

fn lost(now: u64, overdue: u64, first: u64, last: u64) -> Look<'static> {
    rows(now, &[("app1.overdue", overdue), ("app1.first_ms", first), ("app1.last_ms", last)])
}

fn runs(name: &str) -> Look<'_> {
    (name, machine(true, false, None))
}

/// The machine that ended at 10 s.
fn over(code: i64) -> Look<'static> {
    ("app1", machine(false, false, Some((code, false, 10_000))))
}

/// An instance that has started at 1 s, and of which nothing was overdue.
fn started(how: &str) -> Hand {
    let mut hand = Hand::default();
    hand.every(1_000, 9_900, &[runs("app1"), rows(9_900, &[])]).log(1_000, &format!("started, {how}"));
    hand.0.sort_by_key(|seen| seen.at);
    hand
}

#[test]
fn a_loss_is_held_for_a_second() {
    let mut hand = started("variant=spawn");
    hand.every(10_000, 13_000, &[over(0), lost(13_000, 3, 9_500, 9_990)]);
    assert_eq!(hand.first(LOST_WORK), Some(11_000));
}

#[test]
fn the_window_before_the_end_is_the_age_limit() {
    let (limit, skew) = (2_000, ms(SKEW));
    for (first, last, is_lost) in [
        (10_000 - limit - skew, 9_990, true),
        (10_000 - limit - skew - 1, 9_990, false),
        (10_000 + skew, 10_000 + skew, true),
        (10_001 + skew, 10_001 + skew, false),
    ] {
        let mut hand = started("variant=spawn");
        hand.every(10_000, 12_000, &[over(0), lost(12_000, 3, first, last)]);
        assert_eq!(hand.first(LOST_WORK).is_some(), is_lost, "{first} to {last}");
    }
}

#[test]
fn the_window_begins_with_the_shutdown_where_that_took_long() {
    for (first, is_lost) in [(2_000, true), (1_999, false)] {
        let mut hand = started("variant=tracker");
        hand.log(5_000, "graceful shutdown begins, bg_inflight=3 queued=0 telemetry=0");
        hand.0.sort_by_key(|seen| seen.at);
        hand.every(10_000, 12_000, &[over(0), lost(12_000, 3, first, 4_000)]);
        assert_eq!(hand.first(LOST_WORK).is_some(), is_lost, "{first}");
    }
}

#[test]
fn rows_that_become_overdue_in_the_drain_are_of_the_end() {
    let mut hand = Hand::default();
    hand.log(1_000, "started, variant=tracker").every(1_000, 4_900, &[runs("app1"), rows(4_900, &[])]);
    hand.log(5_000, "graceful shutdown begins, bg_inflight=3 queued=0 telemetry=0");
    for now in (5_100..10_000).step_by(100) {
        hand.every(now, now, &[runs("app1"), lost(now, 3, 2_500, 3_000)]);
    }
    hand.every(10_000, 12_000, &[over(0), lost(12_000, 3, 2_500, 3_000)]);
    assert_eq!(hand.first(LOST_WORK), Some(11_000));
    assert_eq!(hand.first(OVERDUE), None);
}

#[test]
fn rows_that_were_overdue_before_are_not_of_the_end() {
    for (after, is_lost) in [(5, false), (6, true)] {
        let mut hand = Hand::default();
        hand.log(1_000, "started, variant=spawn");
        hand.every(1_000, 9_900, &[runs("app1"), lost(9_900, 5, 500, 600)]);
        // This one is later than the end, and seen before the end is.
        hand.every(10_010, 10_010, &[lost(10_010, after, 500, 9_000)]);
        hand.every(10_020, 12_000, &[over(0), lost(12_000, after, 500, 9_000)]);
        assert_eq!(hand.first(LOST_WORK).is_some(), is_lost, "{after} after the end");
    }
    // Also where a next run hides that nothing came.
    let mut hand = Hand::default();
    hand.log(1_000, "started, variant=spawn").every(1_000, 9_900, &[runs("app1"), lost(9_900, 5, 7_400, 7_500)]);
    hand.every(10_000, 10_000, &[over(0), lost(10_000, 5, 7_400, 7_500)]);
    hand.every(10_100, 12_500, &[runs("app1"), lost(12_500, 5, 7_400, 7_500)]);
    assert_eq!(hand.first(LOST_WORK), None);
    // Where all that came is as old as what was there, the end took none of it.
    let mut hand = Hand::default();
    hand.log(1_000, "started, variant=spawn").every(1_000, 9_900, &[runs("app1"), lost(9_900, 5, 500, 600)]);
    hand.every(10_000, 12_000, &[over(0), lost(12_000, 6, 500, 600)]);
    assert_eq!(hand.first(LOST_WORK), None);
}

#[test]
fn what_was_overdue_before_an_end_that_nobody_saw_coming_is_not_known() {
    let mut hand = Hand::default();
    hand.log(9_990, "started, variant=spawn").at(9_990, "app1", runs("app1").1);
    hand.every(10_000, 12_000, &[over(0), lost(12_000, 6, 500, 9_000)]);
    let said = hand.says(LOST_WORK);
    let Verdict::Unknown { why } = said else { panic!("{said:?}") };
    assert_eq!(why, "app1: 6 rows are overdue: how many were overdue before its end is not known");
    // With all of them in the window it is.
    hand.every(12_100, 14_000, &[over(0), lost(14_000, 6, 8_500, 9_000)]);
    assert!(matches!(hand.says(LOST_WORK), Verdict::Fired { .. }));
}

#[test]
fn failures_before_the_shutdown_count_and_those_in_it_do_not() {
    for (before, is_lost) in [(true, false), (false, true)] {
        let mut hand = started("variant=spawn");
        let begins = "graceful shutdown begins, bg_inflight=0 queued=0 telemetry=0";
        hand.log(9_910, if before { "work failed id=1: no" } else { begins });
        hand.log(9_920, if before { begins } else { "work failed id=1: no" });
        hand.every(10_000, 12_000, &[over(0), lost(12_000, 1, 9_500, 9_500)]);
        assert_eq!(hand.first(LOST_WORK).is_some(), is_lost, "failed before: {before}");
    }
    // What failed and was tried again, or done, has not failed.
    for cure in ["work retried id=1: no", "work done id=1"] {
        let mut hand = started("variant=spawn");
        hand.log(9_910, "work failed id=1: no").log(9_920, cure);
        hand.every(10_000, 12_000, &[over(0), lost(12_000, 1, 9_500, 9_500)]);
        assert!(hand.first(LOST_WORK).is_some(), "{cure}");
    }
}

/// An orderly end with three works that are without their effect.
fn exited(word: &str) -> Hand {
    let mut hand = started("variant=spawn");
    hand.log(9_910, "work begun id=1");
    hand.log(9_920, "graceful shutdown begins, bg_inflight=3 queued=0 telemetry=0").log(9_950, word);
    hand
}

#[test]
fn an_end_is_held_for_a_second() {
    let mut hand = exited("graceful shutdown complete (requests), bg_inflight=1 queued=0 telemetry=0");
    hand.every(10_000, 12_000, &[over(0), rows(10_001, &[("app1.young", 3)])]);
    assert_eq!(hand.first(EXITED_BUSY), Some(11_000));
}

#[test]
fn the_last_word_counts_less_what_was_done_after_it() {
    for (queued, done, is_busy) in [(0, 0, false), (1, 0, true), (1, 1, false), (2, 1, true)] {
        let mut hand = exited(&format!("context closed, bg_inflight=0 queued={queued} telemetry=9"));
        (0..done).for_each(|id| _ = hand.log(9_960 + id, &format!("work done id={id}")));
        hand.every(10_000, 12_000, &[over(143), rows(10_001, &[("app1.young", 3)])]);
        assert_eq!(hand.first(EXITED_BUSY).is_some(), is_busy, "{queued} queued, {done} done");
    }
}

#[test]
fn an_end_is_settled_by_a_reconciliation_after_it() {
    let word = "graceful shutdown complete (requests), bg_inflight=1 queued=0 telemetry=0";
    let limit = 12_000 + ms(SKEW);
    for (now, said, is_settled) in [
        (10_000, &[][..], false),
        (10_001, &[], true),
        (10_001, &[("app1.young", 1)], false),
        (limit, &[("app1.young", 1)], false),
        (limit + 1, &[("app1.young", 1)], true),
    ] {
        let mut hand = exited(word);
        hand.every(10_000, 12_000, &[over(0), rows(now, said)]);
        assert_eq!(hand.first(EXITED_BUSY).is_none(), is_settled, "{now} {said:?}");
    }
    // Of a run that another followed, the young rows of the present do not tell.
    let mut hand = exited(word);
    hand.every(10_000, 12_000, &[over(0), rows(10_001, &[("app1.young", 1)])]);
    hand.every(12_100, 12_900, &[runs("app1"), rows(12_900, &[])]);
    assert!(matches!(hand.says(EXITED_BUSY), Verdict::Fired { .. }));
    hand.every(13_001, 13_001, &[runs("app1"), rows(13_001, &[])]);
    assert_eq!(hand.says(EXITED_BUSY), Verdict::Quiet);
    // And what becomes of later runs does not bring it back.
    hand.every(16_000, 18_000, &[runs("app1"), lost(18_000, 3, 13_500, 13_900)]);
    assert_eq!(hand.says(EXITED_BUSY), Verdict::Quiet);
}

#[test]
fn works_that_fail_in_a_drain_count_only_if_the_shutdown_interrupted_them() {
    for (why, is_busy) in [("connection refused", false), ("java.lang.InterruptedException", true)] {
        let mut hand = exited(&format!("work failed id=1: {why}"));
        hand.log(9_960, "context closed, bg_inflight=0 queued=0 telemetry=0");
        hand.every(10_000, 12_000, &[over(143), rows(10_001, &[("app1.young", 3)])]);
        assert_eq!(hand.first(EXITED_BUSY).is_some(), is_busy, "{why}");
    }
}

#[test]
fn a_kill_is_known_by_its_exit_code_or_by_a_signal_without_a_word() {
    for (code, word, expected) in [
        (137, false, Some(KILLED_BUSY)),
        (137, true, Some(KILLED_BUSY)),
        (143, false, Some(KILLED_BUSY)),
        (129, false, Some(KILLED_BUSY)),
        (143, true, Some(EXITED_BUSY)),
        (128, false, None),
        (1, false, None),
        (0, false, None),
        (0, true, Some(EXITED_BUSY)),
    ] {
        let mut hand = started("variant=spawn");
        hand.log(9_910, "work begun id=1");
        if word {
            hand.log(9_920, "graceful shutdown begins, bg_inflight=1 queued=0 telemetry=0");
        }
        hand.every(10_000, 12_000, &[over(code), rows(10_001, &[("app1.young", 1)])]);
        assert_eq!(fired(&hand.0).into_keys().collect::<Vec<_>>(), Vec::from_iter(expected), "{code} {word}");
    }
}

#[test]
fn each_sign_that_a_work_has_ended_is_one() {
    for (line, is_open) in [
        ("work done id=1", false),
        ("work failed id=1: no", false),
        ("work retried id=1: no", true),
        ("work done id=2", true),
        ("work failed id=1: no\nwork retried id=1: no", true),
    ] {
        let mut hand = started("variant=spawn");
        hand.log(9_910, "work begun id=1");
        line.lines().for_each(|line| _ = hand.log(9_920, line));
        hand.every(10_000, 12_000, &[over(137), rows(10_001, &[("app1.young", 1)])]);
        assert_eq!(hand.first(KILLED_BUSY).is_some(), is_open, "{line}");
    }
}

fn metrics(in_flight: i64, queued: i64) -> Signal {
    let answer = values(&[("bg_inflight", in_flight), ("bg_queued", queued), ("telemetry_inflight", 7)]);
    Signal::Query { of: "http:metrics".into(), answer }
}

#[test]
fn gauges_count_for_a_second_before_the_end() {
    let last = 10_000 - ms(LAST_LOOK);
    for (at, gauges, expected) in [
        (last, (1, 0), Some(true)),
        (last, (0, 1), Some(true)),
        (last, (0, 0), Some(false)),
        (last - 1, (1, 0), None),
        (last - 1, (0, 0), None),
    ] {
        let mut hand = started("variant=spawn");
        hand.at(at, "app1", metrics(gauges.0, gauges.1));
        hand.0.sort_by_key(|seen| seen.at);
        hand.every(10_000, 12_000, &[over(137), rows(10_001, &[("app1.young", 1)])]);
        let said = match hand.says(KILLED_BUSY) {
            Verdict::Fired { .. } => Some(true),
            Verdict::Quiet => Some(false),
            Verdict::Unknown { .. } => None,
        };
        assert_eq!(said, expected, "{at} {gauges:?}");
    }
}

#[test]
fn an_outbox_is_stalled_after_three_seconds_without_anybody() {
    let overdue = lost(15_000, 3, 9_500, 9_990);
    let mut hand = started("variant=outbox");
    hand.every(10_000, 14_000, &[over(137), overdue.clone()]);
    assert_eq!(hand.first(OUTBOX_STALLED), Some(13_000));
    // A replica that may be one is there; one that is off, paused or of another kind is none.
    let (on, off) = (machine(true, false, None), machine(false, false, Some((0, false, 9_960))));
    let stops = "graceful shutdown begins, bg_inflight=0 queued=0 telemetry=0";
    for (peer, line, is_stalled) in [
        (on.clone(), "started, variant=outbox", false),
        (on.clone(), "started, variant=ackfirst", false),
        (on.clone(), "work done id=1", false),
        (on.clone(), "started, variant=spawn", true),
        (on, stops, false),
        (machine(true, true, None), "started, variant=outbox", true),
        (off.clone(), "started, variant=outbox", true),
        (off, stops, true),
    ] {
        let mut hand = started("variant=outbox");
        hand.at(9_950, "app2", metrics(0, 0)).at(9_950, "app2", Signal::Log { line: line.into() });
        hand.every(10_000, 14_000, &[over(137), overdue.clone(), ("app2", peer.clone())]);
        assert_eq!(hand.first(OUTBOX_STALLED).is_some(), is_stalled, "{peer:?} {line}");
    }
    let mut hand = started("variant=outbox");
    hand.at(9_950, "app2", Signal::Log { line: "started, variant=outbox".into() });
    hand.every(10_000, 14_000, &[over(137), overdue]);
    let said = hand.says(OUTBOX_STALLED);
    let Verdict::Unknown { why } = said else { panic!("{said:?}") };
    assert_eq!(why, "app1: 3 rows are overdue: whether app2 runs is not known");
}

#[test]
fn rows_are_stuck_the_limit_and_two_seconds_after_any_was_done() {
    let same = |now| lost(now, 3, 1_000, 1_900);
    let mut hand = started("variant=spawn");
    hand.every(10_000, 15_000, &[runs("app1"), same(15_000)]);
    assert_eq!(hand.first(OVERDUE), Some(14_000));
    for (moved, first) in [
        (lost(12_000, 2, 1_000, 1_900), Some(16_000)),
        (lost(12_000, 3, 1_100, 1_900), Some(16_000)),
        (lost(12_000, 4, 1_000, 2_000), Some(14_000)),
        (rows(12_000, &[]), Some(16_100)),
        (("db", Signal::Query { of: "sql:reconcile".into(), answer: Answer::Refused }), Some(16_100)),
    ] {
        let after = if moved == lost(12_000, 4, 1_000, 2_000) || moved == lost(12_000, 3, 1_100, 1_900) {
            moved.clone()
        } else if moved == lost(12_000, 2, 1_000, 1_900) {
            lost(12_000, 2, 1_000, 1_900)
        } else {
            same(15_000)
        };
        let mut hand = started("variant=spawn");
        hand.every(10_000, 11_900, &[runs("app1"), same(11_900)]).every(12_000, 12_000, &[runs("app1"), moved.clone()]);
        hand.every(12_100, 17_000, &[runs("app1"), after]);
        assert_eq!(hand.first(OVERDUE), first, "{moved:?}");
    }
}

#[test]
fn rows_are_not_stuck_while_their_instance_stops_or_has_just_started() {
    let same = lost(15_000, 3, 1_000, 1_900);
    let mut hand = started("variant=spawn");
    hand.log(9_950, "graceful shutdown begins, bg_inflight=3 queued=0 telemetry=0");
    hand.every(10_000, 15_000, &[runs("app1"), same.clone()]);
    assert_eq!(hand.first(OVERDUE), None);
    // Another replica's start, and what that keeps, is nothing to them.
    let mut hand = started("variant=spawn");
    hand.at(9_950, "app2", Signal::Log { line: "started, variant=outbox".into() });
    hand.every(10_000, 12_500, &[over(0), runs("app2"), same.clone()]).log(12_600, "started, variant=spawn");
    hand.every(12_600, 17_000, &[runs("app1"), runs("app2"), same.clone()]);
    assert_eq!(hand.first(OVERDUE), Some(16_600));
    // The outbox's rows of before: nobody was there, and now one is.
    let mut hand = started("variant=outbox");
    hand.every(10_000, 12_500, &[over(0), same.clone()]).log(12_600, "started, variant=outbox");
    hand.every(12_600, 17_000, &[runs("app1"), same]);
    assert_eq!(hand.first(OVERDUE), Some(16_600));
    assert_eq!(hand.first(OUTBOX_STALLED), None);
}

#[test]
fn stale_signals_are_no_evidence() {
    let limit = ms(FRESH);
    let mut hand = started("variant=spawn");
    hand.every(10_000, 10_000, &[over(0), lost(10_000, 3, 9_500, 9_990)]);
    hand.every(10_100, 10_000 + limit, &[over(0)]);
    assert!(matches!(hand.says(LOST_WORK), Verdict::Fired { .. }));
    hand.every(10_001 + limit, 10_001 + limit, &[over(0)]);
    let said = hand.says(LOST_WORK);
    assert_eq!(said, Verdict::Unknown { why: "no reconciliation is fresh".into() });
    assert!(matches!(hand.says(DUPLICATES), Verdict::Unknown { .. }));
    // Whether it runs is asked of what no end explains.
    let mut hand = started("variant=spawn");
    hand.every(9_900, 9_900 + limit, &[lost(10_000, 3, 1_000, 1_900)]);
    assert_eq!(hand.says(OVERDUE), Verdict::Quiet);
    hand.every(9_901 + limit, 9_901 + limit, &[lost(10_000, 3, 1_000, 1_900)]);
    let said = hand.says(OVERDUE);
    assert_eq!(said, Verdict::Unknown { why: "app1: 3 rows are overdue: whether it runs is not known".into() });
}

#[test]
fn a_late_look_at_a_machine_is_of_the_run_before() {
    let mut hand = started("variant=spawn");
    hand.log(9_910, "work begun id=1").every(10_000, 10_000, &[over(137)]).log(10_200, "started, variant=spawn");
    hand.log(10_210, "work begun id=2");
    hand.every(10_220, 10_220, &[over(137)]);
    hand.every(10_300, 12_000, &[runs("app1"), rows(10_001, &[("app1.young", 1)])]);
    let said = hand.says(KILLED_BUSY);
    let Verdict::Fired { evidence, .. } = said else { panic!("{said:?}") };
    assert_eq!(evidence.iter().filter(|line| line.contains("exit code 137")).count(), 1, "{evidence:#?}");
}

#[test]
fn an_end_without_a_moment_is_of_now_if_the_machine_ever_ran() {
    let gone = (
        "app1",
        Signal::Machine { running: false, paused: false, exit_code: Some(137), oom_killed: false, finished: None },
    );
    let mut hand = started("variant=spawn");
    hand.log(9_950, "work begun id=1");
    hand.every(10_000, 12_500, &[gone.clone(), lost(10_001, 1, 9_500, 9_500)]);
    assert_eq!(hand.first(KILLED_BUSY), Some(11_000));
    assert_eq!(hand.first(LOST_WORK), Some(11_000));
    let mut hand = Hand::default();
    hand.every(10_000, 12_500, &[gone, ("app1", metrics(1, 0)), rows(10_001, &[("app1.young", 1)])]);
    assert_eq!(fired(&hand.0), BTreeMap::new());
}

#[test]
fn lines_of_a_run_before_its_start_was_seen_are_not_of_it() {
    let mut hand = Hand::default();
    hand.every(1_000, 1_000, &[runs("app1")]).log(1_010, "work begun id=1").log(1_100, "started, variant=spawn");
    hand.log(1_200, "work begun id=2").log(1_300, "work done id=2");
    hand.every(10_000, 12_000, &[over(137), rows(9_000, &[("app1.young", 1)])]);
    assert_eq!(hand.first(KILLED_BUSY), None);
}

#[test]
fn gauges_of_the_next_run_are_not_of_the_one_that_ended() {
    let mut hand = started("variant=spawn");
    hand.at(9_900, "app1", metrics(0, 0));
    hand.every(10_000, 10_000, &[over(137)]).at(10_050, "app1", metrics(5, 0));
    hand.every(10_100, 12_000, &[runs("app1"), rows(10_001, &[("app1.young", 5)])]);
    assert_eq!(hand.first(KILLED_BUSY), None);
}

#[test]
fn a_replica_that_ends_before_it_has_started_changes_nothing() {
    for (how, expected) in [("variant=outbox", OUTBOX_STALLED), ("variant=spawn", LOST_WORK)] {
        let mut hand = started(how);
        let rows = lost(12_001, 3, 9_500, 9_990);
        hand.every(10_000, 10_900, &[over(143), rows.clone()]);
        for crash in [11_000, 13_000] {
            hand.every(crash, crash + 200, &[runs("app1"), rows.clone()]);
            let off = ("app1", machine(false, false, Some((1, false, crash + 210))));
            hand.every(crash + 300, crash + 1_900, &[off, rows.clone()]);
        }
        let off = ("app1", machine(false, false, Some((1, false, 13_210))));
        hand.every(15_000, 17_000, &[off, rows]);
        let firing: Vec<_> =
            verdicts(&hand.0).into_iter().filter(|(_, said)| matches!(said, Verdict::Fired { .. })).collect();
        assert_eq!(firing.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [expected], "{firing:#?}");
    }
}

#[test]
fn an_outbox_whose_last_replica_is_about_to_end_is_given_time() {
    let mut hand = started("variant=outbox");
    hand.at(9_950, "app2", Signal::Log { line: "started, variant=outbox".into() });
    let begins = "graceful shutdown begins, bg_inflight=2 queued=0 telemetry=0";
    hand.at(9_960, "app2", Signal::Log { line: begins.into() });
    hand.every(10_000, 18_000, &[over(137), runs("app2"), lost(18_000, 3, 9_500, 9_990)]);
    assert_eq!(fired(&hand.0), BTreeMap::new());
}

#[test]
fn rows_of_an_outbox_are_stuck_if_one_replica_was_there_for_all_the_time() {
    let same = lost(15_000, 3, 1_000, 1_900);
    let restarts = |line: &str| Signal::Log { line: line.into() };
    let mut hand = started("variant=outbox");
    hand.at(9_950, "app2", restarts("started, variant=outbox"));
    hand.every(10_000, 12_000, &[runs("app1"), runs("app2"), same.clone()]);
    hand.at(12_010, "app2", restarts("started, variant=outbox"));
    hand.every(12_100, 15_000, &[runs("app1"), runs("app2"), same.clone()]);
    assert_eq!(hand.first(OVERDUE), Some(14_000));
    // Also if it is not their own.
    let mut hand = started("variant=outbox");
    hand.at(9_950, "app2", restarts("started, variant=outbox"));
    hand.log(9_960, "graceful shutdown begins, bg_inflight=2 queued=0 telemetry=0");
    hand.every(10_000, 15_000, &[runs("app1"), runs("app2"), same]);
    assert_eq!(hand.first(OVERDUE), Some(14_000));
}

#[test]
fn want_of_memory_of_a_child_is_not_the_end_of_the_service() {
    let mut hand = exited("graceful shutdown complete (requests), bg_inflight=1 queued=0 telemetry=0");
    let off = ("app1", machine(false, false, Some((0, true, 10_000))));
    hand.every(10_000, 12_000, &[off, rows(10_001, &[("app1.young", 3)])]);
    assert_eq!(fired(&hand.0).into_keys().collect::<Vec<_>>(), [EXITED_BUSY]);
}
