//! Each condition of each detector, at its margin.

use reenact::detect::{
    Verdict,
    testing::{Look, Said},
};

use super::super::{DUPLICATES, EXITED_BUSY, KILLED_BUSY, LOST_WORK, OUTBOX_STALLED, OVERDUE};
use super::*;

/// Milliseconds for which a signal is known, by which clocks may differ, and for which the
/// last gauges tell of an end.
const FRESH: u64 = 3_000;
const SKEW: u64 = 1_000;
const LAST_LOOK: u64 = 1_000;
/// When rows are overdue.
const LIMIT: u64 = 2_000;

const STARTED: &str = "started, variant=spawn";
const BEGINS: &str = "graceful shutdown begins, bg_inflight=3 queued=0 telemetry=0";
const BUSY: &str = "graceful shutdown complete (requests), bg_inflight=1 queued=0 telemetry=0";
const YOUNG: [(&str, u64); 1] = [("app1.young", 1)];

/// A reconciliation at a moment.
fn rows(now: u64, said: &[(&str, u64)]) -> Look {
    let moment = |at: u64| EPOCH_MS + at as i64;
    let all = [("now_ms", now), ("age_limit_ms", LIMIT), ("duplicates", 0)];
    let all = all.iter().chain(said).map(|&(name, value)| match name {
        "age_limit_ms" => (name, value as i64),
        _ if name.ends_with("_ms") => (name, moment(value)),
        _ => (name, value as i64),
    });
    ("db".into(), query("sql:reconcile", values(all)))
}

fn lost(now: u64, overdue: u64, first: u64, last: u64) -> Look {
    rows(now, &[("app1.overdue", overdue), ("app1.first_ms", first), ("app1.last_ms", last)])
}

fn runs(name: &str) -> Look {
    (name.into(), machine(true, false, None))
}

/// A machine that is off, by this code.
fn off(code: i64, since: u64) -> Look {
    ("app1".into(), machine(false, false, Some((code, false, since))))
}

/// The machine that ended at 10 s.
fn over(code: i64) -> Look {
    off(code, 10_000)
}

fn metrics(in_flight: u64, queued: u64) -> Signal {
    query("http:metrics", values([("bg_inflight", in_flight), ("bg_queued", queued), ("telemetry_inflight", 7)]))
}

fn hand() -> Tape {
    Tape::new("shutdown/", 1)
}

/// An instance that has started at 1 s, and of which nothing was overdue before 10 s.
fn started(line: &str) -> Tape {
    let mut hand = hand();
    hand.every(1_000, 9_900, &[runs("app1"), rows(9_900, &[])]).line(1_000, "app1", line);
    hand
}

/// The same, with what it logged in the end, and what is seen from 10 s to 12 s.
fn ended(line: &str, lines: &[(u64, &str)], looks: &[Look]) -> Said {
    let mut hand = started(line);
    lines.iter().for_each(|(at, line)| _ = hand.line(*at, "app1", line));
    hand.every(10_000, 12_000, looks).said()
}

/// An orderly end with work that is without its effect.
fn exited(word: &str) -> Tape {
    let mut hand = started(STARTED);
    hand.line(9_910, "app1", "work begun id=1").line(9_920, "app1", BEGINS).line(9_950, "app1", word);
    hand
}

#[test]
fn a_loss_and_an_end_are_held_for_a_second() {
    assert_eq!(ended(STARTED, &[], &[over(0), lost(12_000, 3, 9_500, 9_990)]).first(LOST_WORK), Some(11_000));
    let said = exited(BUSY).every(10_000, 12_000, &[over(0), rows(10_001, &YOUNG)]).said();
    assert_eq!(said.first(EXITED_BUSY), Some(11_000));
}

