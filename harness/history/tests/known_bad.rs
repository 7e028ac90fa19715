//! Histories that are known to be bad, by name, and what each checker says of them.

use std::time::Duration;

use reenact_history::{
    Action, History, Interval, Kind, Operation, Outcome, Verdict, causal, linearizable, monotonic_reads,
    read_your_writes, stale_reads,
};

const LIMIT: Duration = Duration::from_secs(60);

fn operation(client: u32, key: &str, action: Action, from: u64, to: u64) -> Operation {
    let (key, node, outcome) = (key.into(), format!("n{client}"), Outcome::Ok);
    Operation { client, node, key, action, from, to, outcome }
}

fn write(client: u32, value: u64, from: u64, to: u64) -> Operation {
    operation(client, "x", Action::Write(value), from, to)
}

fn read(client: u32, value: impl Into<Option<u64>>, from: u64, to: u64) -> Operation {
    operation(client, "x", Action::Read(value.into()), from, to)
}

fn swap(client: u32, expected: impl Into<Option<u64>>, new: u64, from: u64, to: u64) -> Operation {
    operation(client, "x", Action::Swap { expected: expected.into(), new }, from, to)
}

fn of(key: &str, operation: Operation) -> Operation {
    Operation { key: key.into(), ..operation }
}

fn ended(outcome: Outcome, operation: Operation) -> Operation {
    Operation { outcome, ..operation }
}

fn history(operations: &[Operation]) -> History {
    History::new(operations.to_vec()).expect("a history")
}

/// What each checker finds; `None`: the guarantee holds.
#[derive(Debug, PartialEq, Eq)]
struct Said {
    linearizable: Option<Kind>,
    causal: Option<Kind>,
    own_writes: Option<Kind>,
    monotonic: Option<Kind>,
    stale: usize,
}

const FINE: Said = Said { linearizable: None, causal: None, own_writes: None, monotonic: None, stale: 0 };

fn say(operations: &[Operation]) -> Said {
    let history = history(operations);
    let kind = |verdict: Verdict| match verdict {
        Verdict::Holds => None,
        Verdict::Violated(violations) => Some(violations[0].kind),
        Verdict::Unknown { why } => panic!("it must be told: {why}"),
    };
    Said {
        linearizable: kind(linearizable(&history, LIMIT)),
        causal: kind(causal(&history)),
        own_writes: kind(read_your_writes(&history)),
        monotonic: kind(monotonic_reads(&history)),
        stale: stale_reads(&history, None).len(),
    }
}

fn everywhere(kind: Kind) -> Said {
    Said { linearizable: Some(kind), causal: Some(kind), own_writes: Some(kind), monotonic: Some(kind), stale: 0 }
}

#[test]
fn a_stale_read() {
    let said = say(&[write(0, 1, 0, 1), write(0, 2, 2, 3), read(1, 1, 4, 5)]);
    assert_eq!(said, Said { linearizable: Some(Kind::Stale), stale: 1, ..FINE });
    let said = say(&[write(0, 1, 0, 1), read(1, None, 2, 3)]);
    assert_eq!(said, Said { linearizable: Some(Kind::Stale), stale: 1, ..FINE });
}

/// Nobody wrote meanwhile, and the second reader saw less than the first.
#[test]
fn a_read_that_goes_back_behind_anothers() {
    let said = say(&[write(0, 1, 0, 9), read(1, 1, 2, 3), read(2, None, 4, 5)]);
    assert_eq!(said, Said { linearizable: Some(Kind::Stale), ..FINE });
}

#[test]
fn a_non_monotonic_read() {
    let said = say(&[write(0, 1, 0, 1), write(0, 2, 2, 3), read(1, 2, 4, 5), read(1, 1, 6, 7)]);
    let causal = Some(Kind::NotCausal);
    let monotonic = Some(Kind::NotMonotonic);
    assert_eq!(said, Said { linearizable: Some(Kind::Stale), causal, monotonic, stale: 1, ..FINE });
}

#[test]
fn a_client_that_does_not_read_its_own_write() {
    let said = say(&[write(0, 1, 0, 1), write(0, 2, 2, 3), read(0, 1, 4, 5)]);
    let causal = Some(Kind::NotCausal);
    let own_writes = Some(Kind::NotOwnWrite);
    assert_eq!(said, Said { linearizable: Some(Kind::Stale), causal, own_writes, stale: 1, ..FINE });
}

