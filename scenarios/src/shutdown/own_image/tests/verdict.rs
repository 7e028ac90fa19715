//! Each pattern of a run has its verdict, and its meaning says no more than was looked at.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use reenact::{
    Result,
    campaign::Told,
    judge::Findings,
    probe::Moment,
    workload::{Ack, Entry},
};

use super::{
    super::{
        super::faults::Ended,
        verdict::{Seen, told},
    },
    GOOD, parse, queue,
};

/// The signal of the runs below.
const SIGNAL: Moment = Moment(10_000);

/// An update a second of each replica: those of `app1` have odd ids and end before the signal,
/// those of `app2` go on until two seconds after it. With a queue all are the database's.
fn entries(has_queue: bool) -> Vec<Entry> {
    let entry = |id: u64| {
        let node = if id % 2 == 1 { "app1" } else { "app2" };
        let (at, node) = (Moment(id * 500), if has_queue { "db" } else { node });
        Entry { id, client: 0, value: id, node: node.into(), from: at, to: at, ack: Ack::Ok }
    };
    (1..=19).chain([20, 22, 24]).map(entry).collect()
}

/// A run of that file that lost these.
fn seen(text: &str, lost: &[u64]) -> Seen {
    let file = parse(text).expect("good");
    let entries = entries(file.has_queue());
    let ended = Ended {
        in_flight: 0,
        exit_code: 0,
        signalled: SIGNAL,
        took: Duration::from_secs(1),
        time_left: Duration::from_secs(30),
    };
    let lost: BTreeSet<_> = lost.iter().copied().collect();
    let found = Findings { acknowledged: entries.len(), lost, ..Findings::default() };
    Seen {
        file: Box::leak(Box::new(file)),
        ended,
        signal: "SIGTERM".into(),
        pre_stop: None,
        oom_killed: false,
        waiting: 2,
        found,
        refused: HashMap::new(),
        entries,
    }
}

/// The same, with another end.
fn ends(seen: Seen, exit_code: i64, took: u64) -> Seen {
    let ended = Ended { exit_code, took: Duration::from_secs(took), ..seen.ended.clone() };
    Seen { ended, ..seen }
}

#[track_caller]
fn means(told: &Result<Told>, words: &[&str]) {
    let meaning = &told.as_ref().expect("told").meaning;
    let all = meaning.join("\n");
    assert_eq!(meaning.len(), words.len(), "{all}");
    for word in words {
        assert!(all.contains(word), "no {word:?} in: {all}");
    }
}

#[track_caller]
fn line(told: &Result<Told>, what: &str) -> String {
    let lines = &told.as_ref().expect("told").lines;
    lines.iter().find(|(known, _)| *known == what).unwrap_or_else(|| panic!("no {what}")).1.clone()
}

#[test]
fn each_pattern_of_a_loss_has_its_meaning() {
    let lost = told(&seen(GOOD, &[17, 19]));
    means(&lost, &["lost after the answer"]);
    assert_eq!(lost.as_ref().expect("told").broken.as_deref(), Some("2 of 22 acknowledged updates are LOST"));
    assert!(line(&lost, "lost when").contains("1.50 s before to 0.50 s before"), "{}", line(&lost, "lost when"));

    means(&told(&ends(seen(GOOD, &[19]), 137, 30)), &["before the drain ended"]);
    means(&told(&ends(seen(GOOD, &[]), 137, 30)), &["All 2 updates", "overrun"]);
    let kill = GOOD.replace("[stop]", "[stop]\nsignal = \"KILL\"");
    means(&told(&ends(seen(&kill, &[19]), 137, 0)), &["Killed with no warning"]);
}

#[test]
fn the_signal_is_named_that_was_sent() {
    let quit = |seen: Seen| told(&Seen { signal: "SIGQUIT".into(), ..seen });
    let ended = quit(seen(GOOD, &[]));
    assert_eq!(line(&ended, "end"), "exit code 0, 1.00 s after SIGQUIT; it had 30 s");
    let overran = quit(ends(seen(GOOD, &[19]), 137, 30));
    assert!(line(&overran, "end").contains("30.00 s after SIGQUIT"), "{}", line(&overran, "end"));
    means(&overran, &["never got SIGQUIT"]);
}

#[test]
fn a_pre_stop_hook_takes_of_the_grace_and_is_told() {
    let hooked = ends(seen(GOOD, &[19]), 137, 10);
    let ended = Ended { time_left: Duration::from_secs(10), ..hooked.ended.clone() };
    let hooked = told(&Seen { ended, pre_stop: Some("exit code 1 after 20.00 s".into()), ..hooked });
    assert_eq!(line(&hooked, "preStop"), "exit code 1 after 20.00 s");
    means(&hooked, &["before the drain ended"]);
}