#[test]
fn the_window_before_the_end_is_the_age_limit() {
    for (first, last, is_lost) in [
        (10_000 - LIMIT - SKEW, 9_990, true),
        (10_000 - LIMIT - SKEW - 1, 9_990, false),
        (10_000 + SKEW, 10_000 + SKEW, true),
        (10_001 + SKEW, 10_001 + SKEW, false),
    ] {
        let said = ended(STARTED, &[], &[over(0), lost(12_000, 3, first, last)]);
        assert_eq!(said.first(LOST_WORK).is_some(), is_lost, "{first} to {last}");
    }
    // It begins with the shutdown, where that took long.
    for (first, is_lost) in [(2_000, true), (1_999, false)] {
        let said = ended("started, variant=tracker", &[(5_000, BEGINS)], &[over(0), lost(12_000, 3, first, 4_000)]);
        assert_eq!(said.first(LOST_WORK).is_some(), is_lost, "{first}");
    }
}

#[test]
fn rows_that_become_overdue_in_the_drain_are_of_the_end() {
    let mut hand = hand();
    hand.line(1_000, "app1", "started, variant=tracker").every(1_000, 4_900, &[runs("app1"), rows(4_900, &[])]);
    hand.line(5_000, "app1", BEGINS);
    for now in (5_100..10_000).step_by(100) {
        hand.every(now, now, &[runs("app1"), lost(now, 3, 2_500, 3_000)]);
    }
    let said = hand.every(10_000, 12_000, &[over(0), lost(12_000, 3, 2_500, 3_000)]).said();
    assert_eq!((said.first(LOST_WORK), said.first(OVERDUE)), (Some(11_000), None));
}

/// A run of which five rows were overdue, of these moments.
fn behind(first: u64, last: u64) -> Tape {
    let mut hand = hand();
    hand.line(1_000, "app1", STARTED).every(1_000, 9_900, &[runs("app1"), lost(9_900, 5, first, last)]);
    hand
}

#[test]
fn rows_that_were_overdue_before_are_not_of_the_end() {
    for (after, is_lost) in [(5, false), (6, true)] {
        let mut hand = behind(500, 600);
        // This one is later than the end, and seen before the end is.
        hand.every(10_010, 10_010, &[lost(10_010, after, 500, 9_000)]);
        hand.every(10_020, 12_000, &[over(0), lost(12_000, after, 500, 9_000)]);
        assert_eq!(hand.first(LOST_WORK).is_some(), is_lost, "{after} after the end");
    }
    // Also where a next run hides that nothing came.
    let mut hand = behind(7_400, 7_500);
    hand.every(10_000, 10_000, &[over(0), lost(10_000, 5, 7_400, 7_500)]);
    hand.every(10_100, 12_500, &[runs("app1"), lost(12_500, 5, 7_400, 7_500)]);
    assert_eq!(hand.first(LOST_WORK), None);
    // Where all that came is as old as what was there, the end took none of it.
    let mut hand = behind(500, 600);
    assert_eq!(hand.every(10_000, 12_000, &[over(0), lost(12_000, 6, 500, 600)]).first(LOST_WORK), None);
}

#[test]
fn what_was_overdue_before_an_end_that_nobody_saw_coming_is_not_known() {
    let mut hand = hand();
    hand.line(9_990, "app1", STARTED).every(9_990, 9_990, &[runs("app1")]);
    hand.every(10_000, 12_000, &[over(0), lost(12_000, 6, 500, 9_000)]);
    let why = "app1: 6 rows are overdue: how many were overdue before its end is not known";
    assert_eq!(hand.said().why(LOST_WORK), why);
    // With all of them in the window it is.
    hand.every(12_100, 14_000, &[over(0), lost(14_000, 6, 8_500, 9_000)]);
    assert_eq!(hand.firing(), [LOST_WORK]);
}