/// Each half of a split serves what it was given: both readers are right, and no order is.
#[test]
fn a_split_brain_read() {
    let split =
        [write(0, 1, 0, 5), write(1, 2, 0, 5), read(0, 1, 6, 7), read(1, 2, 6, 7), read(0, 1, 8, 9), read(1, 2, 8, 9)];
    assert_eq!(say(&split), Said { linearizable: Some(Kind::SplitBrain), ..FINE });
}

#[test]
fn a_lost_update() {
    let operations = [write(0, 1, 0, 1), swap(1, 1, 2, 2, 5), swap(2, 1, 3, 2, 5), read(0, 3, 6, 7)];
    assert_eq!(say(&operations).linearizable, Some(Kind::NoOrder));
    let verdict = linearizable(&history(&operations), LIMIT);
    assert_eq!(verdict.violations()[0].operations, operations[..3], "the read explains nothing");
}

#[test]
fn a_swap_reads_what_it_overwrites() {
    assert_eq!(say(&[write(0, 1, 0, 1), swap(0, 1, 2, 2, 3), read(0, 2, 4, 5)]), FINE);
    let said = say(&[write(0, 1, 0, 1), swap(0, 1, 2, 2, 3), read(0, 1, 4, 5)]);
    assert_eq!((said.linearizable, said.causal), (Some(Kind::NoOrder), Some(Kind::NotCausal)));
}

/// What was read between does not let a client forget the newest that it has read.
#[test]
fn a_read_that_goes_back_by_a_detour() {
    let writes = [write(1, 1, 0, 3), write(2, 2, 2, 9), write(3, 3, 5, 9)];
    let reads = [read(0, 3, 10, 11), read(0, 2, 12, 13), read(0, 1, 14, 15)];
    assert_eq!(say(&[&writes[..], &reads].concat()).monotonic, Some(Kind::NotMonotonic));
}

#[test]
fn a_read_of_a_failed_write() {
    let failed = ended(Outcome::Failed, write(0, 1, 0, 1));
    assert_eq!(say(&[failed, read(1, 1, 2, 3)]), everywhere(Kind::OfFailedWrite));
}

#[test]
fn a_read_of_what_nobody_wrote() {
    assert_eq!(say(&[write(0, 1, 0, 1), read(1, 7, 2, 3)]), everywhere(Kind::NotWritten));
    assert_eq!(say(&[write(0, 1, 0, 1), of("y", read(1, 1, 2, 3))]), everywhere(Kind::NotWritten), "of another key");
}

#[test]
fn a_read_from_the_future() {
    let said = say(&[read(1, 1, 0, 1), write(0, 1, 2, 3)]);
    assert_eq!(said, Said { linearizable: Some(Kind::FromFuture), ..FINE }, "no other client can tell");
    let said = say(&[read(0, 1, 0, 1), write(0, 1, 2, 3)]);
    assert_eq!((said.linearizable, said.causal), (Some(Kind::FromFuture), Some(Kind::FromFuture)), "its own");
}

/// The answer is seen, and the question that it answers is not.
#[test]
fn an_effect_without_its_cause() {
    let operations = [
        write(0, 1, 0, 1),
        read(1, 1, 2, 3),
        of("y", write(1, 2, 4, 5)),
        of("y", read(2, 2, 6, 7)),
        read(2, None, 8, 9),
    ];
    let causal = Some(Kind::NotCausal);
    assert_eq!(say(&operations), Said { linearizable: Some(Kind::Stale), causal, stale: 1, ..FINE });
}

/// An unknown write may take effect after all else, and not be taken back then.
#[test]
fn an_unknown_write_is_allowed_once() {
    let unknown = || ended(Outcome::Unknown, write(0, 1, 0, 1));
    assert_eq!(say(&[unknown(), read(1, None, 5, 6), read(1, 1, 7, 8)]), FINE, "late");
    assert_eq!(say(&[unknown(), read(1, None, 5, 6)]), FINE, "never");
    assert_eq!(say(&[unknown(), read(0, None, 5, 6), read(0, 1, 7, 8)]), FINE, "its own client need not see it");
    let said = say(&[unknown(), read(1, 1, 5, 6), read(2, None, 7, 8)]);
    assert_eq!(said, Said { linearizable: Some(Kind::Stale), ..FINE });
    let said = say(&[unknown(), read(1, 1, 5, 6), write(2, 2, 7, 8), read(2, 1, 9, 10)]);
    assert_eq!(said.linearizable, Some(Kind::SplitBrain), "it cannot come again");
}

#[test]
fn what_ends_at_the_moment_of_another_begin_is_concurrent() {
    assert_eq!(say(&[write(0, 1, 0, 4), read(1, None, 4, 5)]), FINE);
}