/// A service that stops may answer as ever and mean no: its body tells.
#[test]
fn losses_of_after_the_signal_only_are_perhaps_no_promises() {
    let mut late = seen(GOOD, &[17, 19]);
    late.ended.signalled = Moment(8_000);
    means(&told(&late), &["lost after the answer"]);
    means(&told(&late), &["All of them were acknowledged after SIGTERM"]);
    late.ended.signalled = Moment(9_000);
    let meaning = told(&late).expect("told").meaning.join("\n");
    assert!(!meaning.contains("All of them"), "{meaning}");
    let read = GOOD.replace("[request]", "[request]\nanswer.absent = [\"/errors\"]");
    let mut late = seen(&read, &[17, 19]);
    late.ended.signalled = Moment(8_000);
    let meaning = told(&late).expect("told").meaning.join("\n");
    assert!(!meaning.contains("All of them"), "{meaning}");
}

/// The deleted replica may have had them, and nobody looked. Just before its end they lie as
/// its losses do.
#[test]
fn a_loss_of_the_other_replica_is_not_acquitted() {
    let shared = told(&seen(GOOD, &[16, 18, 17]));
    means(&shared, &["lost after the answer", "nobody looked"]);
    let all = shared.expect("told").meaning.join("\n");
    assert!(all.contains("none of the 7 before them is lost, and none of the 1 after the end of app1"), "{all}");
    means(&told(&seen(GOOD, &[2, 10, 18])), &["0 before them that are not lost"]);
    let later_too = told(&seen(GOOD, &[18, 24])).expect("told").meaning.join("\n");
    assert!(later_too.contains("1 of 1 after the end of app1") && later_too.contains("do not lie so"), "{later_too}");
    // While it still ran, and once it was gone.
    means(&told(&seen(GOOD, &[20, 22])), &["nobody looked"]);
    means(&told(&seen(GOOD, &[24])), &["its end did not take them"]);
    means(&told(&seen(GOOD, &[18, 24])), &["nobody looked", "its end did not take them"]);
}

#[test]
fn what_a_queue_lost_is_not_laid_on_anybody_unseen() {
    let text = queue("sql = \"INSERT INTO jobs VALUES ({id})\"");
    let lost = told(&seen(&text, &[17, 18, 19]));
    means(&lost, &["Whether it had taken them, or the queue still holds them, nobody looked"]);
    means(&lost, &["none of the 16 before them is lost"]);
    means(&lost, &["app1 ended by itself, within its grace"]);
    assert!(line(&lost, "acknowledged").contains("accepted by the queue"));
    assert!(line(&lost, "lost when").contains("1.50 s before"));
    means(&told(&ends(seen(&text, &[19]), 137, 30)), &["app1 was killed when the grace was over"]);
    means(&told(&seen(&text, &[24])), &["its end did not take them"]);
    means(&told(&seen(&text, &[])), &["how many of them it had taken by then nobody looked"]);
    let idle = told(&Seen { waiting: 0, ..seen(&text, &[]) }).expect_err("nothing is proved");
    assert!(idle.to_string().contains("each update that the queue had acknowledged"), "{idle}");
}

#[test]
fn who_was_told_no_was_promised_nothing() {
    let mut some = seen(GOOD, &[]);
    some.found.unknown = 3;
    some.refused = HashMap::from([(30, false), (31, true)]);
    let told = told(&some);
    assert!(line(&told, "unknown").starts_with("1 without a whole answer"));
    assert!(line(&told, "refused").starts_with("2 got another answer"));
    assert!(line(&told, "refused").ends_with("1 of them took effect all the same"));
    let figures: HashMap<_, _> = told.expect("told").figures.into_iter().collect();
    assert_eq!((figures["unknown"], figures["refused"]), (1.0, 2.0));
}

#[test]
fn no_loss_is_told_only_where_there_could_be_one() {
    let held = told(&Seen { waiting: 3, ..seen(GOOD, &[]) });
    means(&held, &["All 3 updates"]);
    assert_eq!(held.expect("told").broken, None);
    let nothing_waited = told(&Seen { waiting: 0, ..seen(GOOD, &[]) }).expect_err("nothing is proved");
    assert!(nothing_waited.exit_code() == 4 && nothing_waited.to_string().contains("before_answer"));
    let expected = GOOD.replace("[effects]", "[effects]\nbefore_answer = true");
    assert_eq!(told(&Seen { waiting: 0, ..seen(&expected, &[]) }).expect("told").broken, None);
    let all: Vec<u64> = (1..=19).chain([20, 22, 24]).collect();
    assert_eq!(told(&seen(GOOD, &all)).expect_err("the count may be wrong").exit_code(), 4);
}