#[test]
fn failures_before_the_shutdown_count_and_those_in_it_do_not() {
    let failed = "work failed id=1: no";
    for (lines, is_lost) in [
        ([(9_910, failed), (9_920, BEGINS)], false),
        ([(9_910, BEGINS), (9_920, failed)], true),
        // What failed and was tried again, or done, has not failed.
        ([(9_910, failed), (9_920, "work retried id=1: no")], true),
        ([(9_910, failed), (9_920, "work done id=1")], true),
    ] {
        let said = ended(STARTED, &lines, &[over(0), lost(12_000, 1, 9_500, 9_500)]);
        assert_eq!(said.first(LOST_WORK).is_some(), is_lost, "{lines:?}");
    }
}

#[test]
fn the_last_word_counts_less_what_was_done_after_it() {
    for (queued, done, is_busy) in [(0, 0, false), (1, 0, true), (1, 1, false), (2, 1, true)] {
        let mut hand = exited(&format!("context closed, bg_inflight=0 queued={queued} telemetry=9"));
        (0..done).for_each(|id| _ = hand.line(9_960 + id, "app1", &format!("work done id={id}")));
        hand.every(10_000, 12_000, &[over(143), rows(10_001, &YOUNG)]);
        assert_eq!(hand.first(EXITED_BUSY).is_some(), is_busy, "{queued} queued, {done} done");
    }
}

#[test]
fn an_end_is_settled_by_a_reconciliation_after_it() {
    let limit = 10_000 + LIMIT + SKEW;
    for (now, said, is_settled) in [
        (10_000, &[][..], false),
        (10_001, &[], true),
        (10_001, &YOUNG, false),
        (limit, &YOUNG, false),
        (limit + 1, &YOUNG, true),
    ] {
        let first = exited(BUSY).every(10_000, 12_000, &[over(0), rows(now, said)]).first(EXITED_BUSY);
        assert_eq!(first.is_none(), is_settled, "{now} {said:?}");
    }
    // Of a run that another followed, the young rows of the present do not tell.
    let mut hand = exited(BUSY);
    hand.every(10_000, 12_000, &[over(0), rows(10_001, &YOUNG)]);
    hand.every(12_100, 12_900, &[runs("app1"), rows(12_900, &[])]);
    assert_eq!(hand.firing(), [EXITED_BUSY]);
    hand.every(13_001, 13_001, &[runs("app1"), rows(13_001, &[])]);
    assert_eq!(hand.said().last[EXITED_BUSY], Verdict::Quiet);
    // And what becomes of later runs does not bring it back.
    hand.every(16_000, 18_000, &[runs("app1"), lost(18_000, 3, 13_500, 13_900)]);
    assert_eq!(hand.said().last[EXITED_BUSY], Verdict::Quiet);
}

#[test]
fn works_that_fail_in_a_drain_count_only_if_the_shutdown_interrupted_them() {
    for (why, is_busy) in [("connection refused", false), ("java.lang.InterruptedException", true)] {
        let mut hand = exited(&format!("work failed id=1: {why}"));
        hand.line(9_960, "app1", "context closed, bg_inflight=0 queued=0 telemetry=0");
        hand.every(10_000, 12_000, &[over(143), rows(10_001, &YOUNG)]);
        assert_eq!(hand.first(EXITED_BUSY).is_some(), is_busy, "{why}");
    }
}

#[test]
fn a_kill_is_known_by_its_exit_code_or_by_a_signal_without_a_word() {
    let lines = [(9_910, "work begun id=1"), (9_920, BEGINS)];
    for (code, words, expected) in [
        (137, 1, Some(KILLED_BUSY)),
        (137, 2, Some(KILLED_BUSY)),
        (143, 1, Some(KILLED_BUSY)),
        (129, 1, Some(KILLED_BUSY)),
        (143, 2, Some(EXITED_BUSY)),
        (128, 1, None),
        (1, 1, None),
        (0, 1, None),
        (0, 2, Some(EXITED_BUSY)),
    ] {
        let said = ended(STARTED, &lines[..words], &[over(code), rows(10_001, &YOUNG)]);
        assert_eq!(said.diagnoses(), Vec::from_iter(expected), "{code} {words}");
    }
}