#[test]
fn keys_do_not_meddle() {
    let operations = [write(0, 1, 0, 1), of("y", write(0, 1, 2, 3)), of("y", read(1, 1, 4, 5)), read(1, 1, 6, 7)];
    assert_eq!(say(&operations), FINE);
}

#[test]
fn only_reads_of_the_node_and_time_that_are_asked_for_are_stale() {
    let operations = [write(0, 1, 0, 1), read(1, None, 2, 3), read(2, None, 4, 5), read(1, None, 6, 7)];
    let stale = |node: &str, from, to| {
        let interval = Interval { node: node.into(), from, to };
        let stale = stale_reads(&history(&operations), Some(&[interval]));
        stale.into_iter().map(|stale| stale.read.from).collect::<Vec<_>>()
    };
    assert_eq!(stale("n1", 0, 9), [2, 6]);
    assert_eq!(stale("n1", 2, 5), [2]);
    assert_eq!(stale("n1", 3, 6), [6]);
    assert_eq!(stale("n2", 5, 9), [0; 0]);
    assert_eq!(stale_reads(&history(&operations), None)[1].missed, operations[0]);
}

#[test]
fn an_explanation_names_the_operations_and_why_no_order_gives_them() {
    let operations =
        [write(0, 1, 0, 1), write(0, 2, 2, 3), read(1, 2, 2, 3), write(2, 3, 0, 9), read(1, 1, 4, 5), read(3, 3, 2, 9)];
    let verdict = linearizable(&history(&operations), LIMIT);
    let [violation] = verdict.violations() else { panic!("one: {verdict:?}") };
    assert_eq!(
        violation.to_string(),
        "key \"x\": a stale read\n  \
         write 1 (client 0 at n0, 0 to 1 ms)\n  \
         write 2 (client 0 at n0, 2 to 3 ms)\n  \
         read 1 (client 1 at n1, 4 to 5 ms)\n  \
         1 comes before 2: \"write 1 (client 0 at n0, 0 to 1 ms)\" had ended before \"write 2 (client 0 at n0, 2 to 3 ms)\" \
         began\n  \
         2 comes before 1: \"write 2 (client 0 at n0, 2 to 3 ms)\" had ended before \"read 1 (client 1 at n1, 4 to 5 ms)\" \
         began\n  \
         both cannot be"
    );
}

/// There are 4096 sets of these writes, and half a thousand million orders of them.
#[test]
fn a_search_looks_at_sets_and_not_at_orders() {
    let mut operations: Vec<_> = (0..12).map(|client| write(client, u64::from(client.min(10)), 0, 90)).collect();
    operations.extend([read(0, 1, 91, 92), read(0, 2, 93, 94)]);
    let verdict = linearizable(&history(&operations), LIMIT);
    let told: Vec<_> = verdict.violations()[0].operations.iter().map(|operation| operation.action).collect();
    let expected = [Action::Write(1), Action::Write(2), Action::Read(Some(1)), Action::Read(Some(2))];
    assert_eq!(told, expected, "the other writes explain nothing");
}

/// Writes all at once, and two reads that no order gives: each set of writes would have to be
/// tried as the ones before the first read.
#[test]
fn what_cannot_be_told_in_time_is_unknown() {
    let mut operations: Vec<_> = (0..40).map(|client| write(client, u64::from(client.min(38)), 0, 90)).collect();
    operations.extend([read(0, 1, 91, 92), read(0, 2, 93, 94)]);
    let hard = history(&operations);
    for limit in [Duration::ZERO, Duration::from_millis(50)] {
        let Verdict::Unknown { why } = linearizable(&hard, limit) else { panic!("there was no time") };
        assert!(why.contains("the time ran out"), "{why}");
    }
    let twice = history(&[write(0, 1, 0, 1), write(0, 1, 2, 3)]);
    for verdict in [causal(&twice), read_your_writes(&twice), monotonic_reads(&twice)] {
        let Verdict::Unknown { why } = verdict else { panic!("whose write is read?") };
        assert!(why.contains("written twice"), "{why}");
    }
}

/// One key that cannot be told does not hide another's violation.
#[test]
fn a_violation_outweighs_what_cannot_be_told() {
    let operations = [of("a", swap(0, None, 1, 0, 1)), write(0, 1, 2, 3), read(1, None, 4, 5)];
    assert!(matches!(linearizable(&history(&operations[..1]), Duration::ZERO), Verdict::Unknown { .. }));
    assert_eq!(linearizable(&history(&operations), Duration::ZERO).violations().len(), 1);
}
