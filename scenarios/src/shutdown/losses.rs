//! What is lost, counted and foretold from what the clients were told.

use std::time::Duration;

use reenact::{
    judge::Contents,
    probe::Moment,
    workload::{Ack, Entry},
};

use super::{client, stories::LEAVER};

/// The loss that is foretold may differ from the one that is found by this share and
/// these many requests: the signal falls between an acknowledgement and its work, and
/// the gauges are read just before it.
const TOLERANCE: f64 = 0.35;
const SLACK: f64 = 8.0;

/// Requests that were acknowledged, and those of them that are without their effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Losses {
    pub(super) acknowledged: usize,
    pub(super) lost: usize,
}

impl Losses {
    /// Of these requests, where these were done. One that nobody acknowledged is no loss.
    pub(super) fn of(entries: &[Entry], done: &Contents) -> Self {
        let acknowledged: Vec<_> = entries.iter().filter(|entry| entry.ack == Ack::Ok).collect();
        let lost = acknowledged.iter().filter(|entry| !done.contains_key(&entry.id)).count();
        Self { acknowledged: acknowledged.len(), lost }
    }

    /// Whether these may be the losses that were foretold.
    pub(super) fn are_near(self, foretold: usize) -> bool {
        (foretold as f64 - self.lost as f64).abs() <= foretold as f64 * TOLERANCE + SLACK
    }
}

/// A request that the replica acknowledged which went.
pub(super) fn of_leaver(entry: &Entry) -> bool {
    entry.ack == Ack::Ok && entry.node == LEAVER
}

/// The harness's own oracle, where each work has a task of its own: what is lost are the
/// orders that `app1` acknowledged in the last `work` before the signal, that is, the
/// rate times the work's time.
pub(super) fn foretold(entries: &[Entry], signalled: Moment, work: Duration) -> usize {
    let from = Moment(signalled.0.saturating_sub(work.as_millis() as u64));
    let owed = |entry: &&Entry| of_leaver(entry) && entry.to >= from && client::kind(entry.id) == "order";
    entries.iter().filter(owed).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: u64, node: &str, to: u64, ack: Ack) -> Entry {
        Entry { id, client: 0, value: id, node: node.into(), from: Moment(to), to: Moment(to), ack }
    }

    fn unclear() -> [Ack; 2] {
        let why = || "no answer".to_owned();
        [Ack::Failed { why: why() }, Ack::Unknown { why: why() }]
    }

    #[test]
    fn only_what_was_acknowledged_can_be_lost() {
        let [failed, unknown] = unclear();
        let acks = [Ack::Ok, failed, unknown, Ack::Ok];
        let entries: Vec<_> = (1..).zip(acks).map(|(id, ack)| entry(id, "app1", 0, ack)).collect();
        let none = Contents::default();
        assert_eq!(Losses::of(&entries, &none), Losses { acknowledged: 2, lost: 2 });
        let done = Contents::from([(1, 1), (2, 2), (3, 3)]);
        assert_eq!(Losses::of(&entries, &done), Losses { acknowledged: 2, lost: 1 });
    }

    #[test]
    fn the_orders_of_the_last_work_time_are_foretold() {
        let [failed, unknown] = unclear();
        let owed = [entry(1, "app1", 9_000, Ack::Ok), entry(2, "app1", 10_100, Ack::Ok)];
        let others = [
            entry(3, "app1", 9_500, Ack::Ok),
            entry(4, "app2", 9_500, Ack::Ok),
            entry(5, "app1", 8_999, Ack::Ok),
            entry(6, "app1", 9_500, failed),
            entry(7, "app1", 9_500, Ack::Ok),
            entry(8, "app1", 9_500, unknown),
        ];
        let all = [&owed[..], &others].concat();
        assert_eq!(foretold(&all, Moment(10_000), Duration::from_secs(1)), 2);
        assert_eq!(foretold(&others, Moment(10_000), Duration::from_secs(1)), 0);
    }

    #[test]
    fn a_loss_may_be_a_third_and_a_few_off() {
        let near = |lost| Losses { acknowledged: 500, lost }.are_near(100);
        assert!(near(57) && near(100) && near(143));
        assert!(!near(56) && !near(144));
        assert!(Losses { acknowledged: 9, lost: 8 }.are_near(0) && !Losses { acknowledged: 9, lost: 9 }.are_near(0));
    }
}