#[test]
fn each_sign_that_a_work_has_ended_is_one() {
    let (begun, failed, retried) = ((9_910, "work begun id=1"), "work failed id=1: no", "work retried id=1: no");
    for (lines, is_open) in [
        (&[begun, (9_920, "work done id=1")][..], false),
        (&[begun, (9_920, failed)], false),
        (&[begun, (9_920, retried)], true),
        (&[begun, (9_920, "work done id=2")], true),
        (&[begun, (9_920, failed), (9_920, retried)], true),
    ] {
        let said = ended(STARTED, lines, &[over(137), rows(10_001, &YOUNG)]);
        assert_eq!(said.first(KILLED_BUSY).is_some(), is_open, "{lines:?}");
    }
}

#[test]
fn gauges_count_for_a_second_before_the_end() {
    let last = 10_000 - LAST_LOOK;
    for (at, gauges, expected) in [
        (last, metrics(1, 0), Some(true)),
        (last, metrics(0, 1), Some(true)),
        (last, metrics(0, 0), Some(false)),
        (last - 1, metrics(1, 0), None),
        (last - 1, metrics(0, 0), None),
    ] {
        let mut hand = started(STARTED);
        hand.at(at, "app1", gauges).every(10_000, 12_000, &[over(137), rows(10_001, &YOUNG)]);
        let said = match hand.said().last[KILLED_BUSY] {
            Verdict::Fired { .. } => Some(true),
            Verdict::Quiet => Some(false),
            Verdict::Unknown { .. } => None,
        };
        assert_eq!(said, expected, "at {at}");
    }
}

#[test]
fn an_outbox_is_stalled_after_three_seconds_without_anybody() {
    let overdue = lost(15_000, 3, 9_500, 9_990);
    let outbox = "started, variant=outbox";
    assert_eq!(
        started(outbox).every(10_000, 14_000, &[over(137), overdue.clone()]).first(OUTBOX_STALLED),
        Some(13_000)
    );
    // A replica that may be one is there; one that is off, paused or of another kind is none.
    let (on, off) = (machine(true, false, None), machine(false, false, Some((0, false, 9_960))));
    for (peer, line, is_stalled) in [
        (&on, outbox, false),
        (&on, "started, variant=ackfirst", false),
        (&on, "work done id=1", false),
        (&on, STARTED, true),
        (&on, BEGINS, false),
        (&machine(true, true, None), outbox, true),
        (&off, outbox, true),
        (&off, BEGINS, true),
    ] {
        let mut hand = started(outbox);
        hand.at(9_950, "app2", metrics(0, 0)).line(9_950, "app2", line);
        hand.every(10_000, 14_000, &[over(137), overdue.clone(), ("app2".into(), peer.clone())]);
        assert_eq!(hand.first(OUTBOX_STALLED).is_some(), is_stalled, "{peer:?} {line}");
    }
    let mut hand = started(outbox);
    hand.line(9_950, "app2", outbox).every(10_000, 14_000, &[over(137), overdue]);
    let why = "app1: 3 rows are overdue: whether app2 runs is not known";
    assert_eq!(hand.said().why(OUTBOX_STALLED), why);
}

#[test]
fn rows_are_stuck_the_limit_and_two_seconds_after_any_was_done() {
    let same = |now| lost(now, 3, 1_000, 1_900);
    assert_eq!(started(STARTED).every(10_000, 15_000, &[runs("app1"), same(15_000)]).first(OVERDUE), Some(14_000));
    let refused = ("db".into(), query("sql:reconcile", Answer::Refused));
    let (fewer, newer, more) =
        (lost(12_000, 2, 1_000, 1_900), lost(12_000, 3, 1_100, 1_900), lost(12_000, 4, 1_000, 2_000));
    for (moved, then, first) in [
        (fewer.clone(), fewer, 16_000),
        (newer.clone(), newer, 16_000),
        (more.clone(), more, 14_000),
        (rows(12_000, &[]), same(15_000), 16_100),
        (refused, same(15_000), 16_100),
    ] {
        let mut hand = started(STARTED);
        hand.every(10_000, 11_900, &[runs("app1"), same(11_900)]).every(12_000, 12_000, &[runs("app1"), moved.clone()]);
        assert_eq!(hand.every(12_100, 17_000, &[runs("app1"), then]).first(OVERDUE), Some(first), "{moved:?}");
    }
}

#[test]
fn rows_are_not_stuck_while_their_instance_stops_or_has_just_started() {
    let (same, outbox) = (lost(15_000, 3, 1_000, 1_900), "started, variant=outbox");
    let mut hand = started(STARTED);
    hand.line(9_950, "app1", BEGINS).every(10_000, 15_000, &[runs("app1"), same.clone()]);
    assert_eq!(hand.first(OVERDUE), None);
    // Another replica's start, and what that keeps, is nothing to them.
    let mut hand = started(STARTED);
    hand.line(9_950, "app2", outbox).every(10_000, 12_500, &[over(0), runs("app2"), same.clone()]);
    hand.line(12_600, "app1", STARTED).every(12_600, 17_000, &[runs("app1"), runs("app2"), same.clone()]);
    assert_eq!(hand.first(OVERDUE), Some(16_600));
    // The outbox's rows of before: nobody was there, and now one is.
    let mut hand = started(outbox);
    hand.every(10_000, 12_500, &[over(0), same.clone()]).line(12_600, "app1", outbox);
    hand.every(12_600, 17_000, &[runs("app1"), same]);
    assert_eq!((hand.first(OVERDUE), hand.first(OUTBOX_STALLED)), (Some(16_600), None));
}

#[test]
fn each_signal_is_known_for_three_seconds() {
    let mut hand = started(STARTED);
    hand.every(10_000, 10_000, &[over(0), lost(10_000, 3, 9_500, 9_990)]);
    hand.every(10_100, 10_000 + FRESH, &[over(0)]);
    assert_eq!(hand.firing(), [LOST_WORK]);
    let said = hand.every(10_001 + FRESH, 10_001 + FRESH, &[over(0)]).said();
    assert_eq!(
        (said.why(LOST_WORK), said.why(DUPLICATES)),
        ("sql:reconcile is not fresh", "sql:reconcile is not fresh")
    );
    // Whether it runs is asked of what no end explains.
    let mut hand = started(STARTED);
    hand.every(9_900, 9_900 + FRESH, &[lost(10_000, 3, 1_000, 1_900)]);
    assert_eq!(hand.said().last[OVERDUE], Verdict::Quiet);
    hand.every(9_901 + FRESH, 9_901 + FRESH, &[lost(10_000, 3, 1_000, 1_900)]);
    assert_eq!(hand.said().why(OVERDUE), "app1: 3 rows are overdue: whether it runs is not known");
}

#[test]
fn a_late_look_at_a_machine_is_of_the_run_before() {
    let mut hand = started(STARTED);
    hand.line(9_910, "app1", "work begun id=1").every(10_000, 10_000, &[over(137)]).line(10_200, "app1", STARTED);
    hand.line(10_210, "app1", "work begun id=2").every(10_220, 10_220, &[over(137)]);
    let said = hand.every(10_300, 12_000, &[runs("app1"), rows(10_001, &YOUNG)]).said();
    let evidence = said.evidence(KILLED_BUSY);
    assert_eq!(evidence.iter().filter(|line| line.contains("exit code 137")).count(), 1, "{evidence:#?}");
}

#[test]
fn an_end_without_a_moment_is_of_now_if_the_machine_ever_ran() {
    let (exit_code, finished) = (Some(137), None);
    let gone = Signal::Machine { running: false, paused: false, exit_code, oom_killed: false, finished };
    let gone = || ("app1".to_owned(), gone.clone());
    let said = ended(STARTED, &[(9_950, "work begun id=1")], &[gone(), lost(10_001, 1, 9_500, 9_500)]);
    assert_eq!((said.first(KILLED_BUSY), said.first(LOST_WORK)), (Some(11_000), Some(11_000)));
    hand().every(10_000, 12_500, &[gone(), ("app1".into(), metrics(1, 0)), rows(10_001, &YOUNG)]).quiet();
}

#[test]
fn lines_of_a_run_before_its_start_was_seen_are_not_of_it() {
    let mut hand = hand();
    hand.every(1_000, 1_000, &[runs("app1")]).line(1_010, "app1", "work begun id=1").line(1_100, "app1", STARTED);
    hand.line(1_200, "app1", "work begun id=2").line(1_300, "app1", "work done id=2");
    hand.every(10_000, 12_000, &[over(137), rows(9_000, &YOUNG)]);
    assert_eq!(hand.first(KILLED_BUSY), None);
}

#[test]
fn gauges_of_the_next_run_are_not_of_the_one_that_ended() {
    let mut hand = started(STARTED);
    hand.at(9_900, "app1", metrics(0, 0)).every(10_000, 10_000, &[over(137)]).at(10_050, "app1", metrics(5, 0));
    hand.every(10_100, 12_000, &[runs("app1"), rows(10_001, &YOUNG)]);
    assert_eq!(hand.first(KILLED_BUSY), None);
}

#[test]
fn a_replica_that_ends_before_it_has_started_changes_nothing() {
    for (how, expected) in [("started, variant=outbox", OUTBOX_STALLED), (STARTED, LOST_WORK)] {
        let mut hand = started(how);
        let rows = lost(12_001, 3, 9_500, 9_990);
        hand.every(10_000, 10_900, &[over(143), rows.clone()]);
        for crash in [11_000, 13_000] {
            hand.every(crash, crash + 200, &[runs("app1"), rows.clone()]);
            hand.every(crash + 300, crash + 1_900, &[off(1, crash + 210), rows.clone()]);
        }
        hand.every(15_000, 17_000, &[off(1, 13_210), rows]);
        assert_eq!(hand.firing(), [expected]);
    }
}

#[test]
fn an_outbox_whose_last_replica_is_about_to_end_is_given_time() {
    let mut hand = started("started, variant=outbox");
    hand.line(9_950, "app2", "started, variant=outbox").line(9_960, "app2", BEGINS);
    hand.every(10_000, 18_000, &[over(137), runs("app2"), lost(18_000, 3, 9_500, 9_990)]).quiet();
}

#[test]
fn rows_of_an_outbox_are_stuck_if_one_replica_was_there_for_all_the_time() {
    let (outbox, same) = ("started, variant=outbox", lost(15_000, 3, 1_000, 1_900));
    let looks = [runs("app1"), runs("app2"), same];
    let mut hand = started(outbox);
    hand.line(9_950, "app2", outbox).every(10_000, 12_000, &looks).line(12_010, "app2", outbox);
    assert_eq!(hand.every(12_100, 15_000, &looks).first(OVERDUE), Some(14_000));
    // Also if it is not their own.
    let mut hand = started(outbox);
    hand.line(9_950, "app2", outbox).line(9_960, "app1", BEGINS);
    assert_eq!(hand.every(10_000, 15_000, &looks).first(OVERDUE), Some(14_000));
}

#[test]
fn want_of_memory_of_a_child_is_not_the_end_of_the_service() {
    let mut hand = exited(BUSY);
    let off = ("app1".into(), machine(false, false, Some((0, true, 10_000))));
    assert_eq!(hand.every(10_000, 12_000, &[off, rows(10_001, &YOUNG)]).diagnoses(), [EXITED_BUSY]);
}
